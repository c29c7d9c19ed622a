from __future__ import annotations

import dataclasses
import random
import time

import pytest

from garden.core.errors import InvalidFileError
from garden.core.fit_forecast import FitForecast, FitMethod, Placement, Verdict
from garden.core.hardware_snapshot import HardwareSnapshot
from garden.core.run_configuration import AUTO_GPU_LAYERS, FlashAttention, LoadParameters
from garden.fit.estimator import MeasuredSpeed, forecast
from garden.gguf.header import GgufHeader, read_header
from tests.fit.headers import GIB, MIB, gpu, header, machine, published, tensor
from tests.gguf.gguf_bytes import BytesSource, llama_file

QWEN_8B = "Qwen/Qwen3-8B"
LLAMA_70B = "meta-llama/Llama-3.3-70B-Instruct"
LAPTOP = machine(21.3, gpu(8, free_gib=7.6), total_gib=32)
DESKTOP = machine(12, total_gib=16)
MAC = machine(24, gpu(21.3, unified=True, device="MTL0"), total_gib=32)
QWEN_VOCABULARY = 4_700_000 + (175 + 102) * 151_936
AUTO = LoadParameters(context_length=16_384, n_gpu_layers=AUTO_GPU_LAYERS)


def fit(
    repo_id: str = QWEN_8B, on: HardwareSnapshot = DESKTOP, quant: str = "Q4_K_M", load: LoadParameters = AUTO
) -> FitForecast:
    return forecast(published(repo_id, quant), load, on)


def test_a_model_that_fits_on_the_gpu() -> None:
    result = fit(on=LAPTOP)

    assert (result.verdict, result.placement) == (Verdict.FITS, Placement.GPU)
    assert (result.n_gpu_layers, result.n_layers) == (37, 37)
    assert result.reason == "All 37 layers fit on the GPU with 0.4 GiB to spare."
    assert result.suggestion == ""


def test_a_model_that_is_split() -> None:
    result = fit(on=LAPTOP, quant="Q8_0")

    assert (result.verdict, result.placement) == (Verdict.FITS, Placement.SPLIT)
    assert result.n_gpu_layers is not None
    assert result.reason.startswith(f"{result.n_gpu_layers} of 37 layers fit on the GPU; the rest takes ")
    assert result.reason.endswith(" GiB to spare.")


def test_a_model_on_the_processor() -> None:
    result = fit()

    assert (result.verdict, result.placement, result.n_gpu_layers) == (Verdict.FITS, Placement.CPU, 0)
    assert result.reason == "All 37 layers run on the CPU with 4.9 GiB of RAM to spare."


def test_little_room_is_tight_and_says_only() -> None:
    result = fit(on=machine(7.5, total_gib=16))

    assert result.verdict is Verdict.TIGHT
    assert "with only" in result.reason


def test_a_model_that_is_too_large_says_by_how_much() -> None:
    result = fit(LLAMA_70B)

    assert (result.verdict, result.placement) == (Verdict.TOO_LARGE, Placement.NONE)
    assert result.reason == "It needs 44.9 GiB of RAM; 12.0 GiB are free."
    assert result.suggestion == "Choose a smaller model: up to 6.7 GiB of weights fit at this context."


def test_the_parts_add_up() -> None:
    for on in (LAPTOP, DESKTOP, MAC):
        result = fit(on=on)
        parts = (result.weights_bytes, result.kv_cache_bytes, result.recurrent_bytes, result.compute_bytes)
        assert None not in parts
        assert result.total_bytes == sum(part or 0 for part in parts)
        assert result.total_bytes == sum(device.required_bytes for device in result.devices)
        assert result.method is FitMethod.FORMULA


def test_the_gpu_stands_above_the_ram() -> None:
    assert [device.kind for device in fit(on=LAPTOP).devices] == ["gpu", "ram"]
    assert [device.name for device in fit().devices] == ["RAM"]


def test_a_margin_stays_free() -> None:
    ram = fit().devices[-1]

    # The process, and a vocabulary of 151,936 tokens with about as many merges.
    assert ram.beside_bytes == 54 * MIB + QWEN_VOCABULARY
    assert fit(on=LAPTOP).devices[0].beside_bytes == 512 * MIB


