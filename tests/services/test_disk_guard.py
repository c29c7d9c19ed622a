"""Room for downloads: counted from what lies in the cache, whatever a record has heard of it so far."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from garden.core.errors import DiskFullError
from garden.core.events import EventBus
from garden.core.job_record import JobKind, JobRecord, JobState
from garden.core.paths import hub_cache_dir
from garden.hub.blob_store import BlobStore
from garden.jobs.job_context import JobContext
from garden.jobs.job_runner import JobRunner
from garden.services.disk_guard import DiskGuard, bytes_here
from garden.services.transfer_target import TransferTarget
from tests.jobs.memory_log import MemoryJobsLog

_TOTAL, _FREE = 3_000_000, 500_000
_COMMIT, _ETAGS = "a" * 40, ("b" * 64, "c" * 64)
_TARGET = TransferTarget(repo_id="o/m", revision=_COMMIT, filenames=("m-1.gguf", "m-2.gguf"), etags=_ETAGS)


def record(state: JobState, job_id: str = "left") -> JobRecord:
    return JobRecord(
        id=job_id, kind=JobKind.DOWNLOAD, title="m", state=state, total=_TOTAL, target=_TARGET.text(), resumable=True
    )


@pytest.fixture
def store(data_dirs: Path, monkeypatch: pytest.MonkeyPatch) -> BlobStore:
    real = shutil.disk_usage
    monkeypatch.setattr(shutil, "disk_usage", lambda path: real(path)._replace(free=_FREE + 128 * 2**20, total=2**40))
    store = BlobStore(hub_cache_dir(), "o/m")
    store.prepare()
    return store


def put(store: BlobStore, whole: int, part: int) -> None:
    """The first file whole and found by its name, of the second one a part."""
    store.blob(_ETAGS[0]).write_bytes(bytes(whole))
    store.link(_ETAGS[0], _COMMIT, "m-1.gguf")
    store.part(_ETAGS[1]).write_bytes(bytes(part))


@pytest.fixture
def jobs(data_dirs: Path) -> Iterator[JobRunner]:
    runner = JobRunner(EventBus(), MemoryJobsLog((record(JobState.PAUSED),)), {JobKind.DOWNLOAD: 2})
    yield runner
    runner.close()


def run(jobs: JobRunner, look: Callable[[], object]) -> object:
    """What a download that has just begun sees: its record has not heard of any byte."""

    def work(_job: JobContext) -> object:
        return look()

    handle = jobs.submit(JobKind.DOWNLOAD, "m", "", work, target=_TARGET.text(), total=_TOTAL, resumable=True)
    return handle.result(10)


@pytest.mark.parametrize("bare", ["0", "1"])
def test_check_running_asks_for_what_is_missing_only(
    store: BlobStore, jobs: JobRunner, monkeypatch: pytest.MonkeyPatch, bare: str
) -> None:
    monkeypatch.setenv("HF_HUB_DISABLE_SYMLINKS", bare)
    guard = DiskGuard(jobs)
    with pytest.raises(DiskFullError, match=r"What is being downloaded needs 2\.86 MiB"):
        run(jobs, guard.check_running)
    put(store, 2_000_000, 700_000)
    assert store.blob(_ETAGS[0]).exists() is (bare == "0")
    assert bytes_here(_TARGET) == 2_700_000
    run(jobs, guard.check_running)
    store.part(_ETAGS[1]).write_bytes(bytes(400_000))
    with pytest.raises(DiskFullError, match=r"needs 585\.9 KiB, but 488\.3 KiB can be used"):
        run(jobs, guard.check_running)


def test_has_room_counts_what_is_here_of_a_paused_download(store: BlobStore, jobs: JobRunner) -> None:
    guard = DiskGuard(jobs)
    (paused,) = jobs.jobs()
    assert (paused.state, paused.done) == (JobState.PAUSED, 0)
    assert not guard.has_room(paused)
    put(store, 2_000_000, 700_000)
    assert guard.has_room(paused)


def test_problem_of_adding_counts_what_is_here_of_those_that_run(store: BlobStore, jobs: JobRunner) -> None:
    put(store, 2_000_000, 700_000)
    guard = DiskGuard(jobs)
    problems = run(jobs, lambda: [guard.problem_of_adding(size) for size in (200_000, 200_001)])
    assert isinstance(problems, list)
    assert problems[0] is None
    assert isinstance(problems[1], DiskFullError)
    assert "with this, the queue needs" in problems[1].sentence.lower()


def test_a_file_whose_hash_is_not_known_counts_as_missing(store: BlobStore, jobs: JobRunner) -> None:
    put(store, 2_000_000, 700_000)
    unplanned = TransferTarget(repo_id="o/m", revision=_COMMIT, filenames=_TARGET.filenames)
    unsafe = TransferTarget(repo_id="o/m", revision=_COMMIT, filenames=("../m.gguf",), etags=("d" * 64,))
    assert (bytes_here(unplanned), bytes_here(unsafe)) == (0, 0)
