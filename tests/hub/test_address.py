from __future__ import annotations

import pytest

from garden.core.errors import RefusedError
from garden.hub.address import Endpoint, begins_address, is_loopback, is_repo_id, parse_address, parse_repo_id


@pytest.mark.parametrize(
    "text",
    [
        "Qwen/Qwen3-8B-GGUF",
        "  Qwen/Qwen3-8B-GGUF\n",
        "Qwen/Qwen3-8B-GGUF:Q4_K_M",
        "https://huggingface.co/Qwen/Qwen3-8B-GGUF",
        "http://huggingface.co/Qwen/Qwen3-8B-GGUF/",
        "https://www.huggingface.co/Qwen/Qwen3-8B-GGUF?library=llama-cpp",
        "https://huggingface.co/Qwen/Qwen3-8B-GGUF/tree/main",
        "https://huggingface.co/Qwen/Qwen3-8B-GGUF/blob/main/Qwen3-8B-Q4_K_M.gguf#x",
        "https://huggingface.co/Qwen/Qwen3-8B-GGUF/resolve/main/a%20b.gguf?download=true",
        "https://huggingface.co/models/Qwen/Qwen3-8B-GGUF",
        "hf.co/Qwen/Qwen3-8B-GGUF:Q8_0",
        "Qwen/Qwen3-8B-GGUF/blob/main/Qwen3-8B-Q4_K_M.gguf",
        "Qwen/Qwen3-8B-GGUF/tree/main",
        "hf://Qwen/Qwen3-8B-GGUF",
        "<https://huggingface.co/Qwen/Qwen3-8B-GGUF/discussions/3>",
        "http://127.0.0.1:8080/Qwen/Qwen3-8B-GGUF",
    ],
)
def test_addresses_of_a_repository(text: str) -> None:
    assert parse_repo_id(text, "http://127.0.0.1:8080") == "Qwen/Qwen3-8B-GGUF"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "qwen",
        "qwen 3 8b",
        "a/b c",
        "https://huggingface.co/",
        "https://huggingface.co/Qwen",
        "https://huggingface.co/datasets/owner/name",
        "https://huggingface.co/spaces/owner/name",
        "https://huggingface.co/docs/transformers",
        "https://example.org/Qwen/Qwen3-8B-GGUF",
        "https://huggingface.co.example.org/Qwen/Qwen3",
        "file:///etc/passwd",
        "javascript:alert/1",
        "/home/me/model.gguf",
        "models/sub/file.gguf",
        "../..",
        "a/..",
        "a/b--c",
        "a/b.git",
        "a/" + "b" * 97,
        "x" * 5000 + "/y",
    ],
)
def test_other_texts_are_searches(text: str) -> None:
    assert parse_repo_id(text) is None


def test_names_follow_the_hubs_rules() -> None:
    assert is_repo_id("a/b")
    assert not any(is_repo_id(text) for text in ("a", "/b", "a/", "a/b/c", "-a/b", "a/b-", "a/é", "a/b\n"))


@pytest.mark.parametrize(
    "url", ["https://hub.example", "https://hub.example/", "http://localhost:8080", "https://mirror.example/hf"]
)
def test_endpoints(url: str) -> None:
    assert Endpoint.parse(url).url == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    ["", "hub.example", "ftp://hub.example", "https://", "https://u:p@hub.example", "https://h/?x", "http://h:99999"],
)
def test_what_is_no_endpoint(url: str) -> None:
    with pytest.raises(RefusedError, match=r"https://huggingface\.co"):
        Endpoint.parse(url)


@pytest.mark.parametrize(
    ("endpoint", "url", "may"),
    [
        ("https://hub.example", "https://hub.example/api/models", True),
        ("https://hub.example", "https://hub.example:443/x", True),
        ("https://hub.example", "https://cdn.hub.example/x", False),
        ("https://hub.example", "https://hub.example:8443/x", False),
        ("https://hub.example", "http://hub.example/x", False),
        ("http://hub.example", "http://hub.example/x", False),
        ("http://127.0.0.1:80", "http://127.0.0.1/x", True),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8081/x", False),
        ("http://localhost:1", "http://localhost:1/x", True),
        ("http://[::1]:1", "http://[::1]:1/x", True),
        ("http://127.0.0.1.example:1", "http://127.0.0.1.example:1/x", False),
    ],
)
def test_who_may_see_the_token(endpoint: str, url: str, may: bool) -> None:
    assert Endpoint.parse(endpoint).may_see_token(url) is may


@pytest.mark.parametrize(
    ("origin", "target", "may"),
    [
        ("https://a", "https://b/x", True),
        ("https://a", "http://b/x", False),
        ("http://a", "http://b/x", True),
        ("https://a", "file:///etc/passwd", False),
        ("https://a", "ftp://b/x", False),
    ],
)
def test_redirects_never_lose_encryption(origin: str, target: str, may: bool) -> None:
    assert Endpoint.parse("https://a").may_follow(origin, target) is may


def test_loopback_is_told_by_the_name_alone() -> None:
    assert is_loopback("127.8.9.1") and is_loopback("::1") and is_loopback("LOCALHOST")
    assert not is_loopback("10.0.0.1") and not is_loopback("localhost.example")


@pytest.mark.parametrize(
    ("text", "repo_id", "file"),
    [
        ("https://huggingface.co/o/r/blob/main/x-Q4_K_M.gguf", "o/r", "x-Q4_K_M.gguf"),
        ("https://huggingface.co/o/r/resolve/main/folder/x%20y.gguf?download=true", "o/r", "folder/x y.gguf"),
        ("huggingface.co/o/r/blob/main/x.gguf", "o/r", "x.gguf"),
        ("https://huggingface.co/o/r?show_file_info=x.gguf", "o/r", "x.gguf"),
        ("o/r/blob/main/folder/x.gguf", "o/r", "folder/x.gguf"),
        ("hf.co/o/r:Q4_K_M", "o/r", "Q4_K_M"),
        ("o/r:IQ2_M", "o/r", "IQ2_M"),
        ("https://huggingface.co/o/r/tree/main", "o/r", ""),
        ("https://huggingface.co/o/r/blob/main/", "o/r", ""),
        ("o/r", "o/r", ""),
    ],
)
def test_an_address_may_name_a_file(text: str, repo_id: str, file: str) -> None:
    address = parse_address(text)
    assert address is not None
    assert (address.repo_id, address.file) == (repo_id, file)


@pytest.mark.parametrize(
    "address",
    ["https://huggingface.co/o/r/blob/main/x.gguf", "http://127.0.0.1:8080/o/r", "hf.co/o/r:Q5_K_M", "hf://o/r"],
)
def test_an_address_is_told_from_words_while_it_is_typed(address: str) -> None:
    begun = next(end for end in range(1, len(address)) if begins_address(address[:end]))

    assert begun <= len("hf:/" if address.startswith("hf") else "ht") + 1
    assert all(begins_address(address[:end]) for end in range(begun, len(address) + 1))


@pytest.mark.parametrize("words", ["", "h", "hugging", "huggingface", "qwen 3", "Qwen/Qwen3-8B", "llama-3.1", "hft"])
def test_words_are_no_beginning_of_an_address(words: str) -> None:
    assert not begins_address(words)
