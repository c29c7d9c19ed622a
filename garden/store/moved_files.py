"""What the user's database says of a file, brought to the file's new place."""

from __future__ import annotations

import json
from collections.abc import Callable

from garden.core.job_record import JobRecord
from garden.store.document import Store, from_document, to_document

#: Columns with JSON documents in which a file's path may stand as a text of its own.
_DOCUMENTS = (
    ("receipts", "document"),
    ("conversations", "panes"),
    ("answers", "document"),
    ("replays", "document"),
    ("quality_reports", "document"),
    ("speeds", "document"),
    ("loads", "document"),
    ("jobs", "document"),
)

#: Columns that hold a path, or a name.
_PATHS = (("receipts", "path"), ("quality_reports", "model"), ("quality_reports", "base"))


class MovedFiles:
    """Follows files that were moved.

    Args:
        database: The work database.
    """

    def __init__(self, database: Store) -> None:
        self._database = database
        self._followers: list[Callable[[str, str], None]] = []

    def follow(self, follower: Callable[[str, str], None]) -> None:
        """Call this too, with the old and the new place, before the database is changed: for what is in memory."""
        self._followers.append(follower)

    def moved(self, old: str, new: str) -> None:
        """Bring receipts, hashes, last use, measurements, conversations and jobs along; once more changes nothing.

        Args:
            old: Where the file was.
            new: Where it is.
        """
        # In this order: whatever is stored after the memory was changed names the new place already.
        for follower in tuple(self._followers):
            follower(old, new)
        with self._database.write() as connection:
            connection.execute(
                "UPDATE OR REPLACE model_use SET path = ? WHERE path = ?",
                (new, old),
            )
            for table, column in _PATHS:
                connection.execute(f"UPDATE {table} SET {column} = ? WHERE {column} = ?", (new, old))
            for table, column in _DOCUMENTS:
                for text, instead in _replacements(old, new):
                    connection.execute(
                        f"UPDATE {table} SET {column} = replace({column}, ?, ?) WHERE instr({column}, ?)",
                        (text, instead, text),
                    )
            for table in ("speeds", "loads"):
                # Keys of files that were not hashed: path:SIZE:PATH
                connection.execute(
                    f"""UPDATE {table} SET model_key = substr(model_key, 1, length(model_key) - length(?)) || ?
                    WHERE model_key LIKE 'path:%' AND substr(model_key, -length(?)) = ?""",
                    (f":{old}", f":{new}", f":{old}", f":{old}"),
                )

    def moved_in_conversation(self, conversation_id: str, old: str, new: str) -> None:
        """Bring one stored conversation along, whose file was found elsewhere; whoever uses the file otherwise stays.

        Args:
            conversation_id: Which; nothing happens when it is not stored.
            old: Where the file was.
            new: Where one with the same bytes is.
        """
        with self._database.write() as connection:
            for table, column, key in (("conversations", "panes", "id"), ("answers", "document", "conversation_id")):
                for text, instead in _replacements(old, new):
                    connection.execute(
                        f"UPDATE {table} SET {column} = replace({column}, ?, ?) WHERE {key} = ?",
                        (text, instead, conversation_id),
                    )


def record_at_new_place(record: JobRecord, old: str, new: str) -> JobRecord:
    """A job's record with a file named where it lies now, also in what its work is made again from."""
    document = to_document(record)
    for text, instead in _replacements(old, new):
        document = document.replace(text, instead)
    return from_document(document, JobRecord)


def _replacements(old: str, new: str) -> tuple[tuple[str, str], tuple[str, str]]:
    quoted, by = (json.dumps(path, ensure_ascii=False) for path in (old, new))
    # And as it stands in a document that is a text within a document, as a job's target is.
    within, by_within = (json.dumps(text, ensure_ascii=False)[1:-1] for text in (quoted, by))
    return (quoted, by), (within, by_within)
