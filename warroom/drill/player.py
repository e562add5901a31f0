"""The drill: a scripted incident on its own clock, through the very same WarRoom; never a rule, never a screen.

A script (TOML) says what happens around the people: logs that grow and fail, alerts, what teammates say in the
chat. With people at the console only that is played, and it waits for them: the chat for their declaration, the
recovery for their fix. Without them the script's own ``acts`` are played as well, to the post-mortem.
"""

from __future__ import annotations

import bisect
import heapq
import math
import os
import random
import re
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from warroom import toml
from warroom.config.paths import make_folder
from warroom.errors import BadInput, NotFound, WarroomError
from warroom.incident.commands import (
    Acknowledge,
    AddAction,
    Assign,
    Check,
    Close,
    Command,
    Declare,
    Note,
    Pin,
    ReceiveAlert,
    RecordChat,
    RecordFix,
    Resolve,
    SetSeverity,
    SetStatus,
    WriteSection,
)
from warroom.incident.events import NoteKind, Section
from warroom.incident.incident import Incident
from warroom.incident.timing import read_duration
from warroom.room.room import WarRoom
from warroom.safety import redact

PACE_S = 0.05
"""The shortest pause between two rounds, in real seconds: a fast clock writes more a round, not more rounds."""

LOOK_S = 1.0
"""The longest pause, in real seconds: what another process did (a fix, say) is seen by then."""

LONGEST_GAP = timedelta(minutes=30)
"""A clock that stood or leapt (a laptop asleep) leaves a gap in the logs rather than a flood."""

AFTERWARDS = timedelta(minutes=10)
"""How long a drill goes on once its incident is resolved; whatever is declared after that is real."""

UNHEEDED = timedelta(hours=1)
"""How long a drill waits for somebody to declare."""

T = TypeVar("T")
C = TypeVar("C", bound="Cue")


