"""Headers of model files in index.sqlite, so that each is read once."""

from __future__ import annotations

import os
import time
from pathlib import Path

import msgspec

from garden.gguf.header import GgufHeader
from garden.store.database import DamagedError
from garden.store.document import Store

#: A header without its vocabulary is 20–200 kB; so many are kept, the least recently seen go first.
_KEPT = 2_000


class Headers:
    """Cached headers.

    Args:
        database: The index database.
    """

    def __init__(self, database: Store) -> None:
        self._database = database

    def get(self, key: str) -> GgufHeader | None:
        """The header under a key, None when it has to be read."""
        try:
            with self._database.read() as connection:
                row = connection.execute("SELECT document FROM headers WHERE key = ?", (key,)).fetchone()
            # msgpack, since metadata may hold floats that JSON cannot.
            return msgspec.msgpack.decode(row[0], type=GgufHeader) if row else None
        except (DamagedError, msgspec.DecodeError, UnicodeDecodeError):
            return None

    def put(self, key: str, header: GgufHeader) -> None:
        """Keep a header."""
        try:
            document = msgspec.msgpack.encode(header)
        except (UnicodeEncodeError, OverflowError):
            return  # Text or a number that cannot be stored: it is read again next time.
        with self._database.write() as connection:
            connection.execute(
                """INSERT INTO headers (key, seen_at, document) VALUES (?, ?, ?)
                ON CONFLICT (key) DO UPDATE SET seen_at = excluded.seen_at, document = excluded.document""",
                (key, time.time(), document),
            )
            connection.execute(
                "DELETE FROM headers WHERE key IN (SELECT key FROM headers ORDER BY seen_at DESC LIMIT -1 OFFSET ?)",
                (_KEPT,),
            )


def file_key(path: Path) -> str:
    """Key of a file on this machine: its place, size and time, so that a changed file is read again.

    Raises:
        OSError: It is not there.
    """
    status = path.stat()
    return f"file:{status.st_size}:{status.st_mtime_ns}:{os.fspath(path.absolute())}"


def hash_key(sha256: str) -> str:
    """Key of a file whose hash the Hub told."""
    return f"sha256:{sha256}"
