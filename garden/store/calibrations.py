"""How fast this machine was found to be, in work.sqlite, one finding per setup and time."""

from __future__ import annotations

import uuid

from garden.core.calibration import Calibration, SpeedSetup
from garden.store.document import Store, readable_documents, to_document


class Calibrations:
    """Calibrations of this machine.

    Args:
        database: The work database.
    """

    def __init__(self, database: Store) -> None:
        self._database = database

    def record(self, calibration: Calibration) -> None:
        """Keep one."""
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO calibrations (id, setup, measured_at, document) VALUES (?, ?, ?, ?)",
                (
                    uuid.uuid4().hex,
                    to_document(calibration.setup),
                    calibration.measured_at,
                    to_document(calibration),
                ),
            )

    def latest(self, setup: SpeedSetup) -> Calibration | None:
        """The newest one of this very setup, None when there is none."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT document FROM calibrations WHERE setup = ? ORDER BY measured_at DESC, rowid DESC LIMIT 4",
                (to_document(setup),),
            ).fetchall()
        return next(readable_documents(rows, Calibration), None)
