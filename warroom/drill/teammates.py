"""Scripted teammates: what they answer when they are asked. Decides who answers what and when; records nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from warroom.drill.script import Answer, Script
from warroom.incident.chat_events import ChatMessage
from warroom.incident.drills import is_scripted, mentions
from warroom.incident.events import Noted, TaskAssigned
from warroom.incident.incident import Incident, TimelineRow


@dataclass(frozen=True, slots=True)
class ScriptedReply:
    """What a teammate writes, and when. ``task`` is the entry of the task that this finishes."""

    at: datetime
    who: str
    words: str
    key: str
    task: UUID | None = None


class Teammates:
    """The teammates of a script, who give each of their answers once. Times are divided by ``pace``."""

    def __init__(self, script: Script, pace: float = 1.0) -> None:
        self._left = dict(enumerate(script.answers))
        self._people = list(dict.fromkeys(answer.who for answer in script.answers))
        self._pace = pace
        self._rows_read = 0

    def hear(self, incident: Incident) -> list[ScriptedReply]:
        """Return the replies to what was written in the timeline since the last call."""
        rows = incident.rows[self._rows_read :]
        self._rows_read = len(incident.rows)
        return [reply for row in rows if (reply := self._reply(row)) is not None]

    def _reply(self, row: TimelineRow) -> ScriptedReply | None:
        event = row.entry.event
        task: UUID | None = None
        if isinstance(event, TaskAssigned):
            words, asked, task = event.words, self._called(f"@{event.who}"), row.id
            if not asked:
                return None
        elif isinstance(event, Noted) or (isinstance(event, ChatMessage) and not is_scripted(event)):
            words, asked = event.words, self._called(event.words)
            if not asked and "?" not in words:
                return None
        else:
            return None
        number = self._answer(words, asked)
        if number is None:
            return None
        answer = self._left.pop(number)
        at = row.entry.at + timedelta(seconds=answer.at / self._pace)
        return ScriptedReply(at, answer.who, answer.words, f"answer {number}", task)

    def _called(self, words: str) -> list[str]:
        """The teammates who are named in ``words``, by their full or first name."""
        return [who for who in self._people if mentions(words, (who, f"@{who.split()[0]}", who.split()[0]))]

    def _answer(self, words: str, asked: list[str]) -> int | None:
        """The place of the answer to a question, of the teammates ``asked`` if any; what fits comes first."""
        may = {n: one for n, one in self._left.items() if not asked or one.who in asked}

        def fits(answer: Answer) -> bool:
            return mentions(words, answer.asked) if answer.asked else bool(asked)

        fitting = [n for n, answer in may.items() if fits(answer)]
        return min(fitting, key=lambda n: (not may[n].asked, n), default=None)
