"""The two origins: the Hub itself (lists, pages, addresses of files) and the place that has the bytes."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import struct
import time
from http.server import BaseHTTPRequestHandler
from typing import ClassVar
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from tests.hubserver import xet
from tests.hubserver.answers import LIST_FIELDS, page, search, tree, tree_entry
from tests.hubserver.content import Content
from tests.hubserver.faults import Fault
from tests.hubserver.repository import ServedFile, ServedRepository
from tests.hubserver.state import LoggedRequest, State

_PIECE = 256 * 1024
_TREE_PAGE = 1000


class OriginHandler(BaseHTTPRequestHandler):
    """What both origins do alike: logging, faults, bodies with ranges."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 0
    origin: ClassVar[str] = ""
    state: ClassVar[State]

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing on standard error; requests are in the log."""

    def do_GET(self) -> None:
        """Answer with a body."""
        self._serve()

    def do_HEAD(self) -> None:
        """Answer without."""
        self._serve()

    def do_POST(self) -> None:
        """Answer a form."""
        self._serve()

    def _serve(self) -> None:
        self.form = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.state.requests.append(LoggedRequest(self.origin, self.command, self.path, headers))
        self.parts = urlsplit(self.path)
        self.parameters = parse_qsl(self.parts.query, keep_blank_values=True)
        fault = self.state.faults.take(self._where(), self.command, self.path)
        if fault is not None and self._answer_with(fault):
            return
        self.answer(fault)

    def _where(self) -> str:
        return "cdn"

    def answer(self, fault: Fault | None) -> None:
        """Answer the request."""
        raise NotImplementedError

    def _answer_with(self, fault: Fault) -> bool:
        match fault.kind:
            case "status":
                self.send_json({"error": "told to"}, fault.status, fault.headers)
            case "hang":
                self._wait_for_client()
            case "garbage":
                self._send_bytes(b"<html>Welcome to the hotel network</html>", 200, {"Content-Type": "text/html"})
            case "drop" | "reset" if self._where() == "api":
                self._cut(fault.kind)
            case _:
                return False
        return True

    def send_json(self, value: object, status: int = 200, headers: dict[str, str] | None = None) -> None:
        """Answer with a JSON document."""
        self._send_bytes(
            json.dumps(value).encode(), status, {"Content-Type": "application/json; charset=utf-8", **(headers or {})}
        )

    def send_error_code(self, status: int, code: str, message: str) -> None:
        """Answer as the Hub refuses: the reason in a header."""
        headers = {"X-Error-Message": message, **({"X-Error-Code": code} if code else {})}
        self.send_json({"error": message}, status, headers)

    def _send_bytes(self, body: bytes, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
            self.state.count_sent(len(body))

    def send_content(self, content: Content, headers: dict[str, str], fault: Fault | None) -> None:
        """Answer with bytes, in the range that was asked for, with the fault."""
        size = content.size_bytes
        wanted = self.range_of(size)
        if fault is not None and fault.kind == "ignore_range" and wanted:
            self.state.count_lost(min(wanted[0], fault.after_bytes or size))
            wanted = None
        if wanted is not None and wanted[0] >= size:
            self._send_bytes(b"", 416, {"Content-Range": f"bytes */{size}"})
            return
        start, stop = wanted or (0, size)
        if fault is not None and fault.kind == "gzip":
            self._send_bytes(gzip.compress(content.read(0, size)), 200, {**headers, "Content-Encoding": "gzip"})
            return
        if fault is not None and fault.kind == "wrong_range" and wanted:
            start, stop = (start + 7) % size, min(stop + 7, size)
        if fault is not None and fault.kind == "short":
            stop = min(stop, start + fault.after_bytes)
        self.send_response(206 if wanted else 200)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(stop - start))
        if wanted:
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{size}")
        self.end_headers()
        if self.command != "HEAD":
            self._send_body(content, start, stop, fault)

    def range_of(self, size: int) -> tuple[int, int] | None:
        """First byte and one after the last that are asked for."""
        text = self.headers.get("Range", "")
        if not text.startswith("bytes=") or "," in text:
            return None
        first, _, last = text[6:].partition("-")
        if not first:
            return max(0, size - int(last)), size
        return int(first), min(int(last) + 1, size) if last else size

    def _send_body(self, content: Content, start: int, stop: int, fault: Fault | None) -> None:
        kind = fault.kind if fault is not None else ""
        rate = fault.bytes_per_second if fault is not None and kind == "slow" else self.state.bytes_per_second
        sent = 0
        while start + sent < stop:
            length = min(_PIECE, stop - start - sent)
            if fault is not None and _cuts(fault):
                if sent >= fault.after_bytes:
                    self._cut(kind)
                    return
                length = min(length, fault.after_bytes - sent)
            if rate:
                length = min(length, max(1, rate // 20))
            piece = content.read(start + sent, length)
            if fault is not None and kind == "corrupt" and 0 <= (at := fault.after_bytes - start - sent) < len(piece):
                piece = piece[:at] + bytes([piece[at] ^ 1]) + piece[at + 1 :]
                self.state.count_lost(content.size_bytes)
            self.wfile.write(piece)
            self.state.count_sent(len(piece))
            sent += len(piece)
            if rate and self.state.closing.wait(0.05):
                return

    def _cut(self, kind: str) -> None:
        self.close_connection = True
        if kind == "stall":
            self._wait_for_client()
        elif kind == "reset":
            # Lingering for no time makes the kernel send RST instead of FIN.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)

    def _wait_for_client(self) -> None:
        """Say nothing until the client goes or the server ends."""
        self.close_connection = True
        self.connection.settimeout(0.05)
        while not self.state.closing.is_set():
            try:
                if not self.connection.recv(1):
                    return
            except TimeoutError:
                continue
            except OSError:
                return


def _cuts(fault: Fault) -> bool:
    return fault.kind in ("drop", "reset", "stall") or (fault.kind == "ignore_range" and fault.after_bytes > 0)


class CdnHandler(OriginHandler):
    """The other origin: signed addresses of bytes, no accounts."""

    origin = "cdn"

    def answer(self, fault: Fault | None) -> None:
        """Send the bytes behind the signature, or what the store of pieces has."""
        if xet.answer(self, fault):
            return
        content = self.state.signed(dict(self.parameters).get("X-Signature", ""))
        if content is None:
            body = b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
            self._send_bytes(body, 403, {"Content-Type": "application/xml"})
            return
        # Its own ETag is none of the Hub's hashes, as with the real one.
        headers = {"Content-Type": "application/octet-stream", "ETag": f'"{time.time_ns():x}"'}
        self.send_content(content, headers, fault)


class HubHandler(OriginHandler):
    """The Hub: lists, pages, trees, accounts, addresses of files."""

    origin = "hub"

    def _where(self) -> str:
        path = self.parts.path
        return "api" if path.startswith("/api/") and not path.startswith("/api/resolve-cache/") else "resolve"

    def answer(self, fault: Fault | None) -> None:
        """Find what was asked for."""
        segments = [unquote(segment) for segment in self.parts.path.strip("/").split("/")]
        match segments:
            case ["api", "models"]:
                self._list()
            case ["api", "whoami-v2"]:
                self._whoami()
            case ["api", "resolve-cache", "models", owner, name, revision, *path]:
                self._resolve(f"{owner}/{name}", revision, "/".join(path), fault, cached=True)
            case ["api", "models", owner, name, *rest]:
                self._model(f"{owner}/{name}", rest)
            case [owner, name, "resolve", revision, *path]:
                self._resolve(f"{owner}/{name}", revision, "/".join(path), fault, cached=False)
            case _:
                self.send_error_code(404, "", "Sorry, we can't find the page you are looking for.")

    def _token(self) -> str | None:
        return self.headers.get("Authorization", "").removeprefix("Bearer ").strip() or None

    def _account_is_bad(self) -> bool:
        token = self._token()
        if token is not None and token not in self.state.accounts:
            self.send_error_code(401, "", "Invalid credentials in Authorization header")
            return True
        return False

    def _list(self) -> None:
        if self._account_is_bad():
            return
        unknown = [value for name, value in self.parameters if name == "expand" and value not in LIST_FIELDS]
        if unknown:
            self.send_error_code(400, "", f"Invalid option: expected one of the list's fields, got {unknown[0]}")
            return
        result = search(list(self.state.repositories.values()), self.parameters, self.state.authors_of(self._token()))
        headers = {}
        if result.next_cursor is not None:
            pairs = [(name, value) for name, value in self.parameters if name != "cursor"]
            query = urlencode([*pairs, ("cursor", result.next_cursor)])
            headers["Link"] = f'<{self.state.hub_url}/api/models?{query}>; rel="next"'
        self.send_json(result.rows, headers=headers)

    def _whoami(self) -> None:
        token = self._token()
        if token not in self.state.accounts:
            self.send_error_code(401, "", "Invalid username or password.")
        else:
            role = self.state.roles.get(token, "read")
            auth = {"type": "access_token", "accessToken": {"displayName": "laptop", "role": role}}
            name = self.state.accounts[token]
            orgs = [
                {"type": "org", "name": org, "isEnterprise": False} for org in self.state.organisations.get(name, ())
            ]
            self.send_json({"type": "user", "name": name, "orgs": orgs, "auth": auth})

    def _find(self, repo_id: str) -> ServedRepository | None:
        """The repository, else the refusal: strangers are not told what is missing and what is private."""
        if self._account_is_bad():
            return None
        found = self.state.repositories.get(repo_id)
        if found is None or (found.private and self._token() is None):
            if self._token() is None:
                self.send_error_code(401, "", "Invalid username or password.")
            else:
                self.send_error_code(404, "RepoNotFound", "Repository not found")
            return None
        return found

    def _at(self, repo_id: str, revision: str) -> ServedRepository | None:
        found = self._find(repo_id)
        found = found.at(revision) if found is not None else None
        if found is not None and revision not in ("main", "HEAD", "refs/heads/main", found.commit):
            self.send_error_code(404, "RevisionNotFound", f"Invalid rev id: {revision}")
            return None
        return found

    def _model(self, repo_id: str, rest: list[str]) -> None:
        match rest:
            case [] | ["revision", _]:
                found = self._at(repo_id, rest[1] if rest else "main")
                if found is not None:
                    self.send_json(page(found, self.parameters))
            case ["tree", revision, *path]:
                self._tree(repo_id, revision, "/".join(path))
            case ["refs"]:
                found = self._find(repo_id)
                if found is not None:
                    branch = {"name": "main", "ref": "refs/heads/main", "targetCommit": found.commit}
                    self.send_json({"branches": [branch], "tags": [], "converts": []})
            case ["auth-check"]:
                found = self._find(repo_id)
                if found is not None and not self._consent_missing(found):
                    self.send_json({})
            case ["xet-read-token", revision]:
                found = self._at(repo_id, revision)
                if found is not None and not self._consent_missing(found):
                    self.send_json({}, headers=xet.key_headers(self.state))
            case ["paths-info", revision]:
                found = self._at(repo_id, revision)
                if found is not None:
                    wanted = self._wanted_paths()
                    self.send_json([tree_entry(file) for file in found.files if file.filename in wanted])
            case _:
                self.send_error_code(404, "", "Not found")

    def _wanted_paths(self) -> list[str]:
        """Of a form as the Python client sends it, or of JSON as the JavaScript client does."""
        if "json" in self.headers.get("Content-Type", ""):
            return [str(path) for path in json.loads(self.form)["paths"]]
        return [value for name, value in parse_qsl(self.form.decode()) if name == "paths"]

    def _tree(self, repo_id: str, revision: str, folder: str) -> None:
        found = self._at(repo_id, revision)
        if found is None:
            return
        single = dict(self.parameters)
        entries = tree(found, folder, single.get("recursive", "").lower() == "true")
        if entries is None:
            self.send_error_code(404, "EntryNotFound", f"{folder} does not exist on {revision}")
            return
        offset = int(single.get("cursor", "0"))
        headers = {}
        if offset + _TREE_PAGE < len(entries):
            pairs = [(name, value) for name, value in self.parameters if name != "cursor"]
            query = urlencode([*pairs, ("cursor", str(offset + _TREE_PAGE))])
            headers["Link"] = f'<{self.state.hub_url}{self.parts.path}?{query}>; rel="next"'
        self.send_json(entries[offset : offset + _TREE_PAGE], headers=headers)

    def _consent_missing(self, found: ServedRepository) -> bool:
        if not found.gated or self._token() in self.state.consented:
            return False
        status = 403 if self._token() else 401
        self.send_error_code(status, "GatedRepo", f"Access to model {found.repo_id} is restricted.")
        return True

    def _resolve(self, repo_id: str, revision: str, filename: str, fault: Fault | None, *, cached: bool) -> None:
        found = self._at(repo_id, revision)
        if found is None or self._consent_missing(found):
            return
        file = found.file(filename)
        if file is None:
            self.send_error_code(404, "EntryNotFound", "Entry not found")
            return
        etag = "f" * len(file.etag) if fault is not None and fault.kind == "etag" else file.etag
        headers = {"X-Repo-Commit": found.commit}
        if file.large:
            self._redirect_to_cdn(file, etag, headers, fault)
        elif not cached:
            place = f"/api/resolve-cache/models/{repo_id}/{found.commit}/{quote(filename)}"
            self._send_bytes(b"", 307, {**headers, "ETag": f'"{etag}"', "Location": place})
        else:
            headers["Content-Type"] = "text/plain; charset=utf-8"
            if fault is None or fault.kind != "no_etag":
                headers["ETag"] = f'"{etag}"'
            self.send_content(file.content, headers, fault)

    def _redirect_to_cdn(self, file: ServedFile, etag: str, headers: dict[str, str], fault: Fault | None) -> None:
        headers |= {"X-Linked-Size": str(file.content.size_bytes), "Location": self.state.sign(file)}
        if fault is None or fault.kind != "no_etag":
            headers["X-Linked-ETag"] = f'"{etag}"'
        if self.state.xet:
            headers["X-Xet-Hash"] = xet.xet_hash(file.content)
        body = f"Found. Redirecting to {headers['Location']}".encode()
        self._send_bytes(body, 302, {**headers, "Content-Type": "text/plain", "Vary": "Origin, Accept"})
