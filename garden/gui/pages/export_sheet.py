"""The sheet that takes a configuration away: formats, live preview, what a target cannot say, save, copy, verify."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from garden.gui.viewmodels.export import SCRIPT_FORMAT, ExportSource, ExportViewModel
from garden.gui.widgets.button import Button
from garden.gui.widgets.card import Divider
from garden.gui.widgets.code_area import CodeArea
from garden.gui.widgets.file_dialog import choose_folder
from garden.gui.widgets.label import Label
from garden.gui.widgets.overlay import Overlay
from garden.gui.widgets.segmented_control import SegmentedControl

if TYPE_CHECKING:
    from garden.gui.theme.theme import ThemeController

_SIZE = (860, 640)
_MOODS = {
    "calm": ("info", "text.secondary"),
    "success": ("check", "status.success.fg"),
    "warning": ("warning", "status.warning.fg"),
    "danger": ("warning", "status.danger.fg"),
}


class _Notes(QWidget):
    """Sentences, one below the other, each with a mark."""

    def __init__(self, theme: ThemeController, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(theme.theme.px(4))

    def show_notes(self, notes: Sequence[str]) -> None:
        """Show these."""
        while (item := self._column.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.deleteLater()
        for note in notes:
            line = QWidget(self)
            row = QHBoxLayout(line)
            row.setContentsMargins(0, 0, 0, 0)
            row.setSpacing(self._theme.theme.px(7))
            icon = QLabel(line)
            icon.setPixmap(self._theme.theme.pixmap("info", "text.muted", 14, self.devicePixelRatioF()))
            row.addWidget(icon, 0, Qt.AlignmentFlag.AlignTop)
            row.addWidget(
                Label(self._theme, note, style="small", color="text.secondary", wrap=True, max_width=2_000), 1
            )
            self._column.addWidget(line)
        self.setAccessibleName(" ".join(notes))
        self.setVisible(bool(notes))


class ExportSheet(Overlay):
    """Opens over the window.

    Args:
        theme: Where colours come from.
        window: The window to cover.
        model: Renders, saves, verifies.

    Signals:
        copied: The shown text is on the clipboard now.
    """

    copied = Signal()

    def __init__(self, theme: ThemeController, window: QWidget, model: ExportViewModel) -> None:
        super().__init__(theme, window, name="export")
        self._model = model
        self._sources: tuple[ExportSource, ...] = ()
        self._file = 0
        self._title = Label(theme, "Export", style="title", elide=Qt.TextElideMode.ElideRight)
        self._title.setObjectName("export.title")
        self._panes = SegmentedControl(theme, name="export.pane", label="Pane")
        self._close = Button(theme, icon="close", kind="ghost", small=True, name="export.close", hint="Close")
        self._formats = SegmentedControl(theme, model.formats, name="export.format", label="Format")
        self._files = SegmentedControl(theme, name="export.file", label="File")
        self._preview = CodeArea(theme, name="export.preview", label="What will be saved")
        self._notes = _Notes(theme, self.sheet)
        self._outcome_icon = QLabel(self.sheet)
        self._outcome = Label(theme, style="small", weight=600, wrap=True, max_width=2_000)
        self._outcome.setObjectName("export.outcome")
        self._detail = Label(theme, style="small", color="text.secondary", wrap=True, max_width=2_000)
        self._detail.setObjectName("export.detail")
        self._verify = Button(theme, "Verify", icon="shield", name="export.verify")
        self._replace = Button(theme, "Replace", kind="danger", name="export.replace")
        self._copy = Button(theme, "Copy", icon="copy", name="export.copy")
        self._save = Button(theme, "Save to folder", icon="folder", kind="primary", name="export.save")
        self._build()
        self._connect()

    def _build(self) -> None:
        scale = self.look.px
        head = QHBoxLayout()
        head.setContentsMargins(scale(20), scale(14), scale(12), scale(12))
        head.setSpacing(scale(12))
        head.addWidget(self._title)
        head.addStretch(1)
        head.addWidget(self._panes)
        head.addWidget(self._close)
        body = QVBoxLayout()
        body.setContentsMargins(scale(20), scale(14), scale(20), scale(14))
        body.setSpacing(scale(12))
        choice = QHBoxLayout()
        choice.addWidget(self._formats)
        choice.addStretch(1)
        choice.addWidget(self._files)
        body.addLayout(choice)
        body.addWidget(self._preview, 1)
        body.addWidget(self._notes)
        foot = QHBoxLayout()
        foot.setContentsMargins(scale(20), scale(10), scale(20), scale(12))
        foot.setSpacing(scale(8))
        foot.addWidget(self._outcome_icon)
        said = QVBoxLayout()
        said.setSpacing(0)
        said.addWidget(self._outcome)
        said.addWidget(self._detail)
        foot.addLayout(said, 1)
        for button in (self._verify, self._replace, self._copy, self._save):
            foot.addWidget(button)
        column = self.sheet.column
        column.addLayout(head)
        column.addWidget(Divider(self._controller, "border.default"))
        column.addLayout(body, 1)
        column.addWidget(Divider(self._controller, "border.default"))
        column.addLayout(foot)
        self.sheet.setMinimumSize(QSize(scale(560), scale(380)))

    def _connect(self) -> None:
        model = self._model
        self._panes.chosen.connect(self._on_pane_chosen)
        self._formats.chosen.connect(model.choose_format)
        self._files.chosen.connect(self._on_file_chosen)
        self._close.clicked.connect(self.dismiss)
        self._verify.clicked.connect(self._on_verify)
        self._replace.clicked.connect(model.replace)
        self._copy.clicked.connect(self._on_copy)
        self._save.clicked.connect(self._on_save)
        model.rendered.connect(self._on_rendered)
        model.outcome_changed.connect(self._on_outcome_changed)
        self.closed.connect(model.stop)

    def open_for(self, sources: Sequence[ExportSource], letter: str = "") -> None:
        """Offer these; the pane of this letter first."""
        self._sources = tuple(sources)
        lettered = [(source.letter, source.letter) for source in sources if source.letter]
        self._panes.set_options(lettered)
        self._panes.setVisible(len(lettered) > 1)
        chosen = next((source for source in sources if source.letter == letter), sources[0])
        self._panes.set_current(chosen.letter)
        self._show(chosen)
        self.open()

    def save_to(self, folder: Path) -> None:
        """Write what is shown into a folder."""
        self._model.save(folder)

    def place(self) -> None:
        """In the middle, as large as there is room for."""
        width = min(self.look.px(_SIZE[0]), self.width() - 40)
        height = min(self.look.px(_SIZE[1]), self.height() - 40)
        self.sheet.setGeometry((self.width() - width) // 2, (self.height() - height) // 2, width, height)

    def _show(self, source: ExportSource) -> None:
        model = source.configuration.model
        name = " ".join(filter(None, (model.name, model.quant_type)))
        self._title.setText(f"Export {name}")
        self.setAccessibleName(f"Export {name}")
        self._model.show(source)
        self._formats.set_current(self._model.format_name)
        self._on_outcome_changed()

    @Slot(str)
    def _on_pane_chosen(self, letter: str) -> None:
        self._show(next(source for source in self._sources if source.letter == letter))

    @Slot(str)
    def _on_file_chosen(self, number: str) -> None:
        self._file = int(number)
        self._show_file()

    @Slot()
    def _on_rendered(self) -> None:
        export, problem = self._model.export, self._model.problem
        files = export.files if export else ()
        self._files.set_options([(str(number), name) for number, (name, _text) in enumerate(files)])
        self._files.setVisible(len(files) > 1)
        self._file = min(self._file, max(0, len(files) - 1))
        self._files.set_current(str(self._file))
        self._show_file()
        self._notes.show_notes(export.notes if export else [f"{problem.sentence} {problem.action}"] if problem else [])
        self._copy.set_usable(export is not None, "There is nothing to copy.")
        self._save.set_usable(export is not None, "There is nothing to save.")
        self._on_outcome_changed()

    def _show_file(self) -> None:
        export = self._model.export
        self._preview.set_text(export.files[self._file][1] if export and export.files else "")

    @Slot()
    def _on_outcome_changed(self) -> None:
        model = self._model
        icon, color = _MOODS[model.outcome_mood]
        self._outcome.setText(model.outcome)
        self._outcome.set_color(color)
        self._detail.setText(model.outcome_detail)
        self._detail.setVisible(bool(model.outcome_detail))
        self._outcome_icon.setPixmap(self.look.pixmap(icon, color, 16, self.devicePixelRatioF()))
        self._outcome_icon.setVisible(bool(model.outcome))
        self._replace.setVisible(model.can_replace)
        self._verify.setVisible(model.format_name == SCRIPT_FORMAT)
        self._verify.set_text("Stop" if model.verifying else "Verify")
        self._verify.set_icon("stop" if model.verifying else "shield")
        self._verify.set_usable(not model.why_not_verify, model.why_not_verify)

    @Slot()
    def _on_verify(self) -> None:
        if self._model.verifying:
            self._model.stop()
        else:
            self._model.verify()

    @Slot()
    def _on_copy(self) -> None:
        QGuiApplication.clipboard().setText(self._preview.text)
        self.copied.emit()

    @Slot()
    def _on_save(self) -> None:
        choose_folder(self, "Save the export to a folder", self.save_to)
