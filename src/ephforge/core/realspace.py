"""The real-space electron-phonon model: one object for synthetic and real materials.

Electrons H_ab(R), lattice Phi(R), and the coupling, either two-centre (the derivative of
each hopping with the vector between its two orbitals) or general (g in a Wannier basis).
CONVENTIONS.md, "Real-space model", gives the phases.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Complex, Float, Inexact, Int

from ephforge.core.netcdf import Contents, Variable
from ephforge.core.supercell import FoldedCoupling, fold, unfold

Mesh = tuple[int, int, int]


@dataclass(frozen=True)
class Crystal:
    """Cell rows (angstrom), Cartesian positions (angstrom), atomic numbers, masses (dalton)."""

    cell: Float[np.ndarray, "3 3"]
    positions: Float[np.ndarray, "s 3"]
    numbers: Int[np.ndarray, " s"]
    masses: Float[np.ndarray, " s"]


@dataclass(frozen=True)
class ForceConstants:
    """Phi[R, s,c, t,d] = d2E / du_sc(0) du_td(R), eV/angstrom^2; R integer cell vectors.

    Real; complex only where EPW carries an imaginary part, noise, that its numbers contain.
    """

    cells: Int[np.ndarray, "R 3"]
    phi: Inexact[np.ndarray, "R s 3 s 3"]


@dataclass(frozen=True)
class Hopping:
    """H[R, a, b] = <a, cell 0| H |b, cell R>, eV; site[a] is the atom that carries orbital a.

    overlap[R, a, b] = <a, 0|b, R>, on the same cells; None where the basis is orthonormal.
    """

    cells: Int[np.ndarray, "R 3"]
    energy: Inexact[np.ndarray, "R a a"]
    site: Int[np.ndarray, " a"]
    centres: Float[np.ndarray, "a 3"]  # Cartesian, angstrom
    overlap: Inexact[np.ndarray, "R a a"] | None = None


@dataclass(frozen=True)
class TwoCentreCoupling:
    """How H changes when atoms move and carry their orbitals along; on the cells of the hopping.

    Attributes:
      gradient: dH_ab(R) / d d_c, d the vector from orbital a to orbital b; eV/angstrom; zero for
        two orbitals of one atom.
      crystal_field: dH_ab(0) / d d_c of two orbitals of one atom (cell 0), d the vector from it
        to atom t in cell R: [R, t, c, a, b], eV/angstrom; None where levels do not feel neighbours.
      basis_derivative: <a, 0| d/du_c b, R>, u the displacement of the atom of b; 1/angstrom.
        Between atoms it is the derivative of the overlap with d; on one atom -<a| nabla_c |b>,
        antisymmetric.  None leaves out the terms with E_m and E_n that it makes.
    """

    gradient: Inexact[np.ndarray, "R 3 a a"]
    crystal_field: Inexact[np.ndarray, "R t 3 a a"] | None = None
    basis_derivative: Inexact[np.ndarray, "R 3 a a"] | None = None


@dataclass(frozen=True)
class WannierCoupling:
    """g[Rp, s,c, Re, m, n] = <m, 0| dV / du_sc(Rp) |n, Re>, eV/angstrom."""

    phonon_cells: Int[np.ndarray, "P 3"]
    electron_cells: Int[np.ndarray, "R 3"]
    g: Complex[np.ndarray, "P s 3 R a a"]


@dataclass(frozen=True)
class LongRange:
    """Dipole part of a polar material, taken out of Phi and g; added back at each q.

    Attributes:
      born: Born charges Z[s, field direction, displacement direction], units of e.
      dielectric: high-frequency dielectric tensor.
      q_mesh: the coarse mesh, which limits the sums over G as EPW does.
      lattice_unit: the length that EPW calls alat, angstrom.
      convention: name of the formula, "epw-5.3", "perturbo" or "ewald" (coupling/longrange.py).
      ewald: parameters of the damping, of Phi and of g, in units of (2 pi / lattice_unit)^2
        (Perturbo's loto_alpha, polar_alpha).
    """

    born: Float[np.ndarray, "s 3 3"]
    dielectric: Float[np.ndarray, "3 3"]
    q_mesh: tuple[int, int, int]
    lattice_unit: float
    convention: str
    ewald: tuple[float, float] = (1.0, 1.0)


@dataclass(frozen=True)
class Model:
    """A material: crystal, electrons, lattice, coupling."""

    name: str
    crystal: Crystal
    hopping: Hopping
    force_constants: ForceConstants
    coupling: TwoCentreCoupling | WannierCoupling
    long_range: LongRange | None = None


def crystal_variables(crystal: Crystal) -> dict[str, Variable]:
    """Arrays of a crystal as they stand in a file."""
    return {
        "cell": Variable(
            crystal.cell, ("vector", "direction"), "angstrom", "lattice vectors, rows"
        ),
        "positions": Variable(
            crystal.positions, ("atom", "direction"), "angstrom", "Cartesian positions"
        ),
        "numbers": Variable(crystal.numbers, ("atom",), "1", "atomic numbers"),
        "masses": Variable(crystal.masses, ("atom",), "dalton", "masses"),
    }


def read_crystal(variables: dict[str, np.ndarray]) -> Crystal:
    """Inverse of `crystal_variables`."""
    return Crystal(*(variables[name] for name in ("cell", "positions", "numbers", "masses")))


def force_constant_variables(force_constants: ForceConstants) -> dict[str, Variable]:
    """Arrays of force constants as they stand in a file."""
    axes = ("phi_cell", "atom", "direction", "atom", "direction")
    return {
        "phi_cells": Variable(
            force_constants.cells, ("phi_cell", "vector"), "1", "cell vectors R of Phi"
        ),
        "phi": Variable(force_constants.phi, axes, "eV angstrom-2", "force constants Phi(R)"),
    }


def read_force_constants(variables: dict[str, np.ndarray]) -> ForceConstants:
    """Inverse of `force_constant_variables`."""
    return ForceConstants(variables["phi_cells"], variables["phi"])


def model_variables(
    model: Model, step: float | None = None, meshes: tuple[Mesh, Mesh] | None = None
) -> tuple[dict[str, Variable], dict]:
    """Arrays and attributes of a whole model as they stand in a file.

    Args:
      step: eV/angstrom; a power of two; a Wannier coupling is rounded to it, else stored as it is.
      meshes: coarse k and q mesh; a Wannier coupling is stored folded on them.

    Raises:
      EphforgeError: the coupling is not one of these meshes.
    """
    hopping, coupling = model.hopping, model.coupling
    orbitals = ("orbital", "orbital")
    variables = crystal_variables(model.crystal) | force_constant_variables(model.force_constants)
    variables |= {
        "hopping_cells": Variable(
            hopping.cells, ("hopping_cell", "vector"), "1", "cell vectors R of H"
        ),
        "hopping": Variable(hopping.energy, ("hopping_cell", *orbitals), "eV", "H_ab(R)"),
        "orbital_site": Variable(hopping.site, ("orbital",), "1", "atom that carries the orbital"),
        "orbital_centres": Variable(
            hopping.centres, ("orbital", "direction"), "angstrom", "centres"
        ),
    }
    if hopping.overlap is not None:
        variables["overlap"] = Variable(
            hopping.overlap, ("hopping_cell", *orbitals), "1", "<a,0|b,R>"
        )
    attributes = {"name": model.name, "coupling": "two-centre"}
    if isinstance(coupling, TwoCentreCoupling):
        variables |= _two_centre_variables(coupling)
    else:
        attributes["coupling"] = "wannier"
        variables |= _wannier_variables(coupling, step, meshes)
    if model.long_range is not None:
        polar_variables, polar_attributes = long_range_variables(model.long_range)
        variables |= polar_variables
        attributes |= polar_attributes
    return variables, attributes


def long_range_variables(polar: LongRange) -> tuple[dict[str, Variable], dict]:
    """Arrays and attributes of a dipole part as they stand in a file."""
    variables = {
        "born": Variable(polar.born, ("atom", "direction", "direction"), "e", "Born charges"),
        "dielectric": Variable(
            polar.dielectric, ("direction", "direction"), "1", "dielectric tensor"
        ),
    }
    attributes = {
        "long_range": polar.convention,
        "long_range_q_mesh": list(polar.q_mesh),
        "long_range_lattice_unit": polar.lattice_unit,
        "long_range_ewald": list(polar.ewald),
    }
    return variables, attributes


def read_long_range(contents: Contents) -> LongRange | None:
    """Inverse of `long_range_variables`; None where a material is not polar."""
    found, attributes = contents.variables, contents.attributes
    if "long_range" not in attributes:
        return None
    return LongRange(
        found["born"],
        found["dielectric"],
        tuple(attributes["long_range_q_mesh"]),
        attributes["long_range_lattice_unit"],
        attributes["long_range"],
        # files written before this attribute existed are all of EPW, where both are 1
        tuple(attributes.get("long_range_ewald", (1.0, 1.0))),
    )


def _two_centre_variables(coupling: TwoCentreCoupling) -> dict[str, Variable]:
    orbitals = ("orbital", "orbital")
    variables = {
        "gradient": Variable(
            coupling.gradient,
            ("hopping_cell", "direction", *orbitals),
            "eV angstrom-1",
            "dH_ab(R)/dd between two atoms",
        )
    }
    if coupling.crystal_field is not None:
        variables["crystal_field"] = Variable(
            coupling.crystal_field,
            ("hopping_cell", "atom", "direction", *orbitals),
            "eV angstrom-1",
            "dH_ab(0)/dd on one atom, d to the atom in cell R",
        )
    if coupling.basis_derivative is not None:
        variables["basis_derivative"] = Variable(
            coupling.basis_derivative,
            ("hopping_cell", "direction", *orbitals),
            "angstrom-1",
            "<a,0|d/du b,R>",
        )
    return variables


def _wannier_variables(
    coupling: WannierCoupling, step: float | None, meshes: tuple[Mesh, Mesh] | None
) -> dict[str, Variable]:
    cells = (coupling.phonon_cells, coupling.electron_cells)
    variables = {
        "phonon_cells": Variable(cells[0], ("phonon_cell", "vector"), "1", "Rp of g"),
        "electron_cells": Variable(cells[1], ("electron_cell", "vector"), "1", "Re of g"),
    }
    orbitals, unit = ("orbital", "orbital"), "eV angstrom-1"
    if meshes is None:
        axes = ("phonon_cell", "atom", "direction", "electron_cell", *orbitals)
        g = Variable(coupling.g, axes, unit, "<m,0|dV/du(Rp)|n,Re>", step)
        return variables | {"g": g}
    k_mesh, q_mesh = meshes
    folded = fold(coupling.g, *cells, q_mesh, k_mesh)
    axes = ("phonon_class", "atom", "direction", "electron_class", *orbitals)
    meaning = (
        "<m,0|dV/du(Rp)|n,Re> = g_folded[Rp mod g_q_mesh, Re mod g_k_mesh] / (phonon_images "
        "electron_images), 0 where an image count is 0; cells modulo a mesh in C order"
    )
    return variables | {
        "g_folded": Variable(folded.g, axes, unit, meaning, step),
        "phonon_images": Variable(
            folded.phonon_images, ("phonon_cell", "atom", *orbitals), "1", "equal cells Rp"
        ),
        "electron_images": Variable(
            folded.electron_images, ("electron_cell", *orbitals), "1", "equal cells Re"
        ),
        "g_q_mesh": Variable(np.array(q_mesh), ("vector",), "1", "coarse q mesh of g_folded"),
        "g_k_mesh": Variable(np.array(k_mesh), ("vector",), "1", "coarse k mesh of g_folded"),
    }


def _read_wannier(found: dict[str, np.ndarray]) -> WannierCoupling:
    cells = (found["phonon_cells"], found["electron_cells"])
    if "g_folded" not in found:
        return WannierCoupling(*cells, found["g"])
    meshes = (tuple(int(n) for n in found[name]) for name in ("g_q_mesh", "g_k_mesh"))
    folded = FoldedCoupling(
        found["g_folded"], found["phonon_images"], found["electron_images"], *meshes
    )
    return WannierCoupling(*cells, unfold(folded, *cells))


def read_model(contents: Contents) -> Model:
    """Inverse of `model_variables`."""
    found, attributes = contents.variables, contents.attributes
    if attributes["coupling"] == "two-centre":
        optional = (found.get(name) for name in ("crystal_field", "basis_derivative"))
        coupling = TwoCentreCoupling(found["gradient"], *optional)
    else:
        coupling = _read_wannier(found)
    hopping = Hopping(
        found["hopping_cells"],
        found["hopping"],
        found["orbital_site"],
        found["orbital_centres"],
        found.get("overlap"),
    )
    return Model(
        attributes["name"],
        read_crystal(found),
        hopping,
        read_force_constants(found),
        coupling,
        read_long_range(contents),
    )
