"""Scrubbing removes the words of an entry for good, from every place on this machine, and keeps the structure."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin
from uuid import UUID

import pytest
from harness.app import AppHarness
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from warroom.errors import Refusal
from warroom.incident.alerts import ReceiveAlert
from warroom.incident.chat import RecordIncoming
from warroom.incident.commands import AddAction, Command, CompleteAction, Declare, Note, Pin
from warroom.incident.corrections import AmendEntry, ScrubEntry
from warroom.incident.delivery import SCRUBBED, DeliveryState
from warroom.incident.events import TEAM, Entry, Event, KnownEvent, parse_event, serialize_event
from warroom.incident.incident import TimelineRow, fold
from warroom.incident.incoming import IncomingMessage
from warroom.incident.investigation import ConfirmHypothesis
from warroom.incident.scrub_events import EntryScrubbed
from warroom.incident.scrubbed import scrub_changes, scrub_event, words_of
from warroom.incident.team import fold_team
from warroom.journal.loss_detection import LossDetector
from warroom.journal.sqlite import SqliteJournal
from warroom.room.outbox import OutboxWorker
from warroom.room.scrubbing import plan_scrub, scrub

NOW = datetime(2026, 1, 28, 12, tzinfo=UTC)
SECRET = "the-customer-is-Jane-Doe-of-Example-Street"
WORDS = (
    "against",
    "briefing",
    "command",
    "comment",
    "detail",
    "evidence",
    "fields",
    "impact",
    "labels",
    "measured",
    "outcome",
    "output",
    "overridden",
    "reason",
    "rollback",
    "what",
    "words",
)
"""Fields that hold what people or programs wrote, in whatever event."""

T = TypeVar("T", bound=BaseModel)
KINDS: tuple[type[Event], ...] = get_args(get_args(KnownEvent)[0])
"""Every kind of event."""


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[AppHarness]:
    with AppHarness(tmp_path / "data") as harness:
        yield harness


def declare(harness: AppHarness, impact: str = "Card payments fail") -> str:
    return harness.room.declare(Declare("checkout-api", impact, "critical"), commander="Alice").incident.id


def recorded(harness: AppHarness, incident: str, command: Command) -> TimelineRow:
    """The row of what a command recorded."""
    done = harness.room.execute(incident, command)
    row = done.incident.row(done.entries[0].id)
    assert row
    return row


def holding(folder: Path, secret: str = SECRET) -> list[str]:
    """The files of the journal that hold the secret somewhere in their bytes."""
    return sorted(one.name for one in folder.iterdir() if one.is_file() and secret.encode() in one.read_bytes())


# ── what is left of an event ──────────────────────────────────────────────────────────────────────────────


def sample(annotation: Any) -> Any:
    """A value of a field's type, every text in it the secret."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return arguments[0]
    if origin is tuple:
        return tuple(sample(one) for one in arguments if one is not Ellipsis)
    if origin is dict:
        return {"key": sample(arguments[1])}
    if arguments:  # a union
        return sample(next((one for one in arguments if one is str), arguments[0]))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return filled(annotation)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return next(iter(annotation))
    values = {str: SECRET, int: 1, float: 1.5, bool: True, UUID: UUID(int=7), datetime: NOW}
    return values[annotation]


def filled(kind: type[T]) -> T:
    fields = {name: sample(info.annotation) for name, info in kind.model_fields.items() if name != "kind"}
    return kind(**fields)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_what_is_left_of_any_event_is_one_and_holds_none_of_its_words(kind: type[Event]) -> None:
    event = filled(kind)
    left = scrub_event(event)
    assert not [name for name in WORDS if SECRET in str(getattr(left, name, ""))]
    again = parse_event(serialize_event(left))
    assert again == left and type(left) is type(event), "it can be read"
    assert scrub_changes(left) == {} and words_of(left) == set(), "and is scrubbed once and for all"


