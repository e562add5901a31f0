"""The messages of a running incident: their fields drafted, the text composed and redacted. Never sends."""

from __future__ import annotations

import re
from base64 import b32encode
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from hashlib import sha256

from warroom.errors import BadInput
from warroom.incident import timing
from warroom.incident.delivery import TEMPLATE_KINDS, Audience, Message
from warroom.incident.events import (
    EvidencePinned,
    FixRecorded,
    HypothesisConfirmed,
    HypothesisRuledOut,
    ItemChecked,
    Noted,
    SeveritySet,
)
from warroom.incident.incident import Incident, Post, TimelineRow
from warroom.incident.meetings import proposed, scheduled
from warroom.incident.playbook import Playbook, Template
from warroom.incident.runbook_events import RunbookStepDone
from warroom.reports import templates
from warroom.safety import redact, sanitize

_MAX_ACTION = 200  # characters of one drafted action


def format_moment(at: datetime, zone: tzinfo, now: datetime | None = None) -> str:
    """Format a time for readers elsewhere: ``14:28 CET (13:28 UTC)``, with the date if it is not ``now``'s."""
    here = at.astimezone(zone)
    there = at.astimezone(UTC)
    day = f"{here:%Y-%m-%d} " if now and here.date() != now.astimezone(zone).date() else ""
    name = here.tzname() or ""
    if here.utcoffset() == timedelta(0):
        return f"{day}{here:%H:%M} {name or 'UTC'}"
    name = f"{name} " if name[:1].isalpha() else ""  # some zones are named by their offset only
    return f"{day}{here:%H:%M} {name}({there:%H:%M} UTC)"


def format_dated_moment(at: datetime, zone: tzinfo) -> str:
    """Format a time as ``format_moment`` does, always with the date."""
    return f"{at.astimezone(zone):%Y-%m-%d} {format_moment(at, zone)}"


_TECHNICAL = frozenset(
    {
        "api",
        "app",
        "backend",
        "be",
        "svc",
        "service",
        "srv",
        "server",
        "worker",
        "prod",
        "production",
        "v1",
        "v2",
    }
)


def public_name(service: str) -> str:
    """Return a service's name for customers: ``Checkout`` for ``checkout-api``.

    For services the settings do not describe. A name that is not an identifier is returned unchanged.
    """
    if not re.fullmatch(r"[\w-]+", service):
        return service
    words = [word for word in re.split(r"[-_]+", service) if word] or [service]
    while len(words) > 1 and words[-1].casefold() in _TECHNICAL:
        words.pop()
    name = " ".join(words)
    return name[:1].upper() + name[1:] if name.islower() else name


def marker(incident_id: str, number: int, audience: Audience) -> str:
    """Return the marker that identifies the incident's post ``number``.

    ``INC-7·u3`` for the team; an opaque reference for customers.
    """
    mark = f"{incident_id}·u{number}"
    if audience != "customers":
        return mark
    return f"Ref {b32encode(sha256(mark.encode()).digest())[:6].decode()}"


def reference(incident: Incident) -> str:
    """Return what outside services know the incident by, such as ``4F7K2QWX``.

    It says nothing to a reader, and is another one for the INC-7 of another journal.
    """
    declared = incident.rows[0].id.bytes if incident.rows else incident.id.encode()
    return b32encode(sha256(declared).digest())[:8].decode()


def draft(
    template_id: str, incident: Incident, playbook: Playbook, now: datetime, zone: tzinfo, service_name: str = ""
) -> dict[str, str]:
    """Draft the template's fields from the incident; "" where only a person can know.

    ``service_name`` is the service's name for customers. ``actions`` lists what happened since the last post to the
    same audience, one action per line. Raises ``NotFound`` for an unknown template.
    """
    template = playbook.template(template_id)
    fields = {name: _draft_field(name, template, incident, playbook, now, zone) for name in template.fields}
    if "service_description" in fields and fields["service_description"] in ("", incident.service):
        fields["service_description"] = service_name or public_name(incident.service)
    return fields


