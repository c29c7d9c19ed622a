"""Speed of an answer for a row of a list: what this machine showed, and what the Hub's fields let guess of the model.

A token reads the weights in use (of a mixture of experts the active ones) and the cache so far. Against
forecasts from the headers of the catalogue's 42 models it is off by 11 % on average with a calibration (90 % of them by
less than 28 %, Mamba 130M by 89 %) and by 6 % with the bandwidth that answers showed (the largest error 29 %).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from garden.core.calibration import Calibration, DeviceSpeed
from garden.core.fit_forecast import FitForecast, Placement, SpeedSource
from garden.fit.calibrated_speed import DEPTH_TOKENS, type_speed
from garden.fit.speed import MeasuredSpeed

#: Types of tensors in a file of a type, by their share of its bytes: llama.cpp's mixtures on models of 1B to 70B.
_MIXTURES: dict[str, tuple[tuple[str, float], ...]] = {
    "Q2_K": (("Q2_K", 0.55), ("Q3_K", 0.30), ("Q6_K", 0.15)),
    "Q3_K_S": (("Q3_K", 0.90), ("Q6_K", 0.10)),
    "Q3_K_M": (("Q3_K", 0.62), ("Q4_K", 0.20), ("Q5_K", 0.08), ("Q6_K", 0.10)),
    "Q3_K_L": (("Q3_K", 0.50), ("Q5_K", 0.40), ("Q6_K", 0.10)),
    "Q4_K_S": (("Q4_K", 0.88), ("Q5_K", 0.04), ("Q6_K", 0.08)),
    "Q4_K_M": (("Q4_K", 0.70), ("Q6_K", 0.30)),
    "Q5_K_S": (("Q5_K", 0.92), ("Q6_K", 0.08)),
    "Q5_K_M": (("Q5_K", 0.74), ("Q6_K", 0.26)),
    "MXFP4_MOE": (("MXFP4", 0.80), ("Q8_0", 0.20)),
}

#: Blocks of a model of 8 billion parameters, and how their number grows.
_BLOCKS, _REFERENCE_PARAMETERS, _BLOCKS_GROWTH = 32, 8e9, 0.38

#: Heads of the usual size, of which so many share one of the cache.
_HEAD_VALUES, _HEADS_PER_CACHED = 128, 4

#: Tokens that a usual vocabulary has.
_VOCABULARY = 128_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RoughModel:
    """What a row tells of a model.

    Attributes:
        parameters: In total, > 0.
        active_parameters: Of which a token uses so many.
        quant_type: Type of the file that the forecast is for.
    """

    parameters: int
    active_parameters: int
    quant_type: str


def with_rough_speed(
    forecast: FitForecast, model: RoughModel, calibration: Calibration | None, measured: MeasuredSpeed | None
) -> FitForecast:
    """The forecast with a speed; as it is where nothing runs, or nothing was measured on a device that takes part.

    Args:
        forecast: Rough, with the bytes of weights and cache and their share on each device.
        model: What it is a forecast of.
        calibration: What this machine showed on models that nobody trained; comes first.
        measured: What answers given here showed.
    """
    if forecast.placement is Placement.NONE or not forecast.weights_bytes:
        return forecast
    share = _gpu_share(forecast)
    if calibration is not None:
        seconds = _calibrated_seconds(forecast, model, share, calibration)
        source, runs = SpeedSource.CALIBRATED, 0
    elif measured is not None:
        seconds = _measured_seconds(forecast, model, share, measured)
        source, runs = SpeedSource.RUNS, measured.runs_behind(forecast.placement)
    else:
        return forecast
    if not seconds:
        return forecast
    return dataclasses.replace(forecast, decode_tokens_per_second=1 / seconds, speed_source=source, speed_runs=runs)


def _gpu_share(forecast: FitForecast) -> float:
    on_gpu = sum(device.required_bytes for device in forecast.devices if device.kind == "gpu")
    total = sum(device.required_bytes for device in forecast.devices)
    return on_gpu / total if total else 0.0


def _read(forecast: FitForecast, model: RoughModel) -> tuple[float, float]:
    """Bytes of weights and of the cache that one token reads."""
    weights = (forecast.weights_bytes or 0) * min(1.0, model.active_parameters / model.parameters)
    filled = min(1.0, DEPTH_TOKENS / max(1, forecast.context_length or DEPTH_TOKENS))
    return weights, (forecast.kv_cache_bytes or 0) * filled


def _measured_seconds(forecast: FitForecast, model: RoughModel, share: float, measured: MeasuredSpeed) -> float | None:
    total = sum(_read(forecast, model))
    seconds = measured.t0_seconds
    for part, bandwidth in (
        (total * (1 - share), measured.bytes_per_second),
        (total * share, measured.gpu_bytes_per_second),
    ):
        if part > 0:
            if not bandwidth or bandwidth <= 0:
                return None
            seconds += part / bandwidth
    return seconds


def _calibrated_seconds(
    forecast: FitForecast, model: RoughModel, share: float, calibration: Calibration
) -> float | None:
    weights, cache = _read(forecast, model)
    blocks = _BLOCKS * (model.parameters / _REFERENCE_PARAMETERS) ** _BLOCKS_GROWTH
    seconds = calibration.logit_seconds * _VOCABULARY
    parts = (("cpu", 1 - share), ("gpu", share))
    for device, part in parts:
        if part <= 0:
            continue
        speed = calibration.on("gpu" if device == "gpu" else "cpu")
        per_byte = None if speed is None else _byte_seconds(model.quant_type, speed)
        if speed is None or per_byte is None:
            return None
        # Most of what a mixture of experts reads is experts.
        factor = speed.expert_token_factor if model.active_parameters < model.parameters else 1.0
        seconds += speed.token_seconds + part * (weights * per_byte * factor + blocks * speed.layer_seconds)
        seconds += part * _cache_seconds(cache, speed)
    return seconds


def _byte_seconds(quant_type: str, speed: DeviceSpeed) -> float | None:
    seconds = 0.0
    for kind, share in _MIXTURES.get(quant_type, ((quant_type, 1.0),)):
        # ``IQ4_XS`` is a type of tensors as well; ``IQ3_M`` is a mixture around ``IQ3_S``.
        one = type_speed(speed, kind) or type_speed(speed, "IQ3_S" if kind.startswith("IQ") else "Q4_K")
        if one is None:
            return None
        seconds += share * one.byte_seconds
    return seconds


def _cache_seconds(cache_bytes: float, speed: DeviceSpeed) -> float:
    """Attention over a cache of f16 with heads of the usual size and grouping."""
    f16 = speed.caches.get("f16")
    if f16 is None or not cache_bytes:
        return 0.0
    heads = cache_bytes / 4 / _HEAD_VALUES * _HEADS_PER_CACHED
    return heads * (f16.head_seconds + 2 * _HEAD_VALUES * f16.value_seconds) + cache_bytes * f16.half_byte_seconds
