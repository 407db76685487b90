"""Whom to wake: of an owner outside, the team inside that has the contract with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from baton.ownership.teams import ExternalParty

if TYPE_CHECKING:
    from baton.ownership.catalog import Catalog


def escalation(owner: str | None, catalog: Catalog) -> str | None:
    """How to wake an owner; null of nobody, of one that the catalog does not know, and where it does not say how."""
    known = catalog.owners.get(owner or "")
    if not isinstance(known, ExternalParty):
        return None if known is None else known.escalation
    inside = catalog.owners.get(known.contract_owner)
    how = None if inside is None else inside.escalation
    return f"external: ask {known.contract_owner}" + (f", {how}" if how else "")
