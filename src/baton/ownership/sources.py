"""One catalog of several files: ownership files and Backstage's, in any order.

All faults of all files are found before any of them is used. What files say of the same owner is merged: what it owns
adds up, and each claim keeps its file; of what else they say of it (escalation, contact, ...) an ownership file's word
comes before Backstage's, then the file whose name is first, and the difference is noted. What two ownership files say
of the same journey type, channel, queue, service or key must be the same.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations, islice
from typing import TYPE_CHECKING, Any, get_args

from baton.documents import fault, quote, read_text, validate
from baton.errors import InputError
from baton.limits import CLAIMS_COMPARED_MAX
from baton.ownership import strict_yaml
from baton.ownership.backstage import imported
from baton.ownership.catalog import Catalog, OwnershipFile, faults
from baton.ownership.remarks import Remarks, conflict, gray_area
from baton.ownership.teams import Claim, ExternalParty, Origin, Owns, Team

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from baton.ownership.strict_yaml import Document

_ORIGINS: tuple[Origin, ...] = get_args(Origin)
_DESCRIPTION = ("title", "escalation", "contact", "on_call")
_SECTIONS = ("journey_types", "channels", "queues", "services")
_ALONE = ("journey_keys", "grouping_keys", "impact")
_BACKSTAGE = "Backstage"


def load_catalog(*paths: Path) -> Catalog:
    """Read, check and merge ownership files and Backstage's catalog files.

    Args:
        paths: in any order; a file is Backstage's if a document in it has an `apiVersion`.

    Raises:
        InputError: one cannot be read or has a fault, or two contradict each other; the message names the file, the
            line, the place, the value and the next step.
    """
    files = [_read(path) for path in sorted(set(paths), key=str)]
    entities = [document for documents in files if _described(documents) for document in documents]
    written = [_written(documents) for documents in files if not _described(documents)]
    described = imported(entities)
    teams = {team.name for team in described.teams} | {team.name for _, file in written for team in file.teams}
    for document, file in written:
        if (found := next(faults(file, teams), None)) is not None:
            raise fault(document.path, *found, document.line)
    _refuse_contradictions(written)
    remarks = Remarks()
    named = [*((str(document.path), file) for document, file in written), (_BACKSTAGE, described)]
    owners = _owners(named, remarks)
    _compare(owners, remarks)
    return Catalog(
        teams=tuple(owner for owner in owners if not isinstance(owner, ExternalParty)),
        external_parties=tuple(owner for owner in owners if isinstance(owner, ExternalParty)),
        **_declared([file for _, file in written]),
        dependencies=described.dependencies,
        notes=(*remarks.notes(), *described.notes),
    )


def _read(path: Path) -> list[Document]:
    documents = strict_yaml.parse_all(read_text(path), path)
    if all(document.data in (None, "") for document in documents):
        raise InputError(f"{path}: is empty, and nobody owns anything by it; write `teams:` into it, or do not name it")
    return documents


def _described(documents: list[Document]) -> bool:
    """Whether a file is Backstage's."""
    return any(isinstance(document.data, dict) and "apiVersion" in document.data for document in documents)


def _written(documents: list[Document]) -> tuple[Document, OwnershipFile]:
    """The one document of an ownership file."""
    document = documents[0]
    # Again, for its words on a second document.
    data = strict_yaml.parse(document.text, document.path) if len(documents) > 1 else document.data
    context = {"source": str(document.path), "origin": "ownership"}
    return document, validate(OwnershipFile, data, document.path, lines=document.line, context=context)


def _refuse_contradictions(written: list[tuple[Document, OwnershipFile]]) -> None:
    """Raises InputError where two ownership files declare one thing otherwise."""
    first: dict[tuple[str, ...], tuple[Document, object]] = {}
    for document, file in written:
        for section in _SECTIONS:
            for number, declared in enumerate(getattr(file, section)):
                key = (section, declared.name, getattr(declared, "environment", None) or "")
                _refuse_if_other(first.setdefault(key, (document, declared)), (document, declared), (section, number))
        for section in _ALONE:
            if section in file.model_fields_set:
                said = (document, getattr(file, section))
                _refuse_if_other(first.setdefault((section,), said), said, (section,))
        for number, party in enumerate(file.external_parties):
            said = (document, party.contract_owner)
            place = ("external_parties", number, "contract_owner")
            _refuse_if_other(first.setdefault(("party", party.name), said), said, place)
        for section in ("teams", "external_parties"):
            for number, owner in enumerate(getattr(file, section)):
                other, elsewhere = first.setdefault(("owner", owner.name), (document, section))
                if elsewhere != section:
                    problem = f"is one of {elsewhere} in {other.path}; keep one of the two"
                    raise fault(document.path, (section, number, "name"), owner.name, problem, document.line)


