"""Play the demo without a screen: print what happens and write the post-mortem. Decides nothing."""

from __future__ import annotations

from pathlib import Path

from warroom.bootstrap import AppContext
from warroom.cli import output
from warroom.config.paths import write_atomically
from warroom.drill.player import DrillPlayer
from warroom.reports import postmortem, render

DELIVERY_S = 10.0
"""How long is waited for the last posts of the demo, in seconds."""


def play(app: AppContext, drill: DrillPlayer, folder: Path, *, json: bool) -> None:
    """Play it to its end; the post-mortem's path is the last line on stdout. With ``json`` an object instead."""
    outbox = app.outbox()
    app.jobs.start(outbox)
    try:
        incident_id = drill.play(output.print_err if json else output.print_out)
    finally:
        app.jobs.end(outbox)
    deliveries = app.outbox().drain(DELIVERY_S, incident_id)
    room = app.room
    incident = room.incident(incident_id)
    written = postmortem.build(incident, room.playbook, deliveries, room.clock(), room.zone)
    path = folder / f"{incident_id}-postmortem.md"
    write_atomically(path, render.to_markdown(written, room.playbook))
    if json:
        output.data({"id": incident_id, "postmortem": str(path), "data": str(folder)})
    else:
        output.print_out(str(path))
