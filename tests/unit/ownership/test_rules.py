from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton.ownership.catalog import EMPTY, Catalog
from baton.ownership.rules import Decision, Rule, Rules, compile_rules, gray_areas, specificity
from baton.ownership.teams import Owned, Owns, Team
from baton.schema import UNOWNED

if TYPE_CHECKING:
    from collections.abc import Callable

WORDS = st.text("ab-", max_size=4)
PATTERNS = st.text("ab-*?[]!", min_size=1, max_size=4)
SERVICE_RULES = st.builds(Rule, st.just("service"), st.tuples(PATTERNS), st.sampled_from(["red", "green", "blue"]))
NAMESPACE_RULES = st.builds(Rule, st.just("namespace"), st.tuples(PATTERNS), st.sampled_from(["red", "green", "blue"]))
RULES = st.lists(SERVICE_RULES | NAMESPACE_RULES, max_size=8)


@pytest.mark.parametrize(
    ("less", "more"),
    [
        ("*", "a*"),
        ("a*", "ab*"),
        ("*", "?a"),
        ("a[bc]*", "abc*"),
        ("abcdefgh*", "a"),
    ],
)
def test_specificity_orders_patterns(less: str, more: str) -> None:
    """An exact pattern outranks every glob; of two globs the one with more literal characters does."""
    assert specificity(less) < specificity(more)


def test_an_open_bracket_is_a_literal() -> None:
    """As in fnmatch, a bracket that never closes is no wildcard: the pattern is exact and matches itself."""
    assert specificity("queue[1") == specificity("queue")
    assert Rules([Rule("queue", ("queue[1",), "ops")]).explain(("queue", "queue[1")).owner == "ops"


@given(PATTERNS, WORDS)
def test_a_rule_matches_as_fnmatch_does(pattern: str, word: str) -> None:
    """A rule's pattern, exact or glob, matches what fnmatchcase matches."""
    found = Rules([Rule("channel", (pattern,), "t")]).explain(("channel", word))
    assert bool(found.matched) == fnmatch.fnmatchcase(word, pattern)


def test_case_counts() -> None:
    """Patterns are case-sensitive on every platform."""
    rules = Rules([Rule("service", ("Pay*",), "pay")])
    assert rules.explain(("service", "Pay-in")).owner == "pay"
    assert rules.explain(("service", "pay-in")).owner == UNOWNED


@pytest.mark.parametrize(
    ("facts", "owner"),
    [
        ([("service", "wealth-api")], "exact"),
        ([("service", "wealth-web")], "glob"),
        ([("service", "wealth-web"), ("namespace", "bank")], "glob"),
        ([("service", "other"), ("namespace", "bank")], "namespace"),
        ([("service", "wealth-api"), ("attribute", "app.domain", "trading")], "attribute"),
        ([("service", "wealth-api"), ("attribute", "app.domain", "trade-x")], "attribute-glob"),
        ([("service", "other"), ("namespace", "else"), ("attribute", "app.domain", "x")], UNOWNED),
        ([("service", "bank")], UNOWNED),
        ([], UNOWNED),
    ],
)
def test_the_most_specific_rule_decides(facts: list[tuple[str, ...]], owner: str) -> None:
    """Attribute over service over namespace; within a kind exact over glob; a fact is met by its own kind only."""
    rules = Rules(
        [
            Rule("namespace", ("bank",), "namespace"),
            Rule("service", ("wealth-*",), "glob"),
            Rule("service", ("wealth-api",), "exact"),
            Rule("attribute", ("app.domain", "trad*"), "attribute-glob"),
            Rule("attribute", ("app.domain", "trading"), "attribute"),
        ]
    )
    assert rules.explain(*facts).owner == owner


def test_a_decision_shows_every_rule_that_matched() -> None:
    """All matching rules are listed, the most specific first, in words; the first decides."""
    rules = Rules(
        [
            Rule("namespace", ("bank",), "c"),
            Rule("service", ("*",), "b"),
            Rule("service", ("pay",), "a"),
            Rule("service", ("pax",), "d"),
            Rule("attribute", ("k", "v*"), "e"),
        ]
    )
    decision = rules.explain(("namespace", "bank"), ("service", "pay"), ("attribute", "k", "v1"))
    assert [str(rule) for rule in decision.matched] == [
        "attribute k=v* -> e",
        "service pay -> a",
        "service * -> b",
        "namespace bank -> c",
    ]
    assert [str(rule) for rule in decision.deciding] == ["attribute k=v* -> e"]
    assert not decision.gray


