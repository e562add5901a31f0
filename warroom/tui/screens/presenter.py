"""Presenter mode: what everybody on the call may see, large and still. Shows no notes, logs or contacts."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Digits, Static

from warroom.incident import timing
from warroom.incident.advice import NextStep, next_steps
from warroom.room.snapshot import IncidentSnapshot
from warroom.tui.panes.checklist import ticked
from warroom.tui.panes.headline import Headline
from warroom.tui.screens.incident_screen import IncidentScreen
from warroom.tui.widgets.bars import Bar, KeyBar
from warroom.tui.widgets.text import URGENCY_WORD, block, literal

WIDE = 140
"""Beyond so many columns the letters are too small on a shared screen."""


class PresenterScreen(IncidentScreen):
    """The incident for a shared screen. F2 or escape leaves."""

    CSS = """
    PresenterScreen .clocks { height: auto; margin: 1 2; }
    PresenterScreen .clock { width: 1fr; height: auto; }
    PresenterScreen Digits { width: auto; }
    PresenterScreen .caption { color: $text-quiet; height: 1; }
    PresenterScreen #facts { height: 1fr; margin: 0 2; }
    PresenterScreen #next { padding: 0 1; background: $surface; }
    """
    BAR = ("presenter", "update", "help")

    def compose(self) -> ComposeResult:
        yield Headline(id="headline")
        with Horizontal(classes="clocks"):
            with Vertical(classes="clock"):
                yield Static("Running for", classes="caption", markup=False, id="elapsed-caption")
                yield Digits(id="elapsed")
            with Vertical(classes="clock"):
                yield Static("Next update in", classes="caption", markup=False, id="due-caption")
                yield Digits(id="due")
        yield Static("", id="facts", markup=False)
        yield Bar(id="next")
        yield KeyBar()

    def show_snapshot(self, snapshot: IncidentSnapshot) -> None:
        self.tick()

    def tick(self) -> None:
        if self.snapshot is None or not self.is_attached:
            return
        snapshot, playbook = self.snapshot, self.context.room.playbook
        incident, now, zone = snapshot.incident, self.context.now(), self.context.zone
        self.query_one(Headline).show(incident, (), playbook, now, zone)
        _count(self.query_one("#elapsed", Digits), timing.clock(timing.elapsed(incident, now).total_seconds()))
        _say(self.query_one("#elapsed-caption", Static), Content("Running for" if incident.open else "Took"))
        update = timing.next_update(incident, playbook, now)
        caption = "Next update in"
        if update is None:
            caption = "Resolved" if not incident.open else "No next update set"
        elif update.left_s <= 0:
            caption = f"Next update: {URGENCY_WORD[update.urgency]}"
        _say(self.query_one("#due-caption", Static), Content(caption))
        _count(self.query_one("#due", Digits), timing.minutes(abs(update.left_s)) if update else "")
        _say(self.query_one("#facts", Static), self._facts(snapshot))
        self.show_next()

    def find_steps(self) -> Sequence[NextStep]:
        if self.snapshot is None:
            return ()
        # Without the deliveries: where a post went wrong is not for everybody on the call.
        return next_steps(self.incident, self.context.room.playbook, (), self.context.now())

    def _facts(self, snapshot: IncidentSnapshot) -> Content:
        incident, playbook, now = snapshot.incident, self.context.room.playbook, self.context.now()
        done, total = ticked(incident, playbook, now)
        public = [post for post in incident.posts if post.update.audience == "customers"]
        rows = [
            ("Status", incident.status.capitalize()),
            ("Impact was" if incident.impact_ended else "Impact", incident.impact),
            ("Commander", incident.commander or "nobody yet"),
            ("Phase", f"{timing.phase(incident, playbook, now).title}   {done} of {total} done"),
        ]
        parts = [Content.assemble((f"{name:<10} ", "$text-quiet"), literal(value, "bold")) for name, value in rows]
        if public:
            last = public[-1]
            at = f"{last.at.astimezone(self.context.zone):%H:%M}"
            parts += [
                Content(""),
                literal(f"Customers updated at {at}:", "$text-quiet"),
                block(last.update.words),
            ]
        if self.size.width > WIDE:
            hint = "Small on a shared screen: enlarge the terminal's font (Ctrl +)."
            parts += [Content(""), literal(hint, "$text-quiet")]
        return Content("\n").join(parts)


def _count(digits: Digits, value: str) -> None:
    if digits.value != value:
        digits.update(value)


def _say(static: Static, content: Content) -> None:
    shown = static.content
    if not (isinstance(shown, Content) and shown.is_same(content)):
        static.update(content)
