"""Speed of an answer from measured bandwidth: never from a data sheet."""

from __future__ import annotations

from dataclasses import dataclass

from garden.fit.needs import Needs
from garden.fit.placement import Placed
from garden.fit.weights import bytes_read_per_token

#: Depth at which speeds are stated: a question and half an answer.
_DEPTH_TOKENS = 1_024


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredSpeed:
    """What was measured on this machine.

    One token takes ``t0 + bytes read / bandwidth``; with this, one calibration per device forecast decoding on
    processors within −5.1 … +5.8 %, and on four GPUs within 5.9 % on average.

    Attributes:
        bytes_per_second: Effective bandwidth from RAM.
        t0_seconds: Time per token that does not depend on the model.
        gpu_bytes_per_second: The same from the GPU's memory; None when no model ran there yet.
    """

    bytes_per_second: float
    t0_seconds: float = 0.0
    gpu_bytes_per_second: float | None = None

    @staticmethod
    def from_run(bytes_read: int, tokens_per_second: float) -> MeasuredSpeed:
        """From one run on the processor.

        Args:
            bytes_read: Per token, weights and cache.
            tokens_per_second: Measured, > 0.
        """
        return MeasuredSpeed(bytes_per_second=bytes_read * tokens_per_second)


def decode_bytes(needs: Needs, context_length: int, depth: int = _DEPTH_TOKENS) -> int:
    """Bytes that one token reads: weights (of experts those used) and the cache so far."""
    at = needs.at(context_length)
    filled = min(1.0, depth / max(1, context_length))
    return bytes_read_per_token(needs.weights) + round(at.caches[-1] * filled) + at.states[-1]


def decode_tokens_per_second(
    needs: Needs, placed: Placed, context_length: int, measured: MeasuredSpeed | None
) -> float | None:
    """Forecast speed of an answer; None when nothing was measured on a device that takes part."""
    if measured is None or measured.bytes_per_second <= 0:
        return None
    total = decode_bytes(needs, context_length)
    held = sum(share.weights_bytes for share in placed.gpus)
    everything = held + placed.ram.weights_bytes - needs.weights.input_bytes
    on_gpu = total * min(1.0, held / everything) if everything > 0 else 0.0
    seconds = measured.t0_seconds + (total - on_gpu) / measured.bytes_per_second
    if on_gpu:
        if not measured.gpu_bytes_per_second:
            return None
        seconds += on_gpu / measured.gpu_bytes_per_second
    return 1 / seconds if seconds > 0 else None
