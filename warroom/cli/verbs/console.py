"""Verbs that open a screen: the console, the demo, the log viewer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from warroom.cli import output, stdin
from warroom.cli.consoles import (
    STDIN_NAMES,
    deps,
    has_terminal,
    open_console,
    open_log_console,
    parse_moment,
    show_console,
    use_masking_settings,
)
from warroom.cli.context import CliContext, verb
from warroom.errors import WarroomError

if TYPE_CHECKING:
    from warroom.drill.player import DrillPlayer
    from warroom.logs.records import Level
    from warroom.tui.context import ConsoleDeps

SECTION = "Console"


@verb(
    SECTION,
    name="open",
    has_json=False,
    example="warroom open INC-7 --log /var/log/checkout.log\nkubectl logs -f checkout | warroom open --log -",
)
@click.argument("incident", required=False, metavar="[INC-n]")
@click.option("--log", "logs", multiple=True, metavar="PATH", help="A log to watch, as for warroom logs.")
def open_(context: CliContext, incident: str | None, logs: Sequence[str]) -> None:
    """Open the console in an incident's war room."""
    context.incident_id = incident or context.incident_id
    open_console(context, war_room=True, logs=logs)


@verb(SECTION, example="warroom demo\nwarroom demo --speed 10\nwarroom demo --plain")
@click.option("--speed", type=click.FloatRange(0.1, 10_000), metavar="N", help="Run the clock N times as fast.")
@click.option("--plain", is_flag=True, help="Play the responder too, at full speed, and print what happens.")
def demo(context: CliContext, speed: float | None, plain: bool) -> None:
    """Run a drill on sample data. Nothing of yours is touched and nothing is sent."""
    import tempfile

    from warroom import bootstrap as bootstrap

    headless = plain or context.json or not has_terminal(context)
    try:
        folder = Path(tempfile.mkdtemp(prefix="warroom-demo-"))
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        raise WarroomError(
            f"The demo cannot create its folder: {reason}",
            "Free some space there, or set TMPDIR to another folder.",
        ) from None
    if headless:
        from warroom.cli.headless_demo import play

        app, player = bootstrap.open_demo(folder, speed or float("inf"), context.by, environ=context.environ)
        with app:
            play(app, player, folder, json=context.json)
        return
    app, player = bootstrap.open_demo(folder, speed or 1.0, context.by, environ=context.environ)
    # The one it begins with, and then any other.
    drill = app.drill_on_demand(player.folder, player.clock, player)

    def build_deps() -> ConsoleDeps:
        from warroom.drill.history import write_history

        write_history(app.room)
        return deps(app, drill, briefing=(player.script.title, _briefing(app.room.by, player)))

    with app:
        status = show_console(build_deps, crash_folder=folder)
        if drill.incident_id:
            from warroom.reports.drill_score import debrief, debrief_text

            over = debrief(app.room.incident(drill.incident_id), app.room.playbook, app.room.clock())
            output.print_err(debrief_text(over))
    output.print_err(f"What you entered is in {folder}; delete it when you like.")
    click.get_current_context().exit(status)


def _briefing(person: str, drill: DrillPlayer) -> str:
    script = drill.script
    return (
        f"You are {person}, on call for {script.service}.\n\n"
        f"{script.summary}\n\n"
        "Nothing leaves this machine: the logs are made up, the team is made up, and messages go to a file.\n\n"
        "The line Next at the bottom says what to do and the key that does it. Pressing what it says is enough to"
        " finish; F2 shows the incident in large type, ? lists the keys, ^q leaves."
    )


@verb(
    SECTION,
    example="warroom logs /var/log/checkout --level warn\n"
    "warroom logs 'app*.log' old.log.gz --since 14:00 --until 14:30 --grep timeout --json\n"
    "kubectl logs -f checkout | warroom logs - --follow\nwarroom logs journal:nginx 'run:ssh web tail -F app.log'",
)
@click.argument("paths", nargs=-1, required=True, metavar="PATH…")
@click.option("--follow", "-f", is_flag=True, help="Follow the logs, across rotation.")
@click.option(
    "--level",
    type=click.Choice(["trace", "debug", "info", "warn", "error", "fatal"]),
    help="Lowest level to show.",
)
@click.option("--grep", metavar="RE", help="Only records that match; case matters if there is a capital letter.")
@click.option("--since", metavar="TIME", help="Only records from this time on: 10m, 13:50, 2026-01-28T13:50Z.")
@click.option("--until", metavar="TIME", help="Only records before this time.")
@click.option("--no-redact", is_flag=True, help="Show secrets.")
def logs(
    context: CliContext,
    paths: Sequence[str],
    follow: bool,
    level: Level | None,
    grep: str | None,
    since: str | None,
    until: str | None,
    no_redact: bool,
) -> None:
    """Watch logs full-screen; in a pipe or with --json, print them with secrets masked.

    PATH is a file (compressed ones too), a pipe, a pattern, a folder, - for stdin, journal:UNIT, docker:CONTAINER
    or run:COMMAND. Several are merged by time.
    """
    paths = ["-" if path in STDIN_NAMES else path for path in paths]
    if "-" in paths:
        stdin.require_open()
    if has_terminal(context) and not context.json:
        open_log_console(context, paths, level=level, grep=grep, since=since, until=until, masks=not no_redact)
        return
    from warroom import bootstrap as bootstrap
    from warroom.cli.log_printer import Wanted, show
    from warroom.logs.query import BadPattern, Query

    settings = use_masking_settings(context)
    now, zone = bootstrap.utc_now(), settings.team.zone
    try:
        query = Query.of(grep, regex=True) if grep else None
    except BadPattern as error:
        raise click.BadParameter(str(error), param_hint="--grep") from None
    wanted = Wanted(
        now,
        zone,
        level,
        query,
        parse_moment(since, "--since", now, zone),
        parse_moment(until, "--until", now, zone),
        context.json,
        not no_redact,
    )
    show(paths, wanted, follow=follow)
