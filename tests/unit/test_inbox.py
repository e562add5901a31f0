"""What people write in an incident's channel: recorded once, sanitized, and obeyed only from people of the team."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from harness.fakes import START, Clock, PushingChat, TalkingChat
from hypothesis import given
from hypothesis import strategies as st

from warroom import diagnostics
from warroom.config.loading import load_playbook
from warroom.config.settings import Destination, Person, Settings, Team
from warroom.errors import NotFound, NotSent, Refusal, Rejected
from warroom.incident.chat import HELP, Promote, is_for_incident, parse_chat_command
from warroom.incident.commands import Close, Declare, Resolve
from warroom.incident.delivery import Channel
from warroom.incident.incident import Incident, TimelineRow
from warroom.incident.incoming import IncomingMessage
from warroom.journal.sqlite import SqliteJournal
from warroom.room.inbox import POLL_S, REFUSED_S, ChatInbox, IncomingRecorder
from warroom.room.outbox import OutboxWorker
from warroom.room.push import (
    BURST,
    GAP_S,
    LONGEST_PAUSE_S,
    PACE_S,
    REFUSED_PAUSE_S,
    STEADY_S,
    PushListener,
    ReadPace,
)
from warroom.room.room import WarRoom

SETTINGS = Settings(
    team=Team(
        people=(
            Person(name="Alice", handles={"chat": "U-ALICE", "ops": "U-ALICE"}),
            Person(name="Bob", handles={"fake": "U-BOB"}),
        )
    ),
    destinations={
        name: Destination.model_validate({"name": name, "backend": "fake", "drills": True})
        for name in ("chat", "ops")
    },
)
CHANNEL = Channel(id="C1")


def said(text: str, user: str = "U-ALICE", id: str = "", **more: Any) -> IncomingMessage:
    """A message; ``user`` is the id of who wrote it."""
    given = {"id": id or f"m-{text}", "at": START, "author_id": user, "author": f"name of {user}", "text": text}
    return IncomingMessage.model_validate(given | more)


class InboxHarness:
    """A room with one open incident, whose channel is in two chats that can be read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = Clock()
        self.chats = {"chat": TalkingChat(), "ops": TalkingChat()}
        self.room = self.another()
        self.id = self.room.declare(Declare("checkout", "Card payments fail")).incident.id
        OutboxWorker(self.room).drain(5.0)
        self.now = 0.0
        self.inbox = ChatInbox(self.room, lambda: self.now)

    def another(self) -> WarRoom:
        """A room of another process on the same journal."""
        journal = SqliteJournal(self.path)
        book = load_playbook(SETTINGS)
        return WarRoom(journal, book, SETTINGS, by="Alice", clock=self.clock, chats=self.chats.__getitem__)

    def record(self, *messages: IncomingMessage, channel: Channel = CHANNEL) -> Incident:
        IncomingRecorder(self.room).record(self.id, "chat", channel, messages)
        return self.room.incident(self.id)

    def rows(self, kind: str = "chat") -> list[TimelineRow]:
        return [row for row in self.room.incident(self.id).rows if row.kind == kind]

    def answers(self) -> list[str]:
        """What the room answers in the chat."""
        notes = [
            one for one in self.room.deliveries(self.id) if one.item.message and one.item.message.kind == "note"
        ]
        return [one.item.message.text for one in notes if one.item.message]

    def look(self) -> None:
        asyncio.run(self.inbox.look())


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[InboxHarness]:
    harness = InboxHarness(tmp_path / "journal.db")
    yield harness
    harness.room.journal.close()


# Recording


def test_a_message_stands_in_the_timeline_once_under_the_name_of_the_settings(harness: InboxHarness) -> None:
    harness.clock.later(minutes=3)
    harness.record(said("It is the database"), said("I agree", "U-EVE"))
    harness.record(said("It is the database"))
    assert [(row.by, row.text, row.at) for row in harness.rows()] == [
        ("Alice", "Alice (chat): It is the database", START),
        ("name of U-EVE", "name of U-EVE (chat): I agree", START),
    ]


