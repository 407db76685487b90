"""What would make a verdict wrong: inputs that once did, each with what the design wants.

Every test here failed when it was written.
"""

from __future__ import annotations

from typing import Any

from baton import summaries
from baton.analysis import expect
from baton.ownership.catalog import EMPTY, Catalog
from recording import CLIENT, CONSUMER, LATER, PRODUCER, SERVER, Recording, Span, analysed, judged, of, paired


def verdicts(recording: Recording, send: Span, at: float = LATER) -> dict[str | None, tuple[str, str | None]]:
    """Receiver -> (verdict, cause) of one send."""
    return {row["to_service"]: (row["verdict"], row["cause"]) for row in of(judged(recording, at), send)}


def dropped(recording: Recording, at: float = LATER) -> int:
    """How many rows are dropped."""
    return judged(recording, at).filter(verdict="dropped").height


def rows_of_b(*tenants: tuple[str, str, int]) -> list[str]:
    """Verdicts of tenant b, each tenant sending to its own exchange and receiving from a queue `q`."""
    recording = Recording()
    for tenant, exchange, count in tenants:
        for at in range(count):
            recording.send(at=at, channel=exchange, correlation=f"{tenant}{at}", tenant=tenant)
            recording.receive(at=at + 0.1, channel="q", correlation=f"{tenant}{at}", tenant=tenant)
    return judged(recording).filter(tenant="b")["verdict"].to_list()


def test_one_start_of_2262_kills_learning() -> None:
    """One span that starts in 2262 stops neither learning nor judging."""
    recording = Recording()
    list(recording.flow(range(30)).values())
    recording.receive(at=31, under=recording.send(at=31))
    recording.bodies[-1][1]["startTimeUnixNano"] = str(2**63 - 1)  # end is in the past: passes decode and as_of
    judged(recording)


def test_the_same_kills_vouch_by_reorder() -> None:
    """Nor does it through the reordering that it seems to show."""
    recording = Recording()
    a, b = recording.send(at=0), recording.send(at=1)
    recording.receive(at=2, under=a)
    recording.bodies[-1][1]["startTimeUnixNano"] = str(2**63 - 1)
    recording.receive(at=3, under=b)
    judged(recording)


def test_receivers_telemetry_begins_later() -> None:
    """A receiver whose telemetry begins later than the sender's is not held to what was sent before."""
    recording = Recording()
    recording.flow(range(100), lost=range(40))
    assert dropped(recording) == 0


def test_rate_limited_sampler() -> None:
    """A rate-limited sampler, more regular than chance, is no losing queue."""
    recording = Recording()
    t = [i / 10 for i in range(1500)]
    recording.flow(t, lost=[x for i, x in enumerate(t) if i % 10])
    assert dropped(recording) == 0


def test_fan_out_that_filters_every_other() -> None:
    """A fan-out subscription that takes every other message filters."""
    recording = Recording()
    for at, s in recording.flow(range(60), taker="audit").items():
        if at % 2:
            recording.receive("billing", at + 0.1, "billing", under=s)
    assert dropped(recording) == 0


def test_aio_pika_key_that_nobody_instrumented_takes() -> None:
    """A routing key that no instrumented service takes accuses nobody, in aio-pika's `exchange,key` too."""
    recording = Recording()
    for i in range(60):
        s = recording.send(at=i, channel="events," + ("trade" if i % 10 else "tick"))
        if i % 10:
            recording.receive(at=i + 0.1, channel="events", under=s)
    assert dropped(recording) == 0


def test_routing_key_never_received_is_unobserved_not_stuck() -> None:
    """A routing key that the subscription never received is not expected of it: unobserved, not stuck."""
    recording = Recording()
    for i in range(60):
        s = recording.send(
            at=i, channel="events", more={"messaging.rabbitmq.destination.routing_key": "trade" if i % 10 else "tick"}
        )
        if i % 10:
            recording.receive(at=i + 0.1, channel="trade-q", under=s)
    assert judged(recording).filter(verdict="stuck").is_empty()


def test_two_queues_of_one_service_one_backed_up() -> None:
    """One service reading two queues of one exchange: the backed-up one is not overtaken by the other."""
    recording = Recording()
    for i in range(60):
        s = recording.send(at=i, channel="events")
        if i % 3 or i < 30:
            recording.receive(at=i + 0.1, channel="fast" if i % 3 else "slow", under=s)
    assert dropped(recording, 120) == 0


