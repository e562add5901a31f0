"""What is said of an incident: drafted from real histories, inert whatever the text, blameless, to the minute."""

from __future__ import annotations

import contextlib
import html
import html.parser
import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest
from harness.ids import entry_id
from hypothesis import given, settings
from hypothesis import strategies as st

from warroom.errors import NotFound, SettingsError
from warroom.incident import playbook as playbooks
from warroom.incident.chat_events import ChannelOpened, ChatMessage
from warroom.incident.delivery import Delivery, DeliveryState, Message, OutboxItem, Receipt
from warroom.incident.events import (
    Acknowledged,
    ActionAdded,
    AlertReceived,
    Closed,
    Declared,
    Entry,
    EntryAmended,
    EntryRetracted,
    Event,
    EvidencePinned,
    FixRecorded,
    HypothesisConfirmed,
    HypothesisRuledOut,
    ItemChecked,
    ItemUnchecked,
    MilestoneAmended,
    Noted,
    Resolved,
    RoleAssigned,
    RoleReleased,
    Section,
    SectionWritten,
    SeveritySet,
    StatusSet,
    UpdatePosted,
)
from warroom.incident.incident import Incident, fold
from warroom.reports import messages, metrics, postmortem, render, templates, warnings, wording

TEXT = (Path(playbooks.__file__).parents[1] / "playbooks" / "small-team.toml").read_text("utf-8")
BOOK = playbooks.parse(TEXT, "small-team.toml")
CET = ZoneInfo("Europe/Berlin")
T0 = datetime(2026, 1, 28, 13, 0, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script> [go](javascript:alert(1)) ![x](http://evil/x) **b** `c` | # h\n# h\n- x\n```"


def at(minutes: float) -> datetime:
    return T0 + timedelta(minutes=minutes)


def story(*text: tuple[float, str, Event], id: str = "INC-7") -> Incident:
    return fold(
        id,
        [Entry(stream=id, seq=n, id=entry_id(n), at=at(m), by=by, event=e) for n, (m, by, e) in enumerate(text, 1)],
    )


def declared(**more: Any) -> Declared:
    given = {"service": "checkout-api", "impact": "Card payments fail", "severity": "critical", "started_at": T0}
    return Declared(**given | more)


def update(number: int, next_minute: float | None, audience: Any = "team", **fields: str) -> UpdatePosted:
    return UpdatePosted(
        message="update",
        template="update",
        audience=audience,
        status="investigating",
        fields=fields,
        title="t",
        words="w",
        next_update_at=None if next_minute is None else at(next_minute),
        destinations=("slack",),
    )


def role(person: str, id: str = "incident_commander") -> RoleAssigned:
    return RoleAssigned(role=id, title=BOOK.role(id).title, person=person)


def full() -> Incident:
    return story(
        (3, "Alice Smith", declared(detected_at=at(2))),
        (3, "Alice Smith", update(1, 18, impact="Card payments fail")),
        (4, "Bob", Acknowledged(who="Bob")),
        (4, "Bob", ItemChecked(item="acknowledge", title="Acknowledge alert in monitoring system", because="ack")),
        (8, "Alice Smith", role("Alice Smith")),
        (8, "Alice Smith", role("Bob", "technical_lead")),
        (10, "Bob", EvidencePinned(source="app.log", line=88213, words="FATAL remaining connection slots")),
        (11, "Bob", Noted(note="finding", words="Bob saw the pool exhausted on eu-1")),
        (12, "Alice Smith", ItemChecked(item="components", title="Identify affected components")),
        (12, "Alice Smith", ItemChecked(item="verify", title="Verify key functionality")),
        (12, "Alice Smith", ItemUnchecked(item="verify", title="Verify key functionality")),
        (13, "Bob", Noted(note="note", words="private grumbling")),
        (14, "Bob", Noted(note="change", words="pool 50→200", rollback="revert env")),
        (20, "Alice Smith", update(2, 35, impact="Half of card payments fail")),
        (22, "Carol", ChatMessage(who="Carol", via="slack", words="refunds are failing as well")),
        (30, "Bob", FixRecorded(words="Rolled back 4.2", temporary=True, action="A1")),
        (30, "Bob", ActionAdded(action="A1", words="Permanent fix for the pool", owner="Bob", due="2026-02-04")),
        (34, "Alice Smith", StatusSet(status="mitigated", before="investigating")),
        (60, "Alice Smith", Resolved()),
    )


# ── rendering ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_line_whose_expressions_are_all_empty_is_dropped() -> None:
    text = "Hi {{ a }},\n\nA: {{ a }}\nB: {{ a }}{{ b }}\n\nC: {{ a }}\n\nfixed\n"
    assert templates.render(text, {"a": "", "b": "x"}) == "B: x\n\nfixed"


def test_a_line_without_expressions_is_kept() -> None:
    assert templates.render("one\n\ntwo", {}) == "one\n\ntwo"


def test_a_value_of_several_lines_is_one_line_of_the_template() -> None:
    assert templates.render("A: {{ a }}\nB", {"a": "x\n\ny"}) == "A: x\n\ny\nB"
    assert templates.render("A: {{ a | bullets }}", {"a": "x\ny"}) == "A: \n- x\n- y"
    assert templates.render("A: {{ a | bullets }}", {"a": "x"}) == "A: x"
    assert templates.render("A: {{ a | bullets }}", {"a": " \n"}) == ""


def test_an_unknown_field_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SettingsError) as raised:
        templates.render("{{ impcat }}", {"impact": "", "eta": ""}, name="update")
    assert "[templates.update] text: there is no field impcat" in str(raised.value)
    assert 'Did you mean "impact"? Allowed: eta, impact.' in raised.value.remedy


@pytest.mark.parametrize(
    "text",
    [
        "{{ range(10**9) }}",
        "{% for a in range(999999999) %}{% endfor %}",
        "{{ 'a' * 10**9 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ a.__class__.__mro__ }}",
        "{{ a['__class__'] }}",
        "{{ '%9999999999d' % 1 }}",
        "{{ a.center(999999999) }}",
        "{% for x in a %}{% for y in a %}{% endfor %}{% endfor %}",
        "{% set x = a %}",
        "{% include 'x' %}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{{ a | center(999999999) }}",
        "{{ a | format }}",
        "{{ a ~ a }}",
        "{{ self }}",
        "{{",
        "{% if a %}",
        "{{ a | default }}",
        "{{ a | upper(1) }}",
        "{{ a < 1 }}",
        "{% for x in 5 %}{% endfor %}",
        "{{" + "(" * 3000 + "a" + ")" * 3000 + "}}",
        "{{ " + "9" * 5000 + " }}",
        "{% if a %}" * 200 + "{% endif %}" * 200,
        "{% for x in a recursive %}{% endfor %}",
        "{% for x in a | lines %}{{ a }}{% endfor %}",
    ],
)
def test_a_hostile_template_is_refused(text: str) -> None:
    with pytest.raises(SettingsError):
        templates.render(text, {"a": "word\n" * 4000})


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60) | st.text(alphabet="{}%| abc\n'\"()._~+*[]0<>=", max_size=60))
def test_any_template_renders_or_raises_a_settings_error(text: str) -> None:
    with contextlib.suppress(SettingsError):
        templates.render(text, {"a": "x", "b": ""})


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=80))
def test_no_value_can_act_as_a_template_or_change_another_line(value: str) -> None:
    rendered = templates.render("top\nA: {{ a }}\nend", {"a": "{{ b }}{% if %}" + value})
    assert rendered.startswith("top\nA: {{ b }}{% if %}") and rendered.endswith("\nend")


def test_the_shipped_templates_pass_the_check() -> None:
    templates.check_templates(BOOK, "small-team.toml")


def test_a_broken_template_is_refused_with_what_is_allowed() -> None:
    book = playbooks.override(TEXT, "[templates.update]\ntext = '{{ impcat }} {{ x() }}'\n", "team.toml")
    with pytest.raises(SettingsError) as raised:
        templates.check_templates(book, "team.toml")
    assert str(raised.value).startswith("team.toml: [templates.update] text: ")
    book = playbooks.override(TEXT, "[templates.update]\ntext = '{{ impcat }}'\n", "team.toml")
    with pytest.raises(SettingsError) as raised:
        templates.check_templates(book, "team.toml")
    assert 'Did you mean "impact"?' in raised.value.remedy and "next_update" in raised.value.remedy


