"""Matrix's client-server API: a room for each incident, its posts, its status message; never another service.

Facts of the API: spec.matrix.org, client-server API. A repeated transaction id of the same device gives the first
event again, so a post may be tried as often as needed while the token stays the same. Rooms that are encrypted are
not supported: posts there go out in clear, and clients mark them so.
"""

from __future__ import annotations

import contextlib
import html
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, SecretStr, model_validator

from warroom.connect.answers import number_of, object_of, objects_of, text_of
from warroom.connect.channels import ChannelPolicy
from warroom.connect.chat import defuse_mentions, headline, message_lines, plain
from warroom.connect.http import TOTAL_SECONDS, HttpRejected, HttpResponse, Transport
from warroom.connect.outcome import DeliveryClient, OutcomeRules
from warroom.connect.setup import Setup
from warroom.errors import DeliveryError, NotSent, Rejected, Unconfirmed
from warroom.incident.delivery import Channel, Message, Opening, Receipt
from warroom.incident.incoming import Incoming, IncomingMessage
from warroom.safety import sanitize

_V3 = "_matrix/client/v3"
_KEY = "warroom.key"
_PAGES = 20
_PAGE = 100

_WAIT_S = 30.0
"""How long the server may keep a sync waiting until something happens, in seconds."""

_AT_ONCE_S = 1.0
_AT_ONCE = 20
"""So many syncs in a row that bring nothing, each within ``_AT_ONCE_S`` seconds, are of a server that does not
wait."""

_NOTHING = {"not_types": ["*"]}
_TALK = json.dumps(
    {
        "event_fields": ["type"],
        "presence": _NOTHING,
        "account_data": _NOTHING,
        "room": {
            "state": _NOTHING,
            "ephemeral": _NOTHING,
            "account_data": _NOTHING,
            "timeline": {
                "limit": 1,
                "types": ["m.room.message", "m.room.redaction", "m.reaction", "m.room.pinned_events"],
            },
        },
    }
)
"""A filter that leaves no more of a sync than in which rooms there is something to read."""

_EVENT_BYTES = 60_000
"""An event may have 65,536 bytes in all; the rest is for what the server adds (ids, hashes, signatures)."""

_MAY_NOT_CREATE = {"M_FORBIDDEN", "M_RESOURCE_LIMIT_EXCEEDED"}
_BAD_TOKEN = "Sign in again and set the new access token."
_REMEDIES = {
    "M_UNKNOWN_TOKEN": _BAD_TOKEN,
    "M_MISSING_TOKEN": _BAD_TOKEN,
    "M_USER_DEACTIVATED": _BAD_TOKEN,
    "M_FORBIDDEN": "Invite the account to the room, or give it the power to do this there.",
    "M_NOT_FOUND": "Check the room in the settings.",
    "M_TOO_LARGE": "Shorten the text.",
    "M_UNRECOGNIZED": "Check the homeserver's address in the settings.",
}

_RULES = OutcomeRules(
    _REMEDIES,
    throttled=frozenset(("M_LIMIT_EXCEEDED",)),
    wait_keys={"retry_after_ms": 0.001},
    code_keys=("errcode",),
    message_keys=("error",),
)


class MatrixOptions(BaseModel):
    """Settings of a Matrix destination."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    homeserver: str = Field(validation_alias=AliasChoices("homeserver", "base_url"))
    """The homeserver's address, such as https://matrix.example.org."""
    token: SecretStr
    """An access token. Keep it: with another one (another device) the server no longer recognises what was sent."""
    room: str = ""
    """Alias (#ops:example.org) or id (!…) of the team's shared room: announcements go there, and everything where
    no room may be made."""
    room_per_incident: bool = True
    """False posts everything into ``room``."""
    invite: tuple[str, ...] = ()
    """User ids (@name:example.org) invited to every incident, besides its responders."""

    @model_validator(mode="after")
    def _somewhere_to_post(self) -> MatrixOptions:
        if not self.room_per_incident and not self.room.strip():
            raise ValueError("room_per_incident = false needs room")
        return self


