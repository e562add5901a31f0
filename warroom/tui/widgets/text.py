"""Text for the screen: everything from outside passes here, sanitized and never as markup. Holds no state."""

from __future__ import annotations

from textual.content import Content
from textual.style import Style

from warroom.incident.readings import Reading
from warroom.incident.timing import Urgency
from warroom.safety import sanitize


def literal(text: str, style: str | Style = "") -> Content:
    """``text`` literally, on one line, with nothing in it that a terminal or a markup parser would obey."""
    return (
        Content.styled(sanitize(text, newlines=False), style) if style else Content(sanitize(text, newlines=False))
    )


def block(text: str, style: str | Style = "") -> Content:
    """As ``literal``, keeping its lines."""
    return Content.styled(sanitize(text), style) if style else Content(sanitize(text))


def join(*parts: Content | str | None, gap: str = " ") -> Content:
    """The parts that are not empty, ``gap`` between them; a plain str is our own text."""
    return Content(gap).join([Content(p) if isinstance(p, str) else p for p in parts if p])


def shown_reading(reading: Reading) -> Content:
    """A reading in the colour of its result; evidence against an item has a sign as well."""
    if reading.against:
        return literal(f"! {reading.text}", "$text-warning bold")
    return literal(reading.text, "$text-success" if reading.speaks == "for" else "$text-quiet")


READ_ONLY = Content.styled(" READ-ONLY ", "bold reverse")
"""Shown in the first line of a screen while nothing can be recorded."""

DRILL_STYLE = "$status-late-text on $status-late bold"
"""The badge of everything that belongs to a drill."""

URGENCY_STYLE: dict[Urgency, str] = {
    "calm": "$status-ok-text on $status-ok",
    "soon": "$status-late-text on $status-late",
    "late": "$status-late-text on $status-late bold",
    "overdue": "$status-overdue-text on $status-overdue bold",
}
URGENCY_WORD: dict[Urgency, str] = {"calm": "", "soon": "soon", "late": "LATE", "overdue": "OVERDUE"}


def section_title(section: str) -> str:
    """A section of the post-mortem as people call it."""
    return "Where we got lucky" if section == "lucky" else section.replace("_", " ").capitalize()


SEVERITY_SLOTS = ("critical", "high", "medium", "low")


def severity_slot(severity: str, rank: int, of: int) -> str:
    """Which of the four severity colours one gets: its own, else by its ``rank`` of ``of`` in the playbook."""
    return severity if severity in SEVERITY_SLOTS else SEVERITY_SLOTS[min(3, rank * 4 // max(1, of))]


def severity_badge(severity: str, rank: int, of: int, glyph: str) -> Content:
    """The severity on its own ground: glyph and word, so that colour is never the only sign."""
    known = severity_slot(severity, rank, of)
    return literal(f" {glyph} {severity.upper()} ", f"$sev-{known}-text on $sev-{known} bold")
