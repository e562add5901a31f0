"""A list of rows: wherever the cursor goes, its row is in view, whole."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st
from textual.app import App, ComposeResult
from textual.content import Content

from warroom.tui.widgets.row_list import ListRow, RowList


@given(
    st.lists(st.integers(1, 400), min_size=1, max_size=40),
    st.lists(st.sampled_from(["up", "down", "pageup", "pagedown", "home", "end", "wrap"]), max_size=30),
)
@settings(deadline=None, max_examples=25)
def test_the_row_under_the_cursor_is_always_in_view(lengths: list[int], moves: list[str]) -> None:
    async def walk() -> None:
        rows = RowList(expand=True)

        class Shell(App[None]):
            def compose(self) -> ComposeResult:
                yield rows

        async with Shell().run_test(size=(40, 10)) as pilot:
            rows.show([ListRow(f"r{n}", Content("x" * length)) for n, length in enumerate(lengths)])
            rows.focus()
            await pilot.pause()
            wrapped = False
            for move in moves:
                if move == "wrap":
                    wrapped = not wrapped
                    rows.wrap(wrapped)
                else:
                    await pilot.press(move)
                lines = rows.render().plain.split("\n")
                assert len(lines) <= 10
                number = int(rows.cursor_id[1:])
                shown = [line for line in lines if line.startswith("▸")]
                assert len(shown) == 1
                at = lines.index(shown[0])
                needed = min(8, max(1, -(-lengths[number] // 39)))
                whole = lines[at : at + needed]
                assert len(whole) == needed, "the whole row is in view"

    asyncio.run(walk())


def test_going_on_at_an_end_of_the_list_shows_what_takes_no_cursor_there() -> None:
    async def walk() -> None:
        rows = RowList()

        class Shell(App[None]):
            def compose(self) -> ComposeResult:
                yield rows

        def shown() -> list[str]:
            return [line.strip() for line in rows.render().plain.split("\n")]

        async with Shell().run_test(size=(40, 4)) as pilot:
            above, below = (
                [ListRow("", Content(f"{where} {n}")) for n in range(3)] for where in ("above", "below")
            )
            rows.show([*above, ListRow("one", Content("one")), *below])
            rows.focus()
            await pilot.pause()
            for key, other, first, last in (("down", "end", "▸one", "below 2"), ("up", "up", "above 0", "▸one")):
                for pressed in (key, other):
                    await pilot.press(pressed)
                    assert (shown()[0], shown()[-1]) == (first, last), pressed
            await pilot.press("pagedown")
            assert shown()[-1] == "below 2"

    asyncio.run(walk())
