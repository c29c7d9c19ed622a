from __future__ import annotations

import contextlib
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from garden.core.errors import CancelledByUser, GardenError
from garden.process.program import Ended, run_program


def python(code: str, *, cancelled: threading.Event | None = None, limit_seconds: float = 30) -> Ended:
    return run_program([sys.executable, "-c", code], cancelled or threading.Event(), limit_seconds=limit_seconds)


def wait_for(path: Path) -> int:
    """Wait for the process id that a program writes into a file."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if path.exists() and (text := path.read_text()).endswith("\n"):
            return int(text)
    raise AssertionError(f"{path} was not written")


def test_what_it_prints_and_how_it_ends_are_told() -> None:
    done = python("import sys; print('out'); print('wrong', file=sys.stderr); sys.exit(3)")

    assert (done.code, done.output.strip(), done.errors.strip()) == (3, "out", "wrong")


def test_it_has_no_input_and_sees_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_canary")

    done = python("import os, sys; print(repr(sys.stdin.read()), 'hf_canary' in str(os.environ))")

    assert done.output.strip() == "'' False"


#: Starts a child of its own, tells its id, and both would run for a minute.
_FAMILY = """
import pathlib, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
pathlib.Path({path!r}).write_text(str(child.pid) + "\\n")
time.sleep(60)
"""


def test_a_cancel_ends_it_with_its_children(tmp_path: Path) -> None:
    cancelled, told = threading.Event(), tmp_path / "pid"
    errors: list[BaseException] = []

    def run() -> None:
        try:
            python(_FAMILY.format(path=str(told)), cancelled=cancelled)
        except CancelledByUser as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    child = psutil.Process(wait_for(told))
    cancelled.set()
    thread.join(10)

    assert len(errors) == 1
    assert psutil.wait_procs([child], timeout=5)[1] == []


def test_what_runs_longer_than_the_limit_is_ended(tmp_path: Path) -> None:
    told = tmp_path / "pid"

    with pytest.raises(GardenError) as caught:
        python(_FAMILY.format(path=str(told)), limit_seconds=1.5)

    assert "had not ended" in caught.value.sentence
    if told.exists():
        assert psutil.wait_procs([p for p in psutil.process_iter() if p.pid == wait_for(told)], timeout=5)[1] == []


#: Starts a child that would run for a minute, tells its id, and ends at once.
_ORPHAN = """
import subprocess, sys
print(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]).pid)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the group of a program is POSIX's")
def test_what_it_started_ends_with_it_when_it_ends_by_itself() -> None:
    done = python(_ORPHAN)

    assert done.code == 0
    assert _is_gone(int(done.output))


def test_a_child_in_a_session_of_its_own_is_ended_with_a_cancelled_program(tmp_path: Path) -> None:
    cancelled, told = threading.Event(), tmp_path / "pid"
    code = _FAMILY.format(path=str(told)).replace('(60)"])', '(60)"], start_new_session=True)')

    def cancel() -> None:
        wait_for(told)
        cancelled.set()

    thread = threading.Thread(target=cancel)
    thread.start()

    with pytest.raises(CancelledByUser):
        python(code, cancelled=cancelled)
    thread.join()

    assert "start_new_session" in code
    assert _is_gone(wait_for(told))


def _is_gone(pid: int) -> bool:
    """Whether a process has ended; its new parent may not have asked for it yet."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    return True


def test_a_program_that_is_not_there_is_a_sentence() -> None:
    with pytest.raises(GardenError):
        run_program(["/nowhere/program"], threading.Event(), limit_seconds=5)
