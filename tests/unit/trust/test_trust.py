"""Trust, from spans to rows: every evidence and every hindrance that a boundary may show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from baton.limits import HOT_KEY_TRACES_MAX
from baton.ownership.catalog import Catalog, Channel, Service
from baton.ownership.teams import Owns, Team
from baton.schema import FACTS, OUTAGES, TRUST
from recording import CLIENT, SERVER, Recording, ns

if TYPE_CHECKING:
    from collections.abc import Callable

    Row = dict[str, Any]

HUNDRED = range(100)
PARENT_BASED = "OTEL_TRACES_SAMPLER=parentbased_traceidratio"


def flow(**more: Any) -> Recording:  # noqa: ANN401 - as of `flow`
    """A hundred messages, one a second."""
    recording = Recording()
    recording.flow(HUNDRED, **more)
    return recording


def blinds(row: Row) -> dict[str, int]:
    """What hides how many handoffs."""
    return {one["blind"]: one["handoffs"] for one in row["blinds"]}


def test_where_nothing_is_wrong_nothing_has_to_be_mended(only: Callable[..., Row]) -> None:
    """Messages received under their own context, one lost among them: Baton may accuse, and asks for no change."""
    row = only(flow(lost=[50]))
    assert (row["may_accuse"], row["reasons"], row["mend"], row["mend_team"]) == ("yes", [], None, None)
    assert (row["handoffs"], row["accusable"], row["received"]) == (100, 100, 99)
    assert (row["context"], row["links"], row["message_ids"], row["correlation_ids"]) == (0.99, 0.0, 0.0, 0.0)
    assert (row["deadline"], row["learned_from"], row["blinds"]) == ("learned", 99, [])
    assert (row["facts_at"], row["counters"]) == (None, False)


def test_without_handoffs_there_is_no_boundary(rows: Callable[..., list[Row]]) -> None:
    """A recording without a send or call has no row, and a frame of TRUST's columns."""
    recording = Recording()
    recording.span("trading")
    assert rows(recording) == []
    assert TRUST.empty().columns == TRUST.names


@pytest.mark.parametrize(
    ("pair", "share", "may"),
    [
        ("links", "links", "yes"),
        ("message", "message_ids", "yes"),
        ("correlation", "correlation_ids", "limited"),
    ],
)
def test_evidence_is_told_by_how_receipts_were_paired(
    only: Callable[..., Row], pair: str, share: str, may: str
) -> None:
    """Links and message ids are as good as context; correlation ids name messages less surely, and ids mend that."""
    recording = Recording()
    for at in HUNDRED:
        ids = {pair: f"m{at}"} if pair != "links" else {}
        send = recording.send(at=at, **ids)
        recording.receive(at=at + 0.1, **ids, **({"links": [send]} if pair == "links" else {}))
    row = only(recording)
    assert (row[share], row["context"], row["may_accuse"]) == (1.0, 0.0, may)
    assert row["send_message_ids"] == float(pair == "message")
    assert row["send_correlation_ids"] == float(pair == "correlation")
    if may == "limited":
        assert row["mend"] == "trading and notify: set messaging.message.id on send and receive spans of channel orders"


def test_a_receiver_that_was_never_seen_is_to_be_instrumented(only: Callable[..., Row]) -> None:
    """Nobody receives: every handoff is blind, and the consumer of the channel is what to instrument."""
    row = only(flow(lost=HUNDRED))
    assert (row["may_accuse"], row["to_team"], row["accusable"], row["deadline"]) == ("no", None, 0, None)
    assert blinds(row) == {"uninstrumented receiver": 100}
    assert row["reasons"] == ["100 of 100 handoffs: nobody was ever seen to receive from channel orders"]
    assert row["mend"].startswith("instrument the consumer of channel orders")


