"""What the dataset holds, in numbers: counts by every label, verdicts, splits, moments."""

from collections import Counter
from typing import Any

import numpy as np

from ephforge.dataset.families import ASIDE, SPLITS
from ephforge.dataset.index import FLAGS

COUNTED = {  # entry of the card -> label
    "prototypes": "prototype",
    "systems": "system",
    "potentials": "potential",
    "bases": "basis",
    "variants": "variant",
    "kinds": "kind",
    "families": "family",
}
MOMENTS = {  # meaning and unit; quantiles over accepted materials
    "coupling_rms": ("root mean square of |g| over channels and pairs", "meV"),
    "highest_phonon": ("highest phonon energy on the mesh", "meV"),
    "window": ("highest minus lowest band energy of the window", "eV"),
    "asymmetry": ("||g - g_orbit|| / ||g||, what orbits leave out", "1"),
    "modes": ("phonon modes", "1"),
    "bands": ("bands of the window", "1"),
    "orbits": ("symmetry orbits of (k, q)", "1"),
}
QUANTILES = (0.0, 0.05, 0.5, 0.95, 1.0)


def counts(rows: list[dict[str, Any]], split: dict[str, str]) -> dict[str, Any]:
    """Counts of the card.

    Args:
      rows: `row_of` every material, rejected ones included.
      split: name of an accepted material -> its split.
    """
    accepted = [row for row in rows if row["status"] == "accepted"]
    rejected = [row for row in rows if row["status"] != "accepted"]
    tables = {entry: _count(accepted, label) for entry, label in COUNTED.items()}
    flags = {flag: sum(bool(row.get(flag)) for row in accepted) for flag in FLAGS}
    return {
        "drawn": len(rows),
        "accepted": len(accepted),
        "rejected": _count(rejected, "reason"),
        "rejected_prototypes": _count(rejected, "prototype"),
        **tables,
        **flags,
        "stabilised": {name or "no": n for name, n in _count(accepted, "stabilised").items()},
        "pairs": _verdicts(rows, lambda row: f"{row['prototype']}/{row['potential']}"),
        "drawn_systems": _verdicts(rows, lambda row: row.get("system", "")),
        "drawn_variants": _verdicts(rows, lambda row: row.get("variant", "")),
        "splits": _splits(accepted, split),
        "matrices": sum(row["bands"] ** 2 * row["modes"] for row in accepted),
        "stored_numbers": sum(row["bands"] ** 2 * row["modes"] * row["orbits"] for row in accepted),
        "full_numbers": sum(row["bands"] ** 2 * row["modes"] * row["pairs"] for row in accepted),
        "moments": {name: _quantiles([row[name] for row in accepted]) for name in MOMENTS},
    }


def _count(rows: list[dict], label: str) -> dict[str, int]:
    return dict(sorted(Counter(str(row.get(label, "")) for row in rows).items()))


def _verdicts(rows: list[dict], key) -> dict[str, dict]:
    """Drawn and accepted, and the reasons of the others, of each group of materials."""
    found: dict[str, dict] = {}
    for row in rows:
        group = found.setdefault(key(row), {"drawn": 0, "accepted": 0, "rejected": {}})
        group["drawn"] += 1
        if row["status"] == "accepted":
            group["accepted"] += 1
        else:
            group["rejected"][row["reason"]] = group["rejected"].get(row["reason"], 0) + 1
    return dict(sorted(found.items()))


def _splits(accepted: list[dict], split: dict[str, str]) -> dict[str, dict]:
    members: dict[str, Counter] = {part: Counter() for part in (*SPLITS, ASIDE)}
    for row in accepted:
        members[split[row["name"]]][row["family"]] += 1
    return {
        part: {"materials": found.total(), "families": sorted(found)}
        for part, found in members.items()
    }


def _quantiles(values: list) -> list[float] | None:
    known = np.array([value for value in values if np.isfinite(value)])
    return np.quantile(known, QUANTILES).tolist() if known.size else None


def earlier(shards: list[dict]) -> dict[str, dict]:
    """Of the two stages before: wall time, summed over shards that may run side by side, and
    the distinct options, code and machines that made the shards (one of each unless mixed);
    shards of earlier versions say nothing of machines.
    """
    return {
        stage: {
            "wall_seconds": sum(found[f"{prefix}wall_seconds"] for found in shards),
            "options": _distinct([found[f"{prefix}options"] for found in shards]),
            "code": _distinct([found[f"{prefix}code"] for found in shards]),
            "machine": _distinct(
                [found[f"{prefix}machine"] for found in shards if f"{prefix}machine" in found]
            ),
        }
        for stage, prefix in (("lattice", "lattice_"), ("coupling", ""))
    }


def versions_of(shards: list[dict]) -> list[dict]:
    """The distinct sets of package versions that made the shards."""
    return _distinct([found["versions"] for found in shards])


def _distinct(values: list) -> list:
    found = []
    for value in values:
        if value not in found:
            found.append(value)
    return found
