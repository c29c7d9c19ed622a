from __future__ import annotations

import dataclasses

from PySide6.QtCore import Qt
from pytestqt.modeltest import ModelTester

from garden.core.fit_forecast import SpeedSource, Verdict
from garden.core.upstream import Upstream
from garden.gui.viewmodels.library_table import (
    LibraryColumn,
    LibraryFilter,
    LibraryRow,
    LibraryTableModel,
)
from garden.gui.viewmodels.wording import iso_date
from tests.gui.service_doubles import entry, forecast


def _table(*rows: LibraryRow) -> LibraryFilter:
    shown = LibraryFilter()
    model = LibraryTableModel(shown)
    model.replace(rows)
    shown.setSourceModel(model)
    return shown


def _names(shown: LibraryFilter) -> list[str]:
    return [shown.index(row, LibraryColumn.NAME).data() for row in range(shown.rowCount())]


def _cell(row: LibraryRow, column: LibraryColumn) -> str:
    shown = _table(row)
    return str(shown.index(0, column).data())


def test_the_model_keeps_the_rules_of_item_models(qtmodeltester: ModelTester) -> None:
    qtmodeltester.check(_table(LibraryRow(entry=entry("a")), LibraryRow(entry=entry("b"))))  # type: ignore[no-untyped-call]  # pytest-qt types it not


def test_sizes_sort_as_numbers() -> None:
    shown = _table(
        LibraryRow(entry=entry("ten", size_bytes=10 * 1024**3)), LibraryRow(entry=entry("nine", size_bytes=9 * 1024**3))
    )

    shown.sort(LibraryColumn.SIZE)

    assert _names(shown) == ["nine", "ten"]


def test_what_is_equal_stands_by_name_also_where_the_largest_comes_first() -> None:
    shown = _table(
        LibraryRow(entry=entry("b")),
        LibraryRow(entry=entry("c", last_used_at=1.0)),
        LibraryRow(entry=entry("a")),
    )

    shown.sort(LibraryColumn.LAST_USED, Qt.SortOrder.DescendingOrder)

    assert _names(shown) == ["c", "a", "b"]


def test_fit_sorts_from_what_runs_to_what_does_not() -> None:
    shown = _table(
        LibraryRow(entry=entry("large"), forecast=forecast(Verdict.TOO_LARGE)),
        LibraryRow(entry=entry("unread")),
        LibraryRow(entry=entry("fits"), forecast=forecast(Verdict.FITS)),
    )

    shown.sort(LibraryColumn.FIT)

    assert _names(shown) == ["fits", "large", "unread"]


def test_an_origin_shows_its_models_alone() -> None:
    shown = _table(LibraryRow(entry=entry("mine", "made_here")), LibraryRow(entry=entry("theirs", "hub_cache")))

    shown.show_segment("made_here")

    assert _names(shown) == ["mine"]


def test_every_word_must_be_found_in_name_type_or_hash() -> None:
    shown = _table(
        LibraryRow(entry=entry("Qwen3-8B", quant_type="Q4_K_M", sha256="9f1c" * 16)),
        LibraryRow(entry=entry("Qwen3-4B", quant_type="Q8_0", sha256="77e0" * 16)),
    )

    shown.show_words("qwen q8")
    assert _names(shown) == ["Qwen3-4B"]
    shown.show_words("9f1c9f")
    assert _names(shown) == ["Qwen3-8B"]


def test_a_measured_speed_stands_bare_and_a_forecast_is_marked() -> None:
    measured = LibraryRow(entry=entry("a", decode_tokens_per_second=38.62))
    forecasted = LibraryRow(entry=entry("b"), forecast=forecast(decode_tokens_per_second=48.0))

    elsewhere = dataclasses.replace(measured, forecast=forecast(speed_source=SpeedSource.ELSEWHERE))

    assert _cell(measured, LibraryColumn.SPEED) == "38.6"
    assert _cell(elsewhere, LibraryColumn.SPEED) == "–"  # another machine: what was measured here is not its own
    assert _cell(forecasted, LibraryColumn.SPEED) == "≈ 48.0"
    assert _cell(LibraryRow(entry=entry("c")), LibraryColumn.SPEED) == "–"


def test_a_damaged_file_says_so_where_its_fit_would_stand() -> None:
    damaged = LibraryRow(entry=entry("a", problem="This is not a GGUF file."))

    assert _cell(damaged, LibraryColumn.FIT) == "Damaged"
    assert damaged.note == "This is not a GGUF file."


def test_new_facts_of_the_same_models_keep_the_rows() -> None:
    shown = _table(LibraryRow(entry=entry("a")), LibraryRow(entry=entry("b")))
    resets: list[None] = []
    shown.modelReset.connect(lambda: resets.append(None))
    model = shown.sourceModel()
    assert isinstance(model, LibraryTableModel)

    model.replace([LibraryRow(entry=entry("a", verified=True)), LibraryRow(entry=entry("b"))])

    assert resets == []
    assert shown.index(0, LibraryColumn.CHECKED).data() == "Verified"


def test_a_row_names_its_twin_by_what_tells_them_apart() -> None:
    one = entry("Llama-3.1-8B", "hub_cache", repo_id="bartowski/Llama-3.1-8B-GGUF")
    theirs = entry("llama3.1:8b", "ollama", filenames=("sha256-aa",))
    same_name = entry("Llama-3.1-8B", "lm_studio", filenames=("other.gguf",))

    assert LibraryRow(entry=one, twin=theirs).note == "bartowski · Same bytes as llama3.1:8b"
    assert LibraryRow(entry=one, twin=same_name).note == "bartowski · Same bytes as the one of LM Studio"
    assert LibraryRow(entry=one).note == "bartowski"


def test_a_replaced_file_says_since_when_and_how_large_the_newer_one_is() -> None:
    newer = Upstream(
        state="changed", checked_at=0.0, revision="d" * 40, modified="2020-11-20T08:00:00.000Z", size_bytes=2**30
    )
    row = LibraryRow(entry=entry("gemma", "hub_cache", repo_id="google/gemma"), newer=newer, tells_commit=True)

    assert row.news == "Newer on the Hub since 20 Nov 2020, 1.00 GiB"
    assert row.note == "google · commit "
    assert LibraryRow(entry=row.entry).news == ""


def test_a_date_that_is_none_is_no_error() -> None:
    assert iso_date("not a date") == "some day"
    assert iso_date(None) == "some day"
