"""Looks whether everything an incident will need works, before there is one. Never posts, never repairs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import stat
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

from warroom import __version__
from warroom import bootstrap as bootstrap
from warroom.cli import doctor_files
from warroom.cli.context import CliContext
from warroom.cli.findings import Finding, wrong
from warroom.config import personal
from warroom.config.loading import is_there, load_playbook, who
from warroom.config.paths import AppPaths, shown
from warroom.config.settings import Settings
from warroom.errors import WarroomError
from warroom.incident.delivery import DeliveryState
from warroom.incident.requests import REQUEST_KINDS, RequestKind
from warroom.journal.url import open_journal, sqlite_url
from warroom.room import background

CHECK_S = 15.0
"""How long a destination's check may take, in seconds."""


def examine(context: CliContext) -> list[Finding]:
    """All checks; those that depend on something broken are left out."""
    found = [Finding("warroom", "fine", f"{__version__}, Python {sys.version.split()[0]}")]
    found += _terminal(context)
    what = "personal"
    try:
        if not context.no_settings:
            personal.read(context.environ)
        what = "settings"
        places, settings, flags = context.read_settings()
    except WarroomError as error:
        return [*found, wrong(what, error)]
    found.append(_settings(places, context))
    found += _personal(places, context)
    found.append(_you(settings, context, flags))
    found += _team(settings)
    found += _services(settings)
    found.append(_try("playbook", lambda: _playbook(places, settings)))
    found += _journal(places)
    found += _hub(settings, context)
    found += _chat(settings)
    found += background.start(lambda: _destinations(places, settings, context)).result()
    found += background.start(lambda: _alert_sources(places, settings, context)).result()
    found += background.start(lambda: _integrations(places, settings, context)).result()
    found += background.start(lambda: _probes(places, settings, context)).result()
    found += background.start(lambda: _log_services(places, settings, context)).result()
    found += _logs(settings)
    found += background.start(lambda: doctor_files.changes(settings, bootstrap.utc_now(), CHECK_S)).result()
    found += doctor_files.runbooks(places, settings)
    found += doctor_files.drills(places, settings)
    found += _theme(places, settings)
    found += doctor_files.diagnostics(places, bootstrap.utc_now())
    return found


def _settings(places: AppPaths, context: CliContext) -> Finding:
    file = shown(places.settings)
    if context.no_settings:
        return Finding("settings", "look", f"{file} is ignored (--no-settings)")
    if not places.settings.exists():
        text = f"{file} does not exist: using defaults. Write one with warroom init"
        return Finding("settings", "look", text, remedy="warroom init")
    return Finding("settings", "fine", file)


def _personal(places: AppPaths, context: CliContext) -> Iterator[Finding]:
    if context.no_settings:
        return
    there = is_there(places.personal)
    yield Finding("personal", "fine", f"{shown(places.personal)}{'' if there else ', optional, does not exist'}")


def _you(settings: Settings, context: CliContext, flags: Mapping[str, str | None]) -> Finding:
    try:
        name = who(settings, context.environ, flags)
    except WarroomError as error:
        return wrong("you", error)
    people = [person.name for person in settings.team.people]
    if not people or name in people:
        return Finding("you", "fine", name)
    origin = "your account name, which" if context.acts_as_account else "a name that"
    remedy = "Say who you are with --as NAME, WARROOM_AS or name in personal.toml, or add yourself."
    return Finding("you", "look", f"{name}: {origin} is not in [[team.people]]. {remedy}", remedy=remedy)


