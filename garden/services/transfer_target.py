"""What a download fetches, as its record keeps it: enough to go on after a restart, and to clear away what came."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import msgspec

from garden.core.errors import RefusedError
from garden.core.job_record import JobRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferTarget:
    """Files of one commit of a repository.

    Attributes:
        repo_id: ``owner/name``.
        revision: Commit hash; moves on when the files change on the Hub while they are fetched.
        filenames: What is fetched, the model (or its first shard) first, a projector last.
        etags: Hash that names each file in the cache; empty where it is not known yet.
        branch: Where the next version is looked for, empty for nowhere.
        asked: Commit hash that was asked for at first.
        projector: Whether the last file is the projector of the model before it.
        fetched: Hashes of those that this download has brought whole; other whole files in the cache are not its own.
    """

    repo_id: str
    revision: str
    filenames: tuple[str, ...]
    etags: tuple[str, ...] = ()
    branch: str = ""
    asked: str = ""
    projector: bool = False
    fetched: tuple[str, ...] = ()

    @property
    def model_files(self) -> tuple[str, ...]:
        """The files without the projector."""
        return self.filenames[:-1] if self.projector else self.filenames

    def is_same(self, other: TransferTarget) -> bool:
        """Whether both fetch the same model; a commit that one of them has moved on from counts as its own."""
        return (self.repo_id, self.model_files) == (other.repo_id, other.model_files) and bool(
            {self.revision, self.asked or self.revision} & {other.revision, other.asked or other.revision}
        )

    def moved(self, revision: str, etags: tuple[str, ...]) -> TransferTarget:
        """The same files as another commit has them."""
        return dataclasses.replace(self, revision=revision, etags=etags, asked=self.asked or self.revision)

    def with_fetched(self, etag: str) -> TransferTarget:
        """The same, of which one more file has come."""
        return dataclasses.replace(self, fetched=tuple(dict.fromkeys((*self.fetched, etag))))

    def text(self) -> str:
        """For the record."""
        return msgspec.json.encode(self).decode()


def target_of(record: JobRecord) -> TransferTarget | None:
    """What a record fetches, None for what does not come from a repository."""
    try:
        return msgspec.json.decode(record.target, type=TransferTarget)
    except msgspec.DecodeError:
        return None


def known_target(record: JobRecord) -> TransferTarget:
    """What a record fetches.

    Raises:
        RefusedError: It cannot be told any more.
    """
    target = target_of(record)
    if target is None:
        raise RefusedError("What this fetched is not known any more.", "Start it again in Discover.")
    return target
