"""The model that is chosen in the Library: how it fits, what it was made from, its facts, what can be done with it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices, QGuiApplication, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QMenu, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from garden.core.job_record import JobRecord
from garden.core.library_entry import PROGRAM_NAMES, LibraryEntry
from garden.core.quantity import format_bytes, format_parameters, format_tokens
from garden.gui.pages.load_bar import LoadBar
from garden.gui.pages.scaled_width import fix_width
from garden.gui.theme.theme import ThemeController
from garden.gui.viewmodels.library_table import LibraryRow
from garden.gui.viewmodels.model_facts import ModelFacts
from garden.gui.viewmodels.run_difference import cache_types
from garden.gui.viewmodels.wording import license_name
from garden.gui.widgets.button import Button
from garden.gui.widgets.device_memory_view import DeviceMemoryView
from garden.gui.widgets.label import Label
from garden.gui.widgets.legend import Legend
from garden.gui.widgets.speed_line import SpeedLine
from garden.gui.widgets.tag import Tag
from garden.gui.widgets.themed_widget import Surface, ThemedWidget
from garden.gui.widgets.verdict_label import VerdictLabel
from garden.services.removal_plan import RemovalPlan

_TAGS = 3


class Lineage(ThemedWidget):
    """A line of dots: what a model was made from, the model itself last."""

    def __init__(self, theme: ThemeController, parent: QWidget | None = None) -> None:
        super().__init__(theme, parent)
        self._steps: tuple[str, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_steps(self, steps: Sequence[str]) -> None:
        """Show these, the oldest first."""
        self._steps = tuple(steps)
        self.setAccessibleName("Made from: " + ", then ".join(steps))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """A line of 24 pixels per step."""
        return QSize(self.look.px(120), self.look.px(24) * len(self._steps))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw dots, line and texts."""
        theme = self.look
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        height = theme.px(24)
        centre = theme.px(5.5)
        if len(self._steps) > 1:
            top = height / 2
            painter.fillRect(
                QRectF(round(centre), top, 1, height * (len(self._steps) - 1)), theme.color("border.strong")
            )
        for number, step in enumerate(self._steps):
            last = number == len(self._steps) - 1
            middle = number * height + height / 2
            token = "accent.base" if last else "border.control"
            painter.setPen(QPen(theme.color(token), 1.5))
            painter.setBrush(theme.color("accent.base" if last else "bg.sunken"))
            painter.drawEllipse(QPointF(centre, middle), theme.px(4), theme.px(4))
            font = theme.font("small", weight=500 if last else 400)
            painter.setFont(font)
            painter.setPen(theme.color("text.primary"))
            area = QRectF(theme.px(18), number * height, self.width() - theme.px(18), height)
            text = painter.fontMetrics().elidedText(step, Qt.TextElideMode.ElideMiddle, int(area.width()))
            painter.drawText(area, int(Qt.AlignmentFlag.AlignVCenter), text)


