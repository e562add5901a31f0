"""E-mail, against a real server: everyone gets a mail of their own, and nobody who has it gets it again."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import functools
import re
import socket
import ssl
import threading
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from email import policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import parseaddr
from typing import Any

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from harness import servers
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from warroom.connect.attempt import Attempt, post_under
from warroom.connect.chat.mail import Mail, MailOptions
from warroom.connect.ports import Chat
from warroom.errors import DeliveryError, NotSent, Rejected, Unconfirmed
from warroom.incident.delivery import Channel, Message, Opening, Receipt
from warroom.safety import sanitize
from warroom.testing import ChatContract
from warroom.testing.chat_contract import KEY, message

pytestmark = [pytest.mark.anyio, pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")]
anyio_backend = servers.anyio_backend

USER, PASSWORD = "incidents", "plantedsecret-0123456789abcdef"
ALICE, BOB, CAROL = "alice@example.com", "bob@example.com", "carol@example.com"
OPENING = Opening(incident="INC-7", name="inc-7-checkout", title="INC-7 checkout", topic="investigating")
HERE = Channel(id="incidents@example.com", thread="<0123456789abcdef0123456789abcdef@example.com>")
CUT, HANG = "cut", "hang"


@functools.cache
def authority() -> trustme.CA:
    return trustme.CA()


@functools.cache
def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority().configure_trust(context)
    return context


@functools.cache
def certified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert("localhost").configure_cert(context)
    return context


class Mailbox:
    """What aiosmtpd does with mail. The replies to a recipient's RCPT and DATA are taken from ``rcpt`` and ``data``
    until there are none left; ``CUT`` drops the connection and ``HANG`` never answers."""

    def __init__(self) -> None:
        self.rcpt: dict[str, list[str]] = {}
        self.data: dict[str, list[str]] = {}
        self.mails: list[tuple[list[str], EmailMessage]] = []
        self.raw: list[bytes] = []
        self.hosts: list[str] = []
        self.sessions: set[int] = set()
        self.logins: list[LoginPassword] = []
        self.hangs = threading.Event()

    def login(self, server: Any, session: Any, envelope: Any, mechanism: str, given: LoginPassword) -> AuthResult:
        self.logins.append(given)
        return AuthResult(success=given == LoginPassword(USER.encode(), PASSWORD.encode()), handled=False)

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if replies := self.rcpt.get(address):
            if replies[0] == CUT:
                server.transport.abort()
            return replies.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        reply = "250 OK"
        if replies := self.data.get(envelope.rcpt_tos[0]):
            reply = replies.pop(0)
        if reply == CUT:
            server.transport.abort()
        elif reply == HANG:
            self.hangs.set()
            await asyncio.Event().wait()
        elif reply.startswith("250"):
            self.sessions.add(id(session))
            self.hosts.append(session.host_name)
            self.raw.append(envelope.original_content)
            parsed = BytesParser(policy=policy.default).parsebytes(envelope.original_content)
            assert isinstance(parsed, EmailMessage)
            self.mails.append((envelope.rcpt_tos, parsed))
        return reply

    @property
    def readers(self) -> list[str]:
        """Who got a mail, in order."""
        return [address for to, _ in self.mails for address in to]


UNPROTECTED = {"tls_context": None, "require_starttls": False, "auth_require_tls": False}
"""Settings of a server that takes a login without STARTTLS."""

OPEN = {"tls_context": None, "require_starttls": False, "auth_required": False}
"""Settings of a server without encryption and login."""


@contextlib.contextmanager
def serving(mailbox: Mailbox, **more: Any) -> Iterator[int]:
    """The port of a server that delivers to ``mailbox``. By itself it requires STARTTLS and a login."""
    given = {"tls_context": certified(), "require_starttls": True, "auth_required": True, **more}
    controller = Controller(
        mailbox, hostname="127.0.0.1", port=servers.free_port(), authenticator=mailbox.login, **given
    )
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def port(mailbox: Mailbox) -> Iterator[int]:
    with serving(mailbox) as port:
        yield port


@contextlib.contextmanager
def dripping(byte: bytes) -> Iterator[int]:
    """The port of a server that sends the same byte until the client disconnects, which it has to do."""
    over = threading.Event()

    def drip() -> None:
        connection, _ = listener.accept()
        with connection, contextlib.suppress(OSError):
            while not over.wait(0.05):
                connection.sendall(byte)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(10)
        over.set()
        assert not thread.is_alive(), "the client is still connected"


def backend(port: int, *, total_seconds: float = 20.0, context: ssl.SSLContext | None = None, **more: Any) -> Mail:
    options = {
        "host": "localhost",
        "port": port,
        "username": USER,
        "password": PASSWORD,
        "sender": "Checkout team <incidents@example.com>",
        "recipients": (ALICE, BOB, CAROL),
        **more,
    }
    return Mail(MailOptions.model_validate(options), context=context or trusting(), total_seconds=total_seconds)


def plain_backend(port: int, **more: Any) -> Mail:
    """One that does not log in and does not encrypt."""
    return backend(port, **{"security": "none", "username": "", "password": None, **more})


def one_line(text: str) -> str:
    return " ".join(sanitize(text, newlines=False).split())


def body(mail: EmailMessage) -> str:
    """The text as the reader sees it."""
    text: str = mail.get_content()
    return text.replace("\r\n", "\n").removesuffix("\n")


async def failure(chat: Mail, given: Message | None = None) -> DeliveryError:
    with pytest.raises(DeliveryError) as raised:
        await chat.post(HERE, given or message(), KEY)
    assert PASSWORD not in "".join(traceback.format_exception(raised.value))
    return raised.value


class TestMail(ChatContract):
    def chat(self) -> Chat:
        return backend(587)


# What arrives


async def test_everyone_gets_a_mail_of_their_own_over_one_encrypted_connection(mailbox: Mailbox, port: int) -> None:
    chat = backend(port, reply_to="ops@example.com")
    receipt = await chat.post(HERE, message(), KEY)
    assert mailbox.readers == [ALICE, BOB, CAROL] and len(mailbox.sessions) == 1
    for to, mail in mailbox.mails:
        assert [to] == [[mail["To"]]] and mail["Cc"] is None and mail["Bcc"] is None
        assert mail["From"] == "Checkout team <incidents@example.com>"
        assert mail["Reply-To"] == "ops@example.com"
        assert mail["Subject"] == "[INC-7] Card payments fail"
        assert mail["Date"].datetime == message().at
        assert mail["Auto-Submitted"] == "auto-generated"
        assert mail["Message-ID"] == receipt.id
        assert mail.get_content_type() == "text/plain" and not mail.is_multipart()
        assert body(mail) == chat.render(message())


async def test_mails_of_an_incident_are_one_thread_and_those_of_another_journal_are_not(
    mailbox: Mailbox, port: int
) -> None:
    chat = backend(port, recipients=(ALICE,))
    channel = await chat.open(OPENING, "k")
    assert channel.name == "1 recipient" and channel.id
    await chat.post(channel, message(), "one")
    await chat.post(channel, message(), "two")
    first, second = (mail for _, mail in mailbox.mails)
    for mail in (first, second):
        assert mail["In-Reply-To"] == mail["References"] == channel.thread
    assert first["Message-ID"] != second["Message-ID"]
    assert (await chat.open(OPENING, "k")).thread != channel.thread, "INC-7 of a new journal"
    await chat.post(Channel(id="", thread="<a@b>\r\nBcc: eve@example.com"), message(), "three")
    assert mailbox.mails[-1][1]["In-Reply-To"] is None and mailbox.mails[-1][1]["Bcc"] is None


async def test_a_repeated_delivery_has_the_same_message_id_and_another_has_not(mailbox: Mailbox, port: int) -> None:
    ids = []
    for key, at in ((KEY, 2026), (KEY, 2026), (KEY, 2027), (f"{KEY}.2", 2026)):
        given = message(at=datetime(at, 1, 28, 13, 5, tzinfo=UTC))
        ids.append((await backend(port, recipients=(ALICE,)).post(HERE, given, key)).id)
    assert ids[0] == ids[1] and len(set(ids)) == 3
    assert [mail["Message-ID"] for _, mail in mailbox.mails] == ids


async def test_customers_read_no_internal_id_anywhere_in_the_mail(mailbox: Mailbox, port: int) -> None:
    text = "Service Issue - Payments\nHi,\nNext update: 14:40"
    given = message(text, audience="customers", title="Service Issue - Payments", marker="Ref 4F7K2Q")
    chat = backend(port)
    await chat.post(await chat.open(OPENING.model_copy(update={"public": True}), "k"), given, KEY)
    assert len(mailbox.raw) == 3
    for raw in mailbox.raw:
        assert b"INC-7" not in raw and KEY.encode() not in raw and b"Ref 4F7K2Q" in raw
    assert {mail["Subject"] for _, mail in mailbox.mails} == {"Service Issue - Payments"}
    assert mailbox.hosts == ["[127.0.0.1]"] * 3, "mail servers write down the name we give"
    await chat.post(HERE, message(), f"{KEY}.2")
    assert mailbox.mails[-1][1]["X-Warroom-Key"] == f"{KEY}.2", "the team can filter by it"


@pytest.mark.parametrize(
    "text", ["Fails\n.\n.hidden\n..\nFrom here on\n>From", f"{'ü' * 3000}\n.", f"{'x ' * 3000}\n."]
)
async def test_a_line_that_smtp_or_mbox_gives_a_meaning_arrives_as_it_is(
    mailbox: Mailbox, port: int, text: str
) -> None:
    given = message(text, audience="executives", marker="-- ")
    chat = backend(port, recipients=(ALICE,))
    await chat.post(HERE, given, KEY)
    assert body(mailbox.mails[0][1]) == chat.render(given)
    assert max(len(line) for line in mailbox.raw[0].splitlines()) <= 998


HOSTILE = st.one_of(
    st.text(max_size=300),
    st.text('aé \r\n\t,;:<>"@()=?_\\\x0b\x85\u2028\ud800', max_size=120),
    st.sampled_from(("x\r\nBcc: eve@example.com", "=?utf-8?q?x=0D=0ABcc:_eve@example.com?=", "é, " * 60)),
)


def test_no_text_can_add_a_header_or_change_one(mailbox: Mailbox) -> None:
    """Not by line breaks, nor by encoded words that hold some: Python's email package decodes those."""

    @given(HOSTILE, HOSTILE, HOSTILE, st.sampled_from(["team", "customers", "executives"]))
    def check(title: str, name: str, text: str, audience: str) -> None:
        name = re.sub(r'["<>]', "", name)
        chat = plain_backend(open_port, recipients=(ALICE,), sender=f'"{name}" <incidents@example.com>')
        given = message(text, title=title, audience=audience)
        asyncio.run(chat.post(HERE, given, f"{KEY}\r\nX: {title}"))
        ((_, mail),), (raw,) = mailbox.mails, mailbox.raw
        mailbox.mails.clear()
        mailbox.raw.clear()
        assert raw.isascii() and all(len(line) <= 998 for line in raw.split(b"\r\n"))
        expected = ["From", "To", "Subject", "Message-ID", "In-Reply-To", "References", "Auto-Submitted"]
        expected += ["X-Warroom-Key"] if audience == "team" else []
        assert mail.keys() == [*expected, "Date", "Content-Type", "Content-Transfer-Encoding", "MIME-Version"]
        # Judged by the older parser: the newer one puts a space between two encoded words of a name.
        shown_name, address = parseaddr(BytesParser(policy=policy.compat32).parsebytes(raw)["From"])
        assert (address, str(make_header(decode_header(shown_name)))) == ("incidents@example.com", one_line(name))
        assert mail["To"] == ALICE
        words, shown = one_line(title) or "Incident update", mail["Subject"].removeprefix("[INC-7] ")
        assert shown == words or (len(shown) > 100 and words.startswith(shown.removesuffix("…")))
        assert body(mail) == chat.render(given)

    with serving(mailbox, **OPEN) as open_port:
        check()


