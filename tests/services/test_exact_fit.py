"""The exact method through the services: against panes, budgets to the byte, searches, refusals, the Hub."""

from __future__ import annotations

import dataclasses
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from garden.core.errors import CancelledByUser, EngineMissingError, GardenError, InvalidFileError
from garden.core.fit_forecast import FitForecast, FitMethod, Placement, Verdict
from garden.core.hardware_snapshot import Gpu, HardwareSnapshot
from garden.core.messages import ModelLoaded
from garden.core.model_ref import ModelRef
from garden.core.run_configuration import AUTO_GPU_LAYERS, LoadParameters, RunConfiguration
from garden.fit.devices import ram_budget
from garden.fit.estimator import forecast as formula
from garden.fit.sketch import sibling_header
from garden.fit.vocabulary import vocabulary_bytes
from garden.gguf.header import GgufHeader
from garden.gguf.hollow_file import is_own
from garden.inference.local_backend import LocalBackend
from garden.services.dry_runs import DryRuns
from garden.services.garden import Garden
from tests.fit.drawn_models import drawn_model
from tests.fit.headers import GIB, MIB, gpu, machine
from tests.fit.hollow import header_of_file, published_for_engine
from tests.fit.written import write_drawn_model
from tests.hubserver import HubServer, repository_of
from tests.tiny_families import write_embedding_model, write_recurrent_model, write_sliding_model, write_split_model
from tests.tiny_models import write_tiny_model

pytestmark = pytest.mark.engine

LLAMA_70B = "meta-llama/Llama-3.3-70B-Instruct"
AS_GIVEN = {"ram", "gpu"}


def with_ram(size: int, *gpus: Gpu) -> HardwareSnapshot:
    return dataclasses.replace(machine(0, *gpus), ram_total_bytes=max(size, 1), ram_available_bytes=size)


def exact(garden: Garden, header: GgufHeader, load: LoadParameters, on: HardwareSnapshot) -> FitForecast:
    """With budgets taken to the last byte."""
    return garden.fit.exact(header, load, on, as_is=AS_GIVEN).result(60)


def pane(path: Path, load: LoadParameters) -> ModelLoaded:
    backend = LocalBackend()
    try:
        ref = ModelRef(name=path.stem, filenames=(path.name,), path=str(path))
        return backend.load(RunConfiguration(model=ref, load=load))
    finally:
        backend.close()
        assert backend.wait_closed(20)


def assert_equal(result: FitForecast, loaded: ModelLoaded) -> None:
    assert result.method is FitMethod.EXACT
    assert result.weights_bytes == sum(use.weights_bytes for use in loaded.buffers)
    assert (result.kv_cache_bytes or 0) + (result.recurrent_bytes or 0) == loaded.kv_cache_bytes
    assert result.compute_bytes == sum(use.compute_bytes for use in loaded.buffers)
    assert result.total_bytes == loaded.buffers_bytes


LOADS = (
    LoadParameters(context_length=1_024),
    LoadParameters(context_length=2_048, type_k="q8_0", type_v="q8_0", n_sequences=2, n_outputs_max=2),
    LoadParameters(context_length=2_048, n_batch=64, n_ubatch=64, flash_attention="off"),
)


@pytest.mark.parametrize("load", LOADS)
def test_it_is_what_a_pane_reports(garden: Garden, tiny_model: Path, tmp_path: Path, load: LoadParameters) -> None:
    paths = [tiny_model, write_sliding_model(tmp_path / "sliding.gguf"), write_recurrent_model(tmp_path / "state.gguf")]
    for path in (*paths, write_split_model(tmp_path)[0]):
        result = garden.fit.exact(garden.library.describe(path), load).result(60)
        assert_equal(result, pane(path, load))


@pytest.mark.starter
@pytest.mark.parametrize("context", [4_096, 16_384])
@pytest.mark.parametrize("kv_type", ["f16", "q8_0"])
def test_the_starter_is_what_its_pane_reports(garden: Garden, starter_path: Path, context: int, kv_type: str) -> None:
    load = LoadParameters(context_length=context, type_k=kv_type, type_v=kv_type)

    result = garden.fit.exact(garden.library.describe(starter_path), load).result(60)

    assert_equal(result, pane(starter_path, load))


@pytest.mark.parametrize("repo_id", ["Qwen/Qwen3-8B", "google/gemma-3-12b-it", "ibm-granite/granite-4.0-h-tiny"])
def test_a_mebibyte_above_fits_and_one_below_does_not(garden: Garden, repo_id: str) -> None:
    header, load = published_for_engine(repo_id), LoadParameters(context_length=16_384)
    needed = exact(garden, header, load, with_ram(4_096 * GIB)).total_bytes
    assert needed is not None

    def at(spare: int) -> FitForecast:
        return exact(garden, header, load, with_ram(needed + spare))

    for spare, verdict in ((MIB, Verdict.FITS), (0, Verdict.FITS), (-1, Verdict.TOO_LARGE), (-MIB, Verdict.TOO_LARGE)):
        result = at(spare)
        assert (result.verdict, result.total_bytes) == (verdict, needed)
        assert result.placement is (Placement.CPU if verdict is Verdict.FITS else Placement.NONE)
        assert result.devices[0].beside_bytes == 0
    assert "to spare" in at(MIB).reason
    assert at(-MIB).suggestion


