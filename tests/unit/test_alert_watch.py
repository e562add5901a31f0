"""Alert sources: each fact is recorded once, a burst is bounded, and a source that fails costs a line of health."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from harness.fakes import START, Clock, FakeChat
from hypothesis import given
from hypothesis import strategies as st

from warroom.config.loading import load_playbook
from warroom.config.settings import AlertSourceSettings, Service, Settings
from warroom.errors import NotSent, Rejected
from warroom.incident.alerting import RECORDED_OF_GROUP, Firing, SourceReport, compare, severity_of
from warroom.incident.commands import Acknowledge, CommandContext, Declare, Resolve
from warroom.incident.events import AlertCleared, AlertReceived, AlertTaken, Entry
from warroom.incident.identity import uuid7
from warroom.incident.team import Alert, TeamState, fold_team
from warroom.journal.sqlite import SqliteJournal
from warroom.room.alert_watch import REFUSED_S, AlertWatch
from warroom.room.jobs import JobRunner
from warroom.room.room import WarRoom

NAMES = ("prom", "pager", *(f"source{n}" for n in range(8)))
SETTINGS = Settings(
    services=(Service(name="Checkout"),),
    alerts={
        name: AlertSourceSettings.model_validate({"name": name, "backend": "fake", "service": "Checkout"})
        for name in NAMES
    },
)
EVERY = 30.0


@dataclass
class FakeSource:
    """A source whose answers are scripted: what fires, or an error."""

    can_acknowledge: bool = True
    can_resolve: bool = False
    ends_alerts: bool = True
    now: Sequence[Firing] | Exception = ()
    polls: int = 0
    told: list[tuple[str, str]] = field(default_factory=list)
    closed: list[tuple[str, str]] = field(default_factory=list)
    answer: str | Exception = "silenced"
    hangs: bool = False

    async def firing(self) -> Sequence[Firing]:
        self.polls += 1
        if self.hangs:
            await asyncio.Event().wait()
        if isinstance(self.now, Exception):
            raise self.now
        return self.now

    async def acknowledge(self, key: str, comment: str) -> str:
        if isinstance(self.answer, Exception):
            raise self.answer
        self.told.append((key, comment))
        return self.answer

    async def resolve(self, key: str, comment: str) -> str:
        if isinstance(self.answer, Exception):
            raise self.answer
        self.closed.append((key, comment))
        return self.answer

    async def check(self) -> str:
        return ""

    async def close(self) -> None:
        pass


class Watching:
    """A room with two sources, and the job of the first."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = Clock()
        self.sources = {name: FakeSource() for name in NAMES}
        self.prom = self.sources["prom"]
        self.room = self.another()
        self.watch = self.console(self.room)

    def another(self) -> WarRoom:
        """A room of another process on the same journal."""
        book = load_playbook(SETTINGS)
        chats = {"": FakeChat()}.__getitem__
        return WarRoom(SqliteJournal(self.path), book, SETTINGS, by="Alice", clock=self.clock, chats=chats)

    def console(self, room: WarRoom, source: str = "prom") -> AlertWatch:
        return AlertWatch(room, source, self.sources.__getitem__)

    def poll(self, *firing: Firing, later: float = EVERY, watch: AlertWatch | None = None) -> float:
        """Poll with this firing, after ``later`` seconds."""
        self.clock.later(later)
        self.prom.now = firing
        return asyncio.run((watch or self.watch).poll())

    def waiting(self) -> list[str]:
        return [one.event.name for one in self.room.team().alerts.values() if one.cleared_at is None]

    def kinds(self, incident: str) -> list[str]:
        return [row.kind for row in self.room.incident(incident).rows]


@pytest.fixture
def watching(tmp_path: Path) -> Iterator[Watching]:
    watching = Watching(tmp_path / "journal.db")
    yield watching
    watching.room.journal.close()


def fires(key: str, title: str = "HighErrorRate", minutes: float = 1, **more: Any) -> Firing:
    """An alert that began so many minutes before the start."""
    return Firing(**{"key": key, "title": title, "since": START - timedelta(minutes=minutes), **more})


# What is recorded


