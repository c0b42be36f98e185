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


def imported(code, **environment):
    """A process that imports asap3 as the stage does, and prints."""
    run = subprocess.run(
        [sys.executable, "-c", f"import os, ephforge.lattice.asap; {code}"],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return run.returncode, run.stdout, run.stderr


def test_asap_is_imported_in_a_step_of_slurm():
    """Where asap3 was compiled with MPI this ended the process; elsewhere nothing is tested."""
    status, said, errors = imported("print('imported')", **STEP)
    assert (status, said) == (0, "imported\n"), errors


def test_jobs_of_a_node_share_no_folder_of_mpi(tmp_path):
    """Open MPI removes it when a process ends, while another one starts in it."""
    where = {"OMPI_MCA_orte_tmpdir_base": str(tmp_path)}
    status, said, errors = imported(f"print(os.listdir({str(tmp_path)!r}))", **where)
    assert (status, said) == (0, "[]\n"), errors
