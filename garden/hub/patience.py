"""How long a transfer goes on trying: a night without network is survived, a wrong address is told at once."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from garden.core.errors import (
    CancelledByUser,
    GardenError,
    GatedError,
    HubError,
    RateLimitedError,
    UnauthorizedError,
)


class WrongAnswerError(HubError):
    """The Hub answered, but not what was asked for; tried again a few times only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Waiting times between attempts.

    Attributes:
        first_seconds: Wait after the first failure in a row; doubles with each.
        longest_seconds: It doubles up to this.
        attempts_before_first_byte: So often a transfer that never received anything is tried.
        attempts_on_wrong_answers: So often in a row it may answer something else than was asked for.
        seconds_without_byte: After so long without a byte even a transfer that was under way ends.
    """

    first_seconds: float = 0.25
    longest_seconds: float = 30.0
    attempts_before_first_byte: int = 5
    attempts_on_wrong_answers: int = 5
    seconds_without_byte: float = 6 * 3600.0


class Attempts:
    """The attempts of one transfer.

    Args:
        patience: Waiting times.
        cancelled: Ends every wait.
    """

    def __init__(self, patience: Patience, cancelled: threading.Event) -> None:
        self._patience = patience
        self._cancelled = cancelled
        self._failures = 0
        self._received = False
        self._last_byte_at = time.monotonic()

    def progressed(self) -> None:
        """Bytes came: the next failure is a first one again."""
        self._failures = 0
        self._received = True
        self._last_byte_at = time.monotonic()

    def check(self) -> None:
        """Stop here when the user cancelled.

        Raises:
            CancelledByUser: ``cancelled`` was set.
        """
        if self._cancelled.is_set():
            raise CancelledByUser

    def delay_after(self, error: GardenError) -> float:
        """Seconds to wait before the next attempt.

        Raises:
            GardenError: ``error`` itself, when trying again would not help or went on for too long.
        """
        self.check()
        patience = self._patience
        if not is_passing(error) or time.monotonic() - self._last_byte_at > patience.seconds_without_byte:
            raise error
        self._failures += 1
        if isinstance(error, RateLimitedError):
            return self._backoff() if error.retry_after_seconds is None else error.retry_after_seconds + 0.2
        if isinstance(error, WrongAnswerError) and self._failures >= patience.attempts_on_wrong_answers:
            raise HubError(error.sentence, error.action, error.detail)
        if not self._received and self._failures >= patience.attempts_before_first_byte:
            raise error
        return self._backoff()

    def wait(self, seconds: float) -> None:
        """Wait, unless the user cancels.

        Raises:
            CancelledByUser: ``cancelled`` was set.
        """
        if self._cancelled.wait(seconds):
            raise CancelledByUser

    def _backoff(self) -> float:
        return min(self._patience.first_seconds * 2.0 ** min(self._failures - 1, 20), self._patience.longest_seconds)


def is_passing(error: GardenError) -> bool:
    """Whether the same request may succeed later without the user doing anything."""
    return isinstance(error, HubError) and not isinstance(error, UnauthorizedError | GatedError)
