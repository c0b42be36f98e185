"""Draws the electrons of a synthetic material: basis, levels, integrals, how many there are.

What kind of solid it shall be (metal, semiconductor, insulator) is drawn first, in the shares
of the options; then electrons are drawn until the bands allow it, a few times at most.  Ranges
of levels surround Harrison's term values (integrals.py has the source).
"""

import numpy as np
from jaxtyping import Bool, Float

from ephforge.core.realspace import Crystal
from ephforge.electrons import filling
from ephforge.electrons.bases import LABELS, SHELLS
from ephforge.electrons.hopping import Electrons, assemble
from ephforge.electrons.integrals import FORMS, Bonds, field_law, hopping_law, overlap_law
from ephforge.electrons.neighbours import nearest_distance, neighbours
from ephforge.electrons.spectrum import energies, smallest_overlap

_PARTS = ("overlap", "crystal_field", "spin_orbit")  # that a material may have, by its share

ATTEMPTS = 6  # draws of one material, to get the kind of solid that it shall be
# of all hopping, log-uniform; 1 is Harrison's. Half of this left the lowest four bands narrower
# (8 eV in the median) than those of Si, C, SiC, AlAs and Al (12 to 26 eV)
SCALE = (0.7, 2.6)
SMALLEST_OVERLAP = 0.3  # eigenvalue of S(k) on the mesh; a larger overlap is scaled down to it

S_ENERGY = (-18.0, -9.0)  # eV, term values of s states
SP_SPLITTING = (4.0, 14.0)  # eV, p above s
EXCITED = (2.0, 8.0)  # eV, s* above p
VALENCE_D = (-2.0, 5.0)  # eV, d above s, as in transition metals
EMPTY_D = (5.0, 11.0)  # eV, d above p, as in semiconductors
IONICITY = (1.5, 9.0)  # eV, lowest level of the cations above the highest filled of the anions

ORBITAL_SIZE = (0.3, 0.5)  # root mean square radius, in nearest-neighbour distances
SPIN_ORBIT = {"p": (0.02, 0.6), "d": (0.01, 0.25)}  # eV, log-uniform


def draw(
    generator: np.random.Generator,
    crystal: Crystal,
    options: dict,
    charges_s: Float[np.ndarray, " s"] | None = None,
) -> Electrons:
    """Electrons of one material.

    Args:
      generator: of this material, purpose "electrons".
      crystal: sets the species and the nearest-neighbour distance.
      options: section coupling of the configuration: bases, and the shares overlap,
        crystal_field, spin_orbit, metals, semiconductors.
      charges_s: of the ions (their Born charges' mean); the anions' levels lie lower and are
        filled.  None where atoms are neutral.
    """
    basis = str(generator.choice(options["bases"]))
    form = str(generator.choice(FORMS))
    has = {name: generator.random() < options[name] for name in _PARTS}
    is_anion_s = np.zeros(len(crystal.numbers), bool) if charges_s is None else charges_s < 0
    wanted = _kind(generator, options, bool(is_anion_s.any()))
    spare = None
    for _ in range(ATTEMPTS):
        electrons = _electrons(generator, crystal, basis, form, has, is_anion_s)
        electrons, energy_kn = _positive(crystal, electrons)
        counts_of = _counts_of_kinds(energy_kn, basis, is_anion_s)
        if counts_of[wanted]:
            return electrons._replace(count=int(generator.choice(counts_of[wanted])))
        # next best is a gap of the other size, from the first draw that has one
        gapped = counts_of[filling.SEMICONDUCTOR] or counts_of[filling.INSULATOR]
        if spare is None or (gapped and not spare[1]):
            spare = electrons, gapped, counts_of[filling.METAL]
    electrons, gapped, metallic = spare
    return electrons._replace(count=int(generator.choice(gapped or metallic)))


def parameters(electrons: Electrons) -> dict:
    """The drawn numbers as plain values for a file, to six digits; the draw has all of them."""

    def plain(value):
        if isinstance(value, np.ndarray):
            return [plain(part) for part in value.tolist()]
        if isinstance(value, list):
            return [plain(part) for part in value]
        if isinstance(value, float):
            return float(f"{value:.6g}")
        if hasattr(value, "_asdict"):
            return {name: plain(part) for name, part in value._asdict().items()}
        return value

    return plain(electrons)


def _kind(generator: np.random.Generator, options: dict, is_ionic: bool) -> str:
    """Kind of solid in the shares of the options; never a metal if it is ionic."""
    metals, semiconductors = options["metals"], options["semiconductors"]
    share = generator.random()
    if is_ionic:
        share = metals + (1 - metals) * share
    if share < metals:
        return filling.METAL
    return filling.SEMICONDUCTOR if share < metals + semiconductors else filling.INSULATOR


