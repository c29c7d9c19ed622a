"""Notes that services keep beside the work: losing one must never cost the work itself."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

from garden.core.errors import GardenError

_LOG = logging.getLogger(__name__)


@contextlib.contextmanager
def bookkeeping(what: str) -> Iterator[None]:
    """Go on when a note cannot be written (a full disk, a busy database); the log says which.

    What the database or the system said of it stands in the log's finest level only.

    Args:
        what: What is noted, for the log.
    """
    try:
        yield
    except GardenError as error:
        _LOG.warning("%s was not noted: %s", what, error.sentence)
        _LOG.debug("%s", error.detail)
