"""Slack's Web API: a channel for each incident, its posts, its status message and topic; never another service.

Facts of the API: docs.slack.dev/reference/methods. HTTP 200 means nothing there; ``ok`` does. No method takes a
key to dedupe by, so each post carries its key as message metadata and ``find`` reads the history back.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from warroom.connect.answers import number_of, object_of, objects_of, text_of
from warroom.connect.channels import ChannelPolicy
from warroom.connect.chat import headline, message_lines
from warroom.connect.http import HttpRejected, HttpResponse, Transport
from warroom.connect.live import LiveSocket, open_socket
from warroom.connect.outcome import DeliveryClient, OutcomeRules
from warroom.connect.setup import Setup
from warroom.errors import DeliveryError, NotSent, Rejected, Unconfirmed
from warroom.incident.delivery import Channel, Message, Opening, Receipt
from warroom.incident.incoming import Incoming, IncomingMessage
from warroom.safety import sanitize

_EVENT = "warroom_delivery"
_TOPIC_LIMIT = 250
_CHANNEL_ID = re.compile(r"[CGD][A-Z0-9]{7,}")
_USER_ID = re.compile(r"[UW][A-Z0-9]{6,}")
_PAGES = 20
_PAGE = 200

# Slack documents that a part of the operation may have been done under these.
_OUTCOME_UNKNOWN = {"fatal_error", "internal_error", "service_unavailable"}
_FOR_NOW = {"ratelimited", "rate_limited", "request_timeout", "team_added_to_org"}
_MAY_NOT_CREATE = {
    "missing_scope",
    "restricted_action",
    "no_permission",
    "not_allowed_token_type",
    "user_is_restricted",
    "user_is_bot",
    "user_is_ultra_restricted",
    "method_not_supported_for_channel_type",
    "enterprise_is_restricted",
    "team_access_not_granted",
}
_BAD_TOKEN = "Set a valid bot token (it begins with xoxb-); install the app again if it was removed."
_REMEDIES = {
    "invalid_auth": _BAD_TOKEN,
    "not_authed": _BAD_TOKEN,
    "account_inactive": _BAD_TOKEN,
    "token_revoked": _BAD_TOKEN,
    "token_expired": _BAD_TOKEN,
    "channel_not_found": "Check the channel's name or id; a private channel must first invite the app.",
    "not_in_channel": "Invite the app to the channel: /invite @its-name.",
    "is_archived": "The channel is archived. Unarchive it or set another one.",
    "msg_too_long": "Shorten the text.",
    "restricted_action": "A workspace admin has to allow this for the app.",
    "ekm_access_denied": "A workspace admin has suspended posting.",
    "message_limit_exceeded": "The workspace has reached its limit of messages.",
}


_PINS = ("pushpin", "round_pushpin")
_SINCE_PAGES = 10
"""Of ``_PAGE`` messages each: what one call of ``since`` reads at most."""

_TALK = ("", "thread_broadcast", "file_share", "me_message", "bot_message")
"""Subtypes of messages that somebody wrote; the others say that people joined, topics changed and the like."""

_MENTIONED = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^>]*)?>")
_MARKED = re.compile(r"<([^>|]+)(?:\|([^>]*))?>")


_HAPPENINGS = ("message", "reaction_added", "reaction_removed", "pin_added", "pin_removed")
"""Events of the Events API after which there is something to read."""

_REFRESH = ("warning", "refresh_requested")
"""Reasons of a disconnect that only ask for another connection."""

_SOCKET_MODE = (
    "At https://api.slack.com/apps turn on Socket Mode, and set an app-level token (it begins with xapp-) with the"
    " scope connections:write."
)

_SCOPES = (
    "chat:write",
    "channels:manage",
    "channels:read",
    "channels:history",
    "channels:join",
    "groups:write",
    "groups:read",
    "groups:history",
    "pins:read",
    "pins:write",
    "reactions:read",
    "users:read",
    "users:read.email",
)
_MANIFEST = """\
display_information:
  name: warroom
  description: Incident updates, and what people answer
