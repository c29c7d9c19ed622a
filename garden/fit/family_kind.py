"""Whether a model is dense, a mixture of experts, recurrent or a hybrid, from what a row of a list tells.

Which layers keep a recurrent state is the engine's own list (``model_shape``); mixtures are told by the architecture,
or by a name that says so, since Mixtral calls itself ``llama``.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable

from garden.core.model_traits import ArchitectureKind
from garden.fit.architectures import GENERATING
from garden.fit.model_shape import FULL_ATTENTION_INTERVALS, RECURRENT, RECURRENT_WITHOUT_HEADS

#: Recurrent layers beside layers that attend.
_HYBRID = RECURRENT_WITHOUT_HEADS | frozenset(FULL_ATTENTION_INTERVALS) | {"falcon-h1", "nemotron_h", "nemotron_h_moe"}

#: Architectures whose usual layers route each token to a few of many experts.
_MIXTURES = frozenset(
    {
        "afmoe", "arctic", "bailingmoe", "bailingmoe2", "cohere2moe", "dbrx", "deepseek", "deepseek2", "deepseek32",
        "deepseek4", "dots1", "ernie4_5-moe", "exaone-moe", "glm-dsa", "glm4moe", "gpt-oss", "granitemoe", "grok",
        "grovemoe", "hunyuan-moe", "llada-moe", "llama4", "minimax-m2", "mixtral", "olmoe", "phimoe", "qwen2moe",
        "qwen3moe", "qwen3vlmoe", "smallthinker", "step35",
    }
)  # fmt: skip

#: Architectures of which it is known that every layer is the same and all of it is used for every token.
_DENSE = frozenset(
    {
        "apertus", "arcee", "baichuan", "bitnet", "bloom", "chatglm", "codeshell", "cohere2", "command-r", "deci",
        "ernie4_5", "exaone", "exaone4", "falcon", "gemma", "gemma2", "gemma3", "gemma3n", "glm4", "gpt2", "gptneox",
        "granite", "hunyuan-dense", "internlm2", "jais", "llama", "minicpm", "minicpm3", "mistral3", "mpt", "nemotron",
        "olmo", "olmo2", "openelm", "orion", "phi2", "phi3", "plamo", "plm", "qwen", "qwen2", "qwen2vl", "qwen3",
        "qwen3vl", "refact", "seed_oss", "smollm3", "stablelm", "starcoder", "starcoder2", "xverse",
    }
)  # fmt: skip

#: ``30B-A3B``: what a token uses stands behind the A.
_ACTIVE = re.compile(r"(?<![A-Za-z0-9])A(\d{1,3}(?:\.\d{1,2})?)B(?![A-Za-z0-9])", re.IGNORECASE)

#: ``8x7B``: so many experts, of which publishers route to two.
_TIMES = re.compile(r"(?<![A-Za-z0-9])(\d{1,3})x(\d{1,3}(?:\.\d{1,2})?)B(?![A-Za-z0-9])", re.IGNORECASE)

#: Active among total billions of parameters by family: published shapes, counted from their tensors.
_ACTIVE_OF_FAMILY: dict[str, tuple[tuple[float, float], ...]] = {
    "deepseek2": ((15.7, 2.45), (29.9, 3.58), (236.0, 21.4), (671.0, 36.6)),
    "glm4moe": ((106.9, 12.8), (355.0, 32.6)),
    "gpt-oss": ((20.9, 3.61), (116.8, 5.13)),
    "granitehybrid": ((6.9, 1.47), (32.2, 9.2)),
    "llama4": ((107.8, 17.2), (400.7, 17.2)),
    "mixtral": ((46.7, 12.75), (140.6, 39.1)),
    "olmoe": ((6.9, 1.3),),
    "phimoe": ((41.9, 6.6),),
    "qwen2moe": ((14.3, 2.7), (57.4, 14.2)),
    "qwen3moe": ((30.5, 3.04), (235.1, 21.6), (480.2, 35.5)),
    "qwen3next": ((81.0, 3.9),),
}

#: Sizes so near to a published one count as that one.
_SAME_SIZE = 0.12


def kind_of(architecture: str | None, name: str, tags: Iterable[str] = ()) -> ArchitectureKind | None:
    """What the layers are; None where nothing tells.

    Args:
        architecture: GGUF's word, None when the Hub does not say.
        name: The repository's name.
        tags: The Hub's tags, which name the transformers family of a repository without GGUF files.
    """
    family = architecture or _family_of_tags(tags)
    if family is None:
        return ArchitectureKind.MOE if says_mixture(name) else None
    if family in RECURRENT:
        return ArchitectureKind.RECURRENT
    if family in _HYBRID:
        return ArchitectureKind.HYBRID
    if family in _MIXTURES or (says_mixture(name) and family in GENERATING):
        return ArchitectureKind.MOE
    return ArchitectureKind.DENSE if family in _DENSE else None


def active_parameters(architecture: str | None, name: str, parameters: int | None) -> int | None:
    """Parameters that a token uses: what the name says, else what is published of the family at this size; else None.

    Args:
        architecture: GGUF's word.
        name: The repository's name.
        parameters: In total.
    """
    if said := _ACTIVE.search(name):
        found = round(float(said[1]) * 1e9)
        return found if found and (parameters is None or found < parameters) else None
    if not parameters:
        return None
    family = "mixtral" if architecture in (None, "llama") and _TIMES.search(name) else architecture
    billions = parameters / 1e9
    for total, active in _ACTIVE_OF_FAMILY.get(family or "", ()):
        if abs(billions / total - 1) <= _SAME_SIZE:
            return round(active * 1e9)
    return None


def guessed_active_parameters(
    architecture: str | None, name: str, parameters: int, kind: ArchitectureKind | None
) -> int:
    """The same for reckoning, also where nothing says it: between the published sizes, a tenth of the total at worst.

    Args:
        architecture: GGUF's word.
        name: The repository's name.
        parameters: In total.
        kind: Only of mixtures of experts is a part of them used.
    """
    known = active_parameters(architecture, name, parameters)
    if known is not None:
        return known
    if kind is not ArchitectureKind.MOE:
        return parameters
    sizes = _ACTIVE_OF_FAMILY.get(architecture or "", ())
    billions = parameters / 1e9
    for (low, before), (high, after) in itertools.pairwise(sizes):
        if low <= billions <= high:
            share = math.log(billions / low) / math.log(high / low)
            return round(1e9 * before * math.exp(share * math.log(after / before)))
    return max(1, parameters // 10)


def says_mixture(name: str) -> bool:
    """Whether a name says that a model is a mixture of experts: ``30B-A3B``, ``8x7B``, ``-MoE``."""
    return bool(_ACTIVE.search(name) or _TIMES.search(name) or re.search(r"(?i)(?<![a-z])moe(?![a-z])", name))


def _family_of_tags(tags: Iterable[str]) -> str | None:
    """A transformers family among the tags, as GGUF would call it."""
    for tag in tags:
        if ":" in tag or not tag:
            continue
        if tag in _OF_TRANSFORMERS:
            return _OF_TRANSFORMERS[tag]
        for family in (tag, tag.replace("_", ""), tag.replace("_", "-")):
            if family in GENERATING and family not in _WORDS:
                return family
    return None


#: Names of transformers that differ from GGUF's by more than a line.
_OF_TRANSFORMERS = {
    "mistral": "llama",
    "mixtral": "mixtral",
    "cohere": "command-r",
    "deepseek_v2": "deepseek2",
    "deepseek_v3": "deepseek2",
    "gemma3_text": "gemma3",
    "glm": "glm4",
    "glm4_moe": "glm4moe",
    "gpt_neox": "gptneox",
    "gpt_oss": "gpt-oss",
    "granitemoehybrid": "granitehybrid",
    "falcon_mamba": "mamba",
    "falcon_h1": "falcon-h1",
    "phi": "phi2",
    "qwen2_vl": "qwen2vl",
    "qwen3_next": "qwen3next",
}

#: Names of architectures that are also what publishers tag other things with.
_WORDS = frozenset({"talkie", "maple", "laguna", "orion", "deci", "arctic", "mellum", "maincoder"})
