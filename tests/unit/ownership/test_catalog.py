from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from baton import limits
from baton.errors import InputError
from baton.ownership.catalog import EMPTY, Catalog
from baton.ownership.sources import load_catalog
from baton.ownership.teams import Owns

if TYPE_CHECKING:
    from collections.abc import Callable

    from baton.ownership.teams import Owned

WHOLE = """
version: 1
teams:
  - name: trading
    escalation: "#trading-oncall"
    contact: trading@bank.example
    title: Trading platform
    contacts: {lead: A. Person, chat: "#trading"}
    on_call: https://pager.example/trading
    from: 1970-01-02
    until: 1970-02-01
    owns:
      rpc_services: ["bank.trading.*"]
      http_routes: ["/trades*"]
      services: [trade-execution, "wealth-*"]
      namespaces: [wealth]
      channels: [wealth.events, "trade.*"]
      queues: [notify-q]
      attributes: {"app.domain": trading}
  - name: wealth
external_parties:
  - {name: validator, contract_owner: wealth, contact: v@other.example, owns: {services: [check-validation]}}
journey_types:
  - name: trade-confirmation
    steps: [{service: trade-execution}, {service: notification, span: "send*"}]
    entry: {service: wealth-gateway, span: "POST /trades*"}
    owner: wealth
    criticality: critical
    deadline: 30s
  - {name: deposit, entry: {service: deposits}, owner: trading}
channels:
  - {name: wealth.events, deadline: 2s, environment: prod}
  - {name: wealth.events, deadline: 500ms}
services:
  - {name: "promo-*", sampling: tail}
journey_keys: [trade.id]
grouping_keys: [session.id]
"""

TWIN_TYPES = """
teams: [{name: a}]
journey_types:
  - {name: t, entry: {service: s}, owner: a}
  - {name: t, entry: {service: u}, owner: a}
"""


def names(claims: tuple[Owned, ...]) -> tuple[str, ...]:
    """The names that are claimed."""
    return tuple(claim.name for claim in claims)


