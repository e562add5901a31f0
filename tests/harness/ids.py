"""Ids of entries for tests: predictable, and telling which entry they are."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Callable
from itertools import count
from pathlib import Path
from uuid import UUID


def entry_id(number: int) -> UUID:
    """The id of the entry that a test writes at this place of a stream, from 1."""
    return UUID(int=number)


def new_ids(start: int = 1) -> Callable[[], UUID]:
    """A source of ids that counts from ``start``."""
    numbers = count(start)
    return lambda: UUID(int=next(numbers))


def numbered(text: str, journal: Path) -> str:
    """``text`` with the ids of deliveries by number: ``INC-1.4.hook.post`` for ``INC-1.3f2a90c1.hook.post``."""
    if not re.search(r"INC-\d+\.[0-9a-f]{8}\.", text):
        return text
    with contextlib.closing(sqlite3.connect(f"{journal.as_uri()}?mode=ro", uri=True)) as db:
        rows = db.execute("SELECT stream, seq, lower(hex(id)) FROM entries").fetchall()
    numbers = {(stream, id[-8:]): seq for stream, seq, id in rows}
    return re.sub(
        r"(INC-\d+)\.([0-9a-f]{8})\.",
        lambda found: f"{found[1]}.{numbers.get((found[1], found[2]), found[2])}.",
        text,
    )
