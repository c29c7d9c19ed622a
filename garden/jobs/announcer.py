"""Tells what became of jobs: written to the log first, then published, in the order in which it happened."""

from __future__ import annotations

import logging
import threading
from collections import deque

from garden.core.errors import GardenError
from garden.core.events import EventBus, JobChanged
from garden.core.job_record import JobRecord
from garden.jobs.jobs_log import JobsLog

_log = logging.getLogger(__name__)


class Announcer:
    """An outbox of records. ``post`` under any lock, ``send`` under none.

    Args:
        bus: Where JobChanged goes.
        log: Where records are kept.
    """

    def __init__(self, bus: EventBus, log: JobsLog) -> None:
        self._bus = bus
        self._log = log
        self._outbox: deque[tuple[JobRecord, bool]] = deque()
        # A subscriber that is told may ask the runner for something, which announces in turn.
        self._sending = threading.RLock()

    def post(self, record: JobRecord, *, save: bool) -> None:
        """Queue a record; ``save`` writes it to the log too."""
        self._outbox.append((record, save))

    def send(self) -> None:
        """Write and publish what was posted; returns when all of it is told."""
        with self._sending:
            while self._outbox:
                record, save = self._outbox.popleft()
                if save:
                    self._save(record)
                self._bus.publish(JobChanged(job=record))

    def _save(self, record: JobRecord) -> None:
        try:
            self._log.save(record)
        except GardenError as error:
            # A full disk must not end the work that may be about to make room.
            _log.warning("the job log could not be written: %s", error)
