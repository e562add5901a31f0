"""Renders the post-mortem and the whole incident as Markdown, HTML or JSON. Writes no file.

Text from outside (log lines, notes, chat) is escaped in Markdown, and Markdown is converted to HTML with raw HTML
disabled, so that its markup has no effect in any of the three.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import groupby
from typing import Any, Literal

from warroom.incident import timing
from warroom.incident.delivery import Delivery
from warroom.incident.events import SECTIONS, Section
from warroom.incident.incident import Incident
from warroom.incident.playbook import Playbook
from warroom.reports import postmortem, templates
from warroom.reports.postmortem import PostMortem, PostMortemSection, PromisedUpdate, TimelineLine
from warroom.reports.timeline_chart import timeline_chart
from warroom.safety import redact, sanitize

ExportFormat = Literal["json", "markdown", "html"]
EXPORT_FORMATS: tuple[ExportFormat, ...] = ("json", "markdown", "html")

POSTMORTEM_FORMAT = "warroom.postmortem/1"
EXPORT_FORMAT = "warroom.incident/1"
"""Named in the JSON. A format of the same number only ever gains keys."""

MAX_LENGTH = 20_000_000
"""The longest document, in characters: enough for a journal of 100,000 entries."""

_LINK = re.compile(r"https?://[^\s<>]+")
_NOT_WRITTEN = "*Not written yet.*"
_LEFT_EMPTY = "*Nothing to report.*"


# ── Markdown ──────────────────────────────────────────────────────────────────────────────────────────────


def escape(text: str) -> str:
    """Escape ``text`` as one line of Markdown without any markup."""
    one = " ".join(sanitize(text, newlines=False).split())
    one = re.sub(r"([\\`*_\[\]<>~|#!]|&(?=#?\w{1,32};))", r"\\\1", one)
    # At the beginning of a line these would start a list, a rule or a heading.
    return re.sub(r"^(?:([-+=])|(\d{1,9})([.)]))", lambda m: f"\\{m[1]}" if m[1] else f"{m[2]}\\{m[3]}", one)


def escape_prose(text: str) -> str:
    """Escape what a person wrote, keeping lists and emphasis: no HTML, links, headings or fences."""
    text = re.sub(r"([\\<\[\]]|&(?=#?\w{1,32};))", r"\\\1", sanitize(text))
    text = re.sub(r"`{3,}|~{3,}", lambda m: "".join(f"\\{c}" for c in m[0]), text)
    # A heading, ATX or setext, also inside a list or a quotation.
    marks = r"^((?:[ \t>]|(?:[-+*]|\d{1,9}[.)])[ \t]+(?=\S))*+)(?=#|=+[ \t]*$|-+[ \t]*$)"
    return re.sub(marks, r"\1\\", text, flags=re.MULTILINE).strip("\n")


def to_markdown(document: PostMortem, playbook: Playbook) -> str:
    """Render the document with the playbook's ``postmortem`` template.

    Raises ``SettingsError`` if the template cannot be used.
    """
    duration = timing.format_duration(timedelta(seconds=document.duration_s))
    values = {
        "incident": escape(document.id),
        "title": escape(document.title),
        "service": escape(document.service),
        "severity": escape(document.severity),
        "status": escape(document.status.capitalize()),
        "time": escape(document.span),
        "started": escape(document.milestone_times.get("started", "")),
        "mitigated": escape(document.milestone_times.get("mitigated", "")),
        "resolved": escape(document.milestone_times.get("resolved", "")),
        "duration": escape(duration),
        "commander": "the incident commander",
        "minutes": "",
        "summary": _section_text(document.summary),
        "timeline": _timeline(document),
        "milestones": _milestones(document),
        "phases": _table(
            ("Phase", "Time"),
            ((p.title, _format_seconds(p.seconds) + (" so far" * p.running)) for p in document.phases),
        ),
        "participants": escape(", ".join(document.participants)),
        "state": escape(_state(document)),
        "trigger": escape(document.trigger),
        "detection": escape(document.detection),
        "resolution": _bullet_list(escape(line) for line in document.resolution),
        "severities": escape(document.severities),
        "root_cause": _section_text(document.root_cause),
        "contributing_factors": _section_text(document.contributing_factors, optional=True),
        "lucky": _section_text(document.lucky, optional=True),
        "customer_messages": _customer_messages(document),
        "users_affected": _impact_line(document, "users_affected"),
        "business_impact": _impact_line(document, "business_impact"),
        "customer_impact": _impact_line(document, "customer_impact"),
        "went_well": _section_text(document.went_well),
        "could_improve": _section_text(document.could_improve),
        "action_items": _actions(document),
        "cadence": _promised_updates(document),
        "roles": _roles(document),
        "evidence": "\n\n".join(_evidence(document.evidence)) or "*None pinned.*",
    }
    template = playbook.template("postmortem")
    named = {name: values.get(name, "") for name in {*templates.COMMON_FIELDS, *template.fields}}
    drill = "> This was a drill.\n\n" if document.drill else ""
    return drill + templates.render(template.text, named, name="postmortem", max_length=MAX_LENGTH) + "\n"


def _timeline(document: PostMortem) -> str:
    """The whole timeline by day; of a long one the key events by phase and hour, the others counted."""
    if not document.parts:
        return "\n\n".join(_timeline_by_day(document.timeline))
    counted = sum(bool(row.routine) for row in document.timeline)
    blocks = [
        f"Key events. {counted} others are counted below each part;"
        f" `warroom timeline --incident {document.id}` lists everything."
    ]
    day = ""
    for part in document.parts:
        rows = [document.timeline[number] for number in part.lines]
        if part.day != day:
            day = part.day
            offsets = dict.fromkeys(row.offset for row in document.timeline if row.day == day)
            blocks.append(f"**{escape(day)}** ({escape(' then '.join(offsets))})")
        blocks.append(f"### {escape(part.title)}")
        if rows:
            blocks.append(_bullet_list(_timeline_item(row, row.time) for row in rows))
        if part.also:
            blocks.append(f"*{'Also' if rows else 'Only'} {escape(part.also)}.*")
    return "\n\n".join(blocks)


def _timeline_by_day(rows: Iterable[TimelineLine]) -> Iterator[str]:
    """Yield the timeline by day, each with its date and zone; where the clocks change, each row names its zone."""
    for day, group in groupby(rows, key=lambda row: row.day):
        lines = list(group)
        offsets = list(dict.fromkeys(row.offset for row in lines))
        yield f"**{escape(day)}** ({escape(' then '.join(offsets))})"
        own = len(offsets) > 1
        yield _bullet_list(
            _timeline_item(row, f"{row.time} {row.offset.partition(',')[0]}" if own else row.time) for row in lines
        )


def _timeline_item(row: TimelineLine, time: str) -> str:
    shown = f"<{row.data}>" if _LINK.fullmatch(row.data) else escape(row.data)
    data = f" ({shown})" if row.data and row.data not in row.text else ""
    return f"**{escape(time)}** {escape(row.kind)}: {escape(row.text)}{data}"


def _evidence(rows: Sequence[TimelineLine]) -> Iterator[str]:
    """Yield the evidence of each day as a list."""
    for day, group in groupby(rows, key=lambda row: row.day):
        yield f"**{escape(day)}**"
        yield _bullet_list(f"**{row.time}** {escape(row.text)}" for row in group)


def _state(document: PostMortem) -> str:
    """How far the document is, in one line."""
    if document.status not in ("resolved", "closed"):
        return "Draft, the incident is still open"
    missing = len(document.unwritten)
    todo = sum(not action.done for action in document.actions)
    parts = [f"Draft, {missing} {'section' if missing == 1 else 'sections'} to write" if missing else "Complete"]
    if document.actions:
        parts.append(f"{todo} of {len(document.actions)} action items open" if todo else "every action item done")
    if document.meeting:
        parts.append(f"meeting {document.meeting}")
    return " · ".join(parts)


def _bullet_list(rows: Iterable[str]) -> str:
    return "\n".join(f"- {row}" for row in rows)


def _section_text(section: PostMortemSection, *, optional: bool = False) -> str:
    if optional and not section.text:
        return ""
    return _prose(section.text) or (_LEFT_EMPTY if section.left_empty else _NOT_WRITTEN)


def _impact_line(document: PostMortem, section: Section) -> str:
    """A section that is one line of a list."""
    empty = _NOT_WRITTEN if section in document.unwritten else _LEFT_EMPTY
    return escape(getattr(document, section)) or empty


_MARKED = re.compile(r"\s*(?:[-+*]|\d{1,9}[.)])\s|\s*$|\s{2,}\S")


def _prose(text: str) -> str:
    """What a person wrote. Several lines without a list's marks or empty lines between them are meant as a list."""
    lines = text.strip().splitlines()
    if len(lines) > 1 and not any(_MARKED.match(line) for line in lines):
        text = _bullet_list(lines)
    return escape_prose(text)


