"""How warroom starts and ends: the argument tree, the exit status, the console opened. Decides nothing.

Exit status: 0 done · 1 refused or failed · 2 usage · 3 settings or playbook wrong · 129 hung up on ·
130 interrupted · 141 nobody reads the output any more · 143 terminated. Reasons go to stderr. A message that could
not be delivered does not change the status of a decision that was recorded: it waits in the outbox, and stderr says
so.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from warroom import __version__
from warroom.cli import output, stdin
from warroom.cli.context import WITHOUT_SETTINGS, CliContext, Verbs, usage, verb
from warroom.cli.verbs.all_verbs import VERBS
from warroom.errors import WarroomError
from warroom.watchdog import watchdog

if TYPE_CHECKING:
    from datetime import datetime, tzinfo
    from types import FrameType

    from warroom.bootstrap import AppContext
    from warroom.config.settings import Settings
    from warroom.drill.player import DrillPlayer
    from warroom.incident.summary import Summary
    from warroom.logs.records import Level
    from warroom.logs.view import LogView
    from warroom.tui.context import ConsoleDeps

INTERRUPTED = 128 + signal.SIGINT
NOBODY_READS = 128 + signal.SIGPIPE

CONSOLE = "The console"


@click.group(
    cls=Verbs,
    invoke_without_command=True,
    epilog="Every verb explains itself: warroom VERB --help. Without a verb the console opens.",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 116},
)
@click.version_option(__version__, prog_name="warroom", message="%(prog)s %(version)s")
@click.pass_context
def cli(context: click.Context) -> None:
    """Run a production incident: one room, one timeline, nothing lost.

    \b
    Something is broken?   warroom declare SERVICE "what users notice"
    Just looking?          warroom demo
    """
    call = context.ensure_object(CliContext)
    if context.invoked_subcommand is None:
        if call.no_settings:
            output.tell(f"! {WITHOUT_SETTINGS}")
        open_console(call)


# ── the console ─────────────────────────────────────────────────────────────────────────────────────────────


@verb(
    CONSOLE,
    name="open",
    example="warroom open INC-7 --log /var/log/checkout.log\nkubectl logs -f checkout | warroom open --log -",
)
@click.argument("incident", required=False, metavar="[INC-n]")
@click.option("--log", "logs", multiple=True, metavar="PATH", help="A log to watch, as warroom logs takes it.")
def open_(call: CliContext, incident: str | None, logs: Sequence[str]) -> None:
    """Open the console in an incident's war room."""
    call.incident_id = incident or call.incident_id
    open_console(call, war_room=True, logs=logs)


@verb(CONSOLE, example="warroom demo\nwarroom demo --speed 10\nwarroom demo --plain")
@click.option("--speed", type=click.FloatRange(0.1, 10_000), metavar="N", help="Its clock runs N times as fast.")
@click.option("--plain", is_flag=True, help="Play the responder too, without waiting, and print what happens.")
def demo(call: CliContext, speed: float | None, plain: bool) -> None:
    """Rehearse an incident on sample data; nothing of yours is touched, nothing is sent."""
    import tempfile

    from warroom import bootstrap as wiring

    headless = plain or call.json or not has_terminal(call)
    try:
        folder = Path(tempfile.mkdtemp(prefix="warroom-demo-"))
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        raise WarroomError(
            f"The demo has no folder to play in: {reason}", "Free some space there, or name another with TMPDIR."
        ) from None
    if headless:
        from warroom.cli.headless_demo import play

        house, drill = wiring.open_demo(folder, speed or float("inf"), call.by, environ=call.environ)
        with house:
            play(house, drill, folder, json=call.json)
        return
    house, drill = wiring.open_demo(folder, speed or 1.0, call.by, environ=call.environ)
    with house:
        status = show_console(lambda: deps(house, drill, rehearses=True), crash_folder=folder)
    output.tell(f"What you entered is kept in {folder}; delete it when you like.")
    click.get_current_context().exit(status)