@pytest.mark.parametrize(
    "wrong",
    [
        {"recipients": ()},
        {"recipients": (ALICE, "bob")},
        {"recipients": ("alice@example.com\r\nDATA",)},
        {"recipients": ("alice@example.com, eve@example.com",)},
        {"recipients": ("=?utf-8?q?x?=@example.com",)},
        {"sender": "Checkout team"},
        {"sender": "A <a@example.com> <b@example.com>"},
        {"reply_to": "nobody"},
        {"host": "smtp://mail.example.com"},
        {"host": "mail.example.com:587"},
        {"password": None},
        {"username": ""},
        {"security": "none", "host": "mail.example.com"},
        {"security": "none", "host": "10.0.0.1"},
    ],
)
def test_options_that_could_not_work_or_would_show_the_password_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as raised:
        backend(587, **wrong)
    assert PASSWORD not in str(raised.value)


def test_a_relay_in_ones_own_network_needs_no_login_and_no_encryption() -> None:
    plain_backend(25, host="10.0.0.1")
    plain_backend(25, host="::1", username=USER, password=PASSWORD)


# Who has it, who may have it, who does not


async def test_one_recipient_that_is_refused_is_named_and_sending_again_leaves_out_the_others(
    mailbox: Mailbox, port: int
) -> None:
    mailbox.rcpt[BOB] = ["550 5.1.1 No such mailbox", "550 5.1.1 No such mailbox"]
    chat = backend(port)
    for _ in range(2):
        refused = await failure(chat)
        assert type(refused) is Rejected and refused.remedy
        assert refused.title == (
            "E-mail: localhost refused bob@example.com: 5.1.1 No such mailbox (550); "
            "alice@example.com, carol@example.com have it"
        )
    assert mailbox.readers == [ALICE, CAROL]
    await chat.post(HERE, message(), KEY)
    assert mailbox.readers == [ALICE, CAROL, BOB]


