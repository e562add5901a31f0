"""Plays a drill: a scripted incident on its own clock, against the same WarRoom as a real one.

With people at the console, the player provides what happens around them — logs, alerts, chat, hints, answers — and
waits for them: the chat for their declaration, the recovery for a fix that helps. Without people it also plays the
script's ``responder`` steps, up to the post-mortem.
"""

from __future__ import annotations

import asyncio
import bisect
import platform
import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from warroom.drill.clock import ScaledClock
from warroom.drill.lock import DrillLock
from warroom.drill.script import (
    ActionItemStep,
    AlertInject,
    Anchor,
    ChatInject,
    CommandStep,
    Condition,
    Cue,
    DeclareStep,
    HintInject,
    LogStage,
    PinStep,
    ResponderStep,
    Script,
    UpdateStep,
)
from warroom.drill.teammates import ScriptedReply, Teammates
from warroom.drill.writer import LogWriter
from warroom.errors import NotFound, WarroomError
from warroom.incident.alerts import ReceiveAlert
from warroom.incident.commands import AddAction, Declare, Pin
from warroom.incident.drill_events import DrillOutcome, DrillStarted, Remedy
from warroom.incident.drills import (
    EndDrill,
    FinishDrillTask,
    GiveHint,
    SayInDrill,
    StartDrill,
    drill_ended,
    drill_started,
    find_remedy,
)
from warroom.incident.events import AlertReceived
from warroom.incident.incident import Incident
from warroom.room.jobs import JobRunner, Wakeup
from warroom.room.room import WarRoom
from warroom.safety import redact

MIN_PAUSE_S = 0.05
"""The shortest pause between two rounds, in real seconds: a fast clock writes more in a round, not more often."""

MAX_PAUSE_S = 1.0
"""The longest pause, in real seconds: what another process recorded (a fix, say) is noticed by then."""

RUN_ON = timedelta(minutes=10)
"""How long a drill continues once its incident is resolved, unless its script says otherwise (``ends``).

Whatever is declared after that is real."""

DECLARE_TIMEOUT = timedelta(hours=1)
"""How long a drill waits for a declaration."""

STOP_S = 3.0
"""How long stopping waits for the round that is being played, in real seconds."""

C = TypeVar("C", bound=Cue)


