"""The spectators' page tells colleagues where the open incidents stand, and nothing that is not meant for them."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from harness.app import START, AppHarness
from hypothesis import given
from hypothesis import strategies as st

from warroom.errors import BadInput, WarroomError
from warroom.incident.commands import Declare, Note, RecordChat, Resolve
from warroom.incident.roles import Assign
from warroom.reports.spectators import STALE_AFTER, KeyEvent, SpectatorIncident, SpectatorPage
from warroom.reports.spectators_html import to_html
from warroom.room.spectator_page import REWRITE_AFTER, SpectatorPageWriter

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"' </style> \x1b[31m"
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[AppHarness]:
    with AppHarness(tmp_path / "data") as harness:
        yield harness


class Parsed(HTMLParser):
    """A page as a browser takes it: its elements, and its text outside style and script."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._within = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._within = tag

    def handle_endtag(self, tag: str) -> None:
        self._within = ""

    def handle_data(self, data: str) -> None:
        if self._within not in ("style", "script"):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def page_of(harness: AppHarness) -> tuple[Parsed, dict[str, object]]:
    """The page as it is now, and its JSON."""
    writer = SpectatorPageWriter(harness.room, harness.folder / "page.html")
    assert writer.write_if_due()
    return Parsed(writer.path.read_text("utf-8")), json.loads(writer.json_path.read_text("utf-8"))


def test_it_tells_where_an_incident_stands(harness: AppHarness) -> None:
    room = harness.room
    incident = room.declare(
        Declare("checkout-api", "Card payments fail", "critical"), commander="Alice"
    ).incident.id
    room.execute(incident, Note("The pool is exhausted", "finding"))
    room.post_update(incident, "customer_initial", {"impact": "Some card payments fail", "next_update": "+30m"})
    harness.clock.later(minutes=12)
    seen, shape = page_of(harness)
    for words in (
        "Checkout: 1 open incident",
        "INC-1 · Critical · checkout-api",
        "Impact: Card payments fail",
        "Status Investigating",
        "Elapsed 12 min",
        "Incident commander Alice",
        "Next update to customers 14:45 CET (13:45 UTC) in 18 min",
        "Not delivered yet",
        "finding The pool is exhausted",
    ):
        assert words in seen.text, seen.text
    assert shape["as_of"] == "2026-01-28T13:27:00.000Z" and shape["stale_after_s"] == 300
    [one] = shape["incidents"]
    assert one["elapsed_s"] == 720 and one["commander"] == "Alice" and one["status"] == "investigating"
    assert one["last_public_update"]["at"] == "2026-01-28T13:15:00.000Z"
    assert {"audience": "customers", "due": "2026-01-28T13:45:00.000Z"} in one["next_updates"]
    harness.deliver()
    seen, shape = page_of(harness)
    assert "Not delivered yet" not in seen.text and shape["incidents"][0]["last_public_update"]["delivered"] is True


def test_it_leaves_out_what_is_for_responders_alone(harness: AppHarness) -> None:
    room = harness.room
    incident = room.declare(Declare("checkout-api", "Card payments fail", "critical")).incident.id
    room.execute(incident, Note("Chen may have deployed it"))
    room.execute(incident, Note("Perhaps it is Chen's deploy", "hypothesis"))
    room.record_chat(incident, RecordChat("Bob", "chat", "that was Chen again", "1"))
    room.execute(incident, Note("Call +49 151 23456789, mail chen@example.com, password=hunter2secret", "finding"))
    seen, shape = page_of(harness)
    for text in (seen.text, json.dumps(shape)):
        assert "Chen" not in text and "chen@" not in text and "23456789" not in text and "hunter2" not in text


def test_a_resolved_incident_stays_for_an_hour(harness: AppHarness) -> None:
    incident = harness.room.declare(Declare("checkout-api", "Card payments fail", "high")).incident.id
    harness.room.execute(incident, Resolve("Rolled back"))
    seen, shape = page_of(harness)
    assert "no open incidents" in seen.text and "Status Resolved" in seen.text
    assert not [attrs for _, attrs in seen.elements if "data-since" in attrs], "its clock has stopped"
    harness.clock.later(hours=1)
    seen, shape = page_of(harness)
    assert shape["incidents"] == [] and "INC-1" not in seen.text


