"""A calibration as it stands in a file beside the autoencoder."""

from pathlib import Path

import numpy as np

from ephforge.core.errors import EphforgeError
from ephforge.core.netcdf import Contents, Variable, read
from ephforge.trust.calibration import Calibration
from ephforge.trust.cloud import Cloud
from ephforge.trust.conformal import Regression, Scores
from ephforge.trust.linear_probe import LinearProbe

KIND = "calibration"
_PROBE = "probe_"


def calibration_groups(found: Calibration) -> tuple[dict, dict]:
    """Attributes and groups of the file."""
    cloud = found.cloud
    groups = {
        "cloud": _group(
            {"mean": cloud.mean_f, "whitening": cloud.whitening_fj, "place": cloud.place_ij},
            {"names": cloud.names, "families": cloud.families},
        ),
        "novelty": _group(_scores("score", found.novelty), {}),
    }
    for label, probe in found.probes.items():
        arrays = {"mean": probe.mean_f, "weight": probe.weight_cf, "bias": probe.bias_c}
        about = {"classes": probe.classes, "accuracy": probe.accuracy}
        groups[_PROBE + label] = _group(arrays, about)
    if found.refinement is not None:
        fit = found.refinement
        arrays = {"mean": fit.mean_f, "slope": fit.slope_f}
        arrays |= _scores("above", fit.above) | _scores("below", fit.below)
        groups["refinement"] = _group(arrays, {"offset": fit.offset})
    meshes = {"coarse": list(found.q_meshes[0]), "fine": list(found.q_meshes[1])}
    return {"autoencoder": found.autoencoder, "q_meshes": meshes}, groups


def load_calibration(path: str | Path, autoencoder: str) -> Calibration:
    """Read a calibration.

    Args:
      autoencoder: fingerprint of the file that is used.

    Raises:
      EphforgeError: absent, damaged, or of another autoencoder.
    """
    contents = read(path, KIND)
    own = contents.attributes["autoencoder"]
    if own != autoencoder:
        raise EphforgeError(
            f"{path}: calibrated for autoencoder {own}, expected {autoencoder}; make it again with "
            "ephforge calibrate"
        )
    return _calibration(contents)


def _calibration(contents: Contents) -> Calibration:
    groups, attributes = contents.groups, contents.attributes
    cloud = groups["cloud"]
    probes = {
        name.removeprefix(_PROBE): LinearProbe(
            group.attributes["classes"],
            group.variables["mean"],
            group.variables["weight"],
            group.variables["bias"],
            float(group.attributes["accuracy"]),
        )
        for name, group in groups.items()
        if name.startswith(_PROBE)
    }
    meshes = attributes["q_meshes"]
    return Calibration(
        attributes["autoencoder"],
        Cloud(
            *(cloud.variables[name] for name in ("mean", "whitening", "place")),
            cloud.attributes["names"],
            cloud.attributes["families"],
        ),
        _read_scores("score", groups["novelty"]),
        probes,
        (tuple(meshes["coarse"]), tuple(meshes["fine"])),
        _refinement(groups["refinement"]) if "refinement" in groups else None,
    )


def _refinement(group: Contents) -> Regression:
    return Regression(
        group.variables["mean"],
        group.variables["slope"],
        float(group.attributes["offset"]),
        _read_scores("above", group),
        _read_scores("below", group),
    )


def _scores(name: str, found: Scores) -> dict[str, np.ndarray]:
    return {name: found.score_i, f"{name}_weight": found.weight_i}


def _read_scores(name: str, group: Contents) -> Scores:
    return Scores(group.variables[name], group.variables[f"{name}_weight"])


def _group(arrays: dict[str, np.ndarray], attributes: dict) -> tuple[dict, dict]:
    variables = {
        name: Variable(data, tuple(f"{name}_{i}" for i in range(data.ndim)), "1", "calibration")
        for name, data in arrays.items()
    }
    return variables, attributes
