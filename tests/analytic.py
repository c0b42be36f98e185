"""Models with closed forms, and small crystals for the tests of electrons and coupling.

Import as `from analytic import ...`; pytest puts this folder on the path.
"""

import numpy as np

from ephforge.core.realspace import (
    Crystal,
    ForceConstants,
    Hopping,
    Model,
    TwoCentreCoupling,
    WannierCoupling,
)
from ephforge.core.units import HBAR2_PER_DALTON
from ephforge.electrons.hopping import Electrons
from ephforge.electrons.integrals import exchanged
from ephforge.electrons.laws import Law
from ephforge.electrons.neighbours import neighbours

TRANSVERSE = 40.0  # eV/angstrom^2, on-site: lifts the transverse modes of chains above all others


def zincblende(constant: float = 5.6) -> Crystal:
    """Two species; the numbers 14 and 32 only tell them apart."""
    cell = constant / 2 * np.array([[0.0, 1, 1], [1, 0, 1], [1, 1, 0]])
    positions = np.array([[0.0, 0, 0], [constant / 4] * 3])
    return Crystal(cell, positions, np.array([14, 32]), np.array([28.0, 72.0]))


def fcc(constant: float = 4.0) -> Crystal:
    """One atom per cell."""
    cell = constant / 2 * np.array([[0.0, 1, 1], [1, 0, 1], [1, 1, 0]])
    return Crystal(cell, np.zeros((1, 3)), np.array([13]), np.array([27.0]))


def hopping_law(crystal: Crystal, cutoff: float, orbitals: int) -> Electrons:
    """Orthonormal s (1 orbital) or sp3 (4) electrons, every parameter different.

    Nothing on one atom couples: no crystal field, no moving orbitals.  cutoff in angstrom.
    """
    numbers_x = np.unique(crystal.numbers)
    count, shells = len(numbers_x), 1 if orbitals == 1 else 2
    basis = "s" if orbitals == 1 else "sp3"
    generator = np.random.default_rng(5)
    strength_xyuvm = np.zeros((count, count, 2, 2, 3))
    strength_xyuvm[..., 0] = [[-1.40, 1.84], [1.84, 3.24]]
    strength_xyuvm[..., 1, 1, 1] = -0.81
    strength_xyuvm *= generator.uniform(0.8, 1.2, strength_xyuvm.shape)
    level_xu = generator.uniform(-12, -10, (count, 2)) + np.array([0.0, 6.0])
    power_xy = np.add.outer(np.arange(count), np.arange(count)) * 0.3 + 1.9
    shape = (count, count, shells, shells)
    law = Law(
        exchanged(strength_xyuvm[:, :, :shells, :shells], basis, signed=True),
        np.broadcast_to(power_xy[..., None, None], shape).copy(),
        np.zeros(shape),
        1.0,
        2.4,
        0.6 * cutoff,
        cutoff,
    )
    still = np.zeros((count, shells, shells))
    return Electrons(
        basis, "power", numbers_x, level_xu[:, :shells], law, None, None, still, None, 1
    )


def springs(
    crystal: Crystal, cutoff: float, longitudinal: float = 6.0, transverse: float = 1.0
) -> ForceConstants:
    """Stable lattice with all symmetry of the crystal: each pair a tensor along its bond.

    Phi between two atoms is -(longitudinal d d + transverse (1 - d d)) (cutoff / 2 |d|)^4 with
    d the unit vector; the on-site block obeys the acoustic sum rule.
    """
    pairs_p5, d_p3 = neighbours(crystal, cutoff)
    cells_r3 = np.unique(np.vstack([pairs_p5[:, 2:], np.zeros((1, 3), int)]), axis=0)
    home = np.flatnonzero(np.all(cells_r3 == 0, axis=1))[0]
    count = len(crystal.masses)
    phi = np.zeros((len(cells_r3), count, 3, count, 3))
    for (s, t, *cell), d_3 in zip(pairs_p5, d_p3, strict=True):
        r = np.flatnonzero(np.all(cells_r3 == cell, axis=1))[0]
        distance = np.linalg.norm(d_3)
        along_33 = np.outer(d_3, d_3) / distance**2
        pair_33 = longitudinal * along_33 + transverse * (np.eye(3) - along_33)
        pair_33 *= (cutoff / 2 / distance) ** 4
        phi[r, s, :, t] -= pair_33
        phi[home, s, :, s] += pair_33
    return ForceConstants(cells_r3, phi)


def as_wannier(model: Model) -> Model:
    """A two-centre model rewritten with a general coupling.

    dt_ab(R)/dd multiplies u_b(R) - u_a(0): entries at Rp = R on the atom of b, and at Rp = 0
    on the atom of a with the opposite sign, both at Re = R.
    """
    cells, site = model.hopping.cells, model.hopping.site
    gradient = model.coupling.gradient
    count, size = len(model.crystal.masses), len(site)
    home = np.flatnonzero(np.all(cells == 0, axis=1))[0]
    g = np.zeros((len(cells), count, 3, len(cells), size, size), complex)
    for r in range(len(cells)):
        for a in range(size):
            for b in range(size):
                g[r, site[b], :, r, a, b] += gradient[r, :, a, b]
                g[home, site[a], :, r, a, b] -= gradient[r, :, a, b]
    coupling = WannierCoupling(cells, cells, g)
    return Model(model.name, model.crystal, model.hopping, model.force_constants, coupling, None)


