"""The commands of the follow-up: a checklist item that is not needed, an action item that is not done after all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from warroom.errors import Refusal
from warroom.incident.commands import CommandContext, follow_up_item, iso_day, known_action, required
from warroom.incident.events import ActionType, Event, ItemUnchecked, NewEntry
from warroom.incident.follow_up_events import ActionChanged, ActionReopened, ItemNotNeeded
from warroom.incident.incident import Incident
from warroom.incident.tracking import issues

WRITING = "postmortem-written"
"""The ``done_by`` of the item that the post-mortem ticks."""


@dataclass(frozen=True, slots=True)
class MarkNotNeeded:
    """Say that an item of the follow-up checklist is not needed after this incident, and why.

    ``Uncheck`` takes it back. The root cause is always needed: an incident can be closed without it, with a reason.
    """

    item: str
    reason: str

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        item = follow_up_item(context.playbook, self.item)
        if item.done_by == WRITING:
            remedy = "Write it: warroom section root_cause. Or close the incident with a reason."
            raise Refusal(f"“{item.text}” is always needed", remedy)
        if item.id in incident.ticks:
            raise Refusal(f"“{item.text}” is already done", "Untick it first: warroom uncheck.")
        reason = required(self.reason, "The reason", "Say why it is not needed; the post-mortem shows it.")
        return [ItemNotNeeded(item=item.id, title=item.text, reason=reason)]


@dataclass(frozen=True, slots=True)
class ChangeAction:
    """Give an action item another owner, due date (ISO) or type. None keeps what it has, "" takes it away."""

    action: str
    owner: str | None = None
    due: str | None = None
    type: ActionType | None = None
    after_closing: ClassVar[bool] = True

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        action = known_action(incident, self.action)
        now = (
            action.owner if self.owner is None else self.owner.strip(),
            action.due if self.due is None else iso_day(self.due),
            action.type if self.type is None else self.type,
        )
        if now == (action.owner, action.due, action.type):
            raise Refusal(f"{action.id} is like that already", "Nothing to do.")
        owner, due, type = now
        return [ActionChanged(entry=action.entry, words=action.words, owner=owner, due=due, type=type)]


@dataclass(frozen=True, slots=True)
class ReopenAction:
    """Say that an action item is not done after all; a checklist item that was ticked with it is unticked."""

    action: str
    after_closing: ClassVar[bool] = True

    def decide(self, incident: Incident, context: CommandContext) -> Sequence[Event | NewEntry]:
        action = known_action(incident, self.action)
        if action.done_at is None:
            raise Refusal(f"{action.id} is not done", "Nothing to do.")
        if issue := issues(incident).get(action.entry):
            remedy = f"Reopen the issue in {issue.tracker}, and add a new action item for what is left."
            raise Refusal(f"{action.id} is an issue of {issue.tracker}, which is closed", remedy)
        reopened: list[Event] = [ActionReopened(entry=action.entry, words=action.words)]
        tick = incident.ticks.get(action.item)
        if tick and tick.because == "action_done":
            titles = {item.id: item.text for item in context.playbook.items}  # the playbook may have changed
            reopened.append(ItemUnchecked(item=action.item, title=titles.get(action.item, action.item)))
        return reopened
