"""Posts the line about a better quarter to the team's chat: once for each quarter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from warroom.errors import NotFound, Refusal
from warroom.incident.commands import CommandContext
from warroom.incident.delivery import Delivery, Message, OutboxItem
from warroom.incident.events import TEAM, NewEntry
from warroom.incident.follow_up_events import ImprovementPosted
from warroom.incident.identity import outside_id
from warroom.incident.team import TeamState
from warroom.reports.figures import IncidentFigures
from warroom.room.room import WarRoom
from warroom.room.updates import Copy
from warroom.safety import redact


@dataclass(frozen=True, slots=True)
class ImprovementPost:
    """The line about a better quarter as it would be posted, and the exact text of each destination."""

    quarter: str
    words: str
    copies: tuple[Copy, ...]

    @property
    def id(self) -> UUID:
        """The id of its entry in the team's stream: the same in every process."""
        return entry_id(self.quarter)

    def preview(self) -> str:
        """What would be posted where, to be read before it is confirmed."""
        return "\n\n".join(
            f"── {copy.destination}{f' ({copy.problem})' if copy.problem else ''}\n{copy.text}"
            for copy in self.copies
        )


def entry_id(quarter: str) -> UUID:
    """Return the id of the entry that records the post about a quarter."""
    return outside_id("improvement", quarter)


def prepare_improvement(room: WarRoom, figures: IncidentFigures) -> ImprovementPost:
    """The post about the last complete quarter. Posts nothing; takes a while where a secret is a command.

    ``Refusal`` if that quarter was not better or is posted already, ``NotFound`` if no destination is the team's.
    """
    if not figures.improvement:
        raise Refusal(
            f"{figures.quarter} was not better than the quarter before, or had too few incidents to say",
            "warroom stats shows both.",
        )
    _not_posted_yet(room.team(), figures.quarter, room)
    names = room.updates.destinations("team", drill=False)
    if not names:
        raise NotFound(
            "No destination takes messages to the team", 'Give one audiences = ["team"] in the settings.'
        )
    words = redact(figures.improvement, personal=False).text
    message = _message(figures.quarter, words, room.clock())
    return ImprovementPost(figures.quarter, words, room.updates.copies(names, message))


def post_improvement(room: WarRoom, post: ImprovementPost) -> None:
    """Record the post and queue it for each destination of its preview, in one transaction.

    ``Refusal`` if another console was faster, ``BadInput`` if it is too long for a destination.
    """
    names = tuple(copy.destination for copy in post.copies)
    message = _message(post.quarter, post.words, room.clock())
    items = [
        OutboxItem(operation="post", destination=name, message=part)
        for name in names
        for part in room.updates.posts(name, message)
    ]
    event = ImprovementPosted(quarter=post.quarter, words=post.words, destinations=names)

    def decided(team: TeamState, context: CommandContext) -> Sequence[NewEntry]:
        _not_posted_yet(team, post.quarter, room)
        return [NewEntry(event, post.id)]

    room.transact_team(decided, items=items)


def improvement_deliveries(room: WarRoom, quarter: str) -> list[Delivery]:
    """What became of the post about a quarter; [] if there is none."""
    return [one for one in room.deliveries(TEAM) if one.entry_id == entry_id(quarter)]


def _not_posted_yet(team: TeamState, quarter: str, room: WarRoom) -> None:
    posted = team.improvements.get(quarter)
    if posted:
        at, by = posted
        raise Refusal(
            f"{quarter} was posted already, by {by or 'warroom'} on {at.astimezone(room.zone):%d %b %Y}",
            "warroom deliveries shows what did not arrive.",
        )


def _message(quarter: str, words: str, now: datetime) -> Message:
    return Message(
        kind="note",
        audience="team",
        incident=TEAM,
        severity="",
        status="",
        title=words,
        text=words,
        marker=f"figures·{quarter.replace(' ', '-')}",
        at=now,
    )
