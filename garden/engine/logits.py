"""Reading text with a model and handing out its logits, window by window.

Only the scored positions get logits, and those are looked at where the engine keeps them. ``Llama(logits_all=True)``
would copy a row for every token read: 24 GB for 40,000 tokens of a 152k vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from garden.core.errors import EngineError, RefusedError
from garden.core.run_configuration import LoadParameters
from garden.engine.context import Context
from garden.engine.library import EngineLibrary
from garden.engine.model import Model

#: Tokens per decode call: small enough for steady progress and a small logits buffer (128 rows · vocabulary · 4 bytes).
CHUNK_TOKENS = 128


@dataclass(frozen=True, slots=True)
class LogitsBlock:
    """Logits of neighbouring positions.

    Attributes:
        tokens: Tokens read for it.
        position: Position of the first row in its window.
        logits: (rows, vocabulary), the engine's own memory: valid until the next block is asked for.
    """

    tokens: int
    position: int
    logits: NDArray[np.float32]


class WindowReader:
    """A loaded model that reads windows of tokens, each from an empty cache.

    Args:
        library: The engine.
        path: GGUF file, or the first shard.
        window: Tokens per window at most.
        threads: ≥ 1.

    Attributes:
        vocab_size: Columns of the logits.
        trained_context: Tokens the model was trained for.

    Raises:
        GardenError: It cannot be loaded, or does not predict next tokens.
    """

    def __init__(self, library: EngineLibrary, path: Path, *, window: int, threads: int) -> None:
        chunk = min(CHUNK_TOKENS, window)
        load = LoadParameters(
            context_length=window,
            n_batch=chunk,
            n_ubatch=chunk,
            n_outputs_max=chunk,
            threads=threads,
            threads_batch=threads,
        )
        self._library = library
        self._c = library.c
        self._model = Model(library, path, load)
        try:
            if not self._model.generates_text:
                raise RefusedError(
                    f"“{path.name}” does not predict next tokens, so this loss cannot be measured.",
                    "Choose a language model.",
                )
            self._context = Context(self._model, load)
        except BaseException:
            self._model.close()
            raise
        vocabulary = self._model.vocabulary
        self.vocab_size = vocabulary.size
        self.trained_context = self._model.trained_context_length
        self._bos = vocabulary.bos if vocabulary.adds_bos else None
        self._batch: Any = self._c.llama_batch_init(chunk, 0, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free the model; may be called twice."""
        if self._batch is not None:
            self._c.llama_batch_free(self._batch)
            self._batch = None
        self._context.close()
        self._model.close()

    def tokenize(self, text: str) -> NDArray[np.int64]:
        """Tokens of a text, after the start token when the model wants one; markers of chat templates are one token."""
        tokens = self._model.vocabulary.tokenize(text, add_special=True, parse_special=True)
        return np.array(tokens, dtype=np.int64)

    def read(self, window: NDArray[np.int64], first_scored: int) -> Iterator[LogitsBlock]:
        """Read one window and hand out the logits from a position on, after each chunk a block (or an empty one).

        Args:
            window: Tokens; its first one is replaced by the start token when the model wants one.
            first_scored: Position of the first row wanted.

        Yields:
            One block per chunk, in order; ``logits`` is empty for chunks before ``first_scored``.

        Raises:
            EngineError: The engine failed to compute.
        """
        c, context = self._c, self._context.pointer
        c.llama_memory_clear(c.llama_get_memory(context), True)
        tokens = window.tolist()
        if self._bos is not None:
            tokens[0] = self._bos
        for start in range(0, len(tokens), CHUNK_TOKENS):
            chunk = tokens[start : start + CHUNK_TOKENS]
            rows = self._fill(chunk, start, first_scored)
            code = c.llama_decode(context, self._batch)
            if code != 0:
                raise EngineError(
                    "The engine failed while it read the text.", "Try again.", self._library.log.take_errors()
                )
            position = max(start, first_scored)
            if rows == 0:
                yield LogitsBlock(len(chunk), position, np.empty((0, self.vocab_size), dtype=np.float32))
                continue
            pointer = c.llama_get_logits(context)
            yield LogitsBlock(len(chunk), position, np.ctypeslib.as_array(pointer, shape=(rows, self.vocab_size)))

    def _fill(self, chunk: list[int], start: int, first_scored: int) -> int:
        batch = self._batch
        batch.n_tokens = len(chunk)
        rows = 0
        for index, token in enumerate(chunk):
            scored = start + index >= first_scored
            rows += scored
            batch.token[index] = token
            batch.pos[index] = start + index
            batch.n_seq_id[index] = 1
            batch.seq_id[index][0] = 0
            batch.logits[index] = scored
        return rows
