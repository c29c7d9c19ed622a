"""Architectures: which ones the engine runs as chat models, and what the others are."""

from __future__ import annotations

from dataclasses import dataclass

from garden.core.fit_forecast import Verdict

#: Names in llama.cpp's ``llama-arch.cpp`` (the pinned engine) of models that answer token after token.
GENERATING = frozenset(
    [
        "afmoe",
        "apertus",
        "arcee",
        "arctic",
        "arwkv7",
        "baichuan",
        "bailingmoe",
        "bailingmoe2",
        "bailingmoe3",
        "bitnet",
        "bloom",
        "chameleon",
        "chatglm",
        "codeshell",
        "cogvlm",
        "cohere2",
        "cohere2moe",
        "command-r",
        "dbrx",
        "deci",
        "deepseek",
        "deepseek2",
        "deepseek2-ocr",
        "deepseek32",
        "deepseek4",
        "dots1",
        "dots3note",
        "ernie4_5",
        "ernie4_5-moe",
        "exaone",
        "exaone-moe",
        "exaone4",
        "falcon",
        "falcon-h1",
        "gemma",
        "gemma2",
        "gemma3",
        "gemma3n",
        "gemma4",
        "glm-dsa",
        "glm4",
        "glm4moe",
        "glm5-next",
        "gpt-oss",
        "gpt2",
        "gptneox",
        "granite",
        "granite_swa",
        "granitehybrid",
        "granitemoe",
        "graniteswitch",
        "grok",
        "grovemoe",
        "hrm_text",
        "hunyuan-dense",
        "hunyuan-moe",
        "hunyuan_vl",
        "hy_v3",
        "hy_v4",
        "internlm2",
        "jais",
        "jais2",
        "jamba",
        "kimi-k3",
        "kimi-linear",
        "laguna",
        "lfm2",
        "lfm2moe",
        "llama",
        "llama4",
        "maincoder",
        "mamba",
        "mamba2",
        "maple",
        "mellum",
        "mimo2",
        "minicpm",
        "minicpm3",
        "minimax-01",
        "minimax-m2",
        "minimax-m3",
        "mistral3",
        "mistral4",
        "mpt",
        "muse-glimmer",
        "nanbeige",
        "nemotron",
        "nemotron_h",
        "nemotron_h_moe",
        "olmo",
        "olmo2",
        "olmoe",
        "openelm",
        "orion",
        "paddleocr",
        "pangu-embedded",
        "phi2",
        "phi3",
        "phimoe",
        "plamo",
        "plamo2",
        "plamo3",
        "plm",
        "qwen",
        "qwen2",
        "qwen2moe",
        "qwen2vl",
        "qwen3",
        "qwen35",
        "qwen35moe",
        "qwen3moe",
        "qwen3next",
        "qwen3vl",
        "qwen3vlmoe",
        "qwen4exp",
        "refact",
        "rwkv6",
        "rwkv6qwen2",
        "rwkv7",
        "seed_oss",
        "smallthinker",
        "smollm3",
        "spark2_5",
        "stablelm",
        "starcoder",
        "starcoder2",
        "step35",
        "talkie",
        "xverse",
    ]
)

_DIFFUSION = "writes by diffusion, not token after token"
_DRAFTS = "only drafts tokens for a larger model"

#: Names that the engine knows but that Garden's loop cannot run, and why.
_OTHER_WAYS = {
    "t5": "has an encoder beside its decoder",
    "dream": _DIFFUSION,
    "llada": _DIFFUSION,
    "llada-moe": _DIFFUSION,
    "rnd1": _DIFFUSION,
    "eagle3": _DRAFTS,
    "dflash": _DRAFTS,
    "gemma4-assistant": _DRAFTS,
}

_EMBEDDING, _SPEECH, _IMAGE, _VIDEO, _PROJECTOR = (
    "an embedding model",
    "a speech model",
    "an image model",
    "a video model",
    "a projector for images or sound",
)

#: What other names in ``general.architecture`` stand for: llama.cpp's own, then those of other programs built on ggml.
_NOT_LANGUAGE = {
    **dict.fromkeys(
        [
            "bert",
            "modern-bert",
            "nomic-bert",
            "nomic-bert-moe",
            "neo-bert",
            "jina-bert-v2",
            "jina-bert-v3",
            "eurobert",
            "gemma-embedding",
            "llama-embed",
            "t5encoder",
        ],
        _EMBEDDING,
    ),
    **dict.fromkeys(
        [
            "wavtokenizer-dec",
            "qwen3tts",
            "pockettts",
            "whisper",
            "parakeet",
            "kokoro",
            "parler-tts",
            "dia",
            "outetts",
            "orpheus",
            "moonshine",
        ],
        _SPEECH,
    ),
    **dict.fromkeys(
        [
            "flux",
            "sd1",
            "sd2",
            "sd3",
            "sdxl",
            "stable-diffusion",
            "hidream",
            "lumina2",
            "aura",
            "auraflow",
            "qwen_image",
            "qwen-image",
            "z_image",
            "chroma",
            "omnigen",
            "pig",
        ],
        _IMAGE,
    ),
    **dict.fromkeys(["wan", "ltxv", "hyvid", "hunyuan_video", "cosmos", "mochi", "cogvideox"], _VIDEO),
    **dict.fromkeys(("clip", "mmproj"), _PROJECTOR),
}

