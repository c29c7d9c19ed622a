"""What the user can do with a job, and what its row says from the click on."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from garden.core.job_record import JobKind, JobRecord, JobState

if TYPE_CHECKING:
    from garden.jobs.job_runner import JobRunner


class JobAction(enum.StrEnum):
    """What the user can do with a job."""

    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    RETRY = "retry"
    TRY_NOW = "try_now"
    MOVE_UP = "move_up"
    MOVE_DOWN = "move_down"
    COMPARE = "compare"
    SHOW_FILE = "show_file"
    REMOVE = "remove"


#: What a row says from the click on until its job has followed.
ASKED = {
    JobAction.PAUSE: "Pausing…",
    JobAction.RESUME: "Going on…",
    JobAction.CANCEL: "Cancelling…",
    JobAction.RETRY: "Starting again…",
    JobAction.TRY_NOW: "Trying now…",
    JobAction.REMOVE: "Leaving the list…",
}


def actions_of(activity: JobRunner, job: JobRecord) -> tuple[JobAction, ...]:
    """What applies to a job now, in the order in which the buttons stand."""
    actions: list[JobAction] = []
    if job.state.ended:
        if job.state is not JobState.SUCCEEDED and activity.can_retry(job):
            actions.append(JobAction.RETRY)
        if job.state is JobState.SUCCEEDED and job.result_path:
            if job.kind in (JobKind.DOWNLOAD, JobKind.QUANTIZE):
                actions.append(JobAction.COMPARE)
            actions.append(JobAction.SHOW_FILE)
        actions.append(JobAction.REMOVE)
    elif activity.is_own(job.id):
        if job.state is JobState.WAITING:
            actions += _actions_in_queue(activity, job)
        if job.state is JobState.PAUSED:
            if activity.can_run_again(job.id):
                actions.append(JobAction.RESUME)
        elif job.resumable:
            actions.append(JobAction.PAUSE)
        actions.append(JobAction.CANCEL)
    return tuple(actions)


def move(activity: JobRunner, job: JobRecord, action: JobAction) -> None:
    """Let a job change places with the one before or behind it.

    Raises:
        GardenError: It waits no longer.
    """
    order = _queue_of(activity, job)
    if job.id not in order:
        return
    place = order.index(job.id)
    if action is JobAction.MOVE_UP and place > 0:
        activity.move(job.id, order[place - 1])
    elif action is JobAction.MOVE_DOWN and place + 1 < len(order):
        activity.move(order[place + 1], job.id)


def _actions_in_queue(activity: JobRunner, job: JobRecord) -> list[JobAction]:
    order = _queue_of(activity, job)
    actions = [JobAction.TRY_NOW] if job.due_at is not None else []
    if job.id in order and len(order) > 1:
        actions += [JobAction.MOVE_UP] if order[0] != job.id else []
        actions += [JobAction.MOVE_DOWN] if order[-1] != job.id else []
    return actions


def _queue_of(activity: JobRunner, job: JobRecord) -> list[str]:
    """Ids of what waits of the same kind: each kind has its own lanes."""
    kinds = {other.id: other.kind for other in activity.own_jobs()}
    return [job_id for job_id in activity.queue() if kinds.get(job_id) is job.kind]
