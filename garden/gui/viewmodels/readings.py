"""What many view models read away from the Qt thread.

Functions of the services, not their methods: naming a service makes it at its first use, which may open a database.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from garden.core.calibration import Calibration
    from garden.core.hardware_snapshot import HardwareSnapshot
    from garden.core.job_record import JobRecord
    from garden.core.library_entry import LibraryEntry
    from garden.core.receipt import QualityReport, QuantizationReceipt
    from garden.jobs.handle import Handle
    from garden.services.garden import Garden


def read_entries(garden: Garden) -> tuple[LibraryEntry, ...]:
    """The models on this machine as the last scan found them."""
    return garden.library.entries()


def read_jobs(garden: Garden) -> Sequence[JobRecord]:
    """All jobs, those of other running Gardens as they last wrote them."""
    return garden.activity.jobs()


def read_records(garden: Garden) -> tuple[tuple[QuantizationReceipt, ...], tuple[QualityReport, ...]]:
    """What was made and what was measured here."""
    return garden.workshop.receipts(), garden.workshop.reports()


def begin_scan(garden: Garden) -> Handle[tuple[LibraryEntry, ...]]:
    """Look at the models on this machine again."""
    return garden.library.scan()


def begin_starter(garden: Garden) -> Handle[LibraryEntry]:
    """Fetch the starter model."""
    return garden.library.fetch_starter()


def read_machine(garden: Garden) -> HardwareSnapshot:
    """The machine now, with what the last probe said of GPUs and engine; every page hears of it when memory moved."""
    return garden.machine.look()


def begin_probe(garden: Garden) -> Handle[HardwareSnapshot]:
    """Look at GPUs and engine again, and at what other programs of Garden have measured here."""
    garden.reread_speeds()
    return garden.machine.refresh()


def read_calibration(garden: Garden) -> Calibration | None:
    """What was measured of this machine as it is now."""
    return garden.calibration.current()


def begin_calibration(garden: Garden) -> Handle[Calibration]:
    """Measure this machine."""
    return garden.calibration.measure()
