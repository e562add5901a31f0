"""Runs the commands of runbook steps: shown first, recorded before they start, their result recorded once.

Alert values and what people typed reach a command as environment variables only; they are never put into its text.
"""

from __future__ import annotations

import codecs
import os
import re
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from warroom import diagnostics
from warroom.config.paths import shown
from warroom.connect.shell import run_shell
from warroom.errors import NotFound, Refusal, WarroomError
from warroom.incident.events import AlertReceived
from warroom.incident.incident import Incident
from warroom.incident.runbook import Passage, RunbookStep
from warroom.incident.runbook_commands import EndStepRun, StartStepRun
from warroom.incident.runbook_events import RunOutcome, StepRunEnded, StepRunStarted
from warroom.room.room import WarRoom
from warroom.room.runbooks import RunbookFile, read_again
from warroom.safety import redact, sanitize
from warroom.safety.redaction import Redactor

KEPT_CHARACTERS = 16_000
"""Of the output, the last ones: shown while it runs, and kept as evidence."""

PASSED_ON = ("PATH", "HOME", "LANG")
"""Environment variables that a command gets as they are here, besides those of the settings."""

VARIABLES = (
    *("INCIDENT", "SERVICE", "SEVERITY", "STATUS", "IMPACT", "DRILL", "BY", "RUNBOOK", "STEP"),
    *("CHANNEL", "CHANNEL_URL", "ALERT", "ALERT_SOURCE", "ALERT_SEVERITY", "ALERT_DETAIL", "ALERT_URL"),
)
"""What a run is told of its incident, as far as it is known; in the names ``WARROOM_`` comes first."""

LONGEST_VALUE = 1000
MOST_LABELS = 50
_LONGEST_LINE = 4000

STOP_S = 4.0
"""How long ``stop`` waits for the running commands to end and their results to be recorded, in seconds."""


@dataclass(frozen=True, slots=True)
class PreparedRun:
    """A command exactly as it would run now: what a person sees before they agree, and nothing else runs."""

    incident_id: str
    file: RunbookFile
    step: RunbookStep
    block: int
    """Which of the step's commands, from 1."""
    command: str
    folder: Path
    variables: Mapping[str, str]
    """What warroom says of the incident, by the variables' names."""
    passed_on: tuple[str, ...]
    """The names of the variables that are passed on from here."""
    timeout_s: int

    @property
    def title(self) -> str:
        """The step, by its number and words."""
        return f"{self.step.number} {self.step.title}"


def prepare_run(room: WarRoom, incident_id: str, file: RunbookFile, step_id: str, block: int = 1) -> PreparedRun:
    """Read the runbook anew and return what a command of it would run. Runs and records nothing.

    Raises ``Refusal`` where commands may not run, ``NotFound`` where the step or its command is gone.
    """
    settings, incident = room.settings.runbooks, room.incident(incident_id)
    if not settings.run:
        raise Refusal("The settings run no commands of runbooks", "Allow it: run = true below [runbooks].")
    file, step, command = read_block(room, incident, file, step_id, block)
    if command.kind != "sh":
        raise Refusal(f"“{step.title}” starts a workflow, not a command", "Start it as one.")
    return PreparedRun(
        incident.id,
        file,
        step,
        block,
        command.text,
        file.path.parent,
        incident_variables(incident, file, step, room.by),
        tuple(dict.fromkeys((*PASSED_ON, *settings.environment))),
        settings.timeout_s,
    )


def read_block(
    room: WarRoom, incident: Incident, file: RunbookFile, step_id: str, block: int
) -> tuple[RunbookFile, RunbookStep, Passage]:
    """Read the runbook anew and return it, the step, and its command or workflow of that number, from 1.

    Raises ``Refusal`` where it may not run in this incident or cannot be trusted, ``NotFound`` where it is gone.
    """
    file = read_again(room.settings.runbooks.folders, file)
    step = file.runbook.step(step_id)
    if step is None:
        raise NotFound(f"This step is no longer in {file.runbook.title}", "The file has changed: open it again.")
    if not 1 <= block <= len(step.blocks):
        raise NotFound(f"“{step.title}” has no command to run", "A fenced block ```sh below a step is one.")
    found = step.blocks[block - 1]
    if file.shared:
        raise Refusal("This runbook cannot be trusted to run commands", file.shared)
    if sanitize(found.text) != found.text:
        raise Refusal(
            f"This {block_noun(found)} has control or invisible characters, so it is not what it looks like",
            f"Write it anew: {shown(file.path)}, line {found.line}.",
        )
    if incident.drill and not file.runbook.drills:
        raise Refusal(
            f"{incident.id} is a drill, and “{file.runbook.title}” runs nothing in drills",
            "Where its commands do no harm, write drills: true into its header.",
        )
    return file, step, found