def test_every_key_is_read(catalog: Callable[[str], Catalog]) -> None:
    """Each key of the format ends in the field of its name, durations as nanoseconds."""
    read = catalog(WHOLE)
    trading, wealth = read.teams
    assert (trading.name, trading.escalation, trading.contact) == ("trading", "#trading-oncall", "trading@bank.example")
    assert names(trading.owns.services) == ("trade-execution", "wealth-*")
    assert (trading.title, trading.contacts) == ("Trading platform", {"lead": "A. Person", "chat": "#trading"})
    assert (trading.on_call, trading.from_ns) == ("https://pager.example/trading", limits.DAY_NS)
    assert names(trading.owns.rpc_services) == ("bank.trading.*",)
    assert names(trading.owns.http_routes) == ("/trades*",)
    assert names(trading.owns.namespaces) == ("wealth",)
    assert names(trading.owns.channels) == ("wealth.events", "trade.*")
    assert names(trading.owns.queues) == ("notify-q",)
    assert [(one.key, one.value) for one in trading.owns.attributes] == [("app.domain", "trading")]
    assert (wealth.escalation, wealth.owns) == (None, Owns())
    (validator,) = read.external_parties
    assert (validator.contract_owner, names(validator.owns.services)) == ("wealth", ("check-validation",))
    assert list(read.owners) == ["trading", "wealth", "validator"]
    confirmation, deposit = read.journey_types
    assert [(step.service, step.span) for step in confirmation.steps] == [
        ("trade-execution", "*"),
        ("notification", "send*"),
    ]
    assert (confirmation.entry.service, confirmation.entry.span) == ("wealth-gateway", "POST /trades*")
    assert (confirmation.owner, confirmation.criticality) == ("wealth", "critical")
    assert confirmation.deadline_ns == 30 * limits.SECOND_NS
    assert (deposit.entry.span, deposit.criticality, deposit.deadline_ns) == ("*", "normal", None)
    assert [(channel.environment, channel.deadline_ns) for channel in read.channels] == [
        ("prod", 2 * limits.SECOND_NS),
        ("*", limits.SECOND_NS // 2),
    ]
    assert [(service.name, service.environment, service.sampling) for service in read.services] == [
        ("promo-*", "*", "tail")
    ]
    assert (read.journey_keys, read.grouping_keys) == (("trade.id",), ("session.id",))


@pytest.mark.parametrize(
    ("team", "claim", "expected"),
    [
        ("", "s", (None, None)),
        ("", "{name: s, from: 1970-01-02}", (1, None)),
        ("from: 1970-01-03, until: 1970-01-09,", "s", (2, 8)),
        ("from: 1970-01-03, until: 1970-01-09,", "{name: s, from: 1970-01-02, until: 1970-01-05}", (2, 4)),
        ("until: 1970-01-09,", "{name: s, from: 1970-01-02T00:00:00Z}", (1, 8)),
        ("from: 1970-01-03,", "{name: s, until: 1970-01-05T02:00:00+02:00}", (2, 4)),
    ],
)
def test_a_teams_dates_narrow_its_claims(
    catalog: Callable[[str], Catalog], team: str, claim: str, expected: tuple[int | None, int | None]
) -> None:
    """A claim holds where both it and its team do; a date is its midnight in UTC, and `until` is no longer in it."""
    for section, written in (("services", f"[{claim}]"), ("attributes", f"{{k: {claim.replace('name', 'value')}}}")):
        owns = catalog(f"teams: [{{name: a, {team} owns: {{{section}: {written}}}}}]").teams[0].owns
        ((_, _, owned),) = owns.claims()
        days = tuple(ns and ns // limits.DAY_NS for ns in (owned.from_ns, owned.until_ns))
        assert days == expected


@pytest.mark.parametrize(
    "written",
    [
        "{k: [v, w], l: x}",
        "{k: [{value: v}, w], l: {value: x}}",
        "[{key: k, value: v}, {key: k, value: w}, {key: l, value: x}]",
    ],
)
def test_attributes_may_be_written_in_three_ways(catalog: Callable[[str], Catalog], written: str) -> None:
    """A mapping to a value or several, each alone or with dates, and a list of keys and values are the same claims."""
    (team,) = catalog(f"teams: [{{name: a, owns: {{attributes: {written}}}}}]").teams
    assert [claim.what for claim in team.owns.attributes] == ["k=v", "k=w", "l=x"]


def test_a_claim_keeps_its_file(catalog: Callable[[str], Catalog], tmp_path: Path) -> None:
    """Whoever explains a decision can name the file."""
    (team,) = catalog("teams: [{name: a, owns: {services: [s], attributes: {k: v}}}]").teams
    assert {(claim.source, claim.origin) for _, _, claim in team.owns.claims()} == {
        (str(tmp_path / "ownership.yaml"), "ownership")
    }


def test_the_empty_catalog_declares_nothing(catalog: Callable[[str], Catalog]) -> None:
    """EMPTY equals a file with nothing but its version, and names no keys of its own."""
    assert catalog("version: 1") == EMPTY
    assert (EMPTY.teams, EMPTY.journey_keys, EMPTY.grouping_keys) == ((), None, None)


def test_scalars_are_names(catalog: Callable[[str], Catalog]) -> None:
    """Unquoted words that YAML 1.1 takes for truth values, numbers or dates stay the names that were written."""
    read = catalog("teams: [{name: no, owns: {services: [007, 2024-01-01], attributes: {tier: 1}}}]")
    assert read.teams[0].name == "no"
    assert names(read.teams[0].owns.services) == ("007", "2024-01-01")
    assert [(one.key, one.value) for one in read.teams[0].owns.attributes] == [("tier", "1")]


@pytest.mark.parametrize(
    ("text", "place", "value", "step"),
    [
        ("", "", "is empty", "write `teams:` into it"),
        ("[]", "", "[]", "write its keys"),
        ("version: 2", "version: ", "'2'", "correct it"),
        ("owners: []", "line 1: owners: ", "[]", "write one of channels, ext"),
        ("teams: [{name: a, servces: [b]}]", "teams[0].servces: ", "['b']", "write one of contact, "),
        ("teams: [{name: a, owns: {services: b}}]", "teams[0].owns.services: ", "'b'", "write [one, two]"),
        ("teams: [{name: a, owns: {services: [b, '']}}]", "teams[0].owns.services[1]: ", "''", "write a name"),
        ("teams: [{name: a, owns: {queues: [{b: c}]}}]", "queues[0].b: ", "'c'", "write one of from, name, until"),
        ("teams: [{name: a, owns: {attributes: {'app.*': b}}}]", "['app.*']", "'app.*'", "write the whole name"),
        ("teams: [{name: a, owns: {attributes: {'app.x': ''}}}]", "attributes['app.x']: ", "''", "write a name"),
        ("teams: [{name: a, escalation: }]", "teams[0].escalation: ", "''", "leave its key out"),
        ('teams: [{name: "a\\e[31m"}]', "teams[0].name: ", r"'a\x1b[31m'", "take them out"),
        ("teams: [{name: ' a'}]", "teams[0].name: ", "' a'", "take them out"),
        ("teams: [{name: unowned}]", "teams[0].name: ", "'unowned'", "name it otherwise"),
        ("teams: [{name: a}, {name: b}, {name: a}]", "teams[2].name: ", "'a'", "already declared at teams[0]"),
        ("teams: [{contact: x}]", "teams[0].name ", "", "is required; write it"),
        ("queues: [{name: q, max: 5}]", "queues[0].max: ", "'5'", "write one of bytes, "),
        ("queues: [{name: q, limit: many}]", "queues[0].limit: ", "'many'", "write 50"),
        ("queues: [{name: q, limit: 99999999999999999999}]", "queues[0].limit: ", "'99999999999999999999'", "write 50"),
        ("queues: [{name: q, ttl: soon}]", "queues[0].ttl: ", "'soon'", 'write "500ms"'),
        ("queues: [{name: q, limit: 5, overflow: drop}]", "queues[0].overflow: ", "'drop'", "'drop-head'"),
        ("queues: [{name: q, overflow: drop-head}]", "queues[0]: ", "{'name': 'q'", "add limit or bytes"),
        ("queues: [{name: q, from: [{key: k}]}]", "queues[0].from[0].exchange ", "", "is required; write it"),
        ("queues: [{name: q}, {name: q}]", "queues[1]: ", "'q, any'", "already declared at queues[0]"),
        (
            "teams: [{name: a}]\njourney_types: [{name: t, entry: {service: s}, owner: b}]",
            "journey_types[0].owner: ",
            "'b'",
            "name one of ['a']",
        ),
        (
            "teams: [{name: a}]\njourney_types: [{name: t, entry: {service: s}, owner: a, deadline: soon}]",
            "journey_types[0].deadline: ",
            "'soon'",
            'write "500ms"',
        ),
        (
            "teams: [{name: a}]\njourney_types: [{name: t, entry: {service: s}, owner: a, criticality: vital}]",
            "journey_types[0].criticality: ",
            "'vital'",
            "'critical', 'high', 'normal' or 'low'",
        ),
        (
            TWIN_TYPES,
            "journey_types[1].name: ",
            "'t'",
            "already declared at journey_types[0]",
        ),
        (
            "channels: [{name: c, deadline: 1s}, {name: c, deadline: 2s}]",
            "channels[1]: ",
            "'c, *'",
            "already declared at channels[0]",
        ),
        ("channels: [{name: c}]", "channels[0].deadline ", "", "is required"),
        ("services: [{name: s, sampling: head}]", "services[0].sampling: ", "'head'", "'tail'"),
        (
            "services: [{name: s, sampling: tail}, {name: s, sampling: tail}]",
            "services[1]: ",
            "'s, *'",
            "already declared at services[0]",
        ),
        ("teams: [{name: a, owns: {servics: [s]}}]", "teams[0].owns.servics: ", "['s']", "did you mean services?"),
        ("teams:\n- name: a\n  owns:\n    chanels: []", "line 4: teams[0].owns.chanels: ", "[]", "mean channels?"),
        ("teams: [{name: a, owns: {services: [{nam: s}]}}]", "services[0].nam: ", "'s'", "did you mean name?"),
        ("teams: [{name: a, owns: {services: [[s]]}}]", "services[0]: ", "['s']", "write a name, or {name"),
        ("teams: [{name: a, owns: {attributes: k}}]", "owns.attributes: ", "'k'", "write {attribute: value}"),
        ("teams: [{name: a, owns: {attributes: {k: [v, '']}}}]", "attributes.k[1]: ", "''", "write a name"),
        ("teams: [{name: a, owns: {attributes: {k: {valu: v}}}}]", "attributes.k.valu: ", "'v'", "did you mean value?"),
        ("teams: [{name: a, from: soon}]", "teams[0].from: ", "'soon'", "write 2026-03-01"),
        ("teams: [{name: a, from: 2026-02-30}]", "teams[0].from: ", "'2026-02-30'", "write 2026-03-01"),
        ("teams: [{name: a, until: 2999-01-01}]", "teams[0].until: ", "'2999-01-01'", "check its year"),
        ("teams: [{name: a, from: 2026-01-02, until: 2026-01-02}]", "teams[0]: ", "{", "correct one of the dates"),
        (
            "teams: [{name: a, until: 2026-01-01, owns: {services: [{name: s, from: 2026-01-01}]}}]",
            "teams[0]: ",
            "{",
            "owns 's' only outside the team's own dates",
        ),
        ("teams: [{name: a, owns: {services: [{name: s, source: x}]}}]", "services[0]: ", "{", "take it out"),
        ("teams: [{name: a, on_call: pager}]", "teams[0].on_call: ", "'pager'", "write https://..."),
        ("teams: [{name: a | b}]", "teams[0].name: ", "'a | b'", "name it otherwise"),
        ("external_parties: [{name: x}]", "external_parties[0].contract_owner ", "", "is required"),
        (
            "teams: [{name: wealth}]\nexternal_parties: [{name: x, contract_owner: welth}]",
            "line 2: external_parties[0].contract_owner: ",
            "'welth'",
            "did you mean 'wealth'?",
        ),
        (
            "teams: [{name: a}]\nexternal_parties: [{name: a, contract_owner: a}]",
            "external_parties[0].name: ",
            "'a'",
            "already declared at teams[0]",
        ),
        (
            "journey_types: [{name: t, entry: {service: s}, owner: a, steps: [{span: x}]}]",
            "steps[0].service ",
            "",
            "required",
        ),
        ("journey_keys: ['trade.*']", "journey_keys[0]: ", "'trade.*'", "write the whole name"),
        ("teams: [{name: a, name: b}]", "line 1, column 19: ", "'name'", "keep one"),
    ],
)
def test_faults_name_place_value_and_step(
    catalog: Callable[[str], Catalog], text: str, place: str, value: str, step: str
) -> None:
    """Every fault is an InputError on one printable line naming the file, the place, the value and the next step."""
    with pytest.raises(InputError) as caught:
        catalog(text)
    message = str(caught.value)
    assert "ownership.yaml: " in message
    assert place in message
    assert value in message
    assert step in message
    assert message.isprintable()


def test_the_first_fault_is_told_and_the_others_counted(catalog: Callable[[str], Catalog]) -> None:
    """Of several faults the message tells the first and says how many follow."""
    with pytest.raises(InputError, match=r"teams\[0\]\.x: .* \(and 2 more faults\)"):
        catalog("teams: [{name: a, x: 1, y: 2, z: 3}]")


def test_a_pattern_has_a_longest_length(catalog: Callable[[str], Catalog]) -> None:
    """A name at the limit is read; one character more is refused, and the message stays short."""
    longest = "s" * limits.NAME_CHARS_MAX
    assert catalog(f"teams: [{{name: {longest}}}]").teams[0].name == longest
    with pytest.raises(InputError, match=f"longer than {limits.NAME_CHARS_MAX}") as caught:
        catalog(f"teams: [{{name: {longest}s}}]")
    assert str(caught.value).count("s") < 2 * limits.TEXT_WIDTH_MAX


def test_the_reference_is_true(catalog: Callable[[str], Catalog]) -> None:
    """The example in docs/ownership.md is a file that loads, and its fault is the message that a slip gives."""
    reference = (Path(__file__).parents[3] / "docs" / "ownership.md").read_text(encoding="utf-8")
    example = reference.split("```yaml\n")[1].split("```")[0]
    assert [team.name for team in catalog(example).teams] == ["trading", "wealth"]
    with pytest.raises(InputError) as caught:
        catalog(example.replace("owner: wealth ", "owner: welth "))
    assert str(caught.value).rpartition("/")[2] in reference


def test_a_missing_file_is_an_input_error(tmp_path: Path) -> None:
    """A path without a file is told with the path and the next step."""
    with pytest.raises(InputError, match=r"none\.yaml: No such file or directory; name a file"):
        load_catalog(tmp_path / "none.yaml")
