"""Prints log records of files and stdin, redacted, as lines or as JSON; keeps nothing of what it printed."""

from __future__ import annotations

import os
import queue
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, tzinfo
from pathlib import Path

from warroom.cli import output
from warroom.incident.errors import NotFound, WarroomError
from warroom.logs.records import LEVELS, Level, level_of, rank, time_of
from warroom.logs.source import Chunk, Cutter, FileSource, Numbering, Source, StreamSource
from warroom.redact import Redactor

_READ = 256 * 1024   # bytes a read
_LOOK_S = 0.2        # how often it is asked whether the last pipe has ended
_CONTINUES = (" ", "\t", "}", ")", "Caused by:", "Traceback")   # how the lines of a stack trace begin


class Printer:
    """Prints the lines of one source in their order. ``level`` is the least that is shown, None shows all."""

    def __init__(self, source: str, *, now: datetime, zone: tzinfo, level: Level | None, json: bool) -> None:
        self._source = source
        self._now = now
        self._zone = zone
        self._level = level
        self._json = json
        self._redactor = Redactor()
        self._last: Level | None = None
        self._held: tuple[str, int | None] | None = None

    def take(self, chunk: Chunk) -> None:
        """Print what is complete; an unfinished last line waits for its end."""
        before = chunk.numbering.before
        first = None if before is None else before + chunk.first + 1
        rows = [(text, None if first is None else first + place) for place, text in enumerate(chunk.texts)]
        if self._held and not chunk.grows:
            rows.insert(0, self._held)
        self._held = rows.pop() if chunk.unfinished else None
        self._print(rows)

    def finish(self) -> None:
        """The last line will get no end any more."""
        if self._held:
            self._print([self._held])
        self._held = None

    def _print(self, rows: Sequence[tuple[str, int | None]]) -> None:
        printed = [told for text, line in rows if (told := self._told(text, line)) is not None]
        if printed:
            output.say("\n".join(printed))  # one write a chunk, so that a pipe keeps up

    def _told(self, text: str, line: int | None) -> str | None:
        safe = self._redactor.line(text).text  # masked in order: a key spans lines, shown or not
        own = level_of(text)
        level = own or (self._last if text.startswith(_CONTINUES) else None)
        self._last = level
        if self._level and rank(level) < rank(self._level):
            return None
        if not self._json:
            return safe
        at = time_of(text, now=self._now, zone=self._zone)
        return output.as_json({"time": at, "level": own, "source": self._source, "line": line, "text": safe})


def show(
    names: Sequence[str], *, follow: bool, level: str | None, json: bool, now: datetime, zone: tzinfo
) -> None:
    """Print the records of ``names`` (``-`` is stdin), one source after the other; or follow them all.

    Files that cannot be read are told on stderr and, when all is printed, raised as one error.
    """
    least: Level | None = next((known for known in LEVELS if known == level), None)

    def printer(name: str) -> Printer:
        return Printer(name, now=now, zone=zone, level=least, json=json)

    if follow:
        _follow(names, printer)
        return
    unread = []
    for name in names:
        one, cutter = printer("stdin" if name == "-" else Path(name).name), Cutter(Numbering(0))
        try:
            for data in _bytes(name):
                if chunk := cutter.feed(data):
                    one.take(chunk)
        except BrokenPipeError:
            raise
        except OSError as error:
            output.tell(f"{name}: {(error.strerror or str(error)).lower()}")
            unread.append(name)
        one.finish()
    if unread:
        raise NotFound(f"Could not be read: {', '.join(unread)}", "Check the paths and the rights to them.")


def _bytes(name: str) -> Iterator[bytes]:
    file = 0 if name == "-" else os.open(name, os.O_RDONLY | os.O_CLOEXEC)
    try:
        while data := os.read(file, _READ):
            yield data
    finally:
        if name != "-":
            os.close(file)


class _Queue:
    """Takes what the sources' threads hand over, so that one thread prints. A full queue holds the sources up."""

    def __init__(self) -> None:
        self.items: queue.Queue[tuple[Source, Chunk | str]] = queue.Queue(maxsize=64)

    def lines(self, source: Source, chunk: Chunk) -> None:
        self.items.put((source, chunk))

    def notice(self, source: Source, text: str) -> None:
        self.items.put((source, text))


def _follow(names: Sequence[str], printer: Callable[[str], Printer]) -> None:
    sources: list[FileSource | StreamSource] = [
        StreamSource(sys.stdin.fileno()) if name == "-" else FileSource(name) for name in names
    ]
    printers: dict[int, Printer] = {id(source): printer(source.name) for source in sources}
    taken = _Queue()
    for source in sources:
        source.start(taken)
    try:
        # A file is followed for good, across rotation; a pipe ends.
        while any(source.running for source in sources) or not taken.items.empty():
            with suppress(queue.Empty):
                origin, item = taken.items.get(timeout=_LOOK_S)
                if isinstance(item, str):
                    output.tell(f"{origin.name}: {item}")
                else:
                    printers[id(origin)].take(item)
        for one in printers.values():
            one.finish()
    finally:
        for source in sources:
            source.close()


def copy_redacted() -> None:
    """Copy stdin to stdout, made safe, line by line as they come."""
    redactor, cutter = Redactor(), Cutter(Numbering(0))
    held: list[str] = []
    try:
        for data in _bytes("-"):
            chunk = cutter.feed(data)
            if chunk is None:
                continue
            held = [chunk.texts[-1]] if chunk.unfinished else []
            whole = chunk.texts[: len(chunk.texts) - len(held)]
            if whole:
                output.say("\n".join(redactor.line(text).text for text in whole))
        if held:
            output.say(redactor.line(held[0]).text)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise WarroomError(f"The input cannot be read: {error.strerror}") from None
