"""The log pane in a small app: what it draws, how it follows, pauses, searches; that it costs nothing when idle."""

from __future__ import annotations

import os

os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")  # read by Textual when it is imported

import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual import events
from textual.app import App, ComposeResult
from textual.color import Color
from textual.pilot import Pilot
from textual.screen import Screen

from warroom.logs.sources.file import FileSource
from warroom.logs.sources.source import LineCutter
from warroom.logs.stores import Numbering
from warroom.logs.view import LogView
from warroom.tui.panes.logs.painter import ON_DARK, ON_LIGHT, hue, line_breaks, short_label
from warroom.tui.panes.logs.pane import LogPane
from warroom.tui.panes.logs.repaint_limit import FRAMES
from warroom.tui.panes.logs.runs import Run, RunFinder
from warroom.tui.theme import contrast

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Fed:
    """A source that is fed by hand."""

    lasting = True

    def __init__(self, name: str, view: LogView) -> None:
        self.name = name
        self._view = view
        self._cutter = LineCutter(Numbering(0))
        view.add(self)

    def start(self, sink: object) -> None: ...

    def close(self) -> None: ...

    def feed(self, text: str) -> None:
        chunk = self._cutter.feed(text.encode())
        assert chunk is not None
        self._view.lines(self, chunk)


class Tiny(App[None]):
    def __init__(self, view: LogView) -> None:
        super().__init__()
        self.pane = LogPane(view, id="logs")
        self.repaints = 0
        self.titles: list[str] = []
        refresh = self.pane.refresh

        def counted(*args: Any, **kwargs: Any) -> LogPane:
            self.repaints += 1
            return refresh(*args, **kwargs)

        self.pane.refresh = counted  # type: ignore[method-assign]

    def compose(self) -> ComposeResult:
        yield self.pane

    def on_mount(self) -> None:
        self.pane.focus()

    def on_log_pane_status_changed(self, event: LogPane.StatusChanged) -> None:
        self.titles.append(event.pane.title_text().plain)

    def lines(self) -> list[str]:
        height = self.pane.size.height
        return [self.pane.render_line(y).text.rstrip() for y in range(height)]


