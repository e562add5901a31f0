"""Times as logs write them: where one is in a line, and which moment it means. Knows no levels, no formats.

A family is a way dates are written; ``FAMILIES`` has a pattern for each. Where the numbers of a date can be read in
several orders (03/05/2025, 17/06/09), ``order_of`` decides by several stamps of the same source.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Literal, NamedTuple

DateOrder = Literal["ymd", "mdy", "dmy"]
"""In which order year, month and day are written; without a year, month and day."""


class Dates(NamedTuple):
    """The order of the dates of one family."""

    kind: str
    order: DateOrder


class Stamp(NamedTuple):
    """A time as it is written, not yet worked out; ``kind`` is its family."""

    kind: str
    text: str


class TimeContext(NamedTuple):
    """What a stamp is worked out with: times without a year are the latest before ``now``, those without an offset
    are in ``zone``, ambiguous dates of a family are read in the order of ``dates`` (None: the most usual one)."""

    now: datetime
    zone: tzinfo
    dates: Dates | None = None


MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_FULL_MONTH = (
    "(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sep(?:t(?:ember)?)?"
    "|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)"
)
_ZONES = {
    "Z": 0,
    "UTC": 0,
    "GMT": 0,
    "WET": 0,
    "CET": 1,
    "WEST": 1,
    "CEST": 2,
    "EET": 2,
    "EEST": 3,
    "MSK": 3,
    "JST": 9,
    "AEST": 10,
    "AEDT": 11,
    "NZST": 12,
    "NZDT": 13,
    "EDT": -4,
    "EST": -5,
    "CDT": -5,
    "MDT": -6,
    "MST": -7,
    "PDT": -7,
    "PST": -8,
}  # hours; those that mean one thing only
_NAMED_ZONE = f"(?:{'|'.join(_ZONES)})(?!\\w)"
_OFFSET = rf"(?:Z|[+-]\d\d(?::?\d\d)?(?![\d:])| (?:[+-]\d\d:?\d\d(?!\d)|{_NAMED_ZONE}))?"
_FRACTION = r"(?:[.,]\d{1,9})?"
_MD = r"(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"  # month and day, two digits each
_DIGIT_FAMILIES = {
    # 2025-03-05 14:02:11,123+01:00
    "iso": r"\d{4}[-/.]\d\d[-/.]\d\d(?:[T _:]| - )\d\d:\d\d(?::\d\d(?:[.,:]\d{1,9})?)?" + _OFFSET,
    # 03-05 14:02:11.123, 03.05 14:02:11
    "monthday": r"\d\d[-./]\d\d \d\d:\d\d:\d\d(?:\.\d{1,9})?",
    "clock": r"\d{1,2}:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?: ?[AP]M)(?!\w)|\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?![\d:])",
    # 250305 140211, 250305  4:02:11 (Hadoop, MySQL 5)
    "short": rf"\d\d{_MD}(?: {{1,2}}|[T_-])(?:(?:[01]\d|2[0-3])[0-5]\d[0-6]\d|\d{{1,2}}:\d\d:\d\d)"
    + rf"{_FRACTION}(?![\w:])",
    # 25/03/05 14:02:11
    "twodigit": r"\d\d[./-]\d\d[./-]\d\d(?:,? {1,2}|[T:_-])\d\d?:\d\d:\d\d(?:[.,:]\d{1,9})?(?: [AP]M)?",
    # 05/Mar/2025:14:02:11 +0000, 05-Mar-25 14:02:11
    "named": rf"\d\d?[-/ ]{MONTH}[-/ ]\d{{2}}(?:\d\d)?[: T]\d\d:\d\d:\d\d(?:[.,]\d{{1,9}})?" + _OFFSET,
    # 03/05/2025 02:02:11 PM, 05.03.2025 14:02:11
    "numeric": r"\d\d?[./-]\d\d?[./-]\d{4}(?:,? {1,2}|[T:_-])\d\d?:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?: [AP]M)?",
    # 20250305T140211Z, 20250305 140211
    "compact": rf"(?:19|20)\d\d{_MD}[T _.-](?:[01]\d|2[0-3])[0-5]\d[0-6]\d{_FRACTION}(?:Z|[+-]\d\d:?\d\d)?(?!\w)",
    # 20250305-14:2:11:23, the last number in milliseconds
    "packed": rf"(?:19|20)\d\d{_MD}[T _.-]\d{{1,2}}:\d{{1,2}}:\d{{1,2}}(?:[.,:]\d{{1,9}})?(?!\w)",
    # 2025-03-05-14.02.11.123456 (DB2, Blue Gene)
    "dotted": r"\d{4}-\d\d-\d\d-\d\d\.\d\d\.\d\d(?:\.\d{1,9})?(?![\d.])",
    # 2025/3/5 4:02:11
    "loose": r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}(?:[T:_]|,? {1,2})\d{1,2}:\d\d(?::\d\d(?:[.,:]\d{1,9})?)?" + _OFFSET,
    "epoch": r"[12]\d{9}(?:\d{9}|\d{6}|\d{3})?(?:\.\d{1,9})?(?![\w.:-])",
}
_LETTER_FAMILIES = {
    # Mar  5 14:02:11, Wed Mar  5 14:02:11 CET 2025, March 5, 2025 2:02:11 PM
    "ctime": rf"(?:[A-Z][a-z]{{2}},? )?{_FULL_MONTH} {{1,2}}\d{{1,2}},? (?:\d{{4}},? (?=\d\d?:))?\d\d?:\d\d:\d\d"
    rf"(?:[.,]\d{{1,9}})?(?: [AP]M)?(?: {_NAMED_ZONE})?(?: \d{{4}}(?![\d:]))?",
    # Wed, 05 Mar 2025 14:02:11 +0100, Wednesday, 05-Mar-25 14:02:11 GMT
    "rfc2822": rf"[A-Z][a-z]{{2,8}}, \d\d?[- ]{MONTH}[- ]\d\d(?:\d\d)? \d\d:\d\d:\d\d" + _OFFSET,
    "klog": r"[IWEFD](?:\d{4}|\d{2})?\d{4} \d\d:\d\d:\d\d(?:\.\d{1,9})?",
    "tai": r"@4[0-9a-f]{15}(?:[0-9a-f]{8})?(?!\w)",
}
FAMILIES = _LETTER_FAMILIES | _DIGIT_FAMILIES
"""Patterns by family, those that begin with a digit apart from the others, in the order they are tried."""


def _any_of(families: dict[str, str]) -> str:
    return "|".join(f"(?P<{kind}>{pattern})" for kind, pattern in families.items())


# The first character decides which half is tried.
STAMP = re.compile(rf"(?=[A-Z@])(?:{_any_of(_LETTER_FAMILIES)})|(?=\d)(?:{_any_of(_DIGIT_FAMILIES)})")


def stamp_at(text: str, at: int) -> tuple[Stamp, int] | None:
    """The time written at ``at``, and where it ends."""
    match = STAMP.match(text, at, at + 60)
    return (found_in(match), match.end()) if match else None


def found_in(match: re.Match[str]) -> Stamp:
    """What ``STAMP`` has found."""
    assert match.lastgroup
    return Stamp(match.lastgroup, match[0])


def value_stamp(value: str) -> Stamp | None:
    """The time a field's value is."""
    value = value.strip().strip('"')
    found = stamp_at(value, 0)
    return found[0] if found else None


