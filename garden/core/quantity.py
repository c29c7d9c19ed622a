"""Figures for people: sizes, durations, counts, ages. One way to write each, in the window and on the command line."""

from __future__ import annotations

import time

GIB = 1024**3
MIB = 1024**2


def format_bytes(size_bytes: float) -> str:
    """``5.45 GiB``, ``93.8 MiB``, ``512 B``: binary units, three significant digits or two decimals."""
    size = float(size_bytes)
    for unit, factor in (("TiB", 1024**4), ("GiB", GIB), ("MiB", MIB), ("KiB", 1024)):
        if abs(size) >= factor:
            value = size / factor
            return f"{value:.2f} {unit}" if value < 10 else f"{value:.1f} {unit}"
    return f"{size:.0f} B"


def format_gib(size_bytes: float) -> str:
    """The number of GiB alone, two decimals: ``5.45``; for columns whose header names the unit."""
    return f"{size_bytes / GIB:.2f}"


def format_duration(seconds: float) -> str:
    """``0.4 s``, ``24 s``, ``2 min 10 s``, ``3 h 5 min``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def format_rate(tokens_per_second: float) -> str:
    """``0.5``, ``9.8``, ``42``, ``1,234``: tokens per second that are forecast, or measured once."""
    return f"{tokens_per_second:.1f}" if tokens_per_second < 9.95 else f"{tokens_per_second:,.0f}"


def format_count(count: float) -> str:
    """``184k``, ``1.2M``, ``312``: downloads and likes."""
    if count >= 999_500:
        return f"{count / 1e6:.1f}M"
    if count >= 9_950:
        return f"{count / 1e3:.0f}k"
    if count >= 1_000:
        return f"{count / 1e3:.1f}k"
    return f"{count:.0f}"


def format_parameters(parameters: int) -> str:
    """``8.2B``, ``135M``: model sizes as the field writes them."""
    if parameters >= 99.5e9:
        return f"{parameters / 1e9:.0f}B"
    if parameters >= 0.9995e9:
        return f"{parameters / 1e9:.1f}B"
    return f"{parameters / 1e6:.0f}M"


def format_model_size(parameters: int | None, active_parameters: int | None = None) -> str:
    """``8.2B``, ``30.5B · A3B`` where a token uses a part of them; empty when unknown."""
    if not parameters:
        return ""
    total = format_parameters(parameters)
    return f"{total} · A{format_parameters(active_parameters).replace('.0B', 'B')}" if active_parameters else total


def format_age(moment: float, now: float | None = None) -> str:
    """How long ago, in one unit: ``today``, ``3 d``, ``5 wk``, ``7 mo``, ``2 y``.

    Args:
        moment: Seconds since the epoch.
        now: The same of now; the clock when None.
    """
    days = int(((time.time() if now is None else now) - moment) // 86_400)
    if days < 1:
        return "today"
    for unit, length, most in (("d", 1, 14), ("wk", 7, 70), ("mo", 30, 720)):
        if days < most:
            return f"{days // length} {unit}"
    return f"{days // 365} y"


def format_tokens(tokens: int) -> str:
    """Context lengths: ``16k``, ``128k``, ``512``; multiples of 1,024 as the field writes them."""
    return f"{tokens // 1024}k" if tokens >= 1024 else str(tokens)
