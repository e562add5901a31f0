"""Status pages: one incident there for each of ours, no update lost or doubled, nothing internal on the page."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import httpx
import pytest
from harness import servers
from harness.app import AppHarness
from harness.status_pages import (
    PAGES,
    TOKEN,
    BetterStackPage,
    CachetPage,
    CachetV2Page,
    Page,
    StatuspagePage,
)

from warroom.bootstrap import make_chat
from warroom.config.loading import load
from warroom.config.paths import AppPaths
from warroom.config.settings import Destination
from warroom.connect.guarded_chat import GuardedChat
from warroom.connect.ports import Chat, Promises
from warroom.connect.secret_mask import SecretMask
from warroom.errors import NotSent, Rejected, SettingsError, Unconfirmed
from warroom.incident.commands import Declare, SetStatus
from warroom.incident.delivery import Channel, DeliveryState, Message, Opening, Receipt
from warroom.room.outbox import OutboxWorker
from warroom.testing import HttpChatContract
from warroom.testing.chat_contract import message as team_message

pytestmark = servers.needs_contracts
T = TypeVar("T")

HERE = Channel(id="4F7K2QWX", name="status page", talk=False)
OPENING = Opening(
    incident="INC-7",
    name="incident-4f7k2q",
    title="Card payments",
    topic="Card payments",
    public=True,
    reference=HERE.id,
)
FIRST = """Service Issue - Card payments

Hi there,

We're currently experiencing issues with card payments.
Our team is actively investigating.

Next update: 14:40 CET

Thank you for your patience.

Team Example Ltd"""
SHOWN = """We're currently experiencing issues with card payments.
Our team is actively investigating.

Next update: 14:40 CET

