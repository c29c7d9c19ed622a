"""Children: what they say arrives, what they do is noticed, and none outlives its end."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

import psutil
import pytest

from garden.core.messages import LoadModel, Message, Probe, Progress
from garden.core.model_ref import ModelRef
from garden.core.run_configuration import RunConfiguration
from garden.process.child import Exit, worker_command, worker_environment
from tests.process.running import SOON, Running

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")


def gone(pid: int) -> bool:
    """Whether a process has ended, a zombie included; waits for it."""
    try:
        psutil.Process(pid).wait(SOON)
    except psutil.NoSuchProcess:
        return True
    except psutil.TimeoutExpired:
        return False
    return True


def test_messages_arrive_in_order_and_then_the_exit() -> None:
    running = Running("answering")
    running.child.send(Probe())

    assert running.next() == Progress(done=1)
    assert running.ended().code == 0
    assert not running.child.running


def test_what_libraries_print_goes_to_the_log() -> None:
    running = Running("answering")
    running.child.send(Probe())

    assert running.ended().log.splitlines() == ["a library prints", "C code prints"]


def test_a_polite_child_is_asked_and_may_answer() -> None:
    running = Running("polite")
    running.child.send(Probe())
    running.next()
    running.child.stop()

    assert running.progress().note == "cancelled"
    exit_ = running.ended()
    assert (exit_.code, exit_.cancelled) == (0, True)


@posix
def test_a_deaf_child_is_killed_after_the_grace() -> None:
    running = Running("deaf")
    running.next()
    started = time.monotonic()
    running.child.stop(grace_seconds=0.2)

    assert running.ended().code == -signal.SIGKILL
    assert 1.2 <= time.monotonic() - started < SOON


def test_grandchildren_end_with_it() -> None:
    running = Running("stubborn_family")
    grandchild = running.progress().done
    running.child.stop(grace_seconds=0.1)
    running.ended()

    assert gone(grandchild)


def test_a_full_pipe_does_not_hold_the_end_up() -> None:
    running = Running("not_reading")
    running.next()
    large = LoadModel(configuration=RunConfiguration(model=ModelRef(name="x" * 8_000_000, filenames=())))
    threading.Thread(target=running.child.send, args=(large,), daemon=True).start()
    running.child.stop(grace_seconds=0.3)

    assert running.ended().cancelled


@posix
def test_a_kill_is_noticed_at_once_and_said_in_a_sentence() -> None:
    running = Running("deaf")
    running.next()
    killed_at = time.monotonic()
    os.kill(running.child.pid, signal.SIGKILL)
    exit_ = running.ended()

    assert time.monotonic() - killed_at < 1
    assert (exit_.code, exit_.cancelled) == (-9, False)
    assert exit_.describe("while it answered") == (
        "The process was ended while it answered by the system or another program (signal 9)."
    )


def test_a_kill_is_blamed_on_the_memory_only_where_something_says_so() -> None:
    exit_ = Exit(code=-9, cancelled=False, log="", memory_ran_out=True)

    assert exit_.describe("while it answered") == (
        "The process was killed while it answered, most likely because memory ran out."
    )


@posix
def test_a_crash_keeps_the_last_words() -> None:
    exit_ = Running("crashing").ended()

    assert exit_.sentence == "The engine aborted; the model file or this engine build is at fault."
    assert "GGML_ASSERT" in exit_.log
    assert "Fatal Python error: Aborted" in exit_.log


@posix
def test_death_in_the_middle_of_a_message_is_a_death() -> None:
    exit_ = Running("half_message").ended()

    assert (exit_.code, exit_.protocol_error) == (-9, None)


@pytest.mark.parametrize("behaviour", ["babbling", "endless_line"])
def test_what_is_no_message_ends_the_child(behaviour: str) -> None:
    running = Running(behaviour)
    exit_ = running.ended()

    assert exit_.protocol_error
    assert exit_.sentence == "The process sent something that is not a message."
    assert gone(running.child.pid)


def test_a_listener_that_raises_ends_the_child_and_the_wait(caplog: pytest.LogCaptureFixture) -> None:
    def listen(message: Message) -> None:
        raise LookupError("in the listener")

    running = Running("deaf", listen)
    exit_ = running.ended()

    assert "in the listener" in (exit_.fault or "")
    assert gone(running.child.pid)
    assert "could not be handled" in caplog.text


def test_sending_to_an_ended_child_is_harmless() -> None:
    running = Running("answering")
    running.child.send(Probe())
    running.ended()

    running.child.send(Probe())
    running.child.stop()
    running.child.kill()
    assert running.child.wait(0) is not None


@posix
def test_its_parents_death_ends_a_child() -> None:
    # A parent that is killed cannot say goodbye; the child sees its input close.
    script = (
        "import time; from garden.core.messages import *; from tests.process.running import Running\n"
        "running = Running('waiting'); running.child.send(Probe()); running.next()\n"
        "print(running.child.pid, flush=True); time.sleep(600)"
    )
    import subprocess

    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()

    assert gone(child)


def test_no_token_reaches_a_child(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_canary")
    monkeypatch.setenv("HUGGING_FACE_HUB_TOKEN", "hf_canary")
    monkeypatch.setenv("my_token_file", "hf_canary")

    assert "hf_canary" not in str(worker_environment())


def test_threads_sleep_soon_unless_the_user_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    assert worker_environment()["GOMP_SPINCOUNT"] == "700"

    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    assert "GOMP_SPINCOUNT" not in worker_environment()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has this switch")
def test_a_child_asks_for_huge_pages_unless_the_user_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    assert worker_environment()["GLIBC_TUNABLES"] == "glibc.malloc.hugetlb=1"

    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.arena_max=2")
    assert worker_environment()["GLIBC_TUNABLES"] == "glibc.malloc.arena_max=2"


def test_a_frozen_program_starts_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    assert worker_command("probe") == [sys.executable, "-m", "garden", "--worker", "probe"]
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert worker_command("probe") == [sys.executable, "--worker", "probe"]


@pytest.mark.parametrize("code", [-9, -6, -11, 0xC0000005, 1, 3])
def test_every_end_has_a_sentence(code: int) -> None:
    sentence = Exit(code=code, cancelled=False, log="").describe("while it loaded the model")

    assert sentence.startswith("The ")
    assert "while it loaded the model" in sentence
    assert sentence.endswith(".")
