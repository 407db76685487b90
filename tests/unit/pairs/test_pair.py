from __future__ import annotations

import pytest

from baton.limits import (
    CORRELATION_WINDOW_NS,
    MESSAGE_ID_WINDOW_NS,
    PARENT_CHAIN_MAX,
    SECOND_NS,
    SKEW_NS_MAX,
    SKEW_NS_USUAL,
)
from baton.pairs.pair import pair
from baton.pairs.sends import sends
from baton.schema import PAIRS
from recording import INTERNAL, SERVER, Recording, Span, mended

Pairs = set[tuple[str, str, str]]


def both(recording: Recording, at: float = 10_000_000) -> tuple[Pairs, dict[str, tuple[int, int]]]:
    """(send, receive, method) by the names of the spans, and the unnamed: send -> (sent, received)."""
    spans = mended(recording, at)
    names = dict(spans.select("row", "name").iter_rows())
    pairs, unnamed = pair(spans, sends(spans))
    assert dict(pairs.schema) == dict(PAIRS.schema)
    found = {(names[send], names[receive], method) for send, receive, method, _ in pairs.iter_rows()}
    assert len(found) == pairs.height
    return found, {names[send]: (sent, received) for send, sent, received in unnamed.iter_rows()}


def pairs_of(recording: Recording) -> Pairs:
    """The pairs by name; no message is unnamed."""
    found, unnamed = both(recording)
    assert unnamed == {}
    return found


def test_nothing_pairs_with_nothing() -> None:
    """No spans, and spans without messages, make no pairs."""
    recording = Recording()
    assert both(recording) == (set(), {})
    recording.span("a")
    assert both(recording) == (set(), {})


# --- parents


def test_a_parent_names_the_send() -> None:
    """The message's context became the receive's parent; destination names differ and decide nothing."""
    recording = Recording()
    send = recording.send(channel="exchange", name="s")
    recording.receive(channel="queue", under=send, name="r")
    assert pairs_of(recording) == {("s", "r", "parent")}


def test_the_parent_chain_climbs_through_work() -> None:
    """Wrappers between send and receive are climbed, PARENT_CHAIN_MAX levels of them and no more."""
    for levels, expected in ((PARENT_CHAIN_MAX - 1, {("s", "r", "parent")}), (PARENT_CHAIN_MAX, set())):
        recording = Recording()
        above = recording.send(name="s")
        for _ in range(levels):
            above = recording.span("notify", kind=INTERNAL, under=above)
        recording.receive(under=above, name="r")
        assert pairs_of(recording) == expected


def test_the_parent_chain_ends_at_a_server() -> None:
    """Behind a server span another service's work begins: a poll in a request is not the request's message."""
    recording = Recording()
    send = recording.send(name="s")
    server = recording.span("web", kind=SERVER, under=send)
    recording.receive(under=server, name="r")
    assert pairs_of(recording) == set()


def test_an_outer_span_names_the_send_of_its_nest() -> None:
    """The receive's parent is the outer of two nested producers: over one message that names it."""
    recording = Recording()
    outer = recording.send(name="outer")
    recording.send(name="inner", under=outer)
    recording.receive(under=outer, name="r")
    assert pairs_of(recording) == {("inner", "r", "parent")}


def test_an_outer_span_over_a_batch_names_none() -> None:
    """Over two messages the outer span tells nothing."""
    recording = Recording()
    outer = recording.send(name="outer")
    for name in ("a", "b"):
        recording.send(name=name, under=outer)
    recording.receive(under=outer, name="r")
    assert pairs_of(recording) == set()


def test_forged_parent_cycles_end() -> None:
    """Receives that are their own or each other's parents pair with nothing, and end."""
    recording = Recording()
    one, two, three = (Span("a" * 32, str(number) * 16) for number in (1, 2, 3))
    recording.receive(own=one, under=two, name="1")
    recording.receive(own=two, under=one, name="2")
    recording.receive(own=three, under=three, name="3")
    assert pairs_of(recording) == set()