features:
  bot_user:
    display_name: warroom
    always_online: true
oauth_config:
  scopes:
    bot:
"""
_MANIFEST += "".join(f"      - {scope}\n" for scope in _SCOPES)
_MANIFEST += """\
settings:
  socket_mode_enabled: true
  event_subscriptions:
    bot_events:
      - message.channels
      - message.groups
      - reaction_added
      - reaction_removed
      - pin_added
      - pin_removed
"""


class SlackOptions(BaseModel):
    """Settings of a Slack destination."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    token: SecretStr
    """A bot token. Scopes: chat:write, channels:manage (groups:write for private channels), channels:read,
    channels:history (groups:history), channels:join, pins:write, users:read and reactions:read to read what people
    write, and users:read.email to invite by e-mail."""
    app_token: SecretStr | None = None
    """An app-level token with the scope connections:write. With it messages are read within a second, without it
    within a few. The app must have Socket Mode on and the manifest's bot_events. Needs the extra live."""
    channel: str = ""
    """Id or name of the team's shared channel: announcements go there, and everything where no channel may be
    made."""
    base_url: str = "https://slack.com/api"
    """The API's address; GovSlack has another."""
    channel_per_incident: bool = True
    """False posts everything into ``channel``."""
    private: bool = False
    """Make the incident's channel private."""
    invite: tuple[str, ...] = Field(default=())
    """User ids (U…) or e-mail addresses invited to every incident, besides its responders."""

    @model_validator(mode="after")
    def _somewhere_to_post(self) -> SlackOptions:
        if not self.channel_per_incident and not self.channel.strip("# "):
            raise ValueError("channel_per_incident = false needs channel")
        return self