def block_noun(block: Passage) -> str:
    """What people call a block that can be run."""
    return "workflow" if block.kind == "workflow" else "command"


def incident_variables(incident: Incident, file: RunbookFile, step: RunbookStep, by: str) -> dict[str, str]:
    """What a command is told of the incident, by the names of environment variables. Every value is one safe line.

    The alert is the incident's last one that has not been retracted; its labels are ``WARROOM_ALERT_LABEL_name``.
    """
    alerts = [row.entry.event for row in incident.rows if not row.retracted]
    alert = next((event for event in reversed(alerts) if isinstance(event, AlertReceived)), None)
    channel = next((one for one in incident.channels.values() if one.talk), None)
    values = dict.fromkeys(VARIABLES, "") | {
        "INCIDENT": incident.id,
        "SERVICE": incident.service,
        "SEVERITY": incident.severity,
        "STATUS": incident.status,
        "IMPACT": incident.impact,
        "DRILL": "true" if incident.drill else "",
        "BY": by,
        "RUNBOOK": file.name,
        "STEP": str(step.number),
        "CHANNEL": channel.name if channel else "",
        "CHANNEL_URL": channel.url if channel else "",
    }
    if alert:
        values |= {
            "ALERT": alert.name,
            "ALERT_SOURCE": alert.source,
            "ALERT_SEVERITY": alert.severity,
            "ALERT_DETAIL": alert.detail,
            "ALERT_URL": alert.url,
        }
        for label, value in list(alert.labels.items())[:MOST_LABELS]:
            values.setdefault(f"ALERT_LABEL_{re.sub(r'[^A-Za-z0-9_]', '_', label)[:80]}", value)
    safe = {name: redact(sanitize(value, newlines=False), personal=False).text for name, value in values.items()}
    return {f"WARROOM_{name}": value.replace("\t", " ")[:LONGEST_VALUE] for name, value in safe.items() if value}


class RunOutput:
    """The end of what a command prints, redacted line by line. Written by one thread, read by any."""

    def __init__(self, *, most: int = KEPT_CHARACTERS) -> None:
        self._most = most
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._redactor = Redactor()
        self._rest = ""
        self._lines: deque[str] = deque()
        self._size = 0
        self._lock = threading.Lock()
        self.left_out = 0
        """How many lines are no longer kept."""

    def feed(self, data: bytes, *, final: bool = False) -> None:
        """Take what was printed. A line shows once it is whole: half a secret would not be recognised."""
        text = self._rest + self._decode(data, final)
        *lines, self._rest = re.split(r"\r\n|\r(?=.)|\n", text, flags=re.DOTALL)
        if final and self._rest:
            lines, self._rest = [*lines, self._rest], ""
        while len(self._rest) > _LONGEST_LINE:
            lines.append(self._rest[:_LONGEST_LINE])
            self._rest = self._rest[_LONGEST_LINE:]
        for line in lines:
            self._add(self._redactor.line(line).text[:_LONGEST_LINE])

    def _add(self, line: str) -> None:
        with self._lock:
            self._lines.append(line)
            self._size += len(line) + 1
            while self._size > self._most and len(self._lines) > 1:
                self._size -= len(self._lines.popleft()) + 1
                self.left_out += 1

    def text(self) -> str:
        """What is kept, as it is now."""
        with self._lock:
            more = [f"… {self.left_out} earlier lines are left out"] if self.left_out else []
            return "\n".join([*more, *self._lines]).rstrip()


