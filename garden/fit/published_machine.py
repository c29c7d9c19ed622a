"""Machines and cards of the catalogue: published figures, each with its origin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import msgspec

from garden.core.errors import InvalidFileError
from garden.core.imagined_machine import ImaginedMachine

MachineKind = Literal["discrete", "unified", "cpu"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where figures were read.

    Attributes:
        where: For people.
        address: Of the page, None where there is none.
    """

    where: str
    address: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedMachine:
    """A machine, or a card that needs one around it.

    Attributes:
        id: Stable name.
        name: For people, e.g. ``MacBook Air M2, 16 GB``.
        kind: A card with memory of its own, a machine whose GPU shares the RAM, or one without a GPU.
        memory_bytes: Of the card, or RAM; the nominal size.
        gpu_limit_bytes: What the GPU may use of shared memory; None where it was not seen, or does not apply.
        memory_bandwidth_bytes_per_second: Theoretical peak, decimal.
        bus: How the bandwidth comes about.
        origin: Where the figures are from.
        note: What to know beside.
    """

    id: str
    name: str
    kind: MachineKind
    memory_bytes: int
    gpu_limit_bytes: int | None = None
    memory_bandwidth_bytes_per_second: int | None = None
    bus: str = ""
    origin: tuple[Origin, ...] = ()
    note: str | None = None

    def imagined(self, ram_bytes: int) -> ImaginedMachine:
        """The machine; a card in one with so much RAM.

        Args:
            ram_bytes: For a card alone; the others say it themselves.
        """
        card = self.kind == "discrete"
        return ImaginedMachine(
            ram_bytes=ram_bytes if card else self.memory_bytes,
            gpu_bytes=self.memory_bytes if card else None,
            unified=self.kind == "unified",
            gpu_limit_bytes=self.gpu_limit_bytes,
            name=self.name,
            catalogue_id=self.id,
            memory_bandwidth_bytes_per_second=self.memory_bandwidth_bytes_per_second,
            basis=self.basis,
        )

    @property
    def basis(self) -> str:
        """Where its figures are from, one line."""
        return "; ".join(dict.fromkeys(origin.where for origin in self.origin))


class _Catalogue(msgspec.Struct, frozen=True):
    items: tuple[PublishedMachine, ...]


def published_machines(document: bytes) -> tuple[PublishedMachine, ...]:
    """The machines of the catalogue's file, in its order.

    Raises:
        InvalidFileError: It is not the catalogue.
    """
    try:
        return msgspec.json.decode(document, type=_Catalogue).items
    except msgspec.DecodeError as error:
        raise InvalidFileError("The catalogue of machines is damaged.", "Install Garden again.", str(error)) from error
