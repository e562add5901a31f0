"""Names that a command line can have, by kind: from the settings, the playbook, the journal and the folders.

They are read as they lie there, unchecked: a settings file with a mistake still has people in it. What cannot be
read has no names. Standard library only.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from warroom.config.paths import AppPaths, chosen, expanded, shipped
from warroom.journal import peek

TEAM_LISTS = ("preparation", "improvement")
"""The checklists that ``warroom ready`` is about; the others are worked in an incident."""

Values = Iterable[tuple[str, str]]
"""Each with what is said beside it, which may be ""."""


class KnownNames:
    """What there is to name. ``flags`` are those options of the command line that say where to look."""

    def __init__(self, environ: Mapping[str, str], flags: Mapping[str, str]) -> None:
        self._environ = environ
        self._paths = AppPaths.find(environ, dict(flags))
        named = _text(_toml(self._paths.personal), "settings")
        if named and not chosen("settings", environ, flags)[0]:  # where the personal settings say
            team = str(self._paths.personal.parent / expanded(named))
            self._paths = AppPaths.find(environ, {**flags, "settings": team})
        self._incident = flags.get("incident", "")

    def of(self, kind: str) -> Values:
        """Return the names of a kind; none for a kind that is not known."""
        reader: Callable[[], Values] | None = getattr(self, f"_{kind}", None)
        return reader() if reader else ()

    # ── settings ──────────────────────────────────────────────────────────────────────────────────────────

    @functools.cached_property
    def _settings(self) -> Mapping[str, Any]:
        return _toml(self._paths.settings)

    def _people(self) -> Values:
        team = _table(self._settings, "team")
        return [(name, "") for one in _tables(team.get("people")) if (name := _text(one, "name"))]

    def _services(self) -> Values:
        return [(name, "") for one in _tables(self._settings.get("services")) if (name := _text(one, "name"))]

    def _destinations(self) -> Values:
        return self._backends("destinations")

    def _documents(self) -> Values:
        return self._backends("documents")

    def _trackers(self) -> Values:
        return self._backends("trackers")

    def _paging(self) -> Values:
        return self._backends("paging")

    def _backends(self, name: str) -> Values:
        return [(key, _text(one, "backend")) for key, one in _table(self._settings, name).items()]

    def _probes(self) -> Values:
        return [(key, _text(one, "kind")) for key, one in _table(self._settings, "probes").items()]

    # ── playbook ──────────────────────────────────────────────────────────────────────────────────────────

    @functools.cached_property
    def _playbook(self) -> Mapping[str, Any]:
        """The shipped playbook with the team's laid over it, as ``incident.playbook.override`` does."""
        named = self._environ.get("WARROOM_PLAYBOOK") or _text(self._settings, "playbook")
        own = _toml(self._paths.settings.parent / expanded(named)) if named else {}
        return _merged(_toml(shipped("playbooks/small-team.toml")), own)

    def _roles(self) -> Values:
        return _titles(_table(self._playbook, "roles"))

    def _severities(self) -> Values:
        return _titles(_table(self._playbook, "severities"))

    def _templates(self) -> Values:
        return _titles(_table(self._playbook, "templates"))

    def _items(self) -> Values:
        return self._items_of(lambda name: name not in TEAM_LISTS)

    def _readiness(self) -> Values:
        return self._items_of(lambda name: name in TEAM_LISTS)

    def _items_of(self, wanted: Callable[[str], bool]) -> Iterator[tuple[str, str]]:
        lists = _table(self._playbook, "checklists")
        for name in filter(wanted, lists):
            yield from _titles(_table(_table(lists, name), "items"))

    # ── journal ───────────────────────────────────────────────────────────────────────────────────────────

    @functools.cached_property
    def _known_incidents(self) -> list[peek.IncidentName]:
        """The open ones first, each the newest first."""
        return sorted(peek.incident_names(self._paths.journal), key=lambda one: not one.open)

    def _incidents(self) -> Values:
        return [(one.id, one.text) for one in self._known_incidents]

    @property
    def _chosen(self) -> str:
        """The incident that the line is about."""
        return self._incident.upper() or next((one.id for one in self._known_incidents), "")

    def _actions(self) -> Values:
        return peek.action_names(self._paths.journal, self._chosen)

    def _changes(self) -> Values:
        return peek.change_names(self._paths.journal, self._chosen)

    def _deliveries(self) -> Values:
        return peek.delivery_names(self._paths.journal)

    # ── folders ───────────────────────────────────────────────────────────────────────────────────────────

    def _drills(self) -> Values:
        own = _table(self._settings, "drills").get("folders")
        folders = (shipped("sample_data") / "drills", self._paths.settings.parent / "drills", *self._paths_of(own))
        return [(path.stem, "") for folder in folders for path in sorted(folder.glob("*.toml"))]

    def _runbooks(self) -> Values:
        folders = self._paths_of(_table(self._settings, "runbooks").get("folders", ["runbooks"]))
        return [(path.stem, "") for folder in folders for path in sorted(folder.glob("*.md"))]

    def _paths_of(self, names: object) -> list[Path]:
        named = [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
        return [self._paths.settings.parent / expanded(name) for name in named]


def _toml(path: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # a mistake in the file is for the verb to report
        return {}


def _table(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = value.get(key)
    return found if isinstance(found, dict) else {}


def _tables(value: object) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _text(value: object, key: str) -> str:
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""


def _titles(tables: Mapping[str, Any]) -> Values:
    return [(id, _text(one, "title") or _text(one, "text")) for id, one in tables.items()]


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> Mapping[str, Any]:
    """``base`` with the tables of ``over`` laid over it; one with ``remove = true`` takes its name out."""
    made = dict(base)
    for key, value in over.items():
        if isinstance(value, dict) and value.get("remove") is True:
            made.pop(key, None)
        elif isinstance(value, dict) and isinstance(made.get(key), dict):
            made[key] = _merged(made[key], value)
        else:
            made[key] = value
    return made
