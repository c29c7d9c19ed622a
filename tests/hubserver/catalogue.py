"""A shelf of well-known repositories for pictures and window tests: names, shapes and sizes true, counts made up."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from garden.core.paths import resource_path
from tests.hubserver.content import BytesContent, SparseContent
from tests.hubserver.gguf_header import MAX_HEADER_BYTES, header
from tests.hubserver.mixture import MIXTURES, Mixture, split, stored_tensors
from tests.hubserver.repository import GgufFacts, ServedFile, ServedRepository
from tests.hubserver.shapes import Model, tensors

#: The Hub refuses single files above 50 GB, so publishers split below it.
_SHARD_BYTES = 48_000_000_000

_LADDER = ("Q8_0", "Q6_K", "Q5_K_M", "Q5_K_S", "Q4_K_M", "Q4_K_S", "IQ4_XS", "Q4_0", "Q3_K_M", "Q2_K")
_SHORT = ("Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M")
_LARGE = ("Q8_0", "Q4_K_M", "Q3_K_M", "Q2_K")
_FULL = ("BF16", *_LADDER)

#: Which models get a second repository, and by whom; every model gets one of a collector.
_OFFICIAL = {
    "Qwen/Qwen3-0.6B": "Qwen",
    "Qwen/Qwen3-8B": "Qwen",
    "Qwen/Qwen3-14B": "Qwen",
    "Qwen/Qwen3-30B-A3B": "Qwen",
    "Qwen/Qwen3-32B": "Qwen",
    "Qwen/Qwen2.5-0.5B-Instruct": "Qwen",
    "Qwen/Qwen2.5-7B-Instruct": "Qwen",
    "Qwen/Qwen2.5-72B-Instruct": "Qwen",
    "ibm-granite/granite-4.0-h-tiny": "ibm-granite",
    "HuggingFaceTB/SmolLM3-3B": "ggml-org",
    "google/gemma-3-1b-it": "ggml-org",
    "google/gemma-3-4b-it": "ggml-org",
    "google/gemma-3-12b-it": "ggml-org",
    "microsoft/phi-4": "microsoft",
    "meta-llama/Llama-3.2-1B-Instruct": "lmstudio-community",
    "meta-llama/Llama-3.2-3B-Instruct": "lmstudio-community",
    "meta-llama/Llama-3.1-8B-Instruct": "lmstudio-community",
    "mistralai/Mistral-7B-Instruct-v0.3": "lmstudio-community",
    "openai/gpt-oss-20b": "ggml-org",
    "openai/gpt-oss-120b": "ggml-org",
}
_COLLECTORS = ("bartowski", "unsloth", "mradermacher")
_GATED_OWNERS = frozenset({"meta-llama", "google", "CohereLabs"})

_CARD = """---
license: {license}
base_model: {base}
tags: [gguf]
---
# {name}