def test_a_given_number_of_layers_is_kept() -> None:
    for layers in (0, 10, 37):
        result = fit(on=LAPTOP, load=dataclasses.replace(AUTO, n_gpu_layers=layers))
        assert result.n_gpu_layers == layers


def test_too_many_layers_are_told_and_fewer_suggested() -> None:
    result = fit(on=LAPTOP, quant="Q8_0", load=dataclasses.replace(AUTO, n_gpu_layers=37))

    assert result.verdict is Verdict.TOO_LARGE
    assert "on the GPU" in result.reason
    assert result.suggestion == "It fits with 25 layers on the GPU."


@pytest.mark.parametrize("on", [machine(9, total_gib=16), machine(8, gpu(6), total_gib=16), MAC])
@pytest.mark.parametrize("repo_id", [QWEN_8B, "google/gemma-3-12b-it", "ibm-granite/granite-4.0-h-tiny"])
def test_the_largest_context_fits_and_the_next_does_not(repo_id: str, on: HardwareSnapshot) -> None:
    model = published(repo_id)
    largest = forecast(model, AUTO, on).max_context
    trained = model.context_length
    assert largest is not None
    assert trained is not None
    if largest == 0:
        assert forecast(model, dataclasses.replace(AUTO, context_length=256), on).verdict is Verdict.TOO_LARGE
        return

    # So near to the edge the formula does not know; what it says of a shape that is no file's is its best guess.
    shape = dataclasses.replace(model, header_bytes=0)
    assert forecast(shape, dataclasses.replace(AUTO, context_length=largest), on).verdict is not Verdict.TOO_LARGE
    if largest < trained:
        longer = dataclasses.replace(AUTO, context_length=largest + 256)
        assert forecast(shape, longer, on).verdict is Verdict.TOO_LARGE


def test_a_shorter_context_is_suggested_when_it_helps() -> None:
    result = fit(on=machine(6.5, total_gib=8), load=dataclasses.replace(AUTO, context_length=40_960))

    assert result.verdict is Verdict.TOO_LARGE
    assert result.max_context
    assert result.suggestion.startswith(f"It fits with a context of up to {result.max_context:,} tokens")


def test_memory_that_others_hold_is_suggested_last_but_one() -> None:
    result = fit(on=machine(3, total_gib=64))

    assert result.suggestion == "It fits once other programs and models give back their memory."


def test_promised_memory_is_not_free() -> None:
    free = forecast(published(QWEN_8B), AUTO, DESKTOP)
    promised = forecast(published(QWEN_8B), AUTO, dataclasses.replace(DESKTOP, ram_promised_bytes=4 * GIB))

    assert promised.devices[-1].available_bytes == free.devices[-1].available_bytes - 4 * GIB


def test_a_sleeping_gpu_counts_as_free() -> None:
    sleeping = dataclasses.replace(gpu(8), memory_free_bytes=None, asleep=True)

    assert fit(on=machine(21, sleeping)).placement is Placement.GPU


def test_a_gpu_that_the_engine_cannot_use_counts_for_nothing() -> None:
    assert fit(on=machine(21, gpu(24, device=None))).placement is Placement.CPU


def test_a_card_of_its_own_is_taken_before_one_that_shares_the_ram() -> None:
    both = machine(21, gpu(16, unified=True, device="Vulkan1"), gpu(8, device="Vulkan0"))

    assert [device.total_bytes for device in fit(on=both).devices] == [8 * GIB, 21 * GIB]


def test_shared_memory_is_counted_once() -> None:
    result = fit(on=MAC)
    graphics, ram = result.devices

    assert result.placement is Placement.GPU
    assert ram.available_bytes == 24 * GIB - graphics.required_bytes


def test_speed_is_unknown_until_something_was_measured() -> None:
    assert fit().decode_tokens_per_second is None
    assert fit().prefill_tokens_per_second is None


def test_speed_follows_the_bytes_that_a_token_reads() -> None:
    speeds = MeasuredSpeed(bytes_per_second=50e9)
    dense = forecast(published(QWEN_8B), AUTO, DESKTOP, speeds=speeds)
    mixture = forecast(published("Qwen/Qwen3-30B-A3B"), AUTO, machine(32), speeds=speeds)

    assert dense.decode_tokens_per_second == pytest.approx(10.6, abs=0.4)
    assert mixture.decode_tokens_per_second is not None
    assert mixture.decode_tokens_per_second > 2 * 10.6


