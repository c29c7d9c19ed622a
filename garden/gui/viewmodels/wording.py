"""The words for verdicts, licences, tasks and ages: one way to say each, on every page."""

from __future__ import annotations

import datetime
import time

from garden.core.fit_forecast import FitForecast, Placement, Verdict
from garden.core.licence import LicenceClass, licence_of
from garden.core.model_traits import ArchitectureKind

_WORDS = {
    Verdict.TIGHT: "Tight",
    Verdict.TOO_LARGE: "Too large",
    Verdict.UNSUPPORTED: "Engine cannot run it",
    Verdict.NOT_A_LANGUAGE_MODEL: "Not a language model",
    Verdict.UNKNOWN: "Unknown",
}

_PLACED = {Placement.GPU: "Runs on GPU", Placement.SPLIT: "Split", Placement.CPU: "Runs on CPU", Placement.NONE: "Fits"}

_KINDS = {
    ArchitectureKind.DENSE: "Dense",
    ArchitectureKind.MOE: "MoE",
    ArchitectureKind.RECURRENT: "Recurrent",
    ArchitectureKind.HYBRID: "Hybrid",
}

_LICENSE_CLASSES = {
    LicenceClass.PERMISSIVE: "Permissive",
    LicenceClass.COPYLEFT: "Copyleft",
    LicenceClass.RESTRICTED: "Restricted use",
    LicenceClass.NON_COMMERCIAL: "Non-commercial",
    LicenceClass.UNKNOWN: "Unknown",
}

_TASKS = {
    "text-generation": "Text generation",
    "image-text-to-text": "Images and text",
    "text2text-generation": "Text to text",
    "feature-extraction": "Embeddings",
    "sentence-similarity": "Embeddings",
    "automatic-speech-recognition": "Speech to text",
    "text-to-image": "Images",
    "any-to-any": "Any to any",
    "text-ranking": "Ranking",
    "text-to-speech": "Speech",
}


def verdict_word(forecast: FitForecast, *, layers: bool = False) -> str:
    """The verdict as it stands in a list.

    Args:
        forecast: What was forecast.
        layers: Whether a split names its layers, ``Split 15/37``.
    """
    if forecast.verdict is not Verdict.FITS:
        return _WORDS[forecast.verdict]
    word = _PLACED[forecast.placement]
    if layers and forecast.placement is Placement.SPLIT and forecast.n_layers and forecast.n_gpu_layers is not None:
        return f"{word} {forecast.n_gpu_layers}/{forecast.n_layers}"
    return word


def license_name(license_id: str) -> str:
    """``Apache-2.0`` for ``apache-2.0``; an id that has no usual spelling stays as it is."""
    return licence_of(license_id).name


def kind_word(kind: ArchitectureKind) -> str:
    """``MoE`` for a mixture of experts."""
    return _KINDS[kind]


def license_class_word(license_class: LicenceClass) -> str:
    """``Restricted use`` for a licence that allows some uses only."""
    return _LICENSE_CLASSES[license_class]


def task_name(pipeline_tag: str) -> str:
    """``Text generation`` for ``text-generation``."""
    return _TASKS.get(pipeline_tag, pipeline_tag.replace("-", " ").capitalize())


def age(then: float | None, now: float | None = None) -> str:
    """``2 min ago``, ``3 h ago``, ``yesterday``, ``9 Nov``, ``never``.

    Args:
        then: Seconds since the epoch, None for never.
        now: Seconds since the epoch; the clock when None.
    """
    if then is None:
        return "never"
    now = time.time() if now is None else now
    seconds = max(0.0, now - then)
    if seconds < 60:
        return "just now"
    if seconds < 3_600:
        return f"{int(seconds // 60)} min ago"
    day, today = time.localtime(then), time.localtime(now)
    if day[:3] == today[:3]:
        return f"{int(seconds // 3_600)} h ago"
    if time.localtime(now - 86_400)[:3] == day[:3]:
        return "yesterday"
    return date(then, with_year=day.tm_year != today.tm_year)


def date(then: float, *, with_year: bool = True) -> str:
    """``9 Nov 2026``."""
    day = time.localtime(then)
    month = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")[day.tm_mon - 1]
    return f"{day.tm_mday} {month} {day.tm_year}" if with_year else f"{day.tm_mday} {month}"


def iso_date(text: str | None) -> str:
    """``9 Nov`` for an ISO 8601 date of this year, ``9 Nov 2025`` for an earlier one, ``some day`` when it is none."""
    try:
        then = datetime.datetime.fromisoformat(text or "").timestamp()
    except (ValueError, OverflowError):
        return "some day"
    return date(then, with_year=time.localtime(then).tm_year != time.localtime().tm_year)


def clock(then: float, now: float | None = None) -> str:
    """``02:14`` for today, ``9 Nov`` for an earlier day."""
    now = time.time() if now is None else now
    moment, today = time.localtime(then), time.localtime(now)
    if moment[:3] == today[:3]:
        return f"{moment.tm_hour:02}:{moment.tm_min:02}"
    return date(then, with_year=moment.tm_year != today.tm_year)


def short_hash(sha256: str) -> str:
    """``9f1c 42ab 07d3 … 6e5b``: enough to compare by eye."""
    return f"{sha256[:4]} {sha256[4:8]} {sha256[8:12]} … {sha256[-4:]}"


def about(name: str, sentence: str) -> str:
    """A sentence that says which of several things it is about, unless it does so already."""
    return sentence if name in sentence else f"{name}: {sentence}"
