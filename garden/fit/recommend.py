"""Which file of a repository to take on this machine, and why."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from garden.core.catalog import RepositoryFile
from garden.core.fit_forecast import FitForecast, Placement, Verdict
from garden.core.quantity import GIB
from garden.gguf.quant_name import quant_type_named

#: Free memory that comes and goes by itself.
_SMALL = GIB

#: Verdicts that more or less free memory changes.
_BY_MEMORY = (Verdict.FITS, Verdict.TIGHT, Verdict.TOO_LARGE, Verdict.UNKNOWN)

Rated = tuple[RepositoryFile, FitForecast]

#: Nothing is gained above it that anyone could read; below the other too much is lost without an importance matrix
#: (llama.cpp's own tables: Q8_0 loses 0.0014, Q4_K_M 0.031, Q3_K_M 0.10, Q2_K 0.45 of KLD).
_FINEST_BITS, _COARSEST_BITS = 8.6, 3.95

#: The type that is right when nothing is known.
_USUAL_BITS = 4.89

#: Older types that a K type of the same size beats.
_POOR_VALUE = frozenset({"Q4_0", "Q4_1", "Q5_0", "Q5_1"})

#: A file of so few bytes is quick on any processor, so that the better type costs nothing.
_QUICK_BYTES = 2_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """A file to take.

    Attributes:
        file: The file.
        reason: One sentence.
    """

    file: RepositoryFile
    reason: str


def recommended(files: Sequence[Rated]) -> RepositoryFile | None:
    """The file to take, None when none runs here."""
    found = recommendation(files)
    return found.file if found else None


def recommendation(files: Sequence[Rated]) -> Recommendation | None:
    """The file to take and why, None when none runs here.

    On a GPU the largest file that leaves a margin, since memory there is quick; on the processor the usual 4-bit type,
    since every byte costs speed, or the 8-bit one of a small model.

    Args:
        files: Models of one repository, with their forecasts on this machine.
    """
    models = [(file, fit) for file, fit in files if file.kind == "model"]
    for verdict in (Verdict.FITS, Verdict.TIGHT):
        running = [(file, fit) for file, fit in models if fit.verdict is verdict]
        good = [pair for pair in running if _COARSEST_BITS <= _bits(pair[0]) <= _FINEST_BITS]
        better = [pair for pair in good if pair[0].quant_type not in _POOR_VALUE] or good
        on_gpu = [pair for pair in better if pair[1].placement is Placement.GPU]
        if on_gpu:
            file = max(on_gpu, key=lambda pair: pair[0].size_bytes)[0]
            return Recommendation(file=file, reason=_reason(verdict, "The largest file that fits on the GPU"))
        if better:
            return _on_processor(better, verdict)
        if running:
            file = min(running, key=lambda pair: abs(_bits(pair[0]) - _USUAL_BITS))[0]
            return Recommendation(file=file, reason=_reason(verdict, "The file nearest to the usual 4-bit type"))
    return None


def steady(files: Sequence[Rated], before: str | None) -> RepositoryFile | None:
    """The file to take where another one was taken before: the same as long as a small move of free memory explains it.

    Free memory moves by some hundred megabytes all the time; a file that runs, and that would be the one to take with
    one GiB more or less, stays the one.

    Args:
        files: As in ``recommendation``.
        before: Name of the file that was taken for the same load on the same machine; None for none.
    """
    less = [(file, _with_free(fit, -_SMALL, kinds=("ram",))) for file, fit in files]
    # What is chosen anew should run a minute later as well.
    found = recommended(less) or recommended(files)
    kept = next((pair for pair in files if pair[0].filename == before), None)
    if found is None or kept is None or kept[1].verdict not in (Verdict.FITS, Verdict.TIGHT, Verdict.UNKNOWN):
        return found
    changes = range(-_SMALL, _SMALL + 1, _SMALL // 4)
    near = (recommended([(file, _with_free(fit, change)) for file, fit in files]) for change in changes)
    return kept[0] if any(file is kept[0] for file in near) else found


def circumstances(forecast: FitForecast) -> tuple[object, ...]:
    """What a forecast was made for, free memory aside: context, caches, and the devices of the machine."""
    devices = ((device.name, device.total_bytes) for device in forecast.devices)
    return forecast.context_length, forecast.kv_cache_bytes, *devices


def _with_free(forecast: FitForecast, change: int, kinds: Sequence[str] = ("ram", "gpu")) -> FitForecast:
    """The forecast's verdict where so many bytes more were free on devices of these kinds; its figures stay."""
    devices = [device for device in forecast.devices if device.need_bytes]
    if forecast.verdict not in _BY_MEMORY or not devices:
        return forecast
    spare = [
        (device.available_bytes + (change if device.kind in kinds else 0) - device.need_bytes, device)
        for device in devices
    ]
    on_gpu = forecast.placement is Placement.GPU and all(left >= 0 for left, device in spare if device.kind == "gpu")
    if any(left < 0 for left, device in spare if device.kind == "ram"):
        verdict = Verdict.TOO_LARGE
    else:
        verdict = Verdict.TIGHT if any(left < device.margin_bytes for left, device in spare) else Verdict.FITS
    placement = forecast.placement if on_gpu or forecast.placement is not Placement.GPU else Placement.SPLIT
    return dataclasses.replace(forecast, verdict=verdict, placement=placement)


def _on_processor(files: Sequence[Rated], verdict: Verdict) -> Recommendation:
    quick = [pair for pair in files if pair[0].size_bytes <= _QUICK_BYTES and _bits(pair[0]) >= 8]
    if quick:
        file = max(quick, key=lambda pair: _bits(pair[0]))[0]
        return Recommendation(file=file, reason=_reason(verdict, "Small enough to be quick at 8 bits"))
    file = min(files, key=lambda pair: (abs(_bits(pair[0]) - _USUAL_BITS), -pair[0].size_bytes))[0]
    return Recommendation(file=file, reason=_reason(verdict, "The usual balance of quality and speed on the CPU"))


def _reason(verdict: Verdict, text: str) -> str:
    return f"{text}, with little room to spare." if verdict is Verdict.TIGHT else f"{text}."


def _bits(file: RepositoryFile) -> float:
    """Bits per weight of the type in the name; a name that says nothing counts as the usual type."""
    quant = quant_type_named(file.quant_type) if file.quant_type else None
    return quant.bits_per_weight if quant else _USUAL_BITS
