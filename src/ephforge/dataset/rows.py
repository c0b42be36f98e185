"""One line for each material of a shard: labels, verdict, sizes and a few moments; no arrays."""

from typing import Any

import numpy as np

from ephforge.core.blocks import read_block
from ephforge.core.netcdf import Contents, fingerprint
from ephforge.dataset.index import FLAGS, NUMBERS, TEXTS

VERDICT = ("status", "reason")


def row_of(name: str, contents: Contents) -> dict[str, Any]:
    """Facts of one material; sizes, moments and fingerprint of accepted ones only.

    Facts that a shard does not state are left out, but for two that follow from others: a
    material is polar if it has a dipole part, three-centre if its basis is called so.
    """
    found = contents.attributes
    row = {key: found[key] for key in (*TEXTS, *FLAGS, *NUMBERS, *VERDICT) if key in found}
    row |= {
        "name": name,
        "polar": bool(found.get("polar", "long_range" in found)),
        "three_centre": bool(found.get("three_centre", found.get("basis") == "three-centre")),
    }
    return row | _measured(contents) if found["status"] == "accepted" else row


def _measured(contents: Contents) -> dict[str, Any]:
    block = read_block(contents)
    bands, _, modes, orbits = block.g.shape
    share_o = block.orbits.size_o / block.orbits.size_o.sum()
    return {
        "bands": bands,
        "modes": modes,
        "orbits": orbits,
        "pairs": block.orbits.orbit_kq.size,
        "coupling_rms": float(np.sqrt(np.mean(block.g.astype(float) ** 2 @ share_o))),
        "highest_phonon": 1e3 * float(block.frequencies.max()),
        "window": float(np.ptp(block.energies)),
        "asymmetry": float(contents.attributes.get("asymmetry", "nan")),
        "fingerprint": fingerprint(contents),
    }
