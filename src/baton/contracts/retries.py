"""What a sender does when its sends or calls fail: tries again, and stops for a while.

Both are told of spans that the sender itself has written, so only a sender that samples leaves a doubt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from baton.contracts.outcome import Outcome
from baton.contracts.times import in_words
from baton.limits import PROBES_MAX

if TYPE_CHECKING:
    from baton.contracts.contract import Contract
    from baton.contracts.outcome import Known

_SENDER = ["service", "channel", "routing_key", "attempt"]


def retries(contract: Contract, rows: pl.DataFrame, known: Known) -> Outcome:
    """A send that failed is tried again until it is taken or enough attempts were made, and in time.

    Attempts of a message bear its id, those of a call its parent and name. Where a message has no id, and another send
    of its kind may be its next attempt, nobody is accused. What may still be tried again is left out.
    """
    promised = contract.clauses.retries
    if promised is None:
        raise AssertionError("asked of a contract with retries only")
    sends = rows.unique("send", keep="any")
    tried = sends.filter(pl.col("attempt").is_not_null())
    nameless = sends.filter("failed", pl.col("attempt").is_null()).height
    groups = failed_sends(rows)
    allowed_ns = promised.within_ns
    within = pl.lit(value=False) if allowed_ns is None else pl.col("last_ns") - pl.col("failed_ns") > allowed_ns
    over = pl.lit(value=True) if allowed_ns is None else pl.col("failed_ns") + allowed_ns <= known.as_of_ns
    few = ~pl.col("taken") & ~pl.col("open") & over & (pl.col("attempts") < promised.attempts)
    told = groups.with_columns(few.alias("few"), within.alias("tardy"))
    breaking = told.filter(pl.col("few") | pl.col("tardy"))
    judged, left = told.filter(~pl.col("open") | pl.col("tardy")).height, nameless + told.filter("open").height
    if breaking.height:
        given_up, tardy = breaking.filter("few").height, breaking.filter(~pl.col("few")).height
        said = [f"{given_up:,} were given up before {promised.attempts} attempts"] * (given_up > 0)
        said += [f"{tardy:,} were tried again later than {in_words(allowed_ns or 0)}"] * (tardy > 0)
        first = tried.filter("failed").join(breaking.select(_SENDER), on=_SENDER, how="semi", nulls_equal=True)
        first = first.sort("sent_ns", "send").unique(_SENDER, keep="first", maintain_order=True)
        reason = f"of {judged:,} failed sends, {' and '.join(said)}"
        if first["sampled"].any() and not tardy:
            return Outcome("unproven", f"{reason}, as far as sampled spans tell", "sender", judged, 0, left)
        return Outcome("breached", reason, "sender", judged, breaking.height, left, None, first)
    if not judged:
        why = f"{nameless:,} failed and bear no id that an attempt shares" if nameless else "no send failed"
        return Outcome("unproven", f"{why}: it was not put to the test", "sender", unseen=left)
    return Outcome("holds", f"each of {judged:,} failed sends was tried as promised", "sender", judged, 0, left)


def failed_sends(rows: pl.DataFrame) -> pl.DataFrame:
    """What became of the sends that failed and can be told apart: one row for all attempts of one.

    Args:
        rows: TRAFFIC.

    Returns:
        What attempts share; `failed_ns` (the first that failed began), `attempts` (from it on), `last_ns` (the last of
        them), `taken` (Boolean: one did not fail, or was made good), `open` (Boolean: one more may come).
    """
    since_ns = pl.col("sent_ns").filter("failed").min()
    tried = rows.filter(pl.col("attempt").is_not_null()).unique("send", keep="any")
    return (
        tried.group_by(_SENDER)
        .agg(
            since_ns.alias("failed_ns"),
            (pl.col("sent_ns") >= since_ns).sum().alias("attempts"),
            pl.col("sent_ns").max().alias("last_ns"),
            # By whatever made it good: libraries give each attempt a new message id.
            (~pl.col("failed") | (pl.col("verdict") == "retried")).any().alias("taken"),
            (pl.col("verdict") == "pending").any().alias("open"),
        )
        .filter(pl.col("failed_ns").is_not_null())
        .sort("failed_ns", *_SENDER)
    )


def circuit_breaking(contract: Contract, rows: pl.DataFrame, _known: Known) -> Outcome:
    """After so many failures within a window, an instance starts at most PROBES_MAX more until the pause is over.

    A breaker lives in one process, so each instance is held to its own failures; it trips when the last of them is
    known, at the end of the span. What began before goes on.
    """
    promised = contract.clauses.circuit_breaking
    if promised is None:
        raise AssertionError("asked of a contract with circuit breaking only")
    sends = rows.unique("send", keep="any")
    named = sends.filter(pl.col("instance") != "")
    trips, ignored, breaking = 0, 0, []
    for instance in named.partition_by("service", "instance", *_circuit(named), maintain_order=True):
        starts = instance.sort("sent_ns", "send")
        failed_ns = instance.filter("failed")["sent_end_ns"].sort().to_numpy()
        for tripped_ns in _trips(failed_ns, promised.failures, promised.window_ns, promised.pause_ns):
            trips += 1
            during = starts.filter(
                pl.col("sent_ns").is_between(tripped_ns, tripped_ns + promised.pause_ns, closed="right")
            )
            if during.height > PROBES_MAX:
                ignored += 1
                breaking.append(during)
    if ignored:
        calls = pl.concat(breaking)
        reason = (
            f"{ignored:,} of {trips:,} times {promised.failures} failed within {in_words(promised.window_ns)}, and "
            f"{calls.height:,} were sent all the same in the pauses of {in_words(promised.pause_ns)}"
        )
        return Outcome("breached", reason, "sender", trips, ignored, 0, f"{calls.height:,} sent in a pause", calls)
    if trips and not named["sampled"].any():
        often = "once" if trips == 1 else f"{trips:,} times"
        return Outcome("holds", f"{often} it was to stop, and did", "sender", trips)
    if trips:
        return Outcome("unproven", "spans are sampled: not each send is seen", "sender", trips)
    if named.height < sends.height:
        return Outcome("unproven", "the sender's spans name no instance, and each breaks its own circuit", "sender")
    why = f"never did {promised.failures} fail within {in_words(promised.window_ns)}: it was not put to the test"
    return Outcome("unproven", why, "sender")


def _circuit(sends: pl.DataFrame) -> list[str]:
    """What parts the circuits of one instance: a contract may speak of calls to several services."""
    several = sends.filter(pl.col("kind") == "call")["to_service"].drop_nulls().n_unique() > 1
    return ["to_service"] if several else []


def _trips(failed_ns: np.ndarray, failures: int, window_ns: int, pause_ns: int) -> list[int]:
    """When the circuit was to open, once an outage: while it is open, further failures open nothing."""
    if len(failed_ns) < failures:
        return []
    last = failed_ns[failures - 1 :]
    full = last[last - failed_ns[: len(last)] <= window_ns]
    opened, at = [], 0
    while at < len(full):
        opened.append(int(full[at]))
        at = int(np.searchsorted(full, full[at] + pause_ns, side="right"))
    return opened
