"""Reminders: each is posted once, however many processes look, and only while what it is about is still so."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from harness.fakes import START, Clock, FakeChat
from hypothesis import given
from hypothesis import strategies as st

from warroom.config.loading import load_playbook
from warroom.config.settings import Destination, Reminders, Settings
from warroom.incident.commands import AddAction, Close, CompleteAction, Declare, Resolve, WriteSection
from warroom.incident.due import ROLES_GRACE
from warroom.incident.events import TEAM
from warroom.incident.follow_up import MarkNotNeeded
from warroom.incident.reminding import DAILY_FOR, UPDATE_GRACE, reminded_today
from warroom.incident.roles import Assign
from warroom.incident.summary import OpenAction
from warroom.journal.sqlite import SqliteJournal
from warroom.room.outbox import OutboxWorker
from warroom.room.reminders import remind
from warroom.room.room import WarRoom


class Reminded:
    """A room whose chat shows what the team is reminded of."""

    def __init__(self, path: Path, audiences: tuple[str, ...] = ("team", "customers")) -> None:
        self.path, self.clock, self.chat = path, Clock(), FakeChat()
        self.table = {
            "chat": Destination.model_validate({"name": "chat", "backend": "fake", "audiences": audiences})
        }
        self.room = self.another()

    def another(self, **reminders: object) -> WarRoom:
        settings = Settings(destinations=self.table, reminders=Reminders.model_validate(reminders))
        chats = {"chat": self.chat}.__getitem__
        book = load_playbook(settings)
        return WarRoom(SqliteJournal(self.path), book, settings, by="Ada", clock=self.clock, chats=chats)

    def declare(self, *, drill: bool = False) -> str:
        return self.room.declare(Declare("checkout", "No orders", "high", drill=drill)).incident.id

    def posted(self, room: WarRoom | None = None) -> list[str]:
        """What is posted by one look, from the outbox on to the chat."""
        room = room or self.room
        before = len(self.chat.messages)
        remind(room)
        OutboxWorker(room).drain(1)
        return [one.text for one in self.chat.messages[before:] if one.text.startswith("Reminder")]

    def hold_all(self, incident: str) -> None:
        for role in self.room.playbook.roles:
            self.room.execute(incident, Assign(role.id, "Ada"))


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Reminded]:
    team = Reminded(tmp_path / "journal.db")
    yield team
    team.room.journal.close()


def test_a_late_update_is_reminded_of_once_for_each_promised_time(team: Reminded) -> None:
    incident = team.declare()
    team.hold_all(incident)
    due = team.room.incident(incident).promised["team"]
    team.clock.at = due + UPDATE_GRACE - timedelta(seconds=1)
    assert team.posted() == []
    team.clock.later(1)
    assert team.posted() == [f"Reminder: the update of {incident} to the team is 2 min overdue."]
    team.clock.later(minutes=30)
    assert team.posted() == [], "the same promise"
    team.room.post_update(incident, "update", {"next_update": "+15m"})
    team.clock.later(minutes=20)
    assert team.posted() == [f"Reminder: the update of {incident} to the team is 5 min overdue."]


def test_customers_are_due_an_update_as_promised_or_by_the_cadence_after_their_first(team: Reminded) -> None:
    incident = team.declare()
    team.hold_all(incident)
    off = {"roles": False, "actions": False}
    room = team.another(**off)
    team.clock.later(hours=9)
    assert [text for text in team.posted(room) if "customers" in text] == [], "nobody has told customers yet"
    room.post_update(incident, "customer_initial", {"next_update": ""}, approved_by="Ada")
    team.clock.later(hours=24)
    assert [text for text in team.posted(room) if "to customers" in text]
    assert team.posted(room) == []
    room.journal.close()


def test_an_audience_that_no_destination_takes_is_owed_no_update(tmp_path: Path) -> None:
    team = Reminded(tmp_path / "journal.db", ("team",))
    incident = team.declare()
    team.room.post_update(incident, "customer_initial", {}, approved_by="Ada")
    team.clock.later(days=1)
    assert not [text for text in team.posted() if "customers" in text]
    team.room.journal.close()


def test_roles_that_nobody_holds_are_one_reminder_a_day_while_the_incident_is_open(team: Reminded) -> None:
    incident = team.declare()
    room = team.another(updates=False)
    team.clock.later(ROLES_GRACE.total_seconds() - 1)
    assert team.posted(room) == []
    team.clock.later(1)
    words = f"Reminder: {incident} has no incident commander, technical lead or communications lead."
    assert team.posted(room) == [words]
    team.clock.later(hours=1)
    assert team.posted(room) == []
    room.execute(incident, Assign("incident_commander", "Ada"))
    team.clock.later(hours=24)
    assert team.posted(room) == [f"Reminder: {incident} has no technical lead or communications lead."]
    room.execute(incident, Resolve(reason="it is over"))
    team.clock.later(hours=24)
    assert team.posted(room) == []
    room.journal.close()


def test_late_action_items_of_a_closed_incident_are_one_reminder_a_day_until_they_are_done(team: Reminded) -> None:
    incident = team.declare()
    due = START.date() + timedelta(days=2)
    team.room.execute(incident, AddAction("Alert on pool usage", "Bob", due.isoformat()))
    team.room.execute(incident, AddAction("Raise the limit", "", due.isoformat()))
    team.room.execute(incident, Resolve(reason="it is over"))
    team.room.execute(incident, Close(reason="nothing else"))
    team.clock.later(days=2, hours=11)
    assert team.posted() == [], "due today is not late"
    team.clock.later(hours=2)
    assert team.posted() == [], "at 01:00 nobody is reminded"
    team.clock.later(hours=8)
    (text,) = team.posted()
    assert text.splitlines() == [
        f"Reminder: 2 action items of {incident} are overdue.",
        f"A1 Alert on pool usage · Bob · due {due}",
        f"A2 Raise the limit · no owner · due {due}",
    ]
    assert team.posted() == []
    team.room.execute(incident, CompleteAction("A1"))
    team.clock.later(days=1)
    assert team.posted()[0].startswith(f"Reminder: an action item of {incident} is overdue.")
    team.room.execute(incident, CompleteAction("A2"))
    team.clock.later(days=1)
    assert team.posted() == []
    assert [row.kind for row in team.room.incident(incident).rows].count("reminder") == 2


def test_a_drill_that_is_over_reminds_of_nothing(tmp_path: Path) -> None:
    team = Reminded(tmp_path / "journal.db")
    team.table["chat"] = team.table["chat"].model_copy(update={"drills": True})
    team.room = team.another()
    incident = team.declare(drill=True)
    team.room.execute(incident, AddAction("Practise more", "Bob", START.date().isoformat()))
    team.clock.later(minutes=30)
    assert team.posted(), "an open one does: it is what is practised"
    team.room.execute(incident, Resolve(reason="it is over"))
    team.clock.later(days=3)
    assert team.posted() == []
    team.room.journal.close()


def test_two_processes_that_look_at_the_same_time_post_it_once(team: Reminded) -> None:
    incident = team.declare()
    other = team.another()
    team.clock.later(minutes=45)
    stale = other.incident(incident)
    first = team.posted()
    assert len(first) == 2 and stale.version < team.room.incident(incident).version
    assert team.posted(other) == []
    other.journal.close()


def test_a_post_mortem_and_its_meeting_are_one_reminder_a_day_once_they_are_late(team: Reminded) -> None:
    incident = team.declare()
    team.room.execute(incident, Resolve(reason="it is over"))
    team.clock.later(hours=48)
    assert team.posted() == []
    team.clock.later(hours=1)
    assert team.posted() == [
        f"Reminder: the follow-up of {incident} is overdue.\npost-mortem · 1 h overdue\n"
        "Schedule post-mortem meeting · 1 h overdue"
    ]
    team.clock.later(hours=5)
    assert team.posted() == [], "the same day"
    team.room.execute(incident, WriteSection("root_cause", "A pool"))
    team.clock.later(hours=19)
    (text,) = team.posted()
    assert "post-mortem ·" not in text and "Schedule post-mortem meeting · 1 d 1 h overdue" in text
    posted = 0
    for _ in range(28):
        team.clock.later(days=1)
        posted += len(team.posted())
    assert posted == 5 + 4, "daily to the seventh day, then weekly"
    team.room.execute(incident, Close("the rest is on the board"))
    team.clock.later(days=7)
    assert team.posted() == []


def test_a_review_that_has_expired_is_one_reminder_a_day_by_whichever_process(team: Reminded) -> None:
    incident = team.declare()
    for command in (
        *(AddAction("Late", "Bob"), WriteSection("root_cause", "A pool"), MarkNotNeeded("meeting", "small")),
        Resolve(reason="it is over"),
    ):
        team.room.execute(incident, command)
    team.clock.later(days=7)
    assert team.posted() == []
    team.clock.later(hours=1)
    other = team.another()
    other.team()
    assert team.posted() == [
        "Reminder: the team's review is overdue.\nReview action items weekly · 1 h overdue\nAction items: 1 open"
    ]
    assert team.posted(other) == [] == team.posted()
    assert [entry.kind for entry in team.room.journal.read(TEAM)] == ["reminder"], "recorded once"
    team.clock.later(days=1)
    assert len(team.posted(other)) == 1
    team.room.confirm_ready("review-actions")
    team.clock.later(days=6)
    assert team.posted() == []
    other.journal.close()


@pytest.mark.parametrize("off", [{"updates": False, "roles": False, "actions": False, "follow_up": False}])
def test_what_the_settings_switch_off_is_not_reminded_of(team: Reminded, off: dict[str, bool]) -> None:
    incident = team.declare()
    team.room.execute(incident, AddAction("Late", "Bob", START.date().isoformat()))
    room = team.another(**off)
    team.clock.later(days=2)
    assert not room.settings.reminders.wanted and team.posted(room) == []
    room.journal.close()


@given(late=st.integers(-30, 400))
def test_an_item_is_reminded_of_daily_in_the_first_week_and_weekly_after_it(late: int) -> None:
    today = date(2026, 6, 1)
    item = OpenAction("A1", "x", "", (today - timedelta(days=late)).isoformat())
    expected = 0 < late <= DAILY_FOR or (late > DAILY_FOR and (late - 1) % 7 == 0)
    assert reminded_today(item, today) is expected
    assert not reminded_today(OpenAction("A1", "x", "", ""), today)
