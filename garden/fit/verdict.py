"""The word for a placement, and the sentences that say why and what would help."""

from __future__ import annotations

from garden.core.fit_forecast import Placement, Verdict
from garden.core.quantity import GIB, MIB, format_bytes
from garden.fit.placement import Placed


def verdict_of(placed: Placed) -> Verdict:
    """Fits with comfort, fits tightly, or does not fit."""
    if not placed.fits:
        return Verdict.TOO_LARGE
    tight = any(share.spare_bytes < share.budget.margin_bytes for share in placed.binding)
    return Verdict.TIGHT if tight else Verdict.FITS


def reason_of(placed: Placed, verdict: Verdict) -> str:
    """One sentence on why."""
    layers = placed.of_layers
    if verdict is Verdict.UNKNOWN:
        return _close_call(placed)
    if verdict is Verdict.TOO_LARGE:
        return _shortage(placed)
    spare = min(share.spare_bytes for share in placed.binding)
    only = "only " if verdict is Verdict.TIGHT else ""
    device = "the GPU" if len(placed.gpus) == 1 else f"{len(placed.gpus)} GPUs"
    match placed.kind:
        case Placement.GPU:
            where = "" if all(share is not placed.ram for share in _tightest(placed)) else " of RAM"
            return f"All {layers} layers fit on {device} with {only}{amount(spare)}{where} to spare."
        case Placement.SPLIT:
            held = amount(placed.ram.required_bytes)
            return (
                f"{placed.layers} of {layers} layers fit on {device}; "
                f"the rest takes {held} of RAM with {only}{amount(spare)} to spare."
            )
        case _:
            return f"All {layers} layers run on the CPU with {only}{amount(spare)} of RAM to spare."


def _tightest(placed: Placed) -> list[object]:
    spare = min(share.spare_bytes for share in placed.binding)
    return [share for share in placed.binding if share.spare_bytes == spare]


def _shortage(placed: Placed) -> str:
    if placed.gpus and not placed.gpus_fit:
        short = min(placed.gpus, key=lambda share: share.spare_bytes)
        room = amount(max(0, short.budget.available_bytes))
        return f"{placed.layers} layers need {amount(short.need_bytes)} on the GPU; {room} are free."
    used = [share for share in placed.gpus if share.required_bytes]
    needed = sum(share.need_bytes for share in (*used, placed.ram))
    # Of a GPU that shares the RAM, what it holds was taken from the RAM's budget before.
    beside = sum(
        share.required_bytes if share.budget.shared else max(0, share.budget.available_bytes) for share in used
    )
    of_ram = "" if any(not share.budget.shared for share in used) else " of RAM"
    return f"It needs {amount(needed)}{of_ram}; {amount(max(0, placed.ram.budget.available_bytes) + beside)} are free."


def _close_call(placed: Placed) -> str:
    closest = min((*placed.gpus, placed.ram), key=lambda share: abs(share.spare_bytes))
    where = "of RAM" if closest.budget.kind == "ram" else "on the GPU"
    return (
        f"Too close to tell from the header alone: it needs about {amount(closest.need_bytes)} of the "
        f"{amount(max(0, closest.budget.available_bytes))} that are free {where}."
    )


def amount(size_bytes: float) -> str:
    """``0.8 GiB``, ``42.4 GiB``, ``310 MiB``: one decimal, as sentences want it; what is larger as tables write it."""
    if abs(size_bytes) >= 1024 * GIB:
        return format_bytes(size_bytes)
    if abs(size_bytes) >= GIB / 10:
        return f"{size_bytes / GIB:.1f} GiB"
    return f"{size_bytes / MIB:.0f} MiB"
