"""Names in a journal, read without opening it as one: for a shell that completes a word. Standard library only.

A journal that is missing, damaged, newer or locked has no names here; who asks has a person waiting.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

WAIT_S = 0.2
"""How long is waited for a writer, in seconds."""


class IncidentName(NamedTuple):
    """An incident: its id, whether it is open, and a line about it."""

    id: str
    open: bool
    text: str


def incident_names(path: Path) -> list[IncidentName]:
    """Return every incident, newest first."""
    found = []
    with _reading(path) as db:
        # Those with the letter of a laptop in their name have number 0, and so have the streams that are none.
        wanted = "SELECT summary FROM streams WHERE summary <> '' ORDER BY number DESC, rowid DESC"
        rows = db.execute(wanted) if db else ()
        for (text,) in rows:
            try:
                row = json.loads(text)
                status = str(row["status"])
                about = f"{row['severity']} {status}: {row['service']} · {row['title']}"
                found.append(IncidentName(str(row["id"]), status in ("investigating", "mitigated"), about))
            except (ValueError, KeyError, TypeError):
                continue  # kept by another version
    return found


def action_names(path: Path, incident: str) -> list[tuple[str, str]]:
    """Return the numbers of an incident's action items, each with its text."""
    return _numbered(path, incident, "action", "A")


def change_names(path: Path, incident: str) -> list[tuple[str, str]]:
    """Return the numbers of an incident's planned changes, each with its text, those that were made too."""
    return _numbered(path, incident, "change_planned", "C")


def _numbered(path: Path, incident: str, kind: str, letter: str) -> list[tuple[str, str]]:
    with _reading(path) as db:
        wanted = "SELECT body FROM entries WHERE stream = ? AND kind = ? ORDER BY seq"
        rows = list(db.execute(wanted, (incident, kind))) if db else []
    return [(f"{letter}{number}", str(json.loads(body).get("words", ""))) for number, (body,) in enumerate(rows, 1)]


def delivery_names(path: Path) -> list[tuple[str, str]]:
    """Return the ids of the deliveries that somebody may have to do something about, newest first."""
    with _reading(path) as db:
        wanted = "SELECT id, state, error FROM deliveries WHERE state IN ('uncertain', 'failed') ORDER BY n DESC"
        rows = list(db.execute(wanted)) if db else []
    return [(str(id), f"{state}: {error}") for id, state, error in rows]


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection | None]:
    """A connection that writes nothing to the journal; None where there is none."""
    if not path.is_file():
        yield None
        return
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=WAIT_S)) as db:
        yield db
