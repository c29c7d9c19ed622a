from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from garden.core.errors import (
    GardenError,
    GatedError,
    HubError,
    HubUnreachableError,
    NotFoundError,
    RateLimitedError,
    RefusedError,
    UnauthorizedError,
)
from garden.hub.client import HubClient
from garden.hub.connection import HubConnection
from garden.hub.search_query import SearchQuery
from tests.hubserver import Fault, HubServer, ServedRepository, repository

_MODEL = repository("o/r", **{"m-Q4_K_M.gguf": b"G" * 300_000, "README.md": b"# Card"})
_GATED = ServedRepository("o/gated", files=_MODEL.files, gated=True)
_PRIVATE = ServedRepository("o/private", files=_MODEL.files, private=True)


@pytest.fixture
def hub() -> Iterator[HubServer]:
    accounts = {"hf_ada1234": "ada", "hf_bob1234": "bob"}
    with HubServer([_MODEL, _GATED, _PRIVATE], accounts=accounts, consented={"hf_ada1234"}) as server:
        yield server


def _read(hub: HubServer, token: str | None = None, repo_id: str = "o/r", timeout: float = 5.0) -> bytes:
    with HubClient(hub.endpoint, token, timeout_seconds=timeout) as client:
        revision = hub.state.repositories[repo_id].commit
        return client.source(repo_id, revision, "m-Q4_K_M.gguf", 300_000).read(0, 100)


def test_the_token_goes_to_the_hub_and_never_to_the_cdn(hub: HubServer) -> None:
    _read(hub, "hf_ada1234")
    sent = [(request.origin, request.headers.get("authorization")) for request in hub.requests]
    assert sent == [("hub", "Bearer hf_ada1234"), ("cdn", None)]


def test_no_token_leaves_for_plain_http() -> None:
    assert not HubConnection("http://hub.example", "hf_x1234", offline=False, timeout_seconds=1).sends_token
    with pytest.raises(UnauthorizedError, match="No token is sent"):
        HubClient("http://hub.example", "hf_x1234").whoami()


def test_the_account_of_a_token(hub: HubServer) -> None:
    with HubClient(hub.endpoint, "hf_ada1234") as client:
        assert client.whoami().name == "ada"


def test_a_token_that_is_not_accepted(hub: HubServer) -> None:
    with pytest.raises(UnauthorizedError, match="does not accept the token") as caught:
        _read(hub, "hf_wrong1234")
    assert "Settings" in caught.value.action


def test_gated_without_a_token_and_without_consent(hub: HubServer) -> None:
    with pytest.raises(GatedError, match="consent") as anonymous:
        _read(hub, None, "o/gated")
    assert f"{hub.endpoint}/o/gated" in anonymous.value.action and "token" in anonymous.value.action
    with pytest.raises(GatedError, match="account of your token"):
        _read(hub, "hf_bob1234", "o/gated")
    assert _read(hub, "hf_ada1234", "o/gated") == b"G" * 100


@pytest.mark.parametrize("token", [None, "hf_bob1234"])
def test_what_is_missing(hub: HubServer, token: str | None) -> None:
    with HubClient(hub.endpoint, token) as client:
        with pytest.raises(NotFoundError, match="no repository o/none"):
            client.repository("o/none")
        with pytest.raises(NotFoundError, match="no revision 'v9'"):
            client.repository("o/r", "v9")
        with pytest.raises(NotFoundError, match=r"no file 'none\.md' in o/r"):
            client.read_text("o/r", _MODEL.commit, "none.md")


def test_a_private_repository_is_not_told_from_a_missing_one(hub: HubServer) -> None:
    with HubClient(hub.endpoint, None) as client, pytest.raises(NotFoundError, match="that you may see"):
        client.repository("o/private")


@pytest.mark.parametrize(
    ("headers", "seconds", "action"),
    [
        ({"Retry-After": "42"}, 42.0, "42 s"),
        ({"RateLimit": '"api";r=0;t=55', "Retry-After": "1"}, 55.0, "55 s"),
        ({"Retry-After": "999999"}, 3600.0, "1 h"),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, None, "few minutes"),
        ({}, None, "few minutes"),
    ],
)
def test_too_many_requests(hub: HubServer, headers: dict[str, str], seconds: float | None, action: str) -> None:
    hub.fail(Fault("status", "api", status=429, headers=headers))
    with HubClient(hub.endpoint, None) as client, pytest.raises(RateLimitedError) as caught:
        client.search(SearchQuery())
    assert caught.value.retry_after_seconds == seconds
    assert action in caught.value.action


