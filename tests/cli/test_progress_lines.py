"""Progress where nobody watches: plain lines, few of them, with rate and time left."""

from ephforge.cli import progress


def told(monkeypatch, capsys, step):
    """Standard error of 100 points, each of which takes `step` seconds."""
    clock = iter(range(0, 10**6))
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock) * step)
    with progress.progress("couple", 100, "q") as advance:
        for _ in range(100):
            advance(1)
    return capsys.readouterr().err


def test_a_long_job_tells_lines(monkeypatch, capsys):
    lines = told(monkeypatch, capsys, step=1.0).splitlines()
    assert lines[0] == "couple: 10 of 100 q, 1 a second, 90 s left"
    assert len(lines) == 9
    assert all("\r" not in line for line in lines)


def test_a_short_one_tells_nothing(monkeypatch, capsys):
    assert told(monkeypatch, capsys, step=0.01) == ""
