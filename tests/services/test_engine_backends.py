"""Backends are added to a real engine by real children; what fails leaves everything as it was."""

from __future__ import annotations

import dataclasses
import json
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from garden.core.added_backend import RECORD, AddedBackend, added_backends, backends_dir
from garden.core.conversation import ChatMessage
from garden.core.errors import CancelledByUser, EngineError, GardenError, InvalidFileError, NotFoundError, RefusedError
from garden.core.events import JobChanged, MachineRead
from garden.core.fit_forecast import Placement, Verdict
from garden.core.job_record import JobKind, JobState
from garden.core.model_ref import ModelRef
from garden.core.paths import cache_dir
from garden.core.run_configuration import AUTO_GPU_LAYERS, AskParameters, RunConfiguration, Sampling
from garden.inference.local_backend import LocalBackend
from garden.services import backend_catalogue
from garden.services.alone import alone
from garden.services.backend_catalogue import PACKAGES, package_for
from garden.services.engine_backends import EngineBackends
from garden.services.garden import Garden
from tests.backend_files import archive_of, base_of, compiled
from tests.fit.headers import GIB
from tests.fit.hollow import hollow, published_for_engine
from tests.npm_registry import NpmRegistry

pytestmark = pytest.mark.engine

VULKAN = package_for("vulkan", "linux-x64")


@pytest.fixture
def backends(garden: Garden) -> EngineBackends:
    return garden.backends


@pytest.fixture
def added(backends: EngineBackends, vulkan_archive: Path, software_gpu: None) -> AddedBackend:
    """The real Vulkan backend, on its software device."""
    return backends.add_file(vulkan_archive).result(100)


def left() -> list[str]:
    return sorted(path.name for path in backends_dir().iterdir()) if backends_dir().exists() else []


def device_names(garden: Garden) -> list[str]:
    return [device.name for device in garden.machine.snapshot().engine.devices]


def test_a_backend_is_on_until_it_is_removed(garden: Garden, added: AddedBackend) -> None:
    assert (added.name, added.backend, added.self_test.devices) == ("vulkan", "Vulkan", ("Vulkan0",))
    assert added_backends() == (added,)
    assert left() == ["vulkan"]
    # Its device is there at once, as the machine's GPU too.
    snapshot = garden.machine.snapshot()
    assert [gpu.device for gpu in snapshot.gpus if gpu.device] == ["Vulkan0"]
    (vulkan,) = [backend for backend in snapshot.engine.backends if backend.added]
    assert (vulkan.path, vulkan.self_test, vulkan.problem) == (str(added.path), added.self_test, None)
    status = {found.name: found for found in garden.backends.status()}
    assert (status["vulkan"].record, status["vulkan"].problem) == (added, "")

    machine = garden.backends.remove("Vulkan").result(60)

    assert [device.name for device in machine.engine.devices] == ["CPU"]
    assert (added_backends(), left()) == ((), [])


