"""Child that holds one model and answers with it, request after request, until its input closes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

import psutil

from garden.core.conversation import FinishReason, GenerationMetrics
from garden.core.errors import CancelledByUser, GardenError, InvalidFileError, RefusedError
from garden.core.messages import (
    Delta,
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
from garden.core.run_configuration import RunConfiguration
from garden.engine.context import CacheFull, Context
from garden.engine.library import EngineLibrary
from garden.engine.model import Model
from garden.engine.sampler import Sampler
from garden.gguf.byte_source import FileSource
from garden.gguf.header import read_header
from garden.gguf.shard_set import shard_paths
from garden.inference.chat_template import ChatTemplate, split_by_trust, template_sha256
from garden.inference.text_stream import TextStream
from garden.process.peak_memory import peak_memory_bytes
from garden.process.worker_channel import WorkerChannel, harden, outcome_of

#: Tokens are sent together for this long, but the first one at once: a reader sees 60 updates a second at most.
_BATCH_SECONDS: Final = 0.015


class GenerateWorker:
    """The state between requests: the loaded model and its context."""

    def __init__(self) -> None:
        self._channel: WorkerChannel[Message] = WorkerChannel(GenerateInput, self._on_cancel)
        self._context: Context | None = None
        self._model: Model | None = None
        self._templates: dict[str, ChatTemplate] = {}
        self._buffers_bytes: int | None = None

    def run(self) -> int:
        """Serve until the parent closes the input."""
        request = self._channel.receive()
        if not isinstance(request, LoadModel):
            return 0
        outcome = outcome_of(lambda: self._load(request.configuration))
        self._channel.emit(outcome)
        while isinstance(outcome, ModelLoaded):
            message = self._channel.receive()
            if message is None:
                break
            if isinstance(message, Generate):
                self._channel.emit(self._answer(message))
        # The process ends here and the system takes the memory back, faster than llama.cpp would free it.
        return 0

    def _on_cancel(self) -> None:
        if self._context is not None:
            self._context.cancel()

    def _load(self, configuration: RunConfiguration) -> ModelLoaded:
        started = time.perf_counter()
        path = Path(configuration.model.path or "")
        if not configuration.model.path or not path.is_file():
            raise InvalidFileError(f"There is no file {path}.", "Check the path, or fetch the model again.")
        # The bounded reader first: it says what is wrong with a file that llama.cpp would only refuse, or crash on.
        for shard in shard_paths(path):
            with FileSource(shard) as source:
                read_header(source)
        library = EngineLibrary()
        model = self._model = Model(library, path, configuration.load, on_progress=self._report_load)
        if not model.generates_text:
            raise RefusedError(f"{path.name} does not generate text.", "Choose a language model.")
        context = Context(model, configuration.load)
        context.warm_up()
        buffers = context.buffers()
        self._buffers_bytes = sum(b.weights_bytes + b.context_bytes + b.compute_bytes for b in buffers)
        self._context = context
        return ModelLoaded(
            configuration=self._resolved(configuration, context),
            buffers=buffers,
            kv_cache_bytes=sum(buffer.context_bytes for buffer in buffers),
            load_seconds=time.perf_counter() - started,
            resident_bytes=psutil.Process().memory_info().rss,
            vocab_size=model.vocabulary.size,
            has_template=model.chat_template is not None,
            engine_version=library.version,
            cpu_features=library.cpu_features(),
            warnings=self._warnings(configuration),
        )

    def _report_load(self, fraction: float) -> bool:
        self._channel.emit(Progress(done=round(fraction * 1000), total=1000))
        return not self._channel.cancelled.is_set()

    def _resolved(self, configuration: RunConfiguration, context: Context) -> RunConfiguration:
        """The configuration with what the engine chose written in."""
        assert self._model is not None
        source = self._template_source(configuration.ask.template)
        resolved = configuration.with_load(
            context_length=context.length * configuration.load.n_sequences,
            flash_attention="on" if context.flash_attention else "off",
            n_gpu_layers=min(configuration.load.n_gpu_layers, self._model.n_layers + 1),
        )
        return resolved.with_ask(
            template=configuration.ask.template if source is not None else "none",
            template_sha256=template_sha256(source) if source is not None else None,
        )

    def _warnings(self, configuration: RunConfiguration) -> tuple[str, ...]:
        assert self._model is not None
        found = []
        if configuration.ask.template == "file" and self._model.chat_template is None:
            found.append("This is a base model without a chat template: it continues your text instead of answering.")
        if configuration.load.context_length > self._model.trained_context_length:
            found.append(
                f"The model was trained for {self._model.trained_context_length:,} tokens, not for this context."
            )
        return tuple(found)

    def _template_source(self, template: str) -> str | None:
        assert self._model is not None
        if template == "none":
            return None
        return self._model.chat_template if template == "file" else template

    def _answer(self, request: Generate) -> Message:
        assert self._context is not None
        self._context.rearm()
        if self._channel.cancelled.is_set():
            self._context.cancel()
        try:
            return self._generate(request, self._context)
        except GardenError as error:
            return GenerationFailed(
                request_id=request.request_id, sentence=error.sentence, action=error.action, detail=error.detail
            )

    def _render(self, request: Generate) -> tuple[str, list[int]]:
        """The exact text and tokens that the model receives."""
        assert self._model is not None
        vocabulary = self._model.vocabulary
        contents = [message.content for message in request.messages]
        source = self._template_source(request.ask.template)
        if source is None:
            text = "\n\n".join(contents)
            return text, vocabulary.tokenize(text, add_special=True, parse_special=False)
        template = self._templates.get(source)
        if template is None:
            bos, eos = vocabulary.text_of(vocabulary.bos), vocabulary.text_of(vocabulary.eos)
            template = self._templates[source] = ChatTemplate(source, bos=bos, eos=eos)
        text = template.render(request.messages)
        control = vocabulary.control_texts()
        pieces = split_by_trust(text, contents, lambda part: any(marker in part for marker in control))
        tokens: list[int] = []
        for index, (piece, trusted) in enumerate(pieces):
            # A template that writes the begin token itself must not get a second one.
            begins = index == 0 and not (
                vocabulary.bos is not None and text.startswith(vocabulary.text_of(vocabulary.bos))
            )
            tokens += vocabulary.tokenize(piece, add_special=begins, parse_special=trusted)
        return text, tokens

    def _generate(self, request: Generate, context: Context) -> Generated:
        assert self._model is not None
        started = time.perf_counter()
        text, prompt = self._render(request)
        if not prompt:
            raise RefusedError("There is nothing to answer.", "Write a prompt first.")
        request_id = request.request_id
        stream = TextStream(request.ask.stops)
        tokens: list[int] = []
        reused, finish, first_at, reading_from = 0, FinishReason.STOP, 0.0, time.perf_counter()
        read_at = reading_from

        def report(held: int) -> None:
            self._channel.emit(PromptRead(request_id=request_id, done=held, total=len(prompt)))

        self._channel.emit(PromptRendered(request_id=request_id, text=text, token_ids=tuple(prompt), reused_tokens=0))
        sampler = Sampler(self._model, request.ask.sampling, request.ask.seed)
        try:
            reused = context.read_prompt(prompt, report if len(prompt) > 256 else None)
            read_at = time.perf_counter()
            pending_text, pending_tokens, sent_at = "", [], 0.0
            finish = FinishReason.STOP
            for token in context.generate(sampler, ignore_eos=request.ignore_eos):
                now = time.perf_counter()
                first_at = first_at or now
                tokens.append(token)
                pending_tokens.append(token)
                pending_text += stream.feed(self._model.vocabulary.piece(token))
                if now - sent_at >= _BATCH_SECONDS:
                    self._channel.emit(Delta(request_id=request_id, text=pending_text, token_ids=tuple(pending_tokens)))
                    pending_text, pending_tokens, sent_at = "", [], now
                if stream.stopped:
                    break
                if len(tokens) >= request.ask.max_tokens:
                    finish = FinishReason.LENGTH
                    break
            pending_text += stream.finish()
            if pending_text or pending_tokens:
                self._channel.emit(Delta(request_id=request_id, text=pending_text, token_ids=tuple(pending_tokens)))
        except CancelledByUser:
            finish = FinishReason.CANCELLED
            stream.finish()
        except CacheFull:
            if not tokens:
                raise RefusedError(
                    f"The prompt has {len(prompt):,} tokens and this pane's context holds {context.length:,}.",
                    "Choose a larger context, or shorten the prompt.",
                ) from None
            finish = FinishReason.CONTEXT
            stream.finish()
        finally:
            sampler.close()
        ended = time.perf_counter()
        return Generated(
            request_id=request_id,
            text=stream.text,
            token_ids=tuple(tokens),
            finish_reason=finish,
            metrics=GenerationMetrics(
                prompt_tokens=len(prompt),
                reused_tokens=reused,
                completion_tokens=len(tokens),
                time_to_first_token_ms=(first_at - started) * 1000 if first_at else None,
                prefill_tokens_per_second=_rate(len(prompt) - reused, read_at - reading_from) if first_at else None,
                decode_tokens_per_second=_rate(len(tokens) - 1, ended - first_at) if first_at else None,
                buffers_bytes=self._buffers_bytes,
                peak_memory_bytes=peak_memory_bytes(),
            ),
        )


def _rate(count: int, seconds: float) -> float | None:
    """Per second; None for nothing, or in no time."""
    return count / seconds if count > 0 and seconds > 0 else None


def main() -> int:
    """Entry point of the child."""
    harden()
    return GenerateWorker().run()
