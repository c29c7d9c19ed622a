from __future__ import annotations

import dataclasses

from garden.core.residency import FreeMemory, ResidentForecast, ResidentMarks

MIB = 1024**2

FORECAST = ResidentForecast(
    process_bytes=50 * MIB,
    vocabulary_bytes=20 * MIB,
    graph_bytes=5 * MIB,
    held_bytes=1_000 * MIB,
    compute_bytes=100 * MIB,
    mask_bytes_per_token=1_024,
    context_length=8_192,
    batch_tokens=512,
)


def test_the_most_is_the_sum_of_the_parts() -> None:
    assert FORECAST.total_bytes == (50 + 20 + 5 + 1_000 + 100) * MIB


def test_the_compute_buffer_counts_as_far_as_prompts_reach() -> None:
    assert FORECAST.after(512, 8_192) == FORECAST.total_bytes
    assert FORECAST.after(4_000, 8_192) == FORECAST.total_bytes
    assert FORECAST.after(256, 8_192) == FORECAST.total_bytes - 50 * MIB


def test_the_mask_of_a_context_that_is_not_full_is_untouched() -> None:
    assert FORECAST.after(512, 7_168) == FORECAST.total_bytes - MIB


def test_a_buffer_of_a_few_megabytes_is_in_use_from_the_first_token() -> None:
    small = ResidentForecast(process_bytes=0, vocabulary_bytes=0, held_bytes=0, compute_bytes=10 * MIB)

    assert small.after(1, 1) == 10 * MIB
    assert FORECAST.after(1, 1) == FORECAST.total_bytes - 86 * MIB


def test_room_for_embeddings_stays_untouched() -> None:
    less = dataclasses.replace(FORECAST, unwritten_bytes=4 * MIB)

    assert less.total_bytes == FORECAST.total_bytes - 4 * MIB
    assert less.after(256, 8_192) == FORECAST.after(256, 8_192) - 2 * MIB


def test_copies_of_mapped_weights_stand_beside_them() -> None:
    mapped = ResidentForecast(process_bytes=0, vocabulary_bytes=0, held_bytes=100, repacked_bytes=60)

    assert mapped.total_bytes == 160


def test_marks_rise_and_never_fall() -> None:
    first = ResidentMarks(resident_bytes=100, prompt_tokens=512, filled_tokens=600)

    raised = first.raised(ResidentMarks(resident_bytes=90, gpu_bytes=7, prompt_tokens=3, filled_tokens=900))

    assert raised == ResidentMarks(resident_bytes=100, gpu_bytes=7, prompt_tokens=512, filled_tokens=900)
    assert ResidentMarks().raised(first) == first


def test_what_was_taken_may_be_less_than_nothing() -> None:
    assert FreeMemory(device="CPU", before_bytes=100, after_bytes=130).taken_bytes == -30