class DrillPlayer:
    """Plays ``script`` in ``room`` by ``clock`` (the room's own), with the log files in ``folder``.

    The incident it plays around is the first one declared as a drill after it started. It does not touch real
    incidents. Declare with ``drill=True`` while ``running``. ``name`` is what history calls the script. The times
    of the script are divided by ``pace``, so that a drill among real incidents can run faster than their clock.
    """

    def __init__(
        self,
        room: WarRoom,
        script: Script,
        folder: Path,
        clock: ScaledClock,
        jobs: JobRunner | None = None,
        *,
        name: str = "",
        pace: float = 1.0,
    ) -> None:
        self.room = room
        self.script = script
        self.folder = folder
        self.clock = clock
        self.pace = pace
        self.incident_id = ""
        """The drill's incident; "" until it is declared."""
        self.problem: WarroomError | None = None
        """Why the drill is stuck at the moment (a full disk, say); None while it runs."""
        self._writer: LogWriter | None = None
        self._anchors: dict[Anchor, datetime] = {}
        self._fixes: dict[str, datetime] = {}
        self._stages: list[LogStage] = []
        self._injects: list[AlertInject | ChatInject | HintInject] = []
        self._steps: list[ResponderStep] = []
        self._replies: list[ScriptedReply] = []
        self._teammates = Teammates(script, pace)
        self._follows = False
        self._last_round = clock()
        self._lock = DrillLock(folder)
        self._started = DrillStarted(
            script=name,
            title=script.title,
            machine=platform.node(),
            pace=pace,
            service=script.service,
            severity=script.severity,
            cause=script.cause,
            cause_match=script.cause_match,
            remedies=tuple(Remedy(**remedy.model_dump()) for remedy in script.remedies),
        )
        self._seen_change = -1
        self._jobs = jobs or JobRunner()
        self._wakeup = Wakeup()
        room.on_change(self._wakeup.set)
        self._ended = threading.Event()
        self._playing: _Playing | None = None

    @property
    def logs(self) -> tuple[Path, ...]:
        """The log files, in the order of the script."""
        return tuple(self.folder / file for file in self.script.logs.values())

    @property
    def running(self) -> bool:
        """Whether it has started and not ended."""
        return bool(self._anchors) and not self._ended.is_set()

    def logs_of(self, service: str) -> tuple[Path, ...]:
        """The log files the drill writes for ``service`` while it runs."""
        return self.logs if self.running and service == self.script.service else ()

    @property
    def awaits_declaration(self) -> bool:
        """Whether it runs and nobody has declared its incident yet."""
        return self.running and "declared" not in self._anchors

    def start(self, *, at_first_alert: bool = False) -> None:
        """Play logs, alerts and chat, as a job: from the beginning, or as if its first alert were due now.

        It ends by its own rule, if no one declares, or with ``stop``. Raises ``WarroomError`` if the logs cannot be
        written or another console plays a drill. A later failure is in ``problem``, and retried.
        """
        alerts = [alert.at for alert in self.script.alerts if alert.after == "start"]
        self._lock_folder()
        try:
            self._begin(self._span(min(alerts)) if at_first_alert and alerts else timedelta(0))
        except WarroomError:
            self._lock.release()
            raise
        self._playing = _Playing(self, self._ended)
        self._jobs.start(self._playing)

    def follow(self, incident: Incident) -> None:
        """Write the logs of a drill that a teammate's console plays, as a job, until it ends there; nothing else.

        Raises ``WarroomError`` as ``start``.
        """
        fired = [row.at for row in incident.rows if isinstance(row.entry.event, AlertReceived)]
        first = min((alert.at for alert in self.script.alerts if alert.after == "start"), default=0.0)
        began = min([*fired, incident.milestones["declared"]]) - self._span(first)
        self._lock_folder()
        try:
            self._follows = True
            self._begin(max(timedelta(0), self.clock() - began))
        except WarroomError:
            self._lock.release()
            raise
        self._injects, self.incident_id = [], incident.id
        self._playing = _Playing(self, self._ended)
        self._jobs.start(self._playing)

    def stop(self) -> None:
        """End it. Its unacknowledged alerts are dismissed, and an incident people still work on is closed.

        Its logs stay.
        """
        was_running = self.running and self._playing is not None
        if self._playing:
            self._jobs.end(self._playing)
            self._playing.idle.wait(STOP_S)
        self._ended.set()
        if not self._follows:
            if was_running:
                self._end("finished" if "resolved" in self._anchors else "abandoned")
            self._dismiss_alerts()
        self._lock.release()

    def _lock_folder(self) -> None:
        try:
            free = self._lock.acquire()
        except OSError as error:
            raise self._disk_error(error) from error
        if not free:
            raise WarroomError("Another console plays a drill here", "Abandon it there first, or wait for its end.")

    def play(self, report: Callable[[str], None]) -> str:
        """Play everything to the end, the responder's steps too, and return the incident's id.

        ``report`` is called with a line for each thing that happens. Raises what a refused step, the journal or the
        disk raises.
        """
        self._begin()
        self._steps = list(self.script.responder)
        reporter = _Reporter(self, report)
        while (self._steps or self._injects) and not self._ended.is_set():
            due = self._advance(reporter)
            if due is None:
                break  # the rest waits for something that will not happen
            self.clock.wait(self._ended, due)
        self._ended.set()
        return self.incident_id

    def _begin(self, skipped: timedelta = timedelta(0)) -> None:
        now = self.clock() - skipped
        history = now - timedelta(seconds=self.script.history)
        self.incident_id, self.problem, self._seen_change = "", None, -1
        first, *self._stages = self.script.stages
        self._injects = [*self.script.alerts, *self.script.chat, *self.script.hints]
        self._fixes, self._replies, self._last_round = {}, [], now
        self._teammates = Teammates(self.script, self.pace)
        try:
            self._writer = LogWriter(self.script, self.folder, history)
            self._writer.begin_stage(first, history)
            self._writer.write(now)
        except OSError as error:
            raise self._disk_error(error) from error
        self._anchors = {"start": now}
        self._ended = threading.Event()

    def play_round(self) -> datetime | None:
        """Do what is due now; when the next thing is, None if that is unknown."""
        due: datetime | None = None
        try:
            due = self._advance(None)
            self.problem = None
        except OSError as error:
            self.problem = self._disk_error(error)
        except WarroomError as error:
            self.problem = error
        if outcome := self._outcome():
            if not self._follows:
                self._end(outcome)
                self._dismiss_alerts()
            self._ended.set()
            self._lock.release()
        return due

    def _disk_error(self, error: OSError) -> WarroomError:
        reason = (error.strerror or "unknown reason").lower()
        return WarroomError(f"The drill's logs cannot be written: {reason}", f"Check {self.folder}.")

    def _span(self, seconds: float) -> timedelta:
        """A time of the script, at this drill's pace."""
        return timedelta(seconds=seconds / self.pace)

    def _outcome(self) -> DrillOutcome | None:
        """How the drill has ended by its own rule; None while it goes on."""
        if self._follows:
            incident = self._incident()
            return "finished" if drill_ended(incident) or incident.status == "closed" else None
        now, resolved, ends = self.clock(), self._anchors.get("resolved"), self.script.ends
        if "declared" not in self._anchors:
            return "abandoned" if now >= self._anchors["start"] + DECLARE_TIMEOUT else None
        if resolved is None:
            return "timed out" if now >= self._anchors["declared"] + self._span(ends.limit) else None
        return "finished" if now >= resolved + self._span(ends.after_resolved) else None

    def _end(self, outcome: DrillOutcome) -> None:
        """Record how it ended, if its incident was declared. What cannot be recorded is left for the next start."""
        if not self.incident_id:
            return
        try:
            self.room.execute(self.incident_id, EndDrill(outcome), by="")
        except WarroomError as error:
            self.problem = error

    def _dismiss_alerts(self) -> None:
        try:
            for alert in self.room.team().alerts.values():
                if alert.event.drill:
                    self.room.dismiss_alert(alert.id)
        except WarroomError as error:  # a person can still dismiss the alert
            self.problem = error

    def _advance(self, reporter: _Reporter | None) -> datetime | None:
        """Do everything due by now, in order. Return when the next thing is due, or None if that is unknown."""
        assert self._writer
        now = self.clock()
        self._read_anchors()
        while True:
            cues = (*self._stages, *self._injects, *self._steps)
            replies = ((reply.at, reply) for reply in self._replies)
            waiting: list[tuple[datetime, Cue | ScriptedReply]] = sorted(
                (*self._scheduled(cues), *replies), key=lambda pair: pair[0]
            )
            if not waiting or waiting[0][0] > now:
                break
            due, cue = waiting[0]
            if isinstance(cue, ScriptedReply):
                self._replies.remove(cue)
                self._answer(cue)
            elif cue.unless and self._holds(cue.unless, self._anchor(cue)):
                self._drop(cue)
            elif isinstance(cue, LogStage):
                # A stage that was skipped (the fix came before the failure) is not played later.
                del self._stages[: self._stages.index(cue) + 1]
                self._writer.begin_stage(cue, due)
            elif isinstance(cue, AlertInject | ChatInject | HintInject):
                self._writer.write(due)
                self._inject(cue)
                self._injects.remove(cue)
            elif isinstance(cue, ResponderStep):
                self._writer.write(due)
                self._execute(cue)
                self._steps.remove(cue)
            self._read_anchors()
            if reporter:
                reporter.report_news()
        self._writer.write(now)
        self._last_round = now
        times = [waiting[0][0]] if waiting else []
        if reporter is None and self._writer.next_due:
            times.append(self._writer.next_due)
        return min(times, default=None)

    def _scheduled(self, cues: Iterable[C]) -> Iterator[tuple[datetime, C]]:
        for cue in cues:
            anchor = self._anchor(cue)
            if anchor is None:
                continue
            due = anchor + self._span(cue.at)
            if cue.when is None:
                yield due, cue
            elif self._holds(cue.when, anchor):
                yield max(due, self._last_round), cue  # it may have become true only now

    def _anchor(self, cue: Cue) -> datetime | None:
        """What the time of the cue counts from; None if that has not happened."""
        return self._fixes.get(cue.fix) if cue.fix else self._anchors.get(cue.after)

    def _holds(self, condition: Condition, anchor: datetime | None) -> bool:
        """Whether all of a condition holds for a cue that counts from ``anchor``."""
        incident = self.room.incident(self.incident_id) if self.incident_id else None
        wanted = condition.evidence.casefold()
        pinned = [evidence.words.casefold() for _, evidence in incident.evidence] if incident else []
        service = incident.service.casefold() if incident else ""
        late = self._span(condition.late) if condition.late is not None else None
        return (
            (not condition.fix or any(fix in self._fixes for fix in condition.fix))
            and (not condition.service or condition.service.casefold() == service)
            and (not wanted or any(wanted in words for words in pinned))
            and (condition.happened is None or condition.happened in self._anchors)
            and (late is None or (anchor is not None and anchor - self._anchors["start"] > late))
        )

    def _drop(self, cue: Cue) -> None:
        """Leave out what is not to happen after all."""
        self._stages = [one for one in self._stages if one is not cue]
        self._injects = [one for one in self._injects if one is not cue]
        self._steps = [one for one in self._steps if one is not cue]

    def _read_anchors(self) -> None:
        """Find out what people have done, if the journal has changed."""
        change = self.room.change_count()
        if change == self._seen_change:
            return
        if not self.incident_id:
            for summary in self.room.summaries():
                if summary.drill and summary.milestones["declared"] >= self._anchors["start"]:
                    self.incident_id = summary.id
        if self.incident_id:
            incident = self.room.incident(self.incident_id)
            if drill_started(incident) is None and incident.status != "closed":
                incident = self.room.execute(self.incident_id, StartDrill(self._started), by="").incident
            self._read_incident(incident)
        self._seen_change = change

    def _read_incident(self, incident: Incident) -> None:
        self._anchors["declared"] = incident.milestones["declared"]
        for milestone in ("acknowledged", "mitigated", "resolved"):
            self._anchors.pop(milestone, None)  # it may have been reopened
            if milestone in incident.milestones:
                self._anchors[milestone] = incident.milestones[milestone]
        for entry, fix in incident.fixes:
            row = incident.row(entry)
            at = row.entry.at if row else self.clock()
            remedy = find_remedy(self._started, fix.words)
            if remedy:
                self._fixes.setdefault(remedy.id, at)
            helps = not self.script.remedies or (remedy is not None and remedy.effect == "helps")
            self._anchors.setdefault("fix" if helps else "wrong_fix", at)
        if not self._follows:  # where it is played, teammates answer
            self._replies += self._teammates.hear(incident)

    def _say(self, who: str, words: str, key: str, via: str) -> None:
        who = self._teammate(who)
        self.room.execute(self.incident_id, SayInDrill(who, words, key, via), by=who)

    def _answer(self, reply: ScriptedReply) -> None:
        """Have a teammate answer; a task that this was is finished with it."""
        if self._incident().status == "closed":
            return
        self._say(reply.who, reply.words, reply.key, "chat")
        if reply.task:
            self.room.execute(self.incident_id, FinishDrillTask(reply.task), by="")

    def _inject(self, cue: AlertInject | ChatInject | HintInject) -> None:
        if isinstance(cue, HintInject):
            if self._incident().open:
                number = self.script.hints.index(cue)
                self.room.execute(self.incident_id, GiveHint(number, cue.words), by="")
            return
        if isinstance(cue, ChatInject):
            if self._incident().status != "closed":
                self._say(cue.who, cue.words, f"chat {self.script.chat.index(cue)}", cue.via)
            return
        source = cue.source or "monitor"
        alert = ReceiveAlert(cue.name, source, self.script.service, cue.detail, drill=True)
        if not self.incident_id:
            self.room.receive_alert(alert)
        elif self._incident().status != "closed":
            self.room.execute(self.incident_id, alert, by="")

    def _teammate(self, who: str) -> str:
        """Return ``who``, or somebody else of the team where that is the person at the console."""
        if who != self.room.by:
            return who
        speaking = {cue.who for cue in self.script.chat}
        names = [person.name for person in self.room.settings.team.people if person.name != who]
        return next((name for name in names if name not in speaking), names[0] if names else "A teammate")

    def _incident(self) -> Incident:
        if not self.incident_id:
            raise NotFound("The drill's incident is not declared", "Declare it first.")
        return self.room.incident(self.incident_id)

    def _execute(self, step: ResponderStep) -> None:
        by = step.by or None
        if isinstance(step, DeclareStep):
            self._declare(step)
        elif isinstance(step, UpdateStep):
            incident = self._incident()
            self.room.post_update(
                incident.id, step.template, step.fields, approved_by=step.approved_by, seen=len(incident.posts)
            )
        elif isinstance(step, PinStep):
            assert self._writer
            found = self._writer.find_last(step.log, step.contains)
            if found is None:
                raise NotFound(f"No line of {step.log} contains {step.contains!r}", "Correct the drill's script.")
            number, text = found
            pin = Pin(self.script.logs[step.log], redact(text).text, number, comment=step.comment)
            self.room.execute(self._incident().id, pin, by=by)
        elif isinstance(step, ActionItemStep):
            day = self.clock().astimezone(self.room.zone).date() + timedelta(days=step.days)
            item = AddAction(step.words, step.owner, day.isoformat() if step.days else "")
            self.room.execute(self._incident().id, item, by=by)
        elif isinstance(step, CommandStep):
            self.room.execute(self._incident().id, step.command(), by=by)

    def _declare(self, step: DeclareStep) -> None:
        alert = next((a for a in self.room.team().alerts.values() if a.event.drill), None)
        detected = alert.event.fired_at if alert else None
        declare = Declare(
            self.script.service,
            step.impact,
            step.severity,
            started_at=(detected or self.clock()) - timedelta(seconds=step.started_before),
            detected_at=detected,
            drill=True,
            source=alert.event.name if alert else "",
        )
        done = self.room.declare(declare, commander=step.commander, alert=alert.id if alert else None)
        self.incident_id = done.incident.id


