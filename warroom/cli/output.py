"""The only module that writes to stdout and stderr; everything printed is sanitized. Asks nothing.

stdout has what was asked for, so that it can be piped; stderr has everything else.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any

import click

from warroom.errors import WarroomError
from warroom.watchdog import RESET

if TYPE_CHECKING:
    from warroom.incident.delivery import Delivery

GAP = "  "
NARROWEST = 24
"""Columns below which a cell is not folded: it would be harder to read."""


STYLES: Mapping[str, Mapping[str, Any]] = {
    "critical": {"fg": "bright_white", "bg": "red", "bold": True},
    "high": {"fg": "yellow", "bold": True},
    "medium": {"fg": "yellow"},
    "good": {"fg": "green"},
    "bad": {"fg": "red", "bold": True},
    "strong": {"bold": True},
    "quiet": {"dim": True},
}
"""What parts of the output look like on a terminal, as ``click.style`` takes it. The words say it all without."""


class Styled(str):
    """Text with a look, by its name in ``STYLES``. It is printed plainly where stdout is no terminal."""

    style = ""

    @classmethod
    def of(cls, text: str, style: str) -> Styled:
        """Return ``text`` with a style; "" or a name that is none leaves it plain."""
        styled = cls(text)
        styled.style = style
        return styled


def colours() -> bool:
    """Whether stdout shows colours: a terminal that can, and no ``NO_COLOR`` (https://no-color.org)."""
    return (
        bool(sys.stdout)
        and sys.stdout.isatty()
        and not os.environ.get("NO_COLOR")
        and os.environ.get("TERM", "") not in ("", "dumb")
    )


def _drawn(text: str, style: str) -> str:
    look = STYLES.get(style)
    return click.style(text, **look) if look and text.strip() and colours() else text


class OutputError(WarroomError):
    """stdout cannot be written: a full disk, for example."""


def sanitize(text: str) -> str:
    """As ``redact.sanitize``; most often there is nothing to do, and help starts without what does it."""
    if text.isascii() and text.replace("\n", "").isprintable():
        return text
    from warroom import safety as redact

    return redact.sanitize(text)


def print_out(text: str = "", *, end: str = "\n") -> None:
    """Lines on stdout, ``end`` after the last.

    Raises BrokenPipeError if the pipe is closed, WarroomError if it cannot be written.
    """
    _print(sanitize(text) + end)


def print_parts(*parts: str) -> None:
    """One line on stdout, of parts that may be ``Styled``. Raises as ``print_out`` does."""
    _print("".join(_drawn(sanitize(part), getattr(part, "style", "")) for part in parts) + "\n")


def _print(text: str) -> None:
    with _written():
        click.echo(text, nl=False, color=colours())


def flush() -> None:
    """Make sure that everything has left; raises as ``print_out`` does."""
    with _written():
        if sys.stdout:
            sys.stdout.flush()


@contextmanager
def _written() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(
            f"The output cannot be written: {(error.strerror or str(error)).lower()}",
            "The change is recorded; warroom status shows it.",
        ) from None


def print_err(text: str) -> None:
    """Lines on stderr; whoever closed it does not want to know."""
    try:
        click.echo(sanitize(text), err=True)
    except OSError:
        return


def print_error(error: WarroomError) -> None:
    """An error on stderr: what happened, each reason, what to do."""
    print_err(f"warroom: {error.title}")
    for blocker in getattr(error, "blockers", ()):
        print_err(f"  ○ {blocker}")
    if error.remedy:
        print_err(error.remedy)


def data(value: Any) -> None:
    """A value as JSON on stdout: times RFC 3339 in UTC, and no character in it that a terminal would obey."""
    print_out(as_json(value, indent=2))


def row(value: Any) -> None:
    """A value as JSON on one line of stdout."""
    print_out(as_json(value))


def as_json(value: Any, *, indent: int | None = None) -> str:
    """``value`` as JSON, what cannot be printed escaped, so that no reader loses a character."""
    text = json.dumps(value, default=_plain, ensure_ascii=False, indent=indent)
    if text.replace("\n", "").isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


def rfc3339(at: datetime) -> str:
    """``2026-01-28T03:04:05.123Z``."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    raise TypeError(f"{type(value).__name__} has no JSON")


def table(rows: Iterable[Sequence[str]], header: Sequence[str] = ()) -> None:
    """Rows with aligned columns, cells may be ``Styled``. The last column runs free, and on a terminal it goes on
    in its column where the line ends. A cell of several lines keeps to its column."""
    lines = [tuple(line) for line in ([header] if header else [])] + [tuple(line) for line in rows]
    if not lines:
        return
    styles = [[getattr(cell, "style", "") for cell in line] for line in lines]
    cells = [[sanitize(cell) for cell in line] for line in lines]
    widths = [max(_width(line[place]) for line in cells) for place in range(len(cells[0]) - 1)]
    used = sum(width + len(GAP) for width in widths)
    room = _columns() - used
    for line, looks in zip(cells, styles, strict=True):
        fixed = [_one_line(cell) for cell in line[:-1]]
        padded = [
            _drawn(cell, look) + " " * (width - _width(cell))
            for cell, look, width in zip(fixed, looks, widths, strict=False)
        ]
        first, *more = _folded(line[-1], room)
        _print(GAP.join([*padded, _drawn(first, looks[-1])]).rstrip() + "\n")
        for rest in more:
            _print((" " * used + _drawn(rest, looks[-1])).rstrip() + "\n")


def _columns() -> int:
    """Columns of the terminal on stdout; 0 if it is none."""
    return shutil.get_terminal_size().columns if sys.stdout and sys.stdout.isatty() else 0


def _folded(text: str, room: int) -> list[str]:
    """The lines of a cell, none wider than ``room`` if that is enough to read in."""
    lines = text.split("\n")
    if room < NARROWEST:
        return lines
    return [part for line in lines for part in (textwrap.wrap(line, room) if _width(line) > room else [line])]


def _one_line(text: str) -> str:
    return text.replace("\n", " ").replace("\t", " ")


def _width(text: str) -> int:
    text = _one_line(text)
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # the widths the console counts by

    return cell_len(text)


def when(at: datetime, zone: tzinfo, now: datetime, *, seconds: bool = True) -> str:
    """A time in the team's zone as people read it: ``14:03:12``, with the date if it is not today's."""
    here = at.astimezone(zone)
    day = "" if here.date() == now.astimezone(zone).date() else f"{here:%Y-%m-%d} "
    return f"{day}{here:%H:%M:%S}" if seconds else f"{day}{here:%H:%M}"


def delivery(one: Delivery) -> dict[str, Any]:
    """The shape ``deliveries --json`` promises."""
    return {
        "id": one.id,
        "seq": one.seq,
        "destination": one.destination,
        "state": one.state.value,
        "attempts": one.attempts,
        "next_attempt_at": one.next_attempt_at,
        "receipt": one.receipt.model_dump() if one.receipt else None,
        "error": one.error,
    }


def reset_terminal() -> None:
    """Give the terminal on stdout back: our own control sequences, and the line discipline's usual state."""
    if not sys.stdout.isatty():
        raise WarroomError("stdout is not a terminal", "Run it in the terminal to restore.")
    import termios

    # What was not set is not changed by it; the end: the plain keyboard protocol, and no line drawing.
    sys.stdout.write(RESET.decode("ascii") + "\x1b[>4;0m\x1b(B\x0f\r\n")
    sys.stdout.flush()
    file = sys.stdout.fileno()
    mode = termios.tcgetattr(file)
    mode[0] |= termios.ICRNL | termios.IXON | termios.BRKINT
    mode[1] |= termios.OPOST | termios.ONLCR
    mode[3] |= termios.ICANON | termios.ECHO | termios.ECHOE | termios.ISIG | termios.IEXTEN
    termios.tcsetattr(file, termios.TCSADRAIN, mode)
