from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import cast

from garden.core.library_entry import LibraryEntry
from garden.core.model_ref import ModelRef
from garden.gui.viewmodels.own_losses import own_loss
from garden.gui.viewmodels.quant_source import SourceFacts
from tests.gui.viewmodels.losses import measured_loss

SHA = "a" * 64


def source(sha256: str | None = SHA) -> SourceFacts:
    ref = ModelRef(name="M", filenames=("M-F16.gguf",), path="/M-F16.gguf", quant_type="F16", sha256=sha256)
    entry = LibraryEntry(ref=ref, origin="folder")
    return cast(SourceFacts, SimpleNamespace(entry=entry, base_type="F16"))


def test_a_loss_measured_elsewhere_is_found_by_the_hash_of_its_base() -> None:
    report = dataclasses.replace(measured_loss(0.1), model="other", base="x", base_sha256=SHA, made_type="Q8_0")

    assert own_loss(source(), "Q8_0", [report]) is report
    assert own_loss(source(), "Q4_0", [report]) is None
    assert own_loss(source("b" * 64), "Q8_0", [report]) is None


def test_a_loss_of_an_earlier_version_is_found_by_its_names() -> None:
    report = dataclasses.replace(measured_loss(0.1), model="M Q8_0", base="M F16")

    assert own_loss(source(None), "Q8_0", [report]) is report
    assert own_loss(source(None), "Q4_0", [report]) is None
