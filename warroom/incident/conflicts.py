"""What two laptops recorded without knowing of each other: entries are facts and never rejected, so a rule decides.

Two entries conflict if the later one, by the hub's order, was recorded before its author had read the earlier one.
Notes and ticks commute. A status is not moved by who had not read its last change; of two severities the higher
holds; of two holders of a role the later. A line in the timeline says so. Every laptop decides the same.
"""

from __future__ import annotations

from collections.abc import Iterable

from warroom.incident.events import Entry, SeveritySet

CONFLICTING = frozenset({"status", "severity", "assigned", "resolved", "reopened", "closed"})
"""The kinds of events that can conflict with what is recorded on another laptop."""


def conflict(earlier: Entry | None, later: Entry) -> bool:
    """Whether ``later`` was recorded without having read ``earlier``, on another laptop."""
    return (
        earlier is not None
        and later.seen is not None
        and earlier.pos is not None
        and later.seen < earlier.pos
        and earlier.device != later.device
    )


def unread(rows: Iterable[tuple[int, Entry]], later: Entry) -> str:
    """Name the entries of others that ``later`` was recorded without having read; "" if there are none."""
    found = [(number, entry.by) for number, entry in rows if conflict(entry, later)]
    if not found:
        return ""
    numbers = ", ".join(str(number) for number, _ in found[:5]) + (", …" if len(found) > 5 else "")
    people = ", ".join(dict.fromkeys(by or "warroom" for _, by in found))
    return f"recorded before {numbers} by {people} had arrived"


def severity_holds(earlier: Entry | None, later: Entry) -> bool:
    """Whether the severity of ``earlier`` holds although ``later`` sets another: it is higher, and was not read."""
    if earlier is None or not conflict(earlier, later):
        return False
    before, after = earlier.event, later.event
    if not (isinstance(before, SeveritySet) and isinstance(after, SeveritySet)):
        return False
    return 0 <= before.rank < after.rank
