"""The shortest greedy loop on llama.cpp's C functions: what a pane's text and speed are held against.

Nothing of Garden is used, so that a fault of Garden cannot hide in both. Run it:
``python -m tests.benchmarks.bare_loop MODEL PROMPT…``; a prompt is rendered text, markers included.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import llama_cpp.llama_cpp as c


@dataclass(frozen=True)
class BareAnswer:
    """Tokens, and seconds from the first to the last of them."""

    tokens: tuple[int, ...]
    seconds: float

    @property
    def tokens_per_second(self) -> float:
        """Decode speed."""
        return (len(self.tokens) - 1) / self.seconds


class BareLoop:
    """One model, loaded the way a pane loads it by default."""

    def __init__(self, path: str, *, context_length: int, threads: int, n_batch: int = 512) -> None:
        self._log = c.llama_log_callback(lambda level, text, data: None)
        c.llama_log_set(self._log, None)
        c.llama_backend_init()
        model = c.llama_model_default_params()
        model.n_gpu_layers = 0
        model.load_mode = c.LLAMA_LOAD_MODE_NONE
        self._model: Any = c.llama_model_load_from_file(os.fsencode(path), model)
        assert self._model, f"{path} could not be loaded"
        context = c.llama_context_default_params()
        context.n_ctx = context_length
        context.n_batch = context.n_ubatch = n_batch
        context.n_outputs_max = 1
        context.n_threads = context.n_threads_batch = threads
        context.flash_attn_type = c.LLAMA_FLASH_ATTN_TYPE_AUTO
        context.swa_full = False
        self._context: Any = c.llama_init_from_model(self._model, context)
        assert self._context, "the context could not be set up"
        self._vocabulary = c.llama_model_get_vocab(self._model)
        self._n_batch = n_batch

    def tokenize(self, text: str) -> list[int]:
        """Tokens of a rendered prompt."""
        raw = text.encode()
        tokens = (ctypes.c_int32 * (len(raw) + 8))()
        count = c.llama_tokenize(self._vocabulary, raw, len(raw), tokens, len(tokens), True, True)
        return list(tokens[:count])

    def answer(self, prompt: list[int], max_tokens: int, *, ignore_eos: bool = False) -> BareAnswer:
        """Greedy tokens after a prompt, from an empty cache."""
        tokens, times = [], []
        for token in self._loop(prompt, ignore_eos=ignore_eos):
            times.append(time.perf_counter())
            tokens.append(token)
            if len(tokens) >= max_tokens:
                break
        return BareAnswer(tuple(tokens), times[-1] - times[0] if times else 0.0)

    def close(self) -> None:
        """Free the model."""
        c.llama_free(self._context)
        c.llama_model_free(self._model)

    def _loop(self, prompt: list[int], *, ignore_eos: bool) -> Iterator[int]:
        sampler = c.llama_sampler_init_greedy()
        c.llama_memory_clear(c.llama_get_memory(self._context), True)
        try:
            for start in range(0, len(prompt), self._n_batch):
                self._decode(prompt[start : start + self._n_batch])
            while True:
                token = c.llama_sampler_sample(sampler, self._context, -1)
                if c.llama_vocab_is_eog(self._vocabulary, token) and not ignore_eos:
                    return
                yield token
                self._decode([token])
        finally:
            c.llama_sampler_free(sampler)

    def _decode(self, tokens: list[int]) -> None:
        array = (ctypes.c_int32 * len(tokens))(*tokens)
        code = c.llama_decode(self._context, c.llama_batch_get_one(array, len(tokens)))
        assert code == 0, f"llama_decode answered {code}"


def main() -> None:
    """Print the tokens and the speed of each answer as a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("prompts", nargs="+")
    parser.add_argument("--max-tokens", type=int, default=100)
    parser.add_argument("--context", type=int, default=2048)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--ignore-eos", action="store_true")
    options = parser.parse_args()
    loop = BareLoop(options.model, context_length=options.context, threads=options.threads)
    for prompt in options.prompts:
        answer = loop.answer(loop.tokenize(prompt), options.max_tokens, ignore_eos=options.ignore_eos)
        speed = answer.tokens_per_second if len(answer.tokens) > 1 else None
        print(json.dumps({"token_ids": answer.tokens, "decode_tokens_per_second": speed}))
    loop.close()


if __name__ == "__main__":
    main()
