"""Floor 1: the fold, held against random histories: whatever the journal holds, it can be read."""

from __future__ import annotations

import copy
import typing
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from harness.ids import entry_id, new_ids
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from pydantic import ValidationError

import warroom
from warroom.errors import BadInput, NotFound, Refusal
from warroom.incident import alerts, corrections, roles
from warroom.incident import commands as d
from warroom.incident import events as ev
from warroom.incident import playbook as playbooks
from warroom.incident.commands import Command, CommandContext, decide
from warroom.incident.delivery import Channel
from warroom.incident.events import Entry, Event, parse_event
from warroom.incident.incident import Incident, apply, fold
from warroom.incident.summary import Summary, summarise
from warroom.incident.team import fold_team
from warroom.safety import sanitize

PLAYBOOK = playbooks.parse(
    (Path(warroom.__file__).parent / "playbooks" / "small-team.toml").read_text(encoding="utf-8"), "small-team.toml"
)
START = datetime(2026, 1, 28, 12, 0, tzinfo=UTC)
KINDS: tuple[type[ev.EventBase], ...] = typing.get_args(typing.get_args(ev.KnownEvent)[0])
for _kind in KINDS:
    _kind.model_rebuild()  # built on first use otherwise, and hypothesis reads what it takes before that

words = st.text(max_size=12) | st.sampled_from(
    ["<!channel>", "\x1b]52;c;x\x07", "\u202eabc", "[b]x[/b]", "a\nb", "🚨"]
)
moments = st.integers(-(10**9), 10**9).map(lambda ms: START + timedelta(milliseconds=ms))
events: st.SearchStrategy[Event] = st.one_of(
    *(
        st.builds(
            kind,
            **{
                name: strategy
                for name, strategy in {
                    "service": words,
                    "impact": words,
                    "severity": st.sampled_from(["critical", "low", "odd"]),
                    "started_at": moments,
                    "detected_at": st.none() | moments,
                    "at": moments,
                    "fired_at": st.none() | moments,
                    "logged_at": st.none() | moments,
                    "next_update_at": st.none() | moments,
                    "entry": st.integers(0, 40).map(entry_id),
                    "alert": st.integers(0, 9).map(entry_id),
                    "hypothesis": st.integers(0, 40).map(entry_id),
                    "task": st.integers(0, 40).map(entry_id),
                    **dict.fromkeys(("start", "until", "turn", "other_turn"), moments),
                    "role": st.sampled_from(["incident_commander", "technical_lead"]),
                    "item": st.sampled_from([item.id for item in PLAYBOOK.items]),
                    "action": st.sampled_from(["A1", "A2", entry_id(3)]),
                    "fields": st.dictionaries(st.sampled_from(["impact", "eta"]), words, max_size=2),
                    "overridden": st.lists(words, max_size=2).map(tuple),
                    "destinations": st.lists(words, max_size=2).map(tuple),
                    "words": words,
                    "title": words,
                    **dict.fromkeys(("person", "other"), words),
                    "who": words,
                    "name": words,
                    "via": words,
                    "reason": words,
                    "comment": words,
                    "because": words,
                    "rollback": words,
                    "text": words,
                }.items()
                if name in kind.model_fields
            },
        )
        for kind in KINDS
    )
)


def numbered(facts: Sequence[Event], after: int = 0) -> list[Entry]:
    return [
        Entry(stream="INC-1", seq=seq, id=entry_id(seq), at=START + timedelta(seconds=seq), by="Ada", event=event)
        for seq, event in enumerate(facts, after + 1)
    ]


def test_every_kind_of_fact_is_in_the_union_and_can_be_folded() -> None:
    kinds = [kind.model_fields["kind"].default for kind in KINDS]
    assert len(kinds) == len(set(kinds)) == 62
    defined = {
        c
        for c in vars(ev).values()
        if isinstance(c, type) and issubclass(c, ev.EventBase) and c not in (ev.EventBase, ev.UnknownEvent)
    }
    assert set(KINDS) == defined


# whatever the order, whatever the words


@given(st.lists(events, max_size=30))
def test_the_fold_never_raises_whatever_the_order_of_facts(facts: list[Event]) -> None:
    incident = fold("INC-1", numbered(facts))
    assert incident.version == len(facts) == len(incident.rows)
    assert sorted(row.number for row in incident.timeline) == [row.number for row in incident.rows]
    assert all(row.kind and row.text is not None for row in incident.rows)
    fold_team(numbered(facts))


