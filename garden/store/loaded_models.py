"""Which models are loaded now, by whichever of Garden's processes: what admission counts."""

from __future__ import annotations

from dataclasses import dataclass

from garden.core.errors import StateError
from garden.core.messages import BufferUse
from garden.core.run_configuration import RunConfiguration
from garden.process.process_identity import ProcessIdentity, identity_of, this_process
from garden.store.document import Store, from_document, to_document


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedRecord:
    """One loaded model, in a child of its own.

    Attributes:
        pid: The child that holds it.
        owner: The Garden process that started the child and alone may unload it.
        configuration: As the engine resolved it.
        buffers_bytes: What the engine holds for it.
        loaded_at: Seconds since the epoch.
        last_used_at: Seconds since the epoch.
        busy: Whether it is answering.
        buffers: Where these bytes lie; empty in records of older versions.
        beside_bytes: What its process holds in RAM beside these buffers, as forecast.
    """

    pid: int
    owner: ProcessIdentity
    configuration: RunConfiguration
    buffers_bytes: int
    loaded_at: float
    last_used_at: float
    busy: bool = False
    buffers: tuple[BufferUse, ...] = ()
    beside_bytes: int = 0

    @property
    def need_bytes(self) -> int:
        """Buffers and what lies beside them."""
        return self.buffers_bytes + self.beside_bytes

    @property
    def is_ours(self) -> bool:
        """Whether this process may unload it."""
        return self.owner == this_process()


class LoadedModels:
    """The models that are loaded on this machine by Garden. Rows of processes that are gone are dropped when seen.

    Args:
        database: The work database.
    """

    def __init__(self, database: Store) -> None:
        self._database = database

    def put(self, record: LoadedRecord) -> None:
        """Note that a child holds a model, or that it is busy or idle now; a child that has ended is not noted."""
        child = identity_of(record.pid)
        if child is None:
            return
        with self._database.write() as connection:
            connection.execute(
                """INSERT INTO loaded_models (pid, started_at, document) VALUES (?, ?, ?)
                ON CONFLICT (pid) DO UPDATE SET started_at = excluded.started_at, document = excluded.document""",
                (record.pid, child.started_at, to_document(record)),
            )

    def remove(self, pid: int) -> None:
        """Note that a child let go of its model."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM loaded_models WHERE pid = ?", (pid,))

    def list(self) -> tuple[LoadedRecord, ...]:
        """What is loaded now, the least recently used first."""
        with self._database.read() as connection:
            rows = connection.execute("SELECT pid, started_at, document FROM loaded_models").fetchall()
        living: list[LoadedRecord] = []
        dead: list[tuple[int, float]] = []
        for pid, started_at, document in rows:
            try:
                record = from_document(document, LoadedRecord)
            except StateError:
                dead.append((pid, started_at))
                continue
            if ProcessIdentity(pid=pid, started_at=started_at).alive:
                living.append(record)
            else:
                dead.append((pid, started_at))
        if dead:
            with self._database.write() as connection:
                connection.executemany("DELETE FROM loaded_models WHERE pid = ? AND started_at = ?", dead)
        return tuple(sorted(living, key=lambda record: record.last_used_at))
