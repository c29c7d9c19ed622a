"""The store of pieces (Xet) as ``hf_xet`` asks it: which pieces make up a file, and the pieces.

A file is cut into pieces of one size, framed as the protocol frames them (uncompressed), and some of them together are
an object that is fetched by a range of its bytes. Names are made up: the client does not hold bytes against them.
"""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING

from tests.hubserver.content import Content
from tests.hubserver.faults import Fault

if TYPE_CHECKING:
    from tests.hubserver.handler import OriginHandler
    from tests.hubserver.state import State

_PIECE = 64 * 1024
_FRAME = 8

#: Pieces in an object.
_OBJECT_PIECES = 16


def xet_hash(content: Content) -> str:
    """What names a file in the store: none of its other hashes."""
    return hashlib.sha256(b"xet" + content.sha256.encode()).hexdigest()


class Framed:
    """A content's pieces one after the other, each behind its frame; itself a content.

    Args:
        content: The bytes.
    """

    def __init__(self, content: Content) -> None:
        self._content = content

    @property
    def pieces(self) -> int:
        """How many there are."""
        return -(-self._content.size_bytes // _PIECE)

    def start(self, piece: int) -> int:
        """Where a piece's frame begins; the length of all for the one after the last."""
        return min(piece * (_PIECE + _FRAME), self.size_bytes)

    @property
    def size_bytes(self) -> int:
        """Length."""
        return self._content.size_bytes + self.pieces * _FRAME

    @property
    def sha256(self) -> str:
        """Nobody asks."""
        raise NotImplementedError

    @property
    def git_sha1(self) -> str:
        """Nobody asks."""
        raise NotImplementedError

    def read(self, offset: int, length: int) -> bytes:
        """Bytes from ``offset``."""
        first, last = offset // (_PIECE + _FRAME), -(-(offset + length) // (_PIECE + _FRAME))
        framed = b"".join(map(self._framed, range(first, min(last, self.pieces))))
        at = offset - self.start(first)
        return framed[at : at + length]

    def _framed(self, piece: int) -> bytes:
        data = self._content.read(piece * _PIECE, _PIECE)
        length = len(data).to_bytes(3, "little")
        return b"\0" + length + b"\0" + length + data


def reconstruction(content: Content, start: int, stop: int, address: str) -> dict[str, object]:
    """Which pieces bytes ``start`` to ``stop`` are made of, and where they are.

    Args:
        content: The file.
        start: First byte.
        stop: One after the last.
        address: Where its pieces are read.
    """
    framed = Framed(content)
    terms: list[dict[str, object]] = []
    places: dict[str, list[dict[str, object]]] = {}
    first, end = start // _PIECE, -(-stop // _PIECE)
    piece = first
    while piece < end:
        until = min(end, (piece // _OBJECT_PIECES + 1) * _OBJECT_PIECES)
        base = piece // _OBJECT_PIECES * _OBJECT_PIECES
        name = hashlib.sha256(f"{xet_hash(content)}{base}".encode()).hexdigest()
        within = {"start": piece - base, "end": until - base}
        length = min(until * _PIECE, content.size_bytes) - piece * _PIECE
        terms.append({"hash": name, "unpacked_length": length, "range": within})
        url_range = {"start": framed.start(piece), "end": framed.start(until) - 1}
        places[name] = [{"range": within, "url": address, "url_range": url_range}]
        piece = until
    return {"offset_into_first_range": start - first * _PIECE, "terms": terms, "fetch_info": places}


def key_headers(state: State) -> dict[str, str]:
    """What the Hub says to whoever may read a repository."""
    return {
        "X-Xet-Cas-Url": state.cdn_url,
        "X-Xet-Access-Token": state.xet_key,
        "X-Xet-Token-Expiration": str(int(time.time()) + state.xet_seconds),
    }


def answer(handler: OriginHandler, fault: Fault | None) -> bool:
    """Answer for the store; False when something else was asked for."""
    state = handler.state
    match handler.parts.path.strip("/").split("/"):
        case ["v1", "reconstructions", name]:
            found = state.in_store(name)
            if handler.headers.get("Authorization") != f"Bearer {state.xet_key}":
                handler.send_json({}, 401)
            elif found is None:
                handler.send_json({}, 404)
            else:
                start, stop = handler.range_of(found.size_bytes) or (0, found.size_bytes)
                handler.send_json(reconstruction(found, start, stop, f"{state.cdn_url}/pieces/{name}"))
        case ["v2", "reconstructions", _]:
            # The client asks for the newer form first and goes back to the older one.
            handler.send_json({}, 404)
        case ["pieces", name] if (found := state.in_store(name)) is not None:
            handler.send_content(Framed(found), {"Content-Type": "application/octet-stream"}, fault)
        case _:
            return False
    return True