class Slack:
    """A ``Chat`` that speaks Slack's Web API. The topic of the team's shared channel is never touched."""

    Options = SlackOptions
    setup = Setup(
        "Slack",
        (
            "Open https://api.slack.com/apps, choose Create New App, From a manifest, and paste the manifest.",
            "Choose Install to Workspace.",
            "Under OAuth & Permissions copy the Bot User OAuth Token; it begins with xoxb-.",
            "In Slack invite the app to the team's shared channel: /invite @warroom.",
            "To have messages within a second: under Basic Information, App-Level Tokens, generate one with the"
            " scope connections:write, set it as app_token, and run: pip install 'warroom[live]'.",
        ),
        ("token", "channel"),
        _MANIFEST,
    )
    dedupes = False
    reads_back = True
    edits = True
    threads = True
    exclusive = False
    reports_sending = True
    max_length = 4000
    """Slack shows more but advises this; beyond 40,000 it cuts."""

    def __init__(self, options: SlackOptions, *, transport: Transport | None = None) -> None:
        self._options = options
        self._http = DeliveryClient(
            "Slack",
            options.base_url,
            OutcomeRules(_REMEDIES, throttled=frozenset(("ratelimited", "rate_limited"))),
            headers=_bearer(options.token),
            transport=transport,
        )
        self._app: DeliveryClient | None = None
        if options.app_token:
            bearer = _bearer(options.app_token)
            self._app = DeliveryClient("Slack", options.base_url, headers=bearer, transport=transport)
        self.pushes = self._app is not None
        self._shared_id = ""
        self._workspace = ""
        self._me = ""
        self._names: dict[str, str] = {}
        self._on_page: dict[str, set[str]] = {}

    def render(self, message: Message) -> str:
        """The mrkdwn that is sent: labels bold, ``& < >`` escaped, which also stills mentions and links."""
        return "\n".join(
            f"*{_escaped(line.label)}:* {_escaped(line.text)}" if line.label else _escaped(line.text)
            for line in message_lines(message, recognises=True)
        )

    async def open(self, opening: Opening, key: str) -> Channel:
        """Open the incident's channel, or its thread in the shared one; see ``ChannelPolicy``."""
        options = self._options
        policy = ChannelPolicy(options.channel_per_incident, bool(options.channel.strip("# ")), _MAY_NOT_CREATE)
        return await policy.open(self, opening, key, invite=options.invite)

    async def post(self, channel: Channel, message: Message, key: str) -> Receipt:
        """Post once. ``Unconfirmed`` when Slack may have it; ``find`` finds out."""
        # A reply is seen by those who follow the thread; the beginning and the end are for the whole channel.
        receipt = await self._post_text(channel, self.render(message), key, broadcast=message.kind in _BROADCAST)
        if message.pin:
            await self._pin(channel.id, receipt.id)
        return receipt

    async def show_status(self, channel: Channel, message: Message, previous: Receipt | None, key: str) -> Receipt:
        """Edit the status message, or post it anew where there is none (left).

        May be repeated after any failure: an edit is the same edit, and a first post is looked for by its key.
        """
        if previous and previous.id:
            receipt = await self._update(channel.id, message, previous, key)
        else:
            receipt = await self._recent(channel, key)
        if receipt is None:
            receipt = await self._post_text(channel, self.render(message), key)
            if message.pin:
                await self._pin(channel.id, receipt.id)
        try:
            if channel.id != await self._shared():
                await self.set_topic(channel, message.title)
        except DeliveryError:
            # The status message is there; failing now would post a second one at the next attempt.
            pass
        return receipt

    async def find(self, channel: Channel, key: str) -> Receipt | None:
        """Look for the post with this key, newest first, through the last few thousand messages.

        Raises the service's own error where the history cannot be read, and ``Unconfirmed`` where it is longer
        than was read: not having seen the post then proves nothing.
        """
        found, everything_read = await self._sought(channel, key, _PAGES)
        if found is None and not everything_read:
            raise Unconfirmed("Slack's history is too long to be sure", "Look in the channel whether it is there.")
        return found

    async def _recent(self, channel: Channel, key: str) -> Receipt | None:
        """The post with this key on the newest page, for what is repeated soon; None if that cannot be read.

        Without the right to read, posting goes on: it can then only double a post whose answer was lost.
        """
        try:
            # The replies of a thread come oldest first.
            return (await self._sought(channel, key, _PAGES if channel.thread else 1))[0]
        except Rejected:
            return None

    async def _sought(self, channel: Channel, key: str, pages: int) -> tuple[Receipt | None, bool]:
        """The post with this key within so many pages of history, and whether these were all there is.

        A channel's history does not have the replies of its threads.
        """
        cursor = ""
        method = "conversations.replies" if channel.thread else "conversations.history"
        for _ in range(pages):
            query = {"channel": channel.id, "limit": str(_PAGE), "include_all_metadata": "true"}
            query |= {"ts": channel.thread} if channel.thread else {}
            answer = await self._ask(method, query | ({"cursor": cursor} if cursor else {}))
            for found in objects_of(answer.data, "messages"):
                metadata = object_of(found, "metadata")
                payload = object_of(metadata, "event_payload")
                if metadata.get("event_type") == _EVENT and payload.get("key") == key:
                    return self._receipt(channel.id, text_of(found, "ts")), True
            cursor = text_of(object_of(answer.data, "response_metadata"), "next_cursor")
            if not cursor:
                return None, True
        return None, False

    async def since(self, channel: Channel, cursor: str) -> Incoming:
        """See ``Inbox``. The newest page is read anew each time, for edits, reactions and replies.

        Slack does not list what was deleted: a message that was on the page before and is gone from it now was. Of
        the threads of a channel those are followed that begin on the newest page.
        """
        at = _Cursor.parse(cursor, channel.thread)
        if not self._me:
            self._me = text_of((await self._ask("auth.test", {})).data, "user_id")
        filling = bool(at.gap_from)
        page, at = await self._newer(channel, at)
        found = {text_of(one, "ts"): one for one in page}
        if channel.thread:
            found |= await self._replies(channel, channel.thread, at.read)
        else:
            for one in page[:_PAGE]:
                if number_of(one, "reply_count") and text_of(one, "latest_reply") > at.read:
                    found |= await self._replies(channel, text_of(one, "ts"), at.read)
        messages = [await self._incoming(channel, found[ts]) for ts in sorted(found) if _is_talk(found[ts])]
        messages += [] if filling else self._missing(channel, page)
        newest = max([at.newest, *found])
        return Incoming(messages=tuple(messages), cursor=at.moved_to(newest).text)

    async def wake(self) -> AsyncGenerator[str, None]:
        """See ``Inbox``: Socket Mode (docs.slack.dev/apis/events-api/using-socket-mode).

        Slack tells each event to one of the app's connections, at random: polling finds what others were told.
        """
        socket = await self._socket()
        try:
            yield ""
            while (envelope := await socket.receive()) is not None:
                if envelope_id := text_of(envelope, "envelope_id"):
                    await socket.send({"envelope_id": envelope_id})
                if text_of(envelope, "type") == "disconnect":
                    if text_of(envelope, "reason") not in _REFRESH:
                        raise self._disconnected(envelope)
                    following = await self._socket()  # before the old one is closed: events go to either
                    await socket.close()
                    socket = following
                    yield ""
                elif channel := _channel_of(envelope):
                    yield channel
        finally:
            await socket.close()

    async def check(self) -> str:
        """Who the token is, that the app has its scopes, that the shared channel can be found, and that Socket Mode
        is on if it is used."""
        answer = await self._ask("auth.test", {})
        without = self._missing_scopes(answer.limits.get("x-oauth-scopes", ""))
        user, team = (self._http.clean(text_of(answer.data, name), 80) for name in ("user", "team"))
        who = f"Slack: {user} in {team}"
        if self._options.channel.strip("# "):
            who += f", shared channel {self._http.clean(await self._shared(), 80)}"
        if self._app:
            await (await self._socket()).close()
            who += ", live"
        return f"{who}; {without}" if without else who

    def _missing_scopes(self, granted: str) -> str:
        """What does not work without the scopes that the app lacks; "" if it lacks none, or Slack does not say.

        Raises ``HttpRejected`` for scopes without which nothing can be posted as the settings want it.
        """
        has = {scope.strip() for scope in granted.split(",") if scope.strip()}
        if not has:
            return ""
        needed = ["chat:write"]
        if self._options.channel_per_incident:
            needed.append("groups:write" if self._options.private else "channels:manage")
        lacking = [scope for scope in needed if scope not in has]
        if lacking:
            raise HttpRejected(
                f"Slack: the app lacks the scope {', '.join(lacking)}",
                "Add it under OAuth & Permissions, and install the app again.",
                code="missing_scope",
            )
        kind = "groups" if self._options.private else "channels"
        for scope, lost in (
            (f"{kind}:history", "cannot read what people write, nor what became of a post"),
            (f"{kind}:read", "cannot find channels by name"),
            ("pins:write", "cannot pin"),
            ("users:read", "cannot show people's names"),
            ("users:read.email", "cannot invite by e-mail"),
        ):
            if scope not in has:
                lacking.append(f"{lost} ({scope})")
        return ", ".join(lacking)

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()
        if self._app:
            await self._app.close()

    # What people write

    async def _newer(self, channel: Channel, at: _Cursor) -> tuple[list[Mapping[str, Any]], _Cursor]:
        """The messages of the channel that are newer than what was read, and where to go on: the newest first, as
        far as one call goes."""
        found: list[Mapping[str, Any]] = []
        latest = at.gap_from
        for _ in range(_SINCE_PAGES):
            query = {"channel": channel.id, "limit": str(_PAGE)} | ({"latest": latest} if latest else {})
            page = objects_of((await self._ask("conversations.history", query)).data, "messages")
            found += page
            latest = min((text_of(one, "ts") for one in page), default="")
            if len(page) < _PAGE or latest <= at.read:
                return found, replace(at, gap_from="")
        return found, replace(at, gap_from=latest)

    async def _replies(self, channel: Channel, thread: str, after: str) -> dict[str, Mapping[str, Any]]:
        found: dict[str, Mapping[str, Any]] = {}
        cursor = ""
        for _ in range(_PAGES):
            query = {"channel": channel.id, "ts": thread, "limit": str(_PAGE), "oldest": after or thread}
            answer = await self._ask("conversations.replies", query | ({"cursor": cursor} if cursor else {}))
            found |= {text_of(one, "ts"): one for one in objects_of(answer.data, "messages")}
            cursor = text_of(object_of(answer.data, "response_metadata"), "next_cursor")
            if not cursor:
                break
        return found

    def _missing(self, channel: Channel, page: Sequence[Mapping[str, Any]]) -> list[IncomingMessage]:
        """The messages that were on the newest page before and are gone from it."""
        now = {text_of(one, "ts") for one in page[:_PAGE]}
        gone = {ts for ts in self._on_page.get(channel.id, ()) if now and ts > min(now)} - now
        self._on_page[channel.id] = now
        return [IncomingMessage(id=ts, at=_time(ts), author_id="", deleted=True) for ts in sorted(gone)]

    async def _incoming(self, channel: Channel, data: Mapping[str, Any]) -> IncomingMessage:
        author, ts, root = text_of(data, "user"), text_of(data, "ts"), text_of(data, "thread_ts")
        reactions = {text_of(one, "name") for one in objects_of(data, "reactions")}
        return IncomingMessage(
            id=ts,
            at=_time(ts),
            author_id=author,
            author=await self._name(author),
            text=await self._plain(text_of(data, "text")),
            thread=root if root != ts else "",
            own=author == self._me,
            bot=bool(data.get("bot_id")),
            edited="edited" in data,
            pinned=bool(data.get("pinned_to")) or not reactions.isdisjoint(_PINS),
        )

    async def _plain(self, text: str) -> str:
        """A text as people see it: mentions by name, links with their address."""
        for user in set(_MENTIONED.findall(text)):
            text = re.sub(rf"<@{user}(?:\|[^>]*)?>", f"@{await self._name(user)}".replace("\\", ""), text)
        text = _MARKED.sub(lambda match: _shown(match[1], match[2] or ""), text)
        return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")

    async def _name(self, user: str) -> str:
        """The name a person is shown by; their id where it cannot be read."""
        if user and user not in self._names:
            try:
                found = object_of((await self._ask("users.info", {"user": user})).data, "user")
            except Rejected:  # without users:read
                found = {}
            profile = object_of(found, "profile")
            names = (text_of(profile, "display_name"), text_of(profile, "real_name"), text_of(found, "name"), user)
            self._names[user] = next(name for name in names if name)
        return self._names.get(user, "")

    # Socket Mode

    async def _socket(self) -> LiveSocket:
        """A connection on which Slack tells what happens."""
        socket = await open_socket("Slack", await self._socket_address())
        greeting = await socket.greeting()
        if text_of(greeting, "type") != "hello":
            await socket.close()
            raise self._disconnected(greeting)
        return socket

    async def _socket_address(self) -> SecretStr:
        """The address of one connection; anyone who has it receives the app's events."""
        assert self._app
        method = "apps.connections.open"
        try:
            answer = await self._app.send("POST", method, form={}, repeatable=True)
            address = text_of(self._held(method, answer, repeatable=True).data, "url")
        except HttpRejected as no:
            raise HttpRejected(no.title, _SOCKET_MODE, no.status, no.code) from None
        if not address:
            raise self._app.doubt("gave no address for its live connection", repeatable=True)
        return SecretStr(address)

    def _disconnected(self, envelope: Mapping[str, Any]) -> DeliveryError:
        """What a disconnect that asks for no other connection means."""
        reason = self._http.clean(text_of(envelope, "reason"), 60)
        if reason == "link_disabled":
            return Rejected("Slack: Socket Mode is off", _SOCKET_MODE)
        return NotSent(f"Slack ended the live connection ({reason or 'no reason'})", "It will be opened again.")

    # Channels

    async def shared_channel(self) -> Channel:
        """See ``ChannelService``."""
        channel = await self._shared()
        # Private channels cannot be joined, only be invited to; the first post fails if that is missing.
        with contextlib.suppress(Rejected):
            await self._do("conversations.join", {"channel": channel}, repeatable=True)
        return await self._channel(channel, self._options.channel)

    async def begin_thread(self, shared: Channel, opening: Opening, key: str) -> Channel:
        """See ``ChannelService``. The line mentions who is to respond: nobody can be invited to a thread."""
        root = await self._recent(shared, key)
        if root is None:
            people = [f"<@{handle}>" for handle in opening.invite if _USER_ID.fullmatch(handle)]
            root = await self._post_text(shared, " ".join([_escaped(headline(opening)), *people]), key)
        return shared.model_copy(update={"thread": root.id, "url": root.url or shared.url})

    async def _shared(self) -> str:
        """The id of the team's shared channel, "" if none is set."""
        wanted = self._options.channel.strip().lstrip("#")
        if not self._shared_id and wanted:
            found = wanted if _CHANNEL_ID.fullmatch(wanted) else await self._listed(wanted)
            if not found:
                raise HttpRejected(
                    f"Slack has no channel #{sanitize(wanted)} that the app can see",
                    "Set channel to its id (in the channel's details), and invite the app if it is private.",
                )
            self._shared_id = found
        return self._shared_id

    async def make_channel(self, opening: Opening) -> Channel:
        """See ``ChannelService``. Where the name is taken by one we cannot use: name-2, name-3 and so on."""
        name = opening.name
        for number in range(1, 10):
            wanted = name if number == 1 else f"{name[:77]}-{number}"
            try:
                made = await self._do(
                    "conversations.create",
                    {"name": wanted, "is_private": self._options.private},
                    repeatable=True,
                )
            except HttpRejected as no:
                if no.code != "name_taken":
                    raise
            else:
                return await self._channel(text_of(object_of(made.data, "channel"), "id"), wanted)
            # Taken: by an earlier try of ours whose answer was lost, or by an archived or foreign channel.
            found = await self._listed(wanted)
            if found and await self._joined(found):
                return await self._channel(found, wanted)
        raise HttpRejected(f"Slack: #{sanitize(name)}, -2, … -9 are all taken", "Rename one of these channels.")

    async def _joined(self, channel: str) -> bool:
        if self._options.private:
            return True  # a private channel is listed to its members only
        try:
            await self._do("conversations.join", {"channel": channel}, repeatable=True)
        except HttpRejected as no:
            # Without the join scope we may still be in it already, having made it.
            return no.code in ("missing_scope", "method_not_supported_for_channel_type")
        return True

    async def _listed(self, name: str) -> str:
        """The id of a channel that is not archived, by name, "" if it is not to be seen."""
        for kind in ("private_channel",) if self._options.private else ("public_channel", "private_channel"):
            try:
                async for found in self._channels(kind):
                    if found.get("name") == name:
                        return text_of(found, "id")
            except HttpRejected as no:
                if kind == "public_channel" or no.code != "missing_scope":
                    raise
        return ""

    async def _channels(self, kind: str) -> AsyncIterator[Mapping[str, Any]]:
        cursor = ""
        for _ in range(_PAGES):
            query = {"types": kind, "exclude_archived": "true", "limit": "1000"}
            answer = await self._ask("conversations.list", {**query, **({"cursor": cursor} if cursor else {})})
            for found in objects_of(answer.data, "channels"):
                yield found
            cursor = text_of(object_of(answer.data, "response_metadata"), "next_cursor")
            if not cursor:
                return

    async def _channel(self, channel: str, name: str) -> Channel:
        if not channel:
            raise self._http.doubt("gave no channel id", repeatable=True)
        if not self._workspace:
            self._workspace = self._http.mask.link(text_of((await self._ask("auth.test", {})).data, "url"))
        channel = self._http.mask.identifier(channel)
        return Channel(id=channel, name=f"#{sanitize(name).lstrip('#')}", url=self._link(channel))

    async def invite(self, channel: Channel, handles: Sequence[str]) -> None:
        """See ``ChannelService``."""
        people: list[str] = []
        for handle in handles:
            person = await self._user_id(handle)
            if person and person not in people:
                people.append(person)
        if not people:
            return
        try:
            # 100 is the most one call may name; a team of more than that is not small.
            everybody = {"channel": channel.id, "users": ",".join(people[:100]), "force": True}
            await self._do("conversations.invite", everybody, repeatable=True)
        except Rejected:
            # One of them is in already, or unknown: then each alone.
            for person in people[:100]:
                try:
                    one = {"channel": channel.id, "users": person}
                    await self._do("conversations.invite", one, repeatable=True)
                except Rejected:
                    continue

    async def _user_id(self, handle: str) -> str:
        if _USER_ID.fullmatch(handle):
            return handle
        if "@" not in handle.strip("@"):
            return ""
        try:
            answer = await self._ask("users.lookupByEmail", {"email": handle})
        except Rejected:
            return ""
        return text_of(object_of(answer.data, "user"), "id")

    async def set_topic(self, channel: Channel, topic: str) -> None:
        """See ``ChannelService``."""
        asked = {"channel": channel.id, "topic": _topic(topic)}
        await self._do("conversations.setTopic", asked, repeatable=True)

    async def announce(self, shared: Channel, opening: Opening, channel: Channel, key: str) -> None:
        """See ``ChannelService``. A repeated ``open`` finds the line by its key and leaves it at that."""
        if not await self._recent(shared, key):
            await self._post_text(shared, f"{_escaped(headline(opening))}: <#{channel.id}>", key)

    # Messages

    async def _post_text(self, channel: Channel, text: str, key: str, *, broadcast: bool = False) -> Receipt:
        thread = {"thread_ts": channel.thread, "reply_broadcast": broadcast} if channel.thread else {}
        asked = {"channel": channel.id, **_message(text, key), **_QUIET, **thread}
        answer = await self._do("chat.postMessage", asked)
        ts = text_of(answer.data, "ts")
        if not ts:
            raise self._http.doubt("gave no message id")
        return self._receipt(channel.id, ts)

    async def _update(self, channel: str, message: Message, previous: Receipt, key: str) -> Receipt | None:
        """The edited message, None if it is gone or may no longer be edited."""
        # parse is "client" by default here, unlike in chat.postMessage: that would bring @names to life.
        text = _message(self.render(message), key)
        edited = {"channel": channel, "ts": previous.id, "parse": "none", **text}
        try:
            await self._do("chat.update", edited, repeatable=True)
        except HttpRejected as no:
            if no.code in ("message_not_found", "cant_update_message", "edit_window_closed"):
                return None
            raise
        return self._receipt(channel, previous.id)

    async def _pin(self, channel: str, ts: str) -> None:
        # The post is there. Raising would have it posted again.
        with contextlib.suppress(DeliveryError):
            await self._do("pins.add", {"channel": channel, "timestamp": ts}, repeatable=True)

    def _receipt(self, channel: str, ts: str) -> Receipt:
        return Receipt(id=self._http.mask.identifier(ts), url=self._link(channel, f"/p{ts.replace('.', '')}"))

    def _link(self, channel: str, post: str = "") -> str:
        """The address of the channel or of a post in it, "" where the workspace's is not known."""
        known = self._workspace.startswith("https://")
        return self._http.mask.link(f"{self._workspace}archives/{channel}{post}") if known else ""

    # Calls

    async def _ask(self, method: str, query: Mapping[str, str]) -> HttpResponse:
        """A reading method: Slack takes no JSON for these."""
        return self._held(method, await self._http.send("GET", method, params=query), repeatable=True)

    async def _do(self, method: str, body: Mapping[str, Any], *, repeatable: bool = False) -> HttpResponse:
        answer = await self._http.send("POST", method, json_body=body, repeatable=repeatable)
        return self._held(method, answer, repeatable)

    def _held(self, method: str, answer: HttpResponse, repeatable: bool) -> HttpResponse:
        """The answer if ``ok``, else the error it means."""
        if answer.data.get("ok") is True:
            return answer
        code = self._http.clean(text_of(answer.data, "error"), 60)
        if code in _FOR_NOW:
            raise NotSent(f"Slack is rate-limiting ({code})", "It will be retried.", answer.retry_after)
        if code in _OUTCOME_UNKNOWN or not code:
            raise self._http.doubt(f"failed ({code or 'no ok'})", repeatable)
        needed = self._http.clean(text_of(answer.data, "needed"), 80)
        if code == "missing_scope":
            remedy = f"Add the scope {needed or 'it needs'} to the app and install it again."
        else:
            remedy = _REMEDIES.get(code, f"See docs.slack.dev/reference/methods/{method} under {code}.")
        raise HttpRejected(f"Slack refused {method}: {code}", remedy, answer.status, code)


