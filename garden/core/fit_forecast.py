"""Whether and how a model will run here: the verdict and the bytes behind it."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Literal

from garden.core.quantity import format_rate

#: Whose memory it is.
MemoryKind = Literal["ram", "gpu"]


class Verdict(enum.StrEnum):
    """The word. The spelling is part of the JSON contract."""

    FITS = "fits"
    TIGHT = "tight"
    TOO_LARGE = "too_large"
    UNSUPPORTED = "unsupported"
    NOT_A_LANGUAGE_MODEL = "not_a_language_model"
    UNKNOWN = "unknown"


class Placement(enum.StrEnum):
    """Where the layers go."""

    GPU = "gpu"
    SPLIT = "split"
    CPU = "cpu"
    NONE = "none"


class FitMethod(enum.StrEnum):
    """What the figures are based on: the Hub's fields, the file's header, or the engine itself."""

    ROUGH = "rough"
    FORMULA = "formula"
    EXACT = "exact"


class SpeedSource(enum.StrEnum):
    """What a speed rests on: nothing, other files' runs here, a calibration, a shorter copy of the model, own runs.

    Nothing can be measured on another machine: its speed is the most that the published bandwidth of its memory allows.
    """

    UNKNOWN = "unknown"
    RUNS = "runs"
    CALIBRATED = "calibrated"
    TWIN = "twin"
    MEASURED = "measured"
    ELSEWHERE = "elsewhere"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceMemory:
    """What one device must hold, against what it has free.

    It needs the engine's buffers (weights, cache, compute) and what lies beside them. What needs more than is free is
    too large; what leaves less than the margin fits tightly.

    Attributes:
        name: ``RAM``, or the GPU's name.
        kind: The machine's, or a GPU's own.
        total_bytes: Size of the device's memory.
        available_bytes: Free for us now.
        margin_bytes: What should be left free.
        weights_bytes: Weights on this device.
        kv_cache_bytes: KV cache and recurrent state on this device.
        compute_bytes: Compute buffers on this device.
        held_bytes: Of what is not available: held by, or promised to, models that Garden has loaded.
        freed_bytes: Of what is available: held by a model that would be unloaded first.
        beside_bytes: What lies beside the buffers: vocabulary and process in RAM, a driver's context on a GPU. 0 where
            all of the device was given to the buffers.
    """

    name: str
    kind: MemoryKind
    total_bytes: int
    available_bytes: int
    margin_bytes: int = 0
    weights_bytes: int = 0
    kv_cache_bytes: int = 0
    compute_bytes: int = 0
    held_bytes: int = 0
    freed_bytes: int = 0
    beside_bytes: int = 0

    @property
    def required_bytes(self) -> int:
        """The engine's buffers: the sum of weights, cache and compute."""
        return self.weights_bytes + self.kv_cache_bytes + self.compute_bytes

    @property
    def need_bytes(self) -> int:
        """Buffers and what lies beside them; 0 on a GPU that holds none."""
        return self.required_bytes + self.beside_bytes if self.required_bytes or self.kind == "ram" else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FitForecast:
    """A verdict and what it rests on. Unknown figures are None, never 0.

    Attributes:
        verdict: The word.
        placement: Where it runs.
        reason: One sentence why.
        suggestion: What would make it fit, empty when it does.
        method: The basis of the figures.
        architecture: GGUF's ``general.architecture``, None when unknown.
        weights_bytes: All weights.
        kv_cache_bytes: KV cache of attention layers.
        recurrent_bytes: State of recurrent layers.
        compute_bytes: Compute buffers.
        total_bytes: Sum of the four: the engine's buffers.
        projector_bytes: What images or sound take beside that, in a file of their own; None without one.
        devices: The same, shared out over the devices of this machine.
        context_length: The context that was asked for.
        n_gpu_layers: Layers on the GPU (the output layer counts).
        n_layers: Layers there are, the output layer counted.
        max_context: Largest context that fits, None when unknown, 0 when none does.
        decode_tokens_per_second: Speed of the answer, None until measured or calibrated here.
        prefill_tokens_per_second: Speed of reading the prompt, None until measured or calibrated here.
        speed_source: What the speeds rest on.
        speed_runs: Runs on this machine, of any files, that a speed rests on; 0 where it rests on something else.
        speed_range: Slowest and fastest answer to expect, in tokens per second; None where nothing tells.
        prefill_range: Slowest and fastest reading of the prompt to expect; None where nothing tells.
        quant_type: Type of the file that a rough forecast is for, as file names tell; None of any other forecast.
    """

    verdict: Verdict
    placement: Placement
    reason: str
    method: FitMethod
    suggestion: str = ""
    architecture: str | None = None
    weights_bytes: int | None = None
    kv_cache_bytes: int | None = None
    recurrent_bytes: int | None = None
    compute_bytes: int | None = None
    total_bytes: int | None = None
    projector_bytes: int | None = None
    devices: tuple[DeviceMemory, ...] = ()
    context_length: int | None = None
    n_gpu_layers: int | None = None
    n_layers: int | None = None
    max_context: int | None = None
    decode_tokens_per_second: float | None = None
    prefill_tokens_per_second: float | None = None
    speed_source: SpeedSource = SpeedSource.UNKNOWN
    speed_runs: int = 0
    speed_range: tuple[float, float] | None = None
    prefill_range: tuple[float, float] | None = None
    quant_type: str | None = None

    @property
    def need_bytes(self) -> int | None:
        """What it needs on all devices, with what lies beside the buffers; of rough figures the sum of the parts."""
        return sum(device.need_bytes for device in self.devices) if self.devices else self.total_bytes

    def need_of(self, kind: MemoryKind) -> int:
        """What it needs of one kind of memory."""
        return sum(device.need_bytes for device in self.devices if device.kind == kind)

    @property
    def speed_is_measured(self) -> bool:
        """Whether the speeds come from own runs of this very file."""
        return self.speed_source is SpeedSource.MEASURED

    @property
    def speed_mark(self) -> str:
        """What stands before the figure: ``≤`` for a bound, ``≈`` for a forecast, nothing for what was measured."""
        if self.speed_source is SpeedSource.ELSEWHERE:
            return "≤"
        return "" if self.speed_is_measured else "≈"

    @property
    def speed_basis(self) -> str:
        """What the speed of the answer rests on, in a few words; empty when it is unknown."""
        if self.decode_tokens_per_second is None:
            return ""
        match self.speed_source:
            case SpeedSource.MEASURED:
                return "measured here"
            case SpeedSource.ELSEWHERE:
                return "by the published speed of its memory"
            case SpeedSource.TWIN:
                basis = "measured on a sliced twin"
            case SpeedSource.CALIBRATED:
                basis = "calibrated here"
            case _:
                basis = "from one run here" if self.speed_runs == 1 else f"from {self.speed_runs} runs here"
        low, high = self.speed_range or (0.0, 0.0)
        # Runs beside other programs are slower; where they disagree, one number would promise too much.
        return f"{basis}, between {format_rate(low)} and {format_rate(high)}" if high > 1.1 * low else basis
