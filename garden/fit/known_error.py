"""How far the formula was off: of some architectures' compute buffers it knows that it does not follow every result.

Against plans of the engine: micro-batches of 64 to 2,048 tokens, contexts of 2,048 to 131,072, one to four sequences,
fused attention and not, several cache types, a few blocks each, so that the compute buffer weighs as much as it can.
"""

from __future__ import annotations

from garden.core.quantity import MIB

#: Of all others: of what a device holds, or so many bytes, whichever is larger.
_SHARE, _BYTES = 0.005, 2 * MIB

#: Share of its compute buffer by which it was off, either way, for those architectures where it was by more than 0.5 %
#: of that buffer and more than 2 MiB.
_OF_COMPUTE = {
    "bitnet": 0.09,
    "deepseek2": 0.08,
    "deepseek32": 0.3,
    "gemma3n": 0.08,
    "granitehybrid": 0.05,
    # Compared without feed-forward parts, or not at all but for its kin.
    "mimo2": 0.18,
    "minicpm3": 0.02,
    "nemotron_h_moe": 0.15,
    "phimoe": 0.08,
    "plamo2": 0.07,
    "qwen35moe": 0.09,
    "qwen3next": 0.07,
    "smallthinker": 0.1,
    "step35": 0.18,
}

#: Of architectures whose graphs nobody compared with the engine's.
_UNCOMPARED = 0.5

#: Those that were compared, beside the ones above.
_COMPARED = """
    afmoe apertus arcee baichuan bailingmoe2 chatglm cohere2 command-r dbrx deci dots1 ernie4_5 ernie4_5-moe exaone
    exaone-moe exaone4 falcon falcon-h1 gemma gemma2 gemma3 gemma4 glm4 glm4moe gpt-oss gpt2 gptneox granite
    granitemoe grok hunyuan-dense hunyuan-moe internlm2 jamba lfm2 lfm2moe llama llama4 mamba mamba2 minicpm
    minimax-m2 mistral3 nemotron nemotron_h olmo2 olmoe openelm phi2 phi3 qwen2 qwen2moe qwen2vl qwen3 qwen35
    qwen3moe qwen3vl rwkv7 seed_oss smollm3 stablelm starcoder2
"""


def error_bytes(architecture: str, required_bytes: int, compute_bytes: int) -> int:
    """By how much the formula may be wrong about a device, either way.

    Args:
        architecture: GGUF's word.
        required_bytes: What the device holds by the formula.
        compute_bytes: The compute buffer in it.
    """
    share = _OF_COMPUTE.get(architecture, 0.0 if architecture in _COMPARED.split() else _UNCOMPARED)
    return max(_BYTES, round(_SHARE * required_bytes), round(share * compute_bytes))