class Matrix:
    """A ``Chat`` that speaks Matrix. Room ids are opaque; the topic of the shared room is never touched."""

    Options = MatrixOptions
    setup = Setup(
        "Matrix",
        (
            "Register an account for warroom at your homeserver, and sign in with it.",
            "In Element open All settings, Help & About, and copy the access token. Do not sign out afterwards.",
            "Invite the account to the team's shared room. Encrypted rooms cannot be read.",
        ),
        ("homeserver", "token", "room"),
    )
    dedupes = True
    reads_back = True
    edits = True
    threads = True
    exclusive = False
    reports_sending = True
    max_length = 15_000
    """Four bytes a character still fit into one event; the HTML twin is left out where both do not."""

    def __init__(self, options: MatrixOptions, *, transport: Transport | None = None) -> None:
        self._options = options
        headers = {"Authorization": SecretStr(f"Bearer {options.token.get_secret_value()}")}
        self._http = DeliveryClient("Matrix", options.homeserver, _RULES, headers=headers, transport=transport)
        self._waiting = DeliveryClient(
            "Matrix",
            options.homeserver,
            _RULES,
            headers=headers,
            transport=transport,
            total_seconds=_WAIT_S + TOTAL_SECONDS,
        )
        self._shared_id = ""
        self._me = ""

    def render(self, message: Message) -> str:
        """The plain body; the HTML beside it is the same with bold labels."""
        return defuse_mentions(plain(message_lines(message, recognises=True)))

    async def open(self, opening: Opening, key: str) -> Channel:
        """Open the incident's room, or its thread in the shared one; see ``ChannelPolicy``."""
        options = self._options
        policy = ChannelPolicy(options.room_per_incident, bool(options.room.strip()), _MAY_NOT_CREATE)
        return await policy.open(self, opening, key, invite=options.invite)

    async def post(self, channel: Channel, message: Message, key: str) -> Receipt:
        """Post; repeated with the same key it stays one event."""
        content = {**self._content(message), **_in_thread(channel)}
        receipt = await self._send(channel.id, content, key, message.at)
        if message.pin:
            await self._pin(channel.id, receipt.id)
        return receipt

    async def show_status(self, channel: Channel, message: Message, previous: Receipt | None, key: str) -> Receipt:
        """Edit the status message (the receipt stays the first event's), or post it where there is none."""
        # An edit contains everything twice: for clients that support edits, and for those that do not.
        content = self._content(message, _EVENT_BYTES // 2 if previous and previous.id else _EVENT_BYTES)
        if previous and previous.id:
            edit = {
                **content,
                "body": f"* {content['body']}",
                "m.new_content": content,
                "m.relates_to": {"rel_type": "m.replace", "event_id": previous.id},
            }
            await self._send(channel.id, edit, key, message.at)
            receipt = previous
        else:
            receipt = await self._send(channel.id, {**content, **_in_thread(channel)}, key, message.at)
            if message.pin:
                await self._pin(channel.id, receipt.id)
        try:
            if channel.id != await self._shared():
                await self.set_topic(channel, message.title)
        except DeliveryError:
            # The message is there, and the next status sets the topic again.
            pass
        return receipt

    async def find(self, channel: Channel, key: str) -> Receipt | None:
        """Look for the event with this key, newest first, through the last few thousand events.

        Raises ``Unconfirmed`` where the room is longer than was read: not having seen it then proves nothing.
        """
        token = ""
        for _ in range(_PAGES):
            query = {"dir": "b", "limit": str(_PAGE), **({"from": token} if token else {})}
            answer = await self._ask(f"rooms/{_quoted(channel.id)}/messages", query)
            chunk = answer.data.get("chunk")
            for event in chunk if isinstance(chunk, list) else []:
                content = object_of(event if isinstance(event, dict) else {}, "content")
                if content.get(_KEY) == key:
                    edited = text_of(object_of(content, "m.relates_to"), "event_id")
                    return self._receipt(channel.id, edited or text_of(event, "event_id"))
            token = text_of(answer.data, "end")
            if not token:
                return None
        raise Unconfirmed("Matrix's history is too long to be sure", "Look in the room whether the post is there.")

    async def since(self, channel: Channel, cursor: str) -> Incoming:
        """See ``Inbox``. The cursor is the server's token of a place in the room."""
        me = await self._user()
        token = cursor or (await self._token_of(channel) if channel.thread else "")
        messages: list[IncomingMessage] = []
        for _ in range(_PAGES):
            query = {"dir": "f", "limit": str(_PAGE), **({"from": token} if token else {})}
            answer = await self._ask(f"rooms/{_quoted(channel.id)}/messages", query)
            events = objects_of(answer.data, "chunk")
            for event in events:
                messages += await self._incoming(channel, event, me)
            token = text_of(answer.data, "end") or token
            if not events or not text_of(answer.data, "end"):
                break
        return Incoming(messages=tuple(messages), cursor=token)

    async def wake(self) -> AsyncGenerator[str, None]:
        """See ``Inbox``: a sync that the server answers as soon as something happens."""
        token, at_once = "", 0
        while True:
            query = {"filter": _TALK, "set_presence": "offline", "timeout": str(int(_WAIT_S * 1000))}
            query |= {"since": token} if token else {"timeout": "0"}
            answer = await self._waiting.send("GET", f"{_V3}/sync", params=query)
            rooms = object_of(object_of(answer.data, "rooms"), "join")
            told = [room for room in rooms if objects_of(object_of(rooms[room], "timeline"), "events")]
            for room in told if token else [""]:
                yield room
            token = text_of(answer.data, "next_batch")
            at_once = at_once + 1 if not told and answer.elapsed_s < _AT_ONCE_S else 0
            if not token or at_once > _AT_ONCE:
                raise NotSent("Matrix: the homeserver does not wait for messages", "It will be tried again.")

    async def check(self) -> str:
        """Who the token is, and that the shared room can be found."""
        who = f"Matrix: {self._http.clean(await self._user(), 80)} at {self._http.host}"
        if self._options.room.strip():
            return f"{who}, shared room {self._http.clean(await self._shared(), 80)}"
        return who

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()
        await self._waiting.close()

    # What people write

    async def _token_of(self, channel: Channel) -> str:
        """The token of a place right before the thread's first event; "" if that is too long ago to be found."""
        token = ""
        for _ in range(_PAGES):
            query = {"dir": "b", "limit": str(_PAGE), **({"from": token} if token else {})}
            answer = await self._ask(f"rooms/{_quoted(channel.id)}/messages", query)
            token = text_of(answer.data, "end")
            if not token or any(
                text_of(one, "event_id") == channel.thread for one in objects_of(answer.data, "chunk")
            ):
                break
        return token

    async def _incoming(self, channel: Channel, event: Mapping[str, Any], me: str) -> list[IncomingMessage]:
        """What an event says: a message, an edit or the deletion of one, or that one is pinned."""
        content, kind = object_of(event, "content"), text_of(event, "type")
        relation = object_of(content, "m.relates_to")
        target = text_of(relation, "event_id")
        if kind == "m.room.message" and text_of(relation, "rel_type") == "m.replace":
            edit = {**event, "event_id": target, "content": object_of(content, "m.new_content")}
            return [_message(edit, me).model_copy(update={"edited": True})]
        if kind == "m.room.message" and text_of(content, "body"):
            return [_message(event, me)]
        if kind == "m.room.redaction":
            gone = text_of(event, "redacts") or text_of(content, "redacts")
            return [_message({**event, "event_id": gone}, me).model_copy(update={"own": False, "deleted": True})]
        pinned: list[str] = []
        if kind == "m.reaction" and text_of(relation, "key").startswith("📌"):
            pinned = [target]
        elif kind == "m.room.pinned_events":
            pinned = [one for one in content.get("pinned") or () if isinstance(one, str)]
        found = [await self._event(channel, one) for one in pinned]
        return [_message(one, me).model_copy(update={"pinned": True}) for one in found if one]

    async def _event(self, channel: Channel, event: str) -> Mapping[str, Any]:
        """A message by its id; empty if it cannot be had, or is none."""
        try:
            found = (await self._ask(f"rooms/{_quoted(channel.id)}/event/{_quoted(event)}", {})).data
        except HttpRejected as no:
            if no.status not in (403, 404):
                raise
            return {}
        return found if text_of(found, "type") == "m.room.message" else {}

    # Rooms

    async def shared_channel(self) -> Channel:
        """See ``ChannelService``."""
        room = await self._shared()
        if not await self._joined(room):
            raise HttpRejected(
                "Matrix: the account is not in the shared room",
                f"Invite {self._http.clean(await self._user(), 80)} to it.",
            )
        return self._channel(room, self._options.room.strip())

    async def begin_thread(self, shared: Channel, opening: Opening, key: str) -> Channel:
        """See ``ChannelService``. The line mentions who is to respond: nobody can be invited to a thread."""
        people = [person for person in opening.invite if _is_user(person)]
        words = " ".join([defuse_mentions(_one_line(headline(opening))), *people])
        content = {**_words(words, html.escape(words)), "m.mentions": {"user_ids": people} if people else {}}
        # With no time of its own in the transaction id: a repeated try must stay one event.
        root = await self._send(shared.id, {**content, _KEY: key}, key, None)
        return shared.model_copy(update={"thread": root.id, "url": root.url or shared.url})

    async def _shared(self) -> str:
        """The id of the team's shared room, "" if none is set."""
        wanted = self._options.room.strip()
        if not self._shared_id and wanted:
            found = wanted if wanted.startswith("!") else await self._looked_up(wanted)
            if not found:
                raise HttpRejected(f"Matrix knows no room {sanitize(wanted)}", "Check room in the settings.")
            self._shared_id = found
        return self._shared_id

    async def make_channel(self, opening: Opening) -> Channel:
        """See ``ChannelService``. Where the alias is a stranger's: name-2, name-3 and so on."""
        server = (await self._user()).partition(":")[2]
        for number in range(1, 10):
            local = opening.name if number == 1 else f"{opening.name}-{number}"
            alias = f"#{local}:{server}"
            request = {
                "preset": "private_chat",
                "visibility": "private",
                "name": _one_line(opening.title),
                "topic": _one_line(opening.topic),
                "room_alias_name": local,
            }
            try:
                made = await self._http.send("POST", f"{_V3}/createRoom", json_body=request, repeatable=True)
            except HttpRejected as no:
                if no.code != "M_ROOM_IN_USE":
                    raise
            else:
                if room := text_of(made.data, "room_id"):
                    return self._channel(room, alias)
                raise self._http.doubt("gave no room id", repeatable=True)
            # In use: by an earlier try of ours whose answer was lost, or by a stranger's room.
            room = await self._looked_up(alias)
            if room and await self._joined(room):
                return self._channel(room, alias)
        raise HttpRejected(
            f"Matrix: #{sanitize(opening.name)}, -2, … -9 are all taken", "Remove one of these aliases."
        )

    async def _looked_up(self, alias: str) -> str:
        try:
            return text_of((await self._ask(f"directory/room/{_quoted(alias)}", {})).data, "room_id")
        except HttpRejected as no:
            if no.status in (400, 404):
                return ""
            raise

    async def _joined(self, room: str) -> bool:
        try:
            await self._http.send("POST", f"{_V3}/join/{_quoted(room)}", json_body={}, repeatable=True)
        except HttpRejected as no:
            if no.status == 401:
                raise
            return False
        return True

    async def invite(self, channel: Channel, handles: Sequence[str]) -> None:
        """See ``ChannelService``."""
        path = f"{_V3}/rooms/{_quoted(channel.id)}/invite"
        for person in filter(_is_user, handles):
            # In the room already, no such person, or of a server that is gone (Synapse answers 502 then): none of
            # these keeps the others out.
            with contextlib.suppress(Rejected, Unconfirmed):
                await self._http.send("POST", path, json_body={"user_id": person})

    async def set_topic(self, channel: Channel, topic: str) -> None:
        """See ``ChannelService``."""
        path = f"{_V3}/rooms/{_quoted(channel.id)}/state/m.room.topic/"
        await self._http.send("PUT", path, json_body={"topic": _one_line(topic)}, repeatable=True)

    async def announce(self, shared: Channel, opening: Opening, channel: Channel, key: str) -> None:
        """See ``ChannelService``. Repeated with the same key it stays one event."""
        words = defuse_mentions(_one_line(headline(opening)))
        content = {
            **_words(f"{words}: {channel.name}", f"{html.escape(words)}: {html.escape(channel.name)}"),
            _KEY: key,
        }
        await self._send(shared.id, content, key, None)

    def _channel(self, room: str, name: str) -> Channel:
        room = self._http.mask.identifier(room)
        url = self._http.mask.link(f"https://matrix.to/#/{_quoted(name or room)}")
        return Channel(id=room, name=self._http.clean(name), url=url)

    # Messages

    def _content(self, message: Message, limit: int = _EVENT_BYTES) -> dict[str, Any]:
        body = self.render(message)
        lines = (
            f"<strong>{html.escape(line.label)}:</strong> {html.escape(defuse_mentions(line.text))}"
            if line.label
            else html.escape(defuse_mentions(line.text))
            for line in message_lines(message, recognises=True)
        )
        return _words(body, "<br>".join(lines), limit)

    async def _send(self, room: str, content: Mapping[str, Any], key: str, at: datetime | None) -> Receipt:
        # The message's own time is part of the transaction: a new journal that begins at INC-1 again must not
        # have its posts swallowed as repetitions of the old one's.
        made = f".{int(at.timestamp() * 1000)}" if at else ""
        path = f"{_V3}/rooms/{_quoted(room)}/send/m.room.message/{_quoted(key + made)}"
        answer = await self._http.send("PUT", path, json_body={**content, _KEY: key})
        event = text_of(answer.data, "event_id")
        if not event:
            raise self._http.doubt("gave no event id")
        return self._receipt(room, event)

    async def _pin(self, room: str, event: str) -> None:
        path = f"rooms/{_quoted(room)}/state/m.room.pinned_events/"
        try:
            pinned = await self._pinned(path)
            if event not in pinned:
                body = {"pinned": [*pinned, event]}
                await self._http.send("PUT", f"{_V3}/{path}", json_body=body, repeatable=True)
        except DeliveryError:
            # The post is there. Raising would only repeat it.
            pass

    async def _pinned(self, path: str) -> list[str]:
        try:
            pinned = (await self._ask(path, {})).data.get("pinned")
        except HttpRejected as no:
            if no.status == 404:
                return []
            raise
        return [one for one in pinned if isinstance(one, str)] if isinstance(pinned, list) else []

    def _receipt(self, room: str, event: str) -> Receipt:
        event = self._http.mask.identifier(event)
        return Receipt(id=event, url=self._http.mask.link(f"https://matrix.to/#/{_quoted(room)}/{_quoted(event)}"))

    # Calls

    async def _ask(self, path: str, query: Mapping[str, str]) -> HttpResponse:
        return await self._http.send("GET", f"{_V3}/{path}", params=query or None)

    async def _user(self) -> str:
        """Our own user id; its part after the first colon is the server's name."""
        if not self._me:
            self._me = text_of((await self._ask("account/whoami", {})).data, "user_id")
        return self._me


def _words(body: str, formatted: str, limit: int = _EVENT_BYTES) -> dict[str, Any]:
    """Content that mentions no one, whatever its text: that is the meaning of an empty ``m.mentions``."""
    content: dict[str, Any] = {"msgtype": "m.text", "body": body, "m.mentions": {}}
    rich = {**content, "format": "org.matrix.custom.html", "formatted_body": formatted}
    size = len(json.dumps(rich, ensure_ascii=False).encode("utf-8", "replace"))
    return rich if size <= limit else content


def _message(event: Mapping[str, Any], me: str) -> IncomingMessage:
    content, sender = object_of(event, "content"), text_of(event, "sender")
    relation = object_of(content, "m.relates_to")
    return IncomingMessage(
        id=text_of(event, "event_id"),
        at=datetime.fromtimestamp(number_of(event, "origin_server_ts") / 1000, UTC),
        author_id=sender,
        author=sender.lstrip("@").partition(":")[0],
        text=text_of(content, "body"),
        thread=text_of(relation, "event_id") if text_of(relation, "rel_type") == "m.thread" else "",
        own=sender == me,
        bot=text_of(content, "msgtype") == "m.notice",
    )


def _in_thread(channel: Channel) -> dict[str, Any]:
    return {"m.relates_to": {"rel_type": "m.thread", "event_id": channel.thread}} if channel.thread else {}


def _is_user(handle: str) -> bool:
    return handle.startswith("@") and ":" in handle


def _one_line(text: str) -> str:
    return " ".join(sanitize(text).split())[:250]


def _quoted(part: str) -> str:
    return quote(part.encode("utf-8", "replace"), safe="")
