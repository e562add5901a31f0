"""E-mail by SMTP: each recipient gets a mail of its own; nothing is edited and nothing is read back.

All mails of a delivery have one Message-ID, and a delivery that is repeated has it again. Many mail systems drop
the second of two mails with one id, but none promises it. All mails of an incident answer to the id of a mail that
was never sent, so that mail readers show them as one thread (RFC 5322, 3.6.4).

The server accepts or refuses each recipient by itself. Who has a delivery is remembered while the program runs, so
that a retry sends it only to those who do not have it. A retry by another process sends it to everyone.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from email.utils import formataddr
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from warroom.connect.chat import message_lines, plain
from warroom.connect.http import TOTAL_SECONDS
from warroom.connect.setup import Setup
from warroom.connect.smtp import Reply, Security, SendReport, SmtpClient, SmtpServer
from warroom.errors import DeliveryError, NotSent, Rejected, Unconfirmed
from warroom.incident.delivery import Channel, Message, Opening, Receipt
from warroom.safety import sanitize

if TYPE_CHECKING:
    import ssl

_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST = re.compile(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})*")
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
# Of what RFC 5322 allows: no quoted local parts, and nothing that a mail reader decodes (=?…?=).
_ADDRESS = re.compile(rf"(?=.{{3,254}}$)(?=[^@]{{1,64}}@)(?!.*=\?){_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})*")
_NAMED_ADDRESS = re.compile(r'"?(?P<name>[^"<>]*?)"?\s*<(?P<address>[^<>]+)>')
_MESSAGE_ID = re.compile(r"<[A-Za-z0-9.]{1,64}@[A-Za-z0-9_.-]{1,253}>")

_SUBJECT_LENGTH = 200
_PLAIN_LENGTH = 60
"""A header's text that is longer has to be folded, so it is encoded."""

_NAMED = 3
"""So many addresses are named in an error."""

_REMEMBERED = 500
"""Deliveries of which it is remembered who has them."""


class MailOptions(BaseModel):
    """Settings of an e-mail destination."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    host: str
    """The mail server's name, such as smtp.example.com. Its certificate must be for this name."""
    port: int = Field(default=587, ge=1, le=65535)
    """The server's port: usually 587 for starttls and 465 for tls."""
    security: Security = "starttls"
    """How the connection is encrypted: "starttls" after connecting, "tls" from the first byte, "none" not at all.
    With "none" a login is refused, except to a server on this machine."""
    username: str = ""
    """The account that logs in; empty for a server that needs no login."""
    password: SecretStr | None = None
    """The account's password, or an app password."""
    sender: str
    """Who the mails are from: "Checkout team <incidents@example.com>", or an address alone. The account must be
    allowed to send from it. Mails that cannot be delivered are returned to it."""
    recipients: tuple[str, ...] = Field(min_length=1)
    """The addresses that get each message. Everyone gets a mail of their own and sees no other address."""
    reply_to: str = ""
    """The address that answers go to, if not the sender."""

    @field_validator("host")
    @classmethod
    def _a_host(cls, value: str) -> str:
        host = value.strip()
        if not (_HOST.fullmatch(host) or _is_ip(host)):
            raise ValueError("must be the name of a server, without a port and without smtp://")
        return host

    @field_validator("username")
    @classmethod
    def _a_username(cls, value: str) -> str:
        if not value.isprintable():
            raise ValueError("must not contain line breaks or control characters")
        return value.strip()

    @field_validator("sender")
    @classmethod
    def _a_sender(cls, value: str) -> str:
        _parse(value)
        return value

    @field_validator("recipients")
    @classmethod
    def _addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(_bare_address(one) for one in value))

    @field_validator("reply_to")
    @classmethod
    def _an_address_or_none(cls, value: str) -> str:
        return _bare_address(value) if value.strip() else ""

    @model_validator(mode="after")
    def _a_login_that_can_be_sent(self) -> MailOptions:
        if bool(self.username) != bool(self.password and self.password.get_secret_value()):
            raise ValueError("username and password go together: give both, or neither")
        if self.security == "none" and self.username and not _is_loopback(self.host):
            raise ValueError(f'security = "none" would send the password in clear to {self.host}')
        return self


