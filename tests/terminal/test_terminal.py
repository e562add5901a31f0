"""The installed program in a real terminal: frames, keys, signals, a line that breaks, the terminal given back."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import random
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pyte
import pytest
from harness import servers

from warroom.journal.sqlite import SqliteJournal

WARROOM = (sys.executable, "-m", "warroom")
DEADLINE_S = 30.0

ENTERED, LEFT = b"\x1b[?1049h", b"\x1b[?1049l"
CURSOR_SHOWN = b"\x1b[?25h"
MOUSE_OFF = (b"\x1b[?1000l", b"\x1b[?1003l", b"\x1b[?1006l")


class Terminal:
    """A program on a pseudo-terminal, its screen kept in memory."""

    def __init__(self, *command: str, size: tuple[int, int] = (80, 24)) -> None:
        self.bytes = b""
        self.status: int | None = None
        self._screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self._screen)
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            # All of it said: readline has put a COLUMNS of its own where os.environ does not see it.
            environ = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
            environ |= {"TERM": "xterm-256color", "COLORTERM": "truecolor", "TEXTUAL_ANIMATIONS": "none"}
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
            os.execvpe(command[0], command, environ)

    @property
    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self._screen.display)

    @property
    def title(self) -> str:
        """The title of the terminal's window."""
        return str(self._screen.title)

    def press(self, keys: str) -> None:
        os.write(self._fd, keys.encode())

    def resize(self, columns: int, rows: int) -> None:
        self._screen.resize(rows, columns)
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.kill(self.pid, signal.SIGWINCH)

    def read(self, within_s: float = 0.05) -> bytes:
        """What comes within that time, put on the screen; b"" for nothing."""
        if not select.select([self._fd], [], [], within_s)[0]:
            return b""
        with contextlib.suppress(OSError):  # EIO: the other side has gone
            data = os.read(self._fd, 65_536)
            self.bytes += data
            self._stream.feed(data)
            return data
        return b""

    def until(self, seen: Callable[[], bool] | str, within_s: float = DEADLINE_S) -> None:
        """Read until that is seen; AssertionError with the screen as it is if it never is."""
        deadline = time.monotonic() + within_s
        while not (seen in self.text if isinstance(seen, str) else seen()):
            assert time.monotonic() < deadline, f"never seen: {seen}\n{self.text}"
            self.read()

    def ended(self) -> bool:
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
        return self.status is not None

    def end(self) -> int:
        """Read on until the program has ended; its exit status."""
        self.until(self.ended)
        while self.read(0.2):
            pass
        assert self.status is not None
        return self.status

    def hang_up(self) -> int:
        """The line breaks; the exit status of the program."""
        os.close(self._fd)
        self._fd = -1
        deadline = time.monotonic() + DEADLINE_S
        while not self.ended():
            assert time.monotonic() < deadline, "it lives on without a terminal"
            time.sleep(0.02)
        assert self.status is not None
        return self.status

    def close(self) -> None:
        if not self.ended():
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        if self._fd >= 0:
            os.close(self._fd)


@contextlib.contextmanager
def running(*command: str, size: tuple[int, int] = (80, 24)) -> Iterator[Terminal]:
    terminal = Terminal(*WARROOM, *command, size=size)
    try:
        yield terminal
    finally:
        terminal.close()


def verb(data: Path, *words: str) -> str:
    """What a verb in a second terminal prints."""
    done = subprocess.run(
        [*WARROOM, "--data", str(data), "--as", "Bob", *words], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def assert_given_back(terminal: Terminal) -> None:
    written = terminal.bytes
    assert written.rfind(LEFT) > written.rfind(ENTERED) >= 0, "still in the alternate screen"
    assert written.rfind(CURSOR_SHOWN) > written.rfind(b"\x1b[?25l"), "the cursor is still hidden"
    assert written.rfind(b"\x1b[23;0t") >= written.rfind(b"\x1b[22;0t"), "the terminal's title is not restored"
    for off in MOUSE_OFF:
        assert written.rfind(off) > written.rfind(off[:-1] + b"h"), f"{off!r} is missing"


def assert_intact(data: Path, *words: str) -> None:
    """The journal reads from end to end, and holds these words."""
    journal = SqliteJournal(data / "journal.sqlite")
    try:
        result = " ".join(entry.event.text for entry in journal.read("INC-1"))
    finally:
        journal.close()
    for word in words:
        assert word in result


@pytest.fixture
def data(tmp_path: Path) -> Path:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    verb(data, "declare", "checkout-api", "Card payments fail", "--no-wait")
    return data


def test_the_first_frame_appears_keys_answer_and_ctrl_q_leaves(data: Path) -> None:
    with running("--data", str(data), "--as", "Alice") as terminal:
        terminal.until("INC-1")
        terminal.until("Next")
        terminal.press("\r")
        terminal.until("1 Checklist")
        terminal.until(lambda: "CRITICAL INC-1" in terminal.title)
        terminal.press("?")
        terminal.until("Post an update")
        terminal.press("\x1b")
        terminal.until("1 Checklist")
        terminal.press("\x11")
        assert terminal.end() == 0
        assert_given_back(terminal)
    assert_intact(data, "Card payments fail")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=["SIGTERM", "SIGHUP"])
