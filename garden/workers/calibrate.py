"""Child that measures how fast this machine is: models made by code are loaded one by one, timed, and removed."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from garden.core.calibration import Calibrate, Calibrated, CalibrateInput, DeviceSpeed, SpeedDevice
from garden.core.errors import CancelledByUser
from garden.core.messages import Message, Progress
from garden.core.run_configuration import LoadParameters
from garden.engine.library import EngineLibrary
from garden.engine.stopwatch import Stopwatch, clock_of
from garden.fit import calibrating
from garden.fit.calibrating import Times
from garden.gguf.filled_file import write_filled_file
from garden.gguf.made_up_model import MadeUpModel
from garden.process.worker_channel import WorkerChannel, harden, outcome_of

#: More layers than any model has: all of them on the GPU.
_ALL_LAYERS: Final = 9_999

#: Of the time that there is, kept for the models that check the rest.
_CHECK_SHARE: Final = 0.15

#: What the processor's part of the time is when there is a GPU to measure as well.
_PROCESSOR_SHARE: Final = 0.6

#: What attention costs in prompts.
_PROMPTS: Final = (calibrating.PROMPT_TOKENS, calibrating.LONG_PROMPT_TOKENS)


@dataclass(frozen=True, slots=True)
class _Trial:
    """A model to time.

    Attributes:
        model: Its shape.
        depths: Of the cache, each timed for a token of an answer.
        prompts: Tokens of the prompts to time.
        cache: Type of the cache.
        rounds: How often answers are timed; what is a difference of two times needs both to be good.
    """

    model: MadeUpModel
    depths: tuple[int, ...] = ()
    prompts: tuple[int, ...] = ()
    cache: str = "f16"
    rounds: int = 1


class CalibrateWorker:
    """Serves one request."""

    def __init__(self) -> None:
        self._channel: WorkerChannel[Message] = WorkerChannel(CalibrateInput, self._on_cancel)
        self._watch: Stopwatch | None = None
        self._done = 0
        self._total = 0

    def run(self) -> int:
        """Measure, answer, end."""
        request = self._channel.receive()
        if isinstance(request, Calibrate):
            self._channel.emit(outcome_of(lambda: self._calibrated(request)))
        return 0

    def _on_cancel(self) -> None:
        watch = self._watch
        if watch is not None:
            watch.cancel()

    def _calibrated(self, request: Calibrate) -> Calibrated:
        library = EngineLibrary()
        started, busy = time.monotonic(), _OthersShare()
        devices: list[tuple[SpeedDevice, str]] = [("cpu", "Processor")]
        if request.gpu is not None:
            devices.append(("gpu", request.gpu))
        self._total = len(devices) * (7 + len(calibrating.CACHE_TYPES) + len(calibrating.TYPES))
        speeds, logit_seconds = [], 0.0
        for number, (device, name) in enumerate(devices):
            share = 1.0 if number == len(devices) - 1 else _PROCESSOR_SHARE
            left = request.limit_seconds - (time.monotonic() - started)
            one = _Device(self, library, request, device, time.monotonic() + left * share)
            speeds.append(one.measured(name))
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

    def opened(self, library: EngineLibrary, path: Path, load: LoadParameters, clock: Callable[[], float]) -> Stopwatch:
        """Load a model; a cancel stops it from now on.

        Raises:
            CancelledByUser: Cancelled.
        """
        cancelled = self._channel.cancelled
        watch = Stopwatch(library, path, load, clock=clock, on_progress=lambda _share: not cancelled.is_set())
        self._watch = watch
        if cancelled.is_set():
            watch.cancel()
        return watch

    def closed(self, watch: Stopwatch) -> None:
        """Free it."""
        self._watch = None
        watch.close()

    @property
    def cancelled(self) -> bool:
        """Whether the parent wants no answer."""
        return self._channel.cancelled.is_set()


class _Device:
    """Measures one device.

    Args:
        worker: Tells, and hears of a cancel.
        library: The engine.
        request: What is asked.
        device: Where weights go.
        deadline: When to be done, on the monotonic clock.
    """

    def __init__(
        self,
        worker: CalibrateWorker,
        library: EngineLibrary,
        request: Calibrate,
        device: SpeedDevice,
        deadline: float,
    ) -> None:
        self._worker = worker
        self._library = library
        self._request = request
        self._device: SpeedDevice = device
        self._deadline = deadline
        self._check_from = deadline - _CHECK_SHARE * max(0.0, deadline - time.monotonic())
        self._clock = clock_of(request.timed_by, request.threads)
        self.logit_seconds = 0.0

    def measured(self, name: str) -> DeviceSpeed:
        """All of it.

        Raises:
            CancelledByUser: Cancelled.
            GardenError: The engine failed.
        """
        self._worker.tell(f"Blocks on the {self._where}")
        shallow = self._timed(_Trial(calibrating.SHALLOW, depths=(0,), rounds=2))
        deep = self._timed(_Trial(calibrating.DEEP, depths=(0,), rounds=2))
        # What nearly every file needs comes first; what is missing at the end is forecast from what is like it.
        usual, unusual = calibrating.TYPES[: calibrating.USUAL_TYPES], calibrating.TYPES[calibrating.USUAL_TYPES :]
        first_cache, *other_caches = calibrating.CACHE_TYPES
        attention = {first_cache: self._attention(first_cache)}
        types = {usual[0]: self._type(usual[0])}
        types |= {kind: self._type(kind) for kind in usual[1:] if self._has_time}
        self._worker.tell(f"Choosing tokens on the {self._where}")
        self._time_choice()
        experts = state = None
        if self._has_time:
            self._worker.tell(f"A recurrent state on the {self._where}")
            state = self._timed(_Trial(calibrating.WITH_STATE, depths=(0,), prompts=(calibrating.PROMPT_TOKENS,)))
        if self._has_time:
            self._worker.tell(f"Experts on the {self._where}")
            experts = self._timed(_Trial(calibrating.WITH_EXPERTS, depths=(0,), prompts=(calibrating.PROMPT_TOKENS,)))
        types |= {kind: self._type(kind) for kind in unusual if self._has_time}
        attention |= {kind: self._attention(kind) for kind in other_caches if self._has_time}
        speed = calibrating.measured_speed(
            self._device,
            name,
            shallow=shallow,
            deep=deep,
            attention=attention,
            types=types,
            experts=experts,
            state=state,
        )
        return calibrating.with_errors(speed, self._checks())

    @property
    def _where(self) -> str:
        return "GPU" if self._device == "gpu" else "processor"

    @property
    def _has_time(self) -> bool:
        return time.monotonic() < self._check_from

    def _attention(self, kind: str) -> tuple[Times, ...]:
        self._worker.tell(f"A {kind} cache on the {self._where}")
        return (
            self._timed(_Trial(calibrating.WIDE_HEADS, calibrating.DEPTHS, _PROMPTS, kind, rounds=2)),
            self._timed(_Trial(calibrating.NARROW_HEADS, calibrating.DEPTHS, _PROMPTS, kind, rounds=2)),
            *(self._timed(_Trial(model, calibrating.DEPTHS, cache=kind)) for model in calibrating.IN_ROWS),
        )

    def _type(self, kind: str) -> tuple[MadeUpModel, Times, Times]:
        self._worker.tell(f"{kind} on the {self._where}")
        wide = calibrating.wide(kind, self._request.cache_bytes)
        prompts = (calibrating.PROMPT_TOKENS,)
        return (
            wide,
            self._timed(_Trial(wide, depths=(0,), prompts=prompts)),
            self._timed(_Trial(calibrating.narrow(kind), prompts=prompts)),
        )

    def _checks(self) -> list[tuple[MadeUpModel, Times]]:
        found: list[tuple[MadeUpModel, Times]] = []
        for model in calibrating.CHECKS:
            if found and time.monotonic() > self._deadline:
                break
            self._worker.tell("Checking")
            found.append((model, self._timed(_Trial(model, depths=(0,), prompts=(calibrating.PROMPT_TOKENS,)))))
        return found

    def _time_choice(self) -> None:
        path = self._written(calibrating.MANY_WORDS)
        watch = self._worker.opened(self._library, path, self._load("f16", 256, 64), self._clock)
        path.unlink(missing_ok=True)
        try:
            watch.prompt_seconds(1)
            self.logit_seconds = watch.choice_seconds() / watch.vocabulary
        finally:
            self._worker.closed(watch)

    def _timed(self, trial: _Trial) -> Times:
        batch = max((calibrating.PROMPT_TOKENS, *trial.prompts))
        context = max((*trial.depths, *trial.prompts)) + 256
        path = self._written(trial.model)
        try:
            watch = self._worker.opened(self._library, path, self._load(trial.cache, context, batch), self._clock)
        finally:
            # The weights are in memory now.
            path.unlink(missing_ok=True)
        try:
            prompts = {}
            for tokens in trial.prompts:
                watch.prompt_seconds(min(tokens, 16))
                prompts[tokens] = watch.prompt_seconds(tokens, times=2)
            answers: dict[int, float] = {}
            for _round in range(trial.rounds):
                for depth in trial.depths:
                    watch.fill(depth, batch)
                    answers[depth] = min(answers.get(depth, math.inf), watch.token_seconds(seconds=0.3 / trial.rounds))
            return Times(token_seconds=answers, prompt_seconds=prompts)
        finally:
            self._worker.closed(watch)

    def _written(self, model: MadeUpModel) -> Path:
        path = Path(self._request.folder) / "calibrate.gguf"
        write_filled_file(model.header(), path, lambda _tensor: 1.0, cancelled=lambda: self._worker.cancelled)
        if self._worker.cancelled:
            path.unlink(missing_ok=True)
            raise CancelledByUser
        return path

    def _load(self, cache: str, context: int, batch: int) -> LoadParameters:
        return LoadParameters(
            context_length=context,
            type_k=cache,
            type_v=cache,
            n_batch=batch,
            n_ubatch=batch,
            n_gpu_layers=_ALL_LAYERS if self._device == "gpu" else 0,
            threads=self._request.threads,
            threads_batch=self._request.threads,
        )


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
