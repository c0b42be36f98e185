"""benchmarks/peers.py: every peer gets the model that we have, or it stops."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PEERS = {"bands": "pythtb", "phonons": "phonopy", "couplings": "elphmod"}


def test_peers_agree_and_are_timed(tmp_path):
    out = tmp_path / "peers.json"
    words = [sys.executable, str(ROOT / "benchmarks/peers.py"), "--quick", "-o", str(out)]
    subprocess.run(words, check=True, capture_output=True)
    record = json.loads(out.read_text())
    for case, peer in PEERS.items():
        row = record[case]
        seconds = row["processor_seconds"]
        # phonopy has other values of the constants
        assert row["difference"] < (1e-6 if case == "phonons" else 1e-12)
        assert row["ratio"] == pytest.approx(seconds[peer] / seconds["ephforge"])
    assert [path.name for path in tmp_path.iterdir()] == ["peers.json"]
