"""What this machine can run: the largest dense model against the context, found by asking the estimator.

Between two published models of one family the shape is interpolated, so that every size has layers, widths and a cache
that a model of that size would have. The boundaries are then what the estimator says, not a formula of their own.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from garden.core.fit_forecast import Placement, Verdict
from garden.core.hardware_snapshot import HardwareSnapshot
from garden.core.quantity import format_parameters, format_tokens
from garden.core.run_configuration import AUTO_GPU_LAYERS, LoadParameters
from garden.fit.estimator import forecast, usable_gpus
from garden.fit.published_model import PublishedModel

#: Dense models with eight KV heads of 128, the smallest first: one family of shapes, from 0.6B to 405B.
_FAMILY = (
    "Qwen/Qwen3-0.6B",
    "Qwen/Qwen3-4B-Instruct-2507",
    "Qwen/Qwen3-8B",
    "Qwen/Qwen3-14B",
    "Qwen/Qwen3-32B",
    "meta-llama/Llama-3.3-70B-Instruct",
    "meta-llama/Llama-3.1-405B-Instruct",
)
_HEADS_KV, _HEAD_WIDTH, _VOCABULARY = 8, 128, 151_936
#: Models of the family share embedding and output below this many parameters.
_TIED_BELOW = 5e9

#: Contexts at which the boundaries are computed: 2k to 128k, four to the octave.
CONTEXTS = tuple(round(2_048 * 2 ** (step / 4)) for step in range(25))

#: Sizes that are looked at, log2 of parameters, and how fine.
_SMALLEST, _LARGEST, _STEP = math.log2(30e6), math.log2(1e12), 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPoint:
    """The boundaries at one context.

    Attributes:
        context_length: Tokens.
        on_gpu: Parameters of the largest model that runs on the GPU entirely, 0 when none does.
        at_all: Parameters of the largest model that runs, 0 when none does.
    """

    context_length: int
    on_gpu: float
    at_all: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RunMap:
    """The boundaries of one machine, type and cache.

    Attributes:
        quant_type: Type of the weights.
        kv_type: Type of the KV cache.
        has_gpu: Whether the engine has a GPU here.
        points: From the shortest context to the longest.
    """

    quant_type: str
    kv_type: str
    has_gpu: bool
    points: tuple[RunPoint, ...]

    def at(self, context_length: int) -> RunPoint:
        """The point nearest to a context."""
        return min(self.points, key=lambda point: abs(math.log2(point.context_length / context_length)))

    def sentence(self, context_length: int) -> str:
        """``At 16k: up to 9.3B on the GPU, 45.1B split over GPU and RAM``."""
        point = self.at(context_length)
        largest = f"up to {format_parameters(round(point.at_all))}"
        if not point.at_all:
            says = "no model fits"
        elif not self.has_gpu:
            says = f"{largest} on the CPU"
        elif point.at_all <= point.on_gpu * 1.02:
            says = f"{largest} on the GPU"
        elif not point.on_gpu:
            says = f"{largest}, split over GPU and RAM"
        else:
            on_gpu = format_parameters(round(point.on_gpu))
            says = f"up to {on_gpu} on the GPU, {format_parameters(round(point.at_all))} split over GPU and RAM"
        return f"At {format_tokens(context_length)}: {says}"


class DenseFamily:
    """Shapes of dense models of any size.

    Args:
        models: Published models; those of the family are taken.
    """

    def __init__(self, models: Sequence[PublishedModel]) -> None:
        by_repo = {model.repo_id: model for model in models}
        known = sorted((by_repo[repo] for repo in _FAMILY if repo in by_repo), key=lambda model: model.parameters)
        self._sizes = [math.log2(model.parameters) for model in known]
        self._shapes = {
            key: [math.log2(_number(model, key)) for model in known]
            for key in ("block_count", "embedding_length", "feed_forward_length")
        }

    def model(self, parameters: float) -> PublishedModel:
        """A model of this many parameters, as one of the family would be made."""
        size = math.log2(parameters)
        layers = self._interpolated("block_count", size)
        blocks = max(1, round(layers))
        width = max(256, 2 * round(self._interpolated("embedding_length", size) / 2))
        # The cache follows the size evenly, not in steps of whole layers.
        head = max(1, round(_HEAD_WIDTH * layers / blocks))
        shape = {
            "block_count": blocks,
            "embedding_length": width,
            "feed_forward_length": round(self._interpolated("feed_forward_length", size)),
            "vocab_size": _VOCABULARY,
            "context_length": CONTEXTS[-1],
            "attention.head_count": max(1, round(width / _HEAD_WIDTH)),
            "attention.head_count_kv": _HEADS_KV,
            "attention.key_length": head,
            "attention.value_length": head,
        }
        return PublishedModel(
            name="",
            repo_id="",
            license="",
            parameters=round(parameters),
            active_parameters=None,
            architecture="qwen3",
            context_length=CONTEXTS[-1],
            shape={f"qwen3.{key}": value for key, value in shape.items()},
            tied_embeddings=parameters < _TIED_BELOW,
        )

    def _interpolated(self, key: str, size: float) -> float:
        """Straight between neighbours on logarithmic scales, and on beyond the first and the last."""
        place = min(max(bisect.bisect(self._sizes, size), 1), len(self._sizes) - 1)
        left, right = self._sizes[place - 1], self._sizes[place]
        low, high = self._shapes[key][place - 1], self._shapes[key][place]
        return float(2 ** (low + (high - low) * (size - left) / (right - left)))


def run_map(models: Sequence[PublishedModel], machine: HardwareSnapshot, quant_type: str, kv_type: str) -> RunMap:
    """Ask the estimator for the boundaries of a machine; takes a few hundred forecasts, about 0.3 s.

    Args:
        models: The catalogue.
        machine: What there is.
        quant_type: Type of the weights.
        kv_type: Type of both caches.
    """
    family = DenseFamily(models)
    has_gpu = bool(usable_gpus(machine))
    points: list[RunPoint] = []
    on_gpu, at_all = _LARGEST, _LARGEST
    for context_length in CONTEXTS:
        load = LoadParameters(
            context_length=context_length, type_k=kv_type, type_v=kv_type, n_gpu_layers=AUTO_GPU_LAYERS
        )

        def runs(size: float, wanted: tuple[Placement, ...], load: LoadParameters = load) -> bool:
            found = forecast(family.model(2**size).header(quant_type), load, machine)
            return found.verdict in (Verdict.FITS, Verdict.TIGHT) and found.placement in wanted

        # A longer context never lets a larger model run: the last boundary is where the search begins.
        at_all = _boundary(lambda size: runs(size, tuple(Placement)), at_all)
        on_gpu = _boundary(lambda size: runs(size, (Placement.GPU,)), min(on_gpu, at_all)) if has_gpu else _SMALLEST
        points.append(RunPoint(context_length=context_length, on_gpu=_parameters(on_gpu), at_all=_parameters(at_all)))
    return RunMap(quant_type=quant_type, kv_type=kv_type, has_gpu=has_gpu, points=tuple(points))


def _boundary(runs: Callable[[float], bool], highest: float) -> float:
    """The largest size that runs, at most ``highest``; the smallest size when none does."""
    if highest <= _SMALLEST or runs(highest):
        return highest
    stride = 0.125
    low = highest - stride
    while low > _SMALLEST and not runs(low):
        highest, stride = low, stride * 2
        low = highest - stride
    if low <= _SMALLEST:
        low = _SMALLEST
        if not runs(low):
            return low
    while highest - low > _STEP:
        middle = (low + highest) / 2
        if runs(middle):
            low = middle
        else:
            highest = middle
    return low


def _parameters(size: float) -> float:
    return 0.0 if size <= _SMALLEST else float(2**size)


def _number(model: PublishedModel, key: str) -> int:
    value = model.shape.get(f"{model.architecture}.{key}", 1)
    return value if isinstance(value, int) else 1
