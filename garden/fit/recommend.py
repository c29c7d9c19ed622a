"""Which file of a repository to take on this machine."""

from __future__ import annotations

from collections.abc import Sequence

from garden.core.catalog import RepositoryFile
from garden.core.fit_forecast import FitForecast, Placement, Verdict

#: Above 8 bits nothing is gained that anyone could read; below 3 bits too much is lost (llama.cpp's own tables).
_TOO_FINE = frozenset(("F32", "F16", "BF16"))
_TOO_COARSE = ("Q2_", "IQ1_", "IQ2_", "TQ")

_ORDER = {Placement.GPU: 0, Placement.SPLIT: 1, Placement.CPU: 1}


def recommended(files: Sequence[tuple[RepositoryFile, FitForecast]]) -> RepositoryFile | None:
    """The largest file that fits with a margin, wholly on the GPU if any does; None when none runs.

    Args:
        files: Models of one repository with their forecasts on this machine.
    """
    running = [(file, fit) for file, fit in files if fit.verdict in (Verdict.FITS, Verdict.TIGHT)]
    if not running:
        return None

    def rank(pair: tuple[RepositoryFile, FitForecast]) -> tuple[bool, bool, int, bool, int]:
        file, fit = pair
        quant = file.quant_type or ""
        coarse = quant.startswith(_TOO_COARSE)
        # Without a GPU every byte costs speed: past Q4_K_M a larger file is slower and hardly better.
        distance = abs(file.size_bytes - _middle(running)) if fit.placement is Placement.CPU else -file.size_bytes
        return (fit.verdict is not Verdict.FITS, coarse, _ORDER[fit.placement], quant in _TOO_FINE, distance)

    return min(running, key=rank)[0]


def _middle(running: Sequence[tuple[RepositoryFile, FitForecast]]) -> int:
    """Size of the Q4_K_M where there is one, else of the file in the middle."""
    sizes = sorted(file.size_bytes for file, _fit in running)
    named = [file.size_bytes for file, _fit in running if file.quant_type == "Q4_K_M"]
    return named[0] if named else sizes[len(sizes) // 2]