class Mail:
    """A ``Chat`` that sends e-mail. It cannot be known what a mail server did with a mail whose answer was lost."""

    Options = MailOptions
    setup = Setup(
        "e-mail",
        (
            "Take an account that may send mail; with two-factor login create an app password.",
            "Look up the mail server's name and port: 587 with starttls, or 465 with tls.",
        ),
        ("host", "username", "password", "sender", "recipients"),
    )
    dedupes = False
    reads_back = False
    threads = True
    reports_sending = True
    max_length = 100_000
    """Mail servers take far more; nobody reads more."""

    def __init__(
        self,
        options: MailOptions,
        *,
        context: ssl.SSLContext | None = None,
        total_seconds: float = TOTAL_SECONDS,
    ) -> None:
        self._options = options
        self._sender = _parse(options.sender)
        server = SmtpServer(options.host, options.port, options.security, options.username, options.password)
        self._smtp = SmtpClient("E-mail", server, context=context, total_seconds=total_seconds)
        self._accepted: dict[str, set[str]] = {}

    def render(self, message: Message) -> str:
        """The body that is sent: text without markup."""
        return plain(message_lines(message))

    async def open(self, opening: Opening, key: str) -> Channel:
        """Make up the id that the incident's mails answer to. Nothing is sent.

        It is random: another journal's INC-1 must not end up in the same thread.
        """
        thread = f"<{secrets.token_hex(16)}@{self._sender.domain}>"
        return Channel(id=self._sender.address, name=self._audience(), thread=thread)

    async def post(self, channel: Channel, message: Message, key: str) -> Receipt:
        """Send a mail to each recipient who does not have it yet.

        ``Unconfirmed`` when one of them may have it, ``NotSent`` when a retry may reach more of them, ``Rejected``
        when the server refused all of them for good. The error says who has it.
        """
        message_id = self._message_id(message, key)
        report = SendReport(self._has_it(message_id))
        mails = {
            recipient: self._written(recipient, channel, message, key, message_id)
            for recipient in self._options.recipients
            if recipient not in report.accepted
        }
        failure: DeliveryError | None = None
        try:
            if mails:
                await self._smtp.send(self._sender.address, mails, report)
        except (NotSent, Rejected) as error:
            failure = error
        failure = self._outcome(report, failure)
        if failure is not None:
            raise failure
        return Receipt(id=message_id)

    async def show_status(self, channel: Channel, message: Message, previous: Receipt | None, key: str) -> Receipt:
        """Nothing: a mail cannot be edited."""
        return Receipt()

    async def find(self, channel: Channel, key: str) -> Receipt | None:
        """Never certain: mailboxes of others cannot be read."""
        raise Unconfirmed("E-mail cannot be read back", f"Ask a recipient ({self._options.recipients[0]}).")

    async def check(self) -> str:
        """The server and the account that logs in there. Sends no mail."""
        await self._smtp.check()
        host, user = self._options.host, self._smtp.clean(self._options.username, 80)
        login = f"logged in at {host} as {user}" if user else f"connected to {host} without a login"
        return f"E-mail: {login}, {self._audience()}"

    async def close(self) -> None:
        """Nothing is held open."""

    def _audience(self) -> str:
        count = len(self._options.recipients)
        return "1 recipient" if count == 1 else f"{count} recipients"

    # What is sent

    def _message_id(self, message: Message, key: str) -> str:
        # A hash: customers must not read the incident's id. The message's own time is part of it, as a new
        # journal begins at INC-1 again.
        parts = (self._sender.address, key, message.at.isoformat())
        digest = hashlib.sha256("\n".join(parts).encode("utf-8", "replace")).hexdigest()
        return f"<{digest[:32]}@{self._sender.domain}>"

    def _written(self, recipient: str, channel: Channel, message: Message, key: str, message_id: str) -> bytes:
        """The mail for one recipient, with CRLF and nothing but ASCII."""
        from email.message import EmailMessage
        from email.policy import SMTP

        thread = channel.thread if _MESSAGE_ID.fullmatch(channel.thread) else ""
        mail = EmailMessage(policy=SMTP.clone(cte_type="7bit"))
        for name, value in (
            ("From", self._sender.header()),
            ("To", recipient),
            ("Reply-To", self._options.reply_to),
            ("Subject", _encoded("Subject", _subject(message))),
            ("Message-ID", message_id),
            ("In-Reply-To", thread),
            ("References", thread),
            ("Auto-Submitted", "auto-generated"),
            ("X-Warroom-Key", _encoded("X-Warroom-Key", _one_line(key)) if message.audience == "team" else ""),
        ):
            if value:
                mail[name] = _HeaderLine.of(name, value)
        mail["Date"] = message.at
        mail.set_content(self.render(message))
        return mail.as_bytes()

    # What became of it

    def _has_it(self, message_id: str) -> set[str]:
        """Who has the delivery already, as far as this process knows; the set is added to."""
        while len(self._accepted) >= _REMEMBERED and message_id not in self._accepted:
            del self._accepted[next(iter(self._accepted))]
        return self._accepted.setdefault(message_id, set())

    def _outcome(self, report: SendReport, failure: DeliveryError | None) -> DeliveryError | None:
        """The error that the report means, None if everyone has the mail. ``failure`` ended the session early."""
        accepted = set(report.accepted)  # after a timeout it can still grow
        missing = [one for one in self._options.recipients if one not in accepted]
        has_it = _have("has it", "have it", [one for one in self._options.recipients if one in accepted])
        if not missing:
            return None
        if failure and report.in_doubt in missing:
            without = _have("does not", "do not", [one for one in missing if one != report.in_doubt])
            title = "; ".join([failure.title, f"{report.in_doubt} may have it", *has_it, *without])
            return Unconfirmed(title, f"Ask {report.in_doubt}.")
        refused = {one: report.refused[one] for one in missing if one in report.refused}
        for_good = {one: reply for one, reply in refused.items() if reply.code >= 500}
        if len(for_good) == len(missing):
            title = f"E-mail: {self._options.host} refused {_named(for_good)}: {_first(for_good)}"
            return Rejected("; ".join([title, *has_it]), "Check sender and recipients in the settings.")
        if failure and len(refused) < len(missing):
            title, kind, remedy = failure.title, type(failure), failure.remedy
        else:
            for_now = {one: reply for one, reply in refused.items() if one not in for_good}
            title = f"E-mail: {self._options.host} refused {_named(for_now)} for now: {_first(for_now)}"
            kind, remedy = NotSent, "It will be retried."
        never = [f"refused for good: {_named(for_good)}, {_first(for_good)}"] if for_good else []
        return kind("; ".join([title, *has_it, *never]), remedy)


