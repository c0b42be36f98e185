"""Bits that a material's g takes at equal error of complex g: the codec beside what else there is.

    python benchmarks/model_codec.py resources/first_principles/si_4.nc ...

Columns, bits for g alone, H and Phi not counted for anyone:
  truncation   largest entries of real g, 16 bits a number, positions at their information
  entropy      entries quantised, arithmetic-coded without symmetry (ideal length)
  symmetric    as truncation, with independent coefficients
  histogram    independent coefficients rounded to a step; entropy of the histogram, its table free
  dead zone    the same with the best of six dead zones and centroids
  decay        this codec with 4 weights of a decay law, all paid for; bytes as written
  synthetic    this codec as it is, weights from synthetic materials; bytes as written
  SVD          of each atom and direction; joint: of all; rank for the error, 16 bits a number
  SZ3, ZFP     bytes of pysz (absolute bound) and zfpy (tolerance) on the real array
"""

import argparse
import json
import math
import sys
from pathlib import Path

import numpy as np

from ephforge.core.netcdf import read
from ephforge.core.realspace import read_model
from ephforge.modelcodec import stream
from ephforge.modelcodec.encode import Bounds, model_header
from ephforge.modelcodec.parts import parts
from ephforge.modelcodec.prior import grains, safe_offset
from ephforge.modelcodec.quantise import within
from ephforge.modelcodec.weights import DECAY, SYNTHETIC
from ephforge.symmetry.coarse import coarse

ZONES = (0.5, 0.6, 0.66, 0.75, 0.85, 1.0)  # |x| / step from which a number is not zero
WORD = 16  # bits of a number that is kept
DECAY_FEATURES = 5  # constant, size of the orbit, d1 + d2, d, log d1 d2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--errors", nargs="+", type=float, default=[0.02, 0.05, 0.1])
    parser.add_argument("--output", type=Path, help="JSON lines")
    arguments = parser.parse_args()
    for path in arguments.models:
        for row in rows(path, arguments.errors):
            line = json.dumps(row)
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
            if arguments.output:
                with arguments.output.open("a") as file:
                    file.write(line + "\n")


def rows(path: Path, errors: list[float]):
    """Bits of every method at each error, for one model."""
    contents = read(path, "model")
    model = read_model(contents)
    meshes = [tuple(int(n) for n in contents.variables[f"g_{m}_mesh"]) for m in "kq"]
    values = coarse(model, *meshes)
    known = parts(model_header(model, values, Bounds(min(errors), 0.01, 1e-4, None)))
    free_n = known.reductions.coefficients(values)[2]
    all_x = values.g_psrcab.ravel()
    offset = safe_offset(known.g_nf)
    grains_nf = grains(known.g_nf, offset)
    for error in errors:
        largest = error * np.linalg.norm(all_x)
        row = {"model": path.stem, "error": error, "numbers": all_x.size, "free": free_n.size}
        row["truncation"] = truncated(all_x, largest)
        row["entropy"] = min(quantised(all_x, largest, zone) for zone in ZONES[::2])
        row["symmetric"] = truncated(free_n, largest)
        row["histogram"] = quantised(free_n, largest, 0.5)
        row["dead_zone"] = min(quantised(free_n, largest, zone) for zone in ZONES)
        few = (grains_nf[:, :DECAY_FEATURES], DECAY._replace(weight_f=DECAY.weight_f[:5]))
        row["decay"] = coded(free_n, few[0], few[1], offset, largest)
        row["synthetic"] = coded(free_n, grains_nf, SYNTHETIC, offset, largest)
        row |= decompositions(values.g_psrcab, largest) | packed(values.g_psrcab, largest)
        row["over_histogram"] = round(row["synthetic"] / row["histogram"], 3)
        row["over_dead_zone"] = round(row["synthetic"] / row["dead_zone"], 3)
        row["over_decay"] = round(row["synthetic"] / row["decay"], 3)
        yield {key: round(x) if isinstance(x, float) and x > 50 else x for key, x in row.items()}


