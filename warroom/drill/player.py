"""Plays a drill: a scripted incident on its own clock, against the same WarRoom as a real one.

With people at the console, the player provides what happens around them — logs, alerts, chat — and waits for them:
the chat for their declaration, the recovery for their fix. Without people it also plays the script's ``responder``
steps, up to the post-mortem.
"""

from __future__ import annotations

import asyncio
import bisect
import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from warroom.drill.clock import ScaledClock
from warroom.drill.script import (
    ActionItemStep,
    AlertInject,
    Anchor,
    ChatInject,
    CommandStep,
    Cue,
    DeclareStep,
    LogStage,
    PinStep,
    ResponderStep,
    Script,
    UpdateStep,
)
from warroom.drill.writer import LogWriter
from warroom.errors import NotFound, WarroomError
from warroom.incident.alerts import ReceiveAlert
from warroom.incident.commands import AddAction, Declare, Pin, RecordChat
from warroom.incident.incident import Incident
from warroom.room.jobs import JobRunner, Wakeup
from warroom.room.room import WarRoom
from warroom.safety import redact

MIN_PAUSE_S = 0.05
"""The shortest pause between two rounds, in real seconds: a fast clock writes more in a round, not more often."""

MAX_PAUSE_S = 1.0
"""The longest pause, in real seconds: what another process recorded (a fix, say) is noticed by then."""

RUN_ON = timedelta(minutes=10)
"""How long a drill continues once its incident is resolved. Whatever is declared after that is real."""

DECLARE_TIMEOUT = timedelta(hours=1)
"""How long a drill waits for a declaration."""

STOP_S = 3.0
"""How long stopping waits for the round that is being played, in real seconds."""

C = TypeVar("C", bound=Cue)


class DrillPlayer:
    """Plays ``script`` in ``room`` by ``clock`` (the room's own), with the log files in ``folder``.

    The incident it plays around is the first one declared as a drill after it started. It does not touch real
    incidents. Declare with ``drill=True`` while ``running``.
    """

    def __init__(
        self, room: WarRoom, script: Script, folder: Path, clock: ScaledClock, jobs: JobRunner | None = None
    ) -> None:
        self.room = room
        self.script = script
        self.folder = folder
        self.clock = clock
        self.incident_id = ""
        """The drill's incident; "" until it is declared."""
        self.problem: WarroomError | None = None
        """Why the drill is stuck at the moment (a full disk, say); None while it runs."""
        self._writer: LogWriter | None = None
        self._anchors: dict[Anchor, datetime] = {}
        self._stages: list[LogStage] = []
        self._injects: list[AlertInject | ChatInject] = []
        self._steps: list[ResponderStep] = []
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

        It ends with ``stop``, ``RUN_ON`` after its incident is resolved, or if no one declares. Raises
        ``WarroomError`` if the logs cannot be written. A later failure is in ``problem``, and retried.
        """
        alerts = [alert.at for alert in self.script.alerts if alert.after == "start"]
        self._begin(timedelta(seconds=min(alerts)) if at_first_alert and alerts else timedelta(0))
        self._playing = _Playing(self, self._ended)
        self._jobs.start(self._playing)

    def stop(self) -> None:
        """End it. Its unacknowledged alerts are dismissed; its incident and logs stay."""
        if self._playing:
            self._jobs.end(self._playing)
            self._playing.idle.wait(STOP_S)
        self._ended.set()
        self._dismiss_alerts()

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
        self._injects = [*self.script.alerts, *self.script.chat]
        try:
            self._writer = LogWriter(self.script, self.folder, history)
            self._writer.begin_stage(first, history)
            self._writer.write(now)
        except OSError as error:
            reason = (error.strerror or "unknown reason").lower()
            raise WarroomError(f"The drill's logs cannot be written: {reason}", f"Check {self.folder}.") from error
        self._anchors = {"start": now}
        self._ended = threading.Event()

    def _play_round(self) -> datetime | None:
        """Do what is due now; when the next thing is, None if that is unknown."""
        due: datetime | None = None
        try:
            due = self._advance(None)
            self.problem = None
        except OSError as error:
            reason = (error.strerror or "unknown reason").lower()
            self.problem = WarroomError(f"The drill's logs cannot be written: {reason}", f"Check {self.folder}.")
        except WarroomError as error:
            self.problem = error
        if self._is_over():
            self._dismiss_alerts()
            self._ended.set()
        return due

    def _is_over(self) -> bool:
        now, resolved = self.clock(), self._anchors.get("resolved")
        if "declared" not in self._anchors:
            return now >= self._anchors["start"] + DECLARE_TIMEOUT
        return resolved is not None and now >= resolved + RUN_ON

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
            waiting: list[tuple[datetime, Cue]] = sorted(
                (*self._scheduled(self._stages), *self._scheduled(self._injects), *self._scheduled(self._steps)),
                key=lambda pair: pair[0],
            )
            if not waiting or waiting[0][0] > now:
                break
            due, cue = waiting[0]
            if isinstance(cue, LogStage):
                # A stage that was skipped (the fix came before the failure) is not played later.
                del self._stages[: self._stages.index(cue) + 1]
                self._writer.begin_stage(cue, due)
            elif isinstance(cue, AlertInject | ChatInject):
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
        times = [waiting[0][0]] if waiting else []
        if reporter is None and self._writer.next_due:
            times.append(self._writer.next_due)
        return min(times, default=None)

    def _scheduled(self, cues: Iterable[C]) -> Iterator[tuple[datetime, C]]:
        for cue in cues:
            anchor = self._anchors.get(cue.after)
            if anchor:
                yield anchor + timedelta(seconds=cue.at), cue

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
            self._anchors["declared"] = incident.milestones["declared"]
            if incident.fixes and "fix" not in self._anchors:
                row = incident.row(incident.fixes[0][0])
                self._anchors["fix"] = row.entry.at if row else self.clock()
            self._anchors.pop("resolved", None)  # it may have been reopened
            if "resolved" in incident.milestones:
                self._anchors["resolved"] = incident.milestones["resolved"]
        self._seen_change = change

    def _inject(self, cue: AlertInject | ChatInject) -> None:
        if isinstance(cue, ChatInject):
            if self._incident().status != "closed":
                chat = RecordChat(self._teammate(cue.who), cue.via, cue.words)
                self.room.record_chat(self.incident_id, chat)
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
                due = await asyncio.to_thread(player._play_round)
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
