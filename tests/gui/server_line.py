"""Reads a command line of llama-server back into what it loads."""

from __future__ import annotations

import shlex
from typing import Any

from garden.core.run_configuration import LoadParameters

_NUMBERS = {
    "-c": "context_length",
    "-b": "n_batch",
    "-ub": "n_ubatch",
    "-np": "n_sequences",
    "-ngl": "n_gpu_layers",
    "-t": "threads",
    "-tb": "threads_batch",
}
_WORDS = {"-fa": "flash_attention", "-ctk": "type_k", "-ctv": "type_v", "-lm": "load_mode"}
_SWITCHES = {
    "--repack": ("repack", True),
    "--no-repack": ("repack", False),
    "--kv-unified": ("kv_unified", True),
    "--no-kv-unified": ("kv_unified", False),
    "--swa-full": ("swa_full", True),
}


def load_of_line(line: str) -> LoadParameters:
    """The load parameters that a line tells; rows of logits as many as sequences, as the server reserves them."""
    program, *words = shlex.split(line)
    assert program == "llama-server"
    values: dict[str, Any] = {}
    no_device = False
    while words:
        option = words.pop(0)
        if option in _NUMBERS:
            values[_NUMBERS[option]] = int(words.pop(0))
        elif option in _WORDS:
            values[_WORDS[option]] = words.pop(0)
        elif option in _SWITCHES:
            name, value = _SWITCHES[option]
            values[name] = value
        elif option == "--device":
            assert words.pop(0) == "none"
            no_device = True
        elif option == "-ot":
            values["tensor_placement"] = tuple(
                (pattern, device)
                for pattern, _equals, device in (one.partition("=") for one in words.pop(0).split(","))
            )
        else:
            assert option in ("-m", "-hf", "-hff", "--fit"), option
            words.pop(0)
    load = LoadParameters(n_outputs_max=values["n_sequences"], **values)
    # The server would compute prompts on a GPU that Garden leaves alone.
    assert no_device == load.leaves_gpus_alone
    return load
