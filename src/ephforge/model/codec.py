"""A trained autoencoder as a tool: compress a block to a budget, refine it, describe it.

This is what the task stages use.  They hand over a Block and get |g| on orbits back.
"""

import math
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Bool, Float

from ephforge.core.blocks import Block
from ephforge.core.devices import settle
from ephforge.core.errors import EphforgeError
from ephforge.core.netcdf import Contents, Variable, read
from ephforge.model.autoencoder import Autoencoder, Shape, Task, coefficients
from ephforge.model.geometry import Geometry, geometry_of
from ephforge.model.transform import Linear, Statistics, channel_set_of, class_of, linear_of

HEADER_NUMBERS = 2  # the root mean square |g|, and how many coefficients come with positions
_ROUNDING = 1e-9
QUARTERS = 4  # splits of a budget between leading and largest coefficients that are tried


def scale_of(block: Block) -> float:
    """Root mean square of |g| over channels and pairs, meV."""
    share_o = block.orbits.size_o / block.orbits.size_o.sum()
    return float(np.sqrt(np.mean(np.square(block.g, dtype=float) @ share_o)))


def channels_of(block: Block, bands: int, modes: int) -> Float[np.ndarray, "o x"]:
    """Normalised |g| with bands and modes as channels, zero on those the block lacks.

    Raises:
      EphforgeError: the block has more bands or modes than the network.
    """
    m, _, v, o = block.g.shape
    if m > bands or v > modes:
        raise EphforgeError(
            f"{block.name}: {m} bands and {v} modes, but this autoencoder takes at most "
            f"{bands} and {modes}; train one on such materials"
        )
    g_omnv = np.zeros((o, bands, bands, modes), np.float32)
    g_omnv[:, :m, :m, :v] = block.g.transpose(3, 0, 1, 2) / (scale_of(block) or 1.0)
    return g_omnv.reshape(o, -1)


def is_real_channel(block: Block, bands: int, modes: int) -> Bool[np.ndarray, " x"]:
    """Which channels the block has."""
    m, _, v, _ = block.g.shape
    has_band, has_mode = np.arange(bands) < m, np.arange(modes) < v
    return (has_band[:, None, None] & has_band[None, :, None] & has_mode).reshape(-1)


class Plan(NamedTuple):
    """How a budget is spent: leading coefficients, and largest ones at two numbers each."""

    n_kept: int
    n_extra: int


