"""Zulip's REST API: each incident is a topic of one channel, with its posts and what people answer.

Facts of the API: zulip.com/api/rest. Zulip knows no key to dedupe by and keeps no data with a message, so each post
ends with a short code made from its key, and ``find`` looks for it among our own messages.

A topic is only a name, which changes when people rename it or mark it as resolved. The thread of an incident is
therefore the id of the topic's first message, which the bot writes: where that message is, the incident is. Needs
Zulip 5.0 or later, whose servers tell the topic of a message.
"""

from __future__ import annotations

import json
import re
import time
from base64 import b32encode, b64encode
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, NamedTuple
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, SecretStr, field_validator

from warroom.connect.answers import id_of, number_of, object_of, objects_of, text_of
from warroom.connect.chat import defuse_mentions, headline, message_lines
from warroom.connect.http import TOTAL_SECONDS, HttpRejected, HttpResponse, Transport
from warroom.connect.outcome import DeliveryClient, OutcomeRules
from warroom.connect.setup import Setup
from warroom.errors import NotSent, Rejected, Unconfirmed
from warroom.incident.delivery import Channel, Message, Opening, Receipt
from warroom.incident.incoming import Incoming, IncomingMessage
from warroom.safety import sanitize

_API = "api/v1"
_PATH = " > "
"""Between a channel and a topic, as Zulip shows it."""

_TOPIC_LENGTH = 60
"""Characters, on every server (MAX_TOPIC_NAME_LENGTH in zerver/models/constants.py)."""

_OPENING_S = 86_400
"""An opening is repeated for no longer. An older message with its key is of another journal's INC-1."""

_PAGE = 900
_PAGES = 2
_RECENT = 50
"""So many messages are read again each time: they may have been edited, deleted or pinned."""

_OWN_PAGE = 200
_OWN_PAGES = 10

_HAPPENINGS = ("message", "update_message", "delete_message", "reaction")
"""Events after which there is something to read."""

_WAIT_S = 60.0
"""A server answers a request for events within so many seconds, if only with a heartbeat
(zulip.com/api/get-events)."""

_AT_ONCE_S = 1.0
_AT_ONCE = 20
"""So many answers in a row that bring nothing, each within ``_AT_ONCE_S`` seconds, are of a server that does not
wait."""

_CUT = "[message truncated]"
"""How a server ends a message that is longer than it allows; the end of ours is lost then."""

_PINS = ("1f4cc", "1f4cd")
"""📌 and 📍."""

_RAW = {"apply_markdown": "false"}
"""The Markdown as it was written, not HTML."""

_GONE = (400, 404)
"""Zulip answers 400 for a message, a user or a channel that is not there or not to be seen."""

_BAD_KEY = "Set the bot's e-mail address and its API key; the key may have been replaced."
_NO_CHANNEL = "Create the channel there, or subscribe the bot to it if it is private."
_RULES = OutcomeRules(
    {
        "INVALID_API_KEY": _BAD_KEY,
        "UNAUTHORIZED": _BAD_KEY,
        "UNAUTHENTICATED_USER": _BAD_KEY,
        "AUTHENTICATION_FAILED": _BAD_KEY,
        "USER_DEACTIVATED": "The bot is deactivated. Reactivate it there.",
        "REALM_DEACTIVATED": "The organization is deactivated. Set the site of another one.",
        "NONEXISTENT_SUBDOMAIN": "Check site in the settings.",
        "STREAM_DOES_NOT_EXIST": _NO_CHANNEL,
        "BAD_NARROW": _NO_CHANNEL,
        "BAD_REQUEST": "Check who may post in the channel, and this destination's settings.",
    },
    throttled=frozenset(("RATE_LIMIT_HIT",)),
    wait_keys={"retry-after": 1.0},
    code_keys=("code",),
    message_keys=("msg",),
)

