"""The part of ``warroom doctor`` that looks at runbooks, drills, changes and survived errors. Runs no runbook."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from warroom.cli.findings import Finding, wrong
from warroom.config.paths import AppPaths, shown
from warroom.config.settings import Settings
from warroom.diagnostics import read_log
from warroom.errors import WarroomError

RECENT = timedelta(days=1)
"""How long a survived error in the diagnostic log is worth a look."""


def runbooks(places: AppPaths, settings: Settings) -> Iterator[Finding]:
    """Every mistake in the runbooks, by file and line. The usual folder need not be there."""
    from warroom.room.runbooks import read_library

    library = read_library(settings.runbooks.folders)
    usual = places.settings.absolute().parent / "runbooks"
    for problem in library.problems:
        if problem.path == usual and not usual.exists():
            continue
        yield Finding("runbooks", "look", str(problem))
    if library.files:
        yield Finding("runbooks", "fine", f"{len(library.files)} to follow")


def drills(places: AppPaths, settings: Settings) -> Iterator[Finding]:
    """The team's own drills, as far as they cannot be played."""
    from warroom.drill.catalog import find_drills

    own = [one for one in find_drills(_drill_folders(places, settings)) if one.own]
    for drill in own:
        if drill.problem:
            yield Finding("drills", "look", str(drill.problem))
    playable = sum(1 for drill in own if drill.script)
    if playable:
        yield Finding("drills", "fine", f"{playable} of your own")


def _drill_folders(places: AppPaths, settings: Settings) -> list[Path]:
    return [places.settings.parent / "drills", *map(Path, settings.drills.folders)]


async def changes(settings: Settings, now: datetime, within_s: float) -> list[Finding]:
    """Whether each service's changes can be read, as at the beginning of an incident; within so many seconds."""
    from warroom.connect.changes import read_changes
    from warroom.room.changes import BEFORE

    async def read(name: str, source: str | tuple[str, ...]) -> Finding:
        what = f"changes of {name}"
        try:
            async with asyncio.timeout(within_s):
                found = await read_changes(source, now - BEFORE)
        except WarroomError as error:
            return wrong(what, error)
        except TimeoutError:
            return Finding(what, "wrong", f"did not answer within {within_s:.0f} s", 1)
        hours = BEFORE // timedelta(hours=1)
        return Finding(what, "fine", f"{len(found)} in the last {hours} hours")

    services = [service for service in settings.services if service.changes]
    return list(await asyncio.gather(*(read(service.name, service.changes) for service in services)))


def diagnostics(places: AppPaths, now: datetime) -> Iterator[Finding]:
    """Whether a job or plugin has failed lately."""
    path, text = read_log(places.data)
    if text and now.timestamp() - path.stat().st_mtime < RECENT.total_seconds():
        yield Finding(
            "diagnostics", "look", f"{shown(path)} has errors of the last day", remedy="warroom doctor --log"
        )
