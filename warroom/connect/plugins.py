"""Which plugins are installed, by kind, found through entry points. Lists no vendor by name."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from pydantic import BaseModel

from warroom import toml
from warroom.connect.secret_mask import SecretMask
from warroom.errors import SettingsError
from warroom.safety import redact, sanitize


@dataclass(frozen=True)
class PluginKind:
    """A kind of plugin: ``group`` is its entry point group, ``noun`` what people call one of them."""

    group: str
    noun: str


CHAT = PluginKind("warroom.chat", "chat backend")
ALERTS = PluginKind("warroom.alerts", "alert source")
PROBES = PluginKind("warroom.probes", "kind of probe")
PAGING = PluginKind("warroom.paging", "paging service")
DOCUMENTS = PluginKind("warroom.documents", "document store")
TRACKERS = PluginKind("warroom.trackers", "issue tracker")
WORKFLOWS = PluginKind("warroom.workflows", "workflow runner")
KINDS = (CHAT, ALERTS, PROBES, PAGING, DOCUMENTS, TRACKERS, WORKFLOWS)
"""A package registers a plugin in the group of its kind; warroom's own are registered the same way."""


@dataclass(frozen=True)
class Plugin:
    """A loaded plugin: a class or factory, called with its checked options."""

    build: Any
    options: type[BaseModel]
    """The model of its options. Secrets among them are declared as ``SecretStr``."""
    package: str
    """The distribution package it comes from."""


def names(kind: PluginKind) -> tuple[str, ...]:
    """The names of all installed plugins of this kind, sorted. Imports none of them."""
    return tuple(sorted(_registered(kind)))


def load(kind: PluginKind, name: str) -> Plugin:
    """The plugin registered as ``name``; imports that one alone.

    Raises ``SettingsError`` that lists the plugins there are, or the reason why this one cannot be used.
    """
    found = _registered(kind).get(name)
    if found is None:
        raise SettingsError(f'no {kind.noun} is called "{toml.plain(name)}"', toml.allowed(names(kind), name))
    if len(found) > 1:
        owners = ", ".join(sorted({_owner(point) for point in found}))
        raise SettingsError(f'the {kind.noun} "{name}" is registered twice, by {owners}', "Uninstall one of them.")
    (point,) = found
    try:
        build = point.load()
        options = getattr(build, "Options", None)
        complete = callable(build) and isinstance(options, type) and issubclass(options, BaseModel)
    except BaseException as error:
        if is_ending(error):
            raise
        raise SettingsError(
            f'the {kind.noun} "{name}" cannot be loaded: {describe(error)}',
            f"Reinstall or remove the package {_owner(point)}.",
        ) from error
    if not complete:
        raise SettingsError(
            f'the {kind.noun} "{name}" is not usable: {point.value} has no Options model',
            f"Update or remove the package {_owner(point)}.",
        )
    assert options is not None
    return Plugin(build, options, _owner(point))


def load_all(kind: PluginKind) -> tuple[dict[str, Plugin], tuple[SettingsError, ...]]:
    """Every plugin of this kind that loads, by name, and an error for each that does not."""
    loaded: dict[str, Plugin] = {}
    broken: list[SettingsError] = []
    for name in names(kind):
        try:
            loaded[name] = load(kind, name)
        except SettingsError as error:
            broken.append(error)
    return loaded, tuple(broken)


def is_ending(error: BaseException) -> bool:
    """Whether ``error`` ends the program or the task, so that it must not be caught: an interrupt, a cancellation.

    A ``CancelledError`` without a request to cancel is an error like any other.
    """
    if isinstance(error, asyncio.CancelledError):
        try:
            task = asyncio.current_task()
        except RuntimeError:
            return False
        return task is not None and task.cancelling() > 0
    return isinstance(error, KeyboardInterrupt | SystemExit | GeneratorExit)


def describe(error: BaseException, mask: SecretMask | None = None) -> str:
    """An error in a plugin's code in one line: its type, and its message if it has one. Secrets are masked."""
    try:
        words = str(error)
    except Exception:  # noqa: BLE001 — even this may fail
        words = ""
    kind = type(error).__name__
    words = mask.line(words) if mask else " ".join(redact(words[:200]).text.split())
    return sanitize(f"{kind}: {words}" if words else kind, newlines=False)


def _registered(kind: PluginKind) -> dict[str, tuple[EntryPoint, ...]]:
    """Entry points by name. The same one seen twice (an editable install beside a wheel) counts once."""
    by_name: dict[str, dict[str, EntryPoint]] = {}
    for point in entry_points(group=kind.group):
        by_name.setdefault(point.name, {}).setdefault(point.value, point)
    return {name: tuple(points.values()) for name, points in by_name.items()}


def _owner(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.module.partition(".")[0]