def test_equal_rank_for_different_teams_is_a_gray_area() -> None:
    """A tie picks nobody, however strong the weaker rules are: the thing is unowned, and the claimants are named."""
    rules = Rules([Rule("service", ("pay*",), "b"), Rule("service", ("*pay",), "a"), Rule("namespace", ("n",), "c")])
    decision = rules.explain(("service", "pay"), ("namespace", "n"))
    assert (decision.owner, decision.claimant, decision.claimants) == (UNOWNED, None, ("a", "b"))
    things = [(("service", "pay"),), (("service", "payment"),), (("service", "other"),)]
    assert gray_areas(rules, things) == [rules.explain(("service", "pay"))]


def test_exact_attributes_that_disagree_are_a_gray_area() -> None:
    """Two exact attribute rules rank the same whatever the length of their values."""
    rules = Rules([Rule("attribute", ("domain", "fx"), "fx"), Rule("attribute", ("tier", "settlement"), "ops")])
    assert rules.explain(("attribute", "domain", "fx"), ("attribute", "tier", "settlement")).claimants == ("fx", "ops")


def test_a_team_agrees_with_itself() -> None:
    """Rules of equal rank for one team, even the same line twice, are no gray area."""
    rules = Rules([Rule("service", ("pay*",), "a"), Rule("service", ("*pay",), "a"), Rule("service", ("pay*",), "a")])
    assert rules.explain(("service", "pay")).owner == "a"
    assert len(rules.explain(("service", "pay")).matched) == 2


@given(RULES.flatmap(lambda rules: st.tuples(st.just(rules), st.permutations(rules))), WORDS, WORDS)
def test_the_order_of_rules_decides_nothing(
    orders: tuple[list[Rule], list[Rule]], service: str, namespace: str
) -> None:
    """Any permutation of the rules gives the same decision, down to the list of matched rules."""
    first, second = (Rules(rules).explain(("service", service), ("namespace", namespace)) for rules in orders)
    assert first == second


@given(st.data(), WORDS, WORDS)
def test_the_order_of_the_file_decides_nothing(data: st.DataObject, service: str, namespace: str) -> None:
    """Teams, and each team's patterns, may stand in any order: every decision stays the same."""
    patterns = st.lists(PATTERNS, max_size=3)
    claimed = data.draw(
        st.fixed_dictionaries({name: st.tuples(patterns, patterns) for name in ("red", "green", "blue")})
    )

    def owned(names: list[str]) -> tuple[Owned, ...]:
        return tuple(Owned(name=name) for name in names)

    def decide(teams: list[str], shuffle: Callable[[list[str]], list[str]]) -> Decision:
        parts = [
            Team(name=name, owns=Owns(services=owned(shuffle(services)), namespaces=owned(shuffle(namespaces))))
            for name in teams
            for services, namespaces in [claimed[name]]
        ]
        return compile_rules(Catalog(teams=tuple(parts))).explain(("service", service), ("namespace", namespace))

    written = decide(list(claimed), list)
    shuffled = decide(data.draw(st.permutations(list(claimed))), lambda names: data.draw(st.permutations(names)))
    assert shuffled == written


@given(st.lists(SERVICE_RULES, max_size=8), WORDS)
def test_a_rule_of_a_weaker_kind_changes_no_owner(rules: list[Rule], service: str) -> None:
    """A namespace rule that matches everything decides only where no service rule matched, gray areas included."""
    facts = (("service", service), ("namespace", "n"))
    before, after = Rules(rules).explain(*facts), Rules([*rules, Rule("namespace", ("*",), "all")]).explain(*facts)
    assert after.owner == (before.owner if before.matched else "all")


def test_every_line_of_the_catalog_becomes_a_rule(catalog: Callable[[str], Catalog]) -> None:
    """Each kind of ownership, the entries and the declared deadlines are matched under their own kind."""
    rules = compile_rules(
        catalog(
            """
            teams:
              - name: t
                owns:
                  {services: [s], namespaces: [n], channels: [c], queues: [q], attributes: {k: v}}
            journey_types: [{name: j, entry: {service: s, span: "POST *"}, owner: t}]
            channels: [{name: c, deadline: 1s}]
            """
        )
    )
    for fact in [("service", "s"), ("namespace", "n"), ("channel", "c"), ("queue", "q"), ("attribute", "k", "v")]:
        assert rules.explain(fact).owner == "t", fact
    assert rules.explain(("entry", "s", "POST /")).claimant == "j"
    assert rules.explain(("deadline", "c", "prod")).claimant == "channels[0]"
    assert rules.attribute_keys == {"k"}
    assert compile_rules(EMPTY).explain(("service", "s")).owner == UNOWNED
