from __future__ import annotations

import dataclasses

import msgspec
import pytest

from garden.core.fit_forecast import DeviceMemory, FitForecast
from garden.core.hardware_snapshot import Cpu, Gpu, HardwareSnapshot
from garden.core.learned_margins import DeviceMargin, LearnedMargins
from garden.core.residency import ResidentForecast, ResidentMarks
from garden.gui.viewmodels.audit_rows import AuditKind, AuditRow, audit_foot, audit_rows, audit_summary
from garden.store.forecasts import LoadRecord
from tests.gui.viewmodels.test_machine import loaded, predicted

MIB, GIB = 1024**2, 1024**3

RESIDENT = ResidentForecast(
    process_bytes=50 * MIB, vocabulary_bytes=10 * MIB, held_bytes=90 * MIB, compute_bytes=10 * MIB, batch_tokens=512
)
MACHINE = HardwareSnapshot(
    ram_total_bytes=16 * GIB, ram_available_bytes=12 * GIB, cpu=Cpu(name="Example", physical_cores=8, threads=16)
)
CARD = Gpu(name="RTX 4060", vendor="nvidia", memory_total_bytes=8 * GIB, memory_free_bytes=7 * GIB, device="CUDA0")


def record(
    megabytes: int,
    forecast: FitForecast | None = None,
    *,
    resident: ResidentForecast | None = RESIDENT,
    marks: ResidentMarks | None = None,
) -> LoadRecord:
    return LoadRecord(
        loaded=loaded("m", megabytes), forecast=forecast, resident=resident, marks=marks or ResidentMarks()
    )


def test_buffers_are_held_against_the_engines_own() -> None:
    (row,) = audit_rows([record(103, predicted(100))], AuditKind.BUFFERS)

    assert (row.title, row.context_length, row.seen_bytes) == ("m Q4_K_M", 4_096, 103 * MIB)
    assert row.error == pytest.approx(0.03)


def test_copies_of_mapped_weights_are_buffers_as_well() -> None:
    mapped = dataclasses.replace(RESIDENT, repacked_bytes=20 * MIB)

    (row,) = audit_rows([record(120, predicted(100), resident=mapped)], AuditKind.BUFFERS)

    assert row.error == 0


def test_a_load_that_nobody_forecast_has_no_error() -> None:
    (row,) = audit_rows([record(100, resident=None)], AuditKind.BUFFERS)

    assert (row.forecast_bytes, row.error) == (None, None)


def test_the_resident_set_is_held_against_the_forecast_for_as_much_as_was_asked() -> None:
    marks = ResidentMarks(resident_bytes=168 * MIB, prompt_tokens=600, filled_tokens=700)

    (row,) = audit_rows([record(100, predicted(100), marks=marks)], AuditKind.RESIDENT)

    assert (row.forecast_bytes, row.error) == (160 * MIB, 0.05)


def test_before_its_first_answer_a_load_has_no_resident_row() -> None:
    assert audit_rows([record(100, marks=ResidentMarks(resident_bytes=150 * MIB))], AuditKind.RESIDENT) == ()


def test_a_gpu_is_held_against_buffers_and_driver() -> None:
    gpu = DeviceMemory(
        name="RTX 4060", kind="gpu", total_bytes=8 * GIB, available_bytes=7 * GIB, beside_bytes=300, weights_bytes=700
    )
    split = dataclasses.replace(predicted(100), devices=(gpu,))

    (row,) = audit_rows([record(100, split, marks=ResidentMarks(gpu_bytes=950))], AuditKind.GPU)

    assert (row.forecast_bytes, row.seen_bytes) == (1_000, 950)
    assert audit_rows([record(100, split)], AuditKind.GPU) == ()


def test_the_summary_counts_loads_and_their_errors() -> None:
    def row(forecast: int | None, seen: int) -> AuditRow:
        return AuditRow(title="m", context_length=1, forecast_bytes=forecast, seen_bytes=seen, loaded_at=0.0)

    assert "".join(audit_summary([row(1_000, 1_003), row(1_000, 989), row(None, 5)])) == (
        "3 loads · mean error 0.7 % · worst 1.1 %"
    )
    assert "".join(audit_summary([row(None, 5)])) == "1 load"
    assert "".join(audit_summary([])) == ""


def test_before_loads_the_foot_says_what_stands_in_for_them() -> None:
    assert audit_foot(AuditKind.BUFFERS, MACHINE) == (
        "Not corrected: they are the engine's own plan. Margin of RAM 819.2 MiB, until loads show one."
    )
    assert audit_foot(AuditKind.RESIDENT, MACHINE) == (
        "Not corrected yet: 54.0 MiB for the process until an answer shows its size. "
        "Margin of RAM 819.2 MiB, until loads show one."
    )


def test_after_loads_the_foot_says_what_was_learned() -> None:
    learned = LearnedMargins(process_bytes=57 * MIB, process_loads=5, ram_bytes=300 * MIB, ram_loads=1)
    here = dataclasses.replace(MACHINE, learned=learned)

    assert audit_foot(AuditKind.RESIDENT, here) == (
        "Correction +3.00 MiB: the process takes 57.0 MiB, learned from 5 loads. "
        "Margin of RAM 300.0 MiB, learned from 1 load."
    )


def test_each_driver_takes_what_loads_showed() -> None:
    learned = LearnedMargins(
        gpu_process_bytes=120 * MIB,
        process_loads=2,
        gpus=(DeviceMargin(device="CUDA0", size_bytes=310 * MIB, loads=23),),
    )
    here = dataclasses.replace(MACHINE, gpus=(CARD,), learned=learned)

    assert audit_foot(AuditKind.GPU, here).endswith("The driver of CUDA0 takes 310.0 MiB, learned from 23 loads.")
    assert audit_foot(AuditKind.RESIDENT, here).startswith("Correction −30.0 MiB: the process takes 120.0 MiB")


def test_kept_records_are_rows() -> None:
    kept = msgspec.json.decode(msgspec.json.encode(record(103, predicted(100))), type=LoadRecord)

    assert len(audit_rows([kept], AuditKind.BUFFERS)) == 1