async def until(pilot: Pilot[None], condition: Callable[[], bool], seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "\n".join(pilot.app.lines())  # type: ignore[attr-defined]
        await pilot.pause()


@pytest.fixture
def view() -> LogView:
    return LogView()


def numbered(n: int, start: int = 0) -> str:
    return "".join(f"INFO n{i}\n" for i in range(start, start + n))


async def test_rows_show_level_as_a_word_and_follow(view: LogView) -> None:
    app = Tiny(view)
    fed = Fed("app.log", view)
    async with app.run_test(size=(90, 6)) as pilot:
        fed.feed(
            'ERROR bad\nWARN hm\n{"level":"info"}\n'
            '10.0.0.1 - - [05/Mar/2025:14:02:11 +0000] "GET / HTTP/1.1" 503 1\n'
        )
        await until(pilot, lambda: app.lines()[3].startswith("▸"))
        got = app.lines()
        assert got[0] == "          ERROR bad" and got[1] == "          WARN  hm", "the level once, in its column"
        assert got[2] == '          INFO  {"level":"info"}', "nothing but a level is shown as it is"
        assert got[3].startswith("▸14:02:11 ERROR GET / 503 1  10.0.0.1"), (
            "the time in the team's zone, in a column"
        )
        fed.feed(numbered(20))
        await until(pilot, lambda: app.lines()[-1] == "▸INFO  n19")
        assert app.pane.following


async def test_errors_are_coloured_and_the_cursor_is_seen(view: LogView) -> None:
    app = Tiny(view)
    Fed("app.log", view).feed("ERROR bad\nINFO ok\n")
    async with app.run_test(size=(60, 6)) as pilot:
        await until(pilot, lambda: "bad" in app.lines()[0])
        level = next(s for s in app.pane.render_line(0) if s.text.strip() == "ERROR")
        plain = next(s for s in app.pane.render_line(0) if "bad" in s.text)
        assert level.style and plain.style and level.style.color != plain.style.color and level.style.bold
        at_cursor = next(s for s in app.pane.render_line(1) if "ok" in s.text)
        assert at_cursor.style and at_cursor.style.bgcolor != plain.style.bgcolor


async def test_scrolling_up_pauses_and_end_follows_again(view: LogView) -> None:
    app = Tiny(view)
    fed = Fed("app.log", view)
    fed.feed(numbered(100))
    async with app.run_test(size=(60, 10)) as pilot:
        await until(pilot, lambda: "n99" in app.lines()[-1])
        await pilot.press("up", "up")
        assert not app.pane.following
        before = app.lines()
        assert before[0].endswith("n90") and before[7] == "▸INFO  n97"
        fed.feed(numbered(123, 100))
        await until(pilot, lambda: app.lines()[-1] == " ▼ 123 new · end to follow")
        assert app.lines()[:9] == before[:9]
        record = app.pane.evidence()
        assert record is not None and record.text == "INFO n97" and record.line == 98
        await pilot.press("end")
        assert app.pane.following and app.lines()[-1] == "▸INFO  n222"
        await pilot.press("home")
        assert app.lines()[0] == "▸INFO  n0"
        await pilot.press("pagedown")
        assert "▸INFO  n8" in app.lines()
        await pilot.press("end", "up", "down")
        assert app.pane.following


async def test_a_pane_nobody_sees_draws_nothing_and_is_up_to_date_when_it_is_seen_again(view: LogView) -> None:
    app = Tiny(view)
    fed = Fed("app.log", view)
    fed.feed(numbered(10))
    async with app.run_test(size=(60, 10)) as pilot:
        await until(pilot, lambda: "n9" in app.lines()[-1])
        cover: Screen[None] = Screen()
        await app.push_screen(cover)
        await pilot.pause()
        before = app.repaints
        for n in range(10, 30):
            fed.feed(numbered(1, n))
            await pilot.pause()
        app.pane._tick()
        await pilot.pause()
        assert app.repaints == before
        await app.pop_screen()
        await until(pilot, lambda: "n29" in app.lines()[-1])


async def test_the_wheel_scrolls(view: LogView) -> None:
    app = Tiny(view)
    Fed("app.log", view).feed(numbered(100))
    async with app.run_test(size=(60, 10)) as pilot:
        await until(pilot, lambda: "n99" in app.lines()[-1])
        await pilot._post_mouse_events([events.MouseScrollUp], app.pane, button=0)
        assert app.lines()[0].endswith("n87") and not app.pane.following
        await pilot._post_mouse_events([events.MouseScrollDown], app.pane, button=0)
        assert app.pane.following
        await pilot.click(app.pane, offset=(3, 2))
        assert app.lines()[2] == "▸INFO  n92"


async def test_a_reader_stays_on_the_line_while_old_ones_go() -> None:
    view = LogView(max_bytes=2_000)
    app = Tiny(view)
    fed = Fed("app.log", view)
    fed.feed(numbered(150))
    async with app.run_test(size=(60, 8)) as pilot:
        await until(pilot, lambda: "n149" in app.lines()[-1])
        await pilot.press("up", "up", "up")
        before = app.lines()[:7]
        fed.feed(numbered(100, 150))
        await until(pilot, lambda: "100 new" in app.lines()[-1])
        assert app.lines()[:7] == before
        fed.feed(numbered(1000, 250))
        await until(pilot, lambda: "new" in app.lines()[-1] and "n14" not in app.lines()[0])
        assert app.pane.evidence() is not None


async def test_the_threshold_keeps_the_cursor_on_its_line(view: LogView) -> None:
    app = Tiny(view)
    fed = Fed("app.log", view)
    fed.feed("".join(f"{'ERROR' if n % 10 == 0 else 'INFO'} n{n}\n" for n in range(100)))
    async with app.run_test(size=(60, 6)) as pilot:
        await until(pilot, lambda: "n99" in app.lines()[-1])
        for _ in range(5):
            await pilot.press("pageup")
        record = app.pane.evidence()
        assert record is not None
        app.pane.set_threshold("warn")
        got = app.pane.evidence()
        assert got is not None and got.level == "error" and int(got.text[7:]) >= int(record.text[6:])
        await until(pilot, lambda: "level ≥ warn" in app.pane.title_text().plain)
        assert all("ERROR" in line for line in app.lines()[:4])
        app.pane.set_threshold(None)
        assert app.pane.evidence() == got


async def test_search_goes_up_then_down_and_shows_where(view: LogView) -> None:
    app = Tiny(view)
    fed = Fed("app.log", view)
    fed.feed(numbered(300))
    async with app.run_test(size=(60, 8)) as pilot:
        await until(pilot, lambda: "n299" in app.lines()[-1])

        def on(text: str) -> Callable[[], bool]:
            return lambda: (r := app.pane.evidence()) is not None and r.text == text

        app.pane.search("N25")
        await until(pilot, lambda: "no other line" in app.lines()[-1])  # a capital: case matters
        app.pane.search("n25")
        await until(pilot, on("INFO n259"))
        assert not app.pane.following
        row = next(y for y, line in enumerate(app.lines()) if "n259" in line)
        assert [s.text for s in app.pane.render_line(row) if s.style and s.style.reverse] == ["n25"]
        await until(pilot, lambda: app.pane.searching.matches == "11 of 11 lines")
        app.pane.find(older=True)
        await until(pilot, on("INFO n258"))
        await until(pilot, lambda: app.pane.searching.matches == "10 of 11 lines")
        app.pane.find(older=False)
        await until(pilot, on("INFO n259"))
        app.pane.find(older=False)
        await until(pilot, lambda: "no other line" in app.lines()[-1])
        app.pane.search("(?=a)")
        assert "has a look-ahead" in app.lines()[-1]
        app.pane.find(older=False)
        assert "no search yet" in app.lines()[-1]


async def test_what_is_found_beyond_the_edge_is_brought_into_sight(view: LogView) -> None:
    app = Tiny(view)
    Fed("app.log", view).feed(f"INFO {'x' * 200} needle\nINFO needle at once\nINFO last\n")
    async with app.run_test(size=(60, 8)) as pilot:
        await until(pilot, lambda: "last" in "".join(app.lines()))
        app.pane.search("needle")
        await until(pilot, lambda: "▸INFO  needle at once" in app.lines())
        app.pane.find(older=True)
        await until(pilot, lambda: any(line.startswith("▸") and line.endswith("x needle") for line in app.lines()))
        app.pane.find(older=False)
        await until(pilot, lambda: "▸INFO  needle at once" in app.lines())


async def test_several_sources_have_labels_and_notices_are_rows(view: LogView, tmp_path: Path) -> None:
    app = Tiny(view)
    Fed("app.log", view).feed("INFO a\n")
    Fed("worker.log", view).feed("WARN b\n")
    missing = FileSource(tmp_path / "none.log", interval=0.01)
    async with app.run_test(size=(70, 6)) as pilot:
        view.add(missing)
        await until(pilot, lambda: any("▸── none" in line for line in app.lines()))
        got = app.lines()
        assert got[0] == " INFO  app.log │ a" and got[1] == " WARN  worker  │ b"
        assert got[2] == "▸── none.log does not exist yet; waiting ──"
        assert app.pane.evidence() is None
        title = "app.log worker.log none.log │ following │ 0 lines/s │ errors 0/min"
        await until(pilot, lambda: app.pane.title_text().plain == title)
    view.close()


async def test_wrapped_lines_of_several_sources_are_whole(view: LogView) -> None:
    app = Tiny(view)
    words = " ".join(f"word{n:03}" for n in range(40))
    Fed("a.log", view).feed(f"INFO {words}\n")
    Fed("b.log", view).feed("INFO short\n")
    async with app.run_test(size=(60, 14)) as pilot:
        await until(pilot, lambda: "short" in "".join(app.lines()))
        app.pane.toggle_wrap()
        await until(pilot, lambda: "word039" in "".join(app.lines()))
        rows = [line for line in app.lines() if "a.log" in line]
        assert [line[:14] for line in rows] == [" INFO  a.log│ "] + ["       a.log│ "] * (len(rows) - 1)
        assert "".join(line[14:].ljust(46) for line in rows).rstrip() == words


async def test_several_sources_scroll_to_the_side_step_by_step(view: LogView) -> None:
    app = Tiny(view)
    text = " ".join(f"word{n:03}" for n in range(12))
    Fed("a.log", view).feed(f"INFO {text}\n")
    Fed("b.log", view).feed("INFO short\n")
    async with app.run_test(size=(60, 4)) as pilot:
        await until(pilot, lambda: "short" in "".join(app.lines()))
        for step in range(1, 7):
            await pilot.press("right")
            assert app.lines()[0][14:] == text[16 * step :][:46].rstrip(), step


@given(st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=300), st.integers(2, 40))
@example("漢字" * 30, 5)
@example("e\u0301" * 30, 7)
def test_wrapping_loses_no_character_and_fits(text: str, width: int) -> None:
    breaks = line_breaks(text, width)
    shown = [text[start:end] for start, end in breaks]
    assert text.startswith("".join(shown)) and (len(breaks) == 20 or "".join(shown) == text)
    assert all(cell_len(part) <= width for part in shown)


