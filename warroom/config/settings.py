"""The settings of a team, as tables. Reads no file and looks up no secret.

The docstring under each key is its manual: ``manual.py`` writes the settings file of ``warroom init`` from them.
"""

import re
from datetime import datetime
from typing import Annotated, Any, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, PlainValidator, model_validator

from warroom import toml
from warroom.config.escalation import Escalation
from warroom.config.fields import Key, Link, Name, Table, Text, not_empty, one_line
from warroom.config.hub import HubSettings
from warroom.config.rota import OnCall, Rota
from warroom.incident.delivery import Audience
from warroom.incident.requests import RequestKind


def _present_actions(keys: dict[str, str]) -> dict[str, str]:
    """Rename actions of earlier versions."""
    return {{"curtain": "privacy"}.get(action, action): key for action, key in keys.items()}


def _timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        raise ValueError('must be the IANA name of a time zone, such as "Europe/Berlin"') from None
    return name


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


class Person(Table):
    """Somebody who may take part in an incident."""

    name: Name
    """The name shown everywhere, and given to --as."""
    email: Text = ""
    """Also used to find the person in chat services that identify people by e-mail."""
    phone: Text = ""
    """Shown to whoever has to call; hidden by privacy mode."""
    handles: dict[Key, Text] = Field(default_factory=dict)
    """The person's id in each chat service, for invitations and mentions."""
    roles: tuple[Key, ...] = ()
    """Ids of the playbook's roles this person can take."""


class Team(Table):
    """The team whose incidents these are."""

    name: Text = ""
    """The team's name."""
    company: Text = ""
    """The name customers know you by; signs the texts written for them."""
    timezone: Annotated[str, AfterValidator(_timezone)] = "UTC"
    """IANA name of the zone times are shown in. Stored times are always UTC."""
    video: Link | Text = ""
    """The address of the team's video call: in the topic of each incident's channel, and one key away in the
    console. Privacy mode hides a passcode in it."""
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


class RemoteLog(NamedTuple):
    """A log kept by a service: the name of its table in the settings, what to search for, what the console calls it
    (both may be empty)."""

    service: str
    query: str = ""
    name: str = ""

    @property
    def label(self) -> str:
        """What the console calls it."""
        return self.name or (f"{self.service} {self.query}"[:40].rstrip() if self.query else self.service)


_LOG_TABLES = {"command": ("command", "name"), "from": ("from", "query", "name")}
"""The keys of a log that is a table, by the one it must have."""


def _log(value: object) -> str | LogCommand | RemoteLog:
    """A log as the settings name it: text, or a table with a command or a log service."""
    if isinstance(value, str) and len(value) <= 500:
        if value.startswith("run:"):  # its quoting can be checked only by running it
            raise ValueError('must be { command = ["…", "…"] }, each word by itself')
        return not_empty(one_line(value))
    if isinstance(value, LogCommand | RemoteLog):
        return value
    if isinstance(value, dict):
        keys = _LOG_TABLES["from" if "from" in value else "command"]
        unknown = next((key for key in value if key not in keys), "")
        if unknown:
            raise ValueError(f"has an unknown key, {toml.plain(unknown)}. {toml.allowed(keys, unknown)}")
        return _remote_log(value) if "from" in value else _log_command(value)
    raise ValueError('must be a path, a pattern, a folder or { command = ["docker", "logs", "-f", "x"] }')


def _log_command(table: dict[str, Any]) -> LogCommand:
    words, name = table.get("command"), table.get("name", "")
    if not isinstance(words, list):
        raise ValueError('needs command = ["…", "…"], a list with each word by itself')
    if not words or not all(isinstance(word, str) and len(word) <= 2000 for word in words):
        raise ValueError('needs a command such as ["docker", "logs", "-f", "x"]')
    return LogCommand(tuple(map(one_line, words)), _log_name(name))


def _remote_log(table: dict[str, Any]) -> RemoteLog:
    service, query = table["from"], table.get("query", "")
    if not (isinstance(service, str) and service and isinstance(query, str) and len(query) <= 2000):
        raise ValueError('must be { from = "NAME", query = "…" }, with the NAME of a [log_services.NAME]')
    return RemoteLog(service, one_line(query).strip(), _log_name(table.get("name", "")))


def _log_name(name: object) -> str:
    if not isinstance(name, str) or len(name) > 80:
        raise ValueError("the name of a command or a log must be text of at most 80 characters")
    return one_line(name).strip()


