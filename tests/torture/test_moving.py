"""A few kills of what ``make torture`` does more often."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.torture.moving import MoveTorture


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right of their own there")
@pytest.mark.parametrize("may_rename", [True, False])
def test_kills_of_a_move_lose_and_corrupt_nothing(tmp_path: Path, may_rename: bool) -> None:
    report = MoveTorture(tmp_path, kills=6, seed=3, may_rename=may_rename).run()

    assert report.kills >= 6
    assert report.is_clean, report
