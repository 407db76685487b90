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
    assert specificity("queue[1") == specificity("queue") == specificity("queue[]") == specificity("queue[!]")
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


def rule(kind: str, pattern: str, team: str, origin: str = "ownership", **dates: int) -> Rule:
    """A rule with one pattern."""
    return Rule(kind, (pattern,), team, origin, **dates)  # type: ignore[arg-type]


def test_parts_of_a_service_come_before_it() -> None:
    """Attribute, RPC service, HTTP route, service, namespace, telemetry: each decides once those before it are gone."""
    facts = [
        ("attribute", "k", "v"), ("rpc_service", "r"), ("http_route", "/r"), ("service", "s"), ("namespace", "n"),
        ("telemetry", "service.owner", "t"),
    ]  # fmt: skip
    rules = Rules([Rule(fact[0], fact[1:], fact[0]) for fact in facts if fact[0] != "telemetry"])
    for place, (kind, *_) in enumerate(facts):
        assert rules.explain(*facts[place:]).owner == ("t" if kind == "telemetry" else kind)


def test_of_equal_rules_the_ownership_file_comes_before_backstage() -> None:
    """Decided, and a conflict that tells the one that lost; a more specific rule of Backstage still wins."""
    rules = Rules([rule("service", "s", "a"), rule("service", "s", "b", "backstage"), rule("service", "s*", "c")])
    decision = rules.explain(("service", "s"))
    assert (decision.owner, decision.gray, [str(one) for one in decision.conflicts]) == ("a", False, ["service s -> b"])
    assert "ownership.yaml comes before Backstage" in decision.why
    other = Rules([rule("service", "s*", "a"), rule("service", "s", "b", "backstage")]).explain(("service", "s"))
    assert (other.owner, other.conflicts) == ("b", ())


def test_sources_that_agree_are_no_conflict() -> None:
    """The same owner by two sources, and by telemetry, leaves nothing to tell."""
    rules = Rules([rule("service", "s", "a"), rule("service", "s", "a", "backstage")])
    decision = rules.explain(("service", "s"), ("telemetry", "service.owner", "a"))
    assert (decision.owner, decision.conflicts) == ("a", ())


def test_two_of_backstage_are_a_gray_area_only_where_they_win() -> None:
    """A tie below the source that decides is none; both that lost are conflicts."""
    two = [rule("service", "s", "b", "backstage"), rule("service", "s", "c", "backstage")]
    assert Rules(two).explain(("service", "s")).gray
    decision = Rules([*two, rule("service", "s", "a")]).explain(("service", "s"))
    assert (decision.owner, decision.gray, len(decision.conflicts)) == ("a", False, 2)


def test_telemetry_is_held_against_what_files_say_of_the_service_as_a_whole() -> None:
    """A route of another team's is no contradiction; nor is one that no file says anything of."""
    rules = Rules([rule("service", "s", "a"), rule("http_route", "/r", "b")])
    word = ("telemetry", "service.owner", "a")
    assert rules.explain(("service", "s"), ("http_route", "/r"), word).conflicts == ()
    assert rules.explain(("service", "x"), ("http_route", "/r"), word).conflicts == ()
    (conflict,) = rules.explain(("service", "s"), ("telemetry", "service.owner", "c")).conflicts
    assert str(conflict) == "telemetry service.owner=c -> c"


def test_a_rule_holds_from_its_first_instant_to_before_its_last() -> None:
    """What would match and does not hold is told apart, and decides nothing."""
    rules = Rules([rule("service", "s", "a", from_ns=10, until_ns=20), rule("service", "s", "b", from_ns=20)])
    owners = {at: rules.explain(("service", "s"), at_ns=at).owner for at in (9, 10, 19, 20)}
    assert owners == {9: UNOWNED, 10: "a", 19: "a", 20: "b"}
    assert rules.cuts == (10, 20)
    decision = rules.explain(("service", "s"), at_ns=9)
    assert [one.claimant for one in decision.lapsed] == ["a", "b"]
    assert decision.why == "no rule that matches it holds at that time"


SAID = "telemetry service.owner=b"


@pytest.mark.parametrize(
    ("rules", "facts", "why"),
    [
        ([], [("service", "s")], "no rule matches it"),
        ([rule("service", "s", "a")], [("service", "s")], "the only owner that any rule names: service s -> a"),
        (
            [rule("service", "s", "a"), rule("service", "s", "b")],
            [("service", "s")],
            "a gray area: 2 rules of equal rank in ownership.yaml name a and b",
        ),
        (
            [rule("service", "s", "a"), rule("service", "s*", "b")],
            [("service", "s")],
            "an exact name comes before a glob: service s -> a before service s* -> b",
        ),
        (
            [rule("service", "st*", "a"), rule("service", "s*", "b")],
            [("service", "st")],
            "the glob with more literal characters comes first (2 and 1): service st* -> a before service s* -> b",
        ),
        (
            [rule("http_route", "/r", "a"), rule("service", "s", "b")],
            [("http_route", "/r"), ("service", "s")],
            "by HTTP route comes before by service: http_route /r -> a before service s -> b",
        ),
        (
            [rule("namespace", "n", "a")],
            [("namespace", "n"), ("telemetry", "service.owner", "b")],
            f"what a file says comes before what telemetry says of itself: namespace n -> a before {SAID} -> b",
        ),
    ],
)
def test_why_is_one_sentence(rules: list[Rule], facts: list[tuple[str, ...]], why: str) -> None:
    """What decided, with the rule that nearly did."""
    assert Rules(rules).explain(*facts).why == why


ORIGINS = st.sampled_from(["ownership", "backstage"])
ANY = st.lists(
    st.builds(
        Rule,
        st.sampled_from(["service", "namespace", "http_route", "rpc_service"]),
        st.tuples(PATTERNS),
        st.sampled_from(["red", "green", "blue"]),
        ORIGINS,
    ),
    max_size=8,
)


@given(ANY, st.permutations(["service", "namespace", "http_route", "rpc_service"]), WORDS, st.data())
def test_order_decides_nothing(rules: list[Rule], kinds: list[str], word: str, data: st.DataObject) -> None:
    """However the rules of several files and the facts of a thing are put in order, the decision is the same."""
    facts = [(kind, word) for kind in kinds]
    one = Rules(rules).explain(*facts)
    other = Rules(data.draw(st.permutations(rules))).explain(*sorted(facts))
    assert (one.claimants, one.gray, set(one.conflicts)) == (other.claimants, other.gray, set(other.conflicts))
    # By the law, read slowly: the best of those that match.
    matching = [one for one in rules if fnmatch.fnmatchcase(word, one.patterns[0])]
    order = ["namespace", "service", "http_route", "rpc_service"]
    best = max(
        ((order.index(one.kind), specificity(one.patterns[0]), one.origin == "ownership") for one in matching),
        default=None,
    )
    winners = {
        one.claimant
        for one in matching
        if (order.index(one.kind), specificity(one.patterns[0]), one.origin == "ownership") == best
    }
    assert set(one.claimants) == winners
