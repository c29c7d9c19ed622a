"""Plans of configurations that are there already: with a GPU that is imagined, since none is needed to plan."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection

import pytest

from garden.core.fit_forecast import FitForecast, Verdict
from garden.core.hardware_snapshot import Cpu, Gpu, HardwareSnapshot
from garden.core.held_memory import HeldMemory
from garden.core.load_choice import LoadChoice
from garden.core.model_ref import ModelRef
from garden.core.quantity import GIB
from garden.core.run_configuration import Adapter, LoadParameters, RunConfiguration
from garden.fit import default_load, estimator
from garden.gguf.header import GgufHeader
from garden.services.pane_plan import Room, chosen_anew, plan_behind
from tests.fit.headers import published

MODEL = ModelRef(name="Qwen3", filenames=("qwen3.gguf",), path="/qwen3.gguf")
CARD = Gpu(name="Card", vendor="nvidia", memory_total_bytes=8 * GIB, memory_free_bytes=4 * GIB, device="CUDA0")
HERE = HardwareSnapshot(
    ram_total_bytes=32 * GIB,
    ram_available_bytes=20 * GIB,
    cpu=Cpu(name="CPU", physical_cores=4, threads=8),
    gpus=(CARD,),
    held=(HeldMemory(pid=7, device="CUDA0", size_bytes=3 * GIB, taken_bytes=3 * GIB),),
)

ALONE = Room()


class Forecasts:
    """The estimator, on one machine."""

    def default_load(self, header: GgufHeader, machine: HardwareSnapshot | None = None) -> LoadParameters:
        return default_load.default_load(header, machine or HERE)

    def forecast_header(
        self,
        header: GgufHeader,
        load: LoadParameters,
        machine: HardwareSnapshot | None = None,
        *,
        ask_engine: bool = True,
        without: Collection[int] = (),
    ) -> FitForecast:
        return estimator.forecast(header, load, (machine or HERE).without(without))


FIT = Forecasts()


@pytest.fixture
def header() -> GgufHeader:
    return published("Qwen/Qwen3-8B")


def configuration(header: GgufHeader, choice: LoadChoice, room: Room = ALONE, **load: object) -> RunConfiguration:
    run = chosen_anew(FIT, RunConfiguration(model=MODEL), header, choice, room).configuration
    return run.with_load(**load)


def test_layers_that_were_found_are_no_choice_and_are_found_anew(header: GgufHeader) -> None:
    run = configuration(header, LoadChoice(context_length=4_096))

    plan = plan_behind(FIT, run, header, Room())
    longer = chosen_anew(FIT, run, header, plan.choice.with_values(context_length=32_768), Room())

    assert plan.choice == LoadChoice(context_length=4_096)
    assert plan.configuration == run
    assert 0 < longer.load.n_gpu_layers < run.load.n_gpu_layers


def test_layers_that_were_chosen_stay(header: GgufHeader) -> None:
    run = configuration(header, LoadChoice(n_gpu_layers=5))
    plan = plan_behind(FIT, run, header, Room())
    assert plan.choice == LoadChoice(n_gpu_layers=5)
    assert plan.found_layers is not None
    assert plan.found_layers > 5
    assert chosen_anew(FIT, run, header, plan.choice.with_values(type_k="q8_0"), Room()).load.n_gpu_layers == 5


def test_what_the_pane_itself_holds_makes_room_for_more_layers(header: GgufHeader) -> None:
    run = configuration(header, LoadChoice())
    alone = chosen_anew(FIT, run, header, LoadChoice(), Room(always=(7,)))
    assert alone.load.n_gpu_layers > run.load.n_gpu_layers
    gpu = next(device for device in alone.forecast.devices if device.kind == "gpu")
    assert (gpu.held_bytes, gpu.freed_bytes) == (0, 3 * GIB)


def test_layers_are_found_as_if_idle_models_were_gone_and_these_go_only_at_need(header: GgufHeader) -> None:
    at_need = Room(at_need=(7,))
    run = configuration(header, LoadChoice(), at_need)

    plan = plan_behind(FIT, run, header, at_need)

    assert run.load.n_gpu_layers == configuration(header, LoadChoice(), Room(always=(7,))).load.n_gpu_layers
    assert plan.choice == LoadChoice()
    gpu = next(device for device in plan.forecast.devices if device.kind == "gpu")
    # It fits by what is likely; of a split the formula cannot tell to the byte, and the engine is not asked here.
    assert all(device.need_bytes <= device.available_bytes for device in plan.forecast.devices)
    assert (plan.forecast.verdict, gpu.held_bytes, gpu.freed_bytes) == (Verdict.UNKNOWN, 0, 3 * GIB)
    few = plan_behind(FIT, run.with_load(n_gpu_layers=3), header, at_need)
    gpu = next(device for device in few.forecast.devices if device.kind == "gpu")
    assert (gpu.held_bytes, gpu.freed_bytes) == (3 * GIB, 0)


def test_what_no_choice_tells_of_stays(header: GgufHeader) -> None:
    run = configuration(
        header, LoadChoice(), adapters=(Adapter(path="/lora.gguf"),), tensor_placement=((r"blk\.0\..*", "CPU"),)
    )
    plan = chosen_anew(FIT, run, header, LoadChoice(type_k="q8_0"), Room())
    assert plan.load == dataclasses.replace(run.load, type_k="q8_0", n_gpu_layers=plan.load.n_gpu_layers)
    assert chosen_anew(FIT, run, header, LoadChoice(cpu_experts=0), Room()).load.tensor_placement == ()
