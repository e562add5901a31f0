"""What is said while the incident runs: template texts drafted, filled, redacted and warned about. Never sends.

Templates come from a playbook, which may be a stranger's. They run in jinja2's sandbox, and in a language cut
down to what a message needs (no calls, no arithmetic, no assignments, no nested loops), so that none can reach out,
hang the console or fill its memory: what comes out is at most as long as the template times its values.
"""

from __future__ import annotations

import re
from base64 import b32encode
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from warroom import toml
from warroom.errors import BadInput, SettingsError
from warroom.incident import timing
from warroom.incident.delivery import Audience, Message, MessageKind
from warroom.incident.events import (
    Acknowledged,
    ChatMessage,
    EvidencePinned,
    FixRecorded,
    HandoverOffered,
    ItemChecked,
    Noted,
    SeveritySet,
)
from warroom.incident.incident import Incident, Post, Row
from warroom.incident.playbook import Playbook, Template
from warroom.safety import redact, sanitize
from warroom.toml import Mistake

if TYPE_CHECKING:
    import jinja2
    from jinja2 import nodes

FACTS = (
    "incident",
    "title",
    "service",
    "severity",
    "status",
    "time",
    "started",
    "mitigated",
    "resolved",
    "duration",
    "commander",
    "minutes",
)
"""What every template may name besides its own fields."""

LIMIT = 20_000
"""The longest text a message template may give, in characters."""

_KINDS: Mapping[str, MessageKind] = {
    "declaration": "declaration",
    "update": "update",
    "resolution": "resolution",
}
_LINE_LIMIT = 200  # one drafted action; people cut them down, they should not have to start with a page


# ── filling a template ──────────────────────────────────────────────────────────────────────────────────────


def render(text: str, values: Mapping[str, str], *, name: str = "", limit: int = LIMIT) -> str:
    """The template ``text`` filled with ``values``.

    A line whose expressions all came out empty vanishes; blank lines do not pile up. ``name`` is the template's
    id, for errors. Raises ``SettingsError`` for a template that cannot be read, names what is not there (with
    what is), or gives more than ``limit`` characters.
    """
    template = _compiled(text, frozenset(values), name)
    clean = {key: _MARKS.sub("", value) for key, value in values.items()}
    from jinja2 import TemplateError

    parts: list[str] = []
    size = 0
    try:
        for part in template.generate(clean):
            parts.append(part)
            size += len(part)
            if size > limit + len(text):
                remedy = "Shorten its fields."
                raise SettingsError(f"gives more than {limit:,} characters", remedy, place=_place(name))
    except (TemplateError, TypeError, ValueError) as error:  # a loop over a number, a filter without its argument
        raise SettingsError(f"cannot be filled: {toml.plain(str(error), 200)}", place=_place(name)) from None
    return _without_empty_lines("".join(parts))


def check_templates(playbook: Playbook, source: str) -> None:
    """Raise ``SettingsError``, naming template and what is allowed, if a template of ``playbook`` cannot be used.

    ``source`` is the file's name as people know it.
    """
    told: list[str] = []
    remedies: list[str] = []
    for template in playbook.templates.values():
        names = {*FACTS, *template.fields}
        mistakes = list(_mistakes(template.text, names))
        told += [f"{_place(template.id)}: {mistake.what}" for mistake in mistakes]
        remedies += [mistake.remedy for mistake in mistakes if mistake.remedy]
        try:
            for word in () if mistakes else ("", "x\ny"):
                render(template.text, dict.fromkeys(names, word), name=template.id)
        except SettingsError as error:
            told.append(error.title)
    if told:
        raise SettingsError("\n".join(told), "\n".join(dict.fromkeys(remedies)), place=toml.plain(source))


_MARKS = re.compile("[\x02\x03]")
_PIECES = re.compile("([\x02\x03\n])")


def _place(name: str) -> str:
    return f"[templates.{toml.plain(name)}] text" if name else "the template"


