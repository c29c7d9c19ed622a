"""The rows of Activity in their sections. Widgets stay: a row that moves on is moved, not made anew."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication, QHBoxLayout, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from garden.gui.pages.job_row import JobRow
from garden.gui.theme.theme import ThemeController
from garden.gui.viewmodels.activity import JobRowFacts
from garden.gui.viewmodels.job_actions import JobAction
from garden.gui.viewmodels.job_lines import Section
from garden.gui.widgets.button import Button
from garden.gui.widgets.label import Label
from garden.gui.widgets.themed_widget import Surface

_HEAD_HEIGHT = 36


class SectionHead(Surface):
    """Title, how many, and what can be done with all of them.

    Args:
        theme: Where colours come from.
        section: What it heads.
        button: The button at the right, None for none.
        parent: Qt parent.
    """

    def __init__(
        self, theme: ThemeController, section: Section, button: Button | None, parent: QWidget | None = None
    ) -> None:
        super().__init__(theme, "bg.sunken", edges="b", parent=parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        px = theme.theme.px
        self._section = section
        self._count = Label(theme, color="text.muted")
        self.button = button
        row = QHBoxLayout(self)
        row.setContentsMargins(px(20), 0, px(12), 0)
        row.setSpacing(px(8))
        row.addWidget(Label(theme, section.value, style="strong"))
        row.addWidget(self._count)
        row.addStretch(1)
        if button is not None:
            row.addWidget(button)

    def show_count(self, count: int) -> None:
        """Say how many rows follow."""
        self._count.setText(f"{count:,}")
        self._count.updateGeometry()
        self.setAccessibleName(f"{self._section.value}, {count}")

    def sizeHint(self) -> QSize:
        """As high as every head."""
        return QSize(super().sizeHint().width(), self.look.px(_HEAD_HEIGHT))


class JobList(QScrollArea):
    """All rows, to be used with the keyboard alone.

    Arrow keys move between them, Space pauses and resumes, Delete cancels or takes off the list, Ctrl with an arrow key
    moves one that waits in the queue.

    Args:
        theme: Where colours come from.
        parent: Qt parent.

    Signals:
        action_wanted: Id of a job and the JobAction.
        pause_all_wanted: The button over what is under way.
        resume_all_wanted: The button over what waits.
        clear_wanted: The button over what is finished.
        older_wanted: The button below the rows.
    """

    action_wanted = Signal(str, object)
    pause_all_wanted = Signal()
    resume_all_wanted = Signal()
    clear_wanted = Signal()
    older_wanted = Signal()

    def __init__(self, theme: ThemeController, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._rows: dict[str, JobRow] = {}
        self._order: list[str] = []
        self._current: str | None = None
        self.setObjectName("jobs")
        self.setAccessibleName("Jobs")
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._content = QWidget()
        self._content.setObjectName("scrolled")
        self._column = QVBoxLayout(self._content)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self._pause_all = Button(theme, "Pause all", icon="pause", kind="ghost", small=True, name="jobs.pauseAll")
        self._resume_all = Button(theme, "Resume all", icon="play", kind="ghost", small=True, name="jobs.resumeAll")
        self._clear = Button(theme, "Clear", kind="ghost", small=True, name="jobs.clear")
        self._clear.setAccessibleName("Clear what is finished")
        self._older = Button(theme, "Show older", kind="ghost", small=True, name="jobs.older", parent=self._content)
        self._heads = {
            Section.UNDER_WAY: SectionHead(theme, Section.UNDER_WAY, self._pause_all, self._content),
            Section.WAITING: SectionHead(theme, Section.WAITING, self._resume_all, self._content),
            Section.FINISHED: SectionHead(theme, Section.FINISHED, self._clear, self._content),
        }
        self._pause_all.clicked.connect(self.pause_all_wanted)
        self._resume_all.clicked.connect(self.resume_all_wanted)
        self._clear.clicked.connect(self.clear_wanted)
        self._older.clicked.connect(self.older_wanted)
        self.setWidget(self._content)
        application = QApplication.instance()
        if isinstance(application, QApplication):
            application.focusChanged.connect(self._on_focus_changed)

    @property
    def rows(self) -> tuple[JobRow, ...]:
        """The rows from top to bottom."""
        return tuple(self._rows[job_id] for job_id in self._order)

    def row(self, job_id: str) -> JobRow | None:
        """The row of a job, None when it is not shown."""
        return self._rows.get(job_id)

    def show_sections(
        self,
        sections: Sequence[tuple[Section, Sequence[JobRowFacts]]],
        *,
        can_pause: bool,
        can_resume: bool,
        older: int,
    ) -> None:
        """Show these rows in this order; rows that stay keep their widgets, and the keyboard focus."""
        self._pause_all.setVisible(can_pause)
        self._resume_all.setVisible(can_resume)
        self._older.setVisible(older > 0)
        self._older.set_text(f"Show older ({older:,})")
        order = [facts.job.id for _section, rows in sections for facts in rows]
        lost = self._focus_after(order)
        self._content.setUpdatesEnabled(False)
        for job_id in [job_id for job_id in self._rows if job_id not in set(order)]:
            row = self._rows.pop(job_id)
            row.hide()
            row.deleteLater()
        wanted: list[QWidget] = []
        for section, rows in sections:
            head = self._heads[section]
            head.setVisible(bool(rows))
            head.show_count(len(rows) + (older if section is Section.FINISHED else 0))
            if rows:
                wanted.append(head)
            wanted += [self._row_of(facts) for facts in rows]
        self._lay(wanted)
        self._order = order
        self._content.setUpdatesEnabled(True)
        if lost is not None:
            self._focus_row(lost)
        self._mark()

    def show_row(self, facts: JobRowFacts) -> None:
        """Show what is new in one row."""
        row = self._rows.get(facts.job.id)
        if row is not None:
            row.show_facts(facts)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move between rows and act on the current one."""
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            if not self._move_current(event.key()):
                super().keyPressEvent(event)
            return
        step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(Qt.Key(event.key()))
        if step is not None and self._order:
            place = self._order.index(self._current) + step if self._current in self._order else 0
            self._focus_row(self._order[min(max(place, 0), len(self._order) - 1)])
        elif event.key() in (Qt.Key.Key_Home, Qt.Key.Key_End) and self._order:
            self._focus_row(self._order[0 if event.key() == Qt.Key.Key_Home else -1])
        elif not self._act_on_current(event.key()):
            super().keyPressEvent(event)

    def _move_current(self, key: int) -> bool:
        action = {Qt.Key.Key_Up: JobAction.MOVE_UP, Qt.Key.Key_Down: JobAction.MOVE_DOWN}.get(Qt.Key(key))
        row = self._rows.get(self._current or "")
        if row is None or action is None or action not in row.facts.actions:
            return False
        self.action_wanted.emit(row.facts.job.id, action)
        return True

    def _act_on_current(self, key: int) -> bool:
        row = self._rows.get(self._current or "")
        if row is None or not row.hasFocus():
            return False
        keys = {
            Qt.Key.Key_Space: (JobAction.PAUSE, JobAction.RESUME),
            Qt.Key.Key_Delete: (JobAction.CANCEL, JobAction.REMOVE),
        }
        for action in keys.get(Qt.Key(key), ()):
            if action in row.facts.actions:
                self.action_wanted.emit(row.facts.job.id, action)
                return True
        return False

    def _row_of(self, facts: JobRowFacts) -> JobRow:
        row = self._rows.get(facts.job.id)
        if row is None:
            row = JobRow(self._theme, facts, self._content)
            row.action_wanted.connect(self.action_wanted)
            self._rows[facts.job.id] = row
            row.show()
        else:
            row.show_facts(facts)
        return row

    def _lay(self, wanted: list[QWidget]) -> None:
        """Put widgets into the column; one that stands where it stood is not touched."""
        wanted = [*wanted, self._older]
        items = [self._column.itemAt(place) for place in range(self._column.count())]
        if [item.widget() for item in items if item is not None and item.widget() is not None] == wanted:
            return
        while self._column.count():
            self._column.takeAt(0)
        for widget in wanted[:-1]:
            self._column.addWidget(widget)
        self._column.addWidget(self._older, 0, Qt.AlignmentFlag.AlignHCenter)
        self._column.addStretch(1)
        chain: list[QWidget] = []
        for widget in wanted:
            if isinstance(widget, SectionHead):
                chain += [widget.button] if widget.button is not None else []
            elif isinstance(widget, JobRow):
                chain += [widget, *widget.buttons]
            else:
                chain.append(widget)
        for first, second in itertools.pairwise(chain):
            QWidget.setTabOrder(first, second)

    def _focus_after(self, order: Sequence[str]) -> str | None:
        """The row that takes over the focus from one that goes away: the one below it, else above."""
        focused = QApplication.focusWidget()
        leaving = next((key for key, row in self._rows.items() if focused and _within(row, focused)), None)
        if leaving is None or leaving in order or leaving not in self._order:
            return None
        place = self._order.index(leaving)
        rest = [*self._order[place + 1 :], *reversed(self._order[:place])]
        return next((job_id for job_id in rest if job_id in order), None)

    def _focus_row(self, job_id: str) -> None:
        row = self._rows[job_id]
        row.setFocus(Qt.FocusReason.TabFocusReason)
        self.ensureWidgetVisible(row, 0, 0)

    def _mark(self) -> None:
        focused = QApplication.focusWidget()
        active = focused is not None and _within(self, focused)
        for job_id, row in self._rows.items():
            row.mark(current=job_id == self._current, active=active)

    @Slot(QWidget, QWidget)
    def _on_focus_changed(self, _old: QWidget | None, new: QWidget | None) -> None:
        inside = next((key for key, row in self._rows.items() if new is not None and _within(row, new)), None)
        self._current = inside or self._current
        self._mark()


def _within(parent: QWidget, widget: QWidget) -> bool:
    return parent is widget or parent.isAncestorOf(widget)
