"""An incident that was declared twice is closed as a duplicate: shown so everywhere, counted nowhere."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from harness.app import AppHarness
from harness.case import declared

from warroom.config.settings import AlertSourceSettings
from warroom.errors import NotFound, Refusal
from warroom.incident.alerts import ReceiveAlert
from warroom.incident.commands import Acknowledge, Declare, Note, Reopen, Resolve
from warroom.incident.duplicates import CloseAsDuplicate
from warroom.incident.events import Closed, parse_event
from warroom.room.duplicates import close_as_duplicate
from warroom.room.figures_reader import FiguresReader
from warroom.room.snapshot import incident_snapshot
from warroom.room.source_teller import GuardedSource, SourceTeller


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[AppHarness]:
    with AppHarness(tmp_path) as harness:
        yield harness


def declare(harness: AppHarness, *, drill: bool = False) -> str:
    harness.clock.later(minutes=1)
    return harness.room.declare(Declare("checkout-api", "Card payments fail", drill=drill)).incident.id


def two(harness: AppHarness) -> tuple[str, str]:
    return declare(harness), declare(harness)


def test_an_open_incident_is_closed_as_a_duplicate_and_each_leads_to_the_other(harness: AppHarness) -> None:
    first, second = two(harness)
    done = close_as_duplicate(harness.room, second, first.lower(), "Declared twice, password=hunter2secret")
    assert done.incident.status == "closed" and done.incident.state == "duplicate of INC-1"
    assert done.incident.rows[-1].text.startswith("Closed as a duplicate of INC-1: Declared twice, password=")
    assert "hunter2" not in done.incident.rows[-1].text
    original = harness.room.incident(first)
    assert original.open and original.rows[-1].text == "INC-2 was closed as a duplicate of this incident"
    assert incident_snapshot(harness.room, first).duplicates == ("INC-2",)
    status = [one.item.message for one in harness.room.deliveries(second) if one.item.operation == "status"][-1]
    assert status and "Duplicate of INC-1" in status.text and "Resolved:" not in status.text


def test_its_clock_stops_and_nothing_is_asked_for_any_more(harness: AppHarness) -> None:
    first, second = two(harness)
    close_as_duplicate(harness.room, second, first)
    [brief] = [row for row in harness.room.summaries() if row.id == second]
    before = brief.elapsed(harness.clock())
    harness.clock.later(hours=50)
    assert brief.elapsed(harness.clock()) == before
    assert not brief.open and brief.postmortem_due(48) is None and brief.state == "duplicate of INC-1"
    assert brief.public(harness.room.playbook, harness.clock())["duplicate_of"] == "INC-1"
    [step] = incident_snapshot(harness.room, second).next_steps(harness.clock())
    assert step.text == "INC-2 is closed as a duplicate of INC-1"


def test_figures_and_similar_incidents_leave_it_out_until_it_is_reopened(harness: AppHarness) -> None:
    first, second = two(harness)
    figures = FiguresReader(harness.room)
    assert figures.read().all.incidents == 2
    close_as_duplicate(harness.room, second, first)
    assert figures.read().all.incidents == 1
    assert [one.id for one in harness.search.similar("checkout-api", "Card payments fail")] == [first]
    reopened = harness.room.execute(second, Reopen("Another cause after all")).incident
    assert reopened.open and reopened.duplicate_of == "" and "resolved" not in reopened.milestones
    assert figures.read().all.incidents == 2


def test_what_would_leave_no_incident_open_is_refused(harness: AppHarness) -> None:
    first, second = two(harness)
    third, drill = declare(harness), declare(harness, drill=True)
    room = harness.room

    def refused(incident: str, original: str) -> str:
        with pytest.raises((Refusal, NotFound)) as raised:
            close_as_duplicate(room, incident, original)
        return raised.value.title

    assert refused(first, first) == "INC-1 is no duplicate of itself"
    assert refused(first, "INC-99") == "There is no incident INC-99"
    assert refused(first, drill) == "INC-4 is a drill and INC-1 is not"
    close_as_duplicate(room, second, first)
    assert refused(first, second) == "INC-2 is closed as a duplicate of INC-1"
    assert refused(third, second) == "INC-2 is itself a duplicate of INC-1"
    assert refused(second, first) == "INC-2 is already closed as a duplicate of INC-1"
    assert room.incident(first).open


class Source:
    """An alert source that notes what it is told."""

    ends_alerts = True

    def __init__(self) -> None:
        self.told: list[str] = []
        self.closed: list[str] = []

    async def acknowledge(self, key: str, comment: str) -> str:
        self.told.append(key)
        return "acknowledged"

    async def resolve(self, key: str, comment: str) -> str:
        self.closed.append(key)
        return "closed"


def test_its_alerts_are_the_originals_from_then_on(tmp_path: Path) -> None:
    table = AlertSourceSettings.model_validate({"name": "prom", "backend": "fake"})
    with AppHarness(tmp_path, alerts={"prom": table}) as harness:
        room = harness.room
        for key in ("a", "b"):
            room.receive_alert(ReceiveAlert("Errors", "prom", fingerprint=key))
            [alert] = room.team().alerts
            room.declare(Declare("checkout-api", "Card payments fail"), alert=alert)
        close_as_duplicate(room, "INC-2", "INC-1")
        source, teller = Source(), SourceTeller(room, "prom")
        asyncio.run(teller.resolve(cast(GuardedSource, source)))
        assert source.closed == [], "one of two incidents was closed: nothing is over"
        room.execute("INC-1", Acknowledge())
        asyncio.run(teller.acknowledge(cast(GuardedSource, source)))
        assert source.told == ["a", "b"]
        room.execute("INC-1", Resolve("Rolled back"))
        asyncio.run(teller.resolve(cast(GuardedSource, source)))
        assert source.closed == ["a", "b"]


def test_one_that_was_closed_before_can_still_be_called_a_duplicate() -> None:
    original, case = declared().incident, declared()
    original.id = "INC-9"
    [closed] = case.do(CloseAsDuplicate(original))
    assert isinstance(closed, Closed) and closed.text == "Closed as a duplicate of INC-9"
    original.id = "INC-8"
    assert case.do(CloseAsDuplicate(original, "this one"))[0].text == "Closed as a duplicate of INC-8: this one"


def test_a_journal_of_an_earlier_version_still_opens() -> None:
    event = parse_event('{"kind": "closed", "reason": "done"}')
    assert isinstance(event, Closed) and event.duplicate_of == "" and event.text == "Closed: done"


@pytest.mark.parametrize(
    ("fingerprints", "groups", "offered"),
    [(("a", "a"), ("", ""), "INC-1"), (("a", "b"), ("g", "g"), "INC-1"), (("a", "b"), ("g", "h"), "")],
)
def test_it_is_offered_in_the_later_of_two_that_came_from_one_alert(
    harness: AppHarness, fingerprints: tuple[str, str], groups: tuple[str, str], offered: str
) -> None:
    room, declared = harness.room, []
    for fingerprint, group in zip(fingerprints, groups, strict=True):
        harness.clock.later(minutes=1)
        room.receive_alert(
            ReceiveAlert("Errors", "prom", fired_at=harness.clock(), fingerprint=fingerprint, group=group)
        )
        [alert] = room.team().alerts
        declared.append(room.declare(Declare("checkout-api", "Card payments fail"), alert=alert).incident.id)
    first, second = declared
    snapshot = incident_snapshot(room, second)
    assert snapshot.original == offered and incident_snapshot(room, first).original == ""
    steps = [step.text for step in snapshot.next_steps(harness.clock()) if step.action == "close"]
    assert steps == ([f"Same alert as {offered}: close as a duplicate?"] if offered else [])
    if offered:
        room.execute(second, Note("The same"))
        close_as_duplicate(room, second, offered)
        assert incident_snapshot(room, second).original == ""


def test_a_screen_folds_no_other_incident_unless_an_alert_may_have_led_to_both(
    harness: AppHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    incidents = [declare(harness) for _ in range(5)]
    read: list[str] = []
    incident = harness.room.incident
    monkeypatch.setattr(harness.room, "incident", lambda id: (read.append(id), incident(id))[1])
    incident_snapshot(harness.room, incidents[-1])
    assert set(read) <= {incidents[-1]}
