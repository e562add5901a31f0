"""Finds the runbooks in the folders of the settings, and says which are about an incident. Runs nothing.

Only regular files within these folders are read: no link that leads out of them, nothing hidden, nothing large.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from warroom.config.paths import shown
from warroom.errors import NotFound
from warroom.incident.events import AlertReceived
from warroom.incident.incident import Incident
from warroom.incident.runbook import Runbook, parse_runbook
from warroom.toml import allowed

MOST_FILES = 500
MOST_FOLDERS = 200
MOST_BYTES = 256 * 1024
"""Of one runbook."""

NO_RUNBOOKS = frozenset({"readme", "contributing", "license", "changelog"})
"""Files that lie in such a folder without being a runbook."""


@dataclass(frozen=True, slots=True)
class RunbookFile:
    """A runbook with the file it was read from. ``shared`` says who else could have changed it, "" for nobody."""

    runbook: Runbook
    path: Path
    shared: str = ""

    @property
    def name(self) -> str:
        return self.runbook.name


@dataclass(frozen=True, slots=True)
class FileProblem:
    """What is wrong with a file or folder. ``line`` is 0 where it is about the whole of it."""

    path: Path
    line: int
    text: str

    def __str__(self) -> str:
        place = f"{shown(self.path)}:{self.line}" if self.line else shown(self.path)
        return f"{place}: {self.text}"


@dataclass(frozen=True, slots=True)
class RunbookMatch:
    """A runbook that is about an incident, and why."""

    file: RunbookFile
    reason: str


@dataclass(frozen=True, slots=True)
class RunbookLibrary:
    """All runbooks of a team, by name, as they were on disk when they were read."""

    files: tuple[RunbookFile, ...] = ()
    problems: tuple[FileProblem, ...] = ()

    def find(self, name: str) -> RunbookFile:
        """The runbook of that name, or with that title; the only one that begins so. Case does not matter.

        Raises ``NotFound``.
        """
        wanted = name.strip().casefold().removesuffix(".md")
        labels = [(file.name.casefold(), file.runbook.title.casefold(), file) for file in self.files]
        exact = [file for label, title, file in labels if wanted in (label, title)]
        near = [file for label, title, file in labels if label.startswith(wanted) or wanted in title]
        for found in (exact, near if wanted else []):
            if len(found) == 1:
                return found[0]
        raise NotFound(f"There is no runbook {name}", allowed([file.name for file in self.files], name))

    def matching(self, service: str, alerts: Sequence[str] = ()) -> list[RunbookMatch]:
        """The runbooks about an incident, those for one of its alerts first."""
        found = [
            RunbookMatch(file, reason) for file in self.files if (reason := file.runbook.matches(service, alerts))
        ]
        return sorted(found, key=lambda one: (not one.reason.startswith("alert "), one.file.runbook.title))

    def covering(self, service: str) -> list[RunbookFile]:
        """The runbooks that name a service, in their header or by their file's name."""
        return [match.file for match in self.matching(service)]

    def about(self, incident: Incident) -> list[RunbookMatch]:
        """As ``matching``, by the incident's service and the alerts it has."""
        return self.matching(incident.service, alert_names(incident))


def alert_names(incident: Incident) -> list[str]:
    """The names of an incident's alerts, each once, in the order they came."""
    events = (row.entry.event for row in incident.rows if not row.retracted)
    return list(dict.fromkeys(event.name for event in events if isinstance(event, AlertReceived)))


def read_library(folders: Sequence[str]) -> RunbookLibrary:
    """Read every runbook in these folders. Never raises: what cannot be read is in ``problems``.

    A relative folder is left out: with no settings file there is nothing it could be relative to.
    """
    files: dict[str, RunbookFile] = {}
    problems: list[FileProblem] = []
    for folder in map(Path, folders):
        if not folder.is_absolute():
            continue
        for path in _markdown_in(folder, problems):
            name = path.relative_to(folder).with_suffix("").as_posix()
            if name in files:
                problems.append(FileProblem(path, 0, f"is left out: {shown(files[name].path)} has its name"))
            elif found := _read(folder, path, name, problems):
                files[name] = found
                problems += (FileProblem(path, one.line, one.text) for one in found.runbook.problems)
    return RunbookLibrary(tuple(sorted(files.values(), key=lambda one: one.name)), tuple(problems))


