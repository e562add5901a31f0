"""Short posts that tell the team of a turn in the incident: worse, mitigated, resolved, back again. Never sends.

The status message is edited in place, and an edit notifies nobody; these are posts of their own, so that everyone
in the channel is notified. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, tzinfo

from warroom.incident import timing
from warroom.incident.delivery import Message
from warroom.incident.events import Event, NewEntry, Reopened, Resolved, SeveritySet, StatusSet, UpdatePosted
from warroom.incident.identity import short_id
from warroom.incident.incident import Incident
from warroom.incident.playbook import Playbook
from warroom.reports.actions_taken import severity_title
from warroom.reports.messages import format_moment, impact_line
from warroom.safety import redact, sanitize


def announce(
    entry: NewEntry, incident: Incident, playbook: Playbook, now: datetime, zone: tzinfo
) -> Message | None:
    """Return the post that announces what ``entry`` records, None if that is nothing to be notified of.

    ``incident`` is as it is after the entry and those written with it. Nothing is announced that the team has read
    already: an update or all-clear with that status, posted since the status before. A lowered severity is not
    announced; the status message shows it.
    """
    event = entry.event
    turn = _turn(event, incident, playbook)
    if not turn:
        return None
    drill = "DRILL · " if incident.drill else ""
    title = f"{drill}{incident.id} · {incident.service}: {turn}"
    mark = f"{incident.id}·{short_id(entry.id)[:4]}"
    rows = [title, *_facts(event, incident, now, zone)]
    text = redact("\n".join([*(sanitize(row, newlines=False) for row in rows), "", mark]), personal=False).text
    return Message(
        kind="announcement",
        audience="team",
        incident=incident.id,
        severity=incident.severity,
        status=incident.status,
        title=text.partition("\n")[0],
        text=text,
        marker=mark,
        at=now,
    )


def _turn(event: Event, incident: Incident, playbook: Playbook) -> str:
    """What happened, in a few words; "" if it is not to be announced."""
    if isinstance(event, SeveritySet):
        order = [severity.id for severity in playbook.severities]  # the worst first
        known = event.severity in order and event.before in order
        if not known or order.index(event.severity) > order.index(event.before):
            return ""
        before, after = (severity_title(playbook, id) for id in (event.before, event.severity))
        return f"severity raised from {before} to {after}"
    if isinstance(event, StatusSet) and event.status == "mitigated":
        return "" if _told(incident, "mitigated") else "mitigated"
    if isinstance(event, StatusSet):
        return "investigating again"
    if isinstance(event, Resolved):
        return "" if _told(incident, "resolved") else "resolved"
    return "reopened" if isinstance(event, Reopened) else ""


def _told(incident: Incident, status: str) -> bool:
    """Whether an update to the team has said so since the status before the present one."""
    since = incident.statuses[-2][0] if len(incident.statuses) > 1 else incident.milestones["declared"]
    return any(_says(post.update, status) for post in incident.updates_to("team") if post.at >= since)


def _says(update: UpdatePosted, status: str) -> bool:
    word = update.fields.get("status", "").strip().casefold()
    return word.startswith(status) or (status == "resolved" and update.message == "resolution")


def _facts(event: Event, incident: Incident, now: datetime, zone: tzinfo) -> Iterator[str]:
    """What people ask next: the impact, how long it took, why, who leads, when they hear more."""
    yield impact_line(incident)
    reason = getattr(event, "reason", "")
    if reason:
        yield f"Reason: {reason}"
    if isinstance(event, Resolved):
        yield f"Duration: {timing.format_duration(timing.elapsed(incident, now))}"
    if incident.commander:
        yield f"Incident commander: {incident.commander}"
    if incident.open and (due := incident.promised.get("team")) and due > now:
        yield f"Next update: {format_moment(due, zone, now)}"
