"""The figures as lines of text for a terminal and as JSON, their definitions beside them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta, tzinfo
from typing import Any, Literal, NamedTuple

from rich.cells import cell_len, set_cell_size

from warroom.incident.timing import format_duration
from warroom.reports.figures import DEFINITIONS, TITLES, AlertRule, Group, IncidentFigures
from warroom.reports.improvement import DEFINITION as IMPROVEMENT_DEFINITION

MOST_ROWS = 15
"""How many alerts or causes are listed; a line counts the rest."""

WIDE = 120
"""From this width on, in columns, a definition is on the line of its figure."""

_SPARKS = "▁▂▃▄▅▆▇█"
_EIGHTHS = " ▏▎▍▌▋▊▉"
_NONE = "–"


class TextLine(NamedTuple):
    """A line, and whether it is a title, a note (a definition) or neither."""

    text: str
    look: Literal["title", "note", "row", "good"] = "row"


def sparkline(values: Sequence[float | None]) -> str:
    """Return one cell for each value, as high as its part of the greatest; a space where there is none."""
    top = max((value for value in values if value is not None), default=0) or 1
    return "".join(
        " " if value is None else _SPARKS[min(len(_SPARKS) - 1, int(value / top * len(_SPARKS)))]
        for value in values
    )


def bar(part: float, width: int) -> str:
    """Return a bar of ``part`` (0 to 1) of ``width`` cells, to an eighth of a cell."""
    eighths = round(max(0.0, min(1.0, part)) * width * 8)
    return "█" * (eighths // 8) + (_EIGHTHS[eighths % 8] if eighths % 8 else "")


def span(seconds: float | None) -> str:
    """Return a duration for people; – for none."""
    return _NONE if seconds is None else format_duration(timedelta(seconds=seconds))


def percent(share: float | None) -> str:
    """Return a share of 0 to 1 in percent; – for none."""
    return _NONE if share is None else f"{share:.0%}"


def period(figures: IncidentFigures, zone: tzinfo) -> str:
    """Return the period in words, as dates in the team's zone."""
    begin = f" since {figures.since.astimezone(zone):%Y-%m-%d}" if figures.since else ""
    end = f" until {figures.until.astimezone(zone):%Y-%m-%d}" if figures.until else ""
    return f"{begin}{end}".strip() or "all that is recorded"


def figure_lines(figures: IncidentFigures, zone: tzinfo, width: int = WIDE) -> Iterator[TextLine]:
    """Yield the figures as lines of at most ``width`` cells; longer definitions run on."""
    count = figures.all.incidents
    yield TextLine(f"{count} incident{'s' * (count != 1)}, {period(figures, zone)}", "title")
    if figures.improvement:
        posted = f" Posted {figures.posted_at.astimezone(zone):%d %b %Y}." if figures.posted_at else ""
        yield TextLine(f"★ {figures.improvement}{posted}", "good")
    for id in figures.unreadable:
        yield TextLine(f"! {id} cannot be read and is left out; warroom doctor says why", "note")
    yield from _durations(figures, width)
    yield from _updates(figures)
    yield from _severities(figures, width)
    yield from _groups(figures)
    yield from _alerts(figures, width)
    yield from _actions(figures, width)
    yield from _causes(figures)
    yield from _drills(figures)


def _section(title: str, note: str) -> Iterator[TextLine]:
    yield TextLine("")
    yield TextLine(title, "title")
    yield TextLine(note, "note")


def _table(rows: Sequence[Sequence[str]], *, left: int = 1) -> Iterator[TextLine]:
    """Rows with aligned columns: the first ``left`` to the left, the others to the right, the last as it is."""
    widths = [max(cell_len(row[place]) for row in rows) for place in range(len(rows[0]) - 1)]
    for row in rows:
        cells = [
            set_cell_size(cell, size) if place < left else " " * (size - cell_len(cell)) + cell
            for place, (cell, size) in enumerate(zip(row, widths, strict=False))
        ]
        yield TextLine("  " + "  ".join([*cells, row[-1]]).rstrip())


def _durations(figures: IncidentFigures, width: int) -> Iterator[TextLine]:
    yield from _section("Times", DEFINITIONS["durations"])
    rows = [["", "median", "p90", "incidents", "by month", ""]]
    for name, title in TITLES.items():
        one = figures.all.averages.get(name)
        trend = sparkline(
            [month.averages[name].median_s if name in month.averages else None for month in figures.months]
        )
        median, p90, count = (span(one.median_s), span(one.p90_s), str(one.count)) if one else (_NONE, _NONE, "0")
        rows.append([title, median, p90, count, trend, DEFINITIONS[name] if width >= WIDE else ""])
    yield from _table(rows)
    if width < WIDE:
        for name in TITLES:
            yield TextLine(f"  {name.upper()} {DEFINITIONS[name]}", "note")


def _updates(figures: IncidentFigures) -> Iterator[TextLine]:
    yield from _section("Promised updates", DEFINITIONS["updates"])
    trend = sparkline([month.kept_share for month in figures.months])
    kept = f"{figures.all.kept} of {figures.all.promised} on time"
    yield from _table([["Kept", percent(figures.all.kept_share), kept, trend]])


