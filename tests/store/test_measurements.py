"""Receipts, reports, loads, speeds, uses and replays: what was measured here is found again."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from garden.core.fit_forecast import FitForecast, FitMethod, Placement, Verdict
from garden.core.messages import BufferUse, ModelLoaded
from garden.core.receipt import QualityReport, QuantizationReceipt
from garden.core.residency import FreeMemory, ResidentMarks
from garden.core.run_configuration import LoadParameters, RunConfiguration
from garden.store.forecasts import Forecasts, LoadRecord
from garden.store.loaded_models import LoadedModels, LoadedRecord
from garden.store.model_use import ModelUse, ModelUses
from garden.store.process_identity import this_process
from garden.store.quality_reports import QualityReports
from garden.store.receipts import Receipts
from garden.store.replays import ReplayRecord, Replays
from garden.store.speeds import SpeedRecord, Speeds
from garden.store.work_database import WorkDatabase
from tests.store.values import configuration, ref

LOADED = ModelLoaded(
    configuration=configuration(),
    buffers=(BufferUse(name="CPU", weights_bytes=90, context_bytes=8, compute_bytes=2),),
    kv_cache_bytes=8,
    load_seconds=0.4,
    resident_bytes=120,
    vocab_size=100,
    has_template=True,
    engine_version="0.3.36",
)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[WorkDatabase]:
    database = WorkDatabase(tmp_path / "work.sqlite")
    yield database
    database.close()


def receipt(path: str = "/m/a.gguf", finished_at: float = 1.0) -> QuantizationReceipt:
    return QuantizationReceipt(
        quant_type="Q4_K_M",
        path=path,
        size_bytes=93_510_208,
        bits_per_weight=5.1,
        seconds=2.3,
        peak_memory_bytes=243_000_000,
        sha256="ab" * 32,
        source_path="/m/src.gguf",
        source_sha256="cd" * 32,
        tensors={"Q4_K": 200, "F32": 61},
        finished_at=finished_at,
    )


def report(model: str = "q", kld: float = 0.05, text: str = "english") -> QualityReport:
    return QualityReport(
        model=model,
        kld_mean=kld,
        kld_standard_error=0.001,
        kld_p99=0.4,
        same_top=0.88,
        perplexity=14.0,
        perplexity_ratio_log=0.05,
        tokens_scored=2048,
        text=text,
        base="base",
    )


def test_receipts(database: WorkDatabase) -> None:
    receipts = Receipts(database)
    receipts.save(receipt(finished_at=1.0))
    receipts.save(receipt(finished_at=2.0))
    receipts.save(receipt("/m/b.gguf", 3.0))

    assert [r.finished_at for r in receipts.list()] == [3.0, 2.0, 1.0]
    assert receipts.for_path("/m/a.gguf") == receipt(finished_at=2.0)
    assert receipts.for_path("/m/c.gguf") is None


def test_a_new_report_replaces_the_old_one_of_the_same_text(database: WorkDatabase) -> None:
    reports = QualityReports(database)
    reports.save(report(kld=0.9), 1.0)
    reports.save(report(kld=0.05), 2.0)
    reports.save(report(text="code"), 3.0)

    assert [(r.text, r.kld_mean) for r in reports.list("base")] == [("code", 0.05), ("english", 0.05)]
    assert reports.list("other") == ()


def test_loads_keep_forecast_and_truth(database: WorkDatabase) -> None:
    forecast = FitForecast(
        verdict=Verdict.FITS, placement=Placement.CPU, reason="", method=FitMethod.FORMULA, total_bytes=99
    )
    Forecasts(database).keep(LoadRecord(loaded=LOADED, forecast=forecast, loaded_at=5.0))

    (record,) = Forecasts(database).list(configuration().model)

    assert (record.loaded.buffers_bytes, record.forecast, record.loaded_at) == (100, forecast, 5.0)
    assert Forecasts(database).list(ref("other")) == ()


def test_what_became_of_a_load_is_kept_with_it(database: WorkDatabase) -> None:
    forecasts = Forecasts(database)
    record = LoadRecord(loaded=LOADED, loaded_at=1.0, free=(FreeMemory(device="CPU", before_bytes=9, after_bytes=4),))
    first, _second = forecasts.keep(record), forecasts.keep(dataclasses.replace(record, loaded_at=2.0))
    raised = dataclasses.replace(record, marks=ResidentMarks(resident_bytes=130, prompt_tokens=7))

    forecasts.update(first, raised)

    assert [found.marks for found in forecasts.list()] == [ResidentMarks(), raised.marks]
    assert forecasts.list()[1] == raised


def test_loads_that_were_kept_before_there_were_marks_are_read(database: WorkDatabase) -> None:
    old: dict[str, Any] = {"loaded": msgspec.to_builtins(LOADED), "forecast": None, "loaded_at": 1.0}
    del old["loaded"]["peak_resident_bytes"], old["loaded"]["gpu_free"]
    with database.write() as connection:
        connection.execute(
            "INSERT INTO loads (id, model_key, loaded_at, document) VALUES ('a', 'b', 1.0, ?)",
            (msgspec.json.encode(old).decode(),),
        )

    assert Forecasts(database).list() == (LoadRecord(loaded=LOADED, loaded_at=1.0),)


def speed(name: str, rate: float, at: float, **fields: object) -> SpeedRecord:
    return SpeedRecord(model=ref(name, **fields), load=LoadParameters(), decode_tokens_per_second=rate, measured_at=at)


def test_a_speed_measured_before_the_file_was_hashed_is_found_after(database: WorkDatabase) -> None:
    speeds = Speeds(database)
    speeds.record(speed("a", 50.0, 1.0))
    hashed = ref("a", sha256="ab" * 32)

    assert speeds.latest(hashed) == speed("a", 50.0, 1.0)
    speeds.record(speed("a", 60.0, 2.0, sha256="ab" * 32))
    assert [s.decode_tokens_per_second for s in speeds.list(hashed)] == [60.0, 50.0]


def test_another_file_at_the_same_path_is_another_model(database: WorkDatabase) -> None:
    Speeds(database).record(speed("a", 50.0, 1.0))

    assert Speeds(database).latest(ref("a", size_bytes=8)) is None


def test_the_newest_speeds_of_all_models_come_first(database: WorkDatabase) -> None:
    speeds = Speeds(database)
    for name, rate, at in (("a", 50.0, 1.0), ("a", 55.0, 2.0), ("b", 9.0, 1.5)):
        speeds.record(speed(name, rate, at))

    assert [s.decode_tokens_per_second for s in speeds.recent(2)] == [55.0, 9.0]


def loaded_record(pid: int, at: float = 1.0) -> LoadedRecord:
    return LoadedRecord(
        pid=pid,
        owner=this_process(),
        configuration=RunConfiguration(model=ref()),
        buffers_bytes=100,
        loaded_at=at,
        last_used_at=at,
    )


def test_loaded_models_of_dead_processes_are_not_counted(database: WorkDatabase) -> None:
    models = LoadedModels(database)
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    models.put(loaded_record(child.pid))
    models.put(loaded_record(os.getpid(), at=9.0))
    both = [record.pid for record in models.list()]
    child.communicate(b"\n")

    assert both == [child.pid, os.getpid()]
    assert [record.pid for record in models.list()] == [os.getpid()]
    assert models.list()[0].is_ours
    models.remove(os.getpid())
    assert models.list() == ()


def test_use_and_hash_of_a_file_are_remembered_side_by_side(database: WorkDatabase) -> None:
    uses = ModelUses(database)
    uses.used("/m/a.gguf", 5.0)
    uses.hashed("/m/a.gguf", "ab" * 32, size_bytes=7, modified_at=3.0, verified=True, at=6.0)

    use = uses.get("/m/a.gguf")

    assert (use.last_used_at, use.verified, use.verified_at) == (5.0, True, 6.0)
    assert (use.holds_for(7, 3.0), use.holds_for(8, 3.0), use.holds_for(7, 4.0)) == (True, False, False)
    uses.forget("/m/a.gguf")
    assert uses.get("/m/a.gguf") == ModelUse()


def test_the_newest_replay_of_a_format(database: WorkDatabase) -> None:
    replays = Replays(database)
    replays.save(ReplayRecord(identity="i", target="script", verdict="differs", replayed_at=1.0))
    replays.save(ReplayRecord(identity="i", target="script", verdict="reproduces", replayed_at=2.0))

    assert replays.latest("i", "script") == ReplayRecord(
        identity="i", target="script", verdict="reproduces", replayed_at=2.0
    )
    assert replays.latest("i", "ollama") is None