@lru_cache(maxsize=128)
def _compiled(text: str, names: frozenset[str], name: str) -> jinja2.Template:
    mistakes = list(_mistakes(text, names))
    if mistakes:
        what = "\n".join(mistake.what for mistake in mistakes)
        raise SettingsError(what, mistakes[0].remedy, place=_place(name))
    try:
        return _environment().from_string(text)
    except (SyntaxError, RecursionError, MemoryError):  # blocks nested deeper than Python itself can compile
        raise SettingsError("is nested too deeply", "Make it flatter.", place=_place(name)) from None


@lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    import jinja2
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    env = ImmutableSandboxedEnvironment(
        undefined=jinja2.StrictUndefined,
        finalize=lambda value: f"\x02{value}\x03",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
        autoescape=False,  # plain text; whoever makes HTML of it escapes it
    )
    builtin = {key: env.filters[key] for key in ("upper", "lower", "capitalize", "title", "trim", "length")}
    env.filters.clear()
    env.filters |= builtin | {
        "bullets": _bullets,
        "lines": _lines,
        "at": lambda value: f"at {value}" if value else "",
        "default": lambda value, other: value or other,
        "first": lambda value: next(iter(_lines(value)), ""),
        "last": lambda value: next(reversed(_lines(value)), ""),
    }
    env.globals.clear()
    env.tests.clear()
    return env


def _lines(value: Any) -> list[str]:
    return [line.strip() for line in str(value).splitlines() if line.strip()]


def _bullets(value: Any) -> str:
    lines = _lines(value)
    return lines[0] if len(lines) == 1 else "".join(f"\n- {line}" for line in lines)


def _mistakes(text: str, names: Collection[str]) -> Iterable[Mistake]:
    """Why the template cannot be used; nothing where it can. Reads it, runs nothing of it."""
    import jinja2
    from jinja2 import nodes

    try:
        tree = _environment().parse(text)
        depth = _depth(tree, nodes.For)
        for node in tree.find_all(nodes.Node):
            if mistake := _mistake(node, nodes):
                yield mistake
                return
        if depth > 1:
            yield Mistake((), "has a loop within a loop", "Use one loop at a time.")
        from jinja2 import meta

        used = meta.find_undeclared_variables(tree)
        used |= {n.name for n in tree.find_all(nodes.Name) if n.name in ("self", "loop", "caller", "super")}
        for unknown in sorted(used - set(names)):
            yield Mistake((), f"there is no {toml.plain(unknown)}", toml.allowed(sorted(names), unknown))
    except jinja2.TemplateSyntaxError as error:
        what = toml.plain(str(error.message), 200)
        yield Mistake((), f"line {error.lineno}: {what}", f"Filters: {', '.join(sorted(_environment().filters))}.")
    except RecursionError:
        yield Mistake((), "is nested too deeply", "Make it flatter.")
    except ValueError:  # a number of thousands of digits
        yield Mistake((), "holds a number too large to be read")


def _depth(node: nodes.Node, kind: type[nodes.Node]) -> int:
    below = max((_depth(child, kind) for child in node.iter_child_nodes()), default=0)
    return below + isinstance(node, kind)


_ALLOWED = frozenset(
    {
        "Template",
        "Output",
        "TemplateData",
        "Name",
        "Const",
        "Filter",
        "If",
        "For",
        "CondExpr",
        "Compare",
        "Operand",
        "And",
        "Or",
        "Not",
    }
)


def _mistake(node: nodes.Node, nodes: Any) -> Mistake | None:
    kind = type(node).__name__
    if kind not in _ALLOWED or (kind == "For" and getattr(node, "recursive", False)):
        words = {"Call": "a call", "Assign": "{% set %}", "Getattr": "a dot", "Getitem": "[ ]", "Test": "is …"}
        told = words.get(kind, kind)
        return Mistake((), f"line {node.lineno}: {told} cannot be used", "Use {{ }}, {% if %}, {% for %}, filters.")
    known = _environment().filters
    if kind == "Filter" and getattr(node, "name", "") not in known:
        name = getattr(node, "name", "")
        return Mistake((), f"line {node.lineno}: no filter {toml.plain(name)}", toml.allowed(sorted(known), name))
    return None


