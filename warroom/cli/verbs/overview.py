"""Verbs that only read: list, status, brief, timeline, playbook."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import click

from warroom.cli import output
from warroom.cli.context import CliContext, pick, verb
from warroom.cli.reporting import public_row
from warroom.incident import timing
from warroom.incident.incident import in_order
from warroom.incident.playbook import Guidance
from warroom.incident.readings import Observation
from warroom.incident.timing import format_duration

SECTION = "Overview"

KIND_STYLE = {
    **dict.fromkeys(("alert", "declared", "reopened"), "bad"),
    **dict.fromkeys(("change", "severity"), "high"),
    **dict.fromkeys(("fix", "resolved", "confirmed"), "good"),
}
"""What the kinds of entries look like on a terminal, as in the console."""


@verb(SECTION, name="list", reads=True, example="warroom list\nwarroom list --open --json")
@click.option("--open", "live", is_flag=True, help="Only open incidents.")
def list_(context: CliContext, live: bool) -> None:
    """List the incidents, newest first, and everything that is overdue."""
    from warroom.cli.follow_up_tables import overdue_rows
    from warroom.room.overdue import overdue_by_incident, team_overdue

    context.refresh()
    room = context.room
    now = room.clock()
    rows = [summary for summary in room.summaries() if summary.open or not live]
    late = overdue_by_incident(room, rows, now)
    if context.json:
        output.data(
            [
                {
                    **summary.public(room.playbook, now),
                    "overdue": [one.public() for one in late.get(summary.id, ())],
                }
                for summary in rows
            ]
        )
        return
    if not rows:
        output.print_err("No incident. Declare one: warroom declare SERVICE IMPACT")
    output.table(
        [
            row.id,
            output.Styled.of(
                (row.severity.upper() if row.open else row.severity) + (" drill" if row.drill else ""),
                row.severity if row.open else "quiet",
            ),
            output.Styled.of(row.state, "" if row.open else "good"),
            f"{row.milestones['started'].astimezone(room.zone):%Y-%m-%d %H:%M}",
            format_duration(row.elapsed(now)),
            row.roles.get("incident_commander", "nobody leads") if row.open else "",
            f"{row.service} · {row.title}",
        ]
        for row in rows
    )
    everything = [*(one for found in late.values() for one in found), *(() if live else team_overdue(room, now))]
    everything.sort(key=lambda one: one.since)
    if everything:
        output.print_out()
        output.print_parts(output.Styled.of("Overdue", "strong"))
        output.table(overdue_rows(everything, now))
    waiting = sum(alert.cleared_at is None for alert in room.team().alerts.values())
    if waiting:
        output.print_err(f"Unacknowledged alerts: {waiting}. See: warroom alert")


@verb(SECTION, reads=True, example="warroom status\nwarroom status --json\nwarroom status --short")
@click.option("--short", is_flag=True, help="One line for a status bar: the worst open incident, or nothing.")
def status(context: CliContext, short: bool) -> None:
    """Show one incident: severity, duration, roles, what is due, readings, what to do next."""
    context.refresh()
    if short:
        _print_short(context)
        return
    from warroom.cli.follow_up_tables import follow_up_rows, overdue_rows, public_follow_up
    from warroom.incident.pitfalls import pitfalls_seen
    from warroom.incident.summary import summarise
    from warroom.room.overdue import overdue_by_incident, overdue_of, team_overdue
    from warroom.room.snapshot import incident_snapshot

    room, incident = context.room, context.incident()
    snapshot = incident_snapshot(room, incident.id)
    now, playbook = room.clock(), room.playbook
    steps, summary = snapshot.next_steps(now), summarise(incident, playbook)
    brief, late, of_team = summary.public(playbook, now), overdue_of(room, summary, now), team_overdue(room, now)
    if context.json:
        observed = snapshot.observation
        output.data(
            brief
            | {
                "overdue": [one.public() for one in late],
                "team_overdue": [one.public() for one in of_team],
                "follow_up": public_follow_up(incident, playbook),
                "next": [asdict(step) for step in steps],
                "observation": asdict(observed) if observed else None,
            }
        )
        return

    title = next((s.title for s in playbook.severities if s.id == incident.severity), incident.severity)
    drill = "  drill" if incident.drill else ""
    elapsed = timing.format_duration(timing.elapsed(incident, now))
    state = f"{title.upper()}  {incident.status}" if incident.open else f"{incident.state.upper()}  was {title}"
    look = "good" if not incident.open else incident.severity if incident.status == "investigating" else "strong"
    output.print_parts(
        output.Styled.of(incident.id, "strong"), "  ", output.Styled.of(state, look), f"{drill}  {elapsed}"
    )
    was = "impact was: " if incident.impact_ended else ""
    output.print_out(f"{incident.service} · {was}{incident.impact}")
    rows = [["Phase", timing.phase(incident, playbook, now).title]]
    step = timing.step(incident, playbook, now)
    if step:
        rows.append(["Step", step.title])
    response = timing.response(incident, playbook, now)
    if response:
        rows.append(["Response", _due(response, context)])
    for audience, due in timing.next_updates(incident, playbook, now).items():
        what = "Next update" if audience == "team" else f"Update to {audience}"
        rows.append([what, _due(due, context)])
    for role in playbook.roles:
        held = incident.roles.get(role.id)
        offered = f" (offered to {held.offered_to})" if held and held.offered_to else ""
        rows.append([role.title, f"{held.person}{offered}" if held else "nobody"])
    rows.append(["Checklist", f"{brief['checklist']['done']} of {brief['checklist']['total']}"])
    for item, evidence in brief["ticked_against"].items():
        rows.append(["Ticked although", f"{evidence} ({item})"])
    for name, at in in_order(incident.milestones).items():
        rows.append([name.capitalize(), output.when(at, room.zone, now)])
    counts = Counter(one.state for one in snapshot.deliveries if one.state.value != "delivered")
    if counts:
        totals = ", ".join(f"{state.glyph} {count} {state.label}" for state, count in counts.items())
        rows.append(["Deliveries", totals])
    if snapshot.others:
        present = (f"{one.by} ({one.doing})" if one.doing else one.by for one in snapshot.others)
        rows.append(["Has it open", ", ".join(present)])
    if snapshot.duplicates:
        rows.append(["Duplicates", ", ".join(snapshot.duplicates)])
    rows += [["Depends on", str(trouble)] for trouble in snapshot.troubles]
    if snapshot.escalation and (words := snapshot.escalation.problem(now) or snapshot.escalation.text(now)):
        rows.append(["Escalation", output.Styled.of(words, "bad" if snapshot.escalation.problem(now) else "")])
    for change in incident.planned_changes:
        rows.append(["Planned", f"{change.id} {change.words} (rollback: {change.rollback})"])
    rows += _observed(snapshot.observation, now)
    for seen in pitfalls_seen(incident, playbook, now):
        helps = f" — {seen.pitfall.solutions[0]}" if seen.pitfall.solutions else ""
        rows.append(["Pitfall", output.Styled.of(f"{seen.trigger}{helps}", "high")])
    if not incident.open:
        rows += follow_up_rows(incident, playbook)
    rows += [["Overdue", line] for line in _in_lines(overdue_rows((*late, *of_team), now))]
    elsewhere = overdue_by_incident(room, (one for one in room.summaries() if one.id != incident.id), now)
    if elsewhere:
        many = sum(map(len, elsewhere.values()))
        rows.append(["Overdue", f"{many} more in {', '.join(elsewhere)}: warroom list"])
    rows.append([output.Styled.of("Next", "strong"), output.Styled.of(steps[0].text, "strong")])
    output.table(rows)


def _in_lines(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Rows of ``overdue_rows`` as a line each, without the incident that the verb is about."""
    for incident, late, text in rows:
        whose = "team: " if incident == "team" else ""
        yield output.Styled.of(f"{whose}{text} — {late}", "bad")


