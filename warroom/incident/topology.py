"""Which services a service needs, and which of them are in trouble. Pure: what fires is passed in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from warroom.incident.summary import Summary
from warroom.incident.team import TeamState


@dataclass(frozen=True, slots=True)
class Trouble:
    """A service that is in trouble: how many alerts of it fire, and its open incidents."""

    service: str
    alerts: int
    incidents: tuple[str, ...]

    def __str__(self) -> str:
        firing = f"{self.alerts} alert{'s' if self.alerts != 1 else ''} firing" if self.alerts else ""
        return f"{self.service}: " + " · ".join(filter(None, (firing, *self.incidents)))


def dependencies(service: str, depends_on: Mapping[str, Sequence[str]]) -> list[str]:
    """What a service needs, directly or not, the nearest first; never itself, also where they go round in a circle.

    ``depends_on`` has the services by name; case does not matter.
    """
    known = {name.casefold(): needs for name, needs in depends_on.items()}
    names = {name.casefold(): name for name in depends_on}
    seen, found, nearest = {service.casefold()}, [], [service.casefold()]
    while nearest:
        further: list[str] = []
        for one in nearest:
            for name in known.get(one, ()):
                if name.casefold() not in seen:
                    seen.add(name.casefold())
                    found.append(names.get(name.casefold(), name))
                    further.append(name.casefold())
        nearest = further
    return found


def troubled(
    services: Iterable[str], team: TeamState, summaries: Iterable[Summary], *, drill: bool = False
) -> list[Trouble]:
    """Those of the services that have alerts firing or an open incident, in their order.

    A drill sees the alerts and incidents of drills, anything else those that are real.
    """
    firing = {id: one for id, one in team.alerts.items() if one.cleared_at is None}
    firing |= {id: one.alert for id, one in team.tracked.items()}
    alerts = [one.event.service.casefold() for one in firing.values() if one.event.drill == drill]
    incidents = [(one.service.casefold(), one.id) for one in summaries if one.open and one.drill == drill]
    found = []
    for service in services:
        name = service.casefold()
        trouble = Trouble(service, alerts.count(name), tuple(id for of, id in incidents if of == name))
        if trouble.alerts or trouble.incidents:
            found.append(trouble)
    return found