@dataclass(frozen=True)
class _Cursor:
    """Where reading goes on. Slack's pages begin with the newest message, so a burst that is longer than one call
    reads leaves a gap below: from ``gap_from`` down to ``read``."""

    read: str
    """Everything up to this time stamp was read."""
    newest: str
    """The newest message that was seen."""
    gap_from: str = ""

    @classmethod
    def parse(cls, text: str, thread: str) -> _Cursor:
        read, newest, gap = [*text.split(">"), "", "", ""][:3]
        return cls(read or thread, newest or read or thread, gap)

    def moved_to(self, newest: str) -> _Cursor:
        return _Cursor(self.read if self.gap_from else newest, newest, self.gap_from)

    @property
    def text(self) -> str:
        return f"{self.read}>{self.newest}>{self.gap_from}"


def _channel_of(envelope: Mapping[str, Any]) -> str:
    """The channel in which something happened; "" for an envelope that tells of nothing to read."""
    event = object_of(object_of(envelope, "payload"), "event")
    if text_of(event, "type") not in _HAPPENINGS:
        return ""
    item = object_of(event, "item")
    return text_of(event, "channel") or text_of(event, "channel_id") or text_of(item, "channel")


def _bearer(token: SecretStr) -> dict[str, SecretStr]:
    return {"Authorization": SecretStr(f"Bearer {token.get_secret_value()}")}


