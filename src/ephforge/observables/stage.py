"""Stage observables: physics checks of one real material as a JSON record and a picture.

Dispersions beside the first-principles points that the model file carries; the limits of the
coupling at small q; for the metals of `observables.metals`, lambda, alpha2F and T_c over a
series of meshes and broadenings.
"""

import logging
import time
from pathlib import Path

import numpy as np
from jaxtyping import Float

from ephforge.core.devices import settle
from ephforge.core.errors import EphforgeError
from ephforge.core.netcdf import Contents, read
from ephforge.core.realspace import Model, WannierCoupling, read_model
from ephforge.core.records import write_record
from ephforge.core.units import MEV
from ephforge.observables import eliashberg, figures, limits, paths
from ephforge.observables.fermi import FermiLevel, fermi_level

log = logging.getLogger(__name__)

_SMALL_Q = np.geomspace(1e-3, 0.2, 24)  # 1/angstrom
_SPECTRUM_POINTS = 400


def run(model: str, record: str, figure: str, options: dict, provenance: dict) -> None:
    """Read a file of kind "model", write its checks.

    Args:
      model, record, figure: paths of the input and of the two outputs.
      options: the section `observables` of the configuration.
      provenance: stage, options and code of the caller, kept in the record.

    Raises:
      EphforgeError: the model file is absent, damaged or incomplete, or the options say of it
        what cannot be (fermi.py, eliashberg.py), or a GPU was asked for in vain.
    """
    settle()
    start = time.perf_counter()
    contents = read(model, "model")
    material = _model(model, contents)
    metal, fermi, drawn_metal = None, None, None
    given = options["metals"].get(material.name)
    if given is not None:
        mesh = tuple(options["density_mesh"])
        fermi = fermi_level(material.hopping, given["electrons"], mesh)
        metal, drawn_metal = _metal(material, fermi, given["literature"], options)
    small_q = limits.small_q(material, _SMALL_Q)
    polar, drawn_polar = _polar(material, small_q)
    path = paths.standard_path(material.crystal.cell, options["path_points"])
    bands, drawn_bands = _bands(material, path, contents, fermi)
    phonons, drawn_phonons = _phonons(material, path, contents)
    window = tuple(options["acoustic_window"])
    picture = figures.Picture(
        material.name,
        drawn_bands,
        fermi is not None,
        drawn_phonons,
        small_q,
        window,
        drawn_polar,
        drawn_metal,
    )
    figures.draw(picture, figure)
    values = {
        "name": material.name,
        "bands": bands,
        "phonons": phonons,
        "acoustic_exponents": _by_direction(limits.acoustic_exponents(small_q, window)),
        "translation_ev_per_angstrom": limits.translation(material)._asdict(),
        "polar": polar,
        "metal": metal,
    }
    write_record(record, values | provenance | {"wall_seconds": time.perf_counter() - start})
    log.info("%s: written to %s", material.name, Path(record).name)


def _model(path: str, contents: Contents) -> Model:
    try:
        material = read_model(contents)
    except KeyError as error:
        raise EphforgeError(
            f"{path}: model file without {error}; make it again (docs/first_principles.md)"
        ) from None
    if not isinstance(material.coupling, WannierCoupling):
        raise EphforgeError(
            f"{path}: two-centre model, expected couplings in a Wannier basis; "
            "make it from the files of an EPW run (docs/first_principles.md)"
        )
    return material


def _by_direction(values: dict[str, Float[np.ndarray, " d"]]) -> dict[str, dict[str, float]]:
    return {
        direction: {name: float(value_d[d]) for name, value_d in values.items()}
        for d, direction in enumerate(limits.DIRECTIONS)
    }


def _bands(material: Model, path: paths.Path, contents: Contents, fermi: FermiLevel | None):
    """Record and drawing of the bands; deviations are taken at the first-principles points."""
    zero = 0.0 if fermi is None else fermi.energy
    line_kn = paths.bands(material, path.point_k3)
    count = line_kn.shape[1]
    found, first = contents.variables, contents.attributes.get("dft_band_first", 0)
    point_k3 = found.get("dft_k", np.zeros((0, 3)))
    energy_jn = found.get("dft_bands", np.zeros((0, first + count)))[:, first : first + count]
    record = {"lowest_ev": float(line_kn.min()), "highest_ev": float(line_kn.max())}
    if len(point_k3):
        record |= _deviation(paths.bands(material, point_k3) - energy_jn)
    drawing = _dispersion(path, line_kn - zero, point_k3, energy_jn - zero, material)
    return record, drawing


