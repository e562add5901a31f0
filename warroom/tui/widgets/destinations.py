"""The list of destinations in the composer: which get the text, and whether it fits. Posts nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content

from warroom.room.updates import Copy
from warroom.tui.widgets.row_list import ListRow, RowList
from warroom.tui.widgets.text import literal


class DestinationList(RowList):
    """Destinations with a tick each and the length of their copy. Space ticks; the cursor chooses the preview."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("space", "choose", show=False)]

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.names: tuple[str, ...] = ()
        self.off: set[str] = set()
        self._copies: Mapping[str, Copy] = {}

    @property
    def ticked(self) -> tuple[str, ...]:
        """The destinations that get the text."""
        return tuple(name for name in self.names if name not in self.off)

    def toggle(self, name: str) -> None:
        """Tick or untick a destination."""
        self.off ^= {name}
        self.draw(self._copies)

    def draw(self, copies: Mapping[str, Copy]) -> None:
        """Show the ticks, and the lengths that are known."""
        self._copies = copies
        rows = []
        for name in self.names:
            copy = copies.get(name)
            if name in self.off:
                left_out = Content.styled("left out", "$text-quiet")
                rows.append(ListRow(name, literal(f"○ {name}", "$text-quiet"), left_out))
            else:
                words = Content.assemble(("✓ ", "$text-success bold"), literal(name))
                rows.append(ListRow(name, words, _length(copy) if copy else None))
        self.show(rows)


def _length(copy: Copy) -> Content:
    if copy.problem:
        return literal(f"✗ {copy.problem}", "$text-error bold")
    words = f"{copy.length:,} of {copy.limit:,} characters"
    if copy.posts > 1:
        return Content.styled(f"! {words}: in {copy.posts} posts", "$text-warning bold")
    return Content.styled(words, "$text-quiet")
