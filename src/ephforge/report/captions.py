"""What a reader sees in each figure, in plain words; numbers are read off the records."""

from ephforge.report.figures import LEAST_ERROR
from ephforge.report.metrics import best_classical
from ephforge.report.style import name

_LINEAR_PART = (
    "Its linear part alone, without the convolutions, is drawn to show what these add; it is not "
    "counted among the classical methods."
)
_NEVER_SEEN = (
    "The synthetic ones include relatives of some real ones (Al by EMT, C and Si by Brenner), with "
    "rescaled potentials and masses, and random tight binding; no first-principles number "
    "entered."
)


def campaign(card: dict) -> str:
    """Caption of `figures.campaign`."""
    rejected = ", ".join(f"{reason}: {count}" for reason, count in card["rejected"].items())
    return (
        f"{card['accepted']} of {card['drawn']} drawn materials were accepted"
        f"{f' (rejected: {rejected})' if rejected else ''}; they hold {card['matrices']} coupling "
        "matrices, one for each pair of bands and each mode. Each field says how many of the "
        "drawn materials were accepted. Families of prototype, potential and basis lie in one "
        "split as a whole, so the test split holds only combinations that training never saw."
    )


def learning(history: dict) -> str:
    """Caption of `figures.learning_curve`."""
    columns = history["columns"]
    scores = [e for e in columns.get("validation", []) if e is not None]
    best = (
        " The score is the geometric mean over the steps of codes on the validation split; "
        f"the smallest is {min(scores):.3f}."
        if scores
        else ""
    )
    empty = "" if scores else " The validation split is empty, so the last weights are used."
    return (
        f"Relative error over {columns['step'][-1]} optimiser steps. Training batches are codes "
        "of random steps and some hide all but the coarse q mesh, so their error is not "
        f"comparable with one validation curve.{best}{empty}"
    )


def compression(compress: dict) -> str:
    """Caption of `figures.compression`."""
    rows = [row for table in compress["first_principles"].values() for row in table.values()]
    verdicts = [v for row in rows if (v := verdict(row)) is not None]
    won = sum(v["autoencoder"] < v["classical"] for v in verdicts)
    return (
        "Error over the full grid against bits stored per 32 bits of that grid, for the mean over "
        "synthetic test materials and for each real material. On real materials the autoencoder "
        f"has a smaller error than every classical method in {won} of {len(verdicts)} cases "
        f"(material and budget). {_LINEAR_PART} All methods quantise and use an entropy "
        "coder; values, scales, positions, steps and headers count. Methods that learn "
        "(autoencoder, PCA) do so from the same synthetic training split; their weights and "
        "components are not counted. Errors below "
        f"{LEAST_ERROR:g} are drawn at the lower edge."
    )


def maps() -> str:
    """Caption of `maps.compressed_maps`."""
    return (
        "The strongest channel of each material over all k and q of the meshes, as computed and as "
        "rebuilt at one budget; the number is the relative error of this channel alone. Colour "
        "scales are shared within a row."
    )


def super_resolution(refine: dict) -> str:
    """Caption of `figures.super_resolution`."""
    mesh = " x ".join(map(str, refine["coarse_q_mesh"]))
    tables = refine["first_principles"]
    verdicts = [v for row in tables.values() if (v := verdict(row)) is not None]
    won = sum(v["autoencoder"] < v["classical"] for v in verdicts)
    table = refine["synthetic_test"] or next(iter(tables.values()), {})
    plain = [table[m] for m in ("trilinear", "cubic", "fourier") if table.get(m) is not None]
    same = len(plain) == 3 and max(plain) - min(plain) < 1e-9
    powers = ", ".join(f"{m} {p:g}" for m, p in refine["tuning"]["powers"].items())
    return (
        f"The q points of a {mesh} mesh are given with all k; the error is over all other q "
        f"points. The autoencoder has a smaller error than every classical method for {won} of "
        f"{len(verdicts)} real materials. {_LINEAR_PART} "
        "Interpolations act on a power of |g| chosen on validation materials "
        f"({powers}) and are made symmetric; the regression learns from the training split."
        + (" Midway between two points per axis the three interpolations agree." if same else "")
    )


def refined_maps(refine: dict) -> str:
    """Caption of `maps.refined_maps`."""
    mesh = " x ".join(map(str, refine["coarse_q_mesh"]))
    return (
        "The strongest channel of each material over all k and q: as computed, at the q of the "
        f"{mesh} mesh that are given, and as refined by the autoencoder and by the best other "
        "method; the number is the relative error of this channel at the other q. Colour scales "
        "are shared within a row."
    )


def classification(classify: dict) -> str:
    """Caption of `figures.classification`."""
    found = classify["synthetic_test"]
    within = found["within_lattice"]
    return (
        f"Share of {found['materials']} materials of unseen families whose prototype a linear "
        f"probe names correctly; pale bars: {within['materials']} materials, only among prototypes "
        f"with one lattice ({', '.join(within['classes'])}), since the symmetry of the map alone "
        "gives the lattice away. All features tell the numbers of bands and modes; the encoder "
        "is told the lattice besides, by its harmonics and symmetry moves, and which states are "
        "degenerate; the others are not. "
        "The grey bar is guessing by training frequency."
    )


def latent(record: dict) -> str:
    """Caption of `figures.latent_plane`."""
    nearest = [found[0] for found in record["neighbours"].values() if found]
    ratios = [n["relative_distance"] for n in nearest if n["relative_distance"] is not None]
    middle = sorted(ratios)[len(ratios) // 2] if ratios else None
    distance = (
        f" The nearest synthetic neighbour of a real material is typically {middle:.1f} times as "
        "far as that of a synthetic one."
        if middle is not None
        else ""
    )
    return (
        "Each point is a material, described by the mean and spread over the mesh of the encoder's "
        f"features. {_NEVER_SEEN}{distance}"
    )


def novelty(record: dict) -> str:
    """Caption of `figures.novelty`: the limit, whether it holds, who lies beyond it."""
    found = record["novelty"]
    words = (
        "Mean distance of a material's features to those of its five nearest training materials, "
        "in components of unit variance. Lines are real materials, marks synthetic ones of "
        "held-out families with their median."
    )
    limit = found["limit"]
    if limit is None:
        return (
            f"{words} The {found['families']} families of the validation split are too few for a "
            f"limit that {100 * found['level']:g} % of new families stay within."
        )
    beyond = [name(m) for m, score in found["first_principles"].items() if score > limit]
    held = sum(score > limit for score in found["test"])
    return (
        f"{words} The limit {limit:.2f} is that which {100 * found['level']:g} % of new families "
        f"stay within, by the {found['families']} families of the validation split (conformal "
        f"prediction, each family with the same weight); {held} of {len(found['test'])} test "
        "materials are beyond it. "
        f"Real materials beyond it: {', '.join(beyond) or 'none'}."
    )


def verdict(row: dict) -> dict | None:
    """Autoencoder against the best classical method of one row; None if one of them is missing."""
    best = best_classical(row)
    if best is None or row.get("autoencoder") is None:
        return None
    method, error = best
    return {"autoencoder": row["autoencoder"], "classical": error, "method": method}
