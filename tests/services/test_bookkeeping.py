from __future__ import annotations

import logging

import pytest

from garden.core.errors import StateError
from garden.services.bookkeeping import bookkeeping


def test_what_is_said_of_a_lost_note_has_none_of_sqlites_words(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    def note() -> None:
        raise StateError("index.sqlite could not be written: permission denied.", "", "attempt to write a readonly …")

    with bookkeeping("What the scan found"):
        note()

    told = [record for record in caplog.records if record.levelno >= logging.INFO]
    assert [record.getMessage() for record in told] == [
        "What the scan found was not noted: index.sqlite could not be written: permission denied."
    ]
    assert any("readonly" in record.getMessage() for record in caplog.records)
