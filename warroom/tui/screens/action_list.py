"""The action items of all incidents in one list, the overdue ones first. Finishes them; opens their incidents."""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content

from warroom.incident.commands import CompleteAction
from warroom.incident.follow_up import ReopenAction
from warroom.incident.tracking import issues
from warroom.room.action_list import ListedAction, count_of, open_actions
from warroom.tui.actions import BY_ID, key_of
from warroom.tui.context import ScreenContext
from warroom.tui.feed import Updated
from warroom.tui.panes.pane import Pane
from warroom.tui.screens.base import BaseScreen
from warroom.tui.screens.confirm import Confirm
from warroom.tui.widgets.bars import Bar, Key, KeyBar
from warroom.tui.widgets.row_list import ListRow, RowList
from warroom.tui.widgets.text import join, literal

VIEWS = ("all", "mine", "overdue")
"""What tab goes through."""


class FinishesActions(BaseScreen):
    """A screen that lists action items of several incidents, each of which one key finishes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(BY_ID["finish_action"].keys, "do('finish_action')", "Finish", id="finish_action", show=False),
        Binding(BY_ID["undo"].keys, "do('undo')", "Undo", id="undo", show=False),
    ]

    def __init__(self, context: ScreenContext) -> None:
        super().__init__(context)
        self._finished: list[tuple[str, str]] = []
        """What was finished here, the latest last: incident and action item."""

    def action_at_cursor(self) -> tuple[str, str] | None:
        """The incident and the action item under the cursor; None if the cursor is on none."""
        raise NotImplementedError

    async def do_finish_action(self) -> None:
        """Finish the action item under the cursor; one that is an issue somewhere only after a question."""
        chosen = self.action_at_cursor()
        if chosen is None:
            self.context.notify("Put the cursor on an action item first", "warning")
            return
        incident_id, action = chosen
        incident = await self.context.run_or_notify(lambda: self.context.room.incident(incident_id))
        item = incident.actions.get(action) if incident else None
        if incident is None or item is None:
            return
        issue = issues(incident).get(item.entry)
        if issue is None:
            await self._finish(incident_id, action)
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self.start(partial(self._finish, incident_id, action))

        question = Confirm(
            f"{incident_id} · finish {action}",
            f"{item.words}: this closes its issue in {issue.tracker} too.",
            no="No, leave it open",
            yes="Yes, it is done",
        )
        self.app.push_screen(question, answered)

    async def _finish(self, incident_id: str, action: str) -> None:
        room = self.context.room
        if await self.context.run_or_notify(lambda: room.execute(incident_id, CompleteAction(action))):
            self._finished.append((incident_id, action))
            self.context.notify(self.context.with_keys(f"{incident_id} {action} is done — {{undo}} takes it back"))

    async def do_undo(self) -> None:
        """Take back what was finished here last."""
        if not self._finished:
            self.context.notify("Nothing was finished here", "warning")
            return
        incident_id, action = self._finished[-1]
        room = self.context.room
        if await self.context.run_or_notify(lambda: room.execute(incident_id, ReopenAction(action))):
            self._finished.pop()
            self.context.notify(f"{incident_id} {action} is open again")

    def open_action(self, incident_id: str, action: str) -> None:
        """Open the review of an incident at one of its action items."""
        self.open_review(incident_id, "actions", action)

    def open_review(self, incident_id: str, pane: str, action: str = "") -> None:
        """Open the review of an incident at a pane."""
        from warroom.tui.screens.review import ReviewScreen

        self.app.push_screen(ReviewScreen(self.context, incident_id, pane, action))


class ActionListScreen(FinishesActions):
    """Every action item still to do, of all incidents but drills. Enter opens the incident at the item."""

    CSS = """
    ActionListScreen #top { background: $panel; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "view(1)", "All, mine, overdue", show=False, priority=True),
        Binding("shift+tab", "view(-1)", "The view before", show=False, priority=True),
    ]
    BAR: ClassVar[tuple[str, ...]] = ("search_all", "stats", "palette", "help")

    def __init__(self, context: ScreenContext) -> None:
        super().__init__(context)
        self._actions: list[ListedAction] | None = None
        self._view = VIEWS[0]

    @property
    def loaded(self) -> bool:
        return self._actions is not None

    def compose(self) -> ComposeResult:
        yield Bar(id="top")
        rows = RowList(id="actions", expand=True, empty="No action item is open.")
        yield Pane(rows, id="list", title="Action items", private=True)
        yield KeyBar()

    def on_mount(self) -> None:
        self.query_one("#top", Bar).set_content(Content.styled("Action items", "bold"))
        self.query_one("#list").add_class("-active")
        self.query_one("#actions").focus()
        self._show_keys()

    def on_screen_resume(self) -> None:
        self.context.feed.watch(self, lambda: open_actions(self.context.room))

    def on_screen_suspend(self) -> None:
        if self.covered:
            self.context.feed.leave(self)

    def on_unmount(self) -> None:
        self.context.feed.leave(self)

    def on_updated(self, event: Updated[list[ListedAction]]) -> None:
        self._actions = event.value
        self._show()

    # ── drawing ───────────────────────────────────────────────────────────────────────────────────────────

    def _show(self) -> None:
        if self._actions is None or not self.is_attached:
            return
        today, by = self._today(), self.context.room.by
        shown = [
            one
            for one in self._actions
            if self._view == "all" or (one.owner == by if self._view == "mine" else one.overdue(today))
        ]
        self.query_one("#actions", RowList).show([self._row(one, today) for one in shown])
        self.query_one("#list", Pane).show_detail(literal(self._view if self._view != "all" else ""))
        title = join(Content.styled("Action items", "bold"), count_of(self._actions, today), gap="   ")
        self.query_one("#top", Bar).set_content(title)
        self._show_keys()

    def _today(self) -> date:
        return self.context.now().astimezone(self.context.zone).date()

    def _row(self, one: ListedAction, today: date) -> ListRow:
        late = one.overdue(today)
        words = Content.assemble(
            ("! ", "$text-error bold") if late else "○ ",
            literal(f"{one.incident} ", "$text-quiet"),
            literal(f"{one.id} ", "bold"),
            literal(one.words),
        )
        due = (
            literal(f"{one.due} OVERDUE", "$text-error bold")
            if late
            else literal(one.due, "$text-quiet")
            if one.due
            else literal("no date", "$text-warning")
        )
        owner = literal(one.owner) if one.owner else literal("no owner", "$text-warning")
        kind = literal(one.type, "$text-quiet") if one.type else None
        return ListRow(f"{one.incident}:{one.id}", words, join(kind, owner, due, gap="  "))

    def _show_keys(self) -> None:
        following = VIEWS[(VIEWS.index(self._view) + 1) % len(VIEWS)]
        on = self.action_at_cursor() is not None
        done = Key(key_of("finish_action", self.context.keys), "done", "finish_action", on=on)
        keys = (Key("↵", "open", "open", on=on), done, Key("tab", following, "view(1)"), Key("esc", "back", "back"))
        self.show_keys(keys)

    # ── actions ───────────────────────────────────────────────────────────────────────────────────────────

    def action_at_cursor(self) -> tuple[str, str] | None:
        incident, _, action = self.query_one("#actions", RowList).cursor_id.partition(":")
        return (incident, action) if action else None

    def action_view(self, by: int) -> None:
        """Show the action items of the next view, round and round."""
        self._view = VIEWS[(VIEWS.index(self._view) + by) % len(VIEWS)]
        self._show()

    def action_open(self) -> None:
        """Open the action item under the cursor."""
        self.query_one("#actions", RowList).action_choose()

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        incident, _, action = event.row_id.partition(":")
        self.open_action(incident, action)
