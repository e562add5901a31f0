"""A long incident of 400 entries over six hours yields a post-mortem that needs only its prose."""

from __future__ import annotations

import re
from functools import cache

from harness.case import PLAYBOOK
from harness.long_incident import ALERTS, CUSTOMERS_WERE_TOLD, HOME, START, TEAM, ZONE, LongIncident

from warroom.incident.events import SECTIONS
from warroom.reports import postmortem, render
from warroom.reports.postmortem import PostMortem
from warroom.reports.timeline_parts import LONG, TimedLine, divide


@cache
def incident() -> LongIncident:
    return LongIncident()


@cache
def document() -> PostMortem:
    one = incident()
    return postmortem.build(one.incident, PLAYBOOK, one.deliveries, one.now, ZONE)


@cache
def markdown() -> str:
    return render.to_markdown(document(), PLAYBOOK)


def section(title: str) -> str:
    """What stands under a heading."""
    return markdown().partition(f"## {title}\n")[2].partition("\n## ")[0].strip()


def test_the_incident_is_a_long_one() -> None:
    assert len(incident().entries) >= 400
    hours = (incident().entries[-1].at - START).total_seconds() / 3600
    assert 6 <= hours < 6.5


def test_the_timeline_is_divided_and_has_the_key_events_only() -> None:
    timeline = section("Timeline")
    lines = [line for line in timeline.splitlines() if line.startswith("- ")]
    titles = re.findall(r"^### (.*)$", timeline, re.MULTILINE)
    assert len(document().timeline) > 300 and 40 <= len(lines) <= 120
    assert len(titles) <= 12 and all(re.match(r"\d\d:\d\d(–\d\d:\d\d)? · ", title) for title in titles)
    for key in ("declared", "severity", "confirmed", "fix", "decision", "resolved", "status"):
        assert any(f" {key}: " in line for line in lines), key
    assert not any(f" {routine}: " in line for line in lines for routine in ("note", "evidence", "checked", "task"))
    assert len(lines) == len(set(lines))
    assert sum(" alert: " in line for line in lines) == len(ALERTS)
    assert sum("Customers were told" in line for line in lines) == len(CUSTOMERS_WERE_TOLD)


def test_nothing_is_left_out_of_the_timeline_without_being_counted() -> None:
    timeline = section("Timeline")
    also = re.findall(r"^\*Also (.*)\*$", timeline, re.MULTILINE)
    counted = sum(int(number) for line in also for number in re.findall(r"(?<!\S)\d+", line))
    listed = sum(line.startswith("- ") for line in timeline.splitlines())
    assert counted + listed == len(document().timeline)
    assert f"{counted} others are counted" in timeline


def test_no_path_of_a_machine_is_in_the_document() -> None:
    for form in render.EXPORT_FORMATS:
        text = render.to_format(document(), PLAYBOOK, form)
        assert "/home/" not in text and HOME not in text and ".local/share" not in text


def test_customers_are_quoted_word_for_word_and_a_repeated_message_once() -> None:
    told = section("What Customers Were Told")
    for text in CUSTOMERS_WERE_TOLD:
        assert told.count(f"> {text}") == 1
    links = re.findall(r"<https://statuspage\.example\.com/\d+>", told)
    assert len(links) == len(set(links)) == len(document().customer_messages)


def test_the_figures_are_there_with_the_milestones_they_are_made_from() -> None:
    milestones = section("Milestones")
    for name in ("MTTD", "MTTA", "MTTM", "MTTR", "Root cause identified"):
        assert name in milestones
    assert "| Resolved | 2026-03-03 14:08 CET (13:08 UTC) | 6 h 10 min after it started | MTTR |" in milestones
    assert "High for 12 min, then Critical for 5 h 54 min" in section("Impact")


def test_trigger_detection_and_resolution_are_told_in_prose() -> None:
    course = section("Trigger and Detection")
    assert "“a41f release 4.2: 80 workers”, 1 min before the start" in course
    assert "PaymentErrorRateHigh of prometheus fired" in course
    steps = section("Resolution").splitlines()
    assert [line[2:7] for line in steps] == sorted(line[2:7] for line in steps) and len(steps) == 5
    assert "Users were no longer affected, 3 h 34 min after the start." in steps[2]


def test_promised_updates_are_counted_by_audience_and_the_latest_are_named() -> None:
    worked = section("How We Worked")
    assert re.search(r"\| team \| \d+ of \d+ \|", worked) and re.search(r"\| customers \| \d+ of \d+ \|", worked)
    late = sum(promise.kept is False for promise in document().cadence)
    assert worked.count("| late by") + worked.count("| missed") == render.MOST_PROMISES < late
    assert f"The {render.MOST_PROMISES} latest of {late} that were late or missed:" in worked
    assert worked.count("nobody for 4 min") == 1  # three roles had the same gap


def test_nobody_is_named_but_the_owners_of_action_items() -> None:
    elsewhere = markdown().replace(section("Action Items"), "")
    for name in TEAM:
        assert name not in elsewhere and name.split()[0] not in re.findall(r"\w+", elsewhere)


def test_no_suggestion_is_in_the_document_and_the_sections_wait_for_prose() -> None:
    assert sum(map(len, document().suggestions.values())) >= 10
    assert markdown().count("*Not written yet.*") == len(document().unwritten) == 7
    assert "uggest" not in markdown() and "draft from" not in markdown().lower()
    assert {"root_cause", "contributing_factors", "went_well", "could_improve"} <= document().suggestions.keys()
    assert all(section in SECTIONS for section in document().suggestions)
    improve = [one.text for one in document().suggestions["could_improve"]]
    assert (
        "The root cause was identified 1 h 58 min after the declaration: what would have shown it sooner?"
        in improve
    )
    assert any(text.startswith("Users were affected for another 1 h 32 min once") for text in improve)
    keys = [one.key for found in document().suggestions.values() for one in found]
    assert len(keys) == len(set(keys))


def test_the_page_is_one_file_with_a_chart_and_its_legend() -> None:
    page = render.to_format(document(), PLAYBOOK, "html")
    assert page.count("<svg") == 1 and "decision or change" in page
    assert not re.search(r"<(?:script|link|img|iframe)", page)
    assert page.count('<input type="checkbox" disabled>') == len(incident().incident.actions)


def test_a_short_timeline_is_left_as_it_is() -> None:
    lines = [TimedLine(START, "note")] * LONG
    assert divide(lines, (), START, ZONE) == ()
    (part,) = divide([*lines, TimedLine(START, "")], (), START, ZONE)
    assert part.lines == (LONG,) and part.also == f"{LONG} notes"
