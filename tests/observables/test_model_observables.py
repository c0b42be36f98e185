"""benchmarks/model_observables.py: original, compressed and refined models, one small material."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def program():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        import model_observables

        yield model_observables


def run(program, out: Path, name: str, *words: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        path = ROOT / f"resources/first_principles/{name}.nc"
        patch.setattr("sys.argv", ["model_observables.py", "-o", str(out), *words, "--", str(path)])
        program.main()


def test_a_semiconductor_is_compared_and_not_computed_again(program, tmp_path, capsys):
    out = tmp_path / "record.json"
    run(program, out, "si_2", "--meshes", "6", "8", "--errors", "0.1")
    found = json.loads(out.read_text())["si_2"]
    holes = found["holes"]["models"]
    compressed = {f"{what} 10 %{told}" for what in ("g", "file") for told in ("", ", edges")}
    assert set(holes) == {"original"} | compressed  # 2^3 has no half
    assert set(holes["original"]["errors"].values()) == {0.0}
    assert 0.03 < found["errors_of_g"]["g 10 %"] <= 0.1
    assert 0 < holes["g 10 %"]["errors"]["linewidths"] < 0.5
    assert found["bits"]["10 %"]["file"] > found["bits"]["10 %"]["g"] > 0
    rows = found["holes"]["convergence"]
    assert [row["mesh"] for row in rows] == [6, 6, 8, 8]
    assert rows[1]["mobility"] == pytest.approx(holes["original"]["values"]["mobility"])
    before = out.read_bytes()
    run(program, out, "si_2")
    assert out.read_bytes() == before
    assert "| g 10 % |" in capsys.readouterr().out


def test_a_metal_has_lambda_and_a_critical_temperature(program, tmp_path):
    out = tmp_path / "record.json"
    run(program, out, "al_2", "--metal-meshes", "6", "--errors")
    values = json.loads(out.read_text())["al_2"]["metal"]["models"]["original"]["values"]
    assert values["lambda"] > 0
    mean = 2 * values["alpha2F_mev"] / values["lambda"]  # mean phonon energy, meV
    assert values["energy_log_mev"] < mean < values["energy_rms_mev"]
