"""The meetings after an incident as an iCalendar file (RFC 5545): times in UTC, so that it needs no time zones.

It has no METHOD: with one, a file that names attendees would be a message between calendars (RFC 5546).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from warroom import __version__
from warroom.safety import sanitize

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,190}")
_LINE = 75
"""Octets, at most, of a line without its end."""


@dataclass(frozen=True, slots=True)
class Attendee:
    """Somebody to invite."""

    name: str
    email: str


@dataclass(frozen=True, slots=True)
class CalendarEntry:
    """A meeting. ``uid`` is the same each time it is written, so that importing it again replaces it.

    ``at`` and ``stamp`` (when it was scheduled) are UTC; ``sequence`` counts how often it was moved. The first of
    the ``attendees`` is the organizer.
    """

    uid: UUID
    title: str
    description: str
    at: datetime
    minutes: int
    stamp: datetime
    sequence: int = 0
    attendees: tuple[Attendee, ...] = ()


def to_ics(entries: Iterable[CalendarEntry]) -> str:
    """Write the entries as one file, with CRLF at the end of each line."""
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        f"PRODID:-//warroom//warroom {__version__}//EN",
        "CALSCALE:GREGORIAN",
    ]
    for entry in entries:
        lines += _entry(entry)
    return "".join(f"{folded}\r\n" for line in (*lines, "END:VCALENDAR") for folded in _folded(line))


def _entry(entry: CalendarEntry) -> Iterator[str]:
    yield "BEGIN:VEVENT"
    yield f"UID:{entry.uid}@warroom"
    yield f"DTSTAMP:{_moment(entry.stamp)}"
    yield f"SEQUENCE:{entry.sequence}"
    yield f"DTSTART:{_moment(entry.at)}"
    yield f"DTEND:{_moment(entry.at + timedelta(minutes=entry.minutes))}"
    yield f"SUMMARY:{_text(entry.title)}"
    yield f"DESCRIPTION:{_text(entry.description)}"
    yield from _attendees([one for one in entry.attendees if _ADDRESS.fullmatch(one.email)])
    yield "END:VEVENT"


def _attendees(attendees: Sequence[Attendee]) -> Iterator[str]:
    for number, one in enumerate(attendees):
        name, address = f"CN={_parameter(one.name)}", f"mailto:{one.email}"
        if number == 0:
            yield f"ORGANIZER;{name}:{address}"
        yield f"ATTENDEE;{name};ROLE=REQ-PARTICIPANT;PARTSTAT=NEEDS-ACTION;RSVP=TRUE:{address}"


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _text(text: str) -> str:
    """A value of type TEXT (RFC 5545, 3.3.11)."""
    escaped = re.sub(r"[\\;,]", r"\\\g<0>", sanitize(text))
    return "\\n".join(escaped.splitlines())


def _parameter(text: str) -> str:
    """The value of a parameter, quoted; a quote itself cannot be in one (RFC 5545, 3.2)."""
    return '"' + sanitize(text, newlines=False).replace('"', "'") + '"'


def _folded(line: str) -> Iterator[str]:
    """The line in pieces of at most ``_LINE`` octets, no character cut in two; a space begins all but the first."""
    piece, size = "", 0
    for character in line:
        octets = len(character.encode("utf-8", "replace"))
        if size + octets > _LINE:
            yield piece
            piece, size = " ", 1
        piece, size = piece + character, size + octets
    yield piece
