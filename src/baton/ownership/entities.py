"""Backstage's descriptor format: entities, and how they refer to each other.

The format is Backstage's own ("Descriptor Format of Catalog Entities", "Entity References"): an entity is a document
with `apiVersion`, `kind`, `metadata` and `spec`; a reference reads `[kind:][namespace/]name`, its case is nothing, and
what it leaves out is the kind that the field implies and the namespace of the entity that refers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from baton.documents import Text, fault, validate
from baton.limits import NAMES_MAX
from baton.ownership.catalog import no_owner

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from baton.documents import Place
    from baton.ownership.strict_yaml import Document

API_VERSION = "backstage.io/"
NAMESPACE = "default"
USED_KINDS = ("component", "resource", "api", "system", "domain", "group", "user")
"""User only for what an owner who is one is called."""

_REFERENCE = re.compile(r"(?:([^:/\s]+):)?(?:([^:/\s]+)/)?([^:/\s]+)")

# What an entity is a part of: the field, and the kind that it implies.
_PART_OF = {
    "system": "system",
    "domain": "domain",
    "subdomain_of": "domain",
    "subcomponent_of": "component",
    "parent": "group",
}


class Ref(NamedTuple):
    """A reference, in lower case."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return (
            f"{self.kind}:{self.name}" if self.namespace == NAMESPACE else f"{self.kind}:{self.namespace}/{self.name}"
        )


class _Open(BaseModel):
    """A part of an entity: organisations add keys of their own, which `model_extra` keeps."""

    model_config = ConfigDict(frozen=True, extra="allow")


class Link(_Open):
    """A link of `metadata.links`."""

    url: str
    title: str | None = None
    type: str | None = None
    icon: str | None = None


class Metadata(_Open):
    """What all kinds share."""

    name: Text
    namespace: Text = NAMESPACE
    title: Text | None = None
    annotations: dict[str, str] = {}
    links: tuple[Link, ...] = ()


class Profile(_Open):
    """How a group or user is called."""

    display_name: Text | None = Field(default=None, alias="displayName")
    email: Text | None = None


class Spec(_Open):
    """What the kinds that Baton reads say; each has some of it."""

    type: str | None = None
    owner: Text | None = None
    system: Text | None = None
    domain: Text | None = None
    subdomain_of: Text | None = Field(default=None, alias="subdomainOf")
    subcomponent_of: Text | None = Field(default=None, alias="subcomponentOf")
    depends_on: tuple[Text, ...] = Field(default=(), alias="dependsOn")
    dependency_of: tuple[Text, ...] = Field(default=(), alias="dependencyOf")
    provides_apis: tuple[Text, ...] = Field(default=(), alias="providesApis")
    consumes_apis: tuple[Text, ...] = Field(default=(), alias="consumesApis")
    profile: Profile = Profile()
    parent: Text | None = None
    children: tuple[Text, ...] = ()
    members: tuple[Text, ...] = ()
    definition: str | dict[str, object] | None = None


class _Envelope(_Open):
    """An entity as it is written."""

    kind: Text
    metadata: Metadata
    spec: Spec = Spec()


@dataclass(frozen=True, slots=True)
class Entity:
    """An entity of a kind that Baton reads."""

    ref: Ref
    metadata: Metadata
    spec: Spec
    document: Document

    @property
    def name(self) -> str:
        """As a team is called by it: with its namespace, unless that is the default."""
        return self.metadata.name if self.ref.namespace == NAMESPACE else f"{self.ref.namespace}/{self.metadata.name}"

    def refs(self, key: str, kind: str) -> list[Ref]:
        """The references in a field of its spec, one or several.

        Args:
            key: the field's name here.
            kind: the kind that it implies; empty where it implies none, and then a reference may lack one.

        Raises:
            InputError: one is no reference.
        """
        value = getattr(self.spec, key)
        several = isinstance(value, tuple)
        written = value if several else () if value is None else (value,)
        place = ("spec", Spec.model_fields[key].alias or key)
        return [self._ref(text, kind, (*place, number) if several else place) for number, text in enumerate(written)]

    def _ref(self, text: str, kind: str, place: Place) -> Ref:
        found = _REFERENCE.fullmatch(text)
        if found is None:
            problem = "is no reference to an entity; write [kind:][namespace/]name"
            raise fault(self.document.path, place, text, problem, self.document.line)
        return Ref((found[1] or kind).lower(), (found[2] or self.ref.namespace).lower(), found[3].lower())


