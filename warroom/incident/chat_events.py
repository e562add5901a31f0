"""The events about where the incident is talked about: channels, what people write there, posts sent elsewhere."""

from typing import Literal

from warroom.incident.event_base import EventBase, Moment


class ChannelOpened(EventBase):
    """A destination has a channel for this incident."""

    kind: Literal["channel"] = "channel"
    destination: str
    channel: str
    name: str = ""
    url: str = ""
    invited: int = 0
    thread: str = ""
    talk: bool = True

    @property
    def text(self) -> str:
        return f"{self.destination}: {self.name or self.channel or 'ready'}"


class ChatMessage(EventBase):
    """A message that ``who`` wrote in the chat ``via``.

    ``author`` is the service's immutable id of who wrote it, ``message`` its id there, and ``thread`` that of the
    message it answers. The text of an edited one is in its ``EntryAmended``, a deleted one is retracted. Only the
    player of a drill sets ``scripted``: its teammates' words are nobody's own.
    """

    kind: Literal["chat"] = "chat"
    who: str
    via: str
    words: str
    written_at: Moment | None = None
    author: str = ""
    message: str = ""
    thread: str = ""
    scripted: bool = False

    @property
    def text(self) -> str:
        return f"{self.who} ({self.via}): {self.words}"


class PostRerouted(EventBase):
    """A post that ``destination`` has not taken was sent to its ``fallback`` as well. ``delivery`` is the one that
    waits, and goes on waiting."""

    kind: Literal["rerouted"] = "rerouted"
    delivery: str
    destination: str
    fallback: str
    what: str = ""

    @property
    def text(self) -> str:
        return f"{self.what or 'post'} also to {self.fallback}: {self.destination} has not taken it"
