"""What is searched for, and what there is to find: queries, records of an incident and of the team. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from typing import Literal
from uuid import UUID

from warroom.errors import BadInput
from warroom.incident.events import (
    TEAM,
    AlertReceived,
    AlertTaken,
    Declared,
    Entry,
    FixRecorded,
    ItemChecked,
    ItemUnchecked,
    SectionWritten,
    UpdatePosted,
)
from warroom.incident.incident import Incident, TimelineRow, happened_at
from warroom.incident.timing import read_moment

MOST_TERMS = 24
"""How many words of a query count; the rest is left out."""

LONGEST_QUERY = 1_000
"""How many characters of a query count."""

FILTERS = ("service", "kind", "by", "incident", "since", "until")
"""What a query may be narrowed by: ``service:checkout``, ``since:90d``."""

# ── queries ───────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Term:
    """A word or phrase. One that is not ``whole`` matches words that begin with it."""

    text: str
    whole: bool = False
    excluded: bool = False


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """What a person searches for. All ``terms`` must be in a record, and no excluded one.

    ``service``, ``kind`` and ``by`` are the beginnings of those; ``since`` and ``until`` bound the time, UTC.
    """

    terms: tuple[Term, ...] = ()
    service: str = ""
    kind: str = ""
    by: str = ""
    incident: str = ""
    since: datetime | None = None
    until: datetime | None = None

    @property
    def empty(self) -> bool:
        """Whether it asks for nothing: then it finds nothing."""
        return self == SearchQuery(tuple(term for term in self.terms if term.excluded))


_PART = re.compile(
    r"""(?P<minus>-)?
    (?: "(?P<phrase>[^"]*)"?
      | (?P<filter>[A-Za-z]+): (?: "(?P<quoted>[^"]*)"? | (?P<value>\S+) )
      | \S+ )""",
    re.VERBOSE,
)


def parse_query(text: str, now: datetime, zone: tzinfo) -> SearchQuery:
    """Parse what was typed; never raises. What is no filter (``http://x``, ``since:never``) is taken as words."""
    query, terms = SearchQuery(), []
    for match in _PART.finditer(text[:LONGEST_QUERY]):
        name, value = (match["filter"] or "").lower(), match["quoted"] or match["value"] or ""
        narrowed = _narrowed(query, name, value, now, zone) if name in FILTERS and not match["minus"] else None
        if narrowed is not None:
            query = narrowed
            continue
        typed = match["phrase"] if match["phrase"] is not None else match[0].removeprefix(match["minus"] or "")
        whole = match["phrase"] is not None
        words = typed.strip() if whole else typed.rstrip("*").replace('"', " ").strip()
        if words:
            terms.append(Term(words, whole, match["minus"] is not None))
    return replace(query, terms=tuple(terms[:MOST_TERMS]))


def _narrowed(query: SearchQuery, name: str, value: str, now: datetime, zone: tzinfo) -> SearchQuery | None:
    """The query with a filter; None if the value is not one for it."""
    if not value.strip():
        return None
    if name in ("since", "until"):
        try:
            return replace(query, **{name: read_moment(value, now, zone)})  # type: ignore[arg-type]
        except BadInput:
            return None
    if name == "incident":
        return replace(query, incident=f"INC-{value}" if value.isdecimal() else value.upper())
    return replace(query, **{name: value})  # type: ignore[arg-type]


# ── records ───────────────────────────────────────────────────────────────────────────────────────────────

Weight = Literal[1, 2, 4]
"""How much a match counts: 1 a tick, 2 most entries, 4 what sums an incident up."""

_WEIGHTS: Mapping[type, Weight] = {
    ItemChecked: 1,
    ItemUnchecked: 1,
    Declared: 4,
    FixRecorded: 4,
    SectionWritten: 4,
}


@dataclass(frozen=True, slots=True)
class SearchRecord:
    """An entry as it reads now. ``number`` is its row in the timeline, or its place in the team's stream.

    ``incident`` is the incident that it belongs to or led to, "" for none.
    """

    stream: str
    number: int
    entry: UUID
    incident: str
    kind: str
    service: str
    by: str
    at: datetime
    text: str
    weight: Weight = 2
    retracted: bool = False
    alert: str = ""
    """The name of the alert, of an alert."""


def incident_records(incident: Incident, after: int = 0) -> Iterator[SearchRecord]:
    """Yield the entries of an incident from row ``after`` + 1 on, and earlier ones that these have changed.

    Of each section of the post-mortem only the newest version is there to find: it is the one that reads now.
    """
    changed = {row.number for row in incident.rows[after:]}
    for row in incident.rows[after:]:
        target = getattr(row.entry.event, "entry", None)  # of an amendment or a retraction
        number = incident.numbers.get(target) if isinstance(target, UUID) else None
        if number:
            changed.add(number)
    newest: dict[str, int] = {}
    for row in incident.rows:
        if isinstance(row.entry.event, SectionWritten):
            newest[row.entry.event.section] = row.number
    for number in sorted(changed):
        row = incident.rows[number - 1]
        event = row.entry.event
        if not isinstance(event, SectionWritten) or newest[event.section] == number:
            yield _record(incident, row)


def outdated_rows(incident: Incident) -> list[int]:
    """Return the rows of section versions that a newer one has replaced."""
    newest: dict[str, int] = {}
    old: list[int] = []
    for row in incident.rows:
        if isinstance(row.entry.event, SectionWritten):
            if row.entry.event.section in newest:
                old.append(newest[row.entry.event.section])
            newest[row.entry.event.section] = row.number
    return old


def _record(incident: Incident, row: TimelineRow) -> SearchRecord:
    event = row.entry.event
    text = row.text
    if isinstance(event, UpdatePosted):  # the timeline shows its impact only
        text = f"{text}\n{event.words}"
    elif isinstance(event, AlertReceived):
        text = _alert_text(event)
    return SearchRecord(
        stream=incident.id,
        number=row.number,
        entry=row.id,
        incident=incident.id,
        kind=row.kind,
        service=incident.service,
        by=row.by,
        at=row.at,
        text=text,
        weight=_WEIGHTS.get(type(event), 2),
        retracted=row.retracted,
        alert=event.name if isinstance(event, AlertReceived) else "",
    )


def _alert_text(event: AlertReceived) -> str:
    return " · ".join(filter(None, (event.text, event.service, event.url)))


def team_records(entries: Iterable[Entry]) -> Iterator[SearchRecord]:
    """Yield entries of the team's stream."""
    for entry in entries:
        event = entry.event
        if isinstance(event, AlertTaken):
            continue  # it says nothing that the alert's own record does not
        alert = event if isinstance(event, AlertReceived) else None
        yield SearchRecord(
            stream=TEAM,
            number=entry.seq,
            entry=entry.id,
            incident="",
            kind=entry.kind,
            service=alert.service if alert else "",
            by=entry.by,
            at=happened_at(entry),
            text=_alert_text(alert) if alert else event.text,
            alert=alert.name if alert else "",
        )


# ── what is found ─────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Found:
    """A record that matches. ``excerpt`` is a part of its text: (text, whether it matches)."""

    stream: str
    number: int
    entry: UUID
    incident: str
    kind: str
    service: str
    by: str
    at: datetime
    excerpt: tuple[tuple[str, bool], ...]
    retracted: bool = False

    @property
    def text(self) -> str:
        """The excerpt without marks."""
        return "".join(text for text, _ in self.excerpt)
