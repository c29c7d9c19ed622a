from __future__ import annotations

from pathlib import Path

import pytest

from garden.core.errors import StateError
from garden.store.token_store import TokenStore, system_keychain

HUB = "https://huggingface.co"


class FakeKeychain:
    def __init__(self, *, broken: bool = False) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.broken = broken

    def get_password(self, service_name: str, username: str) -> str | None:
        if self.broken:
            raise RuntimeError("locked")
        return self.kept.get((service_name, username))

    def set_password(self, service_name: str, username: str, password: str) -> None:
        if self.broken:
            raise RuntimeError("locked")
        self.kept[service_name, username] = password

    def delete_password(self, service_name: str, username: str) -> None:
        if self.broken:
            raise RuntimeError("locked")
        if (service_name, username) not in self.kept:
            raise LookupError("nothing of that name")
        del self.kept[service_name, username]


def test_a_token_goes_into_the_keychain_and_comes_back_in_the_next_session() -> None:
    keychain = FakeKeychain()
    TokenStore(keychain).set(HUB, " hf_secret\n")

    next_session = TokenStore(keychain)

    assert (next_session.get(HUB), next_session.place(HUB)) == ("hf_secret", "keychain")


def test_a_token_belongs_to_one_host() -> None:
    store = TokenStore(FakeKeychain())
    store.set(HUB, "hf_secret")

    assert store.get("https://mirror.example") is None
    assert store.get("https://user@HUGGINGFACE.co/") == "hf_secret"


@pytest.mark.parametrize("keychain", [None, FakeKeychain(broken=True)])
def test_without_a_keychain_it_lives_for_the_session(keychain: FakeKeychain | None) -> None:
    store = TokenStore(keychain)
    store.set(HUB, "hf_secret")

    assert (store.get(HUB), store.place(HUB)) == ("hf_secret", "session")
    assert TokenStore(keychain).place(HUB) == "none"


def test_forgetting_removes_it_everywhere() -> None:
    keychain = FakeKeychain()
    store = TokenStore(keychain)
    store.set(HUB, "hf_secret")

    store.set(HUB, None)

    assert (store.get(HUB), store.place(HUB), keychain.kept) == (None, "none", {})


def test_a_token_that_a_locked_keychain_keeps_is_not_said_to_be_forgotten() -> None:
    keychain = FakeKeychain()
    store = TokenStore(keychain)
    store.set(HUB, "hf_secret")
    keychain.broken = True

    with pytest.raises(StateError, match="still in the keychain") as caught:
        store.set(HUB, None)

    assert "Unlock" in caught.value.action
    assert "hf_secret" not in f"{caught.value.sentence}{caught.value.action}{caught.value.detail}"
    assert (store.get(HUB), store.place(HUB)) == ("hf_secret", "keychain")

    keychain.broken = False
    store.set(HUB, None)
    assert (store.get(HUB), TokenStore(keychain).get(HUB)) == (None, None)


def test_a_newer_token_of_the_session_does_not_hide_the_one_that_stays_in_the_keychain() -> None:
    keychain = FakeKeychain()
    store = TokenStore(keychain)
    store.set(HUB, "hf_secret")
    keychain.broken = True
    store.set(HUB, "hf_newer")
    assert store.place(HUB) == "session"

    with pytest.raises(StateError, match="still in the keychain"):
        store.set(HUB, None)


@pytest.mark.parametrize("keychain", [None, FakeKeychain(), FakeKeychain(broken=True)])
def test_forgetting_what_no_keychain_holds_is_done(keychain: FakeKeychain | None) -> None:
    store = TokenStore(keychain)
    if keychain is None or keychain.broken:
        store.set(HUB, "hf_secret")

    store.set(HUB, None)

    assert (store.get(HUB), store.place(HUB)) == (None, "none")


@pytest.mark.parametrize("text", ["", "   ", "hf_a b", "hf_\r\nX: y", "hf_ä"])
def test_what_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(StateError, match="not a token"):
        TokenStore(None).set(HUB, text)


def test_a_token_of_other_tools_is_offered_and_used_only_with_consent(data_dirs: Path) -> None:
    file = data_dirs / "hf" / "token"
    file.parent.mkdir(parents=True)
    file.write_text("hf_elsewhere\n")
    store = TokenStore(FakeKeychain())

    found = store.found_elsewhere(HUB)

    assert found is not None
    assert found.place == str(file)
    assert store.found_elsewhere("https://mirror.example") is None
    assert "hf_elsewhere" not in repr(found)
    assert store.get(HUB) is None
    assert store.get(HUB, use_existing=True) == "hf_elsewhere"
    assert store.get("https://mirror.example", use_existing=True) is None


def test_a_variable_goes_before_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_variable")

    assert TokenStore(None).get(HUB, use_existing=True) == "hf_variable"


def test_a_keychain_that_keeps_nothing_is_none() -> None:
    assert system_keychain() is None