def test_a_receiver_without_context_is_to_extract_it(only: Callable[..., Row]) -> None:
    """Receipts from the same place that share nothing with any send name who has to inject and who to extract."""
    recording = flow(lost=HUNDRED)
    for at in HUNDRED:
        recording.receive(at=at + 0.1)
    catalog = Catalog(teams=(Team(name="notifications", owns=Owns(services=("notify",))),))
    row = only(recording, catalog=catalog)
    assert (row["may_accuse"], blinds(row)) == ("no", {"unpaired receipts": 100})
    assert row["mend"].startswith("trading: inject traceparent into the message headers; notify: extract it")
    assert row["mend_team"] == "notifications | unowned"


@pytest.mark.parametrize(("error", "may_accuse"), [("basic.return: no_route", "yes"), ("connection closed", "limited")])
def test_what_was_returned_has_no_consumer_to_instrument(only: Callable[..., Row], error: str, may_accuse: str) -> None:
    """A return says that no queue took it; another failure leaves open who would have received."""
    recording = Recording()
    for at in HUNDRED:
        recording.send(at=at, error=error)
    row = only(recording)
    assert (row["may_accuse"], row["accusable"], row["mend"] is None) == (may_accuse, 100, may_accuse == "yes")


def test_one_correlation_id_for_many_messages_names_none(only: Callable[..., Row]) -> None:
    """A loss under one shared id is counted and not named: context would mend it."""
    recording = Recording()
    for at in HUNDRED:
        recording.send(at=at, correlation="session")
        if at % 10:
            recording.receive(at=at + 0.1, correlation="session")
    row = only(recording)
    assert (row["may_accuse"], blinds(row)) == ("no", {"correlation ids only": 100})
    assert row["mend"] == (
        "trading and notify: inject and extract traceparent in the message headers of channel orders"
    )


@pytest.mark.parametrize("linked", [False, True])
def test_a_receiver_that_samples_on_its_own_is_blind_in_what_it_received_too(
    only: Callable[..., Row],
    linked: bool,  # noqa: FBT001
) -> None:
    """Had a received message been lost, nobody would have been accused: all of them count as blind."""
    recording = Recording()
    kept = {at for at in HUNDRED if at * 7919 % 31 % 2}
    for at in HUNDRED:
        send = recording.send(at=at)
        if at in kept:
            recording.receive(at=at + 0.1, **({"links": [send]} if linked else {"under": send}))
    row = only(recording)
    assert (row["may_accuse"], row["accusable"], row["received"]) == ("no", 0, len(kept))
    assert blinds(row) == {"sampling of links" if linked else "sampling": 100}
    assert PARENT_BASED in row["mend"]


def test_declared_tail_sampling_is_blind_even_where_all_was_received(only: Callable[..., Row]) -> None:
    """What a tail sampler keeps depends on what happened: no absence accuses, lost or not."""
    catalog = Catalog(services=(Service(name="notify", sampling="tail"),))
    row = only(flow(), catalog=catalog)
    assert (row["may_accuse"], blinds(row), row["received"]) == ("no", {"tail sampling": 100}, 100)
    assert row["reasons"][0].startswith("100 of 100 handoffs: traces of notify are sampled by tail")


def test_traces_below_the_samplers_threshold_are_blind_alone(only: Callable[..., Row]) -> None:
    """Of a receiver that says its threshold, the messages whose randomness it drops are blind, and no others."""
    recording = Recording()
    for at in HUNDRED:
        kept = at % 5 > 0
        send = recording.send(at=at)
        recording.bodies[-1][1]["traceState"] = f"ot=rv:{'f' if kept else '1'}0000000000000"
        if kept:
            recording.receive(at=at + 0.1, under=send)
            recording.bodies[-1][1]["traceState"] = "ot=th:8"
    row = only(recording)
    assert (row["may_accuse"], blinds(row), row["accusable"]) == ("limited", {"head sampling": 20}, 80)
    assert PARENT_BASED in row["mend"]