@dataclass(frozen=True)
class Codec:
    """A network with its weights, and the statistics of its linear transform."""

    network: Autoencoder
    statistics: Statistics

    def compress(self, block: Block, budget: float) -> Float[np.ndarray, "m n v o"]:
        """|g| in meV after encoding to at most budget * (numbers in the full grid) numbers."""
        plan = self._plan(block, budget)
        if plan is None:
            return np.zeros(block.g.shape)
        return self._run(block, np.ones(len(block.orbits.size_o), bool), plan)

    def refine(self, block: Block, given_o: Bool[np.ndarray, " o"]) -> Float[np.ndarray, "m n v o"]:
        """|g| in meV on all orbits from the given ones; the others are not looked at."""
        hidden = np.where(given_o, block.g, 0.0).astype(block.g.dtype)
        seen = replace(block, g=hidden, g_grid=None)
        size_o = block.orbits.size_o
        # the scale of what is seen stands for the whole block
        factor = math.sqrt(size_o.sum() / size_o[given_o].sum())
        found = self._run(seen, given_o, None, factor)
        return np.where(given_o, block.g, found)

    @cached_property
    def linear_part(self) -> "Codec":
        """The same codec with the three convolutional paths silent."""
        silent = nnx.clone(self.network)  # a merge of the same state would share its arrays
        for path in (silent.encoder, silent.decoder, silent.refiner):
            path.leave.kernel[...] = jnp.zeros_like(path.leave.kernel[...])
            path.leave.bias[...] = jnp.zeros_like(path.leave.bias[...])
        return Codec(silent, self.statistics)

    def stored_numbers(self, block: Block, budget: float) -> int:
        """Numbers stored at a budget: coefficients, positions and the header."""
        plan = self._plan(block, budget)
        return 0 if plan is None else plan.n_kept + 2 * plan.n_extra + HEADER_NUMBERS

    def features(self, block: Block) -> Float[np.ndarray, " f"]:
        """Mean and spread over the mesh of the encoder's features: fixed length.

        Every pair (k, q) counts equally, so they do not depend on the choice of orbits.
        """
        given_o = np.ones(len(block.orbits.size_o), bool)
        arguments = self._arguments(block, given_o, Plan(self._available(block), 0))
        hidden_oi = np.asarray(_features(*self._split, *arguments), dtype=float)
        weight_o = geometry_of(block).weight_o
        mean_i = weight_o @ hidden_oi
        return np.concatenate([mean_i, np.sqrt(weight_o @ (hidden_oi - mean_i) ** 2)])

    def _available(self, block: Block) -> int:
        """Coefficients that are not fixed by Hermiticity."""
        m, n, v, o = block.g.shape
        fixed = int(np.sum(block.orbits.partner_o == np.arange(o)))
        return n * v * ((m + 1) * (o + fixed) // 2 + (m - 1) * (o - fixed) // 2) // 2

    def _plan(self, block: Block, budget: float) -> Plan | None:
        """The split with the smallest linear error; None if the header alone is too much."""
        m, n, v, _ = block.g.shape
        numbers = math.floor(budget * m * n * v * block.orbits.orbit_kq.size) - HEADER_NUMBERS
        if numbers < 0:
            return None
        available = self._available(block)
        if numbers >= available:
            return Plan(available, 0)
        everything_o = np.ones(len(block.orbits.size_o), bool)
        g_ox, _, _, geometry, linear = self._arguments(block, everything_o, Plan(0, 0))
        parts = [np.asarray(part).ravel() for part in _coefficients(g_ox, geometry, linear)]
        rank = np.concatenate([linear.rank_even_ic.ravel(), linear.rank_odd_ic.ravel()])
        square = np.empty(len(rank))
        square[rank] = np.concatenate(parts) ** 2
        leads = [numbers * quarter // QUARTERS for quarter in range(QUARTERS + 1)]
        plans = [Plan(lead, (numbers - lead) // 2) for lead in leads]
        kept = np.array([_kept_energy(square, plan) for plan in plans])
        # of plans that are equal but for rounding the one with the fewest positions
        return plans[np.flatnonzero(kept >= kept.max() * (1 - _ROUNDING))[-1]]

    @cached_property
    def _split(self):
        return nnx.split(self.network)

    def _arguments(self, block: Block, given_o, plan: Plan | None, factor: float = 1.0):
        shape = self.network.shape
        g_ox = channels_of(block, shape.bands, shape.modes) / np.float32(factor)
        real_x = is_real_channel(block, shape.bands, shape.modes)
        n_kept, n_extra = plan or (0, 0)
        task = Task(np.int32(n_kept), given_o, np.bool_(plan is None), np.int32(n_extra))
        return g_ox, real_x, task, geometry_of(block), self._linear(block, given_o)

    def _linear(self, block: Block, given_o) -> Linear:
        """The transform of a block, kept: materials of one class and channel set share it."""
        key = (class_of(block), channel_set_of(block), np.asarray(given_o).tobytes())
        if class_of(block) not in self.statistics.orbits:  # then the prior of its own lattice
            key += (block.crystal.cell.tobytes(),)
        if key not in self._transforms:
            self._transforms[key] = linear_of(block, self.statistics, given_o)
        return self._transforms[key]

    @cached_property
    def _transforms(self) -> dict[tuple, Linear]:
        return {}

    def _run(self, block: Block, given_o, plan: Plan | None, factor: float = 1.0):
        """Compress as planned, or refine where there is no plan."""
        shape = self.network.shape
        found_ox = _reconstruct(*self._split, *self._arguments(block, given_o, plan, factor))
        g_ox = np.maximum(np.asarray(found_ox, dtype=float), 0.0)
        g_omnv = g_ox.reshape(-1, shape.bands, shape.bands, shape.modes)
        m, _, v, _ = block.g.shape
        return scale_of(block) * factor * g_omnv[:, :m, :m, :v].transpose(1, 2, 3, 0)


@partial(jax.jit, static_argnums=0)
def _reconstruct(graph, weights, g_ox, real_x, task: Task, geometry: Geometry, linear: Linear):
    return nnx.merge(graph, weights)(g_ox, real_x, task, geometry, linear)


def _kept_energy(square_e: np.ndarray, plan: Plan) -> float:
    """Squared coefficients, in order of rank, that a plan keeps."""
    others = np.sort(square_e[plan.n_kept :])
    return square_e[: plan.n_kept].sum() + others[len(others) - plan.n_extra :].sum()


_coefficients = jax.jit(coefficients)


@partial(jax.jit, static_argnums=0)
def _features(graph, weights, g_ox, real_x, task: Task, geometry: Geometry, linear: Linear):
    facts_t = jnp.array([0.0, 1.0], jnp.float32)
    network = nnx.merge(graph, weights)
    return network.encoder.hidden(g_ox, real_x, task.given_o, facts_t, geometry)


def codec_variables(codec: Codec) -> tuple[dict[str, Variable], dict, dict]:
    """Weights, attributes and groups of statistics as they stand in a file."""
    leaves = jax.tree_util.tree_leaves_with_path(
        nnx.to_pure_dict(nnx.state(codec.network, nnx.Param))
    )
    weights = {
        _path_name(path): _anonymous(np.asarray(leaf), "network weights") for path, leaf in leaves
    }
    attributes = {"shape": codec.network.shape._asdict()}
    groups = {}
    for field, value in asdict(codec.statistics).items():
        if isinstance(value, dict):
            tables = {name: _anonymous(table, "training split") for name, table in value.items()}
            groups[field] = (tables, {})
    return weights, attributes, groups


def codec_of(contents: Contents) -> Codec:
    """The codec that an autoencoder file holds."""
    shape = Shape(**contents.attributes["shape"])
    network = Autoencoder(shape, nnx.Rngs(0))
    state = nnx.state(network, nnx.Param)
    stored = contents.variables
    values = jax.tree_util.tree_map_with_path(
        lambda path, _: jnp.asarray(stored[_path_name(path)]), nnx.to_pure_dict(state)
    )
    nnx.replace_by_pure_dict(state, values)
    nnx.update(network, state)
    tables = {name: group.variables for name, group in contents.groups.items()}
    return Codec(network, Statistics(shape.bands, shape.modes, **tables))


def load_codec(path: str | Path) -> Codec:
    """Read results/train/autoencoder.nc, to be used on the device that is asked for.

    Raises:
      EphforgeError: the file is absent or damaged, or a GPU was asked for in vain.
    """
    settle()
    return codec_of(read(path, "train"))


def _anonymous(array, meaning: str) -> Variable:
    return Variable(array, tuple(f"length_{n}" for n in array.shape), "1", meaning)


def _path_name(path) -> str:
    return ".".join(str(getattr(part, "key", part)) for part in path)
