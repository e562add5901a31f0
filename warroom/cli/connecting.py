"""Connects a chat service: asks the least, tries it out, and writes the destination into the settings.

Nothing is written before the service has answered; a secret that is pasted is kept in a file of its own beside the
settings, readable by its owner alone.
"""

from __future__ import annotations

import re
import secrets
import shutil
import sys
import textwrap
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import tomli_w
from pydantic import BaseModel

from warroom import bootstrap as bootstrap
from warroom import toml
from warroom.cli import output
from warroom.config.manual import descriptions
from warroom.config.paths import AppPaths, expanded, shown, write_atomically
from warroom.config.settings import Destination
from warroom.connect import plugins
from warroom.connect.ports import Chat, Promises
from warroom.connect.setup import Setup
from warroom.errors import BadInput, NotSent, Refusal, SettingsError, WarroomError
from warroom.incident.delivery import Audience, Channel, Message, Opening
from warroom.room import background

TEST_S = 60.0
"""How long trying a destination out may take, in seconds."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")

_HEADER = "# The settings of warroom. Every key: warroom help settings\n"

_OWN_CHANNEL = ("channel_per_incident", "room_per_incident")
"""Options that make a channel for each incident; for the test message it goes to the shared one."""


@dataclass
class NewDestination:
    """A destination as it is being set up.

    ``given`` are its options as they will be written to the settings, ``pasted`` the secrets that were typed in, by
    option.
    """

    name: str
    backend: str
    model: type[BaseModel]
    setup: Setup
    given: dict[str, Any]
    pasted: dict[str, str]
    audiences: tuple[Audience, ...] = ("team",)

    @property
    def is_public(self) -> bool:
        """Whether only customers read there."""
        return self.audiences == ("customers",)

    def table(self, *, drills: bool) -> dict[str, Any]:
        """The destination's table for the settings file."""
        kept: dict[str, Any] = {"backend": self.backend, "audiences": list(self.audiences)}
        kept |= {"drills": True} if drills else {}
        return kept | self.given | {key: {"file": self.secret_file(key)} for key in self.pasted}

    def secret_file(self, key: str) -> str:
        """The name of the file that keeps a pasted secret, beside the settings."""
        return f"{self.name}-{key}".replace("_", "-")

    def is_secret(self, key: str) -> bool:
        """Whether an option is a secret."""
        return "SecretStr" in str(self.model.model_fields[key].annotation)


def services() -> list[tuple[str, Setup, Promises | None]]:
    """The backends that can be connected: name, how, and what they promise (None where options decide)."""
    found = []
    for name in plugins.names(plugins.CHAT):
        build = plugins.load(plugins.CHAT, name).build
        setup = getattr(build, "setup", None)
        if isinstance(setup, Setup):
            try:
                promises: Promises | None = Promises.of(build)
            except (AttributeError, TypeError, ValueError):
                promises = None
            found.append((name, setup, promises))
    return found


def team_chats() -> dict[str, str]:
    """The backends that can be connected and that the team reads, by name, with what people call the service."""
    return {
        name: setup.service
        for name, setup, _ in services()
        if "team" in getattr(plugins.load(plugins.CHAT, name).build, "audiences", ("team",))
    }


def connect(
    made: NewDestination,
    places: AppPaths,
    environ: Mapping[str, str],
    *,
    needed_only: bool = False,
    post: bool = True,
    drills: bool = False,
) -> tuple[list[str], list[Path]]:
    """Ask for what is missing, try the destination out and save it: what was found, and the files written."""
    keys = missing(made, needed_only=needed_only)
    if keys:
        output.print_err(f"Connecting {made.setup.service}:")
        output.print_err("\n".join(steps(made.setup)))
        ask(made, keys)
    while True:
        try:
            found = try_out(made, places, environ, post=post)
            break
        except WarroomError as error:
            correct(made, error)
    for line in found:
        output.print_err(f"✓ {line}")
    written = save(made, places.settings, drills=drills)
    check_saved(places.settings, environ)
    if made.pasted and any((folder / ".git").exists() for folder in places.settings.parents):
        files = ", ".join(made.secret_file(key) for key in made.pasted)
        output.print_err(f"! The settings are in a git repository. Add to .gitignore: {files}")
    return found, written


