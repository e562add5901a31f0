"""Verbs that write the whole journal into one file and bring it back."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from warroom.cli import output
from warroom.cli.context import CliContext, verb
from warroom.config.paths import AppPaths

SECTION = "Setup"


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


@verb(SECTION, example="warroom backup ~/warroom-backup.sqlite\nwarroom backup --force nas/warroom.sqlite --json")
@click.argument("file", metavar="FILE")
@click.option("--force", is_flag=True, help="Replace the file if it is there already.")
def backup(context: CliContext, file: str, force: bool) -> None:
    """Write the whole journal into one file, checked, while consoles run.

    In it: incidents, alerts, drafts and the outbox. Not in it: settings, transcripts, exports and logs. It is not
    encrypted.
    """
    from warroom.journal.backup import back_up

    journal = AppPaths.find(context.environ, {"data": context.data}).journal
    done = back_up(journal, Path(file).expanduser(), datetime.now(UTC), replace=force)
    if context.json:
        output.data({**done._asdict(), "path": str(done.path)})
        return
    output.print_out(
        f"{done.path}: {_count(done.entries, 'entry', 'entries')} in"
        f" {_count(done.incidents, 'incident', 'incidents')}, {done.size / 1e6:.1f} MB, checked"
    )
    output.print_err("Not in it: settings, transcripts, exports and logs. It is not encrypted.")


@verb(SECTION, example="warroom restore ~/warroom-backup.sqlite")
@click.argument("file", metavar="FILE")
def restore(context: CliContext, file: str) -> None:
    """Put a backup in the journal's place; the journal that was there is kept beside it.

    Refused while a console or warroom watch is running, and for a file that is damaged or from a newer warroom.
    Messages that were waiting in the backup are not sent by themselves: they may have been sent since.
    """
    from warroom.journal.backup import restore as put_back

    journal = AppPaths.find(context.environ, {"data": context.data}).journal
    done = put_back(Path(file).expanduser(), journal, datetime.now(UTC))
    if context.json:
        output.data(
            {
                "journal": str(done.journal),
                "kept": str(done.kept) if done.kept else None,
                "newer_entries": done.newer_entries,
                "unconfirmed": list(done.unconfirmed),
                "backup": {**done.backup._asdict(), "path": str(done.backup.path)},
            }
        )
        return
    found = done.backup
    output.print_out(
        f"{done.journal}: restored, {_count(found.entries, 'entry', 'entries')} in"
        f" {_count(found.incidents, 'incident', 'incidents')}"
    )
    if done.kept:
        newer = done.newer_entries
        beyond = (
            "Its entries could not be counted."
            if newer is None
            else "Everything in it is in the backup too."
            if newer == 0
            else f"{_count(newer, 'entry of it is', 'entries of it are')} not in the backup."
        )
        output.print_err(f"The journal that was there is {done.kept}. {beyond}")
    if done.unconfirmed:
        output.print_err(
            f"! {_count(len(done.unconfirmed), 'delivery', 'deliveries')} may have been sent since the backup was"
            " taken. Confirm each: warroom deliveries"
        )
