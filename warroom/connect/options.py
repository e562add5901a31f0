"""The options of a plugin: a table of the settings, checked by the plugin's own model, its secrets looked up.

The same for every kind of plugin. A mistake names file, line, table and key, and never repeats a secret.
"""

from __future__ import annotations

import typing
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, SecretStr, create_model

from warroom import toml
from warroom.config.paths import shown
from warroom.config.secrets import resolve_options
from warroom.connect.plugins import Plugin, PluginKind, describe, is_ending, load
from warroom.connect.secret_mask import SecretMask, secret_values
from warroom.errors import SettingsError

PLACEHOLDER = "https://placeholder.invalid"
"""Replaces a secret that is not looked up: an address and a header's value alike."""


class BuiltPlugin(NamedTuple):
    """A plugin made from its options, the mask of the secrets it was given, and the package it comes from."""

    plugin: Any
    mask: SecretMask
    package: str


@dataclass(frozen=True)
class OptionsTable:
    """The table of the settings that configures one plugin, and its place in the file."""

    path: tuple[str, str]
    """The header: ``("destinations", "slack")``."""
    options: Mapping[str, Any]
    file: Path
    plain_secrets: bool = False
    """Whether the table itself may contain secrets in plaintext."""
    chosen_by: str = "backend"
    """The key that names the plugin."""

    @property
    def header(self) -> str:
        """The header as it is written in the file, without brackets."""
        return ".".join(self.path)

    def locate(self, error: SettingsError, key: str = "") -> SettingsError:
        """``error`` with the place of the table's ``key``, or of the key that the error names."""
        text = ""
        with suppress(OSError, ValueError):  # gone since it was read: the table's name has to do
            text = self.file.read_text(encoding="utf-8")
        key = key or error.place.removeprefix(f"[{self.header}]").strip()
        title = error.title.removeprefix(f"{error.place}: ")
        path = (*self.path, *(key.split(".") if key else ()))
        return toml.refuse([toml.Mistake(path, title, error.remedy, table=not key)], text, shown(self.file))


def build_plugin(
    kind: PluginKind,
    name: str,
    table: OptionsTable,
    environ: Mapping[str, str],
    *,
    look_up: bool = True,
    defaults: Mapping[str, object] | None = None,
) -> BuiltPlugin:
    """Load the plugin ``name`` and make it with the options of ``table``.

    Without ``look_up`` every secret is a placeholder. ``defaults`` are given for options that the plugin declares
    and the table does not have. Raises ``SettingsError`` with the place, whatever the plugin raises, and without a
    secret.
    """
    try:
        plugin = load(kind, name)
    except SettingsError as error:
        raise table.locate(error, table.chosen_by) from None
    fields = plugin.options.model_fields
    secret = [name for name, field in fields.items() if _is_secret(field.annotation)]
    try:
        options = _options(plugin.options, secret, table, environ, look_up=look_up)
    except SettingsError as error:
        raise table.locate(error) from None
    for key, value in (defaults or {}).items():
        if key in fields:
            options.setdefault(key, value)
    mask = SecretMask(secret_values([options[key] for key in secret if key in options]))
    return BuiltPlugin(_build(kind, plugin, table, options, mask), mask, plugin.package)


def _options(
    model: type[BaseModel], secret: list[str], table: OptionsTable, environ: Mapping[str, str], *, look_up: bool
) -> dict[str, Any]:
    tables = [name for name in secret if _is_table(model.model_fields[name].annotation)]
    if look_up:
        return resolve_options(
            table.header, table.options, secret, environ, tables=tables, plain_secrets=table.plain_secrets
        )
    return {
        key: _placeholder(value, key in tables) if key in secret else value for key, value in table.options.items()
    }


def _build(
    kind: PluginKind, plugin: Plugin, table: OptionsTable, options: Mapping[str, Any], mask: SecretMask
) -> Any:
    failure: SettingsError
    try:
        # A file of this one table, so that a mistake is found in the settings by its whole path.
        above, name = table.path
        file: Any = create_model("File", **{above: (dict[str, plugin.options], ...)})  # type: ignore[call-overload,name-defined]
        text = ""
        with suppress(OSError, ValueError):
            text = table.file.read_text(encoding="utf-8")
        checked = toml.check({above: {name: options}}, file, text, shown(table.file))
        return plugin.build(getattr(checked, above)[name])
    except SettingsError as error:  # an address that cannot be one, a token that no header can carry
        failure = error if error.place.startswith(shown(table.file)) else table.locate(error)
    except BaseException as error:
        if is_ending(error):
            raise
        wrong = f"its {kind.noun} cannot be set up: {describe(error, mask)}"
        failure = table.locate(SettingsError(wrong, f"Check the options, or update the package {plugin.package}."))
    raise failure  # outside the handler: the plugin's exception, which may hold a secret, is not its context


def _placeholder(value: object, is_table: bool) -> object:
    return dict.fromkeys(value, PLACEHOLDER) if is_table and isinstance(value, dict) else PLACEHOLDER


def _is_table(annotation: object) -> bool:
    """Whether an option is declared as a table, be it optional."""
    return typing.get_origin(annotation) in (dict, Mapping) or any(map(_is_table, typing.get_args(annotation)))


def _is_secret(annotation: object) -> bool:
    """Whether an option is declared as a secret, be it optional or a table of secrets."""
    return annotation is SecretStr or any(map(_is_secret, typing.get_args(annotation)))
