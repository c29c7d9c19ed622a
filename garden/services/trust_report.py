"""What a repository's facts mean for whoever wants to use it, one sentence each."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass

from garden.core.licence import Licence, LicenceClass, licence_of
from garden.core.trust import RepositoryTrust

_FORMATS = {"gguf": "GGUF"}

#: Names of files that a sentence takes.
_NAMES = 3


class Weight(enum.StrEnum):
    """How a fact weighs."""

    GOOD = "good"
    NOTE = "note"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustFact:
    """One fact.

    Attributes:
        subject: What it is about, e.g. ``Licence``.
        headline: The fact in a few words.
        sentence: What follows from it; empty when nothing does.
        weight: How it weighs.
    """

    subject: str
    headline: str
    sentence: str = ""
    weight: Weight = Weight.NOTE


def trust_facts(trust: RepositoryTrust) -> tuple[TrustFact, ...]:
    """The facts, those that a developer has to know first."""
    return (
        _licence(licence_of(trust.license_id), trust.license_link),
        _code(trust),
        _scan(trust),
        _publisher(trust),
        *_access(trust),
        TrustFact(
            subject="Version",
            headline=trust.commit[:12],
            sentence=f"Its newest commit, of {trust.last_modified[:10]}." if trust.last_modified else "",
        ),
        *_claims(trust),
    )


def _licence(licence: Licence, link: str | None) -> TrustFact:
    weights = {LicenceClass.PERMISSIVE: Weight.GOOD, LicenceClass.COPYLEFT: Weight.NOTE}
    kind = "" if licence.license_class is LicenceClass.UNKNOWN else f" · {licence.license_class.value}"
    duties = " ".join(licence.duties) or "Garden does not know this licence; read its text."
    return TrustFact(
        subject="Licence",
        headline=f"{licence.name}{kind}",
        sentence=f"{duties} Its text: {link}" if link else duties,
        weight=weights.get(licence.license_class, Weight.WARNING),
    )


def _code(trust: RepositoryTrust) -> TrustFact:
    if trust.code_files:
        return TrustFact(
            subject="Formats",
            headline=f"Holds files that can run code: {_named(trust.code_files)}",
            sentence="Garden never opens them; other programs would run what is in them.",
            weight=Weight.WARNING,
        )
    held = " and ".join(_FORMATS.get(name, name) for name in trust.formats) or "no weights"
    if trust.custom_code:
        return TrustFact(
            subject="Formats",
            headline=f"Holds {held}, and Python code of its own",
            sentence="Some programs would run that code to load it; Garden does not.",
            weight=Weight.WARNING,
        )
    return TrustFact(
        subject="Formats",
        headline=f"Holds {held}",
        sentence="Nothing in it runs code when it is loaded, except chat templates, which Garden runs in a sandbox.",
        weight=Weight.GOOD,
    )


def _scan(trust: RepositoryTrust) -> TrustFact:
    subject = "Scans of the Hub"
    if trust.issues:
        listed = _named(tuple(f"{issue.filename} ({issue.level})" for issue in trust.issues))
        return TrustFact(
            subject=subject,
            headline=f"{_count(len(trust.issues), 'file')} with issues: {listed}",
            sentence="Look at them on its page before you use anything of it.",
            weight=Weight.WARNING,
        )
    if trust.scanned:
        return TrustFact(subject=subject, headline="Done, nothing was found", weight=Weight.GOOD)
    unknown = "The Hub does not say what they found" if trust.scanned is None else "Not done yet"
    return TrustFact(subject=subject, headline=unknown)


def _publisher(trust: RepositoryTrust) -> TrustFact:
    author = trust.repo_id.partition("/")[0]
    return TrustFact(
        subject="Publisher",
        headline=author,
        sentence="A name that anyone could have chosen; its page on the Hub shows who is behind it.",
    )


def _access(trust: RepositoryTrust) -> Iterator[TrustFact]:
    if trust.private:
        yield TrustFact(subject="Access", headline="Private", sentence="Only its owner's people see it.")
    if trust.gated == "auto":
        yield TrustFact(
            subject="Access", headline="Gated", sentence="Agree to its terms on its page, and you are let in at once."
        )
    elif trust.gated == "manual":
        yield TrustFact(
            subject="Access", headline="Gated", sentence="Ask on its page; the publisher decides, which can take days."
        )


def _claims(trust: RepositoryTrust) -> Iterator[TrustFact]:
    for claim in trust.claims:
        about = " · ".join(part for part in (claim.dataset, claim.metric) if part)
        yield TrustFact(
            subject="Claimed result",
            headline=f"{about}: {claim.value}" if about else claim.value,
            sentence=claim.task,
        )


def _named(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
    return ", ".join(names[:_NAMES]) + more


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
