"""Pages go out in time, once, and not after somebody acknowledged; handovers are told once over all consoles."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from harness.fakes import Clock, FakeChat

from warroom.config.escalation import Escalation
from warroom.config.loading import load_playbook
from warroom.config.rota import OnCall, ScheduleReport, Shift, schedule_key
from warroom.config.settings import Destination, IntegrationSettings, Person, Settings, Team
from warroom.errors import NotSent, Refusal
from warroom.incident.commands import Acknowledge, Declare, Resolve, SetSeverity
from warroom.incident.delivery import Delivery, DeliveryState
from warroom.incident.events import TEAM
from warroom.incident.on_call_events import OnCallHandover
from warroom.incident.requests import Page
from warroom.incident.roles import Assign
from warroom.journal.sqlite import SqliteJournal
from warroom.room.escalation import escalate, escalation_state, follow, page_by_hand
from warroom.room.on_call import contact_list, swap_turns, take_on_call
from warroom.room.outbox import OutboxWorker
from warroom.room.room import WarRoom
from warroom.room.rota_watch import ScheduleWatch, tell_handover
from warroom.room.snapshot import home_snapshot, incident_snapshot

STEPS = [
    {"after": "0m", "page": ["on-call"], "through": ["pager"]},
    {"after": "5m", "page": ["next"]},
    {"after": "15m", "page": ["everyone"]},
]


class Watchroom:
    """Several consoles on one journal. Alice is on call until Monday 09:00, then Bob, then Carol."""

    def __init__(self, folder: Path) -> None:
        self.path, self.clock, self.chat = folder / "journal.db", Clock(), FakeChat()
        people = [Person(name="Alice", phone="+49 1", email="alice@example.com"), Person(name="Bob", phone="+49 2")]
        people += [Person(name="Carol", roles=("incident_commander",))]
        self.settings = Settings(
            team=Team(people=tuple(people)),
            on_call=OnCall(rotation=("Alice", "Bob", "Carol"), starts=date(2026, 1, 26)),
            escalation=Escalation.model_validate({"steps": STEPS}),
            paging={
                "pager": IntegrationSettings(name="pager", backend="fake"),
                "sms": IntegrationSettings(name="sms", backend="fake"),
            },
            destinations={"chat": Destination(name="chat", backend="fake")},
        )
        self.rooms: list[WarRoom] = []
        self.room = self.console()

    def console(self, by: str = "Ada") -> WarRoom:
        settings = self.settings
        journal = SqliteJournal(self.path)
        chats = lambda _: self.chat  # noqa: E731
        room = WarRoom(journal, load_playbook(settings), settings, by=by, clock=self.clock, chats=chats)
        room.consequences.append(partial(follow, room))
        self.rooms.append(room)
        return room

    def declare(self, severity: str = "critical", *, drill: bool = False) -> str:
        return self.room.declare(Declare("checkout", "No orders", severity, drill=drill)).incident.id

    def pages(self, incident: str) -> list[tuple[str, str, tuple[str, ...]]]:
        found = [(one.destination, one.item.request) for one in self.room.deliveries(incident)]
        return [(to, page.change, page.people) for to, page in found if isinstance(page, Page)]


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Watchroom]:
    made = Watchroom(tmp_path)
    yield made
    for room in made.rooms:
        room.journal.close()


ALICE, EVERYONE = ("Alice",), ("Alice", "Bob", "Carol")


def test_a_declaration_pages_who_is_on_call_in_its_own_transaction(watch: Watchroom) -> None:
    incident = watch.declare()
    assert watch.pages(incident) == [("pager", "trigger", ALICE)]
    texts = [row.text for row in watch.room.incident(incident).rows if row.kind == "request"]
    assert texts == ["page Alice (declared) · pager"]


def test_each_step_is_taken_once_however_many_consoles_look(watch: Watchroom) -> None:
    incident, other = watch.declare(), watch.console("Bob")
    for minutes in (4, 1, 1, 9, 30):
        watch.clock.later(minutes=minutes)
        for room in (watch.room, other):
            escalate(room)
    both = [("pager", "trigger", ("Bob",)), ("sms", "trigger", ("Bob",))]
    all_of_them = [("pager", "trigger", EVERYONE), ("sms", "trigger", EVERYONE)]
    assert watch.pages(incident) == [("pager", "trigger", ALICE), *both, *all_of_them]


def test_a_step_says_why_and_when_it_comes_late(watch: Watchroom) -> None:
    incident = watch.declare()
    watch.clock.later(minutes=5)
    escalate(watch.room)
    watch.clock.later(minutes=22)
    escalate(watch.room)
    texts = [row.text for row in watch.room.incident(incident).rows if row.kind == "request"]
    assert "page Bob (nobody acknowledged within 5 min) · sms" in texts
    assert texts[-1] == "page Alice, Bob, Carol (nobody acknowledged within 15 min; 12 min late) · sms"


def test_an_acknowledgement_ends_it_and_who_paged_is_told(watch: Watchroom) -> None:
    incident = watch.declare()
    watch.room.execute(incident, Acknowledge())
    watch.clock.later(hours=1)
    escalate(watch.room)
    assert watch.pages(incident) == [("pager", "trigger", ALICE), ("pager", "acknowledge", ALICE)]
    watch.room.execute(incident, Resolve("it is a test"))
    assert watch.pages(incident)[2:] == [("pager", "resolve", ALICE)]
    assert escalation_state(watch.room, watch.room.incident(incident)) is None


def test_only_the_severities_named_are_escalated_and_counted_from_when_they_are(watch: Watchroom) -> None:
    incident = watch.declare("high")
    watch.clock.later(hours=1)
    escalate(watch.room)
    assert watch.pages(incident) == []
    watch.room.execute(incident, SetSeverity("critical"))
    escalate(watch.room)
    assert watch.pages(incident) == [("pager", "trigger", ALICE)]


def test_a_drill_pages_nobody_but_through_a_service_meant_for_it(watch: Watchroom) -> None:
    incident = watch.declare(drill=True)
    assert watch.pages(incident) == [] and escalation_state(watch.room, watch.room.incident(incident)) is None
    watch.settings.paging["pager"] = IntegrationSettings(name="pager", backend="fake", drills=True)
    assert watch.pages(watch.declare(drill=True)) == [("pager", "trigger", ALICE)]


def test_where_nothing_looks_it_is_said_that_nobody_was_paged(watch: Watchroom) -> None:
    incident = watch.declare()
    watch.clock.later(minutes=12)
    state = incident_snapshot(watch.room, incident).escalation
    assert state and state.problem(watch.clock()) == (
        "no console or warroom watch was running for 12 min: nobody was paged"
    )
    (at_home,) = home_snapshot(watch.room).escalations
    assert at_home == state
    escalate(watch.room)
    state = incident_snapshot(watch.room, incident).escalation
    assert state and state.problem(watch.clock()) == "" and state.text(watch.clock()) == "pages everyone in 3 min"


def test_a_page_by_hand_names_who_and_why_and_a_service_that_is_not_there_is_refused(watch: Watchroom) -> None:
    incident = watch.declare("low")
    page_by_hand(watch.room, incident, ["Bob"], ["sms"], "the rollback needs you")
    assert watch.pages(incident) == [("sms", "trigger", ("Bob",))]
    assert watch.room.incident(incident).rows[-1].text == "page Bob (the rollback needs you) · sms"
    with pytest.raises(Refusal):
        page_by_hand(watch.room, watch.declare(drill=True), ["Bob"], [], "")


# Handovers


def handovers(room: WarRoom, stream: str) -> list[str]:
    return [one.event.words for one in room.journal.read(stream) if isinstance(one.event, OnCallHandover)]


def posts(room: WarRoom, stream: str) -> list[Delivery]:
    found = room.journal.deliveries(stream)
    return [one for one in found if one.item.message and one.item.message.kind == "note"]


def test_a_handover_is_posted_once_to_the_team_and_named_in_each_open_incident(watch: Watchroom) -> None:
    incident = watch.declare("low")
    watch.room.execute(incident, Assign("incident_commander", "Alice"))
    watch.clock.at = datetime(2026, 2, 2, 9, 0, 5, tzinfo=UTC)
    for room in (watch.room, watch.console(), watch.room):
        tell_handover(room)
    assert handovers(watch.room, TEAM) == ["Bob is on call until Mon 09 Feb 09:00, then Carol"]
    assert handovers(watch.room, incident) == ["Bob is on call now (before: Alice)"]
    assert len(posts(watch.room, TEAM)) == len(posts(watch.room, incident)) == 1
    steps = incident_snapshot(watch.room, incident).next_steps(watch.clock())
    assert "Bob is on call now: hand over?" in [step.text for step in steps]
    OutboxWorker(watch.room).drain(2.0)
    assert {one.state for one in posts(watch.room, TEAM)} == {DeliveryState.DELIVERED}
    said = [message.text for message in watch.chat.messages]
    assert said.count("Bob is on call until Mon 09 Feb 09:00, then Carol") == 1


def test_a_handover_that_was_long_ago_is_not_told(watch: Watchroom) -> None:
    watch.clock.at = datetime(2026, 2, 3, 9, 0, tzinfo=UTC)
    tell_handover(watch.room)
    assert handovers(watch.room, TEAM) == []


def test_a_swap_and_a_taken_hour_are_seen_by_every_console(watch: Watchroom) -> None:
    other = watch.console()
    swap_turns(watch.room, "Alice", "Bob", date(2026, 1, 28))
    assert other.rota().person(watch.clock()) == "Bob" and home_snapshot(other).on_call == "Bob"
    take_on_call(other, "Carol", watch.clock(), watch.clock() + timedelta(hours=2))
    assert watch.room.rota().person(watch.clock()) == "Carol"
    assert watch.room.rota().person(watch.clock() + timedelta(hours=2)) == "Bob"


def test_who_to_call_lists_everybody_once_who_is_on_call_first(watch: Watchroom) -> None:
    incident = watch.declare("low")
    watch.room.execute(incident, Assign("incident_commander", "Carol"))
    found = contact_list(watch.room, watch.room.incident(incident))
    assert [(one.name, one.because, one.phone) for one in found] == [
        ("Alice", "on call now", "+49 1"),
        ("Carol", "incident commander", ""),
        ("Bob", "on call from Mon 02 Feb 09:00", "+49 2"),
    ]


# The schedule of a paging service


class Service:
    """A paging service with a schedule, or none that answers."""

    def __init__(self) -> None:
        self.asked, self.down = 0, False

    async def shifts(self, since: datetime, until: datetime) -> list[Shift]:
        self.asked += 1
        if self.down:
            raise NotSent("PagerDuty cannot be reached")
        return [Shift("ALICE@example.com", since, until)]

    async def close(self) -> None: ...


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_schedule_is_asked_by_one_console_and_its_last_answer_is_kept(watch: Watchroom) -> None:
    watch.settings = watch.settings.model_copy(update={"on_call": OnCall.model_validate({"schedule": "pager"})})
    service = Service()
    jobs = [ScheduleWatch(watch.console(), "pager", lambda _: service) for _ in range(3)]
    for job in jobs:
        await job.look()
    room = watch.rooms[-1]
    assert service.asked == 1 and room.rota().person(watch.clock()) == "Alice"
    service.down = True
    watch.clock.later(hours=1)
    await jobs[1].look()
    assert jobs[1].problem and "cannot be reached" in str(jobs[1].problem)
    rota = room.rota()
    assert rota.person(watch.clock()) == "Alice"
    assert rota.doubt(watch.clock()) == "as pager said 1 h ago: PagerDuty cannot be reached"
    assert ScheduleReport.from_json(room.journal.observation(schedule_key("pager"))).asked_at == watch.clock()


def test_a_console_runs_what_the_settings_of_on_call_ask_for(tmp_path: Path) -> None:
    from harness.fakes import START

    from warroom.bootstrap import open_context

    (tmp_path / "settings.toml").write_text(
        '[on_call]\nschedule = "pager"\n[escalation]\nsteps = [{ after = "0m", page = ["on-call"] }]\n'
        '[paging.pager]\nbackend = "http"\nurl = "http://127.0.0.1:9"\ntrigger = { path = "/page" }\n'
    )
    environ = {"HOME": str(tmp_path), "WARROOM_AS": "Ada"}
    with open_context(tmp_path / "settings.toml", tmp_path, environ=environ, clock=lambda: START) as context:
        assert [job.name for job in context.background_jobs()] == [
            "outbox",
            "reminders",
            "escalation",
            "on call",
            "schedule",
        ]
        incident = context.room.declare(Declare("checkout", "No orders")).incident.id
        assert [one.destination for one in context.room.deliveries(incident) if one.item.request] == ["pager"]