class _Sender(NamedTuple):
    name: str
    address: str

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]

    def header(self) -> str:
        """The sender as the From header has it."""
        if not self.name or _is_plain(self.name):
            return formataddr((self.name, self.address))
        return f"{_encoded('From', self.name)}\r\n <{self.address}>"


class _HeaderLine(str):
    """A header's value that is sent as it is.

    ``email`` would decode encoded words in it, line breaks included (CVE-2024-6923), and encode a long id.
    """

    name: str

    @classmethod
    def of(cls, name: str, value: str) -> _HeaderLine:
        line = cls(value)
        line.name = name
        return line

    def fold(self, *, policy: Any) -> str:
        """See ``email.headerregistry.BaseHeader``."""
        return f"{self.name}: {self}\r\n"


def _subject(message: Message) -> str:
    """The title; for our own people with the incident's id in it."""
    title = _one_line(message.title) or "Incident update"
    incident = _one_line(message.incident)
    if message.audience != "customers" and not re.search(rf"(?<!\w){re.escape(incident)}(?!\w)", title):
        title = f"[{incident}] {title}"
    return title if len(title) <= _SUBJECT_LENGTH else f"{title[: _SUBJECT_LENGTH - 1]}…"


def _one_line(text: str) -> str:
    return " ".join(sanitize(text, newlines=False).split())


def _is_plain(text: str) -> bool:
    """Whether a header holds the text as it is: short, printable ASCII, and nothing that readers decode."""
    return len(text) <= _PLAIN_LENGTH and text.isascii() and text.isprintable() and "=?" not in text


def _encoded(name: str, text: str) -> str:
    """The text as the header ``name`` has it, in encoded words where it needs them (RFC 2047)."""
    if _is_plain(text):
        return text
    from email.header import Header

    return Header(text, "utf-8", header_name=name).encode(linesep="\r\n")


def _parse(sender: str) -> _Sender:
    """The sender's name and address. ``ValueError`` for anything else."""
    named = _NAMED_ADDRESS.fullmatch(sender.strip())
    if named is None:
        return _Sender("", _bare_address(sender))
    return _Sender(_one_line(named["name"]), _bare_address(named["address"]))


def _bare_address(text: str) -> str:
    """The address without blanks around it. ``ValueError`` for anything else."""
    address = text.strip()
    if not _ADDRESS.fullmatch(address):
        raise ValueError(
            f'"{_one_line(address)[:80]}" is not an e-mail address such as ops@example.com '
            "(write other letters of its domain in the xn-- form)"
        )
    return address


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_ip(host) and ipaddress.ip_address(host).is_loopback)


def _named(addresses: Iterable[str]) -> str:
    """The addresses, the first few by name."""
    everyone = list(addresses)
    more = len(everyone) - _NAMED
    return ", ".join(everyone[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _have(one: str, many: str, addresses: Sequence[str]) -> list[str]:
    """A part of a sentence about them, none about nobody."""
    return [f"{_named(addresses)} {one if len(addresses) == 1 else many}"] if addresses else []


def _first(refused: Mapping[str, Reply]) -> str:
    return str(next(iter(refused.values())))
