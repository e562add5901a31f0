"""The two settings files a team begins with, made from the answers to ``warroom init``. Asks and writes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from warroom.config.manual import toml_value

TEAM_HEADER = """\
# The team's settings of warroom. Keep this file in git: it holds no secret.
# Every key, explained: warroom help settings. A chat service: warroom connect.
"""

PERSONAL_HEADER = """\
# Your own settings of warroom, for this machine. The team's are in settings.toml.
# You may add [console]: theme, bell, log_mb and [console.keys]. See: warroom help settings
"""


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody of the team; ``email`` may be empty."""

    name: str
    email: str = ""


@dataclass(frozen=True, slots=True)
class Starter:
    """What the first settings file says; everything may be empty."""

    team: str = ""
    timezone: str = ""
    people: tuple[Member, ...] = ()
    service: str = ""
    log: str | tuple[str, ...] = ""
    """A path, pattern or folder, or the words of a command."""


def team_toml(starter: Starter) -> str:
    """Return the text of the team's settings file."""
    team = _table("[team]", {"name": starter.team, "timezone": starter.timezone})
    people = [_table("[[team.people]]", {"name": one.name, "email": one.email}) for one in starter.people]
    logs = [starter.log if isinstance(starter.log, str) else {"command": list(starter.log)}]
    service = _table("[[services]]", {"name": starter.service, "logs": logs if starter.log else []})
    return "\n".join(part for part in (TEAM_HEADER, team, *people, service if starter.service else "") if part)


def _table(header: str, values: Mapping[str, Any]) -> str:
    """A table without its empty values; "" if all are empty."""
    lines = [f"{key} = {toml_value(value)}\n" for key, value in values.items() if value]
    return "".join([f"{header}\n", *lines]) if lines else ""


def personal_toml(name: str, settings: Path | None) -> str:
    """Return the text of the personal settings file; ``settings`` is the team's file if it is not beside it."""
    given = {"name": name, "settings": str(settings) if settings else ""}
    lines = [f"{key} = {toml_value(value)}\n" for key, value in given.items() if value]
    return "".join([f"{PERSONAL_HEADER}\n", *lines])
