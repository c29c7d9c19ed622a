"""All stores of other programs on this machine: what they hold, and whether a file is theirs."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from garden.core.library_entry import OtherProgram
from garden.services.other_programs.found_model import FoundModel
from garden.services.other_programs.jan import jan_models, older_jan_models
from garden.services.other_programs.lm_studio import lm_studio_models
from garden.services.other_programs.ollama import ollama_models
from garden.services.other_programs.places import (
    Surroundings,
    jan_data_folders,
    lm_studio_stores,
    older_jan_stores,
    ollama_stores,
)


@dataclass(frozen=True, slots=True)
class Store:
    """A folder in which another program keeps models.

    Attributes:
        program: Whose it is.
        folder: The folder.
        read: Lists its models.
    """

    program: OtherProgram
    folder: Path
    read: Callable[[Path], tuple[FoundModel, ...]]

    @property
    def state(self) -> str:
        """``here``, ``absent``, or ``closed`` to this user."""
        try:
            with os.scandir(self.folder):
                return "here"
        except PermissionError:
            return "closed"
        except OSError:
            return "absent"


def stores(around: Surroundings | None = None) -> tuple[Store, ...]:
    """Every place where a program would keep its models, whether there is one or not."""
    around = around or Surroundings.here()
    return (
        *(Store("ollama", folder, ollama_models) for folder in ollama_stores(around)),
        *(Store("lm_studio", folder, lm_studio_models) for folder in lm_studio_stores(around)),
        *(Store("jan", folder, jan_models) for folder in jan_data_folders(around)),
        *(Store("jan", folder, older_jan_models) for folder in older_jan_stores(around)),
    )


def models_of_others(
    without: Collection[OtherProgram] = (), around: Surroundings | None = None
) -> tuple[FoundModel, ...]:
    """Every model of another program, each file once.

    Args:
        without: Programs whose stores are not to be read.
        around: Where to look; None looks on this machine.
    """
    found: dict[str, FoundModel] = {}
    for store in stores(around):
        if store.program not in without:
            for model in store.read(store.folder):
                found.setdefault(os.path.realpath(model.path), model)
    return tuple(found.values())


def owner_of(path: Path, around: Surroundings | None = None) -> OtherProgram | None:
    """The program in whose store a file lies, by its place and not by what a link there leads to; None for no one's."""
    place = os.path.realpath(path.parent)
    for store in stores(around):
        root = os.path.realpath(store.folder)
        if place == root or place.startswith(root.rstrip(os.sep) + os.sep):
            return store.program
    return None
