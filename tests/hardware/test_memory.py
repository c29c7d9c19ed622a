from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from garden.hardware.memory import Memory, read_memory

MIB = 1024**2
UNLIMITED_V1 = "9223372036854771712"


class Groups:
    """Control groups as the kernel shows them, in a folder of their own."""

    def __init__(self, root: Path) -> None:
        self.proc, self.mount = root / "proc", root / "cgroup"
        (self.proc / "self").mkdir(parents=True)
        self.mount.mkdir()

    def belong_to(self, *lines: str) -> None:
        (self.proc / "self" / "cgroup").write_text("".join(f"{line}\n" for line in lines))

    def add(self, path: str, **files: str) -> None:
        folder = self.mount / path
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name.replace("__", ".")).write_text(text + "\n")

    def read(self) -> Memory:
        return read_memory(self.proc, self.mount)


@pytest.fixture
def groups(tmp_path: Path) -> Groups:
    return Groups(tmp_path)


def test_without_control_groups_it_is_the_machines(groups: Groups) -> None:
    memory = groups.read()

    assert memory.total_bytes == psutil.virtual_memory().total
    assert 0 < memory.available_bytes <= memory.total_bytes
    assert not memory.limited_by_cgroup


def test_a_limit_of_version_2_counts(groups: Groups) -> None:
    groups.belong_to("0::/app")
    groups.add("app", memory__max=str(64 * MIB), memory__current=str(24 * MIB))

    memory = groups.read()

    assert (memory.total_bytes, memory.available_bytes) == (64 * MIB, 40 * MIB)
    assert memory.limited_by_cgroup


def test_cached_files_of_a_group_are_free(groups: Groups) -> None:
    groups.belong_to("0::/app")
    stat = f"anon 1\ninactive_file {10 * MIB}\nactive_file 7"
    groups.add("app", memory__max=str(64 * MIB), memory__current=str(24 * MIB), memory__stat=stat)

    assert groups.read().available_bytes == 50 * MIB


def test_the_tightest_group_above_counts(groups: Groups) -> None:
    groups.belong_to("0::/slice/app")
    groups.add("slice", memory__max=str(32 * MIB), memory__current=str(30 * MIB))
    groups.add("slice/app", memory__max=str(64 * MIB), memory__current=str(MIB))

    memory = groups.read()

    assert (memory.total_bytes, memory.available_bytes) == (32 * MIB, 2 * MIB)


def test_a_group_without_a_limit_counts_for_nothing(groups: Groups) -> None:
    groups.belong_to("0::/app")
    groups.add("app", memory__max="max", memory__current=str(MIB))

    assert not groups.read().limited_by_cgroup


def test_a_container_sees_its_own_group_as_the_root(groups: Groups) -> None:
    groups.belong_to("0::/docker/0123abcd")
    groups.add(".", memory__max=str(64 * MIB), memory__current=str(4 * MIB))

    assert groups.read().available_bytes == 60 * MIB


def test_a_limit_of_version_1_counts(groups: Groups) -> None:
    groups.belong_to("11:cpu,cpuacct:/x", "9:memory:/docker/0123abcd", "1:name=systemd:/x")
    stat = f"total_inactive_file {MIB}"
    usage = str(40 * MIB)
    groups.add("memory", memory__limit_in_bytes=str(64 * MIB), memory__usage_in_bytes=usage, memory__stat=stat)

    memory = groups.read()

    assert (memory.total_bytes, memory.available_bytes) == (64 * MIB, 25 * MIB)


def test_the_tightest_group_above_counts_in_version_1(groups: Groups) -> None:
    groups.belong_to("9:memory:/slice/app")
    for path, limit, used in (("slice", 32 * MIB, 30 * MIB), ("slice/app", 64 * MIB, MIB)):
        groups.add(f"memory/{path}", memory__limit_in_bytes=str(limit), memory__usage_in_bytes=str(used))

    memory = groups.read()

    assert (memory.total_bytes, memory.available_bytes) == (32 * MIB, 2 * MIB)


def test_limits_of_both_versions_count_where_both_are_mounted(groups: Groups) -> None:
    groups.belong_to("9:memory:/app", "0::/app")
    groups.add("memory/app", memory__limit_in_bytes=str(64 * MIB), memory__usage_in_bytes=str(60 * MIB))
    groups.add("app", memory__max=str(32 * MIB), memory__current=str(MIB))

    memory = groups.read()

    assert (memory.total_bytes, memory.available_bytes) == (32 * MIB, 4 * MIB)


def test_the_largest_number_of_version_1_means_no_limit(groups: Groups) -> None:
    groups.belong_to("9:memory:/")
    groups.add("memory", memory__limit_in_bytes=UNLIMITED_V1, memory__usage_in_bytes=str(MIB))

    assert not groups.read().limited_by_cgroup


def test_a_group_over_its_limit_has_nothing_free(groups: Groups) -> None:
    groups.belong_to("0::/app")
    groups.add("app", memory__max=str(8 * MIB), memory__current=str(9 * MIB))

    assert groups.read().available_bytes == 0


def test_files_that_make_no_sense_are_passed_over(groups: Groups) -> None:
    groups.belong_to("", ":", "0::", "zero::/app", "0::/../../app")
    groups.add("app", memory__max="sixty", memory__current="-1", memory__stat="inactive_file many")

    assert groups.read().total_bytes == psutil.virtual_memory().total
