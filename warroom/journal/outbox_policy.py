"""Which delivery of the outbox is attempted next. Pure: uses no database."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

from warroom.incident.delivery import LONGEST_RETRY_S


class Candidate(NamedTuple):
    """A delivery that is not finished. ``n`` is its place in the order of writing; times are milliseconds, UTC."""

    n: int
    stream: str
    destination: str
    state: str
    next_attempt_at: int | None
    owner: str
    lease_until: int


class Choice(NamedTuple):
    """What to change before the next attempt: all values are ``n`` of a ``Candidate``."""

    abandoned: list[int]
    """Claims whose lease has run out or whose owner is dead."""

    too_long: list[int]
    """Claims whose lease ends further ahead than any lease can: the clock was set back."""

    next: int | None
    """The delivery to attempt."""


def is_dead(owner: str) -> bool:
    """Return whether ``owner`` (``host:pid:token``) is certainly a process of this machine that has ended."""
    host, _, rest = owner.partition(":")
    pid = rest.partition(":")[0]
    this_host = socket.gethostname().replace(":", "-")  # a colon ends the host
    if host != this_host or not (pid.isascii() and pid.isdigit()) or int(pid) <= 0:
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):
        return False
    return False


def choose(
    candidates: Iterable[Candidate],
    now: int,
    without: Collection[str] = (),
    *,
    dead: Callable[[str], bool] = is_dead,
) -> Choice:
    """Choose the next delivery of ``candidates``, which are in the order they were written.

    A partition is one destination of one stream; its order is kept: nothing is chosen while an earlier one is
    pending, claimed, or waits to be looked into. An unconfirmed delivery that waits for a person does not block its
    partition. Destinations in ``without`` are left to other processes.
    """
    abandoned: list[int] = []
    too_long: list[int] = []
    chosen: int | None = None
    busy: set[tuple[str, str]] = set()
    latest = now + round(LONGEST_RETRY_S * 1000)
    for row in candidates:
        due = row.next_attempt_at
        claimed = row.owner != ""
        if claimed and (row.lease_until <= now or dead(row.owner)):
            abandoned.append(row.n)
            claimed, due = False, now
        elif row.state == "uncertain" and due is None:
            continue  # waits for a person
        elif claimed and row.lease_until > latest:
            too_long.append(row.n)
        partition = (row.stream, row.destination)
        ready = not claimed and not now < (due or 0) <= latest
        if chosen is None and ready and partition not in busy and row.destination not in without:
            chosen = row.n
        busy.add(partition)
    return Choice(abandoned, too_long, chosen)
