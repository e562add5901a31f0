"""The state of the investigation: the impact, what is suspected, who works on what and until when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from textual.content import Content

from warroom.incident.incident import Incident
from warroom.incident.presence import Presence
from warroom.incident.readings import ERRORS, Reading
from warroom.incident.timing import format_duration
from warroom.incident.topology import Trouble
from warroom.reports.brief import time_left
from warroom.reports.messages import impact_line
from warroom.tui.panes.pane import ListPane, PaneInput
from warroom.tui.widgets.row_list import ListRow
from warroom.tui.widgets.text import literal, shown_reading

GLYPHS = {"open": ("? ", "$text-warning bold"), "confirmed": ("✓ ", "$text-success bold"), "ruled out": ("✗ ", "")}
"""How a hypothesis stands."""


def state_rows(
    incident: Incident,
    now: datetime,
    others: Sequence[Presence] = (),
    readings: Sequence[tuple[str, Reading]] = (),
    troubles: Sequence[Trouble] = (),
) -> list[ListRow]:
    """The impact, what the service needs that is in trouble, the hypotheses (open ones first), the planned changes,
    the open tasks with the time left, what is measured (by the names of the probes), and who else is here."""
    label, _, impact = impact_line(incident).partition(": ")
    rows = [ListRow("", literal(label, "$text-primary bold")), ListRow("", literal(f"  {impact}"))]
    if troubles:
        rows.append(ListRow("", literal("Dependencies in trouble", "$text-primary bold")))
        rows += [ListRow("", literal(f"  {trouble}", "$text-warning")) for trouble in troubles]
    rows.append(ListRow("", literal("Hypotheses", "$text-primary bold")))
    order = list(GLYPHS)
    known = sorted(
        (one for one in incident.hypotheses.values() if one.state in GLYPHS), key=lambda one: order.index(one.state)
    )
    for one in known:
        glyph = GLYPHS[one.state]
        style = "$text-quiet" if one.state == "ruled out" else ""
        rows.append(ListRow(one.id, Content.assemble(glyph, literal(f"{one.id} {one.words}", style))))
    if not known:
        rows.append(ListRow("", literal("  none yet", "$text-quiet")))
    if incident.planned_changes:
        rows.append(ListRow("", literal("Planned changes", "$text-primary bold")))
        for change in incident.planned_changes:
            rows.append(ListRow(change.id, literal(f"{change.id} {change.words}")))
            rows.append(ListRow("", literal(f"   rollback: {change.rollback}", "$text-quiet")))
    rows.append(ListRow("", literal("In progress", "$text-primary bold")))
    for task in incident.open_tasks:
        over = task.until <= now
        left = literal(time_left(task.until, now), "$text-warning bold" if over else "$text-quiet")
        rows.append(ListRow(task.id, literal(f"{task.id} {task.who}: {task.words}"), left))
    if not incident.open_tasks:
        rows.append(ListRow("", literal("  nothing assigned", "$text-quiet")))
    for number, progress in enumerate(reversed(incident.runbooks.values())):
        if number == 0:
            rows.append(ListRow("", literal("Runbook", "$text-primary bold")))
        rows.append(ListRow("", literal(f"  {progress.describe()}")))
    if readings:
        rows.append(ListRow("", literal("Measured", "$text-primary bold")))
        rows += [
            ListRow("", Content.assemble(literal(f"  {name}: "), shown_reading(reading)))
            for name, reading in readings
        ]
    rows.append(ListRow("", literal("Also here", "$text-primary bold")))
    rows += [ListRow("", literal(f"  {describe_presence(one, now)}")) for one in others]
    if not others:
        rows.append(ListRow("", literal("  nobody else", "$text-quiet")))
    return rows


def describe_presence(one: Presence, now: datetime) -> str:
    """Who it is and what they do: ``Bob is composing an update (12 s)``, or the name alone."""
    doing = f" is {one.doing} ({format_duration(max(timedelta(0), now - one.since))})" if one.doing else ""
    return f"{one.by}{doing}"


def _rows(given: PaneInput) -> list[ListRow]:
    snapshot = given.snapshot
    # The errors in the logs are in the log pane.
    readings = [(name, one) for name, one in snapshot.other_readings((), given.now) if name != ERRORS]
    return state_rows(snapshot.incident, given.now, snapshot.others, readings, snapshot.troubles)


def _choose(row_id: str) -> str:
    return {"T": "finish_task", "C": "change_made"}.get(row_id[:1], "hypothesis")


STATE = ListPane(
    "state", "State", "pane_state", "investigation", _rows, choose=_choose, private=True, each_second=True
)
