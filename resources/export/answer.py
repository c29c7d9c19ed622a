#!/usr/bin/env python3
"""Answer with one model exactly as it was configured in Garden.

    python answer.py                  the prompt below
    python answer.py "A question"     another prompt, through the model's own chat template
    python answer.py --tokens         the answer's token ids as JSON instead of its text
    python answer.py --margins        per token how far the best stood above the second best, as JSON
    python answer.py --model FILE     the same model at another place

Needs llama-cpp-python and the standard library. The first answer of a conversation is the same, token by token, on the
same engine build and the same processor. After several turns, where Garden had the earlier ones still in its cache, or
on another build or processor, a near tie of two tokens may fall otherwise, and the text goes on from there.
"""

from __future__ import annotations

import argparse
import codecs
import ctypes
import hashlib
import heapq
import importlib.metadata
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn, TextIO

# What was chosen and what the engine made of it.
CONFIGURATION: dict[str, Any] = {}

# The engine prints to standard output; the answer alone goes there.
OUTPUT: TextIO = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)

# Threads that wait sleep instead of spinning; on a busy machine that is several times as fast.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

try:
    import llama_cpp
except ImportError:
    sys.exit("llama-cpp-python is not installed. Run: pip install llama-cpp-python")

CACHE_TYPES = {"f32": 0, "f16": 1, "q4_0": 2, "q4_1": 3, "q5_0": 6, "q5_1": 7, "q8_0": 8, "bf16": 30}
DRY_BREAKERS = (b"\n", b":", b'"', b"*")
ENGINE_ERRORS: list[str] = []


class TensorPlacement(ctypes.Structure):
    """Which tensors go into which kind of memory: ``llama_model_tensor_buft_override``."""

    _fields_ = (("pattern", ctypes.c_char_p), ("buffer_type", ctypes.c_void_p))


@llama_cpp.llama_log_callback
def keep_errors(level: int, text: bytes, _data: object) -> None:
    """Keep what the engine complains of for the case that it fails."""
    if level == 4:
        ENGINE_ERRORS.append(text.decode("utf-8", "replace").strip())


def fail(sentence: str) -> NoReturn:
    """End with one sentence and what the engine had to say."""
    sys.exit("\n".join([sentence, *ENGINE_ERRORS[-5:]]))


def find_model(given: str | None) -> Path:
    """The model file: as given, where it was, or beside this script."""
    model = CONFIGURATION["model"]
    name = Path(model["filenames"][0].replace("\\", "/")).name
    places = [Path(given)] if given else [Path(model["path"])] if model["path"] else []
    if not given:
        places += [Path(__file__).resolve().parent / name, Path(name)]
    for place in places:
        if place.is_file():
            return place
    source = f" It comes from {model['repo_id']} on the Hub." if model["repo_id"] else ""
    fail(f"The model file {name} was not found; name it with --model.{source}")


def verify(path: Path) -> None:
    """Compare the file with the hash of the one that was configured."""
    expected = CONFIGURATION["model"]["sha256"]
    if not expected:
        return
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else slow(stream)
    if found != expected:
        fail(f"{path} is another file than the one that was configured (SHA-256 {found}, expected {expected}).")


def slow(stream: Any) -> str:
    """Hash piece by piece, before Python 3.11."""
    digest = hashlib.sha256()
    while piece := stream.read(1 << 20):
        digest.update(piece)
    return digest.hexdigest()


def buffer_type(device: str) -> Any:
    """The kind of memory that a device's name stands for."""
    library = llama_cpp.llama_cpp._lib
    if device == "CPU":
        library.ggml_backend_cpu_buffer_type.restype = ctypes.c_void_p
        return library.ggml_backend_cpu_buffer_type()
    library.ggml_backend_dev_by_name.restype = ctypes.c_void_p
    library.ggml_backend_dev_buffer_type.restype = ctypes.c_void_p
    found = library.ggml_backend_dev_by_name(ctypes.c_char_p(device.encode()))
    if not found:
        fail(f"This engine has no device named {device}.")
    return library.ggml_backend_dev_buffer_type(ctypes.c_void_p(found))


