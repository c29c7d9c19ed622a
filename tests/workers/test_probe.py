from __future__ import annotations

import psutil
import pytest

from garden.core.hardware_snapshot import Gpu
from garden.core.messages import Message, Probe, Probed, ProbeOutput
from garden.process.child import Child
from garden.process.task import run_task


def test_it_reads_the_gpus_and_the_engine_and_ends() -> None:
    said: list[Message] = []
    child: Child[Message] = Child("probe", ProbeOutput, on_message=said.append)
    child.send(Probe())

    ended = child.wait(60)

    assert ended is not None
    assert ended.code == 0, ended.log
    assert [type(message) for message in said] == [Probed]
    assert not psutil.pid_exists(child.pid)


def test_what_was_known_before_is_no_fault() -> None:
    known = (Gpu(name="gone", vendor="nvidia", memory_total_bytes=1),)

    found = run_task("probe", Probe(known=known), ProbeOutput, Probed)

    assert all(gpu.name != "gone" or gpu.asleep for gpu in found.gpus)


@pytest.mark.engine
def test_the_engine_lists_the_processor() -> None:
    found = run_task("probe", Probe(), ProbeOutput, Probed)

    assert found.engine.installed
    assert found.engine.version
    assert "cpu" in [device.kind for device in found.engine.devices]
    assert found.engine.system_info


def test_closing_its_input_ends_it() -> None:
    child: Child[Message] = Child("probe", ProbeOutput, on_message=lambda _message: None)
    child.close()

    ended = child.wait(60)

    assert ended is not None
    assert ended.code == 0
