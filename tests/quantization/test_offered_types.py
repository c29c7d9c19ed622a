from __future__ import annotations

import pytest

from garden.core.errors import RefusedError
from garden.gguf.quant_name import QUANT_TYPES
from garden.quantization.offered_types import IMATRIX_TYPES, OFFERED_TYPES, canonical_type, check_type, default_type
from garden.quantization.published import PUBLISHED_LOSSES, published_loss


@pytest.mark.parametrize(("typed", "name"), [("q4_k_m", "Q4_K_M"), (" Q3-K-M ", "Q3_K_M"), ("bf16", "BF16")])
def test_spellings_are_understood(typed: str, name: str) -> None:
    assert check_type(typed) == name


@pytest.mark.parametrize("typed", ["", "Q9_Z", "NVFP4", "Q8_K", "TQ1_0", "F64", "-1", "../Q4_0", "Q4_0\x1b[31m"])
def test_types_that_the_engine_may_die_of_are_refused_with_the_list(typed: str) -> None:
    with pytest.raises(RefusedError) as refusal:
        check_type(typed)

    assert "Q4_K_M" in refusal.value.action
    assert refusal.value.sentence.isprintable()


@pytest.mark.parametrize("name", IMATRIX_TYPES)
def test_types_that_need_an_importance_matrix_say_so(name: str) -> None:
    assert canonical_type(name) == name
    with pytest.raises(RefusedError, match="needs an importance matrix"):
        check_type(name)


def test_every_type_has_a_number_in_the_engine() -> None:
    assert set(OFFERED_TYPES + IMATRIX_TYPES) <= {known.name for known in QUANT_TYPES}


def test_small_models_start_at_eight_bits() -> None:
    assert (default_type(135_000_000), default_type(8_000_000_000), default_type(None)) == ("Q8_0", "Q4_K_M", "Q4_K_M")


def test_published_figures_grow_as_bits_shrink_and_are_absent_where_unknown() -> None:
    losses = [loss.kld_mean for loss in PUBLISHED_LOSSES]

    assert losses == sorted(losses)
    assert published_loss("Q4_1") is None
