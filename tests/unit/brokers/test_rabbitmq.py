from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baton.brokers.rabbitmq import facts
from baton.brokers.rows import Where
from baton.errors import InputError
from baton.schema import FACTS

if TYPE_CHECKING:
    import polars as pl

RECORDINGS = Path(__file__).parents[4] / "shared" / "data" / "rabbitmq"
WHERE = Where(7, "default", "prod", "rabbit:5672")

LIMITS = {
    # name -> messages_max, overflow, ttl_ns, priorities, dead_letter, published, acknowledged, of the queue that lost
    "z_baseline": (None, None, None, None, None, 160, 160),
    "a_drophead": (50, "drop-head", None, None, None, 860, 260),
    "a_drophead_policy": (40, "drop-head", None, None, None, 860, 247),
    "b_reject_confirms": (50, "reject-publish", None, None, None, 860, 257),
    "b_both_queues_fanout": (50, "reject-publish", None, None, None, 860, 254),
    "c_drophead_dlx": (50, "drop-head", None, None, "dlx", 860, 257),
    "d_ttl": (None, None, 300_000_000, None, None, 860, 221),
    "f_consumer_down": (None, None, None, None, None, 160, 0),
    "f_consumer_killed": (None, None, None, None, None, 60, 60),
    "g_nack_dlx": (None, None, None, None, "dlx", 60, 40),
    "h_prio_drophead": (50, "drop-head", None, 10, None, 860, 257),
    "m_aio_drophead": (50, "drop-head", None, None, None, 330, 153),
    "n_celery_links": (10, "drop-head", None, None, None, 60, 18),
}


def read(document: object) -> pl.DataFrame:
    """The facts of a document."""
    return facts(document, WHERE, "broker.json")


def queue(document: object, name: str = "q") -> dict[str, Any]:
    """What is said of one queue, without what is null."""
    found = read(document).filter(fact="queue", name=name).to_dicts()
    assert len(found) == 1
    return {key: value for key, value in found[0].items() if value is not None and key not in WHERE._fields}


def routes(document: object) -> list[tuple[object, ...]]:
    """name, kind, routing_key, to, to_kind of every route but those of the default exchange."""
    found = read(document).filter(fact="route").select("name", "kind", "routing_key", "to", "to_kind")
    return sorted((row for row in found.iter_rows() if row[1] != "default"), key=str)


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.skipif(not RECORDINGS.exists(), reason="the recordings ../shared/data/rabbitmq are not here")
def test_recordings_say_what_their_broker_was_set_to(name: str) -> None:
    """Limits by argument and by policy, TTL, priorities, dead-letter exchange and counters of a real RabbitMQ."""
    document = json.loads(gzip.decompress((RECORDINGS / name / "broker.json.gz").read_bytes()))
    known = read(document)
    assert known.schema == FACTS.schema
    columns = ["messages_max", "overflow", "ttl_ns", "priorities", "dead_letter", "published", "acknowledged"]
    assert known.filter(fact="queue", name="notifications").select(columns).rows() == [LIMITS[name]]


@pytest.mark.skipif(not RECORDINGS.exists(), reason="the recordings ../shared/data/rabbitmq are not here")
def test_what_no_binding_takes_goes_to_the_alternate_exchange() -> None:
    """Of an exchange without bindings the alternate is the only route, and leads on by its own."""
    document = json.loads(gzip.decompress((RECORDINGS / "e_alternate_exchange" / "broker.json.gz").read_bytes()))
    assert routes(document) == [
        ("ae", "topic", "#", "unrouted", "queue"),
        ("promo.events", "alternate", None, "ae", "exchange"),
        ("trade.events", "alternate", None, "ae", "exchange"),
    ]


def test_the_effective_policy_is_taken_as_the_broker_says_it() -> None:
    """What it says holds with the arguments, and its policies are not worked out a second time."""
    document = {
        "queues": [
            {
                "name": "q",
                "vhost": "/",
                "type": "classic",
                "arguments": {"x-max-length": 50, "x-dead-letter-routing-key": "dead"},
                "effective_policy_definition": {"max-length": 40, "dead-letter-exchange": "", "message-ttl": 1500},
                "policy": "ours",
                "operator_policy": "theirs",
                "messages": 3,
                "messages_unacknowledged": 1,
                "consumers": 2,
                "message_stats": {"publish": 9, "ack": 4, "deliver_no_ack": 1, "get_no_ack": 1, "redeliver": 2},
            }
        ],
        "policies": [{"name": "never", "vhost": "/", "pattern": ".*", "definition": {"max-length": 1}}],
    }
    assert queue(document) == {
        "source": "management",
        "fact": "queue",
        "vhost": "/",
        "name": "q",
        "kind": "classic",
        "messages_max": 40,
        "overflow": "drop-head",
        "ttl_ns": 1_500_000_000,
        "dead_letter": "",
        "dead_letter_routing": "dead",
        "policy": "ours + theirs",
        "waiting": 3,
        "unacknowledged": 1,
        "consumers": 2,
        "published": 9,
        "acknowledged": 6,
        "redelivered": 2,
    }


