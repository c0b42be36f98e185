"""How many phonon jobs a material needs: q points of the mesh that symmetry leaves apart.

Imported by the rules when the workflow is read, in every job: spglib waits until it is needed.
"""

from ephforge.espresso.structures import species, structure


def irreducible_count(material: dict) -> int:
    """Number of q points that ph.x finds for the mesh (space group and time reversal).

    ph.x makes the list itself; each job compares its length with this number.
    """
    import numpy as np
    import spglib

    cell, atoms = structure(material)
    order = species(material)
    crystal = (cell, [a[1] for a in atoms], [order.index(a[0]) for a in atoms])
    mapping, _ = spglib.get_ir_reciprocal_mesh(material["q_mesh"], crystal, is_shift=(0, 0, 0))
    return len(np.unique(mapping))
