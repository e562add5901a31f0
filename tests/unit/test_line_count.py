"""Quiet logs: what is counted, since when it is known, and when silence speaks for nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from warroom.bootstrap import make_probe
from warroom.config.loading import load
from warroom.config.paths import AppPaths
from warroom.errors import SettingsError
from warroom.incident.readings import Reading
from warroom.logs.line_count import LineCount
from warroom.logs.sources.source import LineCutter, Sink
from warroom.logs.stores import Numbering

NOW = datetime(2026, 1, 28, 13, 15, tzinfo=UTC)


class Printed:
    """A source whose lines a test prints."""

    lasting = False

    def __init__(self, name: str = "app.log") -> None:
        self.name = name
        self.cutter = LineCutter(Numbering(0))
        self.sink: Sink | None = None

    def start(self, sink: Sink) -> None:
        self.sink = sink

    def close(self) -> None:
        pass

    def print(self, text: str, *, history: bool = False) -> None:
        chunk = self.cutter.feed(text.encode(), history=history)
        assert self.sink and chunk
        self.sink.lines(self, chunk)


class Counting:
    """A count of one log, with a clock the test sets."""

    def __init__(self, match: str = "") -> None:
        self.now = NOW
        self.count = LineCount(match, wall=lambda: self.now)
        self.log = Printed()
        self.count.add(self.log)

    def minutes(self, minutes: float) -> int:
        return self.count.since(self.now - timedelta(minutes=minutes))


def line(at: datetime, words: str) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ} {words}\n"


def test_errors_count_when_they_happened_and_new_ones_when_they_come() -> None:
    counting = Counting()
    old = [line(NOW - timedelta(minutes=minutes), "ERROR timeout") for minutes in (9, 8, 2)]
    counting.log.print("".join([*old, line(NOW, "INFO fine")]), history=True)
    assert (counting.minutes(5), counting.minutes(8.5), counting.minutes(10)) == (1, 2, 3)
    assert counting.count.known_since == NOW - timedelta(minutes=9)
    counting.now += timedelta(minutes=1)
    counting.log.print(line(NOW - timedelta(hours=2), "ERROR of a clock that is wrong"))
    assert counting.minutes(0.5) == 1, "what comes now is new, whatever its time says"


def test_a_pattern_counts_each_line_once_and_a_line_that_is_printed_in_pieces_too() -> None:
    counting = Counting("time(d )?out")
    counting.now += timedelta(minutes=1)
    counting.log.print("a timeout and a timed out\nfine\ntime")
    counting.log.print("out\nfine\n")
    assert counting.minutes(1) == 2


def test_silence_proves_nothing_while_a_log_cannot_be_read() -> None:
    counting = Counting()
    assert counting.count.problem == "app.log: nothing has been read yet"
    counting.log.print("fine\n")
    assert counting.count.problem == ""
    assert counting.log.sink
    counting.log.sink.notice(counting.log, "gone")
    assert counting.count.problem == "app.log: gone"


SETTINGS = """
[[services]]
name = "checkout"
logs = ["app.log", { command = ["echo", "hello"], name = "pod" }]

[probes.quiet]
kind = "logs"
service = "checkout"
log = "app.log"
minutes = 5
"""


def reading(folder: Path, text: str) -> Reading:
    file = folder / "settings.toml"
    file.write_text(text)
    settings = load(file, {})
    places = AppPaths.find({"HOME": str(folder)}, {"settings": str(file)})
    probe = make_probe(settings.probes["quiet"], places, {}, settings)

    async def run() -> Reading:
        try:
            return await probe.run()
        finally:
            await probe.close()

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("log", "options", "speaks", "says"),
    [
        (lambda now: line(now - timedelta(minutes=9), "ERROR a"), "", "for", "no errors in the last 5 min"),
        (lambda now: line(now, "ERROR a"), "", "against", "1 error in the last 5 min"),
        (lambda now: line(now, "ERROR a") * 2, "at_most = 2", "neither", "watched for 5 min they count"),
        (lambda now: line(now, "INFO fine"), "", "neither", "no errors in 0 min"),
        (
            lambda now: line(now, "INFO 502 ") * 2,
            'match = " 5[0-9]{2} "',
            "against",
            "2 matching lines in",
        ),
        (None, "", "neither", "cannot be measured: app.log: "),
    ],
)
def test_a_log_is_judged(
    tmp_path: Path, log: Callable[[datetime], str] | None, options: str, speaks: str, says: str
) -> None:
    if log:
        (tmp_path / "app.log").write_text(log(datetime.now(UTC)))
    found = reading(tmp_path, SETTINGS + options)
    assert (found.speaks, says in found.text) == (speaks, True), found


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ('service = "checkout"\n', "", "[probes.quiet] service: is needed"),
        ('logs = ["app.log", { command = ["echo", "hello"], name = "pod" }]', "", "checkout has no logs"),
        ('log = "app.log"', 'log = "ap.log"', "settings.toml:9 [probes.quiet] log: checkout has no log ap.log"),
        ("minutes = 5", "minutes = 0", "settings.toml:10 [probes.quiet] minutes"),
        ("minutes = 5", 'match = "("', "settings.toml:10 [probes.quiet] match"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, old: str, new: str, place: str) -> None:
    with pytest.raises(SettingsError) as caught:
        reading(tmp_path, SETTINGS.replace(old, new))
    assert place in str(caught.value), str(caught.value)
