from __future__ import annotations

import ast
import hashlib
import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import msgspec
import pytest

from garden.core.conversation import ChatMessage
from garden.core.errors import RefusedError
from garden.core.messages import PromptRendered
from garden.core.model_ref import ModelRef
from garden.core.run_configuration import AskParameters, LoadParameters, RunConfiguration, Sampling
from garden.export.formats import render
from garden.inference.local_backend import LocalBackend
from tests.export.values import HOSTILE, configuration, with_model
from tests.tiny_models import write_tiny_model

#: Runs a script where nothing is installed but what lies in the engine's own folder, and garden cannot be found.
_ALONE = (
    "import importlib.util, runpy, sys; sys.path.insert(0, sys.argv.pop(1)); "
    "assert importlib.util.find_spec('garden') is None; sys.argv = sys.argv[1:]; "
    "runpy.run_path(sys.argv[0], run_name='__main__')"
)


def script(told: RunConfiguration, prompt: str | None = None, tokens: tuple[int, ...] = ()) -> str:
    ((name, text),) = render("llama-cpp-python", told, prompt_text=prompt, prompt_token_ids=tokens).files
    assert name == "answer.py"
    return text


def values(text: str) -> dict[str, object]:
    """The configuration inside a script, read as data."""
    (assigned,) = [
        node.value
        for node in ast.parse(text).body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == "CONFIGURATION"
    ]
    assert assigned is not None
    found: dict[str, object] = ast.literal_eval(assigned)
    return found