# --- links


def test_links_pair_a_batch_with_all_its_messages() -> None:
    """Every linked send is paired, and the receive is marked as a batch."""
    recording = Recording()
    linked = [recording.send(name=name) for name in "abc"]
    recording.send(name="d")
    recording.receive(links=linked, name="r")
    spans = mended(recording)
    pairs, _ = pair(spans, sends(spans))
    assert pairs_of(recording) == {(name, "r", "link") for name in "abc"}
    assert pairs["batched"].to_list() == [True] * 3


def test_a_stated_count_makes_a_batch() -> None:
    """One link, and a batch count of two: the other message's link was lost, the span still took several."""
    recording = Recording()
    send = recording.send()
    recording.receive(links=[send], more={"messaging.batch.message_count": 2})
    recording.receive("other", links=[send], more={"messaging.batch.message_count": 1})
    spans = mended(recording)
    pairs, _ = pair(spans, sends(spans))
    assert sorted(pairs["batched"].to_list()) == [False, True]


def test_ten_thousand_links_pair_once() -> None:
    """Links repeated and links to nothing are one pair a send."""
    recording = Recording()
    linked = [recording.send(name=name) for name in "ab"]
    recording.receive(links=linked * 3_000 + [Span("d" * 32, "d" * 16)] * 4_000, name="r")
    assert pairs_of(recording) == {("a", "r", "link"), ("b", "r", "link")}


def test_a_link_to_oneself_is_no_pair() -> None:
    """A receive that links itself took nothing."""
    recording = Recording()
    own = Span("a" * 32, "b" * 16)
    recording.receive(own=own, links=[own])
    assert pairs_of(recording) == set()


def test_a_link_into_another_tenant_is_no_pair() -> None:
    """The ids of another tenant's send name nothing here."""
    recording = Recording()
    send = recording.send(tenant="acme")
    recording.receive(tenant="evil", links=[send])
    assert pairs_of(recording) == set()


def test_a_link_compares_full_ids() -> None:
    """A link whose trace id has the same last 8 bytes, and so the same surrogate, names another span."""
    recording = Recording()
    recording.send(own=Span("1" * 16 + "a" * 16, "b" * 16))
    recording.receive(links=[Span("2" * 16 + "a" * 16, "b" * 16)])
    assert pairs_of(recording) == set()


def test_parent_outweighs_link() -> None:
    """A receive whose parent and link are the same send is one pair, by the stronger method."""
    recording = Recording()
    send = recording.send(name="s")
    recording.receive(under=send, links=[send], name="r")
    assert pairs_of(recording) == {("s", "r", "parent")}


# --- message ids


def test_a_message_id_pairs() -> None:
    """Without context the id tells; another id, system, environment or tenant does not."""
    recording = Recording()
    recording.send(at=1, message="m", name="s")
    recording.receive(at=2, message="m", channel="queue", name="r")
    recording.receive(at=2, message="n", name="other id")
    recording.receive(at=2, message="m", system="kafka", name="other system")
    recording.receive(at=2, message="m", environment="test", name="other environment")
    recording.receive(at=2, message="m", tenant="evil", name="other tenant")
    assert pairs_of(recording) == {("s", "r", "message_id")}


def test_a_stronger_method_spends_the_receive() -> None:
    """A receive paired by its parent is not paired again by an id it carries on."""
    recording = Recording()
    send = recording.send(name="s")
    recording.send(at=0.5, message="m", name="other")
    recording.receive(at=1, under=send, message="m", name="r")
    assert pairs_of(recording) == {("s", "r", "parent")}


def test_an_id_reused_later_means_the_latest_send() -> None:
    """Producers restart their counters: each receive takes the last send before it."""
    recording = Recording()
    for day in (0, 86_400):
        recording.send(at=day, message="1", name=f"s{day}")
        recording.receive(at=day + 5, message="1", name=f"r{day}")
    assert pairs_of(recording) == {("s0", "r0", "message_id"), ("s86400", "r86400", "message_id")}


