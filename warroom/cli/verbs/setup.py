"""Verbs for setting up and repairing: settings, readiness, alerts, redaction, the check of everything."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

import click

from warroom.cli import output, stdin
from warroom.cli.context import CliContext, data_folder, pick, verb
from warroom.cli.reporting import join_words, measured_now, text_argument
from warroom.config.paths import AppPaths, expanded, write_atomically
from warroom.errors import BadInput, Refusal, SettingsError, WarroomError
from warroom.incident.alerts import ReceiveAlert

if TYPE_CHECKING:
    from warroom.room.readiness import ReadyItem

SECTION = "Setup"


@verb(SECTION, example="warroom init\nwarroom init --path team/settings.toml\nwarroom init --commented")
@click.option("--path", metavar="FILE", help="Where to write it instead of the usual place.")
@click.option("--commented", is_flag=True, help="Ask nothing: write a file that explains every key.")
def init(context: CliContext, path: str | None, commented: bool) -> None:
    """Write a settings file, on a terminal by five questions; never overwrites one.

    In a pipe, and with --commented, it is a file in which every key is explained and commented out.
    """
    from warroom.cli import first_settings

    place = expanded(path).absolute() if path else context.find_paths().settings
    first_settings.refuse_existing(place)
    if not (commented or context.json) and sys.stdin.isatty() and sys.stdout.isatty():
        _interview(context, place)
        return
    from warroom.config.manual import commented_toml

    try:
        write_atomically(place, commented_toml())
    except SettingsError as error:
        raise WarroomError(error.title, "Choose another with --path.") from None
    if context.json:
        output.data({"path": str(place)})
    else:
        output.print_out(str(place))
        output.print_err("Uncomment what you need. Then: warroom doctor")


def _interview(context: CliContext, place: Path) -> None:
    """Ask, write the settings to ``place``, and connect the chat that was named."""
    from warroom.cli import connecting, first_settings, interview
    from warroom.config import personal

    places = AppPaths.find(context.environ, {"settings": str(place), "data": context.data})
    found_at = personal.find_paths(context.environ, {}).settings
    chats = connecting.team_chats()
    output.print_err(first_settings.INTRODUCTION)
    try:
        answers = interview.ask(first_settings.questions(places, context.environ, chats))
    except (click.Abort, KeyboardInterrupt):
        output.print_err("\nNothing was written.")
        raise
    written = first_settings.write(answers, places, found_at=found_at)
    for line in first_settings.summary(written, places):
        output.print_out(line)
    connected = not answers["chat"] or _connect_first(answers["chat"], places, context.environ)
    found_at = personal.find_paths(context.environ, {}).settings
    output.print_err(first_settings.next_step(written, found_at, "" if connected else answers["chat"]))


def _connect_first(service: str, places: AppPaths, environ: Mapping[str, str]) -> bool:
    """Connect the chat that was named, now; False if the person leaves that for later."""
    from warroom.cli import connecting

    output.print_err(f"\nctrl+c leaves this for later: warroom connect {service}\n")
    try:
        connecting.connect(connecting.begin(service, service, {}, ()), places, environ)
    except (click.Abort, KeyboardInterrupt):
        return False
    except WarroomError as error:
        output.print_error(error)
        return False
    return True


@verb(SECTION, reads=True, example="warroom ready\nwarroom ready runbooks")
@text_argument("item", "ITEM", required=False)
@click.option("--anyway", is_flag=True, help="Confirm it even if it is contradicted by what is measured.")
def ready(context: CliContext, item: Sequence[str], anyway: bool) -> None:
    """Show the readiness checklist, measured now, or confirm one of its items for today."""
    from warroom.room.readiness import own_probes, readiness

    room = context.room
    readings = measured_now(context, own_probes(room))
    items = readiness(room, readings)
    if item:
        known_items = [(i.item.id, i.item.text) for i in items]
        chosen = pick(
            "readiness item", join_words(item), known_items, where="See: warroom ready.", abbreviated=False
        )
        (found,) = [i for i in items if i.item.id == chosen]
        if found.reading and found.reading.against and not anyway:
            wrong = f"“{found.item.text}” is contradicted: {found.reading.text}"
            raise Refusal(wrong, "Put it right first, or use --anyway.")
        room.confirm_ready(chosen)
        items = [i for i in readiness(room, readings) if i.item.id == chosen]
    now = room.clock()
    if context.json:
        output.data(
            [
                {
                    "item": i.item.id,
                    "text": i.item.text,
                    "holds": i.holds(now),
                    "confirmed_at": i.confirmed_at,
                    "holds_until": i.holds_until,
                    "speaks": i.reading.speaks if i.reading else None,
                    "reading": i.reading.text if i.reading else None,
                }
                for i in items
            ]
        )
        return
    output.table([*_ready_row(i, now, room.zone)] for i in items)


def _ready_row(ready: ReadyItem, now: datetime, zone: tzinfo) -> Iterator[str]:
    """Whether it holds, when it was last confirmed, what is measured."""
    against = ready.reading is not None and ready.reading.against
    yield "!" if against else "✓" if ready.holds(now) else "○"
    yield ready.item.id
    last = f"{ready.confirmed_at.astimezone(zone):%Y-%m-%d}" if ready.confirmed_at else "never"
    until = ready.holds_until
    again = f", again by {until.astimezone(zone):%Y-%m-%d}" if until and ready.item.valid_days else ""
    yield f"{last}, expired" if until and until <= now else f"{last}{again}"
    yield f"{ready.item.text} — {ready.reading.text}" if ready.reading else ready.item.text


GLYPHS = {"for": "✓", "against": "!", "neither": "?"}
"""How a reading is marked."""


@verb(SECTION, reads=True, example="warroom probes\nwarroom probes health --json")
@click.argument("name", default="")
def probes(context: CliContext, name: str) -> None:
    """Measure every probe of the settings now, and show the readings."""
    known = context.room.settings.probes
    names = [pick("probe", name, [(one, one) for one in known])] if name else list(known)
    readings = measured_now(context, names)
    if context.json:
        output.data(
            [
                {
                    "probe": one,
                    "kind": known[one].kind,
                    "service": known[one].service,
                    "verifies": known[one].verifies or one,
                    "at": reading.at,
                    "speaks": reading.speaks,
                    "text": reading.text,
                    "value": reading.value,
                    "unit": reading.unit,
                }
                for one, reading in readings.items()
            ]
        )
        return
    if not names:
        output.print_err("The settings have no probes. warroom help probes explains them.")
    output.table(
        [GLYPHS[reading.speaks], one, known[one].service or "any service", reading.text]
        for one, reading in readings.items()
    )


@verb(
    SECTION,
    example="warroom alert error_rate_50percent --source alertmanager --service checkout-api\nwarroom alert",
)
@text_argument("name", "NAME", required=False)
@click.option("--source", default="", metavar="TEXT", help="Where it comes from.")
@click.option("--service", default="", metavar="NAME", help="The service it is about.")
@click.option("--detail", default="", metavar="TEXT", help="Details.")
@click.option("--fired", metavar="TIME", help="When it fired. [default: now]")
@click.option("--dismiss", "--aside", "aside", metavar="N", help="Dismiss a waiting alert: it is not an incident.")
def alert(
    context: CliContext,
    name: Sequence[str],
    source: str,
    service: str,
    detail: str,
    fired: str | None,
    aside: str | None,
) -> None:
    """Record an alert to declare from; without a name, list the waiting alerts."""
    about = {"--source": source, "--service": service, "--detail": detail, "--fired": fired}
    given = [option for option, value in about.items() if value]
    if aside is not None and (name or given):
        raise click.UsageError("--aside takes nothing else. Dismiss one alert and record another in two commands.")
    if given and not name:
        raise click.UsageError(
            f"The alert's name is missing. {' and '.join(given)} {'says' if len(given) == 1 else 'say'} more about "
            "an alert that is named: warroom alert NAME --service SERVICE"
        )
    room = context.room
    if aside is not None:
        room.dismiss_alert(room.team().find_alert(aside).id)
    elif name:
        words = join_words(name)
        if not words.strip():
            raise BadInput("The alert's name is empty", "Give it a name: warroom alert NAME")
        room.receive_alert(ReceiveAlert(words, source, service, detail, context.moment(fired, "--fired")))
    now = room.clock()
    waiting = list(room.team().shown(now).values())
    if context.json:
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
                    "severity": kept.event.severity,
                    "url": kept.event.url,
                    "labels": kept.event.labels,
                    "group": kept.event.group,
                    "cleared_at": kept.cleared_at,
                }
                for kept in waiting
            ]
        )
        return
    if not waiting:
        output.print_err("No unacknowledged alerts.")
    output.table(
        [
            str(kept.number),
            output.when(kept.event.fired_at or kept.at, room.zone, now),
            kept.event.service,
            ("(drill) " if kept.event.drill else "") + kept.event.text + (" (cleared)" if kept.cleared_at else ""),
        ]
        for kept in waiting
    )
    if waiting:
        output.print_err("Declare from one: warroom declare SERVICE IMPACT --alert N")


@verb(SECTION, name="redact", has_json=False, example="kubectl logs checkout-1 | warroom redact > safe.log")
def redact_(context: CliContext) -> None:
    """Copy stdin to stdout with secrets and personal data masked.

    Uses the team's own rules too ([redaction] in the settings).
    """
    from warroom import bootstrap as bootstrap
    from warroom.cli.log_printer import copy_redacted

    stdin.require_open()
    _, settings, _ = context.read_settings()
    bootstrap.use_redaction(settings)
    copy_redacted()


@verb(SECTION, name="reset-terminal", has_json=False, example="warroom reset-terminal")
def reset_terminal(context: CliContext) -> None:
    """Restore a terminal that a killed program left unusable."""
    output.reset_terminal()


@verb(SECTION, name="help", reads=True, example="warroom help\nwarroom help logs\nwarroom help --man > warroom.1")
@click.argument("topic", default="")
@click.option("--man", is_flag=True, help="Print the man page, in the format of man.")
def help_(context: CliContext, topic: str, man: bool) -> None:
    """Print a page of the manual; without a topic, list the pages."""
    from warroom.cli import manual

    if man:
        if topic or context.json:
            raise click.UsageError("--man takes nothing else: warroom help --man")
        output.print_out(manual.man_page(), end="")
        return
    topics = manual.topics()
    if not topic and context.json:
        output.data([{"topic": name, "explains": text} for name, text in topics.items()])
    elif not topic:
        output.table([name, text] for name, text in topics.items())
        output.print_err("warroom help TOPIC prints a page; warroom VERB --help explains a verb.")
    else:
        chosen = pick("page of the manual", topic, [(name, name) for name in topics])
        if context.json:
            output.data({"topic": chosen, "markdown": manual.page(chosen)})
        else:
            manual.show(chosen)


@verb(SECTION, reads=True, example="warroom doctor\nwarroom doctor --log")
@click.option("--log", is_flag=True, help="Show the diagnostic log: where it is, and its last errors.")
def doctor(context: CliContext, log: bool) -> None:
    """Check everything that an incident needs, and say what to do next. Posts nothing."""
    from warroom.cli.doctor import examine
    from warroom.cli.findings import next_step

    if log:
        from warroom.diagnostics import read_log

        path, text = read_log(data_folder(context))
        if context.json:
            output.data({"path": str(path), "text": text})
        else:
            output.print_out(str(path))
            output.print_out(text or "Empty: no job or plugin has failed.")
        return

    rows = examine(context)
    step = next_step(rows)
    if context.json:
        output.data([{"check": row.what, "state": row.state, "text": row.text} for row in (*rows, step)])
    else:
        output.table([row.glyph, row.what, row.text] for row in rows)
        output.print_out(step.text)
    click.get_current_context().exit(max(row.status for row in rows))