def truncated(value_x, largest: float) -> float:
    """WORD bits for each entry that is kept, and log2 of the ways to choose them."""
    square_x = np.sort(value_x**2)
    dropped = int(np.searchsorted(np.cumsum(square_x), largest**2))
    kept, count = value_x.size - dropped, value_x.size
    ways = math.lgamma(count + 1) - math.lgamma(kept + 1) - math.lgamma(dropped + 1)
    return kept * WORD + ways / math.log(2)


def quantised(value_x, largest: float, zone: float) -> float:
    """Entropy of quantised numbers, the largest step that meets the error."""
    low, high = -40.0, math.log2(np.abs(value_x).max()) + 1
    for _ in range(30):
        middle = (low + high) / 2
        number_x = np.sign(value_x) * np.floor(np.abs(value_x) / 2**middle + 1 - zone)
        if np.linalg.norm(centroids(value_x, number_x, 2**middle) - value_x) > largest:
            high = middle
        else:
            low = middle
    number_x = np.sign(value_x) * np.floor(np.abs(value_x) / 2**low + 1 - zone)
    _, count = np.unique(number_x, return_counts=True)
    return float(-np.sum(count * np.log2(count / value_x.size)))


def centroids(value_x, number_x, step: float):
    """Numbers rebuilt; 1 and 2 as the mean of what they stand for."""
    found = number_x * step
    for size in (1, 2):
        own = np.abs(number_x) == size
        if np.any(own):
            found[own] = np.sign(number_x[own]) * np.abs(value_x[own]).mean()
    return found


def coded(free_n, grains_nf, default, offset: int, largest: float) -> int:
    """Bits of the codec's stream, everything in it counted."""
    found, prior = within(free_n, grains_nf, default, largest)
    return 8 * len(stream.write(found, prior, default, offset, grains_nf))


def decompositions(g_psrcab, largest: float) -> dict[str, float]:
    """SVD of [Rp, (Re, a, b)], each channel (s, c) alone, and all channels in one."""
    n_p, n_s = g_psrcab.shape[:2]
    channel = g_psrcab.transpose(1, 3, 0, 2, 4, 5).reshape(3 * n_s, n_p, -1)
    joint = g_psrcab.transpose(0, 1, 3, 2, 4, 5).reshape(1, 3 * n_s * n_p, -1)
    return {"svd": ranked(channel, largest), "svd_joint": ranked(joint, largest)}


def ranked(matrix_xij, largest: float) -> float:
    """WORD bits for the vectors of the largest singular values of all matrices."""
    singular = np.linalg.svd(matrix_xij, compute_uv=False).ravel()
    square = np.sort(singular**2)
    kept = square.size - int(np.searchsorted(np.cumsum(square), largest**2))
    return float(kept * WORD * (matrix_xij.shape[1] + matrix_xij.shape[2]))


def packed(g_psrcab, largest: float) -> dict[str, int]:
    """Bits of SZ3 and ZFP, the largest bound of theirs that meets the error."""
    import pysz
    import zfpy

    flat = np.ascontiguousarray(g_psrcab.reshape(len(g_psrcab), -1, g_psrcab.shape[-1] ** 2))

    def sz3(bound: float):
        config = pysz.szConfig(flat.shape)
        config.errorBoundMode = pysz.szErrorBoundMode.ABS
        config.absErrorBound = bound
        data, _ = pysz.sz.compress(flat, config)
        return data.nbytes, pysz.sz.decompress(data, flat.dtype, flat.shape)[0]

    def zfp(bound: float):
        data = zfpy.compress_numpy(flat, tolerance=bound)
        return len(data), zfpy.decompress_numpy(data)

    return {name: 8 * searched(flat, one, largest) for name, one in (("sz3", sz3), ("zfp", zfp))}


def searched(flat, compressor, largest: float) -> int:
    """Bytes at the largest bound of a compressor that meets the error."""
    low, high, best = 1e-6, float(np.abs(flat).max()), None
    for _ in range(14):
        middle = math.sqrt(low * high)
        size, found = compressor(middle)
        if np.linalg.norm(found - flat) > largest:
            high = middle
        else:
            low, best = middle, size
    return best


if __name__ == "__main__":
    main()
