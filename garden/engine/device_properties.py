"""What ggml tells of a device beside its memory: ``ggml_backend_dev_props`` of ``ggml-backend.h``."""

from __future__ import annotations

import ctypes


class DeviceProperties(ctypes.Structure):
    """The structure, as API version 2 of ggml's backends lays it out.

    ``device_id`` is where the device is on the PCI bus (``0000:01:00.0``), null where it is on none.
    """

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("description", ctypes.c_char_p),
        ("memory_free", ctypes.c_size_t),
        ("memory_total", ctypes.c_size_t),
        ("kind", ctypes.c_int),
        ("device_id", ctypes.c_char_p),
        ("runs_async", ctypes.c_bool),
        ("host_buffer", ctypes.c_bool),
        ("buffer_from_host_ptr", ctypes.c_bool),
        ("events", ctypes.c_bool),
        ("mmap_support", ctypes.c_bool),
    )
