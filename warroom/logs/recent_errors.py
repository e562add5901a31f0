"""How many errors log files hold of the last minute, read once from their ends; starts no command."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

from warroom.logs.filter import LineFilter, LineShapes
from warroom.logs.query import decoded
from warroom.logs.sources import discovery
from warroom.logs.sources.compressed import is_compressed

TAIL = 1 << 20
"""How much of a file's end is read, in bytes."""

MINUTE = timedelta(minutes=1)


def errors_in_last_minute(names: Iterable[str], now: datetime, zone: tzinfo) -> int | None:
    """Count the errors in the named files in the minute before ``now``; None if they cannot be counted.

    ``names`` are paths, patterns and folders. ``zone`` is that of times without an offset. What is no plain file,
    cannot be read, or has no readable times is left out.
    """
    counts = [
        _errors(path, now, zone)
        for name in names
        if discovery.command_of(name) is None
        for path in discovery.files(name)
        if not is_compressed(path)
    ]
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _errors(path: Path, now: datetime, zone: tzinfo) -> int | None:
    try:
        # Not blocking: the file may be a pipe without a writer.
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        state = os.fstat(file)
        if not stat.S_ISREG(state.st_mode):
            return None
        begin = max(0, state.st_size - TAIL)
        data = os.pread(file, TAIL, begin)
    except OSError:
        return None
    finally:
        os.close(file)
    if begin:  # the first line is cut off
        data = data[data.find(b"\n") + 1 :]
    shapes = LineShapes()
    shapes.recognise(data, now, zone)
    shapes.learn(data)
    count, known = 0, not data.strip()
    for start in reversed(LineFilter("error", shapes=shapes).heads(data)):
        end = data.find(b"\n", start)
        when = shapes.shape.time(decoded(data[start : end if end >= 0 else None][:4096]), now=now, zone=zone)
        if when is None:
            continue
        known = True
        if now - when > MINUTE:
            break
        count += 1
    if not known:  # no error with a time: quiet only if the other lines can be dated
        last = data.rstrip(b"\n").rpartition(b"\n")[2]
        known = shapes.shape.time(decoded(last[:4096]), now=now, zone=zone) is not None
    return count if known else None
