"""Garden: a desktop model garden for developers who try open models on their own laptop."""

__version__ = "0.1.0"
