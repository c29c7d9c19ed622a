"""Files above the limit of plain transfers, through the real ``hf_xet`` in a real child, from a store on loopback."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import garden
from garden.core.errors import HubTroubleError, IntegrityError, RefusedError
from garden.core.messages import Cancel, Message, Progress, Transfer, TransferOutput, Transferred
from garden.hub.blob_store import BlobStore
from garden.process.child import Child
from garden.process.task import run_task
from tests.hubserver import Fault, HubServer, repository

pytest.importorskip("hf_xet")

_DATA = random.Random(50).randbytes(9_000_123)
_SHA256 = hashlib.sha256(_DATA).hexdigest()
_MODEL = repository("o/r", **{"m-Q8_0.gguf": _DATA, "small.gguf": _DATA[:100_000]})
_TOKEN = "hf_canary0123456789"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    with HubServer([_MODEL], accounts={_TOKEN: "ada"}) as server:
        server.state.xet = True
        yield server


def _request(hub: HubServer, tmp_path: Path, **changes: object) -> Transfer:
    values: dict[str, object] = {
        "endpoint": hub.endpoint,
        "repo_id": "o/r",
        "revision": _MODEL.commit,
        "filenames": ("m-Q8_0.gguf",),
        "cache_dir": str(tmp_path / "hub"),
        "stall_seconds": 2.0,
        "plain_limit_bytes": 1_000_000,
    }
    return Transfer(**(values | changes))  # type: ignore[arg-type]


def _run(request: Transfer, told: list[Progress] | None = None) -> Transferred:
    return run_task(
        "transfer", request, TransferOutput, Transferred, on_progress=(told if told is not None else []).append
    )


def _part(tmp_path: Path) -> Path:
    return BlobStore(tmp_path / "hub", "o/r").part(_SHA256)


def _from(hub: HubServer, text: str) -> list[str]:
    return [request.path for request in hub.requests if text in request.path]


def test_a_large_file_comes_out_of_the_store_and_is_verified(hub: HubServer, tmp_path: Path) -> None:
    told: list[Progress] = []
    result = _run(_request(hub, tmp_path, token=_TOKEN), told)
    assert Path(result.path).read_bytes() == _DATA
    assert (result.sha256, result.size_bytes) == (_SHA256, len(_DATA))
    assert (told[-1].done, told[-1].total) == (len(_DATA), len(_DATA))
    assert not _part(tmp_path).exists()
    assert not _from(hub, "X-Signature")
    assert len(_from(hub, "/v1/reconstructions/")) == 1
    # The Hub's token goes to the Hub alone; the store is shown its own key, and the place of the pieces nothing.
    assert {request.headers.get("authorization") for request in hub.requests if request.origin == "hub"} == {
        f"Bearer {_TOKEN}"
    }
    assert not [request for request in hub.requests if request.origin == "cdn" and _TOKEN in str(request.headers)]
    assert not [
        request for request in hub.requests if "/pieces/" in request.path and "authorization" in request.headers
    ]
    assert not [request for request in hub.requests if "telemetry" in request.path]
    assert not list((tmp_path / "home").rglob("*.log"))


def test_no_log_is_left_behind(hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(garden.__file__).parents[1]))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")

    _run(_request(hub, tmp_path))

    assert not list((tmp_path / "work").iterdir())
    assert not list((tmp_path / "home").rglob("*.log"))


def test_a_file_below_the_limit_comes_plainly(hub: HubServer, tmp_path: Path) -> None:
    result = _run(_request(hub, tmp_path, filenames=("small.gguf",)))
    assert Path(result.path).read_bytes() == _DATA[:100_000]
    assert not _from(hub, "xet-read-token")
    assert not _from(hub, "/v1/reconstructions/")


def test_after_kill_9_it_goes_on_where_it_stopped(hub: HubServer, tmp_path: Path) -> None:
    hub.fail(Fault("stall", path="/pieces/", skip=3, after_bytes=100_000))
    child: Child[Message] = Child("transfer", TransferOutput, on_message=lambda _message: None)
    child.send(_request(hub, tmp_path, stall_seconds=60.0))
    size = _grown(_part(tmp_path))
    child.kill()
    assert child.wait(10)
    assert _part(tmp_path).read_bytes() == _DATA[:size]
    before = len(hub.requests)
    assert Path(_run(_request(hub, tmp_path)).path).read_bytes() == _DATA
    asked = [request.range for request in hub.requests[before:] if "/v1/reconstructions/" in request.path]
    assert asked[0] == f"bytes={size}-{len(_DATA) - 1}"


def test_a_cancel_acts_at_once_and_keeps_the_part(hub: HubServer, tmp_path: Path) -> None:
    hub.fail(Fault("stall", path="/pieces/", skip=3, after_bytes=100_000))
    child: Child[Message] = Child("transfer", TransferOutput, on_message=lambda _message: None)
    child.send(_request(hub, tmp_path, stall_seconds=60.0))
    size = _grown(_part(tmp_path))
    began = time.monotonic()
    child.send(Cancel())
    assert child.wait(10)
    # 0.1 s in a quiet moment; the bound is for a loaded machine.
    assert time.monotonic() - began < 2
    assert _part(tmp_path).stat().st_size >= size


@pytest.mark.parametrize(
    "fault",
    [
        Fault("drop", path="/pieces/", skip=2, after_bytes=300_000),
        Fault("reset", path="/pieces/", skip=1, after_bytes=70_000),
        Fault("stall", path="/pieces/", skip=2, after_bytes=300_000),
        Fault("status", path="/pieces/", skip=1, times=2),
        Fault("status", path="/v1/reconstructions/", status=401),
        Fault("status", path="/v1/reconstructions/", status=429),
        Fault("garbage", path="/v1/reconstructions/"),
        Fault("status", "api", path="xet-read-token", status=503),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status}-{fault.path.strip('/')}",
)
def test_faults_of_the_store_are_survived(hub: HubServer, tmp_path: Path, fault: Fault) -> None:
    hub.fail(fault)
    assert Path(_run(_request(hub, tmp_path)).path).read_bytes() == _DATA
    assert hub.faults.pending == 0


def test_a_flipped_bit_is_caught(hub: HubServer, tmp_path: Path) -> None:
    hub.fail(Fault("corrupt", path="/pieces/", times=50, after_bytes=500_000))
    with pytest.raises(IntegrityError):
        _run(_request(hub, tmp_path))
    assert not _part(tmp_path).exists()
    assert not BlobStore(tmp_path / "hub", "o/r").blob(_SHA256).exists()


def test_a_store_that_is_away_is_told_in_the_end(hub: HubServer, tmp_path: Path) -> None:
    hub.state.cdn_url = "http://127.0.0.1:9"
    with pytest.raises(HubTroubleError, match="The store behind"):
        _run(_request(hub, tmp_path))
    assert not list((tmp_path / "hub").rglob("*.incomplete")) or _part(tmp_path).stat().st_size == 0


def test_a_key_that_ends_soon_is_asked_for_again(hub: HubServer, tmp_path: Path) -> None:
    hub.state.xet_seconds = 61
    hub.state.bytes_per_second = 3_000_000
    assert Path(_run(_request(hub, tmp_path)).path).read_bytes() == _DATA
    assert len(_from(hub, "xet-read-token")) > 1


def test_what_is_not_in_the_store_is_refused_before_the_first_byte(hub: HubServer, tmp_path: Path) -> None:
    hub.state.xet = False
    with pytest.raises(RefusedError, match="not in that store") as caught:
        _run(_request(hub, tmp_path, filenames=("small.gguf", "m-Q8_0.gguf")))
    assert "hf download o/r 'm-Q8_0.gguf'" in caught.value.action
    assert not list((tmp_path / "hub").rglob("*.incomplete"))


def _grown(part: Path) -> int:
    """Wait until some bytes are there and no more come."""
    size, deadline = 0, time.monotonic() + 20
    while time.monotonic() < deadline:
        time.sleep(0.3)
        now = part.stat().st_size if part.exists() else 0
        if now and now == size:
            return size
        size = now
    raise AssertionError("no bytes came")
