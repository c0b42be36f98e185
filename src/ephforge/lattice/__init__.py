"""Stage lattice: draw a material, relax it, force constants, stability.

asap3 is compiled with MPI where there is a compiler for it, and then starts MPI when it is
imported.  In a step of Slurm, Open MPI takes that for a parallel run and ends the process,
unless it was built for this Slurm: so it is not told of Slurm, and starts no daemon either.
"""

import os

os.environ.pop("SLURM_NODELIST", None)
os.environ.setdefault("OMPI_MCA_ess_singleton_isolated", "1")