async def test_a_wrapped_line_too_long_for_the_screen_says_that_it_goes_on(view: LogView) -> None:
    app = Tiny(view)
    Fed("a.log", view).feed(f"INFO {'x' * 5000}\n")
    async with app.run_test(size=(60, 30)) as pilot:
        app.pane.toggle_wrap()
        await until(pilot, lambda: app.lines()[19].endswith("x…"))
        assert not app.lines()[20]


async def test_a_notice_wraps_to_its_end(view: LogView) -> None:
    app = Tiny(view)
    fed = Fed("a.log", view)
    words = "cannot be read " + "because of " * 12 + "that"
    view.notice(fed, words)
    async with app.run_test(size=(40, 10)) as pilot:
        app.pane.toggle_wrap()
        await until(pilot, lambda: "that ──" in "".join(line[1:].ljust(39) for line in app.lines()))
        assert f"── a.log {words} ──" in "".join(line[1:].ljust(39) for line in app.lines())


async def test_a_filter_fills_the_screen_with_older_lines(view: LogView) -> None:
    app = Tiny(view)
    fed = Fed("app.log", view)
    fed.feed("".join(f"{'ERROR' if n % 4 == 0 else 'WARN'} n{n}\n" for n in range(400)))
    async with app.run_test(size=(60, 20)) as pilot:
        await until(pilot, lambda: "n399" in app.lines()[-1])
        app.pane.set_threshold("warn")
        for found in ("ERROR n396", "ERROR n392"):
            app.pane.find_error(older=True)
            await until(pilot, lambda text=found: (r := app.pane.evidence()) is not None and r.text == text)
        app.pane.set_threshold("error")
        assert [line.split()[-1] for line in app.lines()[:-1]] == [f"n{n}" for n in range(324, 400, 4)]


