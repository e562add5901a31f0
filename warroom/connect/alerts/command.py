"""A command that prints what fires, one JSON object a line: for whatever has a command line, such as CloudWatch.

Run without a shell, without a terminal and with an empty stdin; ended with what it started after a time limit.
"""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import PurePath
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from warroom.connect.alerts import moment_of, texts_in
from warroom.connect.answers import id_of, text_of
from warroom.errors import NotSent
from warroom.incident.alerting import Firing
from warroom.safety import redact

MOST_BYTES = 4 * 1024 * 1024
"""Of what a command prints."""

_STDERR_BYTES = 2000


class CommandAlertsOptions(BaseModel):
    """Options of a command."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    command: tuple[str, ...] = Field(min_length=1)
    """The command and its arguments, each word by itself. It prints an object a line for everything that fires now,
    with `key` and `title`, and as far as known `since`, `service`, `severity`, `detail`, `url`, `group` and
    `labels`; nothing where nothing fires; and ends with status 0."""
    timeout: float = Field(default=15.0, gt=0, le=20)
    """How long it may take, in seconds."""


class CommandAlerts:
    """An ``AlertSource`` that runs a command for each poll."""

    Options = CommandAlertsOptions

    def __init__(self, options: CommandAlertsOptions) -> None:
        self._options = options
        self._name = PurePath(options.command[0]).name

    async def firing(self) -> Sequence[Firing]:
        """See ``AlertSource``. One line that is not an alert, and the whole poll is ``NotSent``."""
        found = []
        for number, line in enumerate((await asyncio.to_thread(self._output)).splitlines(), 1):
            if line.strip():
                found.append(self._firing(line, number))
        return found

    async def check(self) -> str:
        """How many alerts fire."""
        return f"{self._name} prints {len(await self.firing())} alerts"

    async def close(self) -> None:
        """Nothing to let go of: the command has ended."""

    def _output(self) -> str:
        try:
            status, printed, complaint = _run(self._options.command, self._options.timeout)
        except TimeoutError:
            limit = f"{self._options.timeout:.0f} s"
            raise NotSent(f"{self._name} took longer than {limit}", "Run it yourself to see why.") from None
        except (OSError, ValueError) as error:
            reason = (getattr(error, "strerror", None) or "unusable").lower()
            raise NotSent(f"{self._name} cannot be run: {reason}", "Correct command in the settings.") from None
        if len(printed) > MOST_BYTES:
            raise NotSent(f"{self._name} prints too much", f"At most {MOST_BYTES >> 20} MB are read.")
        if status:
            words = redact(complaint.decode("utf-8", "replace").strip().rpartition("\n")[2]).text
            raise NotSent(f"{self._name} ended with status {status}", words or "Run it yourself to see why.")
        try:
            return printed.decode("utf-8")
        except UnicodeDecodeError:
            raise NotSent(f"{self._name} printed no UTF-8 text", "Run it yourself to see why.") from None

    def _firing(self, line: str, number: int) -> Firing:
        data: Any = None
        with suppress(ValueError, RecursionError):
            data = json.loads(line)
        key, title = id_of(data, "key"), text_of(data, "title")
        if not key or not title:
            remedy = 'Each line is {"key": …, "title": …}.'
            raise NotSent(f"{self._name} printed no alert in line {number}", remedy)
        return Firing(
            key=key,
            title=title,
            since=moment_of(data["since"]) if "since" in data else None,
            service=text_of(data, "service"),
            severity=text_of(data, "severity"),
            detail=text_of(data, "detail"),
            url=text_of(data, "url"),
            labels=texts_in(data.get("labels")),
            group=text_of(data, "group"),
        )


def _run(command: Sequence[str], timeout_s: float) -> tuple[int, bytes, bytes]:
    """Run a command: its status, what it printed (up to ``MOST_BYTES`` and a little), the end of its stderr.

    It ends with all that it started in its process group. Raises ``TimeoutError`` and ``OSError``.
    """
    deadline = time.monotonic() + timeout_s
    printed, complaint = bytearray(), b""
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        bufsize=0,
    ) as process:
        try:
            assert process.stdout and process.stderr
            open_pipes = [process.stdout, process.stderr]
            while open_pipes and len(printed) <= MOST_BYTES:
                left = deadline - time.monotonic()
                ready = select.select(open_pipes, [], [], max(0.0, left))[0]
                if not ready:
                    raise TimeoutError
                for pipe in ready:
                    part = os.read(pipe.fileno(), 65536)
                    if not part:
                        open_pipes.remove(pipe)
                    elif pipe is process.stdout:
                        printed += part
                    else:
                        complaint = (complaint + part)[-_STDERR_BYTES:]
            if len(printed) <= MOST_BYTES:
                try:
                    process.wait(max(0.0, deadline - time.monotonic()))
                except subprocess.TimeoutExpired:
                    raise TimeoutError from None
        finally:
            with suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
    return process.returncode, bytes(printed), complaint
