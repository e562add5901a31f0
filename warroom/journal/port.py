"""What warroom asks of a journal: facts appended whole or not at all, deliveries beside them. Knows no database."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from warroom.incident.delivery import Delivery, DeliveryState, OutboxItem, Receipt
from warroom.incident.events import Entry, Event


class Journal(Protocol):
    """Where facts are kept.

    Every method may be called from any thread. A method that returns has its effect on disk (fsync).
    Errors: ``NotSaved`` (disk full, read-only, locked for too long) with nothing kept; ``NewerJournal`` on
    opening; ``Conflict`` where said.
    """

    read_only: str
    """Why nothing can be recorded from here, such as "the disk is full"; "" where it can."""

    def notices(self) -> tuple[str, ...]:
        """What the person who opens the journal must know, a sentence each with what to do: that nothing can be
        recorded, entries that were saved once and are gone."""
        ...

    def new_incident(self) -> str:
        """A fresh incident id, ``INC-1`` upwards, never given twice, even to two processes at once.

        One that is given and never appended to is no incident: it leaves a gap in the numbers.
        """
        ...

    def append(
        self,
        stream: str,
        expected: int,
        events: Sequence[Event],
        orders: Sequence[tuple[int, OutboxItem]] = (),
        *,
        at: datetime,
        by: str,
        summary: str = "",
    ) -> list[Entry]:
        """Append ``events`` and their deliveries in one transaction; the entries as numbered.

        ``expected`` is the stream's length the decision was made on: ``Conflict`` if it has grown.
        Each order names the index in ``events`` of the event that caused it. ``summary`` (JSON, opaque
        here) replaces the stream's line on the home screen, "" leaves it as it is.
        A delivery with act ``status`` replaces a still pending one of the same destination and stream, and
        takes over its ``next_attempt_at``: a service that asked for patience asked for it whatever is said.
        """
        ...

    def read(self, stream: str, after: int = 0) -> list[Entry]:
        """The stream's entries with ``seq > after``, in order."""
        ...

    def damage(self, stream: str) -> str:
        """What is not as it was written in the stream and from which entry on, a sentence; "" if all is sound.

        Reads the stream's every entry: for opening an incident, not for each look at it.
        """
        ...

    def length(self, stream: str) -> int:
        """How many entries the stream has; 0 if there is none."""
        ...

    def summaries(self) -> list[tuple[str, int, str]]:
        """(stream, length, summary) of every incident, newest incident first."""
        ...

    def deliveries(self, stream: str | None = None, states: Collection[DeliveryState] = ()) -> list[Delivery]:
        """The deliveries of one stream or of all, in the order they were written; only those in ``states``,
        if any are named."""
        ...

    def claim(
        self, holder: str, now: datetime, lease_s: float = 60.0, *, without: Collection[str] = ()
    ) -> Delivery | None:
        """The next delivery that is due, held by ``holder`` until settled; None if there is none.

        Those to the destinations ``without`` are left to others.

        Its state says what to do: ``sending`` (it was pending, and is so marked) — send it; ``uncertain`` —
        it may have arrived, find out first. ``attempts`` counts claims for sending.

        A lane is one destination of one stream; order is kept in it: nothing is claimed while an earlier
        one is pending, held, or uncertain with a ``next_attempt_at``. A failed one, and an uncertain one
        that waits for a person (no ``next_attempt_at``), do not hold up their lane.
        A claim whose lease ran out, or whose holder is a process of this machine that no longer lives
        (holders are ``host:pid:…``, colons in the host's name made hyphens), becomes ``uncertain`` and due at once.

        The clock may have been set back since a time was written: a ``next_attempt_at`` more than
        ``LONGEST_RETRY_S`` ahead is due, and a lease that far ahead ends ``lease_s`` from now.
        """
        ...

    def settle(
        self,
        delivery_id: str,
        *,
        holder: str,
        outcome: DeliveryState,
        receipt: Receipt | None = None,
        error: str = "",
        next_attempt_at: datetime | None = None,
        attempted: bool = True,
    ) -> bool:
        """Record how an attempt ended and let go: ``delivered``, ``pending`` (again at ``next_attempt_at``),
        ``uncertain`` (looked into again at ``next_attempt_at``; None waits for a person) or ``failed``.
        With ``attempted`` false nothing was tried: the claim is taken off the count of attempts.
        False, and no change, if ``holder`` does not hold it any more.
        """
        ...

    def answer(self, delivery_id: str, *, sent: bool, now: datetime) -> Delivery:
        """A person's word on an ``uncertain`` or ``failed`` delivery: it was sent, or send it again.

        ``NotFound`` if there is none; ``Refusal`` if it is in no such state, or to send again a status message
        that a newer one has replaced.
        """
        ...

    def change_count(self) -> int:
        """A number that differs after any change by any process on this journal; cheap enough to ask
        ten times a second. Compared only with what the same object said before: two may count differently."""
        ...

    def save_draft(self, key: str, text: str) -> None:
        """Keep a half-written text under ``key`` ("" deletes it); survives a kill."""
        ...

    def draft(self, key: str) -> str:
        """The half-written text under ``key``, or ""."""
        ...

    def move_draft(self, key: str, new: str) -> bool:
        """Move the text under ``key`` to ``new``; False, and no change, if there is none or ``new`` has one."""
        ...

    def close(self) -> None:
        """Let go of the file; later calls fail."""
        ...