@given(st.lists(events, max_size=20), st.lists(events, max_size=20))
def test_folding_in_two_parts_is_folding_at_once_and_leaves_the_first_part_alone(
    before: list[Event], after: list[Event]
) -> None:
    first, second = numbered(before), numbered(after, len(before))
    base = fold("INC-1", first)
    kept = copy.deepcopy(base)
    whole = fold("INC-1", second, base)
    assert whole == fold("INC-1", [*first, *second])
    assert base == kept
    one_by_one = base
    for entry in second:
        one_by_one = apply(one_by_one, entry)
    assert one_by_one == whole
    assert fold_team(second, fold_team(first)) == fold_team([*first, *second])


@given(events)
def test_every_fact_survives_the_way_through_json(event: Event) -> None:
    body = event.model_dump_json()
    assert parse_event(body) == event
    assert parse_event(body).model_dump_json() == body
    with pytest.raises(ValidationError):
        event.kind = "declared"  # type: ignore[assignment]


@given(events)
def test_the_text_of_a_fact_made_of_inert_words_is_inert(event: Event) -> None:
    calm = type(event).model_validate(_inert(event.model_dump()))
    assert sanitize(calm.text) == calm.text


def _inert(value: object) -> object:
    if isinstance(value, str):
        return sanitize(value)
    if isinstance(value, dict):
        return {key: _inert(below) for key, below in value.items()}
    return tuple(map(_inert, value)) if isinstance(value, tuple) else value


def test_a_fact_of_a_later_version_is_told_apart_and_its_new_keys_are_let_be() -> None:
    assert parse_event('{"kind": "reopened", "reason": "back", "colour": "red"}') == ev.Reopened(reason="back")
    later = '{"kind": "teleported", "to": "mars"}'
    unknown = parse_event(later)
    assert unknown == ev.UnknownEvent(kind="teleported", body=later) and ev.serialize_event(unknown) == later
    broken = ('{"kind":', '{"kind": 7}', '{"kind": "reopened"}', '{"kind":"reopened"}')
    for body in ("{}", "[]", "", "nonsense", *broken):
        with pytest.raises(ValueError):
            parse_event(body)


def test_times_are_utc_in_milliseconds_and_need_a_zone() -> None:
    text = datetime.fromisoformat("2026-01-28T13:00:00.123987+01:00")
    assert ev.MilestoneAmended(milestone="started", at=text).at.isoformat() == "2026-01-28T12:00:00.123000+00:00"
    with pytest.raises(ValidationError):
        ev.MilestoneAmended(milestone="started", at=text.replace(tzinfo=None))


# what people do, in any order


