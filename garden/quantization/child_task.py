"""Quantizing and measuring as calls: a child does the work, this side checks, cleans up and writes the receipt."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from garden.core.errors import NotFoundError
from garden.core.messages import (
    MeasureOutput,
    MeasureQuality,
    PlanQuantization,
    Progress,
    QualityMeasured,
    QuantizationPlanned,
    Quantize,
    Quantized,
    QuantizeOutput,
)
from garden.core.model_ref import ModelRef
from garden.core.receipt import QualityReport, QuantizationForecast, QuantizationReceipt
from garden.core.write_failure import writing
from garden.gguf.byte_source import FileSource
from garden.gguf.header import GgufHeader, read_header
from garden.gguf.shard_set import shard_paths
from garden.process.scratch_folder import scratch_folder
from garden.process.task import run_task
from garden.quantization.claim import remove_leftover
from garden.quantization.file_hash import sha256_of
from garden.quantization.lineage import lineage_after
from garden.quantization.offered_types import canonical_type, check_type
from garden.quantization.plan import QuantizationRequest, check_source, check_target
from garden.quantization.quality_text import BUNDLED_NAME, bundled_text, read_text

#: A worker removes its unfinished file and ends at once; waiting longer would only delay the answer to a cancel.
_GRACE_SECONDS = 0.25

OnProgress = Callable[[Progress], None]


def forecast_quantizations(
    source: ModelRef, quant_types: Sequence[str], *, cancelled: threading.Event | None = None
) -> tuple[QuantizationForecast, ...]:
    """Exact sizes of what each type would make of a source, by the engine's dry run in one child.

    Sizes need no consent: a source that is quantized already is forecast too.

    Args:
        source: A model on this machine.
        quant_types: Names; types that need an importance matrix are told as such.
        cancelled: Set by whoever wants it to stop.

    Raises:
        GardenError: The source cannot be quantized, or a type is unknown.
    """
    path = local_path(source)
    names = tuple(canonical_type(name) for name in quant_types)
    lineage = lineage_after(source, _header(shard_paths(path)).metadata)
    request = PlanQuantization(source=str(path), quant_types=names, lineage=lineage)
    planned = run_task(
        "quantize", request, QuantizeOutput, QuantizationPlanned, cancelled=cancelled, grace_seconds=_GRACE_SECONDS
    )
    return planned.forecasts


def run_quantization(
    request: QuantizationRequest,
    *,
    threads: int,
    forecast_size_bytes: int | None = None,
    on_progress: OnProgress | None = None,
    cancelled: threading.Event | None = None,
) -> QuantizationReceipt:
    """Make the file. Whatever happens, the destination is the whole new file or what it was before.

    Args:
        request: What to make of what.
        threads: ≥ 1.
        forecast_size_bytes: What a forecast said before, for the receipt.
        on_progress: Bytes of weights read of all, the note is the tensor's name; called on other threads.
        cancelled: Set by whoever wants it to stop; the child ends and leaves nothing within half a second.

    Raises:
        RefusedError: Quantized already without consent, no such type, or the destination must not be written.
        GardenError: Anything else that went wrong; nothing is half-written.
    """
    path = local_path(request.source)
    quant_type = check_type(request.quant_type)
    shards = shard_paths(path)
    header = _header(shards)
    if len(shards) == 1:
        # Said before the file is hashed; of a set the child knows all tensors.
        check_source(header, request.allow_requantize)
    destination = request.destination.absolute()
    check_target(shards, destination)
    source_sha256 = request.source.sha256 or sha256_of(path, cancelled=cancelled)
    message = Quantize(
        source=str(path),
        destination=str(destination),
        quant_type=quant_type,
        threads=threads,
        allow_requantize=request.allow_requantize,
        lineage=lineage_after(request.source, header.metadata),
    )
    try:
        made = run_task(
            "quantize",
            message,
            QuantizeOutput,
            Quantized,
            on_progress=on_progress,
            cancelled=cancelled,
            grace_seconds=_GRACE_SECONDS,
        )
    finally:
        # A child that was killed could not do it; what another process makes of the same name is left alone.
        remove_leftover(destination)
    return QuantizationReceipt(
        quant_type=quant_type,
        path=made.path,
        size_bytes=made.size_bytes,
        bits_per_weight=made.bits_per_weight,
        seconds=made.seconds,
        peak_memory_bytes=made.peak_memory_bytes,
        sha256=made.sha256,
        source_path=str(path),
        source_sha256=source_sha256,
        tensors=made.tensors,
        source_quant_type=header.file_type or request.source.quant_type,
        requantized=made.requantized,
        fallbacks=made.fallbacks,
        engine_version=made.engine_version,
        forecast_size_bytes=forecast_size_bytes,
        finished_at=time.time(),
    )


def measure_quality(
    base: ModelRef,
    quants: Sequence[ModelRef],
    *,
    threads: int,
    text: Path | None = None,
    windows: int = 8,
    on_progress: OnProgress | None = None,
    cancelled: threading.Event | None = None,
) -> tuple[QualityReport, ...]:
    """Measure how far each quant's next-token distributions are from the base's.

    Args:
        base: What to compare with.
        quants: At least one model of the same vocabulary.
        threads: ≥ 1.
        text: UTF-8 text; None takes Garden's own.
        windows: Windows of 512 tokens at most, the second half of each is scored.
        on_progress: Tokens read of all, the note names the model; called on other threads.
        cancelled: Set by whoever wants it to stop.

    Returns:
        One report per quant, in order.

    Raises:
        GardenError: A model cannot be loaded, vocabularies differ, the text is too short, the disk is full.
    """
    content = bundled_text() if text is None else read_text(text)
    models = (base, *quants)
    with scratch_folder("quality") as folder:
        text_path = Path(folder) / "text.txt"
        with writing("The measurement's text"):
            text_path.write_text(content, "utf-8")
        message = MeasureQuality(
            base=str(local_path(base)),
            quants=tuple(str(local_path(quant)) for quant in quants),
            names=tuple(_label(model) for model in models),
            text_path=str(text_path),
            text_name=BUNDLED_NAME if text is None else text.name,
            windows=windows,
            threads=threads,
            cache_dir=folder,
        )
        measured = run_task(
            "measure",
            message,
            MeasureOutput,
            QualityMeasured,
            on_progress=on_progress,
            cancelled=cancelled,
            grace_seconds=_GRACE_SECONDS,
        )
    return measured.reports


def local_path(model: ModelRef) -> Path:
    """Where a model lies on this machine.

    Raises:
        NotFoundError: It is only on the Hub, or gone.
    """
    if not model.path:
        raise NotFoundError(f"“{model.name}” is not on this machine.", "Fetch it first.")
    path = Path(model.path).absolute()
    if not path.is_file():
        raise NotFoundError(f"“{path.name}” is no longer in {path.parent}.", "Put it back, or choose another model.")
    return path


def _header(shards: tuple[Path, ...]) -> GgufHeader:
    with FileSource(shards[0]) as source:
        return read_header(source)


def _label(model: ModelRef) -> str:
    quant_type = model.quant_type
    return model.name if not quant_type or quant_type in model.name else f"{model.name} {quant_type}"