def test_of_an_export_the_policies_are_worked_out() -> None:
    """Definitions do not say what holds: policy, operator policy (a parameter there) and argument come together."""
    document = {
        "rabbit_version": "3.13.1",
        "queues": [{"name": "q", "vhost": "/", "arguments": {"x-max-length": 60}}],
        "policies": [{"name": "ours", "vhost": "/", "pattern": "^q$", "definition": {"max-length": 50}}],
        "parameters": [
            {
                "component": "operator_policy",
                "name": "cap",
                "vhost": "/",
                "value": {"pattern": "", "definition": {"max-length": 45}, "priority": 0, "apply-to": "queues"},
            },
            {"component": "shovel", "name": "x", "vhost": "/", "value": {}},
        ],
    }
    known = queue(document)
    assert (known["source"], known["messages_max"], known["policy"]) == ("definitions", 45, "ours + cap")


def test_an_export_of_one_vhost_names_it_in_its_policies_alone() -> None:
    """Its queues and bindings are of that vhost all the same."""
    document = {
        "rabbit_version": "3.10.8",
        "queues": [{"name": "q", "arguments": {}}],
        "policies": [{"name": "p", "vhost": "bank", "pattern": "q", "definition": {"max-length": 5}}],
    }
    assert (queue(document)["vhost"], queue(document)["messages_max"]) == ("bank", 5)


@pytest.mark.parametrize(
    ("version", "argument", "limit"),
    [("4.0.2", None, 20), ("4.1.0", -1, None), ("3.13.7", None, None), (None, None, None), ("3.13.7", 3, 3)],
)
def test_a_quorum_queue_gives_up_after_twenty_deliveries_from_4_0_on(
    version: str | None, argument: int | None, limit: int | None
) -> None:
    """The default holds where the version is known to have it; a negative limit is none."""
    arguments = {"x-queue-type": "quorum", "x-max-priority": 5, "x-max-length": 9, "x-overflow": "reject-publish-dlx"}
    arguments |= {} if argument is None else {"x-delivery-limit": argument}
    known = queue({"overview": {"rabbitmq_version": version}, "queues": [{"name": "q", "arguments": arguments}]})
    assert known.get("deliveries_max") == limit
    assert (known["kind"], known["overflow"], "priorities" in known) == ("quorum", "drop-head", False)


def test_a_stream_has_a_size_and_nothing_else() -> None:
    """Length, TTL and dead letters mean nothing to it."""
    arguments = {"x-queue-type": "stream", "x-max-length": 5, "x-max-length-bytes": 6, "x-message-ttl": 7}
    known = queue(
        {"queues": [{"name": "q", "arguments": arguments | {"x-dead-letter-exchange": "dlx"}, "messages": 0}]}
    )
    limits = ("messages_max", "bytes_max", "overflow", "ttl_ns", "dead_letter")
    assert [known.get(name) for name in limits] == [None, 6, None, None, None]


def test_keys_count_by_the_kind_of_exchange() -> None:
    """Fanout and headers look at no key; a delayed exchange is what it delays; one that is not told is of no kind."""
    kinds = {"f": "fanout", "h": "headers", "t": "topic", "d": "x-delayed-message"}
    exchanges = [
        {"name": name, "type": kind, "arguments": {"x-delayed-type": "direct"}} for name, kind in kinds.items()
    ]
    bindings = [
        {"source": name, "destination": "q", "destination_type": "queue", "routing_key": "k.#"} for name in "fhtdx"
    ]
    bindings += [{"source": "t", "destination": "f", "destination_type": "exchange", "routing_key": "#"}]
    assert routes({"exchanges": exchanges, "bindings": bindings}) == [
        ("d", "direct", "k.#", "q", "queue"),
        ("f", "fanout", None, "q", "queue"),
        ("h", "headers", None, "q", "queue"),
        ("t", "topic", "#", "f", "exchange"),
        ("t", "topic", "k.#", "q", "queue"),
        ("x", None, "k.#", "q", "queue"),
    ]


