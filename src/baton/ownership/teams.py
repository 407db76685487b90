"""Owners and what they own: teams, and parties outside with a contract owner inside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    TypeAdapter,
    ValidationInfo,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue, SkipJsonSchema

from baton.documents import AttributeKey, Text
from baton.values import Instant, Link

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic_core import CoreSchema

Origin = Literal["ownership", "backstage", "telemetry"]
"""Where a rule comes from, the strongest first: what people signed, what they registered, what a span says itself."""


class Part(BaseModel):
    """A part of a file: immutable, and a key it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True, validate_by_alias=True)


class Lasting(Part):
    """What holds for a time only.

    Attributes:
        from_ns: the first instant at which it holds, a date (its midnight in UTC) or an RFC 3339 time; else since ever.
        until_ns: the first at which it no longer does; else for ever.
    """

    from_ns: Instant | None = Field(default=None, alias="from")
    until_ns: Instant | None = Field(default=None, alias="until")

    @model_validator(mode="after")
    def _in_order(self) -> Lasting:
        if self.from_ns is not None and self.until_ns is not None and self.from_ns >= self.until_ns:
            raise ValueError("never holds: its until is not after its from; correct one of the dates")
        return self


class Claim(Lasting):
    """One thing that an owner claims.

    Attributes:
        source: the file that says so; never written in it.
        origin: what kind of file that is.
    """

    source: SkipJsonSchema[str] = ""
    origin: SkipJsonSchema[Origin] = "ownership"

    @model_validator(mode="before")
    @classmethod
    def _stamped(cls, value: object, info: ValidationInfo) -> object:
        """The claim as read from a file, with the file: `info.context`, where there is one."""
        if info.context is None or not isinstance(value, dict):
            return value
        for derived in ("source", "origin"):
            if derived in value:
                raise ValueError(f"has the key {derived}, which the file itself is; take it out")
        return {**value, **info.context}

    @property
    def what(self) -> str:
        """What is claimed, in a word."""
        raise NotImplementedError


def _or_text(schema: JsonSchemaValue) -> JsonSchemaValue:
    """The schema of what is a mapping, or only its name."""
    return {"anyOf": [{"type": ["string", "number", "boolean"]}, schema]}


class _Short(Claim):
    """A claim that may be written as the text of its one field."""

    field: ClassVar[str]

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return _or_text(handler(schema))

    @model_validator(mode="before")
    @classmethod
    def _spelled_out(cls, value: object) -> object:
        if isinstance(value, list):
            step = f"write a {cls.field}, or {{{cls.field}: ..., from: 2026-03-01}}"
            raise ValueError(f"is a list in a list; {step}")  # noqa: TRY004 - what Pydantic hears
        return {cls.field: value} if isinstance(value, str) else value


class Owned(_Short):
    """A name that an owner claims.

    Attributes:
        name: exact, or a glob.
    """

    field = "name"
    name: Text

    @property
    def what(self) -> str:
        """The pattern."""
        return self.name


class OwnedAttribute(Claim):
    """A value of a span or resource attribute that an owner claims.

    Attributes:
        key: the attribute's exact name.
        value: exact, or a glob.
    """

    key: AttributeKey
    value: Text

    @property
    def what(self) -> str:
        """`key=value`."""
        return f"{self.key}={self.value}"


class OwnedValue(_Short):
    """A value below its attribute's key.

    Attributes:
        value: exact, or a glob.
    """

    field = "value"
    value: Text


def _listed(value: object) -> object:
    return value if isinstance(value, list | tuple) else [value]


OwnedValues = Annotated[tuple[OwnedValue, ...], BeforeValidator(_listed)]
_BY_KEY: TypeAdapter[dict[str, tuple[OwnedValue, ...]]] = TypeAdapter(dict[AttributeKey, OwnedValues])


def _attributes(value: object, info: ValidationInfo) -> object:
    """A mapping from key to value, or to several, as the list that it stands for."""
    if isinstance(value, str):
        raise ValueError("is no mapping; write {attribute: value}")  # noqa: TRY004 - what Pydantic hears
    if not isinstance(value, dict):
        return value
    by_key = _BY_KEY.validate_python(value, context=info.context, by_name=False, by_alias=True)
    return tuple(OwnedAttribute(key=key, **dict(one)) for key, values in by_key.items() for one in values)


Names = tuple[Owned, ...]
Attributes = Annotated[
    tuple[OwnedAttribute, ...],
    BeforeValidator(
        _attributes, json_schema_input_type=dict[str, OwnedValue | tuple[OwnedValue, ...]] | tuple[OwnedAttribute, ...]
    ),
]


class Owns(Part):
    """What an owner claims: exact names, or globs.

    Attributes:
        services: `service.name`.
        namespaces: `service.namespace`.
        channels: what senders send to: exchange, topic, queue.
        queues: what receivers take from.
        rpc_services: `rpc.service`.
        http_routes: `http.route`.
        attributes: of a span or its resource: the exact key, and the value, exact or a glob.
    """

    services: Names = ()
    namespaces: Names = ()
    channels: Names = ()
    queues: Names = ()
    rpc_services: Names = ()
    http_routes: Names = ()
    attributes: Attributes = ()

    def claims(self) -> Iterator[tuple[str, int, Claim]]:
        """Every claim with its section and its place there."""
        for section in type(self).model_fields:
            yield from ((section, place, claim) for place, claim in enumerate(getattr(self, section)))


class Team(Lasting):
    """A team, whom to wake, and what it owns. Its dates narrow those of all that it owns.

    Attributes:
        name: as everything else names it.
        title: as people call it.
        escalation: whom to wake.
        contact: how else to reach it.
        contacts: further ways, by names of the file's own.
        on_call: where it is written who is on call.
        owns: what is its; the dates here are already narrowed.
    """

    name: Text
    title: Text | None = None
    escalation: Text | None = None
    contact: Text | None = None
    contacts: dict[Text, Text] = {}
    on_call: Link | None = None
    owns: Owns = Owns()

    @model_validator(mode="after")
    def _narrowed(self) -> Team:
        if self.from_ns is None and self.until_ns is None:
            return self
        narrowed = {
            section: tuple(self._narrow(claim) for claim in getattr(self.owns, section))
            for section in Owns.model_fields
        }
        object.__setattr__(self, "owns", self.owns.model_copy(update=narrowed))
        return self

    def _narrow(self, claim: Claim) -> Claim:
        begins = [ns for ns in (self.from_ns, claim.from_ns) if ns is not None]
        ends = [ns for ns in (self.until_ns, claim.until_ns) if ns is not None]
        if begins and ends and max(begins) >= min(ends):
            raise ValueError(f"owns {claim.what!r} only outside the team's own dates; correct the dates of one")
        return claim.model_copy(update={"from_ns": max(begins, default=None), "until_ns": min(ends, default=None)})


class ExternalParty(Team):
    """An owner outside.

    Attributes:
        contract_owner: the team inside that answers for the contract with it.
    """

    contract_owner: Text
