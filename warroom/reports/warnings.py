"""What a person should check before a message goes out."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, tzinfo

from warroom.incident.chat_events import ChatMessage
from warroom.incident.delivery import Message
from warroom.incident.events import Acknowledged, HandoverOffered
from warroom.incident.incident import Incident
from warroom.reports.messages import maintenance_window, public_name

_GROUP_MENTION = re.compile(
    r"(?<!\w)@(?:here|everyone|channel|all|room)\b|<!(?:here|channel|everyone)[^>\s]{0,40}>", re.IGNORECASE
)
_REDACTED = re.compile(r"‹redacted:([a-z0-9-]{1,40})›")
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
_NOT_HOSTS = frozenset({"utf-8", "utf-16", "sha-1", "sha-256", "covid-19"})


def find_warnings(
    template_id: str,
    fields: Mapping[str, str],
    message: Message,
    incident: Incident,
    zone: tzinfo = UTC,
    services: Collection[str] = (),
) -> tuple[str, ...]:
    """List what a person should check before ``message`` is sent. None of it prevents sending.

    ``fields`` are the ones the person edited; the others keep their draft. ``zone`` is the team's, for times;
    ``services`` are the names of its services.
    """
    found: list[str] = []
    body = message.text.removesuffix(message.marker)
    if redacted := _REDACTED.findall(body):
        found.append(f"{_count(len(redacted), 'secret')} redacted: {', '.join(dict.fromkeys(redacted))}")
    mentions = dict.fromkeys(match[0] for match in _GROUP_MENTION.finditer(body))
    found += [f"{mention} notifies everyone in the channel" for mention in mentions]
    if fields.get("eta", "").strip() and not incident.fixes:
        found.append("There is an ETA but no fix is recorded")
    resolving = template_id in ("resolution", "customer_resolution") or not incident.open
    if not resolving and "next_update" in fields and not fields["next_update"].strip():
        found.append("No time for the next update")
    if message.kind == "maintenance":
        found += _for_maintenance(fields, message.at, zone)
    if message.audience == "customers":
        found += _for_customers(body, incident, services)
    return tuple(found)


def _for_customers(body: str, incident: Incident, services: Collection[str]) -> Iterable[str]:
    hosts = [match[0] for match in _IP.finditer(body)]
    hosts += [match[0] for match in _HOST.finditer(body)]
    own = [incident.id, *([incident.service] if public_name(incident.service) != incident.service else [])]
    own += [name for name in services if name not in own and re.fullmatch(r"\w+[-_][\w-]+", name)]  # no plain words
    for name in own:
        if re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", body, re.IGNORECASE):
            yield f"{name} is an internal name; customers will read this"
    for host in dict.fromkeys(host for host in hosts if host not in {*_NOT_HOSTS, *own, incident.service}):
        yield f"{host} looks like a host name or address; customers will read this"
    for name in names_in(incident):
        if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", body):
            yield f"names {name}; customers will read this"


def _for_maintenance(fields: Mapping[str, str], now: datetime, zone: tzinfo) -> Iterable[str]:
    start, end = maintenance_window(fields, now, zone)
    if start is None or end is None:
        yield "The window needs a start and an end, such as 2026-01-31 22:00 and 2h"
    elif end <= start:
        yield "The window ends before it starts"
    if start is not None and start < now:
        yield "The window starts in the past"
    if not fields.get("rollback", "").strip():
        yield "No rollback: say what happens if something goes wrong"


def names_in(incident: Incident) -> tuple[str, ...]:
    """Return the names of everyone in the incident and the first names among them, longest first.

    A first name that is an everyday word (Will, Mark, May) only counts as part of the full name.
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
        if len(part) > 2 and part[:1].isupper() and part.lower() not in _EVERYDAY_WORDS
    }
    return tuple(sorted(full | parts, key=lambda name: (-len(name), name)))


_EVERYDAY_WORDS = frozenset(
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
