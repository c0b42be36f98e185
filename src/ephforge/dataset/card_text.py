"""The dataset card that people read: Markdown made from the numbers of card.json, and nothing else.

Every statement about biases and limits is computed from the counts.
"""

import importlib.metadata
import json
from typing import Any

from ephforge.dataset.card import COUNTED, MOMENTS, QUANTILES
from ephforge.dataset.index import FLAGS, NUMBERS, SIZES, TEXTS

SECTIONS = (
    "Contents",
    "Acceptance",
    "Splits",
    "Variables",
    "Biases and limits",
    "Provenance",
    "Licences",
    "Reading, checking, making again, citing",
)
LARGEST_SHARE = 0.1  # of the accepted materials in one pair: above it a family dominates
LOW_ACCEPTANCE = 0.3  # below it a pair is called thin


def card_text(card: dict[str, Any]) -> str:
    """Markdown text; `card` as the stage writes it to card.json."""
    bodies = (
        _contents, _acceptance, _splits, _variables, _limits, _provenance, _licences, _use,
    )  # fmt: skip
    parts = [f"# Dataset card\n\n{_summary(card)}"]
    for heading, body in zip(SECTIONS, bodies, strict=True):
        parts.append(f"## {heading}\n\n{body(card)}")
    return "\n\n".join(parts) + "\n"


def _summary(card: dict) -> str:
    size = (
        f"{card['bytes'] / 1e6:,.1f} MB"
        if card["bytes"] < 1e9
        else f"{card['bytes'] / 1e9:,.1f} GB"
    )
    return (
        "Electron-phonon coupling |g_mnv(k, q)| of synthetic materials: tight-binding electrons on "
        "lattices of classical interatomic potentials. No material here is a real one, and no "
        "first-principles number entered.\n\n"
        f"{card['accepted']:,} materials of {card['drawn']:,} drawn, {card['matrices']:,} coupling "
        "matrices (one for each final band, initial band and mode: a map over k and q), in "
        f"{card['shards']:,} files of {size} together, {card['bytes'] / card['accepted']:,.0f} "
        f"bytes per material. {card['stored_numbers']:,} numbers stand, one for each symmetry "
        f"orbit, for the {card['full_numbers']:,} of the full grids."
    )


def _contents(card: dict) -> str:
    shown = [(entry, card[entry]) for entry in COUNTED if entry != "families"]
    shown.append(("stabilised", card["stabilised"]))
    tables = [
        f"Accepted materials by {COUNTED.get(entry, 'stabilisation')}:\n\n"
        + _table(
            (entry, "materials"), [(name or "not stated", f"{n:,}") for name, n in found.items()]
        )
        for entry, found in shown
    ]
    flags = [(meaning, f"{card[flag]:,}", _percent(card[flag], card["accepted"]))
             for flag, meaning in FLAGS.items()]  # fmt: skip
    tables.append(
        "Physics that only some have:\n\n" + _table(("what", "materials", "share"), flags)
    )
    moments = [
        (text, unit, *(f"{x:.4g}" for x in card["moments"][name]))
        for name, (text, unit) in MOMENTS.items()
        if card["moments"][name]
    ]
    heads = ("what", "unit", *(f"{100 * x:g} %" for x in QUANTILES))
    tables.append("Quantiles over accepted materials:\n\n" + _table(heads, moments))
    return "\n\n".join(tables)


def _acceptance(card: dict) -> str:
    def rows(found):
        return [
            (name or "not stated", *_verdict(verdict))
            for name, verdict in found.items()
        ]  # fmt: skip

    heads = ("accepted", "drawn", "share", "reasons of the others")
    reasons = ", ".join(f"{reason} {n:,}" for reason, n in card["rejected"].items()) or "none"
    return (
        f"{_percent(card['accepted'], card['drawn'])} of the drawn materials were accepted. "
        f"Reasons of the others: {reasons}.\n\n"
        + _table(("crystal system", *heads), rows(card["drawn_systems"]))
        + "\n\n"
        + _table(("variant", *heads), rows(card["drawn_variants"]))
        + "\n\n"
        + _table(("prototype/potential", *heads), rows(card["pairs"]))
    )


