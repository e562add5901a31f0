"""Beside the journal: which entries were saved last, so that a loss is noticed. The journal never needs it.

SQLite's write-ahead log that is cut or deleted takes the journal back to an earlier state that looks sound. The
file ``…-saved`` says how far each stream had come. It is written after the commit and not synced: it may be behind
the journal, never ahead of it, so a kill or a power cut raises no false alarm. What was found lost is kept in
``…-lost`` until a person deletes that file.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

LONGEST = 8_000
"""Bytes at which the file is cut down to the streams that changed last."""

STREAMS = 32
"""How many streams are kept then."""

# Not blocking: a pipe in the file's place must not hold up an append.
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_LINE = re.compile(r"(?P<stream>[^\t\n]{1,200})\t(?P<seq>\d{1,15})\t(?P<chain>[0-9a-f]{32})")


class Saved:
    """How far the streams of one journal had come, and what was found lost. Never raises: it only ever warns."""

    def __init__(self, journal: Path) -> None:
        self._saved = Path(f"{journal}-saved")
        self.lost_path = Path(f"{journal}-lost")

    def note(self, stream: str, seq: int, chain: bytes) -> None:
        """Entry ``seq`` of ``stream`` is committed."""
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

    def last(self) -> dict[str, tuple[int, bytes]]:
        """The last entry that is known to have been saved of each stream, those changed last at the end."""
        found: dict[str, tuple[int, bytes]] = {}
        for line in _read(self._saved).split("\n")[:-1]:  # what follows the last newline is torn
            match = _LINE.fullmatch(line)
            if match and int(match["seq"]) >= found.get(match["stream"], (0, b""))[0]:
                found.pop(match["stream"], None)
                found[match["stream"]] = int(match["seq"]), bytes.fromhex(match["chain"])
        return found

    def report(self, lost: list[str]) -> None:
        """Keep what was found lost, a sentence each, until somebody has seen to it; count anew from now on."""
        if not lost:
            return
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%MZ")
        with suppress(OSError):
            file = os.open(self.lost_path, _APPEND, 0o600)
            try:
                os.write(file, "".join(f"{now} {sentence}\n" for sentence in lost).encode())
            finally:
                os.close(file)
            self._saved.unlink(missing_ok=True)  # only now: otherwise it is found again

    def lost(self) -> list[str]:
        """What was found lost and not seen to yet, a sentence each."""
        sentences = [line.split(" ", 2)[-1] for line in _read(self.lost_path).splitlines() if line.strip()]
        return list(dict.fromkeys(sentences))  # two processes may have found the same

    def _shorten(self) -> None:
        kept = list(self.last().items())[-STREAMS:]
        text = "".join(f"{stream}\t{seq}\t{chain.hex()}\n" for stream, (seq, chain) in kept)
        temporary = self._saved.with_name(f"{self._saved.name}.{os.getpid()}")
        with suppress(FileNotFoundError):
            temporary.unlink()
        file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.write(file, text.encode())
        finally:
            os.close(file)
        temporary.replace(self._saved)  # a line noted meanwhile is forgotten: a loss there goes unnoticed, no more


def _read(path: Path) -> str:
    with suppress(OSError):
        if path.is_file():
            return path.read_bytes().decode("utf-8", "replace")
    return ""
