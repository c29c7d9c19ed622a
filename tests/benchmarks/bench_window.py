"""Start of the window, to the first paint of Discover with real rows, against an empty main window of PySide6.

Each start is a fresh process; both kinds take turns, and medians are compared. The rows come from a Hub on loopback:
a first start, which is not counted, has asked it; later starts show what was seen and ask again behind the paint.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from garden.core.paths import resource_path
from tests.hubserver.catalogue import catalogue
from tests.hubserver.server import HubServer

REPETITIONS = 7
LIMIT = 2.5

_EMPTY = """
from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QApplication, QMainWindow

class Painted(QObject):
    def eventFilter(self, watched, event):
        if event.type() == QEvent.Type.Paint:
            print("painted", flush=True)
            application.quit()
        return False

application = QApplication([])
window = QMainWindow()
window.resize(1280, 800)
painted = Painted()
window.installEventFilter(painted)
window.show()
application.exec()
"""

_GARDEN = """
from tests.benchmarks.window_start import start_and_quit
start_and_quit()
"""


def main() -> int:
    """Print the ratio; 1 when it is above the limit."""
    shelf = catalogue(resource_path("catalogue/models.json"))
    with tempfile.TemporaryDirectory(prefix="garden-bench-") as scratch, HubServer(shelf) as hub:
        environment = _environment(Path(scratch), hub.endpoint)
        _seconds_to_paint(_GARDEN, environment)
        pairs = [
            (_seconds_to_paint(_EMPTY, environment), _seconds_to_paint(_GARDEN, environment))
            for _ in range(REPETITIONS)
        ]
    empty, garden = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = garden / empty
    print(
        f"start to the first paint of Discover with rows: {garden * 1000:.0f} ms, empty main window "
        f"{empty * 1000:.0f} ms, ratio {ratio:.2f} (asked: at most {LIMIT}); n={REPETITIONS}, interleaved, "
        f"{environment['QT_QPA_PLATFORM']}"
    )
    return 0 if ratio <= LIMIT else 1


def _environment(scratch: Path, endpoint: str) -> dict[str, str]:
    data = scratch / "data"
    data.mkdir(parents=True)
    # Not a first start, which would show Welcome.
    (data / "settings.json").write_text("{}")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {
        **environment,
        # Compiled modules as every start but the first finds them, without a trace in the checkout.
        "PYTHONPYCACHEPREFIX": str(scratch / "pycache"),
        "GARDEN_DATA_DIR": str(data),
        "GARDEN_CACHE_DIR": str(scratch / "cache"),
        "HF_HOME": str(scratch / "hf"),
        "HF_ENDPOINT": endpoint,
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "QT_QPA_PLATFORM": os.environ.get("QT_QPA_PLATFORM") or ("xcb" if os.environ.get("DISPLAY") else "offscreen"),
    }


def _seconds_to_paint(code: str, environment: dict[str, str]) -> float:
    """From the start of a process to the line that says it has painted."""
    started = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.strip() == "painted":
                seconds = time.perf_counter() - started
                process.stdout.read()
                return seconds
    raise RuntimeError("the window was not painted")


if __name__ == "__main__":
    sys.exit(main())
