"""The verb about the shared room: create the hub, see how this laptop stands with it, share, leave, come back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from warroom.cli import output
from warroom.cli.context import CliContext, verb
from warroom.errors import Refusal
from warroom.incident.timing import format_duration

if TYPE_CHECKING:
    from warroom.room.shared_room import HubStanding

SECTION = "Setup"

SYNC_S = 10.0
"""How long ``hub status`` and ``hub publish`` wait for the hub, in seconds."""


@verb(SECTION, example="warroom hub init\nwarroom hub status --json\nwarroom hub publish INC-3")
@click.argument("what", type=click.Choice(["init", "status", "publish", "leave", "join"]), default="status")
@click.argument("names", nargs=-1, metavar="[INC-n]")
def hub(context: CliContext, what: str, names: Sequence[str]) -> None:
    """Share incidents with teammates' laptops: create a hub, show its state, publish, leave, join."""
    if bool(names) != (what == "publish") or len(names) > 1:
        raise click.UsageError("Name one incident to publish" if what == "publish" else f"hub {what} takes no name")
    if what == "publish":
        _publish(context, names[0])
    else:
        {"init": _init, "status": _status, "leave": _leave, "join": _join}[what](context)


def _init(context: CliContext) -> None:
    from warroom.bootstrap import hub_url
    from warroom.journal.hub.postgres import create_hub, shown_url
    from warroom.journal.hub.schema import MEMBER

    url = hub_url(context.app.settings, context.environ)
    has_role = create_hub(url)
    if context.json:
        output.data({"address": shown_url(url), "member_role": MEMBER if has_role else None})
        return
    output.print_out(f"The hub at {shown_url(url)} is ready.")
    if has_role:
        output.print_out("\nFor each teammate, in that database:")
        output.print_out(f"  CREATE ROLE bob LOGIN PASSWORD '…' IN ROLE {MEMBER};")
    else:
        output.print_err(
            "! This user may not create roles there: teammates need an address of its own rights."
            " warroom help hub says what that means."
        )
    output.print_out("\nOn each teammate's laptop, with their name and password:")
    output.print_out("  export WARROOM_HUB=postgresql://bob:…@HOST/DATABASE")
    output.print_out(
        'or where the address is kept, in the settings: [hub] url = { command = ["pass", "show", "hub"] }'
    )
    _status(context)


def _status(context: CliContext) -> None:
    shared = context.app.shared
    if shared is None:
        raise Refusal("No room is shared from here", "Add [hub] with url to the settings: see warroom help hub.")
    shared.sync(SYNC_S)
    standing, room = shared.standing(), context.room
    if context.json:
        output.data(_public(standing))
        return
    now = room.clock()
    rows = [["Hub", standing.state + (f": {standing.problem}" if standing.problem else "")]]
    if standing.contact:
        rows.append(["Answered", output.when(standing.contact, room.zone, now)])
    rows.append(["Entries", f"{standing.cursor} of {standing.head} read, {standing.pending} wait to be sent"])
    rows += [["Not accepted", one] for one in standing.set_aside]
    if standing.skew:
        ahead = "ahead of" if standing.skew.total_seconds() > 0 else "behind"
        words = f"this laptop's is {format_duration(abs(standing.skew))} {ahead} the hub's; times are by the hub's"
        rows.append(["Clock", output.Styled.of(words, "bad")])
    for one in standing.other_playbooks:
        words = f"{one.name} works by another one: checklists and severities may differ there"
        rows.append(["Playbook", output.Styled.of(words, "bad")])
    for one in standing.devices:
        me = " (this one)" if one.letter == standing.letter else ""
        rows.append(
            [f"Laptop {one.letter.upper()}", f"{one.name}{me}, seen {output.when(one.last_seen, room.zone, now)}"]
        )
    output.table(rows)


def _public(standing: HubStanding) -> dict[str, Any]:
    """How this laptop stands, as ``--json`` promises it."""
    return {
        "state": standing.state,
        "cursor": standing.cursor,
        "head": standing.head,
        "pending": standing.pending,
        "set_aside": list(standing.set_aside),
        "last_contact_at": standing.contact,
        "problem": standing.problem or None,
        "clock_ahead_s": standing.skew.total_seconds(),
        "device": standing.letter or None,
        "devices": [
            {"letter": one.letter, "name": one.name, "last_seen_at": one.last_seen, "version": one.version}
            for one in standing.devices
        ],
    }


def _publish(context: CliContext, name: str) -> None:
    shared = context.app.shared
    if shared is None:
        raise Refusal("No room is shared from here", "Add [hub] with url to the settings: see warroom help hub.")
    incident = context.room.the_incident(name)
    count = shared.publish(incident.id)
    sent = shared.sync(SYNC_S)
    if context.json:
        output.data({"id": incident.id, "entries": count, "sent": sent})
        return
    output.print_out(
        f"{count} entries of {incident.id} " + ("shared" if sent else "are shared once the hub is reached")
    )


def _leave(context: CliContext) -> None:
    if context.app.shared is None:
        raise Refusal("No room is shared from here")
    context.app.shared.leave()
    if context.json:
        output.data(_public(context.app.shared.standing()))
        return
    output.print_out("This laptop takes part no longer. What was shared stays here and there.")
    output.print_out("To take part again: warroom hub join. For good, remove [hub] from the settings.")


def _join(context: CliContext) -> None:
    if context.app.shared is None:
        raise Refusal("No room is shared from here", "Add [hub] with url to the settings: see warroom help hub.")
    context.app.shared.come_back()
    _status(context)
