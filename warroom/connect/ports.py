"""What warroom asks of the world, as protocols. A backend implements one; nothing here sends anything."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from pydantic import BaseModel

from warroom.incident.delivery import Channel, Message, Opening, Receipt


@runtime_checkable
class Chat(Protocol):
    """A place where updates are posted: a chat service, a file, a URL.

    A backend is used by one outbox worker at a time, on one event loop. Every method raises ``NotSent`` when the
    request certainly did not arrive or was turned away for now (with the service's ``retry_after`` in
    seconds), ``Rejected`` when the service refused it for good, and ``Unconfirmed`` when it may have arrived.
    No error contains a secret. ``key`` is the delivery's id.

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


class ChatBackend(Protocol):
    """What an entry point of ``warroom.chat`` names: a class, its options, and how to make one.

    Options that must not be in plaintext in the settings are declared as ``SecretStr``; the wiring
    resolves their references and refuses a plain one before the backend sees them.
    """

    Options: type[BaseModel]

    def __call__(self, options: Any) -> Chat:
        """Make the backend. Opens no connection."""
        ...
