"""A child that replays an answer: real messages over a real pipe, at a steady rate."""

from __future__ import annotations

import sys
import time

import msgspec

from garden.core.messages import Delta

TOKENS_PER_SECOND = 100

_ANSWER = """## Counting vowels

The function walks through the text once and **adds up** the letters that are vowels.

```python
def count_vowels(text: str) -> int:
    return sum(letter in "aeiou" for letter in text.lower())
```

- It ignores case, since `lower()` comes first.
- It takes time in proportion to the length of the text.
- A `Map<K, V>` is not needed.

| input | result |
| --- | --- |
| `garden` | 2 |
| `rhythm` | 0 |

Each step looks at one letter; nothing is stored but the sum. That is all there is to it, and it is quick enough.

"""


def pieces(tokens: int) -> list[str]:
    """So many tokens of the answer, over and over: about four letters each."""
    text = _ANSWER * (tokens * 4 // len(_ANSWER) + 1)
    return [text[start : start + 4] for start in range(0, tokens * 4, 4)]


def main() -> int:
    """Write a message per token, never ahead of the clock."""
    encoder = msgspec.json.Encoder()
    started = time.monotonic()
    for number, piece in enumerate(pieces(int(sys.argv[1]))):
        ahead = started + number / TOKENS_PER_SECOND - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)
        sys.stdout.buffer.write(encoder.encode(Delta(request_id=1, text=piece, token_ids=(number,))) + b"\n")
        sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
