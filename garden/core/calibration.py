"""How fast this machine is, by device and type of weights, as measured on models that nobody trained."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from garden.core.messages import Cancel, Failed, Message, Progress
from garden.core.run_configuration import LoadParameters

#: Of what is measured and what it means; what an earlier version measured is not used.
METHOD = 4

#: Which memory the weights lie in.
SpeedDevice = Literal["cpu", "gpu"]

#: What time is taken with: a clock, or the processor time of the process shared out over its threads. The second leaves
#: out what other programs take, and what threads wait for each other; for benchmarks on a machine that is busy.
TimedBy = Literal["clock", "processor"]


#: Beyond these a calibration says that it was disturbed: others' share of the processor, how much slower than at its
#: best a device was, and how far off forecasts of models were that were timed to check them.
_BUSY_SHARE, _UNREST, _CHECK_ERROR = 0.25, 0.1, 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeSpeed:
    """Matrices of one type.

    Attributes:
        byte_seconds: To decode with, per byte of weights.
        row_seconds: The same, per row beside its bytes: per value that comes out of a matrix.
        expert_operation_seconds: As ``operation_seconds``, of matrices of experts: timed, or in the ratio of the most
            similar type whose experts were; 0 where none were and that of others holds.
        operation_seconds: To read prompts with, per multiplication or addition.
        value_seconds: To read prompts with, per value that goes into a matrix or comes out of it, per token.
    """

    byte_seconds: float
    operation_seconds: float
    value_seconds: float = 0.0
    row_seconds: float = 0.0
    expert_operation_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheSpeed:
    """Attention over a cache of one type.

    Attributes:
        head_seconds: To decode with, per query head and token in the cache.
        value_seconds: The same per value of such a head's K and V.
        byte_seconds: The same per byte of the cache, of heads of 128 values in rows of 1,024.
        half_byte_seconds: The same in rows of 512.
        narrow_byte_seconds: Of heads of 64 values in rows of 1,024.
        narrow_half_byte_seconds: The same in rows of 512.
        prompt_head_seconds: To read prompts with, per query head and pair of tokens.
        prompt_value_seconds: The same per value of such a head's K and V.
    """

    head_seconds: float
    value_seconds: float
    byte_seconds: float
    half_byte_seconds: float
    narrow_byte_seconds: float
    narrow_half_byte_seconds: float
    prompt_head_seconds: float
    prompt_value_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSpeed:
    """One device.

    Attributes:
        device: Where the weights lie.
        name: For people.
        token_seconds: Per token of an answer, whatever the model.
        layer_seconds: Per block of a model, for a token of an answer or a batch of a prompt.
        expert_token_factor: How much longer the matrices of experts take than others of their type, for an answer.
        scan_seconds: Per value of a recurrent state that fades at a rate of its own, for a token of an answer.
        prompt_scan_seconds: The same for a token of a prompt.
        types: By GGML's name, e.g. ``Q4_K``.
        caches: By the name of the cache's type, e.g. ``f16``.
        decode_error: Standard deviation of forecasts of answers from models that were timed to check, as a share.
        prefill_error: The same of prompts.
        unrest: How much slower than at its best the device was, on average, while what is told here was timed, as a
            share; something else used it, or it got hot.
    """

    device: SpeedDevice
    name: str
    token_seconds: float
    layer_seconds: float
    expert_token_factor: float = 1.0
    scan_seconds: float = 0.0
    prompt_scan_seconds: float = 0.0
    types: dict[str, TypeSpeed] = field(default_factory=dict)
    caches: dict[str, CacheSpeed] = field(default_factory=dict)
    decode_error: float = 0.0
    prefill_error: float = 0.0
    unrest: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeedSetup:
    """What a calibration holds for.

    Attributes:
        engine: Version and build.
        backends: What drives the devices, e.g. ``CPU`` and ``CUDA``.
        devices: Processor and GPUs.
        threads: Of the processor.
        on_battery: Whether the machine ran on its battery, which slows many down.
        method: ``METHOD`` of the version that measured.
    """

    engine: str
    backends: tuple[str, ...]
    devices: tuple[str, ...]
    threads: int
    on_battery: bool = False
    method: int = METHOD


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What was measured.

    Attributes:
        setup: What it holds for.
        speeds: One or two, the processor first.
        logit_seconds: To choose a token, per entry of the vocabulary.
        seconds: How long it took to measure.
        busy_share: What other programs took of the processor meanwhile, 0…1; None when unknown, or when their part was
            left out.
        measured_at: Seconds since the epoch.
    """

    setup: SpeedSetup
    speeds: tuple[DeviceSpeed, ...]
    logit_seconds: float
    seconds: float
    busy_share: float | None = None
    measured_at: float = 0.0

    @property
    def disturbance(self) -> str:
        """Why these figures are less good than they could be, and what helps; empty when they are as good as any."""
        unrest = max((speed.unrest for speed in self.speeds), default=0.0)
        error = max((max(speed.decode_error, speed.prefill_error) for speed in self.speeds), default=0.0)
        if (self.busy_share or 0.0) > _BUSY_SHARE:
            share = _percent(self.busy_share or 0.0)
            return f"Other programs took {share} of the processor meanwhile; measure again when it is quiet."
        if unrest > _UNREST:
            share = _percent(unrest)
            return (
                f"The machine was at times {share} slower than at others meanwhile; "
                "measure again when nothing else uses it, and once it is cool."
            )
        if error > _CHECK_ERROR:
            return f"Its own checks were off by {_percent(error)}; measure again when nothing else uses the machine."
        return ""

    def on(self, device: SpeedDevice) -> DeviceSpeed | None:
        """Speed of one device, None when it was not measured."""
        return next((speed for speed in self.speeds if speed.device == device), None)


