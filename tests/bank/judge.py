"""Baton's judgement of a bank, through its front door, held against the truth."""

from __future__ import annotations

import math
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bank.messages import LOST, PARKED, RETRIED, TAKEN
from bank.telemetry import SECOND, START
from baton.analysis import analyze, expect, pair_up
from baton.journal.record import Record
from baton.ownership import catalog as ownership
from baton.ownership.sources import load_catalog
from baton.schema import JOURNEY_KEYS
from baton.wire.decode import decode
from baton.wire.otlp_json import to_protobuf

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bank.messages import Fate, Message
    from bank.world import Bank

LONG_AFTER = 1_000_000.0
"""Seconds: when nothing is pending any more."""

_ASKED = ("kind", "span_id", "to_service", "verdict", "cause", "confidence", "disposition", "held_at", "evidence")
Row = dict[str, Any]


def judged(bank: Bank, moment: float = math.inf) -> list[Row]:
    """Public rows of what has reached Baton by a moment (seconds), judged then; learned from nothing else."""
    return judged_together([bank], moment)[0]


def judged_together(banks: Sequence[Bank], moment: float = math.inf) -> list[list[Row]]:
    """Each bank's rows, as of `judged`: all lie in one store, each a tenant, and no other's spans say anything of it.

    Args:
        banks: those that one ownership file speaks of.
        moment: as of `judged`.
    """
    records = [
        Record(START + int(arrives * SECOND), str(number), to_protobuf(body))
        for number, bank in enumerate(banks)
        for arrives, body in bank.telemetry.requests(moment)
    ]
    (owners,) = {bank.owners for bank in banks}
    catalog = _catalog(owners)
    as_of_ns = START + int(min(moment, LONG_AFTER) * SECOND)
    paired = pair_up(decode(records).lazy(), catalog, as_of_ns)
    handoffs = analyze(paired, expect(paired), catalog, JOURNEY_KEYS, as_of_ns).handoffs
    return [handoffs.filter(tenant=str(number)).select(_ASKED).to_dicts() for number in range(len(banks))]


def _catalog(text: str) -> Any:  # noqa: ANN401
    if not text:
        return ownership.EMPTY
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "ownership.yaml"
        file.write_text(text)
        return load_catalog(file)


@dataclass(slots=True)
class Score:
    """One judgement of one bank.

    Attributes:
        copies: messages times the queues that were to have them.
        lost: of those whose send Baton has seen, truly lost.
        accused: rows that say `dropped`.
        proven: of them those that speak the truth.
        found: lost ones called dropped.
        right, unnamed, wrong: causes of the found: the true one, `unknown` (or, of what a queue refused,
            `publish_failed`), another.
        unobserved: rows that say so.
        rows: rows of messages.
        fitting: copies with a verdict that fits their truth.
        judged: copies whose send Baton has seen.
        false: accusations of the innocent, as sentences.
        astray: other verdicts that do not fit, counted: (truth, verdict, cause).
        causes: of the found: (true cause, the row's).
    """

    copies: int = 0
    lost: int = 0
    accused: int = 0
    proven: int = 0
    found: int = 0
    right: int = 0
    unnamed: int = 0
    wrong: int = 0
    unobserved: int = 0
    rows: int = 0
    fitting: int = 0
    judged: int = 0
    false: list[str] = field(default_factory=list)
    astray: Counter[tuple[str, str, str | None]] = field(default_factory=Counter)
    causes: Counter[tuple[str | None, str | None]] = field(default_factory=Counter)

    @property
    def precision(self) -> float:
        """Of the accusations, the share that is true; 1 without any."""
        return self.proven / self.accused if self.accused else 1.0

    @property
    def recall(self) -> float:
        """Of the lost, the share found; 1 where nothing was lost."""
        return self.found / self.lost if self.lost else 1.0


def score(bank: Bank, rows: list[Row], *, blind: bool = False) -> Score:
    """Holds rows against the truth.

    Args:
        bank: the truth.
        rows: of `judged`.
        blind: spans cannot know of its losses: `unobserved` is what fits.
    """
    by_send: dict[str, list[Row]] = {}
    for row in rows:
        by_send.setdefault(row["span_id"], []).append(row)
    total = Score(rows=len(rows), unobserved=sum(row["verdict"] == "unobserved" for row in rows))
    meant: dict[int, Fate] = {}
    for message in bank.messages:
        total.copies += len(message.fates)
        for fate in message.fates if message.context and message.context.seen else ():
            row = _row_of(fate, by_send.get(message.context.id, []))
            if row is not None and (id(row) not in meant or fate.what in (LOST, PARKED)):
                meant[id(row)] = fate
            _told(total, fate, row, blind=blind)
    for row in rows:
        _accusation(total, bank, row, meant.get(id(row)))
    total.lost += len(bank.others)
    return total


