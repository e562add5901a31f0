"""The verbs about people: who is on call, how to reach everybody, and paging somebody."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import click

from warroom.cli import output
from warroom.cli.context import CliContext, pick_person, verb
from warroom.cli.reporting import report_done
from warroom.config.escalation import EVERYONE, NEXT, ON_CALL
from warroom.config.rota import Shift
from warroom.errors import BadInput

SECTION = "On call"

SHOWN = 4
"""How many shifts ``oncall`` lists."""


@verb(
    SECTION,
    example="warroom oncall\nwarroom oncall swap Alice Bob --on 2026-12-24\nwarroom oncall take --until 18:00",
)
@click.argument("what", required=False, type=click.Choice(["swap", "take"]), metavar="[swap|take]")
@click.argument("names", nargs=-1, metavar="[WHO [WITH]]")
@click.option("--on", "on", metavar="DATE", help="swap: a day of WHO's turn, as 2026-12-24.")
@click.option("--for", "other_on", metavar="DATE", help="swap: a day of WITH's turn. [default: their next one]")
@click.option("--from", "start", metavar="TIME", help="take: from when on. [default: now]")
@click.option("--until", metavar="TIME", help="take: until when, as 18:00 or +2h.")
def oncall(
    context: CliContext,
    what: str | None,
    names: Sequence[str],
    on: str | None,
    other_on: str | None,
    start: str | None,
    until: str | None,
) -> None:
    """Show who is on call now and next; swap two turns, or take the pager for a while."""
    if what == "swap":
        if len(names) != 2 or not on:
            raise click.UsageError("Name two people and a day: warroom oncall swap WHO WITH --on DATE")
        _swap(context, names[0], names[1], _day(on, "--on"), _day(other_on, "--for") if other_on else None)
    elif what == "take":
        if len(names) > 1 or not until:
            raise click.UsageError("Say until when: warroom oncall take [WHO] --until TIME")
        _take(context, names[0] if names else context.room.by, start, until)
    elif names or on or other_on or start or until:
        raise click.UsageError("Say what to do: swap or take")
    _print(context)


def _swap(context: CliContext, who: str, other: str, on: date, other_on: date | None) -> None:
    from warroom.room.on_call import swap_turns

    room = context.room
    swap_turns(room, pick_person(room, who), pick_person(room, other), on, other_on)


def _take(context: CliContext, who: str, start: str | None, until: str) -> None:
    from warroom.incident.timing import read_moment
    from warroom.room.on_call import take_on_call

    room, now = context.room, context.room.clock()
    begins = read_moment(start, now, room.zone, ahead=True) if start else now
    take_on_call(room, pick_person(room, who), begins, read_moment(until, now, room.zone, ahead=True))


def _day(text: str, option: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadInput(f"{option} {text} is not a date", "Write it as 2026-12-24.") from None


def _print(context: CliContext) -> None:
    room = context.room
    rota, now = room.rota(), room.clock()
    shifts = rota.upcoming(now, SHOWN)
    doubt = rota.doubt(now)
    if context.json:
        rows = [{"person": one.person, "from": one.begins, "until": one.ends} for one in shifts]
        output.data({"on_call": rota.person(now) or None, "shifts": rows, "problem": doubt})
        return
    people = {person.name: person for person in room.settings.team.people}

    def row(shift: Shift) -> list[str]:
        known = people.get(shift.person)
        when = "now" if shift.covers(now) else f"from {shift.begins.astimezone(room.zone):%a %d %b %H:%M}"
        until = f"until {shift.ends.astimezone(room.zone):%a %d %b %H:%M}" if shift.ends else ""
        return [shift.person, when, until, (known.phone or known.email) if known else ""]

    output.table([row(shift) for shift in shifts])
    if not shifts:
        output.print_err("Nobody is on call. Add [on_call] to the settings: warroom help oncall")
    if doubt:
        output.print_err(f"! {doubt}")


@verb(SECTION, reads=True, example="warroom contacts\nwarroom contacts --json")
def contacts(context: CliContext) -> None:
    """Show who to call and how: who is on call first, then who holds a role, then everyone."""
    from warroom.room.on_call import contact_list

    room = context.room
    live = [row for row in room.summaries() if row.open]
    incident = context.incident() if context.incident_id or len(live) == 1 else None
    found = contact_list(room, incident)
    if context.json:
        output.data(
            [
                {
                    "name": one.name,
                    "because": one.because,
                    "phone": one.phone,
                    "email": one.email,
                    "handles": dict(one.handles),
                }
                for one in found
            ]
        )
        return
    output.table([[one.name, one.because, one.phone, one.email, one.handles_text] for one in found])
    if not found:
        output.print_err("There is nobody: add [[team.people]] to the settings")


@verb(SECTION, posts=True, example='warroom page Bob --reason "the rollback needs you"\nwarroom page on-call')
@click.argument("who", nargs=-1, required=True, metavar="WHO")
@click.option("--reason", default="", metavar="TEXT", help="Why; the person who is paged reads it.")
@click.option("--through", multiple=True, metavar="NAME", help="The paging service. [default: all of the settings]")
def page(context: CliContext, who: Sequence[str], reason: str, through: Sequence[str]) -> None:
    """Page somebody to the incident: a name, a role, on-call, next or everyone."""
    from warroom.room.escalation import page_by_hand, whom

    room, incident = context.room, context.incident()
    text = " ".join(who)
    words = [text if text in (ON_CALL, NEXT, EVERYONE) else pick_person(room, text)]
    people = whom(room, incident, words, room.clock())
    if not people:
        raise BadInput(f"Nobody is {text}", "warroom oncall and warroom contacts list who there is.")
    report_done(context, page_by_hand(room, incident.id, people, through, reason))
