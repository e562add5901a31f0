"""The border's text of a log pane: sources, rates, errors, level, masks, whether it follows."""

from __future__ import annotations

from rich.cells import cell_len

from warroom.logs.view import Figures, LogView
from warroom.safety import sanitize

_TITLED = 48  # cells that the names of the sources take at most
_BARS = "▁▂▃▄▅▆▇█"


def names(view: LogView) -> list[tuple[str, int]]:
    """The sources that are shown, as far as there is room for their names, each with its place."""
    room = _TITLED
    found: list[tuple[str, int]] = []
    for place, source in enumerate(view.sources):
        room -= 0 if source.hidden else cell_len(source.label) + 1
        if room < 0 and found:
            break
        if not source.hidden:
            found.append((source.label, place))
    return found


def status(view: LogView, figures: Figures, *, following: bool, query: str, matches: str) -> str:
    """The text; "" without a source. ``query`` is what is searched for, ``matches`` how many lines have it."""
    if not view.sources:
        return ""
    now = view.snapshot()
    shown = [name for name, _ in names(view)]
    more = len(figures.labels) - len(shown)
    named = " ".join([*shown, *([f"+{more}"] if more else [])])
    # What the reader must not miss comes before what a narrow title cuts off.
    state = "following" if following else "paused"
    parts = [named or "all hidden", state, f"{figures.lines_per_second:,} lines/s"]
    most = max(figures.errors)
    bars = "".join(_BARS[-(-n * (len(_BARS) - 1) // most)] for n in figures.errors) + " " if most else ""
    peak = f", peak {most:,}" if most > figures.errors[-1] else ""
    spike = f" {figures.spike:.0f}× the last hour" if figures.spike else ""
    parts.append(f"errors {bars}{figures.errors[-1]:,}/min{peak}{spike}")
    if figures.threshold:
        parts.append(f"level ≥ {figures.threshold}")
    if view.filter:
        parts.append(f"{now.end - now.first:,} shown" + (f" {now.done:.0%}" if now.working else ""))
    if matches and query:
        parts.append(sanitize(f"“{query}” {matches}", newlines=False))
    if not view.masks:
        parts.append("SECRETS SHOWN")
    elif figures.masked:
        parts.append(f"{figures.masked:,} masked")
    if figures.dropped:
        parts.append(f"{figures.dropped:,} dropped")
    return " │ ".join(parts)
