from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from garden.core.errors import CancelledByUser, InvalidFileError, NotFoundError
from garden.core.fit_forecast import FitMethod, Verdict
from garden.core.model_ref import ModelRef
from garden.hub.search_query import SearchQuery
from garden.services.garden import Garden
from tests.hubserver import Fault, HubServer, repository_of
from tests.tiny_models import write_tiny_model


@pytest.fixture
def hub(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    other = Path(shutil.copyfile(tiny_model, tmp_path / "Tiny-Chat-Q8_0.gguf"))
    with HubServer([repository_of("owner/Tiny-Chat-GGUF", tiny_model, other)]) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        yield server


def test_a_file_here_and_the_same_file_on_the_hub_get_the_same_forecast(
    hub: HubServer, garden: Garden, tiny_model: Path
) -> None:
    repository = garden.catalog.repository("owner/Tiny-Chat-GGUF").result(20)
    file = next(file for file in repository.files if file.quant_type == "F16")

    remote = garden.fit.remote_header(repository, file).result(20)
    local = garden.fit.header(garden.library.describe(tiny_model).ref)

    load = garden.fit.default_load(local)
    assert garden.fit.forecast_header(remote, load) == garden.fit.forecast_header(local, load)


def test_a_header_on_the_hub_is_read_once_per_model(hub: HubServer, garden: Garden) -> None:
    repository = garden.catalog.repository("owner/Tiny-Chat-GGUF").result(20)
    for file in repository.files:
        garden.fit.remote_header(repository, file).result(20)
    asked = len(hub.requests)

    for file in repository.files:
        assert garden.fit.remote_header(repository, file).result(20).architecture == "llama"

    assert len(hub.requests) == asked


def test_what_nobody_wants_any_more_is_not_waited_for(tiny_model: Path, tmp_path: Path, garden: Garden) -> None:
    def files(number: int) -> list[Path]:
        names = [f"Tiny-{number}-{quant_type}.gguf" for quant_type in ("Q4_0", "Q5_0", "Q6_K", "Q8_0")]
        return [Path(shutil.copyfile(tiny_model, tmp_path / name)) for name in names]

    served = [repository_of(f"owner/Tiny-{number}-GGUF", *files(number)) for number in range(3)]
    with HubServer(served) as hub, pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_ENDPOINT", hub.endpoint)
        pages = [garden.catalog.repository(repository.repo_id).result(20) for repository in served]
        hub.fail(Fault("hang", where="resolve", times=100))
        reads = [garden.fit.remote_header(page, file) for page in pages for file in page.files]
        deadline = time.monotonic() + 20
        # One read hangs per repository: those of its other files follow it.
        while sum(request.origin == "hub" and "resolve" in request.path for request in hub.requests) < len(pages):
            assert time.monotonic() < deadline

        assert garden.catalog.search(SearchQuery()).result(5).rows
        for read in reads:
            read.cancel()
        began = time.monotonic()
        # All threads at once, so that every one of them is seen to be free.
        searches = [garden.catalog.search(SearchQuery(text=f"tiny {number}")) for number in range(4)]
        for search in searches:
            search.result(5)
        assert time.monotonic() - began < 2
        for read in reads:
            with pytest.raises(CancelledByUser):
                read.result(0)

        hub.faults.clear()
        again = [garden.fit.remote_header(page, file).result(20) for page in pages for file in page.files]
    assert {header.architecture for header in again} == {"llama"}


def test_a_page_that_was_left_holds_up_nobody(hub: HubServer, garden: Garden) -> None:
    hub.fail(Fault("hang", where="api", times=8))
    asked = [garden.catalog.repository("owner/Tiny-Chat-GGUF") for _ in range(8)]
    deadline = time.monotonic() + 20
    while len(hub.requests) < 4:
        assert time.monotonic() < deadline

    for page in asked:
        page.cancel()
    hub.faults.clear()

    assert garden.catalog.search(SearchQuery()).result(5).rows


def test_a_forecast_says_what_it_rests_on(garden: Garden, tiny_model: Path) -> None:
    forecast = garden.fit.forecast(garden.library.describe(tiny_model))

    assert (forecast.method, forecast.verdict) == (FitMethod.FORMULA, Verdict.FITS)
    assert forecast.total_bytes
    assert not forecast.speed_is_measured


def test_the_preferred_context_and_cache_are_where_a_load_starts(garden: Garden, tiny_model: Path) -> None:
    garden.settings.change(context_length=1_024, kv_type="q8_0")

    load = garden.fit.configuration(garden.library.describe(tiny_model)).load

    assert (load.context_length, load.type_k, load.type_v) == (1_024, "q8_0", "q8_0")


def test_a_preferred_context_is_capped_by_what_the_model_was_trained_for(garden: Garden, tiny_model: Path) -> None:
    garden.settings.change(context_length=1_000_000)

    assert garden.fit.configuration(garden.library.describe(tiny_model)).load.context_length == 2_048


def test_shards_count_as_one(garden: Garden, tmp_path: Path) -> None:
    first = write_tiny_model(tmp_path / "Split-00001-of-00002.gguf")
    shutil.copyfile(first, tmp_path / "Split-00002-of-00002.gguf")

    header = garden.fit.header(garden.library.describe(first).ref)

    alone = garden.fit.header(ModelRef(name="x", filenames=(first.name,), path=str(_copy(first))))
    assert header.data_bytes == 2 * alone.data_bytes


def _copy(path: Path) -> Path:
    return Path(shutil.copyfile(path, path.with_name("alone.gguf")))


def test_a_shard_that_is_missing_is_one_sentence(garden: Garden, tmp_path: Path) -> None:
    first = write_tiny_model(tmp_path / "Split-00001-of-00002.gguf")

    entry = garden.library.describe(first)

    assert entry.problem is not None
    assert entry.problem.endswith(".")


def test_a_header_is_read_again_when_the_file_has_changed(garden: Garden, tmp_path: Path) -> None:
    path = write_tiny_model(tmp_path / "m.gguf", blocks=2)
    before = garden.fit.header(garden.library.describe(path).ref).block_count
    write_tiny_model(path, blocks=3)

    assert (before, garden.fit.header(garden.library.describe(path).ref).block_count) == (2, 3)


def test_what_is_gone_or_damaged_is_one_sentence(garden: Garden, tmp_path: Path) -> None:
    gone = ModelRef(name="Gone", filenames=("gone.gguf",), path=str(tmp_path / "gone.gguf"))
    note = tmp_path / "note.gguf"
    note.write_text("This is a note.")

    with pytest.raises(NotFoundError):
        garden.fit.forecast(gone)
    with pytest.raises(InvalidFileError):
        garden.fit.forecast(ModelRef(name="Note", filenames=("note.gguf",), path=str(note)))