_MONTHS = {
    "jan": 1,
    "feb": 2,
    "mar": 3,
    "apr": 4,
    "may": 5,
    "jun": 6,
    "jul": 7,
    "aug": 8,
    "sep": 9,
    "oct": 10,
    "nov": 11,
    "dec": 12,
}
_CLOCK = re.compile(r"(\d\d?):(\d\d)(?::(\d\d)(?:[.,:](\d{1,9}))?)?(?: ?([AP])M)?")
_NAMED_DATE = re.compile(r"(\d\d?)[-/ ]([A-Z][a-z]{2})[-/ ](\d\d(?:\d\d)?)[: T]")
_NUMBERS = re.compile(r"(\d+)[-/.](\d+)(?:[-/.](\d+))?")
_YEAR = re.compile(r"(?<![\d:.,])\d{4}(?![\d:])")
_ISO_TAIL = re.compile(r"(?:Z|UTC|GMT|[A-Z]{3,4}|[+-]\d\d(?::?\d\d)?)$")
_ZONE_WORD = re.compile(f" ({_NAMED_ZONE})")


def moment(stamp: Stamp, context: TimeContext) -> datetime | None:
    """The time a stamp means, in UTC; None where there is no such time (2025-13-45)."""
    try:
        return _WORK_OUT[stamp.kind](stamp.text, context)
    except (ValueError, KeyError, OverflowError, OSError):
        return None