def test_an_ids_second_life_outweighs_its_first() -> None:
    """Both clocks within SKEW_NS_USUAL, a send just after the receive is its own, and not one of an hour ago."""
    usual = SKEW_NS_USUAL / SECOND_NS
    for early, expected in ((usual, "second"), (usual + 0.001, "first")):
        recording = Recording()
        recording.send(at=0, message="1", name="first")
        recording.receive(at=3600, message="1", name="r")
        recording.send(at=3600 + early, message="1", name="second")
        assert pairs_of(recording) == {(expected, "r", "message_id")}


def test_a_near_send_before_outweighs_a_nearer_one_after() -> None:
    """Within SKEW_NS_MAX before the receive is no second life: the send before it is its own."""
    skew = SKEW_NS_MAX // SECOND_NS
    for before, expected in ((skew, "before"), (skew + 1, "after")):
        recording = Recording()
        recording.send(at=0, message="1", name="before")
        recording.receive(at=before, message="1", name="r")
        recording.send(at=before + 0.5, message="1", name="after")
        assert pairs_of(recording) == {(expected, "r", "message_id")}


def test_an_id_carried_on_means_the_hop_before() -> None:
    """A service that forwards under the same id: equal names tell the hops apart, whatever the times."""
    recording = Recording()
    recording.send("a", 0, "one", message="m", name="a sends")
    recording.send("b", 2, "two", message="m", name="b sends")
    recording.send("c", 4, "three", message="m", name="c sends")
    for name, at in (("one", 5), ("two", 6), ("three", 7)):
        recording.receive(f"reads {name}", at, name, message="m", name=name)
    assert pairs_of(recording) == {
        ("a sends", "one", "message_id"),
        ("b sends", "two", "message_id"),
        ("c sends", "three", "message_id"),
    }


def test_a_forwarders_own_send_is_not_its_origin() -> None:
    """Within skew, a later send by the receiving service itself is its next hop."""
    recording = Recording()
    recording.receive("b", 1, "queue", message="m", name="r")
    recording.send("b", 2, "two", message="m", name="forward")
    assert pairs_of(recording) == set()


def test_a_receive_shortly_before_its_send_is_skew() -> None:
    """Up to SKEW_NS_MAX before the send, where no send is earlier; beyond it is another message."""
    skew = SKEW_NS_MAX // SECOND_NS
    for early, expected in ((skew, {("s", "r", "message_id")}), (skew + 1, set())):
        recording = Recording()
        recording.receive(at=0, message="m", name="r")
        recording.send(at=early, message="m", name="s")
        assert pairs_of(recording) == expected


def test_an_id_too_long_ago_is_another_message() -> None:
    """MESSAGE_ID_WINDOW_NS holds a weekend, and no more."""
    window = MESSAGE_ID_WINDOW_NS // SECOND_NS
    for late, expected in ((window, {("s", "r", "message_id")}), (window + 1, set())):
        recording = Recording()
        recording.send(at=0, message="m", name="s")
        recording.receive(at=late, message="m", name="r")
        assert pairs_of(recording) == expected


def test_hostile_ids_are_ids() -> None:
    """NUL, newlines and 70,000 characters are compared like any other text."""
    ids = ["\x00", "a\nb", "x" * 70_000, "x" * 69_999, "\x1f'\"; drop table"]
    recording = Recording()
    for number, one in enumerate(ids):
        recording.send(at=number, message=one, name=f"s{number}")
        recording.receive(at=100 + number, message=one, name=f"r{number}")
    assert pairs_of(recording) == {(f"s{number}", f"r{number}", "message_id") for number in range(len(ids))}


# --- one receipt of several spans


def test_a_process_under_a_receive_inherits_its_message() -> None:
    """`receive` took the message, `process` under it names none: one receipt."""
    recording = Recording()
    send = recording.send(name="s")
    receive = recording.receive(step="receive", links=[send], name="receive")
    recording.receive(under=receive, name="process")
    assert pairs_of(recording) == {("s", "receive", "link"), ("s", "process", "parent")}


