from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from baton import limits
from baton.errors import InputError
from baton.ownership.sources import load_catalog

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from baton.ownership.catalog import Catalog

TRADING = """
teams:
  - name: trading
    escalation: "#trading"
    owns: {services: [trade-execution, "trade-*"]}
journey_types: [{name: trade, entry: {service: gateway}, owner: wealth}]
"""
WEALTH = """
teams:
  - {name: wealth, owns: {services: [gateway]}}
  - {name: trading, escalation: "#other", contact: t@bank.example, owns: {queues: [q]}}
"""
BACKSTAGE = """
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: trade-execution}
spec: {type: service, owner: platform}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: ledger}
spec: {type: service, owner: trading}
---
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: {name: trading}
spec: {type: team, children: [], profile: {email: group@bank.example}}
"""


@pytest.fixture
def merged(tmp_path: Path) -> Callable[..., Catalog]:
    """Loads a catalog from files, given as name=text, in the order in which they are given."""

    def load(**files: str) -> Catalog:
        paths = [tmp_path / f"{name}.yaml" for name in files]
        for path, text in zip(paths, files.values(), strict=True):
            path.write_text(text)
        return load_catalog(*paths)

    return load


def services(catalog: Catalog, team: str) -> list[str]:
    """The services that a team claims."""
    return [claim.name for claim in catalog.owners[team].owns.services]


def test_files_add_up(merged: Callable[..., Catalog], tmp_path: Path) -> None:
    """What files say of one team is one team's, and each claim keeps the file that made it."""
    catalog = merged(a=TRADING, b=WEALTH, c=BACKSTAGE)
    trading = catalog.owners["trading"]
    assert [(one.name, one.source, one.origin) for one in trading.owns.services] == [
        ("trade-execution", f"{tmp_path}/a.yaml", "ownership"),
        ("trade-*", f"{tmp_path}/a.yaml", "ownership"),
        ("ledger", f"{tmp_path}/c.yaml", "backstage"),
    ]
    assert [one.name for one in trading.owns.queues] == ["q"]
    assert [kind.owner for kind in catalog.journey_types] == ["wealth"]


def test_what_files_say_otherwise_of_a_team_is_told(merged: Callable[..., Catalog]) -> None:
    """An ownership file's word comes before Backstage's, then the first by name; the note has both."""
    catalog = merged(a=TRADING, b=WEALTH, c=BACKSTAGE)
    trading = catalog.owners["trading"]
    assert (trading.escalation, trading.contact) == ("#trading", "t@bank.example")
    (note,) = [note for note in catalog.notes if "differ about 'trading'" in note]
    assert "escalation by " in note
    assert "says '#other'" in note
    assert "contact by Backstage, which says 'group@bank.example'" in note


def test_one_name_of_two_owners_is_told(merged: Callable[..., Catalog]) -> None:
    """A name that two teams claim is a gray area within one kind of file, and between two a conflict with a winner."""
    both = "teams: [{name: a, owns: {services: [s, t]}}, {name: b, owns: {services: [s, 't*']}}]"
    assert [note.partition(":")[0] for note in merged(a=both).notes] == [
        "gray area, services 's' claimed with equal right"
    ]
    notes = merged(a=TRADING + "  \n", b="teams: [{name: wealth}]", c=BACKSTAGE).notes
    assert any(note.startswith("conflict over services 'trade-execution', won by trading") for note in notes)


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ("services: [{name: s, until: 2026-03-01}]", 0),
        ("services: [{name: s, until: 2026-03-02}]", 1),
        ("queues: [s]", 0),
    ],
)
def test_claims_at_other_times_do_not_overlap(merged: Callable[..., Catalog], other: str, told: int) -> None:
    """One owner until the day from which another has it: no gray area."""
    text = f"teams: [{{name: a, owns: {{services: [{{name: s, from: 2026-03-01}}]}}}}, {{name: b, owns: {{{other}}}}}]"
    assert len(merged(a=text).notes) == told


