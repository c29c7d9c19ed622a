"""The offline switch acts at once: what is asked ends, what is fetched pauses and goes on when it is turned back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from garden.core.errors import HubUnreachableError
from garden.core.job_record import JobKind, JobRecord, JobState
from garden.hub.search_query import SearchQuery
from garden.jobs.job import PAUSED_BY_USER, PAUSED_OFFLINE
from garden.services.garden import Garden
from garden.services.target import HubTarget
from tests.hubserver import Fault, HubServer, repository_of

TARGET = HubTarget(repo_id="owner/tiny", quant_type="F16")


@pytest.fixture
def hub(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    with HubServer([repository_of("owner/tiny", tiny_model)]) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        # Some seconds for the whole.
        server.state.bytes_per_second = max(1, tiny_model.stat().st_size // 4)
        yield server


def _until(wanted: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not wanted():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _job(garden: Garden) -> JobRecord:
    (record,) = [record for record in garden.activity.jobs() if record.kind is JobKind.DOWNLOAD]
    return record


def test_a_download_pauses_at_once_and_goes_on_online(hub: HubServer, garden: Garden) -> None:
    handle = garden.library.download_target(TARGET)
    _until(lambda: _job(garden).done > 0)

    garden.settings.change(offline=True)

    _until(lambda: _job(garden).state is JobState.PAUSED, 1.5)
    assert _job(garden).note == PAUSED_OFFLINE
    asked = len(hub.requests)
    time.sleep(0.5)
    assert len(hub.requests) == asked
    assert not handle.done
    hub.state.bytes_per_second = 0
    garden.settings.change(offline=False)
    assert handle.result(20).ref.sha256
    # It went on from what was here.
    assert any(request.range and request.range != "bytes=0-" for request in hub.requests[asked:])


def test_turned_back_before_the_transfer_has_ended(hub: HubServer, garden: Garden) -> None:
    handle = garden.library.download_target(TARGET)
    _until(lambda: _job(garden).done > 0)
    hub.state.bytes_per_second = 0

    garden.settings.change(offline=True)
    garden.settings.change(offline=False)

    assert handle.result(20).ref.sha256


def test_what_the_user_paused_stays_so(hub: HubServer, garden: Garden) -> None:
    garden.library.download_target(TARGET)
    _until(lambda: _job(garden).done > 0)
    garden.activity.pause(_job(garden).id)
    _until(lambda: _job(garden).state is JobState.PAUSED)

    garden.settings.change(offline=True)
    garden.settings.change(offline=False)
    time.sleep(0.3)

    assert (_job(garden).state, _job(garden).note) == (JobState.PAUSED, PAUSED_BY_USER)


def test_a_search_under_way_ends(hub: HubServer, garden: Garden) -> None:
    hub.fail(Fault("hang", where="api", times=5))
    handle = garden.catalog.search(SearchQuery())
    _until(lambda: bool(hub.requests))
    begun = time.monotonic()

    garden.settings.change(offline=True)

    with pytest.raises(HubUnreachableError, match="working offline"):
        handle.result(10)
    assert time.monotonic() - begun < 1.0


def test_online_again_it_searches_again(hub: HubServer, garden: Garden) -> None:
    garden.catalog.search(SearchQuery()).result(10)
    garden.settings.change(offline=True)
    assert garden.catalog.search(SearchQuery()).result(10).from_index
    garden.settings.change(offline=False)
    assert not garden.catalog.search(SearchQuery()).result(10).from_index
