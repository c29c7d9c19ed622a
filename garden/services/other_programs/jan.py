"""Jan's store: a ``model.yml`` per model below ``llamacpp/models``, which names its files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from garden.hub.file_grouping import is_projector
from garden.services.gguf_files import gguf_files
from garden.services.model_name import display_name
from garden.services.other_programs.found_model import FoundModel, plain_name
from garden.services.other_programs.small_file import inside, read_small

#: A model.yml is some hundred bytes.
_MAX_YML_BYTES = 64 * 1024

#: Deeper or fuller than this is no store of models.
_MAX_DEPTH, _MAX_MODELS = 6, 5_000

_MODEL_YML = "model.yml"


def jan_models(data_folder: Path) -> tuple[FoundModel, ...]:
    """The models that a data folder holds; what its descriptions name outside of it is passed over.

    Args:
        data_folder: The folder with ``llamacpp/models``; it need not exist.
    """
    root = Path(os.path.realpath(data_folder))
    models = root / "llamacpp" / "models"
    found: dict[Path, FoundModel] = {}
    for description in _descriptions(models):
        fields = _fields(description) if inside(description, root) else {}
        path = _named_file(root, fields.get("model_path", ""))
        if path is None or path in found:
            continue
        projector = _named_file(root, fields.get("mmproj_path", ""))
        folder = description.parent.relative_to(models)
        found[path] = FoundModel(
            program="jan",
            name=display_name(plain_name(fields.get("name", "").rpartition("/")[2]) or plain_name(folder.name)),
            path=path,
            publisher=plain_name(folder.parts[0]) if len(folder.parts) >= 2 else None,
            beside=() if projector is None else (projector,),
        )
    return tuple(found.values())


def older_jan_models(store: Path) -> tuple[FoundModel, ...]:
    """The models of a Jan of before: GGUF files, each in a folder of its own.

    Args:
        store: ``jan/models`` in the home; it need not exist.
    """
    root = Path(os.path.realpath(store))
    return tuple(
        FoundModel(program="jan", name=plain_name(display_name(path.stem)), path=path)
        for path in gguf_files(root)
        if inside(path, root) and not is_projector(path.name)
    )


def _descriptions(models: Path) -> Iterator[Path]:
    """Every model.yml, links to folders not followed."""
    count = 0
    for where, folders, files in os.walk(models):
        depth = len(Path(where).relative_to(models).parts)
        folders[:] = sorted(folders) if depth < _MAX_DEPTH else []
        if _MODEL_YML in files:
            count += 1
            if count > _MAX_MODELS:
                return
            yield Path(where) / _MODEL_YML


def _fields(path: Path) -> dict[str, str]:
    """The texts at the top level of a model.yml, which is all that is wanted of it: no YAML is interpreted."""
    content = read_small(path, _MAX_YML_BYTES)
    if content is None:
        return {}
    fields: dict[str, str] = {}
    for line in content.decode("utf-8", "replace").splitlines():
        name, colon, value = line.partition(":")
        if colon and name.isidentifier():
            fields.setdefault(name, _scalar(value.strip()))
    return fields


def _scalar(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"":
        inner = text[1:-1]
        return inner.replace("''", "'") if text[0] == "'" else inner.replace('\\"', '"').replace("\\\\", "\\")
    return text


def _named_file(root: Path, text: str) -> Path | None:
    """The file that a description names, from the data folder on or from the top; it must lie in the data folder."""
    if not text or len(text) > 4_096 or "\x00" in text:
        return None
    path = Path(text)
    return None if ".." in path.parts else inside(root / path, root)
