"""llama.cpp's library: loaded once, its log kept to ourselves, and what it says of itself."""

from __future__ import annotations

import ctypes
import importlib.metadata
import re
import sys
import threading
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from garden.core.added_backend import AddedBackend, added_backends, same_minor
from garden.core.errors import EngineError, EngineMissingError
from garden.core.hardware_snapshot import DeviceKind, Engine, EngineBackend, EngineDevice
from garden.engine.device_properties import DeviceProperties
from garden.engine.plug_in import PlugIn, load_plug_in

PACKAGE = "llama-cpp-python"

#: Log levels of ggml: debug 1, info 2, warning 3, error 4, continued 5. The package's own logger maps them one off.
_DEBUG, _ERROR, _CONTINUED = 1, 4, 5

_PCI_ADDRESS = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")

_DEVICE_KINDS: dict[int, DeviceKind] = {0: "cpu", 1: "gpu", 2: "igpu", 3: "accelerator"}


class EngineLog:
    """Takes every line that llama.cpp logs.

    Attributes:
        errors: Last lines of level error, the newest last.
        lines: Last lines of any level but debug.
    """

    def __init__(self) -> None:
        self.errors: deque[str] = deque(maxlen=20)
        self.lines: deque[str] = deque(maxlen=2_000)
        self._partial = ""
        self._level = 0
        self._lock = threading.Lock()

    def receive(self, level: int, text: bytes, _data: Any) -> None:
        """Called by llama.cpp on whatever thread logs; pieces of level 5 continue the line before."""
        with self._lock:
            if level == _DEBUG and not self._partial:
                # Thousands of lines while a model is planned; what continues one is dropped with it.
                self._level = level
                return
            self._level = self._level if level == _CONTINUED else level
            self._partial += text.decode("utf-8", "replace")
            *whole, self._partial = self._partial.split("\n")
            for line in filter(None, whole):
                if self._level >= 2:
                    self.lines.append(line)
                if self._level == _ERROR:
                    self.errors.append(line)

    def take_errors(self) -> str:
        """The error lines so far, which are then forgotten."""
        with self._lock:
            text = "\n".join(self.errors)
            self.errors.clear()
        return text


