"""Opens the screens: the console and the log viewer. Loads Textual, so it is imported when a screen opens."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from warroom.cli import stdin
from warroom.cli.context import WITHOUT_SETTINGS, CliContext, data_folder, usage
from warroom.errors import BadInput, WarroomError
from warroom.watchdog import watchdog

if TYPE_CHECKING:
    from datetime import datetime, tzinfo

    from warroom.bootstrap import AppContext
    from warroom.config.settings import Settings
    from warroom.drill.on_demand import DrillOnDemand
    from warroom.logs.records import Level
    from warroom.logs.view import LogView
    from warroom.tui.context import ConsoleDeps

STDIN_NAMES = frozenset(("/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"))
"""Other names of stdin: read as ``-`` is, which leaves the keys to the terminal."""


def parse_moment(text: str | None, option: str, now: datetime, zone: tzinfo) -> datetime | None:
    """As ``CliContext.moment``, without opening the application."""
    from warroom.incident.timing import read_moment

    if text is None:
        return None
    try:
        return read_moment(text, now, zone)
    except BadInput as error:
        raise usage(error, option) from None


def use_masking_settings(context: CliContext) -> Settings:
    """The settings, their rules of what is masked in force from now on."""
    from warroom import bootstrap as bootstrap

    _, settings, _ = context.read_settings()
    bootstrap.use_redaction(settings)
    return settings


def open_log_console(
    context: CliContext,
    paths: Sequence[str],
    *,
    level: Level | None = None,
    grep: str | None = None,
    since: str | None = None,
    until: str | None = None,
    masks: bool = True,
) -> None:
    """Show these logs full-screen until left; needs no incident and no journal. Ends with its exit status.

    Settings are read when log text is on the screen already, but for those that must be known before: the
    team's own rules of what is masked, and the zone of a time that was typed.
    """
    from datetime import UTC, datetime

    from warroom.logs.filter import Filter
    from warroom.logs.query import BadPattern, Query
    from warroom.logs.sources.file import FileSource
    from warroom.logs.view import LogView
    from warroom.tui.log_viewer import LogViewerApp, LogViewerDeps

    try:
        within = (Query.of(grep, regex=True),) if grep else ()
    except BadPattern as error:
        raise click.BadParameter(str(error), param_hint="--grep") from None

    def build_deps() -> LogViewerDeps:
        from warroom import bootstrap as bootstrap
        from warroom.tui.actions import keymap
        from warroom.tui.theme import load_themes

        places, settings, _ = context.read_settings()
        bootstrap.use_redaction(settings)
        themes = {theme.name: theme for folder in places.themes for theme in load_themes(folder)}
        keys = keymap(settings.console.keys)
        theme = bootstrap.theme_of(settings, places, context.environ)
        kept = settings.console.log_mb * 1_000_000
        return LogViewerDeps(list(themes.values()), theme, keys, settings.team.zone, kept)

    wanted = Filter(level, within)
    zone: tzinfo = UTC
    if since or until or _has_rules(context):
        zone = use_masking_settings(context).team.zone
        now = datetime.now(UTC)
        begin, end = parse_moment(since, "--since", now, zone), parse_moment(until, "--until", now, zone)
        wanted = Filter(level, within, since=begin, until=end)
    # Before the screen is there: a pipe leaves the keys to the terminal.
    logs: list[str | int] = [_keys_from_terminal() if path == "-" else path for path in paths]

    def view() -> LogView:
        made = LogView(masks=masks, zone=zone)
        made.set_filter(wanted)
        if all(isinstance(log, str) and _is_plain_file(log) for log in logs):
            for log in logs:
                made.add(FileSource(str(log)))
        else:
            from warroom import bootstrap as bootstrap
            from warroom.cli.log_printer import refuse_kinds

            refuse_kinds([log for log in logs if isinstance(log, str)])
            bootstrap.add_logs(made, logs)
        return made

    with _terminal_taken():
        console = LogViewerApp(view, build_deps=build_deps, crash_folder=data_folder(context))
        console.run()
    if console.failed:
        raise console.failed
    click.get_current_context().exit(console.return_code or 0)


def _has_rules(context: CliContext) -> bool:
    """Whether the settings mention redaction at all: a cheap look at the file."""
    try:
        return b"redaction" in context.find_paths().settings.read_bytes()
    except OSError:  # none, or one that is reported when it is read
        return False


def _is_plain_file(log: str) -> bool:
    """Whether it can only mean this file, as it is: what most are, and costs nothing to find out."""
    try:
        if not Path(log).is_file():  # opening a pipe would wait for its writer
            return False
        with Path(log).open("rb") as file:
            # Compressed files begin with one of these.
            return file.read(2) not in (b"\x1f\x8b", b"BZ", b"\xfd7", b"\x28\xb5")
    except (OSError, ValueError):
        return False


def has_terminal(context: CliContext) -> bool:
    """Whether a console can be drawn and driven here."""
    return bool(sys.stdout and sys.stdout.isatty()) and context.environ.get("TERM", "") not in ("", "dumb")


def open_console(
    context: CliContext,
    *,
    war_room: bool = False,
    logs: Sequence[str] = (),
    drill_name: str = "",
    pace: float = 1.0,
) -> None:
    """Open the console with the application that was asked for, and end with its exit status.

    With ``war_room`` it begins in the incident that is meant. ``drill_name`` is a drill to start, ``pace`` how many
    times as fast drills run.
    """
    if not has_terminal(context):
        raise WarroomError(
            "The console needs a terminal", "In scripts use a verb: warroom status --json; see warroom --help."
        )
    logs = ["-" if log in STDIN_NAMES else log for log in logs]
    # A path is meant from here; journal:… and the like are no paths.
    named = tuple(f"{prefix}:" for prefix in ("journal", "docker", "run"))
    more: list[Path | str | int] = [
        log if log.startswith(named) else Path(log).absolute() for log in logs if log != "-"
    ]
    if "-" in logs:
        more.append(_keys_from_terminal())
    here = click.get_current_context()
    context.opens_screen = True  # which shows the notices

    def build_deps() -> ConsoleDeps:
        with here.scope(cleanup=False):  # a thread of its own, to which click's context is not known
            app = context.app
            opened = context.incident().id if war_room else ""
        app.end_leftover_drills()
        drill = app.drill_on_demand(app.drill_logs, pace=pace)
        return deps(
            app,
            drill,
            logs=more,
            incident_id=opened,
            no_settings=context.no_settings,
            notice=context.unknown_person_warning(),
            start_drill=drill_name,
        )

    here.exit(show_console(build_deps, crash_folder=data_folder(context)))


def deps(
    app: AppContext,
    drill: DrillOnDemand,
    *,
    incident_id: str = "",
    logs: Sequence[Path | str | int] = (),
    briefing: tuple[str, str] | None = None,
    no_settings: bool = False,
    notice: str = "",
    start_drill: str = "",
) -> ConsoleDeps:
    """The console's dependencies; with a ``briefing`` (title, text) it begins with that card, then with the drill.

    ``notice`` is shown at its start. With ``no_settings`` the themes beside the settings are left alone too, and no
    theme is written there.
    """
    from warroom.tui.context import ConsoleDeps
    from warroom.tui.theme import load_themes

    folders = app.places.themes[:1] if no_settings else app.places.themes
    themes = {theme.name: theme for folder in folders for theme in load_themes(folder)}

    def watch_logs(view: LogView, service: str) -> None:
        app.watch_logs(view, service, [*drill.logs_of(service), *logs])

    return ConsoleDeps(
        app.room,
        watch_logs,
        themes=list(themes.values()),
        theme=app.theme,
        # What became of a delivery could not be recorded, and it would go out again.
        jobs=app.jobs,
        background=() if app.room.read_only else app.background_jobs(),
        drill=drill,
        start_drill=start_drill,
        briefing=briefing,
        incident_id=incident_id,
        # The demo's settings are everybody's.
        save_theme=None if briefing or no_settings else app.choose_theme,
        notice=WITHOUT_SETTINGS if no_settings else notice,
        search=lambda: app.search,
    )


def show_console(build_deps: Callable[[], ConsoleDeps], crash_folder: Path | None = None) -> int:
    """Show the console until it is left; its exit status. The one place that imports the screen.

    ``build_deps`` is called in a thread once the screen is there; an error it raises is raised here once the screen
    is closed.
    """
    with _terminal_taken():
        from warroom.tui.app import WarRoomApp

        console = WarRoomApp(build_deps, crash_folder=crash_folder)
        console.run()
    if console.failed:
        raise console.failed
    return console.return_code or 0


@contextmanager
def _terminal_taken() -> Iterator[None]:
    """Within this the terminal is the console's, while that is loaded too: what is typed is kept for it, unseen.

    Until the screen takes over there is nothing to close, so an ending signal ends the process then and there: an
    exception could be lost while modules are loaded, and the screen would come up all the same.
    """
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, lambda number, _: watchdog.end_now(128 + number))
    with watchdog.screen():
        yield


def _keys_from_terminal() -> int:
    """Keep what is piped in as a log, and let the keys come from the terminal; the pipe's new number."""
    stdin.require_open()
    try:
        terminal = os.open("/dev/tty", os.O_RDWR)
    except OSError:
        raise WarroomError(
            "There is no terminal to read keys from while stdin is a log", "Name the log as a file instead of -."
        ) from None
    pipe = os.dup(0)
    os.dup2(terminal, 0)
    os.close(terminal)
    return pipe
