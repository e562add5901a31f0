"""What every hub must guarantee: subclass ``HubContract`` and give it ``connect``. Names no database."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from warroom.journal.hub.port import BATCH_ENTRIES, LARGEST_ENTRY, Activity, EntryRefused, Hub, HubEntry, chained
from warroom.journal.hub.schema import SCRUBBED

Connect = Callable[[], Hub]


def an_entry(
    device: UUID, seq: int, *, stream: UUID | None = None, label: str = "INC-1", body: str = "{}"
) -> HubEntry:
    """Return an entry as a laptop would push it."""
    return HubEntry(uuid4(), device, seq, stream or UUID(int=7), label, 1_000, "Ada", "note", body, seen=0)


class HubContract:
    """The promises of ``warroom.journal.hub.port.Hub``, one a test. A subclass gives the fixture ``connect``."""

    @pytest.fixture
    def hub(self, connect: Connect) -> Iterator[Hub]:
        hub = connect()
        yield hub
        hub.close()

    @pytest.fixture
    def device(self, hub: Hub) -> UUID:
        device = uuid4()
        hub.hello(device, "Ada's laptop", "1", 0)
        return device

    def test_entries_get_positions_in_their_order_and_come_out_as_they_went_in(
        self, hub: Hub, device: UUID
    ) -> None:
        body = '{"words":"größer \\u0000 \\ud83d\\ude00 ‹x›"}'
        sent = [an_entry(device, 1, body=body), replace(an_entry(device, 2), orders='[{"id":"x"}]', seen=None)]
        assert hub.push(sent) == [(sent[0].id, 1), (sent[1].id, 2)]
        assert hub.pull(0) == [replace(entry, pos=pos, letter="a") for pos, entry in enumerate(sent, 1)]
        assert hub.pull(1) == [replace(sent[1], pos=2, letter="a")]
        assert hub.pull(2) == []

    def test_the_same_batch_again_changes_nothing(self, hub: Hub, device: UUID) -> None:
        first, second = [an_entry(device, 1)], [an_entry(device, 2)]
        assert hub.push(first) == hub.push(first)
        assert hub.push([*first, *second]) == [(first[0].id, 1), (second[0].id, 2)]
        assert len(hub.pull(0)) == 2

    def test_of_one_fact_recorded_twice_the_first_stays(self, hub: Hub, device: UUID) -> None:
        entry = an_entry(device, 1)
        hub.push([entry])
        assert hub.push([replace(entry, by="Bob", device=uuid4())]) == [(entry.id, 1)]
        assert [one.by for one in hub.pull(0)] == ["Ada"]

    def test_two_streams_may_have_the_same_fact(self, hub: Hub, device: UUID) -> None:
        one = an_entry(device, 1)
        two = replace(one, device_seq=2, stream=UUID(int=8), label="INC-2")
        assert hub.push([one, two]) == [(one.id, 1), (one.id, 2)]
        assert hub.push([two]) == [(one.id, 2)]

    def test_words_that_are_removed_are_gone_and_the_entry_stays(self, hub: Hub, device: UUID) -> None:
        entry, other = an_entry(device, 1, body='{"words":"hunter2"}'), an_entry(device, 2, body='{"words":"kept"}')
        hub.push([replace(entry, orders='[{"id":"x","text":"hunter2"}]'), other])
        left_over = json.dumps([{"id": str(entry.id), "body": '{"words":"[scrubbed]"}'}])
        hub.push([replace(an_entry(device, 3), kind="note", scrubs=left_over)])
        assert hub.pull(0)[0].body == '{"words":"hunter2"}', "only an entry that says so removes words"
        hub.push([replace(an_entry(device, 4), kind=SCRUBBED, scrubs=left_over)])
        page = hub.pull(0)
        assert [one.body for one in page[:2]] == ['{"words":"[scrubbed]"}', '{"words":"kept"}']
        assert page[0].orders == "" and [one.pos for one in page] == [1, 2, 3, 4]
        assert not any(one.scrubs for one in page)

    def test_an_entry_that_is_too_large_is_refused_with_its_batch(self, hub: Hub, device: UUID) -> None:
        with pytest.raises(EntryRefused):
            hub.push([an_entry(device, 1), an_entry(device, 2, body="x" * LARGEST_ENTRY)])
        assert hub.pull(0) == []

    def test_a_pull_is_bounded_and_the_next_goes_on(self, hub: Hub, device: UUID) -> None:
        sent = [an_entry(device, seq) for seq in range(BATCH_ENTRIES + 50)]
        hub.push(sent[:BATCH_ENTRIES])
        hub.push(sent[BATCH_ENTRIES:])
        read: list[HubEntry] = []
        while page := hub.pull(len(read)):
            assert len(page) <= BATCH_ENTRIES
            read += page
        assert [entry.id for entry in read] == [entry.id for entry in sent]

    def test_large_entries_come_in_smaller_pages_and_all_of_them(self, hub: Hub, device: UUID) -> None:
        sent = [an_entry(device, seq, body="x" * 60_000) for seq in range(40)]
        hub.push(sent[:20])
        hub.push(sent[20:])
        read: list[HubEntry] = []
        while page := hub.pull(len(read)):
            assert len(page) < 25
            read += page
        assert len(read) == 40

    def test_the_checksum_at_a_position_covers_what_is_before(self, hub: Hub, device: UUID) -> None:
        sent = [an_entry(device, seq) for seq in range(3)]
        hub.push(sent)
        chain = ""
        for pos, entry in enumerate(sent, 1):
            chain = chained(chain, entry.id, entry.device)
            assert hub.chain_at(pos) == chain
        assert hub.chain_at(4) is None

    def test_positions_have_no_gap_whoever_writes_at_once(self, connect: Connect) -> None:
        start, found = threading.Barrier(4), []

        def write() -> None:
            hub, device = connect(), uuid4()
            hub.hello(device, "one", "1", 0)
            start.wait()
            for seq in range(15):
                found.extend(hub.push([an_entry(device, seq), an_entry(device, seq)]))
            hub.close()

        threads = [threading.Thread(target=write) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(pos for _, pos in found) == list(range(1, 121))

    def test_a_reader_never_misses_an_entry_that_is_committed_late(self, connect: Connect) -> None:
        """A reader that has read up to a position has everything before it, whatever commits meanwhile."""
        done = threading.Event()
        read: list[UUID] = []

        def follow() -> None:
            hub, cursor = connect(), 0
            while True:
                ended = done.is_set()
                while page := hub.pull(cursor):
                    assert [entry.pos for entry in page] == list(range(cursor + 1, cursor + 1 + len(page)))
                    cursor = page[-1].pos
                    read.extend(entry.id for entry in page)
                if ended:
                    break
            hub.close()

        def write(sent: list[UUID]) -> None:
            hub, device = connect(), uuid4()
            hub.hello(device, "one", "1", 0)
            for seq in range(40):
                entry = an_entry(device, seq)
                sent.append(entry.id)
                hub.push([entry])
            hub.close()

        sent: list[list[UUID]] = [[], [], []]
        reader = threading.Thread(target=follow)
        writers = [threading.Thread(target=write, args=(one,)) for one in sent]
        for thread in (reader, *writers):
            thread.start()
        for thread in writers:
            thread.join()
        done.set()
        reader.join()
        assert sorted(read) == sorted(id for one in sent for id in one)

    def test_each_laptop_has_a_letter_and_keeps_it(self, hub: Hub) -> None:
        devices = [uuid4() for _ in range(28)]
        letters = [hub.hello(one, "x", "1", 0).letter for one in devices]
        assert len(set(letters)) == 28 and letters[:2] == ["a", "b"]
        assert [hub.hello(one, "x", "1", 0).letter for one in devices] == letters

    def test_numbers_begin_above_those_of_everyone_who_joined(self, hub: Hub, device: UUID) -> None:
        assert hub.number(UUID(int=1)) == "INC-1"
        hub.hello(uuid4(), "Bob", "1", 40)
        assert hub.number(UUID(int=2)) == "INC-41"
        assert hub.number(UUID(int=2)) == "INC-41", "the same for the same incident"

    def test_two_incidents_never_share_a_name(self, hub: Hub, device: UUID) -> None:
        other = uuid4()
        letter = hub.hello(other, "Bob", "1", 0).letter
        one = an_entry(device, 1, stream=UUID(int=1), label="INC-3")
        two = an_entry(other, 1, stream=UUID(int=2), label="INC-3")
        hub.push([one])
        hub.push([two])
        assert [entry.label for entry in hub.pull(0)] == ["INC-3", f"INC-3/{letter.upper()}"]

    def test_a_lease_is_held_by_one_at_a_time(self, hub: Hub, device: UUID) -> None:
        other = uuid4()
        hub.hello(other, "Bob", "1", 0)
        assert hub.heartbeat(device, "x", [], ["inbox"], lease_s=60).leases == {"inbox": True}
        assert hub.heartbeat(other, "y", [], ["inbox", "more"], lease_s=60).leases == {"inbox": False, "more": True}
        assert hub.heartbeat(device, "x", [], ["inbox"], lease_s=-1).leases == {"inbox": True}
        assert hub.heartbeat(other, "y", [], ["inbox"], lease_s=60).leases == {"inbox": True}, "it had run out"

    def test_a_heartbeat_tells_who_is_there_and_what_others_do(self, hub: Hub, device: UUID) -> None:
        other = uuid4()
        hub.hello(other, "Bob's laptop", "2", 0)
        doing: Sequence[Activity] = [Activity("s1", UUID(int=7), "composing")]
        hub.heartbeat(other, "y", doing, [], lease_s=30)
        beat = hub.heartbeat(device, "x", [Activity("s2", UUID(int=7), "")], [], lease_s=30)
        assert list(beat.present) == doing
        assert [(one.letter, one.name, one.app) for one in beat.devices] == [
            ("a", "Ada's laptop", "1"),
            ("b", "Bob's laptop", "2"),
        ]
        hub.heartbeat(other, "y", [], [], lease_s=30)
        assert not hub.heartbeat(device, "x", [], [], lease_s=30).present

    def test_it_wakes_who_waits_for_entries(self, connect: Connect, device: UUID, hub: Hub) -> None:
        reader = connect()
        reader.pull(0)
        hub.push([an_entry(device, 1)])
        news: set[str] = set()
        for _ in range(200):
            news |= set(reader.wait(0.05))
            if "entries" in news:
                break
        assert "entries" in news
        reader.close()
