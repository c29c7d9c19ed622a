"""What is known of a model on this machine beyond its row: file, hash, what was measured of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from garden.core.errors import GardenError
from garden.core.library_entry import PROGRAM_NAMES, LibraryEntry
from garden.core.quantity import format_gib
from garden.core.receipt import QualityReport
from garden.core.upstream import Upstream
from garden.gui.viewmodels.wording import date, iso_date, license_name, short_hash

if TYPE_CHECKING:
    from garden.services.garden import Garden
    from garden.services.removal_plan import RemovalPlan


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """Lines of a panel.

    Attributes:
        lines: Name, value, and whether the value is code.
        removal: What removing it would do; None when it cannot be told.
        single: Whether it is listed as a single file, and can be forgotten.
    """

    lines: Sequence[tuple[str, str, bool]]
    removal: RemovalPlan | None = None
    single: bool = False


def read_facts(garden: Garden, entry: LibraryEntry) -> ModelFacts:
    """Collect what the databases know; blocks for some milliseconds."""
    ref = entry.ref
    lines: list[tuple[str, str, bool]] = []
    if ref.filenames:
        name = ref.filenames[0].rpartition("/")[2]
        lines.append(("File", name if len(ref.filenames) == 1 else f"{name} and {len(ref.filenames) - 1} more", True))
    if ref.repo_id:
        lines.append(("Repository", ref.repo_id, True))
    if ref.revision:
        lines.append(("Commit", ref.revision[:12], True))
    if entry.upstream is not None:
        lines.append(("On the Hub", _upstream(entry.upstream), False))
    lines.append(("SHA-256", short_hash(ref.sha256), True) if ref.sha256 else ("SHA-256", "not hashed yet", False))
    if entry.verified_at:
        lines.append(("Verified" if entry.verified else "Hashed", date(entry.verified_at), False))
    elif ref.sha256 and entry.origin in ("hub_cache", "ollama"):
        whose = "the Hub" if entry.origin == "hub_cache" else "Ollama"
        lines.append(("Verified", f"not yet; {whose} promises this hash", False))
    if entry.context_length:
        lines.append(("Trained for", f"{entry.context_length:,} tokens", False))
    if entry.license:
        lines.append(("Licence", license_name(entry.license), False))
    lines += _measured(garden, entry)
    for path in entry.beside:
        name = path.replace("\\", "/").rpartition("/")[2]
        lines.append((f"For {PROGRAM_NAMES[entry.program]}" if entry.program else "Beside it", name, True))
    return ModelFacts(lines, _removal(garden, entry), garden.library.is_single(entry))


def _upstream(upstream: Upstream) -> str:
    if upstream.state == "changed":
        return f"newer since {iso_date(upstream.modified)}, {format_gib(upstream.size_bytes)} GiB"
    return "the same" if upstream.state == "same" else "no longer there"


def _removal(garden: Garden, entry: LibraryEntry) -> RemovalPlan | None:
    try:
        return garden.library.removal(entry)
    except GardenError:
        return None


def _measured(garden: Garden, entry: LibraryEntry) -> list[tuple[str, str, bool]]:
    lines: list[tuple[str, str, bool]] = []
    if entry.decode_tokens_per_second is not None:
        lines.append(("Answer", f"{entry.decode_tokens_per_second:.1f} tok/s", False))
    load = next(
        (record for record in garden.audit.records() if record.loaded.configuration.model.path == entry.ref.path), None
    )
    if load is not None:
        actual = format_gib(load.loaded.buffers_bytes)
        forecast = load.forecast.total_bytes if load.forecast else None
        said = f"forecast {format_gib(forecast)}, " if forecast is not None else ""
        lines.append(("Buffers", f"{said}actual {actual} GiB", False))
    report = _report(garden, entry)
    if report is not None:
        lines.append(("KLD", f"{report.kld_mean:.4f} ± {report.kld_standard_error:.4f}", False))
        lines.append(("Same top", f"{report.same_top:.1%}", False))
        lines.append(("Against", report.base.rpartition("/")[2], False))
    return lines


def _report(garden: Garden, entry: LibraryEntry) -> QualityReport | None:
    names = {entry.ref.path, entry.ref.name, f"{entry.ref.name} {entry.ref.quant_type}"}
    return next((report for report in garden.workshop.reports() if report.model in names), None)
