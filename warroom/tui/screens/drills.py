"""Choosing a drill, abandoning the one that runs, and what the form of a fix offers in a drill."""

from __future__ import annotations

import random

from warroom.incident.drills import drill_started
from warroom.incident.incident import Incident
from warroom.tui.context import ScreenContext
from warroom.tui.screens.confirm import Confirm
from warroom.tui.screens.form_dialog import Field, Form

OTHER_FIX = ("other", "Something else, as described below")
"""The choice, in the form of a fix, of who does something else."""


async def choose_drill(context: ScreenContext) -> None:
    """Ask which drill to start, and start it."""
    drill = context.drill
    if drill is None:
        return
    choices = await context.run_or_notify(drill.choices)
    if choices is None:
        return
    if not choices:
        context.notify("No drill can be played; warroom drill list says why", "warning")
        return

    async def start(values: dict[str, str]) -> None:
        await start_drill(context, values["drill"])

    listed = tuple((name, f"{title} — {summary}" if summary else title) for name, title, summary in choices)
    about = "It posts only to drill destinations. Your own drills are in the folder drills beside the settings."
    form = Form("start a drill", (Field("drill", "Which one", choices=listed),), start, verb="start", about=about)
    context.app.push_screen(form)


async def start_drill(context: ScreenContext, name: str) -> None:
    """Start the drill of that name; what is wrong with it is shown."""
    drill = context.drill
    if drill is None:
        return

    def start() -> bool:
        drill.start(name)
        return True

    if await context.run_or_notify(start):
        context.notify("Drill started: watch for its alert on the home screen")


def abandon_drill(context: ScreenContext) -> None:
    """Ask whether to abandon the drill that runs; its incident is closed with it."""

    def answered(yes: bool | None) -> None:
        drill = context.drill
        if yes and drill:
            context.app.run_worker(_abandon(context))

    question = Confirm(
        "A drill is running",
        "Abandon it? Its incident is closed, and the drill does not count.",
        no="No, go on",
        yes="Yes, abandon it",
    )
    context.app.push_screen(question, answered)


async def _abandon(context: ScreenContext) -> None:
    drill = context.drill
    if drill:
        await context.run_or_notify(drill.stop)
        context.notify("Drill abandoned")


# ── fixes ─────────────────────────────────────────────────────────────────────────────────────────────────


def remedy_field(incident: Incident) -> Field | None:
    """What a drill's script offers as fixes, in an order that gives nothing away; None if it offers none."""
    started = drill_started(incident)
    if started is None or not started.remedies:
        return None
    offered = [(remedy.words, remedy.words) for remedy in started.remedies]
    random.Random(incident.id).shuffle(offered)
    return Field("remedy", "What to do", choices=(OTHER_FIX, *offered))
