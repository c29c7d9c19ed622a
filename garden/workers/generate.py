"""Child that holds one model and answers with it, request after request, until its input closes."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from garden.core.conversation import FinishReason, GenerationMetrics
from garden.core.errors import CancelledByUser, GardenError, InvalidFileError, NotFoundError, RefusedError
from garden.core.messages import (
    BufferUse,
    Generate,
    Generated,
    GenerateInput,
    GenerationFailed,
    LoadModel,
    Message,
    ModelLoaded,
    Progress,
    PromptRead,
    PromptRendered,
)
from garden.core.run_configuration import LoadParameters, RunConfiguration
from garden.engine.context import CacheFull, Context
from garden.engine.library import EngineLibrary
from garden.engine.model import Model
from garden.engine.sampler import Sampler
from garden.fit.architectures import NO_RECURRENT_LAYER
from garden.fit.model_shape import lacks_recurrence
from garden.gguf.byte_source import FileSource
from garden.gguf.header import read_header
from garden.gguf.shard_set import shard_paths
from garden.hardware.gpu_memory import GpuMemoryMeter
from garden.hardware.memory import read_memory
from garden.inference.chat_template import template_sha256
from garden.inference.delta_batch import DeltaBatch
from garden.inference.prompt import Prompt, PromptBuilder
from garden.inference.text_stream import TextStream
from garden.process.freed_memory import return_freed_memory
from garden.process.memory_limit import limit_growth
from garden.process.peak_memory import peak_memory_bytes
from garden.process.worker_channel import WorkerChannel, harden, outcome_of

#: Progress of a load is told so often at most.
_REPORT_SECONDS: Final = 0.05

#: Room for the allocator's reserves and for the stacks of threads, which take addresses but no memory.
_ADDRESS_MARGIN_BYTES: Final = 2 * 1024**3
_ADDRESSES_PER_THREAD: Final = 160 * 1024**2


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """What answers are made with."""

    model: Model
    context: Context
    prompts: PromptBuilder
    buffers: tuple[BufferUse, ...]
    gpu_memory: GpuMemoryMeter

    @property
    def buffers_bytes(self) -> int:
        """Sum of the engine's buffers."""
        return sum(use.weights_bytes + use.context_bytes + use.compute_bytes for use in self.buffers)

    @property
    def gpu_bytes(self) -> int | None:
        """By how much the GPUs have less free now than before the load; None where they do not say.

        Drivers keep what an answer made them take, so that this is the high-water mark as well.
        """
        devices = self.gpu_memory.taken(self.model.library.devices())
        return sum(max(0, device.taken_bytes) for device in devices) or None


