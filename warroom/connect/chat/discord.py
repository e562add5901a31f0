"""Discord's HTTP API v10, as a bot: a channel or thread for each incident, its posts and what people answer.

Facts of the API: docs.discord.com/developers. A post repeated with its nonce "in the past few minutes" is the
first one again (resources/message, ``enforce_nonce``). The nonce is not kept with the message
(Rapptz/discord.py#2451), so each post ends with a small line made from its key, by which ``find`` recognises it.
Channels cannot be archived and their names are not unique. A thread is a channel of its own, with the id of the
message that it begins with.
"""

from __future__ import annotations

import re
from base64 import b32encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationInfo, field_validator, model_validator

from warroom import __version__
from warroom.connect.answers import id_of, number_of, object_of, objects_in, objects_of, text_of
from warroom.connect.channels import ChannelPolicy
from warroom.connect.chat import escape_markdown, headline, message_lines
from warroom.connect.http import HttpRejected, HttpResponse, Transport
from warroom.connect.outcome import DeliveryClient, OutcomeRules
from warroom.connect.setup import Setup
from warroom.errors import DeliveryError, NotSent, Rejected, Unconfirmed
from warroom.incident.delivery import Channel, Message, Opening, Receipt
from warroom.incident.incoming import Incoming, IncomingMessage
from warroom.safety import sanitize

_USER_AGENT = {"User-Agent": f"DiscordBot (warroom, {__version__})"}
_ID = re.compile(r"[0-9]{15,20}")
_EPOCH = datetime(2015, 1, 1, tzinfo=UTC)
"""An id begins with the milliseconds since then (reference, Snowflakes)."""

_NAME_LENGTH = 100
_TOPIC_LENGTH = 1024
_PAGE = 100
_PAGES = 20
_MENTIONED = 50
_THREAD_STAYS_MINUTES = 10_080
_SUPPRESS_EMBEDS = 1 << 2
_PIN = "📌"

_TEXT_CHANNEL, _CATEGORY, _ANNOUNCEMENT_CHANNEL = 0, 4, 5
_DEFAULT, _REPLY = 0, 19
"""The types of messages that somebody wrote; the others are the service's own notices."""

# What Message Content Intent is needed for, and what else a message can consist of.
_CONTENTS = ("content", "attachments", "embeds", "components", "poll", "sticker_items", "message_snapshots")

_MISSING_ACCESS = "50001"
_MISSING_PERMISSIONS = "50013"
_TOO_MANY_CHANNELS = "30013"
_CATEGORY_FULL = "CHANNEL_PARENT_MAX_CHANNELS"
_MAY_NOT_CREATE = (_MISSING_ACCESS, _MISSING_PERMISSIONS, _TOO_MANY_CHANNELS, _CATEGORY_FULL)
_UNKNOWN_MESSAGE = "10008"
_NOT_OUR_MESSAGE = "50005"
_THREAD_EXISTS = "160004"
_THREAD_ARCHIVED = "50083"

_BAD_TOKEN = "Set a valid bot token: Developer Portal, your application, Bot, Reset Token."
_NO_CHANNEL = "The channel was deleted, or its id in the settings is wrong."
_BLOCKED = "The server's AutoMod blocked the text. Change it, or exempt the bot's role there."
_RULES = OutcomeRules(
    {
        "40001": _BAD_TOKEN,
        "50014": _BAD_TOKEN,
        "10003": _NO_CHANNEL,
        "10004": "Check guild in the settings, and add the bot to that server.",
        _UNKNOWN_MESSAGE: "The message was deleted.",
        _MISSING_ACCESS: "Add the bot to the server, and give its role View Channel there.",
        _MISSING_PERMISSIONS: (
            "Give the bot's role View Channel, Send Messages, Send Messages in Threads, Create Public Threads, "
            "Read Message History, Pin Messages and, for a channel per incident, Manage Channels."
        ),
        _TOO_MANY_CHANNELS: "Delete old channels there, or set channel_per_incident = false.",
        _CATEGORY_FULL: "Move old channels out of the category, or set another one.",
        "50008": "Set channel to a text channel.",
        "40058": "Set channel to a text channel; a forum has only threads.",
        "160005": "The thread is locked. Unlock it there.",
        "160006": "The server has too many active threads. Close old ones there.",
        _THREAD_ARCHIVED: "The thread is archived. Reopen it there.",
        "200000": _BLOCKED,
        "240000": _BLOCKED,
    },
    # Slow mode, limits of a channel and of a server, edits of messages older than an hour, load.
    throttled=frozenset(("20016", "20028", "20029", "30046", "40062", "130000")),
    wait_keys={"retry_after": 1.0},
    wait_headers={"x-ratelimit-reset-after": 1.0},
    code_keys=("code",),
    message_keys=("message",),
)


