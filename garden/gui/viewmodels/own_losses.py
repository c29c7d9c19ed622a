"""Which measured loss belongs to a type of a source, wherever it was measured: here, in a command, in the tour."""

from __future__ import annotations

from collections.abc import Sequence

from garden.core.receipt import QualityReport
from garden.gui.viewmodels.quant_source import SourceFacts


def own_loss(source: SourceFacts, quant_type: str, reports: Sequence[QualityReport]) -> QualityReport | None:
    """The newest report of this type made from this very file, None when there is none.

    Args:
        source: What types are made of.
        quant_type: The type.
        reports: What was measured here, the newest first.
    """
    ref = source.entry.ref
    bases = {f"{ref.name} {source.base_type}", ref.path, ref.name}
    models = {f"{ref.name} {quant_type}", ref.name if quant_type in ref.name else ""}
    for report in reports:
        if report.made_type is not None and report.base_sha256 is not None and report.base_sha256 == ref.sha256:
            # Known by its bytes, so that names and places do not matter.
            if report.made_type == quant_type:
                return report
        elif report.base in bases and report.model in models:
            return report
    return None
