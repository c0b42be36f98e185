"""Records of stages outside the default campaign, which the report shows where they are there.

They are no inputs of the report: Snakemake would compute them, hours of work that nobody asked
for.  Their contents stand in its parameters, so that a new one redoes the page.  This file
imports fast: no jax.
"""

import hashlib
from pathlib import Path


def records_there(*folders: str) -> dict[str, str]:
    """Path of every JSON record in the folders -> 16 hex digits of the digest of its contents."""
    paths = sorted(path for folder in folders for path in Path(folder).glob("*.json"))
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest()[:16] for path in paths}
