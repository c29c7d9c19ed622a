"""What the process of a loaded model holds in RAM, beside the engine's buffers: forecast, and as it was seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from garden.core.quantity import MIB

#: Workers ask for huge pages (``glibc.malloc.hugetlb``): one byte that is written takes 2 MiB. Results lie all over a
#: compute buffer, so that one token already takes 9–19 MiB of it (14 on average; eight models, buffers of 16–66 MiB).
_SCATTERED = 7 * 2 * MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidentForecast:
    """The resident set of a model's process, forecast part by part.

    Pages count once they were written to: weights and cache are, when the model is loaded (the engine clears the
    cache). Results in the compute buffer lie where they would with a whole micro-batch, and of each so much is written
    as there are tokens (``ggml_gallocr_alloc_graph`` keeps the places that were reserved).

    Attributes:
        process_bytes: Interpreter, libraries and the engine without a model.
        vocabulary_bytes: Tokens, merges and their tables, which no buffer shows.
        graph_bytes: The engine's notes on tensors and on what it computes of them.
        held_bytes: Weights in RAM, mapped ones included, cache and recurrent state.
        repacked_bytes: Second copies of mapped weights, rearranged for the processor; mapped pages stay beside them.
        compute_bytes: The compute buffer in RAM.
        unwritten_bytes: The part of it for embeddings given in place of tokens, which a chat never gives.
        mask_bytes_per_token: The part of it that each token of the context takes.
        context_length: Tokens.
        batch_tokens: Tokens of a prompt that are computed at once.
    """

    process_bytes: int
    vocabulary_bytes: int
    held_bytes: int
    graph_bytes: int = 0
    repacked_bytes: int = 0
    compute_bytes: int = 0
    unwritten_bytes: int = 0
    mask_bytes_per_token: int = 0
    context_length: int = 0
    batch_tokens: int = 1

    @property
    def total_bytes(self) -> int:
        """With all of the context filled: the most that it comes to."""
        return self.process_bytes + self.beside_process_bytes(self.batch_tokens, self.context_length)

    def after(self, prompt_tokens: int, filled_tokens: int) -> int:
        """The high-water mark so far.

        Args:
            prompt_tokens: Of the longest prompt that was computed.
            filled_tokens: The most that the context has held.
        """
        return self.process_bytes + self.beside_process_bytes(prompt_tokens, filled_tokens)

    def beside_process_bytes(self, prompt_tokens: int, filled_tokens: int) -> int:
        """The same without the process itself."""
        share = min(1.0, prompt_tokens / max(1, self.batch_tokens))
        unread = max(0, self.context_length - filled_tokens) * self.mask_bytes_per_token
        reached = max(0, self.compute_bytes - self.unwritten_bytes)
        used = min(reached, max(_SCATTERED, round(share * max(0, reached - unread))))
        return self.vocabulary_bytes + self.graph_bytes + self.held_bytes + self.repacked_bytes + used


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidentMarks:
    """High-water marks of a loaded model's process, as they were seen; None for what was not.

    Attributes:
        resident_bytes: Of its resident set.
        gpu_bytes: Of what the GPUs had less free than before the load, driver and other programs included.
        prompt_tokens: The longest prompt that was computed.
        filled_tokens: The most that the context held.
    """

    resident_bytes: int | None = None
    gpu_bytes: int | None = None
    prompt_tokens: int = 0
    filled_tokens: int = 0

    def raised(self, other: ResidentMarks) -> ResidentMarks:
        """The higher of each."""
        return ResidentMarks(
            resident_bytes=_higher(self.resident_bytes, other.resident_bytes),
            gpu_bytes=_higher(self.gpu_bytes, other.gpu_bytes),
            prompt_tokens=max(self.prompt_tokens, other.prompt_tokens),
            filled_tokens=max(self.filled_tokens, other.filled_tokens),
        )


def _higher(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else max(one, other)


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeMemory:
    """What a device had free before and after a load.

    Attributes:
        device: The engine's name of it; ``CPU`` for the machine's RAM.
        before_bytes: Before anything was loaded.
        after_bytes: After the model was loaded and had computed a token.
        source: Who said both: the system or the GPU's ``driver``, which count everything that lies there; or the
            ``engine``, whose own context may lie there before it can be asked.
    """

    device: str
    before_bytes: int
    after_bytes: int
    source: Literal["engine", "driver"] = "engine"

    @property
    def taken_bytes(self) -> int:
        """By how much it fell; below 0 when others gave memory back meanwhile."""
        return self.before_bytes - self.after_bytes
