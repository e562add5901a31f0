"""How the lines of one source are written, learned from some of them: where their time and their level are.

``learn`` reads a sample without knowing the source, and votes. What most lines agree on is a ``LineShape``, which
then reads each line cheaply; a line that does not fit is read as if nothing were known (``records``). It is learned
where the time is if not at the beginning (a number of columns before it, as on Blue Gene), in which order the
numbers of a date come, and where the level is if it is not marked as one (Windows' CBS).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from warroom.logs.records import (
    FORMATS,
    NAMES,
    PG_PART,
    Format,
    Level,
    LineFacts,
    ParsedLine,
    after_stamp,
    anything,
    is_continuation,
    sniff,
)
from warroom.logs.timestamps import FAMILIES, STAMP, Dates, Stamp, TimeContext, moment, only_order, order_of

SAMPLE = 100  # lines that a shape is learned from
_SAMPLES = 5  # after which nothing is expected of a source whose lines have nothing in common
_LEAST = 3  # lines that have to agree
_COLUMNS = 12  # columns before a time at most
_REACH = 250  # characters within which time and level are expected
_WORDS = 9  # words between time and level at most
_SURE: frozenset[str] = frozenset(("info", "warn", "warning", "error", "debug", "trace", "notice", "fatal"))

_COLUMN = r"[^\s|;,]*+[\s|;,]++"
_OPENING = r"[\[(<\"']?"
_GAP = r"[\s\]),:;|>\"'-]*+"
_WORD = r"(?>\[[^\[\]]{0,80}\]|\([^()]{0,80}\)|[^\s|,;]++)"
_NEXT_COLUMN = re.compile(_COLUMN)
_OPENED = re.compile(_OPENING)
_NEXT_WORD = re.compile(f"{_GAP}({_WORD})")


@dataclass(frozen=True, slots=True)
class LineShape:
    """What is known of a source's lines. ``UNKNOWN`` is empty, and parses each line on its own."""

    form: Format | None = None
    """The format most lines are in, tried first."""
    pattern: re.Pattern[str] | None = None
    """The head of a line: ``stamp``, of the family ``kind``, and ``level`` if that has a place of its own."""
    kind: str = ""
    dates: Dates | None = None
    """How dates that can be read in several orders are meant."""

    def read(self, text: str) -> ParsedLine:
        """The line's level and time, the time as it is written."""
        if self.pattern is not None and (head := self.pattern.match(text, 0, _REACH)):
            stamp = Stamp(self.kind, head["stamp"])
            word = head["level"] if self.pattern.groups > 1 else None
            level = NAMES.get(word.lower()) if word else None
            return ParsedLine(level, stamp) if level else after_stamp(text, stamp, head.end("stamp"))
        if self.form is not None and (found := self.form(text)):
            return found
        return sniff(text)

    def level(self, text: str) -> Level | None:
        """The level the line states, or None; read on its own, lower case words count only where they are marked
        as a level."""
        return self.read(text).level

    def time(self, text: str, *, now: datetime, zone: tzinfo = UTC) -> datetime | None:
        """Return the time in the line, in UTC, or None.

        A time without an offset is read in ``zone``. A time without a year (syslog, klog) or without a date is the
        latest such time that is not after ``now`` by more than a day (an hour, where the date is missing).
        """
        return self.time_of(self.read(text), now=now, zone=zone)

    def time_of(self, line: ParsedLine, *, now: datetime, zone: tzinfo = UTC) -> datetime | None:
        """As ``time``, of a line that was read already."""
        return moment(line.stamp, TimeContext(now, zone, self.dates)) if line.stamp else None


UNKNOWN = LineShape()


