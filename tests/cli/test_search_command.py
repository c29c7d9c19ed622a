from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from garden.cli.search_command import Age, ParameterCount
from tests.cli.conftest import REPO, Cli
from tests.hubserver import GgufFacts, HubServer, repository, repository_of

ROW_KEYS = {
    "repo_id", "downloads", "likes", "license", "pipeline_tag", "parameters", "gated", "base_models", "verdict",
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "count"),
    [("8B", 8 * 10**9), ("1.5b", 15 * 10**8), ("500M", 5 * 10**8), ("8", 8 * 10**9), ("8000000000", 8 * 10**9)],
)
def test_a_number_of_parameters_is_read_as_people_write_it(text: str, count: int) -> None:
    assert ParameterCount().convert(text, None, None) == count


def test_a_search_as_json_has_exactly_the_keys_of_the_contract(cli: Cli, hub: HubServer) -> None:
    ran = cli("search", "tiny", "--json")

    (row,) = ran.json
    assert set(row) == ROW_KEYS
    assert (row["repo_id"], row["downloads"], row["license"], row["gated"]) == (REPO, 1_200, "cc0-1.0", False)
    assert row["likes"] == 0


def test_a_search_that_finds_nothing_is_an_empty_list(cli: Cli, hub: HubServer) -> None:
    assert cli("search", "nothing-like-this", "--json").json == []
    assert cli("search", "nothing-like-this").out == "No model matches. Try fewer words or filters.\n"


def test_only_what_fits_can_be_asked_for(cli: Cli, hub: HubServer, tiny_model: Path) -> None:
    hub.state.put([repository_of("owner/other", tiny_model)])

    rows = cli("search", "--fits", "--json").json

    assert all(row["verdict"] in ("fits", "tight") for row in rows)


@pytest.mark.parametrize(("text", "days"), [("30", 30), ("30d", 30), ("6w", 42), ("3m", 90), ("1Y", 365)])
def test_an_age_is_read_as_people_write_it(text: str, days: int) -> None:
    assert Age().convert(text, None, None) == days


def put_shelf(hub: HubServer) -> None:
    """A dense model, a mixture of experts, and one that no machine holds."""
    dense = dataclasses.replace(
        repository("acme/Dense-2M-GGUF", **{"dense-Q4_K_M.gguf": b"GGUF", "dense-Q8_0.gguf": b"GGUF"}),
        gguf=GgufFacts(total=2_000_000, architecture="qwen3", context_length=2_048),
        license="apache-2.0", trending=1, languages=("de",), last_modified="2026-11-20T00:00:00.000Z",
    )  # fmt: skip
    mixture = dataclasses.replace(
        repository("other/Mixture-3B-A1B-GGUF", **{"mixture-Q8_0.gguf": b"GGUF"}),
        gguf=GgufFacts(total=3_000_000_000, architecture="qwen3moe", context_length=2_048),
        license="cc-by-nc-4.0", trending=2, likes=41, gated=True, last_modified="2020-01-01T00:00:00.000Z",
    )  # fmt: skip
    huge = dataclasses.replace(
        dense, repo_id="acme/Huge-GGUF", trending=3, gguf=dataclasses.replace(dense.gguf, total=10**13)  # type: ignore[type-var]  # it has one
    )  # fmt: skip
    hub.state.repositories.clear()
    hub.state.put([dense, mixture, huge])


def found(cli: Cli, *options: str) -> list[str]:
    return [row["repo_id"].partition("/")[2].partition("-")[0] for row in cli("search", *options, "--json").json]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), {"Dense", "Mixture", "Huge"}),
        (("--fits", "--max-params", "1B"), {"Dense"}),
        (("--license", "permissive"), {"Dense", "Huge"}),
        (("--license", "non-commercial"), {"Mixture"}),
        (("--license", "apache-2.0"), {"Dense", "Huge"}),
        (("--author", "other"), {"Mixture"}),
        (("--min-params", "1B", "--max-params", "9B"), {"Mixture"}),
        (("--kind", "moe"), {"Mixture"}),
        (("--quant", "q4_k_m"), {"Dense", "Huge"}),
        (("--language", "German", "--max-params", "9B"), {"Dense"}),
        (("--gated", "yes"), {"Mixture"}),
        (("--gated", "no", "--fits"), {"Dense"}),
        (("--updated", "50y", "--kind", "moe"), {"Mixture"}),
        (("--updated", "1d", "--kind", "moe"), set()),
    ],
)
def test_filters_combine(cli: Cli, hub: HubServer, options: tuple[str, ...], expected: set[str]) -> None:
    put_shelf(hub)

    assert set(found(cli, *options)) == expected