def _told(total: Score, fate: Fate, row: Row | None, *, blind: bool) -> None:
    """Counts what is said of one message to one queue."""
    verdict, cause = (row["verdict"], row["cause"]) if row else ("none", None)
    total.judged += 1
    total.lost += fate.what == LOST
    if fate.what == LOST and verdict == "dropped":
        total.found += 1
        total.causes[fate.why, cause] += 1
        total.right += cause == fate.why
        # Of a refused publish the sender's word is true, and not the whole truth.
        total.unnamed += cause != fate.why and cause in ("unknown", "publish_failed")
        total.wrong += cause not in (fate.why, "unknown", "publish_failed")
    if verdict in fitting(fate, blind=blind):
        total.fitting += 1
    else:
        total.astray[f"{fate.what} {fate.why or ''}".strip(), verdict, cause] += 1


def _accusation(total: Score, bank: Bank, row: Row, fate: Fate | None) -> None:
    """Counts a row that says `dropped`, true or false; and one that calls stuck what was meant for nobody there."""
    if row["verdict"] == "stuck" and row["kind"] == "message" and fate is None:
        total.astray["not meant for it", "stuck", row["cause"]] += 1
    if row["verdict"] != "dropped":
        return
    total.accused += 1
    other = bank.others.get(row["span_id"])
    if other is not None:
        total.found += 1
        total.causes[other, row["cause"]] += 1
        total.right += row["cause"] == other
        total.wrong += row["cause"] != other
    if other is not None or (fate is not None and fate.what in (LOST, PARKED)):
        total.proven += 1
    else:
        total.false.append(_sentence(bank, row))


def _row_of(fate: Fate, rows: list[Row]) -> Row | None:
    """The row of a message's handoff to that queue's receivers, else the one to nobody known."""
    named = [row for row in rows if row["to_service"] and fate.receivers & set(row["to_service"].split(" | "))]
    unnamed = [row for row in rows if row["to_service"] is None]
    # Several rows to the same receivers: an onward hop beside the usual one.
    return min(named, key=_worst, default=None) or min(unnamed, key=_worst, default=None)


def _worst(row: Row) -> bool:
    return row["verdict"] != "dropped"


def fitting(fate: Fate, *, blind: bool) -> set[str]:
    """The verdicts that fit a fate, long after."""
    if fate.what == TAKEN:
        if blind:
            return {"delivered", "unobserved"}
        return {"delivered"} if fate.receipts and fate.receipts[-1].seen else {"unobserved"}
    if fate.what == LOST:
        return {"unobserved", "dropped"} if blind else {"dropped"}
    if fate.what == RETRIED:
        return {"retried"}
    if fate.what == PARKED:
        return {"dropped", "unobserved"}
    return {"stuck", "unobserved", "pending"}


def _sentence(bank: Bank, row: Row) -> str:
    sent: Message | None = next(
        (one for one in bank.messages if one.context and one.context.id == row["span_id"]), None
    )
    truth = (
        "no message"
        if sent is None
        else f"{sent.id} sent at {sent.sent_at:.3f}: "
        + ", ".join(f"{fate.queue} {fate.what} {fate.why or ''} at {fate.at:.3f}" for fate in sent.fates)
    )
    return f"{row['kind']} to {row['to_service']} ({row['cause']}); truth: {truth}; evidence: {row['evidence']}"


def taken_yet_dropped(bank: Bank, rows: list[Row]) -> list[str]:
    """Accusations at a moment of messages that were taken by then, or are later."""
    lost_somewhere = {
        (message.context.id, receiver)
        for message in bank.messages
        if message.context
        for fate in message.fates
        if fate.what in (LOST, PARKED)
        for receiver in fate.receivers or {None}
    }

    def true(row: Row) -> bool:
        receivers = row["to_service"].split(" | ") if row["to_service"] else [None]
        sent = {name for name, _ in lost_somewhere}
        return (
            any((row["span_id"], receiver) in lost_somewhere for receiver in receivers)
            or (row["to_service"] is None and row["span_id"] in sent)
            or row["span_id"] in bank.others
        )

    return [_sentence(bank, row) for row in rows if row["verdict"] == "dropped" and not true(row)]