class Model:
    """The loaded model, its context and its vocabulary."""

    def __init__(self, path: Path) -> None:
        load = CONFIGURATION["load"]
        llama_cpp.llama_log_set(keep_errors, ctypes.c_void_p(0))
        llama_cpp.llama_backend_init()
        model = llama_cpp.llama_model_default_params()
        model.n_gpu_layers = load["n_gpu_layers"]
        model.load_mode = (
            llama_cpp.LLAMA_LOAD_MODE_MMAP if load["load_mode"] == "mmap" else llama_cpp.LLAMA_LOAD_MODE_NONE
        )
        model.use_extra_bufts = load["repack"]
        placements = (TensorPlacement * (len(load["tensor_placement"]) + 1))()
        for entry, (pattern, device) in zip(placements, load["tensor_placement"]):  # noqa: B905 - one longer: the end
            entry.pattern, entry.buffer_type = pattern.encode(), buffer_type(device)
        if load["tensor_placement"]:
            model.tensor_buft_overrides = ctypes.cast(placements, ctypes.c_void_p)
        self.model = llama_cpp.llama_model_load_from_file(os.fsencode(path), model)
        if not self.model:
            fail(f"{path} could not be loaded.")
        context = llama_cpp.llama_context_default_params()
        context.n_ctx = load["context_length"]
        context.n_batch, context.n_ubatch = load["n_batch"], load["n_ubatch"]
        context.n_seq_max, context.n_outputs_max = load["n_sequences"], load["n_outputs_max"]
        context.n_threads, context.n_threads_batch = load["threads"], load["threads_batch"]
        context.flash_attn_type = {"auto": -1, "off": 0, "on": 1}[load["flash_attention"]]
        context.type_k, context.type_v = CACHE_TYPES[load["type_k"]], CACHE_TYPES[load["type_v"]]
        context.swa_full, context.kv_unified = load["swa_full"], load["kv_unified"]
        context.no_perf = True
        self.context = llama_cpp.llama_init_from_model(self.model, context)
        if not self.context:
            fail("The context could not be set up; there may not be enough memory.")
        self.length = llama_cpp.llama_n_ctx_seq(self.context)
        self.vocabulary = llama_cpp.llama_model_get_vocab(self.model)
        self.vocabulary_size = llama_cpp.llama_vocab_n_tokens(self.vocabulary)
        self.buffer = ctypes.create_string_buffer(4096)
        self.add_adapters(load["adapters"])

    def add_adapters(self, adapters: list[dict[str, Any]]) -> None:
        """Apply LoRA adapters."""
        if not adapters:
            return
        pointers = (ctypes.c_void_p * len(adapters))()
        for place, adapter in enumerate(adapters):
            pointers[place] = llama_cpp.llama_adapter_lora_init(self.model, os.fsencode(adapter["path"]))
            if not pointers[place]:
                fail(f"The adapter {adapter['path']} could not be loaded.")
        scales = (ctypes.c_float * len(adapters))(*(adapter["scale"] for adapter in adapters))
        if llama_cpp.llama_set_adapters_lora(self.context, pointers, len(adapters), scales) != 0:
            fail("The engine refused the LoRA adapters.")

    def piece(self, token: int, *, special: bool) -> bytes:
        """The bytes of a token; those of a marker such as ``<|im_end|>`` only when ``special``."""
        for _ in range(2):
            size = len(self.buffer)
            length = llama_cpp.llama_token_to_piece(self.vocabulary, token, self.buffer, size, 0, special)
            if length >= 0:
                return self.buffer.raw[:length]
            self.buffer = ctypes.create_string_buffer(-length)
        return b""

    def text_of(self, token: int) -> str:
        """A token as templates write it; empty for one that there is not."""
        return self.piece(token, special=True).decode("utf-8", "replace") if token >= 0 else ""

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        """Tokens of a text."""
        raw = text.encode("utf-8", "replace")
        capacity = len(raw) + 8
        for _ in range(2):
            tokens = (ctypes.c_int32 * capacity)()
            count = llama_cpp.llama_tokenize(
                self.vocabulary, raw, len(raw), tokens, capacity, add_special, parse_special
            )
            if count >= 0:
                return list(tokens[:count])
            capacity = -count
        fail("This text cannot be expressed in the model's vocabulary.")

    def cut(self, text: str, mark: str) -> str:
        """The text with a mark inside everything in it that would be read as a control token."""
        done, rest = "", text
        while rest:
            tokens = set(self.tokenize(rest, add_special=False, parse_special=True))
            control = [self.text_of(t) for t in tokens if llama_cpp.llama_vocab_is_control(self.vocabulary, t)]
            markers = [marker for marker in control if len(marker) > 1 and marker in rest]
            if not markers:
                break
            # The longest first; what follows its first character may hold another.
            at = rest.index(max(markers, key=len)) + 1
            done, rest = done + self.cut(rest[:at], mark) + mark, rest[at:]
        return done + rest

    def with_begin(self, tokens: list[int]) -> list[int]:
        """The begin token in front if the file wants it and the template did not write it itself."""
        begin = llama_cpp.llama_vocab_bos(self.vocabulary)
        wanted = begin >= 0 and llama_cpp.llama_vocab_get_add_bos(self.vocabulary) and tokens[:1] != [begin]
        return [begin, *tokens] if wanted and tokens else tokens

    def prompt_tokens(self, question: str | None) -> list[int]:
        """Tokens of the configured prompt, or of another question."""
        ask, prompt = CONFIGURATION["ask"], CONFIGURATION["prompt"]
        template = ask["template"]
        if template == "file":
            found = llama_cpp.llama_model_chat_template(self.model, None)
            template = found.decode("utf-8", "replace") if found else "none"
        if question is None and prompt["token_ids"]:
            return list(prompt["token_ids"])
        if question is None and prompt["text"]:
            tokens = self.tokenize(prompt["text"], add_special=False, parse_special=template != "none")
            return self.with_begin(tokens)
        system = ask["system_prompt"]
        contents = [*([] if system is None else [system]), prompt["question"] if question is None else question]
        if template == "none":
            return self.with_begin(self.tokenize("\n\n".join(contents), add_special=False, parse_special=False))
        # A marker that stands in a message is text and must not end the turn: it is cut in two while it is tokenized.
        mark = next(chr(c) for c in range(0xF0000, 0xFFFFE) if not any(chr(c) in t for t in (template, *contents)))
        roles = ["system", "user"][-len(contents) :]
        messages = [{"role": r, "content": self.cut(c, mark)} for r, c in zip(roles, contents)]  # noqa: B905 - equal
        pieces = self.render(template, messages).split(mark)
        tokens = [t for piece in pieces for t in self.tokenize(piece, add_special=False, parse_special=True)]
        return self.with_begin(tokens)

    def render(self, template: str, messages: list[dict[str, str]]) -> str:
        """Render a chat template in the sandbox of llama-cpp-python."""
        from llama_cpp.llama_chat_format import Jinja2ChatFormatter

        begin = self.text_of(llama_cpp.llama_vocab_bos(self.vocabulary))
        end = self.text_of(llama_cpp.llama_vocab_eos(self.vocabulary))

        def raise_exception(message: str) -> None:
            raise ValueError(message)

        def render(messages: list[dict[str, str]]) -> str:
            # Not through its call, which names tools and functions as None: many templates ask whether they are there.
            return str(
                formatter._environment.render(
                    messages=messages,
                    add_generation_prompt=True,
                    bos_token=begin,
                    eos_token=end,
                    raise_exception=raise_exception,
                    strftime_now=formatter.strftime_now,
                )
            )

        try:
            formatter = Jinja2ChatFormatter(template, eos_token=end, bos_token=begin)
            try:
                return render(messages)
            except Exception:
                if len(messages) == 1:
                    raise
                # Some templates refuse system messages: its text goes in front of the question.
                return render([{"role": "user", "content": "\n\n".join(m["content"] for m in messages)}])
        except Exception as error:
            fail(f"The chat template of this model failed: {error}")

    def decode(self, tokens: list[int]) -> None:
        """Let the model read tokens."""
        array = (ctypes.c_int32 * len(tokens))(*tokens)
        code = llama_cpp.llama_decode(self.context, llama_cpp.llama_batch_get_one(array, len(tokens)))
        if code != 0:
            fail(f"The engine failed while it computed (code {code}).")

    def answer(self, prompt: list[int]) -> Iterator[int]:
        """The answer's tokens, one by one."""
        if not prompt:
            fail("There is nothing to answer; write a prompt.")
        if len(prompt) >= self.length:
            fail(f"The prompt has {len(prompt):,} tokens and the context holds {self.length:,}.")
        batch = CONFIGURATION["load"]["n_batch"]
        for start in range(0, len(prompt), batch):
            self.decode(prompt[start : start + batch])
        sampler, held = self.sampler(), len(prompt)
        for token in prompt:
            # The penalties count the prompt too.
            llama_cpp.llama_sampler_accept(sampler, token)
        for _ in range(CONFIGURATION["ask"]["max_tokens"]):
            token = llama_cpp.llama_sampler_sample(sampler, self.context, -1)
            if llama_cpp.llama_vocab_is_eog(self.vocabulary, token):
                break
            yield token
            if held >= self.length:
                break
            self.decode([token])
            held += 1
        llama_cpp.llama_sampler_free(sampler)

    def sampler(self) -> Any:
        """The chain of samplers, in llama.cpp's order."""
        sampling, seed = CONFIGURATION["ask"]["sampling"], CONFIGURATION["ask"]["seed"]
        if seed is None:
            # The engine's word for a seed of its own, another one at each run.
            seed = llama_cpp.LLAMA_DEFAULT_SEED
        chain = llama_cpp.llama_sampler_chain_init(llama_cpp.llama_sampler_chain_default_params())
        breakers = (ctypes.c_char_p * len(DRY_BREAKERS))(*DRY_BREAKERS)
        repeat, dry = (
            sampling[name] if sampling[name] >= 0 else self.length for name in ("repeat_last_n", "dry_penalty_last_n")
        )
        links = [
            llama_cpp.llama_sampler_init_penalties(
                self.vocabulary_size,
                repeat,
                sampling["repeat_penalty"],
                sampling["frequency_penalty"],
                sampling["presence_penalty"],
            ),
            llama_cpp.llama_sampler_init_dry(
                self.vocabulary,
                sampling["dry_multiplier"],
                sampling["dry_base"],
                sampling["dry_allowed_length"],
                dry,
                breakers,
                len(DRY_BREAKERS),
            ),
        ]
        if sampling["temperature"] <= 0:
            links.append(llama_cpp.llama_sampler_init_greedy())
        else:
            links += [
                llama_cpp.llama_sampler_init_top_n_sigma(sampling["top_n_sigma"]),
                llama_cpp.llama_sampler_init_top_k(sampling["top_k"]),
                llama_cpp.llama_sampler_init_typical(sampling["typical_p"], 1),
                llama_cpp.llama_sampler_init_top_p(sampling["top_p"], 1),
                llama_cpp.llama_sampler_init_min_p(sampling["min_p"], 1),
                llama_cpp.llama_sampler_init_xtc(sampling["xtc_probability"], sampling["xtc_threshold"], 1, seed),
                llama_cpp.llama_sampler_init_temp(sampling["temperature"]),
                llama_cpp.llama_sampler_init_dist(seed),
            ]
        for link in links:
            llama_cpp.llama_sampler_chain_add(chain, link)
        return chain

    def margin(self) -> float:
        """How far the best token stands above the second best, in logits."""
        best, second = heapq.nlargest(2, llama_cpp.llama_get_logits_ith(self.context, -1)[: self.vocabulary_size])
        return float(best - second)

    def close(self) -> None:
        """Free everything."""
        llama_cpp.llama_free(self.context)
        llama_cpp.llama_model_free(self.model)


