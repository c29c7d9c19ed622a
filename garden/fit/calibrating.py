"""What the times of models that a machine is measured with say of it. Pure: timing is done elsewhere.

Every trial is explained by the same sums that forecasts are made of (``calibrated_speed``), so that what is left
unexplained is what the trial was made for.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from garden.core.calibration import CacheSpeed, DeviceSpeed, SpeedDevice, TypeSpeed
from garden.core.run_configuration import KV_TYPES, LoadParameters
from garden.fit.calibrated_speed import decode_seconds, most_like, prefill_seconds, prompt_pairs, total
from garden.fit.trial_models import (
    DEEP,
    DEPTHS,
    EXPERTS_TYPE,
    FLAT_BLOCKS,
    IN_ROWS,
    LONG_PROMPT_TOKENS,
    NARROW_HEADS,
    PROMPT_TOKENS,
    SHALLOW,
    WIDE_HEADS,
    WITH_STATE,
    blocks_of,
    flat,
    with_experts,
)
from garden.gguf.made_up_model import MadeUpModel

#: Whatever noise says, experts cost neither nothing nor ten times as much as other matrices.
_FACTORS = (0.5, 5.0)

#: Taken where there was no time to check.
UNCHECKED_ERROR = 0.2

#: Enough to tell parts of a time apart to less than a thousandth.
_TURNS = 6

#: Times are differences of measured ones; noise must not make one of them nothing.
_LEAST = 1e-15


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """What one model took.

    Attributes:
        token_seconds: Per token of an answer, by the depth of the cache.
        prompt_seconds: For a prompt into an empty cache, by its tokens.
        against_seconds: As ``token_seconds``, of the model whose steps it took turns with.
    """

    token_seconds: Mapping[int, float] = field(default_factory=dict)
    prompt_seconds: Mapping[int, float] = field(default_factory=dict)
    against_seconds: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeTrial:
    """What two models of one type took.

    Attributes:
        wide: The one with wide matrices.
        narrow: The one with narrow ones.
        of_wide: Its times.
        of_narrow: Likewise.
    """

    wide: MadeUpModel
    narrow: MadeUpModel
    of_wide: Times
    of_narrow: Times


def measured_speed(
    device: SpeedDevice,
    name: str,
    *,
    shallow: Times,
    deep: Times,
    attention: Mapping[str, Sequence[Times]],
    types: Mapping[str, TypeTrial],
    experts: Mapping[str, Times] | None = None,
    state: Times | None = None,
) -> DeviceSpeed:
    """Speed of a device.

    Args:
        device: Which one.
        name: For people.
        shallow: Times of SHALLOW.
        deep: Times of DEEP, and of its flat one.
        attention: By type of the cache: times of WIDE_HEADS, NARROW_HEADS and IN_ROWS.
        types: By type of weights; ``Q4_0`` is among them.
        experts: By type of weights: times of a prompt of ``with_experts``, and of an answer too for EXPERTS_TYPE. Types
            that are not among ``types`` say nothing.
        state: Times of WITH_STATE; None where it was not measured.
    """
    speed = DeviceSpeed(device=device, name=name, token_seconds=0.0, layer_seconds=0.0)
    # What a block costs beside its matrices, what those cost, and what attention does, are told apart by going around.
    for _ in range(_TURNS):
        caches = {kind: _cache_speed(speed, kind, *times) for kind, times in attention.items()}
        speed = dataclasses.replace(speed, caches=caches)
        speed = dataclasses.replace(speed, types=_types(speed, types))
        speed = _with_overheads(speed, shallow, deep)
    speed = dataclasses.replace(speed, types=_types(speed, types))
    known = {kind: times for kind, times in (experts or {}).items() if kind in types}
    if EXPERTS_TYPE in known:
        speed = _with_experts(speed, known[EXPERTS_TYPE])
    speed = _with_prompts_of_experts(speed, known)
    return speed if state is None else _with_state(speed, state)


def _with_state(speed: DeviceSpeed, times: Times) -> DeviceSpeed:
    blocks = blocks_of(WITH_STATE)
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
    blocks = blocks_of(with_experts(EXPERTS_TYPE))
    free = dataclasses.replace(speed, expert_token_factor=0.0)
    ((depth, seconds),) = times.token_seconds.items()
    whole, rest = (decode_seconds(blocks, one, _load("f16"), depth) or 0.0 for one in (speed, free))
    factor = (seconds - speed.token_seconds - rest) / max(whole - rest, _LEAST)
    low, high = _FACTORS
    return dataclasses.replace(speed, expert_token_factor=min(max(factor, low), high))


def _with_prompts_of_experts(speed: DeviceSpeed, experts: Mapping[str, Times]) -> DeviceSpeed:
    """With the prompts of experts per operation: of types without a time, in the ratio of the one most like them."""
    if not experts:
        return speed
    ratios = {kind: _expert_ratio(speed, kind, times) for kind, times in experts.items()}
    types = {
        kind: dataclasses.replace(
            one, expert_operation_seconds=ratios[most_like(kind, ratios)] * _dense_operation_seconds(kind, one)
        )
        for kind, one in speed.types.items()
    }
    return dataclasses.replace(speed, types=types)


def _expert_ratio(speed: DeviceSpeed, kind: str, times: Times) -> float:
    """How much longer an operation takes in a prompt than with other matrices of the type."""
    blocks, one = blocks_of(with_experts(kind)), speed.types[kind]
    free = dataclasses.replace(
        speed, types={**speed.types, kind: dataclasses.replace(one, expert_operation_seconds=_LEAST)}
    )
    ((tokens, taken),) = times.prompt_seconds.items()
    left = taken - (prefill_seconds(blocks, free, _load("f16"), tokens) or 0.0)
    each = left / tokens / total(blocks, experts=True)[kind].prompt_operations
    low, high = _FACTORS
    return min(max(each / _dense_operation_seconds(kind, one), low), high)


def _dense_operation_seconds(kind: str, one: TypeSpeed) -> float:
    """Time per operation that experts' matrices would take if they were like others, the values' part included."""
    sums = total(blocks_of(with_experts(kind)), experts=True)[kind]
    return one.operation_seconds + sums.prompt_values / sums.prompt_operations * one.value_seconds


def with_errors(speed: DeviceSpeed, checks: Iterable[tuple[MadeUpModel, Times]]) -> DeviceSpeed:
    """The speed with how far its forecasts of these models were off; those with a type that is missing are left out."""
    decode, prefill = [], []
    for model, times in checks:
        blocks = blocks_of(model)
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
    of_wide, of_narrow = (
        _pair_seconds(speed, kind, model, times) for model, times in ((WIDE_HEADS, in_wide), (NARROW_HEADS, in_narrow))
    )
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


def _pair_seconds(speed: DeviceSpeed, kind: str, model: MadeUpModel, times: Times) -> float:
    """What each pair of tokens of a prompt costs: matrices take as much for each token, pairs grow with the square."""
    short, long = PROMPT_TOKENS, LONG_PROMPT_TOKENS
    # What a batch takes however long it is.
    types = {kind: dataclasses.replace(one, operation_seconds=0, value_seconds=0) for kind, one in speed.types.items()}
    fixed = prefill_seconds(blocks_of(model), dataclasses.replace(speed, types=types, caches={}), _load("f16"), short)
    of_short, of_long = (times.prompt_seconds[tokens] - (fixed or 0.0) for tokens in (short, long))
    more = of_long - of_short * long / short
    of_many, of_few = (prompt_pairs(tokens, speed, _load(kind)) for tokens in (long, short))
    return max(more / (of_many - long / short * of_few), 0.0)


def _attention_work(model: MadeUpModel, kind: str) -> tuple[int, int, float]:
    """Query heads, their values, and bytes of the cache, per token in it."""
    blocks = blocks_of(model)
    return (
        sum(block.heads for block in blocks),
        sum(block.head_values for block in blocks),
        sum(block.k_values + block.v_values for block in blocks) * KV_TYPES[kind],
    )


def _types(speed: DeviceSpeed, measured: Mapping[str, TypeTrial]) -> dict[str, TypeSpeed]:
    rows = {kind: _token_rows(speed, kind, trial) for kind, trial in measured.items()}
    # Memory gives all types equally fast; where one seems to be read faster, it is noise in the narrow one's time.
    least = min(wide_row[2] / wide_row[0] for wide_row, _narrow_row in rows.values())
    return {kind: _type_speed(speed, kind, trial, rows[kind], least) for kind, trial in measured.items()}


def _token_rows(speed: DeviceSpeed, kind: str, trial: TypeTrial) -> list[tuple[float, float, float]]:
    """Bytes and rows that a token of an answer takes in both models, and what of its time is theirs."""
    free = dataclasses.replace(speed, types={kind: TypeSpeed(byte_seconds=0.0, operation_seconds=0.0)})
    found = []
    for model, times in ((trial.wide, trial.of_wide), (trial.narrow, trial.of_narrow)):
        blocks = blocks_of(model)
        sums = total(blocks)[kind]
        ((depth, seconds),) = times.token_seconds.items()
        rest = seconds - speed.token_seconds - (decode_seconds(blocks, free, _load("f16"), depth) or 0.0)
        found.append((sums.bytes, sums.rows, max(rest, _LEAST)))
    return found


def _type_speed(
    speed: DeviceSpeed, kind: str, trial: TypeTrial, token_rows: Sequence[tuple[float, float, float]], least: float
) -> TypeSpeed:
    byte_seconds, row_seconds = _byte_and_row_seconds(token_rows[0], token_rows[1], least)
    known = TypeSpeed(byte_seconds=byte_seconds, operation_seconds=0.0, row_seconds=row_seconds)
    free = dataclasses.replace(speed, types={kind: known})
    rows: list[tuple[float, float, float]] = []
    for shape, times in ((trial.wide, trial.of_wide), (trial.narrow, trial.of_narrow)):
        ((tokens, taken),) = times.prompt_seconds.items()
        parts = blocks_of(shape)
        sums = total(parts)[kind]
        left = taken - (prefill_seconds(parts, free, _load("f16"), tokens) or 0.0)
        rows.append((sums.prompt_operations * tokens, sums.prompt_values * tokens, left))
    operation_seconds, value_seconds = _solved(rows[0], rows[1])
    return dataclasses.replace(known, operation_seconds=operation_seconds, value_seconds=value_seconds)


def _byte_and_row_seconds(
    wide_row: tuple[float, float, float], narrow_row: tuple[float, float, float], least: float
) -> tuple[float, float]:
    """Time per byte, at least so much, and per row, from two sums."""
    (a, b, s), (c, d, t) = wide_row, narrow_row
    determinant = a * d - b * c
    byte_seconds = (d * s - b * t) / determinant if determinant else s / a
    # A narrow model that was faster for its bytes has no cost of rows; the wide one is like most models.
    byte_seconds = min(max(byte_seconds, least), s / a)
    # Where that leaves two times for one unknown, both are off by the same share.
    weights = b / s, d / t
    left = (s - a * byte_seconds) / s, (t - c * byte_seconds) / t
    row_seconds = sum(w * x for w, x in zip(weights, left, strict=True)) / sum(w * w for w in weights)
    return byte_seconds, max(row_seconds, 0.0)


def _solved(wide_row: tuple[float, float, float], narrow_row: tuple[float, float, float]) -> tuple[float, float]:
    """Time per operation and per value from two sums; where values would cost less than nothing, nothing."""
    (a, b, s), (c, d, t) = wide_row, narrow_row
    determinant = a * d - b * c
    per_value = (a * t - c * s) / determinant if determinant else 0.0
    # The wide model is what most models are like, so that its time stays explained.
    per_value = min(max(per_value, 0.0), 0.5 * s / b if s > 0 else 0.0)
    return max((s - b * per_value) / a, _LEAST), per_value


def _with_overheads(speed: DeviceSpeed, shallow: Times, deep: Times) -> DeviceSpeed:
    """What a block costs, and a token.

    A block's part is the difference of two models that read as many bytes, timed in turns: taken as what bytes leave of
    one model's time it would be a small difference of large times of different moments. On two threads of a Zen 4 the
    one came to 36…43 µs in four tries, the other to 0…15 µs, and a model of thirty blocks was forecast 0.7 ms too fast.
    """
    free = dataclasses.replace(speed, layer_seconds=0.0)

    def left(model: MadeUpModel, times: Mapping[int, float]) -> float:
        ((depth, seconds),) = times.items()
        return seconds - (decode_seconds(blocks_of(model), free, _load("f16"), depth) or 0.0)

    more = left(DEEP, deep.token_seconds) - left(flat(DEEP), deep.against_seconds)
    layer_seconds = max(more / (DEEP.blocks - FLAT_BLOCKS), 0.0)
    token_seconds = left(SHALLOW, shallow.token_seconds) - SHALLOW.blocks * layer_seconds
    return dataclasses.replace(speed, layer_seconds=layer_seconds, token_seconds=max(token_seconds, 0.0))


def _load(cache: str) -> LoadParameters:
    return LoadParameters(type_k=cache, type_v=cache, context_length=8_192)


def _deviation(logs: Sequence[float]) -> float:
    """Root of the mean square: a forecast that is always off by the same is no better for it."""
    return math.sqrt(sum(log * log for log in logs) / len(logs)) if logs else UNCHECKED_ERROR