def _phonons(material: Model, path: paths.Path, contents: Contents):
    """The same for phonons, in meV; DFPT at Gamma has no direction and is left out of both."""
    line_kv = MEV * paths.phonons(material, paths.off_gamma(path))
    found = contents.variables
    point_q3 = found.get("dft_q", np.zeros((0, 3)))
    energy_jv = found.get("dft_omega", np.zeros((0, line_kv.shape[1])))
    is_finite_j = np.any(np.abs(point_q3 - np.rint(point_q3)) > 1e-6, axis=1)
    point_q3, energy_jv = point_q3[is_finite_j], energy_jv[is_finite_j]
    record = {"lowest_mev": float(line_kv.min()), "highest_mev": float(line_kv.max())}
    if len(point_q3):
        record |= _deviation((MEV * paths.phonons(material, point_q3) - energy_jv) / MEV)
    return record, _dispersion(path, line_kv, point_q3, energy_jv, material)


def _deviation(difference_jn: Float[np.ndarray, "j n"]) -> dict:
    """Model minus first principles; eV in, meV out."""
    return {
        "points": len(difference_jn),
        "rms_deviation_mev": float(MEV * np.sqrt(np.mean(difference_jn**2))),
        "largest_deviation_mev": float(MEV * np.abs(difference_jn).max()),
        "rms_deviation_by_branch_mev": (MEV * np.sqrt(np.mean(difference_jn**2, axis=0))).tolist(),
    }


def _dispersion(path: paths.Path, line_kn, point_j3, energy_jn, material: Model):
    place_x, number_x = paths.on_path(path, point_j3, material.crystal)
    ticks = paths.ticks(path)
    return figures.Dispersion(
        path.x_k, line_kn, path.piece_k, list(ticks), list(ticks.values()),
        place_x, energy_jn[number_x],
    )  # fmt: skip


def _polar(material: Model, small_q: limits.SmallQ):
    if material.long_range is None:
        return None, None
    constant_dv = limits.polar_constants(material)
    # every branch with a field counts: where several have one, their squares add up
    limit_d = np.sqrt(np.sum(constant_dv**2, axis=1))
    optical_dq = np.sqrt(np.sum(small_q.strength_dqv[..., 3:] ** 2, axis=2))
    ratio_dq = optical_dq * small_q.size_q / limit_d[:, None]
    record = {
        "limit_mev_per_angstrom": dict(zip(limits.DIRECTIONS, MEV * limit_d, strict=True)),
        "smallest_q_per_angstrom": float(small_q.size_q[0]),
        "ratio_at_smallest_q": dict(zip(limits.DIRECTIONS, ratio_dq[:, 0], strict=True)),
    }
    return record, figures.Polar(ratio_dq)


def _metal(material: Model, fermi: FermiLevel, literature, options: dict):
    """Record and drawing of lambda over the meshes; the spectrum is that of the last."""
    rows, couplings = [], []
    for k_mesh, q_mesh in options["meshes"]:
        start = time.perf_counter()
        found = eliashberg.mode_couplings(
            material, fermi, tuple(k_mesh), tuple(q_mesh),
            options["broadenings"], options["soft_mode"] / MEV,
        )  # fmt: skip
        seconds = time.perf_counter() - start
        log.info("%s: k %s, q %s in %.1f s", material.name, k_mesh, q_mesh, seconds)
        averages = [eliashberg.summary(found, b) for b in range(len(found.broadening_b))]
        couplings.append([average.coupling for average in averages])
        mesh = {"k_mesh": list(k_mesh), "q_mesh": list(q_mesh), "wall_seconds": seconds}
        rows += [
            mesh | _row(found, b, average, options["repulsions"])
            for b, average in enumerate(averages)
        ]
    result = options["broadenings"].index(options["broadening"])
    width = options["phonon_broadening"] / MEV
    energy_e = np.linspace(0, found.energy_qv.max() + 4 * width, _SPECTRUM_POINTS)
    spectrum_e = eliashberg.spectral_function(found, result, energy_e, width)
    running_e = eliashberg.running_coupling(energy_e, spectrum_e)
    record = {
        "fermi_energy_ev": fermi.energy,
        "density_per_ev_cell_spin": fermi.density,
        "literature": literature,
        "result": rows[len(rows) - len(averages) + result],
        "convergence": rows,
        "energy_mev": (MEV * energy_e).tolist(),
        "alpha2f": spectrum_e.tolist(),
    }
    names = ["³, ".join(str(m[0]) for m in pair) + "³" for pair in options["meshes"]]
    drawing = figures.Metal(
        MEV * energy_e,
        spectrum_e,
        running_e,
        found.broadening_b,
        np.array(couplings),
        names,
        literature,
    )
    return record, drawing


def _row(found: eliashberg.ModeCouplings, b: int, average: eliashberg.Summary, repulsions) -> dict:
    return {
        "broadening_ev": float(found.broadening_b[b]),
        "pairs": found.pairs,
        "density_on_mesh": float(found.density_b[b]),
        "lambda": average.coupling,
        "energy_log_mev": MEV * average.energy_log,
        "energy_rms_mev": MEV * average.energy_rms,
        "critical_temperature_k": {
            str(mu): eliashberg.critical_temperature(average, mu) for mu in repulsions
        },
    }
