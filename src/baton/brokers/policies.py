"""RabbitMQ's policies: which of them holds for a queue or an exchange, and what queue and policy together come to.

The rules are RabbitMQ's own (`rabbit_policy`, `rabbit_policies`, `rabbit_amqqueue_process`, `rabbit_quorum_queue`):

- Of the policies of the vhost whose pattern matches the name and whose `apply-to` fits, the one of highest priority
  holds, and alone; so with operator policies. Of equal priorities RabbitMQ leaves it open; here the first holds.
- Where a policy and an operator policy give the same key, the smaller number holds; of texts, the operator's.
- Where the queue's arguments and the policies give the same key, the smaller number holds; of texts, the argument.
- A negative delivery limit is none, and gives way to any other.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import SchemaError, SchemaValidator
from pydantic_core.core_schema import str_schema

from baton.limits import NAME_CHARS_MAX, PATTERN_REPEATS_MAX, PATTERNS_KEPT_MAX

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_KINDS = {"classic": "classic_queues", "quorum": "quorum_queues", "stream": "streams"}

_REPEAT = re.compile(r"[*+{]")
_GROUP_REPEATED = re.compile(r"\)[*+{]")

# Erlang's JSON writes an empty table as a list.
Table = Annotated[dict[str, object], BeforeValidator(lambda value: value or {})]


class Policy(BaseModel):
    """A policy or operator policy, as the management API and definitions exports give it."""

    model_config = ConfigDict(frozen=True)

    name: str
    pattern: str
    definition: Table
    vhost: str | None = None
    apply_to: str = Field(default="all", alias="apply-to")
    priority: int = 0


def in_force(policies: Sequence[Policy], vhost: str, name: str, kind: str) -> Policy | None:
    """The policy that holds for a queue or exchange; null where none does.

    Args:
        policies: policies, or operator policies.
        vhost: of the queue; a policy that names none is of any.
        name: its name.
        kind: classic, quorum, stream or exchange.
    """
    applies = {"all", "exchanges"} if kind == "exchange" else {"all", "queues", _KINDS.get(kind, "queues")}
    matching = (
        policy
        for policy in policies
        if policy.vhost in {None, vhost} and policy.apply_to in applies and _matches(policy.pattern, name)
    )
    return max(matching, key=lambda policy: policy.priority, default=None)


def merged(policy: Mapping[str, object], operator: Mapping[str, object]) -> dict[str, object]:
    """What a policy and an operator policy come to."""
    both = {key: _tighter(key, policy[key], operator[key]) for key in policy.keys() & operator.keys()}
    return {**policy, **operator, **both}


def resolved(arguments: Mapping[str, object], policy: Mapping[str, object], key: str) -> object:
    """What a queue's arguments and its effective policy say of a key, such as `max-length`; null where neither does."""
    argument, value = arguments.get(f"x-{key}"), policy.get(key)
    if argument is None or value is None:
        return value if argument is None else argument
    return _tighter(key, value, argument)


def _tighter(key: str, value: object, winner: object) -> object:
    """The smaller of two numbers, else the second."""
    if not (isinstance(value, int) and isinstance(winner, int)):
        return winner
    if key == "delivery-limit" and min(value, winner) < 0:
        return max(value, winner)
    return min(value, winner)


def _matches(pattern: str, name: str) -> bool:
    """Whether the pattern, a PCRE, matches somewhere in the name; one that cannot be tried in bounded time does not."""
    return _search(pattern)(name)


@lru_cache(maxsize=PATTERNS_KEPT_MAX)
def _search(pattern: str) -> Callable[[str], bool]:
    """Pydantic's engine takes linear time whatever the pattern, and knows no lookaround; Python's is for the rest."""
    try:
        return SchemaValidator(str_schema(pattern=pattern)).isinstance_python
    except SchemaError:
        pass
    if not _tame(pattern):
        return _nothing
    try:
        search = re.compile(pattern).search
    except (re.error, RecursionError, OverflowError):
        return _nothing
    return lambda name: len(name) <= NAME_CHARS_MAX and search(name) is not None


def _tame(pattern: str) -> bool:
    """Whether backtracking stays bounded: few repeats, and none of a group that could match one text in two ways."""
    repeats = len(_REPEAT.findall(pattern))
    if _GROUP_REPEATED.search(pattern):
        return repeats == 1 and "|" not in pattern
    return repeats <= PATTERN_REPEATS_MAX


def _nothing(_name: str) -> bool:
    return False
