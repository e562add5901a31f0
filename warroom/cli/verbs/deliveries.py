"""Verbs for what was posted: its deliveries, and what to do about those that did not arrive."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from warroom.cli import output
from warroom.cli.context import CliContext, usage, verb
from warroom.cli.reporting import deliver, in_one_line
from warroom.errors import BadInput
from warroom.incident.timing import read_duration

if TYPE_CHECKING:
    from warroom.incident.delivery import Delivery

SECTION = "Updates"


@verb(SECTION, reads=True, example="warroom deliveries\nwarroom deliveries --wait 30s")
@click.option("--all", "every", is_flag=True, help="Include closed incidents.")
@click.option("--wait", "waiting", metavar="TIME", help="First send what is due, for at most this long.")
def deliveries(context: CliContext, every: bool, waiting: str | None) -> None:
    """Show what was sent where, and what was not."""
    room = context.room
    if waiting is not None:
        try:
            context.wait_s = read_duration(waiting)
        except BadInput as error:
            raise usage(error, "--wait") from None
        if not room.read_only:  # what became of a delivery could not be recorded, and it would go out again
            context.app.outbox().drain(context.remaining_wait_s(), context.incident_id and context.incident().id)
    if context.incident_id:
        rows = room.deliveries(context.incident().id)
    else:
        known = room.summaries()
        # With none open, the latest incident is what is asked about, as with other verbs.
        live = {one.id for one in known if every or one.status != "closed"} or {one.id for one in known[:1]}
        rows = [one for one in room.deliveries() if one.incident in live or _waits_for_team(one)]
    if context.json:
        output.data([output.delivery(delivery) for delivery in rows])
        return
    if not rows:
        output.print_err("Nothing has been sent yet.")
        return
    now = room.clock()
    table = []
    for one in rows:
        next_at = one.waits_until(now)
        again = f"again {output.when(next_at, room.zone, now)}" if next_at else ""
        url = one.receipt.url if one.receipt else ""
        details = ", ".join(filter(None, (in_one_line(one.error), again))) or url
        table.append([one.state.glyph, one.id, one.state.label, f"{one.attempts}×", details])
    output.table(table)


def _waits_for_team(delivery: Delivery) -> bool:
    """Whether it is a post of no incident that has not arrived."""
    from warroom.incident.delivery import DeliveryState
    from warroom.incident.events import TEAM

    return delivery.incident == TEAM and delivery.state is not DeliveryState.DELIVERED


@verb(SECTION, posts=True, example="warroom delivery INC-1.7.webhook.post --sent")
@click.argument("delivery_id", metavar="ID")
@click.option("--sent", "answer", flag_value="sent", help="It arrived.")
@click.option("--resend", "answer", flag_value="resend", help="It did not arrive; send it again.")
def delivery(context: CliContext, delivery_id: str, answer: str | None) -> None:
    """Confirm an unconfirmed delivery, or send a failed one again."""
    if answer is None:
        raise click.UsageError("Check whether it arrived, then add --sent or --resend.")
    settled = context.room.confirm_delivery(delivery_id.strip(), sent=answer == "sent")
    if answer == "resend":
        deliver(context, settled.incident, {settled.entry_id})
        found = [one for one in context.room.deliveries(settled.incident) if one.id == settled.id]
        settled = found[0] if found else settled
    if context.json:
        output.data(output.delivery(settled))
    else:
        output.print_out(f"{settled.state.glyph} {settled.id}  {settled.state.label}")


@verb(SECTION, posts=True, example="warroom resend --all\nwarroom resend --all --incident INC-7")
@click.option("--all", "every", is_flag=True, help="Every rejected delivery, of --incident or of all incidents.")
def resend(context: CliContext, every: bool) -> None:
    """Send every rejected delivery again once the cause is fixed.

    Leaves out what may have arrived (see warroom delivery) and status messages that a newer one replaced.
    """
    if not every:
        raise click.UsageError("Add --all, or name one: warroom delivery ID --resend.")
    room, chosen = context.room, context.incident_id and context.incident().id
    again = room.resend_failed(chosen or None)
    left = room.deliveries(chosen or None)
    if again and context.wait_s:
        left = context.app.outbox().drain(context.remaining_wait_s(), chosen or None)
    ids = {one.id for one in again}
    rows = [one for one in left if one.id in ids]
    if context.json:
        output.data([output.delivery(one) for one in rows])
        return
    if not again:
        output.print_err("Nothing has failed.")
    output.table([one.state.glyph, one.id, one.state.label, in_one_line(one.error)] for one in rows)
