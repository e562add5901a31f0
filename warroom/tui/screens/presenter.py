"""Presenter mode: what everyone on the call may see, in large type. Shows no notes, logs or contacts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Static

from warroom.incident import timing
from warroom.incident.advice import NextStep, next_steps
from warroom.incident.events import UpdatePosted
from warroom.room.snapshot import IncidentSnapshot
from warroom.tui.panes.checklist import ticked
from warroom.tui.panes.headline import Headline
from warroom.tui.screens.incident_actions import IncidentActions
from warroom.tui.screens.next_step_screen import next_line
from warroom.tui.widgets import block_text
from warroom.tui.widgets.bars import Bar, KeyBar
from warroom.tui.widgets.text import URGENCY_STYLE, URGENCY_WORD, block, join, literal

WIDE = 140
"""Beyond so many columns the letters are too small on a shared screen."""

FACTS = 5
"""Rows that are kept for the facts below the large type."""

CAPTIONS = 3
"""Rows of the captions beside the clock, and of the gap between them."""

REPORTED_FIELDS = ("actions", "root_cause", "next_steps")
"""The fields of an update that the screen does not show anyway."""


class PresenterScreen(IncidentActions):
    """The incident for a shared screen. F2 or escape leaves."""

    CSS = """
    PresenterScreen #band { height: auto; padding: 0 1; }
    PresenterScreen #clocks { height: auto; margin: 1 2 0 2; }
    PresenterScreen .half { width: 1fr; height: auto; }
    PresenterScreen #facts { height: 1fr; margin: 1 2 0 2; }
    PresenterScreen #next { padding: 0 1; background: $foreground; color: $background; text-style: bold; }
    PresenterScreen.-high #next { height: 3; padding: 1 2; }
    """
    VERTICAL_BREAKPOINTS = [(0, "-low"), (34, "-high")]  # noqa: RUF012 — Textual's own attribute
    BAR = ("presenter", "update", "help")

    def compose(self) -> ComposeResult:
        yield Headline(id="headline")
        yield Headline(id="band")
        with Horizontal(id="clocks"):
            yield Static("", id="running", classes="half", markup=False)
            yield Static("", id="side", classes="half", markup=False)
        yield Static("", id="facts", markup=False)
        yield Bar(id="next")
        yield KeyBar()

    def on_resize(self, event: events.Resize) -> None:
        self.tick()

    def show_snapshot(self, snapshot: IncidentSnapshot) -> None:
        self.tick()

    def tick(self) -> None:
        if self.snapshot is None or not self.is_attached:
            return
        snapshot, playbook = self.snapshot, self.context.room.playbook
        incident, now, zone = snapshot.incident, self.context.now(), self.context.zone
        headline, band = self.query_one("#headline", Headline), self.query_one("#band", Headline)
        headline.show(incident, (), playbook, now, zone)
        band.colour(incident, playbook)
        _show(band, self._band(snapshot))
        _show(self.query_one("#running", Static), self._elapsed(snapshot))
        _show(self.query_one("#side", Static), self._side(snapshot))
        _show(self.query_one("#facts", Static), self._facts(snapshot))
        self.show_next()

    def find_steps(self) -> Sequence[NextStep]:
        if self.snapshot is None:
            return ()
        # Without the deliveries: where a post went wrong is not for everyone on the call.
        return next_steps(self.incident, self.context.room.playbook, (), self.context.now())

    def next_content(self, step: NextStep, key: str) -> Content:
        return Content(next_line(step, key).plain.strip())  # the bar is inverse, and brings its own colours

    @property
    def _scale(self) -> int:
        """The scale of the commander and the next update; the severity has it too, the time twice that and more."""
        return 2 if self.size.width >= 120 and self.size.height >= 34 else 1

    @property
    def _clock_rows(self) -> int:
        """Rows there are for the time in large type."""
        return self.size.height - 2 * block_text.rows(self._scale) - FACTS - 5

    def _band(self, snapshot: IncidentSnapshot) -> Content:
        """How bad it is in large type, and what users notice."""
        incident, columns = snapshot.incident, max(20, self.size.width - 2)
        word = incident.severity if incident.status == "investigating" else incident.status
        scale = min(self._scale, block_text.fits(word, columns * 2 // 3))
        large = block_text.content(word, scale, "").split("\n")
        label = "Impact was" if incident.impact_ended else "Impact"
        room = columns - max(line.cell_length for line in large) - 4
        beside = [literal(label), *_wrapped(incident.impact, room, len(large) - 1)]
        if room < 16 or len(large) < 2:
            return Content("\n").join([*large, literal(f"{label}: {incident.impact}", "bold")])
        return Content("\n").join(
            line.pad_right(columns - room - line.cell_length) + text
            for line, text in zip(large, [*beside, *[Content("")] * len(large)], strict=False)
        )

    def _elapsed(self, snapshot: IncidentSnapshot) -> Content:
        """How long it has been going on, as large as the window allows."""
        incident, now = snapshot.incident, self.context.now()
        large = block_text.duration(timing.elapsed(incident, now))
        number, _, unit = large.partition(" ") if large.endswith(" MIN") else (large, "", "")
        beside = block_text.width(unit, self._scale) + 2 if unit else 0
        rows = self._clock_rows
        columns = self.size.width // 2 - beside - 4
        scale = min(block_text.fits(number, columns), max(1, rows * 2 // block_text.HEIGHT))
        if not scale:
            number, unit = large, ""
        style = "bold" if incident.open else "$text-success bold"
        digits = block_text.content(number, scale, style).split("\n")
        units = block_text.content(unit, self._scale, "$text-quiet").split("\n") if unit else []
        above = len(digits) - len(units)  # the unit stands on the digits' base line
        caption = "Running for" if incident.open else "Took"
        return Content("\n").join(
            [literal(caption, "$text-quiet"), *digits[:above]]
            + [join(digit, unit, gap="  ") for digit, unit in zip(digits[above:], units, strict=True)]
        )

    def _side_scale(self, *texts: str) -> int:
        """The largest scale at which two lines of large type fill the height of the clock, and each its half."""
        rows, columns = self._clock_rows + 1, self.size.width // 2 - 3
        for scale in range(6, 1, -1):
            fits = all(block_text.width(text, scale) <= columns for text in texts)
            if fits and 2 * block_text.rows(scale) + CAPTIONS <= rows:
                return scale
        return 1

    def _side(self, snapshot: IncidentSnapshot) -> Content:
        """When the next update is due, and who leads."""
        incident, playbook, now = snapshot.incident, self.context.room.playbook, self.context.now()
        audience, update = next(iter(timing.next_updates(incident, playbook, now).items()), ("team", None))
        name = incident.commander.split()[0] if incident.commander else "nobody"
        scale = self._side_scale(*([block_text.duration(update.distance)] if update else []), name)
        large = partial(block_text.content, scale=scale)
        resolved = incident.milestones.get("resolved")
        if update:
            what = "Next update" if audience == "team" else f"Next update to {audience}"
            caption = f"{what} in" if update.left_s > 0 else f"{what} {URGENCY_WORD[update.urgency]} by"
            left = block_text.duration(update.distance)
            due = f"due {update.due.astimezone(self.context.zone):%H:%M}"
            style = "$text-error" if update.left_s <= 0 else "$text-warning" if update.urgency == "soon" else "bold"
            lines = [
                join(literal(caption, "$text-quiet"), literal(f" {due} ", URGENCY_STYLE[update.urgency])),
                large(left, style=style),
            ]
        elif resolved and not incident.open:
            lines = [
                literal("Resolved at", "$text-quiet"),
                literal(f"{resolved.astimezone(self.context.zone):%H:%M %Z}", "$text-success bold"),
            ]
        else:
            lines = [literal("Next update", "$text-quiet"), literal("No next update set", "$text-warning bold")]
        fits = block_text.width(name, scale) <= self.size.width // 2 - 3
        style = "bold" if incident.commander else "$text-warning"
        lines += [
            Content(""),
            literal("Incident commander", "$text-quiet"),
            large(name, style=style) if fits else literal(incident.commander, "bold"),
        ]
        return Content("\n").join(lines)

    def _facts(self, snapshot: IncidentSnapshot) -> Content:
        incident, playbook, now = snapshot.incident, self.context.room.playbook, self.context.now()
        done, total = ticked(incident, playbook, now)
        columns = max(20, self.size.width - 4)
        cells = min(24, columns // 5)
        filled = cells * done // max(1, total)
        bar = Content.assemble(("█" * filled, "$text-success"), ("░" * (cells - filled), "$text-quiet"))
        phase = timing.phase(incident, playbook, now).title
        rows: list[tuple[str, Content]] = [
            ("Status", literal(incident.status.capitalize(), "bold")),
            ("Phase", join(literal(phase, "bold"), bar, literal(f"{done} of {total} done"), gap="  ")),
        ]
        public, team = incident.updates_to("customers"), incident.updates_to("team")
        parts = [Content.assemble((f"{name:<8} ", "$text-quiet"), value) for name, value in rows]
        for who, posts in (("Customers", public), ("Team", team)):
            if posts:
                last = posts[-1]
                posted = "Declared" if last.update.message == "declaration" else f"{who} updated"
                caption = f"{posted} at {last.at.astimezone(self.context.zone):%H:%M}"
                parts += [Content(""), literal(caption, "$text-quiet"), block(_reported(last.update))]
                break
        else:
            parts += [Content(""), literal("No update posted yet", "$text-quiet")]
        if self.size.width > WIDE:
            hint = "Small on a shared screen: enlarge the terminal's font (Ctrl +)."
            parts += [Content(""), literal(hint, "$text-quiet")]
        return Content("\n").join(parts)


def _reported(update: UpdatePosted) -> str:
    """What an update reports besides what the screen shows anyway: nothing for a declaration, the whole text of an
    update without such fields."""
    if update.message == "declaration":
        return ""
    fields = (update.fields.get(name, "").strip() for name in REPORTED_FIELDS)
    return "\n".join(filter(None, fields)) or update.words


def _wrapped(text: str, columns: int, rows: int) -> list[Content]:
    """The text in bold on at most ``rows`` lines, the last one cut with … where it does not fit."""
    lines = literal(text, "bold").wrap(max(8, columns))
    if len(lines) <= rows:
        return list(lines)
    rest = Content(" ").join(lines[rows - 1 :])
    return [*lines[: rows - 1], rest.truncate(max(8, columns), ellipsis=True)]


def _show(static: Static, content: Content) -> None:
    shown = static.content
    if not (isinstance(shown, Content) and shown.is_same(content)):
        static.update(content)
