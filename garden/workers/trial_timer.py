"""Times models made by code, each beside one that is always the same: that one tells how well the device does."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from garden.core.calibration import SpeedDevice
from garden.core.errors import CancelledByUser
from garden.core.run_configuration import LoadParameters
from garden.engine.library import EngineLibrary
from garden.engine.stopwatch import Stopwatch, token_seconds_in_turns, undisturbed
from garden.fit import trial_models
from garden.fit.calibrating import Times
from garden.gguf.filled_file import write_filled_file
from garden.gguf.made_up_model import MadeUpModel

#: More layers than any model has: all of them on the GPU.
_ALL_LAYERS: Final = 9_999

#: So much slower than at its best a device may be while something is timed. One core of a shared machine is at times a
#: quarter slower for ten seconds or more, by what its neighbours do.
_CALM: Final = 1.08

#: The first time it also touches pages for the first time.
_PROMPT_TIMES: Final = 2

_ANSWER_SECONDS: Final = 0.15

#: Steps of each of two models that take turns, a few at a time.
_TURNS: Final = 12

#: Prompt of the model that is always the same, read so often.
_REFERENCE_TOKENS: Final = 64
_REFERENCE_TIMES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A model to time.

    Attributes:
        model: Its shape.
        depths: Of the cache, each timed for a token of an answer.
        prompts: Tokens of the prompts to time.
        cache: Type of the cache.
        rounds: How often answers are timed; what is a difference of two times needs both to be good.
        against: A model whose steps take turns with those of this one, at the first depth: what slows the device then
            slows both, and leaves their difference. Neither prompts nor other depths are timed.
    """

    model: MadeUpModel
    depths: tuple[int, ...] = ()
    prompts: tuple[int, ...] = ()
    cache: str = "f16"
    rounds: int = 1
    against: MadeUpModel | None = None


