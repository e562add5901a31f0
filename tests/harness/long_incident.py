"""A long incident of a real kind: some 400 entries in six hours, the same ones each time.

Payments fail in one region because a deployment doubled the workers and not the connection pool. Two shifts work on
it; alerts, chat, dead ends, two temporary fixes and one permanent one, customers and executives kept informed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from zoneinfo import ZoneInfo

from harness.case import PLAYBOOK
from harness.ids import entry_id
from warroom.incident.chat_events import ChannelOpened, ChatMessage
from warroom.incident.commands import (
    Acknowledge,
    AddAction,
    Check,
    Command,
    CommandContext,
    Declare,
    Note,
    Pin,
    PostUpdate,
    RecordFix,
    Resolve,
    SetSeverity,
    SetStatus,
    decide,
)
from warroom.incident.corrections import AmendEntry, AmendMilestone, RetractEntry
from warroom.incident.delivery import Audience, Delivery, DeliveryState, MessageKind, OutboxItem, Receipt
from warroom.incident.event_base import EventBase
from warroom.incident.events import AlertCleared, AlertReceived, Entry, Event, EvidencePinned, NewEntry
from warroom.incident.incident import Incident, apply
from warroom.incident.investigation import AssignTask, CompleteTask, ConfirmHypothesis, RuleOutHypothesis
from warroom.incident.roles import AcceptHandover, Assign, HandOver
from warroom.incident.runbook_commands import TickStep

ZONE = ZoneInfo("Europe/Berlin")
START = datetime(2026, 3, 3, 7, 2, tzinfo=UTC)
"""08:02 in Berlin, a Tuesday."""

APPROVER = "the commander"
TEAM = ("Ada Byron", "Bob Weaver", "Chen Wei", "Dana Scully", "Eve Moneypenny")
HOME = "/home/bob/checkout/payments.log"
"""A path of one person's machine: it means nothing in a document."""

CUSTOMERS_WERE_TOLD = (
    "Some card payments in Europe are failing. We are working on it. Orders are kept; nobody is charged twice.",
    "About 40 % of card payments in Europe are failing. PayPal and invoices work.",
    "We have reduced the failures to about 5 % of card payments in Europe.",
    "Payments in Europe were failing for up to 40 % of customers. They work again since 14:05 (CET).",
)

NOTES = (
    "Restarted the payment workers on eu-{n}",
    "Queue depth on eu-{n} is {m} and rising",
    "Asked the card acquirer for their status: all green on their side",
    "Latency at the load balancer is normal; the time is lost behind it",
    "{who} joined the call",
    "Dashboards of eu-{n} look the same as an hour ago",
    "Support counts {m} tickets about declined cards",
    "Drained eu-{n} to see whether the errors move with the traffic",
    "{who} reads through the deployment log of last night",
    "Error rate on eu-{n} is down to {n} %",
)
FINDINGS = (
    "Only requests that need a new database connection fail",
    "The errors began with release 4.2 at 07:58",
    "Workers wait up to 30 s for a connection",
    "us-1 runs release 4.1 and is healthy",
    "The pool has 50 connections, the workers of release 4.2 are 80",
    "Retries of the shop double the load",
    "The database itself is idle: 12 % CPU",
    "The health check passes while payments fail: it needs no connection",
)
CHAT = (
    "anything I can help with?",
    "support asks when it will be fixed",
    "I am looking at the traces of eu-{n}",
    "same picture on eu-{n}",
    "can someone check the acquirer?",
    "taking a short break, back in ten",
)
ALERTS = ("PaymentErrorRateHigh", "CheckoutLatencyHigh", "QueueDepthHigh", "WorkerRestarts", "ConnectionWaitHigh")

Made = Command | Event | NewEntry
Step = tuple[float, str, Made]