def test_an_alert_is_recorded_once_however_often_it_is_polled_and_clears_when_it_is_gone(
    watching: Watching,
) -> None:
    for _ in range(3):
        watching.poll(fires("a", labels={"pod": "1"}, url="https://x/1", severity="page"))
    (alert,) = watching.room.team().alerts.values()
    event = alert.event
    assert (event.name, event.source, event.service, event.severity) == (
        "HighErrorRate",
        "prom",
        "Checkout",
        "page",
    )
    assert (event.url, event.labels, event.fired_at) == ("https://x/1", {"pod": "1"}, START - timedelta(minutes=1))
    watching.poll()
    (alert,) = watching.room.team().alerts.values()
    assert alert.cleared_at == watching.clock()
    version = watching.room.team().version
    watching.poll()
    assert watching.room.team().version == version, "a quiet poll records nothing"


def test_a_poll_that_fails_clears_nothing(watching: Watching) -> None:
    watching.poll(fires("a"))
    watching.prom.now = NotSent("prom gave an answer that is not JSON")
    watching.clock.later(EVERY)
    asyncio.run(watching.watch.poll())
    assert watching.waiting() == ["HighErrorRate"]
    assert "not JSON" in str(watching.watch.problem)


def test_an_alert_that_fires_again_is_a_new_one(watching: Watching) -> None:
    watching.poll(fires("a"))
    (first,) = watching.room.team().alerts
    watching.room.dismiss_alert(first)
    watching.poll(fires("a", minutes=-1), later=120)
    assert watching.waiting() == ["HighErrorRate"]


def test_one_that_the_source_forgot_for_a_poll_waits_again(watching: Watching) -> None:
    """A restarted Alertmanager has nothing at first, and then the alerts with the times they began at."""
    watching.poll(fires("a"))
    watching.poll()
    watching.poll(fires("a"))
    assert watching.waiting() == ["HighErrorRate"]
    watching.poll(fires("a"))
    assert len(watching.room.team().alerts) == 2


def test_without_a_time_of_its_own_an_alert_is_recorded_once_and_stays_dismissed(watching: Watching) -> None:
    one = replace(fires("a"), since=None)
    watching.poll(one)
    (id,) = watching.room.team().alerts
    watching.room.dismiss_alert(id)
    watching.poll(one)
    assert watching.waiting() == []
    watching.poll()
    watching.poll(one)
    assert watching.waiting() == ["HighErrorRate"]


def test_a_silenced_alert_is_no_news_and_has_not_cleared(watching: Watching) -> None:
    watching.poll(fires("a"), fires("b", muted=True))
    watching.poll(fires("a", muted=True), fires("b", muted=True))
    assert len(watching.room.team().alerts) == 1 and watching.waiting() == ["HighErrorRate"]


def test_secrets_in_an_alert_are_masked(watching: Watching) -> None:
    watching.poll(fires("a", detail="password=hunter2hunter2", labels={"dsn": "postgres://u:s3cretpw@db/x"}))
    (alert,) = watching.room.team().alerts.values()
    assert "hunter2" not in alert.event.detail and "s3cretpw" not in alert.event.labels["dsn"]


# Bursts


def test_of_a_thousand_alerts_of_a_group_twenty_are_recorded_and_all_are_counted(watching: Watching) -> None:
    burst = [fires(f"{n}", group="disk full") for n in range(1000)]
    for _ in range(2):
        watching.poll(*burst)
    alerts = watching.room.team().alerts.values()
    assert len(alerts) == RECORDED_OF_GROUP and {one.event.group_size for one in alerts} == {1000}
    report = watching.room.source_report("prom")
    assert report and report.firing == 1000 and report.groups == {"disk full": 1000}


def test_dismissing_a_group_dismisses_those_that_were_only_counted(watching: Watching) -> None:
    burst = [fires(f"{n:04}", group="disk full") for n in range(100)]
    watching.poll(*burst)
    for id in list(watching.room.team().alerts):
        watching.room.dismiss_alert(id)
    watching.poll(*burst[10:])
    assert watching.waiting() == []
    watching.poll(*burst[10:], fires("new", group="disk full", minutes=-10), later=660)
    assert watching.waiting() == ["HighErrorRate"], "one that began afterwards is news"


def test_an_alert_that_is_seen_late_is_news_though_its_small_group_was_dismissed(watching: Watching) -> None:
    """A rule with a long "for" tells the time it began to wait, which may be before the dismissal."""
    watching.poll(fires("a", group="errors"))
    for id in list(watching.room.team().alerts):
        watching.room.dismiss_alert(id)
    watching.poll(fires("a", group="errors"), fires("b", group="errors", minutes=10))
    assert watching.waiting() == ["HighErrorRate"]