@given(st.lists(st.sampled_from(KINDS), min_size=1, max_size=12), st.data())
def test_wherever_it_is_read_from_a_scrubbed_entry_is_folded_without_its_words(
    kinds: list[type[Event]], data: st.DataObject
) -> None:
    events = [filled(kind) for kind in kinds]
    target = data.draw(st.integers(0, len(events) - 1))
    events.insert(data.draw(st.integers(target + 1, len(events))), EntryScrubbed(entry=UUID(int=100 + target)))
    ids = [UUID(int=100 + number) for number in range(len(kinds))]
    ids.insert(
        next(n for n, one in enumerate(events) if isinstance(one, EntryScrubbed) and one.reason == ""), UUID(int=1)
    )
    entries = [
        Entry(stream="INC-1", seq=seq, id=id, at=NOW, by="Ada", event=event)
        for seq, (id, event) in enumerate(zip(ids, events, strict=True), 1)
    ]
    cut = data.draw(st.integers(0, len(entries)))
    whole = fold("INC-1", entries)
    assert fold("INC-1", entries[cut:], fold("INC-1", entries[:cut])) == whole
    row = whole.row(UUID(int=100 + target))
    assert row and row.scrubbed and words_of(row.entry.event) == set()
    assert fold_team(entries[cut:], fold_team(entries[:cut])) == fold_team(entries)


def test_names_times_and_references_stay(harness: AppHarness) -> None:
    incident = declare(harness)
    action = recorded(harness, incident, AddAction(SECRET, "Bob", "2026-02-14"))
    before = harness.room.incident(incident)
    scrub(harness.room, incident, "1")
    done, _ = scrub(harness.room, incident, str(action.id))
    after = done.incident
    assert (after.severity, after.service, after.commander) == ("critical", "checkout-api", "Alice")
    assert after.milestones == before.milestones and after.title == SCRUBBED
    [item] = after.actions.values()
    assert (item.id, item.owner, item.due, item.words) == ("A1", "Bob", "2026-02-14", SCRUBBED)


# ── what people see ───────────────────────────────────────────────────────────────────────────────────────


def test_the_timeline_says_who_scrubbed_it_and_when(harness: AppHarness) -> None:
    incident = declare(harness)
    row = recorded(harness, incident, Note(SECRET, "finding"))
    assert SECRET in row.text
    done, problem = scrub(harness.room, incident, str(row.number), "a name")
    assert problem == ""
    scrubbed, said = done.incident.rows[row.number - 1], done.incident.rows[-1]
    assert scrubbed.text == "scrubbed by Alice, 2026-01-28 13:15 UTC" and not scrubbed.amended
    assert said.text == f"entry {row.number} scrubbed: a name"
    with pytest.raises(Refusal, match="is scrubbed"):
        harness.room.execute(incident, AmendEntry(str(row.number), "what it said"))


def test_another_console_that_has_the_incident_in_memory_forgets_it_too(harness: AppHarness) -> None:
    incident = declare(harness)
    row = recorded(harness, incident, Pin("app.log", SECRET))
    with AppHarness(harness.folder, by="Bob", clock=harness.clock) as other:
        assert SECRET in str(other.room.incident(incident))
        assert [found.number for found in other.search.find("Jane").found] == [row.number]
        scrub(harness.room, incident, str(row.number))
        assert SECRET not in str(other.room.incident(incident))
        assert other.search.find("Jane").found == ()


def test_entries_that_repeat_it_are_scrubbed_with_it_and_others_are_named(harness: AppHarness) -> None:
    incident, room = declare(harness), harness.room
    hypothesis = recorded(harness, incident, Note(SECRET, "hypothesis"))
    room.execute(incident, AmendEntry(str(hypothesis.number), f"really {SECRET}"))
    room.execute(incident, ConfirmHypothesis("H1", SECRET))
    action = recorded(harness, incident, AddAction(SECRET))
    room.execute(incident, CompleteAction("A1"))
    plan = plan_scrub(room, incident, str(hypothesis.number))
    assert [row.kind for row in plan.repeats] == ["action", "done"]
    scrub(room, incident, str(hypothesis.number))
    left = [row.kind for row in room.incident(incident).rows if SECRET in str(row)]
    assert left == ["action", "done"]
    scrub(room, incident, str(action.id))
    assert SECRET not in str(room.incident(incident))


