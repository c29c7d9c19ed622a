from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from garden.core.errors import RefusedError
from garden.core.events import JobChanged
from garden.core.job_record import JobRecord, JobState
from garden.core.paths import hub_cache_dir
from garden.services.garden import Garden
from garden.services.target import HubTarget
from tests.hubserver import Fault, HubServer, repository, repository_of

REPO = "owner/Tiny-Chat-GGUF"


@pytest.fixture
def hub(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    with HubServer([repository_of(REPO, tiny_model)]) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        yield server


def test_a_paused_download_is_told_with_its_share_and_goes_on(hub: HubServer, garden: Garden) -> None:
    hub.faults.add(Fault("slow", bytes_per_second=1_000_000))
    events = garden.bus.subscribe()
    handle = garden.library.download_target(HubTarget(REPO, quant_type="F16"))
    while not any(isinstance(event, JobChanged) and event.job.done > 500_000 for event in events.wait(20)):
        assert garden.unfinished.resting() == ()
    garden.activity.pause(handle.id)
    while garden.activity.jobs()[0].state is not JobState.PAUSED:
        events.wait(20)

    (resting,) = garden.unfinished.resting()

    assert resting.total_bytes
    share = int(100 * resting.size_bytes / resting.total_bytes)
    assert resting.sentence == f"Incomplete, {share} % here"
    assert 10 < share < 100
    assert (resting.entry.ref.name, resting.entry.ref.quant_type) == ("Tiny-Chat", "F16")
    garden.unfinished.resume(resting)
    assert handle.result(60).verified is True
    assert garden.unfinished.resting() == ()


@pytest.fixture
def two_paused(hub: HubServer, garden: Garden) -> dict[str, JobRecord]:
    """Two downloads of one repository, a half and a fifth of which are here."""
    data = random.Random(7).randbytes(2_000_000)
    hub.state.put([repository(REPO, **{"Tiny-Q4_0.gguf": data[:1_000_000], "Tiny-Q8_0.gguf": data})])
    listed = garden.catalog.repository(REPO).result(20)
    for file in listed.files:
        hub.fail(Fault("stall", after_bytes=500_000 if file.quant_type == "Q4_0" else 400_000))
        handle = garden.library.download(listed, file)
        until(garden, handle.id, lambda record: record.done >= 400_000)
        garden.activity.pause(handle.id)
        until(garden, handle.id, lambda record: record.state is JobState.PAUSED)
        hub.faults.clear()
    return {record.subtitle: record for record in garden.activity.jobs()}


def until(garden: Garden, job_id: str, reached: Callable[[JobRecord], bool]) -> None:
    deadline = time.monotonic() + 30
    while not reached(next(record for record in garden.activity.jobs() if record.id == job_id)):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_downloads_of_one_repository_are_told_each_and_cleared_alone(
    garden: Garden, two_paused: dict[str, JobRecord]
) -> None:
    resting = {each.entry.ref.quant_type or "": each for each in garden.unfinished.resting()}

    assert {name: each.sentence for name, each in resting.items()} == {
        "Q4_0": "Incomplete, 50 % here",
        "Q8_0": "Incomplete, 20 % here",
    }
    assert {name: each.job and each.job.id for name, each in resting.items()} == {
        name: record.id for name, record in two_paused.items()
    }
    assert garden.unfinished.clear(resting["Q8_0"]) == 400_000
    states = {record.subtitle: record.state for record in garden.activity.jobs()}
    assert states == {"Q4_0": JobState.PAUSED, "Q8_0": JobState.CANCELLED}
    (left,) = garden.unfinished.resting()
    assert (left.size_bytes, left.job and left.job.subtitle) == (500_000, "Q4_0")
    garden.unfinished.resume(left)
    until(garden, two_paused["Q4_0"].id, lambda record: record.state is JobState.SUCCEEDED)


def test_a_paused_download_is_told_while_another_of_its_repository_runs(
    hub: HubServer, garden: Garden, two_paused: dict[str, JobRecord]
) -> None:
    hub.fail(Fault("stall"))
    garden.activity.resume(two_paused["Q8_0"].id)
    until(garden, two_paused["Q8_0"].id, lambda record: record.state is JobState.RUNNING)
    (resting,) = garden.unfinished.resting()
    assert resting.job is not None
    assert (resting.job.id, resting.size_bytes) == (two_paused["Q4_0"].id, 500_000)
    assert garden.unfinished.clear(resting) == 500_000
    states = {record.subtitle: record.state for record in garden.activity.jobs()}
    assert states == {"Q4_0": JobState.CANCELLED, "Q8_0": JobState.RUNNING}


def test_a_part_of_another_tool_is_not_a_paused_downloads(garden: Garden, two_paused: dict[str, JobRecord]) -> None:
    foreign = hub_cache_dir() / "models--owner--Tiny-Chat-GGUF" / "blobs" / f"{'ab' * 32}.12345678.incomplete"
    foreign.write_bytes(bytes(2048))
    unowned = [each for each in garden.unfinished.resting() if each.job is None]
    assert [each.sentence for each in unowned] == ["Incomplete, 2.00 KiB here"]
    assert garden.unfinished.clear(unowned[0]) == 2048
    assert {record.state for record in garden.activity.jobs()} == {JobState.PAUSED}


def test_a_part_of_another_tool_is_told_in_bytes_and_can_only_be_cleared(garden: Garden) -> None:
    blobs = hub_cache_dir() / "models--owner--Other-GGUF" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / f"{'ab' * 32}.12345678.incomplete").write_bytes(bytes(2048))

    (resting,) = garden.unfinished.resting()

    assert (resting.sentence, resting.job) == ("Incomplete, 2.00 KiB here", None)
    with pytest.raises(RefusedError):
        garden.unfinished.resume(resting)
    assert garden.unfinished.remove(resting.parts) == 2048
    assert garden.unfinished.resting() == ()
