"""Which verbs there are, in which module, and the first line of their help: all that help needs to know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Family(NamedTuple):
    """A module of verbs: the section of the help they are listed in, and the first line of each verb's help."""

    module: str
    section: str
    verbs: Mapping[str, str]


FAMILIES = (
    Family(
        "console",
        "Console",
        {
            "open": "Open the console in an incident's war room.",
            "demo": "Run a drill on sample data.",
            "logs": "Watch logs full-screen; in a pipe or with --json, print them with secrets masked.",
        },
    ),
    Family(
        "watch",
        "Console",
        {"watch": "Send, read chat, poll alerts, run probes and remind, without a screen."},
    ),
    Family(
        "drills",
        "Console",
        {
            "drill": "Run a drill in your own console; or list, write, check and look back on drills.",
        },
    ),
    Family(
        "response",
        "Run the incident",
        {
            "declare": "Declare an incident: start its clocks, open its channel, post the declaration.",
            "ack": "Acknowledge the alert; stops the response clock.",
            "assign": "Assign a role to someone.",
            "release": "Release a role, leaving it unassigned.",
            "handover": "Offer a role to someone else; takes effect when they accept.",
            "accept": "Accept a role that is offered to you.",
            "check": "Check a checklist item, by its id or a few words, or mark it as not needed.",
            "uncheck": "Uncheck a checklist item.",
            "severity": "Raise the severity, or lower it with a reason.",
            "state": "Set the status: investigating, mitigated or resolved.",
            "resolve": "Resolve the incident; refused with a list while there are blockers.",
            "reopen": "Reopen the incident; the clocks resume.",
        },
    ),
    Family(
        "timeline",
        "Timeline",
        {
            "note": "Add a note to the timeline; secrets are masked.",
            "confirm": "Record that a hypothesis is right.",
            "rule-out": "Record that a hypothesis is wrong.",
            "task": "Give someone a task for a limited time; then the console asks how it went.",
            "undo": "Undo your last tick, note or role assignment of the last 10 seconds.",
            "pin": "Pin a log line as evidence; secrets are masked.",
            "change": "Plan a change with its rollback before it is made; mark it made, or drop it.",
            "fix": "Record a fix.",
            "amend": "Correct the text or the time of a timeline entry; the original is kept.",
            "retract": "Retract a note, fix or piece of evidence that is wrong.",
            "scrub": "Remove the text of timeline entries for good, from the journal and its search.",
            "milestone": "Correct when it started, was detected, acknowledged, mitigated or resolved.",
        },
    ),
    Family(
        "updates",
        "Updates",
        {
            "update": "Post an update; fields you leave out are drafted from the timeline.",
        },
    ),
    Family(
        "deliveries",
        "Updates",
        {
            "deliveries": "Show what was sent where, and what was not.",
            "delivery": "Confirm an unconfirmed delivery, or send a failed one again.",
            "resend": "Send every rejected delivery again once the cause is fixed.",
        },
    ),
    Family(
        "follow_up",
        "Follow-up",
        {
            "action": "Add an action item, or change the owner, date or type of one, such as A3.",
            "done": "Mark an action item or a task done, or an action item not done after all.",
            "actions": "List the action items of the incident or of all, or open issues for them.",
            "section": "Write a section of the post-mortem: summary, root_cause, went_well, …",
            "postmortem": "Print, publish or check the post-mortem; accept or dismiss suggestions for it.",
            "calendar": "Schedule the post-mortem meeting and the review of action items: a file for any calendar.",
            "export": "Export the whole incident: state, timeline, deliveries, post-mortem.",
            "close": "Close the incident; refused with a list while something is outstanding.",
        },
    ),
    Family(
        "overview",
        "Overview",
        {
            "list": "List the incidents, newest first, and everything that is overdue.",
            "status": "Show one incident: severity, duration, roles, what is due, readings, what to do next.",
            "brief": "Sum the incident up for people who join late: conditions, actions, needs.",
            "timeline": "Show the timeline.",
            "playbook": "Show or check the playbook: checklists, phases, severities, roles, templates, guidance.",
        },
    ),
    Family(
        "runbooks",
        "Runbooks",
        {
            "runbooks": "List the runbooks, what they are about, and what is wrong in their files.",
            "runbook": "Print a runbook, tick its steps, run their commands.",
        },
    ),
    Family(
        "on_call",
        "On call",
        {
            "oncall": "Show who is on call now and next; swap two turns, or take the pager for a while.",
            "contacts": "Show who to call and how: who is on call first, then who holds a role, then everyone.",
            "page": "Page somebody to the incident: a name, a role, on-call, next or everyone.",
        },
    ),
    Family(
        "stats",
        "Overview",
        {"stats": "Show figures over all incidents: times, updates, severities, alerts, actions, causes."},
    ),
    Family(
        "search",
        "Overview",
        {"search": "Search everything that was ever recorded: incidents, chat, evidence, post-mortems, alerts."},
    ),
    Family(
        "connect",
        "Setup",
        {"connect": "Connect a chat service: ask the least, send a test message, write the settings."},
    ),
    Family(
        "hub",
        "Setup",
        {"hub": "Share incidents with teammates' laptops: create a hub, show its state, publish, leave, join."},
    ),
    Family(
        "alerts",
        "Setup",
        {"alerts": "List the alert sources; silence an alert at its source; print rules for Prometheus."},
    ),
    Family(
        "backups",
        "Setup",
        {
            "backup": "Write the whole journal into one file, checked, while consoles run.",
            "restore": "Put a backup in the journal's place; the journal that was there is kept beside it.",
        },
    ),
    Family(
        "setup",
        "Setup",
        {
            "help": "Print a page of the manual; without a topic, list the pages.",
            "init": "Write a settings file, on a terminal by five questions; never overwrites one.",
            "ready": "Show the readiness checklist, measured now, or confirm one of its items for today.",
            "probes": "Measure every probe of the settings now, and show the readings.",
            "alert": "Record an alert to declare from; without a name, list the waiting alerts.",
            "redact": "Copy stdin to stdout with secrets and personal data masked.",
            "reset-terminal": "Restore a terminal that a killed program left unusable.",
            "doctor": "Check everything that an incident needs, and say what to do next.",
        },
    ),
    Family(
        "shell",
        "Setup",
        {
            "schema": "Print the JSON Schema of what a verb prints with --json; without a name, all of them.",
            "completion": "Print the script by which a shell completes verbs, options, incidents, people and more.",
        },
    ),
)
"""All families in the order of the help. A test holds it against the modules."""
