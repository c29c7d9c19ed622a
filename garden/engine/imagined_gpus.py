"""GPUs that are not there: devices of ggml that hold and compute nothing, so that a load on them can be planned.

They answer what the scheduler asks of a device as a large GPU would: every operation runs on it, prompt batches of
layers in RAM are copied to it, pinned memory and several batches under way at once are possible. The structures are
those of ggml's ``ggml-backend-impl.h``; an engine with another version of them is refused.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from typing import Any

from garden.core.dry_run import ImaginedGpu
from garden.core.errors import EngineError
from garden.engine.device_properties import DeviceProperties
from garden.engine.library import EngineLibrary

#: ``GGML_BACKEND_API_VERSION`` that the structures below follow.
_API_VERSION = 2

_GPU = 1
_ALIGNMENT = 128

#: Operations on fewer rows stay where their weights are (``GGML_OP_OFFLOAD_MIN_BATCH``'s default).
_ROWS_WORTH_COPYING = 32

_POINTER = ctypes.c_void_p
_LINK = ctypes.CFUNCTYPE(_POINTER, _POINTER)
_SIZE = ctypes.CFUNCTYPE(ctypes.c_size_t, _POINTER)
_NUMBER = ctypes.CFUNCTYPE(ctypes.c_int, _POINTER)
_FLAG = ctypes.CFUNCTYPE(ctypes.c_bool, _POINTER)
_JUDGE = ctypes.CFUNCTYPE(ctypes.c_bool, _POINTER, _POINTER)
_NOTHING = ctypes.CFUNCTYPE(None, _POINTER)
_CLEAR = ctypes.CFUNCTYPE(None, _POINTER, ctypes.c_uint8)
_ALLOCATE = ctypes.CFUNCTYPE(_POINTER, _POINTER, ctypes.c_size_t)
_START = ctypes.CFUNCTYPE(_POINTER, _POINTER, ctypes.c_char_p)
_MEMORY = ctypes.CFUNCTYPE(None, _POINTER, ctypes.POINTER(ctypes.c_size_t), ctypes.POINTER(ctypes.c_size_t))


_PROPERTIES = ctypes.CFUNCTYPE(None, _POINTER, ctypes.POINTER(DeviceProperties))


class _Registry(ctypes.Structure):
    _fields_ = (
        ("api_version", ctypes.c_int),
        ("get_name", _LINK),
        ("get_device_count", _SIZE),
        ("get_device", _POINTER),
        ("get_proc_address", _POINTER),
        ("context", _POINTER),
    )


class _Device(ctypes.Structure):
    _fields_ = (
        ("get_name", _LINK),
        ("get_description", _LINK),
        ("get_memory", _MEMORY),
        ("get_type", _NUMBER),
        ("get_props", _PROPERTIES),
        ("init_backend", _START),
        ("get_buffer_type", _LINK),
        ("get_host_buffer_type", _LINK),
        ("buffer_from_host_ptr", _POINTER),
        ("supports_op", _JUDGE),
        ("supports_buft", _JUDGE),
        ("offload_op", _JUDGE),
        ("event_new", _POINTER),
        ("event_free", _POINTER),
        ("event_synchronize", _POINTER),
        ("registry", _POINTER),
        ("context", _POINTER),
    )


class _BufferType(ctypes.Structure):
    _fields_ = (
        ("get_name", _LINK),
        ("alloc_buffer", _ALLOCATE),
        ("get_alignment", _SIZE),
        ("get_max_size", _POINTER),
        ("get_alloc_size", _POINTER),
        ("is_host", _FLAG),
        ("device", _POINTER),
        ("context", _POINTER),
    )


class _BufferInterface(ctypes.Structure):
    _fields_ = (
        ("free_buffer", _POINTER),
        ("get_base", _LINK),
        ("init_tensor", _POINTER),
        ("memset_tensor", _POINTER),
        ("set_tensor", _POINTER),
        ("get_tensor", _POINTER),
        ("set_tensor_2d", _POINTER),
        ("get_tensor_2d", _POINTER),
        ("cpy_tensor", _POINTER),
        ("clear", _CLEAR),
        ("reset", _POINTER),
    )


class _Buffer(ctypes.Structure):
    _fields_ = (("interface", _BufferInterface), ("buffer_type", _POINTER))


class _Backend(ctypes.Structure):
    _fields_ = (
        ("guid", _POINTER),
        ("get_name", _LINK),
        ("free", _NOTHING),
        # Transfers, plans, computing, events: never called while nothing is allocated.
        ("others", _POINTER * 14),
        ("device", _POINTER),
        ("context", _POINTER),
    )


class _Tensor(ctypes.Structure):
    """The beginning of ``ggml_tensor``."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("buffer", _POINTER),
        ("ne", ctypes.c_int64 * 4),
        ("nb", ctypes.c_size_t * 4),
        ("op", ctypes.c_int),
    )


