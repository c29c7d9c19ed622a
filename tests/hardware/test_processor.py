from __future__ import annotations

import sys
from pathlib import Path

import pytest

from garden.hardware import processor
from garden.hardware.processor import read_cpu

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's own description")

DESKTOP = """processor\t: 0
model name\t: Example Ryzen 7 7840HS
flags\t\t: fpu sse2 fma f16c avx2 avx512f avx512_vnni

processor\t: 1
model name\t: Example Ryzen 7 7840HS
"""

BOARD = """processor\t: 0
Features\t: fp asimd asimddp i8mm
Hardware\t: Example board
"""


def describe(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "cpuinfo"
    path.write_text(text)
    return path


def test_name_and_features_of_a_desktop(tmp_path: Path) -> None:
    cpu = read_cpu(describe(tmp_path, DESKTOP), tmp_path)

    assert cpu.name == "Example Ryzen 7 7840HS"
    assert cpu.features == ("avx2", "avx512", "avx512_vnni", "fma", "f16c")


def test_name_and_features_of_a_board(tmp_path: Path) -> None:
    cpu = read_cpu(describe(tmp_path, BOARD), tmp_path)

    assert (cpu.name, cpu.features) == ("Example board", ("neon", "dotprod", "i8mm"))


def test_without_a_description_something_is_said_all_the_same(tmp_path: Path) -> None:
    cpu = read_cpu(tmp_path / "absent", tmp_path)

    assert cpu.name
    assert cpu.features == ()
    assert 1 <= cpu.physical_cores <= cpu.threads


@pytest.mark.parametrize(
    ("name", "text"), [("cpu.max", "100000 100000"), ("cpu.max", "50000 100000"), ("cpu.max", "149000 100000")]
)
def test_a_quota_of_one_processor_leaves_one(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)

    cpu = read_cpu(cgroups=tmp_path)

    assert (cpu.physical_cores, cpu.threads) == (1, 1)


def test_a_quota_of_version_1_counts(tmp_path: Path) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("100000\n")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")

    assert read_cpu(cgroups=tmp_path).threads == 1


@pytest.mark.parametrize("text", ["max 100000", "", "100000", "0 0", "many 100000"])
def test_no_quota_leaves_all(tmp_path: Path, text: str) -> None:
    everything = read_cpu(cgroups=tmp_path).threads
    (tmp_path / "cpu.max").write_text(text)

    assert read_cpu(cgroups=tmp_path).threads == everything


def test_what_macos_says_of_a_processor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "sysctl"
    program.write_text(
        "#!/bin/sh\necho machdep.cpu.brand_string: Apple M4\necho hw.optional.AdvSIMD: 1\n"
        "echo hw.optional.arm.FEAT_I8MM: 0\necho \"sysctl: unknown oid 'machdep.cpu.features'\" >&2\nexit 1\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr("platform.machine", lambda: "arm64")

    assert processor._identify_mac() == ("Apple M4", ("neon",))


def test_a_mac_that_says_nothing_has_a_name_at_least(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("platform.processor", lambda: "arm")

    assert processor._identify_mac() == ("arm", ())
