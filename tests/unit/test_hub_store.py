"""A laptop's side of the shared room: entries of an earlier version, which have no id of their own."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from warroom.incident.events import Declared, Noted
from warroom.journal.sqlite import SqliteJournal
from warroom.testing.memory_hub import MemoryHub

NOW = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)


def test_entries_of_an_earlier_version_are_known_again_when_they_come_back(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    with SqliteJournal(path) as journal:
        events = [
            Declared(service="web", impact="down", severity="high", started_at=NOW),
            Noted(note="note", words="looked"),
        ]
        journal.append("INC-1", 0, events, at=NOW, by="Ada")
        with sqlite3.connect(path) as db:
            db.execute("UPDATE entries SET id = NULL")
        before = [entry.id for entry in journal.read("INC-1")]
        hub, device = MemoryHub().connect(), uuid4()
        journal.hub.join(device, hub.hello(device, "Ada", "1", 0).epoch, "a", "here")
        journal.hub.publish("INC-1")
        waiting = journal.hub.waiting()
        hub.push([one.entry for one in waiting])
        journal.hub.absorb(hub.pull(0), NOW)
        assert [(entry.id, entry.pos) for entry in journal.read("INC-1")] == list(zip(before, (1, 2), strict=True))
