"""The meetings after an incident: when they are proposed, recorded once, and a file any calendar reads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from harness.fakes import Clock
from hypothesis import given
from hypothesis import strategies as st

from warroom.config.loading import load_playbook
from warroom.config.settings import Person, Settings, Team
from warroom.errors import Refusal
from warroom.incident.commands import AddAction, Declare, Resolve
from warroom.incident.meetings import proposed, scheduled
from warroom.incident.roles import Assign
from warroom.journal.sqlite import SqliteJournal
from warroom.reports.calendar import Attendee, CalendarEntry, to_ics
from warroom.room import meetings
from warroom.room.room import WarRoom
from warroom.room.weekly_review import WEEKS, first_review, review_calendar

BERLIN = ZoneInfo("Europe/Berlin")
PLAYBOOK = load_playbook(Settings())
moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001

NUDGES = PLAYBOOK.nudges


# A strict reader of RFC 5545


def read(text: str) -> list[dict[str, list[tuple[dict[str, str], str]]]]:
    """The events of an iCalendar file: their properties by name, each with its parameters and its value.

    Fails for anything that RFC 5545 does not allow: line ends, long lines, characters, nesting.
    """
    assert text.endswith("\r\n") and "\n" not in text.replace("\r\n", "") and "\r" not in text.replace("\r\n", "")
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))
    lines = re.sub(r"\r\n[ \t]", "", text).split("\r\n")[:-1]
    assert (lines[0], lines[-1]) == ("BEGIN:VCALENDAR", "END:VCALENDAR")
    found: list[dict[str, list[tuple[dict[str, str], str]]]] = []
    inside = False
    for line in lines[1:-1]:
        assert not re.search(r"[\x00-\x08\x0a-\x1f\x7f]", line)
        match = re.fullmatch(r'([A-Z-]+)((?:;[A-Z-]+=(?:"[^"]*"|[^";:,]*))*):(.*)', line)
        assert match, line
        name, parameters, value = match.groups()
        if name in ("BEGIN", "END"):
            assert value == "VEVENT" and inside == (name == "END")
            inside = name == "BEGIN"
            if inside:
                found.append({})
        elif inside:
            named = dict(re.findall(r';([A-Z-]+)=("[^"]*"|[^";:,]*)', parameters))
            found[-1].setdefault(name, []).append((named, value))
    return found


def text_of(value: str) -> str:
    """A value of type TEXT, unescaped."""
    assert not re.search(r"(?<!\\)(?:\\\\)*[;,]", value.replace("\\n", "")) or "\\" in value
    return re.sub(r"\\(.)", lambda found: "\n" if found[1] in "nN" else found[1], value)


def entry(title: str = "T", description: str = "D", **fields: object) -> CalendarEntry:
    begin = {"uid": UUID(int=7), "at": datetime(2026, 1, 29, 9, tzinfo=UTC), "minutes": 60}
    stamp = datetime(2026, 1, 28, 12, tzinfo=UTC)
    return CalendarEntry(title=title, description=description, stamp=stamp, **{**begin, **fields})  # type: ignore[arg-type]


WORDS = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Cf", "Zl", "Zp", "Co", "Cn")) | st.sampled_from('\n;,\\":')
)


@given(WORDS, WORDS, WORDS)
def test_what_is_written_is_read_back_word_for_word(title: str, description: str, name: str) -> None:
    one = entry(title.replace("\n", " "), description, attendees=(Attendee(name, "a@example.com"),))
    (found,) = read(to_ics([one]))
    assert text_of(found["SUMMARY"][0][1]) == one.title
    assert text_of(found["DESCRIPTION"][0][1]).split("\n") == (description.splitlines() or [""])
    assert found["ATTENDEE"][0][1] == "mailto:a@example.com"


@given(st.text(max_size=200), st.text(max_size=60))
def test_no_text_makes_a_line_of_its_own(text: str, email: str) -> None:
    (found,) = read(to_ics([entry(text, text, attendees=(Attendee(text, email),))]))
    assert {"UID", "DTSTAMP", "DTSTART", "DTEND", "SUMMARY", "DESCRIPTION"} <= set(found)
    assert set(found) <= {
        *("UID", "DTSTAMP", "SEQUENCE", "DTSTART", "DTEND", "SUMMARY", "DESCRIPTION", "ATTENDEE", "ORGANIZER"),
    }


@given(
    moments,
    st.timedeltas(timedelta(0), timedelta(days=3)),
    st.sampled_from(["Europe/Berlin", "Asia/Kolkata", "UTC"]),
)
def test_a_meeting_is_proposed_on_a_weekday_in_working_hours(
    resolved: datetime, later: timedelta, name: str
) -> None:
    zone = ZoneInfo(name)
    now = resolved + later
    for meeting in ("post-mortem", "action review"):
        at = proposed(meeting, resolved, now, zone, NUDGES)  # type: ignore[arg-type]
        here = at.astimezone(zone)
        assert here.weekday() < 5 and 9 <= here.hour < 17 and at >= now + timedelta(hours=2)
    assert proposed("post-mortem", resolved, now, zone, NUDGES) - now <= timedelta(days=4)


@given(moments)
def test_the_meetings_keep_the_times_of_the_framework(resolved: datetime) -> None:
    meeting = proposed("post-mortem", resolved, resolved, BERLIN, NUDGES)
    weekend = any((resolved.astimezone(BERLIN) + timedelta(days=n)).weekday() >= 5 for n in range(3))
    assert weekend or meeting - resolved <= timedelta(hours=48)
    review = proposed("action review", resolved, resolved, BERLIN, NUDGES)
    assert timedelta(days=4) < review - resolved <= timedelta(days=7)


# The room


class World:
    """A room in Berlin with a resolved incident of Ada's and Bob's."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        people = (
            Person(name="Ada", email="ada@example.com"),
            Person(name="Bob", email="bob@example.com"),
            Person(name="Cy"),
        )
        self.room = WarRoom(
            SqliteJournal(folder / "journal.db"),
            PLAYBOOK,
            Settings(team=Team(timezone="Europe/Berlin", people=people)),
            by="Ada",
            clock=self.clock,
            chats=lambda _: None,  # type: ignore[arg-type, return-value]
        )
        self.incident = self.room.declare(Declare("checkout-api", "No orders, no carts", "critical")).incident.id
        self.room.execute(self.incident, Assign("technical_lead", "Bob"))
        self.room.execute(self.incident, AddAction("Alert on pool use", "Cy"))

    def ics(self) -> str:
        return meetings.calendar(self.room, self.room.incident(self.incident))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.room.journal.close()


