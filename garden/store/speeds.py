"""Measured speeds of models on this machine, in work.sqlite."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass

from garden.core.model_ref import ModelRef
from garden.core.run_configuration import LoadParameters
from garden.store.document import Store, readable_documents, to_document
from garden.store.model_key import model_key, model_keys


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeedRecord:
    """What one answer showed.

    Attributes:
        model: The file.
        load: How it was loaded.
        decode_tokens_per_second: Speed of the answer.
        prefill_tokens_per_second: Speed of reading the prompt, None when too short to tell.
        prompt_tokens: Tokens read.
        completion_tokens: Tokens answered.
        measured_at: Seconds since the epoch.
        bytes_read: Per token, as the fit computes it; None when it was not computed, or layers were split.
        on_gpu: Whether they came from a GPU's memory.
        twin: Whether it was not the file itself that answered but a copy of it with fewer blocks.
    """

    model: ModelRef
    load: LoadParameters
    decode_tokens_per_second: float
    prefill_tokens_per_second: float | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    measured_at: float = 0.0
    bytes_read: int | None = None
    on_gpu: bool = False
    twin: bool = False


class Speeds:
    """Measured speeds.

    Args:
        database: The work database.
    """

    def __init__(self, database: Store) -> None:
        self._database = database

    def record(self, speed: SpeedRecord) -> None:
        """Keep one measurement; without a time it is now's."""
        moment = speed.measured_at or time.time()
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO speeds (id, model_key, measured_at, document) VALUES (?, ?, ?, ?)",
                (uuid.uuid4().hex, model_key(speed.model), moment, to_document(speed)),
            )

    def list(self, ref: ModelRef, limit: int = 100) -> tuple[SpeedRecord, ...]:
        """Measurements of one model, the newest first."""
        keys = model_keys(ref)
        with self._database.read() as connection:
            rows = connection.execute(
                f"""SELECT document FROM speeds WHERE model_key IN ({", ".join("?" for _ in keys)})
                ORDER BY measured_at DESC, rowid DESC LIMIT ?""",
                (*keys, limit),
            ).fetchall()
        return tuple(readable_documents(rows, SpeedRecord))

    def latest(self, ref: ModelRef) -> SpeedRecord | None:
        """The newest measurement of one model itself, None when there is none."""
        return next((speed for speed in self.list(ref) if not speed.twin), None)

    def recent(self, limit: int, *, twins: bool = False) -> tuple[SpeedRecord, ...]:
        """Measurements of any model, the newest first.

        Args:
            limit: How many at most.
            twins: Those of twins, which are counted apart: some afternoon of measuring twins must not push out runs.
        """
        # Quotes within a name are escaped in a document, so that this is nothing but the field.
        with self._database.read() as connection:
            rows = connection.execute(
                """SELECT document FROM speeds WHERE (instr(document, '"twin":true') > 0) = ?
                ORDER BY measured_at DESC, rowid DESC LIMIT ?""",
                (twins, limit),
            ).fetchall()
        return tuple(readable_documents(rows, SpeedRecord))