@pytest.mark.parametrize("inner", [{"service": "other"}, {"channel": "elsewhere"}])
def test_another_services_or_places_receive_inherits_nothing(inner: dict[str, str]) -> None:
    """What another service takes under it, or this one from elsewhere, is another message."""
    recording = Recording()
    send = recording.send(name="s")
    receive = recording.receive(step="receive", links=[send], name="receive")
    recording.receive(under=receive, name="process", **inner)
    assert pairs_of(recording) == {("s", "receive", "link")}


def test_a_process_under_a_batch_inherits_nothing() -> None:
    """Which of the batch's messages it processes is not said."""
    recording = Recording()
    linked = [recording.send(name=name) for name in "ab"]
    batch = recording.receive(step="receive", links=linked, name="batch")
    recording.receive(under=batch, name="process")
    assert pairs_of(recording) == {("a", "batch", "link"), ("b", "batch", "link")}


def test_a_settlement_is_paired() -> None:
    """A nack beside the receipt, by link, is among the receives."""
    recording = Recording()
    send = recording.send(name="s")
    recording.receive(step="settle", links=[send], name="nack")
    assert pairs_of(recording) == {("s", "nack", "link")}


# --- correlation ids


def talk(sent: int, received: int, *, messages: bool = False) -> Recording:
    """Messages of one correlation id: sends at 0, 1, ...; receives half a second later."""
    recording = Recording()
    for number in range(sent):
        own = {"message": f"out{number}"} if messages else {}
        recording.send(at=number, correlation="c", name=f"s{number}", **own)
    for number in range(received):
        own = {"message": f"in{number}"} if messages else {}
        recording.receive(at=number + 0.5, correlation="c", name=f"r{number}", **own)
    return recording


def test_a_correlation_id_pairs_in_time_order() -> None:
    """The i-th receive took the i-th send, if there are as many of both."""
    assert pairs_of(talk(3, 3)) == {(f"s{number}", f"r{number}", "correlation") for number in range(3)}


def test_too_few_receives_name_nobody() -> None:
    """Of three sends two were received: the loss has a number and no name."""
    assert both(talk(3, 2)) == (set(), {f"s{number}": (3, 2) for number in range(3)})


def test_too_many_receives_name_nobody() -> None:
    """Of three receives of two messages one is a redelivery, and nothing tells of which."""
    assert both(talk(2, 3)) == (set(), {f"s{number}": (2, 3) for number in range(2)})


def test_of_a_single_send_all_receives_are_receipts() -> None:
    """One message of the conversation: however often it was received, it was that one."""
    assert pairs_of(talk(1, 3)) == {("s0", f"r{number}", "correlation") for number in range(3)}


def test_no_receive_at_all_leaves_the_sends_to_the_law() -> None:
    """Where nothing was received there is nobody to choose between: nothing is unnamed."""
    assert both(talk(3, 0)) == (set(), {})


def test_message_ids_on_both_sides_forbid_correlation() -> None:
    """Both sides bear message ids, none of them shared: the correlation id would override them."""
    assert both(talk(2, 2, messages=True)) == (set(), {})


def test_each_service_counts_its_own_receives() -> None:
    """Two services that each took every message of the conversation are both paired."""
    recording = talk(2, 2)
    for number in range(2):
        recording.receive("audit", number + 0.6, correlation="c", name=f"a{number}")
    assert pairs_of(recording) == {
        *((f"s{number}", f"r{number}", "correlation") for number in range(2)),
        *((f"s{number}", f"a{number}", "correlation") for number in range(2)),
    }


def test_a_service_with_too_few_does_not_unname_the_other() -> None:
    """One service took all and is paired; the other took one of two, and the sends are not told as unnamed."""
    recording = talk(2, 2)
    recording.receive("audit", 0.6, correlation="c", name="a")
    assert pairs_of(recording) == {(f"s{number}", f"r{number}", "correlation") for number in range(2)}


