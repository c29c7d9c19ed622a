"""Backends for tests: small libraries compiled here that do one thing wrong each, and archives that hold them."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

#: ggml of the engine that the project pins, but for its last number.
FITTING_GGML = "0.25.0"

#: What the engine asks of a plug-in first (GGML_BACKEND_API_VERSION).
API_VERSION = 2

_REGISTRY = """
#include <stddef.h>
struct registry {{
    int api_version;
    const char * (*name)(void *);
    size_t (*count)(void *);
    void * (*device)(void *, size_t);
    void * (*address)(void *, const char *);
    void * context;
}};
static const char * name(void * r) {{ return "Made"; }}
static size_t count(void * r) {{ return 0; }}
static void * device(void * r, size_t i) {{ return NULL; }}
static void * address(void * r, const char * n) {{ return NULL; }}
static struct registry made = {{ {version}, name, count, device, address, NULL }};
void * ggml_backend_init(void) {{ return &made; }}
"""

SOURCES = {
    "no device": _REGISTRY.format(version=API_VERSION),
    "another interface": _REGISTRY.format(version=99),
    "no backend": "int answer(void) { return 42; }",
    "crashes": "#include <stdlib.h>\n__attribute__((constructor)) static void start(void) { abort(); }",
    "ends": "#include <unistd.h>\n__attribute__((constructor)) static void start(void) { _exit(0); }",
    "hangs": "#include <unistd.h>\n__attribute__((constructor)) static void start(void) { for (;;) sleep(60); }",
}


def compiled(folder: Path, behaviour: str) -> Path:
    """A library that behaves so, with a libggml-base beside it that says it fits."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler is here, so no backend that misbehaves can be made")
    folder.mkdir(parents=True, exist_ok=True)
    library = folder / "libggml-made.so"
    source = folder / "made.c"
    source.write_text(SOURCES[behaviour])
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=True)
    source.unlink()
    (folder / "libggml-base.so.0").write_bytes(base_of(FITTING_GGML))
    return library


def base_of(version: str) -> bytes:
    """What stands for a libggml-base of some version; it is read, never loaded."""
    return b"\x7fELF\x00" + bytes(range(1, 40)) + b"\x00" + version.encode() + b"\x003333333\x00"


def archive_of(path: Path, members: Mapping[str, bytes]) -> Path:
    """A gzipped tar of some files, as npm packs them."""
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path
