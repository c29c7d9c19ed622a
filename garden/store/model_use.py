"""What is known of model files beyond what they say themselves: last use, and whether their bytes were checked."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from dataclasses import dataclass

from garden.core.errors import StateError
from garden.store.document import Store, from_document, to_document


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelUse:
    """What is remembered of one file.

    Attributes:
        last_used_at: Seconds since the epoch, None when never.
        sha256: Hash as last computed here, None when never.
        size_bytes: Size of the file when it was hashed.
        modified_at: Modification time of the file when it was hashed; another one makes the hash void.
        verified: True when the bytes matched a promised hash, False when not, None when not checked or none promised.
        verified_at: Seconds since the epoch.
    """

    last_used_at: float | None = None
    sha256: str | None = None
    size_bytes: int | None = None
    modified_at: float | None = None
    verified: bool | None = None
    verified_at: float | None = None

    def holds_for(self, size_bytes: int, modified_at: float) -> bool:
        """Whether hash and check still speak of the file as it is now."""
        return self.sha256 is not None and (self.size_bytes, self.modified_at) == (size_bytes, modified_at)


class ModelUses:
    """Memory of model files, by path.

    Args:
        database: The work database.
    """

    def __init__(self, database: Store) -> None:
        self._database = database

    def get(self, path: str) -> ModelUse:
        """What is remembered of a file; an empty memory when nothing is."""
        return self.all().get(path, ModelUse())

    def all(self) -> Mapping[str, ModelUse]:
        """Everything, by path."""
        with self._database.read() as connection:
            rows = connection.execute("SELECT path, document FROM model_use").fetchall()
        uses: dict[str, ModelUse] = {}
        for path, document in rows:
            try:
                uses[path] = from_document(document, ModelUse)
            except StateError:
                continue
        return uses

    def used(self, path: str, at: float | None = None) -> None:
        """Note that a model was loaded."""
        self._change(path, last_used_at=time.time() if at is None else at)

    def hashed(
        self, path: str, sha256: str, *, size_bytes: int, modified_at: float, verified: bool | None, at: float
    ) -> None:
        """Note a hash that was computed, and what comparing it with a promised one said."""
        self._change(
            path, sha256=sha256, size_bytes=size_bytes, modified_at=modified_at, verified=verified, verified_at=at
        )

    def forget(self, path: str) -> None:
        """Forget a file that was removed."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM model_use WHERE path = ?", (path,))

    def _change(self, path: str, **fields: object) -> None:
        with self._database.write() as connection:
            row = connection.execute("SELECT document FROM model_use WHERE path = ?", (path,)).fetchone()
            known = from_document(row[0], ModelUse) if row else ModelUse()
            connection.execute(
                """INSERT INTO model_use (path, document) VALUES (?, ?)
                ON CONFLICT (path) DO UPDATE SET document = excluded.document""",
                (path, to_document(dataclasses.replace(known, **fields))),  # type: ignore[arg-type]  # named by callers above
            )
