"""What to quantize into what: the request, what speaks against it, and the name of the result."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from garden.core.errors import AlreadyThereError, InvalidFileError, RefusedError
from garden.core.model_ref import ModelRef
from garden.gguf.byte_source import FileSource
from garden.gguf.header import GgufHeader, read_header
from garden.gguf.quant_name import quant_type_of
from garden.quantization.lineage import LINEAGE_KEY
from garden.quantization.part_file import check_destination

#: Types that hold numbers as they were trained or computed; everything else was quantized.
FULL_PRECISION = frozenset({"F64", "F32", "F16", "BF16", "I8", "I16", "I32", "I64"})

_SHARD_SUFFIX = re.compile(r"-\d{5}-of-\d{5}$")

#: Names that Windows keeps for devices, with any extension.
_RESERVED = re.compile(r"(?i)^(con|prn|aux|nul|com\d|lpt\d)(\.|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizationRequest:
    """One file to make.

    Attributes:
        source: A model on this machine.
        quant_type: llama.cpp's name, e.g. ``Q4_K_M``.
        destination: Path to write.
        allow_requantize: The user consents to quantizing what is quantized already.
    """

    source: ModelRef
    quant_type: str
    destination: Path
    allow_requantize: bool = False


def is_quantized(header: GgufHeader) -> bool:
    """Whether any tensor of the file was quantized already."""
    return any(tensor.ggml_type.upper() not in FULL_PRECISION for tensor in header.tensors)


def check_source(header: GgufHeader, allow_requantize: bool) -> None:
    """Refuse what would make a useless or a worse file without the user knowing.

    Args:
        header: Of the whole source (shards merged).
        allow_requantize: The user consents to quantizing what is quantized already.

    Raises:
        RefusedError: No weights inside, or quantized already and no consent.
    """
    if not header.tensors:
        raise RefusedError(
            "This file holds a vocabulary only; there are no weights to quantize.", "Choose the model's own file."
        )
    if is_quantized(header) and not allow_requantize:
        known = header.file_type or "a smaller type"
        raise RefusedError(
            f"This model is already quantized ({known}): quantizing it again adds a second loss to the one it has.",
            "Start from its F16 or BF16 file, or allow requantizing (--allow-requantize); "
            f"the result is then labelled relative to the {known} file.",
        )


def check_target(sources: tuple[Path, ...], destination: Path) -> None:
    """Refuse to write over the source or over something that Garden did not make.

    Args:
        sources: Every file that is read.
        destination: What is to be written. A file that Garden made is replaced, since it can be made again.

    Raises:
        RefusedError: It would destroy something.
    """
    check_destination(sources, destination)
    if destination.exists() and not _made_here(destination):
        raise _foreign(destination)


def check_free(destination: Path) -> None:
    """Refuse to write over a file that the user did not say should be replaced.

    Raises:
        AlreadyThereError: There is one that was made here.
        RefusedError: There is another one.
    """
    if not destination.is_file():
        return
    if not _made_here(destination):
        raise _foreign(destination)
    raise AlreadyThereError(f"There is a file {destination} already.", "Choose another name, or --force to replace it.")


def _made_here(path: Path) -> bool:
    try:
        with FileSource(path) as source:
            return LINEAGE_KEY in read_header(source).metadata
    except (InvalidFileError, OSError):
        return False


def _foreign(destination: Path) -> RefusedError:
    return RefusedError(
        f"“{destination.name}” exists already and was not made here.", "Choose another name, or remove it first."
    )


def destination_name(source: ModelRef, quant_type: str) -> str:
    """File name for the result: the source's name with the new type in place of the old one.

    ``Model-BF16.gguf`` → ``Model-Q4_K_M.gguf``, ``Model.Q4_1.gguf`` → ``Model.Q3_K_M.gguf``,
    ``Model-F16-00001-of-00003.gguf`` → ``Model-Q8_0.gguf``. Safe on every file system.
    """
    filename = PurePosixPath(source.filenames[0].replace("\\", "/")).name if source.filenames else source.name
    stem = _SHARD_SUFFIX.sub("", re.sub(r"(?i)\.gguf$", "", filename))
    separator = "-"
    # The type's own spelling varies (fp16, Q4_K_XL) and it contains underscores, so both ways of cutting are tried.
    for pattern in (rf"(?i)([-._]){re.escape(source.quant_type or '-')}$", r"([-.])([^-.]+)$"):
        found = re.search(pattern, stem)
        if found and found.start() > 0 and quant_type_of(found[0][1:]):
            stem, separator = stem[: found.start()], found[1]
            break
    safe = re.sub(r'[<>:"/\\|?*\x00-\x1f\x7f]', "_", stem).strip(" .")[:180] or "model"
    if _RESERVED.match(safe):
        safe = f"_{safe}"
    return f"{safe}{separator}{quant_type}.gguf"
