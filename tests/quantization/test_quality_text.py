from __future__ import annotations

from pathlib import Path

import pytest

from garden.core.errors import InvalidFileError, NotFoundError
from garden.quantization import quality_text
from garden.quantization.quality_text import bundled_text, read_text


def test_the_bundled_text_alternates_prose_and_code_and_is_long_enough() -> None:
    text = bundled_text()

    # At about four characters a token: eight windows of 512 tokens.
    assert len(text) > 8 * 512 * 3.5
    assert "The ferry left" in text[:100]
    assert "class RecentCache" in text[:4_000]
    assert "class Matrix" in text
    assert "drawing of the hotel" in text


def test_a_byte_order_mark_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes("\ufeffGrüße".encode())

    assert read_text(path) == "Grüße"


@pytest.mark.parametrize("cut", [9, 10, 11, 12])
def test_a_long_text_is_cut_between_characters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: int) -> None:
    path = tmp_path / "text.txt"
    path.write_text("12345678🌱 and more", "utf-8")
    monkeypatch.setattr(quality_text, "MAX_TEXT_BYTES", cut)

    assert read_text(path) == ("12345678" if cut < 12 else "12345678🌱")


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"text \xc3(", b"a\x00b"])
def test_what_is_no_text_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes(content)

    with pytest.raises(InvalidFileError):
        read_text(path)


def test_a_missing_text_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"“gone\.txt” could not be read"):
        read_text(tmp_path / "gone.txt")
