"""Isolate a probe, ours or a plugin's: whatever it does, one bounded line comes of it.

A probe of another package runs on an event loop of its own, so that a blocking call in it holds up only itself.
Its tracebacks are in the diagnostic log.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from warroom import diagnostics
from warroom.connect.plugin_loop import PluginLoop
from warroom.connect.plugins import describe, is_ending
from warroom.connect.ports import Probe
from warroom.connect.secret_mask import SecretMask
from warroom.errors import WarroomError
from warroom.incident.readings import Reading, unmeasured

RUN_S = 25.0
"""How long a measurement may take, in seconds; longer than any limit of a kind of ours."""

CLOSE_S = 2.0

MAX_TEXT = 200
"""Of a reading, in characters: it is shown on one line beside an item."""


class GuardedProbe:
    """A ``Probe`` whose ``run`` raises nothing and holds no secret, and whose ``close`` raises nothing."""

    def __init__(self, name: str, probe: Probe, mask: SecretMask, package: str = "") -> None:
        self._name = name
        self._probe = probe
        self._mask = mask
        self._package = package
        self._loop = PluginLoop(f"probe {name}", package)

    async def run(self) -> Reading:
        """As the probe measures; "cannot be measured: …" where it fails or takes longer than ``RUN_S``."""
        try:
            async with asyncio.timeout(RUN_S):
                reading = await self._loop.run(self._probe.run)
            if not isinstance(reading, Reading):
                return unmeasured("the probe gave no reading")
            return replace(
                reading,
                text=self._mask.line(reading.text, MAX_TEXT),
                unit=self._mask.line(reading.unit, 20) if reading.unit.strip() else "",
            )
        except TimeoutError:
            return unmeasured(f"no result within {RUN_S:g} s")
        except WarroomError as error:
            return unmeasured(self._mask.line(error.title, MAX_TEXT))
        except BaseException as error:
            if is_ending(error):
                raise
            diagnostics.log_failure(f"probe {self._name} ({self._package or 'plugin'})", error)
            return unmeasured(describe(error, self._mask))

    async def close(self) -> None:
        """Close its connections, or give up after ``CLOSE_S``."""
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._loop.run(self._probe.close)
        except BaseException as error:
            if is_ending(error):
                raise
            if not isinstance(error, WarroomError | TimeoutError):
                diagnostics.log_failure(f"probe {self._name}, close", error)
        finally:
            self._loop.stop()
