"""A turn for the worse, a mitigation and a resolution are posts that notify, once each."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
from harness import case
from harness.app import AppHarness
from harness.fakes import FakeChat
from harness.ids import entry_id
from hypothesis import given, settings
from hypothesis import strategies as st

from warroom.config.settings import Destination
from warroom.errors import Refusal
from warroom.incident.commands import Command, Declare, Reopen, Resolve, SetSeverity, SetStatus
from warroom.incident.delivery import Message
from warroom.incident.events import NewEntry, StatusSet
from warroom.incident.roles import Assign
from warroom.reports.announcements import announce

OVER = Resolve("verified by hand")


class Announcing(AppHarness):
    """A room with a chat that edits its status message, and one incident at High."""

    def begin(self, **more: Any) -> None:
        self.room.declare(Declare("checkout-api", "Card payments fail", "high", **more))
        self.clock.later(minutes=5)
        self.deliver()

    def do(self, *commands: Command) -> list[str]:
        """The titles of the posts that follow, status messages aside."""
        before = len(self.announced())
        for command in commands:
            self.room.execute("INC-1", command)
            self.clock.later(minutes=1)
        self.deliver()
        return [message.title for message in self.announced()[before:]]

    def announced(self) -> list[Message]:
        return [message for message in self.chats["chat"].messages if message.kind == "announcement"]


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Announcing]:
    with Announcing(tmp_path) as made:
        made.begin()
        yield made


def test_each_turn_is_a_post_of_its_own_beside_the_edited_status_message(team: Announcing) -> None:
    edits = len(team.chats["chat"].statuses)
    assert team.do(SetSeverity("critical"), SetStatus("mitigated"), OVER) == [
        "INC-1 · checkout-api: severity raised from High to Critical",
        "INC-1 · checkout-api: mitigated",
        "INC-1 · checkout-api: resolved",
    ]
    assert len(team.chats["chat"].statuses) > edits
    worse, mitigated, resolved = (message.text for message in team.announced())
    assert "\nImpact: Card payments fail\n" in worse and "\nNext update: 14:45 CET (13:45 UTC)\n" in worse
    assert "\nImpact was: Card payments fail\n" in mitigated
    assert "\nImpact was: Card payments fail\n" in resolved and "\nDuration: 7 min\n" in resolved
    assert "Next update" not in resolved


def test_what_gets_worse_again_is_announced_too(team: Announcing) -> None:
    team.do(SetStatus("mitigated"))
    assert team.do(SetStatus("investigating", "errors are back")) == ["INC-1 · checkout-api: investigating again"]
    assert "\nReason: errors are back\n" in team.announced()[-1].text
    team.do(OVER)
    assert team.do(Reopen("refunds fail")) == ["INC-1 · checkout-api: reopened"]


def test_a_lowered_severity_only_changes_the_status_message(team: Announcing) -> None:
    assert team.do(SetSeverity("medium", "few are affected")) == []
    assert "Medium" in team.chats["chat"].statuses[-1][1]


def test_it_is_written_in_the_transaction_of_what_it_announces(team: Announcing) -> None:
    done = team.room.execute("INC-1", SetSeverity("critical"))
    sent = [one for one in team.room.deliveries("INC-1") if one.entry_id == done.entries[0].id]
    assert sorted((one.destination, one.item.operation) for one in sent) == [("chat", "post"), ("chat", "status")]


def test_nobody_can_announce_the_same_thing_twice(team: Announcing) -> None:
    team.do(SetStatus("mitigated"))
    with pytest.raises(Refusal):
        team.room.execute("INC-1", SetStatus("mitigated"))
    team.deliver()
    assert len(team.announced()) == 1


@pytest.mark.parametrize(
    ("template", "status", "command"),
    [
        ("update", "Mitigated", SetStatus("mitigated")),
        ("update", "resolved, monitoring", OVER),
        ("resolution", "Resolved", OVER),
        ("resolution", "All clear", OVER),
    ],
)
def test_what_a_person_has_told_the_team_already_is_not_announced(
    team: Announcing, template: str, status: str, command: Command
) -> None:
    team.room.post_update("INC-1", template, {"status": status, "next_update": "+20m"})
    assert team.do(command) == []


def test_an_update_with_another_status_or_of_an_earlier_time_does_not_count(team: Announcing) -> None:
    team.room.post_update("INC-1", "update", {"status": "Mitigated", "next_update": "+20m"})
    team.clock.later(minutes=1)
    team.do(SetStatus("mitigated"), SetStatus("investigating"))
    team.room.post_update("INC-1", "update", {"status": "Monitoring", "next_update": "+20m"})
    assert team.do(SetStatus("mitigated")) == ["INC-1 · checkout-api: mitigated"]


def test_what_others_were_told_does_not_count(team: Announcing) -> None:
    team.room.execute("INC-1", Assign("incident_commander", "Alice"))
    team.room.post_update("INC-1", "customer_resolution", {}, approved_by="Alice")
    team.room.post_update("INC-1", "executive", {"status": "Resolved"})
    assert team.do(OVER) == ["INC-1 · checkout-api: resolved"]
    assert "\nIncident commander: Alice\n" in team.announced()[-1].text


def test_a_drill_announces_where_drills_may_post_and_says_that_it_is_one(tmp_path: Path) -> None:
    places = {
        name: Destination.model_validate({"name": name, "backend": name, "drills": drills})
        for name, drills in (("chat", True), ("mail", False))
    }
    with Announcing(tmp_path) as team:
        team.room.settings.destinations.clear()
        team.room.settings.destinations.update(places)
        team.begin(drill=True)
        assert team.do(SetSeverity("critical")) == [
            "DRILL · INC-1 · checkout-api: severity raised from High to Critical"
        ]
        assert team.chats["mail"].messages == []


def test_a_destination_for_short_texts_gets_the_beginning_and_nothing_is_refused(team: Announcing) -> None:
    team.room.updates.measures = lambda name: FakeChat(max_length=60)
    team.room.execute("INC-1", SetStatus("mitigated", "x" * 5000))
    team.deliver()
    assert team.room.incident("INC-1").status == "mitigated"
    assert team.announced()[-1].text.startswith("INC-1 · checkout-api: mitigated")


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=80) | st.sampled_from(["\x1b[31mred", "\u202etxt", "a\nINC-9·u1\n\nb"]))
def test_whatever_the_reason_says_it_stays_on_its_line(reason: str) -> None:
    incident = case.declared().incident
    entry = NewEntry(StatusSet(status="mitigated", before="investigating", reason=reason), entry_id(9))
    message = announce(entry, incident, case.PLAYBOOK, case.NOON, UTC)
    assert message is not None
    assert not {c for c in message.text if (ord(c) < 32 and c != "\n") or c in "\x7f\u202e\u2028"}
    lines = message.text.splitlines()
    assert lines[0] == message.title and lines[-1] == message.marker
    assert [line.partition(":")[0] for line in lines[1:-1] if line] in (["Impact"], ["Impact", "Reason"])
