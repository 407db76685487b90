from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from baton import savings
from baton.errors import NotFoundError
from baton.ownership.catalog import Catalog
from baton.reports import whatif
from model_queue import Flow, Slow, flooded
from recording import Recording, analysed

if TYPE_CHECKING:
    from baton.analysis import Analysis
    from baton.reports.model import WhatIf

FLOWS = (Flow("trades", 10), Flow("ticks", 120, 5, 12))


def catalog(*, owned: bool = True, criticality: str = "critical") -> Catalog:
    """Trades begin a critical journey; `events` belongs to `platform`, if it is owned."""
    teams = [
        {"name": "trading", "owns": {"services": ["trades"]}},
        {"name": "markets", "escalation": "#markets", "owns": {"services": ["ticks"]}},
        {"name": "platform", "escalation": "#platform", "owns": {"channels": ["events"] if owned else ["others"]}},
    ]
    entry = {"service": "trades", "span": "*"}
    kind = {"name": "trade", "entry": entry, "owner": "trading", "criticality": criticality}
    return Catalog.model_validate({"version": "1", "teams": teams, "journey_types": [kind]})


def analysis(owners: Catalog) -> Analysis:
    """A queue of 40 that a flood filled."""
    recording = Recording()
    flooded(recording, FLOWS, Slow(limit=40))
    return analysed(recording, catalog=owners)


@pytest.fixture(scope="module")
def flood() -> Analysis:
    """Owned, and critical."""
    return analysis(catalog())


def ask(answer: Analysis, owners: Catalog, queue: str | None = None, finding: str | None = None) -> list[WhatIf]:
    """Of all handoffs."""
    return savings.savings(answer, owners, answer.handoffs, queue, finding)


def test_the_queues_owner_owns_the_change(flood: Analysis) -> None:
    """Queue, flow, crowd, what was lost and the change, with how to reach its owner."""
    (told,) = ask(flood, catalog())
    assert (told.queue, told.team, told.owner, told.escalation) == ("events", "platform", "platform", "#platform")
    assert (told.flow, told.best) == ("trade", "a queue of its own for the critical flow, served first")
    assert told.lost_critical == told.savings[0].lost_critical
    assert told.crowding[0][:2] == ("ticks", "markets")
    assert told.crowding[0][2] > 0.9


def test_where_nobody_owns_the_queue_the_largest_sender_is_asked(flood: Analysis) -> None:
    """Whoever crowded it can best prevent it."""
    (told,) = ask(flood, catalog(owned=False))
    assert (told.team, told.owner, told.escalation) == ("unowned", "markets", "#markets")


def test_a_finding_is_the_flow_where_none_is_critical() -> None:
    """Its sender's messages are to be protected; without a finding nothing is."""
    owners = catalog(criticality="high")
    answer = analysis(owners)
    rows = answer.handoffs.filter(from_service="trades", verdict="dropped")
    (told,) = ask(answer, owners, finding=rows["finding_id"][0])
    assert told.flow == "trades"
    assert told.lost_critical == rows.height
    (told,) = ask(answer, owners)
    assert (told.flow, told.critical, told.savings[0].lost_critical) == ("", 0, None)


def test_what_is_not_there_is_named(flood: Analysis) -> None:
    """A queue that was not replayed is named, with those that were."""
    assert len(ask(flood, catalog(), queue="events")) == 1
    with pytest.raises(NotFoundError, match="no queue 'orders' was replayed; replayed: events"):
        ask(flood, catalog(), queue="orders")


def test_a_finding_that_no_replay_explains() -> None:
    """A single loss has no queue: the spans do not suffice."""
    recording = Recording()
    recording.flow(range(20), lost=[7])
    answer = analysed(recording)
    assert ask(answer, Catalog(version="1")) == []
    (finding,) = answer.handoffs["finding_id"].drop_nulls()
    with pytest.raises(NotFoundError, match="no replay explains the losses of the finding"):
        ask(answer, Catalog(version="1"), finding=finding)


