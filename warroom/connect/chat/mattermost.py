"""Mattermost's REST API v4: a channel or thread for each incident, its posts and what people answer.

Facts of the API: developers.mattermost.com/api-documentation. A post repeated with its ``pending_post_id`` within
30 seconds is the first one again (server, app/post.go); each post also carries its key in its props, and ``find``
reads them back.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, SecretStr, model_validator

from warroom.connect import live
from warroom.connect.answers import number_of, object_of, objects_of, text_of
from warroom.connect.channels import ChannelPolicy
from warroom.connect.chat import defuse_mentions, escape_markdown, headline, message_lines
from warroom.connect.http import HttpRejected, HttpResponse, Transport
from warroom.connect.outcome import DeliveryClient, OutcomeRules
from warroom.connect.setup import Setup
from warroom.errors import DeliveryError, NotSent, Rejected, Unconfirmed
from warroom.incident.delivery import Channel, Message, Opening, Receipt
from warroom.incident.incoming import Incoming, IncomingMessage
from warroom.safety import sanitize

_API = "api/v4"
_ID = re.compile(r"[a-z0-9]{26}")
_USERNAME = re.compile(r"@?([a-z0-9][a-z0-9._-]{0,63})")
_NAME_LENGTH = 64
_HEADER_LENGTH = 1024
_PAGE = 200
_PAGES = 10
_SINCE_LIMIT = 1000
"""A request with ``since`` returns no more posts than this; the older ones are left out without a word."""

_PINS = ("pushpin", "round_pushpin")
_HAPPENINGS = ("posted", "post_edited", "post_deleted", "reaction_added", "reaction_removed")
"""Events of the websocket after which there is something to read (server, public/model/websocket_message.go)."""

_NO_PERMISSION = "api.context.permissions.app_error"
_BAD_TOKEN = "Set a valid access token of the bot account; it may have been revoked."
_RULES = OutcomeRules(
    {
        _NO_PERMISSION: "Add the bot account to the team and the channel, or give it the permission.",
        "api.context.session_expired.app_error": _BAD_TOKEN,
        "api.context.invalid_token.error": _BAD_TOKEN,
        "store.sql_channel.get_by_name.missing.app_error": "Check the channel's name in the settings.",
        "app.channel.get_by_name.missing.app_error": "Check the channel's name in the settings.",
        "api.post.create_post.can_not_post_to_deleted.error": "The channel is archived. Unarchive it there.",
    },
    wait_headers={"x-ratelimit-reset": 1.0},
    code_keys=("id",),
    message_keys=("message",),
)


class MattermostOptions(BaseModel):
    """Settings of a Mattermost destination."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    server: str
    """The server's address, such as https://chat.example.com."""
    token: SecretStr
    """The access token of a bot account that is a member of the team."""
    team: str
    """The team's name as it is in addresses."""
    channel: str = ""
    """Name or id of the team's shared channel: announcements go there, and a thread for each incident where no
    channel may be made."""
    channel_per_incident: bool = True
    """False makes each incident a thread in ``channel``."""
    private: bool = False
    """Make the incident's channel private."""
    invite: tuple[str, ...] = ()
    """User names or e-mail addresses of people added to every incident's channel, besides its responders."""

    @model_validator(mode="after")
    def _somewhere_to_post(self) -> MattermostOptions:
        if not self.channel_per_incident and not self.channel.strip("~ "):
            raise ValueError("channel_per_incident = false needs channel")
        return self


