"""The same model and points through other codes: pythtb, phonopy, elphmod, epw.x; ratios per core.

    python benchmarks/peers.py -o FILE [--only NAME ...] [--model FILE] [--q-mesh N N N] [--quick]

Every code runs in a process of its own on one thread, ours just before each of the others.
Processor seconds, medians; numbers that do not agree end the run.  Codes are called once before
the clock starts, so that neither imports nor compilation count.  docs/performance.md says more.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from codes.epw import missing
from codes.task import MESHES, Request, spread, timed

# task, code
PEERS = (
    ("bands", "pythtb"),
    ("phonons", "phonopy"),
    ("phonons", "phonopy_c"),
    ("phonons", "phonopy_python"),
    ("couplings", "elphmod"),
    ("couplings", "epw"),
)
SILICON = Path(__file__).parents[1] / "resources/first_principles/{}.nc"
AGREE = 1e-5  # relative; phonopy has other values of the constants
REPEATS = 3
THREADS = dict.fromkeys(
    ("NPROC", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"), "1"
)


def one(request: Request, out: Path) -> None:
    """Run one code here: clocks, numbers and what else it says, into an .npz file."""
    module = import_module("codes.epw" if request.code == "epw" else f"codes.{request.task}")
    task = getattr(module, request.code)(request)
    clocks, result = timed(task, request.repeats)
    numbers, about = task.numbers(result), task.about(result)
    np.savez(out, numbers=numbers, rest=json.dumps({"clocks": clocks, "about": about}))


def in_a_process(request: Request, folder: Path) -> tuple[np.ndarray, dict]:
    """Numbers of one code; its clocks and what else it says."""
    out = folder / "one.npz"
    words = [sys.executable, str(Path(__file__).resolve()), "-o", str(out)]
    words += ["--one", json.dumps(request._asdict())]
    done = subprocess.run(
        words, cwd=folder, env=os.environ | THREADS, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{request.task}, {request.code}:\n{done.stderr}")
    with np.load(out) as found:
        return found["numbers"], json.loads(str(found["rest"]))


def compare(request: Request, folder: Path, known: dict) -> dict:
    """Row of one peer: seconds of both codes, ratio, largest relative disagreement.

    Args:
      known: of a quick run, what our code gave for each task, so that it runs once a task.
    """
    row = {"task": request.task, "code": request.code, "version": _version(request.code)}
    why = missing(request) if request.code == "epw" else ""
    if why:
        return row | {"skipped": why}
    if not request.quick or request.task not in known:
        known[request.task] = in_a_process(request._replace(code="ephforge"), folder)
    ours, own = known[request.task]
    theirs, other = in_a_process(request, folder)
    both = np.isfinite(ours) & np.isfinite(theirs)
    difference = np.abs(ours - theirs)[both].max() / np.abs(theirs[both]).max()
    if not difference < AGREE:
        raise SystemExit(f"{request.task}: {request.code} differs by {difference:.1e}")
    clocks = {name: spread(values) for name, values in other["clocks"].items()}
    seconds = {"ephforge": spread(own["clocks"]["seconds"]), request.code: clocks.pop("seconds")}
    return row | {
        "seconds": seconds,
        "ratio": seconds[request.code]["median"] / seconds["ephforge"]["median"],
        "difference": float(difference),
        "compared": int(both.sum()),
        "clocks": clocks,
        **other["about"],
    }


def line(row: dict) -> str:
    """One row of the table."""
    name = f"{row['task']:10} {row['code']:15} {row['version']:8}"
    if "skipped" in row:
        return f"{name} skipped: {row['skipped']}"
    own, other = (row["seconds"][code]["median"] for code in ("ephforge", row["code"]))
    ratio = f"{row['ratio']:8.1f}"
    if "parts" in row["clocks"]:
        ratio += f" ({row['clocks']['parts']['median'] / own:.1f} by its four clocks)"
    return f"{name} {own:9.3f} {other:9.3f} {ratio}, difference {row['difference']:.0e}"


def _version(code: str) -> str:
    if code == "epw":
        return ""  # it says so itself
    try:
        return version(code.split("_")[0])
    except PackageNotFoundError:
        return "absent"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--only", nargs="+", choices=[code for _, code in PEERS])
    parser.add_argument("--model", help="model file for couplings; without it, shipped silicon")
    parser.add_argument("--q-mesh", type=int, nargs=3, help="of couplings; k: 8 8 8")
    parser.add_argument("--quick", action="store_true", help="few points; times mean nothing")
    parser.add_argument("--one", type=json.loads, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    options = _options()
    if options.one:
        request = Request(**options.one)
        k_mesh, q_mesh = map(tuple, request.meshes)
        one(request._replace(meshes=(k_mesh, q_mesh)), options.output)
        return
    from ephforge.bench.suite import conditions

    name = options.model or str(SILICON).format("si_2" if options.quick else "si_4")
    k_mesh, q_mesh = MESHES[options.quick]
    meshes = (k_mesh, tuple(options.q_mesh or q_mesh))
    record = {
        "quick": options.quick,
        "model": Path(name).name,
        "meshes": meshes,
        "machine": conditions(),
        "rows": [],
    }
    print("task       code            version   ephforge      peer  ratio (processor seconds)")
    known = {}
    with tempfile.TemporaryDirectory() as folder:
        for task, code in PEERS:
            if options.only and code not in options.only:
                continue
            model = str(Path(name).resolve()) if task == "couplings" else ""
            repeats = 0 if options.quick else REPEATS
            request = Request(task, code, model, meshes, options.quick, repeats)
            record["rows"].append(compare(request, Path(folder), known))
            print(line(record["rows"][-1]), flush=True)
    options.output.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
