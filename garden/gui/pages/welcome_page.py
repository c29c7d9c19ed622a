"""Welcome: the first start. What this machine runs, a real model to try, what is here already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from garden.core.library_entry import LibraryEntry
from garden.gui.pages.scaled_width import limit_width
from garden.gui.pages.welcome_cards import FoundCard, StarterCard
from garden.gui.pages.welcome_examples import RunCard
from garden.gui.viewmodels.library import LibraryViewModel
from garden.gui.viewmodels.welcome import WelcomeViewModel
from garden.gui.widgets.file_dialog import choose_folder
from garden.gui.widgets.label import Label
from garden.gui.widgets.page_header import PageHeader
from garden.gui.widgets.themed_widget import Surface, ThemedWidget

if TYPE_CHECKING:
    from garden.gui.bridge.event_pump import EventPump
    from garden.gui.navigator import Navigator
    from garden.gui.theme.theme import ThemeController
    from garden.services.garden import Garden

_WIDEST = 1_120
_RIGHT = 440
_NARROW_RIGHT = 380
_TOP = 88
_LOW_TOP = 36


class _Shield(ThemedWidget):
    """The small shield before the promise."""

    def __init__(self, theme: ThemeController) -> None:
        super().__init__(theme)
        self.setFixedSize(theme.theme.px(16), theme.theme.px(16))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw it."""
        pixmap = self.look.pixmap("shield", "text.muted", 16, self.devicePixelRatioF())
        QPainter(self).drawPixmap(0, 0, pixmap)


class WelcomePage(QWidget):
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
        self._navigator = navigator
        self._theme = theme
        self._begun = False
        self.welcome = WelcomeViewModel(garden, pump, self)
        self._library = LibraryViewModel(garden, pump, self)
        self.header = PageHeader(theme, "Welcome to Garden")
        self._headline = Label(theme, style="display", wrap=True, max_width=_WIDEST)
        self._headline.setObjectName("welcome.headline")
        self._machine = Label(theme, color="text.secondary", size=14, wrap=True, max_width=_WIDEST)
        self._machine.setObjectName("welcome.machine")
        self._runs = RunCard(theme)
        self._starter = StarterCard(theme)
        self._found = FoundCard(theme)
        self._build()
        self._connect()
        self._on_changed()

    def _build(self) -> None:
        px = self._theme.theme.px
        promise = QHBoxLayout()
        promise.setContentsMargins(2, 2, 2, 2)
        promise.setSpacing(px(8))
        promise.addWidget(_Shield(self._theme))
        promise.addWidget(
            Label(
                self._theme,
                "Nothing leaves this machine unless you send it. No account, no telemetry.",
                style="small",
                color="text.muted",
            )
        )
        promise.addStretch(1)
        left = QVBoxLayout()
        left.setSpacing(px(16))
        left.addWidget(self._runs)
        left.addLayout(promise)
        left.addStretch(1)
        right = QVBoxLayout()
        right.setSpacing(px(16))
        right.addWidget(self._starter)
        right.addWidget(self._found)
        right.addStretch(1)
        self._right = QWidget()
        right.setContentsMargins(0, 0, 0, 0)
        self._right.setLayout(right)
        grid = QGridLayout()
        grid.setHorizontalSpacing(px(20))
        grid.addLayout(left, 0, 0)
        grid.addWidget(self._right, 0, 1, Qt.AlignmentFlag.AlignTop)
        grid.setColumnStretch(0, 1)
        self._content = QWidget()
        limit_width(self._content, self._theme, _WIDEST)
        column = QVBoxLayout(self._content)
        column.setContentsMargins(0, 0, 0, px(24))
        column.setSpacing(0)
        column.addWidget(self._headline)
        column.addSpacing(px(4))
        column.addWidget(self._machine)
        column.addSpacing(px(24))
        column.addLayout(grid)
        column.addStretch(1)
        self._around = Surface(self._theme, "bg.window")
        self._outer = QHBoxLayout(self._around)
        self._outer.addStretch(1)
        self._outer.addWidget(self._content, 1_000)
        self._outer.addStretch(1)
        area = QScrollArea()
        area.setObjectName("welcome.scroll")
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(self._around)
        page = QVBoxLayout(self)
        page.setContentsMargins(0, 0, 0, 0)
        page.setSpacing(0)
        page.addWidget(self.header)
        page.addWidget(area, 1)

    def _connect(self) -> None:
        self.welcome.changed.connect(self._on_changed)
        self.welcome.said.connect(self._navigator.notify)
        self._library.said.connect(self._navigator.notify)
        self._starter.fetch_wanted.connect(self.welcome.fetch_starter)
        self._starter.cancel_wanted.connect(self.welcome.cancel_starter)
        self._starter.compare_wanted.connect(self._on_compare)
        self._starter.find_wanted.connect(lambda: self._navigator.show_page("discover"))
        self._found.library_wanted.connect(lambda: self._navigator.show_page("library"))
        self._found.folder_wanted.connect(self._on_add_folder)

    def showEvent(self, event: QShowEvent) -> None:
        """The first time, look at machine and models."""
        super().showEvent(event)
        if not self._begun:
            self._begun = True
            self.welcome.load()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Less room around the content in a small window."""
        super().resizeEvent(event)
        px = self._theme.theme.px
        narrow = event.size().width() < px(_WIDEST + 80)
        low = event.size().height() < px(860)
        self._right.setFixedWidth(px(_NARROW_RIGHT if narrow else _RIGHT))
        side = px(28 if narrow else 40)
        self._outer.setContentsMargins(side, px(_LOW_TOP if low else _TOP), side, 0)

    @Slot()
    def _on_changed(self) -> None:
        welcome = self.welcome
        self._headline.setText(welcome.headline)
        self._headline.updateGeometry()
        problem = welcome.problem
        self._machine.setText(f"{problem.sentence} {problem.action}" if problem else welcome.machine_line)
        self._machine.updateGeometry()
        self._runs.setVisible(bool(welcome.rows))
        self._runs.show_rows(welcome.rows, f"at 16k context, KV {welcome.kv_type}, before any download")
        self._starter.show_models(self._models(), starter_is_here=welcome.starter is not None)
        self._starter.show_fetch(welcome.fetching_starter, welcome.starter_job, welcome.starter_problem)
        self._found.show_found(welcome.found)

    def _models(self) -> list[LibraryEntry]:
        """The starter, and one more that is here and can be used."""
        usable = [entry for entry in self.welcome.entries if entry.problem is None]
        usable.sort(key=lambda entry: (entry.origin != "starter", -(entry.last_used_at or 0)))
        return usable[:2]

    @Slot()
    def _on_compare(self) -> None:
        self._navigator.compare(self._models())

    @Slot()
    def _on_add_folder(self) -> None:
        library = self._library
        choose_folder(self, "A folder with GGUF files", lambda folder: library.add((folder,)))
