"""What the Hub tells of a repository's safety and claims, as core values; cleaned, cut and counted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from garden.core.trust import EvaluationClaim, FileIssue, RepositoryTrust
from garden.hub.wire import clean, commit_hash, model_summary, weight_formats

#: More issues or claims than anyone reads are left out.
_MAX_ISSUES, _MAX_CLAIMS = 200, 60

_MAX_TEXT = 120

#: Endings of files that hold pickled objects: opening one can run whatever its writer wanted.
_PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".dill")


def repository_trust(item: Mapping[str, Any]) -> RepositoryTrust | None:
    """From a repository's page that was asked for with ``securityStatus``; None when it is no such page."""
    summary, commit = model_summary(item), commit_hash(item.get("sha"))
    if summary is None or commit is None:
        return None
    card, security = _mapping(item.get("cardData")), _mapping(item.get("securityRepoStatus"))
    names = summary.filenames
    done = security.get("scansDone")
    link = clean(card.get("license_link"), 300)
    return RepositoryTrust(
        repo_id=summary.repo_id,
        commit=commit,
        last_modified=summary.last_modified,
        license_id=summary.license,
        license_link=link if link and link.startswith("https://") else None,
        gated=_gated(item.get("gated")),
        private=item.get("private") is True,
        formats=weight_formats(names),
        code_files=tuple(name for name in names if name.lower().endswith(_PICKLED)),
        custom_code="custom_code" in summary.tags,
        scanned=done if isinstance(done, bool) else None,
        issues=tuple(_issues(security.get("filesWithIssues"))),
        claims=tuple(_claims(item.get("model-index")))[:_MAX_CLAIMS],
    )


def _gated(value: object) -> str | None:
    if value is True:
        return "manual"
    return value if value in ("auto", "manual") and isinstance(value, str) else None


def _issues(entries: object) -> Iterator[FileIssue]:
    for entry in _list(entries, _MAX_ISSUES):
        name, level = clean(_mapping(entry).get("path"), 300), clean(_mapping(entry).get("level"), 40)
        if name and level:
            yield FileIssue(filename=name, level=level)


def _claims(index: object) -> Iterator[EvaluationClaim]:
    for model in _list(index, 20):
        for result in _list(_mapping(model).get("results"), _MAX_CLAIMS):
            task, dataset = (_mapping(_mapping(result).get(key)) for key in ("task", "dataset"))
            for metric in _list(_mapping(result).get("metrics"), 20):
                value = _figure(_mapping(metric).get("value"))
                if value is not None:
                    yield EvaluationClaim(
                        task=_name(task), dataset=_name(dataset), metric=_name(_mapping(metric)), value=value
                    )


def _name(entry: Mapping[str, Any]) -> str:
    return clean(entry.get("name"), _MAX_TEXT) or clean(entry.get("type"), _MAX_TEXT) or ""


def _figure(value: object) -> str | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return f"{value:.6g}"
    return clean(value, 40)


def _list(value: object, most: int) -> list[Any]:
    return value[:most] if isinstance(value, list) else []


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
