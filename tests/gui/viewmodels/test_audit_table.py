from __future__ import annotations

from PySide6.QtCore import Qt
from pytestqt.modeltest import ModelTester

from garden.gui.viewmodels.audit_rows import AuditKind, AuditRow
from garden.gui.viewmodels.audit_table import AuditColumn, AuditTableModel, error_text

GIB = 1024**3


def row(forecast: float | None, engine: float) -> AuditRow:
    return AuditRow(
        title="Qwen3-8B Q5_K_M",
        context_length=16_384,
        forecast_bytes=None if forecast is None else round(forecast * GIB),
        seen_bytes=round(engine * GIB),
        loaded_at=0.0,
    )


def test_the_table_behaves_as_a_model(qtmodeltester: ModelTester) -> None:
    model = AuditTableModel()
    model.show_rows([row(6.95, 6.97), row(None, 2.0)])

    qtmodeltester.check(model)  # type: ignore[no-untyped-call]  # pytest-qt types it not


def test_a_row_says_what_was_forecast_and_what_was_taken() -> None:
    model = AuditTableModel()
    model.show_rows([row(6.95, 6.97)])

    cells = [model.index(0, column).data() for column in AuditColumn]
    assert cells == ["Qwen3-8B Q5_K_M", "16k", "6.95", "6.97", "over", "+0.3 %"]


def test_figures_are_titled_at_the_right() -> None:
    model = AuditTableModel()
    roles = [
        model.headerData(column, Qt.Orientation.Horizontal, Qt.ItemDataRole.TextAlignmentRole) for column in AuditColumn
    ]

    assert [column.name for column, role in zip(AuditColumn, roles, strict=True) if role] == [
        "FORECAST",
        "SEEN",
        "ERROR",
    ]


def test_what_was_seen_is_named_by_what_is_audited() -> None:
    model = AuditTableModel()

    titles = []
    for kind in AuditKind:
        model.show_rows([], kind)
        titles.append(model.headerData(AuditColumn.SEEN, Qt.Orientation.Horizontal))

    assert titles == ["Engine", "Peak", "Peak"]


def test_errors_have_their_sign_and_nothing_is_neither() -> None:
    texts = [error_text(row(*pair)) for pair in ((10.0, 10.1), (10.0, 9.9), (10.0, 10.001), (None, 9.0))]

    assert texts == ["+1.0 %", "−1.0 %", "0.0 %", "–"]


def test_the_bar_is_scaled_to_the_worst_but_small_errors_stay_small() -> None:
    model = AuditTableModel()
    model.show_rows([row(10.0, 10.03)])
    assert model.full == 0.02

    model.show_rows([row(10.0, 12.0)])
    assert round(model.full, 3) == 0.2
