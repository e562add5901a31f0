"""An incident under test, without a room: commands are decided and folded as they come."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from harness.ids import new_ids
from warroom.config.loading import load_playbook
from warroom.config.settings import Settings
from warroom.errors import Refusal, WarroomError
from warroom.incident.commands import Command, CommandContext, Declare, decide
from warroom.incident.events import Entry, Event
from warroom.incident.incident import Incident, fold

PLAYBOOK = load_playbook(Settings())
NOON = datetime(2026, 1, 28, 12, 0, tzinfo=UTC)


@dataclass
class Case:
    """An incident under test: ``do`` commands and keeps what follows; ``now`` moves only when told to."""

    entries: list[Entry] = field(default_factory=list)
    now: datetime = NOON
    by: str = "Ada"

    @property
    def incident(self) -> Incident:
        return fold("INC-1", self.entries)

    @property
    def context(self) -> CommandContext:
        return CommandContext(PLAYBOOK, self.now, self.by, self.now.date(), new_ids(len(self.entries) + 1))

    def decide(self, command: Command) -> list[Event]:
        return [new.event for new in decide(self.incident, command, self.context)]

    def do(self, *commands: Command) -> list[Event]:
        """What the last command led to."""
        events: list[Event] = []
        for command in commands:
            decided = decide(self.incident, command, self.context)
            events = [new.event for new in decided]
            for new in decided:
                seq = len(self.entries) + 1
                entry = Entry(stream="INC-1", seq=seq, id=new.id, at=self.now, by=self.by, event=new.event)
                self.entries.append(entry)
        return events

    def later(self, **span: float) -> Case:
        self.now += timedelta(**span)
        return self

    def refused(self, command: Command, error: type[WarroomError] = Refusal) -> WarroomError:
        """The error of a command that must not be carried out; it says why, and what to do."""
        with pytest.raises(error) as raised:
            self.decide(command)
        assert type(raised.value) is error
        assert raised.value.title and raised.value.remedy
        return raised.value


def declared(severity: str = "high", **more: object) -> Case:
    case = Case()
    case.do(Declare("checkout-api", "No orders get through", severity, **more))  # type: ignore[arg-type]
    return case
