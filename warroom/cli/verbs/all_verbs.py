"""A verb for every action: finds out what is meant, asks the room, prints what came of it. Decides nothing.

Everything but click is imported by the verb that needs it, so that help and the verbs that only look start at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

import click

from warroom.cli import output, stdin
from warroom.cli.context import CliContext, pick, pick_item, pick_person, pick_role, pick_severity, usage, verb
from warroom.errors import BadInput, Refusal, SettingsError, WarroomError

if TYPE_CHECKING:
    from uuid import UUID

    from warroom.incident.commands import Command
    from warroom.incident.delivery import Delivery
    from warroom.incident.events import Milestone, NoteKind, Section
    from warroom.incident.incident import Incident, TimelineRow
    from warroom.room.room import Done, WarRoom

READINESS = ("preparation", "improvement")
"""The checklists that belong to the team and not to an incident."""


F = TypeVar("F", bound=Callable[..., Any])


# ── shared by many verbs ────────────────────────────────────────────────────────────────────────────────────


def _text(name: str = "words", metavar: str = "TEXT", *, required: bool = True) -> Callable[[F], F]:
    """Words at the end of the line, with or without quotes; ``-`` reads them from stdin."""
    return click.argument(name, nargs=-1, required=required, metavar=metavar if required else f"[{metavar}]")


def _joined(words: Sequence[str]) -> str:
    if list(words) == ["-"]:
        return stdin.read_text()
    return " ".join(words)


def _act(call: CliContext, command: Command) -> None:
    """Carry out a command on the incident meant, print the entries, wait for what it posts."""
    _report(call, call.room.execute(call.incident().id, command))


def _report(call: CliContext, done: Done) -> None:
    """What was written; then what became of the deliveries it left.

    What is undelivered does not change the exit status: the fact is recorded, and its delivery is not lost.
    """
    _tell_by_whom(call)
    rows = [row for entry in done.entries if (row := done.incident.row(entry.id))]
    if not call.json:
        _print_rows(call, rows)
    deliveries = _deliver(call, done.incident.id, {entry.id for entry in done.entries})
    if call.json:
        output.data(
            {
                "id": done.incident.id,
                "entries": [_public(row) for row in rows],
                "deliveries": [output.delivery(delivery) for delivery in deliveries],
            }
        )


def _tell_by_whom(call: CliContext) -> None:
    if warning := call.stranger():
        output.tell(f"! {warning}")


def _print_rows(call: CliContext, rows: Iterable[TimelineRow]) -> None:
    now, zone = call.room.clock(), call.room.zone
    output.table(
        [row.entry.stream, str(row.number), output.when(row.entry.at, zone, now), row.kind, row.text]
        for row in rows
    )


def _deliver(call: CliContext, incident_id: str, entries: Collection[UUID]) -> list[Delivery]:
    """Wait for the incident's deliveries and tell how those of ``entries`` went; these, as they stand."""
    from warroom.incident.delivery import DeliveryState

    with suppress(BrokenPipeError, WarroomError):  # told at the end: what is recorded is sent all the same
        output.flush()  # what was recorded is said before it is waited for
    left = call.room.deliveries(incident_id)
    if call.wait_s and any(
        delivery.state is DeliveryState.PENDING and delivery.entry_id in entries for delivery in left
    ):
        left = call.house.courier().drain(call.wait_left(), incident_id)
    ours = [delivery for delivery in left if delivery.entry_id in entries]
    _tell_deliveries(ours, left)
    return ours


def _tell_deliveries(ours: Iterable[Delivery], everything: Iterable[Delivery]) -> None:
    """One line a destination on stderr: how the worst of ``ours`` stands there, and what to do about it."""
    from warroom.incident.delivery import DeliveryState, superseded

    everything = list(everything)
    replaced = superseded(everything)
    order = (
        DeliveryState.DELIVERED,
        DeliveryState.PENDING,
        DeliveryState.SENDING,
        DeliveryState.UNCONFIRMED,
        DeliveryState.FAILED,
    )
    worst: dict[str, list[Delivery]] = {}
    held_up = {one.destination: one for one in everything if one.state is DeliveryState.PENDING and one.error}
    for one in ours:
        if (
            one.order.act == "status"
            and one.state is DeliveryState.DELIVERED
            and not (one.receipt and one.receipt.id)
        ):
            continue  # a destination that shows no status has nothing to say about it
        if one.id in replaced and one.state in (DeliveryState.FAILED, DeliveryState.UNCONFIRMED):
            continue  # a newer status message makes it good
        known = worst.setdefault(one.destination, [one])
        if order.index(one.state) > order.index(known[0].state):
            worst[one.destination] = [one]
        elif one.state is known[0].state and one is not known[0]:
            known.append(one)
    for name, alike in worst.items():
        # What people read comes first: a post opens the channel by itself, and brings what a status only sums up.
        one = min(alike, key=lambda delivery: ("post", "open", "status").index(delivery.order.act))
        why = _in_one_line(one.error)
        if one.state is DeliveryState.DELIVERED:
            url = next((each.receipt.url for each in (one, *alike) if each.receipt and each.receipt.url), "")
            posts = Counter(each.entry_id for each in alike if each.order.act == "post")
            parts = max(posts.values(), default=1)
            said = f"✓ {name}" + (f", too long for one post: in {parts} parts" if parts > 1 else "")
            output.tell(said + (f"  {url}" if url else ""))
        elif one.state is DeliveryState.FAILED:
            how = f"warroom delivery {one.id} --resend" if len(alike) == 1 else "warroom resend --all"
            output.tell(f"✗ {name}: {why}. Fix the cause, then: {how}")
        elif one.state is DeliveryState.PENDING:
            first = held_up.get(name)  # order is kept: what was not tried waits for what was
            why = why or (_in_one_line(first.error) if first else "")
            lacks = one.lacks_settings or (first is not None and first.lacks_settings)
            sender = "a warroom that can sends it" if lacks else "the next warroom that runs sends it"
            output.tell(f"{'↻' if why else '…'} {name}: {why or 'not sent yet'}; kept, {sender}")
        elif one.state is DeliveryState.UNCONFIRMED and one.next_attempt_at:
            output.tell(f"? {name}: {why or 'no answer'}; the next warroom that runs finds out")
        else:
            output.tell(
                f"? {name}: outcome unknown ({why or 'no answer'}); look there, then: "
                f"warroom delivery {one.id} --sent or --resend"
            )


