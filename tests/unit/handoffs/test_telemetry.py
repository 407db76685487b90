from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from baton.handoffs.telemetry import Watched, gaps, vouch, watch
from baton.limits import (
    DURATION_NS_MAX,
    GAP_BESIDE_RATIO,
    GAP_MESSAGES_MIN,
    INSTANT_NS_MAX,
    SECOND_NS,
    SILENCE_TAIL_NS,
    SILENT_FOR_GOOD_NS,
    TIME_NS_MAX,
)
from baton.schema import OUTAGES, TELEMETRY
from recording import Recording, mended, ns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Messages = Callable[..., pl.DataFrame]

TAIL, FOR_GOOD = SILENCE_TAIL_NS // SECOND_NS, SILENT_FOR_GOOD_NS // SECOND_NS
AS_OF = 1000.0
Row = dict[str, Any]


# --- watermarks

NO_TAILS = pl.DataFrame(schema={"environment": pl.String, "service": pl.String})


def test_each_instance_is_watched() -> None:
    """First start and last end, an instance of a service of a tenant and environment each."""
    recording = Recording()
    recording.span("a", 5, took=1)
    recording.span("a", 2, took=9)
    recording.span("a", 7, instance="2")
    recording.span("a", 8, environment="test")
    recording.span("a", 9, tenant="u")
    found = watch(mended(recording))
    assert found.schema == TELEMETRY.schema
    mine = found.filter((pl.col("tenant") == "default") & (pl.col("environment") == ""))
    assert mine.select("service_instance", "first_ns", "watermark_ns").rows() == [
        ("1", ns(2), ns(11)),
        ("2", ns(7), ns(7.01)),
    ]
    assert found.height == 4


def test_nothing_is_watched_of_nothing() -> None:
    """No spans, no telemetry, no gaps."""
    nothing = mended(Recording())
    assert watch(nothing).is_empty()
    assert gaps(nothing.lazy().collect()).is_empty()


# --- gaps


def paused(times: Sequence[float], took: float = 0.0) -> list[tuple[float, float]]:
    """The gaps (seconds) of one instance with spans at these times."""
    recording = Recording()
    for at in times:
        recording.span("a", at, took=took)
    found = gaps(mended(recording).lazy().collect()).select("gap_from_ns", "gap_until_ns")
    return [((start - ns(0)) / SECOND_NS, (end - ns(0)) / SECOND_NS) for start, end in found.iter_rows()]


def every(step: float, begin: float, end: float) -> list[float]:
    """Moments `step` apart."""
    return [begin + number * step for number in range(round((end - begin) / step) + 1)]


def test_a_pause_five_times_the_usual_is_a_gap() -> None:
    """Of an instance with a span every second: over 5 s, and not at 5 s."""
    usual = every(1, 0, 40)
    assert paused([*usual, *every(1, 45, 80)]) == []
    assert paused([*usual, *every(1, 45.1, 80)]) == [(40, 45.1)]


def test_a_pause_within_a_second_is_none() -> None:
    """However busy the instance."""
    usual = every(0.01, 0, 1)
    assert paused([*usual, 2]) == []
    assert paused([*usual, 2.01]) == [(1, 2.01)]


def test_a_pause_over_ten_seconds_always_is_one() -> None:
    """However rare its spans."""
    assert paused(every(30, 0, 90)) == [(0, 30), (30, 60), (60, 90)]
    assert paused(every(10, 0, 90)) == []


def test_a_long_span_fills_its_own_time() -> None:
    """A pause begins at the last end so far, not at the last span's."""
    recording = Recording()
    recording.span("a", 0, took=50)
    recording.span("a", 1, took=1)
    recording.span("a", 55)
    assert gaps(mended(recording).lazy().collect()).is_empty()


def test_what_is_usual_at_night_hides_no_gap_in_a_flood() -> None:
    """Twenty times the mean distance of fifty spans on both sides: a second in a flood, though nights pause for two."""
    night, flood = every(2, 0, 200), every(0.05, 200, 204)
    assert paused([*night, *flood, *(at + 5.1 for at in flood), *(at + 210 for at in night)]) == [(204, 205.1)]
    assert paused([*night, *flood, *(at + 4.9 for at in flood), *(at + 210 for at in night)]) == []


def test_a_flood_that_ends_leaves_no_gap() -> None:
    """Where one side is calm, the calm side's distances count; and so do fewer spans than fifty."""
    assert paused([*every(0.05, 0, 10), *every(2, 12, 200)]) == []
    assert paused([*every(2, 0, 200), *every(0.05, 200, 202), *every(0.05, 203.9, 205), *every(2, 206, 400)]) == []