def test_it_is_written_only_when_something_changed_or_a_minute_passed(harness: AppHarness) -> None:
    room, path = harness.room, harness.folder / "page.html"
    incident = room.declare(Declare("checkout-api", "Card payments fail", "high")).incident.id
    writer = SpectatorPageWriter(room, path)
    assert writer.write_if_due()
    harness.clock.later(seconds=30)
    room.save_draft(incident, "note", "half a")  # a change of the journal that nobody sees here
    assert not writer.write_if_due()
    room.execute(incident, Assign("incident_commander", "Bob"))
    assert writer.write_if_due() and "Bob" in path.read_text("utf-8")
    harness.clock.later(seconds=REWRITE_AFTER.total_seconds())
    assert writer.write_if_due(), "its age is what tells readers that the writer lives"
    assert [one.name for one in harness.folder.iterdir() if one.name.startswith(".")] == []


def test_the_file_is_for_a_web_server_to_read_as_far_as_the_umask_lets_it(harness: AppHarness) -> None:
    before = os.umask(0o027)
    try:
        writer = SpectatorPageWriter(harness.room, harness.folder / "page.html")
        writer.write_if_due()
    finally:
        os.umask(before)
    assert [stat.S_IMODE(one.stat().st_mode) for one in (writer.path, writer.json_path)] == [0o640, 0o640]


def test_a_path_that_cannot_be_written_or_is_no_page_is_refused(harness: AppHarness) -> None:
    with pytest.raises(BadInput, match="does not end in"):
        SpectatorPageWriter(harness.room, harness.folder / "journal.sqlite")
    with pytest.raises(WarroomError, match="No such file or directory"):
        SpectatorPageWriter(harness.room, harness.folder / "none" / "page.html").write_if_due()
    (harness.folder / "page.html").mkdir()
    with pytest.raises(WarroomError, match="Is a directory"):
        SpectatorPageWriter(harness.room, harness.folder / "page.html").write_if_due()


def an_incident(words: str, now: datetime) -> SpectatorIncident:
    return SpectatorIncident(
        id="INC-1",
        drill=False,
        service=words,
        impact=words,
        severity="critical",
        severity_title=words,
        status="investigating",
        started_at=now - timedelta(minutes=72),
        resolved_at=None,
        elapsed_s=0,
        commander=words,
        last_public_update=None,
        next_updates=(),
        events=(KeyEvent(now, words, words),),
    )


@given(st.text() | st.just(HOSTILE))
def test_no_text_becomes_markup(words: str) -> None:
    plain = SpectatorPage(START, "", (an_incident("words", START),))
    words = f"x{words}"  # what is empty is left out
    page = SpectatorPage(START, words, (an_incident(words, START),), (words,))
    expected = [tag for tag, _ in Parsed(to_html(plain, UTC)).elements]
    seen = [tag for tag, _ in Parsed(to_html(page, UTC)).elements]
    end = len(expected) - 1  # before the page's own script
    assert seen == [*expected[:end], "p", *expected[end:]]


def in_browser(path: Path) -> str:
    """The page's document after its script has run in a browser without a network."""
    assert CHROMIUM
    command = [
        CHROMIUM,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={path.parent / 'profile'}",
    ]
    done = subprocess.run(
        [*command, "--dump-dom", path.as_uri()], capture_output=True, text=True, timeout=100, check=True
    )
    return done.stdout


@pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium")
@pytest.mark.parametrize("age", [timedelta(0), 2 * STALE_AFTER], ids=["fresh", "stale"])
def test_in_a_browser_durations_tick_and_a_page_that_nobody_updates_says_so(tmp_path: Path, age: timedelta) -> None:
    path = tmp_path / "page.html"
    now = datetime.now(UTC) - age
    path.write_text(to_html(SpectatorPage(now, "", (an_incident(HOSTILE, now),)), UTC), "utf-8")
    assert ">0 s</span>" in path.read_text("utf-8"), "what the browser is to replace"
    seen = Parsed(in_browser(path))
    assert ("Elapsed 1 h 22 min" if age else "Elapsed 1 h 12 min") in seen.text, "its script was allowed to run"
    [warning] = [attrs for _, attrs in seen.elements if attrs.get("id") == "stale"]
    assert ("hidden" in warning) is (not age)
    assert [tag for tag, _ in seen.elements].count("script") == 1
