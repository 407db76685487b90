"""Steps: what a kind of journey nearly always does next, and which journeys did not.

A step is a journey's entry into a service (`entries`) by service and span name. The one before it is the nearest that
nearly all journeys with it came by.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from baton.journeys.entries import entries
from baton.journeys.outcomes import goes_on, outcomes, telling, valued_by
from baton.limits import (
    DEADLINE_DEFAULT_NS,
    DEADLINE_MARGIN,
    DEADLINE_QUANTILE,
    DURATION_NS_MAX,
    INSTANT_NS_MAX,
    STEP_HANDED_SHARE_MIN,
    STEP_JOURNEYS_MIN,
    STEP_MAIN_SHARE,
    STEP_ORDER_SHARE_MIN,
    STEP_SAMPLE_MAX,
    STEP_STOPS_MIN,
    STEPS_MAX,
)
from baton.schema import EXPECTATIONS, PASSAGES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from baton.looks import Spans

_HOME = ["tenant", "environment"]
_KIND = [*_HOME, "journey"]
_AT = [*_KIND, "service", "name"]
_TO = ["to_service", "to_name"]
_LEARNED = [name for name in EXPECTATIONS.names if name not in ("version", "from_ns", "until_ns")]
_FAILED = 2
"""OTLP's STATUS_CODE_ERROR."""
_NEVER = 62
"""Bits of an Int64 that tell next steps apart; the one behind them is set in none."""


