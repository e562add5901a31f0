"""The post-mortem and the whole incident as Markdown, HTML and JSON text. Writes no file.

Everything that came from outside (log lines, notes, chat) is escaped before it stands in Markdown, and Markdown
becomes HTML with raw HTML switched off: no markup of a stranger's survives in any of the three.
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
from warroom.incident.events import SECTIONS
from warroom.incident.incident import Incident
from warroom.incident.playbook import Playbook
from warroom.reports import messages, postmortem
from warroom.reports.postmortem import PostMortem, Section, Told
from warroom.safety import redact, sanitize

Form = Literal["json", "markdown", "html"]
FORMS: tuple[Form, ...] = ("json", "markdown", "html")

POSTMORTEM_FORMAT = "warroom.postmortem/1"
EXPORT_FORMAT = "warroom.incident/1"
"""Named in the JSON; keys are only ever added to a format of the same number."""

LIMIT = 20_000_000
"""The longest document, in characters: a journal of a hundred thousand entries fits."""

_NOTHING = "*Not written yet.*"
_EMPTY = "*Left empty.*"
_DRAFT = "*Draft from the timeline, not yet reviewed:*"


# ── Markdown ────────────────────────────────────────────────────────────────────────────────────────────────


def escape(text: str) -> str:
    """``text`` as one line of Markdown that reads as it is written: nothing in it is markup."""
    one = " ".join(sanitize(text, newlines=False).split())
    one = re.sub(r"([\\`*_\[\]<>~|#!]|&(?=#?\w{1,32};))", r"\\\1", one)
    # At the beginning of a line these would start a list, a rule or a heading.
    return re.sub(r"^(?:([-+=])|(\d{1,9})([.)]))", lambda m: f"\\{m[1]}" if m[1] else f"{m[2]}\\{m[3]}", one)


def prose(text: str) -> str:
    """What a person wrote as Markdown, with lists and emphasis left to them; no HTML, links, headings, fences."""
    text = re.sub(r"([\\<\[\]]|&(?=#?\w{1,32};))", r"\\\1", sanitize(text))
    text = re.sub(r"`{3,}|~{3,}", lambda m: "".join(f"\\{c}" for c in m[0]), text)
    # A heading, by # or by a line drawn under it, also within a list or a quotation.
    marks = r"^((?:[ \t>]|(?:[-+*]|\d{1,9}[.)])[ \t]+(?=\S))*+)(?=#|=+[ \t]*$|-+[ \t]*$)"
    return re.sub(marks, r"\1\\", text, flags=re.MULTILINE).strip("\n")


def to_markdown(written: PostMortem, playbook: Playbook) -> str:
    """The document by the playbook's ``postmortem`` template. Raises ``SettingsError`` if that cannot be used."""
    duration = timing.format_duration(timedelta(seconds=written.duration_s))
    values = {
        "incident": escape(written.id),
        "title": escape(written.title),
        "service": escape(written.service),
        "severity": escape(written.severity),
        "status": escape(written.status.capitalize()),
        "time": escape(written.span),
        "started": escape(written.milestone_times.get("started", "")),
        "mitigated": escape(written.milestone_times.get("mitigated", "")),
        "resolved": escape(written.milestone_times.get("resolved", "")),
        "duration": escape(duration),
        "commander": "the incident commander",
        "minutes": "",
        "summary": _first(written.summary),
        "timeline": "\n\n".join(_days(written.timeline)),
        "milestones": _milestones(written),
        "phases": _table(
            ("Phase", "Time"), ((p.title, _spoken(p.seconds) + (" so far" * p.running)) for p in written.phases)
        ),
        "root_cause": _section(written.root_cause),
        "users_affected": escape(written.users_affected) or _NOTHING,
        "business_impact": escape(written.business_impact) or _NOTHING,
        "customer_impact": escape(written.customer_impact),
        "went_well": _section(written.went_well),
        "could_improve": _section(written.could_improve),
        "action_items": _actions(written),
        "cadence": _cadence(written),
        "roles": _roles(written),
        "evidence": _list(_row(row, f"{row.day} {row.time}") for row in written.evidence) or "*None was pinned.*",
    }
    template = playbook.template("postmortem")
    named = {name: values.get(name, "") for name in {*messages.FACTS, *template.fields}}
    drill = "> This was a drill.\n\n" if written.drill else ""
    return drill + messages.render(template.text, named, name="postmortem", limit=LIMIT) + "\n"


