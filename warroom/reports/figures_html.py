"""The figures as one HTML page: inline SVG charts, light and dark, printable. Loads nothing. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo
from html import escape

from warroom.reports.figures import DEFINITIONS, TITLES, IncidentFigures
from warroom.reports.figures_text import alert_cells, group_cells, percent, period, span
from warroom.reports.improvement import DEFINITION as IMPROVEMENT_DEFINITION
from warroom.safety import redact

BAR_WIDTH, ROW_HEIGHT, LABEL_WIDTH, NUMBER_WIDTH = 320, 24, 220, 90
COLUMN_WIDTH, CHART_HEIGHT, AXIS_HEIGHT = 48, 110, 20
FEWEST_COLUMNS = 6

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="referrer" content="no-referrer">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; --text: #1a1a1a; --quiet: #5a6472; --page: #fff; --line: #ccd3dc; --bar: #2a6fbb;
  --good: #1d6b3a; }}
@media (prefers-color-scheme: dark) {{
  :root {{ --text: #e1e7ef; --quiet: #9fadbf; --page: #10151c; --line: #3a4656; --bar: #6bb2f7; --good: #7fd69b; }}
}}
body {{ font: 16px/1.5 system-ui, sans-serif; color: var(--text); background: var(--page); max-width: 60rem;
  margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere; }}
h1 {{ font-size: 1.6rem; line-height: 1.25; }}
h2 {{ font-size: 1.2rem; margin: 2rem 0 0; border-bottom: 1px solid var(--line); }}
h3 {{ font-size: 1rem; margin: 1rem 0 .25rem; }}
.note {{ color: var(--quiet); margin: .25rem 0 .75rem; font-size: .9rem; }}
.good {{ color: var(--good); font-weight: 600; }}
table {{ border-collapse: collapse; margin: .5rem 0; }}
th, td {{ text-align: right; padding: .25rem .75rem; border-bottom: 1px solid var(--line); vertical-align: top;
  font-variant-numeric: tabular-nums; }}
th:first-child, td:first-child, td.text {{ text-align: left; }}
svg {{ display: block; max-width: 100%; height: auto; }}
svg text {{ fill: var(--text); font: 13px system-ui, sans-serif; }}
svg rect {{ fill: var(--bar); }}
@media print {{
  :root {{ --text: #000; --quiet: #444; --page: #fff; --line: #bbb; --bar: #2a6fbb; --good: #000; }}
  body {{ font-size: 10.5pt; max-width: none; margin: 0; padding: 0; }}
  svg rect {{ print-color-adjust: exact; -webkit-print-color-adjust: exact; }}
  h2, h3 {{ break-after: avoid; }}
  tr, svg {{ break-inside: avoid; }}
}}
</style>
</head>
<body>
{body}
</body>
</html>
"""


def to_html(figures: IncidentFigures, team: str, now: datetime, zone: tzinfo) -> str:
    """Render the figures as one self-contained page. ``team`` is the team's name, "" for none."""
    title = f"Incident figures{f' of {team}' if team else ''}"
    written = f"{now.astimezone(zone):%Y-%m-%d %H:%M %Z}"
    count = figures.all.incidents
    about = f"{count} incident{'s' * (count != 1)}, {period(figures, zone)}. As of {written}."
    body = [f"<h1>{_text(title)}</h1>", _note(about)]
    if figures.improvement:
        body.append(f'<p class="good">{_text(figures.improvement)}</p>{_note(IMPROVEMENT_DEFINITION)}')
    if figures.unreadable:
        body.append(_note(f"Left out because they cannot be read: {', '.join(figures.unreadable)}."))
    body += _durations(figures)
    body += [
        *_heading("Promised updates", "updates"),
        f"<p><strong>{percent(figures.all.kept_share)}</strong>:"
        f" {figures.all.kept} of {figures.all.promised} on time</p>",
        *_heading("Severity", "severity"),
        bars([(name, n, str(n)) for name, n in figures.severities.items()], "Incidents by severity"),
        _table(
            ("declared", "last", "incidents"),
            ((declared, final, str(n)) for (declared, final), n in sorted(figures.changes.items())),
        ),
        f"<h2>By {figures.by}</h2>{_note(DEFINITIONS['period'])}",
        _table(
            (figures.by, "incidents", *(name.upper() for name in TITLES), "updates kept"),
            (group_cells(group)[:-1] for group in figures.groups),
        ),
        *_heading("Alerts", "alerts"),
        bars(
            [(rule.name, rule.fired, str(rule.fired)) for rule in figures.alerts[:20]], "How often each alert fired"
        ),
        _table(
            ("alert", "fired", "incident", "dismissed", "neither"), (alert_cells(rule) for rule in figures.alerts)
        ),
        *_heading("Action items", "actions"),
        bars(
            [
                ("open", figures.actions.open, str(figures.actions.open)),
                ("of these overdue", figures.actions.overdue, str(figures.actions.overdue)),
                ("done", figures.actions.done, str(figures.actions.done)),
            ],
            "Action items",
        ),
        *_heading("Repeated causes", "causes"),
        _table(
            ("cause", "services", "incidents", "open action items"),
            (
                (" ".join(one.words), ", ".join(one.services), ", ".join(one.incidents), str(one.open_actions))
                for one in figures.causes
            ),
        )
        or "<p>No cause came back.</p>",
        *_heading("Drills", "drills"),
        _table(
            ("", "drills", *(name.upper() for name in TITLES), "updates kept"),
            [("", *group_cells(figures.drills)[1:-1])] if figures.drills.incidents else [],
        )
        or "<p>No drill in this period.</p>",
    ]
    return _PAGE.format(title=_text(title), body="\n".join(part for part in body if part))


