"""How the log pane does alone, printed: ``python -m tests.bench.logs [MEGABYTES]``. Asserts nothing.

Against its own start on an empty file, and against grep on the same bytes, since times do not travel: a file of a
gigabyte opened, counted, searched and filtered; a line followed; lines pouring in from a file and from a pipe.
Programs run in a pseudo-terminal of 160×45. ``ptybench.toml`` is for a harness that compares terminal programs.
"""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tests.bench.console import cpu_s, on_terminal, read_until, swallow
from warroom.logs.finder import Search
from warroom.logs.query import Query
from warroom.logs.sources.file import FileSource
from warroom.logs.view import LogView

RUNS = 5
LAST, RARE = "END-OF-DATA", "NEEDLE-IN-THE-HAY"
WARROOM = (sys.executable, "-m", "warroom", "logs")
WRITER = """
import os, sys, time
rate, seconds = int(sys.argv[1]), float(sys.argv[2])
line = "2026-01-28T14:02:%02d.%03dZ %s [checkout] req=%08x request completed status=200 n=%d\\n"
began, n = time.monotonic(), 0
while (now := time.monotonic() - began) < seconds:
    due = int(now * rate)
    part = "".join(line % (k % 60, k % 1000, "ERROR" if k % 100 == 0 else "INFO ", k, k) for k in range(n, due))
    os.write(1, part.encode())
    n = due
    time.sleep(max(0.0, 0.005 - (time.monotonic() - began - now)))
"""
"""Writes lines at a rate for so many seconds."""


