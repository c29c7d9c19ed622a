"""Runs commands: most in this process, those about signals and start-up in one of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from garden.cli.program import run
from tests.hubserver import HubServer, repository_of

REPO = "owner/Tiny-Chat-GGUF"


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its one JSON document."""
        return json.loads(self.out)

    @property
    def events(self) -> list[dict[str, Any]]:
        """Its events, one per line."""
        return [json.loads(line) for line in self.out.splitlines()]


Cli = Callable[..., Ran]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], data_dirs: Path) -> Cli:
    """``cli("fit", "starter")`` runs a command here."""

    def call(*arguments: str, render_pages: Callable[[str], list[str]] = lambda _folder: []) -> Ran:
        capsys.readouterr()
        code = run(list(arguments), open_window=lambda: 0, render_pages=render_pages)
        captured = capsys.readouterr()
        assert "Traceback" not in captured.out + captured.err
        return Ran(code, captured.out, captured.err)

    return call


@pytest.fixture
def start(data_dirs: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """``start("download", …)`` runs a command in a process (and process group) of its own."""
    started: list[subprocess.Popen[str]] = []

    def call(*arguments: str, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "garden", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env={**os.environ, **environment},
            start_new_session=True,
        )
        started.append(process)
        return process

    yield call
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def hub(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """A Hub with one small repository."""
    with HubServer([repository_of(REPO, tiny_model, card="# Tiny", downloads=1_200, license="cc0-1.0")]) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        yield server
