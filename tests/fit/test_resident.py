from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import pytest

from garden.core.conversation import ChatMessage
from garden.core.model_ref import ModelRef
from garden.core.run_configuration import AskParameters, LoadParameters, RunConfiguration
from garden.fit.estimator import forecast
from garden.fit.resident import repacked_bytes, resident_forecast
from garden.gguf.byte_source import FileSource
from garden.gguf.header import GgufHeader, read_header
from garden.hardware.probe import snapshot
from garden.inference.local_backend import LocalBackend
from tests.fit.headers import gpu, header, machine, tensor
from tests.tiny_families import write_sliding_model
from tests.tiny_models import write_tiny_model

MIB = 1024**2
LOAD = LoadParameters(context_length=2_048)
MAPPED = dataclasses.replace(LOAD, load_mode="mmap")
AVX2 = ("avx2",)


def model(ggml_type: str = "Q4_0", rows: int = 512) -> GgufHeader:
    return header(
        "llama",
        {"block_count": 2, "embedding_length": 256, "attention.head_count": 4, "vocab_size": 1_024},
        [
            tensor("token_embd.weight", 256, 1_024, ggml_type=ggml_type),
            *(tensor(f"blk.{block}.ffn_up.weight", 256, rows, ggml_type=ggml_type) for block in range(2)),
            tensor("blk.0.attn_norm.weight", 256, ggml_type="F32"),
            tensor("output.weight", 256, 1_024, ggml_type=ggml_type),
        ],
    )


ROWS_512, ROWS_1024 = (256 * rows * 18 // 32 for rows in (512, 1_024))


def test_it_is_the_buffers_the_vocabulary_and_the_process() -> None:
    on = machine(8)
    buffers = forecast(model(), LOAD, on)
    found = resident_forecast(model(), LOAD, buffers, process_bytes=50 * MIB)

    assert found is not None
    assert found.held_bytes + found.compute_bytes == buffers.total_bytes
    assert found.total_bytes == 50 * MIB + (
        found.vocabulary_bytes + found.graph_bytes + (buffers.total_bytes or 0) - found.unwritten_bytes
    )
    # Embeddings of a micro-batch.
    assert found.unwritten_bytes == 4 * 256 * 512


def test_what_lies_on_a_gpu_is_not_resident() -> None:
    load = dataclasses.replace(LOAD, n_gpu_layers=3)
    buffers = forecast(model(), load, machine(8, gpu(8)))
    found = resident_forecast(model(), load, buffers)

    assert found is not None
    assert found.held_bytes + found.compute_bytes == buffers.devices[-1].required_bytes < (buffers.total_bytes or 0)


def test_of_a_load_without_figures_nothing_is_said() -> None:
    refused = forecast(header("bert", {}), LOAD, machine(8))

    assert resident_forecast(model(), LOAD, refused) is None


def test_mapped_weights_are_copied_where_the_processor_wants_them_rearranged() -> None:
    # The embedding is looked up in place; matrices of blocks and the output are multiplied.
    assert repacked_bytes(model(), MAPPED, AVX2) == 2 * ROWS_512 + ROWS_1024


@pytest.mark.parametrize(
    ("load", "features", "ggml_type"),
    [
        (LOAD, AVX2, "Q4_0"),
        (dataclasses.replace(MAPPED, repack=False), AVX2, "Q4_0"),
        (MAPPED, (), "Q4_0"),
        (MAPPED, AVX2, "Q4_1"),
    ],
)
def test_else_there_is_one_copy(load: LoadParameters, features: tuple[str, ...], ggml_type: str) -> None:
    assert repacked_bytes(model(ggml_type), load, features) == 0


def test_layers_on_a_gpu_are_not_copied() -> None:
    assert repacked_bytes(model(), MAPPED, AVX2, 1) == 2 * ROWS_512
    assert repacked_bytes(model(), MAPPED, AVX2, 3) == 0


def test_rows_that_do_not_come_in_eights_stay_as_they_are() -> None:
    assert repacked_bytes(model(rows=516), MAPPED, AVX2) == ROWS_1024


def error_of(path: Path, load: LoadParameters, words: int) -> float:
    """By how much the real worker's resident high-water mark is off after a prompt of so many words."""
    with FileSource(path) as source:
        found = read_header(source)
    ref = ModelRef(name=path.stem, filenames=(path.name,), path=str(path))
    backend = LocalBackend()
    try:
        loaded = backend.load(RunConfiguration(model=ref, load=load))
        prompt = " ".join(["tree", "river", "stone", "cloud", "lamp"][word % 5] for word in range(words))
        ask = AskParameters(max_tokens=32, seed=1)
        metrics = backend.generate([ChatMessage(role="user", content=prompt)], ask, lambda _event: None).metrics
    finally:
        backend.close()
        assert backend.wait_closed(20)
    here = snapshot()
    buffers = forecast(found, load, here)
    resident = resident_forecast(found, load, buffers, here.cpu.features)
    assert resident is not None
    assert loaded.peak_resident_bytes is not None
    assert metrics.peak_memory_bytes is not None
    assert loaded.peak_resident_bytes <= metrics.peak_memory_bytes
    prompt_tokens = metrics.prompt_tokens or 0
    said = resident.after(prompt_tokens, prompt_tokens + (metrics.completion_tokens or 0))
    return (metrics.peak_memory_bytes - said) / said


real = pytest.mark.skipif(sys.platform != "linux", reason="the process without a model was measured on Linux")


@real
@pytest.mark.engine
@pytest.mark.starter
@pytest.mark.parametrize(
    ("load", "words"),
    [
        (LoadParameters(context_length=8_192), 1_000),
        (LoadParameters(context_length=8_192, type_k="q8_0", type_v="q8_0"), 1_000),
        (LoadParameters(context_length=2_048, load_mode="mmap"), 1_000),
        (LoadParameters(context_length=2_048), 10),
    ],
)
def test_the_starter_holds_what_was_forecast(starter_path: Path, load: LoadParameters, words: int) -> None:
    assert abs(error_of(starter_path, load, words)) < 0.03


@real
@pytest.mark.engine
def test_a_model_of_many_tensors_holds_what_was_forecast(tmp_path: Path) -> None:
    path = write_tiny_model(tmp_path / "deep.gguf", blocks=150, context_length=4_096)

    assert abs(error_of(path, LoadParameters(context_length=4_096), 150)) < 0.03


@real
@pytest.mark.engine
def test_a_model_with_sliding_windows_holds_what_was_forecast(tmp_path: Path) -> None:
    path = write_sliding_model(tmp_path / "sliding.gguf", blocks=40)

    assert abs(error_of(path, LoadParameters(context_length=2_048), 150)) < 0.03
