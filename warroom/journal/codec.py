"""Rows of the SQLite journal as values of the domain, and back. Upcasts what earlier versions wrote."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from warroom.errors import JournalError
from warroom.incident.delivery import Delivery, DeliveryState, OutboxItem, Receipt
from warroom.incident.events import TEAM, Entry, parse_event
from warroom.incident.identity import legacy_id

EntryRow = tuple[int, int, str, str, str, bytes | None, int | None, bytes | None, int | None]
"""The columns of ``ENTRY_COLUMNS``."""

ENTRY_COLUMNS = (
    "e.seq, e.at, e.by, e.kind, e.body, e.id, h.pos, h.device, h.seen"
    " FROM entries e LEFT JOIN hub_entries h ON h.stream = e.stream AND h.seq = e.seq"
)
"""The columns of an ``EntryRow`` and where they come from."""

ENTRY_ORDER = "h.n IS NOT NULL, h.pos IS NULL, h.pos, e.seq"
"""The order of a stream: what is not shared, then by the hub's positions, then what waits to be sent."""

DeliveryRow = tuple[str, str, int, str, str, int, int | None, str | None, str, bytes | None]

DELIVERY_COLUMNS = (
    "d.id, d.stream, d.seq, d.body, d.state, d.attempts, d.next_attempt_at, d.receipt, d.error, e.id"
    " FROM deliveries d LEFT JOIN entries e ON e.stream = d.stream AND e.seq = d.seq"
)
"""The columns of a ``DeliveryRow`` and where they come from."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def to_entry(journal: Callable[[], UUID], stream: str, row: EntryRow) -> Entry:
    """Return the entry in ``row``. ``journal`` returns the journal's id. Raises ``JournalError`` if it cannot be
    read."""
    seq, at, by, kind, body, entry_id, pos, device, seen = row
    try:
        if entry_id is None:  # written before version 3
            body = upcast(journal(), stream, kind, body)
        return Entry(
            stream=stream,
            seq=seq,
            id=_to_id(journal, stream, seq, entry_id),
            at=from_ms(at),
            by=by,
            event=parse_event(body),
            pos=pos,
            device=None if device is None else UUID(bytes=device),
            seen=seen,
        )
    except (ValueError, TypeError, OverflowError) as error:  # a ValidationError is a ValueError
        raise JournalError(
            f"Entry {seq} of {stream} cannot be read (kind “{kind}”)",
            "If a newer warroom wrote it, upgrade this one. If not, the journal is damaged: run warroom doctor"
            " and restore it from a backup.",
        ) from error


def to_delivery(journal: Callable[[], UUID], row: DeliveryRow) -> Delivery:
    """Return the delivery in ``row``. Raises ``JournalError`` if it cannot be read."""
    delivery_id, stream, seq, body, state, attempts, due, receipt, error, entry_id = row
    try:
        return Delivery(
            id=delivery_id,
            incident=stream,
            seq=seq,
            entry_id=_to_id(journal, stream, seq, entry_id),
            item=OutboxItem.model_validate_json(body),
            state=DeliveryState(state),
            attempts=attempts,
            next_attempt_at=None if due is None else from_ms(due),
            receipt=None if receipt is None else Receipt.model_validate_json(receipt),
            error=error,
        )
    except (ValueError, TypeError, OverflowError) as problem:
        raise JournalError(
            f"Delivery {delivery_id} cannot be read",
            "The journal is damaged: run warroom doctor and restore it from a backup.",
        ) from problem


def to_ms(at: datetime) -> int:
    """Return a time as milliseconds since 1970, UTC. Raises ``ValueError`` without a time zone."""
    if at.tzinfo is None:
        raise ValueError("a time needs a zone")
    return (at - _EPOCH) // _MILLISECOND


def from_ms(at_ms: int) -> datetime:
    """Return the time, UTC, of milliseconds since 1970."""
    return _EPOCH + at_ms * _MILLISECOND


def _to_id(journal: Callable[[], UUID], stream: str, seq: int, stored: bytes | None) -> UUID:
    return UUID(bytes=stored) if stored else legacy_id(journal(), stream, seq)


def upcast(journal: UUID, stream: str, kind: str, body: str) -> str:
    """Upcast the body of an event of an earlier version: chat was called ``heard``, references were numbers."""
    if kind not in ("heard", "amended", "retracted", "alert_taken"):
        return body
    event: dict[str, Any] = json.loads(body)
    if kind == "heard":
        event["kind"] = "chat"
    elif kind == "alert_taken":
        event["alert"] = str(legacy_id(journal, TEAM, event["alert"]))
    else:
        event["entry"] = str(legacy_id(journal, stream, event["entry"]))
    return json.dumps(event)
