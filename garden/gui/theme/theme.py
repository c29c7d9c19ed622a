"""The look at one moment, and the object that changes it while the window is open."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Literal

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QIcon, QPixmap
from PySide6.QtWidgets import QApplication, QStyleFactory

from garden.gui.theme.fonts import load_families, make_font
from garden.gui.theme.icons import IconStore
from garden.gui.theme.tokens import Scheme, Tokens, load_tokens

#: What the user chooses; ``system`` follows the desktop.
Preference = Literal["system", "light", "dark"]
Density = Literal["compact", "comfortable"]

#: Texts whose width is kept.
_MOST_WIDTHS = 2_048

#: What ``comfortable`` adds to the height of every row.
_COMFORTABLE_EXTRA = 6


@functools.cache
def _parse_color(value: str) -> QColor:
    """``#RRGGBB`` or ``#RRGGBBAA``; Qt itself reads eight digits as alpha first."""
    if len(value) == 9:
        color = QColor(value[:7])
        color.setAlpha(int(value[7:], 16))
        return color
    return QColor(value)


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours, fonts, sizes and icons for one scheme and text size.

    Attributes:
        tokens: Where the values come from.
        scheme: ``light`` or ``dark``.
        scale: Text size, 1.0 is 100 %; controls grow with their text.
        density: Height of rows.
        icons: Drawn icons, shared between themes.
    """

    tokens: Tokens = field(default_factory=load_tokens)
    scheme: Scheme = "light"
    scale: float = 1.0
    density: Density = "compact"
    icons: IconStore = field(default_factory=IconStore, compare=False)
    _fonts: dict[tuple[object, ...], QFont] = field(default_factory=dict, init=False, compare=False, repr=False)
    _widths: dict[tuple[str, str, int | None], float] = field(
        default_factory=dict, init=False, compare=False, repr=False
    )

    def color(self, name: str) -> QColor:
        """A colour by its dotted name, e.g. ``text.muted``; the caller's own, free to change."""
        return QColor(_parse_color(self.tokens.colors[self.scheme][name]))

    def css(self, name: str) -> str:
        """The same as a style sheet writes it."""
        color = self.color(name)
        if color.alpha() == 255:
            return color.name()
        return f"rgba({color.red()}, {color.green()}, {color.blue()}, {color.alpha()})"

    def px(self, pixels: float) -> int:
        """Logical pixels at this text size."""
        return round(pixels * self.scale)

    def size(self, name: str) -> int:
        """A named size at this text size; rows grow with the density."""
        pixels = self.tokens.sizes[name]
        if self.density == "comfortable" and name.startswith("row_"):
            pixels += _COMFORTABLE_EXTRA
        return self.px(pixels)

    def radius(self, name: str) -> float:
        """A corner radius; it does not grow with the text."""
        return float(self.tokens.radii[name])

    def font(
        self,
        style: str = "body",
        *,
        weight: int | None = None,
        size: float | None = None,
        mono: bool = False,
        italic: bool = False,
    ) -> QFont:
        """The font of a type style.

        Args:
            style: Step of the type scale, e.g. ``caption``.
            weight: Instead of the style's.
            size: Instead of the style's, logical pixels at 100 %.
            mono: The family of code; ``code`` is that by itself.
            italic: Slanted.
        """
        key = (style, weight, size, mono, italic)
        font = self._fonts.get(key)
        if font is None:
            step = self.tokens.styles[style]
            font = self._fonts[key] = make_font(
                self.tokens,
                round((size if size is not None else step.size) * self.scale, 2),
                weight if weight is not None else step.weight,
                mono=mono or style == "code",
                italic=italic,
            )
        # The caller's own, free to change.
        return QFont(font)

    def text_width(self, text: str, style: str, weight: int | None = None) -> float:
        """Logical pixels of a text that is drawn again and again, e.g. a verdict; measured once."""
        key = (text, style, weight)
        width = self._widths.get(key)
        if width is None:
            if len(self._widths) >= _MOST_WIDTHS:
                self._widths.clear()
            width = self._widths[key] = QFontMetricsF(self.font(style, weight=weight)).horizontalAdvance(text)
        return width

    def line(self, style: str) -> int:
        """Height of a line of a type style."""
        return self.px(self.tokens.styles[style].line)

    def pixmap(self, name: str, color: str = "text.secondary", size: float = 16, ratio: float = 1.0) -> QPixmap:
        """An icon in a token's colour, at this text size."""
        return self.icons.pixmap(name, self.color(color), self.px(size), ratio)

    def icon(self, name: str, color: str = "text.secondary", size: float = 16) -> QIcon:
        """An icon for menus, actions and fields."""
        return self.icons.icon(name, self.color(color), self.px(size), self.color("text.disabled"))


