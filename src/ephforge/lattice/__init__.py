"""Stage lattice: draw a material, relax it, force constants, stability."""