def test_one_instances_spans_fill_no_others_gap() -> None:
    """Pauses are an instance's own."""
    recording = Recording()
    for at in (0, 30):
        recording.span("a", at, took=0, instance="1")
    for at in every(1, 0, 30):
        recording.span("a", at, instance="2")
    assert gaps(mended(recording).lazy().collect())["service_instance"].to_list() == ["1"]


def test_one_span_and_forged_times_make_no_gap() -> None:
    """A single span, and one that ends before it starts, pause nothing."""
    assert paused([5]) == []
    recording = Recording()
    recording.span("a", 5, took=-4)
    assert gaps(mended(recording).lazy().collect()).is_empty()


# --- vouching


def heard(*instances: tuple[str, float], first: float = 0) -> pl.DataFrame:
    """TELEMETRY of instances by their last sign, all since `first` (seconds)."""
    rows = [("", "", "notify", name, ns(first), ns(last)) for name, last in instances]
    return pl.DataFrame(rows, schema=TELEMETRY.schema, orient="row")


def quiet(*told: tuple[str, float, float]) -> pl.DataFrame:
    """Gaps of instances, in seconds."""
    names = ("tenant", "environment", "service", "service_instance")
    rows = [("", "", "notify", name, ns(start), ns(end)) for name, start, end in told]
    schema = {**dict.fromkeys(names, pl.String), "gap_from_ns": pl.Int64, "gap_until_ns": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def taken(send: int, at: float, instance: str = "1", **more: object) -> Row:
    """A message received at that moment, sent then too."""
    moment = {"sent_ns": ns(at), "first_ns": ns(at)}
    return {"send": send, "row": send, "receiver": "notify", "instance": instance, **moment, **more}


ADDED = (
    *("silent_instance", "silent_ns", "gap_from_ns", "gap_until_ns", "moved", "born", "awaited", "service_ns"),
    *("blind_from_ns", "blind_until_ns", "blind_kind", "gap_beside"),
)


def vouched(
    messages: Messages, *rows: Row, telemetry: pl.DataFrame, pauses: pl.DataFrame | None = None, as_of: float = AS_OF
) -> list[Row]:
    """The missing messages, vouched for."""
    frame = messages(*({"send": number, **row} for number, row in enumerate(rows, start=100)), without=ADDED)
    watched = Watched(telemetry, quiet() if pauses is None else pauses, OUTAGES.empty(), NO_TAILS)
    found = vouch(frame, watched, ns(as_of))
    assert found.height == len(rows)
    return found.filter(pl.col("first_ns").is_null()).sort("send").to_dicts()


def said(row: Row) -> tuple[str | None, bool, bool]:
    """(silent instance, moved past, still awaited)."""
    return row["silent_instance"], row["moved"], row["awaited"]


BEFORE = taken(1, 0)
MISSING: Row = {"sent_ns": ns(100), "deadline_at_ns": ns(130), "before_ns": ns(99), "overtaken_ns": ns(102)}


def test_no_messages_need_no_vouching(messages: Messages) -> None:
    """Nothing in, nothing out."""
    assert vouch(messages(without=ADDED), Watched(heard(), quiet(), OUTAGES.empty(), NO_TAILS), ns(AS_OF)).is_empty()


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (102, (None, True, False)),
        (101.9, ("1", False, False)),
        (100 - TAIL, ("1", False, False)),
        (100 - TAIL - 0.1, (None, False, False)),
    ],
)
def test_an_instance_vouches_by_its_last_sign(
    messages: Messages, last: float, expected: tuple[str | None, bool, bool]
) -> None:
    """Heard after the message was overtaken: moved past. Silent near it: silent for good. Gone 30 s before: neither."""
    (row,) = vouched(messages, BEFORE, MISSING, telemetry=heard(("1", last)))
    assert said(row) == expected


def test_silence_is_for_good_only_after_a_minute(messages: Messages) -> None:
    """Until then the instance may still report: it is awaited."""
    for as_of, expected in ((101 + FOR_GOOD, (None, False, True)), (101.1 + FOR_GOOD, ("1", False, False))):
        (row,) = vouched(messages, BEFORE, MISSING, telemetry=heard(("1", 101)), as_of=as_of)
        assert said(row) == expected


def test_not_overtaken_the_deadline_has_to_be_passed(messages: Messages) -> None:
    """Without a later receipt, telemetry must have moved past the deadline."""
    lonely = {**MISSING, "overtaken_ns": None}
    for last, moved in ((130, True), (129.9, False)):
        (row,) = vouched(messages, BEFORE, lonely, telemetry=heard(("1", last)))
        assert row["moved"] is moved


def test_reordering_and_processing_widen_the_stretch(messages: Messages) -> None:
    """Three times the reordering, twice the longest receipt, after being overtaken; the reordering before it too."""
    slow = {**MISSING, "reorder_ns": 2 * SECOND_NS, "processing_ns": 5 * SECOND_NS}
    for last, moved in ((118, True), (117.9, False)):
        (row,) = vouched(messages, BEFORE, slow, telemetry=heard(("1", last)))
        assert (row["hi_ns"], row["moved"]) == (ns(118), moved)


