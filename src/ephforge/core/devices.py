"""Which device JAX computes on, and that it is the one that was asked for; kernels kept for it.

JAX takes a GPU where it finds one and the CPU otherwise, with a warning at most.  A job that
holds a GPU and computes on the CPU for days is a mistake: who asks for a GPU gets one or an
error.  A GPU is asked for by EPHFORGE_DEVICE=gpu or `--device gpu`, by JAX_PLATFORMS, or by Slurm,
which says in a job's environment what the job was given.  EPHFORGE_DEVICE=cpu and
JAX_PLATFORMS=cpu ask for the CPU, whatever Slurm says.  This file is imported before JAX is.
"""

import os
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from ephforge.core.errors import EphforgeError

VARIABLE = "EPHFORGE_DEVICE"
_SETTLED: list[str] = []  # kind of the device, once JAX was started

# one of them tells that the user decides on the memory of the GPU
_MEMORY = (
    "XLA_PYTHON_CLIENT_PREALLOCATE",
    "XLA_PYTHON_CLIENT_ALLOCATOR",
    "XLA_CLIENT_MEM_FRACTION",
    "XLA_PYTHON_CLIENT_MEM_FRACTION",
)
# what Slurm sets in jobs and steps with GPUs; the last one only counts inside of a job
_SLURM = ("SLURM_JOB_GPUS", "SLURM_STEP_GPUS", "SLURM_GPUS_ON_NODE", "CUDA_VISIBLE_DEVICES")
_NOTHING = ("", "-1", "NoDevFiles", "(null)")  # how Slurm and CUDA say that there is none


class Device(StrEnum):
    """What is asked for; auto: what is there, unless JAX_PLATFORMS or Slurm asks for more."""

    AUTO = "auto"
    CPU = "cpu"
    GPU = "gpu"


class Request(NamedTuple):
    """What is asked for, and by what, for messages."""

    device: Device
    source: str


def ask(device: str) -> None:
    """Ask for a device on behalf of this process and those it starts; "auto" leaves it open."""
    if device != Device.AUTO:
        os.environ[VARIABLE] = device


def request(environment: Mapping[str, str]) -> Request:
    """What the variables of an environment ask for.

    Raises:
      EphforgeError: EPHFORGE_DEVICE is neither auto, cpu nor gpu.
    """
    wanted = environment.get(VARIABLE) or Device.AUTO
    if wanted not in list(Device):
        raise EphforgeError(
            f"{VARIABLE}={wanted}: expected auto, cpu or gpu; set it to one of them"
        )
    if wanted != Device.AUTO:
        return Request(Device(wanted), f"{VARIABLE}={wanted}")
    platforms = environment.get("JAX_PLATFORMS", "")
    if platforms:
        first = Device.CPU if platforms.split(",")[0] == "cpu" else Device.GPU
        return Request(first, f"JAX_PLATFORMS={platforms}")
    if environment.get("SLURM_JOB_ID"):
        for name in _SLURM:
            value = environment.get(name, "")
            # a number of GPUs in one of them, names of GPUs in the others
            is_none = value in _NOTHING or (name == "SLURM_GPUS_ON_NODE" and value == "0")
            if not is_none:
                return Request(Device.GPU, f"{name}={value}, set by Slurm,")
    return Request(Device.AUTO, "")


def settle() -> str:
    """Start JAX on the device that is asked for; the name of its platform, as "cpu" or "gpu".

    Called where a stage or a command begins, before anything is computed.

    Raises:
      EphforgeError: a GPU is asked for and JAX has none, or cannot start it.
    """
    wanted = request(os.environ)
    import jax

    if wanted.device == Device.CPU:
        jax.config.update("jax_platforms", "cpu")
    try:
        found = jax.default_backend()
    except (RuntimeError, AssertionError) as error:
        # an AssertionError without words: JAX_PLATFORMS names CUDA, and no GPU can be seen
        raise _refusal(wanted, str(error) or "no GPU can be seen") from error
    if wanted.device == Device.GPU and found == "cpu":
        raise _refusal(wanted, _why_no_gpu(jax))
    _SETTLED[:] = [jax.devices()[0].device_kind]
    return found


def settled() -> str:
    """Kind of the device that this process computes on, as "NVIDIA H100 80GB HBM3" or "cpu"."""
    return _SETTLED[0] if _SETTLED else "cpu"


def _why_no_gpu(jax) -> str:
    """What JAX says when it is told to take one: not installed, no driver, no memory."""
    if _hides_gpus(jax):
        return "JAX_PLATFORMS=cpu hides it"
    try:
        jax.devices("gpu")
    except RuntimeError as error:
        return str(error)
    return "JAX prefers the CPU"


def _hides_gpus(jax) -> bool:
    return jax.config.jax_platforms == "cpu"


def _refusal(wanted: Request, why: str) -> EphforgeError:
    why = " ".join(why.split()).rstrip(".")
    return EphforgeError(
        f"{wanted.source} asks for a GPU, found the CPU only ({why}); install JAX for GPUs (make "
        f"environment EXTRA=cuda), or set {VARIABLE}=cpu to compute on the CPU"
    )


def keep_compiled_kernels() -> None:
    """Keep compiled kernels in $EPHFORGE_CACHE, by default ~/.cache/ephforge/jax.

    Called before the first of them is compiled.  Small ones are kept as well: a second process
    compiles nothing.
    """
    import jax

    default = Path.home() / ".cache" / "ephforge" / "jax"
    jax.config.update("jax_compilation_cache_dir", os.environ.get("EPHFORGE_CACHE", str(default)))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)


def sharing_memory(environment: Mapping[str, str]) -> dict[str, str]:
    """Variables by which several processes can compute on one GPU; none if the user set any.

    By default JAX takes 75 % of the GPU's memory at its first operation, and a second process finds
    none (docs.jax.dev, "GPU memory allocation").  A fixed fraction would need to know how many
    processes there will be; taken as needed, each has what it uses, at most 75 %.  The price
    is fragmentation in a process that fills the GPU.
    """
    if any(environment.get(name) for name in _MEMORY):
        return {}
    return {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
