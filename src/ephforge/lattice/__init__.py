"""Stage lattice: draw a material, relax it, force constants, stability.

asap3 is compiled with MPI where there is a compiler for it, and then starts MPI when it is
imported.  In a step of Slurm, Open MPI takes that for a parallel run and ends the process,
unless it was built for this Slurm: so it is not told of Slurm, and starts no daemon either.
Nor does it make its folder in /tmp, which the jobs of a node share: one that ends removes it under
the feet of one that starts, which then ends too (one job of 400 on the test Slurm).
"""

import os

os.environ.pop("SLURM_NODELIST", None)
os.environ.setdefault("OMPI_MCA_ess_singleton_isolated", "1")
os.environ.setdefault("OMPI_MCA_orte_create_session_dirs", "0")
