"""The transfer worker as a real child against a real server: kills, cancels, two at once, what it says meanwhile."""

from __future__ import annotations

import hashlib
import os
import queue
import random
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from garden.core.errors import (
    CancelledByUser,
    DiskFullError,
    IntegrityError,
    NotFoundError,
    RefusedError,
    WorkerDiedError,
)
from garden.core.messages import Message, Progress, Transfer, TransferOutput, TransferPlanned, Transferred
from garden.hub.blob_store import BlobStore
from garden.hub.hub_library import cached_path
from garden.process.child import Child, worker_environment
from garden.process.task import run_task
from tests.hubserver import Fault, HubServer, repository

_DATA = random.Random(11).randbytes(6_000_000)
_SHA256 = hashlib.sha256(_DATA).hexdigest()
_MODEL = repository("o/r", **{"m-Q4_K_M.gguf": _DATA, "README.md": b"# Card"})
_TOKEN = "hf_canary0123456789"


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with HubServer([_MODEL], accounts={_TOKEN: "ada"}) as server:
        yield server


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "hub"


def _request(hub: HubServer, cache: Path, *, token: str | None = None, stall_seconds: float = 20.0) -> Transfer:
    return Transfer(
        endpoint=hub.endpoint,
        repo_id="o/r",
        revision=_MODEL.commit,
        filenames=("m-Q4_K_M.gguf",),
        cache_dir=str(cache),
        token=token,
        stall_seconds=stall_seconds,
    )


def _run(request: Transfer, progress: list[Progress] | None = None) -> Transferred:
    told: list[Progress] = [] if progress is None else progress
    return run_task("transfer", request, TransferOutput, Transferred, on_progress=told.append)


class _Transfer:
    """A child under way, and what it said."""

    def __init__(self, request: Transfer) -> None:
        self.messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self.child: Child[Message] = Child("transfer", TransferOutput, on_message=self.messages.put)
        self.child.send(request)

    def _next_progress(self) -> Progress:
        while isinstance(message := self.messages.get(timeout=30), TransferPlanned):
            pass
        assert isinstance(message, Progress), message
        return message

    def until_received(self, size: int) -> Progress:
        while True:
            message = self._next_progress()
            if message.done >= size:
                return message

    def until_noted(self, text: str) -> Progress:
        while True:
            message = self._next_progress()
            if text in message.note:
                return message

    def end(self) -> Message:
        exit_ = self.child.wait(30)
        assert exit_ is not None
        last: Message = Progress(done=0)
        while not self.messages.empty():
            last = self.messages.get()
        return last


def _ranges(hub: HubServer) -> list[str | None]:
    return [request.range for request in hub.requests if request.origin == "cdn"]


def _part(cache: Path) -> Path:
    return BlobStore(cache, "o/r").part(_SHA256)


def test_a_file_arrives_verified_and_progress_is_told(hub: HubServer, cache: Path) -> None:
    progress: list[Progress] = []
    result = _run(_request(hub, cache), progress)
    assert Path(result.path).read_bytes() == _DATA
    assert (result.sha256, result.size_bytes) == (_SHA256, len(_DATA))
    assert cached_path("o/r", _MODEL.commit, "m-Q4_K_M.gguf", cache) == Path(result.path)
    assert (progress[-1].done, progress[-1].total) == (len(_DATA), len(_DATA))


def test_after_kill_9_it_goes_on_where_it_stopped(hub: HubServer, cache: Path) -> None:
    hub.fail(Fault("stall", after_bytes=2_500_000))
    running = _Transfer(_request(hub, cache))
    running.until_received(2_500_000)
    running.child.kill()
    assert running.child.wait(10)
    assert _part(cache).read_bytes() == _DATA[:2_500_000]
    assert cached_path("o/r", _MODEL.commit, "m-Q4_K_M.gguf", cache) is None
    assert Path(_run(_request(hub, cache)).path).read_bytes() == _DATA
    assert _ranges(hub) == [None, "bytes=2500000-"]


def test_many_kills_at_any_moment_cost_nothing(hub: HubServer, cache: Path) -> None:
    hub.fail(Fault("slow", bytes_per_second=8_000_000, times=99))
    dice = random.Random(3)
    for _ in range(8):
        running = _Transfer(_request(hub, cache))
        here = _part(cache).stat().st_size if _part(cache).exists() else 0
        if here > 4_000_000:
            break
        running.until_received(here + dice.randrange(1, 700_000))
        running.child.kill()
        assert running.child.wait(10)
        assert _DATA.startswith(_part(cache).read_bytes())
    running.child.kill()
    assert running.child.wait(10)
    hub.faults.clear()
    assert Path(_run(_request(hub, cache)).path).read_bytes() == _DATA
    starts = [int((text or "bytes=0-")[6:-1]) for text in _ranges(hub)]
    assert starts == sorted(starts) and starts[-1] > 1_000_000


