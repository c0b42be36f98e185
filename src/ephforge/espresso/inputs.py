"""Texts of the inputs of pw.x, ph.x and epw.x: a DFT job reruns when its text changes.

The rules put these texts into `params`, so editing code that leaves them alone repeats no
calculation.  What is known only at run time stands in braces and is filled in by the steps:
{structure} (species, cell, atoms), {masses}, {fermi} (eV), {points} (a list of k), {recover}.
"""

import itertools
import random
import zlib

from ephforge.espresso.structures import species, structure

SCF_THRESHOLD = "1d-12"  # Ry
PHONON_THRESHOLD = "1d-13"
WANNIER_STEPS = 300
DISENTANGLEMENT_STEPS = 500
GENERIC_K, GENERIC_Q = 3, 3  # points of the check, besides one at each zone boundary or centre


def pw_input(name: str, material: dict, calculation: str) -> str:
    """Input of pw.x: 'relax', 'vc-relax', 'scf', 'nscf' (uniform coarse mesh) or 'bands'."""
    _, atoms = structure(material)
    system = {
        "ibrav": 0,
        "nat": len(atoms),
        "ntyp": len(species(material)),
        "ecutwfc": material["cutoff"],
        "input_dft": "'pz'",
        "occupations": "'fixed'",
    }
    if material["smearing"]:
        system |= {
            "occupations": "'smearing'",
            "smearing": "'mp'",
            "degauss": material["smearing"],
        }
    if calculation in ("nscf", "bands"):
        system["nbnd"] = material["bands"]
    control = {
        "calculation": f"'{calculation}'",
        "prefix": f"'{name}'",
        "outdir": "'./'",
        "pseudo_dir": "'../../pseudo'",
        "verbosity": "'high'",
    }
    if "relax" in calculation:
        control |= {"forc_conv_thr": "1d-5", "etot_conv_thr": "1d-7", "nstep": 100}
    blocks = [
        _namelist("control", control),
        _namelist("system", system),
        _namelist("electrons", {"conv_thr": SCF_THRESHOLD, "diago_full_acc": ".true."}),
    ]
    if "relax" in calculation:
        blocks.append(_namelist("ions", {}))
    if calculation == "vc-relax":
        blocks.append(_namelist("cell", {"press_conv_thr": 0.05}))
    return "".join(blocks) + "{structure}" + _k_points(material, calculation)


def relax_input(name: str, material: dict) -> str:
    """Input of the relaxation that the table asks for, empty if none."""
    kinds = {"none": "", "positions": "relax", "cell": "vc-relax"}
    kind = kinds[material["relax"]]
    return pw_input(name, material, kind) if kind else ""


def ph_input(name: str, material: dict, number: int) -> str:
    """Input of ph.x for one irreducible q, numbered from 1 as ph.x does."""
    options = {
        "prefix": f"'{name}'",
        "outdir": "'./'",
        "fildyn": "'dyn'",
        "fildvscf": "'dvscf'",
        "tr2_ph": PHONON_THRESHOLD,
        "ldisp": ".true.",
        **_mesh("nq", material["q_mesh"]),
        "start_q": number,
        "last_q": number,
        "recover": "{recover}",
    }
    if material["polar"]:
        options["epsil"] = ".true."
    return f"{name}\n" + _namelist("inputph", options)


def epw_input(name: str, material: dict, check: bool) -> str:
    """Input of epw.x: Wannier functions and g(Re, Rp), or the check that prints |g|."""
    wannier = material["wannier"]
    options = {
        "prefix": f"'{name}'",
        "outdir": "'./'",
        "dvscf_dir": "'./save'",
        "elph": ".true.",
        "etf_mem": 0,
        "lpolar": _logical(material["polar"]),
        "vme": ".false.",
        "use_ws": ".true.",
        "nbndsub": wannier["functions"],
        **_mesh("nk", material["k_mesh"]),
        **_mesh("nq", material["q_mesh"]),
        "filkf": "'k.txt'",
        "filqf": "'q.txt'",
        "fsthick": 1000.0,
        "degaussw": 0.05,
        "temps": 300,
        "kmaps": _logical(check),
        "epbwrite": ".false.",
        "epbread": ".false.",
        "epwwrite": _logical(not check),
        "epwread": _logical(check),
        "wannierize": _logical(not check),
        "num_iter": WANNIER_STEPS,
        "iprint": 2,
    }
    if check:
        options["prtgkk"] = ".true."
    if not material["smearing"]:
        options |= {"efermi_read": ".true.", "fermi_energy": "{fermi}"}
    if wannier["excluded"]:
        options["bands_skipped"] = f"'exclude_bands = 1:{wannier['excluded']}'"
    for i, projection in enumerate(wannier["projections"], 1):
        options[f"proj({i})"] = f"'{projection}'"
    if wannier["window_max"] is not None:
        options |= {
            "dis_win_max": wannier["window_max"],
            "dis_froz_max": wannier["frozen_max"],
            "wdata(1)": f"'dis_num_iter = {DISENTANGLEMENT_STEPS}'",
        }
    return "--\n" + _namelist("inputepw", options, "{masses}")


def check_points(name: str) -> tuple[list[list[float]], list[list[float]]]:
    """k and q at which EPW prints |g|: Gamma, a zone boundary, and points drawn from the name.

    The last q is a twentieth of a generic one: near Gamma interpolation is hardest.
    """
    draw = random.Random(zlib.crc32(name.encode()))

    def generic(size: float) -> list[float]:
        return [round(draw.uniform(-size, size), 4) for _ in range(3)]

    k = [[0.0, 0.0, 0.0]] + [generic(0.5) for _ in range(GENERIC_K)]
    q = [[0.5, 0.0, 0.0]] + [generic(0.5) for _ in range(GENERIC_Q)] + [generic(0.025)]
    return k, q


def point_list(points: list[list[float]]) -> str:
    """File of k or q points as EPW reads it (filkf, filqf), crystal coordinates."""
    rows = [f"{x:.10f} {y:.10f} {z:.10f} {1 / len(points):.10f}\n" for x, y, z in points]
    return f"{len(points)} crystal\n" + "".join(rows)


def _k_points(material: dict, calculation: str) -> str:
    if calculation == "bands":
        return "{points}"
    if calculation == "nscf":
        points = itertools.product(*([i / n for i in range(n)] for n in material["k_mesh"]))
        return k_list(list(points))
    shift = " 1 1 1" if material["scf_shift"] else " 0 0 0"
    return "K_POINTS automatic\n" + " ".join(map(str, material["scf_mesh"])) + shift + "\n"


def k_list(points) -> str:
    """K_POINTS card of explicit points with equal weights, crystal coordinates."""
    rows = [f"{x:.12f} {y:.12f} {z:.12f} {1 / len(points):.12f}\n" for x, y, z in points]
    return f"K_POINTS crystal\n{len(points)}\n" + "".join(rows)


def _namelist(name: str, options: dict, extra: str = "") -> str:
    return f"&{name}\n" + "".join(f"  {k}={v}\n" for k, v in options.items()) + extra + "/\n"


def _mesh(key: str, mesh) -> dict[str, int]:
    return {f"{key}{i}": n for i, n in enumerate(mesh, 1)}


def _logical(value: bool) -> str:
    return ".true." if value else ".false."
