from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from garden.core.hardware_snapshot import Engine, EngineBackend, EngineDevice, Gpu
from garden.core.messages import Message, Probe, Probed, ProbeOutput
from garden.process.child import Child
from garden.process.task import run_task
from tests.hardware.pci_tree import AMD, INTEL, NVIDIA, add

#: Does in a process of its own what the probe does, on a tree of devices, and tells every file that it opened.
SCRIPT = """
import functools, json, sys

tree, request = sys.argv[1], sys.argv[2]
opened = []
sys.addaudithook(lambda event, about: opened.append(str(about[0])) if event in ("open", "os.listdir") else None)

import msgspec
from pathlib import Path
from garden.core.messages import Probe
from garden.workers import probe

probe.any_asleep = functools.partial(probe.any_asleep, Path(tree))
probe.read_gpus = functools.partial(probe.read_gpus, pci=Path(tree))
probed = probe._probe(msgspec.json.decode(request, type=Probe), None)
json.dump({
    "opened": [name for name in opened if name.startswith(tree)],
    "modules": sorted(name for name in ("llama_cpp", "pynvml") if name in sys.modules),
    "probed": msgspec.to_builtins(probed),
}, sys.stdout)
"""

#: What the kernel answers from its own memory.
HARMLESS = {"class", "vendor", "device", "power/runtime_status"}

DRIVEN = Engine(
    installed=True,
    version="0.3.36",
    devices=(
        EngineDevice(name="CPU", description="CPU", kind="cpu", memory_total_bytes=1, memory_free_bytes=None),
        EngineDevice(
            name="CUDA0",
            description="NVIDIA RTX 4060",
            kind="gpu",
            memory_total_bytes=8,
            memory_free_bytes=7,
            address="0000:01:00.0",
        ),
    ),
    backends=(EngineBackend(name="CUDA", path=None, devices=("CUDA0",)),),
)
KNOWN = Gpu(name="NVIDIA RTX 4060", vendor="nvidia", memory_total_bytes=8, memory_free_bytes=7, address="0000:01:00.0")


def look(tree: Path, request: Probe) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tree), msgspec.json.encode(request).decode()],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


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


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what sleeps")
def test_of_a_sleeping_gpu_nothing_is_opened_and_nothing_loaded_that_could_wake_it(tmp_path: Path) -> None:
    for address, vendor in (("0000:01:00.0", NVIDIA), ("0000:03:00.0", AMD)):
        add(tmp_path, address, vendor, status="suspended", config="", mem_info_vram_total="8", mem_info_vram_used="1")

    found = look(tmp_path, Probe(known=(KNOWN,), engine=DRIVEN))

    opened = {str(Path(name).relative_to(tmp_path)).partition("/")[2] for name in found["opened"]}
    assert opened - {""} <= HARMLESS
    assert found["modules"] == []
    nvidia, amd = found["probed"]["gpus"]
    assert (nvidia["name"], nvidia["asleep"], nvidia["device"]) == (KNOWN.name, True, "CUDA0")
    assert (nvidia["memory_total_bytes"], nvidia["memory_free_bytes"]) == (8, None)
    assert (amd["asleep"], amd["memory_total_bytes"]) == (True, None)
    assert msgspec.convert(found["probed"]["engine"], Engine) == DRIVEN


@pytest.mark.engine
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what sleeps")
def test_an_engine_for_the_processor_alone_is_asked_though_a_gpu_sleeps(tmp_path: Path) -> None:
    add(tmp_path, "0000:01:00.0", NVIDIA, status="suspended")

    found = look(tmp_path, Probe())

    assert found["modules"] == ["llama_cpp"]
    assert [device["kind"] for device in found["probed"]["engine"]["devices"]] == ["cpu"]
    assert [gpu["asleep"] for gpu in found["probed"]["gpus"]] == [True]


@pytest.mark.engine
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what sleeps")
def test_a_sleeping_gpu_is_woken_when_the_user_asks_for_it(tmp_path: Path) -> None:
    add(tmp_path, "0000:01:00.0", NVIDIA, status="suspended")

    found = look(tmp_path, Probe(known=(KNOWN,), engine=DRIVEN, wake=True))

    # The engine of this machine, asked anew.
    assert found["modules"] == ["llama_cpp"]
    assert msgspec.convert(found["probed"]["engine"], Engine).devices != DRIVEN.devices


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what sleeps")
def test_gpus_that_are_awake_are_read_beside_one_that_sleeps(tmp_path: Path) -> None:
    add(tmp_path, "0000:00:02.0", INTEL)
    add(tmp_path, "0000:01:00.0", NVIDIA, status="suspended")
    add(tmp_path, "0000:03:00.0", AMD, mem_info_vram_total=str(8 * 1024**3), mem_info_vram_used=str(1024**3))

    found = look(tmp_path, Probe(known=(KNOWN,), engine=DRIVEN))

    intel, nvidia, amd = found["probed"]["gpus"]
    assert (intel["unified"], nvidia["asleep"]) == (True, True)
    assert (amd["memory_total_bytes"], amd["memory_free_bytes"]) == (8 * 1024**3, 7 * 1024**3)
