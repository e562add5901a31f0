"""What warroom asks of the world, as protocols. A backend implements one; nothing here sends anything."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar, runtime_checkable

from pydantic import BaseModel

from warroom.config.rota import Shift
from warroom.incident.alerting import Firing, Notice
from warroom.incident.delivery import Channel, Message, Opening, Receipt
from warroom.incident.incoming import Incoming
from warroom.incident.readings import Reading
from warroom.incident.requests import Issue, WorkflowRun


@runtime_checkable
class Chat(Protocol):
    """A place where updates are posted: a chat service, a file, a URL.

    A backend is used by one outbox worker at a time, on one event loop. Every method raises ``NotSent`` when the
    request certainly did not arrive or was turned away for now (with the service's ``retry_after`` in
    seconds), ``Rejected`` when the service refused it for good, and ``Unconfirmed`` when it may have arrived.
    No error contains a secret. ``key`` is the delivery's id.

    What a backend promises beyond ``dedupes``, ``reads_back`` and ``max_length`` is declared as attributes too, and
    read by ``Promises.of``; one that is missing is not promised.

    A backend that only some audiences read has ``audiences``, a tuple of them: settings that name another one are
    refused, and no message to another one is posted. Who reads a page of its customers is one such.

    A backend whose posts are all updates of the incident, such as a status page, has ``takes_maintenance = False``:
    maintenance notices are not posted there.

    A backend may also have ``reports_sending = True``: it then calls ``attempt.leaving()`` right before the
    first byte of a request that must not be repeated can leave (``http.HttpClient`` does so by itself). A post
    that is cut off before that is known not to be sent. With any other backend its outcome is unknown from the
    call on.
    """

    dedupes: bool
    """True where a post repeated with the same key arrives once however often it is tried."""

    reads_back: bool
    """True if ``find`` can determine whether a post with a key has arrived."""

    max_length: int
    """The longest text one post may have, in characters of ``render``; a longer update is split into several posts.

    A backend whose service counts otherwise also has ``measure(message) -> int``, which is compared with it.
    """

    def render(self, message: Message) -> str:
        """The exact text this backend will send, as the composer previews it."""
        ...

    async def open(self, opening: Opening, key: str) -> Channel:
        """Open (or find again) the incident's channel, invite, set the topic. Repeating it is harmless."""
        ...

    async def post(self, channel: Channel, message: Message, key: str) -> Receipt:
        """Post, and pin if ``message.pin``; pinning that fails does not fail the post."""
        ...

    async def show_status(self, channel: Channel, message: Message, previous: Receipt | None, key: str) -> Receipt:
        """Make the incident's one status message (``previous``, or a new one) read ``message``.

        The topic follows it. A backend without such a thing returns ``Receipt()`` and does nothing.
        """
        ...

    async def find(self, channel: Channel, key: str) -> Receipt | None:
        """The receipt of the post with this key, or None if it is certainly not there (``reads_back``)."""
        ...

    async def check(self) -> str:
        """One line for ``warroom doctor``: who we are there. Posts nothing."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


@dataclass(frozen=True)
class Promises:
    """What a chat backend promises, as data: for the outbox, the manual and the contract tests."""

    dedupes: bool
    """A post repeated with the same key arrives once."""
    dedupe_window_s: float
    """For how long after the first try, in seconds; infinite where the service never forgets a key."""
    reads_back: bool
    """``find`` can tell whether a post has arrived."""
    edits: bool
    """``show_status`` keeps one message up to date."""
    threads: bool
    """In a shared channel each incident is a thread."""
    receives: bool
    """``since`` reads what people write: the backend is an ``Inbox``."""
    pushes: bool
    """``wake`` tells at once that something was written, if the backend is set up for it."""
    max_length: int
    """The longest text of one post, in ``unit``."""
    unit: str
    """What the service counts: "characters", "bytes"."""

    @classmethod
    def of(cls, chat: Any) -> Promises:
        """Read the promises off a backend or its class. Raises ``AttributeError``, ``TypeError`` or ``ValueError``
        for one that lacks what the port asks for."""
        return cls(
            dedupes=bool(chat.dedupes),
            dedupe_window_s=float(getattr(chat, "dedupe_window_s", math.inf)),
            reads_back=bool(chat.reads_back),
            edits=bool(getattr(chat, "edits", False)),
            threads=bool(getattr(chat, "threads", False)),
            receives=callable(getattr(chat, "since", None)),
            pushes=callable(getattr(chat, "wake", None)) and bool(getattr(chat, "pushes", True)),
            max_length=int(chat.max_length),
            unit=str(getattr(chat, "unit", "characters")),
        )


class Inbox(Protocol):
    """A chat backend that can also read what people write. Polled every few seconds.

    ``exclusive``: the service hands each message to one reader only, so that one process at a time may read.
    """

    exclusive: bool

    async def since(self, channel: Channel, cursor: str) -> Incoming:
        """Return what was written or changed in the incident's channel, or in its thread, after ``cursor``.

        "" is the beginning of the incident's own channel or thread. Nothing is left out: where more happened than
        one answer holds, the backend pages, at most 2,000 messages a call, and the cursor says where to go on.
        Raises ``NotSent`` where the service cannot be reached or asks for a pause, ``Rejected`` where it refuses.
        """
        ...

    def wake(self) -> AsyncGenerator[str, None]:
        """Yield the id of a channel in which something has just happened; "" if it may be any.

        Optional; only backends of warroom itself are asked. The first "" says that the connection is open, and a
        later one that something may have been missed. It only makes ``since`` be called sooner: what is yielded
        twice, late or not at all does no harm. The caller reconnects. Ends when the service closes the connection
        in good order; raises ``NotSent`` when it is lost or the service cannot be reached, ``Rejected`` when it
        refuses.

        A backend that pushes only with certain options or packages has an attribute ``pushes``: whether it does.
        """
        ...


class Probe(Protocol):
    """Something that can be measured. Run by one job at a time, on one event loop."""

    async def run(self) -> Reading:
        """Measure once. ``incident.readings.judged`` makes the reading; the caller notes the time.

        Raises ``WarroomError`` where nothing can be measured: that speaks neither for nor against an item.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


