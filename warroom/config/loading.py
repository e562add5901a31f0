"""Reads the settings file, and the playbook it names, with the place of every mistake. Looks up no secret.

A flag beats the environment, the environment beats the personal file, that beats the team's.
"""

from __future__ import annotations

import getpass
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warroom import toml
from warroom.config.paths import AppPaths, chosen, expanded, shipped, shown
from warroom.config.settings import PLUGIN_TABLES, RemoteLog, Service, Settings
from warroom.errors import SettingsError
from warroom.incident.readings import ERRORS

if TYPE_CHECKING:
    from warroom.incident.playbook import Playbook

PERSONAL_KEYS = ("name", "settings")
"""Keys of the personal settings that the team's file must not have."""

KeyCheck = Callable[[Mapping[str, str]], Sequence[toml.Mistake]]
"""Says what is wrong with [console.keys]. Which actions and keys there are is known to the screen alone."""


def load(
    path: Path | None,
    environ: Mapping[str, str],
    flags: Mapping[str, str | None] | None = None,
    key_check: KeyCheck | None = None,
    overlay: Callable[[Settings], Settings] | None = None,
) -> Settings:
    """The settings of ``path``, else of the file flags or environment name, else of the default place.

    ``overlay`` lays a person's own settings over them, then come the environment (WARROOM_THEME, WARROOM_PLAYBOOK)
    and ``flags`` ("theme", "playbook").
    Paths come out absolute. No file in the default place means defaults; no secret is looked up.
    Raises ``SettingsError`` for a named file that is missing, and for every mistake, with its place.
    """
    flags = flags or {}
    places = AppPaths.find(environ, flags)
    file = path or places.settings
    there = path or places.named or is_there(file)
    # The defaults need no validation: that of all tables would be built for it, at every start.
    settings = _read(file, key_check) if there else Settings.model_construct()
    if overlay:
        settings = overlay(settings)
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
    text = read_text(file, "Name another file with --settings, or write one with: warroom init")
    table = toml.read(text, shown(file))
    if misplaced := [_personal_key(key) for key in PERSONAL_KEYS if key in table]:
        raise toml.refuse(misplaced, text, shown(file))
    settings = toml.check(table, Settings, text, shown(file))
    mistakes = list(_contradictions(settings))
    if key_check and settings.console.keys:
        mistakes += key_check(settings.console.keys)
    if mistakes:
        raise toml.refuse(mistakes, text, shown(file))
    return _settle(settings, file.absolute().parent)


def _personal_key(key: str) -> toml.Mistake:
    return toml.Mistake(
        (key,), "belongs in your personal settings", "Move it to personal.toml: warroom help settings."
    )


def is_there(file: Path) -> bool:
    """Whether the file exists, or may: where that cannot be found out, reading it shows why."""
    try:
        return file.exists()
    except OSError:
        return True


def read_text(file: Path, remedy: str) -> str:
    """The text of ``file`` (UTF-8). ``SettingsError`` with ``remedy`` if it cannot be read."""
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
    own = read_text(Path(settings.playbook), "Correct playbook = … in the settings.")
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
    for number, service in enumerate(settings.services):
        yield from _wrong_links(settings, number, service)
    for name, probe in settings.probes.items():
        if name == ERRORS or probe.verifies == ERRORS:
            key = "" if name == ERRORS else "verifies"
            wrong = f'"{ERRORS}" is measured by the console itself, from the logs of the service'
            yield toml.Mistake(("probes", name, key) if key else ("probes", name), wrong, "Choose another name.")
        if probe.service and probe.service.casefold() not in map(str.casefold, services):
            remedy = toml.allowed(services, probe.service) if services else "Add it as [[services]]."
            wrong = f'"{toml.plain(probe.service)}" is not in [[services]]'
            yield toml.Mistake(("probes", name, "service"), wrong, remedy)
    secrets = set(_secret_variables(settings))
    for number, name in enumerate(settings.runbooks.environment):
        if name in secrets:
            wrong = f"{name} holds a secret of these settings, which commands of runbooks must not get"
            yield toml.Mistake(("runbooks", "environment", number), wrong, "Give them a secret of their own.")
    for number, name in enumerate(settings.on_call.rotation if settings.on_call else ()):
        if name not in people:
            remedy = toml.allowed(people, name) if people else "Add each person there."
            yield toml.Mistake(("on_call", "rotation", number), f'"{name}" is not in [[team.people]]', remedy)
    yield from _on_call_contradictions(settings, people)