class ScaledClock:
    """A clock that runs ``speed`` times as fast as the wall's, from ``start`` (default: now, UTC).

    With ``speed`` infinite it stands still and leaps to whatever is waited for. Call it for the time.
    """

    def __init__(
        self,
        speed: float = 1.0,
        start: datetime | None = None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if not speed > 0:
            raise BadInput("A clock's speed must be more than 0", "1 is real time, 60 a minute a second.")
        self.speed = speed
        self._start = (start or datetime.now(UTC)).astimezone(UTC)
        self._monotonic = monotonic
        self._zero = monotonic()
        self._lock = threading.Lock()

    def __call__(self) -> datetime:
        """The time, UTC."""
        if math.isinf(self.speed):
            return self._start
        return self._start + timedelta(seconds=(self._monotonic() - self._zero) * self.speed)

    def wait(self, wake: threading.Event, until: datetime, at_most_s: float = math.inf) -> None:
        """Until the clock shows ``until``, ``wake`` is set, or ``at_most_s`` real seconds have passed."""
        if wake.is_set():
            return
        left = (until - self()).total_seconds() / self.speed
        if math.isinf(self.speed):
            with self._lock:
                self._start = max(self._start, until)
        elif left > 0:
            wake.wait(min(left, at_most_s, threading.TIMEOUT_MAX))


# ── the script ──────────────────────────────────────────────────────────────────────────────────────────


def _seconds(value: object) -> object:
    if not isinstance(value, str):
        return value
    parts = re.findall(r"[\d.]+ ?[a-z]*", value)  # "7m10s" is two of them
    try:
        if parts and "".join(parts) == value:
            return sum(map(read_duration, parts))
    except BadInput:
        pass
    raise ValueError("must be a duration such as 90s, 5m or 7m10s")


_BLANK = re.compile(r"%\{([^{}]*)\}")
_RANGE = re.compile(r"(\d{1,12})\.\.(\d{1,12})")
_HEX = re.compile(r"hex:(\d{1,2})")
_TIMES = {"time": "%Y-%m-%dT%H:%M:%S", "clf": "%d/%b/%Y:%H:%M:%S +0000"}


def _fillable(text: str) -> str:
    for blank in _BLANK.findall(text):
        span = _RANGE.fullmatch(blank)
        known = blank in _TIMES or "|" in blank or _HEX.fullmatch(blank)
        if not known and not (span and int(span[1]) <= int(span[2])):
            raise ValueError("holds an unknown %{…}; there are %{time} %{clf} %{hex:8} %{40..180} %{one|other}")
    return text


def _some(values: tuple[T, ...]) -> tuple[T, ...]:
    # Not min_length, which would complain once more about every list with a mistake in it.
    if not values:
        raise ValueError("must not be empty")
    return values


def _file_name(name: str) -> str:
    if not re.fullmatch(r"[\w][\w.-]{0,79}", name):
        raise ValueError("must be a file name without a folder")
    return name


Span = Annotated[float, BeforeValidator(_seconds), Field(ge=0, le=86_400)]
Pace = Annotated[float, BeforeValidator(_seconds), Field(ge=0.01, le=3600)]
Words = Annotated[str, Field(min_length=1, max_length=5000)]
Line = Annotated[str, Field(min_length=1, max_length=5000), AfterValidator(_fillable)]
Mark = Literal["start", "declared", "fix", "resolved"]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Cue(_Value):
    """When something happens: ``at`` (seconds, or "90s", "5m") after the drill's start, or after a deed."""

    at: Span
    after: Mark = "start"


class Lines(_Value):
    """Lines that keep being written to a log, one ``every`` so often on average, picked from ``texts``."""

    log: str
    every: Pace
    texts: Annotated[tuple[Line, ...], AfterValidator(_some)]


class Stage(Cue):
    """How the logs read from its cue on, in place of the stage before. Stages never go back."""

    name: Words
    lines: tuple[Lines, ...] = ()
    says: tuple[Line, ...] = ()
    """Lines written once, to the first log of the script, as the stage begins."""


class AlertInject(Cue):
    """A monitor says something."""

    name: Words
    source: str = ""
    detail: str = ""


class ChatInject(Cue):
    """A teammate says something in the chat; waits until the incident is declared."""

    who: Words
    words: Words
    via: str = "chat"
    after: Mark = "declared"


class Act(Cue):
    """Something the responder does when nobody is at the console; ``by`` is who, "" for who sits here."""

    by: str = ""


class Declares(Act):
    """Declare, from the alert that waits if there is one; it began ``began`` before that alert (or before now)."""

    do: Literal["declare"]
    impact: Words
    began: Span = 0.0
    severity: str = ""
    commander: str = ""


class Acknowledges(Act):
    """Acknowledge the alert."""

    do: Literal["acknowledge"]

    def command(self) -> Command:
        return Acknowledge()


class Assigns(Act):
    """Give a role to a person."""

    do: Literal["assign"]
    role: Words
    person: Words

    def command(self) -> Command:
        return Assign(self.role, self.person)


class Notes(Act):
    """Write something down."""

    do: Literal["note"]
    words: Words
    kind: NoteKind = "note"
    because: str = ""
    rollback: str = ""

    def command(self) -> Command:
        return Note(self.words, self.kind, self.because, self.rollback)


class Pins(Act):
    """Pin the last line of a log that contains some text."""

    do: Literal["pin"]
    log: str
    contains: Words
    comment: str = ""


class Posts(Act):
    """Post an update; fields that are not given are drafted as the composer drafts them."""

    do: Literal["update"]
    template: str = "update"
    fields: dict[str, str] = {}
    approved_by: str = ""


class Fixes(Act):
    """Record a fix."""

    do: Literal["fix"]
    words: Words
    temporary: bool = False
    rollback: str = ""

    def command(self) -> Command:
        return RecordFix(self.words, self.temporary, self.rollback)


class Checks(Act):
    """Tick an item of the checklist."""

    do: Literal["check"]
    item: Words

    def command(self) -> Command:
        return Check(self.item)


class SetsSeverity(Act):
    """Set the severity."""

    do: Literal["severity"]
    severity: Words
    reason: str = ""

    def command(self) -> Command:
        return SetSeverity(self.severity, self.reason)


class SetsStatus(Act):
    """Set the status."""

    do: Literal["status"]
    status: Words
    reason: str = ""

    def command(self) -> Command:
        return SetStatus(self.status, self.reason)


class Resolves(Act):
    """Resolve the incident."""

    do: Literal["resolve"]
    reason: str = ""

    def command(self) -> Command:
        return Resolve(self.reason)


class Writes(Act):
    """Write a section of the post-mortem."""

    do: Literal["section"]
    section: Section
    words: Words

    def command(self) -> Command:
        return WriteSection(self.section, self.words)


class Plans(Act):
    """Write down an action item, due so many days from then (0: no date)."""

    do: Literal["action"]
    words: Words
    owner: str = ""
    days: Annotated[int, Field(strict=True, ge=0, le=365)] = 0


class Closes(Act):
    """Close the incident."""

    do: Literal["close"]
    reason: str = ""

    def command(self) -> Command:
        return Close(self.reason)


AnyAct = Annotated[
    Declares
    | Acknowledges
    | Assigns
    | Notes
    | Pins
    | Posts
    | Fixes
    | Checks
    | SetsSeverity
    | SetsStatus
    | Resolves
    | Writes
    | Plans
    | Closes,
    Field(discriminator="do"),
]


class Script(_Value):
    """A drill as it is written down. ``logs`` names the files, in the drill's folder, that its stages write to."""

    title: Words
    service: Words
    summary: str = ""
    history: Span = 600.0
    """How long the first stage has been writing already when the drill starts."""
    logs: Annotated[dict[str, Annotated[str, AfterValidator(_file_name)]], Field(min_length=1)]
    stages: Annotated[tuple[Stage, ...], AfterValidator(_some)]
    alerts: tuple[AlertInject, ...] = ()
    chat: tuple[ChatInject, ...] = ()
    acts: tuple[AnyAct, ...] = ()


def parse_script(text: str, source: str) -> Script:
    """The script that ``text`` (TOML) holds. ``SettingsError`` naming every mistake by line, table and key."""
    script = toml.parse(text, Script, source)
    mistakes = [
        toml.Mistake(("stages", s, "lines", n, "log"), "no such log", toml.allowed(script.logs, lines.log))
        for s, stage in enumerate(script.stages)
        for n, lines in enumerate(stage.lines)
        if lines.log not in script.logs
    ]
    mistakes += [
        toml.Mistake(("acts", number, "log"), "no such log", toml.allowed(script.logs, act.log))
        for number, act in enumerate(script.acts)
        if isinstance(act, Pins) and act.log not in script.logs
    ]
    if mistakes:
        raise toml.refuse(mistakes, text, source)
    return script


# ── the logs ────────────────────────────────────────────────────────────────────────────────────────────


class _Logs:
    """The script's log files, written as far as somebody asks. The same seed and times give the same lines."""

    def __init__(self, script: Script, folder: Path, begin: datetime) -> None:
        self.paths = {name: folder / file for name, file in script.logs.items()}
        self.stage: Stage | None = None
        self._first = next(iter(script.logs))
        self._random = random.Random(script.title)
        self._written = begin
        self._due: list[tuple[datetime, int, Lines]] = []
        make_folder(folder)
        for path in self.paths.values():
            path.unlink(missing_ok=True)  # an earlier drill's: whoever follows it sees a file take its place
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))

    def turn(self, stage: Stage, at: datetime) -> None:
        """From ``at`` on the logs read as ``stage`` says."""
        self.write(at)
        self.stage = stage
        first = self.paths[self._first]
        _append({first: [self._filled(line, at) for line in stage.says]})
        self._due = [
            (at + timedelta(seconds=lines.every * self._random.random()), place, lines)
            for place, lines in enumerate(stage.lines)
        ]
        heapq.heapify(self._due)

    def write(self, until: datetime) -> None:
        """All lines up to ``until``. OSError if a file cannot be written: those lines are lost, later ones not."""
        since = max(self._written, until - LONGEST_GAP)
        self._written = max(self._written, until)
        new: dict[Path, list[str]] = defaultdict(list)
        while self._due and self._due[0][0] <= until:
            at, place, lines = heapq.heappop(self._due)
            if at >= since:
                new[self.paths[lines.log]].append(self._filled(self._random.choice(lines.texts), at))
            pause = timedelta(seconds=lines.every * self._random.uniform(0.4, 1.6))
            heapq.heappush(self._due, (max(at, since) + pause, place, lines))
        _append(new)

    @property
    def next(self) -> datetime | None:
        """When the next line is due."""
        return self._due[0][0] if self._due else None

    def last(self, log: str, contains: str) -> tuple[int, str] | None:
        """The number (from 1) and text of the last line of a log that contains this, or None."""
        lines = self.paths[log].read_text(encoding="utf-8", errors="replace").split("\n")
        return next(((n, lines[n - 1]) for n in range(len(lines), 0, -1) if contains in lines[n - 1]), None)

    def _filled(self, text: str, at: datetime) -> str:
        def fill(match: re.Match[str]) -> str:
            blank: str = match[1]
            if blank in _TIMES:
                told = at.astimezone(UTC).strftime(_TIMES[blank])
                return f"{told}.{at.microsecond // 1000:03}Z" if blank == "time" else told
            if span := _RANGE.fullmatch(blank):
                return str(self._random.randint(int(span[1]), int(span[2])))
            if digits := _HEX.fullmatch(blank):
                return f"{self._random.getrandbits(4 * int(digits[1])):0{digits[1]}x}"
            return self._random.choice(blank.split("|"))

        return _BLANK.sub(fill, text)


