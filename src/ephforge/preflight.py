"""Before thousands of jobs are sent off: can their results be written at all?

This file imports fast: no jax.
"""

import os
import tempfile
from pathlib import Path


def objection(*folders: str) -> str:
    """What stands against writing into the folders, in one line; empty if nothing does."""
    for folder in folders:
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=folder) as file:
                os.fsync(file.fileno())
        except OSError as error:
            return f"{folder}: cannot be written ({error.strerror}); mend that and run again"
    return ""
