"""A hub in a Postgres database, by psycopg 3. The only module that imports the driver.

A call has a deadline by this laptop's clock: a server that accepts and never answers would otherwise hold the
connection for ever. When it passes, the socket is shut down, which ends the call in the driver.
"""

from __future__ import annotations

import contextlib
import json
import select
import socket
import threading
from collections.abc import Collection, Iterator, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import psycopg
from psycopg import errors

from warroom.errors import SettingsError
from warroom.journal.hub.port import (
    SCHEMA,
    Activity,
    Beat,
    Device,
    EntryRefused,
    HubEntry,
    HubRefused,
    HubUnreachable,
    News,
    Welcome,
)
from warroom.journal.hub.schema import CHANNEL, DROP_FUNCTIONS, FUNCTIONS, GRANTS, MEMBER, TABLES

CONNECT_S = 5
ANSWER_S = 10.0
"""How long a call may take, in seconds."""

PRESENT_S = 30.0
"""How long after a heartbeat a session still counts as present, in seconds."""

_REFUSED = (
    errors.InvalidPassword,
    errors.InvalidAuthorizationSpecification,
    errors.InsufficientPrivilege,
    errors.InvalidCatalogName,
    errors.UndefinedFunction,
    errors.InvalidSchemaName,
    errors.UndefinedTable,
)