def fill(path: Path, megabytes: int) -> None:
    """A log of that size: half JSON, half plain, one line in a hundred an error, the rare one near its start."""
    rng = random.Random(7)
    lines = []
    for n in range(8 * 8192):
        level = "ERROR" if n % 199 == 7 else rng.choice(("INFO", "INFO", "INFO", "DEBUG"))
        at = f"2026-01-28T14:{n // 1200 % 60:02}:{n // 20 % 60:02}.{n % 20 * 50:03}Z"
        words = f"request completed path=/v1/orders/{rng.randrange(10**6)} status=200 dur_ms={rng.randrange(900)}"
        lines.append(
            f'{{"ts":"{at}","level":"{level.lower()}","svc":"checkout","msg":"{words}"}}'
            if n % 2
            else f"{at} {level:<5} [checkout] req={rng.randrange(2**32):08x} {words}"
        )
    block = ("\n".join(lines) + "\n").encode()
    with path.open("wb") as file:
        for part in range(max(2, megabytes * 1_000_000 // len(block))):
            file.write(block)
            if not part:
                file.write(f"2026-01-28T14:59:59.000Z INFO  [checkout] {RARE}\n".encode())
        file.write(f"2026-01-28T15:00:00.000Z INFO  [checkout] {LAST}\n".encode())


def peak_mb(pid: int) -> float:
    """The most memory a process has had, MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def until(condition: Callable[[], object]) -> float:
    """Seconds until it holds, looked at every millisecond."""
    began, pause = time.perf_counter(), threading.Event()
    while not condition():
        pause.wait(0.001)
    return time.perf_counter() - began


def grep_s(word: str, path: Path) -> float:
    """Seconds ``grep -c`` takes, the median of several."""

    def once() -> float:
        began = time.perf_counter()
        # Not to /dev/null: there grep ends at the first match.
        subprocess.run(["grep", "-c", word, str(path)], stdout=subprocess.PIPE, check=True)
        return time.perf_counter() - began

    return statistics.median(once() for _ in range(RUNS))


def seen_after(mark: bytes, *command: str) -> float:
    """Seconds from the start of a program until ``mark`` was drawn."""
    begun = time.perf_counter()
    with on_terminal(*command) as (_, terminal):
        return read_until(terminal, mark) - begun


def opening(big: Path, empty: Path) -> None:
    """Start to last line, and memory, on the big file and on an empty one, turn and turn about."""
    pairs = [
        (seen_after(LAST.encode(), *WARROOM, str(big)), seen_after(b"empty", *WARROOM, str(empty)))
        for _ in range(RUNS)
    ]
    ours, own = (statistics.median(times) for times in zip(*pairs, strict=True))
    print(f"last line of it visible     {ours * 1000:6.0f} ms   {ours / own:.2f} × its start on an empty file")
    peaks = []
    for path, mark in ((big, LAST), (empty, "empty")):
        with on_terminal(*WARROOM, str(path)) as (pid, terminal):
            read_until(terminal, mark.encode())
            swallow(terminal, 4.0)
            peaks.append(peak_mb(pid))
    print(f"memory by then, at most     {peaks[0]:6.0f} MB   {peaks[0] / peaks[1]:.2f} × on an empty file")


def finding(big: Path) -> None:
    """Counting, searching and filtering all of it, in this process."""
    view = LogView()
    try:
        source = FileSource(big)
        began = time.perf_counter()
        view.add(source)
        until(lambda: view.line(1))
        print(f"all lines counted           {(time.perf_counter() - began) * 1000:6.0f} ms")
        rare, errors = grep_s(RARE, big), grep_s("ERROR", big)
        began = time.perf_counter()
        Search(view, Query.of(RARE)).count(lambda: False, lambda lines, done: None)
        took = time.perf_counter() - began
        print(f"a rare text found           {took * 1000:6.0f} ms   {took / rare:.1f} × grep -c")
        began = time.perf_counter()
        view.set_threshold("error")
        until(lambda: (now := view.snapshot()).end - now.first >= 45 or not now.working)
        first = time.perf_counter() - began
        until(lambda: not view.snapshot().working)
        took = time.perf_counter() - began
        print(f"errors alone, first screen  {first * 1000:6.0f} ms")
        print(f"errors alone, to the end    {took * 1000:6.0f} ms   {took / errors:.1f} × grep -c")
    finally:
        view.close()


def following(path: Path) -> None:
    """A line written until it is drawn; then lines that pour in."""
    path.write_text(f"2026-01-28T14:00:00.000Z INFO  {LAST}\n")
    with on_terminal(*WARROOM, str(path)) as (pid, terminal), path.open("ab", buffering=0) as log:
        read_until(terminal, LAST.encode())
        swallow(terminal, 1.5)
        took = []
        for n in range(60):
            began = time.perf_counter()
            log.write(f"2026-01-28T14:00:01.000Z INFO  MARK{n:05}\n".encode())
            took.append(read_until(terminal, f"MARK{n:05}".encode()) - began)
            swallow(terminal, 0.08)
        took.sort()
        print(f"a line written, then seen   {took[30] * 1000:6.1f} ms   95 of 100 within {took[57] * 1000:.1f} ms")
        swallow(terminal, 2.0)
        before = cpu_s(pid)
        swallow(terminal, 8.0)
        print(f"following a quiet file      {(cpu_s(pid) - before) / 8:6.2%} of a core")
        for rate in (1_000, 100_000):
            writer = subprocess.Popen([sys.executable, "-c", WRITER, str(rate), "9"], stdout=log)
            swallow(terminal, 1.5)
            before = cpu_s(pid)
            came = swallow(terminal, 6.0)
            used = cpu_s(pid) - before
            print(f"{rate:7,} lines/s, a file      {used / 6:6.1%} of a core, {came / 6000:.0f} kB/s written")
            while writer.poll() is None:
                swallow(terminal, 0.2)
    pipe = f"'{sys.executable}' -c '{WRITER}' 100000 14 | '{sys.executable}' -m warroom logs -"
    with on_terminal("/bin/sh", "-c", f"exec 3<&0; {pipe}") as (pid, terminal):
        read_until(terminal, b"dropped")
        swallow(terminal, 10.0)
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        most = max(peak_mb(int(child)) for child in children)
        print(f"100,000 lines/s, a pipe     {most:6.0f} MB at most")


def main() -> None:
    """Measure and print."""
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update({"HOME": folder, "XDG_CONFIG_HOME": folder, "XDG_DATA_HOME": folder})
        big, empty = Path(folder) / "big.log", Path(folder) / "empty.log"
        fill(big, megabytes)
        empty.touch()
        print(f"a log of {big.stat().st_size / 1e6:,.0f} MB")
        opening(big, empty)
        finding(big)
        following(Path(folder) / "live.log")


if __name__ == "__main__":
    main()
