"""Who is signed in at a Hub."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The account that a token belongs to. All strings are untrusted text, cleaned and cut.

    Attributes:
        name: Of the user, or of the organisation that the token is of.
        organisations: Names of the organisations that the user is in.
        role: What the token may do in the Hub's word, e.g. ``read``, ``write``, ``fineGrained``; None when not told.
    """

    name: str
    organisations: tuple[str, ...] = ()
    role: str | None = None

    @property
    def authors(self) -> tuple[str, ...]:
        """Owners of what counts as the user's own: the account, then its organisations."""
        return tuple(dict.fromkeys((self.name, *self.organisations)))