class ImaginedGpus:
    """Devices that a model can be planned on; they live as long as this object, which must outlive the models.

    Args:
        library: The engine.
        gpus: What to imagine; none means the processor alone.

    Attributes:
        device_list: For ``llama_model_params.devices``.
        buffer_types: Pointers for tensor placements, by the GPU's name.

    Raises:
        EngineError: The engine's structures are not those that are known here.
    """

    def __init__(self, library: EngineLibrary, gpus: Sequence[ImaginedGpu]) -> None:
        if gpus:
            _check_version(library)
        self._library = library
        self._operations = _operations(library) if gpus else {}
        self._kept: list[Any] = []
        self._yes = _native(library, "llama_supports_mmap") or self._keep(_JUDGE(lambda _device, _operation: True))
        self._alike = _native(library, "ggml_guid_matches")
        registry = _Registry(
            api_version=_API_VERSION,
            get_name=self._says(b"Imagined"),
            get_device_count=self._keep(_SIZE(lambda _registry: len(gpus))),
        )
        self._kept.append(registry)
        self._host: _BufferType | None = None
        self._interface = _BufferInterface(
            get_base=self._keep(_LINK(lambda _buffer: _ALIGNMENT)),
            clear=self._keep(_CLEAR(lambda _buffer, _value: None)),
        )
        devices = [self._device(gpu, registry) for gpu in gpus]
        self._list = (_POINTER * (len(gpus) + 1))(*(ctypes.addressof(device) for device, _type in devices))
        self.device_list = ctypes.cast(self._list, _POINTER)
        self.buffer_types: Mapping[str, int] = {
            gpu.name: ctypes.addressof(buffer_type) for gpu, (_device, buffer_type) in zip(gpus, devices, strict=True)
        }

    def _keep(self, callback: Any) -> Any:
        self._kept.append(callback)
        return callback

    def _says(self, text: bytes) -> Any:
        """A function that returns a text, as an address: ctypes could not tell when to let go of bytes."""
        address = ctypes.addressof(self._keep(ctypes.create_string_buffer(text)))
        return self._keep(_LINK(lambda _self: address))

    def _device(self, gpu: ImaginedGpu, registry: _Registry) -> tuple[_Device, _BufferType]:
        name = gpu.name.encode()
        device, buffer_type = _Device(), _BufferType()
        own = ctypes.addressof(buffer_type)
        if self._host is None:
            self._host = self._host_buffer_type(name + b"_Host", device)
        host = ctypes.addressof(self._host)
        say_name = self._says(name)
        backend = _Backend(
            guid=ctypes.addressof(self._keep(ctypes.create_string_buffer(name[:16], 16))),
            get_name=say_name,
            free=self._keep(_NOTHING(lambda _backend: None)),
            device=ctypes.addressof(device),
        )

        def memory(_device: int, free: Any, total: Any) -> None:
            free[0] = total[0] = gpu.memory_bytes

        def properties(_device: int, found: Any) -> None:
            found[0] = DeviceProperties(
                name, name, gpu.memory_bytes, gpu.memory_bytes, _GPU, None, True, True, False, True, False
            )

        buffer_type.get_name = say_name
        answer = self._describe_or_allocate(ctypes.addressof(device), name)
        buffer_type.alloc_buffer = _ALLOCATE(answer)
        buffer_type.get_alignment = self._keep(_SIZE(lambda _type: _ALIGNMENT))
        buffer_type.device = ctypes.addressof(device)
        device.get_name, device.get_description = say_name, _LINK(answer)
        device.get_memory = self._keep(_MEMORY(memory))
        device.get_type = self._keep(_NUMBER(lambda _device: _GPU))
        device.get_props = self._keep(_PROPERTIES(properties))
        device.init_backend = self._keep(_START(lambda _device, _parameters: ctypes.addressof(backend)))
        device.get_buffer_type = self._keep(_LINK(lambda _device: own))
        device.get_host_buffer_type = self._keep(_LINK(lambda _device: host))
        device.supports_op = self._yes
        # The scheduler asks tens of thousands of times: a device and its own buffer type begin alike.
        device.supports_buft = self._alike or self._keep(_JUDGE(lambda _device, other: other == own))
        device.offload_op = self._keep(_JUDGE(self._is_worth_copying))
        device.registry = ctypes.addressof(registry)
        self._kept += [device, buffer_type, backend]
        return device, buffer_type

    def _describe_or_allocate(self, device: int, name: bytes) -> int:
        """One function for a device's description and for its buffers, told apart by whom they are asked of.

        So that a device and its buffer type begin with the same two functions, which no other pair does.
        """
        text = ctypes.addressof(self._keep(ctypes.create_string_buffer(name)))

        def answer(asked: int, size: int) -> int | None:
            return text if asked == device else self._allocate(asked, size)

        return _address(self._keep(_ALLOCATE(answer)))

    def _host_buffer_type(self, name: bytes, device: _Device) -> _BufferType:
        """Pinned memory: ordinary memory under another name."""
        found = _BufferType()
        find_cpu = self._library.function("ggml_backend_cpu_buffer_type", _POINTER)
        allocate = self._library.function("ggml_backend_buft_alloc_buffer", _POINTER, _POINTER, ctypes.c_size_t)
        alignment = self._library.function("ggml_backend_buft_get_alignment", ctypes.c_size_t, _POINTER)(find_cpu())

        def allocated(_type: int, size: int) -> int | None:
            buffer: int | None = allocate(find_cpu(), size)
            if buffer:
                _Buffer.from_address(buffer).buffer_type = ctypes.addressof(found)
            return buffer

        found.get_name = self._says(name)
        found.alloc_buffer = self._keep(_ALLOCATE(allocated))
        found.get_alignment = self._keep(_SIZE(lambda _type: alignment))
        found.is_host = ctypes.cast(self._yes, _FLAG)
        found.device = ctypes.addressof(device)
        return found

    def _allocate(self, buffer_type: int, size: int) -> int | None:
        """A buffer of nothing: recurrent states are made, and cleared, even in a plan."""
        initialise = self._library.function(
            "ggml_backend_buffer_init", _POINTER, _POINTER, _BufferInterface, _POINTER, ctypes.c_size_t
        )
        buffer: int | None = initialise(buffer_type, self._interface, None, size)
        return buffer

    def _is_worth_copying(self, _device: int, operation: int) -> bool:
        """Whether an operation on weights in RAM is computed here; the rule of ggml's CUDA and Vulkan backends."""
        tensor = _Tensor.from_address(operation)
        shape = tensor.ne
        match self._operations.get(tensor.op):
            case "GET_ROWS":
                rows = 0
            case "MUL_MAT":
                rows = shape[1]
            case "MUL_MAT_ID" | "ROPE" | "ROPE_BACK":
                rows = shape[2]
            case _:
                rows = shape[1] * shape[2] * shape[3]
        return bool(rows >= _ROWS_WORTH_COPYING)