def test_kafka_partition_known_to_the_receiver_only() -> None:
    """A Kafka partition that only the receivers name waits; other partitions do not overtake it."""
    recording = Recording()
    for i in range(60):
        p = (i * 7) % 3
        s = recording.send(at=i, channel="events", system="kafka")
        if p or i < 30:
            recording.receive(
                at=i + 0.1,
                channel="events",
                system="kafka",
                under=s,
                instance=str(p),
                more={"messaging.consumer.group.name": "g", "messaging.destination.partition.id": str(p)},
            )
        else:  # instance 0 answers its probes and takes nothing: partition 0 waits
            recording.span("notify", i + 0.1, "GET /health", kind=SERVER, instance="0")
    assert dropped(recording, 120) == 0


def test_empty_poll_of_another_partition_is_no_drain() -> None:
    """An empty poll of another partition is no drained queue."""
    recording = Recording()
    group = {"messaging.consumer.group.name": "g"}
    for i in range(30):
        s = recording.send(at=i, channel="events", system="kafka")
        recording.receive(
            at=i + 0.1,
            channel="events",
            system="kafka",
            under=s,
            instance=str(i % 2),
            more={**group, "messaging.destination.partition.id": str(i % 2)},
        )
    s = recording.send(at=31, channel="events", system="kafka")
    for i in range(100):
        recording.span("notify", 31 + i, "GET", kind=SERVER, instance="1")
    for i in range(20):
        recording.receive(
            at=31 + 5 * i,
            channel="events",
            system="kafka",
            step="receive",
            instance="0",
            more={**group, "messaging.batch.message_count": 0, "messaging.destination.partition.id": "0"},
        )
    assert verdicts(recording, s, 200)["notify"][0] != "dropped"


def test_drained_compares_two_clocks() -> None:
    """A receiver's clock minutes ahead makes no queue look drained."""
    recording = Recording()
    recording.flow(range(5), wait=600.1)  # the receiver's clock runs 10 min ahead
    recording.receive(at=612, step="receive", more={"messaging.batch.message_count": 0})  # truly at 12, before the send
    s = recording.send(at=40)
    recording.span("notify", 1500)
    assert verdicts(recording, s, 2000)["notify"][0] != "dropped"


def test_attempts_within_one_receipt_the_last_decides() -> None:
    """Of two attempts within one receipt the last decides."""
    recording = Recording()
    recording.flow(range(30))
    s = recording.send(at=40)
    receive = recording.receive(at=40.1, step="receive", under=s, took=3)
    recording.receive(at=40.2, under=receive, error="boom")
    recording.receive(at=41.2, under=receive)
    assert verdicts(recording, s)["notify"][0] == "delivered"


def test_a_settlement_proves_the_receipt() -> None:
    """A settlement alone proves the receipt."""
    recording = Recording()
    s = recording.flow(range(30), lost=[20])[20]
    recording.receive(at=20.1, step="settle", kind=CLIENT, links=[s], more={"messaging.operation.name": "ack"})
    assert verdicts(recording, s)["notify"][0] != "dropped"


def test_an_onward_name_alone_sidelines_nobody() -> None:
    """A place that is called like a dead-letter queue and takes what all take is a plain receiver."""
    recording = Recording()
    sends = recording.flow(range(30), taker="audit", channel="settlements")
    for at, s in sends.items():
        recording.receive("ledger", at + 0.2, "dlt-settlements", under=s)  # DLT: distributed ledger; a plain fan-out
    assert dropped(recording) == 0


def test_of_correlated_redeliveries_none_is_named() -> None:
    """Of two correlated sends and three receives none is named."""
    recording = Recording()
    recording.flow(range(5))
    s1, _s2 = recording.send(at=10, correlation="c"), recording.send(at=11, correlation="c")
    for at, error in ((10.1, "boom"), (10.3, None), (11.1, None)):
        recording.receive(at=at, correlation="c", error=error)
    assert verdicts(recording, s1)["notify"][0] != "dropped"


def test_an_open_server_span_is_no_lost_call() -> None:
    """A child of an unfinished server span proves that the call arrived."""
    recording = Recording()
    api = {"server.address": "api"}
    for i in range(5):
        c = recording.span("web", i, "GET", kind=CLIENT, took=0.5, attributes=api)
        recording.span("api", i + 0.1, kind=SERVER, under=c, took=0.1)
    for i in range(60):
        recording.span("api", 5 + i, "tick")
    c = recording.span("web", 10, "GET", kind=CLIENT, took=5, error="timeout", attributes=api)
    recording.span("api", 10.2, "select", kind=CLIENT, under=Span(c.trace, "f" * 16), attributes={"db.system": "pg"})
    assert verdicts(recording, c, 60)["api"][0] == "pending"


