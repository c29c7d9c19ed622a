from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from garden.core.expert_placement import EXPERTS_ON_CPU, blocks_on_cpu, experts_on_cpu
from garden.core.load_choice import LoadChoice, choice_behind
from garden.core.run_configuration import AUTO_GPU_LAYERS, LoadParameters

USUAL = LoadParameters(context_length=4_096, n_gpu_layers=AUTO_GPU_LAYERS, threads=4, threads_batch=4)

choices = st.builds(
    LoadChoice,
    context_length=st.none() | st.integers(256, 8_192),
    type_k=st.sampled_from((None, "q8_0", "q4_0")),
    type_v=st.sampled_from((None, "q8_0", "q4_0")),
    n_gpu_layers=st.none() | st.integers(0, 9),
    cpu_experts=st.none() | st.integers(0, 8),
    flash_attention=st.sampled_from((None, "on", "off")),
    n_batch=st.none() | st.integers(32, 4_096),
    n_ubatch=st.none() | st.integers(32, 4_096),
    n_sequences=st.none() | st.integers(1, 8),
    load_mode=st.sampled_from((None, "mmap")),
    repack=st.sampled_from((None, False)),
    threads=st.none() | st.integers(1, 8),
)


def test_nothing_chosen_changes_nothing() -> None:
    assert LoadChoice().applied(USUAL, blocks=8, trained_context=2_048) == USUAL


def test_a_context_is_cut_to_what_the_model_was_trained_for() -> None:
    chosen = LoadChoice(context_length=1_000_000)

    assert chosen.applied(USUAL, trained_context=40_960).context_length == 40_960


def test_no_more_layers_are_asked_for_than_a_model_has() -> None:
    chosen = LoadChoice(n_gpu_layers=40)

    assert [chosen.applied(USUAL, blocks=blocks).n_gpu_layers for blocks in (8, 60)] == [9, 40]


def test_what_holds_on_any_machine_leaves_out_what_is_of_one() -> None:
    chosen = LoadChoice(context_length=512, type_k="q8_0", n_gpu_layers=4, cpu_experts=3, threads=8, threads_batch=8)

    assert chosen.anywhere.chosen == ("context_length", "type_k")


def test_sequences_have_a_row_of_logits_each_and_a_compute_batch_its_call() -> None:
    load = LoadChoice(n_sequences=4, n_ubatch=2_048).applied(USUAL)

    assert (load.n_sequences, load.n_outputs_max, load.n_batch, load.n_ubatch) == (4, 4, 2_048, 2_048)


def test_experts_of_the_first_blocks_stay_in_ram() -> None:
    (pattern, device), *others = LoadChoice(cpu_experts=2).applied(USUAL, blocks=8).tensor_placement

    assert (pattern, device, others) == (r"blk\.(0|1)\.ffn_(up|down|gate|gate_up)_(ch|)exps", "CPU", [])
    assert experts_on_cpu(8, 8) == (EXPERTS_ON_CPU,)
    assert [blocks_on_cpu(experts_on_cpu(count, 8), 8) for count in range(9)] == list(range(9))
    assert blocks_on_cpu((("output", "CPU"),), 8) is None


@given(choices)
def test_the_choice_behind_a_load_makes_that_load_again(choice: LoadChoice) -> None:
    load = choice.applied(USUAL, blocks=8, trained_context=8_192)
    found = 5
    if load.n_gpu_layers == AUTO_GPU_LAYERS:
        load = LoadChoice(n_gpu_layers=found).applied(load)

    behind = choice_behind(load, USUAL, blocks=8, found_layers=found)
    again = behind.applied(USUAL, blocks=8, trained_context=8_192)

    if again.n_gpu_layers == AUTO_GPU_LAYERS:
        again = LoadChoice(n_gpu_layers=found).applied(again)
    assert again == load