def test_models_answer_on_it_with_the_text_of_the_cpu(
    garden: Garden, added: AddedBackend, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(layers: int) -> tuple[str, dict[str, int]]:
        ref = ModelRef(name="Tiny", filenames=(tiny_model.name,), path=str(tiny_model), size_bytes=0)
        configuration = RunConfiguration(model=ref).with_load(
            context_length=256, n_batch=64, n_ubatch=64, threads=2, threads_batch=2, n_gpu_layers=layers
        )
        backend = LocalBackend()
        loaded = backend.load(configuration)
        ask = AskParameters(sampling=Sampling(temperature=0), max_tokens=6)
        answered = backend.generate((ChatMessage(role="user", content="Hi"),), ask, lambda _event: None)
        backend.close()
        assert backend.wait_closed(10)
        return answered.text, {use.name: use.weights_bytes for use in loaded.buffers}

    on_gpu = [answer(layers) for layers in (1, 2, 3)]
    garden.backends.remove("vulkan").result(60)
    on_cpu = answer(0)

    assert [text for text, _weights in on_gpu] == [on_cpu[0]] * 3
    held = [weights["Vulkan0"] for _text, weights in on_gpu]
    assert 0 < held[0] < held[1] < held[2]
    assert "Vulkan0" not in on_cpu[1]


def test_a_model_too_large_for_it_is_refused_before_a_child_starts(
    garden: Garden, added: AddedBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Vulkan's software device has 2 GiB; only the header of this model is ever read."""
    path = hollow(published_for_engine("Qwen/Qwen3-8B"), tmp_path, "Qwen3-8B-Q4_K_M")
    # Enough for the whole model: what is short is the GPU.
    roomy = dataclasses.replace(garden.machine.fresh(), ram_total_bytes=64 * GIB, ram_available_bytes=64 * GIB)
    monkeypatch.setattr(garden.machine, "fresh", lambda: roomy)
    started: list[RunConfiguration] = []
    monkeypatch.setattr(LocalBackend, "load", lambda _self, wanted, *_more, **_named: started.append(wanted))
    ref = ModelRef(name="Qwen3-8B", filenames=(path.name,), path=str(path), size_bytes=path.stat().st_size)
    everything = RunConfiguration(model=ref).with_load(context_length=1_024, n_gpu_layers=37)
    chat = garden.compare.new([everything])

    answer = garden.compare.ask(chat.id, "Hello?").result(60).answers[0]

    forecast = garden.fit.exact(ref, everything.load, roomy).result(60)
    assert (forecast.verdict, forecast.placement) == (Verdict.TOO_LARGE, Placement.NONE)
    (on_gpu,) = [device for device in forecast.devices if device.kind == "gpu"]
    assert on_gpu.total_bytes < 2.1 * GIB < on_gpu.required_bytes
    assert answer.error is not None
    assert answer.error.startswith("Qwen3-8B needs ")
    assert answer.error.endswith(" are free.")
    assert on_gpu.name in answer.error
    assert answer.action.startswith("Put fewer layers on the GPU")
    assert (started, garden.compare.loaded()) == ([], ())

    # As many layers as fit are another matter.
    sought = garden.fit.exact(ref, dataclasses.replace(everything.load, n_gpu_layers=AUTO_GPU_LAYERS), roomy).result(60)
    assert (sought.verdict, sought.placement) == (Verdict.FITS, Placement.SPLIT)


def test_another_session_knows_it_without_a_probe(garden: Garden, added: AddedBackend) -> None:
    with Garden.open() as again:
        assert again.machine.probed
        assert device_names(again) == ["CPU", "Vulkan0"]


def test_a_session_forgets_what_was_removed_meanwhile(garden: Garden, added: AddedBackend) -> None:
    shutil.rmtree(backends_dir() / "vulkan")

    with Garden.open() as again:
        assert not again.machine.probed


def test_a_backend_of_another_engine_is_left_out_and_says_so(garden: Garden, added: AddedBackend) -> None:
    record = backends_dir() / "vulkan" / RECORD
    record.write_text(record.read_text().replace(added.engine_version, "0.1.0"))

    engine = garden.machine.refresh().result(60).engine

    assert [device.name for device in engine.devices] == ["CPU"]
    (vulkan,) = [backend for backend in engine.backends if backend.added]
    assert vulkan.devices == ()
    assert "tested with llama-cpp-python 0.1.0" in (vulkan.problem or "")
    assert "switch it on again" in {found.name: found for found in garden.backends.status()}["vulkan"].problem


def test_a_backend_that_takes_the_engine_down_later_is_named(
    garden: Garden, added: AddedBackend, tmp_path: Path
) -> None:
    """As after an update of a driver: the trial was passed, and now it crashes."""
    crashing = compiled(tmp_path, "crashes").read_bytes()
    added.path.write_bytes(crashing)
    record = json.loads((added.path.parent / RECORD).read_text()) | {"size_bytes": len(crashing)}
    (added.path.parent / RECORD).write_text(json.dumps(record))

    engine = garden.machine.refresh().result(60).engine

    assert [device.name for device in engine.devices] == ["CPU"]
    (vulkan,) = [backend for backend in engine.backends if backend.added]
    assert "garden engine remove vulkan" in (vulkan.problem or "")
    garden.backends.remove("vulkan").result(60)
    assert [backend.name for backend in garden.machine.snapshot().engine.backends] == ["CPU"]


def test_an_engine_that_was_moved_is_linked_anew(garden: Garden, added: AddedBackend) -> None:
    link = added.path.parent / "libggml-base.so"
    right = link.readlink()
    link.unlink()
    link.symlink_to("/nowhere/libggml-base.so")

    assert "Vulkan0" in [device.name for device in garden.machine.refresh().result(60).engine.devices]
    assert link.readlink() == right


# --- fetched ---


@pytest.fixture
def registry(vulkan_archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[NpmRegistry]:
    """A registry on this machine that has the prebuilt backend."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not here, so it can fetch nothing")
    monkeypatch.setenv("npm_config_userconfig", str(tmp_path / "npmrc"))
    content = vulkan_archive.read_bytes()
    with NpmRegistry(VULKAN.package, VULKAN.version, content, bytes_per_second=40_000_000) as running:
        monkeypatch.setenv("npm_config_registry", running.address)
        yield running


def test_a_fetched_backend_is_on(garden: Garden, registry: NpmRegistry, software_gpu: None) -> None:
    events = garden.bus.subscribe()

    handle = garden.backends.add("Vulkan")
    assert garden.backends.add("vulkan") is handle
    record = handle.result(100)

    assert record.source == VULKAN.source
    assert record.sha256 == "5dbbe80b520118b6b71f3ea31935ba107cee9c9c68f7e7ed18b20cdb424e819b"
    (job,) = garden.activity.jobs()
    assert (job.kind, job.state, job.title) == (JobKind.ENGINE, JobState.SUCCEEDED, "Vulkan")
    assert job.done == job.total == VULKAN.download_bytes
    assert {type(event) for event in events.drain()} >= {JobChanged, MachineRead}
    # What was fetched is kept: again needs no connection.
    garden.settings.change(offline=True)
    asked = len(registry.asked)
    garden.backends.remove("vulkan").result(60)
    garden.backends.add("vulkan").result(100)
    assert len(registry.asked) == asked


def test_what_the_system_lacks_is_said_before_anything_is_fetched(
    garden: Garden, registry: NpmRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    lacking = dataclasses.replace(VULKAN, needs=("libc.so.6", "libmade.so.7"))
    monkeypatch.setattr(backend_catalogue, "PACKAGES", (lacking,))

    with pytest.raises(EngineError, match=r"needs libmade\.so\.7"):
        garden.backends.add("vulkan").result(60)
    assert registry.asked == []


def test_a_cancel_while_it_is_fetched(garden: Garden, registry: NpmRegistry, software_gpu: None) -> None:
    events = garden.bus.subscribe()
    handle = garden.backends.add("vulkan")
    while not any(isinstance(e, JobChanged) and e.job.done > 1_000_000 for e in events.wait(30)):
        assert not handle.done
    garden.activity.cancel(handle.id)

    with pytest.raises(CancelledByUser):
        handle.result(30)
    assert (added_backends(), left()) == ((), [])
    assert not list((cache_dir() / "engine").iterdir())


# --- what fails leaves everything as it was ---


@pytest.mark.parametrize(
    ("behaviour", "sentence"),
    [
        ("no device", "finds no device"),
        ("another interface", "another version of ggml"),
        ("no backend", "cannot be loaded"),
        ("crashes", "stays off: its trial ended in a crash"),
        ("ends", "stays off: its trial ended in a crash"),
    ],
)
def test_a_backend_that_fails_its_trial_stays_off(
    garden: Garden, tmp_path: Path, behaviour: str, sentence: str
) -> None:
    given = compiled(tmp_path / "given", behaviour)

    handle = garden.backends.add_file(given)
    with pytest.raises(GardenError, match=sentence) as caught:
        handle.result(60)

    assert caught.value.sentence.count(". ") == 0
    assert (added_backends(), left()) == ((), [])
    assert device_names(garden) == ["CPU"]
    # The given file is as it was: no link was laid beside it.
    assert sorted(path.name for path in given.parent.iterdir()) == ["libggml-base.so.0", "libggml-made.so"]
    (job,) = garden.activity.jobs()
    assert (job.state, job.error) == (JobState.FAILED, caught.value.sentence)


def test_a_backend_that_hangs_stays_off(garden: Garden, tmp_path: Path) -> None:
    backends = EngineBackends(garden.settings, garden.machine, garden.activity, trial_seconds=4)

    given, started = compiled(tmp_path, "hangs"), time.monotonic()

    with pytest.raises(EngineError, match="stays off: its trial had not ended after 4 s"):
        backends.add_file(given).result(60)

    assert time.monotonic() - started < 30
    assert left() == []


def test_a_failure_leaves_the_backend_that_was_on(garden: Garden, added: AddedBackend, tmp_path: Path) -> None:
    broken = compiled(tmp_path, "crashes").rename(tmp_path / "libggml-vulkan.so")

    with pytest.raises(EngineError):
        garden.backends.add_file(broken).result(60)

    assert added_backends() == (added,)
    assert device_names(garden) == ["CPU", "Vulkan0"]


def test_another_ggml_is_refused_before_it_is_tried(garden: Garden, tmp_path: Path) -> None:
    inside = {"x/libggml-vulkan.so": b"never loaded", "x/libggml-base.so": base_of("0.23.0")}

    with pytest.raises(EngineError, match=r"built for ggml 0\.23\.0, and this engine has ggml 0\.25"):
        garden.backends.add_file(archive_of(tmp_path / "a.tgz", inside)).result(60)
    assert left() == []


def test_a_damaged_archive_is_a_sentence(garden: Garden, tmp_path: Path) -> None:
    (tmp_path / "a.tar.gz").write_bytes(b"\x1f\x8b broken")

    with pytest.raises(InvalidFileError, match="damaged"):
        garden.backends.add_file(tmp_path / "a.tar.gz").result(60)


def test_what_an_earlier_run_left_is_swept(garden: Garden, tmp_path: Path) -> None:
    for name in (".new-left", ".old-left"):
        (backends_dir() / name).mkdir(parents=True)

    with pytest.raises(GardenError):
        garden.backends.add_file(compiled(tmp_path, "no device")).result(60)
    assert left() == []


def test_a_trial_that_is_cancelled_leaves_nothing(garden: Garden, tmp_path: Path) -> None:
    events = garden.bus.subscribe()
    handle = garden.backends.add_file(compiled(tmp_path, "hangs"))
    while not any(isinstance(e, JobChanged) and "loading" in e.job.note for e in events.wait(30)):
        assert not handle.done
    handle.cancel()

    with pytest.raises(CancelledByUser):
        handle.result(30)
    assert left() == []


@pytest.mark.parametrize("name", ["nothing", "../vulkan", "", ".", "vulkan/"])
def test_what_was_not_added_cannot_be_removed(backends: EngineBackends, name: str) -> None:
    (backends_dir().parent / "vulkan").mkdir(parents=True)
    backends_dir().mkdir()

    with pytest.raises(NotFoundError, match="was added"):
        backends.remove(name)
    assert (backends_dir().parent / "vulkan").exists()


# --- the catalogue ---


def test_the_catalogue_holds_what_the_project_says_of_it() -> None:
    assert [(package.name, package.system) for package in PACKAGES] == [("vulkan", "linux-x64"), ("cuda", "linux-x64")]
    assert VULKAN.tried
    assert all(len(package.integrity) == 88 for package in PACKAGES)


@pytest.mark.parametrize("system", ["win-x64", "linux-arm64", "linux-x64-musl", "freebsd-x64"])
def test_a_system_that_was_not_tried_says_so(system: str) -> None:
    with pytest.raises(RefusedError, match=f"No prebuilt Vulkan backend was tried on this system \\({system}\\) yet"):
        package_for("vulkan", system)


def test_a_mac_needs_none() -> None:
    with pytest.raises(RefusedError, match="Metal"):
        package_for("cuda", "mac-arm64")


def test_an_unknown_backend() -> None:
    with pytest.raises(NotFoundError, match="vulkan, cuda"):
        package_for("direct3d")


def test_a_second_garden_waits_for_the_first(garden: Garden, tmp_path: Path) -> None:
    with alone(cache_dir() / "backends.lock", threading.Event()):
        handle = garden.backends.add_file(compiled(tmp_path, "no device"))
        with pytest.raises(TimeoutError):
            handle.result(1)
        handle.cancel()
        with pytest.raises(CancelledByUser):
            handle.result(10)