def check_url(url: str) -> str:
    """Return the address with what is always asked for: TLS that is checked, keepalives.

    Only a unix socket and this machine itself are reached without TLS. Raises ``SettingsError`` for an address that
    is not of Postgres or asks for less.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("postgres", "postgresql"):
        raise SettingsError(
            "The address of the hub is not of the form postgresql://…",
            "Write postgresql://USER:PASSWORD@HOST/DATABASE, as the provider of the database shows it.",
        )
    if all(map(is_local, _hosts(url))):
        return url
    mode = parse_qs(parts.query).get("sslmode", [""])[-1]
    if mode not in ("", "require", "verify-ca", "verify-full"):
        raise SettingsError(
            f"The address of the hub asks for sslmode={mode}: passwords and incidents would travel unencrypted",
            "Remove sslmode from it, or write sslmode=verify-full.",
        )
    return url


def _hosts(url: str) -> list[str]:
    """Every host that the address may be connected to; "" for a unix socket."""
    parts = urlsplit(url)
    options = parse_qs(parts.query)
    named = options["host"][-1] if "host" in options else parts.netloc.rpartition("@")[2]
    hosts = [host.partition("]")[0].strip("[") if "[" in host else host for host in named.split(",")]
    if "host" not in options:
        hosts = [host if host.count(":") != 1 else host.partition(":")[0] for host in hosts]
    return [*hosts, *(address for value in options.get("hostaddr", ()) for address in value.split(","))]


def is_local(host: str) -> bool:
    """Whether ``host`` is this machine: a unix socket or a loopback address."""
    return not host or host.startswith(("/", "127.")) or host in ("localhost", "::1")


def shown_url(url: str) -> str:
    """The address without user and password."""
    parts = urlsplit(url)
    options = parse_qs(parts.query)
    host = (options.get("host") or [parts.hostname or "local socket"])[-1]
    port = f":{parts.port}" if parts.port else ""
    return f"{host}{port}{parts.path}"


class PostgresHub:
    """A connection to the hub at ``url``, made when it is created; see ``port.Hub``.

    Opening raises ``HubUnreachable``, and ``HubRefused`` for a hub of a newer or no schema.
    """

    def __init__(self, url: str, *, answer_s: float = ANSWER_S, connect_s: int = CONNECT_S) -> None:
        self._answer_s = answer_s
        self._closed = False
        self._db = connect(url, connect_s)
        self._notified = False
        self._news: set[News] = set()
        try:
            with self._answering():
                found = self._one("SELECT warroom.version()")[0]
                if found > SCHEMA:
                    raise HubRefused(
                        f"The hub is at version {found}, this warroom knows {SCHEMA}",
                        "Upgrade warroom here. The hub is left as it is, and nothing is lost on this laptop.",
                    )
                self._db.add_notify_handler(lambda note: self._hear(note.payload))  # what comes during a call
                self._db.execute(f"LISTEN {CHANNEL}")
                # Behind a pooler in transaction mode LISTEN succeeds and never wakes. A pooler has process ids of
                # its own; one that passes notifications on is recognised by the first.
                self._notified = self._one("SELECT pg_backend_pid()")[0] == self._db.info.backend_pid
        except BaseException:
            self.close()
            raise

    @property
    def wakes(self) -> bool:
        """Whether the hub has been heard to notify: otherwise its head has to be asked for."""
        return self._notified

    def hello(self, device: UUID, name: str, app: str, highest: int) -> Welcome:
        """See the port."""
        with self._answering():
            row = self._one("SELECT * FROM warroom.hello(%s, %s, %s, %s)", device, _text(name), app, highest)
        return Welcome(*row)

    def push(self, batch: Sequence[HubEntry]) -> list[tuple[UUID, int]]:
        """See the port."""
        sent = json.dumps([_travelling(entry) for entry in batch])
        try:
            with self._answering():
                return self._db.execute("SELECT * FROM warroom.push(%s::json)", (sent,)).fetchall()
        except (errors.DataError, errors.IntegrityError) as error:
            raise EntryRefused(f"The hub does not accept an entry ({type(error).__name__})") from None

    def pull(self, cursor: int) -> list[HubEntry]:
        """See the port."""
        self._news.discard("entries")  # those that were announced until now are read
        with self._answering():
            rows = self._db.execute("SELECT * FROM warroom.pull(%s)", (cursor,)).fetchall()
        return [
            HubEntry(
                pos=pos,
                id=id,
                device=device,
                device_seq=device_seq,
                stream=stream,
                label=label,
                at=at,
                by=by,
                kind=kind,
                body=body,
                seen=seen,
                orders=orders,
                v=v,
                letter=letter,
            )
            for pos, id, device, device_seq, stream, label, at, by, kind, body, seen, orders, v, letter in rows
        ]

    def chain_at(self, pos: int) -> str | None:
        """See the port."""
        with self._answering():
            found: str | None = self._one("SELECT warroom.chain_at(%s)", pos)[0]
            return found

    def number(self, stream: UUID) -> str:
        """See the port."""
        with self._answering():
            return str(self._one("SELECT warroom.name_incident(%s)", stream)[0])

    def heartbeat(
        self, device: UUID, session: str, present: Sequence[Activity], wanted: Sequence[str], *, lease_s: float
    ) -> Beat:
        """See the port."""
        self._news.discard("present")
        sessions = [{"session": one.session, "stream": str(one.stream), "text": _text(one.text)} for one in present]
        with self._answering():
            found = self._one(
                "SELECT warroom.heartbeat(%s, %s, %s::json, %s, %s, %s)",
                device,
                session,
                json.dumps(sessions),
                list(wanted),
                lease_s,
                PRESENT_S,
            )[0]
        return Beat(
            head=found["head"],
            now=datetime.fromtimestamp(found["now"], UTC),
            devices=[
                Device(
                    UUID(one["id"]),
                    one["letter"],
                    one["name"],
                    datetime.fromtimestamp(one["last_seen"], UTC),
                    one["app"],
                )
                for one in found["devices"]
            ],
            present=[Activity(one["session"], UUID(one["stream"]), one["text"]) for one in found["present"]],
            leases=found["leases"],
        )

    def wait(self, timeout_s: float) -> Collection[News]:
        """See the port."""
        with _reported():
            self._listen()
            if not self._news:
                select.select([self._db.fileno()], [], [], timeout_s)
                self._listen()
        news, self._news = self._news, set()
        return news

    def _listen(self) -> None:
        self._db.pgconn.consume_input()
        while note := self._db.pgconn.notifies():
            self._notified = True  # between calls: within one, a pooler passes them on, too
            self._hear(note.extra.decode())

    def _hear(self, payload: str) -> None:
        self._news.add("present" if payload == "present" else "entries")

    def close(self) -> None:
        """See the port."""
        self._closed = True
        with contextlib.suppress(Exception):
            self._db.close()

    def _one(self, query: str, *values: object) -> tuple[Any, ...]:
        row = self._db.execute(query.encode(), values).fetchone()
        assert row is not None  # a function returns a row
        return row

    @contextlib.contextmanager
    def _answering(self) -> Iterator[None]:
        """End the calls within at the deadline, and report every error in the port's terms."""
        with _reported(), _deadline(self._db, self._answer_s):
            yield


def connect(url: str, connect_s: int = CONNECT_S) -> psycopg.Connection[tuple[Any, ...]]:
    """Connect to a Postgres database. Raises ``HubUnreachable`` and ``HubRefused``; neither has the password."""
    url = check_url(url)
    options: dict[str, Any] = {}
    if not all(map(is_local, _hosts(url))) and "sslmode=" not in url:
        options["sslmode"] = "require"
    with _reported(shown_url(url)):
        return psycopg.connect(
            url,
            autocommit=True,  # one call is one transaction: no lock spans a round trip
            prepare_threshold=None,  # a pooler in transaction mode gives each statement another server
            connect_timeout=connect_s,
            keepalives_idle=30,
            keepalives_interval=10,
            keepalives_count=3,
            application_name="warroom",
            **options,
        )