def _counts_of_kinds(energy_kn, basis: str, is_anion_s) -> dict[str, list[int]]:
    """Electrons per cell that make each kind of solid; ions have one number, filled anions."""
    kinds = (filling.METAL, filling.SEMICONDUCTOR, filling.INSULATOR)
    if not is_anion_s.any():
        return {kind: filling.counts_of_kind(energy_kn, kind) for kind in kinds}
    count = int(is_anion_s.sum()) * (2 if basis == "s" else 8)
    found = filling.fill(energy_kn, count).kind
    return {kind: [count] * (kind == found) for kind in kinds}


def _electrons(generator, crystal: Crystal, basis, form, has, is_anion_s) -> Electrons:
    """One draw; the number of electrons is still open."""
    numbers_x = np.unique(crystal.numbers)
    bonds = _bonds(crystal)
    is_anion_x = np.isin(numbers_x, crystal.numbers[is_anion_s])
    level_xu = _levels(generator, basis, is_anion_x)
    scale = np.exp(generator.uniform(*np.log(SCALE)))
    hopping = hopping_law(generator, bonds, basis, form, scale)
    overlap = overlap_law(generator, hopping, basis) if has["overlap"] else None
    field = field_law(generator, bonds, basis, hopping.cutoff) if has["crystal_field"] else None
    feels_spin = has["spin_orbit"] and basis != "s"
    spin_xu = _spin_orbit(generator, basis, bonds.species) if feels_spin else None
    # <s| d/dx |p_x> of Gaussians with the root mean square radius r of s is sqrt(3) / 2 r
    size_xu = bonds.distance * generator.uniform(*ORBITAL_SIZE, level_xu.shape)
    gradient_xuv = np.sqrt(3) / 2 / np.sqrt(size_xu[:, :, None] * size_xu[:, None, :])
    return Electrons(
        basis, form, numbers_x, level_xu, hopping, overlap, field, gradient_xuv, spin_xu, 0
    )


def _bonds(crystal: Crystal) -> Bonds:
    distance = nearest_distance(crystal)
    pairs_p5, _ = neighbours(crystal, 1.1 * distance)
    atoms = len(crystal.numbers)
    return Bonds(distance, len(pairs_p5) / atoms, len(np.unique(crystal.numbers)))


def _levels(generator, basis: str, is_anion_x: Bool[np.ndarray, " x"]) -> Float[np.ndarray, "x u"]:
    """Energies of the shells of every species, eV."""
    count, labels = len(is_anion_x), LABELS[basis]
    level_of = {"s": generator.uniform(*S_ENERGY, count)}
    level_of["p"] = level_of["s"] + generator.uniform(*SP_SPLITTING, count)
    level_of["s*"] = level_of["p"] + generator.uniform(*EXCITED, count)
    valence_x = level_of["s"] + generator.uniform(*VALENCE_D, count)
    empty_x = level_of["p"] + generator.uniform(*EMPTY_D, count)
    # ions have closed shells of s and p: their d levels are empty
    has_valence_d = generator.random() < 0.5 and not is_anion_x.any()
    level_of["d"] = valence_x if has_valence_d else empty_x
    level_xu = np.stack([level_of[label] for label in labels], axis=-1)
    if is_anion_x.any():
        highest_filled = level_xu[is_anion_x, :2].max()
        above = highest_filled + generator.uniform(*IONICITY)
        level_xu[~is_anion_x] += above - level_xu[~is_anion_x].min()
    return level_xu


def _spin_orbit(generator, basis: str, count: int) -> Float[np.ndarray, "x u"]:
    """lambda of every shell, eV; s has none."""
    strength_xu = np.zeros((count, len(SHELLS[basis])))
    for u, label in enumerate(LABELS[basis]):
        if label in SPIN_ORBIT:
            strength_xu[:, u] = np.exp(generator.uniform(*np.log(SPIN_ORBIT[label]), count))
    return strength_xu


def _positive(crystal: Crystal, electrons: Electrons) -> tuple[Electrons, Float[np.ndarray, "k n"]]:
    """The same electrons with S(k) safely positive, and their bands without spin."""
    hopping, _ = assemble(crystal, electrons._replace(spin_orbit_xu=None))
    if electrons.overlap is not None:
        smallest = smallest_overlap(hopping)
        if smallest < SMALLEST_OVERLAP:
            # S = 1 + factor (S_drawn - 1) has the same eigenvectors
            factor = (1 - SMALLEST_OVERLAP) / (1 - smallest)
            law = electrons.overlap
            law = law._replace(strength_xyuvm=factor * law.strength_xyuvm)
            electrons = electrons._replace(overlap=law)
            hopping, _ = assemble(crystal, electrons._replace(spin_orbit_xu=None))
    return electrons, energies(hopping)
