"""One case of the benchmark, in a process of its own: request on stdin, result on stdout.

A process each, so that peak memory, start-up and compilation are those of the case alone.  The
case and the references (products, copies, eigenproblems) take turns, so that whatever else the
machine does hits all of them alike.
"""

import json
import math
import resource
import statistics
import sys
import time


def main() -> None:
    """Read a request, write {"error": ...} or the row of the result."""
    request = json.loads(sys.stdin.read())
    start = time.perf_counter()
    from ephforge.core.errors import EphforgeError

    try:
        row = _row(request, start)
    except EphforgeError as error:
        row = {"error": str(error)}
    print(json.dumps(row))


def _row(request: dict, start: float) -> dict:
    """Time one case; the imports happen here because they are part of what is timed."""
    import jax

    from ephforge.bench import count, rates
    from ephforge.bench.suite import SINGLE
    from ephforge.core.devices import settle
    from ephforge.coupling import grid, points

    import_seconds = time.perf_counter() - start
    settle()
    model = _model(request)
    meshes = points.Meshes(tuple(request["k_mesh"]), tuple(request["q_mesh"]))
    n_k, n_q = map(math.prod, meshes)
    n_orbitals, n_modes = len(model.hopping.site), 3 * len(model.crystal.numbers)
    is_single = request["precision"] == SINGLE
    fourier = _fourier(model.coupling, meshes, n_modes * n_orbitals**2)
    needed = count.count(n_k, n_q, n_orbitals, n_modes, fourier, is_single)
    limits = grid.Limits(request["degeneracy"], request["soft_mode"])

    def kernel():
        """How many elements there were; no chunk is kept."""
        chunks = points.magnitudes(model, meshes, limits, is_single=is_single)
        return sum(part.magnitude.size for part in chunks)

    before = _peak_bytes()
    first_seconds = _first(kernel, needed)
    row = {
        "name": model.name,
        "result_bytes": needed.bytes // 2,
        "start_memory_bytes": before,
        "peak_memory_bytes": _peak_bytes(),
        "import_seconds": import_seconds,
        "first_call_seconds": first_seconds,
        "device": _device(jax),
    }
    references = rates.references(n_orbitals, n_modes, is_single)
    times = _in_turns(kernel, references, request["repeats"])
    return row | _numbers(needed, references, times, jax.default_backend() == "cpu")


def _model(request: dict):
    from ephforge.bench import models

    if request["model"]:
        return _from_file(request["model"])
    make = models.two_centre if request["section"] == "two_centre" else models.wannier
    return make(request["atoms"], request["orbitals"])


def _from_file(path: str):
    from ephforge.core.errors import EphforgeError
    from ephforge.core.netcdf import read
    from ephforge.core.realspace import WannierCoupling, read_model

    model = read_model(read(path, "model"))
    if not isinstance(model.coupling, WannierCoupling):
        raise EphforgeError(
            f"{path}: two-centre coupling, expected a general one; give a model that was imported"
        )
    return model


def _fourier(coupling, meshes, values: int) -> int:
    """Flops of the Fourier steps; a two-centre coupling has none for a pair."""
    from ephforge.bench.count import fourier_flops
    from ephforge.core.realspace import WannierCoupling
    from ephforge.coupling.wannier import box

    if not isinstance(coupling, WannierCoupling):
        return 0
    over_k = box(coupling.electron_cells, meshes.k_mesh)
    n_cells = len(box(coupling.phonon_cells, meshes.q_mesh).cells_x3), len(over_k.cells_x3)
    sides = tuple(map(len, over_k.residues))
    return fourier_flops(math.prod(meshes.q_mesh), values, *n_cells, meshes.k_mesh, sides)


def _first(kernel, needed) -> float:
    """Seconds of the first call; holds the count to what came out."""
    start = time.perf_counter()
    elements = kernel()
    seconds = time.perf_counter() - start
    assert elements == needed.elements
    return seconds


def _in_turns(kernel, references: dict, repeats: int) -> dict[str, list[tuple[float, float]]]:
    """Name -> (wall, processor) seconds of every repeat; "kernel" is the case."""
    from ephforge.bench.rates import timed

    calls = {"kernel": kernel} | {name: call for name, (call, _) in references.items()}
    times = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            times[name].append(timed(call))
    return times


def _numbers(needed, references: dict, times: dict, is_cpu: bool) -> dict:
    """Rates, from medians.  On a CPU the reference clock is processor time: a busy machine
    stretches wall time, and processor time gives the rate of one core."""
    from ephforge.bench.count import floor_seconds
    from ephforge.bench.rates import summary

    clock = 1 if is_cpu else 0
    work = {name: amount for name, (_, amount) in references.items()}
    medians = {name: _spread([pair[clock] for pair in pairs]) for name, pairs in times.items()}
    reference = summary(work, {name: medians[name]["median"] for name in work})
    wall, seconds = _spread([pair[0] for pair in times["kernel"]]), medians["kernel"]
    floor = floor_seconds(needed, reference)
    flops = needed.flops + needed.fourier_flops
    return {
        "clock": "processor" if is_cpu else "wall",
        "count": needed._asdict(),
        "wall_seconds": wall,
        "seconds": seconds,
        "elements_per_wall_second": needed.elements / wall["median"],
        "elements_per_second": needed.elements / seconds["median"],
        "gflops": 1e-9 * flops / seconds["median"],
        "gbytes": 1e-9 * needed.bytes / seconds["median"],
        "reference": reference,
        "reference_seconds": {name: medians[name] for name in work},
        "floor_seconds": floor,
        "share_of_floor": floor / seconds["median"],
    }


def _spread(seconds: list[float]) -> dict[str, float]:
    return {
        "median": statistics.median(seconds),
        "smallest": min(seconds),
        "largest": max(seconds),
    }


def _peak_bytes() -> int:
    """Largest resident memory of this process so far; not that of an accelerator."""
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _device(jax) -> dict:
    device = jax.devices()[0]
    memory = device.memory_stats() or {}
    return {
        "platform": device.platform,
        "kind": device.device_kind,
        "peak_bytes": memory.get("peak_bytes_in_use"),
    }


if __name__ == "__main__":
    main()
