"""Drafts: contracts for boundaries that have none, filled with what was measured, for people to tighten and sign.

A clause is drafted only if the same traffic does not breach it; what is left out says why. Figures stand above what was
measured: durations by DRAFT_MARGIN, a share of loss at its upper bound.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from decimal import ROUND_UP, Decimal
from typing import TYPE_CHECKING, Any

import polars as pl
from pydantic import ValidationError

from baton.contracts.check import outcomes
from baton.contracts.contract import Contract
from baton.contracts.retries import failed_sends
from baton.contracts.times import in_words, samples_min, took_ns
from baton.contracts.ways import Ways
from baton.limits import DECLARED_DEADLINE_NS_MAX, DRAFT_CHANCE, DRAFT_MARGIN, DRAFT_SAMPLES_MIN, SECOND_NS
from baton.schema import SEPARATOR, UNOWNED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from baton.contracts.outcome import Known

_BOUNDARY = ["kind", "environment", "service", "channel", "callee"]
_MS_NS = SECOND_NS // 1000
_NAME_CHARS = 200
_ONLY_IF_SEEN = ("confirms", "correlation_id", "idempotent", "dead_letter", "isolation")
"""Clauses that are drafted only where they hold: unproven, they would be a wish."""


@dataclass(slots=True)
class _Draft:
    """A contract in the making: what the file says of it, of each clause the promise and what it was measured on."""

    contract: dict[str, Any]
    clauses: dict[str, Any] = field(default_factory=dict)
    measured: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def say(self, clause: str, promise: object, measured: str) -> None:
        self.clauses[clause], self.measured[clause] = promise, measured


def draft(traffic: pl.DataFrame, contracts: Sequence[Contract], known: Known) -> tuple[str, int]:
    """A contracts.yaml for the boundaries that no contract speaks of, and how many those are.

    Args:
        traffic: TRAFFIC.
        contracts: those that there are.
        known: as of `check.check`.
    """
    index = Ways(traffic)
    called = pl.when(pl.col("kind") == "call").then("to_service").alias("callee")
    bare = index.unspoken(contracts).with_columns(called)
    named = bare.filter(pl.coalesce("channel", "callee").is_not_null())
    taken = {contract.name for contract in contracts}
    blocks, unnamed = [], int(bare["handoffs"].sum()) - int(named["handoffs"].sum())
    for boundary, ways in sorted(named.group_by(_BOUNDARY), key=lambda group: tuple(word or "" for word in group[0])):
        drafted = _drafted(dict(zip(_BOUNDARY, boundary, strict=True)), ways, index, known, taken)
        if drafted is None:
            unnamed += int(ways["handoffs"].sum())
            continue
        blocks.append(drafted)
    return "".join((*_head(traffic, len(blocks), unnamed), *blocks)), len(blocks)


def _head(traffic: pl.DataFrame, count: int, unnamed: int) -> Iterator[str]:
    yield "# Drafted by `baton contracts draft`: what was measured, not what was promised. Tighten it, then sign.\n"
    if traffic.height:
        yield f"# Measured on {traffic.height:,} handoffs sent {_span(traffic)}.\n"
    if unnamed:
        yield f"# {unnamed:,} handoffs are of no boundary that a file can name.\n"
    yield "version: 1\n"
    yield "contracts:\n" if count else "contracts: []\n"


def _drafted(boundary: dict[str, Any], ways: pl.DataFrame, index: Ways, known: Known, taken: set[str]) -> str | None:
    """The text of one contract; null where its names fit in no file."""
    receivers = sorted(set(ways["to_service"].drop_nulls().str.split(SEPARATOR).explode()))
    said: dict[str, Any] = {"name": _name(boundary, taken), "sender": _literal(boundary["service"])}
    if boundary["kind"] == "call":
        said["callee"] = _literal(boundary["callee"])
    else:
        said["channel"] = _literal(boundary["channel"])
        said |= {"receivers": [_literal(one) for one in receivers]} if receivers else {}
    if boundary["environment"]:
        said["environment"] = _literal(boundary["environment"])
    try:
        bare = Contract.model_validate(said)
    except ValidationError:
        return None
    taken.add(bare.name)
    own = index.of(bare)
    parts = own.partition_by("tenant", "environment", maintain_order=True)
    made = _Draft(said)
    for one in (_deadline, _loss, _latency, _retries):
        one(made, parts)
    for clause in _ONLY_IF_SEEN if bare.kind == "message" else ():
        made.say(clause, "true" if clause == "idempotent" else "required", "")
    _prune(made, parts, known)
    return "".join(_text(made, own))


def _deadline(made: _Draft, parts: list[pl.DataFrame]) -> None:
    """The longest that anything took, with a margin; no shorter than the deadline in force, which decided verdicts."""
    took = [_longest(part, took_ns()) for part in parts]
    in_force = pl.when(pl.col("kind") == "message").then(pl.col("deadline_at_ns") - pl.col("sent_ns"))
    due = [_longest(part, in_force) for part in parts]
    longest = max(took)
    if longest > 0:
        count = sum(part["received_ns"].count() for part in parts)
        _say_duration(made, "deadline", max(longest * DRAFT_MARGIN, *due), f"longest of {count:,}: {in_words(longest)}")


def _loss(made: _Draft, parts: list[pl.DataFrame]) -> None:
    """The upper bound of the share that was lost, rounded up to two figures."""
    from scipy.stats import beta  # noqa: PLC0415 - heavy, and only a draft needs it

    bounds, told = [], []
    for part in parts:
        lost = part.filter(pl.col("verdict") == "dropped").height
        count = lost + part.filter(pl.col("verdict").is_in(["delivered", "retried"])).height
        if count >= DRAFT_SAMPLES_MIN and lost < count:
            bounds.append(float(beta.ppf(1 - DRAFT_CHANCE, lost + 1, count - lost)))
            told.append(f"{lost:,} of {count:,} lost")
    if bounds:
        made.say("loss", _percent(max(bounds)), f"{'; '.join(told[:3])}; the upper bound at 95 %")
    else:
        made.left_out["loss"] = f"fewer than {DRAFT_SAMPLES_MIN} were seen to arrive"


def _latency(made: _Draft, parts: list[pl.DataFrame]) -> None:
    """p99 where there are enough to tell it, else p50."""
    took = [part.select(took_ns().drop_nulls()).to_series() for part in parts]
    took = [one for one in took if len(one)]
    least = min((len(one) for one in took), default=0)
    for percentile, share in (("p99", 0.99), ("p50", 0.5)):
        if least >= samples_min(share):
            slowest = max(one.quantile(share, "higher") or 0 for one in took)
            if slowest > 0:
                written = _duration(slowest * DRAFT_MARGIN)
                told = f"{percentile} of {sum(map(len, took)):,}: {in_words(slowest)}"
                made.say("latency", {percentile: written}, told)
            return


def _retries(made: _Draft, parts: list[pl.DataFrame]) -> None:
    """What senders were seen to do, where every send that failed was made good."""
    failed = pl.concat([failed_sends(part) for part in parts])
    if failed.is_empty() or not failed["taken"].all():
        return
    longest = int((failed["last_ns"] - failed["failed_ns"]).max() or 0)  # type: ignore[arg-type]  # of Int64
    attempts = int(failed["attempts"].max() or 0)  # type: ignore[arg-type]  # of whole numbers
    if longest > 0:
        promise = {"attempts": str(attempts), "within": _duration(longest * DRAFT_MARGIN)}
        told = f"all of {failed.height:,} failed sends were made good, the slowest within {in_words(longest)}"
        made.say("retries", promise, told)


def _prune(made: _Draft, parts: list[pl.DataFrame], known: Known) -> None:
    """Takes out what the same traffic breaches, and wishes that nothing shows to hold."""
    contract = Contract.model_validate({**made.contract, "clauses": made.clauses})
    for part in parts:
        for clause, _, outcome in outcomes(contract, part, known):
            kind = clause.split()[0]
            wish = kind in _ONLY_IF_SEEN and outcome.verdict != "holds"
            if outcome.verdict == "breached" or wish:
                made.clauses.pop(kind, None)
                made.left_out[kind] = outcome.reason
            elif kind in _ONLY_IF_SEEN:
                made.measured[kind] = outcome.reason


def _text(made: _Draft, own: pl.DataFrame) -> Iterator[str]:
    """The contract as YAML, each figure with what it was measured on."""
    for number, (key, value) in enumerate(made.contract.items()):
        yield f"{'    ' if number else '  - '}{key}: {_yaml(value)}\n"
    yield f"    # {own.height:,} handoffs, {_span(own)}\n"
    teams = (("sender", "from_team"), ("receiver", "to_team"))
    for side, column in teams:
        owners = sorted(set(own[column].drop_nulls()) - {UNOWNED})
        yield f"    # sign: {side}: {_comment(', '.join(owners[:3]) or 'nobody owns it')}: ____________\n"
    yield "    clauses:\n" if made.clauses else "    clauses: {}\n"
    for clause, promise in made.clauses.items():
        yield f"      {clause}: {_yaml(promise)}" + f"  # {_comment(made.measured[clause])}".rstrip(" #") + "\n"
    for clause, reason in made.left_out.items():
        yield f"      # {clause}: left out: {_comment(reason)}\n"


def _yaml(value: object) -> str:
    """A value in flow style; text in double quotes, which JSON and YAML read alike."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_yaml(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_yaml(one) for one in value) + "]"
    plain = isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_./%-]*", value)
    return value if plain and isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _comment(text: str) -> str:
    """Text of one line: names come from spans, and no line of theirs is to stand outside of the comment."""
    return "".join(character if character.isprintable() else " " for character in text)


