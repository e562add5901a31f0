"""Prints log records of files, stdin and commands, redacted, as lines or as JSON; keeps nothing of it."""

from __future__ import annotations

import heapq
import json
import os
import queue
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path

from warroom.cli import output
from warroom.errors import BadInput, NotFound, WarroomError
from warroom.logs.line_shapes import LineReader, LineShape, learn
from warroom.logs.query import Query
from warroom.logs.records import Level, rank
from warroom.logs.sources import discovery
from warroom.logs.sources.compressed import Unreadable, decompressed, is_compressed
from warroom.logs.sources.pipe import StreamSource
from warroom.logs.sources.source import Chunk, LineCutter, Source
from warroom.logs.stores import Numbering
from warroom.safety import Redactor, redact, redact_stream
from warroom.toml import plain

_READ = 256 * 1024  # bytes a read
_LOOK_S = 0.2  # seconds after which it is asked whether the last pipe has ended
_NUMBERS_S = 10.0  # seconds a record waits for its line number while the lines before it are counted
_HELD = 1000  # lines of one record that are held until it is clear whether it is wanted
_BATCH = 500  # lines of merged sources a write
_BISECT = 1024 * 1024  # bytes: where this many are left, looking for a time by halves ends


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which records are printed, and how.

    ``level`` is the least; ``since`` and ``until`` are UTC; ``zone`` is that of times without an offset; without
    ``safe`` nothing is masked (it is sanitized all the same).
    """

    now: datetime
    zone: tzinfo
    level: Level | None = None
    grep: Query | None = None
    since: datetime | None = None
    until: datetime | None = None
    json: bool = False
    safe: bool = True

    @property
    def all(self) -> bool:
        """Whether nothing is left out."""
        return self.level is None and self.grep is None and not self.timed

    @property
    def timed(self) -> bool:
        """Whether the time of a record decides."""
        return self.since is not None or self.until is not None


class Printer:
    """Chooses and writes out the lines of one source in their order.

    A record is printed whole: a stack trace goes with its error, and a match in it brings its error along.
    """

    def __init__(self, source: str, wanted: Wanted) -> None:
        self._source = source
        self._wanted = wanted
        self._reader = LineReader()
        self._redactor = Redactor()
        self._held: list[_Line] = []  # of the record that is not wanted yet
        self._unfinished: tuple[str, int | None] | None = None
        self._at: datetime | None = None  # of the last record that had a time
        self._fits = _Fits()
        self._lines = 0
        self._tail = f', "source": {json.dumps(source, ensure_ascii=False)}, "line": '

    @property
    def timeless(self) -> bool:
        """Whether lines were read and none had a time."""
        return self._lines > 0 and self._at is None

    def take(self, chunk: Chunk) -> list[tuple[float, str]]:
        """What is to be printed of what is complete; an unfinished last line waits for its end.

        Each with the time of its record (seconds since 1970; 0 before the first), where that is asked for.
        """
        before = chunk.numbering.before
        if before is None and self._wanted.json:
            before = _counted(chunk.numbering)
        first = None if before is None else before + chunk.first + 1
        rows = [(text, None if first is None else first + place) for place, text in enumerate(chunk.texts)]
        if self._unfinished and not chunk.grows:
            rows.insert(0, self._unfinished)
        self._unfinished = rows.pop() if chunk.unfinished else None
        return self._print(rows)

    def finish(self) -> list[tuple[float, str]]:
        """The last line will get no end any more."""
        rows, self._unfinished = [self._unfinished] if self._unfinished else [], None
        return self._print(rows)

    def _print(self, rows: Sequence[tuple[str, int | None]]) -> list[tuple[float, str]]:
        self._lines += len(rows)
        wanted = self._wanted
        if wanted.all and not wanted.json and not self._keyed:
            if not wanted.safe:
                return [(0.0, text) for text, _ in rows]
            line = self._redactor.line  # masked in order: a key spans lines
            return [(0.0, line(text).text) for text, _ in rows]
        self._reader.learn([text for text, _ in rows], now=wanted.now, zone=wanted.zone)
        if wanted.grep and not wanted.timed and not self._redactor.inside:
            joined = "\n".join([text for text, _ in rows])
            if "PRIVATE KEY" not in joined and not wanted.grep.matches(joined):
                rows = self._edges(rows)
        return [record for text, number in rows for record in self._records(text, number)]

    def _edges(self, rows: Sequence[tuple[str, int | None]]) -> Sequence[tuple[str, int | None]]:
        """Of lines in which nothing is found, those that may belong to a record before or after them."""

        def begins(at: int) -> bool:
            return not self._reader.continues(rows[at][0])

        head = next((at for at in range(len(rows)) if begins(at)), len(rows))
        tail = next((at for at in range(len(rows) - 1, head, -1) if begins(at)), head)
        return [*rows[:head], *rows[tail:]]

    _keyed = False

    def merged(self) -> Printer:
        """The same, each line with the time it is merged by."""
        self._keyed = True
        return self

    def _records(self, text: str, number: int | None) -> Iterator[tuple[float, str]]:
        wanted, reader = self._wanted, self._reader
        # Within a key every line has to be looked at, shown or not.
        safe = None
        if wanted.safe and (self._redactor.inside or "PRIVATE KEY" in text):
            safe = self._redactor.line(text).text
        level, at, continues = reader.read(text, now=wanted.now, zone=wanted.zone)
        if not continues:
            self._held = []
            self._at = at or self._at
            self._fits = _Fits(time=not wanted.timed or self._in_time())
        fits = self._fits
        fits.level = fits.level or wanted.level is None or rank(level) >= rank(wanted.level)
        fits.grep = fits.grep or wanted.grep is None or wanted.grep.matches(text)
        line = _Line(safe, text, number, level, at)
        if not (fits.time and fits.level and fits.grep):
            if len(self._held) < _HELD:
                self._held.append(line)
            return
        key = self._at.timestamp() if self._at else 0.0
        for one in (*self._held, line):
            yield key, self._written(one)
        self._held = []

    def _in_time(self) -> bool:
        since, until = self._wanted.since, self._wanted.until
        return self._at is not None and (since is None or since <= self._at) and (until is None or self._at < until)

    def _written(self, line: _Line) -> str:
        text = line.text
        if self._wanted.safe:
            text = redact(text).text if line.safe is None else line.safe
        if not self._wanted.json:
            return text
        if text.isprintable() and self._source.isprintable():  # nearly always, and quicker
            time = "null" if line.time is None else f'"{output.rfc3339(line.time)}"'
            level = "null" if line.level is None else f'"{line.level}"'
            number = "null" if line.number is None else line.number
            return f'{{"time": {time}, "level": {level}{self._tail}{number}, "text": {_quoted(text)}}}'
        return output.as_json(
            {"time": line.time, "level": line.level, "source": self._source, "line": line.number, "text": text}
        )


_quoted = json.encoder.encode_basestring


@dataclass(slots=True)
class _Line:
    safe: str | None  # where it had to be masked in order
    text: str
    number: int | None
    level: Level | None
    time: datetime | None


@dataclass(slots=True)
class _Fits:
    """In which respects the present record is wanted."""

    time: bool = False
    level: bool = False
    grep: bool = False


def _counted(numbering: Numbering) -> int | None:
    """The lines before, once they are counted."""
    tick = threading.Event()
    for _ in range(int(_NUMBERS_S / 0.01)):
        if numbering.before is not None:
            break
        tick.wait(0.01)
    return numbering.before


def show(names: Sequence[str], wanted: Wanted, *, follow: bool) -> None:
    """Print the records of ``names``: files, patterns, directories, ``-`` for stdin, ``journal:…`` and the like.

    Several are merged by time. With ``follow``, and where a command is named, it goes on until interrupted. Files
    that cannot be read are reported on stderr and, when all is printed, raised as one error.
    """
    try:
        commands = [name for name in names if name != "-" and discovery.command_of(name)]
    except ValueError as error:
        raise BadInput(f"Not a log: {error}", "Write run:COMMAND, each quote closed.") from None
    refuse_kinds(names)
    if follow or commands:
        _follow(names, wanted)
        return
    unread: list[str] = []
    files: list[Path | None] = []
    for name in names:
        found = [None] if name == "-" else discovery.files(name)
        if not found:
            output.print_err(f"{plain(name, 500)}: no file there")
            unread.append(name)
        files += found
    if len(files) == 1:
        for block in _pieces(files[0], Printer(_name(files[0]), wanted), wanted, unread):
            if block:
                output.print_out("\n".join(text for _, text in block))  # one write a chunk, so that a pipe keeps up
    else:
        printers = [(file, Printer(_name(file), wanted).merged()) for file in files]
        merged = heapq.merge(
            *(_lines(_pieces(file, one, wanted, unread)) for file, one in printers), key=lambda line: line[0]
        )
        batch: list[str] = []
        for _, text in merged:
            batch.append(text)
            if len(batch) >= _BATCH:
                output.print_out("\n".join(batch))
                batch.clear()
        if batch:
            output.print_out("\n".join(batch))
    if unread:
        named = ", ".join(plain(name, 500) for name in unread)
        raise NotFound(f"Could not be read: {named}", "Check the paths and their permissions.")


def refuse_kinds(names: Sequence[str]) -> None:
    """Raise ``BadInput`` for a name of something that can never be read as a log, such as a socket or a device."""
    for name in names:
        with suppress(ValueError):  # an invalid name is reported where its source is made
            if name != "-" and (kind := discovery.kind_refused(name)):
                raise BadInput(
                    f"{plain(name, 500)} is {kind}, not a log", "Name a file, a pipe, a folder or run:COMMAND."
                )


def _name(file: Path | None) -> str:
    return "stdin" if file is None else file.name


def _lines(blocks: Iterable[list[tuple[float, str]]]) -> Iterator[tuple[float, str]]:
    """The lines one by one, their times never going back."""
    latest = 0.0
    for block in blocks:
        for key, text in block:
            latest = max(latest, key)
            yield latest, text


def _pieces(
    file: Path | None, printer: Printer, wanted: Wanted, unread: list[str]
) -> Iterator[list[tuple[float, str]]]:
    """A file's records, a chunk at a time; one that cannot be read is reported, and added to ``unread``."""
    try:
        cutter: LineCutter | None = None
        for data, before in _bytes(file, wanted):
            cutter = cutter or LineCutter(Numbering(before))
            if chunk := cutter.feed(data):
                yield printer.take(chunk)
    except BrokenPipeError:
        raise
    except OSError as error:
        output.print_err(f"{plain(str(file), 500)}: {(error.strerror or str(error)).lower()}")
        unread.append(str(file))
    except Unreadable as error:
        output.print_err(f"{plain(str(file), 500)}: {error}")
        unread.append(str(file))
    yield printer.finish()
    if wanted.timed and printer.timeless:
        output.print_err(f"{plain(_name(file))}: no line has a time, so none could be selected by time")


