"""A model of the outbox, for stateful tests of any journal (hypothesis). Names no database."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from warroom.errors import Refusal
from warroom.incident.delivery import LONGEST_RETRY_S, DeliveryState
from warroom.journal.port import Journal
from warroom.testing.journal_samples import FAR, ME, OTHER, later, post, write


@dataclass
class ExpectedDelivery:
    """A delivery in the state that the rules require."""

    id: str
    partition: tuple[str, str]
    state: str = "pending"
    due: int | None = None
    owner: str = ""
    lease: int = 0
    attempts: int = 0


class OutboxModel(RuleBasedStateMachine):
    """Random operations on an outbox, compared with a model of its rules. A subclass implements ``fresh``."""

    def fresh(self) -> Journal:
        raise NotImplementedError

    @initialize()
    def begin(self) -> None:
        self.journal = self.fresh()
        self.known: list[ExpectedDelivery] = []
        self.clock = 0

    def teardown(self) -> None:
        if hasattr(self, "journal"):
            self.journal.close()

    @rule(stream=st.sampled_from(["INC-1", "INC-2"]), items=st.lists(st.sampled_from(["a", "b"]), max_size=3))
    def append(self, stream: str, items: list[str]) -> None:
        before = {delivery.id for delivery in self.journal.deliveries()}
        write(self.journal, *(post(destination) for destination in items), stream=stream)
        for delivery in self.journal.deliveries():
            if delivery.id not in before:
                self.known.append(ExpectedDelivery(delivery.id, (delivery.incident, delivery.destination)))

    @rule(seconds=st.integers(1, 40))
    def time_passes(self, seconds: int) -> None:
        self.clock += seconds

    @rule()
    def clock_is_set_back(self) -> None:
        self.clock -= 86_400

    @rule(owner=st.sampled_from([ME, OTHER, FAR]))
    def claim(self, owner: str) -> None:
        latest = self.clock + LONGEST_RETRY_S
        for one in self.known:
            if one.owner and one.lease <= self.clock:
                one.state, one.due, one.owner = "uncertain", self.clock, ""
            elif one.owner and one.lease > latest:
                one.lease = self.clock + 30
        expected: ExpectedDelivery | None = None
        closed: set[tuple[str, str]] = set()
        for one in self.known:
            over = one.state in ("delivered", "failed")
            waits_for_a_person = one.state == "uncertain" and one.due is None and not one.owner
            if over or waits_for_a_person:
                continue
            waits = one.due is not None and self.clock < one.due <= latest
            if one.partition not in closed and not one.owner and not waits:
                expected = one
                break
            closed.add(one.partition)
        claimed = self.journal.claim(owner, later(self.clock), lease_s=30)
        assert (claimed and claimed.id) == (expected and expected.id)
        if claimed and expected:
            if expected.state == "pending":
                expected.state, expected.due = "sending", None
                expected.attempts += 1
            expected.owner, expected.lease = owner, self.clock + 30
            assert (claimed.state.value, claimed.attempts) == (expected.state, expected.attempts)

    @precondition(lambda self: self.known)
    @rule(
        data=st.data(),
        owner=st.sampled_from([ME, OTHER, FAR]),
        outcome=st.sampled_from(
            [DeliveryState.DELIVERED, DeliveryState.PENDING, DeliveryState.UNCONFIRMED, DeliveryState.FAILED]
        ),
        wait=st.one_of(st.none(), st.integers(0, 50)),
    )
    def complete(self, data: st.DataObject, owner: str, outcome: DeliveryState, wait: int | None) -> None:
        one = data.draw(st.sampled_from([known for known in self.known if known.owner] or self.known))
        again = None if wait is None else later(self.clock + wait)
        completed = self.journal.complete(one.id, owner=owner, outcome=outcome, next_attempt_at=again)
        assert completed == (one.owner == owner)
        if completed:
            one.state, one.owner = outcome.value, ""
            one.due = None if again is None or wait is None else self.clock + wait

    @precondition(lambda self: self.known)
    @rule(data=st.data(), sent=st.booleans())
    def confirm(self, data: st.DataObject, sent: bool) -> None:
        one = data.draw(st.sampled_from(self.known))
        if one.state not in ("uncertain", "failed"):
            with pytest.raises(Refusal):
                self.journal.confirm(one.id, sent=sent, now=later(self.clock))
            return
        self.journal.confirm(one.id, sent=sent, now=later(self.clock))
        one.state, one.owner, one.due = ("delivered", "", None) if sent else ("pending", "", self.clock)


OUTBOX_SETTINGS = settings(
    max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
