"""Names and owners told to the rows: who sent, who should have received, whose the channel is."""

from __future__ import annotations

import polars as pl

from baton.schema import SEVERAL, UNOWNED


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
    by_service = pl.DataFrame(
        {"services": list(services), "to_teams": list(services.values())},
        schema={"services": pl.String, "to_teams": pl.String},
    )
    possible = (
        rows.filter(pl.col("row").is_null())
        .select("send", "subscription", "services")
        .explode("services")
        .join(by_service, on="services")
        .group_by("send", "subscription")
        .agg(pl.col("to_teams").unique().sort().str.join(SEVERAL))
    )
    channel_team = pl.coalesce(
        _owned(pl.col("queue"), queues),
        _owned(pl.col("place"), queues),
        _owned(pl.col("channel"), channels),
        pl.when(pl.col("channel").is_not_null()).then(pl.lit(UNOWNED)),
    )
    return (
        rows.with_columns(
            teams.gather(rows["send"]).alias("from_team"), teams.gather(rows["row"]).alias("receiver_team")
        )
        .join(possible, on=["send", "subscription"], how="left", nulls_equal=True)
        .with_columns(
            pl.col("service").alias("from_service"),
            pl.coalesce("receiver", pl.col("services").list.join(SEVERAL)).alias("to_service"),
            pl.coalesce("receiver_team", "to_teams").alias("to_team"),
            channel_team.alias("channel_team"),
        )
        .drop("receiver_team", "to_teams")
    )


def _owned(names: pl.Expr, owners: dict[str, str]) -> pl.Expr:
    known = {name: team for name, team in owners.items() if team != UNOWNED}
    return names.replace_strict(known, default=None, return_dtype=pl.String)
