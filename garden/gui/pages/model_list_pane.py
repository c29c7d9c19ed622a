"""The left side of Discover: how many, in which order, the endless list, or why there is none."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from garden.core.errors import HubUnreachableError, RateLimitedError
from garden.core.quantity import format_duration
from garden.gui.first_paint import FirstPaint
from garden.gui.pages.access_states import show_unauthorized
from garden.gui.pages.filter_bar import SORTS
from garden.gui.pages.model_row_delegate import ModelRowDelegate
from garden.gui.pages.row_list import RowList
from garden.gui.pages.scaled_width import fix_height
from garden.gui.pages.sort_menu import SortMenu
from garden.gui.viewmodels.model_list import ModelRole
from garden.gui.widgets.button import Button
from garden.gui.widgets.label import Label
from garden.gui.widgets.themed_widget import Surface

if TYPE_CHECKING:
    from garden.gui.theme.theme import ThemeController
    from garden.gui.viewmodels.search import SearchViewModel
    from garden.gui.widgets.button import Kind
    from garden.gui.widgets.skeleton import Skeleton
    from garden.gui.widgets.state_view import StateView
    from garden.services.settings import SettingsService

    #: A button of a state: label, kind, icon, what to call.
    Action = tuple[str, Kind, str | None, Callable[[], None]]


class ModelListPane(QWidget):
    """Shows what SearchViewModel holds.

    Args:
        search: The search.
        settings: Whether Garden works offline, whether someone is signed in.
        theme: Where colours come from.

    Signals:
        chosen: A row became the current one; its repository.
        left: The list has nothing, and what was open was another search's.
        entered: Enter was pressed on a row.
        sign_in_wanted: A token would help, or another one.
        without_token_wanted: The token is not accepted, and the user goes on without one.
        online_wanted: Garden works offline and should not.
        settings_wanted: The Hub cannot be reached; its address may be wrong.
    """

    chosen = Signal(str)
    left = Signal()
    entered = Signal()
    sign_in_wanted = Signal()
    without_token_wanted = Signal()
    online_wanted = Signal()
    settings_wanted = Signal()

    def __init__(self, search: SearchViewModel, settings: SettingsService, theme: ThemeController) -> None:
        super().__init__()
        self._search = search
        self._settings = settings
        self._theme = theme
        self._open: str | None = None
        self._count = Label(theme, style="caption", color="text.muted", elide=Qt.TextElideMode.ElideRight)
        self._count.setObjectName("discover.count")
        self._basis = Label(theme, style="caption", color="text.muted", elide=Qt.TextElideMode.ElideRight)
        self._basis.setObjectName("discover.basis")
        self._sort = SortMenu(theme, SORTS, name="discover.sort")
        self._list = RowList(theme, name="models", label="Models")
        self._list.setProperty("dimsSelection", False)
        self._list.setItemDelegate(ModelRowDelegate(theme, "row_model", self._list))
        self._list.setModel(search.models)
        self._skeleton: Skeleton | None = None
        self._state: StateView | None = None
        self._lists = QStackedWidget()
        self._lists.addWidget(self._list)
        self._foot = self._make_foot()
        px = theme.theme.px
        head = Surface(theme, "bg.sunken", edges="b")
        fix_height(head, theme, 32)
        row = QHBoxLayout(head)
        row.setContentsMargins(px(16), 0, px(10), 1)
        row.setSpacing(px(8))
        row.addWidget(self._count)
        row.addWidget(self._basis)
        row.addStretch(1)
        row.addWidget(self._sort)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(head)
        column.addWidget(self._lists, 1)
        column.addWidget(self._foot)
        self._sort.chosen.connect(self._on_sort_chosen)
        search.changed.connect(self._on_changed)
        search.busy_changed.connect(self._on_changed)
        search.models.modelReset.connect(self._on_rows_reset)
        self._list.selectionModel().currentRowChanged.connect(self._on_row_chosen)
        self._list.row_entered.connect(self.entered)

    def _make_foot(self) -> Surface:
        """What stands below a list that was looked through as far as one search goes."""
        theme, px = self._theme, self._theme.theme.px
        foot = Surface(theme, "bg.sunken", edges="t")
        fix_height(foot, theme, 44)
        self._further = Label(theme, style="small", color="text.muted", elide=Qt.TextElideMode.ElideRight)
        self._further.setObjectName("discover.further")
        button = Button(theme, "Look further", small=True, name="discover.lookFurther")
        button.clicked.connect(self._search.look_further)
        row = QHBoxLayout(foot)
        row.setContentsMargins(px(16), 0, px(16), 0)
        row.setSpacing(px(8))
        row.addWidget(self._further, 1)
        row.addWidget(button)
        foot.hide()
        return foot

    def call_after_paint(self, call: Callable[[], None]) -> None:
        """Call once the list, or what stands in its place, was painted."""
        FirstPaint(self, call)

    def mark(self, repo_id: str | None) -> None:
        """Show which repository is open, without opening it; None when no one is."""
        self._open = repo_id
        selection = self._list.selectionModel()
        blocked = selection.blockSignals(True)
        row = self._search.models.row_of(repo_id) if repo_id else -1
        if row >= 0:
            self._list.setCurrentIndex(self._search.models.index(row))
        else:
            self._list.setCurrentIndex(QModelIndex())
            self._list.clearSelection()
        selection.blockSignals(blocked)
        self._list.viewport().update()

    @Slot()
    def _on_changed(self) -> None:
        search = self._search
        self._sort.show_sort(search.query.sort)
        self._count.setText(self._count_text())
        self._count.updateGeometry()
        # Every row is rated under this load, whatever is chosen on a page.
        self._basis.setText(search.ratings.basis if search.models.rowCount() else "")
        self._basis.updateGeometry()
        self._foot.setVisible(search.can_look_further and bool(search.models.rowCount()))
        self._further.setText(f"{search.models.loaded} looked through, the Hub has more.")
        if search.models.rowCount():
            self._lists.setCurrentWidget(self._list)
        elif search.busy or (not search.answered and search.problem is None):
            self._show_skeleton()
        elif search.problem is not None:
            self._show_problem()
        else:
            self._show_nothing()
        self._follow_rows()

    def _count_text(self) -> str:
        search = self._search
        if search.hint:
            return search.hint
        shown, loaded = search.models.rowCount(), search.models.loaded
        if search.problem is not None and shown:
            return search.problem.sentence
        if not loaded:
            return "searching" if search.busy else ""
        if search.from_index:
            text = f"{loaded} seen before"
        else:
            text = f"{shown} loaded"
            if search.query.is_filtered_here:
                text = f"{text}, {loaded} looked through"
        return f"{text}, searching" if search.busy or (search.looking and search.query.is_filtered_here) else text

    def _show_skeleton(self) -> None:
        if self._skeleton is None:
            from garden.gui.widgets.skeleton import Skeleton

            self._skeleton = Skeleton(self._theme, 58)
            self._lists.addWidget(self._skeleton)
        self._lists.setCurrentWidget(self._skeleton)

    def _state_view(self) -> StateView:
        if self._state is None:
            from garden.gui.widgets.state_view import StateView

            self._state = StateView(self._theme, name="discover.state")
            self._lists.addWidget(self._state)
        self._lists.setCurrentWidget(self._state)
        return self._state

    def _show_problem(self) -> None:
        problem = self._search.problem
        state = self._state_view()
        if isinstance(problem, RateLimitedError):
            seconds = self._search.seconds_until_retry
            wait = f"It goes on by itself in {format_duration(seconds)}. " if seconds else ""
            signed_in = self._settings.signed_in
            sign_in: Action = ("Sign in", "default", "user", self.sign_in_wanted.emit)
            state.show_state(
                "clock",
                "The Hub asks for a pause",
                wait + ("" if signed_in else "With a token the limit is higher."),
                mood="warning",
                actions=() if signed_in else (sign_in,),
            )
        elif isinstance(problem, HubUnreachableError):
            offline = self._settings.offline
            title = "Working offline" if offline else problem.sentence.rstrip(".")
            retry: Action = ("Try again", "default", "retry", self._search.search)
            online: Action = ("Go online", "default", "discover", self.online_wanted.emit)
            settings: Action = ("Settings", "default", "settings", self.settings_wanted.emit)
            fixed = self._settings.offline_is_fixed
            text = self._settings.way_online if fixed else problem.action
            actions = ((online,) if not fixed else ()) if offline else (retry, settings)
            state.show_state("offline", title, text, actions=actions)
        elif problem is not None and not show_unauthorized(
            state, problem, sign_in=self.sign_in_wanted.emit, without=self.without_token_wanted.emit
        ):
            state.show_error(problem, self._search.search)

    def _show_nothing(self) -> None:
        search = self._search
        narrowing = search.query.narrowing
        if search.looking:
            # Pages that had nothing so far; the next one may.
            self._show_skeleton()
            return
        state = self._state_view()
        clear: Action = ("Clear all", "ghost", None, search.clear_filters)
        further: Action = ("Look further", "default", None, search.look_further)
        if search.query.is_filtered_here and search.models.loaded:
            here = search.query.runs_here and len(narrowing) == 1
            drop: Action = ("Drop “Runs here”", "default", None, self._drop_runs_here)
            state.show_state(
                "search",
                "No model found runs here" if here else f"No model of {search.models.loaded} passes the filters",
                f"{search.models.loaded} match without “Runs here”."
                if here
                else "The Hub has more to look through."
                if search.can_look_further
                else "The Hub has no more.",
                actions=(
                    *((further,) if search.can_look_further else ()),
                    *((drop,) if search.query.runs_here else ()),
                    clear,
                )[:2],
            )
        elif narrowing:
            filters = f"all {len(narrowing)} filters" if len(narrowing) > 1 else f"the filter “{narrowing[0]}”"
            state.show_state("search", f"No model matches {filters}", actions=(clear,))
        else:
            state.show_state(
                "search", "Nothing found", "The Hub knows no GGUF model of this name. Names are matched, not texts."
            )

    def _drop_runs_here(self) -> None:
        self._search.change(dataclasses.replace(self._search.query, runs_here=False))

    @Slot(str)
    def _on_sort_chosen(self, sort: str) -> None:
        self._search.change(dataclasses.replace(self._search.query, sort=sort))

    @Slot()
    def _on_rows_reset(self) -> None:
        if self._open is not None:
            self.mark(self._open)
        self._follow_rows()

    def _follow_rows(self) -> None:
        """Keep the repository that is open; the first row takes its place where it is none of this search's."""
        search, models = self._search, self._search.models
        # One that was named to the letter is what this search is for, listed or not.
        if self._open is not None and (models.row_of(self._open) >= 0 or self._open == search.query.text):
            return
        if search.from_index or search.busy or search.hint:
            return
        if models.rowCount():
            self._list.setCurrentIndex(models.index(0))
        elif self._open is not None and search.answered and not search.looking and search.problem is None:
            self._open = None
            self.left.emit()

    @Slot(QModelIndex, QModelIndex)
    def _on_row_chosen(self, current: QModelIndex, _previous: QModelIndex) -> None:
        repo_id = current.data(ModelRole.REPO_ID)
        if isinstance(repo_id, str):
            self._open = repo_id
            self.chosen.emit(repo_id)
