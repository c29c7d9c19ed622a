"""The door to huggingface_hub: what Garden takes from it, with everything that Garden does not use switched off.

Garden speaks to the Hub itself: huggingface_hub's own lists have no time limit and no cursor, sleep through a pause
without a way to cancel, and its transfers neither resume nor verify. What it owns is the layout of the shared cache,
and that is asked of it, so that what Garden fetched is there for every other tool.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from huggingface_hub import DeleteCacheStrategy

#: Read by huggingface_hub when it is imported.
_SWITCHES = {
    "HF_HUB_DISABLE_XET": "1",  # plain ranges resume and can be verified
    "HF_XET_TELEMETRY_ENABLED": "0",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_UPDATE_CHECK": "1",
    "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",  # the token is Garden's to send
    "HF_HUB_DISABLE_SYMLINKS_WARNING": "1",
}


def switch_off_extras() -> None:
    """Switch off Xet, telemetry, update checks and implicit tokens, also when huggingface_hub is imported already."""
    os.environ.update(_SWITCHES)
    from huggingface_hub import constants

    constants.HF_HUB_DISABLE_XET = True
    constants.HF_HUB_DISABLE_TELEMETRY = True
    constants.HF_HUB_DISABLE_IMPLICIT_TOKEN = True
    constants.HF_HUB_DISABLE_SYMLINKS_WARNING = True


def rate_limit_reset(headers: Mapping[str, str]) -> int | None:
    """Seconds until the Hub's ``RateLimit`` header lets requests through again, None when it says nothing."""
    switch_off_extras()
    from huggingface_hub.utils._http import parse_ratelimit_headers

    info = parse_ratelimit_headers(headers)
    return info.reset_in_seconds if info is not None and info.remaining == 0 else None


def max_plain_bytes() -> int:
    """Above this size the Hub serves a file through Xet only."""
    switch_off_extras()
    from huggingface_hub import constants

    return constants.MAX_HTTP_DOWNLOAD_SIZE


def repository_folder(repo_id: str) -> str:
    """Name of a repository's folder in the cache, e.g. ``models--owner--name``."""
    switch_off_extras()
    from huggingface_hub.file_download import repo_folder_name

    return repo_folder_name(repo_id=repo_id, repo_type="model")


def cached_path(repo_id: str, revision: str, filename: str, cache_dir: Path) -> Path | None:
    """Where huggingface_hub itself finds a file of a commit without the network, None when it finds none."""
    switch_off_extras()
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        path = hf_hub_download(repo_id, filename, revision=revision, cache_dir=cache_dir, local_files_only=True)
    except LocalEntryNotFoundError:
        return None
    return Path(path)


def delete_shared(cache_dir: Path, blob: Path) -> int:
    """Remove a file whose bytes lie in the cache-wide store, as huggingface_hub does it.

    Args:
        cache_dir: The Hub cache.
        blob: The repository's link into the store.

    Returns:
        Bytes freed, 0 while another repository uses them.
    """
    strategy = _deletion_of_shared(cache_dir, blob)
    strategy.execute()
    return strategy.expected_freed_size


def freed_by_deleting_shared(cache_dir: Path, blob: Path) -> int:
    """Bytes that ``delete_shared`` would free; nothing is touched."""
    return _deletion_of_shared(cache_dir, blob).expected_freed_size


def _deletion_of_shared(cache_dir: Path, blob: Path) -> DeleteCacheStrategy:
    switch_off_extras()
    from huggingface_hub import scan_cache_dir

    scanned = scan_cache_dir(cache_dir)
    files = [
        file
        for repository in scanned.repos
        for revision in repository.revisions
        for file in revision.files
        if file.blob_path == blob
    ]
    return scanned.delete_files(*files)