def test_jinja_is_loaded_only_by_a_render() -> None:
    code = (
        "import sys; import warroom.reports.messages, warroom.reports.render;"
        "assert not {'jinja2', 'markdown_it'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# ── drafts ────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_update_is_drafted_from_what_happened_since_the_last_one() -> None:
    incident = story(
        (0, "Alice", declared()),
        (1, "Alice", Noted(note="finding", words="before the update")),
        (3, "Alice", update(1, 18, impact="Card payments fail")),
        (5, "Bob", ItemChecked(item="hypothesis", title="Form hypothesis", because="noted")),
        (6, "Bob", Noted(note="finding", words="DB pool exhausted")),
        (7, "Bob", ItemChecked(item="components", title="Identify affected components")),
        (8, "Bob", ItemChecked(item="verify", title="Verify key functionality")),
        (9, "Bob", ItemUnchecked(item="verify", title="Verify key functionality")),
        (10, "Bob", Noted(note="note", words="private grumbling")),
        (11, "Bob", Noted(note="change", words="pool 50→200", rollback="revert env")),
        (12, "Bob", EvidencePinned(source="app.log", line=7, words="FATAL " + "x" * 400)),
        (13, "Bob", FixRecorded(words="Rolled back", temporary=True)),
        (13, "Bob", Noted(note="finding", words="nonsense")),
        (13, "Bob", EntryRetracted(entry=entry_id(13))),
        (13, "Bob", EntryAmended(entry=entry_id(5), words="DB pool exhausted on eu-1")),
        (14, "Bob", SeveritySet(severity="high", before="critical")),
    )
    drafted = messages.draft("update", incident, BOOK, at(15), CET)
    actions = drafted["actions"].splitlines()
    assert actions[:2] == [
        "Found: DB pool exhausted on eu-1",
        "Changed: pool 50→200 (rollback: revert env)",
    ]
    assert actions[2].startswith("Found evidence: app.log:7 FATAL xxx") and len(actions[2]) == 200
    assert actions[3:] == ["Applied a temporary fix: Rolled back", "Lowered the severity from Critical to High"]
    assert drafted["status"] == "Investigating"
    assert drafted["impact"] == "Card payments fail"
    assert drafted["next_update"] == "14:45"  # half an hour at High, in the team's zone
    assert list(drafted) == list(BOOK.templates["update"].fields)


def test_an_estimate_is_drafted_again_only_while_it_is_in_the_future() -> None:
    incident = story((0, "A", declared()), (3, "A", update(1, 18, eta="14:30")))
    assert messages.draft("update", incident, BOOK, at(29), CET)["eta"] == "14:30"
    assert messages.draft("update", incident, BOOK, at(30), CET)["eta"] == ""


@pytest.mark.parametrize(("minute", "drafted"), [(0, "2026-01-29 02:00"), (1, "02:00")])
def test_a_drafted_time_has_a_date_unless_it_is_within_twelve_hours(minute: float, drafted: str) -> None:
    incident = story((0, "A", declared()), (0, "A", update(1, 18, eta="12h")))
    assert messages.draft("update", incident, BOOK, at(minute), CET)["eta"] == drafted


@pytest.mark.parametrize(("length", "cut"), [(200, False), (201, True)])
def test_a_drafted_action_is_cut_after_200_characters(length: int, cut: bool) -> None:
    action = "Found: ".ljust(length, "x")
    incident = story((0, "A", declared()), (1, "A", Noted(note="finding", words=action.removeprefix("Found: "))))
    drafted = messages.draft("update", incident, BOOK, at(2), CET)["actions"]
    assert drafted == (action[:199] + "…" if cut else action)


def test_the_teams_impact_text_is_not_drafted_for_customers() -> None:
    drafted = messages.draft("customer_update", full(), BOOK, at(40), CET)
    assert drafted["impact"] == "" and drafted["service_description"] == "Checkout"


def test_executives_read_the_root_cause_once_it_is_written_and_that_it_is_looked_for_before() -> None:
    def drafted(*text: tuple[float, str, Event]) -> str:
        return messages.draft("executive", story((3, "Ann", declared()), *text), BOOK, at(40), CET)["root_cause"]

    assert drafted() == "Under investigation"
    assert drafted((10, "Ann", SectionWritten(section="root_cause", words="A small pool"))) == "A small pool"
    assert drafted((10, "Ann", Resolved())) == ""


def test_executives_read_the_customer_impact_or_who_was_affected() -> None:
    def drafted(**sections: str) -> str:
        rows = [(10.0, "Ann", SectionWritten(section=name, words=text)) for name, text in sections.items()]  # type: ignore[arg-type]
        incident = story((3, "Ann", declared()), *rows)
        return messages.draft("executive", incident, BOOK, at(40), CET)["customer_impact"]

    assert drafted(users_affected="Six in ten") == "Six in ten"
    assert drafted(customer_impact="No orders") == "No orders"
    assert drafted(users_affected="Six in ten", customer_impact="No orders") == "No orders"


def test_executives_read_from_when_to_when_it_lasted() -> None:
    def drafted(*text: tuple[float, str, Event]) -> str:
        return messages.draft("executive", story((3, "Ann", declared()), *text), BOOK, at(40), CET)["timeline"]

    assert drafted() == "14:00 CET (13:00 UTC) – ongoing, 40 min"
    assert drafted((25, "Ann", Resolved())) == "14:00 CET (13:00 UTC) – 14:25 CET (13:25 UTC), 25 min"


def test_an_update_says_of_each_hypothesis_only_where_it_stands_now() -> None:
    def suspected(words: str) -> Noted:
        return Noted(note="hypothesis", words=words)

    told = story(
        (3, "Ann", declared()),
        (5, "Ann", suspected("the pool")),
        (6, "Ann", suspected("the network")),
        (7, "Ann", suspected("the disk")),
        (9, "Ann", HypothesisRuledOut(hypothesis=entry_id(3), words="the network")),
        (10, "Ann", HypothesisConfirmed(hypothesis=entry_id(2), words="the pool")),
    )
    assert messages.draft("update", told, BOOK, at(15), CET)["actions"].splitlines() == [
        "Suspected: the disk",
        "Ruled out: the network",
        "Confirmed: the pool",
    ]


@pytest.mark.parametrize(("second", "said"), [(18, True), (40, False)])
def test_promised_updates_are_praised_only_if_every_one_was_on_time(second: float, said: bool) -> None:
    told = story(
        (3, "Ann", declared()),
        (3, "Ann", update(1, 18)),
        (second, "Ann", update(2, second + 15)),
        (second + 15, "Ann", update(3, None)),
        (60, "Ann", Resolved()),
    )
    well = suggested(postmortem.build(told, BOOK, [], at(120), CET), "went_well")
    assert ("Every promised update was on time." in well) == said


@pytest.mark.parametrize(
    ("text", "praise"),
    [
        ([(5, "Ann", update(1, None)), (60, "Ann", Resolved())], ["The promised update was on time."]),
        ([(5, "Ann", Resolved())], []),
    ],
)
def test_one_update_is_praised_as_one_and_none_not_at_all(text: list[Any], praise: list[str]) -> None:
    well = suggested(written(story((3, "Ann", declared()), *text)), "went_well")
    assert [line for line in well if "promised" in line] == praise


def test_a_resolution_promises_no_next_update() -> None:
    drafted = messages.draft("resolution", full(), BOOK, at(60), CET)
    assert drafted["status"] == "Resolved" and "next_update" not in drafted
    assert drafted["next_steps"].splitlines() == [
        "Post-mortem within 48 hours",
        "Post-mortem meeting, proposed: Thu 29 Jan 10:00 CET",
        "Permanent fix for the pool · Bob · due 2026-02-04",
    ]
    assert messages.draft("executive", full(), BOOK, at(60), CET)["next_update"] == ""


def test_an_unknown_template_is_not_found() -> None:
    with pytest.raises(NotFound):
        messages.draft("updat", full(), BOOK, at(1), CET)


# ── composing ─────────────────────────────────────────────────────────────────────────────────────────────


def composed(template: str, incident: Incident | None = None, minute: float = 15, **fields: str) -> Message:
    incident = incident or story((0, "Alice", declared()))
    filled = messages.draft(template, incident, BOOK, at(minute), CET) | fields
    return messages.compose(template, filled, incident, BOOK, at(minute), CET, 3)


def test_the_declaration_follows_the_framework() -> None:
    message = composed("declaration", minute=0)
    assert message.text == (
        "🚨 INCIDENT DECLARED 🚨\n\n"
        "Service: checkout-api\nTime: 14:00 CET (13:00 UTC)\nImpact: Card payments fail\nSeverity: Critical\n\n"
        "Next update at 14:15 CET (13:15 UTC) or when new info available.\n\nINC-7·u3"
    )
    assert (message.title, message.kind, message.marker) == ("🚨 INCIDENT DECLARED 🚨", "declaration", "INC-7·u3")


def test_only_the_declaration_is_pinned() -> None:
    assert [id for id in BOOK.templates if id != "postmortem" and composed(id).pin] == ["declaration"]


def test_an_update_without_an_estimate_has_no_empty_line_for_it() -> None:
    message = composed("update", actions="Rolled back\nRestarted", next_update="+15m")
    assert message.text == (
        "📊 INCIDENT UPDATE 📊\n\nStatus: Investigating\nTime: 14:15 CET (13:15 UTC)\n"
        "Impact: Card payments fail\nActions: \n- Rolled back\n- Restarted\n"
        "Next update: 14:30 CET (13:30 UTC)\n\nINC-7·u3"
    )
    assert "ETA: 15:00 CET (14:00 UTC)" in composed("update", eta="15:00").text
    assert "ETA: when the vendor answers" in composed("update", eta="when the vendor answers").text


def test_a_time_that_is_formatted_already_is_unchanged() -> None:
    text = messages.format_moment(at(30), CET)
    assert f"Next update: {text}\n" in composed("update", next_update=text).text


def test_a_time_on_another_day_has_a_date_and_utc_appears_once() -> None:
    assert messages.format_moment(at(0), ZoneInfo("UTC")) == "13:00 UTC"
    assert messages.format_moment(at(0), UTC) == "13:00 UTC"
    assert messages.format_moment(at(0), ZoneInfo("Europe/London")) == "13:00 GMT"
    assert messages.format_moment(at(700), CET, at(0)) == "2026-01-29 01:40 CET (00:40 UTC)"
    assert messages.format_moment(at(0), ZoneInfo("America/Sao_Paulo")) == "10:00 (13:00 UTC)"


def test_a_customer_mail_has_its_subject_as_title() -> None:
    message = composed("customer_initial", company="Example Ltd", service_description="card payments")
    assert message.title == "Service Issue - Checkout"
    assert message.text.startswith("Service Issue - Checkout\n\nHi there,\n\nWe're currently experiencing")
    assert "updates every 20 minutes" in message.text and "Team Example Ltd" in message.text
    assert (message.kind, message.audience) == ("customer", "customers")
    assert "Team" not in composed("customer_initial").text.splitlines()[-1]


@pytest.mark.parametrize("template", [id for id, t in BOOK.templates.items() if t.audience == "customers"])
@pytest.mark.parametrize("known_as", ["", "Card payments"])
@pytest.mark.parametrize("incident", [full(), story((0, "A", declared()))])
def test_customers_see_no_internal_names(template: str, known_as: str, incident: Incident) -> None:
    fields = messages.draft(template, incident, BOOK, at(70), CET, known_as)
    message = messages.compose(template, fields, incident, BOOK, at(70), CET, 3, known_as)
    wording = f"{message.title}\n{message.text}\n{message.marker}"
    assert "checkout-api" not in wording and "INC-7" not in wording
    assert (known_as or "Checkout") in message.title
    assert not [text for text in warnings.find_warnings(template, fields, message, incident) if "internal" in text]


def test_a_teams_own_template_names_the_incident_to_customers_by_its_reference_alone() -> None:
    own = "[templates.customer_update]\ntext = 'Subject: {{ service }} {{ incident }}'\n"
    book = playbooks.override(TEXT, own, "team.toml")
    incident = story((0, "A", declared()))
    text = messages.compose("customer_update", {}, incident, book, at(9), CET, 1).text
    assert text == f"Checkout {messages.reference(incident)}" and "INC-7" not in text


def test_an_old_customer_post_does_not_bring_the_internal_name_back() -> None:
    old = update(1, None, "customers", service_description="checkout-api")
    assert (
        messages.draft("customer_update", story((0, "A", declared()), (1, "A", old)), BOOK, at(9), CET)[
            "service_description"
        ]
        == "Checkout"
    )


@pytest.mark.parametrize(
    ("service", "name"),
    [
        ("checkout-api", "Checkout"),
        ("payment_gateway-svc-prod", "Payment gateway"),
        ("web", "Web"),
        ("api", "Api"),
        ("shop.example.com", "shop.example.com"),
        ("Card payments", "Card payments"),
        ("SSO", "SSO"),
        ("--", ""),
    ],
)
def test_a_service_without_a_description_gets_a_plain_name(service: str, name: str) -> None:
    assert messages.public_name(service) == (name or service)


def test_internal_names_typed_for_customers_are_warned_about() -> None:
    text = warned("customer_update", impact="checkout-api is slow, see INC-7", eta="", company="Example Ltd")
    assert "checkout-api is an internal name" in text and "INC-7 is an internal name" in text


def test_the_names_of_other_services_are_warned_about_too() -> None:
    fields = {"impact": "search-api waits for checkout-api on the web"}
    incident = story((0, "A", declared()))
    message = messages.compose("customer_update", fields, incident, BOOK, at(15), CET, 3)
    found = warnings.find_warnings("customer_update", fields, message, incident, CET, ("web", "search-api"))
    assert [text.split()[0] for text in found if "internal name" in text] == ["checkout-api", "search-api"]


def test_a_reference_for_customers_is_stable_and_unique_per_post() -> None:
    marks = [messages.marker(f"INC-{n}", u, "customers") for n in range(1, 9) for u in range(1, 9)]
    assert marks == [messages.marker(f"INC-{n}", u, "customers") for n in range(1, 9) for u in range(1, 9)]
    assert len(set(marks)) == 64 and all(re.fullmatch(r"Ref [A-Z2-7]{6}", mark) for mark in marks)


def mitigated(*more: tuple[float, str, Event]) -> Incident:
    return story(
        (0, "A", declared(impact="Six in ten card payments fail")),
        (31, "A", StatusSet(status="mitigated", before="investigating")),
        *more,
    )


ABOUT_NOW = [id for id in BOOK.templates if id not in ("postmortem", "declaration", "customer_maintenance")]
"""The templates that tell where the incident stands."""


@pytest.mark.parametrize("template", ABOUT_NOW)
@pytest.mark.parametrize("incident", [mitigated(), mitigated((40, "A", Resolved()))])
def test_once_users_are_no_longer_affected_the_impact_is_in_the_past_tense(
    template: str, incident: Incident
) -> None:
    fields = messages.draft(template, incident, BOOK, at(45), CET)
    if "impact" in fields:
        fields["impact"] = "Six in ten card payments fail"
    text = messages.compose(template, fields, incident, BOOK, at(45), CET, 3).text
    assert not re.search("^(Impact: |Six in ten)", text, re.MULTILINE)
    assert "currently experiencing" not in text and "still working on the issue" not in text
    if "impact" in fields:
        past = "What was affected" if template.startswith("customer") else "Impact was"
        assert f"{past}: Six in ten card payments fail" in text


@pytest.mark.parametrize("status", ["Mitigated", "mitigated, watching", "Resolved", "Resolved, monitoring"])
def test_an_update_that_says_it_is_over_says_what_the_impact_was_before_the_status_is_set(status: str) -> None:
    text = composed("update", story((0, "A", declared())), status=status, impact="Card payments fail").text
    assert "Impact was: Card payments fail" in text and "\nImpact:" not in text


def test_the_timeline_tells_the_impact_in_the_tense_of_the_update() -> None:
    said = update(2, None, impact="Card payments fail", status="Mitigated")
    assert said.describe("2") == "update #2: impact was: Card payments fail"
    assert update(2, None, impact="Card payments fail").describe("2") == "update #2: Card payments fail"
    notice = said.model_copy(update={"message": "maintenance", "status": "resolved"})
    assert notice.describe("3") == "maintenance notice #3: Card payments fail"


def test_customers_read_that_it_is_resolved_whatever_the_template() -> None:
    over = mitigated((40, "A", Resolved()))
    assert "We had issues with Checkout. They have been resolved." in drafted_and_composed("customer_initial", over)
    assert "The issue with Checkout has been resolved." in drafted_and_composed("customer_update", over)
    assert "full fix" not in drafted_and_composed("customer_update", over)


def drafted_and_composed(template: str, incident: Incident) -> str:
    fields = messages.draft(template, incident, BOOK, at(45), CET)
    return messages.compose(template, fields, incident, BOOK, at(45), CET, 3).text


def test_an_update_says_when_it_was_mitigated() -> None:
    assert "Mitigated: 14:31 CET (13:31 UTC)" in composed("update", mitigated(), 45).text
    again = mitigated((50, "A", StatusSet(status="investigating", before="mitigated")))
    text = composed("update", again, 55).text
    assert "Impact: Six in ten card payments fail" in text and "Mitigated" not in text


@pytest.mark.parametrize("status", ["Mitigated", "Resolved", "resolved since 14:40"])
def test_a_typed_status_of_mitigated_puts_the_impact_in_the_past_tense(status: str) -> None:
    assert "Impact was: Card payments fail" in composed("update", status=status).text


def test_status_message_and_topic_put_a_past_impact_in_the_past_tense() -> None:
    resolved = mitigated((40, "A", Resolved()))
    assert (
        "\nImpact was: Six in ten card payments fail\n" in messages.compose_status(resolved, BOOK, at(45), CET).text
    )
    assert "Mitigated: 14:31" in messages.compose_status(mitigated(), BOOK, at(45), CET).text
    assert (
        messages.compose_status(resolved, BOOK, at(45), CET).title
        == "✓ INC-7 · Resolved · checkout-api · was Critical"
    )
    assert messages.channel_topic(resolved).startswith("Resolved · checkout-api · Impact was: ")
    assert messages.channel_topic(mitigated()).startswith("Critical · Mitigated · checkout-api · Impact was: ")
    assert messages.channel_topic(story((0, "A", declared()))) == "Critical · checkout-api · Card payments fail"


def test_the_timeline_puts_the_impact_of_a_later_update_in_the_past_tense() -> None:
    first = update(2, None, impact="Card payments fail")
    assert first.describe("2") == "update #2: Card payments fail"
    after = first.model_copy(update={"status": "resolved"})
    assert after.describe("2") == "update #2: impact was: Card payments fail"


def test_messages_are_sanitized_and_redacted() -> None:
    secret = "xoxb-123456789012-123456789012-abcdefghijklmnopqrstuvwx"
    message = composed("update", impact=f"\x1b[2J\u202e leaked {secret}")
    assert "\x1b" not in message.text and "\u202e" not in message.text and secret not in message.text
    assert "‹redacted:slack-token›" in message.text


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200))
def test_no_field_can_add_control_characters_or_move_the_marker(text: str) -> None:
    message = composed("update", impact=text, actions=text, eta=text)
    assert not any(ord(c) < 32 and c not in "\n\t" for c in message.text)
    assert message.text.splitlines()[-1] == "INC-7·u3"
    assert message.text.splitlines()[0] == message.title


