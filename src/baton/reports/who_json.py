"""`baton who` for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from baton.reports import documents

if TYPE_CHECKING:
    from baton.reports.who_model import Who


def as_json(who: Who) -> str:
    """All of the answer: the fields of `who_model.Who`, every rule that matched among them."""
    return documents.as_json(asdict(who))
