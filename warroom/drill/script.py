"""The format of a drill's script (TOML): its logs, its alerts and its chat, what helps and what does not."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal, TypeVar, Union, get_type_hints

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, create_model

from warroom import toml
from warroom.errors import BadInput
from warroom.incident.commands import (
    Acknowledge,
    Check,
    Close,
    Command,
    Note,
    RecordFix,
    Resolve,
    SetSeverity,
    SetStatus,
    WriteSection,
)
from warroom.incident.drill_events import RemedyEffect
from warroom.incident.roles import Assign
from warroom.incident.timing import read_duration

T = TypeVar("T")

PLACEHOLDER = re.compile(r"%\{([^{}]*)\}")
"""A placeholder in a log line, filled in when the line is written."""

RANGE = re.compile(r"(\d{1,12})\.\.(\d{1,12})")
HEX_DIGITS = re.compile(r"hex:(\d{1,2})")
TIME_FORMATS = {"time": "%Y-%m-%dT%H:%M:%S", "clf": "%d/%b/%Y:%H:%M:%S +0000"}


def _to_seconds(value: object) -> object:
    if not isinstance(value, str):
        return value
    parts = re.findall(r"[\d.]+ ?[a-z]*", value)  # "7m10s" has two
    try:
        if parts and "".join(parts) == value:
            return sum(map(read_duration, parts))
    except BadInput:
        pass
    raise ValueError("must be a duration such as 90s, 5m or 7m10s")


SERVICE = "service"
"""The placeholder, in any text of a script, for the service that the drill is about."""


def _check_placeholders(text: str) -> str:
    for placeholder in PLACEHOLDER.findall(text):
        bounds = RANGE.fullmatch(placeholder)
        known = placeholder in (*TIME_FORMATS, SERVICE) or "|" in placeholder or HEX_DIGITS.fullmatch(placeholder)
        if not known and not (bounds and int(bounds[1]) <= int(bounds[2])):
            raise ValueError("has an unknown %{…}; use %{time} %{clf} %{hex:8} %{40..180} %{one|other}")
    return text


def _not_empty(values: tuple[T, ...]) -> tuple[T, ...]:
    # Not min_length: it reports an empty list once more for every list that has a mistake in it.
    if not values:
        raise ValueError("must not be empty")
    return values


def _file_name(name: str) -> str:
    if not re.fullmatch(r"[\w][\w.-]{0,79}", name):
        raise ValueError("must be a file name without a folder")
    return name


Seconds = Annotated[float, BeforeValidator(_to_seconds), Field(ge=0, le=86_400)]
Interval = Annotated[float, BeforeValidator(_to_seconds), Field(ge=0.01, le=3600)]
Text = Annotated[str, Field(min_length=1, max_length=5000)]
LogLine = Annotated[str, Field(min_length=1, max_length=5000), AfterValidator(_check_placeholders)]


def _id(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,39}", text):
        raise ValueError("must be at most 40 small letters, digits, - and _")
    return text


Ref = Annotated[str, AfterValidator(_id)]
Anchor = Literal["start", "declared", "acknowledged", "fix", "wrong_fix", "mitigated", "resolved"]
"""What the time of a cue counts from: the start of the drill, or the first time this happened.

``fix`` is the first fix that helps, ``wrong_fix`` the first that does not. Without remedies every fix helps.
"""


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


class Condition(_Table):
    """What people have done by now. All keys that are given must hold."""

    fix: Annotated[tuple[Ref, ...], BeforeValidator(_as_list)] = ()
    """A fix was recorded that is one of these remedies."""
    service: str = ""
    """The incident was declared for this service."""
    evidence: str = ""
    """Evidence was pinned that contains this text; case does not matter."""
    happened: Anchor | None = None
    """This has happened."""
    late: Seconds | None = None
    """What the cue counts from came later than this after the drill's start."""


class Cue(_Table):
    """When something happens: ``at`` (seconds, or "90s", "5m") after ``after``, once ``when`` holds.

    With ``fix`` the remedy of that id is meant by ``after = "fix"``, whether it helps or not. If ``unless`` holds
    when the time has come, it does not happen at all.
    """

    at: Seconds
    after: Anchor = "start"
    fix: str = ""
    when: Condition | None = None
    unless: Condition | None = None