def test_speed_on_a_gpu_needs_a_measurement_there() -> None:
    alone = forecast(published(QWEN_8B), AUTO, LAPTOP, speeds=MeasuredSpeed(bytes_per_second=50e9))
    both = forecast(
        published(QWEN_8B), AUTO, LAPTOP, speeds=MeasuredSpeed(bytes_per_second=50e9, gpu_bytes_per_second=225e9)
    )

    assert alone.decode_tokens_per_second is None
    assert both.decode_tokens_per_second == pytest.approx(47, abs=3)


def test_what_is_too_large_has_no_speed() -> None:
    result = forecast(published(LLAMA_70B), AUTO, DESKTOP, speeds=MeasuredSpeed(bytes_per_second=50e9))

    assert result.decode_tokens_per_second is None


def test_mapped_weights_are_called_an_estimate() -> None:
    assert fit(load=dataclasses.replace(AUTO, load_mode="mmap")).reason.endswith("an estimate.")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"flash_attention": "off", "type_v": "q8_0"}, "needs flash attention"),
        ({"type_k": "q8_0", "type_v": "f16"}, "K and V in one cache"),
    ],
)
def test_caches_that_the_engine_refuses_are_refused_before(changes: dict[str, str], words: str) -> None:
    load = dataclasses.replace(AUTO, **changes)  # type: ignore[arg-type]  # the names above are its fields
    result = forecast(published("deepseek-ai/DeepSeek-V2-Lite-Chat"), load, machine(64))

    assert result.verdict is Verdict.UNSUPPORTED
    assert words in result.reason
    assert result.suggestion


def test_a_model_that_cannot_fuse_attention_keeps_v_whole() -> None:
    metadata = {"block_count": 2, "embedding_length": 128, "attention.head_count": 2}
    model = header("grok", metadata, [tensor("token_embd.weight", 128, 32)])
    load = dataclasses.replace(AUTO, type_k="q8_0", type_v="q8_0")

    assert forecast(model, load, machine(8)).verdict is Verdict.UNSUPPORTED
    assert forecast(model, dataclasses.replace(load, type_v="f16"), machine(8)).verdict is Verdict.FITS


@pytest.mark.parametrize("flash_attention", ["auto", "on", "off"])
def test_any_heads_can_be_quantized_in_k_where_attention_is_not_fused(flash_attention: FlashAttention) -> None:
    metadata = {"block_count": 2, "embedding_length": 160, "attention.head_count": 2}
    model = header("phi2", metadata, [tensor("token_embd.weight", 160, 32)])
    load = LoadParameters(context_length=512, type_k="q8_0", flash_attention=flash_attention)

    refused = forecast(model, load, machine(8)).verdict is Verdict.UNSUPPORTED

    assert refused is (flash_attention != "off")


def needed(model: GgufHeader, load: LoadParameters) -> int:
    total = forecast(model, load, machine(4_096)).total_bytes
    assert total is not None
    return total


@pytest.mark.parametrize(
    ("spare_mib", "verdict"),
    [
        (-60, Verdict.TOO_LARGE),
        (-10, Verdict.UNKNOWN),
        (0, Verdict.UNKNOWN),
        (10, Verdict.UNKNOWN),
        (60, Verdict.FITS),
    ],
)
def test_where_its_own_error_decides_it_does_not_know(spare_mib: int, verdict: Verdict) -> None:
    model, load = published(QWEN_8B), LoadParameters(context_length=16_384)
    budget = machine(0)
    room = needed(model, load) + spare_mib * MIB
    budget = dataclasses.replace(budget, ram_total_bytes=room, ram_available_bytes=room)

    # 0.5 % of 7.1 GiB are 36 MiB.
    result = forecast(model, load, budget, as_is={"ram"})

    assert result.verdict is verdict
    if verdict is Verdict.UNKNOWN:
        assert result.reason.startswith("Too close to tell from the header alone: it needs about 7.")
        assert result.suggestion
        assert result.total_bytes