def _changes(value: object) -> str | tuple[str, ...]:
    """What says what has changed: the folder of a git repository, or a command."""
    if isinstance(value, str) and len(value) <= 500:
        return one_line(value)
    words = value if isinstance(value, list | tuple) and len(value) <= 100 else ()
    if words and all(isinstance(word, str) and word and len(word) <= 2000 for word in words):
        return tuple(map(one_line, words))
    raise ValueError(
        'must be the folder of a git repository, or a command, each word by itself: ["helm", "history"]'
    )


class Service(Table):
    """Something that can break."""

    name: Name
    """The name to declare incidents by."""
    description: Text = ""
    """What it is called by those who use it, such as "Card payments": names it in the texts for customers."""
    links: dict[Name, Link] = Field(default_factory=dict)
    """Web addresses worth having at hand."""
    logs: tuple[Annotated[str | LogCommand | RemoteLog, PlainValidator(_log)], ...] = ()
    """Logs to watch in its incidents: files (compressed ones too), patterns or folders, relative to this file,
    ~ allowed; "journal:UNIT", "docker:CONTAINER"; a command with its arguments, run without a shell and started
    again when it ends: { command = ["kubectl", "logs", "-f", "deploy/checkout"], name = "checkout" }; or what a log
    service keeps: { from = "papertrail", query = "program:checkout" }, from [log_services.papertrail]."""
    changes: Annotated[str | tuple[str, ...], PlainValidator(_changes)] = ""
    """What says what has changed lately, for the first evidence of its incidents: the folder of a git repository,
    relative to this file; or a command with its arguments, run without a shell, that prints a change a line, the
    newest first."""
    depends_on: tuple[Name, ...] = ()
    """The services it needs, by their names: those that have alerts or an incident are shown with its incidents."""


def gathered(model: type[Table], table: Any) -> Any:
    """A table of a plugin with every key that is not the ``model``'s own under ``options``."""
    if not isinstance(table, dict):
        return table
    own = {key: table[key] for key in model.model_fields if key in table and key != "options"}
    return {**own, "options": {key: value for key, value in table.items() if key not in own}}


class Destination(Table):
    """Where messages go: a chat service, a webhook, a file. Its name is in the table's header."""

    name: Annotated[str, toml.TABLE_NAME] = ""
    """The name in the header."""
    backend: Name
    """"slack", "matrix", "webhook", "transcript", or the name of an installed plugin."""
    audiences: Annotated[tuple[Audience, ...], Field(min_length=1)] = ("team",)
    """Whose messages go there: "team", "customers", "executives"."""
    drills: bool = False
    """True sends the messages of drills there too. Without it a drill stays away from this place."""
    fallback: Text = ""
    """Another destination, which gets a post as well once this one has not taken it for two minutes."""
    plain_secrets: bool = False
    """True allows plaintext secrets in this file. It is better to keep them elsewhere."""
    options: dict[str, Any] = Field(default_factory=dict, repr=False)
    """Every other key is an option of the backend. A secret is given by reference: { env = "NAME" },
    { file = "path" } or { command = ["pass", "show", "slack"] }."""

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, table: Any) -> Any:
        return gathered(cls, table)


class AlertSourceSettings(Table):
    """A monitoring system whose alerts wait on the home screen. Its name is in the table's header."""

    name: Annotated[str, toml.TABLE_NAME] = ""
    """The name in the header."""
    backend: Name
    """"alertmanager", "prometheus", or another one of `warroom help alerts`, or the name of an installed plugin."""
    every: int = Field(30, ge=15, le=300)
    """How often it is asked, in seconds."""
    service: Text = ""
    """The service of an alert that names none."""
    severities: dict[Text, Key] = Field(default_factory=dict)
    """The severity an incident begins with, by the source's own word: { page = "critical" }. Without it the
    playbook's alert rules decide, then the words in common use."""
    read_only: bool = False
    """True leaves everything there as it is: no alert is acknowledged, silenced or closed at this source."""
    plain_secrets: bool = False
    """True allows plaintext secrets in this table. It is better to keep them elsewhere."""
    options: dict[str, Any] = Field(default_factory=dict, repr=False)
    """Every other key is an option of the backend. A secret is given by reference: { env = "NAME" },
    { file = "path" } or { command = ["pass", "show", "pagerduty"] }."""

    @property
    def polled(self) -> bool:
        """Whether it is asked what fires; a webhook is told."""
        return self.backend != "webhook"

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, table: Any) -> Any:
        return gathered(cls, table)


