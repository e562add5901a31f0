"""The team's settings: keys, places of files, who sits here, secrets by reference. Never draws or sends.

The docstring under each key is its manual: ``commented_toml`` writes the settings file of ``warroom init``
from them. A flag beats the environment, the environment beats the file.
"""

from __future__ import annotations

import ast
import getpass
import json
import re
import subprocess
import textwrap
import tomllib
import typing
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    model_validator,
)

from warroom import toml
from warroom.config import secrets as secret_sources
from warroom.config.paths import AppPaths, chosen, expanded, shipped, shown, write_atomically
from warroom.errors import SettingsError
from warroom.incident.delivery import Audience

if TYPE_CHECKING:
    from warroom.incident.playbook import Playbook

_COMMAND_TIMEOUT_S = 10.0
_REFERENCE = 'Name where it is kept: { env = "NAME" }, { file = "path" } or { command = ["pass", "show", "…"] }'


def _inert(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must not contain control or direction characters, or line breaks")
    return text


def _named(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    return text.strip()


def _key(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,40}", text):
        raise ValueError("must be at most 40 letters (a to z), digits, hyphens and underscores")
    return text


def _present_actions(keys: dict[str, str]) -> dict[str, str]:
    """Rename actions of earlier versions."""
    return {{"curtain": "privacy"}.get(action, action): key for action, key in keys.items()}


def _link(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or " " in text:
        raise ValueError("must be a web address that begins with http:// or https://")
    return text


def _timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        raise ValueError('must be the IANA name of a time zone, such as "Europe/Berlin"') from None
    return name


def _length(value: object) -> object:
    if isinstance(value, timedelta):
        return value
    found = re.fullmatch(r"(\d{1,4}) ?([hdw])", value) if isinstance(value, str) else None
    length = timedelta(hours=int(found[1]) * {"h": 1, "d": 24, "w": 168}[found[2]]) if found else timedelta()
    if not timedelta() < length <= timedelta(days=366):
        raise ValueError('must be a length of time in hours, days or weeks: "12h", "1d", "1w"')
    return length


def _start(value: date) -> date:
    if not 2000 <= value.year <= 2200:
        raise ValueError("must be a date between 2000 and 2200")
    return value


def _local_time(value: time) -> time:
    if value.tzinfo:
        raise ValueError("must be a time without a zone: the team's is meant")
    return value


def _rule_name(name: str) -> str:
    from warroom import safety as redact

    return redact.check_name(name)


def _rule_pattern(pattern: str) -> str:
    from warroom import safety as redact

    redact.check_pattern(pattern)
    return pattern


def _known_rule(name: str) -> str:
    from warroom import safety as redact

    if name not in redact.RULES:
        raise ValueError(f"there is no rule of this name. {toml.allowed(sorted(redact.RULES), name)}")
    return name


Text = Annotated[str, Field(max_length=500), AfterValidator(_inert)]
Name = Annotated[str, Field(max_length=80), AfterValidator(_inert), AfterValidator(_named)]
Key = Annotated[str, AfterValidator(_key)]
Link = Annotated[str, Field(max_length=2000), AfterValidator(_inert), AfterValidator(_link)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, defer_build=True)


class Person(_Table):
    """Somebody who may take part in an incident."""

    name: Name
    """The name shown everywhere, and given to --as."""
    email: Text = ""
    """Also used to find the person where a chat service knows people by e-mail."""
    phone: Text = ""
    """Shown to whoever has to call; hidden by privacy mode."""
    handles: dict[Key, Text] = {}
    """The person's id in each chat service, for invitations and mentions."""
    roles: tuple[Key, ...] = ()
    """Ids of the playbook's roles this person can take."""


class Team(_Table):
    """The team whose incidents these are."""

    name: Text = ""
    """The team's name."""
    company: Text = ""
    """The name customers know you by; signs the texts written for them."""
    timezone: Annotated[str, AfterValidator(_timezone)] = "UTC"
    """IANA name of the zone times are shown in. Stored times are always UTC."""
    people: tuple[Person, ...] = ()
    """Everybody who may take part."""

    @property
    def zone(self) -> ZoneInfo:
        """``timezone`` as a value."""
        return ZoneInfo(self.timezone)


class LogCommand(NamedTuple):
    """A command that prints a log: the words of the command, and what the console calls it (may be empty)."""

    command: tuple[str, ...]
    name: str = ""


def _log(value: object) -> str | LogCommand:
    """A log as the settings name it: text, or a table with a command."""
    if isinstance(value, str) and len(value) <= 500:
        if value.startswith("run:"):  # a pattern of quotes nobody can check before it runs
            raise ValueError('must be { command = ["…", "…"] }, each word by itself')
        return _named(_inert(value))
    if isinstance(value, LogCommand):
        return value
    if isinstance(value, dict) and value.keys() <= {"command", "name"}:
        words, name = value.get("command"), value.get("name", "")
        if not isinstance(words, list):
            raise ValueError('needs command = ["…", "…"], a list with each word by itself')
        if (
            isinstance(words, list)
            and words
            and isinstance(name, str)
            and len(name) <= 80
            and all(isinstance(word, str) and len(word) <= 2000 for word in words)
        ):
            return LogCommand(tuple(map(_inert, words)), _inert(name).strip())
    if isinstance(value, dict):
        unknown = next((key for key in value if key not in ("command", "name")), "")
        if unknown:
            allowed = toml.allowed(["command", "name"], unknown)
            raise ValueError(f"has an unknown key, {toml.plain(unknown)}. {allowed}")
    raise ValueError('must be a path, a pattern, a folder or { command = ["docker", "logs", "-f", "x"] }')


class Service(_Table):
    """Something that can break."""

    name: Name
    """The name to declare incidents by."""
    description: Text = ""
    """What it is called by those who use it, such as "Card payments": names it in the texts for customers."""
    links: dict[Name, Link] = {}
    """Web addresses worth having at hand."""
    logs: tuple[Annotated[str | LogCommand, PlainValidator(_log)], ...] = ()
    """Logs to watch in its incidents: files (compressed ones too), patterns or folders, relative to this file,
    ~ allowed; "journal:UNIT", "docker:CONTAINER"; or a command with its arguments, run without a shell and started
    again when it ends: { command = ["kubectl", "logs", "-f", "deploy/checkout"], name = "checkout" }."""


class OnCall(_Table):
    """Who is on call when: people in turn, handing over at the same local time whatever summer time does."""

    rotation: Annotated[tuple[Name, ...], Field(min_length=1)]
    """Names of people, in the order of their turns."""
    starts: Annotated[date | datetime, AfterValidator(_start)]
    """When the first turn begins: a date, or a date with a time in the team's zone."""
    every: Annotated[timedelta, BeforeValidator(_length)] = timedelta(days=7)
    """How long a turn lasts, in hours, days or weeks: "12h", "1d", "1w"."""
    handover: Annotated[time, AfterValidator(_local_time)] = time(9)
    """Time of day, in the team's zone, at which turns change, where starts is a date alone."""

    @model_validator(mode="after")
    def _one_time(self) -> OnCall:
        if isinstance(self.starts, datetime) and "handover" in self.model_fields_set:
            raise ValueError("starts has a time already; drop it there, or drop handover")
        return self

    def _begin(self, turn: int, zone: ZoneInfo) -> datetime:
        """When the turn with this number (from 0) begins. Counted in local time, so 09:00 stays 09:00."""
        start = self.starts if isinstance(self.starts, datetime) else datetime.combine(self.starts, self.handover)
        local = start.astimezone(zone).replace(tzinfo=None) if start.tzinfo else start
        return (local + turn * self.every).replace(tzinfo=zone).astimezone(UTC)

    def turn(self, at: datetime, zone: ZoneInfo) -> tuple[int, datetime]:
        """Number of the turn at ``at`` (-1 before the first), and when the next one begins (UTC)."""
        if at < self._begin(0, zone):
            return -1, self._begin(0, zone)
        turn = (at - self._begin(0, zone)) // self.every
        # Elapsed time is off by the hour a clock change takes or gives: at most one turn either way.
        while self._begin(turn, zone) > at:
            turn -= 1
        while self._begin(turn + 1, zone) <= at:
            turn += 1
        return turn, self._begin(turn + 1, zone)


class Destination(_Table):
    """Where messages go: a chat service, a webhook, a file. Its name stands in the header."""

    name: Annotated[str, toml.TABLE_NAME] = ""
    """The name in the header."""
    backend: Name
    """"slack", "matrix", "webhook", "transcript", or the name of an installed plugin."""
    audiences: Annotated[tuple[Audience, ...], Field(min_length=1)] = ("team",)
    """Whose messages go there: "team", "customers", "executives"."""
    drills: bool = False
    """True sends the messages of drills there too. Without it a drill stays away from this place."""
    plain_secrets: bool = False
    """True allows secrets to stand in this file in clear. Better keep them elsewhere."""
    options: Annotated[dict[str, Any], Field(repr=False)] = {}
    """Every other key is an option of the backend. A secret is given by reference: { env = "NAME" },
    { file = "path" } or { command = ["pass", "show", "slack"] }."""

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, table: Any) -> Any:
        if not isinstance(table, dict):
            return table
        own = {key: table[key] for key in cls.model_fields if key in table and key != "options"}
        return {**own, "options": {key: value for key, value in table.items() if key not in own}}


class RedactionRule(_Table):
    """A rule of your own. Its name stands where it found something: ‹redacted:customer-id›."""

    name: Annotated[str, AfterValidator(_rule_name)]
    """Small letters, digits and hyphens."""
    pattern: Annotated[str, AfterValidator(_rule_pattern)]
    """A regular expression in RE2 syntax, at most 1,000 characters; what it matches is masked. It is matched
    within each line, in linear time: look-around and back-references are refused."""


class Redaction(_Table):
    """What is masked in logs, notes and messages besides the secrets warroom knows, and what is not."""

    ips: bool = False
    """True masks IP addresses too."""
    off: tuple[Annotated[str, AfterValidator(_known_rule)], ...] = ()
    """Names of rules that mask too much for you, as they stand in the labels: "phone", "email"."""
    rules: tuple[RedactionRule, ...] = ()


class ConsoleSettings(_Table):
    """How the console looks and sounds on this machine."""

    theme: Key = "dark"
    """dark, light, high-contrast, colour-blind, or a theme of your own: NAME.toml in the folder themes beside
    this file."""
    bell: bool = True
    """Ring the terminal's bell once when an update is overdue."""
    log_mb: int = Field(64, ge=1, le=4096)
    """Megabytes kept of logs that cannot be read again, those of commands and pipes. Beyond that the oldest lines
    go, and it is said how many."""
    keys: Annotated[dict[Text, Text], AfterValidator(_present_actions)] = {}
    """Keys of your own for an action: its id, then one or more keys with commas between. The help (?) lists
    both."""


class Settings(_Table):
    """Everything a team tells warroom about itself. No key has to be given."""

    playbook: Text = ""
    """Your playbook, relative to this file. Only what it gives differs from the one shipped."""
    team: Team = Team()
    services: tuple[Service, ...] = ()
    on_call: OnCall | None = None
    destinations: dict[Key, Destination] = {}
    redaction: Redaction = Redaction()
    console: ConsoleSettings = ConsoleSettings()

    def person(self, who: str) -> Person | None:
        """The person of that name, or the only one with that first name; case does not matter."""
        wanted = who.strip().casefold()
        full = [p for p in self.team.people if p.name.casefold() == wanted]
        first = [p for p in self.team.people if p.name.casefold().split()[0] == wanted]
        return full[0] if full else first[0] if len(first) == 1 else None


_EXAMPLE: dict[str, Any] = {
    "playbook": "playbook.toml",
    "team": {
        "name": "Checkout",
        "company": "Example Ltd",
        "timezone": "Europe/Berlin",
        "people": [
            {
                "name": "Alice",
                "email": "alice@example.com",
                "phone": "+49 30 1234567",
                "handles": {"slack": "U0123456789", "matrix": "@alice:example.com"},
                "roles": ["incident_commander"],
            },
            {"name": "Bob", "email": "bob@example.com"},
        ],
    },
    "services": [
        {
            "name": "checkout-api",
            "description": "Card payments",
            "links": {
                "dashboard": "https://grafana.example.com/d/checkout",
                "runbook": "https://wiki.example.com/checkout",
            },
            "logs": [
                "/var/log/checkout/*.log",
                {"command": ["kubectl", "logs", "-f", "deploy/checkout"], "name": "checkout"},
            ],
        }
    ],
    "on_call": {"rotation": ["Alice", "Bob"], "starts": date(2026, 1, 5), "every": "1w", "handover": "09:00"},
    "destinations": {
        "slack": {
            "backend": "slack",
            "audiences": ["team"],
            "token": {"env": "SLACK_TOKEN"},
            "channel": "#incidents",
        },
    },
    "redaction": {"off": ["phone"], "rules": [{"name": "customer-id", "pattern": "cus_[A-Za-z0-9]{8,}"}]},
    "console": {"keys": {"update": "u,f5"}},
}


# --- reading ------------------------------------------------------------------------------------------------


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
    except OSError:  # perhaps; reading it will tell why not
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
                yield toml.Mistake(
                    (*table, number, "name"), f'"{name}" stands here twice', "Give each its own name."
                )
            seen.add(name.casefold())
    rules = [rule.name for rule in settings.redaction.rules]
    for number, name in enumerate(rules):
        if name in rules[:number]:
            remedy = "Give each its own name."
            yield toml.Mistake(("redaction", "rules", number, "name"), f'"{name}" stands here twice', remedy)
    for number, name in enumerate(settings.on_call.rotation if settings.on_call else ()):
        if name not in people:
            remedy = toml.allowed(people, name) if people else "Add each person there."
            yield toml.Mistake(("on_call", "rotation", number), f'"{name}" is not in [[team.people]]', remedy)


def _settle(settings: Settings, folder: Path) -> Settings:
    """Paths made absolute: what a file names is meant from the folder the file lies in."""

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
    destinations = {
        name: destination.model_copy(update={"options": _settle_files(destination.options, absolute)})
        for name, destination in settings.destinations.items()
    }
    playbook = absolute(settings.playbook) if settings.playbook else ""
    return settings.model_copy(update={"services": services, "destinations": destinations, "playbook": playbook})


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
    Raises ``SettingsError`` where nobody can be made out.
    """
    given, _ = chosen("as", environ, flags or {})
    if not given:
        try:
            given = os_user()
        except (OSError, LookupError):
            raise SettingsError("cannot tell who you are", "Say it with --as NAME or WARROOM_AS.") from None
        for person in settings.team.people:
            if given in (person.email.partition("@")[0], *person.handles.values()):
                return person.name
    known = settings.person(given)
    return known.name if known else toml.plain(given.strip(), 60)


def on_call(settings: Settings, at: datetime) -> str | None:
    """Who is on call at ``at`` (any zone); None without a rotation, or before its first turn."""
    if not settings.on_call:
        return None
    turn, _ = settings.on_call.turn(at, settings.team.zone)
    return settings.on_call.rotation[turn % len(settings.on_call.rotation)] if turn >= 0 else None


def next_on_call(settings: Settings, at: datetime) -> tuple[str, datetime] | None:
    """Who takes over next after ``at``, and when (UTC); None without a rotation."""
    if not settings.on_call:
        return None
    turn, begins = settings.on_call.turn(at, settings.team.zone)
    return settings.on_call.rotation[(turn + 1) % len(settings.on_call.rotation)], begins


# --- secrets ------------------------------------------------------------------------------------------------


class Secret(_Table):
    """Where a secret is kept; exactly one of the three. The value itself never stands here."""

    env: Annotated[str, Field(min_length=1)] | None = None
    """Name of an environment variable."""
    file: Annotated[str, Field(min_length=1)] | None = None
    """Path of a file that holds nothing else."""
    command: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """A command and its arguments that prints it within 10 seconds; no shell is involved."""

    @model_validator(mode="after")
    def _one(self) -> Secret:
        if len(self.model_fields_set) != 1:
            raise ValueError("must have exactly one of env, file, command")
        return self

    @property
    def told(self) -> str:
        """Where it is kept, in words. A command's arguments are left out: some are given a password there."""
        if self.command:
            return f"command {toml.plain(self.command[0], 200)}"
        if self.env:
            return f"environment variable {toml.plain(self.env, 200)}"
        return f"file {shown(expanded(self.file or ''))}"


def resolve(
    ref: Secret,
    environ: Mapping[str, str],
    run: Callable[..., subprocess.CompletedProcess[bytes]] | None = None,
) -> str:
    """The secret, without the one line break its keeper may put after it.

    Raises ``SettingsError`` naming the reference, never what was found there.
    """
    value, trouble = _look_up(ref, environ, run)
    value = re.sub(r"\r?\n\Z", "", value)
    if trouble is None and not value:
        trouble = ("is empty", "Put the secret there, or name another place.")
    if trouble is not None:
        what, remedy = trouble
        raise SettingsError(f"{ref.told} {what}", remedy)
    return value


def _look_up(
    ref: Secret, environ: Mapping[str, str], run: Callable[..., subprocess.CompletedProcess[bytes]] | None
) -> tuple[str, tuple[str, str] | None]:
    """The value, or what is wrong and what to do. Raises nothing: no traceback may hold what a command printed."""
    by_hand = "Run it by hand to see why."
    try:
        if ref.env:
            missing = ("is not set", 'Export it, or use { file = "…" }.')
            return environ.get(ref.env, ""), None if ref.env in environ else missing
        if ref.file:
            found = secret_sources.read_file(expanded(ref.file))
        else:
            done = (run or secret_sources.run_command)(ref.command or (), timeout=_COMMAND_TIMEOUT_S)
            if done.returncode:
                return "", (f"ended with status {done.returncode}", by_hand)
            found = done.stdout
        return found.decode("utf-8"), None
    except subprocess.TimeoutExpired:
        return "", (f"took longer than {_COMMAND_TIMEOUT_S:.0f} s", by_hand)
    except UnicodeDecodeError:
        return "", ("does not give UTF-8 text", "Store the secret as text.")
    except ValueError:
        return "", ("cannot be used as it is written", "Correct it.")
    except FileNotFoundError:
        return "", ("does not exist", "Correct the name, or put the secret there.")
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        return "", (f"cannot be read: {reason}", "Correct the name or its permissions.")


def resolve_options(
    destination: Destination,
    secret_fields: Collection[str],
    environ: Mapping[str, str],
    run: Callable[..., subprocess.CompletedProcess[bytes]] | None = None,
    *,
    tables: Collection[str] = (),
) -> dict[str, Any]:
    """The destination's options, with the references in ``secret_fields`` looked up.

    A field that is also in ``tables`` holds a table of secrets, each under its own name. Raises ``SettingsError``
    for a secret in clear (unless ``plain_secrets``), for what is no reference, and for one that cannot be read.
    """

    def secret(value: object, place: str) -> object:
        if not isinstance(value, dict):
            if destination.plain_secrets:
                return value
            raise SettingsError(
                "this would be a secret in plain text", f"{_REFERENCE}; or set plain_secrets = true.", place
            )
        _check_reference(value, place)
        failure: SettingsError
        try:
            return resolve(Secret.model_validate(value), environ, run)
        except SettingsError as error:
            failure = SettingsError(error.title, error.remedy, place)
        raise failure

    def field(key: str, value: object) -> object:
        if key not in secret_fields:
            return value
        place = f"[destinations.{destination.name}] {toml.plain(key)}"
        if key not in tables:
            return secret(value, place)
        if not isinstance(value, dict):
            remedy = f'Write {toml.plain(key)} = {{ NAME = {{ env = "…" }} }}.'
            raise SettingsError("must be a table", remedy, place)
        return {name: secret(below, f"{place}.{toml.plain(name)}") for name, below in value.items()}

    return {key: field(key, value) for key, value in destination.options.items()}


def _check_reference(value: Mapping[str, Any], place: str) -> None:
    """Raise ``SettingsError`` with the key for a table that is no reference to a secret."""
    known = list(Secret.model_fields)
    for key in value:
        if key not in known:
            raise SettingsError("unknown key", toml.allowed(known, key), f"{place}.{toml.plain(key)}")
    if len(value) != 1:
        what = f"names {len(value)} places" if value else "names no place where the secret is kept"
        raise SettingsError(what, f"{_REFERENCE}.", place)
    ((key, given),) = value.items()
    below = f"{place}.{key}"
    if key != "command" and not (isinstance(given, str) and given):
        raise SettingsError("must be text in quotes, and not empty", f"{_REFERENCE}.", below)
    if key == "command":
        words = isinstance(given, list) and given and all(isinstance(word, str) for word in given)
        if not words:
            remedy = 'Write each word by itself: ["pass", "show", "…"].'
            raise SettingsError("must be a list of words in quotes", remedy, below)


# --- writing ------------------------------------------------------------------------------------------------


def save_theme(path: Path, name: str) -> None:
    """Set ``[console] theme`` in the person's settings file and leave every other character alone.

    Raises ``SettingsError``, and changes nothing, where that cannot be done for certain.
    """
    if path.exists() and not path.is_file():  # reading a pipe again would wait for ever
        raise SettingsError(
            "cannot be changed: it is not a regular file",
            f'Write theme = "{toml.plain(name)}" under [console] where it comes from.',
            place=shown(path),
        )
    if not path.exists():
        import tomli_w

        write_atomically(path, tomli_w.dumps({"console": {"theme": name}}))
        return
    # Bytes, so that line ends stay what they are; what is wrong with the text is told by the strict reader.
    text = path.read_bytes().decode("utf-8") if _text(path, "Mend the file.") else ""
    wanted = toml.read(text, shown(path))
    console = wanted.setdefault("console", {})
    if isinstance(console, dict):
        console["theme"] = name
    edited = _with_theme(text, json.dumps(name))
    try:
        safe = tomllib.loads(edited) == wanted
    except tomllib.TOMLDecodeError:
        safe = False
    if not safe:
        raise SettingsError(
            "the theme cannot be set without touching other lines",
            f'Write theme = "{toml.plain(name)}" under [console] yourself.',
            place=shown(path),
        )
    write_atomically(path, edited)


def _with_theme(text: str, value: str) -> str:
    end = "\r\n" if "\r\n" in text else "\n"
    lines = text.splitlines(keepends=True)
    table = ""
    header = None
    for number, line in enumerate(lines):
        if found := re.match(r"\s*\[+\s*([^\]]*?)\s*\]", line):
            table = found[1]
            header = number if table == "console" else header
        prefix = {"console": r"theme", "": r"console\s*\.\s*theme"}.get(table)
        if prefix and (found := re.match(rf"(\s*{prefix}\s*=\s*)(\"(?:[^\"\\]|\\.)*\"|'[^']*')", line)):
            lines[number] = found[1] + value + line[found.end() :]
            return "".join(lines)
    if header is not None:
        lines.insert(header + 1, f"theme = {value}{end}")
        if not lines[header].endswith("\n"):
            lines[header] += end
        return "".join(lines)
    gap = "" if not text else end if text.endswith("\n") else end + end
    return f"{text}{gap}[console]{end}theme = {value}{end}"


def commented_toml() -> str:
    """The settings file ``warroom init`` writes: every key, explained, with an example, all commented out.

    Explanations begin with "# ", settings with "#": take that one character away to use a line.
    """
    manual = _manual()
    lines = [
        "# Settings of warroom. Every key may be left out. What follows are examples: take away the # before",
        "# a line, and before the [header] above it, to use it.",
        "",
    ]

    def explain(text: str) -> None:
        lines.extend(textwrap.wrap(" ".join(text.split()), 100, initial_indent="# ", subsequent_indent="# "))

    def table(header: str, model: type[BaseModel], example: Mapping[str, Any], *, docs: bool = True) -> None:
        if header:
            if docs:
                explain(manual[model.__name__, ""])
            lines.append(f"#{header}")
        below = []
        for key, field in model.model_fields.items():
            if toml.TABLE_NAME in field.metadata:
                continue
            inner = _model_in(field.annotation)
            if inner:
                below.append((key, inner))
                continue
            if key == "options":
                given = {k: v for k, v in example.items() if k not in model.model_fields}
            else:
                default = None if field.is_required() else field.default
                given = {key: example.get(key, default)} if docs or key in example else {}
            if docs:
                explain(manual[model.__name__, key])
            lines.extend(f"#{key} = {_toml_value(value)}" for key, value in given.items())
        lines.append("")
        path = header.strip("[]") + "." if header else ""
        for key, inner in below:
            value = example.get(key, {})
            if isinstance(value, list):
                for number, entry in enumerate(value):
                    table(f"[[{path}{key}]]", inner, entry, docs=number == 0)
            elif key == "destinations":
                for name, entry in value.items():
                    table(f"[{path}{key}.{name}]", inner, entry)
            else:
                table(f"[{path}{key}]", inner, value)

    table("", Settings, _EXAMPLE)
    return "\n".join(lines).rstrip("\n") + "\n"


def _manual() -> dict[tuple[str, str], str]:
    """The docstrings of this file's tables and keys, by (class, key); the class's own under ""."""
    found: dict[tuple[str, str], str] = {}
    for node in ast.parse(Path(__file__).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef):
            found[node.name, ""] = ast.get_docstring(node) or ""
            for key, text in zip(node.body, node.body[1:], strict=False):
                if (
                    isinstance(key, ast.AnnAssign)
                    and isinstance(key.target, ast.Name)
                    and isinstance(text, ast.Expr)
                    and isinstance(text.value, ast.Constant)
                ):
                    found[node.name, key.target.id] = str(text.value.value)
    return found


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((m for m in map(_model_in, typing.get_args(annotation)) if m), None)


def _toml_value(value: object) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_toml_key(k)} = {_toml_value(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml_value, value)) + "]"
    if isinstance(value, date):
        return value.isoformat()
    return json.dumps(value, ensure_ascii=False)  # strings, numbers and booleans are written alike


def _toml_key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key, ensure_ascii=False)