class LogLines(_Table):
    """Lines written to ``log``, one every ``every`` seconds on average, chosen at random from ``texts``."""

    log: str
    every: Interval
    texts: Annotated[tuple[LogLine, ...], AfterValidator(_not_empty)]


class LogStage(Cue):
    """What the logs contain from its cue on. It replaces the stage before; a drill never returns to a stage."""

    name: Text
    lines: tuple[LogLines, ...] = ()
    once: tuple[LogLine, ...] = ()
    """Lines written to the first log of the script when the stage begins."""


class AlertInject(Cue):
    """An alert from a monitor."""

    name: Text
    source: str = ""
    detail: str = ""


class ChatInject(Cue):
    """A teammate's chat message. It is sent once the incident is declared."""

    who: Text
    words: Text
    via: str = "chat"
    after: Anchor = "declared"


class HintInject(Cue):
    """A hint in the timeline, for people who are stuck. Give it a condition, so that it comes only if needed."""

    words: Text
    after: Anchor = "declared"


class Answer(_Table):
    """What a teammate answers, once, ``at`` after they were asked: in a note or a message, or by a task.

    A question is about this if it has all the words of one of ``asked``; without ``asked`` it answers whatever else
    ``who`` is asked by name.
    """

    who: Text
    words: Text
    asked: Annotated[tuple[Text, ...], BeforeValidator(_as_list)] = ()
    at: Seconds = 20.0


class RemedyChoice(_Table):
    """Something the fix form offers: what helps, and distractors that do not help or make it worse.

    ``match`` recognises a fix in people's own words: each entry is one or more beginnings of words that must all be
    there. ``why`` is shown in the debrief.
    """

    id: Ref
    words: Text
    effect: RemedyEffect = "nothing"
    why: str = ""
    match: Annotated[tuple[Text, ...], BeforeValidator(_as_list)] = ()


class Ends(_Table):
    """When the drill ends by itself: so long after its incident is resolved, or after so long without that."""

    after_resolved: Seconds = 600.0
    limit: Seconds = 7200.0
    """Counts from the declaration."""


class ResponderStep(Cue):
    """Something the responder does when the drill is played without people.

    ``by`` is who does it; "" is the person at this machine. ``do`` is what they do; the other keys depend on it.
    """

    do: str
    by: str = ""


class DeclareStep(ResponderStep):
    """Declare, from the waiting alert if there is one. It started ``started_before`` seconds before that alert."""

    do: Literal["declare"]
    impact: Text
    started_before: Seconds = 0.0
    severity: str = ""
    commander: str = ""


class PinStep(ResponderStep):
    """Pin the last line of ``log`` that contains ``contains``."""

    do: Literal["pin"]
    log: str
    contains: Text
    comment: str = ""


class UpdateStep(ResponderStep):
    """Post an update. Fields that are not given are drafted as in the composer."""

    do: Literal["update"]
    template: str = "update"
    fields: dict[str, str] = {}
    approved_by: str = ""


class ActionItemStep(ResponderStep):
    """Add an action item, due in so many ``days`` (0: no date)."""

    do: Literal["action"]
    words: Text
    owner: str = ""
    days: Annotated[int, Field(strict=True, ge=0, le=365)] = 0


class CommandStep(ResponderStep):
    """A step that is one command of the domain. Its keys are the fields of that command."""

    command_type: ClassVar[type[Any]]

    def command(self) -> Command:
        """Return the command to execute."""
        names = [field.name for field in dataclasses.fields(self.command_type)]
        command: Command = self.command_type(**{name: getattr(self, name) for name in names})
        return command


COMMANDS: dict[str, type[Any]] = {
    "acknowledge": Acknowledge,
    "assign": Assign,
    "note": Note,
    "fix": RecordFix,
    "check": Check,
    "severity": SetSeverity,
    "status": SetStatus,
    "resolve": Resolve,
    "section": WriteSection,
    "close": Close,
}
"""The commands a step can be, by its ``do``."""


def _command_step(do: str, command: type[Any]) -> type[CommandStep]:
    hints = get_type_hints(command)
    fields: dict[str, Any] = {"do": (Literal[do], ...)}
    for field in dataclasses.fields(command):
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        kind = Text if required and hints[field.name] is str else hints[field.name]
        if required:
            fields[field.name] = (kind, ...)
        elif field.default_factory is not dataclasses.MISSING:
            fields[field.name] = (kind, Field(default_factory=field.default_factory))
        else:
            fields[field.name] = (kind, field.default)
    step = create_model(f"{command.__name__}Step", __base__=CommandStep, **fields)
    step.command_type = command
    return step


