"""The lookout: what is due and what to do next, most urgent first. Pure: asked with a ``now``, it only says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from warroom.incident import timing
from warroom.incident.decisions import close_blockers, resolve_blockers
from warroom.incident.delivery import Delivery, State, resendable
from warroom.incident.incident import Incident
from warroom.incident.playbook import Item, Playbook
from warroom.incident.timing import Urgency


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing to do: ``action`` is its id in the registry of actions, ``text`` a few words for people.

    ``subject`` names what it is about (an item's, role's or delivery's id), so that the action can begin there.
    """

    action: str
    text: str
    urgency: Urgency = "calm"
    subject: str = ""


def advise(
    incident: Incident, playbook: Playbook, deliveries: Sequence[Delivery], now: datetime, leap: float | None = None
) -> list[Advice]:
    """All that is worth doing now, most urgent first; the first is the ``Next`` line. Never empty.

    ``leap``: how many times their own past the errors in a log have become, if nobody has looked yet.
    """
    if incident.status == "closed":
        return [Advice("home", f"{incident.id} is closed. Go home")]
    told = list(_deliveries(deliveries))
    if leap:
        told.append(Advice("pane_logs", f"Look at the log: errors are {leap:.0f}× the last hour", "soon"))
    told += _while_open(incident, playbook, now) if incident.open else _afterwards(incident, playbook)
    rank = {"overdue": 0, "late": 1, "soon": 2, "calm": 3}
    return sorted(told, key=lambda advice: rank[advice.urgency])  # stable: the order of asking within an urgency


def _deliveries(deliveries: Sequence[Delivery]) -> Iterator[Advice]:
    for delivery in deliveries:
        if delivery.state is State.UNCERTAIN and delivery.next_attempt_at is None:
            message = delivery.order.message
            what = message.marker if message else delivery.order.act
            yield Advice("deliveries", f"Did {what} arrive on {delivery.destination}?", "late", delivery.id)
    failed = {delivery.destination: delivery for delivery in resendable(deliveries)}
    for name, delivery in failed.items():
        yield Advice("deliveries", f"{name} did not take a post: see why", "soon", delivery.id)
    unable = {delivery.destination: delivery for delivery in deliveries if delivery.lacks_settings}
    for name, delivery in unable.items():
        yield Advice("deliveries", f"Nothing can be sent to {name}: see why", "soon", delivery.id)


def _while_open(incident: Incident, playbook: Playbook, now: datetime) -> Iterator[Advice]:
    limits = playbook.nudges
    response = timing.response(incident, playbook, now)
    if response:
        late = response.urgency in ("late", "overdue")
        words = f"Acknowledge the alert: {timing.minutes(-response.left_s)} past target" if late else (
            "Acknowledge the alert"
        )  # fmt: skip
        yield Advice("acknowledge", words, "overdue" if late else "soon")
    if not incident.commander:
        waited = now - incident.milestones["declared"]
        pressing: Urgency = "late" if waited >= timedelta(minutes=limits.commander_minutes) else "soon"
        yield Advice("assign", "Assign an incident commander", pressing, "incident_commander")
    for held in incident.roles.values():
        if held.offered_to:
            yield Advice("accept", f"{held.offered_to}: take over as {held.title.lower()}?", "soon", held.role)
    update = timing.next_update(incident, playbook, now)
    number = len(incident.posts) + 1
    if update and update.urgency != "calm":
        when = "now" if update.left_s <= 0 else f"in {timing.minutes(update.left_s)}"
        yield Advice("update", f"Post update {number} {when}", update.urgency)
    elif update is None:
        yield Advice("update", f"Post update {number}: no next one is promised", "soon")
    if _severity_in_doubt(incident, now, limits.severity_minutes):
        yield Advice("severity", "Confirm the severity: does it still fit?", "calm")
    if incident.commander:
        yield from _long_command(incident, now, limits.handover_minutes, limits.handover_insist_minutes)
    blockers = resolve_blockers(incident, playbook)
    if not blockers:
        yield Advice("resolve", "Everything is verified: resolve", "soon")
    elif incident.fixes:
        yield Advice("resolve", f"Verify the recovery: {_first(blockers)}")
    item = next_item(incident, playbook, now)
    if item:
        yield Advice("check", item.text, "calm", item.id)
    for role in playbook.roles:
        if role.id not in incident.roles and role.id != "incident_commander":
            yield Advice("assign", f"Assign a {role.title.lower()}", "calm", role.id)
    if not incident.fixes:
        yield Advice("fix", "Record the fix once there is one")
    yield Advice("update", f"Post update {number}")


def _first(blockers: Sequence[str]) -> str:
    words = blockers[0].removeprefix("Not verified: ")
    more = len(blockers) - 1
    return f"{words} (+{more})" if more else words


def _severity_in_doubt(incident: Incident, now: datetime, minutes: int) -> bool:
    """Once, some minutes in: the severity was set at the declaration and nobody has touched it since."""
    declared = incident.milestones["declared"]
    within = timedelta(minutes=minutes) <= now - declared < timedelta(minutes=3 * minutes)
    return within and len(incident.severities) == 1 and "assess-impact" not in incident.ticks


def _long_command(incident: Incident, now: datetime, prompt_min: int, insist_min: int) -> Iterator[Advice]:
    held = incident.roles["incident_commander"]
    led = now - held.since
    if not held.offered_to and led >= timedelta(minutes=prompt_min):
        insist: Urgency = "late" if led >= timedelta(minutes=insist_min) else "calm"
        words = f"{held.person} has led for {timing.spoken(led)}: hand over?"
        yield Advice("hand_over", words, insist, "incident_commander")


def next_item(incident: Incident, playbook: Playbook, now: datetime) -> Item | None:
    """The first checklist item not yet done, of the lists up to the present phase."""
    present = timing.phase(incident, playbook, now)
    for phase in playbook.phases:
        for item in playbook.checklists[phase.checklist].items:
            if item.id not in incident.ticks:
                return item
        if phase.id == present.id:
            return None
    return None


def _afterwards(incident: Incident, playbook: Playbook) -> Iterator[Advice]:
    since = incident.milestones["resolved"]
    if not any(post.update.message == "resolution" and post.at >= since for post in incident.posts):
        yield Advice("update", "Tell everybody it is resolved", "soon")
    if not incident.sections.get("root_cause"):
        yield Advice("review", "Write the post-mortem: what caused it?", "calm", "root_cause")
    for item in playbook.checklists["post_incident"].items:
        if item.id not in incident.ticks:
            yield Advice("check", item.text, "calm", item.id)
    if not close_blockers(incident, playbook):
        yield Advice("close", f"Everything is done: close {incident.id}", "soon")
    yield Advice("review", "Review the post-mortem")
