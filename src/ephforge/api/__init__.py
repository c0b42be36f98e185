"""For notebooks and scripts: models, couplings and files as xarray, crystals as ASE atoms.

    from ephforge import api

    model = api.open_model("resources/first_principles/si_4.nc")
    found = api.couplings(model, k=[[0, 0, 0]], q=[[0.5, 0, 0]])

Importing it takes a second or two, since JAX comes along.
"""

from ephforge.api.atoms import crystal_of, to_atoms
from ephforge.api.files import open_file, open_maps, open_model
from ephforge.api.points import couplings

__all__ = ["couplings", "crystal_of", "open_file", "open_maps", "open_model", "to_atoms"]