def test_an_alert_is_removed_from_the_teams_entries_too(harness: AppHarness) -> None:
    room = harness.room
    room.receive_alert(ReceiveAlert("Errors", "prom", detail=SECRET, fingerprint="f", labels={"customer": SECRET}))
    [alert] = room.team().alerts
    incident = room.declare(Declare("checkout-api", "Card payments fail"), alert=alert).incident
    with AppHarness(harness.folder, by="Bob", clock=harness.clock) as other:
        assert other.search.find("Jane").found
        scrub(room, incident.id, str(alert))
        assert other.search.find("Jane").found == ()
    scrub(room, incident.id, str(alert))
    harness.search.begin_anew()
    assert SECRET not in str(room.team()) and room.team().tracked[alert].alert.event.fingerprint == "f"
    assert sum(entry.event.kind == "scrubbed" for entry in harness.journal.read(TEAM)) == 1
    harness.close()
    assert holding(harness.folder) == []


def test_what_the_chat_still_says_does_not_come_back(harness: AppHarness) -> None:
    incident, room = declare(harness), harness.room
    message = IncomingMessage(id="m1", at=harness.clock(), author_id="u7", author="Bob", text=SECRET, pinned=True)
    heard = RecordIncoming(message, via="slack", channel="C1", who="Bob")
    done = room.execute(incident, heard)
    for entry in done.entries:
        if entry.kind in ("chat", "evidence"):
            scrub(room, incident, str(entry.id))
    room.execute(incident, heard)
    assert SECRET not in str(room.incident(incident))


def test_no_update_is_drafted_from_it_and_no_post_mortem_names_it(harness: AppHarness) -> None:
    incident, room = declare(harness), harness.room
    row = recorded(harness, incident, Note(SECRET, "finding"))
    assert SECRET in room.draft_update(incident, "update")["actions"]
    scrub(room, incident, str(row.id))
    drafted = room.draft_update(incident, "update")
    assert "scrubbed" not in str(drafted).lower() and SECRET not in str(drafted)


# ── deliveries ────────────────────────────────────────────────────────────────────────────────────────────


def posted(harness: AppHarness, incident: str) -> str:
    update = harness.room.post_update(incident, "update", {"impact": SECRET, "next_update": "+30m"})
    return str(next(entry.id for entry in update.entries if entry.kind == "update"))


def test_what_waits_is_not_sent_and_needs_nobody(harness: AppHarness) -> None:
    incident = declare(harness)
    harness.deliver()
    entry = posted(harness, incident)
    assert [one.destination for one in plan_scrub(harness.room, incident, entry).cancelled] == ["chat"]
    scrub(harness.room, incident, entry)
    sent = harness.deliver()
    [cancelled] = [one for one in harness.room.deliveries(incident) if str(one.entry_id) == entry]
    assert cancelled.state is DeliveryState.FAILED and cancelled.error == "Cancelled: its entry was scrubbed"
    assert SECRET not in str(harness.chats["chat"].messages) and SECRET not in str(sent)
    assert harness.room.stuck() == [] and harness.room.resend_failed(incident) == []
    with pytest.raises(Refusal, match="was scrubbed"):
        harness.room.confirm_delivery(cancelled.id, sent=False)


def test_what_is_being_sent_is_not_tried_again(harness: AppHarness) -> None:
    incident = declare(harness)
    harness.deliver()
    entry = posted(harness, incident)
    claimed = harness.journal.claim("elsewhere:1:x", harness.clock())
    assert claimed and str(claimed.entry_id) == entry
    assert [one.state.label for one in plan_scrub(harness.room, incident, entry).sent] == ["sending"]
    scrub(harness.room, incident, entry)
    harness.journal.complete(claimed.id, owner="elsewhere:1:x", outcome=DeliveryState.PENDING)
    OutboxWorker(harness.room).drain(5)
    assert SCRUBBED not in [one.text for one in harness.chats["chat"].messages]
    assert {one.state for one in harness.room.deliveries(incident) if one.id == claimed.id} == {
        DeliveryState.FAILED
    }


