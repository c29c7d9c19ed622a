"""Activity: everything long, under way, waiting and finished."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QUrl, Slot
from PySide6.QtGui import QDesktopServices, QHideEvent, QShowEvent
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from garden.core.quantity import GIB, MIB, format_bytes
from garden.gui.pages.job_list import JobList
from garden.gui.viewmodels.activity import ActivityViewModel
from garden.gui.viewmodels.job_actions import JobAction
from garden.gui.widgets.chip import Chip
from garden.gui.widgets.label import Label
from garden.gui.widgets.memory_bar import BarFill, MemoryBar
from garden.gui.widgets.page_header import PageHeader, Toolbar
from garden.gui.widgets.segmented_control import SegmentedControl
from garden.gui.widgets.state_view import StateView

if TYPE_CHECKING:
    from garden.gui.bridge.event_pump import EventPump
    from garden.gui.navigator import Navigator
    from garden.gui.theme.theme import ThemeController
    from garden.gui.viewmodels.activity import JobRowFacts
    from garden.services.garden import Garden

#: Bytes per second of all downloads together, as the menu offers them.
_RATES: dict[int | None, str] = {None: "none"} | {count * MIB: f"{count} MiB/s" for count in (1, 2, 5, 10, 20, 50)}


class ActivityPage(QWidget):
    """The page.

    Args:
        garden: Services.
        pump: Brings their answers to the Qt thread.
        navigator: The window.
        theme: Where colours come from.

    Attributes:
        activity: What it shows.
    """

    def __init__(self, garden: Garden, pump: EventPump, navigator: Navigator, theme: ThemeController) -> None:
        super().__init__()
        self.setObjectName("page")
        self._navigator = navigator
        self.activity = ActivityViewModel(garden, pump, self)
        self.header = PageHeader(theme, "Activity")
        self._kinds = SegmentedControl(theme, self.activity.filters, name="activity.kinds", label="Kinds of work")
        self._disk_bar = MemoryBar(theme)
        self._free = Label(theme, style="small", weight=500)
        self._needed = Label(theme, style="small", color="text.muted", elide=Qt.TextElideMode.ElideRight)
        self.jobs = JobList(theme)
        self._state = StateView(theme, name="activity.state")
        self._views = QStackedWidget()
        self._toolbar = Toolbar(theme)
        self._rate = Chip(theme, "Limit", name="activity.limit")
        self._at_once = Chip(theme, "At once", name="activity.atOnce")
        self._build(theme)
        self._connect()
        self._on_disk_changed()
        self._on_limits_changed()

    def _build(self, theme: ThemeController) -> None:
        px = theme.theme.px
        self._disk_bar.setFixedWidth(px(150))
        row = self._toolbar.row
        row.addWidget(self._kinds)
        row.addStretch(1)
        row.addWidget(Label(theme, "Disk", style="small", color="text.secondary"))
        row.addWidget(self._disk_bar)
        row.addWidget(self._free)
        row.addSpacing(px(4) - row.spacing())
        row.addWidget(self._needed)
        row.addWidget(self._rate)
        row.addWidget(self._at_once)
        for view in (self.jobs, self._state):
            self._views.addWidget(view)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.header)
        column.addWidget(self._toolbar)
        column.addWidget(self._views, 1)

    def _connect(self) -> None:
        self._kinds.chosen.connect(self.activity.show_only)
        self._rate.setToolTip("How fast all downloads together may go")
        self._rate.set_choices([(title, limit) for limit, title in _RATES.items()])
        self._rate.chosen.connect(lambda limit: self.activity.limit(bandwidth_limit=limit))
        self._at_once.setToolTip("How many downloads run at the same time")
        self._at_once.set_choices([(str(count), count) for count in range(1, 9)])
        self._at_once.chosen.connect(lambda count: self.activity.limit(parallel_downloads=count))
        self.activity.limits_changed.connect(self._on_limits_changed)
        self.activity.listed.connect(self._on_listed)
        self.activity.job_changed.connect(self._on_job_changed)
        self.activity.disk_changed.connect(self._on_disk_changed)
        self.activity.said.connect(self._navigator.notify)
        self.activity.compare_ready.connect(self._on_compare_ready)
        self.jobs.action_wanted.connect(self._on_action_wanted)
        self.jobs.pause_all_wanted.connect(self.activity.pause_all)
        self.jobs.resume_all_wanted.connect(self.activity.resume_all)
        self.jobs.clear_wanted.connect(self.activity.clear)
        self.jobs.older_wanted.connect(self.activity.show_older)

    def showEvent(self, event: QShowEvent) -> None:
        """Follow the jobs while the page is seen."""
        super().showEvent(event)
        self.activity.watch(True)

    def hideEvent(self, event: QHideEvent) -> None:
        """Look after nothing while it is not."""
        super().hideEvent(event)
        self.activity.watch(False)

    @Slot()
    def _on_listed(self) -> None:
        activity = self.activity
        self._kinds.set_options(activity.filters)
        self._kinds.set_current(activity.filter)
        sections = activity.sections()
        self.jobs.show_sections(
            sections,
            can_pause=activity.can_pause_all(),
            can_resume=activity.can_resume_all(),
            older=activity.older,
        )
        if any(rows for _section, rows in sections):
            self._views.setCurrentWidget(self.jobs)
            return
        if activity.empty:
            self._state.show_state(
                "activity",
                "Nothing is under way",
                "Downloads, quantizations and checks show here how far they are, and stay until you clear them.",
                actions=(
                    ("Find a model", "primary", "discover", lambda: self._navigator.show_page("discover")),
                    ("Open Workshop", "default", "workshop", lambda: self._navigator.show_page("workshop")),
                ),
            )
        else:
            self._state.show_state(
                "activity",
                "Nothing of this kind",
                "Other work is listed under All.",
                actions=(("Show all", "default", None, lambda: activity.show_only("all")),),
            )
        self._views.setCurrentWidget(self._state)

    @Slot(object)
    def _on_job_changed(self, facts: JobRowFacts) -> None:
        self.jobs.show_row(facts)

    @Slot()
    def _on_limits_changed(self) -> None:
        limit = self.activity.bandwidth_limit
        title = _RATES.get(limit) or f"{format_bytes(limit or 0)}/s"
        self._rate.set_value(title, is_set=limit is not None)
        self._at_once.set_value(str(self.activity.at_once))

    @Slot()
    def _on_disk_changed(self) -> None:
        disk, needed = self.activity.disk, self.activity.needed_bytes
        self._toolbar.setProperty("disk", disk is not None)
        if disk is None:
            self._free.setText("")
            self._needed.setText("unknown")
            self._disk_bar.set_fill(BarFill(parts=()), "Disk: unknown")
            return
        total = max(1, disk.total_bytes)
        used = 1 - disk.free_bytes / total
        over = needed > disk.free_bytes
        self._disk_bar.set_fill(
            BarFill(parts=(("memory.used", used), ("memory.planned", needed / total)), over=over),
            f"Disk: {format_bytes(disk.free_bytes)} free",
        )
        self._free.setText(_size(disk.free_bytes))
        self._needed.set_color("status.warning.fg" if over else "text.muted")
        self._needed.setText(f"free, {_size(needed)} needed by the queue" if needed else "free")
        for label in (self._free, self._needed):
            label.updateGeometry()

    @Slot(str, object)
    def _on_action_wanted(self, job_id: str, action: JobAction) -> None:
        row = self.jobs.row(job_id)
        if action is JobAction.SHOW_FILE and row is not None and row.facts.job.result_path:
            path = Path(row.facts.job.result_path)
            if path.exists():
                QDesktopServices.openUrl(QUrl.fromLocalFile(str(path.parent)))
            else:
                self._navigator.notify(f"{path.name} is no longer there.", "It was moved or removed.")
            return
        self.activity.act(job_id, action)

    @Slot(object)
    def _on_compare_ready(self, entry: object) -> None:
        from garden.core.library_entry import LibraryEntry

        if isinstance(entry, LibraryEntry):
            self._navigator.compare((entry,))


def _size(size_bytes: int) -> str:
    """Whole GiB where there are many: the last digits of a disk change all the time."""
    return f"{size_bytes / GIB:.0f} GiB" if size_bytes >= 100 * GIB else format_bytes(size_bytes)
