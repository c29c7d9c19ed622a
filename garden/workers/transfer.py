"""Child that fetches files from the Hub. It may be killed at any time: what it received is kept, and verified later."""

from __future__ import annotations

import os
import threading
import time

from garden.core.errors import GardenError
from garden.core.messages import HubAskedToWait, Progress, SteerTransfer, Transfer, TransferInput, Transferred
from garden.hub.steering import Steering
from garden.hub.transfer import RepositoryTransfer
from garden.process.worker_channel import WorkerChannel, serve_one

#: Progress messages per second at most.
_REPORTS_PER_SECOND = 10.0

#: A silence of this length is told.
_STALL_SECONDS = 3.0

#: A cancel that finds the transfer inside a system call (a stalled read, a name look-up) ends the process this late.
_CANCEL_GRACE_SECONDS = 0.05


class ProgressReporter:
    """Tells how far the transfer is: at most ten times a second while bytes come, and that none come when none do.

    Args:
        channel: Where it goes.
    """

    def __init__(self, channel: WorkerChannel[TransferInput]) -> None:
        self._channel = channel
        self._lock = threading.Lock()
        self._latest = Progress(done=0)
        self._sent: Progress | None = None
        self._sent_at = 0.0
        self._changed_at = time.monotonic()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="transfer-progress", daemon=True)
        self._thread.start()

    def tell(self, done: int, total: int | None, note: str) -> None:
        """Take in how far it is."""
        now = time.monotonic()
        with self._lock:
            same_note = note == self._latest.note
            self._latest = Progress(done=done, total=total, note=note)
            self._changed_at = now
            if same_note and now - self._sent_at < 1 / _REPORTS_PER_SECOND:
                return
            self._send(self._latest, now)

    def close(self) -> None:
        """Tell the last figure and end."""
        self._ended.set()
        self._thread.join()
        with self._lock:
            self._send(self._latest, time.monotonic())

    def _watch(self) -> None:
        while not self._ended.wait(0.25):
            now = time.monotonic()
            with self._lock:
                silence = now - self._changed_at
                if silence >= _STALL_SECONDS and not self._latest.note:
                    note = f"No data for {int(silence)} s"
                    self._send(Progress(done=self._latest.done, total=self._latest.total, note=note), now)
                else:
                    self._send(self._latest, now)

    def _send(self, progress: Progress, now: float) -> None:
        if progress != self._sent:
            self._sent, self._sent_at = progress, now
            self._channel.emit(progress)


def transfer(request: TransferInput, channel: WorkerChannel[TransferInput]) -> Transferred:
    """Fetch what was asked for."""
    if not isinstance(request, Transfer):
        raise GardenError("The transfer was asked for something else.")
    threading.Thread(target=_end_when_cancelled, args=(channel,), name="transfer-cancel", daemon=True).start()
    steering = Steering(
        channel.cancelled,
        request.bytes_per_second,
        request.hold_off_seconds,
        on_pause=lambda seconds: channel.emit(HubAskedToWait(seconds=seconds)),
    )
    threading.Thread(target=_follow, args=(channel, steering), name="transfer-steering", daemon=True).start()
    reporter = ProgressReporter(channel)
    try:
        return RepositoryTransfer(
            request,
            reporter.tell,
            channel.cancelled,
            steering=steering,
            on_planned=channel.emit,
            on_fetched=channel.emit,
        ).run()
    finally:
        reporter.close()


def _follow(channel: WorkerChannel[TransferInput], steering: Steering) -> None:
    """Do as the parent says while the transfer is under way."""
    while (message := channel.receive()) is not None:
        if isinstance(message, SteerTransfer):
            steering.set_pace(message.bytes_per_second)
            steering.hold_off(message.hold_off_seconds)


def _end_when_cancelled(channel: WorkerChannel[TransferInput]) -> None:
    channel.cancelled.wait()
    time.sleep(_CANCEL_GRACE_SECONDS)
    # Every byte that was received is in the part already, and the system frees the lock.
    os._exit(0)


def main() -> int:
    """Serve one transfer."""
    return serve_one(TransferInput, transfer)