def _draft_field(
    name: str, template: Template, incident: Incident, playbook: Playbook, now: datetime, zone: tzinfo
) -> str:
    over = template.id in ("resolution", "customer_resolution") or not incident.open
    last = _last_post(incident, template)
    before = last.update.fields if last else {}
    if name == "status":
        return "Resolved" if template.id == "resolution" else incident.status.capitalize()
    if name == "impact":
        # The team's own wording is not meant for customers.
        return before.get("impact", "") if template.audience == "customers" else incident.impact
    if name == "actions":
        return "\n".join(_actions(incident, playbook, last.row if last else 0))
    if name == "eta":
        return "" if over or last is None else _estimate_ahead(last, now, zone)
    if name == "next_update":
        return (
            ""
            if over
            else _format_for_editing(now + timing.cadence(incident, playbook, template.audience), now, zone)
        )
    if name == "next_steps":
        return "\n".join(_next_steps(incident, playbook, now, zone))
    if name == "timeline":
        return _time_span(incident, now, zone)
    if name == "root_cause":
        return incident.sections.get("root_cause", "") or ("Under investigation" if incident.open else "")
    if name == "customer_impact":
        sections = incident.sections
        return sections.get("customer_impact", "") or sections.get("users_affected", "")
    if name == "customer_name":
        return before.get(name, "there")
    return before.get(name, "")


def _last_post(incident: Incident, template: Template) -> Post | None:
    return next((post for post in reversed(incident.posts) if post.update.audience == template.audience), None)


def _format_for_editing(at: datetime, now: datetime, zone: tzinfo) -> str:
    """Format a time as a person would type it: without the date if it is within 12 hours."""
    here = at.astimezone(zone)
    return f"{here:%H:%M}" if at - now < timedelta(hours=12) else f"{here:%Y-%m-%d %H:%M}"


def _estimate_ahead(post: Post, now: datetime, zone: tzinfo) -> str:
    """Return a post's estimate, or "" once its time has passed: an outdated promise must not be repeated."""
    eta = post.update.fields.get("eta", "")
    if not eta:
        return ""
    try:
        at = timing.read_moment(eta, post.at, zone, ahead=True)
    except BadInput:
        return eta
    return _format_for_editing(at, now, zone) if at > now else ""


def _actions(incident: Incident, playbook: Playbook, after: int) -> Iterable[str]:
    for row in incident.timeline:
        if row.number > after and not row.withdrawn and (action := describe_action(row, incident, playbook)):
            one = " ".join(action.split())
            yield one if len(one) <= _MAX_ACTION else one[: _MAX_ACTION - 1] + "…"


def describe_action(row: TimelineRow, incident: Incident, playbook: Playbook) -> str:
    """Return what a row of the timeline adds to "what we've done"; "" if nothing.

    An item that was checked automatically or unchecked since adds nothing.
    """
    event = row.entry.event
    if isinstance(event, ItemChecked):
        return event.title if not event.because and event.item in incident.ticks else ""
    if isinstance(event, Noted):
        if event.note == "hypothesis" and not any(one.entry == row.id for one in incident.hypotheses_in("open")):
            return ""  # what became of it is an entry of its own
        word = {"finding": "Found", "change": "Changed", "decision": "Decided", "hypothesis": "Suspected"}
        return f"{word[event.note]}: {row.text}" if event.note in word else ""
    if isinstance(event, HypothesisConfirmed):
        return f"Confirmed: {event.words}"
    if isinstance(event, HypothesisRuledOut):
        return f"Ruled out: {event.words}"
    if isinstance(event, FixRecorded):
        return f"{'Temporary' if event.temporary else 'Permanent'} fix: {row.words or event.words}"
    if isinstance(event, EvidencePinned):
        return f"Evidence: {row.text}"
    if isinstance(event, RunbookStepDone):
        progress = incident.runbooks.get(event.runbook)
        return event.title if progress and event.step in progress.done else ""
    if isinstance(event, SeveritySet):
        before, after = (_severity(playbook, id) for id in (event.before, event.severity))
        return f"Severity {before} → {after}"
    return ""


