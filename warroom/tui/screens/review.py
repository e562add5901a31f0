"""The review: post-mortem draft, timeline, action items, 48-hour list, sections to write. Decides nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import ClassVar, cast
from uuid import UUID

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content

from warroom.incident import timing
from warroom.incident.advice import NextStep
from warroom.incident.events import ACTION_TYPES, Section
from warroom.incident.incident import ActionItem, Incident
from warroom.incident.suggestions import AcceptSuggestion, DismissSuggestion, settled
from warroom.incident.summary import summarise
from warroom.incident.tracking import issues
from warroom.reports import render
from warroom.reports.suggestions import Suggestion
from warroom.reports.wording import GOOD_ACTION_ITEM, find_weak_points
from warroom.room.requests import takers
from warroom.room.snapshot import IncidentSnapshot
from warroom.tui.actions import Action, key_of
from warroom.tui.context import ScreenContext
from warroom.tui.panes.headline import Headline
from warroom.tui.panes.pane import Pane, PaneInput
from warroom.tui.panes.post_incident import ACTION_ITEMS, FOLLOW_UP, SECTIONS_PANE, SUGGESTION
from warroom.tui.panes.timeline import WHOLE_TIMELINE
from warroom.tui.screens.detail import Detail
from warroom.tui.screens.incident_actions import IncidentActions
from warroom.tui.screens.incident_screen import entry_of
from warroom.tui.screens.pane_screen import PaneScreen
from warroom.tui.widgets.bars import Bar, KeyBar
from warroom.tui.widgets.markdown_view import MarkdownView
from warroom.tui.widgets.row_list import RowList
from warroom.tui.widgets.text import literal, section_title


class ReviewScreen(PaneScreen, IncidentActions):
    """The review: the post-mortem, action items, what is outstanding. Open at any time; escape goes back."""

    PANES = ("checklist", "timeline", "draft", "actions", "sections")
    LISTS: ClassVar[Mapping[str, str]] = {**IncidentActions.LISTS, "write": "parts"}
    CSS = """
    ReviewScreen #outstanding { background: $surface; padding: 0 1; }
    ReviewScreen #next { background: $surface; padding: 0 1; }
    ReviewScreen #pitfall { display: none; background: $surface; padding: 0 1; }
    ReviewScreen #left, ReviewScreen #right { width: 1fr; }
    ReviewScreen.-tiled #left { width: 3fr; }
    ReviewScreen.-tiled #right { width: 2fr; max-width: 76; }
    ReviewScreen.-tiled #draft { height: 3fr; }
    ReviewScreen.-tiled #timeline { height: 2fr; }
    ReviewScreen.-tiled #sections { height: 2fr; }
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
        "track",
        "publish",
        "close",
        "calendar",
        "export",
        "palette",
        "help",
    )

    PANE_BARS: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "checklist": ("check", "action_item", "not_needed", "publish", "close", "calendar", "palette", "help"),
    }
    """What else the key bar shows while a pane is in front."""

    LIST_PANES = (WHOLE_TIMELINE, SECTIONS_PANE, ACTION_ITEMS, FOLLOW_UP)

    def __init__(self, context: ScreenContext, incident_id: str, pane: str = "draft", action: str = "") -> None:
        super().__init__(context, incident_id)
        self.active = pane
        self._wanted = action
        """The action item that the cursor begins on; "" once it is there, or if none was asked for."""
        self._writing = False
        self._again = False
        self._suggestions: Mapping[Section, Sequence[Suggestion]] = {}

    def compose(self) -> ComposeResult:
        yield Headline(id="headline")
        yield Bar(id="outstanding")
        yield Bar(id="tabs")
        with Horizontal():
            with Vertical(id="left", classes="tiles"):
                key = key_of("pane_draft", self.context.keys)
                yield Pane(MarkdownView(id="paper"), id="draft", title="Draft", key=key, private=True)
                yield WHOLE_TIMELINE.build(self.context.keys)
            with Vertical(id="right", classes="tiles"):
                for pane in (SECTIONS_PANE, ACTION_ITEMS, FOLLOW_UP):
                    yield pane.build(self.context.keys)
        yield Bar(id="pitfall")
        yield Bar(id="next")
        yield KeyBar()

    # ── drawing ───────────────────────────────────────────────────────────────────────────────────────────

    @property
    def bar(self) -> Sequence[str]:
        return self.PANE_BARS.get(self.active, self.BAR)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        super().on_descendant_focus(event)
        self.show_keys()

    def show_snapshot(self, snapshot: IncidentSnapshot) -> None:
        self.show_panes()
        if self._wanted and self.query_one("#todo", RowList).put_cursor(self._wanted):
            self._wanted = ""
        self._write()
        self.tick()

    def on_resize(self, event: events.Resize) -> None:
        if self.snapshot:  # hints are broken by the width of their pane, which is known once it is laid out
            self.call_after_refresh(self.show_panes)
        self.tick()

    def _write(self) -> None:
        """Write the draft anew, off the loop; what changes meanwhile is written once this one is done."""
        self._again = self._writing
        if not self._writing:
            self._writing = True
            self.start(self._draft)

    async def _draft(self) -> None:
        playbook = self.context.room.playbook

        def write() -> tuple[str, Mapping[Section, Sequence[Suggestion]]]:
            written = self.post_mortem()
            return render.to_markdown(written, playbook), written.suggestions

        try:
            drafted = await self.context.run_or_notify(write)
        finally:
            self._writing = False
        if drafted is not None and self.is_attached:
            text, self._suggestions = drafted
            self.query_one("#paper", MarkdownView).show(text)
            self.show_panes()
        if self._again:
            self._write()

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
        self.query_one("#outstanding", Bar).set_content(self._outstanding(incident, now))
        self.show_next()
        self.show_tabs()

    def _outstanding(self, incident: Incident, now: datetime) -> Content:
        """The state of the follow-up, in one line."""
        playbook, zone = self.context.room.playbook, self.context.zone
        took = timing.format_duration(timing.elapsed(incident, now))
        if incident.open:
            return Content.assemble(
                ("Review", "bold"), "   still open after ", took, ": the draft grows as you work"
            )
        due = summarise(incident, playbook).postmortem_due(playbook.nudges.postmortem_hours)
        if due is None:
            missing = incident.unwritten
            summary = "post-mortem written" if not missing else f"root cause written, {len(missing)} sections left"
            if "root_cause" in missing:
                summary = (
                    "post-mortem to write, as in a real incident" if incident.drill else f"{incident.id} is closed"
                )
            done = "root_cause" not in missing or not incident.drill
            state = literal(summary, "$text-success bold" if done else "$text-warning")
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
        elif steps and steps[0].action == "check" and takers(self.context.room, self.incident, "document"):
            item = self.context.room.playbook.item(steps[0].target)
            if item.done_by == "postmortem-published":  # publishing ticks it
                steps[0] = NextStep("publish", "", f"{item.text}: publish the post-mortem")
        return steps

    # ── where the cursor is ───────────────────────────────────────────────────────────────────────────────

    def _cursor(self, name: str) -> str:
        rows = self.query_one(f"#{name}", RowList)
        return rows.cursor_id if rows.has_focus else ""

    def target_in(self, rows: RowList) -> str:
        return rows.cursor_id.partition(":")[0]  # a hint below a section acts on the section

    def pane_input(self, snapshot: IncidentSnapshot, width: int) -> PaneInput:
        decided = settled(snapshot.incident)  # what was just decided is gone before the draft is written anew
        left = {
            section: [one for one in offered if not decided.covers(section, one.key)]
            for section, offered in self._suggestions.items()
        }
        return replace(super().pane_input(snapshot, width), suggestions=left)

    def suggestion_under_cursor(self) -> Suggestion | None:
        """The suggestion that accepting, editing and dismissing mean."""
        section, is_one, key = self._cursor("parts").partition(SUGGESTION)
        if not is_one:
            return None
        offered = self._suggestions.get(cast(Section, section), ())
        return next((one for one in offered if one.key == key.partition(":")[0]), None)

    def why_off(self, action: Action) -> str:
        if action.id == "accept" and self.suggestion_under_cursor():
            return ""
        return super().why_off(action)

    def entry_under_cursor(self) -> UUID | None:
        # Only where one sees the cursor: what is struck out must be meant.
        return entry_of(self._cursor("entries"))

    def action_under_cursor(self) -> str:
        return self._cursor("todo").partition(":")[0]  # a hint below an item acts on the item

    # ── actions ───────────────────────────────────────────────────────────────────────────────────────────

    async def do_review(self, section: str = "") -> None:
        self.go("sections" if section else "draft")

    async def do_accept(self, role: str = "") -> None:
        if one := self.suggestion_under_cursor():
            await self.run_command(AcceptSuggestion(one.section, one.key, one.text))
        else:
            await super().do_accept(role)

    async def do_amend(self) -> None:
        if one := self.suggestion_under_cursor():
            self.edit_suggestion(one)
        elif item := self.incident.actions.get(self.action_under_cursor()):
            self.change_action(item)
        else:
            await super().do_amend()

    async def do_retract(self) -> None:
        if one := self.suggestion_under_cursor():
            if await self.run_command(DismissSuggestion(one.section, one.key, one.text)):
                self.context.notify(self.context.with_keys("Dismissed; {undo} takes it back for 10 s"))
        else:
            await super().do_retract()

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

    async def choose_row(self, event: RowList.Chosen) -> None:
        """As in every incident screen; Enter on an action item shows it in full."""
        if event.rows.id != "todo":
            await super().choose_row(event)
        else:
            item = self.incident.actions.get(event.row_id.partition(":")[0])
            if item is not None:
                self._show_action_item(item)

    def _show_action_item(self, item: ActionItem) -> None:
        """An action item in full, with what it lacks."""
        key = key_of("finish_action", self.context.keys)
        issue = issues(self.incident).get(item.entry)
        lines = [item.words, "", f"Owner  {item.owner or 'nobody yet'}", f"Due    {item.due or 'no date yet'}"]
        lines += [f"Issue  {issue.url or f'{issue.tracker}: not opened yet'}"] if issue else []
        lines += [f"To     {ACTION_TYPES[item.type]}"] if item.type else []
        titles = {one.id: one.text for one in self.context.room.playbook.items}
        lines += [f"For    {titles.get(item.item, item.item)}"] if item.item else []
        lines.append("Done" if item.done_at else f"Open; {key} finishes it")
        if hints := find_weak_points(item):
            lines += ["", *(f"! {hint}" for hint in hints), "", GOOD_ACTION_ITEM]
        self.app.push_screen(Detail(f"Action item {item.id}", "\n".join(lines)))