#: The Hub's tasks that a chat model may carry.
_LANGUAGE_TASKS = {"text-generation", "image-text-to-text", "text2text-generation", "any-to-any", "conversational"}

#: The Hub's other tasks, as far as they are told from a chat model by them alone.
_TASK_KINDS = {
    "automatic-speech-recognition": _SPEECH,
    "text-to-speech": _SPEECH,
    "text-to-audio": _SPEECH,
    "audio-to-audio": _SPEECH,
    "text-to-image": _IMAGE,
    "image-to-image": _IMAGE,
    "unconditional-image-generation": _IMAGE,
    "text-to-video": _VIDEO,
    "image-to-video": _VIDEO,
    "feature-extraction": _EMBEDDING,
    "sentence-similarity": _EMBEDDING,
    "text-ranking": "a model that ranks texts",
    "fill-mask": "a model that fills gaps in a text",
    "text-classification": "a model that classifies texts",
    "token-classification": "a model that classifies words",
    "zero-shot-classification": "a model that classifies texts",
    "image-classification": "a model that classifies images",
    "zero-shot-image-classification": "a model that classifies images",
    "image-feature-extraction": "a model that describes images in numbers",
    "object-detection": "a model that finds objects in images",
    "zero-shot-object-detection": "a model that finds objects in images",
    "keypoint-detection": "a model that finds points in images",
    "video-classification": "a model that classifies videos",
    "video-to-video": _VIDEO,
    "graph-ml": "a model of graphs",
    "image-segmentation": "a model that segments images",
    "mask-generation": "a model that segments images",
    "depth-estimation": "a model that estimates depth",
    "audio-classification": "a model that classifies sound",
    "voice-activity-detection": "a model that finds speech in sound",
    "time-series-forecasting": "a model that forecasts time series",
    "tabular-classification": "a model for tables",
    "tabular-regression": "a model for tables",
    "robotics": "a model that moves robots",
    "reinforcement-learning": "a model that plays",
    "image-to-3d": "a model that makes shapes",
    "text-to-3d": "a model that makes shapes",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """Why a model does not chat here.

    Attributes:
        verdict: ``UNSUPPORTED``, ``NOT_A_LANGUAGE_MODEL`` or ``UNKNOWN``.
        reason: One sentence.
        suggestion: What helps.
    """

    verdict: Verdict
    reason: str
    suggestion: str


def obstacle_of(architecture: str | None, kind: str | None = None) -> Obstacle | None:
    """What stands in the way of a file of this architecture, None when the engine runs it.

    Args:
        architecture: ``general.architecture``; None when the file does not say.
        kind: ``general.type`` of the file, e.g. ``mmproj`` or ``adapter``.
    """
    if kind in ("mmproj", "clip-vision"):
        return not_language(_PROJECTOR)
    if kind == "adapter":
        return not_language("an adapter for another model")
    if kind == "imatrix":
        return not_language("an importance matrix")
    if architecture is None:
        return Obstacle(
            verdict=Verdict.UNKNOWN,
            reason="The file does not name its architecture.",
            suggestion="Choose another file of this model.",
        )
    if architecture in GENERATING:
        return None
    if architecture in _NOT_LANGUAGE:
        return not_language(_NOT_LANGUAGE[architecture])
    if architecture in _OTHER_WAYS:
        return Obstacle(
            verdict=Verdict.UNSUPPORTED,
            reason=f"This model {_OTHER_WAYS[architecture]}, which Garden does not run.",
            suggestion="Choose another model of this size.",
        )
    return Obstacle(
        verdict=Verdict.UNSUPPORTED,
        reason=f"The engine does not know the architecture “{architecture[:64]}”.",
        suggestion="A newer engine may; another model of this size will run.",
    )


#: Of a hybrid whose layers all attend (see ``lacks_recurrence``).
NO_RECURRENT_LAYER = Obstacle(
    verdict=Verdict.UNSUPPORTED,
    reason="The engine runs this architecture only with recurrent layers, and this file has none.",
    suggestion="Choose another file or model.",
)


def runs_another_way(architecture: str | None) -> bool:
    """Whether the engine knows this architecture but Garden does not chat with it: diffusion, drafts, translation."""
    return architecture in _OTHER_WAYS


def obstacle_of_task(pipeline_tag: str | None) -> Obstacle | None:
    """What the Hub's task says against a model as a chat model, None when nothing."""
    if pipeline_tag is None or pipeline_tag in _LANGUAGE_TASKS or pipeline_tag not in _TASK_KINDS:
        return None
    return not_language(_TASK_KINDS[pipeline_tag])


def not_language(kind: str) -> Obstacle:
    """A model of another kind, e.g. ``a speech model``."""
    return Obstacle(
        verdict=Verdict.NOT_A_LANGUAGE_MODEL,
        reason=f"This is {kind}, not a language model.",
        suggestion="Choose a model for text generation.",
    )
