"""The child that plans: several requests, refusals, crashes of the engine, searches, against what a pane reports."""

from __future__ import annotations

import dataclasses
import queue
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from garden.core.dry_run import Allowance, DryRun, DryRunDone, DryRunOutput, DryRunRefused, ImaginedGpu, Plan
from garden.core.held_memory import RAM
from garden.core.messages import BufferUse, Cancel, Failed, Message, ModelLoaded
from garden.core.model_ref import ModelRef
from garden.core.run_configuration import AUTO_GPU_LAYERS, LoadParameters, RunConfiguration
from garden.inference.local_backend import LocalBackend
from garden.process.child import Child, Exit
from tests.fit.hollow import header_of_file, hollow, published_for_engine
from tests.tiny_families import write_sliding_model, write_split_model

pytestmark = pytest.mark.engine

GIB, MIB = 1024**3, 1024**2


class Planning:
    """A child under test."""

    def __init__(self) -> None:
        self._said: queue.Queue[Message | Exit] = queue.Queue()
        self.child: Child[Message] = Child("dry_run", DryRunOutput, on_message=self._said.put, on_exit=self._said.put)

    def answer(self, seconds: float = 60) -> Message | Exit:
        """The next message, or how it ended."""
        return self._said.get(timeout=seconds)

    def ask(self, path: Path, load: LoadParameters | None = None, **more: Any) -> Message | Exit:
        """One request and its answer."""
        self.child.send(DryRun(request_id=7, path=str(path), load=load or LoadParameters(), **more))
        return self.answer()

    def done(self, path: Path, load: LoadParameters | None = None, **more: Any) -> DryRunDone:
        """The same for a request that must succeed."""
        answer = self.ask(path, load, **more)
        assert isinstance(answer, DryRunDone), answer
        return answer


@pytest.fixture
def planning() -> Iterator[Planning]:
    made = Planning()
    yield made
    made.child.kill()
    assert made.child.wait(20)


def pane(path: Path, load: LoadParameters) -> ModelLoaded:
    """What a real pane reports after loading."""
    backend = LocalBackend()
    try:
        ref = ModelRef(name=path.stem, filenames=(path.name,), path=str(path))
        return backend.load(RunConfiguration(model=ref, load=load))
    finally:
        backend.close()
        assert backend.wait_closed(20)


def as_reported(plan: Plan) -> set[BufferUse]:
    return {
        BufferUse(
            name=use.buffer,
            weights_bytes=use.weights_bytes,
            context_bytes=use.kv_cache_bytes + use.recurrent_bytes,
            compute_bytes=use.compute_bytes,
        )
        for use in plan.buffers
    }


LOADS = (
    LoadParameters(context_length=512),
    LoadParameters(context_length=2_048, type_k="q8_0", type_v="q8_0"),
    LoadParameters(context_length=1_500, n_batch=64, n_ubatch=64, n_sequences=2, n_outputs_max=2),
    LoadParameters(context_length=2_048, flash_attention="off"),
)


@pytest.mark.parametrize("load", LOADS)
def test_a_plan_is_what_a_pane_reports(
    planning: Planning, tiny_model: Path, tmp_path: Path, load: LoadParameters
) -> None:
    plan = planning.done(hollow(header_of_file(tiny_model), tmp_path), load).plan

    loaded = pane(tiny_model, load)
    assert as_reported(plan) == set(loaded.buffers)
    assert plan.context_length == loaded.configuration.load.context_length
    assert plan.flash_attention is (loaded.configuration.load.flash_attention == "on")


def test_shards_and_windows_are_planned_too(planning: Planning, tmp_path: Path) -> None:
    first = write_split_model(tmp_path)[0]
    sliding = write_sliding_model(tmp_path / "sliding.gguf")

    for path in (first, sliding):
        load = LoadParameters(context_length=1_024)
        plan = planning.done(hollow(header_of_file(path), tmp_path), load).plan
        assert as_reported(plan) == set(pane(path, load).buffers)