def _on_call_contradictions(settings: Settings, people: Sequence[str]) -> Iterator[toml.Mistake]:
    """Names in [on_call] and [escalation] that no other table has. Roles are known to the playbook only."""
    paging = list(settings.paging)
    add = toml.allowed(paging, "") if paging else "Add [paging.NAME]; see warroom help integrations."
    table = settings.on_call
    for number, override in enumerate(table.overrides if table else ()):
        if override.person not in people:
            remedy = toml.allowed(people, override.person) if people else "Add each person there."
            path = ("on_call", "overrides", number, "person")
            yield toml.Mistake(path, f'"{override.person}" is not in [[team.people]]', remedy)
    if table and table.schedule and table.schedule not in paging:
        yield toml.Mistake(("on_call", "schedule"), f'"{table.schedule}" is not a paging service', add)
    if settings.escalation and not paging:
        yield toml.Mistake(("escalation",), "there is no paging service to page through", add, table=True)
        return
    for number, step in enumerate(settings.escalation.steps if settings.escalation else ()):
        for place, service in enumerate(step.through):
            if service not in paging:
                wrong = f'"{service}" is not a paging service'
                remedy = toml.allowed(paging, service)
                yield toml.Mistake(("escalation", "steps", number, "through", place), wrong, remedy)


def _wrong_links(settings: Settings, number: int, service: Service) -> Iterator[toml.Mistake]:
    """What a service names that is not there, or cannot be meant."""
    others = [one.name for one in settings.services if one.name != service.name]
    known = set(map(str.casefold, others))
    for place, name in enumerate(service.depends_on):
        if name.casefold() not in known:
            own = name.casefold() == service.name.casefold()
            wrong = "a service cannot depend on itself" if own else f'"{toml.plain(name)}" is not in [[services]]'
            remedy = toml.allowed(others, name) if others else "Add the other as [[services]]."
            yield toml.Mistake(("services", number, "depends_on", place), wrong, remedy)
    for place, log in enumerate(service.logs):
        if isinstance(log, RemoteLog) and log.service not in settings.log_services:
            wrong = f"there is no [log_services.{toml.plain(log.service)}]"
            remedy = toml.allowed(settings.log_services, log.service) if settings.log_services else "Add it."
            yield toml.Mistake(("services", number, "logs", place), wrong, remedy)


def _secret_variables(settings: Settings) -> Iterator[str]:
    """The environment variables that the settings refer to: { env = "NAME" }, in whatever table of a plugin."""

    def found(value: object) -> Iterator[str]:
        if isinstance(value, dict):
            if list(value) == ["env"] and isinstance(value["env"], str):
                yield value["env"]
            for inner in value.values():
                yield from found(inner)

    for field in PLUGIN_TABLES:
        for table in getattr(settings, field).values():
            yield from found(table.options)


def _settle(settings: Settings, folder: Path) -> Settings:
    """Make paths absolute: a path in a file is relative to that file's folder."""

    def absolute(path: str) -> str:
        return str(folder / expanded(path))

    services = tuple(
        service.model_copy(
            update={
                "logs": tuple(
                    log if not isinstance(log, str) or re.match(r"[a-z]{2,}:", log) else absolute(log)
                    for log in service.logs
                ),
                "changes": absolute(service.changes)
                if isinstance(service.changes, str) and service.changes
                else service.changes,
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
    folders = tuple(map(absolute, settings.runbooks.folders))
    runbooks = settings.runbooks.model_copy(update={"folders": folders})
    drills = settings.drills.model_copy(update={"folders": tuple(map(absolute, settings.drills.folders))})
    settled = {"services": services, "playbook": playbook, "runbooks": runbooks, "drills": drills, **tables}
    return settings.model_copy(update=settled)


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