def _severity(playbook: Playbook, id: str) -> str:
    """Return the severity's title, or its id if the playbook no longer has it."""
    return next((severity.title for severity in playbook.severities if severity.id == id), id.capitalize())


def _next_steps(incident: Incident, playbook: Playbook, now: datetime, zone: tzinfo) -> Iterable[str]:
    yield f"Post-mortem within {playbook.nudges.postmortem_hours} hours"
    if not incident.open:
        known = scheduled(incident).get("post-mortem")
        at = (
            known.at
            if known
            else proposed("post-mortem", incident.milestones["resolved"], now, zone, playbook.nudges)
        )
        yield f"Post-mortem meeting{'' if known else ', proposed'}: {at.astimezone(zone):%a %d %b %H:%M %Z}"
    for item in incident.actions.values():
        if item.done_at is None:
            parts = (item.words, item.owner, f"due {item.due}" if item.due else "")
            yield " · ".join(part for part in parts if part)


def _time_span(incident: Incident, now: datetime, zone: tzinfo) -> str:
    start = incident.milestones.get("started")
    if start is None:
        return ""
    resolved = incident.milestones.get("resolved")
    until = format_moment(resolved, zone, now) if resolved else "ongoing"
    return f"{format_moment(start, zone, now)} – {until}, {timing.format_duration(timing.elapsed(incident, now))}"


# ── composing ─────────────────────────────────────────────────────────────────────────────────────────────


def compose(
    template_id: str,
    fields: Mapping[str, str],
    incident: Incident,
    playbook: Playbook,
    now: datetime,
    zone: tzinfo,
    number: int,
    service_name: str = "",
) -> Message:
    """Compose the message: the template filled with ``fields``, sanitized and redacted, the marker as last line.

    Customers see neither the marker nor the service's internal name; ``service_name`` is its name for them.
    ``number`` counts the incident's posts. Missing fields are empty. ``eta`` and ``next_update`` are written in the
    team's zone and UTC if they can be read as times. Raises ``SettingsError`` as ``templates.render`` does, and
    ``NotFound`` for an unknown template.
    """
    template = playbook.template(template_id)
    values = _common_fields(template, incident, playbook, now, zone)
    public = template.audience == "customers"
    if public:
        values["service"] = sanitize(service_name or public_name(incident.service))
    values |= {name: sanitize(fields.get(name, "")).strip() for name in template.fields}
    if values["status"].casefold().startswith(("mitigated", "resolved", "closed")):
        # The message is written before the status is set; the impact has ended either way.
        values["mitigated"] = values["mitigated"] or format_moment(now, zone)
    for name in ("eta", "next_update"):
        if values.get(name):
            values[name] = _format_typed_time(values[name], now, zone)
    text = templates.render(template.text, values, name=template_id)
    text = redact(text, personal=public).text.strip()
    title, _, rest = text.removeprefix("Subject: ").partition("\n")
    title, mark = title.strip(), marker(incident.id, number, template.audience)
    if incident.drill:  # no reader may take it for a real incident
        title = f"DRILL · {title}"
    return Message(
        kind=TEMPLATE_KINDS.get(template_id, "update"),
        audience=template.audience,
        incident=incident.id,
        severity=incident.severity,
        status=incident.status,
        title=title,
        text="\n".join([title, *([rest] if rest else []), *([] if public else ["", mark])]),
        marker=mark,
        at=now,
        pin=template_id == "declaration",
    )


