"""What the verbs share: words as arguments, a command executed and reported, deliveries, output files."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

import click

from warroom.cli import output, stdin
from warroom.cli.context import CliContext
from warroom.errors import Refusal, SettingsError, WarroomError

if TYPE_CHECKING:
    from uuid import UUID

    from warroom.incident.commands import Command
    from warroom.incident.delivery import Delivery
    from warroom.incident.incident import TimelineRow
    from warroom.incident.readings import Reading
    from warroom.room.room import Done

F = TypeVar("F", bound=Callable[..., Any])


def text_argument(name: str = "words", metavar: str = "TEXT", *, required: bool = True) -> Callable[[F], F]:
    """Words at the end of the line, with or without quotes; ``-`` reads them from stdin."""
    return click.argument(name, nargs=-1, required=required, metavar=metavar if required else f"[{metavar}]")


def join_words(words: Sequence[str]) -> str:
    if list(words) == ["-"]:
        return stdin.read_text()
    return " ".join(words)


def execute(context: CliContext, command: Command) -> None:
    """Carry out a command on the incident meant, print the entries, wait for what it posts."""
    report_done(context, context.room.execute(context.incident().id, command))


def measured_now(context: CliContext, probes: Sequence[str]) -> dict[str, Reading]:
    """A reading of each of these probes of the settings, taken now, by name."""
    if not probes:
        return {}
    from warroom.room import background
    from warroom.room.probe_watch import take_all  # asyncio; not for who has no probes

    return background.start(lambda: take_all(context.room, probes, context.app.probe)).result()


def report_done(context: CliContext, done: Done) -> None:
    """What was written; then what became of the deliveries it left.

    What is undelivered does not change the exit status: the fact is recorded, and its delivery is not lost.
    """
    warn_of_unknown_person(context)
    rows = [row for entry in done.entries if (row := done.incident.row(entry.id))]
    if not context.json:
        print_rows(context, rows)
    deliveries = deliver(context, done.incident.id, {entry.id for entry in done.entries})
    if context.json:
        output.data(
            {
                "id": done.incident.id,
                "entries": [public_row(row) for row in rows],
                "deliveries": [output.delivery(delivery) for delivery in deliveries],
            }
        )


def warn_of_unknown_person(context: CliContext) -> None:
    if warning := context.unknown_person_warning():
        output.print_err(f"! {warning}")


def print_rows(context: CliContext, rows: Iterable[TimelineRow]) -> None:
    now, zone = context.room.clock(), context.room.zone
    output.table(
        [row.entry.stream, str(row.number), output.when(row.entry.at, zone, now), row.kind, row.text]
        for row in rows
    )


def deliver(context: CliContext, incident_id: str, entries: Collection[UUID]) -> list[Delivery]:
    """Wait for the incident's deliveries and report those of ``entries``; return these."""
    from warroom.incident.delivery import DeliveryState

    with suppress(BrokenPipeError, WarroomError):  # reported at the end: what is recorded is sent all the same
        output.flush()  # what was recorded is printed before it is waited for
    left = context.room.deliveries(incident_id)
    if context.wait_s and any(
        delivery.state is DeliveryState.PENDING and delivery.entry_id in entries for delivery in left
    ):
        left = context.app.outbox().drain(context.remaining_wait_s(), incident_id)
    ours = [delivery for delivery in left if delivery.entry_id in entries]
    print_deliveries(ours, left)
    return ours


