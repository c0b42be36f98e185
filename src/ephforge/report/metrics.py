"""results/report/metrics.json: the numbers of all stages, in one place."""

from typing import Any

# with a record of their own
STAGES = (
    *("dataset", "train", "compress", "classify", "superresolve", "latent", "coverage"),
    "dispersions",
)
COMPRESSION = (
    "best_classical", "geometric_mean", "bits", "decoder_bytes", "error_bounded", "physics",
)  # fmt: skip
OWN = ("autoencoder", "linear")  # whole, and without its convolutions: no classical methods


def assemble(
    records: dict[str, dict], materials: list[dict], options: dict, provenance: dict
) -> dict[str, Any]:
    """One record from those of the stages.

    Args:
      records: "card", "history", "compress", "classify", "superresolve", "latent", "coverage",
        and the attributes of the file of stage dispersions.
      materials: attributes of the files of stage firstprinciples.
      options: section `report`.

    Returns:
      `synthetic_test` and `first_principles.<material>`, each with compress, superresolve,
      classify and bonding; `compression` (the best classical method and the ratio to it, bits,
      error-bounded codes, physics of rebuilt maps, of real materials); `coverage`
      (shares of real values and curves that the synthetic materials cover);
      `novelty` (limit and share of test materials beyond it; scores of real ones stand with them);
      `materials`, `matrices`, `splits`, `seed` of the campaign; by stage `wall_time`
      (seconds, summed over shards and materials), `machines`, `code` and `options`, of all stages
      but this one's `wall_time` and `machines`.  Shards made with several codes, options or
      machines have them as a list.
    """
    card, compress = records["card"], records["compress"]
    refine, classify = records["superresolve"], records["classify"]
    stages = _stages(records, materials)
    return {
        "synthetic_test": {
            "compress": compress["synthetic_test"],
            "compress_median": compress["synthetic_test_median"],
            "superresolve": refine["synthetic_test"],
            "superresolve_median": refine["synthetic_test_median"],
            "classify": classify["synthetic_test"],
            "bonding": classify["bonding"]["lattices"],
            "materials": card["splits"]["test"]["materials"],
        },
        "first_principles": {
            name: {
                "compress": compress["first_principles"][name],
                "superresolve": refine["first_principles"][name],
                "classify": classify["first_principles"][name],
                "bonding": classify["bonding"]["first_principles"].get(name),
                "neighbours": records["latent"]["neighbours"].get(name),
                "coverage": records["coverage"]["first_principles"].get(name),
                "novelty": records["latent"]["novelty"]["first_principles"].get(name),
            }
            for name in compress["first_principles"]
        },
        "coverage": {
            "distributions": {
                key: {"within": table["within"], "overlap": table["overlap"]}
                for key, table in records["coverage"]["distributions"].items()
            },
            "curves": records["coverage"]["curves"],
        },
        "novelty": _novelty(records["latent"]["novelty"]),
        "compression": {key: compress[key] for key in COMPRESSION},
        "materials": {
            key: card[key]
            for key in ("drawn", "accepted", "rejected", "prototypes", "potentials", "bases")
        },
        "matrices": card["matrices"],
        "splits": card["splits"],
        "reasons": {"compress": compress["reasons"], "superresolve": refine["reasons"]},
        "seed": card["seed"],
        "wall_time": {s: facts["wall_seconds"] for s, facts in stages.items()},
        "machines": {s: facts["machine"] for s, facts in stages.items()},
        "code": {s: facts["code"] for s, facts in stages.items()} | {"report": provenance["code"]},
        "options": {s: facts["options"] for s, facts in stages.items()} | {"report": options},
    }


def _stages(records: dict[str, dict], materials: list[dict]) -> dict[str, dict]:
    """Options, code and wall time of every stage before the report, in the order of the flow."""
    card = records["card"]
    real = {
        "wall_seconds": sum(found["wall_seconds"] for found in materials),
        "options": [found["options"] for found in materials],
        "code": [found["code"] for found in materials],
        "machine": [found["machine"] for found in materials],
    }
    several = {**card["earlier"], "firstprinciples": real}
    stages = {
        stage: facts | {key: _one_or_all(facts[key]) for key in ("options", "code", "machine")}
        for stage, facts in several.items()
    }
    named = {"dataset": card, "train": records["history"], **records}
    return stages | {
        stage: _provenance(named[stage])
        | {key: named[stage][key] for key in ("wall_seconds", "machine")}
        for stage in STAGES
    }


def _novelty(found: dict) -> dict:
    limit, test = found["limit"], found["test"]
    beyond = sum(score > limit for score in test) / len(test) if test and limit else None
    return {"level": found["level"], "limit": limit, "test_beyond_limit": beyond}


def _one_or_all(values: list) -> Any:
    distinct = [value for i, value in enumerate(values) if value not in values[:i]]
    return distinct[0] if len(distinct) == 1 else distinct


def best_classical(row: dict[str, float | None]) -> tuple[str, float] | None:
    """Name and error of the best method that is not the autoencoder's own."""
    known = {
        method: error for method, error in row.items() if method not in OWN and error is not None
    }
    return min(known.items(), key=lambda item: item[1]) if known else None


def _provenance(record: dict) -> dict:
    """Provenance of a record: under its own key, or spread over the record."""
    return record.get("provenance", record)
