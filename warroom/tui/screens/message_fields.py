"""The fields of a message that is being composed: labels, hints and choices, and the text as it will be read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo

from textual.content import Content

from warroom.errors import BadInput
from warroom.incident import timing
from warroom.incident.delivery import Audience
from warroom.tui.widgets.text import block, literal

LONG = ("impact", "actions", "timeline", "next_steps", "root_cause", "customer_impact")
"""Fields that get several lines; so does any that is drafted with more than one."""

LISTS = ("actions", "next_steps")
"""Fields with one thing per line."""

TIMES = ("eta", "next_update", "window_start", "window_end")
"""Fields that are a time, shown as it will be read."""

WINDOW = ("window_start", "window_end")
"""The fields of a maintenance window."""

STATUSES = ("Investigating", "Identified", "Monitoring", "Mitigated")
"""What an update usually says about the status, the words of the common status pages."""

RESOLVED = ("Resolved", "Resolved, monitoring")

READERS: Mapping[Audience, str] = {"team": "the team", "customers": "customers", "executives": "executives"}


_BOLD = re.compile(r"(\*{1,2})(?=\S)(.+?)(?<=\S)\1")
_BULLET = re.compile(r"^(\s*)[-*] ", re.MULTILINE)


def rendered(text: str) -> Content:
    """The text of a message as a chat shows it: bold words and bullets instead of their marks."""
    parts: list[Content] = []
    at = 0
    text = _BULLET.sub(r"\1• ", text)
    for bold in _BOLD.finditer(text):
        parts += [block(text[at : bold.start()]), block(bold[2], "bold")]
        at = bold.end()
    return Content("").join([*parts, block(text[at:])])


def field_label(name: str) -> str:
    """What a field is called."""
    own = {"eta": "ETA", "service_description": "Service"}
    own |= {"window_start": "From", "window_end": "Until"}
    return own.get(name) or name.replace("_", " ").capitalize()


def field_hint(name: str) -> str:
    """An example of what to type, shown while the field is empty."""
    return {
        "eta": "14:40 or +20m",
        "next_update": "+15m or 14:30",
        "actions": "one action per line",
        "next_steps": "one step per line",
        "impact": "what readers notice",
        "window_start": "2026-01-31 22:00",
        "window_end": "2h or 23:30",
        "rollback": "what you do if it goes wrong",
    }.get(name, "")


def time_hint(
    name: str, typed: str, audience: Audience, now: datetime, zone: tzinfo, since: datetime | None = None
) -> Content:
    """What a time that was typed means, or what is wrong with it. A duration is counted from ``since``, or now."""
    typed = typed.strip()
    needed = (name == "next_update" and audience == "team") or name in WINDOW
    if not typed:
        return Content.styled(f"✗ needed: {_example(name)}", "$text-error") if needed else Content("")
    try:
        at = timing.read_moment(typed, since or now, zone, ahead=True)
    except BadInput:
        if name == "eta":
            return Content("as it stands")
        return Content.styled(f"✗ not a time: {_example(name)}", "$text-error")
    here = at.astimezone(zone)
    day = "" if here.date() == (since or now).astimezone(zone).date() else f"{here:%Y-%m-%d} "
    moment = f"{day}{here:%H:%M} {here.tzname()}"
    if at <= now:
        return literal(f"✗ {moment} is past", "$text-error")
    if since and at <= since:
        return literal(f"✗ {moment} is before the start", "$text-error")
    left = timing.format_duration(max(timedelta(seconds=1), at - (since or now)))
    return literal(f"= {moment}, {left} long" if since else f"= {moment}, in {left}")


def _example(name: str) -> str:
    return field_hint(name) if name in WINDOW else "+15m or 14:30"


def caught_up(typed: str, base: str, drafted: str) -> str:
    """What was typed, and the drafted lines that were not there yet when it was."""
    seen = {*base.splitlines(), *typed.splitlines()}
    return "\n".join([typed.rstrip("\n"), *(line for line in drafted.splitlines() if line not in seen)])