async def test_paging_down_leaves_no_blank_lines(view: LogView) -> None:
    app = Tiny(view)
    Fed("app.log", view).feed(numbered(100))
    async with app.run_test(size=(60, 20)) as pilot:
        await until(pilot, lambda: "n99" in app.lines()[-1])
        await pilot.press(*["up"] * 20, "pagedown")
        assert all(line for line in app.lines()), "\n".join(app.lines())


@pytest.mark.parametrize("ground", ["#10151c", "#ffffff", "ansi_default"])
def test_sources_look_different(ground: str) -> None:
    shapes = [hue(place, Color.parse(ground)) for place in range(60)]
    assert all(len(set(shapes[at : at + 24])) == 24 for at in range(30))
    assert all(shapes[at].split()[0] != shapes[at + 1].split()[0] for at in range(59))


@pytest.mark.parametrize(
    ("hues", "grounds"), [(ON_DARK, ("#000000", "#1e252d")), (ON_LIGHT, ("#ffffff", "#e6ebf1"))]
)
def test_the_colours_of_sources_can_be_read(hues: tuple[str, ...], grounds: tuple[str, ...]) -> None:
    assert min(contrast(one, ground) for one in hues for ground in grounds) >= 4.5


async def test_eight_sources_have_eight_colours(view: LogView) -> None:
    app = Tiny(view)
    for n in range(8):
        Fed(f"{n}.log", view).feed("INFO x\n")
    async with app.run_test(size=(60, 12)) as pilot:
        await until(pilot, lambda: "7.log" in "".join(app.lines()))
        labels = [next(s for s in app.pane.render_line(y) if ".log" in s.text) for y in range(8)]
        assert len({str(label.style.color) for label in labels if label.style}) == 8


