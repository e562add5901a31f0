"""The shipped drill with three chat services at once, in one of which a person answers: it all comes together."""

from __future__ import annotations

import asyncio
import math
import tomllib
from pathlib import Path

import tomli_w
from harness.chat_services import ChatServer, DiscordService, MattermostService, SlackService

from warroom.bootstrap import open_context
from warroom.config.paths import shipped
from warroom.drill.clock import ScaledClock
from warroom.incident.delivery import DeliveryState
from warroom.reports import postmortem, render
from warroom.room.inbox import ChatInbox


def test_a_person_answers_in_one_of_three_services_and_the_post_mortem_quotes_it(tmp_path: Path) -> None:
    slack = SlackService()
    services = (slack, MattermostService(), DiscordService())
    with ChatServer(*services) as server:
        settings = tomllib.loads((shipped("sample_data") / "settings.toml").read_text("utf-8"))
        settings["playbook"] = str(shipped("sample_data") / settings["playbook"])
        settings["destinations"] = {
            service.name: {
                "backend": service.backend,
                "plain_secrets": True,
                "drills": True,
                **service.options(server.url_of(service)),
            }
            for service in services
        }
        person = settings["team"]["people"][1]
        person["handles"] = {"slack": "U0ALICE01"}
        (tmp_path / "settings.toml").write_text(tomli_w.dumps(settings))
        clock = ScaledClock(math.inf)
        slack.epoch_s = int(clock().timestamp())
        by = settings["team"]["people"][0]["name"]
        with open_context(tmp_path / "settings.toml", tmp_path / "data", by, environ={}, clock=clock) as app:
            drill = app.drill(tmp_path / "logs", clock)
            inbox = ChatInbox(app.room)
            wrote: list[str] = []

            def report(line: str) -> None:
                """Once the channels are open, the person writes there, and somebody marks a message."""
                if drill.incident_id and not wrote:
                    app.outbox().drain(20.0)
                    channel = app.room.incident(drill.incident_id).channels["slack"].id
                    texts = ("Looking at the pool", "!finding The pool is exhausted", "212 connections wait")
                    wrote.extend(slack.write(channel, text, own=False).text for text in texts)
                    slack.rows[-1].pinned = True
                    asyncio.run(inbox.look())

            incident_id = drill.play(report)
            app.outbox().drain(20.0)
            asyncio.run(inbox.look())
            room = app.room
            incident, deliveries = room.incident(incident_id), room.deliveries(incident_id)
            document = render.to_markdown(
                postmortem.build(incident, room.playbook, deliveries, clock(), room.zone), room.playbook
            )

    rows = {(row.kind, row.text.partition(": ")[2] or row.text): row.by for row in incident.rows}
    assert rows["chat", "Looking at the pool"] == rows["chat", "212 connections wait"] == person["name"]
    assert rows["finding", "The pool is exhausted"] == person["name"]
    assert rows["evidence", "slack 212 connections wait"] == person["name"]
    assert {one.destination for one in deliveries} >= {service.name for service in services}
    assert {one.state for one in deliveries} == {DeliveryState.DELIVERED}
    kinds = [
        {one.item.message.kind for one in deliveries if one.item.message and one.destination == service.name}
        for service in services
    ]
    assert kinds[0] >= {"declaration", "update", "resolution", "note"}, "the command is answered"
    for service in services:
        assert any("pool" in row.text or "fail" in row.text for row in service.rows if row.own)
    for quoted in ("Looking at the pool", "The pool is exhausted", "212 connections wait"):
        assert quoted in document
    assert "!finding" not in document
