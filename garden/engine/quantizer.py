"""llama.cpp's quantizer: what it would make, to the byte, and making it.

Facts of llama-cpp-python 0.3.36: the call blocks and releases the GIL, logs on the calling thread, has no hook to
cancel (end the process instead), writes the header last, and copies all metadata of the first shard.
"""

from __future__ import annotations

import ctypes
import math
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from garden.core.errors import DiskFullError, EngineError, GardenError, InvalidFileError, RefusedError
from garden.engine.library import EngineLibrary
from garden.gguf.tensor_type import TENSOR_TYPES

#: The quantizer writes files with this alignment, whatever the source had (GGUF_DEFAULT_ALIGNMENT).
ALIGNMENT = 32

#: Rows kept in memory at once; the engine's own default of 8 GiB makes small machines swap. Same bytes come out.
BUFFER_BYTES = 256 * 1024 * 1024

_TYPES = {kind.name: kind for kind in TENSOR_TYPES.values()}

_TENSOR_LINE = re.compile(
    r"\[\s*\d+/\s*\d+\] (?P<name>.*) - \[(?P<shape>[\d, ]+)\], type = *(?P<type>\w+), ", re.DOTALL
)
_TARGET_TYPE = re.compile(r"\((?P<type>\w+)\)\s*$")
_FALLBACK_COUNT = re.compile(r"WARNING: (?P<count>\d+) of \d+ tensor\(s\) required fallback")
_FAILURE = re.compile(r"failed to quantize: (?P<reason>.*)", re.DOTALL)

