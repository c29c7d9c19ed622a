"""A child that asks the engine what projectors take: ``python -m tests.fit.projector_child FILE …``."""

from __future__ import annotations

import ctypes
import json
import sys
from pathlib import Path

import llama_cpp
from llama_cpp import mtmd_cpp

#: std::map<ggml_backend_dev_t, size_t> mtmd_get_memory_usage(const char *, mtmd_context_params), with libstdc++.
_SYMBOL = "_Z21mtmd_get_memory_usagePKc19mtmd_context_params"


class _Map(ctypes.Structure):
    _fields_ = (("words", ctypes.c_uint64 * 6),)


def held_bytes(path: str) -> int:
    """Bytes of weights and compute on all devices, without loading anything."""
    library = ctypes.CDLL(str(Path(llama_cpp.__file__).parent / "lib" / "libmtmd.so"))
    function = library[_SYMBOL]
    function.restype, function.argtypes = _Map, [ctypes.c_char_p, mtmd_cpp.mtmd_context_params]
    parameters = mtmd_cpp.mtmd_context_params_default()
    parameters.use_gpu = False
    found = function(path.encode(), parameters).words
    total, pending = 0, [found[2]] if found[5] else []
    while pending:
        node = pending.pop()
        if node:
            pending += list((ctypes.c_uint64 * 2).from_address(node + 16))
            total += ctypes.c_uint64.from_address(node + 40).value
    return total


if __name__ == "__main__":
    llama_cpp.llama_backend_init()
    sys.stdout.write(json.dumps({path: held_bytes(path) for path in sys.argv[1:]}) + "\n")