class Mattermost:
    """A ``Chat`` and ``Inbox`` that speaks Mattermost's REST API. The header of the shared channel is never
    touched."""

    Options = MattermostOptions
    setup = Setup(
        "Mattermost",
        (
            "In the System Console allow bot accounts: Integrations, Bot Accounts, Enable Bot Account Creation.",
            "In the product menu open Integrations, Bot Accounts, Add Bot Account, and copy the token shown once.",
            "Add the bot to the team, and to the team's shared channel.",
            "To have messages within a second, run: pip install 'warroom[live]'.",
        ),
        ("server", "token", "team", "channel"),
    )
    dedupes = True
    dedupe_window_s = 30.0
    reads_back = True
    edits = True
    threads = True
    reports_sending = True
    exclusive = False
    max_length = 16_383
    """Of servers from 5.0 on."""

    def __init__(self, options: MattermostOptions, *, transport: Transport | None = None) -> None:
        self._options = options
        self._headers = {"Authorization": SecretStr(f"Bearer {options.token.get_secret_value()}")}
        self._http = DeliveryClient(
            "Mattermost", options.server, _RULES, headers=self._headers, transport=transport
        )
        self.pushes = live.available()
        self._ids: dict[str, str] = {}
        self._names: dict[str, str] = {}

    def render(self, message: Message) -> str:
        """The Markdown that is sent: labels bold, everything else escaped."""
        return "\n".join(
            f"**{_escaped(line.label)}:** {_escaped(line.text)}" if line.label else _escaped(line.text)
            for line in message_lines(message, recognises=True)
        )

    async def open(self, opening: Opening, key: str) -> Channel:
        """Open the incident's channel, or its thread in the shared one; see ``ChannelPolicy``."""
        options = self._options
        policy = ChannelPolicy(options.channel_per_incident, bool(options.channel.strip("~ ")), (_NO_PERMISSION,))
        return await policy.open(self, opening, key, invite=options.invite)

    async def post(self, channel: Channel, message: Message, key: str) -> Receipt:
        """Post, with the key as ``pending_post_id``."""
        # The message's own time is part of it: a new journal that begins at INC-1 again must not be swallowed.
        pending = f"{key}.{int(message.at.timestamp() * 1000)}"
        receipt = await self._post(channel, self.render(message), key, pending)
        if message.pin:
            await self._pin(receipt.id)
        return receipt

    async def show_status(self, channel: Channel, message: Message, previous: Receipt | None, key: str) -> Receipt:
        """Edit the status message, or post it anew where there is none (left); the header follows it."""
        shown = previous if previous and previous.id else None
        receipt = await (self._edited(message, shown) if shown else self._seen(channel, key))
        if receipt is None:
            receipt = await self.post(channel, message, key)
        if not channel.thread:
            # The status message is there; failing now would post a second one at the next attempt.
            with suppress(DeliveryError):
                await self.set_topic(channel, message.title)
        return receipt

    async def find(self, channel: Channel, key: str) -> Receipt | None:
        """Look for the post with this key, newest first.

        Raises ``Unconfirmed`` where the channel is longer than was read: not having seen the post proves nothing.
        """
        found, everything_read = await self._sought(channel, key)
        if found is None and not everything_read:
            raise Unconfirmed("The channel is too long to be sure", "Look in the channel whether it is there.")
        return found

    async def since(self, channel: Channel, cursor: str) -> Incoming:
        """See ``Inbox``. The cursor is the latest time of change that was seen, in milliseconds."""
        since = int(cursor) if cursor.isdecimal() else await self._begun_at(channel)
        # The one post that was changed last comes again: another may have been changed in the same millisecond.
        posts = await self._changed(channel, max(1, since - 1))
        me = await self._user_id("me")
        latest = max([since, *(number_of(post, "update_at") for post in posts)])
        messages = [
            await self._incoming(post, me)
            for post in sorted(posts, key=lambda post: number_of(post, "create_at"))
            if not text_of(post, "type").startswith("system_")
        ]
        return Incoming(messages=tuple(messages), cursor=str(latest))

    async def wake(self) -> AsyncGenerator[str, None]:
        """See ``Inbox``: the server's websocket. A token it does not take gets no greeting."""
        server = self._options.server.strip().rstrip("/")
        address = re.sub("^http", "ws", f"{server}/{_API}/websocket", flags=re.IGNORECASE)
        socket = await live.open_socket("Mattermost", address, self._headers)
        try:
            if text_of(await socket.greeting(), "event") != "hello":
                raise NotSent("Mattermost began its live connection without a hello", "It will be opened again.")
            yield ""
            while (event := await socket.receive()) is not None:
                if text_of(event, "event") in _HAPPENINGS:
                    yield _channel_of(event)
        finally:
            await socket.close()

    async def check(self) -> str:
        """Who the token is, and that the team and the shared channel can be found."""
        me = self._http.clean(text_of((await self._get("users/me")).data, "username"), 80)
        team = await self._team()
        shared = ""
        if self._options.channel.strip("~ "):
            shared = f", shared channel {self._http.clean((await self.shared_channel()).name, 80)}"
        return f"Mattermost: {me} in {self._http.clean(self._options.team if team else '', 80)}{shared}"

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()

    # Channels

    async def make_channel(self, opening: Opening) -> Channel:
        """See ``ChannelService``. Where the name is taken by a channel we cannot use: name-2, name-3 and so on."""
        for number in range(1, 10):
            end = "" if number == 1 else f"-{number}"
            name = f"{opening.name[: _NAME_LENGTH - len(end)].strip('-')}{end}"
            asked = {
                "team_id": await self._team(),
                "name": name,
                "display_name": _one_line(opening.title, 64),
                "type": "P" if self._options.private else "O",
            }
            try:
                made = await self._send("POST", "channels", asked, repeatable=True)
            except HttpRejected as no:
                if not no.code.startswith("store.sql_channel.save_channel."):
                    raise
            else:
                return self._channel(made.data)
            # Taken: by an earlier try of ours whose answer was lost, or by an archived or foreign channel.
            found = await self._named(name)
            if found and await self._joined(text_of(found, "id")):
                return self._channel(found)
        raise HttpRejected(
            f"Mattermost: {sanitize(opening.name)}, -2, … -9 are all taken", "Rename one of these channels."
        )

    async def shared_channel(self) -> Channel:
        """See ``ChannelService``."""
        wanted = self._options.channel.strip().lstrip("~")
        if _ID.fullmatch(wanted):
            found: Mapping[str, Any] | None = (await self._get(f"channels/{wanted}")).data
        else:
            found = await self._named(wanted)
        if not found:
            raise HttpRejected(
                f"Mattermost has no channel ~{sanitize(wanted)} that the bot can see",
                "Set channel to its name as it is in addresses, and add the bot if it is private.",
            )
        await self._joined(text_of(found, "id"))
        return self._channel(found)

    async def begin_thread(self, shared: Channel, opening: Opening, key: str) -> Channel:
        """See ``ChannelService``. The line mentions who is to respond: nobody can be added to a thread."""
        root = await self._seen(shared, key)
        if root is None:
            people = [await self._username(handle) for handle in opening.invite]
            mentions = " ".join(f"@{name}" for name in dict.fromkeys(people) if name)
            root = await self._post(shared, f"{_escaped(headline(opening))} {mentions}".strip(), key, "")
        return shared.model_copy(update={"thread": root.id, "url": root.url or shared.url})

    async def invite(self, channel: Channel, handles: Sequence[str]) -> None:
        """See ``ChannelService``."""
        for handle in handles:
            with suppress(Rejected):  # of a person who is unknown or not in the team
                if person := await self._user_id(handle):
                    await self._send("POST", f"channels/{channel.id}/members", {"user_id": person}, repeatable=True)

    async def set_topic(self, channel: Channel, topic: str) -> None:
        """See ``ChannelService``. Mattermost calls it the header, and it is Markdown."""
        header = escape_markdown(defuse_mentions(_one_line(topic, _HEADER_LENGTH // 2)))[:_HEADER_LENGTH]
        await self._send("PUT", f"channels/{channel.id}/patch", {"header": header}, repeatable=True)

    async def announce(self, shared: Channel, opening: Opening, channel: Channel, key: str) -> None:
        """See ``ChannelService``."""
        if not await self._seen(shared, key):
            await self._post(shared, f"{_escaped(headline(opening))}: {channel.name}", key, "")

    async def _team(self) -> str:
        name = self._options.team.strip()
        if "team" not in self._ids:
            self._ids["team"] = text_of((await self._get(f"teams/name/{quote(name, safe='')}")).data, "id")
        return self._ids["team"]

    async def _named(self, name: str) -> Mapping[str, Any] | None:
        try:
            found = (await self._get(f"teams/{await self._team()}/channels/name/{quote(name, safe='')}")).data
        except HttpRejected as no:
            if no.status in (403, 404):
                return None
            raise
        return found if text_of(found, "id") and not number_of(found, "delete_at") else None

    async def _joined(self, channel: str) -> bool:
        try:
            person = await self._user_id("me")
            await self._send("POST", f"channels/{channel}/members", {"user_id": person}, repeatable=True)
        except HttpRejected as no:
            if no.status == 401:
                raise
            return False
        return True

    def _channel(self, data: Mapping[str, Any]) -> Channel:
        channel, name = text_of(data, "id"), text_of(data, "name")
        if not channel:
            raise self._http.doubt("gave no channel id", repeatable=True)
        return Channel(
            id=self._http.mask.identifier(channel),
            name=f"~{self._http.clean(name, 80)}",
            url=self._link(f"channels/{quote(name, safe='')}"),
        )

    def _link(self, path: str) -> str:
        team = quote(self._options.team.strip(), safe="")
        return self._http.mask.link(f"{self._options.server.strip().rstrip('/')}/{team}/{path}")

    # People

    async def _user_id(self, handle: str) -> str:
        """The id of a person by id, user name or e-mail address, or of ourselves ("me"); "" for an unknown one."""
        if _ID.fullmatch(handle):
            return handle
        if handle not in self._ids:
            self._ids[handle] = text_of(await self._user(handle), "id")
        return self._ids[handle]

    async def _username(self, handle: str) -> str:
        """The name by which a person is mentioned; "" for an unknown one."""
        if handle not in self._names:
            name = text_of(await self._user(handle), "username")
            self._names[handle] = name if _USERNAME.fullmatch(name) else ""
        return self._names[handle]

    async def _user(self, handle: str) -> Mapping[str, Any]:
        if handle == "me" or _ID.fullmatch(handle):
            path = f"users/{handle}"
        elif "@" in handle.lstrip("@"):
            path = f"users/email/{quote(handle, safe='')}"
        elif name := _USERNAME.fullmatch(handle):
            path = f"users/username/{name[1]}"
        else:
            return {}
        try:
            return (await self._get(path)).data
        except HttpRejected as no:
            if no.status == 401 or handle == "me":
                raise
            return {}

    # Messages

    async def _post(self, channel: Channel, text: str, key: str, pending: str) -> Receipt:
        body: dict[str, Any] = {"channel_id": channel.id, "message": text, "props": {"warroom_key": key}}
        body |= {"root_id": channel.thread} if channel.thread else {}
        body |= {"pending_post_id": pending} if pending else {}
        answer = await self._send("POST", "posts", body)
        post = text_of(answer.data, "id")
        if not post:
            raise self._http.doubt("gave no post id")
        return self._receipt(post)

    async def _edited(self, message: Message, previous: Receipt) -> Receipt | None:
        """The edited message, None if it is gone or may no longer be edited."""
        try:
            body = {"message": self.render(message)}
            await self._send("PUT", f"posts/{quote(previous.id, safe='')}/patch", body, repeatable=True)
        except HttpRejected as no:
            if no.status in (400, 403, 404):
                return None
            raise
        return previous

    async def _seen(self, channel: Channel, key: str) -> Receipt | None:
        """The post with this key, for what is repeated soon; None if the channel cannot be read."""
        try:
            return (await self._sought(channel, key, pages=1))[0]
        except Rejected:
            return None

    async def _sought(self, channel: Channel, key: str, pages: int = _PAGES) -> tuple[Receipt | None, bool]:
        """The post with this key within so many pages, and whether these were all there is."""
        for page in range(pages):
            if channel.thread:
                posts, last = await self._thread(channel), True
            else:
                posts = await self._listed(channel, {"page": str(page), "per_page": str(_PAGE)})
                last = len(posts) < _PAGE
            for post in posts:
                if object_of(post, "props").get("warroom_key") == key and not number_of(post, "delete_at"):
                    return self._receipt(text_of(post, "id")), True
            if last:
                return None, True
        return None, False

    async def _thread(self, channel: Channel) -> list[Mapping[str, Any]]:
        return _in_order((await self._get(f"posts/{quote(channel.thread, safe='')}/thread")).data)

    async def _listed(self, channel: Channel, query: Mapping[str, str]) -> list[Mapping[str, Any]]:
        return _in_order((await self._get(f"channels/{quote(channel.id, safe='')}/posts", query)).data)

    async def _pin(self, post: str) -> None:
        # The post is there. Raising would have it posted again.
        with suppress(DeliveryError):
            await self._http.send("POST", f"{_API}/posts/{quote(post, safe='')}/pin", repeatable=True)

    def _receipt(self, post: str) -> Receipt:
        return Receipt(id=self._http.mask.identifier(post), url=self._link(f"pl/{quote(post, safe='')}"))

    # What people write

    async def _begun_at(self, channel: Channel) -> int:
        """From when on messages count, in milliseconds: from the beginning of the channel, or of the thread."""
        if not channel.thread:
            return 1
        root = (await self._get(f"posts/{quote(channel.thread, safe='')}")).data
        return number_of(root, "create_at") or 1

    async def _changed(self, channel: Channel, since: int) -> list[Mapping[str, Any]]:
        """The posts changed after ``since``; where those are more than one answer holds, all written after it."""
        posts = await self._listed(channel, {"since": str(since)})
        if len(posts) < _SINCE_LIMIT:
            return posts
        found = {text_of(post, "id"): post for post in posts}
        for page in range(_PAGES):
            older = await self._listed(channel, {"page": str(page), "per_page": str(_PAGE)})
            found |= {text_of(post, "id"): post for post in older if number_of(post, "create_at") > since}
            if len(older) < _PAGE or any(number_of(post, "create_at") <= since for post in older):
                break
        return list(found.values())

    async def _incoming(self, post: Mapping[str, Any], me: str) -> IncomingMessage:
        author, props = text_of(post, "user_id"), object_of(post, "props")
        reactions = objects_of(object_of(post, "metadata"), "reactions")
        return IncomingMessage(
            id=text_of(post, "id"),
            at=datetime.fromtimestamp(number_of(post, "create_at") / 1000, UTC),
            author_id=author,
            author=await self._username(author),
            text=text_of(post, "message"),
            thread=text_of(post, "root_id"),
            own=author == me,
            bot="true" in (props.get("from_bot"), props.get("from_webhook")),
            edited=number_of(post, "edit_at") > 0,
            deleted=number_of(post, "delete_at") > 0,
            pinned=post.get("is_pinned") is True or any(text_of(one, "emoji_name") in _PINS for one in reactions),
        )

    # Calls

    async def _get(self, path: str, query: Mapping[str, str] | None = None) -> HttpResponse:
        return await self._http.send("GET", f"{_API}/{path}", params=query)

    async def _send(self, method: str, path: str, body: Any, *, repeatable: bool = False) -> HttpResponse:
        return await self._http.send(method, f"{_API}/{path}", json_body=body, repeatable=repeatable)


def _channel_of(event: Mapping[str, Any]) -> str:
    """The channel in which something happened; "" if the event does not say."""
    if channel := text_of(object_of(event, "broadcast"), "channel_id"):
        return channel
    try:
        post = json.loads(text_of(object_of(event, "data"), "post"))  # JSON in a string
    except (ValueError, RecursionError):
        return ""
    return text_of(post, "channel_id")


def _in_order(data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The posts of a list, in its order: newest first."""
    posts, order = object_of(data, "posts"), data.get("order")
    return [object_of(posts, post) for post in order if post in posts] if isinstance(order, list) else []


def _escaped(text: str) -> str:
    return escape_markdown(defuse_mentions(text))


def _one_line(text: str, limit: int) -> str:
    return " ".join(sanitize(text).split())[:limit]
