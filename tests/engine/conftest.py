"""The engine, loaded once for these tests; other tests use it in children only."""

from __future__ import annotations

import os

import pytest

from garden.core.errors import EngineMissingError
from garden.engine.library import EngineLibrary
from garden.process.child import worker_environment


@pytest.fixture(scope="session")
def engine() -> EngineLibrary:
    """The engine; tests are skipped, saying so, where it is not installed."""
    # As in a worker; the library reads it when it is loaded.
    os.environ.setdefault("GOMP_SPINCOUNT", worker_environment().get("GOMP_SPINCOUNT", "700"))
    try:
        return EngineLibrary()
    except EngineMissingError as error:
        pytest.skip(str(error))
