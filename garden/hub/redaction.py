"""What must not reach a log, an error or an export: tokens and the signatures of download addresses."""

from __future__ import annotations

import re

_SECRETS = (
    (re.compile(r"hf_[A-Za-z0-9]{4,}"), "hf_…"),
    (re.compile(r"(?i)(bearer\s+)[^\s\"',;]+"), r"\1…"),
    (re.compile(r"(?i)(authorization[\"']?\s*[:=]\s*)[^\s\"',;]+"), r"\1…"),
    # The query of an address may be its signature, and user information in it a password.
    (re.compile(r"(https?://[^\s\"'<>?]+)\?[^\s\"'<>]*"), r"\1?…"),
    (re.compile(r"(https?://)[^\s\"'<>/@]+@"), r"\1…@"),
)


def redact(text: str, limit: int = 2000) -> str:
    """The text without tokens, Bearer values, signatures and passwords, cut to ``limit`` characters."""
    text = text[: limit * 4]
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text[:limit]
