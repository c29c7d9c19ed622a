"""The two type families of the look, and how a QFont of them is made.

Both families are variable fonts. Qt lists one style of each and fakes a bold by smearing it, so a weight is set on the
font's own axis; the weight property stays below the bold that Qt would fake.
"""

from __future__ import annotations

from pathlib import Path

from PySide6.QtGui import QFont, QFontDatabase, QGuiApplication

from garden.gui.theme.tokens import Tokens

_WEIGHT_AXIS = QFont.Tag("wght")
_OPTICAL_AXIS = QFont.Tag("opsz")
_TABULAR = QFont.Tag("tnum")
_LIGATURES = QFont.Tag("calt")

#: Range of Inter's optical size axis.
_OPTICAL_SIZES = (14.0, 32.0)
#: Qt smears a face without a bold of its own from here on.
_HEAVIEST_PROPERTY = 600


def load_families() -> tuple[str, ...]:
    """Load the families from their packages into Qt; must be called once per application, before the first widget.

    Returns:
        Families that were loaded; the system's fonts stand in for a missing one.
    """
    loaded: list[str] = []
    for folder in _font_folders():
        # Upright first: Qt takes the first face of a family for whatever matches nothing better.
        for path in sorted(folder.glob("*.ttf"), key=lambda file: ("Italic" in file.name, file.name)):
            number = QFontDatabase.addApplicationFont(str(path))
            if number >= 0:
                loaded += QFontDatabase.applicationFontFamilies(number)
    return tuple(dict.fromkeys(loaded))


def _font_folders() -> list[Path]:
    folders: list[Path] = []
    try:
        import fontpkg_inter

        folders.append(Path(fontpkg_inter.ROOT) / "files")
    except ImportError:
        pass
    try:
        import fontpkg_jetbrains_mono

        folders.append(Path(fontpkg_jetbrains_mono.ROOT) / "files")
    except ImportError:
        pass
    return folders


def make_font(
    tokens: Tokens, size: float, weight: int, *, mono: bool = False, italic: bool = False, tabular: bool = True
) -> QFont:
    """A font of the look.

    Args:
        tokens: Names the families.
        size: Logical pixels, fractions allowed.
        weight: 100..900.
        mono: The family of code.
        italic: Slanted.
        tabular: Figures of one width, so that columns line up and changing figures stand still.
    """
    font = QFont(list(tokens.mono_families if mono else tokens.families))
    if float(size).is_integer():
        font.setPixelSize(int(size))
    else:
        # QFont takes whole pixels only; points carry the fraction.
        screen = QGuiApplication.primaryScreen()
        font.setPointSizeF(size * 72 / (screen.logicalDotsPerInch() if screen else 96))
    font.setWeight(QFont.Weight(min(weight, _HEAVIEST_PROPERTY)))
    font.setVariableAxis(_WEIGHT_AXIS, weight)
    font.setItalic(italic)
    font.setHintingPreference(QFont.HintingPreference.PreferNoHinting)
    if mono:
        font.setFeature(_LIGATURES, 0)
        font.setStyleHint(QFont.StyleHint.Monospace)
    else:
        font.setVariableAxis(_OPTICAL_AXIS, min(max(size, _OPTICAL_SIZES[0]), _OPTICAL_SIZES[1]))
        if tabular:
            font.setFeature(_TABULAR, 1)
    return font
