from __future__ import annotations

import dataclasses

from PySide6.QtCore import Qt
from pytestqt.modeltest import ModelTester

from garden.core.fit_forecast import Placement, Verdict
from garden.core.job_record import JobKind, JobRecord, JobState
from garden.gui.viewmodels.file_table import FileColumn, FileRow, FileTableModel
from garden.services.files_beside import FilesBeside
from tests.gui.service_doubles import GIB, entry, forecast, header, repository_file


def _cell(row: FileRow, column: FileColumn) -> str:
    model = FileTableModel()
    model.replace([row])
    return str(model.index(0, column).data())


def test_the_model_keeps_the_rules_of_item_models(qtmodeltester: ModelTester) -> None:
    model = FileTableModel()
    model.replace([FileRow(file=repository_file("Q8_0")), FileRow(file=repository_file("Q4_0"))])

    qtmodeltester.check(model)  # type: ignore[no-untyped-call]  # pytest-qt types it not


def _with_matrix() -> FileTableModel:
    matrix = FilesBeside(
        title="Importance matrix", note="Made for quantizing", filenames=("m.imatrix",), size_bytes=4 * 2**20
    )
    model = FileTableModel()
    model.replace([FileRow(file=repository_file("Q8_0")), FileRow(file=repository_file("Q4_0"))], [matrix])
    return model


def test_the_model_keeps_the_rules_with_what_lies_beside(qtmodeltester: ModelTester) -> None:
    qtmodeltester.check(_with_matrix())  # type: ignore[no-untyped-call]  # pytest-qt types it not


def test_what_lies_beside_is_told_and_cannot_be_chosen() -> None:
    model = _with_matrix()

    assert [model.index(2, column).data() for column in FileColumn] == [
        "Importance matrix", "< 0.01", "Made for quantizing", "", "", "",
    ]  # fmt: skip
    assert model.index(2, 0).data(Qt.ItemDataRole.AccessibleTextRole) == "Importance matrix, Made for quantizing"
    assert model.index(2, 0).data(Qt.ItemDataRole.ToolTipRole) == "m.imatrix"
    assert model.flags(model.index(1, 0)) & Qt.ItemFlag.ItemIsSelectable
    assert model.flags(model.index(2, 0)) == Qt.ItemFlag.NoItemFlags
    assert len(model.rows) == 2


def test_bits_per_weight_come_from_the_header() -> None:
    row = FileRow(file=repository_file("Q4_0"), header=header(GIB))

    assert row.note == "4.00 bpw"


def test_a_split_names_its_layers() -> None:
    split = forecast(Verdict.FITS, Placement.SPLIT, n_gpu_layers=15, n_layers=37)

    assert _cell(FileRow(file=repository_file("BF16"), forecast=split), FileColumn.VERDICT) == "Split 15/37"


def test_until_the_header_is_read_the_verdict_says_so() -> None:
    assert _cell(FileRow(file=repository_file("Q8_0")), FileColumn.VERDICT) == "Reading header"


def test_the_action_follows_the_state_of_the_file() -> None:
    file = repository_file("Q8_0")
    running = JobRecord(id="1", kind=JobKind.DOWNLOAD, title="m", state=JobState.RUNNING)
    failed = JobRecord(id="1", kind=JobKind.DOWNLOAD, title="m", state=JobState.FAILED)
    paused = JobRecord(id="1", kind=JobKind.DOWNLOAD, title="m", state=JobState.PAUSED)

    assert _cell(FileRow(file=file), FileColumn.ACTION) == "Download"
    assert _cell(FileRow(file=file, job=running), FileColumn.ACTION) == "Pause"
    assert _cell(FileRow(file=file, job=failed), FileColumn.ACTION) == "Download"
    assert _cell(FileRow(file=file, job=paused), FileColumn.ACTION) == "Resume"
    assert _cell(FileRow(file=file, entry=entry("m")), FileColumn.ACTION) == "In library"


def test_a_paused_download_is_not_under_way() -> None:
    paused = JobRecord(id="1", kind=JobKind.DOWNLOAD, title="m", state=JobState.PAUSED, error="The disk is full.")
    row = FileRow(file=repository_file("Q8_0"), job=paused)
    half = FileRow(file=repository_file("Q8_0"), job=dataclasses.replace(paused, done=1, total=2))

    assert (row.downloading, row.paused, row.note, half.note) == (False, True, "Paused", "Paused 50%")


def test_a_row_is_read_out_with_size_and_verdict() -> None:
    model = FileTableModel()
    model.replace([FileRow(file=repository_file("Q4_0", 2 * GIB), forecast=forecast(), recommended=True)])

    spoken = model.index(0, FileColumn.TYPE).data(Qt.ItemDataRole.AccessibleTextRole)

    assert spoken == "Q4_0, recommended, 2.00 GiB, Runs on CPU"


def test_a_speed_tells_what_it_rests_on() -> None:
    model = FileTableModel()
    rated = forecast(Verdict.FITS, Placement.CPU, decode_tokens_per_second=14.2, speed_runs=3)
    model.replace([FileRow(file=repository_file("Q8_0"), forecast=rated)])

    tip = model.index(0, FileColumn.SPEED).data(Qt.ItemDataRole.ToolTipRole)

    assert tip == "14 tok/s, from 3 runs here"
