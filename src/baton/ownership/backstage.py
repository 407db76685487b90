"""A catalog of Backstage's `catalog-info.yaml` files: what they say about ownership and operations, in Baton's words.

| entity | becomes |
| --- | --- |
| Group | a team: title, email as contact, links (one that says on-call as such), parent and members as contacts |
| Component | a service of its name, or of the names in its annotation `baton/service-name` |
| Resource, some queue or topic by its type | a channel and a queue of its name (or `baton/channel`, `baton/queue`) |
| API of type asyncapi | the channels of its definition |
| System, Domain | the owner of a part of theirs that names none, which is told |
| User | a team `user:NAME`, where it owns something |

`dependsOn`, `dependencyOf`, `providesApis`, `consumesApis` and `subcomponentOf` become `Catalog.dependencies`. All else
is listed in `Catalog.notes`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from itertools import islice
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from baton.documents import fault, quote, spelled
from baton.limits import DEPENDENCIES_MAX, PARTS_MAX, PROVIDERS_MAX
from baton.ownership.catalog import Catalog, Dependency
from baton.ownership.entities import NAMESPACE, Entity, Ref, entities, whole
from baton.ownership.remarks import Remarks
from baton.ownership.spanned import CHANNEL, QUEUE, SERVICE_NAME, fits, things
from baton.ownership.teams import Owned, Owns, Team
from baton.values import Link

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from baton.ownership.strict_yaml import Document

ESCALATION = "baton/escalation"
"""An annotation of Baton's on groups: whom to wake. Backstage has no field for it."""

_ON_CALL = re.compile(r"on.?call|pager|opsgenie|escalat|\brota\b", re.IGNORECASE)
_LINK: TypeAdapter[str] = TypeAdapter(Link)

# Of each kind what is used: keys of metadata, annotations, keys of spec.
_USED: dict[str, tuple[set[str], set[str], set[str]]] = {
    "component": (
        set(),
        {SERVICE_NAME},
        {"type", "owner", "system", "subcomponentOf", "dependsOn", "dependencyOf", "providesApis", "consumesApis"},
    ),
    "resource": (set(), {CHANNEL, QUEUE}, {"type", "owner", "system", "dependsOn", "dependencyOf"}),
    "api": (set(), set(), {"type", "owner", "system", "definition"}),
    "system": (set(), set(), {"owner", "domain"}),
    "domain": (set(), set(), {"owner", "subdomainOf"}),
    "group": ({"title", "links"}, {ESCALATION}, {"profile", "parent", "children", "members"}),
    "user": ({"title"}, set(), {"profile"}),
}

_Claims = dict[Ref, list[tuple[str, Owned]]]


def imported(documents: Iterable[Document]) -> Catalog:
    """What Backstage's documents say, those of all files together: their entities refer to each other.

    Raises:
        InputError: see `entities.entities`; or a reference or an annotation of Baton's has a fault.
    """
    remarks = Remarks()
    found, others = entities(documents)
    for what, document in others:
        remarks.add(f"not used: {quote(what)}", f"{document.path}, line {document.first_line}")
    for entity in found.values():
        for key in _unused(entity):
            remarks.add(f"not used: {key}", str(entity.ref))
    claims = _claims(found, remarks)
    return Catalog(
        teams=tuple(sorted(_teams(found, claims, remarks), key=lambda team: team.name)),
        dependencies=tuple(
            sorted(_bounded(_dependencies(found)), key=lambda one: (one.component, one.on, one.relation, one.source))
        ),
        notes=remarks.notes(),
    )


def _unused(entity: Entity) -> Iterator[str]:
    """What is written in an entity and not read."""
    data = entity.document.data
    metadata, annotations, spec = _USED[entity.ref.kind]
    if not isinstance(data, dict):
        return
    yield from (spelled((key,)) for key in data if key not in {"apiVersion", "kind", "metadata", "spec"})
    for key in data["metadata"]:
        if key not in {"name", "namespace", "annotations", *metadata}:
            yield spelled(("metadata", key))
    for key in entity.metadata.annotations:
        if key not in annotations:
            yield spelled(("metadata", "annotations", key))
    yield from (spelled(("spec", key)) for key in data.get("spec", ()) if key not in spec)


