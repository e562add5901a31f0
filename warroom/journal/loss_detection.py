"""Detects that a journal has lost entries: a file beside it records which were saved last.

If SQLite's write-ahead log is truncated or deleted, the journal returns to an earlier state that looks intact. The
file ``…-saved`` has the last entry of each stream. It is written after the commit and not synced: it may be behind
the journal, never ahead of it, so a kill or a power cut raises no false alarm. What was lost is recorded in
``…-lost`` until a person deletes that file.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

LONGEST = 8_000
"""Size in bytes at which the file is reduced to the streams that changed last."""

STREAMS = 32
"""How many streams are kept then."""

# Not blocking: a pipe in place of the file must not block an append.
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_LINE = re.compile(r"(?P<stream>[^\t\n]{1,200})\t(?P<seq>\d{1,15})\t(?P<chain>[0-9a-f]{32})")


class LossDetector:
    """Records the last entry saved of each stream, and finds out which are missing. Never raises: it only warns."""

    def __init__(self, journal: Path) -> None:
        self._saved = Path(f"{journal}-saved")
        self.lost_path = Path(f"{journal}-lost")

    def record(self, stream: str, seq: int, chain: bytes) -> None:
        """Record that entry ``seq`` of ``stream`` is committed."""
        # A line is written by one call, at the end, so processes do not mix; the leading newline ends a torn one.
        line = f"\n{stream}\t{seq}\t{chain.hex()}\n".encode()
        with suppress(OSError):
            file = os.open(self._saved, _APPEND, 0o600)
            try:
                os.write(file, line)
                size = os.fstat(file).st_size
            finally:
                os.close(file)
            if size > LONGEST:
                self._shorten()

    def forget(self, stream: str) -> None:
        """Forget the last entry of a stream: its checksums are about to be made anew."""
        with suppress(OSError):
            self._write([one for one in self.last_saved().items() if one[0] != stream])

    def last_saved(self) -> dict[str, tuple[int, bytes]]:
        """Return the last entry known to have been saved of each stream, the latest at the end."""
        found: dict[str, tuple[int, bytes]] = {}
        for line in _read(self._saved).split("\n")[:-1]:  # what follows the last newline is torn
            match = _LINE.fullmatch(line)
            if match and int(match["seq"]) >= found.get(match["stream"], (0, b""))[0]:
                found.pop(match["stream"], None)
                found[match["stream"]] = int(match["seq"]), bytes.fromhex(match["chain"])
        return found

    def report(self, lost: list[str]) -> None:
        """Record what is lost, a sentence each, until a person deletes the file; then start over."""
        if not lost:
            return
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%MZ")
        with suppress(OSError):
            file = os.open(self.lost_path, _APPEND, 0o600)
            try:
                os.write(file, "".join(f"{now} {sentence}\n" for sentence in lost).encode())
            finally:
                os.close(file)
            self._saved.unlink(missing_ok=True)  # not before: a loss that is not recorded must be found again

    def reported(self) -> list[str]:
        """Return the recorded losses, a sentence each."""
        sentences = [line.split(" ", 2)[-1] for line in _read(self.lost_path).splitlines() if line.strip()]
        return list(dict.fromkeys(sentences))  # two processes may have recorded the same

    def find(self, db: sqlite3.Connection) -> tuple[str, ...]:
        """Return what was saved and is no longer in the journal, a sentence each, and record it."""
        lost: list[str] = []
        with suppress(sqlite3.Error, UnicodeError, OverflowError, MemoryError):  # reading reports that
            for stream, (seq, chain) in self.last_saved().items():
                row = db.execute("SELECT chain FROM entries WHERE stream = ? AND seq = ?", (stream, seq)).fetchone()
                if row is not None:
                    if row[0] != chain:
                        lost.append(f"{stream}: entry {seq} is not the one that was saved")
                    continue
                found = db.execute("SELECT length FROM streams WHERE stream = ?", (stream,)).fetchone()
                length = found[0] if found else 0
                if length < seq:
                    which = (
                        f"entry {seq} was saved but is"
                        if length + 1 == seq
                        else f"entries {length + 1} to {seq} were saved but are"
                    )
                    lost.append(f"{stream}: {which} missing: the journal is older than it was")
        self.report(lost)
        return tuple(dict.fromkeys([*self.reported(), *lost]))

    def _shorten(self) -> None:
        self._write(list(self.last_saved().items())[-STREAMS:])

    def _write(self, kept: Sequence[tuple[str, tuple[int, bytes]]]) -> None:
        text = "".join(f"{stream}\t{seq}\t{chain.hex()}\n" for stream, (seq, chain) in kept)
        temporary = self._saved.with_name(f"{self._saved.name}.{os.getpid()}")
        with suppress(FileNotFoundError):
            temporary.unlink()
        file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.write(file, text.encode())
        finally:
            os.close(file)
        temporary.replace(self._saved)  # a line written meanwhile is dropped: a loss there goes undetected


def _read(path: Path) -> str:
    with suppress(OSError):
        if path.is_file():
            return path.read_bytes().decode("utf-8", "replace")
    return ""