class DiscordOptions(BaseModel):
    """Settings of a Discord destination."""

    # Ids are numbers: people write them without quotes.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, coerce_numbers_to_str=True)

    token: SecretStr
    """The bot's token (Developer Portal, Bot). Turn on Message Content Intent there to read what people write."""
    guild: str
    """The server's id: User Settings, Advanced, Developer Mode; then right-click the server, Copy Server ID."""
    channel: str = ""
    """Name or id of the team's shared text channel: announcements go there, and a thread for each incident where no
    channel may be made."""
    channel_per_incident: bool = True
    """False makes each incident a thread in ``channel``."""
    category: str = ""
    """Id of the category in which channels are made. They get its permissions: one that only the team sees makes
    them private."""
    invite: tuple[str, ...] = ()
    """User ids of people mentioned in every incident, besides its responders."""
    base_url: str = "https://discord.com/api/v10"
    """The API's address."""

    @field_validator("guild", "category")
    @classmethod
    def _is_id(cls, value: str, info: ValidationInfo) -> str:
        if not _ID.fullmatch(value) and (value or info.field_name == "guild"):
            raise ValueError("not an id, which has 15 to 20 digits: Developer Mode, right-click, Copy ID")
        return value

    @model_validator(mode="after")
    def _somewhere_to_post(self) -> DiscordOptions:
        if not self.channel_per_incident and not self.channel.strip("# "):
            raise ValueError("channel_per_incident = false needs channel")
        return self


class _Client(DeliveryClient):
    """A ``DeliveryClient`` for Discord, whose error codes are numbers and whose clients must say what they are."""

    async def request(self, method: str, path: str = "", **more: Any) -> HttpResponse:
        """See ``HttpClient``. An error's ``code`` becomes text, as ``OutcomeRules`` knows codes."""
        response = await super().request(method, path, **{**more, "headers": _USER_AGENT})
        return replace(response, json=_error(response)) if response.status >= 400 else response


