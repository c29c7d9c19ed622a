"""The library: its devices, its log, and its absence."""

from __future__ import annotations

import subprocess
import sys

import msgspec
import pytest

from garden.core.errors import EngineMissingError
from garden.core.hardware_snapshot import Engine
from garden.engine.library import EngineLibrary, EngineLog, engine_facts


@pytest.mark.engine
def test_the_processor_is_a_device(engine: EngineLibrary) -> None:
    assert [device.kind for device in engine.devices()][-1] == "cpu"
    assert "CPU" in engine.system_info()


@pytest.mark.engine
def test_the_facts_of_an_installed_engine(engine: EngineLibrary) -> None:
    # In a child, since a second library would take this one's log.
    script = (
        "import msgspec; from garden.engine.library import engine_facts; "
        "print(msgspec.json.encode(engine_facts()).decode())"
    )
    child = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, timeout=60)
    facts = msgspec.json.decode(child.stdout, type=Engine)

    assert (facts.installed, facts.version, facts.problem) == (True, engine.version, None)
    assert facts.devices[-1].name == "CPU"


def test_a_missing_engine_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "llama_cpp", None)

    assert engine_facts().problem == "The engine (llama-cpp-python) is not installed."
    with pytest.raises(EngineMissingError) as caught:
        EngineLibrary()
    assert "setup" in caught.value.action


def test_the_log_joins_pieces_and_keeps_errors_apart() -> None:
    log = EngineLog()
    for level, text in [(2, b"loading "), (5, b"weights\n"), (4, b"no such tensor\n"), (1, b"chatter\n")]:
        log.receive(level, text, None)

    assert list(log.lines) == ["loading weights", "no such tensor"]
    assert (log.take_errors(), log.take_errors()) == ("no such tensor", "")


def test_the_log_survives_bytes_that_are_no_text() -> None:
    log = EngineLog()
    log.receive(4, b"\xff\xfe broken\n", None)

    assert "broken" in log.take_errors()
