"""ownership.yaml: teams and what they own, journey types, declared deadlines. The reference is docs/ownership.md."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

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


class JourneyType(_Part):
    """A declared kind of journey. `deadline_ns` runs from the journey's entry to its last handoff."""

    name: Text
    entry: Entry
    owner: Text
    criticality: Literal["critical", "high", "normal", "low"] = "normal"
    deadline_ns: Duration | None = Field(default=None, alias="deadline")


class Channel(_Part):
    """The declared deadline of a handoff over the channels of this name, in these environments; both globs."""

    name: Text
    environment: Text = "*"
    deadline_ns: Duration = Field(alias="deadline")


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
    services: tuple[Service, ...] = ()
    journey_keys: tuple[AttributeKey, ...] | None = None
    grouping_keys: tuple[AttributeKey, ...] | None = None


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
