"""Finding a potential that reproduces itself."""

import numpy as np
from jaxtyping import Complex

from ephforge.core.errors import EphforgeError

_CONVERGED = 1e-9  # eV, largest change of V(G) in a turn
_TURNS = 60
_HISTORY = 8  # turns that the mixing remembers
_SHARE = 0.5  # of a turn's change that is taken


def settle(turn, first_g: Complex[np.ndarray, " g"]) -> Complex[np.ndarray, " g"]:
    """Fixed point of a map by Anderson's mixing: the combination of past steps that changes least.

    Raises:
      EphforgeError: no fixed point was reached.
    """
    v_g, inputs, changes = first_g, [], []
    for _ in range(_TURNS):
        change_g = turn(v_g) - v_g
        if np.abs(change_g).max() < _CONVERGED:
            return v_g
        inputs, changes = [*inputs, v_g][-_HISTORY:], [*changes, change_g][-_HISTORY:]
        v_g = v_g + _SHARE * change_g
        if len(inputs) > 1:
            steps_gh = np.stack([inputs[-1] - x for x in inputs[:-1]], axis=-1)
            turns_gh = np.stack([changes[-1] - x for x in changes[:-1]], axis=-1)
            # V(-G) = V(G)*: real combinations keep the potential real
            both = np.concatenate([turns_gh.real, turns_gh.imag])
            target = np.concatenate([change_g.real, change_g.imag])
            amount_h = np.linalg.lstsq(both, target, rcond=1e-12)[0]
            v_g = v_g - (steps_gh + _SHARE * turns_gh) @ amount_h
    raise EphforgeError(
        f"three-centre electrons: the potential still changes by {np.abs(change_g).max():.1e} eV "
        f"after {_TURNS} turns, expected {_CONVERGED}; draw other parameters"
    )
