"""What one line of a log says about itself: its time and its level; never opens a file, never draws.

Recognised: ISO 8601 and its relatives, syslog (RFC 3164 and 5424), log4j and Python logging, nginx and Apache
access and error logs (an access line's level is that of its HTTP status), JSON lines, logfmt, klog, epoch seconds
to nanoseconds. Only the head of a line is looked at, so that the cost does not grow with the line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Literal, get_args

Level = Literal["trace", "debug", "info", "warn", "error", "fatal"]
LEVELS: tuple[Level, ...] = get_args(Level)

_RANKS: dict[Level | None, int] = {None: -1, **{level: rank for rank, level in enumerate(LEVELS)}}


def rank(level: Level | None) -> int:
    """The level as a number, trace 0 to fatal 5; a line without one is below them all."""
    return _RANKS[level]


@dataclass(frozen=True, slots=True)
class Record:
    """One line of one source, as it may be kept as evidence: ``text`` has been made safe by ``warroom.redact``.

    ``line`` counts from 1, and is None where lines cannot be numbered (yet); ``time`` is in UTC.
    """

    source: str
    line: int | None
    time: datetime | None
    level: Level | None
    text: str


# ---------------------------------------------------------------------------------------------- level

_HEAD = 240   # characters: a level stands before the message

_NAMES: dict[str, Level] = {
    "trace": "trace", "verbose": "trace", "finest": "trace", "finer": "trace", "trc": "trace", "silly": "trace",
    "debug": "debug", "dbg": "debug", "debg": "debug", "fine": "debug",
    "info": "info", "notice": "info", "information": "info", "inf": "info", "log": "info", "note": "info",
    "config": "info", "informational": "info",
    "warn": "warn", "warning": "warn", "wrn": "warn",
    "error": "error", "err": "error", "severe": "error", "failure": "error", "eror": "error",
    "fatal": "fatal", "critical": "fatal", "crit": "fatal", "panic": "fatal", "emerg": "fatal",
    "emergency": "fatal", "alert": "fatal", "dpanic": "fatal", "ftl": "fatal",
}
# bunyan and pino write numbers: 10 trace … 60 fatal
_NUMBERS: dict[str, Level] = {
    "10": "trace", "20": "debug", "30": "info", "40": "warn", "50": "error", "60": "fatal"}
_SYSLOG: tuple[Level, ...] = ("fatal", "fatal", "fatal", "error", "warn", "info", "info", "debug")
_KLOG: dict[str, Level] = {"I": "info", "W": "warn", "E": "error", "F": "fatal", "D": "debug"}

# In capitals, a whole word. The pattern begins with a set of letters so that the search skips at full speed;
# the character before is looked at afterwards.
_CAPITALS = re.compile(
    r"(?:ERROR|ERR|EMERG|WARN(?:ING)?|INFO|NOTICE|DEBUG|TRACE|FATAL|FINEST|FINER|CRIT(?:ICAL)?|SEVERE|PANIC|ALERT"
    r"|VERBOSE|DPANIC)(?!\w)")
_LOWER = re.compile(
    r"(?:^|(?<=[\s\[(<|:]))(trace|debug|info|notice|warn(?:ing)?|err(?:or)?|severe|crit(?:ical)?|fatal|panic|alert"
    r"|emerg)(?=[\]):>|])", re.IGNORECASE)
_FIELD = re.compile(
    r"""(?<![\w.])["']?(?:level|lvl|severity|levelname|log\.level|loglevel|severity_text|level_name)["']?\s?[:=]\s?"""
    r"""["']?(?:([A-Za-z]{3,13})|(\d{2})(?!\d))""")
_STATUS = re.compile(r"""^\S.{0,200}?\[[^\]]{10,40}\] "[^"]{0,2000}" (\d)\d\d (?:\d+|-)""")
_PRI = re.compile(r"<(\d{1,3})>")
_KLOG_HEAD = re.compile(r"([IWEFD])\d{4} \d\d:\d\d:\d\d")


def level_of(text: str) -> Level | None:
    """The level the line states, or None; lower case words count only as ``error:`` or ``[error]``."""
    head = text[:_HEAD]
    if head.startswith("{"):
        return _field_level(text[:2000])
    for match in _CAPITALS.finditer(head):
        at = match.start()
        if at == 0 or not (head[at - 1].isalnum() or head[at - 1] in "_/"):
            return _NAMES[match[0].lower()]
    if ("level" in head or "lvl" in head or "severity" in head) and (found := _field_level(head)):
        return found
    if '] "' in head and (status := _STATUS.match(text, 0, 2400)):   # an access log
        return {"5": "error", "4": "warn"}.get(status[1], "info")    # type: ignore[return-value]
    if head[:1] in "IWEFD" and (klog := _KLOG_HEAD.match(head)):
        return _KLOG[klog[1]]
    if (":" in head or "]" in head) and (word := _LOWER.search(head)):
        return _NAMES[word[1].lower()]
    if head.startswith("<") and (pri := _PRI.match(head)):
        return _SYSLOG[int(pri[1]) & 7]
    return None


