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
    """

    def __init__(self, model: Model, sampling: Sampling, seed: int) -> None:
        c = self._c = model.library.c
        parameters = c.llama_sampler_chain_default_params()
        parameters.no_perf = True
        self.pointer: Any = c.llama_sampler_chain_init(parameters)
        breakers = (ctypes.c_char_p * len(_DRY_BREAKERS))(*_DRY_BREAKERS)
        window = sampling.dry_penalty_last_n if sampling.dry_penalty_last_n >= 0 else model.trained_context_length
        self._add(
            c.llama_sampler_init_penalties(
                model.vocabulary.size,
                sampling.repeat_last_n if sampling.repeat_last_n >= 0 else model.trained_context_length,
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
                window,
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
