from __future__ import annotations

import dataclasses
import random
import threading
import time

import pytest

from garden.core.errors import CancelledByUser, HubError, HubUnreachableError
from garden.hub.client import HubClient
from garden.hub.remote_source import FIRST_WINDOW_BYTES, LARGEST_WINDOW_BYTES, RemoteSource
from tests.hubserver import Fault, HubServer, repository

_DATA = random.Random(1).randbytes(9_000_000)
_MODEL = repository("o/r", **{"m.gguf": _DATA})

_PLACES = (
    (0, FIRST_WINDOW_BYTES),
    (5_000_000, 5_004_096),
    (FIRST_WINDOW_BYTES, 5 * FIRST_WINDOW_BYTES),
)


def _source(client: HubClient, size: int = len(_DATA)) -> RemoteSource:
    return client.source("o/r", _MODEL.commit, "m.gguf", size)


def test_nothing_is_asked_before_the_first_read() -> None:
    with HubServer([_MODEL]) as hub, HubClient(hub.endpoint, None) as client:
        assert _source(client).size_bytes == len(_DATA)
        assert hub.requests == []


def test_a_long_header_takes_few_requests() -> None:
    with HubServer([_MODEL]) as hub, HubClient(hub.endpoint, None) as client:
        source = _source(client)
        read = b"".join(source.read(offset, 1000) for offset in range(0, 8_000_000, 1000))
        assert read == _DATA[:8_000_000]
        windows = [request for request in hub.requests if request.origin == "cdn"]
        assert windows[0].range == f"bytes=0-{FIRST_WINDOW_BYTES - 1}"
        assert len(windows) <= 6


def test_any_place_in_any_order() -> None:
    with HubServer([_MODEL]) as hub, HubClient(hub.endpoint, None) as client:
        source, dice = _source(client), random.Random(2)
        for _ in range(60):
            offset, length = dice.randrange(len(_DATA)), dice.choice([0, 1, 100, 70_000])
            assert source.read(offset, length) == _DATA[offset : offset + length]


def test_the_end_is_short_and_beyond_it_is_nothing() -> None:
    with HubServer([_MODEL]) as hub, HubClient(hub.endpoint, None) as client:
        source = _source(client)
        assert source.read(len(_DATA) - 5, 100) == _DATA[-5:]
        assert source.read(len(_DATA), 1) == b""
        assert len(hub.requests) == 2


def test_of_a_place_apart_comes_what_was_asked_for() -> None:
    with HubServer([_MODEL]) as hub, HubClient(hub.endpoint, None) as client:
        source = _source(client)
        source.read(0, 100)
        assert source.read(5_000_000, 4_096) == _DATA[5_000_000:5_004_096]
        source.read(FIRST_WINDOW_BYTES, 100)
        ranges = [request.range for request in hub.requests if request.origin == "cdn"]
        first, apart, on = (f"bytes={a}-{b - 1}" for a, b in _PLACES)
        assert ranges == [first, apart, on]


def test_the_first_window_can_be_small() -> None:
    with HubServer([_MODEL]) as hub, HubClient(hub.endpoint, None) as client:
        client.source("o/r", _MODEL.commit, "m.gguf", len(_DATA), first_window_bytes=8_192).read(0, 100)
        assert hub.requests[-1].range == "bytes=0-8191"


def test_more_than_a_window_at_once() -> None:
    with HubServer([_MODEL]) as hub, HubClient(hub.endpoint, None) as client:
        assert _source(client).read(10, LARGEST_WINDOW_BYTES + 50) == _DATA[10 : LARGEST_WINDOW_BYTES + 60]


def test_an_expired_address_is_asked_for_again() -> None:
    with HubServer([_MODEL]) as hub, HubClient(hub.endpoint, None) as client:
        source = _source(client)
        source.read(0, 10)
        hub.state.expire_signatures()
        assert source.read(5_000_000, 10) == _DATA[5_000_000:5_000_010]
        assert [request.origin for request in hub.requests] == ["hub", "cdn", "cdn", "hub", "cdn"]


def test_a_server_without_ranges_shows_the_beginning_only() -> None:
    with HubServer([_MODEL]) as hub, HubClient(hub.endpoint, None) as client:
        hub.fail(Fault("ignore_range", times=9))
        source = _source(client)
        assert source.read(0, 1000) == _DATA[:1000]
        with pytest.raises(HubError, match="cannot send parts"):
            source.read(5_000_000, 10)


def test_another_part_than_asked_for_is_refused() -> None:
    with HubServer([_MODEL]) as hub, HubClient(hub.endpoint, None) as client:
        hub.fail(Fault("wrong_range", times=9))
        with pytest.raises(HubError, match="another part"):
            _source(client).read(0, 10)


def test_another_size_than_listed_is_refused() -> None:
    with HubServer([_MODEL]) as hub, HubClient(hub.endpoint, None) as client:
        source = _source(client, len(_DATA) - 1)
        with pytest.raises(HubError, match="another part"):
            source.read(0, 10)


@pytest.mark.parametrize(
    "fault",
    [
        Fault("hang", where="resolve"),
        Fault("hang", where="cdn"),
        Fault("stall", where="cdn", after_bytes=10_000),
        Fault("slow", where="cdn", bytes_per_second=2_000),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.where}",
)
@pytest.mark.parametrize("read_before", [False, True], ids=["new-connection", "kept-connection"])
def test_a_read_ends_at_its_cancel(fault: Fault, read_before: bool) -> None:
    cancelled = threading.Event()
    with HubServer([_MODEL]) as hub, HubClient(hub.endpoint, None) as client:
        if read_before:
            assert (
                client.source("o/r", _MODEL.commit, "m.gguf", len(_DATA), threading.Event()).read(0, 10) == _DATA[:10]
            )
        fault = dataclasses.replace(fault, times=5)
        hub.fail(fault)
        source = client.source("o/r", _MODEL.commit, "m.gguf", len(_DATA), cancelled)
        asked = len(hub.requests)
        ended: list[float] = []

        def read() -> None:
            with pytest.raises(CancelledByUser):
                source.read(0, 10)
            ended.append(time.monotonic())

        reader = threading.Thread(target=read)
        reader.start()
        deadline = time.monotonic() + 10
        while len(hub.requests) < asked + (1 if fault.where == "resolve" else 2):
            assert time.monotonic() < deadline
            threading.Event().wait(0.005)
        before = time.monotonic()
        cancelled.set()
        reader.join(10)

        assert ended
        assert ended[0] - before < 1
        hub.faults.clear()
        # Who comes after it gets lines that work.
        for _ in range(2):
            after = client.source("o/r", _MODEL.commit, "m.gguf", len(_DATA), threading.Event())
            assert after.read(0, 10) == _DATA[:10]


def test_what_was_cancelled_before_is_not_asked_for() -> None:
    cancelled = threading.Event()
    cancelled.set()
    with HubServer([_MODEL]) as hub, HubClient(hub.endpoint, None) as client:
        with pytest.raises(CancelledByUser):
            client.source("o/r", _MODEL.commit, "m.gguf", len(_DATA), cancelled).read(0, 10)
        assert hub.requests == []


def test_a_connection_that_breaks_off_is_an_error_not_a_short_read() -> None:
    with HubServer([_MODEL]) as hub, HubClient(hub.endpoint, None) as client:
        hub.fail(Fault("drop", after_bytes=1000, times=9))
        with pytest.raises(HubUnreachableError, match="broke off"):
            _source(client).read(0, 2000)