def _days(rows: Iterable[Told]) -> Iterator[str]:
    """The timeline day by day, each under its date and zone; where clocks change, a row names its zone itself."""
    for day, group in groupby(rows, key=lambda row: row.day):
        lines = list(group)
        offsets = list(dict.fromkeys(row.offset for row in lines))
        yield f"**{escape(day)}** ({escape(' then '.join(offsets))})"
        own = len(offsets) > 1
        yield _list(_row(row, f"{row.time} {row.offset.partition(',')[0]}" if own else row.time) for row in lines)


def _row(row: Told, time: str) -> str:
    data = f" ({escape(row.data)})" if row.data and row.data not in row.text else ""
    return f"**{escape(time)}** {escape(row.kind)}: {escape(row.text)}{data}"


def _list(rows: Iterable[str]) -> str:
    return "\n".join(f"- {row}" for row in rows)


def _first(section: Section) -> str:
    draft = "\n\n".join(escape(line) for line in section.suggestions)
    return prose(section.words) or (f"{_DRAFT} {draft}" if draft else _EMPTY if section.left_empty else _NOTHING)


def _section(section: Section) -> str:
    if section.suggestions:
        return "\n\n".join([_DRAFT, _list(escape(line) for line in section.suggestions)])
    return prose(section.words) or (_EMPTY if section.left_empty else _NOTHING)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(escape(cell) for cell in row) + " |" for row in rows]
    if not lines:
        return ""
    return "\n".join(["| " + " | ".join(head) + " |", "|" + " --- |" * len(head), *lines])


def _milestones(written: PostMortem) -> str:
    measured = written.measured
    took = {
        "detected": ("after it started", measured.detect_s),
        "acknowledged": ("after the declaration", measured.acknowledge_s),
        "mitigated": ("after it started", measured.mitigate_s),
        "resolved": ("after it started", measured.resolve_s),
    }
    rows = []
    for name in written.milestones:
        since, seconds = took.get(name, ("", None))
        told = f"{_spoken(seconds)} {since}" if seconds is not None else ""
        rows.append((name.capitalize(), written.milestone_times[name], told))
    return _table(("Milestone", "Time", "Took"), rows)


def _actions(written: PostMortem) -> str:
    if not written.actions:
        return "*None yet.*"
    rows = (
        f"[{'x' if a.done else ' '}] {escape(a.id)} {escape(a.words)} - {escape(a.owner) or '*no owner*'}"
        f" - {escape(a.due) or '*no due date*'}"
        for a in written.actions
    )
    return _list(rows)


def _cadence(written: PostMortem) -> str:
    rows = []
    for promise in written.cadence:
        if promise.kept is None:
            kept = "not needed" if promise.posted_at or written.status in ("resolved", "closed") else "pending"
        else:
            kept = "kept" if promise.kept else f"late by {_spoken(promise.late_s)}"
        if promise.kept is False and promise.posted_at is None:
            kept = f"missed ({_spoken(promise.late_s)})"
        rows.append((promise.audience, promise.time, kept))
    return _table(("Update for", "Promised", "Outcome"), rows)


def _roles(written: PostMortem) -> str:
    rows = [
        f"{escape(held.title)}: held for {_spoken(held.seconds)}"
        + (f", {held.handovers} handover{'s' * (held.handovers != 1)}" if held.handovers else "")
        for held in written.roles
    ]
    rows += [f"{escape(gap.title)}: nobody for {_spoken(gap.seconds)}, {escape(gap.time)}" for gap in written.gaps]
    return _list(rows)


def _spoken(seconds: float) -> str:
    return timing.format_duration(timedelta(seconds=seconds))


# ── HTML ────────────────────────────────────────────────────────────────────────────────────────────────────

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="referrer" content="no-referrer">
<title>{title}</title>
<style>
:root {{ color-scheme: light; }}
body {{ font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff; max-width: 48rem;
  margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere; }}
