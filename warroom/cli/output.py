"""The only module that writes to stdout and stderr; everything printed is sanitized. Asks nothing.

stdout has what was asked for, so that it can be piped; stderr has everything else.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any

import click

from warroom.errors import WarroomError
from warroom.watchdog import RESET

if TYPE_CHECKING:
    from warroom.incident.delivery import Delivery

GAP = "  "


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
    with _written():
        click.echo(sanitize(text) + end, nl=False)


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
    """Rows with aligned columns; the last column runs free. A cell of several lines keeps to its column."""
    cells = [[sanitize(cell) for cell in line] for line in ([header] if header else [])]
    cells += [[sanitize(cell) for cell in line] for line in rows]
    if not cells:
        return
    widths = [max(_width(line[place]) for line in cells) for place in range(len(cells[0]) - 1)]
    indent = " " * sum(width + len(GAP) for width in widths)
    for line in cells:
        fixed = [_one_line(cell) for cell in line[:-1]]
        padded = [cell + " " * (width - _width(cell)) for cell, width in zip(fixed, widths, strict=True)]
        first, *more = line[-1].split("\n")
        print_out(GAP.join([*padded, first]).rstrip())
        for rest in more:
            print_out((indent + rest).rstrip())


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
