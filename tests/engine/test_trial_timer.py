"""Timing trials by the engine itself, with a clock that says how well the machine does."""

from __future__ import annotations

import dataclasses
import math
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from garden.core.errors import CancelledByUser
from garden.engine.library import EngineLibrary
from garden.engine.stopwatch import Stopwatch
from garden.fit import trial_models
from garden.workers.trial_timer import Trial, TrialTimer

pytestmark = pytest.mark.engine

TRIAL = Trial(model=trial_models.SHALLOW, depths=(0,), prompts=(128,))
OTHER = Trial(model=trial_models.SHALLOW, depths=(128,))


class Clock:
    """Time of a machine that does everything so many times as slowly, but by the clock on the wall as ever."""

    def __init__(self) -> None:
        self._pace, self._shown, self._seen = 1.0, 0.0, time.perf_counter()

    def __call__(self) -> float:
        now = time.perf_counter()
        self._shown, self._seen = self._shown + (now - self._seen) * self._pace, now
        return self._shown

    def slow(self, pace: float) -> None:
        self()
        self._pace = pace


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def timer(engine: EngineLibrary, tmp_path: Path, clock: Clock) -> Iterator[TrialTimer]:
    found = TrialTimer(engine, tmp_path, "cpu", 1, clock, lambda: False)
    yield found
    found.close()


def test_what_was_timed_on_a_slow_machine_is_timed_again_once_it_is_fast(timer: TrialTimer, clock: Clock) -> None:
    clock.slow(20.0)
    slow = timer.times(TRIAL)
    assert timer.unrest([TRIAL]) > 5
    clock.slow(1.0)

    assert timer.settle(time.monotonic() + 30) >= 1

    calm = timer.times(TRIAL)
    assert calm.token_seconds[0] < slow.token_seconds[0] / 4
    assert calm.prompt_seconds[128] < slow.prompt_seconds[128] / 4
    assert timer.unrest([TRIAL]) < 5


def test_nothing_is_timed_again_without_time(timer: TrialTimer, clock: Clock) -> None:
    clock.slow(20.0)
    slow = timer.times(TRIAL)
    clock.slow(1.0)

    assert timer.settle(time.monotonic()) == 0
    assert timer.times(TRIAL) is slow


def test_a_trial_is_timed_once_and_leaves_no_file(timer: TrialTimer, tmp_path: Path) -> None:
    assert timer.times(OTHER) is timer.times(OTHER)
    assert timer.timed == (OTHER,)
    assert set(timer.times(OTHER).token_seconds) == {128}
    assert list(tmp_path.iterdir()) == []


def test_prompts_take_what_reads_take_over_their_best(timer: TrialTimer, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of eight trials was disturbed so much that it says nothing of the others."""

    def reads(_watch: Stopwatch, tokens: int, *, times: int) -> list[float]:
        return [3.0 if tokens == 135 else 0.11, *[0.1] * (times - 1)]

    monkeypatch.setattr(Stopwatch, "prompt_reads", reads)
    trials = [Trial(model=trial_models.SHALLOW, prompts=(128 + number,)) for number in range(8)]
    assert [timer.times(trial).prompt_seconds[128 + number] for number, trial in enumerate(trials)] == [0.1] * 8

    usual = timer.usual(trials[7])

    assert usual.prompt_seconds == {135: pytest.approx(0.105)}


def test_two_models_take_turns(timer: TrialTimer, tmp_path: Path) -> None:
    """Sixteen times as many blocks of the same width, as many bytes: what is left is what blocks cost."""
    small = dataclasses.replace(trial_models.SHALLOW, blocks=32)
    pair = Trial(model=small, depths=(0,), against=trial_models.flat(small))

    found = timer.times(pair)

    assert found.token_seconds[0] > 1.2 * found.against_seconds[0] > 0
    assert list(tmp_path.iterdir()) == []


def test_of_trials_that_were_not_timed_there_is_no_unrest(timer: TrialTimer) -> None:
    assert timer.unrest([TRIAL]) == 0.0
    assert math.isfinite(timer.unrest([]))


def test_a_cancel_from_another_thread_stops_a_trial(timer: TrialTimer) -> None:
    endless = Trial(model=trial_models.DEEP, depths=(0,), rounds=10_000)
    stopped = threading.Event()

    def cancel() -> None:
        # Until it ends: on a busy machine the model may not be open yet.
        while not stopped.wait(0.5):
            timer.cancel()

    thread = threading.Thread(target=cancel)
    thread.start()
    try:
        with pytest.raises(CancelledByUser):
            timer.times(endless)
    finally:
        stopped.set()
        thread.join()
