"""What every journal must guarantee: subclass ``JournalContract`` and give it a place. Names no database."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from warroom.errors import Conflict, JournalError, NotFound, Refusal
from warroom.incident.delivery import LONGEST_RETRY_S, DeliveryState, OutboxItem, Receipt
from warroom.incident.events import TEAM, AlertReceived, Declared, UpdatePosted
from warroom.incident.identity import outside_id
from warroom.journal.port import Journal
from warroom.testing.journal_samples import (
    FAR,
    HOST,
    ME,
    NOW,
    OTHER,
    Place,
    at_once,
    elsewhere,
    later,
    named,
    note,
    post,
    states,
    status,
    take,
    write,
)


class JournalContract:
    """The promises of ``warroom.journal.port.Journal``, one a test. A subclass gives the fixture ``place``."""

    @pytest.fixture
    def journal(self, place: Place) -> Iterator[Journal]:
        journal = place.open()
        yield journal
        journal.close()

    def test_deliveries_are_picked_by_stream_and_state(self, journal: Journal) -> None:
        write(journal, post("slack"), post("mail"))
        write(journal, post("slack"), stream="INC-2")
        taken = journal.claim(ME, NOW)
        assert taken
        journal.complete(taken.id, owner=ME, outcome=DeliveryState.FAILED, error="no")
        failed = journal.deliveries(states=[DeliveryState.FAILED, DeliveryState.UNCONFIRMED])
        assert [delivery.id for delivery in failed] == [taken.id]
        assert [d.id for d in journal.deliveries("INC-2", [DeliveryState.FAILED])] == []
        assert len(journal.deliveries("INC-1", [DeliveryState.PENDING])) == 1

    # Facts

    def test_entries_are_numbered_from_one_without_gaps(self, journal: Journal) -> None:
        first = journal.append("INC-1", 0, [note("a"), note("b")], at=NOW, by="Ann")
        second = journal.append("INC-1", 2, [note("c")], at=later(1), by="Bob")
        assert [entry.seq for entry in first + second] == [1, 2, 3]
        assert journal.read("INC-1") == first + second
        assert journal.version("INC-1") == 3

    def test_another_handle_reads_what_was_appended_to_the_last_character(
        self, place: Place, journal: Journal
    ) -> None:
        declared = Declared(
            service="checkout-api",
            impact="Zahlung schlägt fehl — 決済 🧯 'quoted'",
            severity="critical",
            started_at=NOW - timedelta(days=20000),
            drill=True,
        )
        update = UpdatePosted(
            number=1,
            message="update",
            template="team",
            audience="team",
            status="investigating",
            fields={"impact": "all", "next\nsteps": ""},
            title="Update 1",
            words="Impact: all\n\n{}",
            destinations=("slack",),
            next_update_at=later(1800),
        )
        written = journal.append("INC-1", 0, [declared, update, note("x" * 20_000)], at=NOW, by="Zoë")
        other = place.open()
        assert other.read("INC-1") == written
        other.close()

    def test_times_are_kept_in_utc_to_the_millisecond(self, journal: Journal) -> None:
        east = datetime.fromisoformat("2026-03-01T21:30:00.123987+09:00")
        (written,) = journal.append("INC-1", 0, [note()], at=east, by="")
        (read,) = journal.read("INC-1")
        assert read.at.isoformat() == written.at.isoformat() == "2026-03-01T12:30:00.123000+00:00"

    def test_a_time_without_a_zone_is_refused(self, journal: Journal) -> None:
        with pytest.raises(ValueError, match="zone"):
            journal.append("INC-1", 0, [note()], at=datetime(2026, 1, 1), by="")  # noqa: DTZ001
        assert journal.version("INC-1") == 0

    def test_reading_goes_on_after_a_given_entry(self, journal: Journal) -> None:
        written = journal.append("INC-1", 0, [note(str(n)) for n in range(5)], at=NOW, by="")
        assert journal.read("INC-1", 3) == written[3:]
        assert journal.read("INC-1", 5) == []

    def test_streams_are_apart(self, journal: Journal) -> None:
        journal.append("INC-1", 0, [note("one")], at=NOW, by="")
        journal.append("INC-2", 0, [note("two")], at=NOW, by="")
        assert [entry.event.text for entry in journal.read("INC-2")] == ["two"]
        assert journal.read("INC-3") == [] and journal.version("INC-3") == 0

    def test_a_decision_on_an_old_length_conflicts_names_who_wrote_and_keeps_nothing(
        self, journal: Journal
    ) -> None:
        journal.append("INC-1", 0, [note()], at=NOW, by="Ann")
        journal.append("INC-1", 1, [note(), note()], at=NOW, by="Bob")
        with pytest.raises(Conflict, match="Bob added 2 entries meanwhile"):
            journal.append("INC-1", 1, [note("late")], [(0, post())], at=NOW, by="Ann", summary="late")
        assert journal.version("INC-1") == 3 and journal.deliveries() == []
        assert journal.summaries() == [("INC-1", 3, "")]

    def test_a_conflict_names_everybody_and_warroom_itself(self, journal: Journal) -> None:
        journal.append("INC-1", 0, [note()], at=NOW, by="Bob")
        journal.append("INC-1", 1, [note(), note()], at=NOW, by="")
        with pytest.raises(Conflict, match="warroom added 2 entries and Bob added 1 entry meanwhile"):
            journal.append("INC-1", 0, [note()], at=NOW, by="Ann")

    def test_a_decision_on_entries_the_journal_has_not_conflicts(self, journal: Journal) -> None:
        with pytest.raises(Conflict):
            journal.append("INC-1", 4, [note()], at=NOW, by="Ann")
        assert journal.summaries() == []

    def test_of_many_that_append_at_once_on_the_same_length_one_wins(self, place: Place, journal: Journal) -> None:
        handles = [place.open() for _ in range(4)]
        barrier = threading.Barrier(4)
        ends: list[str] = []

        def run(handle: Journal) -> None:
            barrier.wait()
            try:
                handle.append("INC-1", 0, [note()], at=NOW, by="Ann")
                ends.append("won")
            except Conflict:
                ends.append("lost")

        threads = [threading.Thread(target=run, args=(handle,)) for handle in handles]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(ends) == ["lost", "lost", "lost", "won"]
        assert journal.version("INC-1") == 1
        for handle in handles:
            handle.close()

    def test_one_handle_serves_many_threads(self, journal: Journal) -> None:
        problem: list[BaseException] = []

        def run(stream: str) -> None:
            try:
                for n in range(25):
                    journal.append(stream, n, [note(f"{stream} {n}")], [(0, post())], at=NOW, by="Ann")
                    assert [entry.seq for entry in journal.read(stream)] == list(range(1, n + 2))
                    journal.save_draft(stream, str(n))
                    journal.change_count()
            except BaseException as error:  # noqa: BLE001 — passed to the test's own thread
                problem.append(error)

        threads = [threading.Thread(target=run, args=(f"INC-{n}",)) for n in range(1, 7)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert problem == []
        assert {length for _, length, _ in journal.summaries()} == {25}
        assert len(journal.deliveries()) == 150

    def test_an_append_with_a_bad_order_keeps_nothing(self, journal: Journal) -> None:
        with pytest.raises(ValueError, match="outbox item"):
            journal.append("INC-1", 0, [note()], [(0, post()), (1, post())], at=NOW, by="Ann")
        assert journal.version("INC-1") == 0 and journal.deliveries() == [] and journal.summaries() == []

    def test_summaries_come_newest_incident_first_and_without_the_team(self, journal: Journal) -> None:
        for number in (2, 10, 9):
            journal.append(f"INC-{number}", 0, [note()], at=NOW, by="", summary=f'{{"n": {number}}}')
        journal.append(TEAM, 0, [AlertReceived(name="disk")], at=NOW, by="")
        assert journal.summaries() == [(f"INC-{n}", 1, f'{{"n": {n}}}') for n in (10, 9, 2)]

    def test_an_empty_summary_leaves_the_old_one(self, journal: Journal) -> None:
        journal.append("INC-1", 0, [note()], at=NOW, by="", summary="old")
        journal.append("INC-1", 1, [note()], at=NOW, by="")
        assert journal.summaries() == [("INC-1", 2, "old")]
        journal.append("INC-1", 2, [], at=NOW, by="", summary="new")
        assert journal.summaries() == [("INC-1", 2, "new")]

    def test_incident_ids_count_up_and_skip_what_is_there(self, journal: Journal) -> None:
        assert [journal.new_incident(), journal.new_incident()] == ["INC-1", "INC-2"]
        journal.append("INC-7", 0, [note()], at=NOW, by="")
        journal.append("INC-3", 0, [note()], at=NOW, by="")
        assert journal.new_incident() == "INC-8"

    def test_no_two_processes_get_the_same_incident_id(self, place: Place) -> None:
        said = at_once(place, "for _ in range(20): print(journal.new_incident())")
        every = [identity for lines in said for identity in lines]
        assert sorted(every, key=lambda one: int(one[4:])) == [f"INC-{n}" for n in range(1, 61)]

    def test_an_id_is_recorded_once_with_its_deliveries(self, journal: Journal) -> None:
        id = outside_id("chat", "slack", "170.1")
        (first,) = journal.append("INC-1", 0, [note("a")], [(0, post())], at=NOW, by="Ann", ids=[id])
        other = journal.append("INC-1", 1, [note("b")], at=NOW, by="Ann")
        again = [(0, post("mail")), (1, post("log"))]
        (fresh,) = journal.append(
            "INC-1", 2, [note("a"), note("c")], again, at=NOW, by="Bob", ids=[id, outside_id("c")]
        )
        assert journal.read("INC-1") == [first, *other, fresh] and journal.version("INC-1") == 3
        assert [(each.destination, each.entry_id) for each in journal.deliveries()] == [
            ("slack", id),
            ("log", fresh.id),
        ]
        journal.append("INC-2", 0, [note("a")], at=NOW, by="Ann", ids=[id])
        assert journal.version("INC-2") == 1, "ids are unique within a stream"

    # The outbox

    def test_deliveries_are_kept_in_the_order_written_with_stable_ids(self, place: Place, journal: Journal) -> None:
        opening = OutboxItem(operation="open", destination="slack")
        journal.append("INC-1", 0, [note(), note()], [(0, opening), (0, post()), (1, post("mail"))], at=NOW, by="")
        write(journal, post(), stream="INC-2")
        found = journal.deliveries()
        assert [named(journal, delivery.id) for delivery in found] == [
            "INC-1.1.slack.open",
            "INC-1.1.slack.post",
            "INC-1.2.mail.post",
            "INC-2.1.slack.post",
        ]
        assert found[1].item == post() and found[1].state is DeliveryState.PENDING and found[1].attempts == 0
        other = place.open()
        assert other.deliveries("INC-1") == found[:3]
        assert other.deliveries("INC-1", destination="slack") == found[:2]
        assert other.deliveries(destination="mail") == found[2:3]
        other.close()

    def test_two_orders_of_one_event_to_one_destination_are_told_apart(self, journal: Journal) -> None:
        ids = write(journal, post(text="1"), post(text="2"), post(text="3"))
        assert [named(journal, id) for id in ids] == [
            "INC-1.1.slack.post",
            "INC-1.1.slack.post.2",
            "INC-1.1.slack.post.3",
        ]

    def test_a_status_replaces_one_still_pending_of_the_same_destination_and_stream(self, journal: Journal) -> None:
        write(journal, status(text="old"), status("mail"), post())
        write(journal, status(), stream="INC-2")
        write(journal, status(text="new"))
        assert [named(journal, delivery.id) for delivery in journal.deliveries()] == [
            "INC-1.1.mail.status",
            "INC-1.1.slack.post",
            "INC-2.1.slack.status",
            "INC-1.2.slack.status",
        ]

    def test_a_status_that_is_being_sent_is_not_replaced(self, journal: Journal) -> None:
        (first,) = write(journal, status())
        assert take(journal) == (first, DeliveryState.SENDING)
        assert len(write(journal, status())) == 2

    def test_a_status_waits_as_long_as_the_one_it_replaces_was_told_to(self, journal: Journal) -> None:
        (first,) = write(journal, status())
        take(journal)
        journal.complete(first, owner=ME, outcome=DeliveryState.PENDING, next_attempt_at=later(30))
        write(journal, status())
        assert take(journal, later(29)) is None
        taken = journal.claim(ME, later(30))
        assert taken and named(journal, taken.id) == "INC-1.2.slack.status"

    def test_a_claim_holds_counts_and_says_sending(self, journal: Journal) -> None:
        write(journal, post())
        claimed = journal.claim(ME, NOW)
        assert claimed and (claimed.state, claimed.attempts, claimed.item) == (DeliveryState.SENDING, 1, post())
        assert journal.deliveries() == [claimed]
        assert take(journal, owner=OTHER) is None

    def test_nothing_to_do_is_none(self, journal: Journal) -> None:
        assert take(journal) is None

    def test_order_is_kept_in_a_lane_and_lanes_do_not_wait_for_each_other(self, journal: Journal) -> None:
        a, b, c = write(journal, post(), post(), post("mail"))
        write(journal, post(), stream="INC-2")
        assert take(journal) == (a, DeliveryState.SENDING)
        assert take(journal) == (c, DeliveryState.SENDING)
        third = journal.claim(ME, NOW)
        assert third and named(journal, third.id) == "INC-2.1.slack.post"
        assert take(journal) is None
        journal.complete(a, owner=ME, outcome=DeliveryState.DELIVERED)
        assert take(journal) == (b, DeliveryState.SENDING)

    def test_a_delivery_that_waits_holds_up_its_lane_until_it_is_due(self, journal: Journal) -> None:
        a, b = write(journal, post(), post())
        take(journal)
        journal.complete(a, owner=ME, outcome=DeliveryState.PENDING, error="throttled", next_attempt_at=later(20))
        waiting = journal.deliveries()[0]
        assert (waiting.state, waiting.next_attempt_at, waiting.error) == (
            DeliveryState.PENDING,
            later(20),
            "throttled",
        )
        assert take(journal, later(19.999)) is None
        again = journal.claim(ME, later(20))
        assert again and (again.id, again.attempts, again.next_attempt_at) == (a, 2, None)
        journal.complete(a, owner=ME, outcome=DeliveryState.DELIVERED)
        assert take(journal, later(20)) == (b, DeliveryState.SENDING)

    def test_a_failed_delivery_does_not_hold_up_its_lane(self, journal: Journal) -> None:
        a, b = write(journal, post(), post())
        take(journal)
        journal.complete(a, owner=ME, outcome=DeliveryState.FAILED, error="no such channel")
        assert take(journal) == (b, DeliveryState.SENDING)
        assert journal.deliveries()[0].error == "no such channel"

    def test_an_uncertain_one_that_waits_for_a_person_does_not_hold_up_its_lane(self, journal: Journal) -> None:
        a, b = write(journal, post(), post())
        take(journal)
        journal.complete(a, owner=ME, outcome=DeliveryState.UNCONFIRMED)
        assert take(journal) == (b, DeliveryState.SENDING)
        assert take(journal, later(10**6)) == (b, DeliveryState.UNCONFIRMED)

    def test_an_uncertain_one_that_is_looked_into_again_holds_up_its_lane(self, journal: Journal) -> None:
        a, b = write(journal, post(), post())
        take(journal)
        journal.complete(a, owner=ME, outcome=DeliveryState.UNCONFIRMED, next_attempt_at=later(5))
        assert take(journal, later(4)) is None
        assert take(journal, later(5)) == (a, DeliveryState.UNCONFIRMED)
        assert take(journal, later(6)) is None, "held while it is looked into"
        assert journal.deliveries()[0].attempts == 1, "looking is not sending"
        journal.complete(
            a, owner=ME, outcome=DeliveryState.DELIVERED, receipt=Receipt(id="m1", url="https://x.example/m1")
        )
        assert take(journal, later(6)) == (b, DeliveryState.SENDING)
        assert journal.deliveries()[0].receipt == Receipt(id="m1", url="https://x.example/m1")

    def test_what_is_settled_for_good_has_no_next_attempt(self, journal: Journal) -> None:
        (a,) = write(journal, post())
        take(journal)
        journal.complete(a, owner=ME, outcome=DeliveryState.FAILED, error="no", next_attempt_at=later(5))
        assert journal.deliveries()[0].next_attempt_at is None and take(journal, later(60)) is None

    def test_settling_needs_the_hold(self, journal: Journal) -> None:
        (a,) = write(journal, post())
        assert not journal.complete(a, owner=ME, outcome=DeliveryState.DELIVERED)
        take(journal)
        before = journal.deliveries()
        assert not journal.complete(a, owner=OTHER, outcome=DeliveryState.FAILED, error="x")
        assert not journal.complete("INC-9.9.none.post", owner=ME, outcome=DeliveryState.FAILED)
        assert journal.deliveries() == before
        assert journal.complete(a, owner=ME, outcome=DeliveryState.DELIVERED)
        assert not journal.complete(a, owner=ME, outcome=DeliveryState.PENDING), "delivered once is delivered"
        assert states(journal) == ["delivered"]

    def test_an_attempt_cannot_end_as_sending(self, journal: Journal) -> None:
        (a,) = write(journal, post())
        take(journal)
        with pytest.raises(ValueError, match="sending"):
            journal.complete(a, owner=ME, outcome=DeliveryState.SENDING)

    def test_a_lease_that_ran_out_makes_it_uncertain_and_due(self, journal: Journal) -> None:
        (a,) = write(journal, post())
        assert journal.claim(FAR, NOW, lease_s=30)
        assert take(journal, later(29.999)) is None
        assert take(journal, later(30)) == (a, DeliveryState.UNCONFIRMED)
        assert not journal.complete(a, owner=FAR, outcome=DeliveryState.DELIVERED), "the late one has lost its hold"
        assert take(journal, later(31), OTHER) is None
        assert take(journal, later(90), OTHER) == (a, DeliveryState.UNCONFIRMED), "looking into it is leased too"

    def test_a_lost_claim_keeps_its_place_in_the_lane(self, journal: Journal) -> None:
        a, _ = write(journal, post(), post())
        journal.claim(FAR, NOW, lease_s=30)
        assert take(journal, later(30)) == (a, DeliveryState.UNCONFIRMED)
        assert take(journal, later(30)) is None
        journal.complete(a, owner=ME, outcome=DeliveryState.PENDING, next_attempt_at=later(30))
        assert take(journal, later(30)) == (a, DeliveryState.SENDING)

    def test_a_holder_that_died_on_this_machine_loses_its_claim_at_once(
        self, place: Place, journal: Journal
    ) -> None:
        (a,) = write(journal, post())
        owner = "socket.gethostname().replace(':', '-') + f':{os.getpid()}:x'"
        body = f"print(journal.claim({owner}, now).id, flush=True)\nos.kill(os.getpid(), signal.SIGKILL)"
        process = elsewhere(place, body)
        assert process.communicate(timeout=60)[0].strip() == a
        assert states(journal) == ["sending"]
        assert take(journal) == (a, DeliveryState.UNCONFIRMED)

    @pytest.mark.parametrize(
        "owner",
        [
            ME,
            FAR,
            "nonsense",
            f"{HOST}",
            f"{HOST}:0:x",
            f"{HOST}:-1:x",
            f"{HOST}:one:x",
            f"{HOST}:{10**30}:x",
            f"{HOST}::x",
            f"{HOST}:²:x",
            f"{HOST}:1:x",
        ],
        ids=[
            "me",
            "elsewhere",
            "nonsense",
            "host",
            "zero",
            "negative",
            "word",
            "huge",
            "none",
            "superscript",
            "one",
        ],
    )
    def test_a_holder_that_may_live_keeps_its_claim_until_the_lease_is_over(
        self, journal: Journal, owner: str
    ) -> None:
        (a,) = write(journal, post())
        assert take(journal, owner=owner) == (a, DeliveryState.SENDING)
        assert take(journal, later(59), OTHER) is None
        assert take(journal, later(60), OTHER) == (a, DeliveryState.UNCONFIRMED)

    def test_no_delivery_is_claimed_by_two_processes(self, place: Place, journal: Journal) -> None:
        ids = write(journal, *(post(f"d{n}") for n in range(60)))
        body = (
            "owner = f'elsewhere:{os.getpid()}:{sys.argv[1]}'\n"
            "while claimed := journal.claim(owner, now): print(claimed.id, flush=True)"
        )
        said = at_once(place, body)
        assert sorted(identity for lines in said for identity in lines) == sorted(ids)

    def test_a_person_says_it_was_sent(self, journal: Journal) -> None:
        (a,) = write(journal, post())
        take(journal)
        journal.complete(a, owner=ME, outcome=DeliveryState.UNCONFIRMED, error="timed out")
        answered = journal.confirm(a, sent=True, now=later(1))
        assert answered.state is DeliveryState.DELIVERED and journal.deliveries() == [answered]
        assert take(journal, later(10**6)) is None

    @pytest.mark.parametrize("outcome", [DeliveryState.UNCONFIRMED, DeliveryState.FAILED])
    def test_a_person_says_send_it_again(self, journal: Journal, outcome: DeliveryState) -> None:
        (a,) = write(journal, post())
        take(journal)
        journal.complete(a, owner=ME, outcome=outcome)
        assert journal.confirm(a, sent=False, now=later(1)).state is DeliveryState.PENDING
        again = journal.claim(ME, later(1))
        assert again and (again.id, again.state, again.attempts) == (a, DeliveryState.SENDING, 2)

    def test_an_answer_takes_the_hold_from_who_looks_into_it(self, journal: Journal) -> None:
        (a,) = write(journal, post())
        take(journal)
        journal.complete(a, owner=ME, outcome=DeliveryState.UNCONFIRMED, next_attempt_at=NOW)
        assert take(journal) == (a, DeliveryState.UNCONFIRMED)
        journal.confirm(a, sent=True, now=NOW)
        assert not journal.complete(a, owner=ME, outcome=DeliveryState.PENDING)
        assert states(journal) == ["delivered"]

    def test_only_what_is_uncertain_or_failed_can_be_answered(self, journal: Journal) -> None:
        (a,) = write(journal, post())
        with pytest.raises(Refusal):
            journal.confirm(a, sent=True, now=NOW)
        take(journal)
        with pytest.raises(Refusal):
            journal.confirm(a, sent=False, now=NOW)
        journal.complete(a, owner=ME, outcome=DeliveryState.DELIVERED)
        with pytest.raises(Refusal):
            journal.confirm(a, sent=False, now=NOW)
        with pytest.raises(NotFound):
            journal.confirm("INC-9.9.none.post", sent=True, now=NOW)
        assert states(journal) == ["delivered"]

    def test_a_status_message_that_a_newer_one_replaced_is_never_sent_again(self, journal: Journal) -> None:
        (old,) = write(journal, status(text="investigating"))
        take(journal)
        journal.complete(old, owner=ME, outcome=DeliveryState.FAILED, error="no such channel")
        *_, other, new = write(journal, status("mail"), status(text="mitigated"))
        with pytest.raises(Refusal, match=new):
            journal.confirm(old, sent=False, now=NOW)
        assert [take(journal), take(journal), take(journal)] == [
            (other, DeliveryState.SENDING),
            (new, DeliveryState.SENDING),
            None,
        ]
        journal.complete(new, owner=ME, outcome=DeliveryState.FAILED, error="no such channel")
        assert journal.confirm(new, sent=False, now=NOW).state is DeliveryState.PENDING, "the newest may be"
        assert journal.confirm(old, sent=True, now=NOW).state is DeliveryState.DELIVERED, (
            "and a person may still say it is there"
        )

    def test_a_claim_leaves_destinations_to_others(self, journal: Journal) -> None:
        a, b, c = write(journal, post(), post(), post("mail"))
        claimed = journal.claim(ME, NOW, without={"slack"})
        assert claimed and claimed.id == c
        assert journal.claim(ME, NOW, without={"slack", "mail"}) is None
        assert take(journal, owner=OTHER) == (a, DeliveryState.SENDING), "they are free for another"
        journal.complete(a, owner=OTHER, outcome=DeliveryState.DELIVERED)
        assert take(journal, owner=OTHER) == (b, DeliveryState.SENDING)

    def test_an_attempt_in_which_nothing_was_tried_is_not_counted(self, journal: Journal) -> None:
        (a,) = write(journal, post())
        for _ in range(3):
            take(journal)
            journal.complete(a, owner=ME, outcome=DeliveryState.PENDING, error="no token here", attempted=False)
        again = journal.claim(ME, NOW)
        assert again and again.attempts == 1

    @pytest.mark.parametrize("outcome", [DeliveryState.PENDING, DeliveryState.UNCONFIRMED])
    def test_a_clock_set_back_does_not_put_off_what_waits(self, journal: Journal, outcome: DeliveryState) -> None:
        a, b = write(journal, post(), post())
        take(journal)
        journal.complete(a, owner=ME, outcome=outcome, next_attempt_at=later(300))
        assert take(journal, later(-60)) is None, "a small step back only adds to the wait"
        yesterday = later(-86_400)
        expected = DeliveryState.SENDING if outcome is DeliveryState.PENDING else DeliveryState.UNCONFIRMED
        assert take(journal, yesterday) == (a, expected)
        journal.complete(a, owner=ME, outcome=DeliveryState.DELIVERED)
        assert take(journal, yesterday) == (b, DeliveryState.SENDING)

    def test_a_clock_set_back_does_not_keep_a_lost_claim_for_a_day(self, journal: Journal) -> None:
        (a,) = write(journal, post())
        assert journal.claim(FAR, NOW, lease_s=30)
        yesterday = -86_400.0
        assert take(journal, later(yesterday)) is None, "it may be at work still"
        assert take(journal, later(yesterday + 59)) is None
        assert take(journal, later(yesterday + 60)) == (a, DeliveryState.UNCONFIRMED)

    def test_the_longest_wait_is_kept_to_the_millisecond(self, journal: Journal) -> None:
        (a,) = write(journal, post())
        take(journal)
        due = later(LONGEST_RETRY_S)
        journal.complete(a, owner=ME, outcome=DeliveryState.PENDING, next_attempt_at=due)
        assert take(journal) is None
        assert take(journal, later(-0.001)) == (a, DeliveryState.SENDING), "that far ahead, a clock was set back"

    def test_the_longest_lease_is_kept_to_the_millisecond(self, journal: Journal) -> None:
        (a,) = write(journal, post())
        assert journal.claim(FAR, NOW, lease_s=LONGEST_RETRY_S)
        assert take(journal) is None
        assert take(journal, later(LONGEST_RETRY_S - 0.001)) is None
        assert take(journal, later(LONGEST_RETRY_S)) == (a, DeliveryState.UNCONFIRMED)

    # The rest

    def test_a_wait_for_a_change_ends_with_the_change_or_with_its_time(self, journal: Journal) -> None:
        seen = journal.change_count()
        assert journal.wait_for_change(seen, 0.0) == seen
        journal.save_draft("k", "v")
        assert journal.wait_for_change(seen, 3600.0) == journal.change_count() != seen

    def test_every_change_moves_the_count_and_reading_does_not(self, place: Place, journal: Journal) -> None:
        other = place.open()
        seen = [(journal.change_count(), other.change_count())]

        def moved() -> bool:
            seen.append((journal.change_count(), other.change_count()))
            return seen[-1][0] != seen[-2][0] and seen[-1][1] != seen[-2][1]

        (a, _) = write(journal, post(), post("mail"))
        assert moved()
        journal.claim(ME, NOW)
        assert moved()
        other.complete(a, owner=ME, outcome=DeliveryState.FAILED)
        assert moved()
        journal.confirm(a, sent=True, now=NOW)
        assert moved()
        other.save_draft("INC-1/update", "half a sen")
        assert moved()
        other.new_incident()
        assert moved()
        _ = journal.read("INC-1"), journal.deliveries(), journal.summaries(), journal.draft("x")
        assert not moved()

    def test_a_change_by_another_process_moves_the_count(self, place: Place, journal: Journal) -> None:
        before = journal.change_count()
        process = elsewhere(place, "journal.save_draft('k', 'v')")
        assert process.wait(60) == 0
        assert journal.change_count() != before

    def test_drafts_are_kept_replaced_and_deleted(self, place: Place, journal: Journal) -> None:
        assert journal.draft("INC-1/update") == ""
        journal.save_draft("INC-1/update", "half a\nsen\x00tence 🧯")
        other = place.open()
        assert other.draft("INC-1/update") == "half a\nsen\x00tence 🧯"
        journal.save_draft("INC-1/update", "more")
        assert other.draft("INC-1/update") == "more" and other.draft("INC-1/note") == ""
        journal.save_draft("INC-1/update", "")
        assert other.draft("INC-1/update") == ""
        other.close()

    def test_a_draft_moves_to_another_key_once_and_replaces_nothing(self, journal: Journal) -> None:
        assert not journal.move_draft("INC-1/update", "INC-1/update/Ada")
        journal.save_draft("INC-1/update", "half")
        journal.save_draft("INC-1/update/Bo", "mine")
        assert not journal.move_draft("INC-1/update", "INC-1/update/Bo")
        assert (journal.draft("INC-1/update"), journal.draft("INC-1/update/Bo")) == ("half", "mine")
        assert journal.move_draft("INC-1/update", "INC-1/update/Ada")
        assert (journal.draft("INC-1/update"), journal.draft("INC-1/update/Ada")) == ("", "half")
        assert not journal.move_draft("INC-1/update", "INC-1/update/Cy")

    def test_a_draft_of_broken_text_is_kept_as_far_as_it_is_text(self, journal: Journal) -> None:
        journal.save_draft("k", "caf\udce9")
        assert journal.draft("k").startswith("caf")

    def test_the_latest_observation_of_a_stream_replaces_the_one_before(
        self, place: Place, journal: Journal
    ) -> None:
        assert journal.observation("INC-1") == ""
        journal.save_observation("INC-1", "one")
        journal.save_observation("INC-2", "other")
        journal.save_observation("INC-1", "two")
        assert (journal.observation("INC-1"), journal.observation("INC-2")) == ("two", "other")

    def test_a_presence_is_in_one_stream_until_it_expires_or_is_deleted(self, journal: Journal) -> None:
        journal.save_presence("a", "INC-1", "Ada", NOW, later(30))
        journal.save_presence("b", "INC-1", "Bo", NOW, later(20))
        assert journal.presence("INC-1", NOW) == [("a", "Ada"), ("b", "Bo")]
        journal.save_presence("a", "INC-2", "Ada writes", NOW, later(40))
        assert (journal.presence("INC-1", NOW), journal.presence("INC-2", NOW)) == (
            [("b", "Bo")],
            [("a", "Ada writes")],
        )
        assert journal.presence("INC-1", later(20)) == []
        journal.save_presence("a", "INC-2", "", NOW, later(40))
        assert journal.presence("INC-2", NOW) == []

    def test_what_another_process_does_is_seen_here(self, place: Place, journal: Journal) -> None:
        body = "from datetime import timedelta\nend = now + timedelta(seconds=30)\n"
        body += "journal.save_presence('x', 'INC-1', 'Cy', now, end)"
        assert elsewhere(place, body).wait(60) == 0
        assert journal.presence("INC-1", NOW) == [("x", "Cy")]

    def test_a_draft_outlives_a_kill(self, place: Place, journal: Journal) -> None:
        process = elsewhere(place, "journal.save_draft('k', 'typed')\nos.kill(os.getpid(), signal.SIGKILL)")
        process.wait(60)
        assert journal.draft("k") == "typed"

    def test_after_close_calls_fail_and_closing_again_does_not(self, place: Place) -> None:
        journal = place.open()
        write(journal, post())
        journal.close()
        journal.close()
        calls: list[Callable[[], Any]] = [
            lambda: journal.read("INC-1"),
            journal.new_incident,
            journal.change_count,
            journal.summaries,
            lambda: journal.save_draft("k", "v"),
            lambda: journal.claim(ME, NOW),
        ]
        for call in calls:
            with pytest.raises(JournalError):
                call()
        again = place.open()
        assert again.version("INC-1") == 1
        again.close()
