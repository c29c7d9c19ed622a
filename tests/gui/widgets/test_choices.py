from __future__ import annotations

from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QHBoxLayout, QMenu, QPushButton, QRadioButton, QWidget
from pytestqt.qtbot import QtBot

from garden.gui.theme.theme import ThemeController
from garden.gui.widgets.chip import Chip
from garden.gui.widgets.segmented_control import SegmentedControl
from garden.gui.widgets.switch import CheckBox, Switch

KV = (("f16", "f16"), ("q8_0", "q8_0"), ("q4_0", "q4_0"))


def _segment(control: SegmentedControl, key: str) -> QRadioButton:
    found = control.findChild(QRadioButton, f"{control.objectName()}.{key}")
    assert isinstance(found, QRadioButton)
    return found


def test_a_segment_is_chosen_by_a_click(qtbot: QtBot, theme: ThemeController) -> None:
    control = SegmentedControl(theme, KV, name="kv")
    qtbot.addWidget(control)

    with qtbot.waitSignal(control.chosen) as heard:
        QTest.mouseClick(_segment(control, "q8_0"), Qt.MouseButton.LeftButton)

    assert heard.args == ["q8_0"]
    assert control.current == "q8_0"


def test_setting_a_segment_tells_nobody(qtbot: QtBot, theme: ThemeController) -> None:
    control = SegmentedControl(theme, KV, name="kv")
    qtbot.addWidget(control)

    with qtbot.assertNotEmitted(control.chosen):
        control.set_current("q4_0")

    assert control.current == "q4_0"


def test_other_titles_of_the_same_segments_keep_the_choice(qtbot: QtBot, theme: ThemeController) -> None:
    control = SegmentedControl(theme, (("all", "All 1"), ("here", "Made here 0")), name="origin")
    qtbot.addWidget(control)
    control.set_current("here")
    segment = _segment(control, "here")

    control.set_options((("all", "All 2"), ("here", "Made here 1")))

    assert control.current == "here"
    assert segment.text() == "Made here 1"


def test_the_tab_key_leads_to_the_chosen_segment_also_when_the_segments_are_others(
    qtbot: QtBot, theme: ThemeController
) -> None:
    holder = QWidget()
    qtbot.addWidget(holder)
    row = QHBoxLayout(holder)
    before, after = QPushButton("before"), QPushButton("after")
    control = SegmentedControl(theme, KV, name="kv")
    for widget in (before, control, after):
        row.addWidget(widget)
    control.set_current("q8_0")
    with qtbot.waitExposed(holder):
        holder.show()
    holder.activateWindow()
    qtbot.waitUntil(holder.isActiveWindow)

    def tab_from(widget: QWidget) -> QWidget | None:
        widget.setFocus()
        QTest.keyClick(widget, Qt.Key.Key_Tab)
        return QApplication.focusWidget()

    assert tab_from(before) is _segment(control, "q8_0")
    assert tab_from(_segment(control, "q8_0")) is after
    control.set_options((*KV, ("q5_0", "q5_0")))
    qtbot.waitUntil(lambda: _segment(control, "q5_0").isVisible())
    assert tab_from(before) is _segment(control, "q8_0")
    assert tab_from(_segment(control, "q8_0")) is after


def test_a_chip_offers_its_choices_and_tells_which_was_picked(qtbot: QtBot, theme: ThemeController) -> None:
    chip = Chip(theme, "Licence", name="filter.licence")
    qtbot.addWidget(chip)
    chip.set_choices((("any", None), ("MIT", "mit")))
    chip.show()
    QTest.mouseClick(chip, Qt.MouseButton.LeftButton)
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)

    with qtbot.waitSignal(chip.chosen) as heard:
        QTest.mouseClick(menu, Qt.MouseButton.LeftButton, pos=menu.actionGeometry(menu.actions()[1]).center())

    assert heard.args == ["mit"]


def test_a_chip_that_is_set_is_cleared_by_a_click(qtbot: QtBot, theme: ThemeController) -> None:
    chip = Chip(theme, "Updated")
    qtbot.addWidget(chip)
    chip.set_value("last year", is_set=True, clearable=True)

    with qtbot.waitSignal(chip.cleared):
        QTest.mouseClick(chip, Qt.MouseButton.LeftButton)

    assert chip.accessibleName() == "Updated: last year"


def test_switch_and_check_box_toggle_wherever_they_are_pressed(qtbot: QtBot, theme: ThemeController) -> None:
    for control in (Switch(theme, "Diff"), CheckBox(theme, "Measure the loss after")):
        qtbot.addWidget(control)
        control.resize(control.sizeHint())

        QTest.mouseClick(control, Qt.MouseButton.LeftButton, pos=QPoint(control.width() - 4, 4))

        assert control.isChecked()
        assert control.accessibleName() == control.text()
