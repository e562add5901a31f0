"""The state of the investigation: the impact, what is suspected, who works on what and until when."""

from __future__ import annotations

from datetime import datetime

from textual.content import Content

from warroom.incident.incident import Incident
from warroom.reports.brief import time_left
from warroom.reports.messages import impact_line
from warroom.tui.panes.pane import ListPane, PaneInput
from warroom.tui.widgets.row_list import ListRow
from warroom.tui.widgets.text import literal

GLYPHS = {"open": ("? ", "$text-warning bold"), "confirmed": ("✓ ", "$text-success bold"), "ruled out": ("✗ ", "")}
"""How a hypothesis stands."""


def state_rows(incident: Incident, now: datetime) -> list[ListRow]:
    """The impact, the hypotheses (open ones first) and the open tasks with the time left."""
    label, _, impact = impact_line(incident).partition(": ")
    rows = [ListRow("", literal(label, "$text-primary bold")), ListRow("", literal(f"  {impact}"))]
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
    rows.append(ListRow("", literal("In progress", "$text-primary bold")))
    for task in incident.open_tasks:
        over = task.until <= now
        left = literal(time_left(task.until, now), "$text-warning bold" if over else "$text-quiet")
        rows.append(ListRow(task.id, literal(f"{task.id} {task.who}: {task.words}"), left))
    if not incident.open_tasks:
        rows.append(ListRow("", literal("  nothing assigned", "$text-quiet")))
    return rows


def _rows(given: PaneInput) -> list[ListRow]:
    return state_rows(given.snapshot.incident, given.now)


def _choose(row_id: str) -> str:
    return "finish_task" if row_id.startswith("T") else "hypothesis"


STATE = ListPane("state", "State", "pane_state", "facts", _rows, choose=_choose, private=True, each_second=True)