def _bytes(file: Path | None, wanted: Wanted) -> Iterator[tuple[bytes, int]]:
    """The file's bytes, decompressed, with the number of lines before the first of them."""
    if file is not None and is_compressed(file):
        for data in decompressed(file):
            yield data, 0
        return
    fd = 0 if file is None else discovery.open_to_read(file)
    try:
        before = _skip_to(fd, wanted.since, wanted) if file is not None and wanted.since else 0
        while data := os.read(fd, _READ):
            yield data, before
    finally:
        if file is not None:
            os.close(fd)


def _skip_to(fd: int, since: datetime, wanted: Wanted) -> int:
    """Moves near the first line of that time, by halves; the number of lines passed over.

    A log is in the order of its times, more or less: a megabyte before that is read too.
    """
    try:
        size = os.lseek(fd, 0, os.SEEK_END)
        os.lseek(fd, 0, os.SEEK_SET)
    except OSError:  # a pipe
        return 0
    low, high = 0, size
    shape = _shape_of(os.pread(fd, 64 * 1024, 0), wanted)
    while high - low > _BISECT:
        middle = (low + high) // 2
        at = _first_time(os.pread(fd, 64 * 1024, middle), shape, wanted)
        if at is None:  # unknown position: only what is known to be earlier is skipped
            break
        low, high = (middle, high) if at < since else (low, middle)
    low = max(0, low - _BISECT)
    if low:
        low += os.pread(fd, 64 * 1024, low).find(b"\n") + 1
    lines = at_ = 0
    while at_ < low:
        data = os.pread(fd, min(_BISECT, low - at_), at_)
        if not data:
            break
        lines += data.count(b"\n")
        at_ += len(data)
    os.lseek(fd, low, os.SEEK_SET)
    return lines