class EngineLibrary:
    """The loaded library, with the backends that were added to it.

    Args:
        added: Backends to load besides those that it was built with; by default all that were added. One that does
            not load is left out: models then run on what there is.

    Attributes:
        c: The module of C functions.
        log: What it logs.
        version: Version of the Python package.
        added: Backends that were to be loaded.
        plug_ins: Those that were, by the name of their folder.
        left_out: Why others were not, by the name of their folder.

    Raises:
        EngineMissingError: The package is not installed, or its library cannot be loaded.
    """

    def __init__(self, added: Sequence[AddedBackend] | None = None) -> None:
        try:
            from llama_cpp import llama_cpp
        except ImportError as error:
            raise EngineMissingError(
                "The engine (llama-cpp-python) is not installed.",
                "Run: python packaging/bootstrap.py setup",
                str(error),
            ) from error
        except (OSError, RuntimeError) as error:
            raise EngineMissingError(
                "The engine is installed but cannot be loaded.",
                "Build it again: python packaging/bootstrap.py engine",
                str(error),
            ) from error
        self.c: Any = llama_cpp
        self.version = importlib.metadata.version(PACKAGE)
        self.log = EngineLog()
        # llama.cpp may log until the process ends, so the callback must live as long; one is leaked per object.
        callback = self.c.llama_log_callback(self.log.receive)
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(callback))
        self.c.llama_log_set(callback, None)
        self.c.llama_backend_init()
        self.added = added_backends() if added is None else tuple(added)
        self.plug_ins: dict[str, PlugIn] = {}
        self.left_out: dict[str, str] = {}
        for backend in self.added:
            self._add(backend)

    def _add(self, backend: AddedBackend) -> None:
        """Load an added backend, unless it was tested with another engine than this one."""
        if backend.engine_version != self.version or not same_minor(backend.ggml_version, self.ggml_version()):
            self.left_out[backend.name] = (
                f"It was tested with llama-cpp-python {backend.engine_version}, not with this {self.version}: "
                "switch it on again."
            )
            return
        try:
            self.plug_ins[backend.name] = load_plug_in(self, backend.path)
        except EngineError as error:
            self.left_out[backend.name] = f"{error.sentence} {error.action}".strip()

    def function(self, name: str, result: Any, *arguments: Any) -> Any:
        """A C function that the package does not bind; resolved through its own handle.

        Loading libggml by its path would bring in a second, empty registry of devices.

        Raises:
            AttributeError: This build has no such function.
        """
        function = getattr(self._library_of(name), name)
        function.restype = result
        function.argtypes = list(arguments)
        return function

    def address(self, symbol: str) -> int:
        """Where an object of the library lies.

        Raises:
            AttributeError: This build has no such object.
        """
        try:
            return ctypes.addressof(ctypes.c_char.in_dll(self.c._lib, symbol))
        except ValueError as error:
            raise AttributeError(symbol) from error

    def _library_of(self, name: str) -> Any:
        # Linux and macOS resolve ggml's symbols through libllama; Windows exports them from its own library only.
        candidates = ("ggml-base", "ggml") if sys.platform == "win32" and not hasattr(self.c._lib, name) else ()
        return next((lib for lib in map(ctypes.CDLL, candidates) if hasattr(lib, name)), self.c._lib)

    def devices(self) -> tuple[EngineDevice, ...]:
        """Everything the engine can compute on."""
        count = self.function("ggml_backend_dev_count", ctypes.c_size_t)
        get = self.function("ggml_backend_dev_get", ctypes.c_void_p, ctypes.c_size_t)
        read = self.function("ggml_backend_dev_get_props", None, ctypes.c_void_p, ctypes.POINTER(DeviceProperties))
        found = []
        for index in range(count()):
            told = DeviceProperties()
            read(get(index), ctypes.byref(told))
            kind = _DEVICE_KINDS.get(told.kind, "accelerator")
            address = (told.device_id or b"").decode("ascii", "replace").lower()
            found.append(
                EngineDevice(
                    name=(told.name or b"").decode("utf-8", "replace"),
                    description=(told.description or b"").decode("utf-8", "replace"),
                    kind=kind,
                    memory_total_bytes=told.memory_total,
                    # Of the machine's own memory ggml says that all of it is free.
                    memory_free_bytes=told.memory_free if kind in ("gpu", "igpu") else None,
                    address=address if _PCI_ADDRESS.fullmatch(address) else None,
                )
            )
        return tuple(found)

    def backends(self) -> tuple[EngineBackend, ...]:
        """The backends in ggml's registry, with the devices that each drives; then those that could not be loaded."""
        count = self.function("ggml_backend_reg_count", ctypes.c_size_t)
        get = self.function("ggml_backend_reg_get", ctypes.c_void_p, ctypes.c_size_t)
        name = self.function("ggml_backend_reg_name", ctypes.c_char_p, ctypes.c_void_p)
        device_count = self.function("ggml_backend_reg_dev_count", ctypes.c_size_t, ctypes.c_void_p)
        device = self.function("ggml_backend_reg_dev_get", ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
        device_name = self.function("ggml_backend_dev_name", ctypes.c_char_p, ctypes.c_void_p)
        folder = Path(self.c._lib._name).parent
        added = {self.plug_ins[record.name].backend: record for record in self.added if record.name in self.plug_ins}
        found = []
        for index in range(count()):
            registry = get(index)
            backend = name(registry).decode("utf-8", "replace")
            record = added.get(backend)
            library = record.path if record else next(iter(sorted(folder.glob(f"*ggml-{backend.lower()}.*"))), None)
            devices = (device_name(device(registry, number)) for number in range(device_count(registry)))
            found.append(
                EngineBackend(
                    name=backend,
                    path=str(library) if library else None,
                    devices=tuple(text.decode("utf-8", "replace") for text in devices),
                    added=record.name if record else None,
                    self_test=record.self_test if record else None,
                )
            )
        found += [
            EngineBackend.left_out(record, self.left_out[record.name])
            for record in self.added
            if record.name in self.left_out
        ]
        return tuple(found)

    def ggml_version(self) -> str | None:
        """Version of ggml, None when this build does not say."""
        try:
            text: bytes = self.function("ggml_version", ctypes.c_char_p)()
        except AttributeError:
            return None
        return text.decode("utf-8", "replace")

    def offloads_to_gpu(self) -> bool:
        """Whether there is a GPU that layers can be moved to."""
        return any(device.kind in ("gpu", "igpu") for device in self.devices())

    def system_info(self) -> str:
        """llama.cpp's own line about its build."""
        text: bytes = self.c.llama_print_system_info()
        return text.decode("utf-8", "replace").strip()

    def cpu_features(self) -> tuple[str, ...]:
        """Instruction sets that this build uses, lower case."""
        return tuple(name.lower() for name in re.findall(r"(\w+) = 1", self.system_info()))


def engine_facts(*, added: bool = True) -> Engine:
    """What the engine is and can compute on; a missing engine is an answer, not an error.

    Args:
        added: Load what was added to it.
    """
    try:
        library = EngineLibrary() if added else EngineLibrary(())
    except EngineMissingError as error:
        return Engine(installed=False, problem=error.sentence)
    return Engine(
        installed=True,
        version=library.version,
        ggml_version=library.ggml_version(),
        devices=library.devices(),
        backends=library.backends(),
        system_info=library.system_info(),
    )