def test_programs_get_a_row_an_alternative(flood: Analysis) -> None:
    """One of them recommended, with its owner; the same figures as in the text."""
    told = ask(flood, catalog())
    frame = savings.frame(told)
    assert frame.height == len(told[0].savings)
    (best,) = frame.filter("recommended").to_dicts()
    assert (best["alternative"], best["owner"], best["lost_critical"]) == (told[0].best, "platform", 0)
    assert frame.filter(~frame["recommended"])["owner"].null_count() == frame.height - 1
    assert savings.frame([]).columns == frame.columns


def test_the_text_says_all_of_it_within_the_width(flood: Analysis) -> None:
    """Headline, facts, a line an alternative, the change, its owner, and what is worse; no line is too wide."""
    (told,) = ask(flood, catalog())
    for width in (80, 120):
        text = whatif.as_text([told], "", width=width, color=False)
        assert max(map(len, text.splitlines())) <= width
        plain = " ".join(text.split())
        assert f"What would have saved the {told.lost_critical} critical and" in plain
        assert "a queue that holds 40 and evicts its oldest (drop-head), as a replay tells (fit 1.00)" in plain
        assert "Recommended: a queue of its own for the critical flow, served first (40, drop-head)" in plain
        assert "Owner of the change: platform, escalation #platform" in plain
        assert "worse for the critical flow, which lost " in plain
        assert "no limit: " in plain
        assert "how much memory they take, no span says" in plain


def lost(messages: int, chance: float) -> Analysis:
    """That many messages, of which so many vanish at random."""
    recording = Recording()
    flooded(recording, [Flow("trades", 20, end=messages / 20)], Slow(), lost=chance)
    return analysed(recording)


@pytest.mark.parametrize(
    ("messages", "chance", "why"),
    [
        (100, 0.0, "no message was dropped"),
        (20, 0.2, "too few messages were lost, "),
        (400, 0.2, "no model queue, with a limit or a TTL, loses just the messages that are missing"),
    ],
    ids=["nothing", "few", "chance"],
)
def test_the_text_says_why_there_is_nothing_to_try(messages: int, chance: float, why: str) -> None:
    """No replay, no advice, and the reason in a sentence."""
    answer = lost(messages, chance)
    assert ask(answer, Catalog(version="1")) == []
    said = savings.silence(answer.handoffs, answer)
    assert said.startswith(why)
    text = whatif.as_text([], said, width=200, color=False)
    assert text.startswith(f"Nothing to try, and nothing is recommended: {why}")


def test_sampled_spans_are_the_reason() -> None:
    """Where a tail sampler chose what is there, no single message is known to be lost."""
    recording = Recording()
    flooded(recording, FLOWS, Slow(limit=40))
    services = [{"name": "notify", "sampling": "tail"}]
    answer = analysed(recording, catalog=Catalog.model_validate({"version": "1", "services": services}))
    assert ask(answer, Catalog(version="1")) == []
    assert savings.silence(answer.handoffs, answer) == "spans are sampled, so no single message is known to be lost"


def test_memory_is_told_where_sends_say_their_size() -> None:
    """The envelope's before the body's, the mean over those that say one, times the most that wait."""
    recording = Recording()
    sizes = {"messaging.message.body.size": 900, "messaging.message.envelope.size": 1000}
    flooded(recording, FLOWS, Slow(limit=40), more=sizes)
    (told,) = ask(analysed(recording), Catalog(version="1"))
    assert told.sized == (1000, told.messages)
    frame = savings.frame([told])
    assert (frame["peak_bytes"] == frame["peak"] * 1000).all()
    text = " ".join(whatif.as_text([told], "", width=120, color=False).split())
    free = next(one for one in told.savings if one.alternative == "no limit")
    assert f"no limit: {free.peak:,} messages at most, {free.peak:.1f} kB without" in text
    assert f"mean size 1.0 kB, as {told.messages:,} sends say" in text
