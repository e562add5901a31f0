"""Verbs that run the incident: declare, acknowledge, roles, checklist, severity, status, resolve."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

import click

from warroom.cli import output
from warroom.cli.context import CliContext, pick, pick_item, pick_person, pick_role, pick_severity, verb
from warroom.cli.reporting import (
    deliver,
    execute,
    join_words,
    measured_now,
    text_argument,
    warn_of_unknown_person,
)
from warroom.errors import WarroomError
from warroom.incident.commands import Acknowledge, Check, Declare, Reopen, Resolve, SetSeverity, SetStatus, Uncheck
from warroom.incident.events import EvidencePinned
from warroom.incident.incident import Incident
from warroom.incident.playbook import Item
from warroom.incident.readings import ERRORS, Observation, Reading, of_last_minute, worst_of
from warroom.incident.roles import AcceptHandover, Assign, HandOver, Release

SECTION = "Run the incident"


@verb(
    SECTION, posts=True, example='warroom declare checkout-api "Card payments fail" --severity high --started -10m'
)
@click.argument("service")
@text_argument("impact", "IMPACT")
@click.option("--severity", metavar="LEVEL", help="Severity. [default: the highest]")
@click.option("--started", metavar="TIME", help="When it started: -10m, 13:50, 2026-01-28T13:50Z. [default: now]")
@click.option("--detected", metavar="TIME", help="When it was noticed.")
@click.option("--commander", metavar="NAME", help="The incident commander.")
@click.option("--drill", is_flag=True, help="A drill: posts only to drill destinations.")
@click.option("--alert", metavar="N", help="The waiting alert it comes from; a drill's alert makes it a drill.")
@click.option("--private", is_flag=True, help="In a shared room: keep it on this laptop until it is published.")
def declare(
    context: CliContext,
    service: str,
    impact: Sequence[str],
    severity: str | None,
    started: str | None,
    detected: str | None,
    commander: str | None,
    drill: bool,
    alert: str | None,
    private: bool,
) -> None:
    """Declare an incident: start its clocks, open its channel, post the declaration."""
    room = context.room
    source, kept = "", None
    if alert is not None:
        kept = room.team().find_alert(alert)
        source = kept.event.source
    known = {s.name.casefold(): s.name for s in room.settings.services}
    command = Declare(
        service=known.get(service.strip().casefold(), service),
        impact=join_words(impact),
        severity=pick_severity(room, severity) if severity else room.alert_severity(kept) if kept else "",
        started_at=context.moment(started, "--started"),
        detected_at=context.moment(detected, "--detected"),
        drill=drill,
        source=source,
        private=private,
    )
    leader = pick_person(room, commander) if commander else ""
    done = room.declare(command, commander=leader, alert=kept.id if kept else None)
    warn_of_unknown_person(context)
    incident = done.incident
    if incident.drill and not drill:
        output.print_err(f"! Alert {alert} belongs to a drill, so this is one: it posts only to drill destinations")
    if context.json:
        output.data(
            {
                "id": incident.id,
                "severity": incident.severity,
                "drill": incident.drill,
                "declared_at": incident.milestones["declared"],
            }
        )
    else:
        title = room.playbook.severity(incident.severity).title
        badge = "  drill" if incident.drill else ""
        output.print_out(f"{incident.id}  {title}{badge}  {incident.service} · {incident.impact}")
    deliver(context, incident.id, {entry.id for entry in done.entries})
    _record_changes(context, incident.id)
    if not context.json:
        _print_similar(context, incident, kept.event.name if kept else "")  # last: it may have to build the index


def _record_changes(context: CliContext, incident_id: str) -> None:
    """What changed lately is the first evidence; it is declared and posted by now, whatever becomes of this."""
    room = context.room
    incident = room.incident(incident_id)
    service = room.settings.service(incident.service)
    if service is None or not service.changes or incident.drill:
        return
    from warroom.room.changes import SOURCE, record_changes

    try:
        record_changes(room, incident)
    except WarroomError as error:
        output.print_err(f"! The changes of {incident.service} are not known: {error.title}")
        return
    for row in room.incident(incident_id).rows:
        event = row.entry.event
        if isinstance(event, EvidencePinned) and event.source == SOURCE and not context.json:
            output.print_out(f"changed  {event.words}" + (f"  {event.comment}" if event.comment else ""))


def _print_similar(context: CliContext, incident: Incident, alert: str) -> None:
    """A line about the most similar past incident: declared it is already, so nothing may fail here."""
    with suppress(WarroomError):
        similar = context.app.search.similar(
            incident.service, incident.title, alert, drill=incident.drill, without=incident.id
        )
        for one in similar[:1]:
            output.print_err(f"Similar: {one.id} {one.impact} ({', '.join(one.reasons)}), {one.outcome}")


@verb(SECTION, example="warroom ack")
def ack(context: CliContext) -> None:
    """Acknowledge the alert; stops the response clock."""
    execute(context, Acknowledge())


@verb(SECTION, posts=True, example="warroom assign commander Alice")
@click.argument("role")
@text_argument("name", "NAME")
def assign(context: CliContext, role: str, name: Sequence[str]) -> None:
    """Assign a role to someone."""
    execute(context, Assign(pick_role(context.room, role), pick_person(context.room, join_words(name))))


@verb(SECTION, posts=True, example="warroom release communications")
@click.argument("role")
def release(context: CliContext, role: str) -> None:
    """Release a role, leaving it unassigned."""
    execute(context, Release(pick_role(context.room, role)))


@verb(SECTION, example='warroom handover commander Bob --briefing "Pool exhausted; rollback under way"')
@click.argument("role")
@text_argument("name", "NAME")
@click.option("--briefing", default="", metavar="TEXT", help="What the next person has to know.")
def handover(context: CliContext, role: str, name: Sequence[str], briefing: str) -> None:
    """Offer a role to someone else; takes effect when they accept."""
    execute(context, HandOver(pick_role(context.room, role), pick_person(context.room, join_words(name)), briefing))


@verb(SECTION, posts=True, example="warroom accept commander")
@click.argument("role")
def accept(context: CliContext, role: str) -> None:
    """Accept a role that is offered to you."""
    execute(context, AcceptHandover(pick_role(context.room, role)))


@verb(SECTION, example='warroom check health\nwarroom check docs --not-needed "No runbook is affected"')
@text_argument("item", "ITEM")
@click.option(
    "--anyway", is_flag=True, help="Check it even if it is contradicted; the timeline records the evidence."
)
@click.option("--seen", default="", metavar="TEXT", help="How you know; the timeline records it.")
@click.option("--not-needed", default="", metavar="REASON", help="Follow-up: it is not needed this time, and why.")
def check(context: CliContext, item: Sequence[str], anyway: bool, seen: str, not_needed: str) -> None:
    """Check a checklist item, by its id or a few words, or mark it as not needed."""
    chosen = pick_item(context.room, join_words(item))
    if not_needed:
        from warroom.incident.follow_up import MarkNotNeeded

        if anyway or seen:
            raise click.UsageError("--not-needed stands alone: nothing was checked.")
        execute(context, MarkNotNeeded(chosen, not_needed))
        return
    reading = _readings(context, [context.room.playbook.item(chosen)]).get(chosen)
    said = {reading.speaks: reading.text} if reading else {}
    execute(context, Check(chosen, said.get("against", ""), anyway, seen or said.get("for", "")))


def _against(context: CliContext) -> dict[str, str]:
    """What is measured now against items of the recovery, by item."""
    readings = _readings(context, context.room.playbook.checklists["recovery"].items)
    return {id: reading.text for id, reading in readings.items() if reading.against}


def _readings(context: CliContext, items: Iterable[Item]) -> dict[str, Reading]:
    """What is measured now about these items, by item: by the probes of the service, and in its log files."""
    probed = {item.id: item.probe for item in items if item.probe}
    incident = context.incident()
    readings = dict(_errors(context, incident.service)) if ERRORS in probed.values() else {}
    settings = context.room.settings
    wanted = [
        name
        for name in ([] if incident.drill else settings.probes_of(incident.service))
        if {name, settings.probes[name].verifies} & set(probed.values())
    ]
    readings |= measured_now(context, wanted)
    observation = Observation(context.room.clock(), readings=readings)
    found = {id: worst_of(observation.of_probe(probe)) for id, probe in probed.items()}
    return {id: reading for id, reading in found.items() if reading is not None}


def _errors(context: CliContext, service: str) -> Iterator[tuple[str, Reading]]:
    """The errors in the service's log files, where they can be counted."""
    from warroom.logs.recent_errors import errors_in_last_minute

    logs = [log for log in context.app.service_logs(service) if isinstance(log, str)]
    errors = errors_in_last_minute(logs, context.room.clock(), context.room.zone)
    if errors is not None:
        yield ERRORS, of_last_minute(errors)


