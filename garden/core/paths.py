"""Where Garden keeps what: data, cache, models, logs and its own resources."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import platformdirs

import garden
from garden.core.errors import NotFoundError
from garden.core.write_failure import writing


def data_dir() -> Path:
    """Folder of the user's own state (work.sqlite, settings, models made here); GARDEN_DATA_DIR overrides it.

    Raises:
        StateError: It cannot be made.
    """
    return _chosen("GARDEN_DATA_DIR", platformdirs.user_data_dir, "data")


def cache_dir() -> Path:
    """Folder of what can be made again (index.sqlite, headers, fetched wheels); GARDEN_CACHE_DIR overrides it.

    Raises:
        StateError: It cannot be made.
    """
    return _chosen("GARDEN_CACHE_DIR", platformdirs.user_cache_dir, "cache")


def hub_cache_dir() -> Path:
    """The Hub cache by the rules of huggingface_hub, read from the environment each time."""
    environment = os.environ
    home = environment.get("HF_HOME") or str(
        Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "huggingface"
    )
    chosen = environment.get("HF_HUB_CACHE") or environment.get("HUGGINGFACE_HUB_CACHE") or str(Path(home) / "hub")
    return Path(os.path.expandvars(chosen)).expanduser()


def log_dir() -> Path:
    """Folder of the program's and its children's logs.

    Raises:
        StateError: It cannot be made.
    """
    return _made(data_dir() / "logs", "log", "GARDEN_DATA_DIR")


def _chosen(variable: str, default: Callable[..., str], purpose: str) -> Path:
    """The folder that a variable names, else the platform's own; made when it was missing."""
    return _made(Path(os.environ.get(variable) or default("garden", appauthor=False)), purpose, variable)


def _made(path: Path, purpose: str, variable: str) -> Path:
    """The folder, made when it was missing.

    Raises:
        StateError: It cannot be made.
    """
    with writing(f"The {purpose} folder {path}", action=f"Choose another one with {variable}."):
        path.mkdir(parents=True, exist_ok=True)
    return path


def user_path(path: str | os.PathLike[str]) -> Path:
    """A path as a user wrote it, as Garden keeps and compares it: absolute, without ``~`` and ``..``.

    Links stay: a model of the Hub cache is a link to a blob that says nothing.
    """
    written = Path(path)
    with contextlib.suppress(RuntimeError):  # “~somebody” who has no home here: a file may be called so
        written = written.expanduser()
    written = written.absolute()
    if ".." not in written.parts:
        return written
    plain = Path(os.path.normpath(written))
    # Behind a link to a folder, “..” is the folder above what it leads to, not the one that the text shows.
    if written.name == "..":
        return plain if os.path.realpath(plain) == os.path.realpath(written) else Path(os.path.realpath(written))
    folder = os.path.realpath(written.parent)
    return plain if os.path.realpath(plain.parent) == folder else Path(folder) / written.name


def resource_path(name: str) -> Path:
    """Path of a file under ``resources/``.

    Args:
        name: Path relative to the resources folder, with forward slashes, e.g. ``icons/search.svg``.

    Raises:
        NotFoundError: The resource is missing, so the installation is damaged.
    """
    package = Path(garden.__file__).parent
    # Installed, resources lie inside the package; in a checkout (editable install) beside it.
    for root in (package / "_resources", package.parent / "resources"):
        path = root / name
        if path.exists():
            return path
    raise NotFoundError(
        f"A part of Garden is missing: {name}.", "Install Garden again; your models and chats are kept elsewhere."
    )
