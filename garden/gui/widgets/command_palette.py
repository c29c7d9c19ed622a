"""The command palette: one field that leads to everything, with sections of what matches."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from PySide6.QtCore import QAbstractListModel, QEvent, QObject, QRect, QRectF, QSize, Qt, Slot
from PySide6.QtGui import QFontMetricsF, QKeyEvent, QPainter
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QListView, QWidget

from garden.core.fit_forecast import FitForecast
from garden.gui.theme.theme import ThemeController
from garden.gui.viewmodels.wording import verdict_word
from garden.gui.widgets.label import Label
from garden.gui.widgets.overlay import Overlay
from garden.gui.widgets.row_delegate import Index, RowDelegate
from garden.gui.widgets.tag import KeyCap, key_cap_size, paint_key_cap
from garden.gui.widgets.themed_widget import ThemedWidget
from garden.gui.widgets.verdict_label import paint_verdict, verdict_width

_WIDTH = 640
_TOP = 110
_FIELD = 48
_FOOTER = 32
_MOST_ROWS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class PaletteEntry:
    """Something that can be done or gone to.

    Attributes:
        section: The group it stands in, e.g. ``Library``.
        title: What it is.
        run: Called when it is chosen.
        hint: Muted text behind the title.
        icon: Name of an icon.
        keys: The keys that do the same, e.g. ``("Ctrl", "3")``.
        forecast: Verdict of a model, shown at the right.
    """

    section: str
    title: str
    run: Callable[[], None] = field(compare=False)
    hint: str = ""
    icon: str = "chevron-right"
    keys: tuple[str, ...] = ()
    forecast: FitForecast | None = None


class _Role(enum.IntEnum):
    ENTRY = Qt.ItemDataRole.UserRole + 1
    SECTION = Qt.ItemDataRole.UserRole + 2


class _Rows(QAbstractListModel):
    """Entries, and a row for the name of each section."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._rows: list[PaletteEntry | str] = []

    def show_entries(self, entries: Sequence[PaletteEntry]) -> None:
        """Group the entries by section; sections stand in the order in which they first occur."""
        self.beginResetModel()
        sections: dict[str, list[PaletteEntry]] = {}
        for entry in entries:
            sections.setdefault(entry.section, []).append(entry)
        self._rows = []
        for section, members in sections.items():
            self._rows += [section, *members]
        self.endResetModel()

    def rowCount(self, parent: Index | None = None) -> int:
        """Entries and section names."""
        return 0 if parent is not None and parent.isValid() else len(self._rows)

    def flags(self, index: Index) -> Qt.ItemFlag:
        """The name of a section cannot be chosen."""
        if isinstance(self._rows[index.row()], str):
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Texts and the value of a row."""
        if not index.isValid():
            return None
        row = self._rows[index.row()]
        if role == _Role.ENTRY:
            return row if isinstance(row, PaletteEntry) else None
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return row if isinstance(row, str) else f"{row.title}, {row.hint}" if row.hint else row.title
        return None


class _EntryDelegate(RowDelegate):
    """Draws entries and section names."""

    def __init__(self, theme: ThemeController, view: QListView) -> None:
        super().__init__(theme, "row_palette", view)
        self.words: tuple[str, ...] = ()

    def sizeHint(self, option: object, index: Index) -> QSize:
        """A section's name is lower than an entry."""
        height = self.look.px(36) if index.data(_Role.ENTRY) is not None else self.look.px(30)
        return QSize(self.look.px(100), height)

    def paint(self, painter: QPainter, option: object, index: Index) -> None:
        """Draw a row; selection is a rounded tint without a bar."""
        rect = QRectF(option.rect)  # type: ignore[attr-defined]  # a QStyleOptionViewItem; the base's type is wider
        entry = index.data(_Role.ENTRY)
        painter.save()
        if isinstance(entry, PaletteEntry):
            if self._view.currentIndex() == index:
                painter.setRenderHint(QPainter.RenderHint.Antialiasing)
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(self.look.color("bg.selected"))
                painter.drawRoundedRect(rect, 6, 6)
            self._paint_entry(painter, rect, entry, current=self._view.currentIndex() == index)
        else:
            area = rect.adjusted(self.look.px(12), self.look.px(10), -self.look.px(12), -self.look.px(4))
            self.text(painter, area, str(index.data()), font=self.look.font("caption"), color="text.muted")
        painter.restore()

    def _paint_entry(self, painter: QPainter, rect: QRectF, entry: PaletteEntry, *, current: bool) -> None:
        theme = self.look
        gap = theme.px(10)
        left = rect.left() + theme.px(12)
        right = rect.right() - theme.px(12)
        side = theme.px(16)
        device = painter.device()
        ratio = device.devicePixelRatioF() if device is not None else 1.0
        painter.drawPixmap(
            round(left), round(rect.center().y() - side / 2), theme.pixmap(entry.icon, "text.secondary", 16, ratio)
        )
        left += side + gap
        for key in reversed(entry.keys or (("Enter",) if current and entry.forecast is None else ())):
            size = key_cap_size(theme, key)
            right -= size.width()
            area = QRectF(right, round(rect.center().y() - size.height() / 2), size.width(), size.height())
            paint_key_cap(painter, theme, area, key)
            right -= theme.px(8)
        if entry.forecast is not None:
            word = verdict_word(entry.forecast)
            width = verdict_width(theme, word)
            area = QRectF(right - width, rect.top(), width, rect.height())
            paint_verdict(painter, theme, area, entry.forecast, word)
            right -= width + gap
        left = self._paint_title(painter, QRectF(left, rect.top(), right - left, rect.height()), entry.title)
        if entry.hint and right - left > gap:
            area = QRectF(left + gap, rect.top(), right - left - gap, rect.height())
            self.text(painter, area, entry.hint, font=theme.font("small"), color="text.muted")

    def _paint_title(self, painter: QPainter, area: QRectF, title: str) -> float:
        """Draw a title with what was typed in bold; returns where it ends."""
        theme = self.look
        plain, strong = theme.font("body"), theme.font("body", weight=600)
        if QFontMetricsF(strong).horizontalAdvance(title) > area.width():
            return area.left() + self.text(painter, area, title, font=plain, color="text.primary")
        left = area.left()
        for piece, matched in split_matches(title, self.words):
            font = strong if matched else plain
            painter.setFont(font)
            painter.setPen(theme.color("accent.subtle_text" if matched else "text.primary"))
            width = QFontMetricsF(font).horizontalAdvance(piece)
            painter.drawText(
                QRectF(left, area.top(), width + 2, area.height()), int(Qt.AlignmentFlag.AlignVCenter), piece
            )
            left += width
        return left


