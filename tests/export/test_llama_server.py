from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from garden.core.errors import RefusedError
from garden.core.run_configuration import Adapter, RunConfiguration, Sampling
from garden.export.formats import render
from garden.export.llama_server import OPTIONS, Option, check_options, loading_line
from tests.export.values import HOSTILE, configuration, with_model

posix = pytest.mark.skipif(os.name != "posix", reason="the script is for POSIX shells")


def arguments(told: RunConfiguration, folder: Path) -> list[str]:
    """What a real shell hands to llama-server."""
    export = render("llama-server", told)
    (folder / "bin").mkdir(parents=True)
    fake = folder / "bin" / "llama-server"
    fake.write_text('#!/bin/sh\nprintf "%s\\0" "$@"\n')
    fake.chmod(0o755)
    for name, text in export.files:
        (folder / name).write_bytes(text.encode())
    done = subprocess.run(
        ["sh", str(folder / "llama-server.sh")],
        capture_output=True,
        check=True,
        cwd=folder / "bin",
        env={"PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"},
    )
    assert done.stderr == b""
    assert sorted(path.name for path in (folder / "bin").iterdir()) == ["llama-server"]
    return done.stdout.decode("utf-8", "surrogateescape").split("\0")[:-1]


@posix
def test_everything_is_written_out(tmp_path: Path) -> None:
    told = configuration(load={"type_k": "q8_0", "type_v": "q8_0", "n_gpu_layers": 12}, ask={"max_tokens": 100})

    assert arguments(told, tmp_path) == shlex.split(
        """-m /models/Tiny.Q4_1.gguf -a Tiny --host 127.0.0.1 --port 8080
        -c 2048 -b 512 -ub 512 -np 1 -ngl 12 -t 2 -tb 4 -fa on -ctk q8_0 -ctv q8_0 -lm none --repack --no-kv-unified
        --fit off --no-cache-prompt --cache-ram 0 --no-context-shift --jinja --reasoning-format none
        -n 100 -s 7 --samplers 'penalties;dry;top_n_sigma;top_k;typ_p;top_p;min_p;xtc;temperature'
        --temp 0.0 --top-k 1 --top-p 0.95 --min-p 0.05 --typical-p 1.0 --top-n-sigma -1.0 --xtc-probability 0.0
        --xtc-threshold 0.1 --repeat-last-n 64 --repeat-penalty 1.0 --frequency-penalty 0.0 --presence-penalty 0.0
        --dry-multiplier 0.0 --dry-base 1.75 --dry-allowed-length 2 --dry-penalty-last-n 2048 --no-escape"""
    )


@pytest.mark.parametrize(
    ("load", "none"),
    [
        ({"n_gpu_layers": 0}, True),
        ({"n_gpu_layers": 0, "tensor_placement": (("exps", "CPU"),)}, True),
        ({"n_gpu_layers": 0, "tensor_placement": (("exps", "CPU"), ("attn", "CUDA0"))}, False),
        ({"n_gpu_layers": 1}, False),
    ],
)
def test_the_server_leaves_gpus_alone_where_garden_does(load: dict[str, object], none: bool) -> None:
    told = configuration(load=load)
    scripts = [text for name, text in render("llama-server", told).files if name.startswith("llama-server")]

    assert len(scripts) == 2
    for text in (*scripts, loading_line(told)):
        assert (text.count("--device"), "--device none" in text) == (int(none), none)


@posix
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_reach_the_server_as_they_are(tmp_path: Path, text: str) -> None:
    template = text if text not in ("", "file", "none") else "x"
    told = configuration(ask={"stops": (text,), "template": template})
    told = with_model(told, path=f"/m/{text}.gguf", name=text, quant_type=text)

    given = arguments(told, tmp_path)

    assert given[given.index("-m") + 1] == f"/m/{text}.gguf"
    # An empty stop string would end every answer before it begins.
    assert given[-2:] == (["-r", text] if text else ["2048", "--no-escape"])
    file = Path(given[given.index("--chat-template-file") + 1])
    assert file.read_bytes().decode() == template


