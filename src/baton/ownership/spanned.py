"""What spans name of a Backstage entity: services, channels, queues."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from baton.documents import Text, fault, quote
from baton.errors import InputError
from baton.ownership.strict_yaml import parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from baton.ownership.entities import Entity
    from baton.ownership.remarks import Remarks

SERVICE_NAME, CHANNEL, QUEUE = "baton/service-name", "baton/channel", "baton/queue"
"""Annotations of Baton's, for names that Backstage's cannot spell: one, or several with commas, or globs."""

# Components that run nowhere, so that no span bears their name.
_NOT_RUNNING = {"library", "documentation"}
_CARRIES_MESSAGES = re.compile(r"(queue|topic|exchange|channel|subject|pubsub|eventhub)s?\b|\b(stream|sqs|sns)s?\b")
# How null reads where every scalar is text; AsyncAPI 3 has it for an address that is not known.
_NULL = {"", "~", "null", "Null", "NULL"}
_PARAMETER = re.compile(r"\{[^{}]*\}")
_TEXT: TypeAdapter[str] = TypeAdapter(Text)


def things(entity: Entity, remarks: Remarks) -> Iterator[tuple[str, str]]:
    """What spans name of an entity: section of `Owns`, and pattern. What they cannot is remarked.

    Raises:
        InputError: an annotation of Baton's is no name.
    """
    if entity.ref.kind == "component":
        yield from (("services", name) for name in _services(entity, remarks))
    elif entity.ref.kind == "resource":
        yield from _places(entity, remarks)
    elif entity.ref.kind == "api":
        yield from (("channels", pattern) for pattern in _channels(entity, remarks))


def _services(entity: Entity, remarks: Remarks) -> tuple[str, ...]:
    """The services that a component is, as its spans name them."""
    kind = (entity.spec.type or "").lower()
    named = _annotated(entity, SERVICE_NAME)
    if kind in _NOT_RUNNING and not named:
        remarks.add(f"not used: components of type {kind}, which run nowhere", str(entity.ref))
        return ()
    return named or (entity.metadata.name,)


def _places(entity: Entity, remarks: Remarks) -> Iterator[tuple[str, str]]:
    channels, queues = _annotated(entity, CHANNEL), _annotated(entity, QUEUE)
    kind = re.sub(r"[^a-z0-9]+", " ", (entity.spec.type or "").lower()).strip()
    if not (channels or queues):
        if not _CARRIES_MESSAGES.search(kind):
            remarks.add(f"not used: resources of type {quote(entity.spec.type)}, no queue or topic", str(entity.ref))
            return
        channels = (entity.metadata.name,)
        queues = () if "exchange" in kind else channels
    yield from (("channels", name) for name in channels)
    yield from (("queues", name) for name in queues)


def _channels(entity: Entity, remarks: Remarks) -> Iterator[str]:
    """The channels of an API's AsyncAPI document: of version 2 the keys, of version 3 their addresses."""
    kind, definition = (entity.spec.type or "").lower(), entity.spec.definition
    if kind != "asyncapi":
        remarks.add(f"not used: owners of APIs of type {quote(kind)}, for calls are their service's", str(entity.ref))
    elif not isinstance(definition, str):
        remarks.add("not used: asyncapi definitions that are not in the file", str(entity.ref))
    elif (channels := _defined(definition, entity)) is None:
        remarks.add("not used: asyncapi definitions that are no YAML, or without channels", str(entity.ref))
    else:
        for key, address in channels.items():
            pattern = pattern_of(address) if isinstance(address, str) and address not in _NULL else ""
            if fits(pattern):
                yield pattern
            else:
                about = f"{quote(key)} of {entity.ref}"
                remarks.add("not used: asyncapi channels without an address", about)


def _defined(definition: str, entity: Entity) -> dict[str, object] | None:
    """The channels of an AsyncAPI document and their addresses; None where there is no such thing."""
    try:
        document = parse(definition, entity.document.path)
    except InputError:
        return None
    channels = document.get("channels") if isinstance(document, dict) else None
    if not (isinstance(document, dict) and isinstance(channels, dict)):
        return None
    if str(document.get("asyncapi", "")).startswith("2"):
        return {key: key for key in channels}
    return {key: channel.get("address") if isinstance(channel, dict) else None for key, channel in channels.items()}


def pattern_of(address: str) -> str:
    """The pattern of an address: `{parameter}` is any text, all else as it stands."""
    literal = _PARAMETER.split(address)
    return "*".join(re.sub(r"[*?[]", lambda wildcard: f"[{wildcard[0]}]", part) for part in literal)


def fits(text: str) -> bool:
    """Whether the text is a name that the ownership file would take."""
    try:
        _TEXT.validate_python(text)
    except ValidationError:
        return False
    return True


def _annotated(entity: Entity, key: str) -> tuple[str, ...]:
    """The names in an annotation of Baton's; none without it."""
    written = entity.metadata.annotations.get(key)
    if written is None:
        return ()
    names = tuple(dict.fromkeys(name.strip() for name in written.split(",")))
    if not all(map(fits, names)):
        place = ("metadata", "annotations", key)
        problem = "is no name, nor several with commas between; write one"
        raise fault(entity.document.path, place, written, problem, entity.document.line)
    return names
