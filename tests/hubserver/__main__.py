"""Serve a Hub until interrupted: ``python -m tests.hubserver --catalogue --folder DIR``."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

from garden.core.paths import resource_path
from tests.hubserver.catalogue import catalogue
from tests.hubserver.folder import folder_repositories
from tests.hubserver.repository import ServedRepository
from tests.hubserver.server import HubServer


def main() -> int:
    """Print the address on the first line, then serve."""
    parser = argparse.ArgumentParser(prog="python -m tests.hubserver", description=__doc__)
    parser.add_argument("--catalogue", action="store_true", help="serve well-known models: real headers, empty data")
    parser.add_argument("--folder", type=Path, action="append", default=[], help="serve the GGUF files of a folder")
    parser.add_argument("--port", type=int, default=0, help="port of the Hub; any free one by default")
    parser.add_argument("--token", default="hf_test", help="a token it accepts, with consent to gated repositories")
    options = parser.parse_args()
    shelf: list[ServedRepository] = []
    if options.catalogue:
        shelf += catalogue(resource_path("catalogue/models.json"))
    for folder in options.folder:
        shelf += folder_repositories(folder)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with HubServer(shelf, accounts={options.token: "tester"}, consented={options.token}, port=options.port) as hub:
        sys.stdout.write(f"{hub.endpoint}\n{len(shelf)} repositories; set HF_ENDPOINT={hub.endpoint}\n")
        sys.stdout.flush()
        stop.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
