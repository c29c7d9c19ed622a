"""What was forecast for a load against what the engine and the system then showed, in work.sqlite."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

from garden.core.fit_forecast import FitForecast
from garden.core.messages import ModelLoaded
from garden.core.model_ref import ModelRef
from garden.core.residency import FreeMemory, ResidentForecast, ResidentMarks
from garden.store.document import Store, readable_documents, to_document
from garden.store.model_key import model_key, model_keys


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadRecord:
    """One load.

    Attributes:
        loaded: What the engine made of the configuration, its buffers included.
        forecast: What was said of them before, None when nothing was.
        loaded_at: Seconds since the epoch.
        resident: What was said of the resident set, None when nothing was.
        marks: High-water marks so far; they rise with each answer.
        free: What the RAM and each GPU had free, before and after.
    """

    loaded: ModelLoaded
    forecast: FitForecast | None = None
    loaded_at: float = 0.0
    resident: ResidentForecast | None = None
    marks: ResidentMarks = field(default_factory=ResidentMarks)
    free: tuple[FreeMemory, ...] = ()


class Forecasts:
    """Loads with their forecasts.

    Args:
        database: The work database.
    """

    def __init__(self, database: Store) -> None:
        self._database = database

    def keep(self, record: LoadRecord) -> str:
        """Keep one load; its id."""
        load_id = uuid.uuid4().hex
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO loads (id, model_key, loaded_at, document) VALUES (?, ?, ?, ?)",
                (load_id, model_key(record.loaded.configuration.model), record.loaded_at, to_document(record)),
            )
        return load_id

    def update(self, load_id: str, record: LoadRecord) -> None:
        """Keep what became of a load."""
        with self._database.write() as connection:
            connection.execute("UPDATE loads SET document = ? WHERE id = ?", (to_document(record), load_id))

    def list(self, ref: ModelRef | None = None, limit: int = 200) -> tuple[LoadRecord, ...]:
        """Loads (of one model), the newest first."""
        keys = model_keys(ref) if ref is not None else ()
        condition = f"model_key IN ({', '.join('?' for _ in keys)})" if ref is not None else "1"
        with self._database.read() as connection:
            rows = connection.execute(
                f"SELECT document FROM loads WHERE {condition} ORDER BY loaded_at DESC, rowid DESC LIMIT ?",
                (*keys, limit),
            ).fetchall()
        return tuple(readable_documents(rows, LoadRecord))
