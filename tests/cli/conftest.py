"""Commands run inside the process of the tests, which takes more memory than a command does."""

import pytest

from ephforge.cli import memory

OF_A_COMMAND = 300_000_000  # bytes, with the model read and before anything is compiled


@pytest.fixture(autouse=True)
def _memory_of_a_command(request, monkeypatch):
    if "resident" not in request.node.name:
        monkeypatch.setattr(memory, "resident", lambda: OF_A_COMMAND)