class GenerateWorker:
    """Serves the requests of one parent; the model stays loaded between them."""

    def __init__(self) -> None:
        self._channel: WorkerChannel[Message] = WorkerChannel(GenerateInput, self._on_cancel)
        self._loaded: LoadedModel | None = None
        self._reported_at = 0.0

    def run(self) -> int:
        """Serve until the parent closes the input."""
        request = self._channel.receive()
        if not isinstance(request, LoadModel):
            return 0
        outcome = outcome_of(lambda: self._load(request.configuration))
        self._channel.emit(outcome)
        while self._loaded is not None:
            message = self._channel.receive()
            if message is None:
                break
            if isinstance(message, Generate):
                self._channel.emit(self._answer(message, self._loaded))
        # The process ends here and the system takes the memory back, faster than llama.cpp would free it.
        return 0

    def _on_cancel(self) -> None:
        if self._loaded is not None:
            self._loaded.context.cancel()

    def _load(self, configuration: RunConfiguration) -> ModelLoaded:
        started = time.perf_counter()
        path = _first_file(configuration)
        # Before the engine is loaded: what drivers say then counts nothing of this process.
        gpu_memory = GpuMemoryMeter()
        library = EngineLibrary()
        gpu_memory.begin(library.devices())
        _limit_memory(library, configuration.load, path)
        model = Model(library, path, configuration.load, on_progress=self._report_load)
        return_freed_memory()
        if not model.generates_text:
            raise RefusedError(f"{path.name} does not generate text.", "Choose a language model.")
        context = Context(model, configuration.load)
        context.warm_up()
        prompts = PromptBuilder(model.vocabulary, model.chat_template)
        loaded = LoadedModel(model, context, prompts, context.buffers(), gpu_memory)
        self._loaded = loaded
        return ModelLoaded(
            configuration=_resolved(configuration, loaded),
            buffers=loaded.buffers,
            kv_cache_bytes=sum(use.context_bytes for use in loaded.buffers),
            load_seconds=time.perf_counter() - started,
            resident_bytes=psutil.Process().memory_info().rss,
            vocab_size=model.vocabulary.size,
            has_template=model.chat_template is not None,
            engine_version=library.version,
            cpu_features=library.cpu_features(),
            peak_resident_bytes=peak_memory_bytes(),
            gpu_free=gpu_memory.taken(library.devices()),
        )

    def _report_load(self, fraction: float) -> bool:
        now = time.monotonic()
        if fraction >= 1 or now - self._reported_at >= _REPORT_SECONDS:
            self._reported_at = now
            self._channel.emit(Progress(done=round(fraction * 1000), total=1000))
        return not self._channel.cancelled.is_set()

    def _answer(self, request: Generate, loaded: LoadedModel) -> Message:
        loaded.context.rearm()
        if self._channel.cancelled.is_set():
            loaded.context.cancel()
        try:
            return _Answer(request, loaded, self._channel).make()
        except GardenError as error:
            return GenerationFailed(
                request_id=request.request_id,
                kind=type(error).__name__,
                sentence=error.sentence,
                action=error.action,
                detail=error.detail,
            )


class _Answer:
    """One answer in the making.

    Args:
        request: What is asked.
        loaded: Who answers.
        channel: Where its parts go.
    """

    def __init__(self, request: Generate, loaded: LoadedModel, channel: WorkerChannel[Message]) -> None:
        self._request = request
        self._loaded = loaded
        self._channel = channel
        self._stream = TextStream(request.ask.stops)
        self._deltas = DeltaBatch(channel.emit, request.request_id)
        self._tokens: list[int] = []
        self._read_at = self._first_at = self._last_at = 0.0

    def make(self) -> Generated:
        """Render, read and write.

        Raises:
            GardenError: It failed; the model can be asked again.
        """
        started = time.perf_counter()
        prompt = self._loaded.prompts.build(self._request.messages, self._request.ask)
        tokens = list(prompt.tokens)
        reused = self._reuse(prompt, tokens)
        reading_from = time.perf_counter()
        finish = self._write_after(tokens)
        self._deltas.finish(self._stream.finish())
        answered = bool(self._tokens)
        prefill = _rate(len(tokens) - reused, self._read_at - reading_from)
        return Generated(
            request_id=self._request.request_id,
            text=self._stream.text,
            token_ids=tuple(self._tokens),
            finish_reason=finish,
            metrics=GenerationMetrics(
                prompt_tokens=len(tokens),
                reused_tokens=reused,
                completion_tokens=len(self._tokens),
                time_to_first_token_ms=(self._first_at - started) * 1000 if answered else None,
                prefill_tokens_per_second=prefill if answered else None,
                decode_tokens_per_second=_rate(len(self._tokens) - 1, self._last_at - self._first_at),
                buffers_bytes=self._loaded.buffers_bytes,
                peak_memory_bytes=peak_memory_bytes(),
                gpu_peak_bytes=self._loaded.gpu_bytes,
            ),
        )

    def _reuse(self, prompt: Prompt, tokens: list[int]) -> int:
        context = self._loaded.context
        try:
            reused = context.reuse(tokens)
        except CacheFull:
            raise RefusedError(
                f"The prompt has {len(tokens):,} tokens and this pane's context holds {context.length:,}.",
                "Choose a larger context, or shorten the prompt.",
            ) from None
        self._channel.emit(
            PromptRendered(
                request_id=self._request.request_id, text=prompt.text, token_ids=prompt.tokens, reused_tokens=reused
            )
        )
        return reused

    def _write_after(self, prompt: list[int]) -> FinishReason:
        context = self._loaded.context
        ask = self._request.ask
        sampler = Sampler(self._loaded.model, ask.sampling, ask.seed, context_length=context.length)
        try:
            context.read(prompt, lambda held: self._report_reading(held, len(prompt)))
            self._read_at = time.perf_counter()
            sampler.remember(prompt)
            for token in context.generate(sampler, ignore_eos=self._request.ignore_eos):
                self._take(token)
                if self._stream.stopped:
                    return FinishReason.STOP
                if len(self._tokens) >= ask.max_tokens:
                    return FinishReason.LENGTH
        except CancelledByUser:
            return FinishReason.CANCELLED
        except CacheFull:
            return FinishReason.CONTEXT
        finally:
            sampler.close()
        return FinishReason.STOP

    def _take(self, token: int) -> None:
        self._last_at = time.perf_counter()
        if not self._tokens:
            self._first_at = self._last_at
        self._tokens.append(token)
        self._deltas.add(token, self._stream.feed(self._loaded.model.vocabulary.piece(token)))

    def _report_reading(self, held: int, total: int) -> None:
        self._channel.emit(PromptRead(request_id=self._request.request_id, done=held, total=total))


