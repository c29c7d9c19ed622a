from __future__ import annotations

from garden.core.library_entry import LibraryEntry
from garden.core.model_ref import ModelRef
from garden.gui.viewmodels.model_choice import likely_first, places


def _entry(name: str, used: float | None = None) -> LibraryEntry:
    ref = ModelRef(name=name, filenames=(f"{name}.gguf",), path=f"/models/{name}.gguf")
    return LibraryEntry(ref=ref, origin="folder", last_used_at=used)


_ENTRIES = (_entry("a", 10), _entry("b"), _entry("c", 30), _entry("d", 20), _entry("e", 5))


def _names(entries: tuple[LibraryEntry, ...]) -> str:
    return "".join(entry.ref.name for entry in entries)


def test_the_model_of_the_library_comes_first_then_the_last_used() -> None:
    first, others = likely_first(_ENTRIES, "/models/b.gguf", ())
    assert (_names(first), _names(others)) == ("bcd", "ae")


def test_a_model_that_has_a_pane_is_among_the_others() -> None:
    first, others = likely_first(_ENTRIES, "/models/c.gguf", {"/models/c.gguf"})
    assert (_names(first), _names(others)) == ("dae", "bc")


def test_a_short_list_is_not_parted() -> None:
    first, others = likely_first(_ENTRIES[:3], "/models/b.gguf", ())
    assert (_names(first), _names(others)) == ("", "abc")


def test_models_of_one_name_are_told_apart_by_where_they_are() -> None:
    def entry(path: str, repo_id: str | None = None) -> LibraryEntry:
        return LibraryEntry(
            ref=ModelRef(name="m", filenames=("m.gguf",), quant_type="Q4_0", path=path, repo_id=repo_id),
            origin="folder",
        )

    entries = (
        entry("/hub/one/m.gguf", "one/m-GGUF"),
        entry("/hub/two/m.gguf", "two/m-GGUF"),
        entry("/mine/drafts/m.gguf"),
        entry("/other/drafts/m.gguf"),
        _entry("a"),
    )

    assert places(entries) == {
        "/hub/one/m.gguf": "one/m-GGUF",
        "/hub/two/m.gguf": "two/m-GGUF",
        "/mine/drafts/m.gguf": "/mine/drafts/m.gguf",
        "/other/drafts/m.gguf": "/other/drafts/m.gguf",
    }
