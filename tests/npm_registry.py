"""A registry on this machine that the real npm is pointed at."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import unquote


class NpmRegistry:
    """Serves one version of one package.

    Args:
        package: Its name.
        version: Of it.
        archive: What is inside.
        promised: The hash that the registry itself tells; that of the archive by default.
        bytes_per_second: How fast; 0 does not wait.

    Attributes:
        asked: Paths that were asked for.
    """

    def __init__(
        self, package: str, version: str, archive: bytes, *, promised: bytes | None = None, bytes_per_second: int = 0
    ) -> None:
        self._archive = archive
        self._rate = bytes_per_second
        self.asked: list[str] = []
        digest = base64.b64encode(hashlib.sha512(archive if promised is None else promised).digest()).decode()
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                registry.asked.append(unquote(self.path))
                if self.path == "/archive.tgz":
                    self._answer(200, archive)
                elif unquote(self.path) == f"/{package}":
                    dist = {"tarball": f"{registry.address}archive.tgz", "integrity": f"sha512-{digest}"}
                    scripts = dict.fromkeys(("preinstall", "install", "postinstall", "prepack"), "touch ran")
                    made = {"name": package, "version": version, "dist": dist, "scripts": scripts}
                    document = {"name": package, "dist-tags": {"latest": version}, "versions": {version: made}}
                    self._answer(200, json.dumps(document).encode())
                else:
                    self._answer(404, b"{}")

            def _answer(self, code: int, body: bytes) -> None:
                self.send_response(code)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                step = max(1, registry._rate // 20) if registry._rate else len(body) or 1
                for start in range(0, len(body), step):
                    try:
                        self.wfile.write(body[start : start + step])
                    except OSError:
                        return
                    if registry._rate:
                        time.sleep(0.05)

            def log_message(self, *_arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="npm-registry", daemon=True)

    @property
    def address(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._server.server_port}/"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
