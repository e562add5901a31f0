"""Asks before the text of entries is removed for good, and prints what could not be reached."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

import click

from warroom.cli import output
from warroom.cli.context import CliContext
from warroom.cli.reporting import report_done
from warroom.errors import Refusal
from warroom.incident.delivery import Delivery, DeliveryState
from warroom.incident.events import Entry
from warroom.room.room import Done
from warroom.room.scrubbing import ScrubPlan, plan_scrub, scrub
from warroom.safety import redact


def scrub_entries(context: CliContext, entries: Sequence[str], reason: str, *, yes: bool) -> None:
    """Scrub ``entries``. Raises ``Refusal`` unless somebody agrees; exits with 1 if old bytes may remain."""
    room, incident = context.room, context.incident()
    plans = [plan_scrub(room, incident.id, entry) for entry in entries]
    if not yes:
        _ask(plans)
    problem = ""
    recorded: list[Entry] = []
    for plan in plans:
        done, left = scrub(room, incident.id, str(plan.row.id), reason)
        problem, recorded = problem or left, [*recorded, *done.entries]
    context.app.search.begin_anew()
    if context.json:
        output.data([_row(plan, problem) for plan in plans])
    else:
        report_done(context, Done(done.incident, recorded))
        for plan in plans:
            for line in _unreached(plan, plans):
                output.print_err(line)
    if problem:
        output.print_err(f"! Old bytes may remain in the journal's files: {problem}. Run the same command again.")
        click.get_current_context().exit(1)


def _ask(plans: Sequence[ScrubPlan]) -> None:
    for plan in plans:
        row = plan.row
        output.print_err(f"{row.number}  {row.kind}  {row.by}  {redact(row.text, personal=False).text}")
        for line in _unreached(plan, plans):
            output.print_err(line)
    if not (sys.stdin and sys.stdin.isatty()):
        raise Refusal("Nobody can be asked here, so nothing was scrubbed", "Add --yes to scrub it without asking.")
    if not click.confirm("Remove this text for good?", err=True):
        raise Refusal("Nothing was scrubbed", "You said no.")


def _unreached(plan: ScrubPlan, plans: Sequence[ScrubPlan]) -> Iterator[str]:
    for one in plan.cancelled:
        yield f"  Not sent any more: {one.destination}"
    for one in plan.sent:
        yield f"  Cannot be recalled: {_where(one)}. Delete it there."
    chosen = {other.row.id for other in plans}
    if others := [row.number for row in plan.repeats if row.id not in chosen]:
        yield f"  ! The same words are in {'entry' if len(others) == 1 else 'entries'} " + ", ".join(
            map(str, others)
        )


def _where(one: Delivery) -> str:
    url = one.receipt.url if one.receipt else ""
    word = {DeliveryState.DELIVERED: "posted to", DeliveryState.SENDING: "being sent to"}
    return f"{word.get(one.state, 'perhaps posted to')} {one.destination}" + (f" ({url})" if url else "")


def _row(plan: ScrubPlan, problem: str) -> dict[str, object]:
    return {
        "seq": plan.row.number,
        "id": str(plan.row.id),
        "cancelled": [one.id for one in plan.cancelled],
        "sent": [{"delivery": one.id, "destination": one.destination, "state": one.state} for one in plan.sent],
        "repeats": [row.number for row in plan.repeats],
        "problem": problem or None,
    }
