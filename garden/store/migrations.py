"""Numbered steps from an empty file to today's tables. A step that was released is never changed, only followed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Migration:
    """One step; its number is its place in the list, counted from 1.

    Attributes:
        name: What it adds, for the log.
        statements: SQL, run in one transaction.
    """

    name: str
    statements: tuple[str, ...]


#: The user's own state: never discarded.
WORK_MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        "conversations, receipts, jobs, measurements",
        (
            """CREATE TABLE conversations (
                id TEXT PRIMARY KEY, title TEXT NOT NULL, mode TEXT NOT NULL, panes TEXT NOT NULL,
                created_at REAL NOT NULL, updated_at REAL NOT NULL)""",
            "CREATE INDEX conversations_by_age ON conversations (updated_at)",
            """CREATE TABLE turns (
                conversation_id TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
                position INTEGER NOT NULL, prompt TEXT NOT NULL, answer_order TEXT NOT NULL, asked_at REAL NOT NULL,
                standalone INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (conversation_id, position))""",
            """CREATE TABLE answers (
                conversation_id TEXT NOT NULL, position INTEGER NOT NULL, slot INTEGER NOT NULL,
                pane TEXT NOT NULL, text TEXT NOT NULL, document TEXT NOT NULL,
                PRIMARY KEY (conversation_id, position, slot),
                FOREIGN KEY (conversation_id, position) REFERENCES turns (conversation_id, position)
                    ON DELETE CASCADE)""",
            """CREATE TABLE receipts (
                id TEXT PRIMARY KEY, path TEXT NOT NULL, finished_at REAL NOT NULL, document TEXT NOT NULL)""",
            """CREATE TABLE quality_reports (
                id TEXT PRIMARY KEY, model TEXT NOT NULL, base TEXT NOT NULL, text TEXT NOT NULL,
                measured_at REAL NOT NULL, document TEXT NOT NULL)""",
            """CREATE TABLE jobs (
                id TEXT PRIMARY KEY, owner_pid INTEGER NOT NULL, owner_started_at REAL NOT NULL,
                ended INTEGER NOT NULL, created_at REAL NOT NULL, document TEXT NOT NULL)""",
            """CREATE TABLE loads (
                id TEXT PRIMARY KEY, model_key TEXT NOT NULL, loaded_at REAL NOT NULL, document TEXT NOT NULL)""",
            "CREATE INDEX loads_by_model ON loads (model_key, loaded_at)",
            """CREATE TABLE speeds (
                id TEXT PRIMARY KEY, model_key TEXT NOT NULL, measured_at REAL NOT NULL, document TEXT NOT NULL)""",
            "CREATE INDEX speeds_by_model ON speeds (model_key, measured_at)",
            """CREATE TABLE loaded_models (
                pid INTEGER PRIMARY KEY, started_at REAL NOT NULL, document TEXT NOT NULL)""",
            """CREATE TABLE model_use (
                path TEXT PRIMARY KEY, document TEXT NOT NULL)""",
            """CREATE TABLE replays (
                id TEXT PRIMARY KEY, identity TEXT NOT NULL, replayed_at REAL NOT NULL, document TEXT NOT NULL)""",
        ),
    ),
    Migration(
        "calibrations",
        (
            """CREATE TABLE calibrations (
                id TEXT PRIMARY KEY, setup TEXT NOT NULL, measured_at REAL NOT NULL, document TEXT NOT NULL)""",
            "CREATE INDEX calibrations_by_setup ON calibrations (setup, measured_at)",
        ),
    ),
)

#: What can be read from disk and Hub again: thrown away when damaged or outdated.
INDEX_MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        "headers, library, seen repositories",
        (
            """CREATE TABLE headers (
                key TEXT PRIMARY KEY, seen_at REAL NOT NULL, document BLOB NOT NULL)""",
            """CREATE TABLE library (
                path TEXT PRIMARY KEY, document TEXT NOT NULL)""",
            """CREATE TABLE summaries (
                repo_id TEXT PRIMARY KEY, seen_at REAL NOT NULL, document TEXT NOT NULL)""",
        ),
    ),
    Migration(
        "pages",
        (
            """CREATE TABLE pages (
                endpoint TEXT NOT NULL, repo_id TEXT NOT NULL, revision TEXT NOT NULL, seen_at REAL NOT NULL,
                document TEXT NOT NULL, card TEXT, PRIMARY KEY (endpoint, repo_id))""",
        ),
    ),
    Migration(
        "rows by the Hub that gave them",
        (
            # What was seen of which Hub was not noted.
            "DROP TABLE summaries",
            # Nor which pages only one account could see.
            "DELETE FROM pages",
            """CREATE TABLE summaries (
                endpoint TEXT NOT NULL, repo_id TEXT NOT NULL, seen_at REAL NOT NULL, document TEXT NOT NULL,
                PRIMARY KEY (endpoint, repo_id))""",
        ),
    ),
    Migration(
        "answers",
        (
            """CREATE TABLE answers (
                endpoint TEXT NOT NULL, repo_id TEXT NOT NULL, question TEXT NOT NULL, seen_at REAL NOT NULL,
                document TEXT NOT NULL, PRIMARY KEY (endpoint, repo_id, question))""",
        ),
    ),
)
