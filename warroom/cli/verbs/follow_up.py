"""Verbs for after the incident: action items, the post-mortem, export, closing."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date
from typing import TYPE_CHECKING, cast

import click

from warroom.cli import output
from warroom.cli.context import CliContext, pick, pick_item, pick_person, verb
from warroom.cli.reporting import (
    STDOUT,
    execute,
    join_words,
    report_done,
    text_argument,
    write_export_output,
    write_output,
)
from warroom.incident.commands import AddAction, Close, CompleteAction, WriteSection
from warroom.incident.events import ACTION_TYPES, SECTIONS, ActionType

if TYPE_CHECKING:
    from warroom.incident.events import Section
    from warroom.incident.incident import ActionItem
    from warroom.room.action_list import ListedAction

SECTION = "Follow-up"
ABOUT = ("suggestions", "accept", "dismiss", "restore", "check", "share")
"""What ``warroom postmortem`` can be about, besides the document."""


@verb(
    SECTION,
    example='warroom action "Alert on pool use above 80 %" --owner Bob --due 2026-02-14\n'
    "warroom action A1 --owner Carol",
)
@text_argument()
@click.option("--owner", default="", metavar="NAME", help="Who will do it.")
@click.option("--due", default="", metavar="DATE", help="Due date: 2026-02-14.")
@click.option("--type", "kind", type=click.Choice(list(ACTION_TYPES)), default=None, help="What it is for.")
@click.option("--for", "item", default="", metavar="ITEM", help="The checklist item that is done with it.")
def action(
    context: CliContext, words: Sequence[str], owner: str, due: str, kind: ActionType | None, item: str
) -> None:
    """Add an action item, or change the owner, date or type of one, such as A3."""
    if len(words) == 1 and re.fullmatch(r"[Aa]\d{1,4}", words[0]) and (owner or due or kind):
        from warroom.incident.follow_up import ChangeAction

        person = pick_person(context.room, owner) if owner else None
        execute(context, ChangeAction(words[0], person, due or None, kind))
        return
    who = pick_person(context.room, owner) if owner else ""
    chosen = pick_item(context.room, item) if item else ""
    execute(context, AddAction(join_words(words), who, due, kind or "", chosen))


@verb(SECTION, example="warroom done A1\nwarroom done T1\nwarroom done A1 --undo")
@click.argument("item", metavar="A1|T1")
@click.option("--undo", is_flag=True, help="The action item is not done after all.")
def done(context: CliContext, item: str, undo: bool) -> None:
    """Mark an action item or a task done, or an action item not done after all."""
    from warroom.incident.follow_up import ReopenAction
    from warroom.incident.investigation import CompleteTask

    task = item[:1] in "tT"
    if task and undo:
        raise click.UsageError("--undo is for action items, such as A1.")
    execute(context, CompleteTask(item) if task else ReopenAction(item) if undo else CompleteAction(item))


@verb(
    SECTION,
    posts=True,
    example="warroom actions\nwarroom actions --all --overdue\nwarroom actions track A1\n"
    "warroom actions track --all --tracker github",
)
@click.argument("what", required=False, type=click.Choice(["track"]), metavar="[track]")
@click.argument("items", nargs=-1, metavar="[A1 …]")
@click.option("--all", "everything", is_flag=True, help="Of all incidents; with track: all without an issue.")
@click.option("--open", "to_do", is_flag=True, help="Only those still to do.")
@click.option("--overdue", is_flag=True, help="Only those past their due date.")
@click.option("--owner", default="", metavar="NAME", help="Only those of this person.")
@click.option("--tracker", default="", metavar="NAME", help="track: which of several issue trackers.")
def actions(
    context: CliContext,
    what: str | None,
    items: Sequence[str],
    everything: bool,
    to_do: bool,
    overdue: bool,
    owner: str,
    tracker: str,
) -> None:
    """List the action items of the incident or of all, or open issues for them."""
    if what == "track":
        if everything == bool(items):
            raise click.UsageError("Name the action items, such as A1, or give --all.")
        if to_do or overdue or owner:
            raise click.UsageError("--open, --overdue and --owner are for the list.")
        _track(context, items, tracker)
        return
    if tracker:
        raise click.UsageError("--tracker is for the issues: warroom actions track")
    today = context.room.clock().astimezone(context.room.zone).date()
    whose = pick_person(context.room, owner).casefold() if owner else ""

    def chosen(item: ListedAction | ActionItem) -> bool:
        open_ = item.done_at is None
        late = open_ and bool(item.due) and item.due < today.isoformat()
        return (not overdue or late) and (not to_do or open_) and (not whose or item.owner.casefold() == whose)

    if everything:
        _list_all(context, chosen, today, done=not (to_do or overdue))
    else:
        _list_actions(context, chosen)


def _list_all(context: CliContext, chosen: Callable[[ListedAction], bool], today: date, *, done: bool) -> None:
    from warroom.cli.follow_up_tables import print_actions
    from warroom.room.action_list import all_actions, count_of, open_actions

    found, unreadable = all_actions(context.room) if done else (open_actions(context.room), ())
    rows = [one for one in found if chosen(one)]
    for incident in unreadable:
        output.print_err(f"! {incident} cannot be read; what is done of it is left out. warroom doctor says why")
    if context.json:
        output.data([one.public(today) for one in rows])
        return
    print_actions(rows, today)
    output.print_err(count_of(rows, today) if rows else "No such action item. Add one: warroom action TEXT")


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


def _list_actions(context: CliContext, chosen: Callable[[ActionItem], bool]) -> None:
    from warroom.incident.tracking import TrackedIssue, issues

    incident = context.incident()
    known, items = issues(incident), [item for item in incident.actions.values() if chosen(item)]
    if context.json:
        rows = []
        for a in items:
            issue = known.get(a.entry, TrackedIssue(""))
            row = {"id": a.id, "text": a.words, "owner": a.owner, "due": a.due, "done_at": a.done_at}
            row |= {"type": a.type, "item": a.item}
            rows.append({**row, "tracker": issue.tracker, "issue": issue.id, "issue_url": issue.url})
        output.data(rows)
        return
    if not items:
        none = "No such action item" if incident.actions else "No action items yet"
        output.print_err(f"{none}. Add one: warroom action TEXT")
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


@verb(
    SECTION,
    posts=True,
    example="warroom postmortem --output INC-1.md\nwarroom postmortem suggestions\n"
    "warroom postmortem accept updates-late\nwarroom postmortem check\nwarroom postmortem --publish wiki",
)
@click.argument("what", required=False, type=click.Choice(list(ABOUT)), metavar=f"[{'|'.join(ABOUT)}]")
@click.argument("suggestion", required=False, default="", metavar="[SUGGESTION]")
@click.argument("words", nargs=-1, metavar="[TEXT]")
@click.option("--output", "path", metavar="FILE", help="Write to this file instead of stdout.")
@click.option("--overwrite", is_flag=True, help="Replace FILE even if it was edited since warroom wrote it.")
@click.option(
    "--format", "form", type=click.Choice(["markdown", "html", "json"]), default="markdown", show_default=True
)
@click.option(
    "--publish", "stores", multiple=True, metavar="NAME", help="Publish it to this document store instead."
)
def postmortem(
    context: CliContext,
    what: str | None,
    suggestion: str,
    words: Sequence[str],
    path: str | None,
    overwrite: bool,
    form: str,
    stores: Sequence[str],
) -> None:
    """Print, publish or check the post-mortem; accept or dismiss suggestions for it.

    Suggestions are never part of the document. Accept one as it is, or with a text of your own in its
    place. Share posts the summary to the team; publishing posts it with the link.
    """
    from warroom.cli import suggestions

    if what:
        if path or stores or overwrite:
            raise click.UsageError("These options are for the document: warroom postmortem")
        if what in ("suggestions", "check", "share") and suggestion:
            raise click.UsageError(f"warroom postmortem {what} takes nothing more.")
        if words and what != "accept":
            raise click.UsageError("A text of your own goes with accept.")
        if what == "suggestions":
            suggestions.show(context)
        elif what == "check":
            suggestions.check(context)
        elif what == "share":
            from warroom.room.learnings import share

            report_done(context, share(context.room, context.incident().id))
        else:
            suggestions.decide(context, what, suggestion, join_words(words))
        return
    if stores:
        _publish(context, stores)
        return
    from warroom.reports import postmortem as document
    from warroom.reports import render

    room, incident = context.room, context.incident()
    written = document.build(incident, room.playbook, room.deliveries(incident.id), room.clock(), room.zone)
    chosen = "json" if context.json and path in STDOUT else form
    text = render.to_format(written, room.playbook, cast("render.ExportFormat", chosen))
    write_export_output(path, text, context, overwrite=overwrite)
    if written.suggestions and not context.json:
        number = sum(map(len, written.suggestions.values()))
        offered = "suggestion is" if number == 1 else "suggestions are"
        output.print_err(f"{number} {offered} not in it yet: warroom postmortem suggestions")


def _publish(context: CliContext, stores: Sequence[str]) -> None:
    from warroom.incident.tracking import published
    from warroom.room.publishing import publish

    room, incident = context.room, context.incident()
    if not incident.open and incident.unwritten:
        missing = ", ".join(name.replace("_", " ") for name in incident.unwritten)
        output.print_err(f"! Not written yet: {missing}. The document says so in their place.")
    report_done(context, publish(room, incident.id, tuple(dict.fromkeys(stores))))
    if not context.json:
        for store, document in published(room.incident(incident.id)).items():
            if store in stores and document.url:
                output.print_out(document.url)


@verb(
    SECTION,
    posts=True,
    example="warroom calendar --output INC-1.ics\nwarroom calendar --at '2026-01-30 10:00'\n"
    "warroom calendar --weekly --output reviews.ics",
)
@click.option("--output", "path", metavar="FILE", help="Write to this file instead of stdout.")
@click.option("--at", "when", metavar="TIME", help="When the meeting is. [default: as proposed]")
@click.option("--minutes", type=click.IntRange(5, 480), help="How long it is. [default: 60; a review 30]")
@click.option("--weekly", is_flag=True, help="The team's weekly review of all action items instead, for a quarter.")
def calendar(context: CliContext, path: str | None, when: str | None, minutes: int | None, weekly: bool) -> None:
    """Schedule the post-mortem meeting and the review of action items: a file for any calendar."""
    from warroom.incident import timing
    from warroom.incident.meetings import scheduled
    from warroom.room import meetings, weekly_review

    room = context.room
    at = timing.read_moment(when, room.clock(), room.zone, ahead=True) if when else None
    if weekly:
        first = (at or weekly_review.first_review(room)).astimezone(room.zone)
        if not context.json:
            output.print_err(f"Every week from {first:%a %d %b %Y %H:%M %Z} on, {weekly_review.WEEKS} times")
        text = weekly_review.review_calendar(room, first, minutes or weekly_review.MINUTES)
        _write_calendar(context, path, text)
        return
    incident = context.incident()
    done = meetings.schedule(room, incident.id, at, minutes)
    if not context.json:
        for meeting in scheduled(done.incident).values():
            output.print_err(meeting.text)
    _write_calendar(context, path, meetings.calendar(room, done.incident))


def _write_calendar(context: CliContext, path: str | None, text: str) -> None:
    if context.json and path in STDOUT:
        output.data({"calendar": text})
    else:
        write_output(path, text, context)


@verb(SECTION, reads=True, example="warroom export --format html --output INC-1.html")
@click.option("--format", "form", type=click.Choice(["json", "markdown", "html"]), help="[default: markdown]")
@click.option("--output", "path", metavar="FILE", help="Write to this file instead of stdout.")
@click.option("--overwrite", is_flag=True, help="Replace FILE even if it was edited since warroom wrote it.")
def export(context: CliContext, form: str | None, path: str | None, overwrite: bool) -> None:
    """Export the whole incident: state, timeline, deliveries, post-mortem."""
    from warroom.reports import render

    room, incident = context.room, context.incident()
    chosen = cast("render.ExportFormat", form or "markdown")
    if context.json and (path in STDOUT or form is None):
        chosen = "json"
    deliveries = room.deliveries(incident.id)
    text = render.export(incident, room.playbook, deliveries, room.clock(), room.zone, chosen)
    write_export_output(path, text, context, overwrite=overwrite)


@verb(SECTION, posts=True, example="warroom close\nwarroom close --incident INC-8 --duplicate-of INC-7")
@click.option("--reason", default="", metavar="TEXT", help="Close anyway, with this reason.")
@click.option(
    "--duplicate-of", "original", default="", metavar="INC-N", help="Close it as a duplicate of that one."
)
def close(context: CliContext, reason: str, original: str) -> None:
    """Close the incident; refused with a list while something is outstanding."""
    if not original:
        execute(context, Close(reason))
        return
    from warroom.room.duplicates import close_as_duplicate

    report_done(context, close_as_duplicate(context.room, context.incident().id, original, reason))
