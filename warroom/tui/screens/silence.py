"""The form that silences an alert at its source."""

from __future__ import annotations

from datetime import timedelta

from warroom.incident.alerting import AlertGroup
from warroom.incident.timing import read_duration
from warroom.tui.context import ScreenContext
from warroom.tui.screens.form_dialog import Field, Form


class SilenceForm(Form):
    """Asks for how long the alerts of a group are silenced, and why. What the source did is shown."""

    def __init__(self, context: ScreenContext, group: AlertGroup) -> None:
        fields = (
            Field("for", "For how long", "1h", hint="30m, 2h, 1d"),
            Field("reason", "Why (optional)", hint="planned work on the database"),
        )
        times = f" (×{group.count:,})" if group.count > 1 else ""
        super().__init__(
            "silence an alert", fields, self._silence, verb="silence", about=f"{group.newest.event.text}{times}"
        )
        self._screen_context = context
        self._group = group

    async def _silence(self, values: dict[str, str]) -> None:
        from warroom.room.silencing import silence_alerts

        room, alerts = self._screen_context.room, self._group.alerts
        until = room.clock() + timedelta(seconds=read_duration(values["for"]))
        outcome = await self._screen_context.work(lambda: silence_alerts(room, alerts, until, values["reason"]))
        self._screen_context.notify(f"{self._group.newest.event.source}: {outcome}")