@pytest.mark.parametrize("template", [id for id in BOOK.templates if id != "postmortem"])
@pytest.mark.parametrize("incident", [full(), story((0, "", declared(drill=True)))])
def test_every_template_can_be_composed_from_its_own_draft(template: str, incident: Incident) -> None:
    message = composed(template, incident, 70)
    assert "{{" not in message.text and "\n\n\n" not in message.text and "None" not in message.text


def test_every_message_of_a_drill_says_so() -> None:
    incident = story((0, "A", declared(drill=True)))
    for template in ("declaration", "update", "customer_initial", "executive", "resolution"):
        message = composed(template, incident)
        assert message.title.startswith("DRILL · ") and message.text.startswith(message.title)
    assert "DRILL" in messages.compose_status(incident, BOOK, at(1), CET).title


def test_the_status_message_has_severity_status_commander_and_next_update() -> None:
    incident = story((0, "A", declared()), (2, "A", update(1, 17)), (3, "A", role("Alice")))
    text = messages.compose_status(incident, BOOK, at(4), CET).text
    assert text.startswith("● INC-7 · Critical · checkout-api · Investigating\n\nImpact: Card payments fail\n")
    assert "Incident commander: Alice\nNext update: 14:17 CET (13:17 UTC)" in text
    assert "unassigned" in messages.compose_status(story((0, "A", declared())), BOOK, at(4), CET).text
    resolved = messages.compose_status(full(), BOOK, at(70), CET).text
    assert "Resolved: 15:00 CET (14:00 UTC), after 1 h" in resolved and "Next update" not in resolved