class _Facts(QWidget):
    """Names and values in two columns."""

    def __init__(self, theme: ThemeController, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._grid = QGridLayout(self)
        px = theme.theme.px
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(px(10))
        self._grid.setVerticalSpacing(px(6))
        self._grid.setColumnMinimumWidth(0, px(84))
        self._grid.setColumnStretch(1, 1)
        self._lines: list[tuple[Label, Label, Label]] = []

    def show_facts(self, facts: Sequence[tuple[str, str, bool]]) -> None:
        """Show names, values and whether a value is code."""
        while len(self._lines) < len(facts):
            number = len(self._lines)
            elide = Qt.TextElideMode.ElideMiddle
            name = Label(self._theme, style="small", color="text.muted", line=18)
            plain = Label(self._theme, style="small", elide=elide, line=18)
            code = Label(self._theme, style="code", size=11.5, elide=elide, line=18)
            self._lines.append((name, plain, code))
            self._grid.addWidget(name, number, 0)
            for value in (plain, code):
                value.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
                self._grid.addWidget(value, number, 1)
        for number, (name, plain, code) in enumerate(self._lines):
            shown = number < len(facts)
            title, text, is_code = facts[number] if shown else ("", "", False)
            name.setVisible(shown)
            plain.setVisible(shown and not is_code)
            code.setVisible(shown and is_code)
            if shown:
                name.setText(title)
                value = code if is_code else plain
                value.setText(text)
                value.setToolTip(text)
                value.setAccessibleName(f"{title}: {text}")


class LibraryDetail(Surface):
    """The panel at the right.

    Attributes:
        load: Context and cache types, of all models of the page.

    Signals:
        compare_wanted: Open Compare with it.
        export_wanted: Take its configuration away.
        quantize_wanted: Open Workshop with it.
        measure_wanted: Measure its speed.
        measure_cancel_wanted: No longer.
        verify_wanted: Hash it, or stop that.
        remove_wanted: Remove it, after a question.
        forget_wanted: List it no longer.
        look_wanted: Ask the Hub whether it was replaced.
        newer_wanted: Fetch what has replaced it.
        said: Something to say.
    """

    compare_wanted = Signal()
    export_wanted = Signal()
    quantize_wanted = Signal()
    measure_wanted = Signal()
    measure_cancel_wanted = Signal()
    verify_wanted = Signal()
    remove_wanted = Signal()
    forget_wanted = Signal()
    look_wanted = Signal()
    newer_wanted = Signal()
    said = Signal(str, str)

    def __init__(self, theme: ThemeController, parent: QWidget | None = None) -> None:
        super().__init__(theme, "bg.sunken", edges="l", parent=parent)
        self.setObjectName("libraryDetail")
        self.setAccessibleName("The chosen model")
        self._row: LibraryRow | None = None
        self._facts_of: ModelFacts | None = None
        self._name = Label(theme, style="title", wrap=True)
        self._name.setObjectName("libraryDetail.name")
        self._type = Label(theme, style="code", weight=600)
        self._tags = [Tag(theme) for _ in range(_TAGS)]
        self._compare = Button(theme, "Compare", icon="compare", kind="primary", name="libraryDetail.compare")
        self._export = Button(theme, "Export", icon="export", name="libraryDetail.export")
        self._quantize = Button(theme, icon="workshop", name="libraryDetail.quantize", hint="Quantize it in Workshop")
        self._more = Button(theme, icon="more", name="libraryDetail.more", hint="More")
        self._fit_title = Label(theme, style="strong")
        self.load = LoadBar(theme, "libraryLoad", stacked=True)
        self._verdict = VerdictLabel(theme, layers=True)
        self._memory = DeviceMemoryView(theme, name="libraryDetail")
        self._legend = Legend(theme)
        self._reason = Label(theme, style="small", color="text.secondary", wrap=True)
        self._speed = SpeedLine(theme, "libraryDetail", stacked=True)
        self._problem = Label(theme, style="small", color="status.danger.fg", wrap=True)
        self._lineage = Lineage(theme)
        self._facts = _Facts(theme)
        self._newer = Button(theme, "Fetch the newer one", icon="download", small=True, name="libraryDetail.fetchNewer")
        self._newer.setToolTip("Beside this one, which stays")
        self._verify = Button(theme, "Verify", icon="shield", small=True, name="libraryDetail.verify")
        self._remove = Button(theme, "Remove", icon="trash", kind="danger", small=True, name="libraryDetail.remove")
        self._told, self._forecast = QWidget(), QWidget()
        self._fit_block = self._lineage_block = QWidget()
        self._build(theme)
        self._connect()

    def _build(self, theme: ThemeController) -> None:
        px = theme.theme.px
        fix_width(self, theme, theme.theme.tokens.sizes["inspector"])
        content = QWidget()
        content.setObjectName("scrolled")
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        tags = QHBoxLayout(self._told)
        tags.setContentsMargins(0, px(4), 0, 0)
        tags.setSpacing(px(8))
        tags.addWidget(self._type)
        for tag in self._tags:
            tags.addWidget(tag)
        tags.addStretch(1)
        buttons = QHBoxLayout()
        buttons.setSpacing(px(6))
        for button in (self._compare, self._export, self._quantize, self._more):
            buttons.addWidget(button)
        buttons.addStretch(1)
        head, inner = self._block(theme, (14, 12))
        inner.addWidget(self._name)
        inner.addWidget(self._told)
        inner.addSpacing(px(12))
        inner.addLayout(buttons)
        self._fit_block, inner = self._block(theme, (12, 12))
        first = QHBoxLayout()
        first.addWidget(self._fit_title)
        first.addStretch(1)
        first.addWidget(self._verdict)
        inner.addLayout(first)
        inner.addSpacing(px(8))
        forecast = QVBoxLayout(self._forecast)
        forecast.setContentsMargins(0, 0, 0, 0)
        forecast.setSpacing(px(8))
        for widget in (self.load, self._memory, self._legend, self._reason, self._speed):
            forecast.addWidget(widget)
        inner.addWidget(self._forecast)
        inner.addWidget(self._problem)
        self._lineage_block, inner = self._block(theme, (12, 12))
        inner.addWidget(Label(theme, "Lineage", style="strong"))
        inner.addSpacing(px(5))
        inner.addWidget(self._lineage)
        facts = self._facts_block(theme)
        foot = QWidget()
        row = QHBoxLayout(foot)
        row.setContentsMargins(px(16), px(12), px(16), px(12))
        row.addWidget(self._verify)
        row.addStretch(1)
        row.addWidget(self._remove)
        for block in (head, self._fit_block, self._lineage_block, facts, foot):
            column.addWidget(block)
        column.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.viewport().setAutoFillBackground(False)
        content.setAutoFillBackground(False)
        area.setWidget(content)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(1, 0, 0, 0)
        outer.addWidget(area)

    def _facts_block(self, theme: ThemeController) -> QWidget:
        facts, inner = self._block(theme, (13, 13))
        inner.addWidget(self._facts)
        inner.addSpacing(theme.theme.px(8))
        inner.addWidget(self._newer)
        return facts

    def _block(self, theme: ThemeController, padding: tuple[int, int]) -> tuple[QWidget, QVBoxLayout]:
        px = theme.theme.px
        block = Surface(theme, "bg.sunken", edges="b")
        inner = QVBoxLayout(block)
        inner.setContentsMargins(px(16), px(padding[0]), px(16), px(padding[1]))
        inner.setSpacing(0)
        return block, inner

    def _connect(self) -> None:
        self._compare.clicked.connect(self.compare_wanted)
        self._export.clicked.connect(self.export_wanted)
        self._quantize.clicked.connect(self.quantize_wanted)
        self._speed.measure_wanted.connect(self.measure_wanted)
        self._speed.cancel_wanted.connect(self.measure_cancel_wanted)
        self._newer.clicked.connect(self.newer_wanted)
        self._verify.clicked.connect(self.verify_wanted)
        self._remove.clicked.connect(self.remove_wanted)
        self._more.clicked.connect(self._on_more)

    def show_row(self, row: LibraryRow, facts: ModelFacts | None, measuring: JobRecord | None = None) -> None:
        """Show a model.

        Args:
            row: The model and its forecast.
            facts: What was measured of it; None until it was read.
            measuring: The measurement of its speed under way.
        """
        self._row, self._facts_of = row, facts
        entry = row.entry
        self._name.setText(entry.ref.name)
        self._name.updateGeometry()
        self._type.setText(entry.ref.quant_type or "")
        told = [
            format_parameters(entry.parameters) if entry.parameters else "",
            entry.architecture or "",
            license_name(entry.license) if entry.license else "",
        ]
        shown = [text for text in told if text]
        self._told.setVisible(bool(shown or entry.ref.quant_type))
        for number, tag in enumerate(self._tags):
            tag.setVisible(number < len(shown))
            if number < len(shown):
                tag.set_text(shown[number])
        usable = entry.problem is None
        for button in (self._compare, self._export, self._quantize):
            button.set_usable(usable, entry.problem or "")
        self._show_fit(row)
        self._speed.show_speed(row.forecast, measuring)
        self._lineage_block.setVisible(bool(entry.lineage))
        self._lineage.show_steps((*entry.lineage, f"{entry.ref.name} {entry.ref.quant_type or ''}".strip()))
        self._newer.setVisible(row.newer is not None)
        self._facts.show_facts(facts.lines if facts is not None else ())
        if row.verifying is not None:
            self._verify.set_text(f"Stop, {row.verifying * 100:.0f} % read")
        else:
            self._verify.set_text("Verify" if row.resting is None else "Resume")
        if row.resting is not None:
            self._remove.set_usable(True, "")
            self._remove.set_text(f"Clear, frees {format_bytes(row.resting.size_bytes)}")
            return
        self._show_removal(entry, facts.removal if facts is not None else None)

    def _show_removal(self, entry: LibraryEntry, plan: RemovalPlan | None) -> None:
        owner = entry.program if plan is None else plan.owner
        if owner is not None:
            self._remove.set_text(f"Belongs to {PROGRAM_NAMES[owner]}")
            self._remove.set_usable(False, plan.owner_action if plan is not None else "")
            return
        self._remove.set_usable(True, "")
        if plan is not None and not plan.frees_bytes and not plan.kept_bytes:
            self._remove.set_text("Forget")
            return
        self._remove.set_text("Remove" if plan is None else f"Remove, frees {format_bytes(plan.frees_bytes)}")

    def show_measurement(self, measuring: JobRecord | None) -> None:
        """Show how far the measurement of its speed is."""
        if self._row is not None:
            self._speed.show_speed(self._row.forecast, measuring)

    def _show_fit(self, row: LibraryRow) -> None:
        forecast = row.forecast
        problem = row.entry.problem
        self._fit_block.setVisible(forecast is not None or problem is not None)
        context = forecast.context_length if forecast else None
        types = f", KV {cache_types(row.plan.load)}" if row.plan is not None else ""
        self._fit_title.setText(f"Fit at {format_tokens(context)}{types}" if context else "Cannot be used")
        self._fit_title.updateGeometry()
        self._verdict.set_forecast(forecast)
        self._forecast.setVisible(forecast is not None)
        self._problem.setVisible(problem is not None)
        self._problem.setText(problem or "")
        if forecast is not None:
            self._memory.set_devices(forecast.devices)
            if (plan := row.plan) is not None:
                load, largest = plan.load, max(plan.trained_context or 0, plan.load.context_length)
                self.load.show_load(load.context_length, largest, load.type_k, load.type_v)
            self.load.show_plan(row.plan)
            self._reason.setText(f"{forecast.reason} {forecast.suggestion}".strip())

    @Slot()
    def _on_more(self) -> None:
        row = self._row
        if row is None:
            return
        menu = QMenu(self)
        menu.setFont(self.look.font("body", size=12.5))
        ref = row.entry.ref
        if ref.path is not None:
            menu.addAction("Open its folder", lambda: self._open_folder(str(ref.path)))
            menu.addAction("Copy its path", lambda: self._copy(str(ref.path), "The path was copied."))
        if ref.sha256 is not None:
            menu.addAction("Copy its SHA-256", lambda: self._copy(str(ref.sha256), "The hash was copied."))
        if self._facts_of is not None and self._facts_of.single:
            menu.addAction("Forget it; the file stays", self.forget_wanted.emit)
        if row.entry.origin == "hub_cache":
            menu.addAction("Look for a newer version", self.look_wanted.emit)
        if ref.repo_id is not None:
            menu.addAction("Copy its name on the Hub", lambda: self._copy(str(ref.repo_id), "The name was copied."))
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(self._more.mapToGlobal(self._more.rect().bottomLeft()))

    def _open_folder(self, path: str) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(Path(path).parent)))

    def _copy(self, text: str, said: str) -> None:
        QGuiApplication.clipboard().setText(text)
        self.said.emit(said, "")
