from __future__ import annotations

import pytest

from baton.brokers.policies import Policy, in_force, merged, resolved


def policy(name: str, pattern: str = "", **more: object) -> Policy:
    """A policy of vhost `/`, without a definition unless one is given."""
    return Policy.model_validate({"name": name, "pattern": pattern, "definition": {}, "vhost": "/", **more})


@pytest.mark.parametrize(
    ("policies", "kind", "name"),
    [
        ([], "classic", None),
        ([policy("low", priority=1), policy("high", priority=2)], "classic", "high"),
        ([policy("first"), policy("second")], "classic", "first"),
        ([policy("inside", "tif")], "classic", "inside"),
        ([policy("begins", "^tif")], "classic", None),
        ([policy("other", vhost="bank")], "classic", None),
        ([policy("any vhost", vhost=None)], "classic", "any vhost"),
        ([policy("queues", **{"apply-to": "queues"})], "quorum", "queues"),
        ([policy("queues", **{"apply-to": "queues"})], "exchange", None),
        ([policy("exchanges", **{"apply-to": "exchanges"})], "exchange", "exchanges"),
        ([policy("exchanges", **{"apply-to": "exchanges"})], "classic", None),
        ([policy("all", **{"apply-to": "all"})], "stream", "all"),
        ([policy("classic", **{"apply-to": "classic_queues"})], "quorum", None),
        ([policy("classic", **{"apply-to": "classic_queues"})], "classic", "classic"),
        ([policy("quorum", **{"apply-to": "quorum_queues"})], "quorum", "quorum"),
        ([policy("streams", **{"apply-to": "streams"})], "stream", "streams"),
        ([policy("Erlang alone knows it", "(?|a)"), policy("simple", "not")], "classic", "simple"),
    ],
)
def test_the_policy_of_highest_priority_that_matches_holds_alone(
    policies: list[Policy], kind: str, name: str | None
) -> None:
    """Vhost, kind and pattern must fit, the pattern anywhere in the name; one that cannot be read matches nothing."""
    found = in_force(policies, "/", "notifications", kind)
    assert (None if found is None else found.name) == name


def test_an_operator_only_tightens() -> None:
    """Of two numbers the smaller holds; of two texts, the operator's; what one alone says holds."""
    assert merged(
        {"max-length": 50, "message-ttl": 10, "overflow": "drop-head", "dead-letter-exchange": "dlx"},
        {"max-length": 40, "message-ttl": 20, "overflow": "reject-publish", "expires": 5},
    ) == {
        "max-length": 40,
        "message-ttl": 10,
        "overflow": "reject-publish",
        "dead-letter-exchange": "dlx",
        "expires": 5,
    }


@pytest.mark.parametrize(
    ("argument", "policy", "key", "value"),
    [
        (50, 40, "max-length", 40),
        (30, 40, "max-length", 30),
        (50, None, "max-length", 50),
        (None, 40, "max-length", 40),
        (None, None, "max-length", None),
        ("reject-publish", "drop-head", "overflow", "reject-publish"),
        ("dlx", "other", "dead-letter-exchange", "dlx"),
        (-1, 5, "delivery-limit", 5),
        (7, -1, "delivery-limit", 7),
    ],
)
def test_argument_and_policy_come_to_what_rabbitmq_makes_of_them(
    argument: object, policy: object, key: str, value: object
) -> None:
    """Of two numbers the smaller holds, of two texts the argument; a negative delivery limit gives way."""
    arguments = {} if argument is None else {f"x-{key}": argument}
    assert resolved(arguments, {} if policy is None else {key: policy}, key) == value


@pytest.mark.parametrize(
    ("pattern", "name", "holds"),
    [
        (r"^(a+)+$", "a" * 200 + "!", False),
        (r"^(a+)+$", "a" * 200, True),
        (r"(?=a)(a|a)*$", "a" * 200 + "!", False),
        (r"(?=a)(a+)+$", "a" * 200 + "!", False),
        (r"(?=a)" + "a*" * 30 + "b", "a" * 200, False),
        (r"(?=a)a*a*a*b", "a" * 10_000, False),
        (r"^(?!amq\.).*", "amq.gen-1", False),
        (r"^(?!amq\.).*", "trade.events", True),
        (r"^((?!\.dlq).)*$", "trade.events", True),
    ],
)
def test_no_pattern_takes_forever(pattern: str, name: str, holds: bool) -> None:  # noqa: FBT001 # of the table
    """A pattern that would backtrack without end is read in linear time, or matches nothing; lookaheads still count."""
    assert (in_force([policy("p", pattern)], "/", name, "classic") is not None) is holds