def _is_talk(data: Mapping[str, Any]) -> bool:
    return bool(text_of(data, "ts")) and text_of(data, "subtype") in _TALK


def _time(ts: str) -> datetime:
    try:
        return datetime.fromtimestamp(float(ts), UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC)


def _shown(mark: str, label: str) -> str:
    """What people see of ``<#C1|ops>``, ``<!here>`` and ``<https://x|label>``."""
    if mark.startswith("#"):
        return f"#{label or mark[1:]}"
    if mark.startswith("!"):
        return f"@{label.lstrip('@') or mark[1:].partition('^')[0]}"
    return f"{label} ({mark})" if label and label != mark else mark


_BROADCAST = ("declaration", "resolution", "announcement")

_QUIET = {"unfurl_links": False, "unfurl_media": False, "link_names": False, "parse": "none", "mrkdwn": True}


def _message(text: str, key: str) -> dict[str, Any]:
    """Metadata can be read by every app of the workspace: it holds the key alone."""
    return {"text": text, "metadata": {"event_type": _EVENT, "event_payload": {"key": key}}}


def _escaped(text: str) -> str:
    """The three characters Slack asks to escape. With ``<`` gone no mention and no link can be written."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _topic(text: str) -> str:
    """One line of at most 250 characters, counted after escaping, never cut inside an escape."""
    line = " ".join(sanitize(text).split())
    if len(_escaped(line)) <= _TOPIC_LIMIT:
        return _escaped(line)
    kept = ""
    for character in line:
        if len(kept) + len(_escaped(character)) >= _TOPIC_LIMIT:
            break
        kept += _escaped(character)
    return f"{kept}…"