class _Playing:
    """One playing of a drill, as a ``Job``: round after round until ``ended`` is set."""

    name = "drill"

    def __init__(self, player: DrillPlayer, ended: threading.Event) -> None:
        self._player = player
        self._ended = ended
        self.idle = threading.Event()
        """Set while no round is being played."""
        self.idle.set()

    @property
    def problem(self) -> WarroomError | None:
        """See ``Job``."""
        return self._player.problem

    async def run(self) -> None:
        """See ``Job``."""
        player = self._player
        while not self._ended.is_set():
            self.idle.clear()
            try:
                due = await asyncio.to_thread(player.play_round)
            finally:
                self.idle.set()
            if not self._ended.is_set():
                pause = player.clock.seconds_until(due) if due else MAX_PAUSE_S
                await player._wakeup.wait(min(pause, MAX_PAUSE_S))
                await asyncio.sleep(MIN_PAUSE_S)

    def stop(self) -> None:
        """See ``Job``."""
        self._ended.set()
        self._player._wakeup.set()


class _Reporter:
    """Reports what is new in the room since the last call, a line for each entry, in the team's time zone."""

    def __init__(self, player: DrillPlayer, report: Callable[[str], None]) -> None:
        self._player = player
        self._report = report
        self._stage: LogStage | None = None
        self._last_alert = player.room.team().version
        self._rows_reported = 0

    def report_news(self) -> None:
        """Report a new stage of the logs, new alerts and new rows of the timeline."""
        player = self._player
        stage = player._writer.stage if player._writer else None
        if stage and stage is not self._stage:
            self._stage = stage
            self._line(player.clock(), "logs", "", stage.name)
        alerts = list(player.room.team().alerts.values())
        for alert in alerts[bisect.bisect(alerts, self._last_alert, key=lambda a: a.number) :]:
            self._last_alert = alert.number
            self._line(alert.at, "alert", "", alert.event.text)
        if player.incident_id:
            rows = player.room.incident(player.incident_id).rows
            for row in rows[self._rows_reported :]:
                if row.kind == "alert" and row.at < row.entry.at:
                    continue  # the alert it was declared from; reported when it fired
                self._line(row.at, row.kind, row.by, row.text)
            self._rows_reported = len(rows)

    def _line(self, at: datetime, kind: str, by: str, text: str) -> None:
        local = at.astimezone(self._player.room.zone)
        self._report(f"{local:%H:%M:%S}  {kind:<12} {by:<14} {' '.join(text.split())}".rstrip())
