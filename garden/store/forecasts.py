"""What was forecast for a load against what the engine then held, in work.sqlite."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass

from garden.core.fit_forecast import FitForecast
from garden.core.messages import ModelLoaded
from garden.core.model_ref import ModelRef
from garden.store.document import Store, from_document, to_document
from garden.store.model_key import model_key, model_keys


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadRecord:
    """One load.

    Attributes:
        loaded: What the engine made of the configuration, its buffers included.
        forecast: What was said before, None when nothing was.
        loaded_at: Seconds since the epoch.
    """

    loaded: ModelLoaded
    forecast: FitForecast | None = None
    loaded_at: float = 0.0


class Forecasts:
    """Loads with their forecasts.

    Args:
        database: The work database.
    """

    def __init__(self, database: Store) -> None:
        self._database = database

    def record(self, loaded: ModelLoaded, forecast: FitForecast | None, loaded_at: float | None = None) -> None:
        """Keep one load."""
        moment = time.time() if loaded_at is None else loaded_at
        record = LoadRecord(loaded=loaded, forecast=forecast, loaded_at=moment)
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO loads (id, model_key, loaded_at, document) VALUES (?, ?, ?, ?)",
                (uuid.uuid4().hex, model_key(loaded.configuration.model), moment, to_document(record)),
            )

    def list(self, ref: ModelRef | None = None, limit: int = 200) -> tuple[LoadRecord, ...]:
        """Loads (of one model), the newest first."""
        keys = model_keys(ref) if ref is not None else ()
        condition = f"model_key IN ({', '.join('?' for _ in keys)})" if ref is not None else "1"
        with self._database.read() as connection:
            rows = connection.execute(
                f"SELECT document FROM loads WHERE {condition} ORDER BY loaded_at DESC, rowid DESC LIMIT ?",
                (*keys, limit),
            ).fetchall()
        return tuple(from_document(document, LoadRecord) for (document,) in rows)
