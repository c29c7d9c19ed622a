"""What is advised fits: each remedy is tried on the machine that it was advised for."""

from __future__ import annotations

import dataclasses
import random
import re

import pytest

from garden.core.expert_placement import EXPERTS_ON_CPU
from garden.core.fit_forecast import FitForecast, Verdict
from garden.core.hardware_snapshot import HardwareSnapshot
from garden.core.run_configuration import AUTO_GPU_LAYERS, LoadParameters
from garden.fit.estimator import forecast
from garden.fit.remedies import cache_remedy, context_remedy, sentence_of
from garden.gguf.header import GgufHeader
from garden.gguf.quant_name import quant_type_named
from tests.fit.headers import gpu, machine, published, published_items

_ADVICE = ("context of up to", "layers on the GPU", "experts on the CPU", "KV cache", "smaller file", "give back")

AUTO = LoadParameters(context_length=16_384, n_gpu_layers=AUTO_GPU_LAYERS)


def shape(repo_id: str, quant: str = "Q4_K_M") -> GgufHeader:
    """A published shape that the formula has a best guess for even where its own error decides."""
    return dataclasses.replace(published(repo_id, quant), header_bytes=0)


def fits(header: GgufHeader, load: LoadParameters, on: HardwareSnapshot) -> bool:
    return forecast(header, load, on).verdict in (Verdict.FITS, Verdict.TIGHT)


def applied(sentence: str, load: LoadParameters) -> list[LoadParameters]:
    """The loads that a sentence advises, each remedy by itself."""
    loads = []
    for remedy in sentence.removeprefix("It fits ").removesuffix(".").split(", or "):
        changed = load
        if found := re.search(r"context of up to ([\d,]+) tokens", remedy):
            changed = dataclasses.replace(changed, context_length=int(found[1].replace(",", "")))
        if found := re.search(r"with (\d+) layers on the GPU", remedy):
            changed = dataclasses.replace(changed, n_gpu_layers=int(found[1]))
        if "q8_0 KV cache" in remedy:
            changed = dataclasses.replace(changed, type_k="q8_0", type_v="q8_0")
        if "experts on the CPU" in remedy:
            changed = dataclasses.replace(changed, tensor_placement=(EXPERTS_ON_CPU,))
        assert changed != load, remedy
        loads.append(changed)
    return loads


def test_what_is_advised_fits_on_machines_drawn_at_random() -> None:
    dice, told = random.Random(10), set()
    repos = sorted(published_items())
    for _ in range(400):
        header = shape(dice.choice(repos), dice.choice(("Q8_0", "Q4_K_M", "Q2_K")))
        ram = dice.uniform(2, 64)
        on = machine(ram, *([gpu(dice.choice((6, 8, 12, 24)))] if dice.random() < 0.5 else []), total_gib=ram + 4)
        layers = AUTO_GPU_LAYERS if dice.random() < 0.5 or not on.gpus else (header.block_count or 0) + 1
        load = LoadParameters(
            context_length=dice.choice((4_096, 16_384, 65_536)),
            n_gpu_layers=layers,
            type_k=(kind := dice.choice(("f16", "q8_0"))),
            type_v=kind,
        )
        result = forecast(header, load, on)
        if result.verdict is not Verdict.TOO_LARGE:
            continue
        assert result.suggestion.endswith(".")
        told.add(re.sub(r"[\d.,]+|\bI?Q\w+", "#", result.suggestion))
        if result.suggestion.startswith("It fits with"):
            for changed in applied(result.suggestion, load):
                assert fits(header, changed, on), (header.name, result.suggestion)
    # Every kind of advice was given.
    everything = " ".join(told)
    for words in (
        "context of up to",
        "layers on the GPU",
        "experts on the CPU",
        "KV cache",
        "smaller file",
        "give back",
    ):
        assert words in everything


def too_large(header: GgufHeader, load: LoadParameters, on: HardwareSnapshot) -> FitForecast:
    result = forecast(header, load, on)
    assert result.verdict is Verdict.TOO_LARGE
    return result


def test_the_advised_type_fits_and_is_the_largest_that_does() -> None:
    on = machine(8, total_gib=9)
    result = too_large(shape("Qwen/Qwen3-14B", "Q8_0"), dataclasses.replace(AUTO, context_length=2_048), on)

    found = re.fullmatch(
        r"Choose a smaller file, (\w+) at most: up to ([\d.]+) GiB of weights fit at this context.", result.suggestion
    )
    assert found is not None
    quant = quant_type_named(found[1])
    assert quant is not None
    assert quant.name == "Q3_K_M"
    assert quant.bits_per_weight * 14.77e9 / 8 < float(found[2]) * 2**30
    assert fits(shape("Qwen/Qwen3-14B", quant.name), dataclasses.replace(AUTO, context_length=2_048), on)


def test_no_type_of_a_model_that_is_much_too_large_is_advised() -> None:
    result = too_large(shape("meta-llama/Llama-3.3-70B-Instruct"), AUTO, machine(12))

    assert result.suggestion.startswith("Choose a smaller model: up to ")


def test_a_quantized_cache_is_not_advised_without_fused_attention() -> None:
    load = LoadParameters(context_length=65_536)
    on = machine(9, total_gib=9)
    fused = too_large(shape("Qwen/Qwen3-8B", "Q4_K_M"), load, on)
    apart = too_large(shape("Qwen/Qwen3-8B", "Q4_K_M"), dataclasses.replace(load, flash_attention="off"), on)

    assert "context of up to" in fused.suggestion
    assert "KV cache" not in apart.suggestion


def test_experts_on_the_cpu_are_advised_of_a_mixture_alone() -> None:
    on = machine(64, gpu(8))

    def all_layers(repo_id: str) -> str:
        header = shape(repo_id)
        return too_large(header, dataclasses.replace(AUTO, n_gpu_layers=(header.block_count or 0) + 1), on).suggestion

    assert "with its experts on the CPU" in all_layers("Qwen/Qwen3-30B-A3B")
    assert "experts" not in all_layers("Qwen/Qwen3-32B")


@pytest.mark.parametrize(
    ("largest", "words"),
    [(0, ""), (1_024, ""), (16_384, ""), (9_216, "with a context of up to 9,216 tokens")],
)
def test_a_context_is_advised_when_it_is_shorter_and_still_of_use(largest: int, words: str) -> None:
    assert context_remedy(largest, 16_384) == words


def test_a_smaller_cache_is_advised_when_it_saves_enough() -> None:
    load = LoadParameters()

    assert cache_remedy(1_000, 468, load) == "with a q8_0 KV cache"
    assert cache_remedy(1_000, 470, load) == ""
    assert cache_remedy(1_000, 1, dataclasses.replace(load, type_k="q8_0", type_v="q8_0")) == ""
    assert cache_remedy(1_000, 1, dataclasses.replace(load, flash_attention="off")) == ""


def test_two_remedies_are_told_at_most() -> None:
    assert sentence_of(["with a", "with b", "with c"]) == "It fits with a, or with b."