# ---------------------------------------------------------------------------------------------- ambiguous dates

_ORDERS: dict[str, dict[str, tuple[DateOrder, ...]]] = {
    "numeric": {"/": ("mdy", "dmy"), "-": ("dmy", "mdy"), ".": ("dmy", "mdy")},
    "twodigit": {"/": ("ymd", "mdy", "dmy"), "-": ("ymd", "dmy", "mdy"), ".": ("dmy", "ymd", "mdy")},
    "monthday": {"/": ("mdy", "dmy"), "-": ("mdy", "dmy"), ".": ("dmy", "mdy")},
}
"""The orders in which a family's dates may be written, by what is between the numbers, the most usual first."""


def _orders(kind: str, text: str) -> tuple[DateOrder, ...]:
    return _ORDERS[kind][text[1] if text[1] in "./-" else text[2]]


def order_of(stamps: Sequence[Stamp], context: TimeContext) -> Dates | None:
    """The order in which dates are written, by these stamps of one source; None where none is ambiguous.

    It is the order in which most of them are dates at all, none is in the future, and they are closest together;
    where that does not decide, the most usual one.
    """
    kinds = [stamp.kind for stamp in stamps if stamp.kind in _ORDERS]
    if not kinds:
        return None
    kind = max(set(kinds), key=kinds.count)
    texts = [stamp.text for stamp in stamps if stamp.kind == kind]
    latest = context.now + timedelta(days=1)

    def cost(order: DateOrder) -> tuple[int, bool, int]:
        times = [time for text in texts if (time := _valid(text, context, order))]
        if not times:
            return len(texts), False, 0
        return len(texts) - len(times), max(times) > latest, (max(times) - min(times)).days

    return Dates(kind, min(_orders(kind, texts[0]), key=cost))


def only_order(stamp: Stamp, context: TimeContext) -> Dates | None:
    """The order the date must be written in, if there is only one in which it is a date; else None."""
    if stamp.kind not in _ORDERS:
        return None
    orders = [order for order in _orders(stamp.kind, stamp.text) if _valid(stamp.text, context, order) is not None]
    return Dates(stamp.kind, orders[0]) if len(orders) == 1 else None


def _valid(text: str, context: TimeContext, order: DateOrder) -> datetime | None:
    try:
        return _in_order(text, context, order)
    except (ValueError, OverflowError):
        return None


def _in_order(text: str, context: TimeContext, order: DateOrder) -> datetime:
    date = _NUMBERS.match(text)
    if date is None:
        raise ValueError(text)
    first, second, third = int(date[1]), int(date[2]), int(date[3]) if date[3] else None
    clock = _clock(text, date.end())
    if third is None:
        month, day = (first, second) if order == "mdy" else (second, first)
        return _recent(month, day, clock, context.zone, context.now, None)
    year, month, day = {
        "ymd": (first, second, third),
        "mdy": (third, first, second),
        "dmy": (third, second, first),
    }[order]
    return _utc(_full_year(year), month, day, clock, context.zone)