def _in_one_line(error: str) -> str:
    return ". ".join(line.rstrip(". ") for line in error.splitlines() if line.strip())


def _write(path: str | None, text: str, call: CliContext) -> None:
    """A document to a file, for its owner alone, or to stdout."""
    if path is None or path == "-":
        output.say(text.rstrip("\n"))
        return
    from pathlib import Path

    from warroom.config.paths import write_document

    try:
        write_document(Path(path), text)
    except SettingsError as error:  # no settings: a file of the person's own choosing
        raise WarroomError(error.title, f"{error.remedy} Another name goes after --output.") from None
    if call.json:
        output.data({"path": path})
    else:
        output.tell(f"Written: {path}")


# ── run the incident ────────────────────────────────────────────────────────────────────────────────────────

RUN = "Run the incident"


@verb(RUN, posts=True, example='warroom declare checkout-api "Card payments fail" --severity high --started -10m')
@click.argument("service")
@_text("impact", "IMPACT")
@click.option("--severity", metavar="LEVEL", help="How bad; left out, it is treated as the worst.")
@click.option("--started", metavar="TIME", help="When it began: -10m, 13:50, 2026-01-28T13:50Z. [default: now]")
@click.option("--detected", metavar="TIME", help="When somebody noticed.")
@click.option("--commander", metavar="NAME", help="Who leads.")
@click.option("--drill", is_flag=True, help="A rehearsal; posts only where drills may.")
@click.option("--alert", metavar="N", help="The waiting alert it comes from; a drill's alert makes it a drill.")
def declare(
    call: CliContext,
    service: str,
    impact: Sequence[str],
    severity: str | None,
    started: str | None,
    detected: str | None,
    commander: str | None,
    drill: bool,
    alert: str | None,
) -> None:
    """Declare an incident: start its clocks, open its channel, post the declaration."""
    from warroom.incident.commands import Declare

    room = call.room
    source, kept = "", None
    if alert is not None:
        kept = room.team().find_alert(alert)
        source = kept.event.source
    known = {s.name.casefold(): s.name for s in room.settings.services}
    command = Declare(
        service=known.get(service.strip().casefold(), service),
        impact=_joined(impact),
        severity=pick_severity(room, severity) if severity else "",
        started_at=call.moment(started, "--started"),
        detected_at=call.moment(detected, "--detected"),
        drill=drill,
        source=source,
    )
    leader = pick_person(room, commander) if commander else ""
    done = room.declare(command, commander=leader, alert=kept.id if kept else None)
    _tell_by_whom(call)
    incident = done.incident
    if incident.drill and not drill:
        output.tell(f"! Alert {alert} belongs to a drill, so this is one: it posts only to drill destinations")
    if call.json:
        output.data(
            {
                "id": incident.id,
                "severity": incident.severity,
                "drill": incident.drill,
                "declared_at": incident.milestones["declared"],
            }
        )
    else:
        title = room.playbook.severity(incident.severity).title
        badge = "  drill" if incident.drill else ""
        output.say(f"{incident.id}  {title}{badge}  {incident.service} · {incident.impact}")
    _deliver(call, incident.id, {entry.id for entry in done.entries})


@verb(RUN, example="warroom ack")
def ack(call: CliContext) -> None:
    """Say that you have it in hand; stops the response clock."""
    from warroom.incident.commands import Acknowledge

    _act(call, Acknowledge())


@verb(RUN, posts=True, example="warroom assign commander Alice")
@click.argument("role")
@_text("name", "NAME")
def assign(call: CliContext, role: str, name: Sequence[str]) -> None:
    """Give a role to somebody, whoever held it before."""
    from warroom.incident.commands import Assign

    _act(call, Assign(pick_role(call.room, role), pick_person(call.room, _joined(name))))


@verb(RUN, posts=True, example="warroom release communications")
@click.argument("role")
def release(call: CliContext, role: str) -> None:
    """Take a role from its holder; nobody has it then."""
    from warroom.incident.commands import Release

    _act(call, Release(pick_role(call.room, role)))


@verb(RUN, example='warroom handover commander Bob --briefing "Pool exhausted; rollback under way"')
@click.argument("role")
@_text("name", "NAME")
@click.option("--briefing", default="", metavar="TEXT", help="What the next one has to know.")
def handover(call: CliContext, role: str, name: Sequence[str], briefing: str) -> None:
    """Offer a role to somebody else; its holder keeps it until they accept."""
    from warroom.incident.commands import HandOver

    _act(call, HandOver(pick_role(call.room, role), pick_person(call.room, _joined(name)), briefing))


@verb(RUN, posts=True, example="warroom accept commander")
@click.argument("role")
def accept(call: CliContext, role: str) -> None:
    """Say yes to a role that is offered in a handover."""
    from warroom.incident.commands import AcceptHandover

    _act(call, AcceptHandover(pick_role(call.room, role)))