@dataclass(frozen=True, slots=True)
class LogPage:
    """Lines of a log, oldest first, and the cursor to go on after them. ``more``: there are more already."""

    lines: tuple[str, ...]
    cursor: str
    more: bool = False


class LogService(Protocol):
    """A service that keeps logs. Polled, on one event loop; opens no connection when it is made. Errors as
    ``AlertSource``."""

    async def read(self, query: str, cursor: str) -> LogPage:
        """Return what came after ``cursor`` and matches ``query``, in the service's own syntax ("" for all).

        A cursor means nothing to others; "" asks for the newest lines. Every line comes once.
        """
        ...

    async def check(self) -> str:
        """One line for ``warroom doctor``. Changes nothing."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class LineCounter(Protocol):
    """Lines of interest in logs, counted as they come. Safe to use from any thread."""

    def now(self) -> datetime:
        """The time it counts by (UTC)."""
        ...

    def since(self, at: datetime) -> int:
        """How many lines there were after ``at``."""
        ...

    @property
    def known_since(self) -> datetime:
        """From when on every log is known (UTC)."""
        ...

    @property
    def problem(self) -> str:
        """Why silence proves nothing, such as a log that cannot be read; "" while it does."""
        ...

    def wait_started(self, within_s: float) -> None:
        """Wait until every log has been looked into, at most so long."""
        ...

    def close(self) -> None:
        """Stop reading."""
        ...


OpenLogs = Callable[[str, str], LineCounter]
"""Opens the logs of the probe's service. What to count (RE2, "" for errors), and which log ("" for all)."""


@runtime_checkable
class LogProbe(Probe, Protocol):
    """A probe that looks into the logs of its service. The wiring says how before the first run."""

    def use_logs(self, open_logs: OpenLogs) -> None:
        """Open the logs in this way."""
        ...


class ChatBackend(Protocol):
    """What an entry point of ``warroom.chat`` names: a class, its options, and how to make one.

    Options that must not be in plaintext in the settings are declared as ``SecretStr``; the wiring
    resolves their references and refuses a plain one before the backend sees them.
    """

    Options: type[BaseModel]

    def __call__(self, options: Any) -> Chat:
        """Make the backend. Opens no connection."""
        ...