def test_a_signal_ends_it_with_the_terminal_given_back_and_nothing_lost(data: Path, number: signal.Signals) -> None:
    with running("--data", str(data), "--as", "Alice", "open", "INC-1") as terminal:
        terminal.until("Acknowledge the alert  [k]")
        terminal.press("2k")
        terminal.until("acked")
        os.kill(terminal.pid, number)
        assert terminal.end() == 128 + number
        assert_given_back(terminal)
    assert_intact(data, "Alice acknowledged the alert")


def test_a_line_that_breaks_ends_it_with_nothing_lost(data: Path) -> None:
    with running("--data", str(data), "--as", "Alice", "open", "INC-1") as terminal:
        terminal.until("Acknowledge the alert  [k]")
        terminal.press("2k")
        terminal.until("acked")
        assert terminal.hang_up() == 128 + signal.SIGHUP
    assert not list(data.rglob("crash-*.txt")), "a terminal that is gone is no fault of the program"
    assert_intact(data, "Alice acknowledged the alert")


def test_what_a_verb_does_in_a_second_terminal_is_shown_in_the_console(data: Path) -> None:
    with running("--data", str(data), "--as", "Alice", "open", "INC-1", size=(160, 45)) as terminal:
        terminal.until("1 Checklist")
        verb(data, "note", "found it: the pool")
        terminal.until("found it: the pool")
        shown = json.loads(verb(data, "--json", "status"))
        assert shown["id"] in terminal.text


def test_a_resize_fits_the_new_size(data: Path) -> None:
    with running("--data", str(data), "open", "INC-1") as terminal:
        terminal.until("1 Checklist")
        assert "3 Roles" in terminal.text and "╭─ 3 Roles" not in terminal.text
        terminal.resize(160, 45)
        terminal.until("╭─ 3 Roles")
        terminal.resize(80, 24)
        terminal.until(lambda: "╭─ 3 Roles" not in terminal.text and "1 Checklist" in terminal.text)


@pytest.mark.nightly
def test_an_idle_war_room_writes_its_clock_and_little_else(data: Path) -> None:
    with running("--data", str(data), "open", "INC-1", size=(160, 45)) as terminal:
        terminal.until("1 Checklist")

        def clock() -> str:
            return terminal.text.splitlines()[0][-14:]

        def tick() -> int:
            """The bytes until the clock shows another second."""
            was, before = clock(), len(terminal.bytes)
            terminal.until(lambda: clock() != was)
            return len(terminal.bytes) - before

        for _ in range(3):  # the first ones may still draw what came late
            tick()
        # Headline, elapsed digits, countdown: 1,980 bytes. All bars anew would be 2,400, a whole frame over 10,000.
        assert sorted(tick() for _ in range(5))[2] < 2_200


def test_the_demo_brings_an_alert_that_can_be_declared(tmp_path: Path) -> None:
    with running("demo", "--speed", "50") as terminal:
        terminal.until("Unacknowledged alerts")
        terminal.press("d")
        terminal.until("Declare")
        terminal.press("\x13")
        terminal.until("IC ")
        assert "DRILL" in terminal.text
        terminal.press("4")
        terminal.until("ERROR")
        terminal.press("\x11")
        assert terminal.end() == 0
        assert_given_back(terminal)


