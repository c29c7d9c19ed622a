from __future__ import annotations

import pytest
from PySide6.QtGui import QColor, QPixmap
from PySide6.QtWidgets import QApplication

from garden.core.errors import NotFoundError
from garden.gui.theme.icons import IconStore, application_icon


def _strongest(pixmap: QPixmap) -> QColor:
    image = pixmap.toImage()
    points = [(x, y) for x in range(image.width()) for y in range(image.height())]
    return max((image.pixelColor(x, y) for x, y in points), key=QColor.alpha)


def test_an_icon_takes_the_colour_asked_for(qapp: QApplication) -> None:
    drawn = _strongest(IconStore().pixmap("stop", QColor("#ff0000"), 32))

    assert drawn.alpha() > 200
    assert (drawn.red(), drawn.green()) == (255, 0)


def test_an_icon_is_drawn_once_per_colour_size_and_ratio(qapp: QApplication) -> None:
    store = IconStore()

    first = store.pixmap("stop", QColor("red"), 16)

    assert store.pixmap("stop", QColor("red"), 16).cacheKey() == first.cacheKey()
    assert store.pixmap("stop", QColor("red"), 16, 2.0).width() == 2 * first.width()
    assert store.pixmap("stop", QColor("blue"), 16).cacheKey() != first.cacheKey()


def test_a_missing_icon_is_an_error_that_says_what_to_do(qapp: QApplication) -> None:
    with pytest.raises(NotFoundError, match="Install Garden again"):
        IconStore().pixmap("no-such-icon", QColor("red"), 16)


def test_the_application_has_an_icon_of_its_own(qapp: QApplication) -> None:
    assert _strongest(application_icon().pixmap(64, 64)).alpha() == 255
