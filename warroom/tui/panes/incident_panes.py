"""What the war room's panes say, made from values: headline, phase, checklist, timeline, roles. Asks nobody."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo
from uuid import UUID

from textual.app import ComposeResult
from textual.containers import Container
from textual.content import Content
from textual.widget import Widget

from warroom.incident import timing
from warroom.incident.delivery import Delivery, DeliveryState
from warroom.incident.events import ItemChecked
from warroom.incident.incident import Incident, TimelineRow
from warroom.incident.playbook import Checklist, Phase, Playbook
from warroom.incident.timing import Countdown
from warroom.tui.widgets.bars import Bar
from warroom.tui.widgets.row_list import ListRow
from warroom.tui.widgets.text import (
    DRILL_STYLE,
    READ_ONLY,
    SEVERITY_SLOTS,
    URGENCY_STYLE,
    URGENCY_WORD,
    join,
    literal,
    severity_badge,
    severity_slot,
)


class Pane(Container):
    """A titled frame around one widget. ``private`` panes are blank in privacy mode."""

    SCOPED_CSS = False  # privacy mode is a class of the screen, above
    DEFAULT_CSS = """
    Pane { border: round $border-blurred; border-title-color: $text-quiet; padding: 0 1; height: 1fr; }
    Pane:focus-within { border: round $border; border-title-color: $text-primary; }
    Pane { border-title-style: bold; border-subtitle-color: $text-quiet; }
    .-privacy Pane.private { background: $privacy; }
    .-privacy Pane.private > * { visibility: hidden; }
    """

    def __init__(self, inside: Widget, *, id: str, title: str, private: bool = False) -> None:
        super().__init__(id=id, classes="pane private" if private else "pane")
        self._inside = inside
        self._private = private
        self._hidden = False
        self.border_title = self._titled = Content(title)

    def compose(self) -> ComposeResult:
        yield self._inside

    @property
    def title(self) -> str:
        """The frame's title, as text."""
        return self._titled.plain

    def show_title(self, title: Content) -> None:
        """Show ``title`` in the frame, if it is another one: setting it repaints the whole pane."""
        if not title.is_same(self._titled):
            self.border_title = self._titled = title

    def set_privacy(self, down: bool) -> None:
        """Say that privacy mode is down, where it hides this pane."""
        if self._private and down != self._hidden:
            self._hidden = down
            self.border_subtitle = Content("hidden · F3 shows it") if down else ""


def badge(severity: str, status: str, playbook: Playbook) -> Content:
    """How bad it is while users are affected; then that they are not, and how bad it was."""
    known = {s.id: (rank, s.glyph) for rank, s in enumerate(playbook.severities)}
    rank, glyph = known.get(severity, (0, "●"))
    if status == "investigating":
        return severity_badge(severity, rank, len(playbook.severities), glyph)
    if status == "mitigated":
        return join(literal(" ◐ MITIGATED ", "$sev-low-text on $sev-low bold"), literal(severity))
    return join(literal(f" ✓ {status.upper()} ", "$status-ok-text on $status-ok bold"), literal(f"was {severity}"))


class Headline(Bar):
    """The top line of every screen about an incident. Its ground shows the severity while users are affected,
    and is green once the incident is resolved."""

    DEFAULT_CSS = """
    Headline { background: $panel; padding: 0 1; }
    Headline.-critical { background: $sev-critical; color: $sev-critical-text; }
    Headline.-high { background: $sev-high; color: $sev-high-text; }
    Headline.-medium { background: $sev-medium; color: $sev-medium-text; }
    Headline.-low { background: $sev-low; color: $sev-low-text; }
    Headline.-resolved { background: $status-ok; color: $status-ok-text; }
    """

    def show(
        self,
        incident: Incident,
        deliveries: Sequence[Delivery],
        playbook: Playbook,
        now: datetime,
        zone: tzinfo,
        *,
        read_only: bool = False,
    ) -> None:
        """Show the incident as it stands ``now``; with ``read_only`` that nothing can be recorded."""
        width = max(20, self.screen.size.width - 2)
        self.say(headline(incident, deliveries, playbook, now, zone, width, read_only=read_only))
        ranks = {s.id: rank for rank, s in enumerate(playbook.severities)}
        slot = severity_slot(incident.severity, ranks.get(incident.severity, 0), len(ranks))
        ground = slot if incident.status == "investigating" else "" if incident.open else "resolved"
        for name in (*SEVERITY_SLOTS, "resolved"):
            self.set_class(name == ground, f"-{name}")


