"""Windows on a real X server; the tests are skipped where there is none (the offscreen platform has no keyboard)."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True)
def real_display() -> None:
    """Skip unless Qt talks to an X server."""
    if os.environ.get("QT_QPA_PLATFORM") != "xcb" or not os.environ.get("DISPLAY"):
        pytest.skip("needs an X server: `make test` starts Xvfb where it is installed")
