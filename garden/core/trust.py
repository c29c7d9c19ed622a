"""What speaks for and against a repository before anything of it is fetched. All strings are untrusted text."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FileIssue:
    """A file that the Hub's scanners warn of.

    Attributes:
        filename: Path inside the repository.
        level: The Hub's word, e.g. ``unsafe`` or ``caution``.
    """

    filename: str
    level: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationClaim:
    """A result that the publisher claims; nobody checked it.

    Attributes:
        task: What was tested, e.g. ``Text Generation``.
        dataset: On what, e.g. ``MMLU``.
        metric: Which figure, e.g. ``accuracy``.
        value: As it is written.
    """

    task: str
    dataset: str
    metric: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryTrust:
    """Facts about a repository at one commit.

    Attributes:
        repo_id: ``owner/name``.
        commit: Commit hash.
        last_modified: ISO 8601 date, None when not told.
        license_id: The Hub's licence id, None when not told.
        license_link: Address of the licence's text when the card names one.
        gated: ``auto`` (who agrees is let in), ``manual`` (the publisher decides), None for open files.
        private: Whether only the account's own people see it.
        formats: Weight formats, as in ``Repository``.
        code_files: Files that can run code when they are opened: pickled weights.
        custom_code: Whether other programs would run Python files of the repository to load it.
        scanned: Whether the Hub's scanners are done; None when it does not say.
        issues: What they found.
        claims: Results that the publisher claims.
    """

    repo_id: str
    commit: str
    last_modified: str | None = None
    license_id: str | None = None
    license_link: str | None = None
    gated: str | None = None
    private: bool = False
    formats: tuple[str, ...] = ()
    code_files: tuple[str, ...] = ()
    custom_code: bool = False
    scanned: bool | None = None
    issues: tuple[FileIssue, ...] = ()
    claims: tuple[EvaluationClaim, ...] = ()
