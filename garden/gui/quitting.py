"""Questions that may end in quitting."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtWidgets import QWidget

from garden.core.errors import GardenError
from garden.core.job_record import JobKind, JobRecord
from garden.gui.question import Question
from garden.gui.theme.theme import ThemeController

_WORK_NAMES = {
    JobKind.DOWNLOAD: ("download", "downloads"),
    JobKind.QUANTIZE: ("quantization", "quantizations"),
    JobKind.QUALITY: ("measurement", "measurements"),
    JobKind.VERIFY: ("check", "checks"),
    JobKind.SPEED: ("speed measurement", "speed measurements"),
    JobKind.ENGINE: ("engine backend", "engine backends"),
    JobKind.MOVE: ("move of the models folder", "moves of the models folder"),
}


def quit_words(running: Sequence[JobRecord]) -> tuple[str, str]:
    """What is under way, and what becomes of it when the program ends."""
    parts = []
    for kind, (one, many) in _WORK_NAMES.items():
        count = sum(job.kind is kind for job in running)
        if count:
            parts.append(f"{count} {one if count == 1 else many}")
    said = f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else parts[0]
    title = f"{said} {'is' if len(running) == 1 else 'are'} running"
    resumable = sum(job.resumable for job in running)
    if resumable == len(running):
        text = "What is here is kept; it continues from there at the next start."
    elif resumable:
        text = "Downloads continue from where they are at the next start. The rest has to be started again."
    else:
        text = "It has to be started again; nothing half-written is left."
    return title, text


def ask_before_quitting(
    theme: ThemeController, window: QWidget, running: Sequence[JobRecord], then: Callable[[], None]
) -> None:
    """Ask whether to quit with this under way, once, and quit when the answer is yes."""
    if any(asked.is_open for asked in window.findChildren(Question, "quitQuestion")):
        return
    title, text = quit_words(running)
    question = Question(theme, window, name="quitQuestion")
    question.closed.connect(question.deleteLater)
    question.ask("activity", title, text, yes=("Quit", "primary", None), no="Stay", then=then)


def offer_to_quit(theme: ThemeController, window: QWidget, error: GardenError, then: Callable[[], None]) -> None:
    """Say what keeps the program from working, and quit when that is chosen."""
    question = Question(theme, window, name="databaseProblem")
    question.ask(
        "warning",
        error.sentence.rstrip("."),
        error.action,
        yes=("Quit", "primary", None),
        no="Look around",
        then=then,
        mood="danger",
    )
