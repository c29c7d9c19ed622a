"""What both origins of the server share: repositories, accounts, faults, signatures and the log of requests."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from tests.hubserver.content import Content
from tests.hubserver.faults import Faults
from tests.hubserver.repository import ServedFile, ServedRepository
from tests.hubserver.xet import xet_hash


@dataclass(frozen=True)
class LoggedRequest:
    """A request that arrived.

    Attributes:
        origin: ``hub`` or ``cdn``.
        method: HTTP method.
        path: Path and query.
        headers: Lower-case names.
    """

    origin: str
    method: str
    path: str
    headers: Mapping[str, str]

    @property
    def range(self) -> str | None:
        """The Range header."""
        return self.headers.get("range")


@dataclass
class State:
    """Everything that requests read and tests change. Changes take effect on the next request.

    Attributes:
        repositories: By ``owner/name``.
        accounts: Token to account name; other tokens are refused.
        organisations: Account name to the organisations that it is in.
        roles: Token to what it may do; ``read`` for those that are not named.
        consented: Tokens whose account accepted the terms of gated repositories.
        faults: Faults to have.
        requests: What arrived, in order.
        unexpected: Errors of the server itself; must stay empty.
        closing: Set when the server ends, so that no request waits on.
        sent_bytes: Bytes of all bodies sent so far.
        lost_bytes: Of those, what faults cost the best client: a whole file for a flipped byte, since the Hub promises
            no hash of less, and what a client had already where its range was ignored.
        bytes_per_second: Of each body; 0 sends as fast as it can.
        xet: Whether large files are in the store of pieces too; the key to it is ``xet_key``.
        xet_seconds: How long a key holds.
    """

    repositories: dict[str, ServedRepository]
    accounts: dict[str, str] = field(default_factory=dict)
    organisations: dict[str, list[str]] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)
    consented: set[str] = field(default_factory=set)
    faults: Faults = field(default_factory=Faults)
    requests: list[LoggedRequest] = field(default_factory=list)
    unexpected: list[BaseException] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)
    sent_bytes: int = 0
    lost_bytes: int = 0
    bytes_per_second: int = 0
    xet: bool = False
    xet_seconds: int = 900
    xet_key: str = "key-of-the-store"
    hub_url: str = ""
    cdn_url: str = ""
    _signatures: dict[str, Content] = field(default_factory=dict)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def authors_of(self, token: str | None) -> set[str]:
        """Whose private repositories a token may see."""
        name = self.accounts.get(token or "")
        return set() if name is None else {name, *self.organisations.get(name, ())}

    def count_sent(self, length: int) -> None:
        """Count bytes of a body."""
        with self._lock:
            self.sent_bytes += length

    def count_lost(self, length: int) -> None:
        """Count bytes of a body that were of no use to anybody."""
        with self._lock:
            self.lost_bytes += length

    def put(self, repositories: Sequence[ServedRepository]) -> None:
        """Add or replace repositories."""
        self.repositories.update({repository.repo_id: repository for repository in repositories})

    def sign(self, file: ServedFile) -> str:
        """A fresh address of a file's bytes on the other origin."""
        signature = f"{next(self._numbers):08x}{file.etag[:24]}"
        self._signatures[signature] = file.content
        return f"{self.cdn_url}/repos/{file.etag}/{quote(file.filename.rpartition('/')[2])}?X-Signature={signature}"

    def signed(self, signature: str) -> Content | None:
        """The bytes that an address stands for, None when it has expired."""
        return self._signatures.get(signature)

    def in_store(self, name: str) -> Content | None:
        """What the store of pieces has under a name."""
        files = (file for repository in self.repositories.values() for file in repository.files if file.large)
        return next((file.content for file in files if self.xet and xet_hash(file.content) == name), None)

    def expire_signatures(self) -> None:
        """Let every address given out so far answer 403."""
        self._signatures.clear()
