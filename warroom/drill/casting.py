"""Gives the parts of a script to a team: its service, its people, its severities. Changes only the script."""

from __future__ import annotations

from typing import Any

from warroom.drill.script import SERVICE, Script
from warroom.room.room import WarRoom


def give_parts(script: Script, room: WarRoom) -> Script:
    """Return the script with the team's service and people where it names others, unless it brings its own.

    The person at this console plays themselves, so a part goes to them only if nobody else is left. A severity
    that the playbook does not have becomes its worst. A script that had to be changed has no ``responder``: its
    steps are about the people and the checklists it was written for.
    """
    parts: dict[str, str] = {}
    service, severity = script.service, script.severity
    if script.cast == "team":
        services = [one.name for one in room.settings.services]
        known = next((name for name in services if name.casefold() == service.casefold()), "")
        service = known or next(iter(services), service)
        parts = _parts(script, room)
    known_severities = [one.id for one in room.playbook.severities]
    if severity and severity not in known_severities:
        severity = known_severities[0]
    changed = service != script.service or any(name != part for part, name in parts.items())
    data = script.model_dump()
    data |= {"service": service, "severity": severity, "responder": () if changed else data["responder"]}
    for table in ("chat", "answers"):
        for row in data[table]:
            row["who"] = parts.get(row["who"], row["who"])
    return Script.model_validate(_filled(data, service))


def _parts(script: Script, room: WarRoom) -> dict[str, str]:
    """Who of the team plays whom; people of the team play themselves."""
    wanted = list(dict.fromkeys([*(row.who for row in script.chat), *(row.who for row in script.answers)]))
    team = [person.name for person in room.settings.team.people]
    parts = {name: name for name in wanted if name in team}
    free = [name for name in team if name not in parts]
    free.sort(key=lambda name: name == room.by)
    return parts | dict(zip([name for name in wanted if name not in parts], free, strict=False))


def _filled(value: Any, service: str) -> Any:
    """``value`` with the service's name where a text has its placeholder."""
    if isinstance(value, str):
        return value.replace(f"%{{{SERVICE}}}", service)
    if isinstance(value, dict):
        return {key: _filled(one, service) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_filled(one, service) for one in value]
    return value
