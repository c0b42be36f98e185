"""What README.md shows of the shipped autoencoder: a picture, and a table of errors.

`make headline` writes both.  Errors and bits are those that `ephforge compress MODEL --budget B`
prints; the other columns are classical methods that need no training, at the same bits.
"""

import re
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from ephforge.baselines.fft import fft
from ephforge.baselines.measure import allowed_bits, relative_error
from ephforge.baselines.orbits import quantised_orbits
from ephforge.baselines.scientific import sz3
from ephforge.cli.pretrained import Pretrained, load
from ephforge.cli.sources import Window, read_maps
from ephforge.core.blocks import Block, on_grid, strongest_channel
from ephforge.core.kpoints import mesh_points
from ephforge.mapcodec.encode import decoded, within_budget
from ephforge.report.style import name

ROOT = Path(__file__).parents[1]
SHOWN = "si_4"
MATERIALS = ("si_4", "c_4", "mgo_4", "al_4")
BUDGETS = (0.0002, 0.001)
DRAWN = 0.0002
_TABLE = re.compile(r"(<!-- made by make headline -->\n).*?(<!-- end -->)", re.DOTALL)


def draw(block: Block, shipped: Pretrained, picture: Path, budget: float) -> None:
    """Compress maps within a budget and draw the strongest channel."""
    result = within_budget(block, shipped.codec, shipped.fingerprint, budget)
    rebuilt = decoded(result.packed, shipped.codec)[0][..., block.orbits.orbit_kq]
    m, n, v = strongest_channel(block)
    order_k, order_q = (by_length(block, mesh) for mesh in (block.k_mesh, block.q_mesh))
    true_kq, found_kq = (g[m, n, v][order_k][:, order_q] for g in (on_grid(block), rebuilt))
    titles = (
        "as computed",
        "rebuilt",
        f"difference; relative error {relative_error(found_kq, true_kq):.2f}",
    )
    top = np.quantile(true_kq, 0.998)
    figure, axes = plt.subplots(1, 3, figsize=(9.6, 3.6), layout="constrained", sharey=True)
    images = [
        axis.imshow(map_kq, vmin=low, vmax=top, cmap=colours, origin="lower")
        for axis, map_kq, low, colours in zip(
            axes,
            (true_kq, found_kq, found_kq - true_kq),
            (0.0, 0.0, -top),
            ("cividis", "cividis", "RdBu_r"),
            strict=True,
        )
    ]
    for axis, title in zip(axes, titles, strict=True):
        axis.set_title(title, fontsize=9)
        axis.set_xlabel("q, by length")
        axis.grid(visible=False)
    axes[0].set_ylabel("k, by length")
    figure.colorbar(images[1], ax=axes[:2], label="|g| (meV)", pad=0.01)
    figure.colorbar(images[2], ax=axes[2], label="meV", pad=0.02)
    maps, numbers = block.g[..., 0].size, on_grid(block).size
    figure.suptitle(
        f"{name(block.name)}, |g(k,q)| from first principles: the strongest of {maps} maps "
        f"(bands {m + 1}, {n + 1}, mode {v + 1}).\nAll of them, {numbers:,} numbers, rebuilt from "
        f"{result.packed.payload_bits / 8:,.0f} bytes: relative error {result.error:.3f}",
        fontsize=10,
    )
    figure.savefig(picture, dpi=150)


def table(blocks: list[Block], shipped: Pretrained) -> str:
    """Relative errors over the full grid, Markdown; a row for each material."""
    columns = [f"{method} {100 * b:g} %" for b in BUDGETS for method in ("autoencoder", "others")]
    lines = ["| | numbers | " + " | ".join(columns) + " |", "|---" * (2 + len(columns)) + "|"]
    for block in blocks:
        grid, cells = on_grid(block), []
        for budget in BUDGETS:
            allowed = [allowed_bits(budget, grid)]
            result = within_budget(block, shipped.codec, shipped.fingerprint, budget)
            others = {
                "SZ3": sz3(block, allowed),
                "Fourier": fft(block, allowed),
                "orbits": quantised_orbits(grid, block.orbits, allowed),
            }
            errors = {
                key: relative_error(np.maximum(codes[0].g, 0), grid)
                for key, codes in others.items()
            }
            best = min(errors, key=errors.get)
            cells += [f"{result.error:.3f}", f"{errors[best]:.3f} ({best})"]
        lines.append(f"| {name(block.name)} | {grid.size:,} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def by_length(block: Block, mesh: tuple[int, int, int]) -> np.ndarray:
    """Numbers of the points of a mesh, those nearest to Gamma first."""
    point_k3 = mesh_points(mesh)
    reciprocal_33 = np.linalg.inv(block.crystal.cell).T
    shift_t3 = np.stack(np.meshgrid(*[(-1, 0, 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    image_kt3 = (point_k3[:, None] + shift_t3) @ reciprocal_33
    return np.argsort(np.linalg.norm(image_kt3, axis=-1).min(axis=1).round(9), kind="stable")


def main() -> None:
    """Write docs/figures/reconstruction.png and the table in README.md."""
    shipped = load(None)
    blocks = {
        key: read_maps(ROOT / f"resources/first_principles/{key}.nc", Window(None, None, None))
        for key in MATERIALS
    }
    draw(blocks[SHOWN], shipped, ROOT / "docs/figures/reconstruction.png", DRAWN)
    readme = ROOT / "README.md"
    text = table(list(blocks.values()), shipped)
    readme.write_text(_TABLE.sub(rf"\g<1>{text}\n\g<2>", readme.read_text()))
    print(text)


if __name__ == "__main__":
    main()
