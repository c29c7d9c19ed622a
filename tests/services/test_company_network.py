"""A company's network: a proxy that wants a password, and a Hub whose certificate a private authority has signed."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from garden.core.errors import HubUnreachableError
from garden.hub.search_query import SearchQuery
from garden.services.garden import Garden
from garden.services.target import HubTarget
from tests.hubserver import HubServer, repository_of
from tests.hubserver.relay import Proxy, TlsFront

TOKEN = "hf_ada1234"
USER, PASSWORD = "ada", "analytical engine"
_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")
_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def _openssl(folder: Path, *arguments: str) -> None:
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("the openssl program is not here, which makes the certificates")
    subprocess.run([program, *arguments], cwd=folder, check=True, capture_output=True, timeout=60)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a private authority (``ca.pem``) and a certificate that it has signed (``cert.pem``, ``cert.key``)."""
    folder = tmp_path_factory.mktemp("authority")
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    (folder / "names").write_text("subjectAltName=DNS:hub.test,DNS:cdn.test\nbasicConstraints=CA:FALSE\n")
    _openssl(
        folder, "req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2",
        "-subj", "/CN=Test authority",
        "-addext", "keyUsage=critical,keyCertSign",
    )  # fmt: skip
    _openssl(folder, "req", *key, "-keyout", "cert.key", "-out", "cert.csr", "-subj", "/CN=hub.test")
    _openssl(
        folder, "x509", "-req", "-in", "cert.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
        "-days", "2", "-extfile", "names", "-out", "cert.pem",
    )  # fmt: skip
    return folder


@dataclass
class Company:
    """The network: a Hub that is reached through the proxy alone, by a name that nobody else knows."""

    hub: HubServer
    proxy: Proxy


@pytest.fixture
def company(tiny_model: Path, authority: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Company]:
    for name in (*_VARIABLES, *_BUNDLES):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / "cert.pem", authority / "cert.key")
    with HubServer([repository_of("owner/tiny", tiny_model)], accounts={TOKEN: "ada"}) as hub:
        plain = {name: urlsplit(url).port or 0 for name, url in (("hub", hub.endpoint), ("cdn", hub.cdn))}
        hub.state.hub_url, hub.state.cdn_url = "https://hub.test", "https://cdn.test"
        with TlsFront(context, plain["hub"]) as secure_hub, TlsFront(context, plain["cdn"]) as secure_cdn:
            ports = {"hub.test:443": secure_hub.port, "cdn.test:443": secure_cdn.port, "hub.test:80": plain["hub"]}
            with Proxy(ports, USER, PASSWORD) as proxy:
                _use_proxy(monkeypatch, proxy, PASSWORD.replace(" ", "%20"))
                monkeypatch.setenv("HF_ENDPOINT", "https://hub.test")
                yield Company(hub, proxy)


def _use_proxy(monkeypatch: pytest.MonkeyPatch, proxy: Proxy, password: str) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, f"http://{USER}:{password}@127.0.0.1:{proxy.port}")


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", *_BUNDLES])
def test_everything_goes_through_the_proxy_and_trusts_the_companys_authority(
    company: Company, authority: Path, garden: Garden, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, str(authority / "ca.pem"))

    garden.catalog.account.sign_in(TOKEN).result(30)
    assert garden.catalog.account.current().result(30).name == "ada"
    assert garden.catalog.search(SearchQuery()).result(30).rows
    # In a child of its own, bytes from the other origin.
    entry = garden.library.download_target(HubTarget("owner/tiny", "F16")).result(60)

    assert entry.ref.sha256
    assert {line.split()[1] for line in company.proxy.seen} == {"hub.test:443", "cdn.test:443"}
    for request in company.hub.requests:
        sent = request.headers.get("authorization")
        assert sent == (f"Bearer {TOKEN}" if request.origin == "hub" else None)
        assert "proxy-authorization" not in request.headers


def test_an_authority_that_is_not_known_is_told(company: Company, garden: Garden) -> None:
    with pytest.raises(HubUnreachableError, match=r"certificate of hub\.test is not trusted") as caught:
        garden.catalog.search(SearchQuery()).result(30)

    assert "SSL_CERT_FILE" in caught.value.action
    assert company.hub.requests == []


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", *_BUNDLES])
@pytest.mark.parametrize("content", [None, b"no certificate"])
def test_a_file_that_holds_no_certificate_is_named(
    company: Company,
    garden: Garden,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    content: bytes | None,
) -> None:
    if content is not None:
        (tmp_path / "own.pem").write_bytes(content)
    monkeypatch.setenv(variable, str(tmp_path / "own.pem"))

    with pytest.raises(HubUnreachableError, match=variable):
        garden.catalog.search(SearchQuery()).result(30)


def test_a_wrong_password_is_told(
    company: Company, authority: Path, garden: Garden, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority / "ca.pem"))
    _use_proxy(monkeypatch, company.proxy, "wrong")

    with pytest.raises(HubUnreachableError, match="proxy") as caught:
        garden.catalog.search(SearchQuery()).result(30)

    assert "HTTPS_PROXY" in caught.value.action
    assert "wrong" not in caught.value.detail
    assert set(company.proxy.seen) == {"407"}
    assert company.hub.requests == []


def test_a_hub_without_tls_goes_through_the_proxy_and_gets_no_token(
    company: Company, garden: Garden, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.test")
    garden.settings.set_token(TOKEN)

    assert garden.catalog.search(SearchQuery()).result(30).rows

    assert [line.split()[0] for line in company.proxy.seen] == ["GET"]
    assert "authorization" not in company.hub.requests[0].headers
