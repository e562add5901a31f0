"""Declaring an incident: one form, five seconds, filled in by the alert that waits. Decides and posts nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar
from uuid import UUID

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.suggester import SuggestFromList
from textual.widgets import Input, Static
from textual.worker import WorkType

from warroom.errors import BadInput, WarroomError
from warroom.incident import timing
from warroom.incident.alerting import group_alerts
from warroom.incident.commands import Declare
from warroom.incident.playbook import Severity
from warroom.incident.team import Alert, TeamState
from warroom.incident.topology import Trouble
from warroom.tui.context import ScreenContext
from warroom.tui.screens.form_dialog import FieldInput
from warroom.tui.screens.form_screen import Draft, FormScreen
from warroom.tui.widgets.bars import Bar, Key, KeyBar
from warroom.tui.widgets.row_list import ListRow, RowList
from warroom.tui.widgets.text import block, join, literal, severity_badge

if TYPE_CHECKING:
    from warroom.room.search import SimilarIncident

SIMILAR_PAUSE_S = 0.15
"""So long nothing may be typed before similar incidents are looked for."""

FIELDS = ("service", "impact", "started", "leads")


class SeverityTable(RowList):
    """The playbook's table of severities, one of them chosen: the one the cursor was put on last."""

    def __init__(self, severities: Sequence[Severity], *, id: str) -> None:
        super().__init__(id=id)
        self._severities = tuple(severities)
        self._chosen = severities[0].id
        self.styles.height = min(len(severities) + 1, 9)

    @property
    def value(self) -> str:
        """The id of the chosen one."""
        return self._chosen

    @value.setter
    def value(self, severity: str) -> None:
        if any(known.id == severity for known in self._severities):
            self._chosen = severity
            self._fill()
            self.put_cursor(severity)

    def on_mount(self) -> None:
        self._fill()
        self.put_cursor(self._chosen)

    def on_resize(self) -> None:
        self._fill()
        super().on_resize()

    def on_row_list_moved(self, event: RowList.Moved) -> None:
        self._chosen = event.row_id
        self._fill()

    def _fill(self) -> None:
        wide = self.size.width >= 100
        badge = max(len(s.id) for s in self._severities) + 4
        soon = 10 if wide else 9
        often = 18 if wide else 0
        rest = max(10, self.size.width - 3 - badge - 2 - soon - often)
        impact = min(max(len(s.impact) for s in self._severities) + 2, rest * 3 // 5)
        rows = [
            ListRow(
                "",
                _row(
                    (3 + badge + 1, ""),
                    (impact, "Impact"),
                    (soon, "Respond"),
                    (often, "Team updates"),
                    (rest - impact, "Such as"),
                    style="$text-quiet",
                ),
            )
        ]
        for rank, severity in enumerate(self._severities):
            name = severity_badge(severity.id, rank, len(self._severities), severity.glyph)
            here = severity.id == self._chosen
            if not here:
                name = literal(name.plain, "$text-quiet")
            cells = _row(
                (impact, severity.impact),
                (soon, f"< {_span(severity.response_minutes)}"),
                (often, f"every {_span(severity.update_minutes['team'])}"),
                (rest - impact, severity.example),
                style="" if here else "$text-quiet",
            )
            mark = "✓ " if here else "  "
            gap = " " * (badge - name.cell_length + 1)
            rows.append(ListRow(severity.id, Content.assemble(mark, name, gap, cells)))
        self.show(rows)


def _row(*cells: tuple[int, str], style: str) -> Content:
    parts = []
    for width, text in cells:
        if width:
            cut = literal(text).truncate(max(1, width - 1), ellipsis=True)
            parts.append(cut.pad_right(max(0, width - cut.cell_length)))
    row = Content("").join(parts)
    return row.stylize(style) if style else row


def _span(minutes: int) -> str:
    return f"{minutes // 60} h" if minutes >= 60 and minutes % 60 == 0 else f"{minutes} min"


@dataclass(frozen=True, slots=True)
class _Start:
    """What the form begins with: nothing typed yet."""

    values: dict[str, str]
    alert: Alert | None
    waiting: int


class DeclareScreen(FormScreen):
    """Asks what is broken, how badly, since when, and who leads; then calls ``opened`` with the new incident's id.

    The newest waiting alert (or ``alert``, the hexadecimal id of its entry) fills the form in and is taken with
    the declaration. What is half-written survives escape and a kill.
    """

    DEFAULT_CSS = """
    DeclareScreen { align: center middle; background: $background; }
    DeclareScreen > #box {
        width: 120; max-width: 100%; height: auto; max-height: 100%;
        background: $panel; border: round $border; border-title-color: $text-primary;
        border-subtitle-color: $text-quiet; padding: 0 1;
    }
    DeclareScreen.-drill > #box { border: round $warning; border-title-color: $text-warning; }
    DeclareScreen #fields { height: auto; max-height: 1fr; }
    DeclareScreen .row { height: 1; margin-top: 1; }
    DeclareScreen.-short .row.-tight { margin-top: 0; }
    DeclareScreen .label { width: 10; color: $text-quiet; }
    DeclareScreen .-here .label { color: $key; text-style: bold; }
    DeclareScreen .hint { width: 1fr; padding: 0 0 0 2; color: $text-quiet; }
    DeclareScreen Input, DeclareScreen Input:focus { border: none; height: 1; padding: 0 1; background: $surface; }
    DeclareScreen Input:focus { background: $background; }
    DeclareScreen #field-started, DeclareScreen #field-leads { width: 24; }
    DeclareScreen #troubles { height: auto; color: $text-warning; padding: 0 0 0 11; display: none; }
    DeclareScreen #alert { height: auto; color: $foreground; padding: 0; }
    DeclareScreen #severity-head { margin-top: 1; height: 1; }
    DeclareScreen #severity-head .hint { padding: 0 0 0 1; }
    DeclareScreen SeverityTable { width: 1fr; background: $surface; }
    DeclareScreen #similar { height: auto; margin-top: 1; display: none; }
    DeclareScreen.-short #similar { max-height: 1; margin-top: 0; }
    DeclareScreen #first-response { height: auto; margin-top: 1; color: $text-quiet; }
    DeclareScreen.-short #first-response { display: none; }
    DeclareScreen.-privacy #similar { visibility: hidden; }
    DeclareScreen #problem { height: auto; color: $text-error; margin-top: 1; display: none; }
    DeclareScreen KeyBar { margin-top: 1; background: $panel; padding: 0; }
    """
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]  # noqa: RUF012 — Textual's own attribute, no ClassVar there
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+r", "afresh", "Reset", show=False, priority=True),
        Binding("ctrl+t", "other", "Real or drill", show=False, priority=True),
        Binding("tab", "next_field", "Next", show=False, priority=True),
    ]

    def __init__(self, context: ScreenContext, opened: Callable[[str], None], alert: str = "") -> None:
        super().__init__(context)
        self._opened = opened
        self._wanted = alert
        self._start = _Start(dict.fromkeys(FIELDS, ""), None, 0)
        self._worst = context.room.playbook.severities[0].id
        self._services = [service.name for service in context.room.settings.services]
        self._people = context.room.people()
        self._kept_from = ""
        self.rehearsal = False
        """Whether a drill is declared. A drill's alert makes it one; a real alert does not, even while a drill is
        running; without an alert a drill that is running does."""

    # ── the form ──────────────────────────────────────────────────────────────────────────────────────────

    def compose(self) -> ComposeResult:
        with Vertical(id="box"):
            with VerticalScroll(id="fields", can_focus=False):
                yield Static("", id="alert", markup=False)
                yield from self._row("service", "Service", "what is affected", self._services)
                yield Static("", id="troubles", markup=False)
                yield from self._row("impact", "Impact", "what users notice, in a sentence", ())
                with Horizontal(id="severity-head"):
                    yield Static("Severity", classes="label", markup=False)
                    yield Static("If unsure, choose the higher one.", classes="hint", markup=False)
                yield SeverityTable(self.context.room.playbook.severities, id="severity")
                yield from self._row("started", "Started", "now, -10m, 13:50", (), hint=True)
                yield from self._row("leads", "Leads", "a name, or nobody yet", self._people, hint=True)
                yield Static("", id="similar", markup=False)
                yield Static(self._first_response(), id="first-response", markup=False)
                yield Static("", id="problem", markup=False)
            yield KeyBar()

    def _first_response(self) -> Content:
        """What the playbook asks for as soon as the incident is declared."""
        lines = self.context.room.playbook.guidance.first_response
        return Content("\n").join([Content("Once it is declared"), *(literal(f"  · {line}") for line in lines)])

    def _row(
        self, name: str, label: str, placeholder: str, suggest: Sequence[str], *, hint: bool = False
    ) -> ComposeResult:
        with Horizontal(classes="row -tight" if name in ("impact", "leads") else "row"):
            yield Static(label, classes="label", markup=False)
            yield FieldInput(
                id=f"field-{name}",
                placeholder=placeholder,
                select_on_focus=False,
                suggester=SuggestFromList([*suggest], case_sensitive=False) if suggest else None,
            )
            if hint:
                yield Bar(id=f"hint-{name}", classes="hint")

    def on_mount(self) -> None:
        self.query_one(KeyBar).show(
            [
                Key("↵", "declare", "send"),
                Key("tab", "next field", "next_field"),
                Key("^r", "reset", "afresh"),
                Key("esc", "save draft", "back"),
            ]
        )
        self._field("service").focus()
        self.start(self._load)

    async def _load(self) -> None:
        """Fill the form: what was half-written first, then the alert, then what can be proposed."""
        self.draft = Draft(self.context, "new", "declare")
        kept = await self.draft.load()
        team = await self.context.run_or_notify(self.context.room.team)
        alerts = dict(team.alerts) if team else {}
        # A draft names the alert it was begun from; another one is offered, not pushed over what was typed.
        wanted = self._wanted or kept.get("alert", "")
        alert = _find(alerts, wanted) or (_newest(alerts) if not kept else None)
        self._begin(alert, _count(team, self.context.now()))
        typed = {name: kept[name] for name in (*FIELDS, "severity") if name in kept}
        if self._wanted and alert:
            typed = {name: text for name, text in typed.items() if name in ("leads", "severity")}
        elif kept.get("rehearsal") == "yes":
            # A draft from a drill that has ended must not keep a real incident from the team.
            self.rehearsal = self.rehearsal or self.context.drill_running
        elif kept.get("rehearsal") == "no":
            self.rehearsal = False
        self._fill({**self._start.values, **typed})
        self.ready = True
        if typed:
            self._kept_from = "Draft restored; ^r resets the form" + (", from the alert" if alerts else "")
        self._show_alert()
        self._show_hints()
        self._look_for_similar()
        self.keep()

    def _begin(self, alert: Alert | None, waiting: int) -> None:
        values = dict.fromkeys(FIELDS, "")
        values |= {"started": "now", "leads": self.context.room.on_call(), "severity": self._worst}
        if alert:
            event = alert.event
            values["service"] = event.service
            values["impact"] = (event.detail or event.name).partition("\n")[0]
            values["started"] = self._typed(min(event.fired_at or alert.at, self.context.now()))
            values["severity"] = self.context.room.alert_severity(alert) or self._worst
        self._start = _Start(values, alert, waiting)
        self.rehearsal = alert.event.drill if alert else self.context.drill_running

    def _typed(self, at: datetime) -> str:
        """A past time as a person would type it."""
        here = at.astimezone(self.context.zone)
        clock = f"{here:%H:%M:%S}" if here.second else f"{here:%H:%M}"
        return clock if self.context.now() - at < timedelta(hours=12) else f"{here:%Y-%m-%d} {clock}"

    def _fill(self, values: Mapping[str, str]) -> None:
        # Who was quick has typed before the journal answered: that stays.
        for name in FIELDS:
            field = self._field(name)
            if self.ready or not field.value:
                field.value = literal(values.get(name, "")).plain
                field.cursor_position = len(field.value)
        if self.ready or self.query_one(SeverityTable).value == self._worst:
            self.query_one(SeverityTable).value = values.get("severity", self._worst)

    def _field(self, name: str) -> Input:
        return self.query_one(f"#field-{name}", Input)

    @property
    def values(self) -> dict[str, str]:
        """The form as it is."""
        return {name: self._field(name).value for name in FIELDS} | {
            "severity": self.query_one(SeverityTable).value
        }

    def written(self) -> Mapping[str, str]:
        values = self.values
        if values == self._start.values:
            return {}
        try:  # "-10m" means another time when the draft is opened again
            if values["started"].strip()[:1] in ("-", *"0123456789"):
                values["started"] = self._typed(
                    timing.read_moment(values["started"], self.context.now(), self.context.zone)
                )
        except BadInput:
            pass
        alert = self._start.alert.id.hex if self._start.alert else ""
        return {**values, "alert": alert, "rehearsal": "yes" if self.rehearsal else "no"}

    def tick(self) -> None:
        if self.ready:
            self._show_hints()

    # ── hints ─────────────────────────────────────────────────────────────────────────────────────────────

    def _show_alert(self) -> None:
        alert, lines = self._alert, []
        if alert:
            at = alert.event.fired_at or alert.at
            ago = timing.format_duration(max(timedelta(0), self.context.now() - at))
            more = f"   ({self._start.waiting - 1} more waiting)" if self._start.waiting > 1 else ""
            lines.append(
                join(
                    Content.styled(" ALERT ", "$sev-high-text on $sev-high bold"),
                    literal(alert.event.name, "bold"),
                    literal(f"{alert.event.source or 'alert'}, {ago} ago{more}", "$text-quiet"),
                    gap="  ",
                )
            )
            if alert.event.url:
                lines.append(literal(alert.event.url, "$text-quiet"))
        elif self._start.waiting and not self._start.alert:
            lines.append(Content.styled("An alert is waiting; ^r fills in the form from it", "$text-warning"))
        if self._kept_from:
            lines.append(Content.styled(self._kept_from, "$text-quiet"))
        self.set_class(self.rehearsal, "-drill")
        self.query_one("#box").border_title = Content(
            "Declare a drill" if self.rehearsal else "Declare an incident"
        )
        if self.rehearsal:
            words = "Drill: posts only to drill destinations.  ^t makes it real"
            lines.insert(0, Content.styled(words, "$text-warning bold"))
        elif self.context.drill_running or alert is not self._start.alert:
            words = "A drill is running, but this is real.  ^t makes it a drill"
            if alert is not self._start.alert:
                words = "This is real; the drill's alert is ignored.  ^t makes it a drill"
            lines.insert(0, Content.styled(words, "$text-warning bold"))
        static = self.query_one("#alert", Static)
        static.update(Content("\n").join(lines))
        static.display = bool(lines)

    def _show_hints(self) -> None:
        self.query_one("#hint-started", Bar).set_content(self._started_hint())
        leads, on_call = self._field("leads").value.strip(), self.context.room.on_call()
        if not leads:
            hint = Content.styled(self.context.with_keys("nobody yet; assign one with {assign}"), "$text-warning")
        elif leads == on_call:
            hint = Content("is on call")
        elif leads in self._people:
            hint = Content("")
        else:
            hint = Content.styled("is not in the team's settings", "$text-warning") if self._people else Content("")
        self.query_one("#hint-leads", Bar).set_content(hint)

    def _started_hint(self) -> Content:
        now, zone = self.context.now(), self.context.zone
        try:
            at = timing.read_moment(self._field("started").value, now, zone)
        except BadInput:
            return Content.styled("✗ not a time: now, -10m, 13:50", "$text-error")
        here = at.astimezone(zone)
        day = "" if here.date() == now.astimezone(zone).date() else f"{here:%Y-%m-%d} "
        moment = f"= {day}{here:%H:%M} {here.tzname()}"
        if at > now + timedelta(minutes=1):
            return Content.styled(f"✗ {moment}: that is in the future", "$text-error")
        ago = timing.format_duration(max(timedelta(0), now - at))
        return literal(moment if now - at < timedelta(seconds=1) else f"{moment}, {ago} ago")

    async def _show_troubles(self) -> None:
        """What the service needs that is in trouble: the cause may be there."""
        service, room = self._field("service").value, self.context.room
        if room.settings.service(service) is None:
            found: list[Trouble] = []
        else:
            found = (
                await self.context.run_or_notify(lambda: room.troubled_dependencies(service, drill=self.rehearsal))
                or []
            )
        static = self.query_one("#troubles", Static)
        static.display = bool(found)
        words = "; ".join(map(str, found[:3])) + (f" and {len(found) - 3} more" if len(found) > 3 else "")
        static.update(literal(f"Depends on {words}" if found else ""))

    # ── similar incidents ─────────────────────────────────────────────────────────────────────────────────

    def _look_for_similar(self) -> None:
        """Look for past incidents like this one; what is typed meanwhile begins a new look."""
        described = self._alert or self._field("service").value.strip() or self._field("impact").value.strip()
        if not described:
            self.query_one("#similar", Static).display = False
        elif self.context.search and self.ready:
            job: WorkType[None] = self._show_similar
            self.run_worker(job, group="similar", exclusive=True)

    async def _show_similar(self) -> None:
        await asyncio.sleep(SIMILAR_PAUSE_S)
        search, values, drill = self.context.search, self.values, self.rehearsal
        if search is None:
            return
        alert = self._alert.event.name if self._alert else ""
        try:
            # In a thread of its own: the first look reads the whole journal, and a declaration must not wait.
            found = await asyncio.to_thread(
                lambda: search().similar(values["service"], values["impact"], alert, drill=drill)
            )
        except WarroomError:  # a hint that is missing must not disturb who declares
            found = ()
        if self.is_attached:
            static = self.query_one("#similar", Static)
            static.update(Content("\n").join(self._similar_line(one) for one in found))
            static.display = bool(found)

    def _similar_line(self, one: SimilarIncident) -> Content:
        day = f"{one.at.astimezone(self.context.zone):%d %b %Y}"
        outcome = literal(one.outcome, "$text-warning bold" if one.open else "bold")
        reasons = literal(f"({', '.join(one.reasons)})", "$text-quiet")
        line = join(literal("Similar:", "$text-quiet"), literal(one.id, "bold"), literal(day), outcome, reasons)
        return line.truncate(max(20, self.query_one("#fields").size.width - 1), ellipsis=True)

    def complain(self, text: str) -> None:
        problem = self.query_one("#problem", Static)
        problem.display = bool(text)
        problem.update(block(text))
        if text:
            problem.scroll_visible(animate=False)

    # ── actions ───────────────────────────────────────────────────────────────────────────────────────────

    def on_input_changed(self, event: Input.Changed) -> None:
        self._show_hints()
        if event.input.id == "field-service":
            self.run_worker(self._show_troubles(), group="troubles", exclusive=True)
        if event.input.id in ("field-service", "field-impact"):
            self._look_for_similar()
        self.keep()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        for row in self.query(".row, #severity-head"):
            of_table = (row.id, event.widget.id) == ("severity-head", "severity")
            row.set_class(of_table or event.widget in row.walk_children(), "-here")

    def on_row_list_moved(self, event: RowList.Moved) -> None:
        self.keep()

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        self.focus_next()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.action_send()

    def action_next_field(self) -> None:
        """To the next field; a service or name that is begun is completed on the way."""
        self._complete()
        self.focus_next()

    def _complete(self) -> None:
        for name, known in (("service", self._services), ("leads", self._people)):
            field = self._field(name)
            typed = field.value.strip().casefold()
            found = [word for word in known if typed and word.casefold().startswith(typed)]
            exact = [word for word in found if word.casefold() == typed]
            if field.has_focus and len(exact or found) == 1:
                field.value = (exact or found)[0]
                field.cursor_position = len(field.value)

    @property
    def _alert(self) -> Alert | None:
        """The alert that is taken with the declaration. A real incident leaves a drill's alert where it is."""
        alert = self._start.alert
        return None if alert and alert.event.drill and not self.rehearsal else alert

    def action_other(self) -> None:
        """Switch between a real incident and a drill, where a drill or its alert is there to be meant."""
        alert = self._start.alert
        if self.rehearsal or self.context.drill_running or (alert and alert.event.drill):
            self.rehearsal = not self.rehearsal
            self._show_alert()
            self.keep()

    def action_afresh(self) -> None:
        """Begin again: from the newest alert, or empty."""
        self.start(self._afresh)

    async def _afresh(self) -> None:
        team = await self.context.run_or_notify(self.context.room.team)
        alerts = dict(team.alerts) if team else {}
        self._begin(_find(alerts, self._wanted) or _newest(alerts), _count(team, self.context.now()))
        self._kept_from = ""
        self._fill(self._start.values)
        self.complain("")
        self._show_alert()
        self._field("service").focus()

    def action_send(self) -> None:
        """Declare. If that is refused, the form stays as it is and shows why."""
        if not self.busy and self.ready:
            self._complete()
            self.busy = True
            self.start(self._send)

    async def _send(self) -> None:
        values, room, alert = self.values, self.context.room, self._alert
        try:
            started = None
            if values["started"].strip().lower() not in ("", "now"):
                started = timing.read_moment(values["started"], self.context.now(), self.context.zone)
            declare = Declare(
                service=values["service"],
                impact=values["impact"],
                severity=values["severity"],
                started_at=started,
                drill=self.rehearsal,
                source=alert.event.source if alert else "",
            )
            done = await self.context.work(
                lambda: room.declare(declare, commander=values["leads"].strip(), alert=alert.id if alert else None)
            )
        except WarroomError as error:
            self.busy = False
            self.reject(error)
            self._go_to(values, error)
            return
        if self.draft:
            await self.draft.forget()
        self.leave()
        self._opened(done.incident.id)

    def _go_to(self, values: Mapping[str, str], error: WarroomError) -> None:
        """Put the cursor where the mistake is, as far as that is known."""
        if not values["service"].strip():
            self._field("service").focus()
        elif not values["impact"].strip():
            self._field("impact").focus()
        elif isinstance(error, BadInput) or error.field == "started":
            self._field("started").focus()


def _find(alerts: Mapping[UUID, Alert], wanted: str) -> Alert | None:
    """Return the waiting alert with this hexadecimal id; in drafts of earlier versions with this number."""
    return next((alert for alert in alerts.values() if wanted in (alert.id.hex, str(alert.number))), None)


def _newest(alerts: Mapping[UUID, Alert]) -> Alert | None:
    firing = (alert for alert in alerts.values() if alert.cleared_at is None)
    return max(firing, key=lambda alert: alert.number, default=None)


def _count(team: TeamState | None, now: datetime) -> int:
    """How many alerts are waiting; those of one group are one."""
    return sum(not group.cleared for group in group_alerts(team, {}, now)) if team else 0
