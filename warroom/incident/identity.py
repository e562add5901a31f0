"""Ids of entries. Pure: randomness and time are passed in."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid5

OUTSIDE = UUID("6f0c5f0e-6f1d-5b0e-9d53-7d1d0c1f7a11")
"""The namespace of ids for facts from outside: the same fact has the same id on every machine."""


def uuid7(at: datetime, randomness: bytes) -> UUID:
    """Return a UUID version 7 (RFC 9562) of a time and 10 random bytes. Later times sort later."""
    milliseconds = int(at.timestamp() * 1000)
    value = (milliseconds & (1 << 48) - 1) << 80 | int.from_bytes(randomness[:10], "big")
    value = value & ~(0xF << 76) | 7 << 76
    value = value & ~(0x3 << 62) | 2 << 62
    return UUID(int=value)


def outside_id(*parts: str) -> UUID:
    """Return the id of a fact from outside, from what identifies it there, such as source, fingerprint and time."""
    return uuid5(OUTSIDE, "\x1f".join(parts))


def legacy_id(journal: UUID, stream: str, seq: int) -> UUID:
    """Return the id of an entry that was written before entries had ids. ``journal`` is the id of the journal."""
    return uuid5(journal, f"{stream}/{seq}")


def short_id(entry: UUID) -> str:
    """Return 8 hexadecimal digits of the random part of an id, enough to distinguish the entries of a stream."""
    return entry.hex[-8:]
