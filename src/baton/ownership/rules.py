"""The rules of a catalog, and the law by which they decide.

A *fact* is what is known of a thing: `("service", "trade-execution")`, `("attribute", "app.domain", "trading")`. A
rule matches a fact of its kind if each of its patterns (exact, or an fnmatch glob, case-sensitive) matches the fact's
word in that position, and if it holds at the time: from its first instant to before its last. Of all rules that match,
one decides:

1. what a file says comes before what telemetry says of itself: people signed the one, and anybody sends the other;
2. by kind, the finer part first: attribute, RPC service, HTTP route, service, namespace (a route and an RPC service are
   parts of a service; where a span bears both, its route is only how the RPC came);
3. pattern by pattern: exact over glob, and of two globs the one with more literal characters;
4. by source: ownership.yaml over Backstage.

Rules that are alike in all of this and speak for different claimants are a gray area: nobody is picked, and it is told.
Where only the source decided, or telemetry names another owner than the files do for the service as a whole, that is a
conflict: it is decided, and told as well. The order of the rules in the file decides nothing.
"""

from __future__ import annotations

import fnmatch
import re
from collections import defaultdict
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from baton import limits
from baton.schema import UNOWNED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from baton.ownership.catalog import Catalog
    from baton.ownership.teams import Claim, Origin

Fact = tuple[str, ...]
"""A kind (attribute, rpc_service, http_route, service, namespace, telemetry, channel, queue, entry, deadline,
sampling), then the words known of it. Of kind telemetry: the resource attribute that names an owner, and its value."""

_ORIGIN_NAME: dict[Origin, str] = {"ownership": "ownership.yaml", "backstage": "Backstage", "telemetry": "telemetry"}
_KIND_RANK = {"attribute": 5, "rpc_service": 4, "http_route": 3, "service": 2, "namespace": 1}
_KIND_NAME = {"rpc_service": "RPC service", "http_route": "HTTP route"}
_WHOLE = ("service", "namespace")
"""Kinds that speak of a service as a whole, as telemetry does."""

# fnmatch's wildcards; a bracket that never closes is a literal.
_WILDCARD = re.compile(r"\[!?+\]?+[^\]]*\]|[*?]")
# What surely is literal at either end of a glob.
_HEAD, _TAIL = re.compile(r"[^*?\[]*"), re.compile(r"[^*?\]]*\Z")


def specificity(pattern: str) -> int:
    """How much a pattern pins down: the literal characters of a glob; of an exact one, more than any glob has."""
    literal = _WILDCARD.sub("", pattern)
    return limits.NAME_CHARS_MAX if literal == pattern else len(literal)


@lru_cache(maxsize=limits.GLOBS_KEPT_MAX)
def _compiled(glob: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(glob))


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the catalog.

    Attributes:
        kind: the kind of fact that it matches.
        patterns: a pattern for each of the fact's words.
        claimant: for what it speaks: a team or external party; a journey type (kind entry); a place in the file (kind
            deadline); a way of sampling (kind sampling).
        origin: what kind of source says so.
        source: the file that says so; empty where none does.
        from_ns: it holds from then on; null: ever since.
        until_ns: it holds no more from then on; null: it holds on.
        rank: the greatest decides; see the law above.
    """

    kind: str
    patterns: tuple[str, ...]
    claimant: str
    origin: Origin = "ownership"
    source: str = ""
    from_ns: int | None = None
    until_ns: int | None = None
    rank: tuple[int, ...] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Rank once: a rule is matched against every name in the store."""
        signed, first = self.origin != "telemetry", self.origin == "ownership"
        rank = (int(signed), _KIND_RANK.get(self.kind, 0), *map(specificity, self.patterns), int(first))
        object.__setattr__(self, "rank", rank)

    def __str__(self) -> str:
        return f"{self.kind} {'='.join(self.patterns)} -> {self.claimant}"

    @property
    def exactness(self) -> tuple[int, ...]:
        """The specificity of each pattern."""
        return self.rank[2:-1]

    def matches(self, words: tuple[str, ...]) -> bool:
        """Whether each pattern matches the word in its position."""
        pairs = zip(self.patterns, self.exactness, words, strict=True)
        return all(
            pattern == word if exact == limits.NAME_CHARS_MAX else _compiled(pattern).match(word) is not None
            for pattern, exact, word in pairs
        )

    def holds(self, at_ns: int) -> bool:
        """Whether it holds at that time."""
        return (self.from_ns is None or self.from_ns <= at_ns) and (self.until_ns is None or at_ns < self.until_ns)