def test_two_processes_record_the_same_message_once(harness: InboxHarness) -> None:
    other = harness.another()
    for room in (harness.room, other, harness.room):
        IncomingRecorder(room).record(harness.id, "chat", CHANNEL, [said("!note Restarted", id="1")])
    assert len(harness.rows()) == len(harness.rows("note")) == len(harness.answers()) == 1
    other.journal.close()


def test_own_messages_and_those_of_programs_are_not_recorded(harness: InboxHarness) -> None:
    harness.record(said("update", own=True), said("deploy done", bot=True), said("  "))
    assert harness.rows() == []


def test_an_edit_and_a_deletion_are_shown_as_such(harness: InboxHarness) -> None:
    harness.record(said("It is DNS", id="1"), said("wrong room", id="2"))
    harness.record(said("It is the network", id="1", edited=True), said("", id="2", deleted=True))
    harness.record(said("It is the network", id="1", edited=True), said("", id="3", deleted=True))
    first, second = harness.rows()
    assert first.text == "Alice (chat): It is the network" and first.amended and not first.retracted
    assert second.retracted and second.original == "Alice (chat): wrong room"
    harness.record(said("It is DNS", id="1", edited=True))
    assert harness.rows()[0].text == "Alice (chat): It is DNS"


def test_a_pinned_message_is_evidence_once(harness: InboxHarness) -> None:
    harness.record(said("replica lag is 40 s", id="1"))
    harness.record(said("replica lag is 40 s", id="1", pinned=True))
    harness.record(said("replica lag is 40 s", id="1", pinned=True))
    assert [row.text for row in harness.rows("evidence")] == ["chat replica lag is 40 s"]


def test_text_from_the_chat_is_sanitized_and_its_secrets_are_masked(harness: InboxHarness) -> None:
    harness.record(said("\x1b[31mdb password=hunter2\x07", user="U-\x1b[2JEVE"))
    (row,) = harness.rows()
    assert "hunter2" not in row.text and "\x1b" not in row.text + row.by and "‹redacted:password›" in row.text


def test_a_very_long_message_is_cut(harness: InboxHarness) -> None:
    harness.record(said("x" * 50_000, id="1"))
    harness.record(said("x" * 50_000, id="1"))
    (row,) = harness.rows()
    assert len(row.text) < 5_000 and row.text.endswith("…") and not row.amended


def test_nobody_gets_the_name_of_a_person_of_the_team_by_calling_themselves_so(harness: InboxHarness) -> None:
    harness.record(said("trust me", "U-EVE", author="Alice"))
    assert harness.rows()[0].by == "Alice (not in the settings)"


def test_a_thousand_messages_are_recorded_in_order(harness: InboxHarness) -> None:
    harness.record(*(said(f"line {number}", at=START + timedelta(seconds=number)) for number in range(1000)))
    harness.clock.later(hours=1)
    assert [row.text.rpartition(" ")[2] for row in harness.rows()] == [str(number) for number in range(1000)]


def test_in_a_shared_channel_only_the_thread_pins_and_commands_count(harness: InboxHarness) -> None:
    shared = Channel(id="C9", thread="root")
    harness.record(
        said("lunch?", id="1"),
        said("in the thread", id="2", thread="root"),
        said("look at this", id="3", pinned=True),
        said("!note Restarted", id="4"),
        channel=shared,
    )
    assert [row.text.partition(": ")[2] for row in harness.rows()] == [
        "in the thread",
        "look at this",
        "!note Restarted",
    ]
    assert is_for_incident(said("x", id="root"), "root") and is_for_incident(said("x"), "")


# Commands


