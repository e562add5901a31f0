"""What is due and what to do next, most urgent first. Pure: ``now`` is passed in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from warroom.incident import timing
from warroom.incident.action_items import actions_for, open_actions
from warroom.incident.commands import close_blockers, resolve_blockers
from warroom.incident.delivery import Audience, Delivery, DeliveryState, resendable
from warroom.incident.incident import Incident
from warroom.incident.on_call_events import OnCallHandover
from warroom.incident.playbook import Item, Playbook
from warroom.incident.timing import Urgency

SEVERITY_ITEM = "assess-impact"
"""The checklist item that is ticked once the impact, and with it the severity, has been assessed."""


@dataclass(frozen=True, slots=True)
class NextStep:
    """One thing to do, and to what.

    ``action`` is an id in the registry of actions, ``text`` a few words for people. ``target`` is what the action
    is done to: the id of a checklist item, role, delivery, template or section, or "" for the incident as a whole.
    """

    action: str
    target: str
    text: str
    urgency: Urgency = "calm"


def next_steps(
    incident: Incident,
    playbook: Playbook,
    deliveries: Sequence[Delivery],
    now: datetime,
    spike: float | None = None,
    worse: Sequence[str] = (),
    original: str = "",
) -> list[NextStep]:
    """All that is worth doing now, most urgent first; the first is the ``Next`` line. Never empty.

    ``spike``: how many times their usual rate the errors in a log have reached, if no one has looked yet.
    ``worse``: what is worse than it was before the last fix.
    ``original``: the open incident that this one came from the same alert as.
    """
    if incident.status == "closed":
        duplicate = f" as a duplicate of {incident.duplicate_of}" if incident.duplicate_of else ""
        return [NextStep("home", "", f"{incident.id} is closed{duplicate}")]
    steps = list(_deliveries(deliveries))
    if spike:
        steps.append(NextStep("pane_logs", "", f"Check the log: errors are at {spike:.0f}× the last hour", "soon"))
    if worse and incident.open:
        steps.append(NextStep("pane_state", "", f"Worse since the fix — {'; '.join(worse)}", "late"))
    if original and incident.open:
        steps.append(NextStep("close", original, f"Same alert as {original}: close as a duplicate?", "soon"))
    steps += _while_open(incident, playbook, now) if incident.open else _afterwards(incident, playbook)
    rank = {"overdue": 0, "late": 1, "soon": 2, "calm": 3}
    return sorted(steps, key=lambda step: rank[step.urgency])  # stable: within an urgency in the order above


def due_template(incident: Incident, audience: Audience) -> str:
    """Return the id of the template that ``audience`` gets next: first message, later ones, the resolution."""
    if audience == "executives":
        return "executive"
    if audience == "team":
        return "update" if incident.open else "resolution"
    if not incident.open:
        return "customer_resolution"
    return "customer_update" if incident.updates_to("customers") else "customer_initial"


def _deliveries(deliveries: Sequence[Delivery]) -> Iterator[NextStep]:
    for delivery in deliveries:
        if delivery.state is DeliveryState.UNCONFIRMED and delivery.next_attempt_at is None:
            message, request = delivery.item.message, delivery.item.request
            what = message.marker if message else delivery.item.operation
            words = f"{delivery.destination} gave no answer: {request.what}" if request else ""
            yield NextStep(
                "deliveries", delivery.id, words or f"Did {what} arrive on {delivery.destination}?", "late"
            )
    failed = {delivery.destination: delivery for delivery in resendable(deliveries)}
    for name, delivery in failed.items():
        what = "a request" if delivery.item.request else "a post"
        yield NextStep("deliveries", delivery.id, f"{name} refused {what}: see why", "soon")
    unable = {delivery.destination: delivery for delivery in deliveries if delivery.lacks_settings}
    for name, delivery in unable.items():
        yield NextStep("deliveries", delivery.id, f"Cannot send to {name}: see why", "soon")


def _while_open(incident: Incident, playbook: Playbook, now: datetime) -> Iterator[NextStep]:
    limits = playbook.nudges
    response = timing.response(incident, playbook, now)
    if response:
        late = response.urgency in ("late", "overdue")
        words = (
            f"Acknowledge the alert: {timing.format_duration(timedelta(seconds=-response.left_s))} past target"
            if late
            else ("Acknowledge the alert")
        )
        yield NextStep("acknowledge", "", words, "overdue" if late else "soon")
    if not incident.commander:
        waited = now - incident.milestones["declared"]
        pressing: Urgency = "late" if waited >= timedelta(minutes=limits.commander_minutes) else "soon"
        yield NextStep("assign", "incident_commander", "Assign an incident commander", pressing)
    for held in incident.roles.values():
        if held.offered_to:
            words = f"{held.offered_to}: take over as {held.title.lower()}?"
            yield NextStep("accept", held.role, words, "soon")
    yield from _new_on_call(incident)
    for task in incident.open_tasks:
        if task.until <= now:
            yield NextStep("finish_task", task.id, f"{task.who}'s time is up: {task.words}", "soon")
    yield from _planned(incident)
    updates = timing.next_updates(incident, playbook, now)
    number = len(incident.posts) + 1
    for audience, update in updates.items():
        if update.urgency != "calm":
            what = f"Post update {number}" if audience == "team" else f"Update {audience}"
            when = "now" if update.left_s <= 0 else f"in {timing.format_duration(update.distance)}"
            yield NextStep("update", due_template(incident, audience), f"{what} {when}", update.urgency)
    if "team" not in updates:
        yield NextStep(
            "update", due_template(incident, "team"), f"Post update {number}: no next update set", "soon"
        )
    if _severity_in_doubt(incident, playbook, now):
        yield NextStep("check", SEVERITY_ITEM, "Confirm that the severity still fits")
    if incident.commander:
        yield from _long_command(incident, now, limits.handover_minutes, limits.handover_insist_minutes)
    if not resolve_blockers(incident, playbook):
        yield NextStep("resolve", "", "Everything is verified: resolve", "soon")
    elif incident.fixes:
        unverified = [item for item in playbook.checklists["recovery"].items if item.id not in incident.ticks]
        more = f" (+{len(unverified) - 1})" if len(unverified) > 1 else ""
        yield NextStep("resolve", unverified[0].id, f"Verify the recovery: {unverified[0].text}{more}")
    item = next_item(incident, playbook, now)
    if item and item.done_by == "decision-noted" and not incident.fixes:
        yield NextStep("fix", "", f"{item.text}: decide on a fix")  # planning one there ticks it
    elif item:
        yield NextStep("check", item.id, item.text)
    for role in playbook.roles:
        if role.id not in incident.roles and role.id != "incident_commander":
            waited = now - incident.milestones["declared"]
            offer = f" — backup: {role.backup}" if waited >= timedelta(minutes=limits.commander_minutes) else ""
            yield NextStep("assign", role.id, f"Assign a {role.title.lower()}{offer}")
    if not incident.fixes:
        yield NextStep("fix", "", "Record the fix when there is one")
    yield NextStep("update", due_template(incident, "team"), f"Post update {number}")


def _planned(incident: Incident) -> Iterator[NextStep]:
    for change in incident.planned_changes:
        yield NextStep("change_made", change.id, f"{change.id} is planned: {change.words} — is it made?", "soon")


def _uninformed(incident: Incident, resolved: datetime) -> Iterator[NextStep]:
    """Those outside the team who were told of the incident, and not yet that it is over."""
    audiences: tuple[Audience, ...] = ("customers", "executives")
    for audience in audiences:
        posts = incident.updates_to(audience)
        if posts and posts[-1].at < resolved and posts[-1].update.template != "customer_resolution":
            template = due_template(incident, audience)
            yield NextStep("update", template, f"Inform {audience} that it is resolved", "soon")


def _severity_in_doubt(incident: Incident, playbook: Playbook, now: datetime) -> bool:
    """Whether the severity is still that of the declaration some minutes in, the impact not yet assessed."""
    first = timedelta(minutes=playbook.nudges.severity_minutes)
    if not first <= now - incident.milestones["declared"] < 3 * first or len(incident.severities) > 1:
        return False
    return SEVERITY_ITEM not in incident.ticks and any(
        item.id == SEVERITY_ITEM for phase in playbook.phases for item in playbook.checklists[phase.checklist].items
    )


def _new_on_call(incident: Incident) -> Iterator[NextStep]:
    """Whoever was on call leads still, and somebody else's turn has begun."""
    held = incident.roles.get("incident_commander")
    if held is None or held.offered_to:
        return
    told = (row.entry.event for row in reversed(incident.rows))
    last = next((event for event in told if isinstance(event, OnCallHandover)), None)
    if last and last.before == held.person and last.person != held.person:
        words = f"{last.person} is on call now: hand over?"
        yield NextStep("hand_over", "incident_commander", words, "soon")


