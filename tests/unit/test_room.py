"""Floor 4: the room on a virtual clock and a real journal: what a person does is kept whole, safe, and seen."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from harness.fakes import Clock, FakeChat
from hypothesis import given
from hypothesis import strategies as st

from warroom.config.loading import load_playbook
from warroom.config.rota import OnCall
from warroom.config.settings import Destination, Person, Settings, Team
from warroom.connect.ports import Chat
from warroom.errors import BadInput, Conflict, JournalError, JustPosted, NotFound, NotSaved, Refusal
from warroom.incident.alerts import ReceiveAlert
from warroom.incident.commands import (
    Acknowledge,
    AddAction,
    Check,
    Close,
    Command,
    Declare,
    Note,
    Pin,
    RecordChat,
    RecordFix,
    Reopen,
    Resolve,
    SetSeverity,
    WriteSection,
)
from warroom.incident.delivery import Channel, DeliveryState, Message
from warroom.incident.events import TEAM, ReadinessConfirmed, UpdatePosted, parse_event
from warroom.incident.roles import Assign
from warroom.journal.sqlite import SqliteJournal
from warroom.room import room as rooms
from warroom.room.drafts import OpenedDraft
from warroom.room.room import WarRoom
from warroom.safety import redact, sanitize

START = datetime(2026, 1, 28, 12, 0, tzinfo=UTC)
PLAYBOOK = load_playbook(Settings())
SECRET = "ghp_0123456789abcdefghijABCDEFGHIJ012345"
SETTINGS = Settings(
    team=Team(
        name="Checkout",
        company="Northwind",
        timezone="Europe/Berlin",
        people=(Person(name="Ada"), Person(name="Bo"), Person(name="Cy")),
    ),
    on_call=OnCall.model_validate({"rotation": ("Bo", "Ada"), "starts": START - timedelta(days=1)}),
    destinations={
        name: Destination.model_validate({"name": name, "backend": "plain", **more})
        for name, more in {
            "chat": {},
            "log": {"drills": True, "audiences": ["team", "customers", "executives"]},
            "public": {"audiences": ["customers"]},
        }.items()
    },
)


class PlainChat(FakeChat):
    """A chat that is only asked what it would send."""

    def render(self, message: Message) -> str:
        return f"*{message.text}*"


class Office:
    """A data folder, with as many rooms on it as are asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = Clock()
        self.journals: list[SqliteJournal] = []
        self.room = self.console("Ada")

    def console(self, by: str) -> WarRoom:
        self.journals.append(SqliteJournal(self.path))

        def chat(name: str) -> Chat:
            return PlainChat(dedupes=True, reads_back=True, max_length=300)

        return WarRoom(self.journals[-1], PLAYBOOK, SETTINGS, by=by, clock=self.clock, chats=chat)

    def declare(self, **more: Any) -> str:
        return self.room.declare(Declare("checkout-api", "No orders", "critical", **more)).incident.id

    def close(self) -> None:
        for journal in self.journals:
            journal.close()


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path / "journal.sqlite")
    yield made
    made.close()


def posted(room: WarRoom, incident: str) -> list[UpdatePosted]:
    return [post.update for post in room.incident(incident).posts]


def acts(room: WarRoom, incident: str) -> list[tuple[str, str, int]]:
    return [(d.item.operation, d.destination, d.seq) for d in room.deliveries(incident)]


# declare


def test_declaring_writes_the_facts_and_posts_the_declaration_in_one_go(office: Office) -> None:
    done = office.room.declare(Declare("checkout-api", "No orders", "critical"), commander="Ada")
    kinds = [entry.kind for entry in done.entries]
    assert kinds[0] == "declared" and {"assigned", "update"} <= set(kinds)
    assert done.incident.commander == "Ada" and done.incident.id == "INC-1"
    assert {"severity", "commander", "first-update"} <= set(done.incident.ticks)
    (post,) = posted(office.room, "INC-1")
    assert (post.message, post.audience, post.destinations) == ("declaration", "team", ("chat", "log"))
    assert "INCIDENT DECLARED" in post.title and "No orders" in post.words and post.words.endswith("INC-1·u1")
    update = next(entry.seq for entry in done.entries if entry.kind == "update")
    assert acts(office.room, "INC-1") == [
        ("open", "chat", 1),
        ("open", "log", 1),
        ("post", "chat", update),
        ("post", "log", update),
        ("status", "chat", update),
        ("status", "log", update),
    ]
    message = office.room.deliveries()[2].item.message
    assert message and message.pin and message.marker == "INC-1·u1"
    assert post.next_update_at == START + timedelta(minutes=15)