def _refuse_if_other(
    first: tuple[Document, object], said: tuple[Document, object], place: tuple[str | int, ...]
) -> None:
    (document, value), (other, earlier) = said, first
    if value != earlier:
        named = getattr(value, "name", value)
        problem = f"is declared otherwise in {other.path}; keep one of the two"
        raise fault(document.path, place, named, problem, document.line)


def _declared(files: list[OwnershipFile]) -> dict[str, Any]:
    """What the files declare beside owners; where two do, they agree."""
    declared: dict[str, Any] = {
        section: tuple(dict.fromkeys(one for file in files for one in getattr(file, section))) for section in _SECTIONS
    }
    for key in _ALONE:
        said = [getattr(file, key) for file in files if key in file.model_fields_set]
        declared |= {key: said[0]} if said else {}
    return declared


def _owners(named: list[tuple[str, OwnershipFile]], remarks: Remarks) -> list[Team]:
    """Every owner once, by name, with what all files say of it."""
    said: defaultdict[str, list[tuple[str, Team]]] = defaultdict(list)
    for source, file in named:
        for owner in (*file.teams, *file.external_parties):
            said[owner.name].append((source, owner))
    return [_one(said[name], remarks) for name in sorted(said)]


def _one(said: list[tuple[str, Team]], remarks: Remarks) -> Team:
    """An owner of whom several files speak, the first to be heard first."""
    (_, first), *others = said
    if not others:
        return first
    described = first.model_dump(include={*_DESCRIPTION, "contacts"}, exclude_none=True)
    for other_source, other in others:
        for key, value in other.model_dump(include={*_DESCRIPTION}, exclude_none=True).items():
            if described.setdefault(key, value) != value:
                about = f"{key} by {other_source}, which says {quote(value)}, by another file {quote(described[key])}"
                remarks.add(f"not used, as files differ about {quote(first.name)}", about)
        for key, value in other.contacts.items():
            if described["contacts"].setdefault(key, value) != value:
                about = f"contact {quote(key)} by {other_source}, which says {quote(value)}"
                remarks.add(f"not used, as files differ about {quote(first.name)}", about)
    # What people signed ends a team; Backstage knows no dates.
    dated = [owner for file, owner in said if file != _BACKSTAGE]
    if len({(owner.from_ns, owner.until_ns) for owner in dated}) > 1:
        remarks.add("dates of teams differ between files, and each file's hold for what it says", quote(first.name))
    return type(first).model_validate(
        {
            **first.model_dump(include={"name", "contract_owner"}),
            **described,
            "from_ns": _outer([owner.from_ns for owner in dated], min),
            "until_ns": _outer([owner.until_ns for owner in dated], max),
            "owns": _all_owned([owner.owns for _, owner in said]),
        }
    )


def _outer(bounds: list[int | None], outer: Callable[[list[int]], int]) -> int | None:
    """The bound that holds all; null where one of them has none."""
    known = [bound for bound in bounds if bound is not None]
    return outer(known) if len(known) == len(bounds) else None


def _all_owned(parts: list[Owns]) -> Owns:
    return Owns(
        **{
            section: tuple(dict.fromkeys(claim for part in parts for claim in getattr(part, section)))
            for section in Owns.model_fields
        }
    )


def _compare(owners: list[Team], remarks: Remarks) -> None:
    """Remarks on what several owners claim in the same words at the same time."""
    claimed: defaultdict[tuple[str, str], list[tuple[str, Claim]]] = defaultdict(list)
    for owner in owners:
        for section, _, claim in owner.owns.claims():
            claimed[section, claim.what].append((owner.name, claim))
    for (section, what), claims in claimed.items():
        pairs = islice(combinations(claims, 2), CLAIMS_COMPARED_MAX)
        for (one, claim), (two, other) in pairs:
            if one == two or not _overlap(claim, other):
                continue
            both = sorted(
                (_ORIGINS.index(part.origin), f"{name} ({part.source})") for name, part in ((one, claim), (two, other))
            )
            if claim.origin == other.origin:
                remarks.add(gray_area(section, what), both[0][1])
                remarks.add(gray_area(section, what), both[1][1])
            else:
                won = f"{conflict(section, what)} won by {both[0][1]} as ownership.yaml comes first"
                remarks.add(won, both[1][1])


def _overlap(one: Claim, other: Claim) -> bool:
    return _before(one.from_ns, other.until_ns) and _before(other.from_ns, one.until_ns)


def _before(begin_ns: int | None, end_ns: int | None) -> bool:
    return begin_ns is None or end_ns is None or begin_ns < end_ns