class Discord:
    """A ``Chat`` and ``Inbox`` that is a Discord bot. The topic of the shared channel is never touched.

    In a shared channel ``Channel.id`` is that channel and ``Channel.thread`` the incident's thread, to which all
    posts go and the only place that is read.
    """

    Options = DiscordOptions
    setup = Setup(
        "Discord",
        (
            "Open https://discord.com/developers/applications, choose New Application, Bot, and copy the token.",
            "Turn on Message Content Intent there, so that warroom can read what people write.",
            "Under OAuth2, URL Generator tick the scope bot and the permissions View Channels, Send Messages,"
            " Send Messages in Threads, Create Public Threads, Read Message History, Pin Messages and Manage"
            " Channels; open the address it shows and add the bot to the server.",
            "In Discord turn on Developer Mode, right-click the server and choose Copy Server ID.",
        ),
        ("token", "guild", "channel"),
    )
    dedupes = True
    dedupe_window_s = 60.0
    """Documented are "a few minutes"."""
    reads_back = True
    edits = True
    threads = True
    reports_sending = True
    exclusive = False
    max_length = 2000

    def __init__(self, options: DiscordOptions, *, transport: Transport | None = None) -> None:
        self._options = options
        self._http = _Client(
            "Discord",
            options.base_url,
            _RULES,
            headers={"Authorization": SecretStr(f"Bot {options.token.get_secret_value()}")},
            transport=transport,
        )
        self._me = ""
        self._shared: Channel | None = None

    def render(self, message: Message) -> str:
        """The Markdown that is sent, before the small line of ``find``: labels bold, everything else escaped."""
        return "\n".join(
            f"**{_escaped(line.label)}:** {_escaped(line.text)}" if line.label else _escaped(line.text)
            for line in message_lines(message, recognises=True)
        )

    def measure(self, message: Message) -> int:
        """The length of the whole post in code points, which is what Discord counts (discord-api-docs#1315)."""
        return len(_recognisable(self.render(message), ""))

    async def open(self, opening: Opening, key: str) -> Channel:
        """Open the incident's channel, or its thread in the shared one; see ``ChannelPolicy``."""
        options = self._options
        policy = ChannelPolicy(options.channel_per_incident, bool(options.channel.strip("# ")), _MAY_NOT_CREATE)
        return await policy.open(self, opening, key, invite=options.invite)

    async def post(self, channel: Channel, message: Message, key: str) -> Receipt:
        """Post, with a nonce made from the key and the message's time."""
        place = _place(channel)
        text = _recognisable(self.render(message), key)
        receipt = await self._post(place, text, f"{key}.{message.at.timestamp()}")
        if message.pin:
            await self._pin(place, receipt.id)
        return receipt

    async def show_status(self, channel: Channel, message: Message, previous: Receipt | None, key: str) -> Receipt:
        """Edit the status message, or post it anew where there is none (left); the topic follows it."""
        shown = previous if previous and previous.id else None
        text = _recognisable(self.render(message), key)
        receipt = await (self._edited(_place(channel), text, shown) if shown else self._seen(channel, key))
        if receipt is None:
            receipt = await self.post(channel, message, key)
        if not channel.thread:
            # The status message is there; failing now would post a second one at the next attempt.
            with suppress(DeliveryError):
                await self.set_topic(channel, message.title)
        return receipt

    async def find(self, channel: Channel, key: str) -> Receipt | None:
        """Look for the post with this key, newest first, through the last 2,000 messages.

        Raises ``Unconfirmed`` where there are more: not having seen the post then proves nothing. Raises
        ``Rejected`` where the bot may not read the channel.
        """
        found, everything_read = await self._sought(channel, key)
        if found is None and not everything_read:
            raise Unconfirmed("The channel is too long to be sure", "Look in the channel whether it is there.")
        return found

    async def since(self, channel: Channel, cursor: str) -> Incoming:
        """See ``Inbox``. Edits and pins are told of the newest 100 messages; deletions are not told.

        The cursor is the id of the last message and, after a dot, a digest of the newest 100: these come again when
        something in them has changed, for Discord cannot be asked for changes. Raises ``Rejected`` where the texts
        of people are hidden from the bot; nothing is lost meanwhile.
        """
        place = _place(channel)
        last, _, known = cursor.partition(".")
        after = int(last) if last.isdecimal() else 0
        newest = await self._messages(place)
        recent = [await self._incoming(message, channel) for message in newest if _is_written(message)]
        digest = _digest(repr(recent))
        if known == digest:
            return Incoming(cursor=cursor)
        between, complete = await self._between(place, after, newest)
        self._refuse_hidden([*between, *newest])
        earlier = [await self._incoming(message, channel) for message in between if _is_written(message)]
        if not complete:
            return Incoming(messages=tuple(earlier), cursor=str(_snowflake(between[-1])))
        latest = max([after, *map(_snowflake, newest)])
        return Incoming(messages=(*earlier, *recent), cursor=f"{latest}.{digest}")

    async def check(self) -> str:
        """Who the token is, that the server, category and shared channel can be found, and what is hidden."""
        me = (await self._http.send("GET", "users/@me")).data
        self._me = id_of(me)
        who = f"Discord: {self._http.clean(text_of(me, 'username'), 80)} in server {self._options.guild}"
        categories = [id_of(one) for one in await self._channels(_CATEGORY)]
        if self._options.category and self._options.category not in categories:
            raise HttpRejected(
                f"Discord's server has no category {self._options.category}",
                "Set category to the id of one: Developer Mode, right-click the category, Copy Channel ID.",
            )
        if not self._options.channel.strip("# "):
            return who
        shared = await self.shared_channel()
        self._refuse_hidden(await self._messages(shared.id))
        return f"{who}, shared channel {self._http.clean(shared.name, 80)}"

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()

    # Channels

    async def make_channel(self, opening: Opening) -> Channel:
        """See ``ChannelService``. One of that name that the bot can read is taken as an earlier try's."""
        # Discord itself turns two hyphens into one: the channel would not be found again.
        name = re.sub(r"-{2,}", "-", opening.name)[:_NAME_LENGTH]
        category = self._options.category
        for found in await self._channels(_TEXT_CHANNEL):
            same_place = not category or id_of(found, "parent_id") == category
            if text_of(found, "name") == name and same_place and await self._readable(id_of(found)):
                return self._channel(found)
        asked: dict[str, Any] = {"name": name, "type": _TEXT_CHANNEL, "topic": _topic(opening.topic)}
        asked |= {"parent_id": category} if category else {}
        path = f"guilds/{self._options.guild}/channels"
        return self._channel((await self._http.send("POST", path, json_body=asked, repeatable=True)).data)

    async def shared_channel(self) -> Channel:
        """See ``ChannelService``. There is nothing to join: permissions decide."""
        wanted = self._options.channel.strip().lstrip("#")
        if self._shared is None:
            found = await self._channels(_TEXT_CHANNEL, _ANNOUNCEMENT_CHANNEL)
            named = [one for one in found if wanted in (id_of(one), text_of(one, "name"))]
            if not named:
                raise HttpRejected(
                    f"Discord's server has no text channel #{sanitize(wanted)}",
                    "Set channel to the name or id of one; a forum or a voice channel cannot be used.",
                )
            self._shared = self._channel(named[0])
        return self._shared

    async def begin_thread(self, shared: Channel, opening: Opening, key: str) -> Channel:
        """See ``ChannelService``. The line mentions who is to respond: nobody can be invited to a thread."""
        words = headline(opening)
        root = await self._line(shared, words, _mentions((*self._options.invite, *opening.invite)), key)
        thread = {"name": _one_line(words, _NAME_LENGTH), "auto_archive_duration": _THREAD_STAYS_MINUTES}
        path = f"channels/{shared.id}/messages/{root.id}/threads"
        try:
            await self._http.send("POST", path, json_body=thread, repeatable=True)
        except HttpRejected as no:
            if no.code != _THREAD_EXISTS:  # made by an earlier try
                raise
        return shared.model_copy(update={"thread": root.id, "url": self._link(root.id)})

    async def invite(self, channel: Channel, handles: Sequence[str]) -> None:
        """See ``ChannelService``. A bot can add nobody to a channel: those who were not yet are mentioned in it."""
        with suppress(Rejected):
            mentioned: set[str] = set()
            for message in await self._messages(channel.id):
                if await self._is_own(message):
                    mentioned |= {id_of(person) for person in objects_of(message, "mentions")}
            people = [person for person in _mentions(handles) if person not in mentioned]
            if people:
                text = " ".join(f"<@{person}>" for person in people)
                await self._post(channel.id, text, f"{channel.id}.{text}", people, repeatable=True)

    async def set_topic(self, channel: Channel, topic: str) -> None:
        """See ``ChannelService``. A topic that Discord does not take now is left as it is."""
        path, wanted = f"channels/{channel.id}", _topic(topic)
        # Two changes in ten minutes are allowed (discord-api-docs#2190): none is wasted, and no channel has to wait
        # for the third.
        with suppress(NotSent):
            if text_of((await self._http.send("GET", path)).data, "topic") != wanted:
                await self._http.send("PATCH", path, json_body={"topic": wanted}, repeatable=True)

    async def announce(self, shared: Channel, opening: Opening, channel: Channel, key: str) -> None:
        """See ``ChannelService``."""
        await self._line(shared, headline(opening), (), key, end=f": <#{channel.id}>")

    async def _line(
        self, shared: Channel, words: str, people: Sequence[str], key: str, *, end: str = ""
    ) -> Receipt:
        """Post a line about the incident in the shared channel, unless it is there."""
        # The words are part of the key: INC-7 of a new journal is not the INC-7 that was announced long ago.
        key = f"{key}.{words}"
        if seen := await self._seen(shared, key):
            return seen
        mentions = "".join(f" <@{person}>" for person in people)
        return await self._post(
            shared.id, _recognisable(f"{_escaped(_one_line(words, 300))}{end}{mentions}", key), key, people
        )

    async def _channels(self, *types: int) -> list[Mapping[str, Any]]:
        """The server's channels of these types, also those that the bot cannot read."""
        channels = await self._listed(f"guilds/{self._options.guild}/channels", {})
        return [channel for channel in channels if number_of(channel, "type") in types]

    async def _readable(self, channel: str) -> bool:
        try:
            await self._listed(f"channels/{channel}/messages", {"limit": "1"})
        except HttpRejected as no:
            if no.status != 403:
                raise
            return False
        return True

    def _channel(self, data: Mapping[str, Any]) -> Channel:
        channel = self._http.mask.identifier(id_of(data))
        if not channel:
            raise self._http.doubt("gave no channel id", repeatable=True)
        return Channel(id=channel, name=f"#{self._http.clean(text_of(data, 'name'), 100)}", url=self._link(channel))

    def _link(self, *place: str) -> str:
        path = "/".join(quote(part, safe="") for part in (self._options.guild, *place))
        return self._http.mask.link(f"https://discord.com/channels/{path}")

    # Messages

    async def _post(
        self, place: str, text: str, nonce: str, people: Sequence[str] = (), *, repeatable: bool = False
    ) -> Receipt:
        """Post ``text``, which mentions ``people`` and no one else."""
        body = {**_content(text, people), "nonce": _digest(nonce), "enforce_nonce": True}
        path = f"channels/{quote(place, safe='')}/messages"
        answer = await self._http.send("POST", path, json_body=body, repeatable=repeatable)
        message = id_of(answer.data)
        if not message:
            raise self._http.doubt("gave no message id", repeatable)
        return self._receipt(place, message)

    async def _edited(self, place: str, text: str, previous: Receipt) -> Receipt | None:
        """The edited message, None if it is gone or another account's."""
        path = f"channels/{quote(place, safe='')}/messages/{quote(previous.id, safe='')}"
        try:
            await self._http.send("PATCH", path, json_body=_content(text), repeatable=True)
        except HttpRejected as no:
            if no.code in (_UNKNOWN_MESSAGE, _NOT_OUR_MESSAGE):
                return None
            if no.code != _THREAD_ARCHIVED:
                raise
            # A thread is archived after a while without posts, and a post alone would reopen it.
            await self._http.send("PATCH", f"channels/{place}", json_body={"archived": False}, repeatable=True)
            await self._http.send("PATCH", path, json_body=_content(text), repeatable=True)
        return previous

    async def _seen(self, channel: Channel, key: str) -> Receipt | None:
        """The post with this key, for what is repeated soon; None if the channel cannot be read."""
        try:
            return (await self._sought(channel, key, pages=1))[0]
        except Rejected:
            return None

    async def _sought(self, channel: Channel, key: str, pages: int = _PAGES) -> tuple[Receipt | None, bool]:
        """The post with this key within so many pages, and whether these were all there is."""
        place, end, query = _place(channel), _recognisable("", key), dict[str, str]()
        for _ in range(pages):
            messages = await self._messages(place, **query)
            for message in reversed(messages):
                # Somebody may have copied the text.
                if text_of(message, "content").endswith(end) and await self._is_own(message):
                    return self._receipt(place, id_of(message)), True
            if len(messages) < _PAGE:
                return None, True
            query = {"before": id_of(messages[0])}
        return None, False

    async def _messages(self, place: str, **query: str) -> list[Mapping[str, Any]]:
        """At most ``_PAGE`` messages, oldest first: the newest, or those next to the id in ``query``."""
        path = f"channels/{quote(place, safe='')}"
        messages = await self._listed(f"{path}/messages", {"limit": str(_PAGE), **query})
        if not messages and not query:
            # Without the right to read the history Discord answers with an empty list. (A thread has the id of the
            # message that it begins with, which is not in it.)
            last = id_of((await self._http.send("GET", path)).data, "last_message_id")
            if last not in ("", place):
                raise HttpRejected(
                    "Discord shows the bot no messages of the channel",
                    "Give the bot's role Read Message History there.",
                )
        return sorted(messages, key=_snowflake)

    async def _pin(self, place: str, message: str) -> None:
        # The post is there. Raising would have it posted again.
        with suppress(DeliveryError):
            path = f"channels/{quote(place, safe='')}/messages/pins/{quote(message, safe='')}"
            await self._http.send("PUT", path, repeatable=True, wants_json=False)

    def _receipt(self, place: str, message: str) -> Receipt:
        return Receipt(id=self._http.mask.identifier(message), url=self._link(place, message))

    # What people write

    async def _between(
        self, place: str, after: int, newest: Sequence[Mapping[str, Any]]
    ) -> tuple[list[Mapping[str, Any]], bool]:
        """The messages after the id ``after`` and before ``newest``, and whether these are all."""
        found: list[Mapping[str, Any]] = []
        if len(newest) < _PAGE or after >= _snowflake(newest[0]):
            return found, True
        for _ in range(_PAGES - 1):
            try:
                page = await self._messages(place, after=str(after))
            except NotSent:
                if not found:
                    raise
                return found, False  # the next call goes on here, and a pause that Discord asks for is kept then
            found += [message for message in page if _snowflake(message) < _snowflake(newest[0])]
            if len(page) < _PAGE or _snowflake(page[-1]) >= _snowflake(newest[0]):
                return found, True
            after = _snowflake(page[-1])
        return found, False

    def _refuse_hidden(self, messages: Sequence[Mapping[str, Any]]) -> None:
        """Raise if people wrote, and not one of their messages has any content: then the bot may not see it."""
        people = [message for message in messages if _is_written(message) and not _is_bot(message)]
        if people and not any(message.get(part) for message in people for part in _CONTENTS):
            raise HttpRejected(
                "Discord hides from the bot what people write",
                "Turn on Message Content Intent: Developer Portal, your application, Bot.",
            )

    async def _incoming(self, message: Mapping[str, Any], channel: Channel) -> IncomingMessage:
        author = object_of(message, "author")
        # A forwarded message has its text in a copy of the other one.
        copies = [object_of(one, "message") for one in objects_of(message, "message_snapshots")]
        answered = id_of(object_of(message, "message_reference"), "message_id")
        return IncomingMessage(
            id=id_of(message),
            at=_EPOCH + timedelta(milliseconds=_snowflake(message) >> 22),
            author_id=id_of(author),
            author=text_of(author, "global_name") or text_of(author, "username"),
            text="\n".join(filter(None, (text_of(one, "content") for one in (message, *copies)))),
            thread=channel.thread or (answered if number_of(message, "type") == _REPLY else ""),
            own=await self._is_own(message),
            bot=_is_bot(message),
            edited=bool(text_of(message, "edited_timestamp")),
            pinned=message.get("pinned") is True
            or any(text_of(object_of(one, "emoji"), "name") == _PIN for one in objects_of(message, "reactions")),
        )

    async def _is_own(self, message: Mapping[str, Any]) -> bool:
        if not self._me:
            self._me = id_of((await self._http.send("GET", "users/@me")).data)
        return id_of(object_of(message, "author")) == self._me

    # Calls

    async def _listed(self, path: str, query: Mapping[str, str]) -> list[Mapping[str, Any]]:
        answer = await self._http.send("GET", path, params=query or None, wants_json=False)
        if not isinstance(answer.json, list):
            raise self._http.doubt("gave an answer that cannot be read", repeatable=True)
        return objects_in(answer.json)