Thank you for your patience."""


def message(text: str = FIRST, **changes: Any) -> Message:
    given: dict[str, Any] = {
        "kind": "customer",
        "audience": "customers",
        "incident": "INC-7",
        "severity": "critical",
        "status": "investigating",
        "title": text.partition("\n")[0],
        "text": text,
        "marker": "Ref 4F7K2Q",
        "at": datetime(2026, 1, 28, 13, 5, tzinfo=UTC),
        "service": "checkout-api",
        "reference": HERE.id,
    }
    return Message.model_validate(given | changes)


LATER = message("Update - Service Issue - Card payments\n\nWe found the cause.", severity="high")
BETTER = message("Update - Service Issue - Card payments\n\nIt should be fine.", status="mitigated")
OVER = message("Resolved - Service Issue - Card payments\n\nIt is over.", status="resolved")


def key(number: int) -> str:
    return f"INC-7.{number:08x}.page.post"


def asked(chat: Chat, call: Callable[[Any], Awaitable[T]]) -> T:
    """What the backend answers; its connections are closed afterwards."""

    async def asking() -> T:
        try:
            return await call(chat)
        finally:
            await chat.close()

    return asyncio.run(asking())


def post(chat: Chat, message: Message, number: int, channel: Channel = HERE) -> Receipt:
    return asked(chat, lambda chat: chat.post(channel, message, key(number)))


@pytest.fixture(params=PAGES, ids=lambda page: page.name)
def page(request: pytest.FixtureRequest) -> Page:
    made: Page = request.param()
    return made


# ── the contract of every chat backend ────────────────────────────────────────────────────────────────────


class _LooksFirst(HttpChatContract):
    """A page is asked for the incident first, and has none: what is judged is the request that opens it."""

    page: ClassVar[type[Page]]
    nothing: ClassVar[Any]
    secrets = (TOKEN,)

    def make(self, transport: Any) -> Chat:
        def reply(request: httpx.Request) -> httpx.Response:
            looks = request.method == "GET"
            return httpx.Response(200, json=self.nothing) if looks else transport.handler(request)

        options = self.page.model.model_validate({**self.page.options, "components": {"*": "3"}})
        chat: Chat = self.page.backend(options, transport=httpx.MockTransport(reply))
        return chat


class TestStatuspage(_LooksFirst):
    page, nothing, accepted = StatuspagePage, (), {"id": "p31zjtct2jer", "shortlink": "https://stspg.io/1"}


class TestCachet(_LooksFirst):
    page, nothing, accepted = CachetPage, {"data": []}, {"data": {"id": "7"}}


class TestCachetV2(_LooksFirst):
    page, nothing, accepted = CachetV2Page, {"data": []}, {"data": {"id": 7}}

    def make(self, transport: Any) -> Chat:
        chat: Any = super().make(transport)
        # Its components are set before, by requests that may be repeated.
        chat._options = chat._shared = chat._options.model_copy(update={"components": {}})
        return chat  # type: ignore[no-any-return]


class TestBetterStack(_LooksFirst):
    page, nothing, accepted = BetterStackPage, {"data": []}, {"data": {"id": "12345"}}


# ── an incident on the page ───────────────────────────────────────────────────────────────────────────────


def test_an_incident_is_opened_updated_and_resolved_there(page: Page) -> None:
    investigating, monitoring, resolved = page.statuses
    operational, degraded, partial, major = page.components_shown
    (component,) = page.options["components"].values()
    shown = []
    for number, each in enumerate((message(), LATER, BETTER, OVER)):
        receipt = post(page.chat(), each, number)
        assert receipt.id
        shown.append(page.components[component])
    ((name, updates),) = page.seen
    assert name.startswith("Service Issue - Card payments"), "the name says nothing of a stage"
    assert updates == [
        (investigating, SHOWN),
        (investigating, "We found the cause."),
        (monitoring, "It should be fine."),
        (resolved, "It is over."),
    ]
    if page.name == "cachet":  # until it is fixed it shows the worst there was
        assert shown == [major, major, major, operational]
    else:
        assert shown == [major, partial, degraded, operational]


def test_a_component_becomes_worse_with_the_severity(page: Page) -> None:
    (component,) = page.options["components"].values()
    for number, severity in enumerate(("medium", "critical")):
        post(page.chat(), message(severity=severity), number)
    assert page.components[component] == page.components_shown[3]
    post(page.chat(), OVER, 9)
    assert page.components[component] == page.components_shown[0]


def test_a_service_without_a_component_changes_none(page: Page) -> None:
    chat = page.chat()
    if page.name == "betterstack-status":
        with pytest.raises(Rejected, match="No resource of the status page is set for search-api"):
            post(chat, message(service="search-api"), 1)
        assert page.writes == []
    else:
        post(chat, message(service="search-api"), 1)
        assert page.components == {} and len(page.seen) == 1


@pytest.mark.parametrize("notify", [True, False])
def test_whether_subscribers_are_told_is_said_each_time(page: Page, notify: bool) -> None:
    chat = page.chat(notify=notify)
    post(chat, message(), 1)
    assert [one.notifies for one in page.incidents] == [notify]
    post(chat, LATER, 2)
    if page.name in ("statuspage", "betterstack-status"):  # Cachet goes by what the incident was opened with
        said = json.loads(page.writes[-1].content)
        assert notify in (said.get("notify_subscribers"), said.get("incident", {}).get("deliver_notifications"))


def test_nothing_internal_is_sent(page: Page) -> None:
    for number, each in enumerate((message(), LATER, BETTER, OVER)):
        post(page.chat(), each, number)
    sent = b" ".join(one.content + str(one.url).encode() for one in page.requests).decode().lower()
    assert [word for word in ("inc-7", "checkout-api", "hi there", "team example") if word in sent] == []


def test_opening_sends_nothing_and_there_is_no_status_message(page: Page) -> None:
    chat = page.chat()
    assert asked(chat, lambda chat: chat.open(OPENING, "k")) == HERE
    assert asked(chat, lambda chat: chat.show_status(HERE, message(), None, "k")) == Receipt()
    assert page.requests == []


def test_two_consoles_keep_one_incident(page: Page) -> None:
    one, other = page.chat(), page.chat()
    for number, chat in enumerate((one, other, one, other)):
        post(chat, message() if number == 0 else LATER, number)
    assert [len(updates) for _, updates in page.seen] == [4]


def test_another_incident_is_another_one_there_whatever_its_name(page: Page) -> None:
    chat = page.chat()
    post(chat, message(), 1)
    post(chat, message(reference="ZZZZZZZZ"), 1, HERE.model_copy(update={"id": "ZZZZZZZZ"}))
    assert [len(updates) for _, updates in page.seen] == [1, 1]


def test_an_incident_that_was_resolved_is_found_again(page: Page) -> None:
    for number, each in enumerate((message(), OVER, LATER)):
        post(page.chat(), each, number)
    assert [len(updates) for _, updates in page.seen] == [3]


def test_an_incident_is_found_among_many(page: Page) -> None:
    post(page.chat(), message(), 1)
    for number in range(120):
        post(page.chat(), OVER, 1, HERE.model_copy(update={"id": f"OTHER{number}"}))
    page.incidents.sort(key=lambda one: one.name == "Service Issue - Card payments")
    post(page.chat(), LATER, 2)
    assert len(page.incidents) == 121


def test_the_preview_shows_what_the_page_will_show(page: Page) -> None:
    chat = page.chat()
    post(chat, message(), 1)
    ((name, updates),) = page.seen
    head, facts, text = chat.render(message()).split("\n", 2)
    assert (head, text.strip()) == (name, updates[0][1])
    (component,) = page.options["components"].values()
    assert component in facts and facts.endswith("subscribers are notified")
    assert page.chat(notify=False).render(message()).split("\n")[1].endswith("subscribers are not notified")
    assert chat.measure(message()) == len(SHOWN)


# ── what a page answers ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.Response(200, text="<html>Sign in</html>"), NotSent),
        (httpx.Response(200, json={}), NotSent),
        (httpx.Response(200, json={"data": {}}), NotSent),
        (httpx.Response(200, content=b'[{"id": '), NotSent),
        (httpx.Response(401, json={"error": "Could not authenticate"}), Rejected),
        (httpx.Response(429, json={}), NotSent),
        (httpx.Response(503, text="down"), NotSent),
    ],
)
def test_nothing_is_written_on_a_page_that_cannot_be_read(
    page: Page, answer: httpx.Response, error: type[Exception]
) -> None:
    page.answers.append(answer)
    with pytest.raises(error):
        post(page.chat(), message(), 1)
    assert page.writes == []


@pytest.mark.parametrize("status", [420, 429])
def test_statuspage_asks_for_a_pause_in_two_ways(status: int) -> None:
    page = StatuspagePage()
    page.answers += [httpx.Response(200, json=[]), httpx.Response(200, json=[]), httpx.Response(status)]
    with pytest.raises(NotSent, match="rate-limiting"):
        post(page.chat(), message(), 1)
    assert len(page.writes) == 1 and page.seen == []


def test_statuspage_keeps_what_other_tools_noted() -> None:
    page = StatuspagePage()
    post(page.chat(), message(), 1)
    page.incidents[0].meta["jira"] = {"issue_id": "OPS-1"}
    post(page.chat(), LATER, 2)
    assert page.incidents[0].meta["jira"] == {"issue_id": "OPS-1"}


def test_an_incident_that_somebody_deleted_there_is_opened_again() -> None:
    page = StatuspagePage()
    chat = page.chat()
    post(chat, message(), 1)
    page.incidents.clear()
    post(chat, LATER, 2)
    assert page.seen == [("Service Issue - Card payments", [("investigating", "We found the cause.")])]


def test_a_report_that_somebody_deleted_there_is_opened_again_when_it_is_sent_again() -> None:
    page = BetterStackPage()
    chat = page.chat()
    post(chat, message(), 1)
    page.incidents.clear()
    with pytest.raises(Rejected):
        post(chat, LATER, 2)
    post(chat, LATER, 2)
    assert [updates for _, updates in page.seen] == [[("open", "We found the cause.")]]


def test_a_cachet_without_metadata_is_told_apart() -> None:
    page = CachetPage()
    page.keeps_meta = False
    for call in (lambda chat: chat.post(HERE, message(), key(1)), lambda chat: chat.check()):
        with pytest.raises(Rejected, match="keeps no metadata") as caught:
            asked(page.chat(), call)
        assert "Update Cachet" in caught.value.remedy
    assert page.writes == []


def test_the_check_names_the_page_and_its_components(page: Page) -> None:
    assert asked(page.chat(), lambda chat: chat.check()).endswith(", 1 component set")
    with pytest.raises(Rejected, match="has no component 999") as caught:
        asked(page.chat(components={"*": "999"}), lambda chat: chat.check())
    (component,) = page.options["components"].values()
    assert f"Checkout = {component}" in caught.value.remedy
    assert page.writes == []


def test_a_check_without_components_says_which_there_are() -> None:
    found = asked(StatuspagePage().chat(components={}), lambda chat: chat.check())
    assert found == "Statuspage: Acme Status, no components set. The page has Checkout = rb5wq1dczvbm"


# ── the post-mortem ───────────────────────────────────────────────────────────────────────────────────────


def test_a_post_mortem_is_published_once() -> None:
    page = StatuspagePage()
    chat = page.chat()
    post(chat, OVER, 1)
    for _ in range(2):
        receipt = asked(chat, lambda chat: chat.publish_postmortem(HERE.id, "# What happened"))
        assert receipt.url == "https://stspg.io/1"
    assert page.postmortems == {1: ("# What happened", True)}
    writes = [json.loads(one.content)["postmortem"] for one in page.writes if "postmortem" in one.url.path]
    assert writes == [{"body_draft": "# What happened"}, {"notify_subscribers": True, "notify_twitter": False}]
    asked(chat, lambda chat: chat.publish_postmortem(HERE.id, "# Corrected"))
    assert page.postmortems == {1: ("# Corrected", True)}


def test_a_post_mortem_needs_its_incident_on_the_page() -> None:
    page = StatuspagePage()
    with pytest.raises(Rejected, match="not on the status page"):
        asked(page.chat(), lambda chat: chat.publish_postmortem(HERE.id, "# What happened"))
    assert page.writes == []


# ── through the outbox ────────────────────────────────────────────────────────────────────────────────────

CUSTOMERS = {"page": Destination(name="page", backend="recording", audiences=("customers",))}


class Console:
    """A console with the page as its only destination, on a clock that is moved by hand."""

    def __init__(self, folder: Path, page: Page, **destination: Any) -> None:
        guarded = GuardedChat("page", page.chat(), SecretMask({TOKEN}))
        made = {"page": CUSTOMERS["page"].model_copy(update=destination)}
        self.harness = AppHarness(folder, chats={"page": guarded}, destinations=made)  # type: ignore[dict-item]
        self.room = self.harness.room
        self.outbox = OutboxWorker(self.room, lambda: self.harness.clock().timestamp())
        self.incident = ""

    def declare(self, *, drill: bool = False) -> None:
        declare = Declare("checkout-api", "Card payments fail", "critical", drill=drill)
        self.incident = self.room.declare(declare, commander="Alice").incident.id

    def update(self, template: str) -> None:
        self.harness.clock.later(minutes=5)
        given = {"impact": "Some payments fail", "next_update": "23:00"}
        self.room.post_update(self.incident, template, given, approved_by="Alice")

    def deliver(self) -> DeliveryState | None:
        """Let time go by until nothing is tried by itself any more; the state of the last post, if there is one."""
        for _ in range(20):
            asyncio.run(self.outbox._work(lambda: self.outbox.idle, look_s=0.02))
            waiting = [one.next_attempt_at for one in self.room.deliveries() if one.next_attempt_at]
            if not waiting:
                break
            self.harness.clock.at = max(self.harness.clock.at, min(waiting))
        return next((one.state for one in reversed(self.room.deliveries())), None)


@pytest.fixture
def console(tmp_path: Path, page: Page) -> Iterator[Console]:
    made = Console(tmp_path, page)
    yield made
    made.harness.close()


def test_customers_updates_become_one_incident_and_nothing_comes_before_them(console: Console, page: Page) -> None:
    console.declare()
    console.deliver()
    assert page.requests == [], "the team's own messages never reach it"
    for template in ("customer_initial", "customer_update"):
        console.update(template)
        assert console.deliver() is DeliveryState.DELIVERED
    console.room.execute(console.incident, SetStatus("mitigated"))
    console.update("customer_update")
    console.deliver()
    # The all-clear may be given before the status is set.
    console.update("customer_resolution")
    console.deliver()
    ((name, updates),) = page.seen
    investigating, monitoring, resolved = page.statuses
    assert [status for status, _ in updates] == [investigating, investigating, monitoring, resolved]
    assert name.startswith("Service Issue - Card payments")
    assert updates[0][1].startswith("We're currently experiencing issues with Card payments.")
    assert "Subject" not in str(page.seen) and "Hi there" not in str(page.seen) and "INC-1" not in str(page.seen)
    incident = console.room.incident(console.incident)
    assert incident.channels["page"].name == "status page"
    assert "channel" not in incident.ticks, "nobody talks there"


@pytest.mark.parametrize("done", [True, False])
@pytest.mark.parametrize("which", [0, 1], ids=["the first", "a later one"])
def test_an_update_whose_answer_is_lost_is_there_once_or_a_person_is_asked(
    console: Console, page: Page, which: int, done: bool
) -> None:
    console.declare()
    for number, template in enumerate(("customer_initial", "customer_update", "customer_update")):
        console.update(template)
        page.lose = [done] if number == which else []
        state = console.deliver()
        if number == which and not page.backend.reads_back:
            assert state is DeliveryState.UNCONFIRMED, "it cannot be known"
            console.room.confirm_delivery(console.room.deliveries()[-1].id, sent=done)
            state = console.deliver()
        assert state is DeliveryState.DELIVERED
    assert [len(updates) for _, updates in page.seen] == [3], page.seen


@pytest.mark.parametrize("page", [StatuspagePage, CachetPage], ids=lambda page: page.name, indirect=True)
def test_the_same_words_twice_are_two_updates(console: Console, page: Page) -> None:
    console.declare()
    for done in (None, True, False, True):
        console.update("customer_initial" if done is None else "customer_update")
        page.lose = [] if done is None else [done]
        assert console.deliver() is DeliveryState.DELIVERED
    assert [len(updates) for _, updates in page.seen] == [4]


@pytest.mark.parametrize("practice", [False, True])
def test_a_drill_stays_away_unless_the_destination_takes_drills(tmp_path: Path, page: Page, practice: bool) -> None:
    console = Console(tmp_path, page, drills=practice)
    console.declare(drill=True)
    console.update("customer_initial")
    console.deliver()
    assert bool(page.requests) == practice
    assert [name.startswith("DRILL · ") for name, _ in page.seen] == [True] * practice
    console.harness.close()


# ── settings, and who reads ───────────────────────────────────────────────────────────────────────────────


def test_only_customers_messages_are_posted(page: Page) -> None:
    chat = GuardedChat("page", page.chat(), SecretMask({TOKEN}))
    with pytest.raises(Rejected, match="page is read by customers, not by team"):
        asked(chat, lambda chat: chat.post(HERE, team_message(), key(1)))
    assert page.requests == []


def test_a_maintenance_notice_is_refused_whoever_sends_it_there(page: Page) -> None:
    chat = GuardedChat("page", page.chat(), SecretMask({TOKEN}))
    with pytest.raises(Rejected, match="takes no maintenance notices"):
        asked(chat, lambda chat: chat.post(HERE, message("notice", kind="maintenance"), key(1)))
    assert page.requests == []


TABLES = {
    "statuspage": 'token = { env = "T" }\npage = "p1"',
    "cachet": 'token = { env = "T" }\nurl = "https://status.example"',
    "cachet-v2": 'token = { env = "T" }\nurl = "https://status.example"',
    "betterstack-status": 'token = { env = "T" }\npage = "77"\ncomponents = { "*" = "1" }',
}


def made(folder: Path, backend: str, more: str) -> Chat:
    file = folder / "settings.toml"
    file.write_text(f'[destinations.page]\nbackend = "{backend}"\n{more}\n{TABLES[backend]}\n')
    page = load(file, {"T": TOKEN}).destinations["page"]
    return make_chat(page, AppPaths.find({}, {"settings": str(file), "data": str(folder)}), {"T": TOKEN})


@pytest.mark.parametrize("backend", TABLES)
@pytest.mark.parametrize("audiences", ["", 'audiences = ["customers", "executives"]'], ids=["default", "more"])
def test_a_page_for_others_than_customers_is_refused_with_its_place(
    tmp_path: Path, backend: str, audiences: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        made(tmp_path, backend, audiences)
    assert "[destinations.page" in str(caught.value) and "settings.toml:" in str(caught.value)
    assert f"{backend} is read by customers" in str(caught.value)
    assert caught.value.remedy.endswith('Write audiences = ["customers"].')


@pytest.mark.parametrize("backend", TABLES)
def test_a_page_for_customers_is_accepted(tmp_path: Path, backend: str) -> None:
    chat: Any = made(tmp_path, backend, 'audiences = ["customers"]')
    promises: Promises = chat.promises
    assert (promises.dedupes, promises.edits, promises.threads, promises.receives) == (False,) * 4
    assert promises.reads_back == (backend in ("statuspage", "cachet"))


@pytest.mark.parametrize(
    ("backend", "more", "place", "says"),
    [
        (
            "statuspage",
            'component_status = { low = "fine" }',
            "[destinations.page.component_status] low",
            "operational",
        ),
        ("statuspage", "components = { checkout-api = 3 }", "[destinations.page.components] checkout-api", "list"),
        ("cachet", 'components = { checkout-api = "api" }', "[destinations.page.components]", "by its number"),
        ("cachet", "notify = 3", "settings.toml:4 [destinations.page] notify", "true or false"),
    ],
)
def test_a_mistake_in_the_options_is_told_with_its_place(
    tmp_path: Path, backend: str, more: str, place: str, says: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        made(tmp_path, backend, f'audiences = ["customers"]\n{more}')
    assert place in str(caught.value) and says in str(caught.value), str(caught.value)


@pytest.mark.parametrize("page", [StatuspagePage, CachetPage], ids=lambda page: page.name, indirect=True)
def test_a_post_that_has_arrived_is_not_sent_again(page: Page) -> None:
    for number, each in ((1, message()), (1, message()), (2, LATER), (2, LATER)):
        post(page.chat(), each, number)
    assert [len(updates) for _, updates in page.seen] == [2]


@pytest.mark.parametrize("page", [CachetV2Page, BetterStackPage], ids=lambda page: page.name, indirect=True)
def test_a_page_that_cannot_be_read_back_does_not_claim_to_know(page: Page) -> None:
    post(page.chat(), message(), 1)
    with pytest.raises(Unconfirmed):
        asked(page.chat(), lambda chat: chat.find(HERE, key(1)))
