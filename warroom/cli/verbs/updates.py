"""The verb that posts updates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, cast

import click

from warroom.cli import output
from warroom.cli.context import CliContext, pick, pick_person, verb
from warroom.cli.reporting import report_done
from warroom.errors import BadInput, Refusal, WarroomError

if TYPE_CHECKING:
    from warroom.incident.delivery import Audience
    from warroom.incident.incident import Incident
    from warroom.room.room import WarRoom

SECTION = "Updates"


@verb(
    SECTION,
    posts=True,
    example='warroom update --impact "One in ten payments fails" --next +15m\n'
    "warroom update --audience customers --eta 15:30 --approved-by Alice\nwarroom update --preview\n"
    "warroom update --template customer_maintenance --set window_start=22:00 --set window_end=2h "
    '--impact "Payments may fail for a minute" --set rollback="We restore the version of today"',
)
@click.option("--impact", metavar="TEXT", help="What users notice; once mitigated, what they noticed.")
@click.option("--actions", multiple=True, metavar="TEXT", help="An action taken. Repeatable.")
@click.option("--eta", metavar="TIME", help="When it is expected to be fixed.")
@click.option("--next", "next_update", metavar="TIME", help="When the next update is due: +15m, 14:30.")
@click.option("--status", metavar="TEXT", help="The status to write in the text.")
@click.option("--set", "others", multiple=True, metavar="FIELD=TEXT", help="Any other field of the template.")
@click.option("--audience", default="team", metavar="WHO", help="team, customers or executives.")
@click.option("--template", metavar="ID", help="Use this template instead of the audience's usual one.")
@click.option("--to", multiple=True, metavar="DEST", help="Only to this destination. Repeatable.")
@click.option("--approved-by", default="", metavar="NAME", help="Who approved an update to customers.")
@click.option("--anyway", is_flag=True, help="Post even if someone else has just posted to the same audience.")
@click.option("--preview", is_flag=True, help="Print what each destination would get; post nothing.")
def update(
    context: CliContext,
    impact: str | None,
    actions: Sequence[str],
    eta: str | None,
    next_update: str | None,
    status: str | None,
    others: Sequence[str],
    audience: str,
    template: str | None,
    to: Sequence[str],
    approved_by: str,
    anyway: bool,
    preview: bool,
) -> None:
    """Post an update; fields you leave out are drafted from the timeline."""
    room, incident = context.room, context.incident()
    from warroom.incident.delivery import AUDIENCES

    wanted = cast("Audience", pick("audience", audience, [(name, name) for name in AUDIENCES]))
    chosen = _template(room, incident, wanted, template)
    given = {
        "impact": impact,
        "actions": "\n".join(actions) if actions else None,
        "eta": eta,
        "next_update": next_update,
        "status": status,
    }
    for other in others:
        name, equals, text = other.partition("=")
        if not equals:
            raise click.BadParameter("Write it as FIELD=TEXT.", param_hint="--set")
        given[name.strip().replace("-", "_")] = text
    fields = {name: text for name, text in given.items() if text is not None}
    known = room.playbook.template(chosen).fields
    for name in fields:
        if name not in known:
            raise click.UsageError(f"The template {chosen} has no field {name}. It has: {', '.join(known)}.")
    wanted = room.playbook.template(chosen).audience
    takers = room.updates.takers(incident, chosen)
    for name in to:
        if name in room.settings.destinations and name not in takers:
            raise Refusal(
                f"{name} does not take this message: check its audiences and drills",
                f"It goes to: {', '.join(takers) or 'nobody'}. The settings define each destination's audiences.",
            )
    if preview:
        _preview(context, incident, chosen, fields, to)
        return
    for warning in room.preview_update(incident.id, chosen, fields, ()).warnings:
        output.print_err(f"! {warning}")
    approver = pick_person(room, approved_by) if approved_by else ""
    seen = len(incident.posts) if anyway else 0
    try:
        done = room.post_update(
            incident.id, chosen, fields, destinations=to or None, approved_by=approver, seen=seen
        )
    except (BadInput, Refusal) as error:
        with suppress(WarroomError):  # the refusal is what has to be shown
            if _keep_as_draft(room, incident.id, chosen, fields):
                error.remedy += " Your text is saved as a draft; u in the console opens it."
        raise
    if not takers:
        output.print_err(
            f"! No destination takes messages to {wanted}: it stands in the timeline only. "
            f"To send it by hand: warroom update --template {chosen} --preview"
        )
    report_done(context, done)


def _keep_as_draft(room: WarRoom, incident_id: str, template: str, fields: Mapping[str, str]) -> bool:
    """Save the text of a refused update as the composer's draft. False if there is another draft."""
    from warroom.room.drafts import packed

    if not fields or room.saved_draft(incident_id, template):
        return False
    drafted = room.draft_update(incident_id, template)  # lets the composer find what is new when it opens
    kept = {f"field.{name}": text for name, text in fields.items()}
    kept |= {f"base.{name}": drafted.get(name, "") for name in fields}
    room.save_draft(incident_id, template, packed(kept))
    return True


def _template(room: WarRoom, incident: Incident, audience: Audience, named: str | None) -> str:
    """The template named, or the one that is due for the audience."""
    from warroom.incident.advice import due_template
    from warroom.incident.delivery import TEMPLATE_KINDS

    if not named:
        return due_template(incident, audience)
    offered = [(id, room.playbook.template(id).title) for id in TEMPLATE_KINDS if id in room.playbook.templates]
    return pick("message template", named, offered)


def _preview(
    context: CliContext, incident: Incident, template: str, fields: Mapping[str, str], to: Sequence[str]
) -> None:
    seen = context.room.preview_update(incident.id, template, fields, to or None)
    if context.json:
        copies = [
            {"destination": copy.destination, "text": copy.text, "limit": copy.limit, "posts": copy.posts}
            for copy in seen.copies
        ]
        output.data(
            {
                "template": template,
                "audience": seen.message.audience,
                "text": seen.message.text,
                "copies": copies,
                "warnings": seen.warnings,
            }
        )
        return
    if not seen.copies:
        output.print_out(seen.message.text)
    for copy in seen.copies:
        posts = f", in {copy.posts} posts" if copy.posts > 1 else ""
        output.print_out(f"── {copy.destination} ({copy.length} of {copy.limit} characters{posts})")
        output.print_out(copy.text)
    for warning in seen.warnings:
        output.print_err(f"! {warning}")