# Zulip's Markdown has no escape character, so what would format is replaced by its full-width form.
_INLINE = re.compile(
    r"[*`]"  # emphasis, mentions, links to channels; code
    r"|~(?=~)|\$(?=\$)"  # strikethrough and fences; formulas
    r"|\](?=\()|<(?=time:)|&(?=#?\w+;)"  # links; times; entities
    r"|:(?=(?:100|1234|[+-]1|[\w+-]*[^\W\d_][\w+-]*):)",  # emoji, but not 14:05:00
    re.IGNORECASE,
)
_LINE_BEGINNING = re.compile(
    r"^((?:\s*(?:[-+]|\d+\.)\s)*\s*)"  # in a list, too
    r"(>|#(?=#*(?:\s|$))|[-_|:](?=[-_|:\s]*$))"  # quotes; headings; rules and the second row of a table
)
_COMMAND = re.compile(r"\A(\s*)(/)")
"""A message that begins so can be a command: /poll, /todo, /me."""


class ZulipOptions(BaseModel):
    """Settings of a Zulip destination."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    site: str
    """The organization's address, such as https://team.zulipchat.com."""
    email: str
    """The e-mail address of a bot of the type "Generic bot"."""
    api_key: SecretStr
    """The bot's API key."""
    channel: str
    """Name of the channel in which each incident is a topic. A missing one is created, open to the whole
    organization, if the bot may do that."""
    invite: tuple[str, ...] = ()
    """E-mail addresses or user ids of people subscribed to the channel for every incident, besides its
    responders."""

    @field_validator("channel")
    @classmethod
    def _without_hash(cls, value: str) -> str:
        name = value.strip().lstrip("#").strip()
        if not name:
            raise ValueError("channel is empty")
        return name


class _Place(NamedTuple):
    """Where the messages of an incident are: the id of a channel, the name of a topic."""

    channel: str
    topic: str


