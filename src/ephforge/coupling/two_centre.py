"""The two-centre coupling, at one k and one q, from sums that need only one point each.

Orbitals move with their atoms.  In the displaced crystal H c = E S c with matrices

    H_ab = <a| H |b>    S_ab = <a|b>    both functions of the vector d from orbital a to orbital b

so that a displacement u_s(l) = e_s e^{2 pi i q.l} changes them by the difference of two
displacements.  The change of H_ab holds that of the operator and that of both orbitals,
dH_ab = <da|H|b> + <a|dH|b> + <a|H|db>; between eigenstates H|n> = E_n|n>, <m|H = E_m<m| and

    <m|dH|n> = c_m^+ (dH_ab - E_n <da|b> - E_m <a|db>) c_n

With A^c(k) = sum_R e^{2 pi i k.R} dH_ab(R)/dd_c and B^c(k) the same of <a,0| d/du_c b,R>, where
moving a instead of b gives -B (translation; on one atom by parts),

    <a,k+q| db/du_s |b,k> = [s_b = s] B(k+q)      <da/du_s,k+q |b,k> = -[s_a = s] B(k)
    <m,k+q|dH/du_sc|n,k> = c_m^+ { [s_b = s] (A - E_m B)(k+q) - [s_a = s] (A - E_n B)(k) } c_n

Levels that feel their neighbours, dH_ab(0) = sum_{R,t} X_ab[R,t,c] (u_tc(R) - u_sc(0)) on the
atom s of a and b, add X^{tc}(q) = sum_R e^{2 pi i q.R} X[R,t,c] for t and -sum_t X^{tc}(0) for s.
A field of dipoles, smooth on the scale of an orbital, is a number V_t on the orthogonalised
(Loewdin) orbitals of each atom: it adds c_m^+ S^{1/2}(k+q) [s_a = t] V_t S^{1/2}(k) c_n.

States are put on one side of A - E B at each point beforehand.  A pair (k, q) then costs no
lattice sum, but two products over the orbitals of one atom for each of its displacements
(`changes`), and the turn from displacements to modes (`matrix_elements.in_modes`): 16 N / atoms +
24 atoms real operations an element for N orbitals, where products of whole matrices for every mode
take 16 N.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.lax import linalg
from jaxtyping import Array, Bool, Complex, Float, Inexact, Int

from ephforge.core.realspace import Hopping, TwoCentreCoupling
from ephforge.coupling.products import Parts, apart, parts, products
from ephforge.electrons.bloch import bloch_sum, eigenpairs


class Electrons(NamedTuple):
    """A two-centre model as the kernel takes it; what a model has none of is None.

    Attributes:
      cells_r3: cell vectors of everything below; cells with value 0 may pad them.
      energy_rab, overlap_rab: eV, 1.
      gradient_rcab, basis_rcab: eV/angstrom, 1/angstrom (core.realspace.TwoCentreCoupling).
      field_rtcsoo: crystal field, the orbitals o of one atom s; eV/angstrom.
      slot_so: number of orbital o of atom s; the number of orbitals where the atom has no more.
    """

    cells_r3: Int[Array, "r 3"]
    energy_rab: Inexact[Array, "r a a"]
    overlap_rab: Inexact[Array, "r a a"] | None
    gradient_rcab: Inexact[Array, "r 3 a a"]
    basis_rcab: Inexact[Array, "r 3 a a"] | None
    field_rtcsoo: Inexact[Array, "r t 3 s o o"] | None
    slot_so: Int[Array, "s o"]


class Matrices(NamedTuple):
    """The Bloch sums H, S, A, B at one k, orbital by orbital."""

    hamiltonian_ab: Complex[Array, "a a"]
    overlap_ab: Complex[Array, "a a"] | None
    gradient_cab: Complex[Array, "3 a a"]
    basis_cab: Complex[Array, "3 a a"] | None


class Ends(NamedTuple):
    """What a k point contributes to the pairs that start or end there: its lowest bands.

    Attributes:
      energy_n: eV.
      ket_son: Bloch states c; zero where an atom has no orbital o.
      bra_smo: c^+.
      left_scmo: c^+ (A - E B), as the final state; eV/angstrom.
      right_scon: -(A - E B) c, as the initial state; eV/angstrom.
      loewdin_ket_son, loewdin_bra_smo: S^{1/2} c and its adjoint; None where no field of dipoles
        asks for them.
    """

    energy_n: Float[Array, " n"]
    ket_son: Parts
    bra_smo: Parts
    left_scmo: Parts
    right_scon: Parts
    loewdin_ket_son: Parts | None
    loewdin_bra_smo: Parts | None


class Wave(NamedTuple):
    """What the modes at one q bring.

    Attributes:
      displacement_vd: zero-point displacements, d = (s, c); angstrom.
      field_tcsoo: change of the levels of atom s with the place of atom t, X^{tc}(q) less
        sum_t X^{tc}(0) on s = t; eV/angstrom.  None without a crystal field.
      potential_vs: of the dipoles at each atom, eV; None without.
    """

    displacement_vd: Parts
    field_tcsoo: Parts | None = None
    potential_vs: Parts | None = None

    def weights(self) -> list[Parts]:
        """[v, x] of what `couple` returns."""
        return [w for w in (self.displacement_vd, self.potential_vs) if w is not None]


def electrons(hopping: Hopping, coupling: TwoCentreCoupling, n_atoms: int) -> Electrons:
    """The arrays of a model; n_atoms of the cell."""
    slot_so = slots(hopping.site, n_atoms)
    field = coupling.crystal_field
    if field is not None:
        wide = np.pad(field, [(0, 0)] * 3 + [(0, 1)] * 2)
        field = wide[:, :, :, slot_so[:, :, None], slot_so[:, None, :]]
    return Electrons(
        hopping.cells,
        hopping.energy,
        hopping.overlap,
        coupling.gradient,
        coupling.basis_derivative,
        field,
        slot_so,
    )


def slots(site_a: Int[np.ndarray, " a"], n_atoms: int) -> Int[np.ndarray, "s o"]:
    """Orbitals of each atom, in their order; filled up with the number of orbitals."""
    own = [np.flatnonzero(site_a == s) for s in range(n_atoms)]
    longest = max(map(len, own))
    fill = len(site_a)
    return np.array([np.pad(x, (0, longest - len(x)), constant_values=fill) for x in own])


def matrices(k_3: Float[Array, "3"], model: Electrons) -> Matrices:
    """Bloch sums at one k."""

    def at_k(values):
        return None if values is None else bloch_sum(k_3, model.cells_r3, values)

    return Matrices(
        at_k(model.energy_rab),
        at_k(model.overlap_rab),
        at_k(model.gradient_rcab),
        at_k(model.basis_rcab),
    )


def bands(
    at_k: Matrices, is_polar: bool
) -> tuple[Float[Array, " a"], Complex[Array, "a n"], Complex[Array, "a n"] | None]:
    """Energies (eV, rising), states c with c^+ S c = 1, and S^{1/2} c where a field needs it.

    S = L L^+ (Cholesky) makes H c = E S c the problem of L^-1 H L^-+.  With a field S^{1/2} is
    needed anyway, and S^{-1/2} takes the place of L^-1.
    """
    if at_k.overlap_ab is None:
        energy_n, vector_an = eigenpairs(at_k.hamiltonian_ab)
        return energy_n, vector_an, vector_an if is_polar else None
    if is_polar:
        square_a, axes_aa = eigenpairs(at_k.overlap_ab)
        inverse_root_ab = (axes_aa / jnp.sqrt(square_a)) @ axes_aa.conj().T
        energy_n, loewdin_an = eigenpairs(inverse_root_ab @ at_k.hamiltonian_ab @ inverse_root_ab)
        return energy_n, inverse_root_ab @ loewdin_an, loewdin_an
    lower_ab = linalg.cholesky(at_k.overlap_ab)
    half_ab = linalg.triangular_solve(lower_ab, at_k.hamiltonian_ab, left_side=True, lower=True)
    reduced_ab = linalg.triangular_solve(
        lower_ab, half_ab, lower=True, transpose_a=True, conjugate_a=True
    )
    energy_n, reduced_an = eigenpairs(reduced_ab)
    vector_an = linalg.triangular_solve(
        lower_ab, reduced_an, left_side=True, lower=True, transpose_a=True, conjugate_a=True
    )
    return energy_n, vector_an, None


def ends(
    at_k: Matrices, slot_so: Int[Array, "s o"], kept: int, is_polar: bool
) -> tuple[Float[Array, " a"], Ends]:
    """Energies of all bands, and the lowest `kept` as ends of pairs."""
    energy_a, vector_an, loewdin_an = bands(at_k, is_polar)
    energy_n, vector_an = energy_a[:kept], vector_an[:, :kept]
    left_cna = vector_an.conj().T @ at_k.gradient_cab
    right_can = at_k.gradient_cab @ vector_an
    if at_k.basis_cab is not None:
        left_cna -= energy_n[:, None] * (vector_an.conj().T @ at_k.basis_cab)
        right_can -= energy_n * (at_k.basis_cab @ vector_an)
    ket_son = parts(_by_atom(vector_an, slot_so, 0))
    loewdin_son = None
    if loewdin_an is not None:
        loewdin_son = parts(_by_atom(loewdin_an[:, :kept], slot_so, 0))
    found = Ends(
        energy_n,
        ket_son,
        ket_son.adjoint(),
        parts(jnp.moveaxis(_by_atom(left_cna, slot_so, 2), 2, 0)),
        parts(jnp.moveaxis(_by_atom(-right_can, slot_so, 1), 0, 1)),
        loewdin_son,
        None if loewdin_son is None else loewdin_son.adjoint(),
    )
    return energy_a, found


def wave(
    displacement_vsc: Complex[Array, "v s 3"],
    field_tcsoo: Complex[Array, "t 3 s o o"] | None,
    rigid_csoo: Inexact[Array, "3 s o o"] | None,
    dipole_sct: Complex[Array, "s 3 t"] | None,
) -> Wave:
    """What the modes bring.

    Args:
      displacement_vsc: from `matrix_elements.displacements`.
      field_tcsoo, rigid_csoo: X^{tc}(q) and sum_t X^{tc}(0), eV/angstrom.
      dipole_sct: from `longrange.field_at_atoms`, eV/angstrom.
    """
    n_atoms = displacement_vsc.shape[1]
    field = potential = None
    if field_tcsoo is not None:
        same_ts = jnp.eye(n_atoms, dtype=rigid_csoo.dtype)[:, None, :, None, None]
        field = parts(field_tcsoo - same_ts * rigid_csoo)
    if dipole_sct is not None:
        potential = parts(jnp.tensordot(displacement_vsc, dipole_sct, axes=2))
    return Wave(parts(displacement_vsc.reshape(-1, 3 * n_atoms)), field, potential)


def changes(initial: Ends, final: Ends, shifted_tcson: Parts | None) -> Parts:
    """<m,k+q| dH/du_sc |n,k> but for dipoles, [d, m, n] with d = (s, c); eV/angstrom.

    Args:
      shifted_tcson: the crystal field of each displacement applied to the initial states.
    """
    over_c = partial(jax.tree.map, lambda x: x[:, None])
    factors = [
        (final.left_scmo, over_c(initial.ket_son)),
        (over_c(final.bra_smo), initial.right_scon),
    ]
    if shifted_tcson is not None:
        # every atom t moves the levels of all atoms s
        for s in range(initial.ket_son.real.shape[0]):
            bra_mo = jax.tree.map(lambda x, s=s: x[s], final.bra_smo)
            factors.append((bra_mo, jax.tree.map(lambda x, s=s: x[:, :, s], shifted_tcson)))
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), products(*factors))


def couple(
    initial: Ends, final: Ends, at_q: Wave, is_wanted: Bool[Array, ""] | bool = True
) -> list[Parts]:
    """What every displacement, and every potential, of a wave does between the bands of (k, k+q).

    Args:
      initial, final: of the states at k and at k+q.
      is_wanted: for `products.apart`.

    Returns:
      [x, m, n], to be weighed by `at_q.weights()`: `matrix_elements.in_modes`.
    """
    step = partial(apart, is_wanted)
    shifted_tcson = None
    if at_q.field_tcsoo is not None:
        shifted_tcson = step(products, (at_q.field_tcsoo, initial.ket_son))
    found = [step(changes, initial, final, shifted_tcson)]
    if at_q.potential_vs is not None:
        found.append(step(products, (final.loewdin_bra_smo, initial.loewdin_ket_son)))
    return found


def _by_atom(values, slot_so: Int[Array, "s o"], axis: int):
    """The orbital axis as atoms and their orbitals, zero where an atom has fewer."""
    return jnp.take(values, slot_so, axis=axis, mode="fill", fill_value=0)
