"""The panes of the review: sections of the post-mortem, action items, the follow-up checklist."""

from __future__ import annotations

from textwrap import wrap

from textual.content import Content

from warroom.incident.action_items import item_state
from warroom.incident.events import OPTIONAL_SECTIONS, SECTIONS
from warroom.incident.tracking import issues
from warroom.reports import postmortem, warnings
from warroom.tui.panes.checklist import tick_glyph
from warroom.tui.panes.pane import ListPane, PaneInput
from warroom.tui.widgets.row_list import ListRow
from warroom.tui.widgets.text import join, literal, section_title


def section_rows(given: PaneInput) -> list[ListRow]:
    """Each section with its state, and below it what sounds like blame."""
    incident = given.snapshot.incident
    names = warnings.names_in(incident)
    rows: list[ListRow] = []
    for name in SECTIONS:
        words = incident.sections.get(name, "")
        if name in incident.unwritten:
            todo = Content.assemble("○ ", literal(section_title(name), "bold"))
            rows.append(ListRow(name, todo, literal("to write")))
            continue
        if name in OPTIONAL_SECTIONS and name not in incident.sections:
            rows.append(ListRow(name, literal(f"○ {section_title(name)}", "$text-quiet"), literal("optional")))
            continue
        done = Content.assemble(("✓ ", "$text-success bold"), literal(section_title(name), "$text-quiet"))
        hints = postmortem.find_blame(words, names)
        note = literal(f"! {len(hints)} to rephrase", "$text-warning") if hints else None
        rows.append(ListRow(name, done, note or (None if words else literal("left empty", "$text-quiet"))))
        for n, hint in enumerate(hints):
            lines = wrap(hint, max(20, given.width - 5)) or [hint]
            rows += [
                ListRow(f"{name}:{n}.{m}", literal(("  ! " if m == 0 else "    ") + line, "$text-warning"))
                for m, line in enumerate(lines)
            ]
    return rows


def _written(given: PaneInput) -> str:
    needed = len(SECTIONS) - len(OPTIONAL_SECTIONS)
    return f"{needed - len(given.snapshot.incident.unwritten)}/{needed}"


def action_rows(given: PaneInput) -> list[ListRow]:
    """The action items, those to do first, with owner and due date."""
    today = given.now.astimezone(given.zone).date().isoformat()
    known = issues(given.snapshot.incident)
    rows: list[ListRow] = []
    for item in sorted(given.snapshot.incident.actions.values(), key=lambda item: item.done_at is not None):
        done = item.done_at is not None
        late = not done and bool(item.due) and item.due < today
        glyph = ("✓ ", "$text-success bold") if done else ("! ", "$text-error bold") if late else "○ "
        words = Content.assemble(glyph, literal(f"{item.id} {item.words}", "$text-quiet" if done else ""))
        owner = literal(item.owner, "$text-quiet") if item.owner else literal("no owner", "$text-warning")
        due: Content | None = None
        if late:
            due = literal("OVERDUE", "$text-error bold")
        elif not done:
            due = literal(f"due {item.due}", "$text-quiet") if item.due else literal("no date", "$text-warning")
        issue = known.get(item.entry)
        number = literal(f"#{issue.id}" if issue.id else "issue …", "$text-quiet") if issue else None
        kind = literal(item.type, "$text-quiet") if item.type else None
        rows.append(ListRow(item.id, words, join(kind, number, owner, due, gap="  ")))
    return rows


def _finished(given: PaneInput) -> str:
    actions = given.snapshot.incident.actions.values()
    return f"{sum(item.done_at is not None for item in actions)}/{len(actions)}"


def follow_up_rows(given: PaneInput) -> list[ListRow]:
    """The checklist for after the incident: who ticked each item and when, or what it waits for; the learning loop
    below it."""
    incident = given.snapshot.incident
    rows = []
    for item in given.snapshot.playbook.checklists["post_incident"].items:
        tick = incident.ticks.get(item.id)
        glyph = tick_glyph(tick) if tick else ("○ ", "bold")
        words = Content.assemble(glyph, literal(item.text, "$text-quiet" if tick else ""))
        _, state = item_state(incident, item.id)
        if tick and not state:
            state = f"{tick.by} {tick.at.astimezone(given.zone):%d %b}".lstrip()
        rows.append(ListRow(item.id, words, literal(state, "$text-quiet") if state else None))
    if loop := given.snapshot.playbook.guidance.learning_loop:
        rows.append(ListRow("", literal("Learning loop", "$text-primary bold")))
        rows += [ListRow("", literal(f"· {line}", "$text-quiet")) for line in loop]
    return rows


def _done(given: PaneInput) -> str:
    items = given.snapshot.playbook.checklists["post_incident"].items
    return f"{sum(item.id in given.snapshot.incident.ticks for item in items)}/{len(items)}"


SECTIONS_PANE = ListPane(
    "sections", "To write", "pane_sections", "parts", section_rows, _written, choose=lambda _: "write", private=True
)
ACTION_ITEMS = ListPane(
    "actions",
    "Actions",
    "pane_actions",
    "todo",
    action_rows,
    _finished,
    private=True,
    empty="None yet. Press {action_item} to add one: what will make this less likely, or shorter?",
)
FOLLOW_UP = ListPane(
    "checklist", "Follow-up", "pane_checklist", "items", follow_up_rows, _done, choose=lambda _: "check"
)
