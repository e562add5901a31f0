"""SMTP sessions for connectors, and the only import of smtplib: bounded in time, secrets masked.

``SmtpClient.send`` sends each recipient a mail of its own over one connection (RFC 5321, RFC 3207, RFC 4954). A
``SendReport`` says who has it, who was refused, and whose mail was being sent when the connection dropped; the
caller decides what that means. Whatever ends a session before everyone was tried is raised:

    DNS, connect, TLS, a dropped connection, a reply 4xx     NotSent
    a reply 5xx to the greeting, TLS or login                Rejected    with a remedy

smtplib blocks, so a session runs in a thread. When its time is up its socket is shut down, which ends it however
slowly the server answers. No string that leaves this module holds the password.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import re
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from pydantic import SecretStr

from warroom.connect.attempt import leaving
from warroom.connect.http import CONNECT_SECONDS, TOTAL_SECONDS
from warroom.connect.secret_mask import SecretMask, credentials
from warroom.errors import DeliveryError, NotSent, Rejected

if TYPE_CHECKING:
    import smtplib
    import ssl

QUIT_SECONDS = 1.0
"""For the answer to QUIT, when all mails have theirs."""

SENDING_SHARE = 0.75
"""Of the session's time. A mail that is begun later could be cut off before its answer is here."""

Security: TypeAlias = Literal["starttls", "tls", "none"]


@dataclass(frozen=True)
class SmtpServer:
    """Where to connect, how it is encrypted, and who logs in. Without a ``username`` nobody does."""

    host: str
    port: int
    security: Security = "starttls"
    username: str = ""
    password: SecretStr | None = None


class Reply(NamedTuple):
    """What a server answered, its words fit to be shown."""

    code: int
    words: str

    def __str__(self) -> str:
        return f"{self.words or 'no reason'} ({self.code})"


@dataclass
class SendReport:
    """What became of each recipient's mail. A recipient in none of the three was sent nothing."""

    accepted: set[str]
    """The server has accepted their mail. An answer that is late can add one after ``send`` has ended."""
    refused: dict[str, Reply] = field(default_factory=dict)
    """The server has refused their mail, for now (4xx) or for good (5xx)."""
    in_doubt: str = ""
    """Whose mail was being sent when the session ended: it may have arrived. "" for nobody's."""


class SmtpClient:
    """Sessions with one mail server, one at a time. Opens no connection before it is used.

    ``service`` names it in errors. ``context`` replaces the system's certificates in tests. Certificates are always
    verified, and nothing is sent unencrypted that was to be encrypted.
    """

    def __init__(
        self,
        service: str,
        server: SmtpServer,
        *,
        context: ssl.SSLContext | None = None,
        total_seconds: float = TOTAL_SECONDS,
    ) -> None:
        self.service = service
        self.server = server
        self.context = context
        self.total_seconds = total_seconds
        self.password = server.password.get_secret_value() if server.password else ""
        self.mask = SecretMask(credentials(self.password))

    def __repr__(self) -> str:
        return f"SmtpClient({self.service!r}, host={self.server.host!r})"

    async def send(self, sender: str, mails: Mapping[str, bytes], report: SendReport) -> None:
        """Send each recipient its mail, as bytes with CRLF, and note in ``report`` what became of it.

        Addresses are ASCII, without display names. Raises as the module's docstring says.
        """
        await self._within_limits(lambda session, smtp: session.send(smtp, sender, mails, report))

    async def check(self) -> None:
        """Connect, log in and disconnect. Sends no mail. Raises as the module's docstring says."""
        await self._within_limits(lambda session, smtp: session.check(smtp.noop()))

    async def _within_limits(self, work: Callable[[_Session, smtplib.SMTP], None]) -> None:
        session = _Session(self)
        failure: DeliveryError | None
        try:
            async with asyncio.timeout(self.total_seconds):
                failure = await asyncio.to_thread(session.run, work)
        except TimeoutError:
            failure = self.not_sent("did not answer in time", _remedy_for_ports(self.server))
        finally:
            session.end()
        # Raised out here, where no exception of smtplib (it may hold the password) can become the context.
        if failure is not None:
            raise failure

    def not_sent(self, what: str, remedy: str = "It will be retried.") -> NotSent:
        """The error of a session that ended before everybody was tried."""
        return NotSent(f"{self.service}: {self.server.host} {what}", remedy)

    def clean(self, text: str, limit: int = 200) -> str:
        """Return the server's words fit for an error: no secret, no control character, at most ``limit`` long."""
        return self.mask.line(text, limit)


