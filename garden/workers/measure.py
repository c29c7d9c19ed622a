"""Child that measures what quants lost against their base, one model in memory at a time."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from garden.core.errors import InvalidFileError, RefusedError
from garden.core.messages import MeasureInput, MeasureQuality, Progress, QualityMeasured
from garden.core.receipt import QualityReport
from garden.engine.library import EngineLibrary
from garden.engine.logits import WindowReader
from garden.gguf.byte_source import FileSource
from garden.gguf.header import read_header
from garden.gguf.shard_set import shard_paths
from garden.process.worker_channel import WorkerChannel, harden, outcome_of
from garden.quantization.base_cache import BaseCache
from garden.quantization.loss import LossSum, base_rows, perplexity

#: Fewer tokens than this per window leave no context to predict from.
_SMALLEST_WINDOW = 32


class Measurement:
    """One text read by the base and then by each quant.

    Args:
        request: What to measure.
        channel: Where progress goes.
    """

    def __init__(self, request: MeasureQuality, channel: WorkerChannel[MeasureInput]) -> None:
        self._request = request
        self._channel = channel
        self._library = EngineLibrary()
        self._done = 0
        self._total = 0
        self._windows: list[NDArray[np.int64]] = []
        self._first_scored = 0

    def run(self) -> QualityMeasured:
        """Read the base once, then each quant."""
        request = self._request
        self._tell(f"Loading {request.names[0]}", total=None)
        with self._open(Path(request.base)) as reader:
            vocab_size = reader.vocab_size
            text = Path(request.text_path).read_text("utf-8")
            tokens = reader.tokenize(text)
            self._cut(tokens, min(request.window, reader.trained_context))
            rows = sum(len(window) - 1 - self._first_scored for window in self._windows)
            cache = BaseCache(Path(request.cache_dir), vocab_size, rows)
            for window in self._windows:
                for logits, targets in self._scored(reader, window, request.names[0]):
                    cache.append(base_rows(logits, targets))
        with cache:
            base_perplexity = perplexity(cache.surprises)
            _check_finite(request.names[0], base_perplexity)
            reports = tuple(
                self._compare(Path(path), name, cache, vocab_size, text, tokens)
                for path, name in zip(request.quants, request.names[1:], strict=True)
            )
        return QualityMeasured(reports=reports, base_perplexity=base_perplexity)

    def _compare(
        self, path: Path, name: str, cache: BaseCache, vocab_size: int, text: str, tokens: NDArray[np.int64]
    ) -> QualityReport:
        self._tell(f"Loading {name}", total=self._total)
        losses = LossSum()
        cache.rewind()
        with self._open(path) as reader:
            if reader.vocab_size != vocab_size or not np.array_equal(reader.tokenize(text), tokens):
                raise RefusedError(
                    f"{name} and {self._request.names[0]} have different vocabularies and cannot be compared.",
                    "Measure a model against its own original.",
                )
            for window in self._windows:
                for logits, targets in self._scored(reader, window, name):
                    losses.add(cache.read(), logits, targets)
        report = losses.report(model=name, base=self._request.names[0], text=self._request.text_name)
        _check_finite(name, report.kld_mean, report.kld_p99, report.perplexity)
        return report

    def _open(self, path: Path) -> WindowReader:
        """Load a model after the bounded reader has looked at it."""
        first = shard_paths(path)[0]
        with FileSource(first) as source:
            read_header(source)
        return WindowReader(self._library, first, window=self._request.window, threads=self._request.threads)

    def _cut(self, tokens: NDArray[np.int64], window: int) -> None:
        """Cut the text into windows; the second half of each is scored."""
        count = min(len(tokens) // window, self._request.windows) if window >= _SMALLEST_WINDOW else 0
        if count < 1:
            raise RefusedError(
                f"The text is too short: {len(tokens)} tokens, at least {max(window, _SMALLEST_WINDOW)} are needed.",
                "Choose a longer text.",
            )
        self._windows = [tokens[start * window : (start + 1) * window] for start in range(count)]
        self._first_scored = window // 2
        self._total = (1 + len(self._request.quants)) * count * window

    def _scored(
        self, reader: WindowReader, window: NDArray[np.int64], name: str
    ) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int64]]]:
        """Blocks of scored positions with the token that follows each; the last position has none."""
        for block in reader.read(window, self._first_scored):
            rows = min(len(block.logits), len(window) - 1 - block.position)
            if rows > 0:
                yield block.logits[:rows], window[block.position + 1 : block.position + 1 + rows]
            self._done += block.tokens
            self._tell(name, self._total)

    def _tell(self, note: str, total: int | None) -> None:
        self._channel.emit(Progress(done=self._done, total=total, note=note))


def _check_finite(name: str, *figures: float) -> None:
    if not all(math.isfinite(figure) for figure in figures):
        raise InvalidFileError(
            f"“{name}” answers with figures that are no numbers.", "The file is damaged; fetch or make it again."
        )


def main() -> int:
    """Serve one request. There is nothing to clean up, so a cancel ends the process at once."""
    harden()
    channel: WorkerChannel[MeasureInput] = WorkerChannel(MeasureInput, lambda: os._exit(1))
    request = channel.receive()
    if isinstance(request, MeasureQuality):
        channel.emit(outcome_of(lambda: Measurement(request, channel).run()))
    return 0
