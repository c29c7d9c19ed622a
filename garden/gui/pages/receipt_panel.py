"""One receipt: what was forecast and what came out, tensors by type, hashes, and what can be done next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from garden.core.quantity import format_bytes, format_duration
from garden.core.receipt import QuantizationReceipt
from garden.gui.theme.theme import ThemeController
from garden.gui.viewmodels.wording import clock, short_hash
from garden.gui.widgets.button import Button
from garden.gui.widgets.card import Divider
from garden.gui.widgets.label import Label
from garden.gui.widgets.legend import Legend
from garden.gui.widgets.memory_bar import BarFill, MemoryBar
from garden.quantization.fallback_text import fallback_sentence
from garden.quantization.own_runs import NOT_MEASURED

#: Colours of the bar, the largest share first; further types share the last.
_COLORS = ("memory.weights", "memory.kv", "memory.compute", "memory.used")


class ReceiptPanel(QWidget):
    """Shows a receipt.

    Args:
        theme: Where colours come from.
        parent: Qt parent.

    Signals:
        compare_wanted: Put the result beside its source.
    """

    compare_wanted = Signal()

    def __init__(self, theme: ThemeController, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        px = theme.theme.px
        elide = Qt.TextElideMode.ElideRight
        self._name = Label(theme, weight=500, elide=elide)
        self._type = Label(theme, style="code", weight=600, line=20)
        self._time = Label(theme, style="small", color="text.muted")
        self._bar = MemoryBar(theme, 14)
        self._legend = Legend(theme, ())
        self._fallbacks = Label(theme, style="small", color="text.secondary", wrap=True)
        self._fallbacks.setObjectName("workshop.fallbacks")
        self._figures: dict[str, tuple[Label, Label]] = {}
        self._facts: dict[str, Label] = {}
        self.compare = Button(theme, "Compare with the source", icon="compare", small=True, name="workshop.compare")
        self.compare.clicked.connect(self.compare_wanted)
        head = QHBoxLayout()
        head.setSpacing(px(8))
        head.addWidget(self._name)
        head.addWidget(self._type)
        head.addStretch(1)
        head.addWidget(self._time)
        actions = QHBoxLayout()
        actions.addWidget(self.compare)
        actions.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(px(16), px(12), px(16), px(12))
        column.setSpacing(0)
        column.addLayout(head)
        column.addSpacing(px(8))
        column.addLayout(self._make_figures(theme))
        column.addSpacing(px(8))
        column.addWidget(Divider(theme))
        column.addSpacing(px(6))
        column.addWidget(Label(theme, "Tensors by type", style="caption", color="text.muted"))
        column.addSpacing(px(4))
        column.addWidget(self._bar)
        column.addSpacing(px(4))
        column.addWidget(self._legend)
        column.addSpacing(px(4))
        column.addWidget(self._fallbacks)
        column.addSpacing(px(10))
        column.addWidget(Divider(theme))
        column.addSpacing(px(4))
        column.addLayout(self._make_facts(theme))
        column.addSpacing(px(10))
        column.addLayout(actions)

    def _make_figures(self, theme: ThemeController) -> QGridLayout:
        px = theme.theme.px
        grid = QGridLayout()
        grid.setHorizontalSpacing(px(10))
        grid.setVerticalSpacing(0)
        grid.setColumnStretch(0, 1)
        right = Qt.AlignmentFlag.AlignRight
        for column, title in ((1, "Forecast"), (2, "Actual")):
            grid.addWidget(Label(theme, title, style="caption", color="text.muted", align=right), 0, column)
            grid.setColumnMinimumWidth(column, px(94))
        for row, title in enumerate(("Bytes", "Bits per weight", "Time", "Peak memory"), 1):
            grid.addWidget(Label(theme, title, style="small", color="text.muted", line=22), row, 0)
            forecast = Label(theme, style="small", color="text.secondary", line=22, align=right)
            actual = Label(theme, style="small", weight=500, line=22, align=right)
            grid.addWidget(forecast, row, 1)
            grid.addWidget(actual, row, 2)
            self._figures[title] = (forecast, actual)
        return grid

    def _make_facts(self, theme: ThemeController) -> QGridLayout:
        px = theme.theme.px
        grid = QGridLayout()
        grid.setHorizontalSpacing(0)
        grid.setVerticalSpacing(0)
        grid.setColumnMinimumWidth(0, px(76))
        grid.setColumnStretch(1, 1)
        elide = Qt.TextElideMode.ElideMiddle
        for row, (title, mono) in enumerate((("Source", True), ("Result", True), ("File", True), ("Engine", False))):
            grid.addWidget(Label(theme, title, style="small", color="text.muted", line=22), row, 0)
            style, size = ("code", 11.5) if mono else ("small", None)
            fact = Label(theme, style=style, size=size, line=22, elide=elide)
            fact.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            grid.addWidget(fact, row, 1)
            self._facts[title] = fact
        return grid

    def show_receipt(self, receipt: QuantizationReceipt, name: str, shares: Mapping[str, float] | None = None) -> None:
        """Show a receipt.

        Args:
            receipt: The receipt.
            name: The model's name.
            shares: Share of the file per tensor type, 0..1; counts stand in while it is not read.
        """
        self._name.setText(name)
        self._type.setText(receipt.quant_type)
        self._time.setText(clock(receipt.finished_at))
        self._show_figures(receipt)
        total = sum(receipt.tensors.values()) or 1
        told = shares or {kind: count / total for kind, count in receipt.tensors.items()}
        self._show_tensors(receipt.tensors, told)
        self._fallbacks.setText(fallback_sentence(receipt.fallbacks))
        self._fallbacks.setVisible(receipt.fallbacks > 0)
        self._fallbacks.updateGeometry()
        base = receipt.source_quant_type or "source"
        self._facts["Source"].setText(f"{base} · {short_hash(receipt.source_sha256)}")
        self._facts["Result"].setText(short_hash(receipt.sha256))
        self._facts["File"].setText(PurePath(receipt.path).name)
        self._facts["File"].setToolTip(receipt.path)
        engine = f"llama-cpp-python {receipt.engine_version}" if receipt.engine_version else "not noted"
        self._facts["Engine"].setText(engine)
        for label in (self._name, self._type, self._time, *self._facts.values()):
            label.updateGeometry()

    def _show_figures(self, receipt: QuantizationReceipt) -> None:
        """What was expected beside what came out; sizes from the dry run, the rest from earlier runs here."""
        size, bits = receipt.forecast_size_bytes, receipt.forecast_bits_per_weight
        seconds, peak = receipt.forecast_seconds, receipt.forecast_peak_memory_bytes
        self._set_figure("Bytes", "" if size is None else f"{size:,}", f"{receipt.size_bytes:,}")
        self._set_figure("Bits per weight", "" if bits is None else f"{bits:.2f}", f"{receipt.bits_per_weight:.2f}")
        expected = NOT_MEASURED if seconds is None else f"about {format_duration(seconds)}"
        self._set_figure("Time", expected, format_duration(receipt.seconds))
        expected = NOT_MEASURED if peak is None else f"about {format_bytes(peak)}"
        self._set_figure("Peak memory", expected, format_bytes(receipt.peak_memory_bytes))

    def _set_figure(self, title: str, forecast: str, actual: str) -> None:
        for label, text in zip(self._figures[title], (forecast, actual), strict=True):
            label.setText(text)
            label.updateGeometry()

    def _show_tensors(self, tensors: Mapping[str, int], shares: Mapping[str, float]) -> None:
        ordered: Sequence[str] = sorted(tensors, key=lambda kind: -shares.get(kind, 0.0))
        parts = [(_COLORS[min(number, len(_COLORS) - 1)], shares.get(kind, 0.0)) for number, kind in enumerate(ordered)]
        spoken = ", ".join(f"{kind} {tensors[kind]}" for kind in ordered)
        self._bar.set_fill(BarFill(parts=tuple(parts)), f"Tensors: {spoken}")
        shown = ordered[: len(_COLORS)]
        self._legend.set_items([(_COLORS[number], f"{kind} {tensors[kind]}") for number, kind in enumerate(shown)])