def _verdict(found: dict) -> tuple[str, ...]:
    reasons = ", ".join(f"{reason} {n:,}" for reason, n in sorted(found["rejected"].items()))
    share = _percent(found["accepted"], found["drawn"])
    return f"{found['accepted']:,}", f"{found['drawn']:,}", share, reasons


def _splits(card: dict) -> str:
    rows = [
        (name, f"{found['materials']:,}", f"{len(found['families']):,}")
        for name, found in card["splits"].items()
    ]
    options = card["provenance"]["options"]
    return (
        "A family is prototype/potential/basis. Whole families are dealt to one split, never "
        f"single materials, with validation share {options['validation_fraction']:g} and test "
        f"share {options['test_fraction']:g} of the materials, so that the test split holds "
        "combinations that training never saw; every prototype keeps a family for training where "
        "it has two, and EMT's parameter sets count as one potential. The draw follows from the "
        "campaign seed. Materials with more than "
        f"{options['largest_orbits']} orbits or {options['largest_modes']} modes are set aside: "
        "they are in the database, in no split that is learnt from.\n\n"
        + _table(("split", "materials", "families"), rows)
    )


def _variables(card: dict) -> str:
    shards = [
        (name, ", ".join(v["dimensions"]), v["unit"], v["type"], v["meaning"])
        for name, v in card["variables"].items()
    ]
    table = [(name, "1", text) for name, text in (TEXTS | FLAGS | SIZES).items()]
    table += [(name, unit, text) for name, (unit, text) in NUMBERS.items()]
    return (
        "In `results/coupling/FIRST-LAST.nc`, one group for each material (CONVENTIONS.md gives "
        "signs, phases and the numbering of points):\n\n"
        + _table(("variable", "dimensions", "unit", "type", "meaning"), shards)
        + "\n\nIn `results/dataset/dataset.nc`, over the dimension material:\n\n"
        + _table(("variable", "unit", "meaning"), table)
    )


def _limits(card: dict) -> str:
    accepted, pairs = card["accepted"], card["pairs"]
    empty = [name for name, found in pairs.items() if not found["accepted"]]
    thin = [
        name
        for name, found in pairs.items()
        if found["accepted"] and found["accepted"] / found["drawn"] < LOW_ACCEPTANCE
    ]
    largest = max(card["families"], key=card["families"].get)
    heavy = [name for name, found in pairs.items() if found["accepted"] > LARGEST_SHARE * accepted]
    aside = card["splits"]["aside"]["materials"]
    drawn_shares = ", ".join(
        f"{name or 'not stated'} {_percent(v['drawn'], card['drawn'])} -> "
        f"{_percent(v['accepted'], accepted)}"
        for name, v in card["drawn_systems"].items()
    )
    lines = [
        f"Acceptance shifts what was drawn evenly. Crystal systems, share of the drawn -> of the "
        f"accepted: {drawn_shares}.",
        f"The largest family is {largest} with {_percent(card['families'][largest], accepted)} of "
        f"the accepted; pairs of prototype and potential above {LARGEST_SHARE:.0%}: "
        f"{', '.join(heavy) or 'none'}.",
        f"Pairs that were drawn and never accepted: {', '.join(empty) or 'none'}.",
        f"Pairs of which fewer than {LOW_ACCEPTANCE:.0%} were accepted: "
        f"{', '.join(thin) or 'none'}.",
        f"{_percent(aside, accepted)} of the accepted materials are set aside for their size, so "
        "what is learnt from is more symmetric and smaller than the database.",
        f"{card['polar']:,} accepted materials are polar. Layers are repeated along z, and the "
        "dielectric constant of a polar one fills the space between them, too.",
        f"{card['three_centre']:,} are of the three-centre kind. |g| at q != 0 of compounds among "
        "them holds the dipole field of their own electrons, not of the charges of the lattice; "
        "where the lattice has no charges phonons have no dipole part, and they do not count as "
        "polar.",
        "Crystals at rest, at zero temperature, harmonic: rejected for imaginary modes, not "
        f"repaired unless the card counts them as stabilised ({_stabilised(card)}).",
        "Potentials and hopping laws are models with drawn parameters; masses, lengths and "
        "energies are drawn or scaled and do not belong to the element whose number an atom has.",
        "Orbits replace pairs of (k, q): the largest part that this leaves out of a material, "
        f"||g - g_orbit|| / ||g||, is {_largest_asymmetry(card)}.",
    ]
    return "\n".join(f"- {line}" for line in lines)


