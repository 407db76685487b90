"""The rules of a catalog, and the law by which they decide.

A *fact* is what is known of a thing: `("service", "trade-execution")`, `("attribute", "app.domain", "trading")`. A
rule matches a fact of its kind if each of its patterns (exact, or an fnmatch glob, case-sensitive) matches the fact's
word in that position. Of all rules that match, the most specific decides:

1. by kind: attribute over service over namespace;
2. pattern by pattern: exact over glob, and of two globs the one with more literal characters.

Rules of the same rank that speak for different claimants are a gray area: nobody is picked, and it is told. The order
of the rules in the file decides nothing.
"""

from __future__ import annotations

import fnmatch
import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from baton import limits
from baton.schema import UNOWNED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from baton.ownership.catalog import Catalog

Fact = tuple[str, ...]
"""A kind (attribute, service, namespace, channel, queue, entry, deadline, sampling), then the words known of it."""

_KIND_RANK = {"attribute": 2, "service": 1, "namespace": 0}

# fnmatch's wildcards; a bracket that never closes is a literal.
_WILDCARD = re.compile(r"\[!?\]?[^\]]*\]|[*?]")


def specificity(pattern: str) -> int:
    """How much a pattern pins down: the literal characters of a glob; of an exact one, more than any glob has."""
    literal = _WILDCARD.sub("", pattern)
    return limits.NAME_CHARS_MAX if literal == pattern else len(literal)


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the catalog.

    Attributes:
        kind: the kind of fact that it matches.
        patterns: a pattern for each of the fact's words.
        claimant: for what it speaks: a team; a journey type (kind entry); a place in the file (kind deadline); a way
            of sampling (kind sampling).
        rank: the greatest decides; see the law above.
    """

    kind: str
    patterns: tuple[str, ...]
    claimant: str
    rank: tuple[int, ...] = field(init=False)
    _globs: tuple[re.Pattern[str], ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Rank and compile once: a rule is matched against every name in the store."""
        rank = (_KIND_RANK.get(self.kind, 0), *map(specificity, self.patterns))
        globs = tuple(re.compile(fnmatch.translate(pattern)) for pattern in self.patterns)
        object.__setattr__(self, "rank", rank)
        object.__setattr__(self, "_globs", globs)

    def __str__(self) -> str:
        return f"{self.kind} {'='.join(self.patterns)} -> {self.claimant}"

    @property
    def exact(self) -> bool:
        """Whether no pattern of it is a glob."""
        return all(rank == limits.NAME_CHARS_MAX for rank in self.rank[1:])

    def matches(self, words: tuple[str, ...]) -> bool:
        """Whether each pattern matches the word in its position."""
        return all(glob.match(word) for glob, word in zip(self._globs, words, strict=True))


@dataclass(frozen=True, slots=True)
class Decision:
    """Why a thing belongs to whom.

    Attributes:
        facts: what was known of it.
        matched: every rule that matched, the most specific first.
    """

    facts: tuple[Fact, ...]
    matched: tuple[Rule, ...]

    @property
    def deciding(self) -> tuple[Rule, ...]:
        """The matched rules of the highest rank."""
        return tuple(rule for rule in self.matched if rule.rank == self.matched[0].rank)

    @property
    def claimants(self) -> tuple[str, ...]:
        """For whom the deciding rules speak, sorted: none, one, or the several of a gray area."""
        return tuple(sorted({rule.claimant for rule in self.deciding}))

    @property
    def gray(self) -> bool:
        """Whether several claim it with equal right."""
        return len(self.claimants) > 1

    @property
    def claimant(self) -> str | None:
        """The one for whom the deciding rules speak; null where there is none, or a gray area."""
        return self.claimants[0] if len(self.claimants) == 1 else None

    @property
    def owner(self) -> str:
        """The claimant, else `schema.UNOWNED`."""
        return self.claimant or UNOWNED


class Rules:
    """Rules, ready to be matched: exact ones by look-up, globs one by one.

    Attributes:
        attribute_keys: the attributes that some rule looks at.
    """

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._exact: defaultdict[Fact, list[Rule]] = defaultdict(list)
        self._globs: defaultdict[str, list[Rule]] = defaultdict(list)
        # Each once, in an order that the file does not set.
        for rule in sorted(set(rules), key=lambda rule: (rule.claimant, rule.kind, rule.patterns)):
            if rule.exact:
                self._exact[rule.kind, *rule.patterns].append(rule)
            else:
                self._globs[rule.kind].append(rule)
        exact = (rule for rules in self._exact.values() for rule in rules)
        globs = (rule for rules in self._globs.values() for rule in rules)
        self.attribute_keys = frozenset(rule.patterns[0] for rule in (*exact, *globs) if rule.kind == "attribute")

    def explain(self, *facts: Fact) -> Decision:
        """Decide on one thing of which these facts are known."""
        matched = [rule for fact in facts for rule in self._matching(fact)]
        return Decision(facts, tuple(sorted(matched, key=lambda rule: rule.rank, reverse=True)))

    def _matching(self, fact: Fact) -> Iterator[Rule]:
        yield from self._exact.get(fact, ())
        kind, *words = fact
        yield from (rule for rule in self._globs.get(kind, ()) if rule.matches(tuple(words)))


def compile_rules(catalog: Catalog) -> Rules:
    """Every rule that the catalog's teams, journey types, declared deadlines and sampled services make."""
    return Rules([*_owning(catalog), *_entries(catalog), *_deadlines(catalog), *_sampling(catalog)])


def gray_areas(rules: Rules, things: Iterable[tuple[Fact, ...]]) -> list[Decision]:
    """Of these things, each given by its facts: the decisions in which rules of equal rank name different claimants."""
    return [decision for facts in things if (decision := rules.explain(*facts)).gray]


def _owning(catalog: Catalog) -> Iterator[Rule]:
    for owner in catalog.owners.values():
        owns = owner.owns
        named = {
            "service": owns.services,
            "namespace": owns.namespaces,
            "channel": owns.channels,
            "queue": owns.queues,
        }
        for kind, claims in named.items():
            yield from (Rule(kind, (claim.name,), owner.name) for claim in claims)
        yield from (Rule("attribute", (claim.key, claim.value), owner.name) for claim in owns.attributes)


def _entries(catalog: Catalog) -> Iterator[Rule]:
    for declared in catalog.journey_types:
        yield Rule("entry", (declared.entry.service, declared.entry.span), declared.name)


def _deadlines(catalog: Catalog) -> Iterator[Rule]:
    for number, channel in enumerate(catalog.channels):
        yield Rule("deadline", (channel.name, channel.environment), f"channels[{number}]")


def _sampling(catalog: Catalog) -> Iterator[Rule]:
    for service in catalog.services:
        yield Rule("sampling", (service.name, service.environment), service.sampling)