class LongIncident:
    """The incident, its entries and its deliveries. ``now`` is an hour after its resolution."""

    def __init__(self) -> None:
        self.incident = Incident("INC-12")
        self.entries: list[Entry] = []
        self.now = START + timedelta(hours=7, minutes=15)
        for minute, by, step in sorted(_story(Random(12)), key=lambda one: one[0]):
            self._take(START + timedelta(minutes=minute), by, step)
        last = START + timedelta(minutes=366)
        self._correct(last)
        self._take(last, TEAM[3], Resolve())
        self._take(
            last + timedelta(minutes=2), TEAM[2], _update("resolution", "team", "Card payments failed", "Resolved.")
        )

    @property
    def deliveries(self) -> list[Delivery]:
        """What became of the updates: each arrived in its channel."""
        found = []
        for number, post in enumerate(self.incident.posts, 1):
            name = {"team": "slack", "customers": "statuspage", "executives": "mail"}[post.update.audience]
            url = f"https://{name}.example.com/{number}"
            item = OutboxItem(operation="post", destination=name)
            found.append(
                Delivery(
                    id=f"{number:032x}",
                    incident="INC-12",
                    seq=number,
                    entry_id=post.id,
                    item=item,
                    state=DeliveryState.DELIVERED,
                    receipt=Receipt(url=url),
                )
            )
        return found

    def _take(self, at: datetime, by: str, step: Made) -> None:
        if isinstance(step, NewEntry):
            new = [step]
        elif isinstance(step, EventBase):
            new = [NewEntry(step, entry_id(len(self.entries) + 1))]
        else:
            new = self._decide(at, by, step)  # type: ignore[arg-type]
        for one in new:
            seq = len(self.entries) + 1
            entry = Entry(stream="INC-12", seq=seq, id=one.id, at=at, by=by, event=one.event)
            self.entries.append(entry)
            self.incident = apply(self.incident, entry)

    def _decide(self, at: datetime, by: str, command: Command) -> list[NewEntry]:
        ids = count(len(self.entries) + 1)
        context = CommandContext(PLAYBOOK, at, by, at.date(), lambda: entry_id(next(ids)))
        return decide(self.incident, command, context)

    def _correct(self, at: datetime) -> None:
        """What is put right at the end: a text, a time, an entry that was wrong."""
        notes = [row for row in self.incident.rows if row.text.startswith("Restarted")]
        self._take(at, TEAM[0], AmendEntry(str(notes[0].id), "Restarted the payment workers on eu-1 and eu-2"))
        self._take(at, TEAM[0], AmendEntry(str(notes[1].id), at=notes[1].at - timedelta(minutes=3)))
        self._take(at, TEAM[0], RetractEntry(str(notes[2].id), "It was another host"))
        self._take(at, TEAM[0], AmendMilestone("started", START - timedelta(minutes=4), "The first error"))


def _update(kind: MessageKind, audience: Audience, impact: str, words: str, next_at: float = 0) -> PostUpdate:
    """An update that promises the next one ``next_at`` minutes after the start; 0 for none."""
    template = {"customer": "customer_update"}.get(kind, kind)
    due = START + timedelta(minutes=next_at) if next_at else None
    return PostUpdate(kind, template, audience, impact, words, {"impact": impact}, due, approved_by=APPROVER)


def _story(chance: Random) -> Iterable[Step]:
    ada, bob, chen, dana, eve = TEAM

    def every(begin: float, end: float, step: float, make: Callable[[int], tuple[str, Made]]) -> list[Step]:
        found: list[Step] = []
        at, number = begin, 0
        while at < end:
            by, what = make(number)
            found.append((at + chance.random() * step / 3, by, what))
            at, number = at + step, number + 1
        return found

    def words(texts: tuple[str, ...], number: int) -> str:
        text = texts[number % len(texts)]
        who = TEAM[number % len(TEAM)].split()[0]
        return text.format(n=1 + number % 4, m=40 + number * 17 % 300, who=who)

    yield 0, ada, Declare("checkout-api", "Card payments fail in Europe", "high")
    yield (
        0.1,
        "",
        ChannelOpened(destination="transcript", channel="INC-12", url="/home/ada/.local/share/warroom/INC-12.md"),
    )
    yield 0.2, "", ChannelOpened(destination="slack", channel="C1", url="https://slack.example.com/C1", invited=4)
    for n, change in enumerate(("a41f release 4.2: 80 workers", "77ab text of the receipt", "19cd logging")):
        at = START - timedelta(minutes=5 + 300 * n)
        before = "5 min before the start" if n == 0 else f"{5 * n} h before the start"
        yield 0.3, "", EvidencePinned(source="changes", words=change, logged_at=at, comment=before)
    yield 3, bob, Acknowledge()
    for role, person in (("incident_commander", ada), ("technical_lead", bob), ("communications_lead", chen)):
        yield 4, ada, Assign(role, person)
    yield 12, ada, SetSeverity("critical", "40 % of payments in Europe")
    yield from every(0, 340, 17, lambda n: ("", _alert(words(ALERTS, n), n, chance)))
    for burst in range(6):  # a storm while the workers restart
        yield 95.5 + burst / 20, "", _alert(ALERTS[burst % 5], 40 + burst, chance)
    yield from every(20, 355, 26, lambda n: ("", _cleared(words(ALERTS, n), n)))
    yield from every(5, 355, 3.8, lambda n: (TEAM[n % 5], Note(words(NOTES, n))))
    yield from every(9, 300, 14, lambda n: (TEAM[n % 3], Note(_repeated(FINDINGS, n), "finding")))
    yield from every(14, 345, 8, lambda n: (bob, Pin(HOME, f"payment {7000 + n} timed out after 30 s", 88_000 + n)))
    yield from every(7, 355, 5.4, lambda n: ("", _chat(TEAM[n % 5], words(CHAT, n))))
    yield from every(
        15,
        360,
        17,
        lambda n: (chen, _team(n)),
    )
    yield from every(18, 350, 21, lambda n: (chen, _customers(n)))
    yield from every(30, 350, 62, lambda n: (chen, _executives(n)))
    yield from _hypotheses(bob, dana)
    for n in range(9):
        yield 16 + n * 36, TEAM[n % 2], Note(DECISIONS[n], "decision", "it is quick to undo")
    for n in range(6):
        yield 40 + n * 50, bob, Note(f"Raised the timeout of eu-{n + 1} to {n + 2} s", "change", "", "set it back")
    for n in range(10):
        yield 20 + n * 31, ada, AssignTask(TEAM[1 + n % 4], f"Compare the traces of eu-{n % 4 + 1}", 10)
        yield 31 + n * 31, TEAM[1 + n % 4], CompleteTask(f"T{n + 1}")
    for n in range(6):
        yield 50 + n * 2, bob, TickStep("payments", "Payments fail", f"s{n}", f"Check stage {n + 1}", n + 1, 6)
    yield 150, ada, HandOver("incident_commander", dana, "Pool is the suspect, 4.1 is ready")
    yield 152, dana, AcceptHandover("incident_commander")
    yield 180, bob, HandOver("technical_lead", eve, "Rollback runs on eu-1")
    yield 183, eve, AcceptHandover("technical_lead")
    yield 120, bob, RecordFix("Rolled eu-1 back to release 4.1", True, "deploy 4.2 again")
    yield 205, eve, RecordFix("Rolled eu-2 to eu-4 back to release 4.1", True, "deploy 4.2 again")
    yield 210, dana, SetStatus("mitigated")
    yield 330, eve, RecordFix("Pool of 100 connections in release 4.3", False, "deploy 4.1 again")
    for n, item in enumerate(_items("detection", "investigation", "resolution")):
        yield 6 + n * 2, ada, Check(item)
    for n, item in enumerate(_items("recovery")):
        yield 360 + n / 4, eve, Check(item, evidence="seen on the dashboard")
    yield 340, dana, AddAction("Alert when more than 80 % of the pool is in use", bob, "2026-03-10", "detect")
    yield 341, dana, AddAction("Look into the retries of the shop", "", "", "prevent")
    yield 342, dana, AddAction("Health check opens a connection", eve, "2026-03-12", "detect")


