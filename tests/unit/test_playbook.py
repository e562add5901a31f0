"""The shipped playbook carries all of the framework; a team's own is laid over it, and its mistakes are named."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from warroom.errors import NotFound, SettingsError
from warroom.incident import playbook
from warroom.incident.playbook import Playbook

TEXT = (Path(playbook.__file__).parents[1] / "playbooks" / "small-team.toml").read_text("utf-8")


@pytest.fixture(scope="module")
def book() -> Playbook:
    return playbook.parse(TEXT, "small-team.toml")


def team(text: str) -> Playbook:
    return playbook.override(TEXT, text, "team.toml")


def error(text: str) -> SettingsError:
    with pytest.raises(SettingsError) as raised:
        team(text)
    return raised.value


# What follows is copied from the framework, word for word.
CHECKLISTS = {
    "preparation": [
        "On-call schedule defined and communicated",
        "Contact information up to date",
        "Monitoring alerts configured and tested",
        "Runbooks created for common scenarios",
        "Communication templates prepared",
        "Status page setup and configured",
        "Incident response training completed",
    ],
    "detection": [
        "Acknowledge alert in monitoring system",
        "Create incident channel",
        "Post initial status update",
        "Tag relevant team members",
        "Assess initial impact",
        "Determine severity level",
    ],
    "investigation": [
        "Assign incident commander role",
        "Gather logs and metrics",
        "Identify affected components",
        "Form hypothesis about root cause",
        "Document investigation findings",
        "Plan fix strategy",
    ],
    "resolution": [
        "Implement fix (temporary or permanent)",
        "Monitor service recovery",
        "Verify key functionality",
        "Update stakeholders on resolution",
        "Close incident in monitoring system",
    ],
    "recovery": [
        "Service health checks passing",
        "Key user journeys working",
        "Metrics returned to baseline",
        "No new errors in logs",
        "Customer reports resolved",
    ],
    "post_incident": [
        "Schedule post-mortem meeting",
        "Complete incident timeline",
        "Identify root cause",
        "Create action items with owners",
        "Share learnings with team",
        "Update documentation and runbooks",
    ],
    "improvement": [
        "Review action items weekly",
        "Update monitoring based on incidents",
        "Conduct quarterly incident drills",
        "Measure MTTR (Mean Time to Resolution)",
        "Celebrate improvements and learning",
    ],
}

SEVERITIES = [
    ("Critical", "Complete service outage", 5, "Login doesn't work"),
    ("High", "Major feature broken", 15, "Payment processing fails"),
    ("Medium", "Partial degradation", 60, "Reports slow"),
    ("Low", "Minor issue", 240, "UI glitch"),
]

ROLES = {
    "incident_commander": (
        ("Coordinate response", "Manage communications", "Make final decisions"),
        "Senior engineer on-call",
    ),
    "technical_lead": (
        ("Lead investigation", "Coordinate technical fixes", "Verify resolution"),
        "Any available engineer",
    ),
    "communications_lead": (
        ("Update stakeholders", "Manage customer comms", "Document timeline"),
        "Product manager or support lead",
    ),
}

TEMPLATE_LINES = {
    "declaration": [
        "🚨 INCIDENT DECLARED 🚨",
        "Service: ",
        "Time: ",
        "Impact: ",
        "Severity: ",
        "or when new info available.",
    ],
    "update": ["📊 INCIDENT UPDATE 📊", "Status: ", "Time: ", "Impact: ", "Actions: ", "ETA: ", "Next update: "],
    "resolution": ["📊 INCIDENT UPDATE 📊", "Status: "],
    "customer_initial": [
        "Subject: Service Issue - ",
        "Hi ",
        "We're currently experiencing issues with ",
        "Our team is actively investigating and working to resolve this.",
        "We'll provide updates every ",
        "minutes until this is resolved.",
        "Thank you for your patience.",
        "Team ",
    ],
    "customer_resolution": [
        "Subject: Resolved - Service Issue - ",
        "has been resolved.",
        "Service is now operating normally.",
        "We're conducting a full review to prevent this from happening again.",
        "If you continue to experience issues, please contact ",
        "Thank you for your patience.",
    ],
    "customer_update": ["Hi ", "Next update: "],
    "executive": [
        "🚨 PRODUCTION INCIDENT 🚨",
        "Service: ",
        "Severity: ",
        "Impact: ",
        "Timeline: ",
        "Root Cause: ",
        "Customer Impact: ",
        "Next Steps: ",
    ],
    "postmortem": [
        "# Incident Post-Mortem: ",
        "## Summary",
        "## Timeline",
        "## Root Cause",
        "## Impact",
        "- Users affected: ",
        "- Duration: ",
        "- Business impact: ",
        "## What Went Well",
        "## What Could Be Improved",
        "## Action Items",
    ],
}

ANYWHERE = [
    "service_down_5min",
    "error_rate_50percent",
    "response_time_5x_baseline",
    "error_rate_increase_20percent",
    "memory_usage_80percent",
    "queue_depth_1000",
    "Monitor alerts trigger",
    "Initial impact assessment",
    "Declare incident & form channel",
    "Communicate status",
    "Gather context & logs",
    "Identify root cause area",
    "Determine severity level",
    "Assign incident commander",
    "Implement fix (temporary/permanent)",
    "Monitor recovery",
    "Verify service restoration",
    "Update stakeholders",
    "Write post-mortem",
    "Identify action items",
    "Update processes",
    "Share learnings",
    "Check recent deployments",
    "Review error logs and metrics",
    "Check external dependencies",
    "Reproduce issue in staging",
    "Test hypotheses",
    "Narrow down root cause area",
    "Document findings in incident channel",
    "Rollback deployment?",
    "Restart services?",
    "Scale resources?",
    "Fallback to cached data?",
    "Code fix needed?",
    "Configuration change?",
    "Infrastructure update?",
    "Process improvement?",
    "Prioritize speed over perfection",
    "Document what was changed",
    "Set reminder for permanent fix",
    "Monitor for side effects",
    "Test in staging first",
    "Plan rollback strategy",
    "Communicate maintenance window",
    "Monitor post-deployment",
    "Review action items within 1 week",
    "Update monitoring based on learnings",
    "Improve processes and documentation",
    "Share learnings with entire team",
    "Update on-call training if needed",
    "Everyone tries to lead, nobody takes charge.",
    "Pre-define on-call rotation",
    "Use escalation matrix",
    "Practice incident simulations",
    "Stakeholders left in the dark, rumors spread.",
    "Use communication templates",
    "Set regular update intervals",
    "Over-communicate rather than under-communicate",
    "Making things worse while trying to help.",
    "Take 5 minutes to assess before acting",
    "Document changes before implementing",
    "Have rollback plan ready",
    "Same incidents happen repeatedly.",
    "Schedule post-mortem within 48 hours",
    "Make action items specific and assignable",
    "Track completion of action items",
    "Too many alerts, ignored warnings.",
    "Regularly review alert thresholds",
    "Implement alert grouping",
    "Use severity levels appropriately",
    "Simplicity over complexity",
    "Communication is critical",
    "Learning over blaming",
    "Practice makes perfect",
    "Tools enable, people solve",
    "Application performance monitoring (APM)",
    "Infrastructure monitoring",
    "Log aggregation",
    "Alert management",
    "Incident response platform (Slack/Teams)",
    "Status page",
    "Email notification system",
    "Video conferencing",
    "Runbook repository",
    "Post-mortem template",
    "Contact information",
    "Service topology",
    "UptimeRobot, Pingdom",
    "Sentry, New Relic (free tier)",
    "Papertrail, Logtail",
    "Prometheus + Grafana (self-hosted)",
    "Slack #incidents",
    "Statuspage.io, Cachet",
    "Notion, Confluence",
    "PagerDuty (free tier)",
    "GitHub Actions",
    "Template + automation",
    "Limited resources",
    "High pressure",
    "Customer impact",
    "Learning opportunity",
    "Tag relevant people based on on-call rotation",
    "Create incident channel in Slack/Teams",
    "a skill that improves with practice",
    "minimizing damage and learning from experience",
]


@pytest.mark.parametrize("id", CHECKLISTS)
def test_every_checklist_item_of_the_framework_is_there_in_order(book: Playbook, id: str) -> None:
    assert [item.text for item in book.checklists[id].items] == CHECKLISTS[id]


def test_there_are_seven_checklists_and_no_others(book: Playbook) -> None:
    assert list(book.checklists) == list(CHECKLISTS)


def test_every_severity_of_the_framework_is_there_worst_first(book: Playbook) -> None:
    assert [(s.title, s.impact, s.response_minutes, s.example) for s in book.severities] == SEVERITIES
    assert [book.rank(s.id) for s in book.severities] == [0, 1, 2, 3]
    assert len({s.glyph for s in book.severities}) == 4


def test_updates_are_owed_every_15_to_30_minutes_while_it_is_bad(book: Playbook) -> None:
    assert book.severity("critical").update_minutes["team"] == 15
    assert book.severity("high").update_minutes["team"] == 30


def test_every_role_of_the_framework_is_there(book: Playbook) -> None:
    assert {role.id: (role.responsibilities, role.backup) for role in book.roles} == ROLES


@pytest.mark.parametrize("id", TEMPLATE_LINES)
def test_every_template_says_what_the_framework_says(book: Playbook, id: str) -> None:
    for line in TEMPLATE_LINES[id]:
        assert line in book.templates[id].text


def test_everything_else_of_the_framework_is_somewhere(book: Playbook) -> None:
    problem = book.model_dump_json()
    assert [words for words in ANYWHERE if words not in problem] == []


def test_phases_and_steps_follow_the_minutes(book: Playbook) -> None:
    at = {0: "detection", 4.99: "detection", 5: "investigation", 29: "investigation", 30: "resolution"}
    for minute, phase in (at | {9999: "resolution", -1: "detection"}).items():
        assert book.phase_at(minute).id == phase
    assert book.phases[-1].id == "learning" and book.phases[-1].after_resolution
    steps = [book.step_at(m) for m in (4, 5, 10, 19.9, 20, 30)]
    assert [step and step.id for step in steps] == [None, "gather", "isolate", "isolate", "strategy", None]


def test_facts_tick_the_items_that_are_the_same_thing(book: Playbook) -> None:
    assert [item.id for item in book.ticked_by("acknowledged")] == ["acknowledge"]
    assert [item.id for item in book.ticked_by("role-assigned:incident_commander")] == ["commander"]
    # No item may be ticked by what only sounds like it: these only a person or a probe knows.
    for id in ("verify", "monitor", "docs", "journeys"):
        assert book.item(id).done_by == ""


def test_items_are_found_by_id_prefix_and_words(book: Playbook) -> None:
    assert [item.id for item in book.find_items("fix")] == ["fix"]
    assert [item.id for item in book.find_items("hypo")] == ["hypothesis"]
    assert [item.id for item in book.find_items("key journeys")] == ["journeys"]
    assert book.find_items("  ") == () and book.find_items("zebra") == ()
    assert book.checklist_of("journeys").id == "recovery"
    with pytest.raises(NotFound) as raised:
        book.item("hypotesis")
    assert 'Did you mean "hypothesis"?' in raised.value.remedy


def test_the_limits_are_those_of_the_framework(book: Playbook) -> None:
    nudges = book.nudges
    assert (nudges.postmortem_hours, nudges.actions_review_days, nudges.commander_minutes) == (48, 7, 2)


def test_it_is_read_within_30_ms() -> None:
    playbook.parse(TEXT, "small-team.toml")
    best = 9.0
    for _ in range(5):
        start = time.perf_counter()
        playbook.parse(TEXT, "small-team.toml")
        best = min(best, time.perf_counter() - start)
    assert best < 0.030


# ── a team's own ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_team_says_only_what_it_does_differently() -> None:
    book = team("""
        [severities.critical]
        update_minutes = { team = 10 }
        [severities.sev0]
        title = "Catastrophe"
        impact = "Everything, for everybody"
        response_minutes = 1
        update_minutes = { team = 5, customers = 15, executives = 15 }
        example = "Data centre gone"
        glyph = "X"
        [severities.low]
        remove = true
        [checklists.recovery.items.refunds]
        text = "A test refund goes through"
        [checklists.preparation.items.status-page]
        remove = true
        [roles.communications_lead]
        remove = true
        [fix_strategy]
        immediate_actions = ["Fail over?"]
        """)
    assert book.severity("critical").update_minutes == {"team": 10, "customers": 20, "executives": 30}
    assert [s.id for s in book.severities] == ["sev0", "critical", "high", "medium"]
    assert [i.id for i in book.checklists["recovery"].items][-1] == "refunds"
    assert "status-page" not in {item.id for item in book.items}
    assert len(book.roles) == 2
    assert book.fix_strategy.immediate_actions == ("Fail over?",)
    assert book.fix_strategy.permanent_solution[0] == "Code fix needed?"


def test_an_empty_file_changes_nothing(book: Playbook) -> None:
    assert team("") == book


@pytest.mark.parametrize(
    ("text", "place", "what", "remedy"),
    [
        ("[severites.a]\n", "team.toml:1 severites", "unknown key", "severities"),
        (
            "\n[roles.technical_lead]\nbakup = 'x'\n",
            "team.toml:3 [roles.technical_lead] bakup",
            "unknown key",
            'Did you mean "backup"? Allowed: title, responsibilities, backup.',
        ),
        ("[roles.sre]\ntitle = 'SRE'\n", "team.toml:1 [roles.sre] responsibilities", "missing key", "backup"),
        ("[roles.sre]\nid = 'x'\n", "team.toml:2 [roles.sre] id", "unknown key", "title"),
        (
            "[severities.high]\nresponse_minutes = 'soon'\n",
            "team.toml:2 [severities.high] response_minutes",
            "a whole number",
            "",
        ),
        (
            "[severities.high]\nresponse_minutes = 0\n",
            "team.toml:2 [severities.high] response_minutes",
            "must be at least 1, not 0",
            "",
        ),
        (
            "[severities.high.update_minutes]\nclients = 3\n",
            "team.toml:2 [severities.high.update_minutes] clients",
            "not a choice",
            "team, customers, executives",
        ),
        (
            "[templates.update]\naudience = 'public'\n",
            "team.toml:2 [templates.update] audience",
            "not a choice",
            "team, customers, executives",
        ),
        (
            "[checklists.detection.items.severity]\ndone_by = 'severity'\n",
            "team.toml:2 [checklists.detection.items.severity] done_by",
            "not a choice",
            '"severity-set"',
        ),
        (
            "[checklists.recovery.items.fix]\ntext = 'again'\n",
            "team.toml:1 [checklists.recovery.items] fix",
            "already in the checklist resolution",
            "another id",
        ),
        ("[phases.detection]\nto_minute = 7\n", "team.toml:2 [phases.detection] to_minute", "must be 5", ""),
        (
            "[phases.detection]\nchecklist = 'detect'\n",
            "team.toml:2 [phases.detection] checklist",
            "no such checklist",
            "detection",
        ),
        ("[phases.learning]\nremove = true\n", "team.toml:1 phases", "exactly one phase", ""),
        ("[steps.gather]\nto_minute = 3\n", "team.toml:2 [steps.gather] to_minute", "later than from_minute", ""),
        ("[steps.gather]\nphase = 'x'\n", "team.toml:2 [steps.gather] phase", "no such phase", "investigation"),
        (
            "[roles.incident_commander]\nremove = true\n",
            "team.toml:1 [roles] incident_commander",
            "is missing",
            "change it",
        ),
        (
            "[roles.comms]\nremove = true\n",
            "team.toml:1 [roles] comms",
            "no such entry to remove",
            "communications_lead",
        ),
        ("[roles]\nremove = true\n", "team.toml:2 [roles] remove", "only single entries", ""),
        (
            "[roles.Boss]\ntitle='B'\nbackup='b'\nresponsibilities=[]\n",
            "team.toml:1 [roles] Boss",
            "lower-case",
            "",
        ),
        (
            '[roles.technical_lead]\ntitle = "a\\u202Eb"\n',
            "team.toml:2 [roles.technical_lead] title",
            "control or direction",
            "",
        ),
        ("[nudges]\ncommander_minutes = -1\n", "team.toml:2 [nudges] commander_minutes", "not -1", ""),
        ("[nudges\n", "team.toml:1", "not valid TOML", ""),
    ],
)
def test_a_mistake_is_named_by_file_line_table_key_and_what_is_allowed(
    text: str, place: str, what: str, remedy: str
) -> None:
    problem = error(text)
    assert problem.place == place
    assert what in str(problem)
    assert remedy in str(problem)


def test_removing_a_role_that_ticks_an_item_is_told() -> None:
    problem = error("[checklists.detection.items.x]\ntext = 'x'\ndone_by = 'role-assigned:scribe'\n")
    assert "role-assigned:technical_lead" in problem.remedy


def test_removing_all_severities_is_told() -> None:
    text = "".join(f"[severities.{id}]\nremove = true\n" for id in ("critical", "high", "medium", "low"))
    assert "at least one severity" in str(error(text))
