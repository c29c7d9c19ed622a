"""What the user's database says of a file, brought to the file's new place."""

from __future__ import annotations

import json

from garden.store.document import Store

#: Columns with JSON documents in which a file's path may stand as a text of its own.
_DOCUMENTS = (("receipts", "document"), ("conversations", "panes"), ("answers", "document"), ("replays", "document"))


class MovedFiles:
    """Follows files that were moved.

    Args:
        database: The work database.
    """

    def __init__(self, database: Store) -> None:
        self._database = database

    def moved(self, old: str, new: str) -> None:
        """Bring receipts, hashes, last use, measurements and conversations along; once more changes nothing.

        Args:
            old: Where the file was.
            new: Where it is.
        """
        quoted, by = (json.dumps(path, ensure_ascii=False) for path in (old, new))
        with self._database.write() as connection:
            connection.execute(
                "UPDATE OR REPLACE model_use SET path = ? WHERE path = ?",
                (new, old),
            )
            connection.execute("UPDATE receipts SET path = ? WHERE path = ?", (new, old))
            for table, column in _DOCUMENTS:
                connection.execute(
                    f"UPDATE {table} SET {column} = replace({column}, ?, ?) WHERE instr({column}, ?)",
                    (quoted, by, quoted),
                )
            for table in ("speeds", "loads"):
                # Keys of files that were not hashed: path:SIZE:PATH
                connection.execute(
                    f"""UPDATE {table} SET model_key = substr(model_key, 1, length(model_key) - length(?)) || ?
                    WHERE model_key LIKE 'path:%' AND substr(model_key, -length(?)) = ?""",
                    (f":{old}", f":{new}", f":{old}", f":{old}"),
                )
