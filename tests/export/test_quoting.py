from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from garden.core.errors import RefusedError
from garden.export.quoting import for_comment, for_posix, for_powershell
from tests.export.values import HOSTILE


@pytest.mark.skipif(shutil.which("sh") is None, reason="there is no POSIX shell here")
@pytest.mark.parametrize("text", HOSTILE)
def test_a_posix_shell_reads_back_what_was_quoted(text: str) -> None:
    done = subprocess.run(["sh", "-c", f"printf '%s' {for_posix(text)}"], capture_output=True, check=True)

    assert done.stdout.decode() == text


def read_powershell_word(word: str) -> str:
    """What PowerShell makes of one word: inside single quotes, of whatever kind, only doubled ones mean something."""
    quotes = "'\u2018\u2019\u201a\u201b"
    if word[:1] not in quotes or not word:
        assert re.fullmatch(r"[\w./:=+-]+", word, re.ASCII), word
        return word
    read, position = "", 1
    while True:
        if word[position] in quotes:
            if position + 1 == len(word):
                return read
            assert word[position + 1] in quotes, word
            position += 1
        read += word[position]
        position += 1


@pytest.mark.parametrize("text", HOSTILE)
def test_powershell_reads_back_what_was_quoted(text: str) -> None:
    assert read_powershell_word(for_powershell(text)) == text


def test_a_comma_does_not_part_a_word_in_powershell() -> None:
    assert for_powershell("exps=CPU,attn=CUDA0") == "'exps=CPU,attn=CUDA0'"


@pytest.mark.parametrize("text", HOSTILE)
def test_a_comment_stays_on_its_line(text: str) -> None:
    assert len(("# " + for_comment(text)).splitlines()) == 1


def test_a_nul_is_refused() -> None:
    for quote in (for_posix, for_powershell):
        with pytest.raises(RefusedError):
            quote("a\x00b")
