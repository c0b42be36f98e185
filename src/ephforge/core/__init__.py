"""Concepts every stage shares: units, meshes, symmetry, the real-space model, files.

Importing this package settles three things about JAX, and leaves importing it, most of a second,
to the modules that compute with it.  Double precision is on: phonon
frequencies and couplings are small differences of large numbers; networks ask for float32
where they want it.  And XLA's CPU thread pool has one thread unless NPROC says otherwise:
two batched eigenproblems of one kernel that run side by side in a pool of two wait for each
other for ever (docs/notes/02-lapack-deadlock.md), and a campaign is parallel over processes
anyway.  Training, which calls no LAPACK, gets its threads from workflow/run_stage.py.
And processes share the memory of a GPU (devices.py).
"""

import os
import sys

from ephforge.core.devices import sharing_memory

os.environ.setdefault("NPROC", "1")
os.environ.update(sharing_memory(os.environ))
os.environ["JAX_ENABLE_X64"] = "1"  # read when jax is imported
if "jax" in sys.modules:
    sys.modules["jax"].config.update("jax_enable_x64", True)
