"""ownership.yaml: teams and what they own, journey types, deadlines, queues. The reference is docs/ownership.md."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from baton.documents import AttributeKey, Text, nearest, quote
from baton.ownership.teams import ExternalParty, Part, Team
from baton.schema import SEVERAL, UNOWNED
from baton.values import Duration, Number

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from baton.documents import Place


class Step(Part):
    """A span of this service, with this name where one is given.

    Attributes:
        service: exact, or a glob.
        span: the span's name, exact or a glob; without it any.
    """

    service: Text
    span: Text = "*"


class Entry(Step):
    """Where a journey begins."""


class Impact(Part):
    """The span attributes that say whom a lost journey hit, and how much money it moved.

    Attributes:
        customer: whom.
        segment: of which kind of customers that one is.
        amount: how much money.
        currency: in which currency.
    """

    customer: AttributeKey | None = None
    segment: AttributeKey | None = None
    amount: AttributeKey | None = None
    currency: AttributeKey | None = None


class JourneyType(Part):
    """A declared kind of journey.

    Attributes:
        name: as questions and findings name it.
        entry: where it begins.
        steps: what it passes after its entry, in this order, as far as declared.
        owner: the team that answers for it as a whole.
        criticality: how much it matters.
        deadline_ns: from its entry to its last handoff.
        impact: what it names otherwise than the file's own impact.
    """

    name: Text
    entry: Entry
    steps: tuple[Step, ...] = ()
    owner: Text
    criticality: Literal["critical", "high", "normal", "low"] = "normal"
    deadline_ns: Duration | None = Field(default=None, alias="deadline")
    impact: Impact = Impact()


class Channel(Part):
    """The declared deadline of a handoff over the channels of this name.

    Attributes:
        name: exact, or a glob.
        environment: where; exact, or a glob.
        deadline_ns: from the send to the receipt.
    """

    name: Text
    environment: Text = "*"
    deadline_ns: Duration = Field(alias="deadline")


class Source(Part):
    """What a queue takes.

    Attributes:
        exchange: what is sent to this exchange, or topic,
        key: with a key that matches; RabbitMQ's `*` and `#` may stand in it. Without it any.
    """

    exchange: Text
    key: Text | None = None


class Queue(Part):
    """A queue as its owner declares it, where no broker is asked: its limits, and what is routed to it.

    Attributes:
        name: exact.
        environment: where; without it anywhere.
        limit: messages that it holds.
        size: bytes that it holds.
        overflow: what happens beyond; without it its head is dropped.
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


class Service(Part):
    """How the telemetry of the services of this name is sampled.

    Attributes:
        name: exact, or a glob.
        environment: where; exact, or a glob.
        sampling: by tail: a collector keeps or drops traces after it has seen them.
    """

    name: Text
    environment: Text = "*"
    sampling: Literal["tail"]


class OwnershipFile(Part):
    """Who owns what, and what is expected of it.

    Attributes:
        version: of the format.
        teams: owners inside.
        external_parties: owners outside.
        journey_types: the kinds of journeys that customers undertake.
        channels: deadlines of handoffs.
        queues: what queues hold, where no broker is asked.
        services: how telemetry is sampled.
        journey_keys: attributes that join traces into a journey; else those of baton.toml.
        grouping_keys: attributes that group journeys, and never join them; else those of baton.toml.
        impact: attributes that say what a lost journey cost.
    """

    version: Literal["1"] = "1"
    teams: tuple[Team, ...] = ()
    external_parties: tuple[ExternalParty, ...] = ()
    journey_types: tuple[JourneyType, ...] = ()
    channels: tuple[Channel, ...] = ()
    queues: tuple[Queue, ...] = ()
    services: tuple[Service, ...] = ()
    journey_keys: tuple[AttributeKey, ...] | None = None
    grouping_keys: tuple[AttributeKey, ...] | None = None
    impact: Impact = Impact()


class Dependency(Part):
    """What a catalog declares to depend on what; names as spans have them.

    Attributes:
        component: a service.
        on: a service, channel or API.
        relation: dependsOn, consumesApi, providesApi, subcomponentOf, as the file puts it.
        source: the file that says so.
    """

    component: Text
    on: Text
    relation: str
    source: str = ""


class Catalog(OwnershipFile):
    """Who owns what, of one file or of several merged.

    Attributes:
        dependencies: what Backstage files declare to depend on what.
        notes: what was not used of the files, and where they differ; sentences for people.
    """

    dependencies: tuple[Dependency, ...] = ()
    notes: tuple[str, ...] = ()

    @cached_property
    def owners(self) -> dict[str, Team]:
        """Teams and external parties, by name."""
        return {owner.name: owner for owner in (*self.teams, *self.external_parties)}


EMPTY = Catalog()
"""No ownership.yaml: all is unowned, and the verdicts stand."""


def faults(file: OwnershipFile, teams: Collection[str]) -> Iterator[tuple[Place, object, str]]:
    """What no part of a file can see on its own: (place, value, problem and next step).

    Args:
        file: what was read.
        teams: the teams that this file and those beside it name.
    """
    yield from _owners(file)
    for number, party in enumerate(file.external_parties):
        if party.contract_owner not in teams:
            place = ("external_parties", number, "contract_owner")
            yield place, party.contract_owner, _no_team(party.contract_owner, teams)
    for number, declared in enumerate(file.journey_types):
        if declared.owner not in teams:
            yield ("journey_types", number, "owner"), declared.owner, _no_team(declared.owner, teams)
    yield from _twins("journey_types", [(declared.name,) for declared in file.journey_types], "name")
    yield from _twins("channels", [(channel.name, channel.environment) for channel in file.channels])
    yield from _twins("queues", [(queue.name, queue.environment or "any") for queue in file.queues])
    yield from _twins("services", [(service.name, service.environment) for service in file.services])


def _owners(file: OwnershipFile) -> Iterator[tuple[Place, object, str]]:
    first: dict[str, str] = {}
    for section in ("teams", "external_parties"):
        for number, owner in enumerate(getattr(file, section)):
            place, here = (section, number, "name"), f"{section}[{number}]"
            if (problem := no_owner(owner.name)) is not None:
                yield place, owner.name, problem
            if first.setdefault(owner.name, here) != here:
                yield place, owner.name, f"is already declared at {first[owner.name]}; merge the two, or rename one"


def no_owner(name: str) -> str | None:
    """Why nobody can be called so, and what to do; None for every other name."""
    if name == UNOWNED:
        return "is what Baton calls a thing without an owner; name it otherwise"
    if SEVERAL in name:
        return f"holds {SEVERAL!r}, which joins several possible teams; name it otherwise"
    return None


def _no_team(name: str, teams: Collection[str]) -> str:
    meant = nearest(name, sorted(teams))
    step = f"did you mean {quote(meant)}? Else add it to teams" if meant else "add it to teams"
    return f"is no declared team; {step}, or name one of {quote(sorted(teams))}"


def _twins(section: str, names: list[tuple[str, ...]], *key: str) -> Iterator[tuple[Place, object, str]]:
    first: dict[tuple[str, ...], int] = {}
    for number, name in enumerate(names):
        if first.setdefault(name, number) != number:
            problem = f"is already declared at {section}[{first[name]}]; merge the two, or rename one"
            yield (section, number, *key), ", ".join(name), problem
