"""The post-mortem is published as it is; customers get what people wrote for them, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
from harness.fakes import Clock

from warroom.config.loading import load_playbook
from warroom.config.settings import Destination, IntegrationSettings, Settings
from warroom.errors import NotFound, Refusal
from warroom.incident.commands import Declare, Note, Resolve, WriteSection
from warroom.incident.delivery import Receipt
from warroom.incident.requests import Document
from warroom.incident.tracking import published
from warroom.journal.sqlite import SqliteJournal
from warroom.room.integration_delivery import IntegrationDelivery
from warroom.room.learnings import LONGEST, share, share_published
from warroom.room.outbox import OutboxWorker
from warroom.room.publishing import document, publish, stores
from warroom.room.room import WarRoom

PLAYBOOK = load_playbook(Settings())


@dataclass
class Wiki:
    dedupes: bool = True
    reads_back: bool = True
    documents: list[Document] = field(default_factory=list)

    async def send(self, request: Document, key: str) -> Receipt:
        self.documents.append(request)
        return Receipt(id="1", url="https://wiki.example/1")

    async def find(self, request: Document, key: str) -> Receipt | None:
        return None

    async def check(self) -> str:
        return "wiki"

    async def close(self) -> None: ...


class World:
    """A room with the team's store "wiki", the customers' store "page", and a resolved incident."""

    def __init__(self, folder: Path) -> None:
        self.clock, self.wiki = Clock(), Wiki()
        tables = {name: IntegrationSettings(name=name, backend=name) for name in ("wiki", "page")}
        self.room = WarRoom(
            SqliteJournal(folder / "journal.db"),
            PLAYBOOK,
            Settings(documents=tables),
            by="Ada",
            clock=self.clock,
            chats=lambda _: None,  # type: ignore[arg-type, return-value]
        )
        self.room.is_public = lambda name: name == "page"
        self.incident = self.room.declare(Declare("checkout-api", "No orders", "critical")).incident.id
        self.room.execute(self.incident, Note("the pool of db-7.internal is full"))

    def resolve(self) -> None:
        self.room.execute(self.incident, Resolve("enough"))

    def write(self, **sections: str) -> None:
        for name, words in sections.items():
            self.room.execute(self.incident, WriteSection(name, words))  # type: ignore[arg-type]

    def publish(self, *names: str) -> None:
        publish(self.room, self.incident, names)
        OutboxWorker(self.room, handlers=[IntegrationDelivery(self.room, "document", lambda _: self.wiki)]).drain(
            1.0
        )

    def item(self) -> bool:
        return "share" in self.room.incident(self.incident).ticks


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.room.journal.close()


def test_the_whole_post_mortem_goes_to_the_team_and_ticks_that_it_was_shared(world: World) -> None:
    world.resolve()
    world.write(root_cause="The pool was too small.")
    assert not world.item()
    world.publish("wiki")
    (sent,) = world.wiki.documents
    assert "The pool was too small." in sent.markdown and "db-7" in sent.markdown
    assert sent.title == f"{world.incident} No orders (2026-01-28)"
    found = published(world.room.incident(world.incident))["wiki"]
    assert (found.url, found.public) == ("https://wiki.example/1", False)
    assert world.item()


def test_publishing_again_keeps_the_title_by_which_the_document_is_found(world: World) -> None:
    world.resolve()
    world.publish("wiki")
    world.write(summary="Nobody could order.", root_cause="A pool.")
    world.clock.later(minutes=90)
    world.publish("wiki")
    first, second = world.wiki.documents
    assert first.title == second.title and first.markdown != second.markdown


def test_customers_get_what_people_wrote_for_them_and_no_more(world: World) -> None:
    world.resolve()
    with pytest.raises(Refusal) as error:
        world.publish("page")
    assert "summary" in error.value.title and "root cause" in error.value.title
    world.write(summary="Nobody could order. <b>Sorry</b>", root_cause="A pool.", customer_impact="Orders failed.")
    world.publish("page")
    (sent,) = world.wiki.documents
    assert sent.public and world.incident not in sent.title + sent.markdown
    assert [line for line in sent.markdown.splitlines() if line.startswith("#")] == [
        "## Summary",
        "## Impact",
        "## Root cause",
    ]
    assert "db-7" not in sent.markdown and "<b>" not in sent.markdown.replace("\\<b>", "")
    assert not world.item(), "customers are not the team"
    assert published(world.room.incident(world.incident))["page"].public


def test_one_refusal_keeps_every_store_from_being_asked(world: World) -> None:
    world.resolve()
    with pytest.raises(Refusal):
        world.publish("wiki", "page")
    with pytest.raises(NotFound):
        world.publish("wiki", "wikki")
    assert not world.room.deliveries(world.incident)


def test_an_open_incident_has_nothing_to_publish(world: World) -> None:
    with pytest.raises(Refusal):
        document(world.room, world.room.incident(world.incident), public=False)
    with pytest.raises(NotFound):
        publish(world.room, world.incident, ())


def test_stores_are_told_apart_by_who_reads_them(world: World) -> None:
    incident = world.room.incident(world.incident)
    assert stores(world.room, incident, public=False) == ["wiki"]
    assert stores(world.room, incident, public=True) == ["page"]


def chatting(world: World) -> World:
    """With a chat of the team, and what the bootstrap adds where there are document stores."""
    destination = Destination(name="chat", backend="x", audiences=("team",))
    world.room.updates.settings = world.room.settings.model_copy(update={"destinations": {"chat": destination}})
    world.room.consequences.append(partial(share_published, world.room))
    return world


def posts(world: World) -> list[str]:
    """What was posted to the team about the post-mortem."""
    items = [one.item for one in world.room.deliveries(world.incident) if one.item.operation == "post"]
    return [item.message.text for item in items if item.message and item.message.text.startswith("Post-mortem of")]


def test_publishing_posts_summary_and_link_to_the_team_once(world: World) -> None:
    chatting(world).resolve()
    world.write(summary="Nobody could order.", root_cause="The pool was too small.")
    assert posts(world) == []
    world.publish("wiki")
    (text,) = posts(world)
    assert text.startswith(f"Post-mortem of {world.incident}: No orders (checkout-api, ")
    assert "\nNobody could order.\nRoot cause: The pool was too small.\n" in text
    assert text.endswith("\nhttps://wiki.example/1") and world.item()
    world.write(summary="In other words.")
    world.publish("wiki")
    assert len(posts(world)) == 1 and len(world.wiki.documents) == 2


def test_what_customers_read_is_not_posted_to_the_team(world: World) -> None:
    chatting(world).resolve()
    world.write(summary="Nobody could order.", root_cause="A pool.")
    world.publish("page")
    assert posts(world) == [] and not world.item()


def test_the_learnings_are_shared_without_a_document_store(world: World) -> None:
    with pytest.raises(Refusal, match="still open"):
        share(chatting(world).room, world.incident)
    world.resolve()
    world.write(summary="word " * 400)
    share(world.room, world.incident)
    (text,) = posts(world)
    assert "http" not in text and len(text) < LONGEST + 200 and "word …" in text and world.item()
    with pytest.raises(Refusal, match="shared already"):
        share(world.room, world.incident)
    assert len(posts(world)) == 1
