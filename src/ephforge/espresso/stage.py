"""Stage espresso, last step: the files of all runs become one checked model of the material."""

import hashlib
import logging
import time
from pathlib import Path

import numpy as np

from ephforge.core.netcdf import Variable, write
from ephforge.core.realspace import Model
from ephforge.espresso import outputs
from ephforge.espresso.checks import (
    KohnSham,
    against_bands,
    against_epw,
    against_softness,
    against_spread,
)
from ephforge.firstprinciples.epw import read_epw
from ephforge.firstprinciples.reference import read_printed
from ephforge.firstprinciples.storage import stored_variables

log = logging.getLogger(__name__)

METHOD = {
    "method": "density functional perturbation theory, Wannier interpolation, use_ws = .true.",
    "functional": "LDA (Perdew-Zunger), no spin-orbit",
    "precision": "H and Phi double, g rounded to multiples of g_step",
    "acoustic_sum_rule": "imposed on Phi by EPW on the coarse mesh",
}


def run(
    run: str,
    check: str,
    bands: str,
    dyn: list[str],
    logs: list[str],
    upf: list[str],
    model: str,
    material: str,
    points: list,
    species: list[str],
    options: dict,
    provenance: dict,
) -> None:
    """Read the runs of one material, check them against each other, write a file of kind "model".

    Args:
      run: folder that the wannier step kept. check: output of the check step.
      bands: data-file-schema.xml of the bands step. dyn: dynamical matrices of all irreducible q.
      logs: outputs of scf, nscf, wannier and all phonon jobs. upf: pseudopotentials.
      points: k and q of the check. options: the material's entry in the table.

    Raises:
      EphforgeError: a file is damaged, or numbers that must agree do not.
    """
    start = time.perf_counter()
    meshes = tuple(options["k_mesh"]), tuple(options["q_mesh"])
    found = read_epw(run, material, species, *meshes, use_ws=True, polar=options["polar"])
    k, q = (np.array(p) for p in points)
    reference = read_printed(check, q, k)
    kohn_sham = _kohn_sham(found, bands, dyn)
    checks = against_epw(found, reference)
    checks |= against_bands(found, kohn_sham, options)
    checks |= against_softness(found, options)
    checks |= against_spread(material, _named(logs, "wannier"), options)
    checks["imaginary_hopping_ev"] = float(np.abs(found.hopping.energy.imag).max())
    variables, attributes = stored_variables(found, reference, meshes)
    variables |= _kohn_sham_variables(kohn_sham)
    attributes |= provenance | {
        "run_input": {"name": material, **options},
        "source": METHOD
        | {"codes": sorted({outputs.version(Path(p)) for p in [*logs, check]})}
        | {"pseudopotentials": _fingerprints(upf, options["pseudopotentials"])},
        "checks": checks,
        "run_seconds": _seconds(logs, check),
        "dft_band_first": options["wannier"]["excluded"],
        "wall_seconds": time.perf_counter() - start,
    }
    write(model, "model", variables, attributes)
    log.info("%s: %s", material, checks)


def _kohn_sham(model: Model, bands: str, dyn: list[str]) -> KohnSham:
    """Points are turned from Cartesian, 2 pi / alat, into fractional ones."""
    unit = model.crystal.cell / np.linalg.norm(model.crystal.cell[0])
    k, energies = outputs.read_bands(bands)
    stars = [outputs.dynamical_frequencies(Path(path)) for path in dyn]
    q = np.array([star.q for star in stars])
    return KohnSham(k @ unit.T, energies, q @ unit.T, np.array([star.omega for star in stars]))


def _kohn_sham_variables(kohn_sham: KohnSham) -> dict[str, Variable]:
    k, q = "dft_k", "dft_q"
    return {
        "dft_k": Variable(kohn_sham.k, (k, "vector"), "1", "k of Kohn-Sham bands, fractional"),
        "dft_bands": Variable(kohn_sham.bands, (k, "dft_band"), "eV", "Kohn-Sham bands"),
        "dft_q": Variable(kohn_sham.q, (q, "vector"), "1", "q of DFPT, fractional"),
        "dft_omega": Variable(
            kohn_sham.omega, (q, "dft_mode"), "meV", "DFPT phonon energies, no sum rule"
        ),
    }


def _fingerprints(upf: list[str], given: dict) -> dict[str, dict]:
    return {
        Path(path).stem: {
            "file": given[Path(path).stem]["file"],
            "sha256": hashlib.sha256(Path(path).read_bytes()).hexdigest(),
        }
        for path in upf
    }


def _seconds(logs: list[str], check: str) -> dict[str, dict[str, float]]:
    """CPU and wall seconds by step, summed over the phonon jobs; one core unless launched so."""
    found: dict[str, dict[str, float]] = {"cpu": {}, "wall": {}}
    for path in [Path(check), *map(Path, logs)]:
        step = path.stem.split("-")[0]
        for kind, value in zip(found, outputs.seconds(path), strict=True):
            found[kind][step] = found[kind].get(step, 0.0) + value
    return found


def _named(logs: list[str], step: str) -> Path:
    return next(Path(path) for path in logs if Path(path).stem == step)
