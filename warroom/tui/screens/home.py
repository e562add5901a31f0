"""Home: open incidents, alerts, readiness, what is outstanding. Opens incidents; changes only readiness."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content

from warroom.incident import timing
from warroom.incident.advice import NextStep
from warroom.incident.alerting import AlertGroup
from warroom.incident.summary import Summary
from warroom.room.readiness import built_in
from warroom.room.snapshot import HomeSnapshot, home_snapshot
from warroom.tui.actions import key_of
from warroom.tui.context import ScreenContext
from warroom.tui.feed import Updated
from warroom.tui.panes.headline import UNPAGED, badge, hub_word
from warroom.tui.panes.home_follow_up import follow_up_rows, review_words
from warroom.tui.panes.pane import Pane
from warroom.tui.screens.action_list import FinishesActions
from warroom.tui.screens.confirm import Confirm
from warroom.tui.screens.next_step_screen import NextStepScreen
from warroom.tui.screens.pane_screen import PaneScreen
from warroom.tui.widgets.bars import Bar, Key, KeyBar
from warroom.tui.widgets.row_list import ListRow, RowList
from warroom.tui.widgets.text import DRILL_STYLE, READ_ONLY, URGENCY_STYLE, join, literal

OPEN = 50
"""How many open incidents have a row; a line counts the rest."""

ROOMY = 140
"""Columns from which on a row also shows when the next update is due; an overdue one is always shown."""

RECENT = 200
"""How many incidents that are over are listed; ``warroom list`` has the rest."""

READY_LISTS = ("preparation", "improvement")
"""The team's own checklists; each item shows when it last held true."""


