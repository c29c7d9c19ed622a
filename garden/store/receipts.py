"""Receipts of quantizations in work.sqlite."""

from __future__ import annotations

import uuid

from garden.core.receipt import QuantizationReceipt
from garden.store.document import Store, from_document, to_document


class Receipts:
    """What was made here, and what it cost.

    Args:
        database: The work database.
    """

    def __init__(self, database: Store) -> None:
        self._database = database

    def save(self, receipt: QuantizationReceipt) -> None:
        """Keep a receipt."""
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO receipts (id, path, finished_at, document) VALUES (?, ?, ?, ?)",
                (uuid.uuid4().hex, receipt.path, receipt.finished_at, to_document(receipt)),
            )

    def list(self, limit: int = 500) -> tuple[QuantizationReceipt, ...]:
        """All receipts, the newest first."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT document FROM receipts ORDER BY finished_at DESC, rowid DESC LIMIT ?", (limit,)
            ).fetchall()
        return tuple(from_document(document, QuantizationReceipt) for (document,) in rows)

    def for_path(self, path: str) -> QuantizationReceipt | None:
        """The newest receipt of the file at this path, None when it was not made here."""
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT document FROM receipts WHERE path = ? ORDER BY finished_at DESC, rowid DESC LIMIT 1", (path,)
            ).fetchone()
        return from_document(row[0], QuantizationReceipt) if row else None
