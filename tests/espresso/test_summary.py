"""The tables of the docs are those of the shipped models."""

import json

from conftest import ROOT

from ephforge.espresso import summary

MODEL = ROOT / "resources/first_principles/si_2.nc"


def test_both_tables_are_printed(tmp_path, capsys):
    card = tmp_path / "card.json"
    stages = {"lattice": {"wall_seconds": 30.0}, "coupling": {"wall_seconds": 20.0}}
    card.write_text(json.dumps({"accepted": 100, "earlier": stages}))
    assert summary.main([str(card), str(MODEL)]) == 0
    printed = capsys.readouterr().out
    rows = [line.split(" | ") for line in printed.splitlines() if line.startswith("| si_2")]
    assert rows[0][1:4] == ["diamond", "4x4x4 / 2x2x2", "4"]
    steps = [float(word.strip(" |")) for word in rows[1][1:]]
    assert abs(sum(steps[:5]) - steps[5]) <= 3  # each is rounded
    assert abs(steps[5] / 0.5 - steps[6]) <= 2
    assert "0.500 s" in printed


def test_wrong_arguments_are_one_line(tmp_path, capsys):
    assert summary.main([]) == 2
    assert summary.main([str(tmp_path / "card.json"), str(MODEL)]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert "card.json" in lines[1]