class Reminders(Table):
    """What the team is reminded of in its chat, by any console that is open or by warroom watch."""

    updates: bool = True
    """A promised update is late, to any audience that a destination takes."""
    roles: bool = True
    """Nobody holds a role of an open incident, once a day."""
    actions: bool = True
    """An action item is past its due date: daily in the first week, then weekly."""
    follow_up: bool = True
    """A post-mortem is not written or its meeting not scheduled in time, or the weekly review has expired: daily in
    the first week, then weekly."""
    from_hour: int = Field(9, ge=0, le=23)
    """The hour of the day, in the team's zone, from which action items and the follow-up are reminded of."""

    @property
    def wanted(self) -> bool:
        """Whether there is anything to remind of."""
        return self.updates or self.roles or self.actions or self.follow_up


class ProbeSettings(Table):
    """Something to measure while an incident is open, and its kind's options. Its name is in the table's header."""

    name: Annotated[str, toml.TABLE_NAME] = ""
    """The name in the header: a checklist item of the playbook names it by probe = "NAME"."""
    kind: Name
    """"http", "promql", "command", "tcp", "dns", "tls", "logs", "status-page", or the name of a plugin."""
    service: Text = ""
    """The service it is about: it is measured in that service's incidents only. Without it in every incident."""
    verifies: Text = ""
    """The name by which the playbook refers to it, such as "health", if its own name is another: several services
    can each have one. Where several measure the same, the worst result counts."""
    every: int = Field(15, ge=5, le=300)
    """How often it is measured, in seconds."""
    plain_secrets: bool = False
    """True allows plaintext secrets in this table. It is better to keep them elsewhere."""
    options: dict[str, Any] = Field(default_factory=dict, repr=False)
    """Every other key is an option of the kind; see warroom help probes. A secret is given by reference, as for a
    destination."""

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, table: Any) -> Any:
        return gathered(cls, table)


def _variable(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,99}", name):
        raise ValueError("must be the name of an environment variable, such as KUBECONFIG")
    if name.startswith("WARROOM_"):
        raise ValueError("is set by warroom itself; leave it out")
    return name


class RunbookSettings(Table):
    """Runbooks: Markdown files whose steps are ticked into the timeline, see warroom help runbooks."""

    folders: tuple[Text, ...] = ("runbooks",)
    """Where they are, relative to this file, ~ allowed. No other file is ever read as a runbook."""
    run: Annotated[bool, Field(strict=True)] = False
    """True lets a person run the commands of a step (fenced sh blocks) on this machine, after a preview."""
    timeout_s: int = Field(300, ge=1, le=3600)
    """How long a command may take, in seconds; then it is ended with all it started."""
    environment: tuple[Annotated[str, AfterValidator(_variable)], ...] = ()
    """Environment variables that commands get besides PATH, HOME, LANG and what warroom says of the incident, such
    as KUBECONFIG."""


class IntegrationSettings(Table):
    """An outside service that does something for an incident. Its name is in the table's header."""

    name: Annotated[str, toml.TABLE_NAME] = ""
    """The name in the header."""
    backend: Name
    """The kind of service; see warroom help integrations. Or the name of an installed plugin."""
    drills: bool = False
    """True uses it in drills too. Without it a drill leaves it alone."""
    plain_secrets: bool = False
    """True allows plaintext secrets in this table. It is better to keep them elsewhere."""
    options: dict[str, Any] = Field(default_factory=dict, repr=False)
    """Every other key is an option of the backend. A secret is given by reference, as for a destination."""

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, table: Any) -> Any:
        return gathered(cls, table)


class LogServiceSettings(Table):
    """A service that keeps logs, for the ``logs`` of [[services]]. Its name is in the table's header."""

    name: Annotated[str, toml.TABLE_NAME] = ""
    """The name in the header: a log says from = "NAME"."""
    backend: Name
    """"papertrail", "betterstack", or the name of an installed plugin."""
    every: int = Field(5, ge=2, le=300)
    """How often it is asked for new lines, in seconds."""
    plain_secrets: bool = False
    """True allows plaintext secrets in this table. It is better to keep them elsewhere."""
    options: dict[str, Any] = Field(default_factory=dict, repr=False)
    """Every other key is an option of the backend; see warroom help logs. A secret is given by reference, as for a
    destination."""

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, table: Any) -> Any:
        return gathered(cls, table)


class RedactionRule(Table):
    """A rule of your own. Its name replaces what it finds: ‹redacted:customer-id›."""

    name: Annotated[str, AfterValidator(_rule_name)]
    """Small letters, digits and hyphens."""
    pattern: Annotated[str, AfterValidator(_rule_pattern)]
    """A regular expression in RE2 syntax, at most 1,000 characters; what it matches is masked. It is matched
    within each line, in linear time: look-around and back-references are refused."""


