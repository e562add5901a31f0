"""Telegram's Bot API: a topic or a thread of replies for each incident in the team's group; nothing is read.

Facts of the API: core.telegram.org/bots/api; of its errors: github.com/tdlib/telegram-bot-api, Client.cpp.
No method takes a key to dedupe by, and a bot cannot read a group's history, so what became of a post whose answer
was lost is for a person to find out.

There is no inbox. ``getUpdates`` returns one stream for all groups of the bot, at most 100 updates a call. To get
further, a reader confirms the earlier ones, which deletes them. Two open incidents, each with a cursor of its own,
would confirm and so lose each other's messages.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, SecretStr, field_validator

from warroom.connect.answers import id_of, object_of, text_of
from warroom.connect.channels import ChannelPolicy
from warroom.connect.chat import headline, message_lines, plain
from warroom.connect.http import HttpRejected, HttpResponse, Transport, as_number, bounded_wait
from warroom.connect.outcome import DeliveryClient, OutcomeRules
from warroom.connect.secret_mask import SecretMask, credentials
from warroom.connect.setup import Setup
from warroom.errors import DeliveryError, Rejected, Unconfirmed
from warroom.incident.delivery import Channel, Message, Opening, Receipt
from warroom.safety import sanitize

_TOPIC_LENGTH = 128
_CHAT = re.compile(r"-?[0-9]{1,20}|@[A-Za-z][A-Za-z0-9_]{1,31}")
_USERNAME = re.compile(r"@?([A-Za-z][A-Za-z0-9_]{1,31})")
_USER_ID = re.compile(r"[0-9]{1,20}")
_SUPERGROUP = re.compile(r"-100([0-9]+)")
_PLACE = re.compile(r"([tm])([0-9]+)")

_AT = re.compile(r"(?<![A-Za-z0-9_])@")
"""What can begin a mention: Telegram makes one of ``@name`` wherever no letter, digit or ``_`` stands before it."""

_NOT_MODIFIED = "message is not modified"
_NOT_EDITABLE = ("message to edit not found", "message can't be edited", "message_id_invalid")
_NO_FORUM = "not a forum"
_NO_TOPICS = (_NO_FORUM, "rights to create a topic", "chat_admin_required")

_BAD_TOKEN = "Set the bot's token: @BotFather shows it under /mybots, API Token. It may have been revoked."
_ADD_BOT = "Add the bot to the group again."
_LET_WRITE = "Let members send messages in the group, or make the bot an administrator there."
_NO_TOPIC = "The incident's topic was deleted in Telegram. Post this by hand; other incidents are not affected."
_REMEDIES = {
    _NOT_MODIFIED: "",
    **dict.fromkeys(_NOT_EDITABLE, ""),
    **dict.fromkeys(_NO_TOPICS, "Turn on topics in the group, and let the bot manage them as an administrator."),
    "chat not found": "Add the bot to the group, and set chat to the group's id (-100…) or @name.",
    "bot was kicked": _ADD_BOT,
    "bot is not a member": _ADD_BOT,
    "bot was blocked": "chat is a person who has blocked the bot. Set it to the team's group.",
    "topic_closed": "Reopen the incident's topic, or make the bot an administrator that manages topics.",
    "thread not found": _NO_TOPIC,
    "topic_deleted": _NO_TOPIC,
    "topic_id_invalid": _NO_TOPIC,
    "not enough rights": _LET_WRITE,
    "have no rights": _LET_WRITE,
    "chat_write_forbidden": _LET_WRITE,
    "need administrator rights": "Make the bot an administrator there that may post.",
    "message is too long": "Shorten the text.",
}
"""What to do about a refusal, by a phrase of its description: there are no error codes beyond the HTTP status."""

_NO_PREVIEW = {"is_disabled": True}


class TelegramOptions(BaseModel):
    """Settings of a Telegram destination."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    token: SecretStr
    """The bot's token from @BotFather."""
    chat: str
    """Id (-100…) or @name of the team's group, which the bot is a member of."""
    topics: bool = True
    """Where the group has topics, each incident gets one; for that the bot has to be an administrator that manages
    topics. False, or a group without topics, makes an incident's posts replies to its first message."""
    base_url: str = "https://api.telegram.org"
    """The API's address; a Bot API server of one's own has another."""

    @field_validator("chat", mode="before")
    @classmethod
    def _id_or_name(cls, value: object) -> object:
        chat = str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
        if not _CHAT.fullmatch(chat):
            raise ValueError("must be the group's id (-100…) or its @name")
        return chat


