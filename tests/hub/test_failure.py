from __future__ import annotations

import itertools
import socket
import ssl

import httpx2
import pytest

from garden.hub.failure import Subject, error_from_exception, error_from_status


def _caused_by(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "sentence", "action"),
    [
        (httpx2.ProxyError("407"), "proxy", "HTTPS_PROXY"),
        (_caused_by(httpx2.ConnectError("x"), ssl.SSLCertVerificationError("own")), "certificate", "SSL_CERT_FILE"),
        (_caused_by(httpx2.ConnectError("x"), ssl.SSLError("handshake")), "secure connection", "network"),
        (_caused_by(httpx2.ConnectError("x"), socket.gaierror(-2, "unknown")), "No network", "network"),
        (_caused_by(httpx2.ConnectError("x"), ConnectionRefusedError(111, "refused")), "refuses", "Settings"),
        (httpx2.ConnectTimeout("x"), "in time", "network"),
        (httpx2.ReadTimeout("x"), "in time", "network"),
        (httpx2.ConnectError("x"), "No connection", "network"),
        (httpx2.ReadError("x"), "broke off", "network"),
        (httpx2.RemoteProtocolError("x"), "broke off", "network"),
    ],
)  # fmt: skip
def test_every_fault_is_one_sentence_and_an_action(error: Exception, sentence: str, action: str) -> None:
    told = error_from_exception(error, "hub.example")
    assert sentence in told.sentence and action in told.action
    assert told.sentence.endswith(".") and told.action.endswith(".") and "\n" not in told.sentence


def test_details_are_redacted() -> None:
    secret = httpx2.ReadError("GET https://cdn.example/f?X-Signature=abc with Bearer hf_secret123 failed")
    assert error_from_exception(secret, "h").detail == "ReadError: GET https://cdn.example/f?… with Bearer … failed"


def test_every_refusal_is_one_sentence_and_an_action() -> None:
    statuses = (400, 401, 403, 404, 407, 408, 410, 416, 429, 451, 500, 502, 503, 504, 599)
    codes = ("", "RepoNotFound", "RevisionNotFound", "EntryNotFound", "GatedRepo", "Other")
    for status, code, repo_id, with_token in itertools.product(statuses, codes, (None, "o/r"), (True, False)):
        filename, revision = ("f", "main") if repo_id else (None, None)
        subject = Subject("hub.example", repo_id, revision, filename, with_token=with_token)
        told = error_from_status(status, httpx2.Headers({"X-Error-Code": code}), subject)
        assert told.sentence.endswith(".") and told.action.endswith("."), told
        assert "None" not in str(told) and "''" not in str(told), told
