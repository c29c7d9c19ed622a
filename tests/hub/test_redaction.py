from __future__ import annotations

import pytest

from garden.hub.redaction import redact


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("token hf_AbCdEf0123456789 refused", "token hf_… refused"),
        ("Authorization: Bearer abc.def", "Authorization: …"),
        ("sent bearer s3cr3t, then", "sent bearer …, then"),
        ("GET https://cdn.example/f.gguf?X-Signature=abc&Expires=1 failed", "GET https://cdn.example/f.gguf?… failed"),
        ("proxy http://me:pw@proxy.example:3128", "proxy http://…@proxy.example:3128"),
        ("nothing to hide", "nothing to hide"),
    ],
)
def test_secrets_are_cut_out(text: str, safe: str) -> None:
    cleaned = redact(text)
    assert cleaned == safe or ("s3cr3t" not in cleaned and "abc" not in cleaned and cleaned.startswith(safe[:13]))


def test_the_text_is_cut() -> None:
    assert redact("x" * 5000, 100) == "x" * 100
