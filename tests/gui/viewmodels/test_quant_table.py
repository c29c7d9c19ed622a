from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from garden.core.fit_forecast import DeviceMemory, Verdict
from garden.core.job_record import JobKind, JobRecord, JobState
from garden.core.quantity import GIB
from garden.core.receipt import QualityReport, QuantizationForecast
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


def dry_run(quant_type: str, size_bytes: int = GIB, fallbacks: int = 0) -> QuantizationForecast:
    return QuantizationForecast(
        quant_type=quant_type, size_bytes=size_bytes, bits_per_weight=4.5, tensors={}, fallbacks=fallbacks
    )


def row(quant_type: str = "Q4_K_M", **facts: Any) -> QuantRow:
    facts.setdefault("forecast", dry_run(quant_type))
    facts.setdefault("fit", forecast())
    return QuantRow(quant_type=quant_type, published=published_loss(quant_type), **facts)


def measured(kld: float) -> QualityReport:
    return QualityReport(
        model="m",
        base="b",
        text="t",
        kld_mean=kld,
        kld_standard_error=0.001,
        kld_p99=1.0,
        same_top=0.9,
        perplexity=10.0,
        perplexity_ratio_log=0.1,
        tokens_scored=100,
    )


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
    assert spoken == "Q8_0, 1.00 GiB, Runs on CPU, loss published 0.0014"


def test_new_facts_of_the_same_types_do_not_reset_the_view(model: QuantTableModel, qtbot: QtBot) -> None:
    with qtbot.assertNotEmitted(model.modelReset), qtbot.waitSignal(model.dataChanged):
        model.replace([row("Q8_0", loss=measured(0.01)), *model.rows[1:]])

    assert model.index(0, QuantColumn.LOSS).data() == "0.0100 ± 0.0010"


def test_sizes_share_one_unit_and_it_stands_in_the_header(model: QuantTableModel) -> None:
    horizontal = Qt.Orientation.Horizontal
    assert model.headerData(QuantColumn.SIZE, horizontal) == "Size, GiB"

    model.replace([row("Q8_0", forecast=dry_run("Q8_0", 138 * 1024**2))])

    assert model.headerData(QuantColumn.SIZE, horizontal) == "Size, MiB"
    assert model.index(0, QuantColumn.SIZE).data() == "138.0"


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


def test_a_measured_loss_stands_before_a_published_one() -> None:
    assert loss_text(row("Q4_K_M")) == "published 0.031"
    assert loss_text(row("Q4_K_M", loss=measured(0.0382))) == "0.0382 ± 0.0010"
    assert loss_text(row("Q5_0")) == "–"


def test_the_bar_is_that_of_the_gpu_where_one_holds_anything() -> None:
    ram = DeviceMemory(name="RAM", kind="ram", total_bytes=8, available_bytes=8, weights_bytes=1)
    gpu = DeviceMemory(name="GPU", kind="gpu", total_bytes=8, available_bytes=8, weights_bytes=1)
    idle = DeviceMemory(name="GPU", kind="gpu", total_bytes=8, available_bytes=8)

    assert row(fit=forecast(devices=(ram, gpu))).device == gpu
    assert row(fit=forecast(devices=(ram, idle))).device == ram


def test_the_default_is_recommended_where_it_runs_and_shrinks() -> None:
    rows = [row("Q8_0"), row("Q4_K_M"), row("Q2_K")]

    assert recommended_type(rows, "Q4_K_M") == "Q4_K_M"


def test_else_what_loses_least_of_what_runs_and_shrinks() -> None:
    too_large = forecast(Verdict.TOO_LARGE)
    rows = [row("Q8_0", grows=True), row("Q6_K", fit=too_large), row("IQ4_XS"), row("Q3_K_M")]

    assert recommended_type(rows, "Q8_0") == "IQ4_XS"
    assert recommended_type([row("Q8_0", grows=True)], "Q8_0") is None


def test_the_row_is_there_for_the_delegate(model: QuantTableModel) -> None:
    assert model.index(1, QuantColumn.MEMORY).data(QuantRole.ROW) is model.rows[1]