def _customer_messages(document: PostMortem) -> str:
    """Each message as a quotation, with its times and links; one that was repeated in a row stands once."""
    parts = []
    for text, group in groupby(document.customer_messages, key=lambda message: message.text):
        told = [
            f"**{escape(message.time)}**" + "".join(f" <{url}>" for url in message.urls if _LINK.fullmatch(url))
            for message in group
        ]
        body = "\n>\n".join(
            "  \n".join(f"> {escape(line)}" for line in paragraph.splitlines() if line.strip())
            for paragraph in re.split(r"\n\s*\n", text.strip())
        )
        parts.append(f"{', '.join(told)}\n\n{body}")
    return "\n\n".join(parts)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(escape(cell) for cell in row) + " |" for row in rows]
    if not lines:
        return ""
    return "\n".join(["| " + " | ".join(head) + " |", "|" + " --- |" * len(head), *lines])


def _milestones(document: PostMortem) -> str:
    durations = document.durations
    took = {
        "detected": ("after it started", durations.detect_s, "MTTD"),
        "acknowledged": ("after the declaration", durations.acknowledge_s, "MTTA"),
        "mitigated": ("after it started", durations.mitigate_s, "MTTM"),
        "resolved": ("after it started", durations.resolve_s, "MTTR"),
    }
    rows = []
    for name in document.milestones:
        since, seconds, figure = took.get(name, ("", None, ""))
        text = f"{_format_seconds(seconds)} {since}" if seconds is not None else ""
        title = "Root cause identified" if name == "identified" else name.capitalize()
        rows.append((title, document.milestone_times[name], text, figure if text else ""))
    return _table(("Milestone", "Time", "Took", "Counts for"), rows)


