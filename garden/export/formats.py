"""The formats that a configuration can be taken away in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from garden.core.errors import NotFoundError, RefusedError
from garden.core.run_configuration import RunConfiguration
from garden.export.llama_cpp_python_script import render_script
from garden.export.llama_server import render_llama_server
from garden.export.ollama_modelfile import render_modelfile
from garden.export.rendering import ENGINE_VERSION, Export, ExportRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One target.

    Attributes:
        name: Word for the command line.
        title: Words for people.
        file_name: The file that matters most of those it makes.
        render: Makes it; pure but for reading Garden's own resources.
    """

    name: str
    title: str
    file_name: str
    render: Callable[[ExportRequest], Export]


FORMATS: tuple[Format, ...] = (
    Format(name="ollama", title="Ollama Modelfile", file_name="Modelfile", render=render_modelfile),
    Format(name="llama-server", title="llama-server command", file_name="llama-server.sh", render=render_llama_server),
    Format(name="llama-cpp-python", title="llama-cpp-python script", file_name="answer.py", render=render_script),
)


def format_named(name: str) -> Format:
    """The format of this name.

    Raises:
        NotFoundError: There is none.
    """
    for known in FORMATS:
        if known.name == name:
            return known
    names = ", ".join(known.name for known in FORMATS)
    raise NotFoundError(f"There is no export format {name!r}.", f"Choose one of: {names}.")


def render(
    name: str,
    configuration: RunConfiguration,
    *,
    prompt_text: str | None = None,
    prompt_token_ids: tuple[int, ...] = (),
    sample_text: str | None = None,
    template_text: str | None = None,
    engine_version: str = ENGINE_VERSION,
    with_seed: bool = True,
) -> Export:
    """Render a configuration in a format.

    Args:
        name: Name of the format.
        configuration: As the engine resolved it, if it has run.
        prompt_text: The exact text that the model received, with an answer's export.
        prompt_token_ids: The tokens of that text.
        sample_text: What the template makes of any prompt, without an answer.
        template_text: The chat template inside the file, where it is known.
        engine_version: Version of llama-cpp-python that the answer came from.
        with_seed: Whether the configuration's seed goes along; without one the target draws anew for each answer.

    Raises:
        NotFoundError: There is no such format.
        RefusedError: The target cannot hold it at all.
    """
    request = ExportRequest(
        configuration=configuration,
        prompt_text=prompt_text,
        prompt_token_ids=prompt_token_ids,
        sample_text=sample_text,
        template_text=template_text,
        engine_version=engine_version,
        with_seed=with_seed,
    )
    export = format_named(name).render(request)
    for file, text in export.files:
        _check_encodable(file, text)
    return export


def _check_encodable(file: str, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise RefusedError(
            f"{file} would hold a character that no text file can carry.",
            "Rename the file or folder, or retype the text that holds it.",
            str(error),
        ) from error
