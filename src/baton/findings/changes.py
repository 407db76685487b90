"""What changed just before an episode's first loss: versions, instances, rates, new senders, the broker's settings.

Set beside the onset, never called its cause. Told only with figures, and only what lies within CHANGE_WINDOW_NS before
the first lost message was sent, or within the time that it was given to arrive: a queue that evicts its oldest loses
what was sent before it filled.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from baton.limits import (
    CHANGE_FINDINGS_MAX,
    CHANGE_LIKELIHOOD_MIN,
    CHANGE_RATE_RATIO_MIN,
    CHANGE_SENDS_MIN,
    CHANGE_WINDOW_NS,
    CHANGES_MAX,
    SECOND_NS,
    SILENT_FOR_GOOD_NS,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from baton.looks import Spans

    Times = NDArray[np.int64]

_HOME = ("tenant", "environment")
_MINUTE_NS, _HOUR_NS = 60 * SECOND_NS, 3600 * SECOND_NS
_SETTINGS = {
    "messages_max": "limit",
    "bytes_max": "limit in bytes",
    "overflow": "overflow policy",
    "ttl_ns": "limit of time",
    "priorities": "highest priority",
    "deliveries_max": "delivery limit",
    "policy": "policy",
    "consumers": "consumers",
}


@dataclass(frozen=True, slots=True)
class Shift:
    """A rate that changed: until `at_ns` it was `before_s` a second, from then on `after_s`."""

    at_ns: int
    before_s: float
    after_s: float


@dataclass(frozen=True, slots=True)
class _Onset:
    """A finding and the stretch of time in which a change would stand beside it."""

    finding: Mapping[str, Any]
    from_ns: int
    onset_ns: int
    until_ns: int
    end_ns: int

    def when(self, at_ns: int) -> str:
        """How near to the first loss."""
        if at_ns > self.onset_ns:
            return f"{_length(at_ns - self.onset_ns)} after the first lost message was sent"
        return f"{_length(self.onset_ns - at_ns)} before the first loss"


def changes(found: pl.DataFrame, rows: pl.DataFrame, spans: Spans, facts: pl.DataFrame) -> pl.DataFrame:
    """Fills `changed` of the worst CHANGE_FINDINGS_MAX findings: sentences, the nearest to the onset first.

    Args:
        found: FINDINGS.
        rows: HANDOFFS, sorted by `sent_at`.
        spans: SPANS.
        facts: FACTS.
    """
    onsets = [_onset(finding, rows) for finding in found.head(CHANGE_FINDINGS_MAX).iter_rows(named=True)]
    if not onsets:
        return found
    lives = _lives(spans, onsets)
    firsts = _firsts(rows, found)
    told = [
        [sentence for _, sentence in sorted(_told(onset, rows, lives, firsts, facts))][:CHANGES_MAX] for onset in onsets
    ]
    told += [[] for _ in range(found.height - len(told))]
    return found.with_columns(pl.Series("changed", told, dtype=found.schema["changed"]))


def _onset(finding: Mapping[str, Any], rows: pl.DataFrame) -> _Onset:
    (first,) = (
        rows.filter(pl.col("finding_id") == finding["finding_id"])
        .select(pl.col("sent_at", "deadline_at").to_physical())
        .head(1)
        .iter_rows()
    )
    last_ns = int(
        rows.filter(pl.col("finding_id") == finding["finding_id"]).select(pl.col("sent_at").max().to_physical()).item()
    )
    onset_ns = first[0]
    given_ns = min(max((first[1] or onset_ns) - onset_ns, 0), CHANGE_WINDOW_NS)
    return _Onset(
        finding,
        from_ns=onset_ns - CHANGE_WINDOW_NS,
        onset_ns=onset_ns,
        until_ns=onset_ns + given_ns,
        end_ns=min(max(last_ns, onset_ns + given_ns), onset_ns + CHANGE_WINDOW_NS),
    )


def _told(
    onset: _Onset, rows: pl.DataFrame, lives: pl.DataFrame, firsts: pl.DataFrame, facts: pl.DataFrame
) -> Iterator[tuple[int, str]]:
    """(distance from the onset, sentence)."""
    for at_ns, sentence in (
        *_settings(onset, facts),
        *_versions(onset, lives),
        *_instances(onset, lives),
        *_rates(onset, rows, firsts),
    ):
        yield abs(onset.onset_ns - at_ns), sentence


# --- rates


def shift(times: Times, from_ns: int, until_ns: int, end_ns: int) -> Shift | None:
    """Where a rate changed most, if it did: the change between two Poisson processes of the greatest likelihood.

    Args:
        times: when something happened, ns, ascending.
        from_ns: what was before is not known.
        until_ns: a change after it is none that counts.
        end_ns: what comes after is left out.
    """
    times = times[(times >= from_ns) & (times <= end_ns)]
    if len(times) < CHANGE_SENDS_MIN:
        return None
    number = np.arange(len(times), dtype=np.int64)
    # A rise begins with an event, a fall ends with one.
    at = np.concatenate([times, times + 1])
    before = np.concatenate([number, number + 1])
    kept = (at > from_ns) & (at <= until_ns) & (at < end_ns)
    at, before = at[kept], before[kept]
    if not len(at):
        return None
    after = len(times) - before
    before_ns, after_ns = (at - from_ns).astype(float), (end_ns - at).astype(float)
    likelihood = (
        _log(before, before_ns) + _log(after, after_ns) - _log(np.array([len(times)]), np.array([end_ns - from_ns]))
    )
    best = int(np.argmax(likelihood))
    found = Shift(int(at[best]), before[best] / before_ns[best] * SECOND_NS, after[best] / after_ns[best] * SECOND_NS)
    low, high = sorted((found.before_s, found.after_s))
    changed = abs(after[best] - found.before_s * after_ns[best] / SECOND_NS)
    if (
        likelihood[best] < CHANGE_LIKELIHOOD_MIN
        or high < CHANGE_RATE_RATIO_MIN * low
        or changed < CHANGE_SENDS_MIN
        or before[best] == 0
        or not _unusual(times, found, from_ns, end_ns)
    ):
        return None
    return found


def _log(count: NDArray[np.int64], length_ns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log likelihood of so many events in such a time, at their own rate."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(count > 0, count * np.log(count / length_ns), 0.0)


def _unusual(times: Times, found: Shift, from_ns: int, end_ns: int) -> bool:
    """Whether it is no burst, or pause between bursts, of a kind that recurs.

    A rise is none if a stretch of the same length before had as many; a fall is none if one before had as few, or if
    one after it has as many as were usual before.
    """
    length_ns = min(end_ns - found.at_ns, (found.at_ns - from_ns) // 2)
    past, since = times[times < found.at_ns], times[times >= found.at_ns]
    now = int(np.searchsorted(since, found.at_ns + length_ns, "right"))
    if found.after_s > found.before_s:
        return now > int(_within(past, length_ns).max(initial=0))
    # The fullest stretches begin with an event, the emptiest ones right after one.
    emptiest = (_within(past, length_ns) - 1)[past + length_ns < found.at_ns]
    usual = found.before_s * length_ns / SECOND_NS
    return len(emptiest) > 0 and now < int(emptiest.min()) and int(_within(since, length_ns).max(initial=0)) < usual


def _within(times: Times, length_ns: int) -> Times:
    """How many there are within that length of each, itself among them."""
    return np.searchsorted(times, times + length_ns, "right") - np.arange(len(times))


def _rates(onset: _Onset, rows: pl.DataFrame, firsts: pl.DataFrame) -> Iterator[tuple[int, str]]:
    finding = onset.finding
    if finding["channel"] is None:
        return
    near = _near(onset, rows)
    begun_ns = max(onset.from_ns, int(rows["sent_at"].to_physical()[0]))
    crowd = [one["service"] for one in finding["crowding"]]
    for sender in dict.fromkeys([*finding["from_services"], *crowd]):
        first_ns = _first(firsts, finding, sender)
        if first_ns is not None and _new(onset, firsts, sender, first_ns):
            yield first_ns, f"{sender} first sent to {finding['channel']} {onset.when(first_ns)}"
        sent = near.filter(pl.col("from_service") == sender).unique(["trace_id", "span_id"])["sent_at"]
        found = shift(_sorted(sent), begun_ns, onset.until_ns, onset.end_ns)
        if found is not None and found.after_s > found.before_s:
            yield found.at_ns, f"{sender}'s rate rose from {_pair(found)} {onset.when(found.at_ns)}"
    if finding["cause"] == "receiver_down":
        return
    for taker in finding["to_services"]:
        meant = near.filter(pl.col("to_service") == taker)
        taken = _sorted(meant["received_at"].drop_nulls())
        found = shift(taken, begun_ns, onset.until_ns, onset.end_ns)
        if found is not None and found.after_s < found.before_s and _outrun(found, _sorted(meant["sent_at"]), taken):
            yield found.at_ns, f"what {taker} takes fell from {_pair(found)} {onset.when(found.at_ns)}"


def _outrun(found: Shift, sent: Times, taken: Times) -> bool:
    """Whether more came since than was taken: who is given less takes less, and is no slower for it."""
    came, went = int((sent > found.at_ns).sum()), int((taken > found.at_ns).sum())
    return came >= max(CHANGE_SENDS_MIN, CHANGE_RATE_RATIO_MIN * went)


def _near(onset: _Onset, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows of the finding's channel or queue that were sent in its time."""
    sent = rows["sent_at"].to_physical()
    low, high = sent.search_sorted(onset.from_ns, "left"), sent.search_sorted(onset.end_ns, "right")
    finding = onset.finding
    here = pl.col("channel") == finding["channel"]
    if finding["queue"] is not None:
        here |= pl.col("queue") == finding["queue"]
    return rows.slice(low, high - low).filter(here, *(pl.col(name) == finding[name] for name in _HOME))


