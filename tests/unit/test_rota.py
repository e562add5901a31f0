"""Who is on call: one person at any moment, swaps that keep everyone's turns, overrides, a service's schedule."""

from __future__ import annotations

import itertools
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warroom.config.rota import OnCall, Rota, ScheduleReport, Shift
from warroom.errors import Refusal
from warroom.incident.on_call_events import OnCallTaken, TurnsSwapped

BERLIN = ZoneInfo("Europe/Berlin")
TEAM = ("Alice", "Bob", "Carol")
moments = st.datetimes(datetime(2026, 3, 1), datetime(2026, 12, 1), timezones=st.just(UTC))  # noqa: DTZ001


def table(**more: object) -> OnCall:
    return OnCall.model_validate({"rotation": TEAM, "starts": date(2026, 1, 5), "every": "1w", **more})


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


takes = st.builds(
    lambda person, start, hours: OnCallTaken(person=person, start=start, until=start + timedelta(hours=hours)),
    st.sampled_from([*TEAM, "Zoe"]),
    moments,
    st.integers(1, 400),
)


@given(
    moments, st.lists(takes, max_size=5), st.sampled_from(["12h", "1d", "1w"]), st.sampled_from(["02:30", "09:00"])
)
def test_at_any_moment_one_person_is_on_call_and_shifts_have_no_gap(
    now: datetime, taken: list[OnCallTaken], every: str, handover: str
) -> None:
    rota = Rota(table(every=every, handover=handover), BERLIN, taken)
    shifts = rota.upcoming(now, 5)
    assert len(shifts) == 5 and shifts[0].covers(now) and shifts[0].person == rota.person(now)
    for one, following in itertools.pairwise(shifts):
        assert one.ends == following.begins and one.person != following.person
        assert rota.person(one.begins) == rota.person(following.begins - timedelta(milliseconds=1)) == one.person


@given(st.lists(st.tuples(st.sampled_from(TEAM), st.sampled_from(TEAM), st.integers(0, 120)), max_size=6))
def test_a_swap_leaves_everyone_with_as_many_turns(wanted: list[tuple[str, str, int]]) -> None:
    made: list[TurnsSwapped] = []
    for person, other, days in wanted:
        try:
            made.append(Rota(table(), BERLIN, made).swap(person, other, date(2026, 3, 1) + timedelta(days=days)))
        except Refusal:
            continue
    turns = [at("2026-02-16 12:00") + timedelta(weeks=week) for week in range(33)]
    plain, swapped = Rota(table(), BERLIN), Rota(table(), BERLIN, made)
    assert Counter(map(plain.person, turns)) == Counter(map(swapped.person, turns))


def test_two_people_swap_the_turn_of_that_day_for_the_next_turn_of_the_other() -> None:
    plain = Rota(table(), BERLIN)
    assert (plain.person(at("2026-03-30 12:00")), plain.person(at("2026-04-06 12:00"))) == ("Alice", "Bob")
    rota = Rota(table(), BERLIN, [plain.swap("Alice", "Bob", date(2026, 4, 1))])
    assert (rota.person(at("2026-03-30 12:00")), rota.person(at("2026-04-06 12:00"))) == ("Bob", "Alice")
    assert rota.person(at("2026-03-30 08:59")) == "Carol" and rota.person(at("2026-04-13 09:00")) == "Carol"


def test_who_is_not_on_call_that_day_cannot_swap() -> None:
    with pytest.raises(Refusal, match="Bob is not on call on 2026-04-01"):
        Rota(table(), BERLIN).swap("Bob", "Alice", date(2026, 4, 1))


def test_a_swap_of_turns_that_a_new_rotation_does_not_have_has_no_effect() -> None:
    swap = Rota(table(), BERLIN).swap("Alice", "Bob", date(2026, 4, 1))
    changed = table(starts=date(2026, 1, 6))
    assert Rota(changed, BERLIN, [swap]).person(at("2026-04-01 12:00")) == "Alice"


def test_what_was_taken_goes_before_an_override_and_an_override_before_the_rotation() -> None:
    override = {"person": "Carol", "from": date(2026, 4, 1), "until": date(2026, 4, 2)}
    taken = OnCallTaken(person="Zoe", start=at("2026-04-02 10:00"), until=at("2026-04-02 18:00"))
    rota = Rota(table(overrides=[override]), BERLIN, [taken])
    seen = ["2026-03-31 23:59", "2026-04-01 00:00", "2026-04-02 10:00", "2026-04-02 18:00", "2026-04-03 00:00"]
    assert [rota.person(at(text)) for text in seen] == ["Alice", "Carol", "Zoe", "Carol", "Alice"]


NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)
SHIFTS = (
    Shift("Ann", NOW - timedelta(hours=4), NOW + timedelta(hours=4)),
    Shift("Ben", NOW + timedelta(hours=4), NOW + timedelta(hours=12)),
)


def test_a_schedule_says_who_is_on_call_and_its_age_is_told_once_it_is_old() -> None:
    follows = OnCall.model_validate({"schedule": "pagerduty"})
    report = ScheduleReport.from_json(ScheduleReport(NOW, SHIFTS, "", NOW).to_json())
    rota = Rota(follows, BERLIN, (), report)
    following = rota.following(NOW)
    assert rota.person(NOW) == "Ann" and following and following.person == "Ben" and rota.doubt(NOW) == ""
    later = NOW + timedelta(days=2)
    assert rota.person(later) == "Ben", "who was known last is better than nobody"
    assert rota.doubt(later).startswith("as pagerduty said ")
    assert Rota(follows, BERLIN).doubt(NOW) == "pagerduty has not been asked yet"


@given(st.text())
def test_a_report_of_another_version_is_an_empty_one(text: str) -> None:
    assert ScheduleReport.from_json(text) == ScheduleReport()