async def test_when_everyone_is_refused_nobody_has_it(mailbox: Mailbox, port: int) -> None:
    for address in (ALICE, BOB, CAROL):
        mailbox.data[address] = ["554 Looks like spam"]
    refused = await failure(backend(port))
    assert type(refused) is Rejected
    everyone = "alice@example.com, bob@example.com, carol@example.com"
    assert refused.title == f"E-mail: localhost refused {everyone}: Looks like spam (554)"


async def test_what_is_refused_for_now_is_retried_for_those_who_do_not_have_it(mailbox: Mailbox, port: int) -> None:
    mailbox.rcpt[BOB] = ["451 4.7.1 Greylisted"]
    mailbox.data[CAROL] = ["550 Never"]
    chat = backend(port)
    refused = await failure(chat)
    assert type(refused) is NotSent
    assert refused.title == (
        "E-mail: localhost refused bob@example.com for now: 4.7.1 Greylisted (451); alice@example.com has it; "
        "refused for good: carol@example.com, Never (550)"
    )
    await chat.post(HERE, message(), KEY)
    assert mailbox.readers == [ALICE, BOB, CAROL]
    await chat.post(HERE, message(), KEY)
    assert mailbox.readers == [ALICE, BOB, CAROL], "everyone has it"
    await chat.post(HERE, message(), f"{KEY}.2")
    assert len(mailbox.readers) == 6


