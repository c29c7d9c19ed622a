"""Measuring a model by its twins, by the worker itself."""

from __future__ import annotations

import dataclasses
import threading

import pytest

from garden.core.errors import CancelledByUser, RefusedError, WorkerDiedError
from garden.core.fit_forecast import SpeedSource
from garden.core.model_ref import ModelRef
from garden.core.run_configuration import LoadParameters
from garden.gguf.made_up_model import MadeUpModel
from garden.services import twin_runs
from garden.services.garden import Garden
from garden.services.twin_runs import TwinService
from tests.services.measuring import children, made, until

LOAD = LoadParameters(context_length=2_048, threads=1, threads_batch=1)
SHAPE = MadeUpModel(width=512, feed_forward=1536, heads=8, kv_heads=4, blocks=16, vocabulary=8_192, weights="Q4_0")
REF = ModelRef(name="Made Up", filenames=("Made-Up-Q4_0.gguf",), repo_id="owner/Made-Up-GGUF", quant_type="Q4_0")


def test_a_model_that_is_not_here_is_measured_and_its_speed_remembered(garden: Garden) -> None:
    header = SHAPE.header()

    record = garden.twins.measure_header(header, REF, LOAD).result(60)

    assert record.twin
    assert record.decode_tokens_per_second > 1
    assert record.prefill_tokens_per_second is not None and record.prefill_tokens_per_second > 1
    assert made() == []
    told = garden.fit.forecast_remote(REF, header, LOAD)
    assert told.speed_source is SpeedSource.TWIN
    assert told.decode_tokens_per_second == record.decode_tokens_per_second


def test_a_model_that_is_loaded_with_a_batch_of_a_few_tokens_is_measured_with_such_prompts(garden: Garden) -> None:
    load = dataclasses.replace(LOAD, n_batch=16, n_ubatch=16)

    record = garden.twins.measure_header(SHAPE.header(), REF, load).result(60)

    assert record.prompt_tokens == 16
    assert record.decode_tokens_per_second > 1


def test_a_cancel_leaves_nothing(garden: Garden) -> None:
    handle = garden.twins.measure_header(SHAPE.header(), REF, LOAD)
    until(lambda: children("twin"))

    handle.cancel()
    with pytest.raises(CancelledByUser):
        handle.result(10)

    assert children("twin") == []
    assert made() == []


def test_a_child_that_is_killed_is_told(garden: Garden) -> None:
    handle = garden.twins.measure_header(SHAPE.header(), REF, LOAD)
    until(lambda: children("twin"))

    children("twin")[0].kill()
    with pytest.raises(WorkerDiedError) as caught:
        handle.result(10)

    assert caught.value.sentence and caught.value.action
    assert made() == []


def test_too_little_memory_is_refused(garden: Garden, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(twin_runs, "_ROOM_BYTES", 100_000)

    with pytest.raises(RefusedError, match="of memory even with"):
        garden.twins.measure_header(SHAPE.header(), REF, LOAD).result(30)


def test_it_waits_for_panes_that_answer(garden: Garden) -> None:
    answering = threading.Event()
    answering.set()
    service = TwinService(garden.bus, garden.fit, garden.machine, garden.activity, answering.is_set)

    handle = service.measure_header(SHAPE.header(), REF, LOAD)

    until(lambda: any(job.note == "Waiting until the panes have answered" for job in garden.activity.jobs()))
    assert children("twin") == []
    answering.clear()
    assert handle.result(60).twin


def test_what_was_measured_with_other_options_is_not_told_of_these(garden: Garden) -> None:
    header = SHAPE.header()

    record = garden.twins.measure_header(header, REF, LOAD).result(60)

    quantized = garden.fit.forecast_remote(REF, header, dataclasses.replace(LOAD, type_k="q8_0", type_v="q8_0"))
    assert quantized.speed_source is not SpeedSource.TWIN
    batches = garden.fit.forecast_remote(REF, header, dataclasses.replace(LOAD, n_ubatch=64))
    assert (batches.decode_tokens_per_second, batches.prefill_tokens_per_second) == (
        record.decode_tokens_per_second,
        None,
    )