def test_few_messages_teach_nothing(only: Callable[..., Row]) -> None:
    """Five receipts teach no deadline: unknown, until one is declared or more messages came."""
    recording = Recording()
    recording.flow(range(5))
    row = only(recording)
    assert (row["may_accuse"], row["deadline"], row["learned_from"]) == ("unknown", "default", 5)
    told = "no deadline is learned from fewer than 20 receipts, and 5 came: the default of 30 s stands for it"
    assert row["reasons"] == [f"5 of 5 handoffs: {told}"]
    assert row["mend"].startswith("declare a deadline for orders under channels")
    declared = Catalog(channels=(Channel(name="orders", deadline="5s"),))
    row = only(recording, catalog=declared)
    assert (row["may_accuse"], row["deadline"], row["mend"]) == ("yes", "declared", None)


def test_what_was_convicted_is_no_unknown(only: Callable[..., Row]) -> None:
    """Where the law called one of a few messages dropped, Baton may accuse, if with care."""
    recording = Recording()
    recording.flow(range(10), lost=[4])
    assert only(recording)["may_accuse"] == "limited"


def test_an_instance_that_fell_silent_hides_a_part(only: Callable[..., Row]) -> None:
    """Messages that the last spans of a stopped instance may have named are blind; the rest is as before."""
    recording = Recording()
    recording.flow(range(50), instance="old")
    recording.flow(range(50, 100), lost=range(50, 55), instance="new")
    row = only(recording)
    assert (row["may_accuse"], blinds(row), row["accusable"]) == ("limited", {"silent instance": 5}, 95)
    assert row["mend"].startswith("notify: shut the TracerProvider down on exit")


def test_a_hundredth_is_told_and_forgiven(only: Callable[..., Row]) -> None:
    """One blind handoff of a hundred is a reason, and no restriction."""
    recording = Recording()
    recording.flow(range(50), instance="old")
    recording.flow(range(50, 100), lost=[50], instance="new")
    row = only(recording)
    assert (row["may_accuse"], blinds(row), row["mend"]) == ("yes", {"silent instance": 1}, None)
    assert len(row["reasons"]) == 1


def test_what_is_forgiven_is_not_what_to_mend_first(only: Callable[..., Row]) -> None:
    """Of a few blind handoffs and a weakness of all, the change is for the weakness."""
    recording = Recording()
    recording.flow(range(50), instance="old", channel=None)
    recording.flow(range(50, 100), lost=[50], instance="new", channel=None)
    row = only(recording)
    assert blinds(row) == {"silent instance": 1}
    assert row["mend"] == "trading: set messaging.destination.name on send spans"


def test_batons_own_outage_is_nobody_elses(only: Callable[..., Row]) -> None:
    """What Baton itself could not take is blind, and no team is asked to mend it."""
    recording = flow(lost=[45, 55])
    outage = {"start_ns": ns(35), "end_ns": ns(70), "kind": "down", "reason": None, "requests": 0}
    row = only(recording, outages=pl.DataFrame([outage], schema=OUTAGES.schema))
    assert row["may_accuse"] == "limited"
    assert blinds(row) == {"Baton's own outages": 2}
    assert row["mend_team"] is None


def test_instances_without_a_name_weaken_an_accusation(only: Callable[..., Row]) -> None:
    """Of receivers that name no instance, one of several may fall silent unseen."""
    row = only(flow(instance=None))
    assert (row["may_accuse"], row["mend"]) == ("limited", "notify: set service.instance.id")
    assert row["blinds"] == []


def test_order_that_tells_nothing_weakens_an_accusation(only: Callable[..., Row]) -> None:
    """Where each message has a routing key of its own, no later one proves a loss: the broker's facts would."""
    recording = Recording()
    for at in HUNDRED:
        key = {"messaging.rabbitmq.destination.routing_key": f"k{at}"}
        recording.receive(at=at + 0.1, under=recording.send(at=at, more=key))
    row = only(recording)
    assert row["may_accuse"] == "limited"
    assert row["mend"] == "give the queue's broker facts: baton serve --broker URL"


def test_kafka_without_partitions_is_to_name_them(only: Callable[..., Row]) -> None:
    """Messages that overtake each other over the whole window, of a Kafka topic, need their partitions named."""
    recording = Recording()
    for at in HUNDRED:
        late = 200 - 2 * at
        recording.receive(at=at + late, under=recording.send(at=at, system="kafka"), system="kafka")
    row = only(recording)
    assert row["may_accuse"] == "limited"
    assert "messaging.destination.partition.id" in row["mend"]