# ── warnings ──────────────────────────────────────────────────────────────────────────────────────────────


def warned(template: str, incident: Incident | None = None, /, **fields: str) -> str:
    incident = incident or story((0, "Alice", declared()), (1, "Alice", role("Bob")))
    filled = messages.draft(template, incident, BOOK, at(15), CET) | fields
    message = messages.compose(template, filled, incident, BOOK, at(15), CET, 3)
    return "\n".join(warnings.find_warnings(template, filled, message, incident))


def test_a_plain_update_needs_no_warning() -> None:
    assert warned("update", actions="Rolled back; utf-8 in 24-7 mode, see https://status.example.com/x") == ""
    assert warned("customer_initial", company="Example Ltd") == ""


@pytest.mark.parametrize(
    ("template", "fields", "warning"),
    [
        ("update", {"impact": "password=hunter2hunter2"}, "1 secret redacted: password"),
        ("update", {"impact": "look @here"}, "@here notifies everyone"),
        ("update", {"impact": "look <!channel>"}, "<!channel> notifies everyone"),
        ("update", {"impact": "@everyone"}, "@everyone notifies everyone"),
        ("update", {"eta": "15:00"}, "no fix is recorded"),
        ("update", {"next_update": " "}, "No time for the next update"),
        ("customer_update", {"impact": "db-1 is down"}, "db-1 looks like a host name"),
        ("customer_update", {"impact": "10.0.3.17 is down"}, "10.0.3.17 looks like"),
        ("customer_update", {"impact": "fe80::1 is down"}, "fe80::1 looks like"),
        ("customer_update", {"impact": "api.prod.internal is down"}, "api.prod.internal looks like"),
        ("customer_update", {"impact": "Bob is on it"}, "names Bob"),
    ],
)
def test_what_a_person_should_check_is_warned_about(template: str, fields: dict[str, str], warning: str) -> None:
    assert warning in warned(template, None, **fields)


def test_an_estimate_with_a_fix_and_a_resolution_without_a_next_update_need_no_warning() -> None:
    incident = story((0, "A", declared()), (1, "A", FixRecorded(words="x", temporary=False)))
    assert "fix" not in warned("update", incident, eta="15:00")
    assert "next update" not in warned("resolution").lower()
    assert "next update" not in warned("update", full(), next_update="").lower()


def test_a_first_name_of_two_letters_counts_only_as_part_of_the_full_name() -> None:
    assert warnings.names_in(story((0, "Al Jones", declared()))) == ("Al Jones", "Jones")
    assert warnings.names_in(story((0, "Bob Ray", declared()))) == ("Bob Ray", "Bob", "Ray")


# ── maintenance ───────────────────────────────────────────────────────────────────────────────────────────


WINDOW = {
    "window_start": "2026-01-31 22:00",
    "window_end": "2h",
    "impact": "Card payments may fail for a minute",
    "rollback": "We go back to the version of today",
}


def test_a_maintenance_notice_has_the_window_the_impact_and_the_rollback() -> None:
    message = composed("customer_maintenance", full(), company="Example Ltd", service_description="Cards", **WINDOW)
    assert (message.kind, message.audience, message.title) == (
        "maintenance",
        "customers",
        "Scheduled Maintenance - Checkout",
    )
    assert message.text == (
        "Scheduled Maintenance - Checkout\n\nHi there,\n\nWe're going to carry out maintenance on Cards.\n\n"
        "From: 2026-01-31 22:00 CET (21:00 UTC)\nUntil: 2026-02-01 00:00 CET (2026-01-31 23:00 UTC)\n"
        "What to expect: Card payments may fail for a minute\n"
        "If something goes wrong: We go back to the version of today\n\n"
        "If you experience issues after the maintenance, please contact support.\n\n"
        "Thank you for your patience.\n\nTeam Example Ltd"
    )


@pytest.mark.parametrize(
    ("start", "end", "lines"),
    [
        ("2026-01-31 22:00", "23:30", ["2026-01-31 22:00 CET (21:00 UTC)", "23:30 CET (22:30 UTC)"]),
        ("2026-01-31 22:00", "2026-01-31 23:30", ["2026-01-31 22:00 CET (21:00 UTC)", "23:30 CET (22:30 UTC)"]),
        ("+1d", "90m", ["2026-01-29 14:15 CET (13:15 UTC)", "15:45 CET (14:45 UTC)"]),
        ("Saturday night", "an hour later", ["Saturday night", "an hour later"]),
    ],
)
def test_the_window_may_be_typed_as_times_durations_or_words(start: str, end: str, lines: list[str]) -> None:
    text = composed("customer_maintenance", window_start=start, window_end=end).text
    assert [line.partition(": ")[2] for line in text.splitlines() if line[:5] in ("From:", "Until")] == lines


