"""Names and owners told to the rows: who sent, who should have received, whose the channel is."""

from __future__ import annotations

import polars as pl

from baton.schema import SEVERAL, UNOWNED

TOLD = ("from_team", "from_service", "to_service", "to_team", "channel_team")
"""Columns that `told` adds."""


def told(
    rows: pl.DataFrame,
    teams: pl.Series,
    services: dict[str, str],
    channels: dict[str, str],
    queues: dict[str, str],
) -> pl.DataFrame:
    """Adds `from_service`, `from_team`, `to_service`, `to_team` and `channel_team`.

    Args:
        rows: judged rows with `send`, `row` (the receipt's, null without one), `receiver`, `services`, and of messages
            `channel`, `queue`, `place`.
        teams: of all spans, each at its row.
        services: service -> team, by the ownership file.
        channels: channel -> team.
        queues: queue, or place as the receiver says it -> team.

    Returns:
        The rows. Of several possible receivers all are named, joined by " | ".
    """
    told = rows.select(
        teams.gather(rows["send"]).alias("from_team"),
        pl.col("service").alias("from_service"),
        pl.col("receiver").alias("to_service"),
        teams.gather(rows["row"]).alias("to_team"),
        pl.coalesce(
            _owned("queue", queues),
            _owned("place", queues),
            _owned("channel", channels),
            pl.when(pl.col("channel").is_not_null()).then(pl.lit(UNOWNED)),
        ).alias("channel_team"),
    )
    unseen = told["to_service"].is_null() | told["to_team"].is_null()
    if not unseen.any():
        return rows.hstack(told)
    # Lists are read for these few alone.
    possible = _possible(rows.select("send", "subscription", "row", "services").filter(unseen), services)
    places = unseen.arg_true()
    for name in possible.columns:
        known = told[name].filter(unseen)
        told = told.with_columns(told[name].scatter(places, known.zip_with(known.is_not_null(), possible[name])))
    return rows.hstack(told)


def _possible(unseen: pl.DataFrame, services: dict[str, str]) -> pl.DataFrame:
    """`to_service`, `to_team`: whoever may have received each of these rows."""
    by_service = pl.DataFrame(
        {"services": list(services), "to_team": list(services.values())},
        schema={"services": pl.String, "to_team": pl.String},
    )
    key = ["send", "subscription"]
    teams = (
        unseen.filter(pl.col("row").is_null())
        .select(*key, "services")
        .explode("services")
        .join(by_service, on="services")
        .group_by(key)
        .agg(pl.col("to_team").unique().sort().str.join(SEVERAL))
    )
    named = unseen.select(*key, pl.col("services").list.join(SEVERAL).alias("to_service"))
    return named.join(teams, on=key, how="left", nulls_equal=True, maintain_order="left").drop(key)


def _owned(names: str, owners: dict[str, str]) -> pl.Expr:
    known = {name: team for name, team in owners.items() if team != UNOWNED}
    if not known:
        return pl.lit(None, dtype=pl.String)
    return pl.col(names).replace_strict(known, default=None, return_dtype=pl.String)
