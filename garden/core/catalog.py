"""What the Hub tells of models: a row of a list, the files of a repository. All strings are untrusted text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: What a file of a repository is for; ``other`` is nothing that can be run.
FileKind = Literal["model", "projector", "imatrix", "other"]

#: Languages that models are tagged with, by ISO 639 code: what a filter offers, and how a tag is told to be one.
LANGUAGES = {
    "ar": "Arabic", "bg": "Bulgarian", "bn": "Bengali", "ca": "Catalan", "cs": "Czech", "da": "Danish",
    "de": "German", "el": "Greek", "en": "English", "es": "Spanish", "et": "Estonian", "eu": "Basque",
    "fa": "Persian", "fi": "Finnish", "fr": "French", "gl": "Galician", "he": "Hebrew", "hi": "Hindi",
    "hr": "Croatian", "hu": "Hungarian", "id": "Indonesian", "is": "Icelandic", "it": "Italian", "ja": "Japanese",
    "ka": "Georgian", "ko": "Korean", "lt": "Lithuanian", "lv": "Latvian", "ms": "Malay", "nb": "Norwegian Bokmål",
    "nl": "Dutch", "no": "Norwegian", "pl": "Polish", "pt": "Portuguese", "ro": "Romanian", "ru": "Russian",
    "sk": "Slovak", "sl": "Slovenian", "sr": "Serbian", "sv": "Swedish", "sw": "Swahili", "ta": "Tamil",
    "te": "Telugu", "th": "Thai", "tl": "Tagalog", "tr": "Turkish", "uk": "Ukrainian", "ur": "Urdu",
    "vi": "Vietnamese", "zh": "Chinese", "multilingual": "Multilingual",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSummary:
    """One repository as a row of a list, from the fields that the Hub's list gives without a request per row.

    Attributes:
        repo_id: ``owner/name``.
        downloads: Downloads of the last 30 days, None when not told.
        likes: Likes, None when not told.
        license: The Hub's licence id, e.g. ``apache-2.0``; None when not told.
        pipeline_tag: The Hub's task, e.g. ``text-generation``.
        parameters: Parameters in total, None when not told.
        architecture: GGUF or transformers architecture, None when not told.
        context_length: Trained context, None when not told.
        gated: Whether the publisher asks for consent first.
        base_models: Repositories it was made from.
        last_modified: ISO 8601 date, None when not told.
        tags: The Hub's tags.
        filenames: Files of the repository as far as the list names them.
        has_gguf: Whether any GGUF file is there.
        library_name: What loads it as far as its publisher says, e.g. ``transformers`` or ``diffusers``.
        created_at: ISO 8601 date, None when not told.
        private: Whether only its owner, and who belongs to that, sees it.
        consent: ``auto`` (who agrees is let in), ``manual`` (the publisher decides), None for open files.
    """

    repo_id: str
    downloads: int | None = None
    likes: int | None = None
    license: str | None = None
    pipeline_tag: str | None = None
    parameters: int | None = None
    architecture: str | None = None
    context_length: int | None = None
    gated: bool = False
    base_models: tuple[str, ...] = ()
    last_modified: str | None = None
    tags: tuple[str, ...] = ()
    filenames: tuple[str, ...] = ()
    has_gguf: bool = False
    library_name: str | None = None
    created_at: str | None = None
    private: bool = False
    consent: str | None = None

    @property
    def languages(self) -> tuple[str, ...]:
        """ISO 639 codes that the card names; the Hub gives them among the tags, by themselves."""
        return tuple(tag for tag in self.tags if tag in LANGUAGES)

    @property
    def author(self) -> str:
        """The part before the slash."""
        return self.repo_id.partition("/")[0]

    @property
    def name(self) -> str:
        """The part after the slash."""
        return self.repo_id.rpartition("/")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFile:
    """One file as the Hub stores it.

    Attributes:
        filename: Path inside the repository.
        size_bytes: Exact size.
        sha256: Hash of a large file; None for small files, which have a git hash instead.
        git_sha1: Git blob hash, None for large files.
    """

    filename: str
    size_bytes: int
    sha256: str | None = None
    git_sha1: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryFile:
    """One thing that can be fetched: a GGUF file, a sharded set as one, a projector or an importance matrix.

    Attributes:
        filename: The file, or the first shard.
        files: All files of the set, in order.
        kind: What it is for.
        quant_type: From the name, e.g. ``Q4_K_M``; None when the name says nothing.
    """

    filename: str
    files: tuple[RemoteFile, ...]
    kind: FileKind = "model"
    quant_type: str | None = None

    @property
    def size_bytes(self) -> int:
        """Sum over the set."""
        return sum(file.size_bytes for file in self.files)

    @property
    def sha256(self) -> str | None:
        """Hash of the file (of the first shard for a set)."""
        return self.files[0].sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A repository's page.

    Attributes:
        summary: The row it belongs to.
        revision: Commit hash that the files were listed at.
        files: What can be fetched, models first, largest first.
        formats: Weight formats present, e.g. ``gguf``, ``safetensors``, ``pickle``.
    """

    summary: ModelSummary
    revision: str
    files: tuple[RepositoryFile, ...] = ()
    formats: tuple[str, ...] = ()
