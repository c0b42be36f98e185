"""results/report/metrics.json: the numbers of all stages, in one place."""

from typing import Any

from ephforge.core.netcdf import versions

STAGES = ("train", "compress", "classify", "superresolve", "latent")  # with a record of their own


def assemble(records: dict[str, dict], options: dict, provenance: dict) -> dict[str, Any]:
    """One record from those of the stages.

    Args:
      records: "card", "history", "compress", "classify", "superresolve", "latent".
      options: section `report`.

    Returns:
      `synthetic_test` and `first_principles.<material>`, each with compress, superresolve and
      classify; `materials`, `matrices`, `splits`, `wall_time` (seconds), `versions`, `code`,
      `options`.
    """
    card, compress = records["card"], records["compress"]
    refine, classify = records["superresolve"], records["classify"]
    named = {"train": records["history"], **records}
    return {
        "synthetic_test": {
            "compress": compress["synthetic_test"],
            "compress_median": compress["synthetic_test_median"],
            "superresolve": refine["synthetic_test"],
            "superresolve_median": refine["synthetic_test_median"],
            "classify": classify["synthetic_test"],
            "materials": card["splits"]["test"]["materials"],
        },
        "first_principles": {
            name: {
                "compress": compress["first_principles"][name],
                "superresolve": refine["first_principles"][name],
                "classify": classify["first_principles"][name],
                "neighbours": records["latent"]["neighbours"].get(name),
            }
            for name in compress["first_principles"]
        },
        "materials": {
            key: card[key]
            for key in ("drawn", "accepted", "rejected", "prototypes", "potentials", "bases")
        },
        "matrices": card["matrices"],
        "splits": card["splits"],
        "reasons": {"compress": compress["reasons"], "superresolve": refine["reasons"]},
        "wall_time": card["wall_time"] | {stage: named[stage]["wall_seconds"] for stage in STAGES},
        "versions": versions(),
        "code": {stage: _provenance(named[stage])["code"] for stage in STAGES}
        | {"dataset": card["provenance"]["code"], "report": provenance["code"]},
        "options": {stage: _provenance(named[stage])["options"] for stage in STAGES}
        | {"dataset": card["provenance"]["options"], "report": options},
    }


def best_classical(row: dict[str, float | None], bounds: list[str]) -> tuple[str, float] | None:
    """Name and error of the best method besides the autoencoder; bounds do not count."""
    known = {
        method: error
        for method, error in row.items()
        if method != "autoencoder" and method not in bounds and error is not None
    }
    return min(known.items(), key=lambda item: item[1]) if known else None


def _provenance(record: dict) -> dict:
    """Provenance of a record: under its own key, or spread over the record."""
    return record.get("provenance", record)
