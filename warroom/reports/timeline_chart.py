"""The course of an incident as an inline SVG: its phases as a bar, its milestones, and what happened when. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from html import escape

from warroom.incident import timing
from warroom.reports.postmortem import PostMortem
from warroom.safety import redact

WIDTH = 760
BAR_TOP, BAR_HEIGHT = 46, 24
DOTS_TOP = 92
LABEL_ROWS = 3
LABEL_WIDTH = 110
"""How far apart two labels in one row have to be, in pixels."""

_KINDS = {
    "alert": "bad",
    "declared": "bad",
    "evidence": "look",
    "finding": "look",
    "hypothesis": "look",
    "decision": "act",
    "change": "act",
    "planned": "act",
    "fix": "good",
    "update": "told",
}
"""The events that have a dot, and the class of its colour; all others would be noise here."""

_LEGEND = {
    "bad": "alert",
    "look": "finding or evidence",
    "act": "decision or change",
    "good": "fix",
    "told": "update",
}


def timeline_chart(document: PostMortem) -> str:
    """Draw the incident from its start to its resolution, or as far as it has come; "" if nothing took any time."""
    start = document.milestones.get("started")
    if start is None or document.duration_s <= 0:
        return ""

    def x(at: datetime) -> float:
        share = (at - start).total_seconds() / document.duration_s
        return round(min(max(share, 0.0), 1.0) * WIDTH, 1)

    parts = [*_phases(document), *_milestones(document, x_of=x), *_events(document, x_of=x), *_legend(document)]
    height = DOTS_TOP + 40
    took = timing.format_duration(timedelta(seconds=document.duration_s))
    return (
        f'<svg class="course" role="img" aria-label="{_text(f"The course of the incident, {took}")}"'
        f' viewBox="-4 0 {WIDTH + 8} {height}" width="{WIDTH}" height="{height}">{"".join(parts)}</svg>'
    )


def _phases(document: PostMortem) -> Iterable[str]:
    """Yield the phases up to the resolution, each as wide as the time it took."""
    left = 0.0
    live = [phase for phase in document.phases if phase.seconds > 0]
    for number, phase in enumerate(live):
        width = min(phase.seconds / document.duration_s, 1.0) * WIDTH
        if left + width > WIDTH + 1:  # what comes after the resolution is not drawn
            return
        took = timing.format_duration(timedelta(seconds=phase.seconds))
        words = f"{phase.title}, {took}"
        shown = words if len(words) * 7 < width else took if len(took) * 7 < width else ""
        yield (
            f'<g class="phase p{number % 3}"><title>{_text(words)}</title>'
            f'<rect x="{left:.1f}" y="{BAR_TOP}" width="{max(width, 1):.1f}" height="{BAR_HEIGHT}"/>'
            f'<text x="{left + 6:.1f}" y="{BAR_TOP + 16}">{_text(shown)}</text></g>'
        )
        left += width


def _milestones(document: PostMortem, x_of: Callable[[datetime], float]) -> Iterable[str]:
    """Yield a line for each milestone, labels that are close to each other one above the other."""
    ends = [-LABEL_WIDTH * 2.0] * LABEL_ROWS
    for name, at in document.milestones.items():
        here = x_of(at)
        row = next((row for row in range(LABEL_ROWS) if here - ends[row] >= LABEL_WIDTH), None)
        title = _text(f"{name.capitalize()} {document.milestone_times[name]}")
        label = ""
        if row is not None:
            ends[row] = here
            anchor = "end" if here > WIDTH - LABEL_WIDTH else "start"
            label = f'<text x="{here}" y="{12 + row * 14}" text-anchor="{anchor}">{_text(name.capitalize())}</text>'
        top, bottom = 14 + (row or 0) * 14, BAR_TOP + BAR_HEIGHT + 4
        line = f'<line x1="{here}" y1="{top}" x2="{here}" y2="{bottom}"/>'
        yield f'<g class="milestone"><title>{title}</title>{line}{label}</g>'


def _events(document: PostMortem, x_of: Callable[[datetime], float]) -> Iterable[str]:
    end = document.milestones["started"] + timedelta(seconds=document.duration_s)
    for row in document.timeline:
        if row.kind in _KINDS and document.milestones["started"] <= row.at <= end:
            words = f"{row.time} {row.kind}: {row.text[:120]}"
            yield (
                f'<circle class="{_KINDS[row.kind]}" cx="{x_of(row.at)}" cy="{DOTS_TOP}" r="4">'
                f"<title>{_text(words)}</title></circle>"
            )


def _legend(document: PostMortem) -> Iterable[str]:
    """Yield what the colours of the dots mean, of those that are there."""
    there = {_KINDS[row.kind] for row in document.timeline if row.kind in _KINDS}
    left = 4
    for name, words in _LEGEND.items():
        if name in there:
            yield f'<rect class="{name}" x="{left - 4}" y="{DOTS_TOP + 22}" width="8" height="8" rx="4"/>'
            yield f'<text class="legend" x="{left + 10}" y="{DOTS_TOP + 30}">{words}</text>'
            left += 34 + 7 * len(words)


def _text(text: str) -> str:
    """``text`` without secrets, control characters and markup."""
    return escape(" ".join(redact(text, personal=False).text.split()))
