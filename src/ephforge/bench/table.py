"""The record as lines of text."""

_HEAD = (
    "model       k mesh    q mesh   orb   bits    elements      M/s   spread  GFLOP/s  of GEMM"
    "   GB/s  of copy  of floor   peak MB"
)


def head() -> str:
    """Titles of the columns of `line`."""
    return _HEAD


def line(row: dict) -> str:
    """One case; the rate is that of the reference clock (see docs/performance.md)."""
    seconds, reference, count = row["seconds"], row["reference"], row["count"]
    spread = (seconds["largest"] - seconds["smallest"]) / seconds["median"]
    return (
        f"{row['section']:10}  {_mesh(row['k_mesh']):8}  {_mesh(row['q_mesh']):8}"
        f"{count['orbitals']:3}  {8 * row['result_bytes'] // count['elements']:5}"
        f"  {count['elements']:10d}"
        f"  {1e-6 * row['elements_per_second']:7.2f}  {spread:6.0%}"
        f"  {row['gflops']:7.2f}  {row['gflops'] / reference['gemm_gflops']:7.0%}"
        f"  {row['gbytes']:6.3f}  {row['gbytes'] / reference['copy_gbytes']:6.1%}"
        f"  {row['share_of_floor']:8.0%}  {1e-6 * row['peak_memory_bytes']:8.0f}"
    )


def foot(record: dict) -> list[str]:
    """The machine, its rates, start-up, and what was left out."""
    machine, floor, start = record["machine"], record["floor"], record["start"]
    device = (record["two_centre"] + record["wannier"])[0]["device"]
    lines = [
        "",
        f"{machine['cpu']}, {machine['threads']} of {machine['cores']} cores, "
        f"{machine['memory_gib']:.0f} GiB, load {machine['load']:.1f}; "
        f"kernel on {device['platform']} {device['kind']}",
        f"GEMM {_around(floor['gemm_gflops'])} GFLOP/s, copy {_around(floor['copy_gbytes'])} GB/s; "
        "eigenproblems "
        + ", ".join(
            f"{size}x{size} {1e6 * found['median']:.0f} us"
            for size, found in sorted(floor["eigenproblem_seconds"].items(), key=_size)
        ),
        f"start: Python {start['python']:.2f} s, ephforge --help {start['help']:.2f} s",
    ]
    for section in ("two_centre", "wannier"):
        found = start[section]
        lines.append(
            f"  {section}: import {found['import']:.2f} s, first call {found['first_call']:.2f} s "
            f"(compilation {found['compilation']:.2f}), in a new process "
            f"{found['first_call_again']:.2f} s, later {found['later_call']:.3f} s"
        )
    return lines


def _mesh(mesh: list[int]) -> str:
    return "x".join(map(str, mesh))


def _around(value: dict[str, float]) -> str:
    return f"{value['median']:.1f} ({value['smallest']:.1f} to {value['largest']:.1f})"


def _size(item: tuple[str, dict]) -> int:
    return int(item[0])