def print_deliveries(ours: Iterable[Delivery], everything: Iterable[Delivery]) -> None:
    """Print a line per destination to stderr: the worst state of ``ours`` there, and what to do about it."""
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
            one.item.operation == "status"
            and one.state is DeliveryState.DELIVERED
            and not (one.receipt and one.receipt.id)
        ):
            continue  # a destination without a status message has nothing to report
        if one.id in replaced and one.state in (DeliveryState.FAILED, DeliveryState.UNCONFIRMED):
            continue  # a newer status message makes it good
        known = worst.setdefault(one.destination, [one])
        if order.index(one.state) > order.index(known[0].state):
            worst[one.destination] = [one]
        elif one.state is known[0].state and one is not known[0]:
            known.append(one)
    for name, alike in worst.items():
        # What people read comes first: a post opens the channel by itself, and brings what a status only sums up.
        one = min(alike, key=lambda delivery: {"post": 0, "open": 1, "status": 2}.get(delivery.item.operation, 0))
        why = in_one_line(one.error)
        if one.state is DeliveryState.DELIVERED:
            url = next((each.receipt.url for each in (one, *alike) if each.receipt and each.receipt.url), "")
            posts = Counter(each.entry_id for each in alike if each.item.operation == "post")
            parts = max(posts.values(), default=1)
            line = f"✓ {name}" + (f", too long for one post: in {parts} parts" if parts > 1 else "")
            output.print_err(line + (f"  {url}" if url else ""))
        elif one.state is DeliveryState.FAILED:
            how = f"warroom delivery {one.id} --resend" if len(alike) == 1 else "warroom resend --all"
            output.print_err(f"✗ {name}: {why}. Fix the cause, then: {how}")
        elif one.state is DeliveryState.PENDING:
            first = held_up.get(name)  # order is kept: what was not tried waits for what was
            why = why or (in_one_line(first.error) if first else "")
            lacks = one.lacks_settings or (first is not None and first.lacks_settings)
            sender = (
                "another warroom with the missing settings sends it"
                if lacks
                else "the next warroom that runs sends it"
            )
            output.print_err(f"{'↻' if why else '…'} {name}: {why or 'not sent yet'}; kept, {sender}")
        elif one.state is DeliveryState.UNCONFIRMED and one.next_attempt_at:
            output.print_err(f"? {name}: {why or 'no answer'}; the next warroom that runs checks")
        else:
            output.print_err(
                f"? {name}: outcome unknown ({why or 'no answer'}); look there, then: "
                f"warroom delivery {one.id} --sent or --resend"
            )


def in_one_line(error: str) -> str:
    return ". ".join(line.rstrip(". ") for line in error.splitlines() if line.strip())


def confirm(preview: str, question: str, nothing: str) -> None:
    """Show what would happen, and ask. ``Refusal`` with ``nothing`` ("nothing ran") unless somebody agrees."""
    output.print_err(f"{preview}\n")
    if not (sys.stdin and sys.stdin.isatty()):
        raise Refusal(f"Nobody can be asked here, so {nothing}", "Add --yes to do it without asking.")
    if not click.confirm(question, err=True):
        raise Refusal(f"{nothing[0].upper()}{nothing[1:]}", "You said no.")


def write_output(path: str | None, text: str, context: CliContext) -> None:
    """A document to a file, for its owner alone, or to stdout."""
    if path is None or path == "-":
        output.print_out(text.rstrip("\n"))
        return
    from pathlib import Path

    from warroom.config.paths import write_document

    _write_file(path, lambda: write_document(Path(path), text), context)


def write_export_output(path: str | None, text: str, context: CliContext, *, overwrite: bool) -> None:
    """As ``write_output``; a file that people edited is refused without ``overwrite``."""
    if path is None or path == "-":
        output.print_out(text.rstrip("\n"))
        return
    from pathlib import Path

    from warroom.config.paths import write_document
    from warroom.room.exports import ExportEdited, write_export

    def write() -> None:
        try:
            write_export(context.room, Path(path), text, overwrite=overwrite, write=write_document)
        except ExportEdited as edited:
            remedy = f"Replace it with --overwrite, or name another file: --output {edited.other}"
            raise Refusal(edited.title, remedy) from None

    _write_file(path, write, context)


def _write_file(path: str, write: Callable[[], None], context: CliContext) -> None:
    try:
        write()
    except SettingsError as error:  # no settings: a file of the person's own choosing
        raise WarroomError(error.title, f"{error.remedy} Name another file with --output.") from None
    if context.json:
        output.data({"path": path})
    else:
        output.print_err(f"Written: {path}")


def public_row(row: TimelineRow) -> dict[str, Any]:
    """The shape that ``timeline --json`` guarantees, with the entry as it is now; a mark where it was changed."""
    shape = {"seq": row.number, "id": str(row.id), "at": row.at, "kind": row.kind, "by": row.by, "text": row.text}
    marks = {"retracted": row.retracted, "scrubbed": row.scrubbed}
    return shape | {name: True for name, marked in marks.items() if marked}
