"""Concepts every stage shares: units, meshes, symmetry, the real-space model, files.

Importing this package turns on double precision in JAX: phonon frequencies and couplings
are small differences of large numbers.  Networks ask for float32 where they want it.
"""

import jax

jax.config.update("jax_enable_x64", True)