def test_long_names_that_begin_alike_are_told_apart() -> None:
    one, two = (short_label(f"checkout-service-{end}.log", 16) for end in ("blue", "green"))
    assert one != two and cell_len(one) == cell_len(two) == 16 and one.endswith("blue")
    assert short_label("a.log", 7) == "a.log  " and cell_len(short_label("漢" * 20, 9)) == 9


async def test_nothing_hostile_is_drawn_and_secrets_are_masked(view: LogView) -> None:
    app = Tiny(view)
    fed = Fed("a[/b]\x1b[2J", view)
    fed.feed("\x1b]52;c;x\x07 [/x] [@click=app.quit]q[/] \x9b2J \u202e\tpassword=hunter2 " + "é" * 200_000)
    fed.feed("\n漢" * 40)
    async with app.run_test(size=(60, 6)) as pilot:
        await until(pilot, lambda: any("漢" in line for line in app.lines()))
        app.pane.action_first()
        await until(pilot, lambda: "␛]52" in app.lines()[0])
        text = "".join(s.text for s in app.pane.render_line(0))
        assert "[/x] [@click=app.quit]q[/]" in text and not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 for c in text)
        await pilot.press("right", "right", "right")
        assert "‹redacted:password›" in app.lines()[0] and "hunter2" not in app.lines()[0]
        for y in range(6):
            assert app.pane.render_line(y).cell_length == 60
        app.pane._tick()
        assert "1 masked" in app.pane.title_text().plain and "\x1b" not in app.pane.title_text().plain
        frame = "".join(s.text for strip in app.screen._compositor.render_strips() for s in strip)
        assert "\x1b" not in frame and "hunter2" not in frame


async def test_it_fits_any_size(view: LogView) -> None:
    app = Tiny(view)
    fed = Fed("app.log", view)
    fed.feed(numbered(50))
    async with app.run_test(size=(60, 10)) as pilot:
        for size in ((1, 1), (3, 2), (200, 60), (60, 1), (40, 12)):
            await pilot.resize_terminal(*size)
            await pilot.press("up")
            fed.feed(numbered(3))
            await pilot.pause()
        await pilot.press("end")
        assert app.lines()[-1] == "▸INFO  n2"


async def test_an_idle_pane_does_not_repaint_and_a_flood_is_coalesced(view: LogView) -> None:
    app = Tiny(view)
    fed = Fed("app.log", view)
    fed.feed(numbered(5))
    async with app.run_test(size=(60, 10)) as pilot:
        await until(pilot, lambda: "n4" in "".join(app.lines()))
        await pilot.pause()
        at_rest = app.repaints
        for _ in range(10):
            await pilot.pause()
        assert app.repaints == at_rest
        began = time.monotonic()
        done = threading.Event()

        def flood() -> None:
            for n in range(300):
                fed.feed(numbered(100, n * 100))
            done.set()

        threading.Thread(target=flood).start()
        await until(pilot, lambda: done.is_set() and "n29999" in app.lines()[-1], 15)
        assert app.repaints - at_rest <= (time.monotonic() - began) * FRAMES + 3


