"""The offline switch and what is being fetched: it pauses at once, and goes on when the switch is turned back."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING

from garden.core.errors import GardenError
from garden.core.job_record import JobKind, JobState
from garden.jobs.job import Intent

if TYPE_CHECKING:
    from garden.jobs.job_runner import JobRunner
    from garden.services.settings import SettingsService

#: A transfer that was told to stop has ended well within this; only then can it go on.
_STOPS_WITHIN_SECONDS = 3.0
_LOOK_SECONDS = 0.05

_FETCHING = (JobKind.DOWNLOAD, JobKind.ENGINE)


class OfflinePause:
    """Follows the switch.

    Args:
        settings: The switch.
        jobs: What is being fetched.
    """

    def __init__(self, settings: SettingsService, jobs: JobRunner) -> None:
        self._settings = settings
        self._jobs = jobs
        self._offline = settings.offline
        settings.on_change(lambda _changed: self._follow())

    def _follow(self) -> None:
        before, self._offline = self._offline, self._settings.offline
        if self._offline and not before:
            self._stop_all()
        elif before and not self._offline:
            threading.Thread(target=self._go_on, name="back-online", daemon=True).start()

    def _stop_all(self) -> None:
        for record in self._jobs.own_jobs():
            if record.kind in _FETCHING and record.state in (JobState.RUNNING, JobState.WAITING):
                # One that has ended meanwhile needs nothing.
                with contextlib.suppress(GardenError):
                    if record.resumable:
                        self._jobs.pause(record.id, intent=Intent.OFFLINE)
                    else:
                        # Begun again it starts anew, which is for the user to say.
                        self._jobs.cancel(record.id)

    def _go_on(self) -> None:
        """Also what was told to stop a moment ago and has yet to end."""
        deadline = time.monotonic() + _STOPS_WITHIN_SECONDS
        while time.monotonic() < deadline and not self._settings.offline:
            for record in self._jobs.paused_offline():
                # Nor does one that the user was quicker to cancel or resume.
                with contextlib.suppress(GardenError):
                    self._jobs.resume(record.id)
            time.sleep(_LOOK_SECONDS)
