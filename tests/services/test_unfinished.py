from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from garden.core.errors import RefusedError
from garden.core.events import JobChanged
from garden.core.job_record import JobState
from garden.core.paths import hub_cache_dir
from garden.services.garden import Garden
from garden.services.target import HubTarget
from tests.hubserver import Fault, HubServer, repository_of

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