class _BotApi(DeliveryClient):
    """A ``DeliveryClient`` that knows how the Bot API words refusals and pauses. Every address holds the token."""

    def __init__(self, options: TelegramOptions, transport: Transport | None) -> None:
        token = options.token.get_secret_value().strip()
        address = f"{options.base_url.strip().rstrip('/')}/bot{quote(token, safe=':')}"
        rules = OutcomeRules(code_keys=(), message_keys=("description",))
        super().__init__("Telegram", SecretStr(address), rules, transport=transport)
        # The address alone would not mask the token without the "bot" before it, nor its second half alone.
        self.mask = SecretMask({*credentials(address), token, token.partition(":")[2]})

    def wait_of(self, response: HttpResponse) -> float | None:
        """See ``DeliveryClient``. The wait is in ``parameters`` of the body, in seconds."""
        seconds = as_number(object_of(response.data, "parameters").get("retry_after"))
        return super().wait_of(response) if seconds is None else bounded_wait(seconds)

    def _judge(self, response: HttpResponse, repeatable: bool, wants_json: bool) -> DeliveryError | None:
        failure = super()._judge(response, repeatable, wants_json)
        if failure is None and response.data.get("ok") is not True:
            return self.doubt("gave an answer that cannot be read", repeatable)
        if isinstance(failure, HttpRejected):
            self._explain(failure, response)
        return failure

    def _explain(self, refusal: HttpRejected, response: HttpResponse) -> None:
        """Add what to do, and as its code the phrase by which it was recognised."""
        words = text_of(response.data, "description").lower()
        if moved := id_of(object_of(response.data, "parameters"), "migrate_to_chat_id"):
            new = self.clean(moved, 20)
            refusal.remedy = f"The group has a new id. Set chat to {new}, and post by hand for what is open now."
        elif refusal.status in (401, 404):  # 404 is what a token that cannot be one gets
            refusal.remedy = _BAD_TOKEN
        elif phrase := next((phrase for phrase in _REMEDIES if phrase in words), ""):
            refusal.code, refusal.remedy = phrase, _REMEDIES[phrase] or refusal.remedy


