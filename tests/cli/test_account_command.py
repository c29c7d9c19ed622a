from __future__ import annotations

import dataclasses
import io

import keyring
import pytest
from keyring.backend import KeyringBackend

from garden.services.endpoints import VARIABLE
from tests.cli.conftest import REPO, Cli
from tests.hubserver import HubServer, repository


class _Chain(KeyringBackend):
    """A keychain that holds."""

    priority = 5.0

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


@pytest.fixture
def chain(monkeypatch: pytest.MonkeyPatch) -> _Chain:
    chain = _Chain()
    monkeypatch.setattr(keyring, "get_keyring", lambda: chain)
    return chain


def _login(cli: Cli, monkeypatch: pytest.MonkeyPatch, token: str) -> tuple[int, str, str]:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{token}\n"))
    ran = cli("hub", "login")
    return ran.code, ran.out, ran.err


def test_signing_in_asking_and_signing_out(
    hub: HubServer, cli: Cli, chain: _Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.state.accounts["hf_ada1234"] = "ada"
    hub.state.organisations["ada"] = ["babbage"]

    assert _login(cli, monkeypatch, "hf_ada1234")[:2] == (0, "Signed in as ada, of babbage (read token).\n")
    assert cli("hub", "whoami", "--json").json == {"name": "ada", "organisations": ["babbage"], "role": "read"}
    assert cli("hub", "--json").json["account"]["name"] == "ada"
    assert cli("hub", "logout").code == 0
    assert chain.kept == {}
    assert cli("hub", "whoami").code == 1


def test_a_wrong_token(hub: HubServer, cli: Cli, chain: _Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    code, out, err = _login(cli, monkeypatch, "hf_wrong1234")

    assert (code, out) == (1, "")
    assert "does not accept this token; nothing was kept" in err
    assert "hf_wrong1234" not in err
    assert chain.kept == {}


def test_without_a_keychain_it_is_said_that_nothing_stays(
    hub: HubServer, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.state.accounts["hf_ada1234"] = "ada"
    code, _out, err = _login(cli, monkeypatch, "hf_ada1234")
    assert code == 1
    assert "no keychain" in err


def test_another_hub_for_one_run(hub: HubServer, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    # The option sets the variable of this process: it must not outlive the test.
    monkeypatch.setenv(VARIABLE, "")
    monkeypatch.delenv("HF_ENDPOINT")
    assert cli("hub", "add", "Office", hub.endpoint).code == 0

    assert [row["repo_id"] for row in cli("--endpoint", "office", "search", "tiny", "--json").json] == [REPO]
    monkeypatch.setenv(VARIABLE, "")
    listed = cli("hub", "list", "--json").json
    assert [(each["name"], each["in_use"]) for each in listed] == [("Hugging Face", True), ("Office", False)]
    ran = cli("--endpoint", "nowhere", "search", "tiny")
    assert ran.code == 1
    assert "nowhere" in ran.err or "not a web address" in ran.err


def test_ones_own_models_with_private_ones_marked(
    hub: HubServer, cli: Cli, chain: _Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.state.accounts["hf_ada1234"] = "ada"
    hub.state.put([dataclasses.replace(repository("ada/secret", **{"m.gguf": b"x"}), private=True)])
    assert cli("search", "--mine").code == 1
    _login(cli, monkeypatch, "hf_ada1234")

    assert "ada/secret (private)" in cli("search", "--mine").out
    assert [row["repo_id"] for row in cli("search", "--mine", "--json").json] == ["ada/secret"]
