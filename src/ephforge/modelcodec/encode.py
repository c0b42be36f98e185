"""A model as a short string of bytes, with bounds on the errors that are checked on what decodes.

Streams of H, Phi and g follow the header; each is reduced by symmetry, quantised and range-coded.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ephforge.core.errors import EphforgeError
from ephforge.core.realspace import Mesh, Model
from ephforge.modelcodec import container, edges, errors, stream, templates
from ephforge.modelcodec.container import Container
from ephforge.modelcodec.header import Header, generating, pack, unpack
from ephforge.modelcodec.lists import model as on_lists
from ephforge.modelcodec.lists import with_sum_rule
from ephforge.modelcodec.parts import Parts, parts
from ephforge.modelcodec.prior import STEPS_PER_OCTAVE, Prior, grains, safe_offset
from ephforge.modelcodec.quantise import within
from ephforge.modelcodec.weights import PAIR, SYNTHETIC
from ephforge.symmetry.coarse import coarse, coarse_coupling
from ephforge.symmetry.representation import LARGEST_CHANGE, by_centre, represent

_TRIALS = 9  # halvings of the range of a bound
_RANGE = 1e-6  # smallest relative error of H and Phi that is tried
_TIGHTER = 0.97  # of a bound that rounding or H and Phi made fail
_ATTEMPTS = 12


class Bounds(NamedTuple):
    """Largest errors: g relative; bands and phonons in eV; |g| relative, or None."""

    coupling: float
    bands: float
    phonons: float
    magnitude: float | None


class Compressed(NamedTuple):
    """The bytes, what they decode to, and what that differs by.

    Attributes:
      errors: of "coupling" (complex g), "magnitude" (|g|), "bands" and "phonons" (eV).
      bits: of "g", "hopping", "phi", "header" and the "file".
    """

    data: bytes
    model: Model
    errors: dict[str, float]
    bits: dict[str, int]


def compress(
    model: Model, k_mesh: Mesh, q_mesh: Mesh, bounds: Bounds, filled: int | None = None
) -> Compressed:
    """Compress a general model.

    Args:
      filled: number of full bands, to keep small-q couplings at the band edges better (edges.py).

    Raises:
      EphforgeError: not a model of real functions, or a bound cannot be met.
    """
    values = coarse(model, k_mesh, q_mesh)
    header = model_header(model, values, bounds)
    known = parts(header)
    weighed_xn = None if filled is None else _at_edges(header, model, known, filled)
    own = known.reductions.coefficients(values)
    meshes = (header.k_mesh, header.q_mesh)
    hopping = _to_bound(own[0], known.hopping_nf, _bands_error(model, header, known), bounds.bands)
    phi = _to_bound(
        own[1][known.is_stored_n],
        known.phi_nf[known.is_stored_n],
        _phonon_error(model, header, known),
        bounds.phonons,
    )
    found = templates.available(header, known.reductions, _home(header, known, hopping))
    kept = np.linalg.norm(own[2])
    all_g = np.linalg.norm(coarse_coupling(model.coupling, *meshes))
    aim = bounds.coupling
    for _ in range(_ATTEMPTS):
        square = (aim * all_g) ** 2 - (all_g**2 - kept**2)
        if square <= 0:
            raise EphforgeError(
                f"{model.name}: error {bounds.coupling} of g asked for, but symmetry and the real "
                f"part alone leave {np.sqrt(max(1 - (kept / all_g) ** 2, 0)):.1e}; ask for more"
            )
        mean, g = with_mean(own[2], known, found, float(np.sqrt(square)), weighed_xn)
        data = container.write(Container(pack(header), mean, hopping, phi, g))
        again = decode(data)
        measured = _measured(model, again, meshes)
        if _holds(measured, bounds):
            return Compressed(data, again, measured, container.bits(data))
        excess = measured["magnitude"] / bounds.magnitude if bounds.magnitude is not None else 1.0
        aim *= _TIGHTER / max(excess, 1.0)
    raise EphforgeError(
        f"{model.name}: |g| differs by {measured['magnitude']:.2e} with g to {aim:.1e}, asked for "
        f"{bounds.magnitude}; ask for better bands and phonons"
    )


def decode(data: bytes) -> Model:
    """The model that bytes hold.

    Raises:
      EphforgeError: damaged, or of another kind or version.
    """
    found = container.read(data)
    header = unpack(found.header)
    known = parts(header)
    defaults, features = (PAIR, PAIR, SYNTHETIC), _stored_features(known)
    told = [
        stream.read(one, default, own)
        for one, default, own in zip(found.streams, defaults, features, strict=True)
    ]
    container.check(data, [one.value_n for one in told])
    hopping_n, phi_n, g_n = (one.numbers() for one in told)
    mean = templates.unpacked(found.mean)
    home_ab = _home(header, known, stream.Coded(b"", told[0]))
    made = [
        templates.template(number, header, known.reductions, home_ab) for number in mean.numbers
    ]
    return _model(header, known, hopping_n, phi_n, g_n + mean.total(made))


def _home(header: Header, known: Parts, hopping: stream.Coded):
    """H(0) as it decodes, which settles the signs of the templates' functions."""
    empty = [np.zeros(len(known.is_stored_n)), np.zeros(known.reductions.g.size)]
    hopping_n, meshes = hopping.quantised.numbers(), (header.k_mesh, header.q_mesh)
    return known.reductions.values(hopping_n, *empty, meshes).hopping_rab[0]


