"""What the team's drills say about its readiness: the last one is recent enough, everyone on the rota took part.

Read from the drills themselves, so these items tick by themselves and expire by themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta

from warroom.errors import WarroomError
from warroom.incident.drills import counts_as_practice, took_part
from warroom.incident.incident import Incident
from warroom.incident.playbook import Item
from warroom.incident.readings import Reading, judged
from warroom.room.room import WarRoom


def last_drill(room: WarRoom) -> Incident | None:
    """The latest drill that people worked through; None if there is none."""
    return next(_practised(room), None)


def next_drill_by(room: WarRoom, last: Incident) -> datetime:
    """When the next drill is due after the ``last`` one, UTC."""
    return last.milestones["declared"] + timedelta(days=room.playbook.nudges.drill_days)


def drills_held(room: WarRoom, item: Item) -> Reading:
    """Whether a drill was held within the playbook's ``drill_days``, or the item's own ``valid_days``."""
    last = last_drill(room)
    if last is None:
        return judged(False, "no drill has been finished yet: warroom drill")
    held = last.milestones["declared"]
    due = held + timedelta(days=item.valid_days or room.playbook.nudges.drill_days)
    day, by = held.astimezone(room.zone), due.astimezone(room.zone)
    text = f"{last.id} on {day:%d %b %Y}, the next by {by:%d %b %Y}"
    return judged(room.clock() < due, text, (room.clock() - held) // timedelta(days=1), " days ago")


def everyone_trained(room: WarRoom, item: Item) -> Reading:
    """Whether everyone on the rota did something in a drill this year, by the team's calendar."""
    rota = room.settings.on_call.rotation if room.settings.on_call else ()
    if not rota:
        return judged(None, "nobody is on a rota: add [on_call]")
    year = room.clock().astimezone(room.zone).year
    trained: set[str] = set()
    for incident in _practised(room, year):
        trained |= took_part(incident)
    missing = [name for name in dict.fromkeys(rota) if name not in trained]
    many = len(set(rota))
    text = f"everyone on the rota took part in a drill in {year}"
    if missing:
        text = f"not in a drill in {year} yet: {', '.join(missing)}"
    return judged(not missing, text, many - len(missing), f" of {many}")


def _practised(room: WarRoom, year: int | None = None) -> Iterator[Incident]:
    """The drills that people worked through, the newest first; of one ``year`` only, in the team's zone."""
    for row in room.summaries():
        if not row.drill or row.open:
            continue
        if year is not None and row.milestones["declared"].astimezone(room.zone).year != year:
            continue
        try:
            incident = room.incident(row.id)
        except WarroomError:  # one that is damaged says nothing; warroom doctor does
            continue
        if counts_as_practice(incident):
            yield incident


DRILL_MEASURES: Mapping[str, Callable[[WarRoom, Item], Reading]] = {
    "drills": drills_held,
    "training": everyone_trained,
}
"""The built-in probes of the drills, by the names the playbook knows them by."""