class Chain:
    """One s orbital and one atom per cell along x: closed forms for everything.

    E(k) = 2 t cos 2 pi k;  hbar omega(q) = 2 sqrt(hbar^2 K / M) |sin pi q|;
    dH/du = 2 i t' (sin 2 pi (k+q) - sin 2 pi k).
    """

    hopping, slope, spring, mass = -1.1, 0.9, 3.0, 12.0  # eV, eV/A, eV/A^2, dalton

    def model(self) -> Model:
        """The chain in a wide cell; transverse motion is held by on-site springs."""
        cells = np.array([[-1, 0, 0], [0, 0, 0], [1, 0, 0]])
        energy = np.array([self.hopping, 0, self.hopping]).reshape(3, 1, 1)
        gradient = np.zeros((3, 3, 1, 1))
        gradient[:, 0, 0, 0] = [-self.slope, 0, self.slope]
        phi = np.zeros((3, 1, 3, 1, 3))
        phi[:, 0, 0, 0, 0] = [-self.spring, 2 * self.spring, -self.spring]
        phi[1, 0, [1, 2], 0, [1, 2]] = TRANSVERSE
        return _chain_model(cells, energy, gradient, phi, [self.mass], np.zeros((1, 3)))

    def strength(self, k, q):
        """|g| of the longitudinal mode, eV."""
        energy = 2 * np.sqrt(HBAR2_PER_DALTON * self.spring / self.mass) * abs(np.sin(np.pi * q))
        amplitude = np.sqrt(HBAR2_PER_DALTON / (2 * self.mass * energy))
        change = np.sin(2 * np.pi * (k + q)) - np.sin(2 * np.pi * k)
        return abs(2 * amplitude * self.slope * change)


class Dimers:
    """Su-Schrieffer-Heeger chain: atoms A and B, alternating hoppings v, w and springs.

    H_AB(k) = v + w e^{-2 pi i k}; D_AB(q) = -(K1 + K2 e^{-2 pi i q}) / M.  The bond A-B of
    one cell has length derivative v' and the bond to the previous cell w'.
    """

    v, w, v_slope, w_slope = -2.0, -1.3, 1.7, 0.8
    spring_1, spring_2, mass = 5.0, 3.0, 20.0

    def model(self) -> Model:
        """The chain in a wide cell."""
        cells = np.array([[-1, 0, 0], [0, 0, 0], [1, 0, 0]])
        energy, gradient = np.zeros((3, 2, 2)), np.zeros((3, 3, 2, 2))
        energy[1, 0, 1] = energy[1, 1, 0] = self.v
        energy[0, 0, 1] = energy[2, 1, 0] = self.w
        gradient[1, 0, 0, 1], gradient[1, 0, 1, 0] = self.v_slope, -self.v_slope
        gradient[0, 0, 0, 1], gradient[2, 0, 1, 0] = -self.w_slope, self.w_slope
        phi = np.zeros((3, 2, 3, 2, 3))
        phi[1, [0, 1], 0, [0, 1], 0] = self.spring_1 + self.spring_2
        phi[1, 0, 0, 1, 0] = phi[1, 1, 0, 0, 0] = -self.spring_1
        phi[0, 0, 0, 1, 0] = phi[2, 1, 0, 0, 0] = -self.spring_2
        for s in (0, 1):
            phi[1, s, [1, 2], s, [1, 2]] = TRANSVERSE
        positions = np.array([[0.0, 0, 0], [1.1, 0, 0]])
        return _chain_model(cells, energy, gradient, phi, [self.mass] * 2, positions)

    def bands(self, k):
        """Energies of the lower and the upper band, eV."""
        size = abs(self.v + self.w * np.exp(-2j * np.pi * k))
        return np.array([-size, size])

    def strength(self, k, q):
        """|g[m, n, v]| of acoustic (v = 0) and optical (1) mode, from phases alone, eV.

        With H_AB = |h| e^{i a(k)} the bands are (1, -+ e^{-i a(k)}) / sqrt 2, and the modes
        have the same form with the phase of K1 + K2 e^{-2 pi i q}, energy^2 = hbar^2
        (K1 + K2 -+ |K1 + K2 e^{-2 pi i q}|) / M.
        """
        coupling_k, coupling_kq = (
            self.v_slope - self.w_slope * np.exp(-2j * np.pi * p) for p in (k, k + q)
        )
        band_k, band_kq = (np.angle(self.v + self.w * np.exp(-2j * np.pi * p)) for p in (k, k + q))
        spring = self.spring_1 + self.spring_2 * np.exp(-2j * np.pi * q)
        g_mnv = np.zeros((2, 2, 2))
        for v, mode_sign in enumerate((1, -1)):
            stiffness = self.spring_1 + self.spring_2 - mode_sign * abs(spring)
            energy = np.sqrt(HBAR2_PER_DALTON * stiffness / self.mass)
            u_a = np.sqrt(HBAR2_PER_DALTON / (2 * energy * self.mass)) / np.sqrt(2)
            u_b = u_a * mode_sign * np.exp(-1j * np.angle(spring))
            element_ab = u_b * coupling_kq - u_a * coupling_k
            element_ba = -u_a * coupling_kq.conj() + u_b * coupling_k.conj()
            for m, final_sign in enumerate((-1, 1)):
                for n, sign in enumerate((-1, 1)):
                    first = sign * np.exp(-1j * band_k) * element_ab
                    second = final_sign * np.exp(1j * band_kq) * element_ba
                    g_mnv[m, n, v] = abs(first + second) / 2
        return g_mnv


def _chain_model(cells, energy, gradient, phi, masses, positions) -> Model:
    site = np.arange(len(masses))
    crystal = Crystal(
        np.diag([2.5, 10.0, 10.0]), positions, np.full(len(masses), 6), np.array(masses)
    )
    hopping = Hopping(cells, energy, site, positions)
    constants = ForceConstants(cells, phi)
    return Model("chain", crystal, hopping, constants, TwoCentreCoupling(gradient))
