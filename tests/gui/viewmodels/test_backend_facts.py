from __future__ import annotations

import dataclasses

import pytest

from garden.core.hardware_snapshot import Cpu, Gpu, HardwareSnapshot, Vendor
from garden.core.job_record import JobKind, JobRecord, JobState
from garden.gui.viewmodels.backend_facts import BackendAction, BackendFacts, backend_facts
from garden.services.backend_catalogue import PACKAGES
from garden.services.engine_backends import BackendStatus
from tests.core.test_added_backend import record

VULKAN, CUDA = (BackendStatus(name=package.name, title=package.title, package=package) for package in PACKAGES)
MACHINE = HardwareSnapshot(ram_total_bytes=1, ram_available_bytes=1, cpu=Cpu(name="", physical_cores=1, threads=1))
RADEON = Gpu(name="Radeon", vendor="amd")


def machine(*gpus: Gpu) -> HardwareSnapshot:
    return dataclasses.replace(MACHINE, gpus=gpus)


def job(state: JobState, **facts: object) -> JobRecord:
    made = JobRecord(id="1", kind=JobKind.ENGINE, title="Vulkan", state=state)
    return dataclasses.replace(made, **facts)  # type: ignore[arg-type]  # as a test names them


def rows(*found: BackendStatus, on: HardwareSnapshot = MACHINE, **jobs: JobRecord) -> tuple[BackendFacts, ...]:
    return backend_facts(found, on, jobs)


def test_an_offer_says_where_from_how_much_and_under_which_licence() -> None:
    (vulkan,) = rows(VULKAN, on=machine(RADEON))

    assert (vulkan.title, vulkan.rest, vulkan.actions) == ("Vulkan backend", "23.2 MiB", (BackendAction.SWITCH_ON,))
    assert "npm package @node-llama-cpp/linux-x64-vulkan 3.22.1, MIT" in vulkan.note
    assert "by hash" in vulkan.note
    assert not vulkan.note.startswith("No GPU")


def test_without_a_gpu_it_is_said_first() -> None:
    assert rows(VULKAN)[0].note.startswith("No GPU was found here.")


@pytest.mark.parametrize(
    ("vendor", "titles"), [("amd", ["Vulkan backend"]), ("nvidia", ["Vulkan backend", "CUDA backend"])]
)
def test_cuda_is_offered_to_nvidias_gpus_alone(vendor: Vendor, titles: list[str]) -> None:
    found = rows(VULKAN, CUDA, on=machine(dataclasses.replace(RADEON, vendor=vendor)))

    assert [row.title for row in found] == titles


def test_nothing_is_offered_where_nothing_was_tried() -> None:
    assert rows(dataclasses.replace(VULKAN, package=None, problem="Not tried here.")) == ()


def test_a_download_has_a_bar_and_a_way_out() -> None:
    (vulkan,) = rows(VULKAN, vulkan=job(JobState.RUNNING, done=12_000_000, total=24_000_000))

    assert (vulkan.rest, vulkan.fraction, vulkan.note) == ("11.4 MiB of 22.9 MiB", 0.5, "Fetching it")
    assert vulkan.actions == (BackendAction.CANCEL,)


def test_a_trial_says_what_it_does_without_a_bar() -> None:
    (vulkan,) = rows(VULKAN, vulkan=job(JobState.RUNNING, done=24, total=24, note="Trying it: answering on Vulkan0"))

    assert (vulkan.rest, vulkan.fraction, vulkan.note) == ("", None, "Trying it: answering on Vulkan0")


def test_a_refusal_says_why_and_offers_another_try() -> None:
    failed = job(JobState.FAILED, error="It finds no device.", action="Install the driver.")
    (vulkan,) = rows(VULKAN, vulkan=failed)

    assert (vulkan.tag, vulkan.note) == ("Stays off", "It finds no device. Install the driver.")
    assert vulkan.actions == (BackendAction.TRY_AGAIN,)


def test_a_cancel_is_an_offer_again() -> None:
    assert rows(VULKAN, vulkan=job(JobState.CANCELLED)) == rows(VULKAN)


def test_what_is_on_says_how_it_did() -> None:
    (vulkan,) = rows(dataclasses.replace(VULKAN, record=record()))

    assert (vulkan.tag, vulkan.actions) == ("On", (BackendAction.SWITCH_OFF,))
    assert vulkan.note == "Vulkan0 · tried on 16 tokens: the CPU's text · ggml 0.25.1"


def test_what_is_on_stays_so_after_a_failed_change() -> None:
    on = dataclasses.replace(VULKAN, record=record())

    assert rows(on, vulkan=job(JobState.FAILED, error="No.")) == rows(on)


def test_what_is_on_and_does_not_work_says_so() -> None:
    (vulkan,) = rows(dataclasses.replace(VULKAN, record=record(), problem="Switch it on again."))

    assert (vulkan.tag, vulkan.note) == ("Not in use", "Switch it on again.")
    assert vulkan.actions == (BackendAction.TRY_AGAIN, BackendAction.SWITCH_OFF)


def test_a_backend_that_the_catalogue_does_not_know_can_be_switched_off() -> None:
    (hip,) = rows(BackendStatus(name="hip", title="ROCm", record=record("hip"), problem="It crashes."))

    assert (hip.title, hip.actions) == ("ROCm backend", (BackendAction.SWITCH_OFF,))


def test_a_file_has_a_row_while_it_is_tried_and_when_it_was_refused() -> None:
    def given(state: JobState) -> list[str]:
        found = backend_facts((), MACHINE, {"/tmp/libggml-hip.so": job(state, title="libggml-hip.so", error="No.")})
        return [f"{row.title}: {row.tag}" for row in found]

    assert given(JobState.RUNNING) == ["libggml-hip.so: "]
    assert given(JobState.FAILED) == ["libggml-hip.so: Stays off"]
    assert given(JobState.SUCCEEDED) == []