class AlertSource(Protocol):
    """A monitoring system that says what fires. Polled, on one event loop; opens no connection when it is made.

    Every method raises ``NotSent`` where the service cannot be reached, gives an answer that cannot be read, or
    asks for a pause (``retry_after`` in seconds), and ``Rejected`` where it refuses. No error contains a secret.
    """

    async def firing(self) -> Sequence[Firing]:
        """Return everything that fires now. What is missing has cleared, so a part of it is never returned."""
        ...

    async def check(self) -> str:
        """One line for ``warroom doctor``: what answers there. Changes nothing."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class AcknowledgingSource(AlertSource, Protocol):
    """An alert source that can be told that somebody is on it."""

    async def acknowledge(self, key: str, comment: str) -> str:
        """Say there that somebody is on the alert ``key``. Repeating it is harmless.

        Returns what was done there, in a few words: "silenced until 14:05 UTC".
        """
        ...


class ResolvingSource(AlertSource, Protocol):
    """An alert source that can be told that an alert's incident is resolved."""

    ends_alerts: bool
    """True where the alert is over there once ``resolve`` returns. False where it only ends what ``acknowledge``
    did, such as a silence: it is then told of the alerts that it has acknowledged, those that cleared included."""

    async def resolve(self, key: str, comment: str) -> str:
        """Say there that the incident of the alert ``key`` is resolved. Repeating it is harmless.

        Returns what was done there, as ``acknowledge`` does: "resolved", "silence ended".
        """
        ...


class ReceivingSource(AlertSource, Protocol):
    """An alert source that is told what fires, by a webhook, instead of being asked."""

    has_secret: bool
    """Whether strangers cannot guess its path."""

    def path(self, name: str) -> str:
        """The path that is sent to, for the source of this name in the settings. It may hold a secret."""
        ...

    def read(self, body: bytes) -> Sequence[Notice]:
        """Read what was sent. Raises ``BadInput`` that says what is wrong with it."""
        ...


class SilencingSource(AlertSource, Protocol):
    """An alert source that can keep quiet about an alert."""

    async def silence(self, key: str, until: datetime, comment: str) -> str:
        """Silence the alert ``key`` until then. Repeating it is harmless. Returns as ``acknowledge`` does."""
        ...


R = TypeVar("R", contravariant=True)


class Integration(Protocol[R]):
    """An outside service that does one kind of what ``incident.requests`` describes.

    A paging service takes a ``Page``, a document store a ``Document``, an issue tracker an ``Issue``, a workflow
    runner a ``WorkflowRun``. Used by one outbox worker at a time, on one event loop; opens no connection when it is
    made. Errors, and ``reports_sending``, as for ``Chat``. ``key`` is the delivery's id.
    """

    dedupes: bool
    """True where the same request made twice has its effect once however often it is made."""

    reads_back: bool
    """True if ``find`` can determine whether a request has had its effect."""

    async def send(self, request: R, key: str) -> Receipt | None:
        """Have the request done there. The receipt is what the service calls the result, and its address.

        None where the service knows nothing of the kind, so that nothing was done and nothing is to be recorded.
        """
        ...

    async def find(self, request: R, key: str) -> Receipt | None:
        """The receipt of this request, or None if it certainly has had no effect (``reads_back``)."""
        ...

    async def check(self) -> str:
        """One line for ``warroom doctor``: who we are there. Changes nothing."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class IssueTracker(Integration[Issue], Protocol):
    """An issue tracker that also says what has become of the issues."""

    async def states(self, ids: Sequence[str]) -> Mapping[str, bool]:
        """Whether each of these issues is done, by its id; an issue that cannot be read is left out."""
        ...


class WorkflowRunner(Integration[WorkflowRun], Protocol):
    """A workflow runner that also says how a run ended."""

    async def result(self, request: WorkflowRun, receipt: Receipt) -> str:
        """How the run ended, in a word: "success", "failure"; "" while it is under way."""
        ...


class OnCallSchedule(Protocol):
    """A paging service that knows who is on call."""

    async def shifts(self, since: datetime, until: datetime) -> Sequence[Shift]:
        """Who is on call from ``since`` to ``until`` (UTC), by e-mail address or name; where several are at once,
        the first to be called comes first."""
        ...
