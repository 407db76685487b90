"""ownership.yaml: teams and what they own, journey types, deadlines, queues. The reference is docs/ownership.md."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from baton.documents import AttributeKey, Text, fault, quote, read_text, validate
from baton.ownership import strict_yaml
from baton.ownership.teams import ExternalParty, Part, Team
from baton.schema import SEVERAL, UNOWNED
from baton.values import Duration, Number

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Step(Part):
    """A span of this service, with this name where one is given; both globs."""

    service: Text
    span: Text = "*"


class Entry(Step):
    """Where a journey begins."""


class Impact(Part):
    """The span attributes that say whom a lost journey hit, and how much money it moved."""

    customer: AttributeKey | None = None
    segment: AttributeKey | None = None
    amount: AttributeKey | None = None
    currency: AttributeKey | None = None


class JourneyType(Part):
    """A declared kind of journey. `deadline_ns` runs from the journey's entry to its last handoff.

    What its `impact` leaves out, the file's own says. `steps` are what it passes after its entry, in this order, as far
    as declared.
    """

    name: Text
    entry: Entry
    steps: tuple[Step, ...] = ()
    owner: Text
    criticality: Literal["critical", "high", "normal", "low"] = "normal"
    deadline_ns: Duration | None = Field(default=None, alias="deadline")
    impact: Impact = Impact()


class Channel(Part):
    """The declared deadline of a handoff over the channels of this name, in these environments; both globs."""

    name: Text
    environment: Text = "*"
    deadline_ns: Duration = Field(alias="deadline")


class Source(Part):
    """What a queue takes: what is sent to this exchange (or topic) with a key that matches; null takes every key."""

    exchange: Text
    key: Text | None = None


class Queue(Part):
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


class Service(Part):
    """How the telemetry of the services of this name is sampled, in these environments; both globs."""

    name: Text
    environment: Text = "*"
    sampling: Literal["tail"]


class OwnershipFile(Part):
    """The whole of an ownership.yaml. Journey and grouping keys are null where it names none."""

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


def load_catalog(*paths: Path) -> Catalog:
    """Read and check ownership files.

    Raises:
        InputError: it cannot be read or has a fault; the message names the file, the place, the value, the next step.
    """
    (path,) = paths
    context = {"source": str(path), "origin": "ownership"}
    written = validate(OwnershipFile, strict_yaml.parse(read_text(path), path), path, context=context)
    catalog = Catalog(**dict(written))
    found = next(_faults(catalog), None)
    if found is not None:
        raise fault(path, *found)
    return catalog


def _faults(catalog: Catalog) -> Iterator[tuple[str, object, str]]:
    """What no part can see on its own: (place, value, problem and next step)."""
    teams = [team.name for team in catalog.teams]
    for section, owners in (("teams", catalog.teams), ("external_parties", catalog.external_parties)):
        for number, owner in enumerate(owners):
            if problem := _misnamed(owner.name):
                yield f"{section}[{number}].name", owner.name, problem
        yield from _twins(section, [(owner.name,) for owner in owners], ".name")
    for number, party in enumerate(catalog.external_parties):
        place = f"external_parties[{number}]"
        if party.name in teams:
            yield f"{place}.name", party.name, f"is already a team, teams[{teams.index(party.name)}]; rename one"
        if party.contract_owner not in teams:
            yield f"{place}.contract_owner", party.contract_owner, _no_team(teams)
    yield from _twins("journey_types", [(declared.name,) for declared in catalog.journey_types], ".name")
    yield from _twins("channels", [(channel.name, channel.environment) for channel in catalog.channels], "")
    yield from _twins("queues", [(queue.name, queue.environment or "any") for queue in catalog.queues], "")
    yield from _twins("services", [(service.name, service.environment) for service in catalog.services], "")
    for number, declared in enumerate(catalog.journey_types):
        if declared.owner not in teams:
            yield f"journey_types[{number}].owner", declared.owner, _no_team(teams)


def _misnamed(name: str) -> str | None:
    if name == UNOWNED:
        return "is what Baton calls a thing without an owner; name the team otherwise"
    if SEVERAL in name:
        return f"holds {SEVERAL!r}, with which Baton joins several possible teams; name the team otherwise"
    return None


def _no_team(teams: list[str]) -> str:
    return f"is no declared team; add it to teams, or name one of {quote(teams)}"


def _twins(section: str, names: list[tuple[str, ...]], key: str) -> Iterator[tuple[str, object, str]]:
    first: dict[tuple[str, ...], int] = {}
    for number, name in enumerate(names):
        if first.setdefault(name, number) != number:
            problem = f"is already declared at {section}[{first[name]}]; merge the two, or rename one"
            yield f"{section}[{number}]{key}", ", ".join(name), problem
