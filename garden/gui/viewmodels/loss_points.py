"""Loss against size: the points of the chart, the best at each size, and where memory sets limits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from garden.gui.viewmodels.quant_table import QuantRow


@dataclass(frozen=True, slots=True)
class LossPoint:
    """One type.

    Attributes:
        label: The type.
        size_bytes: Exact size of the file.
        loss: Mean KLD, nats per token, > 0.
        measured: Whether it was measured here; published otherwise.
        marked: Whether a ring calls attention to it.
    """

    label: str
    size_bytes: int
    loss: float
    measured: bool
    marked: bool = False


@dataclass(frozen=True, slots=True)
class SizeBand:
    """A range of sizes that run in the same way.

    Attributes:
        low_bytes: From here.
        high_bytes: To here.
        token: ``gpu``, ``split``, ``cpu``, ``tight``, ``too_large``.
        title: The verdict's word.
    """

    low_bytes: float
    high_bytes: float
    token: str
    title: str


def loss_points(rows: Sequence[QuantRow]) -> tuple[LossPoint, ...]:
    """What was measured here, then what was published; a loss of nothing cannot stand on a logarithmic axis.

    A type has a point in either series, or in both.
    """
    points: list[LossPoint] = []
    for measured in (True, False):
        for row in rows:
            known = row.loss if measured else row.published
            if row.forecast is None or known is None or known.kld_mean <= 0:
                continue
            # One ring per type: around what was measured, where there is such a point.
            marked = (row.chosen or row.recommended) and (measured or row.loss is None)
            points.append(LossPoint(row.quant_type, row.forecast.size_bytes, known.kld_mean, measured, marked))
    return tuple(points)


def no_points_reason(rows: Sequence[QuantRow]) -> str:
    """What stands where the chart would, while it has no point to show."""
    if not any(row.forecast for row in rows):
        return "Sizes come from the engine's dry run."
    return "No loss was measured yet: make a type and measure it, and it stands here."


def best_at_size(points: Sequence[LossPoint], *, measured: bool) -> tuple[LossPoint, ...]:
    """Points of one series that no other of it beats in both, the smallest first.

    Published losses are another model's, so the two series are never compared.
    """
    best: list[LossPoint] = []
    series = [point for point in points if point.measured == measured]
    for point in sorted(series, key=lambda point: (point.size_bytes, point.loss)):
        if not best or point.loss < best[-1].loss:
            best.append(point)
    return tuple(best)


def size_bands(
    low_bytes: float, high_bytes: float, classify: Callable[[int], tuple[str, str]], steps: int = 32
) -> tuple[SizeBand, ...]:
    """Cut a range of sizes where the way of running changes.

    Args:
        low_bytes: Start of the range.
        high_bytes: End of the range.
        classify: Token and title for a size; called about ``steps`` times and then to find each edge.
        steps: How many sizes are looked at; a band narrower than one step may be missed.
    """
    if high_bytes <= low_bytes:
        return ()
    edges = [low_bytes + (high_bytes - low_bytes) * step / steps for step in range(steps + 1)]
    kinds = [classify(round(edge)) for edge in edges]
    bands: list[SizeBand] = []
    start = low_bytes
    for number in range(1, steps + 1):
        if kinds[number] == kinds[number - 1]:
            continue
        edge = _edge(edges[number - 1], edges[number], kinds[number - 1], classify)
        bands.append(SizeBand(start, edge, *kinds[number - 1]))
        start = edge
    bands.append(SizeBand(start, high_bytes, *kinds[-1]))
    return tuple(bands)


def _edge(low: float, high: float, kind: tuple[str, str], classify: Callable[[int], tuple[str, str]]) -> float:
    for _ in range(8):
        middle = (low + high) / 2
        if classify(round(middle)) == kind:
            low = middle
        else:
            high = middle
    return high
