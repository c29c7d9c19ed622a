"""Which models a machine is measured with, and what their times say of it. Pure: timing is done elsewhere.

Every trial is explained by the same sums that forecasts are made of (``calibrated_speed``), so that what is left
unexplained is what the trial was made for.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from garden.core.calibration import CacheSpeed, DeviceSpeed, SpeedDevice, TypeSpeed
from garden.core.quantity import MIB
from garden.core.run_configuration import KV_TYPES, LoadParameters
from garden.fit.calibrated_speed import (
    CLOSE_ROW,
    HALF_ROW,
    NARROW_HEAD,
    WIDE_HEAD,
    WIDE_ROW,
    decode_seconds,
    prefill_seconds,
    total,
)
from garden.fit.work import BlockWork, work_of
from garden.gguf.made_up_model import Experts, MadeUpModel
from garden.gguf.tensor_type import TYPES_BY_NAME

#: Weights that are read for a token lie in memory, not in a cache: so many bytes at least, and so many caches full.
_LEAST_BYTES, _MOST_BYTES, _CACHES = 128 * MIB, 400 * MIB, 3

#: The most usual first: what is not measured in time is left out.
TYPES = (
    "Q4_0", "Q4_K", "Q6_K", "Q8_0", "F16", "Q4_1", "Q5_K", "Q3_K", "IQ4_XS", "BF16", "Q5_0", "MXFP4", "Q2_K", "IQ4_NL",
    "IQ3_S", "IQ3_XXS", "IQ2_S", "IQ2_XXS", "Q5_1", "F32", "IQ2_XS", "IQ1_S", "IQ1_M", "TQ2_0",
)  # fmt: skip

#: So many of them are in nearly every file, that of the starter model among them.
USUAL_TYPES = 9

#: Types of the cache; other quantized ones count as the last.
CACHE_TYPES = ("f16", "q8_0")

#: Tokens of a prompt that matrices are timed with: enough that unpacking them no longer counts.
PROMPT_TOKENS = 128

#: Depths that tell what attention costs, and the prompt that tells it of prompts.
DEPTHS = (128, 1_152)
LONG_PROMPT_TOKENS = 512

_SMALL = MadeUpModel(width=256, feed_forward=512, heads=4, kv_heads=2, blocks=4, vocabulary=256, weights="Q4_0")
#: What a token costs beside its blocks is what is left of a small model. What a block costs beside its matrices is told
#: by one with many, of real width: threads that work for long at a time wait for each other for longer.
SHALLOW = _SMALL
DEEP = MadeUpModel(width=768, feed_forward=2048, heads=12, kv_heads=4, blocks=28, vocabulary=256, weights="Q4_0")

#: Its choice of a token is timed.
MANY_WORDS = dataclasses.replace(_SMALL, blocks=1, vocabulary=131_072)

#: As many values in twice as many heads; rows of both caches are narrow, so that heads read what lies close.
WIDE_HEADS = MadeUpModel(
    width=1024, feed_forward=256, heads=8, kv_heads=CLOSE_ROW // WIDE_HEAD, blocks=2, vocabulary=256, weights="Q4_0"
)
NARROW_HEADS = dataclasses.replace(WIDE_HEADS, heads=16, kv_heads=CLOSE_ROW // NARROW_HEAD)
#: The same heads with wide rows, in caches that fill the processor's own and more, as those of real models do.
IN_ROWS = (
    dataclasses.replace(WIDE_HEADS, kv_heads=WIDE_ROW // WIDE_HEAD, blocks=8),
    dataclasses.replace(WIDE_HEADS, kv_heads=HALF_ROW // WIDE_HEAD, blocks=8),
    dataclasses.replace(NARROW_HEADS, kv_heads=WIDE_ROW // NARROW_HEAD, blocks=8),
    dataclasses.replace(NARROW_HEADS, kv_heads=HALF_ROW // NARROW_HEAD, blocks=8),
)

#: Matrices of experts are gathered first, and each reads few of a prompt's tokens: 32 of 128, as real ones of a batch.
WITH_EXPERTS = MadeUpModel(
    width=1024,
    feed_forward=2048,
    heads=8,
    kv_heads=2,
    blocks=4,
    vocabulary=256,
    weights="Q4_K",
    experts=Experts(count=32, used=8, width=512),
)
EXPERTS_TYPE = "Q4_K"

#: Its states take most of its time.
WITH_STATE = MadeUpModel(
    width=512, feed_forward=0, heads=1, kv_heads=1, blocks=6, vocabulary=256, weights="Q4_0", state=16
)

#: Whatever noise says, experts cost neither nothing nor ten times as much.
_FACTORS = (0.5, 4.0)

#: Forecast and timed, to see how far forecasts are off: mixtures in shapes between those that were measured.
CHECKS = (
    MadeUpModel(
        width=768, feed_forward=2048, heads=12, kv_heads=4, blocks=12, vocabulary=32_768,
        weights="Q4_K", ffn_down="Q6_K", output="Q6_K",
    ),
    MadeUpModel(width=1536, feed_forward=4096, heads=12, kv_heads=2, blocks=4, vocabulary=32_768, weights="Q8_0"),
    MadeUpModel(
        width=3072, feed_forward=8192, heads=24, kv_heads=8, blocks=2, vocabulary=16_384,
        weights="Q4_0", output="Q6_K",
    ),
)  # fmt: skip

#: Taken where there was no time to check.
UNCHECKED_ERROR = 0.2

#: Enough to tell parts of a time apart to less than a thousandth.
_TURNS = 6

#: Times are differences of measured ones; noise must not make one of them nothing.
_LEAST = 1e-15


def narrow(kind: str) -> MadeUpModel:
    """A model whose matrices are narrow."""
    return MadeUpModel(width=512, feed_forward=1536, heads=8, kv_heads=2, blocks=6, vocabulary=256, weights=kind)


def wide(kind: str, cache_bytes: int = 0) -> MadeUpModel:
    """A model whose matrices are wide, the last ones so much that its weights lie in no cache.

    Prompts are not slower for it: behind attention the last block goes on with one row only.

    Args:
        kind: Type of its weights.
        cache_bytes: Size of the processor's last cache, 0 when unknown.
    """
    model = MadeUpModel(width=2048, feed_forward=5632, heads=16, kv_heads=4, blocks=2, vocabulary=256, weights=kind)
    read = sum(matrices.bytes for matrices in total(_blocks(model)).values())
    missing = min(max(_LEAST_BYTES, _CACHES * cache_bytes), _MOST_BYTES) - read
    column_bytes = 3 * TYPES_BY_NAME[kind].size_of(model.width)
    return dataclasses.replace(
        model, last_feed_forward=model.feed_forward + max(0, math.ceil(missing / column_bytes / 256)) * 256
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """What one model took.

    Attributes:
        token_seconds: Per token of an answer, by the depth of the cache.
        prompt_seconds: For a prompt into an empty cache, by its tokens.
    """

    token_seconds: Mapping[int, float] = field(default_factory=dict)
    prompt_seconds: Mapping[int, float] = field(default_factory=dict)


def measured_speed(
    device: SpeedDevice,
    name: str,
    *,
    shallow: Times,
    deep: Times,
    attention: Mapping[str, Sequence[Times]],
    types: Mapping[str, tuple[MadeUpModel, Times, Times]],
    experts: Times | None = None,
    state: Times | None = None,
) -> DeviceSpeed:
    """Speed of a device.

    Args:
        device: Which one.
        name: For people.
        shallow: Times of SHALLOW.
        deep: Times of DEEP.
        attention: By type of the cache: times of WIDE_HEADS, NARROW_HEADS and IN_ROWS.
        types: By type of weights: the wide model, its times, and those of the narrow one. ``Q4_0`` is among them.
        experts: Times of WITH_EXPERTS; None where EXPERTS_TYPE was not measured.
        state: Times of WITH_STATE; None where it was not measured.
    """
    speed = DeviceSpeed(device=device, name=name, token_seconds=0.0, layer_seconds=0.0)
    # What a block costs beside its matrices, what those cost, and what attention does, are told apart by going around.
    for _ in range(_TURNS):
        caches = {kind: _cache_speed(speed, kind, *times) for kind, times in attention.items()}
        speed = dataclasses.replace(speed, caches=caches)
        speed = dataclasses.replace(speed, types=_types(speed, {"Q4_0": types["Q4_0"]}))
        speed = _with_overheads(speed, shallow, deep)
    speed = dataclasses.replace(speed, types=_types(speed, types))
    if experts is not None and EXPERTS_TYPE in types:
        speed = _with_experts(speed, experts)
    return speed if state is None else _with_state(speed, state)


def _with_state(speed: DeviceSpeed, times: Times) -> DeviceSpeed:
    blocks = _blocks(WITH_STATE)
    values = sum(block.scanned_values for block in blocks)
    ((depth, seconds),) = times.token_seconds.items()
    ((tokens, taken),) = times.prompt_seconds.items()
    rest = speed.token_seconds + (decode_seconds(blocks, speed, _load("f16"), depth) or 0.0)
    prompt_rest = prefill_seconds(blocks, speed, _load("f16"), tokens) or 0.0
    return dataclasses.replace(
        speed,
        scan_seconds=max(seconds - rest, 0.0) / values,
        prompt_scan_seconds=max(taken - prompt_rest, 0.0) / values / tokens,
    )


def _with_experts(speed: DeviceSpeed, times: Times) -> DeviceSpeed:
    blocks = _blocks(WITH_EXPERTS)
    free = dataclasses.replace(speed, expert_token_factor=0.0, expert_prompt_factor=0.0)
    ((depth, seconds),) = times.token_seconds.items()
    ((tokens, taken),) = times.prompt_seconds.items()
    whole, rest = (decode_seconds(blocks, one, _load("f16"), depth) or 0.0 for one in (speed, free))
    token_factor = (seconds - speed.token_seconds - rest) / max(whole - rest, _LEAST)
    whole, rest = (prefill_seconds(blocks, one, _load("f16"), tokens) or 0.0 for one in (speed, free))
    prompt_factor = (taken - rest) / max(whole - rest, _LEAST)
    low, high = _FACTORS
    return dataclasses.replace(
        speed,
        expert_token_factor=min(max(token_factor, low), high),
        expert_prompt_factor=min(max(prompt_factor, low), high),
    )


def with_errors(speed: DeviceSpeed, checks: Iterable[tuple[MadeUpModel, Times]]) -> DeviceSpeed:
    """The speed with how far its forecasts of these models were off; those with a type that is missing are left out."""
    decode, prefill = [], []
    for model, times in checks:
        blocks = _blocks(model)
        if any(kind not in speed.types for block in blocks for kind in (*block.matrices, *block.experts)):
            continue
        for depth, seconds in times.token_seconds.items():
            told = decode_seconds(blocks, speed, _load("f16"), depth)
            decode += [] if told is None else [math.log((told + speed.token_seconds) / seconds)]
        for tokens, seconds in times.prompt_seconds.items():
            told = prefill_seconds(blocks, speed, _load("f16"), tokens)
            prefill += [] if told is None else [math.log(told / seconds)]
    return dataclasses.replace(speed, decode_error=_deviation(decode), prefill_error=_deviation(prefill))


def _cache_speed(speed: DeviceSpeed, kind: str, in_wide: Times, in_narrow: Times, *in_rows: Times) -> CacheSpeed:
    """From what a deeper cache costs in each of these models, and a longer prompt in the first two."""
    wide_heads, narrow_heads = _depth_seconds(in_wide), _depth_seconds(in_narrow)
    heads, values, _read = _attention_work(WIDE_HEADS, kind)
    more_heads = _attention_work(NARROW_HEADS, kind)[0] - heads
    head_seconds = min(max((narrow_heads - wide_heads) / more_heads, 0.0), wide_heads / heads)
    value_seconds = (wide_heads - head_seconds * heads) / values

    def byte_seconds(model: MadeUpModel, times: Times) -> float:
        heads, values, read = _attention_work(model, kind)
        return max(_depth_seconds(times) - heads * head_seconds - values * value_seconds, 0.0) / read

    wide, half, narrow_wide, narrow_half = map(byte_seconds, IN_ROWS, in_rows)
    of_wide, of_narrow = _pair_seconds(speed, WIDE_HEADS, in_wide), _pair_seconds(speed, NARROW_HEADS, in_narrow)
    prompt_head_seconds = min(max((of_narrow - of_wide) / more_heads, 0.0), of_wide / heads)
    return CacheSpeed(
        head_seconds=head_seconds,
        value_seconds=value_seconds,
        byte_seconds=wide,
        half_byte_seconds=half,
        narrow_byte_seconds=narrow_wide,
        narrow_half_byte_seconds=narrow_half,
        prompt_head_seconds=prompt_head_seconds,
        prompt_value_seconds=(of_wide - prompt_head_seconds * heads) / values,
    )


def _depth_seconds(times: Times) -> float:
    """What one more token in the cache costs."""
    near, far = DEPTHS
    return max((times.token_seconds[far] - times.token_seconds[near]) / (far - near), _LEAST)


def _pair_seconds(speed: DeviceSpeed, model: MadeUpModel, times: Times) -> float:
    """What each pair of tokens of a prompt costs: matrices take as much for each token, pairs grow with the square."""
    short, long = PROMPT_TOKENS, LONG_PROMPT_TOKENS
    # What a batch takes however long it is.
    types = {kind: dataclasses.replace(one, operation_seconds=0, value_seconds=0) for kind, one in speed.types.items()}
    fixed = prefill_seconds(_blocks(model), dataclasses.replace(speed, types=types, caches={}), _load("f16"), short)
    of_short, of_long = (times.prompt_seconds[tokens] - (fixed or 0.0) for tokens in (short, long))
    more = of_long - of_short * long / short
    return max(more / (long * (long + 1) / 2 - long / short * short * (short + 1) / 2), 0.0)


def _attention_work(model: MadeUpModel, kind: str) -> tuple[int, int, float]:
    """Query heads, their values, and bytes of the cache, per token in it."""
    blocks = _blocks(model)
    return (
        sum(block.heads for block in blocks),
        sum(block.head_values for block in blocks),
        sum(block.k_values + block.v_values for block in blocks) * KV_TYPES[kind],
    )


def _types(speed: DeviceSpeed, measured: Mapping[str, tuple[MadeUpModel, Times, Times]]) -> dict[str, TypeSpeed]:
    return {
        kind: _type_speed(speed, kind, model, of_wide, of_narrow)
        for kind, (model, of_wide, of_narrow) in measured.items()
    }


def _type_speed(speed: DeviceSpeed, kind: str, model: MadeUpModel, of_wide: Times, of_narrow: Times) -> TypeSpeed:
    blocks = _blocks(model)
    free = dataclasses.replace(speed, types={kind: TypeSpeed(byte_seconds=0.0, operation_seconds=0.0)})
    ((depth, seconds),) = of_wide.token_seconds.items()
    rest = seconds - speed.token_seconds - (decode_seconds(blocks, free, _load("f16"), depth) or 0.0)
    byte_seconds = max(rest / total(blocks)[kind].bytes, _LEAST)
    known = dataclasses.replace(speed, types={kind: TypeSpeed(byte_seconds=byte_seconds, operation_seconds=0.0)})
    rows: list[tuple[float, float, float]] = []
    for shape, times in ((model, of_wide), (narrow(kind), of_narrow)):
        ((tokens, taken),) = times.prompt_seconds.items()
        parts = _blocks(shape)
        sums = total(parts)[kind]
        left = taken - (prefill_seconds(parts, known, _load("f16"), tokens) or 0.0)
        rows.append((sums.prompt_operations * tokens, sums.prompt_values * tokens, left))
    operation_seconds, value_seconds = _solved(rows[0], rows[1])
    return TypeSpeed(byte_seconds=byte_seconds, operation_seconds=operation_seconds, value_seconds=value_seconds)


def _solved(wide_row: tuple[float, float, float], narrow_row: tuple[float, float, float]) -> tuple[float, float]:
    """Time per operation and per value from two sums; where values would cost less than nothing, nothing."""
    (a, b, s), (c, d, t) = wide_row, narrow_row
    determinant = a * d - b * c
    per_value = (a * t - c * s) / determinant if determinant else 0.0
    # The wide model is what most models are like, so that its time stays explained.
    per_value = min(max(per_value, 0.0), 0.5 * s / b if s > 0 else 0.0)
    return max((s - b * per_value) / a, _LEAST), per_value


def _with_overheads(speed: DeviceSpeed, shallow: Times, deep: Times) -> DeviceSpeed:
    free = dataclasses.replace(speed, layer_seconds=0.0)
    left = []
    for model, times in ((SHALLOW, shallow), (DEEP, deep)):
        ((depth, seconds),) = times.token_seconds.items()
        left.append(seconds - (decode_seconds(_blocks(model), free, _load("f16"), depth) or 0.0))
    layer_seconds = max((left[1] - left[0]) / (DEEP.blocks - SHALLOW.blocks), 0.0)
    return dataclasses.replace(
        speed, layer_seconds=layer_seconds, token_seconds=max(left[0] - SHALLOW.blocks * layer_seconds, 0.0)
    )


def _blocks(model: MadeUpModel) -> tuple[BlockWork, ...]:
    work = work_of(model.header())
    return (*work.blocks, work.output)


def _load(cache: str) -> LoadParameters:
    return LoadParameters(type_k=cache, type_v=cache, context_length=8_192)


def _deviation(logs: Sequence[float]) -> float:
    """Root of the mean square: a forecast that is always off by the same is no better for it."""
    return math.sqrt(sum(log * log for log in logs) / len(logs)) if logs else UNCHECKED_ERROR