@pytest.mark.parametrize(
    ("changes", "warning"),
    [
        ({"window_end": ""}, "needs a start and an end"),
        ({"window_start": "soon"}, "needs a start and an end"),
        ({"window_end": "2026-01-31 21:00"}, "ends before it starts"),
        ({"window_start": "2026-01-27 22:00"}, "starts in the past"),
        ({"rollback": " "}, "No rollback"),
    ],
)
def test_what_is_missing_or_wrong_in_a_maintenance_notice_is_pointed_out(
    changes: dict[str, str], warning: str
) -> None:
    assert warned("customer_maintenance", None, **WINDOW) == ""
    assert warning in warned("customer_maintenance", None, **WINDOW | changes)


def test_a_notice_is_drafted_from_the_last_notice_and_updates_from_updates() -> None:
    notice = update(1, None, "customers", **WINDOW).model_copy(
        update={"message": "maintenance", "template": "customer_maintenance"}
    )
    incident = story(
        (0, "A", declared()), (1, "A", update(1, 20, "customers", impact="Orders fail")), (2, "A", notice)
    )
    draft = messages.draft("customer_maintenance", incident, BOOK, at(9), CET)
    assert {name: draft[name] for name in WINDOW} == WINDOW
    assert messages.draft("customer_update", incident, BOOK, at(9), CET)["impact"] == "Orders fail"
    first = messages.draft("customer_maintenance", story((0, "A", declared())), BOOK, at(9), CET)
    assert first["impact"] == "", "the team's wording is not meant for customers"


# ── figures ───────────────────────────────────────────────────────────────────────────────────────────────


def test_each_duration_is_the_difference_of_two_milestones() -> None:
    assert metrics.durations_of(full()) == metrics.Durations(
        detect_s=120, acknowledge_s=60, mitigate_s=34 * 60, resolve_s=3600
    )
    assert metrics.durations_of(story((0, "A", declared()))).resolve_s is None


def test_an_amended_milestone_changes_the_duration_and_a_later_note_does_not() -> None:
    events = [(row.entry.at, row.by, row.entry.event) for row in full().rows]
    text = [((when - T0).total_seconds() / 60, by, event) for when, by, event in events]
    later = story(*text, (500, "A", Noted(note="note", words="x")))
    assert metrics.durations_of(later).resolve_s == 3600
    amended = story(*text, (500, "A", MilestoneAmended(milestone="resolved", at=at(50))))
    assert metrics.durations_of(amended).resolve_s == 3000
    early = story(*text, (500, "A", MilestoneAmended(milestone="acknowledged", at=at(-5))))
    assert metrics.durations_of(early).acknowledge_s == 0


def test_phases_divide_the_time_until_the_resolution() -> None:
    rows = {row.id: row.seconds for row in metrics.phases(full(), BOOK, at(120))}
    # Acknowledged after four minutes, which ends the first phase; no fix was recorded: mitigated ends the second.
    assert rows == {"detection": 240, "investigation": 1560, "resolution": 1800, "learning": 3600}
    assert sum(list(rows.values())[:-1]) == 3600
    running = metrics.phases(story((0, "A", declared())), BOOK, at(12))
    assert [(row.id, row.seconds) for row in running if row.running] == [("investigation", 420)]


def test_the_last_phase_runs_from_the_resolution_until_the_incident_is_closed() -> None:
    def learning(*text: tuple[float, str, Event]) -> tuple[float, bool]:
        row = metrics.phases(story((0, "A", declared()), *text), BOOK, at(120))[-1]
        return row.seconds, row.running

    assert learning() == (0, False)
    assert learning((60, "A", Resolved())) == (3600, True)
    assert learning((60, "A", Resolved()), (70, "A", Closed())) == (600, False)


def test_promised_updates_are_kept_late_or_unnecessary() -> None:
    promises = metrics.cadence(full(), BOOK, at(120))
    text = [((p.due - T0).total_seconds() / 60, p.kept, p.late_s) for p in promises]
    # Declared and promised for 18 at 3. Posted at 20: two minutes late. 35 was never kept.
    assert text == [(18, False, 120), (35, False, 1500)]


@pytest.mark.parametrize(("minute", "due"), [(1, [16]), (1.1, [15, 16])])
def test_a_post_within_a_minute_of_the_declaration_does_not_count_as_an_update(
    minute: float, due: list[float]
) -> None:
    incident = story((0, "A", declared()), (minute, "A", update(1, 16)))
    assert [promise.due for promise in metrics.cadence(incident, BOOK, at(90))] == [at(m) for m in due]


@pytest.mark.parametrize(("minute", "kept", "late_s"), [(17, True, 0), (17.5, False, 90)])
def test_an_update_within_a_minute_of_its_due_time_is_on_time(minute: float, kept: bool, late_s: float) -> None:
    incident = story((0, "A", declared()), (1, "A", update(1, 16)), (minute, "A", update(2, None)))
    assert [(p.kept, p.late_s) for p in metrics.cadence(incident, BOOK, at(90))] == [(kept, late_s)]


@pytest.mark.parametrize(("minute", "kept", "late_s"), [(1, None, 0), (17, None, 0), (17.5, False, 90)])
def test_an_update_is_unnecessary_if_it_is_resolved_within_a_minute_of_the_due_time(
    minute: float, kept: bool | None, late_s: float
) -> None:
    incident = story((0, "A", declared()), (1, "A", update(1, 16)), (minute, "A", Resolved()))
    assert [(p.kept, p.late_s) for p in metrics.cadence(incident, BOOK, at(90))] == [(kept, late_s)]


def test_a_resolution_before_the_next_update_makes_it_unnecessary() -> None:
    incident = story((0, "A", declared()), (2, "A", update(1, 16)), (10, "A", Resolved()))
    assert [p.kept for p in metrics.cadence(incident, BOOK, at(90))] == [True, None]
    incident = story((0, "A", declared()), (2, "A", update(1, 16)))
    assert [p.kept for p in metrics.cadence(incident, BOOK, at(10))] == [True, None]
    assert [p.kept for p in metrics.cadence(incident, BOOK, at(30))] == [True, False]


def test_means_and_medians_count_only_incidents_that_have_the_metric() -> None:
    def took(resolve: float | None) -> metrics.Durations:
        return metrics.Durations(detect_s=None, acknowledge_s=None, mitigate_s=None, resolve_s=resolve)

    figures = metrics.averages_of([took(60), took(120), took(600), took(None)])
    assert figures == {"mttr": metrics.Average(count=3, mean_s=260, median_s=120)}
    assert metrics.averages_of([]) == {}


# ── post-mortem ───────────────────────────────────────────────────────────────────────────────────────────


def written(incident: Incident | None = None, deliveries: list[Delivery] | None = None) -> postmortem.PostMortem:
    return postmortem.build(incident or full(), BOOK, deliveries or [], at(120), CET)


def delivery(state: DeliveryState, url: str = "") -> Delivery:
    return Delivery(
        id="INC-7.2.slack.post",
        incident="INC-7",
        seq=2,
        entry_id=entry_id(2),
        item=OutboxItem(operation="post", destination="slack"),
        state=state,
        receipt=Receipt(id="1", url=url) if url else None,
    )


def test_the_narrative_names_roles_and_only_action_items_name_people() -> None:
    document = written()
    narrative = document.model_copy(update={"actions": ()}).model_dump_json()
    for name in ("Alice", "Smith", "Bob", "Carol"):
        assert name not in narrative
    text = {row.seq: row.text for row in document.timeline}
    assert text[8] == "The technical lead saw the pool exhausted on eu-1"
    assert text[3] == "A responder acknowledged the alert"  # at that time they held no role yet
    assert text[15] == "A responder (slack): refunds are failing as well"
    assert document.actions[0].owner == "Bob" and document.actions[0].due == "2026-02-04"


def test_a_name_is_the_role_held_at_that_time() -> None:
    incident = story(
        (0, "A", declared()),
        (1, "A", role("Bob")),
        (2, "A", Noted(note="finding", words="Bob saw it")),
        (3, "A", role("Alice")),
        (4, "A", Noted(note="finding", words="Bob saw it, @Alice too")),
    )
    text = [row.text for row in written(incident).timeline if row.kind == "finding"]
    assert text == ["The incident commander saw it", "A responder saw it, the incident commander too"]


def test_at_the_moment_of_a_handover_the_role_is_with_the_new_holder() -> None:
    incident = story(
        (0, "A", declared()),
        (1, "A", role("Bob")),
        (3, "A", role("Alice")),
        (3, "A", Noted(note="finding", words="Bob told Alice")),
    )
    assert written(incident).timeline[-1].text == "A responder told the incident commander"