def _same(entry: object, other: PaletteEntry) -> bool:
    """Whether two entries offer the same."""
    told = (other.section, other.title, other.hint)
    return isinstance(entry, PaletteEntry) and (entry.section, entry.title, entry.hint) == told


def split_matches(title: str, words: Sequence[str]) -> list[tuple[str, bool]]:
    """Cut a title into pieces, those that match a typed word marked."""
    lowered = title.lower()
    marked = [False] * len(title)
    for word in words:
        start = lowered.find(word) if word else -1
        if start >= 0 and len(lowered) == len(title):
            marked[start : start + len(word)] = [True] * len(word)
    pieces: list[tuple[str, bool]] = []
    for letter, matched in zip(title, marked, strict=True):
        if pieces and pieces[-1][1] == matched:
            pieces[-1] = (pieces[-1][0] + letter, matched)
        else:
            pieces.append((letter, matched))
    return pieces


class CommandPalette(Overlay):
    """Opens over a window; what it offers comes from outside.

    Args:
        theme: Where colours come from.
        window: The window to cover.
        source: Entries for what was typed, best first within each section; must be fast.
        name: objectName; field and list are named ``name.field`` and ``name.list``.
        prompt: Stands in the empty field.
    """

    def __init__(
        self,
        theme: ThemeController,
        window: QWidget,
        source: Callable[[str], Sequence[PaletteEntry]],
        *,
        name: str = "commandPalette",
        prompt: str = "Type a command, a model or a page",
    ) -> None:
        super().__init__(theme, window, name=name)
        self._source = source
        px = theme.theme.px
        self.setAccessibleName(prompt)
        head = QWidget(self.sheet)
        row = QHBoxLayout(head)
        row.setContentsMargins(px(16), 0, px(16), 0)
        row.setSpacing(px(10))
        head.setFixedHeight(px(_FIELD))
        self._icon = QLabel(head)
        self._line = QLineEdit(head)
        self._line.setProperty("frameless", True)
        self._line.setProperty("focusRing", False)
        self._line.setObjectName(f"{name}.field")
        self._line.setAccessibleName(prompt)
        self._line.setPlaceholderText(prompt)
        row.addWidget(self._icon)
        row.addWidget(self._line, 1)
        row.addWidget(KeyCap(theme, "Esc", head))
        self._rule = _Rule(theme, self.sheet)
        self._list = QListView(self.sheet)
        self._list.setObjectName(f"{name}.list")
        self._list.setAccessibleName("What matches")
        self._list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._list.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self._list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._list.setStyleSheet("QListView { background: transparent; }")
        self._rows = _Rows(self)
        self._list.setModel(self._rows)
        self._delegate = _EntryDelegate(theme, self._list)
        self._list.setItemDelegate(self._delegate)
        self._nothing = Label(theme, "Nothing matches", color="text.muted", align=Qt.AlignmentFlag.AlignHCenter)
        foot = QWidget(self.sheet)
        foot.setFixedHeight(px(_FOOTER))
        hints = QHBoxLayout(foot)
        hints.setContentsMargins(px(16), 0, px(16), 0)
        hints.setSpacing(px(14))
        for hint in ("↑ ↓ move", "Enter run", "Esc close"):
            hints.addWidget(Label(theme, hint, style="caption", color="text.muted"))
        hints.addStretch(1)
        self.sheet.footer_height = px(_FOOTER)
        body = QWidget(self.sheet)
        inner = QHBoxLayout(body)
        inner.setContentsMargins(px(8), px(2), px(8), px(8))
        inner.addWidget(self._list)
        inner.addWidget(self._nothing)
        self._body = body
        for part in (head, self._rule, body, foot):
            self.sheet.column.addWidget(part)
        self._line.textChanged.connect(self._on_text_changed)
        self._line.installEventFilter(self)
        self._list.clicked.connect(self._on_clicked)
        self._dress()

    def open(self) -> None:
        """Show it with an empty field."""
        self._line.clear()
        self._show("")
        super().open()
        self._line.setFocus(Qt.FocusReason.PopupFocusReason)

    def refresh(self) -> None:
        """List again for what is typed, since there is more to offer now; the entry that was chosen stays chosen."""
        if not self.is_open:
            return
        chosen = self._list.currentIndex().data(_Role.ENTRY)
        self._show(self._line.text())
        if isinstance(chosen, PaletteEntry):
            rows = range(self._rows.rowCount())
            entries = [self._rows.index(row).data(_Role.ENTRY) for row in rows]
            same = (row for row in rows if _same(entries[row], chosen))
            self._list.setCurrentIndex(self._rows.index(next(same, self._list.currentIndex().row())))

    def place(self) -> None:
        """At the same height whatever it holds."""
        px = self.look.px
        width = min(px(_WIDTH), self.width() - 40)
        top = min(px(_TOP), max(16, self.height() // 8))
        rows = sum(
            self._delegate.sizeHint(None, self._rows.index(row)).height()
            for row in range(min(self._rows.rowCount(), 60))
        )
        body = min(rows or px(60), px(36) * _MOST_ROWS, self.height() - top - px(_FIELD + _FOOTER) - 40)
        height = px(_FIELD) + px(_FOOTER) + body + px(10) + 3
        self.sheet.setGeometry(QRect((self.width() - width) // 2, top, width, height))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Let arrows and Enter in the field move and run."""
        if watched is self._line and event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            match event.key():
                case Qt.Key.Key_Down:
                    self._move(1)
                    return True
                case Qt.Key.Key_Up:
                    self._move(-1)
                    return True
                case Qt.Key.Key_Return | Qt.Key.Key_Enter:
                    self._run(self._list.currentIndex())
                    return True
                case Qt.Key.Key_Escape:
                    self.dismiss()
                    return True
                case _:
                    return False
        return super().eventFilter(watched, event)

    def _show(self, text: str) -> None:
        self._delegate.words = tuple(text.lower().split())
        self._rows.show_entries(self._source(text.strip()))
        self._list.setVisible(self._rows.rowCount() > 0)
        self._nothing.setVisible(self._rows.rowCount() == 0)
        self._list.setCurrentIndex(self._rows.index(min(1, self._rows.rowCount() - 1)))
        if self.is_open:
            self.place()

    def _move(self, step: int) -> None:
        row = self._list.currentIndex().row()
        count = self._rows.rowCount()
        for _ in range(count):
            row = (row + step) % count
            index = self._rows.index(row)
            if index.data(_Role.ENTRY) is not None:
                self._list.setCurrentIndex(index)
                self._list.viewport().update()
                return

    def _run(self, index: Index) -> None:
        entry = index.data(_Role.ENTRY)
        if isinstance(entry, PaletteEntry):
            self.dismiss()
            entry.run()

    def _dress(self) -> None:
        self._icon.setPixmap(self.look.pixmap("search", "text.muted", 18, self.devicePixelRatioF()))
        self._line.setFont(self.look.font("title", weight=400))

    @Slot(str)
    def _on_text_changed(self, text: str) -> None:
        self._show(text)

    @Slot(object)
    def _on_clicked(self, index: Index) -> None:
        self._run(index)

    @Slot()
    def _on_theme_changed(self) -> None:
        self._dress()
        super()._on_theme_changed()


class _Rule(ThemedWidget):
    """The line below the field."""

    def __init__(self, theme: ThemeController, parent: QWidget) -> None:
        super().__init__(theme, parent)
        self.setFixedHeight(1)

    def paintEvent(self, _event: object) -> None:
        """Draw it."""
        QPainter(self).fillRect(self.rect(), self.look.color("border.default"))
