from __future__ import annotations

from pathlib import Path

import pytest

from garden.core.errors import DiskFullError, GardenError
from garden.core.events import SettingsChanged
from garden.core.paths import data_dir
from garden.services.garden import Garden
from garden.services.settings import SettingsService


def test_a_change_is_written_before_it_is_announced_and_outlives_the_session(garden: Garden) -> None:
    events = garden.bus.subscribe()

    garden.settings.change(theme="dark", folders=("/models",))

    assert [type(event) for event in events.drain()] == [SettingsChanged]
    with Garden.open() as again:
        assert (again.settings.current.theme, again.settings.current.folders) == ("dark", ("/models",))


def test_a_damaged_settings_file_on_a_full_disk_keeps_the_program_from_nothing(
    data_dirs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_dir().mkdir(parents=True, exist_ok=True)
    (data_dir() / "settings.json").write_text('{"theme": "dark", "text_scale": "big"')

    def full(path: Path, _content: bytes) -> None:
        raise DiskFullError(f"There is no room for {path.name}.", "Free some space.")

    with monkeypatch.context() as disk:
        disk.setattr("garden.store.settings.write_atomically", full)
        with Garden.open() as garden:
            garden.settings.read_again()
            with pytest.raises(DiskFullError):
                garden.settings.change(theme="light")

    with Garden.open() as garden:
        garden.settings.change(theme="light")
        garden.settings.read_again()
        assert garden.settings.current.theme == "light"
    assert len(list(data_dir().glob("settings-damaged-*.json"))) == 1


@pytest.mark.parametrize("fields", [{"text_scale": 9.0}, {"parallel_downloads": 0}, {"no_such_setting": 1}])
def test_a_senseless_value_is_refused_and_changes_nothing(settings: SettingsService, fields: dict[str, object]) -> None:
    before = settings.current

    with pytest.raises(GardenError):
        settings.change(**fields)

    assert settings.current == before


def test_models_made_here_go_into_the_data_folder_unless_chosen(settings: SettingsService) -> None:
    assert settings.models_dir == data_dir() / "models"

    settings.change(models_dir="/somewhere/else")

    assert str(settings.models_dir) == "/somewhere/else"


def test_a_token_without_a_keychain_lasts_for_the_session(settings: SettingsService) -> None:
    settings.set_token("  hf_example  ")

    assert settings.token() == "hf_example"
    assert "until Garden closes" in settings.token_status()
    assert b"hf_example" not in b"".join(path.read_bytes() for path in data_dir().rglob("*") if path.is_file())


def test_a_forgotten_token_is_gone(settings: SettingsService) -> None:
    settings.set_token("hf_example")

    settings.set_token(None)

    assert settings.token() is None
    assert not settings.signed_in


def test_offline_by_the_environment_of_other_tools(settings: SettingsService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    assert settings.offline
