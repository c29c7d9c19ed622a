from __future__ import annotations

from PySide6.QtCore import Qt
from pytestqt.modeltest import ModelTester

from garden.core.fit_forecast import Verdict
from garden.gui.viewmodels.model_list import ModelListModel
from tests.gui.service_doubles import rated


def test_the_model_keeps_the_rules_of_item_models(qtmodeltester: ModelTester) -> None:
    model = ModelListModel()
    model.replace([rated("a/one"), rated("b/two")], more=False)

    qtmodeltester.check(model)  # type: ignore[no-untyped-call]  # pytest-qt types it not


def test_a_row_is_read_out_with_its_verdict() -> None:
    model = ModelListModel()
    model.replace([rated("a/one", Verdict.TOO_LARGE, parameters=70_600_000_000, license="mit", gated=True)], more=False)

    spoken = model.index(0).data(Qt.ItemDataRole.AccessibleTextRole)

    assert spoken == "one, by a, 70.6B parameters, licence mit, needs consent, Too large"


def test_a_repository_listed_twice_is_shown_once() -> None:
    model = ModelListModel()
    model.replace([rated("a/one")], more=True)

    model.append([rated("a/one"), rated("a/two")], more=False)

    assert [model.rated(row).summary.repo_id for row in range(model.rowCount())] == ["a/one", "a/two"]