def test_receipts_before_their_sends_are_skewed_clocks(only: Callable[..., Row]) -> None:
    """A receiver's clock that runs seconds behind is told, with both sides to mend it."""
    row = only(flow(wait=-30))
    assert (row["may_accuse"], row["mend"]) == (
        "limited",
        "synchronise the clocks of trading and notify (NTP)",
    )


def test_sends_without_a_destination_have_no_channel(only: Callable[..., Row]) -> None:
    """They are judged by sender and name, and are to say where they send."""
    recording = Recording()
    for at in HUNDRED:
        recording.receive(at=at + 0.1, under=recording.send(at=at, channel=None))
    row = only(recording)
    assert (row["channel"], row["channel_team"], row["may_accuse"]) == (None, None, "limited")
    assert row["mend"] == "trading: set messaging.destination.name on send spans"


def test_hot_keys_cut_the_journeys_that_cross(only: Callable[..., Row]) -> None:
    """A key that would join too many traces is named where the sends bear it."""
    recording = Recording()
    for at in range(HOT_KEY_TRACES_MAX + 1):
        recording.receive(at=at + 0.1, under=recording.send(at=at, more={"order.id": "none"}))
    row = only(recording)
    assert row["may_accuse"] == "limited"
    assert row["mend"].startswith("name order.id under grouping_keys in ownership.yaml")


def with_dead_letters() -> Recording:
    """A hundred messages, of which every fifth is received at a dead-letter place instead."""
    recording = Recording()
    for at in HUNDRED:
        send = recording.send(at=at)
        if at % 5:
            recording.receive(at=at + 0.1, under=send)
        else:
            recording.receive("undertaker", at + 0.2, "dead-letters", under=send)
    return recording


def test_a_dead_letter_place_is_owed_nothing(rows: Callable[..., list[Row]]) -> None:
    """Messages come there instead of their usual place: nothing can be missed, and nothing has to be mended."""
    told = {row["to_service"]: row for row in rows(with_dead_letters())}
    assert (told["undertaker"]["may_accuse"], blinds(told["undertaker"])) == ("no", {"onward": 20})
    assert told["undertaker"]["mend"] is None
    assert told["notify"]["may_accuse"] == "yes"


def test_dead_letters_beside_what_is_owed_restrict_nothing(rows: Callable[..., list[Row]]) -> None:
    """A team that reads the dead letters of its own channel is trusted as far as the rest of its handoffs go."""
    catalog = Catalog(teams=(Team(name="notifications", owns=Owns(services=("notify", "undertaker"))),))
    (row,) = rows(with_dead_letters(), catalog=catalog)
    assert (row["may_accuse"], blinds(row)) == ("yes", {"onward": 20})
    assert (row["handoffs"], row["accusable"]) == (120, 100)


def looked(at: float, **counts: int) -> pl.DataFrame:
    """One look at the queue `orders`, by a broker of any address."""
    known = {"at_ns": ns(at), "tenant": "default", "broker": "", "source": "management", "vhost": "/"}
    told = [{**known, "fact": "queue", "name": "orders", **counts}, {**known, "fact": "snapshot", "name": "queue"}]
    return pl.DataFrame(told, schema=FACTS.schema)


@pytest.mark.parametrize(("counts", "counters"), [({}, False), ({"published": 100, "acknowledged": 100}, True)])
def test_a_look_at_the_queue_is_told_with_its_time(
    only: Callable[..., Row],
    counts: dict[str, int],
    counters: bool,  # noqa: FBT001
) -> None:
    """When the broker was last asked, and whether it counts there."""
    row = only(flow(), facts=looked(150, **counts))
    assert row["facts_at"].timestamp() == ns(150) / 1_000_000_000
    assert row["counters"] is counters


