"""Action items as issues of a tracker: opened on request, closed when the item is done, done when they are closed.

Nothing here sends anything but the question what has become of the issues.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol
from uuid import UUID

from warroom.errors import NotFound, NotSent, Refusal, WarroomError
from warroom.incident.action_items import is_to_do
from warroom.incident.events import ActionDone
from warroom.incident.incident import ActionItem, Incident
from warroom.incident.requests import Issue
from warroom.incident.tracking import RecordIssuesClosed, issues, published, trackable
from warroom.room.jobs import Wakeup
from warroom.room.requests import add_request, takers
from warroom.room.room import Done, UnitOfWork, WarRoom

POLL_S = 300.0
"""How often a tracker is asked what has become of the issues, in seconds, by all consoles together."""

ANSWER_S = 60.0
"""How long it may take to answer, in seconds."""

_LONGEST_TITLE = 200


def tracker_for(room: WarRoom, incident: Incident, named: str = "") -> str:
    """The tracker to use: the one ``named``, or the only one there is.

    Raises ``NotFound`` if there is none, ``Refusal`` if one of several has to be named.
    """
    known = takers(room, incident, "issue")
    if named:
        return named
    if not known:
        remedy = "Add a table [trackers.NAME] to the settings: warroom help follow_up"
        if room.settings.trackers:
            remedy = "Set drills = true in its table to use it in drills."
        raise NotFound("There is no issue tracker to use", remedy)
    if len(known) > 1:
        raise Refusal("There are several issue trackers", f"Name one with --tracker: {', '.join(known)}.")
    return known[0]


def track(room: WarRoom, incident_id: str, tracker: str, items: Sequence[str] = ()) -> Done:
    """Ask ``tracker`` to open an issue for each of these action items (``A1``), or for all that have none.

    An item that has an issue, or is about to have one, is left out. Raises ``NotFound`` for an item or a tracker
    that is not known, ``Refusal`` for an item that is done or was retracted, and where nothing is left to do.
    """

    def decided(story: UnitOfWork) -> None:
        incident = story.incident
        chosen = [_item(incident, name) for name in items] or trackable(incident)
        todo = [item for item in chosen if item.entry not in issues(incident)]
        if not todo:
            remedy = "warroom actions shows where." if chosen else "Add one first: warroom action TEXT"
            raise Refusal("Every action item that is still to do has its issue", remedy)
        for item in todo:
            request = _issue(room, incident, item, tracker)
            add_request(room, story, tracker, request, about=item.entry, once=("open", item.entry.hex))

    return room.transact(incident_id, decided)


def close_finished(room: WarRoom, story: UnitOfWork) -> None:
    """Ask for the issues of the action items that ``story`` finishes to be closed, in the same transaction."""
    finished = [one.event for one in story.entries if isinstance(one.event, ActionDone) and not one.event.via]
    if not finished:
        return
    incident = story.incident
    known = issues(incident)
    for item in incident.actions.values():
        issue = known.get(item.entry)
        if issue is None or not any(event.action in (item.entry, item.id) for event in finished):
            continue
        request = _issue(room, incident, item, issue.tracker).model_copy(
            update={"known": issue.id, "done": True, "what": f"close the issue of {item.id}"}
        )
        # The item is done whatever becomes of its issue: a tracker that the settings no longer name, say.
        with suppress(WarroomError):
            add_request(room, story, issue.tracker, request, about=item.entry, once=("close", item.entry.hex))


def _item(incident: Incident, name: str) -> ActionItem:
    item = incident.actions.get(name.strip().upper())
    if item is None:
        known = ", ".join(incident.actions) or "none yet"
        raise NotFound(f"There is no action item {name!r}", f"There are: {known}.")
    if not is_to_do(incident, item):
        raise Refusal(f"{item.id} is {'already done' if item.done_at else 'retracted'}", "It needs no issue.")
    return item


def _issue(room: WarRoom, incident: Incident, item: ActionItem, tracker: str) -> Issue:
    row = incident.row(item.entry)
    words = item.words if row is None or row.words is None else row.words
    title = " ".join(words.split())
    owner, table = room.settings.person(item.owner) if item.owner else None, room.settings.trackers.get(tracker)
    handles = owner.handles if owner else {}
    return Issue(
        incident=incident.id,
        what=f"open an issue for {item.id}",
        action=item.entry,
        title=title if len(title) <= _LONGEST_TITLE else f"{title[: _LONGEST_TITLE - 1]}…",
        body="\n".join(_body(incident, item, words)),
        owner=item.owner,
        assignee=handles.get(tracker) or (handles.get(table.backend, "") if table else ""),
        due=item.due,
    )


def _body(incident: Incident, item: ActionItem, words: str) -> Iterator[str]:
    yield words
    yield ""
    yield f"Action item {item.id} of {incident.id}, {incident.service}: {incident.title}"
    if item.owner:
        yield f"Owner: {item.owner}"
    if item.due:
        yield f"Due: {item.due}"
    for channel in incident.channels.values():
        if channel.talk and channel.url.startswith("https://"):
            yield f"Channel: {channel.url}"
    for document in published(incident).values():
        if document.url and not document.public:
            yield f"Post-mortem: {document.url}"


class Tracker(Protocol):
    """An issue tracker that raises nothing but ``WarroomError``, and knows what it can do."""

    def can(self, method: str) -> bool: ...

    async def states(self, ids: Sequence[str]) -> Mapping[str, bool]: ...

    async def close(self) -> None: ...


class IssueSync:
    """The job that asks one tracker of the settings what has become of its issues.

    ``make`` makes the tracker by its name; it may block, for a secret may come from a command. Several consoles on
    one journal take turns: each leaves the time of the next poll.
    """

    def __init__(self, room: WarRoom, tracker: str, make: Callable[[str], Tracker]) -> None:
        self.name = f"issues {tracker}"
        self.problem: WarroomError | None = None
        self._room = room
        self._tracker_name = tracker
        self._make = make
        self._tracker: Tracker | None = None
        self._key = f"trackers/{tracker}"
        self._wakeup = Wakeup()
        self._stopping = False

    async def run(self) -> None:
        """See ``Job``."""
        try:
            while not self._stopping:
                await self._wakeup.wait(await self.poll())
        finally:
            await self._let_go()

    def stop(self) -> None:
        """See ``Job``."""
        self._stopping = True
        self._wakeup.set()

    async def poll(self) -> float:
        """Ask once, unless another console has just done so. Returns the seconds until it is due."""
        try:
            wait = await asyncio.to_thread(self._seconds_left)
            if wait > 0:
                return wait + random.uniform(0.5, 5.0)
            pause = await self._ask()
            self.problem = None
        except (WarroomError, TimeoutError) as error:
            pause = await self._failed(error)
        with suppress(WarroomError):
            await asyncio.to_thread(self._save_next, pause)
        return pause

    async def _ask(self) -> float:
        wanted = await asyncio.to_thread(self._wanted)
        if not wanted:
            return POLL_S
        if self._tracker is None:
            self._tracker = await asyncio.to_thread(self._make, self._tracker_name)
        if not self._tracker.can("states"):
            return POLL_S
        async with asyncio.timeout(ANSWER_S):
            done = await self._tracker.states(sorted({id for ids in wanted.values() for id in ids.values()}))
        for incident_id, ids in wanted.items():
            closed = tuple(entry for entry, id in ids.items() if done.get(id))
            if closed:
                command = RecordIssuesClosed(closed, self._tracker_name)
                await asyncio.to_thread(self._record, incident_id, command)
        return POLL_S

    def _record(self, incident_id: str, command: RecordIssuesClosed) -> None:
        self._room.execute(incident_id, command, by="")

    def _wanted(self) -> dict[str, dict[UUID, str]]:
        """The issues of the action items that are still to do: their ids by the item's entry, by incident."""
        wanted: dict[str, dict[UUID, str]] = {}
        for summary in self._room.summaries():
            if not summary.actions:
                continue
            incident = self._room.incident(summary.id)
            known = issues(incident)
            ids = {
                item.entry: known[item.entry].id
                for item in incident.actions.values()
                if is_to_do(incident, item) and item.entry in known
            }
            tracked = {entry: id for entry, id in ids.items() if id and known[entry].tracker == self._tracker_name}
            if tracked:
                wanted[summary.id] = tracked
        return wanted

    async def _failed(self, error: WarroomError | TimeoutError) -> float:
        if not isinstance(error, WarroomError):
            error = NotSent(f"{self._tracker_name} did not answer in time")
        pause = max(POLL_S, getattr(error, "retry_after", None) or 0.0)
        self.problem = WarroomError(f"Issues of {self._tracker_name} are not read: {error.title}", error.remedy)
        await self._let_go()  # made anew, with the secrets of then
        return pause

    def _seconds_left(self) -> float:
        """Seconds until the next poll is due; 0 for a time that is over, or too far ahead to be meant."""
        text = self._room.journal.observation(self._key)
        try:
            due = datetime.fromisoformat(text) if text else None
            seconds = (due - self._room.clock()).total_seconds() if due else 0.0
        except (ValueError, TypeError):  # kept by another version
            return 0.0
        return seconds if 0 < seconds <= 2 * POLL_S else 0.0

    def _save_next(self, pause: float) -> None:
        due = self._room.clock() + timedelta(seconds=pause)
        self._room.journal.save_observation(self._key, due.isoformat())

    async def _let_go(self) -> None:
        tracker, self._tracker = self._tracker, None
        if tracker is not None:
            await tracker.close()


def issue_syncs(room: WarRoom, make: Callable[[str], Tracker]) -> tuple[Callable[[], IssueSync], ...]:
    """What makes a job for each tracker of the settings: one that hangs holds up no other."""
    return tuple(partial(IssueSync, room, tracker, make) for tracker in room.settings.trackers)
