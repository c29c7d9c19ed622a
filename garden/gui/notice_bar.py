"""One sentence at the foot of the window: what was done or went wrong, and what helps. It goes away by itself."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QRect, QRectF, Qt, QTimer, Slot
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

from garden.gui.theme.theme import ThemeController
from garden.gui.widgets.button import Button
from garden.gui.widgets.label import Label
from garden.gui.widgets.overlay import paint_shadow
from garden.gui.widgets.themed_widget import ThemedWidget

_SHADOW = 12
_SHORTEST_MS = 5_000
_PER_LETTER_MS = 60
#: An offer stands longer: it has to be thought about.
_OFFER_MS = 20_000


class NoticeBar(ThemedWidget):
    """Floats above the page; never takes the focus.

    Args:
        theme: Where colours come from.
        host: The widget at whose lower edge it stands.
    """

    def __init__(self, theme: ThemeController, host: QWidget) -> None:
        super().__init__(theme, host)
        self.setObjectName("notice")
        px = theme.theme.px
        self._sentence = Label(theme, weight=500, color="text.primary", elide=Qt.TextElideMode.ElideRight)
        self._sentence.setObjectName("notice.sentence")
        self._action = Label(theme, color="text.secondary", elide=Qt.TextElideMode.ElideRight)
        self._action.setObjectName("notice.action")
        self._offered: Callable[[], None] | None = None
        self._offer = Button(theme, "Offer", small=True, name="notice.offer")
        self._offer.clicked.connect(self._on_offer_taken)
        self._close = Button(theme, icon="close", kind="ghost", small=True, name="notice.close", hint="Close")
        self._close.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._close.clicked.connect(self.hide)
        row = QHBoxLayout(self)
        row.setContentsMargins(px(16) + _SHADOW, px(8) + _SHADOW, px(8) + _SHADOW, px(8) + _SHADOW)
        row.setSpacing(px(8))
        row.addWidget(self._sentence)
        row.addWidget(self._action)
        row.addWidget(self._offer)
        row.addWidget(self._close)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.hide)
        host.installEventFilter(self)
        self.hide()

    @property
    def sentence(self) -> str:
        """What stands there."""
        return self._sentence.text()

    def say(self, sentence: str, action: str = "") -> None:
        """Show a sentence and what helps, and have a screen reader say it."""
        self._show(sentence, action, "", None)

    def offer(self, sentence: str, button: str, call: Callable[[], None]) -> None:
        """Show a sentence and one thing to do about it.

        Args:
            sentence: What happened.
            button: What the button says.
            call: Called when it is pressed.
        """
        self._show(sentence, "", button, call)

    def _show(self, sentence: str, action: str, button: str, call: Callable[[], None] | None) -> None:
        self._offered = call
        self._offer.set_text(button)
        self._offer.setVisible(call is not None)
        self._sentence.setText(sentence)
        self._action.setText(action)
        self._action.setVisible(bool(action))
        said = f"{sentence} {action}".strip()
        self.setAccessibleName(said)
        self.place()
        self.show()
        self.raise_()
        self._timer.start(max(_SHORTEST_MS if call is None else _OFFER_MS, len(said) * _PER_LETTER_MS))
        announcement = QAccessibleAnnouncementEvent(self, said)
        QAccessible.updateAccessibility(announcement)

    def place(self) -> None:
        """In the middle of the host's lower edge."""
        host = self.parentWidget()
        if host is None:
            return
        for label in (self._sentence, self._action):
            label.updateGeometry()
        hint = self.sizeHint()
        width = min(hint.width(), host.width() - 2 * self.look.px(16))
        left = (host.width() - width) // 2
        self.setGeometry(QRect(left, host.height() - hint.height() - self.look.px(8), width, hint.height()))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Stay at the host's lower edge."""
        if event.type() == QEvent.Type.Resize and watched is self.parentWidget() and self.isVisible():
            self.place()
        return False

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the raised area."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = QRectF(self.rect()).adjusted(_SHADOW, _SHADOW, -_SHADOW, -_SHADOW)
        radius = self.look.radius("card")
        paint_shadow(painter, self.look, area, radius)
        painter.setBrush(self.look.color("bg.raised"))
        painter.setPen(self.look.color("border.strong"))
        painter.drawRoundedRect(area.adjusted(0.5, 0.5, -0.5, -0.5), radius, radius)

    @Slot()
    def _on_offer_taken(self) -> None:
        call, self._offered = self._offered, None
        self.hide()
        if call is not None:
            call()

    @Slot()
    def _on_theme_changed(self) -> None:
        self.place()
        super()._on_theme_changed()