def _firsts(rows: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """When each sender was first seen on the channels of the findings."""
    place = [*_HOME, "channel"]
    return (
        rows.join(found.select(place).drop_nulls().unique(), on=place, how="semi")
        .group_by(*place, "from_service")
        .agg(pl.col("sent_at").min().to_physical().alias("first_ns"))
    )


def _here(firsts: pl.DataFrame, finding: Mapping[str, Any]) -> pl.DataFrame:
    return firsts.filter(*(pl.col(name) == finding[name] for name in (*_HOME, "channel")))


def _first(firsts: pl.DataFrame, finding: Mapping[str, Any], sender: str) -> int | None:
    here = _here(firsts, finding).filter(pl.col("from_service") == sender)
    return int(here["first_ns"][0]) if here.height else None


def _new(onset: _Onset, firsts: pl.DataFrame, sender: str, first_ns: int) -> bool:
    """Whether it began within the window, on a channel that others were seen on before it."""
    others = _here(firsts, onset.finding).filter(pl.col("from_service") != sender)["first_ns"]
    known = bool((others < onset.from_ns).any())
    return known and onset.from_ns <= first_ns <= onset.until_ns


# --- versions and instances


def _lives(spans: Spans, onsets: list[_Onset]) -> pl.DataFrame:
    """First and last sign of each version and instance of the services concerned, around the onsets."""
    services = sorted({service for onset in onsets for service in _concerned(onset.finding)})
    low = min(onset.from_ns for onset in onsets) - CHANGE_WINDOW_NS
    high = max(onset.end_ns for onset in onsets) + SILENT_FOR_GOOD_NS
    return (
        spans.lazy()
        .filter(pl.col("service").is_in(services) & pl.col("start_ns").is_between(low, high))
        .group_by(*_HOME, "service", "service_version", "service_instance")
        .agg(pl.col("start_ns").min().alias("first_ns"), pl.col("start_ns").max().alias("last_ns"))
        .collect()
    )


def _concerned(finding: Mapping[str, Any]) -> list[str]:
    crowd = [one["service"] for one in finding["crowding"]]
    return list(dict.fromkeys([*finding["from_services"], *finding["to_services"], *crowd]))


def _each(onset: _Onset, lives: pl.DataFrame, name: str) -> Iterator[tuple[str, list[tuple[str, int, int]]]]:
    """Service, and (version or instance, first, last) of each that says it."""
    home = lives.filter(*(pl.col(part) == onset.finding[part] for part in _HOME))
    for service in _concerned(onset.finding):
        here = home.filter((pl.col("service") == service) & pl.col(name).is_not_null() & (pl.col(name) != ""))
        seen = here.group_by(name).agg(pl.col("first_ns").min(), pl.col("last_ns").max()).sort("first_ns", name)
        yield service, seen.rows()


def _versions(onset: _Onset, lives: pl.DataFrame) -> Iterator[tuple[int, str]]:
    for service, versions in _each(onset, lives, "service_version"):
        earlier = [version for version, first_ns, _ in versions if first_ns < onset.from_ns]
        earlier = earlier or [version for version, _, _ in versions[:1]]
        for version, first_ns, _ in versions:
            if version not in earlier and onset.from_ns <= first_ns <= onset.until_ns:
                known = ", ".join(earlier)
                yield (
                    first_ns,
                    f"service.version {version} of {service} (until then {known}) came {onset.when(first_ns)}",
                )


def _instances(onset: _Onset, lives: pl.DataFrame) -> Iterator[tuple[int, str]]:
    for service, instances in _each(onset, lives, "service_instance"):
        watched_ns = max((last_ns for _, _, last_ns in instances), default=0) - SILENT_FOR_GOOD_NS
        came = [first for _, first, _ in instances[1:] if onset.from_ns <= first <= onset.until_ns]
        left = [last for _, _, last in instances if onset.from_ns <= last <= min(onset.until_ns, watched_ns)]
        if len(came) == len(left):
            continue
        before = sum(first < onset.from_ns or first == instances[0][1] for _, first, _ in instances)
        before -= sum(last < onset.from_ns and last < watched_ns for _, _, last in instances)
        at_ns = max(came if len(came) > len(left) else left)
        after = before + len(came) - len(left)
        yield at_ns, f"the instances of {service} went from {before} to {after} {onset.when(at_ns)}"


# --- the broker's settings


def _settings(onset: _Onset, facts: pl.DataFrame) -> Iterator[tuple[int, str]]:
    """What two snapshots of the finding's queue tell apart, where the later one lies near the onset."""
    finding = onset.finding
    place = finding["queue"] or finding["channel"]
    if facts.is_empty() or place is None:
        return
    mine = facts.filter(
        pl.col("tenant") == finding["tenant"],
        pl.col("environment").is_null() | (pl.col("environment") == finding["environment"]),
        pl.col("at_ns").is_between(1, onset.onset_ns + CHANGE_WINDOW_NS),
    ).sort("at_ns")
    queue = mine.filter((pl.col("fact") == "queue") & (pl.col("name") == place))
    if queue.select("broker", "vhost").n_unique() > 1:
        # A finding names no broker: it may be the other one's queue that changed.
        return
    looked = mine.filter((pl.col("fact") == "snapshot") & (pl.col("name") == "queue"))
    for part in queue.partition_by("source", maintain_order=True):
        told = list(part.iter_rows(named=True))
        looks = looked.join(part, on=["broker", "vhost", "source"], how="semi")["at_ns"].to_list()
        for earlier, later in itertools.pairwise(told):
            # What did not change is told once: the last look before the change still saw it as it was.
            seen_ns = max([earlier["at_ns"], *(look for look in looks if look < later["at_ns"])])
            if later["at_ns"] >= onset.from_ns and seen_ns <= onset.until_ns:
                yield from _differences(onset, place, (earlier, later), (seen_ns, later["at_ns"]))


def _differences(
    onset: _Onset, place: str, told: tuple[Mapping[str, Any], Mapping[str, Any]], between_ns: tuple[int, int]
) -> Iterator[tuple[int, str]]:
    earlier, later = told
    # A document of another broker's may leave out what it does not know, and any broker the consumers of a queue.
    unsaid = set(_SETTINGS) if later["source"] == "neutral" else {"consumers"}
    for column, word in _SETTINGS.items():
        if column in unsaid and None in (earlier[column], later[column]):
            continue
        if earlier[column] != later[column]:
            values = " to ".join(_setting(column, one[column]) for one in told)
            yield between_ns[1], f"the {word} of {place} went from {values} {_between(onset, *between_ns)}"


def _setting(column: str, value: object) -> str:
    if value is None:
        return "none"
    return _length(int(str(value))) if column == "ttl_ns" else str(value)


def _between(onset: _Onset, seen_ns: int, changed_ns: int) -> str:
    """When, as far as two looks at the broker tell."""
    if changed_ns <= onset.onset_ns:
        return f"at least {_length(onset.onset_ns - changed_ns)} before the first loss"
    if seen_ns <= onset.onset_ns:
        ago, on = _length(onset.onset_ns - seen_ns), _length(changed_ns - onset.onset_ns)
        return f"between {ago} before the first loss and {on} after it"
    return f"at most {_length(changed_ns - onset.onset_ns)} after the first lost message was sent"


# --- words


def _sorted(times: pl.Series) -> Times:
    return np.sort(times.to_physical().to_numpy()).astype(np.int64)


def _pair(found: Shift) -> str:
    """`10/s to 198/s`, in one unit: the one that suits the higher."""
    high = max(found.before_s, found.after_s)
    unit, seconds = next(
        ((unit, seconds) for unit, seconds in (("s", 1), ("min", 60)) if high * seconds >= 1), ("h", 3600)
    )
    return " to ".join(f"{_figure(rate * seconds)}/{unit}" for rate in (found.before_s, found.after_s))


def _figure(value: float) -> str:
    """Three figures at most."""
    return f"{value:.0f}" if value >= 10 or value == round(value) else f"{value:.1f}"  # noqa: PLR2004 - two figures


def _length(length_ns: int) -> str:
    """A length of time in one or two units."""
    if length_ns < SECOND_NS:
        return f"{length_ns / 1_000_000:.0f} ms"
    if length_ns < _MINUTE_NS:
        return f"{length_ns / SECOND_NS:.1f} s"
    if length_ns < _HOUR_NS:
        return f"{length_ns // _MINUTE_NS} min {length_ns % _MINUTE_NS // SECOND_NS} s"
    return f"{length_ns // _HOUR_NS} h {length_ns % _HOUR_NS // _MINUTE_NS} min"
