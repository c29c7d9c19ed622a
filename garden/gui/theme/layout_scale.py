"""The room that layouts leave, in a text size that changes while the window is open."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtWidgets import QBoxLayout, QGridLayout, QLayout, QSpacerItem, QWidget

#: Property of a layout: the scale it was built for, its room then, and its room as it was last set here.
_BUILT = "builtFor"

#: Lines of a pixel or two are no room; they stay as thin as they are.
_THINNEST = 3


def rescale_layouts(windows: Iterable[QWidget], old: float, new: float) -> None:
    """Give margins, spacings and spacers the size that they would have, were the windows built now.

    Args:
        windows: Everything inside them is gone through.
        old: The scale until now; what was not met before was built for it.
        new: The scale from now on.
    """
    for window in windows:
        for layout in window.findChildren(QLayout):
            if isinstance(layout, (QBoxLayout, QGridLayout)):
                _rescale(layout, old, new)


def _rescale(layout: QBoxLayout | QGridLayout, old: float, new: float) -> None:
    room = _room(layout)
    built = layout.property(_BUILT)
    if built is None or built[2] != room:
        # Never met, or its widget has given it another room since.
        built = (old, room)
    scale, base = built[0], built[1]
    wanted = [value if abs(value) < _THINNEST else round(value / scale * new) for value in base]
    if wanted != room:
        _set_room(layout, wanted)
    layout.setProperty(_BUILT, (scale, base, wanted))


def _room(layout: QBoxLayout | QGridLayout) -> list[int]:
    """Every length that a layout holds, in the order in which ``_set_room`` takes them."""
    margins = layout.contentsMargins()
    room = [margins.left(), margins.top(), margins.right(), margins.bottom()]
    if isinstance(layout, QGridLayout):
        room += [layout.horizontalSpacing(), layout.verticalSpacing()]
        room += [layout.columnMinimumWidth(column) for column in range(layout.columnCount())]
    else:
        room.append(layout.spacing())
    for spacer in _spacers(layout):
        room += [spacer.sizeHint().width(), spacer.sizeHint().height()]
    return room


def _set_room(layout: QBoxLayout | QGridLayout, room: list[int]) -> None:
    rest = iter(room)
    layout.setContentsMargins(next(rest), next(rest), next(rest), next(rest))
    if isinstance(layout, QGridLayout):
        layout.setHorizontalSpacing(next(rest))
        layout.setVerticalSpacing(next(rest))
        for column in range(layout.columnCount()):
            layout.setColumnMinimumWidth(column, next(rest))
    else:
        layout.setSpacing(next(rest))
    for spacer in _spacers(layout):
        policy = spacer.sizePolicy()
        spacer.changeSize(next(rest), next(rest), policy.horizontalPolicy(), policy.verticalPolicy())
    layout.invalidate()


def _spacers(layout: QLayout) -> list[QSpacerItem]:
    found = (item.spacerItem() for number in range(layout.count()) if (item := layout.itemAt(number)) is not None)
    return [spacer for spacer in found if spacer is not None]
