"""The kernel's coupling of one pair, complex; pytest puts this folder on the path."""

from ephforge.coupling import two_centre
from ephforge.coupling.matrix_elements import in_modes
from ephforge.coupling.products import whole


def complex_g(initial: two_centre.Ends, final: two_centre.Ends, wave: two_centre.Wave):
    """g[v, m, n] between the states at k and those at k+q."""
    return whole(in_modes(wave.weights(), two_centre.couple(initial, final, wave)))