def test_declaring_from_a_group_takes_all_of_it(watching: Watching) -> None:
    watching.poll(*[fires(f"{n}", group="disk full") for n in range(30)], fires("x", "Other"))
    first = next(iter(watching.room.team().alerts))
    watching.room.declare(Declare("Checkout", "Full disks"), alert=first)
    assert watching.waiting() == ["Other"]


# Incidents


def declared(watching: Watching) -> str:
    watching.poll(fires("a"))
    (id,) = watching.room.team().alerts
    return watching.room.declare(Declare("Checkout", "No orders"), alert=id).incident.id


def test_the_source_is_told_once_that_its_incident_is_acknowledged(watching: Watching) -> None:
    incident = declared(watching)
    watching.poll(fires("a"))
    assert watching.prom.told == []
    watching.room.execute(incident, Acknowledge())
    for _ in range(2):
        watching.poll(fires("a"))
    assert watching.prom.told == [("a", f"{incident}, acknowledged in warroom")]
    assert watching.kinds(incident).count("alert source") == 1
    assert "prom was told of the alert: silenced" in [row.text for row in watching.room.incident(incident).rows]


def test_a_source_that_refuses_to_be_told_stands_in_the_timeline_and_is_not_asked_again(watching: Watching) -> None:
    incident = declared(watching)
    watching.room.execute(incident, Acknowledge())
    watching.prom.answer = Rejected("read-only token")
    for _ in range(2):
        watching.poll(fires("a"))
    rows = [row.text for row in watching.room.incident(incident).rows if row.kind == "alert source"]
    assert rows == ["prom was not told of the alert: read-only token"]


def test_a_source_that_cannot_be_reached_is_told_later(watching: Watching) -> None:
    incident = declared(watching)
    watching.room.execute(incident, Acknowledge())
    watching.prom.answer = NotSent("prom cannot be reached")
    watching.poll(fires("a"))
    assert "not told" in str(watching.watch.problem) and "alert source" not in watching.kinds(incident)
    watching.prom.answer = "silenced"
    watching.poll(fires("a"))
    assert watching.watch.problem is None and "alert source" in watching.kinds(incident)


def test_the_incident_records_that_its_alert_has_cleared(watching: Watching) -> None:
    incident = declared(watching)
    for _ in range(2):
        watching.poll()
    assert watching.kinds(incident).count("cleared") == 1
    assert watching.room.team().tracked == {}


def ticks(watching: Watching, incident: str) -> set[str]:
    return set(watching.room.incident(incident).ticks)


def test_the_checklist_ticks_acknowledge_by_the_answer_of_a_source_that_can(watching: Watching) -> None:
    incident = declared(watching)
    watching.room.execute(incident, Acknowledge())
    assert "acknowledge" not in ticks(watching, incident), "the source has not answered yet"
    watching.poll(fires("a"))
    assert "acknowledge" in ticks(watching, incident)


def test_a_refusal_ticks_nothing(watching: Watching) -> None:
    incident = declared(watching)
    watching.room.execute(incident, Acknowledge())
    watching.prom.answer = Rejected("read-only token")
    watching.poll(fires("a"))
    assert "acknowledge" not in ticks(watching, incident)


def test_without_a_source_that_can_acknowledge_the_key_ticks_it(watching: Watching) -> None:
    watching.prom.can_acknowledge = False
    incident = declared(watching)
    watching.room.execute(incident, Acknowledge())
    assert "acknowledge" in ticks(watching, incident)


def test_a_read_only_source_is_told_nothing(watching: Watching) -> None:
    watching.prom.can_resolve = True
    watching.watch._table = watching.watch._table.model_copy(update={"read_only": True})
    incident = declared(watching)
    watching.room.execute(incident, Acknowledge())
    assert "acknowledge" in ticks(watching, incident)
    watching.room.execute(incident, Resolve(reason="over"))
    watching.poll(fires("a"))
    assert watching.prom.told == watching.prom.closed == []


def test_a_resolved_incident_closes_its_alerts_at_their_source_once_and_ticks_the_item(watching: Watching) -> None:
    watching.prom.can_resolve, watching.prom.answer = True, "resolved"
    incident = declared(watching)
    watching.poll(fires("a"))
    assert watching.prom.closed == [], "it is open"
    watching.room.execute(incident, Resolve(reason="over"))
    for _ in range(2):
        watching.poll(fires("a"))
    assert watching.prom.closed == [("a", f"{incident}, resolved in warroom")]
    assert "prom was told of the end of the alert: resolved" in [
        row.text for row in watching.room.incident(incident).rows
    ]
    assert "close-alert" in ticks(watching, incident)