Quantizations of [{base}](https://huggingface.co/{base}), made with llama.cpp.

| File | Size |
| --- | --- |
{rows}

## How to choose

Take the largest file that fits with room for the context. `Q4_K_M` is a good start for most machines.
"""


def catalogue(path: Path) -> list[ServedRepository]:
    """Repositories for the models in the catalogue's file (``resources/catalogue/models.json``)."""
    models = [Model(item) for item in json.loads(path.read_text(encoding="utf-8"))["items"]]
    shelf: list[ServedRepository] = []
    for index, model in enumerate(models):
        shelf.append(_original(model))
        shelf.append(_quantized(model, _COLLECTORS[index % len(_COLLECTORS)], _quants(model, official=False)))
        if publisher := _OFFICIAL.get(model.repo_id):
            shelf.append(_quantized(model, publisher, _quants(model, official=True)))
    return shelf


def many_types(repo_id: str, count: int) -> ServedRepository:
    """One repository with a model of the catalogue in so many files: its types again and again, under other names.

    Args:
        repo_id: Of the model that the files are made of.
        count: Files.
    """
    path = resource_path("catalogue/models.json")
    items = json.loads(path.read_text(encoding="utf-8"))["items"]
    model = next(Model(item) for item in items if item["repo_id"] == repo_id)
    files: list[ServedFile] = []
    again = 0
    while len(files) < count:
        # Another seed for each time round, so that no two files are the same.
        served = _quantized(model, f"many-{again}", _FULL)
        whole = [file for file in served.files if file.filename.endswith(".gguf") and "/" not in file.filename]
        for file in whole[: count - len(files)]:
            stem = file.filename.removesuffix(".gguf")
            files.append(dataclasses.replace(file, filename=f"{stem}-v{again}.gguf" if again else file.filename))
        again += 1
    return dataclasses.replace(served, repo_id=f"many/{model.repo_id.rpartition('/')[2]}-GGUF", files=tuple(files))


def _quants(model: Model, *, official: bool) -> Sequence[str]:
    if model.architecture == "gpt-oss":
        return ("MXFP4",)
    if official:
        return _SHORT
    size = model.item["computed_parameters"]["value"]
    return _FULL if size < 20e9 else _LADDER if size < 60e9 else _LARGE


def _original(model: Model) -> ServedRepository:
    """The publisher's own repository: safetensors, no GGUF."""
    parameters = int(model.parameters)
    count = max(1, -(-parameters * 2 // 5_000_000_000))
    name = model.repo_id.rpartition("/")[2]
    files = [ServedFile("README.md", BytesContent(f"# {name}\n".encode()))]
    files.append(ServedFile("config.json", BytesContent(b"{}\n")))
    for part in range(count):
        filename = "model.safetensors" if count == 1 else f"model-{part + 1:05d}-of-{count:05d}.safetensors"
        content = SparseContent(f"{model.repo_id}/{filename}", parameters * 2 // count, bytes, 0)
        files.append(ServedFile(filename, content))
    return ServedRepository(
        model.repo_id,
        files=tuple(files),
        downloads=_figure(model.repo_id, "downloads", 40_000, 3_000_000),
        likes=_figure(model.repo_id, "likes", 200, 6_000),
        trending=_figure(model.repo_id, "trending", 0, 60),
        license=model.license,
        safetensors_total=parameters,
        tags=("transformers", "conversational"),
        gated=model.repo_id.partition("/")[0] in _GATED_OWNERS,
        last_modified=_date(model.repo_id),
    )


def _quantized(model: Model, publisher: str, quants: Sequence[str]) -> ServedRepository:
    name = model.repo_id.rpartition("/")[2]
    repo_id = f"{publisher}/{name}-GGUF"
    files: list[ServedFile] = []
    rows: list[str] = []
    for quant in quants:
        made = _files(model, MIXTURES[quant], repo_id, name)
        files += made
        size = sum(file.content.size_bytes for file in made)
        rows.append(f"| `{made[0].filename}` | {size / 1e9:.2f} GB |")
    card = _CARD.format(license=model.license, base=model.repo_id, name=f"{name} GGUF", rows="\n".join(rows))
    files.append(ServedFile("README.md", BytesContent(card.encode())))
    return ServedRepository(
        repo_id,
        files=tuple(files),
        downloads=_figure(repo_id, "downloads", 2_000, 900_000),
        likes=_figure(repo_id, "likes", 5, 1_500),
        trending=_figure(repo_id, "trending", 0, 100),
        license=model.license,
        gguf=GgufFacts(sum(t.elements for t in tensors(model)), model.architecture, model.context_length),
        base_models=(model.repo_id,),
        tags=("conversational",),
        last_modified=_date(repo_id),
    )


def _files(model: Model, mixture: Mixture, repo_id: str, name: str) -> list[ServedFile]:
    parts = split(list(stored_tensors(model, mixture)), _SHARD_BYTES)
    count, total = len(parts), sum(len(part) for part in parts)
    files: list[ServedFile] = []
    for index, stored in enumerate(parts):
        filename = f"{name}-{mixture.name}.gguf"
        if count > 1:
            folder = f"{name}-{mixture.name}"
            filename = f"{folder}/{name}-{mixture.name}-{index + 1:05d}-of-{count:05d}.gguf"
        # Only its length is kept: the headers of a whole shelf would take more than a gigabyte.
        size = len(header(model, mixture, stored, index, count, total)) + stored[-1].offset + stored[-1].size_bytes
        make = functools.partial(_header, model, mixture, index)
        files.append(ServedFile(filename, SparseContent(f"{repo_id}/{filename}", size, make, MAX_HEADER_BYTES)))
    return files


@functools.lru_cache(maxsize=4)
def _header(model: Model, mixture: Mixture, part: int) -> bytes:
    stored = list(stored_tensors(model, mixture))
    parts = split(stored, _SHARD_BYTES)
    return header(model, mixture, parts[part], part, len(parts), len(stored))


def _figure(repo_id: str, what: str, low: int, high: int) -> int:
    """A made-up count, the same in every run, small ones more frequent."""
    share = int.from_bytes(hashlib.sha256(f"{repo_id}/{what}".encode()).digest()[:4]) / 2**32
    return round(low * (high / max(low, 1)) ** share) if low else round(high * share**3)


def _date(repo_id: str) -> str:
    day = _figure(repo_id, "day", 1, 28)
    month = 1 + _figure(repo_id, "month", 0, 9)
    return f"2026-{month:02d}-{day:02d}T08:00:00.000Z"
