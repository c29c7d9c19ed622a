from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from garden.core.fit_forecast import DeviceMemory, Verdict
from garden.core.job_record import JobKind, JobRecord, JobState
from garden.core.quantity import GIB, MIB
from garden.core.receipt import QuantizationForecast
from garden.gui.viewmodels.quant_table import (
    QuantColumn,
    QuantRole,
    QuantRow,
    QuantTableModel,
    loss_text,
    recommended_type,
)
from garden.quantization.published import published_loss
from tests.gui.service_doubles import entry, forecast
from tests.gui.viewmodels.losses import measured_loss


def dry_run(quant_type: str, size_bytes: int = GIB, fallbacks: int = 0) -> QuantizationForecast:
    return QuantizationForecast(
        quant_type=quant_type, size_bytes=size_bytes, bits_per_weight=4.5, tensors={}, fallbacks=fallbacks
    )


def row(quant_type: str = "Q4_K_M", **facts: Any) -> QuantRow:
    facts.setdefault("forecast", dry_run(quant_type))
    facts.setdefault("fit", forecast())
    facts.setdefault("published", published_loss(quant_type))
    return QuantRow(quant_type=quant_type, **facts)


def requantized(quant_type: str, **facts: Any) -> QuantRow:
    return row(quant_type, published=None, requantized=True, **facts)


@pytest.fixture
def model() -> QuantTableModel:
    model = QuantTableModel()
    model.replace([row("Q8_0"), row("Q4_K_M", chosen=True), row("Q2_K", entry=entry("m", quant_type="Q2_K"))])
    return model


def test_it_keeps_the_rules_of_item_models(model: QuantTableModel, qtmodeltester: Any) -> None:
    qtmodeltester.check(model, force_py=True)


def test_a_type_that_is_there_already_has_no_check_box(model: QuantTableModel) -> None:
    here = model.index(2, QuantColumn.CHOSEN)

    assert here.data(Qt.ItemDataRole.CheckStateRole) is None
    assert not model.setData(here, Qt.CheckState.Checked, Qt.ItemDataRole.CheckStateRole)
    model.toggle(2)
    assert [row.quant_type for row in model.chosen] == ["Q4_K_M"]


def test_a_screen_reader_can_choose(model: QuantTableModel, qtbot: QtBot) -> None:
    with qtbot.waitSignal(model.choice_changed):
        model.setData(model.index(0, QuantColumn.CHOSEN), Qt.CheckState.Checked, Qt.ItemDataRole.CheckStateRole)

    assert [row.quant_type for row in model.chosen] == ["Q8_0", "Q4_K_M"]
    spoken = model.index(0, QuantColumn.CHOSEN).data(Qt.ItemDataRole.AccessibleTextRole)
    assert spoken == "Q8_0, 1.00 GiB, Runs on CPU, loss not measured, Llama-3-8B, published: 0.0014"


def test_new_facts_of_the_same_types_do_not_reset_the_view(model: QuantTableModel, qtbot: QtBot) -> None:
    with qtbot.assertNotEmitted(model.modelReset), qtbot.waitSignal(model.dataChanged):
        model.replace([row("Q8_0", loss=measured_loss(0.01)), *model.rows[1:]])

    assert model.index(0, QuantColumn.LOSS).data() == "0.0100 ± 0.0010"


def test_sizes_share_one_unit_and_it_stands_in_the_header(model: QuantTableModel) -> None:
    horizontal = Qt.Orientation.Horizontal
    assert model.headerData(QuantColumn.SIZE, horizontal) == "Size, GiB"

    model.replace([row("Q8_0", forecast=dry_run("Q8_0", 138 * 1024**2))])

    assert model.headerData(QuantColumn.SIZE, horizontal) == "Size, MiB"
    assert model.index(0, QuantColumn.SIZE).data() == "138.0"


def test_the_header_learns_of_a_new_unit_and_so_does_every_row(model: QuantTableModel, qtbot: QtBot) -> None:
    names = ("Q8_0", "Q2_K")
    model.replace([row(name, forecast=None, fit=None) for name in names])
    assert model.headerData(QuantColumn.SIZE, Qt.Orientation.Horizontal) == "Size"
    assert model.headerData(QuantColumn.MEMORY, Qt.Orientation.Horizontal) == "Memory"

    small = row("Q2_K", forecast=dry_run("Q2_K", 900 * MIB))
    for size, title, text in ((500 * MIB, "Size, MiB", "900.0"), (2 * GIB, "Size, GiB", "0.88")):
        with (
            qtbot.assertNotEmitted(model.modelReset),
            qtbot.waitSignal(model.headerDataChanged),
            qtbot.waitSignal(model.dataChanged) as told,
        ):
            model.replace([row("Q8_0", forecast=dry_run("Q8_0", size)), small])

        assert model.headerData(QuantColumn.SIZE, Qt.Orientation.Horizontal) == title
        assert model.index(1, QuantColumn.SIZE).data() == text
        first, last = told.args[:2]
        assert (first.row(), last.row()) == (0, 1)


