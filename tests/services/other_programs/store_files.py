"""Stores of other programs, written file by file as those programs write them."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

MODEL = "application/vnd.ollama.image.model"
PROJECTOR = "application/vnd.ollama.image.projector"
ADAPTER = "application/vnd.ollama.image.adapter"


def home() -> Path:
    """The home in which tests have other programs."""
    import os

    return Path(os.environ["GARDEN_STORES_HOME"])


def ollama_blob(store: Path, content: bytes) -> str:
    """Put a blob into a store; its digest."""
    sha256 = hashlib.sha256(content).hexdigest()
    (store / "blobs").mkdir(parents=True, exist_ok=True)
    (store / "blobs" / f"sha256-{sha256}").write_bytes(content)
    return f"sha256:{sha256}"


def ollama_manifest(
    store: Path,
    *layers: tuple[str, str],
    name: tuple[str, str, str, str] = ("registry.ollama.ai", "library", "tiny", "latest"),
) -> Path:
    """Write a manifest of layers (media type, digest) as Ollama does."""
    manifest = store.joinpath("manifests", *name)
    manifest.parent.mkdir(parents=True, exist_ok=True)
    document = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": {"mediaType": "application/vnd.docker.container.image.v1+json", "digest": "sha256:0", "size": 485},
        "layers": [{"mediaType": kind, "digest": digest, "size": 7} for kind, digest in layers],
    }
    manifest.write_text(json.dumps(document))
    return manifest


def in_ollama(model: Path, *, tag: str = "latest", store: Path | None = None) -> Path:
    """A model in Ollama's own store as ``tiny:latest``; its blob."""
    store = store or home() / ".ollama" / "models"
    digest = ollama_blob(store, model.read_bytes())
    ollama_manifest(store, (MODEL, digest), name=("registry.ollama.ai", "library", "tiny", tag))
    return store / "blobs" / digest.replace(":", "-")


def in_lm_studio(model: Path, name: str = "somebody/Tiny-GGUF/Tiny-Q8_0.gguf", store: Path | None = None) -> Path:
    """A model in LM Studio's folder."""
    path = (store or home() / ".lmstudio" / "models") / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copyfile(model, path))


def in_jan(model: Path, *, data: Path | None = None, name: str = "Tiny-Q4_0", extra: str = "") -> Path:
    """A model in Jan's data folder, with its description."""
    data = data or home() / ".local" / "share" / "Jan" / "data"
    folder = data / "llamacpp" / "models" / name
    folder.mkdir(parents=True, exist_ok=True)
    description = (
        f"model_path: llamacpp/models/{name}/model.gguf\nname: {name}\nsize_bytes: 7\nembedding: false\n{extra}"
        "capabilities:\n- tools\n"
    )
    (folder / "model.yml").write_text(description)
    return Path(shutil.copyfile(model, folder / "model.gguf"))
