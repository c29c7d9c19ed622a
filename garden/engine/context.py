"""A context: the cache that a conversation lives in, and the loop that reads prompts and writes tokens."""

from __future__ import annotations

import ctypes
import ctypes.util
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any

from garden.core.errors import CancelledByUser, EngineError, GardenError, OutOfMemoryError
from garden.core.messages import BufferUse
from garden.core.run_configuration import LoadParameters
from garden.engine.breakdown import buffers
from garden.engine.model import OUT_OF_MEMORY, Model
from garden.engine.sampler import Sampler

_CACHE_TYPES = {"f32": 0, "f16": 1, "q4_0": 2, "q4_1": 3, "q5_0": 6, "q5_1": 7, "q8_0": 8, "bf16": 30}

_FLASH_ATTENTION = re.compile(r"flash_attn += (auto|enabled|disabled)|: Flash Attention (enabled|not supported)")

#: Longer than any model was trained for; the engine's own tables for a longer context take minutes to fill.
MAX_COUNT = 2**24

#: What llama_decode answers: 0 done, 1 no room in the cache, 2 aborted, negative an error.
_NO_ROOM, _ABORTED = 1, 2


class CacheFull(Exception):  # noqa: N818 - an end of the answer, not a fault
    """The context holds no further token."""


class Context:
    """The cache and compute buffers of one model; use it from one thread, ``cancel`` from any.

    Args:
        model: Loaded weights.
        load: How to set it up.

    Attributes:
        length: Tokens that one sequence can hold.
        total_length: Tokens that all sequences can hold; the engine rounds up to its own step.
        flash_attention: What the engine chose.

    Raises:
        OutOfMemoryError: The buffers do not fit.
        EngineError: The parameters make no sense, or the engine refuses them.
    """

    def __init__(self, model: Model, load: LoadParameters) -> None:
        _check(load)
        self._model = model
        c = self._c = model.library.c
        parameters = c.llama_context_default_params()
        parameters.n_ctx = load.context_length
        parameters.n_batch = load.n_batch
        parameters.n_ubatch = load.n_ubatch
        parameters.n_seq_max = load.n_sequences
        parameters.n_outputs_max = load.n_outputs_max
        parameters.n_threads = load.threads
        parameters.n_threads_batch = load.threads_batch
        parameters.flash_attn_type = {
            "auto": c.LLAMA_FLASH_ATTN_TYPE_AUTO,
            "on": c.LLAMA_FLASH_ATTN_TYPE_ENABLED,
            "off": c.LLAMA_FLASH_ATTN_TYPE_DISABLED,
        }[load.flash_attention]
        parameters.type_k = _CACHE_TYPES[load.type_k]
        parameters.type_v = _CACHE_TYPES[load.type_v]
        parameters.swa_full = load.swa_full
        parameters.kv_unified = load.kv_unified
        parameters.no_perf = True
        model.library.log.take_errors()
        self.pointer: Any = c.llama_init_from_model(model.pointer, parameters)
        if not self.pointer:
            raise self._error(load, model.library.log.take_errors())
        self.length: int = c.llama_n_ctx_seq(self.pointer)
        self.total_length: int = c.llama_n_ctx(self.pointer)
        self.flash_attention = self._resolved_flash_attention(load)
        self._n_batch: int = c.llama_n_batch(self.pointer)
        self._window = max(1, c.llama_model_n_swa(model.pointer))
        self._memory = c.llama_get_memory(self.pointer)
        self._held: list[int] = []
        self._one = (ctypes.c_int32 * 1)()
        self._chunk = (ctypes.c_int32 * self._n_batch)()
        self._cancel_flag = ctypes.create_string_buffer(2)
        self._install_abort()
        model.apply_adapters(self.pointer)

    def cancel(self) -> None:
        """Any thread: make the decode under way, and all later ones, stop until ``rearm``."""
        self._cancel_flag[0] = b"\x01"

    def rearm(self) -> None:
        """Forget an earlier cancel."""
        self._cancel_flag[0] = b"\x00"

    @property
    def cancelled(self) -> bool:
        """Whether ``cancel`` was called since ``rearm``."""
        return bool(self._cancel_flag[0] != b"\x00")

    def warm_up(self) -> None:
        """One decode, so that the first answer does not pay for pages and kernels touched the first time.

        Raises:
            EngineError: The model cannot be computed, or gives no logits to sample from.
        """
        vocabulary = self._model.vocabulary
        self._one[0] = next((token for token in (vocabulary.bos, vocabulary.eos) if token is not None), 0)
        code = self._c.llama_decode(self.pointer, self._c.llama_batch_get_one(self._one, 1))
        if code != 0 or not self._c.llama_get_logits_ith(self.pointer, -1):
            raise self._failure()
        self._c.llama_memory_clear(self._memory, True)
        self._held = []

    def reuse(self, tokens: list[int]) -> int:
        """Keep the longest beginning of these tokens that the cache holds, and forget the rest.

        Args:
            tokens: A whole prompt, at least one token.

        Returns:
            Tokens that are held now; at least the last one is left to read, since its logits are needed.

        Raises:
            CacheFull: The prompt does not fit.
        """
        if len(tokens) >= self.length:
            raise CacheFull
        common = 0
        for held, wanted in zip(self._held, tokens[:-1], strict=False):
            if held != wanted:
                break
            common += 1
        # A sliding-window cache has dropped old positions: going back needs a whole window before the place. A
        # recurrent state holds its last position only.
        oldest = self._c.llama_memory_seq_pos_min(self._memory, 0)
        if oldest > max(0, common - self._window):
            common = 0
        return self._drop_from(common)

    def read(self, tokens: list[int], on_read: Callable[[int], None] | None = None) -> None:
        """Read what the cache does not hold yet of a prompt that was given to ``reuse``.

        Args:
            tokens: The whole prompt.
            on_read: Called with the number of tokens held after each batch.

        Raises:
            CancelledByUser: Cancelled; whole batches that were read stay and can be reused.
            CacheFull: No room.
            EngineError: The engine failed.
        """
        for start in range(len(self._held), len(tokens), self._n_batch):
            if self.cancelled:
                raise CancelledByUser
            chunk = tokens[start : start + self._n_batch]
            self._chunk[: len(chunk)] = chunk
            self._decode(self._chunk, chunk)
            if on_read:
                on_read(start + len(chunk))

    def generate(self, sampler: Sampler, *, ignore_eos: bool = False) -> Iterator[int]:
        """Tokens after what the cache holds, until the model ends; the caller stops by not asking for more.

        Raises:
            CancelledByUser: Cancelled.
            CacheFull: No room for the token just given.
            EngineError: The engine failed.
        """
        is_end = self._model.vocabulary.ends_generation
        while True:
            if self.cancelled:
                raise CancelledByUser
            token = sampler.sample(self.pointer)
            if not ignore_eos and is_end(token):
                return
            yield token
            if len(self._held) >= self.length:
                raise CacheFull
            self._one[0] = token
            self._decode(self._one, [token])

    def feed(self, tokens: list[int]) -> None:
        """Put tokens behind what the cache holds and wait until they are computed; for timing, at most a batch.

        Raises:
            CancelledByUser: Cancelled.
            CacheFull: No room.
            EngineError: The engine failed.
        """
        self._chunk[: len(tokens)] = tokens
        self._decode(self._chunk, tokens)
        # A GPU goes on after the call; whoever asks for logits waits for it.
        if not self._c.llama_get_logits_ith(self.pointer, -1):
            raise self._failure()

    def forget(self, position: int = 0) -> None:
        """Forget everything from a position on; all of it where the state cannot go back."""
        self._drop_from(position)

    def buffers(self) -> tuple[BufferUse, ...]:
        """The engine's own buffers for this context and its model."""
        return buffers(self._model.library, self.pointer)

    def close(self) -> None:
        """Free the buffers; may be called twice."""
        if self.pointer:
            self._c.llama_free(self.pointer)
            self.pointer = None

    def _decode(self, array: Any, tokens: list[int]) -> None:
        # ``array`` stays in a variable of ours: the batch only points to it.
        code = self._c.llama_decode(self.pointer, self._c.llama_batch_get_one(array, len(tokens)))
        if code == 0:
            self._held += tokens
            return
        self._drop_from(len(self._held))
        if code == _ABORTED or self.cancelled:
            raise CancelledByUser
        if code == _NO_ROOM:
            raise CacheFull
        raise self._failure()

    def _failure(self) -> EngineError:
        log = self._model.library.log.take_errors()
        return EngineError("The engine failed while it computed.", "Load the model again, or choose another.", log)

    def _drop_from(self, position: int) -> int:
        """Forget everything from a position on; a recurrent state can only forget all. The number of tokens left."""
        if not self._c.llama_memory_seq_rm(self._memory, 0, position, -1):
            self._c.llama_memory_clear(self._memory, True)
            position = 0
        del self._held[position:]
        return position

    def _install_abort(self) -> None:
        """Let the CPU and Metal backends look at the flag between operations, without entering Python.

        The callback is the C library's strlen over a two-byte buffer: 0 while the flag is down, 1 once it is up.
        """
        if sys.platform == "win32":
            strlen = ctypes.CDLL("msvcrt").strlen
        else:
            strlen = ctypes.CDLL(ctypes.util.find_library("c")).strlen
        self._abort_callback = ctypes.cast(strlen, self._c.ggml_abort_callback)
        data = ctypes.cast(self._cancel_flag, ctypes.c_void_p)
        self._c.llama_set_abort_callback(self.pointer, self._abort_callback, data)

    def _resolved_flash_attention(self, load: LoadParameters) -> bool:
        # No function tells; the engine logs what it was set to (some models force it off) and what became of auto.
        for line in reversed(self._model.library.log.lines):
            if match := _FLASH_ATTENTION.search(line):
                word = match[1] or match[2]
                return load.flash_attention != "off" if word == "auto" else word == "enabled"
        return load.flash_attention != "off"

    @staticmethod
    def _error(load: LoadParameters, log: str) -> GardenError:
        if "quantized V cache" in log:
            return EngineError(
                f"A {load.type_v} V cache needs flash attention.", "Switch flash attention on, or choose f16.", log
            )
        if OUT_OF_MEMORY.search(log):
            return OutOfMemoryError(
                f"There is not enough memory for a context of {load.context_length:,} tokens.",
                "Choose a smaller context or a q8_0 cache, or unload other models.",
                log,
            )
        return EngineError(
            "The engine could not set up this context.", "Choose a smaller context or an f16 cache.", log
        )


def _check(load: LoadParameters) -> None:
    """Refuse what the engine would take for something else, e.g. 0 for its own choice."""
    counts = ("context_length", "n_batch", "n_ubatch", "n_sequences", "n_outputs_max", "threads", "threads_batch")
    for name in counts:
        if not 1 <= getattr(load, name) <= MAX_COUNT:
            raise EngineError(
                f"{name} is {getattr(load, name):,}; it must lie between 1 and {MAX_COUNT:,}.", "Correct this setting."
            )
    for name in ("type_k", "type_v"):
        if getattr(load, name) not in _CACHE_TYPES:
            raise EngineError(
                f"The engine has no cache type {getattr(load, name)!r}.", f"Choose one of {', '.join(_CACHE_TYPES)}."
            )