def _error(response: HttpResponse) -> Mapping[str, Any]:
    """An error's body, its code as text, its message as a sentence; of a form, those of the first bad field."""
    code, message = number_of(response.data, "code"), text_of(response.data, "message")
    of_form = next(_field_errors(response.data.get("errors")), None)
    if of_form:
        return {**response.data, **of_form}
    if not code:  # as in "401: Unauthorized"
        return {**response.data, "message": message.removeprefix(f"{response.status}: ")}
    return {**response.data, "code": str(code), "message": _sentence(message)}


def _field_errors(errors: Any) -> Iterator[dict[str, str]]:
    """The code and message of each bad field; ``errors`` nests as the form does (reference, Error Messages)."""
    if isinstance(errors, Mapping):
        for one in objects_of(errors, "_errors"):
            yield {"code": text_of(one, "code"), "message": _sentence(text_of(one, "message"))}
        for below in errors.values():
            yield from _field_errors(below)


def _sentence(words: str) -> str:
    return f"{words.rstrip('.')}." if words else ""


def _place(channel: Channel) -> str:
    """The id of where posts go: a thread is a channel too."""
    return channel.thread or channel.id


def _content(text: str, people: Sequence[str] = ()) -> dict[str, Any]:
    mentions: dict[str, Any] = {"parse": [], "users": list(people)} if people else {"parse": []}
    return {"content": text, "allowed_mentions": mentions, "flags": _SUPPRESS_EMBEDS}