def _actions(document: PostMortem) -> str:
    rows = (
        f"[{'x' if a.done else ' '}] {escape(a.id)} {escape(a.text)} - {escape(a.owner) or '*no owner*'}"
        f" - {escape(a.due) or '*no due date*'}"
        + (f" - {a.type}" if a.type else "")
        + (f" - <{a.issue}>" if _LINK.fullmatch(a.issue) else "")
        for a in document.actions
    )
    parts = [_bullet_list(rows) or "*None yet.*"]
    if document.not_needed:
        parts.append("Not needed after this incident:")
        parts.append(_bullet_list(f"{escape(one.text)}: {escape(one.reason)}" for one in document.not_needed))
    return "\n\n".join(parts)


MOST_PROMISES = 8
"""A document with more promised updates than this lists the latest ones, and counts all for each audience."""


def _promised_updates(document: PostMortem) -> str:
    if len(document.cadence) <= MOST_PROMISES:
        return _promises(document, document.cadence)
    rows = []
    for audience in dict.fromkeys(promise.audience for promise in document.cadence):
        due = [one for one in document.cadence if one.audience == audience and one.kept is not None]
        worst = max((one.late_s for one in due), default=0.0)
        kept = sum(one.kept is True for one in due)
        rows.append((audience, f"{kept} of {len(due)}", _format_seconds(worst) if kept < len(due) else ""))
    late = [promise for promise in document.cadence if promise.kept is False]
    shown = sorted(sorted(late, key=lambda one: -one.late_s)[:MOST_PROMISES], key=lambda one: one.due)
    parts = [_table(("Update for", "On time", "Latest by"), rows)]
    if len(late) > len(shown):
        parts.append(f"The {len(shown)} latest of {len(late)} that were late or missed:")
    return "\n\n".join([*parts, _promises(document, shown)]).strip()


