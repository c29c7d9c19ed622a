"""Transfers within this process: every fault of the network, with short waits. Real children: tests/workers."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import os
import random
import shutil
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from garden.core.errors import (
    CancelledByUser,
    DiskFullError,
    GardenError,
    GatedError,
    HubError,
    HubUnreachableError,
    IntegrityError,
    NotFoundError,
    RefusedError,
    RevisionGoneError,
    StateError,
    UnauthorizedError,
)
from garden.core.messages import Transfer, TransferPlanned, Transferred
from garden.hub.blob_store import BlobStore
from garden.hub.hub_library import cached_path, switch_off_extras
from garden.hub.patience import Patience
from garden.hub.steering import Steering
from garden.hub.transfer import RepositoryTransfer
from tests.hubserver import Fault, HubServer, ServedFile, ServedRepository, repository
from tests.hubserver.content import SparseContent
from tests.hubserver.faults import Kind

_DATA = random.Random(7).randbytes(2_000_000)
_SHA256 = hashlib.sha256(_DATA).hexdigest()
_MODEL = repository("o/r", **{"m-Q4_K_M.gguf": _DATA, "README.md": b"# Card"})
_QUICK = Patience(first_seconds=0.01, longest_seconds=0.02)


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with HubServer([_MODEL], accounts={"hf_ada1234": "ada"}) as server:
        yield server


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "hub"


def _request(hub: HubServer, cache: Path, *names: str, **changes: object) -> Transfer:
    fields: dict[str, object] = {
        "endpoint": hub.endpoint,
        "repo_id": "o/r",
        "revision": _MODEL.commit,
        "filenames": names or ("m-Q4_K_M.gguf",),
        "cache_dir": str(cache),
        "stall_seconds": 0.3,
    }
    return Transfer(**{**fields, **changes})  # type: ignore[arg-type]  # fields by name


class _Notes:
    """Progress as it was told."""

    def __init__(self) -> None:
        self.done: list[int] = []
        self.total: int | None = None
        self.notes: list[str] = []

    def __call__(self, done: int, total: int | None, note: str) -> None:
        self.done.append(done)
        self.total = total
        if note and (not self.notes or self.notes[-1] != note):
            self.notes.append(note)


def _fetch(hub: HubServer, cache: Path, *names: str, notes: _Notes | None = None, **changes: object) -> Transferred:
    return _run(_request(hub, cache, *names, **changes), notes)


def _run(request: Transfer, notes: _Notes | None = None) -> Transferred:
    return RepositoryTransfer(request, notes or _Notes(), threading.Event(), _QUICK).run()


def _blobs(cache: Path) -> list[str]:
    return sorted(path.name for path in (cache / "models--o--r" / "blobs").glob("*"))


def _ranges(hub: HubServer) -> list[str | None]:
    return [request.range for request in hub.requests if request.origin == "cdn"]


def test_a_file_lands_where_every_hub_tool_finds_it(hub: HubServer, cache: Path) -> None:
    notes = _Notes()
    result = _fetch(hub, cache, notes=notes)
    assert Path(result.path).read_bytes() == _DATA
    assert (result.sha256, result.size_bytes) == (_SHA256, len(_DATA))
    assert (notes.done[-1], notes.total) == (len(_DATA), len(_DATA))
    assert cached_path("o/r", _MODEL.commit, "m-Q4_K_M.gguf", cache) == Path(result.path)
    assert Path(result.path).readlink() == Path("../../blobs") / _SHA256
    assert stat.S_IMODE((cache / "models--o--r" / "blobs" / _SHA256).stat().st_mode) == 0o666 & ~_umask()


def test_huggingface_hub_finds_it_offline_by_the_branch_and_scans_no_damage(hub: HubServer, cache: Path) -> None:
    _fetch(hub, cache, "m-Q4_K_M.gguf", "README.md")
    switch_off_extras()
    from huggingface_hub import hf_hub_download, scan_cache_dir

    path = hf_hub_download("o/r", "m-Q4_K_M.gguf", cache_dir=cache, local_files_only=True)
    assert Path(path).read_bytes() == _DATA
    scanned = scan_cache_dir(cache)
    (found,) = scanned.repos
    assert (scanned.warnings, scanned.incomplete_files, found.nb_files) == ([], frozenset(), 2)
    assert set(found.refs) == {"main"}


def test_a_small_file_is_held_against_gits_hash(hub: HubServer, cache: Path) -> None:
    result = _fetch(hub, cache, "README.md")
    assert result.sha256 == hashlib.sha256(b"# Card").hexdigest()
    assert len(Path(result.path).resolve().name) == 40


def test_what_is_there_is_checked_and_not_fetched_again(hub: HubServer, cache: Path) -> None:
    _fetch(hub, cache)
    before = len(_ranges(hub))
    notes = _Notes()
    assert _fetch(hub, cache, notes=notes).sha256 == _SHA256
    assert len(_ranges(hub)) == before
    assert "Checking the copy that is here" in notes.notes


def test_a_damaged_copy_is_fetched_anew(hub: HubServer, cache: Path) -> None:
    blob = Path(_fetch(hub, cache).path).resolve()
    blob.write_bytes(_DATA[:-1] + b"!")
    assert Path(_fetch(hub, cache).path).read_bytes() == _DATA


def test_a_blob_that_huggingface_hub_fetched_is_used(hub: HubServer, cache: Path) -> None:
    switch_off_extras()
    from huggingface_hub import hf_hub_download

    hf_hub_download("o/r", "m-Q4_K_M.gguf", endpoint=hub.endpoint, token=False, cache_dir=cache)
    before = len(_ranges(hub))
    _fetch(hub, cache)
    assert len(_ranges(hub)) == before


@pytest.mark.parametrize(
    "fault",
    [
        Fault("drop", after_bytes=700_000, times=2),
        Fault("reset", after_bytes=700_000, times=2),
        Fault("stall", after_bytes=700_000),
        Fault("short", after_bytes=700_000, times=2),
        Fault("wrong_range", times=2),
        Fault("status", status=503, times=2),
        Fault("status", status=403, times=2),
        Fault("status", status=500, times=2),
        Fault("status", "resolve", status=502, times=2),
        Fault("status", "resolve", method="GET", status=504, times=2),
        Fault("drop", "resolve", times=2),
        Fault("hang"),
        Fault("hang", "resolve"),
        Fault("etag", "resolve", method="GET", times=1, skip=1),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.where}-{fault.status}",
)
def test_passing_faults_are_survived(hub: HubServer, cache: Path, fault: Fault) -> None:
    hub.fail(Fault("drop", after_bytes=300_000))
    hub.fail(fault)
    assert Path(_fetch(hub, cache).path).read_bytes() == _DATA
    assert hub.faults.pending == 0
    assert _blobs(cache) == [_SHA256]


@pytest.mark.parametrize("kind", ["drop", "stall", "short"])
def test_nothing_is_fetched_twice(hub: HubServer, cache: Path, kind: Kind) -> None:
    hub.fail(Fault(kind, after_bytes=1_000_000))
    _fetch(hub, cache)
    assert _ranges(hub) == [None, "bytes=1000000-"]


def test_an_expired_signature_is_followed_by_a_new_address(hub: HubServer, cache: Path) -> None:
    hub.fail(Fault("drop", after_bytes=500_000))
    hub.fail(Fault("status", status=403))
    _fetch(hub, cache)
    resolved = [request for request in hub.requests if request.origin == "hub" and request.method == "GET"]
    assert len(resolved) == 3
    assert _ranges(hub) == [None, "bytes=500000-", "bytes=500000-"]


def test_a_link_that_drops_again_and_again_still_arrives(hub: HubServer, cache: Path) -> None:
    hub.fail(Fault("drop", after_bytes=65_536, times=30))
    assert _fetch(hub, cache).sha256 == _SHA256
    assert hub.faults.pending == 0


def test_a_server_that_ignores_ranges_costs_nothing_of_what_is_here(hub: HubServer, cache: Path) -> None:
    hub.fail(Fault("drop", after_bytes=1_500_000))
    # It sends all from the beginning, and breaks off before it reaches where the first one stopped.
    hub.fail(Fault("ignore_range", after_bytes=400_000))
    notes = _Notes()
    assert Path(_fetch(hub, cache, notes=notes).path).read_bytes() == _DATA
    assert "The server cannot resume; reading on to where it stopped" in notes.notes
    assert _ranges(hub) == [None, "bytes=1500000-", "bytes=1500000-"]
    assert notes.done == sorted(notes.done)


def test_the_whole_sent_for_a_range_is_read_on_from_where_it_stopped(hub: HubServer, cache: Path) -> None:
    hub.fail(Fault("drop", after_bytes=1_500_000))
    hub.fail(Fault("ignore_range"))
    assert Path(_fetch(hub, cache).path).read_bytes() == _DATA
    assert _ranges(hub) == [None, "bytes=1500000-"]


def test_a_damaged_byte_is_caught_also_where_the_rest_was_read_on(hub: HubServer, cache: Path) -> None:
    hub.fail(Fault("corrupt", after_bytes=1_000_000))
    part = BlobStore(cache, "o/r").part(_SHA256)
    part.parent.mkdir(parents=True)
    part.write_bytes(_DATA[:500_000])
    with pytest.raises(IntegrityError):
        hub.fail(Fault("corrupt", after_bytes=1_000_000))
        _fetch(hub, cache)
    assert _blobs(cache) == []


def test_corrupt_bytes_are_refused_and_discarded(hub: HubServer, cache: Path) -> None:
    hub.fail(Fault("corrupt", after_bytes=1_234_567))
    with pytest.raises(IntegrityError, match="not what the Hub promised"):
        _fetch(hub, cache)
    assert _blobs(cache) == []
    assert not list((cache / "models--o--r" / "snapshots").rglob("*.gguf"))
    assert Path(_fetch(hub, cache).path).read_bytes() == _DATA


def test_corrupt_small_files_are_refused_too(hub: HubServer, cache: Path) -> None:
    hub.fail(Fault("corrupt", "resolve", path="resolve-cache", method="GET", after_bytes=2))
    with pytest.raises(IntegrityError):
        _fetch(hub, cache, "README.md")


def test_a_part_that_was_damaged_on_the_disk_is_started_over_once(hub: HubServer, cache: Path) -> None:
    part = BlobStore(cache, "o/r").part(_SHA256)
    part.parent.mkdir(parents=True)
    part.write_bytes(_DATA[:999_999] + b"!")
    notes = _Notes()
    assert Path(_fetch(hub, cache, notes=notes).path).read_bytes() == _DATA
    assert _ranges(hub) == ["bytes=1000000-", None]
    assert "The part from an earlier run was damaged; starting over" in notes.notes


@pytest.mark.parametrize("size", [len(_DATA), len(_DATA) + 5])
def test_a_part_that_is_whole_or_too_long(hub: HubServer, cache: Path, size: int) -> None:
    part = BlobStore(cache, "o/r").part(_SHA256)
    part.parent.mkdir(parents=True)
    part.write_bytes((_DATA + b"extra")[:size])
    assert Path(_fetch(hub, cache).path).read_bytes() == _DATA


def test_a_promise_that_changes_midway_ends_it_and_keeps_the_part(hub: HubServer, cache: Path) -> None:
    hub.fail(Fault("drop", after_bytes=500_000))
    hub.fail(Fault("etag", "resolve", method="GET", skip=1, times=99))
    with pytest.raises(IntegrityError, match="changed on the Hub"):
        _fetch(hub, cache)
    assert BlobStore(cache, "o/r").part(_SHA256).stat().st_size == 500_000
    hub.faults.clear()
    _fetch(hub, cache)
    assert _ranges(hub)[-1] == "bytes=500000-"


_NEWER = random.Random(8).randbytes(1_800_000)


def _replaced(*names: str, seed: int = 20) -> ServedRepository:
    """The next commit of a repository of shards, every file of it other bytes."""
    return repository("o/r", **{name: random.Random(seed + at).randbytes(310_000) for at, name in enumerate(names)})


@pytest.mark.parametrize("same_commit", [True, False])
def test_a_file_that_changes_midway_is_begun_anew_and_the_old_part_is_gone(
    hub: HubServer, cache: Path, *, same_commit: bool
) -> None:
    newer = _MODEL.replacing("m-Q4_K_M.gguf", _NEWER)
    if not same_commit:
        newer = repository("o/r", **{"m-Q4_K_M.gguf": _NEWER})
    hub.fail(Fault("drop", after_bytes=500_000))
    told: list[TransferPlanned] = []
    notes = _Notes()

    def progress(done: int, total: int | None, note: str) -> None:
        notes(done, total, note)
        if done >= 500_000:
            hub.state.put([newer])

    request = _request(hub, cache, branch="main")
    result = RepositoryTransfer(request, progress, threading.Event(), _QUICK, on_planned=told.append).run()

    assert Path(result.path).read_bytes() == _NEWER
    assert _blobs(cache) == [hashlib.sha256(_NEWER).hexdigest()]
    assert any("Changed on the Hub" in note for note in notes.notes)
    assert [planned.revision for planned in told] == [_MODEL.commit, newer.commit]
    assert told[1].etags == (hashlib.sha256(_NEWER).hexdigest(),)


def test_a_set_that_changes_midway_is_never_of_two_commits(cache: Path) -> None:
    names = [f"m-{index:05d}-of-00003.gguf" for index in (1, 2, 3)]
    old, newer = _replaced(*names, seed=1), _replaced(*names)
    notes = _Notes()
    with HubServer([old]) as hub:

        def progress(done: int, total: int | None, note: str) -> None:
            notes(done, total, note)
            if 400_000 < done < 600_000:
                hub.state.put([newer := dataclasses.replace(_replaced(*names), revision="b" * 40)])
                assert newer.commit != old.commit

        hub.fail(Fault("drop", after_bytes=200_000, skip=1))
        request = _request(hub, cache, *names, revision=old.commit, branch="main")
        result = RepositoryTransfer(request, progress, threading.Event(), _QUICK).run()
    folder = Path(result.path).parent
    assert folder.name == "b" * 40
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        file.filename: file.content.read(0, file.content.size_bytes) for file in newer.files
    }
    assert not (folder.parent / old.commit).exists()
    assert _blobs(cache) == sorted(file.etag for file in newer.files)


def test_a_commit_that_is_gone_is_an_error_where_no_branch_was_named(hub: HubServer, cache: Path) -> None:
    with pytest.raises(RevisionGoneError, match="has no revision"):
        _fetch(hub, cache, revision="c" * 40)
    assert _fetch(hub, cache, revision="c" * 40, branch="main").sha256 == _SHA256


def test_a_file_that_is_not_in_the_next_version_is_an_error(hub: HubServer, cache: Path) -> None:
    hub.state.put([repository("o/r", **{"other-Q4_0.gguf": b"x"})])
    with pytest.raises(NotFoundError, match="There is no file"):
        _fetch(hub, cache, branch="main")


def test_the_pace_that_was_asked_for_is_kept(hub: HubServer, cache: Path) -> None:
    started = time.monotonic()
    _fetch(hub, cache, bytes_per_second=1_000_000)
    took = time.monotonic() - started
    # A quarter of a second's bytes may come at once; the rest may not be faster, whatever the machine does beside.
    assert took >= 1.6, f"{2.0 / took:.2f} MB/s"


def test_the_pace_may_change_midway(hub: HubServer, cache: Path) -> None:
    cancelled = threading.Event()
    steering = Steering(cancelled, bytes_per_second=50_000)

    def progress(done: int, _total: int | None, _note: str) -> None:
        if done > 0:
            steering.set_pace(None)

    started = time.monotonic()
    RepositoryTransfer(_request(hub, cache), progress, cancelled, _QUICK, steering=steering).run()
    assert time.monotonic() - started < 20  # at the first pace it would take 40


def test_what_another_transfer_was_told_holds_for_this_one(hub: HubServer, cache: Path) -> None:
    notes = _Notes()
    started = time.monotonic()
    _fetch(hub, cache, notes=notes, hold_off_seconds=0.6)
    assert time.monotonic() - started >= 0.6
    assert "asked for a pause" in notes.notes[1]


@pytest.mark.parametrize("where", ["m-Q4_K_M.gguf", "README.md"])
def test_without_a_promise_nothing_is_fetched(hub: HubServer, cache: Path, where: str) -> None:
    hub.fail(Fault("no_etag", "resolve", times=99))
    with pytest.raises(RefusedError, match="cannot be verified"):
        _fetch(hub, cache, where)
    assert not cache.joinpath("models--o--r", "blobs").exists()


@pytest.mark.parametrize("fault", [Fault("wrong_range", times=99), Fault("short", after_bytes=0, times=99)])
def test_an_answer_that_stays_wrong_is_an_error(hub: HubServer, cache: Path, fault: Fault) -> None:
    hub.fail(Fault("drop", after_bytes=500_000))
    hub.fail(fault)
    with pytest.raises(HubError):
        _fetch(hub, cache)
    assert len(_ranges(hub)) <= 7
    assert BlobStore(cache, "o/r").part(_SHA256).stat().st_size == 500_000


def test_a_server_without_ranges_that_always_drops_does_not_go_on_for_ever(hub: HubServer, cache: Path) -> None:
    hub.fail(Fault("ignore_range", after_bytes=500_000, times=99))
    with pytest.raises(HubUnreachableError):
        RepositoryTransfer(
            _request(hub, cache), _Notes(), threading.Event(), Patience(first_seconds=0.01, seconds_without_byte=0.0)
        ).run()


def test_a_pause_is_kept_to(hub: HubServer, cache: Path) -> None:
    hub.fail(Fault("drop", after_bytes=500_000))
    hub.fail(Fault("status", "resolve", method="GET", skip=1, status=429, headers={"Retry-After": "1"}))
    notes = _Notes()
    assert _fetch(hub, cache, notes=notes).sha256 == _SHA256
    assert any("asks for a pause" in note and "going on in" in note for note in notes.notes)


def test_a_hub_that_is_away_for_a_while_is_waited_for(cache: Path) -> None:
    with HubServer([_MODEL]) as hub:
        hub.fail(Fault("drop", after_bytes=500_000))
        hub.fail(Fault("status", "resolve", method="GET", skip=1, status=503, times=20))
        assert _fetch(hub, cache).sha256 == _SHA256


def test_a_hub_that_never_was_there_is_told_soon(hub: HubServer, cache: Path) -> None:
    hub.fail(Fault("status", "resolve", status=503, times=99))
    with pytest.raises(HubError, match="error 503"):
        _fetch(hub, cache)
    assert len(hub.requests) == 5


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"repo_id": "o/none"}, NotFoundError),
        ({"revision": "f" * 40}, NotFoundError),
        ({"filenames": ("none.gguf",)}, NotFoundError),
        ({"filenames": ()}, NotFoundError),
        ({"token": "hf_wrong1234"}, UnauthorizedError),
        ({"repo_id": "../o"}, NotFoundError),
        ({"filenames": ("../evil.gguf",)}, RefusedError),
        ({"filenames": ("a.gguf", "A.gguf")}, RefusedError),
        ({"filenames": ("/etc/passwd",)}, RefusedError),
        ({"filenames": ("NUL",)}, RefusedError),
    ],
)
def test_what_cannot_help_is_not_tried_again(
    hub: HubServer, cache: Path, changes: dict[str, object], kind: type[GardenError]
) -> None:
    request = _request(hub, cache, **changes)
    with pytest.raises(kind):
        _run(request)
    assert len(hub.requests) <= 1


def test_gated_files_name_the_page_to_consent_on(cache: Path) -> None:
    gated = ServedRepository("o/r", files=_MODEL.files, gated=True, revision=_MODEL.commit)
    with HubServer([gated]) as hub, pytest.raises(GatedError) as caught:
        _fetch(hub, cache)
    assert f"{hub.endpoint}/o/r" in caught.value.action


def test_the_token_stays_with_the_hub(hub: HubServer, cache: Path) -> None:
    _fetch(hub, cache, token="hf_ada1234")
    sent = {(request.origin, request.headers.get("authorization")) for request in hub.requests}
    assert sent == {("hub", "Bearer hf_ada1234"), ("cdn", None)}


def test_a_full_disk_is_seen_before(hub: HubServer, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")._replace(free=1_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(DiskFullError, match="missing but only") as caught:
        _fetch(hub, cache)
    assert "Free some space" in caught.value.action
    assert _ranges(hub) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_disk_that_fills_up_is_told_and_nothing_is_taken_for_whole(hub: HubServer, cache: Path) -> None:
    part = BlobStore(cache, "o/r").part(_SHA256)
    part.parent.mkdir(parents=True)
    part.symlink_to("/dev/full")
    with pytest.raises(DiskFullError, match="disk is full"):
        _fetch(hub, cache)
    part.unlink()
    assert Path(_fetch(hub, cache).path).read_bytes() == _DATA


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("step", ["mkdir", "replace", "symlink_to"])
def test_a_disk_that_fills_up_at_any_step_is_told_as_such_and_it_goes_on_later(
    hub: HubServer, cache: Path, monkeypatch: pytest.MonkeyPatch, step: str, number: int
) -> None:
    def refuse(_path: Path, *_arguments: object, **_options: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(Path, step, refuse)
        with pytest.raises(DiskFullError, match="could not be written: the disk is full") as caught:
            _fetch(hub, cache)
    assert caught.value.action.endswith("it goes on where it stopped.")

    result = _fetch(hub, cache)
    assert Path(result.path).read_bytes() == _DATA
    assert Path(result.path).is_symlink()
    assert len(_ranges(hub)) == 1


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_folder_that_cannot_be_written(hub: HubServer, cache: Path) -> None:
    cache.mkdir()
    cache.chmod(0o500)
    with pytest.raises(StateError, match="could not be written"):
        _fetch(hub, cache)


def test_a_file_in_the_way_of_the_cache(hub: HubServer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StateError, match="could not be written"):
        _fetch(hub, tmp_path / "file" / "hub")


def test_above_fifty_gigabytes_one_sentence_says_why_not(cache: Path) -> None:
    huge = ServedFile("m.gguf", SparseContent("huge", 60_000_000_000, bytes, 0))
    with HubServer([ServedRepository("o/r", files=(huge,), revision=_MODEL.commit)]) as hub:
        with pytest.raises(RefusedError, match="above 50 GB") as caught:
            _fetch(hub, cache, "m.gguf")
        assert "hf download o/r 'm.gguf'" in caught.value.action


def test_cancelling_keeps_the_part(hub: HubServer, cache: Path) -> None:
    cancelled = threading.Event()

    def progress(done: int, total: int | None, note: str) -> None:
        if done > 500_000:
            cancelled.set()

    with pytest.raises(CancelledByUser):
        RepositoryTransfer(_request(hub, cache), progress, cancelled, _QUICK).run()
    size = BlobStore(cache, "o/r").part(_SHA256).stat().st_size
    assert 500_000 < size < len(_DATA)
    _fetch(hub, cache)
    assert _ranges(hub)[-1] == f"bytes={size}-"


def test_cancelling_during_a_wait_ends_it(hub: HubServer, cache: Path) -> None:
    hub.fail(Fault("status", "resolve", status=429, headers={"Retry-After": "600"}))
    cancelled = threading.Event()

    def progress(done: int, total: int | None, note: str) -> None:
        if "pause" in note:
            cancelled.set()

    with pytest.raises(CancelledByUser):
        RepositoryTransfer(_request(hub, cache), progress, cancelled, _QUICK).run()


def test_a_set_of_shards_counts_as_one(cache: Path) -> None:
    shards = {f"q/m-{index:05d}-of-00003.gguf": random.Random(index).randbytes(300_000) for index in (1, 2, 3)}
    notes = _Notes()
    with HubServer([repository("o/r", **shards)]) as hub:
        result = _fetch(hub, cache, *sorted(shards), notes=notes, revision=repository("o/r", **shards).commit)
    assert result.size_bytes == 900_000 == notes.done[-1] == notes.total
    folder = Path(result.path).parent
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        name.partition("/")[2]: data for name, data in shards.items()
    }
    assert notes.done == sorted(notes.done)


def test_without_links_the_file_lies_under_its_name_once(
    hub: HubServer, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_DISABLE_SYMLINKS", "1")
    path = Path(_fetch(hub, cache).path)
    assert path.read_bytes() == _DATA and not path.is_symlink()
    assert _blobs(cache) == []
    before = len(_ranges(hub))
    assert _fetch(hub, cache).sha256 == _SHA256
    assert len(_ranges(hub)) == before and path.read_bytes() == _DATA


def test_an_older_commit_does_not_move_the_branch(hub: HubServer, cache: Path) -> None:
    store = BlobStore(cache, "o/r")
    store.prepare()
    store.remember_branch("main", "a" * 40)
    newer = repository("o/r", **{"m-Q4_K_M.gguf": b"newer"})
    _fetch(hub, cache)
    assert (store.folder / "refs" / "main").read_text() == _MODEL.commit
    store.remember_branch("main", "a" * 40)
    hub.fail(Fault("status", "resolve", path="/resolve/main/", status=404))
    _fetch(hub, cache)
    assert (store.folder / "refs" / "main").read_text() == "a" * 40
    assert newer.commit != _MODEL.commit


def test_what_another_name_leads_to_stays_when_one_is_forgotten(cache: Path) -> None:
    store = BlobStore(cache, "o/r")
    store.prepare()
    store.blob(_SHA256).write_bytes(_DATA)
    first, second = "a" * 40, "b" * 40
    for commit, name in ((first, "x.gguf"), (first, "copy/x.gguf"), (second, "x.gguf")):
        store.link(_SHA256, commit, name)
    store.forget(_SHA256, first, "x.gguf")
    assert not store.pointer(first, "x.gguf").is_symlink()
    assert store.pointer(first, "copy/x.gguf").read_bytes() == store.pointer(second, "x.gguf").read_bytes() == _DATA
    store.forget(_SHA256, second, "x.gguf")
    assert (
        store.pointer(first, "copy/x.gguf").read_bytes() == _DATA and not (store.folder / "snapshots" / second).exists()
    )
    store.forget(_SHA256, first, "copy/x.gguf")
    assert not store.blob(_SHA256).exists()


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