def _claims(found: Mapping[Ref, Entity], remarks: Remarks) -> _Claims:
    """What each owner owns."""
    claims: _Claims = defaultdict(list)
    above = {ref: [part for part in whole(entity) if part in found] for ref, entity in found.items()}
    for entity in found.values():
        owned = list(things(entity, remarks))
        owner = _owner(entity, found, above, remarks) if owned else None
        if owner is not None:
            source = str(entity.document.path)
            claims[owner] += [(section, Owned(name=name, source=source, origin="backstage")) for section, name in owned]
        elif owned:
            remarks.add("not used: without an owner, and so is all of which they are a part", str(entity.ref))
    return claims


def _owner(entity: Entity, found: Mapping[Ref, Entity], above: Mapping[Ref, list[Ref]], remarks: Remarks) -> Ref | None:
    """The entity's owner, else that of the nearest thing of which it is a part."""
    waiting = [entity.ref]
    for ref in islice(waiting, PARTS_MAX):  # which grows
        part = found[ref]
        if owners := part.refs("owner", "group"):
            if owners[0].kind not in {"group", "user"}:
                problem = f"is of kind {owners[0].kind}, and an owner is a Group or a User; name one"
                raise fault(part.document.path, ("spec", "owner"), part.spec.owner, problem, part.document.line)
            if part is not entity:
                remarks.add(f"without an owner, so that of {part.ref} owns it", str(entity.ref))
            return owners[0]
        waiting += [other for other in above[ref] if other not in waiting]
    return None


def _teams(found: Mapping[Ref, Entity], claims: _Claims, remarks: Remarks) -> Iterator[Team]:
    """Every group, and whoever else owns something."""
    parents: defaultdict[Ref, set[Ref]] = defaultdict(set)
    for ref, entity in found.items():
        for child in entity.refs("children", "group"):
            parents[child].add(ref)
        parents[ref].update(entity.refs("parent", "group"))
    for ref, entity in found.items():
        if ref.kind == "group":
            yield _team(entity, sorted(_called(one, found) for one in parents[ref]), claims.get(ref, []), remarks)
        elif ref.kind == "user" and ref in claims:
            profile = entity.spec.profile
            title = profile.display_name or entity.metadata.title
            yield Team(name=_called(ref, found), title=title, contact=profile.email, owns=_owns(claims[ref]))
    written = _written(found)
    for ref in claims.keys() - found.keys():
        name = written[ref] if ref.kind == "group" else f"user:{written[ref]}"
        remarks.add("owners that no file describes, so nothing is known of them", name)
        yield Team(name=name, owns=_owns(claims[ref]))


def _written(found: Mapping[Ref, Entity]) -> dict[Ref, str]:
    """How owners are spelled where they are referred to; of several ways the first by the alphabet."""
    spellings: defaultdict[Ref, set[str]] = defaultdict(set)
    for entity in found.values():
        for ref in entity.refs("owner", "group"):
            name = re.split("[:/]", entity.spec.owner or "")[-1]
            spellings[ref].add(name if ref.namespace == NAMESPACE else f"{ref.namespace}/{name}")
    return {ref: min(names) for ref, names in spellings.items()}


def _called(ref: Ref, found: Mapping[Ref, Entity]) -> str:
    """The name of a team for a group or user."""
    name = found[ref].name if ref in found else ref.name
    return f"user:{name}" if ref.kind == "user" else name


def _team(entity: Entity, parents: list[str], claims: list[tuple[str, Owned]], remarks: Remarks) -> Team:
    metadata, profile = entity.metadata, entity.spec.profile
    on_call, contacts = _links(entity, remarks)
    for key, names in (("parent group", parents), ("members", sorted(r.name for r in entity.refs("members", "user")))):
        if fits(", ".join(names)):
            contacts[key] = ", ".join(names)
        elif names:
            remarks.add(f"not used: {key} of groups, where they are too many to list", str(entity.ref))
    escalation = metadata.annotations.get(ESCALATION)
    if escalation is not None and not fits(escalation):
        place = ("metadata", "annotations", ESCALATION)
        raise fault(entity.document.path, place, escalation, "is no name; write whom to wake", entity.document.line)
    return Team(
        name=entity.name,
        title=profile.display_name or metadata.title,
        escalation=escalation,
        contact=profile.email,
        contacts=contacts,
        on_call=on_call,
        owns=_owns(claims),
    )


