"""The review: post-mortem draft, timeline, action items, 48-hour list, sections to write. Decides nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from textwrap import wrap
from typing import ClassVar, cast
from uuid import UUID

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content

from warroom.incident import timing
from warroom.incident.advice import NextStep
from warroom.incident.events import SECTIONS, Section
from warroom.incident.incident import Incident
from warroom.incident.summary import summarise
from warroom.reports import postmortem, render, warnings
from warroom.room.snapshot import IncidentSnapshot
from warroom.tui.actions import key_of
from warroom.tui.context import ScreenContext
from warroom.tui.panes import incident_panes as panes
from warroom.tui.panes.incident_panes import Headline, Pane
from warroom.tui.screens.detail import Detail
from warroom.tui.screens.incident_screen import IncidentScreen, entry_of, section_title
from warroom.tui.screens.pane_screen import PaneScreen
from warroom.tui.widgets.bars import Bar, KeyBar
from warroom.tui.widgets.markdown_view import MarkdownView
from warroom.tui.widgets.row_list import ListRow, RowList
from warroom.tui.widgets.text import join, literal


class ReviewScreen(PaneScreen, IncidentScreen):
    """What was it, what do we learn, what is still owed. Open at any time; escape goes back."""

    PANES = ("checklist", "timeline", "draft", "actions", "sections")
    LISTS: ClassVar[Mapping[str, str]] = {**IncidentScreen.LISTS, "write": "parts"}
    CSS = """
    ReviewScreen #owed { background: $surface; padding: 0 1; }
    ReviewScreen #next { background: $surface; padding: 0 1; }
    ReviewScreen #left, ReviewScreen #right { width: 1fr; }
    ReviewScreen.-tiled #left { width: 3fr; }
    ReviewScreen.-tiled #right { width: 2fr; max-width: 76; }
    ReviewScreen.-tiled #draft { height: 3fr; }
    ReviewScreen.-tiled #timeline { height: 2fr; }
    ReviewScreen.-tiled #checklist { height: auto; min-height: 8; }
    ReviewScreen.-tiled #checklist RowList { height: 6; }
    """
    BAR: ClassVar[tuple[str, ...]] = (
        "write",
        "amend",
        "retract",
        "action_item",
        "finish_action",
        "check",
        "export",
        "close",
        "palette",
        "help",
    )

    def __init__(self, context: ScreenContext, incident_id: str, pane: str = "draft") -> None:
        super().__init__(context, incident_id)
        self.active = pane
        self._writing = False
        self._again = False

    def compose(self) -> ComposeResult:
        yield Headline(id="headline")
        yield Bar(id="owed")
        yield Bar(id="tabs")
        with Horizontal():
            with Vertical(id="left", classes="tiles"):
                yield Pane(MarkdownView(id="paper"), id="draft", title="5 Draft", private=True)
                yield Pane(RowList(id="entries"), id="timeline", title="2 Timeline", private=True)
            with Vertical(id="right", classes="tiles"):
                yield Pane(RowList(id="parts"), id="sections", title="7 To write", private=True)
                empty = "None yet. Press i to add one: what will make this less likely, or shorter?"
                yield Pane(RowList(id="todo", empty=empty), id="actions", title="6 Actions", private=True)
                yield Pane(RowList(id="items"), id="checklist", title="1 Follow-up")
        yield Bar(id="next")
        yield KeyBar()

    # ── showing ─────────────────────────────────────────────────────────────────────────────────────────

    def show_snapshot(self, snapshot: IncidentSnapshot) -> None:
        incident, now, zone = snapshot.incident, self.context.now(), self.context.zone
        self.query_one("#entries", RowList).show(panes.timeline_rows(incident, snapshot.deliveries, zone, now))
        struck = sum(row.retracted for row in incident.rows)
        self.pane("timeline").show_title(Content(f"2 Timeline  {len(incident.rows) - struck}"))
        self._show_sections(incident)
        self._show_actions(incident, now)
        self._show_list(incident)
        self._write()
        self.tick()

    def on_resize(self, event: events.Resize) -> None:
        if self.snapshot:  # hints are broken by the width of their pane, which is known once it is laid out
            self.call_after_refresh(self._show_sections, self.incident)
        self.tick()

    def _write(self) -> None:
        """Write the draft anew, off the loop; what changes meanwhile is written once this one is done."""
        self._again = self._writing
        if not self._writing:
            self._writing = True
            self.start(self._draft)

    async def _draft(self) -> None:
        playbook = self.context.room.playbook
        try:
            text = await self.context.run_or_notify(lambda: render.to_markdown(self.post_mortem(), playbook))
        finally:
            self._writing = False
        if text is not None and self.is_attached:
            self.query_one("#paper", MarkdownView).show(text)
        if self._again:
            self._write()

    def _show_sections(self, incident: Incident) -> None:
        names = warnings.names_in(incident)
        parts = self.query_one("#parts", RowList)
        rows: list[ListRow] = []
        for name in SECTIONS:
            words = incident.sections.get(name, "")
            if name in incident.unwritten:
                todo = Content.assemble("○ ", literal(section_title(name), "bold"))
                rows.append(ListRow(name, todo, literal("to write")))
                continue
            done = Content.assemble(("✓ ", "$text-success bold"), literal(section_title(name), "$text-quiet"))
            hints = postmortem.find_blame(words, names)
            said = literal(f"! {len(hints)} to rephrase", "$text-warning") if hints else None
            rows.append(ListRow(name, done, said or (None if words else literal("left empty", "$text-quiet"))))
            for n, hint in enumerate(hints):
                lines = wrap(hint, max(20, parts.content_size.width - 5)) or [hint]
                rows += [
                    ListRow(f"{name}:{n}.{m}", literal(("  ! " if m == 0 else "    ") + line, "$text-warning"))
                    for m, line in enumerate(lines)
                ]
        parts.show(rows)
        written = len(SECTIONS) - len(incident.unwritten)
        self.pane("sections").show_title(Content(f"7 To write  {written}/{len(SECTIONS)}"))

    def _show_actions(self, incident: Incident, now: datetime) -> None:
        today = now.astimezone(self.context.zone).date().isoformat()
        rows: list[ListRow] = []
        for item in sorted(incident.actions.values(), key=lambda item: item.done_at is not None):
            done = item.done_at is not None
            late = not done and bool(item.due) and item.due < today
            glyph = ("✓ ", "$text-success bold") if done else ("! ", "$text-error bold") if late else "○ "
            words = Content.assemble(glyph, literal(f"{item.id} {item.words}", "$text-quiet" if done else ""))
            owner = literal(item.owner, "$text-quiet") if item.owner else literal("no owner", "$text-warning")
            due = (
                literal("OVERDUE", "$text-error bold")
                if late
                else literal(f"due {item.due}", "$text-quiet")
                if item.due and not done
                else None
                if done
                else literal("no date", "$text-warning")
            )
            rows.append(ListRow(item.id, words, join(owner, due, gap="  ")))
        self.query_one("#todo", RowList).show(rows)
        finished = sum(item.done_at is not None for item in incident.actions.values())
        self.pane("actions").show_title(Content(f"6 Actions  {finished}/{len(incident.actions)}"))

    def _show_list(self, incident: Incident) -> None:
        items = self.context.room.playbook.checklists["post_incident"].items
        rows = []
        for item in items:
            tick = incident.ticks.get(item.id)
            glyph = ("✓ ", "$text-success bold") if tick else ("○ ", "bold")
            words = Content.assemble(glyph, literal(item.text, "$text-quiet" if tick else ""))
            by = (
                literal(f"{tick.by} {tick.at.astimezone(self.context.zone):%d %b}", "$text-quiet") if tick else None
            )
            rows.append(ListRow(item.id, words, by))
        self.query_one("#items", RowList).show(rows)
        done = sum(item.id in incident.ticks for item in items)
        self.pane("checklist").show_title(Content(f"1 Follow-up  {done}/{len(items)}"))

    def tick(self) -> None:
        if self.snapshot is None or not self.is_attached:
            return
        incident, playbook = self.incident, self.context.room.playbook
        now, zone = self.context.now(), self.context.zone
        self.query_one(Headline).show(
            incident,
            self.snapshot.deliveries,
            playbook,
            now,
            zone,
            read_only=bool(self.context.room.read_only),
        )
        self.query_one("#owed", Bar).say(self._owed(incident, now))
        self.show_next()
        self.show_tabs()

    def _owed(self, incident: Incident, now: datetime) -> Content:
        """How the follow-up stands, in a line."""
        playbook, zone = self.context.room.playbook, self.context.zone
        took = timing.format_duration(timing.elapsed(incident, now))
        if incident.open:
            return Content.assemble(
                ("Review", "bold"), "   still open after ", took, ": the draft grows as you work"
            )
        due = summarise(incident, playbook).postmortem_due(playbook.nudges.postmortem_hours)
        if due is None:
            missing = incident.unwritten
            said = "post-mortem written" if not missing else f"root cause written, {len(missing)} sections to go"
            if "root_cause" in missing:
                said = "a drill owes no post-mortem" if incident.drill else f"{incident.id} is closed"
            state = literal(said, "$text-success bold")
        elif due < now:
            state = literal(
                f" post-mortem OVERDUE since {due.astimezone(zone):%a %d %b %H:%M} ",
                "$status-overdue-text on $status-overdue bold",
            )
        else:
            left = timing.format_duration(due - now)
            state = literal(f"post-mortem due {due.astimezone(zone):%a %d %b %H:%M}, in {left}", "$text-warning")
        return Content.assemble(("Review", "bold"), "   took ", (took, "bold"), "   ") + state

    def find_steps(self) -> Sequence[NextStep]:
        steps = list(super().find_steps())
        if steps and steps[0].action == "review":  # we are in it: what is to be done is to write, or to hand it on
            missing = self.incident.unwritten
            if steps[0].target:
                steps[0] = NextStep("write", steps[0].target, steps[0].text)
            elif missing:
                words = f"Write the section {section_title(missing[0]).lower()}"
                steps[0] = NextStep("write", missing[0], words)
            else:
                steps[0] = NextStep("export", "", "Every section is written: export it")
        return steps

    # ── where the cursor is ─────────────────────────────────────────────────────────────────────────────

    def _cursor(self, name: str) -> str:
        rows = self.query_one(f"#{name}", RowList)
        return rows.cursor_id if rows.has_focus else ""

    def target_in(self, rows: RowList) -> str:
        return rows.cursor_id.partition(":")[0]  # a hint below a section stands for the section

    def entry_under_cursor(self) -> UUID | None:
        # Only where one sees the cursor: what is struck out must be meant.
        return entry_of(self._cursor("entries"))

    def action_under_cursor(self) -> str:
        return self._cursor("todo")

    # ── doing ───────────────────────────────────────────────────────────────────────────────────────────

    async def do_review(self, section: str = "") -> None:
        self.go("sections" if section else "draft")

    async def do_pane_checklist(self) -> None:
        self.go("checklist")

    async def do_pane_timeline(self) -> None:
        self.go("timeline")

    async def do_pane_draft(self) -> None:
        self.go("draft")

    async def do_pane_actions(self) -> None:
        self.go("actions")

    async def do_pane_sections(self) -> None:
        self.go("sections")

    async def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        """Enter on a section writes it, on an item ticks it, on an entry or action shows it in full."""
        if event.rows.id == "parts":
            section, _, _ = event.row_id.partition(":")
            self.ask_section(cast(Section, section))
        elif event.rows.id == "items":
            await self.action_do("check")
        elif event.rows.id == "entries":
            self.show_entry(UUID(event.row_id))
        elif event.rows.id == "todo":
            item = self.incident.actions[event.row_id]
            state = "Done" if item.done_at else f"Open; {key_of('finish_action', self.context.keys)} finishes it"
            owner, due = item.owner or "nobody yet", item.due or "no date yet"
            self.app.push_screen(
                Detail(f"Action item {item.id}", f"{item.words}\n\nOwner  {owner}\nDue    {due}\n{state}")
            )