def test_no_budget_gets_a_false_answer(garden: Garden) -> None:
    draw = random.Random(7)
    for repo_id in ("Qwen/Qwen3-14B", "openai/gpt-oss-20b", "google/gemma-3-27b-it", LLAMA_70B):
        header = published_for_engine(repo_id)
        for _ in range(4):
            load = LoadParameters(context_length=draw.choice([4_096, 16_384, 65_536]))
            budget = draw.randrange(4 * GIB, 48 * GIB)
            result = exact(garden, header, load, with_ram(budget))
            assert result.total_bytes is not None
            assert (result.verdict is Verdict.FITS) is (result.total_bytes <= budget)


def test_a_mebibyte_of_the_gpu_is_another_placement(garden: Garden) -> None:
    header = published_for_engine("Qwen/Qwen3-8B")
    load = LoadParameters(context_length=8_192, n_gpu_layers=AUTO_GPU_LAYERS)
    roomy = exact(garden, header, load, machine(64, gpu(24)))
    assert (roomy.placement, roomy.n_gpu_layers) == (Placement.GPU, 37)
    held = roomy.devices[0].required_bytes

    for spare, layers in ((MIB, 37), (0, 37), (-MIB, None)):
        result = exact(garden, header, load, machine(64, gpu((held + spare) / GIB)))
        if layers is not None:
            assert (result.placement, result.n_gpu_layers) == (Placement.GPU, layers)
            continue
        assert result.placement is Placement.SPLIT
        assert result.n_gpu_layers is not None
        # One layer more would not fit.
        more = dataclasses.replace(load, n_gpu_layers=result.n_gpu_layers + 1)
        assert exact(garden, header, more, machine(64, gpu((held + spare) / GIB))).verdict is Verdict.TOO_LARGE


@pytest.mark.parametrize(("ram", "vram"), [(12, 0), (16, 6), (8, 8), (3, 24)])
def test_the_largest_context_is_the_largest(garden: Garden, ram: int, vram: int) -> None:
    header = published_for_engine("Qwen/Qwen3-8B")
    load = LoadParameters(context_length=4_096, n_gpu_layers=AUTO_GPU_LAYERS)
    on = machine(ram, *([gpu(vram)] if vram else []))

    largest = exact(garden, header, load, on).max_context

    def fits(context: int) -> bool:
        return exact(garden, header, dataclasses.replace(load, context_length=context), on).verdict is Verdict.FITS

    assert largest
    assert fits(largest)
    assert largest == header.context_length or not fits(largest + 256)


def test_the_largest_context_leaves_the_margin(garden: Garden) -> None:
    header, on = published_for_engine("Qwen/Qwen3-8B"), machine(8.3, total_gib=64)

    def ask(context: int) -> FitForecast:
        return garden.fit.exact(header, LoadParameters(context_length=context), on).result(60)

    largest = ask(4_096).max_context
    assert largest
    assert ask(largest).verdict is Verdict.TIGHT
    assert ask(largest + 256).verdict is Verdict.TOO_LARGE


def test_on_the_machine_itself_a_margin_stays_and_little_room_is_tight(garden: Garden) -> None:
    header, load = published_for_engine("Qwen/Qwen3-8B"), LoadParameters(context_length=16_384)
    needed = exact(garden, header, load, with_ram(4_096 * GIB)).total_bytes
    assert needed is not None

    def at(spare_mib: int) -> Verdict:
        return garden.fit.exact(header, load, with_ram(needed + spare_mib * MIB)).result(60).verdict

    # The process and the vocabulary take 90 to 110 MiB beside the buffers; 512 more are comfortable.
    assert [at(spare) for spare in (50, 300, 1_000)] == [Verdict.TOO_LARGE, Verdict.TIGHT, Verdict.FITS]


