"""Logs as they really arrive: files that are rotated, cut, removed, unreadable, binary or endless, and pipes."""

from __future__ import annotations

import itertools
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warroom.logs.blocks import Block, BlockIndex, count_back, cut_lines
from warroom.logs.filter import Filter, LineFilter, LineShapes, TimeRange
from warroom.logs.finder import Search
from warroom.logs.line_shapes import UNKNOWN
from warroom.logs.merge import merge_history
from warroom.logs.query import BadPattern, Query, decoded
from warroom.logs.records import Level, rank
from warroom.logs.rows import BlockLines, MergedLines
from warroom.logs.sources.file import FileSource
from warroom.logs.sources.pipe import StreamSource
from warroom.logs.sources.source import LINE_CAP, LineCutter
from warroom.logs.stores import ByteBuffer, MemoryStore, Numbering
from warroom.logs.view import LogView

NOW = datetime(2025, 3, 5, 14, 30, tzinfo=UTC)


def at(hour: int, minute: int, second: int, micro: int = 0, day: int = 5) -> datetime:
    return datetime(2025, 3, day, hour, minute, second, micro, UTC)


@pytest.mark.parametrize(
    ("line", "level", "time_"),
    [
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
    ],
)
def test_a_line_tells_its_level_and_time(line: str, level: Level | None, time_: datetime | None) -> None:
    assert UNKNOWN.level(line) == level
    assert UNKNOWN.time(line, now=NOW) == time_


def test_a_time_without_offset_is_read_in_the_zone_given() -> None:
    zone = timezone(timedelta(hours=1))
    assert UNKNOWN.time("2025-03-05 14:15:11 x", now=NOW, zone=zone) == at(13, 15, 11)


def test_no_line_however_hostile_makes_recognition_fail() -> None:
    rng = random.Random(7)
    alphabet = "0123456789:-/. TZ[]<>{}\"'=+,IWEFDMarerolv\x1b\x00é"
    for _ in range(3000):
        line = "".join(rng.choices(alphabet, k=rng.randrange(80)))
        UNKNOWN.level(line), UNKNOWN.time(line, now=NOW)


# ---------------------------------------------------------------------------------------------- cutting


def test_lines_are_the_same_however_the_bytes_are_cut() -> None:
    data = "one\r\ntwo é\n\nthree \x1b[31mred\x1b[0m\nlast ✓".encode() + b"\xff\nend"
    want = ["one", "two é", "", "three red", "last ✓\ufffd", "end"]
    rng = random.Random(3)
    for _ in range(200):
        cuts = sorted(rng.sample(range(1, len(data)), 6))
        cutter, got = LineCutter(Numbering(0)), list[str]()
        for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True):
            chunk = cutter.feed(data[a:b])
            assert chunk is not None
            if chunk.grows:
                got.pop()
            assert chunk.first == len(got)
            got += chunk.texts
        assert got == want


def test_an_endless_line_is_kept_to_its_cap() -> None:
    cutter = LineCutter(Numbering(0))
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


def test_a_large_file_can_be_gone_through_by_its_line_numbers(view: LogView, tmp_path: Path) -> None:
    log = tmp_path / "big.log"
    log.write_text("".join(f"line {n} {'x' * 60}\n" for n in range(1, 40_001)))
    follow(view, log)
    append(log, "after\n")
    wait_for(lambda: bool(view.snapshot().end) and texts(view)[-1] == "after", "the tail")
    wait_for(lambda: view.snapshot().end - view.snapshot().first == 40_001, "the whole file")

    def numbered() -> bool:
        record = view.record_at(view.snapshot().end - 1)
        return record is not None and record.line == 40_001

    wait_for(numbered, "line numbers")
    for position in (0, view.snapshot().first, -7, view.snapshot().first + 12_345):
        record = view.record_at(position)
        assert record is not None and record.text.startswith(f"line {record.line} ")
    seq = view.line(777)
    assert seq is not None and view.rows(view.position_of(seq), view.position_of(seq) + 1)[0].line == 777
    assert view.line(50_000) is None


def test_a_missing_file_is_awaited_and_read_from_its_beginning(view: LogView, tmp_path: Path) -> None:
    log = tmp_path / "later.log"
    follow(view, log)
    shows(view, "(does not exist yet; waiting)")
    log.write_text("hello\n")
    wait_for(lambda: texts(view)[-1] == "hello", "hello")
    assert texts(view)[1] == "(exists now)"


