"""A Hub that the user knows by a name."""

from __future__ import annotations

from dataclasses import dataclass

#: Longest name.
MAX_ENDPOINT_NAME = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class HubEndpoint:
    """The public Hub, a mirror of it, or a company's own.

    Attributes:
        name: The user's, one line.
        address: Base address without a slash at the end.
    """

    name: str
    address: str