def _promises(document: PostMortem, promises: Iterable[PromisedUpdate]) -> str:
    rows = []
    for promise in promises:
        if promise.kept is None:
            kept = "not needed" if promise.posted_at or document.status in ("resolved", "closed") else "pending"
        else:
            kept = "kept" if promise.kept else f"late by {_format_seconds(promise.late_s)}"
        if promise.kept is False and promise.posted_at is None:
            kept = f"missed ({_format_seconds(promise.late_s)})"
        rows.append((promise.audience, promise.time, kept))
    return _table(("Update for", "Promised", "Outcome"), rows)


def _roles(document: PostMortem) -> str:
    rows = [
        f"{escape(role.title)}: held for {_format_seconds(role.seconds)}"
        + (f", {role.handovers} handover{'s' * (role.handovers != 1)}" if role.handovers else "")
        for role in document.roles
    ]
    free: dict[tuple[str, float], list[str]] = {}
    for gap in document.gaps:
        free.setdefault((gap.time, gap.seconds), []).append(gap.title)
    rows += [
        f"{escape(', '.join(titles))}: nobody for {_format_seconds(seconds)}, {escape(time)}"
        for (time, seconds), titles in free.items()
    ]
    return _bullet_list(rows)


def _format_seconds(seconds: float) -> str:
    return timing.format_duration(timedelta(seconds=seconds))


# ── HTML ──────────────────────────────────────────────────────────────────────────────────────────────────

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="referrer" content="no-referrer">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; --text: #1a1a1a; --quiet: #5a6472; --page: #fff; --line: #ccd3dc;
  --link: #1d5fa8; --p0: #f2c4bd; --p1: #f5dfa6; --p2: #bfe3c6; --bad: #c0362c; --look: #2a6fbb; --act: #9a6a00;
  --good: #1d6b3a;
  --told: #5a6472; }}