def test_instances_without_an_id_cannot_vouch() -> None:
    """Replicas without an instance id may fall silent one by one: random losses there prove nothing."""
    recording = Recording()
    for i in range(200):  # two replicas without service.instance.id; one is cut off after 150, its tenth goes unseen
        s = recording.send(at=i)
        if i < 150 or i % 10:
            recording.receive(at=i + 0.1, under=s, instance=None)
    assert dropped(recording) == 0


def test_an_ids_second_life_with_20_ms_of_skew() -> None:
    """An id used again an hour later pairs with its second life, 20 ms of skew or not."""
    recording = Recording()
    for run, late in ((0, 0.02), (3600, -0.02)):
        for i in range(30):
            recording.send(at=run + i, message=str(i))
            recording.receive(at=run + i + late, message=str(i))
    assert set(judged(recording, 9000)["verdict"]) == {"delivered"}


def test_nack_under_rabbitmqs_three_part_name() -> None:
    """A nack under RabbitMQ's `exchange:key:queue` name refuses the receipt it belongs to."""
    recording = Recording()
    s = recording.send(channel="ex:key")
    recording.receive(at=0.1, channel="ex:key:q", under=s)
    recording.receive(
        at=0.3, channel="ex:key:q", step="settle", kind=CLIENT, links=[s], more={"messaging.operation.name": "nack"}
    )
    assert verdicts(recording, s)["notify"] == ("dropped", "rejected")


def test_made_good_has_a_window() -> None:
    """A send of the same id ten days later makes nothing good."""
    recording = Recording()
    recording.flow(range(5))
    s = recording.send(at=10, message="7", error="nack")
    day = 10 * 86400
    recording.receive(at=day + 0.1, under=recording.send(at=day, message="7"))  # the counter started again
    assert verdicts(recording, s, day + 1000)["notify"][0] == "dropped"


def test_a_send_that_is_its_own_parent_has_a_row() -> None:
    """A send that is its own parent has a row."""
    recording = Recording()
    own = Span("1" * 32, "1" * 16)
    s = recording.send(own=own, under=own)
    assert of(judged(recording), s)


def test_sends_that_are_each_others_parents_have_rows() -> None:
    """Sends that are each other's parents have rows."""
    recording = Recording()
    a, b = Span("1" * 32, "1" * 16), Span("1" * 32, "2" * 16)
    recording.send(own=a, under=b)
    recording.send(own=b, under=a)
    assert judged(recording).height


def test_the_queue_is_this_receipts_own() -> None:
    """A row's queue is its own receipt's."""
    recording = Recording()
    sends = {i: recording.send(at=i, channel="ex") for i in range(10)}
    for i, s in sends.items():
        recording.receive(at=i + 0.1, channel="q1" if i % 2 else "q2", under=s)
    rows = judged(recording)
    assert [of(rows, sends[i])[0]["queue"] for i in (1, 2)] == ["q1", "q2"]


def test_a_failed_receipt_made_good_from_the_retry_queue() -> None:
    """A failed receipt made good from the retry queue is no drop."""
    recording = Recording()
    recording.flow(range(10))
    s = recording.send(at=10)
    recording.receive(at=10.1, under=s, error="boom")
    recording.receive(at=15, channel="orders.retry", under=s)
    assert "dropped" not in {x["verdict"] for x in of(judged(recording), s)}


def test_another_tenants_names_do_not_tell_mine() -> None:
    """Another tenant's names do not tell mine."""
    assert rows_of_b(("b", "ex2", 3)) == rows_of_b(("a", "ex1", 5), ("b", "ex2", 3))


def test_a_journey_is_one_tenants() -> None:
    """A journey is one tenant's, whatever ids were forged."""
    recording = Recording()
    for t in ("acme", "evil"):
        recording.receive(at=1, tenant=t, under=recording.send(tenant=t, own=Span("a" * 32, "b" * 16)))
    a = analysed(recording)
    assert len(summaries.journey(a, EMPTY, "a" * 32).spans) == 2


def test_boundaries_are_one_tenants() -> None:
    """Boundaries are one tenant's."""
    recording = Recording()
    for t in ("acme", "evil"):
        recording.receive(at=1, tenant=t, under=recording.send(tenant=t))
    assert summaries.boundaries(judged(recording)).height == 2


def test_a_cause_is_not_its_own_runner_up() -> None:
    """A cause is not its own runner-up."""
    recording = Recording()
    recording.flow(range(20), lost=range(10, 20))
    for at in range(10, 100):
        recording.span("notify", at)
    rows = judged(recording).filter(cause="receiver_down")
    assert rows.height
    assert not any("runner-up: receiver_down" in s for e in rows["evidence"] for s in e)


