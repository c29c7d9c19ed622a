"""One hierarchy of errors that a user can read: a sentence that says what happened, an action that helps."""

from __future__ import annotations


class GardenError(Exception):
    """Something went wrong that the user should hear of.

    Attributes:
        sentence: What happened, one plain sentence, ending with a full stop.
        action: What the user can do about it, one plain sentence; empty when nothing helps.
        detail: Technical text for the log and the "Details" view; never needed to understand the sentence.
    """

    def __init__(self, sentence: str, action: str = "", detail: str = "") -> None:
        super().__init__(f"{sentence} {action}".strip())
        self.sentence = sentence
        self.action = action
        self.detail = detail


class InvalidFileError(GardenError):
    """A file is damaged, incomplete, or not what its name says."""


class NotFoundError(GardenError):
    """A file, model or repository does not exist (or is not visible to this user)."""


class RevisionGoneError(NotFoundError):
    """The repository is there, the branch, tag or commit is not."""


class EngineError(GardenError):
    """The engine refused: a load, a decode or a quantization failed with a message of its own."""


class EngineMissingError(GardenError):
    """The engine (llama-cpp-python) is not installed, or cannot be loaded."""


class WorkerDiedError(GardenError):
    """A child process ended without an answer: crash, kill or out of memory."""


class EngineCrashedError(WorkerDiedError):
    """The engine itself ended its process: an assertion failed, or it crashed."""


class TimeLimitError(GardenError):
    """A child process took longer than it may, and was ended."""


class OutOfMemoryError(GardenError):
    """What was asked for does not fit in memory beside what is already loaded."""


class RefusedError(GardenError):
    """Garden will not do this without the user's consent, or at all; the action names the way."""


class AlreadyThereError(RefusedError):
    """A file has that name; it is replaced only when the user says so."""


class HubError(GardenError):
    """The Hub answered with an error that is nobody's fault here."""


class HubUnreachableError(HubError):
    """No connection to the Hub: no network, a time limit, a refused connection, or offline by choice."""


class NetworkAwayError(HubUnreachableError):
    """There is no way to the Hub at the moment; it may come back without the user doing anything."""


class OfflineError(HubUnreachableError):
    """No connection is opened, because the user works offline."""


#: What the user does about that.
WAY_ONLINE = "Go online in the settings first, or with `garden hub online`."


class HubTroubleError(HubError):
    """The Hub has trouble of its own at the moment (an error of 500 or above)."""


class UnauthorizedError(HubError):
    """The Hub wants a valid token."""


class TokenRefusedError(UnauthorizedError):
    """The Hub does not accept the token that was sent: it is wrong, expired or revoked."""


class GatedError(HubError):
    """The publisher asks for consent before files may be read.

    Attributes:
        with_token: Whether a token was sent, so that somebody is signed in who has not consented (yet).
    """

    def __init__(self, sentence: str, action: str = "", detail: str = "", *, with_token: bool = False) -> None:
        super().__init__(sentence, action, detail)
        self.with_token = with_token


class RateLimitedError(HubError):
    """The Hub asks for a pause.

    Attributes:
        retry_after_seconds: Seconds until the Hub answers again, None when it did not say.
    """

    def __init__(
        self, sentence: str, action: str = "", detail: str = "", retry_after_seconds: float | None = None
    ) -> None:
        super().__init__(sentence, action, detail)
        self.retry_after_seconds = retry_after_seconds


class IntegrityError(GardenError):
    """The bytes received differ from the hash that was promised."""


class ChangedUpstreamError(IntegrityError):
    """The Hub promises other bytes than it did when the transfer began."""


class DiskFullError(GardenError):
    """The disk is full, or will be before the work is done."""


class StateError(GardenError):
    """A file or a folder, the settings or a database could not be read or written."""


class CancelledByUser(GardenError):  # noqa: N818 - a cancel is an outcome, not a fault
    """The user cancelled; nothing is half-written."""

    def __init__(self) -> None:
        super().__init__("Cancelled.")


def may_pass(error: GardenError) -> bool:
    """Whether the same request may well succeed minutes or hours later, without the user doing anything."""
    return isinstance(error, NetworkAwayError | HubTroubleError | RateLimitedError)
