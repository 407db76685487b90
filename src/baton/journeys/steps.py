"""Steps: what a kind of journey nearly always does next, and which journeys did not.

A step is a service's entry span (a call answered, a message received, or a root) by service and name. The one
before it is the nearest that nearly all journeys with it came by.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

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

_HOME = ["tenant", "environment"]
_JOURNEY = [*_HOME, "journey_id"]
_KIND = [*_HOME, "journey"]
_AT = [*_KIND, "service", "name"]
_TO = ["to_service", "to_name"]
_LEARNED = [name for name in EXPECTATIONS.names if name not in ("version", "from_ns", "until_ns")]
_FAILED = 2
"""OTLP's STATUS_CODE_ERROR."""


def learn(spans: pl.DataFrame, journeys: pl.DataFrame, handed: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Which step follows which, how often journeys stop before it all the same, and how long it takes.

    Args:
        spans: SPANS and SIGHTINGS.
        journeys: JOURNEYS with `journey_type`.
        handed: `row` of spans that were reached by a send or a call, `via` (String, the service that made it).
        known: EXPECTATIONS of messages and calls: services that sample are left out.

    Returns:
        EXPECTATIONS of kind step, one row a (step, next step, outcome), without version and window.
    """
    sampling = known.filter("tossed")["services"].explode(empty_as_null=False).unique().to_list()
    entered = _entered(spans, journeys).filter(~pl.col("service").is_in(sampling))
    first = _first(entered).join(handed.lazy().unique("row", keep="any"), on="row", how="left").collect()
    first = first.join(_frequent(first), on=_AT, how="semi").sort("start_ns", "row")
    steps = first.partition_by(_AT, as_dict=True)
    ends_ns = spans["end_ns"].max()
    rows: list[dict[str, Any]] = []
    for link in _links(first).iter_rows(named=True):
        kind = tuple(link[name] for name in _KIND)
        ahead = steps[(*kind, link["to_service"], link["to_name"])]
        passed = _followed(steps[(*kind, link["service"], link["name"])], ahead)
        deadline_ns = _deadline_ns(passed)
        passed = passed.filter(pl.col("sent_ns").clip(upper_bound=INSTANT_NS_MAX) + deadline_ns <= ends_ns)
        said = outcomes(spans, passed.clear() if passed["went"].all() else passed)
        rows += _learned({**link, "deadline_ns": deadline_ns, "via": _via(ahead)}, passed, said)
    schema = {name: EXPECTATIONS.schema[name] for name in _LEARNED}
    return pl.DataFrame(rows, schema=schema).sort("tenant", "environment", "channel", "subscription")


def passages(spans: pl.DataFrame, journeys: pl.DataFrame, expectations: pl.DataFrame) -> pl.DataFrame:
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
    known = _known(known)
    ahead = _ahead(known)
    places = pl.concat([known.select(*_AT), ahead.select(*_KIND, service="later_service", name="later_name")]).unique()
    entered = _first(_entered(spans, journeys, places).join(places.lazy(), on=_AT, how="semi")).collect()
    came = (
        entered.lazy()
        .select(*_JOURNEY, "journey", later_service="service", later_name="name", went_ns="start_ns")
        .join(ahead.lazy(), on=[*_KIND, "later_service", "later_name"])
        .group_by(*_JOURNEY, *_TO)
        .agg(pl.col("went_ns").min())
    )
    passed = (
        entered.lazy()
        .filter(pl.col("status_code") != _FAILED)
        .join(known.select(*_AT, *_TO, "outcome_key").unique().lazy(), on=_AT)
        .join(came, on=[*_JOURNEY, *_TO], how="left")
        .rename({"row": "send"})
        .collect()
    )
    stopped = passed.filter(pl.col("went_ns").is_null())
    counts = _with_outcome(spans, stopped, known).group_by("step").len().filter(pl.col("len") >= STEP_STOPS_MIN)
    wanted = known.join(counts, on="step", how="semi")
    if wanted.is_empty():
        return PASSAGES.empty()
    passed = passed.join(wanted, on=[*_AT, *_TO], how="semi")
    start_ns = pl.col("start_ns").clip(upper_bound=INSTANT_NS_MAX)
    return (
        _with_outcome(spans, passed, wanted)
        .with_columns(pl.col("start_ns").alias("sent_ns"), (start_ns + pl.col("deadline_ns")).alias("deadline_at_ns"))
        .select(PASSAGES.names)
        .sort("sent_ns", "send", "subscription")
    )


def _entered(spans: pl.DataFrame, journeys: pl.DataFrame, places: pl.DataFrame | None = None) -> pl.LazyFrame:
    """Entry spans and roots with `journey`, the kind of their journey; of the places only, where some are given."""
    root, role = pl.col("parent_span_id").is_null(), pl.col("role")
    # A send or a call is no step of its own: what became of it is said by the laws of messages and calls.
    entry = role.is_in(["server", "receive"]).fill_null(value=False) | (root & role.is_null())
    if places is not None:
        entry &= pl.col("service").is_in(places["service"].unique().implode()) & pl.col("name").is_in(
            places["name"].unique().implode()
        )
    entered = (
        spans.lazy()
        .filter(entry | root)
        .select(
            "row",
            *_HOME,
            "trace_id",
            "service",
            "service_version",
            "name",
            "start_ns",
            "status_code",
            root.alias("root"),
            entry.alias("entry"),
        )
        .join(journeys.lazy().select("row", "journey_id", "journey_type"), on="row")
    )
    roots = (
        entered.filter(pl.col("root") & (pl.col("trace_id") == pl.col("journey_id")))
        .sort("start_ns", "row")
        .unique(_JOURNEY, keep="first", maintain_order=True)
        .select(*_JOURNEY, pl.concat_str("service", pl.lit(" "), "name").alias("of_root"))
    )
    return (
        entered.join(roots, on=_JOURNEY, how="left")
        .with_columns(pl.coalesce("journey_type", "of_root").alias("journey"))
        .filter(pl.col("entry") & pl.col("journey").is_not_null())
        .drop("of_root", "root", "entry", "trace_id")
    )


def _first(entered: pl.LazyFrame) -> pl.LazyFrame:
    """Each step of a journey once: its first entry."""
    return entered.sort("start_ns", "row").unique([*_JOURNEY, "service", "name"], keep="first", maintain_order=True)


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
        .unique([*_KIND, "journey_id"], keep="first", maintain_order=True)
        .filter(number % (pl.len().over(_KIND) // STEP_SAMPLE_MAX + 1) == 0)
    )
    some = first.lazy().join(sample, on=[*_KIND, "journey_id"], how="semi")
    some = some.select(*_AT, "journey_id", "start_ns").with_columns(pl.len().over(_AT).alias("journeys"))
    wait_ns = pl.col("start_ns_right") - pl.col("start_ns")
    return (
        some.join(some, on=[*_KIND, "journey_id"])
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
        .join(ahead.select("journey_id", to_ns="start_ns"), on="journey_id", how="left", maintain_order="left")
        .select(
            pl.col("row").alias("send"),
            pl.col("start_ns").alias("sent_ns"),
            (pl.col("to_ns") - pl.col("start_ns")).clip(0).alias("wait_ns"),
            pl.col("to_ns").is_not_null().alias("went"),
        )
    )


def _deadline_ns(passed: pl.DataFrame) -> int:
    """A margin over the usual wait, as for messages; never under the default."""
    usual_ns = passed["wait_ns"].quantile(DEADLINE_QUANTILE)
    return DEADLINE_DEFAULT_NS if usual_ns is None else _between(usual_ns * DEADLINE_MARGIN)


def _between(deadline_ns: float) -> int:
    return int(min(max(deadline_ns, DEADLINE_DEFAULT_NS), DURATION_NS_MAX))


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


def _ahead(known: pl.DataFrame) -> pl.DataFrame:
    """(next step, it or one that comes after it): a journey that took either went on."""
    after: dict[tuple[str, ...], set[tuple[str, ...]]] = {}
    for *kind, service, name, to_service, to_name in known.select(*_AT, *_TO).iter_rows():
        after.setdefault((*kind, service, name), set()).add((*kind, to_service, to_name))
    places = sorted({place for next_ in after.values() for place in next_})
    rows = [(*place, *later[len(_KIND) :]) for place in places for later in _reached(place, after)]
    names = [*_KIND, *_TO, "later_service", "later_name"]
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")


def _reached(place: tuple[str, ...], after: dict[tuple[str, ...], set[tuple[str, ...]]]) -> set[tuple[str, ...]]:
    """The place and all that come after it."""
    found, pending = {place}, [place]
    while pending:
        pending = [one for here in pending for one in after.get(here, ()) if one not in found]
        found.update(pending)
    return found


def _with_outcome(spans: pl.DataFrame, passed: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """The passages whose outcome an expectation names, with what it says."""
    told = passed.filter(pl.col("outcome_key").is_not_null())
    said = outcomes(spans, told.select("send").unique()).rename({"key": "outcome_key", "value": "outcome"})
    on = [*_AT, *_TO, "outcome_key", "outcome"]
    return (
        passed.join(said, on=["send", "outcome_key"], how="left")
        .with_columns(pl.when(pl.col("outcome_key").is_not_null()).then(pl.col("outcome").fill_null("")))
        .join(known, on=on, nulls_equal=True)
    )