def test_one_block_of_five_is_no_coin_toss() -> None:
    """Losses after the last receipt are no coin toss."""
    recording = Recording()
    recording.flow(range(10), lost=range(5, 10))
    assert not expect(paired(recording))["tossed"][0]


def test_a_message_of_an_unsaid_channel_is_nobody_elses() -> None:
    """A message of an unsaid channel is not expected of somebody else's receiver."""
    recording = Recording()
    for at in range(30):
        s = recording.span("jobs", at, kind=PRODUCER)
        recording.span("worker", at + 0.1, kind=CONSUMER, under=s)
    s = recording.span("webhooks", 5.5, kind=PRODUCER)
    assert verdicts(recording, s) == {None: ("unobserved", None)}


def test_polls_before_the_send_prove_no_drain() -> None:
    """Of two messages sent at one moment, the one not received is not drained by polls of long before."""
    recording = Recording()
    recording.flow([0])
    for at in (500, 600, 700):
        recording.receive(at=at, step="receive", more={"messaging.batch.message_count": 0})
    first, second = recording.send(at=1000), recording.send(at=1000)
    recording.receive(at=1000.1, under=first)
    for at in range(1001, 1100):
        recording.span("notify", at)
    assert verdicts(recording, second, 2000)["notify"][0] != "dropped"


def test_a_retry_that_mended_one_is_not_held_against_another() -> None:
    """Fan-out: what `a` took again from its retry queue says nothing of `b`."""
    recording = Recording()
    for at, send in recording.flow(range(30), taker="a", channel="ev").items():
        if at != 28:
            recording.receive("b", at + 0.1, "b-q", under=send)
    send = recording.send(at=40, channel="ev")
    recording.receive("a", 40.1, "ev", under=send, error="boom")
    recording.receive("a", 45, "ev.retry", under=send)
    for at in range(41, 300):
        recording.span("b", at)
    assert verdicts(recording, send, 2000)["b"][0] != "dropped"


def test_a_retry_place_before_a_dead_letter_place_is_onward_too() -> None:
    """What goes on from `orders.retry` to `orders.dlq` makes neither of them a place where messages are expected."""
    recording = Recording()
    for at, send in recording.flow(range(200)).items():
        if 50 <= at < 70:
            recording.receive("retry", at + 1, "orders.retry", under=send)
            recording.receive("dlq", at + 2, "orders.dlq", under=send)
        if 150 <= at < 160:
            recording.receive("retry", at + 1, "orders.retry", under=send)
    for at in range(300):
        recording.span("retry", at, "health", kind=SERVER)
    rows = judged(recording).filter(to_service="retry")
    assert set(rows["verdict"]) == {"delivered"}
    assert rows.height == 30


def test_an_early_acknowledgement_makes_no_third_delivery() -> None:
    """Receive, acknowledge at once, then process; and the same again as a redelivery: two deliveries."""
    recording = Recording()
    send = recording.send()
    for at in (1, 10):
        received = recording.receive(at=at, step="receive", under=send)
        ack = {"messaging.operation.name": "ack"}
        recording.receive(at=at + 0.1, step="settle", kind=CLIENT, links=[send], more=ack)
        recording.receive(at=at + 0.2, under=received)
    assert paired(recording).receipts["deliveries"].to_list() == [2]


def test_a_business_queue_called_rejected_accuses_nobody() -> None:
    """`rejected-orders`, a queue of the business, takes every tenth message a second later: all arrived well."""
    recording = Recording()
    for at, send in recording.flow(range(100), channel="orders").items():
        if at % 10 == 0:
            recording.receive("desk", at + 1, "rejected-orders", under=send)
    assert dropped(recording) == 0


def test_overtaken_within_the_usual_reordering_is_no_loss() -> None:
    """A consumer that reorders by five seconds pauses: what it passed a second ago may yet come."""
    recording = Recording()
    for at in range(0, 60, 2):
        late, early = recording.send(at=at), recording.send(at=at + 1)
        recording.receive(at=at + 1.1, under=early)
        recording.receive(at=at + 6.1, under=late)
    late, early = recording.send(at=70), recording.send(at=71)
    recording.receive(at=71.1, under=early)
    for at in range(72, 400):
        recording.span("notify", at, "health", kind=SERVER)
    assert verdicts(recording, late)["notify"][0] != "dropped"


