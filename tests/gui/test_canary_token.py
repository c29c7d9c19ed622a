"""A token is followed through the whole program: it is in the keychain and in requests to the Hub, and nowhere else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.hubserver import Fault, HubServer, repository_of

TOKEN = "hf_CanaryQzXwVuTsRqPoNmLkJiHgFeDcBa0987"

#: Every Python process that inherits its path notes how it was started, and what else it starts.
_NOTES = """
import json, os, sys
def _note(kind, what):
    with open(os.environ["CANARY_NOTES"], "a") as file:
        file.write(json.dumps([kind, what]) + "\\n")
_note("argv", sys.orig_argv)
_note("environment", dict(os.environ))
def _hook(event, arguments):
    if event in ("subprocess.Popen", "os.exec", "os.posix_spawn"):
        _note(event, repr(arguments))
sys.addaudithook(_hook)
"""

_KEYCHAIN = """
import json, os, pathlib
from keyring.backend import KeyringBackend
class Keychain(KeyringBackend):
    priority = 5
    _file = pathlib.Path(os.environ["CANARY_KEYCHAIN"])
    def _kept(self):
        return json.loads(self._file.read_text()) if self._file.exists() else {}
    def get_password(self, service, username):
        return self._kept().get(username)
    def set_password(self, service, username, password):
        self._file.write_text(json.dumps({**self._kept(), username: password}))
    def delete_password(self, service, username):
        self._file.write_text(json.dumps({key: value for key, value in self._kept().items() if key != username}))
"""

#: What the window does of its own: pages, cards, a download that is cut off and goes on.
_SERVICES = """
from garden.core.errors import GardenError
from garden.core.model_query import ModelQuery
from garden.services.garden import Garden
with Garden.open() as garden:
    garden.catalog.account.current().result(30)
    garden.browse.search(ModelQuery(mine=True)).result(30)
    page = garden.catalog.repository("ada/secret").result(30)
    garden.catalog.card("ada/secret", page.revision).result(30)
    garden.catalog.trust("ada/secret").result(30)
    garden.catalog.families.family("ada/secret").result(30)
    garden.saved_searches.save("canary", ModelQuery(mine=True))
    try:
        garden.catalog.card("ada/nothing", page.revision).result(30)
    except GardenError as error:
        print(error, error.detail)
"""


#: A window as the program opens it, and a user: the token is typed, then used, then forgotten.
_WINDOW = """
import pathlib, sys, time
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QLabel, QLineEdit
from garden.core.job_record import JobState
from garden.core.model_query import ModelQuery
from garden.gui.application import make_application, make_window, prepare_garden
TOKEN = sys.stdin.readline().strip()
garden = prepare_garden()
window, _theme = make_window(make_application(), garden)
window.resize(1_440, 900)
window.begin()
def until(holds, what):
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, what
        QTest.qWait(20)
def click(name):
    found = [each for each in window.findChildren(QAbstractButton, name) if each.isVisible()]
    assert found, name
    QTest.mouseClick(found[0], Qt.MouseButton.LeftButton)
def says(name, text):
    return lambda: any(each.isVisible() and text in each.text() for each in window.findChildren(QLabel, name))
def shows(*names):
    return lambda: [row.summary.repo_id for row in discover.search.models.loaded_rows] == list(names)
window.show_page("settings.hub")
QTest.qWait(300)
settings = window.page("settings").settings
QTest.keyClicks(window.findChild(QLineEdit, "settings.token"), TOKEN)
click("settings.signIn")
until(lambda: settings.account.signed_in and settings.account.status.startswith("ada"), "signed in")
assert TOKEN not in window.findChild(QLineEdit, "settings.token").text()
QTest.keyClick(window.findChild(QLineEdit, "settings.token"), Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
assert not window.findChild(QLineEdit, "settings.token").text(), "taken back"
window.show_page("discover")
discover = window.page("discover")
until(lambda: discover.search.models.loaded_rows, "the list")
discover.search.change(ModelQuery(mine=True))
until(shows("ada/secret"), "one's own")
window.open_repository("owner/gated")
until(lambda: discover.repository.headers.gated is not None, "the gated page")
assert says("repository.gated.title", "agree first")()
window.open_repository("ada/secret")
until(lambda: any(row.header is not None for row in discover.repository.files.rows), "the private page")
until(lambda: any(b.isVisible() and b.isEnabled() for b in window.findChildren(QAbstractButton, "fileDetail.download")),
      "what can be downloaded")
click("fileDetail.download")
until(lambda: any(job.done for job in garden.activity.jobs()), "bytes")
window.grab().save(sys.argv[1])
[job] = garden.activity.jobs()
discover.repository.cancel_download("Tiny-Chat-F16.gguf")
until(lambda: garden.activity.jobs()[0].state is JobState.CANCELLED, "the cancel")
print("DONE", job.done)
window.show_page("settings.hub")
if "stay" not in sys.argv:
    click("settings.signOut")
    until(lambda: not settings.account.signed_in, "signed out")
    until(lambda: "ada/secret" not in [row.summary.repo_id for row in discover.search.models.loaded_rows], "rows gone")
    until(lambda: discover.repository.repository is None, "the page gone")
window.dismiss()
garden.close()
print("CLOSED")
"""


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder beside Garden's own: the keychain, and the notes of every process."""
    folder = tmp_path / "beside"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(_NOTES)
    (folder / "canary_keychain.py").write_text(_KEYCHAIN)
    path = os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH", ""), str(Path.cwd()))))
    monkeypatch.setenv("PYTHONPATH", path)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "canary_keychain.Keychain")
    monkeypatch.setenv("CANARY_NOTES", str(folder / "notes"))
    monkeypatch.setenv("CANARY_KEYCHAIN", str(folder / "keychain"))
    monkeypatch.setenv("GARDEN_DEBUG", "1")
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    # The registry that the starter comes from is no part of this.
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    return folder