def _shape_of(data: bytes, wanted: Wanted) -> LineShape:
    """How the lines are written that ``data`` begins with."""
    lines = [line[:4096].decode("utf-8", "replace") for line in data.split(b"\n")[:-1]]
    return learn(lines, now=wanted.now, zone=wanted.zone)


def _first_time(data: bytes, shape: LineShape, wanted: Wanted) -> datetime | None:
    for line in data.split(b"\n")[1:200]:
        if at := shape.time(line[:4096].decode("utf-8", "replace"), now=wanted.now, zone=wanted.zone):
            return at
    return None


class _Queue:
    """Queues what the sources' threads deliver, so that one thread prints. A full queue holds the sources up."""

    def __init__(self) -> None:
        self.items: queue.Queue[tuple[Source, Chunk | str]] = queue.Queue(maxsize=64)
        self.sources: list[Source] = []

    def lines(self, source: Source, chunk: Chunk) -> None:
        self.items.put((source, chunk))

    def notice(self, source: Source, text: str) -> None:
        self.items.put((source, text))

    def add(self, source: Source) -> None:
        self.sources.append(source)
        source.start(self)


def _follow(names: Sequence[str], wanted: Wanted) -> None:
    taken = _Queue()
    printers: dict[int, Printer] = {}
    try:
        for name in names:
            if name == "-":
                taken.add(StreamSource(sys.stdin.fileno()))
                continue
            for source in discovery.sources(name, taken.add):
                taken.add(source)
        # A file is followed for good, across rotation; a pipe ends.
        while any(getattr(source, "running", True) for source in taken.sources) or not taken.items.empty():
            with suppress(queue.Empty):
                origin, item = taken.items.get(timeout=_LOOK_S)
                if isinstance(item, str):
                    output.print_err(f"{origin.name}: {item}")
                    continue
                printer = printers.setdefault(id(origin), Printer(origin.name, wanted))
                if block := printer.take(item):
                    output.print_out("\n".join(text for _, text in block))
        for one in printers.values():
            if block := one.finish():
                output.print_out("\n".join(text for _, text in block))
    finally:
        for source in taken.sources:
            source.close()


def copy_redacted() -> None:
    """Copy stdin to stdout, made safe, as it comes; line ends stay, the last one's absence too."""

    def blocks() -> Iterator[bytes]:
        while data := os.read(0, _READ):
            yield data

    try:
        for text in redact_stream(blocks()):
            output.print_out(text, end="")
    except (BrokenPipeError, WarroomError):
        raise
    except OSError as error:
        raise WarroomError(f"The input cannot be read: {error.strerror}") from None