_STEPS: tuple[type[ResponderStep], ...] = (
    DeclareStep,
    PinStep,
    UpdateStep,
    ActionItemStep,
    *(_command_step(do, command) for do, command in COMMANDS.items()),
)
Step: Any = Annotated[Union[_STEPS], Field(discriminator="do")]  # noqa: UP007 — the members are made above


class Script(_Table):
    """A drill's script. ``logs`` names the files, in the drill's folder, that its stages write to.

    Where the service or the people are not the team's, the team's own take their parts (``drill.casting``), unless
    ``cast`` is "script". ``severity`` is the one that is right, ``cause`` what the debrief says it was,
    ``cause_match`` how it is recognised in people's words, as ``RemedyChoice.match``.
    """

    title: Text
    service: Text
    summary: str = ""
    cast: Literal["team", "script"] = "team"
    severity: str = ""
    cause: str = ""
    cause_match: Annotated[tuple[Text, ...], BeforeValidator(_as_list)] = ()
    history: Seconds = 600.0
    """How many seconds of the first stage are in the logs when the drill starts."""
    logs: Annotated[dict[str, Annotated[str, AfterValidator(_file_name)]], Field(min_length=1)]
    stages: Annotated[tuple[LogStage, ...], AfterValidator(_not_empty)]
    alerts: tuple[AlertInject, ...] = ()
    chat: tuple[ChatInject, ...] = ()
    remedies: tuple[RemedyChoice, ...] = ()
    hints: tuple[HintInject, ...] = ()
    answers: tuple[Answer, ...] = ()
    ends: Ends = Ends()
    responder: tuple[Step, ...] = ()

    def cues(self) -> Iterator[tuple[str, int, Cue]]:
        """Everything that has a time: its table's name, its place there from 0, and itself."""
        for table in ("stages", "alerts", "chat", "hints", "responder"):
            for number, cue in enumerate(getattr(self, table)):
                yield table, number, cue


def parse_script(text: str, source: str) -> Script:
    """Parse a script. Raises ``SettingsError`` that names every mistake by line, table and key."""
    script = toml.parse(text, Script, source)
    mistakes = [
        toml.Mistake(("stages", s, "lines", n, "log"), "no such log", toml.allowed(script.logs, lines.log))
        for s, stage in enumerate(script.stages)
        for n, lines in enumerate(stage.lines)
        if lines.log not in script.logs
    ]
    mistakes += [
        toml.Mistake(("responder", number, "log"), "no such log", toml.allowed(script.logs, step.log))
        for number, step in enumerate(script.responder)
        if isinstance(step, PinStep) and step.log not in script.logs
    ]
    mistakes += _wrong_remedies(script)
    if mistakes:
        raise toml.refuse(mistakes, text, source)
    return script


def _wrong_remedies(script: Script) -> Iterator[toml.Mistake]:
    """Remedies that cannot be told apart or that nobody can win by, and names of remedies that there are not."""
    known = [remedy.id for remedy in script.remedies]
    for number, remedy in enumerate(script.remedies):
        if remedy.id in known[:number]:
            yield toml.Mistake(("remedies", number, "id"), "appears twice", "Give each its own id.")
    if known and all(remedy.effect != "helps" for remedy in script.remedies):
        wrong = 'no remedy has effect = "helps"'
        yield toml.Mistake(("remedies", 0, "effect"), wrong, "Without one nothing ends the failure.")
    for table, number, cue in script.cues():
        if cue.fix and cue.fix not in known:
            yield toml.Mistake((table, number, "fix"), "no such remedy", toml.allowed(known, cue.fix))
        if cue.fix and cue.after != "fix":
            yield toml.Mistake((table, number, "fix"), 'needs after = "fix"', "It says which fix is meant there.")
        for key in ("when", "unless"):
            condition: Condition | None = getattr(cue, key)
            for fix in condition.fix if condition else ():
                if fix not in known:
                    yield toml.Mistake((table, number, key, "fix"), "no such remedy", toml.allowed(known, fix))