def test_what_the_engine_refuses_is_unsupported_with_its_reason(
    garden: Garden, tiny_model: Path, tmp_path: Path
) -> None:
    header = header_of_file(tiny_model)
    strange = dataclasses.replace(header, metadata={**header.metadata, "general.architecture": "never-heard-of"})
    lacking = dataclasses.replace(header, tensors=header.tensors[:-1])
    aborting = dataclasses.replace(header, metadata={**header.metadata, "llama.expert_count": 3})
    on, load = machine(8), LoadParameters(context_length=512)
    unfused = dataclasses.replace(load, flash_attention="off", type_v="q8_0")

    for wrong, how, words in (
        (strange, load, "does not know the architecture “never-heard-of”"),
        (lacking, load, "not found"),
        (aborting, load, "ends with an error"),
        (header, unfused, "needs flash attention"),
    ):
        result = exact(garden, wrong, how, on)
        assert (result.verdict, result.method, result.placement) == (
            Verdict.UNSUPPORTED,
            FitMethod.EXACT,
            Placement.NONE,
        )
        assert words in result.reason
        assert result.total_bytes is None
    assert exact(garden, header, load, on).verdict is Verdict.FITS


#: Of these seeds all layers attend.
@pytest.mark.parametrize(("family", "seed"), [("hybrid", 73), ("short convolutions", 22)])
def test_a_hybrid_of_attention_alone_is_refused_before_the_engine_ends(
    garden: Garden, tmp_path: Path, family: str, seed: int
) -> None:
    header, load = drawn_model(family, seed), LoadParameters(context_length=512)
    assert drawn_model(family, 0).architecture == header.architecture
    assert exact(garden, drawn_model(family, 0), load, machine(8)).verdict is Verdict.FITS

    for result in (exact(garden, header, load, machine(8)), formula(header, load, machine(8))):
        assert result.verdict is Verdict.UNSUPPORTED
        assert "only with recurrent layers" in result.reason
    with pytest.raises(InvalidFileError, match="only with recurrent layers"):
        pane(write_drawn_model(header, tmp_path / "drawn.gguf"), load)


#: Tiny models of twelve architectures, among them sliding windows, experts, latent attention, states.
FAMILIES_IN_PANES = (
    "dense", "biased", "normed heads", "post norms", "parallel", "fused", "sliding by six", "experts",
    "latent attention", "hybrid", "recurrent", "short convolutions",
)  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES_IN_PANES)
def test_panes_of_drawn_models_report_what_was_planned(garden: Garden, tmp_path: Path, family: str) -> None:
    path = write_drawn_model(drawn_model(family, 0), tmp_path / "drawn.gguf")
    entry = garden.library.describe(path)
    # Without fused attention V cannot be quantized.
    loads = (
        LoadParameters(context_length=1_000, flash_attention="on"),
        LoadParameters(context_length=4_096, flash_attention="on", type_k="q8_0", type_v="q8_0"),
        LoadParameters(context_length=2_048, flash_attention="off"),
        LoadParameters(context_length=2_048, flash_attention="off", type_k="q8_0"),
    )
    loaded_ones = 0
    for load in loads:
        result = garden.fit.exact(entry, load).result(60)
        if result.verdict is Verdict.UNSUPPORTED:
            with pytest.raises(GardenError):
                pane(path, load)
            continue
        assert_equal(result, pane(path, load))
        loaded_ones += 1
    assert loaded_ones >= 3


def test_what_is_no_language_model_is_told_without_the_engine(garden: Garden, tmp_path: Path) -> None:
    path = write_embedding_model(tmp_path / "embedding.gguf")

    result = garden.fit.exact(garden.library.describe(path)).result(60)

    assert result.verdict is Verdict.NOT_A_LANGUAGE_MODEL


def test_what_is_gone_or_damaged_fails_with_one_sentence(garden: Garden, tmp_path: Path) -> None:
    note = tmp_path / "note.gguf"
    note.write_text("This is a note.")

    for path in (note, tmp_path / "gone.gguf"):
        with pytest.raises(GardenError):
            garden.fit.exact(ModelRef(name="x", filenames=(path.name,), path=str(path))).result(60)


def test_a_cancel_ends_it(garden: Garden) -> None:
    handle = garden.fit.exact(published_for_engine(LLAMA_70B), LoadParameters(), machine(64))
    handle.cancel()

    with pytest.raises(CancelledByUser):
        handle.result(60)


# --- on a GPU ---------------------------------------------------------------------------------------------------------


def test_on_a_gpu_of_the_engine_it_is_what_its_pane_reports(
    garden: Garden, tiny_model: Path, vulkan_archive: Path, software_gpu: None
) -> None:
    entry = garden.library.describe(tiny_model)
    load = LoadParameters(context_length=1_024, n_gpu_layers=AUTO_GPU_LAYERS)
    before = garden.fit.exact(entry, load).result(60)
    garden.backends.add_file(vulkan_archive).result(100)

    for layers in (0, 1, 3):
        placed = dataclasses.replace(load, n_gpu_layers=layers)
        result = garden.fit.exact(entry, placed).result(60)
        loaded = pane(tiny_model, placed)

        on_gpu = [use for use in loaded.buffers if use.name == "Vulkan0"]
        (device,) = [device for device in result.devices if device.kind == "gpu"]
        assert result.n_gpu_layers == layers
        assert device.weights_bytes == sum(use.weights_bytes for use in on_gpu)
        assert device.kv_cache_bytes == sum(use.context_bytes for use in on_gpu)
        assert device.compute_bytes == sum(use.compute_bytes for use in on_gpu)
        # Pinned buffers are aligned a little otherwise in a real load.
        assert result.total_bytes == pytest.approx(loaded.buffers_bytes, abs=256)

    # The child of before knew nothing of it.
    assert (before.placement, garden.fit.exact(entry, load).result(60).placement) == (Placement.CPU, Placement.GPU)