class Text:
    """Whole characters of an answer, up to a stop string."""

    def __init__(self, stops: list[str]) -> None:
        self.stops = [stop for stop in stops if stop]
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.held = ""
        self.stopped = False

    def feed(self, piece: bytes, *, final: bool = False) -> str:
        """Take the bytes of a token; the text that cannot be the beginning of a stop string."""
        self.held += self.decoder.decode(piece, final=final)
        ends = [index for stop in self.stops if (index := self.held.find(stop)) >= 0]
        if ends:
            self.stopped = True
            return self.held[: min(ends)]
        kept = 0
        if not final:
            for stop in self.stops:
                kept = max(kept, *(n for n in range(len(stop)) if self.held.endswith(stop[:n])))
        text, self.held = self.held[: len(self.held) - kept], self.held[len(self.held) - kept :]
        return text


def main() -> None:
    """Read the command line, load, answer."""
    parser = argparse.ArgumentParser(description="Answers with one model exactly as it was configured in Garden.")
    parser.add_argument("prompt", nargs="?", help="another prompt than the configured one")
    parser.add_argument("--model", metavar="FILE", help="where the model file lies")
    parser.add_argument("--tokens", action="store_true", help="print the answer's token ids as JSON")
    parser.add_argument("--margins", action="store_true", help="print token ids and margins as JSON")
    parser.add_argument("--skip-check", action="store_true", help="do not compare the file's SHA-256")
    options = parser.parse_args()

    version = importlib.metadata.version("llama-cpp-python")
    if version != CONFIGURATION["engine_version"]:
        sys.stderr.write(f"Written for llama-cpp-python {CONFIGURATION['engine_version']}; this is {version}.\n")
    path = find_model(options.model)
    if not options.skip_check:
        verify(path)
    model = Model(path)
    text = Text(CONFIGURATION["ask"]["stops"])
    quiet = options.tokens or options.margins
    tokens: list[int] = []
    margins: list[float] = []
    for token in model.answer(model.prompt_tokens(options.prompt)):
        tokens.append(token)
        if options.margins:
            margins.append(model.margin())
        shown = text.feed(model.piece(token, special=False))
        if shown and not quiet:
            OUTPUT.write(shown)
            OUTPUT.flush()
        if text.stopped:
            break
    if not quiet:
        OUTPUT.write(("" if text.stopped else text.feed(b"", final=True)) + "\n")
    elif options.margins:
        OUTPUT.write(json.dumps({"token_ids": tokens, "margins": margins}) + "\n")
    else:
        OUTPUT.write(json.dumps(tokens) + "\n")
    OUTPUT.flush()
    model.close()


if __name__ == "__main__":
    main()
