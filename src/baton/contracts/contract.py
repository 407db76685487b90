"""contracts.yaml: who sends what to whom, and what was promised of it. The reference is docs/contracts.md."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from baton.documents import Text
from baton.values import Duration

_SHARE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,9})?) ?(%)?")
_COUNT = re.compile(r"[0-9]{1,9}")
_PERCENTILE = re.compile(r"p([0-9]{1,2}(?:\.[0-9]{1,3})?)")
_HUNDRED = 100


def _share(value: object) -> Decimal:
    """A share as written, exactly: "0.1%", "0.001", "0"."""
    written = _SHARE.fullmatch(value) if isinstance(value, str) else None
    if written is None:
        raise ValueError('is no share; write "0.1%", 0.001, or 0 for none')
    share = Decimal(written[1]) / (_HUNDRED if written[2] else 1)
    if share > 1:
        raise ValueError("is more than all; write a share from 0 to 100%")
    return share


def _count(value: object) -> int:
    if not (isinstance(value, str) and _COUNT.fullmatch(value) and int(value)):
        raise ValueError("is no whole number above 0; write 3")
    return int(value)


def _percentile(value: object) -> object:
    written = _PERCENTILE.fullmatch(value) if isinstance(value, str) else None
    if written is None or not 0 < float(written[1]) < _HUNDRED:
        raise ValueError("is no percentile; write p50, p99 or p99.9")
    return value


def _required(value: object) -> object:
    if value not in ("required", "true", True):
        raise ValueError('is neither "required" nor "true"; write one of them, or leave the clause out')
    return value


def _path(value: object) -> object:
    """An escalation path: a name, a list of names, or {path: [names]}."""
    if isinstance(value, dict) and set(value) == {"path"}:
        value = value["path"]
    return [value] if isinstance(value, str) else value


Share = Annotated[Decimal, BeforeValidator(_share, json_schema_input_type=str | float)]
Count = Annotated[int, BeforeValidator(_count, json_schema_input_type=int | str)]
Percentile = Annotated[str, BeforeValidator(_percentile, json_schema_input_type=str)]
Required = Annotated[str | bool, BeforeValidator(_required, json_schema_input_type=Literal["required", True])]
Escalation = Annotated[
    tuple[Text, ...], BeforeValidator(_path, json_schema_input_type=str | list[str] | dict[str, list[str]])
]


class _Part(BaseModel):
    """A part of the file: immutable, and a key it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Retries(_Part):
    """A send that failed is sent again until one is taken or `attempts` were made, the first among them.

    All of them begin `within_ns` of the first; null is whenever.
    """

    attempts: Count
    within_ns: Duration | None = Field(default=None, alias="within")


class CircuitBreaking(_Part):
    """After so many `failures` within `window_ns`, an instance of the sender stops for `pause_ns`."""

    failures: Count
    window_ns: Duration = Field(alias="window")
    pause_ns: Duration = Field(alias="pause")


class Clauses(_Part):
    """What was promised; null where nothing was.

    Attributes:
        deadline_ns: received so long after the send at the latest; of calls, answered.
        loss: the share of handoffs that may be lost.
        latency_ns: percentile -> at most so long.
        retries: see `Retries`.
        confirms: the sender waits for the broker's word.
        correlation_id: every message bears a correlation id.
        idempotent: no message is handled well twice.
        dead_letter: every queue on the way has somewhere for what it gives up.
        isolation: no flow that is not critical shares a bounded queue with it.
        circuit_breaking: see `CircuitBreaking`.
    """

    deadline_ns: Duration | None = Field(default=None, alias="deadline")
    loss: Share | None = None
    latency_ns: dict[Percentile, Duration] = Field(default={}, alias="latency")
    retries: Retries | None = None
    confirms: Required | None = None
    correlation_id: Required | None = None
    idempotent: Required | None = None
    dead_letter: Required | None = None
    isolation: Required | None = None
    circuit_breaking: CircuitBreaking | None = None

    @property
    def said(self) -> tuple[str, ...]:
        """Names of the clauses that there are, in their order."""
        return tuple(name for name in type(self).model_fields if getattr(self, name) not in (None, {}))


class Offer(_Part):
    """What an AsyncAPI document says under x-baton; an operation's word stands over its channel's and its document's.

    Attributes:
        service: service.name of the application; null makes it of the document's title.
        sender: who sends, where the document is a receiver's.
        receivers: who receives, where it is a sender's; beside those whose own documents say so.
        owner, environment, key, escalation, clauses: as in `Contract`.
    """

    service: Text | None = None
    sender: Text | None = None
    receivers: tuple[Text, ...] = ()
    owner: Text | None = None
    environment: Text | None = None
    key: Text | None = None
    escalation: Escalation = ()
    clauses: Clauses = Clauses()


class Contract(_Part):
    """What a sender and its receivers promised each other.

    Messages are named by `channel`, calls by `call` or `callee`. Names are exact or globs, as in the ownership file.

    Attributes:
        name: of the contract.
        sender: service.
        channel: what the sender sends to.
        key: the routing key; null is any. A binding's # is read as *.
        call: the operation: the client's or server's span name, or rpc.service/rpc.method.
        callee: the service that is called; a shorter word for one receiver.
        receivers: services; empty is whoever takes it.
        environment: null is any.
        owner: the team that answers for the contract; null is the sender's.
        escalation: whom to wake, one after the other.
        clauses: what was promised.
    """

    name: Text
    sender: Text
    channel: Text | None = None
    key: Text | None = None
    call: Text | None = None
    callee: Text | None = None
    receivers: tuple[Text, ...] = ()
    environment: Text | None = None
    owner: Text | None = None
    escalation: Escalation = ()
    clauses: Clauses = Clauses()

    @property
    def kind(self) -> Literal["message", "call"]:
        """Which handoffs it speaks of."""
        return "call" if self.channel is None else "message"

    @property
    def takers(self) -> tuple[str, ...]:
        """Who should receive: globs; empty is whoever does."""
        return self.receivers if self.callee is None else (self.callee,)

    @model_validator(mode="after")
    def _one_way(self) -> Contract:
        if self.channel is None and self.call is None and self.callee is None:
            raise ValueError("names no way; add channel, or call or callee")
        if self.channel is not None and (self.call is not None or self.callee is not None):
            raise ValueError("names a channel and a call; make two contracts of it")
        if self.channel is None and self.key is not None:
            raise ValueError("has a key, which only channels have; take it out")
        if self.callee is not None and self.receivers:
            raise ValueError("has a callee and receivers, which say the same of calls; keep one")
        return self


class Contracts(_Part):
    """The whole file."""

    version: Literal["1"] = "1"
    contracts: tuple[Contract, ...] = ()


@dataclass(frozen=True, slots=True)
class Agreed:
    """All that was agreed, of whatever files.

    Attributes:
        signed: of contracts.yaml.
        imported: of AsyncAPI documents.
        notes: what of them is not used, and why, a sentence each.
    """

    signed: tuple[Contract, ...] = ()
    imported: tuple[Contract, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[Contract, ...]:
        """Signed ones first."""
        return (*self.signed, *self.imported)


NOTHING = Agreed()
"""No contract: only what is declared otherwise, or learned, holds."""