def test_a_full_name_and_a_first_name_become_the_same_role() -> None:
    incident = story(
        (0, "A", declared()),
        (1, "A", role("Alice Smith")),
        (2, "A", Noted(note="finding", words="Alice Smith saw it; Alice is sure")),
    )
    assert written(incident).timeline[-1].text == "The incident commander saw it; the incident commander is sure"


def test_of_several_roles_a_person_is_named_by_the_command() -> None:
    incident = story(
        (0, "A", declared()),
        (1, "A", role("Bob", "technical_lead")),
        (2, "A", role("Bob")),
        (3, "A", Noted(note="finding", words="Bob saw it")),
    )
    assert written(incident).timeline[-1].text == "The incident commander saw it"


def test_an_everyday_word_is_not_a_first_name() -> None:
    incident = story(
        (0, "Will Jones", declared()), (1, "Will Jones", Noted(note="finding", words="Will restart; Jones knows"))
    )
    assert written(incident).timeline[1].text == "Will restart; a responder knows"


def test_the_timeline_is_in_order_and_without_amendments() -> None:
    incident = story(
        (3, "A", declared()),
        (4, "A", Noted(note="finding", words="late entry")),
        (5, "A", Noted(note="finding", words="wrong")),
        (6, "A", EntryRetracted(entry=entry_id(3))),
        (7, "A", EntryAmended(entry=entry_id(2), words="early entry", at=at(1))),
        (8, "A", ItemChecked(item="findings", title="x", because="noted")),
    )
    rows = written(incident).timeline
    assert [(row.time, row.text) for row in rows] == [
        ("14:01", "early entry"),
        ("14:03", "Critical: checkout-api · Card payments fail"),
    ]


def test_timeline_lines_link_to_their_source() -> None:
    document = written(deliveries=[delivery(DeliveryState.DELIVERED, "https://slack/p1")])
    data = {row.seq: row.data for row in document.timeline}
    assert data[2] == "https://slack/p1" and data[7] == "app.log:88213" and data[14] == ""


def test_items_checked_one_after_the_other_are_one_line() -> None:
    done = [(20, "A", ItemChecked(item=f"item-{n}", title=f"Item {n}")) for n in range(3)]
    later = (40, "A", ItemChecked(item="last", title="Last"))
    told = (30, "A", Noted(note="finding", words="found"))
    rows = written(story((3, "A", declared()), *done, told, later)).timeline
    assert [row.text for row in rows if row.kind == "checked"] == ["Item 0; Item 1; Item 2", "Last"]


def test_no_path_of_this_machine_is_in_the_document() -> None:
    incident = story(
        (3, "A", declared()),
        (
            4,
            "A",
            ChannelOpened(destination="transcript", channel="/home/a/INC-7.md", url="file:///home/a/INC-7.md"),
        ),
        (5, "A", EvidencePinned(source="/var/log/app/app.log", line=7, words="boom")),
    )
    text = render.to_markdown(written(incident), BOOK)
    assert "app.log:7" in text and "/home" not in text and "/var" not in text


def test_customers_are_quoted_and_named_in_the_timeline_by_what_they_were_told() -> None:
    told = update(2, None, "customers").model_copy(
        update={
            "message": "customer",
            "title": "Payments fail",
            "words": "Payments fail\n\nHi,\n\nwe are at it. *Now*.",
        }
    )
    document = written(story((3, "A", declared()), (5, "A", told)))
    assert [row.text for row in document.timeline if row.kind == "update"] == ["Customers were told: Payments fail"]
    assert [message.text for message in document.customer_messages] == [told.words]
    assert "> we are at it. \\*Now\\*." in render.to_markdown(document, BOOK)


def test_it_says_how_it_was_noticed() -> None:
    alert = AlertReceived(name="HighErrorRate", source="prometheus", fired_at=at(2))
    by_alert = written(
        story((3, "A", declared(detected_at=at(2))), (3, "A", alert), (5, "A", Acknowledged(who="A")))
    )
    assert by_alert.detection == (
        "The alert HighErrorRate of prometheus fired at 14:02 CET (13:02 UTC), 2 min after it started. "
        "It was acknowledged 2 min after the declaration."
    )
    assert "no alert had fired" in written(story((3, "A", declared(detected_at=at(2))))).detection


def test_who_took_part_is_told_by_role() -> None:
    assert written().participants == ("Incident commander", "Technical lead", "1 other responder")


def test_lines_without_marks_become_a_list_and_a_list_stays_one() -> None:
    def well(words: str) -> str:
        section = SectionWritten(section="went_well", words=words)
        text = render.to_markdown(written(story((3, "A", declared()), (4, "A", section))), BOOK)
        return text.partition("## What Went Well\n\n")[2].partition("\n\n##")[0]

    assert well("one\ntwo") == "- one\n- two"
    assert well("- one\n- two") == "- one\n- two"
    assert well("one\n\ntwo") == "one\n\ntwo"
    assert well("one") == "one"


def test_sections_that_few_incidents_need_are_there_only_when_written() -> None:
    assert "Where We Got Lucky" not in render.to_markdown(written(), BOOK)
    incident = story((3, "A", declared()), (4, "A", SectionWritten(section="lucky", words="It was a Sunday")))
    assert "## Where We Got Lucky\n\nIt was a Sunday" in render.to_markdown(written(incident), BOOK)
    assert "lucky" not in story((3, "A", declared())).unwritten


@pytest.mark.parametrize(("messages", "quoted"), [(40, 40), (41, 0)])
def test_chat_is_quoted_unless_it_would_drown_the_timeline(messages: int, quoted: int) -> None:
    """Commands stand there as what they led to; what was pinned always stands there."""
    said = [(5, "A", ChatMessage(who="Bob", via="slack", words=f"idea {n}")) for n in range(messages - 1)]
    command = (5, "A", ChatMessage(who="Bob", via="slack", words="!finding the pool is full"))
    pinned = (6, "A", EvidencePinned(source="Bob in slack", words="the pool is full"))
    lines = list(written(story((0, "A", declared()), *said, command, pinned)).timeline)
    assert sum(line.kind == "chat" for line in lines) == max(0, quoted - 1)
    assert sum(line.kind == "evidence" for line in lines) == 1


def test_gaps_in_command_are_found() -> None:
    incident = story(
        (0, "A", declared()),
        (5, "A", role("Alice")),
        (20, "A", RoleReleased(role="incident_commander", title="Incident commander", person="Alice")),
        (25, "A", role("Bob")),
        (60, "A", Resolved(overridden=("No new errors in logs",), reason="the log is down")),
    )
    document = written(incident)
    gaps = [(g.seconds / 60, g.until) for g in document.gaps if g.role == "incident_commander"]
    assert gaps == [(5, at(5)), (5, at(25))]
    assert [(g.seconds, g.until) for g in document.gaps if g.role == "technical_lead"] == [(3600, None)]
    [held] = document.roles
    assert (held.role, held.holders, held.handovers, held.seconds) == ("incident_commander", 2, 1, 50 * 60)
    text = "\n".join(suggested(document, "could_improve"))
    assert "There was no incident commander for 5 min." in text
    assert "Resolved with open items (No new errors in logs): the log is down" in text


def test_a_handover_leaves_no_gap() -> None:
    incident = story((0, "A", declared()), (0, "A", role("Alice")), (10, "A", role("Bob")), (60, "A", Resolved()))
    assert "incident_commander" not in {gap.role for gap in written(incident).gaps}


def reviewed(*text: tuple[float, str, Event], **more: Any) -> list[str]:
    """What the post-mortem of an incident declared at 14:03 praises, and what it finds to improve."""
    document = written(story((3, "Ann", declared(**more)), *text))
    return [*suggested(document, "went_well"), *suggested(document, "could_improve")]


@pytest.mark.parametrize(
    ("minute", "said"),
    [
        (5, "There was an incident commander from start to end."),
        (5.1, "There was no incident commander for 2 min."),
    ],
)
def test_two_minutes_without_a_commander_are_within_the_limit(minute: float, said: str) -> None:
    lines = reviewed((minute, "Ann", role("Ann")), (30, "Ann", Resolved()))
    assert [line for line in lines if "incident commander" in line] == [said]


@pytest.mark.parametrize(
    ("minute", "said"),
    [
        (8, "Acknowledged within 5 min; the target is 5 min."),
        (9, "Acknowledged after 6 min; the target is 5 min."),
    ],
)
def test_an_acknowledgement_at_the_target_is_in_time(minute: float, said: str) -> None:
    lines = reviewed((minute, "Ann", Acknowledged(who="Ann")))
    assert [line for line in lines if line.startswith("Acknowledged")] == [said]