async def test_keys_on_a_quiet_log_do_not_pile_up_listeners(view: LogView) -> None:
    app = Tiny(view)
    Fed("app.log", view).feed(numbered(50))
    async with app.run_test(size=(60, 10)) as pilot:
        await until(pilot, lambda: "n49" in app.lines()[-1])
        for _ in range(20):
            app.pane.action_move(-1)
        assert len(view._stream.waiting) <= 1


async def test_the_first_repaint_is_immediate(view: LogView) -> None:
    app = Tiny(view)
    fed = Fed("app.log", view)
    async with app.run_test(size=(60, 10)) as pilot:
        app.pane._painted = float("-inf")
        fed.feed("INFO now\n")
        await pilot.pause()
        assert app.pane._due is None and "now" in "".join(app.lines())


async def test_a_failure_stays_in_the_pane(view: LogView, monkeypatch: pytest.MonkeyPatch) -> None:
    app = Tiny(view)
    Fed("app.log", view).feed("INFO a\n")
    async with app.run_test(size=(60, 6)) as pilot:
        await until(pilot, lambda: "INFO  a" in app.lines()[0])
        with monkeypatch.context() as broken:
            broken.setattr(view, "snapshot", lambda: 1 / 0)
            broken.setattr(view, "figures", lambda: 1 / 0)
            app.pane._repaint()
            app.pane._tick()
            assert "ZeroDivisionError" in app.lines()[0] or "failed" in app.lines()[-1]
            await pilot.pause()
        await pilot.press("end")
        assert "INFO  a" in app.lines()[0]


async def test_the_border_is_told_when_its_text_changes(view: LogView) -> None:
    app = Tiny(view)
    fed = Fed("app.log", view)
    async with app.run_test(size=(60, 6)) as pilot:
        await until(pilot, lambda: len(app.titles) == 1)
        assert app.titles[0] == "app.log │ following │ 0 lines/s │ errors 0/min"
        fed.feed("ERROR x\n" * 41)
        await until(pilot, lambda: "errors ▁▁▁▁▁▁▁█ 41/min" in app.titles[-1])
        await pilot.press("up")
        await until(pilot, lambda: app.titles[-1].startswith("app.log │ paused"))


async def test_no_thread_can_reach_a_pane_that_has_gone(view: LogView) -> None:
    app = Tiny(view)
    fed = Fed("app.log", view)
    async with app.run_test(size=(60, 6)) as pilot:
        await pilot.pause()
    fed.feed("INFO after\n")
    fed.feed("INFO after\n")
    assert view.snapshot().end == 2


# ── lines that read alike ─────────────────────────────────────────────────────────────────────────────────


def stamped(*messages: str) -> str:
    """Log lines a second apart, which differ in their times if in nothing else."""
    return "".join(f"2026-01-28T14:{n // 60:02}:{n % 60:02}Z {text}\n" for n, text in enumerate(messages))


async def test_lines_that_differ_in_their_times_alone_are_one_row_with_their_number(view: LogView) -> None:
    app = Tiny(view)
    fed = Fed("app.log", view)
    fed.feed(stamped("INFO up", *["ERROR no slot left"] * 41, "INFO down"))
    async with app.run_test(size=(70, 6)) as pilot:
        await until(pilot, lambda: "down" in "".join(app.lines()))
        assert [" ".join(line.split()) for line in app.lines()[:3]] == [
            "14:00:00 INFO up",
            "14:00:41 ERROR no slot left ×41",
            "▸14:00:42 INFO down",
        ]
        fed.feed(stamped("INFO down"))
        await until(pilot, lambda: "×2" in app.lines()[2])