def _severities(figures: IncidentFigures, width: int) -> Iterator[TextLine]:
    yield from _section("Severity", DEFINITIONS["severity"])
    most = max(figures.severities.values(), default=0) or 1
    room = max(10, min(40, width - 30))
    yield from _table([[name, str(n), bar(n / most, room)] for name, n in figures.severities.items()] or [["", ""]])
    changed = [(pair, n) for pair, n in figures.changes.items() if pair[0] != pair[1]]
    same = sum(figures.changes.values()) - sum(n for _, n in changed)
    yield TextLine(f"  unchanged {same}" + "".join(f" · {a} → {b} {n}" for (a, b), n in sorted(changed)))


def _groups(figures: IncidentFigures) -> Iterator[TextLine]:
    yield from _section(f"By {figures.by}", DEFINITIONS["period"] if figures.by == "month" else "Medians.")
    rows = [[figures.by, "incidents", *(name.upper() for name in TITLES), "updates kept", ""]]
    rows += [group_cells(group) for group in figures.groups]
    yield from _table(rows)


def group_cells(group: Group) -> list[str]:
    """Return a group as cells: name, incidents, the four medians, updates kept, and nothing."""
    medians = [span(group.averages[name].median_s) if name in group.averages else _NONE for name in TITLES]
    return [group.name, str(group.incidents), *medians, percent(group.kept_share), ""]


def _alerts(figures: IncidentFigures, width: int) -> Iterator[TextLine]:
    yield from _section("Alerts", DEFINITIONS["alerts"])
    if not figures.alerts:
        yield TextLine("  No alert fired.")
        return
    most = max(rule.fired for rule in figures.alerts)
    rows = [["alert", "fired", "incident", "dismissed", "neither", ""]]
    rows += [[*alert_cells(rule), bar(rule.fired / most, max(5, min(20, width - 70)))] for rule in figures.alerts]
    yield from _table(rows[: MOST_ROWS + 1])
    yield from _rest(len(figures.alerts))


def alert_cells(rule: AlertRule) -> list[str]:
    """Return an alert rule as cells: name, fired, became an incident, dismissed, neither."""
    neither = rule.fired - rule.incidents - rule.dismissed
    return [_one_line(rule.name), str(rule.fired), str(rule.incidents), str(rule.dismissed), str(neither)]


def _actions(figures: IncidentFigures, width: int) -> Iterator[TextLine]:
    yield from _section("Action items", DEFINITIONS["actions"])
    actions = figures.actions
    rows = [("open", actions.open), ("of these overdue", actions.overdue), ("done", actions.done)]
    most = max(actions.open + actions.done, 1)
    room = max(10, min(40, width - 30))
    yield from _table([[name, str(n), bar(n / most, room)] for name, n in rows])


def _causes(figures: IncidentFigures) -> Iterator[TextLine]:
    yield from _section("Repeated causes", DEFINITIONS["causes"])
    if not figures.causes:
        yield TextLine("  No cause came back.")
        return
    for cause in figures.causes[:MOST_ROWS]:
        left = f"; {cause.open_actions} action items open" if cause.open_actions else ""
        services, incidents = ", ".join(cause.services), ", ".join(cause.incidents)
        yield TextLine(
            f"  {len(cause.incidents)}× {_one_line(' '.join(cause.words))}: {services} ({incidents}){left}"
        )
    yield from _rest(len(figures.causes))


def _drills(figures: IncidentFigures) -> Iterator[TextLine]:
    yield from _section("Drills", DEFINITIONS["drills"])
    if not figures.drills.incidents:
        yield TextLine("  No drill in this period.")
        return
    head = ["", "drills", *(name.upper() for name in TITLES), "updates kept", ""]
    yield from _table([head, ["", *group_cells(figures.drills)[1:]]])


def _rest(total: int) -> Iterator[TextLine]:
    if total > MOST_ROWS:
        yield TextLine(f"  and {total - MOST_ROWS} more: warroom stats --json has all", "note")


def _one_line(text: str) -> str:
    return " ".join(text.split())


# ── JSON ──────────────────────────────────────────────────────────────────────────────────────────────────


def public(figures: IncidentFigures) -> dict[str, Any]:
    """Return the figures as JSON that others may rely on: durations in seconds, shares 0 to 1, null if none."""
    return {
        "since": figures.since,
        "until": figures.until,
        **_public_group(figures.all),
        "severities": dict(figures.severities),
        "severity_changes": [
            {"declared": declared, "final": final, "incidents": n}
            for (declared, final), n in sorted(figures.changes.items())
        ],
        "by": figures.by,
        "groups": [{"name": group.name, **_public_group(group)} for group in figures.groups],
        "alerts": [
            {"name": rule.name, "fired": rule.fired, "incidents": rule.incidents, "dismissed": rule.dismissed}
            for rule in figures.alerts
        ],
        "actions": {
            "open": figures.actions.open,
            "overdue": figures.actions.overdue,
            "done": figures.actions.done,
        },
        "repeated_causes": [
            {
                "words": list(cause.words),
                "incidents": list(cause.incidents),
                "services": list(cause.services),
                "open_actions": cause.open_actions,
            }
            for cause in figures.causes
        ],
        "drills": _public_group(figures.drills),
        "improvement": figures.improvement or None,
        "improvement_posted_at": figures.posted_at,
        "unreadable": list(figures.unreadable),
        "definitions": {**DEFINITIONS, "improvement": IMPROVEMENT_DEFINITION},
    }


def _public_group(group: Group) -> dict[str, Any]:
    return {
        "incidents": group.incidents,
        "durations": {
            name: group.averages[name].model_dump() if name in group.averages else None for name in TITLES
        },
        "updates": {"promised": group.promised, "kept": group.kept, "share": group.kept_share},
    }
