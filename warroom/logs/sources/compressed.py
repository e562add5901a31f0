"""Compressed logs (.gz, .bz2, .xz, .zst) as the text they hold; never keeps more of it than its end.

A file's first bytes decide what it is, not its name. ``.zst`` needs the package ``zstandard`` (``warroom[zstd]``);
without it the source reports that. Memory stays bounded whatever the file decompresses to.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from warroom.logs.sources.source import LineCutter, Sink, human_bytes
from warroom.logs.stores import Numbering

if TYPE_CHECKING:
    from io import BufferedReader as _Text

SUFFIXES = frozenset((".gz", ".bz2", ".xz", ".zst"))
"""How the names of compressed files end."""

TAIL = 8 * 1024 * 1024  # bytes of text from the end that are shown
_PIECE = 1024 * 1024  # bytes unfolded at once
_HAND = 256 * 1024  # bytes passed on at once: a chunk is decoded and split in about a millisecond
_MAGIC = {b"\x1f\x8b": "gz", b"BZh": "bz2", b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "zst"}
_SLOW = 4_000_000  # bytes of a compressed file from which on a notice says that decompressing takes a moment


class Unreadable(Exception):
    """The file cannot be decompressed (any further). ``str()`` is the reason."""


def is_compressed(path: Path) -> bool:
    """Whether the file is compressed, by its name or its first bytes. False for a file that does not exist."""
    if path.suffix.lower() in SUFFIXES:
        return True
    try:
        if not path.is_file():  # opening a fifo would wait for its writer
            return False
        with path.open("rb") as file:
            return _kind(file.read(6)) != ""
    except OSError:
        return False


def decompressed(path: Path) -> Iterator[bytes]:
    """The text of a compressed file in pieces of at most a megabyte, several members after each other as one.

    A file that is not compressed after all comes as it is. Raises OSError, or ``Unreadable`` where it is damaged;
    what could be unfolded before the damage has come by then.
    """
    with path.open("rb") as file:
        head = file.read(6)
        file.seek(0)
        text, damage = _opened(_kind(head), file)
        try:
            with text:
                # read1 returns what it has; read would lose up to a piece if the end is missing.
                while block := text.read1(_PIECE):
                    yield block
        except EOFError:
            raise Unreadable("is truncated") from None
        except OSError as error:
            if error.errno is not None:
                raise
            raise Unreadable(f"is damaged: {error}") from None
        except damage as error:
            raise Unreadable(f"is damaged: {error}") from None


def _kind(head: bytes) -> str:
    return next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), "")


def _opened(kind: str, file: _Text) -> tuple[_Text, type[Exception]]:
    """The text of the file, and what reading it raises where it is damaged."""
    if kind == "gz":
        import gzip
        import zlib

        return cast("_Text", gzip.GzipFile(fileobj=file)), zlib.error
    if kind == "bz2":
        import bz2

        return cast("_Text", bz2.BZ2File(file)), ValueError
    if kind == "xz":
        import lzma

        return cast("_Text", lzma.LZMAFile(file)), lzma.LZMAError
    if kind == "zst":
        try:
            import zstandard  # type: ignore[import-not-found, unused-ignore]
        except ImportError:
            raise Unreadable("cannot be read without the package zstandard: pip install 'warroom[zstd]'") from None
        reader: Any = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
        return cast("_Text", reader), zstandard.ZstdError
    return file, ValueError


class CompressedSource:
    """Shows the end of a compressed file, its lines numbered as in the whole. Such a file is not followed."""

    lasting = True

    def __init__(self, path: Path | str, *, name: str | None = None, tail: int = TAIL) -> None:
        self.path = Path(path)
        self.name = name or self.path.name
        self._tail = tail
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, sink: Sink) -> None:
        """Begins to unfold, in a daemon thread; returns at once."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, args=(sink,), name=f"log {self.name}", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Stops within a megabyte; returns at once."""
        self._stop.set()

    @property
    def running(self) -> bool:
        """Whether its thread is running."""
        return self._thread is not None and self._thread.is_alive()

    def _run(self, sink: Sink) -> None:
        kept: deque[bytes] = deque()
        size = gone = before = 0
        problem = ""
        try:
            packed = self.path.stat().st_size
            if packed > _SLOW:
                sink.notice(self, f"{human_bytes(packed)} compressed; its end is shown once it is decompressed")
            for block in decompressed(self.path):
                if self._stop.is_set():
                    return
                kept.append(block)
                size += len(block)
                while size - len(kept[0]) >= self._tail:
                    old = kept.popleft()
                    size -= len(old)
                    gone += len(old)
                    before += old.count(b"\n")
        except Unreadable as error:
            problem = str(error)
        except OSError as error:
            problem = f"cannot be read: {error.strerror or error}"
        if gone:
            before += _drop_partial(kept)
            shown = human_bytes(sum(map(len, kept)))
            sink.notice(self, f"the last {shown} of {human_bytes(size + gone)} are shown")
        self._hand(sink, kept, before)
        if problem and not self._stop.is_set():
            sink.notice(self, problem)
        elif not size and not gone:
            sink.notice(self, "empty")

    def _hand(self, sink: Sink, kept: deque[bytes], before: int) -> None:
        cutter = LineCutter(Numbering(before))
        binary = False
        while kept and not self._stop.is_set():
            block = kept.popleft()
            if not binary and b"\0" in block:
                binary = True
                sink.notice(self, "contains binary data, shown as ␀ or �")
            for start in range(0, len(block), _HAND):
                chunk = cutter.feed(block[start : start + _HAND], history=True)
                if chunk and not self._stop.is_set():
                    sink.lines(self, chunk)


def _drop_partial(kept: deque[bytes]) -> int:
    """Takes away the line whose beginning is gone; how many line ends went with it."""
    for number, block in enumerate(kept):
        cut = block.find(b"\n")
        if cut >= 0:
            for _ in range(number):
                kept.popleft()
            kept[0] = block[cut + 1 :]
            return 1
    return 0  # one endless line: its end is better than nothing
