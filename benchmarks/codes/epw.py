"""EPW's step from Wannier functions to fine meshes (epw.x), on restart files written from a model.

Timed is the run that computes g of all pairs and does nothing with it: no |g| is printed, no
self-energy summed.  Its clock "ep-interp" is that of the loop over q, when all has been read.
A second run prints |g| of a few pairs of the same meshes, which are compared.
"""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from codes.epw_write import write_run
from codes.task import Request, Task

PREFIX = "peer"
# of its clocks; the loop, and what has a clock of its own inside it
LOOP, PARTS = "ep-interp", ("DynW2B", "HamW2B", "ephW2Bp", "ephW2B")
PRINTED_Q, PRINTED_K = 3, 8  # points of the second run
TABLE = 1e-6  # relative, of every printed |g| > 1 meV
_CLOCK = re.compile(r"^ *([\w-]+) +: +(\S+) *CPU +(\S+) *WALL \( *(\d+) calls\)", re.MULTILINE)
_PART = re.compile(r"([\d.]+)([hms])")
_UNIT = {"h": 3600, "m": 60, "s": 1}

_INPUT = """--
&inputepw
  prefix='{prefix}'
  outdir='./'
  elph=.true.
  epwread=.true.
  epwwrite=.false.
  epbread=.false.
  epbwrite=.false.
  wannierize=.false.
  kmaps=.true.
  etf_mem=0
  vme=.false.
  use_ws=.true.
  lpolar={polar}
  nbndsub={bands}
  nk1={k[0]}, nk2={k[1]}, nk3={k[2]}
  nq1={q[0]}, nq2={q[1]}, nq3={q[2]}
  fsthick=1000.0
  degaussw=0.05
  temps=300
  efermi_read=.true.
  fermi_energy=0.0
{points}/
"""


def missing(request: Request) -> str:
    """Why EPW cannot be run; "" if it can."""
    if shutil.which("epw.x") is None:
        return "no epw.x on PATH; install Quantum ESPRESSO 6.7 (Debian: quantum-espresso)"
    return "" if request.model else "a made-up model is on no coarse mesh; give --model"


def epw(request: Request) -> Task:
    from ephforge.core.netcdf import read
    from ephforge.core.realspace import read_model

    contents = read(request.model, "model")
    model = read_model(contents)
    coarse = [tuple(map(int, contents.variables[name])) for name in ("g_k_mesh", "g_q_mesh")]
    folder = Path(tempfile.mkdtemp(dir=Path.cwd()))
    write_run(model, *coarse, folder, PREFIX)
    common = {
        "prefix": PREFIX,
        "polar": ".true." if model.long_range else ".false.",
        "bands": len(model.hopping.site),
        "k": coarse[0],
        "q": coarse[1],
    }
    printed, sum_qk = _printed(folder, common, model, request)
    fine = "".join(
        f"  n{name}f1={mesh[0]}, n{name}f2={mesh[1]}, n{name}f3={mesh[2]}\n"
        for name, mesh in zip("kq", request.meshes, strict=True)
    )
    (folder / "mesh.in").write_text(_INPUT.format(**common, points=fine))

    def run():
        return _clocks(_epw_x(folder, "mesh"), request.meshes)

    def about(clocks):
        found = re.search(r"Program EPW v\.(\S+)", (folder / "mesh.out").read_text())
        shutil.rmtree(folder)
        return {"version": found[1], "relative_g": printed, "calls": clocks["calls"]}

    return Task(run, lambda clocks: sum_qk, lambda clocks: clocks["seconds"], about)


def _printed(folder: Path, common: dict, model, request: Request):
    """Largest deviation of a printed |g| from ours, and the sums of couplings.py, NaN elsewhere."""
    from ephforge.core.kpoints import mesh_points
    from ephforge.core.units import HBAR2_PER_DALTON, MEV
    from ephforge.espresso.inputs import point_list
    from ephforge.firstprinciples.reference import deviations, read_printed

    draw = np.random.default_rng(3)
    (k_k3, q_q3), chosen = [mesh_points(mesh) for mesh in request.meshes], []
    for points, count, first in ((k_k3, PRINTED_K, 0), (q_q3, PRINTED_Q, 1)):
        chosen.append(np.sort(draw.choice(np.arange(first, len(points)), count, replace=False)))
    for name, points, own in zip("kq", (k_k3, q_q3), chosen, strict=True):
        (folder / f"{name}.txt").write_text(point_list(points[own].tolist()))
    lists = "  filkf='k.txt'\n  filqf='q.txt'\n  prtgkk=.true.\n"
    (folder / "table.in").write_text(_INPUT.format(**common, points=lists))
    k, q = chosen
    table = read_printed(_epw_x(folder, "table"), q_q3[q], k_k3[k])
    relative = deviations(table, model).relative_g
    assert relative < TABLE, f"epw.x printed |g| that differ by {relative:.1e}"
    sum_qk = np.full((len(q_q3), len(k_k3)), np.nan)
    square_qkv = (table.g**2).sum(axis=(2, 3)) / MEV**2
    weight_qv = 2 * table.frequency_q / MEV / HBAR2_PER_DALTON
    sum_qk[np.ix_(q, k)] = np.einsum("qkv,qv->qk", square_qkv, weight_qv)
    return relative, sum_qk


def _epw_x(folder: Path, name: str) -> Path:
    output = folder / f"{name}.out"
    with output.open("w") as stream:
        subprocess.run(["epw.x", "-in", f"{name}.in"], cwd=folder, stdout=stream, check=True)
    assert "Total program execution" in output.read_text(), f"{output}: epw.x did not finish"
    return output


def _clocks(output: Path, fine) -> dict:
    """Processor seconds and calls of EPW's clocks.

    "seconds" is the loop; "parts" what its four clocks see of it: the rest are phases e^{ikR}, and
    momentum matrix elements, which EPW interpolates for every pair, used or not.
    """
    found = {
        name: (_seconds(cpu), int(calls))
        for name, cpu, _, calls in _CLOCK.findall(output.read_text())
    }
    n_k, n_q = (int(np.prod(mesh)) for mesh in fine)
    assert found["ephW2B"][1] == n_k * n_q, "epw.x left pairs out"
    seconds = {name: found[name][0] for name in (LOOP, *PARTS, "ephwann")}
    seconds |= {"seconds": seconds[LOOP], "parts": sum(seconds[name] for name in PARTS)}
    return {"seconds": seconds, "calls": {name: found[name][1] for name in (LOOP, *PARTS)}}


def _seconds(text: str) -> float:
    return sum(float(number) * _UNIT[unit] for number, unit in _PART.findall(text))