def _field_level(text: str) -> Level | None:
    field = _FIELD.search(text)
    if field is None:
        return None
    return _NAMES.get(field[1].lower()) if field[1] else _NUMBERS.get(field[2])


# ---------------------------------------------------------------------------------------------- time

_MONTHS = {"jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6,
           "jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11, "dec": 12}
_CLOCK = r"(\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?"
_ISO = re.compile(r"(\d{4})[-/](\d\d)[-/](\d\d)[T _]" + _CLOCK + r" ?(Z|UTC|GMT|[+-]\d\d:?\d\d)?")
_ACCESS = re.compile(r"(\d\d)/([A-Z][a-z]{2})/(\d{4}):" + _CLOCK + r" ?([+-]\d{4})?")
_CTIME = re.compile(r"([A-Z][a-z]{2}) +(\d{1,2}) " + _CLOCK + r"(?: (\d{4})(?!\d))?")
_KLOG_TIME = re.compile(r"[IWEFD](\d\d)(\d\d) " + _CLOCK)
_EPOCH = re.compile(r"""(?:^\[?|["'](?:time|timestamp|ts|t|@timestamp)["']\s?:\s?"?|(?:^|\s)(?:time|ts)=)"""
                    r"""(\d{10})(\d{9}|\d{6}|\d{3})?(?:\.(\d{1,9}))?(?!\d)""")
_TIME_ONLY = re.compile(r"\[?" + _CLOCK + r"(?![\d:])")


def time_of(text: str, *, now: datetime, zone: tzinfo = UTC) -> datetime | None:
    """When the line says it was written, in UTC, or None.

    A time without an offset is read in ``zone``. A time without a year (syslog, klog) or without a date is the
    latest such time that is not after ``now`` by more than a day (an hour, where the date is missing).
    """
    head = text[:_HEAD]
    try:
        if match := _ISO.search(head):
            year, month, day, *clock, offset = match.groups()
            return _utc(int(year), int(month), int(day), clock, _offset(offset) or zone)
        if ":" not in head:
            return _epoch(head)
        if match := _ACCESS.search(head):
            day, name, year, *clock, offset = match.groups()
            return _utc(int(year), _MONTHS[name.lower()], int(day), clock, _offset(offset) or zone)
        if match := _CTIME.search(head):
            name, day, *clock, year = match.groups()
            return _recent(_MONTHS[name.lower()], int(day), clock, zone, now, year)
        if match := _KLOG_TIME.match(head):
            month, day, *clock = match.groups()
            return _recent(int(month), int(day), clock, zone, now, None)
        if match := _TIME_ONLY.match(head):
            today = now.astimezone(zone)
            time = _utc(today.year, today.month, today.day, list(match.groups()), zone)
            return time if time <= now + timedelta(hours=1) else time - timedelta(days=1)
        return _epoch(head)
    except (ValueError, KeyError, OverflowError):   # 2025-13-45, "Foo 99 …": looks like a time, is none
        return None


def _utc(year: int, month: int, day: int, clock: list[str], zone: tzinfo) -> datetime:
    hour, minute, second, fraction = clock
    micro = int((fraction or "0")[:6].ljust(6, "0"))
    # A leap second is written as :60.
    time = datetime(year, month, day, int(hour), int(minute), min(int(second), 59), micro, zone)
    return time if zone is UTC else time.astimezone(UTC)


def _offset(text: str | None) -> tzinfo | None:
    if text is None:
        return None
    if text[0] not in "+-":
        return UTC
    minutes = int(text[1:3]) * 60 + int(text[-2:])
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))


def _recent(month: int, day: int, clock: list[str], zone: tzinfo, now: datetime, year: str | None) -> datetime:
    if year:
        return _utc(int(year), month, day, clock, zone)
    this = now.astimezone(zone).year
    for candidate in (this + 1, this):
        try:
            time = _utc(candidate, month, day, clock, zone)
        except ValueError:   # 29 February
            continue
        if time <= now + timedelta(days=1):
            return time
    return _utc(this - 1, month, day, clock, zone)


def _epoch(head: str) -> datetime | None:
    match = _EPOCH.search(head)
    if match is None:
        return None
    fraction = (match[2] or match[3] or "0")[:6].ljust(6, "0")
    return datetime.fromtimestamp(int(match[1]), UTC).replace(microsecond=int(fraction))
