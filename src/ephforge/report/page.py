"""The report as one HTML page that needs no other file: tables, figures, provenance."""

import base64
from pathlib import Path

import jinja2

from ephforge.report import models
from ephforge.report.captions import verdict
from ephforge.report.coverage import rows as coverage_rows
from ephforge.report.metrics import best_classical
from ephforge.report.style import NAMES, name

TEMPLATE = Path(__file__).with_name("template.html")

SHOWN_AS_ZERO = 0.0005  # relative error


def render(
    title: str,
    metrics: dict,
    records: dict[str, dict],
    figures: list[tuple[str, str, Path]],
    pictures: list[tuple[str, Path]],
) -> str:
    """HTML text of the page.

    Args:
      title: heading.
      metrics: what `metrics.assemble` returned.
      records: records of the stages by name.
      figures: (heading, caption, PNG file) in the order of the page.
      pictures: (heading, PNG file) of stages outside the campaign.
    """
    compress = records["compress"]
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["error"] = _error
    environment.filters["seconds"] = _seconds
    environment.filters["share"] = _share
    environment.filters["minutes"] = _minutes
    return environment.from_string(TEMPLATE.read_text()).render(
        title=title,
        metrics=metrics,
        card=records["card"],
        headline=headline(compress),
        bounded=bounded(compress),
        physics=physics(compress),
        budgets=compress["budgets"],
        refinement=refinement(records["superresolve"]),
        classify=records["classify"],
        neighbours=records["latent"]["neighbours"],
        coverage=coverage_rows(records["coverage"]),
        novelty=records["latent"]["novelty"],
        machines=machines(metrics["machines"]),
        methods={name(key): text for key, text in compress["methods"].items()},
        figures=[(heading, text, _embedded(path)) for heading, text, path in figures],
        bits=models.bits(records["modelcodec"]),
        refinements=models.refinements(records["refinement"]),
        measures=models.MEASURES,
        pictures=[(heading, _embedded(path)) for heading, path in pictures],
        material=name,
        names=NAMES,
    )


def headline(compress: dict) -> list[dict]:
    """Rows material x budget: autoencoder, best classical method, which of them is better."""
    tables = {"synthetic_test": compress["synthetic_test"]} | compress["first_principles"]
    rows = []
    for material, table in tables.items():
        for budget in sorted(table, key=float):
            row, found = table[budget], verdict(table[budget])
            best = best_classical(row)
            rows.append(
                {
                    "material": name(material),
                    "first": budget == min(table, key=float),
                    "span": len(table),
                    "budget": f"{100 * float(budget):g} %",
                    "autoencoder": row.get("autoencoder"),
                    "svd": row.get("svd"),
                    "classical": best[1] if best else None,
                    "method": name(best[0]) if best else "",
                    "winner": _winner(found and found["autoencoder"], found and found["classical"]),
                }
            )
    return rows


def bounded(compress: dict) -> list[dict]:
    """Rows material x bound: share of the bits of the full grid, by method; the best in front."""
    rows = []
    for material, table in compress["error_bounded"].items():
        for bound, found in table.items():
            shares = {method: share for method, share in found.items() if method != "bound_mev"}
            best = min(shares, key=shares.get)
            rows.append(
                {
                    "material": name(material),
                    "first": bound == next(iter(table)),
                    "span": len(table),
                    "bound": f"{100 * float(bound):g} %",
                    "mev": found["bound_mev"],
                    "autoencoder": shares.get("autoencoder"),
                    "sz3": shares["sz3"],
                    "pca_joint": shares.get("pca_joint"),
                    "best": name(best),
                }
            )
    return rows


def physics(compress: dict) -> list[dict]:
    """Rows per material: deviations of lambda or linewidths at each budget."""
    rows = []
    for material, found in compress["physics"].items():
        budgets = sorted(found["deviations"], key=float)
        for method in ("autoencoder", "pca_joint", "fft"):
            values = [found["deviations"][budget].get(method) for budget in budgets]
            rows.append(
                {
                    "material": name(material),
                    "first": method == "autoencoder",
                    "quantity": found["quantity"],
                    "method": name(method),
                    "values": values,
                }
            )
    return rows


def refinement(refine: dict) -> list[dict]:
    """Rows per material: autoencoder, best other method, which of them is better."""
    tables = {"synthetic_test": refine["synthetic_test"]} | refine["first_principles"]
    rows = []
    for material, row in tables.items():
        best = best_classical(row)
        ours, other = row.get("autoencoder"), best[1] if best else None
        rows.append(
            {
                "material": name(material),
                "autoencoder": ours,
                "classical": other,
                "method": name(best[0]) if best else "",
                "winner": _winner(ours, other),
            }
        )
    return rows


def machines(found: dict) -> dict:
    """`of`: stage -> numbers of its machines, from 1; `words`: of each machine, in that order."""
    every: list[str] = []
    numbers = {}
    for stage, one_or_all in found.items():
        words = [
            _machine(m) for m in ([one_or_all] if isinstance(one_or_all, dict) else one_or_all)
        ]
        every += [text for text in words if text not in every]
        numbers[stage] = ", ".join(str(every.index(text) + 1) for text in words)
    return {"of": numbers, "words": every}


def _machine(found: dict) -> str:
    return (
        f"{found['cpu']}, {found['cores']} core{'s' * (found['cores'] > 1)}, "
        f"{found['memory_gib']:g} GiB, device {found['device']}"
    )


def _winner(ours: float | None, other: float | None) -> str:
    """Which is better by more than one percent, "equal" within that or where both are exact to
    the digits shown, "" if one is missing."""
    if ours is None or other is None:
        return ""
    larger = max(ours, other)
    if larger < SHOWN_AS_ZERO or abs(ours - other) <= 0.01 * larger:
        return "equal"
    return "autoencoder" if ours < other else "classical"


def _embedded(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()


def _error(value: float | None) -> str:
    """Three decimals; a dash where there is no number."""
    if value is None:
        return "-"
    return "< 0.001" if value < SHOWN_AS_ZERO else f"{value:.3f}"


def _share(value: float | None) -> str:
    """Per cent in three digits; a dash where there is no number."""
    return "-" if value is None else f"{100 * value:.3g} %"


def _seconds(value: float) -> str:
    minutes = value / 60
    return f"{value:.1f} s" if minutes < 2 else f"{minutes:.1f} min"


def _minutes(value: float) -> str:
    return f"{60 * value:.0f} s" if value < 2 else f"{value:.3g} min"