class Telegram:
    """A ``Chat`` that speaks Telegram's Bot API. An incident's ``Channel`` is the group with, as its ``thread``,
    ``t`` and the id of a topic or ``m`` and the id of the message that is replied to."""

    Options = TelegramOptions
    setup = Setup(
        "Telegram",
        (
            "Talk to @BotFather: /newbot, and copy the token.",
            "Add the bot to the team's group.",
            "For a topic for each incident turn on Topics in the group, and make the bot an administrator that"
            " manages topics and pins messages.",
        ),
        ("token", "chat"),
    )
    dedupes = False
    reads_back = False
    edits = True
    threads = True
    reports_sending = True
    max_length = 4096
    """Without markup. Telegram says characters; UTF-16 code units, its unit elsewhere, are never fewer."""

    def __init__(self, options: TelegramOptions, *, transport: Transport | None = None) -> None:
        self._options = options
        self._http = _BotApi(options, transport)
        # Nothing can be looked up in Telegram, so a repeated opening goes by what this process has done.
        self._topics: dict[str, Channel] = {}
        self._opened: dict[str, Channel] = {}

    def render(self, message: Message) -> str:
        """The HTML that is sent: labels bold, everything else escaped."""
        return "\n".join(
            f"<b>{_escaped(line.label)}:</b> {_escaped(line.text)}" if line.label else _escaped(line.text)
            for line in message_lines(message)
        )

    def measure(self, message: Message) -> int:
        """The length of the text without markup, in UTF-16 code units."""
        return len(plain(message_lines(message)).encode("utf-16-le", "surrogatepass")) // 2

    async def open(self, opening: Opening, key: str) -> Channel:
        """Open the incident's topic, or its thread of replies; see ``ChannelPolicy``.

        If the answer to it is lost, a later try opens another one, and the first stays empty.
        """
        if opening.incident not in self._opened:
            policy = ChannelPolicy(self._options.topics, shared=True, may_not_create=_NO_TOPICS)
            self._opened[opening.incident] = await policy.open(self, opening, key)
        return self._opened[opening.incident]

    async def post(self, channel: Channel, message: Message, key: str) -> Receipt:
        """Post. ``Unconfirmed`` when Telegram may have it."""
        receipt = await self._post(channel, self.render(message))
        if message.pin:
            await self._pin(channel, receipt)
        return receipt

    async def show_status(self, channel: Channel, message: Message, previous: Receipt | None, key: str) -> Receipt:
        """Edit the status message, or post it anew where there is none (left).

        A first one whose answer was lost cannot be looked for: repeated, it is posted again.
        """
        if previous and previous.id.isdecimal() and await self._edited(channel, message, previous):
            return previous
        return await self.post(channel, message, key)

    async def find(self, channel: Channel, key: str) -> Receipt | None:
        """Never certain: a bot cannot read a group's history."""
        raise Unconfirmed("A Telegram bot cannot look for a post", "Look in the group whether it is there.")

    async def check(self) -> str:
        """Who the token is, that it is a member of the group, and where incidents go."""
        me, chat = await self._get("getMe"), await self._chat()
        member = await self._get("getChatMember", {"chat_id": id_of(chat), "user_id": id_of(me)})
        group = self._http.clean(text_of(chat, "title"), 80)
        if text_of(member, "status") in ("left", "kicked"):
            raise HttpRejected(f"Telegram: the bot is not a member of {group}", "Add it to the group.")
        may_manage = member.get("can_manage_topics") is True
        where = "incidents are threads of replies"
        if self._options.topics and chat.get("is_forum") is True:
            where = "incidents are topics" if may_manage else f"{where}: the bot may not manage topics"
        return f"Telegram: @{self._http.clean(text_of(me, 'username'), 80)} in {group}, {where}"

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()

    # Channels

    async def make_channel(self, opening: Opening) -> Channel:
        """See ``ChannelService``. A topic; its name is the headline."""
        if opening.incident not in self._topics:
            chat = await self._chat()
            if chat.get("is_forum") is not True:
                raise HttpRejected("The Telegram group has no topics", _REMEDIES[_NO_FORUM], code=_NO_FORUM)
            name = " ".join(headline(opening).split())[:_TOPIC_LENGTH]
            made = await self._call("createForumTopic", {"chat_id": id_of(chat), "name": name}, repeatable=True)
            topic = id_of(made, "message_thread_id")
            if not topic:
                raise self._http.doubt("gave no topic id", repeatable=True)
            channel = self._group(chat).model_copy(update={"name": name, "thread": f"t{topic}"})
            self._topics[opening.incident] = channel.model_copy(update={"url": self._link(channel.id, topic)})
        return self._topics[opening.incident]

    async def shared_channel(self) -> Channel:
        """See ``ChannelService``. The group."""
        return self._group(await self._chat())

    async def begin_thread(self, shared: Channel, opening: Opening, key: str) -> Channel:
        """See ``ChannelService``. The message that is replied to also mentions who is to respond."""
        text = f"{_escaped(headline(opening))} {await self._mentions(shared, opening.invite)}".strip()
        root = await self._post(shared, text)
        return shared.model_copy(update={"thread": f"m{root.id}", "url": root.url})

    async def invite(self, channel: Channel, handles: Sequence[str]) -> None:
        """See ``ChannelService``. Nobody can be added to a topic: its first message mentions them."""
        if mentions := await self._mentions(channel, handles):
            with suppress(Rejected, Unconfirmed):
                await self._post(channel, f"<b>Responders:</b> {mentions}")

    async def set_topic(self, channel: Channel, topic: str) -> None:
        """See ``ChannelService``. Nothing: a topic has a name alone."""

    async def announce(self, shared: Channel, opening: Opening, channel: Channel, key: str) -> None:
        """See ``ChannelService``. Nothing: a new topic is at the top of the group's list."""

    async def _chat(self) -> Mapping[str, Any]:
        return await self._get("getChat", {"chat_id": self._options.chat})

    def _group(self, chat: Mapping[str, Any]) -> Channel:
        if not id_of(chat):
            raise self._http.doubt("gave no chat id", repeatable=True)
        return Channel(
            id=self._http.mask.identifier(id_of(chat)), name=self._http.clean(text_of(chat, "title"), 80)
        )

    def _link(self, chat: str, *parts: str) -> str:
        """The address of a topic or a message for the group's members; "" where the group has none."""
        supergroup = _SUPERGROUP.fullmatch(chat)
        return self._http.mask.link("/".join(("https://t.me/c", supergroup[1], *parts))) if supergroup else ""

    # People

    async def _mentions(self, channel: Channel, handles: Sequence[str]) -> str:
        """The HTML that mentions these people by user name or id; who is unknown is left out."""
        people = [await self._mention(channel, handle.strip()) for handle in dict.fromkeys(handles)]
        return " ".join(filter(None, people))

    async def _mention(self, channel: Channel, handle: str) -> str:
        if username := _USERNAME.fullmatch(handle):
            return f"@{username[1]}"
        if not _USER_ID.fullmatch(handle):
            return ""
        try:
            member = await self._get("getChatMember", {"chat_id": channel.id, "user_id": handle})
        except HttpRejected as no:
            if no.status == 401:
                raise
            return ""
        name = sanitize(text_of(object_of(member, "user"), "first_name"), newlines=False).strip()
        return f'<a href="tg://user?id={handle}">{_escaped(name or handle)}</a>'

    # Messages

    async def _post(self, channel: Channel, text: str) -> Receipt:
        kind, place = _place(channel)
        body: dict[str, Any] = {"chat_id": channel.id, **_html(text)}
        if kind == "t":
            body["message_thread_id"] = int(place)
        elif kind == "m":
            # Without the reply it still says which incident it is about.
            body["reply_parameters"] = {"message_id": int(place), "allow_sending_without_reply": True}
        message = id_of(await self._call("sendMessage", body), "message_id")
        if not message.isdecimal():
            raise self._http.doubt("gave no message id")
        topic = (place,) if kind == "t" else ()
        return Receipt(id=self._http.mask.identifier(message), url=self._link(channel.id, *topic, message))

    async def _edited(self, channel: Channel, message: Message, shown: Receipt) -> bool:
        """Whether the message reads as it should now; False if it is gone or may no longer be edited."""
        body = {"chat_id": channel.id, "message_id": int(shown.id), **_html(self.render(message))}
        try:
            await self._call("editMessageText", body, repeatable=True)
        except HttpRejected as no:
            if no.code in _NOT_EDITABLE:
                return False
            if no.code != _NOT_MODIFIED:
                raise
        return True

    async def _pin(self, channel: Channel, receipt: Receipt) -> None:
        body = {"chat_id": channel.id, "message_id": int(receipt.id), "disable_notification": True}
        # The post is there. Raising would have it posted again.
        with suppress(DeliveryError):
            await self._call("pinChatMessage", body, repeatable=True)

    # Calls

    async def _get(self, method: str, query: Mapping[str, str] | None = None) -> Mapping[str, Any]:
        return object_of((await self._http.send("GET", method, params=query)).data, "result")

    async def _call(self, method: str, body: Mapping[str, Any], *, repeatable: bool = False) -> Mapping[str, Any]:
        return object_of(
            (await self._http.send("POST", method, json_body=body, repeatable=repeatable)).data, "result"
        )


def _place(channel: Channel) -> tuple[str, str]:
    """What a channel's ``thread`` is, ``t`` or ``m``, and its id; "" for a thread of neither kind."""
    found = _PLACE.fullmatch(channel.thread)
    return (found[1], found[2]) if found else ("", "")


def _html(text: str) -> dict[str, Any]:
    return {"text": text, "parse_mode": "HTML", "link_preview_options": _NO_PREVIEW}


def _escaped(text: str) -> str:
    """The three characters Telegram asks to escape, and ``@`` in its full-width form where it would mention."""
    return _AT.sub("＠", text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
