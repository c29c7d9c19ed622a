"""What the engine says it holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from garden.core.messages import BufferUse
from garden.engine.breakdown import from_log
from garden.engine.context import Context
from garden.engine.library import EngineLibrary
from garden.engine.model import Model
from tests.engine.loading import load_parameters

MIB = 1024 * 1024


@pytest.mark.engine
@pytest.mark.parametrize(("type_k", "bytes_per_value"), [("f16", 2.0), ("q8_0", 34 / 32)])
def test_the_cache_is_as_large_as_its_shape_says(
    engine: EngineLibrary, tiny_model: Path, type_k: str, bytes_per_value: float
) -> None:
    load = load_parameters(context_length=1_024, type_k=type_k, type_v=type_k)
    with Model(engine, tiny_model, load) as model:
        context = Context(model, load)
        use = context.buffers()
        context.close()

    # 2 layers · 1,024 cells · (K + V) · 2 heads · 64 values
    assert sum(buffer.context_bytes for buffer in use) == 2 * 1_024 * 2 * 2 * 64 * bytes_per_value


@pytest.mark.engine
def test_the_log_tells_the_same_within_its_rounding(engine: EngineLibrary, tiny_model: Path) -> None:
    engine.log.lines.clear()
    load = load_parameters()
    with Model(engine, tiny_model, load) as model:
        context = Context(model, load)
        exact, read = context.buffers(), from_log(engine.log.lines)
        context.close()

    assert [buffer.name for buffer in read] == [buffer.name for buffer in exact]
    for one, other in zip(read, exact, strict=True):
        assert abs(one.weights_bytes - other.weights_bytes) <= 0.01 * MIB
        assert abs(one.context_bytes - other.context_bytes) <= 0.01 * MIB
        assert abs(one.compute_bytes - other.compute_bytes) <= 0.02 * MIB


def test_the_log_of_a_split_model_is_read_by_device() -> None:
    lines = [
        "load_tensors:   CPU_Mapped model buffer size =  100.00 MiB",
        "load_tensors:        CUDA0 model buffer size = 2048.50 MiB",
        "llama_kv_cache:      CUDA0 KV buffer size =   64.00 MiB",
        "llama_memory_recurrent:      CUDA0 RS buffer size =    1.00 MiB",
        "llama_context:        CPU  output buffer size =     0.50 MiB",
        "sched_reserve:      CUDA0 compute buffer size =   32.00 MiB",
    ]

    assert from_log(lines) == (
        BufferUse(name="CPU_Mapped", weights_bytes=100 * MIB, context_bytes=0, compute_bytes=0),
        BufferUse(name="CUDA0", weights_bytes=2048 * MIB + MIB // 2, context_bytes=65 * MIB, compute_bytes=32 * MIB),
        BufferUse(name="CPU", weights_bytes=0, context_bytes=0, compute_bytes=MIB // 2),
    )
