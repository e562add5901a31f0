"""Reads the settings file, and the playbook it names, with the place of every mistake. Looks up no secret.

A flag beats the environment, the environment beats the file.
"""

from __future__ import annotations

import getpass
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warroom import toml
from warroom.config.paths import AppPaths, chosen, expanded, shipped, shown
from warroom.config.settings import PLUGIN_TABLES, LogCommand, Settings
from warroom.errors import SettingsError
from warroom.incident.readings import ERRORS

if TYPE_CHECKING:
    from warroom.incident.playbook import Playbook

KeyCheck = Callable[[Mapping[str, str]], Sequence[toml.Mistake]]
"""Says what is wrong with [console.keys]. Which actions and keys there are is known to the screen alone."""


def load(
    path: Path | None,
    environ: Mapping[str, str],
    flags: Mapping[str, str | None] | None = None,
    key_check: KeyCheck | None = None,
) -> Settings:
    """The settings of ``path``, else of the file flags or environment name, else of the default place.

    Environment (WARROOM_THEME, WARROOM_PLAYBOOK) and then ``flags`` ("theme", "playbook") are laid over it.
    Paths come out absolute. No file in the default place means defaults; no secret is looked up.
    Raises ``SettingsError`` for a named file that is missing, and for every mistake, with its place.
    """
    flags = flags or {}
    places = AppPaths.find(environ, flags)
    file = path or places.settings
    settings = Settings()
    if path or places.named or _there(file):
        settings = _read(file, key_check)
    theme, where = chosen("theme", environ, flags)
    if theme:
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,40}", theme):
            raise SettingsError("is not the name of a theme", "Try dark or light.", place=where)
        settings = settings.model_copy(update={"console": settings.console.model_copy(update={"theme": theme})})
    playbook, _ = chosen("playbook", environ, flags)
    if playbook:
        settings = settings.model_copy(update={"playbook": str(expanded(playbook).absolute())})
    return settings


def _read(file: Path, key_check: KeyCheck | None = None) -> Settings:
    text = _text(file, "Name another file with --settings, or write one with: warroom init")
    settings = toml.parse(text, Settings, shown(file))
    mistakes = list(_contradictions(settings))
    if key_check and settings.console.keys:
        mistakes += key_check(settings.console.keys)
    if mistakes:
        raise toml.refuse(mistakes, text, shown(file))
    return _settle(settings, file.absolute().parent)


def _there(file: Path) -> bool:
    try:
        return file.exists()
    except OSError:  # perhaps; reading it will show why not
        return True


def _text(file: Path, remedy: str) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        reason = "it is not UTF-8 text"
    except FileNotFoundError:
        reason = "there is no such file"
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
    raise SettingsError(f"cannot be read: {reason}", remedy, place=shown(file))


def load_playbook(settings: Settings) -> Playbook:
    """The shipped playbook with the team's laid over it. ``SettingsError`` with the place of every mistake."""
    from warroom.incident import playbook  # most verbs need the settings alone

    base = shipped("playbooks/small-team.toml").read_text(encoding="utf-8")
    if not settings.playbook:
        return playbook.parse(base, "small-team.toml")
    own = _text(Path(settings.playbook), "Correct playbook = … in the settings.")
    return playbook.override(base, own, shown(Path(settings.playbook)))


def _contradictions(settings: Settings) -> Iterator[toml.Mistake]:
    """What no table can see alone."""
    people = [person.name for person in settings.team.people]
    for table, names in ((("team", "people"), people), (("services",), [s.name for s in settings.services])):
        seen = set()
        for number, name in enumerate(names):
            if name.casefold() in seen:
                yield toml.Mistake((*table, number, "name"), f'"{name}" appears twice', "Give each its own name.")
            seen.add(name.casefold())
    rules = [rule.name for rule in settings.redaction.rules]
    for number, name in enumerate(rules):
        if name in rules[:number]:
            remedy = "Give each its own name."
            yield toml.Mistake(("redaction", "rules", number, "name"), f'"{name}" appears twice', remedy)
    for name, destination in settings.destinations.items():
        others = [other for other in settings.destinations if other != name]
        if destination.fallback and destination.fallback not in others:
            remedy = toml.allowed(others, destination.fallback) if others else "Add another destination."
            wrong = f'"{toml.plain(destination.fallback)}" is not another destination'
            yield toml.Mistake(("destinations", name, "fallback"), wrong, remedy)
    services = [service.name for service in settings.services]
    for name, probe in settings.probes.items():
        if name == ERRORS or probe.verifies == ERRORS:
            key = "" if name == ERRORS else "verifies"
            wrong = f'"{ERRORS}" is measured by the console itself, from the logs of the service'
            yield toml.Mistake(("probes", name, key) if key else ("probes", name), wrong, "Choose another name.")
        if probe.service and probe.service.casefold() not in map(str.casefold, services):
            remedy = toml.allowed(services, probe.service) if services else "Add it as [[services]]."
            wrong = f'"{toml.plain(probe.service)}" is not in [[services]]'
            yield toml.Mistake(("probes", name, "service"), wrong, remedy)
    for number, name in enumerate(settings.on_call.rotation if settings.on_call else ()):
        if name not in people:
            remedy = toml.allowed(people, name) if people else "Add each person there."
            yield toml.Mistake(("on_call", "rotation", number), f'"{name}" is not in [[team.people]]', remedy)


def _settle(settings: Settings, folder: Path) -> Settings:
    """Make paths absolute: a path in a file is relative to that file's folder."""

    def absolute(path: str) -> str:
        return str(folder / expanded(path))

    services = tuple(
        service.model_copy(
            update={
                "logs": tuple(
                    log if isinstance(log, LogCommand) or re.match(r"[a-z]{2,}:", log) else absolute(log)
                    for log in service.logs
                )
            }
        )
        for service in settings.services
    )
    tables = {
        field: {
            name: table.model_copy(update={"options": _settle_files(table.options, absolute)})
            for name, table in getattr(settings, field).items()
        }
        for field in PLUGIN_TABLES
    }
    playbook = absolute(settings.playbook) if settings.playbook else ""
    drills = settings.drills.model_copy(update={"folders": tuple(map(absolute, settings.drills.folders))})
    return settings.model_copy(update={"services": services, "playbook": playbook, "drills": drills, **tables})


def _settle_files(table: Mapping[str, Any], absolute: Callable[[str], str]) -> dict[str, Any]:
    settled = dict(table)
    for key, value in table.items():
        if isinstance(value, dict):
            reference = list(value) == ["file"] and isinstance(value["file"], str)
            settled[key] = {"file": absolute(value["file"])} if reference else _settle_files(value, absolute)
    return settled


def who(
    settings: Settings,
    environ: Mapping[str, str],
    flags: Mapping[str, str | None] | None = None,
    os_user: Callable[[], str] = getpass.getuser,
) -> str:
    """Who sits here: ``--as``, WARROOM_AS, else the system's user, as the team's list calls them.

    Somebody the list does not know keeps the name they gave: help may come from anywhere.
    Raises ``SettingsError`` if no one can be determined.
    """
    given, _ = chosen("as", environ, flags or {})
    if not given:
        try:
            given = os_user()
        except (OSError, LookupError):
            raise SettingsError("Cannot determine who you are", "Use --as NAME or WARROOM_AS.") from None
        for person in settings.team.people:
            if given in (person.email.partition("@")[0], *person.handles.values()):
                return person.name
    known = settings.person(given)
    return known.name if known else toml.plain(given.strip(), 60)
