from __future__ import annotations

import pytest

from garden.cli.output import print_table, printable


def test_what_a_terminal_would_obey_is_left_out() -> None:
    hostile = "a\x1b[31mred\x1b]0;title\x07 b\x08\x9b2J\u202egnp.exe\ttab\nline"

    assert printable(hostile) == "a[31mred]0;title b2Jgnp.exe\ttab\nline"


def test_a_piped_table_has_one_line_per_row_and_no_blanks_at_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("Name", "Size"), [("x" * 150, "1"), ("[bold]y", "22")], right=(1,))

    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert all(line == line.rstrip() for line in lines)
    assert lines[1].endswith("  1")
    assert lines[2].startswith("[bold]y ")