@verb(
    CONSOLE,
    example="warroom logs /var/log/checkout --level warn\n"
    "warroom logs 'app*.log' old.log.gz --since 14:00 --until 14:30 --grep timeout --json\n"
    "kubectl logs -f checkout | warroom logs - --follow\nwarroom logs journal:nginx 'run:ssh web tail -F app.log'",
)
@click.argument("paths", nargs=-1, required=True, metavar="PATH…")
@click.option("--follow", "-f", is_flag=True, help="Go on as lines are written, across rotation.")
@click.option(
    "--level", type=click.Choice(["trace", "debug", "info", "warn", "error", "fatal"]), help="The least to show."
)
@click.option("--grep", metavar="RE", help="Only records in which this is found; case counts if it has a capital.")
@click.option("--since", metavar="TIME", help="Only records from then on: 10m, 13:50, 2026-01-28T13:50Z.")
@click.option("--until", metavar="TIME", help="Only records before that.")
@click.option("--no-redact", is_flag=True, help="Mask nothing. For your eyes only.")
def logs(
    call: CliContext,
    paths: Sequence[str],
    follow: bool,
    level: Level | None,
    grep: str | None,
    since: str | None,
    until: str | None,
    no_redact: bool,
) -> None:
    """Watch logs full-screen; in a pipe, or with --json, print them: one line or object a record, secrets masked.

    PATH is a file (compressed ones too), a pipe, a pattern, a folder, - for stdin, journal:UNIT, docker:CONTAINER
    or run:COMMAND. Several are merged by time.
    """
    paths = ["-" if path in _STDIN else path for path in paths]
    if "-" in paths:
        stdin.require_open()
    if has_terminal(call) and not call.json:
        open_log_console(call, paths, level=level, grep=grep, since=since, until=until, masks=not no_redact)
        return
    from warroom import bootstrap as wiring
    from warroom.cli.log_printer import Wanted, show
    from warroom.logs.query import BadPattern, Query

    settings = _masking_settings(call)
    now, zone = wiring.utc_now(), settings.team.zone
    try:
        query = Query.of(grep, regex=True) if grep else None
    except BadPattern as error:
        raise click.BadParameter(str(error), param_hint="--grep") from None
    wanted = Wanted(
        now,
        zone,
        level,
        query,
        _moment(since, "--since", now, zone),
        _moment(until, "--until", now, zone),
        call.json,
        not no_redact,
    )
    show(paths, wanted, follow=follow)


_STDIN = frozenset(("/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"))
"""Other names of stdin: read as ``-`` is, which leaves the keys to the terminal."""


def _moment(text: str | None, option: str, now: datetime, zone: tzinfo) -> datetime | None:
    """As ``CliContext.moment``, without opening the house."""
    from warroom.errors import BadInput
    from warroom.incident.timing import read_moment

    if text is None:
        return None
    try:
        return read_moment(text, now, zone)
    except BadInput as error:
        raise usage(error, option) from None


def _masking_settings(call: CliContext) -> Settings:
    """The settings, their rules of what is masked in force from now on."""
    from warroom import bootstrap as wiring

    _, settings, _ = call.read_settings()
    wiring.use_redaction(settings)
    return settings


