"""Bytes of a file above 50 GB: the Hub serves those through Xet only, its store of pieces that files share.

``hf_xet``, which comes with huggingface_hub, puts the pieces together and hands the bytes over in their order, from any
offset on. So they go the way of all others: into the same part, through the same hash, resumed where they ended. Three
things it does not do, and are done by whoever reads from here: it checks no hash of the file, it now and then ends a
stream without an error though bytes are missing, and a wait of its own can only be ended with its process.
"""

from __future__ import annotations

import importlib.util
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import garden
from garden.core.errors import HubError, HubTroubleError, RefusedError
from garden.core.quantity import format_bytes
from garden.hub.connection import HubConnection
from garden.hub.redaction import redact
from garden.hub.resolved_file import ResolvedFile

if TYPE_CHECKING:
    from hf_xet import XetSession

#: What is read ahead, in bytes; without a limit it is an eighth of the memory.
_READ_AHEAD_BYTES = 128 * 1024 * 1024

#: What comes at once may be 64 MiB: too much for a pace, and to be lost by a cancel that comes between.
_SLICE_BYTES = 1024 * 1024

#: A key of the store is given back so long before it ends.
_KEY_MARGIN_SECONDS = 60.0

#: A key without a believable end is asked for again after so long.
_KEY_SECONDS = 600.0

#: The answer with the key is headers and a few words.
_KEY_LIMIT_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class _Key:
    """Opens the store for one repository: its address, what to show it, and until when (seconds since the epoch)."""

    store: str
    token: str
    ends_at: float


class XetBytes:
    """The bytes of one file as they come out of the store of pieces.

    Args:
        connection: The Hub; its token goes to the Hub alone, for a key of a few minutes that the store is shown.
        repo_id: ``owner/name``.
        file: What the Hub promised; it needs a ``xet_hash``.

    Raises:
        RefusedError: The Hub names no pieces of it, or the program that puts them together is missing.
    """

    def __init__(self, connection: HubConnection, repo_id: str, file: ResolvedFile) -> None:
        if file.xet_hash is None:
            raise _refused(repo_id, file, "and it is not in that store")
        _set_up(connection.timeout_seconds)
        if importlib.util.find_spec("hf_xet") is None:
            raise _refused(repo_id, file, "and hf_xet is not installed", install=True)
        self._connection = connection
        self._repo_id = repo_id
        self._file = file
        self._hash = file.xet_hash
        self._subject = connection.subject(repo_id, file.commit, file.filename)
        self._session: XetSession | None = None

    def pieces(self, offset: int) -> Iterator[bytes]:
        """Bytes from ``offset`` to the end, in order, a megabyte at most at a time.

        Raises:
            GardenError: The Hub gives no key.
            HubTroubleError: The store does not answer, or says what cannot be read.
        """
        from hf_xet import XetFileInfo

        while offset < self._file.size_bytes:
            key = self._ask_for_key()
            began = offset
            try:
                group = self._open().new_download_stream_group(
                    endpoint=key.store,
                    token=key.token,
                    token_expiry_unix_secs=int(key.ends_at),
                    custom_headers={"User-Agent": f"garden/{garden.__version__}"},
                )
                for piece in group.download_stream(XetFileInfo(self._hash, self._file.size_bytes), start=offset):
                    for at in range(0, len(piece), _SLICE_BYTES):
                        part = piece[at : at + _SLICE_BYTES]
                        offset += len(part)
                        yield part
                    if time.time() > key.ends_at - _KEY_MARGIN_SECONDS and offset > began:
                        break
                else:
                    if offset < self._file.size_bytes:
                        raise OSError(f"the stream ended at {offset} of {self._file.size_bytes} bytes")
            except (OSError, RuntimeError, ValueError) as error:
                raise HubTroubleError(
                    f"The store behind {self._subject.host} has trouble at the moment.",
                    "Try again in a moment.",
                    redact(str(error)[:500]),
                ) from error

    def _open(self) -> XetSession:
        from hf_xet import XetSession

        if self._session is None:
            self._session = XetSession()
        return self._session

    def _ask_for_key(self) -> _Key:
        """A key from the Hub itself: an address that an answer names could be anybody's."""
        answer = self._connection.get(
            f"/api/models/{self._repo_id}/xet-read-token/{self._file.commit}",
            self._subject,
            limit_bytes=_KEY_LIMIT_BYTES,
            truncate=True,
        )
        store = answer.headers.get("X-Xet-Cas-Url", "").rstrip("/")
        token = answer.headers.get("X-Xet-Access-Token", "")
        if not token or not self._connection.endpoint.may_follow(self._connection.endpoint.url, store):
            raise HubError(
                f"{self._subject.host} gives no key to the store that has '{self._file.filename}'.",
                "Try again in a moment, or use the Hub itself instead of a mirror.",
            )
        text = answer.headers.get("X-Xet-Token-Expiration", "")
        told = float(text) if text.isascii() and text.isdigit() and len(text) < 12 else 0.0
        now = time.time()
        return _Key(store, token, told if told > now + _KEY_MARGIN_SECONDS else now + _KEY_SECONDS)


def _set_up(silence_seconds: float) -> None:
    """Say how hf_xet is to behave, before it is imported. Trying again is done here, where it is told and cancelled."""
    seconds = max(1, round(silence_seconds))
    ahead = str(_READ_AHEAD_BYTES)
    os.environ.update(
        {
            "HF_XET_TELEMETRY_ENABLED": "0",
            # A path: any word would be a file in the working folder, and without one a log stays in the cache.
            "HF_XET_LOG_DEST": os.devnull,
            "HF_XET_CLIENT_RETRY_MAX_ATTEMPTS": "1",
            "HF_XET_CLIENT_RETRY_BASE_DELAY": "500ms",
            "HF_XET_CLIENT_CONNECT_TIMEOUT": f"{min(10, seconds)}s",
            "HF_XET_CLIENT_READ_TIMEOUT": f"{seconds}s",
            "HF_XET_RECONSTRUCTION_DOWNLOAD_BUFFER_SIZE": ahead,
            "HF_XET_RECONSTRUCTION_DOWNLOAD_BUFFER_PERFILE_SIZE": ahead,
            "HF_XET_RECONSTRUCTION_DOWNLOAD_BUFFER_LIMIT": ahead,
            "HF_XET_RECONSTRUCTION_MIN_PREFETCH_BUFFER": ahead,
        }
    )


def _refused(repo_id: str, file: ResolvedFile, why: str, *, install: bool = False) -> RefusedError:
    first = "Install it (pip install hf_xet)" if install else "Choose a smaller or split file"
    return RefusedError(
        f"'{file.filename}' is {format_bytes(file.size_bytes)}: above 50 GB the Hub serves a file through its store of "
        f"pieces (Xet) only, {why}.",
        f"{first}, or run: hf download {repo_id} '{file.filename}'; Garden finds it in the cache.",
    )