@pytest.mark.parametrize("fault", [Fault("stall", after_bytes=1_000_000), Fault("slow", bytes_per_second=2_000_000)])
def test_a_cancel_is_quick_and_keeps_the_part(hub: HubServer, cache: Path, fault: Fault) -> None:
    hub.fail(fault)
    cancelled, started = threading.Event(), threading.Event()
    ended: list[float] = []

    def on_progress(progress: Progress) -> None:
        if progress.done >= 1_000_000:
            started.set()

    def cancel() -> None:
        started.wait(30)
        ended.append(time.monotonic())
        cancelled.set()

    watcher = threading.Thread(target=cancel)
    watcher.start()
    with pytest.raises(CancelledByUser):
        run_task(
            "transfer", _request(hub, cache), TransferOutput, Transferred, on_progress=on_progress, cancelled=cancelled
        )
    took = time.monotonic() - ended[0]
    watcher.join()
    assert took <= 2, f"{took:.3f} s"  # 0.10 to 0.18 s on a quiet machine
    size = _part(cache).stat().st_size
    assert size >= 1_000_000
    hub.faults.clear()
    _run(_request(hub, cache))
    assert _ranges(hub)[-1] == f"bytes={size}-"


def test_a_cancel_while_the_hub_does_not_answer(hub: HubServer, cache: Path) -> None:
    hub.fail(Fault("hang", "resolve"))
    running = _Transfer(_request(hub, cache))
    running.until_noted("Asking the Hub")
    started = time.monotonic()
    running.child.stop()
    assert running.child.wait(10)
    assert time.monotonic() - started < 2


def test_it_ends_when_its_parent_is_gone(hub: HubServer, cache: Path) -> None:
    hub.fail(Fault("stall", after_bytes=1_000_000))
    running = _Transfer(_request(hub, cache))
    running.until_received(1_000_000)
    running.child.close()
    exit_ = running.child.wait(10)
    assert exit_ is not None and exit_.code == 0


def test_two_processes_make_one_download(hub: HubServer, cache: Path) -> None:
    hub.fail(Fault("slow", bytes_per_second=2_000_000))
    first = _Transfer(_request(hub, cache))
    first.until_received(500_000)
    second = _Transfer(_request(hub, cache))
    second.until_noted("Another program is fetching this file")
    results = [first.end(), second.end()]
    assert all(isinstance(result, Transferred) and result.sha256 == _SHA256 for result in results)
    assert _ranges(hub) == [None]


def test_when_the_first_of_two_is_killed_the_second_goes_on(hub: HubServer, cache: Path) -> None:
    hub.fail(Fault("stall", after_bytes=1_500_000))
    first = _Transfer(_request(hub, cache))
    first.until_received(1_500_000)
    second = _Transfer(_request(hub, cache))
    second.until_noted("Another program is fetching this file")
    first.child.kill()
    result = second.end()
    assert isinstance(result, Transferred)
    assert Path(result.path).read_bytes() == _DATA
    assert _ranges(hub) == [None, "bytes=1500000-"]


def test_huggingface_hub_waits_for_it_and_takes_its_file(hub: HubServer, cache: Path) -> None:
    from garden.hub.hub_library import switch_off_extras

    switch_off_extras()
    from huggingface_hub import hf_hub_download

    hub.fail(Fault("slow", bytes_per_second=8_000_000))
    first = _Transfer(_request(hub, cache))
    first.until_received(500_000)
    path = hf_hub_download("o/r", "m-Q4_K_M.gguf", endpoint=hub.endpoint, token=False, cache_dir=cache)
    assert Path(path).read_bytes() == _DATA
    assert isinstance(first.end(), Transferred)
    assert _ranges(hub) == [None]


def test_a_stall_is_told_and_survived(hub: HubServer, cache: Path) -> None:
    hub.fail(Fault("stall", after_bytes=1_000_000))
    running = _Transfer(_request(hub, cache, stall_seconds=4.0))
    assert running.until_noted("No data for 3 s").done == 1_000_000
    running.until_noted("did not answer in time; trying again")
    assert isinstance(running.end(), Transferred)


def test_a_hub_that_goes_away_and_comes_back_is_waited_for(cache: Path) -> None:
    with HubServer([_MODEL]) as hub:
        hub.fail(Fault("stall", after_bytes=1_000_000))
        running = _Transfer(_request(hub, cache))
        running.until_received(1_000_000)
        port = int(hub.endpoint.rpartition(":")[2])
    running.until_noted("refuses connections; trying again")
    with HubServer([_MODEL], port=port) as hub:
        result = running.end()
        assert isinstance(result, Transferred)
        assert Path(result.path).read_bytes() == _DATA
        assert _ranges(hub) == ["bytes=1000000-"]


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="this system cannot stop a process")
def test_a_machine_that_slept_goes_on(hub: HubServer, cache: Path) -> None:
    hub.fail(Fault("stall", after_bytes=1_000_000))
    running = _Transfer(_request(hub, cache, stall_seconds=0.5))
    running.until_received(1_000_000)
    os.kill(running.child.pid, signal.SIGSTOP)
    hub.state.expire_signatures()
    time.sleep(1.0)  # longer than the silence after which a connection is given up: this is the sleep under test
    os.kill(running.child.pid, signal.SIGCONT)
    result = running.end()
    assert isinstance(result, Transferred)
    assert _ranges(hub) == [None, "bytes=1000000-"]


