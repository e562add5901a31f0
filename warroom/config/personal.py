"""A person's own settings on this machine: who they are, where the team's settings are, how the console looks.

The team's file can be kept in git; this one stays with the user. It is ``personal.toml`` in the user's
configuration folder, or what WARROOM_PERSONAL names. Precedence: flag, environment, this file, the team's, default.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from warroom import toml
from warroom.config.fields import Table, Text
from warroom.config.loading import KeyCheck, is_there, read_text
from warroom.config.paths import AppPaths, chosen, expanded, shown
from warroom.config.settings import ConsoleSettings, Settings


class PersonalSettings(Table):
    """What is yours alone. No key is required."""

    name: Text = ""
    """Who you are, as [[team.people]] calls you. --as and WARROOM_AS win over it."""
    settings: Text = ""
    """The team's settings file, such as the one in your clone of the team's repository: relative to this file, ~
    allowed. --settings and WARROOM_SETTINGS win over it."""
    console: ConsoleSettings = Field(default_factory=ConsoleSettings)


@dataclass(frozen=True, slots=True)
class PersonalFile:
    """The personal settings as read, None if there is no file; ``text`` is the file's, to name a mistake's line."""

    path: Path
    text: str = ""
    settings: PersonalSettings | None = None

    def fill_in(self, environ: Mapping[str, str], flags: Mapping[str, str | None]) -> dict[str, str | None]:
        """Return ``flags`` with "as" and "settings" from here where neither a flag nor the environment has them."""
        filled = dict(flags)
        if self.settings is None:
            return filled
        if not chosen("as", environ, flags)[0]:
            filled["as"] = self.settings.name.strip() or None
        if self.settings.settings and not chosen("settings", environ, flags)[0]:
            filled["settings"] = str(self.path.absolute().parent / expanded(self.settings.settings))
        return filled

    def override(self, settings: Settings, key_check: KeyCheck | None = None) -> Settings:
        """Return the team's settings with this file's [console] laid over them, and [console.keys] key by key.

        Raises ``SettingsError`` with the place in this file if the keys together contradict each other.
        """
        if self.settings is None:
            return settings
        own = self.settings.console
        changes = {name: getattr(own, name) for name in own.model_fields_set}
        if own.keys:
            changes["keys"] = {**settings.console.keys, **own.keys}
            mistakes = key_check(changes["keys"]) if key_check else ()
            if mistakes:
                raise toml.refuse([self._placed(one) for one in mistakes], self.text, shown(self.path))
        return settings.model_copy(update={"console": settings.console.model_copy(update=changes)})

    def _placed(self, mistake: toml.Mistake) -> toml.Mistake:
        """The mistake as one of this file: an action that only the team's file gives keys is in no line of it."""
        action = str(mistake.path[-1])
        if self.settings and action in self.settings.console.keys:
            return mistake
        wrong = f"{toml.plain(action)} has its keys from the team's settings: {mistake.what}"
        return toml.Mistake(mistake.path[:-1], wrong, mistake.remedy, table=True)


def read(environ: Mapping[str, str]) -> PersonalFile:
    """Read the personal settings. No file in the usual place means no such settings.

    Raises ``SettingsError`` for every mistake, by its place, and if WARROOM_PERSONAL names a file that is missing.
    """
    path = AppPaths.find(environ).personal
    if not environ.get("WARROOM_PERSONAL") and not is_there(path):
        return PersonalFile(path)
    text = read_text(path, "Correct WARROOM_PERSONAL, or unset it.")
    table = toml.read(text, shown(path))
    own = PersonalSettings.model_fields
    mistakes = [
        toml.Mistake(
            (key,),
            "belongs in the team's settings",
            "Move it there; warroom doctor shows where both files are.",
            table=isinstance(table[key], dict | list),
        )
        for key in table
        if key in Settings.model_fields and key not in own
    ]
    if mistakes:
        raise toml.refuse(mistakes, text, shown(path))
    return PersonalFile(path, text, toml.check(table, PersonalSettings, text, shown(path)))


def find_paths(environ: Mapping[str, str], flags: Mapping[str, str | None]) -> AppPaths:
    """Return the paths by flags, environment and personal settings. ``SettingsError`` if those are wrong."""
    return AppPaths.find(environ, read(environ).fill_in(environ, flags))
