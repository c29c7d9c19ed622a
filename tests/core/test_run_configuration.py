from __future__ import annotations

import dataclasses
import json

import pytest

from garden.core.errors import InvalidFileError
from garden.core.model_ref import ModelRef
from garden.core.run_configuration import Adapter, RunConfiguration


def configuration(**load: object) -> RunConfiguration:
    ref = ModelRef(name="tiny", filenames=("tiny.gguf",), path="/models/tiny.gguf", sha256="ab" * 32, size_bytes=7)
    return RunConfiguration(model=ref).with_load(**load)


def test_document_survives_json_and_back() -> None:
    original = configuration(adapters=(Adapter(path="/a.gguf", sha256="cd" * 32),), tensor_placement=(("exps", "CPU"),))

    restored = RunConfiguration.from_document(json.loads(json.dumps(original.to_document())))

    assert restored == original


def test_identity_leaves_paths_out_and_nothing_else() -> None:
    here = configuration()
    there = dataclasses.replace(here, model=dataclasses.replace(here.model, path="/elsewhere/tiny.gguf"))

    assert here.identity == there.identity
    assert here.identity != here.with_load(type_k="q8_0").identity
    assert here.identity != here.with_ask(seed=1).identity


def test_identity_is_the_same_in_every_process() -> None:
    assert configuration().identity == "82eaae40f4741fbd7170ae8467559af67f28be31d765d1ca67324a8ced0ce392"


@pytest.mark.parametrize("document", [[], {}, {"schema_version": 2}, {"schema_version": 1, "model": 3}])
def test_what_is_no_run_configuration_is_refused_with_a_sentence(document: object) -> None:
    with pytest.raises(InvalidFileError) as caught:
        RunConfiguration.from_document(document)

    assert caught.value.sentence.endswith(".")