def test_offsets_of_a_topic_are_a_look_and_count_nothing(only: Callable[..., Row]) -> None:
    """What a broker says of a group's offsets settles no verdict: it is told as a look without counters."""
    row = {"at_ns": ns(150), "tenant": "default", "broker": "", "source": "neutral", "vhost": ""}
    offsets = {**row, "fact": "subscription", "name": "settlement", "to": "orders", "committed": 99, "end": 100}
    told = only(flow(), facts=pl.DataFrame([offsets], schema=FACTS.schema))
    assert (told["facts_at"].timestamp(), told["counters"]) == (ns(150) / 1_000_000_000, False)


def test_facts_after_the_judgement_are_unseen(only: Callable[..., Row]) -> None:
    """A look made later says nothing of what was known then."""
    assert only(flow(), at=140, facts=looked(150))["facts_at"] is None


def test_what_no_binding_takes_needs_no_consumer(only: Callable[..., Row]) -> None:
    """The broker's word that nothing takes it convicts whole: Baton may accuse, and nothing has to be mended."""
    row = {"at_ns": ns(50), "tenant": "default", "broker": "", "source": "management", "vhost": "/"}
    exchange = {**row, "fact": "route", "name": "orders", "kind": "direct", "routing_key": "other"}
    told = [{**exchange, "to": "q", "to_kind": "queue"}, {**row, "fact": "queue", "name": "q"}]
    told += [{**row, "fact": "snapshot", "name": name} for name in ("route", "queue")]
    recording = Recording()
    for at in HUNDRED:
        recording.send(at=at, more={"messaging.rabbitmq.destination.routing_key": "mine"})
    assert only(recording)["may_accuse"] == "no"
    known = only(recording, facts=pl.DataFrame(told, schema=FACTS.schema))
    assert (known["may_accuse"], known["accusable"], known["mend"]) == ("yes", 100, None)


def call(recording: Recording, at: float, *, answered: bool) -> None:
    """A call of half a second that succeeds."""
    span = recording.span("web", at, "GET", kind=CLIENT, took=0.5, attributes={"server.address": "api"})
    if answered:
        recording.span("api", at + 0.1, "answer", kind=SERVER, took=0.2, under=span)


def test_calls_are_accusable_where_the_server_is_instrumented(only: Callable[..., Row]) -> None:
    """A few answered calls suffice: server spans are seen."""
    recording = Recording()
    for at in range(5):
        call(recording, at, answered=True)
    row = only(recording)
    assert (row["kind"], row["may_accuse"], row["channel"], row["context"]) == ("call", "yes", None, 1.0)
    assert (row["deadline"], row["send_message_ids"]) == (None, None)


def test_a_server_without_spans_is_to_be_instrumented(only: Callable[..., Row]) -> None:
    """No server span ever answered: the callee, by the name that its caller uses, is what to instrument."""
    recording = Recording()
    for at in range(5):
        call(recording, at, answered=False)
    row = only(recording)
    assert (row["may_accuse"], blinds(row)) == ("no", {"uninstrumented server": 5})
    assert row["mend"] == "instrument api: server spans under the traceparent of the request"


def test_an_owned_side_stands_for_its_services(rows: Callable[..., list[Row]]) -> None:
    """A boundary lies between owners: two senders of one team share a row; unowned ones have each their own."""
    recording = flow()
    recording.flow([at + 0.5 for at in HUNDRED], sender="pricing")
    assert {row["from_service"] for row in rows(recording)} == {"trading", "pricing"}
    catalog = Catalog(teams=(Team(name="markets", owns=Owns(services=("trading", "pricing"))),))
    (row,) = rows(recording, catalog=catalog)
    assert (row["from_team"], row["from_service"], row["to_service"], row["handoffs"]) == (
        "markets",
        None,
        "notify",
        200,
    )


def test_hostile_names_are_text(only: Callable[..., Row]) -> None:
    """A name with braces, as a format would read them, is told as it stands."""
    row = only(flow(channel="{senders!r}{0}", lost=HUNDRED))
    assert "{senders!r}{0}" in row["mend"]
