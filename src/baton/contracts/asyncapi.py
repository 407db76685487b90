"""AsyncAPI 3 documents as contracts (https://www.asyncapi.com/docs/reference/specification/v3.0.0).

One document describes one application. What it sends makes contracts with it as the sender, what it receives makes it a
receiver; documents over the same address speak of the same contract. `x-baton` says what AsyncAPI has no words for:
the clauses, who owns it, who is on the other side. It may stand at the document, `info`, a channel, an operation or its
traits; the nearer one wins. Nothing is fetched. What says nothing to Baton is listed, not dropped without a word.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from baton.contracts.contract import Clauses, Contract, Offer
from baton.contracts.refs import REF, ExternalError, external, resolved, target
from baton.documents import fault, quote, validate
from baton.errors import InputError
from baton.limits import ADDRESS_PARAMETERS_MAX, ADDRESS_PARTS_MAX, NAME_CHARS_MAX, NAMES_MAX, REMARKS_MAX

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from baton.contracts.refs import File
    from baton.documents import Place

EXTENSION = "x-baton"

_VERSION = re.compile(r"3\.[0-9]{1,4}\.[0-9]{1,4}(?:-[0-9A-Za-z.-]{1,40})?")
_PARAMETER = re.compile(r"\{[^{}/]{1,255}\}")
_OTHER = {"send": "receive", "receive": "send"}
"""What an application does, and what the other side of it does."""

_USED = (
    "asyncapi", "info.title", "info.contact", "channels.*.address", "channels.*.bindings.amqp.is",
    "channels.*.bindings.amqp.exchange.name", "channels.*.bindings.amqp.queue.name", "channels.*.bindings.kafka.topic",
    "channels.*.messages.*.correlationId", "components.messages.*.correlationId", "components.correlationIds",
    "operations.*.action", "operations.*.channel", "operations.*.messages", "operations.*.reply.channel",
    "operations.*.reply.messages", "operations.*.traits",
)  # fmt: skip
"""What of a document makes contracts; x-baton wherever it stands is validated by itself."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one operation says of one contract.

    Attributes:
        service: the application.
        sends: whether it sends, or else receives.
        way: channel, routing key, environment: what the parts of one contract share.
        offer: what its x-baton says.
        source: file and operation, for notes.
    """

    service: str
    sends: bool
    way: tuple[str, str | None, str | None]
    offer: Offer
    source: str


@dataclass(frozen=True, slots=True)
class Document:
    """What one document says, and what of it is not used."""

    parts: tuple[Part, ...]
    notes: tuple[str, ...]


def read(file: File) -> Document:
    """What a document says.

    Raises:
        InputError: another version than 3, or it does not fit the specification where Baton reads it.
    """
    version = file.content["asyncapi"]
    if not (isinstance(version, str) and _VERSION.fullmatch(version)):
        step = "convert it to 3.0.0 first (AsyncAPI's own `asyncapi convert` does)"
        raise file.fault(("asyncapi",), version, f"is no version that Baton reads; {step}")
    reader = _Reader(file)
    parts = tuple(reader.parts())
    return Document(parts, (*reader.notes, *_unused(file)))


class _Reader:
    """One document being read; `notes` grow with what it cannot use."""

    def __init__(self, file: File) -> None:
        self.file, self.notes = file, list[str]()
        info, place = self._mapping(file.content, "info", ())
        self.general = self._offer(file.content, (), self._offer(info, place, Offer()))
        self.service = self.general.service or _slug(info.get("title"), file)
        contact, _ = self._mapping(info, "contact", place)
        said = (contact.get(key) for key in ("email", "url", "name"))
        self.contact = next((one for one in said if isinstance(one, str)), None)

    def parts(self) -> Iterator[Part]:
        """What every operation says."""
        operations, place = self._mapping(self.file.content, "operations", ())
        for name, written in operations.items():
            try:
                yield from self._operation(name, written, (*place, name))
            except ExternalError as error:
                here = self.file.told((*place, name))
                self.notes.append(f"{here} refers to {quote(str(error))}, which is not fetched: not used")

    def _operation(self, name: str, written: object, place: Place) -> Iterator[Part]:
        own, place = resolved(written, self.file, place)
        operation = self._with_traits(own, place)
        action = operation.get("action")
        if not (isinstance(action, str) and action in _OTHER):
            raise self.file.fault((*place, "action"), action, "is no action; write send or receive")
        yield from self._part(name, action, operation, operation, place)
        if "reply" in operation:
            reply, at = resolved(operation["reply"], self.file, (*place, "reply"))
            if "channel" in reply:
                # Who sends a request receives its reply; what its x-baton promises is of the request.
                bare = {key: value for key, value in operation.items() if key != EXTENSION}
                yield from self._part(f"{name}.reply", _OTHER[action], reply, bare, at)

    def _part(
        self, name: str, action: str, holder: Mapping[str, Any], operation: Mapping[str, Any], place: Place
    ) -> Iterator[Part]:
        """What an operation, or its reply (`holder`), says of its channel."""
        channel = holder.get("channel")
        if target(channel) is None:
            raise self.file.fault((*place, "channel"), channel, "is no reference; write {$ref: '#/channels/NAME'}")
        found, at = resolved(channel, self.file, (*place, "channel"))
        offer = self._offer(operation, place, self._offer(found, at, self.general))
        if self._correlated(holder, place, found, at):
            offer = offer.model_copy(
                update={"clauses": offer.clauses.model_copy(update={"correlation_id": "required"})}
            )
        way = self._way(found, at, offer)
        if way is None:
            self.notes.append(f"{self.file.told(at)} has no address, it is told at run time: not used by {name}")
            return
        if not offer.escalation and self.contact is not None and action == "send":
            offer = offer.model_copy(update={"escalation": (self.contact,)})
        yield Part(self.service, action == "send", way, offer, f"{self.file.path}: {name}")

    def _correlated(self, holder: Mapping[str, Any], place: Place, channel: Mapping[str, Any], at: Place) -> bool:
        """Whether every message of an operation, of those its channel has, says where its correlation id stands."""
        listed = holder.get("messages")
        if isinstance(listed, list) and listed:
            written = {(*place, "messages", number): message for number, message in enumerate(listed)}
        else:
            messages, below = self._mapping(channel, "messages", at)
            written = {(*below, name): message for name, message in messages.items()}
        return bool(written) and all(self._bears(message, where) for where, message in written.items())

    def _bears(self, message: object, place: Place) -> bool:
        try:
            own, where = resolved(message, self.file, place)
            return bool(self._with_traits(own, where).get("correlationId"))
        except ExternalError:  # listed among what is not fetched
            return False

    def _way(self, channel: Mapping[str, Any], place: Place, offer: Offer) -> tuple[str, str | None, str | None] | None:
        """Channel, key and environment. Of AMQP an address is a routing key, unless its bindings name a queue."""
        bindings, at = self._mapping(channel, "bindings", place)
        kafka, _ = self._mapping(bindings, "kafka", at)
        amqp, at = self._mapping(bindings, "amqp", at)
        names = {part: self._mapping(amqp, part, at)[0].get("name") for part in ("exchange", "queue")}
        named = names["queue"] if amqp.get("is") == "queue" else names["exchange"]
        address = channel.get("address")
        key = _glob(address, self.file, place) if isinstance(address, str) and address not in ("", "null") else None
        topic = kafka.get("topic") if amqp.get("is") != "queue" else named
        if isinstance(topic, str) and topic:
            return _glob(topic, self.file, place), offer.key, offer.environment
        if isinstance(named, str) and named:
            return _glob(named, self.file, place), offer.key or key, offer.environment
        return None if key is None else (key, offer.key, offer.environment)

    def _with_traits(self, operation: Mapping[str, Any], place: Place) -> dict[str, Any]:
        """The operation over its traits: what it says itself wins (specification, "Traits Merge Mechanism")."""
        traits = operation.get("traits", [])
        if not isinstance(traits, list):
            raise self.file.fault((*place, "traits"), traits, "is not a list; write [one, two]")
        merged: dict[str, Any] = {}
        for number, trait in enumerate(traits):
            merged = _merged(merged, resolved(trait, self.file, (*place, "traits", number))[0])
        return _merged(merged, operation)

    def _offer(self, holder: Mapping[str, Any], place: Place, around: Offer) -> Offer:
        """What stands under x-baton here, over what stands around it."""
        if EXTENSION not in holder:
            return around
        at, lines = (*place, EXTENSION), self.file.lines
        below = None if lines is None else lambda deeper: lines((*at, *deeper))
        own = validate(Offer, holder[EXTENSION], self.file.told(at), lines=below)
        clauses = around.clauses.model_copy(update={name: getattr(own.clauses, name) for name in own.clauses.said})
        said = {name: getattr(own, name) for name in own.model_fields_set if name != "clauses"}
        return around.model_copy(update={**said, "clauses": clauses})

    def _mapping(self, holder: Mapping[str, Any], key: str, place: Place) -> tuple[dict[str, Any], Place]:
        """A mapping below, which may be left out or stand elsewhere in the document, and its place."""
        node, at = holder.get(key), (*place, key)
        return ({}, at) if node is None or node == "" else resolved(node, self.file, at)


def merged(documents: Sequence[Document]) -> tuple[tuple[Contract, ...], tuple[str, ...]]:
    """The contracts that these documents make together, by name, and the notes on them."""
    notes = [note for document in documents for note in document.notes]
    ways: defaultdict[tuple[str, str | None, str | None], list[Part]] = defaultdict(list)
    for part in sorted((part for document in documents for part in document.parts), key=lambda part: part.source):
        ways[part.way].append(part)
    contracts: list[Contract] = []
    for way, parts in sorted(ways.items(), key=lambda item: tuple(word or "" for word in item[0])):
        takers = {part.service for part in parts if not part.sends}
        takers |= {receiver for part in parts for receiver in part.offer.receivers}
        senders = {part.service if part.offer.sender is None else part.offer.sender for part in parts if part.sends}
        senders |= {part.offer.sender for part in parts if not part.sends and part.offer.sender is not None}
        if len(senders) * len(parts) > ADDRESS_PARTS_MAX:
            step = "let one document say who sends and who receives"
            raise fault(parts[0].source, (), way[0], f"has {len(senders)} senders in {len(parts)} operations; {step}")
        contracts += [_contract(sender, sorted(takers), way, parts, notes) for sender in sorted(senders or {"*"})]
    return tuple(contracts), tuple(dict.fromkeys(notes))


def _contract(
    sender: str, takers: list[str], way: tuple[str, str | None, str | None], parts: list[Part], notes: list[str]
) -> Contract:
    """One contract; where documents differ, the sender's word stands."""
    channel, key, environment = way
    name = "/".join(word for word in (sender, channel, key, environment) if word)
    of = sorted(
        (p for p in parts if not p.sends or sender in (p.service, p.offer.sender)), key=lambda part: not part.sends
    )
    clauses = Clauses()
    for part in of:
        for clause in part.offer.clauses.said:
            ours, theirs = getattr(clauses, clause), getattr(part.offer.clauses, clause)
            if clause not in clauses.said:
                clauses = clauses.model_copy(update={clause: theirs})
            elif ours != theirs:
                notes.append(f"{part.source}: its {clause} for {name} is another than the one before it: not used")
    owner = next((part.offer.owner for part in of if part.offer.owner is not None), None)
    escalation = next((part.offer.escalation for part in of if part.offer.escalation), ())
    said = {
        "name": name,
        "sender": sender,
        "channel": channel,
        "key": key,
        "receivers": takers,
        "environment": environment,
        "owner": owner,
        "escalation": escalation,
        "clauses": clauses,
    }
    return validate(Contract, said, of[0].source)