DECISIONS = (
    "Ada leads, Bob investigates",
    "Keep the shop open and hide card payments",
    "Do not restart the database",
    "Roll eu-1 back first",
    "Show the maintenance page to eu-3 only",
    "Roll back all of Europe",
    "Leave release 4.1 over noon",
    "Build 4.3 with a larger pool",
    "Deploy 4.3 to eu-1 first",
)


def _hypotheses(bob: str, dana: str) -> Iterable[Step]:
    suspects = (
        "The acquirer is down",
        "The database is slow",
        "A certificate has expired",
        "The pool is too small",
    )
    for n, suspect in enumerate(suspects):
        yield 11 + n * 25, bob, Note(suspect, "hypothesis")
        if n < 3:
            yield 30 + n * 25, dana, RuleOutHypothesis(f"H{n + 1}", "no sign of it")
    yield 118, bob, ConfirmHypothesis("H4", "80 workers share 50 connections")


def _items(*checklists: str) -> list[str]:
    """The items that only a person can tick."""
    return [item.id for name in checklists for item in PLAYBOOK.checklists[name].items if not item.done_by]


def _repeated(texts: tuple[str, ...], n: int) -> str:
    return texts[n % len(texts)] + ("" if n < len(texts) else f" (seen again on eu-{n % 4 + 1})")


def _impact(minute: float) -> str:
    return "40 % of card payments fail" if minute < 205 else "5 % of card payments fail"


def _team(number: int) -> PostUpdate:
    return _update("update", "team", _impact(number * 17), "The team knows.", 15 + number * 17 + 20)


def _executives(number: int) -> PostUpdate:
    return _update("executive", "executives", _impact(number * 62), "In short.")


def _customers(number: int) -> PostUpdate:
    text = CUSTOMERS_WERE_TOLD[min(number // 5, 3)]
    return _update("customer", "customers", text.partition(".")[0], text, 18 + number * 21 + 24)


def _alert(name: str, number: int, chance: Random) -> NewEntry:
    alert = AlertReceived(
        name=name,
        source="prometheus",
        service="checkout-api",
        detail=f"{chance.randint(5, 60)} % over the threshold",
        fingerprint=f"{name}-{number}",
        url=f"https://prometheus.example.com/alerts/{number}",
    )
    return NewEntry(alert, entry_id(10_000 + number))


def _cleared(name: str, number: int) -> AlertCleared:
    return AlertCleared(alert=entry_id(10_000 + number), name=name)


def _chat(who: str, words: str) -> ChatMessage:
    return ChatMessage(who=who, via="slack", words=words)
