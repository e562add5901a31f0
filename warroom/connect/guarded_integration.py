"""Isolate an integration, ours or a plugin's. See ``guard``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import NoneType
from typing import Any

from warroom.config.rota import Shift
from warroom.connect.guard import Guard
from warroom.connect.plugins import describe, is_ending
from warroom.connect.ports import Integration
from warroom.connect.secret_mask import SecretMask
from warroom.errors import Refusal, SettingsError
from warroom.incident.delivery import Receipt

MOST = 1_000
"""Of the issues or people that one answer may name."""


class GuardedIntegration:
    """An ``Integration`` whose every method keeps the promises of that protocol, whatever ``service`` does.

    ``can`` tells what it offers besides. Raises ``SettingsError`` for one that lacks what the protocol asks for.
    """

    def __init__(self, name: str, service: Integration[Any], mask: SecretMask, package: str = "") -> None:
        self._guard = Guard(name, mask, package)
        self.service = service
        failure: SettingsError | None = None
        try:
            self.dedupes = bool(service.dedupes)
            self.reads_back = bool(service.reads_back)
            self.reports_sending = bool(getattr(service, "reports_sending", False))
        except BaseException as error:
            if is_ending(error):
                raise
            failure = SettingsError(f"its backend is not complete: {describe(error, mask)}", self._guard.remedy)
        if failure:
            raise failure

    def can(self, method: str) -> bool:
        """Whether the service has this method of another port, such as "states"."""
        return callable(getattr(self.service, method, None))

    async def send(self, request: Any, key: str) -> Receipt | None:
        """As the service does it, the receipt bounded and without secrets."""
        done = await self._guard.run(lambda: self.service.send(request, key), Receipt, NoneType)
        return self._guard.receipt(done) if done else None

    async def find(self, request: Any, key: str) -> Receipt | None:
        """As the service finds it, the receipt bounded and without secrets."""
        found = await self._guard.run(lambda: self.service.find(request, key), Receipt, NoneType)
        return self._guard.receipt(found) if found else None

    async def states(self, ids: Sequence[str]) -> dict[str, bool]:
        """See ``IssueTracker``. ``Refusal`` where the service cannot say."""
        method = self._method("states")
        found = await self._guard.run(lambda: method(ids), Mapping, sends=False)
        return {self._guard.identifier(str(id)): bool(done) for id, done in list(found.items())[:MOST]}

    async def result(self, request: Any, receipt: Receipt) -> str:
        """See ``WorkflowRunner``. ``Refusal`` where the service cannot say."""
        method = self._method("result")
        return self._guard.mask.line(await self._guard.run(lambda: method(request, receipt), str, sends=False), 40)

    async def shifts(self, since: datetime, until: datetime) -> list[Shift]:
        """See ``OnCallSchedule``. ``Refusal`` where the service cannot say."""
        method = self._method("shifts")
        found = await self._guard.run(lambda: method(since, until), list, tuple, sends=False)
        return [shift for one in found[:MOST] if (shift := self._shift(one))]

    def _shift(self, given: Any) -> Shift | None:
        """The shift with a name without secrets; None for anything that is none, or has no times with a zone."""
        if not isinstance(given, tuple) or len(given) != len(Shift._fields):
            return None
        person, begins, ends = given
        zoned = [isinstance(one, datetime) and one.tzinfo is not None for one in (begins, ends)]
        if not zoned[0] or not (zoned[1] or ends is None):
            return None
        return Shift(self._guard.mask.line(str(person), 200), begins, ends)

    async def check(self) -> str:
        """The service's line for ``doctor``, without secrets."""
        return self._guard.mask.line(await self._guard.run(lambda: self.service.check(), str, sends=False))

    async def close(self) -> None:
        """Close its connections, or give up after ``guard.CLOSE_S``."""
        await self._guard.close(lambda: self.service.close())

    def _method(self, name: str) -> Callable[..., Any]:
        method: Callable[..., Any] | None = getattr(self.service, name, None)
        if method is None:
            raise Refusal(f"{self._guard.name} cannot say", "Look there.")
        return method
