"""What people write in an incident's channel, as values. Nothing here is sanitized: it comes from outside."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict


class IncomingMessage(BaseModel):
    """A message in an incident's channel or thread, as the service has it now.

    ``id`` identifies it in its channel for good. ``author_id`` is the immutable id of who wrote it, ``author`` the
    name that is shown for them. ``at`` is when it was written, UTC. ``thread`` is the id of the message that it
    answers. ``own``: our own account wrote it; ``bot``: another program did. ``pinned``: somebody pinned it or
    marked it with 📌. Of a deleted one the text may be "".
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    id: str
    at: datetime
    author_id: str
    author: str = ""
    text: str = ""
    thread: str = ""
    own: bool = False
    bot: bool = False
    edited: bool = False
    deleted: bool = False
    pinned: bool = False


class Incoming(BaseModel):
    """What an inbox has read: messages, oldest first, and where to read on.

    A message that is read again counts as it is now, so edits, deletions and pins are seen.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    messages: tuple[IncomingMessage, ...] = ()
    cursor: str = ""
