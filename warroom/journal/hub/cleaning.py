"""Makes what other laptops send safe to keep: sanitized, secrets masked, and readable or marked as not."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from warroom.incident.delivery import OutboxItem
from warroom.incident.events import parse_event
from warroom.journal.hub.port import FORMAT, HubEntry


def cleaned(entry: HubEntry, clean_text: Callable[[str], str]) -> HubEntry:
    """The entry with every text in it sanitized and redacted, as if it had been typed here."""
    try:
        body = json.dumps(_clean(json.loads(entry.body), clean_text), ensure_ascii=False, separators=(",", ":"))
        orders = entry.orders and json.dumps(_clean(json.loads(entry.orders), clean_text), ensure_ascii=False)
        event = parse_event(body)
        kind = event.kind
        for order in json.loads(orders) if orders else ():
            OutboxItem.model_validate(order["item"])
    except (ValueError, LookupError, TypeError, RecursionError):
        # What cannot be read keeps its place: an entry is never dropped, and must not stop the ones after it.
        kind, orders = "unreadable", ""
        body = json.dumps({"kind": kind})
    if entry.v > FORMAT:
        orders = ""
    return HubEntry(
        pos=entry.pos,
        id=entry.id,
        device=entry.device,
        device_seq=entry.device_seq,
        stream=entry.stream,
        label=stream_name(entry.label),
        at=min(max(entry.at, 0), 253_402_300_799_000),
        by=clean_text(entry.by)[:200],
        kind=kind,
        body=body,
        seen=entry.seen,
        orders=orders,
        v=entry.v,
        letter=stream_name(entry.letter) if entry.letter else "",
    )


def _clean(value: Any, clean_text: Callable[[str], str]) -> Any:
    match value:
        case str():
            return clean_text(value)
        case list():
            return [_clean(one, clean_text) for one in value]
        case dict():
            return {clean_text(str(key)): _clean(one, clean_text) for key, one in value.items()}
        case _:
            return value


def stream_name(label: str) -> str:
    """A stream's name: it is shown, typed and used in names of files, so nothing else is let in."""
    kept = "".join(one for one in label if one.isascii() and (one.isalnum() or one in "-/"))[:40]
    return kept or "INC-0"
