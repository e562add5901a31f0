"""The checklist: the lists of the phases so far, and what comes after a fix."""

from __future__ import annotations

from datetime import datetime

from textual.content import Content

from warroom.incident import timing
from warroom.incident.incident import Incident, Tick
from warroom.incident.playbook import Checklist, Playbook, Step
from warroom.incident.step_items import findings_about, step_item_id
from warroom.tui.panes.pane import ListPane, PaneInput
from warroom.tui.widgets.row_list import ListRow
from warroom.tui.widgets.text import literal


def checklist_rows(incident: Incident, playbook: Playbook, now: datetime) -> list[ListRow]:
    """The lists of the phases so far, and what comes after a fix; the present phase's list first.

    The items of the timed step of this minute stand below the list of its phase.
    """
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
    step = timing.step(incident, playbook, now)
    step_list = next((phase.checklist for phase in playbook.phases if step and phase.id == step.phase), "")
    rows: list[ListRow] = []
    for one in lists:
        done = sum(item.id in incident.ticks for item in one.items)
        rows.append(ListRow("", literal(f"{one.title} {done}/{len(one.items)}", "$text-primary bold")))
        for item in one.items:
            tick = incident.ticks.get(item.id)
            glyph = tick_glyph(tick) if tick else ("○ ", "bold" if item.id == following else "")
            words = literal(item.text, "$text-quiet" if tick else "bold" if item.id == following else "")
            rows.append(ListRow(item.id, Content.assemble(glyph, words)))
        if step and one.id == step_list:
            rows += _step_rows(incident, step)
    return rows


def _step_rows(incident: Incident, step: Step) -> list[ListRow]:
    """What the timed step asks: nothing to tick, but to answer. An item with a finding about it has its ✓."""
    rows = [ListRow("", literal(f"{step.title} ({step.from_minute}–{step.to_minute} min)", "$text-primary bold"))]
    for number, item in enumerate(step.items):
        found = bool(findings_about(incident, item))
        glyph, style = (("✓ ", "$text-success bold"), "$text-quiet") if found else (("· ", ""), "")
        rows.append(ListRow(step_item_id(step.id, number), Content.assemble(glyph, literal(item, style))))
    return rows


def tick_glyph(tick: Tick) -> tuple[str, str]:
    """The glyph of an item that nobody has to do any more, with its style: ✓ for done, – for not needed."""
    return ("– ", "$text-quiet") if tick.not_needed else ("✓ ", "$text-success bold")


def ticked(incident: Incident, playbook: Playbook, now: datetime) -> tuple[int, int]:
    """How many items of the present phase's list are done, and how many there are."""
    items = playbook.checklists[timing.phase(incident, playbook, now).checklist].items
    return sum(item.id in incident.ticks for item in items), len(items)


def _rows(given: PaneInput) -> list[ListRow]:
    return checklist_rows(given.snapshot.incident, given.snapshot.playbook, given.now)


def _detail(given: PaneInput) -> str:
    done, total = ticked(given.snapshot.incident, given.snapshot.playbook, given.now)
    return f"{done}/{total}"


CHECKLIST = ListPane(
    "checklist", "Checklist", "pane_checklist", "items", _rows, _detail, choose=lambda _: "check", each_second=True
)
