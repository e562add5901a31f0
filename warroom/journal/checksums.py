"""The checksum chain over a stream's entries: each covers the one before it, so damage is placed to the entry.

It finds damage by the disk or by another program, not forgery: whoever can write the file can write the chain.
"""

from __future__ import annotations

import hashlib
import sqlite3
from dataclasses import dataclass

SIZE = 16
"""Bytes of a checksum: BLAKE2b (RFC 7693) at 128 bits."""


@dataclass(frozen=True, slots=True)
class Damage:
    """Where a stream stops being what was written: every entry before ``seq`` is as it was."""

    stream: str
    seq: int
    reason: str

    def __str__(self) -> str:
        return f"{self.stream} is damaged from entry {self.seq} on: {self.reason}"


def link(
    previous: bytes, stream: str, seq: int, at: int, by: bytes, kind: bytes, body: bytes, id: bytes | None = None
) -> bytes:
    """The checksum of an entry that follows one with the checksum ``previous`` (empty for the first).

    The texts are UTF-8, each after its length, so that no two entries give the same bytes.
    """
    head = b"%d %d %d %d " % (seq, at, len(by), len(kind))
    return hashlib.blake2b(
        b"".join((previous, stream.encode(), head, by, kind, body, id or b"")),
        digest_size=SIZE,
        usedforsecurity=False,
    ).digest()


# As bytes, so that text which is no UTF-8 any more is found to differ, and does not end the reading.
_ROWS = (
    "SELECT seq, at, CAST(by AS BLOB), CAST(kind AS BLOB), CAST(body AS BLOB), chain{id}"
    " FROM entries WHERE stream = ? ORDER BY seq"
)


def chain_all(db: sqlite3.Connection) -> None:
    """Give every entry its checksum: the step that brings an older journal up to date."""
    for (stream,) in db.execute("SELECT stream FROM streams").fetchall():
        chain_stream(db, stream, with_ids=False)


def chain_stream(db: sqlite3.Connection, stream: str, *, with_ids: bool = True) -> None:
    """Give the entries of a stream their checksums anew, after one of them was replaced."""
    previous, links = b"", []
    for seq, at, by, kind, body, _, *ids in db.execute(_ROWS.format(id=", id" if with_ids else ""), (stream,)):
        previous = link(previous, stream, seq, at, by, kind, body, *ids)
        links.append((previous, stream, seq))
    db.executemany("UPDATE entries SET chain = ? WHERE stream = ? AND seq = ?", links)


def last_link(db: sqlite3.Connection, stream: str, length: int) -> bytes:
    """The checksum of the stream's last entry; empty if it has none."""
    row = db.execute("SELECT chain FROM entries WHERE stream = ? AND seq = ?", (stream, length)).fetchone()
    return row[0] or b"" if row else b""


def find_damage(db: sqlite3.Connection, stream: str) -> Damage | None:
    """The first entry of the stream that is not as it was written; None if all are."""
    previous, expected = b"", 1
    try:
        for seq, at, by, kind, body, chain, id in db.execute(_ROWS.format(id=", id"), (stream,)):
            if seq != expected:
                return Damage(stream, expected, "it is missing")
            previous = link(previous, stream, seq, at, by, kind, body, id)
            if previous != chain:
                return Damage(stream, seq, "it does not match its checksum")
            expected += 1
        row = db.execute("SELECT length FROM streams WHERE stream = ?", (stream,)).fetchone()
    except (sqlite3.Error, UnicodeError, TypeError, OverflowError):
        return Damage(stream, expected, "it cannot be read")
    length = row[0] if row else 0
    if length == expected - 1:
        return None
    if isinstance(length, int) and length >= expected:
        return Damage(stream, expected, f"{length} entries were written, {expected - 1} are there")
    return Damage(stream, expected, f"{expected - 1} entries are there, its length is given as {length}")