def test_a_small_model_is_in_doubt_by_two_mebibytes() -> None:
    model, load = published("HuggingFaceTB/SmolLM2-135M-Instruct"), LoadParameters(context_length=2_048)
    need = needed(model, load)

    def verdict(spare: int) -> Verdict:
        on = dataclasses.replace(machine(0), ram_total_bytes=need, ram_available_bytes=need + spare)
        return forecast(model, load, on, as_is={"ram"}).verdict

    assert [verdict(round(spare * MIB)) for spare in (-2.1, -1.9, 1.9, 2.1)] == [
        Verdict.TOO_LARGE,
        Verdict.UNKNOWN,
        Verdict.UNKNOWN,
        Verdict.FITS,
    ]


def test_between_room_and_tightness_it_may_not_know_either() -> None:
    model, load = published(QWEN_8B), LoadParameters(context_length=16_384)
    # The margin is 512 MiB.
    edge = needed(model, load) + (54 + 512) * MIB + QWEN_VOCABULARY

    def verdict(spare_mib: int) -> Verdict:
        free = edge + spare_mib * MIB
        return forecast(model, load, dataclasses.replace(machine(8), ram_available_bytes=free)).verdict

    assert [verdict(spare) for spare in (-60, 0, 60)] == [Verdict.TIGHT, Verdict.UNKNOWN, Verdict.FITS]


def test_shapes_that_are_no_files_are_never_in_doubt() -> None:
    model, load = published(QWEN_8B), LoadParameters(context_length=16_384)
    need = needed(model, load)
    on = dataclasses.replace(machine(0), ram_total_bytes=need, ram_available_bytes=need)

    shape = dataclasses.replace(model, header_bytes=0)
    sibling = dataclasses.replace(
        model, tensors=tuple(dataclasses.replace(each, size_bytes=each.size_bytes - 1) for each in model.tensors)
    )

    assert forecast(model, load, on, as_is={"ram"}).verdict is Verdict.UNKNOWN
    assert forecast(shape, load, on, as_is={"ram"}).verdict is not Verdict.UNKNOWN
    assert forecast(sibling, load, on, as_is={"ram"}).verdict is not Verdict.UNKNOWN


def test_a_split_is_known_less_well() -> None:
    model = published(QWEN_8B, "Q8_0")
    load = dataclasses.replace(AUTO, n_gpu_layers=20)
    held = forecast(model, load, machine(64, gpu(24))).devices[0].required_bytes

    def verdict(spare_mib: int) -> Verdict:
        free = (held + spare_mib * MIB) / GIB
        return forecast(model, load, machine(64, gpu(24, free_gib=free)), as_is={"gpu"}).verdict

    # The engine may want 105 MiB less here.
    assert verdict(-50) is Verdict.UNKNOWN
    assert verdict(-500) is Verdict.TOO_LARGE
    assert verdict(200) is Verdict.FITS


def test_what_is_given_as_a_budget_is_taken_to_the_last_byte() -> None:
    model, load = published(QWEN_8B), LoadParameters(context_length=16_384)
    on = machine((needed(model, load) + 50 * MIB) / GIB)

    given = forecast(model, load, on, as_is={"ram"})

    assert given.verdict is Verdict.FITS
    assert given.devices[0].beside_bytes == 0
    assert forecast(model, load, on).verdict is Verdict.TOO_LARGE


def test_heads_that_cannot_be_quantized_are_told() -> None:
    metadata = {"block_count": 2, "embedding_length": 160, "attention.head_count": 2}
    model = header("phi2", metadata, [tensor("token_embd.weight", 160, 32)])

    result = forecast(model, dataclasses.replace(AUTO, type_k="q8_0"), DESKTOP)

    assert (result.verdict, "80 values" in result.reason) == (Verdict.UNSUPPORTED, True)


def test_other_files_get_a_word_and_no_figures() -> None:
    whisper = forecast(header("whisper", {}, [tensor("x", 32)]), AUTO, DESKTOP)
    vocabulary = forecast(header("llama", {"block_count": 2, "embedding_length": 64}), AUTO, DESKTOP)
    shapeless = forecast(header("llama", {}, [tensor("x", 32)]), AUTO, DESKTOP)

    assert (whisper.verdict, whisper.total_bytes) == (Verdict.NOT_A_LANGUAGE_MODEL, None)
    assert (vocabulary.verdict, "no weights" in vocabulary.reason) == (Verdict.UNSUPPORTED, True)
    assert (shapeless.verdict, shapeless.max_context) == (Verdict.UNKNOWN, None)


