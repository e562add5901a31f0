"""Verbs that write to the timeline: notes, evidence, fixes, corrections."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from warroom.cli import output
from warroom.cli.context import CliContext, pick, pick_person, verb
from warroom.cli.reporting import execute, join_words, text_argument
from warroom.incident.change_commands import DropChange, MakeChange, PlanChange
from warroom.incident.commands import Note, Pin, RecordFix
from warroom.incident.corrections import AmendEntry, AmendMilestone, RetractEntry
from warroom.incident.events import MILESTONES
from warroom.incident.investigation import AssignTask, ConfirmHypothesis, RuleOutHypothesis, Undo

if TYPE_CHECKING:
    from warroom.incident.events import Milestone, NoteKind

SECTION = "Timeline"


@verb(
    SECTION,
    example='warroom note "DB pool exhausted on eu-1" --finding\n'
    'warroom note "Pool 50 → 200" --change --rollback "revert the variable"',
)
@text_argument()
@click.option("--finding", "kind", flag_value="finding", help="A finding.")
@click.option("--hypothesis", "kind", flag_value="hypothesis", help="A hypothesis.")
@click.option("--decision", "kind", flag_value="decision", help="A decision (add --because).")
@click.option("--change", "kind", flag_value="change", help="A change (needs --rollback).")
@click.option("--because", default="", metavar="TEXT", help="The reason.")
@click.option("--rollback", default="", metavar="TEXT", help="How to undo it.")
def note(context: CliContext, words: Sequence[str], kind: str | None, because: str, rollback: str) -> None:
    """Add a note to the timeline; secrets are masked."""
    sort: NoteKind = kind or "note"  # type: ignore[assignment]
    execute(context, Note(join_words(words), sort, because, rollback))


@verb(SECTION, example='warroom confirm H1 "Errors stop at 50 connections"')
@click.argument("hypothesis", metavar="H1")
@text_argument("reason", "REASON", required=False)
def confirm(context: CliContext, hypothesis: str, reason: Sequence[str]) -> None:
    """Record that a hypothesis is right."""
    execute(context, ConfirmHypothesis(hypothesis, join_words(reason)))


@verb(SECTION, name="rule-out", example='warroom rule-out H2 "No packet loss on eu-1"')
@click.argument("hypothesis", metavar="H1")
@text_argument("reason", "REASON", required=False)
def rule_out(context: CliContext, hypothesis: str, reason: Sequence[str]) -> None:
    """Record that a hypothesis is wrong."""
    execute(context, RuleOutHypothesis(hypothesis, join_words(reason)))


@verb(SECTION, example='warroom task Bob "Check the replicas" --within 10m')
@click.argument("person", metavar="PERSON")
@text_argument()
@click.option("--within", default="10m", metavar="TIME", show_default=True, help="How long it may take.")
def task(context: CliContext, person: str, words: Sequence[str], within: str) -> None:
    """Give someone a task for a limited time; then the console asks how it went."""
    from warroom.incident.timing import read_duration

    minutes = read_duration(within) / 60
    execute(context, AssignTask(pick_person(context.room, person.removeprefix("@")), join_words(words), minutes))


@verb(SECTION, example="warroom undo")
def undo(context: CliContext) -> None:
    """Undo your last tick, note or role assignment of the last 10 seconds."""
    execute(context, Undo())


@verb(SECTION, example='warroom pin app.log "FATAL remaining connection slots are reserved" --line 88213')
@click.argument("source")
@text_argument()
@click.option("--line", type=int, default=0, metavar="N", help="Its line in the source, from 1.")
@click.option("--at", metavar="TIME", help="When it was logged.")
@click.option("--level", default="", metavar="LEVEL", help="Its level.")
@click.option("--comment", default="", metavar="TEXT", help="What it shows.")
def pin(
    context: CliContext, source: str, words: Sequence[str], line: int, at: str | None, level: str, comment: str
) -> None:
    """Pin a log line as evidence; secrets are masked."""
    from warroom.safety import redact

    text = redact(join_words(words)).text
    execute(context, Pin(source, text, line, context.moment(at, "--at"), level, comment))


@verb(
    SECTION,
    example='warroom change "Pool 50 → 200" --rollback "revert the variable"\n'
    'warroom change --made C1\nwarroom change --dropped C1 "The pool is not the cause"',
)
@text_argument(required=False)
@click.option("--rollback", default="", metavar="TEXT", help="How to undo it; a plan needs it.")
@click.option("--made", default="", metavar="C1", help="Mark this planned change made.")
@click.option("--dropped", default="", metavar="C1", help="Drop this planned change; the text says why.")
def change(context: CliContext, words: Sequence[str], rollback: str, made: str, dropped: str) -> None:
    """Plan a change with its rollback before it is made; mark it made, or drop it."""
    if bool(made) + bool(dropped) + bool(rollback) > 1:
        raise click.UsageError("Use one of --rollback, --made and --dropped.")
    if made:
        execute(context, MakeChange(made))
    elif dropped:
        execute(context, DropChange(dropped, join_words(words)))
    else:
        execute(context, PlanChange(join_words(words), rollback))


@verb(SECTION, example='warroom fix "Rolled back to 4.2.1" --temporary --rollback "deploy 4.3.0 again"')
@text_argument()
@click.option("--temporary", is_flag=True, help="Temporary; adds an action item for the permanent fix.")
@click.option("--rollback", default="", metavar="TEXT", help="How to undo it.")
@click.option("--change", "planned", default="", metavar="C1", help="The planned change that it is.")
@click.option(
    "--permanent", default="", metavar="TEXT", help="What the permanent fix will be, after a temporary one."
)
def fix(
    context: CliContext, words: Sequence[str], temporary: bool, rollback: str, planned: str, permanent: str
) -> None:
    """Record a fix."""
    from warroom.incident.pitfalls import is_rushed

    if permanent and not temporary:
        raise click.UsageError("--permanent goes with --temporary.")
    room, text = context.room, join_words(words)
    rushed = is_rushed(context.incident(), room.playbook, text, room.clock())
    execute(context, RecordFix(text, temporary, rollback, planned=planned, permanent=permanent))
    if rushed and not context.json:
        minutes = room.playbook.nudges.assess_minutes
        output.print_err(f"! Recorded within {minutes} minutes of the start: did you take the time to assess?")


@verb(SECTION, example='warroom amend 12 --text "Pool raised to 200, not 20"\nwarroom amend 12 --at 14:03')
@click.argument("entry", metavar="N")
@click.option("--text", metavar="TEXT", help="The corrected text.")
@click.option("--at", metavar="TIME", help="When it happened.")
def amend(context: CliContext, entry: str, text: str | None, at: str | None) -> None:
    """Correct the text or the time of a timeline entry; the original is kept."""
    if text is None and at is None:
        raise click.UsageError("Add --text, --at or both.")
    execute(context, AmendEntry(entry, text, context.moment(at, "--at")))


@verb(SECTION, example='warroom retract 14 --reason "That was staging"')
@click.argument("entry", metavar="N")
@click.option("--reason", default="", metavar="TEXT", help="Why it is wrong.")
def retract(context: CliContext, entry: str, reason: str) -> None:
    """Retract a note, fix or piece of evidence that is wrong."""
    execute(context, RetractEntry(entry, reason))


@verb(SECTION, posts=True, example="warroom scrub 14\nwarroom scrub 14 15 --reason 'a password' --yes")
@click.argument("entries", metavar="ENTRY …", nargs=-1, required=True)
@click.option("--reason", default="", metavar="TEXT", help="Why; recorded, so do not repeat what it said.")
@click.option("--yes", is_flag=True, help="Scrub without asking, for scripts.")
def scrub(context: CliContext, entries: Sequence[str], reason: str, yes: bool) -> None:
    """Remove the text of timeline entries for good, from the journal and its search."""
    from warroom.cli.scrubbing import scrub_entries

    scrub_entries(context, entries, reason, yes=yes)


@verb(
    SECTION,
    example='warroom milestone started -20m\nwarroom milestone detected 13:42 --reason "First alert"',
)
@click.argument("name")
@click.argument("time")
@click.option("--reason", default="", metavar="TEXT", help="How you know.")
def milestone(context: CliContext, name: str, time: str, reason: str) -> None:
    """Correct when it started, was detected, acknowledged, mitigated or resolved."""
    which: Milestone = pick("milestone", name, [(m, m) for m in MILESTONES])  # type: ignore[assignment]
    at = context.moment(time, "TIME")
    assert at is not None
    execute(context, AmendMilestone(which, at, reason))