def test_an_alternate_exchange_may_be_a_policys_word() -> None:
    """The argument comes first; a policy that is for queues says nothing of exchanges."""
    document = {
        "exchanges": [
            {"name": "a", "type": "direct", "vhost": "/", "arguments": {}},
            {"name": "b", "type": "direct", "vhost": "/", "arguments": {"alternate-exchange": "own"}},
        ],
        "bindings": [],
        "policies": [
            {"name": "q", "vhost": "/", "pattern": "", "apply-to": "queues", "priority": 9, "definition": {}},
            {"name": "e", "vhost": "/", "pattern": "", "definition": {"alternate-exchange": "parked"}},
        ],
    }
    assert routes(document) == [
        ("a", "alternate", None, "parked", "exchange"),
        ("b", "alternate", None, "own", "exchange"),
    ]


def test_every_queue_is_bound_to_the_default_exchange_by_its_name() -> None:
    """Exports leave these bindings out and the API lists them: either way each is there once."""
    said = {"source": "", "destination": "q", "destination_type": "queue", "routing_key": "q"}
    for bindings in ([], [said]):
        known = read({"queues": [{"name": "q"}], "bindings": bindings}).filter(fact="route")
        assert known.select("name", "kind", "routing_key", "to").rows() == [("", "default", "q", "q")]


def test_a_document_tells_all_of_what_it_lists_and_nothing_of_the_rest() -> None:
    """Queues alone say nothing of routes: those that are known must not seem gone."""
    marks = read({"queues": [{"name": "q", "vhost": "/"}]}).filter(fact="snapshot").select("vhost", "name").rows()
    assert marks == [("/", "queue")]
    whole = {"queues": [], "exchanges": [{"name": "", "type": "direct", "vhost": "/"}], "bindings": []}
    assert read(whole).filter(fact="snapshot").get_column("name").to_list() == ["queue", "route"]


@pytest.mark.parametrize("form", ["list", "paged"])
def test_one_answer_of_the_api_will_do(form: str) -> None:
    """A list of queues as `/api/queues` gives it, paged or not, is read as such."""
    answer = [{"name": "q", "durable": True, "arguments": [], "messages": 4}]
    assert queue(answer if form == "list" else {"items": answer, "page": 1})["waiting"] == 4


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({}, "no queues, exchanges, bindings or policies in it"),
        ([], "no queues, exchanges, bindings or policies in it"),
        (7, "no queues, exchanges, bindings or policies in it"),
        ({"queues": {"mid": {}}}, "no queues, exchanges, bindings or policies in it"),
        ({"queues": [{"name": 7}]}, "queues[0].name: 7 is not text"),
        ({"queues": [{}]}, "queues[0].name is required"),
        ({"queues": [7]}, "queues[0]: 7 is not a mapping"),
        ({"queues": [{"name": "q", "arguments": "x"}]}, "queues[0].arguments: 'x' is not a mapping"),
        ({"queues": [], "bindings": [{"source": "s"}]}, "bindings[0].destination is required"),
    ],
)
def test_a_document_that_is_none_is_refused_by_its_value(document: object, says: str) -> None:
    """The message names the place and what stands there."""
    with pytest.raises(InputError) as refused:
        read(document)
    assert says in str(refused.value)


def test_figures_that_are_none_are_unknown() -> None:
    """Erlang's "undefined", truth values, negative and enormous numbers are no figures; nor is a limit of them one."""
    odd = {"name": "q", "arguments": {"x-max-length": -1, "x-message-ttl": 2**63}, "messages": "undefined"}
    odd |= {"consumers": True, "messages_unacknowledged": 2**63, "message_stats": [], "type": None}
    known = queue({"queues": [odd]})
    assert set(known) == {"source", "fact", "vhost", "name", "kind"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
PART = st.fixed_dictionaries(
    {},
    optional={
        name: JSON | st.sampled_from(["q", {}, 5])
        for name in ("name", "vhost", "type", "arguments", "source", "destination", "destination_type", "pattern")
    }
    | {"definition": JSON, "message_stats": JSON, "effective_policy_definition": JSON, "value": JSON},
)


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["queues", "exchanges", "bindings", "policies", "parameters", "definitions", "overview"]),
        JSON | st.lists(PART | JSON, max_size=3),
    )
)
def test_whatever_comes_is_read_or_refused(document: dict[str, object]) -> None:
    """Any JSON gives FACTS or an InputError, and never another error."""
    try:
        known = read(document)
    except InputError:
        return
    assert known.schema == FACTS.schema
