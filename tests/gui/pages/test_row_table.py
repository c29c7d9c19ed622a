from __future__ import annotations

from PySide6.QtCore import QPoint
from PySide6.QtGui import QColor, QImage, QStandardItem, QStandardItemModel
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from garden.gui.pages.library_row_delegate import LibraryRowDelegate
from garden.gui.pages.row_table import RowTable
from garden.gui.theme.theme import ThemeController


def _table(qtbot: QtBot, theme: ThemeController) -> RowTable:
    table = RowTable(theme, height="row_library", widths=(None, 90), insets=(20, 16), name="rows", label="Rows")
    qtbot.addWidget(table)
    model = QStandardItemModel(table)
    for _row in range(3):
        model.appendRow([QStandardItem(), QStandardItem()])
    table.setModel(model)
    table.setItemDelegate(LibraryRowDelegate(theme, "row_library", table))
    table.apply_sizes()
    table.resize(400, 300)
    with qtbot.waitExposed(table):
        table.show()
    return table


def _colours(table: RowTable, row: int) -> list[QColor]:
    image: QImage = table.viewport().grab().toImage()
    ratio = image.devicePixelRatio()
    y = table.rowViewportPosition(row) + table.rowHeight(row) // 2
    return [image.pixelColor(int(x * ratio), int(y * ratio)) for x in (60, 380)]


def test_the_whole_row_below_the_pointer_is_tinted(qtbot: QtBot, theme: ThemeController) -> None:
    table = _table(qtbot, theme)
    hover, plain = theme.theme.color("bg.hover"), _colours(table, 0)[0]
    middle = QPoint(60, table.rowViewportPosition(1) + 5)

    QTest.mouseMove(table.viewport(), middle)

    qtbot.waitUntil(lambda: _colours(table, 1) == [hover, hover])
    assert _colours(table, 0) == [plain, plain]
    QTest.mouseMove(table.viewport(), middle + QPoint(0, table.rowHeight(1)))
    qtbot.waitUntil(lambda: _colours(table, 2) == [hover, hover])
    assert _colours(table, 1) == [plain, plain]