def test_the_drill_of_a_console_that_was_killed_is_closed_by_the_next_start(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running("--data", str(data), "--as", "Bob", "drill", "feature-flag", "--speed", "50") as terminal:
        terminal.until("Unacknowledged alerts")
        terminal.press("d")
        terminal.until("Declare a drill")
        terminal.press("\x13")
        terminal.until("IC ")
        terminal.until(lambda: "Drill started" in verb(data, "timeline"))
        os.kill(terminal.pid, signal.SIGKILL)
        terminal.until(terminal.ended)
    assert "investigating" in verb(data, "status", "--json")
    assert "abandoned" in verb(data, "drill", "history")
    assert '"status": "closed"' in verb(data, "status", "--json")


LOG = "".join(
    f"2026-01-28 14:{n:02}:00 {level} charge {n} cus_AbCdEf{n:02} token={'ghp_' + 'a1B2' * 9}\n"
    for n, level in enumerate(["INFO", "ERROR"] * 15)
)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "app.log"
    path.write_text(LOG, encoding="utf-8")
    return path


def test_a_log_on_its_own_opens_on_what_was_asked_for(log: Path) -> None:
    span = ("--since", "2026-01-28T14:05Z", "--until", "2026-01-28T14:20Z")
    asked = ("--level", "error", "--grep", "charge [12]", *span)
    with running("logs", str(log), *asked, size=(120, 24)) as terminal:
        terminal.until("charge 19")
        terminal.until("until 2026-01-28 14:20:00")
        for shown in ("charge 11", "charge 19", "since 2026-01-28 14:05:00", "+ charge [12]"):
            assert shown in terminal.text
        for hidden in ("charge 1 ", "charge 12", "charge 21", "ghp_"):
            assert hidden not in terminal.text
        terminal.press("\x11")
        assert terminal.end() == 0


def test_a_named_pipe_is_opened_before_anybody_writes_to_it(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with running("logs", str(fifo), size=(120, 24)) as terminal:
        terminal.until("no writer yet")
        fifo.write_text("2026-01-28T14:00:00Z INFO through the pipe\n")
        terminal.until("through the pipe")
        terminal.press("\x11")
        assert terminal.end() == 0


def test_a_log_that_a_shell_pipes_in_by_name_is_shown(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.write(write, b"2026-01-28T14:00:00Z INFO through the pipe\n")
    os.close(write)
    os.set_inheritable(read, True)
    with running("logs", f"/dev/fd/{read}", size=(120, 24)) as terminal:
        os.close(read)
        terminal.until("through the pipe")
        terminal.until("end of input")
        terminal.press("\x11")
        assert terminal.end() == 0


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere only the process group is known")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_what_a_command_started_ends_with_the_console(number: signal.Signals) -> None:
    leaves = "run:sh -c '(setsid sleep 600 & echo started $!); exec sleep 600'"
    with running("logs", leaves, size=(120, 24)) as terminal:
        terminal.until(lambda: re.search(r"started \d+", terminal.text) is not None)
        pid = int(re.findall(r"started (\d+)", terminal.text)[-1])
        os.kill(terminal.pid, number)
        terminal.end()
    deadline, tick = time.monotonic() + DEADLINE_S, threading.Event()
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < deadline, "it still runs"
        tick.wait(0.02)


def test_secrets_are_shown_on_their_own_only_to_who_asks(log: Path) -> None:
    with running("logs", str(log), "--no-redact", size=(120, 24)) as terminal:
        terminal.until("SECRETS SHOWN")
        assert "ghp_a1B2" in terminal.text


def test_a_teams_own_rules_hold_before_the_first_line_is_drawn(log: Path, tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    rule = '[[redaction.rules]]\nname = "customer"\npattern = "cus_[A-Za-z0-9]{8}"\n'
    settings.write_text(rule, encoding="utf-8")
    with running("--settings", str(settings), "logs", str(log), size=(120, 24)) as terminal:
        terminal.until("charge 29 ‹redacted:customer›")
        terminal.until("masked")
        terminal.press("\x11")
        assert terminal.end() == 0
        assert b"cus_AbCdEf" not in terminal.bytes and b"ghp_" not in terminal.bytes


def test_wrong_settings_are_said_in_words_before_any_screen(tmp_path: Path) -> None:
    wrong = tmp_path / "settings.toml"
    wrong.write_text('[team]\ntimezone = "Nowhere/Land"\n', encoding="utf-8")
    with running("--settings", str(wrong)) as terminal:
        assert terminal.end() == 3
        assert "timezone" in terminal.text and "Traceback" not in terminal.text
        if ENTERED in terminal.bytes:
            assert_given_back(terminal)


# ── endings ───────────────────────────────────────────────────────────────────────────────────────────────

ENDINGS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGQUIT)
ENDS_WITHIN_S = 2.0
"""What the program promises."""

SLACK_S = 8.0
"""What a busy machine may add to it."""


def end_at(terminal: Terminal, seen: Callable[[], bool], number: signal.Signals) -> None:
    """Send a signal once that is seen, and check how the program ends."""
    terminal.until(seen)
    os.kill(terminal.pid, number)
    terminal.until(terminal.ended, ENDS_WITHIN_S + SLACK_S)
    terminal.end()
    # Before Python code of ours runs, a signal does what the system says; shells tell both as 128 + number.
    assert terminal.status in (128 + number, -number)
    if ENTERED in terminal.bytes:
        assert terminal.status == 128 + number
        assert_given_back(terminal)
    written = terminal.bytes.decode("utf-8", "replace")
    for complaint in ("Traceback", "never retrieved", "crashed", "Unexpected"):
        assert complaint not in written


@pytest.mark.parametrize(
    "seed", [*range(5), *(pytest.param(seed, marks=pytest.mark.nightly) for seed in range(5, 12))]
)
def test_a_signal_at_any_moment_from_the_start_on_ends_it_with_its_status_and_the_terminal_restored(
    data: Path, seed: int
) -> None:
    chance = random.Random(seed)
    # Moments are counted in what the program has written: it comes in the same order however slow the machine is.
    count = int(chance.choice((0, 1, 100, 400, 1_000, 2_500, 5_000)) * chance.uniform(0.5, 1.5))
    with running("--data", str(data), "open", "INC-1") as terminal:
        end_at(terminal, lambda: len(terminal.bytes) >= count, ENDINGS[seed % 4])
    assert not list(data.glob("crash-*.txt"))


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(number, marks=pytest.mark.nightly if at else (), id=number.name)
        for at, number in enumerate(ENDINGS)
    ],
)
def test_a_terminal_that_takes_no_output_cannot_keep_it_alive(data: Path, number: signal.Signals) -> None:
    with running("--data", str(data), "open", "INC-1", size=(160, 45)) as terminal:
        terminal.until("1 Checklist")
        # It draws and draws, and nobody reads.
        for _ in range(400):
            terminal.press("?\x1b")
            if not select.select([], [terminal._fd], [], 0)[1]:
                break
            time.sleep(0.01)
        os.kill(terminal.pid, number)
        deadline = time.monotonic() + ENDS_WITHIN_S + SLACK_S
        while not terminal.ended():
            assert time.monotonic() < deadline, "it lives on"
            time.sleep(0.02)
        assert terminal.status == 128 + number
        while terminal.read(0.2):
            pass
        assert_given_back(terminal)


@pytest.mark.parametrize("how", ["quit", "SIGTERM"])
def test_a_transcript_that_another_process_holds_cannot_keep_it_alive(data: Path, how: str) -> None:
    transcript = data / "transcripts" / "INC-1.md"
    transcript.parent.mkdir()
    with transcript.open("wb") as file, running("--data", str(data), "open", "INC-1") as terminal:
        fcntl.flock(file, fcntl.LOCK_EX)
        terminal.until("Acknowledge the alert  [k]")
        terminal.press("2k")
        terminal.until("acked")
        if how == "quit":
            terminal.press("\x11")
        else:
            os.kill(terminal.pid, signal.SIGTERM)
        terminal.until(terminal.ended, ENDS_WITHIN_S + SLACK_S)
        assert terminal.end() == (0 if how == "quit" else 143)
        assert_given_back(terminal)


def test_what_was_typed_is_kept_when_a_service_cannot_be_reached(tmp_path: Path) -> None:
    """A pasted token is not shown, and not asked for again; only what is to be changed is."""
    port = servers.free_port()
    settings = tmp_path / "settings.toml"
    settings.write_text("")
    where = ("--settings", str(settings), "--data", str(tmp_path / "data"))
    with running(*where, "connect", "mattermost", "--set", f"server=http://127.0.0.1:{port}") as terminal:
        terminal.until("\n  token:")
        terminal.press("plantedsecret-0123456789\r")
        terminal.until("\n  team:")
        terminal.press("acme\r")
        terminal.until("\n  change:")
        with servers.serving(lambda request: httpx.Response(200, json={"id": "t" * 26, "username": "bot"})) as url:
            terminal.press("server\r")
            terminal.until("\n  server:")
            terminal.press(f"{url}\r")
            terminal.until("✓ Mattermost: bot in acme")
        assert b"plantedsecret" not in terminal.bytes
    assert (tmp_path / "mattermost-token").read_text().strip() == "plantedsecret-0123456789"
    assert f'server = "{url}"' in settings.read_text()
