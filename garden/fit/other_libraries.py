"""Models that are told from a chat model by what loads them or what they are tagged with, where no task is named.

Protein folding, molecules, robots and much else have no task on the Hub; their publishers name a library, or tag them.
"""

from __future__ import annotations

from collections.abc import Iterable

from garden.fit.architectures import GENERATING, Obstacle, not_language

_EMBEDDING, _SPEECH, _IMAGE, _SEEING = (
    "an embedding model",
    "a speech model",
    "an image or video model",
    "a model that looks at images",
)
_PROTEIN, _MOLECULE = "a model of proteins or genes", "a model of molecules"

#: Libraries that load nothing that chats.
_LIBRARIES = {
    **dict.fromkeys(("sentence-transformers", "setfit", "fasttext", "model2vec", "pylate"), _EMBEDDING),
    **dict.fromkeys(
        ("espnet", "speechbrain", "pyannote-audio", "asteroid", "stable-audio-tools", "f5-tts", "coqui", "kokoro",
         "whisperkit", "chatterbox", "audiocraft", "parakeet-mlx"),
        _SPEECH,
    ),
    **dict.fromkeys(("diffusers", "diffusion-single-file", "comfyui", "stable-diffusion", "flux", "mflux"), _IMAGE),
    **dict.fromkeys(
        ("timm", "ultralytics", "open_clip", "open-clip", "doctr", "sam2", "mmdetection", "yolov5", "birefnet"),
        _SEEING,
    ),
    **dict.fromkeys(("stable-baselines3", "ml-agents", "sample-factory", "cleanrl"), "a model that plays"),
    **dict.fromkeys(("lerobot", "openpi"), "a model that moves robots"),
    **dict.fromkeys(("sklearn", "scikit-learn", "tabpfn", "skops", "xgboost"), "a model for tables"),
    **dict.fromkeys(("spacy", "stanza", "flair", "span-marker", "gliner"), "a model that marks words"),
    **dict.fromkeys(("timesfm", "chronos-forecasting", "tirex"), "a model that forecasts time series"),
    **dict.fromkeys(("esm", "boltz", "openfold", "chai-lab", "alphafold", "rfdiffusion", "protenix"), _PROTEIN),
    **dict.fromkeys(("fairchem", "mace", "matgl"), _MOLECULE),
    "bertopic": "a model that finds topics",
}  # fmt: skip

#: Tags that say the same where neither a task nor a family of language models does.
_TAGS = {
    **_LIBRARIES,
    **dict.fromkeys(
        ("protein", "proteins", "protein-folding", "protein-structure", "protein-structure-prediction",
         "protein-design", "protein-language-model", "esm2", "esmfold", "rosettafold", "genomics", "dna", "rna"),
        _PROTEIN,
    ),
    **dict.fromkeys(("molecule", "molecules", "molecular-dynamics", "drug-discovery", "materials-science"), _MOLECULE),
    **dict.fromkeys(("whisper", "wav2vec2", "hubert", "parakeet", "tts", "text-to-speech", "asr", "vits"), _SPEECH),
    **dict.fromkeys(
        ("bert", "roberta", "distilbert", "xlm-roberta", "modernbert", "nomic_bert", "mpnet", "embeddings"), _EMBEDDING
    ),
    **dict.fromkeys(("vit", "clip", "siglip", "dinov2", "detr", "yolo", "sam", "depth_anything"), _SEEING),
    **dict.fromkeys(("text-to-image", "stable-diffusion-xl", "controlnet", "text-to-video"), _IMAGE),
}  # fmt: skip


def obstacle_of_library(library_name: str | None, tags: Iterable[str], architecture: str | None) -> Obstacle | None:
    """What the library and the tags say against a model as a chat model, None when nothing.

    Args:
        library_name: What loads it, as the Hub says.
        tags: The Hub's tags.
        architecture: GGUF's word; tags count for nothing against one that the engine chats with.
    """
    if library_name is not None and (kind := _LIBRARIES.get(library_name.lower())):
        return not_language(kind)
    if architecture in GENERATING:
        return None
    for tag in tags:
        if kind := _TAGS.get(tag.lower()):
            return not_language(kind)
    return None