def test_the_item_is_not_ticked_while_an_alert_of_another_source_fires(watching: Watching) -> None:
    watching.prom.can_resolve = True
    watching.sources["pager"].now = [fires("p", "Other")]
    asyncio.run(watching.console(watching.room, "pager").poll())
    watching.poll(fires("a"))
    first, second = watching.room.team().alerts
    incident = watching.room.declare(Declare("Checkout", "No orders"), alert=first).incident.id
    watching.room.append_team(AlertTaken(alert=second, incident=incident))
    watching.room.execute(incident, Resolve(reason="over"))
    watching.poll(fires("a"))
    assert len(watching.prom.closed) == 1 and "close-alert" not in ticks(watching, incident)
    watching.sources["pager"].now = []
    watching.clock.later(EVERY)
    asyncio.run(watching.console(watching.room, "pager").poll())
    watching.poll()
    assert "close-alert" in ticks(watching, incident), "the last one has cleared"


def test_a_source_that_only_ends_its_silences_is_told_of_what_it_acknowledged_though_that_cleared(
    watching: Watching,
) -> None:
    watching.prom.can_resolve, watching.prom.ends_alerts = True, False
    incident = declared(watching)
    watching.room.execute(incident, Acknowledge())
    watching.poll(fires("a"))
    watching.poll()
    watching.room.execute(incident, Resolve(reason="over"))
    watching.poll()
    assert watching.prom.closed == [("a", f"{incident}, resolved in warroom")]


def test_one_that_refuses_to_close_an_alert_is_not_asked_again_and_one_out_of_reach_is(watching: Watching) -> None:
    watching.prom.can_resolve, watching.prom.answer = True, NotSent("prom cannot be reached")
    watching.prom.can_acknowledge = False
    incident = declared(watching)
    watching.room.execute(incident, Resolve(reason="over"))
    watching.poll(fires("a"))
    assert "not told of a resolution" in str(watching.watch.problem)
    watching.prom.answer = Rejected("read-only token")
    for _ in range(2):
        watching.poll(fires("a"))
    rows = [row.text for row in watching.room.incident(incident).rows if row.kind == "alert source"]
    assert rows == ["prom was not told of the end of the alert: read-only token"]
    assert "close-alert" not in ticks(watching, incident)


# Several consoles


def test_three_consoles_share_the_polls_of_ten_sources_and_record_each_fact_once(watching: Watching) -> None:
    rooms = [watching.room, watching.another(), watching.another()]
    for name, source in watching.sources.items():
        source.now = [fires(f"{name} {n}", f"{name} {n}") for n in range(3)]
    # A heap of what is due, as a console's event loop has it; the clock goes from one to the next.
    span, begun = 900.0, watching.clock()
    due = [(0.0, n, watching.console(room, name)) for n, room in enumerate(rooms) for name in watching.sources]
    due = [(at, place, watch) for place, (at, _, watch) in enumerate(due)]
    while due[0][0] < span:
        at, place, watch = heapq.heappop(due)
        watching.clock.at = begun + timedelta(seconds=at)
        heapq.heappush(due, (at + asyncio.run(watch.poll()), place, watch))
    for source in watching.sources.values():
        assert span / EVERY <= source.polls <= span / EVERY + 1, "as many requests as one console makes: 2 a minute"
    assert len(watching.room.team().alerts) == 3 * len(watching.sources) == 30
    for room in rooms[1:]:
        room.journal.close()


def test_two_consoles_that_poll_at_the_same_moment_record_it_once(watching: Watching) -> None:
    other = watching.another()
    firing = [replace(fires("a"), since=None)]
    stale = other.team()
    watching.poll(*firing)
    watching.console(other)._intake.record(lambda team: firing)
    assert stale.version == 0 and len(other.team().alerts) == 1
    other.journal.close()


def test_a_console_that_waits_for_another_shows_why_the_source_is_not_read(watching: Watching) -> None:
    watching.prom.now = Rejected("wrong token")
    asyncio.run(watching.watch.poll())
    other = watching.console(watching.room)
    watching.clock.later(1)
    asyncio.run(other.poll())
    assert watching.prom.polls == 1 and "wrong token" in str(other.problem)


# Failures