def _append(lines: dict[Path, list[str]]) -> None:
    for path, texts in lines.items():
        if texts:
            with path.open("a", encoding="utf-8", newline="") as file:
                file.write("".join(f"{text}\n" for text in texts))


# ── playing it ──────────────────────────────────────────────────────────────────────────────────────────


class Drill:
    """A script being played in ``room``, its logs in ``folder``, by ``clock`` (the one the room goes by).

    The incident it plays around is the first that is declared as a drill after it started; real incidents
    beside it are left alone. Declare with ``drill=True`` while ``running``.
    """

    def __init__(self, room: WarRoom, script: Script, folder: Path, clock: ScaledClock) -> None:
        self.room = room
        self.script = script
        self.folder = folder
        self.clock = clock
        self.incident_id = ""
        """The drill's incident, once it is declared."""
        self.trouble: Exception | None = None
        """Why the drill cannot go on just now (the disk, say); None while all is well."""
        self._logs: _Logs | None = None
        self._marks: dict[Mark, datetime] = {}
        self._stages: list[Stage] = []
        self._injects: list[AlertInject | ChatInject] = []
        self._acts: list[AnyAct] = []
        self._seen = -1
        self._wake = room.wake_on_change()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def logs(self) -> tuple[Path, ...]:
        """The log files, in the order of the script."""
        return tuple(self.folder / file for file in self.script.logs.values())

    @property
    def running(self) -> bool:
        """Whether it has started and not ended."""
        return bool(self._marks) and not self._over.is_set()

    def start(self) -> None:
        """Play what happens around the people, in a thread of its own, from the beginning.

        It ends with ``stop``, some time after its incident is resolved, or if nobody heeds it. WarroomError if
        its logs cannot be written. What goes wrong later is ``trouble``, and is tried again.
        """
        self._begin()
        self._thread = threading.Thread(target=self._keep_playing, name="drill", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End it. Its alerts that nobody took are set aside; its incident and logs stay."""
        self._over.set()
        self._wake.set()
        if self._thread:
            self._thread.join(3.0)
        self._clear_away()

    def play(self, say: Callable[[str], None]) -> str:
        """Play everything, the responder's acts too, to the end; the incident's id.

        ``say`` is told each thing as it happens, a line each. Raises what a refused act, the journal or the
        disk raises.
        """
        self._begin()
        self._acts = list(self.script.acts)
        told = _Told(self, say)
        while (self._acts or self._injects) and not self._over.is_set():
            self._wake.clear()
            due = self._advance(told)
            if due is None:
                break  # what is left waits for something that will not happen
            self.clock.wait(self._over, due)
        self._over.set()
        return self.incident_id

    # ── within ──────────────────────────────────────────────────────────────────────────────────────────

    def _begin(self) -> None:
        now = self.clock()
        history = now - timedelta(seconds=self.script.history)
        self.incident_id, self.trouble, self._seen = "", None, -1
        first, *self._stages = self.script.stages
        self._injects = [*self.script.alerts, *self.script.chat]
        try:
            self._logs = _Logs(self.script, self.folder, history)
            self._logs.turn(first, history)
            self._logs.write(now)
        except OSError as error:
            reason = (error.strerror or "unknown reason").lower()
            raise WarroomError(f"The drill's logs cannot be written: {reason}", f"Check {self.folder}.") from error
        self._marks = {"start": now}
        self._over.clear()

    def _keep_playing(self) -> None:
        while not self._over.is_set():
            self._wake.clear()
            due: datetime | None = None
            try:
                due = self._advance(None)
                self.trouble = None
            except (WarroomError, OSError) as error:
                self.trouble = error
            if self._has_ended():
                self._over.set()
                self._clear_away()
                return
            self.clock.wait(self._wake, due or datetime.max.replace(tzinfo=UTC), LOOK_S)
            self._over.wait(PACE_S)

    def _has_ended(self) -> bool:
        now, resolved = self.clock(), self._marks.get("resolved")
        if "declared" not in self._marks:
            return now >= self._marks["start"] + UNHEEDED
        return resolved is not None and now >= resolved + AFTERWARDS

    def _clear_away(self) -> None:
        """Set aside the alerts that nobody took."""
        try:
            for seq, alert in self.room.team().alerts.items():
                if alert.event.drill:
                    self.room.set_alert_aside(seq)
        except WarroomError as error:  # an alert left waiting can be set aside by hand
            self.trouble = error

    def _advance(self, told: _Told | None) -> datetime | None:
        """Do all that is due by now, in its order; when the next thing is due, as far as that is known."""
        assert self._logs
        now = self.clock()
        self._look()
        while True:
            waiting: list[tuple[datetime, Cue]] = sorted(
                (*self._waiting(self._stages), *self._waiting(self._injects), *self._waiting(self._acts)),
                key=lambda pair: pair[0],
            )
            if not waiting or waiting[0][0] > now:
                break
            due, cue = waiting[0]
            if isinstance(cue, Stage):
                # A stage that was passed over (the fix came before the failure) is not played any more.
                del self._stages[: self._stages.index(cue) + 1]
                self._logs.turn(cue, due)
            elif isinstance(cue, AlertInject | ChatInject):
                self._logs.write(due)
                self._inject(cue)
                self._injects.remove(cue)
            else:
                self._logs.write(due)
                self._act(cue)  # type: ignore[arg-type]
                self._acts.remove(cue)  # type: ignore[arg-type]
            self._look()
            if told:
                told.all_that_is_new()
        self._logs.write(now)
        times = [waiting[0][0]] if waiting else []
        if told is None and self._logs.next:
            times.append(self._logs.next)
        return min(times, default=None)

    def _waiting(self, cues: Iterable[C]) -> Iterator[tuple[datetime, C]]:
        for cue in cues:
            mark = self._marks.get(cue.after)
            if mark:
                yield mark + timedelta(seconds=cue.at), cue

    def _look(self) -> None:
        """Learn what people have done, where the journal has changed."""
        count = self.room.change_count()
        if count == self._seen:
            return
        if not self.incident_id:
            for summary in self.room.summaries():
                if summary.drill and summary.milestones["declared"] >= self._marks["start"]:
                    self.incident_id = summary.id
        if self.incident_id:
            incident = self.room.incident(self.incident_id)
            self._marks["declared"] = incident.milestones["declared"]
            if incident.fixes and "fix" not in self._marks:
                row = incident.row(incident.fixes[0][0])
                self._marks["fix"] = row.entry.at if row else self.clock()
            self._marks.pop("resolved", None)  # it may have been reopened
            if "resolved" in incident.milestones:
                self._marks["resolved"] = incident.milestones["resolved"]
        self._seen = count

    def _inject(self, cue: AlertInject | ChatInject) -> None:
        if isinstance(cue, ChatInject):
            if self._incident().status != "closed":
                self.room.record_chat(self.incident_id, RecordChat(cue.who, cue.via, cue.words))
            return
        source = cue.source or "monitor"
        alert = ReceiveAlert(cue.name, source, self.script.service, cue.detail, drill=True)
        if not self.incident_id:
            self.room.receive_alert(alert)
        elif self._incident().status != "closed":
            self.room.execute(self.incident_id, alert, by="")

    def _incident(self) -> Incident:
        if not self.incident_id:
            raise NotFound("The drill's incident is not declared", "Declare it first.")
        return self.room.incident(self.incident_id)

    def _act(self, act: AnyAct) -> None:
        by = act.by or None
        if isinstance(act, Declares):
            self._declare(act)
        elif isinstance(act, Posts):
            incident = self._incident()
            self.room.post_update(
                incident.id, act.template, act.fields, approved_by=act.approved_by, seen=len(incident.posts)
            )
        elif isinstance(act, Pins):
            assert self._logs
            found = self._logs.last(act.log, act.contains)
            if found is None:
                raise NotFound(f"No line of {act.log} says {act.contains!r}", "Correct the drill's script.")
            number, text = found
            pin = Pin(self.script.logs[act.log], redact(text).text, number, comment=act.comment)
            self.room.execute(self._incident().id, pin, by=by)
        elif isinstance(act, Plans):
            day = self.clock().astimezone(self.room.zone).date() + timedelta(days=act.days)
            item = AddAction(act.words, act.owner, day.isoformat() if act.days else "")
            self.room.execute(self._incident().id, item, by=by)
        else:
            self.room.execute(self._incident().id, act.command(), by=by)

    def _declare(self, act: Declares) -> None:
        alert = next((a for a in self.room.team().alerts.values() if a.event.drill), None)
        detected = alert.event.fired_at if alert else None
        declare = Declare(
            self.script.service,
            act.impact,
            act.severity,
            started_at=(detected or self.clock()) - timedelta(seconds=act.began),
            detected_at=detected,
            drill=True,
            source=alert.event.name if alert else "",
        )
        done = self.room.declare(declare, commander=act.commander, alert=alert.seq if alert else 0)
        self.incident_id = done.incident.id


class _Told:
    """Tells, a line each, what is new in the room since last asked."""

    def __init__(self, drill: Drill, say: Callable[[str], None]) -> None:
        self._drill = drill
        self._say = say
        self._stage: Stage | None = None
        self._alerts = drill.room.team().seq
        self._seq = 0

    def all_that_is_new(self) -> None:
        """Say it, in the team's own time."""
        drill = self._drill
        stage = drill._logs.stage if drill._logs else None
        if stage and stage is not self._stage:
            self._stage = stage
            self._line(drill.clock(), "logs", "", stage.name)
        alerts = list(drill.room.team().alerts.values())
        for alert in alerts[bisect.bisect(alerts, self._alerts, key=lambda a: a.seq) :]:
            self._alerts = alert.seq
            self._line(alert.at, "alert", "", alert.event.text)
        if drill.incident_id:
            rows = drill.room.incident(drill.incident_id).rows
            for row in rows[self._seq :]:
                if row.kind == "alert" and row.at < row.entry.at:
                    continue  # the alert it was declared from, told when it came
                self._line(row.at, row.kind, row.by, row.text)
            self._seq = len(rows)

    def _line(self, at: datetime, kind: str, by: str, text: str) -> None:
        here = at.astimezone(self._drill.room.zone)
        self._say(f"{here:%H:%M:%S}  {kind:<12} {by:<14} {' '.join(text.split())}".rstrip())