def open_log_console(
    call: CliContext,
    paths: Sequence[str],
    *,
    level: Level | None = None,
    grep: str | None = None,
    since: str | None = None,
    until: str | None = None,
    masks: bool = True,
) -> None:
    """Show these logs full-screen until left; needs no incident and no journal. Ends with its exit status.

    Settings are read when log text stands on the screen already, but for those that must be known before: the
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
        from warroom import bootstrap as wiring
        from warroom.tui.actions import keymap
        from warroom.tui.theme import load_themes

        places, settings, _ = call.read_settings()
        wiring.use_redaction(settings)
        themes = {theme.name: theme for folder in places.themes for theme in load_themes(folder)}
        keys = keymap(settings.console.keys)
        look = settings.console
        return LogViewerDeps(list(themes.values()), look.theme, keys, settings.team.zone, look.log_mb * 1_000_000)

    wanted = Filter(level, within)
    zone: tzinfo = UTC
    if since or until or _has_rules(call):
        zone = _masking_settings(call).team.zone
        now = datetime.now(UTC)
        begin, end = _moment(since, "--since", now, zone), _moment(until, "--until", now, zone)
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
            from warroom import bootstrap as wiring
            from warroom.cli.log_printer import refuse_kinds

            refuse_kinds([log for log in logs if isinstance(log, str)])
            wiring.add_logs(made, logs)
        return made

    with _terminal_taken():
        console = LogViewerApp(view, build_deps=build_deps, crash_folder=_data_folder(call))
        console.run()
    if console.failed:
        raise console.failed
    click.get_current_context().exit(console.return_code or 0)


def _has_rules(call: CliContext) -> bool:
    """Whether the settings speak of redaction at all: a look at the file that costs nothing."""
    from warroom.config.paths import AppPaths

    flags = {"settings": str(call.settings) if call.settings else None}
    try:
        return b"redaction" in AppPaths.find(call.environ, flags).settings.read_bytes()
    except OSError:  # none, or one that is told of when it is read
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


def has_terminal(call: CliContext) -> bool:
    """Whether a console can be drawn and driven here."""
    return bool(sys.stdout and sys.stdout.isatty()) and call.environ.get("TERM", "") not in ("", "dumb")


def open_console(call: CliContext, *, war_room: bool = False, logs: Sequence[str] = ()) -> None:
    """Open the console on the house that was asked for, and end with its exit status.

    With ``war_room`` it begins in the incident that is meant.
    """
    if not has_terminal(call):
        raise WarroomError(
            "The console needs a terminal", "In scripts use a verb: warroom status --json; see warroom --help."
        )
    logs = ["-" if log in _STDIN else log for log in logs]
    # A path is meant from here; journal:… and the like are no paths.
    named = tuple(f"{prefix}:" for prefix in ("journal", "docker", "run"))
    more: list[Path | str | int] = [
        log if log.startswith(named) else Path(log).absolute() for log in logs if log != "-"
    ]
    if "-" in logs:
        more.append(_keys_from_terminal())
    here = click.get_current_context()
    call.has_screen = True  # which shows what has to be said

    def build_deps() -> ConsoleDeps:
        with here.scope(cleanup=False):  # a thread of its own, to which click's context is not known
            house = call.house
            opened = call.incident().id if war_room else ""
        drill = house.drill(house.places.data / "drill")
        return deps(
            house, drill, logs=more, incident_id=opened, no_settings=call.no_settings, notice=call.stranger()
        )

    from warroom.config.paths import AppPaths
    from warroom.journal.summaries import read_summaries

    places = AppPaths.find(call.environ, {"data": call.data})
    here.exit(show_console(build_deps, lambda: read_summaries(places.journal), crash_folder=places.data))


def deps(
    house: AppContext,
    drill: DrillPlayer,
    *,
    incident_id: str = "",
    logs: Sequence[Path | str | int] = (),
    rehearses: bool = False,
    no_settings: bool = False,
    notice: str = "",
) -> ConsoleDeps:
    """What the console works with in this house; ``rehearses`` plays the drill from the start.

    ``notice`` is said at its start. With ``no_settings`` the themes beside the settings are left alone too, and no
    theme is written there.
    """
    from warroom.config.settings import save_theme
    from warroom.tui.context import ConsoleDeps
    from warroom.tui.theme import load_themes

    folders = house.places.themes[:1] if no_settings else house.places.themes
    themes = {theme.name: theme for folder in folders for theme in load_themes(folder)}

    def watch_logs(view: LogView, service: str) -> None:
        played = drill.logs if drill.running and service == drill.script.service else ()
        house.watch_logs(view, service, [*played, *logs])

    return ConsoleDeps(
        house.room,
        watch_logs,
        themes=list(themes.values()),
        # What became of a delivery could not be recorded, and it would go out again.
        courier=None if house.room.read_only else house.courier(),
        drill=drill,
        rehearses=rehearses,
        incident_id=incident_id,
        # The demo's settings are everybody's.
        save_theme=None if rehearses or no_settings else lambda name: save_theme(house.places.settings, name),
        notice=WITHOUT_SETTINGS if no_settings else notice,
    )


def show_console(
    build_deps: Callable[[], ConsoleDeps],
    read_summaries: Callable[[], Sequence[Summary]] = tuple,
    crash_folder: Path | None = None,
) -> int:
    """Show the console until it is left; its exit status. The one place that imports the screen.

    ``read_summaries`` gives the incidents that are drawn at once. ``build_deps`` is called after that; an error it
    raises is raised here, the screen gone.
    """
    with _terminal_taken():
        from warroom.tui.app import WarRoomApp

        console = WarRoomApp(build_deps, read_summaries=read_summaries, crash_folder=crash_folder)
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


# ── the edge ────────────────────────────────────────────────────────────────────────────────────────────────

for _verb in (open_, demo, logs, *VERBS):
    cli.add_command(_verb)


def main() -> None:
    """The program: ends the process with its exit status, whatever happens."""
    watchdog.start()
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError):  # closed, or not a text stream of Python's
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) != signal.SIG_IGN:  # nohup keeps its meaning
                signal.signal(number, _end)
        if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        if "_WARROOM_COMPLETE" in os.environ:
            cli.main(prog_name="warroom")  # the shell asks how a word may go on
        sys.exit(run(sys.argv[1:]))
    except KeyboardInterrupt:  # before or after the command line is carried out
        sys.exit(INTERRUPTED)
    finally:
        _let_go()


def run(arguments: Sequence[str], call: CliContext | None = None) -> int:
    """Carry out a command line; its exit status. Nothing is raised but what ends the process.

    ``call`` is another environment and clock than the process's own.
    """
    call = call or CliContext()
    try:
        # Not cli.main: it makes one failure of a closed pipe and of an interrupted wait.
        with cli.make_context("warroom", list(arguments), obj=call) as context:
            cli.invoke(context)
        output.flush()
        return 0
    except click.exceptions.Exit as end:
        return end.exit_code
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except click.ClickException as error:
        _show_usage(error)
        return error.exit_code
    except WarroomError as error:
        output.refuse(error)
        return error.exit_status
    except BrokenPipeError:
        return NOBODY_READS
    except Exception as error:  # noqa: BLE001 — the edge: a bug becomes one line and a report
        output.tell(f"warroom: unexpected {type(error).__name__}; what happened is in {_report_crash(error, call)}")
        return 1


def _show_usage(error: click.ClickException) -> None:
    if isinstance(error, click.UsageError) and error.ctx is not None:
        output.tell(error.ctx.get_usage())
    output.tell(f"warroom: {error.format_message()}")
    if isinstance(error, click.UsageError) and error.ctx is not None:
        output.tell(f"See: {error.ctx.command_path} --help")


def _end(number: int, frame: FrameType | None) -> None:
    """End by this signal: an exception, so that everything that was opened is closed on the way out."""
    loop = sys.modules["asyncio"].events._get_running_loop() if "asyncio" in sys.modules else None
    if loop is not None:  # raised within a task it would be the task's result, and be complained about
        loop.call_soon_threadsafe(_exit_by, number)
    else:
        _exit_by(number)


def _exit_by(number: int) -> None:
    raise SystemExit(128 + number)


def _let_go() -> None:
    """What nobody can take any more, a closed pipe or a lost terminal, goes nowhere.

    Python would fail over it at the very end, and end with 120.
    """
    for number, stream in ((1, sys.stdout), (2, sys.stderr)):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            with suppress(OSError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, number)
                os.close(nowhere)


def _report_crash(error: BaseException, call: CliContext) -> str:
    """Write down where it happened; the file's path, or what to do without one."""
    from warroom.diagnostics import write_report

    return write_report(error, _data_folder(call))


def _data_folder(call: CliContext) -> Path:
    """Where reports go; it need not exist."""
    from warroom.config.paths import AppPaths

    return AppPaths.find(call.environ, {"data": call.data}).data