class ThemeController(QObject):
    """Holds the theme of an application, follows the desktop and tells widgets to draw themselves anew.

    Args:
        application: Gets palette, fonts and style sheet; None leaves it alone (tests of single widgets).
        preference: ``system``, ``light`` or ``dark``.
        scale: Text size, 1.0 is 100 %.
        density: Height of rows.
        parent: Qt parent.

    Signals:
        changed: Colours or sizes are others now; ``theme`` has them.
    """

    changed = Signal()

    def __init__(
        self,
        application: QApplication | None = None,
        preference: Preference = "system",
        scale: float = 1.0,
        density: Density = "compact",
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._application = application
        self._preference: Preference = preference
        self._theme = Theme(scheme=self._scheme(), scale=scale, density=density)
        if application is not None:
            application.setStyle(QStyleFactory.create("Fusion"))
            load_families()
            application.styleHints().colorSchemeChanged.connect(self._on_scheme_changed)
            self._dress()

    @property
    def theme(self) -> Theme:
        """The theme now; ask again after ``changed``."""
        return self._theme

    @property
    def preference(self) -> Preference:
        """What the user chose."""
        return self._preference

    def choose(
        self,
        preference: Preference | None = None,
        *,
        scale: float | None = None,
        density: Density | None = None,
    ) -> None:
        """Take over a choice of the user; what is None stays."""
        if preference is not None:
            self._preference = preference
        self._set(
            Theme(
                tokens=self._theme.tokens,
                scheme=self._scheme(),
                scale=scale if scale is not None else self._theme.scale,
                density=density if density is not None else self._theme.density,
                icons=self._theme.icons,
            )
        )

    def _scheme(self) -> Scheme:
        if self._preference != "system":
            return self._preference
        hints = QApplication.styleHints() if QApplication.instance() else None
        dark = hints is not None and hints.colorScheme() is Qt.ColorScheme.Dark
        return "dark" if dark else "light"

    def _set(self, theme: Theme) -> None:
        if theme == self._theme:
            return
        old, self._theme = self._theme, theme
        if self._application is not None and theme.scale != old.scale:
            from garden.gui.theme.layout_scale import rescale_layouts

            # Before widgets hear of it: those that set the room in their layouts themselves have the last word.
            rescale_layouts(self._application.topLevelWidgets(), old.scale, theme.scale)
        self._dress()
        self.changed.emit()

    def _dress(self) -> None:
        from garden.gui.theme.palette import build_palette
        from garden.gui.theme.style_sheet import build_style_sheet

        if self._application is None:
            return
        # A menu or dialog of the platform takes its own scheme from here.
        wanted = {"system": Qt.ColorScheme.Unknown, "light": Qt.ColorScheme.Light, "dark": Qt.ColorScheme.Dark}
        self._application.styleHints().setColorScheme(wanted[self._preference])
        self._application.setPalette(build_palette(self._theme))
        self._application.setFont(self._theme.font("body"))
        self._application.setStyleSheet(build_style_sheet(self._theme))

    @Slot(Qt.ColorScheme)
    def _on_scheme_changed(self, _scheme: Qt.ColorScheme) -> None:
        if self._preference == "system":
            self.choose()