def headline(
    incident: Incident,
    deliveries: Sequence[Delivery],
    playbook: Playbook,
    now: datetime,
    zone: tzinfo,
    width: int,
    *,
    read_only: bool = False,
) -> Content:
    """How bad, which, what, who leads, where we talk, what time it is: one line, cut in the middle if need be.

    Plain, bold and reversed alone: it stands on grounds of several colours.
    """
    drill = Content.styled(" DRILL ", DRILL_STYLE) if incident.drill else None
    unsaved = READ_ONLY if read_only else None
    left = join(badge(incident.severity, incident.status, playbook), drill, unsaved, literal(incident.id, "bold"))
    leader = literal(incident.commander, "bold") if incident.commander else literal(" nobody ", "bold reverse")
    clock = f"{now.astimezone(zone):%H:%M:%S %Z}"
    commander = Content.assemble("IC ", leader)
    right = join(commander, _channels(incident, deliveries), clock, gap="   ")
    space = width - left.cell_length - right.cell_length - 4
    if space < 12:  # a narrow screen: what it is matters more than where we talk
        right = join(commander, clock, gap="  ")
        space = width - left.cell_length - right.cell_length - 4
    what = literal(f"{incident.service} · {incident.title}").truncate(max(1, space), ellipsis=True)
    return left + "  " + what.pad_right(max(0, space - what.cell_length)) + "  " + right


def _channels(incident: Incident, deliveries: Sequence[Delivery]) -> Content:
    """Each destination with the state of what it was last sent."""
    last: dict[str, Delivery] = {delivery.destination: delivery for delivery in deliveries}
    parts = []
    for name, delivery in last.items():
        channel = incident.channels.get(name)
        shown = (channel.name if channel else "") or name
        worst = delivery.state if delivery.state is not DeliveryState.DELIVERED else _worst(deliveries, name)
        style = "" if worst is DeliveryState.DELIVERED else "bold reverse"
        parts.append(literal(f"{shown} {worst.glyph}", style))
    return join(*parts)


def _worst(deliveries: Sequence[Delivery], destination: str) -> DeliveryState:
    states = {delivery.state for delivery in deliveries if delivery.destination == destination}
    order = (DeliveryState.UNCONFIRMED, DeliveryState.FAILED, DeliveryState.SENDING, DeliveryState.PENDING)
    return next((state for state in order if state in states), DeliveryState.DELIVERED)


def phase_lines(
    incident: Incident, playbook: Playbook, now: datetime, zone: tzinfo, width: int, *, clock: bool
) -> Content:
    """Two lines: which phase (after how long, with ``clock``); the step, the next update, the response target."""
    elapsed = timing.clock(timing.elapsed(incident, now).total_seconds())
    front = Content.styled(f"{elapsed}   ", "bold") if clock else Content("")
    first = front + _rail(incident, playbook, now, width - front.cell_length)
    return Content("\n").join([first, _second(incident, playbook, now, zone, width)])


def _rail(incident: Incident, playbook: Playbook, now: datetime, width: int) -> Content:
    present = timing.phase(incident, playbook, now)
    phases = [phase for phase in playbook.phases if not phase.after_resolution]
    if not incident.open:
        return Content.assemble(literal(present.title, "bold"), "   ", (f"{incident.status}", "$text-success bold"))
    minutes = timing.elapsed(incident, now).total_seconds() / 60
    bounds = [f" {phase.to_minute} " if phase.to_minute else "" for phase in phases]
    fixed = sum(len(phase.title) + 1 for phase in phases) + sum(len(b) for b in bounds) + len(phases)
    cells = (width - fixed) // len(phases)
    if cells < 4:  # too narrow for all of them: the present one alone
        span = (
            f"{present.from_minute}–{present.to_minute} min"
            if present.to_minute
            else (f"{present.from_minute}+ min")
        )
        bar = _stretch(present, present, minutes, max(4, min(24, width - len(present.title) - len(span) - 4)))
        return Content.assemble(literal(present.title, "bold"), " ", bar, " ", (span, "$text-quiet"))
    parts: list[Content] = []
    for phase, bound in zip(phases, bounds, strict=True):
        style = "bold" if phase.id == present.id else "$text-quiet"
        parts.append(literal(phase.title, style) + " " + _stretch(phase, present, minutes, cells))
        parts.append(Content.styled(bound, "$text-quiet"))
    return Content("").join(parts)


