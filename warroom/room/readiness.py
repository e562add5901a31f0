"""Whether the team is ready: when each readiness item was last confirmed, until when that holds, what is measured.

Built in are ``on-call``, ``contacts``, ``templates``, ``alerts``, ``status-page``, ``runbooks``, ``drills``,
``training`` and ``action-review``. A probe of the settings with one of these names, or that verifies one, replaces
it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from warroom.errors import SettingsError
from warroom.incident.delivery import DeliveryState
from warroom.incident.events import TEAM, AlertReceived
from warroom.incident.playbook import Item
from warroom.incident.readings import Observation, Reading, judged, worst_of
from warroom.room.drill_readiness import DRILL_MEASURES
from warroom.room.room import WarRoom

TRANSCRIPT = "transcript"
"""The backend that writes a file."""

CHECKLISTS = ("preparation", "improvement")
"""The checklists that belong to the team, not to an incident."""


@dataclass(frozen=True, slots=True)
class ReadyItem:
    """A readiness item: when it was last confirmed, until when that holds (both UTC), and what is measured now."""

    item: Item
    confirmed_at: datetime | None
    holds_until: datetime | None
    reading: Reading | None

    def holds(self, now: datetime) -> bool:
        """Whether it is true at ``now``: measured so, or else confirmed and not expired."""
        if self.reading is not None and self.reading.speaks != "neither":
            return not self.reading.against
        return self.holds_until is not None and now < self.holds_until


def readiness(room: WarRoom, readings: Mapping[str, Reading] | None = None) -> list[ReadyItem]:
    """Every readiness item. ``readings`` are those of the settings' own probes, by their names."""
    confirmed, playbook = room.team().ready, room.playbook
    own = Observation(room.clock(), readings=readings or {})
    found = []
    for name in CHECKLISTS:
        for item in playbook.checklists[name].items:
            at = confirmed.get(item.id)
            until = playbook.ready_until(item, at) if at else None
            reading = (worst_of(own.of_probe(item.probe)) or built_in(room, item)) if item.probe else None
            found.append(ReadyItem(item, at, until, reading))
    return found


def own_probes(room: WarRoom) -> list[str]:
    """The names of the settings' probes that verify a readiness item."""
    wanted = {item.probe for name in CHECKLISTS for item in room.playbook.checklists[name].items if item.probe}
    return [name for name, probe in room.settings.probes.items() if wanted & {name, probe.verifies}]


def built_in(room: WarRoom, item: Item) -> Reading | None:
    """What warroom itself measures about a readiness item; None where its probe is not built in."""
    measure = _MEASURES.get(item.probe)
    return measure(room, item) if measure else None


def _on_call(room: WarRoom, item: Item) -> Reading:
    rota, now = room.rota(), room.clock()
    person, following, doubt = rota.person(now), rota.following(now), rota.doubt(now)
    if not person:
        return judged(False, f"nobody is on call: {doubt or 'add [on_call]'}")
    then = (
        f", then {following.person} from {following.begins.astimezone(room.zone):%d %b %H:%M}" if following else ""
    )
    words = f"{person}{then}" + (f" ({doubt})" if doubt else "")
    return judged(not doubt, words)


def _contacts(room: WarRoom, item: Item) -> Reading:
    people = room.settings.team.people
    missing = [one.name for one in people if not (one.phone or one.email or any(one.handles.values()))]
    if not people:
        return judged(False, "there is nobody: add [[team.people]]")
    if missing:
        return judged(False, f"no phone, e-mail or handle of {', '.join(missing)}")
    return judged(True, f"{len(people)} {'people' if len(people) != 1 else 'person'} can be reached")


def _templates(room: WarRoom, item: Item) -> Reading:
    if room.settings.playbook:  # the shipped ones are known to be good
        from warroom.reports.templates import check_templates  # loads the template engine

        try:
            check_templates(room.playbook, "the playbook")
        except SettingsError as error:
            return judged(False, error.title)
    return judged(True, f"{len(room.playbook.templates)} templates can be used")


def _alerts(room: WarRoom, item: Item) -> Reading:
    """An alert has arrived, a test alert too; those of a drill come from the drill itself."""
    times = [
        entry.at
        for entry in room.journal.read(TEAM, 0)
        if isinstance(entry.event, AlertReceived) and not entry.event.drill
    ]
    if not times:
        return judged(False, "no alert has ever arrived")
    last = max(times)
    days = (room.clock() - last) // timedelta(days=1)
    return judged(
        room.clock() < room.playbook.ready_until(item, last),
        f"the last alert arrived {f'{days} days ago' if days > 1 else 'yesterday' if days else 'today'}",
    )


def _status_page(room: WarRoom, item: Item) -> Reading:
    """Customers can be told: a destination is set up for them, and none has refused its last update.

    A transcript is a file on this machine. Nothing is asked of the service: ``warroom doctor`` does that.
    """
    pages = [
        name
        for name, one in room.settings.destinations.items()
        if "customers" in one.audiences and one.backend != TRANSCRIPT
    ]
    if not pages:
        return judged(False, "no destination takes customers' updates: warroom connect lists the status pages")
    told = []
    for name in pages:
        last = next((one for one in reversed(room.journal.deliveries(destination=name)) if one.item.message), None)
        if last and last.state is DeliveryState.FAILED:
            return judged(False, f"{name} refused the last update, of {last.incident}")
        told.append(f"{name}: last update {last.state.label} ({last.incident})" if last else f"{name} is set up")
    return judged(True, "; ".join(told))


def _runbooks(room: WarRoom, item: Item) -> Reading:
    from warroom.room.runbooks import read_library  # the parser of Markdown

    library = read_library(room.settings.runbooks.folders)
    if not library.files:
        return judged(False, "there is no runbook: warroom help runbooks says where they go")
    if library.problems:
        more = f" (+{len(library.problems) - 1})" if len(library.problems) > 1 else ""
        return judged(False, f"{library.problems[0]}{more}")
    without = [one.name for one in room.settings.services if not library.covering(one.name)]
    if without:
        return judged(False, f"no runbook for {', '.join(without)}")
    count = len(library.files)
    return judged(True, f"{count} {'runbooks' if count != 1 else 'runbook'}, every service has one")


def action_review(room: WarRoom, item: Item) -> Reading:
    """How many action items are open: without any there is nothing to review. With some, only people can say."""
    summaries = [one for one in room.summaries() if not one.drill]
    today = room.clock().astimezone(room.zone).date()
    actions = [action for one in summaries for action in one.actions]
    late = sum(action.overdue(today) for action in actions)
    if not actions:
        return judged(True, "no action item is open", 0.0, " open")
    return judged(None, f"{len(actions)} open, {late} overdue", float(len(actions)), " open")


_MEASURES: Mapping[str, Callable[[WarRoom, Item], Reading]] = {
    "on-call": _on_call,
    "contacts": _contacts,
    "templates": _templates,
    "alerts": _alerts,
    "status-page": _status_page,
    "runbooks": _runbooks,
    "action-review": action_review,
    **DRILL_MEASURES,
}