@verb(RUN, example="warroom check health")
@_text("item", "ITEM")
@click.option("--anyway", is_flag=True, help="Tick it although the log speaks against it; the timeline says so.")
def check(call: CliContext, item: Sequence[str], anyway: bool) -> None:
    """Tick a checklist item, by its id or a few of its words."""
    from warroom.incident.commands import Check

    chosen = pick_item(call.room, _joined(item))
    _act(call, Check(chosen, _against(call, [chosen]).get(chosen, ""), anyway))


def _against(call: CliContext, items: Iterable[str] | None = None) -> dict[str, str]:
    """What the service's log files say now against checklist items (default: the recovery's), by item."""
    recovery = call.room.playbook.checklists["recovery"].items
    wanted = [item for item in recovery if item.probe == "errors" and (items is None or item.id in items)]
    if not wanted:
        return {}
    from warroom.incident.readings import of_last_minute
    from warroom.logs.recent_errors import errors_in_last_minute

    logs = [log for log in call.house.service_logs(call.incident().service) if isinstance(log, str)]
    errors = errors_in_last_minute(logs, call.room.clock(), call.room.zone)
    return {item.id: of_last_minute(errors).text for item in wanted} if errors else {}


@verb(RUN, example="warroom uncheck health-checks")
@_text("item", "ITEM")
def uncheck(call: CliContext, item: Sequence[str]) -> None:
    """Take the tick from a checklist item."""
    from warroom.incident.commands import Uncheck

    _act(call, Uncheck(pick_item(call.room, _joined(item))))


@verb(RUN, posts=True, example='warroom severity high --reason "Only one region is affected"')
@click.argument("level")
@click.option("--reason", default="", metavar="TEXT", help="Why; asked for when it is lowered.")
def severity(call: CliContext, level: str, reason: str) -> None:
    """Raise the severity, or lower it with a reason."""
    from warroom.incident.commands import SetSeverity

    _act(call, SetSeverity(pick_severity(call.room, level), reason))


@verb(RUN, posts=True, example='warroom state mitigated --reason "Traffic moved to eu-2"')
@click.argument("status")
@click.option("--reason", default="", metavar="TEXT", help="What led to it.")
def state(call: CliContext, status: str, reason: str) -> None:
    """Say how far it is: investigating, mitigated or resolved."""
    from warroom.incident.commands import Resolve, SetStatus

    states = [(name, name) for name in ("investigating", "mitigated", "resolved")]
    chosen = pick("status", status, states)
    _act(call, Resolve(reason, _against(call)) if chosen == "resolved" else SetStatus(chosen, reason))


@verb(RUN, posts=True, example='warroom resolve\nwarroom resolve --reason "Customer reports come in tomorrow"')
@click.option("--reason", default="", metavar="TEXT", help="Resolve over what is still open, and say why.")
def resolve(call: CliContext, reason: str) -> None:
    """Say that service is restored; lists everything that still stands against it."""
    from warroom.incident.commands import Resolve

    _act(call, Resolve(reason, _against(call)))
    if not call.json:
        output.tell("Now tell everybody: warroom update. Then: warroom postmortem")


@verb(RUN, posts=True, example='warroom reopen "Errors are back since 15:10"')
@_text("reason", "REASON")
def reopen(call: CliContext, reason: Sequence[str]) -> None:
    """Say that it was not over; the clocks go on."""
    from warroom.incident.commands import Reopen

    _act(call, Reopen(_joined(reason)))


# ── write it down ───────────────────────────────────────────────────────────────────────────────────────────

WRITE = "Write it down"


@verb(
    WRITE,
    example='warroom note "DB pool exhausted on eu-1" --finding\n'
    'warroom note "Pool 50 → 200" --change --rollback "revert the variable"',
)
@_text()
@click.option("--finding", "kind", flag_value="finding", help="Something that is known now.")
@click.option("--hypothesis", "kind", flag_value="hypothesis", help="Something suspected.")
@click.option("--decision", "kind", flag_value="decision", help="What was decided (say --because).")
@click.option("--change", "kind", flag_value="change", help="What was changed (needs --rollback).")
@click.option("--because", default="", metavar="TEXT", help="The reason.")
@click.option("--rollback", default="", metavar="TEXT", help="How to undo it.")
def note(call: CliContext, words: Sequence[str], kind: str | None, because: str, rollback: str) -> None:
    """Write something into the timeline; secrets in it are masked."""
    from warroom.incident.commands import Note

    sort: NoteKind = kind or "note"  # type: ignore[assignment]
    _act(call, Note(_joined(words), sort, because, rollback))


@verb(WRITE, example='warroom pin app.log "FATAL remaining connection slots are reserved" --line 88213')
@click.argument("source")
@_text()
@click.option("--line", type=int, default=0, metavar="N", help="Its line in the source, from 1.")
@click.option("--at", metavar="TIME", help="When it was logged.")
@click.option("--level", default="", metavar="LEVEL", help="Its level.")
@click.option("--comment", default="", metavar="TEXT", help="What it shows.")
def pin(
    call: CliContext, source: str, words: Sequence[str], line: int, at: str | None, level: str, comment: str
) -> None:
    """Keep a log line as evidence; secrets in it are masked."""
    from warroom.incident.commands import Pin
    from warroom.safety import redact

    text = redact(_joined(words)).text
    _act(call, Pin(source, text, line, call.moment(at, "--at"), level, comment))


@verb(WRITE, example='warroom fix "Rolled back to 4.2.1" --temporary --rollback "deploy 4.3.0 again"')
@_text()
@click.option("--temporary", is_flag=True, help="Makes the action item for the permanent one.")
@click.option("--rollback", default="", metavar="TEXT", help="How to undo it.")
def fix(call: CliContext, words: Sequence[str], temporary: bool, rollback: str) -> None:
    """Record the fix that was made."""
    from warroom.incident.commands import RecordFix

    _act(call, RecordFix(_joined(words), temporary, rollback))


