"""A row of a list of models: what the Hub says, whether it will run here, and what both tell to filter and sort by."""

from __future__ import annotations

import datetime
import functools
from dataclasses import dataclass, field

from garden.core.catalog import ModelSummary
from garden.core.fit_forecast import FitForecast, Verdict
from garden.core.licence import licence_of
from garden.core.model_traits import ModelTraits


@dataclass(frozen=True, slots=True, kw_only=True)
class RatedModel:
    """A row.

    Attributes:
        summary: What the Hub says.
        forecast: Whether it will run here, roughly until its headers were read.
        traits: What is told from the summary.
    """

    summary: ModelSummary
    forecast: FitForecast
    traits: ModelTraits = field(default_factory=ModelTraits)

    @classmethod
    def of(cls, summary: ModelSummary, forecast: FitForecast) -> RatedModel:
        """The row of a summary."""
        return cls(summary=summary, forecast=forecast, traits=traits_of(summary))

    @property
    def runs_here(self) -> bool:
        """Whether the verdict says that it runs on this machine."""
        return self.forecast.verdict in (Verdict.FITS, Verdict.TIGHT)


def traits_of(summary: ModelSummary) -> ModelTraits:
    """What Garden tells from the Hub's fields."""
    # Imported when a row is rated: rows that were kept are shown before the estimator is needed.
    from garden.fit.family_kind import active_parameters, kind_of
    from garden.fit.rough_forecast import offered_types

    return ModelTraits(
        kind=kind_of(summary.architecture, summary.name, summary.tags),
        active_parameters=active_parameters(summary.architecture, summary.name, summary.parameters),
        quant_types=tuple(quant.name for quant in offered_types(summary.filenames)),
        license_class=licence_of(summary.license).license_class,
        updated_at=moment(summary.last_modified),
    )


@functools.lru_cache(maxsize=4_096)
def moment(date: str | None) -> float | None:
    """Seconds since the epoch of an ISO 8601 date; None for none, and for what is none."""
    if date is None:
        return None
    try:
        parsed = datetime.datetime.fromisoformat(date)
    except ValueError:
        return None
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=datetime.UTC)).timestamp()
