"""How the files would be loaded: the context slider and the type of the KV cache. They move every bar at once."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QIntValidator, QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from garden.gui.pages.scaled_width import limit_width
from garden.gui.theme.theme import ThemeController
from garden.gui.viewmodels.repository import SMALLEST_CONTEXT
from garden.gui.widgets.button import Button
from garden.gui.widgets.context_slider import ContextSlider
from garden.gui.widgets.field import Field
from garden.gui.widgets.label import Label
from garden.gui.widgets.segmented_control import SegmentedControl
from garden.gui.widgets.tag import Tag
from garden.gui.widgets.themed_widget import Surface
from garden.services.load_plan import LoadPlan

#: Types of the cache that are worth a choice at a glance; every other one is a matter for a pane.
KV_TYPES = ("f16", "q8_0", "q4_0")


class LoadBar(Surface):
    """Context and cache type.

    Args:
        theme: Where colours come from.
        name: Prefix of the names of its parts.
        stacked: In a narrow panel: the slider above the cache types.
        background: Token of what it lies on; the panel's or the page's own when None.
        parent: Qt parent.

    Attributes:
        advanced: The button that opens everything else; the anchor of what it opens.

    Signals:
        context_chosen: Tokens; emitted while the knob moves.
        kv_type_chosen: A key of KV_TYPES.
        advanced_wanted: Everything else is to be shown.
    """

    context_chosen = Signal(int)
    kv_type_chosen = Signal(str)
    advanced_wanted = Signal()

    def __init__(
        self,
        theme: ThemeController,
        name: str = "load",
        *,
        stacked: bool = False,
        background: str | None = None,
        parent: QWidget | None = None,
    ) -> None:
        background = background or ("bg.sunken" if stacked else "bg.surface")
        super().__init__(theme, background, edges="" if stacked else "b", parent=parent)
        self.advanced = Button(theme, "Advanced", icon="settings", kind="ghost", name=f"{name}.advanced")
        self.advanced.setToolTip("Layers, batches, threads and all else, and the line of llama-server that loads it")
        self.advanced.clicked.connect(self.advanced_wanted)
        self._stacked = stacked
        self._differs = Tag(theme, "", "warning")
        self._differs.setObjectName(f"{name}.differs")
        self._differs.hide()
        px = theme.theme.px
        self._slider = ContextSlider(theme, name="contextSlider")
        self._slider.valueChanged.connect(self._on_moved)
        limit_width(self._slider, theme, 300)
        self._field = Field(theme, "", name="contextField", label="Context, tokens", width=70)
        self._field.line.setAlignment(Qt.AlignmentFlag.AlignRight)
        self._field.line.setValidator(QIntValidator(1, 100_000_000, self))
        self._field.line.editingFinished.connect(self._on_typed)
        self._kv = SegmentedControl(
            theme, [(kind, kind) for kind in KV_TYPES], name="kvType", label="Type of the KV cache"
        )
        self._kv.chosen.connect(self._on_kv_chosen)
        self._context, self._cache = QHBoxLayout(), QHBoxLayout()
        self._halves = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._aside = QHBoxLayout()
        if stacked:
            self._stack(theme)
            return
        self._halves.setContentsMargins(px(20), px(8), px(20), px(6))
        top = Qt.AlignmentFlag.AlignTop
        column = QHBoxLayout()
        column.setContentsMargins(0, px(8), 0, 0)
        column.addWidget(self._slider)
        title = Label(theme, "Context", weight=500, line=28)
        title.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._context.addWidget(title, 0, top)
        self._context.addLayout(column, 1)
        self._context.addWidget(self._field, 0, top)
        self._context.addStretch(0)
        self._cache.addWidget(Label(theme, "KV cache", weight=500, line=28), 0, top)
        self._cache.addWidget(self._kv, 0, top)
        mark = QHBoxLayout()
        mark.setContentsMargins(px(4), px(5), 0, 0)
        mark.addWidget(self._differs, 0, top)
        self._cache.addLayout(mark)
        self._aside.setContentsMargins(px(8), px(6), px(8), 0)
        self._cache.addLayout(self._aside, 1)
        self._cache.addWidget(self.advanced, 0, top)
        for half in (self._context, self._cache):
            half.setSpacing(px(8))
            self._halves.addLayout(half, 1)
        self.setLayout(self._halves)
        self._fold()

    def _stack(self, theme: ThemeController) -> None:
        px = theme.theme.px
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, px(4))
        column.setSpacing(px(6))
        first, second = self._context, self._cache
        first.setSpacing(px(6))
        slider = QVBoxLayout()
        slider.setContentsMargins(0, px(8), 0, 0)
        slider.addWidget(self._slider)
        first.addLayout(slider, 1)
        first.addWidget(self._field, 0, Qt.AlignmentFlag.AlignTop)
        second.addWidget(Label(theme, "KV cache", style="small", color="text.secondary"))
        second.addWidget(self._differs)
        second.addStretch(1)
        second.addWidget(self.advanced)
        # A line of its own: with a type for K and another for V they fill it.
        third = QHBoxLayout()
        third.addWidget(self._kv)
        third.addStretch(1)
        for line in (first, second, third):
            column.addLayout(line)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Two lines where one would be too narrow."""
        super().resizeEvent(event)
        self._fold()

    def minimumSizeHint(self) -> QSize:
        """As narrow as the wider of the two lines."""
        if self._stacked:
            return super().minimumSizeHint()
        margins = self._halves.contentsMargins()
        widths = [half.minimumSize().width() for half in (self._context, self._cache)]
        return QSize(max(widths) + margins.left() + margins.right(), super().minimumSizeHint().height())

    def _fold(self) -> None:
        if self._stacked:
            return
        px = self.look.px
        margins = self._halves.contentsMargins()
        between = px(20)
        wide = self._context.minimumSize().width() + between + self._cache.minimumSize().width()
        folded = wide + margins.left() + margins.right() > self.width()
        directions = QBoxLayout.Direction
        self._halves.setDirection(directions.TopToBottom if folded else directions.LeftToRight)
        self._halves.setSpacing(px(2) if folded else between)

    def show_load(self, context_length: int, largest: int, type_k: str, type_v: str) -> None:
        """Show what is chosen, without telling anyone."""
        blocked = self._slider.blockSignals(True)
        self._slider.set_span(SMALLEST_CONTEXT, largest)
        self._slider.setValue(context_length)
        self._slider.blockSignals(blocked)
        if not self._field.line.hasFocus() or not self._field.line.isModified():
            self._field.set_text(f"{context_length:,}")
            self._field.line.setModified(False)
        # What was chosen in the advanced view has a segment of its own for as long as it is chosen.
        now = type_k if type_k == type_v else f"{type_k}/{type_v}"
        self._kv.set_options([(kind, kind) for kind in (*KV_TYPES, *((now,) if now not in KV_TYPES else ()))])
        self._kv.set_current(now)
        self._fold()

    def add_aside(self, widget: QWidget) -> None:
        """Put something into the room that is left; only in a row."""
        self._aside.addWidget(widget, 0, Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignRight)

    def show_difference(self, text: str, tip: str = "") -> None:
        """Say that what is shown does not hold for all; an empty text says nothing."""
        self._differs.set_text(text)
        self._differs.setToolTip(tip)
        self._differs.setAccessibleDescription(tip)
        self._differs.setVisible(bool(text))

    def show_plan(self, plan: LoadPlan | None) -> None:
        """Mark how far the context of the chosen model can grow."""
        self.advanced.set_usable(plan is not None, "The file's header was not read yet.")
        marks = []
        if plan is not None and plan.gpu_context:
            marks.append((plan.gpu_context, "All on the GPU"))
        if plan is not None and plan.max_context and plan.max_context != plan.gpu_context:
            marks.append((plan.max_context, "Fits"))
        self._slider.set_marks(marks)

    @Slot(str)
    def _on_kv_chosen(self, key: str) -> None:
        if key in KV_TYPES:
            self.kv_type_chosen.emit(key)

    @Slot(int)
    def _on_moved(self, tokens: int) -> None:
        self._field.set_text(f"{tokens:,}")
        self.context_chosen.emit(tokens)

    @Slot()
    def _on_typed(self) -> None:
        if not self._field.line.isModified():
            return
        self._field.line.setModified(False)
        digits = self._field.text.replace(",", "").strip()
        if digits.isdecimal():
            self.context_chosen.emit(int(digits))
