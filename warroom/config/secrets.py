"""Reads a secret from where it is kept, within bounded time and size. Knows nothing of settings."""

from __future__ import annotations

import atexit
import contextlib
import errno
import os
import select
import signal
import stat
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

LARGEST = 65536
"""Bytes. A secret is shorter; what is longer was named by mistake."""

_running: set[subprocess.Popen[bytes]] = set()


def read_file(path: Path) -> bytes:
    """What the file holds. ``OSError`` for anything but a regular file: a pipe or a device may never end."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "it is not a regular file")
    with os.fdopen(handle, "rb") as file:
        found = file.read(LARGEST + 1)
    if len(found) > LARGEST:
        raise OSError(errno.EFBIG, f"it holds more than {LARGEST} bytes")
    return found


def run_command(command: Sequence[str], *, timeout: float) -> subprocess.CompletedProcess[bytes]:
    """Run the command for its output; kill it, and what it started, if it is late or prints too much.

    ``timeout`` is in seconds. Raises ``subprocess.TimeoutExpired`` and ``OSError``.
    """
    deadline = time.monotonic() + timeout
    found = b""
    # A session of its own: its whole process group can be killed, and it cannot ask on the console's terminal.
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    )
    _running.add(process)
    try:
        assert process.stdout is not None
        with process.stdout as output:
            while True:
                left = deadline - time.monotonic()
                if left <= 0 or not select.select([output], [], [], left)[0]:
                    raise subprocess.TimeoutExpired(command[0], timeout)
                part = os.read(output.fileno(), LARGEST)
                if not part:
                    break
                found += part
                if len(found) > LARGEST:
                    raise OSError(errno.EFBIG, f"it printed more than {LARGEST} bytes")
        return subprocess.CompletedProcess([], process.wait(max(0.0, deadline - time.monotonic())), found)
    except BaseException:
        _kill(process)
        process.wait()
        raise
    finally:
        _running.discard(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.returncode is None:
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)


@atexit.register
def kill_commands() -> None:
    """Kill the commands that still run: the process ends, and nobody waits for their output."""
    for process in tuple(_running):
        _kill(process)
