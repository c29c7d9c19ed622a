from __future__ import annotations

import threading

import pytest

from garden.core.errors import (
    CancelledByUser,
    DiskFullError,
    GardenError,
    GatedError,
    HubError,
    HubUnreachableError,
    IntegrityError,
    NotFoundError,
    RateLimitedError,
    UnauthorizedError,
)
from garden.hub.patience import Attempts, Patience, WrongAnswerError, is_passing

_LOST = HubUnreachableError("The connection broke off.")


def _attempts(patience: Patience | None = None) -> Attempts:
    return Attempts(patience or Patience(), threading.Event())


def test_waits_double_up_to_the_longest() -> None:
    attempts = _attempts(Patience(first_seconds=1.0, longest_seconds=8.0))
    attempts.progressed()
    assert [attempts.delay_after(_LOST) for _ in range(6)] == [1.0, 2.0, 4.0, 8.0, 8.0, 8.0]
    attempts.progressed()
    assert attempts.delay_after(_LOST) == 1.0


def test_a_night_without_network_is_survived_once_bytes_came() -> None:
    attempts = _attempts()
    attempts.progressed()
    waited = sum(attempts.delay_after(_LOST) for _ in range(700))
    assert waited > 5 * 3600


def test_what_never_began_is_told_within_seconds() -> None:
    attempts, waited = _attempts(), 0.0
    with pytest.raises(HubUnreachableError):
        while True:
            waited += attempts.delay_after(_LOST)
    assert 2.0 < waited < 10.0


def test_wrong_answers_end_as_an_error_that_the_parent_knows() -> None:
    attempts = _attempts()
    attempts.progressed()
    with pytest.raises(HubError) as caught:
        while True:
            attempts.delay_after(WrongAnswerError("Another part came.", "Try again."))
    assert type(caught.value) is HubError
    assert (caught.value.sentence, caught.value.action) == ("Another part came.", "Try again.")


def test_without_a_byte_for_too_long_it_ends() -> None:
    attempts = _attempts(Patience(seconds_without_byte=-1.0))
    attempts.progressed()
    with pytest.raises(HubUnreachableError):
        attempts.delay_after(_LOST)


def test_a_pause_is_as_long_as_the_hub_says() -> None:
    attempts = _attempts()
    assert attempts.delay_after(RateLimitedError("Pause.", retry_after_seconds=42.0)) == pytest.approx(42.2)
    assert attempts.delay_after(RateLimitedError("Pause.")) < 1.0


@pytest.mark.parametrize(
    ("error", "passing"),
    [
        (HubError("Trouble."), True),
        (_LOST, True),
        (RateLimitedError("Pause."), True),
        (GatedError("Consent."), False),
        (UnauthorizedError("Token."), False),
        (NotFoundError("Gone."), False),
        (IntegrityError("Wrong."), False),
        (DiskFullError("Full."), False),
    ],
)
def test_what_may_pass_by_itself(error: GardenError, passing: bool) -> None:
    assert is_passing(error) is passing


def test_a_cancel_ends_waits() -> None:
    cancelled = threading.Event()
    cancelled.set()
    attempts = Attempts(Patience(), cancelled)
    with pytest.raises(CancelledByUser):
        attempts.wait(60)
    with pytest.raises(CancelledByUser):
        attempts.delay_after(_LOST)