h1 {{ font-size: 1.6rem; line-height: 1.25; }}
h2 {{ font-size: 1.2rem; margin-top: 2rem; border-bottom: 1px solid #ccc; }}
table {{ border-collapse: collapse; margin: 1rem 0; }}
th, td {{ text-align: left; padding: .25rem .75rem; border: 1px solid #ccc; vertical-align: top; }}
blockquote {{ margin: 0; padding: .25rem 1rem; border-left: 4px solid #666; }}
code {{ font: .9em/1.4 ui-monospace, monospace; }}
@media print {{
  body {{ font-size: 10.5pt; max-width: none; margin: 0; padding: 0; }}
  h2 {{ break-after: avoid; }}
  tr, li {{ break-inside: avoid; }}
}}
</style>
</head>
<body>
{body}
</body>
</html>
"""


def to_html(markdown: str, title: str) -> str:
    """A page of its own, that loads nothing and prints well. Raw HTML in ``markdown`` is shown, not obeyed."""
    from markdown_it import MarkdownIt  # 30 ms that only an export needs

    engine = MarkdownIt("commonmark", {"html": False, "linkify": False}).enable("table").disable("image")
    return _PAGE.format(title=html.escape(sanitize(title, newlines=False)), body=engine.render(markdown))


# ── JSON ────────────────────────────────────────────────────────────────────────────────────────────────────


def to_json(written: PostMortem) -> str:
    """The post-mortem with a stable shape: times in UTC (RFC 3339), durations in seconds, None where unknown."""
    return _json({"format": POSTMORTEM_FORMAT, **_plain(written)})


def _plain(written: PostMortem) -> dict[str, Any]:
    shape = written.model_dump()
    shape["timeline"] = [_told(row) for row in shape["timeline"]]
    shape["evidence"] = [_told(row) for row in shape["evidence"]]
    return shape


def _told(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("seq", "at", "kind", "text", "data")}


def _json(value: Any) -> str:
    def other(value: object) -> str:
        if isinstance(value, datetime):
            return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        raise TypeError(f"{type(value).__name__} in a JSON document")

    return json.dumps(_clean(value), ensure_ascii=False, indent=2, default=other) + "\n"


def _clean(value: Any) -> Any:
    """The value with every text in it redacted, keys included: what is in the journal is not trusted to be."""
    if isinstance(value, str):
        return _safe(value)
    if isinstance(value, dict):
        return {_safe(name): _clean(below) for name, below in value.items()}
    return [_clean(below) for below in value] if isinstance(value, list | tuple) else value


# ── the whole incident ──────────────────────────────────────────────────────────────────────────────────────


def export(
    incident: Incident,
    playbook: Playbook,
    deliveries: Sequence[Delivery],
    now: datetime,
    zone: tzinfo,
    form: Form,
) -> str:
    """The incident as one document: its state, its timeline with every amendment, its post-mortem.

    The timeline here is the record: unlike the post-mortem's it names who did what. Everything is redacted.
    """
    written = postmortem.write(incident, playbook, deliveries, now, zone)
    if form == "json":
        return _json(_exported(incident, deliveries, written))
    markdown = "\n".join([*_record(incident, now, zone), "", "---", "", to_markdown(written, playbook)])
    return markdown if form == "markdown" else to_html(markdown, f"{incident.id} {written.title}")


def _exported(incident: Incident, deliveries: Sequence[Delivery], written: PostMortem) -> dict[str, Any]:
    return {
        "format": EXPORT_FORMAT,
        "incident": {
            "id": incident.id,
            "seq": incident.seq,
            "title": incident.title,
            "service": incident.service,
            "impact": incident.impact,
            "severity": incident.severity,
            "status": incident.status,
            "drill": incident.drill,
            "milestones": dict(incident.milestones),
            "roles": {role: {"person": held.person, "since": held.since} for role, held in incident.roles.items()},
            "checklist": {
                item: {"at": tick.at, "by": tick.by, "because": tick.because, "against": tick.against}
                for item, tick in incident.ticks.items()
            },
            "actions": [
                {
                    "id": item.id,
                    "text": item.words,
                    "owner": item.owner,
                    "due": item.due,
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
                "seq": row.seq,
                "at": row.at,
                "kind": row.kind,
                "by": row.by,
                "text": row.text,
                "amended": row.amended,
                "retracted": row.retracted,
            }
            for row in incident.timeline
        ],
        "deliveries": [
            {
                "id": d.id,
                "seq": d.seq,
                "destination": d.destination,
                "act": d.order.act,
                "state": d.state.value,
                "attempts": d.attempts,
                "url": d.receipt.url if d.receipt else "",
            }
            for d in deliveries
            if d.incident == incident.id
        ],
        "postmortem": _plain(written),
    }


def _record(incident: Incident, now: datetime, zone: tzinfo) -> Iterable[str]:
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
        *((held.title, held.person) for held in incident.roles.values()),
    )
    yield from (f"- {escape(name)}: {escape(_safe(text))}" for name, text in facts if text)
    yield from ("", "## Record", "")
    for row in incident.timeline:
        told = ("*retracted:* " if row.retracted else "") + escape(_safe(row.text))
        by = f" · {escape(_safe(row.by))}" if row.by else ""
        amended = " *(amended)*" if row.amended else ""
        when = f"{row.at.astimezone(zone):%Y-%m-%d %H:%M:%S %Z}"
        yield f"- **{when}** {escape(row.kind)}{by}: {told}{amended}"


def _safe(text: str) -> str:
    return redact(text, personal=False).text