def compose_status(incident: Incident, playbook: Playbook, now: datetime, zone: tzinfo) -> Message:
    """Compose the status message: severity, status, who leads, when the next update is due."""
    severity = next((s for s in playbook.severities if s.id == incident.severity), None)
    name = severity.title if severity else incident.severity.capitalize()
    glyph = f"{severity.glyph} " if severity else ""
    drill = "DRILL · " if incident.drill else ""
    title = f"{glyph}{drill}{incident.id} · {name} · {incident.service} · {incident.status.capitalize()}"
    if not incident.open:
        state = incident.state[:1].upper() + incident.state[1:]
        title = f"✓ {drill}{incident.id} · {state} · {incident.service} · was {name}"
    rows = [title, "", impact_line(incident)]
    start, resolved = incident.milestones.get("started"), incident.milestones.get("resolved")
    if start:
        rows.append(f"Started: {format_moment(start, zone, now)}")
    if incident.status == "mitigated":
        rows.append(f"Mitigated: {format_moment(incident.milestones['mitigated'], zone, now)}")
    if resolved and not incident.duplicate_of:
        after = timing.format_duration(timing.elapsed(incident, now))
        rows.append(f"Resolved: {format_moment(resolved, zone, now)}, after {after}")
    for role in playbook.roles:
        held = incident.roles.get(role.id)
        if held or (incident.open and role.id == "incident_commander"):
            rows.append(f"{role.title}: {held.person if held else 'unassigned'}")
    if incident.open and (due := incident.promised.get("team")):
        rows.append(f"Next update: {format_moment(due, zone, now)}")
    mark = f"{incident.id}·status"
    text = redact("\n".join([*(sanitize(row, newlines=False) for row in rows), "", mark]), personal=False).text
    return Message(
        kind="status",
        audience="team",
        incident=incident.id,
        severity=incident.severity,
        status=incident.status,
        title=text.partition("\n")[0],
        text=text,
        marker=mark,
        at=now,
    )


def impact_line(incident: Incident) -> str:
    """Return the impact as a labelled line, in the past tense once users are no longer affected."""
    return f"{'Impact was' if incident.impact_ended else 'Impact'}: {incident.impact}"


def channel_topic(incident: Incident, video: str = "") -> str:
    """Return one line about the incident for the topic of its channel, with the address of the ``video`` call."""
    topic = _topic(incident)
    # The address goes first: services cut a long topic at its end.
    return f"{video} · {topic}" if video else topic


def _topic(incident: Incident) -> str:
    severity = incident.severity.capitalize()
    if not incident.impact_ended:
        return f"{severity} · {incident.service} · {incident.impact}"
    status = incident.status.capitalize()
    start = f"{severity} · {status}" if incident.open else status
    return f"{start} · {incident.service} · {impact_line(incident)}"


def _common_fields(
    template: Template, incident: Incident, playbook: Playbook, now: datetime, zone: tzinfo
) -> dict[str, str]:
    start, resolved = incident.milestones.get("started"), incident.milestones.get("resolved")
    mitigated = incident.milestones.get("mitigated") if incident.impact_ended else None
    minutes = timing.cadence(incident, playbook, template.audience) if incident.open else timedelta(0)
    facts = {
        "incident": incident.id,
        "title": incident.title,
        "service": incident.service,
        "severity": _severity(playbook, incident.severity),
        "status": incident.status.capitalize(),
        "time": format_moment(now, zone),
        "started": format_moment(start, zone, now) if start else "",
        "mitigated": format_moment(mitigated, zone, now) if mitigated else "",
        "resolved": format_moment(resolved, zone, now) if resolved else "",
        "duration": timing.format_duration(timing.elapsed(incident, now)),
        "commander": incident.commander,
        "minutes": str(int(minutes.total_seconds() // 60)) if minutes else "",
    }
    return {name: sanitize(value) for name, value in facts.items()}


def _format_typed_time(typed: str, now: datetime, zone: tzinfo) -> str:
    try:
        return format_moment(timing.read_moment(typed, now, zone, ahead=True), zone, now)
    except BadInput:
        return typed