async def test_a_connection_that_drops_after_data_leaves_one_in_doubt(mailbox: Mailbox, port: int) -> None:
    mailbox.data[BOB] = [CUT]
    chat = backend(port)
    unknown = await failure(chat)
    assert type(unknown) is Unconfirmed
    assert unknown.title == (
        "E-mail: localhost dropped the connection; bob@example.com may have it; alice@example.com has it; "
        "carol@example.com does not"
    )
    await chat.post(HERE, message(), KEY)
    assert mailbox.readers == [ALICE, BOB, CAROL]


async def test_a_connection_that_drops_between_two_mails_leaves_nobody_in_doubt(
    mailbox: Mailbox, port: int
) -> None:
    mailbox.rcpt[BOB] = [CUT]
    chat = backend(port)
    cut = await failure(chat)
    assert type(cut) is NotSent
    assert cut.title == "E-mail: localhost dropped the connection; alice@example.com has it"
    await chat.post(HERE, message(), KEY)
    assert sorted(mailbox.readers) == [ALICE, BOB, CAROL]


async def test_a_mail_that_was_refused_is_not_in_doubt_when_the_connection_drops_later(
    mailbox: Mailbox, port: int
) -> None:
    mailbox.data[BOB] = ["554 Looks like spam"]
    mailbox.rcpt[CAROL] = [CUT]
    cut = await failure(backend(port))
    assert type(cut) is NotSent
    assert cut.title == (
        "E-mail: localhost dropped the connection; alice@example.com has it; "
        "refused for good: bob@example.com, Looks like spam (554)"
    )


