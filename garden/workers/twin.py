"""Child that times two twins of a model in turns: blocks missing, weights random, run for real."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Final

from garden.core.calibration import TimeTwins, TwinInput, TwinsTimed
from garden.core.errors import CancelledByUser
from garden.core.messages import Message, Progress
from garden.core.run_configuration import LoadParameters
from garden.engine.library import EngineLibrary
from garden.engine.stopwatch import Stopwatch, clock_of
from garden.process.worker_channel import WorkerChannel, harden, outcome_of

#: Both are timed so often, in turns, and the best of each is kept: what a slow moment adds to one would be multiplied.
_ROUNDS: Final = 3

#: Reading a prompt takes no longer than this, and filling the cache no longer than twice that.
_PROMPT_SECONDS: Final = 2.0

_SHORTEST_PROMPT: Final = 32


class TwinWorker:
    """Serves one request."""

    def __init__(self) -> None:
        self._channel: WorkerChannel[Message] = WorkerChannel(TwinInput, self._on_cancel)
        self._watches: list[Stopwatch] = []
        self._step = 0

    def run(self) -> int:
        """Time, answer, end."""
        request = self._channel.receive()
        if isinstance(request, TimeTwins):
            self._channel.emit(outcome_of(lambda: self._timed(request)))
        return 0

    def _on_cancel(self) -> None:
        for watch in tuple(self._watches):
            watch.cancel()

    def _timed(self, request: TimeTwins) -> TwinsTimed:
        library = EngineLibrary()
        load = dataclasses.replace(
            request.load,
            context_length=max(request.depth, request.prompt_tokens) + 256,
            n_batch=max(request.load.n_ubatch, request.prompt_tokens),
            adapters=(),
        )
        for path in request.paths:
            self._tell("Loading a slice of the model")
            self._watches.append(self._opened(library, Path(path), load, request))
        prompt = self._affordable(self._watches[-1], request.prompt_tokens)
        # A cache is filled by as many tokens as a prompt has in the same time.
        depth = min(request.depth, 2 * prompt)
        prompts: list[list[float]] = [[] for _ in self._watches]
        answers: list[list[float]] = [[] for _ in self._watches]
        for number in range(_ROUNDS):
            self._tell(f"Timing it, {number + 1} of {_ROUNDS}")
            for index, watch in enumerate(self._watches):
                prompts[index].append(watch.prompt_seconds(prompt))
                watch.fill(depth, prompt)
                answers[index].append(watch.token_seconds(seconds=0.5, steps=48))
        return TwinsTimed(
            token_seconds=tuple(map(min, answers)),
            prompt_seconds=tuple(map(min, prompts)),
            choice_seconds=self._watches[0].choice_seconds(),
            prompt_tokens=prompt,
            depth=depth,
        )

    def _opened(self, library: EngineLibrary, path: Path, load: LoadParameters, request: TimeTwins) -> Stopwatch:
        cancelled = self._channel.cancelled
        watch = Stopwatch(
            library,
            path,
            load,
            clock=clock_of(request.timed_by, load.threads),
            tokens=request.tokens,
            on_progress=lambda _share: not cancelled.is_set(),
        )
        if cancelled.is_set():
            watch.cancel()
        return watch

    def _affordable(self, watch: Stopwatch, tokens: int) -> int:
        """So many tokens of a prompt as are read in time, halved from what is wanted."""
        # A batch may be smaller still.
        shortest = min(_SHORTEST_PROMPT, tokens)
        each = watch.prompt_seconds(shortest) / shortest
        while tokens > shortest and tokens * each > _PROMPT_SECONDS:
            tokens //= 2
        return max(tokens, shortest)

    def _tell(self, note: str) -> None:
        if self._channel.cancelled.is_set():
            raise CancelledByUser
        self._channel.emit(Progress(done=self._step, total=_ROUNDS + 2, note=note))
        self._step += 1


def main() -> int:
    """Entry point of the child."""
    harden()
    code = TwinWorker().run()
    # Not through the interpreter's own end: the engine's threads and its log may still call into it.
    os._exit(code)