class HomeScreen(PaneScreen, NextStepScreen, FinishesActions):
    """The ground floor. Opening an incident goes up from here; escape comes back."""

    CSS = """
    HomeScreen #top { background: $panel; padding: 0 1; }
    HomeScreen #lower { height: 1fr; }
    HomeScreen #incidents { height: 1fr; }
    HomeScreen #next { padding: 0 1; background: $surface; }
    HomeScreen.-tiled #side { width: 36%; max-width: 60; }
    """
    PANES = ("incidents", "followup", "oncall", "readiness")
    TILED_FROM = (110, 20)
    BAR: ClassVar[tuple[str, ...]] = (
        "declare",
        "drill",
        "action_list",
        "search_all",
        "stats",
        "theme",
        "palette",
        "help",
        "quit",
    )

    def __init__(self, context: ScreenContext) -> None:
        super().__init__(context)
        self._overview: HomeSnapshot | None = None

    @property
    def loaded(self) -> bool:
        return self._overview is not None

    @property
    def has_alert(self) -> bool:
        """Whether an unacknowledged alert is shown."""
        return self._alert_waiting is not None

    @property
    def _alert_waiting(self) -> AlertGroup | None:
        """The newest alert that somebody has to look at: it fires, and nobody has silenced it."""
        groups = self._overview.alerts if self._overview else ()
        return next((group for group in groups if not group.cleared and not group.silenced_until), None)

    def compose(self) -> ComposeResult:
        yield Bar(id="top")
        yield Bar(id="tabs")
        with Horizontal(id="lower"):
            yield Pane(
                RowList(
                    id="all",
                    empty=self.context.with_keys(
                        "No incidents yet — {declare} declares one, {drill} runs a drill."
                    ),
                ),
                id="incidents",
                title="Incidents",
            )
            with Vertical(id="side", classes="tiles"):
                yield Pane(RowList(id="owed", empty="Nothing outstanding."), id="followup", title="Follow-up")
                contacts = RowList(id="contacts", empty="No rotation and no services in the settings.")
                yield Pane(contacts, id="oncall", title="On call and services", private=True)
                yield Pane(RowList(id="ready"), id="readiness", title="Readiness")
        yield Bar(id="next")
        yield KeyBar()

    def on_mount(self) -> None:
        self.query_one("#top", Bar).set_content(Content("warroom"))
        self._show_keys()

    def on_screen_resume(self) -> None:
        self.context.feed.watch(self, lambda: home_snapshot(self.context.room))

    def on_screen_suspend(self) -> None:
        if self.covered:
            self.context.feed.leave(self)

    def on_updated(self, event: Updated[HomeSnapshot]) -> None:
        self._overview = event.value
        if not self.covered:
            self.tick()

    # ── drawing ───────────────────────────────────────────────────────────────────────────────────────────

    def tick(self) -> None:
        if self._overview is None or not self.is_attached:
            return
        now, over = self.context.now(), self._overview
        team = self.context.room.settings.team.name
        on_call = Content.assemble("on call ", literal(over.on_call, "bold")) if over.on_call else None
        unsaved = READ_ONLY if self.context.room.read_only else None
        self.query_one("#top", Bar).set_content(
            join(
                Content.styled("warroom", "bold"),
                unsaved,
                UNPAGED if any(one.problem(now) for one in over.escalations) else None,
                literal(team) if team else None,
                on_call,
                hub_word(over.hub),
                f"{now.astimezone(self.context.zone):%a %d %b  %H:%M:%S %Z}",
                gap="   ",
            )
        )
        self.query_one("#all", RowList).show(self._incidents(over, now))
        self.query_one("#owed", RowList).show(self._owed(over, now))
        self.query_one("#contacts", RowList).show(self._contacts(over, now))
        self.query_one("#ready", RowList).show(self._ready(over, now))
        self.show_next()

    def _incidents(self, over: HomeSnapshot, now: datetime) -> list[ListRow]:
        rows: list[ListRow] = []
        if over.alerts:
            rows.append(ListRow("", Content.styled("Unacknowledged alerts", "$text-warning bold")))
            for group in over.alerts:
                alert = group.newest
                here = (alert.event.fired_at or alert.at).astimezone(self.context.zone)
                today = here.date() == now.astimezone(self.context.zone).date()
                at = f"{here:%H:%M:%S} " if today else f"{here:%d %b %H:%M} "
                age = timing.format_duration(max(timedelta(0), now - (alert.event.fired_at or alert.at)))
                service = f"{alert.event.service} · " if alert.event.service else ""
                drill = Content.styled(" DRILL ", DRILL_STYLE) + " " if alert.event.drill else ""
                words = Content.assemble(
                    ("✓ ", "$text-success bold") if group.cleared else ("! ", "$text-warning bold"),
                    (at, "$text-quiet"),
                    drill,
                    literal(service),
                    literal(alert.event.text, "$text-quiet" if group.cleared else "bold"),
                )
                many = literal(f"×{group.count:,}", "$text-accent bold") if group.count > 1 else None
                until = group.silenced_until
                quiet = f"silenced until {until.astimezone(self.context.zone):%H:%M}" if until else f"{age} ago"
                since = literal("cleared" if group.cleared else quiet, "$text-quiet")
                tail = join(many, since, Content.styled("↵ declare", "$key"), gap="  ")
                rows.append(ListRow(f"alert:{alert.id.hex}", words, tail))
        live = sorted((row for row in over.summaries if row.open), key=self._rank)
        if live:
            rows.append(ListRow("", Content.styled("Open", "$text-primary bold")))
            rows += [self._open(row, now) for row in live[:OPEN]]
            if len(live) > OPEN:
                rows.append(
                    ListRow("", literal(f"  and {len(live) - OPEN} more: warroom list --open", "$text-quiet"))
                )
        past = [row for row in over.summaries if not row.open][:RECENT]
        if past:
            rows.append(ListRow("", Content.styled("Recent", "$text-primary bold")))
            rows += [self._past(row, now) for row in past]
        return rows

    def _rank(self, row: Summary) -> int:
        """The worst first; within a severity the newest stays first."""
        order = [severity.id for severity in self.context.room.playbook.severities]
        return order.index(row.severity) if row.severity in order else 0

    def _open(self, row: Summary, now: datetime) -> ListRow:
        left = Content.assemble(
            badge(row.severity, row.status, self.context.room.playbook),
            " ",
            literal(row.id, "bold"),
            Content.styled(" DRILL ", DRILL_STYLE) if row.drill else "",
            " ",
            literal(f"{row.service} · {row.title}"),
        )
        due: Content | None = None
        if first := row.first_update_due:
            audience, moment = first
            what = "update" if audience == "team" else f"{audience} update"
            time = timing.format_duration(abs(moment - now))
            if moment > now and self.size.width >= ROOMY:
                due = literal(f"{what} in {time}", "$text-quiet")
            elif moment <= now:
                due = literal(f" {what} {time} LATE ", URGENCY_STYLE["overdue"])
        leader = row.roles.get("incident_commander", "")
        tail = join(
            literal(f"IC {leader}") if leader else literal("no IC", "$text-warning"),
            due,
            literal(timing.format_duration(row.elapsed(now)), "bold"),
            gap="  ",
        )
        return ListRow(row.id, left, tail)

    def _past(self, row: Summary, now: datetime) -> ListRow:
        here = row.milestones["started"].astimezone(self.context.zone)
        this_year = here.year == now.astimezone(self.context.zone).year
        left = Content.assemble(
            (f"{here:%d %b %H:%M} " if this_year else f"{here:%d %b %Y} ", "$text-quiet"),
            literal(f"{row.id} "),
            literal(f"{row.severity:<8} ", "$text-quiet"),
            literal(f"{row.service} · {row.title}"),
        )
        due = row.postmortem_due(self.context.room.playbook.nudges.postmortem_hours)
        state = (
            literal("drill", "$text-quiet")
            if row.drill and not row.duplicate_of
            else literal(row.state, "$text-quiet")
            if row.duplicate_of
            else literal("post-mortem ✓", "$text-success")
            if row.postmortem
            else literal(
                f"post-mortem due {due.astimezone(self.context.zone):%d %b}",
                "$text-error bold" if due < now else "$text-warning",
            )
            if due
            else literal(row.state, "$text-quiet")
        )
        elapsed = literal(timing.format_duration(row.elapsed(now)), "$text-quiet")
        return ListRow(row.id, left, join(elapsed, state, gap="  "))

    def _owed(self, over: HomeSnapshot, now: datetime) -> list[ListRow]:
        rows = list(follow_up_rows(over, self.context, now))
        if self.context.drill_running and not any(row.drill and not row.open for row in over.summaries[:1]):
            rows.append(ListRow("", literal("drill in progress", "$text-warning")))
            return rows
        due_drill = over.drill_due
        if due_drill is None or due_drill < now:
            reason = "no drills run yet" if due_drill is None else "drill due"
            rows.append(ListRow("drill", literal(f"{key_of('drill', self.context.keys)} {reason}", "$text-quiet")))
        else:
            rows.append(ListRow("drill", literal(f"next drill by {due_drill:%d %b}", "$text-quiet")))
        return rows

    def _contacts(self, over: HomeSnapshot, now: datetime) -> list[ListRow]:
        """Who is on call now and next, how to reach them, and where each service is watched."""
        settings = self.context.room.settings
        rows: list[ListRow] = []
        for shift in over.rota.upcoming(now, 2) if over.rota else ():
            person = settings.person(shift.person)
            since = (
                "now" if shift.covers(now) else f"from {shift.begins.astimezone(self.context.zone):%a %d %b %H:%M}"
            )
            reach = (person.phone or person.email) if person else ""
            words = Content.assemble(literal(shift.person, "bold"), literal(f"  {reach}" if reach else ""))
            rows.append(ListRow("", words, literal(since, "$text-quiet")))
        if over.rota and (doubt := over.rota.doubt(now)):
            rows.append(ListRow("", literal(f"  {doubt}", "$text-warning")))
        for service in settings.services:
            rows.append(ListRow("", literal(service.name, "$text-primary bold")))
            for name, url in service.links.items():
                rows.append(ListRow("", Content.assemble(literal(f"  {name}  ", "$text-quiet"), literal(url))))
        return rows

    def _ready(self, over: HomeSnapshot, now: datetime) -> list[ListRow]:
        rows: list[ListRow] = []
        for name in READY_LISTS:
            checklist = self.context.room.playbook.checklists[name]
            rows.append(ListRow("", literal(checklist.title, "$text-primary bold")))
            for item in checklist.items:
                at, reading = over.team.ready.get(item.id), over.measured.get(item.id)
                holds = at is not None and now < self.context.room.playbook.ready_until(item, at)
                last = f"{at.astimezone(self.context.zone):%d %b}" if at else "never"
                until = self.context.room.playbook.ready_until(item, at) if at and item.valid_days else None
                again = f", again by {until.astimezone(self.context.zone):%d %b}" if until else ""
                since = literal(f"{last}, expired" if at and not holds else f"{last}{again}", "$text-quiet")
                if reading is not None and reading.speaks != "neither":
                    short = f"{reading.value:g}{reading.unit}" if reading.value is not None else "none yet"
                    holds, since = not reading.against, literal(short, "$text-quiet")
                glyph = ("✓ ", "$text-success bold") if holds else ("○ ", "$text-quiet")
                rows.append(ListRow(f"ready:{item.id}", Content.assemble(glyph, literal(item.text)), since))
        return rows

    def find_steps(self) -> Sequence[NextStep]:
        over = self._overview
        if over is None:
            return ()
        live = sorted((row for row in over.summaries if row.open), key=self._rank)
        if waiting := self._alert_waiting:
            newest = f"alert:{waiting.newest.id.hex}"
            return (NextStep("declare", newest, "An alert is waiting: declare an incident"),)
        drill = self.context.drill
        if drill and drill.awaits_declaration and not live:
            return (NextStep("", "", "A drill is running: wait for its alert"),)
        if live:
            return (NextStep("open", live[0].id, f"Open {live[0].id}"),)
        finished = next((row for row in over.summaries if row.drill and row.status == "resolved"), None)
        if finished and self.context.drill_running:
            return (NextStep("open", finished.id, f"Finish the drill: the follow-up of {finished.id}"),)
        owed = next((row for row in over.summaries if row.postmortem_due(1)), None)
        if owed:
            return (NextStep("open", owed.id, f"Write the post-mortem of {owed.id}"),)
        if words := review_words(over, self.context, self.context.now()):
            return (NextStep("action_list", "", words),)
        return (NextStep("drill", "", "All quiet — run a drill"),)

    def lead(self) -> None:
        self.query_one("#all", RowList).lead(self.step.target if self.step else "")

    def target_of(self, action_id: str) -> str:
        return ""  # the keys of home's actions are about no row; enter is

    def own_key(self, step: NextStep) -> str:
        if not step.target:
            return super().own_key(step)
        rows = self.query_one("#all", RowList)
        return "↵" if self.focused is rows and rows.cursor_id == step.target else ""

    def show_next_line(self) -> None:
        super().show_next_line()
        self._show_keys()

    def _show_keys(self) -> None:
        row_id = self._rows.cursor_id
        words = {"alert": "declare", "ready": "confirm", "drill": "start a drill", "delivery": "confirm"}
        word = words.get(row_id.partition(":")[0], "open")
        enter = Key("↵", word, "open", on=bool(row_id))
        dismiss = Key(key_of("dismiss", self.context.keys), "dismiss", "dismiss")
        silence = Key(key_of("silence", self.context.keys), "silence", "silence")
        done = Key(key_of("finish_action", self.context.keys), "done", "finish_action")
        alert, action = row_id.startswith("alert:"), row_id.startswith("action:")
        self.show_keys((enter, silence, dismiss) if alert else (enter, done) if action else (enter,))

    @property
    def _rows(self) -> RowList:
        """The list that enter acts in."""
        return self.focused if isinstance(self.focused, RowList) else self.query_one("#all", RowList)

    # ── actions ───────────────────────────────────────────────────────────────────────────────────────────

    async def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        await self._choose(event.row_id)

    async def _choose(self, row_id: str) -> None:
        kind, _, what = row_id.partition(":")
        if kind == "alert":
            await self._declare_from(what)
        elif kind == "ready":
            await self._confirm_ready(what)
        elif kind == "action":
            self.open_action(*what.split(":"))
        elif kind == "actions":
            await self.action_do("action_list")
        elif kind == "review":
            self.open_review(*what.split(":"))
        elif kind == "open":
            self._open_incident(what.partition(":")[0])
        elif kind == "delivery":
            self._settle(what)
        elif kind == "drill":
            await self.action_do("drill")
        else:
            self._open_incident(row_id)

    async def _confirm_ready(self, item: str) -> None:
        """Record that an item of readiness holds true today; once a day is enough."""
        room, zone = self.context.room, self.context.zone
        at = self._overview.team.ready.get(item) if self._overview else None
        if at and at.astimezone(zone).date() == self.context.now().astimezone(zone).date():
            self.context.notify("Already confirmed today")
            return
        checked = room.playbook.item(item)
        reading = await self.context.run_or_notify(lambda: built_in(room, checked))
        if reading is None or not reading.against:
            await self.context.run_or_notify(lambda: room.confirm_ready(item))
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self.start(self.context.run_or_notify(lambda: room.confirm_ready(item)))

        question = Confirm(
            checked.text,
            f"{reading.text}. Confirm it anyway?",
            no="No, put it right first",
            yes="Yes, confirm it for today",
        )
        self.app.push_screen(question, answered)

    async def act(self, step: NextStep) -> None:
        if step.target:
            await self._choose(step.target)
        else:
            await super().act(step)

    async def action_open(self) -> None:
        self._rows.action_choose()

    def _open_incident(self, incident_id: str) -> None:
        opener: Callable[[str], None] | None = getattr(self.app, "open_incident", None)
        if opener:
            opener(incident_id)

    def action_at_cursor(self) -> tuple[str, str] | None:
        kind, _, what = self._rows.cursor_id.partition(":")
        incident, _, action = what.partition(":")
        return (incident, action) if kind == "action" else None

    def _settle(self, delivery_id: str) -> None:
        """Ask what became of a post that belongs to no incident."""
        from warroom.tui.screens.deliveries import settle_form

        stuck = self._overview.stuck if self._overview else ()
        found = next((one for one in stuck if one.id == delivery_id), None)
        if found is not None:
            self.app.push_screen(settle_form(self.context, found))

    async def do_dismiss(self) -> None:
        """Dismiss the alert under the cursor, and those that say the same, after a question."""
        group = self._alert_at_cursor()
        if group is None:
            return
        alerts, room = group.alerts, self.context.room

        def answered(yes: bool | None) -> None:
            if yes:
                self.start(self.context.run_or_notify(lambda: room.dismiss_alert(*alerts)))

        times = f" ({group.count:,} times)" if group.count > 1 else ""
        question = Confirm(
            "Dismiss an alert",
            f"{group.newest.event.text}{times}",
            no="No, leave it",
            yes="Yes, dismiss it: no incident follows",
        )
        self.app.push_screen(question, answered)

    async def do_silence(self) -> None:
        """Ask for how long the alert under the cursor, with those of its group, is silenced at its source."""
        group = self._alert_at_cursor()
        if group is None:
            return
        from warroom.tui.screens.silence import SilenceForm

        self.app.push_screen(SilenceForm(self.context, group))

    def _alert_at_cursor(self) -> AlertGroup | None:
        """The alert under the cursor; a notification if there is none."""
        kind, _, alert_id = self.query_one("#all", RowList).cursor_id.partition(":")
        over = self._overview
        groups = over.alerts if kind == "alert" and over else ()
        group = next((group for group in groups if group.newest.id.hex == alert_id), None)
        if group is None:
            self.context.notify("Put the cursor on an alert first", "warning")
        return group

    async def _declare_from(self, alert: str) -> None:
        from warroom.tui.screens.declare import DeclareScreen

        self.app.push_screen(DeclareScreen(self.context, self._open_incident, alert))
