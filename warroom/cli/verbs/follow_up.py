"""Verbs for after the incident: action items, the post-mortem, export, closing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from warroom.cli import output
from warroom.cli.context import CliContext, pick, pick_person, verb
from warroom.cli.reporting import execute, join_words, text_argument, write_output
from warroom.incident.commands import AddAction, Close, CompleteAction, WriteSection
from warroom.incident.events import SECTIONS

if TYPE_CHECKING:
    from warroom.incident.events import Section

SECTION = "Follow-up"


@verb(SECTION, example='warroom action "Alert on pool use above 80 %" --owner Bob --due 2026-02-14')
@text_argument()
@click.option("--owner", default="", metavar="NAME", help="Who will do it.")
@click.option("--due", default="", metavar="DATE", help="Due date: 2026-02-14.")
def action(context: CliContext, words: Sequence[str], owner: str, due: str) -> None:
    """Add an action item: something to do after the incident."""
    execute(context, AddAction(join_words(words), pick_person(context.room, owner) if owner else "", due))


@verb(SECTION, example="warroom done A1\nwarroom done T1")
@click.argument("item", metavar="A1|T1")
def done(context: CliContext, item: str) -> None:
    """Mark an action item or a task done."""
    from warroom.incident.investigation import CompleteTask

    execute(context, CompleteTask(item) if item[:1] in "tT" else CompleteAction(item))


@verb(SECTION, reads=True, example="warroom actions")
def actions(context: CliContext) -> None:
    """List the action items of the incident."""
    items = list(context.incident().actions.values())
    if context.json:
        output.data(
            [{"id": a.id, "text": a.words, "owner": a.owner, "due": a.due, "done_at": a.done_at} for a in items]
        )
        return
    if not items:
        output.print_err("No action items yet. Add one: warroom action TEXT")
    output.table(["✓" if a.done_at else "○", a.id, a.owner or "nobody", a.due or "no date", a.words] for a in items)


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


@verb(SECTION, reads=True, example="warroom postmortem --output INC-1.md")
@click.option("--output", "path", metavar="FILE", help="Write to this file instead of stdout.")
@click.option(
    "--format", "form", type=click.Choice(["markdown", "html", "json"]), default="markdown", show_default=True
)
def postmortem(context: CliContext, path: str | None, form: str) -> None:
    """Print the post-mortem, drafted from the timeline where no one has written yet."""
    from warroom.reports import postmortem as document
    from warroom.reports import render

    room, incident = context.room, context.incident()
    written = document.build(incident, room.playbook, room.deliveries(incident.id), room.clock(), room.zone)
    if form == "json" or (context.json and path is None):
        text = render.to_json(written)
    else:
        text = render.to_markdown(written, room.playbook)
        if form == "html":
            text = render.to_html(text, f"{incident.id} {incident.title}")
    write_output(path, text, context)


@verb(SECTION, reads=True, example="warroom export --format html --output INC-1.html")
@click.option("--format", "form", type=click.Choice(["json", "markdown", "html"]), help="[default: markdown]")
@click.option("--output", "path", metavar="FILE", help="Write to this file instead of stdout.")
def export(context: CliContext, form: str | None, path: str | None) -> None:
    """Export the whole incident: state, timeline, deliveries, post-mortem."""
    from warroom.reports import render

    room, incident = context.room, context.incident()
    chosen: render.ExportFormat = form or ("json" if context.json else "markdown")  # type: ignore[assignment]
    deliveries = room.deliveries(incident.id)
    text = render.export(incident, room.playbook, deliveries, room.clock(), room.zone, chosen)
    write_output(path, text, context)


@verb(SECTION, posts=True, example="warroom close")
@click.option("--reason", default="", metavar="TEXT", help="Close anyway, with this reason.")
def close(context: CliContext, reason: str) -> None:
    """Close the incident; refused with a list while something is outstanding."""
    execute(context, Close(reason))
