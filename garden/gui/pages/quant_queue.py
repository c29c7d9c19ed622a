"""What is being made and measured, and what begins after it: the upper part of Workshop's side panel."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from garden.core.job_record import JobKind, JobRecord, JobState
from garden.gui.theme.theme import ThemeController
from garden.gui.viewmodels.job_lines import job_lines
from garden.gui.widgets.button import Button
from garden.gui.widgets.card import Divider
from garden.gui.widgets.label import Label
from garden.gui.widgets.progress_bar import ProgressBar


class _QueueRow(QWidget):
    """One piece of work: type, what it does, how far, how long still."""

    def __init__(self, theme: ThemeController, parent: QWidget) -> None:
        super().__init__(parent)
        px = theme.theme.px
        self.job_id = ""
        elide = Qt.TextElideMode.ElideRight
        self._type = Label(theme, style="code", weight=600, line=20, elide=elide)
        self._note = Label(theme, style="small", color="text.secondary", elide=elide)
        self.cancel = Button(theme, icon="close", kind="ghost", small=True, hint="Cancel")
        self._bar = ProgressBar(theme)
        self._amount = Label(theme, style="small", color="text.muted", elide=elide)
        self._left = Label(theme, style="small", color="text.muted")
        head = QHBoxLayout()
        head.setSpacing(px(8))
        head.addWidget(self._type)
        head.addWidget(self._note)
        head.addStretch(1)
        head.addWidget(self.cancel)
        foot = QHBoxLayout()
        foot.addWidget(self._amount)
        foot.addStretch(1)
        foot.addWidget(self._left)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        body = QVBoxLayout()
        body.setContentsMargins(px(16), px(10), px(16), px(10))
        body.setSpacing(px(5))
        body.addLayout(head)
        body.addWidget(self._bar)
        body.addLayout(foot)
        column.addLayout(body)
        column.addWidget(Divider(theme))

    def show_job(self, job: JobRecord, position: int) -> None:
        """Show a job as it is now, and its place among those that wait."""
        lines = job_lines(job, position)
        self.job_id = job.id
        measuring = job.kind is JobKind.QUALITY
        self._type.setText("Loss" if measuring else job.subtitle)
        self._note.setText(f"of {job.subtitle}" if measuring else job.note)
        self._bar.setVisible(lines.fraction is not None)
        self._bar.set_fraction(lines.fraction or 0.0)
        self._amount.setText(f"{lines.amount} read" if job.done and not measuring else lines.amount or lines.state)
        self._left.setText(lines.detail)
        self.cancel.setVisible(True)
        self.cancel.setObjectName(f"workshop.cancel.{job.subtitle}")
        self.cancel.setAccessibleName(f"Cancel {self._type.text()}")
        self.setAccessibleName(f"{job.title} {job.subtitle}: {lines.state}")
        self._relayout()

    def show_waiting(self, quant_types: str, base: str) -> None:
        """Show a measurement that begins when its types are there."""
        self.job_id = ""
        self._type.setText("Loss")
        self._note.setText(f"of {quant_types} against {base}")
        self._bar.setVisible(False)
        self._amount.setText("bundled text")
        self._left.setText("after it")
        self.cancel.setVisible(False)
        self.setAccessibleName(f"Loss of {quant_types}, after it")
        self._relayout()

    def _relayout(self) -> None:
        for label in (self._type, self._note, self._amount, self._left):
            label.updateGeometry()


class QuantQueue(QWidget):
    """Rows of work under way.

    Args:
        theme: Where colours come from.
        parent: Qt parent.

    Signals:
        cancel_wanted: Id of the job to stop.
    """

    cancel_wanted = Signal(str)

    def __init__(self, theme: ThemeController, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._rows: list[_QueueRow] = []
        px = theme.theme.px
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self._nothing = Label(theme, "Nothing is being made.", style="small", color="text.muted")
        self._nothing.setContentsMargins(0, 0, 0, 0)
        holder = QWidget(self)
        row = QVBoxLayout(holder)
        row.setContentsMargins(px(16), px(12), px(16), px(12))
        row.addWidget(self._nothing)
        self._holder = holder
        self._column.addWidget(holder)

    def show_work(self, jobs: Sequence[JobRecord], waiting: Sequence[tuple[str, str]]) -> None:
        """Show jobs, then measurements that begin after them."""
        wanted = len(jobs) + len(waiting)
        while len(self._rows) < wanted:
            row = _QueueRow(self._theme, self)
            row.cancel.clicked.connect(lambda _checked=False, row=row: self.cancel_wanted.emit(row.job_id))
            self._rows.append(row)
            self._column.addWidget(row)
        for number, row in enumerate(self._rows):
            row.setVisible(number < wanted)
            if number < len(jobs):
                position = number - sum(job.state is JobState.RUNNING for job in jobs) + 1
                row.show_job(jobs[number], position)
            elif number < wanted:
                row.show_waiting(*waiting[number - len(jobs)])
        self._holder.setVisible(wanted == 0)
