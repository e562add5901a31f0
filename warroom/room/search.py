"""Searches everything that was ever recorded, and finds incidents like the one being declared. Records nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from warroom.errors import WarroomError
from warroom.incident.events import TEAM, AlertTaken
from warroom.incident.incident import Incident, fold
from warroom.incident.scrub_events import EntryScrubbed
from warroom.incident.search import (
    Found,
    incident_records,
    outdated_rows,
    parse_query,
    team_records,
)
from warroom.incident.similar import ComparedIncident, find_similar
from warroom.journal.search_index import IndexedStream, IndexFailed, SearchIndex
from warroom.room.room import WarRoom

LIMIT = 100
"""How many matches are returned at most."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The matches, the best first. ``unreadable`` are incidents that could not be searched."""

    found: tuple[Found, ...]
    unreadable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SimilarIncident:
    """A past incident like the one being declared; ``fixed_by`` and ``root_cause`` are "" if not known."""

    id: str
    service: str
    impact: str
    severity: str
    at: datetime
    open: bool
    reasons: tuple[str, ...]
    fixed_by: str
    root_cause: str

    @property
    def outcome(self) -> str:
        """What fixed it, or what is known instead."""
        if self.open:
            return "still open"
        if self.fixed_by:
            return f"fixed by: {self.fixed_by}"
        return f"cause: {self.root_cause}" if self.root_cause else "no fix recorded"