def _native(library: EngineLibrary, name: str) -> Any:
    """A function of the engine in place of one in Python, which costs a hundred times as much to call.

    ``llama_supports_mmap`` answers yes, whatever it is given; ``ggml_guid_matches`` compares 16 bytes. None where a
    build answers otherwise.
    """
    try:
        if name == "llama_supports_mmap" and not library.function(name, ctypes.c_bool)():
            return None
        return _JUDGE(_address(library.function(name, ctypes.c_bool)))
    except AttributeError:
        return None


def _address(function: Any) -> int:
    address = ctypes.cast(function, _POINTER).value
    assert address is not None
    return address


def _operations(library: EngineLibrary) -> dict[int, str]:
    """Numbers of the operations whose rows are counted in a way of their own."""
    name_of = library.function("ggml_op_name", ctypes.c_char_p, ctypes.c_int)
    wanted = {"GET_ROWS", "MUL_MAT", "MUL_MAT_ID", "ROPE", "ROPE_BACK"}
    names = {number: name_of(number).decode("ascii", "replace") for number in range(_MUCH_LESS_THAN_ALL)}
    return {number: name for number, name in names.items() if name in wanted}


#: The wanted operations are among the first; asking beyond the last one would read past a table.
_MUCH_LESS_THAN_ALL = 64


def _check_version(library: EngineLibrary) -> None:
    get = library.function("ggml_backend_reg_get", _POINTER, ctypes.c_size_t)
    registry = get(0)
    version = _Registry.from_address(registry).api_version if registry else 0
    if version != _API_VERSION:
        raise EngineError(
            "This engine plans loads on its own devices only, not on imagined ones.",
            "Take the forecast from the header.",
            f"backend API {version}",
        )
