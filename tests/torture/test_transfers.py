"""A few kills of what ``make torture`` does hundreds of times."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.torture.transfers import TransferTorture


@pytest.mark.skipif(sys.platform == "win32", reason="a process that is ended there cannot be ended at once")
def test_kills_and_faults_lose_and_corrupt_nothing(tmp_path: Path) -> None:
    report = TransferTorture(tmp_path, kills=6, seed=3).run()

    assert report.kills > 0
    assert report.is_clean, report
