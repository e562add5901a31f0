"""Floor 1: the clocks of an incident at a given now: phases, steps, countdowns, and times as people type them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from harness.ids import entry_id
from hypothesis import given
from hypothesis import strategies as st

import warroom
from warroom.errors import BadInput
from warroom.incident import events as ev
from warroom.incident import playbook as playbooks
from warroom.incident import timing
from warroom.incident.delivery import Audience
from warroom.incident.events import Entry, Event
from warroom.incident.incident import Incident, fold
from warroom.incident.summary import OpenAction, Summary, summarise
from warroom.incident.timing import Countdown, read_duration, read_moment
from warroom.reports.metrics import cadence

PLAYBOOK = playbooks.parse(
    (Path(warroom.__file__).parent / "playbooks" / "small-team.toml").read_text(encoding="utf-8"), "small-team.toml"
)
START = datetime(2026, 1, 28, 12, 0, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")


def after(**span: float) -> datetime:
    return START + timedelta(**span)


def incident(*facts: tuple[float, Event], severity: str = "critical") -> Incident:
    """An incident declared at START; each fact with its minute."""
    declared = ev.Declared(service="web", impact="down", severity=severity, started_at=START)
    text: list[tuple[float, Event]] = [(0, declared), *facts]
    return fold(
        "INC-1",
        [
            Entry(stream="INC-1", seq=seq, id=entry_id(seq), at=after(minutes=minute), by="Ada", event=event)
            for seq, (minute, event) in enumerate(text, 1)
        ],
    )


def post(next_minute: float | None, audience: str = "team", **changes: str) -> ev.UpdatePosted:
    due = None if next_minute is None else after(minutes=next_minute)
    return ev.UpdatePosted.model_validate(
        {
            "number": 1,
            "message": "update",
            "template": "update",
            "audience": audience,
            "status": "investigating",
            "title": "t",
            "words": "w",
            "next_update_at": due,
            **changes,
        }
    )


# phases and steps


@pytest.mark.parametrize(
    ("seconds", "phase", "step"),
    [
        (0, "detection", None),
        (299.9, "detection", None),
        (300, "investigation", "gather"),
        (599.9, "investigation", "gather"),
        (600, "investigation", "isolate"),
        (1200, "investigation", "strategy"),
        (1799.9, "investigation", "strategy"),
        (1800, "resolution", None),
        (360_000, "resolution", None),
    ],
)
def test_phases_turn_at_0_5_and_30_minutes_and_steps_within_them(
    seconds: float, phase: str, step: str | None
) -> None:
    now = after(seconds=seconds)
    found = timing.step(incident(), PLAYBOOK, now)
    assert timing.phase(incident(), PLAYBOOK, now).id == phase
    assert (found.id if found else None) == step
    assert summarise(incident(), PLAYBOOK).public(PLAYBOOK, now)["phase"] == phase


def test_phases_count_from_when_it_started_not_from_when_it_was_declared() -> None:
    late = incident((0, ev.MilestoneAmended(milestone="started", at=START - timedelta(minutes=31))))
    assert timing.phase(late, PLAYBOOK, START).id == "resolution"


def test_once_resolved_the_clocks_stand_and_the_learning_begins() -> None:
    over = incident((12, ev.Resolved()))
    for now in (after(minutes=12), after(days=3)):
        assert timing.elapsed(over, now) == timedelta(minutes=12)
        assert summarise(over, PLAYBOOK).elapsed(now) == timedelta(minutes=12)
        assert timing.phase(over, PLAYBOOK, now).id == "learning"
        assert timing.step(over, PLAYBOOK, now) is None
        assert timing.next_update(over, PLAYBOOK, now) is None
        assert timing.response(over, PLAYBOOK, now) is None


def test_reopened_the_clocks_go_on_as_if_they_had_never_stood() -> None:
    again = incident((12, ev.Resolved()), (20, ev.Reopened(reason="back")))
    assert timing.elapsed(again, after(minutes=25)) == timedelta(minutes=25)
    assert timing.phase(again, PLAYBOOK, after(minutes=25)).id == "investigation"
    update = timing.next_update(again, PLAYBOOK, after(minutes=25))
    assert update is not None


def test_reopened_after_the_resolution_was_posted_the_next_update_counts_from_the_reopening() -> None:
    again = incident(
        (1, post(15)), (12, ev.Resolved()), (13, post(None)), (20, ev.Reopened(reason="back")), severity="critical"
    )
    update = timing.next_update(again, PLAYBOOK, after(minutes=25))
    assert update is not None and update.due == after(minutes=35)
    assert summarise(again, PLAYBOOK).next_update_at == after(minutes=35)


def test_nothing_has_elapsed_before_the_start() -> None:
    assert timing.elapsed(incident(), START - timedelta(minutes=5)) == timedelta(0)
    assert timing.elapsed(Incident("INC-1"), START) == timedelta(0)


# countdowns


def test_the_first_update_is_due_a_cadence_after_the_declaration() -> None:
    for severity, minutes in {"critical": 15, "high": 30, "medium": 60, "low": 240}.items():
        update = timing.next_update(incident(severity=severity), PLAYBOOK, after(minutes=5))
        assert update is not None
        assert update.due == after(minutes=minutes) and update.left_s == (minutes - 5) * 60
        assert summarise(incident(severity=severity), PLAYBOOK).next_update_at == update.due


def test_later_updates_are_due_when_they_were_promised() -> None:
    text = incident((2, post(12)), (3, post(50, "executives")))
    update = timing.next_update(text, PLAYBOOK, after(minutes=4))
    assert update is not None and update.due == after(minutes=12) and update.whole_s == 600
    assert summarise(text, PLAYBOOK).next_update_at == after(minutes=12)
    for minute in (0, 2):
        assert timing.next_update(incident((minute, post(None))), PLAYBOOK, after(minutes=4)) is None


def test_each_audience_has_its_own_countdown_and_the_first_one_that_is_due_comes_first() -> None:
    text = incident((1, post(50)), (2, post(12, "customers")), (3, post(40, "executives")))
    waiting = timing.next_updates(text, PLAYBOOK, after(minutes=4))
    assert [(audience, one.due) for audience, one in waiting.items()] == [
        ("customers", after(minutes=12)),
        ("executives", after(minutes=40)),
        ("team", after(minutes=50)),
    ]
    summary = summarise(text, PLAYBOOK)
    assert list(summary.updates_due) == list(waiting)
    assert summary.first_update_due == ("customers", after(minutes=12))
    again = Summary.from_json(summary.to_json())
    assert again == summary and list(again.updates_due) == list(waiting)


def test_a_summary_of_an_earlier_version_is_not_taken_for_one_of_this() -> None:
    """It does not know of the other audiences: the entries do."""
    row = json.loads(summarise(incident((1, post(16)), (2, post(12, "customers"))), PLAYBOOK).to_json())
    del row["updates_due"]
    with pytest.raises(KeyError):
        Summary.from_json(json.dumps(row))


def test_nobody_outside_the_team_waits_for_an_update_before_the_first_one() -> None:
    assert list(timing.next_updates(incident(), PLAYBOOK, after(minutes=90))) == ["team"]


@pytest.mark.parametrize("audience", ["customers", "executives"])
def test_without_a_promise_the_cadence_of_the_audience_counts(audience: Audience) -> None:
    minutes = PLAYBOOK.severity("critical").update_minutes[audience]
    found = timing.next_update(incident((7, post(None, audience))), PLAYBOOK, after(minutes=8), audience)
    assert found and found.due == after(minutes=7 + minutes)


def test_customers_wait_no_longer_once_they_have_read_that_it_is_resolved() -> None:
    told = [(1, post(9, "customers")), (8, post(None, "customers", template="customer_resolution"))]
    assert timing.next_update(incident(*told), PLAYBOOK, after(minutes=9), "customers") is None
    again = incident(*told, (9, ev.Resolved()), (30, ev.Reopened(reason="back")))
    found = timing.next_update(again, PLAYBOOK, after(minutes=31), "customers")
    minutes = PLAYBOOK.severity("critical").update_minutes["customers"]
    assert found and found.due == after(minutes=30 + minutes), "it is not over for them after all"


def test_a_maintenance_notice_keeps_no_promise_and_makes_none() -> None:
    notice = post(None, "customers", message="maintenance", template="customer_maintenance")
    assert timing.next_update(incident((2, notice)), PLAYBOOK, after(minutes=3), "customers") is None
    text = incident((1, post(12, "customers")), (2, notice))
    found = timing.next_update(text, PLAYBOOK, after(minutes=3), "customers")
    assert found and found.due == after(minutes=12)
    (promise,) = [one for one in cadence(text, PLAYBOOK, after(minutes=30)) if one.audience == "customers"]
    assert promise.posted_at is None and promise.kept is False


def test_nothing_is_due_to_anybody_once_it_is_resolved() -> None:
    text = incident((1, post(9)), (2, post(9, "customers")), (3, post(9, "executives")), (5, ev.Resolved()))
    assert timing.next_updates(text, PLAYBOOK, after(minutes=20)) == {}
    assert summarise(text, PLAYBOOK).first_update_due is None


def test_the_response_target_of_the_severity_runs_until_somebody_acknowledges() -> None:
    response = timing.response(incident(), PLAYBOOK, after(minutes=6))
    assert response is not None and response.left_s == -60 and response.urgency in ("late", "overdue")
    assert timing.response(incident((1, ev.Acknowledged(who="Ada"))), PLAYBOOK, after(minutes=6)) is None
    low = timing.response(incident(severity="low"), PLAYBOOK, START)
    assert low is not None and low.left_s == 4 * 3600


def test_cadence_follows_severity_and_audience() -> None:
    assert timing.cadence(incident(), PLAYBOOK) == timedelta(minutes=15)
    assert timing.cadence(incident(), PLAYBOOK, "customers") == timedelta(minutes=20)
    lowered = incident((1, ev.SeveritySet(severity="low", before="critical")))
    assert timing.cadence(lowered, PLAYBOOK, "executives") == timedelta(minutes=480)


@pytest.mark.parametrize(
    ("left", "urgency", "share"),
    [
        (900, "calm", 0.0),
        (181, "calm", 0.799),
        (180, "soon", 0.8),
        (1, "soon", 0.999),
        (0, "late", 1.0),
        (-179, "late", 1.0),
        (-180, "overdue", 1.0),
        (-9000, "overdue", 1.0),
    ],
)
def test_a_countdown_presses_more_the_nearer_it_is(left: float, urgency: str, share: float) -> None:
    countdown = Countdown(START, left, 900)
    assert countdown.urgency == urgency
    assert countdown.share == pytest.approx(share, abs=0.001)


def test_a_short_countdown_is_late_for_a_minute_before_it_is_overdue() -> None:
    assert Countdown(START, -59, 60).urgency == "late"
    assert Countdown(START, -60, 60).urgency == "overdue"
    assert Countdown(START, 0, 0).share == 1.0


# as read by people


def test_durations_as_they_are_shown() -> None:
    assert timing.format_duration(timedelta(seconds=45)) == "45 s"
    assert timing.format_duration(timedelta(minutes=72)) == "1 h 12 min"
    assert timing.format_duration(timedelta(days=2, hours=3)) == "2 d 3 h"


@pytest.mark.parametrize(
    ("typed", "ahead", "expected"),
    [
        ("", False, START),
        (" now ", True, START),
        ("-10m", True, after(minutes=-10)),
        ("+15m", False, after(minutes=15)),
        ("90s", False, after(seconds=-90)),
        ("2h", True, after(hours=2)),
        ("+ 5 min", False, after(minutes=5)),
        ("1d", False, after(days=-1)),
        ("2026-01-28T11:30:00Z", False, after(minutes=-30)),
        ("2026-01-28T11:30:00+02:00", False, after(minutes=-150)),
        ("2026-01-28 12:30", False, after(minutes=-30)),  # Berlin's
        ("12:30", False, after(minutes=-30)),
        ("13:00:30", False, after(seconds=30)),  # within the minute of grace
        ("13:01", False, after(minutes=1)),
        ("13:02", False, after(hours=-23, minutes=-58)),
        ("12:59", True, after(minutes=-1)),
        ("12:58", True, after(hours=23, minutes=58)),
        ("13:00", True, START),
        ("12:30", True, after(hours=23, minutes=30)),
        ("13:30", False, after(hours=-23, minutes=-30)),
        ("13:30", True, after(minutes=30)),
        ("9:05", False, after(hours=-3, minutes=-55)),
    ],
)
def test_times_as_people_type_them(typed: str, ahead: bool, expected: datetime) -> None:
    moment = read_moment(typed, START, BERLIN, ahead=ahead)
    assert moment == expected and moment.tzinfo is UTC


@pytest.mark.parametrize(
    "typed", ["soon", "25:00", "12:61", "+999999w", "2026-13-01", "12", "\x1b[2J", "--5m", "-m"]
)
def test_what_is_no_time_is_refused_with_examples(typed: str) -> None:
    with pytest.raises(BadInput) as raised:
        read_moment(typed, START, BERLIN)
    assert "14:03" in raised.value.remedy and raised.value.title.isprintable()


@given(st.text(max_size=20))
def test_whatever_is_typed_is_a_time_or_is_refused(typed: str) -> None:
    for read in (lambda: read_moment(typed, START, BERLIN), lambda: read_duration(typed)):
        try:
            read()
        except BadInput as refused:
            assert refused.remedy


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "zone", "typed", "ahead", "expected"),
    [
        # Berlin, 29 March 2026: at 02:00 it is 03:00.
        ("2026-03-29T01:10", BERLIN, "01:50", False, "2026-03-29T00:50"),
        ("2026-03-29T00:50", BERLIN, "03:10", True, "2026-03-29T01:10"),
        ("2026-03-28T23:30", BERLIN, "00:15", True, "2026-03-29T22:15"),
        ("2026-03-29T08:00", BERLIN, "11:00", False, "2026-03-28T10:00"),
        ("2026-03-28T10:00", BERLIN, "10:30", True, "2026-03-29T08:30"),
        # Berlin, 25 October 2026: at 03:00 it is 02:00 again; 02:30 happens twice.
        ("2026-10-25T01:10", BERLIN, "02:40", False, "2026-10-25T00:40"),
        ("2026-10-25T00:10", BERLIN, "02:05", True, "2026-10-25T01:05"),
        ("2026-10-25T00:50", BERLIN, "02:30", False, "2026-10-25T00:30"),
        ("2026-10-25T01:50", BERLIN, "02:30", False, "2026-10-25T01:30"),
        ("2026-10-25T01:20", BERLIN, "01:30", False, "2026-10-24T23:30"),
        ("2026-10-25T01:50", BERLIN, "03:10", True, "2026-10-25T02:10"),
        # New York, 1 November 2026, and midnight.
        ("2026-11-01T06:30", NEW_YORK, "01:15", False, "2026-11-01T06:15"),
        ("2026-11-01T03:30", NEW_YORK, "23:45", True, "2026-11-01T03:45"),
        ("2026-06-01T04:05", NEW_YORK, "23:55", False, "2026-06-01T03:55"),
    ],
)
def test_a_time_of_day_is_the_last_or_next_such_time_whatever_summer_time_does(
    now: str, zone: ZoneInfo, typed: str, ahead: bool, expected: str
) -> None:
    assert read_moment(typed, utc(now), zone, ahead=ahead) == utc(expected)


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)),  # noqa: DTZ001
    st.integers(0, 23),
    st.integers(0, 59),
    st.booleans(),
    st.sampled_from([BERLIN, NEW_YORK, ZoneInfo("UTC")]),
)
def test_a_time_of_day_is_never_more_than_a_day_and_an_hour_away(
    now: datetime, hour: int, minute: int, ahead: bool, zone: ZoneInfo
) -> None:
    now = now.replace(tzinfo=UTC)
    moment = read_moment(f"{hour}:{minute:02}", now, zone, ahead=ahead)
    away = (moment - now) if ahead else (now - moment)
    assert timedelta(minutes=-1) <= away <= timedelta(hours=25)


def test_a_duration_is_added_in_true_time_whatever_zone_now_is_told_in() -> None:
    before = utc("2026-10-25T00:30").astimezone(BERLIN)
    assert read_moment("+1h", before, BERLIN) == utc("2026-10-25T01:30")


def test_durations_as_people_type_them() -> None:
    assert [read_duration(text) for text in ("10s", "15m", "2h", "1d", "7", "1.5h", " 3 min ", "1w")] == [
        10,
        900,
        7200,
        86_400,
        7,
        5400,
        180,
        604_800,
    ]
    for wrong in ("", "soon", "-5m", "1y", "1e9s"):
        with pytest.raises(BadInput):
            read_duration(wrong)


# what is owed afterwards


def test_the_post_mortem_is_owed_48_hours_after_the_resolution_unless_written_closed_or_a_drill() -> None:
    over = incident((12, ev.Resolved()))
    assert summarise(over, PLAYBOOK).postmortem_due(48) == after(minutes=12, hours=48)
    assert summarise(incident(), PLAYBOOK).postmortem_due(48) is None
    written = incident((12, ev.Resolved()), (13, ev.SectionWritten(section="root_cause", words="The pool")))
    assert summarise(written, PLAYBOOK).postmortem_due(48) is None
    closed = incident((12, ev.Resolved()), (13, ev.Closed()))
    assert summarise(closed, PLAYBOOK).postmortem_due(48) is None


def test_an_action_item_is_overdue_from_the_day_after_it_was_due() -> None:
    item = OpenAction("A1", "x", "Bo", "2026-01-28")
    assert not item.overdue(START.date()) and item.overdue(after(days=1).date())
    assert not OpenAction("A1", "x", "Bo", "").overdue(START.date())