def test_a_team_may_claim_a_thing_twice(merged: Callable[..., Catalog]) -> None:
    """The same line twice of the same team is read as once, and is no gray area."""
    catalog = merged(a="teams: [{name: a, owns: {services: [s, s]}}]", b="teams: [{name: a}]")
    assert services(catalog, "a") == ["s"]
    assert catalog.notes == ()


def test_what_people_sign_ends_what_backstage_says(merged: Callable[..., Catalog]) -> None:
    """A team's dates hold for what Backstage says that it owns, too."""
    dated = "teams: [{name: trading, until: 1970-01-02, owns: {services: [s]}}, {name: wealth}]"
    claims = merged(a=dated, b=BACKSTAGE).owners["trading"].owns.services
    assert [(claim.name, claim.until_ns) for claim in claims] == [("s", limits.DAY_NS), ("ledger", limits.DAY_NS)]


def test_dates_of_several_files_hold_for_what_each_says(merged: Callable[..., Catalog]) -> None:
    """Where files date a team otherwise, each one's dates narrow its own claims, and it is told."""
    catalog = merged(
        a="teams: [{name: t, until: 1970-01-02, owns: {services: [s]}}]", b="teams: [{name: t, owns: {services: [u]}}]"
    )
    assert [claim.until_ns for claim in catalog.owners["t"].owns.services] == [limits.DAY_NS, None]
    assert any(note.startswith("dates of teams differ") for note in catalog.notes)


def test_a_group_may_be_an_external_party(merged: Callable[..., Catalog]) -> None:
    """A party outside that Backstage calls a group stays outside."""
    text = "teams: [{name: wealth}]\nexternal_parties: [{name: trading, contract_owner: wealth}]"
    catalog = merged(a=text, b=BACKSTAGE)
    assert [party.name for party in catalog.external_parties] == ["trading"]
    assert services(catalog, "trading") == ["ledger"]


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        (
            "channels: [{name: c, deadline: 1s}]",
            "\nchannels: [{name: c, deadline: 2s}]",
            "b.yaml: line 2: channels[0]: 'c' is declared",
        ),
        ("journey_keys: [a]", "journey_keys: [b]", "b.yaml: line 1: journey_keys: ('b',) is declared otherwise in "),
        (
            "teams: [{name: a}, {name: x}]",
            "external_parties: [{name: x, contract_owner: a}]",
            "external_parties[0].name: 'x' is one of teams in ",
        ),
        ("teams: [{name: a}]", "teams: [{name: b, owns: {service: [s]}}]", "did you mean services?"),
        ("teams: [{name: a}]", "teams: [{name: b}]\n---\nteams: []", "line 2, column 1: another document begins"),
        ("teams: [{name: a}]", "# nothing yet\n", "b.yaml: is empty, and nobody owns anything by it; write `teams:`"),
        ("teams: [{name: a}]", "---\n---\n", "b.yaml: is empty"),
        (
            "teams: [{name: a}]",
            "teams: [{name: a, owns: {services: [\tb]}}",
            "while parsing a flow sequence from line 1",
        ),
    ],
)
def test_a_fault_in_one_refuses_all(merged: Callable[..., Catalog], one: str, other: str, told: str) -> None:
    """However sound the other file, nothing is taken of either; the message names file and line."""
    with pytest.raises(InputError) as caught:
        merged(a=one, b=other)
    assert told in str(caught.value)
    assert str(caught.value).isprintable()


def test_what_two_files_declare_alike_is_declared_once(merged: Callable[..., Catalog]) -> None:
    """The same channel with the same deadline in two files is no fault."""
    text = "channels: [{name: c, deadline: 1s}]\njourney_keys: [a]"
    assert len(merged(a=text, b=text + "\n").channels) == 1


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.permutations(["a", "b", "c", "d"]))
def test_the_order_of_files_changes_nothing(merged: Callable[..., Catalog], names: list[str]) -> None:
    """However the files are given, the catalog is the same, its notes too."""
    texts = {"a": TRADING, "b": WEALTH, "c": BACKSTAGE, "d": "channels: [{name: c, deadline: 1s}]"}
    assert merged(**{name: texts[name] for name in names}) == merged(**texts)