@posix
def test_the_whole_context_is_a_number_since_the_server_refuses_minus_one(tmp_path: Path) -> None:
    given = arguments(configuration(ask={"sampling": Sampling(repeat_last_n=-1, dry_penalty_last_n=-1)}), tmp_path)

    assert given[given.index("--repeat-last-n") + 1] == "2048"
    assert given[given.index("--dry-penalty-last-n") + 1] == "2048"


def test_a_misspelt_option_is_refused() -> None:
    with pytest.raises(RefusedError, match="--flash-atn is not an option of llama-server"):
        check_options((Option("-m", "x"), Option("--flash-atn", "on")))


def test_every_configuration_uses_known_options_only() -> None:
    loads: list[dict[str, object]] = [
        {"swa_full": True, "kv_unified": True, "repack": False, "load_mode": "mmap"},
        {"tensor_placement": (("exps", "CPU"),), "adapters": (Adapter(path="/a"), Adapter(path="/b", scale=0.5))},
    ]
    for load in loads:
        ((_, script), _, _) = render("llama-server", configuration(load=load, ask={"template": "x"})).files
        words = [word for word in shlex.split(script.split("llama-server", 1)[1]) if word.startswith("-")]
        assert {word for word in words if not word.lstrip("-").replace(".", "").isdigit()} <= OPTIONS


def test_placements_and_adapters_that_the_server_would_split_are_left_out_and_named() -> None:
    export = render(
        "llama-server",
        configuration(
            load={
                "tensor_placement": (("a=b", "CPU"), ("ffn", "CPU")),
                "adapters": (Adapter(path="C:/x.gguf", scale=0.5), Adapter(path="/a,b.gguf")),
            }
        ),
    )

    assert "-ot ffn=CPU" in export.files[0][1]
    assert "--lora" not in export.files[0][1]
    assert len([note for note in export.notes if "cannot be written" in note]) == 3


def test_both_scripts_say_the_same() -> None:
    export = render("llama-server", configuration(ask={"stops": ("it's", 'a "b"')}))
    posix_script, powershell = export.files[0][1], export.files[1][1]

    assert "-r 'it''s' `\n  -r 'a \"b\"'" in powershell
    assert powershell.count("`\n  -") == posix_script.count("\\\n  -")
    assert any("PowerShell 7.3" in note for note in export.notes)


def test_what_the_server_has_no_option_for_is_said() -> None:
    export = render(
        "llama-server", configuration(load={"flash_attention": "auto"}, ask={"system_prompt": "x", "template": "none"})
    )

    text = " ".join(export.notes)
    assert "no option for a system prompt" in text
    assert "/completion" in text
    assert "left to the engine (auto)" in text
    assert "-fa auto" in export.files[0][1]


def test_a_model_on_the_hub_is_fetched_by_the_server() -> None:
    export = render("llama-server", with_model(configuration(), path=None, repo_id="o/M", quant_type="Q8_0"))

    assert "-hf o/M:Q8_0" in export.files[0][1]


@posix
def test_the_loading_line_says_what_the_script_says(tmp_path: Path) -> None:
    told = configuration(
        load={"type_k": "q8_0", "n_sequences": 2, "swa_full": True, "tensor_placement": ((r"blk\.(0|1)\.ffn", "CPU"),)}
    )

    line = shlex.split(loading_line(told))
    script = arguments(told, tmp_path)

    assert line[0] == "llama-server"
    start = script.index("-c")
    assert line[1:3] == script[:2]
    loading = line[3:]
    cut = script[start : script.index("--fit") + 2]
    assert loading[: len(cut)] == cut
    rest = loading[len(cut) :]
    assert rest == ["--swa-full", "-ot", r"blk\.(0|1)\.ffn=CPU"]
    assert all(word in script for word in rest)


def test_a_file_without_a_type_is_named_itself() -> None:
    told = with_model(configuration(), path=None, repo_id="a/b", quant_type=None, filenames=("odd.gguf",))

    assert loading_line(told).startswith("llama-server -hf a/b -hff odd.gguf -c ")