# --- where the formula does not know ----------------------------------------------------------------------------------


def near_the_edge(header: GgufHeader, load: LoadParameters) -> HardwareSnapshot:
    """A machine so large that the formula cannot tell."""
    total = formula(header, load, machine(4_096)).total_bytes
    assert total is not None
    # The margin that stays free on a real machine comes on top.
    margin = ram_budget(with_ram(1), vocabulary_bytes(header)).beside_bytes
    on = with_ram(total + margin + 100_000)
    assert formula(header, load, on).verdict is Verdict.UNKNOWN
    return on


def test_the_engine_decides_where_the_formula_does_not_know(garden: Garden, tiny_model: Path) -> None:
    entry, load = garden.library.describe(tiny_model), LoadParameters(context_length=1_024)
    on = near_the_edge(header_of_file(tiny_model), load)

    assert garden.fit.forecast_header(garden.fit.header(entry.ref), load, on).verdict is Verdict.UNKNOWN
    result = garden.fit.forecast(entry, load, on)

    assert result.method is FitMethod.EXACT
    assert result.verdict is Verdict.TIGHT


def test_far_from_the_edge_the_engine_is_not_asked(garden: Garden, tiny_model: Path) -> None:
    result = garden.fit.forecast(garden.library.describe(tiny_model), LoadParameters(context_length=1_024), machine(8))

    assert (result.method, result.verdict) == (FitMethod.FORMULA, Verdict.FITS)


def test_without_an_engine_it_stays_unknown(garden: Garden, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_arguments: object, **_named: object) -> None:
        raise EngineMissingError("The engine is not installed.", "Install it.")

    monkeypatch.setattr(DryRuns, "ask", missing)
    load = LoadParameters(context_length=1_024)
    on = near_the_edge(header_of_file(tiny_model), load)

    assert garden.fit.forecast(garden.library.describe(tiny_model), load, on).verdict is Verdict.UNKNOWN
    with pytest.raises(EngineMissingError):
        garden.fit.exact(garden.library.describe(tiny_model), load, on).result(60)


# --- before the download ----------------------------------------------------------------------------------------------


@pytest.fixture
def hub(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    other = write_tiny_model(tmp_path / "Tiny-Chat-Q8_0.gguf", blocks=3)
    with HubServer([repository_of("owner/Tiny-Chat-GGUF", tiny_model, other)]) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        yield server


def test_a_file_on_the_hub_is_forecast_as_it_will_be_held_here(
    hub: HubServer, garden: Garden, tiny_model: Path
) -> None:
    repository = garden.catalog.repository("owner/Tiny-Chat-GGUF").result(20)
    file = next(file for file in repository.files if file.quant_type == "F16")
    load = LoadParameters(context_length=1_024)

    header = garden.fit.remote_header(repository, file, own=True).result(20)
    result = garden.fit.exact(header, load).result(60)

    assert_equal(result, pane(tiny_model, load))


def test_a_sibling_is_asked_about_by_its_own_header(hub: HubServer, garden: Garden) -> None:
    repository = garden.catalog.repository("owner/Tiny-Chat-GGUF").result(20)
    first, second = repository.files
    derived = sibling_header(garden.fit.remote_header(repository, first).result(20), second.size_bytes)
    assert not is_own(derived)

    with pytest.raises(InvalidFileError, match="very file"):
        garden.fit.exact(derived).result(60)
    own = garden.fit.remote_header(repository, second, own=True).result(20)

    assert is_own(own)
    assert garden.fit.exact(own).result(60).verdict is Verdict.FITS
    # It is remembered by its hash.
    asked = len(hub.requests)
    assert garden.fit.remote_header(repository, second).result(20) == own
    assert len(hub.requests) == asked


def test_the_same_file_under_another_name_is_the_same_forecast(
    garden: Garden, tiny_model: Path, tmp_path: Path
) -> None:
    copy = Path(shutil.copyfile(tiny_model, tmp_path / "copy.gguf"))
    load = LoadParameters(context_length=1_024)
    on = machine(8)

    one, other = (garden.fit.exact(garden.library.describe(path), load, on).result(60) for path in (tiny_model, copy))

    assert one == other
