"""What the stages modelcodec and refinement found of real-space models, where they were run."""

from pathlib import Path

from ephforge.core.records import read_record
from ephforge.report.style import name

STAGES = ("modelcodec", "refinement")
# measure of a refinement -> heading; the phonons are those that each method has
MEASURES = {
    "magnitude": "phonons of the fine mesh",
    "own_modes": "own phonons, mode by mode",
    "own_summed": "own phonons, summed",
}


def found(paths: list[str]) -> tuple[dict[str, dict[str, dict]], list[tuple[str, Path]]]:
    """Records by stage and material, and (heading, picture) of each; pictures lie beside them."""
    records = {stage: {} for stage in STAGES}
    pictures = []
    for path in map(Path, paths):
        record = read_record(path)
        records[record["stage"]][record["name"]] = record
        words = {"modelcodec": "bits", "refinement": "refinement in q"}[record["stage"]]
        if path.with_suffix(".png").exists():
            pictures.append((f"{name(record['name'])}: {words}", path.with_suffix(".png")))
    return records, _of_all(paths) + pictures


def _of_all(paths: list[str]) -> list[tuple[str, Path]]:
    """The picture of all materials of modelcodec, beside the folder of its records."""
    folders = {Path(path).parent for path in paths}
    return [
        ("bits of g, all materials", folder.with_suffix(".png"))
        for folder in sorted(folders)
        if folder.with_suffix(".png").exists()
    ]


def numbers(records: dict[str, dict[str, dict]]) -> dict[str, dict]:
    """What metrics.json keeps: everything but the paths that are drawn."""
    return {
        stage: {
            material: {key: value for key, value in record.items() if key != "path"}
            for material, record in of_stage.items()
        }
        for stage, of_stage in records.items()
    }


def bits(records: dict[str, dict]) -> list[dict]:
    """Rows material x error: bits of g by the codec, with templates, and by what comes nearest."""
    rows = []
    for material, record in records.items():
        for i, row in enumerate(sorted(record["rows"], key=lambda row: row["error"])):
            told = row["bits"]
            ours = min(told["codec"], told.get("templates", told["codec"]))
            rows.append(
                {
                    "material": name(material),
                    "first": i == 0,
                    "span": len(record["rows"]),
                    "error": row["error"],
                    "ratio": ours / told["histogram"],
                    **{key: told.get(key) for key in _SHOWN_BITS},
                }
            )
    return rows


_SHOWN_BITS = ("codec", "templates", "decay", "histogram", "symmetric", "entropy", "truncation")


def refinements(records: dict[str, dict]) -> list[dict]:
    """Rows material x coarse mesh: errors of EPW and refined, and minutes of DFPT."""
    rows = []
    for material, record in records.items():
        fine = "x".join(map(str, record["q_mesh"]))
        for i, (mesh, trials) in enumerate(record["coarse"].items()):
            cost = record["dfpt"]
            rows.append(
                {
                    "material": name(material),
                    "first": i == 0,
                    "span": len(record["coarse"]),
                    "mesh": mesh,
                    "fine": fine,
                    "method": record["method"],
                    "errors": [
                        (trials["epw"][key], trials[record["method"]].get(key)) for key in MEASURES
                    ],
                    "minutes": (cost[mesh]["minutes"], cost[fine]["minutes"]) if cost else None,
                    "is_estimate": bool(cost) and not cost[mesh]["run"],
                    "saved": _bounds(record, mesh),
                }
            )
    return rows


def _bounds(record: dict, mesh: str) -> list[tuple[float, float] | None]:
    """Bounds on minutes saved at equal error, for each measure."""
    told = [record["saved_minutes"].get(key, {}).get(mesh) for key in MEASURES]
    return [(one["least"], one["most"]) if one else None for one in told]
