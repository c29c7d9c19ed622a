"""Files of models that are being loaded now, by whichever of Garden's processes: none of them is moved meanwhile."""

from __future__ import annotations

import contextlib
import json
import logging
import uuid
from collections.abc import Iterator
from pathlib import Path

from garden.core.errors import GardenError
from garden.process.process_identity import ProcessIdentity, this_process
from garden.store.atomic_file import write_atomically

_log = logging.getLogger(__name__)


class FilesInUse:
    """Notes, one small file each, in a folder that all of Garden's processes share; those of ended ones do not count.

    Args:
        folder: Where the notes lie; made when it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextlib.contextmanager
    def noted(self, paths: tuple[str, ...]) -> Iterator[None]:
        """Note files for the time of a block; where no note can be written the block runs all the same."""
        owner = this_process()
        note = self._folder / f"{uuid.uuid4().hex}.json"
        try:
            write_atomically(note, json.dumps([owner.pid, owner.started_at, paths]).encode())
        except GardenError as error:
            # A full disk is no reason not to load a model.
            _log.warning("That files are in use could not be noted: %s", error.sentence)
        try:
            yield
        finally:
            note.unlink(missing_ok=True)

    def list(self) -> tuple[str, ...]:
        """The files that are noted now; notes of processes that have ended are cleared away."""
        found: list[str] = []
        for note in sorted(self._folder.glob("*.json")):
            try:
                pid, started_at, paths = json.loads(note.read_bytes())
            except (OSError, ValueError):
                continue
            if ProcessIdentity(pid=pid, started_at=started_at).alive:
                found.extend(paths)
            else:
                note.unlink(missing_ok=True)
        return tuple(found)
