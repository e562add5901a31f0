"""The war room: phase, checklist, timeline, roles, logs and the next thing to do. Lays out and handles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from warroom.incident import timing
from warroom.incident.advice import NextStep
from warroom.incident.commands import Pin
from warroom.incident.playbook import Phase, Step
from warroom.incident.presence import composing
from warroom.incident.timing import Urgency
from warroom.logs.records import Record
from warroom.room.snapshot import IncidentSnapshot
from warroom.tui.actions import LOG_ACTIONS, key_of
from warroom.tui.context import ScreenContext
from warroom.tui.panes.checklist import CHECKLIST
from warroom.tui.panes.headline import Headline
from warroom.tui.panes.logs.box import LogBox
from warroom.tui.panes.logs.pane import LogPane
from warroom.tui.panes.pane import Pane, PaneInput
from warroom.tui.panes.phase import phase_lines
from warroom.tui.panes.roles import ROLES
from warroom.tui.panes.runbook import RUNBOOK, cursor_of
from warroom.tui.panes.state import STATE
from warroom.tui.panes.timeline import TIMELINE
from warroom.tui.screens.form_dialog import Field
from warroom.tui.screens.incident_screen import entry_of
from warroom.tui.screens.line_form import LineForm
from warroom.tui.screens.pane_screen import PaneScreen
from warroom.tui.screens.record_detail import RecordScreen
from warroom.tui.screens.runbook_actions import RunbookActions
from warroom.tui.widgets import block_text
from warroom.tui.widgets.bars import Bar, KeyBar
from warroom.tui.widgets.row_list import RowList

NO_LOGS = """No log is watched. {watch} adds one.
At start-up --log FILE opens one, and --log - reads a pipe.
Logs under [[services]] in the settings open with each incident
of the service."""


class WarRoomScreen(PaneScreen, RunbookActions):
    """An incident, live. Escape goes home; the incident goes on."""

    LIST_PANES = (CHECKLIST, TIMELINE, ROLES, STATE)
    PANES = ("checklist", "timeline", "roles", "logs", "state")
    TILED_FROM = (100, 30)
    COMPACT_FROM = 22
    """Rows from which on a small screen shows strips of the checklist and the timeline above the log."""
    WIDE = 140
    """Columns from which on the state has a tile of its own, below the roles."""
    CSS = """
    WarRoomScreen #phase { height: 2; padding: 0 1; background: $surface; }
    WarRoomScreen #course { height: 2; }
    WarRoomScreen #elapsed { display: none; width: auto; margin-right: 3; }
    WarRoomScreen #upper { height: 1fr; }
    WarRoomScreen #next { padding: 0 1; background: $surface; }
    WarRoomScreen #pitfall { display: none; padding: 0 1; background: $surface; }

    WarRoomScreen.-compact #upper { display: block; layout: vertical; height: 10; }
    WarRoomScreen.-compact #checklist, WarRoomScreen.-compact #timeline { display: block; height: 5; }
    WarRoomScreen.-compact #logs { display: block; }
    WarRoomScreen.-compact #lower { display: block; }
    WarRoomScreen.-compact.-on-runbook #upper, WarRoomScreen.-compact.-on-runbook #logs { display: none; }
    WarRoomScreen.-compact.-on-side #checklist, WarRoomScreen.-compact.-on-side #timeline { display: none; }

    WarRoomScreen.-tiled #phase, WarRoomScreen.-tiled #course { height: 3; }
    WarRoomScreen.-tiled #elapsed { display: block; }
    WarRoomScreen.-tiled #checklist { width: 28%; max-width: 44; }
    WarRoomScreen.-tiled #side { width: 22%; max-width: 36; }
    WarRoomScreen.-tiled #side > Pane { display: none; }
    WarRoomScreen.-tiled #side > #roles { display: block; }
    WarRoomScreen.-tiled.-on-state #side > #roles { display: none; }
    WarRoomScreen.-tiled.-on-state #side > #state { display: block; }
    WarRoomScreen.-tiled.-broad #side { width: 27%; max-width: 48; }
    WarRoomScreen.-tiled.-broad #side > #roles { display: block; }
    WarRoomScreen.-tiled.-broad #side > #state { display: block; }
    WarRoomScreen.-tiled #logs { height: 1fr; width: 1fr; }
    WarRoomScreen.-tiled #runbook { display: none; width: 45%; max-width: 76; }
    WarRoomScreen.-tiled.-runbook #runbook { display: block; }
    """
    BAR: ClassVar[tuple[str, ...]] = (
        "update",
        "note",
        "assign",
        "check",
        "pin",
        "severity",
        "fix",
        "resolve",
        "search",
        "palette",
        "help",
    )

    PANE_BARS: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "timeline": (
            "make_finding",
            "make_decision",
            "amend",
            "timeline_all",
            "copy",
            "note",
            "update",
            "zoom",
            "palette",
            "help",
        ),
        "roles": ("assign", "hand_over", "accept", "take_all", "note", "update", "palette", "help"),
        "runbook": ("check", "run_step", "pane_runbook", "note", "update", "zoom", "palette", "help"),
        "state": (
            "hypothesis",
            "task",
            "finish_task",
            "change_made",
            "change_dropped",
            "brief",
            "note",
            "update",
            "palette",
            "help",
        ),
        "logs": (
            "search",
            "filter_in",
            "filter_out",
            "level",
            "pin",
            "follow",
            "copy",
            "note",
            "update",
            "palette",
            "help",
        ),
    }
    """The keys of a pane while it has the focus; those of the incident otherwise."""

    def __init__(self, context: ScreenContext, incident_id: str, entry: UUID | None = None) -> None:
        super().__init__(context, incident_id)
        self._wanted = entry  # where the cursor goes once the timeline is there
        self._view = context.logs.open(incident_id).view
        self._box = LogBox(self._view, empty=context.with_keys(NO_LOGS), id="log-box")
        self._watching = False
        self._elapsed = ""  # in large type
        self._spike: float | None = None  # of the errors in the log, until the log pane was opened
        self._rung: set[str] = set()
        self._looked: int | None = None  # how many entries there were when the person looked away
        self._attentive = True
        self._composing: set[tuple[str, datetime]] = set()  # who was announced
        self._step_shown: str | None = None  # the timed step that was announced last; None before the first look

    def compose(self) -> ComposeResult:
        yield Headline(id="headline")
        with Horizontal(id="phase"):
            yield Static("", id="elapsed", markup=False)
            yield Bar(id="course")
        yield Bar(id="tabs")
        with Vertical():
            with Horizontal(id="upper", classes="tiles"):
                for pane in (CHECKLIST, TIMELINE):
                    yield pane.build(self.context.keys)
                with Vertical(id="side", classes="tiles"):
                    yield ROLES.build(self.context.keys)
                    yield STATE.build(self.context.keys)
            with Horizontal(id="lower", classes="tiles"):
                key = key_of("pane_logs", self.context.keys)
                yield Pane(self._box, id="logs", title="Logs", key=key, private=True)
                yield RUNBOOK.build(self.context.keys)
        yield Bar(id="pitfall")
        yield Bar(id="next")
        yield KeyBar()

    def on_unmount(self) -> None:
        self.context.logs.close(self.incident_id)

    def on_resize(self, event: events.Resize) -> None:
        super().on_resize(event)
        self.tick()

    async def do_pane_checklist(self) -> None:
        self.go("checklist")

    async def do_pane_timeline(self) -> None:
        self.go("timeline")

    async def do_pane_roles(self) -> None:
        self.go("roles")

    async def do_pane_state(self) -> None:
        self.go("state")

    async def do_pane_logs(self) -> None:
        self.go("logs")

    def layout_classes(self) -> dict[str, bool]:
        classes = super().layout_classes()
        small = not classes["-tiled"] and not self._zoomed
        return {
            **classes,
            "-broad": self.size.width >= self.WIDE,
            "-on-state": self.active == "state",
            "-on-side": self.active in ("roles", "state"),
            "-on-runbook": self.active == "runbook",
            "-compact": small and self.size.height >= self.COMPACT_FROM,
        }

    @property
    def bar(self) -> Sequence[str]:
        return self.PANE_BARS.get(self.active, self.BAR)

    async def do_zoom(self) -> None:
        await super().do_zoom()
        for rows in self.query(RowList):  # alone on the screen there is room for whole texts
            rows.wrap(self._zoomed)

    # ── what is new ───────────────────────────────────────────────────────────────────────────────────────

    def pane_input(self, snapshot: IncidentSnapshot, width: int) -> PaneInput:
        return replace(super().pane_input(snapshot, width), looked=self._looked)

    def _note_attention(self) -> None:
        """Remember how far the person has read when they look away: at another pane, screen or window."""
        attentive = self.app.app_focus and not self.covered and self.query_one("#timeline").display
        if self._attentive and not attentive and self.snapshot:
            self._looked = len(self.incident.rows)
        self._attentive = attentive

    def on_screen_suspend(self) -> None:
        self._note_attention()

    # ── drawing ───────────────────────────────────────────────────────────────────────────────────────────

    def show_snapshot(self, snapshot: IncidentSnapshot) -> None:
        self._note_attention()
        self._announce_composing(snapshot)
        self.show_panes()
        if not self._watching:
            self._watching = True
            service = snapshot.incident.service
            self.start(self.context.run_or_notify(lambda: self.context.logs.attach(self.incident_id, service)))
            self.start(self._suggest_runbook)
        self.tick()
        if self._wanted:
            self._go_to(self._wanted)
            self._wanted = None

    def _go_to(self, entry: UUID) -> None:
        """Put the cursor on an entry of the timeline; one that has no row there is shown in full."""
        self.go("timeline")
        rows = self.query_one("#entries", RowList)
        if not rows.put_cursor(str(entry)):
            self.all_entries = True
            self.show_panes()
            if not rows.put_cursor(str(entry)):
                self.show_entry(entry)

    async def _suggest_runbook(self) -> None:
        await self.look_for_runbook()
        self.tick()

    @property
    def panes(self) -> tuple[str, ...]:
        return (*self.PANES, "runbook") if self.runbook else self.PANES

    def show_panes(self, *, each_second: bool = False) -> None:
        super().show_panes(each_second=each_second)
        self.show_runbook()

    def tick(self) -> None:
        """What depends on the time of day; each line is repainted only if it changed."""
        if self.snapshot is None or not self.is_attached:
            return
        snapshot, playbook = self.snapshot, self.context.room.playbook
        incident, now, zone = snapshot.incident, self.context.now(), self.context.zone
        width = max(20, self.size.width - 2)
        self.query_one(Headline).show(
            incident,
            snapshot.deliveries,
            playbook,
            now,
            zone,
            read_only=bool(self.context.room.read_only),
            unpaged=bool(snapshot.escalation and snapshot.escalation.problem(now)),
            video=self.context.room.settings.team.video,
            hub=snapshot.hub,
        )
        tiled = self.has_class("-tiled")
        elapsed = block_text.duration(timing.elapsed(incident, now))
        if elapsed != self._elapsed:
            self._elapsed = elapsed
            self.query_one("#elapsed", Static).update(block_text.content(elapsed, 1, "bold"))
        course = width - block_text.width(elapsed) - 3 if tiled else width
        self.query_one("#course", Bar).set_content(
            phase_lines(incident, playbook, now, zone, course, clock=not tiled)
        )
        self._note_attention()
        self.show_panes(each_second=True)
        self._announce_step()
        self.show_next()
        if self.step:
            self._ring(self.step.urgency, self.step.action)
        self.show_tabs()

    def _announce_composing(self, snapshot: IncidentSnapshot) -> None:
        """Say once that somebody else begins to write an update, so that two people do not write the same one."""
        writing = {(one.by, one.since) for one in composing(snapshot.others)}
        for by, _ in sorted(writing - self._composing):
            self.context.notify(f"{by} is composing an update")
        self._composing = writing

    def _announce_step(self) -> None:
        """Say once, without a bell, what the framework asks for when a timed step begins."""
        playbook, now = self.context.room.playbook, self.context.now()
        phase = timing.phase(self.incident, playbook, now)
        step: Step | Phase | None = timing.step(self.incident, playbook, now)
        if step is None and self.incident.open and phase.from_minute:
            step = phase  # one without timed steps is announced itself
        begun, self._step_shown = self._step_shown, step.id if step else ""
        if step and begun is not None and begun != step.id:
            asked = step.items if isinstance(step, Step) else step.summary
            items = asked if self.has_class("-tiled") else ()  # where the notification covers no log
            lines = "\n".join([f"From minute {step.from_minute}: {step.title}", *(f"· {item}" for item in items)])
            self.context.notify(lines, timeout=15)

    def find_steps(self) -> Sequence[NextStep]:
        if self.snapshot is None:
            return ()
        steps = list(self.snapshot.next_steps(self.context.now(), self._spike))
        if found := self.runbook_step():
            calm = next((place for place, step in enumerate(steps) if step.urgency == "calm"), len(steps))
            steps.insert(calm, found)
        return steps

    def lead(self) -> None:
        super().lead()
        self.lead_runbook()
        items = self.query_one("#items", RowList)
        target = self.step.target if self.step else ""
        if not any(row.id == target for row in items.shown):
            # Next is about something else: the cursor rests on the item that is to be ticked next.
            items.lead("", next((step.target for step in self.steps if step.action == "check"), ""))
        if items.cursor_id in self.incident.ticks and self.focused is not items:
            items.lead_again()

    def _ring(self, urgency: Urgency, what: str) -> None:
        """The bell, once each time something falls overdue."""
        if urgency != "overdue":
            self._rung.clear()
        elif what not in self._rung:
            self._rung.add(what)
            if self.context.room.settings.console.bell:
                self.app.bell()

    def on_log_pane_status_changed(self, event: LogPane.StatusChanged) -> None:
        self.query_one("#logs", Pane).show_detail(event.pane.title_text())

    # ── where the cursor is ───────────────────────────────────────────────────────────────────────────────

    def entry_under_cursor(self) -> UUID | None:
        return entry_of(self.query_one("#entries", RowList).cursor_id)

    # ── the log ───────────────────────────────────────────────────────────────────────────────────────────

    async def do_pin(self) -> None:
        record = self._box.pane.evidence()
        if record is None:
            self.context.notify(
                self.context.with_keys("Put the cursor on a log line first ({pane_logs})"), "warning"
            )
        else:
            await self._pin(record)

    async def _pin(self, record: Record) -> None:
        """Ask for a comment on one line, then pin."""

        async def submit(values: dict[str, str]) -> None:
            comment = values["comment"].strip()
            pin = Pin(
                record.source, record.text.strip(), record.line or 0, record.time, record.level or "", comment
            )
            done = await self.context.work(lambda: self.context.room.execute(self.incident_id, pin))
            self.took_effect(done.incident)
            self.context.notify("Pinned to the timeline")

        first = " ".join(record.text.split())[:200]
        field = Field("comment", first, hint="what it shows (optional)")
        await self.app.push_screen(LineForm(f"{self.incident_id} · pin", (field,), submit, verb="pin"))

    async def choose_row(self, event: RowList.Chosen) -> None:
        """As in every incident screen; Enter on a timeline entry also moves the log to its time."""
        if event.rows.id == "steps":  # a command is shown, a step is ticked
            cursor = cursor_of(event.row_id)
            if cursor:
                await self.action_do("run_step" if cursor.block else "check")
            return
        entry = entry_of(event.row_id) if event.rows.id == "entries" else None
        row = self.incident.row(entry) if entry else None
        if row is None or not self._box.pane.go_to_moment(row.at):
            await super().choose_row(event)
        elif not self.query_one("#logs").display:
            self.go("logs")

    def go(self, name: str = "") -> None:
        super().go(name)
        if self.active == "logs":
            self._box.pane.focus()

    def on_key(self, event: events.Key) -> None:
        if self._box.takes(event) and not self._box.pane.has_focus:
            self.go("logs")

    async def action_do(self, action_id: str, target: str = "") -> None:
        copies_entry = action_id == "copy" and self.query_one("#entries").has_focus
        if action_id not in LOG_ACTIONS or copies_entry:
            await super().action_do(action_id, target)
            return
        self.go("logs")
        self._box.do(action_id)

    def on_log_pane_opened(self, event: LogPane.Opened) -> None:
        self.app.push_screen(
            RecordScreen(
                event.record, self.context.zone, pin=self._pin, revealed=event.revealed, keys=self.context.keys
            )
        )

    def on_log_pane_spike_seen(self, event: LogPane.SpikeSeen) -> None:
        self.context.notify(f"Errors in the log: {event.times:.0f}× the last hour", "warning")
        self._spike = None if self._box.pane.has_focus else event.times
        self.tick()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        super().on_descendant_focus(event)
        self.show_keys()
        if self._box.pane.has_focus:
            self._spike = None
