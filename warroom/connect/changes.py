"""What has changed lately: the newest commits of a git repository, or what a command prints. Changes nothing.

Run without a shell, without a terminal and with an empty stdin; ended with all it started after a time limit.
"""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from warroom.errors import WarroomError
from warroom.safety import redact, strip_ansi

LIMIT_S = 10.0
"""How long it may take, in seconds."""

NEWEST = 5
"""How many changes are told, the newest."""

LONGEST = 300
"""Characters of one change."""

_MOST_BYTES = 65_536
_GIT = ("git", "--no-pager", "-c", "log.showSignature=false", "-C")
_FORMAT = "%cI%x09%h %s (%an)"


@dataclass(frozen=True, slots=True)
class Change:
    """A change in a few words, without secrets; ``at`` is when it was made (UTC), None if that is not known."""

    words: str
    at: datetime | None = None


async def read_changes(source: str | Sequence[str], since: datetime) -> list[Change]:
    """The newest changes, the newest first: the commits after ``since`` where ``source`` is the folder of a
    repository, or else the lines that a command prints.

    Raises ``WarroomError`` if it cannot be run, fails or does not end within ``LIMIT_S``.
    """
    if not isinstance(source, str):
        lines = await _lines(source)
        return [Change(_clean(line)) for line in lines[:NEWEST]]
    span = [f"--since={since.isoformat()}", f"--max-count={NEWEST}", f"--format={_FORMAT}"]
    lines = await _lines([*_GIT, source, "log", *span])
    return [_commit(line) for line in lines]


def _commit(line: str) -> Change:
    at, _, words = line.partition("\t")
    with suppress(ValueError):
        return Change(_clean(words), datetime.fromisoformat(at).astimezone(UTC))
    return Change(_clean(line))


def _clean(line: str) -> str:
    text = " ".join(redact(strip_ansi(line)).text.split())
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


async def _lines(command: Sequence[str]) -> list[str]:
    program = command[0]
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # so that what it starts is ended with it
            env={**os.environ, "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"},
        )
    except (OSError, ValueError) as error:
        why = (getattr(error, "strerror", "") or str(error)).lower()
        raise WarroomError(f"{program} cannot be run: {why}") from None
    assert process.stdout is not None
    printed = b""
    try:
        async with asyncio.timeout(LIMIT_S):
            while len(printed) < _MOST_BYTES and (piece := await process.stdout.read(_MOST_BYTES)):
                printed += piece
            status = 0 if len(printed) >= _MOST_BYTES else await process.wait()
    except TimeoutError:
        raise WarroomError(f"{program} does not end within {LIMIT_S:g} s") from None
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    if status:
        raise WarroomError(f"{program} ended with status {status}", "Run it yourself to see why.")
    lines = printed[:_MOST_BYTES].decode("utf-8", "replace").splitlines()
    return [line for line in lines if line.strip()]
