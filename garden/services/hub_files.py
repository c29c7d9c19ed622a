"""Files on the Hub as models that can be named before they are here."""

from __future__ import annotations

from garden.core.catalog import Repository, RepositoryFile
from garden.core.model_ref import ModelRef
from garden.services.model_name import display_name


def hub_ref(repository: Repository, file: RepositoryFile) -> ModelRef:
    """The model that a file of a repository is, without a path."""
    summary = repository.summary
    return ModelRef(
        name=display_name(summary.name),
        repo_id=summary.repo_id,
        revision=repository.revision,
        filenames=tuple(part.filename for part in file.files),
        quant_type=file.quant_type,
        size_bytes=file.size_bytes,
        sha256=file.sha256,
    )
