"""Resolve: verify the recovery, see every blocker, resolve. Decides nothing itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar
from uuid import UUID

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.timer import Timer
from textual.widgets import Input, Static

from warroom.errors import Refusal, WarroomError
from warroom.incident import timing
from warroom.incident.advice import NextStep
from warroom.incident.commands import Resolve, resolve_blockers
from warroom.reports import messages
from warroom.room.snapshot import IncidentSnapshot
from warroom.tui.actions import key_of
from warroom.tui.context import ScreenContext
from warroom.tui.panes.headline import Headline
from warroom.tui.panes.pane import Pane
from warroom.tui.panes.timeline import TIMELINE
from warroom.tui.screens.confirm import Confirm
from warroom.tui.screens.form_dialog import FieldInput
from warroom.tui.screens.form_screen import Draft
from warroom.tui.screens.incident_actions import IncidentActions
from warroom.tui.screens.incident_screen import entry_of
from warroom.tui.widgets.bars import Bar, Key, KeyBar
from warroom.tui.widgets.row_list import ListRow, RowList
from warroom.tui.widgets.text import block, join, literal, shown_reading

FORM = "resolve"
"""The name the reason's draft is kept under."""

KEEP_AFTER_S = 0.5
"""How long after the last letter the half-written reason is kept on disk."""

WIDE, HIGH = 120, 30
"""Columns and rows from which on the blockers are beside the list, and the timeline below them."""


