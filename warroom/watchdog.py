"""Ends the process in time after an ending signal or a quit, with the terminal restored. Standard library only.

    watchdog.start()              # once, when the program starts
    watchdog.expect_end(status)   # the program has decided to end: it does so within END_WITHIN_S

An orderly end is still the rule: this only makes sure that clean-up which hangs (a lock, a name lookup, a terminal
that takes no output) cannot keep the process alive. Nothing here blocks. In a process that never called ``start``,
such as one that runs tests, nothing is ever ended.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

END_WITHIN_S = 1.1
"""How long an orderly end may take. With the time to restore the terminal, the process ends within 2 s."""

RESTORE_WITHIN_S = 0.4
"""How long a terminal that takes no output is asked to take the sequence that resets it."""

ENDING_SIGNALS = frozenset({signal.SIGHUP, signal.SIGINT, signal.SIGTERM})
"""The signals that end every verb; the console adds SIGQUIT."""

RESET = (
    b"\x18\x1b\\"  # abort whatever sequence was cut short
    b"\x1b[?2026l"  # end a synchronized update
    b"\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1015l\x1b[?1006l"  # mouse
    b"\x1b[?1004l\x1b[?2004l\x1b[?2048l"  # focus events, bracketed paste, resize events
    b"\x1b[<u"  # keyboard protocol; it belongs to the alternate screen, so before leaving that
    b"\x1b[?1049l\x1b[?7h\x1b[?25h\x1b[0m"  # alternate screen, line wrap, cursor, colours
    b"\x1b[23;0t"  # the window's title from before
)
"""Undoes what a full-screen program asked of the terminal (XTerm control sequences; kitty keyboard protocol)."""


class Watchdog:
    """Counts down to the end of this process once that is expected. Safe to call from any thread."""

    def __init__(self) -> None:
        self._signals = set(ENDING_SIGNALS)
        self._started = False
        self._expected = threading.Event()
        self._modes: list[Any] | None = None

    def start(self) -> None:
        """From now on an ending signal starts the countdown, even while the main thread is stuck in a call.

        Only signals that have a Python handler count. Call from the main thread.
        """
        if self._started:
            return
        self._started = True
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        # The C handler writes the signal's number here at once; Python handlers wait for the main thread.
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        threading.Thread(target=self._listen, args=(reader,), name="signals", daemon=True).start()

    def _listen(self, reader: int) -> None:
        while received := os.read(reader, 1):
            number = received[0]
            if number in self._signals:
                self.expect_end(128 + number)

    def expect_end(self, status: int) -> None:
        """The process is to end within END_WITHIN_S, or it is ended with this status. The first call counts."""
        if not self._started or self._expected.is_set():
            return
        self._expected.set()
        threading.Thread(target=self._count_down, args=(status,), name="watchdog", daemon=True).start()

    def _count_down(self, status: int) -> None:
        time.sleep(END_WITHIN_S)
        try:
            if self._modes is not None:
                restore_terminal(self._modes)
        finally:
            os._exit(status)

    @contextlib.contextmanager
    def screen(self) -> Iterator[None]:
        """Within this, a full-screen program has the terminal, and SIGQUIT ends it in order too.

        The terminal keeps what is typed, key by key and unseen, from the first moment on; afterwards it is as it
        was. Within another such block this does nothing.
        """
        if self._modes is not None:
            yield
            return
        self._signals.add(signal.SIGQUIT)
        self._modes = _modes()
        _set_modes(_key_by_key(self._modes))
        try:
            yield
        finally:
            _set_modes(self._modes)
            self._modes = None
            self._signals.discard(signal.SIGQUIT)

    def end_now(self, status: int) -> None:
        """End the process at once, while nothing is open and nothing is drawn yet."""
        _set_modes(self._modes)
        os._exit(status)

    @contextlib.contextmanager
    def keys_lent(self) -> Iterator[None]:
        """Within this, another program has the terminal: the signals of its keys (^C, ^\\) are not for us."""
        modes, self._modes = self._modes, None
        before, ours = set(self._signals), _modes()
        self._signals -= {signal.SIGINT, signal.SIGQUIT}
        _set_modes(modes)
        try:
            yield
        finally:
            _set_modes(ours)
            self._modes, self._signals = modes, before


def _modes() -> list[Any] | None:
    """The terminal's modes; None if the keys come from no terminal."""
    import termios

    try:
        return termios.tcgetattr(0)
    except (OSError, termios.error):
        return None


def _set_modes(modes: list[Any] | None) -> None:
    import termios

    if modes is not None:
        with contextlib.suppress(OSError, termios.error):
            termios.tcsetattr(0, termios.TCSANOW, modes)


def _key_by_key(modes: list[Any] | None) -> list[Any] | None:
    """These modes without echo, without lines, and with ^S, ^Q and enter as they are; ^C still interrupts."""
    import termios

    if modes is None:
        return None
    input_, output, control, local, *speeds, characters = modes
    input_ &= ~(termios.IXON | termios.IXOFF | termios.ICRNL | termios.INLCR | termios.IGNCR)
    local &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN)
    characters = list(characters)
    characters[termios.VMIN], characters[termios.VTIME] = 1, 0
    return [input_, output, control, local, *speeds, characters]


def restore_terminal(modes: list[Any]) -> None:
    """Reset the terminal and give it back these modes, without ever waiting for it."""
    import termios

    # A process in the background would be stopped for touching the terminal.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
    try:
        # Opened anew: the non-blocking flag of the descriptors we have is shared with the shell.
        terminal = os.open("/dev/tty", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError:
        return  # it is gone
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):
        if os.isatty(number):
            os.dup2(nowhere, number)
    # A thread that is stuck in a write to the terminal locks out every other; interrupted, it goes on nowhere.
    for thread in threading.enumerate() if _handled(signal.SIGTERM) else ():
        if thread.ident and thread is not threading.current_thread():
            with contextlib.suppress(OSError):
                signal.pthread_kill(thread.ident, signal.SIGTERM)
    left, deadline = RESET, time.monotonic() + RESTORE_WITHIN_S
    while left and time.monotonic() < deadline:
        try:
            left = left[os.write(terminal, left) :]
        except BlockingIOError:  # full: drop what was not taken
            with contextlib.suppress(termios.error):
                termios.tcflush(terminal, termios.TCOFLUSH)
            time.sleep(0.01)
        except OSError:
            break
    with contextlib.suppress(OSError, termios.error):
        termios.tcsetattr(terminal, termios.TCSANOW, modes)


def _handled(number: int) -> bool:
    return callable(signal.getsignal(number))


watchdog = Watchdog()
"""The one of this process."""