@pytest.mark.parametrize(
    ("minute", "said"), [(5, []), (6, ["Detected after 6 min: which alert would have caught it?"])]
)
def test_a_detection_within_five_minutes_is_nothing_to_improve(minute: float, said: list[str]) -> None:
    assert [line for line in reviewed(detected_at=at(minute)) if line.startswith("Detected")] == said


EVERY_ROLLBACK = "Every fix had a rollback recorded."
ONLY_TEMPORARY = "The fix is temporary; the permanent one is outstanding."


@pytest.mark.parametrize(
    ("fixes", "said"),
    [
        ([], []),
        ([(True, "redeploy")], [EVERY_ROLLBACK, ONLY_TEMPORARY]),
        ([(True, "redeploy"), (False, "revert")], [EVERY_ROLLBACK]),
        ([(True, ""), (False, "revert")], ["1 fix had no rollback recorded."]),
        ([(True, ""), (True, "")], [ONLY_TEMPORARY, "2 fixes had no rollback recorded."]),
    ],
)
def test_the_review_says_of_the_fixes_what_is_missing(fixes: list[tuple[bool, str]], said: list[str]) -> None:
    rows = [(10.0, "Ann", FixRecorded(words="x", temporary=sort, rollback=back)) for sort, back in fixes]
    assert [line for line in reviewed(*rows) if "fix" in line] == said


def test_an_item_checked_against_what_was_measured_is_reviewed_unless_it_was_retracted() -> None:
    checked = (10.0, "Ann", ItemChecked(item="quiet", title="No new errors", against="9 errors in the last minute"))
    said = "“No new errors” was checked although: 9 errors in the last minute."
    assert said in reviewed(checked)
    assert said not in reviewed(checked, (11, "Ann", EntryRetracted(entry=entry_id(2))))


def test_an_action_item_without_an_owner_or_a_due_date_is_reviewed() -> None:
    items = [("A1", "Bob", ""), ("A2", "Bob", "2026-02-04"), ("A3", "", "2026-02-04")]
    rows = [(10.0, "Ann", ActionAdded(action=id, words="x", owner=who, due=due)) for id, who, due in items]
    assert [line for line in reviewed(*rows) if line.startswith("Without")] == [
        "Without an owner or a due date: A1, A3."
    ]
    assert not [line for line in reviewed(rows[1]) if line.startswith("Without")]


def full_and(*text: tuple[float, str, Event]) -> Incident:
    events = [((r.entry.at - T0).total_seconds() / 60, r.by, r.entry.event) for r in full().rows]
    return story(*events, *text)


def suggested(document: postmortem.PostMortem, section: Section) -> list[str]:
    """What is offered for a section."""
    return [one.text for one in document.suggestions.get(section, ())]


def section_of(markdown: str, title: str) -> str:
    """What stands under a heading of the document."""
    return markdown.partition(f"## {title}\n")[2].partition("\n## ")[0].strip()


def test_an_unwritten_section_is_offered_suggestions_that_are_not_in_the_document() -> None:
    document = written(deliveries=[delivery(DeliveryState.UNCONFIRMED)])
    assert "Acknowledged within 1 min; the target is 5 min." in suggested(document, "went_well")
    assert "Recovery was verified before the incident was resolved." in suggested(document, "went_well")
    text = "\n".join(suggested(document, "could_improve"))
    assert "2 of 2 promised updates were late or missing, by up to 25 min." in text
    assert "The fix is temporary; the permanent one is outstanding." in text
    assert "1 message to slack may not have arrived." in text
    assert document.root_cause.text == "" and "pool exhausted" in suggested(document, "root_cause")[0]
    markdown = render.to_markdown(document, BOOK)
    for title in ("Summary", "Root Cause", "What Went Well", "What Could Be Improved"):
        assert section_of(markdown, title) == "*Not written yet.*", title
    for form in render.EXPORT_FORMATS:
        page = render.to_format(document, BOOK, form)
        for section in ("summary", "went_well", "could_improve"):  # the others quote the timeline
            for line in suggested(document, section):  # type: ignore[arg-type]
                assert line not in page and html.escape(line) not in page


def test_a_section_that_was_written_in_full_is_offered_no_suggestions() -> None:
    words = {
        "summary": "Payments failed.",
        "root_cause": "The pool.",
        "went_well": "We talked.",
        "could_improve": "P",
    }
    sections = [(70.0, "A", SectionWritten(section=name, words=text)) for name, text in words.items()]  # type: ignore[arg-type]
    document = written(full_and(*sections, (90, "A", Closed())))
    markdown = render.to_markdown(document, BOOK)
    titles = ("Summary", "Root Cause", "What Went Well", "What Could Be Improved")
    assert [section_of(markdown, title) for title in titles] == list(words.values())
    assert not {"summary", "root_cause", "went_well", "could_improve"} & document.suggestions.keys()


def test_a_deleted_draft_is_not_in_the_document() -> None:
    incident = full_and((70, "A", SectionWritten(section="went_well", words="")))
    assert section_of(render.to_markdown(written(incident), BOOK), "What Went Well") == "*Nothing to report.*"
    assert "went_well" not in incident.unwritten and incident.rows[-1].text == "went well: nothing to report"
    # A post-mortem without a root cause is not written, whatever somebody saved.
    emptied = full_and((70, "A", SectionWritten(section="root_cause", words="")))
    assert "root_cause" in emptied.unwritten


def test_times_in_the_post_mortem_have_date_and_zone() -> None:
    markdown = render.to_markdown(written(), BOOK)
    assert "2026-01-28 14:00 CET (13:00 UTC) – 15:00 CET (14:00 UTC)" in markdown.splitlines()[2]
    assert section_of(markdown, "Timeline").startswith("**2026-01-28** (CET, UTC+01:00)\n\n- **14:03** declared")
    assert "| Resolved | 2026-01-28 15:00 CET (14:00 UTC) |" in markdown
    assert "**2026-01-28**\n\n- **14:10** app.log:88213: " in section_of(markdown, "Evidence")
    exported = render.export(full(), BOOK, [], at(120), CET, "markdown")
    assert "- **2026-01-28 14:03:00 CET** declared" in exported


def test_a_timeline_across_midnight_and_a_clock_change_is_unambiguous() -> None:
    # Summer time began in Berlin on 2026-03-29 at 02:00.
    start = (datetime(2026, 3, 28, 22, 30, tzinfo=UTC) - T0).total_seconds() / 60
    incident = story(
        (start, "A", declared(started_at=at(start))),
        (start + 60, "A", Noted(note="finding", words="one")),
        (start + 160, "A", Noted(note="finding", words="two")),
    )
    timeline = section_of(render.to_markdown(written(incident), BOOK), "Timeline")
    assert "**2026-03-28** (CET, UTC+01:00)\n\n- **23:30** declared" in timeline
    assert "**2026-03-29** (CET, UTC+01:00 then CEST, UTC+02:00)" in timeline
    assert "- **00:30 CET** finding: one\n- **03:10 CEST** finding: two" in timeline


def test_an_alert_is_listed_at_the_time_it_fired() -> None:
    fired = AlertReceived(name="errors", source="am", fired_at=at(-20))
    incident = story((0, "A", declared(started_at=at(-20))), (0, "A", fired))
    assert [(row.kind, row.at, row.amended) for row in incident.timeline] == [
        ("alert", at(-20), False),
        ("declared", at(0), False),
    ]
    assert [row.time for row in written(incident).timeline] == ["13:40", "14:00"]
    # A monitor whose clock is ahead cannot put its alert after the entry that holds it.
    ahead = story((0, "A", declared()), (1, "A", fired.model_copy(update={"fired_at": at(5)})))
    assert ahead.timeline[-1].at == at(1)


def test_milestones_are_listed_by_time() -> None:
    incident = story((3, "A", declared()), (4, "A", Acknowledged(who="A")), (60, "A", Resolved()))
    markdown = render.to_markdown(written(incident), BOOK)
    names = ["Started", "Detected", "Declared", "Acknowledged", "Mitigated", "Resolved"]
    assert [line.split(" ")[1] for line in markdown.splitlines() if line.startswith("| ")][2:8] == names
    amended = story(
        (3, "A", declared()), (60, "A", Resolved()), (61, "A", MilestoneAmended(milestone="mitigated", at=at(30)))
    )
    assert list(written(amended).milestones)[-2:] == ["mitigated", "resolved"]


def test_a_missing_summary_is_drafted() -> None:
    assert suggested(written(), "summary") == [
        "checkout-api: Half of card payments fail. Critical, from 2026-01-28 14:00 CET (13:00 UTC)"
        " to 15:00 CET (14:00 UTC), 1 h. A temporary fix was made: Rolled back 4.2.",
    ]


