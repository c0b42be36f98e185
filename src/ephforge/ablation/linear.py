"""The autoencoder as its training starts, fitted in seconds: the transform without convolutions.

Its integers are coded by their expected sizes alone, so that two fits differ by their transforms.
"""

import math

from flax import nnx

from ephforge.baselines.measure import relative_error
from ephforge.core.blocks import Block, on_grid
from ephforge.core.degeneracy import shares_of_ends
from ephforge.model.autoencoder import Autoencoder, Shape
from ephforge.model.codec import Codec
from ephforge.model.prior import untrained_prior
from ephforge.model.remainder import N_FEATURES
from ephforge.model.transform import class_of, statistics_of

BITS = 32  # of a number of the full grid
_SMALLEST = (4, 1)  # features and layers of convolutions that are silent before training

Errors = dict[str, dict[str, float]]  # material -> budget -> relative error


def relevant(training: list[Block], targets: list[Block]) -> list[int]:
    """Numbers of the training materials with the lattice and symmetry of a target.

    Bases are fitted for each such class apart, so that others cannot change a target's code.
    """
    classes = {class_of(block) for block in targets}
    return [i for i, block in enumerate(training) if class_of(block) in classes]


def errors(training: list[Block], targets: list[Block], budgets: list[float]) -> Errors:
    """Relative errors over the full grid of the targets, coded by what the training taught.

    The codec is as wide as the widest of training and targets, and so takes all of them.
    """
    network = Autoencoder(Shape(*_SMALLEST), nnx.Rngs(0))
    shares = shares_of_ends(training)
    priors = untrained_prior(), untrained_prior(N_FEATURES)
    codec = Codec(network, statistics_of(training), *priors, shares)
    return errors_of(codec, targets, budgets)


def errors_of(codec: Codec, targets: list[Block], budgets: list[float]) -> Errors:
    """Relative errors of a codec over the full grid of each target."""
    return {block.name: _of_one(codec, block, budgets) for block in targets}


def _of_one(codec: Codec, block: Block, budgets: list[float]) -> dict[str, float]:
    """A budget is a share of the full grid at 32 bits a number."""
    grid = on_grid(block).astype(float)
    bits = [math.floor(budget * BITS * grid.size) for budget in budgets]
    rebuilt = [code.g[..., block.orbits.orbit_kq] for code in codec.encode_all(block, bits)]
    names = [f"{budget:g}" for budget in budgets]
    return {n: relative_error(g, grid) for n, g in zip(names, rebuilt, strict=True)}
