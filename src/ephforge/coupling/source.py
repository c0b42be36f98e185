"""One model's couplings at pairs (k, q), so many q at a time as memory allows.

A source holds a model on the device; `at` gives a `Stream`, which holds what the pairs need and
computes them.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Inexact, Int

from ephforge.core.realspace import Model
from ephforge.coupling import wannier, wannier_grid
from ephforge.coupling.arrays import (
    Q_PAD,
    compiled,
    dipole_arrays,
    electron_arrays,
    lattice_arrays,
    padded,
    padded_length,
    two_centre_arrays,
)
from ephforge.coupling.grid import Limits, Modes, Numbers, Pairs, Wanted, groups
from ephforge.coupling.halves import Halves, halves
from ephforge.coupling.products import Parts
from ephforge.coupling.two_centre_grid import couplings as two_centre_couplings
from ephforge.coupling.wannier_grid import Response, Second

_TOGETHER = 16  # q of a general model: the first step reads all of g once for them


class Stream(NamedTuple):
    """Couplings of one model at its pairs.

    Attributes:
      energy_pn, energy_qv: bands at the points and phonons, eV.
      step: (number of the first q, how many, room) -> room, filled.
      shape: of g of all q; q k v m n.
      wanted: what g is.
    """

    energy_pn: Float[np.ndarray, "p n"]
    energy_qv: Float[np.ndarray, "q v"]
    step: Callable[[int, int, jax.Array], jax.Array]
    shape: tuple[int, int, int, int, int]
    wanted: Wanted

    def all_q(self, largest: int) -> Inexact[np.ndarray, "q k v m n"]:
        """g of all q, eV; the argument is that of `chunks`."""
        found = np.empty(self.shape, self.wanted.kind)
        for first, g_xkvmn in self.chunks(largest):
            found[first : first + len(g_xkvmn)] = g_xkvmn
        return found

    def chunks(self, largest: int) -> Iterator[tuple[int, Inexact[np.ndarray, "x k v m n"]]]:
        """Number of the first q, and g of it and the next ones, eV.

        The next chunk is computed while the caller has one.  Three pieces of memory take turns: for
        it, for the chunk at hand and for the one before.  Whoever keeps a chunk for longer has it;
        its memory is then not written over but replaced, which takes longer.

        Args:
          largest: bytes of a chunk; at least one q.
        """
        n_q = self.shape[0]
        rows = min(max(1, largest // self.bytes_of_one), padded_length(n_q, Q_PAD))
        rooms = []

        def started(first: int) -> jax.Array:
            room = rooms.pop(0) if len(rooms) == 3 else self.wanted.room(rows, *self.shape[1:3])
            rooms.append(self.step(first, min(rows, n_q - first), room))
            return rooms[-1]

        ahead = started(0)
        for first in range(0, n_q, rows):
            room = ahead
            if first + rows < n_q:
                ahead = started(first + rows)
            yield first, np.asarray(room)[: n_q - first]

    @property
    def bytes_of_one(self) -> int:
        """Of g at one q."""
        return int(np.prod(self.shape[1:])) * np.dtype(self.wanted.kind).itemsize


class TwoCentreSource:
    """A two-centre model; couplings are taken among its lowest `kept` bands."""

    def __init__(self, model: Model, limits: Limits, wanted: Wanted, kept: int):
        self.model, self.limits, self.wanted, self.kept = model, limits, wanted, kept

    def at(self, pairs: Pairs) -> Stream:
        """Couplings at pairs."""
        energy_pn, ends_p, at_q = two_centre_arrays(
            self.model, pairs, self.kept, self.wanted.is_single
        )
        final_qk, mass_s = padded(pairs.final_qk, Q_PAD), self.model.crystal.masses
        kernel = compiled(two_centre_couplings, ("wanted",), ("room_xkvmn",))
        initial_k = _at_k(ends_p, pairs)
        together = compiled(groups, ("is_single",))(
            ends_p.energy_n, self.limits.degeneracy, is_single=self.wanted.is_single
        )
        fixed = jax.device_put((initial_k, ends_p, together, at_q, mass_s))
        own = None
        if pairs.meshes is not None and not self.wanted.is_complex and _is_real(self.model):
            own = Halves(*(padded(x, Q_PAD) for x in halves(pairs.meshes[0], pairs.final_qk)))
        points = jax.device_put((pairs.initial_k, final_qk, own))

        def step(first: int, count: int, room):
            numbers = Numbers(*points[:2], *map(np.int32, (first, count, 0)), points[2])
            return kernel(*fixed, numbers, self.limits, wanted=self.wanted, room_xkvmn=room)

        n_q, n_k = pairs.final_qk.shape
        energy_qv = np.asarray(at_q.modes.energy_qv)[:n_q]
        shape = (n_q, n_k, 3 * len(mass_s), self.wanted.bands, self.wanted.bands)
        return Stream(np.asarray(energy_pn), energy_qv, step, shape, self.wanted)


class GeneralSource:
    """A general model; cells that are one on the meshes are folded."""

    def __init__(self, model: Model, limits: Limits, wanted: Wanted, meshes: tuple | None):
        self.model, self.limits, self.wanted, self.meshes = model, limits, wanted, meshes
        self._electrons = jax.device_put(electron_arrays(model))
        self._phonons = jax.device_put((lattice_arrays(model), dipole_arrays(model)))
        coupling = model.coupling
        self._cells_p3, self._cells_r3 = coupling.phonon_cells, coupling.electron_cells
        folded = [np.arange(len(self._cells_p3)), np.arange(len(self._cells_r3))]
        self._second = None
        if meshes is not None:
            own = wannier.box(self._cells_r3, meshes[0])
            over_p = wannier.box(self._cells_p3, meshes[1])
            folded = [over_p.number_r, own.number_r]
            self._cells_p3, self._cells_r3 = over_p.cells_x3, own.cells_x3
            self._second = Second(_cast(own.phases(meshes[0]), wanted.is_single), own.place_x)
        self._g_py = _folded(coupling.g, *folded, wanted.is_single)

    def at(self, pairs: Pairs) -> Stream:
        """Couplings at pairs; on meshes if the source is for these."""
        assert pairs.meshes == self.meshes
        model, wanted = self.model, self.wanted
        states = compiled(wannier_grid.states, ("is_single",))(
            pairs.points_p3, *self._electrons, is_single=wanted.is_single
        )
        modes, field_qda = compiled(wannier_grid.phonons)(
            padded(pairs.q_q3, Q_PAD), *self._phonons, model.hopping.site
        )
        if field_qda is not None:
            field_qda = _cast(Parts(np.real(field_qda), np.imag(field_qda)), wanted.is_single)
        modes = Modes(*map(np.asarray, modes))
        kernel = compiled(wannier_grid.couplings, ("wanted",), ("room_xkvmn",))
        second = self._second or Second([self._phases(pairs.k_k3, self._cells_r3)], None)
        together = compiled(groups, ("is_single",))(
            states.energy_pn, self.limits.degeneracy, is_single=wanted.is_single
        )
        fixed = jax.device_put((_at_k(states.ket_pbn, pairs), states.bra_pma, together))
        rest = jax.device_put((second, model.crystal.masses))

        def step(first: int, count: int, room):
            for start in range(first, first + count, _TOGETHER):
                chosen = np.arange(start, min(start + _TOGETHER, first + count))
                # filled up, so that one kernel is compiled
                rows = np.resize(chosen, _TOGETHER)
                own = jax.tree.map(lambda x, rows=rows: x[rows], (modes, field_qda))
                phases_qp = self._phases(pairs.q_q3[rows], self._cells_p3)
                at_q = Response(*own, phases_qp, self._g_py)
                size = map(np.int32, (0, len(chosen), start - first))
                numbers = Numbers(pairs.initial_k, pairs.final_qk[rows], *size)
                room = kernel(
                    *fixed,
                    at_q,
                    *rest,
                    numbers,
                    self.limits,
                    wanted=wanted,
                    room_xkvmn=room,
                )
            return room

        n_q, n_k = pairs.final_qk.shape
        shape = (n_q, n_k, modes.energy_qv.shape[1], wanted.bands, wanted.bands)
        return Stream(np.asarray(states.energy_pn), modes.energy_qv[:n_q], step, shape, wanted)

    def _phases(self, points_x3: np.ndarray, cells_r3: np.ndarray) -> Parts:
        angle_xr = 2 * np.pi * (points_x3 @ cells_r3.T)
        return _cast(Parts(np.cos(angle_xr), np.sin(angle_xr)), self.wanted.is_single)


def _is_real(model: Model) -> bool:
    """Whether time reversal is complex conjugation: a model without spin-orbit coupling."""
    arrays = [*vars(model.hopping).values(), *vars(model.coupling).values()]
    return not any(np.iscomplexobj(array) for array in arrays if array is not None)


def _at_k(values_p, pairs: Pairs):
    """Of the points k."""
    if pairs.meshes is not None:
        return values_p  # the points are k
    return jax.tree.map(lambda x: x[: len(pairs.initial_k)], values_p)


def _cast(values, is_single: bool):
    kind = np.float32 if is_single else np.float64
    return jax.tree.map(lambda x: jnp.asarray(x, kind), values)


def _folded(
    g_pscrab: Inexact[np.ndarray, "p s 3 r a a"],
    number_p: Int[np.ndarray, " p"],
    number_r: Int[np.ndarray, " r"],
    is_single: bool,
) -> Parts:
    """g as [Rp, (Re, s, c, a, b)], of cells of one number the sum; one Rp after the other."""
    size_p, size_r = (number.max() + 1 for number in (number_p, number_r))
    found = np.zeros((size_p, size_r, *g_pscrab.shape[1:3], *g_pscrab.shape[4:]), g_pscrab.dtype)
    rounds = _without_twins(number_r)
    for p, g_scrab in zip(number_p, g_pscrab, strict=True):
        g_rscab = np.moveaxis(g_scrab, 2, 0)
        found[p] += g_rscab[rounds[0]]  # every number occurs
        for chosen in rounds[1:]:
            found[p, number_r[chosen]] += g_rscab[chosen]
    flat = found.reshape(size_p, -1)
    return _cast(Parts(flat.real, flat.imag), is_single)


def _without_twins(number_r: Int[np.ndarray, " r"]) -> list[Int[np.ndarray, "_"]]:
    """Places of the first occurrence of each number, of the second, and so on."""
    order = np.argsort(number_r, kind="stable")
    _, first, count = np.unique(number_r[order], return_index=True, return_counts=True)
    return [order[first[count > turn] + turn] for turn in range(count.max())]
