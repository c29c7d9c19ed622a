"""The one generated style sheet. It holds no fonts: weights live on a variable axis, out of a style sheet's reach."""

from __future__ import annotations

from garden.core.paths import resource_path
from garden.gui.theme.theme import Theme


def _resource_url(name: str) -> str:
    return resource_path(name).as_posix()


def build_style_sheet(theme: Theme) -> str:
    """The style sheet of a theme: fields, menus, tooltips, scroll bars, headers, tabs, splitters.

    Everything with a shape of its own (buttons, switches, rows, bars) draws itself.
    """
    css = theme.css
    control = round(theme.radius("control"))
    bar = theme.size("scrollbar")
    return f"""
QWidget#page, QStackedWidget, QMainWindow {{ background: {css("bg.surface")}; }}
QToolTip {{
    background: {css("bg.tooltip")}; color: {css("text.tooltip")}; border: 1px solid {css("bg.tooltip")};
    padding: {theme.px(4)}px {theme.px(7)}px;
}}
QLineEdit, QSpinBox, QDoubleSpinBox, QPlainTextEdit[field="true"], QComboBox {{
    background: {css("bg.field")}; color: {css("text.primary")};
    border: 1px solid {css("border.control")}; border-radius: {control}px;
    padding: 0 {theme.px(8)}px; min-height: {theme.px(28)}px;
    selection-background-color: {css("accent.subtle")}; selection-color: {css("accent.subtle_text")};
}}
QLineEdit, QPlainTextEdit, QTextEdit {{ placeholder-text-color: {css("text.muted")}; }}
QPlainTextEdit[field="true"] {{ padding: {theme.px(4)}px {theme.px(6)}px; }}
QLineEdit[invalid="true"] {{ border-color: {css("status.danger.fg")}; }}
QLineEdit[frameless="true"], QPlainTextEdit[frameless="true"], QLineEdit[frameless="true"]:focus,
QLineEdit[frameless="true"]:disabled {{
    border: none; background: transparent; padding: 0; min-height: 0;
}}
QLineEdit:disabled, QSpinBox:disabled, QDoubleSpinBox:disabled, QComboBox:disabled {{
    background: transparent; color: {css("text.disabled")}; border: 1px dashed {css("border.default")};
}}
QSpinBox::up-button, QSpinBox::down-button, QDoubleSpinBox::up-button, QDoubleSpinBox::down-button {{
    width: 0; border: none;
}}
QComboBox::drop-down {{ border: none; width: {theme.px(20)}px; }}
QComboBox::down-arrow {{
    image: url("{_resource_url(f"look/arrow-{theme.scheme}.svg")}"); width: {theme.px(12)}px; height: {theme.px(12)}px;
}}
QAbstractItemView {{
    background: {css("bg.surface")}; color: {css("text.primary")}; border: none; outline: 0;
    selection-background-color: {css("bg.selected")}; selection-color: {css("text.primary")};
}}
QComboBox QAbstractItemView {{
    background: {css("bg.raised")}; border: 1px solid {css("border.strong")}; padding: {theme.px(4)}px;
}}
QHeaderView {{ background: {css("bg.sunken")}; border: none; }}
QHeaderView::section {{
    background: {css("bg.sunken")}; color: {css("text.muted")}; border: none;
    border-bottom: 1px solid {css("border.default")}; padding: 0 {theme.px(8)}px; height: {theme.px(27)}px;
}}
QMenu {{
    background: {css("bg.raised")}; color: {css("text.primary")}; border: 1px solid {css("border.strong")};
    padding: {theme.px(4)}px;
}}
QMenu::item {{
    padding: {theme.px(5)}px {theme.px(24)}px {theme.px(5)}px {theme.px(10)}px;
    border-radius: {round(theme.radius("badge"))}px; min-width: {theme.px(120)}px;
}}
QMenu::item:selected {{ background: {css("bg.selected")}; }}
QMenu::item:disabled {{ color: {css("text.disabled")}; }}
QMenu::separator {{ height: 1px; background: {css("border.subtle")}; margin: {theme.px(4)}px {theme.px(6)}px; }}
QMenu::icon {{ padding-left: {theme.px(8)}px; }}
QMenu::indicator {{ width: {theme.px(14)}px; height: {theme.px(14)}px; padding-left: {theme.px(6)}px; }}
QScrollArea {{ background: transparent; border: none; }}
QScrollArea > QWidget > QWidget#scrolled {{ background: transparent; }}
QScrollBar:vertical {{ background: transparent; width: {bar}px; margin: 0; border: none; }}
QScrollBar:horizontal {{ background: transparent; height: {bar}px; margin: 0; border: none; }}
QScrollBar::handle {{ background: {css("border.default")}; border-radius: 3px; margin: 2px; }}
QScrollBar::handle:vertical {{ min-height: {theme.px(32)}px; }}
QScrollBar::handle:horizontal {{ min-width: {theme.px(32)}px; }}
QScrollBar::handle:hover, QScrollBar::handle:pressed {{ background: {css("border.strong")}; }}
QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; border: none; background: none; }}
QScrollBar::add-page, QScrollBar::sub-page {{ background: none; }}
QSplitter::handle {{ background: {css("border.default")}; }}
QSplitter::handle:horizontal {{ width: 1px; }}
QSplitter::handle:vertical {{ height: 1px; }}
QDialog, QMessageBox, QFileDialog {{ background: {css("bg.surface")}; }}
QDialog QPushButton, QMessageBox QPushButton {{
    background: {css("bg.raised")}; color: {css("text.primary")}; border: 1px solid {css("border.default")};
    border-radius: {control}px; padding: 0 {theme.px(12)}px; min-height: {theme.px(26)}px;
}}
QDialog QPushButton:default, QMessageBox QPushButton:default {{
    background: {css("accent.base")}; color: {css("text.on_accent")}; border-color: {css("accent.base")};
}}
QDialog QPushButton:hover, QMessageBox QPushButton:hover {{ background: {css("bg.hover")}; }}
QDialog QPushButton:default:hover, QMessageBox QPushButton:default:hover {{ background: {css("accent.hover")}; }}
"""