@dataclass(frozen=True, slots=True)
class Decision:
    """Why a thing belongs to whom.

    Attributes:
        facts: what was known of it.
        matched: every rule that matched, that which decides first.
        lapsed: every rule that would have matched and does not hold at that time, in the same order.
    """

    facts: tuple[Fact, ...]
    matched: tuple[Rule, ...]
    lapsed: tuple[Rule, ...] = ()

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

    @property
    def conflicts(self) -> tuple[Rule, ...]:
        """Rules that lost by their source alone, and telemetry that contradicts the files on the service as a whole."""
        if not self.matched or self.matched[0].origin == "telemetry":
            return ()
        whole = [rule for rule in self.matched if rule.kind in _WHOLE]
        owners = {rule.claimant for rule in whole if rule.rank == whole[0].rank}
        return tuple(
            rule
            for rule in self.matched
            if (rule.origin == "telemetry" and owners and rule.claimant not in owners)
            or (self._twin(rule) and rule.claimant not in self.claimants)
        )

    def _twin(self, rule: Rule) -> bool:
        """Whether nothing but its source makes it less than the deciding rules."""
        return rule.rank[:-1] == self.matched[0].rank[:-1] and rule.rank != self.matched[0].rank

    @property
    def why(self) -> str:
        """One sentence: what decided."""
        if not self.matched:
            return "no rule that matches it holds at that time" if self.lapsed else "no rule matches it"
        first = self.matched[0]
        if self.gray:
            named = " and ".join(self.claimants)
            return f"a gray area: {len(self.deciding)} rules of equal rank in {_ORIGIN_NAME[first.origin]} name {named}"
        rest = [rule for rule in self.matched if rule.rank != first.rank]
        # What nearly won tells more than what agrees.
        other = next((rule for rule in rest if rule.claimant != first.claimant), None)
        if other is None:
            return f"the only owner that any rule names: {first}{_said(first)}"
        return f"{_reason(first, other)}: {first}{_said(first)} before {other}{_said(other)}"


def _said(rule: Rule) -> str:
    return f" ({rule.source})" if rule.source else ""


def _reason(first: Rule, other: Rule) -> str:
    """Why the first comes before the other, of rules of different ranks."""
    if first.rank[0] != other.rank[0]:
        return "what a file says comes before what telemetry says of itself"
    if first.kind != other.kind:
        finer, wider = (_KIND_NAME.get(rule.kind, rule.kind) for rule in (first, other))
        return f"by {finer} comes before by {wider}"
    if first.exactness != other.exactness:
        places = zip(first.exactness, other.exactness, strict=True)
        most, less = next((one, two) for one, two in places if one != two)
        if most == limits.NAME_CHARS_MAX:
            return "an exact name comes before a glob"
        return f"the glob with more literal characters comes first ({most} and {less})"
    return f"of rules of equal rank {_ORIGIN_NAME[first.origin]} comes before {_ORIGIN_NAME[other.origin]}"


class _Globs:
    """Rules with a glob in one position, found by what is literal at its ends: names times rules would be too many."""

    def __init__(self) -> None:
        self._by_ends: defaultdict[tuple[int, int], defaultdict[tuple[str, str], list[tuple[str, Rule]]]]
        self._by_ends = defaultdict(lambda: defaultdict(list))

    def add(self, glob: str, rule: Rule) -> None:
        head, tail = _HEAD.match(glob), _TAIL.search(glob)
        ends = (head[0] if head else "", tail[0] if tail else "")
        self._by_ends[len(ends[0]), len(ends[1])][ends].append((glob, rule))

    def matching(self, word: str) -> Iterator[Rule]:
        """Those whose glob matches the word."""
        for (head, tail), rules in self._by_ends.items():
            ends = (word[:head], word[len(word) - tail :] if tail <= len(word) else "")
            yield from (rule for glob, rule in rules.get(ends, ()) if _compiled(glob).match(word))