def test_what_runs_here_comes_first_unless_the_hubs_order_is_asked_for(cli: Cli, hub: HubServer) -> None:
    put_shelf(hub)

    assert found(cli)[-1] == "Huge"
    assert found(cli, "--hub-order")[0] == "Huge"
    assert found(cli, "--sort", "best-fit")[-1] == "Huge"


def test_a_row_says_what_matters(cli: Cli, hub: HubServer) -> None:
    put_shelf(hub)

    ran = cli("search", "mixture", "--kind", "moe")

    for word in ("3.0B · A1B", "MoE", "Q8_0", "cc-by-nc-4.0", "Likes", " 41 ", " y"):
        assert word in ran.out
    assert "1 shown, 1 looked through." in ran.err


#: What rows are rated for is said beside them.
BASIS = "With 16k of context and a cache of type f16.\n"


def test_how_many_are_shown_is_said_where_the_hub_has_more(cli: Cli, hub: HubServer) -> None:
    put_shelf(hub)

    assert cli("search").err == BASIS
    assert cli("search", "--limit", "2").err == f"{BASIS}2 shown; the Hub has more.\n"


def test_offline_it_says_that_this_was_seen_before(cli: Cli, hub: HubServer) -> None:
    put_shelf(hub)
    assert len(found(cli)) == 3
    assert cli("hub", "offline").code == 0
    asked = len(hub.state.requests)

    ran = cli("search", "--kind", "moe")

    assert "Mixture" in ran.out
    assert ran.err == f"{BASIS}Offline: 1 shown, 3 looked through, of what was seen before.\n"
    assert ", offline\n" in cli("hub").out
    assert len(hub.state.requests) == asked
    assert cli("hub", "online").code == 0
    assert cli("search").err == BASIS
    assert len(hub.state.requests) > asked


def test_a_switch_that_the_environment_holds_says_so(cli: Cli, hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    ran = cli("hub", "online")

    assert (ran.code, ran.out) == (1, "")
    assert "HF_HUB_OFFLINE is set" in ran.err
    assert "HF_HUB_OFFLINE is set" in cli("search", "never seen").err


def test_a_search_is_kept_found_changed_and_forgotten(cli: Cli, hub: HubServer) -> None:
    put_shelf(hub)
    kept = cli("search", "--license", "permissive", "--fits", "--save", "small ones", "--json")
    assert "Kept as “small ones”" in kept.err

    assert found(cli, "--saved", "Small Ones") == ["Dense"]
    assert found(cli, "--saved", "small ones", "--license", "cc-by-nc-4.0", "--quant", "Q4_K_M") == []
    (listed,) = cli("search", "--list-saved", "--json").json
    assert listed == {"name": "small ones", "filters": {"runs_here": True, "license_class": "permissive"}}
    assert cli("search", "--forget", "small ones").err == "Forgot “small ones”.\n"
    missing = cli("search", "--saved", "small ones")
    assert (missing.code, missing.out) == (1, "")
    assert "No search is saved as “small ones”" in missing.err


def test_bounds_that_no_model_meets_are_wrong_usage(cli: Cli, hub: HubServer) -> None:
    ran = cli("search", "--min-params", "8B", "--max-params", "1B")

    assert ran.code == 2
    assert "No model has at least 8.0B and at most 1.0B" in ran.err


@pytest.mark.parametrize("options", [("--quant", "Q9_Z"), ("--language", "Klingon"), ("--updated", "soon")])
def test_what_is_no_filter_is_one_sentence(cli: Cli, hub: HubServer, options: tuple[str, ...]) -> None:
    ran = cli("search", *options)

    assert ran.code in (1, 2)
    assert options[1] in ran.err
    assert hub.requests == []