def _stabilised(card: dict) -> str:
    found = {name: n for name, n in card["stabilised"].items() if name != "no"}
    return ", ".join(f"{name} {n:,}" for name, n in found.items()) or "none"


def _largest_asymmetry(card: dict) -> str:
    found = card["moments"]["asymmetry"]
    return f"{found[-1]:.2g}" if found else "not stated by the shards"


def _provenance(card: dict) -> str:
    stages = {
        **card["earlier"],
        "dataset": {key: [card["provenance"][key]] for key in ("code", "options")},
    }
    lines = [f"Campaign seed {card['seed']}. Code fingerprints and options of the stages:"]
    for stage, found in stages.items():
        codes = ", ".join(f"`{code}`" for code in found["code"])
        lines += ["", f"**{stage}**, code {codes}", ""]
        lines += [f"```json\n{json.dumps(options)}\n```" for options in found["options"]]
    made = [", ".join(f"{name} {v}" for name, v in found.items()) for found in card["made_with"]]
    return "\n".join([*lines, "", "Made with:", "", *(f"- {line}" for line in made)])


def _licences(card: dict) -> str:
    packages = sorted(
        {name for found in card["made_with"] for name in found} - {"ephforge", "python"}
    )
    rows = [(name, _licence(name)) for name in packages]
    return (
        "ephforge and the files of its repository: MIT. The data are numbers computed by whoever "
        "ran the campaign, from no data of others; ephforge puts no condition on them, and the "
        "packages that computed them put theirs on their code, not on its output. State the "
        "licence under which you pass a campaign on; MIT is meant if nothing is said.\n\n"
        + _table(("package", "licence, as its metadata state"), rows)
    )


def _licence(package: str) -> str:
    try:
        found = importlib.metadata.metadata(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed here"
    classifiers = [c for c in found.get_all("Classifier") or [] if c.startswith("License ::")]
    if expression := found.get("License-Expression"):
        return expression
    if classifiers:
        return classifiers[0].split(" :: ")[-1]
    return (found.get("License") or "not stated").strip().splitlines()[0]


def _use(card: dict) -> str:
    return (
        "```python\n"
        "from ephforge.dataset.splits import iterate, read_splits\n\n"
        'for block in iterate("results/dataset/dataset.nc", "train"):  # one at a time\n'
        "    block.g  # |g| in meV, [final band, initial band, mode, orbit]\n"
        "```\n\n"
        "```\n"
        "ephforge validate results/dataset/dataset.nc results/coupling/*.nc\n"
        "ephforge regenerate results/coupling/FIRST-LAST.nc NAME\n"
        "```\n\n"
        "A material follows from the seed, its number, the options and the code named above; "
        "`regenerate` makes it again and compares every bit. Cite the repository of ephforge with "
        f"its version, the seed ({card['seed']}) and the code fingerprints of this card."
    )


def _table(heads: tuple, rows: list[tuple]) -> str:
    lines = [heads, ("---",) * len(heads), *rows]
    return "\n".join(
        "| " + " | ".join(str(x).replace("|", "\\|") for x in row) + " |" for row in lines
    )


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"
