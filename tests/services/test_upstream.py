from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from garden.core.catalog import Repository
from garden.core.errors import CancelledByUser, GatedError, HubUnreachableError, RefusedError, UnauthorizedError
from garden.core.library_entry import LibraryEntry
from garden.services.garden import Garden
from garden.services.target import HubTarget
from garden.services.upstream import SELDOM
from tests.hubserver import Fault, HubServer, ServedRepository, repository_of

REPO = "owner/Tiny-Chat-GGUF"
LATER = "2026-11-20T08:00:00.000Z"


@pytest.fixture
def served(tiny_model: Path) -> ServedRepository:
    return repository_of(REPO, tiny_model, card="# Tiny")


@pytest.fixture
def hub(served: ServedRepository, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    with HubServer([served]) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        yield server


@pytest.fixture
def entry(hub: HubServer, garden: Garden) -> LibraryEntry:
    """A file that was fetched, before anything is replaced."""
    return garden.library.download_target(HubTarget(REPO, quant_type="F16")).result(60)


def replaced(served: ServedRepository, other_tiny_model: Path) -> ServedRepository:
    (model, *_) = [file.filename for file in served.files if file.large]
    return served.committing(LATER, **{model: other_tiny_model.read_bytes() + b"\0" * 512})


def listed(garden: Garden) -> list[LibraryEntry]:
    return [entry for entry in garden.library.scan().result(20) if entry.origin == "hub_cache"]


def test_what_was_not_replaced_is_the_same_also_after_another_commit(
    hub: HubServer, garden: Garden, served: ServedRepository, entry: LibraryEntry
) -> None:
    hub.state.put([served.committing(LATER, **{"README.md": b"# Tiny, corrected"})])

    (looked_at,) = garden.library.upstream.check().result(20)

    assert looked_at.upstream is not None
    assert looked_at.upstream.state == "same"
    assert looked_at.upstream.revision != looked_at.ref.revision


def test_a_replaced_file_is_flagged_with_date_and_size_and_stays_so(
    hub: HubServer, garden: Garden, served: ServedRepository, entry: LibraryEntry, other_tiny_model: Path
) -> None:
    newer = replaced(served, other_tiny_model)
    hub.state.put([newer])

    garden.library.upstream.check([entry]).result(20)

    for found in (garden.library.entries()[0], listed(garden)[0]):
        assert found.upstream is not None
        assert (found.upstream.state, found.upstream.modified) == ("changed", LATER)
        assert found.upstream.revision == newer.commit
        assert found.upstream.size_bytes == other_tiny_model.stat().st_size + 512


@pytest.mark.parametrize("whole", [True, False])
def test_what_is_gone_is_told(
    hub: HubServer, garden: Garden, served: ServedRepository, entry: LibraryEntry, whole: bool
) -> None:
    if whole:
        hub.state.repositories.clear()
    else:
        (model,) = [file.filename for file in served.files if file.large]
        hub.state.put([served.committing(LATER, **{model: None})])

    (looked_at,) = garden.library.upstream.check().result(20)

    assert looked_at.upstream is not None
    assert looked_at.upstream.state == "gone"


def test_the_newer_one_is_fetched_beside_the_old_and_both_are_listed(
    hub: HubServer, garden: Garden, served: ServedRepository, entry: LibraryEntry, other_tiny_model: Path
) -> None:
    hub.state.put([replaced(served, other_tiny_model)])
    (old,) = garden.library.upstream.check().result(20)

    new = garden.library.upstream.fetch_newer(old).result(60)

    assert new.verified is True
    assert new.ref.revision != old.ref.revision
    both = {found.ref.revision: found for found in listed(garden)}
    assert set(both) == {old.ref.revision, new.ref.revision}
    assert Path(both[old.ref.revision].ref.path or "").stat().st_size == old.ref.size_bytes
    assert Path(both[new.ref.revision].ref.path or "").stat().st_size == new.ref.size_bytes
    garden.library.upstream.check().result(20)
    states = {found.ref.revision: found.upstream.state for found in garden.library.entries() if found.upstream}
    assert states == {old.ref.revision: "changed", new.ref.revision: "same"}


def test_a_repository_of_many_files_is_one_request(
    garden: Garden, tiny_model: Path, other_tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with HubServer([repository_of(REPO, tiny_model, other_tiny_model)]) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        for name in (tiny_model.name, other_tiny_model.name):
            garden.library.download_target(HubTarget(REPO, filename=name)).result(60)
        before = len(hub.requests)

        assert len(garden.library.upstream.check().result(20)) == 2

        assert [request.path for request in hub.requests[before:]] == [f"/api/models/{REPO}?blobs=true"]


def test_unasked_it_asks_once_a_day(hub: HubServer, garden: Garden, entry: LibraryEntry) -> None:
    before = len(hub.requests)
    assert len(garden.library.upstream.check_seldom().result(20)) == 1
    assert garden.library.upstream.check_seldom().result(20) == ()
    garden.library.scan().result(20)
    assert garden.library.upstream.check_seldom().result(20) == ()
    assert len(hub.requests) == before + 1

    (found,) = garden.library.entries()
    assert found.upstream is not None
    old = dataclasses.replace(found.upstream, checked_at=time.time() - SELDOM - 1)
    garden.library._listing.put(dataclasses.replace(found, upstream=old))
    assert len(garden.library.upstream.check_seldom().result(20)) == 1
    assert len(hub.requests) == before + 2


def test_offline_nothing_is_asked(hub: HubServer, garden: Garden, entry: LibraryEntry) -> None:
    garden.settings.change(offline=True)
    before = len(hub.requests)

    assert garden.library.upstream.check_seldom().result(20) == ()
    with pytest.raises(RefusedError):
        garden.library.upstream.check().result(20)

    assert len(hub.requests) == before


def test_switched_off_nothing_is_asked_unasked(hub: HubServer, garden: Garden, entry: LibraryEntry) -> None:
    garden.settings.change(check_upstream=False)
    before = len(hub.requests)

    assert garden.library.upstream.check_seldom().result(20) == ()

    assert len(hub.requests) == before


def test_a_hub_that_does_not_answer_is_told_when_asked_and_silent_otherwise(
    hub: HubServer, garden: Garden, entry: LibraryEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")

    assert garden.library.upstream.check_seldom().result(30) == ()
    with pytest.raises(HubUnreachableError):
        garden.library.upstream.check().result(30)
    assert garden.library.entries()[0].upstream is None


def test_a_hub_that_does_not_answer_is_left_alone_for_a_while(
    hub: HubServer, garden: Garden, entry: LibraryEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.fail(Fault("status", "api", times=100))
    assert garden.library.upstream.check_seldom().result(30) == ()
    before = len(hub.requests)
    hub.faults.clear()

    assert garden.library.upstream.check_seldom().result(30) == ()
    assert len(hub.requests) == before

    later = time.monotonic() + 16 * 60
    monkeypatch.setattr("garden.services.upstream.time.monotonic", lambda: later)
    assert len(garden.library.upstream.check_seldom().result(30)) == 1


def test_who_asks_again_meanwhile_is_given_the_same_answer(hub: HubServer, garden: Garden, entry: LibraryEntry) -> None:
    hub.fail(Fault("hang", "api"))
    first = garden.library.upstream.check_seldom()
    assert garden.library.upstream.check_seldom() is first

    first.cancel()

    with pytest.raises(CancelledByUser):
        first.result(5)


@pytest.fixture
def two(
    garden: Garden, tiny_model: Path, other_tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[HubServer]:
    """Two repositories, a file of each fetched; the first one may not be seen any more."""
    first, second = repository_of("owner/A-GGUF", tiny_model), repository_of("owner/B-GGUF", other_tiny_model)
    with HubServer([first, second]) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        for repo_id, model in (("owner/A-GGUF", tiny_model), ("owner/B-GGUF", other_tiny_model)):
            garden.library.download_target(HubTarget(repo_id, filename=model.name)).result(60)
        hub.fail(Fault("status", "api", path="owner/A-GGUF", status=403, times=9))
        yield hub


def test_a_repository_that_may_not_be_seen_holds_up_no_other(two: HubServer, garden: Garden) -> None:
    (looked_at,) = garden.library.upstream.check_seldom().result(20)
    assert looked_at.ref.repo_id == "owner/B-GGUF"
    before = len(two.requests)
    assert garden.library.upstream.check_seldom().result(20) == ()
    assert len(two.requests) == before


def test_who_asks_about_all_hears_of_all_that_may_be_seen(two: HubServer, garden: Garden) -> None:
    found = {entry.ref.repo_id: entry.upstream for entry in garden.library.upstream.check().result(20)}

    assert found["owner/B-GGUF"] is not None
    assert found["owner/B-GGUF"].state == "same"
    assert found["owner/A-GGUF"] is None


def test_who_asks_about_one_that_may_not_be_seen_is_told_so(two: HubServer, garden: Garden) -> None:
    wanted = [entry for entry in garden.library.entries() if entry.ref.repo_id == "owner/A-GGUF"]

    with pytest.raises((GatedError, UnauthorizedError)):
        garden.library.upstream.check(wanted).result(20)


def test_a_model_that_is_removed_while_the_hub_is_asked_stays_removed(
    hub: HubServer, garden: Garden, entry: LibraryEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    _while_the_hub_is_asked(garden, monkeypatch, lambda: garden.library.remove(entry, to_trash=False))

    assert garden.library.upstream.check().result(20) == ()

    assert garden.library.entries() == ()


def test_what_else_is_noted_of_a_model_while_the_hub_is_asked_stays(
    hub: HubServer, garden: Garden, entry: LibraryEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    renamed = dataclasses.replace(entry, ref=dataclasses.replace(entry.ref, name="Another name"))
    _while_the_hub_is_asked(garden, monkeypatch, lambda: garden.library._listing.put(renamed))

    garden.library.upstream.check().result(20)

    (found,) = garden.library.entries()
    assert found.ref.name == "Another name"
    assert found.upstream is not None


def test_an_answer_that_comes_during_a_scan_is_kept_and_brings_nothing_back(
    hub: HubServer, garden: Garden, entry: LibraryEntry
) -> None:
    listing = garden.library._listing
    with listing.scanning():
        garden.library.upstream.check().result(20)
        listing.replace([entry])
    (kept,) = garden.library.entries()
    assert kept.upstream is not None
    assert kept.upstream.state == "same"

    with listing.scanning():
        garden.library.upstream.check().result(20)
        listing.replace([])
    assert garden.library.entries() == ()


def _while_the_hub_is_asked(garden: Garden, monkeypatch: pytest.MonkeyPatch, does: Callable[[], object]) -> None:
    ask = garden.library.upstream._page

    def page(repo_id: str, cancelled: threading.Event) -> Repository | None:
        does()
        return ask(repo_id, cancelled)

    monkeypatch.setattr(garden.library.upstream, "_page", page)


def test_nothing_newer_cannot_be_fetched(hub: HubServer, garden: Garden, entry: LibraryEntry) -> None:
    with pytest.raises(RefusedError):
        garden.library.upstream.fetch_newer(entry)
