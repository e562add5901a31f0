"""A local Markdown file as a destination: it contains each post once; never rewrites what a person wrote.

A record in the file, its markers invisible once rendered (LENGTH is the bytes from after the first line to the end
of the last):

    <!-- warroom KEY LENGTH -->

    ### 2026-11-23 18:31:05 UTC · update · team

    text

    <!-- /warroom KEY -->
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import re
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict

from warroom.config.paths import make_folder
from warroom.connect.attempt import leaving
from warroom.connect.chat import defuse_mentions, headline, message_lines
from warroom.errors import NotSent, Rejected
from warroom.incident.delivery import Channel, Message, MessageLine, Opening, Receipt
from warroom.safety import sanitize

_BEGIN = re.compile(rb"^<!-- warroom (\S+) (\d{1,9}) -->\n", re.MULTILINE)
_OPENING = b"<!-- warroom "
_TORN_OPENING = re.compile(rb"<!-- warroom \S*(?: \d*(?: (?:-|--|-->)?)?)?")
_PUNCTUATION = re.compile(r"([\\`*\[\]|~])")
_UNDERSCORE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")
_AT_LINE_START = re.compile(r"^(#{1,6}(?=\s|$)|>|=+(?=\s*$)|-(?=[\s-]|$)|\+(?=\s|$)|\d{1,9}(?=[.)](?:\s|$)))")

LOCK_S = 2.0
"""How long another program may keep the file locked before a record waits for the next try, in seconds."""


class TranscriptOptions(BaseModel):
    """Settings of a transcript."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str = "transcripts/{incident}.md"
    """The file; ``{incident}`` is the incident's id. Relative to ``folder``; ``~`` is the home."""
    folder: Path = Path()
    """Where a relative ``path`` begins; the wiring gives the data folder."""


class Transcript:
    """A ``Chat`` that appends to a file of mode 0600. Several consoles may share one file."""

    Options = TranscriptOptions
    dedupes = True
    reads_back = True
    reports_sending = True
    max_length = 1_000_000

    def __init__(self, options: TranscriptOptions) -> None:
        self._options = options

    def render(self, message: Message) -> str:
        """The Markdown of the post without its heading: every character of the text means itself."""
        return _markdown(message_lines(message, recognises=True))

    async def open(self, opening: Opening, key: str) -> Channel:
        """Begin the incident's file, or find it begun."""
        path = self._path(opening.incident)
        text = f"# {_escaped(headline(opening))}\n\n{_markdown(_lines(opening.topic))}"
        await asyncio.to_thread(_append, path, key, text)
        return Channel(id=str(path), name=path.name, url=path.as_uri())

    async def post(self, channel: Channel, message: Message, key: str) -> Receipt:
        """Append the post and sync it to disk; do nothing for a key that is in the file already."""
        path = Path(channel.id) if channel.id else self._path(message.incident)
        when = f"{message.at:%Y-%m-%d %H:%M:%S} UTC"
        text = f"### {when} · {message.kind} · {message.audience}\n\n{self.render(message)}"
        await asyncio.to_thread(_append, path, key, text)
        return Receipt(id=key, url=path.as_uri())

    async def show_status(self, channel: Channel, message: Message, previous: Receipt | None, key: str) -> Receipt:
        """Nothing: a transcript is not rewritten."""
        return Receipt()

    async def find(self, channel: Channel, key: str) -> Receipt | None:
        """Whether the file holds the complete record of this key."""
        path = Path(channel.id)
        found = await asyncio.to_thread(_holds, path, key)
        return Receipt(id=key, url=path.as_uri()) if found else None

    async def check(self) -> str:
        """Where the files go, and that they can be written there."""
        path = self._path("INC-0")
        place = next(folder for folder in path.parents if folder.exists())
        if not (place.is_dir() and os.access(place, os.W_OK | os.X_OK)):
            raise Rejected(f"The transcript cannot be written under {place}", "Give yourself the right to.")
        return f"Transcript: Markdown files like {path}"

    async def close(self) -> None:
        """Nothing is held open."""

    def _path(self, incident: str) -> Path:
        # An id is ours, but it becomes a file's name here: nothing in it may climb out of the folder.
        safe = re.sub(r"[^\w.-]", "_", incident).lstrip(".") or "incident"
        return (self._options.folder / Path(self._options.path.replace("{incident}", safe)).expanduser()).absolute()


def _append(path: Path, key: str, text: str) -> None:
    """Append one record unless it is there; repair what a kill in the middle of a write has left."""
    record = _record(key, text)
    with _opened(path, create=True) as file:
        data = _read(file)
        whole = _without_torn_tail(data)
        if _end(key) in whole:
            if len(whole) < len(data):
                _cut(file, len(whole))
            return
        if len(whole) < len(data):
            _cut(file, len(whole))
        # A person may have written below without a last line break.
        glue = b"\n" if whole and not whole.endswith(b"\n") else b""
        leaving()
        os.lseek(file, len(whole), os.SEEK_SET)
        try:
            _write(file, glue + record)
            os.fsync(file)
        except OSError:
            # A full disk: leave the file as it was. What cannot be cut now is cut before the next record.
            with contextlib.suppress(OSError):
                _cut(file, len(whole))
            raise