@pytest.mark.parametrize(
    ("text", "kind", "row"),
    [
        ("!note Restarted the pool", "note", "Restarted the pool"),
        ("!finding Replica lag is 40 s", "finding", "Replica lag is 40 s"),
        ("!decision Fail over | the lag grows", "decision", "Fail over"),
        ("!ack", "acknowledged", "Alice acknowledged the alert"),
    ],
)
def test_a_command_is_carried_out_and_answered(harness: InboxHarness, text: str, kind: str, row: str) -> None:
    harness.record(said(text))
    (written,) = harness.rows(kind)
    assert written.by == "Alice" and row in written.text
    assert [one.text for one in harness.rows()] == [f"Alice (chat): {text}"], "who said what, and where"
    answer = "Alice acknowledged INC-1." if text == "!ack" else f"entry {written.number}."
    assert len(harness.answers()) == 1 and harness.answers()[0].endswith(answer)


def test_a_person_is_known_by_the_id_at_the_destination_or_at_its_backend(harness: InboxHarness) -> None:
    harness.record(said("!note by Bob", "U-BOB"))
    assert [row.by for row in harness.rows("note")] == ["Bob"]


def test_strangers_are_heard_and_not_obeyed(harness: InboxHarness) -> None:
    harness.record(said("!ack", "U-EVE", author="Alice"), said("!note x", ""), said("!help", "U-EVE"))
    assert len(harness.rows()) == 3 and harness.rows("acknowledged") == harness.rows("note") == []
    assert harness.answers() == []


def test_an_edited_message_is_not_carried_out_again(harness: InboxHarness) -> None:
    harness.record(said("!note one", id="1"))
    harness.record(said("!note two", id="1", edited=True))
    assert [row.text for row in harness.rows("note")] == ["one"]


def test_questions_are_answered_in_the_channel_they_were_asked_in(harness: InboxHarness) -> None:
    harness.record(said("!status"), said("!help"))
    status, help_text = harness.answers()
    assert "Card payments fail" in status and help_text == HELP
    notes = [
        one for one in harness.room.deliveries(harness.id) if one.item.message and one.item.message.kind == "note"
    ]
    assert {one.destination for one in notes} == {"chat"}


def test_a_question_that_was_read_late_is_not_answered_and_a_note_is_taken(harness: InboxHarness) -> None:
    harness.clock.later(minutes=20)
    harness.record(said("!status"), said("!note Restarted"))
    assert len(harness.rows("note")) == 1 and len(harness.answers()) == 1


def test_a_command_that_is_refused_is_answered_with_the_reason(harness: InboxHarness) -> None:
    harness.record(said("!ack", id="1"), said("!ack", "U-BOB", id="2"), said("!note", id="3"))
    assert [text for text in harness.answers() if "already acknowledged" in text]
    assert [text for text in harness.answers() if "The note is empty" in text]
    assert len(harness.rows()) == 3 and len(harness.rows("acknowledged")) == 1


@pytest.mark.parametrize(
    "text", ["note x", " x !note y", "!Note x", "!notes x", "! note x", "!ack now", "!acknowledge", "!", "!!note x"]
)
def test_only_the_exact_words_at_the_beginning_are_commands(text: str) -> None:
    assert parse_chat_command(text) is None


@given(st.text())
def test_any_text_can_be_said(text: str) -> None:
    found = parse_chat_command(text)
    assert found is None or text.startswith(f"!{found.word}")


# Promoting


def test_a_message_can_be_made_a_finding_or_a_decision(harness: InboxHarness) -> None:
    (row,) = [row for row in harness.record(said("It is the database")).rows if row.kind == "chat"]
    harness.room.execute(harness.id, Promote(str(row.number)))
    harness.room.execute(harness.id, Promote(str(row.number), "decision"))
    assert [one.text for one in harness.rows("finding")] == ["It is the database (Alice in chat)"]
    assert [one.text for one in harness.rows("decision")] == ["It is the database — because Alice in chat"]
    with pytest.raises(Refusal, match="not a chat message"):
        harness.room.execute(harness.id, Promote("1"))
    harness.record(said("It is the database", deleted=True))
    with pytest.raises(NotFound, match="deleted"):
        harness.room.execute(harness.id, Promote(str(row.number)))