def read_again(folders: Sequence[str], file: RunbookFile) -> RunbookFile:
    """Read a runbook anew from its file. ``NotFound`` if it cannot be read any more."""
    problems: list[FileProblem] = []
    for folder in map(Path, folders):
        if folder.is_absolute() and file.path.is_relative_to(folder):
            found = _read(folder, file.path, file.name, problems)
            if found:
                return found
    why = str(problems[0]) if problems else f"{shown(file.path)} is in no folder of [runbooks]"
    raise NotFound(f"{file.runbook.title} cannot be read again", why)


def _markdown_in(folder: Path, problems: list[FileProblem]) -> Iterator[Path]:
    """The Markdown files in a folder and below, sorted; links are not followed into other folders."""
    if not folder.is_dir():
        reason = "there is no such folder" if not folder.exists() else "is not a folder"
        problems.append(FileProblem(folder, 0, reason))
        return
    files = folders = 0
    for place, below, names in os.walk(folder, onerror=lambda error: problems.append(_unread(folder, error))):
        folders += 1
        below[:] = sorted(name for name in below if not name.startswith("."))
        for path in (Path(place, name) for name in sorted(names)):
            hidden = path.name.startswith(".") or path.stem.casefold() in NO_RUNBOOKS
            if path.suffix.lower() != ".md" or hidden:
                continue
            files += 1
            if files > MOST_FILES or folders > MOST_FOLDERS:
                most = f"{MOST_FILES} files or {MOST_FOLDERS} folders"
                problems.append(FileProblem(folder, 0, f"has more than {most}; the others are left out"))
                return
            yield path


def _unread(folder: Path, error: OSError) -> FileProblem:
    return FileProblem(Path(error.filename or folder), 0, f"cannot be read: {_reason(error)}")


def _reason(error: OSError) -> str:
    return (error.strerror or "unknown reason").lower()


def _read(folder: Path, path: Path, name: str, problems: list[FileProblem]) -> RunbookFile | None:
    if not name.isprintable() or len(name) > 120:
        problems.append(FileProblem(path, 0, "is left out: its name has control characters, or is too long"))
        return None
    try:
        real = path.resolve(strict=True)
        if not real.is_relative_to(folder.resolve()):
            problems.append(FileProblem(path, 0, "is left out: it is a link out of the folder"))
            return None
        # Not blocking: opening a named pipe waits for its writer.
        number = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(number, "rb") as file:
            mode = os.fstat(number).st_mode
            if not stat.S_ISREG(mode):
                problems.append(FileProblem(path, 0, "is left out: it is not a regular file"))
                return None
            data = file.read(MOST_BYTES + 1)
        folder_mode = real.parent.stat().st_mode
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle
        reason = _reason(error) if isinstance(error, OSError) else "links in a circle"
        problems.append(FileProblem(path, 0, f"cannot be read: {reason}"))
        return None
    if len(data) > MOST_BYTES:
        problems.append(FileProblem(path, 0, f"is left out: it has more than {MOST_BYTES >> 10} KiB"))
        return None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        problems.append(FileProblem(path, 0, "cannot be read: it is not UTF-8 text"))
        return None
    return RunbookFile(parse_runbook(text, name), path, _who_else_writes(path, mode, real.parent, folder_mode))


def _who_else_writes(path: Path, mode: int, folder: Path, folder_mode: int) -> str:
    """Say who else could change the file: every account of the machine; "" if not."""
    if mode & stat.S_IWOTH:
        return f"{shown(path)} can be written by every account: chmod o-w it"
    if folder_mode & stat.S_IWOTH and not folder_mode & stat.S_ISVTX:
        return f"{shown(folder)} can be written by every account: chmod o-w it"
    return ""
