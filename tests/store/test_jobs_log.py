from __future__ import annotations

import os
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


def job(identifier: str, state: JobState = JobState.RUNNING) -> JobRecord:
    return JobRecord(id=identifier, kind=JobKind.DOWNLOAD, title="a", state=state, resumable=True, created_at=1.0)


def test_records_come_back_as_they_were(database: WorkDatabase) -> None:
    log = StoredJobsLog(database)
    log.save(job("a", JobState.WAITING))
    log.save(job("a"))

    assert log.list() == (job("a"),)
    log.remove("a")
    assert log.list() == ()


def test_only_unended_jobs_of_dead_processes_are_orphans(database: WorkDatabase) -> None:
    StoredJobsLog(database).save(job("ours"))
    gone = StoredJobsLog(database, GONE)
    gone.save(job("left"))
    gone.save(job("ended", JobState.SUCCEEDED))

    assert [record.id for record in StoredJobsLog(database).orphans()] == ["left"]


def test_a_runner_takes_over_what_a_dead_process_left(database: WorkDatabase) -> None:
    StoredJobsLog(database, GONE).save(job("left"))

    runner = JobRunner(EventBus(), StoredJobsLog(database), {})

    assert [record.state for record in runner.jobs()] == [JobState.PAUSED]
    assert StoredJobsLog(database).orphans() == ()
    runner.close()
