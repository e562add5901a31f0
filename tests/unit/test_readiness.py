"""Readiness: a confirmation expires, what can be measured is measured, and it says when it was last true."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from harness.app import AppHarness
from harness.fakes import FakeChat

from warroom.config.settings import Destination, Person, ProbeSettings, Team
from warroom.errors import Rejected
from warroom.incident.alerts import ReceiveAlert
from warroom.incident.commands import Declare
from warroom.incident.readings import judged
from warroom.room.readiness import ReadyItem, own_probes, readiness
from warroom.room.room import WarRoom


@pytest.fixture
def room(tmp_path: Path) -> Iterator[WarRoom]:
    with AppHarness(tmp_path / "data") as harness:
        yield harness.room


def item(room: WarRoom, id: str) -> ReadyItem:
    (found,) = [one for one in readiness(room) if one.item.id == id]
    return found


def test_a_confirmation_expires_and_says_when_it_was_last_true(room: WarRoom) -> None:
    assert item(room, "celebrate").confirmed_at is None and not item(room, "celebrate").holds(room.clock())
    room.confirm_ready("celebrate")
    found, days = item(room, "celebrate"), room.playbook.nudges.readiness_days
    assert found.confirmed_at == room.clock()
    assert found.holds(room.clock() + timedelta(days=days, seconds=-1))
    assert not found.holds(room.clock() + timedelta(days=days))


def test_an_item_can_expire_sooner_than_others(room: WarRoom) -> None:
    monthly = room.playbook.item("training").model_copy(update={"valid_days": 30})
    assert room.playbook.ready_until(monthly, room.clock()) == room.clock() + timedelta(days=30)


def test_what_is_measured_counts_more_than_what_was_confirmed(room: WarRoom) -> None:
    room.confirm_ready("contacts")
    people = (Person(name="Ann", phone="1"), Person(name="Ben"))
    room.settings = room.settings.model_copy(update={"team": Team(people=people)})
    found = item(room, "contacts")
    assert found.reading == judged(False, "no phone, e-mail or handle of Ben")
    assert not found.holds(room.clock())
    room.settings = room.settings.model_copy(update={"team": Team(people=people[:1])})
    assert item(room, "contacts").reading == judged(True, "1 person can be reached")
    room.settings = room.settings.model_copy(update={"team": Team()})
    assert item(room, "contacts").reading == judged(False, "there is nobody: add [[team.people]]")


def test_whoever_is_on_call_is_measured(room: WarRoom) -> None:
    reading = item(room, "on-call").reading
    assert reading and reading.speaks == "for" and reading.text.startswith(f"{room.on_call()}, then ")
    room.settings = room.settings.model_copy(update={"on_call": None})
    assert item(room, "on-call").reading == judged(False, "nobody is on call: add [on_call]")


def test_templates_that_cannot_be_used_are_measured(room: WarRoom) -> None:
    reading = item(room, "templates").reading
    assert reading and reading.speaks == "for"
    room.settings = room.settings.model_copy(update={"playbook": "playbook.toml"})
    broken = room.playbook.template("update").model_copy(update={"text": "{{ nonsense.x }}"})
    room.playbook = room.playbook.model_copy(update={"templates": {**room.playbook.templates, "update": broken}})
    reading = item(room, "templates").reading
    assert reading and reading.against and "update" in reading.text


def test_an_alert_has_arrived_lately_and_not_from_a_drill(tmp_path: Path) -> None:
    with AppHarness(tmp_path / "data") as harness:
        room = harness.room
        room.receive_alert(replace(ReceiveAlert("drilled"), drill=True))
        assert item(room, "alerts").reading == judged(False, "no alert has ever arrived")
        room.receive_alert(ReceiveAlert("test_alert"))
        assert item(room, "alerts").reading == judged(True, "the last alert arrived today")
        harness.clock.later(days=room.playbook.nudges.readiness_days)
        assert item(room, "alerts").reading == judged(False, "the last alert arrived 90 days ago")


def test_customers_are_told_on_a_page_that_takes_their_updates(tmp_path: Path) -> None:
    refusing = FakeChat(outcomes=[None, Rejected("statuspage refused: Unauthorized (401)")])
    with AppHarness(tmp_path / "data", chats={"chat": FakeChat(dedupes=True), "mail": refusing}) as harness:
        room = harness.room
        assert item(room, "status-page").reading == judged(True, "mail is set up")
        incident = room.declare(Declare("checkout-api", "Card payments fail"), commander="Alice").incident.id
        for template, found in (
            ("customer_initial", judged(True, "mail: last update delivered (INC-1)")),
            ("customer_update", judged(False, "mail refused the last update, of INC-1")),
        ):
            harness.clock.later(minutes=5)
            room.post_update(incident, template, {})
            harness.deliver()
            assert item(room, "status-page").reading == found


def test_a_file_on_this_machine_is_no_status_page(room: WarRoom) -> None:
    transcript = Destination(name="log", backend="transcript", audiences=("team", "customers"))
    room.settings = room.settings.model_copy(update={"destinations": {"log": transcript}})
    reading = item(room, "status-page").reading
    assert reading and reading.against and reading.text.startswith("no destination takes customers' updates")


def test_a_probe_of_the_settings_replaces_what_is_built_in(room: WarRoom) -> None:
    probes = {
        "status": ProbeSettings(name="status", kind="http", verifies="status-page"),
        "contacts": ProbeSettings(name="contacts", kind="command"),
        "health": ProbeSettings(name="health", kind="http"),
    }
    room.settings = room.settings.model_copy(update={"probes": probes})
    assert own_probes(room) == ["status", "contacts"]
    up = replace(judged(True, "HTTP 200"), verifies="status-page")
    stale = judged(False, "the list is 200 days old")
    found = {one.item.id: one.reading for one in readiness(room, {"status": up, "contacts": stale})}
    assert found["status-page"] and found["status-page"].text == "HTTP 200"
    assert found["contacts"] and found["contacts"].text == stale.text
    assert found["celebrate"] is None
