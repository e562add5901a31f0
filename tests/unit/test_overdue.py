"""What is overdue: from which moment on, of which incidents, and what the team itself has let slip."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from harness.app import AppHarness
from harness.case import NOON, PLAYBOOK, Case, declared
from hypothesis import given
from hypothesis import strategies as st

from warroom.config.settings import Destination, Reminders
from warroom.errors import WarroomError
from warroom.incident.commands import (
    Acknowledge,
    AddAction,
    Close,
    Command,
    CompleteAction,
    Declare,
    Resolve,
    WriteSection,
)
from warroom.incident.due import ROLES_GRACE
from warroom.incident.follow_up import MarkNotNeeded
from warroom.incident.meetings import ScheduleMeeting
from warroom.incident.overdue import Overdue, overdue
from warroom.incident.roles import Assign
from warroom.incident.summary import Summary, summarise
from warroom.room.overdue import overdue_by_incident, overdue_of, review_due, reviews, team_overdue

BERLIN = ZoneInfo("Europe/Berlin")
HOURS = timedelta(hours=PLAYBOOK.nudges.postmortem_hours)
SECOND = timedelta(seconds=1)


def late(case: Case, at: datetime) -> list[str]:
    """What is overdue at a time, by kind and target."""
    found = overdue(summarise(case.incident, PLAYBOOK), PLAYBOOK, at, BERLIN)
    return [f"{one.kind} {one.target}".strip() for one in found]


def test_an_alert_is_overdue_when_nobody_acknowledges_within_the_target_of_its_severity() -> None:
    case = declared("critical")
    due = NOON + timedelta(minutes=PLAYBOOK.severity("critical").response_minutes)
    assert "response" not in late(case, due)
    assert "response" in late(case, due + SECOND)
    case.do(Acknowledge())
    assert "response" not in late(case, due + SECOND)


def test_roles_are_overdue_ten_minutes_after_the_declaration_until_each_is_held() -> None:
    case = declared()
    assert "roles" not in late(case, NOON + ROLES_GRACE)
    assert "roles" in late(case, NOON + ROLES_GRACE + SECOND)
    case.do(*(Assign(role.id, "Ada") for role in PLAYBOOK.roles))
    assert "roles" not in late(case, NOON + ROLES_GRACE + SECOND)


def test_the_post_mortem_and_its_meeting_are_overdue_after_48_hours() -> None:
    case = declared()
    case.do(Resolve("enough"))
    assert late(case, NOON + HOURS) == []
    assert sorted(late(case, NOON + HOURS + SECOND)) == ["meeting meeting", "post-mortem"]
    case.do(ScheduleMeeting("post-mortem", NOON + timedelta(days=1), 60, UTC))
    assert late(case, NOON + HOURS + SECOND) == ["post-mortem"]
    case.do(WriteSection("root_cause", "A pool"))
    assert late(case, NOON + HOURS + SECOND) == []


def test_a_meeting_that_is_not_needed_is_never_overdue_and_nothing_is_once_it_is_closed() -> None:
    case = declared()
    case.do(Resolve("enough"), MarkNotNeeded("meeting", "one person was involved"))
    assert late(case, NOON + HOURS + SECOND) == ["post-mortem"]
    case.do(Close("a small one"))
    assert late(case, NOON + HOURS + SECOND) == []


def test_an_action_item_is_overdue_from_the_day_after_its_due_date_in_the_teams_zone() -> None:
    case = declared()
    case.do(AddAction("Alert on pool use", "Bob", "2026-02-14"), Resolve("enough"), Close("done"))
    midnight = datetime(2026, 2, 15, tzinfo=BERLIN).astimezone(UTC)
    assert late(case, midnight - SECOND) == []
    (found,) = overdue(summarise(case.incident, PLAYBOOK), PLAYBOOK, midnight + SECOND, BERLIN)
    assert (found.since, found.owner, found.text) == (midnight, "Bob", "A1 Alert on pool use")
    assert found.late(midnight + timedelta(hours=3)) == "3 h overdue"
    assert found.late(midnight + timedelta(days=9, hours=3)) == "9 d overdue"
    case.do(CompleteAction("A1"))
    assert late(case, midnight + SECOND) == []


def test_of_a_drill_only_what_it_practises_is_overdue_and_only_while_it_is_open() -> None:
    case = declared(drill=True)
    case.do(AddAction("Alert on pool use", "Bob", "2026-01-01"))
    assert late(case, NOON + timedelta(days=1)) == ["roles", "response", "update team"]
    case.do(Resolve("enough"))
    assert late(case, NOON + timedelta(days=9)) == []


def test_a_severity_that_the_playbook_no_longer_has_stops_nothing() -> None:
    case = declared()
    summary = summarise(case.incident, PLAYBOOK)
    odd = Summary.from_json(summary.to_json().replace('"high"', '"odd"'))
    assert {one.kind for one in overdue(odd, PLAYBOOK, NOON + timedelta(days=1), BERLIN)} == {"update", "roles"}


commands = st.lists(
    st.builds(AddAction, st.just("do it"), due=st.dates().map(str) | st.just(""))
    | st.builds(CompleteAction, st.sampled_from(["A1", "A2"]))
    | st.sampled_from([Acknowledge(), Resolve("enough"), WriteSection("root_cause", "x"), Close("enough")]),
    max_size=6,
)


@given(commands, st.timedeltas(timedelta(0), timedelta(days=400)), st.timedeltas(timedelta(0), timedelta(days=400)))
def test_what_is_overdue_stays_so_while_nobody_does_anything(
    steps: list[Command], first: timedelta, more: timedelta
) -> None:
    case = declared()
    for step in steps:
        with suppress(WarroomError):
            case.do(step)
    summary = summarise(case.incident, PLAYBOOK)
    assert Summary.from_json(summary.to_json()) == summary
    before = overdue(summary, PLAYBOOK, NOON + first, BERLIN)
    after = overdue(summary, PLAYBOOK, NOON + first + more, BERLIN)
    assert set(before) <= set(after)
    assert [one.since for one in after] == sorted(one.since for one in after)
    assert all(one.since < NOON + first for one in before)


def test_a_summary_of_an_earlier_version_is_made_anew_while_the_incident_is_open() -> None:
    case = declared()
    text = summarise(case.incident, PLAYBOOK).to_json()
    begin = text.index(',"updates_due"')
    with pytest.raises(KeyError):
        Summary.from_json(text[:begin] + "}")
    case.do(Resolve("enough"))
    text = summarise(case.incident, PLAYBOOK).to_json()
    assert Summary.from_json(text[: text.index(',"updates_due"')] + "}").status == "resolved"


# ── in a room ─────────────────────────────────────────────────────────────────────────────────────────────


def _update(harness: AppHarness, audience: str) -> list[Overdue]:
    (row,) = harness.room.summaries()
    found = overdue_of(harness.room, row, harness.clock())
    return [one for one in found if one.kind == "update" and one.target == audience]


def test_an_update_is_overdue_to_each_audience_that_a_destination_takes(tmp_path: Path) -> None:
    with AppHarness(tmp_path) as harness:
        incident = harness.room.declare(Declare("checkout-api", "No orders", "critical")).incident.id
        harness.room.execute(incident, Assign("incident_commander", "Alice"))
        harness.room.post_update(incident, "customer_initial", {"next_update": "+20m"})
        harness.clock.later(minutes=20)
        assert not _update(harness, "customers")
        harness.clock.later(1)
        assert [one.text for one in _update(harness, "customers")] == ["update to customers"]
        assert _update(harness, "team") and not _update(harness, "executives"), "none was posted to executives"
    chat = Destination(name="chat", backend="recording", audiences=("team",))
    with AppHarness(tmp_path, clock=harness.clock, destinations={"chat": chat}) as harness:
        assert _update(harness, "team") and not _update(harness, "customers"), "nobody takes it"


def test_roles_are_not_overdue_where_the_settings_ask_for_no_reminder(tmp_path: Path) -> None:
    with AppHarness(tmp_path, reminders=Reminders(roles=False)) as harness:
        harness.room.declare(Declare("checkout-api", "No orders"))
        harness.clock.later(hours=1)
        (found,) = overdue_by_incident(harness.room, harness.room.summaries(), harness.clock()).values()
        assert {one.kind for one in found} == {"response", "update"}


def test_the_weekly_review_is_due_again_a_week_after_it_was_confirmed_while_action_items_are_open(
    tmp_path: Path,
) -> None:
    with AppHarness(tmp_path) as harness:
        room, clock = harness.room, harness.clock
        (review,) = [item for item in reviews(room) if item.id == "review-actions"]
        incident = room.declare(Declare("checkout-api", "No orders")).incident.id
        room.execute(incident, AddAction("Alert on pool use", "Bob"))
        room.execute(incident, Resolve("enough"))
        first = clock()
        assert review_due(room, review) == first + timedelta(days=7)
        clock.later(days=7, seconds=1)
        assert [one.target for one in team_overdue(room, clock())] == ["review-actions"]
        room.confirm_ready("review-actions")
        assert team_overdue(room, clock()) == []
        clock.later(days=7, seconds=1)
        assert [one.target for one in team_overdue(room, clock())] == ["review-actions"], "weekly"
        room.execute(incident, CompleteAction("A1"))
        assert team_overdue(room, clock()) == [], "there is nothing to review"


def test_the_quarterly_drill_is_overdue_after_its_days(tmp_path: Path) -> None:
    with AppHarness(tmp_path) as harness:
        room, clock = harness.room, harness.clock
        assert team_overdue(room, clock()) == [], "a team that has just begun has let nothing slip"
        incident = room.declare(Declare("checkout-api", "No orders", drill=True)).incident.id
        room.execute(incident, Acknowledge())
        room.execute(incident, Resolve("enough"))
        clock.later(days=room.playbook.nudges.drill_days, seconds=-1)
        assert team_overdue(room, clock()) == []
        clock.later(2)
        assert [one.kind for one in team_overdue(room, clock())] == ["drill"]
