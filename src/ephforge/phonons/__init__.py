"""Harmonic lattice vibrations from force constants."""