def test_a_heavy_tail_widens_it_up_to_what_a_broker_grants(messages: Messages) -> None:
    """As many times the longest receipt as its tail says, at most 30 minutes; twice the longest in any case."""
    for longest, margin, until in ((5, 20.0, 100), (5, 1000.0, 1800), (1200, 1000.0, 2400), (5, 1.5, 10)):
        heavy = {**MISSING, "processing_ns": longest * SECOND_NS, "processing_margin": margin}
        (row,) = vouched(messages, BEFORE, heavy, telemetry=heard(("1", 500)))
        assert row["hi_ns"] == ns(102 + until)


@pytest.mark.parametrize(
    ("instance", "after", "verdict"), [("", 102 + TAIL, True), ("", 101.9 + TAIL, False), ("1", 103, True)]
)
def test_instances_without_an_id_are_waited_for(
    messages: Messages,
    instance: str,
    after: float,
    verdict: bool,  # noqa: FBT001 - a table's column
) -> None:
    """Their common watermark says nothing of each: an export round has to pass."""
    rows = [taken(1, 0, instance), MISSING]
    (row,) = vouched(messages, *rows, telemetry=heard((instance, 102)), as_of=after)
    assert (row["moved"], row["awaited"]) == (verdict, not verdict)


def test_every_taker_near_must_vouch(messages: Messages) -> None:
    """One instance moved past, another fell silent near: the silent one is named, the latest of several."""
    rows = [BEFORE, taken(2, 1, "2"), taken(3, 2, "3"), MISSING]
    (row,) = vouched(messages, *rows, telemetry=heard(("1", 500), ("2", 99), ("3", 98)))
    assert said(row) == ("2", True, False)
    assert row["silent_ns"] == ns(99)


@pytest.mark.parametrize(("first", "born"), [(0, True), (100, True), (100.1, False)])
def test_a_taker_is_born_by_its_first_sign(messages: Messages, first: float, born: bool) -> None:  # noqa: FBT001 - a table's column
    """Heard at, or before, the moment from which the receipt is looked for."""
    (row,) = vouched(messages, BEFORE, MISSING, telemetry=heard(("1", 500), first=first))
    assert row["born"] is born


def test_one_taker_that_was_born_is_enough(messages: Messages) -> None:
    """A new instance beside an old one makes no blind spot; one that takes nothing here vouches for no birth."""
    old, new = heard(("1", 500)), heard(("2", 500), first=200)
    rows = [BEFORE, taken(2, 300, "2"), MISSING]
    assert vouched(messages, *rows, telemetry=pl.concat([old, new]))[0]["born"] is True
    elsewhere = [taken(2, 300, "2"), MISSING]
    assert vouched(messages, *elsewhere, telemetry=pl.concat([old, new]))[0]["born"] is False


def test_reordering_looks_for_births_earlier(messages: Messages) -> None:
    """The stretch begins at the last receipt before it, less three times the reordering, if later than the send."""
    slow = {**MISSING, "before_ns": ns(120), "reorder_ns": 2 * SECOND_NS}
    for first, born in ((114, True), (114.1, False)):
        (row,) = vouched(messages, BEFORE, slow, telemetry=heard(("1", 500), first=first))
        assert row["born"] is born


def test_absurd_times_overflow_nothing(messages: Messages) -> None:
    """A receipt at the end of all time and a reordering of centuries: the stretch still ends after it began."""
    absurd = {**MISSING, "overtaken_ns": TIME_NS_MAX, "reorder_ns": TIME_NS_MAX, "processing_ns": DURATION_NS_MAX}
    (row,) = vouched(messages, BEFORE, absurd, telemetry=heard(("1", 500)))
    assert row["hi_ns"] > INSTANT_NS_MAX
    assert row["moved"] is False


def test_an_instance_that_never_took_vouches_for_nothing(messages: Messages) -> None:
    """Other instances of the service, heard or silent, say nothing of this subscription; the service's sign is kept."""
    (row,) = vouched(messages, BEFORE, MISSING, telemetry=heard(("1", 20), ("web", 500), ("idle", 99)))
    assert said(row) == (None, False, False)
    assert row["service_ns"] == ns(500)


def test_other_tenants_and_environments_vouch_for_nothing(messages: Messages) -> None:
    """The same service elsewhere is another one."""
    for column in ("tenant", "environment"):
        elsewhere = heard(("1", 500)).with_columns(pl.lit("x").alias(column))
        (row,) = vouched(messages, BEFORE, MISSING, telemetry=elsewhere)
        assert (row["moved"], row["service_ns"]) == (False, None)