class TrialTimer:
    """Times trials on one device, and again those that were timed while the device was slow; close it.

    Args:
        library: The engine.
        folder: For the models.
        device: Where weights go.
        threads: Of the processor.
        clock: What time is taken with, in seconds.
        cancelled: Whether nobody wants the times any more.
    """

    def __init__(
        self,
        library: EngineLibrary,
        folder: Path,
        device: SpeedDevice,
        threads: int,
        clock: Callable[[], float],
        cancelled: Callable[[], bool],
    ) -> None:
        self._library = library
        self._folder = folder
        self._device: SpeedDevice = device
        self._threads = threads
        self._clock = clock
        self._cancelled = cancelled
        self._watches: list[Stopwatch] = []
        self._times: dict[Trial, Times] = {}
        self._seconds: dict[Trial, float] = {}
        # What the model that is always the same took beside each trial.
        self._beside: dict[Trial, float] = {}
        self._over_best: list[float] = []
        self._reference = self.opened(trial_models.REFERENCE, "f16", 256, _REFERENCE_TOKENS)
        self._last = self._best = math.inf
        self._look()

    def cancel(self) -> None:
        """Any thread: stop what is under way."""
        for watch in tuple(self._watches):
            watch.cancel()

    def times(self, trial: Trial) -> Times:
        """Times of a trial, which is timed unless it was.

        Raises:
            CancelledByUser: Cancelled.
            GardenError: The engine failed.
        """
        if trial not in self._times:
            self._time(trial)
        return self._times[trial]

    def usual(self, trial: Trial) -> Times:
        """Times of a trial as an answer meets them: a pane reads its prompt once, and not at the best moment.

        The best of a model's few reads is kept because something disturbs single ones by far more than the differences
        that are looked for. What reads take over their best on average, over all trials, is added to each.

        Raises:
            CancelledByUser: Cancelled.
            GardenError: The engine failed.
        """
        best = self.times(trial)
        over = undisturbed(self._over_best) if self._over_best else 1.0
        prompts = {tokens: seconds * over for tokens, seconds in best.prompt_seconds.items()}
        return dataclasses.replace(best, prompt_seconds=prompts)

    def settle(self, until: float) -> int:
        """Time again what was timed while the device was slower than at its best, the slowest first.

        Args:
            until: Begin with none after this moment of the monotonic clock, nor with one that takes longer.

        Returns:
            Trials that were timed again.
        """
        again = 0
        # What it was like after the trial before says nothing any more.
        self._look()
        for trial in sorted(self._beside, key=self._slowness, reverse=True):
            if self._slowness(trial) <= _CALM - 1:
                break
            if time.monotonic() + self._seconds[trial] < until:
                self._time(trial)
                again += 1
        return again

    def unrest(self, trials: Iterable[Trial]) -> float:
        """How much slower than at its best the device was while these were timed, on average, as a share."""
        each = [max(self._slowness(trial) - (_CALM - 1), 0.0) for trial in trials if trial in self._beside]
        return sum(each) / len(each) if each else 0.0

    @property
    def timed(self) -> tuple[Trial, ...]:
        """All that were."""
        return tuple(self._times)

    def opened(self, model: MadeUpModel, cache: str, context: int, batch: int) -> Stopwatch:
        """Load a model; a cancel stops it from now on.

        Raises:
            CancelledByUser: Cancelled.
            GardenError: The engine failed.
        """
        path = self._folder / "calibrate.gguf"
        load = LoadParameters(
            context_length=context,
            type_k=cache,
            type_v=cache,
            n_batch=batch,
            n_ubatch=batch,
            n_gpu_layers=_ALL_LAYERS if self._device == "gpu" else 0,
            threads=self._threads,
            threads_batch=self._threads,
        )
        try:
            write_filled_file(model.header(), path, lambda _tensor: 1.0, cancelled=self._cancelled)
            if self._cancelled():
                raise CancelledByUser
            watch = Stopwatch(
                self._library, path, load, clock=self._clock, on_progress=lambda _share: not self._cancelled()
            )
        finally:
            # The weights are in memory now.
            path.unlink(missing_ok=True)
        self._watches.append(watch)
        if self._cancelled():
            watch.cancel()
        return watch

    def close(self, watch: Stopwatch | None = None) -> None:
        """Free one model, or all."""
        for each in tuple(self._watches) if watch is None else (watch,):
            self._watches.remove(each)
            each.close()

    def _slowness(self, trial: Trial) -> float:
        return self._beside[trial] / self._best - 1

    def _look(self) -> float:
        """What the model that is always the same takes now."""
        self._last = self._reference.prompt_seconds(_REFERENCE_TOKENS, times=_REFERENCE_TIMES)
        self._best = min(self._best, self._last)
        return self._last

    def _time(self, trial: Trial) -> None:
        begun, before = time.monotonic(), self._last
        found = self._timed(trial)
        beside = max(before, self._look())
        known = self._times.get(trial)
        self._times[trial] = found if known is None else _best_of(known, found)
        self._beside[trial] = min(beside, self._beside.get(trial, math.inf))
        self._seconds[trial] = time.monotonic() - begun

    def _timed(self, trial: Trial) -> Times:
        if trial.against is not None:
            return self._in_turns(trial, trial.against)
        batch = max((trial_models.PROMPT_TOKENS, *trial.prompts))
        watch = self.opened(trial.model, trial.cache, max((*trial.depths, *trial.prompts)) + 256, batch)
        try:
            prompts = {}
            for tokens in trial.prompts:
                reads = watch.prompt_reads(tokens, times=_PROMPT_TIMES)
                prompts[tokens] = min(reads)
                self._over_best.append(sum(reads) / len(reads) / min(reads))
            answers: dict[int, float] = {}
            for _round in range(trial.rounds):
                for depth in trial.depths:
                    watch.fill(depth, batch)
                    answers[depth] = min(answers.get(depth, math.inf), watch.token_seconds(seconds=_ANSWER_SECONDS))
            return Times(token_seconds=answers, prompt_seconds=prompts)
        finally:
            self.close(watch)

    def _in_turns(self, trial: Trial, against: MadeUpModel) -> Times:
        depth, batch = trial.depths[0], trial_models.PROMPT_TOKENS
        watches: list[Stopwatch] = []
        try:
            for model in (trial.model, against):
                watches.append(self.opened(model, trial.cache, depth + 256, batch))
                watches[-1].fill(depth, batch)
            own, other = token_seconds_in_turns(watches, turns=_TURNS * trial.rounds)
            return Times(token_seconds={depth: own}, against_seconds={depth: other})
        finally:
            for watch in watches:
                self.close(watch)


def _best_of(one: Times, other: Times) -> Times:
    """Nothing makes a device faster than it is; what was timed in turns belongs together."""
    if one.against_seconds:
        return min(one, other, key=lambda times: sum((*times.token_seconds.values(), *times.against_seconds.values())))
    answers, prompts = one.token_seconds, one.prompt_seconds
    return Times(
        token_seconds={depth: min(taken, other.token_seconds[depth]) for depth, taken in answers.items()},
        prompt_seconds={tokens: min(taken, other.prompt_seconds[tokens]) for tokens, taken in prompts.items()},
    )