@verb(WRITE, example='warroom amend 12 --text "Pool raised to 200, not 20"\nwarroom amend 12 --at 14:03')
@click.argument("entry", metavar="N")
@click.option("--text", metavar="TEXT", help="What it should say.")
@click.option("--at", metavar="TIME", help="When it happened.")
def amend(call: CliContext, entry: str, text: str | None, at: str | None) -> None:
    """Put text or time of a timeline entry right; the original is kept."""
    from warroom.incident.commands import AmendEntry

    if text is None and at is None:
        raise click.UsageError("Say what to amend: --text, --at or both.")
    _act(call, AmendEntry(entry, text, call.moment(at, "--at")))


@verb(WRITE, example='warroom retract 14 --reason "That was staging"')
@click.argument("entry", metavar="N")
@click.option("--reason", default="", metavar="TEXT", help="Why it does not hold.")
def retract(call: CliContext, entry: str, reason: str) -> None:
    """Strike out a note, fix or piece of evidence that does not hold."""
    from warroom.incident.commands import RetractEntry

    _act(call, RetractEntry(entry, reason))


@verb(
    WRITE,
    example='warroom milestone started -20m\nwarroom milestone detected 13:42 --reason "First alert"',
)
@click.argument("name")
@click.argument("time")
@click.option("--reason", default="", metavar="TEXT", help="How it is known.")
def milestone(call: CliContext, name: str, time: str, reason: str) -> None:
    """Say when it really started, was detected, acknowledged, mitigated or resolved."""
    from warroom.incident.commands import AmendMilestone
    from warroom.incident.events import MILESTONES

    which: Milestone = pick("milestone", name, [(m, m) for m in MILESTONES])  # type: ignore[assignment]
    at = call.moment(time, "TIME")
    assert at is not None
    _act(call, AmendMilestone(which, at, reason))


# ── tell people ─────────────────────────────────────────────────────────────────────────────────────────────

TELL = "Tell people"