def _first_file(configuration: RunConfiguration) -> Path:
    """The file that the engine is given.

    Raises:
        NotFoundError: It is not there.
        InvalidFileError: It is not a whole GGUF file.
    """
    named = configuration.model.path
    path = Path(named or "")
    if not named or not path.exists():
        raise NotFoundError(f"There is no file {path}.", "Check the path, or fetch the model again.")
    if not path.is_file():
        raise InvalidFileError(f"{path} is not a file.", "Choose a GGUF file.")
    shards = shard_paths(path)
    # The bounded reader first: it says what is wrong with a file that llama.cpp would only refuse, or crash on.
    for shard in shards:
        with FileSource(shard) as source:
            header = read_header(source)
        if lacks_recurrence(header):
            raise InvalidFileError(f"{path.name}: {NO_RECURRENT_LAYER.reason}", NO_RECURRENT_LAYER.suggestion)
    return shards[0]


def _limit_memory(library: EngineLibrary, load: LoadParameters, path: Path) -> None:
    """Let a load that cannot fit fail by itself, before the system starts to swap or to kill."""
    if library.offloads_to_gpu():
        return
    available = read_memory().available_bytes + psutil.swap_memory().free
    mapped = sum(shard.stat().st_size for shard in shard_paths(path)) if load.load_mode == "mmap" else 0
    threads = max(load.threads, load.threads_batch) * _ADDRESSES_PER_THREAD
    limit_growth(available + mapped + threads + _ADDRESS_MARGIN_BYTES)


def _resolved(configuration: RunConfiguration, loaded: LoadedModel) -> RunConfiguration:
    """The configuration with what the engine chose written in."""
    source = loaded.prompts.template_source(configuration.ask.template)
    offloads = loaded.model.library.offloads_to_gpu()
    resolved = configuration.with_load(
        context_length=loaded.context.total_length,
        flash_attention="on" if loaded.context.flash_attention else "off",
        n_gpu_layers=min(configuration.load.n_gpu_layers, loaded.model.n_layers + 1) if offloads else 0,
    )
    return resolved.with_ask(
        template=configuration.ask.template if source is not None else "none",
        template_sha256=template_sha256(source) if source is not None else None,
    )


def _rate(count: int, seconds: float) -> float | None:
    """Per second; None for nothing, or in no time."""
    return count / seconds if count > 0 and seconds > 0 else None


def main() -> int:
    """Entry point of the child."""
    harden()
    code = GenerateWorker().run()
    # Not through the interpreter's own end: the engine's threads and its log may still call into it.
    os._exit(code)