class Zulip:
    """A ``Chat`` and ``Inbox`` that speaks Zulip's REST API. Zulip has no pinned messages, so none is pinned.

    Where the organization limits how long a message may be edited (to ten minutes, if nobody has changed it), a
    status message that is older is posted anew.
    """

    Options = ZulipOptions
    setup = Setup(
        "Zulip",
        (
            'Open Settings, Bots, Add a new bot, choose the type "Generic bot", and copy its e-mail and API key.',
            "If the channel is private, subscribe the bot to it.",
            "Under Organization permissions raise the time limit for editing messages: after it an older status"
            " message is posted anew.",
        ),
        ("site", "email", "api_key", "channel"),
    )
    dedupes = False
    reads_back = True
    edits = True
    threads = True
    reports_sending = True
    exclusive = False
    max_length = 10_000
    """Of servers that do not set MAX_MESSAGE_LENGTH otherwise."""

    def __init__(self, options: ZulipOptions, *, transport: Transport | None = None) -> None:
        self._options = options
        self._site = options.site.strip().rstrip("/")
        login = f"{options.email.strip()}:{options.api_key.get_secret_value().strip()}"
        headers = {"Authorization": SecretStr(f"Basic {b64encode(login.encode()).decode()}")}
        self._http = DeliveryClient("Zulip", self._site, _RULES, headers=headers, transport=transport)
        self._waiting = DeliveryClient(
            "Zulip", self._site, _RULES, headers=headers, transport=transport, total_seconds=_WAIT_S + TOTAL_SECONDS
        )
        self._me = ""
        self._people: dict[str, Mapping[str, Any]] = {}
        self._places: dict[str, _Place] = {}
        self._recent: dict[str, dict[int, IncomingMessage]] = {}

    def render(self, message: Message) -> str:
        """The Markdown that is sent, but for the code at its end: labels bold, everything else neutralized."""
        lines = (
            f"**{_inline(line.label)}:** {_inline(line.text)}" if line.label else _line(line.text)
            for line in message_lines(message, recognises=True)  # by the code at its end
        )
        return _without_command("\n".join(lines))

    def measure(self, message: Message) -> int:
        """How long the post is, in characters, with the code at its end."""
        return len(_coded(self.render(message), ""))

    async def open(self, opening: Opening, key: str) -> Channel:
        """Begin the incident's topic, unless it has begun, and subscribe the bot and the people to its channel.

        The topic's first message mentions who is to respond. Nothing here ends ``Unconfirmed``: before it is
        repeated, that message is looked for.
        """
        with suppress(Rejected):  # a bot that may not subscribe may still post
            await self._subscribe({})
        channel = await self._channel_id()
        for person in await self._users((*self._options.invite, *opening.invite)):
            with suppress(Rejected):  # of somebody who may not be in this channel
                await self._subscribe({"principals": json.dumps([int(person)])})
        try:
            first, place = await self._begun(channel, opening, f"{key}.topic")
        except Unconfirmed as error:
            raise NotSent(error.title, "It will be tried again after looking.") from None
        return Channel(
            id=place.channel,
            name=f"#{self._http.clean(self._options.channel, 80)}{_PATH}{self._http.clean(place.topic, 80)}",
            url=self._link(place),
            thread=first,
        )

    async def post(self, channel: Channel, message: Message, key: str) -> Receipt:
        """Post into the incident's topic, whatever it is called by now."""
        return await self._post(await self._place(channel), self.render(message), key)

    async def show_status(self, channel: Channel, message: Message, previous: Receipt | None, key: str) -> Receipt:
        """Edit the status message, or post it anew where there is none (left) or it may no longer be edited."""
        if previous and previous.id and await self._edited(previous, self.render(message), key):
            return previous
        place = await self._place(channel)
        found = await self._seen(place.channel, key)
        return self._receipt(place, found) if found else await self._post(place, self.render(message), key)

    async def find(self, channel: Channel, key: str) -> Receipt | None:
        """Look for the post with this key among our own in the channel, newest first, back to the topic's first.

        Raises ``Unconfirmed`` where these are more than were read, or one of them was cut by the server: not having
        seen the post proves nothing then.
        """
        place = await self._place(channel)
        found, certain = await self._sought(place.channel, key, back_to=_root(channel))
        if found:
            return self._receipt(place, found)
        if not certain:
            raise Unconfirmed("The channel is too long to be sure", "Look in the topic whether it is there.")
        return None

    async def since(self, channel: Channel, cursor: str) -> Incoming:
        """See ``Inbox``. Only the incident's topic is read. The cursor is the id of the last message that was seen.

        A deletion is noticed if it is one of the last ``_RECENT`` messages, and this object has read it before.
        """
        seen = int(cursor) if cursor.isdecimal() else 0
        found = await self._read(channel, seen)
        me = await self._own_id()
        messages = {
            number: await self._incoming(message, channel.thread, me)
            for number, message in sorted(found.items())
            if number >= _root(channel) and text_of(message, "client") != "Internal"  # notices of the server's own
        }
        gone = await self._deleted(self._recent.get(channel.thread, {}), found)
        latest = sorted(found)[-_RECENT:]
        self._recent[channel.thread] = {number: messages[number] for number in latest if number in messages}
        everything = sorted((messages | gone).items())
        return Incoming(
            messages=tuple(message for _, message in everything),
            cursor=str(max(seen, *found)) if found else cursor,
        )

    async def wake(self) -> AsyncGenerator[str, None]:
        """See ``Inbox``: an event queue, which the server forgets after ten minutes without a request.

        Every incident is in the one channel, so none is named: what was moved out of it is read as well.
        """
        queue, last, at_once = "", 0, 0
        while True:
            if not queue:
                queue, last = await self._event_queue()
                yield ""
            try:
                query = {"queue_id": queue, "last_event_id": str(last)}
                answer = await self._waiting.send("GET", f"{_API}/events", params=query)
            except HttpRejected as no:
                if no.code != "BAD_EVENT_QUEUE_ID":
                    raise
                queue, at_once = "", at_once + 1
            else:
                events = objects_of(answer.data, "events")
                last = max([last, *(number_of(event, "id") for event in events)])
                told = any(text_of(event, "type") in _HAPPENINGS for event in events)
                at_once = at_once + 1 if not told and answer.elapsed_s < _AT_ONCE_S else 0
                if told:
                    yield ""
            if at_once > _AT_ONCE:
                raise NotSent("Zulip: the server does not wait for messages", "It will be tried again.")

    async def check(self) -> str:
        """Who the key is, in which organization, and whether the channel can be found and is subscribed to."""
        me = text_of((await self._get("users/me")).data, "full_name")
        organization = text_of((await self._get("server_settings")).data, "realm_name")
        channel = await self._channel_id()
        subscriptions = objects_of((await self._get("users/me/subscriptions")).data, "subscriptions")
        subscribed = any(id_of(one, "stream_id") == channel for one in subscriptions)
        return (
            f"Zulip: {self._http.clean(me, 80)} in {self._http.clean(organization, 80)}, "
            f"channel #{self._http.clean(self._options.channel, 80)} ({'' if subscribed else 'not yet '}subscribed)"
        )

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()
        await self._waiting.close()

    # The channel and its topics

    async def _subscribe(self, more: Mapping[str, str]) -> None:
        """Subscribe the bot, or the ``principals`` in ``more``; Zulip creates a channel that is missing."""
        form = {"subscriptions": json.dumps([{"name": self._options.channel}]), **more}
        await self._http.send("POST", f"{_API}/users/me/subscriptions", form=form, repeatable=True)

    async def _channel_id(self) -> str:
        try:
            answer = await self._get("get_stream_id", {"stream": self._options.channel})
        except HttpRejected as no:
            if no.status not in _GONE:
                raise
            name = self._http.clean(sanitize(self._options.channel), 80)
            raise HttpRejected(
                f"Zulip has no channel #{name} that the bot can see", _NO_CHANNEL, no.status, no.code
            ) from None
        channel = id_of(answer.data, "stream_id")
        if not channel:
            raise self._http.doubt("gave no channel id", repeatable=True)
        return channel

    async def _begun(self, channel: str, opening: Opening, key: str) -> tuple[str, _Place]:
        """The id of the topic's first message, which is posted unless it is there, and where it is."""
        found = await self._seen(channel, key)
        if found and number_of(found, "timestamp") > time.time() - _OPENING_S:
            return id_of(found), _Place(channel, text_of(found, "subject"))
        people = await self._users(opening.invite)
        mentions = [_mention(person, text_of(user, "full_name")) for person, user in people.items()]
        place = _Place(channel, _topic(opening))
        text = " ".join([_without_command(_line(headline(opening))), *mentions])
        return (await self._post(place, text, key)).id, place

    async def _place(self, channel: Channel) -> _Place:
        """Where the topic's first message is now; without it, where it was at first."""
        place = _Place(channel.id, channel.name.rpartition(_PATH)[2])
        if channel.thread:
            first = await self._message(channel.thread)
            if first and text_of(first, "subject"):
                place = _Place(id_of(first, "stream_id"), text_of(first, "subject"))
            self._places[channel.thread] = place
        return place

    def _link(self, place: _Place, near: str = "") -> str:
        topic = quote(place.topic, safe="").replace(".", "%2E").replace("%", ".")
        link = f"{self._site}/#narrow/stream/{place.channel}/topic/{topic}"
        return self._http.mask.link(f"{link}/near/{near}" if near else link)

    # People

    async def _own_id(self) -> str:
        if not self._me:
            self._me = id_of((await self._get("users/me")).data, "user_id")
        return self._me

    async def _users(self, handles: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        """The people who exist of those named by id or e-mail address, by id, each once."""
        users = [await self._user(handle.strip()) for handle in handles]
        return {id_of(user, "user_id"): user for user in users if id_of(user, "user_id")}

    async def _user(self, handle: str) -> Mapping[str, Any]:
        """A person by id or e-mail address; empty for an unknown one."""
        if not handle.isdecimal() and "@" not in handle.strip("@"):
            return {}
        if handle not in self._people:
            try:
                answer = await self._get(f"users/{quote(handle, safe='')}")
            except HttpRejected as no:
                if no.status not in _GONE:
                    raise
                self._people[handle] = {}
            else:
                self._people[handle] = object_of(answer.data, "user")
        return self._people[handle]

    # Posts

    async def _post(self, place: _Place, text: str, key: str) -> Receipt:
        form = {"type": "stream", "to": place.channel, "topic": place.topic, "content": _coded(text, key)}
        answer = await self._http.send("POST", f"{_API}/messages", form=form)
        if not id_of(answer.data):
            raise self._http.doubt("gave no message id")
        return self._receipt(place, answer.data)

    async def _edited(self, previous: Receipt, text: str, key: str) -> bool:
        """Edit a message. False if it is gone or may no longer be edited."""
        try:
            path = f"{_API}/messages/{quote(previous.id, safe='')}"
            await self._http.send("PATCH", path, form={"content": _coded(text, key)}, repeatable=True)
        except HttpRejected as no:
            if no.status not in _GONE:
                raise
            return False
        return True

    async def _seen(self, channel: str, key: str) -> Mapping[str, Any] | None:
        """The post with this key, for what is repeated soon; None if the channel cannot be read."""
        try:
            return (await self._sought(channel, key, pages=1))[0]
        except Rejected:
            return None

    async def _sought(
        self, channel: str, key: str, *, back_to: int = 0, pages: int = _OWN_PAGES
    ) -> tuple[Mapping[str, Any] | None, bool]:
        """Our own message with this key, and whether it is certain that there is none.

        So many pages are read, newest first, but nothing before the message ``back_to``.
        """
        narrow = [_term("stream", int(channel)), _term("sender", int(await self._own_id()))]
        ending, anchor, whole = _code(key), "newest", True
        for _ in range(pages):
            page = (await self._messages(narrow, anchor, before=_OWN_PAGE)).data
            ours = objects_of(page, "messages")
            for message in reversed(ours):
                content = text_of(message, "content").rstrip()
                if content.endswith(ending):
                    return message, True
                whole = whole and not content.endswith(_CUT)
            complete = page.get("history_limited") is not True
            if not ours:
                return None, whole and complete
            oldest = min(number_of(message, "id") for message in ours)
            if oldest <= back_to or (complete and page.get("found_oldest") is True):
                return None, whole
            anchor = str(oldest)
        return None, False

    def _receipt(self, place: _Place, message: Mapping[str, Any]) -> Receipt:
        number = self._http.mask.identifier(id_of(message))
        return Receipt(id=number, url=self._link(place, number))

    # What people write

    async def _read(self, channel: Channel, seen: int) -> dict[int, Mapping[str, Any]]:
        """The messages after ``seen`` and the last ones before it, by id; from the topic's first on if it is 0."""
        known = self._places.get(channel.thread)
        place = known or await self._place(channel)
        anchor, before = seen or _root(channel), _RECENT if seen else 0
        found: dict[int, Mapping[str, Any]] = {}
        for _ in range(_PAGES):
            page = (await self._topic_page(place, anchor, before)).data
            if page.get("found_anchor") is not True and known and known != (place := await self._place(channel)):
                page = (await self._topic_page(place, anchor, before)).data  # the topic has another name now
            new = {number_of(message, "id"): message for message in objects_of(page, "messages")}
            found |= new
            anchor, before = max(new, default=anchor), 0
            if not new or page.get("found_newest") is True:
                break
        return found

    async def _topic_page(self, place: _Place, anchor: int, before: int) -> HttpResponse:
        narrow = [_term("stream", int(place.channel)), _term("topic", place.topic)]
        return await self._messages(narrow, str(anchor), before=before, after=_PAGE)

    async def _event_queue(self) -> tuple[str, int]:
        """A new queue of what happens from now on, and the id of the last event before."""
        form = {
            "event_types": json.dumps(_HAPPENINGS),
            "narrow": json.dumps([["stream", self._options.channel]]),  # of messages; the others come from anywhere
        }
        queue = (await self._http.send("POST", f"{_API}/register", form=form, repeatable=True)).data
        if not text_of(queue, "queue_id"):
            raise self._http.doubt("gave no event queue", repeatable=True)
        return text_of(queue, "queue_id"), number_of(queue, "last_event_id")

    async def _incoming(self, message: Mapping[str, Any], thread: str, me: str) -> IncomingMessage:
        author = id_of(message, "sender_id")
        return IncomingMessage(
            id=id_of(message),
            at=datetime.fromtimestamp(number_of(message, "timestamp"), UTC),
            author_id=author,
            author=text_of(message, "sender_full_name"),
            text=text_of(message, "content"),
            thread=thread,
            own=author == me,
            bot=author != me and (await self._user(author)).get("is_bot") is True,
            edited=number_of(message, "last_edit_timestamp") > 0,
            pinned=any(text_of(one, "emoji_code") in _PINS for one in objects_of(message, "reactions")),
        )

    async def _deleted(
        self, before: Mapping[int, IncomingMessage], found: Collection[int]
    ) -> dict[int, IncomingMessage]:
        """The messages that were read before and are deleted. One that is merely missing may have been moved."""
        return {
            number: message.model_copy(update={"text": "", "deleted": True})
            for number, message in before.items()
            if number not in found and await self._message(str(number)) is None
        }

    async def _message(self, number: str) -> Mapping[str, Any] | None:
        """A message by its id; None if it is deleted, or where the bot may not see it."""
        try:
            answer = await self._get(f"messages/{quote(number, safe='')}", _RAW)
        except HttpRejected as no:
            if no.status not in _GONE or not no.code:  # a proxy's 404 has no code, and says nothing of a message
                raise
            return None
        return object_of(answer.data, "message")

    # Calls

    async def _messages(
        self, narrow: Sequence[Mapping[str, Any]], anchor: str, *, before: int = 0, after: int = 0
    ) -> HttpResponse:
        query = {"anchor": anchor, "num_before": str(before), "num_after": str(after), "narrow": json.dumps(narrow)}
        return await self._get("messages", {**query, **_RAW})

    async def _get(self, path: str, query: Mapping[str, str] | None = None) -> HttpResponse:
        return await self._http.send("GET", f"{_API}/{path}", params=query)


def _root(channel: Channel) -> int:
    """The id of the first message of the incident's topic; 0 if there is none."""
    return int(channel.thread) if channel.thread.isdecimal() else 0


def _term(operator: str, operand: str | int) -> dict[str, Any]:
    return {"operator": operator, "operand": operand}


def _topic(opening: Opening) -> str:
    """The name of the incident's topic; Zulip refuses one with characters that cannot be printed."""
    words = " ".join((headline(opening) or opening.name).split()).replace(_PATH, " › ")
    name = "".join(character for character in words if character.isprintable())
    return name if len(name) <= _TOPIC_LENGTH else f"{name[: _TOPIC_LENGTH - 1].rstrip()}…"


def _mention(person: str, name: str) -> str:
    """Mention a person. The name is for people who read the raw message; left out if it could end the mention."""
    return f"@**{name}|{person}**" if name.isprintable() and not set(name) & set("*|`\\") else f"@**|{person}**"


def _code(key: str) -> str:
    """What a post with this key ends with, such as ``· k3f9a2xq``."""
    return f"· {b32encode(sha256(key.encode()).digest()[:5]).decode().lower()}"


def _coded(text: str, key: str) -> str:
    return f"{text} {_code(key)}"


def _line(text: str) -> str:
    """A line of its own that formats nothing; a list stays one, and indented lines stay code."""
    return _inline(_LINE_BEGINNING.sub(_widened, text))


def _inline(text: str) -> str:
    """Words that mention, link and format nothing."""
    return _INLINE.sub(lambda match: _wide(match[0]), defuse_mentions(text))


def _without_command(text: str) -> str:
    return _COMMAND.sub(_widened, text)


def _widened(match: re.Match[str]) -> str:
    return f"{match[1]}{_wide(match[2])}"


def _wide(character: str) -> str:
    """The full-width form of an ASCII character, which can be read and copied and means nothing to Zulip."""
    return chr(ord(character) + 0xFEE0)
