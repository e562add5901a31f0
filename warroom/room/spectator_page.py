"""Keeps the spectators' page up to date: one HTML file of the open incidents, and the same as JSON beside it."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from warroom.errors import BadInput, WarroomError
from warroom.incident.summary import Summary
from warroom.reports.spectators import SHOWN_AFTER_RESOLUTION, SpectatorPage, build_page
from warroom.reports.spectators_html import to_html
from warroom.room.jobs import PeriodicJob
from warroom.room.room import WarRoom

LOOK_S = 2.0
"""How often it is looked whether anything has changed, in seconds."""

REWRITE_AFTER = timedelta(minutes=1)
"""How old the page becomes while nothing changes."""

_NO_TIME = datetime.min.replace(tzinfo=UTC)


class SpectatorPageWriter:
    """Writes the page to ``path``, which ends in ``.html``, and its JSON beside it.

    Raises ``BadInput`` for another name: nothing but a page is overwritten by mistake.
    """

    def __init__(self, room: WarRoom, path: Path) -> None:
        if path.suffix.lower() not in (".html", ".htm"):
            raise BadInput(f"{path} does not end in .html", "Name an HTML file; the JSON goes beside it.")
        self.path = path
        self.json_path = path.with_suffix(".json")
        self._room = room
        self._seen = -1
        self._written: SpectatorPage | None = None

    def job(self) -> PeriodicJob:
        """The job that calls ``write_if_due`` every ``LOOK_S`` seconds."""
        return PeriodicJob("page", LOOK_S, self.write_if_due)

    def write_if_due(self) -> bool:
        """Write the page if it would differ, or if it is a minute old; return whether it was written.

        Raises ``WarroomError`` if the journal cannot be read or the page not be written.
        """
        count, now, written = self._room.change_count(), self._room.clock(), self._written
        old = written is None or not timedelta(0) <= now - written.as_of < REWRITE_AFTER
        if count == self._seen and not old:
            return False
        page = self._build(now)
        if old or written is None or _changed(written, page):
            self._write(page)
            self._written = page
        self._seen = count
        return self._written is page

    def _build(self, now: datetime) -> SpectatorPage:
        room, shown, unreadable = self._room, [], []
        for summary in room.summaries():
            if not _is_shown(summary, now):
                continue
            try:
                shown.append((room.incident(summary.id), room.deliveries(summary.id)))
            except WarroomError:
                unreadable.append(summary.id)
        return build_page(shown, room.playbook, room.settings.team.name, now, unreadable)

    def _write(self, page: SpectatorPage) -> None:
        _replace(self.json_path, page.to_json())
        _replace(self.path, to_html(page, self._room.zone))


def _is_shown(summary: Summary, now: datetime) -> bool:
    resolved = summary.milestones.get("resolved")
    if summary.duplicate_of:
        return False  # the original is there
    return summary.open or (resolved is not None and now - resolved < SHOWN_AFTER_RESOLUTION)


def _changed(before: SpectatorPage, page: SpectatorPage) -> bool:
    """Whether the two differ in more than the passing of time."""
    return _timeless(before) != _timeless(page)


def _timeless(page: SpectatorPage) -> SpectatorPage:
    incidents = tuple(replace(one, elapsed_s=0) for one in page.incidents)
    return replace(page, as_of=_NO_TIME, incidents=incidents)


def _replace(path: Path, text: str) -> None:
    """Replace the file in one step: a reader gets the page before or this one, never half of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        # Readable for others unless the umask says no: a web server reads it as another user.
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise WarroomError(
            f"The page {path} cannot be written: {reason}", "Check its folder, or name another file."
        ) from error