@media (prefers-color-scheme: dark) {{
  :root {{ --text: #e1e7ef; --quiet: #9fadbf; --page: #10151c; --line: #3a4656; --link: #7cbcf8; --p0: #6b2f2a;
    --p1: #5c4a1c; --p2: #23512f; --bad: #ff9088; --look: #6bb2f7; --act: #f3bf58; --good: #86dc9f;
    --told: #9fadbf; }}
}}
body {{ font: 16px/1.5 system-ui, sans-serif; color: var(--text); background: var(--page); max-width: 48rem;
  margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere; }}
a {{ color: var(--link); }}
h1 {{ font-size: 1.6rem; line-height: 1.25; }}
h2 {{ font-size: 1.2rem; margin-top: 2rem; border-bottom: 1px solid var(--line); }}
h3 {{ font-size: 1rem; margin: 1.5rem 0 .5rem; }}
table {{ border-collapse: collapse; margin: 1rem 0; display: block; overflow-x: auto; }}
th, td {{ text-align: left; padding: .25rem .75rem; border: 1px solid var(--line); vertical-align: top;
  overflow-wrap: break-word; }}
@media (min-width: 44rem) {{ td:nth-child(-n+2) {{ white-space: nowrap; }} }}
blockquote {{ margin: 0; padding: .25rem 1rem; border-left: 4px solid var(--quiet); }}
code {{ font: .9em/1.4 ui-monospace, monospace; }}
li.task {{ list-style: none; margin-left: -1.4rem; }}
svg {{ display: block; max-width: 100%; height: auto; margin: 1.5rem 0; }}
svg .legend {{ fill: var(--quiet); }}
svg text {{ fill: var(--text); font: 12px system-ui, sans-serif; }}
svg line {{ stroke: var(--quiet); }}
.p0 rect {{ fill: var(--p0); }} .p1 rect {{ fill: var(--p1); }} .p2 rect {{ fill: var(--p2); }}
.bad {{ fill: var(--bad); }} .look {{ fill: var(--look); }} .act {{ fill: var(--act); }}
.good {{ fill: var(--good); }} .told {{ fill: var(--told); }}
@media print {{
  :root {{ --text: #000; --quiet: #444; --page: #fff; --line: #bbb; --link: #000; --p0: #f2c4bd; --p1: #f5dfa6;
    --p2: #bfe3c6; }}
  svg rect, svg circle {{ print-color-adjust: exact; -webkit-print-color-adjust: exact; }}
  svg {{ break-inside: avoid; }}
  body {{ font-size: 10.5pt; max-width: none; margin: 0; padding: 0; }}
  h2, h3 {{ break-after: avoid; }}
  table {{ display: table; }}
  tr, li {{ break-inside: avoid; }}
}}
</style>
</head>
<body>
{body}
</body>
</html>
"""


def to_format(document: PostMortem, playbook: Playbook, format: ExportFormat) -> str:
    """Render the post-mortem in a format. Raises ``SettingsError`` if the playbook's template cannot be used."""
    if format == "json":
        return to_json(document)
    markdown = to_markdown(document, playbook)
    if format == "markdown":
        return markdown
    return to_html(markdown, f"{document.id} {document.title}", timeline_chart(document))


_TASK = re.compile(r"<li>\[([ x])\] ")


def to_html(markdown: str, title: str, chart: str = "") -> str:
    """Render a self-contained page that loads nothing. Raw HTML in ``markdown`` is shown as text.

    ``chart`` is an SVG of ours; it stands before the first section.
    """
    from markdown_it import MarkdownIt  # 30 ms that only an export needs

    engine = MarkdownIt("commonmark", {"html": False, "linkify": False}).enable("table").disable("image")
    body = engine.render(markdown)
    body = _TASK.sub(
        lambda m: f'<li class="task"><input type="checkbox" disabled{" checked" * (m[1] == "x")}> ', body
    )
    if chart:
        head, section, rest = body.partition("<h2>")
        body = f"{head}{chart}\n{section}{rest}"
    return _PAGE.format(title=html.escape(sanitize(title, newlines=False)), body=body)


# ── JSON ──────────────────────────────────────────────────────────────────────────────────────────────────


def to_json(document: PostMortem) -> str:
    """Render the post-mortem in a stable format: times in UTC (RFC 3339), durations in seconds, null if unknown."""
    return _json({"format": POSTMORTEM_FORMAT, **_to_dict(document)})


def _to_dict(document: PostMortem) -> dict[str, Any]:
    shape = document.model_dump(by_alias=True)
    shape["timeline"] = [_public_line(row) for row in shape["timeline"]]
    shape["evidence"] = [_public_line(row) for row in shape["evidence"]]
    return shape


def _public_line(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("seq", "at", "kind", "text", "data")}


def _json(value: Any) -> str:
    def other(value: object) -> str:
        if isinstance(value, datetime):
            return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        raise TypeError(f"{type(value).__name__} in a JSON document")

    return json.dumps(_redact_all(value), ensure_ascii=False, indent=2, default=other) + "\n"


def _redact_all(value: Any) -> Any:
    """Redact every text in ``value``, keys included: the journal may have been written without redaction."""
    if isinstance(value, str):
        return _safe(value)
    if isinstance(value, dict):
        return {_safe(name): _redact_all(below) for name, below in value.items()}
    return [_redact_all(below) for below in value] if isinstance(value, list | tuple) else value


# ── the whole incident ────────────────────────────────────────────────────────────────────────────────────


def export(
    incident: Incident,
    playbook: Playbook,
    deliveries: Sequence[Delivery],
    now: datetime,
    zone: tzinfo,
    format: ExportFormat,
) -> str:
    """Render the incident as one document: its state, its whole timeline and its post-mortem.

    Unlike the post-mortem's, this timeline names people. Everything is redacted.
    """
    document = postmortem.build(incident, playbook, deliveries, now, zone)
    if format == "json":
        return _json(_export_dict(incident, deliveries, document))
    markdown = "\n".join([*_record_lines(incident, now, zone), "", "---", "", to_markdown(document, playbook)])
    if format == "markdown":
        return markdown
    return to_html(markdown, f"{incident.id} {document.title}", timeline_chart(document))


def _export_dict(incident: Incident, deliveries: Sequence[Delivery], document: PostMortem) -> dict[str, Any]:
    return {
        "format": EXPORT_FORMAT,
        "incident": {
            "id": incident.id,
            "seq": incident.version,
            "title": incident.title,
            "service": incident.service,
            "impact": incident.impact,
            "severity": incident.severity,
            "status": incident.status,
            "drill": incident.drill,
            "milestones": dict(incident.milestones),
            "roles": {name: {"person": role.person, "since": role.since} for name, role in incident.roles.items()},
            "checklist": {
                item: {
                    "at": tick.at,
                    "by": tick.by,
                    "because": tick.because,
                    "against": tick.against,
                    "not_needed": tick.not_needed,
                }
                for item, tick in incident.ticks.items()
            },
            "actions": [
                {
                    "id": item.id,
                    "text": item.words,
                    "owner": item.owner,
                    "due": item.due,
                    "type": item.type,
                    "item": item.item,
                    "added_at": item.added_at,
                    "done_at": item.done_at,
                }
                for item in incident.actions.values()
            ],
            "sections": {name: incident.sections[name] for name in SECTIONS if name in incident.sections},
            "channels": {name: channel.model_dump() for name, channel in incident.channels.items()},
        },
        "timeline": [
            {
                "seq": row.number,
                "id": str(row.id),
                "at": row.at,
                "kind": row.kind,
                "by": row.by,
                "text": row.text,
                "amended": row.amended,
                "retracted": row.retracted,
                "scrubbed": row.scrubbed,
            }
            for row in incident.timeline
        ],
        "deliveries": [
            {
                "id": d.id,
                "seq": d.seq,
                "destination": d.destination,
                "act": d.item.operation,
                "state": d.state.value,
                "attempts": d.attempts,
                "url": d.receipt.url if d.receipt else "",
            }
            for d in deliveries
            if d.incident == incident.id
        ],
        "postmortem": _to_dict(document),
    }


def _record_lines(incident: Incident, now: datetime, zone: tzinfo) -> Iterable[str]:
    yield f"# {escape(_safe(f'{incident.id} · {incident.title}'))}"
    yield ""
    if incident.drill:
        yield "- Drill"
    facts: tuple[tuple[str, str], ...] = (
        ("Service", incident.service),
        ("Severity", incident.severity.capitalize()),
        ("Status", incident.status.capitalize()),
        ("Impact was" if incident.impact_ended else "Impact", incident.impact),
        ("Duration", timing.format_duration(timing.elapsed(incident, now))),
        *((role.title, role.person) for role in incident.roles.values()),
    )
    yield from (f"- {escape(name)}: {escape(_safe(text))}" for name, text in facts if text)
    yield from ("", "## Record", "")
    for row in incident.timeline:
        text = ("*retracted:* " if row.retracted else "") + escape(_safe(row.text))
        by = f" · {escape(_safe(row.by))}" if row.by else ""
        amended = " *(amended)*" if row.amended else ""
        when = f"{row.at.astimezone(zone):%Y-%m-%d %H:%M:%S %Z}"
        yield f"- **{when}** {escape(row.kind)}{by}: {text}{amended}"


def _safe(text: str) -> str:
    return redact(text, personal=False).text
