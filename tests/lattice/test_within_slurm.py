"""A lattice job is a step of Slurm, which asap3 must not take for a parallel run of its own."""

import os
import subprocess
import sys

STEP = {
    "SLURM_JOB_ID": "1",
    "SLURM_NODELIST": "node",
    "SLURM_NTASKS": "1",
    "SLURM_PROCID": "0",
    "SLURM_STEP_ID": "0",
}


def test_asap_is_imported_in_a_step_of_slurm():
    """Where asap3 was compiled with MPI this ended the process; elsewhere nothing is tested."""
    code = "import ephforge.lattice.asap; print('imported')"
    run = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | STEP,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (run.returncode, run.stdout) == (0, "imported\n"), run.stderr
