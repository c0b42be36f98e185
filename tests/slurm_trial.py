"""A small campaign on a Slurm controller of our own, with faults in its lattice shards.

The copy of the checkout runs `faults/SHARD.py` at the start of a lattice shard, if there is one:
so a job fails, waits or grows at a known place.  The edit is made before the first run, so that
code fingerprints are the same in all runs of a trial.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from base64 import urlsafe_b64encode
from collections import Counter
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import yaml

from ephforge.core.errors import EphforgeError
from ephforge.core.netcdf import read

STARTER = Path(__file__).parent / "slurm/slurm-up.sh"
PROGRAMS = ("sbatch", "squeue", "slurmctld", "slurmd", "munged")
OPTIONS = {
    "campaign": {"materials": 8, "shard_size": 2},
    "lattice": {
        "prototypes": ["fcc", "rocksalt"],
        "potentials": ["lennard_jones"],
        "variants": 0.0,
        "max_rejected": 1.0,
    },
    "firstprinciples": {"materials": []},
}
SHARDS = tuple(f"{i:06d}-{i + 2:06d}" for i in range(0, 8, 2))
HOOK = """
    _fault = __import__("pathlib").Path("faults") / (__import__("pathlib").Path(shard).stem + ".py")
    if _fault.exists():
        exec(_fault.read_text(), {"file": _fault})