# The job


def test_every_readable_channel_of_an_open_incident_is_read_once(harness: InboxHarness) -> None:
    harness.chats["chat"].talk = [said("one")]
    harness.chats["ops"].talk = [said("two")]
    harness.look()
    harness.look()
    harness.chats["chat"].talk.append(said("three"))
    harness.look()
    assert sorted(row.text.rpartition(" ")[2] for row in harness.rows()) == ["one", "three", "two"]
    assert ChatInbox(harness.room).problem is harness.inbox.problem is None


def test_another_process_reads_on_where_the_first_one_stopped(harness: InboxHarness) -> None:
    harness.chats["chat"].talk = [said("one")]
    harness.look()
    harness.chats["chat"].talk.append(said("two"))
    asyncio.run(ChatInbox(harness.another()).look())
    assert [row.text.rpartition(" ")[2] for row in harness.rows()] == ["one", "two"]


def test_a_destination_that_fails_holds_up_no_other_and_loses_nothing(harness: InboxHarness) -> None:
    harness.chats["chat"].talk, harness.chats["ops"].talk = [said("one")], [said("two")]
    harness.chats["chat"].silent = [NotSent("chat is busy", retry_after=90)]
    harness.look()
    assert [row.text for row in harness.rows()] == ["Alice (ops): two"]
    assert "chat is not read: chat is busy" in str(harness.inbox.problem)
    harness.now = 89.0
    harness.look()
    assert len(harness.rows()) == 1, "the service asked for a pause"
    harness.now = 91.0
    harness.look()
    assert len(harness.rows()) == 2 and harness.inbox.problem is None


def test_a_refusal_is_shown_and_tried_again_later(harness: InboxHarness) -> None:
    harness.chats["chat"].silent = [Rejected("missing_scope", "Add channels:history.")]
    harness.look()
    problem = harness.inbox.problem
    assert (
        problem and problem.title == "chat is not read: missing_scope" and problem.remedy == "Add channels:history."
    )
    harness.now = REFUSED_S - POLL_S
    reads = harness.chats["chat"].reads
    harness.look()
    assert harness.chats["chat"].reads == reads
    harness.now = REFUSED_S + 1
    harness.look()
    assert harness.inbox.problem is None


def test_a_resolved_incident_is_followed_for_a_day_and_a_closed_one_is_not(harness: InboxHarness) -> None:
    harness.room.execute(harness.id, Resolve("over"))
    harness.look()
    assert harness.chats["chat"].reads == 1
    harness.clock.later(days=2)
    harness.look()
    assert harness.chats["chat"].reads == 1
    harness.room.execute(harness.id, Close("over"))
    harness.clock.later(days=-2)
    harness.look()
    assert harness.chats["chat"].reads == 1


# Being woken


class Pauses(list[float]):
    """The pauses that were asked for; none is made."""

    async def __call__(self, seconds: float) -> None:
        self.append(seconds)
        await asyncio.sleep(0)


