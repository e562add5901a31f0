"""The verb that does a console's background work without a screen."""

from __future__ import annotations

import click

from warroom.cli.context import CliContext, verb
from warroom.errors import JournalError

SECTION = "Console"


@verb(
    SECTION,
    posts=True,
    example="warroom watch\nwarroom watch --listen 127.0.0.1:9095\nwarroom watch --page /srv/www/incidents.html\n"
    "warroom watch --once --wait 30s",
)
@click.option("--once", is_flag=True, help="Do what is due, send for --wait, and exit: for cron.")
@click.option("--listen", metavar="ADDR:PORT", help="Receive the webhooks of the alert sources there.")
@click.option("--page", metavar="FILE.html", help="Keep a page of the open incidents there, as HTML and JSON.")
def watch(context: CliContext, once: bool, listen: str | None, page: str | None) -> None:
    """Send, read chat, poll alerts, run probes and remind, without a screen.

    Prints a line for each thing it does. Runs until SIGTERM or ^C.
    """
    if once and listen:
        raise click.UsageError("--once does not stay to listen. Leave one of the two out.")
    app = context.app
    if why := app.room.read_only:
        raise JournalError(f"Nothing can be recorded: {why}", "Run warroom doctor.")
    from warroom.cli.watching import Watch

    work = Watch(app, json=context.json, page=page or "")
    if not once:
        work.run(listen or "")
    elif not work.once(context.wait_s):
        click.get_current_context().exit(1)
