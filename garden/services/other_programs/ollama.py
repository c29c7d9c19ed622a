"""Ollama's store: a manifest per name and tag, which names blobs by their SHA-256."""

from __future__ import annotations

import dataclasses
import os
import re
from pathlib import Path

import msgspec

from garden.services.other_programs.found_model import FoundModel
from garden.services.other_programs.small_file import inside, read_small

#: A manifest is about a kilobyte.
_MAX_MANIFEST_BYTES = 256 * 1024

#: More names than anybody keeps; what comes after them is not read.
_MAX_MANIFESTS = 5_000

_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")

#: Parts of a name as Ollama allows them: of hosts (with a port), and of all others.
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:_-]{0,127}")
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")

_MODEL = "application/vnd.ollama.image.model"
_BESIDE = ("application/vnd.ollama.image.projector", "application/vnd.ollama.image.adapter")

_OWN_HOST, _OWN_NAMESPACE = "registry.ollama.ai", "library"


class _Layer(msgspec.Struct):
    media_type: str = msgspec.field(name="mediaType", default="")
    digest: str = ""


class _Manifest(msgspec.Struct):
    layers: list[_Layer] = []


def ollama_models(store: Path) -> tuple[FoundModel, ...]:
    """The models of a store, each file once under its first name.

    Manifests that are damaged, name blobs that are not there, or lead out of the store are passed over.

    Args:
        store: The folder with ``manifests`` and ``blobs``; it need not exist.
    """
    root = Path(os.path.realpath(store))
    found: dict[Path, FoundModel] = {}
    for parts in _manifests(root / "manifests"):
        layers = _layers(root, (root / "manifests").joinpath(*parts))
        models = [blob for kind, digest in layers if kind == _MODEL and (blob := _blob(root, digest))]
        # Several model layers are not one GGUF file.
        if len(models) != 1:
            continue
        (path,), (host, namespace, model, tag) = models, parts
        name = _name(host, namespace, model, tag)
        if path in found:
            found[path] = dataclasses.replace(found[path], also=(*found[path].also, name))
            continue
        beside = [
            blob for wanted in _BESIDE for kind, digest in layers if kind == wanted and (blob := _blob(root, digest))
        ]
        found[path] = FoundModel(
            program="ollama",
            name=name,
            path=path,
            publisher=namespace,
            sha256=promised_hash(path),
            beside=tuple(beside),
        )
    return tuple(found.values())


def promised_hash(blob: Path) -> str | None:
    """The SHA-256 that a blob's name promises, None for a file with another name."""
    match = _DIGEST.fullmatch(blob.name.replace("-", ":", 1))
    return match[1] if match else None


def _manifests(folder: Path) -> list[tuple[str, ...]]:
    """Host, namespace, model and tag of what lies there; links to folders are not followed."""
    level: list[tuple[str, ...]] = [()]
    for depth in range(4):
        below: list[tuple[str, ...]] = []
        for parts in level:
            for entry in _entries(folder.joinpath(*parts)):
                rightful = (_HOST if depth == 0 else _PART).fullmatch(entry.name)
                if rightful and entry.is_dir(follow_symlinks=False) == (depth < 3) and len(below) < _MAX_MANIFESTS:
                    below.append((*parts, entry.name))
        level = below
    return level


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return []


def _layers(root: Path, manifest: Path) -> list[tuple[str, str]]:
    """Media type and digest of each layer; none when the manifest is not one."""
    content = read_small(manifest, _MAX_MANIFEST_BYTES) if inside(manifest, root) else None
    if content is None:
        return []
    try:
        document = msgspec.json.decode(content, type=_Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []
    return [(layer.media_type, layer.digest) for layer in document.layers]


def _blob(root: Path, digest: str) -> Path | None:
    """Where the bytes of a digest lie, None when they do not or the digest is none."""
    match = _DIGEST.fullmatch(digest)
    return inside(root / "blobs" / f"sha256-{match[1]}", root) if match else None


def _name(host: str, namespace: str, model: str, tag: str) -> str:
    """As Ollama shows it: ``llama3.1:8b``, ``someone/model:tag``, ``hf.co/owner/repo:Q4_K_M``."""
    where = [] if host == _OWN_HOST else [host]
    if where or namespace != _OWN_NAMESPACE:
        where.append(namespace)
    return "/".join((*where, f"{model}:{tag}"))
