"""The incidents in brief, read before the rest of the house is loaded. Never writes, never waits, never fails."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from warroom.incident.summary import Summary


def read_summaries(path: Path) -> list[Summary]:
    """Every incident in brief, newest first; none where they cannot be had at once.

    What is wrong with a journal is told by whoever opens it in earnest.
    """
    if not path.exists():
        return []
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=0.02)) as db:
            rows = db.execute("SELECT summary FROM streams WHERE number > 0 ORDER BY number DESC").fetchall()
        return [Summary.from_json(text) for (text,) in rows]
    except (sqlite3.Error, OSError, ValueError, KeyError, TypeError):
        return []
