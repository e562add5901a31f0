"""What customers read on every kind of destination: no internal id, no service slug, no mark without need."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import entry_points
from typing import Any

import pytest
from harness.case import PLAYBOOK, declared
from pydantic import SecretStr

from warroom.connect.guarded_chat import GuardedChat
from warroom.connect.ports import Promises
from warroom.connect.secret_mask import SecretMask
from warroom.incident.delivery import Message
from warroom.reports import messages

NOW = datetime(2026, 1, 28, 12, 20, tzinfo=UTC)
REF = messages.marker("INC-1", 3, "customers")
HOOK = SecretStr("https://hooks.test/x")
OPTIONS: dict[str, dict[str, Any]] = {
    "apprise": {"url": SecretStr("json://localhost/x")},
    "betterstack-status": {"token": SecretStr("t"), "page": "1", "components": {"*": "1"}},
    "cachet": {"url": "https://status.test", "token": SecretStr("t")},
    "cachet-v2": {"url": "https://status.test", "token": SecretStr("t")},
    "discord": {"token": SecretStr("t"), "guild": "123456789012345678"},
    "discord-webhook": {"url": SecretStr("https://discord.com/api/webhooks/1/x")},
    "google-chat": {"url": SecretStr("https://chat.googleapis.com/v1/spaces/A/messages?key=k&token=t")},
    "email": {"host": "mail.test", "sender": "ops@example.com", "recipients": ["a@example.com"]},
    "matrix": {"homeserver": "https://m.test", "token": SecretStr("t")},
    "mattermost": {"server": "https://chat.test", "token": SecretStr("t"), "team": "ops"},
    "mattermost-webhook": {"url": HOOK},
    "slack": {"token": SecretStr("t"), "channel": "C0123456789"},
    "statuspage": {"token": SecretStr("t"), "page": "p"},
    "teams": {"url": SecretStr("https://prod-1.westeurope.logic.azure.com/workflows/x?sig=y")},
    "telegram": {"token": SecretStr("1:t"), "chat": "-1001"},
    "transcript": {},
    "webhook": {"url": HOOK},
    "zulip": {"site": "https://zulip.test", "email": "bot@zulip.test", "api_key": SecretStr("k"), "channel": "ops"},
}
"""Enough of each backend's settings to make one."""


def backend(name: str) -> Any:
    (point,) = entry_points(group="warroom.chat", name=name)
    made = point.load()
    return made(made.Options.model_validate(OPTIONS[name]))


def composed(template: str) -> Message:
    incident = declared("critical").incident
    fields = messages.draft(template, incident, PLAYBOOK, NOW, UTC, "Card payments")
    message = messages.compose(template, fields, incident, PLAYBOOK, NOW, UTC, 3, "Card payments")
    return message.model_copy(update={"service": incident.service, "reference": messages.reference(incident)})


def test_every_backend_that_is_shipped_is_tried() -> None:
    ours = {point.name for point in entry_points(group="warroom.chat") if point.value.startswith("warroom.")}
    assert ours == set(OPTIONS)


@pytest.mark.parametrize("template", [id for id, one in PLAYBOOK.templates.items() if one.audience == "customers"])
@pytest.mark.parametrize("name", OPTIONS)
def test_customers_read_the_services_description_and_nothing_internal(name: str, template: str) -> None:
    text = backend(name).render(composed(template))
    assert "Card payments" in text
    assert "INC-1" not in text and "checkout-api" not in text


@pytest.mark.parametrize("name", OPTIONS)
def test_the_mark_is_left_out_where_the_destination_tells_posts_apart_itself(name: str) -> None:
    chat = backend(name)
    promises = Promises.of(chat)
    pages = "takes_maintenance"  # a status page is recognised by the incident's reference
    marked = REF in chat.render(composed("customer_update"))
    assert marked == (not promises.dedupes and not promises.reads_back and getattr(chat, pages, True))


@pytest.mark.parametrize("name", OPTIONS)
def test_only_status_pages_take_no_maintenance_notices(name: str) -> None:
    takes = GuardedChat(name, backend(name), SecretMask([])).takes_maintenance
    assert takes == (name not in ("statuspage", "cachet", "cachet-v2", "betterstack-status"))