@pytest.mark.starter
@pytest.mark.parametrize("load", [LoadParameters(context_length=8_192), *LOADS[1:]])
def test_the_starter_is_planned_as_its_pane_reports(
    planning: Planning, starter_path: Path, tmp_path: Path, load: LoadParameters
) -> None:
    plan = planning.done(hollow(header_of_file(starter_path), tmp_path), load).plan

    assert as_reported(plan) == set(pane(starter_path, load).buffers)


def test_a_refusal_leaves_it_ready_for_the_next(planning: Planning, tiny_model: Path, tmp_path: Path) -> None:
    header = header_of_file(tiny_model)
    path = hollow(header, tmp_path)

    refused = planning.ask(path, LoadParameters(flash_attention="off", type_v="q4_0"))
    assert isinstance(refused, DryRunRefused)
    assert (refused.request_id, refused.sentence) == (7, "A q4_0 V cache needs flash attention.")

    nonsense = planning.ask(path, LoadParameters(context_length=0))
    assert isinstance(nonsense, DryRunRefused)
    gone = planning.ask(tmp_path / "gone.gguf")
    assert isinstance(gone, DryRunRefused)

    assert planning.done(path).plan.n_layers == 3


@pytest.mark.parametrize(
    "content", [b"", b"GGUF", b"GGUF" + bytes(64), b"\xff" * 4_096, b"GGUF\x03\0\0\0" + b"\xff" * 99]
)
def test_what_is_no_header_is_refused(planning: Planning, tmp_path: Path, tiny_model: Path, content: bytes) -> None:
    path = tmp_path / "broken.gguf"
    path.write_bytes(content)

    answer = planning.ask(path)

    assert isinstance(answer, DryRunRefused)
    assert answer.sentence.endswith(".")
    assert planning.done(hollow(header_of_file(tiny_model), tmp_path)).plan.n_layers == 3


def test_a_header_that_the_engine_aborts_over_ends_the_child_alone(
    planning: Planning, tiny_model: Path, tmp_path: Path
) -> None:
    header = header_of_file(tiny_model)
    # Experts of whom none is used: asserted against, not refused.
    wrong = dataclasses.replace(header, metadata={**header.metadata, "llama.expert_count": 3})

    answer = planning.ask(hollow(wrong, tmp_path))

    assert isinstance(answer, Exit)
    assert "GGML_ASSERT" in answer.log


def test_damaged_bytes_are_refused_or_end_the_child(tiny_model: Path, tmp_path: Path) -> None:
    whole = hollow(header_of_file(tiny_model), tmp_path)
    size, head = whole.stat().st_size, whole.read_bytes()[:3_000]
    draw = random.Random(5)
    planning: Planning | None = None
    for number in range(40):
        damaged = bytearray(head)
        for _ in range(draw.randint(1, 6)):
            damaged[draw.randrange(len(damaged))] = draw.randrange(256)
        path = tmp_path / f"damaged-{number}.gguf"
        with path.open("wb") as file:
            file.write(damaged)
            file.truncate(size if draw.random() < 0.8 else draw.randrange(size))
        planning = planning or Planning()
        answer = planning.ask(path)
        assert isinstance(answer, DryRunDone | DryRunRefused | Exit), answer
        if isinstance(answer, Exit):
            assert answer.code != 0
            planning = None
    if planning is not None:
        planning.child.kill()
        assert planning.child.wait(20)


def test_memory_for_planning_is_bounded(planning: Planning, tmp_path: Path) -> None:
    # 256 recurrent states of 55 MiB are made even in a plan.
    path = hollow(published_for_engine("ibm-granite/granite-4.0-h-tiny"), tmp_path)

    answer = planning.ask(path, LoadParameters(context_length=65_536, n_sequences=256, n_outputs_max=256))

    assert isinstance(answer, DryRunRefused)
    assert answer.out_of_memory


def test_the_largest_context_is_that_of_trying_all(planning: Planning, tiny_model: Path, tmp_path: Path) -> None:
    path = hollow(header_of_file(tiny_model), tmp_path)

    def need(context: int) -> int:
        return planning.done(path, LoadParameters(context_length=context)).plan.on(RAM)

    needs = {context: need(context) for context in range(256, 4_097, 256)}
    for context, size in needs.items():
        for spare, expected in ((0, context), (-1, context - 256)):
            answer = planning.done(
                path, LoadParameters(), allowances=(Allowance(device=RAM, bytes=size + spare),), context_limit=4_096
            )
            fitting = [other for other, other_size in needs.items() if other_size <= size + spare]
            assert answer.largest_context == max(fitting, default=0)
            assert answer.largest_context <= max(expected, max(fitting, default=0))