def _holds(path: Path, key: str) -> bool:
    if not path.exists():
        return False
    with _opened(path, create=False) as file:
        return _end(key) in _without_torn_tail(_read(file))


@contextlib.contextmanager
def _opened(path: Path, *, create: bool) -> Iterator[int]:
    """Open the file, locked against other consoles; ``OSError`` becomes an error of ours.

    ``NotSent`` throughout, or ``Rejected`` where trying again cannot help: a record is found by its key, so trying
    again never doubles it.
    """
    file = -1
    failure: NotSent | Rejected | None = None
    try:
        new = create and not path.exists()
        if create:
            make_folder(path.parent)
        # Not blocking: a pipe in the file's place must not hang the outbox worker.
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK | (os.O_CREAT if create else 0), 0o600)
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        _lock(file, path)
        yield file
        if new:
            _sync_folder(path.parent)
    except OSError as error:
        passing = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EINTR, errno.EMFILE, errno.ENFILE)
        reason = error.strerror or "it cannot be written"
        title = f"The transcript {path} was not written: {reason}"
        remedy = "Make room on the disk." if passing else "Check the path and its permissions in the settings."
        failure = (NotSent if passing else Rejected)(title, remedy)
    finally:
        if file >= 0:
            os.close(file)
    if failure is not None:
        raise failure


def _lock(file: int, path: Path) -> None:
    """Take the lock within ``LOCK_S``, else ``NotSent``: who holds it may never let go."""
    give_up = time.monotonic() + LOCK_S
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > give_up:
                break
            time.sleep(0.02)
    raise NotSent(
        f"The transcript {path} was not written: another program keeps it locked", f"See who: fuser -v {path}"
    )


def _sync_folder(folder: Path) -> None:
    """Bring a new file's name to the disk as well."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _read(file: int) -> bytes:
    parts = []
    while part := os.read(file, 1 << 20):
        parts.append(part)
    return b"".join(parts)


def _write(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def _cut(file: int, length: int) -> None:
    os.ftruncate(file, length)
    os.fsync(file)


def _without_torn_tail(data: bytes) -> bytes:
    """The file without a last record that was cut off while it was written.

    Cut off means: its end marker is missing and fewer bytes follow than it announces. Where a person has written
    below such a record, more bytes follow; then nothing is taken away.
    """
    begin = max(_BEGIN.finditer(data), key=re.Match.start, default=None)
    if begin is not None:
        rest = data[begin.end() :]
        if b"<!-- /warroom " + begin[1] + b" -->\n" not in rest and len(rest) < int(begin[2]):
            return data[: begin.start()]
    # The first line of a record can be torn itself.
    last_line = data.rfind(b"\n") + 1
    tail = data[last_line:]
    torn = tail and (_OPENING.startswith(tail) or _TORN_OPENING.fullmatch(tail))
    return data[:last_line] if torn else data


def _record(key: str, text: str) -> bytes:
    body = b"\n" + text.encode("utf-8", "replace") + b"\n\n" + _end(key)[1:]
    return _OPENING + _marked(key) + b" %d -->\n" % len(body) + body


def _end(key: str) -> bytes:
    return b"\n<!-- /warroom " + _marked(key) + b" -->\n"


def _marked(key: str) -> bytes:
    """The key as an HTML comment can hold it: no blanks, no ``--``."""
    return quote(key.encode("utf-8", "replace"), safe="").replace("--", "-%2D").encode()


def _lines(text: str) -> tuple[MessageLine, ...]:
    return tuple(MessageLine(label="", text=sanitize(line)) for line in text.splitlines())


def _markdown(lines: tuple[MessageLine, ...]) -> str:
    """Labels bold, one line a line, and every other character itself.

    A bare address is left as it is: it names where it leads, and nothing else can be made to lead anywhere.
    """
    shown = [
        f"**{_escaped(line.label)}:** {_escaped(line.text)}".rstrip() if line.label else _escaped(line.text)
        for line in lines
    ]
    pairs = zip(shown, [*shown[1:], ""], strict=True)
    # Two blanks at the end keep a line break inside a paragraph.
    return "\n".join(f"{line}  " if line and after else line for line, after in pairs)


def _escaped(text: str) -> str:
    text = defuse_mentions(text.expandtabs(4)).replace("&", "&amp;").replace("<", "&lt;")
    text = _UNDERSCORE.sub(r"\\_", _PUNCTUATION.sub(r"\\\1", text))
    bare = text.lstrip(" ")
    # Blanks in front would make a code block, in which the escapes could be seen.
    indent = "\u00a0" * (len(text) - len(bare))
    mark = _AT_LINE_START.match(bare)
    if mark:
        bare = f"{bare[: mark.end()]}\\{bare[mark.end() :]}" if bare[0].isdigit() else f"\\{bare}"
    return indent + bare.rstrip()
