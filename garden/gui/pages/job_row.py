"""One job as a row: what it is, how far, how fast, how long still, and the buttons of what can be done about it."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QFont, QFontMetricsF, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from garden.core.job_record import JobKind, JobRecord, JobState
from garden.core.quantity import format_bytes
from garden.gui.theme.theme import ThemeController
from garden.gui.viewmodels.activity import JobRowFacts
from garden.gui.viewmodels.job_actions import JobAction
from garden.gui.viewmodels.job_lines import JobLines, Tone
from garden.gui.widgets.button import Button
from garden.gui.widgets.hover import follow_pointer
from garden.gui.widgets.progress_bar import ProgressBar
from garden.gui.widgets.themed_widget import ThemedWidget

_KIND_ICONS = {
    JobKind.DOWNLOAD: "download",
    JobKind.QUANTIZE: "workshop",
    JobKind.QUALITY: "workshop",
    JobKind.VERIFY: "shield",
    JobKind.SPEED: "clock",
    JobKind.ENGINE: "engine",
    JobKind.MOVE: "folder",
}

_TONES = {Tone.PLAIN: "text.secondary", Tone.WARNING: "status.warning.fg", Tone.DANGER: "status.danger.fg"}

#: Icon, label (empty for a button that shows its icon alone), verb, key.
_BUTTONS: dict[JobAction, tuple[str, str, str, str]] = {
    JobAction.RETRY: ("retry", "Start again", "Start again:", ""),
    JobAction.COMPARE: ("compare", "Compare", "Compare", ""),
    JobAction.SHOW_FILE: ("folder", "", "Show the file of", ""),
    JobAction.TRY_NOW: ("retry", "Retry now", "Retry now:", ""),
    JobAction.MOVE_UP: ("chevron-up", "", "Move up:", "Ctrl+Up"),
    JobAction.MOVE_DOWN: ("chevron-down", "", "Move down:", "Ctrl+Down"),
    JobAction.PAUSE: ("pause", "", "Pause", "Space"),
    JobAction.RESUME: ("play", "", "Resume", "Space"),
    JobAction.CANCEL: ("close", "", "Cancel", "Delete"),
    JobAction.REMOVE: ("close", "", "Take off the list", "Delete"),
}

#: What pausing and cancelling a download mean for the bytes that are here.
_DOWNLOAD_HINTS = {
    JobAction.PAUSE: "Pause; what came is kept",
    JobAction.CANCEL: "Cancel, and clear what came",
    JobAction.RESUME: "Resume where it stopped",
}

_LEFT, _RIGHT, _GAP, _ICON, _BUTTON_GAP = 20, 12, 14, 18, 2
#: Shares of the width that text and bar take, and their smallest widths; 380 and 300 of 1,264 in the mockup.
_TEXT_SHARE, _TEXT_MINIMUM = 0.3, 230
_BAR_SHARE, _BAR_MINIMUM = 0.237, 120
_SELECTION_BAR = 3


class JobRow(ThemedWidget):
    """A row; it is told new facts and keeps its widgets.

    Args:
        theme: Where colours come from.
        facts: What it shows first.
        parent: Qt parent.

    Signals:
        action_wanted: Id of the job and the JobAction.
        focused: The row or one of its buttons got the keyboard focus.
    """

    action_wanted = Signal(str, object)
    focused = Signal()

    def __init__(self, theme: ThemeController, facts: JobRowFacts, parent: QWidget | None = None) -> None:
        super().__init__(theme, parent)
        self._facts = facts
        self._current = False
        self._active = False
        follow_pointer(self)
        self._by_keyboard = False
        self._buttons: dict[JobAction, Button] = {}
        self._shown: list[Button] = []
        self._bar = ProgressBar(theme, self)
        self.setObjectName(f"job.{facts.job.id}")
        self.setProperty("focusRing", False)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self._show(facts, first=True)

    @property
    def facts(self) -> JobRowFacts:
        """What it shows."""
        return self._facts

    @property
    def buttons(self) -> tuple[Button, ...]:
        """The buttons that apply, left to right."""
        return tuple(self._shown)

    def button(self, action: JobAction) -> Button | None:
        """The button of an action, None when it does not apply."""
        return self._buttons.get(action) if action in self._facts.actions else None

    def show_facts(self, facts: JobRowFacts) -> None:
        """Show what is new; nothing is drawn that stayed as it was."""
        if facts != self._facts:
            self._show(facts)

    def mark(self, *, current: bool, active: bool) -> None:
        """Tint the row.

        Args:
            current: Whether it is the row that keys act on.
            active: Whether the list has the keyboard focus.
        """
        if (current, active) != (self._current, self._active):
            self._current, self._active = current, active
            self._bar.set_on_selected(current)
            self.update()

    def sizeHint(self) -> QSize:
        """As high as every job."""
        return QSize(self.look.px(600), self.look.size("row_job"))

    def minimumSizeHint(self) -> QSize:
        """It elides; its height stays."""
        return QSize(self.look.px(320), self.look.size("row_job"))

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Remember whether a key led here."""
        self._by_keyboard = event.reason() is not Qt.FocusReason.MouseFocusReason
        self.focused.emit()
        self.update()
        super().focusInEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Take the ring away."""
        self.update()
        super().focusOutEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Put bar and buttons into their columns."""
        super().resizeEvent(event)
        self._arrange()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw background, icon and lines."""
        theme, painter = self.look, QPainter(self)
        if self._current:
            painter.fillRect(self.rect(), theme.color("bg.selected" if self._active else "bg.selected_inactive"))
            painter.fillRect(0, 0, _SELECTION_BAR, self.height(), theme.color("accent.selected_bar"))
        elif self.underMouse():
            painter.fillRect(self.rect(), theme.color("bg.hover"))
        painter.fillRect(0, self.height() - 1, self.width(), 1, theme.color("border.subtle"))
        icon, color = _icon_of(self._facts.job)
        side = theme.px(_ICON)
        pixmap = theme.pixmap(icon, color, _ICON, self.devicePixelRatioF())
        painter.drawPixmap(theme.px(_LEFT), round((self.height() - 1 - side) / 2), pixmap)
        self._paint_text(painter)
        self._paint_figures(painter)
        if self.hasFocus() and self._by_keyboard:
            pen = QPen(theme.color("focus.ring"), 2)
            pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
            painter.setPen(pen)
            painter.drawRect(QRectF(self.rect()).adjusted(1, 1, -1, -1))

    def _paint_text(self, painter: QPainter) -> None:
        theme, job, lines = self.look, self._facts.job, self._facts.lines
        text, bar, _figures = self._columns()
        if lines.fraction is None:
            # Where nothing moves there is no bar: its room is the title's.
            text.setRight(bar.right())
        line = theme.line("body")
        top = (self.height() - 1 - 2 * line) / 2
        strong, mono = theme.font("strong"), theme.font("code")
        kind_width = QFontMetricsF(mono).horizontalAdvance(job.subtitle) if job.subtitle else 0.0
        # The type is short as a rule and stays whole; a list of types gives way to the name.
        kind_width = min(kind_width, text.width() * 0.5)
        gap = theme.px(7) if job.subtitle else 0
        title = QRectF(text.left(), top, text.width() - kind_width - gap, line)
        drawn = self._line(painter, title, job.title, strong, "text.primary")
        kind = QRectF(text.left() + drawn + gap, top, kind_width + 1, line)
        self._line(painter, kind, job.subtitle, mono, "text.secondary")
        weight = 400 if lines.tone is Tone.PLAIN else 500
        state = QRectF(text.left(), top + line, text.width(), line)
        self._line(painter, state, lines.state, theme.font("small", weight=weight), _TONES[lines.tone])

    def _paint_figures(self, painter: QPainter) -> None:
        theme, lines = self.look, self._facts.lines
        _text, _bar, figures = self._columns()
        line = theme.line("small")
        shown = [part for part in ((lines.amount, "text.primary"), (lines.detail, "text.muted")) if part[0]]
        top = (self.height() - 1 - len(shown) * line) / 2
        for text, color in shown:
            area = QRectF(figures.left(), top, figures.width(), line)
            self._line(painter, area, text, theme.font("small"), color)
            top += line

    def _line(self, painter: QPainter, rect: QRectF, text: str, font: QFont, color: str) -> float:
        metrics = QFontMetricsF(font)
        shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, rect.width())
        painter.setFont(font)
        painter.setPen(self.look.color(color))
        painter.drawText(rect, int(Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine), shown)
        return metrics.horizontalAdvance(shown)

    def _columns(self) -> tuple[QRectF, QRectF, QRectF]:
        """Text, bar and figures."""
        px = self.look.px
        width, height, gap = self.width(), self.height(), px(_GAP)
        left = px(_LEFT) + px(_ICON) + gap
        text = QRectF(left, 0, max(px(_TEXT_MINIMUM), width * _TEXT_SHARE), height)
        bar = QRectF(text.right() + gap, 0, max(px(_BAR_MINIMUM), width * _BAR_SHARE), height)
        right = min([button.x() for button in self._shown], default=width - px(_RIGHT)) - gap
        figures = QRectF(bar.right() + gap, 0, max(0.0, right - bar.right() - gap), height)
        return text, bar, figures

    def _arrange(self) -> None:
        px = self.look.px
        left = self.width() - px(_RIGHT)
        for button in reversed(self._shown):
            size = button.sizeHint()
            left -= size.width()
            button.setGeometry(left, (self.height() - 1 - size.height()) // 2, size.width(), size.height())
            left -= px(_BUTTON_GAP)
        _text, bar, _figures = self._columns()
        height = self._bar.sizeHint().height()
        self._bar.setGeometry(round(bar.left()), round((self.height() - 1 - height) / 2), round(bar.width()), height)

    def _show(self, facts: JobRowFacts, *, first: bool = False) -> None:
        old, self._facts = self._facts, facts
        lines = facts.lines
        if first or facts.actions != old.actions:
            self._show_buttons()
        self._say_what_a_cancel_clears()
        self._bar.setVisible(lines.fraction is not None)
        if lines.fraction is not None:
            self._bar.set_fraction(lines.fraction, _bar_color(facts.job, lines))
        # Read aloud when the row gets the focus; figures that change ten times a second are a description.
        self.setAccessibleName(f"{facts.title}: {lines.state}")
        self.setAccessibleDescription(", ".join(filter(None, (lines.amount, lines.detail))))
        self.update()

    def _say_what_a_cancel_clears(self) -> None:
        job, button = self._facts.job, self._buttons.get(JobAction.CANCEL)
        if button is not None and job.kind is JobKind.DOWNLOAD and job.resumable and job.done:
            hint, key = _DOWNLOAD_HINTS[JobAction.CANCEL], _BUTTONS[JobAction.CANCEL][3]
            button.setToolTip(f"{hint}: {format_bytes(job.done)} ({key})")

    def _show_buttons(self) -> None:
        focus = next((action for action, button in self._buttons.items() if button.hasFocus()), None)
        for action, button in self._buttons.items():
            if action not in self._facts.actions and button.isVisibleTo(self):
                button.hide()
        self._shown = [self._made(action) for action in self._facts.actions]
        self._arrange()
        for button in self._shown:
            button.show()
        if focus is not None and focus not in self._facts.actions:
            # The button that was pressed is gone; its row keeps the focus.
            (self._shown[0] if self._shown else self).setFocus(Qt.FocusReason.OtherFocusReason)

    def _made(self, action: JobAction) -> Button:
        button = self._buttons.get(action)
        if button is None:
            icon, label, verb, key = _BUTTONS[action]
            if action is JobAction.RETRY and self._facts.job.kind is JobKind.DOWNLOAD:
                label = verb = "Fetch again"
            hint = verb.removesuffix(" of").removesuffix(":")
            if self._facts.job.kind is JobKind.DOWNLOAD and self._facts.job.resumable:
                hint = _DOWNLOAD_HINTS.get(action, hint)
            button = Button(
                self._controller,
                label,
                icon=icon,
                kind="default" if label else "ghost",
                small=True,
                name=f"job.{action.value}",
                hint=f"{hint} ({key})" if key else hint,
                parent=self,
            )
            button.setAccessibleName(f"{verb} {self._facts.title}")
            button.clicked.connect(lambda _checked=False, wanted=action: self._on_clicked(wanted))
            self._buttons[action] = button
        return button

    def _on_clicked(self, action: JobAction) -> None:
        self.action_wanted.emit(self._facts.job.id, action)


def _icon_of(job: JobRecord) -> tuple[str, str]:
    match job.state:
        case JobState.SUCCEEDED:
            return "check", "verdict.gpu.fg"
        case JobState.FAILED:
            return "warning", "status.danger.fg"
    return _KIND_ICONS[job.kind], "text.secondary"


def _bar_color(job: JobRecord, lines: JobLines) -> str:
    if lines.stalled:
        return "status.warning.fg"
    return "accent.base" if job.state is JobState.RUNNING else "memory.used"