class Incidents(RuleBasedStateMachine):
    """People at an incident, doing anything at any time; what is refused leaves no trace."""

    def __init__(self) -> None:
        super().__init__()
        self.entries: list[Entry] = []
        self.now = START
        self.folded = Incident("INC-1")
        self.new_id = new_ids(1000)

    def do(self, command: Command) -> None:
        before = copy.deepcopy(self.folded)
        context = CommandContext(PLAYBOOK, self.now, "Ada", date(2026, 1, 28), self.new_id)
        try:
            decided = decide(self.folded, command, context)
        except (Refusal, BadInput, NotFound) as error:
            assert error.title and "None" not in error.title
            assert self.folded == before
            return
        assert decided
        new = [
            Entry(
                stream="INC-1",
                seq=self.folded.version + place,
                id=new.id,
                at=self.now,
                by="Ada",
                event=parse_event(ev.serialize_event(new.event)),
            )
            for place, new in enumerate(decided, 1)
        ]
        self.entries += new
        self.folded = fold("INC-1", new, self.folded)

    @rule(seconds=st.integers(0, 4000))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(severity=st.sampled_from(["", "critical", "low"]), early=st.integers(0, 90))
    def declare(self, severity: str, early: int) -> None:
        self.do(d.Declare("web", "down", severity, self.now - timedelta(minutes=early)))

    @rule(
        command=st.one_of(
            st.just(d.Acknowledge()),
            st.builds(d.SetSeverity, st.sampled_from(["critical", "high", "low"]), words),
            st.builds(d.SetStatus, st.sampled_from(["investigating", "mitigated", "resolved"]), words),
            st.builds(d.Resolve, words),
            st.builds(d.Reopen, words),
            st.builds(d.Close, words),
        )
    )
    def turn(self, command: Command) -> None:
        self.do(command)

    @rule(
        command=st.one_of(
            st.builds(roles.Assign, st.sampled_from(["incident_commander", "technical_lead"]), words),
            st.builds(roles.Release, st.sampled_from(["incident_commander", "technical_lead"])),
            st.builds(roles.HandOver, st.just("incident_commander"), words),
            st.builds(roles.AcceptHandover, st.just("incident_commander")),
            st.builds(d.Check, st.sampled_from([item.id for item in PLAYBOOK.items])),
            st.builds(d.Uncheck, st.sampled_from([item.id for item in PLAYBOOK.items])),
        )
    )
    def organise(self, command: Command) -> None:
        self.do(command)

    @rule(
        command=st.one_of(
            st.builds(d.Note, words, st.sampled_from(ev.NOTE_KINDS), rollback=words),
            st.builds(d.RecordFix, words, st.booleans()),
            st.builds(d.Pin, words, words),
            st.builds(d.RecordChat, words, words, words),
            st.builds(alerts.ReceiveAlert, words),
            st.builds(d.AddAction, words, words, st.sampled_from(["", "2026-02-01", "soon"])),
            st.builds(d.CompleteAction, st.sampled_from(["A1", "A2", "A7"])),
            st.builds(d.OpenChannel, st.sampled_from(["a", "b"]), words, invited=st.integers(0, 2)),
            st.builds(d.WriteSection, st.sampled_from(ev.SECTIONS), words),
        )
    )
    def write(self, command: Command) -> None:
        self.do(command)

    @rule(
        minutes=st.none() | st.integers(-5, 60),
        audience=st.sampled_from(["team", "customers", "executives"]),
        kind=st.sampled_from(["update", "resolution"]),
        approved=words,
    )
    def post(self, minutes: int | None, audience: typing.Any, kind: typing.Any, approved: str) -> None:
        due = None if minutes is None else self.now + timedelta(minutes=minutes)
        self.do(d.PostUpdate(kind, kind, audience, "title", "words", {"impact": "less"}, due, (), approved))

    @rule(entry=st.integers(0, 30), text=st.none() | words, back=st.none() | st.integers(-10, 90))
    def amend(self, entry: int, text: str | None, back: int | None) -> None:
        self.do(
            corrections.AmendEntry(str(entry), text, None if back is None else self.now - timedelta(minutes=back))
        )

    @rule(entry=st.integers(0, 30))
    def retract(self, entry: int) -> None:
        self.do(corrections.RetractEntry(str(entry)))

    @rule(milestone=st.sampled_from(ev.MILESTONES), back=st.integers(-10, 90))
    def set_right(self, milestone: ev.Milestone, back: int) -> None:
        if self.folded.exists:
            self.do(corrections.AmendMilestone(milestone, self.now - timedelta(minutes=back)))

    @invariant()
    def nothing_is_missing_and_nothing_depends_on_how_it_was_folded(self) -> None:
        assert [entry.seq for entry in self.entries] == list(range(1, len(self.entries) + 1))
        assert fold("INC-1", self.entries) == self.folded

    @invariant()
    def what_was_written_first_is_still_there(self) -> None:
        assert [row.entry for row in self.folded.rows] == self.entries

    @invariant()
    def the_state_makes_sense(self) -> None:
        incident = self.folded
        if not incident.exists:
            return
        assert incident.open == ("resolved" not in incident.milestones)
        assert all(
            sum(t.role == role and t.until is None for t in incident.tenures) == 1 for role in incident.roles
        )
        assert sum(t.until is None for t in incident.tenures) == len(incident.roles)
        assert [post.number for post in incident.posts] == list(range(1, len(incident.posts) + 1))
        assert list(incident.actions) == [f"A{n}" for n in range(1, len(incident.actions) + 1)]
        started = incident.milestones["started"]
        end = incident.milestones.get("resolved")
        assert all(started <= at and (end is None or at <= end) for at in incident.milestones.values())

    @invariant()
    def its_summary_survives_the_way_through_the_journal(self) -> None:
        if self.folded.exists:
            summary = summarise(self.folded, PLAYBOOK)
            assert Summary.from_json(summary.to_json()) == summary
            shown = summary.public(PLAYBOOK, self.now)
            assert shown["checklist"]["done"] <= shown["checklist"]["total"]
            assert shown["elapsed_s"] >= 0


Incidents.TestCase.settings = settings(max_examples=60, stateful_step_count=40)
TestIncidents = Incidents.TestCase


# single rules of the fold


def test_a_stream_without_a_declaration_is_no_incident() -> None:
    incident = fold("INC-1", numbered([ev.Noted(note="note", words="x")]))
    assert not incident.exists and not incident.open and incident.commander == ""
    assert fold("INC-2", []) == Incident("INC-2")


def test_rows_are_told_in_the_order_things_happened_and_equal_times_in_the_order_written() -> None:
    incident = fold(
        "INC-1",
        numbered(
            [
                ev.Declared(service="web", impact="down", severity="high", started_at=START),
                ev.Noted(note="note", words="one"),
                ev.Noted(note="note", words="two"),
                ev.EntryAmended(entry=entry_id(3), at=START - timedelta(minutes=1)),
                ev.EntryAmended(entry=entry_id(2), at=START - timedelta(minutes=1)),
            ]
        ),
    )
    assert [row.number for row in incident.timeline] == [2, 3, 1, 4, 5]