def _observed(observation: Observation | None, now: datetime) -> Iterator[list[str]]:
    """What a console measured last, and how its background work did, with their age."""
    if observation is None:
        return
    whose = f"{observation.by}'s console, {timing.format_duration(now - observation.at)} ago"
    for name, reading in observation.dated().items():
        age = timing.format_duration(now - (reading.at or observation.at))
        yield [name.capitalize(), f"{reading.text} ({observation.by}'s console, {age} ago)"]
    failing = [job for job in observation.jobs if job.problem]
    for job in failing:
        yield [f"Job {job.name}", f"{job.problem} ({whose})"]
    if not failing:
        yield ["Background", f"{len(observation.jobs)} jobs running ({whose})"]


def _print_short(context: CliContext) -> None:
    """One line about the worst open incident, without folding any: a status bar asks every few seconds."""
    room, now = context.room, context.room.clock()
    live = [row for row in room.summaries() if row.open and context.incident_id in (None, row.id)]
    if not live:
        return
    worst = min(live, key=lambda row: (room.playbook.rank(row.severity), row.milestones["started"]))
    glyph = room.playbook.severity(worst.severity).glyph
    parts = [f"{glyph} {worst.severity.upper()} {worst.id} {format_duration(worst.elapsed(now))}"]
    if worst.drill:
        parts.insert(0, "DRILL")
    leader = worst.roles.get("incident_commander", "")
    parts.append(f"IC {leader}" if leader else "no IC")
    if first := worst.first_update_due:
        audience, at = first
        due = format_duration(abs(at - now))
        whose = "" if audience == "team" else f"{audience} "
        parts.append(f"{whose}update in {due}" if at > now else f"{whose.upper()}UPDATE {due} OVERDUE")
    if len(live) > 1:
        parts.append(f"+{len(live) - 1}")
    output.print_out(" · ".join(parts))


