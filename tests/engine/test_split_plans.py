"""What the engine plans where layers are split between a GPU and the RAM."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from garden.core.dry_run import ImaginedGpu, Plan
from garden.core.held_memory import RAM
from garden.core.run_configuration import LoadParameters
from garden.engine.library import EngineLibrary
from garden.engine.planner import Planner
from garden.fit.devices import Budget
from garden.fit.needs import Needs
from garden.fit.placement import Leaning, Placer
from tests.fit.drawn_models import FAMILIES, drawn_model
from tests.fit.hollow import hollow, published_for_engine

pytestmark = pytest.mark.engine

GPU = "CUDA0"
PLENTY = 2**42


@pytest.fixture(scope="module")
def planner() -> Iterator[Planner]:
    planner = Planner(EngineLibrary())
    yield planner
    planner.close()


def planned(planner: Planner, path: Path, load: LoadParameters) -> Plan:
    return planner.plan(path, load, (ImaginedGpu(name=GPU, memory_bytes=PLENTY),))


def plenty(name: str, kind: Literal["ram", "gpu"]) -> Budget:
    return Budget(
        name=name,
        kind=kind,
        total_bytes=PLENTY,
        available_bytes=PLENTY,
        beside_bytes=0,
        margin_bytes=0,
        device=name,
    )


#: Relative to what the engine plans at 131,072 tokens, where caches are most of it; those alone with bounds vary more.
@pytest.mark.parametrize(
    ("repo_id", "within"),
    [
        ("Qwen/Qwen3-8B", 0.01),
        ("google/gemma-3-27b-it", 0.01),
        ("meta-llama/Llama-3.3-70B-Instruct", 0.03),
        ("Qwen/Qwen3-30B-A3B", 0.05),
        ("zai-org/GLM-4.5-Air", None),
        ("deepseek-ai/DeepSeek-V2-Lite-Chat", None),
    ],
)
@pytest.mark.parametrize("kv_type", ["f16", "q8_0"])
def test_prompts_borrow_the_caches_of_layers_in_ram(
    planner: Planner, tmp_path: Path, repo_id: str, within: float | None, kv_type: str
) -> None:
    header = published_for_engine(repo_id)
    path = hollow(header, tmp_path)
    for context in (8_192, 65_536, 131_072):
        load = LoadParameters(context_length=context, flash_attention="on", type_k=kv_type, type_v=kv_type)
        placer = Placer(Needs(header, load), plenty(RAM, "ram"), [plenty(GPU, "gpu")], ())
        layers = (header.block_count or 0) // 3
        plan = planned(planner, path, dataclasses.replace(load, n_gpu_layers=layers))
        held = sum(use.compute_bytes for use in plan.buffers if use.device == GPU)

        least, likely, most = (placer.place(context, layers, leaning).gpus[0].compute_bytes for leaning in Leaning)

        assert least <= held <= most
    if within is not None and kv_type == "f16":
        assert likely == pytest.approx(held, rel=within)


@pytest.mark.parametrize("family", FAMILIES)
def test_attention_that_is_fused_in_one_placement_is_so_in_all(planner: Planner, tmp_path: Path, family: str) -> None:
    """But for models with recurrent layers: a search asks once, and takes it for granted of all other placements."""
    path = hollow(drawn_model(family, 0), tmp_path)
    load = LoadParameters(context_length=1_024, flash_attention="auto")
    layers = planned(planner, path, dataclasses.replace(load, n_gpu_layers=0)).n_layers

    plans = [planned(planner, path, dataclasses.replace(load, n_gpu_layers=count)) for count in range(layers + 1)]

    if not any(use.recurrent_bytes for plan in plans for use in plan.buffers):
        assert len({plan.flash_attention for plan in plans}) == 1
