"""Which lines pass a filter, decided on the bytes of many lines at once. Reads no file and draws nothing.

Nearly all lines of a log look alike up to their level, and are harmless. So their looks are learned from a sample
of the source; one regular expression then skips every line that begins like a harmless one, at a gigabyte a second,
and whatever begins otherwise is really read. A line of a look never seen before is therefore never missed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from itertools import islice
from threading import Lock

from warroom.logs.line_shapes import SAMPLE, LineShape, ShapeLearner
from warroom.logs.query import Query, decoded
from warroom.logs.records import Level, is_continuation, rank

LOOK_BACK = 16 * 1024  # bytes before a piece in which the beginning of its first record is looked for
_KNOWN = 20_000  # beginnings that are remembered
_LONG = 4096  # bytes of a line that are read for its level
_LOOKS = 8  # shapes that are distinguished at most
_REACH = 200  # bytes within which a level is expected
_AFTER = 6  # bytes after a word that may mark it as a level: a bracket, a colon
_SAMPLE = 400  # lines that are learned from at a time
_TIMELESS = 200  # lines without a time after which none is expected any more

_ZEROS = bytes.maketrans(b"123456789", b"000000000")
_NEW_LINE = re.compile(r"[\d\[<{(]|[A-Z][a-z]{2} [ \d]\d \d\d:")
_STATUS = re.compile(rb'[^"\n]*"(?:[^"\\\n]|\\.)*" ([1-5])\d\d ')
_STATUS_LOOK = rb'[^"\n]*"(?:[^"\\\n]|\\.)*" '
_LETTER = re.compile(rb"([IWEFD])\d{4} ")
_NUMBER = re.compile(rb'"level":\s?(\d\d)(?!\d)')
_WORDS: dict[Level, bytes] = {
    "trace": rb"trace|verbose|finest|finer|trc",
    "debug": rb"debug|dbg|fine",
    "info": rb"information|info|notice|inf|log|note|config",
    "warn": rb"warning|warn|wrn",
    "error": rb"error|err|severe|failure|eror",
    "fatal": rb"fatal|critical|crit|panic|emerg|alert|ftl",
}
_WORD = {
    level: re.compile(rb"(?<![A-Za-z])(?:" + words + rb")(?![a-z])", re.IGNORECASE)
    for level, words in _WORDS.items()
}
# Where nothing has been learned: what a line must have to state such a level, in small letters.
_TELLING = (
    b"err",
    b"fatal",
    b"crit",
    b"panic",
    b"sever",
    b"emerg",
    b"alert",
    b"fail",
    b"ftl",
    b"eror",
    b"exception",
    b"traceback",
)
_TELLING_WARN = (b"warn", b"wrn")


@dataclass(slots=True)
class _Shape:
    """A way lines begin, up to where they state their level."""

    seen: int = 0
    firsts: set[int] = field(default_factory=set)
    lengths: set[int] = field(default_factory=set)
    before: bytes = b""  # what is right before the level
    words: dict[bytes, Level] = field(default_factory=dict)


class LineShapes:
    """What the lines of a source look like, learned from some of them. May be asked from several threads.

    ``stamped``: records begin alike, so that a line which begins otherwise and states no level belongs to the one
    before.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._learner = ShapeLearner()
        self.stamped = False
        self.lines = 0  # that were learned from
        self.columns: tuple[int, ...] = ()  # bytes up to the level, where these are always as many
        self._looks: dict[bytes, _Shape] = {}
        self._levels = 0
        self._begun = 0
        self._harmless: dict[int, re.Pattern[bytes] | None] = {}

    @property
    def shape(self) -> LineShape:
        """How a line is read."""
        return self._learner.shape

    def recognise(self, data: bytes, now: datetime, zone: tzinfo) -> bool:
        """Learns the shape from the first lines of a source; whether it is another one now, so that levels and
        times reported before may differ."""
        if self._learner.done:
            return False
        lines = data.split(b"\n")
        if not data.endswith(b"\n"):
            lines.pop()
        lines = lines[:: max(1, len(lines) // SAMPLE)]
        changed = self._learner.take([decoded(line[:_LONG]) for line in lines], now=now, zone=zone)
        if changed:
            with self._lock:
                self._looks, self._levels, self._harmless = {}, 0, {}
                self.lines = self._begun = 0
                self.columns = ()
        return changed

    def learn(self, data: bytes) -> None:
        """Takes some of the lines of ``data``, which begins with a line, into account."""
        lines = data.split(b"\n")
        if not data.endswith(b"\n"):
            lines.pop()
        read = [
            (line, text, self.shape.level(text))
            for line in lines[:: max(1, len(lines) // _SAMPLE)]
            if (text := decoded(line[:_LONG]))
        ]
        with self._lock:
            for line, text, level in read:
                self.lines += 1
                self._begun += _NEW_LINE.match(text) is not None
                if level is not None:
                    self._levels += 1
                    self._learn(line, level)
            self.stamped = self._begun * 2 > self.lines
            even = (look for look in self._looks.values() if len(look.lengths) == 1 and look.seen > 3)
            self.columns = tuple(sorted({min(look.lengths) for look in even}))[:4]
            self._harmless = {}

    def _learn(self, line: bytes, level: Level) -> None:
        if match := _LETTER.match(line):
            key, at, word = b"", 0, match[1]
        elif match := _NUMBER.search(line, 0, _REACH):
            at, word = match.start(1), match[1]
            key = _general(line[:at])
        elif match := self._stating(line, level):
            at, word = match.start(), match[0]
            key = _general(line[:at])
        elif match := _STATUS.match(line):
            key, at, word = _STATUS_LOOK, -1, match[1]
        else:
            return
        look = self._looks.get(key)
        if look is None:
            if len(self._looks) >= 40:
                return
            look = self._looks[key] = _Shape()
        look.seen += 1
        look.firsts.add(line[0])
        look.lengths.add(at if at > 0 else -len(look.lengths))
        look.before = _BEFORE.search(line[: max(at, 0)])[0]  # type: ignore[index]
        look.words.setdefault(word, level)

    def _stating(self, line: bytes, level: Level) -> re.Match[bytes] | None:
        """The word that states the level: the line up to there states it too. A word elsewhere (``app.log``) does
        not distinguish lines of this level from others that begin alike."""
        for match in _WORD[level].finditer(line, 0, _REACH):
            if self.shape.level(decoded(line[: match.end() + _AFTER])) == level:
                return match
        return None

    def harmless(self, least: int) -> re.Pattern[bytes] | None:
        """Matches a newline not followed by a line known to be below this rank; None if nothing is known."""
        with self._lock:
            if least not in self._harmless:
                self._harmless[least] = self._pattern(least)
            return self._harmless[least]

    def _pattern(self, least: int) -> re.Pattern[bytes] | None:
        parts = []
        for key, look in sorted(self._looks.items(), key=lambda pair: -pair[1].seen)[:_LOOKS]:
            words = sorted(word for word, level in look.words.items() if rank(level) < least)
            if not words:
                continue
            ends = b"|".join(map(re.escape, words))
            if len(look.lengths) == 1 and look.seen > 3 and (length := min(look.lengths)) > len(look.before):
                firsts = b"".join(b"\\x%02x" % first for first in sorted(look.firsts))
                gap = length - len(look.before) - 1
                start = b"[%s].{%d}%s" % (firsts, gap, re.escape(look.before)) if gap >= 0 else key
            else:
                start = key
            parts.append(b"%s(?:%s)(?![a-z])" % (start, ends))
        return re.compile(rb"\n(?!" + b"|".join(parts) + rb")") if parts else None

    @property
    def worded(self) -> bool:
        """Whether a stated level can be recognised by words, as far as was learned."""
        return self._levels == 0 or bool(self._looks)


_BEFORE = re.compile(rb"[^\d\n]{0,8}\Z")
_TOKENS = re.compile(rb':\s?"[^"\n]*"|\[[^\]\n]*\]|=[^\s"]+ |\d[\d.,]*|\w+|.', re.DOTALL)


def _general(beginning: bytes) -> bytes:
    """A regular expression for beginnings like this one: numbers, values and what is in brackets may differ."""
    parts = []
    for token in _TOKENS.findall(beginning):
        if token[:1] == b":" and len(token) > 2:
            parts.append(rb':\s?"[^"\n]*"')
        elif token[:1] == b"[" and len(token) > 1:
            parts.append(rb"\[[^\]\n]*\]")
        elif token[:1] == b"=" and len(token) > 1:
            parts.append(rb"=[^\s\"]+ ")
        elif token[:1].isdigit():
            parts.append(rb"[\d.,]+")
        else:
            parts.append(re.escape(token))
    return b"".join(parts)


Before = Callable[[], bytes]


def _nothing() -> bytes:
    return b""


@dataclass(frozen=True, slots=True)
class TimeRange:
    """From a time on and before another, either left open; ``time_of`` returns the time in a line.

    A log is in the order of its times, more or less: where the first and the last line of a piece are both
    within, so is all between them.
    """

    since: datetime | None
    until: datetime | None
    time_of: Callable[[str], datetime | None]

    def out(self, data: bytes, before: Before) -> list[tuple[int, int]]:
        """What of ``data``, which begins with a line, was written at another time. A line without a time was
        written with the one before it; those with none before them have no known time."""
        first, last = self._first_time(data, _lines(data)), self._first_time(data, _lines_back(data))
        start = first[0] if first else len(data)
        out = []
        if start:
            ahead = before()
            first_here = self._first_time(ahead, _lines_back(ahead))
            if not first_here or not self._holds(first_here[1]):
                out.append((0, start))
        if not first or not last or (self._holds(first[1]) and self._holds(last[1])):
            return out
        if (self.since and last[1] < self.since) or (self.until and first[1] >= self.until):
            return [*out, (start, len(data))] if start and not out else [(0, len(data))]
        holds = True
        for at, end in _lines(data):
            if at >= start:
                when = self._when(data, at, end)
                holds = holds if when is None else self._holds(when)
                if not holds:
                    out.append((at, end))
        return out

    def _holds(self, when: datetime) -> bool:
        return (self.since is None or when >= self.since) and (self.until is None or when < self.until)

    def _first_time(self, data: bytes, lines: Iterable[tuple[int, int]]) -> tuple[int, datetime] | None:
        """The first of some lines that has a time: its offset, and that time."""
        for start, end in islice(lines, _TIMELESS):
            if (when := self._when(data, start, end)) is not None:
                return start, when
        return None

    def _when(self, data: bytes, start: int, end: int) -> datetime | None:
        return self.time_of(decoded(data[start : min(end, start + _LONG)].rstrip(b"\n")))


class LineFilter:
    """Lets through records of at least ``level``, that match every one of ``within`` and none of ``without``.

    A record is a line with those that continue it (a stack trace). One for each source: it learns from it. May be
    used from several threads.
    """

    def __init__(
        self,
        level: Level | None = None,
        within: tuple[Query, ...] = (),
        without: tuple[Query, ...] = (),
        shapes: LineShapes | None = None,
        span: TimeRange | None = None,
    ) -> None:
        self.level = level
        self.within = within
        self.without = without
        self.shapes = shapes or LineShapes()
        self.span = span
        self._least = rank(level)
        self._known: dict[bytes, int] = {}

    def count(self, data: bytes, before: Before = _nothing) -> int:
        """How many lines get through of ``data``, which begins with a line; ``before`` gives bytes before it."""
        return sum(
            data.count(b"\n", start, end) + (end == len(data) and not data.endswith(b"\n"))
            for start, end in self.records(data, before)
        )

    def starts(self, data: bytes, before: Before = _nothing) -> list[int]:
        """Where in ``data`` the lines begin that get through."""
        starts = []
        for start, end in self.records(data, before):
            while start < end:
                starts.append(start)
                start = data.find(b"\n", start, end) + 1
                if not start:
                    break
        return starts

    def heads(self, data: bytes) -> list[int]:
        """Where in ``data`` lines begin that state at least ``level`` themselves."""
        return [start for start, _ in self._stating(data)]

    def records(self, data: bytes, before: Before = _nothing) -> list[tuple[int, int]]:
        """The records that get through, as the bytes from their beginning to after their last newline."""
        late = self.span.out(data, before) if self.span and data else []
        if late == [(0, len(data))]:
            return []
        if self.level is not None:
            records = self._of_level(data, before)
        elif self.within:
            records = self._around(data, self.within[0].starts(data), before)
        else:
            records = [(0, len(data))] if data else []
        for query in self.within[0 if self.level is not None else 1 :]:
            records = [(start, end) for start, end in records if query.starts(data[start:end])]
        for query in self.without:
            records = _except(records, self._around(data, query.starts(data), before, whole=True))
        return _except(records, late) if late else records

    # -- records

    def _continues(self, data: bytes, at: int) -> bool:
        """Whether the line that begins at ``at`` belongs to the record before it."""
        first = data[at : at + 1]
        if first in _CONTINUING:
            return True
        if first in _BEGINNING:
            return False
        end = data.find(b"\n", at, at + 300)
        text = decoded(data[at : end if end >= 0 else at + 300])
        if _NEW_LINE.match(text):
            return False
        if self.shapes.stamped:
            return self.shapes.shape.level(text) is None
        return is_continuation(text)

    def _end(self, data: bytes, at: int) -> int:
        """Where the record ends of whose lines one begins at ``at``."""
        while True:
            at = data.find(b"\n", at) + 1
            if not at:
                return len(data)
            if at >= len(data) or not self._continues(data, at):
                return at

    def _around(
        self, data: bytes, starts: list[int], before: Before, *, whole: bool = False
    ) -> list[tuple[int, int]]:
        """The records in which lines begin at ``starts``; those of ``before`` are asked too."""
        records: list[tuple[int, int]] = []
        done = 0
        if data and self._continues(data, 0) and self._continued_from(before, whole):
            done = self._end(data, 0)
            records.append((0, done))
        for start in starts:
            if start < done:
                continue
            while start > done and self._continues(data, start):
                start = data.rfind(b"\n", 0, start - 1) + 1
            done = self._end(data, start)
            records.append((start, done))
        return records

    def _continued_from(self, before: Before, excluded: bool) -> bool:
        """Whether the record that goes on at the beginning of the data has what is looked for before it."""
        ahead = before()
        start = self._last_record(ahead)
        queries = self.without if excluded else self.within[:1]
        return any(query.starts(ahead[start:]) for query in queries)

    def _last_record(self, data: bytes) -> int:
        start = data.rfind(b"\n", 0, max(0, len(data) - 1)) + 1
        while start > 0 and self._continues(data, start):
            start = data.rfind(b"\n", 0, start - 1) + 1
        return start

    # -- levels

    def _of_level(self, data: bytes, before: Before) -> list[tuple[int, int]]:
        records: list[tuple[int, int]] = []
        done = 0
        if data and self._continues(data, 0):
            ahead = before()
            start = self._last_record(ahead)
            if (
                rank(self.shapes.shape.level(decoded(ahead[start : start + _LONG].split(b"\n", 1)[0])))
                >= self._least
            ):
                done = self._end(data, 0)
                records.append((0, done))
        for start, end in self._stating(data):
            if start >= done:
                done = end if end >= len(data) else self._end(data, start)
                records.append((start, done))
        return records

    def _stating(self, data: bytes) -> list[tuple[int, int]]:
        """Lines (start, end with the newline) that state at least the level."""
        if not data:
            return []
        found = []
        harmless = self.shapes.harmless(self._least)
        if harmless is None:
            return (
                self._telling(data)
                if self._least >= rank("warn") and self.shapes.worded
                else [(start, end) for start, end in _lines(data) if self._passes(data, start, end)]
            )
        if harmless.match(b"\n" + data[:_LONG]) and self._passes(data, 0, end := data.find(b"\n") + 1 or len(data)):
            found.append((0, end))
        size = len(data)
        for match in harmless.finditer(data):
            start = match.end()
            if start < size and data[start] not in _INDENT:
                end = data.find(b"\n", start) + 1 or size
                if self._passes(data, start, end):
                    found.append((start, end))
        return found

    def _telling(self, data: bytes) -> list[tuple[int, int]]:
        """As ``_stating``, for lines nothing is known of: by the words of which they must have one."""
        small = data.lower()
        found: dict[int, int] = {}
        for word in _TELLING + (_TELLING_WARN if self._least == rank("warn") else ()):
            at = small.find(word)
            while at >= 0:
                start = data.rfind(b"\n", 0, at) + 1
                end = data.find(b"\n", at) + 1 or len(data)
                if start not in found and self._passes(data, start, end):
                    found[start] = end
                at = small.find(word, end)
        return sorted(found.items())

    def _passes(self, data: bytes, start: int, end: int) -> bool:
        """Whether the line states the level."""
        for column in self.shapes.columns:
            # Lines that begin alike, but for the digits, state the same level, if the beginning alone decides it.
            head = data[start : min(end, start + column + 6)].translate(_ZEROS)
            known = self._known.get(head)
            if known is None:
                known = rank(self.shapes.shape.level(decoded(data[start : min(end, start + _LONG)].rstrip(b"\n"))))
                if (
                    known < 0
                    or rank(self.shapes.shape.level(decoded(data[start : start + column + 6].split(b"\n")[0])))
                    != known
                ):
                    known = -2
                if len(self._known) >= _KNOWN:
                    self._known.clear()
                self._known[head] = known
            if known != -2:
                return known >= self._least
        return (
            rank(self.shapes.shape.level(decoded(data[start : min(end, start + _LONG)].rstrip(b"\n"))))
            >= self._least
        )


@dataclass(frozen=True, slots=True)
class Filter:
    """What is shown: at least this level, all of ``within``, none of ``without``, written from ``since`` on and
    before ``until`` (UTC)."""

    level: Level | None = None
    within: tuple[Query, ...] = ()
    without: tuple[Query, ...] = ()
    since: datetime | None = None
    until: datetime | None = None

    def __bool__(self) -> bool:
        return self != Filter()

    def parts(self, zone: tzinfo) -> tuple[tuple[str, Filter], ...]:
        """All but the level, each in words, and the filter without it."""

        def at(when: datetime) -> str:
            return f"{when.astimezone(zone):%Y-%m-%d %H:%M:%S}"

        def but(queries: tuple[Query, ...], place: int) -> tuple[Query, ...]:
            return queries[:place] + queries[place + 1 :]

        return (
            *((f"since {at(when)}", replace(self, since=None)) for when in (self.since,) if when),
            *((f"until {at(when)}", replace(self, until=None)) for when in (self.until,) if when),
            *(
                (f"+ {query.text}", replace(self, within=but(self.within, n)))
                for n, query in enumerate(self.within)
            ),
            *(
                (f"− {query.text}", replace(self, without=but(self.without, n)))
                for n, query in enumerate(self.without)
            ),
        )

    def line_filter(self, shapes: LineShapes, time_of: Callable[[str], datetime | None]) -> LineFilter:
        """What lets these lines through of a source that looks like this."""
        span = TimeRange(self.since, self.until, time_of) if self.since or self.until else None
        return LineFilter(self.level, self.within, self.without, shapes, span)


_INDENT = frozenset(b" \t")
_CONTINUING = frozenset((b" ", b"\t", b"}", b")"))
_BEGINNING = frozenset(bytes((byte,)) for byte in b"0123456789[<{(")


def _lines(data: bytes) -> Iterable[tuple[int, int]]:
    at = 0
    while at < len(data):
        end = data.find(b"\n", at) + 1 or len(data)
        yield at, end
        at = end


def _lines_back(data: bytes) -> Iterable[tuple[int, int]]:
    end = len(data)
    while end > 0:
        at = data.rfind(b"\n", 0, end - 1) + 1
        yield at, end
        end = at


def _except(records: list[tuple[int, int]], out: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The ranges without those of ``out``; both in order, neither overlapping itself."""
    kept = []
    place = 0
    for start, end in records:
        while place < len(out) and out[place][1] <= start:
            place += 1
        at, look = start, place
        while look < len(out) and out[look][0] < end:
            if out[look][0] > at:
                kept.append((at, out[look][0]))
            at = max(at, out[look][1])
            look += 1
        if at < end:
            kept.append((at, end))
    return kept
