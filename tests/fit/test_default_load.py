from __future__ import annotations

from garden.core.run_configuration import AUTO_GPU_LAYERS
from garden.fit.default_load import default_load
from garden.gguf.header import Value
from tests.fit.headers import gpu, header, machine


def test_the_context_is_capped_and_never_longer_than_trained() -> None:
    def context(trained: Value) -> int:
        return default_load(header("llama", {"context_length": trained}), machine(8)).context_length

    assert (context(131_072), context(2_048), context(0), context(-5)) == (16_384, 2_048, 16_384, 16_384)
    assert default_load(header("llama", {}), machine(8)).context_length == 16_384


def test_one_thread_per_core() -> None:
    load = default_load(header("llama", {}), machine(8))

    assert (load.threads, load.threads_batch) == (8, 8)


def test_layers_are_left_to_the_forecast_where_there_is_a_gpu() -> None:
    assert default_load(header("llama", {}), machine(8, gpu(8))).n_gpu_layers == AUTO_GPU_LAYERS
    assert default_load(header("llama", {}), machine(8)).n_gpu_layers == 0
    assert default_load(header("llama", {}), machine(8, gpu(8, device=None))).n_gpu_layers == 0


def test_a_chat_needs_one_row_of_logits() -> None:
    load = default_load(header("llama", {}), machine(8))

    assert (load.n_outputs_max, load.n_batch, load.n_ubatch, load.load_mode) == (1, 512, 512, "none")
