"""Addresses in the search field: what is said of one while it is typed, and what was pasted."""

from __future__ import annotations

from garden.hub.address import PastedAddress, begins_address, is_repo_id, parse_address


def typed_hint(text: str, endpoint: str) -> str:
    """What to do with an address that is being typed; empty while words are."""
    if not begins_address(text):
        return ""
    address = parse_address(text, endpoint)
    if address is None:
        return "Go on to owner/name, then press Enter"
    return f"Press Enter to open {', '.join(filter(None, (address.repo_id, address.file)))}"


def pasted_address(text: str, came: str, endpoint: str) -> PastedAddress | None:
    """What a text names that something was pasted into; a name alone may be the beginning of what is typed next.

    Args:
        text: All that stands there now.
        came: What was pasted.
        endpoint: The Hub in use.
    """
    addresses = (parse_address(part, endpoint) for part in (text, came) if not is_repo_id(part.strip()))
    return next(filter(None, addresses), None)