def entities(documents: Iterable[Document]) -> tuple[dict[Ref, Entity], list[tuple[str, Document]]]:
    """The entities of Backstage files, sorted by their references, and what is none that Baton reads.

    Returns:
        by reference; and (kind or what else it is, document) of each that is passed over.

    Raises:
        InputError: an entity does not fit the format, two differ that have one reference, or some are each a part of
            the other.
    """
    found: dict[Ref, Entity] = {}
    others: list[tuple[str, Document]] = []
    for document in documents:
        data = document.data
        if data in (None, ""):  # between two `---`
            continue
        other = _other(data)
        if other is not None:
            others.append((other, document))
            continue
        entity = _entity(document)
        twin = found.setdefault(entity.ref, entity)
        if twin.document.data != data:
            place = f"{twin.document.path}, line {twin.document.first_line}"
            problem = f"is described otherwise at {place}; keep one"
            raise fault(document.path, ("metadata", "name"), str(entity.ref), problem, document.line)
    _refuse_cycles(found)
    return dict(sorted(found.items())), others


def _other(data: object) -> str | None:
    """What a document is that is no entity of a kind that Baton reads; None for one that is."""
    if not (isinstance(data, dict) and isinstance(data.get("apiVersion"), str)):
        return "a document without apiVersion"
    if not data["apiVersion"].startswith(API_VERSION):
        return f"apiVersion {data['apiVersion']}"
    return None if str(data.get("kind")).lower() in USED_KINDS else f"kind {data.get('kind')}"


def _entity(document: Document) -> Entity:
    envelope = validate(_Envelope, document.data, document.path, lines=document.line)
    metadata = envelope.metadata
    ref = Ref(envelope.kind.lower(), metadata.namespace.lower(), metadata.name.lower())
    entity = Entity(ref, metadata, envelope.spec, document)
    if ref.kind == "group":
        _refuse_no_owner(entity.name, document, ("metadata", "name"))
    for owner in entity.refs("owner", "group"):
        if owner.kind == "group" and owner.namespace == NAMESPACE:
            _refuse_no_owner(owner.name, document, ("spec", "owner"))
    return entity


def _refuse_no_owner(name: str, document: Document, place: Place) -> None:
    if (problem := no_owner(name)) is not None:
        raise fault(document.path, place, name, problem, document.line)


def whole(entity: Entity) -> Iterator[Ref]:
    """What the entity says that it is a part of."""
    for key, kind in _PART_OF.items():
        yield from entity.refs(key, kind)


def _refuse_cycles(found: Mapping[Ref, Entity]) -> None:
    """Raises InputError where something is a part of itself, however many steps away."""
    within = {ref: list(whole(entity)) for ref, entity in found.items()}
    for ref, entity in found.items():
        for child in entity.refs("children", "group"):
            within.setdefault(child, []).append(ref)
    done: set[Ref] = set()
    for start in sorted(within):
        chain: dict[Ref, Iterator[Ref]] = {start: iter(within[start])} if start not in done else {}
        while chain:
            ref = next(reversed(chain))
            above = next((other for other in chain[ref] if other not in done), None)
            if above is None:
                done.add(ref)
                del chain[ref]
            elif above in chain:
                _refuse(found, [*chain][[*chain].index(above) :])
            else:
                chain[above] = iter(within.get(above, ()))


def _refuse(found: Mapping[Ref, Entity], cycle: list[Ref]) -> None:
    # A hostile file's circle is as long as the file.
    middle = cycle if len(cycle) <= NAMES_MAX else [*cycle[:NAMES_MAX], f"{len(cycle) - NAMES_MAX} more"]
    names = " -> ".join(map(str, (*middle, cycle[0])))
    document = next(found[ref] for ref in cycle if ref in found).document
    problem = f"is a part of itself: {names}; take one of these steps out"
    raise fault(document.path, ("metadata", "name"), str(cycle[0]), problem, document.line)
