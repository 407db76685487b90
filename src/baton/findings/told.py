"""Names and owners told to the rows: who sent, who should have received, whose the channel is."""

from __future__ import annotations

from typing import Protocol

import polars as pl

from baton.schema import SEVERAL, UNOWNED

TOLD = ("from_team", "from_service", "to_service", "to_team", "channel_team")
"""Columns that `told` adds."""


class Owners(Protocol):
    """Who owns names, each at its time; null where nobody does. `ownership.named.Owners` is one."""

    def of_services(self, named: pl.DataFrame) -> pl.Series:
        """Of services: `tenant`, `environment`, `name` (String), `at_ns` (Int64) -> String."""

    def of_channels(self, named: pl.DataFrame) -> pl.Series:
        """Of channels: `name`, `at_ns` -> String."""

    def of_queues(self, named: pl.DataFrame) -> pl.Series:
        """Of queues, or places as receivers say them: `name`, `at_ns` -> String."""


def told(rows: pl.DataFrame, teams: pl.Series, owners: Owners) -> pl.DataFrame:
    """Adds `from_service`, `from_team`, `to_service`, `to_team` and `channel_team`.

    A sender and a receiver are of the team that its span is of, by the span's own time; whoever was to receive, and
    the channel, of the one that owned them when it was sent.

    Args:
        rows: judged rows with `send`, `row` (the receipt's, null without one), `tenant`, `environment`, `sent_ns`,
            `receiver`, `services`, and of messages `channel`, `queue`, `place`.
        teams: of all spans, each at its row.
        owners: of services, channels and queues.

    Returns:
        The rows. Of several possible receivers all are named, joined by " | ".
    """
    told = rows.select(
        teams.gather(rows["send"]).alias("from_team"),
        pl.col("service").alias("from_service"),
        pl.col("receiver").alias("to_service"),
        teams.gather(rows["row"]).alias("to_team"),
        pl.coalesce(
            owners.of_queues(_named(rows, "queue")),
            owners.of_queues(_named(rows, "place")),
            owners.of_channels(_named(rows, "channel")),
            pl.when(pl.col("channel").is_not_null()).then(pl.lit(UNOWNED)),
        ).alias("channel_team"),
    )
    unseen = told["to_service"].is_null() | told["to_team"].is_null()
    if not unseen.any():
        return rows.hstack(told)
    # Lists are read for these few alone.
    read = ("send", "subscription", "row", "services", "tenant", "environment", "sent_ns")
    possible = _possible(rows.select(read).filter(unseen), owners)
    places = unseen.arg_true()
    for name in possible.columns:
        known = told[name].filter(unseen)
        told = told.with_columns(told[name].scatter(places, known.zip_with(known.is_not_null(), possible[name])))
    return rows.hstack(told)


def _named(rows: pl.DataFrame, column: str) -> pl.DataFrame:
    return rows.select(pl.col(column).alias("name"), pl.col("sent_ns").alias("at_ns"))


def _possible(unseen: pl.DataFrame, owners: Owners) -> pl.DataFrame:
    """`to_service`, `to_team`: whoever may have received each of these rows."""
    key = ["send", "subscription"]
    each = unseen.filter(pl.col("row").is_null()).explode("services").drop_nulls("services")
    named = each.select("tenant", "environment", pl.col("services").alias("name"), pl.col("sent_ns").alias("at_ns"))
    teams = (
        each.with_columns(owners.of_services(named).fill_null(UNOWNED).alias("to_team"))
        .group_by(key)
        .agg(pl.col("to_team").unique().sort().str.join(SEVERAL))
    )
    named = unseen.select(*key, pl.col("services").list.join(SEVERAL).alias("to_service"))
    return named.join(teams, on=key, how="left", nulls_equal=True, maintain_order="left").drop(key)
