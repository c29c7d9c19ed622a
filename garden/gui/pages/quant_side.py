"""Workshop's side panel: the queue, one receipt, and the earlier ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QFont, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QFrame, QHBoxLayout, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from garden.core.job_record import JobRecord
from garden.core.quantity import format_bytes, format_duration
from garden.core.receipt import QuantizationReceipt
from garden.gui.pages.quant_queue import QuantQueue
from garden.gui.pages.receipt_panel import ReceiptPanel
from garden.gui.theme.theme import ThemeController
from garden.gui.viewmodels.wording import clock
from garden.gui.widgets.button import Button
from garden.gui.widgets.hover import follow_pointer
from garden.gui.widgets.label import Label
from garden.gui.widgets.themed_widget import Surface
from garden.services.model_name import display_name

_MOST_EARLIER = 30


class _Earlier(QAbstractButton):
    """One earlier receipt: type, size, how long it took, when; below it the model."""

    def __init__(self, theme: ThemeController, receipt: QuantizationReceipt, parent: QWidget) -> None:
        super().__init__(parent)
        self._controller = theme
        self.receipt = receipt
        follow_pointer(self)
        self.setCheckable(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(theme.theme.px(48))
        self.setObjectName(f"workshop.receipt.{receipt.quant_type}")
        self.setAccessibleName(f"Receipt of {PurePath(receipt.path).name}, {format_bytes(receipt.size_bytes)}")
        self.setToolTip(receipt.path)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the line."""
        theme = self._controller.theme
        px = theme.px
        painter = QPainter(self)
        if self.isChecked() or self.underMouse():
            painter.fillRect(self.rect(), theme.color("bg.selected" if self.isChecked() else "bg.hover"))
        painter.fillRect(QRectF(0, self.height() - 1, self.width(), 1), theme.color("border.subtle"))
        receipt = self.receipt
        left, right = Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignRight
        area = QRectF(px(16), px(4), self.width() - px(32), px(20))
        small = theme.font("small")
        self._text(painter, area, receipt.quant_type, theme.font("code", weight=600), "text.primary", left)
        size = area.adjusted(px(66), 0, -px(116), 0)
        self._text(painter, size, format_bytes(receipt.size_bytes), small, "text.secondary", left)
        below = area.translated(0, px(18))
        painter.setFont(small)
        name = painter.fontMetrics().elidedText(model_name(receipt), Qt.TextElideMode.ElideRight, round(below.width()))
        self._text(painter, below, name, small, "text.muted", left)
        took = area.adjusted(0, 0, -px(50), 0)
        self._text(painter, took, format_duration(receipt.seconds), small, "text.muted", right)
        self._text(painter, area, clock(receipt.finished_at), small, "text.muted", right)

    def _text(
        self, painter: QPainter, area: QRectF, text: str, font: QFont, color: str, align: Qt.AlignmentFlag
    ) -> None:
        painter.setFont(font)
        painter.setPen(self._controller.theme.color(color))
        painter.drawText(area, int(align | Qt.AlignmentFlag.AlignVCenter), text)


def model_name(receipt: QuantizationReceipt) -> str:
    """Name of the model that a receipt is of."""
    return display_name(PurePath(receipt.path).stem)


