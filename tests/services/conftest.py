"""Fixtures of the services' tests: the whole program below the front ends, on folders of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from garden.services.garden import Garden
from garden.services.settings import SettingsService
from tests.tiny_models import write_tiny_model


@pytest.fixture
def garden(data_dirs: Path) -> Iterator[Garden]:
    """Every service, wired as in the program; closed after the test."""
    with Garden.open() as opened:
        yield opened


@pytest.fixture
def settings(garden: Garden) -> SettingsService:
    return garden.settings


@pytest.fixture(scope="session")
def endless_model(tiny_models_dir: Path) -> Path:
    """A small chat model whose answers go on to their limit, read only."""
    return write_tiny_model(tiny_models_dir / "Tiny-Endless-F16.gguf", name="Tiny Endless", seed=2, ends=False)