def test_a_source_that_fails_is_asked_ever_more_seldom_and_as_it_wishes(watching: Watching) -> None:
    def failing(error: Exception) -> float:
        watching.prom.now = error
        watching.clock.later(600)
        return asyncio.run(watching.watch.poll())

    pauses = [failing(NotSent("down")) for _ in range(5)]
    assert EVERY <= pauses[0] < pauses[1] < pauses[2] and pauses[4] <= 375
    assert failing(NotSent("slow down", retry_after=400.0)) == 400.0
    assert watching.poll(later=600) == EVERY and watching.watch.problem is None
    assert failing(Rejected("wrong token")) >= REFUSED_S


def test_a_source_that_hangs_holds_up_no_other(watching: Watching) -> None:
    watching.prom.hangs = True
    watching.sources["pager"].now = [fires("b", "Disk")]
    jobs = JobRunner()
    jobs.start(watching.watch, watching.console(watching.room, "pager"))
    try:
        version = watching.room.change_count()
        while watching.waiting() != ["Disk"]:
            version = watching.room.journal.wait_for_change(version, 10)
    finally:
        jobs.stop(0.1)


# The pure part

ALERTS = st.lists(
    st.builds(
        lambda key, group, minutes, muted: fires(str(key), group=str(group), minutes=minutes, muted=muted),
        st.integers(0, 60),
        st.integers(0, 3),
        st.integers(1, 3),
        st.booleans(),
    ),
    max_size=60,
)


@given(polls=st.lists(ALERTS, max_size=5))
def test_whatever_is_polled_what_waits_fires_and_no_group_outgrows_its_bound(polls: list[list[Firing]]) -> None:
    team, now, book = TeamState(), START, load_playbook(SETTINGS)
    for firing in polls:
        now += timedelta(seconds=30)
        context = CommandContext(book, now, "", now.date(), partial(uuid7, now, bytes(10)))
        changes = compare("prom", firing, team, now)
        news = [one.entry(context) for one in changes.received]
        events: list[Any] = [AlertCleared(alert=known.alert.id, name="x") for known in changes.cleared]
        ids = [uuid7(now, bytes([n] * 10)) for n in range(len(events))] + [one.id for one in news]
        events += [one.event for one in news]
        entries = [
            Entry(stream="team", seq=team.version + n, id=id, at=now, by="", event=event)
            for n, (id, event) in enumerate(zip(ids, events, strict=True), 1)
        ]
        team = fold_team(entries, team)
        keys = [known.alert.event.fingerprint for known in team.tracked.values()]
        assert len(keys) == len(set(keys)) and set(keys) <= {one.key for one in firing}
        assert compare("prom", firing, team, now) == ((), ()), "the same again is no news"
        sizes: dict[str, int] = {}
        for known in team.tracked.values():
            sizes[known.alert.event.group] = sizes.get(known.alert.event.group, 0) + 1
        # An alert that changes its group keeps the one it was recorded with.
        assert all(size <= 2 * RECORDED_OF_GROUP for size in sizes.values())


@pytest.mark.parametrize(
    ("name", "word", "own", "severity"),
    [
        ("service_down_5min", "", {}, "critical"),
        ("queue_depth_1000", "critical", {}, "medium"),
        ("X", "warning", {}, "medium"),
        ("X", "P2", {}, "high"),
        ("X", "page", {}, "critical"),
        ("X", "page", {"Page": "high"}, "high"),
        ("queue_depth_1000", "page", {"page": "low"}, "low"),
        ("X", "low", {}, "low"),
        ("X", "odd", {}, ""),
        ("X", "", {}, ""),
    ],
)
def test_the_severity_comes_from_the_teams_words_then_the_playbooks_rules_then_common_words(
    name: str, word: str, own: dict[str, str], severity: str
) -> None:
    book = load_playbook(SETTINGS)
    alert = Alert(UUID(int=1), 1, START, AlertReceived(name=name, severity=word))
    ids = [one.id for one in book.severities]
    assert severity_of(alert, ids, book.alerts.critical, book.alerts.warning, own) == severity


def test_a_report_survives_its_own_text_and_no_other() -> None:
    report = SourceReport(START, START, START + timedelta(seconds=30), 3, "", {"disk": 30}, True)
    assert SourceReport.from_json(report.to_json()) == report
    for text in ("", "{}", "[1]", '{"at": ""}', report.to_json().replace("+00:00", "")):
        assert SourceReport.from_json(text) is None
