"""Removes the words of scrubbed entries from the tables of a SQLite journal, within a transaction of the caller."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from warroom.incident.delivery import OutboxItem
from warroom.incident.events import Entry
from warroom.incident.scrubbed import concerns, scrub_changes, scrub_item, scrub_targets
from warroom.journal.checksums import chain_stream

CANCELLED = "Cancelled: its entry was scrubbed"


def scrub_rows(db: sqlite3.Connection, stream: str, entries: Sequence[Entry]) -> None:
    """Remove the words of the entries that ``entries``, all of the stream, say are scrubbed.

    The checksums are made anew from the first entry on. The file is to be rewritten afterwards: a page that SQLite
    rearranged earlier may hold a copy of what it held then.
    """
    db.execute("PRAGMA secure_delete = ON")  # https://www.sqlite.org/pragma.html#pragma_secure_delete
    targets = scrub_targets(entries)
    concerned = [entry for entry in entries if concerns(entry, targets)]
    for entry in concerned:
        if changes := scrub_changes(entry.event):
            _replace_body(db, entry, changes)
    if concerned:
        chain_stream(db, stream)
    for entry in concerned:
        _scrub_deliveries(db, "stream = ? AND seq = ?", (stream, entry.seq))
    if concerned:  # a status message repeats the impact of earlier entries
        _scrub_deliveries(db, "stream = ? AND act = 'status' AND state <> 'pending'", (stream,))


def is_scrubbed(body: str) -> bool:
    """Whether the words of a delivery were removed."""
    item = OutboxItem.model_validate_json(body)
    return (item.message is not None or item.request is not None) and scrub_item(item) == item


def _replace_body(db: sqlite3.Connection, entry: Entry, changes: dict[str, Any]) -> None:
    where = "WHERE stream = ? AND seq = ?"
    body = db.execute(f"SELECT body FROM entries {where}", (entry.stream, entry.seq)).fetchone()[0]
    # Changed as JSON: what an earlier version wrote stays in its shape, which reading it depends on.
    scrubbed = {**json.loads(body), **changes}
    text = json.dumps(scrubbed, ensure_ascii=False, separators=(",", ":"))
    db.execute(f"UPDATE entries SET body = ? {where}", (text, entry.stream, entry.seq))


def _scrub_deliveries(db: sqlite3.Connection, where: str, values: tuple[Any, ...]) -> None:
    rows = db.execute(f"SELECT n, body, state FROM deliveries WHERE {where}", values).fetchall()
    for n, body, state in rows:
        item = OutboxItem.model_validate_json(body)
        scrubbed = scrub_item(item)
        if scrubbed == item:
            continue  # it was scrubbed before, or says nothing
        cancelled = state == "pending"
        db.execute(
            "UPDATE deliveries SET body = ?, state = ?, error = ? WHERE n = ?",
            (scrubbed.model_dump_json(), "failed" if cancelled else state, CANCELLED if cancelled else "", n),
        )
        if state in ("pending", "uncertain"):
            # Nothing is left to send or to look for: whether it has arrived, a person finds out.
            db.execute(
                "UPDATE deliveries SET next_attempt_at = NULL, holder = '', lease_until = 0 WHERE n = ?", (n,)
            )
