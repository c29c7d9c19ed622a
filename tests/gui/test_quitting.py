from __future__ import annotations

from garden.core.job_record import JobKind, JobRecord, JobState
from garden.gui.quitting import quit_words


def _job(kind: JobKind, number: int = 0) -> JobRecord:
    return JobRecord(
        id=f"{kind}-{number}", kind=kind, title="m", state=JobState.RUNNING, resumable=kind is JobKind.DOWNLOAD
    )


def test_the_question_says_what_becomes_of_each_kind_of_work() -> None:
    downloads = [_job(JobKind.DOWNLOAD, 1), _job(JobKind.DOWNLOAD, 2)]
    quantization = _job(JobKind.QUANTIZE)

    assert quit_words([*downloads, quantization]) == (
        "2 downloads and 1 quantization are running",
        "Downloads continue from where they are at the next start. The rest has to be started again.",
    )
    assert quit_words([quantization])[1] == "It has to be started again; nothing half-written is left."
    assert quit_words(downloads[:1])[1] == "What is here is kept; it continues from there at the next start."