def test_what_has_left_is_listed_and_the_status_message_is_written_anew(harness: AppHarness) -> None:
    incident = declare(harness, SECRET)
    harness.deliver()
    first = harness.room.incident(incident)
    declaration = next(row for row in first.rows if row.kind == "update")
    [sent] = plan_scrub(harness.room, incident, str(declaration.id)).sent
    assert sent.destination == "chat" and sent.state is DeliveryState.DELIVERED
    shown = len(harness.chats["chat"].statuses)
    for row in (declaration, first.rows[0]):
        scrub(harness.room, incident, str(row.id))
    harness.deliver()
    assert len(harness.chats["chat"].statuses) > shown
    harness.close()
    assert holding(harness.folder) == []


# ── the files ─────────────────────────────────────────────────────────────────────────────────────────────


def test_no_file_holds_its_bytes_and_the_journal_is_whole(harness: AppHarness) -> None:
    incident, room, folder = declare(harness), harness.room, harness.folder
    for number in range(60):  # so that SQLite has moved it between pages
        room.execute(incident, Note(f"filler {number} " + "x" * 300))
        if number == 20:
            row = recorded(harness, incident, Note(SECRET + "é" * 3000, "finding"))
    assert harness.search.find("Jane").found
    assert holding(folder) != []
    assert scrub(room, incident, str(row.id))[1] == ""
    harness.search.begin_anew()
    assert holding(folder) == []
    assert harness.search.find("Jane").found == () and harness.search.find("filler 7").found
    assert room.damage(incident) == "" and "OK" in harness.journal.check()
    saved = LossDetector(folder / "journal.sqlite").last_saved()
    assert saved[incident][0] == harness.journal.version(incident), "a loss after this one is still noticed"
    room.execute(incident, Note("goes on"))
    harness.close()
    with SqliteJournal(folder / "journal.sqlite") as journal:
        assert journal.notices() == () and "OK" in journal.check()
        assert fold(incident, journal.read(incident)).rows[row.number - 1].scrubbed


def test_what_sqlite_left_of_earlier_copies_is_gone_too(harness: AppHarness) -> None:
    incident = declare(harness)
    row = recorded(harness, incident, Note("Jane"))
    with closing(sqlite3.connect(harness.folder / "journal.sqlite")) as db:
        db.execute("PRAGMA secure_delete = OFF")  # as SQLite is built in most places
        with db:
            db.execute("INSERT INTO drafts VALUES ('note', ?)", (SECRET,))
        with db:
            db.execute("DELETE FROM drafts WHERE key = 'note'")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert holding(harness.folder) == ["journal.sqlite"], "deleted, and still there"
    scrub(harness.room, incident, str(row.id))
    assert holding(harness.folder) == []


def test_a_kill_in_between_shows_it_nowhere_and_a_second_time_removes_it(harness: AppHarness) -> None:
    incident, room = declare(harness), harness.room
    row = recorded(harness, incident, Note(SECRET))
    erase, room.journal.scrub = room.journal.scrub, lambda stream: "killed"  # type: ignore[method-assign]
    assert scrub(room, incident, str(row.number))[1] == "killed"
    assert SECRET not in str(room.incident(incident)) and holding(harness.folder) != []
    room.journal.scrub = erase  # type: ignore[method-assign]
    done, problem = scrub(room, incident, str(row.number))
    assert done.entries == [] and problem == "" and holding(harness.folder) == []


def test_a_kill_before_the_new_checksums_are_noted_raises_no_false_alarm(
    harness: AppHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    incident = declare(harness)
    row = recorded(harness, incident, Note(SECRET))
    harness.room.execute(incident, ScrubEntry(str(row.number)))
    monkeypatch.setattr(LossDetector, "record", lambda *_: None)
    harness.journal.scrub(incident)
    harness.close()
    with SqliteJournal(harness.folder / "journal.sqlite") as journal:
        assert journal.notices() == ()


def test_a_reader_that_keeps_old_bytes_alive_is_told(harness: AppHarness, tmp_path: Path) -> None:
    incident = declare(harness)
    row = recorded(harness, incident, Note(SECRET))
    harness.journal._file._wait_s = 0.05
    reader = sqlite3.connect(harness.folder / "journal.sqlite", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM entries").fetchone()
    _, problem = scrub(harness.room, incident, str(row.number))
    assert problem == "another process is reading the journal"
    reader.close()
    assert scrub(harness.room, incident, str(row.number))[1] == "" and holding(harness.folder) == []
