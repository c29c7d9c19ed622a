"""Speeds that machines might have, and the times that trials would take on them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

from garden.core.calibration import CacheSpeed, Calibration, DeviceSpeed, SpeedSetup, TypeSpeed
from garden.core.run_configuration import LoadParameters
from garden.fit import calibrating, trial_models
from garden.fit.calibrated_speed import decode_seconds, prefill_seconds
from garden.fit.calibrating import Times, TypeTrial
from garden.fit.work import work_of
from garden.gguf.made_up_model import MadeUpModel

#: Seconds per byte, operation and value of a processor of some years ago.
TYPES = {
    "Q4_0": TypeSpeed(byte_seconds=1 / 20e9, operation_seconds=1 / 140e9, value_seconds=1e-9, row_seconds=0.5e-9),
    "Q4_K": TypeSpeed(byte_seconds=1 / 21e9, operation_seconds=1 / 150e9, value_seconds=0.8e-9, row_seconds=1e-9),
    "Q6_K": TypeSpeed(byte_seconds=1 / 18e9, operation_seconds=1 / 170e9, value_seconds=1.1e-9, row_seconds=10e-9),
    "Q8_0": TypeSpeed(byte_seconds=1 / 23e9, operation_seconds=1 / 110e9, value_seconds=2e-9, row_seconds=2e-9),
    "F16": TypeSpeed(byte_seconds=1 / 28e9, operation_seconds=1 / 95e9, value_seconds=2e-9),
    "F32": TypeSpeed(byte_seconds=1 / 25e9, operation_seconds=1 / 80e9, value_seconds=3e-9),
}
#: Matrices of experts take so much longer for prompts.
TYPES = {
    kind: dataclasses.replace(one, expert_operation_seconds=(1.3 + 0.2 * number) * one.operation_seconds)
    for number, (kind, one) in enumerate(TYPES.items())
}
F16_CACHE = CacheSpeed(
    head_seconds=6e-9,
    value_seconds=0.05e-9,
    byte_seconds=0.1e-9,
    half_byte_seconds=0.08e-9,
    narrow_byte_seconds=0.03e-9,
    narrow_half_byte_seconds=0.01e-9,
    prompt_head_seconds=1e-9,
    prompt_value_seconds=0.06e-9,
)
Q8_0_CACHE = CacheSpeed(
    head_seconds=6e-9,
    value_seconds=0.2e-9,
    byte_seconds=0.4e-9,
    half_byte_seconds=0.3e-9,
    narrow_byte_seconds=0.2e-9,
    narrow_half_byte_seconds=0.1e-9,
    prompt_head_seconds=1e-9,
    prompt_value_seconds=0.16e-9,
)


def device(**changes: Any) -> DeviceSpeed:
    """A processor."""
    facts: dict[str, Any] = {
        "device": "cpu",
        "name": "Processor",
        "token_seconds": 20e-6,
        "layer_seconds": 10e-6,
        "expert_token_factor": 1.2,
        "scan_seconds": 4e-9,
        "prompt_scan_seconds": 3e-9,
        "types": dict(TYPES),
        "caches": {"f16": F16_CACHE, "q8_0": Q8_0_CACHE},
        "decode_error": 0.05,
        "prefill_error": 0.08,
    }
    return DeviceSpeed(**{**facts, **changes})


def calibration(*speeds: DeviceSpeed, threads: int = 2, **facts: Any) -> Calibration:
    """A calibration of these devices."""
    setup = SpeedSetup(engine="1", backends=("CPU",), devices=("Example",), threads=threads)
    return Calibration(
        setup=facts.pop("setup", setup), speeds=speeds or (device(),), logit_seconds=1e-9, seconds=20.0, **facts
    )


def times(
    speed: DeviceSpeed,
    model: MadeUpModel,
    *,
    depths: tuple[int, ...] = (),
    prompts: tuple[int, ...] = (),
    cache: str = "f16",
    noise: Callable[[], float] = lambda: 1.0,
) -> Times:
    """What a model would take on a device."""
    work = work_of(model.header())
    blocks = [*work.blocks, work.output]
    load = LoadParameters(type_k=cache, type_v=cache, context_length=8_192)
    answers = {depth: (decode_seconds(blocks, speed, load, depth) or 0.0) + speed.token_seconds for depth in depths}
    read = {tokens: prefill_seconds(blocks, speed, load, tokens) or 0.0 for tokens in prompts}
    return Times(
        token_seconds={depth: seconds * noise() for depth, seconds in answers.items()},
        prompt_seconds={tokens: seconds * noise() for tokens, seconds in read.items()},
    )


def measured_again(
    speed: DeviceSpeed, noise: Callable[[], float] = lambda: 1.0, experts: Iterable[str] | None = None
) -> DeviceSpeed:
    """What measuring a device of this speed finds, with experts of these types, None for all."""
    short, long = trial_models.PROMPT_TOKENS, trial_models.LONG_PROMPT_TOKENS

    def timed(model: MadeUpModel, **what: Any) -> Times:
        return times(speed, model, noise=noise, **what)

    return calibrating.measured_speed(
        speed.device,
        speed.name,
        shallow=timed(trial_models.SHALLOW, depths=(0,)),
        deep=dataclasses.replace(
            timed(trial_models.DEEP, depths=(0,)),
            against_seconds=timed(trial_models.flat(trial_models.DEEP), depths=(0,)).token_seconds,
        ),
        attention={
            kind: (
                timed(trial_models.WIDE_HEADS, depths=trial_models.DEPTHS, prompts=(short, long), cache=kind),
                timed(trial_models.NARROW_HEADS, depths=trial_models.DEPTHS, prompts=(short, long), cache=kind),
                *(timed(model, depths=trial_models.DEPTHS, cache=kind) for model in trial_models.IN_ROWS),
            )
            for kind in speed.caches
        },
        types={
            kind: TypeTrial(
                wide=trial_models.wide(kind),
                narrow=trial_models.narrow(kind),
                of_wide=timed(trial_models.wide(kind), depths=(0,), prompts=(short,)),
                of_narrow=timed(trial_models.narrow(kind), depths=(0,), prompts=(short,)),
            )
            for kind in speed.types
        },
        experts={
            kind: timed(trial_models.with_experts(kind), depths=(0,), prompts=(short,))
            for kind in (speed.types if experts is None else experts)
        },
        state=timed(trial_models.WITH_STATE, depths=(0,), prompts=(short,)),
    )
