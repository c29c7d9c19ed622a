"""The Hub's answer to who somebody is, as a core value."""

from __future__ import annotations

from collections.abc import Mapping

from garden.core.account import Account
from garden.hub.address import is_repo_id
from garden.hub.wire import clean

_MAX_NAME = 100

#: More organisations than that are not listed: each costs a request of its own when models are.
_MOST_ORGANISATIONS = 50


def account(document: object) -> Account | None:
    """The account in an answer of ``GET /api/whoami-v2``; None when there is none in it."""
    if not isinstance(document, Mapping):
        return None
    name = _owner(document.get("name"))
    if name is None:
        return None
    organisations = document.get("orgs")
    listed = organisations[:_MOST_ORGANISATIONS] if isinstance(organisations, list) else []
    names = (_owner(each.get("name")) for each in listed if isinstance(each, Mapping))
    return Account(name=name, organisations=tuple(each for each in names if each is not None), role=_role(document))


def _owner(value: object) -> str | None:
    """A name that can own models; it becomes part of addresses."""
    name = clean(value, _MAX_NAME)
    return name if name is not None and is_repo_id(f"{name}/x") else None


def _role(document: Mapping[str, object]) -> str | None:
    auth = document.get("auth")
    token = auth.get("accessToken") if isinstance(auth, Mapping) else None
    return clean(token.get("role"), _MAX_NAME) if isinstance(token, Mapping) else None