class Rules:
    """Rules, ready to be matched: exact ones by look-up, globs by their ends.

    Attributes:
        attribute_keys: the attributes that some rule looks at.
        every: each rule once.
        kinds: of facts that some rule looks at.
        cuts: when some rule begins or ends to hold, sorted: between two of them all is as it was.
    """

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._exact: defaultdict[Fact, list[Rule]] = defaultdict(list)
        # By kind and the exact words that lead to the first glob.
        self._globs: defaultdict[Fact, _Globs] = defaultdict(_Globs)
        keys, cuts = set(), set()
        # Each once, in an order that the file does not set.
        self.every = tuple(sorted(set(rules), key=_order))
        for rule in self.every:
            self._add(rule)
            cuts |= {rule.from_ns, rule.until_ns}
            if rule.kind == "attribute":
                keys.add(rule.patterns[0])
        self.attribute_keys = frozenset(keys)
        self.cuts = tuple(sorted(cut for cut in cuts if cut is not None))
        self.kinds = frozenset(kind for kind, *_ in (*self._exact, *self._globs))

    def _add(self, rule: Rule) -> None:
        globs = [at for at, exact in enumerate(rule.exactness) if exact != limits.NAME_CHARS_MAX]
        if globs:
            self._globs[rule.kind, *rule.patterns[: globs[0]]].add(rule.patterns[globs[0]], rule)
        else:
            self._exact[rule.kind, *rule.patterns].append(rule)

    def explain(self, *facts: Fact, at_ns: int = limits.TIME_NS_MAX) -> Decision:
        """Decide on one thing of which these facts are known.

        Args:
            facts: what is known.
            at_ns: when; by default after every date of the catalog.
        """
        found = sorted(
            (rule for fact in facts for rule in self._matching(fact)), key=lambda rule: rule.rank, reverse=True
        )
        matched = tuple(rule for rule in found if rule.holds(at_ns))
        lapsed = tuple(rule for rule in found if not rule.holds(at_ns))
        return Decision(facts, matched, lapsed)

    def _matching(self, fact: Fact) -> Iterator[Rule]:
        kind, *words = fact
        if kind == "telemetry":
            # What an instance says of itself is a rule for it alone.
            yield Rule(kind, tuple(words), words[-1], "telemetry")
        yield from self._exact.get(fact, ())
        for at, word in enumerate(words):
            globs = self._globs.get(fact[: at + 1])
            if globs is not None:
                found = globs.matching(word)
                yield from found if len(words) == 1 else (rule for rule in found if rule.matches(tuple(words)))


def _order(rule: Rule) -> tuple[object, ...]:
    dates = (rule.from_ns or 0, rule.until_ns or limits.TIME_NS_MAX)
    return rule.claimant, rule.kind, rule.patterns, rule.origin, rule.source, *dates


def compile_rules(catalog: Catalog) -> Rules:
    """Every rule that the catalog's teams, journey types, declared deadlines and sampled services make."""
    return Rules([*_owning(catalog), *_entries(catalog), *_deadlines(catalog), *_sampling(catalog)])


def gray_areas(rules: Rules, things: Iterable[tuple[Fact, ...]], at_ns: int = limits.TIME_NS_MAX) -> list[Decision]:
    """Of these things, each given by its facts: the decisions in which rules of equal rank name different claimants."""
    return [decision for facts in things if (decision := rules.explain(*facts, at_ns=at_ns)).gray]


def _owning(catalog: Catalog) -> Iterator[Rule]:
    for owner in catalog.owners.values():
        owns = owner.owns
        named = {
            "service": owns.services,
            "namespace": owns.namespaces,
            "rpc_service": owns.rpc_services,
            "http_route": owns.http_routes,
            "channel": owns.channels,
            "queue": owns.queues,
        }
        for kind, claims in named.items():
            yield from (_rule(kind, (claim.name,), owner.name, claim) for claim in claims)
        yield from (_rule("attribute", (claim.key, claim.value), owner.name, claim) for claim in owns.attributes)


def _rule(kind: str, patterns: tuple[str, ...], owner: str, claim: Claim) -> Rule:
    return Rule(kind, patterns, owner, claim.origin, claim.source, claim.from_ns, claim.until_ns)


def _entries(catalog: Catalog) -> Iterator[Rule]:
    for declared in catalog.journey_types:
        yield Rule("entry", (declared.entry.service, declared.entry.span), declared.name)


def _deadlines(catalog: Catalog) -> Iterator[Rule]:
    for number, channel in enumerate(catalog.channels):
        yield Rule("deadline", (channel.name, channel.environment), f"channels[{number}]")


def _sampling(catalog: Catalog) -> Iterator[Rule]:
    for service in catalog.services:
        yield Rule("sampling", (service.name, service.environment), service.sampling)
