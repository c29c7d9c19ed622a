from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from garden.core.events import EventBus
from garden.core.job_record import JobKind, JobRecord, JobState
from garden.jobs.job_runner import JobRunner
from garden.process.process_identity import ProcessIdentity
from garden.store.jobs_log import StoredJobsLog
from garden.store.work_database import WorkDatabase

GONE = ProcessIdentity(pid=os.getpid(), started_at=1.0)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[WorkDatabase]:
    database = WorkDatabase(tmp_path / "work.sqlite")
    yield database
    database.close()


class _Together(WorkDatabase):
    """A database whose first write begins when all the others have read what they want to write."""

    def __init__(self, path: Path, ready: threading.Barrier) -> None:
        super().__init__(path)
        self._ready = ready

    @contextlib.contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        self._ready.wait(20)
        with super().write() as connection:
            yield connection


def job(identifier: str, state: JobState = JobState.RUNNING) -> JobRecord:
    return JobRecord(id=identifier, kind=JobKind.DOWNLOAD, title="a", state=state, resumable=True, created_at=1.0)


def test_records_come_back_as_they_were(database: WorkDatabase) -> None:
    log = StoredJobsLog(database)
    log.save(job("a", JobState.WAITING))
    log.save(job("a"))

    assert log.list() == (job("a"),)
    log.remove("a")
    assert log.list() == ()


def test_only_unended_jobs_of_dead_processes_are_adopted(database: WorkDatabase) -> None:
    StoredJobsLog(database).save(job("ours"))
    gone = StoredJobsLog(database, GONE)
    gone.save(job("left"))
    gone.save(job("ended", JobState.SUCCEEDED))

    assert [record.id for record in StoredJobsLog(database).adopt()] == ["left"]


def test_a_runner_takes_over_what_a_dead_process_left(database: WorkDatabase) -> None:
    StoredJobsLog(database, GONE).save(job("left"))

    runner = JobRunner(EventBus(), StoredJobsLog(database), {})

    assert [record.state for record in runner.jobs()] == [JobState.PAUSED]
    assert StoredJobsLog(database).adopt() == ()
    runner.close()


def test_of_many_processes_one_adopts_what_a_dead_one_left(database: WorkDatabase, tmp_path: Path) -> None:
    gone = StoredJobsLog(database, GONE)
    left = [job(f"left{number}") for number in range(20)]
    for record in left:
        gone.save(record)
    ready = threading.Barrier(8)
    adopted: list[str] = []

    def adopt(number: int) -> None:
        # A connection and an identity of its own each, as processes have them; they look before any of them takes.
        own = _Together(tmp_path / "work.sqlite", ready)
        log = StoredJobsLog(own, ProcessIdentity(pid=os.getpid(), started_at=10.0 + number))
        adopted.extend(record.id for record in log.adopt())
        own.close()

    threads = [threading.Thread(target=adopt, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(adopted) == sorted(record.id for record in left)
