"""Reading text with a model and handing out its logits, window by window.

Only the scored positions get logits, and those are looked at where the engine keeps them. ``Llama(logits_all=True)``
would copy a row for every token read: 24 GB for 40,000 tokens of a 152k vocabulary.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from garden.core.errors import EngineError, InvalidFileError, OutOfMemoryError, RefusedError

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
        path: GGUF file, or the first shard.
        window: Tokens per window at most.
        threads: ≥ 1.

    Attributes:
        vocab_size: Columns of the logits.
        trained_context: Tokens the model was trained for.
        bos: Token that every window starts with, None when the model wants none.

    Raises:
        InvalidFileError: The engine cannot read it.
        RefusedError: It does not predict next tokens.
        OutOfMemoryError: Its buffers do not fit.
    """

    def __init__(self, path: Path, *, window: int, threads: int) -> None:
        import llama_cpp

        self._llama: Any = llama_cpp
        self._model: Any = None
        self._context: Any = None
        self._batch: Any = None
        llama_cpp.llama_backend_init()
        parameters = llama_cpp.llama_model_default_params()
        parameters.n_gpu_layers = 0
        parameters.load_mode = llama_cpp.LLAMA_LOAD_MODE_NONE
        self._model = llama_cpp.llama_model_load_from_file(os.fsencode(path), parameters)
        if not self._model:
            raise InvalidFileError(f"“{path.name}” could not be loaded.", "Fetch it again, or choose another model.")
        try:
            self._open_context(path, window, threads)
        except BaseException:
            self.close()
            raise

    def _open_context(self, path: Path, window: int, threads: int) -> None:
        llama = self._llama
        if llama.llama_model_has_encoder(self._model) or not llama.llama_model_has_decoder(self._model):
            raise RefusedError(
                f"“{path.name}” does not predict next tokens, so this loss cannot be measured.",
                "Choose a language model.",
            )
        self._vocab = llama.llama_model_get_vocab(self._model)
        self.vocab_size = int(llama.llama_vocab_n_tokens(self._vocab))
        self.trained_context = int(llama.llama_model_n_ctx_train(self._model))
        self.bos = int(llama.llama_vocab_bos(self._vocab)) if llama.llama_vocab_get_add_bos(self._vocab) else None
        parameters = llama.llama_context_default_params()
        parameters.n_ctx = window
        parameters.n_batch = parameters.n_ubatch = parameters.n_outputs_max = min(CHUNK_TOKENS, window)
        parameters.n_seq_max = 1
        parameters.n_threads = parameters.n_threads_batch = threads
        parameters.swa_full = False
        parameters.no_perf = True
        self._context = llama.llama_init_from_model(self._model, parameters)
        if not self._context:
            raise OutOfMemoryError(
                f"There is not enough memory to read with “{path.name}”.", "Unload other models, then try again."
            )
        self._batch = llama.llama_batch_init(min(CHUNK_TOKENS, window), 0, 1)

    def __enter__(self) -> WindowReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free the model; may be called twice."""
        if self._batch is not None:
            self._llama.llama_batch_free(self._batch)
            self._batch = None
        if self._context:
            self._llama.llama_free(self._context)
            self._context = None
        if self._model:
            self._llama.llama_model_free(self._model)
            self._model = None

    def tokenize(self, text: str) -> NDArray[np.int64]:
        """Tokens of a text, after the start token when the model wants one; markers of chat templates are one token."""
        raw = text.encode()
        count = len(raw) + 8
        tokens = (ctypes.c_int32 * count)()
        found = self._llama.llama_tokenize(self._vocab, raw, len(raw), tokens, count, True, True)
        if found < 0:
            raise EngineError("The text could not be turned into tokens.", "Choose another text.")
        return np.array(tokens[:found], dtype=np.int64)

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
        llama = self._llama
        llama.llama_memory_clear(llama.llama_get_memory(self._context), True)
        tokens = window.tolist()
        if self.bos is not None:
            tokens[0] = self.bos
        for start in range(0, len(tokens), CHUNK_TOKENS):
            chunk = tokens[start : start + CHUNK_TOKENS]
            rows = self._fill(chunk, start, first_scored)
            code = llama.llama_decode(self._context, self._batch)
            if code != 0:
                raise EngineError("The engine failed while it read the text.", "Try again.", f"llama_decode: {code}")
            position = max(start, first_scored)
            if rows == 0:
                yield LogitsBlock(len(chunk), position, np.empty((0, self.vocab_size), dtype=np.float32))
                continue
            pointer = llama.llama_get_logits(self._context)
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
