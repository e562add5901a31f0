"""The two settings files a team begins with, made from the answers to ``warroom init``. Asks and writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
    import tomli_w

    team: dict[str, Any] = {"name": starter.team, "timezone": starter.timezone}
    team = {key: value for key, value in team.items() if value}
    people = [
        {"name": one.name, "email": one.email} if one.email else {"name": one.name} for one in starter.people
    ]
    if people:
        team["people"] = people
    tables: dict[str, Any] = {"team": team} if team else {}
    if starter.service:
        tables["services"] = [{"name": starter.service, **_logs(starter.log)}]
    return f"{TEAM_HEADER}\n{tomli_w.dumps(tables)}" if tables else TEAM_HEADER


def _logs(log: str | Sequence[str]) -> dict[str, Any]:
    if not log:
        return {}
    return {"logs": [log if isinstance(log, str) else {"command": list(log)}]}


def personal_toml(name: str, settings: Path | None) -> str:
    """Return the text of the personal settings file; ``settings`` is the team's file if it is not beside it."""
    import tomli_w

    given = {"name": name, "settings": str(settings) if settings else ""}
    return f"{PERSONAL_HEADER}\n{tomli_w.dumps({key: value for key, value in given.items() if value})}"
