"""What a command says: its exit status decides, its last line is the text. Nagios plugins work as they are."""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio import subprocess
from contextlib import suppress
from typing import Annotated

from pydantic import Field

from warroom.connect.probes import ProbeOptions, Seconds
from warroom.errors import WarroomError
from warroom.incident.readings import Reading, judged
from warroom.safety import strip_ansi

KEPT_BYTES = 4096
"""Of the output, the last ones: a command may print what it likes."""


class CommandOptions(ProbeOptions):
    """Settings of a command probe."""

    command: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)]
    """The command with its arguments, each word by itself; run without a shell."""
    timeout_s: Seconds = 10.0
    """How long it may take, in seconds; then it is ended, and nothing is measured."""


class CommandProbe:
    """A ``Probe`` that runs a command: exit status 0 speaks for the item, any other against it."""

    Options = CommandOptions

    def __init__(self, options: CommandOptions) -> None:
        self._options = options

    async def run(self) -> Reading:
        """Run it. ``WarroomError`` if it cannot be started or does not end in time."""
        program, *arguments = self._options.command
        try:
            process = await asyncio.create_subprocess_exec(
                program,
                *arguments,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # so that what it starts is ended with it
            )
        except (OSError, ValueError) as error:
            why = (getattr(error, "strerror", "") or str(error)).lower()
            raise WarroomError(f"{program} cannot be run: {why}") from None
        try:
            async with asyncio.timeout(self._options.timeout_s):
                line = await _last_line(process)
                status = await process.wait()
        except TimeoutError:
            raise WarroomError(f"{program} does not end within {self._options.timeout_s:g} s") from None
        finally:
            await _end(process)
        if status:
            return judged(False, f"exit status {status}: {line}" if line else f"exit status {status}", status)
        return judged(True, line or "exit status 0", 0)

    async def close(self) -> None:
        """Nothing is kept open."""


async def _last_line(process: subprocess.Process) -> str:
    """The last line of the output that is not empty, read to its end."""
    assert process.stdout is not None
    kept = b""
    while chunk := await process.stdout.read(65_536):
        kept = (kept + chunk)[-KEPT_BYTES:]
    lines = [strip_ansi(line).strip() for line in kept.decode("utf-8", "replace").splitlines()]
    return next((line for line in reversed(lines) if line), "")


async def _end(process: subprocess.Process) -> None:
    """End the command with all it started, also what it left behind."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