def _without_empty_lines(text: str) -> str:
    """``text`` without the template lines whose marked expressions are all blank, and without the marks."""
    kept: list[str] = []
    line: list[str] = []
    depth, marked, filled = 0, False, False
    for piece in [*_PIECES.split(text), "\n"]:
        if piece == "\n" and depth == 0:
            if filled or not marked:
                kept.append("".join(line))
            line, marked, filled = [], False, False
        elif piece == "\x02":
            depth, marked = depth + 1, True
        elif piece == "\x03":
            depth -= 1
        else:
            filled = filled or (depth > 0 and bool(piece.strip()))
            line.append(piece)
    return re.sub(r"\n(?:[ \t]*\n){2,}", "\n\n", "\n".join(kept)).strip("\n")


# ── drafting ────────────────────────────────────────────────────────────────────────────────────────────────


def moment(at: datetime, zone: tzinfo, now: datetime | None = None) -> str:
    """A time as it is written down for others: ``14:28 CET (13:28 UTC)``; with the date if it is not ``now``'s."""
    here = at.astimezone(zone)
    there = at.astimezone(UTC)
    day = f"{here:%Y-%m-%d} " if now and here.date() != now.astimezone(zone).date() else ""
    name = here.tzname() or ""
    if here.utcoffset() == timedelta(0):
        return f"{day}{here:%H:%M} {name or 'UTC'}"
    name = f"{name} " if name[:1].isalpha() else ""  # some zones are named by their offset only
    return f"{day}{here:%H:%M} {name}({there:%H:%M} UTC)"


def dated(at: datetime, zone: tzinfo) -> str:
    """As ``moment``, always with the date: for documents that are read another day."""
    return f"{at.astimezone(zone):%Y-%m-%d} {moment(at, zone)}"


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
    """A service's name as customers can read it, where the settings do not describe it: ``checkout-api`` is
    ``Checkout``. A name that is no identifier stays as it is."""
    if not re.fullmatch(r"[\w-]+", service):
        return service
    words = [word for word in re.split(r"[-_]+", service) if word] or [service]
    while len(words) > 1 and words[-1].casefold() in _TECHNICAL:
        words.pop()
    name = " ".join(words)
    return name[:1].upper() + name[1:] if name.islower() else name


def marker(incident_id: str, number: int, audience: Audience) -> str:
    """What the incident's post with this number is recognised by: its id, or a reference that tells customers
    nothing."""
    mark = f"{incident_id}·u{number}"
    if audience != "customers":
        return mark
    return f"Ref {b32encode(sha256(mark.encode()).digest())[:6].decode()}"


def draft(
    template_id: str, incident: Incident, playbook: Playbook, now: datetime, zone: tzinfo, known_as: str = ""
) -> dict[str, str]:
    """The template's fields as far as the incident itself can fill them in; "" where only a person can.

    ``known_as`` is how customers know the service.

    ``actions`` tells what happened since the last post to the same audience, one thing a line. Raises
    ``NotFound`` for an unknown template.
    """
    template = playbook.template(template_id)
    fields = {name: _drafted(name, template, incident, playbook, now, zone) for name in template.fields}
    if "service_description" in fields and fields["service_description"] in ("", incident.service):
        fields["service_description"] = known_as or public_name(incident.service)
    return fields


def _drafted(
    name: str, template: Template, incident: Incident, playbook: Playbook, now: datetime, zone: tzinfo
) -> str:
    over = template.id in ("resolution", "customer_resolution") or not incident.open
    last = _last_post(incident, template)
    before = last.update.fields if last else {}
    if name == "status":
        return "Resolved" if template.id == "resolution" else incident.status.capitalize()
    if name == "impact":
        # What the team says among itself is not what it tells customers.
        return before.get("impact", "") if template.audience == "customers" else incident.impact
    if name == "actions":
        return "\n".join(_actions(incident, playbook, last.seq if last else 0))
    if name == "eta":
        return "" if over else _still_ahead(before.get("eta", ""), last, now, zone)
    if name == "next_update":
        return "" if over else _typed(now + timing.cadence(incident, playbook, template.audience), now, zone)
    if name == "next_steps":
        return "\n".join(_next_steps(incident, playbook))
    if name == "timeline":
        return _span(incident, now, zone)
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