class Redaction(Table):
    """What is masked in logs, notes and messages besides the secrets warroom recognises, and what is not."""

    ips: bool = False
    """True masks IP addresses too."""
    off: tuple[Annotated[str, AfterValidator(_known_rule)], ...] = ()
    """Names of rules that mask too much for you, as in the labels: "phone", "email"."""
    rules: tuple[RedactionRule, ...] = ()


class ConsoleSettings(Table):
    """How the console looks and sounds on this machine."""

    theme: Key = "dark"
    """dark, light, high-contrast, colour-blind, or a theme of your own: NAME.toml in the folder themes beside
    this file."""
    bell: bool = True
    """Ring the terminal's bell once when an update is overdue."""
    log_mb: int = Field(64, ge=1, le=4096)
    """Megabytes kept of logs that cannot be read again, those of commands and pipes. Beyond that the oldest lines
    go, and it is said how many."""
    keys: Annotated[dict[Text, Text], AfterValidator(_present_actions)] = Field(default_factory=dict)
    """Keys of your own for an action: its id, then one or more keys with commas between. The help (?) lists
    both."""


class DrillSettings(Table):
    """Where the team's own drills are; see warroom help drills."""

    folders: tuple[Text, ...] = ()
    """Folders with scripts, relative to this file, besides the folder drills beside it."""


PLUGIN_TABLES = (
    "destinations",
    "alerts",
    "probes",
    "log_services",
    "paging",
    "documents",
    "trackers",
    "workflows",
)
"""The keys of ``Settings`` that hold tables of plugins by their names."""


class Settings(Table):
    """All settings of a team. No key is required."""

    playbook: Text = ""
    """Your playbook, relative to this file. Only what it gives differs from the one shipped."""
    team: Team = Field(default_factory=Team)
    services: tuple[Service, ...] = ()
    on_call: OnCall | None = None
    escalation: Escalation | None = None
    destinations: dict[Key, Destination] = Field(default_factory=dict)
    alerts: dict[Key, AlertSourceSettings] = Field(default_factory=dict)
    probes: dict[Key, ProbeSettings] = Field(default_factory=dict)
    runbooks: RunbookSettings = Field(default_factory=RunbookSettings)
    paging: dict[Key, IntegrationSettings] = Field(default_factory=dict)
    """A paging service: it calls people to an incident until one of them answers."""
    documents: dict[Key, IntegrationSettings] = Field(default_factory=dict)
    """A document store: post-mortems are published there."""
    trackers: dict[Key, IntegrationSettings] = Field(default_factory=dict)
    """An issue tracker: action items are opened there as issues, and done when their issue is."""
    workflows: dict[Key, IntegrationSettings] = Field(default_factory=dict)
    """A workflow runner: steps of runbooks start workflows there."""
    reminders: Reminders = Field(default_factory=Reminders)
    log_services: dict[Key, LogServiceSettings] = Field(default_factory=dict)
    drills: DrillSettings = Field(default_factory=DrillSettings)
    hub: HubSettings | None = None
    redaction: Redaction = Field(default_factory=Redaction)
    console: ConsoleSettings = Field(default_factory=ConsoleSettings)

    def integrations(self, kind: RequestKind) -> dict[str, IntegrationSettings]:
        """The services that do this kind of request, by their names."""
        by_kind = {"page": self.paging, "document": self.documents, "issue": self.trackers}
        return by_kind.get(kind, self.workflows)

    def person(self, who: str) -> Person | None:
        """The person of that name, or the only one with that first name; case does not matter."""
        wanted = who.strip().casefold()
        full = [p for p in self.team.people if p.name.casefold() == wanted]
        first = [p for p in self.team.people if p.name.casefold().split()[0] == wanted]
        return full[0] if full else first[0] if len(first) == 1 else None

    def service(self, name: str) -> Service | None:
        """The service of that name; case does not matter."""
        known = name.strip().casefold()
        return next((service for service in self.services if service.name.casefold() == known), None)

    def probes_of(self, service: str) -> tuple[str, ...]:
        """The names of the probes that are measured in an incident of ``service``; case does not matter."""
        known = service.casefold()
        return tuple(
            name for name, probe in self.probes.items() if not probe.service or probe.service.casefold() == known
        )

    def person_on_call(self, at: datetime) -> str | None:
        """Who is on call at ``at`` (any zone) by the settings alone; None if nobody is. ``WarRoom.rota`` also knows
        of swaps."""
        return Rota(self.on_call, self.team.zone).person(at) or None