def _stretch(phase: Phase, present: Phase, minutes: float, cells: int) -> Content:
    """A phase as a line: past ━, future ─, ● where we are. An open phase fills up over an hour."""
    if phase.from_minute > present.from_minute:
        return Content.styled("─" * cells, "$text-quiet")
    if phase.id != present.id:
        return Content.styled("━" * cells, "$primary")
    length = (phase.to_minute - phase.from_minute) if phase.to_minute else 60
    share = min(1.0, (minutes - phase.from_minute) / length)
    at = min(cells - 1, int(share * cells))
    return Content.assemble(("━" * at, "$primary"), ("●", "$primary bold"), ("─" * (cells - at - 1), "$text-quiet"))


def _second(incident: Incident, playbook: Playbook, now: datetime, zone: tzinfo, width: int) -> Content:
    parts: list[Content | None] = []
    step = timing.step(incident, playbook, now)
    response = timing.response(incident, playbook, now)
    if response:
        parts.append(_countdown("Acknowledge", response))
    update = timing.next_update(incident, playbook, now)
    if update:
        parts.append(_countdown("Next update", update, bar=width >= 100))
    elif incident.open:
        parts.append(Content.styled("No next update promised", "$text-warning"))
    resolved = incident.milestones.get("resolved")
    if resolved:
        parts.append(literal(f"Resolved {resolved.astimezone(zone):%H:%M}"))
    if incident.posts:
        last = incident.posts[-1]
        said = f"Last: {last.update.message} {last.number} at {last.at.astimezone(zone):%H:%M}"
        parts.append(literal(said, "$text-quiet"))
    else:
        parts.append(literal("No update posted yet", "$text-quiet"))
    if step:
        parts.insert(0, literal(f"{step.title} ({step.from_minute}–{step.to_minute} min)"))
    while len(parts) > 1 and join(*parts, gap="   ").cell_length > width:
        parts.pop(0 if step and len(parts) > 2 else -1)
    return join(*parts, gap="   ")


def _countdown(what: str, countdown: Countdown, *, bar: bool = False) -> Content:
    late = countdown.left_s <= 0
    word = URGENCY_WORD[countdown.urgency]
    time = timing.minutes(abs(countdown.left_s))
    said = f"{what} {time} {word}".rstrip() if late else f"{what} in {time}"
    badge = literal(f" {said} ", URGENCY_STYLE[countdown.urgency])
    if not bar:
        return badge
    cells = 16
    done = int(countdown.share * cells)
    return badge + " ▕" + Content.styled("█" * done + "░" * (cells - done), "$text-quiet") + "▏"


def checklist_rows(incident: Incident, playbook: Playbook, now: datetime) -> list[ListRow]:
    """The lists of the phases so far, and what comes after a fix; the present phase's list first."""
    present = timing.phase(incident, playbook, now)
    lists: list[Checklist] = []
    if incident.open:
        begun = [p for p in playbook.phases if not p.after_resolution and p.from_minute <= present.from_minute]
        lists += [playbook.checklists[phase.checklist] for phase in begun]
        # What is done with goes below what is still to do.
        lists.sort(key=lambda one: all(item.id in incident.ticks for item in one.items))
        if incident.fixes or present.to_minute is None:
            lists.append(playbook.checklists["recovery"])
    else:
        lists += [playbook.checklists[present.checklist], playbook.checklists["recovery"]]
        lists += [playbook.checklists[p.checklist] for p in playbook.phases if not p.after_resolution]
    following = next((i.id for one in lists for i in one.items if i.id not in incident.ticks), "")
    rows: list[ListRow] = []
    for one in lists:
        done = sum(item.id in incident.ticks for item in one.items)
        rows.append(ListRow("", literal(f"{one.title} {done}/{len(one.items)}", "$text-primary bold")))
        for item in one.items:
            tick = incident.ticks.get(item.id)
            glyph = ("✓ ", "$text-success bold") if tick else ("○ ", "bold" if item.id == following else "")
            words = literal(item.text, "$text-quiet" if tick else "bold" if item.id == following else "")
            rows.append(ListRow(item.id, Content.assemble(glyph, words)))
    return rows


