from __future__ import annotations

import dataclasses

import pytest

from garden.core.job_record import JobKind, JobRecord, JobState
from garden.gui.viewmodels.job_lines import Section, Tone, job_lines

GIB = 1024**3
JOB = JobRecord(
    id="1",
    kind=JobKind.DOWNLOAD,
    title="gemma",
    state=JobState.RUNNING,
    done=7 * GIB,
    total=16 * GIB,
    rate=38.4 * 1024**2,
    seconds_left=240,
)


def test_a_running_download_says_how_far_how_fast_and_how_long_still() -> None:
    lines = job_lines(JOB)

    assert (lines.section, lines.state) == (Section.UNDER_WAY, "Downloading")
    assert lines.amount == "7.00 of 16.0 GiB"
    assert lines.detail == "38.4 MiB/s · 4 min left"
    assert lines.fraction == pytest.approx(7 / 16)


def test_a_stall_is_a_warning_and_promises_no_time() -> None:
    note = "Stalled for 14 s. Tries again in 6 s"
    lines = job_lines(dataclasses.replace(JOB, rate=0, seconds_left=None, note=note))

    assert (lines.state, lines.tone, lines.stalled) == (note, Tone.WARNING, True)
    assert lines.detail == "0 B/s · time left unknown"


def test_a_failure_gives_the_sentence_and_the_action() -> None:
    failed = dataclasses.replace(JOB, state=JobState.FAILED, error="The hash differs.", action="Fetch it again.")
    lines = job_lines(failed)

    assert (lines.state, lines.tone) == ("The hash differs. Fetch it again.", Tone.DANGER)
    assert lines.fraction is None


def test_waiting_jobs_know_their_place_and_show_no_bar() -> None:
    lines = job_lines(dataclasses.replace(JOB, state=JobState.WAITING, done=0), position=3)

    assert (lines.section, lines.state, lines.fraction) == (Section.WAITING, "Number 3 in the queue", None)
    assert lines.amount == "16.0 GiB"


def test_a_paused_job_says_where_it_stopped() -> None:
    lines = job_lines(dataclasses.replace(JOB, state=JobState.PAUSED, resumable=True))

    assert (lines.state, lines.detail) == ("Paused at 44 %", "resumes where it stopped")


def test_mixed_units_are_both_named() -> None:
    lines = job_lines(dataclasses.replace(JOB, done=512 * 1024**2))

    assert lines.amount == "512.0 MiB of 16.0 GiB"


def test_a_pause_says_who_paused_and_a_full_disk_is_a_warning() -> None:
    by_user = job_lines(dataclasses.replace(JOB, state=JobState.PAUSED, note="Paused by you"))
    full = job_lines(dataclasses.replace(JOB, state=JobState.PAUSED, error="The disk is full.", action="Free 9 GiB."))

    assert (by_user.state, by_user.tone) == ("Paused by you at 44 %", Tone.PLAIN)
    assert (full.state, full.tone) == ("The disk is full. Free 9 GiB.", Tone.WARNING)


def test_a_cancelled_download_says_that_what_came_is_kept() -> None:
    cancelled = dataclasses.replace(JOB, state=JobState.CANCELLED)

    assert job_lines(dataclasses.replace(cancelled, resumable=True)).state == "Cancelled; what came is kept"
    assert job_lines(cancelled).state == "Cancelled; nothing is left of it"


def test_what_ended_on_another_day_names_the_day() -> None:
    ended = dataclasses.replace(JOB, state=JobState.SUCCEEDED, started_at=86_400.0 * 9, ended_at=86_400.0 * 9 + 56)

    day, _, rest = job_lines(ended).detail.partition(", ")
    assert day.endswith(" Jan")
    assert rest.endswith(" · took 56 s")


def test_minutes_left_are_whole_and_work_that_reads_its_model_promises_nothing_yet() -> None:
    minutes = job_lines(dataclasses.replace(JOB, seconds_left=257.0))
    reading = job_lines(dataclasses.replace(JOB, kind=JobKind.QUALITY, done=0, total=None, rate=0, seconds_left=None))

    assert minutes.detail == "38.4 MiB/s · 4 min left"
    assert reading.detail == ""


def test_a_finished_quantization_shows_the_size_of_what_it_made() -> None:
    made = JobRecord(
        id="a", kind=JobKind.QUANTIZE, title="m", state=JobState.SUCCEEDED, done=GIB, total=GIB, result_bytes=GIB // 4
    )
    assert job_lines(made).amount == "256.0 MiB"
    # A record of before says nothing of it, and the size of the source would be wrong.
    assert job_lines(dataclasses.replace(made, result_bytes=None)).amount == ""
