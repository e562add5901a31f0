"""Keep an exception in a widget from ending the app, and a late timer from freezing it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from rich.segment import Segment
from textual.app import ScreenStackError
from textual.content import Content
from textual.css.query import NoMatches
from textual.dom import DOMNode, NoScreen
from textual.geometry import Region
from textual.message import Message
from textual.message_pump import MessagePump
from textual.screen import Screen
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget

GONE = (NoMatches, NoScreen, ScreenStackError)
"""What is raised by whoever still looks for a widget or screen that was taken down."""

PLACEHOLDER = "‹cannot be shown›"
"""What is shown where a widget failed to draw itself."""


SHORTEST_TIMER_S = 0.001
"""The shortest timer, in seconds."""


def leaving(node: DOMNode) -> bool:
    """Whether ``node`` is being taken down: its children are gone, and what still looks for them finds nothing."""
    return any(getattr(above, "_pruning", False) for above in node.ancestors_with_self) or node.app._exit


def guard(widget: Widget, report: Callable[[Exception], None], at_work: set[MessagePump]) -> None:
    """From now on what ``widget`` raises, handling a message or drawing itself, goes to ``report``.

    While it handles a message it is in ``at_work``. Call this before the widget starts. A screen that cannot be set
    up is closed again.
    """
    dispatch, compose, set_timer = widget._dispatch_message, widget.compose, widget.set_timer
    render, render_line, render_lines = widget.render, widget.render_line, widget.render_lines

    async def dispatch_message(message: Message) -> None:
        at_work.add(widget)
        try:
            await dispatch(message)
        except Exception as error:  # noqa: BLE001 — the edge
            if isinstance(error, GONE) and leaving(widget):
                return
            report(error)
            if message.handler_name == "on_mount":
                leave()
        finally:
            at_work.discard(widget)

    def guarded_compose() -> Iterable[Widget]:
        try:
            yield from compose()
        except Exception:
            leave()
            raise

    def leave() -> None:
        close: Callable[[Screen[Any]], None] | None = getattr(widget.app, "leave_broken", None)
        if isinstance(widget, Screen) and close:
            widget.app.call_later(close, widget)

    def guarded_render() -> Any:
        try:
            return render()
        except Exception as error:  # noqa: BLE001
            report(error)
            return Content(PLACEHOLDER)

    def guarded_render_line(y: int) -> Strip:
        try:
            return render_line(y)
        except Exception as error:  # noqa: BLE001
            report(error)
            return Strip([Segment(PLACEHOLDER)]).adjust_cell_length(widget.size.width)

    def guarded_render_lines(crop: Region) -> list[Strip]:
        try:
            return render_lines(crop)
        except Exception as error:  # noqa: BLE001
            # Between a widget's removal and the next layout the screen still draws it, without its styles.
            if widget.is_attached:
                report(error)
            return [Strip.blank(crop.width)] * crop.height

    def guarded_set_timer(delay: float, *arguments: Any, **options: Any) -> Timer:
        # With a time that has passed already, Textual 8 loops without ever yielding. That of a notification has if
        # the screen was covered or busy for longer than it lasts.
        return set_timer(max(delay, SHORTEST_TIMER_S), *arguments, **options)

    # On the instance: Textual's own widgets are guarded too, and no class needs to know of it.
    vars(widget).update(
        _dispatch_message=dispatch_message,
        compose=guarded_compose,
        render=guarded_render,
        render_line=guarded_render_line,
        render_lines=guarded_render_lines,
        set_timer=guarded_set_timer,
    )
