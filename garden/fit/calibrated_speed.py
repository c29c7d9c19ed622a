"""Speed of a model from what this machine showed on models that nobody trained.

A token takes ``t0 + blocks · tb + Σ (bytes of each type · its time per byte + rows · its time per row) + attention``
over the cache. Between types the time per byte differs tenfold, so that one bandwidth for all files is off by far more.
The time per row is what the engine's kernels spend on beginning and ending one: with two threads of an AMD EPYC (Zen 4)
matrices of Q3_K, Q5_K, Q6_K and IQ4_XS that are 512 wide are read at two thirds of the speed of ones that are 2,048
wide, and those of Q4_0, whose rows the engine takes by eights, at nearly the same.
``tb`` is what a block's operations wait for each other and do beside matrices, ``t0`` what is left of a token. Choosing
one is counted per entry of the vocabulary: 0.08 ms of 49,000 and 0.22 ms of 152,000 with the usual samplers. A pane
takes no longer than the same steps alone, so that nothing is added for it.

A prompt takes ``blocks · tb + Σ operations of each type · its time + values in and out · their time + attention``:
narrow matrices compute more slowly, by up to a third, and differently for each type; those of experts have kernels of
their own, with a time of their own per operation.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from garden.core.calibration import CacheSpeed, Calibration, DeviceSpeed, SpeedDevice, TypeSpeed
from garden.core.fit_forecast import FitForecast, Placement, SpeedSource
from garden.core.run_configuration import KV_TYPES, LoadParameters
from garden.fit.kv_cache import ubatch_of
from garden.fit.work import BlockWork, Matrices, Work, work_of
from garden.gguf.header import GgufHeader
from garden.gguf.tensor_type import TYPES_BY_NAME

#: Speeds are stated for an answer in the middle of a chat and for a prompt of one batch.
DEPTH_TOKENS = 1_024
PROMPT_TOKENS = 512

#: Values of K that one token has in a cache where heads read what lies close, and in ones where it lies further apart.
CLOSE_ROW, HALF_ROW, WIDE_ROW = 256, 512, 1_024

#: Sizes of heads that are measured.
NARROW_HEAD, WIDE_HEAD = 64, 128

#: Tokens of a prompt, and of the cache, that the processor's attention takes at a time, where the cache is of these.
_TILE = 64
_TILED_CACHES = ("f16", "f32")

#: What a calibration's own checks say is too good: over twenty real and made-up models with two threads, and twelve
#: drawn at random, forecasts had standard deviations (``tests.benchmarks.bench_speed``) of 0.10 for answers and 0.13
#: for prompts while the machine was quiet, and of up to these while its neighbours were not.
_LEAST_DECODE_ERROR, _LEAST_PREFILL_ERROR = 0.16, 0.15

#: Other programs that were busy make a forecast so much worse: times are shorter once they rest.
_ERROR_PER_BUSY_SHARE = 0.5

#: Types that were not measured make it so much worse, by their share of what is read.
_ERROR_PER_UNMEASURED_SHARE = 0.4

#: So many standard deviations to each side make the interval.
_DEVIATIONS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeedForecast:
    """Tokens per second.

    Attributes:
        decode: Of the answer.
        decode_range: Slowest and fastest to expect.
        prefill: Of the prompt; None where it was not measured.
        prefill_range: Slowest and fastest to expect.
    """

    decode: float
    decode_range: tuple[float, float]
    prefill: float | None = None
    prefill_range: tuple[float, float] | None = None


def speed_of(
    work: Work,
    calibration: Calibration,
    load: LoadParameters,
    *,
    gpu_layers: int = 0,
    of_layers: int = 0,
    depth: int = DEPTH_TOKENS,
    prompt_tokens: int = PROMPT_TOKENS,
) -> SpeedForecast | None:
    """Forecast a model.

    Args:
        work: What it makes the machine do.
        calibration: What the machine showed; with the same threads.
        load: How it is loaded: cache types, context, micro-batch.
        gpu_layers: Layers on the GPU; the output layer goes first.
        of_layers: Layers there are, the output layer counted.
        depth: Tokens in the cache while it answers.
        prompt_tokens: Of the prompt.

    Returns:
        None when a device that takes part was not measured.
    """
    depth = min(depth, max(1, load.context_length - 1))
    parts = shares(work, gpu_layers, of_layers)
    busy = _ERROR_PER_BUSY_SHARE * (calibration.busy_share or 0.0)
    seconds, errors = calibration.logit_seconds * work.vocabulary, []
    for device, blocks in parts.items():
        speed = calibration.on(device)
        spent = None if speed is None else decode_seconds(blocks, speed, load, depth)
        if speed is None or spent is None:
            return None
        seconds += spent + speed.token_seconds
        guessed = _ERROR_PER_UNMEASURED_SHARE * _unmeasured_share(blocks, speed)
        disturbed = math.hypot(busy, speed.unrest)
        errors.append(math.hypot(max(speed.decode_error, _LEAST_DECODE_ERROR), disturbed, guessed))
    if seconds <= 0:
        return None
    decode = 1 / seconds
    prefill, prefill_range = None, None
    if len(parts) == 1:
        # In a split the engine copies weights to the GPU for each batch, at a speed that nobody measured.
        (device,) = parts
        speed = calibration.on(device)
        assert speed is not None
        prompt_tokens = min(prompt_tokens, load.context_length)
        spent = prefill_seconds(parts[device], speed, load, prompt_tokens)
        if spent:
            prefill = prompt_tokens / spent
            error = math.hypot(max(speed.prefill_error, _LEAST_PREFILL_ERROR), disturbed, guessed)
            prefill_range = _range(prefill, error)
    return SpeedForecast(
        decode=decode, decode_range=_range(decode, max(errors)), prefill=prefill, prefill_range=prefill_range
    )


def with_calibrated_speed(
    forecast: FitForecast, header: GgufHeader, load: LoadParameters, calibration: Calibration
) -> FitForecast:
    """The forecast with the speed that a calibration tells of it; as it is where nothing runs or too little is known.

    Args:
        forecast: Of this header and load.
        header: Of the file.
        load: How it would be loaded.
        calibration: Holds for the load.
    """
    if forecast.placement is Placement.NONE or not forecast.n_layers:
        return forecast
    found = speed_of(
        work_of(header, load.tensor_placement),
        calibration,
        load,
        gpu_layers=forecast.n_gpu_layers or 0,
        of_layers=forecast.n_layers,
    )
    if found is None:
        return forecast
    return dataclasses.replace(
        forecast,
        decode_tokens_per_second=found.decode,
        prefill_tokens_per_second=found.prefill,
        speed_source=SpeedSource.CALIBRATED,
        speed_runs=0,
        speed_range=found.decode_range,
        prefill_range=found.prefill_range,
    )


def shares(work: Work, gpu_layers: int, of_layers: int) -> dict[SpeedDevice, list[BlockWork]]:
    """What runs where."""
    first = max(0, (of_layers or len(work.blocks) + 1) - gpu_layers)
    parts: dict[SpeedDevice, list[BlockWork]] = {"cpu": [], "gpu": []}
    for number, block in enumerate((*work.blocks, work.output)):
        # The output layer counts as the last, behind blocks that do not run.
        on_gpu = gpu_layers > 0 and (number >= first or number == len(work.blocks))
        parts["gpu" if on_gpu else "cpu"].append(dataclasses.replace(block, placed=None) if block.placed else block)
        if block.placed:
            parts["cpu"].append(block.placed)
    return {device: blocks for device, blocks in parts.items() if blocks}


def decode_seconds(blocks: Sequence[BlockWork], speed: DeviceSpeed, load: LoadParameters, depth: int) -> float | None:
    """Time of these blocks for one token of an answer; None when a type was not measured."""
    seconds = 0.0
    cache = _Caches(speed, load)
    for block in blocks:
        for matrices, factor in ((block.matrices, 1.0), (block.experts, speed.expert_token_factor)):
            for kind, sums in matrices.items():
                one = type_speed(speed, kind)
                if one is None:
                    return None
                seconds += matrix_seconds(sums, one) * factor
        if block.head_values or block.state_values:
            seconds += speed.layer_seconds
        if block.head_values:
            seconds += cache.token_seconds(block, depth)
        if block.state_values and (plain := type_speed(speed, "F32")):
            # Read and written.
            seconds += 8 * block.state_values * plain.byte_seconds
        seconds += block.scanned_values * speed.scan_seconds
    return seconds


def prefill_seconds(blocks: Sequence[BlockWork], speed: DeviceSpeed, load: LoadParameters, tokens: int) -> float | None:
    """Time of these blocks for a prompt read into an empty cache; None when a type was not measured."""
    batches = math.ceil(tokens / ubatch_of(load))
    seconds = batches * speed.token_seconds
    cache = _Caches(speed, load)
    for block in blocks:
        for matrices, is_experts in ((block.matrices, False), (block.experts, True)):
            for kind, sums in matrices.items():
                one = type_speed(speed, kind)
                if one is None:
                    return None
                computed = _computed_seconds(sums, one, is_experts) * tokens
                # What goes on with the last row alone costs what it costs in an answer.
                alone = 1 - sums.prompt_operations / sums.operations if sums.operations else 0.0
                factor = speed.expert_token_factor if is_experts else 1.0
                seconds += computed + batches * alone * matrix_seconds(sums, one) * factor
        if block.head_values or block.state_values:
            seconds += batches * speed.layer_seconds
        if block.head_values:
            seconds += cache.prompt_seconds(block, tokens)
        seconds += tokens * block.scanned_values * speed.prompt_scan_seconds
    return seconds


def _computed_seconds(sums: Matrices, one: TypeSpeed, is_experts: bool) -> float:
    """Time of matrices of one type for one token of a prompt.

    Those of experts have kernels of their own: each sees some of the tokens only, wherever they stand, and the engine
    multiplies rows one by one where it takes others in tiles (``forward_mul_mat_id`` in llama.cpp's
    ``ggml/src/ggml-cpu/repack.cpp``, ``ggml_compute_forward_mul_mat_id`` in ``ggml-cpu.c``). On two threads of a Zen 4
    that is a tenth slower for Q4_1 and three times as slow for F16, Q5_0 and BF16, alike in widths of 512 and 768.
    """
    if is_experts and one.expert_operation_seconds:
        return sums.prompt_operations * one.expert_operation_seconds
    return sums.prompt_operations * one.operation_seconds + sums.prompt_values * one.value_seconds


def matrix_seconds(sums: Matrices, one: TypeSpeed) -> float:
    """Time of matrices of one type for one token of an answer."""
    return sums.bytes * one.byte_seconds + sums.rows * one.row_seconds


class _Caches:
    """Attention with the cache types of a load; K and V count for half each of what does not depend on their bytes."""

    def __init__(self, speed: DeviceSpeed, load: LoadParameters) -> None:
        self._k, self._v = (_cache_speed(speed, kind) for kind in (load.type_k, load.type_v))
        self._k_bytes, self._v_bytes = KV_TYPES[load.type_k], KV_TYPES[load.type_v]
        self._speed, self._load = speed, load

    def token_seconds(self, block: BlockWork, depth: int) -> float:
        """Of one token with so many before it."""
        k, v = self._k, self._v
        heads = block.heads * (k.head_seconds + v.head_seconds) / 2
        values = block.head_values * (k.value_seconds + v.value_seconds) / 2
        size = block.head_values / (2 * block.heads)
        k_byte, v_byte = (_byte_seconds(cache, size, block.k_values) for cache in (k, v))
        read = block.k_values * self._k_bytes * k_byte + block.v_values * self._v_bytes * v_byte
        return (min(depth, block.window) if block.window else depth) * (heads + values + read)

    def prompt_seconds(self, block: BlockWork, tokens: int) -> float:
        """Of so many tokens, each of which sees those before it."""
        k, v = self._k, self._v
        pairs = prompt_pairs(tokens, self._speed, self._load, block.window)
        heads = block.heads * (k.prompt_head_seconds + v.prompt_head_seconds) / 2
        return pairs * (heads + block.head_values * (k.prompt_value_seconds + v.prompt_value_seconds) / 2)


def prompt_pairs(tokens: int, speed: DeviceSpeed, load: LoadParameters, window: int = 0) -> float:
    """Pairs of tokens of a prompt, one of which attends to the other or itself, that are computed.

    The processor's kernel takes 64 tokens of a prompt with 64 of the cache at a time, and leaves out only such tiles in
    which nobody attends to anybody (``ggml_compute_forward_flash_attn_ext_tiled`` in llama.cpp's
    ``ggml/src/ggml-cpu/ops.cpp``): for a prompt of 128 tokens it computes 1.5 times as many pairs as there are, for one
    of 350 1.4 times as many.

    Args:
        tokens: Of the prompt.
        speed: Of the device.
        load: Types of the cache, micro-batch.
        window: Tokens that are attended to at most; 0 for all.
    """
    in_tiles = speed.device == "cpu" and load.type_k == load.type_v and load.type_k in _TILED_CACHES
    if not in_tiles or load.flash_attention == "off" or min(tokens, ubatch_of(load)) < _TILE:
        return _seen_pairs(tokens, window)
    # A window begins within one tile and ends within another.
    tiles = math.ceil(window / _TILE) + 1 if window else 0
    return _TILE * _TILE * _seen_pairs(math.ceil(tokens / _TILE), tiles)


def _seen_pairs(count: int, window: int) -> float:
    seen = min(count, window) if window else count
    return seen * (seen + 1) / 2 + (count - seen) * seen


def _byte_seconds(cache: CacheSpeed, head_size: float, row_values: int) -> float:
    """Time per byte of the cache beyond what its values take, between the rows and heads that were measured.

    The engine keeps the heads of one token side by side and reads one head of all tokens: in wide rows it leaps from
    piece to piece, and the processor fetches less ahead. On a Zen 4 a head of 128 values takes 32 ns a token in rows of
    256 values and 135 ns in rows of 1,024; one of 64 values takes 20 ns in rows of 768 and 37 ns in rows of 1,024.
    """
    if row_values <= head_size:
        return 0.0
    narrow = _between_rows(row_values, cache.narrow_half_byte_seconds, cache.narrow_byte_seconds)
    wide = _between_rows(row_values, cache.half_byte_seconds, cache.byte_seconds)
    share = min(max((head_size - NARROW_HEAD) / (WIDE_HEAD - NARROW_HEAD), 0.0), 1.0)
    return narrow + share * (wide - narrow)


def _between_rows(row_values: int, half: float, wide: float) -> float:
    """Straight lines over the width of rows in doublings, from nothing where heads lie close."""
    doublings = min(max(math.log2(row_values / CLOSE_ROW), 0.0), 2.0)
    return half * doublings if doublings <= 1 else half + (wide - half) * (doublings - 1)


_FREE = CacheSpeed(
    head_seconds=0.0,
    value_seconds=0.0,
    byte_seconds=0.0,
    half_byte_seconds=0.0,
    narrow_byte_seconds=0.0,
    narrow_half_byte_seconds=0.0,
    prompt_head_seconds=0.0,
    prompt_value_seconds=0.0,
)


def _cache_speed(speed: DeviceSpeed, kind: str) -> CacheSpeed:
    """Of a type that was not measured, that of one that is packed like it."""
    like = "q8_0" if KV_TYPES[kind] < 2 else "f16"
    return speed.caches.get(kind) or speed.caches.get(like) or _FREE


def type_speed(speed: DeviceSpeed, kind: str) -> TypeSpeed | None:
    """Speed of a type; of one that was not measured, that of the most similar one, None where none was."""
    known = speed.types.get(kind)
    if known is not None or kind not in TYPES_BY_NAME or not speed.types:
        return known
    return speed.types[most_like(kind, speed.types)]


def most_like(kind: str, names: Iterable[str]) -> str:
    """Which of these types has kernels of the same make as another one, and about as many bits; itself if it can."""

    def distance(name: str) -> tuple[bool, bool, float]:
        return name != kind, _family(name) != _family(kind), abs(_bits(name) - _bits(kind))

    return min(names, key=distance)


def _unmeasured_share(blocks: Sequence[BlockWork], speed: DeviceSpeed) -> float:
    """Share of the bytes that are read whose type was not measured."""
    sums = [(kind, one.bytes) for part in (False, True) for kind, one in total(blocks, experts=part).items()]
    read = sum(size for _kind, size in sums)
    return sum(size for kind, size in sums if kind not in speed.types) / read if read else 0.0


def _family(kind: str) -> str:
    if kind.startswith("IQ") and kind != "IQ4_NL":
        # That one is packed like Q4_0, in blocks of 32 values, and has kernels of the same make.
        return "grid"
    if kind.endswith("_K"):
        return "k"
    return "plain" if kind in ("F32", "F16", "BF16") else "block"


def _bits(kind: str) -> float:
    found = TYPES_BY_NAME[kind]
    return 8 * found.block_bytes / found.block_size


def _range(speed: float, error: float) -> tuple[float, float]:
    factor = math.exp(_DEVIATIONS * error)
    return speed / factor, speed * factor


def total(blocks: Sequence[BlockWork], *, experts: bool = False) -> Mapping[str, Matrices]:
    """Matrices of all blocks by type: of experts, or the others."""
    sums: dict[str, Matrices] = {}
    for block in blocks:
        for kind, one in (block.experts if experts else block.matrices).items():
            sums[kind] = sums[kind] + one if kind in sums else one
    return sums