def create_hub(url: str) -> bool:
    """Create the hub's schema, or bring it up to date, and return whether there is a role for its members.

    Where the server does not let this role create roles, everyone needs the owner's own. Errors as ``connect``,
    and ``HubRefused`` for a hub that a newer warroom has created.
    """
    with contextlib.closing(connect(url)) as db, _reported(), _deadline(db, 60):
        known = db.execute("SELECT to_regclass('warroom.meta')").fetchone()
        if known and known[0]:
            found = db.execute("SELECT schema FROM warroom.meta").fetchone()
            if found and found[0] > SCHEMA:
                raise HubRefused(
                    f"The hub is at version {found[0]}, this warroom knows {SCHEMA}", "Upgrade warroom."
                )
        with db.transaction():
            db.execute(TABLES)
            db.execute(DROP_FUNCTIONS.encode())
            db.execute(FUNCTIONS.encode())
        try:
            with db.transaction():
                if not db.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (MEMBER,)).fetchone():
                    db.execute(f"CREATE ROLE {MEMBER} NOLOGIN")
                db.execute(GRANTS)
        except errors.InsufficientPrivilege:
            return False
    return True


@contextlib.contextmanager
def _deadline(db: psycopg.Connection[Any], seconds: float) -> Iterator[None]:
    copy = socket.socket(fileno=_duplicate(db.fileno()))
    passed = threading.Event()

    def end() -> None:
        passed.set()
        with contextlib.suppress(OSError):
            copy.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except psycopg.OperationalError as error:
        if passed.is_set():
            raise HubUnreachable(f"The hub did not answer within {seconds:.0f} s") from error
        raise
    finally:
        timer.cancel()
        copy.close()


def _duplicate(file: int) -> int:
    import os

    return os.dup(file)


@contextlib.contextmanager
def _reported(where: str = "") -> Iterator[None]:
    """Report the driver's errors as the port's, without what they quote of queries and passwords."""
    at = f" at {where}" if where else ""
    try:
        yield
    except (errors.DataError, errors.IntegrityError):
        raise
    except errors.DiskFull:
        raise HubUnreachable(
            f"The disk of the hub{at} is full", "Free space there. Entries wait on this laptop and are safe."
        ) from None
    except errors.ReadOnlySqlTransaction:
        raise HubUnreachable(f"The hub{at} takes no entries: its database is read-only") from None
    except _REFUSED as error:
        raise _refused(error, at) from None
    except psycopg.OperationalError as error:
        text = str(error)
        # Errors while connecting have no code in libpq: only their English text tells them apart.
        if "password authentication failed" in text or ("role" in text and "does not exist" in text):
            raise _refused(errors.InvalidPassword(), at) from None
        if "database" in text and "does not exist" in text:
            raise _refused(errors.InvalidCatalogName(), at) from None
        raise HubUnreachable(f"The hub{at} cannot be reached{_reason(text)}") from None
    except (psycopg.Error, OSError, ValueError) as error:
        raise HubUnreachable(f"The connection to the hub{at} was lost ({type(error).__name__})") from None


def _reason(text: str) -> str:
    for needle, reason in (
        ("timeout", "it does not answer"),
        ("could not translate host name", "its name is not known"),
        ("Name or service not known", "its name is not known"),
        ("Connection refused", "nothing listens there"),
        ("SSL", "no encrypted connection could be made"),
        ("certificate", "its certificate is not trusted"),
        ("too many", "it has too many connections"),
    ):
        if needle in text:
            return f": {reason}"
    return ""


def _refused(error: psycopg.Error, at: str) -> HubRefused:
    match error:
        case errors.InvalidPassword() | errors.InvalidAuthorizationSpecification():
            return HubRefused(
                f"The hub{at} refused user or password",
                "Check the address that [hub] url refers to; the password may have been revoked.",
            )
        case errors.InvalidCatalogName():
            return HubRefused(f"The hub{at} has no such database", "Check the address that [hub] url refers to.")
        case errors.InsufficientPrivilege():
            return HubRefused(
                f"The hub{at} does not let this user in", f"Run there: GRANT {MEMBER} TO the user of the address."
            )
        case _:
            return HubRefused(f"The database{at} is no hub yet", "Run warroom hub init once, as its owner.")


_TRAVELLING = [field.name for field in fields(HubEntry) if field.name not in ("pos", "letter")]


def _travelling(entry: HubEntry) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in _TRAVELLING} | {
        "id": str(entry.id),
        "device": str(entry.device),
        "stream": str(entry.stream),
        "by": _text(entry.by),
        "body": _text(entry.body),
        "orders": _text(entry.orders),
        "scrubs": _text(entry.scrubs),
        "label": _text(entry.label),
    }


def _text(text: str) -> str:
    """Text that Postgres takes: it has no place for NUL, and UTF-8 none for half a surrogate pair."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()
