"""How a source's lines are written is learned from some of them: times and levels right on public logs of sixteen
systems, dates in every family, ambiguous ones by evidence; whatever the lines hold, nothing fails."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warroom.logs.line_shapes import SAMPLE, UNKNOWN, LineReader, ShapeLearner, learn
from warroom.logs.records import Level, rank
from warroom.logs.sources.file import FileSource
from warroom.logs.sources.source import LineCutter
from warroom.logs.stores import Numbering
from warroom.logs.timestamps import _WORK_OUT, STAMP
from warroom.logs.view import LogView

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)


def public_samples() -> dict[str, list[tuple[str, str, datetime]]]:
    """By source: the level its level field states (- without one), the time, the line."""
    samples = defaultdict(list)
    for row in (Path(__file__).parents[1] / "data" / "loghub.tsv").read_text("utf-8").splitlines():
        if not row.startswith("#"):
            source, level, at, line = row.split("\t")
            samples[source].append((line, level, datetime.fromisoformat(at.replace("Z", "+00:00"))))
    return samples


PUBLIC = public_samples()


def test_the_public_samples_are_of_sixteen_systems() -> None:
    assert len(PUBLIC) == 16 and all(len(lines) == 5 for lines in PUBLIC.values())


@pytest.mark.parametrize("source", PUBLIC)
def test_times_and_levels_of_a_public_log_are_read(source: str) -> None:
    shape = learn([line for line, _, _ in PUBLIC[source]], now=NOW)
    for line, level, at in PUBLIC[source]:
        got = shape.time(line, now=NOW)
        assert got is not None and got.replace(microsecond=got.microsecond // 1000 * 1000) == at, line
        assert level == "-" or shape.level(line) == level, line


@pytest.mark.parametrize("source", PUBLIC)
def test_a_reader_learns_a_public_log_line_by_line(source: str) -> None:
    reader = LineReader()
    for line, _, _ in PUBLIC[source]:
        reader.learn([line], now=NOW)
    for line, level, at in PUBLIC[source]:
        got = reader.read(line, now=NOW)
        assert got.time is not None and abs(got.time - at) < timedelta(milliseconds=1) and not got.continues
        assert level == "-" or got.level == level


@pytest.mark.parametrize("source", PUBLIC)
def test_a_view_shows_a_public_log_with_its_times_and_levels(source: str) -> None:
    view = LogView(wall=lambda: NOW)
    push(view, source, "".join(f"{line}\n" for line, _, _ in PUBLIC[source]))
    records = [view.record_at(place) for place in range(5)]
    assert [record.time.replace(microsecond=0) for record in records if record and record.time] == [
        at.replace(microsecond=0) for _, _, at in PUBLIC[source]
    ]
    levels = [level for _, level, _ in PUBLIC[source]]
    assert levels[0] == "-" or [record.level for record in records if record] == levels


@pytest.mark.parametrize("least", ["warn", "error"])
@pytest.mark.parametrize("source", PUBLIC)
def test_a_filter_shows_what_a_public_log_states(source: str, least: Level) -> None:
    view = LogView(wall=lambda: NOW)
    push(view, source, "".join(f"{line}\n" for line, _, _ in PUBLIC[source] * 20))
    rows = view.rows(0, 100)
    want = [row.text for row in rows if rank(row.own_level) >= rank(least)]
    view.set_threshold(least)
    now = view.snapshot()
    assert [row.text for row in view.rows(now.first, now.end)] == want


def test_a_word_in_the_path_of_a_request_hides_no_error() -> None:
    request = '10.0.0.1 - - [05/Mar/2025:14:02:11 +0000] "GET /info HTTP/1.1" {} 512\n'
    view = LogView(wall=lambda: NOW)
    push(view, "access.log", (request.format(200) * 40 + request.format(500)) * 3)
    view.set_threshold("error")
    assert view.snapshot().end - view.snapshot().first == 3


class Pushed:
    """A source whose lines are pushed by hand."""

    lasting = True

    def __init__(self, name: str) -> None:
        self.name = name
        self.cutter = LineCutter(Numbering(0))

    def start(self, sink: object) -> None: ...

    def close(self) -> None: ...


def push(view: LogView, name: str, text: str) -> Pushed:
    source = Pushed(name)
    view.add(source)
    chunk = source.cutter.feed(text.encode())
    assert chunk
    view.lines(source, chunk)
    return source


# ---------------------------------------------------------------------------------------------- levels


def test_a_word_in_the_message_is_no_level_where_the_level_has_a_place() -> None:
    lines = [f"2016-09-28 04:30:{n:02}, Info                  CBS    [error] (warn) {n}" for n in range(9)]
    lines.append("2016-09-28 04:31:00, Error                 CSI    cannot open [info]")
    shape = learn(lines, now=NOW)
    assert [shape.level(line) for line in lines] == ["info"] * 9 + ["error"]
    view = LogView(wall=lambda: NOW)
    push(view, "CBS.log", "".join(f"{line}\n" for line in lines))
    view.set_threshold("warn")
    assert view.snapshot().end - view.snapshot().first == 1


def test_a_line_without_a_level_in_its_place_is_read_on_its_own() -> None:
    lines = [f"2016-09-28 04:30:{n:02}, Info                  CBS    {n}" for n in range(20)]
    shape = learn(lines, now=NOW)
    assert shape.level("2016-09-28 04:30:30, [WARN] of another kind") == "warn"
    assert shape.level('{"level":"error","msg":"x"}') == "error"
    assert shape.level("Caused by: nothing") is None


def test_what_was_shown_before_the_shape_was_known_is_read_again() -> None:
    view = LogView(wall=lambda: NOW)
    view.set_threshold("warn")
    source = push(view, "CBS.log", "2016-09-28 04:30:00, Error                 CBS    cannot\n")
    assert view.snapshot().end == view.snapshot().first
    for n in range(1, 9):
        chunk = source.cutter.feed(f"2016-09-28 04:30:{n:02}, Info                  CBS    [warn] {n}\n".encode())
        assert chunk
        view.lines(source, chunk)
    now = view.snapshot()
    assert [row.own_level for row in view.rows(now.first, now.end)] == ["error"]


# ---------------------------------------------------------------------------------------------- times


def test_several_files_are_merged_by_times_that_had_to_be_learned(tmp_path: Path) -> None:
    view = LogView(wall=lambda: NOW)
    at, tick = datetime(2005, 11, 9, 20, 0, tzinfo=UTC), threading.Event()

    def line(n: int) -> str:
        then = at + timedelta(seconds=n)
        if n % 2:
            return f"- {then.timestamp():.0f} 2005.11.09 dn{n} up {n}\n"
        return f"{then:%y/%m/%d %H:%M:%S} INFO dfs.Node: {n}\n"

    for part, name in ((1, "bgl.log"), (0, "dfs.log")):
        (tmp_path / name).write_text("".join(line(n) for n in range(part, 40, 2)))
        view.add(FileSource(tmp_path / name))
        end, deadline = 20 if part else 40, time.monotonic() + 20
        while view.snapshot().end - view.snapshot().first < end:
            assert time.monotonic() < deadline
            tick.wait(0.005)
    now = view.snapshot()
    assert [int(row.text.split()[-1]) for row in view.rows(now.first, now.end)] == list(range(40))
    view.close()


FAMILIES: dict[str, Callable[[datetime], str]] = {
    "ISO 8601": lambda t: f"{t:%Y-%m-%dT%H:%M:%S}.{t.microsecond:06}Z",
    "ISO 8601, local": lambda t: f"{t:%Y-%m-%d %H:%M:%S},{t.microsecond // 1000:03}",
    "with slashes": lambda t: f"{t:%Y/%m/%d %H:%M:%S}",
    "without leading zeros": lambda t: f"{t.year}/{t.month}/{t.day} {t.hour}:{t:%M:%S}",
    "DB2": lambda t: f"{t:%Y-%m-%d-%H.%M.%S}.{t.microsecond:06}",
    "basic": lambda t: f"{t:%Y%m%dT%H%M%S}Z",
    "basic with a space": lambda t: f"{t:%Y%m%d %H%M%S}",
    "packed": lambda t: f"{t:%Y%m%d}-{t.hour}:{t.minute}:{t.second}:{t.microsecond // 1000}",
    "two-digit year, HDFS": lambda t: f"{t:%y%m%d %H%M%S}",
    "two-digit year, MySQL": lambda t: f"{t:%y%m%d} {t.hour:2}:{t:%M:%S}",
    "two-digit year, Spark": lambda t: f"{t:%y/%m/%d %H:%M:%S}",
    "common log": lambda t: f"[{t:%d/%b/%Y:%H:%M:%S} +0000]",
    "Oracle": lambda t: f"{t:%d-%b-%y %H:%M:%S}",
    "ctime": lambda t: f"{t:%a %b} {t.day:2} {t:%H:%M:%S %Y}",
    "ctime with zone": lambda t: f"{t:%a %b} {t.day:2} {t:%H:%M:%S} UTC {t:%Y}",
    "in words": lambda t: f"{t:%B} {t.day}, {t:%Y %I:%M:%S %p}",
    "RFC 5322": lambda t: f"{t:%a, %d %b %Y %H:%M:%S} +0000",
    "RFC 850": lambda t: f"{t:%A, %d-%b-%y %H:%M:%S} GMT",
    "German": lambda t: f"{t:%d.%m.%Y %H:%M:%S}",
    "epoch": lambda t: f"{t.timestamp():.3f}",
    "epoch, milliseconds": lambda t: f"{t.timestamp() * 1000:.0f}",
    "TAI64N": lambda t: f"@{(1 << 62) + 10 + int(t.timestamp()):016x}{t.microsecond * 1000:08x}",
}


SPAN = (datetime(2002, 1, 1), datetime(2026, 11, 25))  # noqa: DTZ001 - hypothesis adds the zone


@pytest.mark.parametrize("family", FAMILIES)
@given(at=st.datetimes(*SPAN, timezones=st.just(UTC)))
@settings(max_examples=60)
def test_a_date_of_each_family_means_the_time_it_was_made_of(family: str, at: datetime) -> None:
    line = f"{FAMILIES[family](at)} something happened"
    got = UNKNOWN.time(line, now=NOW)
    assert got is not None and abs(got - at) < timedelta(seconds=1), line
    shape = learn([line] * 3, now=NOW)
    assert shape.time(line, now=NOW) == got
    behind = [f"host-{n} unit.of.{n} {line}" for n in range(4)]
    assert learn(behind, now=NOW).time(behind[0], now=NOW) == got


@pytest.mark.parametrize(
    "written",
    ["%y/%m/%d", "%m/%d/%y", "%d/%m/%y", "%d.%m.%y", "%y-%m-%d", "%d-%m-%y", "%m/%d/%Y", "%d/%m/%Y", "%d-%m-%Y"],
)
@given(begin=st.dates(date(2005, 1, 1), date(2026, 8, 1)), per_day=st.integers(1, 4))
@settings(max_examples=40)
def test_the_order_of_a_date_is_told_by_the_other_dates(written: str, begin: date, per_day: int) -> None:
    first = datetime(begin.year, begin.month, begin.day, 3, 4, 5, tzinfo=UTC)
    times = [first + timedelta(hours=24 * n // per_day) for n in range(20 * per_day)]  # across a 13th
    lines = [f"{at.strftime(written)} {at:%H:%M:%S} INFO x" for at in times]
    shape = learn(lines, now=NOW)
    assert [shape.time(line, now=NOW) for line in lines] == times


def test_a_date_is_not_read_as_one_in_the_future() -> None:
    lines = [f"05/03/2025 14:02:{n:02} x" for n in range(5)]  # 3 May, or 5 March
    assert learn(lines, now=datetime(2025, 3, 6, tzinfo=UTC)).time(lines[0], now=NOW) == datetime(
        2025, 3, 5, 14, 2, 0, tzinfo=UTC
    )
    assert learn(lines, now=NOW).time(lines[0], now=NOW) == datetime(2025, 5, 3, 14, 2, 0, tzinfo=UTC)


def test_numbers_that_look_like_a_time_now_and_then_are_none() -> None:
    lines = [f"user {n} has number {1_500_000_000 + n if n % 3 == 0 else n}" for n in range(60)]
    assert learn(lines, now=NOW).pattern is None


# ---------------------------------------------------------------------------------------------- anything


def ask_everything(lines: list[str]) -> None:
    shape = learn(lines, now=NOW)
    reader = LineReader()
    reader.learn(lines, now=NOW)
    for line in lines:
        shape.level(line)
        shape.time(line, now=NOW, zone=ZoneInfo("Europe/Berlin"))
        reader.read(line, now=NOW)
        reader.continues(line)


PIECES = st.sampled_from(
    [
        "2016-09-28 04:30:30, ",
        "Info   ",
        "1117838570 ",
        "99/99/99 99:99:99 ",
        "17/06/09 20:10:40 ",
        "00/00/00 00:00:00 ",
        "20171399-99:99:99:606",
        "@4000000000000000",
        "@4fffffffffffffff",
        "Feb 30 25:61:61 ",
        "9999-99-99-99.99.99",
        "0000/0/0 0:00",
        "Monday, 99-Jan-99 99:99:99 GMT",
        *"[](|;,- ٣漢\0",
    ]
)


@given(st.lists(st.lists(PIECES | st.text(max_size=6), max_size=8).map("".join), max_size=12))
@settings(max_examples=300)
def test_no_lines_however_hostile_make_learning_fail(lines: list[str]) -> None:
    ask_everything(lines)
    ask_everything(lines * 3)


@given(st.binary(max_size=400))
@settings(max_examples=200)
def test_no_bytes_make_learning_fail(data: bytes) -> None:
    ask_everything(data.decode("utf-8", "replace").split("\n"))
    ask_everything(data.decode("latin-1").split("\n"))


@pytest.mark.parametrize("unit", ["1 ", "|", "[", "(", "a,", "1117838570 ", "17/06/09 ", "\t", "[a] ", "Info "])
def test_a_long_hostile_line_costs_little_to_learn_and_read(unit: str) -> None:
    line = unit * (60_000 // len(unit))
    began = time.process_time()
    ask_everything([line] * 5)
    assert time.process_time() - began < 1.0


def test_a_hundred_lines_are_enough() -> None:
    learner = ShapeLearner()
    assert not learner.done and learner.shape is UNKNOWN
    for n in range(SAMPLE):
        learner.take([f"a{n} b 1117838570 c"], now=NOW)
    assert learner.done and learner.shape.kind == "epoch"
    assert not learner.take(["2025-03-05 14:02:11 INFO x"] * SAMPLE, now=NOW)


def test_a_banner_before_the_lines_is_learned_nothing_from() -> None:
    learner = ShapeLearner()
    learner.take(["welcome to node 7"] * 2 * SAMPLE, now=NOW)
    assert not learner.done and learner.shape == UNKNOWN
    assert learner.take([line for line, _, _ in PUBLIC["HPC"]] * SAMPLE, now=NOW)
    assert learner.done and learner.shape.kind == "epoch"
    plain = ShapeLearner()
    for _ in range(10):
        plain.take(["no time here"] * SAMPLE, now=NOW)
    assert plain.done


def test_a_known_form_stays_what_it_was() -> None:
    samples: list[tuple[str, Level]] = [
        ("2025-03-05 14:02:11,123 INFO an ERROR was avoided", "info"),
        ("2025-03-05T14:02:11.123Z [WARN]  agent: error: x", "warn"),
    ]
    for line, level in samples:
        shape = learn([line] * 20, now=NOW)
        assert shape.pattern is None and shape.level(line) == level == UNKNOWN.level(line)


def test_every_family_has_a_way_to_be_worked_out() -> None:
    assert set(STAMP.groupindex) == set(_WORK_OUT)
