from __future__ import annotations

import subprocess
import sys

_START = """
import linecache
from garden.gui.application import make_application, make_window, prepare_garden

garden = prepare_garden()
window, _theme = make_window(make_application(), garden)
window.show_page("discover")
window.show()
window.grab()
print(sorted(name for name in linecache.cache if "garden" in name))
window.dismiss()
garden.close()
"""


def test_the_start_reads_no_sources() -> None:
    """PySide6 would read each module's for a switch that nothing here uses; its inside may be another one some day."""
    done = subprocess.run([sys.executable, "-c", _START], capture_output=True, text=True, timeout=120, check=True)

    assert done.stdout.splitlines()[0] == "[]"