class PushHarness(InboxHarness):
    """A room whose chats push, and are never polled after the first look."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.chat, self.other = PushingChat(), PushingChat()
        self.chats.update(chat=self.chat, ops=self.other)
        self.pauses = Pauses()
        self.inbox = ChatInbox(self.room, lambda: self.now, poll_s=math.inf, sleep=self.pauses)
        (self.channel,) = {channel.id for channel in self.room.incident(self.id).channels.values()}

    def run(self, steps: Callable[[], Awaitable[None]]) -> None:
        """The job, and steps beside it once every channel was read."""

        async def main() -> None:
            job = asyncio.create_task(self.inbox.run())
            try:
                await until(lambda: self.chat.listening + self.other.listening == 2)
                await steps()
            finally:
                self.inbox.stop()
                await job

        asyncio.run(main())

    def write(self, text: str) -> None:
        self.chat.talk.append(said(text))

    async def paused(self, times: int) -> None:
        await until(lambda: len(self.pauses) == times)

    async def shown(self, *texts: str) -> None:
        await until(lambda: [row.text.rpartition(": ")[2] for row in self.rows()] == list(texts))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.002)


@pytest.fixture
def push(tmp_path: Path) -> Iterator[PushHarness]:
    push = PushHarness(tmp_path / "journal.db")
    yield push
    push.room.journal.close()


def test_a_wake_has_its_destination_read_and_no_other(push: PushHarness) -> None:
    async def steps() -> None:
        push.write("one")
        push.chat.wakes.put_nowait(push.channel)
        await push.shown("one")
        push.write("two")
        push.chat.wakes.put_nowait("")
        await push.shown("one", "two")

    push.run(steps)
    assert (push.chat.reads, push.other.reads) == (3, 1)
    assert push.chat.listening == push.other.listening == 0


def test_what_happens_in_another_channel_causes_no_read(push: PushHarness) -> None:
    async def steps() -> None:
        for channel in ("C-RANDOM", "C-GENERAL"):
            push.chat.wakes.put_nowait(channel)
            await until(push.chat.wakes.empty)
        push.write("one")
        push.chat.wakes.put_nowait(push.channel)
        await push.shown("one")
        await push.paused(1)

    push.run(steps)
    assert push.chat.reads == 2


def test_many_wakes_are_one_read_with_a_pause_after_it(push: PushHarness) -> None:
    async def steps() -> None:
        for number in range(100):
            push.write(f"line {number}")
            push.chat.wakes.put_nowait(push.channel)
        await push.shown(*(f"line {number}" for number in range(100)))
        await until(lambda: push.pauses == [GAP_S] * (push.chat.reads - 1))

    push.run(steps)
    assert push.chat.reads <= 3


def test_a_lost_connection_costs_time_and_no_message(
    push: PushHarness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    diagnostics.keep_log(tmp_path)
    lost = NotSent("chat: the live connection was lost")

    async def steps() -> None:
        push.write("nobody tells")
        push.chat.wakes.put_nowait(lost)
        push.chat.wakes.put_nowait(lost)
        push.chat.wakes.put_nowait(None)
        await until(lambda: push.chat.connections == 4)
        assert push.chat.reads == 1
        push.write("told")
        push.chat.wakes.put_nowait("")
        await push.shown("nobody tells", "told")

    push.run(steps)
    assert push.inbox.problem is None, "the channels are polled all the same"
    _, log = diagnostics.read_log(tmp_path)
    assert log.count("the live connection was lost") == 1


def test_a_read_that_fails_is_shown_and_its_pause_is_kept(push: PushHarness) -> None:
    async def steps() -> None:
        push.write("one")
        push.chat.silent = [NotSent("chat is busy", retry_after=90)]
        push.chat.wakes.put_nowait(push.channel)
        await push.paused(1)
        assert "chat is busy" in str(push.inbox.problem)
        push.chat.wakes.put_nowait(push.channel)
        await push.paused(2)
        assert push.chat.reads == 2
        push.now = 91.0
        push.chat.wakes.put_nowait(push.channel)
        await push.shown("one")
        await until(lambda: push.inbox.problem is None)

    push.run(steps)


def test_a_destination_that_is_slow_to_read_holds_up_no_other(
    push: PushHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def steps() -> None:
        stuck = asyncio.Event()

        async def since(channel: Channel, cursor: str) -> Any:
            stuck.set()
            await asyncio.Event().wait()

        monkeypatch.setattr(push.other, "since", since)
        push.other.wakes.put_nowait("")
        await stuck.wait()
        push.write("one")
        push.chat.wakes.put_nowait(push.channel)
        await push.shown("one")

    push.run(steps)


def test_a_service_gets_its_answers_while_a_read_goes_on(
    push: PushHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def steps() -> None:
        stuck = asyncio.Event()

        async def since(channel: Channel, cursor: str) -> Any:
            stuck.set()
            await asyncio.Event().wait()

        monkeypatch.setattr(push.chat, "since", since)
        push.chat.wakes.put_nowait("")
        await stuck.wait()
        for _ in range(10):
            push.chat.wakes.put_nowait(push.channel)
        await until(push.chat.wakes.empty)

    push.run(steps)


def test_nobody_listens_for_an_incident_that_is_closed(push: PushHarness) -> None:
    async def steps() -> None:
        await asyncio.to_thread(push.room.execute, push.id, Resolve("over"))
        await asyncio.to_thread(push.room.execute, push.id, Close("over"))
        push.inbox._wakeup.set()
        await until(lambda: push.chat.listening + push.other.listening == 0)

    push.run(steps)


def test_a_refused_destination_is_listened_to_anew_with_the_settings_of_then(push: PushHarness) -> None:
    async def steps() -> None:
        push.chat.silent = [Rejected("invalid_auth")]
        push.chat.wakes.put_nowait("")
        await until(lambda: push.inbox.problem is not None)
        push.chats["chat"] = anew = PushingChat(talk=[said("one")])
        push.inbox._wakeup.set()
        await until(lambda: push.chat.listening == 0)
        push.now = REFUSED_S + 1
        push.inbox._wakeup.set()
        await until(lambda: anew.listening == 1)
        await push.shown("one")

    push.run(steps)


async def listened(outcomes: Sequence[tuple[float, Exception | None]]) -> list[float]:
    """The pauses between connections that lasted so many seconds and ended so."""
    now, pauses = 0.0, Pauses()
    left = iter(outcomes)

    async def wake() -> Any:
        nonlocal now
        lasted, error = next(left, (0.0, None))
        now += lasted
        if error:
            raise error
        if not lasted and not error:
            raise KeyboardInterrupt  # there is nothing left to do
        yield ""

    with pytest.raises(KeyboardInterrupt):
        await PushListener("chat", pauses, lambda: now).listen(wake)
    return pauses


def test_the_pauses_between_connections_grow_to_a_minute_and_begin_anew() -> None:
    lost = NotSent("lost")
    pauses = asyncio.run(listened([(1.0, lost)] * 9 + [(STEADY_S, lost), (1.0, lost)]))
    expected = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, LONGEST_PAUSE_S, LONGEST_PAUSE_S, LONGEST_PAUSE_S, 1.0, 2.0]
    assert len(pauses) == len(expected)
    assert all(least <= pause <= least * 1.25 for least, pause in zip(expected, pauses, strict=True))


def test_a_connection_that_ends_in_good_order_is_opened_at_once_but_not_in_a_loop() -> None:
    assert asyncio.run(listened([(STEADY_S, None)] * 3)) == []
    assert len(asyncio.run(listened([(1.0, None)] * 3))) == 3


def test_a_refusal_and_a_service_that_asks_for_a_pause_are_left_alone_for_as_long() -> None:
    assert asyncio.run(listened([(1.0, Rejected("Socket Mode is off"))])) == [REFUSED_PAUSE_S]
    assert asyncio.run(listened([(1.0, NotSent("busy", retry_after=200.0))])) == [200.0]


@pytest.mark.parametrize("channels", [1, 3])
def test_a_long_talk_is_read_less_often_than_a_service_allows(channels: int) -> None:
    now = 0.0
    pace = ReadPace(lambda: now)
    pauses = []
    while now < 600:
        pauses.append(pace.pause_after(channels))
        now += pauses[-1]
    assert pauses[: BURST // channels - 1] == [GAP_S] * (BURST // channels - 1)
    assert len(pauses) * channels <= BURST + 600 / PACE_S + channels
    assert pauses[-1] == PACE_S * channels
    now += 60
    assert pace.pause_after(channels) == GAP_S