async def test_the_cursor_takes_a_run_in_one_step_and_enter_opens_its_last_line(view: LogView) -> None:
    app = Tiny(view)
    Fed("app.log", view).feed(stamped("INFO up", *["ERROR no slot left"] * 3_000, "INFO down"))
    async with app.run_test(size=(70, 6)) as pilot:
        await until(pilot, lambda: "down" in "".join(app.lines()))
        await pilot.press("up")
        cursor = next(line for line in app.lines() if line.startswith("▸"))
        assert "no slot left" in cursor and "×" in cursor
        assert app.pane.evidence() is not None
        assert app.pane.evidence().time.minute == 50  # type: ignore[union-attr]
        assert "×2,000+" in cursor  # a longer run is not counted to its end
        await pilot.press("end", "home")
        assert app.lines()[0].startswith("▸") and "up" in app.lines()[0]
        for _ in range(3):
            await pilot.press("down")
        assert app.pane.following


async def test_after_a_page_up_the_cursor_is_in_sight_above_the_hint(view: LogView) -> None:
    app = Tiny(view)
    Fed("app.log", view).feed(numbered(100))
    async with app.run_test(size=(60, 10)) as pilot:
        await until(pilot, lambda: "n99" in app.lines()[-1])
        for _ in range(3):
            await pilot.press("pageup")
            assert len([line for line in app.lines()[:-1] if line.startswith("▸")]) == 1, app.lines()


async def test_a_marked_line_is_a_row_of_its_own_and_two_levels_are_never_one(view: LogView) -> None:
    app = Tiny(view)
    Fed("app.log", view).feed(stamped("WARN slow", "ERROR slow", *["INFO slow"] * 4))
    async with app.run_test(size=(70, 8)) as pilot:
        await until(pilot, lambda: "×4" in "".join(app.lines()))
        assert len([line for line in app.lines() if "slow" in line]) == 3
        app.pane.mark()
        await pilot.pause()
        assert any(line.rstrip().endswith("×3") for line in app.lines())


async def test_two_sources_that_say_the_same_are_two_rows(view: LogView) -> None:
    app = Tiny(view)
    one, other = Fed("a.log", view), Fed("b.log", view)
    async with app.run_test(size=(80, 6)) as pilot:
        one.feed(stamped("INFO same"))
        await until(pilot, lambda: "same" in "".join(app.lines()))
        other.feed(stamped("INFO same"))
        await until(pilot, lambda: len([line for line in app.lines() if "same" in line]) == 2)
        assert "×" not in "".join(app.lines())


class Numbers:
    """A view of rows whose text is a number: what a ``RunFinder`` needs of a ``LogView``."""

    def __init__(self, texts: list[int]) -> None:
        self.texts = texts
        self.log = SimpleNamespace(place=0)

    def snapshot(self) -> Any:
        return SimpleNamespace(first=0, end=len(self.texts))

    def rows(self, start: int, stop: int) -> list[Any]:
        return [
            SimpleNamespace(log=self.log, notice=False, own_level=None, seq=(0, n), text=str(self.texts[n]))
            for n in range(max(0, start), min(stop, len(self.texts)))
        ]


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(1, 90)), min_size=1, max_size=12),
    st.integers(1, 8),
    st.data(),
)
def test_the_runs_of_a_screen_are_those_of_the_whole_log(
    groups: list[tuple[int, int]], room: int, data: st.DataObject
) -> None:
    texts = [text for text, count in groups for _ in range(count)]
    whole: list[tuple[int, int]] = []
    for position, text in enumerate(texts):
        if whole and texts[whole[-1][0]] == text:
            whole[-1] = (whole[-1][0], position)
        else:
            whole.append((position, position))
    finder = RunFinder(cast(LogView, Numbers(texts)), lambda row: row.text)

    def shown(runs: list[Run]) -> list[tuple[int, int]]:
        return [(run.first, run.last) for run in runs]

    assert shown(finder.before(len(texts), room, ())) == whole[-room:]
    top = data.draw(st.integers(0, len(texts) - 1))
    at = next(n for n, (first, last) in enumerate(whole) if first <= top <= last)
    expected = whole[at : at + room] if len(whole) - at >= room else whole[-room:]
    assert shown(finder.after(top, room, ())) == expected
    by = data.draw(st.integers(-10, 10).filter(bool))
    there = whole[at + by][1] if 0 <= at + by < len(whole) else (0 if by < 0 else len(texts))
    assert finder.moved(top, by, ()) == there