def _merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """JSON Merge Patch (RFC 7396) of what stands over it."""
    result = dict(under)
    for key, value in over.items():
        known = result.get(key)
        both = isinstance(known, dict) and isinstance(value, dict)
        result[key] = _merged(known, value) if both else value  # type: ignore[arg-type]  # both are mappings
    return result


def _slug(title: object, file: File) -> str:
    """A service's name as people make it of a title: `Account Service` is account-service."""
    slug = re.sub(r"[^0-9a-z]+", "-", title.lower()).strip("-") if isinstance(title, str) else ""
    if not slug:
        raise InputError(f"{file.path}: info.title names no application; write one, or {EXTENSION}: {{service: NAME}}")
    return slug


def _glob(address: str, file: File, place: Place) -> str:
    """An address template as a glob: a parameter is any text, all else is meant as it stands."""
    literals = _PARAMETER.split(address)
    if len(literals) > ADDRESS_PARAMETERS_MAX:
        raise file.fault(place, address, f"has more than {ADDRESS_PARAMETERS_MAX} parameters; shorten it")
    return "*".join(re.sub(r"([*?\[])", r"[\1]", literal) for literal in literals)


def _unused(file: File) -> Iterator[str]:
    """One sentence on all that made no contract, by kind, and one on what lies elsewhere."""
    counts = Counter(_left(file.content, ""))
    if counts:
        listed = [place + (f" ({count})" if count > 1 else "") for place, count in sorted(counts.items())]
        more = f" and {len(listed) - REMARKS_MAX} more" if len(listed) > REMARKS_MAX else ""
        yield f"{file.path}: not used: {', '.join(listed[:REMARKS_MAX])}{more}"
    elsewhere = sorted(set(external(file.content)))
    if elsewhere:
        more = f" and {len(elsewhere) - NAMES_MAX} more" if len(elsewhere) > NAMES_MAX else ""
        shown = ", ".join(quote(one) for one in elsewhere[:NAMES_MAX])
        yield f"{file.path}: refers to {shown}{more}: not fetched"


_NAMED = ("channels", "channels.*.messages", "components.messages", "operations", "servers")
"""Sections whose keys are names that people chose."""
_OPENED = (*_NAMED, "servers.*", "components")
"""Places that are told part by part, though nothing below them may be used."""


def _left(node: Mapping[str, Any], place: str) -> Iterator[str]:
    """The highest places that hold nothing that is used, names replaced by *."""
    for key, value in node.items():
        step = key if key.isprintable() and len(key) <= NAME_CHARS_MAX else quote(key)
        at = f"{place}.*" if place in _NAMED else f"{place}.{step}" if place else step
        if key in (EXTENSION, REF) or at in _USED:
            continue
        if isinstance(value, dict) and (at in _OPENED or any(one.startswith(f"{at}.") for one in _USED)):
            yield from _left(value, at)
        else:
            yield at
