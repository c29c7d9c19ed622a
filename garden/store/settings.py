"""What the user has chosen for the program as a whole, in one small JSON file."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec

from garden.core.errors import GardenError, StateError
from garden.core.hub_endpoint import HubEndpoint
from garden.core.imagined_machine import ImaginedMachine
from garden.core.saved_search import SavedSearch
from garden.store.atomic_file import write_atomically

#: Where searches go unless the user or the environment names another Hub.
PUBLIC_HUB = "https://huggingface.co"

#: Slower than this, connections are taken for dead, in bytes per second.
MIN_BANDWIDTH = 64 * 1024

#: A settings file is a few hundred bytes; what is larger than this was not written by Garden.
_MAX_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Choices that outlive a session.

    Attributes:
        theme: ``system`` follows the desktop.
        text_scale: 1.0 is 100 %; 0.8..2.0.
        density: ``comfortable`` adds room to rows.
        endpoint: Address of the Hub; empty for the public one. The environment may name another.
        endpoints: Hubs that the user has named.
        offline: No request leaves this machine.
        use_existing_token: The user consented to use the Hub token that other tools keep on this machine.
        models_dir: Folder for what Garden makes; None keeps it in the data folder.
        folders: Folders that the Library looks into, besides the Hub cache and the models folder.
        files: Single files that the Library lists, of folders that it does not look into.
        hidden_programs: Other programs (``ollama``, ``lm_studio``, ``jan``) whose stores the Library does not read.
        check_upstream: Ask once a day whether files of the Hub cache were replaced on the Hub.
        context_length: Context that a load starts from; None takes the smaller of the trained one and 16,384.
        kv_type: Type of the K and V cache that a load starts from.
        parallel_downloads: Downloads at once, 1..8.
        bandwidth_limit: Bytes per second that all downloads together may take, ≥ 65,536; None for no limit.
        other_machines: What models are compared on beside this machine; None for the usual ones.
        saved_searches: Searches that the user keeps under names.
    """

    theme: Literal["system", "light", "dark"] = "system"
    text_scale: float = 1.0
    density: Literal["compact", "comfortable"] = "compact"
    endpoint: str = ""
    endpoints: tuple[HubEndpoint, ...] = ()
    offline: bool = False
    use_existing_token: bool = False
    models_dir: str | None = None
    folders: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    hidden_programs: tuple[str, ...] = ()
    check_upstream: bool = True
    context_length: int | None = None
    kv_type: str = "f16"
    parallel_downloads: int = 2
    bandwidth_limit: int | None = None
    other_machines: tuple[ImaginedMachine, ...] | None = None
    saved_searches: tuple[SavedSearch, ...] = ()

    def with_changes(self, **changes: Any) -> Settings:
        """A copy with some fields changed.

        Raises:
            StateError: A value is outside what is allowed.
        """
        changed = dataclasses.replace(self, **changes)
        problem = _problem(changed)
        if problem:
            raise StateError(problem, "Choose another value.")
        return changed


def _problem(settings: Settings) -> str | None:
    """Why these settings cannot be used, None when they can."""
    if not 0.8 <= settings.text_scale <= 2.0:
        return "The text size must be between 80 % and 200 %."
    if settings.kv_type != "f16":
        # The default needs no look into the list; settings are read before a window's first paint.
        from garden.core.run_configuration import KV_TYPES

        if settings.kv_type not in KV_TYPES:
            return f"{settings.kv_type!r} is not a type of the KV cache."
    if not 1 <= settings.parallel_downloads <= 8:
        return "Between 1 and 8 downloads can run at once."
    if settings.bandwidth_limit is not None and not MIN_BANDWIDTH <= settings.bandwidth_limit <= 2**40:
        return "Downloads can be held to 64 KiB per second or more."
    if settings.context_length is not None and not 1 <= settings.context_length <= 2**24:
        return "The context must be between 1 and 16,777,216 tokens."
    return None


class SettingsStore:
    """Reads and writes the settings file. A damaged one never keeps the program from starting.

    Args:
        path: The JSON file; it need not exist.

    Attributes:
        damaged_copy: Where ``load`` has put a damaged file, None when it was whole or there was no room for a copy.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.damaged_copy: Path | None = None
        self._not_kept: bytes | None = None

    @property
    def exists(self) -> bool:
        """Whether anything was ever saved."""
        return self._path.exists()

    def load(self) -> Settings:
        """The settings; where the file is damaged, a copy is kept aside and what can be read of it is used.

        A copy that cannot be written now is made before ``save`` puts whole settings in the place of the damaged ones.

        Raises:
            StateError: The system does not let the file be read.
        """
        self.damaged_copy = self._not_kept = None
        try:
            with self._path.open("rb") as stream:
                content = stream.read(_MAX_BYTES + 1)
        except FileNotFoundError:
            return Settings()
        except OSError as error:
            raise StateError(
                "The settings could not be read.", f"Check that {self._path} is yours.", repr(error)
            ) from error
        settings, whole = _read(content)
        if not whole:
            self._not_kept = content
            # A full disk must not keep the program from starting.
            with contextlib.suppress(GardenError):
                self._keep_aside()
        return settings

    def save(self, settings: Settings) -> None:
        """Write them, whole or not at all.

        Raises:
            StateError: They could not be written, or the damaged ones in their place could not be kept aside.
        """
        self._keep_aside()
        document = msgspec.json.format(msgspec.json.encode(settings), indent=2)
        write_atomically(self._path, document + b"\n")

    def _keep_aside(self) -> None:
        """Write the damaged file that was read, under a name of its content: one copy, however often it is read."""
        if self._not_kept is None:
            return
        digest = hashlib.sha256(self._not_kept).hexdigest()[:12]
        copy = self._path.with_name(f"{self._path.stem}-damaged-{digest}{self._path.suffix}")
        if not copy.is_file():
            write_atomically(copy, self._not_kept)
        self.damaged_copy, self._not_kept = copy, None


def _read(content: bytes) -> tuple[Settings, bool]:
    """What can be read, field by field, and whether that was all. Fields of a newer Garden are passed over."""
    if len(content) > _MAX_BYTES:
        return Settings(), False
    try:
        document = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Settings(), False
    if not isinstance(document, dict):
        return Settings(), False
    settings, whole = Settings(), True
    for name, kind in typing.get_type_hints(Settings).items():
        if name not in document:
            continue
        try:
            changed = dataclasses.replace(settings, **{name: msgspec.convert(document[name], kind)})
        except msgspec.ValidationError:
            whole = False
            continue
        if _problem(changed):
            whole = False
        else:
            settings = changed
    return settings, whole