"""
SLOWER = 4  # deadlines hold on a machine that is busy with other things
ONCE = "import os, time\nfile.unlink()\n"
FAULTS = {
    "exit": ONCE + "os._exit(3)\n",
    # 50 MB at a time, so that the limit is passed whatever the rest of the job takes
    "memory": ONCE + "held = [bytearray(50_000_000) for _ in range(30)]\ntime.sleep(300)\n",
    "sleep": ONCE + "time.sleep(900)\n",
    # waits until the test removes the file that says so
    "hold": "import time\nopen(file.with_suffix('.started'), 'a').write('x')\n"
    "while file.exists(): time.sleep(0.05)\n",
}


def missing() -> str:
    """Why there can be no controller here; empty if there can."""
    absent = [name for name in PROGRAMS if not shutil.which(name)]
    if absent:
        return f"Slurm is not installed: no {', '.join(absent)} (Debian: slurm-wlm, munge)"
    return "" if os.geteuid() == 0 else "starting a Slurm controller of our own needs root"


class Controller:
    """slurmctld, slurmd and munged in a folder and on ports of their own."""

    def __init__(self, state: Path):
        self.state, self.runs = state, []
        self.settings = {
            "SLURM_TEST_STATE": str(state),
            "SLURM_TEST_PORT": str(20000 + os.getpid() % 20000 * 2),
            "SLURM_TEST_MEM": "64000",  # advertised only: what the rules ask for has to fit
            "SLURM_TEST_CGROUP": "no",
            # the GPUs of this controller are made up: its jobs are told to do without
            "EPHFORGE_DEVICE": "cpu",
        }
        self.environment = self.settings | {
            "SLURM_CONF": str(state / "slurm.conf"),
            "PATH": f"{state / 'bin'}:{os.environ['PATH']}",
        }

    @contextmanager
    def running(self):
        """Started, and stopped whatever happens."""
        started = self._starter("start")
        try:
            assert started.returncode == 0, started.stdout + started.stderr
            yield self
        finally:
            for run in self.runs:
                kill(run)
            self._starter("stop")

    def _starter(self, command: str):
        return subprocess.run(
            ["bash", STARTER, command],
            env=os.environ | self.settings,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )

    def call(self, *command: str) -> str:
        """Standard output of a Slurm command."""
        return subprocess.run(
            command,
            env=os.environ | self.environment,
            stdout=subprocess.PIPE,
            text=True,
            timeout=60,
            check=True,
        ).stdout

    def queued(self) -> dict[str, tuple[str, str]]:
        """Job number -> state and comment (rule and wildcards) of the jobs in the queue."""
        lines = self.call("squeue", "-h", "-o", "%i|%T|%k").splitlines()
        return {i: (state, comment) for i, state, comment in (x.split("|", 2) for x in lines)}

    def ended(self) -> dict[str, str]:
        """Job number -> state of the jobs that have ended."""
        record = self.state / "log/jobcomp.txt"
        text = record.read_text() if record.exists() else ""
        return dict(re.findall(r"^JobId=(\d+) .*?JobState=(\w+) ", text, re.MULTILINE))

    def mean_seconds(self) -> float:
        """From the start to the end of a job, as Slurm recorded it."""
        record = (self.state / "log/jobcomp.txt").read_text()
        times = re.findall(r"StartTime=(\S+) EndTime=(\S+)", record)
        spent = [datetime.fromisoformat(b) - datetime.fromisoformat(a) for a, b in times]
        return sum(one.total_seconds() for one in spent) / len(spent)

    def processor_seconds(self) -> dict[str, float]:
        """Job number -> processor seconds of its steps, batch script included."""
        spent: Counter[str] = Counter()
        for line in (self.state / "log/cpu.txt").read_text().splitlines():
            number, *ticks = line.split()
            spent[number] += sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
        return dict(spent)

    def log(self, program: str) -> str:
        return (self.state / f"log/{program}.log").read_text()

    def node(self, **changes: str) -> None:
        """Change the only node."""
        name = self.call("sinfo", "-h", "-N", "-o", "%N").split()[0]
        self.call(
            "scontrol", "update", f"NodeName={name}", *(f"{k}={v}" for k, v in changes.items())
        )


class Trial:
    """One campaign folder: starts, stops and judges Snakemake runs on the controller."""

    def __init__(self, checkout, controller: Controller, **changes):
        self.checkout, self.folder, self.controller = checkout, checkout.folder, controller
        options = OPTIONS | changes
        (self.folder / "tiny.yaml").write_text(yaml.safe_dump(options))
        (self.folder / "faults").mkdir()
        start = "    start, clock = time.perf_counter(), Clock()\n"
        checkout.replace("src/ephforge/lattice/stage.py", start, HOOK + start)

    def command(self, *targets: str) -> list[str]:
        return [
            *(sys.executable, "-m", "snakemake", *targets),
            *("--profile", "slurm", "--configfile", "tiny.yaml"),
            *("--slurm-init-seconds-before-status-checks", "1", "--latency-wait", "5"),
            "--slurm-keep-successful-logs",  # their names tell which shard a job was of
        ]

    def start(self, *targets: str, name: str = "run") -> subprocess.Popen:
        """Snakemake in the background; its output goes to NAME.out."""
        with (self.folder / f"{name}.out").open("w") as out:
            run = subprocess.Popen(
                self.command(*targets),
                cwd=self.folder,
                env=os.environ | self._environment(),
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.controller.runs.append(run)
        return run

    def said(self, text: str, name: str = "run") -> bool:
        """Whether a run has printed this by now."""
        return text in (self.folder / f"{name}.out").read_text()

    def finish(self, run: subprocess.Popen, timeout: float = 300, name: str = "run") -> str:
        """Output of a run that has to end in time; it is killed if it does not."""
        try:
            run.wait(SLOWER * timeout)
        finally:
            kill(run)
        return (self.folder / f"{name}.out").read_text()

    def complete(self, *targets: str, timeout: float = 300) -> str:
        """A run that has to end well."""
        run = self.start(*targets)
        output = self.finish(run, timeout)
        assert run.returncode == 0, output[-5000:]
        return output

    def fail(self, *targets: str, timeout: float = 300) -> str:
        """A run that has to end badly, without a traceback."""
        run = self.start(*targets)
        output = self.finish(run, timeout)
        assert run.returncode != 0, output[-5000:]
        assert "Traceback" not in output, output[-5000:]
        return output

    def unlock(self) -> None:
        run = self.checkout.snakemake("--unlock", "--configfile", "tiny.yaml", timeout=SLOWER * 120)
        assert run.returncode == 0, run.stdout

    def _environment(self) -> dict[str, str]:
        return self.controller.environment | {"PYTHONPATH": str(self.folder / "src")}

    def fault(self, shard: str, kind: str) -> Path:
        """Let the next job of a lattice shard go wrong; the file, to be removed for "hold"."""
        path = self.folder / "faults" / f"{shard}.py"
        path.write_text(FAULTS[kind])
        return path

    def is_faulty(self, shard: str) -> bool:
        """Whether no job of the shard has come to its fault yet."""
        return (self.folder / "faults" / f"{shard}.py").exists()

    def started(self, shard: str) -> int:
        """How many jobs of a held shard have come to where they wait."""
        path = self.folder / "faults" / f"{shard}.started"
        return path.stat().st_size if path.exists() else 0

    def jobs_of(self, shard: str, rule: str = "lattice") -> dict[str, str]:
        """Job number -> state ("" while it runs) of all jobs there were of a shard."""
        logs = self.folder.glob(f"logs/slurm/rule_{rule}/{shard}/*.log")
        return {log.stem: self.controller.ended().get(log.stem, "") for log in sorted(logs)}

    def shard(self, name: str, rule: str = "lattice") -> Path:
        return self.folder / f"results/{rule}/{name}.nc"

    def identities(self) -> dict[str, tuple]:
        """Path -> what changes if a result is written again."""
        files = [p for p in (self.folder / "results").rglob("*.nc") if not p.name.startswith(".")]
        found = {p: p.stat() for p in files}
        return {
            str(p.relative_to(self.folder)): (s.st_ino, s.st_mtime_ns) for p, s in found.items()
        }

    def is_incomplete(self, path: str) -> bool:
        """Whether Snakemake has started to make a result and not seen the end of it."""
        name = urlsafe_b64encode(path.encode()).decode()
        return (self.folder / ".snakemake/incomplete" / name).exists()

    def damaged(self) -> list[str]:
        """Results that stand under a final name and are not whole."""
        found = []
        for path in sorted(self.folder.glob("results/*/*.nc")):
            try:
                read(path, path.parent.name)
            except EphforgeError:
                found.append(path.name)
        return found

    def left_behind(self) -> list[str]:
        """Temporary files in the results."""
        return [p.name for p in (self.folder / "results").rglob(".*")]


def kill(run: subprocess.Popen) -> None:
    """SIGKILL to Snakemake and all that it started here; jobs of Slurm live on."""
    if run.poll() is None:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()


def until(condition, seconds: float = 120, what: str = "") -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + SLOWER * seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {SLOWER * seconds} s: {what or condition}"
        time.sleep(0.1)