class ResolveScreen(IncidentActions):
    """The last check before the incident is resolved.

    Ctrl+s resolves; while there are blockers it needs a reason, which the timeline keeps.
    """

    CSS = """
    ResolveScreen #about { background: $surface; padding: 0 1; }
    ResolveScreen #body { layout: vertical; height: 1fr; }
    ResolveScreen #verify { height: 1fr; min-height: 5; }
    ResolveScreen #way { height: auto; max-height: 50%; }
    ResolveScreen #way Static { height: auto; }
    ResolveScreen #over { height: auto; display: none; background: $surface; padding: 0 1; }
    ResolveScreen.-blocked #over { display: block; }
    ResolveScreen #over .label { color: $text-quiet; height: 1; }
    ResolveScreen #reason { border: none; height: 1; padding: 0; background: $panel; }
    ResolveScreen #reason:focus { background: $background; }
    ResolveScreen #problem { height: auto; color: $text-error; padding: 0 1; display: none; }
    ResolveScreen #next { background: $surface; padding: 0 1; }
    ResolveScreen #timeline { display: none; }
    ResolveScreen.-wide #body { layout: horizontal; }
    ResolveScreen.-wide #timeline { display: block; height: 1fr; }
    ResolveScreen.-wide #verify { width: 3fr; height: 1fr; }
    ResolveScreen.-wide #way { width: 2fr; height: 1fr; max-height: 100%; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+s", "send", "Resolve", show=False, priority=True)]
    BAR: ClassVar[tuple[str, ...]] = ("check", "fix", "note", "palette", "help")

    LIST_PANES = (TIMELINE,)

    def __init__(self, context: ScreenContext, incident_id: str) -> None:
        super().__init__(context, incident_id)
        self._busy = False
        self._draft = Draft(context, incident_id, FORM)
        self._keeping: Timer | None = None
        self._height: int | str = ""

    @property
    def loaded(self) -> bool:
        return super().loaded and not self._busy

    def compose(self) -> ComposeResult:
        yield Headline(id="headline")
        yield Bar(id="about")
        with Horizontal(id="body"):
            key, recovery = (
                key_of("pane_checklist", self.context.keys),
                self.context.room.playbook.checklists["recovery"],
            )
            yield Pane(RowList(id="items"), id="verify", title=recovery.title, key=key, private=True)
            yield Pane(Static("", id="blockers", markup=False), id="way", title="Blockers")
        with Vertical(id="over"):
            label = "Resolve anyway — reason (recorded in the timeline and the post-mortem)"
            yield Static(Content(label), classes="label")
            hint = "fraud checks stay off until Monday; agreed with support"
            yield FieldInput(id="reason", placeholder=hint, select_on_focus=False)
        yield Static("", id="problem", markup=False)
        # Where there is room: what has happened since the fix, to judge by whether it held.
        yield TIMELINE.build(self.context.keys)
        yield Bar(id="next")
        yield KeyBar()

    def on_mount(self) -> None:
        self.query_one("#items", RowList).focus()
        self.start(self._bring_draft)

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width >= WIDE and event.size.height >= HIGH, "-wide")
        self.tick()

    # ── drawing ───────────────────────────────────────────────────────────────────────────────────────────

    def show_snapshot(self, snapshot: IncidentSnapshot) -> None:
        self.show_panes()
        self.tick()

    def show_keys(self, first: tuple[Key, ...] = ()) -> None:
        open_ = self.subject is None or self.subject.open
        super().show_keys((Key("^s", "resolve", "send", on=open_), Key("tab", "reason", "app.focus_next")))

    def tick(self) -> None:
        if self.snapshot is None or not self.is_attached:
            return
        incident, playbook = self.incident, self.context.room.playbook
        now, zone, width = self.context.now(), self.context.zone, max(20, self.size.width - 2)
        self.query_one(Headline).show(
            incident,
            self.snapshot.deliveries,
            playbook,
            now,
            zone,
            read_only=bool(self.context.room.read_only),
        )
        running = timing.format_duration(timing.elapsed(incident, now))
        about = Content.assemble(
            ("Resolve", "bold"), "   running for " if incident.open else "   took ", (running, "bold"), "   "
        )
        self.query_one("#about", Bar).set_content(
            (about + literal(messages.impact_line(incident))).truncate(width, ellipsis=True)
        )
        checklist = playbook.checklists["recovery"]
        wide = self.has_class("-wide")
        rows = self._rows(width * 3 // 5 if wide else width)
        self.query_one("#items", RowList).show(rows)
        done = sum(item.id in incident.ticks for item in checklist.items)
        self.query_one("#verify", Pane).show_detail(f"{done}/{len(checklist.items)}")
        blockers = resolve_blockers(incident, playbook, self._against()) if incident.open else ()
        self.set_class(bool(blockers), "-blocked")
        # If there is room, the question is right below what it is about, not at the far end.
        least = min(max(len(rows), len(blockers)) + 2, self.size.height - 8)
        height: int | str = least if wide else "1fr"
        if height != self._height:  # setting it lays the whole screen out
            self.query_one("#body").styles.height = self._height = height
        self._show_blockers(blockers)
        self.show_next()
        down = self.has_class("-privacy")
        for pane in self.query(Pane):
            pane.set_privacy(down)

    def _rows(self, width: int) -> list[ListRow]:
        """The recovery list, each item with what is known about it now; below it the fixes."""
        incident, zone = self.incident, self.context.zone
        rows: list[ListRow] = []
        checklist = self.context.room.playbook.checklists["recovery"]
        for item in checklist.items:
            tick, reading = incident.ticks.get(item.id), self.evidence(item.id)
            against = reading is not None and reading.against
            glyph = ("✓ ", f"{'$text-warning' if against else '$text-success'} bold") if tick else ("○ ", "bold")
            by = f"{tick.by} {tick.at.astimezone(zone):%H:%M}".strip() if tick else ""
            # The item is read first: what is known gets the room that is left.
            space = max(8, width - len(item.text) - len(by) - 12)
            known = shown_reading(reading).truncate(space, ellipsis=True) if reading else None
            tail = join(known, literal(by, "$text-quiet") if by else None, gap="  ")
            words = Content.assemble(glyph, literal(item.text, "$text-quiet" if tick else ""))
            rows.append(ListRow(item.id, words, tail or None))
        assert self.snapshot is not None
        others = self.measured(self.snapshot).other_readings(checklist.items, self.context.now())
        if others:
            rows.append(ListRow("", literal("Also measured", "$text-primary bold")))
            for name, reading in others:
                space = max(8, width - len(name) - 12)
                rows.append(
                    ListRow("", literal(f"  {name}"), shown_reading(reading).truncate(space, ellipsis=True))
                )
        rows.append(ListRow("", literal("Fixes", "$text-primary bold")))
        if not incident.fixes:
            key = Content.styled(f"[{key_of('fix', self.context.keys)}]", "$key bold")
            rows.append(ListRow("fix", Content.assemble(("○ ", "bold"), "No fix recorded yet"), key))
        for entry, fix in incident.fixes:
            row = incident.row(entry)
            at = literal(f"{row.at.astimezone(zone):%H:%M}" if row else "", "$text-quiet")
            words = Content.assemble(("✓ ", "$text-success bold"), literal(row.text if row else fix.text))
            rows.append(ListRow(f"fix:{entry}", words, at))
        return rows

    def _show_blockers(self, blockers: tuple[str, ...]) -> None:
        if not self.incident.open:
            content = literal(f"{self.incident.id} is already {self.incident.status}.", "$text-success bold")
        elif blockers:
            content = Content("\n").join([literal(f"· {words}") for words in blockers])
        else:
            content = Content.styled("All clear — ^s resolves", "$text-success bold")
        self.query_one("#way", Pane).show_detail(str(len(blockers)))
        static = self.query_one("#blockers", Static)
        shown = static.content
        if not (isinstance(shown, Content) and shown.is_same(content)):
            static.update(content)

    def find_steps(self) -> Sequence[NextStep]:
        if self.snapshot is None:
            return ()
        if not self.incident.open:
            return (NextStep("back", "", "Go back to the war room"),)
        items, against = self.context.room.playbook.checklists["recovery"].items, self._against()
        left = [item for item in items if item.id not in self.incident.ticks]
        left.sort(key=lambda item: item.id in against)  # what does not hold is not to be ticked yet
        steps = [
            NextStep(
                "check",
                item.id,
                f"Not yet: {item.text} — {against[item.id]}" if item.id in against else f"Verify: {item.text}",
            )
            for item in left
        ]
        if not self.incident.fixes:
            return (NextStep("fix", "", "Record the fix"), *steps)
        if not steps and against:
            return (NextStep("reason", "", "Check what does not hold, or give a reason"),)
        return steps or (NextStep("send", "", "Everything is verified: resolve"),)

    def lead(self) -> None:
        unverified = next((step.target for step in self.steps if step.action == "check"), "")
        marked = "fix" if self.step and self.step.action == "fix" else unverified
        self.query_one("#items", RowList).lead(marked, unverified)

    def own_key(self, step: NextStep) -> str:
        if step.action == "reason":
            here = self.focused.id if self.focused else ""
            return {"reason": "^s", "items": "tab"}.get(here or "", "")
        return {"back": "esc", "send": "^s"}.get(step.action) or super().own_key(step)

    def before(self, step: NextStep) -> Confirm | None:
        if step.action != "send":
            return super().before(step)
        return Confirm(f"{self.incident_id} · resolve", step.text, yes="Yes, resolve it", no="No, not yet")

    async def act(self, step: NextStep) -> None:
        if step.action == "send":
            self.action_send()
        elif step.action == "reason":
            self.query_one("#reason", FieldInput).focus()
        elif step.action == "back":
            await self.action_back()
        else:
            await super().act(step)

    # ── where the cursor is ───────────────────────────────────────────────────────────────────────────────

    def _against(self) -> dict[str, str]:
        """The evidence against recovery items now, by item."""
        items = self.context.room.playbook.checklists["recovery"].items
        readings = {item.id: self.evidence(item.id) for item in items}
        return {id_: reading.text for id_, reading in readings.items() if reading and reading.against}

    def target_in(self, rows: RowList) -> str:
        items = self.context.room.playbook.checklists["recovery"].items
        return rows.cursor_id if any(item.id == rows.cursor_id for item in items) else ""

    def entry_under_cursor(self) -> UUID | None:
        entries = self.query_one("#entries", RowList)
        return entry_of(entries.cursor_id) if entries.has_focus else None

    async def do_pane_checklist(self) -> None:
        self.query_one("#items", RowList).focus()

    async def do_pane_timeline(self) -> None:
        self.query_one("#entries", RowList).focus()

    async def choose_row(self, event: RowList.Chosen) -> None:
        """Enter on an item ticks it, on a fix shows it in full."""
        if event.row_id == "fix":
            await self.action_do("fix")
        elif event.rows.id == "entries":
            self.show_entry(UUID(event.row_id))
        elif event.row_id.startswith("fix:"):
            self.show_entry(UUID(event.row_id.removeprefix("fix:")))
        else:
            await self.action_do("check")

    # ── resolving ─────────────────────────────────────────────────────────────────────────────────────────

    async def do_resolve(self, item: str = "") -> None:
        """The key that opened this screen does not end the incident; it goes to what is still needed."""
        if self.has_class("-blocked"):
            self.query_one("#reason", FieldInput).focus()
        else:
            self.context.notify("All clear — ^s resolves")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.action_send()

    def action_send(self) -> None:
        """Resolve; if that is refused the reason is shown here, and nothing that was typed is lost."""
        if not self._busy and self.snapshot is not None:
            self._busy = True
            self.start(self._send)

    async def _send(self) -> None:
        room, incident_id = self.context.room, self.incident_id
        reason = self.query_one("#reason", FieldInput).value
        try:
            resolve = Resolve(reason, self._against())
            await self.context.work(lambda: room.execute(incident_id, resolve))
        except WarroomError as error:
            self._complain(error)
        else:
            self._stop_keeping()
            await self._draft.forget()
            self.context.notify(f"{incident_id} is resolved")
            if self.app.screen is self:  # who was quick may have opened another one meanwhile
                self.dismiss()
        finally:
            self._busy = False

    def _complain(self, error: WarroomError) -> None:
        problem = self.query_one("#problem", Static)
        remedy = error.remedy
        if isinstance(error, Refusal) and error.blockers:
            self.query_one("#reason", FieldInput).focus()  # the blockers are shown above already
        problem.update(block(f"✗ {error.title}. {remedy}"))
        problem.display = True

    # ── the draft ─────────────────────────────────────────────────────────────────────────────────────────

    async def _bring_draft(self) -> None:
        text = await self._draft.load_text()
        field = self.query_one("#reason", FieldInput)
        if text and not field.value:
            field.value = text

    def on_input_changed(self, event: Input.Changed) -> None:
        self.query_one("#problem", Static).display = False
        self._stop_keeping()
        self._keeping = self.set_timer(KEEP_AFTER_S, self._keep)

    def _keep(self) -> None:
        if self._draft.put_text(self.query_one("#reason", FieldInput).value):
            self.start(self._draft.save)

    async def let_go(self) -> WarroomError | None:
        """Save the half-written reason before this screen is left; why it has to stay if that fails."""
        if not self._keeping or self._busy:
            return None
        self._stop_keeping()
        self._draft.put_text(self.query_one("#reason", FieldInput).value)
        why = await self._draft.let_go()
        if why:
            self._keeping = self.set_timer(KEEP_AFTER_S, self._keep)
            self._complain(why)
        return why

    def _stop_keeping(self) -> None:
        if self._keeping:
            self._keeping.stop()
            self._keeping = None

    async def action_back(self) -> None:
        if not await self.let_go():
            await super().action_back()