def test_an_update_to_the_team_changes_the_impact_and_others_do_not() -> None:
    def post(audience: typing.Any, impact: str) -> ev.UpdatePosted:
        return ev.UpdatePosted(
            number=1,
            message="update",
            template="update",
            audience=audience,
            status="investigating",
            fields={"impact": impact},
            title="t",
            words="w",
        )

    facts = [
        ev.Declared(service="web", impact="down", severity="high", started_at=START),
        post("team", "half down"),
    ]
    incident = fold("INC-1", numbered([*facts, post("executives", "money"), post("team", "")]))
    assert (incident.title, incident.impact) == ("down", "half down")


def test_the_channel_of_a_destination_is_the_last_one_opened() -> None:
    facts = [ev.ChannelOpened(destination="a", channel=c, name=c, url="") for c in ("C1", "C2")]
    assert fold("INC-1", numbered(facts)).channels == {"a": Channel(id="C2", name="C2")}


def test_the_team_knows_which_alerts_wait_and_what_was_ready_when() -> None:
    alert = ev.AlertReceived(name="down")
    team = fold_team(
        numbered(
            [
                alert,
                alert,
                ev.AlertTaken(alert=entry_id(1), incident="INC-1"),
                ev.ReadinessConfirmed(item="i", title="I"),
            ]
        )
    )
    assert list(team.alerts) == [entry_id(2)] and team.version == 4
    assert team.ready == {"i": START + timedelta(seconds=4)}


# identity


def test_the_same_fact_from_outside_is_folded_once() -> None:
    alert = ev.AlertReceived(name="down", source="prometheus", fingerprint="f1")
    first, second = numbered([alert, alert])
    twice = replace(second, id=first.id)
    team = fold_team([first, twice, *numbered([ev.AlertTaken(alert=first.id)], after=2)])
    assert team.alerts == {} and team.received == {first.id}
    incident = fold("INC-1", [first, twice])
    assert len(incident.rows) == 1 and incident.version == 2


def test_a_cleared_alert_is_still_waiting_and_says_since_when_it_is_over() -> None:
    alert, cleared = numbered([ev.AlertReceived(name="down"), ev.AlertCleared(alert=entry_id(1), name="down")])
    (waiting,) = fold_team([alert, cleared]).alerts.values()
    assert waiting.cleared_at == cleared.at


def test_an_entry_is_found_by_its_number_its_id_or_the_beginning_of_it() -> None:
    ids = [UUID("018f0000-0000-7000-8000-00000000aaaa"), UUID("018f0000-0000-7000-8000-00001234bbbb")]
    notes = [ev.Noted(note="note", words=words) for words in ("one", "two")]
    entries = [replace(entry, id=id) for entry, id in zip(numbered(notes), ids, strict=True)]
    incident = fold("INC-1", entries)
    assert [incident.find_row(text).number for text in ("1", "2", str(ids[1]), "1234bbbb", ids[0].hex)] == [
        1,
        2,
        2,
        2,
        1,
    ]
    for text in ("3", "0", "", "018"):
        with pytest.raises(NotFound, match="no entry"):
            incident.find_row(text)
    for text in ("018f", "018f0000"):
        with pytest.raises(NotFound, match="2 entries"):
            incident.find_row(text)


def test_action_items_of_earlier_journals_are_found_by_their_number() -> None:
    declared = ev.Declared(service="web", impact="down", severity="high", started_at=START)
    fix = ev.FixRecorded(words="restarted", temporary=True, action="A1")
    incident = fold(
        "INC-1", numbered([declared, fix, ev.ActionAdded(words="x"), ev.ActionDone(action="A1", words="x")])
    )
    assert incident.actions["A1"].done_at
    assert [row.text for row in incident.rows[1:]] == ["restarted (temporary) → A1", "A1 x", "A1 ✓ x"]


def test_numbers_are_given_by_the_fold() -> None:
    update = ev.UpdatePosted(
        message="update", template="update", audience="team", status="investigating", title="t", words="w"
    )
    to_customers = update.model_copy(update={"message": "customer", "audience": "customers"})
    action = numbered([ev.ActionAdded(words="x")])[0]
    fix = ev.FixRecorded(words="restarted", temporary=True, action=action.id)
    incident = fold(
        "INC-1", [action, *numbered([update, to_customers, fix, ev.EntryRetracted(entry=entry_id(4))], 1)]
    )
    assert [row.text for row in incident.rows] == [
        "A1 x",
        "update #1",
        "customer update #2",
        "restarted (temporary)",
        "entry 4 retracted",
    ]
