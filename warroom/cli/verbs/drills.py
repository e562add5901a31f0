"""The verb of drills: play one, list them, write one, check one, look back on those that were played."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from warroom.cli import output
from warroom.cli.consoles import open_console
from warroom.cli.context import CliContext, verb
from warroom.errors import BadInput, SettingsError
from warroom.incident.timing import format_duration

if TYPE_CHECKING:
    from warroom.reports.drill_history import PastDrill

SECTION = "Console"
WORDS = ("list", "new", "check", "history")


@verb(
    SECTION,
    example="warroom drill\nwarroom drill disk-fills --speed 2\nwarroom drill list\n"
    "warroom drill new our-outage --from INC-7\nwarroom drill check drills/our-outage.toml\nwarroom drill history",
)
@click.argument("what", required=False, default="", metavar="[NAME|list|new|check|history]")
@click.argument("name", required=False, default="", metavar="[NAME|FILE|INC-n]")
@click.option("--speed", type=click.FloatRange(0.1, 100), metavar="N", help="Run the script N times as fast.")
@click.option("--from", "source", metavar="INC-n", help="new: make it from this incident's timeline.")
def drill(context: CliContext, what: str, name: str, speed: float | None, source: str | None) -> None:
    """Run a drill in your own console; or list, write, check and look back on drills.

    Without a name it is the shipped drill checkout-down. Your own drills are TOML files in the folder drills beside
    the settings. history INC-n prints the debrief of one drill.
    """
    if source and what != "new":
        raise click.UsageError("--from is for a new drill: warroom drill new NAME --from INC-7")
    if speed and what in WORDS:
        raise click.UsageError(f"--speed is for playing a drill, not for {what}.")
    if what == "list":
        _list(context)
    elif what == "new":
        _new(context, name, source)
    elif what == "check":
        _check(context, name)
    elif what == "history":
        _history(context, name)
    else:
        if name:
            raise click.UsageError("Name one drill: warroom drill NAME")
        _play(context, what, speed or 1.0)


def _play(context: CliContext, name: str, pace: float) -> None:
    """Open the console and start the drill there. What is wrong with it is said before the screen opens."""
    from warroom.drill.catalog import DEFAULT, find_drills, pick_drill

    context.opens_screen = True
    chosen = pick_drill(find_drills(context.app.drill_folders), name or DEFAULT)
    open_console(context, drill_name=chosen.name, pace=pace)


def _list(context: CliContext) -> None:
    from warroom.drill.catalog import find_drills

    context.app.end_leftover_drills()
    drills, past = find_drills(context.app.drill_folders), _past(context)
    played = {one.script: one for one in past}  # the latest of each
    if context.json:
        output.data(
            [
                {
                    "name": one.name,
                    "title": one.script.title if one.script else "",
                    "service": one.script.service if one.script else "",
                    "own": one.own,
                    "path": str(one.path),
                    "problem": str(one.problem) if one.problem else "",
                    "last_played": played[one.name].at if one.name in played else None,
                }
                for one in drills
            ]
        )
        return
    rows = []
    for one in drills:
        last = played.get(one.name)
        when = f"{last.at.astimezone(context.room.zone):%Y-%m-%d}  {_reached(last)}" if last else "not played yet"
        what = one.script.title if one.script else output.Styled.of("has mistakes: warroom drill check", "bad")
        rows.append([one.name, "yours" if one.own else "shipped", when, what])
    output.table(rows)


def _new(context: CliContext, name: str, source: str | None) -> None:
    from warroom.config.paths import write_atomically
    from warroom.drill import authoring

    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,39}", name) or name in WORDS:
        raise BadInput(
            f"{name!r} cannot be the name of a drill" if name else "The new drill has no name",
            "Use small letters, digits, - and _: warroom drill new our-outage",
        )
    path = context.app.drill_folders[0] / f"{name}.toml"
    if path.exists():
        raise BadInput(f"There is a drill {name} already", f"Choose another name, or edit {path}.")
    room = context.room
    if source:
        text = authoring.from_incident(room.the_incident(source))
    else:
        services = [service.name for service in room.settings.services]
        text = authoring.template(services[0] if services else "checkout-api", room.playbook.severities[0].id)
    write_atomically(path, text)
    if context.json:
        output.data({"name": name, "path": str(path)})
    else:
        output.print_out(str(path))
        output.print_err(f"Edit it, then: warroom drill check {path}; warroom drill {name}")


def _check(context: CliContext, file: str) -> None:
    """Check one script: a file, or the drill of that name; ``SettingsError`` with every mistake by line."""
    from warroom.drill.catalog import find_drills, read_script

    if not file:
        raise click.UsageError("Which one? warroom drill check FILE")
    path = Path(file)
    if not path.exists():
        named = next((one for one in find_drills(context.app.drill_folders) if one.name == file), None)
        path = named.path if named else path
    script = read_script(path)
    severities = [severity.id for severity in context.room.playbook.severities]
    if script.severity and script.severity not in severities:
        remedy = f"Use one of {', '.join(severities)}."
        raise SettingsError(f"severity: {script.severity!r} is not in the playbook", remedy, place=str(path))
    counts = {
        "stages": len(script.stages),
        "alerts": len(script.alerts),
        "messages": len(script.chat),
        "remedies": len(script.remedies),
        "hints": len(script.hints),
        "answers": len(script.answers),
    }
    if context.json:
        output.data({"path": str(path), "title": script.title, **counts})
        return
    output.print_out(f"✓ {script.title}: " + ", ".join(f"{number} {what}" for what, number in counts.items()))
    if not script.remedies:
        output.print_err("! It has no remedies, so any fix ends the failure")
    if not script.alerts:
        output.print_err("! It has no alert, so nothing tells people to declare")


def _past(context: CliContext) -> list[PastDrill]:
    from warroom.reports.drill_history import past_drills

    room = context.room
    incidents = (room.incident(row.id) for row in room.summaries() if row.drill and not row.open)
    return past_drills(incidents, room.playbook, room.clock())


def _history(context: CliContext, incident_id: str) -> None:
    """List the drills of the team and what has become better; or print the debrief of one."""
    from warroom.reports.drill_history import LATEST, trends
    from warroom.reports.drill_score import debrief, debrief_text

    context.app.end_leftover_drills()
    room = context.room
    if incident_id:
        incident = room.the_incident(incident_id)
        if not incident.drill:
            raise BadInput(f"{incident.id} is not a drill", "warroom drill history lists the drills.")
        told = debrief(incident, room.playbook, room.clock())
        if context.json:
            output.data(asdict(told) | {"pitfalls": [one.model_dump(mode="json") for one in told.pitfalls]})
        else:
            output.print_out(debrief_text(told))
        return
    past = _past(context)
    found = trends(past)
    if context.json:
        output.data(
            {
                "drills": [
                    {
                        "incident": one.incident,
                        "script": one.script,
                        "title": one.debrief.title,
                        "declared_at": one.at,
                        "outcome": one.debrief.outcome,
                        "targets_met": one.debrief.reached,
                        "targets": len(one.debrief.lines),
                        "hints": one.debrief.hints,
                        "acknowledge_s": one.acknowledge_s,
                        "resolve_s": one.resolve_s,
                        "missed": [line.label for line in one.debrief.lines if not line.met],
                    }
                    for one in past
                ],
                "trend": [
                    {"target": one.label, "latest": one.latest, "before": one.before, "direction": one.direction}
                    for one in found
                ],
            }
        )
        return
    if not past:
        output.print_err("No drill has been played yet. Start one: warroom drill")
        return
    rows = []
    for one in past:
        day = f"{one.at.astimezone(room.zone):%Y-%m-%d}"
        took = format_duration_s(one.resolve_s)
        rows.append([day, one.incident, one.script or "no script", one.debrief.outcome, _reached(one), took])
    output.table(rows)
    if any(one.direction for one in found):
        output.print_out(f"\nTargets met in the last {LATEST} drills, and before")
        output.table(
            [
                one.label,
                f"{one.latest[0]} of {one.latest[1]}",
                f"{one.before[0]} of {one.before[1]}" if one.before[1] else "",
                one.direction,
            ]
            for one in found
        )


def _reached(past: PastDrill) -> str:
    return f"{past.debrief.reached} of {len(past.debrief.lines)} targets"


def format_duration_s(seconds: float | None) -> str:
    """A duration for a table; "" for none."""
    from datetime import timedelta

    return f"resolved in {format_duration(timedelta(seconds=seconds))}" if seconds is not None else ""
