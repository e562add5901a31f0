"""The actions of an update: what was done about the incident, in the past tense, and no ticked boxes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from harness.case import NOON, PLAYBOOK
from harness.ids import entry_id
from hypothesis import given
from hypothesis import strategies as st

from warroom.incident.alert_events import AlertSilenced
from warroom.incident.chat_events import ChannelOpened
from warroom.incident.events import (
    Acknowledged,
    Declared,
    Entry,
    EntryRetracted,
    Event,
    EvidencePinned,
    FixRecorded,
    HypothesisConfirmed,
    HypothesisRuledOut,
    ItemChecked,
    Noted,
    RoleAssigned,
    SeveritySet,
    TaskAssigned,
    TaskDone,
)
from warroom.incident.incident import fold
from warroom.incident.runbook_events import RunbookStepDone, RunbookStepUndone, StepRunEnded, WorkflowEnded
from warroom.reports.actions_taken import MAX_LENGTH, actions_taken

CET = ZoneInfo("Europe/Berlin")
UNTIL = datetime(2026, 1, 28, 14, 30, tzinfo=UTC)
STEP: dict[str, Any] = {"runbook": "db", "step": "s1", "title": "Restart the pool"}


def actions(*events: Event, after: int = 0) -> list[str]:
    """The actions of an incident in which these events followed the declaration, a minute each."""
    declared = Declared(service="checkout-api", impact="down", severity="high", started_at=NOON)
    entries = [
        Entry(stream="INC-1", seq=n, id=entry_id(n), at=NOON + timedelta(minutes=n), by="Ada", event=event)
        for n, event in enumerate((declared, *events), 1)
    ]
    return list(actions_taken(fold("INC-1", entries), PLAYBOOK, after, CET))


def step_done(because: str = "") -> RunbookStepDone:
    return RunbookStepDone(**STEP, runbook_title="Database", number=1, steps=3, because=because)


def run(outcome: Any, status: int | None) -> StepRunEnded:
    return StepRunEnded(**STEP, run=UUID(int=1), outcome=outcome, status=status, seconds=3.2, output="secret words")


@pytest.mark.parametrize("item", PLAYBOOK.items, ids=lambda item: item.id)
def test_no_item_of_the_checklists_is_an_action(item: Any) -> None:
    assert actions(ItemChecked(item=item.id, title=item.text)) == []
    assert actions(ItemChecked(item=item.id, title=item.text, because="update", evidence="200 OK")) == []


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (Noted(note="finding", words="the pool is full"), "Found: the pool is full"),
        (
            Noted(note="decision", words="roll back", because="it began with 4.2"),
            "Decided: roll back — because it began with 4.2",
        ),
        (
            Noted(note="change", words="pool 50→200", rollback="revert env"),
            "Changed: pool 50→200 (rollback: revert env)",
        ),
        (Noted(note="hypothesis", words="the disk"), "Suspected: the disk"),
        (HypothesisConfirmed(hypothesis=UUID(int=9), words="the pool"), "Confirmed: the pool"),
        (HypothesisRuledOut(hypothesis=UUID(int=9), words="the network"), "Ruled out: the network"),
        (FixRecorded(words="Rolled back 4.2", temporary=True), "Applied a temporary fix: Rolled back 4.2"),
        (FixRecorded(words="Raised the limit", temporary=False), "Applied a permanent fix: Raised the limit"),
        (EvidencePinned(source="app.log", line=7, words="FATAL"), "Found evidence: app.log:7 FATAL"),
        (step_done(), "Followed the runbook Database: Restart the pool"),
        (run("ended", 0), "Ran a runbook step: Restart the pool (exit status 0 after 3.2 s)"),
        (run("timed out", None), "Ran a runbook step: Restart the pool (timed out after 3.2 s)"),
        (
            WorkflowEnded(**STEP, run=UUID(int=1), conclusion="success", seconds=180),
            "Ran a workflow: Restart the pool (success after 3 min)",
        ),
        (
            AlertSilenced(alert=UUID(int=1), name="HighErrorRate", source="am", until=UNTIL, outcome="silenced"),
            "Silenced the alert HighErrorRate until 15:30 CET",
        ),
        (SeveritySet(severity="critical", before="high"), "Raised the severity from High to Critical"),
        (SeveritySet(severity="low", before="high"), "Lowered the severity from High to Low"),
        (SeveritySet(severity="gone", before="high"), "Changed the severity from High to Gone"),
    ],
)
def test_what_was_done_is_told_in_the_past_tense(event: Event, line: str) -> None:
    assert actions(event) == [line]


@pytest.mark.parametrize(
    "event",
    [
        Noted(note="note", words="private grumbling"),
        Acknowledged(who="Ada"),
        RoleAssigned(role="incident_commander", title="Incident commander", person="Ada"),
        ChannelOpened(destination="chat", channel="C1"),
        step_done(because="exit status 0 after 3.2 s"),  # the run tells it
        run("not started", None),
        WorkflowEnded(**STEP, run=UUID(int=1), reason="no such workflow"),
    ],
    ids=lambda event: event.kind,
)
def test_what_is_not_done_about_the_incident_is_no_action(event: Event) -> None:
    assert actions(event) == []


def test_what_was_taken_back_is_no_action() -> None:
    assert actions(step_done(), RunbookStepUndone(**STEP)) == []
    assert actions(Noted(note="finding", words="x"), EntryRetracted(entry=entry_id(2))) == []


def test_a_finished_task_is_an_action_and_an_assigned_one_is_not() -> None:
    assigned = TaskAssigned(who="Bob", words="check the replica", until=UNTIL)
    assert actions(assigned) == []
    assert actions(assigned, TaskDone(task=entry_id(2), words="check the replica")) == [
        "Finished: check the replica"
    ]


@given(st.lists(st.text(min_size=1, max_size=400), max_size=6), st.integers(0, 7))
def test_each_action_is_one_line_of_bounded_length_and_only_new_ones_are_told(words: list[str], after: int) -> None:
    found = actions(*(Noted(note="finding", words=one) for one in words), after=after)
    assert len(found) == max(0, len(words) - max(0, after - 1))
    assert all("\n" not in line and len(line) <= MAX_LENGTH for line in found)
