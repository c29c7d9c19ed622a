"""Write the pinned, hashed requirements beside this file again: ``python packaging/pin.py`` (needs ``uv`` on the path).

The files name versions and hashes for every platform and no address, so that whatever index a machine uses serves them.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent

#: What builds the engine and the editable install, without build isolation: an interrupted build then finds its tools.
BUILD_TOOLS = ("setuptools>=77", "scikit-build-core>=0.10", "cmake>=3.21", "ninja>=1.11")

ENGINE = "llama-cpp-python"


def compile_requirements(sources: list[str], output: str, *options: str) -> None:
    """Resolve ``sources`` for all platforms and Pythons from 3.11 on into ``output``."""
    command = ["uv", "pip", "compile", "--universal", "--generate-hashes", "--no-header", "--no-annotate"]
    command += ["--no-emit-index-url", "--no-emit-find-links", "--python-version", "3.11", "--quiet"]
    subprocess.run([*command, *sources, *options, "-o", str(HERE / output)], check=True)


def main() -> int:
    """Write the four files."""
    project = str(HERE.parent / "pyproject.toml")
    extras = ("--extra", "gui", "--extra", "engine")
    compile_requirements([project], "requirements.txt", *extras, "--no-emit-package", ENGINE)
    pinned = ("-c", str(HERE / "requirements.txt"))
    runtime = [line.split("==")[0] for line in (HERE / "requirements.txt").read_text().splitlines() if "==" in line]
    omitted = [option for name in runtime for option in ("--no-emit-package", name.strip())]
    compile_requirements(
        [project], "requirements-dev.txt", *extras, "--extra", "dev", *pinned, *omitted, "--no-emit-package", ENGINE
    )
    with tempfile.TemporaryDirectory() as folder:
        for output, lines in (
            ("requirements-build.txt", BUILD_TOOLS),
            ("requirements-engine.txt", (f"{ENGINE}==0.3.36",)),
        ):
            source = Path(folder) / "source.in"
            source.write_text("\n".join(lines) + "\n")
            options = ("--no-deps",) if "engine" in output else pinned
            compile_requirements([str(source)], output, *options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