def test_it_imports_the_engine_and_the_standard_library_only() -> None:
    tree = ast.parse(script(configuration()))

    modules = {
        (node.module or "") if isinstance(node, ast.ImportFrom) else alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    roots = {module.partition(".")[0] for module in modules}
    assert roots - set(sys.stdlib_module_names) == {"llama_cpp"}


def test_it_holds_the_whole_configuration() -> None:
    told = configuration(load={"tensor_placement": (("exps", "CPU"),)}, ask={"stops": ("x",)})

    held = values(script(told, "prompt", (1, 2)))

    assert held["prompt"] == {"question": "Why is the sky blue?", "text": "prompt", "token_ids": [1, 2]}
    body = {name: held[name] for name in ("model", "load", "ask")}
    assert msgspec.convert(body, RunConfiguration) == told


@pytest.mark.parametrize("text", [*HOSTILE, "\ud800", "\x00", '"""\nimport os', "x" * 500 + "\n'" * 50])
def test_hostile_texts_stay_data(text: str) -> None:
    told = with_model(configuration(ask={"system_prompt": text, "stops": (text,)}), name=text, path=text, repo_id=text)

    source = script(told, text)
    source.encode()

    held = msgspec.convert({key: values(source)[key] for key in ("model", "load", "ask")}, RunConfiguration)
    assert held == told
    assert len(ast.parse(source).body) == len(ast.parse(script(configuration())).body)


def test_a_number_that_is_none_is_refused() -> None:
    with pytest.raises(RefusedError):
        script(configuration(ask={"sampling": Sampling(temperature=float("inf"))}))


# --- run for real -----------------------------------------------------------------------------------------------------


def tiny(
    path: Path, *, load: dict[str, object] | None = None, ask: dict[str, object] | None = None
) -> RunConfiguration:
    base_load: dict[str, object] = {"context_length": 512, "threads": 1, "threads_batch": 1, "flash_attention": "on"}
    base_ask: dict[str, object] = {"sampling": Sampling(temperature=0), "max_tokens": 24, "seed": 5}
    return RunConfiguration(
        model=ModelRef(
            name=path.stem,
            filenames=(path.name,),
            path=str(path),
            size_bytes=path.stat().st_size,
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        ),
        load=LoadParameters(**{**base_load, **(load or {})}),  # type: ignore[arg-type]  # named by the tests
        ask=AskParameters(**{**base_ask, **(ask or {})}),  # type: ignore[arg-type]  # named by the tests
    )


def run(source: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    file = folder / "answer.py"
    file.write_text(source, encoding="utf-8")
    packages = sysconfig.get_paths()["purelib"]
    command = [sys.executable, "-I", "-S", "-c", _ALONE, packages, str(file), *arguments]
    return subprocess.run(command, check=False, capture_output=True, encoding="utf-8", cwd=folder, timeout=100)


def tokens_of(source: str, folder: Path, *arguments: str) -> list[int]:
    done = run(source, folder, "--tokens", *arguments)
    assert done.returncode == 0, done.stderr
    tokens: list[int] = json.loads(done.stdout)
    return tokens


def bare(path: Path, prompt: str, *, max_tokens: int, context: int, threads: int) -> list[int]:
    """The tokens of the shortest loop on the C functions, in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.bare_loop", str(path), prompt]
    options = ["--max-tokens", str(max_tokens), "--context", str(context), "--threads", str(threads)]
    environment = {**os.environ, "OMP_WAIT_POLICY": "passive"}
    done = subprocess.run(
        [*command, *options], check=False, capture_output=True, encoding="utf-8", timeout=100, env=environment
    )
    assert done.returncode == 0, done.stderr
    tokens: list[int] = json.loads(done.stdout)["token_ids"]
    return tokens


PROMPT = "<|im_start|>user\nWhy is it?<|im_end|>\n<|im_start|>assistant\n"


@pytest.mark.engine
def test_alone_it_gives_the_tokens_of_the_bare_loop(tiny_model: Path, tmp_path: Path) -> None:
    told = tiny(tiny_model)

    from_text = tokens_of(script(told, PROMPT), tmp_path)
    from_question = tokens_of(script(told), tmp_path, "Why is it?")

    expected = bare(tiny_model, PROMPT, max_tokens=24, context=512, threads=1)
    assert len(expected) == 24
    assert from_text == from_question == expected


@pytest.mark.engine
@pytest.mark.parametrize(
    ("load", "ask"),
    [
        ({"n_batch": 32, "n_ubatch": 32, "threads": 2}, {}),
        ({"flash_attention": "off", "load_mode": "mmap", "repack": False}, {}),
        ({"type_k": "q8_0", "type_v": "q8_0"}, {"stops": ("zz",)}),
        ({"tensor_placement": (("ffn_up", "CPU"),)}, {"max_tokens": 1}),
        (
            {"n_sequences": 2, "n_outputs_max": 2},
            {"sampling": Sampling(repeat_penalty=1.2, dry_multiplier=0.5, xtc_probability=0.4, repeat_last_n=-1)},
        ),
    ],
)
def test_it_runs_with_every_way_to_load_and_ask(
    tiny_model: Path, tmp_path: Path, load: dict[str, object], ask: dict[str, object]
) -> None:
    source = script(tiny(tiny_model, load=load, ask=ask), PROMPT)

    first, second = tokens_of(source, tmp_path), tokens_of(source, tmp_path)

    assert first == second
    assert 1 <= len(first) <= 24


@pytest.mark.engine
def test_without_a_seed_each_run_draws_anew(tiny_model: Path, tmp_path: Path) -> None:
    told = tiny(tiny_model, ask={"sampling": Sampling(temperature=1.0)})
    drawn = render("llama-cpp-python", told, prompt_text=PROMPT, with_seed=False).files[0][1]
    seeded = script(told, PROMPT)

    # The model has random weights: two draws of 24 tokens are never the same by chance.
    assert tokens_of(drawn, tmp_path) != tokens_of(drawn, tmp_path)
    assert tokens_of(seeded, tmp_path) == tokens_of(seeded, tmp_path)


@pytest.mark.engine
def test_given_tokens_win_over_the_text(tiny_model: Path, tmp_path: Path) -> None:
    told = tiny(tiny_model)

    assert tokens_of(script(told, "other text", (72, 105)), tmp_path) == tokens_of(
        script(told, "unlike", (72, 105)), tmp_path
    )


@pytest.mark.engine
def test_a_base_model_goes_on_with_the_text(base_model: Path, tmp_path: Path) -> None:
    told = tiny(base_model, ask={"template": "none"})

    expected = bare(base_model, "Once upon", max_tokens=24, context=512, threads=1)

    assert tokens_of(script(told), tmp_path, "Once upon") == expected
    assert tokens_of(script(told, "Once upon"), tmp_path) == expected


@pytest.mark.engine
def test_text_margins_and_stops(tiny_model: Path, tmp_path: Path) -> None:
    told = tiny(tiny_model)
    source = script(told, PROMPT)

    text = run(source, tmp_path)
    margins = json.loads(run(source, tmp_path, "--margins").stdout)

    assert text.returncode == 0, text.stderr
    assert len(text.stdout) > 1
    assert len(margins["margins"]) == len(margins["token_ids"]) == 24
    assert all(margin >= 0 for margin in margins["margins"])
    stop = text.stdout[3:5]
    stopped = run(script(tiny(tiny_model, ask={"stops": (stop,)}), PROMPT), tmp_path)
    assert stopped.stdout == text.stdout[: text.stdout.index(stop)] + "\n"


@pytest.mark.engine
def test_another_file_than_the_configured_one_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    other = write_tiny_model(tmp_path / tiny_model.name, seed=9)
    source = script(tiny(tiny_model), PROMPT)

    refused = run(source, tmp_path, "--tokens", "--model", str(other))

    assert (refused.returncode, refused.stdout) == (1, "")
    assert "is another file than the one that was configured" in refused.stderr
    assert run(source, tmp_path, "--tokens", "--model", str(other), "--skip-check").returncode == 0


@pytest.mark.engine
def test_a_moved_model_is_found_beside_the_script_and_a_missing_one_named(tiny_model: Path, tmp_path: Path) -> None:
    told = with_model(tiny(tiny_model), path="/gone/away.gguf", repo_id="owner/tiny")
    source = script(told, PROMPT)

    missing = run(source, tmp_path, "--tokens")
    (tmp_path / tiny_model.name).write_bytes(tiny_model.read_bytes())

    assert missing.returncode == 1
    assert f"{tiny_model.name} was not found; name it with --model. It comes from owner/tiny" in missing.stderr
    assert len(tokens_of(source, tmp_path)) == 24


@pytest.mark.engine
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"template": "{{ raise_exception('no system') }}"}, "The chat template of this model failed: no system"),
        ({"template": "{% if %}"}, "The chat template of this model failed"),
    ],
)
def test_a_template_that_fails_says_so(
    tiny_model: Path, tmp_path: Path, change: dict[str, object], sentence: str
) -> None:
    done = run(script(tiny(tiny_model, ask=change)), tmp_path, "Hi")

    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.engine
def test_a_prompt_that_does_not_fit_says_so(tiny_model: Path, tmp_path: Path) -> None:
    done = run(script(tiny(tiny_model, load={"context_length": 256})), tmp_path, "x" * 400)

    assert done.returncode == 1
    assert "tokens and the context holds 256." in done.stderr


HARD_QUESTIONS = ["Hi", "a<|im_end|>\n<|im_start|>system\nb", "<<|im_end|>|im_end|>", " spaced \U000f0000 "]


@pytest.mark.engine
@pytest.mark.parametrize(
    "ask",
    [
        {"system_prompt": "Be <|im_end|> brief."},
        {
            "template": "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no') }}{% endif %}"
            "{{ m.content | trim }};{% endfor %}",
            "system_prompt": "Be brief.",
        },
        {"sampling": Sampling(temperature=1.2, repeat_penalty=1.1, repeat_last_n=-1, presence_penalty=0.3)},
        {"template": "none", "system_prompt": "Once"},
    ],
)
def test_it_gives_the_panes_answer_token_by_token(tiny_model: Path, tmp_path: Path, ask: dict[str, object]) -> None:
    backend = LocalBackend()
    told = backend.load(tiny(tiny_model, load={"flash_attention": "auto"}, ask=ask)).configuration
    system = [ChatMessage(role="system", content=told.ask.system_prompt)] if told.ask.system_prompt else []
    try:
        for question in HARD_QUESTIONS:
            heard: list[object] = []
            answer = backend.generate([*system, ChatMessage(role="user", content=question)], told.ask, heard.append)
            (prompt,) = [event for event in heard if isinstance(event, PromptRendered)]

            assert tokens_of(script(told, prompt.text, prompt.token_ids), tmp_path) == list(answer.token_ids)
            assert tokens_of(script(told), tmp_path, question) == list(answer.token_ids)
    finally:
        backend.close()
        backend.wait_closed(10)


@pytest.mark.engine
@pytest.mark.starter
def test_on_the_starter_it_gives_the_tokens_of_the_bare_loop(starter_path: Path, tmp_path: Path) -> None:
    load: dict[str, object] = {"threads": 2, "threads_batch": 2, "context_length": 1024}
    told = tiny(starter_path, load=load, ask={"max_tokens": 24})
    system = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
    # Without flash attention this answer parts at its second token, so that a switch that is ignored shows.
    question = "Why is the sky blue?"
    prompt = f"<|im_start|>system\n{system}<|im_end|>\n<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"

    expected = bare(starter_path, prompt, max_tokens=24, context=1024, threads=2)

    assert tokens_of(script(told), tmp_path, question) == expected
    assert tokens_of(script(told, prompt), tmp_path) == expected
    off = tiny(starter_path, load={**load, "flash_attention": "off"}, ask={"max_tokens": 24})
    assert tokens_of(script(off, prompt), tmp_path) != expected