def _ambiguous(kind: str) -> Callable[[str, TimeContext], datetime]:
    def work_out(text: str, context: TimeContext) -> datetime:
        orders = _orders(kind, text)
        if context.dates and context.dates.kind == kind and context.dates.order in orders:
            orders = (context.dates.order, *orders)
        for order in orders:
            if (time := _valid(text, context, order)) is not None:
                return time
        raise ValueError(text)

    return work_out


def _full_year(year: int) -> int:
    return year if year > 99 else year + (1900 if year >= 70 else 2000)


# ---------------------------------------------------------------------------------------------- one family each


def _iso(text: str, context: TimeContext) -> datetime:
    try:  # the common form, read ten times as fast
        time = datetime.fromisoformat(text)
        return time.replace(tzinfo=time.tzinfo or context.zone).astimezone(UTC)
    except ValueError:
        pass
    return _utc(
        int(text[:4]), int(text[5:7]), int(text[8:10]), _clock(text, 11), _offset(text[16:]) or context.zone
    )


def _dotted(text: str, context: TimeContext) -> datetime:
    clock = (int(text[11:13]), int(text[14:16]), min(int(text[17:19]), 59), _micro(text[20:] or None))
    return _utc(int(text[:4]), int(text[5:7]), int(text[8:10]), clock, context.zone)


def _loose(text: str, context: TimeContext) -> datetime:
    date = _NUMBERS.match(text)
    if date is None:
        raise ValueError(text)
    zone = _offset(text[date.end() + 4 :]) or context.zone
    return _utc(int(date[1]), int(date[2]), int(date[3]), _clock(text, date.end()), zone)


def _compact(text: str, context: TimeContext) -> datetime:
    fraction = re.match(r"[.,](\d+)", text[15:])
    second = min(int(text[13:15]), 59)
    clock = (int(text[9:11]), int(text[11:13]), second, _micro(fraction[1] if fraction else None))
    return _utc(int(text[:4]), int(text[4:6]), int(text[6:8]), clock, _offset(text[15:]) or context.zone)


def _packed(text: str, context: TimeContext) -> datetime:
    hour, minute, second, *fraction = re.split("[:.,]", text[9:])
    micro = _micro(fraction[0] if fraction else None)
    if fraction and text[-len(fraction[0]) - 1] == ":" and len(fraction[0]) < 3:  # milliseconds, a number
        micro = int(fraction[0]) * 1000
    clock = (int(hour), int(minute), min(int(second), 59), micro)
    return _utc(int(text[:4]), int(text[4:6]), int(text[6:8]), clock, context.zone)


def _short(text: str, context: TimeContext) -> datetime:
    rest = text[7:].strip()
    if ":" in rest:
        clock = _clock(rest, 0)
    else:
        clock = (int(rest[:2]), int(rest[2:4]), min(int(rest[4:6]), 59), _micro(rest[7:] or None))
    return _utc(_full_year(int(text[:2])), int(text[2:4]), int(text[4:6]), clock, context.zone)


def _named(text: str, context: TimeContext) -> datetime:
    date = _NAMED_DATE.search(text)
    if date is None:
        raise ValueError(text)
    day, name, year = date.groups()
    zone = _offset(text[date.end() + 8 :]) or context.zone
    return _utc(_full_year(int(year)), _MONTHS[name.lower()], int(day), _clock(text, date.end()), zone)


def _ctime(text: str, context: TimeContext) -> datetime:
    parts = text.replace(",", " ").split()
    if parts[1].lower()[:3] in _MONTHS:  # the day of the week comes first
        parts = parts[1:]
    clock = _clock(text, text.index(":") - 2)
    named = _ZONE_WORD.search(text)
    zone = timezone(timedelta(hours=_ZONES[named[1]])) if named else context.zone
    year = _YEAR.search(text)
    month = _MONTHS[parts[0].lower()[:3]]
    return _recent(month, int(parts[1]), clock, zone, context.now, int(year[0]) if year else None)


