"""Speed of an answer from measured bandwidth: never from a data sheet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from garden.core.fit_forecast import Placement
from garden.core.quantity import MIB
from garden.fit.needs import Needs
from garden.fit.placement import Placed
from garden.fit.weights import bytes_read_per_token

#: Depth at which speeds are stated: a question and half an answer.
_DEPTH_TOKENS = 1_024


#: A smaller read is over before the memory is busy: what such a model shows says little of larger ones.
MIN_BYTES_READ = 256 * MIB

#: Runs have to differ so much in size before a part that does not depend on it can be told apart.
_SPREAD = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one answer showed.

    Attributes:
        bytes_read: Per token: ``decode_bytes`` of what was loaded.
        tokens_per_second: Of the answer, > 0.
        on_gpu: All weights were on a GPU; runs that were split say too little about either.
    """

    bytes_read: int
    tokens_per_second: float
    on_gpu: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredSpeed:
    """What was measured on this machine.

    One token takes ``t0 + bytes read / bandwidth``; with this, one calibration per device forecast decoding on
    processors within −5.1 … +5.8 %, and on four GPUs within 5.9 % on average.

    Attributes:
        bytes_per_second: Effective bandwidth from RAM; 0 when nothing ran there yet.
        t0_seconds: Time per token that does not depend on the model.
        gpu_bytes_per_second: The same from the GPU's memory; None when no model ran there yet.
        runs: Runs from RAM that it rests on.
        gpu_runs: Runs from the GPU's memory that it rests on.
        slowest: Speed of the run that fell furthest behind what this says of it, as a share of that; ≤ 1.
        fastest: The same of the run that was furthest ahead; ≥ 1.
    """

    bytes_per_second: float
    t0_seconds: float = 0.0
    gpu_bytes_per_second: float | None = None
    runs: int = 0
    gpu_runs: int = 0
    slowest: float = 1.0
    fastest: float = 1.0

    @staticmethod
    def from_runs(runs: Iterable[Run]) -> MeasuredSpeed | None:
        """From answers given here; None when none of them read enough to tell."""
        usable = [run for run in runs if run.bytes_read >= MIN_BYTES_READ and run.tokens_per_second > 0]
        cpu_runs = [run for run in usable if not run.on_gpu]
        gpu_runs = [run for run in usable if run.on_gpu]
        on_cpu, on_gpu = _line(cpu_runs), _line(gpu_runs)
        if on_cpu is None and on_gpu is None:
            return None
        shares = [1.0, *_shares(cpu_runs, on_cpu), *_shares(gpu_runs, on_gpu)]
        return MeasuredSpeed(
            bytes_per_second=on_cpu[0] if on_cpu else 0.0,
            t0_seconds=on_cpu[1] if on_cpu else 0.0,
            gpu_bytes_per_second=on_gpu[0] if on_gpu else None,
            runs=len(cpu_runs),
            gpu_runs=len(gpu_runs),
            slowest=min(shares),
            fastest=max(shares),
        )

    def runs_behind(self, placement: Placement) -> int:
        """Runs that a forecast of a model placed like this rests on."""
        return (self.runs if placement is not Placement.GPU else 0) + (
            self.gpu_runs if placement is not Placement.CPU else 0
        )


def _line(runs: Sequence[Run]) -> tuple[float, float] | None:
    """Bandwidth and t0 of the straight line through the runs; through the origin unless their sizes differ enough."""
    if not runs:
        return None
    sizes = [run.bytes_read for run in runs]
    seconds = [1 / run.tokens_per_second for run in runs]
    if max(sizes) >= _SPREAD * min(sizes):
        mean_size, mean_seconds = sum(sizes) / len(sizes), sum(seconds) / len(seconds)
        moment = sum((size - mean_size) ** 2 for size in sizes)
        slope = sum((x - mean_size) * (y - mean_seconds) for x, y in zip(sizes, seconds, strict=True)) / moment
        start = mean_seconds - slope * mean_size
        if slope > 0 and start >= 0:
            return 1 / slope, start
    return sum(sizes) / sum(seconds), 0.0


def _shares(runs: Sequence[Run], line: tuple[float, float] | None) -> list[float]:
    """Speed of each run as a share of what the line says of it."""
    if line is None:
        return []
    bandwidth, start = line
    return [run.tokens_per_second * (start + run.bytes_read / bandwidth) for run in runs]


def decode_bytes(needs: Needs, context_length: int, depth: int = _DEPTH_TOKENS) -> int:
    """Bytes that one token reads: weights (of experts those used) and the cache so far."""
    at = needs.at(context_length)
    filled = min(1.0, depth / max(1, context_length))
    return bytes_read_per_token(needs.weights) + round(at.cache_bytes * filled) + at.state_bytes


def _read_on_gpus(needs: Needs, placed: Placed, total: int) -> float:
    """Of the bytes that one token reads those on GPUs: what was placed by name, of the rest the share of layers."""
    weights = needs.weights
    used = {share.budget.device for share in placed.gpus if share.weights_bytes}
    placed_there = sum(size for device, size in weights.placed if device in used)
    placed_here = sum(size for device, size in weights.placed if device not in used)
    read_there = sum(size for device, size in weights.placed_read if device in used)
    rest = total - sum(size for _device, size in weights.placed_read)
    there = sum(share.weights_bytes for share in placed.gpus) - placed_there
    everything = there + placed.ram.weights_bytes - weights.input_bytes - placed_here
    return read_there + (rest * min(1.0, there / everything) if everything > 0 else 0.0)


def decode_tokens_per_second(
    needs: Needs, placed: Placed, context_length: int, measured: MeasuredSpeed | None
) -> float | None:
    """Forecast speed of an answer; None when nothing was measured on a device that takes part."""
    if measured is None:
        return None
    total = decode_bytes(needs, context_length)
    on_gpu = _read_on_gpus(needs, placed, total)
    seconds = measured.t0_seconds
    for part, bandwidth in ((total - on_gpu, measured.bytes_per_second), (on_gpu, measured.gpu_bytes_per_second)):
        if part > 0:
            if not bandwidth or bandwidth <= 0:
                return None
            seconds += part / bandwidth
    return 1 / seconds if seconds > 0 else None
