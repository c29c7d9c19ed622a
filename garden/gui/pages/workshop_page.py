"""Workshop: smaller versions of a model, with their exact sizes before and a receipt after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, Qt, QTimer, Slot
from PySide6.QtGui import QGuiApplication, QKeyEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from garden.core.errors import EngineMissingError, GardenError
from garden.core.library_entry import LibraryEntry
from garden.core.quantity import format_bytes
from garden.core.receipt import QuantizationReceipt
from garden.gui.pages.quant_chart import QuantChart
from garden.gui.pages.quant_columns import END, INSETS, WIDTHS, hidden_columns
from garden.gui.pages.quant_foot import QuantFoot
from garden.gui.pages.quant_picker import QuantPicker
from garden.gui.pages.quant_row_delegate import QuantRowDelegate
from garden.gui.pages.quant_side import QuantSide, model_name
from garden.gui.pages.quant_size_popover import QuantSizePopover
from garden.gui.pages.quant_source_bar import QuantSourceBar
from garden.gui.pages.replace_question import ReplaceQuestion
from garden.gui.pages.row_table import RowTable
from garden.gui.viewmodels.quant_estimate import tensor_shares
from garden.gui.viewmodels.quant_table import QuantRole, QuantRow
from garden.gui.viewmodels.relay_plan import planned_bytes
from garden.gui.viewmodels.workshop import WorkshopViewModel
from garden.gui.widgets.button import Button
from garden.gui.widgets.file_dialog import choose_new_file
from garden.gui.widgets.page_header import PageHeader
from garden.gui.widgets.skeleton import Skeleton
from garden.gui.widgets.state_view import StateView

if TYPE_CHECKING:
    from garden.gui.bridge.event_pump import EventPump
    from garden.gui.navigator import Navigator
    from garden.gui.theme.theme import ThemeController
    from garden.services.garden import Garden

_SIDE = 360
_SIDE_NARROW = 320
#: Below these widths of the page the side panel is narrower, or folds away.
_ROOMY = 1_180
_FOLDS = 980
#: Rows of the table that show without scrolling, and height of the chart below that they leave room for.
_MOST_ROWS = 8
_FEWEST_ROWS = 4
_CHART = 230


class WorkshopPage(QWidget):
    """The page.

    Args:
        garden: Services.
        pump: Brings their answers to the Qt thread.
        navigator: The window.
        theme: Where colours come from.
    """

    def __init__(self, garden: Garden, pump: EventPump, navigator: Navigator, theme: ThemeController) -> None:
        super().__init__()
        self.setObjectName("page")
        self._garden = garden
        self._pump = pump
        self._navigator = navigator
        self._theme = theme
        self._begun = False
        self._picked_receipt: QuantizationReceipt | None = None
        self._shares: dict[str, Mapping[str, float]] = {}
        self._side_wanted = False
        self.workshop = WorkshopViewModel(garden, pump, self)
        self.header = PageHeader(theme, "Workshop")
        self._side_button = Button(theme, "Queue", icon="activity", kind="ghost", name="workshop.showSide")
        self._side_button.setCheckable(True)
        self._source_bar = QuantSourceBar(theme)
        self._table = RowTable(
            theme,
            height="row_table",
            widths=WIDTHS,
            insets=INSETS,
            end=END,
            name="workshop.types",
            label="Types that the model can be quantized to",
        )
        self._table.setProperty("dimsSelection", False)
        self._table.setItemDelegate(QuantRowDelegate(theme, "row_table", self._table))
        self._table.setModel(self.workshop.table)
        self._table.apply_sizes()
        self._chart = QuantChart(theme)
        self._side = QuantSide(theme)
        self._state = StateView(theme, name="workshop.state")
        self._skeleton = Skeleton(theme, 36)
        self._bodies = QStackedWidget()
        self._picker: QuantPicker | None = None
        self._size_popover: QuantSizePopover | None = None
        self._foot = QuantFoot(theme)
        ReplaceQuestion(theme, self, self.workshop.batches)
        self._build()
        self._connect()
        self._on_changed()

    def _build(self) -> None:
        self.header.add(self._side_button)
        types = QWidget()
        column = QVBoxLayout(types)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._table, 0)
        column.addWidget(self._foot)
        column.addWidget(self._chart, 1)
        for shown in (types, self._skeleton, self._state):
            self._bodies.addWidget(shown)
        left = QVBoxLayout()
        left.setSpacing(0)
        left.addWidget(self._source_bar)
        left.addWidget(self._bodies, 1)
        body = QHBoxLayout()
        body.setContentsMargins(0, 0, 0, 0)
        body.setSpacing(0)
        body.addLayout(left, 1)
        body.addWidget(self._side)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addWidget(self.header)
        outer.addLayout(body, 1)

    def _connect(self) -> None:
        workshop, bar, side = self.workshop, self._source_bar, self._side
        workshop.changed.connect(self._on_changed)
        workshop.queue_changed.connect(self._on_queue_changed)
        workshop.said.connect(self._navigator.notify)
        bar.change_wanted.connect(self.choose_source)
        bar.recommended_wanted.connect(workshop.choose_recommended)
        bar.size_wanted.connect(self._on_size_wanted)
        bar.all_types_wanted.connect(self._on_all_types)
        bar.consented.connect(workshop.set_consent)
        side.cancel_wanted.connect(workshop.cancel)
        side.receipt_chosen.connect(self._on_receipt_chosen)
        side.save_wanted.connect(self._on_save)
        side.compare_wanted.connect(self._on_compare)
        self._side_button.toggled.connect(self._on_side_wanted)
        self._table.clicked.connect(self._on_row_clicked)
        self._table.row_entered.connect(self._on_row_entered)
        self._table.selectionModel().currentRowChanged.connect(self._on_row_current)
        self._foot.measure_after.connect(workshop.set_measure_after)
        self._foot.command_wanted.connect(self._on_command)
        self._foot.start_wanted.connect(workshop.quantize)
        self._chart.measure_wanted.connect(self._on_measure_now)

    # What the window asks

    def open_entries(self, entries: Sequence[LibraryEntry]) -> None:
        """Take the first as the source."""
        if entries:
            self.workshop.choose_source(entries[0])

    def showEvent(self, event: QShowEvent) -> None:
        """The first time, read the library and the records."""
        super().showEvent(event)
        if not self._begun:
            self._begun = True
            self.workshop.load()
        self._plan()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Give the table its room; the side panel folds when there is little."""
        super().resizeEvent(event)
        self._fold()
        # The bodies get their height after this page.
        QTimer.singleShot(0, self._fold)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Space chooses the current type, or drops it."""
        if event.key() == Qt.Key.Key_Space and self._table.hasFocus() and self._table.currentIndex().isValid():
            self.workshop.table.toggle(self._table.currentIndex().row())
            return
        super().keyPressEvent(event)

    # What the view model says

    @Slot()
    def _on_changed(self) -> None:
        workshop = self.workshop
        self._show_body()
        self._source_bar.setVisible(workshop.source is not None)
        if workshop.source is not None:
            sized = any(row.forecast for row in workshop.table.rows)
            self._source_bar.show_source(
                workshop.source, consented=workshop.consented, ready=sized, all_types=workshop.all_types
            )
        self._foot.show_choice(len(workshop.table.chosen), workshop.estimate, workshop.obstacle)
        context = workshop.source.context if workshop.source else ""
        self._chart.show_rows(workshop.table.rows, workshop.bands, context, len(workshop.unmeasured))
        self._show_receipts()
        self._fold()

    def _show_body(self) -> None:
        workshop = self.workshop
        error = workshop.problem or (workshop.source.refused if workshop.source else None)
        if error is not None:
            self._show_error(error)
        elif workshop.table.rows:
            self._bodies.setCurrentIndex(0)
        elif workshop.listed and not workshop.entries and workshop.source is None and not workshop.busy:
            self._state.show_state(
                "workshop",
                "No model is here to make smaller",
                "Download one in full precision, or add a GGUF file of your own.",
                actions=(
                    ("Find a model", "primary", "discover", lambda: self._navigator.show_page("discover")),
                    ("Open the library", "default", "library", lambda: self._navigator.show_page("library")),
                ),
            )
            self._bodies.setCurrentWidget(self._state)
        else:
            self._bodies.setCurrentWidget(self._skeleton)

    def _show_error(self, error: GardenError) -> None:
        icon = "engine" if isinstance(error, EngineMissingError) else "warning"
        self._state.show_state(
            icon,
            error.sentence.rstrip("."),
            error.action,
            mood="danger",
            actions=(("Choose another model", "default", None, self.choose_source),),
        )
        self._bodies.setCurrentWidget(self._state)

    @Slot()
    def _on_queue_changed(self) -> None:
        workshop = self.workshop
        self._side.show_queue(workshop.queue, workshop.waiting_losses)
        count = len(workshop.queue) + len(workshop.waiting_losses)
        self._side_button.set_text(f"Queue {count}" if count else "Queue")

    def _show_receipts(self) -> None:
        receipts, current = self.workshop.receipts, self._receipt
        pair = self._pair(current) if current is not None else None
        shares = self._shares.get(current.sha256) if current is not None else None
        self._side.show_receipts(current, receipts, shares, can_compare=pair is not None)
        self._fold()
        if current is not None and shares is None and pair is not None:
            self._read_shares(current, pair[1])

    @property
    def _receipt(self) -> QuantizationReceipt | None:
        """The one that was picked, else the newest."""
        receipts = self.workshop.receipts
        return self._picked_receipt if self._picked_receipt in receipts else next(iter(receipts), None)

    def _read_shares(self, receipt: QuantizationReceipt, entry: LibraryEntry) -> None:
        """The header of the result says how many bytes each tensor type takes."""
        self._shares[receipt.sha256] = {}

        def read() -> Mapping[str, float]:
            header = self._garden.fit.header(entry.ref)
            return tensor_shares([(tensor.ggml_type, tensor.size_bytes) for tensor in header.tensors])

        self._pump.run(read, lambda shares: self._on_shares(receipt, shares), lambda _error: None, receiver=self)

    def _on_shares(self, receipt: QuantizationReceipt, shares: Mapping[str, float]) -> None:
        self._shares[receipt.sha256] = shares
        if receipt == self._receipt:
            self._side.receipt.show_receipt(receipt, model_name(receipt), shares)

    def _pair(self, receipt: QuantizationReceipt) -> tuple[LibraryEntry, LibraryEntry] | None:
        """Source and result of a receipt, when both are in the library still."""
        by_path = {entry.ref.path: entry for entry in self.workshop.entries}
        source, result = by_path.get(receipt.source_path), by_path.get(receipt.path)
        return (source, result) if source is not None and result is not None else None

    # What the user does

    @Slot()
    def choose_source(self) -> None:
        """Let the user pick another model."""
        if self._picker is None:
            workshop = self.workshop
            self._picker = QuantPicker(self._theme, self.window(), lambda: workshop.entries, workshop.choose_source)
        self._picker.open()

    @Slot()
    def _on_size_wanted(self) -> None:
        if self._size_popover is None:
            self._size_popover = QuantSizePopover(self._theme, self._source_bar.size_button)
            self._size_popover.chosen.connect(self._on_size_chosen)
        self._size_popover.open()

    @Slot(object)
    def _on_size_chosen(self, size_bytes: int) -> None:
        assert self._size_popover is not None
        if self.workshop.choose_below(size_bytes):
            self._size_popover.dismiss()
        else:
            self._size_popover.refuse(f"Even the smallest type is larger than {format_bytes(size_bytes)}.")

    @Slot()
    def _on_all_types(self) -> None:
        self.workshop.show_all_types(not self.workshop.all_types)

    @Slot(QModelIndex)
    def _on_row_clicked(self, index: QModelIndex) -> None:
        self.workshop.table.toggle(index.row())

    @Slot(QModelIndex)
    def _on_row_entered(self, index: QModelIndex) -> None:
        # A double click has toggled twice already.
        if self._table.property("keyboardFocus"):
            self.workshop.table.toggle(index.row())

    @Slot(QModelIndex, QModelIndex)
    def _on_row_current(self, _current: QModelIndex, _previous: QModelIndex) -> None:
        self._plan()

    def _plan(self) -> None:
        """The memory meter shows what the type at hand would take once it is loaded."""
        row = self._table.currentIndex().data(QuantRole.ROW)
        forecast = row.fit if isinstance(row, QuantRow) else None
        self._navigator.plan_memory(*planned_bytes([forecast], relay=False))

    @Slot()
    def _on_command(self) -> None:
        QGuiApplication.clipboard().setText(self.workshop.command())
        self._navigator.notify("The command is in the clipboard.")

    @Slot()
    def _on_measure_now(self) -> None:
        self.workshop.measure(self.workshop.unmeasured)

    @Slot(object)
    def _on_receipt_chosen(self, receipt: QuantizationReceipt) -> None:
        self._picked_receipt = receipt
        self._show_receipts()

    @Slot()
    def _on_save(self) -> None:
        receipt = self._receipt
        if receipt is None:
            return
        proposed = f"{Path(receipt.path).stem}-receipt.json"
        workshop = self.workshop
        choose_new_file(
            self,
            "Save the receipt",
            lambda path: workshop.save_receipt(receipt, path),
            proposed,
            "JSON (*.json)",
        )

    @Slot()
    def _on_compare(self) -> None:
        receipt = self._receipt
        pair = self._pair(receipt) if receipt is not None else None
        if pair is not None:
            self._navigator.compare(pair)

    @Slot(bool)
    def _on_side_wanted(self, wanted: bool) -> None:
        self._side_wanted = wanted
        self._fold()

    def _share_height(self) -> None:
        """As many rows as leave the chart its room."""
        theme = self._theme.theme
        head, row = theme.size("table_header"), theme.size("row_table")
        room = self._bodies.height() - self._foot.sizeHint().height() - theme.px(_CHART) - head
        rows = min(len(self.workshop.table.rows), _MOST_ROWS, max(_FEWEST_ROWS, room // row))
        self._table.setFixedHeight(head + max(1, rows) * row)

    def _fold(self) -> None:
        self._share_height()
        px = self._theme.theme.px
        width = self.width()
        folds = width < px(_FOLDS)
        self._side_button.setVisible(folds)
        self._side.setVisible(not folds or self._side_wanted)
        self._side.setFixedWidth(max(self._side.least_width, px(_SIDE if width >= px(_ROOMY) else _SIDE_NARROW)))
        room = width - (self._side.width() if self._side.isVisibleTo(self) else 0)
        self._table.hide_columns(hidden_columns(self.workshop.table.rows, room, px))
