"""Headers over HTTP: how much is moved for them, and that they are what the files say."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from garden.core.catalog import Repository, RepositoryFile
from garden.core.errors import InvalidFileError
from garden.core.fit_forecast import FitMethod
from garden.core.paths import resource_path
from garden.gguf.byte_source import ByteSource
from garden.gguf.header import GgufHeader, read_header
from garden.gguf.header_start import START_BYTES
from garden.gguf.hollow_file import is_own
from garden.services.garden import Garden
from tests.fit.projector_files import write_projector
from tests.gguf.gguf_bytes import BytesSource
from tests.hubserver import HubServer
from tests.hubserver.content import BytesContent, Content, FileContent, SparseContent
from tests.hubserver.gguf_header import MAX_HEADER_BYTES, header
from tests.hubserver.mixture import Mixture, split, stored_tensors
from tests.hubserver.repository import ServedFile, ServedRepository
from tests.hubserver.shapes import Model

QUANTS = (
    "BF16", "Q8_0", "Q6_K", "Q5_K", "Q5_1", "Q5_0", "Q4_K", "Q4_1", "Q4_0", "IQ4_XS", "IQ4_NL", "Q3_K", "IQ3_S",
    "IQ3_XXS", "Q2_K", "IQ2_S", "IQ2_XXS", "IQ1_M", "IQ1_S", "TQ1_0",
)  # fmt: skip

#: Of a file whose tensors are mostly of this type.
_NAMES = {"Q5_K": "Q5_K_M", "Q4_K": "Q4_K_M", "Q3_K": "Q3_K_M"}

SHARD_BYTES = 3_000_000_000


def model_named(name: str) -> Model:
    """A model of the catalogue."""
    items = json.loads(resource_path("catalogue/models.json").read_bytes())["items"]
    return next(Model(item) for item in items if item["name"] == name)


def ladder(name: str, quants: tuple[str, ...], *, shard_bytes: int = 2**63, title: str = "Model") -> ServedRepository:
    """A repository of a model in many quantizations."""
    model, files = model_named(name), []
    for number, quant in enumerate(quants):
        stored = list(stored_tensors(model, Mixture(quant, number, quant, None, "Q6_K")))
        parts = split(stored, shard_bytes)
        for index, part in enumerate(parts):
            head = header(model, Mixture(quant, number, quant), part, index, len(parts), len(stored))
            size = len(head) + part[-1].offset + part[-1].size_bytes
            stem = f"{title}-{_NAMES.get(quant, quant)}"
            if len(parts) > 1:
                stem += f"-{index + 1:05d}-of-{len(parts):05d}"
            content = SparseContent(f"{name}/{stem}", size, functools.partial(bytes, head), MAX_HEADER_BYTES)
            files.append(ServedFile(f"{stem}.gguf", content))
    return ServedRepository("owner/Model-GGUF", files=tuple(files))


class Served:
    """A served file as a source, for the reader that reads everything."""

    def __init__(self, content: Content) -> None:
        self.size_bytes = content.size_bytes
        self.read = content.read


def true_header(served: ServedRepository, filename: str) -> GgufHeader:
    """What a file says, read as a whole."""
    file = served.file(filename)
    assert file is not None
    source: ByteSource = Served(file.content)
    return read_header(source)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    with HubServer([]) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        yield server


def opened(garden: Garden, hub: HubServer, served: ServedRepository) -> Repository:
    """Its page."""
    hub.state.put([served])
    return garden.catalog.repository(served.repo_id).result(20)


def file_of(repository: Repository, quant: str) -> RepositoryFile:
    """The file of this quantization."""
    return next(file for file in repository.files if f"-{quant}" in file.filename)


def ranges(hub: HubServer) -> list[int]:
    """Lengths of the pieces of files asked for so far."""
    found = []
    for request in hub.requests:
        if request.origin == "cdn" and request.range:
            first, last = request.range.removeprefix("bytes=").split("-")
            found.append(int(last) - int(first) + 1)
    return found


def test_twenty_quants_with_a_vocabulary_of_260k_move_less_than_3_mb(garden: Garden, hub: HubServer) -> None:
    served = ladder("Gemma 3 12B", QUANTS)
    repository = opened(garden, hub, served)
    models = [file for file in repository.files if file.kind == "model"]
    assert len(models) == 20
    page_bytes = hub.state.sent_bytes

    handles = [garden.fit.remote_header(repository, file) for file in models]
    headers = {file.filename: handle.result(60) for file, handle in zip(models, handles, strict=True)}

    moved = hub.state.sent_bytes - page_bytes
    assert moved < 3_000_000
    for filename, found in headers.items():
        true = true_header(served, filename)
        assert found.vocab_size == 262_208
        assert (found.tensors, found.header_bytes, found.data_bytes) == (
            true.tensors,
            true.header_bytes,
            true.data_bytes,
        )
        load = garden.fit.default_load(true)
        assert garden.fit.forecast_header(found, load) == garden.fit.forecast_header(true, load)


def test_a_sibling_costs_one_short_read(garden: Garden, hub: HubServer) -> None:
    repository = opened(garden, hub, ladder("Gemma 3 12B", ("Q8_0", "Q4_K")))
    garden.fit.remote_header(repository, file_of(repository, "Q8_0")).result(20)
    before = len(ranges(hub))

    garden.fit.remote_header(repository, file_of(repository, "Q4_K")).result(20)

    assert len(ranges(hub)) == before + 1
    assert ranges(hub)[-1] < 80_000


def test_a_header_is_read_once_and_kept_by_its_hash(garden: Garden, hub: HubServer) -> None:
    repository = opened(garden, hub, ladder("Gemma 3 12B", ("Q8_0", "Q4_K")))
    first = garden.fit.remote_header(repository, file_of(repository, "Q8_0")).result(20)
    asked = len(hub.requests)

    with Garden.open() as later:
        again = later.fit.remote_header(repository, file_of(repository, "Q8_0")).result(20)
        assert len(hub.requests) == asked
        later.fit.remote_header(repository, file_of(repository, "Q4_K")).result(20)

    assert (again.tensors, again.metadata) == (first.tensors, first.metadata)
    assert len(ranges(hub)) == len([r for r in hub.requests[:asked] if r.origin == "cdn"]) + 1


def test_the_first_figure_takes_64_kb_and_the_header_reads_on_from_there(garden: Garden, hub: HubServer) -> None:
    served = ladder("Gemma 3 12B", ("Q8_0", "Q4_K"))
    repository = opened(garden, hub, served)
    file, other = file_of(repository, "Q8_0"), file_of(repository, "Q4_K")
    sketches: list[tuple[GgufHeader, list[int]]] = []

    def note(header: GgufHeader) -> None:
        sketches.append((header, ranges(hub)))

    garden.fit.remote_header(repository, file, sketched=note).result(20)
    garden.fit.remote_header(repository, other, sketched=note).result(20)

    # Of the first file alone: the others are as quick by themselves.
    ((sketch, before),) = sketches
    assert before == [START_BYTES]
    assert ranges(hub).count(START_BYTES) == 1
    true = true_header(served, file.filename)
    load = garden.fit.default_load(true)
    rough, whole = garden.fit.forecast_header(sketch, load), garden.fit.forecast_header(true, load)
    assert rough.method is FitMethod.ROUGH
    assert rough.kv_cache_bytes == whole.kv_cache_bytes
    assert rough.total_bytes == pytest.approx(whole.total_bytes, rel=0.027)


def test_no_gguf_file_is_one_sentence(garden: Garden, hub: HubServer) -> None:
    page = ServedFile("Model-Q8_0.gguf", BytesContent(b"<html>" * 50_000))
    repository = opened(garden, hub, ServedRepository("owner/Model-GGUF", files=(page,)))
    sketches: list[GgufHeader] = []

    with pytest.raises(InvalidFileError, match="not a GGUF file"):
        garden.fit.remote_header(repository, repository.files[0], sketched=sketches.append).result(20)
    assert sketches == []


def test_the_very_file_s_own_keys_cost_one_more_read(garden: Garden, hub: HubServer) -> None:
    repository = opened(garden, hub, ladder("Gemma 3 12B", ("Q8_0", "Q4_K")))
    garden.fit.remote_header(repository, file_of(repository, "Q8_0")).result(20)
    before = len(ranges(hub))

    own = garden.fit.remote_header(repository, file_of(repository, "Q4_K"), own=True).result(20)

    assert len(ranges(hub)) == before + 2
    assert is_own(own)


def test_another_name_in_the_repository_shares_the_place_and_no_key(garden: Garden, hub: HubServer) -> None:
    files = ladder("Gemma 3 12B", ("Q8_0",)).files + ladder("Gemma 3 12B", ("Q4_K",), title="Model-Long").files
    repository = opened(garden, hub, ServedRepository("owner/Model-GGUF", files=files))
    garden.fit.remote_header(repository, file_of(repository, "Q8_0")).result(20)
    before = len(ranges(hub))

    garden.fit.remote_header(repository, file_of(repository, "Q4_K")).result(20)

    assert ranges(hub)[before:-1] == [START_BYTES]
    assert ranges(hub)[-1] < 80_000


def test_shards_are_read_together(garden: Garden, hub: HubServer) -> None:
    served = ladder("Gemma 3 12B", ("Q8_0", "Q4_K"), shard_bytes=SHARD_BYTES)
    repository = opened(garden, hub, served)
    page_bytes = hub.state.sent_bytes
    for file in repository.files:
        assert len(file.files) > 1
        found = garden.fit.remote_header(repository, file).result(20)

        parts = [true_header(served, part.filename) for part in file.files]
        assert found.tensors == tuple(tensor for part in parts for tensor in part.tensors)
        assert found.data_bytes == sum(part.data_bytes for part in parts)
    assert hub.state.sent_bytes - page_bytes < 600_000


def test_a_file_that_was_cut_never_fits(garden: Garden, hub: HubServer) -> None:
    served = ladder("Qwen3 0.6B", ("Q8_0",))
    whole = served.files[0].content
    cut = BytesContent(whole.read(0, 100_000_000))
    repository = opened(garden, hub, dataclasses.replace(served, files=(ServedFile("Model-Q8_0.gguf", cut),)))

    with pytest.raises(InvalidFileError, match="not a complete GGUF file"):
        garden.fit.remote_header(repository, repository.files[0]).result(20)


def test_a_local_file_and_its_remote_twin_get_the_same_forecast(garden: Garden, hub: HubServer, tmp_path: Path) -> None:
    served = ladder("SmolLM2 135M", ("Q8_0",))
    data = served.files[0].content.read(0, served.files[0].content.size_bytes)
    path = tmp_path / "Model-Q8_0.gguf"
    path.write_bytes(data)
    repository = opened(garden, hub, served)

    remote = garden.fit.remote_header(repository, repository.files[0]).result(20)
    local = garden.fit.header(garden.library.describe(path).ref)

    assert remote.tensors == read_header(BytesSource(data)).tensors == local.tensors
    load = garden.fit.default_load(local)
    assert garden.fit.forecast_header(remote, load) == garden.fit.forecast_header(local, load)


def test_a_projector_is_read_beside_its_models(garden: Garden, hub: HubServer, tmp_path: Path) -> None:
    models = ladder("Gemma 3 12B", ("Q8_0", "Q4_K")).files
    projectors = tuple(
        ServedFile(f"mmproj-Model-{quant}.gguf", FileContent(write_projector(tmp_path / quant, family)))
        for quant, family in (("F32", "LLaVA"), ("F16", "Gemma 3"), ("Q8_0", "SmolVLM"))
    )
    repository = opened(garden, hub, ServedRepository("owner/Model-GGUF", files=(*projectors, *models)))

    found = garden.fit.remote_projector(repository).result(20)

    assert found is not None
    assert found.weights_bytes == 849_871_296
    assert len(ranges(hub)) == 1
    # It tells nothing of where the models' lists are, nor they of its own.
    garden.fit.remote_header(repository, file_of(repository, "Q8_0")).result(20)
    before = len(ranges(hub))
    garden.fit.remote_header(repository, file_of(repository, "Q4_K")).result(20)
    assert len(ranges(hub)) == before + 1


def test_a_repository_without_a_projector_has_none(garden: Garden, hub: HubServer) -> None:
    repository = opened(garden, hub, ladder("Qwen3 0.6B", ("Q8_0",)))

    assert garden.fit.remote_projector(repository).result(20) is None
    assert ranges(hub) == []
