"""Bands, phonons and |g| of a few materials along the standard path of their lattice."""
