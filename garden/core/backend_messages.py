"""Messages to and from the child that tests a backend before it is trusted."""

from __future__ import annotations

from garden.core.added_backend import SelfTest
from garden.core.messages import Cancel, Failed, Message, Progress


class TryBackend(Message, frozen=True, kw_only=True):
    """Load a plug-in, answer on it and on the CPU, and compare. The child may crash or hang: that is what it is for.

    Attributes:
        library: Path of the plug-in, in a folder where a link may be laid beside it.
        ggml_version: ggml that it was built for.
        model: Path of the model to answer with.
        model_name: Its name, for the report.
        tokens: Greedy tokens to compare, ≥ 1.
        threads: Of the CPU's answer, ≥ 1.
    """

    library: str
    ggml_version: str
    model: str
    model_name: str
    tokens: int = 16
    threads: int = 1


class FindLibraries(Message, frozen=True, kw_only=True):
    """Say whether the system has these libraries, before a backend that needs them is fetched.

    Attributes:
        title: The backend, for people.
        names: As the loader knows them, e.g. ``libvulkan.so.1``.
    """

    title: str
    names: tuple[str, ...]


class LibrariesFound(Message, frozen=True, kw_only=True):
    """It has all of them."""


class BackendTested(Message, frozen=True, kw_only=True):
    """It passed.

    Attributes:
        backend: ggml's name, e.g. ``Vulkan``.
        engine_version: Version of llama-cpp-python that it was tested with.
        self_test: How it did.
    """

    backend: str
    engine_version: str
    self_test: SelfTest


BackendTestInput = TryBackend | FindLibraries | Cancel
BackendTestOutput = Progress | BackendTested | LibrariesFound | Failed
