"""Answers under way, noted as they grow: whoever ends this program at once loses no more than the last second."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator

from garden.core.conversation import Answer
from garden.core.errors import GardenError

_LOG = logging.getLogger(__name__)

#: Between two notes, each one small transaction: often enough for a reader, far too seldom to slow a model down.
NOTE_SECONDS = 1.0


@contextlib.contextmanager
def noting(
    note: Callable[[Answer], None], so_far: Callable[[], Answer], *, interval_seconds: float = NOTE_SECONDS
) -> Iterator[None]:
    """Note an answer from time to time, in a thread of its own: what comes from the model never waits for the disk.

    A note that fails is tried again with more text; the log says so once.

    Args:
        note: Stores what there is.
        so_far: What there is, safe to call from any thread.
        interval_seconds: Between two notes.
    """
    ended = threading.Event()

    def work() -> None:
        length, warned = 0, False
        while not ended.wait(interval_seconds):
            answer = so_far()
            if len(answer.text) == length:
                continue
            try:
                note(answer)
                length = len(answer.text)
            except GardenError as error:
                if not warned:
                    _LOG.warning("An answer under way was not noted: %s", error.sentence)
                warned = True

    thread = threading.Thread(target=work, name="answer notes")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        # What is stored next is the whole answer; an older note must not come after it.
        thread.join()
