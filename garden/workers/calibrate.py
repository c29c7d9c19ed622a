"""Child that measures how fast this machine is: models made by code are loaded one by one, timed, and removed."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import psutil

from garden.core.calibration import Calibrate, Calibrated, CalibrateInput, DeviceSpeed, SpeedDevice
from garden.core.errors import CancelledByUser
from garden.core.messages import Message, Progress
from garden.engine.library import EngineLibrary
from garden.engine.stopwatch import clock_of
from garden.fit import calibrating, trial_models
from garden.fit.calibrating import TypeTrial
from garden.gguf.made_up_model import MadeUpModel
from garden.process.worker_channel import WorkerChannel, harden, outcome_of
from garden.workers.trial_timer import Trial, TrialTimer

#: Of the time that there is, kept for the models that check the rest.
_CHECK_SHARE: Final = 0.15

#: Likewise, at most so much each time for timing again what was disturbed.
_SETTLE_SHARE: Final = 0.15

#: What the processor's part of the time is when there is a GPU to measure as well.
_PROCESSOR_SHARE: Final = 0.6

#: What attention costs in prompts.
_PROMPTS: Final = (trial_models.PROMPT_TOKENS, trial_models.LONG_PROMPT_TOKENS)


class CalibrateWorker:
    """Serves one request."""

    def __init__(self) -> None:
        self._channel: WorkerChannel[Message] = WorkerChannel(CalibrateInput, self._on_cancel)
        self._timer: TrialTimer | None = None
        self._done = 0
        self._total = 0

    def run(self) -> int:
        """Measure, answer, end."""
        request = self._channel.receive()
        if isinstance(request, Calibrate):
            self._channel.emit(outcome_of(lambda: self._calibrated(request)))
        return 0

    def _on_cancel(self) -> None:
        timer = self._timer
        if timer is not None:
            timer.cancel()

    def _calibrated(self, request: Calibrate) -> Calibrated:
        library = EngineLibrary()
        started, busy = time.monotonic(), _OthersShare()
        devices: list[tuple[SpeedDevice, str]] = [("cpu", "Processor")]
        if request.gpu is not None:
            devices.append(("gpu", request.gpu))
        parts = trial_models.CACHE_TYPES, trial_models.TYPES, trial_models.EXPERTS_TYPES
        self._total = len(devices) * (9 + sum(map(len, parts)))
        speeds, logit_seconds = [], 0.0
        for number, (device, name) in enumerate(devices):
            share = 1.0 if number == len(devices) - 1 else _PROCESSOR_SHARE
            left = request.limit_seconds - (time.monotonic() - started)
            clock = clock_of(request.timed_by, request.threads)
            cancelled = self._channel.cancelled.is_set
            timer = TrialTimer(library, Path(request.folder), device, request.threads, clock, cancelled)
            self._timer = timer
            try:
                one = _Device(self, timer, request.cache_bytes, device, time.monotonic() + left * share)
                speeds.append(one.measured(name))
            finally:
                self._timer = None
                timer.close()
            if not number:
                logit_seconds = one.logit_seconds
        return Calibrated(
            speeds=tuple(speeds),
            logit_seconds=logit_seconds,
            seconds=time.monotonic() - started,
            busy_share=busy.share() if request.timed_by == "clock" else None,
        )

    def tell(self, note: str) -> None:
        """Say what comes next.

        Raises:
            CancelledByUser: Cancelled.
        """
        if self._channel.cancelled.is_set():
            raise CancelledByUser
        self._channel.emit(Progress(done=self._done, total=max(self._total, self._done), note=note))
        self._done += 1


class _Device:
    """Measures one device.

    Args:
        worker: Tells, and hears of a cancel.
        timer: Times models on it.
        cache_bytes: Size of the processor's last cache.
        device: Which one.
        deadline: When to be done, on the monotonic clock.
    """

    def __init__(
        self, worker: CalibrateWorker, timer: TrialTimer, cache_bytes: int, device: SpeedDevice, deadline: float
    ) -> None:
        self._worker = worker
        self._timer = timer
        self._cache_bytes = cache_bytes
        self._device: SpeedDevice = device
        self._deadline = deadline
        self._time = max(0.0, deadline - time.monotonic())
        self._check_from = deadline - _CHECK_SHARE * self._time
        self.logit_seconds = 0.0

    def measured(self, name: str) -> DeviceSpeed:
        """All of it.

        Raises:
            CancelledByUser: Cancelled.
            GardenError: The engine failed.
        """
        # What nearly every file needs comes first; what is missing at the end is forecast from what is like it.
        usual, unusual = trial_models.TYPES[: trial_models.USUAL_TYPES], trial_models.TYPES[trial_models.USUAL_TYPES :]
        first_cache, *other_caches = trial_models.CACHE_TYPES
        self._worker.tell(f"Blocks on the {self._where}")
        deep = trial_models.DEEP
        overheads = [
            _once(trial_models.SHALLOW, rounds=2),
            Trial(model=deep, depths=(0,), against=trial_models.flat(deep)),
        ]
        self._take(overheads)
        caches = {first_cache: self._attention(first_cache)}
        types = {usual[0]: self._type(usual[0])}
        types |= {kind: self._type(kind) for kind in usual[1:] if self._has_time()}
        self._worker.tell(f"Choosing tokens on the {self._where}")
        self._time_choice()
        state = _once(trial_models.WITH_STATE, trial_models.PROMPT_TOKENS) if self._has_time() else None
        if state is not None:
            self._worker.tell(f"A recurrent state on the {self._where}")
            self._take([state])
        first = trial_models.EXPERTS_TYPE
        experts = {first: self._experts(first, depths=(0,))} if first in types else {}
        self._settle(_SETTLE_SHARE)
        # As long as there is time to settle what these leave.
        types |= {kind: self._type(kind) for kind in unusual if self._has_time(_SETTLE_SHARE / 2)}
        caches |= {kind: self._attention(kind) for kind in other_caches if self._has_time(_SETTLE_SHARE / 2)}
        self._settle(1.0)
        checks = self._checks()
        # What is left of the time: how the prompts of these experts differ from those of the first type.
        for kind in trial_models.EXPERTS_TYPES:
            if kind in types and time.monotonic() < self._deadline:
                experts[kind] = self._experts(kind)
        self._timer.settle(self._deadline)
        times = self._timer.usual
        speed = calibrating.measured_speed(
            self._device,
            name,
            shallow=times(overheads[0]),
            deep=times(overheads[1]),
            attention={kind: tuple(map(times, trials)) for kind, trials in caches.items()},
            types={
                kind: TypeTrial(
                    wide=of_wide.model,
                    narrow=of_narrow.model,
                    of_wide=times(of_wide),
                    of_narrow=times(of_narrow),
                )
                for kind, (of_wide, of_narrow) in types.items()
            },
            experts={kind: times(trial) for kind, trial in experts.items()},
            state=None if state is None else times(state),
        )
        checked = {trial.model: times(trial) for trial in checks}
        told = [trial for trial in self._timer.timed if trial not in checks]
        speed = dataclasses.replace(speed, unrest=self._timer.unrest(told))
        return calibrating.with_errors(speed, checked.items())

    @property
    def _where(self) -> str:
        return "GPU" if self._device == "gpu" else "processor"

    def _has_time(self, kept: float = 0.0) -> bool:
        """Whether there is any before the checks, when such a share of all of it is kept."""
        return time.monotonic() < self._check_from - kept * self._time

    def _take(self, trials: Iterable[Trial]) -> None:
        for trial in trials:
            self._timer.times(trial)

    def _settle(self, share: float) -> None:
        """Time again what was disturbed, in such a share of the time at most."""
        self._worker.tell(f"Measuring again what was disturbed on the {self._where}")
        self._timer.settle(min(self._check_from, time.monotonic() + share * self._time))

    def _attention(self, kind: str) -> tuple[Trial, ...]:
        self._worker.tell(f"A {kind} cache on the {self._where}")
        depths = trial_models.DEPTHS
        trials = (
            Trial(model=trial_models.WIDE_HEADS, depths=depths, prompts=_PROMPTS, cache=kind, rounds=2),
            Trial(model=trial_models.NARROW_HEADS, depths=depths, prompts=_PROMPTS, cache=kind, rounds=2),
            *(Trial(model=model, depths=depths, cache=kind) for model in trial_models.IN_ROWS),
        )
        self._take(trials)
        return trials

    def _type(self, kind: str) -> tuple[Trial, Trial]:
        self._worker.tell(f"{kind} on the {self._where}")
        make = trial_models.wide, trial_models.narrow
        of_wide, of_narrow = (_once(each(kind, self._cache_bytes), trial_models.PROMPT_TOKENS) for each in make)
        self._take((of_wide, of_narrow))
        return of_wide, of_narrow

    def _experts(self, kind: str, depths: tuple[int, ...] = ()) -> Trial:
        self._worker.tell(f"Experts of {kind} on the {self._where}")
        trial = Trial(model=trial_models.with_experts(kind), depths=depths, prompts=(trial_models.PROMPT_TOKENS,))
        self._take([trial])
        return trial

    def _checks(self) -> list[Trial]:
        trials: list[Trial] = []
        took = 0.0
        for model in trial_models.CHECKS:
            begun = time.monotonic()
            # On a machine that is busy one takes seconds.
            if trials and begun + took > self._deadline:
                break
            self._worker.tell("Checking")
            trials.append(_once(model, trial_models.PROMPT_TOKENS))
            self._take(trials[-1:])
            took = time.monotonic() - begun
        return trials

    def _time_choice(self) -> None:
        watch = self._timer.opened(trial_models.MANY_WORDS, "f16", 256, 64)
        try:
            watch.prompt_seconds(1)
            self.logit_seconds = watch.choice_seconds() / watch.vocabulary
        finally:
            self._timer.close(watch)


def _once(model: MadeUpModel, *prompts: int, rounds: int = 1) -> Trial:
    """An answer from an empty cache, and these prompts."""
    return Trial(model=model, depths=(0,), prompts=prompts, rounds=rounds)


class _OthersShare:
    """What other programs take of the processor while this object lives."""

    def __init__(self) -> None:
        self._own = time.process_time()
        self._all = psutil.cpu_times()

    def share(self) -> float | None:
        """0…1; None where the system does not say."""
        now = psutil.cpu_times()
        whole = sum(now) - sum(self._all)
        idle = now.idle - self._all.idle + (getattr(now, "iowait", 0.0) - getattr(self._all, "iowait", 0.0))
        if whole <= 0:
            return None
        return min(1.0, max(0.0, (whole - idle - (time.process_time() - self._own)) / whole))


def main() -> int:
    """Entry point of the child."""
    harden()
    code = CalibrateWorker().run()
    # Not through the interpreter's own end: the engine's threads and its log may still call into it.
    os._exit(code)
