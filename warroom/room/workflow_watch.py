"""Records how the workflows of runbook steps ended. Every console looks; each end is recorded once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from warroom.connect.guarded_integration import GuardedIntegration
from warroom.errors import WarroomError
from warroom.incident.delivery import Delivery, DeliveryState, Receipt
from warroom.incident.incident import Incident
from warroom.incident.requests import RequestAccepted, RequestMade, WorkflowRun
from warroom.incident.runbook_commands import EndWorkflow
from warroom.room.jobs import Wakeup
from warroom.room.room import WarRoom
from warroom.room.workflow_runs import LONGEST_RUN

LOOK_S = 10.0
"""How often a run that is under way is asked about, in seconds."""

ASK_S = 25.0
"""How long one answer may take, in seconds."""

STILL_ASKED = 4 * LONGEST_RUN
"""How long after its last milestone an incident that is over is still looked at."""


@dataclass(frozen=True, slots=True)
class _OpenRun:
    """A run without an end: the entry it was started by, and the run at the service; or why it was ``refused``."""

    incident: str
    entry: UUID
    service: str
    request: WorkflowRun
    receipt: Receipt
    refused: str = ""


class WorkflowWatch:
    """The job that asks how started workflows ended.

    ``make`` makes a service of the settings by its name; it may block, for a secret may come from a command.
    """

    name = "workflows"

    def __init__(self, room: WarRoom, make: Callable[[str], GuardedIntegration]) -> None:
        self.problem: WarroomError | None = None
        self._room = room
        self._make = make
        self._services: dict[str, GuardedIntegration] = {}
        self._wakeup = Wakeup()
        self._stopping = False
        self._seen = -1
        self._under_way = False

    async def run(self) -> None:
        """See ``Job``."""
        try:
            while not self._stopping:
                await self.look()
                await self._wakeup.wait(LOOK_S)
        finally:
            await self._let_go()

    async def once(self) -> None:
        """See ``RoundJob``."""
        try:
            await self.look()
        finally:
            await self._let_go()

    def stop(self) -> None:
        """See ``Job``."""
        self._stopping = True
        self._wakeup.set()

    async def look(self) -> None:
        """Ask about every run that is under way, and record those that have ended."""
        self.problem = None
        try:
            open_runs = await asyncio.to_thread(self._open_runs)
        except WarroomError as error:
            self.problem = error
            return
        for run in open_runs:
            try:
                await self._look_at(run)
            except (WarroomError, TimeoutError) as error:
                words = error.title if isinstance(error, WarroomError) else "it did not answer in time"
                self.problem = WarroomError(f"{run.service} does not say how a workflow ended: {words}")
                await self._let_go(run.service)  # its secrets may have been renewed

    async def _look_at(self, run: _OpenRun) -> None:
        if run.refused:
            await self._end(run, EndWorkflow(run.entry, reason=run.refused))
            return
        if run.service not in self._services:
            self._services[run.service] = await asyncio.to_thread(self._make, run.service)
        service = self._services[run.service]
        if not service.can("result"):
            return
        async with asyncio.timeout(ASK_S):
            conclusion = await service.result(run.request, run.receipt)
        if conclusion:
            await self._end(run, EndWorkflow(run.entry, conclusion, url=run.receipt.url))

    async def _end(self, run: _OpenRun, end: EndWorkflow) -> None:
        await asyncio.to_thread(lambda: self._room.execute(run.incident, end, by=""))

    def _open_runs(self) -> list[_OpenRun]:
        """The runs without an end. The journal is read only if it has changed, or one was under way."""
        room, now = self._room, self._room.clock()
        count = room.change_count()
        if room.read_only or (count == self._seen and not self._under_way):
            return []
        found: list[_OpenRun] = []
        self._under_way = False
        for summary in room.summaries():
            if not summary.open and now - max(summary.milestones.values()) > STILL_ASKED:
                continue
            incident = room.incident(summary.id)
            runs = [run for one in incident.runbooks.values() for run in one.runs if run.is_running(now)]
            if any(runs):
                self._under_way = True
                found += _open_runs(incident, {run.entry for run in runs}, room.deliveries(summary.id))
        self._seen = count
        return found

    async def _let_go(self, *names: str) -> None:
        for name in names or tuple(self._services):
            if service := self._services.pop(name, None):
                await service.close()


def _open_runs(incident: Incident, runs: set[UUID], deliveries: Sequence[Delivery]) -> Iterator[_OpenRun]:
    """Those of ``runs`` that the service can be asked about, or that were refused."""
    by_entry = {delivery.entry_id: delivery for delivery in deliveries}
    receipts: dict[UUID, Receipt] = {}
    for row in incident.rows:
        event = row.entry.event
        if isinstance(event, RequestAccepted):
            receipts[event.made] = Receipt(id=event.id, url=event.url)
    for row in incident.rows:
        event, delivery = row.entry.event, by_entry.get(row.entry.id)
        if not isinstance(event, RequestMade) or event.about not in runs or delivery is None:
            continue
        request, receipt = delivery.item.request, receipts.get(row.entry.id)
        if not isinstance(request, WorkflowRun) or event.about is None:
            continue
        if receipt and receipt.id:
            yield _OpenRun(incident.id, event.about, event.service, request, receipt)
        elif delivery.state is DeliveryState.FAILED and not receipt:
            yield _OpenRun(incident.id, event.about, event.service, request, Receipt(), delivery.error)