def _percent(share: float) -> str:
    return f"{share:.0%}".replace("%", " %")


class Calibrate(Message, frozen=True, kw_only=True):
    """Measure this machine.

    Attributes:
        folder: For the models to measure with; emptied by whoever made it.
        threads: Of the processor, ≥ 1.
        cache_bytes: Size of the processor's last cache; weights must be larger by far. 0 when unknown.
        gpu: Name of the GPU that the engine would use, None to measure the processor alone.
        limit_seconds: No further type of weights is measured after so long.
        timed_by: What time is taken with.
    """

    folder: str
    threads: int
    cache_bytes: int = 0
    gpu: str | None = None
    limit_seconds: float = 25.0
    timed_by: TimedBy = "clock"


class Calibrated(Message, frozen=True, kw_only=True):
    """What it measured; see ``Calibration``."""

    speeds: tuple[DeviceSpeed, ...]
    logit_seconds: float
    seconds: float
    busy_share: float | None


CalibrateInput = Calibrate | Cancel
CalibrateOutput = Progress | Calibrated | Failed


class TimeTwins(Message, frozen=True, kw_only=True):
    """Time two models in turns.

    Attributes:
        paths: Of both; their vocabularies are not used.
        load: How to load them; context and batch are at least what is timed.
        tokens: Numbers from 0 up to this one are read.
        depth: Tokens in the cache while they answer, unless reading those takes too long.
        prompt_tokens: Of the prompt, likewise.
        timed_by: What time is taken with.
    """

    paths: tuple[str, ...]
    load: LoadParameters
    tokens: int
    depth: int
    prompt_tokens: int
    timed_by: TimedBy = "clock"


class TwinsTimed(Message, frozen=True, kw_only=True):
    """What they took, in seconds, in the order asked.

    Attributes:
        token_seconds: Per token of an answer.
        prompt_seconds: For the prompt.
        choice_seconds: To choose a token.
        prompt_tokens: Of the prompt.
        depth: Tokens in the cache while they answered.
    """

    token_seconds: tuple[float, ...]
    prompt_seconds: tuple[float, ...]
    choice_seconds: float
    prompt_tokens: int
    depth: int


TwinInput = TimeTwins | Cancel
TwinOutput = Progress | TwinsTimed | Failed
