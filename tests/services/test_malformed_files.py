"""Malformed files through the program: an answer or one clear sentence each, soon and in little memory."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.hubserver import HubServer
from tests.services.malformed_child import Report, hub_of, run

#: Ten of each kind, and five; ``bench_malformed`` takes a thousand.
HERE, THERE = 230, 115

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs getrusage")


def check(report: Report, count: int) -> None:
    """What must hold of any number of malformed files."""
    assert report.wrong == []
    assert sum(report.answers.values()) == count
    # Processor time, so that busy neighbours do not count; the factor is for slow ones.
    assert report.slowest[0] < 0.3
    assert report.grown_bytes < 50_000_000


def test_on_this_machine(data_dirs: Path, tmp_path: Path) -> None:
    check(run(0, HERE, {}, tmp_path), HERE)


def test_from_a_hub(data_dirs: Path) -> None:
    with HubServer(hub_of(HERE, THERE)) as hub:
        check(run(HERE, THERE, {"HF_ENDPOINT": hub.endpoint}), THERE)
        assert hub.state.unexpected == []