def test_the_memory_column_names_a_device_only_where_every_bar_is_that_ones() -> None:
    ram = DeviceMemory(name="RAM", kind="ram", total_bytes=8, available_bytes=8, weights_bytes=1)
    gpu = DeviceMemory(name="GPU", kind="gpu", total_bytes=8, available_bytes=8, weights_bytes=1)
    model = QuantTableModel()
    model.set_titles("F16", "16k")
    titles = []
    for devices in ((ram, ram), (gpu, gpu), (ram, gpu)):
        rows = [
            row(name, fit=forecast(devices=(device,))) for name, device in zip(("Q8_0", "Q2_K"), devices, strict=True)
        ]
        model.replace(rows)
        titles.append(model.headerData(QuantColumn.MEMORY, Qt.Orientation.Horizontal))

    assert titles == ["RAM at 16k", "GPU memory at 16k", "Memory at 16k"]


@pytest.mark.parametrize(
    ("facts", "note"),
    [
        ({"quant_type": "Q4_0"}, "Poor value"),
        ({"quant_type": "Q2_K"}, "Large loss"),
        ({"quant_type": "Q8_0", "grows": True}, "Larger than source"),
        ({"quant_type": "Q6_K", "recommended": True}, "Recommended"),
        ({"quant_type": "Q6_K", "entry": entry("m")}, "In library"),
    ],
)
def test_the_tag_says_what_matters_most(facts: dict[str, Any], note: str) -> None:
    assert row(**facts).note[0] == note


def test_the_tag_of_a_type_in_the_making_says_how_far_it_is() -> None:
    job = JobRecord(id="1", kind=JobKind.QUANTIZE, title="m", state=JobState.RUNNING, done=58, total=100)

    assert row(job=job, recommended=True).note == ("Quantizing, 58 %", "info")


def test_a_published_loss_never_stands_among_those_measured_here(model: QuantTableModel) -> None:
    model.replace([row("Q4_K_M"), row("Q6_K", loss=measured_loss(0.0382)), row("Q5_0")])

    measured_here = [model.index(number, QuantColumn.LOSS).data() for number in range(3)]
    published = [model.index(number, QuantColumn.PUBLISHED).data() for number in range(3)]

    assert measured_here == ["not measured", "0.0382 ± 0.0010", "not measured"]
    assert published == ["0.031", "0.0055", ""]
    assert model.headerData(QuantColumn.PUBLISHED, Qt.Orientation.Horizontal) == "Llama-3-8B, published"


def test_of_a_quantized_source_nothing_is_said_that_was_not_measured() -> None:
    assert requantized("Q2_K").note[0] == ""
    assert requantized("Q4_0").note[0] == ""
    assert requantized("Q2_K", loss=measured_loss(0.42)).note[0] == "Large loss"
    assert row("Q2_K", loss=measured_loss(0.02)).note[0] == ""
    assert loss_text(requantized("Q8_0")) == "not measured"


def test_the_bar_is_that_of_the_gpu_where_one_holds_anything() -> None:
    ram = DeviceMemory(name="RAM", kind="ram", total_bytes=8, available_bytes=8, weights_bytes=1)
    gpu = DeviceMemory(name="GPU", kind="gpu", total_bytes=8, available_bytes=8, weights_bytes=1)
    idle = DeviceMemory(name="GPU", kind="gpu", total_bytes=8, available_bytes=8)

    assert row(fit=forecast(devices=(ram, gpu))).device == gpu
    assert row(fit=forecast(devices=(ram, idle))).device == ram


def test_the_default_is_recommended_where_it_runs_and_shrinks() -> None:
    rows = [row("Q8_0"), row("Q4_K_M"), row("Q2_K")]

    assert recommended_type(rows, "Q4_K_M") == "Q4_K_M"


def test_else_the_largest_of_what_runs_and_shrinks() -> None:
    too_large = forecast(Verdict.TOO_LARGE)
    rows = [
        row("Q8_0", grows=True),
        row("Q6_K", fit=too_large, forecast=dry_run("Q6_K", 5 * GIB)),
        row("Q5_1", forecast=dry_run("Q5_1", 4 * GIB)),
        row("IQ4_XS", forecast=dry_run("IQ4_XS", 3 * GIB)),
        row("Q3_K_M", forecast=dry_run("Q3_K_M", 2 * GIB)),
    ]

    assert recommended_type(rows, "Q8_0") == "IQ4_XS"
    assert recommended_type([row("Q8_0", grows=True)], "Q8_0") is None


def test_nothing_is_recommended_of_a_quantized_source() -> None:
    rows = [requantized("Q8_0"), requantized("Q4_K_M"), requantized("Q2_K", loss=measured_loss(0.4))]

    assert recommended_type(rows, "Q4_K_M") is None


def test_the_row_is_there_for_the_delegate(model: QuantTableModel) -> None:
    assert model.index(1, QuantColumn.MEMORY).data(QuantRole.ROW) is model.rows[1]