class QuantSide(Surface):
    """The panel.

    Args:
        theme: Where colours come from.
        parent: Qt parent.

    Signals:
        cancel_wanted: Id of the job to stop.
        receipt_chosen: The user picked an earlier receipt.
        save_wanted: Write the receipt that shows into a file.
        compare_wanted: Put its result beside its source.
    """

    cancel_wanted = Signal(str)
    receipt_chosen = Signal(object)
    save_wanted = Signal()
    compare_wanted = Signal()

    def __init__(self, theme: ThemeController, parent: QWidget | None = None) -> None:
        super().__init__(theme, "bg.sunken", edges="l", parent=parent)
        self._earlier: list[_Earlier] = []
        self.queue = QuantQueue(theme)
        self.receipt = ReceiptPanel(theme)
        self._save = Button(theme, "Save", icon="export", kind="ghost", small=True, name="workshop.saveReceipt")
        self._save.clicked.connect(self.save_wanted)
        self.queue.cancel_wanted.connect(self.cancel_wanted)
        self.receipt.compare_wanted.connect(self.compare_wanted)
        content = self._content = QWidget()
        content.setObjectName("scrolled")
        self._column = QVBoxLayout(content)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self._receipt_head = self._head("Receipt", self._save)
        self._earlier_head = self._head("Earlier")
        self._column.addWidget(self._head("Queue", first=True))
        self._column.addWidget(self.queue)
        self._column.addWidget(self._receipt_head)
        self._column.addWidget(self.receipt)
        self._column.addLayout(self._make_promise(theme))
        self._column.addWidget(self._earlier_head)
        self._rows = QVBoxLayout()
        self._rows.setSpacing(0)
        self._column.addLayout(self._rows)
        self._column.addStretch(1)
        scroll = self._scroll = QScrollArea()
        scroll.setWidget(content)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.viewport().setAutoFillBackground(False)
        content.setAutoFillBackground(False)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(scroll)

    def _make_promise(self, theme: ThemeController) -> QVBoxLayout:
        """What stands where a receipt will."""
        px = theme.theme.px
        text = "What is made here leaves a receipt: its bytes, time and memory, its tensors, and both hashes."
        self._promise = Label(theme, text, style="small", color="text.muted", wrap=True)
        self._promise.setObjectName("workshop.noReceipt")
        box = QVBoxLayout()
        box.setContentsMargins(px(16), 0, px(16), 0)
        box.addSpacing(px(10))
        box.addWidget(self._promise)
        return box

    def _head(self, title: str, action: Button | None = None, *, first: bool = False) -> Surface:
        px = self.look.px
        head = Surface(self._controller, "bg.sunken", edges="b" if first else "tb")
        head.setFixedHeight(px(40))
        row = QHBoxLayout(head)
        row.setContentsMargins(px(16), 0, px(10), 0)
        row.addWidget(Label(self._controller, title, style="strong"))
        row.addStretch(1)
        if action is not None:
            row.addWidget(action)
        return head

    @property
    def least_width(self) -> int:
        """What its content and its scroll bar take side by side; narrower, one would lie upon the other."""
        return self._content.minimumSizeHint().width() + self._scroll.verticalScrollBar().sizeHint().width() + 1

    def show_queue(self, jobs: Sequence[JobRecord], waiting: Sequence[tuple[str, str]]) -> None:
        """Show work under way."""
        self.queue.show_work(jobs, waiting)

    def show_receipts(
        self,
        current: QuantizationReceipt | None,
        receipts: Sequence[QuantizationReceipt],
        shares: Mapping[str, float] | None,
        *,
        can_compare: bool,
    ) -> None:
        """Show one receipt, and all of them to pick from."""
        there = current is not None
        self._save.setVisible(there)
        self._promise.setVisible(not there)
        self.receipt.setVisible(there)
        if current is not None:
            self.receipt.show_receipt(current, model_name(current), shares)
            self.receipt.compare.set_usable(can_compare, "Source or result is no longer in the library.")
        shown = list(receipts[:_MOST_EARLIER])
        self._earlier_head.setVisible(len(shown) > 1)
        if [row.receipt for row in self._earlier] != shown:
            for row in self._earlier:
                self._rows.removeWidget(row)
                row.deleteLater()
            self._earlier = []
            for receipt in shown:
                row = _Earlier(self._controller, receipt, self)
                row.clicked.connect(lambda _checked=False, receipt=receipt: self.receipt_chosen.emit(receipt))
                self._rows.addWidget(row)
                self._earlier.append(row)
        for row in self._earlier:
            row.setChecked(row.receipt == current)
            row.setVisible(len(shown) > 1)