class _Refused(Exception):
    """The server answered with 4xx or 5xx."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply)
        self.reply = reply


class _Session:
    """One connection. ``run`` is for a thread, ``end`` for any other."""

    def __init__(self, client: SmtpClient) -> None:
        self._client = client
        self._server = client.server
        self._begun = time.monotonic()
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._over = False
        self._doing, self._remedy = "to talk to us", "Check host and port in the settings."

    def run(self, work: Callable[[_Session, smtplib.SMTP], None]) -> DeliveryError | None:
        """Connect, log in, do ``work``, disconnect. Returns what ended it early, if anything did."""
        import smtplib
        import ssl

        client = self._client
        try:
            # With a name given here smtplib does not ask the DNS for ours.
            with contextlib.closing(smtplib.SMTP(local_hostname="localhost")) as smtp:
                self._connect(smtp)
                self._log_in(smtp)
                work(self, smtp)
                self._quit(smtp)
        except DeliveryError as error:
            return error
        except _Refused as no:
            if no.reply.code >= 500:
                title = f"{client.service}: {self._server.host} refused {self._doing}: {no.reply}"
                return Rejected(title, self._remedy)
            return client.not_sent(f"refused {self._doing} for now: {no.reply}")
        except ssl.SSLCertVerificationError as error:
            why = client.clean(error.verify_message or "it cannot be verified", 100)
            return client.not_sent(
                f"has a certificate that is not trusted ({why})",
                "Set host to a name in its certificate. A private authority has to be added to the system's.",
            )
        except ssl.SSLError as error:
            why = client.clean(error.reason or "handshake failed", 100)
            return client.not_sent(f"cannot be talked to by TLS ({why})", _remedy_for_ports(self._server))
        except smtplib.SMTPException:  # an OSError as well
            return client.not_sent("dropped the connection")
        except OSError as error:
            if self._socket is not None:
                return client.not_sent("dropped the connection")
            why = client.clean(error.strerror or str(error), 100)
            return client.not_sent(
                f"cannot be reached ({why[:1].lower()}{why[1:]})", "Check the network, host and port."
            )
        return None

    def end(self) -> None:
        """End the session at once: from now on no mail leaves, and whatever the thread waits for is over."""
        with self._lock:
            self._over = True
            held = self._socket
        if held is not None:
            with contextlib.suppress(OSError):
                # Not the method of an SSLSocket: that lets the thread go on with the connection unencrypted.
                socket.socket.shutdown(held, socket.SHUT_RDWR)

    def send(self, smtp: smtplib.SMTP, sender: str, mails: Mapping[str, bytes], report: SendReport) -> None:
        """See ``SmtpClient.send``."""
        for recipient, mail in mails.items():
            if time.monotonic() - self._begun > self._client.total_seconds * SENDING_SHARE:
                raise self._client.not_sent("is too slow to send to everyone at once", "The others follow.")
            try:
                self.check(smtp.mail(sender))
                self.check(smtp.rcpt(recipient))
                self.check(smtp.docmd("DATA"), 3)
                self._leave(recipient, report)
                smtp.send(_quoted(mail))
                self.check(smtp.getreply())
            except _Refused as no:
                with self._lock:
                    report.refused[recipient] = no.reply
                    report.in_doubt = ""
                smtp.rset()
            else:
                with self._lock:
                    report.accepted.add(recipient)
                    if not self._over:  # else its outcome may just have been read
                        report.in_doubt = ""

    def check(self, reply: tuple[int, bytes], expected: int = 2) -> None:
        """Raise ``_Refused`` for a refusal, and ``NotSent`` for anything but a reply of the expected kind."""
        code, words = reply
        if code // 100 in (4, 5):
            raise _Refused(Reply(code, self._client.clean(words.decode("utf-8", "replace"))))
        if code // 100 != expected:
            raise self._client.not_sent("gave an answer that is not SMTP", _remedy_for_ports(self._server))

    def _connect(self, smtp: smtplib.SMTP) -> None:
        server = self._server
        connection = socket.create_connection((server.host, server.port), CONNECT_SECONDS)
        connection.settimeout(self._client.total_seconds)
        self._hold(smtp, connection)
        smtp.local_hostname = _address_literal(connection)
        if server.security == "tls":
            self._encrypt(smtp, connection)
        self.check(smtp.getreply())
        self.check(smtp.ehlo())
        if server.security == "starttls":
            if not smtp.has_extn("starttls"):
                raise self._client.not_sent("offers no encryption (STARTTLS)", _remedy_for_ports(server))
            self._doing = "encryption"
            self.check(smtp.docmd("STARTTLS"))
            self._encrypt(smtp, connection)
            self.check(smtp.ehlo())

    def _encrypt(self, smtp: smtplib.SMTP, connection: socket.socket) -> None:
        import ssl

        context = self._client.context or ssl.create_default_context()
        # The handshake waits until the encrypted socket is held, so that it can be ended from outside too.
        secure = context.wrap_socket(connection, server_hostname=self._server.host, do_handshake_on_connect=False)
        self._hold(smtp, secure)
        secure.do_handshake()

    def _hold(self, smtp: smtplib.SMTP, connection: socket.socket) -> None:
        """Go on with this socket. What was read from an earlier one, unencrypted, is forgotten (RFC 3207, 4.2)."""
        smtp.sock, smtp.file = connection, None
        with self._lock:
            self._socket = connection
            over = self._over
        if over:
            raise self._client.not_sent("did not answer in time")

    def _log_in(self, smtp: smtplib.SMTP) -> None:
        server = self._server
        if not server.username:
            return
        self._doing = "the login"
        self._remedy = "Check username and password. Accounts with two factors usually need an app password."
        user, password = server.username, self._client.password
        offered = smtp.esmtp_features.get("auth", "").upper().split()
        if "PLAIN" in offered:
            reply = smtp.docmd("AUTH", f"PLAIN {_base64(chr(0) + user + chr(0) + password)}")
        elif "LOGIN" in offered:
            reply = smtp.docmd("AUTH", "LOGIN")
            for answer in (user, password):
                if reply[0] == 334:
                    reply = smtp.docmd(_base64(answer))
        else:
            ways = self._client.clean(", ".join(offered), 100) or "none"
            raise Rejected(
                f"{self._client.service}: {server.host} offers no login with a password (it offers {ways})",
                "Remove username and password if it needs no login, or use a server that takes PLAIN or LOGIN.",
            )
        self.check(reply)

    def _leave(self, recipient: str, report: SendReport) -> None:
        """From here on the mail may arrive. Raises ``NotSent`` if it is not wanted any more."""
        leaving()
        with self._lock:
            if self._over:
                raise self._client.not_sent("did not answer in time")
            report.in_doubt = recipient

    def _quit(self, smtp: smtplib.SMTP) -> None:
        with contextlib.suppress(OSError):
            if smtp.sock is not None:
                smtp.sock.settimeout(QUIT_SECONDS)
            smtp.quit()


def _quoted(mail: bytes) -> bytes:
    """The mail as DATA carries it: a dot before each line that begins with one, and the end (RFC 5321, 4.5.2)."""
    end = b"" if mail.endswith(b"\r\n") else b"\r\n"
    return re.sub(rb"^\.", b"..", mail, flags=re.MULTILINE) + end + b".\r\n"


def _base64(text: str) -> str:
    return base64.b64encode(text.encode("utf-8", "replace")).decode("ascii")


def _address_literal(connection: socket.socket) -> str:
    """Our address for EHLO (RFC 5321, 4.1.3). Our host's name would need the DNS, and recipients could read it."""
    address: str = connection.getsockname()[0].partition("%")[0]
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


def _remedy_for_ports(server: SmtpServer) -> str:
    usual = 'port 465 needs "tls"' if server.security == "starttls" else 'port 587 needs "starttls"'
    return f"Check host, port and security in the settings: {usual}. It will be retried."