def test_both_meetings_are_recorded_once_and_the_checklist_ticks(world: World) -> None:
    world.room.execute(world.incident, Resolve("enough"))
    first = meetings.schedule(world.room, world.incident)
    assert "meeting" in first.incident.ticks
    text = world.ics()
    world.clock.later(minutes=5)
    assert not meetings.schedule(world.room, world.incident).entries
    assert world.ics() == text, "importing it again changes nothing"
    post_mortem, review = read(text)
    assert post_mortem["DTSTART"][0][1] == "20260129T090000Z", "10:00 in Berlin, the day after"
    assert post_mortem["DTEND"][0][1] == "20260129T100000Z"
    assert review["DTSTART"][0][1] == "20260204T090000Z"
    assert "Alert on pool use" in text_of(review["DESCRIPTION"][0][1])
    invited = [value for _, value in post_mortem["ATTENDEE"]]
    assert invited == ["mailto:ada@example.com", "mailto:bob@example.com"]
    assert post_mortem["UID"] != review["UID"]


def test_a_meeting_that_is_moved_keeps_its_uid(world: World) -> None:
    world.room.execute(world.incident, Resolve("enough"))
    meetings.schedule(world.room, world.incident)
    before = read(world.ics())[0]
    at = datetime(2026, 1, 30, 13, 30, tzinfo=UTC)
    meetings.schedule(world.room, world.incident, at, 45)
    after = read(world.ics())[0]
    assert before["UID"] == after["UID"]
    assert (before["SEQUENCE"][0][1], after["SEQUENCE"][0][1]) == ("0", "1")
    assert (after["DTSTART"][0][1], after["DTEND"][0][1]) == ("20260130T133000Z", "20260130T141500Z")
    known = scheduled(world.room.incident(world.incident))["post-mortem"]
    assert known.when == "Fri 30 Jan 2026 14:30 CET"


def test_an_open_incident_has_no_meeting_yet(world: World) -> None:
    with pytest.raises(Refusal):
        meetings.schedule(world.room, world.incident)


def test_the_resolution_proposes_the_meeting_and_then_names_it(world: World) -> None:
    world.room.execute(world.incident, Resolve("enough"))
    steps = world.room.draft_update(world.incident, "resolution")["next_steps"]
    assert "Post-mortem meeting, proposed: Thu 29 Jan 10:00 CET" in steps
    meetings.schedule(world.room, world.incident, datetime(2026, 1, 30, 13, 30, tzinfo=UTC))
    steps = world.room.draft_update(world.incident, "resolution")["next_steps"]
    assert "Post-mortem meeting: Fri 30 Jan 14:30 CET" in steps


# ── the weekly review ─────────────────────────────────────────────────────────────────────────────────────


def test_the_weekly_review_keeps_its_local_time_when_the_clocks_change(world: World) -> None:
    assert first_review(world.room) == datetime(2026, 2, 2, 9, tzinfo=UTC), "the next Monday, 10:00 in Berlin"
    events = read(review_calendar(world.room))
    begins = [datetime.strptime(one["DTSTART"][0][1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) for one in events]
    assert len(begins) == WEEKS
    assert {f"{at.astimezone(BERLIN):%a %H:%M}" for at in begins} == {"Mon 10:00"}
    assert {at.hour for at in begins} == {9, 8}, "UTC moves on 29 March"
    description = text_of(events[0]["DESCRIPTION"][0][1])
    assert f"{world.incident} A1 Alert on pool use · Cy" in description and "1 open" in description
    assert [value for _, value in events[0]["ATTENDEE"]] == ["mailto:ada@example.com", "mailto:bob@example.com"]


def test_a_weekly_review_that_is_moved_replaces_the_entries_of_its_weeks(world: World) -> None:
    before = read(review_calendar(world.room))
    world.clock.later(hours=1)
    after = read(review_calendar(world.room, datetime(2026, 2, 4, 13, tzinfo=UTC), 45))
    uids = [[one["UID"][0][1] for one in events] for events in (before, after)]
    assert uids[0] == uids[1] and len(set(uids[0])) == WEEKS
    assert int(after[0]["SEQUENCE"][0][1]) > int(before[0]["SEQUENCE"][0][1])
    assert after[0]["DTSTART"][0][1] == "20260204T130000Z" and after[0]["DTEND"][0][1] == "20260204T134500Z"


@given(moments)
def test_the_first_review_is_the_next_monday_morning_whenever_one_asks(now: datetime) -> None:
    room = SimpleNamespace(clock=lambda: now, zone=BERLIN)
    first = first_review(room)  # type: ignore[arg-type]
    assert f"{first.astimezone(BERLIN):%a %H:%M}" == "Mon 10:00"
    assert timedelta(0) < first - now <= timedelta(days=7, hours=1)
