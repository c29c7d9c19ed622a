"""The Hub's JSON for repositories: rows, pages, trees. Pure."""

from __future__ import annotations

import base64
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from tests.hubserver.repository import ServedFile, ServedRepository

Json = dict[str, object]

#: Fields of a row when none are asked for, as the real list gives them.
_DEFAULT_ROW = ("createdAt", "downloads", "library_name", "likes", "pipeline_tag", "private", "tags")
_DEFAULT_PAGE = (
    *_DEFAULT_ROW, "author", "cardData", "disabled", "gated", "gguf", "lastModified", "model-index", "safetensors",
    "sha",
    "siblings", "usedStorage",
)  # fmt: skip

#: What the real list lets expand; one other name and it refuses the whole request (huggingface_hub#3182).
LIST_FIELDS = frozenset(
    [
        "author",
        "cardData",
        "config",
        "createdAt",
        "disabled",
        "downloads",
        "downloadsAllTime",
        "evalResults",
        "gated",
        "gguf",
        "inference",
        "inferenceProviderMapping",
        "lastModified",
        "library_name",
        "likes",
        "mask_token",
        "model-index",
        "pipeline_tag",
        "private",
        "resourceGroup",
        "safetensors",
        "sha",
        "siblings",
        "spaces",
        "tags",
        "transformersInfo",
        "trendingScore",
        "widgetData",
    ]
)

_SORT_KEYS = {
    "trendingScore": lambda repository: repository.trending,
    "downloads": lambda repository: repository.downloads,
    "likes": lambda repository: repository.likes,
    "lastModified": lambda repository: repository.last_modified,
    "createdAt": lambda repository: repository.created_at or repository.last_modified,
}


@dataclass(frozen=True)
class Page:
    """Rows and the offset of the next page, None on the last one."""

    rows: list[Json]
    next_cursor: str | None


def search(
    repositories: Sequence[ServedRepository],
    parameters: Sequence[tuple[str, str]],
    authors: Collection[str] = (),
) -> Page:
    """Answer ``GET /api/models`` for whoever may see the private repositories of these authors."""
    single = dict(parameters)
    wanted_tags = [value for name, value in parameters if name == "filter"]
    expand = [value for name, value in parameters if name == "expand"]
    rows = [repository for repository in repositories if _matches(repository, single, wanted_tags, authors)]
    if sort := single.get("sort"):
        rows.sort(key=_SORT_KEYS[sort], reverse=True)
    offset = int(base64.urlsafe_b64decode(single["cursor"])) if "cursor" in single else 0
    limit = int(single.get("limit", "1000"))
    more = offset + limit < len(rows)
    return Page(
        rows=[_fields(row, expand or (_DEFAULT_PAGE if "full" in single else _DEFAULT_ROW), False)
              for row in rows[offset : offset + limit]],
        next_cursor=base64.urlsafe_b64encode(str(offset + limit).encode()).decode() if more else None,
    )  # fmt: skip


def _matches(
    repository: ServedRepository, single: dict[str, str], wanted_tags: Sequence[str], authors: Collection[str]
) -> bool:
    words = single.get("search", "").lower().split()
    total = (repository.gguf.total if repository.gguf else None) or repository.safetensors_total
    return (
        # A private one shows in the list of its own author only, as with the real Hub.
        (not repository.private or single.get("author", "") in authors)
        and all(word in repository.repo_id.lower() for word in words)
        and all(tag in repository.all_tags for tag in wanted_tags)
        and single.get("author", "") in ("", repository.repo_id.partition("/")[0])
        and single.get("pipeline_tag", "") in ("", repository.pipeline_tag)
        and single.get("gated", "") in ("", "true" if repository.gated else "false")
        and _within(total, single.get("num_parameters", ""))
    )


