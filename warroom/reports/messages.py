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
from warroom.incident.incident import Incident, Post
from warroom.incident.meetings import proposed, scheduled
from warroom.incident.playbook import Playbook, Template
from warroom.reports import templates
from warroom.reports.actions_taken import actions_taken, severity_title
from warroom.safety import redact, sanitize

TIMES = ("eta", "next_update", "window_start", "window_end")
"""The fields that are a time: in the text they stand in the team's zone and UTC if they can be read as one."""


def format_moment(at: datetime, zone: tzinfo, now: datetime | None = None) -> str:
    """Format a time for readers elsewhere: ``14:28 CET (13:28 UTC)``, with the date if it is not ``now``'s."""
    dated = now is not None and at.astimezone(zone).date() != now.astimezone(zone).date()
    return format_dated_moment(at, zone) if dated else _format_moment(at, zone)


def format_dated_moment(at: datetime, zone: tzinfo) -> str:
    """Format a time as ``format_moment`` does, always with the date; with UTC's date where that is another one."""
    return _format_moment(at, zone, dated=True)


def _format_moment(at: datetime, zone: tzinfo, *, dated: bool = False) -> str:
    here, there = at.astimezone(zone), at.astimezone(UTC)
    day = f"{here:%Y-%m-%d} " if dated else ""
    name = here.tzname() or ""
    if here.utcoffset() == timedelta(0):
        return f"{day}{here:%H:%M} {name or 'UTC'}"
    name = f"{name} " if name[:1].isalpha() else ""  # some zones are named by their offset only
    other_day = f"{there:%Y-%m-%d} " if dated and there.date() != here.date() else ""
    return f"{day}{here:%H:%M} {name}({other_day}{there:%H:%M} UTC)"


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
        return "\n".join(actions_taken(incident, playbook, last.row if last else 0, zone))
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
    """The last post to the template's audience; of a maintenance notice the last notice, of others no notice."""
    if TEMPLATE_KINDS.get(template.id) == "maintenance":
        notices = (post for post in reversed(incident.posts) if post.update.message == "maintenance")
        return next(notices, None)
    posts = incident.updates_to(template.audience)
    return posts[-1] if posts else None


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

    Customers see neither the marker nor an internal name: ``service_name`` is the service's name for them, and
    ``{{ incident }}`` in a team's own template is the incident's ``reference``. ``number`` counts the incident's
    posts. Missing fields are empty. Those of ``TIMES`` are written in the team's zone and UTC if they can be read
    as times. Raises ``SettingsError`` as ``templates.render`` does, and ``NotFound`` for an unknown template.
    """
    template = playbook.template(template_id)
    values = _common_fields(template, incident, playbook, now, zone)
    public = template.audience == "customers"
    if public:
        values["service"] = sanitize(service_name or public_name(incident.service))
        values["incident"] = reference(incident)
    values |= {name: sanitize(fields.get(name, "")).strip() for name in template.fields}
    if values["status"].casefold().startswith(("mitigated", "resolved", "closed")):
        # The message is written before the status is set; the impact has ended either way.
        values["mitigated"] = values["mitigated"] or format_moment(now, zone)
    for name in TIMES:
        if typed := values.get(name):
            values[name] = _format_typed_time(typed, now, zone)
    if values.get("window_start"):
        values |= _format_window(fields, now, zone)
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
        "severity": severity_title(playbook, incident.severity),
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


def maintenance_window(
    fields: Mapping[str, str], now: datetime, zone: tzinfo
) -> tuple[datetime | None, datetime | None]:
    """Return from when to when maintenance lasts; None for what is missing or cannot be read as a time.

    The end is typed as a time, or as a duration from the start: ``2h``.
    """
    start = _read_time(fields.get("window_start", ""), now, zone)
    return start, _read_time(fields.get("window_end", ""), start or now, zone)


def _read_time(typed: str, now: datetime, zone: tzinfo) -> datetime | None:
    if not typed.strip():
        return None
    try:
        return timing.read_moment(typed, now, zone, ahead=True)
    except BadInput:
        return None


def _format_window(fields: Mapping[str, str], now: datetime, zone: tzinfo) -> dict[str, str]:
    """Format the window for customers: the start with its date, the end with its date if it is another day."""
    start, end = maintenance_window(fields, now, zone)
    window = {"window_start": format_dated_moment(start, zone)} if start else {}
    return window | ({"window_end": format_moment(end, zone, start or now)} if end else {})


def _format_typed_time(typed: str, now: datetime, zone: tzinfo) -> str:
    try:
        return format_moment(timing.read_moment(typed, now, zone, ahead=True), zone, now)
    except BadInput:
        return typed
