"""Saves what can be read of a damaged database into a whole one."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from garden.store.database import lenient_text

_TYPES: dict[str, tuple[type, ...]] = {"TEXT": (str,), "INTEGER": (int,), "REAL": (float, int), "BLOB": (bytes,)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Salvaged:
    """What was saved.

    Attributes:
        rows: Rows read from the damaged file.
        rows_from_copy: Rows that only the daily copy still had.
        damaged_tables: Tables that could not be read to their end.
    """

    rows: int
    rows_from_copy: int
    damaged_tables: tuple[str, ...]


def salvage(damaged: Path, copy: Path | None, target: sqlite3.Connection) -> Salvaged:
    """Fill the empty tables of ``target``.

    Rows are read from both ends of a table towards the damage. Where a table could not be read whole, rows that only
    the copy has are added: a deleted conversation may come back, which is better than one that is lost.

    Args:
        damaged: The damaged file; read only.
        copy: A whole older copy, None when there is none.
        target: A migrated connection inside a transaction.
    """
    tables = _tables(target)
    rows = rows_from_copy = 0
    damaged_tables: list[str] = []
    target.execute("PRAGMA defer_foreign_keys = ON")
    with _opened(damaged) as source:
        for table in tables:
            saved, whole = _copy_rows(source, target, table)
            rows += saved
            if not whole:
                damaged_tables.append(table)
    if copy is not None and damaged_tables:
        with _opened(copy) as source:
            for table in damaged_tables:
                saved, _ = _copy_rows(source, target, table)
                rows_from_copy += saved
    _drop_orphans(target)
    return Salvaged(rows=rows, rows_from_copy=rows_from_copy, damaged_tables=tuple(damaged_tables))


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(path, isolation_level=None)
    with contextlib.closing(connection):
        connection.row_factory = sqlite3.Row
        # A text that is no longer UTF-8 must not end the reading of its row's neighbours.
        connection.text_factory = lenient_text
        yield connection


def _tables(connection: sqlite3.Connection) -> list[str]:
    # Parents before children by their order of creation.
    rows = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    return [name for (name,) in rows.fetchall()]


def _copy_rows(source: sqlite3.Connection, target: sqlite3.Connection, table: str) -> tuple[int, bool]:
    """Copy the rows that can be read; how many were new, and whether the table was read to its end."""
    columns = {row[1]: row[2] for row in target.execute(f'PRAGMA table_info("{table}")')}
    saved, whole = _copy_one_way(source, target, table, columns, "ASC")
    if not whole:
        saved += _copy_one_way(source, target, table, columns, "DESC")[0]
    return saved, whole


def _copy_one_way(
    source: sqlite3.Connection, target: sqlite3.Connection, table: str, columns: dict[str, str], order: str
) -> tuple[int, bool]:
    saved = 0
    try:
        cursor = source.execute(f'SELECT * FROM "{table}" ORDER BY rowid {order}')
        for row in cursor:
            # An older copy may lack a column, or have one that is gone; names decide, not places.
            known = [name for name in row.keys() if name in columns]  # noqa: SIM118 - a Row iterates its values
            if not all(row[name] is None or isinstance(row[name], _TYPES[columns[name]]) for name in known):
                continue  # a byte that names a type was hit: what it says now is nonsense
            names = ", ".join(f'"{name}"' for name in known)
            marks = ", ".join("?" for _ in known)
            with contextlib.suppress(sqlite3.IntegrityError):
                saved += target.execute(
                    f'INSERT OR IGNORE INTO "{table}" ({names}) VALUES ({marks})', [row[name] for name in known]
                ).rowcount
    except (sqlite3.Error, UnicodeDecodeError, OverflowError):
        return saved, False
    return saved, True


def _drop_orphans(target: sqlite3.Connection) -> None:
    """Rows whose parent was lost would keep the transaction from being stored."""
    while True:
        orphans = target.execute("PRAGMA foreign_key_check").fetchall()
        if not orphans:
            return
        for table, rowid, _, _ in orphans:
            target.execute(f'DELETE FROM "{table}" WHERE rowid = ?', (rowid,))
