"""Tables of the docs: bits of every method and material at one error.

`python -m ephforge.modelcodec.tables results/modelcodec/*.json` prints Markdown.
"""

import sys

from ephforge.core.errors import EphforgeError
from ephforge.core.records import read_record

USAGE = "usage: python -m ephforge.modelcodec.tables results/modelcodec/NAME.json ..."
_BEFORE = {
    "truncation": "truncation + index",
    "entropy": "entropy, no symmetry",
    "symmetric": "symmetric truncation",
    "histogram": "+ histogram",
    "dead_zone": "+ dead zone",
    "decay": "decay fit",
    "codec": "**codec**",
}
_RATIOS = {"histogram": "/ histogram", "dead_zone": "/ dead zone", "decay": "/ decay"}
_TEMPLATE_RATIOS = {"histogram": "/ histogram", "decay": "/ decay"}
_AFTER = {"sz3": "SZ3", "zfp": "ZFP", "svd_joint": "SVD, joint"}


def table(paths: list[str], error: float) -> str:
    """Bits at one error; ratios are those of the column before them."""
    head = ["model", "free numbers", *_BEFORE.values(), *_RATIOS.values()]
    head += ["**with templates**", *_TEMPLATE_RATIOS.values(), *_AFTER.values()]
    lines = [f"| {' | '.join(head)} |", "| --- " * len(head) + "|"]
    for path in paths:
        record = read_record(path)
        told = {row["error"]: row["bits"] for row in record["rows"]}.get(error)
        if told is None:
            lines.append(f"| {record['name']} | no record of error {error:g} |")
            continue
        cells = [f"{record['free']:,}", *(_count(told[method]) for method in _BEFORE)]
        cells[-1] = f"**{cells[-1]}**"
        cells += [f"{told['codec'] / told[method]:.2f}" for method in _RATIOS]
        cells += _with_templates(told)
        cells += [_count(told[method]) if method in told else "-" for method in _AFTER]
        lines.append(f"| {record['name']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _with_templates(told: dict[str, int]) -> list[str]:
    """Bits and their ratios; dashes where no template can be had."""
    bits = told.get("templates")
    if bits is None:
        return ["-"] * (1 + len(_TEMPLATE_RATIOS))
    return [f"**{_count(bits)}**", *(f"{bits / told[method]:.2f}" for method in _TEMPLATE_RATIOS)]


def _count(bits: int) -> str:
    return f"{bits:,}" if bits < 20_000 else f"{bits / 1000:.0f} k"


def main() -> None:
    paths = sys.argv[1:]
    if not paths:
        sys.exit(USAGE)
    try:
        errors = sorted({row["error"] for path in paths for row in read_record(path)["rows"]})
        texts = [f"Error {error:g}:\n\n{table(paths, error)}" for error in errors]
    except EphforgeError as error:
        sys.exit(f"error: {error}")
    sys.stdout.write("\n\n".join(texts) + "\n")


if __name__ == "__main__":
    main()
