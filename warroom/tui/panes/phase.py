"""Which phase the incident is in, and what is due: the two lines below the headline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo

from textual.content import Content

from warroom.incident import timing
from warroom.incident.delivery import Audience, MessageKind
from warroom.incident.incident import Incident
from warroom.incident.playbook import Phase, Playbook
from warroom.incident.timing import Countdown
from warroom.tui.widgets.text import URGENCY_STYLE, URGENCY_WORD, join, literal

POSTED: Mapping[MessageKind, str] = {
    "declaration": "Declared",
    "update": "Team updated",
    "resolution": "All-clear posted",
    "customer": "Customers updated",
    "executive": "Executives updated",
    "maintenance": "Maintenance announced",
}
"""What was posted last, before the time."""

DUE: Mapping[Audience, str] = {
    "team": "Team update",
    "customers": "Customer update",
    "executives": "Executive update",
}
"""Whose update is due, where more than one audience waits for one."""


def phase_lines(
    incident: Incident, playbook: Playbook, now: datetime, zone: tzinfo, width: int, *, clock: bool
) -> Content:
    """Two lines: which phase (after how long, with ``clock``); the step, the next update, the response target.

    Without ``clock`` there is room for a third one, beside the large digits: when the other audiences' updates are
    due. With it they stand on the second line as far as they fit.
    """
    elapsed = timing.format_duration(timing.elapsed(incident, now))
    front = Content.assemble((f" {elapsed} ", "bold reverse"), "  ") if clock else Content("")
    first = front + _rail(incident, playbook, now, width - front.cell_length)
    updates = _updates(incident, playbook, now, zone, width)
    if clock:
        return Content("\n").join([first, _second(incident, playbook, now, zone, width, updates)])
    second = _second(incident, playbook, now, zone, width, updates[:1])
    return Content("\n").join([first, second, _fitting(updates[1:], width)])


def _rail(incident: Incident, playbook: Playbook, now: datetime, width: int) -> Content:
    present = timing.phase(incident, playbook, now)
    phases = [phase for phase in playbook.phases if not phase.after_resolution]
    if not incident.open:
        return Content.assemble(literal(present.title, "bold"), "   ", (incident.state, "$text-success bold"))
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


def _second(
    incident: Incident, playbook: Playbook, now: datetime, zone: tzinfo, width: int, updates: Sequence[Content]
) -> Content:
    parts: list[Content] = []
    step = timing.step(incident, playbook, now)
    response = timing.response(incident, playbook, now)
    if response:
        parts.append(_countdown("Acknowledge", response, zone))
    parts += updates
    resolved = incident.milestones.get("resolved")
    if resolved:
        parts.append(literal(f"Resolved {resolved.astimezone(zone):%H:%M}"))
    if incident.posts:
        last = incident.posts[-1]
        posted = f"{POSTED[last.update.message]} {last.at.astimezone(zone):%H:%M}"
        parts.append(literal(posted, "$text-quiet"))
    else:
        parts.append(literal("No update posted yet", "$text-quiet"))
    named = [literal(f"{step.title} ({step.from_minute}–{step.to_minute} min)")] if step else []
    if join(*named, *parts, gap="   ").cell_length <= width:
        return join(*named, *parts, gap="   ")
    return _fitting(parts, width)


def _fitting(parts: Sequence[Content], width: int) -> Content:
    """As many of the parts as fit, the most important first; at least one."""
    shown = list(parts)
    while len(shown) > 1 and join(*shown, gap="   ").cell_length > width:
        shown.pop()
    return join(*shown, gap="   ")


def _updates(incident: Incident, playbook: Playbook, now: datetime, zone: tzinfo, width: int) -> list[Content]:
    """The countdown to each audience's next update: in full to the first one that is due, and to those late."""
    waiting = timing.next_updates(incident, playbook, now)
    shown: list[Content] = []
    for audience, update in waiting.items():
        what = "Next update" if list(waiting) == ["team"] else DUE[audience]
        if not shown or update.left_s <= 0:
            shown.append(_countdown(what, update, zone, bar=not shown and width >= 100))
        else:
            style = "$text-warning" if update.urgency == "soon" else "$text-quiet"
            time = timing.format_duration(update.distance)
            shown.append(literal(f"{audience} in {time} · {update.due.astimezone(zone):%H:%M}", style))
    if incident.open and "team" not in waiting:
        shown.append(Content.styled("No next update set", "$text-warning"))
    return shown


def _countdown(what: str, countdown: Countdown, zone: tzinfo, *, bar: bool = False) -> Content:
    time = timing.format_duration(countdown.distance)
    if countdown.left_s <= 0:
        text = f"{what.upper()} {time} {URGENCY_WORD[countdown.urgency]}".rstrip()
    else:
        text = f"{what} in {time} · due {countdown.due.astimezone(zone):%H:%M}"
    badge = literal(f" {text} ", URGENCY_STYLE[countdown.urgency])
    if not bar:
        return badge
    cells = 16
    done = int(countdown.share * cells)
    return badge + " ▕" + Content.styled("█" * done + "░" * (cells - done), "$text-quiet") + "▏"
