"""What a customers' message becomes on a status page: a text, a name, a status, and what the components show."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from harness.app import AppHarness
from hypothesis import given
from hypothesis import strategies as st

from warroom.connect.status_pages import COMPONENT_STATUSES, StatusPageOptions, letter_body, page_update
from warroom.incident.commands import Declare
from warroom.incident.delivery import TEMPLATE_KINDS, Message

OPTIONS = StatusPageOptions.model_validate(
    {"components": {"Checkout-API": ["c1", "c2"], "*": "c9"}, "component_status": {"low": "operational"}}
)


def message(text: str = "Service Issue - Checkout\n\nIt fails.", **changes: Any) -> Message:
    fields: dict[str, Any] = {
        "kind": "customer",
        "audience": "customers",
        "incident": "INC-7",
        "severity": "critical",
        "status": "investigating",
        "title": text.partition("\n")[0],
        "text": text,
        "marker": "Ref 4F7K2Q",
        "at": datetime(2026, 1, 28, 13, 5, tzinfo=UTC),
        "service": "checkout-api",
    }
    return Message.model_validate(fields | changes)


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ("T\n\nHi there,\n\nIt fails.\n\nTeam Acme", "It fails."),
        ("T\n\nDear customer,\n\nIt fails.\n\nThank you.\n\nTeam Acme", "It fails.\n\nThank you."),
        ("T\n\nHallo Ada,\n\nEs geht nicht.\n\nEuer Team", "Es geht nicht."),
        ("T\n\nHi,\n\nIt fails.\n\nNext update: 14:40", "It fails.\n\nNext update: 14:40"),
        ("T\n\nHi,\n\nIt fails:\n- cards\n- vouchers", "It fails:\n- cards\n- vouchers"),
        ("T\n\nIt fails.\n\nTeam Acme", "It fails.\n\nTeam Acme"),
        ("T\nIt fails.", "It fails."),
        ("T (1/2)\nIt fails.", "T (1/2)\nIt fails."),
        ("T\n\nHi there,\n\nTeam Acme", "Team Acme"),
        ("T\n\nHi there,", "Hi there,"),
        ("T", ""),
    ],
)
def test_a_letter_loses_its_salutation_and_signature_and_nothing_else(text: str, body: str) -> None:
    assert letter_body(text, "T") == body


WORDS = st.text(st.characters(codec="utf-8"), max_size=60)


@given(st.lists(WORDS, max_size=6))
def test_whatever_is_written_nothing_but_salutation_and_signature_goes(paragraphs: list[str]) -> None:
    text = "\n\n".join(["Title", *paragraphs])
    body = letter_body(text, "Title")
    assert len(body) <= len(text)
    assert letter_body("\n\n".join(["Title", "Hi,", "It fails.", *paragraphs, "All is said."]), "Title").startswith(
        "It fails."
    )


@given(WORDS, WORDS)
def test_no_text_controls_a_terminal_or_opens_a_tag(title: str, text: str) -> None:
    update = page_update(message(title=title, text=f"{title}\n{text}<script>"), OPTIONS)
    assert update.name and update.text
    assert not [c for c in update.name + update.text if c not in "\n\t" and (ord(c) < 32 or ord(c) == 127)]
    assert "<script" not in update.text


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Service Issue - Checkout", "Service Issue - Checkout"),
        ("Update - Service Issue - Checkout", "Service Issue - Checkout"),
        ("Resolved - Service Issue - Checkout", "Service Issue - Checkout"),
        ("DRILL · Update - Service Issue - Checkout", "DRILL · Service Issue - Checkout"),
        ("Payments are slow", "Payments are slow"),
        ("x" * 300, "x" * 255),
        ("", "Incident"),
    ],
)
def test_the_name_is_the_same_at_every_stage(title: str, name: str) -> None:
    assert page_update(message(title=title), OPTIONS).name == name


@pytest.mark.parametrize(
    ("status", "severity", "shown", "component"),
    [
        ("investigating", "critical", "investigating", "major_outage"),
        ("investigating", "high", "investigating", "partial_outage"),
        ("investigating", "medium", "investigating", "degraded_performance"),
        ("investigating", "low", "investigating", "operational"),
        ("investigating", "one of the team's own", "investigating", "degraded_performance"),
        ("mitigated", "critical", "monitoring", "degraded_performance"),
        ("mitigated", "low", "monitoring", "operational"),
        ("resolved", "critical", "resolved", "operational"),
        ("closed", "high", "resolved", "operational"),
    ],
)
def test_status_and_severity_decide_what_is_shown(status: str, severity: str, shown: str, component: str) -> None:
    update = page_update(message(status=status, severity=severity), OPTIONS)
    assert (update.status, update.component) == (shown, component)
    assert update.component in COMPONENT_STATUSES


def test_a_service_has_its_components_or_those_of_every_other() -> None:
    assert page_update(message(), OPTIONS).ids == ("c1", "c2")
    assert page_update(message(service="search-api"), OPTIONS).ids == ("c9",)
    assert page_update(message(service="search-api"), StatusPageOptions()).ids == ()


def test_what_the_shipped_templates_say_to_customers_is_no_letter_on_a_page(tmp_path: Path) -> None:
    with AppHarness(tmp_path) as harness:
        room = harness.room
        incident = room.declare(Declare("checkout-api", "Card payments fail", "critical")).incident
        templates = [name for name, kind in TEMPLATE_KINDS.items() if kind == "customer"]
        shown = {name: room.preview_update(incident.id, name, {}).message for name in templates}
        updates = {name: page_update(message, OPTIONS) for name, message in shown.items()}
    assert {update.name for update in updates.values()} == {"Service Issue - Card payments"}
    for update in updates.values():
        letter = ("Hi ", "Team Example", "Subject", "INC-1", "checkout")
        assert [word for word in letter if word in update.text] == []
    assert updates["customer_initial"].text.startswith("We're currently experiencing issues with Card payments.")
    assert [update.status for update in updates.values()] == ["investigating", "investigating", "resolved"]
    references = {message.reference for message in shown.values()}
    assert len(references) == 1 and len(references.pop()) == 8


def test_the_reference_of_the_first_incident_of_another_journal_is_another_one(tmp_path: Path) -> None:
    found = []
    for name in ("one", "other"):
        with AppHarness(tmp_path / name) as harness:
            (tmp_path / name).mkdir(exist_ok=True)
            incident = harness.room.declare(Declare("checkout-api", "Card payments fail")).incident
            found.append((incident.id, harness.room.preview_update(incident.id, "update", {}).message.reference))
    assert found[0][0] == found[1][0] and found[0][1] != found[1][1]
