"""Rows of the SQLite journal as values of the domain, and back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from warroom.errors import JournalError
from warroom.incident.delivery import Delivery, DeliveryState, OutboxItem, Receipt
from warroom.incident.events import Entry, parse_event

DELIVERY_COLUMNS = "id, stream, seq, body, state, attempts, next_attempt_at, receipt, error"
"""The columns that ``to_delivery`` takes."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def to_entry(stream: str, row: tuple[int, int, str, str, str]) -> Entry:
    """Return the entry in ``row`` (seq, at, by, kind, body). Raises ``JournalError`` if it cannot be read."""
    seq, at, by, kind, body = row
    try:
        return Entry(stream=stream, seq=seq, at=from_ms(at), by=by, event=parse_event(body))
    except (ValueError, TypeError, OverflowError) as error:  # a ValidationError is a ValueError
        raise JournalError(
            f"Entry {seq} of {stream} cannot be read (kind “{kind}”)",
            "If a newer warroom wrote it, upgrade this one. If not, the journal is damaged: run warroom doctor"
            " and restore it from a backup.",
        ) from error


def to_delivery(row: tuple[str, str, int, str, str, int, int | None, str | None, str]) -> Delivery:
    """Return the delivery in ``row``. Raises ``JournalError`` if it cannot be read."""
    delivery_id, stream, seq, body, state, attempts, due, receipt, error = row
    try:
        return Delivery(
            id=delivery_id,
            incident=stream,
            seq=seq,
            order=OutboxItem.model_validate_json(body),
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
