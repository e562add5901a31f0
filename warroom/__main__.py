"""Where the program starts, installed or as ``python -m warroom``. Decides what must not wait for an import."""

import contextlib
import os
import signal
import sys
from collections.abc import Sequence

from warroom.watchdog import watchdog

CONSOLES = ("open", "demo", "logs")
VALUES = ("--settings", "--data", "--as", "--incident")
"""The options before a verb that take a value."""


COMPLETE = "__complete"
"""What a shell's script calls to complete a word. It is no verb: a Tab waits for no more than it needs."""


def opens_console(arguments: Sequence[str]) -> bool:
    """Whether a screen is likely to be opened: what is typed from now on is for it."""
    words = iter(arguments)
    for word in words:
        if word in VALUES:
            next(words, None)
        elif not word.startswith("-"):
            return word in CONSOLES
    return True


def main() -> None:
    """Start. Until everything is imported there is nothing to clean up: a signal ends the process at once."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, lambda number, _: watchdog.end_now(128 + number))
    if sys.argv[1:2] == [COMPLETE]:
        from warroom.cli.completion.answer import main as complete

        complete(sys.argv[2:])
        return
    screen = opens_console(sys.argv[1:]) and os.isatty(0) and os.isatty(1)
    with watchdog.screen() if screen else contextlib.nullcontext():
        from warroom.cli.main import main as start

        start()


if __name__ == "__main__":
    main()
