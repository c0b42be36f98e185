"""JSON records are whole or refused."""

import pytest

from ephforge.core.errors import EphforgeError
from ephforge.core.machine import machine
from ephforge.core.records import read_record, write_record


def test_what_was_written_is_read(tmp_path):
    path = tmp_path / "folder/record.json"
    write_record(path, {"a": [1, 2.5, None], "b": {"c": "text"}})
    found = read_record(path)
    assert {"numpy", "jax"} < found.pop("versions").keys()
    assert found.pop("machine") == machine()
    assert found == {"a": [1, 2.5, None], "b": {"c": "text"}}
    assert [p.name for p in path.parent.iterdir()] == ["record.json"]


def test_not_a_number_is_refused(tmp_path):
    """JSON has no NaN, and a metric that is one is a defect to be seen at once."""
    with pytest.raises(ValueError, match="JSON"):
        write_record(tmp_path / "record.json", {"error": float("nan")})


@pytest.mark.parametrize("content", [None, "", '{"a": [1, 2', "[1, 2]"])
def test_absent_and_truncated(tmp_path, content):
    path = tmp_path / "record.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(EphforgeError, match=r"record\.json"):
        read_record(path)