def test_a_longer_context_never_needs_less() -> None:
    for repo_id in (QWEN_8B, "google/gemma-3-12b-it", "openai/gpt-oss-20b"):
        totals = [
            forecast(published(repo_id), LoadParameters(context_length=context), machine(64)).total_bytes or 0
            for context in range(256, 20_000, 700)
        ]
        assert totals == sorted(totals)


def test_a_slider_gets_an_answer_at_once() -> None:
    model = published("google/gemma-3-12b-it")
    forecast(model, AUTO, LAPTOP)
    began = time.process_time()
    for context in range(2_048, 22_528, 1_024):
        forecast(model, dataclasses.replace(AUTO, context_length=context), LAPTOP)

    assert (time.process_time() - began) / 20 < 0.02  # about 1 ms on a quiet machine


def test_headers_made_to_hurt_get_a_forecast_or_a_refusal() -> None:
    whole = llama_file()
    keys = whole.index(b"general.name"), whole.index(b"tokenizer.ggml.model")
    forecasts = 0
    for seed in range(400):
        chance = random.Random(seed)
        data = bytearray(whole)
        for _ in range(chance.randint(1, 6)):
            data[chance.randrange(*keys)] = chance.randrange(256)
        model = _readable(bytes(data))
        if model is None:
            continue
        began = time.process_time()
        for on in (LAPTOP, DESKTOP):
            result = forecast(model, AUTO, on)
            assert result.reason.endswith(".")
            assert result.total_bytes is None or result.total_bytes >= 0
        assert time.process_time() - began < 2
        forecasts += 1

    assert forecasts > 50


@pytest.mark.parametrize("value", [0, 1, 2**31, 2**32, 2**63, -1, -(2**31), True, "many", (), (7,), (-5, "x")])
@pytest.mark.parametrize(
    "key",
    [
        "block_count",
        "context_length",
        "embedding_length",
        "feed_forward_length",
        "attention.head_count",
        "attention.head_count_kv",
        "attention.key_length",
        "attention.value_length",
        "attention.sliding_window",
        "attention.sliding_window_pattern",
        "expert_count",
        "expert_used_count",
        "nextn_predict_layers",
        "ssm.inner_size",
        "n_deepstack_layers",
        "embedding_length_per_layer_input",
    ],
)
def test_any_value_of_any_key_gets_an_answer(key: str, value: object) -> None:
    for architecture in ("gemma3", "granitehybrid", "gemma4", "deepseek2"):
        model = _strange(architecture, key, value)
        for load in (AUTO, dataclasses.replace(AUTO, flash_attention="off"), dataclasses.replace(AUTO, type_k="q8_0")):
            assert forecast(model, load, LAPTOP).reason


def _strange(architecture: str, key: str, value: object) -> GgufHeader:
    metadata: dict[str, object] = {
        "block_count": 3,
        "context_length": 4_096,
        "embedding_length": 64,
        "feed_forward_length": 128,
        "attention.head_count": 4,
        "attention.head_count_kv": (2, 0, 2),
        "attention.sliding_window": 256,
        "ssm.conv_kernel": 4,
        "ssm.inner_size": 128,
        "ssm.state_size": 16,
        "ssm.time_step_rank": 4,
        "ssm.group_count": 1,
        "expert_count": 4,
        "expert_used_count": 2,
    }
    tensors = [tensor("token_embd.weight", 64, 1_000), tensor("blk.0.attn_q.weight", 64, 64)]
    tensors += [tensor(f"blk.{number}.ffn_up.weight", 64, 128) for number in (0, 1, 2, 600)]
    return header(architecture, metadata | {key: value}, tensors)  # type: ignore[arg-type]  # wrong on purpose


def _readable(data: bytes) -> GgufHeader | None:
    try:
        return read_header(BytesSource(data))
    except InvalidFileError:
        return None