def _name(boundary: dict[str, Any], taken: set[str]) -> str:
    """A name of its own for the contract."""
    to = boundary["channel"] if boundary["kind"] == "message" else boundary["callee"]
    words = (boundary["environment"], boundary["service"], to)
    name = "/".join(word for word in words if word)[:_NAME_CHARS].strip()
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name} ({number})"
    return free


def _literal(name: str) -> str:
    """A name as a glob that matches it alone."""
    return re.sub(r"([*?\[])", r"[\1]", name)


def _say_duration(made: _Draft, clause: str, duration_ns: float, told: str) -> None:
    if duration_ns <= DECLARED_DEADLINE_NS_MAX - SECOND_NS:
        made.say(clause, _duration(duration_ns), told)
    else:
        made.left_out[clause] = f"{told}, which is longer than a file may say"


def _duration(duration_ns: float) -> str:
    """A duration as the file writes it, rounded up."""
    ms = max(1, math.ceil(duration_ns / _MS_NS))
    return f"{ms}ms" if ms < 10 * 1000 else f"{math.ceil(ms / 1000)}s"


def _percent(share: float) -> str:
    """A share as the file writes it, rounded up to two figures."""
    percent = Decimal(share) * 100
    step = Decimal(1).scaleb(percent.adjusted() - 1)
    return f"{min(percent.quantize(step, ROUND_UP), Decimal(100)):f}%"


def _longest(rows: pl.DataFrame, expression: pl.Expr) -> int:
    """The largest value, 0 without any."""
    return int(rows.select(expression.max()).item() or 0)


def _span(rows: pl.DataFrame) -> str:
    """From when to when, in UTC."""
    ends = rows.select(pl.col("sent_ns").min().alias("from"), pl.col("sent_ns").max().alias("until")).cast(
        pl.Datetime("ns")
    )
    return " to ".join(ends.select(pl.all().dt.strftime("%Y-%m-%d %H:%M:%S")).row(0)) + " UTC"
