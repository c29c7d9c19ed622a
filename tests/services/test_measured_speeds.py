from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import pytest

from garden.core.conversation import Answer, GenerationMetrics
from garden.core.model_ref import ModelRef
from garden.core.run_configuration import LoadParameters, RunConfiguration
from garden.services.garden import Garden
from garden.store.speeds import SpeedRecord
from tests.fit.headers import published_items
from tests.hubserver import gguf_header
from tests.hubserver.mixture import MIXTURES, stored_tensors
from tests.hubserver.shapes import Model

QWEN = "Qwen/Qwen3-0.6B"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def file_of(folder: Path, quant_type: str) -> ModelRef:
    """A file with the header and the size of a real one, and no weights in it."""
    model, mixture = Model(published_items()[QWEN]), MIXTURES[quant_type]
    stored = list(stored_tensors(model, mixture))
    path = folder / f"Qwen3-0.6B-{quant_type}.gguf"
    header = gguf_header.header(model, mixture, stored, 0, 1, len(stored))
    path.write_bytes(header)
    size = len(header) + sum(tensor.size_bytes for tensor in stored)
    os.truncate(path, size)
    return ModelRef(name="Qwen3-0.6B", filenames=(path.name,), path=str(path), size_bytes=size, quant_type=quant_type)


def ran(garden: Garden, ref: ModelRef, rate: float, load: LoadParameters, tokens: int = 100) -> None:
    metrics = GenerationMetrics(prompt_tokens=974, completion_tokens=tokens, decode_tokens_per_second=rate)
    garden.fit.remember_speed(Answer(pane="A", configuration=RunConfiguration(model=ref, load=load), metrics=metrics))


def expected(garden: Garden, ref: ModelRef, load: LoadParameters) -> tuple[Any, int]:
    forecast = garden.fit.forecast_header(garden.fit.header(ref), load)
    return forecast.decode_tokens_per_second, forecast.speed_runs


LOAD = LoadParameters(context_length=4_096, threads=2)


def test_runs_of_one_file_tell_the_speed_of_another(garden: Garden, folder: Path) -> None:
    small, large = file_of(folder, "Q4_0"), file_of(folder, "Q8_0")
    ran(garden, small, 20.0, LOAD)
    ran(garden, small, 20.0, LOAD)

    # The same depth as the runs had, so the same file gives their speed back.
    assert expected(garden, small, LOAD) == (pytest.approx(20.0), 2)
    rate, runs = expected(garden, large, LOAD)
    assert rate is not None
    # 4.5 bits per weight against 8.5; the cache, a fifth of what the small one reads, and the embedding stay.
    assert 12.0 < rate < 14.0
    assert runs == 2


def test_a_run_says_what_the_engine_made_of_auto(garden: Garden, folder: Path) -> None:
    ref = file_of(folder, "Q4_0")
    ran(garden, ref, 20.0, dataclasses.replace(LOAD, flash_attention="on"))

    assert expected(garden, ref, dataclasses.replace(LOAD, flash_attention="auto")) == (pytest.approx(20.0), 1)


def test_the_context_and_the_batch_of_a_run_do_not_matter(garden: Garden, folder: Path) -> None:
    ref = file_of(folder, "Q4_0")
    ran(garden, ref, 20.0, LOAD)

    other = dataclasses.replace(LOAD, context_length=8_192, n_ubatch=256, threads_batch=8)
    assert expected(garden, ref, other) == (pytest.approx(20.0), 1)


@pytest.mark.parametrize(
    "change", [{"threads": 1}, {"type_k": "q8_0"}, {"flash_attention": "off"}, {"repack": False}], ids=str
)
def test_runs_with_other_settings_tell_nothing(garden: Garden, folder: Path, change: dict[str, object]) -> None:
    ref = file_of(folder, "Q4_0")
    ran(garden, ref, 20.0, LOAD)

    other = dataclasses.replace(LOAD, **change)  # type: ignore[arg-type]  # fields of the parameters
    assert expected(garden, ref, other) == (None, 0)
    assert not garden.fit.forecast(ref, other).speed_is_measured
    assert garden.fit.forecast(ref, LOAD).speed_is_measured


def test_of_another_machine_nothing_is_known(garden: Garden, folder: Path) -> None:
    ref = file_of(folder, "Q4_0")
    ran(garden, ref, 20.0, LOAD)
    other = dataclasses.replace(garden.machine.snapshot(), ram_total_bytes=2**36, ram_available_bytes=2**36)

    assert garden.fit.forecast_header(garden.fit.header(ref), LOAD, other).decode_tokens_per_second is None
    assert garden.fit.forecast(ref, LOAD, other).decode_tokens_per_second is None


def test_a_short_answer_tells_nothing(garden: Garden, folder: Path) -> None:
    ref = file_of(folder, "Q4_0")
    ran(garden, ref, 20.0, LOAD, tokens=15)

    assert expected(garden, ref, LOAD) == (None, 0)


def test_a_file_that_ran_shows_its_own_speed_and_no_count(garden: Garden, folder: Path) -> None:
    ref, other = file_of(folder, "Q4_0"), file_of(folder, "Q8_0")
    ran(garden, other, 9.0, LOAD)
    ran(garden, ref, 25.0, LOAD)

    forecast = garden.fit.forecast(ref, LOAD)
    assert (forecast.decode_tokens_per_second, forecast.speed_is_measured, forecast.speed_runs) == (25.0, True, 0)


def test_a_later_session_knows_what_an_earlier_one_measured(data_dirs: Path, folder: Path) -> None:
    ref = file_of(folder, "Q4_0")
    with Garden.open() as earlier:
        ran(earlier, ref, 20.0, LOAD)

    with Garden.open() as later:
        assert expected(later, ref, LOAD) == (pytest.approx(20.0), 1)


def test_twins_push_no_run_out(data_dirs: Path, folder: Path) -> None:
    ref, twin = file_of(folder, "Q4_0"), file_of(folder, "Q8_0")
    with Garden.open() as earlier:
        ran(earlier, ref, 20.0, LOAD)
        for number in range(80):
            earlier.fit.remember_twin(
                SpeedRecord(
                    model=twin, load=LOAD, decode_tokens_per_second=10.0 + number, measured_at=2e9 + number, twin=True
                )
            )
        assert expected(earlier, ref, LOAD) == (pytest.approx(20.0), 1)

    with Garden.open() as later:
        assert expected(later, ref, LOAD) == (pytest.approx(20.0), 1)
        # Nor do runs push out the newest twin.
        for _ in range(80):
            ran(later, ref, 20.0, LOAD)
        assert later.fit.forecast(twin, LOAD).decode_tokens_per_second == 89.0
