"""Runs one shell command: its output as it comes, a time limit, and an end that takes all it started with it.

The command gets no terminal, an empty stdin and only the environment it is given.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

TERM_S = 2.0
"""How long a command that is to end gets between SIGTERM and SIGKILL, in seconds."""

DRAIN_S = 0.5
"""How long output is still read after the command has ended, in seconds: what it left behind may hold the pipe."""

_LOOK_S = 0.1
"""How often it is looked whether to stop, in seconds."""


@dataclass(frozen=True, slots=True)
class ShellEnd:
    """How a command ended. ``status`` is its exit status, negative for the signal that ended it."""

    outcome: Literal["ended", "timed out", "stopped"]
    status: int | None
    seconds: float


def run_shell(
    command: str,
    *,
    folder: Path,
    environment: Mapping[str, str],
    timeout_s: float,
    on_output: Callable[[bytes], None],
    stop: threading.Event,
) -> ShellEnd:
    """Run ``command`` by ``sh -eu -c`` in ``folder`` and return once it has ended, or was ended.

    ``on_output`` gets stdout and stderr as they come, from this thread. Setting ``stop`` ends the command; so does
    the time limit. Raises ``OSError`` or ``ValueError`` if it cannot be started.
    """
    began = time.monotonic()
    process = subprocess.Popen(
        ["/bin/sh", "-eu", "-c", command],
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # so that what it starts is ended with it
        bufsize=0,
    )
    assert process.stdout is not None
    outcome: Literal["ended", "timed out", "stopped"] = "ended"
    try:
        pipe, deadline = process.stdout.fileno(), began + timeout_s
        ended_at: float | None = None
        while True:
            if select.select([pipe], [], [], _LOOK_S)[0]:
                if part := os.read(pipe, 65_536):
                    on_output(part)
                else:
                    _wait(process, deadline, stop)
                    break
            now = time.monotonic()
            if ended_at is None and process.poll() is not None:
                ended_at = now
            if ended_at is not None and now - ended_at > DRAIN_S:
                break
            if ended_at is None and (stop.is_set() or now >= deadline):
                break
        if process.poll() is None:
            outcome = "stopped" if stop.is_set() else "timed out"
    finally:
        _end(process)
        process.stdout.close()
    return ShellEnd(outcome, process.returncode if outcome == "ended" else None, time.monotonic() - began)


def _wait(process: subprocess.Popen[bytes], deadline: float, stop: threading.Event) -> None:
    """Wait for a command that has closed its output."""
    while process.poll() is None and not stop.is_set() and time.monotonic() < deadline:
        with suppress(subprocess.TimeoutExpired):
            process.wait(_LOOK_S)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the command, politely first, with all that is in its process group, also what it left behind."""
    with suppress(ProcessLookupError, PermissionError):
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(TERM_S)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