@verb(
    TELL,
    posts=True,
    example='warroom update --impact "One in ten payments fails" --next +15m\n'
    "warroom update --audience customers --eta 15:30 --approved-by Alice\nwarroom update --preview",
)
@click.option("--impact", metavar="TEXT", help="What users notice; once mitigated, what they noticed.")
@click.option("--actions", multiple=True, metavar="TEXT", help="What was done; may be given several times.")
@click.option("--eta", metavar="TIME", help="When it is expected to be over.")
@click.option("--next", "next_update", metavar="TIME", help="When the next update comes: +15m, 14:30.")
@click.option("--status", metavar="TEXT", help="The status as the text tells it.")
@click.option("--set", "others", multiple=True, metavar="FIELD=TEXT", help="Any other field of the template.")
@click.option("--audience", default="team", metavar="WHO", help="team, customers or executives.")
@click.option("--template", metavar="ID", help="Another text than the audience's usual one.")
@click.option("--to", multiple=True, metavar="DEST", help="Only to this destination; may be given several times.")
@click.option("--approved-by", default="", metavar="NAME", help="Who approved words to customers.")
@click.option("--anyway", is_flag=True, help="Post also if somebody else has just posted to the same audience.")
@click.option("--preview", is_flag=True, help="Print what each destination would get; post nothing.")
def update(
    call: CliContext,
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
    """Post an update; what you leave out is drafted from what happened since the last one."""
    room, incident = call.room, call.incident()
    wanted = pick("audience", audience, [(name, name) for name in ("team", "customers", "executives")])
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
    takers = room.destinations(room.playbook.template(chosen).audience, drill=incident.drill)
    for name in to:
        if name in room.settings.destinations and name not in takers:
            raise Refusal(
                f"{name} does not take this: its audiences, or drills, leave it out",
                f"It would go to: {', '.join(takers) or 'nobody'}. The settings say who takes what.",
            )
    if preview:
        _preview(call, incident, chosen, fields, to)
        return
    for warning in room.preview_update(incident.id, chosen, fields, ()).warnings:
        output.tell(f"! {warning}")
    approver = pick_person(room, approved_by) if approved_by else ""
    seen = len(incident.posts) if anyway else 0
    try:
        done = room.post_update(
            incident.id, chosen, fields, destinations=to or None, approved_by=approver, seen=seen
        )
    except (BadInput, Refusal) as error:
        with suppress(WarroomError):  # the refusal is what has to be said
            if _keep_as_draft(room, incident.id, chosen, fields):
                error.remedy += " Your text is kept as a draft; the console opens it with u."
        raise
    if not takers:
        output.tell(
            f"! No destination takes words to {wanted}: it stands in the timeline only. "
            f"To send it by hand: warroom update --audience {wanted} --preview"
        )
    _report(call, done)


def _keep_as_draft(room: WarRoom, incident_id: str, template: str, fields: Mapping[str, str]) -> bool:
    """Keep the text of a refused update where the composer looks for it. False if another draft lies there."""
    from warroom.room.drafts import packed

    if not fields or room.saved_draft(incident_id, template):
        return False
    drafted = room.draft_update(incident_id, template)  # tells the composer what is new once it opens
    kept = {f"field.{name}": text for name, text in fields.items()}
    kept |= {f"base.{name}": drafted.get(name, "") for name in fields}
    room.save_draft(incident_id, template, packed(kept))
    return True


def _template(room: WarRoom, incident: Incident, audience: str, named: str | None) -> str:
    """The template named, or the one an audience is due: first words, later ones, the resolution."""
    from warroom.room.room import TEMPLATE_KINDS

    if named:
        offered = [(id, room.playbook.template(id).title) for id in TEMPLATE_KINDS if id in room.playbook.templates]
        return pick("message template", named, offered)
    if audience == "executives":
        return "executive"
    if audience == "team":
        return "update" if incident.open else "resolution"
    if not incident.open:
        return "customer_resolution"
    told = any(post.update.audience == "customers" for post in incident.posts)
    return "customer_update" if told else "customer_initial"


def _preview(
    call: CliContext, incident: Incident, template: str, fields: Mapping[str, str], to: Sequence[str]
) -> None:
    seen = call.room.preview_update(incident.id, template, fields, to or None)
    if call.json:
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
        output.say(seen.message.text)
    for copy in seen.copies:
        posts = f", in {copy.posts} posts" if copy.posts > 1 else ""
        output.say(f"── {copy.destination} ({copy.length} of {copy.limit} characters{posts})")
        output.say(copy.text)
    for warning in seen.warnings:
        output.tell(f"! {warning}")


@verb(TELL, reads=True, example="warroom deliveries\nwarroom deliveries --wait 30s")
@click.option("--all", "every", is_flag=True, help="Those of closed incidents as well.")
@click.option("--wait", "waiting", metavar="TIME", help="First send what is due, for at most so long.")
def deliveries(call: CliContext, every: bool, waiting: str | None) -> None:
    """Show what was sent where, and what was not."""
    from warroom.incident.timing import read_duration

    room = call.room
    if waiting is not None:
        try:
            call.wait_s = read_duration(waiting)
        except BadInput as error:
            raise usage(error, "--wait") from None
        if not room.read_only:  # what became of a delivery could not be recorded, and it would go out again
            call.house.courier().drain(call.wait_left(), call.incident_id and call.incident().id)
    if call.incident_id:
        rows = room.deliveries(call.incident().id)
    else:
        known = room.summaries()
        # With none open, the latest incident is what is asked about, as with other verbs.
        live = {one.id for one in known if every or one.status != "closed"} or {one.id for one in known[:1]}
        rows = [delivery for delivery in room.deliveries() if delivery.incident in live]
    if call.json:
        output.data([output.delivery(delivery) for delivery in rows])
        return
    if not rows:
        output.tell("Nothing has been sent yet.")
        return
    now = room.clock()
    table = []
    for one in rows:
        next_at = one.waits_until(now)
        again = f"again {output.when(next_at, room.zone, now)}" if next_at else ""
        url = one.receipt.url if one.receipt else ""
        told = ", ".join(filter(None, (_in_one_line(one.error), again))) or url
        table.append([one.state.glyph, one.id, one.state.value, f"{one.attempts}×", told])
    output.table(table)


@verb(TELL, posts=True, example="warroom delivery INC-1.7.webhook.post --sent")
@click.argument("delivery_id", metavar="ID")
@click.option("--sent", "answer", flag_value="sent", help="It did arrive.")
@click.option("--resend", "answer", flag_value="resend", help="It did not arrive: send it again.")
def delivery(call: CliContext, delivery_id: str, answer: str | None) -> None:
    """Say what became of a delivery whose outcome is unknown, or send a failed one again."""
    if answer is None:
        raise click.UsageError("Look at the destination, then say --sent or --resend.")
    settled = call.room.confirm_delivery(delivery_id.strip(), sent=answer == "sent")
    if answer == "resend":
        _deliver(call, settled.incident, {settled.entry_id})
        found = [one for one in call.room.deliveries(settled.incident) if one.id == settled.id]
        settled = found[0] if found else settled
    if call.json:
        output.data(output.delivery(settled))
    else:
        output.say(f"{settled.state.glyph} {settled.id}  {settled.state.value}")


@verb(TELL, posts=True, example="warroom resend --all\nwarroom resend --all --incident INC-7")
@click.option(
    "--all", "every", is_flag=True, help="Everything that was refused, of --incident or of all incidents."
)
def resend(call: CliContext, every: bool) -> None:
    """Send everything again that was refused, once its cause is fixed.

    Not what may have arrived: see warroom delivery. Not a status message that a newer one has replaced.
    """
    if not every:
        raise click.UsageError("Say --all, or name one: warroom delivery ID --resend.")
    room, chosen = call.room, call.incident_id and call.incident().id
    again = room.resend_failed(chosen or None)
    left = room.deliveries(chosen or None)
    if again and call.wait_s:
        left = call.house.courier().drain(call.wait_left(), chosen or None)
    ids = {one.id for one in again}
    rows = [one for one in left if one.id in ids]
    if call.json:
        output.data([output.delivery(one) for one in rows])
        return
    if not again:
        output.tell("Nothing was refused.")
    output.table([one.state.glyph, one.id, one.state.value, _in_one_line(one.error)] for one in rows)


# ── afterwards ──────────────────────────────────────────────────────────────────────────────────────────────

AFTER = "Afterwards"


@verb(AFTER, example='warroom action "Alert on pool use above 80 %" --owner Bob --due 2026-02-14')
@_text()
@click.option("--owner", default="", metavar="NAME", help="Who sees to it.")
@click.option("--due", default="", metavar="DATE", help="By when: 2026-02-14.")
def action(call: CliContext, words: Sequence[str], owner: str, due: str) -> None:
    """Add an action item: something to do after the incident."""
    from warroom.incident.commands import AddAction

    _act(call, AddAction(_joined(words), pick_person(call.room, owner) if owner else "", due))


@verb(AFTER, example="warroom done A1")
@click.argument("item", metavar="A1")
def done(call: CliContext, item: str) -> None:
    """Say that an action item is finished."""
    from warroom.incident.commands import CompleteAction

    _act(call, CompleteAction(item))


@verb(AFTER, reads=True, example="warroom actions")
def actions(call: CliContext) -> None:
    """Show the action items of the incident."""
    items = list(call.incident().actions.values())
    if call.json:
        output.data(
            [{"id": a.id, "text": a.words, "owner": a.owner, "due": a.due, "done_at": a.done_at} for a in items]
        )
        return
    if not items:
        output.tell("No action item yet. Add one: warroom action TEXT")
    output.table(["✓" if a.done_at else "○", a.id, a.owner or "nobody", a.due or "no date", a.words] for a in items)


@verb(
    AFTER,
    example='warroom section root_cause "A pool of 50 for 80 workers"\nwarroom section summary - < summary.md\n'
    "warroom section went_well --empty",
)
@click.argument("name")
@_text(required=False)
@click.option("--empty", is_flag=True, help="Leave it empty: the draft from the timeline goes.")
def section(call: CliContext, name: str, words: Sequence[str], empty: bool) -> None:
    """Write a section of the post-mortem: summary, root_cause, went_well, …"""
    from warroom.incident.commands import WriteSection
    from warroom.incident.events import SECTIONS

    if empty == bool(words):
        raise click.UsageError("Give the section's text, or --empty to leave it empty.")
    which: Section = pick("section", name, [(s, s.replace("_", " ")) for s in SECTIONS])  # type: ignore[assignment]
    _act(call, WriteSection(which, _joined(words)))


@verb(AFTER, reads=True, example="warroom postmortem --output INC-1.md")
@click.option("--output", "path", metavar="FILE", help="Write it there instead of stdout.")
@click.option(
    "--format", "form", type=click.Choice(["markdown", "html", "json"]), default="markdown", show_default=True
)
def postmortem(call: CliContext, path: str | None, form: str) -> None:
    """Print the post-mortem, as far as the timeline and its sections write it."""
    from warroom.reports import postmortem as document
    from warroom.reports import render

    room, incident = call.room, call.incident()
    written = document.build(incident, room.playbook, room.deliveries(incident.id), room.clock(), room.zone)
    if form == "json" or (call.json and path is None):
        text = render.to_json(written)
    else:
        text = render.to_markdown(written, room.playbook)
        if form == "html":
            text = render.to_html(text, f"{incident.id} {incident.title}")
    _write(path, text, call)


@verb(AFTER, reads=True, example="warroom export --format html --output INC-1.html")
@click.option("--format", "form", type=click.Choice(["json", "markdown", "html"]), help="[default: markdown]")
@click.option("--output", "path", metavar="FILE", help="Write it there instead of stdout.")
def export(call: CliContext, form: str | None, path: str | None) -> None:
    """Print the whole incident: state, timeline with every amendment, deliveries, post-mortem."""
    from warroom.reports import render

    room, incident = call.room, call.incident()
    chosen: render.ExportFormat = form or ("json" if call.json else "markdown")  # type: ignore[assignment]
    deliveries = room.deliveries(incident.id)
    text = render.export(incident, room.playbook, deliveries, room.clock(), room.zone, chosen)
    _write(path, text, call)


@verb(AFTER, posts=True, example="warroom close")
@click.option("--reason", default="", metavar="TEXT", help="Close over what is still owed, and say why.")
def close(call: CliContext, reason: str) -> None:
    """Say that the follow-up is done; lists what is still owed."""
    from warroom.incident.commands import Close

    _act(call, Close(reason))


# ── look ────────────────────────────────────────────────────────────────────────────────────────────────────

LOOK = "Look"


@verb(LOOK, name="list", reads=True, example="warroom list\nwarroom list --open --json")
@click.option("--open", "live", is_flag=True, help="Only those that are not resolved.")
def list_(call: CliContext, live: bool) -> None:
    """List the incidents, newest first."""
    from warroom.incident.timing import clock

    room = call.room
    now = room.clock()
    rows = [summary for summary in room.summaries() if summary.open or not live]
    if call.json:
        output.data([summary.public(room.playbook, now) for summary in rows])
        return
    if not rows:
        output.tell("No incident. Declare one: warroom declare SERVICE IMPACT")
    output.table(
        [
            row.id,
            (row.severity.upper() if row.open else row.severity) + (" drill" if row.drill else ""),
            row.status,
            f"{row.milestones['started'].astimezone(room.zone):%Y-%m-%d %H:%M}",
            clock(row.elapsed(now).total_seconds()),
            row.roles.get("incident_commander", "nobody leads") if row.open else "",
            f"{row.service} · {row.title}",
        ]
        for row in rows
    )
    waiting = len(room.team().alerts)
    if waiting:
        output.tell(f"Alerts waiting: {waiting}. See: warroom alert")


@verb(LOOK, reads=True, example="warroom status\nwarroom status --json")
def status(call: CliContext) -> None:
    """Show one incident: how bad, how long, who leads, what is due, what to do next."""
    from warroom.incident.summary import summarise

    room, incident = call.room, call.incident()
    if call.json:
        output.data(summarise(incident, room.playbook).public(room.playbook, room.clock()))
        return
    from warroom.incident import timing
    from warroom.incident.advice import next_steps
    from warroom.incident.incident import in_order

    now, playbook = room.clock(), room.playbook
    brief = summarise(incident, playbook).public(playbook, now)
    title = next((s.title for s in playbook.severities if s.id == incident.severity), incident.severity)
    drill = "  drill" if incident.drill else ""
    elapsed = timing.clock(timing.elapsed(incident, now).total_seconds())
    state = f"{title.upper()}  {incident.status}" if incident.open else f"{incident.status.upper()}  was {title}"
    output.say(f"{incident.id}  {state}{drill}  {elapsed}")
    was = "impact was: " if incident.impact_ended else ""
    output.say(f"{incident.service} · {was}{incident.impact}")
    rows = [["Phase", timing.phase(incident, playbook, now).title]]
    step = timing.step(incident, playbook, now)
    if step:
        rows.append(["Step", step.title])
    response = timing.response(incident, playbook, now)
    if response:
        rows.append(["Response", _due(response, call)])
    due = timing.next_update(incident, playbook, now)
    if due:
        rows.append(["Next update", _due(due, call)])
    for role in playbook.roles:
        held = incident.roles.get(role.id)
        offered = f" (offered to {held.offered_to})" if held and held.offered_to else ""
        rows.append([role.title, f"{held.person}{offered}" if held else "nobody"])
    rows.append(["Checklist", f"{brief['checklist']['done']} of {brief['checklist']['total']}"])
    for item, evidence in brief["ticked_against"].items():
        rows.append(["Ticked although", f"{evidence} ({item})"])
    for name, at in in_order(incident.milestones).items():
        rows.append([name.capitalize(), output.when(at, room.zone, now)])
    deliveries = room.deliveries(incident.id)
    counts = Counter(one.state for one in deliveries if one.state.value != "delivered")
    if counts:
        told = ", ".join(f"{state.glyph} {count} {state.value}" for state, count in counts.items())
        rows.append(["Deliveries", told])
    rows.append(["Next", next_steps(incident, playbook, deliveries, now)[0].text])
    output.table(rows)


def _due(countdown: Any, call: CliContext) -> str:
    from warroom.incident.timing import minutes

    at = output.when(countdown.due, call.room.zone, call.room.clock(), seconds=False)
    left = countdown.left_s
    return f"in {minutes(left)} ({at})" if left > 0 else f"{minutes(-left)} overdue ({at})"


@verb(LOOK, reads=True, example="warroom timeline\nwarroom timeline --incident INC-3 --json")
def timeline(call: CliContext) -> None:
    """Show everything that happened, in order."""
    rows = call.incident().timeline
    if call.json:
        output.data([_public(row) for row in rows])
        return
    now, zone = call.room.clock(), call.room.zone
    output.table(
        [
            str(row.number),
            output.when(row.at, zone, now),
            row.kind,
            row.by,
            ("(retracted) " if row.retracted else "") + row.text + (" (amended)" if row.amended else ""),
        ]
        for row in rows
    )


def _public(row: TimelineRow) -> dict[str, Any]:
    """The shape ``timeline --json`` promises, as the entry reads now; a struck out one says so."""
    shape = {"seq": row.number, "id": str(row.id), "at": row.at, "kind": row.kind, "by": row.by, "text": row.text}
    return {**shape, "retracted": True} if row.retracted else shape


@verb(LOOK, reads=True, example="warroom playbook\nwarroom playbook severities\nwarroom playbook check")
@click.argument("part", default="checklists")
def playbook(call: CliContext, part: str) -> None:
    """Show the playbook: checklists, phases, severities, roles, templates, guidance; or check it."""
    parts = ("checklists", "phases", "severities", "roles", "templates", "guidance", "check")
    chosen = pick("part of the playbook", part, [(name, name) for name in parts])
    book = call.house.playbook
    if chosen == "check":
        from warroom.bootstrap import check_playbook

        check_playbook(call.house.settings, book)
        output.say(f"Sound: {book.name}")
    elif call.json:
        output.data(book.model_dump(mode="json")[chosen])
    elif chosen == "checklists":
        for checklist in book.checklists.values():
            output.say(f"{checklist.title} ({checklist.when})")
            output.table(["", item.id, item.text] for item in checklist.items)
            output.say()
    elif chosen == "phases":
        for phase in book.phases:
            end = "" if phase.to_minute is None else phase.to_minute
            span = "once resolved" if phase.after_resolution else f"minutes {phase.from_minute}–{end}"
            output.say(f"{phase.title} ({span})")
            output.table([["", line] for line in phase.summary])
            steps = [step for step in book.steps if step.phase == phase.id]
            for step in steps:
                output.table([["", f"{step.title} (minutes {step.from_minute}–{step.to_minute})"]])
                output.table([["", "", line] for line in step.items])
            output.say()
    elif chosen == "severities":
        output.table(
            [
                [
                    s.glyph,
                    s.id,
                    f"respond {s.response_minutes} min",
                    f"update {s.update_minutes['team']} min",
                    s.impact,
                ]
                for s in book.severities
            ]
        )
    elif chosen == "roles":
        for role in book.roles:
            output.say(f"{role.id}  {role.title}")
            output.table([["", line] for line in (*role.responsibilities, f"Backup: {role.backup}")])
    elif chosen == "templates":
        for template in book.templates.values():
            fields = ", ".join(template.fields)
            output.say(f"{template.id}  {template.title}, to {template.audience}; fields: {fields}")
    else:
        output.say(book.guidance.purpose)
        for pitfall in book.guidance.pitfalls:
            output.say(f"\n{pitfall.title}: {pitfall.problem}")
            output.table([["", line] for line in pitfall.solutions])
        output.say()
        output.table([["·", line] for line in book.guidance.principles])


# ── set up and repair ───────────────────────────────────────────────────────────────────────────────────────

SET_UP = "Set up and repair"


@verb(SET_UP, example="warroom init\nwarroom init --path team/settings.toml")
@click.option("--path", metavar="FILE", help="Where to write it, if not in the usual place.")
def init(call: CliContext, path: str | None) -> None:
    """Write a settings file in which every key is explained; never overwrites one."""
    from pathlib import Path

    from warroom.config.paths import AppPaths, write_atomically
    from warroom.config.settings import commented_toml

    place = Path(path).expanduser() if path else AppPaths.find(call.environ, {"settings": call.settings}).settings
    if place.exists() or place.is_symlink():
        raise Refusal(f"{place} is there already", "Edit it, or name another with --path.")
    try:
        write_atomically(place, commented_toml())
    except SettingsError as error:
        raise WarroomError(error.title, "Name another with --path.") from None
    if call.json:
        output.data({"path": str(place)})
    else:
        output.say(str(place))
        output.tell("Take away the # before what you want to use. Then: warroom doctor")


@verb(SET_UP, reads=True, example="warroom ready\nwarroom ready runbooks")
@_text("item", "ITEM", required=False)
def ready(call: CliContext, item: Sequence[str]) -> None:
    """Show how ready the team is, or confirm that an item holds true today."""
    room = call.room
    items = [i for name in READINESS for i in room.playbook.checklists[name].items]
    if item:
        known_items = [(i.id, i.text) for i in items]
        chosen = pick("readiness item", _joined(item), known_items, where="See: warroom ready.", abbreviated=False)
        room.confirm_ready(chosen)
        items = [i for i in items if i.id == chosen]
    known = room.team().ready
    if call.json:
        output.data([{"item": i.id, "text": i.text, "confirmed_at": known.get(i.id)} for i in items])
        return
    rows = []
    for i in items:
        at = known.get(i.id)
        rows.append(["✓" if at else "○", i.id, f"{at.astimezone(room.zone):%Y-%m-%d}" if at else "never", i.text])
    output.table(rows)


@verb(
    SET_UP,
    example="warroom alert error_rate_50percent --source alertmanager --service checkout-api\nwarroom alert",
)
@_text("name", "NAME", required=False)
@click.option("--source", default="", metavar="TEXT", help="Who says so.")
@click.option("--service", default="", metavar="NAME", help="What it is about.")
@click.option("--detail", default="", metavar="TEXT", help="More about it.")
@click.option("--fired", metavar="TIME", help="When it fired. [default: now]")
@click.option("--dismiss", "--aside", "aside", metavar="N", help="Dismiss a waiting alert: it is not an incident.")
def alert(
    call: CliContext,
    name: Sequence[str],
    source: str,
    service: str,
    detail: str,
    fired: str | None,
    aside: str | None,
) -> None:
    """Keep an alert for whoever declares next; without a name, list those that wait."""
    from warroom.incident.commands import ReceiveAlert

    about = {"--source": source, "--service": service, "--detail": detail, "--fired": fired}
    given = [option for option, value in about.items() if value]
    if aside is not None and (name or given):
        raise click.UsageError("--aside takes nothing else. Set it aside, or keep a new alert, in two commands.")
    if given and not name:
        raise click.UsageError(
            f"The alert's name is missing. {' and '.join(given)} {'says' if len(given) == 1 else 'say'} more about "
            "an alert that is named: warroom alert NAME --service SERVICE"
        )
    room = call.room
    if aside is not None:
        room.dismiss_alert(room.team().find_alert(aside).id)
    elif name:
        words = _joined(name)
        if not words.strip():
            raise BadInput("The alert's name is empty", "Name it: warroom alert NAME")
        room.receive_alert(ReceiveAlert(words, source, service, detail, call.moment(fired, "--fired")))
    waiting = list(room.team().alerts.values())
    if call.json:
        output.data(
            [
                {
                    "alert": kept.number,
                    "id": str(kept.id),
                    "at": kept.event.fired_at or kept.at,
                    "name": kept.event.name,
                    "source": kept.event.source,
                    "service": kept.event.service,
                    "detail": kept.event.detail,
                    "drill": kept.event.drill,
                }
                for kept in waiting
            ]
        )
        return
    if not waiting:
        output.tell("No alert is waiting.")
    now = room.clock()
    output.table(
        [
            str(kept.number),
            output.when(kept.event.fired_at or kept.at, room.zone, now),
            kept.event.service,
            ("(drill) " if kept.event.drill else "") + kept.event.text,
        ]
        for kept in waiting
    )
    if waiting:
        output.tell("Declare from one: warroom declare SERVICE IMPACT --alert N")


@verb(SET_UP, name="redact", example="kubectl logs checkout-1 | warroom redact > safe.log")
def redact_(call: CliContext) -> None:
    """Copy stdin to stdout, secrets and personal data masked, control characters made visible.

    The team's own rules, in the settings under [redaction], hold here too.
    """
    from warroom import bootstrap as wiring
    from warroom.cli.log_printer import copy_redacted

    stdin.require_open()
    _, settings, _ = call.read_settings()
    wiring.use_redaction(settings)
    copy_redacted()


@verb(SET_UP, name="reset-terminal", example="warroom reset-terminal")
def reset_terminal(call: CliContext) -> None:
    """Give a terminal back that a killed program left unusable."""
    output.reset_terminal()


@verb(SET_UP, reads=True, example="warroom doctor")
def doctor(call: CliContext) -> None:
    """Check settings, journal, destinations, log files and terminal; posts nothing."""
    from warroom.cli.doctor import examine

    rows = examine(call)
    if call.json:
        output.data([{"check": row.what, "state": row.state, "text": row.text} for row in rows])
    else:
        output.table([row.glyph, row.what, row.text] for row in rows)
    click.get_current_context().exit(max(row.status for row in rows))


VERBS = (
    declare,
    ack,
    assign,
    release,
    handover,
    accept,
    check,
    uncheck,
    severity,
    state,
    resolve,
    reopen,
    note,
    pin,
    fix,
    amend,
    retract,
    milestone,
    update,
    deliveries,
    delivery,
    resend,
    action,
    done,
    actions,
    section,
    postmortem,
    export,
    close,
    list_,
    status,
    timeline,
    playbook,
    init,
    ready,
    alert,
    redact_,
    reset_terminal,
    doctor,
)
"""Every verb of this file, in the order of help."""
