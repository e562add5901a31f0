"""Isolate an alert source: what it raises becomes one of our errors, what it gives is bounded and masked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from warroom import diagnostics
from warroom.connect.plugin_loop import PluginLoop
from warroom.connect.plugins import describe, is_ending
from warroom.connect.ports import AlertSource
from warroom.connect.secret_mask import SecretMask
from warroom.errors import NotSent, Refusal, WarroomError
from warroom.incident.alerting import Firing, Notice

T = TypeVar("T")

CLOSE_S = 2.0
MOST = 10_000
"""Alerts of one poll. A source that fires more is not read."""

MOST_LABELS = 40


class GuardedAlerts:
    """An ``AlertSource`` that raises nothing but ``WarroomError``, whatever ``source`` (of ``package``) does."""

    def __init__(self, name: str, source: AlertSource, mask: SecretMask, package: str = "") -> None:
        self._name = name
        self._loop = PluginLoop(name, package)
        self._package = package
        self._mask = mask
        self.source = source
        self.can_acknowledge = callable(getattr(source, "acknowledge", None))
        self.can_resolve = callable(getattr(source, "resolve", None))
        self.ends_alerts = bool(getattr(source, "ends_alerts", True))
        self.can_silence = callable(getattr(source, "silence", None))

    async def firing(self) -> Sequence[Firing]:
        """What fires, each key once, texts sanitized, bounded and without secrets."""
        found = await self._run(lambda: self.source.firing())
        if not isinstance(found, list | tuple) or not all(isinstance(one, Firing) for one in found):
            raise WarroomError(f"{self._name} gave no list of alerts", f"Update the package {self._package}.")
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
            failure = self._as_ours(error)
        raise failure

    async def check(self) -> str:
        """The source's line for ``doctor``, without secrets."""
        return self._mask.line(str(await self._run(lambda: self.source.check())))

    async def close(self) -> None:
        """Close its connections, or give up after ``CLOSE_S``."""
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._loop.run(lambda: self.source.close())
        except BaseException as error:
            if is_ending(error):
                raise
        finally:
            self._loop.stop()

    async def _act(self, action: str, *arguments: Any) -> str:
        method: Callable[..., Awaitable[str]] | None = getattr(self.source, action, None)
        if method is None:
            raise Refusal(f"{self._name} cannot {action} an alert", "Do it there.")
        return self._mask.line(str(await self._run(lambda: method(*arguments))))

    async def _run(self, call: Callable[[], Awaitable[T]]) -> T:
        try:
            return await self._loop.run(call)
        except BaseException as error:
            if is_ending(error):
                raise
            failure = self._as_ours(error)
        raise failure  # out here, where the plugin's exception, which may hold a secret, is not its context

    def _as_ours(self, error: BaseException) -> WarroomError:
        if isinstance(error, WarroomError):
            error.title, error.remedy = self._mask.text(error.title), self._mask.text(error.remedy)
            error.args = (error.title,)
            return error
        diagnostics.log_failure(f"alert source {self._name} ({self._package or 'plugin'})", error)
        remedy = f"Update or remove the package {self._package or 'of its backend'}."
        return WarroomError(f"{self._name} crashed: {describe(error, self._mask)}", remedy)

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
