from __future__ import annotations

import time

import pytest

from garden.core.fit_forecast import Placement, Verdict
from garden.gui.viewmodels.wording import age, license_name, short_hash, task_name, verdict_word
from tests.gui.service_doubles import forecast

NOON = time.mktime((2026, 11, 24, 12, 0, 0, 0, 0, -1))


@pytest.mark.parametrize(
    ("seconds_ago", "words"),
    [(5, "just now"), (120, "2 min ago"), (7_300, "2 h ago"), (86_400, "yesterday"), (20 * 86_400, "4 Nov")],
)
def test_ages_are_told_as_people_tell_them(seconds_ago: int, words: str) -> None:
    assert age(NOON - seconds_ago, NOON) == words


def test_what_never_happened_is_never() -> None:
    assert age(None) == "never"


def test_another_year_is_named() -> None:
    assert age(NOON - 400 * 86_400, NOON) == "20 Oct 2025"


def test_a_verdict_that_fits_says_where_it_runs() -> None:
    assert verdict_word(forecast(Verdict.FITS, Placement.GPU)) == "Runs on GPU"
    assert verdict_word(forecast(Verdict.FITS, Placement.CPU)) == "Runs on CPU"
    assert verdict_word(forecast(Verdict.TOO_LARGE, Placement.NONE)) == "Too large"


def test_every_verdict_has_a_word() -> None:
    assert all(verdict_word(forecast(verdict, placement)) for verdict in Verdict for placement in Placement)


def test_licences_and_tasks_are_spelled_as_people_know_them() -> None:
    assert (license_name("apache-2.0"), license_name("some-own")) == ("Apache-2.0", "some-own")
    assert (task_name("text-generation"), task_name("table-to-text")) == ("Text generation", "Table to text")


def test_a_hash_is_shortened_to_what_an_eye_compares() -> None:
    assert short_hash("9f1c42ab07d3" + "0" * 48 + "6e5b") == "9f1c 42ab 07d3 … 6e5b"