def _at_edges(header: Header, model: Model, known: Parts, filled: int):
    how = known.reductions
    return edges.rows(header, model.hopping, how.g, how.place_xi, filled)


def with_mean(
    target_n, known: Parts, found, largest: float, weighed_xn=None, start: Prior = SYNTHETIC
) -> tuple[bytes, stream.Coded]:
    """What templates give and the rest, in the fewest bytes of all numbers of templates."""
    plain = coded(target_n, known.g_nf, start, largest)
    best, rest = (b"", plain), target_n
    step = 2.0 ** (plain.quantised.step / STEPS_PER_OCTAVE)
    for mean in templates.means(target_n, *found, 2 * step)[1:]:
        rest_n = target_n - mean.total(found[1][: len(mean.numbers)])
        trial = (mean.packed(), coded(rest_n, known.g_nf, start, largest))
        if sum(map(len, (trial[0], trial[1].data))) < sum(map(len, (best[0], best[1].data))):
            best, rest = trial, rest_n
    if weighed_xn is not None:
        best = (best[0], coded(rest, known.g_nf, start, largest, weighed_xn))
    return best


def stored_meshes(data: bytes) -> tuple[Mesh, Mesh]:
    """Coarse k and q mesh of the model that bytes hold."""
    header = unpack(container.read(data).header)
    return header.k_mesh, header.q_mesh


def _stored_features(known: Parts):
    return known.hopping_nf, known.phi_nf[known.is_stored_n], known.g_nf


def _model(header: Header, known: Parts, hopping_n, phi_n, g_n) -> Model:
    all_n = np.zeros(len(known.is_stored_n))
    all_n[known.is_stored_n] = phi_n
    values = known.reductions.values(hopping_n, all_n, g_n, (header.k_mesh, header.q_mesh))
    return on_lists(header, values._replace(phi_rsctd=with_sum_rule(values.phi_rsctd)))


def model_header(model: Model, values, bounds: Bounds) -> Header:
    """Header of a model, as a decoder will see it."""
    hopping = model.hopping
    tolerance = min(LARGEST_CHANGE, bounds.coupling / 2)
    found = represent(values, model.crystal, hopping.centres, hopping.site, tolerance)
    on_atoms = not np.array_equal(found.site_a, by_centre(hopping.centres)[0])
    header = Header(
        model.name,
        model.crystal,
        values.k_mesh,
        values.q_mesh,
        hopping.centres,
        hopping.site,
        on_atoms,
        *generating(found),
        model.long_range,
        np.array(bounds[:3]),
    )
    return unpack(pack(header))


def coded(target_n, features_nf, default: Prior, largest: float, weighed_xn=None) -> stream.Coded:
    """Coefficients in the fewest bits that keep the norm of the error within a bound."""
    offset = safe_offset(features_nf)
    grains_nf = grains(features_nf, offset)
    found, prior = within(target_n, grains_nf, default, largest, weighed_xn)
    data = stream.write(found, prior, default, offset, grains_nf)
    return stream.Coded(data, found)


def _to_bound(
    target_n, features_nf, error: Callable[[np.ndarray], float], bound: float
) -> stream.Coded:
    """The coarsest quantisation for which an error stays below a bound."""
    norm = float(np.linalg.norm(target_n))
    low, high, best = np.log(_RANGE * norm), np.log(norm), None
    for _ in range(_TRIALS):
        middle = (low + high) / 2
        trial = coded(target_n, features_nf, PAIR, float(np.exp(middle)))
        if error(trial.quantised.numbers()) > bound:
            high = middle
        else:
            low, best = middle, trial
    if best is None:
        raise EphforgeError(f"bands or phonons to {bound:.1e} eV cannot be met; ask for more")
    return best


def _bands_error(model: Model, header: Header, known: Parts):
    before_kn = errors.bands(model.hopping, header.k_mesh)
    empty = [np.zeros(len(known.is_stored_n)), np.zeros(known.reductions.g.size)]

    def error(hopping_n) -> float:
        values = known.reductions.values(hopping_n, *empty, (header.k_mesh, header.q_mesh))
        after = on_lists(header, values)
        return float(np.abs(errors.bands(after.hopping, header.k_mesh) - before_kn).max())

    return error


def _phonon_error(model: Model, header: Header, known: Parts):
    phonons = errors.Phonons(model, header.q_mesh)
    before_qv = phonons(model.force_constants)
    empty = [np.zeros(known.reductions.hopping.size), np.zeros(known.reductions.g.size)]

    def error(phi_n) -> float:
        after = _model(header, known, empty[0], phi_n, empty[1])
        return float(np.abs(phonons(after.force_constants) - before_qv).max())

    return error


def _measured(before: Model, after: Model, meshes) -> dict[str, float]:
    phonons = errors.Phonons(before, meshes[1])
    old, new = (phonons(m.force_constants) for m in (before, after))
    moved = errors.bands(after.hopping, meshes[0]) - errors.bands(before.hopping, meshes[0])
    return {
        "coupling": errors.coupling(before, after, meshes),
        "magnitude": errors.magnitude(before, after, meshes),
        "bands": float(np.abs(moved).max()),
        "phonons": float(np.abs(new - old).max()),
    }


def _holds(measured: dict[str, float], bounds: Bounds) -> bool:
    asked = bounds._asdict()
    return all(measured[name] <= most for name, most in asked.items() if most is not None)
