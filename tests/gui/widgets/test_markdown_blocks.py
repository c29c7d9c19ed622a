from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from garden.gui.widgets.markdown_blocks import Block, BlockSplitter, split_blocks


def test_a_paragraph_is_finished_by_an_empty_line() -> None:
    splitter = BlockSplitter()

    assert splitter.feed("One line\nand another\n") == []
    assert splitter.feed("\nNext") == [Block("prose", "One line\nand another")]
    assert splitter.growing == Block("prose", "Next")


def test_code_is_handed_out_when_its_fence_closes() -> None:
    splitter = BlockSplitter()

    assert splitter.feed("Look:\n```Python title=x\nprint(1)\n") == [Block("prose", "Look:")]
    assert splitter.growing == Block("code", "print(1)", "python")
    assert splitter.feed("```\n") == [Block("code", "print(1)", "python")]
    assert splitter.growing is None


def test_a_list_is_never_cut_between_its_items() -> None:
    text = "1. one\n\n2. two\n\n   more of two\n\nAfter"

    assert split_blocks(text) == [
        Block("prose", "1. one\n\n2. two\n\n   more of two"),
        Block("prose", "After"),
    ]


def test_a_long_list_is_handed_out_in_parts_that_number_on() -> None:
    text = "\n".join(f"{number}. {'word ' * 20}" for number in range(1, 40))

    blocks = split_blocks(text)

    assert len(blocks) > 3
    assert all(block.continues for block in blocks[:-1])
    assert not blocks[-1].continues
    assert "\n".join(block.text for block in blocks) == text


def test_a_long_list_that_does_not_number_on_stays_whole() -> None:
    text = "\n".join(f"1. {'word ' * 20}" for _ in range(40))

    assert split_blocks(text) == [Block("prose", text)]


def test_code_inside_a_list_loses_the_indent_of_its_fence() -> None:
    assert split_blocks("1. do\n   ```sh\n   ls\n     -l\n   ```\n2. done")[1] == Block("code", "ls\n  -l", "sh")


def test_a_longer_fence_holds_a_shorter_one() -> None:
    assert split_blocks("````md\n```\nx\n```\n````") == [Block("code", "```\nx\n```", "md")]


def test_a_fence_that_is_still_being_written_does_not_flicker_as_text() -> None:
    splitter = BlockSplitter()
    splitter.feed("``")

    assert splitter.growing is None


def test_an_open_fence_at_the_end_keeps_its_code() -> None:
    assert split_blocks("```\nhalf") == [Block("code", "half")]


@given(
    st.lists(
        st.sampled_from(["a", "\n", "\n\n", "\r\n", "```", "```py\n", "- ", "1. ", "   ", "> ", "~~~", "# ", "|"])
    ),
    st.randoms(use_true_random=False),
)
def test_pieces_of_any_size_give_the_same_blocks(parts: list[str], random: object) -> None:
    text = "".join(parts)
    splitter = BlockSplitter()
    blocks: list[Block] = []

    position = 0
    while position < len(text):
        size = random.randint(1, 4)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
        blocks += splitter.feed(text[position : position + size])
        position += size
    blocks += splitter.finish()

    assert blocks == split_blocks(text)