def _long_command(incident: Incident, now: datetime, prompt_min: int, insist_min: int) -> Iterator[NextStep]:
    held = incident.roles["incident_commander"]
    led = now - held.since
    if not held.offered_to and led >= timedelta(minutes=prompt_min):
        insist: Urgency = "late" if led >= timedelta(minutes=insist_min) else "calm"
        words = f"{held.person} has led for {timing.format_duration(led)}: hand over?"
        yield NextStep("hand_over", "incident_commander", words, insist)


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


def _afterwards(incident: Incident, playbook: Playbook) -> Iterator[NextStep]:
    since = incident.milestones["resolved"]
    if not any(post.update.message == "resolution" and post.at >= since for post in incident.posts):
        yield NextStep("update", due_template(incident, "team"), "Post the all-clear", "soon")
    yield from _planned(incident)
    yield from _uninformed(incident, since)
    if not incident.sections.get("root_cause"):
        yield NextStep("review", "root_cause", "Write the post-mortem: what caused it?")
    else:
        for section in incident.unwritten:
            yield NextStep("write", section, f"Write the post-mortem: {section.replace('_', ' ')}")
    for item in playbook.checklists["post_incident"].items:
        if item.id not in incident.ticks and not actions_for(incident, item.id):
            yield NextStep("check", item.id, item.text)
    if not close_blockers(incident, playbook):
        yield NextStep("close", "", f"All done: close {incident.id}", "soon")
    for action in open_actions(incident):
        if action.item and action.item not in incident.ticks:
            due = f", due {action.due}" if action.due else ""
            yield NextStep("finish_action", action.id, f"Finish {action.id}: {action.words}{due}")
    yield NextStep("review", "", "Review the post-mortem")
