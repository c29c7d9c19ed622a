"""What is said of a repository that holds no model which Garden can run."""

from __future__ import annotations

from garden.core.catalog import Repository
from garden.core.fit_forecast import FitForecast, Verdict


def why_nothing_runs(repository: Repository, forecast: FitForecast) -> str:
    """Why none of its files runs here: what the model is instead, or which formats they have.

    Args:
        repository: One without a GGUF model.
        forecast: Of its row in a list.
    """
    if forecast.verdict is Verdict.NOT_A_LANGUAGE_MODEL:
        return forecast.reason
    formats = " and ".join(repository.formats)
    return f"This repository holds {formats}; Garden runs GGUF files." if formats else "Garden runs GGUF files."