class IncidentSearch:
    """The search of a room, over an index that follows the journal. Safe to call from any thread, never from the
    event loop: the first search of a large journal takes seconds."""

    def __init__(self, room: WarRoom, index: SearchIndex) -> None:
        self._room = room
        self._index = index
        self._lock = threading.Lock()
        self._verified = False
        """Whether the index was compared with the journal; while that is open it is not replaced."""

    def close(self) -> None:
        """Close the index."""
        self._index.close()

    def begin_anew(self) -> None:
        """Delete the index and what it holds; the next search makes a new one."""
        with self._lock:
            self._index.reset()

    def find(self, text: str, limit: int = LIMIT) -> SearchResult:
        """Return what matches ``text``, whatever characters it has. Raises ``JournalError`` if nothing can be
        read."""
        query = parse_query(text, self._room.clock(), self._room.zone)
        if query.empty:
            return SearchResult(())

        def find() -> SearchResult:
            unreadable = self._follow()
            return SearchResult(tuple(self._index.find(query, limit)), unreadable)

        return self._with_index(find)

    def similar(
        self, service: str, impact: str, alert: str = "", *, drill: bool = False, without: str = ""
    ) -> tuple[SimilarIncident, ...]:
        """Return the incidents most like one of this service, impact and alert, at most three.

        Drills are compared with drills only. ``without`` is the incident itself, if it is declared already.
        """
        if not (service.strip() or impact.strip() or alert):
            return ()

        def alerts() -> list[tuple[str, str]]:
            self._follow()
            return self._index.alerts()

        names: dict[str, set[str]] = {}
        for incident, name in self._with_index(alerts):
            names.setdefault(incident, set()).add(name)
        summaries = {
            one.id: one
            for one in self._room.summaries()
            if one.drill == drill and one.id != without.upper() and not one.duplicate_of
        }
        past = (
            ComparedIncident(
                id=one.id,
                service=one.service,
                impact=one.title,
                at=one.milestones["started"],
                open=one.open,
                alerts=frozenset(names.get(one.id, ())),
            )
            for one in summaries.values()
        )
        found = []
        for likeness in find_similar(past, service, impact, alert):
            summary = summaries[likeness.id]
            fixed_by, root_cause = self._outcome(likeness.id)
            found.append(
                SimilarIncident(
                    id=likeness.id,
                    service=summary.service,
                    impact=summary.title,
                    severity=summary.severity,
                    at=summary.milestones["started"],
                    open=likeness.open,
                    reasons=likeness.reasons,
                    fixed_by=fixed_by,
                    root_cause=root_cause,
                )
            )
        return tuple(found)

    def _outcome(self, incident_id: str) -> tuple[str, str]:
        """The last fix of an incident and the first line of its root cause."""
        try:
            incident = self._fold(incident_id)
        except (WarroomError, LookupError, ValueError, TypeError, AttributeError):
            return "", ""
        fixes = [row.text for entry, _ in incident.fixes if (row := incident.row(entry))]
        cause = incident.sections.get("root_cause", "").strip().partition("\n")[0]
        return (fixes[-1] if fixes else "", cause)

    # ── the index ─────────────────────────────────────────────────────────────────────────────────────────

    def _with_index(self, call: Callable[[], T]) -> T:
        """Call it; if the index fails it is begun anew, at last in memory."""
        with self._lock:
            for attempt in range(2):
                try:
                    return call()
                except IndexFailed as error:
                    self._index.reset(in_memory=error.busy or attempt > 0)
            return call()

    def _follow(self) -> tuple[str, ...]:
        """Bring the index up to date with the journal; the incidents that cannot be read."""
        journal, known = self._room.journal, self._index.streams()
        versions = {stream: version for stream, version, _ in journal.summaries()}
        unreadable = []
        for stream, version in versions.items():
            at = known.get(stream)
            try:
                if at and at.version == version and (self._verified or self._ends_with(stream, at)):
                    continue
                # What somebody works on is folded in the room already; the rest is not to stay in memory.
                incident = self._room.incident(stream) if at and self._verified else self._fold(stream)
            except (WarroomError, LookupError, ValueError, TypeError, AttributeError):
                unreadable.append(stream)
            else:
                self._store_incident(incident, version, at)
        self._follow_team(known.get(TEAM))
        self._verified = True
        for stream in known.keys() - versions.keys() - {TEAM}:
            self._index.drop(stream)
        return tuple(unreadable)

    def _ends_with(self, stream: str, at: IndexedStream) -> bool:
        """Whether the stream's last entry is the one that was indexed: not if the journal is another one now."""
        entries = self._room.journal.read(stream, at.version - 1)
        return bool(entries) and entries[-1].id == at.last

    def _fold(self, stream: str) -> Incident:
        return fold(stream, self._room.journal.read(stream))

    def _store_incident(self, incident: Incident, version: int, at: IndexedStream | None) -> None:
        rows = incident.rows
        # The journal may have been restored from a copy: then the stream is not what was indexed.
        whole = at is None or not (0 < at.rows <= len(rows) and rows[at.rows - 1].id == at.last)
        whole = whole or any(isinstance(row.entry.event, EntryScrubbed) for row in rows[at.rows if at else 0 :])
        self._index.store(
            incident.id,
            IndexedStream(version, len(rows), rows[-1].id if rows else None),
            incident_records(incident, 0 if whole or at is None else at.rows),
            whole=whole,
            outdated=outdated_rows(incident),
        )

    def _follow_team(self, at: IndexedStream | None) -> None:
        journal = self._room.journal
        version = journal.version(TEAM)
        if version == (at.version if at else 0) and (at is None or self._verified or self._ends_with(TEAM, at)):
            return
        entries = journal.read(TEAM, max(0, at.version - 1) if at else 0)
        whole = at is None or not entries or entries[0].id != at.last
        whole = whole or any(isinstance(entry.event, EntryScrubbed) for entry in entries[1:])
        if whole and at is not None:
            entries = journal.read(TEAM)
        new = entries if whole else entries[1:]
        if entries:
            last = max(entry.seq for entry in entries)
            end = IndexedStream(last, last, entries[-1].id)
            self._index.store(TEAM, end, team_records(new), whole=whole)
            events = [entry.event for entry in new]
            self._index.mark_taken(
                (event.alert, event.incident)
                for event in events
                if isinstance(event, AlertTaken) and event.incident
            )
