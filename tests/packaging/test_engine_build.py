"""What the engine is built for, and what the user is told about a GPU that lies idle."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

PACKAGING = Path(__file__).resolve().parents[2] / "packaging"
sys.path.insert(0, str(PACKAGING))
import engine_build  # noqa: E402 - the script's folder is no package
import system_packages  # noqa: E402 - found once the path is set


def pci_device(sysfs: Path, name: str, class_: str, vendor: str) -> None:
    folder = sysfs / name
    folder.mkdir(parents=True)
    (folder / "class").write_text(class_ + "\n")
    (folder / "vendor").write_text(vendor + "\n")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="sysfs is Linux's")
def test_gpu_vendors_are_display_controllers_only(tmp_path: Path) -> None:
    pci_device(tmp_path, "0000:01:00.0", "0x030000", "0x10de")
    pci_device(tmp_path, "0000:02:00.0", "0x020000", "0x8086")  # a network card
    pci_device(tmp_path, "0000:00:02.0", "0x038000", "0x1002")

    assert engine_build.gpu_vendors(tmp_path) == ["AMD", "NVIDIA"]


def test_nvidia_with_compiler_builds_for_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_build, "cuda_compiler", lambda: "/usr/bin/nvcc")

    backend, why = engine_build.choose_backend(None, ["NVIDIA"])

    assert backend.cmake_args == "-DGGML_CUDA=on"
    assert "NVIDIA" in why


def test_nvidia_without_compiler_says_that_it_lies_idle_and_what_changes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_build, "cuda_compiler", lambda: None)

    backend, why = engine_build.choose_backend(None, ["NVIDIA"])

    assert backend.name == "cpu"
    assert "lies idle" in why
    assert "bootstrap.py engine --backend cuda" in why


def test_other_gpus_name_the_vulkan_command() -> None:
    backend, why = engine_build.choose_backend(None, ["AMD", "Intel"])

    assert backend.name == "cpu"
    assert "AMD and Intel GPU lies idle" in why
    assert "--backend vulkan" in why


def test_apple_builds_for_metal_and_a_wish_wins() -> None:
    assert engine_build.choose_backend(None, ["Apple"])[0].name == "metal"
    assert engine_build.choose_backend("cpu", ["Apple"])[0].name == "cpu"


def test_a_wheel_is_found_only_for_its_backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GARDEN_CACHE_DIR", str(tmp_path))
    cpu, cuda = engine_build.BACKENDS["cpu"], engine_build.BACKENDS["cuda"]
    assert engine_build.wheel_for(cpu) is None
    folder = tmp_path / "engine" / "wheels" / f"{engine_build._tag()}-cpu"
    folder.mkdir(parents=True)
    wheel = folder / "llama_cpp_python-0.3.36-py3-none-linux_x86_64.whl"
    wheel.touch()

    assert engine_build.wheel_for(cpu) == wheel
    assert engine_build.wheel_for(cuda) is None


def test_what_is_missing_is_one_line_to_paste(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = [system_packages.Need("a C++ compiler (for the engine)", False, ("g++",))]
    monkeypatch.setattr(system_packages, "needs", lambda for_tests: missing)
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr("os.geteuid", lambda: 1000, raising=False)

    assert system_packages.provide(for_tests=False) is False
    assert "sudo apt-get install -y --no-install-recommends g++" in capsys.readouterr().out
