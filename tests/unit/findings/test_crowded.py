from __future__ import annotations

from typing import Any

import polars as pl

from baton.findings.crowded import crowded
from baton.findings.occupants import DEPTHS, OCCUPANTS
from baton.findings.replayed import Replayed
from baton.schema import SUBSCRIPTION
from named_owners import NamedOwners
from recording import ns

KEY = ("t", "", "", "ch", "s")


def laid(
    rows: list[tuple[tuple[str | None, ...], int | None]],
    shares: tuple[tuple[str, float], ...] = (),
    held: tuple[tuple[str, str | None, int], ...] = (),
) -> list[dict[str, Any]]:
    """Rows of (key, first receipt) beside a fit for KEY with these shares, and who held it when the first was lost."""
    schema = {**dict.fromkeys(SUBSCRIPTION, pl.String), "first_ns": pl.Int64, "proof": pl.String, "sent_ns": pl.Int64}
    known = [(*key, first, "waiting" if first is None else "received", 0) for key, first in rows]
    frame = pl.DataFrame(known, schema=schema, orient="row").with_row_index("send")
    waits = pl.when(pl.col("first_ns").is_null()).then(pl.lit("waiting")).otherwise(pl.lit("received"))
    frame = frame.with_columns(waits.alias("proof"))
    fit = pl.DataFrame(
        [(*KEY, "own", 30, 49.0, 0.0)],
        schema=[*SUBSCRIPTION, "scope", "survivors", "depth", "depth_iqr"],
        orient="row",
    )
    named = {**dict.fromkeys(SUBSCRIPTION, pl.String), "sender": pl.String, "share": pl.Float64}
    crowd = pl.DataFrame([(*KEY, *share) for share in shares], schema=named, orient="row")
    moments = pl.DataFrame(
        [(*KEY, 0, ns(4))],
        schema={**dict.fromkeys(SUBSCRIPTION, pl.String), "send": pl.UInt32, "moment_ns": pl.Int64},
        orient="row",
    )
    occupants = pl.DataFrame([(*KEY, 0, *one) for one in held], schema=OCCUPANTS, orient="row")
    told = Replayed(fit, moments, crowd, occupants, DEPTHS.to_frame(), {})
    found = crowded(frame, frame, told, NamedOwners(services={"ticks": "market", "trades": "trading"}))
    assert found.height == len(rows)
    return found.to_dicts()


def test_a_fit_and_its_shares_are_laid_beside_their_rows() -> None:
    """Limit, sentence, the largest sender and its team, the loss, the last receipt, how many wait."""
    first, second = laid([(KEY, ns(5)), (KEY, None)], (("ticks", 0.918), ("trades", 0.082)))
    assert (first["depth"], first["depth_iqr"], first["survivors"]) == (49.0, 0.0, 30)
    assert first["shares"] == "the queue then held: ticks 92%, trades 8%"
    assert (first["crowder"], first["crowder_team"]) == ("ticks", "market")
    assert (first["moment_ns"], second["moment_ns"]) == (ns(4), None)
    assert first["last_receipt_ns"] == second["last_receipt_ns"] == ns(5)
    assert laid([(KEY, ns(5)), (KEY, ns(9))])[0]["last_receipt_ns"] == ns(9)
    assert first["waiting"] == second["waiting"] == 1


def test_a_replayed_loss_says_who_held_the_queue_just_then() -> None:
    """Messages by sender, whatever their journeys; of a loss that no replay tells, the subscription's usual shares."""
    held = (("trades", "payment", 1), ("ticks", None, 48), ("trades", None, 1))
    first, second = laid([(KEY, None), (KEY, None)], (("ticks", 0.9), ("trades", 0.1)), held)
    assert first["shares"] == "when it was lost, the queue held 48 messages of ticks, 2 of trades"
    assert second["shares"] == "the queue then held: ticks 90%, trades 10%"


def test_other_subscriptions_get_nothing() -> None:
    """Another channel's rows, and calls (no channel, no subscription), have no fit."""
    rows = laid([(("t", "", "", "other", "s"), ns(1)), (("t", "", None, None, None), None)], (("ticks", 1.0),))
    for row in rows:
        assert [row[name] for name in ("depth", "shares", "crowder")] == [None] * 3
    assert [row["last_receipt_ns"] for row in rows] == [ns(1), None]


def test_the_waiting_of_a_subscription_are_counted() -> None:
    """Its own, and only those that wait."""
    rows = laid([(KEY, ns(5)), (KEY, None), (KEY, None), (("t", "", "", "other", "s"), None)])
    assert [row["waiting"] for row in rows] == [2, 2, 2, 1]


def test_a_fit_without_shares_names_no_crowder() -> None:
    """The queue's limit is known, who held it is not."""
    (row,) = laid([(KEY, None)])
    assert (row["depth"], row["shares"], row["crowder"]) == (49.0, None, None)


def test_an_unknown_crowder_is_unowned() -> None:
    """A sender that no team owns."""
    (row,) = laid([(KEY, None)], (("stranger", 1.0),))
    assert row["crowder_team"] == "unowned"
