"""Measured losses in work.sqlite."""

from __future__ import annotations

import time
import uuid

from garden.core.receipt import QualityReport
from garden.store.document import Store, from_document, to_document


class QualityReports:
    """How far quants are from their bases, as measured here.

    Args:
        database: The work database.
    """

    def __init__(self, database: Store) -> None:
        self._database = database

    def save(self, report: QualityReport, measured_at: float | None = None) -> None:
        """Keep a report; an older one of the same model, base and text is replaced."""
        with self._database.write() as connection:
            connection.execute(
                "DELETE FROM quality_reports WHERE model = ? AND base = ? AND text = ?",
                (report.model, report.base, report.text),
            )
            connection.execute(
                "INSERT INTO quality_reports (id, model, base, text, measured_at, document) VALUES (?, ?, ?, ?, ?, ?)",
                (
                    uuid.uuid4().hex,
                    report.model,
                    report.base,
                    report.text,
                    time.time() if measured_at is None else measured_at,
                    to_document(report),
                ),
            )

    def list(self, base: str | None = None, limit: int = 500) -> tuple[QualityReport, ...]:
        """All reports (of one base), the newest first."""
        with self._database.read() as connection:
            rows = connection.execute(
                """SELECT document FROM quality_reports WHERE ?1 IS NULL OR base = ?1
                ORDER BY measured_at DESC, rowid DESC LIMIT ?2""",
                (base, limit),
            ).fetchall()
        return tuple(from_document(document, QualityReport) for (document,) in rows)
