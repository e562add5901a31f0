"""A screen about one incident: loads it, shows what changed, runs commands on it. Lays nothing out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar
from uuid import UUID

from warroom.incident.advice import NextStep
from warroom.incident.commands import (
    Command,
)
from warroom.incident.drills import drill_ended
from warroom.incident.incident import Incident
from warroom.incident.readings import ERRORS, Reading
from warroom.reports.drill_score import debrief, debrief_text
from warroom.room.snapshot import IncidentSnapshot, incident_snapshot
from warroom.tui.actions import BY_ID
from warroom.tui.context import ScreenContext
from warroom.tui.feed import Updated
from warroom.tui.panes.pane import ListPane, Pane, PaneInput
from warroom.tui.screens.confirm import Confirm
from warroom.tui.screens.detail import Detail
from warroom.tui.screens.form_dialog import Field, Form
from warroom.tui.screens.form_screen import Draft
from warroom.tui.screens.next_step_screen import NextStepScreen
from warroom.tui.widgets.row_list import RowList


class IncidentScreen(NextStepScreen):
    """A screen about one incident. Subclasses draw it in ``show_snapshot`` and return where the cursor is."""

    LIST_PANES: ClassVar[tuple[ListPane, ...]] = ()
    """The panes of rows, in the order they are filled."""
    LISTS: ClassVar[Mapping[str, str]] = {
        "check": "items",
        "not_needed": "items",
        "action_item": "items",
        "assign": "people",
        "hand_over": "people",
        "hypothesis": "investigation",
        "finish_task": "investigation",
        "change_made": "investigation",
        "change_dropped": "investigation",
    }
    """The list, by its id, whose row under the cursor an action is done to while that list has the focus."""

    def __init__(self, context: ScreenContext, incident_id: str) -> None:
        super().__init__(context)
        self.incident_id = incident_id
        self.snapshot: IncidentSnapshot | None = None
        self._debriefed = False
        self.all_entries = False
        """Whether the timeline shows more than key events."""

    # ── updates from the feed ─────────────────────────────────────────────────────────────────────────────

    def on_mount(self) -> None:
        self.context.feed.watch(self, lambda: incident_snapshot(self.context.room, self.incident_id))

    def on_unmount(self) -> None:
        self.context.feed.leave(self)

    @property
    def loaded(self) -> bool:
        return self.snapshot is not None

    def on_updated(self, event: Updated[IncidentSnapshot]) -> None:
        if self.snapshot is not None and event.value.incident.version < self.snapshot.incident.version:
            return  # read before something that is shown already; the feed is about to bring that too
        self._take(event.value)

    def _take(self, snapshot: IncidentSnapshot) -> None:
        before, self.snapshot = self.snapshot, snapshot
        if self.covered:
            return
        self._show()
        incident = snapshot.incident
        if (
            before
            and incident.drill
            and not self._debriefed
            and _is_over(incident)
            and not _is_over(before.incident)
        ):
            self._debriefed = True
            self._show_debrief(incident)

    def _show_debrief(self, incident: Incident) -> None:
        text = debrief_text(debrief(incident, self.context.room.playbook, self.context.now()))
        self.app.push_screen(Detail(f"{incident.id} · the drill is over", text))

    def on_screen_resume(self) -> None:
        if self.snapshot:
            self._show()

    def _show(self) -> None:
        assert self.snapshot is not None
        self.show_snapshot(self.snapshot)
        self.show_keys()

    def show_snapshot(self, snapshot: IncidentSnapshot) -> None:
        """Draw the incident as it is now."""
        raise NotImplementedError

    def show_panes(self, *, each_second: bool = False) -> None:
        """Fill the panes of rows; with ``each_second`` only those whose rows depend on the time of day."""
        if self.snapshot is None or not self.is_attached:
            return
        for pane in self.LIST_PANES:
            if each_second and not pane.each_second:
                continue
            rows = self.query_one(f"#{pane.list_id}", RowList)
            given = self.pane_input(self.snapshot, rows.content_size.width)
            rows.show(pane.rows(given))
            self.query_one(f"#{pane.id}", Pane).show_detail(pane.detail(given))

    def pane_input(self, snapshot: IncidentSnapshot, width: int) -> PaneInput:
        """What the rows of a pane ``width`` columns wide are made from."""
        context = self.context
        return PaneInput(
            self.measured(snapshot),
            context.now(),
            context.zone,
            context.keys,
            width,
            self.all_entries,
            by=context.room.by,
        )

    async def do_timeline_all(self) -> None:
        self.all_entries = not self.all_entries
        self.show_panes()

    async def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        # A method of its own: Textual calls the handlers of every base class as well.
        await self.choose_row(event)

    async def choose_row(self, event: RowList.Chosen) -> None:
        """Enter does the action of the pane to the row under the cursor, or shows the entry in full."""
        pane = next((pane for pane in self.LIST_PANES if pane.list_id == event.rows.id), None)
        action = pane.choose(event.row_id) if pane else ""
        if action:
            await self.action_do(action)
        elif pane and (entry := entry_of(event.row_id)):
            self.show_entry(entry)

    @property
    def subject(self) -> Incident | None:
        return self.snapshot.incident if self.snapshot else None

    @property
    def incident(self) -> Incident:
        """The incident as last loaded; actions run only once there is one."""
        assert self.snapshot is not None
        return self.snapshot.incident

    async def action_do(self, action_id: str, target: str = "") -> None:
        if self.snapshot is None and BY_ID[action_id].place == "incident":
            self.context.notify(f"{self.incident_id} is not loaded yet", "warning")
        else:
            await super().action_do(action_id, target)

    def find_steps(self) -> Sequence[NextStep]:
        if self.snapshot is None:
            return ()
        return self.snapshot.next_steps(self.context.now())

    def before(self, step: NextStep) -> Confirm | None:
        if step.action != "close" or step.target:  # a duplicate is closed by a form
            return None
        return Confirm(f"{self.incident_id} · close", step.text, yes="Yes, close it", no="No, leave it resolved")

    # ── where the cursor is; subclasses with such rows override these ─────────────────────────────────────

    def target_of(self, action_id: str) -> str:
        name = self.LISTS.get(action_id, "")
        rows = self.query_one(f"#{name}", RowList) if name and self.query(f"#{name}") else None
        if rows is None or self.focused is not rows:
            return super().target_of(action_id)
        return self.target_in(rows)

    def target_in(self, rows: RowList) -> str:
        """The target of the row under the cursor of a list; "" for nothing that can be acted on."""
        return rows.cursor_id

    def entry_under_cursor(self) -> UUID | None:
        """The timeline entry that amending and retracting act on."""
        return None

    def action_under_cursor(self) -> str:
        """The action item that finishing means."""
        return ""

    def measured(self, snapshot: IncidentSnapshot) -> IncidentSnapshot:
        """The snapshot with what this console measures at this moment."""
        live = self.context.logs.observe(self.incident_id)
        return replace(snapshot, observation=live.over(snapshot.observation)) if live else snapshot

    def evidence(self, item_id: str) -> Reading | None:
        """What is measured about a checklist item now, here or else by another console; None if nothing is."""
        if self.snapshot is None:
            return None
        reading = self.measured(self.snapshot).reading(item_id, self.context.now())
        if reading is None and self.context.room.playbook.item(item_id).probe == ERRORS:
            return Reading("no log is watched")
        return reading

    def show_entry(self, entry: UUID) -> None:
        """A timeline entry in full: when, what, and how it was first written."""
        row = self.incident.row(entry)
        if row is None:
            return
        at = f"{row.at.astimezone(self.context.zone):%Y-%m-%d %H:%M:%S %Z} ({row.at:%H:%M:%S} UTC)"
        state = "\n\nRetracted." if row.retracted else ""
        first = f"\n\nAs first written, {row.entry.at:%H:%M:%S} UTC:\n{row.original}" if row.amended else ""
        title = f"{row.number} · {row.kind} · {row.by}".rstrip(" ·")
        self.app.push_screen(Detail(title, f"{at}\n\n{row.text}{state}{first}"))

    # ── commands ───────────────────────────────────────────────────────────────────────────────────────────

    async def run_command(self, command: Command) -> bool:
        """Execute a command; show why if it is refused. True if it was executed."""
        done = await self.context.run_or_notify(lambda: self.context.room.execute(self.incident_id, command))
        if done is not None:
            self.took_effect(done.incident)
        return done is not None

    def took_effect(self, incident: Incident) -> None:
        """Show what was just done before the feed brings it: the next key must not act on what was before."""
        if self.snapshot is not None and incident.version > self.snapshot.incident.version:
            self._take(replace(self.snapshot, incident=incident))

    def ask(
        self,
        title: str,
        fields: Sequence[Field],
        command: Callable[[dict[str, str]], Command],
        *,
        verb: str = "save",
        about: str = "",
        form: str = "",
        begin: Mapping[str, str] | None = None,
    ) -> None:
        """A form whose values make a command. With ``form`` its draft survives leaving it, and a kill.

        ``begin`` is what it begins with, instead of a draft.
        """
        room, incident_id = self.context.room, self.incident_id

        async def submit(values: dict[str, str]) -> None:
            made = command(values)
            self.took_effect((await self.context.work(lambda: room.execute(incident_id, made))).incident)

        async def show() -> None:
            draft = Draft(self.context, incident_id, form) if form else None
            kept: Mapping[str, str] = await draft.load() if draft else {}
            kept = begin or kept
            await self.app.push_screen(
                Form(f"{incident_id} · {title}", fields, submit, verb=verb, about=about, draft=draft, kept=kept)
            )

        self.open(show)

    def open(self, show: Callable[[], Awaitable[None]]) -> None:
        """Run ``show``, which puts another screen on this one. Until it is there no key means a command."""

        async def opening() -> None:
            try:
                await show()
            finally:
                self.opening -= 1

        self.opening += 1
        self.start(opening)


def entry_of(row_id: str) -> UUID | None:
    """Return the entry that a row of the timeline shows; None for a row without one."""
    return UUID(row_id) if row_id else None


def _is_over(incident: Incident) -> bool:
    """Whether a drill has ended, by its own rule or because its incident is closed."""
    return incident.status == "closed" or drill_ended(incident) is not None
