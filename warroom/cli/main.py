"""How warroom starts and ends: the argument tree, the exit status, the console opened. Decides nothing.

Exit status: 0 done · 1 refused or failed · 2 usage · 3 settings or playbook wrong · 129 terminal closed ·
130 interrupted · 141 output pipe closed · 143 terminated. Reasons go to stderr. A message that could not be
delivered does not change the status of a decision that was recorded: it waits in the outbox, and stderr reports it.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from warroom import __version__, collector
from warroom.cli import output
from warroom.cli.context import WITHOUT_SETTINGS, CliContext, Verbs, data_folder
from warroom.errors import WarroomError
from warroom.watchdog import watchdog

if TYPE_CHECKING:
    from types import FrameType


INTERRUPTED = 128 + signal.SIGINT
OUTPUT_CLOSED = 128 + signal.SIGPIPE


@click.group(
    cls=Verbs,
    invoke_without_command=True,
    epilog="warroom VERB --help explains a verb. Without a verb the console opens.",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 116},
)
@click.version_option(__version__, prog_name="warroom", message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Run a production incident: one room, one timeline, nothing lost.

    \b
    Something is broken?   warroom declare SERVICE "what users notice"
    Just looking?          warroom demo
    """
    context = ctx.ensure_object(CliContext)
    if ctx.invoked_subcommand is None:
        if context.no_settings:
            output.print_err(f"! {WITHOUT_SETTINGS}")
        from warroom.cli.consoles import open_console

        open_console(context)


# ── border ────────────────────────────────────────────────────────────────────────────────────────────────


def main() -> None:
    """The program: ends the process with its exit status, whatever happens."""
    collector.loading()
    watchdog.start()
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError):  # closed, or not a text stream of Python's
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) != signal.SIG_IGN:  # nohup keeps its meaning
                signal.signal(number, _exit_on_signal)
        if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        if "_WARROOM_COMPLETE" in os.environ:
            cli.main(prog_name="warroom")  # the shell asks how a word may go on
        sys.exit(run(sys.argv[1:]))
    except KeyboardInterrupt:  # before or after the command line is carried out
        sys.exit(INTERRUPTED)
    finally:
        _discard_unwritable_output()
        collector.ending()


def run(arguments: Sequence[str], context: CliContext | None = None) -> int:
    """Carry out a command line; its exit status. Nothing is raised but what ends the process.

    ``context`` is another environment and clock than the process's own.
    """
    context = context or CliContext()
    try:
        # Not cli.main: it makes one failure of a closed pipe and of an interrupted wait.
        with cli.make_context("warroom", list(arguments), obj=context) as ctx:
            cli.invoke(ctx)
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
        output.print_error(error)
        return error.exit_status
    except BrokenPipeError:
        return OUTPUT_CLOSED
    except Exception as error:  # noqa: BLE001 — the edge: a bug becomes one line and a report
        if context.debug:
            from warroom.diagnostics import traceback_of

            output.print_err(traceback_of(error))
        output.print_err(
            f"warroom: unexpected {type(error).__name__}; the report is {_report_crash(error, context)}"
        )
        return 1


def _show_usage(error: click.ClickException) -> None:
    if isinstance(error, click.UsageError) and error.ctx is not None:
        output.print_err(error.ctx.get_usage())
    output.print_err(f"warroom: {error.format_message()}")
    if isinstance(error, click.UsageError) and error.ctx is not None:
        output.print_err(f"See: {error.ctx.command_path} --help")


def _exit_on_signal(number: int, frame: FrameType | None) -> None:
    """End by this signal: an exception, so that everything that was opened is closed on the way out."""
    loop = sys.modules["asyncio"].events._get_running_loop() if "asyncio" in sys.modules else None
    if loop is not None:  # raised within a task it would be the task's result, and be complained about
        loop.call_soon_threadsafe(_exit_by, number)
    else:
        _exit_by(number)


def _exit_by(number: int) -> None:
    raise SystemExit(128 + number)


def _discard_unwritable_output() -> None:
    """Discard output to a closed pipe or a lost terminal.

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


def _report_crash(error: BaseException, context: CliContext) -> str:
    """Write down where it happened; the file's path, or what to do without one."""
    from warroom.diagnostics import write_report

    return write_report(error, data_folder(context))
