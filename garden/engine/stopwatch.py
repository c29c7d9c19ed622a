"""Timing a model: how long one token of an answer takes, and how long a prompt."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from garden.core.calibration import TimedBy
from garden.core.run_configuration import LoadParameters, Sampling
from garden.engine.context import Context
from garden.engine.library import EngineLibrary
from garden.engine.model import Model
from garden.engine.sampler import Sampler

#: The first steps touch pages and kernels for the first time.
_WARM_UP_STEPS = 3

#: At least so many steps, whatever they take; the middle of fewer is a matter of luck.
_FEWEST_STEPS = 9

#: Steps of one model before the next one's turn.
_TURN_STEPS = 4


def clock_of(timed_by: TimedBy, threads: int) -> Callable[[], float]:
    """What time is taken with, in seconds."""
    if timed_by == "clock":
        return time.perf_counter
    return lambda: time.process_time() / threads


class Stopwatch:
    """A loaded model whose steps are timed; close it.

    Of the steps of an answer the mean of the fastest seven eighths is kept: an answer is as fast as its steps are on
    average, which even on a machine that rests is a tenth slower than the fastest quarter of them, and other programs
    make a few many times as long.

    Args:
        library: The engine.
        path: The model; its vocabulary is not used.
        load: How.
        clock: A steady clock, in seconds.
        tokens: Numbers from 0 up to this one are read; each sends a model with experts to other ones.
        on_progress: Called with 0..1 while the weights are read; False cancels the load.

    Raises:
        GardenError: It cannot be loaded.
    """

    def __init__(
        self,
        library: EngineLibrary,
        path: Path,
        load: LoadParameters,
        *,
        clock: Callable[[], float] = time.perf_counter,
        tokens: int = 256,
        on_progress: Callable[[float], bool] | None = None,
    ) -> None:
        self._clock = clock
        self._random = random.Random(0)
        self._model = Model(library, path, load, on_progress=on_progress)
        self._tokens = max(1, min(tokens, self._model.vocabulary.size))
        try:
            self._context = Context(self._model, load)
        except BaseException:
            self._model.close()
            raise

    @property
    def vocabulary(self) -> int:
        """Rows of logits."""
        return self._model.vocabulary.size

    def cancel(self) -> None:
        """Any thread: stop what is being computed; all timing raises CancelledByUser from then on."""
        self._context.cancel()

    def prompt_seconds(self, tokens: int, *, times: int = 1) -> float:
        """Shortest time to read so many tokens into an empty cache, at most a batch; they stay there.

        Raises:
            CancelledByUser: Cancelled.
            EngineError: The engine failed.
        """
        return min(self.prompt_reads(tokens, times=times))

    def prompt_reads(self, tokens: int, *, times: int) -> list[float]:
        """Times of all these reads, the first of which also touches pages for the first time.

        Raises:
            CancelledByUser: Cancelled.
            EngineError: The engine failed.
        """
        taken: list[float] = []
        for _ in range(max(1, times)):
            self._context.forget()
            wanted = self._drawn(tokens)
            started = self._clock()
            self._context.feed(wanted)
            taken.append(self._clock() - started)
        return taken

    def fill(self, depth: int, batch: int) -> None:
        """Put so many tokens into the cache, without timing.

        Raises:
            CancelledByUser: Cancelled.
            EngineError: The engine failed.
        """
        self._context.forget()
        for start in range(0, depth, batch):
            self._context.feed(self._drawn(min(batch, depth - start)))

    def token_seconds(self, *, seconds: float = 0.3, steps: int = 32) -> float:
        """Time of an undisturbed token after what the cache holds.

        Args:
            seconds: Go on for so long.
            steps: As many at most.

        Raises:
            CancelledByUser: Cancelled.
            CacheFull: The context is too short for the steps.
            EngineError: The engine failed.
        """
        for _ in range(_WARM_UP_STEPS):
            self.step()
        taken: list[float] = []
        begun = time.perf_counter()
        while len(taken) < steps:
            taken.append(self.step())
            if len(taken) >= _FEWEST_STEPS and time.perf_counter() - begun >= seconds:
                break
        return undisturbed(taken)

    def step(self) -> float:
        """Time of the next token, disturbed or not.

        Raises:
            CancelledByUser: Cancelled.
            CacheFull: The context is too short.
            EngineError: The engine failed.
        """
        one = self._drawn(1)
        started = self._clock()
        self._context.feed(one)
        return self._clock() - started

    def choice_seconds(self, *, times: int = 12) -> float:
        """Time to choose a token from the last row of logits with the usual samplers."""
        sampler = Sampler(self._model, Sampling(), 0, context_length=self._context.length)
        try:
            taken = []
            for _ in range(times):
                started = self._clock()
                sampler.sample(self._context.pointer)
                taken.append(self._clock() - started)
            return statistics.median(taken)
        finally:
            sampler.close()

    def close(self) -> None:
        """Free the model."""
        self._context.close()
        self._model.close()

    def _drawn(self, count: int) -> list[int]:
        return [self._random.randrange(self._tokens) for _ in range(count)]


def token_seconds_in_turns(watches: Sequence[Stopwatch], *, turns: int) -> list[float]:
    """Time of an undisturbed token of each of several models, which take turns of a few steps.

    Args:
        watches: The models, each with room for five steps a turn in its context.
        turns: How often each comes.

    Raises:
        CancelledByUser: Cancelled.
        CacheFull: A context is too short.
        EngineError: The engine failed.
    """
    taken: list[list[float]] = [[] for _ in watches]
    for _ in range(turns):
        for watch, own in zip(watches, taken, strict=True):
            # The one before left its weights in the caches, and its threads asleep.
            watch.step()
            own += [watch.step() for _ in range(_TURN_STEPS)]
    return [undisturbed(own) for own in taken]


def undisturbed(taken: Sequence[float]) -> float:
    """Mean of the least seven eighths."""
    return statistics.fmean(sorted(taken)[: -(-len(taken) * 7 // 8)])