async def test_a_server_that_never_answers_is_given_up(mailbox: Mailbox) -> None:
    mailbox.data[BOB] = [HANG]
    with serving(mailbox, **OPEN) as port:
        unknown = await failure(plain_backend(port, total_seconds=1.0))
    assert type(unknown) is Unconfirmed
    assert unknown.title == (
        "E-mail: localhost did not answer in time; bob@example.com may have it; alice@example.com has it; "
        "carol@example.com does not"
    )


@pytest.mark.parametrize("security", ["none", "starttls", "tls"])
async def test_a_server_that_answers_byte_by_byte_is_given_up(security: str) -> None:
    with dripping(b"2") as port:
        late = await failure(plain_backend(port, security=security, total_seconds=0.5))
    assert type(late) is NotSent


async def test_many_recipients_of_a_slow_server_are_reached_in_several_attempts(
    mailbox: Mailbox, port: int
) -> None:
    """No mail is begun that could be cut off: an interrupted one would need a person."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("warroom.connect.smtp.SENDING_SHARE", 0.0)
        slow = await failure(chat := backend(port))
    assert type(slow) is NotSent and mailbox.readers == []
    await chat.post(HERE, message(), KEY)
    assert mailbox.readers == [ALICE, BOB, CAROL]


async def test_errors_name_a_few_of_many_recipients(mailbox: Mailbox, port: int) -> None:
    everyone = tuple(f"c{number}@example.com" for number in range(30))
    mailbox.rcpt["c0@example.com"] = ["550 No"]
    refused = await failure(backend(port, recipients=everyone))
    assert "c1@example.com, c2@example.com, c3@example.com and 26 more have it" in refused.title


# Before anything is sent


async def test_what_goes_wrong_before_a_mail_leaves_is_not_sent(
    mailbox: Mailbox, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = await failure(backend(servers.free_port()))
    assert type(nobody) is NotSent and "cannot be reached (connection refused)" in nobody.title
    untrusted = await failure(backend(port, context=ssl.create_default_context()))
    assert type(untrusted) is NotSent and "certificate that is not trusted" in untrusted.title
    misnamed = await failure(backend(port, host="127.0.0.1"))
    assert type(misnamed) is NotSent and "certificate that is not trusted" in misnamed.title
    no_tls = await failure(backend(port, security="tls"))
    assert type(no_tls) is NotSent and "port 587" in no_tls.remedy

    def no_such_name(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_such_name)
    unknown = await failure(backend(port))
    assert type(unknown) is NotSent and "cannot be reached (name or service not known)" in unknown.title
    assert mailbox.logins == [] and mailbox.mails == []


async def test_a_password_is_never_sent_unencrypted(mailbox: Mailbox) -> None:
    """A server, or someone on the way, that leaves out STARTTLS gets nothing."""
    with serving(mailbox, **UNPROTECTED) as port:
        stripped = await failure(backend(port))
        assert type(stripped) is NotSent and "offers no encryption (STARTTLS)" in stripped.title
        assert type(await failure(backend(port, security="tls"))) is NotSent
    assert mailbox.logins == [] and mailbox.mails == []


async def test_tls_from_the_first_byte_works_too(mailbox: Mailbox) -> None:
    with serving(mailbox, **UNPROTECTED, ssl_context=certified()) as port:
        await backend(port, security="tls").post(HERE, message(), KEY)
    assert mailbox.readers == [ALICE, BOB, CAROL] and len(mailbox.logins) == 1


async def test_a_refused_login_says_what_to_do(mailbox: Mailbox, port: int) -> None:
    refused = await failure(backend(port, password="plantedsecret-wrong"))
    assert type(refused) is Rejected and "refused the login" in refused.title and "(535)" in refused.title
    assert "app password" in refused.remedy and "plantedsecret" not in str(refused)
    with serving(mailbox, auth_exclude_mechanism=["PLAIN"]) as login_only:
        await backend(login_only).post(HERE, message(), KEY)
    with serving(mailbox, auth_exclude_mechanism=["PLAIN", "LOGIN"]) as neither:
        assert "offers no login" in (await failure(backend(neither))).title


async def test_a_password_the_server_repeats_is_not_shown(mailbox: Mailbox, port: int) -> None:
    sent = base64.b64encode(f"\0{USER}\0{PASSWORD}".encode()).decode()
    mailbox.rcpt[ALICE] = [f"550 {PASSWORD} {sent} \x1b[31m" + "x" * 400]
    refused = await failure(backend(port, recipients=(ALICE,)))
    assert PASSWORD not in str(refused) and sent not in str(refused) and "\x1b" not in str(refused)
    assert len(refused.title) < 300


async def test_a_server_that_wants_encryption_or_a_login_says_so(mailbox: Mailbox, port: int) -> None:
    refused = await failure(plain_backend(port))
    assert type(refused) is Rejected and "STARTTLS" in refused.title and "(530)" in refused.title
    refused = await failure(plain_backend(port, security="starttls"))
    assert type(refused) is Rejected and "uthentication required (530)" in refused.title


# The outbox


async def test_an_attempt_counts_as_sent_only_once_a_mail_has_begun(mailbox: Mailbox, port: int) -> None:
    async def left(chat: Mail) -> bool:
        post_under(attempt := Attempt())
        with contextlib.suppress(DeliveryError):
            await chat.post(HERE, message(), KEY)
        return attempt.end()

    assert not await left(backend(port, password="plantedsecret-wrong"))
    mailbox.rcpt = {address: ["550 No"] for address in (ALICE, BOB, CAROL)}
    assert not await left(backend(port))
    assert await left(backend(port))


async def test_nothing_is_sent_for_an_attempt_that_has_ended(mailbox: Mailbox, port: int) -> None:
    post_under(attempt := Attempt())
    attempt.end()
    assert type(await failure(backend(port))) is NotSent
    assert mailbox.mails == []


async def test_a_post_that_is_cancelled_sends_nothing_more_and_knows_who_has_it(
    mailbox: Mailbox, port: int
) -> None:
    mailbox.data[BOB] = [HANG]
    chat = backend(port)
    task = asyncio.create_task(chat.post(HERE, message(), KEY))
    await asyncio.to_thread(mailbox.hangs.wait, 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert mailbox.readers == [ALICE]
    await chat.post(HERE, message(), KEY)
    assert mailbox.readers == [ALICE, BOB, CAROL]


async def test_doctor_says_where_we_are_logged_in_and_sends_nothing(mailbox: Mailbox, port: int) -> None:
    assert await backend(port).check() == "E-mail: logged in at localhost as incidents, 3 recipients"
    with pytest.raises(Rejected, match="refused the login"):
        await backend(port, password="wrong").check()
    with serving(mailbox, **OPEN) as open_port:
        anyone = plain_backend(open_port, recipients=(ALICE,))
        assert await anyone.check() == "E-mail: connected to localhost without a login, 1 recipient"
    assert mailbox.mails == []


async def test_nothing_is_edited_or_read_back(port: int) -> None:
    chat = backend(port)
    assert await chat.show_status(HERE, message(), None, KEY) == Receipt()
    with pytest.raises(Unconfirmed):
        await chat.find(HERE, KEY)