def test_blame_is_found_with_what_to_write_instead() -> None:
    text = wording.find_blame(
        "Bob should have known. Human error; he failed to look. He SHOULD HAVE known.", ["Bob"]
    )
    assert [line.split(":")[0] for line in text] == ['"should have"', '"Human error"', '"failed to"', '"Bob"']
    assert text[1:3] == (
        '"Human error": an error is where analysis starts; ask what made it possible',
        '"failed to": describe what happened, and what made it likely',
    )
    assert wording.find_blame("The pool was exhausted; an alert on its size would have told us.") == ()


# ── documents ─────────────────────────────────────────────────────────────────────────────────────────────


class _Tags(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src") or name.startswith("on")]


def tags(page: str) -> _Tags:
    parser = _Tags()
    parser.feed(page)
    return parser


def hostile(text: str) -> Incident:
    return story(
        (0, text, declared(impact=text, service=text)),
        (1, "Bob", EvidencePinned(source=text, line=1, words=text, comment=text)),
        (2, "Bob", ActionAdded(action="A1", words=text, owner=text, due="2026-02-04")),
        (3, "Bob", SectionWritten(section="root_cause", words=text)),
        (3, "Bob", SectionWritten(section="users_affected", words=text)),
        (4, "Bob", AlertReceived(name=text, source=text, detail=text)),
        (9, "Bob", Resolved(overridden=(text,), reason=text)),
    )


def test_the_document_has_all_sections_of_the_framework() -> None:
    markdown = render.to_markdown(written(), BOOK)
    heads = [line for line in markdown.splitlines() if line.startswith("#")]
    assert heads[0] == "# Incident Post-Mortem: Card payments fail"
    for head in (
        "Summary",
        "Timeline",
        "Root Cause",
        "Impact",
        "What Went Well",
        "What Could Be Improved",
        "Action Items",
    ):
        assert f"## {head}" in heads
    assert "- **14:03** declared: Critical: checkout-api · Card payments fail" in markdown
    assert "- \\[" not in markdown and "- [ ] A1 Permanent fix for the pool - Bob - 2026-02-04" in markdown
    assert "- Duration: 1 h" in markdown and "missed (25 min)" in markdown


@pytest.mark.parametrize("text", [HOSTILE, "</title><img src=x onerror=alert(1)>", "\\<b>\\\\<i>", "<a href=//x>y"])
def test_hostile_text_has_no_effect(text: str) -> None:
    markdown = render.to_markdown(written(hostile(text)), BOOK)
    page = render.to_html(markdown, text)
    found = tags(page)
    assert not {"script", "img", "a", "iframe", "b", "i"} & set(found.tags)
    assert found.links == []
    assert found.tags.count("title") == 1 and found.tags.count("h1") == 1


@pytest.mark.parametrize("text", ["```\nswallowed", "~~~\nswallowed", "<!-- swallowed", "Title\n---", "Title\n==="])
def test_a_section_cannot_change_what_follows_it(text: str) -> None:
    heads = tags(render.to_html(render.to_markdown(written(), BOOK), "x")).tags.count("h2")
    found = tags(render.to_html(render.to_markdown(written(hostile(text)), BOOK), "x")).tags
    assert (found.count("h2"), found.count("h1")) == (heads, 1)


def test_lists_and_emphasis_in_a_section_are_kept() -> None:
    shown = render.to_html(render.escape_prose("- one\n- **two**\n\nand `code`"), "x")
    assert shown.count("<li>") == 2 and "<strong>two</strong>" in shown and "<code>code</code>" in shown


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=60) | st.text(alphabet="<>[]()`*_\\#-=|!&;~ \nab:/", max_size=60))
def test_no_escaped_text_is_markup(text: str) -> None:
    page = render.to_html(f"- x {render.escape(text)} y\n\n{render.escape(text)}", "t")
    body = tags(page.partition("<body>")[2]).tags
    assert set(body) <= {"ul", "li", "p"}
    shown = tags(render.to_html(render.escape_prose(text), "t").partition("<body>")[2]).tags
    assert not {"script", "a", "img", "h1", "h2"} & set(shown)


def test_raw_html_in_a_document_is_escaped() -> None:
    page = render.to_html("<script>x</script>\n\n<b>x</b> [x](javascript:x)", "x")
    assert not {"script", "b", "a"} & set(tags(page).tags) and "&lt;script&gt;" in page


def test_the_page_loads_nothing() -> None:
    page = render.to_html("# x", "x")
    assert "default-src 'none'" in page and "http" not in page.replace("http-equiv", "") and "@media print" in page


def test_the_json_format_is_stable() -> None:
    document = json.loads(render.to_json(written()))
    assert document["format"] == "warroom.postmortem/1"
    assert document["milestones"]["started"] == "2026-01-28T13:00:00.000Z"
    assert document["measured"] == {
        "detect_s": 120.0,
        "acknowledge_s": 60.0,
        "mitigate_s": 2040.0,
        "resolve_s": 3600.0,
    }
    assert set(document["timeline"][0]) == {"seq", "at", "kind", "text", "data"}


@pytest.mark.parametrize("form", render.EXPORT_FORMATS)
@pytest.mark.parametrize("incident", [full(), hostile(HOSTILE), story((0, "A", declared(drill=True)))])
def test_a_whole_incident_can_be_exported(form: render.ExportFormat, incident: Incident) -> None:
    text = render.export(incident, BOOK, [delivery(DeliveryState.DELIVERED)], at(120), CET, form)
    if form == "json":
        exported = json.loads(text)
        assert len(exported["timeline"]) == len(incident.rows)
        assert exported["incident"]["id"] == "INC-7" and exported["postmortem"]["id"] == "INC-7"
        assert exported["deliveries"][0]["state"] == "delivered"
    elif form == "html":
        assert not {"script", "img", "a"} & set(tags(text).tags)
    else:
        assert "## Record" in text and "# Incident Post-Mortem" in text


def test_secrets_in_the_journal_are_redacted_in_the_documents() -> None:
    secret = "xoxb-123456789012-123456789012-abcdefghijklmnopqrstuvwx"
    incident = hostile(f"token {secret}")
    for form in render.EXPORT_FORMATS:
        exported = render.export(incident, BOOK, [], at(20), CET, form)
        assert secret not in exported and secret.replace("-", "\\-") not in exported


def test_an_incident_of_thousands_of_entries_can_be_written() -> None:
    rows = [(n / 60, "Bob", Noted(note="finding", words=f"Bob saw {n}")) for n in range(3000)]
    incident = story((0, "Alice", declared()), *rows, (99, "A", Resolved()), (100, "A", Closed()))
    assert len(written(incident).timeline) == 3003
    assert "saw 2999" in render.to_markdown(written(incident), BOOK)


def test_the_page_shows_the_course_of_the_incident_as_a_chart() -> None:
    page = render.to_format(written(), BOOK, "html")
    assert page.count("<svg") == 1 and page.index("<svg") < page.index("<h2>")
    chart = page[page.index("<svg") : page.index("</svg>") + 6]
    root = ElementTree.fromstring(chart)
    titles = [title.text or "" for title in root.iter("title")]
    assert {"Detection & acknowledgment, 4 min", "Investigation & triage, 26 min"} <= set(titles)
    assert any(title.startswith("Mitigated 2026-01-28 14:34") for title in titles)
    # Declared, an update, evidence, a finding, a change, an update and a fix, each at its time.
    dots = [(dot.get("class"), float(dot.get("cx", "-1"))) for dot in root.iter("circle")]
    assert [kind for kind, _ in dots] == ["bad", "told", "look", "look", "act", "told", "good"]
    assert [x for _, x in dots] == sorted(x for _, x in dots) and all(0 <= x <= 760 for _, x in dots)


def test_hostile_text_stays_text_in_the_chart() -> None:
    incident = story(
        (0, "A", declared()), (5, "A", Noted(note="finding", words="<script>x</script>&")), (9, "A", Resolved())
    )
    page = render.to_format(written(incident), BOOK, "html")
    assert "script" not in tags(page).tags
    ElementTree.fromstring(page[page.index("<svg") : page.index("</svg>") + 6])


def test_action_items_are_check_boxes_and_links_are_live() -> None:
    there = [delivery(DeliveryState.DELIVERED, "https://slack.example/p1")]
    story_of_an_update = story((3, "A", declared()), (4, "A", update(1, None, impact="Half")))
    document = written(story_of_an_update, there)
    page = render.to_format(document, BOOK, "html")
    assert tags(page).links == ["https://slack.example/p1"]
    page = render.to_format(written(), BOOK, "html")
    assert '<li class="task"><input type="checkbox" disabled> A1' in page