def _typed(at: datetime, now: datetime, zone: tzinfo) -> str:
    """A time as a person would type it, so that it can be edited: without a date where none is needed."""
    here = at.astimezone(zone)
    return f"{here:%H:%M}" if at - now < timedelta(hours=12) else f"{here:%Y-%m-%d %H:%M}"


def _still_ahead(eta: str, post: Post | None, now: datetime, zone: tzinfo) -> str:
    """An estimate given before, unless its time has passed: an old promise must not be repeated unread."""
    if not eta or post is None:
        return ""
    try:
        at = timing.read_moment(eta, post.at, zone, ahead=True)
    except BadInput:
        return eta
    return _typed(at, now, zone) if at > now else ""


def _actions(incident: Incident, playbook: Playbook, after: int) -> Iterable[str]:
    for row in incident.timeline:
        if row.seq > after and not row.retracted and (told := action(row, incident, playbook)):
            one = " ".join(told.split())
            yield one if len(one) <= _LINE_LIMIT else one[: _LINE_LIMIT - 1] + "…"


def action(row: Row, incident: Incident, playbook: Playbook) -> str:
    """What a row of the timeline adds to "what we've done"; "" where it is none of it.

    An item ticked by another fact is not told twice, one unticked since is not told at all.
    """
    event = row.entry.event
    if isinstance(event, ItemChecked):
        return event.title if not event.because and event.item in incident.ticks else ""
    if isinstance(event, Noted):
        word = {"finding": "Found", "change": "Changed", "decision": "Decided", "hypothesis": "Suspected"}
        return f"{word[event.note]}: {row.text}" if event.note in word else ""
    if isinstance(event, FixRecorded):
        return f"{'Temporary' if event.temporary else 'Permanent'} fix: {row.words or event.words}"
    if isinstance(event, EvidencePinned):
        return f"Evidence: {row.text}"
    if isinstance(event, SeveritySet):
        before, after = (_severity(playbook, id) for id in (event.before, event.severity))
        return f"Severity {before} → {after}"
    return ""


def _severity(playbook: Playbook, id: str) -> str:
    """The severity's title; its bare id where the playbook has lost it since."""
    return next((severity.title for severity in playbook.severities if severity.id == id), id.capitalize())


def _next_steps(incident: Incident, playbook: Playbook) -> Iterable[str]:
    yield f"Post-mortem within {playbook.nudges.postmortem_hours} hours"
    for item in incident.actions.values():
        if item.done_at is None:
            parts = (item.words, item.owner, f"due {item.due}" if item.due else "")
            yield " · ".join(part for part in parts if part)


def _span(incident: Incident, now: datetime, zone: tzinfo) -> str:
    start = incident.milestones.get("started")
    if start is None:
        return ""
    resolved = incident.milestones.get("resolved")
    until = moment(resolved, zone, now) if resolved else "ongoing"
    return f"{moment(start, zone, now)} – {until}, {timing.format_duration(timing.elapsed(incident, now))}"


# ── composing ───────────────────────────────────────────────────────────────────────────────────────────────