def _klog_time(text: str, context: TimeContext) -> datetime:
    date = text[1 : text.index(" ")]
    year = None if len(date) == 4 else int(date[:-4]) if len(date) == 8 else 2000 + int(date[:2])
    return _recent(int(date[-4:-2]), int(date[-2:]), _clock(text, len(date) + 2), context.zone, context.now, year)


def _clock_only(text: str, context: TimeContext) -> datetime:
    today = context.now.astimezone(context.zone)
    time = _utc(today.year, today.month, today.day, _clock(text, 0), context.zone)
    return time if time <= context.now + timedelta(hours=1) else time - timedelta(days=1)


def _epoch(text: str, context: TimeContext) -> datetime:
    whole, _, fraction = text.partition(".")
    digits = whole[10:] + fraction if len(whole) == 10 else whole[10:]
    return datetime.fromtimestamp(int(whole[:10]), UTC).replace(microsecond=_micro(digits or None))


_TAI_OF_1970 = (1 << 62) + 10  # as libtai counts: ten seconds, whatever the leap seconds since


def _tai(text: str, context: TimeContext) -> datetime:
    nanos = int(text[17:25], 16) if len(text) > 17 else 0
    return datetime.fromtimestamp(int(text[1:17], 16) - _TAI_OF_1970, UTC).replace(
        microsecond=nanos // 1000 % 10**6
    )


_WORK_OUT: dict[str, Callable[[str, TimeContext], datetime]] = {
    "iso": _iso,
    "dotted": _dotted,
    "loose": _loose,
    "compact": _compact,
    "packed": _packed,
    "short": _short,
    "named": _named,
    "ctime": _ctime,
    "rfc2822": _named,
    "klog": _klog_time,
    "numeric": _ambiguous("numeric"),
    "twodigit": _ambiguous("twodigit"),
    "monthday": _ambiguous("monthday"),
    "clock": _clock_only,
    "epoch": _epoch,
    "tai": _tai,
}


def _clock(text: str, at: int) -> tuple[int, int, int, int]:
    """Hour, minute, second and microsecond of the time of day at or after ``at``."""
    match = _CLOCK.search(text, max(at, 0))
    if match is None:
        raise ValueError(text)
    hour = int(match[1])
    if match[5]:
        hour = hour % 12 + (12 if match[5] == "P" else 0)
    # A leap second is written as :60.
    return hour, int(match[2]), min(int(match[3] or 0), 59), _micro(match[4])


def _micro(fraction: str | None) -> int:
    return int(fraction[:6].ljust(6, "0")) if fraction else 0


def _utc(year: int, month: int, day: int, clock: tuple[int, int, int, int], zone: tzinfo) -> datetime:
    time = datetime(year, month, day, *clock, tzinfo=zone)
    return time if zone is UTC else time.astimezone(UTC)


def _offset(text: str) -> tzinfo | None:
    """The zone written at the end of a time, if any."""
    match = _ISO_TAIL.search(text)
    if match is None:
        return None
    zone = match[0]
    if zone[0] not in "+-":
        hours = _ZONES.get(zone)
        return None if hours is None else timezone(timedelta(hours=hours)) if hours else UTC
    minutes = int(zone[1:3]) * 60 + (int(zone[-2:]) if len(zone) > 3 else 0)
    return timezone(timedelta(minutes=-minutes if zone[0] == "-" else minutes))


def _recent(
    month: int, day: int, clock: tuple[int, int, int, int], zone: tzinfo, now: datetime, year: int | None
) -> datetime:
    if year:
        return _utc(year, month, day, clock, zone)
    this = now.astimezone(zone).year
    for candidate in (this + 1, this):
        try:
            time = _utc(candidate, month, day, clock, zone)
        except ValueError:  # 29 February
            continue
        if time <= now + timedelta(days=1):
            return time
    return _utc(this - 1, month, day, clock, zone)
