"""The one line that runs a file on the Hub with llama.cpp's server, loaded as it was forecast."""

from __future__ import annotations

import shlex

from garden.core.run_configuration import RunConfiguration


def server_line(configuration: RunConfiguration) -> str:
    """``llama-server -hf owner/name:Q4_K_M -c 16384 …``: which file and how it is loaded; every value explicit.

    How the model is asked (samplers, template) is part of an export, not of this line.
    """
    model, load = configuration.model, configuration.load
    if model.quant_type:
        where = ["-hf", f"{model.repo_id}:{model.quant_type}"]
    else:
        where = ["-hf", str(model.repo_id), "-hff", model.filenames[0]]
    words = [
        "llama-server",
        *where,
        *("-c", str(load.context_length)),
        *("-ngl", str(load.n_gpu_layers)),
        *("-fa", load.flash_attention),
        *("-ctk", load.type_k),
        *("-ctv", load.type_v),
        *("-np", str(load.n_sequences)),
    ]
    return shlex.join(words)