@verb(SECTION, example="warroom uncheck health-checks")
@text_argument("item", "ITEM")
def uncheck(context: CliContext, item: Sequence[str]) -> None:
    """Uncheck a checklist item."""
    execute(context, Uncheck(pick_item(context.room, join_words(item))))


@verb(SECTION, posts=True, example='warroom severity high --reason "Only one region is affected"')
@click.argument("level")
@click.option("--reason", default="", metavar="TEXT", help="Why; required to lower it.")
def severity(context: CliContext, level: str, reason: str) -> None:
    """Raise the severity, or lower it with a reason."""
    execute(context, SetSeverity(pick_severity(context.room, level), reason))


@verb(SECTION, posts=True, example='warroom state mitigated --reason "Traffic moved to eu-2"')
@click.argument("status")
@click.option("--reason", default="", metavar="TEXT", help="Why.")
def state(context: CliContext, status: str, reason: str) -> None:
    """Set the status: investigating, mitigated or resolved."""
    states = [(name, name) for name in ("investigating", "mitigated", "resolved")]
    chosen = pick("status", status, states)
    execute(context, Resolve(reason, _against(context)) if chosen == "resolved" else SetStatus(chosen, reason))


@verb(SECTION, posts=True, example='warroom resolve\nwarroom resolve --reason "Customer reports come in tomorrow"')
@click.option("--reason", default="", metavar="TEXT", help="Resolve anyway, with this reason.")
def resolve(context: CliContext, reason: str) -> None:
    """Resolve the incident; refused with a list while there are blockers."""
    execute(context, Resolve(reason, _against(context)))
    if not context.json:
        output.print_err("Next: warroom update (all-clear), then: warroom postmortem")


@verb(SECTION, posts=True, example='warroom reopen "Errors are back since 15:10"')
@text_argument("reason", "REASON")
def reopen(context: CliContext, reason: Sequence[str]) -> None:
    """Reopen the incident; the clocks resume."""
    execute(context, Reopen(join_words(reason)))
