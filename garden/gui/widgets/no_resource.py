"""What a view of foreign text hands out when its text asks for a file."""

from __future__ import annotations

from PySide6.QtGui import QImage


def nothing_to_load() -> QImage:
    """A picture without pixels, the answer of ``loadResource`` to every question.

    Not None: QTextDocument then goes on and reads a local file by itself (Qt 6.11: ``![x](file:///…)`` shows it).
    """
    return QImage()