def _durations(figures: IncidentFigures) -> Iterable[str]:
    yield from _heading("Times", "durations")
    rows = []
    for name, title in TITLES.items():
        one = figures.all.averages.get(name)
        cells = (span(one.median_s), span(one.p90_s), str(one.count)) if one else ("–", "–", "0")
        rows.append((title, *cells, DEFINITIONS[name]))
    yield _table(("", "median", "p90", "incidents", "measured"), rows)
    yield "<h3>Incidents by month</h3>"
    yield columns([(month.name, month.incidents, str(month.incidents)) for month in figures.months], "Incidents")
    for name, title in TITLES.items():
        medians = [(month.name, month.averages.get(name)) for month in figures.months]
        if any(one for _, one in medians):
            yield f"<h3>{_text(title)}: median by month</h3>"
            points = [
                (label, one.median_s, span(one.median_s)) if one else (label, 0.0, "") for label, one in medians
            ]
            yield columns(points, title)


def bars(rows: Sequence[tuple[str, float, str]], title: str) -> str:
    """Draw horizontal bars: each with a label, a value and the value in words; "" for no rows."""
    if not rows:
        return ""
    most = max(value for _, value, _ in rows) or 1
    parts = []
    for place, (label, value, words) in enumerate(rows):
        y = place * ROW_HEIGHT
        width = value / most * BAR_WIDTH
        shown = label if len(label) <= 30 else label[:29] + "…"
        parts.append(
            f'<g><title>{_text(label)}: {_text(words)}</title><text x="0" y="{y + 16}">{_text(shown)}</text>'
            f'<rect x="{LABEL_WIDTH}" y="{y + 4}" width="{width:.1f}" height="{ROW_HEIGHT - 8}" rx="2"/>'
            f'<text x="{LABEL_WIDTH + width + 6:.1f}" y="{y + 16}">{_text(words)}</text></g>'
        )
    size = (LABEL_WIDTH + BAR_WIDTH + NUMBER_WIDTH, ROW_HEIGHT * len(rows))
    return _svg(size, title, parts)


def columns(points: Sequence[tuple[str, float, str]], title: str) -> str:
    """Draw a column for each point: a label below, a value, and the value in words above; "" for no points."""
    if not points:
        return ""
    most = max(value for _, value, _ in points) or 1
    parts = []
    for place, (label, value, words) in enumerate(points):
        height = value / most * (CHART_HEIGHT - 20)
        x, y = place * COLUMN_WIDTH, CHART_HEIGHT - height
        middle = x + COLUMN_WIDTH / 2
        short = words if len(words) <= 6 else ""
        parts.append(
            f"<g><title>{_text(label)}: {_text(words or 'none')}</title>"
            f'<rect x="{x + 8}" y="{y:.1f}" width="{COLUMN_WIDTH - 16}" height="{height:.1f}" rx="2"/>'
            f'<text x="{middle}" y="{y - 4:.1f}" text-anchor="middle">{_text(short)}</text>'
            f'<text x="{middle}" y="{CHART_HEIGHT + 15}" text-anchor="middle">{_text(label[2:])}</text></g>'
        )
    wide = COLUMN_WIDTH * max(FEWEST_COLUMNS, len(points))
    return _svg((wide, CHART_HEIGHT + AXIS_HEIGHT), title, parts)


def _svg(size: tuple[int, int], title: str, parts: Iterable[str]) -> str:
    width, height = size
    return (
        f'<svg role="img" aria-label="{_text(title)}" width="{width}" height="{height}"'
        f' viewBox="0 0 {width} {height}">{"".join(parts)}</svg>'
    )


def _heading(title: str, definition: str) -> tuple[str, str]:
    return f"<h2>{_text(title)}</h2>", _note(DEFINITIONS[definition])


def _note(text: str) -> str:
    return f'<p class="note">{_text(text)}</p>'


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in row) + "</tr>" for row in rows]
    if not lines:
        return ""
    titles = "".join(f"<th>{_text(cell)}</th>" for cell in head)
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def _text(text: str) -> str:
    """``text`` without secrets, control characters and markup."""
    return escape(" ".join(redact(text, personal=False).text.split()))
