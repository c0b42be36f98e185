"""Ways to store |g| on the disk: processor MB/s of writing and reading, and size.

    ephforge couple resources/first_principles/si_4.nc -o g.nc --k-grid 8 8 8 --q-grid 6 6 6
    python benchmarks/compression.py g.nc

Slabs of 8 q go through netCDF4 as in core/stream.py.  Rates are those of one core.
"""

import argparse
import hashlib
import os
import tempfile
import time
from pathlib import Path

import netCDF4
import numpy as np

Q_CHUNK = 8
ZLIB = {"zlib": True, "shuffle": True}
ROUNDED = {"significant_digits": 12, "quantize_mode": "BitRound"}
ZSTD = {"compression": "zstd", "complevel": 1, "shuffle": True}
BLOSC = {"compression": "blosc_lz4", "complevel": 1, "blosc_shuffle": 1}
# settings, and whether chunks are those of one q
WAYS = {
    "contiguous": ({"contiguous": True}, False),
    "chunks": ({}, True),
    "zlib 1": (ZLIB | {"complevel": 1}, True),
    "zlib 4": (ZLIB | {"complevel": 4}, True),
    "zlib 1, 12 bits": (ZLIB | {"complevel": 1} | ROUNDED, True),
    "zstd 1": (ZSTD, True),
    "blosc lz4": (BLOSC, True),
}


def written(path: Path, g_qkvmn: np.ndarray, settings: dict) -> float:
    """Processor seconds."""
    start = time.process_time()
    with netCDF4.Dataset(path, "w") as file:
        file.set_fill_off()
        axes = ("q", "k", "v", "m", "n")
        for axis, length in zip(axes, g_qkvmn.shape, strict=True):
            file.createDimension(axis, length)
        stored = file.createVariable("g", g_qkvmn.dtype, axes, **settings)
        stored.set_auto_maskandscale(False)
        for first in range(0, len(g_qkvmn), Q_CHUNK):
            stored[first : first + Q_CHUNK] = g_qkvmn[first : first + Q_CHUNK]
    return time.process_time() - start


def read(path: Path) -> tuple[float, np.ndarray]:
    """Processor seconds, and what is read."""
    start = time.process_time()
    with netCDF4.Dataset(path) as file:
        file.set_auto_mask(False)
        found = file["g"][...]
    return time.process_time() - start, found


def line(name: str, g_qkvmn: np.ndarray, folder: str) -> str:
    settings, is_chunked = WAYS[name]
    if is_chunked:
        settings = settings | {"chunksizes": (1, *g_qkvmn.shape[1:])}
    path, size = Path(folder) / "g.nc", g_qkvmn.nbytes
    try:
        writing = written(path, g_qkvmn, settings)
    except (OSError, RuntimeError, ValueError) as error:
        return f"{name:20s} not here: {error}"
    share = os.path.getsize(path) / size
    reading, found = read(path)
    error = np.abs(found - g_qkvmn).max() / g_qkvmn.max()
    rates = f"write {1e-6 * size / writing:6.0f} MB/s  read {1e-6 * size / reading:6.0f} MB/s"
    return f"{name:20s} {rates}  size {share:.3f}  largest change {error:.0e}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", help="written by ephforge couple")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with netCDF4.Dataset(options.file) as file:
        file.set_auto_mask(False)
        g_qkvmn = file["coupling_magnitude"][...]
    print(f"{g_qkvmn.shape}, {1e-6 * g_qkvmn.nbytes:.0f} MB")
    with tempfile.TemporaryDirectory(dir=".") as folder:
        for _ in range(options.rounds):
            start = time.process_time()
            hashlib.sha256(np.ascontiguousarray(g_qkvmn))
            print(f"SHA-256 {1e-6 * g_qkvmn.nbytes / (time.process_time() - start):.0f} MB/s")
            for name in WAYS:
                print(line(name, g_qkvmn, folder), flush=True)


if __name__ == "__main__":
    main()
