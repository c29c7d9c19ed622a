"""Child that quantizes one file, or says what several types would make of it."""

from __future__ import annotations

import dataclasses
import os
import threading
import time
from pathlib import Path

from garden.core.errors import EngineError, RefusedError
from garden.core.messages import (
    Message,
    PlanQuantization,
    Progress,
    QuantizationPlanned,
    Quantize,
    Quantized,
    QuantizeInput,
)
from garden.core.receipt import QuantizationForecast
from garden.engine import quantizer
from garden.engine.library import EngineLibrary
from garden.engine.quantizer import QuantizerPlan, QuantizerSettings
from garden.gguf.byte_source import FileSource
from garden.gguf.header import TensorInfo, read_header
from garden.gguf.quant_name import quant_type_named
from garden.gguf.shard_set import shard_paths
from garden.process.peak_memory import peak_memory_bytes
from garden.process.worker_channel import WorkerChannel, harden, outcome_of
from garden.quantization.lineage import LINEAGE_KEY
from garden.quantization.offered_types import IMATRIX_TYPES, canonical_type, check_type
from garden.quantization.part_file import PartFile, check_space
from garden.quantization.plan import check_source, check_target, is_quantized


class Quantization:
    """The work of one child. The engine cannot be interrupted, so a cancel ends the process.

    Attributes:
        part: The unfinished file, None in a dry run.
    """

    def __init__(self) -> None:
        self.part: PartFile | None = None
        self._lock = threading.Lock()
        self._committed = False

    def cancel(self) -> None:
        """Remove the unfinished file and end the process now; once the file is whole it is too late."""
        with self._lock:
            if self._committed:
                return
            if self.part is not None:
                self.part.discard()
            # No clean-up handlers: the engine is in the middle of its work on other threads.
            os._exit(1)

    def run(self, request: Quantize, channel: WorkerChannel[QuantizeInput]) -> Message:
        """Make the file, or plan one type when the request is a dry run."""
        if request.dry_run:
            source = _Source(Path(request.source), request.lineage)
            name = canonical_type(request.quant_type)
            plan = source.plan(name)
            check_source(source.header, request.allow_requantize)
            return _quantized(source, name, plan)
        return self._make(request, channel)

    def _make(self, request: Quantize, channel: WorkerChannel[QuantizeInput]) -> Message:
        name = check_type(request.quant_type)
        destination = Path(request.destination)
        source = _Source(Path(request.source), request.lineage)
        check_target(source.shards, destination)
        plan = source.plan(name)
        check_source(source.header, request.allow_requantize)
        check_space(destination.parent, plan.size_bytes)
        settings = source.settings(name, request.threads, request.allow_requantize)
        total = plan.source_bytes

        def on_tensor(tensor: str, done: int) -> None:
            channel.emit(Progress(done=done, total=total, note="".join(c for c in tensor if c.isprintable())))

        part = PartFile(destination)
        with self._lock:
            part.claim()
            self.part = part
        try:
            started = time.monotonic()
            quantizer.quantize(source.library, source.shards[0], part.path, settings, on_tensor, destination.name)
            channel.emit(Progress(done=total, total=total, note="Writing to disk"))
            size_bytes = part.flush()
            seconds = time.monotonic() - started
            peak = peak_memory_bytes()
            if size_bytes != plan.size_bytes:
                raise EngineError(
                    "The file came out in another size than planned, so it was thrown away.",
                    "Try again; the disk may be full.",
                    f"{size_bytes} bytes written, {plan.size_bytes} planned",
                )
            sha256 = part.sha256()
            with self._lock:
                part.commit()
                self._committed = True
        except BaseException:
            with self._lock:
                part.discard()
            raise
        return _quantized(
            source,
            name,
            plan,
            path=str(destination),
            seconds=seconds,
            peak_memory_bytes=peak,
            sha256=sha256,
        )


class _Source:
    """The file, or the set of shards, read by the bounded reader before the engine sees it.

    Attributes:
        library: The engine.
        shards: All files, the first shard first.
        header: Of the first shard; once planned, with the tensors of all.
    """

    def __init__(self, path: Path, lineage: str) -> None:
        # The processor does all of it: a GPU need not be woken for it.
        self.library = EngineLibrary(())
        self.shards = shard_paths(path)
        self._lineage = lineage
        self._metadata_bytes: int | None = None
        with FileSource(self.shards[0]) as source:
            self.header = read_header(source)
        if len(self.shards) == 1:
            # The engine "succeeds" on a file without weights, so it is not even asked.
            check_source(self.header, allow_requantize=True)

    def settings(self, name: str, threads: int = 1, allow_requantize: bool = False) -> QuantizerSettings:
        """What the engine is told."""
        known = quant_type_named(name)
        if known is None:
            raise RefusedError(f"“{name}” has no number in the engine.", "Choose another type.")
        return QuantizerSettings(
            file_type=known.ftype,
            threads=max(1, threads),
            allow_requantize=allow_requantize,
            metadata=((LINEAGE_KEY, self._lineage),) if self._lineage else (),
            source_alignment=self.header.alignment,
        )

    def plan(self, name: str) -> QuantizerPlan:
        """The engine's dry run."""
        plan = quantizer.plan(self.library, self.shards, self.settings(name), self._metadata_bytes)
        self._metadata_bytes = plan.metadata_bytes
        if len(self.shards) > 1:
            tensors = tuple(
                TensorInfo(name=t.name, shape=t.shape, ggml_type=t.source_type, offset=0, size_bytes=t.source_bytes)
                for t in plan.tensors
            )
            self.header = dataclasses.replace(self.header, tensors=tensors)
        return plan


def plan_all(request: PlanQuantization) -> QuantizationPlanned:
    """Dry runs of several types on one source; a size needs no consent."""
    source = _Source(Path(request.source), request.lineage)
    forecasts = []
    for quant_type in request.quant_types:
        name = canonical_type(quant_type)
        plan = source.plan(name)
        check_source(source.header, allow_requantize=True)
        forecasts.append(
            QuantizationForecast(
                quant_type=name,
                size_bytes=plan.size_bytes,
                bits_per_weight=plan.bits_per_weight,
                tensors=plan.types,
                fallbacks=plan.fallbacks,
                needs_imatrix=plan.needs_imatrix or name in IMATRIX_TYPES,
            )
        )
    return QuantizationPlanned(forecasts=tuple(forecasts))


def main() -> int:
    """Serve one request."""
    harden()
    work = Quantization()
    channel: WorkerChannel[QuantizeInput] = WorkerChannel(QuantizeInput, work.cancel)
    request = channel.receive()
    match request:
        case Quantize():
            channel.emit(outcome_of(lambda: work.run(request, channel)))
        case PlanQuantization():
            channel.emit(outcome_of(lambda: plan_all(request)))
    return 0


def _quantized(
    source: _Source,
    name: str,
    plan: QuantizerPlan,
    *,
    path: str = "",
    seconds: float = 0.0,
    peak_memory_bytes: int = 0,
    sha256: str = "",
) -> Quantized:
    return Quantized(
        quant_type=name,
        path=path,
        size_bytes=plan.size_bytes,
        bits_per_weight=plan.bits_per_weight,
        seconds=seconds,
        peak_memory_bytes=peak_memory_bytes,
        sha256=sha256,
        tensors=plan.types,
        fallbacks=plan.fallbacks,
        needs_imatrix=plan.needs_imatrix or name in IMATRIX_TYPES,
        engine_version=source.library.version,
        requantized=is_quantized(source.header),
    )