@pytest.mark.parametrize("gap", [24 * 3600, CORRELATION_WINDOW_NS // SECOND_NS + 1])
def test_a_correlation_id_recurs(gap: int) -> None:
    """The same id a day later is another conversation: a loss yesterday shifts no pair today."""
    recording = Recording()
    recording.send(at=0, correlation="c", name="yesterday")
    recording.send(at=1, correlation="c", name="yesterday lost")
    recording.receive(at=0.5, correlation="c", name="r yesterday")
    recording.send(at=gap + 1, correlation="c", name="today")
    recording.receive(at=gap + 2, correlation="c", name="r today")
    found, unnamed = both(recording)
    assert found == {("today", "r today", "correlation")}
    assert unnamed == {"yesterday": (2, 1), "yesterday lost": (2, 1)}


def test_channels_of_one_correlation_id_are_kept_apart() -> None:
    """A request and its reply share the id: each is paired on its own channel."""
    recording = Recording()
    recording.send("a", 0, "requests", correlation="c", name="request")
    recording.receive("b", 1, "requests", correlation="c", name="r request")
    recording.send("b", 2, "replies", correlation="c", name="reply")
    recording.receive("a", 3, "replies", correlation="c", name="r reply")
    assert pairs_of(recording) == {("request", "r request", "correlation"), ("reply", "r reply", "correlation")}


def test_a_receivers_own_name_is_told_in_the_senders_words() -> None:
    """The queue that shares the most ids with an exchange stands for it."""
    recording = Recording()
    for number in range(3):
        recording.send(at=number, channel="exchange", correlation=f"c{number}", name=f"s{number}")
        recording.receive(at=number + 0.5, channel="queue", correlation=f"c{number}", name=f"r{number}")
    recording.send(at=10, channel="other", correlation="c0", name="other")
    assert pairs_of(recording) == {(f"s{number}", f"r{number}", "correlation") for number in range(3)}


@pytest.mark.parametrize("other", [{"tenant": "a"}, {"environment": "a"}, {"system": "kafka"}])
def test_another_systems_words_tell_nothing(other: dict[str, str]) -> None:
    """Five of another tenant's, environment's or system's messages by that name do not say what it means here."""
    recording = Recording()
    for number in range(5):
        recording.send(at=number, channel="theirs", correlation=f"c{number}", name=f"t{number}", **other)
        recording.receive(at=number + 0.5, channel="queue", correlation=f"c{number}", name=f"u{number}", **other)
    recording.send(at=0, channel="ours", correlation="c0", name="s")
    recording.receive(at=0.5, channel="queue", correlation="c0", name="r")
    assert ("s", "r", "correlation") in pairs_of(recording)


def test_another_systems_channel_is_a_strange_name_here() -> None:
    """A name that only another tenant sends to is translated, though it is a channel there."""
    recording = Recording()
    recording.send(tenant="evil", channel="queue", correlation="x", name="theirs")
    recording.send(channel="exchange", correlation="c", name="s")
    recording.receive(at=1, channel="queue", correlation="c", name="r")
    assert pairs_of(recording) == {("s", "r", "correlation")}


def test_a_message_paired_otherwise_leaves_the_conversation() -> None:
    """A send paired by its parent takes no part in the count of the others."""
    recording = talk(1, 1)
    known = recording.send(at=0.2, correlation="c", name="known")
    recording.receive(at=0.3, correlation="c", under=known, name="r known")
    assert pairs_of(recording) == {("s0", "r0", "correlation"), ("known", "r known", "parent")}


def test_settlements_do_not_count_as_receives() -> None:
    """An acknowledgement bears the correlation id too, and is not a second receive."""
    recording = talk(2, 1)
    recording.receive(at=0.6, correlation="c", step="settle", name="ack")
    assert both(recording) == (set(), {"s0": (2, 1), "s1": (2, 1)})
