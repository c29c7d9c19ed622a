from __future__ import annotations

import pytest

from garden.cli.targets import about
from garden.core.errors import CancelledByUser, GardenError, RefusedError


def test_an_error_is_told_with_the_name_of_what_it_is_about() -> None:
    with pytest.raises(RefusedError) as told, about("Tiny"):
        raise RefusedError("It is damaged.", "Fetch it again.")

    assert (told.value.sentence, told.value.action) == ("Tiny: It is damaged.", "Fetch it again.")
    assert str(told.value) == "Tiny: It is damaged. Fetch it again."


def test_a_name_is_not_said_twice() -> None:
    with pytest.raises(GardenError) as told, about("Tiny"):
        raise GardenError("Tiny is loaded.")

    assert told.value.sentence == "Tiny is loaded."


def test_a_cancel_stays_one() -> None:
    with pytest.raises(CancelledByUser) as told, about("Tiny"):
        raise CancelledByUser

    assert "Tiny" not in str(told.value)
