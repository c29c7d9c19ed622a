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
    cpu = read_cpu(describe(tmp_path, DESKTOP))

    assert cpu.name == "Example Ryzen 7 7840HS"
    assert cpu.features == ("avx2", "avx512", "avx512_vnni", "fma", "f16c")


def test_name_and_features_of_a_board(tmp_path: Path) -> None:
    cpu = read_cpu(describe(tmp_path, BOARD))

    assert (cpu.name, cpu.features) == ("Example board", ("neon", "dotprod", "i8mm"))


def test_without_a_description_something_is_said_all_the_same(tmp_path: Path) -> None:
    cpu = read_cpu(tmp_path / "absent")

    assert cpu.name
    assert cpu.features == ()
    assert 1 <= cpu.physical_cores <= cpu.threads


class Groups:
    """Control groups in a folder of a test's own.

    Args:
        root: The folder.
        lines: Where this process belongs.
    """

    def __init__(self, root: Path, *lines: str) -> None:
        self.proc, self.mount = root / "proc", root / "cgroup"
        (self.proc / "self").mkdir(parents=True)
        (self.proc / "self" / "cgroup").write_text("".join(f"{line}\n" for line in lines))

    def add(self, path: str, **files: str) -> None:
        folder = self.mount / path
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name.replace("__", ".")).write_text(text + "\n")

    @property
    def threads(self) -> int:
        return read_cpu(proc=self.proc, cgroups=self.mount).threads


@pytest.mark.parametrize("text", ["100000 100000", "50000 100000", "149000 100000"])
def test_a_quota_of_one_processor_leaves_one(tmp_path: Path, text: str) -> None:
    groups = Groups(tmp_path, "0::/app")
    groups.add("app", cpu__max=text)

    cpu = read_cpu(proc=groups.proc, cgroups=groups.mount)

    assert (cpu.physical_cores, cpu.threads) == (1, 1)


def test_a_quota_of_version_1_counts(tmp_path: Path) -> None:
    groups = Groups(tmp_path, "4:cpu,cpuacct:/app")
    groups.add("cpu/app", cpu__cfs_quota_us="100000", cpu__cfs_period_us="100000")

    assert groups.threads == 1


def test_the_tightest_quota_above_counts(tmp_path: Path) -> None:
    groups = Groups(tmp_path, "0::/slice/app")
    groups.add("slice", cpu__max="100000 100000")
    groups.add("slice/app", cpu__max="6400000 100000")

    assert groups.threads == 1


@pytest.mark.parametrize("text", ["max 100000", "", "100000", "0 0", "many 100000"])
def test_no_quota_leaves_all(tmp_path: Path, text: str) -> None:
    without = Groups(tmp_path / "without", "0::/app")
    groups = Groups(tmp_path / "with", "0::/app")
    groups.add("app", cpu__max=text)

    assert groups.threads == without.threads


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
