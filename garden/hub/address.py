"""Addresses: what a pasted text names on the Hub, and which address may see a token."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

from garden.core.errors import RefusedError

#: Hosts whose pages are the Hub's own, whatever endpoint is set.
_HUB_HOSTS = frozenset({"huggingface.co", "www.huggingface.co", "hf.co"})

#: First parts of Hub addresses that are not owners of models.
_NOT_OWNERS = frozenset(
    {
        "api", "blog", "buckets", "chat", "collections", "datasets", "docs", "enterprise", "inference", "jobs", "join",
        "kernels", "learn", "login", "logout", "models", "new", "organizations", "papers", "posts", "pricing",
        "privacy", "search", "settings", "spaces", "support", "tasks", "terms-of-service",
    }
)  # fmt: skip

#: The Hub's own rule for one part of a name, without the forms it forbids (``--``, ``..``, ``.git`` at the end).
_NAME = re.compile(r"(?!.*(?:--|\.\.))[A-Za-z0-9_][A-Za-z0-9._-]{0,95}(?<![.-])(?<!\.git)", re.ASCII)

#: How an address begins, as far as its pieces could be taken for words.
_SCHEMES = ("https://", "http://")

_MAX_PASTED = 2048

#: Pages of one file: revision and path follow.
_FILE_PAGES = ("blob", "resolve", "raw")

_DEFAULT_BRANCH = "main"


def is_repo_id(text: str) -> bool:
    """Whether the text is ``owner/name`` by the Hub's rules (repositories without an owner are not offered)."""
    owner, slash, name = text.partition("/")
    return bool(slash) and bool(_NAME.fullmatch(owner)) and bool(_NAME.fullmatch(name))


@dataclass(frozen=True, slots=True, kw_only=True)
class PastedAddress:
    """What an address of the Hub names.

    Attributes:
        repo_id: ``owner/name``.
        revision: Branch, tag or commit of a file or a tree; None for the default branch.
        filename: Path inside the repository; None where a page of the repository is meant.
        quant_type: What llama.cpp writes behind a colon; None when nothing was.
    """

    repo_id: str
    revision: str | None = None
    filename: str | None = None
    quant_type: str | None = None

    @property
    def file(self) -> str:
        """The file or type that is meant, empty where it is the whole repository."""
        return self.filename or self.quant_type or ""


def looks_like_address(text: str) -> bool:
    """Whether a text can only mean an address, of the Hub or of another host."""
    return "://" in text or text.partition("/")[0].lower() in _HUB_HOSTS


def begins_address(text: str) -> bool:
    """Whether a text that is being typed is an address, or so much of one that its pieces are no words to look for.

    ``owner/name`` alone is not: it may become a longer word, and is worth looking for as it is.
    """
    text = text.strip().lower()
    host, slash, rest = text.partition("/")
    if looks_like_address(text) or any(scheme.startswith(text) for scheme in _SCHEMES if len(text) > 1):
        return True
    if not slash:
        # ``hf.`` and ``www.hugging`` can be nothing else; ``huggingface`` may be the name of an author.
        return "." in host and any(name.startswith(host) for name in _HUB_HOSTS)
    return "/" in rest or (":" in rest and parse_address(text) is not None)


def parse_repo_id(text: str, endpoint: str = "") -> str | None:
    """The repository that a pasted text names, None when it names none; see ``parse_address``."""
    found = parse_address(text, endpoint)
    return found.repo_id if found is not None else None


