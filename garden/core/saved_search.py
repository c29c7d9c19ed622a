"""A search that the user keeps under a name."""

from __future__ import annotations

import dataclasses
import typing
from dataclasses import dataclass, field

import msgspec

from garden.core.model_query import SORTS, ModelQuery

#: Longest name.
MAX_NAME = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedSearch:
    """As it is written down: what differs from a search for everything, by the names of ModelQuery's fields.

    A newer Garden may know filters and words that this one does not; they are kept, and passed over in ``query``.

    Attributes:
        name: The user's, one line.
        filters: Fields and values.
    """

    name: str
    filters: dict[str, str | int | bool | None] = field(default_factory=dict)

    @classmethod
    def of(cls, name: str, query: ModelQuery) -> SavedSearch:
        """The search of a query."""
        plain = ModelQuery()
        values = {each.name: getattr(query, each.name) for each in dataclasses.fields(query)}
        changed = {key: value for key, value in values.items() if value != getattr(plain, key)}
        # Words of an enumeration as plain text.
        return cls(name=name, filters=msgspec.to_builtins(changed))

    @property
    def query(self) -> ModelQuery:
        """What it asks, as far as it is known here."""
        query = ModelQuery()
        kinds = typing.get_type_hints(ModelQuery)
        for key, value in self.filters.items():
            if key not in kinds or (key == "sort" and value not in SORTS):
                continue
            try:
                query = dataclasses.replace(query, **{key: msgspec.convert(value, kinds[key])})
            except msgspec.ValidationError:
                continue
        return query