def test_during_a_pause_nothing_is_asked(hub: HubServer) -> None:
    hub.fail(Fault("status", "api", status=429, headers={"Retry-After": "60"}))
    with HubClient(hub.endpoint, None) as client:
        for _ in range(3):
            with pytest.raises(RateLimitedError):
                client.search(SearchQuery())
    assert len(hub.requests) == 1


@pytest.mark.parametrize(
    ("status", "kind", "sentence"),
    [
        (500, HubError, "has trouble at the moment"),
        (503, HubError, "error 503"),
        (403, UnauthorizedError, "refuses access"),
        (407, HubUnreachableError, "proxy wants"),
        (408, HubUnreachableError, "too long"),
        (400, HubError, "did not accept"),
        (451, HubError, "did not accept"),
    ],
)
def test_other_refusals(hub: HubServer, status: int, kind: type[GardenError], sentence: str) -> None:
    hub.fail(Fault("status", "api", status=status))
    with HubClient(hub.endpoint, None) as client, pytest.raises(kind, match=sentence):
        client.repository("o/r")


def test_silence_ends_at_the_time_limit(hub: HubServer) -> None:
    hub.fail(Fault("hang", "api"))
    started = time.monotonic()
    with HubClient(hub.endpoint, None, timeout_seconds=0.3) as client, pytest.raises(HubUnreachableError, match="time"):
        client.search(SearchQuery())
    assert time.monotonic() - started < 5


def test_a_trickle_ends_at_the_time_limit_too(hub: HubServer) -> None:
    hub.fail(Fault("slow", "cdn", bytes_per_second=2_000))
    started = time.monotonic()
    with pytest.raises(HubUnreachableError, match="did not finish"):
        _read(hub, timeout=0.4)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("kind", ["drop", "reset"])
def test_a_kept_connection_that_was_closed_is_replaced(hub: HubServer, kind: str) -> None:
    hub.fail(Fault(kind, "api"))  # type: ignore[arg-type]  # pytest gives plain strings
    with HubClient(hub.endpoint, None) as client:
        assert client.search(SearchQuery()).items


def test_nobody_listens() -> None:
    with HubServer() as hub:
        endpoint = hub.endpoint
    with pytest.raises(HubUnreachableError, match="refuses connections"):
        HubClient(endpoint, None).search(SearchQuery())


def test_offline_asks_nothing(hub: HubServer) -> None:
    with pytest.raises(HubUnreachableError, match="offline") as caught:
        HubClient(hub.endpoint, None, offline=True).repository("o/r")
    assert "Go online in the settings" in caught.value.action
    assert hub.requests == []


def test_an_address_that_is_none_is_told_by_the_first_call() -> None:
    client = HubClient("huggingface", None)
    with pytest.raises(RefusedError, match="not a web address"):
        client.search(SearchQuery())


def test_a_sign_in_page_in_its_place(hub: HubServer) -> None:
    hub.fail(Fault("garbage", "api"))
    with HubClient(hub.endpoint, None) as client, pytest.raises(HubError, match="does not answer as a Hub"):
        client.search(SearchQuery())


def test_an_endless_answer_is_refused(hub: HubServer) -> None:
    connection = HubConnection(hub.endpoint, None, offline=False, timeout_seconds=5)
    with pytest.raises(HubError, match="more than it should"):
        connection.get("/api/models", connection.subject(), limit_bytes=10)
    connection.close()


def test_a_dead_proxy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with HubServer() as gone:
        proxy = gone.endpoint
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises(HubUnreachableError):
        HubClient("https://hub.example", None, timeout_seconds=3).search(SearchQuery())


def test_a_local_hub_needs_no_proxy(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    with HubClient(hub.endpoint, None) as client:
        assert client.search(SearchQuery()).items


def test_errors_carry_no_secret(hub: HubServer) -> None:
    hub.fail(Fault("status", "cdn", status=503, times=9))
    with pytest.raises(HubError) as caught:
        _read(hub, "hf_ada1234")
    told = f"{caught.value} {caught.value.detail}"
    assert "hf_ada1234" not in told and "X-Signature" not in told


def test_requests_say_who_asks_and_nothing_else(hub: HubServer) -> None:
    _read(hub)
    agents = {request.headers["user-agent"].partition("/")[0] for request in hub.requests}
    assert agents == {"garden"}