def _try(what: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(what, "fine", look())
    except WarroomError as error:
        return wrong(what, error)


def _terminal(context: CliContext) -> Iterator[Finding]:
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    if encoding != "utf8":
        yield Finding("terminal", "look", f"stdout is {encoding or 'closed'}, not UTF-8: set LANG=C.UTF-8")
    if not sys.stdout.isatty():
        return
    columns, lines = shutil.get_terminal_size()
    term = context.environ.get("TERM", "")
    if term in ("", "dumb"):
        yield Finding("terminal", "wrong", f"TERM is {term or 'not set'}: the console cannot be drawn", 1)
    elif columns < 80 or lines < 24:
        yield Finding("terminal", "look", f"{columns}×{lines}; the console needs 80×24")
    else:
        yield Finding("terminal", "fine", f"{term}, {columns}×{lines}")


def _team(settings: Settings) -> Iterator[Finding]:
    if not settings.team.people:
        yield Finding(
            "team", "look", "no people: add [[team.people]]", remedy="add [[team.people]] to the settings"
        )
        return
    missing = [p.name for p in settings.team.people if not (p.phone or p.email or any(p.handles.values()))]
    yield Finding("team", "fine", f"{len(settings.team.people)} people, {settings.team.timezone}")
    if missing:
        yield Finding("contacts", "look", f"no phone, e-mail or handle of {', '.join(missing)}")
    now = settings.person_on_call(bootstrap.utc_now())
    if settings.on_call and settings.on_call.schedule:
        yield Finding(
            "on call", "fine", f"by the schedule of {settings.on_call.schedule}; warroom oncall shows who"
        )
    elif settings.on_call:
        remedy = "correct the turns in [on_call]"
        yield Finding("on call", "fine" if now else "look", now or "nobody now", remedy=remedy)
    else:
        yield Finding("on call", "fine", "no rota; [on_call] adds one")


def _services(settings: Settings) -> Iterator[Finding]:
    if settings.services:
        yield Finding("services", "fine", ", ".join(service.name for service in settings.services))
    else:
        remedy = "add [[services]] to the settings"
        yield Finding("services", "look", "none: logs and probes of an incident are not known", remedy=remedy)


def _chat(settings: Settings) -> Iterator[Finding]:
    """A team without a chat: its messages reach nobody. One person alone needs none."""
    unset = settings.destinations == bootstrap.with_defaults(Settings()).destinations
    if unset and len(settings.team.people) > 1:
        text = "none: messages go to files on this machine alone"
        yield Finding("chat", "look", text, remedy="warroom connect")


def _playbook(places: AppPaths, settings: Settings) -> str:
    playbook = load_playbook(settings)
    bootstrap.check_severities(places, settings, playbook)
    bootstrap.check_playbook(settings, playbook)
    return f"{playbook.name}, {len(playbook.items)} checklist items, {len(playbook.templates)} templates"


def _journal(places: AppPaths) -> Iterator[Finding]:
    folder, file = places.data, places.journal
    if not file.exists():
        there = next(place for place in (folder, *folder.parents) if place.exists())
        if not (there.is_dir() and os.access(there, os.W_OK | os.X_OK)):
            reason = f"{shown(folder)} cannot be created: {shown(there)} is not writable"
            yield Finding("journal", "wrong", reason, 1)
        else:
            yield Finding("journal", "fine", f"{shown(file)} is created at the first declaration")
        return
    if stat.S_IMODE(folder.stat().st_mode) & 0o077:
        yield Finding("data folder", "look", f"{shown(folder)} can be read by others: chmod 700 it")
    try:
        with contextlib.closing(open_journal(sqlite_url(file))) as journal:
            for notice in journal.notices():
                yield Finding("journal", "wrong", notice, 1)
            yield Finding("journal", "fine", journal.check())
            states = Counter(delivery.state for delivery in journal.deliveries())
    except WarroomError as error:
        yield wrong("journal", error)
        return
    for state, remedy in (
        (DeliveryState.FAILED, "warroom deliveries says why"),
        (DeliveryState.UNCONFIRMED, "see warroom deliveries"),
        (DeliveryState.PENDING, "warroom deliveries --wait 30s sends them"),
    ):
        if states[state]:
            yield Finding("deliveries", "look", f"{states[state]} {state.label}: {remedy}")
    free = shutil.disk_usage(folder).free
    if free < 100 << 20:
        yield Finding("disk", "look", f"{free >> 20} MB free on the journal's disk")


def _hub(settings: Settings, context: CliContext) -> Iterator[Finding]:
    if settings.hub is None:
        return
    try:
        bootstrap.open_hub(settings, context.environ).close()
    except WarroomError as error:
        yield wrong("hub", error)
    else:
        yield Finding("hub", "fine", "answers; warroom hub status has details")


class _Checked(Protocol):
    """A connection to a service."""

    async def check(self) -> str: ...

    async def close(self) -> None: ...


async def _destinations(places: AppPaths, settings: Settings, context: CliContext) -> list[Finding]:
    def make(name: str) -> _Checked:
        return bootstrap.make_chat(settings.destinations[name], places, context.environ)

    return list(await asyncio.gather(*(_check(name, name, make) for name in settings.destinations)))


async def _alert_sources(places: AppPaths, settings: Settings, context: CliContext) -> list[Finding]:
    def make(name: str) -> _Checked:
        return bootstrap.make_alert_source(settings.alerts[name], places, context.environ)

    return list(await asyncio.gather(*(_check(f"alerts of {name}", name, make) for name in settings.alerts)))


async def _integrations(places: AppPaths, settings: Settings, context: CliContext) -> list[Finding]:
    def maker(kind: RequestKind) -> Callable[[str], _Checked]:
        tables = settings.integrations(kind)
        return lambda name: bootstrap.make_integration(kind, tables[name], places, context.environ)

    checks = [(name, maker(kind)) for kind in REQUEST_KINDS for name in settings.integrations(kind)]
    return list(await asyncio.gather(*(_check(name, name, make) for name, make in checks)))


async def _log_services(places: AppPaths, settings: Settings, context: CliContext) -> list[Finding]:
    def make(name: str) -> _Checked:
        return bootstrap.make_log_service(settings.log_services[name], "", places, context.environ)

    return list(await asyncio.gather(*(_check(f"logs of {name}", name, make) for name in settings.log_services)))


async def _check(what: str, name: str, make: Callable[[str], _Checked]) -> Finding:
    """What a connection says about itself. It is made in a thread: a secret may come from a command."""
    try:
        made = await asyncio.to_thread(make, name)
        try:
            async with asyncio.timeout(CHECK_S):
                return Finding(what, "fine", await made.check())
        finally:
            await made.close()
    except WarroomError as error:
        return wrong(what, error)
    except TimeoutError:
        return Finding(what, "wrong", f"did not answer within {CHECK_S:.0f} s", 1)


async def _probes(places: AppPaths, settings: Settings, context: CliContext) -> list[Finding]:
    async def measure(name: str) -> Finding:
        what = f"probe {name}"
        try:
            probe = await asyncio.to_thread(
                bootstrap.make_probe, settings.probes[name], places, context.environ, settings
            )
        except WarroomError as error:
            return wrong(what, error)
        try:
            reading = await probe.run()
        finally:
            await probe.close()
        return Finding(what, "fine" if reading.speaks == "for" else "look", reading.text)

    return list(await asyncio.gather(*map(measure, settings.probes)))


def _logs(settings: Settings) -> Iterator[Finding]:
    from warroom import toml
    from warroom.config.settings import LogCommand, RemoteLog
    from warroom.logs.sources.discovery import command_of, kind_refused
    from warroom.logs.sources.discovery import files as files_of

    for service in settings.services:
        for log in service.logs:
            if isinstance(log, RemoteLog):
                continue  # its service is asked
            command = log.command if isinstance(log, LogCommand) else command_of(log)
            if command is not None:
                if shutil.which(command[0]) is None:
                    yield Finding(f"log of {service.name}", "look", f"there is no program {toml.plain(command[0])}")
                continue
            assert isinstance(log, str)
            files = files_of(log) or [Path(log)]
            unread = [file for file in files if kind_refused(str(file)) or not os.access(file, os.R_OK)]
            if unread:
                kind = kind_refused(str(unread[0]))
                why = (
                    f"is {kind}, not a log"
                    if kind
                    else ("cannot be read" if unread[0].exists() else "is not there")
                )
                yield Finding(f"log of {service.name}", "look", f"{shown(unread[0])} {why}")
            else:
                yield Finding(f"log of {service.name}", "fine", f"{shown(Path(log))}, {len(files)} to read")


def _theme(places: AppPaths, settings: Settings) -> Iterator[Finding]:
    """Whether the theme is there, and whether every theme of the team's can be read: the console reads them all."""
    from warroom.tui.theme import load_themes

    try:
        names = {theme.name for folder in places.themes for theme in load_themes(folder)}
    except WarroomError as error:
        yield wrong("theme", error)
        return
    if settings.console.theme not in names:
        known = ", ".join(sorted(names))
        yield Finding("theme", "wrong", f"there is no theme {settings.console.theme}. Themes: {known}", 3)
