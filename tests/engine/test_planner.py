"""Plans against what the engine holds after it really loaded the same file."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from garden.core.dry_run import ImaginedGpu, Plan
from garden.core.errors import EngineError, InvalidFileError
from garden.core.held_memory import RAM
from garden.core.messages import BufferUse
from garden.core.run_configuration import LoadParameters
from garden.engine.context import Context
from garden.engine.library import EngineLibrary
from garden.engine.model import Model
from garden.engine.planner import Planner
from tests.engine.loading import load_parameters
from tests.fit.hollow import header_of_file, hollow, published_for_engine
from tests.tiny_families import write_recurrent_model, write_sliding_model, write_split_model

pytestmark = pytest.mark.engine

LOADS = (
    load_parameters(),
    load_parameters(context_length=2_048, type_k="q8_0", type_v="q4_0"),
    load_parameters(context_length=1_000, n_batch=64, n_ubatch=64),
    load_parameters(context_length=2_048, flash_attention="off"),
    load_parameters(context_length=2_048, n_sequences=4, n_outputs_max=4),
    load_parameters(context_length=2_048, n_sequences=4, n_outputs_max=4, kv_unified=True),
    load_parameters(context_length=2_048, swa_full=True, type_k="f32", type_v="f32"),
    load_parameters(context_length=2_048, n_outputs_max=512, repack=False),
    # More sequences than tokens in a micro-batch: one token of each is computed at once all the same.
    load_parameters(context_length=4_096, n_sequences=16, n_outputs_max=16, n_batch=8, n_ubatch=8),
)


def really_held(engine: EngineLibrary, path: Path, load: LoadParameters) -> tuple[BufferUse, ...]:
    with Model(engine, path, load) as model:
        context = Context(model, load)
        context.warm_up()
        held = context.buffers()
        context.close()
    return held


def as_held(plan: Plan) -> set[BufferUse]:
    return {
        BufferUse(
            name=use.buffer,
            weights_bytes=use.weights_bytes,
            context_bytes=use.kv_cache_bytes + use.recurrent_bytes,
            compute_bytes=use.compute_bytes,
        )
        for use in plan.buffers
    }


@pytest.mark.parametrize("load", LOADS)
def test_a_plan_is_what_is_held_after_loading(
    engine: EngineLibrary, tiny_model: Path, tmp_path: Path, load: LoadParameters
) -> None:
    plan = Planner(engine).plan(hollow(header_of_file(tiny_model), tmp_path), load)

    assert as_held(plan) == set(really_held(engine, tiny_model, load))
    assert {use.device for use in plan.buffers} == {RAM}
    assert (plan.n_layers, plan.n_gpu_layers, plan.generates_text) == (3, 0, True)
    assert plan.flash_attention is (load.flash_attention != "off")


@pytest.mark.parametrize("load", LOADS)
def test_windows_are_planned_as_they_are_held(engine: EngineLibrary, tmp_path: Path, load: LoadParameters) -> None:
    path = write_sliding_model(tmp_path / "sliding.gguf")

    plan = Planner(engine).plan(hollow(header_of_file(path), tmp_path), load)

    assert as_held(plan) == set(really_held(engine, path, load))
    assert not any(use.recurrent_bytes for use in plan.buffers)


@pytest.mark.parametrize("load", [LOADS[0], LOADS[2], LOADS[4], LOADS[8]])
def test_recurrent_states_are_told_from_caches(engine: EngineLibrary, tmp_path: Path, load: LoadParameters) -> None:
    path = write_recurrent_model(tmp_path / "recurrent.gguf")

    plan = Planner(engine).plan(hollow(header_of_file(path), tmp_path), load)

    assert as_held(plan) == set(really_held(engine, path, load))
    assert not any(use.kv_cache_bytes for use in plan.buffers)
    assert sum(use.recurrent_bytes for use in plan.buffers)


def test_a_model_with_both_has_both(engine: EngineLibrary, tmp_path: Path) -> None:
    # 4 layers attend with 4 heads of 128; 36 keep a state of 3·(3,072 + 2·128) + 3,072·128 floats.
    path = hollow(published_for_engine("ibm-granite/granite-4.0-h-tiny"), tmp_path)

    plan = Planner(engine).plan(path, load_parameters(context_length=8_192, n_sequences=2, n_outputs_max=2))

    assert sum(use.kv_cache_bytes for use in plan.buffers) == 4 * 8_192 * 2 * 4 * 128 * 2
    assert sum(use.recurrent_bytes for use in plan.buffers) == 2 * 36 * 4 * (3 * (3_072 + 2 * 128) + 3_072 * 128)


def test_shards_are_planned_as_the_whole_set_is_held(engine: EngineLibrary, tmp_path: Path) -> None:
    shards = write_split_model(tmp_path)
    assert len(shards) > 2
    load = load_parameters(context_length=1_024)

    plan = Planner(engine).plan(hollow(header_of_file(shards[1]), tmp_path), load)

    assert as_held(plan) == set(really_held(engine, shards[0], load))


@pytest.mark.starter
@pytest.mark.parametrize("load", LOADS)
def test_the_starter(engine: EngineLibrary, starter_path: Path, tmp_path: Path, load: LoadParameters) -> None:
    plan = Planner(engine).plan(hollow(header_of_file(starter_path), tmp_path), load)

    assert as_held(plan) == set(really_held(engine, starter_path, load))


def test_the_same_model_is_not_loaded_again_for_another_context(
    engine: EngineLibrary, tiny_model: Path, tmp_path: Path
) -> None:
    planner = Planner(engine)
    path = hollow(header_of_file(tiny_model), tmp_path)
    small, large = (planner.plan(path, load_parameters(context_length=size)) for size in (512, 1_024))
    planner.close()

    assert sum(use.kv_cache_bytes for use in large.buffers) == 2 * sum(use.kv_cache_bytes for use in small.buffers)
    assert Planner(engine).plan(path, load_parameters(context_length=1_024)) == large


def test_another_header_in_the_same_place_is_another_plan(
    engine: EngineLibrary, tiny_model: Path, tmp_path: Path
) -> None:
    planner = Planner(engine)
    before = planner.plan(hollow(header_of_file(tiny_model), tmp_path), load_parameters())
    after = planner.plan(hollow(published_for_engine("Qwen/Qwen3-0.6B"), tmp_path), load_parameters())

    assert (before.n_layers, after.n_layers) == (3, 29)


def test_an_unknown_architecture_is_named(engine: EngineLibrary, tiny_model: Path, tmp_path: Path) -> None:
    header = header_of_file(tiny_model)
    strange = dataclasses.replace(header, metadata={**header.metadata, "general.architecture": "never-heard-of"})

    with pytest.raises(InvalidFileError, match="does not know the architecture “never-heard-of”"):
        Planner(engine).plan(hollow(strange, tmp_path), load_parameters())


def test_what_the_engine_refuses_comes_with_its_own_words(
    engine: EngineLibrary, tiny_model: Path, tmp_path: Path
) -> None:
    header = header_of_file(tiny_model)
    lacking = dataclasses.replace(header, tensors=header.tensors[:-1])
    planner = Planner(engine)

    with pytest.raises(InvalidFileError, match=r"refuses this model: tensor '[\w.]+' not found\."):
        planner.plan(hollow(lacking, tmp_path), load_parameters())
    with pytest.raises(EngineError, match="V cache needs flash attention"):
        planner.plan(hollow(header, tmp_path), load_parameters(flash_attention="off", type_v="q8_0"))
    # It goes on.
    assert planner.plan(tmp_path / "hollow.gguf", load_parameters()).n_layers == 3


def test_an_imagined_gpu_holds_the_last_layers_first(engine: EngineLibrary, tmp_path: Path) -> None:
    header = published_for_engine("meta-llama/Llama-3.1-8B-Instruct")
    path = hollow(header, tmp_path)
    gpus = (ImaginedGpu(name="GPU0", memory_bytes=24 * 1024**3),)
    planner = Planner(engine)

    def on_gpu(layers: int) -> tuple[int, int]:
        plan = planner.plan(path, load_parameters(context_length=8_192, n_gpu_layers=layers), gpus)
        uses = [use for use in plan.buffers if use.device == "GPU0"]
        return sum(use.weights_bytes for use in uses), sum(use.kv_cache_bytes for use in uses)

    sizes = {tensor.name: tensor.size_bytes for tensor in header.tensors}
    output = sizes["output.weight"] + sizes["output_norm.weight"]
    blocks = [sum(size for name, size in sizes.items() if name.startswith(f"blk.{n}.")) for n in range(32)]
    # One layer's cache: 8,192 tokens, K and V, 8 heads of 128, two bytes.
    cache = 8_192 * 2 * 8 * 128 * 2
    assert on_gpu(0) == (0, 0)
    assert on_gpu(1) == (output, 0)
    assert on_gpu(16) == (output + sum(blocks[17:]), 15 * cache)
    assert on_gpu(33) == (output + sum(blocks), 32 * cache)


def test_imagined_gpus_share_the_layers_by_their_memory(engine: EngineLibrary, tmp_path: Path) -> None:
    path = hollow(published_for_engine("Qwen/Qwen3-8B"), tmp_path)
    gpus = tuple(ImaginedGpu(name=name, memory_bytes=size * 1024**3) for name, size in (("A", 24), ("B", 8)))

    plan = Planner(engine).plan(path, load_parameters(context_length=4_096, n_gpu_layers=37), gpus)

    weights = {name: sum(use.weights_bytes for use in plan.buffers if use.device == name) for name in ("A", "B", RAM)}
    assert plan.n_gpu_layers == 37
    assert weights["A"] > 2 * weights["B"] > 0
    # The embedding stays in RAM, in pinned memory.
    assert weights[RAM] > 0
    assert {use.buffer for use in plan.buffers} == {"A", "B", "A_Host"}


def test_experts_can_stay_in_ram_beside_an_imagined_gpu(engine: EngineLibrary, tmp_path: Path) -> None:
    path = hollow(published_for_engine("Qwen/Qwen3-30B-A3B"), tmp_path)
    gpus = (ImaginedGpu(name="GPU0", memory_bytes=24 * 1024**3),)
    load = load_parameters(context_length=4_096, n_gpu_layers=49)
    placed = dataclasses.replace(load, tensor_placement=((r"\.ffn_(up|down|gate|gate_up)_(ch|)exps", "CPU"),))

    plan = Planner(engine).plan(path, placed, gpus)

    held = sum(use.weights_bytes for use in plan.buffers if use.device == "GPU0")
    assert 700 * 1024**2 < held < 900 * 1024**2
    onto = dataclasses.replace(load, n_gpu_layers=0, tensor_placement=((r"blk\.0\.attn_q", "GPU0"),))
    moved = Planner(engine).plan(path, onto, gpus)
    assert sum(use.weights_bytes for use in moved.buffers if use.device == "GPU0") > 0


def test_no_gpu_can_be_imagined_as_well(engine: EngineLibrary, tiny_model: Path, tmp_path: Path) -> None:
    path = hollow(header_of_file(tiny_model), tmp_path)

    plan = Planner(engine).plan(path, load_parameters(n_gpu_layers=3), ())

    assert {use.device for use in plan.buffers} == {RAM}
    assert plan.n_gpu_layers == 0