@pytest.fixture
def hub(tiny_model: Path, other_tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    models = [
        repository_of("ada/secret", tiny_model, card="# Secret", private=True),
        repository_of("owner/gated", other_tiny_model, gated="manual"),
    ]
    with HubServer(models, accounts={TOKEN: "ada"}) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        yield server


Run = Callable[..., int]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a command in a process of its own; its exit code. What all have said lies in one file."""

    def call(*arguments: str, program: tuple[str, ...] = ("-m", "garden"), told: bytes = b"") -> int:
        command = [sys.executable, *program, *arguments]
        ran = subprocess.run(command, input=told, capture_output=True, timeout=180, cwd=tmp_path, check=False)
        with (tmp_path / "output").open("ab") as output:
            output.write(b"\n".join([repr(arguments).encode(), ran.stdout, ran.stderr, b""]))
        return ran.returncode

    return call


def _holding(folder: Path) -> list[str]:
    """Files below a folder that hold the token, as it is or as bytes are often written."""
    secret = TOKEN.encode()
    forms = (secret, secret.hex().encode(), TOKEN.encode("utf-16-le"), secret[::-1], TOKEN[3:30].encode())
    found = []
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            data = path.read_bytes()
            found += [str(path.relative_to(folder)) for form in forms if form in data][:1]
    return found


def test_the_token_is_nowhere_but_in_the_keychain_and_in_requests_to_the_hub(
    places: Path, hub: HubServer, run: Run, tmp_path: Path, data_dirs: Path
) -> None:
    echoed = {"X-Error-Message": f"Bearer {TOKEN} is not what it was", "X-Request-Id": TOKEN}

    assert run("hub", "login", told=f"{TOKEN}\n".encode()) == 0
    assert run("hub") == 0
    assert run("search", "--mine", "--save", "own") == 0
    assert run("files", "ada/secret") == 0
    assert run(program=("-c", _SERVICES)) == 0
    # A Hub that says the token back, a download cut off on the way, a file that is refused.
    hub.fail(Fault("status", where="api", status=500, headers=echoed))
    assert run("search", "anything") == 1
    hub.fail(Fault("status", where="api", status=403, headers=echoed))
    assert run("files", "ada/secret") == 1
    hub.fail(Fault("reset", where="cdn", after_bytes=1_000))
    assert run("download", "ada/secret:F16", "--json") == 0
    hub.fail(Fault("status", where="resolve", status=500, headers=echoed, times=3))
    run("download", "owner/gated:F16")
    assert run("download", "owner/gated:F16") == 1
    for form in ("ollama", "llama-server", "llama-cpp-python"):
        run("export", "ada/secret:F16", "--format", form, "-o", str(tmp_path / "exported" / form), "--force")
    run("queue", "--json")
    run("library", "--json")
    run("doctor", "--json")

    assert _holding(tmp_path) == ["beside/keychain"]
    assert any(data_dirs.rglob("work.sqlite")), "it was looked for where Garden keeps things"
    assert any((tmp_path / "exported").rglob("*"))
    notes = [json.loads(line) for line in (places / "notes").read_text().splitlines()]
    assert sum(kind == "argv" for kind, _what in notes) > 16, "children were noted too"
    carrying = [request for request in hub.requests if TOKEN in json.dumps([request.path, dict(request.headers)])]
    assert {request.origin for request in carrying} == {"hub"}
    assert all(TOKEN not in request.path for request in carrying)
    assert {name for request in carrying for name, value in request.headers.items() if TOKEN in value} == {
        "authorization"
    }
    assert any(request.origin == "cdn" for request in hub.requests)

    assert run("hub", "logout") == 0
    assert _holding(tmp_path) == []


@pytest.mark.parametrize("ending", ["leave", "stay"])
def test_the_window_keeps_it_nowhere_else_either(
    places: Path, hub: HubServer, run: Run, tmp_path: Path, data_dirs: Path, ending: str
) -> None:
    hub.fail(Fault("slow", where="cdn", path="Tiny-Chat", bytes_per_second=20_000, times=20))

    # Everything but the first start, which would be Welcome's.
    code = run(str(tmp_path / "window.png"), ending, program=("-c", _WINDOW), told=f"{TOKEN}\n".encode())

    output = (tmp_path / "output").read_text()
    assert code == 0, output
    assert "CLOSED" in output
    assert "Traceback" not in output
    assert _holding(tmp_path) == ([] if ending == "leave" else ["beside/keychain"])
    assert list(data_dirs.rglob("index.sqlite"))
    notes = [json.loads(line) for line in (places / "notes").read_text().splitlines()]
    assert any("transfer" in str(what) for kind, what in notes if kind == "argv"), "a child fetched"
    carrying = [request for request in hub.requests if TOKEN in json.dumps([request.path, dict(request.headers)])]
    assert carrying
    assert {request.origin for request in carrying} == {"hub"}
    assert {name for request in carrying for name, value in request.headers.items() if TOKEN in value} == {
        "authorization"
    }
    assert any(request.origin == "cdn" for request in hub.requests)
    if ending == "leave":
        # After the last request that carries it none does: what is asked then is asked by nobody.
        assert "authorization" not in hub.requests[-1].headers