def begin(service: str, name: str, given: Mapping[str, str], known: Collection[str]) -> NewDestination:
    """Return the destination to set up. Raises ``SettingsError`` for an unknown service, ``BadInput`` for an option
    it does not have, and ``Refusal`` if the settings have a destination of that name."""
    plugin = plugins.load(plugins.CHAT, service)
    setup = getattr(plugin.build, "setup", None) or Setup(service, (), ())
    if name in known:
        raise Refusal(f"The settings have a destination {name}", "Choose another name with --name.")
    if not _NAME.fullmatch(name):
        raise BadInput(f"{toml.plain(name)} cannot be a destination's name", "Use letters, digits, - and _.")
    fields = plugin.options.model_fields
    unknown = next((key for key in given if key not in fields), "")
    if unknown:
        raise BadInput(f"{service} has no option {toml.plain(unknown)}", toml.allowed(sorted(fields), unknown))
    made = NewDestination(
        name, service, plugin.options, setup, {}, {}, tuple(getattr(plugin.build, "audiences", ("team",)))
    )
    for key, text in given.items():
        _take(made, key, text)
    return made


def missing(made: NewDestination, *, needed_only: bool) -> list[str]:
    """The options that are still to be asked for; with ``needed_only`` those alone that have no default."""
    fields = made.model.model_fields
    known = {*made.given, *made.pasted}
    asks = dict.fromkeys((*made.setup.asks, *(key for key, field in fields.items() if field.is_required())))
    return [key for key in asks if key not in known and not (needed_only and not fields[key].is_required())]


def ask(made: NewDestination, keys: Sequence[str]) -> None:
    """Ask for these options on the terminal."""
    manual = descriptions(made.model)
    for key in keys:
        field = made.model.model_fields[key]
        needed = field.is_required()
        about = manual.get(key, "").partition(". ")[0].rstrip(".")
        if made.is_secret(key):
            about += " (paste it, or write env:NAME or file:PATH)"
        about += "" if needed else "  [enter: leave it out]"
        output.print_err("\n" + textwrap.fill(f"{key}: {about}", min(100, shutil.get_terminal_size().columns)))
        while not (text := _answer(key, hidden=made.is_secret(key))) and needed:
            output.print_err("  It is needed.")
        if text:
            _take(made, key, text)


def _answer(key: str, *, hidden: bool) -> str:
    if sys.stdin.isatty():
        typed: str = click.prompt(f"  {key}", default="", show_default=False, hide_input=hidden, err=True)
        return typed.strip()
    line = sys.stdin.readline()
    if not line:
        raise BadInput(f"{key} is missing", f"Give it with --set {key}=…")
    return line.strip()


def _take(made: NewDestination, key: str, text: str) -> None:
    kind, _, rest = text.partition(":")
    if made.is_secret(key):
        if kind == "file" and rest:
            made.given[key] = {kind: str(expanded(rest).absolute())}
        elif kind == "env" and rest:
            made.given[key] = {kind: rest}
        else:
            made.pasted[key] = text
        return
    annotation = str(made.model.model_fields[key].annotation)
    if annotation.startswith("tuple"):
        made.given[key] = [one.strip() for one in text.split(",") if one.strip()]
    elif annotation.startswith("dict"):
        pairs = [one.partition("=") for one in text.strip("{} ").split(",") if one.strip()]
        made.given[key] = {name.strip(' "'): value.strip(' "') for name, _, value in pairs}
    elif made.model.model_fields[key].annotation is bool:
        made.given[key] = text.lower() in ("true", "yes", "on", "1")
    elif made.model.model_fields[key].annotation is int:
        made.given[key] = int(text) if text.isdecimal() else text
    else:
        made.given[key] = text


def try_out(made: NewDestination, places: AppPaths, environ: Mapping[str, str], *, post: bool) -> list[str]:
    """Check the destination and, with ``post``, send a test message and hear it back.

    Returns what was found, a line each. Raises ``WarroomError`` where it does not work, naming what is missing.
    """
    chat = _chat(made, places, environ, {})
    lines = [background.start(lambda: _closing(chat, "check")).result(TEST_S)]
    if not post:
        return lines
    if made.is_public:
        return [*lines, "Nothing was posted: customers read there."]
    shared: dict[str, Any] = {key: False for key in _OWN_CHANNEL if key in made.model.model_fields}
    try:
        chat = _chat(made, places, environ, shared)
    except SettingsError:  # a channel for each incident, and no shared one
        return [*lines, "No shared channel is set: nothing was posted. The first incident makes its own channel."]
    lines += background.start(lambda: _closing(chat, "post")).result(TEST_S)
    return lines


def _chat(made: NewDestination, places: AppPaths, environ: Mapping[str, str], changes: Mapping[str, Any]) -> Chat:
    options = {**made.given, **made.pasted, **changes}
    own = {"name": made.name, "backend": made.backend, "audiences": made.audiences, "plain_secrets": True}
    table = {**options, **own}
    destination = Destination.model_validate(table)
    return bootstrap.make_chat(destination, places, environ)


