"""A repository as the server knows it, and short ways to make one."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass
from pathlib import Path

from tests.hubserver.content import BytesContent, Content, FileContent

#: Files with these endings are stored as large files, whatever their size; so are files above 10 MB.
_LARGE = (".gguf", ".safetensors", ".bin", ".dat")


@dataclass(frozen=True)
class GgufFacts:
    """The Hub's ``gguf`` field: one per repository, whatever the files in it."""

    total: int
    architecture: str
    context_length: int | None = None


@dataclass(frozen=True)
class ServedFile:
    """A file of a repository."""

    filename: str
    content: Content

    @property
    def large(self) -> bool:
        """Whether the Hub keeps it as a large file, behind a redirect."""
        return self.filename.lower().endswith(_LARGE) or self.content.size_bytes > 10_000_000

    @property
    def oid(self) -> str:
        """Git hash: of the bytes, or of the pointer that stands for a large file."""
        if not self.large:
            return self.content.git_sha1
        return hashlib.sha1(self.content.sha256.encode(), usedforsecurity=False).hexdigest()

    @property
    def etag(self) -> str:
        """Hash that names it in a cache."""
        return self.content.sha256 if self.large else self.content.git_sha1


@dataclass(frozen=True)
class ServedRepository:
    """A model repository at one commit, with those before it.

    Attributes:
        repo_id: ``owner/name``.
        files: Its files.
        downloads: Of the last 30 days.
        likes: Likes.
        trending: The Hub's trending score.
        license: Licence id, told as a tag.
        pipeline_tag: Task.
        gguf: The ``gguf`` field.
        safetensors_total: Parameters counted from safetensors.
        base_models: What it was made from.
        relation: How, in the Hub's words.
        tags: Further tags.
        issues: What the scanners found: file and level.
        results: Evaluation results as the ``model-index`` of a card holds them.
        gated: Files need consent (a token that ``consented`` names): ``auto`` or ``manual``, which True stands for.
        private: Invisible without a token.
        last_modified: ISO date.
        created_at: ISO date; that of the last change when empty.
        languages: ISO codes that the card names, told as tags.
        library_name: What loads it; ``gguf`` or ``transformers`` when empty.
        revision: Commit hash; made from the content when empty.
        earlier: The repository as earlier commits left it; they are found by their hash.
    """

    repo_id: str
    files: tuple[ServedFile, ...] = ()
    downloads: int = 0
    likes: int = 0
    trending: int = 0
    license: str | None = None
    pipeline_tag: str | None = "text-generation"
    gguf: GgufFacts | None = None
    safetensors_total: int | None = None
    base_models: tuple[str, ...] = ()
    relation: str = "quantized"
    tags: tuple[str, ...] = ()
    issues: tuple[tuple[str, str], ...] = ()
    results: tuple[dict[str, object], ...] = ()
    gated: bool | str = False
    private: bool = False
    last_modified: str = "2026-11-01T09:30:00.000Z"
    revision: str = ""
    created_at: str = ""
    languages: tuple[str, ...] = ()
    library_name: str = ""
    earlier: tuple[ServedRepository, ...] = ()

    @property
    def commit(self) -> str:
        """Commit hash."""
        if self.revision:
            return self.revision
        names = "\0".join(f"{file.filename}\0{file.content.size_bytes}" for file in self.files)
        return hashlib.sha1(f"{self.repo_id}\0{names}".encode(), usedforsecurity=False).hexdigest()

    @property
    def all_tags(self) -> tuple[str, ...]:
        """Tags as the Hub derives them."""
        names = [file.filename.lower() for file in self.files]
        derived = [name for name in ("gguf", "safetensors") if any(file.endswith(f".{name}") for file in names)]
        derived += self.languages
        derived += [self.library_name] if self.library_name else []
        derived += [self.pipeline_tag] if self.pipeline_tag else []
        derived += [f"license:{self.license}"] if self.license else []
        for base in self.base_models:
            derived += [f"base_model:{base}", f"base_model:{self.relation}:{base}"]
        return tuple(dict.fromkeys([*self.tags, *derived]))

    def file(self, filename: str) -> ServedFile | None:
        """The file of that name."""
        return next((file for file in self.files if file.filename == filename), None)

    def at(self, revision: str) -> ServedRepository:
        """The repository at one of its commits; as it is now for any other word."""
        return next((commit for commit in self.earlier if commit.commit == revision), self)

    def committing(self, last_modified: str, **files: bytes | None) -> ServedRepository:
        """The repository after one more commit, which writes files, and removes those that are None."""
        kept = tuple(file for file in self.files if file.filename not in files)
        written = tuple(ServedFile(name, BytesContent(data)) for name, data in files.items() if data is not None)
        digest = hashlib.sha1(self.commit.encode(), usedforsecurity=False)
        for name, data in files.items():
            digest.update(name.encode() + b"\0" + (data or b""))
        return dataclasses.replace(
            self,
            files=kept + written,
            last_modified=last_modified,
            revision=digest.hexdigest(),
            earlier=(*self.earlier, self),
        )

    def replacing(self, filename: str, data: bytes) -> ServedRepository:
        """The same repository and commit with other bytes in one file: what must not happen, but does."""
        files = tuple(
            ServedFile(filename, BytesContent(data)) if file.filename == filename else file for file in self.files
        )
        return dataclasses.replace(self, files=files, revision=self.commit)


def repository(repo_id: str, **files: bytes) -> ServedRepository:
    """A repository of small files in memory: ``repository("o/r", README="…", **{"model-Q4_0.gguf": b"GGUF…"})``."""
    return ServedRepository(
        repo_id, files=tuple(ServedFile(name, BytesContent(data)) for name, data in sorted(files.items()))
    )


def repository_of(repo_id: str, *paths: Path, card: str = "", **facts: object) -> ServedRepository:
    """A repository of files on this machine, e.g. a GGUF made by a test.

    Args:
        repo_id: ``owner/name``.
        paths: Files; served under their own names.
        card: Text of its README.
        facts: Further attributes of ``ServedRepository``.
    """
    files = [ServedFile(path.name, FileContent(path)) for path in paths]
    if card:
        files.append(ServedFile("README.md", BytesContent(card.encode())))
    return dataclasses.replace(ServedRepository(repo_id, files=tuple(files)), **facts)  # type: ignore[arg-type]  # mypy cannot see that facts are named fields