def _due(countdown: Any, context: CliContext) -> str:

    at = output.when(countdown.due, context.room.zone, context.room.clock(), seconds=False)
    left = countdown.left_s
    time = format_duration(timedelta(seconds=abs(left)))
    return f"in {time} ({at})" if left > 0 else output.Styled.of(f"{time} overdue ({at})", "bad")


@verb(SECTION, reads=True, example="warroom brief\nwarroom brief --spoken")
@click.option("--spoken", is_flag=True, help="A few sentences to read out on the call.")
def brief(context: CliContext, spoken: bool) -> None:
    """Sum the incident up for people who join late: conditions, actions, needs."""
    from warroom.room.snapshot import incident_brief, incident_snapshot

    room, incident = context.room, context.incident()
    summed = incident_brief(incident_snapshot(room, incident.id), room.clock(), room.zone)
    if context.json:
        output.data(asdict(summed))
    else:
        output.print_out(summed.spoken if spoken else summed.text())


@verb(SECTION, reads=True, example="warroom timeline\nwarroom timeline --incident INC-3 --json")
def timeline(context: CliContext) -> None:
    """Show the timeline."""
    context.refresh()
    rows = context.incident().timeline
    if context.json:
        output.data([public_row(row) for row in rows])
        return
    now, zone = context.room.clock(), context.room.zone
    output.table(
        [
            str(row.number),
            output.when(row.at, zone, now),
            output.Styled.of(row.kind, "quiet" if row.retracted else KIND_STYLE.get(row.kind, "")),
            row.by,
            ("(retracted) " if row.retracted else "") + row.text + (" (amended)" if row.amended else ""),
        ]
        for row in rows
    )


@verb(SECTION, reads=True, example="warroom playbook\nwarroom playbook severities\nwarroom playbook check")
@click.argument("part", default="checklists")
def playbook(context: CliContext, part: str) -> None:
    """Show or check the playbook: checklists, phases, severities, roles, templates, guidance."""
    parts = ("checklists", "phases", "severities", "roles", "templates", "guidance", "check")
    chosen = pick("part of the playbook", part, [(name, name) for name in parts])
    book = context.app.playbook
    if chosen == "check":
        from warroom.bootstrap import check_playbook

        check_playbook(context.app.settings, book)
        output.print_out(f"OK: {book.name}")
    elif context.json:
        output.data(book.model_dump(mode="json")[chosen])
    elif chosen == "checklists":
        for checklist in book.checklists.values():
            output.print_out(f"{checklist.title} ({checklist.when})")
            output.table(["", item.id, item.text] for item in checklist.items)
            output.print_out()
    elif chosen == "phases":
        for phase in book.phases:
            end = "" if phase.to_minute is None else phase.to_minute
            span = "once resolved" if phase.after_resolution else f"minutes {phase.from_minute}–{end}"
            output.print_out(f"{phase.title} ({span})")
            output.table([["", line] for line in phase.summary])
            steps = [step for step in book.steps if step.phase == phase.id]
            for step in steps:
                output.table([["", f"{step.title} (minutes {step.from_minute}–{step.to_minute})"]])
                output.table([["", "", line] for line in step.items])
            output.print_out()
    elif chosen == "severities":
        output.table(
            [
                [
                    s.glyph,
                    s.id,
                    f"respond {s.response_minutes} min",
                    f"update {s.update_minutes['team']} min",
                    s.impact,
                ]
                for s in book.severities
            ]
        )
    elif chosen == "roles":
        for role in book.roles:
            output.print_out(f"{role.id}  {role.title}")
            output.table([["", line] for line in (*role.responsibilities, f"Backup: {role.backup}")])
    elif chosen == "templates":
        for template in book.templates.values():
            fields = ", ".join(template.fields)
            output.print_out(f"{template.id}  {template.title}, to {template.audience}; fields: {fields}")
    else:
        _print_guidance(book.guidance)


def _print_guidance(guidance: Guidance) -> None:
    output.print_out(guidance.purpose)
    for title, lines in (
        ("Challenges", guidance.challenges),
        ("Monitoring", (guidance.monitoring,)),
        ("First response", guidance.first_response),
        ("A temporary fix", guidance.temporary_fix),
        ("A permanent fix", guidance.permanent_fix),
        ("Afterwards", guidance.learning_loop),
        *((f"{one.title}: {one.problem}", one.solutions) for one in guidance.pitfalls),
        *((f"Tools: {kind.replace('_', ' ')}", names) for kind, names in guidance.tools.items()),
        ("Principles", guidance.principles),
    ):
        output.print_out(f"\n{title}")
        output.table([["·", line] for line in lines])
    output.print_out(f"\n{guidance.reminder}")