def test_a_declaration_that_fails_leaves_nothing_behind(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong in (
        Declare("", "x"),
        Declare("web", "x", "awful"),
        Declare("web", "x", started_at=START + timedelta(1)),
    ):
        with pytest.raises((BadInput, NotFound, Refusal)):
            office.room.declare(wrong)

    def full(*given: Any, **more: Any) -> Any:
        raise NotSaved("Not saved: the disk is full", "Free some space.")

    with monkeypatch.context() as broken:
        broken.setattr(SqliteJournal, "_write_items", full)
        with pytest.raises(NotSaved):
            office.room.declare(Declare("web", "x"))
    assert office.room.summaries() == [] and office.room.deliveries() == []
    with pytest.raises(NotFound):
        office.room.incident("INC-1")


def test_an_alert_that_is_declared_is_taken_and_told_in_the_incident(office: Office) -> None:
    office.room.receive_alert(ReceiveAlert("error_rate", "prometheus", "checkout-api", "54 %"))
    office.room.receive_alert(ReceiveAlert("queue"))
    first, second = office.room.team().alerts.values()
    assert first.event.fired_at == START
    done = office.room.declare(Declare("checkout-api", "No orders"), alert=first.id)
    assert "error_rate (prometheus): 54 %" in [row.text for row in done.incident.rows]
    assert list(office.room.team().alerts) == [second.id]
    office.room.dismiss_alert(second.id)
    assert office.room.team().alerts == {} and office.console("Bo").team().alerts == {}


def test_an_incident_that_is_declared_is_declared_even_if_its_alert_could_not_be_taken(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.room.receive_alert(ReceiveAlert("error_rate"))
    append = office.room.journal.append

    def full_for_the_team(stream: str, *given: Any, **more: Any) -> Any:
        if stream == TEAM:
            raise NotSaved("Not saved: the disk is full", "Free some space.")
        return append(stream, *given, **more)

    monkeypatch.setattr(office.room.journal, "append", full_for_the_team)
    done = office.room.declare(Declare("web", "down"), alert=next(iter(office.room.team().alerts)))
    assert done.incident.open and office.room.team().alerts, "said as declared; the alert still waits"


def test_a_drill_is_marked_and_reaches_only_what_is_meant_for_drills(office: Office) -> None:
    incident = office.declare(drill=True)
    office.room.post_update(incident, "update", {"next_update": "+15m"})
    office.room.post_update(incident, "customer_initial", {}, approved_by="Ada")
    assert {delivery.destination for delivery in office.room.deliveries(incident)} == {"log"}
    assert all("DRILL" in m.text for d in office.room.deliveries() if (m := d.item.message) and m.kind == "status")


def test_the_alert_of_a_drill_declares_a_drill(office: Office) -> None:
    office.room.receive_alert(ReceiveAlert("error_rate", "monitor", drill=True))
    (alert,) = office.room.team().alerts.values()
    done = office.room.declare(Declare("web", "down"), alert=alert.id)
    assert done.incident.drill
    assert {delivery.destination for delivery in office.room.deliveries(done.incident.id)} == {"log"}


def test_an_alert_that_an_earlier_version_kept_declares_a_real_incident(office: Office) -> None:
    event = parse_event('{"kind": "alert", "name": "errors", "source": "drill: monitor"}')
    office.room.journal.append(TEAM, 0, [event], at=START, by="Ada")
    (alert,) = office.room.team().alerts.values()
    assert not office.room.declare(Declare("web", "down"), alert=alert.id).incident.drill


# several incidents


def test_several_incidents_are_open_at_once_and_have_to_be_named(office: Office) -> None:
    with pytest.raises(NotFound, match="There is no incident"):
        office.room.the_incident(None)
    first, second = office.declare(), office.declare()
    assert (first, second) == ("INC-1", "INC-2")
    with pytest.raises(Refusal, match="Several incidents are open") as raised:
        office.room.the_incident(None)
    assert "INC-1" in raised.value.remedy and "INC-2" in raised.value.remedy
    assert office.room.the_incident("inc-2").id == "INC-2"
    office.room.execute(first, Resolve("over"))
    assert office.room.the_incident(None).id == second
    office.room.execute(second, Resolve("over"))
    assert office.room.the_incident(None).id == second, "the latest one has its follow-up"
    with pytest.raises(NotFound):
        office.room.the_incident("INC-9")


def test_what_is_done_to_one_incident_does_not_touch_another(office: Office) -> None:
    first, second = office.declare(), office.declare()
    office.room.execute(first, RecordFix("Rolled back"))
    office.room.execute(first, SetSeverity("low", "fixed"))
    assert office.room.incident(second).fixes == [] and office.room.incident(second).severity == "critical"
    assert [entry.seq for entry in office.journals[0].read(first)] == list(
        range(1, len(office.journals[0].read(first)) + 1)
    )


def test_the_summary_of_each_incident_is_what_its_entries_tell(office: Office) -> None:
    first, second = office.declare(), office.declare()
    for command in (
        Acknowledge(),
        Assign("technical_lead", "Bo"),
        AddAction("Alert", "Cy", "2026-02-01"),
        Check("journeys"),
    ):
        office.room.execute(first, command)
    office.room.execute(second, Resolve("over"))
    office.room.execute(second, WriteSection("root_cause", "The pool"))
    assert [row.id for row in office.room.summaries()] == [second, first]
    for row in office.room.summaries():
        assert row == rooms.summarise(office.room.incident(row.id), PLAYBOOK)


def test_a_summary_of_another_version_is_made_anew_from_the_entries(office: Office) -> None:
    incident = office.declare()
    journal = office.journals[0]
    length = journal.version(incident)
    for odd in ("{}", "not json", "[]", json.dumps({"id": incident, "colour": "red"}), "null", '"x"'):
        journal.append(incident, length, [], at=START, by="", summary=odd)
        assert [row.id for row in office.room.summaries()] == [incident]
        assert office.room.summaries()[0].severity == "critical"


# doing


def test_a_command_is_kept_with_who_did_it_and_when(office: Office) -> None:
    incident = office.declare()
    office.clock.later(minutes=3)
    mine = office.room.execute(incident, Note("Looking"))
    theirs = office.room.execute(incident, Note("Me too"), by="Bo")
    assert [(e.by, e.at) for e in (*mine.entries, *theirs.entries)] == [
        ("Ada", office.clock()),
        ("Bo", office.clock()),
    ]
    received = office.room.record_chat(incident, RecordChat("Cy", "slack", "on my way"))
    assert received.entries[0].by == "Cy"


def test_what_was_written_does_not_turn_into_an_error_when_it_cannot_be_read(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    incident = office.declare()
    append, read = office.room.journal.append, office.room.journal.read

    def broken(*given: Any) -> Any:
        raise JournalError("The journal cannot be read: the disk gave an error", "Check the disk.")

    def then_breaks(*given: Any, **more: Any) -> Any:
        monkeypatch.setattr(office.room.journal, "read", broken)
        return append(*given, **more)

    monkeypatch.setattr(office.room.journal, "append", then_breaks)
    done = office.room.execute(incident, Note("kept"))
    monkeypatch.setattr(office.room.journal, "read", read)
    assert done.incident.rows[-1].text == "kept"
    assert done.incident == office.room.incident(incident) == office.console("Bo").incident(incident)


def test_a_refused_command_leaves_no_trace(office: Office) -> None:
    incident = office.declare()
    before = office.room.incident(incident)
    count = office.room.change_count()
    for command in (Resolve(), Reopen("x"), Close("x"), Check("severity"), SetSeverity("low")):
        with pytest.raises(Refusal):
            office.room.execute(incident, command)
    with pytest.raises(NotFound):
        office.room.execute("INC-9", Acknowledge())
    assert office.room.incident(incident) is before and office.room.change_count() == count


def test_two_desks_on_one_folder_see_each_other(office: Office) -> None:
    other = office.console("Bo")
    incident = office.declare()
    before = other.change_count()
    assert other.incident(incident).open
    office.room.execute(incident, Acknowledge())
    assert other.change_count() != before
    assert "acknowledged" in other.incident(incident).milestones
    other.execute(incident, Assign("technical_lead", "Bo"))
    assert office.room.incident(incident) == other.incident(incident)
    with pytest.raises(Refusal, match="already acknowledged"):
        other.execute(incident, Acknowledge())


def test_what_was_decided_on_an_old_state_is_decided_anew(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    other = office.console("Bo")
    incident = office.declare()
    _meanwhile(monkeypatch, office.room, lambda: other.execute(incident, Note("Me first")))
    office.room.execute(incident, AddAction("Mine"))
    assert [row.text for row in office.room.incident(incident).rows][-2:] == ["Me first", "A1 Mine"]

    _meanwhile(monkeypatch, office.room, lambda: other.execute(incident, AddAction("Theirs")))
    office.room.execute(incident, AddAction("Mine too"))
    assert [a.words for a in office.room.incident(incident).actions.values()] == ["Mine", "Theirs", "Mine too"]

    _meanwhile(monkeypatch, office.room, lambda: other.execute(incident, Acknowledge()))
    with pytest.raises(Refusal, match="already acknowledged"):
        office.room.execute(incident, Acknowledge())


def _meanwhile(monkeypatch: pytest.MonkeyPatch, room: WarRoom, other: Callable[[], object]) -> None:
    """Let ``other`` write between this room's deciding and its writing, once."""
    append = room.journal.append

    def late(*given: Any, **more: Any) -> Any:
        monkeypatch.setattr(room.journal, "append", append)
        other()
        return append(*given, **more)

    monkeypatch.setattr(room.journal, "append", late)


def test_two_updates_at_the_same_moment_get_numbers_and_markers_of_their_own(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = office.console("Bo")
    incident = office.declare()
    _meanwhile(
        monkeypatch,
        office.room,
        lambda: other.post_update(incident, "executive", {}),
    )
    office.room.post_update(incident, "update", {"next_update": "+15m"})
    assert [post.number for post in office.room.incident(incident).posts] == [1, 2, 3]
    messages = [d.item.message for d in office.room.deliveries(incident) if d.item.operation == "post"]
    markers = [m.marker for m in messages if m]
    assert sorted(set(markers)) == ["INC-1·u1", "INC-1·u2", "INC-1·u3"]
    for post, number in zip(posted(office.room, incident), (1, 2, 3), strict=True):
        assert post.words.endswith(f"INC-1·u{number}"), "what it says of itself is its own number"
    assert all(m.text.endswith(m.marker) for m in messages if m)


# two people, one update


MESSAGES = ("update", "executive", "customer_initial")
"""A template for each audience."""


def post(room: WarRoom, incident: str, template: str, **how: Any) -> int:
    """Post what the template drafts; the update's number."""
    return room.post_update(incident, template, {}, approved_by="Ada", **how).incident.posts[-1].number


@pytest.mark.parametrize("template", MESSAGES)
def test_a_second_update_within_a_minute_of_somebody_elses_is_asked_about(office: Office, template: str) -> None:
    bo, incident = office.console("Bo"), office.declare()
    number = post(office.room, incident, template)
    office.clock.later(seconds=20)
    with pytest.raises(JustPosted) as refused:
        post(bo, incident, template)
    assert f"Ada posted update #{number} to " in refused.value.title and " 20 s ago: " in refused.value.title
    assert refused.value.number == number and "--anyway" in refused.value.remedy
    assert len(posted(office.room, incident)) == number, "nothing was posted"
    assert post(bo, incident, template, seen=number) == number + 1


@pytest.mark.parametrize("template", ["resolution", "customer_resolution"])
def test_a_second_all_clear_is_asked_about_too(office: Office, template: str) -> None:
    bo, incident = office.console("Bo"), office.declare()
    office.room.execute(incident, Resolve("gone by itself"))
    post(office.room, incident, template)
    with pytest.raises(JustPosted):
        post(bo, incident, template)


def test_having_read_one_update_is_not_having_read_the_next(office: Office) -> None:
    bo, cy, incident = office.console("Bo"), office.console("Cy"), office.declare()
    number = post(office.room, incident, "update")
    post(cy, incident, "update", seen=number)
    with pytest.raises(JustPosted) as refused:
        post(bo, incident, "update", seen=number)
    assert refused.value.number == number + 1


def test_what_is_not_a_second_update_is_posted_without_a_question(office: Office) -> None:
    bo, incident = office.console("Bo"), office.declare()
    post(bo, incident, "update")  # after the declaration, which is somebody else's
    post(bo, incident, "update")  # after one's own
    post(office.room, incident, "executive")  # to other readers
    office.clock.later(seconds=61)
    post(office.room, incident, "update")


def test_of_two_consoles_that_post_at_once_one_is_asked(office: Office) -> None:
    incident = office.declare()
    consoles = [office.console("Bo"), office.console("Cy")]
    for _ in range(10):
        office.clock.later(minutes=2)
        before, start = len(posted(office.room, incident)), threading.Barrier(2)
        asked: list[str] = []

        def press(room: WarRoom, start: threading.Barrier = start, asked: list[str] = asked) -> None:
            start.wait(10)
            try:
                post(room, incident, "update")
            except JustPosted:
                asked.append(room.by)

        threads = [threading.Thread(target=press, args=(room,)) for room in consoles]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert len(asked) == 1 and len(posted(office.room, incident)) == before + 1


# drafts


def test_a_draft_belongs_to_who_typed_it(office: Office) -> None:
    bo, incident = office.console("Bo"), office.declare()
    office.room.save_draft(incident, "update", "half a sen")
    assert bo.open_draft(incident, "update").text == bo.saved_draft(incident, "update") == ""
    bo.save_draft(incident, "update", "mine")
    bo.save_draft(incident, "update", "")
    post(bo, incident, "update")
    assert office.room.open_draft(incident, "update") == OpenedDraft("half a sen")


@pytest.mark.parametrize("others", [False, True])
def test_a_draft_kept_without_its_author_goes_to_one_person_and_says_so(office: Office, others: bool) -> None:
    bo, incident = office.console("Bo"), office.declare()
    if others:
        bo.execute(incident, Note("seen on eu-1"))
    office.journals[0].save_draft(f"{incident}/update", "half a sen")  # as 0.1.0 kept it
    # Where nobody else has written in the incident, it can be nobody else's.
    assert office.room.open_draft(incident, "update") == OpenedDraft("half a sen", ownerless=others)
    assert office.room.open_draft(incident, "update") == OpenedDraft("half a sen"), "it is said once"
    assert bo.open_draft(incident, "update") == OpenedDraft()


def test_a_draft_kept_without_its_author_never_replaces_ones_own(office: Office) -> None:
    incident = office.declare()
    office.room.save_draft(incident, "update", "mine")
    office.journals[0].save_draft(f"{incident}/update", "somebody's")
    assert office.room.open_draft(incident, "update") == OpenedDraft("mine")
    assert office.journals[0].draft(f"{incident}/update") == "somebody's"


def test_a_conflict_that_never_ends_is_told(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    incident = office.declare()

    def never(*given: Any, **more: Any) -> Any:
        raise Conflict("Bo added 1 entry meanwhile", "Look at what is new, then do it again.")

    monkeypatch.setattr(office.room.journal, "append", never)
    with pytest.raises(Conflict):
        office.room.execute(incident, Note("x"))
    with pytest.raises(Conflict):
        office.room.confirm_ready("on-call")


def test_many_desks_at_once_lose_nothing_and_leave_no_gap(office: Office) -> None:
    incident = office.declare()
    before = len(office.room.incident(incident).rows)
    consoles = [office.console(f"RoomHarness {n}") for n in range(4)]
    failures: list[Exception] = []

    def work(room: WarRoom) -> None:
        for turn in range(10):
            for _ in range(50):
                try:
                    room.execute(incident, AddAction(f"{room.by} {turn}"))
                    break
                except Conflict:
                    continue
                except Exception as error:  # noqa: BLE001 — a thread's failure is the test's
                    failures.append(error)
                    return

    threads = [threading.Thread(target=work, args=(room,)) for room in consoles]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    after = office.room.incident(incident)
    assert [row.number for row in after.rows] == list(range(1, len(after.rows) + 1))
    assert sorted(item.words for item in after.actions.values()) == sorted(
        f"RoomHarness {n} {turn}" for n in range(4) for turn in range(10)
    )
    assert list(after.actions) == [f"A{n}" for n in range(1, 41)]
    assert len(after.rows) == before + 40


def test_one_room_is_safe_from_many_threads(office: Office) -> None:
    incident = office.declare()
    failures: list[Exception] = []

    def work(name: int) -> None:
        try:
            for turn in range(10):
                office.room.execute(incident, Note(f"{name} {turn}"))
                office.room.incident(incident)
                office.room.summaries()
                office.room.team()
        except Exception as error:  # noqa: BLE001 — a thread's failure is the test's
            failures.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    notes = [row.text for row in office.room.incident(incident).rows if row.kind == "note"]
    assert sorted(notes) == sorted(f"{n} {turn}" for n in range(4) for turn in range(10))


# updates


def test_the_status_message_follows_what_it_tells_and_nothing_else(office: Office) -> None:
    incident = office.declare()
    statuses = len([1 for act, *_ in acts(office.room, incident) if act == "status"])
    assert statuses == 2

    def told_by(command: Command) -> list[str]:
        seq = office.room.execute(incident, command).entries[0].seq
        return [
            d.destination for d in office.room.deliveries(incident) if d.item.operation == "status" and d.seq >= seq
        ]

    assert told_by(Note("x")) == [] and told_by(Check("components")) == []
    assert told_by(SetSeverity("high", "less")) == ["chat", "log"]
    assert told_by(Assign("incident_commander", "Bo")) == ["chat", "log"]
    pending = [d for d in office.room.deliveries(incident) if d.item.operation == "status"]
    assert len(pending) == 2, "only the newest waits to be sent"
    message = pending[0].item.message
    assert message and "High" in message.text and "Bo" in message.text


def test_an_update_is_drafted_previewed_and_posted_letter_by_letter(office: Office) -> None:
    incident = office.declare()
    office.clock.later(minutes=5)
    office.room.execute(incident, Note("Pool is full", "finding"))
    draft = office.room.draft_update(incident, "update")
    assert "Pool is full" in draft["actions"]
    fields = {**draft, "impact": "Half of the orders fail", "next_update": "+20m"}
    preview = office.room.preview_update(incident, "update", fields)
    assert [copy.destination for copy in preview.copies] == ["chat", "log"]
    assert preview.copies[0].text == f"*{preview.message.text}*" and preview.copies[0].limit == 300
    office.room.post_update(incident, "update", fields)
    posts = [d.item.message for d in office.room.deliveries(incident) if d.item.operation == "post"]
    assert posts[-1] == preview.message
    assert office.room.incident(incident).impact == "Half of the orders fail"
    assert office.room.incident(incident).promised["team"] == office.clock() + timedelta(minutes=20)


def test_the_next_update_may_be_a_time_of_day_in_the_teams_zone(office: Office) -> None:
    incident = office.declare()
    office.room.post_update(incident, "update", {"next_update": "13:45"})
    assert office.room.incident(incident).promised["team"] == START + timedelta(minutes=45)
    with pytest.raises(BadInput):
        office.room.post_update(incident, "update", {"next_update": "after lunch"})
    with pytest.raises(Refusal, match="needs the time"):
        office.room.post_update(incident, "update", {"next_update": ""})
    office.room.post_update(incident, "update", {"next_update": "+3d"})
    assert posted(office.room, incident)[-1].next_update_at == START + timedelta(days=3)
    assert "2026-01-31" in posted(office.room, incident)[-1].words


def test_destinations_can_be_left_out_and_unknown_ones_are_refused(office: Office) -> None:
    incident = office.declare()
    office.room.post_update(incident, "update", {}, destinations=["log"])
    assert posted(office.room, incident)[-1].destinations == ("log",)
    office.room.post_update(incident, "update", {}, destinations=["log", "public"])
    assert posted(office.room, incident)[-1].destinations == ("log",), "customers' places take no team words"
    with pytest.raises(NotFound, match="no destination 'slak'"):
        office.room.post_update(incident, "update", {}, destinations=["slak"])
    with pytest.raises(BadInput, match="not a message template"):
        office.room.post_update(incident, "postmortem", {})


def test_customers_are_written_to_where_they_are_and_with_the_commanders_ok(office: Office) -> None:
    incident = office.declare()
    with pytest.raises(Refusal, match="incident commander's OK"):
        office.room.post_update(incident, "customer_initial", {})
    office.room.execute(incident, Assign("incident_commander", "Bo"))
    office.room.post_update(incident, "customer_initial", {"customer_name": "all"}, approved_by="Bo")
    post = posted(office.room, incident)[-1]
    assert post.destinations == ("log", "public") and post.approved_by == "Bo"
    assert "Team Northwind" in post.words
    opened = [d for d in office.room.deliveries(incident) if d.destination == "public"]
    assert [d.item.operation for d in opened] == ["post"], "the status is the team's"


def test_a_maintenance_notice_goes_to_customers_but_not_to_a_status_page(office: Office) -> None:
    incident = office.declare()
    office.room.execute(incident, Assign("incident_commander", "Ada"))

    def measured(name: str) -> Chat:
        chat = PlainChat()
        if name == "public":
            chat.takes_maintenance = False  # type: ignore[attr-defined]
        return chat

    office.room.updates.measures = measured
    given = {"window_start": "22:00", "window_end": "2h", "impact": "Slow", "rollback": "We go back"}
    preview = office.room.preview_update(incident, "customer_maintenance", given)
    assert [copy.destination for copy in preview.copies] == ["log"] and preview.warnings == ()
    office.room.post_update(incident, "customer_maintenance", given, destinations=["log", "public"])
    post = posted(office.room, incident)[-1]
    assert (post.message, post.destinations, post.next_update_at) == ("maintenance", ("log",), None)
    office.room.post_update(incident, "customer_initial", {})
    assert posted(office.room, incident)[-1].destinations == ("log", "public")
    assert office.room.incident(incident).impact == "No orders"


def test_an_update_that_was_posted_is_posted_even_if_its_draft_could_not_be_cleared(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    incident = office.declare()
    office.room.save_draft(incident, "update", "half a thought")

    def full(key: str, text: str) -> None:
        raise NotSaved("Not saved: the disk is full", "Free some space.")

    monkeypatch.setattr(office.room.journal, "save_draft", full)
    office.room.post_update(incident, "update", {"next_update": "+15m"})
    assert len(posted(office.room, incident)) == 2


# secrets and hostile text


def every_text(office: Office) -> str:
    """All text the journal's file and its log hold."""
    return "".join(
        Path(f"{office.path}{end}").read_bytes().decode("utf-8", "replace")
        for end in ("", "-wal")
        if Path(f"{office.path}{end}").exists()
    )


def test_a_secret_that_is_typed_is_masked_before_anything_is_kept_or_posted(office: Office) -> None:
    room = office.room
    room.receive_alert(ReceiveAlert(f"a {SECRET}", detail=f"password={SECRET}"))
    incident = office.declare(source=f"token={SECRET}")
    commands: Sequence[Command] = (
        Note(f"token is {SECRET}", "decision", because=SECRET),
        RecordFix(SECRET, rollback=f"use {SECRET}"),
        Pin("app.log", f"Authorization: Bearer {SECRET}", comment=SECRET),
        Assign("technical_lead", SECRET),
        AddAction(SECRET, SECRET),
        RecordChat(SECRET, "chat", SECRET),
        WriteSection("summary", SECRET),
        SetSeverity("high", SECRET),
    )
    for command in commands:
        room.execute(incident, command)
    room.post_update(incident, "update", {"impact": SECRET, "eta": SECRET, "next_update": "+15m"})
    room.post_update(
        incident, "customer_initial", {"customer_name": "mara@example.org " + SECRET}, approved_by="Ada"
    )
    room.save_draft(incident, "note", f"half a {SECRET}")
    room.execute(incident, Resolve(f"because {SECRET}"))
    assert SECRET not in every_text(office)
    assert "‹redacted:github-token›" in room.incident(incident).rows[-1].text
    assert room.saved_draft(incident, "note") == "half a ‹redacted:github-token›"
    assert "mara@example.org" not in posted(room, incident)[-1].words, (
        "customers do not read each other's addresses"
    )


HOSTILE = st.text(
    st.sampled_from("a \x1b\x9b\x07\u202e\u200b\n\t<!@[]{}%`*_🚨é\x00\ud800") | st.characters(),
    min_size=1,
    max_size=30,
).filter(lambda text: bool(sanitize(text).strip()))


@given(HOSTILE, HOSTILE)
def test_whatever_is_typed_is_kept_inert_and_posted_inert(
    tmp_path_factory: pytest.TempPathFactory, one: str, two: str
) -> None:
    office = Office(tmp_path_factory.mktemp("office") / "journal.sqlite")
    try:
        room = office.room
        room.receive_alert(ReceiveAlert(one, two, one, two))
        done = room.declare(Declare(one, two), commander=one, alert=next(iter(room.team().alerts)))
        incident = done.incident.id
        for command in (Note(one, because=two), Pin(one, two), RecordChat(one, two, two), AddAction(one, two)):
            room.execute(incident, command)
        room.post_update(incident, "update", {"impact": one, "eta": two, "next_update": "+15m"})
        for row in room.incident(incident).rows:
            assert sanitize(row.text) == row.text and sanitize(row.by) == row.by
        for delivery in room.deliveries(incident):
            if delivery.item.message:
                message = delivery.item.message
                assert sanitize(message.text) == message.text and "\n" not in message.title
                assert redact(message.text, personal=False).count == 0
        assert all(sanitize(row.title) == row.title for row in room.summaries())
    finally:
        office.close()


# the rest of the console


def test_drafts_survive_the_process_and_are_forgotten_once_posted(office: Office) -> None:
    incident = office.declare()
    office.room.save_draft(incident, "update", "half a thought")
    office.room.save_draft("", "declare", "web")
    office.close()
    later = office.console("Ada")
    assert later.saved_draft(incident, "update") == "half a thought"
    assert later.saved_draft("", "declare") == "web"
    later.post_update(incident, "update", {"next_update": "+15m"})
    assert later.saved_draft(incident, "update") == ""
    later.save_draft("", "declare", "")
    assert later.saved_draft("", "declare") == ""


def test_who_is_on_call_comes_first(office: Office) -> None:
    assert office.room.on_call() == "Bo"
    assert office.room.people() == ["Bo", "Ada", "Cy"]
    office.clock.later(days=7)
    assert office.room.on_call() == "Ada" and office.room.people()[0] == "Ada"


def test_readiness_is_kept_with_its_day_and_seen_by_all(office: Office) -> None:
    office.room.confirm_ready("on-call")
    assert office.console("Bo").team().ready == {"on-call": START}
    with pytest.raises(NotFound):
        office.room.confirm_ready("nothing")
    assert isinstance(office.journals[0].read(TEAM)[0].event, ReadinessConfirmed)


def test_the_team_stream_is_appended_to_by_two_desks_at_once(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = office.console("Bo")
    _meanwhile(monkeypatch, office.room, lambda: other.receive_alert(ReceiveAlert("theirs")))
    office.room.receive_alert(ReceiveAlert("mine"))
    assert [alert.event.name for alert in office.room.team().alerts.values()] == ["theirs", "mine"]


def test_a_channel_is_kept_once_and_again_if_it_moved(office: Office) -> None:
    incident = office.declare()
    here, there = Channel(id="C1", name="inc-1", url="https://chat.test/C1"), Channel(id="C2")
    for channel in (here, here, there):
        office.room.keep_channel(incident, "chat", channel, 2)
    opened = [row for row in office.room.incident(incident).rows if row.kind == "channel"]
    assert [row.text for row in opened] == ["chat: inc-1", "chat: C2"] and {row.by for row in opened} == {""}


def test_a_person_answers_for_a_delivery_nobody_else_can_judge(office: Office) -> None:
    office.declare()
    journal = office.journals[0]
    claimed = journal.claim("h:1:x", office.clock())
    assert claimed
    journal.complete(claimed.id, owner="h:1:x", outcome=DeliveryState.UNCONFIRMED, error="no answer")
    assert [d.id for d in office.room.stuck()] == [claimed.id]
    assert office.room.confirm_delivery(claimed.id, sent=True).state is DeliveryState.DELIVERED
    assert office.room.stuck() == []
    with pytest.raises(NotFound):
        office.room.confirm_delivery("INC-9.1.chat.post", sent=True)


def test_whoever_waits_is_woken_by_every_change_made_here(office: Office) -> None:
    wake = threading.Event()
    office.room.on_change(wake.set)
    changes: Sequence[Callable[[], object]] = (
        office.declare,
        lambda: office.room.execute("INC-1", Note("x")),
        lambda: office.room.receive_alert(ReceiveAlert("a")),
        lambda: office.room.confirm_ready("on-call"),
        lambda: office.room.post_update("INC-1", "update", {}),
    )
    for change in changes:
        wake.clear()
        change()
        assert wake.is_set()
