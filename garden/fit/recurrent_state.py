"""Bytes of the recurrent state of state-space and linear-attention layers; it does not grow with the context."""

from __future__ import annotations

from garden.core.run_configuration import LoadParameters
from garden.fit.model_shape import ModelShape


def layer_state_bytes(shape: ModelShape, load: LoadParameters) -> int:
    """Bytes of one recurrent layer: f32, one row per sequence (``llama-memory-recurrent.cpp``)."""
    return 4 * shape.state_values * max(1, load.n_sequences)


def recurrent_bytes(shape: ModelShape, load: LoadParameters) -> int:
    """Bytes of all recurrent layers."""
    return shape.recurrent_layers * layer_state_bytes(shape, load)
