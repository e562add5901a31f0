"""The top line of every screen about an incident: how bad, which, who leads, where we talk, what time it is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo
from urllib.parse import urlsplit

from textual.content import Content

from warroom.incident.delivery import Delivery, DeliveryState
from warroom.incident.incident import Incident
from warroom.incident.playbook import Playbook
from warroom.tui.widgets.bars import Bar
from warroom.tui.widgets.text import (
    DRILL_STYLE,
    READ_ONLY,
    SEVERITY_SLOTS,
    join,
    literal,
    severity_badge,
    severity_slot,
)

UNPAGED = Content.styled(" NOBODY PAGED ", "bold reverse")
"""The settings page people, and no console or watch was running to do it."""

IN_SYNC = "hub ✓"
"""The word for a laptop that is in sync with the hub."""

FULL_NAMES = 98
"""Columns from which on the commander is named in full; below, by the first name."""


def badge(severity: str, status: str, playbook: Playbook) -> Content:
    """How bad it is while users are affected; then that they are not, and how bad it was."""
    known = {s.id: (rank, s.glyph) for rank, s in enumerate(playbook.severities)}
    rank, glyph = known.get(severity, (0, "●"))
    if status == "investigating":
        return severity_badge(severity, rank, len(playbook.severities), glyph)
    if status == "mitigated":
        return join(literal(" ◐ MITIGATED ", "$sev-low-text on $sev-low bold"), literal(severity))
    return join(literal(f" ✓ {status.upper()} ", "$status-ok-text on $status-ok bold"), literal(f"was {severity}"))


class Headline(Bar):
    """The top line of every screen about an incident. Its background shows the severity while users are affected,
    and is green once the incident is resolved."""

    DEFAULT_CSS = """
    Headline { background: $panel; padding: 0 1; }
    Headline.-critical { background: $sev-critical; color: $sev-critical-text; }
    Headline.-high { background: $sev-high; color: $sev-high-text; }
    Headline.-medium { background: $sev-medium; color: $sev-medium-text; }
    Headline.-low { background: $sev-low; color: $sev-low-text; }
    Headline.-resolved { background: $status-ok; color: $status-ok-text; }
    """

    def show(
        self,
        incident: Incident,
        deliveries: Sequence[Delivery],
        playbook: Playbook,
        now: datetime,
        zone: tzinfo,
        *,
        read_only: bool = False,
        unpaged: bool = False,
        video: str = "",
        hub: str = "",
    ) -> None:
        """Show the incident as it is ``now``; with ``read_only`` that nothing can be recorded, with ``unpaged``
        that nobody is paged although the settings say so. Of ``video``, the address of the call, the host is
        shown; ``hub`` is how this laptop stands with the hub, in a word."""
        width = max(20, self.screen.size.width - 2)
        host = urlsplit(video).hostname or "" if video else ""
        line = headline(
            incident,
            deliveries,
            playbook,
            now,
            zone,
            width,
            read_only=read_only,
            unpaged=unpaged,
            host=host,
            hub=hub,
        )
        self.set_content(line)
        self.colour(incident, playbook)

    def colour(self, incident: Incident, playbook: Playbook) -> None:
        """Give the background the colour of the incident's state."""
        ranks = {s.id: rank for rank, s in enumerate(playbook.severities)}
        slot = severity_slot(incident.severity, ranks.get(incident.severity, 0), len(ranks))
        state = slot if incident.status == "investigating" else "" if incident.open else "resolved"
        for name in (*SEVERITY_SLOTS, "resolved"):
            self.set_class(name == state, f"-{name}")


def headline(
    incident: Incident,
    deliveries: Sequence[Delivery],
    playbook: Playbook,
    now: datetime,
    zone: tzinfo,
    width: int,
    *,
    read_only: bool = False,
    unpaged: bool = False,
    host: str = "",
    hub: str = "",
) -> Content:
    """How bad, which, what, who leads, where we talk, what time it is: one line, cut in the middle if need be.

    Plain, bold and reversed only: it is shown on backgrounds of several colours.
    """
    drill = Content.styled(" DRILL ", DRILL_STYLE) if incident.drill else None
    unsaved = READ_ONLY if read_only else None
    silent = UNPAGED if unpaged else None
    left = join(
        badge(incident.severity, incident.state, playbook), drill, unsaved, silent, literal(incident.id, "bold")
    )
    name = incident.commander if width >= FULL_NAMES else incident.commander.partition(" ")[0]
    leader = literal(name, "bold") if name else literal(" nobody ", "bold reverse")
    clock = f"{now.astimezone(zone):%H:%M:%S %Z}"
    commander = Content.assemble("IC ", leader)
    call = literal(host) if host else None
    shared = hub_word(hub)
    right = join(commander, call, _channels(incident, deliveries), shared, clock, gap="   ")
    space = width - left.cell_length - right.cell_length - 4
    if space < 12:  # a narrow screen: what it is matters more than where we talk
        right = join(commander, shared if hub != IN_SYNC else None, clock, gap="  ")
        space = width - left.cell_length - right.cell_length - 4
    what = literal(f"{incident.service} · {incident.title}").truncate(max(1, space), ellipsis=True)
    return left + "  " + what.pad_right(max(0, space - what.cell_length)) + "  " + right


def hub_word(hub: str) -> Content | None:
    """How this laptop stands with the hub: plain while it is in sync, else marked."""
    return literal(hub, "" if hub == IN_SYNC else "bold reverse") if hub else None


def _channels(incident: Incident, deliveries: Sequence[Delivery]) -> Content:
    """Each destination with the state of what it was last sent."""
    last: dict[str, Delivery] = {delivery.destination: delivery for delivery in deliveries}
    parts = []
    for name, delivery in last.items():
        channel = incident.channels.get(name)
        shown = (channel.name if channel else "") or name
        worst = delivery.state if delivery.state is not DeliveryState.DELIVERED else _worst(deliveries, name)
        style = "" if worst is DeliveryState.DELIVERED else "bold reverse"
        waiting = [one for one in deliveries if one.destination == name and one.state is DeliveryState.PENDING]
        if any(one.error and one.attempts for one in waiting):
            parts.append(literal(f"{shown} down, {len(waiting)} queued", style))
        else:
            parts.append(literal(f"{shown} {worst.glyph}", style))
    return join(*parts)


def _worst(deliveries: Sequence[Delivery], destination: str) -> DeliveryState:
    states = {delivery.state for delivery in deliveries if delivery.destination == destination}
    order = (DeliveryState.UNCONFIRMED, DeliveryState.FAILED, DeliveryState.SENDING, DeliveryState.PENDING)
    return next((state for state in order if state in states), DeliveryState.DELIVERED)
