from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from baton.brokers.facts import as_frame, at_ns, parse
from baton.brokers.rows import Where
from baton.errors import InputError
from baton.schema import FACTS

DOCS = Path(__file__).parents[3] / "docs" / "facts.md"
EXAMPLES = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", DOCS.read_text(), re.DOTALL)]


def known(document: object, fact: str) -> list[dict[str, Any]]:
    """Rows of that fact, without what is null or shared."""
    rows = as_frame(parse(document, Path("facts.json")), Where(3, "t", None, "b")).filter(fact=fact)
    left_out = {*Where._fields, "source", "fact"}
    return [
        {key: value for key, value in row.items() if value is not None and key not in left_out}
        for row in rows.to_dicts()
    ]


def test_the_documentations_kafka_is_read_as_it_says() -> None:
    """A topic with its retention, its route to every group, and each group's offsets."""
    kafka = EXAMPLES[0]
    assert known(kafka, "queue") == [
        {
            "vhost": "",
            "name": "wealth.events",
            "kind": "topic",
            "bytes_max": 1 << 30,
            "overflow": "drop-head",
            "ttl_ns": 7 * 86400 * 10**9,
        }
    ]
    assert known(kafka, "route") == [
        {"vhost": "", "name": "wealth.events", "kind": "fanout", "to": "wealth.events", "to_kind": "queue"}
    ]
    groups = known(kafka, "subscription")
    assert [(row["name"], row["to"], row["partition"], row["end"] - row["committed"]) for row in groups] == [
        ("notifications", "wealth.events", "0", 79),
        ("audit", "wealth.events", "0", 0),
    ]


def test_the_documentations_ibm_mq_is_read_as_it_says() -> None:
    """Depth, backout threshold and backout queue of a queue manager, and the time with its offset."""
    document = parse(EXAMPLES[1], Path("facts.json"))
    assert (at_ns(document), document.broker) == (1_795_541_400 * 10**9, "mq-1.bank.example:1414")
    first = known(EXAMPLES[1], "queue")[0]
    assert (first["vhost"], first["name"], first["messages_max"], first["overflow"]) == (
        "QM1",
        "PAYMENTS.IN",
        5000,
        "reject-publish",
    )
    assert (first["deliveries_max"], first["dead_letter"], first["dead_letter_routing"]) == (3, "", "PAYMENTS.BACKOUT")


def test_lists_tell_all_of_their_namespaces() -> None:
    """What is listed is told whole, in each namespace that it names; a list that is left out says nothing."""
    queues = [{"name": "a", "namespace": "one"}, {"name": "b", "namespace": "two"}]
    marks = known({"baton_facts": 1, "queues": queues, "counters": {"drops": 4}}, "snapshot")
    assert [(mark["vhost"], mark["name"]) for mark in marks] == [("one", "queue"), ("two", "queue"), ("", "counter")]


def test_every_column_can_be_said() -> None:
    """Each of FACTS's columns that is of a queue has its key in the document."""
    queue = {name: 1 for name in FACTS.names if FACTS.schema[name] == FACTS.schema["waiting"]}
    for other in ("at_ns", "ttl_ns", "committed", "end", "value"):
        del queue[other]
    queue |= {"ttl_ms": 1, "name": "q"}
    queue |= dict.fromkeys(("kind", "policy", "dead_letter", "dead_letter_routing"), "x")
    queue |= {"overflow": "drop-head"}
    said = known({"baton_facts": 1, "queues": [queue]}, "queue")[0]
    assert len(said) == len(queue) + 1
    assert said["ttl_ns"] == 1_000_000


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"baton_facts": 2}, "facts.json: baton_facts: 2 does not fit"),
        ({"at": "yesterday"}, "at: 'yesterday' does not fit"),
        ({"at": "2026-11-24T18:30:00"}, "at: '2026-11-24T18:30:00' does not fit"),
        ({"queue": []}, "queue: [] is no key that Baton knows"),
        ({"queues": [{"name": "q", "max_length": 5}]}, "queues[0].max_length: 5 is no key that Baton knows"),
        ({"queues": [{"name": "q", "messages_max": "50"}]}, "queues[0].messages_max: '50' does not fit"),
        ({"queues": [{"name": "q", "messages_max": -1}]}, "queues[0].messages_max: -1 does not fit"),
        ({"queues": [{"name": "q", "overflow": "drop"}]}, "queues[0].overflow: 'drop' does not fit"),
        ({"queues": [{}]}, "queues[0].name is required"),
        ({"routes": [{"from": "a"}]}, "routes[0].to is required"),
        ({"subscriptions": [{"group": "g", "topic": "t", "end": 2**63}]}, "subscriptions[0].end"),
        ({"counters": {"drops": 1.5}}, "counters.drops: 1.5 does not fit"),
    ],
)
def test_a_slip_is_refused_by_its_place_and_value(change: dict[str, object], says: str) -> None:
    """A misspelled limit must not count as no limit."""
    with pytest.raises(InputError) as refused:
        parse({"baton_facts": 1, **change}, Path("facts.json"))
    assert says in str(refused.value)
