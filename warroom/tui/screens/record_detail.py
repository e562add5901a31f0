"""A log record in full, over the screen: read, copied, pinned, and for a moment unmasked. Reads no log."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import tzinfo
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.timer import Timer
from textual.widgets import Static

from warroom.logs.record_detail import FullRecord
from warroom.logs.records import Record
from warroom.tui.actions import BY_ID, key_of
from warroom.tui.screens.detail import Detail
from warroom.tui.widgets.text import block, literal

REVEALED_S = 15
"""For how long a record stays unmasked: to read a token off, not to forget it on a shared screen."""


class RecordScreen(Detail):
    """``record`` in full; ``pin`` keeps it as evidence, where there is an incident to pin it to.

    Unmasking ends by itself, in privacy mode, and as soon as anything is opened over it, presenter mode too. What
    is copied or pinned is masked, whatever is shown. ``keys`` are the person's own.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(BY_ID[name].keys, name, BY_ID[name].title, id=name, show=False) for name in ("pin", "reveal")
    ]

    def __init__(
        self,
        record: FullRecord,
        zone: tzinfo,
        *,
        pin: Callable[[Record], Awaitable[None]] | None = None,
        revealed: bool = False,
        keys: dict[str, str] | None = None,
    ) -> None:
        super().__init__(record.title(zone), record.text())
        self._record = record
        self._pin = pin
        self._keys = keys or {}
        self._reveal_at_once = revealed
        self._left_s = 0
        self._timer: Timer | None = None

    def on_mount(self) -> None:
        if self._reveal_at_once:
            self.action_reveal()
        else:
            self._show()

    def on_screen_suspend(self) -> None:
        self._mask()

    def action_copy(self) -> None:
        self.app.copy_to_clipboard(block(self._record.evidence().text).plain)
        self.notify("Copied, masked", markup=False)

    async def action_pin(self) -> None:
        """Keep it in the timeline."""
        if self._pin:
            await self._pin(self._record.evidence())
        else:
            self.notify("No incident is open here to pin it to", severity="warning", markup=False)

    def action_reveal(self) -> None:
        """Unmask it for a moment, or mask it again."""
        if self._left_s:
            self._mask()
            return
        if not self._record.masked:
            self.notify("Nothing is masked here", markup=False)
            return
        self._left_s = REVEALED_S
        self._timer = self.set_interval(1.0, self._tick)
        self._show()

    def _tick(self) -> None:
        self._left_s -= 1
        if self._left_s <= 0 or self.has_class("-privacy"):
            self._mask()
        else:
            self._show_hints()

    def _mask(self) -> None:
        if self._timer:
            self._timer.stop()
        self._timer, self._left_s = None, 0
        self._show()

    def _show(self) -> None:
        self.query_one(Static).update(block(self._record.text(masked=not self._left_s)))
        self._show_hints()

    def _show_hints(self) -> None:
        key = key_of("reveal", self._keys)
        hints = [f"{key_of('copy', self._keys)} copies"]
        if self._pin:
            hints.append(f"{key_of('pin', self._keys)} pins")
        if self._left_s:
            hints.append(f"{key} MASKED AGAIN in {self._left_s} s")
        elif count := self._record.masked:
            hints.append(f"{key} shows what is masked ({count})")
        self.box.border_subtitle = literal(" · ".join([*hints, "esc close"]))
        self.set_class(bool(self._left_s), "-revealed")
