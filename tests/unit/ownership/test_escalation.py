from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from baton.ownership.escalation import escalation

if TYPE_CHECKING:
    from collections.abc import Callable

    from baton.ownership.catalog import Catalog

FILE = """
teams: [{name: deposits, escalation: "#deposits"}, {name: mute}]
external_parties:
  - {name: checks-inc, contract_owner: deposits, escalation: help@checks.example}
  - {name: rates-inc, contract_owner: mute}
"""


@pytest.mark.parametrize(
    ("owner", "said"),
    [
        ("deposits", "#deposits"),
        ("mute", None),
        ("checks-inc", "external: ask deposits, #deposits"),
        ("rates-inc", "external: ask mute"),
        ("stranger", None),
        (None, None),
    ],
)
def test_a_party_outside_is_woken_by_its_contract_owner(
    catalog: Callable[[str], Catalog], owner: str | None, said: str | None
) -> None:
    """A team by its own escalation; an external party's is its contract owner's; of the rest nothing is known."""
    assert escalation(owner, catalog(FILE)) == said
