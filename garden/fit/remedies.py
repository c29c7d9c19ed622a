"""What would make a model fit that does not: found by placing it again, never guessed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from garden.core.expert_placement import EXPERTS_ON_CPU
from garden.core.run_configuration import AUTO_GPU_LAYERS, KV_TYPES, LoadParameters
from garden.fit.placement import Placed
from garden.fit.verdict import amount
from garden.gguf.header import GgufHeader
from garden.gguf.quant_name import quant_type_named

#: A shorter context is no help to anyone who chats.
USEFUL_CONTEXT = 2_048

_SMALLER_CACHE = "q8_0"

#: Types to advise, the best first; published files come in most of them.
_ADVISED = ("Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q4_K_S", "IQ4_XS", "Q3_K_M", "IQ3_XS", "Q2_K", "IQ2_M", "IQ2_XXS")

#: Files of one type differ by so much, from model to model.
_TYPE_SPREAD = 1.03

#: So many remedies are told, the mildest first.
_TOLD = 2


class Remedies:
    """Looks for what would make a load fit.

    Args:
        header: Of the model.
        load: What does not fit.
        placed: How it came out.
        place: Places another load of the same model on the same machine.
        place_alone: Places this load with all memory of the machine free.
        largest_context: Largest context that fits a load on the same machine.
    """

    def __init__(
        self,
        header: GgufHeader,
        load: LoadParameters,
        placed: Placed,
        place: Callable[[LoadParameters], Placed],
        place_alone: Callable[[], Placed],
        largest_context: Callable[[LoadParameters], int],
    ) -> None:
        self._header = header
        self._load = load
        self._placed = placed
        self._place = place
        self._place_alone = place_alone
        self._largest_context = largest_context
        shares = (*placed.gpus, placed.ram)
        # Of a GPU that shares the RAM, what it holds was taken from the RAM's budget before.
        self._usable = sum(
            share.required_bytes if share.budget.shared else max(0, share.budget.usable_bytes) for share in shares
        )
        self._needed = sum(share.required_bytes for share in shares)

    def sentence(self) -> str:
        """One sentence: the mildest remedies, else how small a file must be."""
        found = [
            context_remedy(self._largest_context(self._load), self._load.context_length),
            self._fewer_layers(),
            self._experts_on_cpu(),
            self._smaller_cache(),
        ]
        known = [remedy for remedy in found if remedy]
        if not known:
            known = [remedy for remedy in (self._smaller_cache_and_context(), self._more_memory()) if remedy]
        return sentence_of(known) if known else self._smaller_file()

    def _fewer_layers(self) -> str:
        if self._load.n_gpu_layers == AUTO_GPU_LAYERS or not self._placed.gpus:
            return ""
        placed = self._place(dataclasses.replace(self._load, n_gpu_layers=AUTO_GPU_LAYERS))
        return f"with {placed.layers} layers on the GPU" if placed.fits else ""

    def _experts_on_cpu(self) -> str:
        load = self._load
        if load.n_gpu_layers == AUTO_GPU_LAYERS or not self._placed.layers or load.tensor_placement:
            return ""
        if not any("_exps." in tensor.name for tensor in self._header.tensors):
            return ""
        placed = self._place(dataclasses.replace(load, tensor_placement=(EXPERTS_ON_CPU,)))
        return "with its experts on the CPU" if placed.fits else ""

    def _smaller_cache(self) -> str:
        load = self._with_smaller_cache()
        # The sum tells at once where it is hopeless.
        if load is None or self._needed - saved_by_cache(self._cache_bytes(), self._load) > self._usable:
            return ""
        return f"with a {_SMALLER_CACHE} KV cache" if self._place(load).fits else ""

    def _smaller_cache_and_context(self) -> str:
        load = self._with_smaller_cache()
        weights = sum(share.weights_bytes for share in (*self._placed.gpus, self._placed.ram))
        if load is None or weights > self._usable:
            return ""
        remedy = context_remedy(self._largest_context(load), load.context_length)
        return f"{remedy} and a {_SMALLER_CACHE} KV cache" if remedy else ""

    def _more_memory(self) -> str:
        budgets = [share.budget for share in (*self._placed.gpus, self._placed.ram)]
        if self._needed > sum(budget.total_bytes for budget in budgets if not budget.shared):
            return ""
        return "once other programs and models give back their memory" if self._place_alone().fits else ""

    def _smaller_file(self) -> str:
        beside = sum(share.cache_bytes + share.compute_bytes for share in (*self._placed.gpus, self._placed.ram))
        room = self._usable - beside
        parameters = max(1, self._header.parameters)
        for name in _ADVISED:
            quant = quant_type_named(name)
            if quant is not None and quant.bits_per_weight * _TYPE_SPREAD * parameters / 8 <= room:
                return f"Choose a smaller file, {name} at most: up to {amount(room)} of weights fit at this context."
        if room <= 0:
            return "Choose a smaller model."
        return f"Choose a smaller model: up to {amount(room)} of weights fit at this context."

    def _with_smaller_cache(self) -> LoadParameters | None:
        load, least = self._load, KV_TYPES[_SMALLER_CACHE]
        type_k = _SMALLER_CACHE if KV_TYPES[load.type_k] > least else load.type_k
        type_v = _SMALLER_CACHE if KV_TYPES[load.type_v] > least else load.type_v
        # The engine quantizes V with fused attention alone.
        if (type_k, type_v) == (load.type_k, load.type_v) or load.flash_attention == "off":
            return None
        return dataclasses.replace(load, type_k=type_k, type_v=type_v)

    def _cache_bytes(self) -> int:
        return sum(share.cache_bytes for share in (*self._placed.gpus, self._placed.ram))


def context_remedy(largest: int, wanted: int) -> str:
    """Words for a shorter context; none when it is no help."""
    return f"with a context of up to {largest:,} tokens" if USEFUL_CONTEXT <= largest < wanted else ""


def cache_remedy(cache_bytes: int, short_bytes: int, load: LoadParameters) -> str:
    """Words for a smaller cache; none when it saves less than what is short."""
    if load.flash_attention == "off" or saved_by_cache(cache_bytes, load) < short_bytes:
        return ""
    return f"with a {_SMALLER_CACHE} KV cache"


def saved_by_cache(cache_bytes: int, load: LoadParameters) -> int:
    """Bytes that a q8_0 cache takes less, at most: recurrent states stay as they are."""
    bytes_k, bytes_v = KV_TYPES[load.type_k], KV_TYPES[load.type_v]
    smaller = min(bytes_k, KV_TYPES[_SMALLER_CACHE]) + min(bytes_v, KV_TYPES[_SMALLER_CACHE])
    return round(cache_bytes * (1 - smaller / (bytes_k + bytes_v)))


def sentence_of(remedies: list[str]) -> str:
    """The sentence for remedies, the mildest first."""
    return f"It fits {', or '.join(remedies[:_TOLD])}."
