"""ownership.yaml: teams and what they own, journey types, deadlines, queues. The reference is docs/ownership.md."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from baton import limits
from baton.documents import AttributeKey, Text, fault, quote, read_text, validate
from baton.ownership import strict_yaml
from baton.schema import UNOWNED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_UNITS_NS = {
    "ms": limits.SECOND_NS // 1000,
    "s": limits.SECOND_NS,
    "m": 60 * limits.SECOND_NS,
    "h": 3600 * limits.SECOND_NS,
}
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?) ?(ms|s|m|h)?")


def duration_ns(value: object) -> int:
    """A duration as written, in nanoseconds: "500ms", "2s", "5m", "1h", or a number of seconds.

    Raises:
        ValueError: not a duration, zero, or longer than `limits.DECLARED_DEADLINE_NS_MAX`.
    """
    written = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if written is None:
        raise ValueError('is no duration; write "500ms", "2s", "5m", "1h" or a number of seconds')
    duration = round(float(written[1]) * _UNITS_NS[written[2] or "s"])
    if not 0 < duration <= limits.DECLARED_DEADLINE_NS_MAX:
        raise ValueError(f"is not between 0 and {limits.DECLARED_DEADLINE_NS_MAX // _UNITS_NS['h']}h; check its unit")
    return duration


Duration = Annotated[int, BeforeValidator(duration_ns)]
Patterns = tuple[Text, ...]


class _Part(BaseModel):
    """A part of the file: immutable, and a key it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Owns(_Part):
    """What a team owns: exact names or globs; of attributes, the exact name and a glob for the value."""

    services: Patterns = ()
    namespaces: Patterns = ()
    channels: Patterns = ()
    queues: Patterns = ()
    attributes: dict[AttributeKey, Text] = {}


class Team(_Part):
    """A team: whom to wake (`escalation`), how else to reach it (`contact`), what it owns."""

    name: Text
    escalation: Text | None = None
    contact: Text | None = None
    owns: Owns = Owns()


class Entry(_Part):
    """Where a journey begins: a span of this service, with this name where one is given; both globs."""

    service: Text
    span: Text = "*"


class Impact(_Part):
    """The span attributes that say whom a lost journey hit, and how much money it moved."""

    customer: AttributeKey | None = None
    segment: AttributeKey | None = None
    amount: AttributeKey | None = None
    currency: AttributeKey | None = None


class JourneyType(_Part):
    """A declared kind of journey. `deadline_ns` runs from the journey's entry to its last handoff.

    What its `impact` leaves out, the file's own says.
    """

    name: Text
    entry: Entry
    owner: Text
    criticality: Literal["critical", "high", "normal", "low"] = "normal"
    deadline_ns: Duration | None = Field(default=None, alias="deadline")
    impact: Impact = Impact()


class Channel(_Part):
    """The declared deadline of a handoff over the channels of this name, in these environments; both globs."""

    name: Text
    environment: Text = "*"
    deadline_ns: Duration = Field(alias="deadline")


def _number(value: object) -> object:
    """The file's scalars are text: a number as written, `50` or `1_000`."""
    if not (isinstance(value, str) and re.fullmatch(r"[0-9_]{1,19}", value)):
        raise ValueError("is no whole number; write 50, or leave its key out where there is no limit")
    return value


Number = Annotated[int, BeforeValidator(_number), Field(le=limits.TIME_NS_MAX)]


class Source(_Part):
    """What a queue takes: what is sent to this exchange (or topic) with a key that matches; null takes every key."""

    exchange: Text
    key: Text | None = None


class Queue(_Part):
    """A queue as its owner declares it, where no broker is asked: its limits, and what is routed to it.

    Attributes:
        limit: messages.
        size: bytes.
        ttl_ns: a message that waits longer expires.
        priorities: the highest; without it the queue knows none.
        dead_letter: the exchange that what it evicts, expires or rejects goes to.
        sources: what is sent to it by exchange and key; by the default exchange its own name always is.
    """

    name: Text
    environment: Text | None = None
    limit: Number | None = None
    size: Number | None = Field(default=None, alias="bytes")
    overflow: Literal["drop-head", "reject-publish", "reject-publish-dlx"] | None = None
    ttl_ns: Duration | None = Field(default=None, alias="ttl")
    priorities: Number | None = None
    dead_letter: Text | None = None
    sources: tuple[Source, ...] = Field(default=(), alias="from")

    @model_validator(mode="after")
    def _bounded(self) -> Queue:
        if self.overflow is not None and self.limit is None and self.size is None:
            raise ValueError("has an overflow and nothing that overflows; add limit or bytes, or take it out")
        return self


class Service(_Part):
    """How the telemetry of the services of this name is sampled, in these environments; both globs."""

    name: Text
    environment: Text = "*"
    sampling: Literal["tail"]


class Catalog(_Part):
    """The whole file. Journey and grouping keys are null where it names none."""

    version: Literal["1"] = "1"
    teams: tuple[Team, ...] = ()
    journey_types: tuple[JourneyType, ...] = ()
    channels: tuple[Channel, ...] = ()
    queues: tuple[Queue, ...] = ()
    services: tuple[Service, ...] = ()
    journey_keys: tuple[AttributeKey, ...] | None = None
    grouping_keys: tuple[AttributeKey, ...] | None = None
    impact: Impact = Impact()


EMPTY = Catalog()
"""No ownership.yaml: all is unowned, and the verdicts stand."""


def load_catalog(path: Path) -> Catalog:
    """Read and check an ownership.yaml.

    Raises:
        InputError: it cannot be read or has a fault; the message names the file, the place, the value, the next step.
    """
    catalog = validate(Catalog, strict_yaml.parse(read_text(path), path), path)
    found = next(_faults(catalog), None)
    if found is not None:
        raise fault(path, *found)
    return catalog


def _faults(catalog: Catalog) -> Iterator[tuple[str, object, str]]:
    """What no part can see on its own: (place, value, problem and next step)."""
    teams = [team.name for team in catalog.teams]
    for number, name in enumerate(teams):
        if name == UNOWNED:
            yield f"teams[{number}].name", name, "is what Baton calls a thing without an owner; name the team otherwise"
    yield from _twins("teams", [(name,) for name in teams], ".name")
    yield from _twins("journey_types", [(declared.name,) for declared in catalog.journey_types], ".name")
    yield from _twins("channels", [(channel.name, channel.environment) for channel in catalog.channels], "")
    yield from _twins("queues", [(queue.name, queue.environment or "any") for queue in catalog.queues], "")
    yield from _twins("services", [(service.name, service.environment) for service in catalog.services], "")
    for number, declared in enumerate(catalog.journey_types):
        if declared.owner not in teams:
            problem = f"is no declared team; add it to teams, or name one of {quote(teams)}"
            yield f"journey_types[{number}].owner", declared.owner, problem


def _twins(section: str, names: list[tuple[str, ...]], key: str) -> Iterator[tuple[str, object, str]]:
    first: dict[tuple[str, ...], int] = {}
    for number, name in enumerate(names):
        if first.setdefault(name, number) != number:
            problem = f"is already declared at {section}[{first[name]}]; merge the two, or rename one"
            yield f"{section}[{number}]{key}", ", ".join(name), problem
