"""Logs as they really arrive: files that are rotated, cut, removed, unreadable, binary or endless, and pipes."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from warroom.logs.index import BLOCK, LineIndex, count_lines
from warroom.logs.records import Level, level_of, time_of
from warroom.logs.search import BadPattern, Query, find
from warroom.logs.source import LINE_CAP, Cutter, FileSource, Numbering, StreamSource
from warroom.logs.view import LogView

NOW = datetime(2025, 3, 5, 14, 30, tzinfo=UTC)


def at(hour: int, minute: int, second: int, micro: int = 0, day: int = 5) -> datetime:
    return datetime(2025, 3, day, hour, minute, second, micro, UTC)


@pytest.mark.parametrize(("line", "level", "time_"), [
    ("2025-03-05 14:15:11,204 ERROR pool.manager timeout", "error", at(14, 15, 11, 204000)),
    ("2025-03-05T14:15:11.204+01:00 [main] WARN  c.f.B - x", "warn", at(13, 15, 11, 204000)),
    ("2025-03-05T14:15:11Z INFO an ERROR was avoided", "info", at(14, 15, 11)),
    ('10.0.0.1 - - [05/Mar/2025:14:02:11 +0000] "GET /x HTTP/1.1" 503 12 "-" "M"', "error", at(14, 2, 11)),
    ('10.0.0.1 - - [05/Mar/2025:15:02:11 +0100] "GET /x HTTP/1.1" 404 12', "warn", at(14, 2, 11)),
    ('10.0.0.1 - - [05/Mar/2025:14:02:11 +0000] "GET /x HTTP/1.1" 200 12', "info", at(14, 2, 11)),
    ("2025/03/05 14:02:11 [error] 123#0: *1 connect() failed", "error", at(14, 2, 11)),
    ("[Wed Mar 05 14:02:11.123456 2025] [core:error] [pid 1] AH1: x", "error", at(14, 2, 11, 123456)),
    ('{"time":"2025-03-05T14:02:11.123Z","level":"info","msg":"ERROR not"}', "info", at(14, 2, 11, 123000)),
    ('{"level":50,"time":1741183331123}', "error", at(14, 2, 11, 123000)),
    ('{"ts":1741183331.5,"severity":"CRITICAL"}', "fatal", at(14, 2, 11, 500000)),
    ("ts=2025-03-05T14:02:11Z level=warn msg=x", "warn", at(14, 2, 11)),
    ("E0305 14:02:11.123456    1 main.go:1] boo", "error", at(14, 2, 11, 123456)),
    ("Mar  5 14:02:11 web-1 kernel: link up", None, at(14, 2, 11)),
    ("<11>Mar  5 14:02:11 h x: bad", "error", at(14, 2, 11)),
    ("<165>1 2025-03-05T14:02:11.003Z h app - - - x", "info", at(14, 2, 11, 3000)),
    ("14:15:11.204 ERROR pool", "error", at(14, 15, 11, 204000)),
    ("23:15:11 INFO x", "info", at(23, 15, 11, day=4)),
    ("Dec 31 23:00:00 h x: error: bad", "error", datetime(2024, 12, 31, 23, tzinfo=UTC)),
    ("panic: runtime error", "fatal", None),
    ("    at com.foo.Bar(Bar.java:1)", None, None),
    ("GET /ERROR and INFORMATION, 2025-13-45 11:11:11", None, None),
])
def test_a_line_tells_its_level_and_time(line: str, level: Level | None, time_: datetime | None) -> None:
    assert level_of(line) == level
    assert time_of(line, now=NOW) == time_


def test_a_time_without_offset_is_read_in_the_zone_given() -> None:
    zone = timezone(timedelta(hours=1))
    assert time_of("2025-03-05 14:15:11 x", now=NOW, zone=zone) == at(13, 15, 11)


def test_no_line_however_hostile_makes_recognition_fail() -> None:
    rng = random.Random(7)
    alphabet = "0123456789:-/. TZ[]<>{}\"'=+,IWEFDMarerolv\x1b\x00é"
    for _ in range(3000):
        line = "".join(rng.choices(alphabet, k=rng.randrange(80)))
        level_of(line), time_of(line, now=NOW)


# ---------------------------------------------------------------------------------------------- cutting


def test_lines_are_the_same_however_the_bytes_are_cut() -> None:
    data = "one\r\ntwo é\n\nthree \x1b[31mred\x1b[0m\nlast ✓".encode() + b"\xff\nend"
    want = ["one", "two é", "", "three red", "last ✓\ufffd", "end"]
    rng = random.Random(3)
    for _ in range(200):
        cuts = sorted(rng.sample(range(1, len(data)), 6))
        cutter, got = Cutter(Numbering(0)), list[str]()
        for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True):
            chunk = cutter.feed(data[a:b])
            assert chunk is not None
            if chunk.grows:
                got.pop()
            assert chunk.first == len(got)
            got += chunk.texts
        assert got == want


def test_an_endless_line_is_kept_to_its_cap() -> None:
    cutter = Cutter(Numbering(0))
    for _ in range(50):
        chunk = cutter.feed(b"x" * 1_000_000)
        assert chunk is not None and len(chunk.texts) == 1 and len(chunk.texts[0]) < LINE_CAP + 100
    chunk = cutter.feed(b"\nnext\n")
    assert chunk is not None and chunk.grows
    assert "50.0 MB" in chunk.texts[0] and chunk.texts[1] == "next"


# ---------------------------------------------------------------------------------------------- following


def wait_for(condition: Callable[[], bool], what: str = "", seconds: float = 8.0) -> None:
    end = time.monotonic() + seconds
    tick = threading.Event()
    while not condition():
        assert time.monotonic() < end, f"never happened: {what}"
        tick.wait(0.005)


def texts(view: LogView) -> list[str]:
    got = view.snapshot()
    return [f"({row.text})" if row.notice else row.text for row in view.rows(got.first, got.end)]


@pytest.fixture
def view() -> Iterator[LogView]:
    view = LogView(clock=lambda: 1000.0, wall=lambda: NOW)
    yield view
    view.close()


def follow(view: LogView, path: Path) -> FileSource:
    source = FileSource(path, interval=0.005)
    view.add(source)
    return source


def shows(view: LogView, *want: str) -> None:
    """Waits until the stream is exactly this."""
    end = time.monotonic() + 8
    tick = threading.Event()
    while texts(view) != list(want):
        assert time.monotonic() < end, f"got {texts(view)}, want {list(want)}"
        tick.wait(0.005)


def append(path: Path, text: str | bytes) -> None:
    with path.open("ab") as file:
        file.write(text.encode() if isinstance(text, str) else text)


def test_a_file_is_shown_and_followed(view: LogView, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("one\ntwo\n")
    follow(view, log)
    shows(view, "one", "two")
    append(log, "three\nfo")
    shows(view, "one", "two", "three", "fo")
    append(log, "ur\n")
    shows(view, "one", "two", "three", "four")
    record = view.record_at(3)
    assert record is not None and (record.source, record.line, record.text) == ("app.log", 4, "four")


def test_crlf_and_invalid_utf8_and_an_unfinished_last_line(view: LogView, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_bytes(b"one\r\nb\xffd\r\nlast")
    follow(view, log)
    shows(view, "one", "b\ufffdd", "last")


def test_only_the_end_of_a_large_file_is_shown_with_absolute_line_numbers(view: LogView, tmp_path: Path) -> None:
    log = tmp_path / "big.log"
    log.write_text("".join(f"line {n} {'x' * 60}\n" for n in range(1, 40_001)))
    follow(view, log)
    append(log, "after\n")
    wait_for(lambda: bool(view.snapshot().end) and texts(view)[-1] == "after", "the tail")
    assert len(texts(view)) < 5000

    def numbered() -> bool:
        record = view.record_at(view.snapshot().end - 1)
        return record is not None and record.line == 40_001
    wait_for(numbered, "line numbers")
    first = view.record_at(0)
    assert first is not None and first.text.startswith(f"line {first.line} ")


def test_a_missing_file_is_awaited_and_read_from_its_beginning(view: LogView, tmp_path: Path) -> None:
    log = tmp_path / "later.log"
    follow(view, log)
    shows(view, "(does not exist yet; waiting for it)")
    log.write_text("hello\n")
    wait_for(lambda: texts(view)[-1] == "hello", "hello")
    assert texts(view)[1] == "(is there now)"


def test_an_empty_file_says_so(view: LogView, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.touch()
    follow(view, log)
    shows(view, "(empty so far)")
    append(log, "x\n")
    shows(view, "(empty so far)", "x")


def test_rotation_loses_nothing_and_doubles_nothing(view: LogView, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("a0\n")
    follow(view, log)
    shows(view, "a0")
    append(log, "a1\n")
    writer = log.open("ab")                    # a writer that reopens late
    log.rename(tmp_path / "app.log.1")
    writer.write(b"a2\n")
    writer.flush()
    log.write_text("b0\n")
    shows(view, "a0", "a1", "a2", "(rotated; reading the new file)", "b0")
    writer.write(b"a3\n")
    writer.close()
    wait_for(lambda: "a3" in texts(view), "the late line of the old file")
    append(log, "b1\n")
    wait_for(lambda: texts(view)[-1] == "b1", "b1")
    assert sorted(t for t in texts(view) if t[0] != "(") == ["a0", "a1", "a2", "a3", "b0", "b1"]


def test_truncation_is_told_and_read_from_the_start(view: LogView, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("old one\nold two\n")
    follow(view, log)
    shows(view, "old one", "old two")
    log.write_text("new\n")                    # same file, shorter
    shows(view, "old one", "old two", "(truncated; reading from its beginning)", "new")


def test_a_file_rewritten_longer_than_before_is_noticed(view: LogView, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("old one\nold two\n")
    follow(view, log)
    shows(view, "old one", "old two")
    with log.open("r+b") as file:              # copytruncate and a burst between two looks
        file.write(b"x" * 40 + b"\n")
    shows(view, "old one", "old two", "(truncated; reading from its beginning)", "x" * 40)


def test_removal_and_return_are_told_once_each(view: LogView, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("a\n")
    follow(view, log)
    shows(view, "a")
    log.unlink()
    shows(view, "a", "(removed; waiting for it to return)")
    written = tmp_path / "written"
    written.write_text("b\n")
    written.rename(log)  # whole at once: for a moment an open() leaves it empty, which would be said too
    shows(view, "a", "(removed; waiting for it to return)", "(came back)", "b")


def test_moved_away_and_back_is_not_read_twice(view: LogView, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("a\n")
    follow(view, log)
    shows(view, "a")
    log.rename(tmp_path / "x")
    wait_for(lambda: len(texts(view)) == 2, "removed")
    (tmp_path / "x").rename(log)
    append(log, "b\n")
    wait_for(lambda: len(texts(view)) == 4, "b")
    assert sorted(texts(view)) == ["(came back)", "(removed; waiting for it to return)", "a", "b"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_says_so_until_it_can_be_read(view: LogView, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("secret\n")
    log.chmod(0)
    follow(view, log)
    shows(view, "(cannot be read: Permission denied)")
    log.chmod(0o600)
    shows(view, "(cannot be read: Permission denied)", "(can be read again)", "secret")


def test_a_directory_and_a_fifo_do_not_hang(view: LogView, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    follow(view, tmp_path / "fifo")
    follow(view, tmp_path)
    wait_for(lambda: texts(view) == ["(is not a regular file)"] * 2, "two notices")


def test_binary_data_is_told_once(view: LogView, tmp_path: Path) -> None:
    log = tmp_path / "core"
    log.write_bytes(b"\x00\x01\xff\n" * 3)
    follow(view, log)
    wait_for(lambda: len(texts(view)) == 4, "rows")
    append(log, b"\x00more\n")
    wait_for(lambda: len(texts(view)) == 5, "rows")
    assert [t for t in texts(view) if t[0] == "("] == ["(holds binary data; what is not text is shown as ␀ or �)"]
    assert view.safe_text(view.rows(4, 5)[0]) == "␀more"


def test_a_line_of_fifty_megabytes_costs_no_memory(view: LogView, tmp_path: Path) -> None:
    log = tmp_path / "huge.log"
    log.write_bytes(b"start\n")
    follow(view, log)
    shows(view, "start")
    append(log, b"x" * 50_000_000)
    append(log, b"\nend\n")
    wait_for(lambda: texts(view)[-1] == "end", "end", 20)
    assert len(texts(view)) == 3 and sum(map(len, texts(view))) < 2 * LINE_CAP
    assert "50.0 MB" in texts(view)[1]


def test_a_closed_source_ends_its_thread(view: LogView, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("a\n")
    source = follow(view, log)
    shows(view, "a")
    view.close()
    wait_for(lambda: not source.running, "the thread's end")


# ---------------------------------------------------------------------------------------------- pipes


def test_a_pipe_is_read_to_its_end(view: LogView) -> None:
    read, write = os.pipe()
    source = StreamSource(read)
    os.close(read)
    view.add(source)
    os.write(write, b"one\ntw")
    shows(view, "one", "tw")
    os.write(write, b"o\nlast")
    os.close(write)
    shows(view, "one", "two", "last", "(end of input)")
    wait_for(lambda: not source.running, "the thread's end")


def test_a_quiet_pipe_can_be_closed(view: LogView) -> None:
    read, write = os.pipe()
    source = StreamSource(read)
    os.close(read)
    view.add(source)
    view.close()
    wait_for(lambda: not source.running, "the thread's end")
    view.close()
    os.close(write)


def test_a_flooding_pipe_is_bounded_and_says_what_it_dropped() -> None:
    view = LogView(max_rows=1000)
    read, write = os.pipe()
    view.add(StreamSource(read))
    os.close(read)
    with os.fdopen(write, "wb") as pipe:
        for n in range(20_000):
            pipe.write(b"line %d\n" % n)
    wait_for(lambda: texts(view)[-1:] == ["(end of input)"], "the end")
    kept = [t for t in texts(view) if t[0] != "("]
    assert len(kept) <= 1001 and kept[-1] == "line 19999"
    assert view.sources[0].dropped + len(kept) == 20_000 == view.figures().dropped + len(kept)
    view.close()


# ---------------------------------------------------------------------------------------------- the view


class Fed:
    """A source that is fed by hand."""

    lasting = True

    def __init__(self, name: str, view: LogView) -> None:
        self.name = name
        self._view = view
        self._cutter = Cutter(Numbering(0))
        view.add(self)

    def start(self, sink: object) -> None: ...

    def close(self) -> None: ...

    def say(self, text: str, *, history: bool = False) -> None:
        chunk = self._cutter.feed(text.encode(), history=history)
        assert chunk is not None
        self._view.lines(self, chunk)


def test_history_is_merged_by_time_and_the_rest_by_arrival(view: LogView) -> None:
    a, b = Fed("a.log", view), Fed("b.log", view)
    a.say("10:00:01 a1\n\tat a1\n10:00:05 a2\n", history=True)
    b.say("10:00:03 b1\n10:00:07 b2\n", history=True)
    a.say("09:00:00 late\n")
    assert texts(view) == ["10:00:01 a1", "\tat a1", "10:00:03 b1", "10:00:05 a2", "10:00:07 b2", "09:00:00 late"]
    assert [row.label for row in view.rows(0, 3)] == ["a.log", "a.log", "b.log"]


def test_the_threshold_keeps_stack_traces_with_their_error(view: LogView) -> None:
    app = Fed("app", view)
    app.say("INFO fine\nERROR bad\n  at x\nCaused by: y\nINFO good\nWARN hm\n12:00:00 plain\n")
    view.set_threshold("warn")
    assert texts(view) == ["ERROR bad", "  at x", "Caused by: y", "WARN hm"]
    app.say("DEBUG no\nFATAL yes\n")
    assert texts(view)[-1] == "FATAL yes" and len(texts(view)) == 5
    view.set_threshold(None)
    assert len(texts(view)) == 9


def test_an_unfinished_line_is_filtered_by_what_it_becomes(view: LogView) -> None:
    app = Fed("app", view)
    view.set_threshold("error")
    app.say("ERR")
    app.say("OR now it is one\n")
    assert texts(view) == ["ERROR now it is one"]


def test_a_hidden_source_is_read_on_and_comes_back(view: LogView) -> None:
    a, b = Fed("app", view), Fed("app", view)
    a.say("1\n")
    b.say("2\n")
    assert [s.label for s in view.sources] == ["app", "app·2"]
    view.hide("app")
    a.say("3\n")
    b.say("4\n")
    assert texts(view) == ["2", "4"] and view.figures().labels == ("app·2",)
    view.hide("app", False)
    assert texts(view) == ["1", "2", "3", "4"]


def test_positions_stay_while_old_lines_go() -> None:
    view = LogView(max_rows=100)
    app = Fed("app", view)
    app.say("".join(f"n{n}\n" for n in range(90)))
    row = view.rows(80, 81)[0]
    app.say("".join(f"n{n}\n" for n in range(90, 130)))
    got = view.snapshot()
    assert got.first > 0 and got.end == 130
    assert view.rows(80, 81)[0] is row and view.position_of(row.seq) == 80
    assert view.rows(0, 20) == [] and view.record_at(5) is None


def test_rates_follow_the_clock_and_history_counts_when_it_happened() -> None:
    now = [1000.0]
    view = LogView(clock=lambda: now[0], wall=lambda: NOW)
    app = Fed("app", view)
    app.say("2025-03-05 14:28:30 ERROR then\n2025-03-05 09:00:00 ERROR long ago\n", history=True)
    app.say("ERROR a\nINFO b\nFATAL c\n" * 10)
    assert view.figures().errors == (0, 0, 0, 0, 0, 0, 1, 20)
    now[0] += 1
    assert view.figures().lines_per_second == 6
    now[0] += 10
    assert view.figures().lines_per_second == 0
    now[0] += 120
    assert view.figures().errors[-3:] == (20, 0, 0)
    view.close()


def test_masks_are_counted_once_per_line(view: LogView) -> None:
    Fed("app", view).say("password=hunter2\n")
    row = view.rows(0, 1)[0]
    for _ in range(3):
        assert view.safe_text(row) == "password=‹redacted:password›"
    record = view.record_at(0)
    assert record is not None and "hunter2" not in record.text
    assert view.figures().masked == 1


@pytest.mark.parametrize("cuts", [1, 3])
def test_a_private_key_in_the_stream_never_shows(view: LogView, cuts: int) -> None:
    body = "MIIEpAIBAAKCAQEA7bq2V3n9Zx" * 2
    key = f"-----BEGIN PRIVATE KEY-----\n{body}\n{body}\nshort\n-----END PRIVATE KEY-----\n"
    app = Fed("app", view)
    text = f"{body}\n-----END PRIVATE KEY-----\nbefore\n{key}after\n"
    size = len(text) // cuts + 1
    for start in range(0, len(text), size):
        app.say(text[start:start + size], history=True)
    safe = [view.safe_text(row) for row in view.rows(0, 99)]
    assert not any("MII" in line or "short" in line for line in safe[(1 if cuts > 1 else 0):])
    assert safe[-1] == "after" and "before" in safe


def test_whoever_waits_is_called_once_at_the_next_change(view: LogView) -> None:
    app = Fed("app", view)
    called: list[int] = []
    view.when_changed(view.snapshot().generation, lambda: called.append(1))
    assert not called
    app.say("a\n")
    app.say("b\n")
    assert called == [1]
    view.when_changed(-1, lambda: called.append(2))
    assert called == [1, 2]


# ---------------------------------------------------------------------------------------------- index and search


def test_the_index_finds_lines_and_numbers(tmp_path: Path) -> None:
    rng = random.Random(1)
    data = b"".join(b"x" * rng.randrange(300) + b"\n" for _ in range(3000))
    path = tmp_path / "f"
    path.write_bytes(data)
    fd = os.open(path, os.O_RDONLY)
    index = LineIndex()
    middle = len(data) // 2 // BLOCK * BLOCK
    index.add(middle, data[middle:])           # the end first
    assert index.lines_before(len(data) - 5, fd) is None
    assert count_lines(fd, middle, index.add, lambda: False) == data[:middle].count(b"\n")
    for offset in [0, 1, BLOCK, BLOCK + 1, middle, len(data) - 3, len(data)]:
        assert index.lines_before(offset, fd) == data[:offset].count(b"\n")
    starts = [0] + [n + 1 for n, byte in enumerate(data) if byte == 10]
    for line in [1, 2, 500, 1777, 3000]:
        assert index.offset_of(line, fd) == starts[line - 1]
    assert index.offset_of(5000, fd) is None
    assert count_lines(fd, middle, lambda *_: None, lambda: True) is None
    os.close(fd)


def test_search_goes_both_ways_and_has_smart_case() -> None:
    lines = [f"line {n}" for n in range(5000)]
    lines[40], lines[4000] = "Needle", "a needle"

    def get(a: int, b: int) -> list[str]:
        return lines[a:b]
    query = Query.of("needle")
    assert find(query, get, 0, 5000, lambda: False) == 40
    assert find(query, get, 41, 5000, lambda: False) == 4000
    assert find(query, get, 4999, -1, lambda: False) == 4000
    assert find(query, get, 3999, -1, lambda: False) == 40
    assert find(Query.of("Needle"), get, 41, 5000, lambda: False) is None
    assert find(query, get, 0, 5000, lambda: True) is None
    assert find(Query.of(r"^a n\w+", regex=True), get, 0, 5000, lambda: False) == 4000
    assert Query.of("a").spans("banana") == [(1, 2), (3, 4), (5, 6)]
    assert find(Query.of(""), get, 0, 5000, lambda: False) is None


@pytest.mark.parametrize("pattern", ["(", "[a", "(a+)+$", "(x|y*)*z"])
def test_a_bad_or_dangerous_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(BadPattern):
        Query.of(pattern, regex=True)
