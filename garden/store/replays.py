"""Replays of exports in work.sqlite: did the rendering give the pane's answer?"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from typing import Literal

from garden.store.document import Store, from_document, to_document

#: Whether the rendering gave the pane's tokens; a near-tie was decided by the last bits of the arithmetic.
ReplayVerdict = Literal["reproduces", "near-tie", "differs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayRecord:
    """One replay.

    Attributes:
        identity: Identity of the run configuration.
        target: Name of the export format.
        verdict: What it came to.
        at_token: First token that differs, None when none does.
        detail: One sentence.
        engine_version: Version of the engine that replayed.
        replayed_at: Seconds since the epoch.
    """

    identity: str
    target: str
    verdict: ReplayVerdict
    at_token: int | None = None
    detail: str = ""
    engine_version: str = ""
    replayed_at: float = 0.0


class Replays:
    """Replays that were made.

    Args:
        database: The work database.
    """

    def __init__(self, database: Store) -> None:
        self._database = database

    def save(self, replay: ReplayRecord) -> None:
        """Keep one; without a time it is now's."""
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO replays (id, identity, replayed_at, document) VALUES (?, ?, ?, ?)",
                (uuid.uuid4().hex, replay.identity, replay.replayed_at or time.time(), to_document(replay)),
            )

    def latest(self, identity: str, target: str) -> ReplayRecord | None:
        """The newest replay of a configuration through a format, None when there is none."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT document FROM replays WHERE identity = ? ORDER BY replayed_at DESC, rowid DESC", (identity,)
            ).fetchall()
        records = (from_document(document, ReplayRecord) for (document,) in rows)
        return next((record for record in records if record.target == target), None)