def ticked(incident: Incident, playbook: Playbook, now: datetime) -> tuple[int, int]:
    """How many items of the present phase's list are done, and how many there are."""
    items = playbook.checklists[timing.phase(incident, playbook, now).checklist].items
    return sum(item.id in incident.ticks for item in items), len(items)


KIND_WORD = {"acknowledged": "acked"}
"""What is too long for its column."""

KIND_STYLE = {
    "alert": "$text-error bold",
    "declared": "$text-error bold",
    "update": "$text-primary bold",
    "finding": "$text-accent bold",
    "decision": "$text-accent bold",
    "change": "$text-warning bold",
    "fix": "$text-success bold",
    "resolved": "$text-success bold",
    "severity": "$text-warning bold",
    "reopened": "$text-error bold",
    "evidence": "$text-secondary bold",
}


def timeline_rows(incident: Incident, deliveries: Sequence[Delivery], zone: tzinfo, now: datetime) -> list[ListRow]:
    """The entries: time, kind, words, who; for a post where it has arrived.

    Items that another entry ticked are left out: the checklist shows them, and that entry is here.
    """
    sent: dict[UUID, list[Delivery]] = {}
    for delivery in deliveries:
        if delivery.order.act == "post":
            sent.setdefault(delivery.entry_id, []).append(delivery)
    rows, day = [], None
    today = now.astimezone(zone).date()
    for row in incident.timeline:
        if isinstance(row.entry.event, ItemChecked) and row.entry.event.because:
            continue
        here = row.at.astimezone(zone)
        if here.date() != day and (day or here.date() != today):
            rows.append(ListRow("", Content.styled(f"{here:%A %d %B}", "$text-quiet")))
        day = here.date()
        rows.append(_timeline_row(row, f"{here:%H:%M}", sent.get(row.id, ())))
    return rows


def _timeline_row(row: TimelineRow, at: str, posts: Sequence[Delivery]) -> ListRow:
    style = "$text-quiet strike" if row.retracted else ""
    state = join(
        *(
            literal(
                f"{post.destination} {post.state.glyph}",
                "" if post.state is DeliveryState.DELIVERED else "$text-warning",
            )
            for post in posts
        )
    )
    word = f"{KIND_WORD.get(row.kind, row.kind):<9}"
    kind = literal(word, "$text-quiet" if row.retracted else KIND_STYLE.get(row.kind, ""))
    amended = Content.styled(" (amended)", "$text-quiet") if row.amended else ""
    words = Content.assemble((at, "$text-quiet"), " ", kind, " ", literal(row.text, style), amended)
    return ListRow(str(row.id), words, join(state, literal(row.by, "$text-quiet") if row.by else None))


def role_rows(incident: Incident, playbook: Playbook, zone: tzinfo, assign_key: str) -> list[ListRow]:
    """Each role with who holds it since when, who is asked to take over, or who stands in."""
    rows: list[ListRow] = []
    for role in playbook.roles:
        held = incident.roles.get(role.id)
        rows.append(ListRow("", literal(role.title, "$text-primary bold")))
        if held:
            since = Content.styled(f"{held.since.astimezone(zone):%H:%M}", "$text-quiet")
            rows.append(ListRow(role.id, Content("  ") + literal(held.person, "bold"), since))
            if held.offered_to:
                rows.append(
                    ListRow("", Content("  → ") + literal(f"{held.offered_to}? y accepts", "$text-warning"))
                )
        else:
            key = Content.styled(assign_key, "$key bold")
            rows.append(ListRow(role.id, Content.styled("  unassigned", "$text-warning"), key))
            rows.append(ListRow("", literal(f"  backup: {role.backup}", "$text-quiet")))
    return rows
