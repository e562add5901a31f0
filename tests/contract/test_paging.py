"""Paging services: PagerDuty by its contracts, a declared HTTP API, Apprise; what an answer means for a page."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from harness import servers
from pydantic import SecretStr

from warroom.connect.paging.http_api import HttpPaging, HttpPagingOptions
from warroom.connect.paging.pagerduty import PagerDuty, PagerDutyOptions
from warroom.errors import DeliveryError, NotSent, Rejected, SettingsError, Unconfirmed
from warroom.incident.requests import Page

anyio_backend = servers.anyio_backend
pytestmark = [pytest.mark.anyio, servers.needs_contracts]

AT = datetime(2026, 1, 28, 12, 0, tzinfo=UTC)
KEY, BOBS, TOKEN = "k" * 32, "b" * 32, "plantedsecret-0123456789"
ACCEPTED = {"status": "success", "message": "Event processed", "dedup_key": "x"}


def page(**more: Any) -> Page:
    fields = {"incident": "INC-7", "what": "page Alice (declared)", "people": ("Alice",), "service": "checkout"}
    return Page(**{**fields, "severity": "critical", "title": "No orders", "at": AT, **more})


def pagerduty(
    reply: Callable[[httpx.Request], httpx.Response], name: str = "pagerduty-events", **more: Any
) -> PagerDuty:
    # The contracts' paths begin below the base URL's own.
    judge = servers.judged(name, reply)

    def handler(request: httpx.Request) -> httpx.Response:
        request.url = request.url.copy_with(raw_path=request.url.raw_path.removeprefix(b"/v2"))
        return judge.handler(request)  # type: ignore[return-value]

    options = PagerDutyOptions(**{"routing_key": SecretStr(KEY), **more})
    return PagerDuty(options, transport=httpx.MockTransport(handler))


async def test_an_incident_is_one_alert_from_trigger_to_resolve() -> None:
    sent: list[dict[str, Any]] = []

    def reply(request: httpx.Request) -> httpx.Response:
        sent.append(json.loads(request.content))
        return httpx.Response(202, json=ACCEPTED)

    service = pagerduty(reply)
    for change in ("trigger", "acknowledge", "resolve"):
        await service.send(page(change=change), "key")
    await service.send(page(at=AT + timedelta(days=1)), "key")
    assert [one["event_action"] for one in sent] == ["trigger", "acknowledge", "resolve", "trigger"]
    keys = [one["dedup_key"] for one in sent]
    assert len(set(keys[:3])) == 1 and keys[3] != keys[0], "INC-7 of another journal is another alert"
    assert sent[0]["payload"]["summary"] == "INC-7 CRITICAL checkout: No orders"
    assert sent[0]["payload"]["severity"] == "critical" and sent[0]["routing_key"] == KEY


async def test_a_person_with_a_key_of_their_own_is_paged_through_it() -> None:
    used: list[str] = []

    def reply(request: httpx.Request) -> httpx.Response:
        used.append(json.loads(request.content)["routing_key"])
        return httpx.Response(202, json=ACCEPTED)

    service = pagerduty(reply, people={"Bob": SecretStr(BOBS)})
    await service.send(page(people=("Bob",)), "key")
    await service.send(page(people=("Alice", "Bob")), "key")
    assert used == [BOBS, KEY, BOBS]
    with pytest.raises(Rejected, match="no key that pages Alice"):
        await pagerduty(reply, routing_key=None, people={"Bob": SecretStr(BOBS)}).send(page(), "key")


@pytest.mark.parametrize(("status", "error"), [(400, Rejected), (429, NotSent), (500, NotSent), (302, Rejected)])
async def test_what_an_answer_means_and_no_error_holds_the_key(status: int, error: type[DeliveryError]) -> None:
    body = {"status": "invalid event", "message": f"bad {KEY}", "errors": []}
    with pytest.raises(error) as found:
        await pagerduty(lambda _: httpx.Response(status, json=body)).send(page(), "key")
    assert KEY not in str(found.value) + repr(found.value.__dict__)


async def test_a_request_without_an_answer_is_sent_again_for_the_service_knows_it() -> None:
    def lost(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("")

    with pytest.raises(NotSent):
        await pagerduty(lost).send(page(), "key")


async def test_who_is_on_call_is_read_page_by_page() -> None:
    def entry(name: str, hour: int) -> dict[str, Any]:
        start, end = (f"2026-01-28T{at:02d}:00:00Z" for at in (hour, hour + 8))
        return {"user": {"id": "P1", "type": "user", "email": f"{name}@example.com"}, "start": start, "end": end}

    def reply(request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == f"Token token={TOKEN}"
        assert request.url.params["schedule_ids[]"] == "PSCHED"
        first = request.url.params["offset"] == "0"
        found = [entry("ann", 4)] if first else [entry("ben", 12), entry("ann", 4)]
        return httpx.Response(200, json={"oncalls": found, "limit": 100, "offset": 0, "more": first, "total": None})

    service = pagerduty(reply, "pagerduty", schedule="PSCHED", api_token=SecretStr(TOKEN))
    shifts = await service.shifts(AT, AT + timedelta(days=1))
    assert [(one.person, one.begins.hour, one.ends and one.ends.hour) for one in shifts] == [
        ("ann@example.com", 4, 12),
        ("ben@example.com", 12, 20),
    ]
    assert not hasattr(pagerduty(reply), "shifts"), "without a schedule it does not claim to know"


def test_options_that_do_not_fit_together_are_told() -> None:
    for options in (PagerDutyOptions(), PagerDutyOptions(schedule="PSCHED")):
        with pytest.raises(SettingsError):
            PagerDuty(options)


# A declared HTTP API, as Opsgenie's: docs.opsgenie.com/docs/alert-api

OPSGENIE = {
    "url": "https://api.opsgenie.example/v2",
    "headers": {"Authorization": SecretStr(f"GenieKey {TOKEN}")},
    "trigger": {
        "path": "/alerts",
        "body": {"alias": "{{ key }}", "message": "{{ summary }}", "responders": "{{ people }}", "priority": "P1"},
    },
    "acknowledge": {"path": "/alerts/{{ key }}/acknowledge?identifierType=alias", "body": {"note": "{{ page }}"}},
    "people": {"Alice": {"type": "user", "username": "alice@example.com"}},
}


def declared(reply: Callable[[httpx.Request], httpx.Response], **more: Any) -> HttpPaging:
    options = HttpPagingOptions.model_validate({**OPSGENIE, **more})
    return HttpPaging(options, transport=httpx.MockTransport(reply))


async def test_a_declared_request_is_filled_in_and_one_that_is_not_declared_is_nothing() -> None:
    sent: list[tuple[str, Any]] = []

    def reply(request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == f"GenieKey {TOKEN}"
        sent.append((str(request.url), json.loads(request.content)))
        return httpx.Response(202, json={"result": "Request will be processed"})

    service = declared(reply)
    assert await service.send(page(), "key")
    assert await service.send(page(change="acknowledge", what="a/b?c"), "key")
    assert await service.send(page(change="resolve"), "key") is None
    (_, body), (url, note) = sent
    alias = body["alias"]
    assert body["responders"] == [{"type": "user", "username": "alice@example.com"}]
    assert body["message"] == "INC-7 CRITICAL checkout: No orders"
    assert url == f"https://api.opsgenie.example/v2/alerts/{alias}/acknowledge?identifierType=alias"
    assert note == {"note": "a/b?c"}


@pytest.mark.parametrize(("dedupes", "error"), [(False, Unconfirmed), (True, NotSent)])
async def test_a_lost_answer_is_unconfirmed_unless_the_service_deduplicates(
    dedupes: bool, error: type[DeliveryError]
) -> None:
    def lost(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("")

    service = declared(lost, dedupes=dedupes)
    assert service.dedupes is dedupes
    with pytest.raises(error) as found:
        await service.send(page(), "key")
    assert TOKEN not in str(found.value)


def test_a_template_that_names_nothing_is_a_mistake_in_the_settings() -> None:
    with pytest.raises(SettingsError, match="colour"):
        declared(lambda _: httpx.Response(202), trigger={"path": "/a/{{ colour }}"})


# Apprise, against a server of its own


@pytest.fixture
def receiver() -> Any:
    pytest.importorskip("apprise", reason="the extra apprise is not installed")
    import threading
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            got.append((self.path, body["message"]))
            self.send_response(403 if self.path == "/refuses" else 200)
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    got: list[tuple[str, str]] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"json://127.0.0.1:{server.server_port}", got
    server.shutdown()
    server.server_close()


async def test_apprise_pages_each_person_by_their_own_address(receiver: Any) -> None:
    from warroom.connect.paging.apprise import ApprisePaging, ApprisePagingOptions

    url, got = receiver
    urls = {name: SecretStr(f"{url}/{name.lower()}") for name in ("Alice", "Bob", "Refuses")}
    service = ApprisePaging(ApprisePagingOptions(urls=urls))
    await service.send(page(people=("Bob",)), "key")
    assert [path for path, _ in got] == ["/bob"] and "INC-7 CRITICAL checkout: No orders" in got[0][1]
    with pytest.raises(Rejected, match="no Apprise URL for Zoe"):
        await service.send(page(people=("Zoe",)), "key")
    with pytest.raises(Rejected):
        await service.send(page(people=("Refuses",)), "key")
    with pytest.raises(Unconfirmed, match="1 of 2 were paged"):
        await service.send(page(people=("Alice", "Refuses")), "key")
    await service.send(page(change="resolve"), "key")
    assert "resolved: nobody has to be called any more" in got[-1][1]
