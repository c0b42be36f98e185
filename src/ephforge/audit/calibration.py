"""What must hold in the calibration of an autoencoder: shapes that fit, weights, order."""

from collections.abc import Iterator

import numpy as np

from ephforge.core.netcdf import Contents

_PROBE = "probe_"
_ARRAYS = {
    "cloud": ("mean", "place", "whitening"),
    "novelty": ("score", "score_weight"),
    "refinement": ("above", "above_weight", "below", "below_weight", "mean", "slope"),
    _PROBE: ("bias", "mean", "weight"),
}
_ATTRIBUTES = {
    "cloud": {"names": list, "families": list},
    "novelty": {},
    "refinement": {"offset": float},
    _PROBE: {"classes": list, "accuracy": float},
}


def calibration_faults(contents: Contents) -> Iterator[str]:
    """One line for each fault of the meshes and of each group; whether numbers are finite is
    not asked here."""
    yield from _mesh_faults(contents.attributes.get("q_meshes"))
    for name in ("cloud", "novelty"):
        if name not in contents.groups:
            yield f"{name}: missing"
    features = (
        contents.groups["cloud"].variables.get("mean") if "cloud" in contents.groups else None
    )
    for name, group in sorted(contents.groups.items()):
        for fault in _group_faults(name, group, features):
            yield f"{name}: {fault}"


def _mesh_faults(meshes) -> Iterator[str]:
    found = meshes if isinstance(meshes, dict) else {}
    coarse, fine = found.get("coarse", ()), found.get("fine", ())
    fits = len(coarse) == len(fine) == 3 and all(
        c > 0 and f % c == 0 for c, f in zip(coarse, fine, strict=True)
    )
    if not fits:
        yield f"attribute q_meshes: {meshes!r}, expected a coarse mesh that divides a fine one"


def _group_faults(name: str, group: Contents, features: np.ndarray | None) -> Iterator[str]:
    kind = _PROBE if name.startswith(_PROBE) else name
    if kind not in _ARRAYS:
        yield "not a group of this kind of file"
        return
    faults = [f"{array}: missing" for array in _ARRAYS[kind] if array not in group.variables]
    others = sorted(group.variables.keys() - set(_ARRAYS[kind]))
    faults += [f"{array}: not an array of this group" for array in others]
    for attribute, wanted in _ATTRIBUTES[kind].items():
        if not isinstance(group.attributes.get(attribute), wanted):
            faults.append(f"attribute {attribute}: expected {wanted.__name__}")
    yield from faults
    if not faults:
        yield from _CHECKS[kind](group, features)


def _cloud_faults(group: Contents, features: np.ndarray | None) -> Iterator[str]:
    mean, place, whitening = (group.variables[name] for name in _ARRAYS["cloud"])
    if place.ndim != 2 or whitening.shape != (len(mean), place.shape[1]):
        yield f"whitening: shape {whitening.shape}, expected features and components of the others"
    for name in ("names", "families"):
        if len(group.attributes[name]) != len(place):
            yield f"attribute {name}: {len(group.attributes[name])}, expected {len(place)}"


def _probe_faults(group: Contents, features: np.ndarray | None) -> Iterator[str]:
    shape = (len(group.attributes["classes"]), len(group.variables["mean"]))
    if group.variables["weight"].shape != shape:
        yield f"weight: shape {group.variables['weight'].shape}, expected {shape}"
    if group.variables["bias"].shape != shape[:1]:
        yield f"bias: shape {group.variables['bias'].shape}, expected {shape[:1]}"
    if features is not None and len(features) != shape[1]:
        yield f"mean: {shape[1]} features, expected the {len(features)} of the cloud"
    accuracy = group.attributes["accuracy"]
    if not (np.isnan(accuracy) or 0 <= accuracy <= 1):
        yield f"attribute accuracy: {accuracy:g}, expected 0 to 1"


def _refinement_faults(group: Contents, features: np.ndarray | None) -> Iterator[str]:
    mean, slope = group.variables["mean"], group.variables["slope"]
    if mean.shape != slope.shape:
        yield f"slope: shape {slope.shape}, expected {mean.shape}"
    for name in ("above", "below"):
        yield from _score_faults(name, group)


def _novelty_faults(group: Contents, features: np.ndarray | None) -> Iterator[str]:
    yield from _score_faults("score", group)


def _score_faults(name: str, group: Contents) -> Iterator[str]:
    """Scores ascend; weights are those of F families, F / (F + 1) together."""
    score, weight = group.variables[name], group.variables[f"{name}_weight"]
    if score.shape != weight.shape:
        yield f"{name}_weight: shape {weight.shape}, expected {score.shape}"
        return
    if np.any(np.diff(score) < 0):
        yield f"{name}: not in rising order"
    total = weight.sum()
    families = total / (1 - total) if total < 1 else np.inf
    if np.any(weight < 0) or not np.isclose(families, np.rint(families), rtol=1e-6):
        yield f"{name}_weight: sum {total:.6g}, expected F / (F + 1) of F families"


_CHECKS = {
    "cloud": _cloud_faults,
    "novelty": _novelty_faults,
    "refinement": _refinement_faults,
    _PROBE: _probe_faults,
}