def compose(
    template_id: str,
    fields: Mapping[str, str],
    incident: Incident,
    playbook: Playbook,
    now: datetime,
    zone: tzinfo,
    number: int,
    known_as: str = "",
) -> Message:
    """The message that ``fields`` make of the template: inert, redacted, the marker (``INC-7·u3``) as last line.

    Customers read neither marker nor the service's internal name; ``known_as`` is how they know it.
    ``number`` counts the incident's posts. Fields left out are empty; ``eta`` and ``next_update`` are told in the
    team's zone and UTC where they can be read as times. Raises ``SettingsError`` as ``render`` does, ``NotFound``
    for an unknown template.
    """
    template = playbook.template(template_id)
    values = _facts(template, incident, playbook, now, zone)
    public = template.audience == "customers"
    if public:
        values["service"] = sanitize(known_as or public_name(incident.service))
    values |= {name: sanitize(fields.get(name, "")).strip() for name in template.fields}
    if values["status"].casefold().startswith(("mitigated", "resolved", "closed")):
        # Said so before the incident's own status was set: the impact is past all the same.
        values["mitigated"] = values["mitigated"] or moment(now, zone)
    for name in ("eta", "next_update"):
        if values.get(name):
            values[name] = _told(values[name], now, zone)
    text = render(template.text, values, name=template_id)
    text = redact(text, personal=public).text.strip()
    title, _, rest = text.removeprefix("Subject: ").partition("\n")
    title, mark = title.strip(), marker(incident.id, number, template.audience)
    if incident.drill:  # nobody who reads one must take it for the real thing
        title = f"DRILL · {title}"
    kind = _KINDS.get(template_id) or {"customers": "customer", "executives": "executive"}.get(template.audience)
    return Message(
        kind=kind or "update",
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


def status(incident: Incident, playbook: Playbook, now: datetime, zone: tzinfo) -> Message:
    """The incident's one status message: how bad, how far, who leads, when the next update is due."""
    severity = next((s for s in playbook.severities if s.id == incident.severity), None)
    name = severity.title if severity else incident.severity.capitalize()
    glyph = f"{severity.glyph} " if severity else ""
    drill = "DRILL · " if incident.drill else ""
    title = f"{glyph}{drill}{incident.id} · {name} · {incident.service} · {incident.status.capitalize()}"
    if not incident.open:
        title = f"✓ {drill}{incident.id} · {incident.status.capitalize()} · {incident.service} · was {name}"
    rows = [title, "", impact(incident)]
    start, resolved = incident.milestones.get("started"), incident.milestones.get("resolved")
    if start:
        rows.append(f"Started: {moment(start, zone, now)}")
    if incident.status == "mitigated":
        rows.append(f"Mitigated: {moment(incident.milestones['mitigated'], zone, now)}")
    if resolved:
        after = timing.format_duration(timing.elapsed(incident, now))
        rows.append(f"Resolved: {moment(resolved, zone, now)}, after {after}")
    for role in playbook.roles:
        held = incident.roles.get(role.id)
        if held or (incident.open and role.id == "incident_commander"):
            rows.append(f"{role.title}: {held.person if held else 'nobody yet'}")
    if incident.open and (due := incident.promised.get("team")):
        rows.append(f"Next update: {moment(due, zone, now)}")
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


def impact(incident: Incident) -> str:
    """The impact as a labelled line, as past once users are no longer affected."""
    return f"{'Impact was' if incident.impact_ended else 'Impact'}: {incident.impact}"


def topic(incident: Incident) -> str:
    """One line on how the incident stands, for the topic of its channel."""
    severity = incident.severity.capitalize()
    if not incident.impact_ended:
        return f"{severity} · {incident.service} · {incident.impact}"
    status = incident.status.capitalize()
    start = f"{severity} · {status}" if incident.open else status
    return f"{start} · {incident.service} · {impact(incident)}"


def _facts(
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
        "time": moment(now, zone),
        "started": moment(start, zone, now) if start else "",
        "mitigated": moment(mitigated, zone, now) if mitigated else "",
        "resolved": moment(resolved, zone, now) if resolved else "",
        "duration": timing.format_duration(timing.elapsed(incident, now)),
        "commander": incident.commander,
        "minutes": str(int(minutes.total_seconds() // 60)) if minutes else "",
    }
    return {name: sanitize(value) for name, value in facts.items()}


def _told(typed: str, now: datetime, zone: tzinfo) -> str:
    try:
        return moment(timing.read_moment(typed, now, zone, ahead=True), zone, now)
    except BadInput:
        return typed


# ── warning ─────────────────────────────────────────────────────────────────────────────────────────────────

_SHOUT = re.compile(
    r"(?<!\w)@(?:here|everyone|channel|all|room)\b|<!(?:here|channel|everyone)[^>\s]{0,40}>", re.IGNORECASE
)
_MASKED = re.compile(r"‹redacted:([a-z0-9-]{1,40})›")
_IP = re.compile(
    r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.]*\d)"
    r"|(?<![\w:])(?:[0-9a-f]{1,4}:){3,7}[0-9a-f]{1,4}(?![\w:])"
    r"|(?<![\w:])(?:[0-9a-f]{1,4}:){1,6}:(?:[0-9a-f]{1,4}(?::[0-9a-f]{1,4}){0,6})?(?![\w:])",
    re.IGNORECASE,
)
_HOST = re.compile(
    r"(?<![\w./@-])(?:[a-z0-9-]{1,63}\.){1,6}[a-z]{2,24}(?::\d{1,5})?(?![\w-])"  # dotted, and no web address
    r"|(?<![\w.-])[a-z]{2,20}(?:-[a-z0-9]{1,20}){0,5}?-\d{1,4}(?![\w.-]*\w)"  # db-1, eu-west-1, ip-10-0-0-7
    r"|(?<![\w.-])(?:web|db|app|srv|host|node|worker|cache|redis|pg|sql|kafka|vm)\d{1,4}(?![\w-])"
)
_HARMLESS = frozenset({"utf-8", "utf-16", "sha-1", "sha-256", "covid-19"})


def warnings(template_id: str, fields: Mapping[str, str], message: Message, incident: Incident) -> tuple[str, ...]:
    """What a person should look at before ``message`` goes out. None of it forbids sending.

    ``fields`` are as the person left them; a field that is not among them keeps what was drafted.
    """
    told: list[str] = []
    body = message.text.removesuffix(message.marker)
    if masked := _MASKED.findall(body):
        told.append(f"{_count(len(masked), 'secret')} masked: {', '.join(dict.fromkeys(masked))}")
    shouts = dict.fromkeys(match[0] for match in _SHOUT.finditer(body))
    told += [f"{shout} rings everybody in the channel" for shout in shouts]
    if fields.get("eta", "").strip() and not incident.fixes:
        told.append("An ETA is promised, but no fix is recorded")
    resolving = template_id in ("resolution", "customer_resolution") or not incident.open
    if not resolving and "next_update" in fields and not fields["next_update"].strip():
        told.append("No next update time is named")
    if message.audience == "customers":
        told += _public(body, incident)
    return tuple(told)


def _public(body: str, incident: Incident) -> Iterable[str]:
    places = [match[0] for match in _IP.finditer(body)]
    places += [match[0] for match in _HOST.finditer(body)]
    own = [incident.id, *([incident.service] if public_name(incident.service) != incident.service else [])]
    for name in own:
        if re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", body, re.IGNORECASE):
            yield f"{name} is an internal name; customers read this"
    for place in dict.fromkeys(place for place in places if place not in {*_HARMLESS, *own, incident.service}):
        yield f"{place} looks like a host name or address; customers read this"
    for name in people(incident):
        if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", body):
            yield f"{name} is named; customers read this"


def people(incident: Incident) -> tuple[str, ...]:
    """The names of everybody who appears in the incident, longest first; first names of full ones too.

    A first name that is an everyday word (Will, Mark, May) only counts together with the rest of it.
    """
    full = {tenure.person for tenure in incident.tenures} | {item.owner for item in incident.actions.values()}
    for row in incident.rows:
        event = row.entry.event
        full.add(row.by)
        if isinstance(event, Acknowledged | ChatMessage):
            full.add(event.who)
        elif isinstance(event, HandoverOffered):
            full.add(event.to)
    full = {name.strip() for name in full} - {"", "warroom", incident.service}
    parts = {
        part
        for name in full
        for part in name.split()
        if len(part) > 2 and part[:1].isupper() and part.lower() not in _EVERYDAY
    }
    return tuple(sorted(full | parts, key=lambda name: (-len(name), name)))


_EVERYDAY = frozenset(
    {
        "will",
        "mark",
        "may",
        "april",
        "june",
        "august",
        "rose",
        "grace",
        "hope",
        "faith",
        "joy",
        "art",
        "bill",
        "frank",
        "drew",
        "chase",
        "pat",
        "sue",
        "rob",
        "nick",
        "dean",
        "miles",
        "the",
        "and",
        "api",
        "ops",
        "support",
        "team",
        "lead",
        "senior",
        "engineer",
        "manager",
        "oncall",
        "bot",
        "slack",
        "alert",
        "alertmanager",
    }
)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