def parse_address(text: str, endpoint: str = "") -> PastedAddress | None:
    """What a pasted text names on the Hub, None when it names nothing there.

    Accepts ``owner/name``, ``hf.co/owner/name:Q4_K_M`` and the address of any page of a model: its card, a tree, a
    file (``…/blob/main/x.gguf``, ``?show_file_info=x.gguf``), its discussions; trees and files without a host, too
    (``owner/name/blob/main/x.gguf``). Whether there is such a file is for the repository's page to say.

    Args:
        text: What was pasted or typed.
        endpoint: The Hub in use; pages of its host count as well as those of huggingface.co.
    """
    text = text.strip().strip("<>\"'")
    if not text or len(text) > _MAX_PASTED or any(character.isspace() for character in text):
        return None
    hosts = _HUB_HOSTS | ({urlsplit(endpoint).netloc.lower()} if endpoint else set())
    if "://" in text:
        try:
            parts = urlsplit(text)
        except ValueError:
            return None
        if parts.scheme not in ("http", "https", "hf") or (parts.scheme != "hf" and parts.netloc.lower() not in hosts):
            return None
        path = f"{parts.netloc}{parts.path}" if parts.scheme == "hf" else parts.path
    else:
        path = text.split("?")[0].split("#")[0]
        host, _, rest = path.partition("/")
        if host.lower() in hosts:
            path = rest
        elif path.count("/") != 1 and path.split("/")[2:3] not in [[page] for page in (*_FILE_PAGES, "tree")]:
            return None
    segments = [unquote(segment) for segment in path.strip("/").split("/")]
    if len(segments) > 2 and segments[0] == "models":
        segments = segments[1:]
    if len(segments) < 2 or segments[0].lower() in _NOT_OWNERS:
        return None
    name, _, quant = segments[1].partition(":")
    repo_id = f"{segments[0]}/{name}"
    if not is_repo_id(repo_id):
        return None
    page, place = segments[2] if len(segments) > 2 else "", segments[3:]
    revision = place[0] if page in (*_FILE_PAGES, "tree") and place else None
    # A card's list of files opens one beside itself.
    asked = dict(parse_qsl(text.partition("?")[2].partition("#")[0])).get("show_file_info", "")
    filename = "/".join(place[1:]) if page in _FILE_PAGES else asked
    return PastedAddress(
        repo_id=repo_id,
        revision=None if revision == _DEFAULT_BRANCH else revision,
        filename=filename or None,
        quant_type=quant.upper() or None,
    )


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its name alone; nothing is looked up."""
    if host.lower() == "localhost":
        return True
    import ipaddress

    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The Hub in use.

    Attributes:
        url: Base address without a slash at the end.
    """

    url: str

    @classmethod
    def parse(cls, text: str) -> Endpoint:
        """Check a base address.

        Raises:
            RefusedError: It is not an address that a Hub can have.
        """
        text = text.strip().rstrip("/")
        try:
            parts = urlsplit(text)
            valid = (
                parts.scheme in ("http", "https")
                and bool(parts.hostname)
                and parts.username is None
                and not parts.query
                and not parts.fragment
                and parts.port != 0
                and text.isprintable()
                and " " not in text
            )
        except ValueError:
            valid = False
        if not valid:
            where = "HF_ENDPOINT" if text == os.environ.get("HF_ENDPOINT", "").strip().rstrip("/") else "the settings"
            raise RefusedError(
                f"The Hub's address in {where} is not a web address.",
                "Write it as https://host, for example https://huggingface.co.",
            )
        return cls(text)

    @property
    def host(self) -> str:
        """Host without the port."""
        return urlsplit(self.url).hostname or ""

    def may_see_token(self, url: str) -> bool:
        """Whether a request to this address may carry the token: the endpoint's own origin, over https or loopback."""
        target, own = urlsplit(url), urlsplit(self.url)
        if _origin(target.scheme, target.hostname, target.port) != _origin(own.scheme, own.hostname, own.port):
            return False
        return target.scheme == "https" or is_loopback(target.hostname or "")

    def may_follow(self, origin: str, target: str) -> bool:
        """Whether a redirect may be followed: web addresses only, and never from https down to plain http."""
        parts = urlsplit(target)
        if parts.scheme == "https":
            return bool(parts.hostname)
        return parts.scheme == "http" and bool(parts.hostname) and urlsplit(origin).scheme == "http"


def _origin(scheme: str, host: str | None, port: int | None) -> tuple[str, str, int]:
    return scheme, (host or "").lower(), port or (443 if scheme == "https" else 80)