def test_a_run_of_losses_since_the_silence_is_the_silent_ones(messages: Messages) -> None:
    """An exporter cut off at 90: what has been missing ever since may all be its, however long the run."""
    lost = [{**MISSING, "sent_ns": ns(at), "before_ns": ns(at - 1)} for at in (100, 125, 150, 175)]
    rows = vouched(messages, BEFORE, *lost, telemetry=heard(("1", 90)))
    assert [row["silent_instance"] for row in rows] == ["1"] * 4
    broken = [*lost[:2], {**MISSING, "sent_ns": ns(156), "before_ns": ns(156)}]
    rows = vouched(messages, BEFORE, *broken, telemetry=heard(("1", 90)))
    assert [row["silent_instance"] for row in rows] == ["1", "1", None]


def test_a_full_queue_explains_the_run(messages: Messages) -> None:
    """Where survivors stood in a queue the run of losses is not the silent instance's."""
    lost = [{**MISSING, "sent_ns": ns(at), "before_ns": ns(at - 1), "pressed": True} for at in (100, 125, 150)]
    rows = vouched(messages, BEFORE, *lost, telemetry=heard(("1", 90)))
    assert [row["silent_instance"] for row in rows] == ["1", None, None]


# --- pauses


RESUMED = taken(9, 110)


def swallowed(messages: Messages, *rows: Row, pauses: pl.DataFrame) -> list[int | None]:
    """From when the pause lasted, of each missing message."""
    return [row["gap_from_ns"] for row in vouched(messages, *rows, telemetry=heard(("1", 500)), pauses=pauses)]


def test_a_pause_that_took_several_and_ended_fresh_is_a_gap(messages: Messages) -> None:
    """Two messages should have been received in it, and what came first afterwards had just been sent."""
    lost = [{**MISSING, "sent_ns": ns(at), "overtaken_ns": ns(110)} for at in (100, 101)]
    assert GAP_MESSAGES_MIN == 2
    assert swallowed(messages, BEFORE, *lost, RESUMED, pauses=quiet(("1", 98, 109))) == [ns(98)] * 2


def test_a_loss_beside_many_that_pauses_took_is_of_their_kind(messages: Messages) -> None:
    """What an exporter drops shows as pauses and, here and there, as a single span; among few it shows nothing."""
    for many, found in ((GAP_BESIDE_RATIO, ns(98)), (GAP_BESIDE_RATIO - 1, None)):
        lost = [{**MISSING, "sent_ns": ns(100 + at / 10), "overtaken_ns": ns(110)} for at in range(many)]
        alone = {**MISSING, "sent_ns": ns(112), "before_ns": ns(111), "overtaken_ns": ns(113)}
        rows = vouched(
            messages, BEFORE, *lost, RESUMED, alone, telemetry=heard(("1", 500)), pauses=quiet(("1", 98, 109))
        )
        assert rows[-1]["gap_from_ns"] == found
        assert rows[-1]["gap_beside"] == (many if found else None)


def test_a_pause_that_took_one_message_is_no_gap(messages: Messages) -> None:
    """An export lost takes them all; a single one proves no cut."""
    lost = {**MISSING, "overtaken_ns": ns(110)}
    assert swallowed(messages, BEFORE, lost, RESUMED, pauses=quiet(("1", 98, 109))) == [None]


def test_a_pause_that_ends_with_a_backlog_was_a_real_stop(messages: Messages) -> None:
    """What came first afterwards had waited longer than a deadline: the receiver stood still, its spans are whole."""
    lost = [{**MISSING, "sent_ns": ns(at), "overtaken_ns": ns(110)} for at in (100, 101)]
    for sent, found in ((78.9, None), (79, ns(98))):
        backlog = {**RESUMED, "sent_ns": ns(sent)}
        assert swallowed(messages, BEFORE, *lost, backlog, pauses=quiet(("1", 98, 109))) == [found] * 2


def test_a_pause_with_nothing_after_it_may_be_a_gap(messages: Messages) -> None:
    """No receipt tells whether it ended fresh or with a backlog."""
    lost = [{**MISSING, "sent_ns": ns(at)} for at in (100, 101)]
    assert swallowed(messages, BEFORE, *lost, pauses=quiet(("1", 98, 109))) == [ns(98)] * 2


def test_a_pause_elsewhere_swallowed_nothing(messages: Messages) -> None:
    """Over before the message, begun after it was overtaken, or of an instance that takes nothing here."""
    lost = [{**MISSING, "sent_ns": ns(at)} for at in (100, 101)]
    for pause in (("1", 80, 98), ("1", 103, 109), ("2", 98, 109)):
        assert swallowed(messages, BEFORE, *lost, RESUMED, pauses=quiet(pause)) == [None, None]