class LiveRun:
    """A command while it runs and afterwards. ``result`` and ``problem`` are set once its end is recorded."""

    def __init__(self, prepared: PreparedRun, entry: UUID) -> None:
        self.prepared = prepared
        self.entry = entry
        self.output = RunOutput()
        self.result: StepRunEnded | None = None
        """How it ended, as the timeline has it; None while it runs, or where that could not be recorded."""
        self.problem: WarroomError | None = None
        """Why its end could not be recorded."""
        self.stopping = threading.Event()
        self._finished = threading.Event()

    @property
    def running(self) -> bool:
        """Whether its end is still to come."""
        return not self._finished.is_set()

    def stop(self) -> None:
        """End the command, and all it started."""
        self.stopping.set()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for its end to be recorded; False if that takes longer than ``timeout_s`` seconds."""
        return self._finished.wait(timeout_s)

    def finish(self, result: StepRunEnded | None, problem: WarroomError | None) -> None:
        """Say how it ended."""
        self.result, self.problem = result, problem
        self._finished.set()


class RunbookRuns:
    """The commands that this process runs, each in a thread of its own. Safe to use from any thread."""

    def __init__(self, room: WarRoom, environ: Mapping[str, str] | None = None) -> None:
        self._room = room
        self._environ = os.environ if environ is None else environ
        self._runs: dict[tuple[str, str, str, int], LiveRun] = {}
        self._lock = threading.Lock()

    def running(self, incident_id: str, runbook: str, step_id: str, block: int) -> LiveRun | None:
        """The run of a command of a step that has not ended yet, if this process runs it."""
        run = self._runs.get((incident_id, runbook, step_id, block))
        return run if run and run.running else None

    def start(self, prepared: PreparedRun, ended: Callable[[LiveRun], None] = lambda run: None) -> LiveRun:
        """Run what was previewed; ``ended`` is called from its thread once its end is recorded.

        That it starts is on disk before it does. Raises as ``prepare_run``, and ``Refusal`` where the file has
        changed since the preview, or the same command runs already.
        """
        room, file, step = self._room, prepared.file, prepared.step
        now = prepare_run(room, prepared.incident_id, file, step.id, prepared.block)
        if (now.command, now.folder) != (prepared.command, prepared.folder):
            raise Refusal(
                "The runbook has changed since the preview", "Nothing ran. Look at the new command first."
            )
        start = StartStepRun(
            runbook=file.name,
            runbook_title=file.runbook.title,
            step=step.id,
            title=step.title,
            number=step.number,
            steps=len(file.runbook.steps),
            block=prepared.block,
            blocks=len(step.blocks),
            command=prepared.command,
            folder=shown(prepared.folder),
            limit_s=prepared.timeout_s + STOP_S,
            drills=file.runbook.drills,
        )
        done = room.execute(prepared.incident_id, start)
        entry = next(new.id for new in done.entries if isinstance(new.event, StepRunStarted))
        run = LiveRun(prepared, entry)
        with self._lock:
            self._runs[prepared.incident_id, file.name, step.id, prepared.block] = run
        threading.Thread(target=self._carry_out, args=(run, ended), name="runbook", daemon=True).start()
        return run

    def stop(self) -> None:
        """End every command that still runs, and record that, within ``STOP_S`` seconds."""
        with self._lock:
            left = [run for run in self._runs.values() if run.running]
        for run in left:
            run.stop()
        for run in left:
            run.wait(STOP_S)

    def _carry_out(self, run: LiveRun, ended: Callable[[LiveRun], None]) -> None:
        result: StepRunEnded | None = None
        problem: WarroomError | None = None
        try:
            result = self._run_and_record(run)
        except WarroomError as error:
            problem = error
        except Exception as error:  # noqa: BLE001 — a bug must not leave a run that never ends on the screen
            diagnostics.log_failure("runbook", error)
            problem = WarroomError("The run was lost", "warroom doctor says where the log of the program is.")
        run.finish(result, problem)
        with suppress(RuntimeError):  # the screen that waits has been left meanwhile
            ended(run)

    def _run_and_record(self, run: LiveRun) -> StepRunEnded:
        prepared = run.prepared
        outcome: RunOutcome
        try:
            end = run_shell(
                prepared.command,
                folder=prepared.folder,
                environment=self._environment(prepared),
                timeout_s=prepared.timeout_s,
                on_output=run.output.feed,
                stop=run.stopping,
            )
            outcome, status, seconds = end.outcome, end.status, end.seconds
        except (OSError, ValueError) as error:
            outcome, status, seconds = "not started", None, 0.0
            run.output.feed((getattr(error, "strerror", None) or "unknown reason").encode())
        run.output.feed(b"", final=True)
        record = EndStepRun(run.entry, outcome, status, seconds, run.output.text())
        done = self._room.execute(prepared.incident_id, record)
        return next(new.event for new in done.entries if isinstance(new.event, StepRunEnded))

    def _environment(self, prepared: PreparedRun) -> dict[str, str]:
        passed = {name: self._environ[name] for name in prepared.passed_on if name in self._environ}
        return {**passed, **prepared.variables}