def test_an_empty_file_says_so(view: LogView, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.touch()
    follow(view, log)
    shows(view, "(empty)")
    append(log, "x\n")
    shows(view, "(empty)", "x")


def test_rotation_loses_nothing_and_doubles_nothing(view: LogView, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("a0\n")
    follow(view, log)
    shows(view, "a0")
    append(log, "a1\n")
    writer = log.open("ab")  # a writer that reopens late
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


def test_a_symlink_that_is_switched_is_followed_to_the_new_file(view: LogView, tmp_path: Path) -> None:
    for name in ("monday", "tuesday"):
        (tmp_path / name).write_text(f"{name} one\n")
    link, switched = tmp_path / "current", tmp_path / "next"
    link.symlink_to("monday")
    follow(view, link)
    shows(view, "monday one")
    switched.symlink_to("tuesday")
    switched.rename(link)
    shows(view, "monday one", "(rotated; reading the new file)", "tuesday one")
    append(tmp_path / "tuesday", "tuesday two\n")
    shows(view, "monday one", "(rotated; reading the new file)", "tuesday one", "tuesday two")


def test_truncation_is_told_and_read_from_the_start(view: LogView, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("old one\nold two\n")
    follow(view, log)
    shows(view, "old one", "old two")
    log.write_text("new\n")  # same file, shorter
    shows(view, "old one", "old two", "(truncated; reading from its beginning)", "new")


def test_a_file_rewritten_longer_than_before_is_noticed(view: LogView, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("old one\nold two\n")
    follow(view, log)
    shows(view, "old one", "old two")
    with log.open("r+b") as file:  # copytruncate and a burst between two looks
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
    shows(view, "(cannot be read: Permission denied)", "(readable again)", "secret")


def test_what_is_no_file_is_told_and_does_not_hang(view: LogView, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", tmp_path, Path("/dev/null")):
        follow(view, path)
    result = {"(is a pipe now; add it again)", "(is a folder, not a log)", "(is a device, not a log)"}
    wait_for(lambda: set(texts(view)) == result, "three notices")


def test_binary_data_is_told_once(view: LogView, tmp_path: Path) -> None:
    log = tmp_path / "core"
    log.write_bytes(b"\x00\x01\xff\n" * 3)
    follow(view, log)
    wait_for(lambda: len(texts(view)) == 4, "rows")
    append(log, b"\x00more\n")
    wait_for(lambda: len(texts(view)) == 5, "rows")
    assert [t for t in texts(view) if t[0] == "("] == ["(contains binary data, shown as ␀ or �)"]
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


# ---------------------------------------------------------------------------------------------- several files


def written(name: str, seconds: list[int | None]) -> list[str]:
    """Lines of one file: ``seconds`` after eight, in order; None for a line without a time."""
    begin = at(8, 0, 0)
    return [
        f"  {name} goes on {n}" if second is None else f"{begin + timedelta(seconds=second):%H:%M:%S} {name} {n}"
        for n, second in enumerate(seconds)
    ]


def by_time(*files: list[str]) -> list[str]:
    """All lines by their times; those without one after the line they follow."""
    keyed = []
    for number, lines in enumerate(files):
        latest = ""
        for place, line in enumerate(lines):
            latest = line[:8] if line[2:3] == ":" else latest
            keyed.append((latest, number, place, line))
    return [line for *_, line in sorted(keyed)]


@given(
    files=st.lists(st.lists(st.one_of(st.integers(0, 60), st.none()), min_size=1), min_size=2, max_size=4),
    block=st.integers(20, 400),
    window=st.integers(20, 400),
)
def test_windows_of_several_files_hold_every_line_once_and_in_the_order_of_their_times(
    files: list[list[int | None]], block: int, window: int
) -> None:
    lines = []
    for number, seconds in enumerate(files):
        ordered = iter(sorted(second for second in seconds if second is not None))
        # Each begins with a time: what goes on with nothing has no place.
        timed: list[int | None] = [0, *(None if second is None else next(ordered) for second in seconds)]
        lines.append(written(f"f{number}", timed))
    histories = []
    for part in lines:
        store = MemoryStore(Numbering(0))
        data = "".join(line + "\n" for line in part).encode()
        store.append(data)
        blocks, start, line = [], 0, 0
        for end in cut_lines(data, block):
            count = data.count(b"\n", start, end)
            blocks.append(Block(None, store, start, end, line, count))
            start, line = end, line + count
        histories.append(blocks[::-1])

    def when(block: Block, text: bytes) -> datetime | None:
        return UNKNOWN.time(text.decode(), now=NOW)

    got: list[str] = []
    for merged in reversed(list(merge_history(histories, when, lambda: False, window))):
        cut = MergedLines([(run, BlockLines(run, None)) for run in merged.runs], when)
        assert len(cut.starts) == merged.lines
        for place in range(merged.lines):
            _, strand_cut, index = cut.run(place)
            got.append(strand_cut.line(strand_cut.starts[index])[0].decode())
    want = by_time(*lines)
    assert sorted(got) == sorted(want)
    assert [line[:8] for line in got if line[2:3] == ":"] == [line[:8] for line in want if line[2:3] == ":"]


def test_several_files_are_one_stream_from_end_to_end(view: LogView, tmp_path: Path) -> None:
    rng = random.Random(5)
    files = []
    for name, count in (("api", 20_000), ("worker", 9_000), ("cron", 30)):
        seconds: list[int | None] = [*sorted(rng.randrange(20_000) for _ in range(count))]
        if name == "worker":  # records of several lines
            seconds = [part for second in seconds[::3] for part in (second, None, None)]
        files.append(written(name, seconds))
        (tmp_path / f"{name}.log").write_text("".join(f"{line}\n" for line in files[-1]))
        follow(view, tmp_path / f"{name}.log")
    want = by_time(*files)
    wait_for(lambda: view.snapshot().end - view.snapshot().first == len(want), "all of it")
    wait_for(lambda: texts(view) == want, "by time")
    assert sorted(texts(view)) == sorted(want)
    append(tmp_path / "worker.log", "23:59:00 worker new\n")
    wait_for(lambda: texts(view)[-1] == "23:59:00 worker new", "a new line")
    assert len(texts(view)) == len(want) + 1
    # A search, a time, a row's place and a filter reach all of it.
    assert Search(view, Query.of("cron")).count(lambda: False, lambda lines, done: None) == 30
    first = view.snapshot().first
    row = view.rows(first + 7, first + 8)[0]
    assert view.position_of(row.seq) == first + 7
    found = Search(view, Query.of("cron 29")).nearest(view.snapshot().end - 1, older=True, cancelled=lambda: False)
    assert found and view.rows(view.position_of(found), view.position_of(found) + 1)[0].text.endswith("cron 29")
    position = view.moment(at(9, 0, 0))
    assert position is not None and view.rows(position, position + 1)[0].text[:5] == "09:00"
    view.set_filter(Filter(within=(Query.of("worker"),)))
    wait_for(lambda: not view.snapshot().working and len(texts(view)) == 9_001, "the filter")
    assert texts(view)[:-1] == files[1]
    view.set_filter(Filter())
    view.hide("api.log")
    view.hide("cron.log")
    wait_for(lambda: not view.snapshot().working and len(texts(view)) == 9_001, "one alone")
    view.hide("api.log", False)
    view.hide("cron.log", False)
    wait_for(lambda: not view.snapshot().working and len(texts(view)) == len(want) + 1, "all again")


def test_a_file_that_joins_later_is_woven_in_with_what_came_meanwhile(view: LogView, tmp_path: Path) -> None:
    api = written("api", list(range(0, 20_000, 2)))
    (tmp_path / "api.log").write_text("".join(f"{line}\n" for line in api[:9000]))
    follow(view, tmp_path / "api.log")
    wait_for(lambda: view.snapshot().end - view.snapshot().first == 9000, "the first")
    append(tmp_path / "api.log", "".join(f"{line}\n" for line in api[9000:]))
    wait_for(lambda: view.snapshot().end - view.snapshot().first == 10_000, "what came")
    worker = written("worker", list(range(1, 20_000, 2)))
    (tmp_path / "worker.log").write_text("".join(f"{line}\n" for line in worker))
    follow(view, tmp_path / "worker.log")
    want = by_time(api, worker)
    wait_for(lambda: texts(view) == want, "both by time")
    assert len(texts(view)) == len(want)


def test_a_woven_file_that_is_cut_off_leaves_the_others_and_its_last_lines(view: LogView, tmp_path: Path) -> None:
    seconds = [place * 4 // 3 for place in range(15_000)]
    files = {name: written(name, seconds) for name in ("api", "worker")}  # type: ignore[arg-type]
    for name, lines in files.items():
        (tmp_path / f"{name}.log").write_text("".join(f"{line} {'x' * 40}\n" for line in lines))
        follow(view, tmp_path / f"{name}.log")
    wait_for(lambda: view.snapshot().end - view.snapshot().first == 30_000, "all of it")
    (tmp_path / "api.log").write_text("08:00:00 api anew\n")
    wait_for(lambda: texts(view)[-1] == "08:00:00 api anew", "the new beginning")
    wait_for(lambda: sum(" worker " in text for text in texts(view)) == 15_000, "the other file")
    api = [text for text in texts(view) if " api " in text]
    assert "api 14999" in api[-2] and "anew" in api[-1]
    assert "" not in texts(view)


def test_a_flooding_pipe_is_bounded_and_says_what_it_dropped() -> None:
    view = LogView(max_bytes=10_000)
    read, write = os.pipe()
    view.add(StreamSource(read))
    os.close(read)
    with os.fdopen(write, "wb") as pipe:
        for n in range(20_000):
            pipe.write(b"line %d\n" % n)
    wait_for(lambda: texts(view)[-1:] == ["(end of input)"], "the end")
    kept = [t for t in texts(view) if t[0] != "("]
    assert sum(map(len, kept)) <= 10_000 and kept[-1] == "line 19999"
    assert view.sources[0].dropped + len(kept) == 20_000 == view.figures().dropped + len(kept)
    view.close()


# ---------------------------------------------------------------------------------------------- the view


class Fed:
    """A source that is fed by hand."""

    lasting = True

    def __init__(self, name: str, view: LogView) -> None:
        self.name = name
        self._view = view
        self._cutter = LineCutter(Numbering(0))
        view.add(self)

    def start(self, sink: object) -> None: ...

    def close(self) -> None: ...

    def feed(self, text: str, *, history: bool = False) -> None:
        chunk = self._cutter.feed(text.encode(), history=history)
        assert chunk is not None
        self._view.lines(self, chunk)


def test_history_is_merged_by_time_and_the_rest_by_arrival(view: LogView) -> None:
    a, b = Fed("a.log", view), Fed("b.log", view)
    a.feed("10:00:01 a1\n\tat a1\n10:00:05 a2\n", history=True)
    b.feed("10:00:03 b1\n10:00:07 b2\n", history=True)
    a.feed("09:00:00 late\n")
    assert texts(view) == ["10:00:01 a1", "\tat a1", "10:00:03 b1", "10:00:05 a2", "10:00:07 b2", "09:00:00 late"]
    assert [row.label for row in view.rows(0, 3)] == ["a.log", "a.log", "b.log"]


def test_the_threshold_keeps_stack_traces_with_their_error(view: LogView) -> None:
    app = Fed("app", view)
    app.feed("INFO fine\nERROR bad\n  at x\nCaused by: y\nINFO good\nWARN hm\n12:00:00 plain\n")
    view.set_threshold("warn")
    assert texts(view) == ["ERROR bad", "  at x", "Caused by: y", "WARN hm"]
    app.feed("DEBUG no\nFATAL yes\n")
    assert texts(view)[-1] == "FATAL yes" and len(texts(view)) == 5
    view.set_threshold(None)
    assert len(texts(view)) == 9


def test_an_unfinished_line_is_filtered_by_what_it_becomes(view: LogView) -> None:
    app = Fed("app", view)
    view.set_threshold("error")
    app.feed("ERR")
    app.feed("OR now it is one\n")
    assert texts(view) == ["ERROR now it is one"]


def test_a_hidden_source_is_read_on_and_comes_back(view: LogView) -> None:
    a, b = Fed("app", view), Fed("app", view)
    a.feed("1\n")
    b.feed("2\n")
    assert [s.label for s in view.sources] == ["app", "app·2"]
    view.hide("app")
    a.feed("3\n")
    b.feed("4\n")
    assert texts(view) == ["2", "4"] and view.figures().labels == ("app·2",)
    view.hide("app", False)
    assert texts(view) == ["1", "2", "3", "4"]


def test_positions_stay_while_old_lines_go() -> None:
    view = LogView(max_bytes=400)
    app = Fed("app", view)
    app.lasting = False
    app.feed("".join(f"n{n}\n" for n in range(90)))
    row = view.rows(80, 81)[0]
    app.feed("".join(f"n{n}\n" for n in range(90, 130)))
    got = view.snapshot()
    assert got.first > 0
    assert view.rows(80, 81)[0].seq == row.seq and view.position_of(row.seq) == 80
    assert view.rows(0, got.first) == [] and view.record_at(5) is None
    assert view.sources[0].dropped == got.first


def test_rates_follow_the_clock_and_history_counts_when_it_happened() -> None:
    now = [1000.0]
    view = LogView(clock=lambda: now[0], wall=lambda: NOW)
    app = Fed("app", view)
    app.feed("2025-03-05 14:28:30 ERROR then\n2025-03-05 09:00:00 ERROR long ago\n", history=True)
    app.feed("ERROR a\nINFO b\nFATAL c\n" * 10)
    assert view.figures().errors == (0, 0, 0, 0, 0, 0, 1, 20)
    now[0] += 1
    assert view.figures().lines_per_second == 6
    now[0] += 10
    assert view.figures().lines_per_second == 0
    now[0] += 120
    assert view.figures().errors[-3:] == (20, 0, 0)
    view.close()


def test_masks_are_counted_once_per_line(view: LogView) -> None:
    Fed("app", view).feed("password=hunter2\n")
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
        app.feed(text[start : start + size], history=True)
    safe = [view.safe_text(row) for row in view.rows(0, 99)]
    assert not any("MII" in line or "short" in line for line in safe[(1 if cuts > 1 else 0) :])
    assert safe[-1] == "after" and "before" in safe


def test_whoever_waits_is_called_once_at_the_next_change(view: LogView) -> None:
    app = Fed("app", view)
    called: list[int] = []
    view.when_changed(view.snapshot().generation, lambda: called.append(1))
    assert not called
    app.feed("a\n")
    app.feed("b\n")
    assert called == [1]
    view.when_changed(-1, lambda: called.append(2))
    assert called == [1, 2]


# ---------------------------------------------------------------------------------------------- pieces


def test_a_file_is_counted_back_in_whole_lines(tmp_path: Path) -> None:
    rng = random.Random(1)
    data = b"".join(
        b"x" * rng.choice((0, 3, 300, 9_000, 1_500_000 if n % 2_000 == 99 else 40)) + b"\n" for n in range(6_000)
    )
    path = tmp_path / "f"
    path.write_bytes(data + b"the rest")
    fd = os.open(path, os.O_RDONLY)
    blocks: list[tuple[int, int, int]] = []
    assert count_back(fd, len(data), blocks.extend, lambda: False) == 6_000
    blocks.reverse()
    assert blocks[0][0] == 0 and blocks[-1][1] == len(data)
    assert all(one[1] == other[0] for one, other in itertools.pairwise(blocks))
    assert all(data.count(b"\n", start, end) == lines and data[end - 1] == 10 for start, end, lines in blocks)
    assert count_back(fd, len(data), lambda found: None, lambda: True) is None
    os.close(fd)


def test_pieces_are_not_cut_within_a_stack_trace() -> None:
    data = b"".join(b"2025 ERROR x\n  at one\n  at two\n" for _ in range(100))
    ends = cut_lines(data, 200)
    assert ends[-1] == len(data) and len(ends) > 10
    assert all(data[end : end + 4] == b"2025" for end in ends[:-1])


def test_positions_count_from_where_following_began() -> None:
    sequence = BlockIndex()
    blocks = [Block(None, None, 0, 0, 0, n) for n in range(1, 7)]
    for block in blocks[3:]:
        sequence.append(block, block.lines)
    for block in reversed(blocks[:3]):
        sequence.prepend(block, block.lines)
    assert (sequence.first, sequence.end) == (-6, 15)
    want = [(block, n) for block in blocks for n in range(block.lines)]
    assert [sequence.locate(at) for at in range(-6, 15)] == want
    assert sequence.locate(-7) is None and sequence.locate(15) is None
    assert [low for low, _, _ in sequence.spans()] == [-6, -5, -3, 0, 4, 9] and list(sequence) == blocks
    sequence.add(blocks[4], 2)
    assert sequence.locate(11) == (blocks[5], 0) and sequence.lines_of(blocks[4]) == 7
    for _ in range(4):
        sequence.pop()
    assert (sequence.first, sequence.oldest, len(sequence)) == (4, blocks[4], 2)
    assert sequence.locate(4) == (blocks[4], 0)


def test_memory_gives_back_what_was_put_in_until_it_is_dropped() -> None:
    rng = random.Random(5)
    tape, whole = ByteBuffer(), b""
    for _ in range(60):
        tape.append(chunk := rng.randbytes(rng.randrange(1, 50)))
        whole += chunk
        if rng.random() < 0.2:
            cut = rng.randrange(tape.begin, len(whole))
            tape.cut(cut)
            whole = whole[:cut]
        if rng.random() < 0.2:
            tape.drop(rng.randrange(len(whole) + 1))
        low = rng.randrange(len(whole) + 1)
        assert tape.read(low, 70) == whole[max(low, tape.begin) : low + 70]
    assert tape.end == len(whole)


# ---------------------------------------------------------------------------------------------- search


def matching(query: Query, text: str) -> list[str]:
    data = text.encode()
    return [data[start:].split(b"\n")[0].decode() for start in query.starts(data)]


def test_search_has_smart_case_and_reads_lines_alone() -> None:
    text = "one Needle\na needle\n\nneedles needle\nlast NEEDLE"
    assert matching(Query.of("needle"), text) == ["one Needle", "a needle", "needles needle", "last NEEDLE"]
    assert matching(Query.of("Needle"), text) == ["one Needle"]
    assert matching(Query.of(r"^a n\w+", regex=True), text) == ["a needle"]
    assert matching(Query.of(r"needles?$", regex=True), text) == [*text.split("\n")[:2], *text.split("\n")[3:]]
    assert matching(Query.of(r"e\s+n", regex=True), text) == ["one Needle"]
    assert matching(Query.of(r"^\s*$", regex=True), text) == [""]
    assert matching(Query.of("ü"), "x ÜBER\nüber\nuber") == ["x ÜBER", "über"]
    assert matching(Query.of("b c"), "a \x1b[31mb\x1b[0m c\nb d") == ["a \x1b[31mb\x1b[0m c"]
    assert list(Query.of("a").spans("banana")) == [(1, 2), (3, 4), (5, 6)]
    assert Query.of("").starts(b"x\ny") == []
    assert Query.typed("foo(").text == "foo(" and matching(Query.typed("foo("), "foo(1)\nfoo") == ["foo(1)"]


def test_a_pattern_finds_the_same_lines_of_many_lines_as_of_each_alone() -> None:
    rng = random.Random(11)
    words = ["timeout", "Timeout 30", "time", "pool=7", "café", "30ms", "[x]", "", "POOL", "out"]
    text = "\n".join(" ".join(rng.choices(words, k=rng.randrange(4))) for _ in range(400))
    for pattern in (
        "timeout",
        "time(out)? 3",
        "(?:pool|out)=",
        r"\d+ms",
        "caf.",
        "t.*30",
        "(time)(out)",
        "o+l",
        "[Tt]ime",
        r"\bout\b",
        "x]|pool",
        "tim{1,2}e",
        "Timeout",
        "é",
        "(?i:POOL)=7",
    ):
        query = Query.of(pattern, regex=True)
        want = [line for line in text.split("\n") if query.matches(line)]
        assert matching(query, text) == want, pattern


@pytest.mark.parametrize(
    "pattern", ["(a|aa)+$", "(a|a)*b", ".*.*.*.*x", "(a+)+b", "(x+x+)+y", r"(\w*)*\W", "(a?){60}b"]
)
def test_no_pattern_keeps_a_search_from_ending(pattern: str) -> None:
    query = Query.typed(pattern)
    for unit in ("a", "x", "ab", "a "):
        text = unit * 30_000 + "!"
        data = f"{text}\n\x1b[1m{text}\nplain b\n".encode()
        # The time is bounded by the runner's timeout alone: with backtracking, these take longer than the universe.
        assert bool(query.starts(data)) or not query.matches(text)
        assert all(text[start:end] for start, end in query.spans(text[:2000]))


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("(", r'not a regular expression: a "\)" is missing'),
        ("[a", r'not a regular expression: a "\]" is missing'),
        ("a(?=b)", "look-ahead"),
        ("(?<!a)b", "look-behind"),
        (r"(a)\1", "back-reference"),
        ("(?P<x>a)(?P=x)", "back-reference"),
        ("a{1,1001}", "at most 1,000 times"),
        (r"\pL{900}", "too large"),
        ("a" * 20_000, "has more than 10,000 characters"),
        ("\udcff", "not valid UTF-8"),
        ("(?-m)^a", "flag m"),
    ],
)
def test_a_pattern_that_cannot_be_matched_is_refused_with_the_reason(pattern: str, why: str) -> None:
    with pytest.raises(BadPattern, match=why):
        Query.of(pattern, regex=True)


def test_what_is_typed_is_taken_as_it_is_unless_another_engine_would_understand_it() -> None:
    assert matching(Query.typed("foo("), "foo(1)\nfoo") == ["foo(1)"]
    assert matching(Query.typed(r"C:\1x"), "C:\\1x\nC:1x") == ["C:\\1x"]
    for text in ("(?=a)b", "(?<!x)y", r"(a)\1", "a++"):
        with pytest.raises(BadPattern):
            Query.typed(text)


def test_a_pattern_sees_each_line_as_it_is_shown() -> None:
    """Line ends, colours and bytes that are not UTF-8, over many lines at once."""
    data = b"end\r\n\x1b[31mend\x1b[0m\n\xff end\nendless\n\nend"
    assert Query.of("end$", regex=True).starts(data) == [0, 5, 18, 33]
    assert Query.of(r"^\W*end$", regex=True).starts(data) == [0, 5, 18, 33]
    assert Query.of("^.end$", regex=True).starts(b"\xffend\n") == [0]
    assert Query.of(r"\Aend\Z", regex=True).starts(b"x\nend\nend x\n") == [2]
    assert Query.of(r"[^a]*", regex=True).starts(b"a\n\nb\n") == [0, 2, 3]
    assert Query.of(r"x\s*y", regex=True).starts(b"x\ny\nx y\n") == [4]
    assert Query.of("(?i)Needle", regex=True).starts(b"NEEDLE\n") == [0]
    assert Query.of("[[:alpha:]]x", regex=True).starts(b"1x\nax\n") == [3]
    assert matching(Query.of("caf\\u00e9{,1}!", regex=True), "caf!\ncaf\u00e9!") == ["caf!", "caf\u00e9!"]


LINES = st.lists(st.text(st.sampled_from("ab1 \t\u00e9E=-"), max_size=9), max_size=12)
PATTERNS = st.lists(
    st.sampled_from(
        ["a", "b", "1", " ", "\u00e9", r"\d", r"\s", "[^a]", ".", "ab|b", "(a|1)", "^", "$", "+", "*", r"\b", "{2}"]
    ),
    min_size=1,
    max_size=6,
).map("".join)


@given(LINES, PATTERNS, st.booleans(), st.booleans())
@settings(max_examples=300, deadline=None)
def test_searching_many_lines_at_once_finds_what_searching_each_does(
    lines: list[str], pattern: str, crlf: bool, latin: bool
) -> None:
    try:
        query = Query.of(pattern, regex=True)
    except BadPattern:
        return
    data = ("\r\n" if crlf else "\n").join(lines).encode("latin-1" if latin else "utf-8")
    want, at = [], 0
    for line in data.split(b"\n"):
        if at < len(data) and query.matches(decoded(line)):
            want.append(at)
        at += len(line) + 1
    assert query.starts(data) == want


# ---------------------------------------------------------------------------------------------- filters

FORMATS = {
    "text": ("2025-03-05T14:02:1{n}.0{n}Z {level:<5} [svc-{n}] request {n} done", "DEBUG INFO WARN ERROR FATAL"),
    "json": (
        '{{"ts":"2025-03-05T14:02:1{n}Z","level":"{level}","n":{n},"msg":"error budget fine"}}',
        "debug info warn error fatal",
    ),
    "pino": ('{{"level":{level},"time":17411833{n}1123,"msg":"x{n}"}}', "20 30 40 50 60"),
    "access": (
        '10.0.{n}.1 - - [05/Mar/2025:14:02:1{n} +0000] "GET /error/{n} HTTP/1.1" {level} 12',
        "200 204 404 500 503",
    ),
    "klog": ("{level}0305 14:02:1{n}.123456    {n} main.go:1] boo", "I I W E F"),
    "logfmt": ("ts=2025-03-05T14:02:1{n}Z level={level} msg=x{n}", "debug info warn error fatal"),
    "python": ("2025-03-05 14:02:1{n},20{n} - pool.m{n} - {level} - slow", "DEBUG INFO WARNING ERROR CRITICAL"),
    "threads": (
        "14:02:1{n}.123 [http-nio-{n}{n}80-exec-{n}] {level} c.f.Bar{n} - x",
        "DEBUG INFO WARN ERROR ERROR",
    ),
    "plain": ("line {n} {level}", "fine ok warning: error: panic:"),
}
ALIENS = [
    "panic: runtime error",
    "Traceback (most recent call last):",
    "  at x",
    "Error: bad",
    "CRITICAL all is lost",
    "[error] 12: oh",
    "level=fatal msg=x",
    "just words",
    "",
    '{"severity":"ALERT"}',
]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("least", ["info", "warn", "error"])
def test_a_filter_by_level_misses_no_line_whatever_its_look(form: str, least: Level) -> None:
    rng = random.Random(form)
    shape, levels = FORMATS[form]
    lines = []
    for _ in range(3000):
        level = rng.choices(levels.split(), (20, 60, 8, 2, 1))[0]
        lines.append(shape.format(level=level, n=rng.randrange(10)))
        if rng.random() < 0.05:
            lines.append(rng.choice(ALIENS))
    data = "\n".join(lines).encode()
    shapes = LineShapes()
    shapes.learn(data[:40_000])
    line_filter = LineFilter(least, shapes=shapes)
    found = {data.count(b"\n", 0, start) for start in line_filter.heads(data)}
    want = {n for n, line in enumerate(lines) if rank(UNKNOWN.level(line)) >= rank(least) and line[:1] != " "}
    assert sorted(lines[n] for n in want ^ found) == []
    assert set(line_filter.heads(data)) <= set(line_filter.starts(data)) and line_filter.count(data) == len(
        line_filter.starts(data)
    )


def test_filters_stack_and_see_whole_records(view: LogView) -> None:
    app = Fed("app", view)
    app.feed("10:00 ERROR a pool\n  at one\n10:01 INFO b pool\n  at two\n10:02 ERROR c\n  at pool\n10:03 INFO d\n")
    pool, one = Query.of("pool"), Query.of("one")
    view.set_filter(Filter(within=(pool,)))
    assert texts(view) == [
        "10:00 ERROR a pool",
        "  at one",
        "10:01 INFO b pool",
        "  at two",
        "10:02 ERROR c",
        "  at pool",
    ]
    view.set_filter(Filter("error", (pool,)))
    assert texts(view) == ["10:00 ERROR a pool", "  at one", "10:02 ERROR c", "  at pool"]
    view.set_filter(Filter("error", (pool,), (one,)))
    assert texts(view) == ["10:02 ERROR c", "  at pool"]
    view.set_filter(Filter(without=(pool,)))
    assert texts(view) == ["10:03 INFO d"]
    app.feed("10:04 INFO e\n10:05 INFO no pool\n  at three\n")
    app.feed("10:06 INFO f\n")
    assert texts(view) == ["10:03 INFO d", "10:04 INFO e", "10:06 INFO f"]
    view.set_filter(Filter())
    assert len(texts(view)) == 11


@given(
    steps=st.lists(st.one_of(st.none(), st.integers(0, 3)), max_size=40),
    since=st.one_of(st.none(), st.integers(0, 40)),
    until=st.one_of(st.none(), st.integers(0, 40)),
    cut=st.integers(0, 40),
)
def test_a_span_lets_through_the_lines_written_in_it(
    steps: list[int | None], since: int | None, until: int | None, cut: int
) -> None:
    """``steps``: seconds since the line before; None for a line that does not say when it was written."""
    begin = at(14, 0, 0)
    seconds, lines, want = 0, [], []
    known = False
    for n, step in enumerate(steps):
        seconds += step or 0
        known = known or step is not None
        lines.append(f"plain {n}" if step is None else f"{begin + timedelta(seconds=seconds):%H:%M:%S} INFO {n}")
        if known and (since is None or seconds >= since) and (until is None or seconds < until):
            want.append(lines[-1])
    span = TimeRange(
        None if since is None else begin + timedelta(seconds=since),
        None if until is None else begin + timedelta(seconds=until),
        lambda text: UNKNOWN.time(text, now=NOW),
    )
    line_filter = LineFilter(span=span)
    whole = [line.encode() + b"\n" for line in lines]
    ahead, data = b"".join(whole[:cut]), b"".join(whole[cut:])
    got = [
        data[start:end]
        for data, before in ((ahead, b""), (data, ahead))
        for start, end in line_filter.records(data, lambda before=before: before)
    ]  # type: ignore[misc]
    assert b"".join(got).decode().splitlines() == want
    assert line_filter.count(ahead) + line_filter.count(data, lambda: ahead) == len(want)


def test_a_span_is_a_filter_like_others_and_is_taken_away_like_one(view: LogView, tmp_path: Path) -> None:
    log = tmp_path / "big.log"
    start = datetime(2025, 3, 5, 8, tzinfo=UTC)
    log.write_text(
        "".join(
            f"{start + timedelta(seconds=n):%Y-%m-%d %H:%M:%S} {'ERROR' if n % 2 else 'INFO'} {n}\n  more\n"
            for n in range(20_000)
        )
    )
    follow(view, log)
    view.set_filter(Filter("error", since=start + timedelta(seconds=100), until=start + timedelta(seconds=104)))
    wait_for(lambda: not view.snapshot().working and len(texts(view)) == 4, "the span")
    assert [text[-5:] for text in texts(view)] == ["R 101", " more", "R 103", " more"]
    [(words, rest), (others, _)] = view.filter.parts(UTC)
    assert (words, others) == ("since 2025-03-05 08:01:40", "until 2025-03-05 08:01:44")
    view.set_filter(rest)
    wait_for(lambda: not view.snapshot().working and len(texts(view)) == 104, "until alone")


def test_a_filter_goes_through_the_whole_file_newest_first(view: LogView, tmp_path: Path) -> None:
    log = tmp_path / "big.log"
    log.write_text(
        "".join(
            f"2025-03-05 10:00:00 {'ERROR' if n % 100 == 0 else 'INFO'} line {n} {'x' * 60}\n"
            for n in range(1, 60_001)
        )
    )
    follow(view, log)
    wait_for(lambda: view.snapshot().end - view.snapshot().first == 60_000, "the whole file")
    view.set_threshold("error")
    got = view.snapshot()
    assert view.rows(got.end - 1, got.end)[0].line == 60_000  # at once
    append(log, "2025-03-05 10:00:00 ERROR new\n2025-03-05 10:00:00 INFO new\n")
    wait_for(lambda: not (now := view.snapshot()).working and now.end - now.first == 601, "all errors")
    got = view.snapshot()
    assert [row.line for row in view.rows(got.first, got.end)] == [*range(100, 60_001, 100), 60_001]
    view.set_threshold(None)
    got = view.snapshot()
    assert got.end - got.first == 60_002


def test_a_time_is_found_in_a_large_file(view: LogView, tmp_path: Path) -> None:
    log = tmp_path / "big.log"
    start = datetime(2025, 3, 5, 8, tzinfo=UTC)
    log.write_text(
        "".join(f"{start + timedelta(seconds=n):%Y-%m-%d %H:%M:%S} INFO {n}\n  more\n" for n in range(20_000))
    )
    follow(view, log)
    wait_for(lambda: view.snapshot().end - view.snapshot().first == 40_000, "the whole file")
    for seconds in (0, 1, 777, 19_999):
        position = view.moment(start + timedelta(seconds=seconds))
        assert position is not None and view.rows(position, position + 1)[0].text.endswith(f"INFO {seconds}")
    assert view.moment(start - timedelta(days=1)) == view.snapshot().first


def test_a_leap_of_the_error_rate_is_told_against_its_own_past() -> None:
    now = [0.0]
    view = LogView(clock=lambda: now[0], wall=lambda: NOW)
    app = Fed("app", view)
    for _ in range(40):
        app.feed("ERROR usual\nINFO x\n")
        now[0] += 30
    assert view.figures().spike is None
    app.feed("ERROR much\n" * 30)
    spike = view.figures().spike
    assert spike is not None and 10 < spike < 20
    view.close()