_OVERRIDE_STRING = 3  # LLAMA_KV_OVERRIDE_TYPE_STR
_OVERRIDE_INTEGER = 0  # LLAMA_KV_OVERRIDE_TYPE_INT


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizerSettings:
    """What to make.

    Attributes:
        file_type: Number of the whole-file type (``LLAMA_FTYPE_…``); the caller keeps to a whitelist, since the
            engine ends the process for some numbers.
        threads: ≥ 1.
        allow_requantize: Convert tensors that are quantized already.
        metadata: Keys and texts written into the file besides the source's; texts of at most 127 bytes.
        source_alignment: Alignment that the source declares.
    """

    file_type: int
    threads: int = 1
    allow_requantize: bool = False
    metadata: tuple[tuple[str, str], ...] = ()
    source_alignment: int = ALIGNMENT


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorChange:
    """What becomes of one tensor; types by GGML's names in capitals."""

    name: str
    shape: tuple[int, ...]
    source_type: str
    target_type: str
    source_bytes: int
    target_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizerPlan:
    """The file that the settings make of a source.

    Attributes:
        tensors: In the order in which the engine writes them.
        metadata_bytes: Header, metadata and tensor list, padded.
        fallbacks: Tensors that get another type than asked for, because their width does not divide.
        needs_imatrix: The engine would refuse without an importance matrix.
    """

    tensors: tuple[TensorChange, ...]
    metadata_bytes: int
    fallbacks: int
    needs_imatrix: bool

    @property
    def size_bytes(self) -> int:
        """Exact size of the file."""
        return self.metadata_bytes + sum(-(-tensor.target_bytes // ALIGNMENT) * ALIGNMENT for tensor in self.tensors)

    @property
    def source_bytes(self) -> int:
        """Bytes of weights to read."""
        return sum(tensor.source_bytes for tensor in self.tensors)

    @property
    def bits_per_weight(self) -> float:
        """8 · tensor bytes / parameters."""
        weights = sum(math.prod(tensor.shape) for tensor in self.tensors)
        return 8 * sum(tensor.target_bytes for tensor in self.tensors) / weights if weights else 0.0

    @property
    def types(self) -> dict[str, int]:
        """Number of tensors per type in the result, the most frequent first."""
        return dict(Counter(tensor.target_type for tensor in self.tensors).most_common())


def plan(
    library: EngineLibrary,
    shards: Sequence[Path],
    settings: QuantizerSettings,
    known_metadata_bytes: int | None = None,
) -> QuantizerPlan:
    """Say exactly what would be made, by the engine's own dry run; no file is written.

    Args:
        library: The engine.
        shards: The source, the first shard first.
        settings: What to make.
        known_metadata_bytes: From an earlier plan of the same source and metadata; it is the same for every type.

    Raises:
        GardenError: The engine cannot quantize this source; the class says why.
    """
    reader = _DryRunReader()
    _run(library, shards[0], Path(os.devnull), settings, dry_run=True, on_line=reader.feed)
    return QuantizerPlan(
        tensors=tuple(reader.tensors),
        metadata_bytes=known_metadata_bytes or _metadata_bytes(library, shards, settings),
        fallbacks=reader.fallbacks,
        needs_imatrix=reader.needs_imatrix,
    )


def quantize(
    library: EngineLibrary,
    source: Path,
    destination: Path,
    settings: QuantizerSettings,
    on_tensor: Callable[[str, int], None],
    name: str,
) -> None:
    """Write the file. The destination must not be the source: the engine would destroy it and crash.

    Args:
        library: The engine.
        source: The file, or the first shard.
        destination: Written over.
        settings: What to make.
        on_tensor: Called with each tensor's name and the source bytes done before it. Must not raise.
        name: What the user calls the destination.

    Raises:
        GardenError: The engine gave up; a part of the file may have been written.
    """
    done = 0
    current = 0

    def feed(line: str) -> None:
        nonlocal done, current
        if match := _TENSOR_LINE.fullmatch(line):
            done += current
            current = _tensor_bytes(match["type"], _shape(match["shape"]))
            on_tensor(match["name"].rstrip(), done)

    _run(library, source, destination, settings, dry_run=False, on_line=feed, name=name)


class _DryRunReader:
    """Collects tensors from the log: a line that names one, then a line with its size and, if it changes, its type."""

    def __init__(self) -> None:
        self.tensors: list[TensorChange] = []
        self.fallbacks = 0
        self.needs_imatrix = False
        self._pending: tuple[str, tuple[int, ...], str] | None = None

    def feed(self, line: str) -> None:
        if match := _TENSOR_LINE.fullmatch(line):
            self._pending = (match["name"].rstrip(), _shape(match["shape"]), match["type"])
        elif self._pending and line.startswith("size ="):
            name, shape, source_type = self._pending
            self._pending = None
            target = _TARGET_TYPE.search(line)
            target_type = target["type"] if target else source_type
            self.tensors.append(
                TensorChange(
                    name=name,
                    shape=shape,
                    source_type=source_type.upper(),
                    target_type=target_type.upper(),
                    source_bytes=_tensor_bytes(source_type, shape),
                    target_bytes=_tensor_bytes(target_type, shape),
                )
            )
        elif match := _FALLBACK_COUNT.search(line):
            self.fallbacks = int(match["count"])
        elif "will require an imatrix" in line:
            self.needs_imatrix = True


def _run(
    library: EngineLibrary,
    source: Path,
    destination: Path,
    settings: QuantizerSettings,
    *,
    dry_run: bool,
    on_line: Callable[[str], None],
    name: str = "",
) -> None:
    c = library.c
    parameters = c.llama_model_quantize_default_params()
    parameters.ftype = settings.file_type
    parameters.nthread = settings.threads
    parameters.allow_requantize = settings.allow_requantize or dry_run
    parameters.max_buf_size = BUFFER_BYTES
    parameters.dry_run = dry_run
    # The array must outlive the call.
    overrides = _overrides(library, settings)
    parameters.kv_overrides = ctypes.cast(overrides, ctypes.POINTER(c.llama_model_kv_override))
    lines: list[str] = []
    faults: list[Exception] = []

    def keep(line: str) -> None:
        lines.append(line)
        # The child's log: what is left to read when the engine ends the process.
        sys.stderr.write(line)
        try:
            on_line(line)
        except Exception as fault:  # C code cannot pass it on; it is raised when the call is over
            faults.append(fault)

    with _log_to(library, keep):
        code = c.llama_model_quantize(os.fsencode(source), os.fsencode(destination), parameters)
    if faults:
        raise faults[0]
    if code != 0:
        raise _failure("".join(lines), source, name)


def _overrides(library: EngineLibrary, settings: QuantizerSettings) -> Any:
    overrides = (library.c.llama_model_kv_override * (len(settings.metadata) + 2))()  # an empty key ends the list
    for override, (key, text) in zip(overrides, settings.metadata, strict=False):
        override.tag = _OVERRIDE_STRING
        override.key = key.encode()
        override.value.val_str = text.encode()
    if settings.source_alignment != ALIGNMENT:
        # The quantizer aligns by 32 yet copies the source's own figure, and nobody can read the file (seen in 0.3.36).
        alignment: Any = overrides[len(settings.metadata)]
        alignment.tag = _OVERRIDE_INTEGER
        alignment.key = b"general.alignment"
        alignment.value.val_i64 = ALIGNMENT
    return overrides


@contextmanager
def _log_to(library: EngineLibrary, on_line: Callable[[str], None]) -> Iterator[None]:
    """Send the engine's log to a function for a while; one call per piece that it logs."""
    c = library.c

    def receive(_level: int, text: bytes, _data: object) -> None:
        on_line(text.decode("utf-8", "replace"))

    callback = c.llama_log_callback(receive)
    before, before_data = c.llama_log_callback(), ctypes.c_void_p()
    c.llama_log_get(ctypes.byref(before), ctypes.byref(before_data))
    c.llama_log_set(callback, None)
    try:
        yield
    finally:
        c.llama_log_set(before, before_data)


def _metadata_bytes(library: EngineLibrary, shards: Sequence[Path], settings: QuantizerSettings) -> int:
    """Size of everything before the weights, by the steps that the quantizer takes, without the weights."""
    gguf = _GgufFunctions(library)
    opened: list[tuple[int, int]] = []
    target = gguf.init_empty()
    try:
        for shard in shards:
            tensors = ctypes.c_void_p()
            source = gguf.init_from_file(os.fsencode(shard), _GgufInit(True, ctypes.pointer(tensors)))
            if not source:
                raise InvalidFileError(f"“{shard.name}” could not be read by the engine.", "Fetch it again.")
            opened.append((source, tensors.value or 0))
        gguf.set_kv(target, opened[0][0])
        gguf.set_u32(target, b"general.quantization_version", 0)
        gguf.set_u32(target, b"general.file_type", settings.file_type)
        for key in (b"split.no", b"split.count", b"split.tensors.count"):
            gguf.remove_key(target, key)
        if settings.source_alignment != ALIGNMENT:
            gguf.set_u32(target, b"general.alignment", ALIGNMENT)
        for key_text, text in settings.metadata:
            gguf.set_text(target, key_text.encode(), text.encode())
        for _, context in opened:
            tensor = gguf.first_tensor(context)
            while tensor:
                gguf.add_tensor(target, tensor)
                tensor = gguf.next_tensor(context, tensor)
        return int(gguf.meta_size(target))
    finally:
        for source, context in opened:
            gguf.free(source)
            gguf.free_tensors(context)
        gguf.free(target)


class _GgufInit(ctypes.Structure):
    """``gguf_init_params``: read no weights, make a context that holds the tensors' shapes."""

    _fields_ = (("no_alloc", ctypes.c_bool), ("context", ctypes.POINTER(ctypes.c_void_p)))


class _GgufFunctions:
    """GGML's functions on GGUF files; the package binds none of them."""

    def __init__(self, library: EngineLibrary) -> None:
        pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint32
        self.init_empty = library.function("gguf_init_empty", pointer)
        self.init_from_file = library.function("gguf_init_from_file", pointer, text, _GgufInit)
        self.free = library.function("gguf_free", None, pointer)
        self.set_kv = library.function("gguf_set_kv", None, pointer, pointer)
        self.set_u32 = library.function("gguf_set_val_u32", None, pointer, text, number)
        self.set_text = library.function("gguf_set_val_str", None, pointer, text, text)
        self.remove_key = library.function("gguf_remove_key", ctypes.c_int64, pointer, text)
        self.add_tensor = library.function("gguf_add_tensor", None, pointer, pointer)
        self.meta_size = library.function("gguf_get_meta_size", ctypes.c_size_t, pointer)
        self.first_tensor = library.function("ggml_get_first_tensor", pointer, pointer)
        self.next_tensor = library.function("ggml_get_next_tensor", pointer, pointer, pointer)
        self.free_tensors = library.function("ggml_free", None, pointer)


def _shape(text: str) -> tuple[int, ...]:
    return tuple(int(dimension) for dimension in text.split(","))


def _tensor_bytes(type_name: str, shape: tuple[int, ...]) -> int:
    kind = _TYPES[type_name.upper()]
    return math.prod(shape) // kind.block_size * kind.block_bytes


def _failure(log: str, source: Path, name: str) -> GardenError:
    """The user's sentence for what the engine said when it gave up."""
    found = _FAILURE.search(log)
    reason = found["reason"].strip() if found else "no reason was given"
    tail = log[-4096:]
    if "basic_ios" in reason or "iostream" in reason:
        return DiskFullError(
            f"The disk is full: “{name}” could not be written to its end.",
            "Free some space, or choose another folder.",
            tail,
        )
    if "requires an imatrix" in reason or "importance matrix" in reason:
        return RefusedError(
            "This type needs an importance matrix: without one its output would be garbage.",
            "Choose Q3_K_M or larger.",
            tail,
        )
    if "requantizing from type" in reason:
        return RefusedError(
            f"“{source.name}” is already quantized.", "Start from the F16 or BF16 file, or allow requantizing.", tail
        )
    if "unknown model architecture" in reason:
        return EngineError(
            f"The engine does not know the architecture of “{source.name}”.", "Try a newer version of Garden.", tail
        )
    if "data validation failed" in reason or "has invalid data" in reason:
        return InvalidFileError(
            f"“{source.name}” holds weights that are no numbers.", "Fetch it again, or choose another model.", tail
        )
    if "failed to load" in reason or "not within the file bounds" in reason or "llama_model_loader" in reason:
        return InvalidFileError(f"“{source.name}” could not be read by the engine.", "Fetch it again.", tail)
    return EngineError(
        f"The engine could not quantize “{source.name}”.", "The details say why; another type may work.", tail
    )
