"""What warroom asks of a journal: events are appended in whole or not at all, together with their deliveries."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from warroom.incident.delivery import Delivery, DeliveryState, OutboxItem, Receipt
from warroom.incident.events import Entry, Event
from warroom.journal.hub.store import HubStore


class Journal(Protocol):
    """Where events are kept.

    Thread-safe. A method that returns has its effect on disk (fsync). Raises ``NotSaved`` (disk full, read-only,
    locked for too long) with nothing changed, ``NewerJournal`` on opening, and ``Conflict`` where documented.
    """

    @property
    def read_only(self) -> str:
        """Why nothing can be recorded, such as "the disk is full"; "" if it can."""
        ...

    @property
    def hub(self) -> HubStore:
        """This laptop's side of the shared room."""
        ...

    def notices(self) -> tuple[str, ...]:
        """Return what the person who opens the journal must know, a sentence each with what to do.

        For example that nothing can be recorded, or that entries once saved are missing.
        """
        ...

    def check(self) -> str:
        """Read everything and return one line about the journal's health.

        Takes seconds on a large journal. Raises ``JournalError`` that names what is damaged.
        """
        ...

    def new_incident(self) -> str:
        """Return a new incident id, ``INC-1`` upwards, never the same twice, across processes too.

        An id that is never appended to is not an incident; it leaves a gap in the numbers.
        """
        ...

    def append(
        self,
        stream: str,
        expected: int,
        events: Sequence[Event],
        items: Sequence[tuple[int, OutboxItem]] = (),
        *,
        at: datetime,
        by: str | Sequence[str],
        summary: str = "",
        ids: Sequence[UUID] | None = None,
    ) -> list[Entry]:
        """Append ``events`` and their deliveries in one transaction, and return the new entries.

        ``expected`` is the stream's version the decision was based on; raises ``Conflict`` if it has changed.
        ``by`` is who did it, or one name for each event.
        ``ids`` are those of the entries; new ones are made if they are not given. An event whose id the stream
        already has is skipped, with its deliveries: the same fact from outside is recorded once. Each item comes
        with the index of the event that caused it. ``summary`` (JSON, opaque here) replaces the incident's summary;
        "" keeps it. An item with the act ``status`` replaces a pending one of the same destination and stream and
        keeps its ``next_attempt_at``, which a service may have asked for.
        """
        ...

    def read(self, stream: str, after: int = 0) -> list[Entry]:
        """Return the stream's entries with ``seq > after``, in order.

        That is the order of ``seq``, and in a shared room that of the hub: it may change, see ``generation``.
        """
        ...

    def generation(self, stream: str) -> int:
        """Return a number that changes when entries which were read before come in another order now.

        In a shared room entries of other laptops arrive that belong before some of this one's.
        """
        ...

    def save_summary(self, stream: str, version: int, summary: str) -> None:
        """Keep the summary of an incident that has none, if its version is still ``version``."""
        ...

    def damage(self, stream: str) -> str:
        """Return what is damaged in the stream and from which entry on, as a sentence; "" if nothing is.

        Reads every entry of the stream: for opening an incident, not for every refresh.
        """
        ...

    def scrub(self, stream: str) -> str:
        """Remove for good the words of the entries that an ``EntryScrubbed`` of the stream names.

        Of the entries that repeat them and of the deliveries of all these, too. Deliveries that wait are cancelled
        (``failed``); one that is being sent is left to whoever sends it. The stream's version stays. Returns "", or
        why old bytes may remain on the disk: then call it again. Called twice it changes nothing more.
        """
        ...

    def version(self, stream: str) -> int:
        """Return the stream's version, which changes with every append; 0 for an empty stream."""
        ...

    def summaries(self) -> list[tuple[str, int, str]]:
        """Return (stream, version, summary) of every incident, newest incident first.

        The summary is "" after entries of other laptops have arrived: it has to be computed anew.
        """
        ...

    def deliveries(
        self, stream: str | None = None, states: Collection[DeliveryState] = (), destination: str | None = None
    ) -> list[Delivery]:
        """Return the deliveries of one stream or of all, in the order they were written.

        Only those in ``states``, if any are given, and only those to ``destination``, if one is given.
        """
        ...

    def claim(
        self, owner: str, now: datetime, lease_s: float = 60.0, *, without: Collection[str] = ()
    ) -> Delivery | None:
        """Claim the next delivery that is due for ``owner`` until it is completed; None if there is none.

        Destinations in ``without`` are left to other processes.

        Its state decides what to do: ``sending`` — send it (it was pending); ``unconfirmed`` — it may have arrived,
        find out first. ``attempts`` counts claims for sending.

        A partition is one destination of one stream; its order is kept: nothing is claimed while an earlier
        delivery is pending, claimed, or unconfirmed with a ``next_attempt_at``. A failed one, and an unconfirmed
        one that waits for a person (no ``next_attempt_at``), do not block their partition. A claim whose lease has
        run out, or whose owner is a process of this machine that has ended (owners are ``host:pid:…``, colons in
        the host's name replaced by hyphens), becomes ``unconfirmed`` and due.

        The clock may have been set back since a time was written: a ``next_attempt_at`` more than
        ``LONGEST_RETRY_S`` ahead is due, and a lease that far ahead ends ``lease_s`` from now.
        """
        ...

    def complete(
        self,
        delivery_id: str,
        *,
        owner: str,
        outcome: DeliveryState,
        receipt: Receipt | None = None,
        error: str = "",
        next_attempt_at: datetime | None = None,
        attempted: bool = True,
    ) -> bool:
        """Record the outcome of an attempt and release the claim.

        ``delivered``; ``pending`` (again at ``next_attempt_at``); ``unconfirmed`` (looked into again at
        ``next_attempt_at``, None waits for a person); or ``failed``. ``attempted=False`` takes the claim off the
        count of attempts. Returns False, and changes nothing, if ``owner`` no longer has the claim.
        """
        ...

    def confirm(self, delivery_id: str, *, sent: bool, now: datetime) -> Delivery:
        """Record what a person found out about an ``unconfirmed`` or ``failed`` delivery: it was sent, or send it
        again.

        Raises ``NotFound`` if there is none, and ``Refusal`` if it is in another state or is a status message that
        a newer one has replaced.
        """
        ...

    def change_count(self) -> int:
        """Return a number that differs after any change by any process; cheap enough for ten calls a second.

        Compare it only with what the same object returned before: two objects may count differently.
        """
        ...

    def wait_for_change(self, seen: int, timeout_s: float) -> int:
        """Wait until ``change_count`` differs from ``seen``, at most ``timeout_s`` seconds, and return it."""
        ...

    def save_draft(self, key: str, text: str) -> None:
        """Save unfinished text under ``key``; "" deletes it."""
        ...

    def draft(self, key: str) -> str:
        """Return the unfinished text under ``key``, or ""."""
        ...

    def move_draft(self, key: str, new: str) -> bool:
        """Move the text under ``key`` to ``new``. Returns False if there is none or ``new`` has one."""
        ...

    def save_observation(self, stream: str, text: str) -> None:
        """Keep the latest observation of a stream (JSON, opaque here); it replaces the one before.

        It need not survive a power cut: it is measured anew.
        """
        ...

    def observation(self, stream: str) -> str:
        """Return the latest observation of a stream, or ""."""
        ...

    def save_presence(self, session: str, stream: str, text: str, now: datetime, until: datetime) -> None:
        """Keep what a session does in a stream (JSON, opaque here) until ``until``; it replaces what it did before,
        in any stream. "" deletes it. What has expired by ``now`` is deleted too.

        It need not survive a power cut.
        """
        ...

    def presence(self, stream: str, now: datetime) -> list[tuple[str, str]]:
        """Return (session, text) of those in a stream that have not expired by ``now``, by session."""
        ...

    def all_presence(self, now: datetime) -> list[tuple[str, str, str]]:
        """Return (session, stream, text) of all that have not expired by ``now``, by session."""
        ...

    def close(self) -> None:
        """Close the journal. Later calls raise ``JournalError``."""
        ...