def _recognisable(text: str, key: str) -> str:
    """The text with a last line, in small print, by which the post with this key is recognised."""
    return f"{text}\n-# {_digest(key)[:10]}"


def _digest(text: str) -> str:
    """A hash of the text in 24 characters; a nonce may have 25."""
    return b32encode(blake2b(text.encode("utf-8", "replace"), digest_size=15).digest()).decode().lower()


def _snowflake(message: Mapping[str, Any]) -> int:
    number = id_of(message)
    return int(number) if number.isdecimal() else 0


def _is_written(message: Mapping[str, Any]) -> bool:
    return number_of(message, "type") in (_DEFAULT, _REPLY)


def _is_bot(message: Mapping[str, Any]) -> bool:
    return object_of(message, "author").get("bot") is True or bool(id_of(message, "webhook_id"))


def _mentions(handles: Sequence[str]) -> list[str]:
    """Those of the handles that are ids of people, as many as fit into a post."""
    ids = dict.fromkeys(handle.strip() for handle in handles)
    return [person for person in ids if _ID.fullmatch(person)][:_MENTIONED]


def _escaped(text: str) -> str:
    return escape_markdown(text, mentions=True)


def _topic(topic: str) -> str:
    return _escaped(_one_line(topic, _TOPIC_LENGTH // 2))[:_TOPIC_LENGTH]


def _one_line(text: str, limit: int) -> str:
    return " ".join(sanitize(text).split())[:limit]