def learn(lines: Sequence[str], *, now: datetime, zone: tzinfo = UTC) -> LineShape:
    """The shape of these lines, of which ``SAMPLE`` are looked at, evenly spread."""
    step = max(1, len(lines) // SAMPLE)
    sample = [line for line in lines[::step][:SAMPLE] if line.strip() and not is_continuation(line)]
    read = [_alone(line) for line in sample]
    votes = Counter(form for form, _ in read)
    form = next((form for form, count in votes.items() if 2 * count > len(sample)), None)
    context = TimeContext(now, zone)
    stamps = [found.stamp for _, found in read if found.stamp]
    if form is not None and 2 * len(stamps) >= len(sample):
        if form.__name__ != "_stamped":  # the level's place is known too
            return LineShape(form, dates=order_of(stamps, context))
        column, kind = 0, Counter(stamp.kind for stamp in stamps).most_common(1)[0][0]
    else:  # the time is not where it usually is
        column, kind = _place(sample)
    if not kind:
        return LineShape(form, dates=order_of(stamps, context))
    ends = [
        (line, found.level, end)
        for line, (_, found) in zip(sample, read, strict=True)
        if (end := _after(line, column, kind))
    ]
    slot = _slot(ends)
    if slot is None and not column:
        return LineShape(form, dates=order_of(stamps, context))
    head = rf"(?:{_COLUMN}){{{column}}}{_OPENING}(?P<stamp>{FAMILIES[kind]})"
    if slot is not None:  # where the word is no level, the line is read on its own
        head += rf"(?:(?:{_GAP}{_WORD}){{{slot}}}{_GAP}[\[(<]?(?P<level>[A-Za-z]{{3,13}})(?![\w=./-]))?+"
    pattern = re.compile(head)
    stamps = [Stamp(kind, found["stamp"]) for line in sample if (found := pattern.match(line, 0, _REACH))]
    return LineShape(form, pattern, kind, order_of(stamps, context))


def _alone(line: str) -> tuple[Format | None, ParsedLine]:
    """The format of a line, and the line parsed on its own."""
    for form in FORMATS:
        if found := form(line):
            return form, found
    return None, anything(line)


def _place(sample: Sequence[str]) -> tuple[int, str]:
    """How many columns are before the time, and its family; the family is ``""`` if there is no time."""
    votes: Counter[tuple[int, str]] = Counter()
    for line in sample:
        votes.update(set(_stamps_in(line)))
    most = max(votes.values(), default=0)
    if most < _LEAST or 10 * most < 6 * len(sample):
        return 0, ""
    return min(place for place, count in votes.items() if 10 * count >= 9 * most)


def _stamps_in(line: str) -> Iterator[tuple[int, str]]:
    """The columns that hold a time, each with its family."""
    for column, begin in _columns(line):
        if (found := STAMP.match(line, begin, begin + 60)) and found.lastgroup and found.lastgroup != "klog":
            yield column, found.lastgroup


def _after(line: str, column: int, kind: str) -> int:
    """Where the time of this family in this column ends; 0 where there is none."""
    for place, begin in _columns(line):
        if place == column:
            found = STAMP.match(line, begin, begin + 60)
            return found.end() if found and found.lastgroup == kind else 0
    return 0


def _columns(line: str) -> Iterator[tuple[int, int]]:
    """Where the first columns of a line begin, past an opening bracket or quote."""
    at = 0
    for column in range(_COLUMNS + 1):
        opened = _OPENED.match(line, at)
        yield column, opened.end() if opened else at
        after = _NEXT_COLUMN.match(line, at, _REACH)
        if after is None:
            return
        at = after.end()


def _slot(ends: Sequence[tuple[str, Level | None, int]]) -> int | None:
    """How many words are between the time and a level in a column of its own; None if there is none, or the
    lines state the same level when read on their own. Each line comes with that level, and where its time ends."""
    votes: Counter[int] = Counter()
    sure: Counter[int] = Counter()
    better: Counter[int] = Counter()
    for line, alone, at in ends:
        for place in range(_WORDS + 1):
            word = _NEXT_WORD.match(line, at, _REACH)
            if word is None:
                break
            name = word[1].strip("[]()<>:").lower()
            if name in NAMES and len(name) > 2:
                votes[place] += 1
                sure[place] += name in _SURE
                better[place] += alone != NAMES[name]
            at = word.end()
    for place in sorted(votes):
        if votes[place] >= _LEAST and 10 * votes[place] >= 9 * len(ends) and 2 * sure[place] > votes[place]:
            return place if better[place] else None
    return None


class ShapeLearner:
    """Learns the shape of a source as its lines come, from the first hundred or so, or those after a banner."""

    def __init__(self) -> None:
        self.shape = UNKNOWN
        self._sample: list[str] = []
        self._samples = 0  # full ones that were learned from
        self._enough = 1  # lines at which it is worth learning again

    def take(self, lines: Sequence[str], *, now: datetime, zone: tzinfo = UTC) -> bool:
        """Take lines into account; whether the shape is another one now."""
        if self.done or not lines:
            return False
        self._sample += lines[:: max(1, len(lines) // SAMPLE)][:SAMPLE]
        if len(self._sample) < self._enough:
            return False
        self._enough = min(2 * len(self._sample), SAMPLE)
        before, self.shape = self.shape, learn(self._sample, now=now, zone=zone)
        if len(self._sample) >= SAMPLE:
            self._samples += 1
            known = self.shape != UNKNOWN or self._samples == _SAMPLES
            self._sample, self._enough = [], 0 if known else SAMPLE
        return self.shape != before

    @property
    def done(self) -> bool:
        """Whether no more lines are looked at."""
        return not self._enough


class LineReader:
    """Reads the lines of one source in their order; goes by what it has ``learned`` and by the lines before.

    One for each source, used by one thread at a time.
    """

    def __init__(self) -> None:
        self._learner = ShapeLearner()
        self._format: Format | None = None
        self._dates: dict[str, Dates] = {}  # by family: 03/05/2025 can be read in two ways until a 13th is seen
        self._stamped = False  # the records of this source begin with a time

    def learn(self, lines: Sequence[str], *, now: datetime, zone: tzinfo = UTC) -> None:
        """Take lines into account before they are read."""
        if self._learner.take(lines, now=now, zone=zone) and (dates := self.shape.dates):
            self._dates[dates.kind] = dates

    @property
    def shape(self) -> LineShape:
        """What has been learned."""
        return self._learner.shape

    @property
    def format(self) -> str | None:
        """The name of the format remembered."""
        return self._format.__name__.strip("_") if self._format else None

    def level(self, text: str) -> Level | None:
        """As ``LineShape.level``."""
        return self._read(text).level

    def time(self, text: str, *, now: datetime, zone: tzinfo = UTC) -> datetime | None:
        """As ``LineShape.time``; where day and month could be either, as the source's other lines have it."""
        return self._when(self._read(text), now, zone)

    def read(self, text: str, *, now: datetime, zone: tzinfo = UTC) -> LineFacts:
        """Level, time and whether it ``continues``, at little more than the cost of one of them."""
        found = self._read(text)
        return LineFacts(found.level, self._when(found, now, zone), self._goes_on(text, found))

    def _when(self, found: ParsedLine, now: datetime, zone: tzinfo) -> datetime | None:
        if found.stamp is None:
            return None
        if only := only_order(found.stamp, TimeContext(now, zone)):
            self._dates[only.kind] = only
        return moment(found.stamp, TimeContext(now, zone, self._dates.get(found.stamp.kind)))

    def continues(self, text: str) -> bool:
        """Whether the line belongs to the record before it.

        It does if ``is_continuation``, or if the source's records begin with a time and this line has none.
        """
        return self._goes_on(text, self._read(text))

    def _goes_on(self, text: str, found: ParsedLine) -> bool:
        if found.stamp is not None:
            return PG_PART.search(text, 0, _REACH) is not None
        return self._stamped or is_continuation(text)

    def _read(self, text: str) -> ParsedLine:
        if self.shape.pattern is not None and self.shape.pattern.match(text, 0, _REACH):
            self._stamped = True
            return self.shape.read(text)
        if self._format is not None and (found := self._format(text)):
            return found
        for form in FORMATS:
            if form is not self._format and (found := form(text)):
                self._format = form
                self._stamped = found.stamp is not None and form is not anything
                return found
        return anything(text)  # implies nothing for the next lines
