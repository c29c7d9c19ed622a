"""One request, one result: or the error that stands for it."""

from __future__ import annotations

import sys
import threading
import time

import pytest

from garden.core.errors import CancelledByUser, GardenError, NotFoundError, TimeLimitError, WorkerDiedError
from garden.core.hardware_snapshot import Engine
from garden.core.messages import Failed, Probe, Probed, Progress
from garden.process.task import error_from, run_task
from tests.process.running import command


def run(behaviour: str) -> Probed:
    return run_task(behaviour, Probe(), Progress | Probed | Failed, Probed, command=command(behaviour))


def test_the_result_comes_back() -> None:
    assert run("probing") == Probed(gpus=(), engine=Engine(installed=False))


def test_the_workers_error_comes_back_as_its_class() -> None:
    with pytest.raises(NotFoundError, match="It is not there") as caught:
        run("failing")

    assert (caught.value.action, caught.value.detail) == ("Look elsewhere.", "detail")


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
def test_a_death_is_an_error_with_the_last_words() -> None:
    with pytest.raises(WorkerDiedError, match="engine aborted") as caught:
        run("crashing")

    assert "GGML_ASSERT" in caught.value.detail


def test_a_cancel_ends_it_soon() -> None:
    cancelled = threading.Event()
    seen: list[float] = []

    def on_progress(progress: Progress) -> None:
        if not seen:
            seen.append(time.monotonic())
            cancelled.set()

    with pytest.raises(CancelledByUser):
        run_task(
            "polite",
            Probe(),
            Progress | Probed | Failed,
            Probed,
            command=command("polite"),
            on_progress=on_progress,
            cancelled=cancelled,
            grace_seconds=60,
        )

    # 0.1 s on a quiet machine; far from the grace in any case.
    assert time.monotonic() - seen[0] < 20


def test_a_limit_ends_what_takes_too_long() -> None:
    with pytest.raises(TimeLimitError, match="not ended after 1 s"):
        run_task("polite", Probe(), Progress | Probed | Failed, Probed, command=command("polite"), limit_seconds=1)


def test_a_limit_is_no_harm_to_what_is_quick() -> None:
    answer = run_task(
        "probing", Probe(), Progress | Probed | Failed, Probed, command=command("probing"), limit_seconds=60
    )

    assert not answer.engine.installed


@pytest.mark.parametrize("kind", ["str", "Exception", "dataclass", "CancelledByUser", "__name__", "no_such_thing"])
def test_a_worker_cannot_name_any_class_but_ours(kind: str) -> None:
    assert type(error_from(Failed(kind=kind, sentence="It failed."))) is GardenError