def test_a_retry_without_ids_is_retried() -> None:
    """A failed publish and the next one under the same span: the sender knew, and sent it again."""
    recording = Recording()
    recording.flow(range(10))
    job = recording.span("shop", 20)
    failed = recording.send(at=20, under=job, error="broker not available")
    recording.receive(at=21.1, under=recording.send(at=21, under=job))
    assert verdicts(recording, failed)["notify"] == ("retried", None)


def test_a_canary_on_the_same_queue_is_no_second_subscription() -> None:
    """Blue takes what the canary failed: a redelivery, no sign of a fan-out."""
    recording = Recording()
    for at in range(60):
        send = recording.send(at=at)
        canary = 50 <= at < 55
        if canary:
            recording.receive("notify-canary", at + 0.1, under=send, error="boom" if at == 52 else None)
        if not canary or at == 52:
            recording.receive(at=at + 0.3, under=send)
    assert dropped(recording) == 0


def test_an_address_that_serves_many_speaks_for_none() -> None:
    """One ingress before an instrumented `/trades` and an uninstrumented `/cards`: a timeout there is not trades'."""
    recording = Recording()
    ingress: dict[str, Any] = {"server.address": "ingress"}
    for at in range(40):
        call = recording.span("web", at, "GET /trades", kind=CLIENT, took=0.5, attributes=ingress)
        recording.span("trades", at + 0.1, kind=SERVER, under=call, took=0.1)
    call = recording.span("web", 20.5, "GET /cards", kind=CLIENT, took=1, error="timeout", attributes=ingress)
    assert verdicts(recording, call) == {None: ("unobserved", None)}


def test_a_retry_at_another_address_makes_a_call_good() -> None:
    """Client-side balancing: 10.0.0.1 refuses, 10.0.0.2 answers under the same parent."""
    recording = Recording()
    for at in range(40):
        target = {"server.address": f"10.0.0.{at % 2 + 1}"}
        call = recording.span("web", at, "GET", kind=CLIENT, took=0.5, attributes=target)
        recording.span("api", at + 0.1, kind=SERVER, under=call, took=0.1)
    entry = recording.span("web", 20.2, kind=SERVER, took=0.5)
    first = {"server.address": "10.0.0.1"}
    refused = recording.span("web", 20.3, "GET", kind=CLIENT, took=0.1, under=entry, error="refused", attributes=first)
    second = {"server.address": "10.0.0.2"}
    again = recording.span("web", 20.5, "GET", kind=CLIENT, took=0.1, under=entry, attributes=second)
    recording.span("api", 20.52, kind=SERVER, under=again, took=0.05)
    assert verdicts(recording, refused)["api"] == ("retried", None)


def test_of_two_teams_none_is_accountable() -> None:
    """Two services of two teams share a queue: the row names both, and whom to ask; nobody is held to account."""
    catalog = Catalog.model_validate(
        {
            "teams": [
                {"name": "pay", "owns": {"services": ["pay"]}},
                {"name": "ops", "owns": {"services": ["ops"]}},
                {"name": "shop", "owns": {"services": ["shop"]}},
            ]
        }
    )
    recording = Recording()
    for at in range(40):
        send = recording.send(at=at)
        if at < 30:
            recording.receive("pay" if at % 2 else "ops", at + 0.1, under=send)
    for service in ("pay", "ops"):
        for at in range(200):
            recording.span(service, at, "health", kind=SERVER)
    rows = judged(recording, catalog=catalog).filter(verdict="stuck")
    assert rows.height == 10
    assert set(rows["to_team"]) == {"ops | pay"}
    assert rows["accountable_team"].null_count() == rows.height
    assert rows["next_to_ask"].null_count() == 0


def test_a_journey_type_is_one_tenants() -> None:
    """A tenant that forges another's trace id takes no part in its journey type, nor in its deadline."""
    kind = {"name": "trade", "owner": "t", "entry": {"service": "gateway"}, "deadline": "5s"}
    catalog = Catalog.model_validate({"teams": [{"name": "t"}], "journey_types": [kind]})
    recording = Recording()
    entry = recording.span("gateway", 0, kind=SERVER, own=Span("a" * 32, "c" * 16), tenant="acme")
    recording.receive(at=2, tenant="acme", under=recording.send(at=1, under=entry, tenant="acme"))
    forged = recording.send(at=1, own=Span("a" * 32, "b" * 16), tenant="evil")
    recording.receive(at=2, tenant="evil", under=forged)
    rows = judged(recording, catalog=catalog).filter(kind="message")
    assert dict(rows.select("tenant", "journey_type").iter_rows()) == {"acme": "trade", "evil": None}
