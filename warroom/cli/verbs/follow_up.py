"""Verbs for after the incident: action items, the post-mortem, export, closing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import click

from warroom.cli import output
from warroom.cli.context import CliContext, pick, pick_person, verb
from warroom.cli.reporting import STDOUT, execute, join_words, report_done, text_argument, write_output
from warroom.incident.commands import AddAction, Close, CompleteAction, WriteSection
from warroom.incident.events import ACTION_TYPES, SECTIONS, ActionType

if TYPE_CHECKING:
    from warroom.incident.events import Section

SECTION = "Follow-up"


@verb(SECTION, example='warroom action "Alert on pool use above 80 %" --owner Bob --due 2026-02-14')
@text_argument()
@click.option("--owner", default="", metavar="NAME", help="Who will do it.")
@click.option("--due", default="", metavar="DATE", help="Due date: 2026-02-14.")
@click.option("--type", "kind", type=click.Choice(list(ACTION_TYPES)), default=None, help="What it is for.")
def action(context: CliContext, words: Sequence[str], owner: str, due: str, kind: ActionType | None) -> None:
    """Add an action item: something to do after the incident."""
    who = pick_person(context.room, owner) if owner else ""
    execute(context, AddAction(join_words(words), who, due, kind or ""))


@verb(SECTION, example="warroom done A1\nwarroom done T1")
@click.argument("item", metavar="A1|T1")
def done(context: CliContext, item: str) -> None:
    """Mark an action item or a task done."""
    from warroom.incident.investigation import CompleteTask

    execute(context, CompleteTask(item) if item[:1] in "tT" else CompleteAction(item))


@verb(
    SECTION,
    posts=True,
    example="warroom actions\nwarroom actions track A1\nwarroom actions track --all --tracker github",
)
@click.argument("what", required=False, type=click.Choice(["track"]), metavar="[track]")
@click.argument("items", nargs=-1, metavar="[A1 …]")
@click.option("--all", "everything", is_flag=True, help="track: every action item that has no issue yet.")
@click.option("--tracker", default="", metavar="NAME", help="track: which of several issue trackers.")
def actions(context: CliContext, what: str | None, items: Sequence[str], everything: bool, tracker: str) -> None:
    """List the action items of the incident, or open issues for them."""
    if what == "track":
        if everything == bool(items):
            raise click.UsageError("Name the action items, such as A1, or give --all.")
        _track(context, items, tracker)
    elif everything or tracker:
        raise click.UsageError("These options are for the issues: warroom actions track")
    else:
        _list_actions(context)


def _track(context: CliContext, items: Sequence[str], tracker: str) -> None:
    from warroom.incident.tracking import issues
    from warroom.room.issue_tracking import track, tracker_for

    room, incident = context.room, context.incident()
    done = track(room, incident.id, tracker_for(room, incident, tracker), items)
    report_done(context, done)
    if not context.json:
        asked = {getattr(entry.event, "about", None) for entry in done.entries}
        for entry, issue in issues(room.incident(incident.id)).items():
            if entry in asked and issue.url:
                output.print_out(issue.url)


def _list_actions(context: CliContext) -> None:
    from warroom.incident.tracking import TrackedIssue, issues

    incident = context.incident()
    known, items = issues(incident), list(incident.actions.values())
    if context.json:
        rows = []
        for a in items:
            issue = known.get(a.entry, TrackedIssue(""))
            row = {"id": a.id, "text": a.words, "owner": a.owner, "due": a.due, "done_at": a.done_at}
            rows.append(
                {**row, "type": a.type, "tracker": issue.tracker, "issue": issue.id, "issue_url": issue.url}
            )
        output.data(rows)
        return
    if not items:
        output.print_err("No action items yet. Add one: warroom action TEXT")
    output.table(
        [
            "✓" if a.done_at else "○",
            a.id,
            a.owner or "nobody",
            a.due or "no date",
            a.words + (f"  {issue.url or f'{issue.tracker}: not opened yet'}" if issue else ""),
        ]
        for a in items
        for issue in [known.get(a.entry)]
    )


@verb(
    SECTION,
    example='warroom section root_cause "A pool of 50 for 80 workers"\nwarroom section summary - < summary.md\n'
    "warroom section went_well --empty",
)
@click.argument("name")
@text_argument(required=False)
@click.option("--empty", is_flag=True, help="Nothing to report; drops the draft.")
def section(context: CliContext, name: str, words: Sequence[str], empty: bool) -> None:
    """Write a section of the post-mortem: summary, root_cause, went_well, …"""
    if empty == bool(words):
        raise click.UsageError("Give the section's text, or --empty to leave it empty.")
    which: Section = pick("section", name, [(s, s.replace("_", " ")) for s in SECTIONS])  # type: ignore[assignment]
    execute(context, WriteSection(which, join_words(words)))


@verb(SECTION, posts=True, example="warroom postmortem --output INC-1.md\nwarroom postmortem --publish wiki")
@click.option("--output", "path", metavar="FILE", help="Write to this file instead of stdout.")
@click.option(
    "--format", "form", type=click.Choice(["markdown", "html", "json"]), default="markdown", show_default=True
)
@click.option(
    "--publish", "stores", multiple=True, metavar="NAME", help="Publish it to this document store instead."
)
def postmortem(context: CliContext, path: str | None, form: str, stores: Sequence[str]) -> None:
    """Print the post-mortem, drafted from the timeline where not yet written, or publish it."""
    if stores:
        _publish(context, stores)
        return
    from warroom.reports import postmortem as document
    from warroom.reports import render

    room, incident = context.room, context.incident()
    written = document.build(incident, room.playbook, room.deliveries(incident.id), room.clock(), room.zone)
    chosen = "json" if context.json and path in STDOUT else form
    write_output(path, render.to_format(written, room.playbook, cast("render.ExportFormat", chosen)), context)


def _publish(context: CliContext, stores: Sequence[str]) -> None:
    from warroom.incident.tracking import published
    from warroom.room.publishing import publish

    room, incident = context.room, context.incident()
    if not incident.open and incident.unwritten:
        missing = ", ".join(name.replace("_", " ") for name in incident.unwritten)
        output.print_err(f"! Not written yet: {missing}. Drafts from the timeline are published in their place.")
    report_done(context, publish(room, incident.id, tuple(dict.fromkeys(stores))))
    if not context.json:
        for store, document in published(room.incident(incident.id)).items():
            if store in stores and document.url:
                output.print_out(document.url)


@verb(SECTION, posts=True, example="warroom calendar --output INC-1.ics\nwarroom calendar --at '2026-01-30 10:00'")
@click.option("--output", "path", metavar="FILE", help="Write to this file instead of stdout.")
@click.option("--at", "when", metavar="TIME", help="When the post-mortem meeting is. [default: as proposed]")
@click.option("--minutes", type=click.IntRange(5, 480), help="How long it is. [default: 60]")
def calendar(context: CliContext, path: str | None, when: str | None, minutes: int | None) -> None:
    """Schedule the post-mortem meeting and the review of action items: a file for any calendar."""
    from warroom.incident import timing
    from warroom.incident.meetings import scheduled
    from warroom.room import meetings

    room, incident = context.room, context.incident()
    at = timing.read_moment(when, room.clock(), room.zone, ahead=True) if when else None
    done = meetings.schedule(room, incident.id, at, minutes)
    if not context.json:
        for meeting in scheduled(done.incident).values():
            output.print_err(meeting.text)
    text = meetings.calendar(room, done.incident)
    if context.json and path in STDOUT:
        output.data({"calendar": text})
    else:
        write_output(path, text, context)


@verb(SECTION, reads=True, example="warroom export --format html --output INC-1.html")
@click.option("--format", "form", type=click.Choice(["json", "markdown", "html"]), help="[default: markdown]")
@click.option("--output", "path", metavar="FILE", help="Write to this file instead of stdout.")
def export(context: CliContext, form: str | None, path: str | None) -> None:
    """Export the whole incident: state, timeline, deliveries, post-mortem."""
    from warroom.reports import render

    room, incident = context.room, context.incident()
    chosen = cast("render.ExportFormat", form or "markdown")
    if context.json and (path in STDOUT or form is None):
        chosen = "json"
    deliveries = room.deliveries(incident.id)
    text = render.export(incident, room.playbook, deliveries, room.clock(), room.zone, chosen)
    write_output(path, text, context)


@verb(SECTION, posts=True, example="warroom close")
@click.option("--reason", default="", metavar="TEXT", help="Close anyway, with this reason.")
def close(context: CliContext, reason: str) -> None:
    """Close the incident; refused with a list while something is outstanding."""
    execute(context, Close(reason))
