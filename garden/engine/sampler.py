"""The chain of samplers that picks the next token, every one of them set explicitly, in llama.cpp's order."""

from __future__ import annotations

import ctypes
from typing import Any

from garden.core.run_configuration import Sampling
from garden.engine.model import Model

#: llama.cpp's own breakers: DRY does not look for repeats across them.
_DRY_BREAKERS = (b"\n", b":", b'"', b"*")


class Sampler:
    """A chain for one answer; free it with ``close``.

    Args:
        model: Whose vocabulary it picks from.
        sampling: All parameters.
        seed: For the draw; unused when greedy.
        context_length: What "the whole context" means for the windows of the penalties.
    """

    def __init__(self, model: Model, sampling: Sampling, seed: int, *, context_length: int) -> None:
        c = self._c = model.library.c
        parameters = c.llama_sampler_chain_default_params()
        parameters.no_perf = True
        self.pointer: Any = c.llama_sampler_chain_init(parameters)
        breakers = (ctypes.c_char_p * len(_DRY_BREAKERS))(*_DRY_BREAKERS)
        dry_window = sampling.dry_penalty_last_n if sampling.dry_penalty_last_n >= 0 else context_length
        penalty_window = sampling.repeat_last_n if sampling.repeat_last_n >= 0 else context_length
        self._remembers = _remembered_tokens(sampling, penalty_window, dry_window)
        self._add(
            c.llama_sampler_init_penalties(
                model.vocabulary.size,
                penalty_window,
                sampling.repeat_penalty,
                sampling.frequency_penalty,
                sampling.presence_penalty,
            )
        )
        self._add(
            c.llama_sampler_init_dry(
                model.vocabulary.pointer,
                sampling.dry_multiplier,
                sampling.dry_base,
                sampling.dry_allowed_length,
                dry_window,
                breakers,
                len(_DRY_BREAKERS),
            )
        )
        if sampling.greedy:
            self._add(c.llama_sampler_init_greedy())
            return
        self._add(c.llama_sampler_init_top_n_sigma(sampling.top_n_sigma))
        self._add(c.llama_sampler_init_top_k(sampling.top_k))
        self._add(c.llama_sampler_init_typical(sampling.typical_p, 1))
        self._add(c.llama_sampler_init_top_p(sampling.top_p, 1))
        self._add(c.llama_sampler_init_min_p(sampling.min_p, 1))
        self._add(c.llama_sampler_init_xtc(sampling.xtc_probability, sampling.xtc_threshold, 1, seed))
        self._add(c.llama_sampler_init_temp(sampling.temperature))
        self._add(c.llama_sampler_init_dist(seed))

    def remember(self, prompt: list[int]) -> None:
        """Let the penalties count the prompt too, as llama.cpp's own server does."""
        if self._remembers:
            for token in prompt[-self._remembers :]:
                self._c.llama_sampler_accept(self.pointer, token)

    def sample(self, context: Any) -> int:
        """Pick from the last row of logits; the chain remembers the pick for its penalties."""
        token: int = self._c.llama_sampler_sample(self.pointer, context, -1)
        return token

    def close(self) -> None:
        """Free the chain; may be called twice."""
        if self.pointer:
            self._c.llama_sampler_free(self.pointer)
            self.pointer = None

    def _add(self, sampler: Any) -> None:
        self._c.llama_sampler_chain_add(self.pointer, sampler)


def _remembered_tokens(sampling: Sampling, penalty_window: int, dry_window: int) -> int:
    """How far back the samplers that are on look; 0 when none does."""
    penalised = sampling.repeat_penalty != 1 or sampling.frequency_penalty != 0 or sampling.presence_penalty != 0
    return max(penalty_window if penalised else 0, dry_window if sampling.dry_multiplier != 0 else 0)