def learn(spans: Spans, journeys: pl.DataFrame, handed: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Which step follows which, how often journeys stop before it all the same, and how long it takes.

    Args:
        spans: SPANS and SIGHTINGS.
        journeys: JOURNEYS with `journey_type`.
        handed: `row` of spans that were reached by a send or a call, `via` (String, the service that made it).
        known: EXPECTATIONS of messages and calls: services that sample are left out.

    Returns:
        EXPECTATIONS of kind step, one row a (step, next step, outcome), without version and window.
    """
    sampling = known.filter("tossed").select(*_HOME, pl.col("services").alias("service"))
    sampling = sampling.explode("service", empty_as_null=False)
    rows, kinds, places = entries(spans, journeys)
    whole = places.join(sampling, on=[*_HOME, "service"], how="anti")
    first = _first(rows.join(whole, on="place").join(kinds, on="kind"))
    first = first.join(handed.unique("row", keep="any"), on="row", how="left")
    first = first.join(_frequent(first), on=_AT, how="semi").sort("start_ns", "row")
    steps = first.partition_by(_AT, as_dict=True)
    ends_ns = _ends_ns(spans)
    learned: list[dict[str, Any]] = []
    for link in _links(first).iter_rows(named=True):
        kind = tuple(link[name] for name in _KIND)
        ahead = steps[(*kind, link["to_service"], link["to_name"])]
        passed = _followed(steps[(*kind, link["service"], link["name"])], ahead)
        deadline_ns = _deadline_ns(passed)
        passed = passed.filter(pl.col("sent_ns").clip(upper_bound=INSTANT_NS_MAX) + deadline_ns <= ends_ns[kind[:2]])
        # A step that came later does not indict what was before it.
        passed = passed.filter(pl.col("sent_ns") >= pl.col("sent_ns").filter(pl.col("went")).min())
        said = outcomes(spans, passed.clear() if passed["went"].all() else passed)
        learned += _learned({**link, "deadline_ns": deadline_ns, "via": _via(ahead)}, passed, said)
    schema = {name: EXPECTATIONS.schema[name] for name in _LEARNED}
    return pl.DataFrame(learned, schema=schema).sort("tenant", "environment", "channel", "subscription")


def passages(spans: Spans, journeys: pl.DataFrame, expectations: pl.DataFrame) -> pl.DataFrame:
    """The journeys that took a step and ended it well, and whether they took the next one.

    Only of steps that enough journeys stopped after to make an episode: on a healthy day there is little to look at.

    Args:
        spans: SPANS and SIGHTINGS.
        journeys: JOURNEYS with `journey_type`.
        expectations: EXPECTATIONS.

    Returns:
        PASSAGES, in the order of time.
    """
    known = expectations.filter(pl.col("kind") == "step")
    if known.is_empty():
        return PASSAGES.empty()
    rows, kinds, places = entries(spans, journeys)
    known = _numbered(_known(known), kinds, places)
    links = known.select("link", "kind", "place", "to_place").unique()
    # Names and outcomes are looked up only for those that stopped, and only then for the others.
    missed = _missed(rows, links)
    if missed.is_empty():
        return PASSAGES.empty()
    stopped = _with_outcome(spans, _first_of(missed), known)
    many = stopped.group_by("step").len().filter(pl.col("len") >= STEP_STOPS_MIN)
    known = known.join(many, on="step", how="semi")
    if known.is_empty():
        return PASSAGES.empty()
    links = links.join(known.select("link").unique(), on="link", how="semi")
    went = _came(rows, links).group_by("link", "key").agg(pl.col("start_ns").min().alias("went_ns"))
    passed = _first_of(_at(rows, links).select("link", "key", "row", "start_ns").collect())
    passed = _with_outcome(spans, passed.join(went.collect(), on=["link", "key"], how="left"), known)
    start_ns = pl.col("start_ns").clip(upper_bound=INSTANT_NS_MAX)
    by_row = journeys if journeys["row"].is_sorted() else journeys.sort("row")
    return (
        passed.with_columns(
            *by_row.select("journey_id", "journey_type")[passed["row"]].get_columns(),
            spans["service_version"].gather(passed["row"]),
            pl.col("row").alias("send"),
            pl.col("start_ns").alias("sent_ns"),
            (start_ns + pl.col("deadline_ns")).alias("deadline_at_ns"),
        )
        .select(PASSAGES.names)
        .cast(PASSAGES.schema)
        .sort("sent_ns", "send", "subscription")
    )


def _ends_ns(spans: Spans) -> dict[tuple[str, str], int]:
    """When the last span of each (tenant, environment) ended."""
    last = spans.rows.group_by("look").agg(pl.col("end_ns").max())
    homes = spans.looks.select(_HOME)[last["look"]].with_columns(last["end_ns"])
    return {(tenant, home): end for tenant, home, end in homes.sort("end_ns").iter_rows()}


def _missed(rows: pl.DataFrame, links: pl.DataFrame) -> pl.DataFrame:
    """`link`, `key`, `row`, `start_ns` of entries after which the journey did not go on, of links with several such."""
    some = rows.filter(_lacking(rows, links))
    # Whoever is looked into may have gone on in another of its traces.
    theirs = rows.join(some.select("key").unique(), on="key", how="semi")
    missed = _at(some, links).join(_came(theirs, links), on=["key", "link"], how="anti")
    many = pl.len().over("link") >= STEP_STOPS_MIN
    return missed.select("link", "key", "row", "start_ns").filter(many).collect()


def _lacking(rows: pl.DataFrame, links: pl.DataFrame) -> pl.Series:
    """Whether some next step is not among those entries of the journey that lie together.

    Spans lie by trace, so nearly every journey's do: where the next steps of all its entries are among them, none was
    left out. The others are looked into.
    """
    # Of each kind of journey the next steps are bits of a number; what has no bit left is never among them.
    number = pl.int_range(pl.len()).over("kind")
    next_ = links.select("kind", "to_place").drop_nulls().unique().filter(number < _NEVER)
    next_ = next_.with_columns(pl.lit(2, dtype=pl.Int64).pow(number).alias("own"))
    at_place = links.join(next_, on=["kind", "to_place"], how="left").group_by("kind", "place")
    bits = at_place.agg(pl.col("own").fill_null(2**_NEVER).bitwise_or().alias("wanted")).join(
        next_.rename({"to_place": "place"}), on=["kind", "place"], how="full", coalesce=True
    )
    at = (pl.col("kind").cast(pl.Int64) * 2**32 + pl.col("place")).alias("at")
    told = rows.select(at).join(bits.select(at, "own", "wanted"), on="at", how="left", maintain_order="left")
    begins = pl.any_horizontal(pl.col(name) != pl.col(name).shift() for name in ("key", "kind"))
    starts = rows.select(begins.fill_null(value=True).arg_true()).to_series().to_numpy()
    own, wanted = (np.bitwise_or.reduceat(told[name].fill_null(0).to_numpy(), starts) for name in ("own", "wanted"))
    return pl.Series(np.repeat(wanted & ~own != 0, np.diff(starts, append=len(rows))))


def _at(rows: pl.DataFrame, links: pl.DataFrame) -> pl.LazyFrame:
    """Entries that took the step of a link and ended it well."""
    return rows.lazy().filter(pl.col("status_code") != _FAILED).join(links.lazy(), on=["kind", "place"])


def _came(rows: pl.DataFrame, links: pl.DataFrame) -> pl.LazyFrame:
    """Entries by which a journey went on from the step of a link."""
    return rows.lazy().join(_ahead(links).lazy(), on=["kind", "place"])


def _first(rows: pl.DataFrame) -> pl.DataFrame:
    """Each step of a journey once: its first entry."""
    return rows.sort("start_ns", "row").unique(["key", "kind", "place"], keep="first", maintain_order=True)


def _first_of(rows: pl.DataFrame) -> pl.DataFrame:
    """Each (link, journey) once."""
    return rows.sort("start_ns", "row").unique(["link", "key"], keep="first", maintain_order=True)


def _frequent(first: pl.DataFrame) -> pl.DataFrame:
    """The most frequent steps of each kind of journey."""
    return (
        first.group_by(_AT)
        .len()
        .filter(pl.col("len") >= STEP_JOURNEYS_MIN)
        .sort("len", "service", "name", descending=[True, False, False])
        .group_by(_KIND, maintain_order=True)
        .head(STEPS_MAX)
    )


def _links(first: pl.DataFrame) -> pl.DataFrame:
    """(step, next step): for each the nearest before it, by which nearly all of its journeys came."""
    number = pl.int_range(pl.len()).over(_KIND)
    sample = (
        first.lazy()
        .unique([*_KIND, "key"], keep="first", maintain_order=True)
        .filter(number % (pl.len().over(_KIND) // STEP_SAMPLE_MAX + 1) == 0)
    )
    some = first.lazy().join(sample, on=[*_KIND, "key"], how="semi")
    some = some.select(*_AT, "key", "start_ns").with_columns(pl.len().over(_AT).alias("journeys"))
    wait_ns = pl.col("start_ns_right") - pl.col("start_ns")
    return (
        some.join(some, on=[*_KIND, "key"])
        .filter(pl.col("service") != pl.col("service_right"))
        .group_by(*_AT, to_service="service_right", to_name="name_right")
        .agg(
            pl.len().alias("both"),
            pl.col("journeys_right").first(),
            (wait_ns >= 0).mean().alias("after"),
            wait_ns.median().alias("wait_ns"),
        )
        .filter(
            (pl.col("both") >= STEP_JOURNEYS_MIN)
            & (pl.col("both") >= STEP_MAIN_SHARE * pl.col("journeys_right"))
            & (pl.col("after") >= STEP_ORDER_SHARE_MIN)
        )
        .sort("wait_ns", "service", "name")
        .unique([*_KIND, *_TO], keep="first", maintain_order=True)
        .select(*_AT, *_TO)
        .sort(*_AT, *_TO)
        .collect()
    )


def _followed(step: pl.DataFrame, ahead: pl.DataFrame) -> pl.DataFrame:
    """`send`, `sent_ns`, `wait_ns` (null where the journey stopped), `went`, of those that ended the step well."""
    return (
        step.filter(pl.col("status_code") != _FAILED)
        .join(ahead.select("key", to_ns="start_ns"), on="key", how="left", maintain_order="left")
        .select(
            pl.col("row").alias("send"),
            pl.col("start_ns").alias("sent_ns"),
            (pl.col("to_ns") - pl.col("start_ns")).clip(0).alias("wait_ns"),
            pl.col("to_ns").is_not_null().alias("went"),
        )
    )


def _deadline_ns(passed: pl.DataFrame) -> int:
    """A margin over the usual wait, as for messages; never under the default."""
    usual_ns = passed["wait_ns"].quantile(DEADLINE_QUANTILE) or 0.0
    return int(min(max(usual_ns * DEADLINE_MARGIN, DEADLINE_DEFAULT_NS), DURATION_NS_MAX))


def _via(ahead: pl.DataFrame) -> list[str] | None:
    """The services that reach the step by a send or a call; None where some came otherwise."""
    via = ahead["via"].drop_nulls()
    return via.unique().sort().to_list() if len(via) >= STEP_HANDED_SHARE_MIN * len(ahead) else None


def _learned(link: dict[str, Any], passed: pl.DataFrame, said: pl.DataFrame) -> Iterator[dict[str, Any]]:
    """A row an outcome after which the journey nearly always goes on."""
    key = telling(passed, said)
    valued = valued_by(passed, said, key)
    for outcome in valued["outcome"].unique().sort():
        part = valued.filter(pl.col("outcome").eq_missing(pl.lit(outcome, dtype=pl.String)))
        found = goes_on(part["went"].to_numpy())
        if found is None:
            continue
        went = part.filter("went")["sent_ns"]
        step = f"{link['journey']}: {_words(link['service'], link['name'], key, outcome)}"
        next_ = f"{link['to_service']} {link['to_name']}"
        yield {
            "kind": "step",
            "tenant": link["tenant"],
            "environment": link["environment"],
            "broker": "",
            "channel": step,
            "subscription": next_,
            "takers": [next_],
            "services": [link["to_service"]],
            "relation": "expected",
            "sends": found.of,
            "pairs": found.of - found.yes,
            "first_ns": went.min(),
            "last_ns": went.max(),
            "deadline_ns": link["deadline_ns"],
            "reorder_ns": 0,
            "processing_ns": 0,
            "tossed": False,
            "step": {
                "journey": link["journey"],
                "service": link["service"],
                "name": link["name"],
                "outcome_key": key,
                "outcome": outcome,
                "to_name": link["to_name"],
                "via": link["via"],
            },
        }


def _words(service: str, name: str, key: str | None, outcome: str | None) -> str:
    if key is None:
        return f"{service} {name}"
    return f"{service} {name} with {key}={outcome}" if outcome else f"{service} {name} without {key}"


def _known(expectations: pl.DataFrame) -> pl.DataFrame:
    """The expectations of steps, numbered, each part of the step a column."""
    known = (
        expectations.select(
            *_HOME,
            "subscription",
            "deadline_ns",
            "first_ns",
            "sends",
            "pairs",
            pl.col("services").list.first().alias("to_service"),
            pl.col("step").alias("_step"),
        )
        .with_row_index("step")
        .unnest("_step")
    )
    said = [_words(*one) for one in known.select("service", "name", "outcome_key", "outcome").iter_rows()]
    return known.with_columns(pl.Series("said", said, dtype=pl.String))


def _numbered(known: pl.DataFrame, kinds: pl.DataFrame, places: pl.DataFrame) -> pl.DataFrame:
    """The expectations whose step occurs here, with `kind`, `place`, `to_place` (null where none is) and `link`."""
    next_ = places.rename({"place": "to_place", "service": "to_service", "name": "to_name"})
    found = (
        known.join(kinds, on="journey")
        .join(places, on=[*_HOME, "service", "name"])
        .join(next_, on=[*_HOME, *_TO], how="left")
    )
    links = found.select("kind", "place", *_TO).unique().sort(pl.all()).with_row_index("link")
    return found.join(links, on=["kind", "place", *_TO])


def _ahead(links: pl.DataFrame) -> pl.DataFrame:
    """(link, kind, place): the next step of a link, and all that come after it: a journey that took one went on."""
    after: dict[tuple[int, int], set[int]] = {}
    for kind, place, to_place in links.select("kind", "place", "to_place").drop_nulls().iter_rows():
        after.setdefault((kind, place), set()).add(to_place)
    rows = [
        (link, kind, place)
        for link, kind, to_place in links.select("link", "kind", "to_place").drop_nulls().iter_rows()
        for place in sorted(_reached(kind, to_place, after))
    ]
    return pl.DataFrame(rows, schema=dict.fromkeys(("link", "kind", "place"), pl.UInt32), orient="row")


def _reached(kind: int, place: int, after: dict[tuple[int, int], set[int]]) -> set[int]:
    """The place and all that come after it."""
    found, pending = {place}, [place]
    while pending:
        pending = [one for here in pending for one in after.get((kind, here), ()) if one not in found]
        found.update(pending)
    return found


def _with_outcome(spans: Spans, passed: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """The (link, journey) whose outcome an expectation names, with what it says."""
    passed = passed.join(known.select("link", "outcome_key").unique(), on="link")
    told = passed.filter(pl.col("outcome_key").is_not_null())
    said = outcomes(spans, told.select(pl.col("row").alias("send")).unique())
    said = said.rename({"send": "row", "key": "outcome_key", "value": "outcome"})
    return (
        passed.join(said, on=["row", "outcome_key"], how="left")
        .with_columns(pl.when(pl.col("outcome_key").is_not_null()).then(pl.col("outcome").fill_null("")))
        .join(known, on=["link", "outcome_key", "outcome"], nulls_equal=True)
        .filter(pl.col("start_ns") >= pl.col("first_ns"))
    )