async def _closing(chat: Any, what: str) -> Any:
    try:
        return await (chat.check() if what == "check" else _test_post(chat))
    finally:
        await chat.close()


async def _test_post(chat: Any) -> list[str]:
    """Post a test message and read it back, as far as the service can."""
    code = secrets.token_hex(3)
    key = f"TEST-{code}.connect.post"
    opening = Opening(
        incident=f"TEST-{code}",
        name=f"warroom-test-{code}",
        title="warroom test: this channel is connected",
        topic="warroom test",
    )
    channel: Channel = await chat.open(opening, f"TEST-{code}.connect.open")
    now = bootstrap.utc_now()
    text = "This is a test message from warroom. Incident updates will be posted here."
    message = Message(
        kind="note",
        audience="team",
        incident=f"TEST-{code}",
        severity="",
        status="",
        title=text,
        text=text,
        marker=f"TEST-{code}",
        at=now,
    )
    await chat.post(channel, message, key)
    lines = [f"A test message was posted to {channel.name or 'the destination'}."]
    promises: Promises = chat.promises
    if promises.reads_back:
        heard = await chat.find(channel, key)
        lines.append("It was read back." if heard else "It was not found when it was read back: look there.")
    if promises.receives:
        await chat.since(channel, "")
        lines.append("What people write there can be read.")
    if not promises.reads_back and not promises.receives:
        lines.append("It cannot be read back from here: look whether it has arrived.")
    return lines


def save(made: NewDestination, file: Path, *, drills: bool) -> list[Path]:
    """Write the destination at the end of the settings file, and pasted secrets beside it; the files written.

    What is already in the file is kept. Raises ``SettingsError`` if it cannot be written.
    """
    before = file.read_text("utf-8") if file.exists() else _HEADER
    table = tomli_w.dumps(
        {"destinations": {made.name: _relative(made.table(drills=drills), file.absolute().parent)}}
    )
    after = f"{before.rstrip()}\n\n{table}"
    tomllib.loads(after)  # a table that ends the file cannot break what is above it; this makes sure
    written = []
    for key, secret in made.pasted.items():
        place = file.parent / made.secret_file(key)
        if place.exists():
            raise Refusal(f"{shown(place)} exists", "Move it away, or choose another name with --name.")
        write_atomically(place, f"{secret}\n")
        written.append(place)
    write_atomically(file, after)
    return [*written, file]


def _relative(options: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The options with files in or below the settings' folder named from there, so that both can be moved."""
    kept = dict(options)
    for key, value in options.items():
        if isinstance(value, dict) and list(value) == ["file"] and Path(value["file"]).is_relative_to(folder):
            kept[key] = {"file": str(Path(value["file"]).relative_to(folder))}
    return kept


def check_saved(file: Path, environ: Mapping[str, str]) -> None:
    """Read the settings as any verb would. Raises ``SettingsError`` with the place of what is wrong."""
    from warroom.config.loading import load

    load(file, environ)


def steps(setup: Setup) -> list[str]:
    """The clicks, numbered, and the manifest."""
    width = min(100, shutil.get_terminal_size().columns)
    lines = [
        textwrap.fill(f"{number}. {step}", width, subsequent_indent="   ", break_long_words=False)
        for number, step in enumerate(setup.steps, 1)
    ]
    return [*lines, "", *setup.manifest.splitlines()] if setup.manifest else lines


def explain(error: WarroomError) -> WarroomError:
    """The error of a service, with what to do next."""
    remedy = "Check the network and the address." if isinstance(error, NotSent) else error.remedy
    error.remedy = f"{remedy} Nothing was saved; run the command again.".strip()
    return error


def correct(made: NewDestination, error: WarroomError) -> None:
    """Show what went wrong, and let the person at the terminal change one option; what they typed before is kept.

    Raises ``error`` where nobody is at a terminal, or they give up.
    """
    if not sys.stdin.isatty():
        raise explain(error) from None
    remedy = "Check the network and the address." if isinstance(error, NotSent) else error.remedy
    output.print_err(f"\n✗ {error.title}\n{remedy}".rstrip())
    keys = ", ".join(key for key in made.model.model_fields if key in made.given or key in made.pasted)
    output.print_err(f"Enter tries again; the name of an option changes it ({keys}); ctrl+c gives up.")
    key = click.prompt("  change", default="", show_default=False, err=True).strip()
    if key in made.model.model_fields:
        made.given.pop(key, None)
        made.pasted.pop(key, None)
        ask(made, [key])
