"""Isolate an alert source: what it raises becomes one of our errors, what it gives is bounded and masked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from warroom.connect.guard import Guard
from warroom.connect.ports import AlertSource
from warroom.connect.secret_mask import SecretMask
from warroom.errors import NotSent, Refusal, WarroomError
from warroom.incident.alerting import Firing, Notice

T = TypeVar("T")

MOST = 10_000
"""Alerts of one poll. A source that fires more is not read."""

MOST_LABELS = 40


class GuardedAlerts:
    """An ``AlertSource`` that raises nothing but ``WarroomError``, whatever ``source`` (of ``package``) does."""

    def __init__(self, name: str, source: AlertSource, mask: SecretMask, package: str = "") -> None:
        self._guard = Guard(name, mask, package)
        self._name, self._mask = name, mask
        self.source = source
        self.can_acknowledge = callable(getattr(source, "acknowledge", None))
        self.can_resolve = callable(getattr(source, "resolve", None))
        self.ends_alerts = bool(getattr(source, "ends_alerts", True))
        self.can_silence = callable(getattr(source, "silence", None))

    async def firing(self) -> Sequence[Firing]:
        """What fires, each key once, texts sanitized, bounded and without secrets."""
        found = await self._run(lambda: self.source.firing())
        if not isinstance(found, list | tuple) or not all(isinstance(one, Firing) for one in found):
            raise WarroomError(f"{self._name} gave no list of alerts", self._guard.remedy)
        if len(found) > MOST:
            raise NotSent(f"{self._name} fires {len(found):,} alerts, more than {MOST:,}", "Filter them there.")
        # Ten thousand take a second.
        return await asyncio.to_thread(lambda: list({one.key: self._tidied(one) for one in found}.values()))

    async def acknowledge(self, key: str, comment: str) -> str:
        """As the source does it. ``Refusal`` where it cannot."""
        return await self._act("acknowledge", key, comment)

    async def resolve(self, key: str, comment: str) -> str:
        """As the source does it. ``Refusal`` where it cannot."""
        return await self._act("resolve", key, comment)

    async def silence(self, key: str, until: datetime, comment: str) -> str:
        """As the source does it. ``Refusal`` where it cannot."""
        return await self._act("silence", key, until, comment)

    def read(self, body: bytes) -> Sequence[Notice]:
        """What a webhook was sent, tidied as in ``firing``. ``BadInput`` for what it cannot read."""
        source: Any = self.source
        try:
            return [replace(one, firing=self._tidied(one.firing)) for one in source.read(body)]
        except Exception as error:  # noqa: BLE001 — whatever a plugin raises
            failure = self._guard.as_ours(error, sends=False)
        raise failure

    async def check(self) -> str:
        """The source's line for ``doctor``, without secrets."""
        return self._mask.line(str(await self._run(lambda: self.source.check())))

    async def close(self) -> None:
        """Close its connections, or give up after ``guard.CLOSE_S``."""
        await self._guard.close(lambda: self.source.close())

    async def _act(self, action: str, *arguments: Any) -> str:
        method: Callable[..., Awaitable[str]] | None = getattr(self.source, action, None)
        if method is None:
            raise Refusal(f"{self._name} cannot {action} an alert", "Do it there.")
        return self._mask.line(str(await self._run(lambda: method(*arguments))))

    async def _run(self, call: Callable[[], Awaitable[T]]) -> T:
        return await self._guard.run(call, object, sends=False)

    def _tidied(self, one: Firing) -> Firing:
        line = self._mask.line
        labels = {line(name, 80): line(value, 200) for name, value in list(one.labels.items())[:MOST_LABELS]}
        since = one.since
        if since is not None:
            since = (since if since.tzinfo else since.replace(tzinfo=UTC)).astimezone(UTC)
        return replace(
            one,
            key=self._mask.identifier(one.key),
            title=line(one.title) or "alert without a name",
            since=since,
            service=line(one.service, 80),
            severity=line(one.severity, 40),
            detail=line(one.detail, 500),
            url=self._mask.link(one.url),
            labels=labels,
            group=line(one.group),
        )