def _links(entity: Entity, remarks: Remarks) -> tuple[str | None, dict[str, str]]:
    """Where it is written who is on call, by the first link that says so, and the other links by their titles."""
    on_call: str | None = None
    contacts: dict[str, str] = {}
    for link in entity.metadata.links:
        title = link.title or link.type or "link"
        says = " ".join(word for word in (link.title, link.type, link.icon, link.url) if word)
        if on_call is None and _ON_CALL.search(says) and _opens(link.url):
            on_call = link.url
        elif fits(title) and fits(link.url) and title not in contacts:
            contacts[title] = link.url
        else:
            remarks.add("not used: links of groups that are too long, or second with one title", str(entity.ref))
    return on_call, contacts


def _opens(url: str) -> bool:
    try:
        _LINK.validate_python(url)
    except ValidationError:
        return False
    return True


def _owns(claims: list[tuple[str, Owned]]) -> Owns:
    sections: defaultdict[str, set[Owned]] = defaultdict(set)
    for section, claim in claims:
        sections[section].add(claim)
    return Owns.model_validate(
        {section: tuple(sorted(owned, key=lambda one: (one.name, one.source))) for section, owned in sections.items()}
    )


def _bounded(dependencies: Iterator[Dependency]) -> set[Dependency]:
    """Raises InputError where there are too many: each name of an entity depends on each name of another."""
    kept = list(islice(dependencies, DEPENDENCIES_MAX + 1))
    if len(kept) > DEPENDENCIES_MAX:
        problem = f"is one of more than {DEPENDENCIES_MAX} dependencies; name fewer services in {SERVICE_NAME}"
        raise fault(kept[-1].source, (), kept[-1].on, problem)
    return set(kept)


def _dependencies(found: Mapping[Ref, Entity]) -> Iterator[Dependency]:
    """What depends on what, in the names that spans bear where they bear any."""
    names = {ref: _names(entity) for ref, entity in found.items()}
    providers: defaultdict[Ref, list[str]] = defaultdict(list)
    for ref, entity in found.items():
        for api in entity.refs("provides_apis", "api"):
            providers[api] += names[ref]

    def on(ref: Ref) -> tuple[str, ...]:
        return names.get(ref) or (str(ref),)

    for ref, entity in found.items():
        source = str(entity.document.path)
        links = [
            *((ref, other, "dependsOn") for other in _things_of(entity, "depends_on", found)),
            *((other, ref, "dependsOn") for other in _things_of(entity, "dependency_of", found)),
            *((ref, api, "providesApi") for api in entity.refs("provides_apis", "api")),
            *((ref, api, "consumesApi") for api in entity.refs("consumes_apis", "api")),
            *((ref, other, "subcomponentOf") for other in entity.refs("subcomponent_of", "component")),
        ]
        for dependent, other, relation in links:
            targets = providers.get(other, ()) if relation == "consumesApi" else ()
            # Of an API that everybody provides, nobody in particular is depended on.
            targets = targets if len(targets) <= PROVIDERS_MAX else ()
            for name in on(dependent):
                for target in targets or on(other):
                    yield Dependency(component=name, on=target, relation=relation, source=source)


def _things_of(entity: Entity, key: str, found: Mapping[Ref, Entity]) -> Iterator[Ref]:
    """The components and resources in a field; a reference without a kind is what is there of its name."""
    for ref in entity.refs(key, ""):
        candidates = [ref._replace(kind=kind) for kind in ("component", "resource")] if not ref.kind else [ref]
        yield next((candidate for candidate in candidates if candidate in found), candidates[0])


def _names(entity: Entity) -> tuple[str, ...]:
    """As spans name it; nothing where they do not."""
    return tuple(dict.fromkeys(name for _, name in things(entity, Remarks())))