def _within(total: int | None, limits: str) -> bool:
    for limit in filter(None, limits.split(",")):
        name, _, text = limit.partition(":")
        number = float(text.rstrip("KMBT")) * {"K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}.get(text[-1], 1)
        if total is None or (name == "min" and total < number) or (name == "max" and total > number):
            return False
    return True


def page(repository: ServedRepository, parameters: Sequence[tuple[str, str]]) -> Json:
    """Answer ``GET /api/models/{id}``."""
    expand = [value for name, value in parameters if name == "expand"]
    with_blobs = dict(parameters).get("blobs", "").lower() == "true"
    answer = _fields(repository, expand or _DEFAULT_PAGE, with_blobs)
    if dict(parameters).get("securityStatus", "").lower() == "true":
        issues = [{"path": path, "level": level} for path, level in repository.issues]
        answer["securityRepoStatus"] = {"scansDone": True, "filesWithIssues": issues}
    return answer


def _fields(repository: ServedRepository, names: Sequence[str], with_blobs: bool) -> Json:
    gguf, total = repository.gguf, repository.safetensors_total
    values: Json = {
        "author": repository.repo_id.partition("/")[0],
        "baseModels": _base_models(repository),
        "cardData": {"license": repository.license, "base_model": list(repository.base_models)},
        "createdAt": repository.created_at or repository.last_modified,
        "disabled": False,
        "downloads": repository.downloads,
        "gated": repository.gated if isinstance(repository.gated, str) else "manual" if repository.gated else False,
        "gguf": {
            "total": gguf.total, "architecture": gguf.architecture, "context_length": gguf.context_length,
            "chat_template": "{{ messages }}",
        } if gguf else None,
        "lastModified": repository.last_modified,
        "model-index": [{"name": repository.repo_id, "results": list(repository.results)}]
        if repository.results
        else None,
        "library_name": repository.library_name or ("gguf" if gguf else "transformers"),
        "likes": repository.likes,
        "pipeline_tag": repository.pipeline_tag,
        "private": repository.private,
        "safetensors": {"parameters": {"BF16": total}, "total": total} if total else None,
        "sha": repository.commit,
        "siblings": [_sibling(file, with_blobs) for file in repository.files],
        "tags": list(repository.all_tags),
        "trendingScore": repository.trending,
        "usedStorage": sum(file.content.size_bytes for file in repository.files),
    }  # fmt: skip
    row: Json = {"_id": "0", "id": repository.repo_id, "modelId": repository.repo_id}
    row.update({name: values[name] for name in names if values.get(name) is not None})
    return row


def _base_models(repository: ServedRepository) -> Json | None:
    if not repository.base_models:
        return None
    return {"relation": repository.relation, "models": [{"_id": "0", "id": base} for base in repository.base_models]}


def _sibling(file: ServedFile, with_blobs: bool) -> Json:
    if not with_blobs:
        return {"rfilename": file.filename}
    entry: Json = {"rfilename": file.filename, "size": file.content.size_bytes, "blobId": file.oid}
    if file.large:
        entry["lfs"] = {"sha256": file.content.sha256, "size": file.content.size_bytes, "pointerSize": 135}
    return entry


def tree(repository: ServedRepository, folder: str, recursive: bool) -> list[Json] | None:
    """Answer ``GET …/tree/{rev}[/{path}]``; None when the folder does not exist."""
    prefix = f"{folder.strip('/')}/" if folder.strip("/") else ""
    files = [file for file in repository.files if file.filename.startswith(prefix)]
    if prefix and not files:
        return None
    entries: dict[str, Json] = {}
    for file in files:
        parts = file.filename[len(prefix) :].split("/")
        for depth in range(1, len(parts) if recursive else min(2, len(parts))):
            path = prefix + "/".join(parts[:depth])
            entries.setdefault(path, {"type": "directory", "oid": file.oid, "size": 0, "path": path})
        if recursive or len(parts) == 1:
            entries[file.filename] = tree_entry(file)
    return list(entries.values())


def tree_entry(file: ServedFile) -> Json:
    """One file as the tree lists it."""
    entry: Json = {
        "type": "file", "oid": file.oid, "size": file.content.size_bytes, "path": file.filename,
    }  # fmt: skip
    if file.large:
        entry["lfs"] = {"oid": file.content.sha256, "size": file.content.size_bytes, "pointerSize": 135}
    return entry
