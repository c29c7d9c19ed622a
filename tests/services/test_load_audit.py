from __future__ import annotations

import dataclasses
from pathlib import Path

import msgspec
import pytest

from garden.core.conversation import GenerationMetrics
from garden.core.messages import BufferUse, ModelLoaded
from garden.core.model_ref import ModelRef
from garden.core.residency import FreeMemory, ResidentForecast, ResidentMarks
from garden.core.run_configuration import LoadParameters, RunConfiguration
from garden.services.garden import Garden
from tests.services.test_compare import configuration

MIB = 1024**2

LOADED = ModelLoaded(
    configuration=RunConfiguration(
        model=ModelRef(name="m", filenames=("m.gguf",), path="/m.gguf"), load=LoadParameters()
    ),
    buffers=(BufferUse(name="CPU", weights_bytes=90 * MIB, context_bytes=8 * MIB, compute_bytes=2 * MIB),),
    kv_cache_bytes=8 * MIB,
    load_seconds=0.4,
    resident_bytes=150 * MIB,
    peak_resident_bytes=150 * MIB,
    vocab_size=100,
    has_template=True,
    engine_version="0.3.36",
)
RESIDENT = ResidentForecast(
    process_bytes=50 * MIB, vocabulary_bytes=0, held_bytes=98 * MIB, compute_bytes=2 * MIB, batch_tokens=512
)
ANSWER = GenerationMetrics(
    prompt_tokens=600, reused_tokens=100, completion_tokens=20, peak_memory_bytes=165 * MIB, gpu_peak_bytes=7
)


def test_marks_rise_with_each_answer_and_are_kept(garden: Garden) -> None:
    load_id = garden.audit.loaded(LOADED, None, RESIDENT, garden.audit.free_ram())

    garden.audit.answered(load_id, ANSWER)
    garden.audit.answered(load_id, dataclasses.replace(ANSWER, prompt_tokens=120, peak_memory_bytes=160 * MIB))

    (record,) = garden.audit.records()
    assert record.marks == ResidentMarks(resident_bytes=165 * MIB, gpu_bytes=7, prompt_tokens=500, filled_tokens=620)
    assert record.free[0].device == "CPU"


def test_what_was_learned_is_in_every_reading_from_then_on(garden: Garden) -> None:
    assert garden.machine.snapshot().learned is None
    load_id = garden.audit.loaded(LOADED, None, RESIDENT)
    garden.audit.answered(load_id, ANSWER)

    learned = garden.machine.snapshot().learned

    assert learned is not None
    assert learned == garden.audit.learned
    assert learned.process_bytes == 65 * MIB


def test_the_next_session_remembers_what_was_learned(garden: Garden) -> None:
    load_id = garden.audit.loaded(LOADED, None, RESIDENT)
    garden.audit.answered(load_id, ANSWER)

    with Garden.open() as again:
        again.audit.recall()
        assert again.machine.snapshot().learned == garden.machine.snapshot().learned


def test_an_earlier_load_and_a_new_one_are_two(garden: Garden) -> None:
    garden.audit.loaded(LOADED, None, RESIDENT, 10**9)

    with Garden.open() as again:
        again.audit.loaded(LOADED, None, RESIDENT, 10**9)
        learned = again.audit.learned
        assert learned is not None
        assert learned.ram_loads == 2


def test_after_its_end_a_models_marks_rise_no_more(garden: Garden) -> None:
    load_id = garden.audit.loaded(LOADED, None, RESIDENT)
    garden.audit.ended(load_id)

    garden.audit.answered(load_id, ANSWER)

    assert garden.audit.records()[0].marks == ResidentMarks(resident_bytes=150 * MIB)


def test_a_gpu_keeps_its_free_memory_before_and_after(garden: Garden) -> None:
    gpu = FreeMemory(device="CUDA0", before_bytes=8_000 * MIB, after_bytes=7_200 * MIB, source="driver")
    on_gpu = dataclasses.replace(
        LOADED.configuration, load=dataclasses.replace(LOADED.configuration.load, n_gpu_layers=99)
    )
    loaded = msgspec.structs.replace(
        LOADED,
        configuration=on_gpu,
        buffers=(BufferUse(name="CUDA0", weights_bytes=500 * MIB, context_bytes=0, compute_bytes=0),),
        gpu_free=(gpu,),
    )

    for _ in range(3):
        garden.audit.loaded(loaded, None, RESIDENT)

    record = garden.audit.records()[0]
    assert record.marks.gpu_bytes == 800 * MIB
    learned = garden.audit.learned
    assert learned is not None
    assert [(margin.device, margin.size_bytes) for margin in learned.gpus] == [("CUDA0", 364 * MIB)]


@pytest.mark.engine
def test_a_real_answer_leaves_its_marks(garden: Garden, tiny_model: Path) -> None:
    chat = garden.compare.new([configuration(garden, tiny_model)])

    answer = garden.compare.ask(chat.id, "Hello?").result(60).answers[0]

    (record,) = garden.audit.records()
    assert record.forecast is not None
    assert record.forecast.total_bytes == pytest.approx(record.loaded.buffers_bytes, abs=4_096)
    assert record.resident is not None
    assert record.marks.resident_bytes == answer.metrics.peak_memory_bytes
    assert record.marks.prompt_tokens == answer.metrics.prompt_tokens
    assert [free.device for free in record.free] == ["CPU"]
    learned = garden.machine.snapshot().learned
    assert learned is not None
    assert learned.process_loads == 1


@pytest.mark.engine
def test_a_process_with_a_gpus_driver_is_learned_apart(
    garden: Garden, tiny_model: Path, vulkan_archive: Path, software_gpu: None
) -> None:
    garden.backends.add_file(vulkan_archive).result(100)
    chat = garden.compare.new([configuration(garden, tiny_model).with_load(n_gpu_layers=1)])

    garden.compare.ask(chat.id, "Hello?").result(100)

    (record,) = garden.audit.records()
    assert [free.device for free in record.free] == ["CPU", "Vulkan0"]
    assert "Vulkan0" in [use.name for use in record.loaded.buffers]
    learned = garden.audit.learned
    assert learned is not None
    assert learned.process_bytes is None
    assert (learned.gpu_process_bytes or 0) > 54 * MIB
    # This device says that all of it is free, whatever it holds: no margin is learned from that.
    assert learned.gpus == ()