@pytest.mark.parametrize("repo_id", ["Qwen/Qwen3-8B", "ibm-granite/granite-4.0-h-tiny", "google/gemma-3-4b-it"])
def test_the_best_number_of_layers_is_that_of_trying_all(planning: Planning, tmp_path: Path, repo_id: str) -> None:
    header = published_for_engine(repo_id)
    path = hollow(header, tmp_path)
    gpus = (ImaginedGpu(name="GPU0", memory_bytes=8 * GIB),)
    count = (header.block_count or 0) + 1
    load = LoadParameters(context_length=8_192)

    def on_gpu(layers: int) -> int:
        return planning.done(path, dataclasses.replace(load, n_gpu_layers=layers), gpus=gpus).plan.on("GPU0")

    needs = {layers: on_gpu(layers) for layers in range(count + 1)}
    for layers in (count // 3, count - 1, count):
        for spare in (MIB, -MIB):
            room = needs[layers] + spare
            answer = planning.done(
                path,
                dataclasses.replace(load, n_gpu_layers=AUTO_GPU_LAYERS),
                gpus=gpus,
                allowances=(Allowance(device=RAM, bytes=64 * GIB), Allowance(device="GPU0", bytes=room)),
            )
            best = max((number for number, need in needs.items() if need <= room), default=0)
            assert answer.plan.n_gpu_layers == best


def test_of_unequal_gpus_the_best_number_is_found_too(planning: Planning, tmp_path: Path) -> None:
    """6, 8 and 10 layers fit, 7 and 9 do not: the small GPU gets one with every other layer."""
    path = hollow(published_for_engine("deepseek-ai/DeepSeek-V2-Lite-Chat"), tmp_path)
    sizes = {"A": 2_837 * MIB, "B": 257 * MIB, "C": 2_134 * MIB}
    gpus = tuple(ImaginedGpu(name=name, memory_bytes=size) for name, size in sizes.items())
    load = LoadParameters(context_length=4_096)

    def fits(layers: int) -> bool:
        plan = planning.done(path, dataclasses.replace(load, n_gpu_layers=layers), gpus=gpus).plan
        return all(plan.on(name) <= size for name, size in sizes.items())

    best = max(layers for layers in range(29) if fits(layers))
    answer = planning.done(
        path,
        dataclasses.replace(load, n_gpu_layers=AUTO_GPU_LAYERS),
        gpus=gpus,
        allowances=tuple(Allowance(device=name, bytes=size) for name, size in sizes.items()),
    )

    assert answer.plan.n_gpu_layers == best


def test_a_cancel_between_two_plans_ends_the_search(planning: Planning, tmp_path: Path) -> None:
    path = hollow(published_for_engine("meta-llama/Llama-3.3-70B-Instruct"), tmp_path)
    planning.done(path)
    search = DryRun(
        request_id=8,
        path=str(path),
        load=LoadParameters(n_gpu_layers=AUTO_GPU_LAYERS),
        gpus=(ImaginedGpu(name="GPU0", memory_bytes=8 * GIB),),
        allowances=(Allowance(device=RAM, bytes=48 * GIB), Allowance(device="GPU0", bytes=8 * GIB)),
        context_limit=131_072,
    )

    planning.child.send(search)
    planning.child.send(Cancel())

    answer = planning.answer()
    assert isinstance(answer, Failed)
    assert answer.kind == "CancelledByUser"
    assert planning.done(path).plan.n_layers == 81


def test_closing_its_input_ends_it(planning: Planning, tiny_model: Path, tmp_path: Path) -> None:
    planning.done(hollow(header_of_file(tiny_model), tmp_path))

    planning.child.close()

    ended = planning.child.wait(20)
    assert ended is not None
    assert ended.code == 0, ended.log
    assert not psutil.pid_exists(planning.child.pid)