def test_faults_of_the_network_are_survived(hub: HubServer, cache: Path) -> None:
    for fault in (
        Fault("drop", after_bytes=700_000),
        Fault("reset", after_bytes=700_000),
        Fault("status", status=503),
        Fault("status", status=403),
        Fault("short", after_bytes=700_000),
        Fault("wrong_range"),
        Fault("status", "resolve", method="GET", skip=2, status=429, headers={"Retry-After": "1"}),
    ):
        hub.fail(fault)
    assert Path(_run(_request(hub, cache)).path).read_bytes() == _DATA
    assert hub.faults.pending == 0


@pytest.mark.parametrize(
    ("fault", "kind", "sentence"),
    [
        (Fault("corrupt", after_bytes=3_000_000), IntegrityError, "not what the Hub promised"),
        (Fault("status", "resolve", status=404, headers={"X-Error-Code": "EntryNotFound"}), NotFoundError, "no file"),
        (Fault("no_etag", "resolve", times=9), RefusedError, "cannot be verified"),
    ],
)
def test_failures_arrive_as_what_they_are(
    hub: HubServer, cache: Path, fault: Fault, kind: type[Exception], sentence: str
) -> None:
    hub.fail(fault)
    with pytest.raises(kind, match=sentence):
        _run(_request(hub, cache))
    assert not BlobStore(cache, "o/r").blob(_SHA256).exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_arrives_as_what_it_is(hub: HubServer, cache: Path) -> None:
    _part(cache).parent.mkdir(parents=True)
    _part(cache).symlink_to("/dev/full")
    with pytest.raises(DiskFullError, match="The disk is full"):
        _run(_request(hub, cache))


def test_the_token_is_nowhere_but_in_the_request(hub: HubServer, cache: Path) -> None:
    hub.fail(Fault("stall", after_bytes=1_000_000))
    running = _Transfer(_request(hub, cache, token=_TOKEN))
    running.until_received(1_000_000)
    process = psutil.Process(running.child.pid)
    assert _TOKEN not in " ".join(process.cmdline())
    assert _TOKEN not in " ".join(f"{key}={value}" for key, value in process.environ().items())
    running.child.kill()
    exit_ = running.child.wait(10)
    assert exit_ is not None and _TOKEN not in exit_.log
    assert {request.origin for request in hub.requests if "authorization" in request.headers} == {"hub"}
    assert all(_TOKEN.encode() not in path.read_bytes() for path in cache.rglob("*") if path.is_file())


def test_a_token_of_the_environment_is_not_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", _TOKEN)
    assert _TOKEN not in worker_environment().values()


def test_xet_and_telemetry_are_not_loaded(hub: HubServer, cache: Path) -> None:
    hub.fail(Fault("stall", after_bytes=1_000_000))
    running = _Transfer(_request(hub, cache))
    running.until_received(1_000_000)
    if Path(f"/proc/{running.child.pid}/maps").exists():
        assert "hf_xet" not in Path(f"/proc/{running.child.pid}/maps").read_text()
    running.child.kill()
    assert running.child.wait(10)
    assert {request.headers["user-agent"].partition("/")[0] for request in hub.requests} == {"garden"}


def test_memory_does_not_grow_with_the_file(hub: HubServer, cache: Path) -> None:
    hub.fail(Fault("stall", after_bytes=5_900_000))
    running = _Transfer(_request(hub, cache))
    running.until_received(5_900_000)
    resident = psutil.Process(running.child.pid).memory_info().rss
    running.child.kill()
    assert running.child.wait(10)
    assert resident < 150_000_000


def test_silence_from_the_kernel_is_a_death_with_a_sentence(hub: HubServer, cache: Path) -> None:
    hub.fail(Fault("stall", after_bytes=1_000_000))
    pids: list[int] = []

    def kill_it(progress: Progress) -> None:
        if progress.done >= 1_000_000 and not pids:
            pids.extend(child.pid for child in psutil.Process(os.getpid()).children())
            for pid in pids:
                psutil.Process(pid).kill()

    with pytest.raises(WorkerDiedError, match="signal 9"):
        run_task("transfer", _request(hub, cache), TransferOutput, Transferred, on_progress=kill_it)
