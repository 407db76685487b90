from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl
import pytest

from baton import queries
from baton.errors import InputError, NotFoundError, UsageError
from baton.queries import Question
from baton.queries.findings import id_of
from baton.schema import EXPECTATIONS, HANDOFFS, RECOVERY
from baton.store.writer import Writer
from recording import LATER, Recording, Span, ns

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OWNERS = """
version: "1"
teams:
  - name: trade
    escalation: "#trade"
    owns: {services: [trading]}
  - name: messages
    owns: {services: [notify], queues: [sms-q]}
  - name: platform
    owns: {channels: [orders]}
journey_types:
  - {name: purchase, entry: {service: trading, span: buy}, owner: trade, criticality: high}
"""

ENTRY = Span("e" * 32, "e" * 16)


def bank() -> Recording:
    """Ten orders, the one at 4 lost; the first is part of a declared journey that goes on to `sms`."""
    recording = Recording()
    recording.span("trading", 0, "buy", own=ENTRY)
    first = recording.send(at=0, under=ENTRY, message="m-0", correlation="twice")
    receive = recording.receive(at=0.1, under=first)
    recording.receive("gateway", 0.3, "sms-q", under=recording.send("notify", 0.2, "sms", under=receive))
    recording.flow(range(1, 10), lost=[4])
    recording.send("other", 20, "lonely", correlation="twice")
    return recording


@pytest.fixture(scope="module")
def question(tmp_path_factory: pytest.TempPathFactory) -> Question:
    """All of the bank's handoffs, long after."""
    folder = tmp_path_factory.mktemp("bank")
    owners = folder / "owners.yaml"
    owners.write_text(OWNERS)
    return Question(_stored(folder / "store", bank()), (owners,), as_of_ns=ns(LATER))


def _stored(store: Path, recording: Recording, expectations: pl.DataFrame | None = None) -> Path:
    with Writer(store) as writer:
        writer.append(recording.frame(), None)
        if expectations is not None:
            writer.save_expectations(expectations)
    return store


def sent(rows: pl.DataFrame) -> list[float]:
    """When each row was sent, seconds."""
    return [(at - ns(0)) / 1e9 for at in rows["sent_at"].dt.timestamp("ns")]


def test_handoffs_are_the_public_rows(question: Question) -> None:
    """HANDOFFS of the whole store, learned on the spot, in their order."""
    rows = queries.handoffs(question)
    assert rows.schema == HANDOFFS.schema
    assert sent(rows) == [0, 0.2, *range(1, 10), 20]
    assert rows["verdict"].value_counts().sort("verdict").rows() == [
        ("delivered", 10),
        ("dropped", 1),
        ("unobserved", 1),
    ]


@pytest.mark.parametrize(
    ("asked", "times"),
    [
        ({"since_ns": ns(9)}, [9, 20]),
        ({"until_ns": ns(1)}, [0, 0.2]),
        ({"since_ns": ns(2), "until_ns": ns(4)}, [2, 3]),
        ({"verdicts": ("dropped", "unobserved")}, [4, 20]),
        ({"journey_type": "purchase"}, [0, 0.2]),
        ({"journey_type": "unheard"}, []),
        ({"team": "trade"}, [0, *range(1, 10)]),
        ({"team": "messages"}, [0, 0.2, *range(1, 10)]),
        ({"team": "platform"}, [0, *range(1, 10)]),
        ({"team": "unowned"}, [0.2, 20]),
        ({"team": "trade", "verdicts": ("dropped",)}, [4]),
    ],
)
def test_a_question_narrows_the_rows(question: Question, asked: dict[str, object], times: list[float]) -> None:
    """By the window on `sent_at` (from, and before), verdict, journey type, and any of a row's teams."""
    assert sent(queries.handoffs(replace(question, **asked))) == times


def test_one_tenant_is_judged_as_if_there_were_no_other(tmp_path: Path) -> None:
    """Its rows are those of a store that holds only its spans; another's do not show, in no count and no verdict."""
    store = _stored(tmp_path / "both", bank())
    with Writer(store) as writer:
        writer.append(bank().frame().with_columns(tenant=pl.lit("markets")), None)
    both = Question(store, as_of_ns=ns(LATER))
    alone = queries.handoffs(replace(both, tenant="default"))
    assert alone.equals(queries.handoffs(replace(both, store=_stored(tmp_path / "alone", bank()))))
    assert len(queries.handoffs(both)) == 2 * len(alone)
    with pytest.raises(NotFoundError, match="no span is of tenant 'none'; there are spans of default, markets"):
        queries.handoffs(replace(both, tenant="none"))


def test_a_finding_is_named_by_its_first_digits(question: Question) -> None:
    """Six or more, in either case; it is told whole, whatever the window."""
    (found,) = queries.findings(question).to_dicts()
    for digits in (found["finding_id"], found["finding_id"][:6].upper()):
        assert queries.finding(replace(question, since_ns=ns(100)), digits).to_dicts() == [found]
    (told,) = queries.told(question, queries.finding(question, found["finding_id"]))
    assert (told.finding_id, told.count, told.handoffs) == (found["finding_id"], 1, 10)


@pytest.mark.parametrize("ask", [queries.finding, queries.recovery])
def test_a_finding_that_is_none_is_told(question: Question, ask: Callable[[Question, str], object]) -> None:
    """Too few digits, what is no number, and digits that begin no id."""
    found = queries.findings(question)["finding_id"].item()
    for digits in ("", found[:5], "zzzzzz", "\x1b[2Jaaa"):
        with pytest.raises(UsageError, match="6 or more"):
            ask(question, digits)
    other = "0" if found[0] != "0" else "1"
    with pytest.raises(NotFoundError, match="baton findings"):
        ask(question, other * 6)


def test_digits_that_begin_several_ids_name_none() -> None:
    """Whoever asks is told which."""
    rows = pl.DataFrame({"finding_id": ["aaaaaa1", None, "aaaaaa2", "aaaaaa2", "bbbbbb1"]})
    assert id_of(rows, "bbbbbb") == "bbbbbb1"
    with pytest.raises(UsageError, match="2 findings; give more digits of one: aaaaaa1, aaaaaa2"):
        id_of(rows, "aaaaaa")


def test_a_findings_work_list_has_a_row_a_message(question: Question) -> None:
    """RECOVERY of that finding alone."""
    found = queries.findings(question)["finding_id"].item()
    rows = queries.recovery(question, found)
    assert rows.schema == RECOVERY.schema
    assert sent(rows) == [4]
    assert rows["notify"].to_list() == [["messages"]]


def test_an_id_stays_in_every_window_and_as_of_any_time(question: Question) -> None:
    """As long as the onset is in it."""
    (found,) = queries.findings(question)["finding_id"].to_list()
    for other in (
        replace(question, since_ns=ns(3)),
        replace(question, until_ns=ns(5)),
        replace(question, team="trade"),
    ):
        assert queries.findings(other)["finding_id"].to_list() == [found]
    later = replace(question, as_of_ns=ns(9 * LATER))
    assert queries.findings(later)["finding_id"].to_list() == [found]


def test_a_narrowed_question_judges_no_otherwise(question: Question) -> None:
    """The window narrows what is shown, and not what is known."""
    every = queries.handoffs(question)
    narrowed = queries.handoffs(replace(question, since_ns=ns(4), until_ns=ns(5)))
    assert narrowed.equals(every.filter(pl.Series(sent(every)) == 4))


def test_without_owners_the_verdicts_stand(question: Question) -> None:
    """All is unowned, nothing else changes."""
    bare = queries.handoffs(replace(question, owners=None))
    assert bare["verdict"].equals(queries.handoffs(question)["verdict"])
    assert set(bare["from_team"]) == {"unowned"}


def test_the_past_can_be_asked(question: Question) -> None:
    """As of five seconds the lost one is pending, and nothing later is there."""
    rows = queries.handoffs(replace(question, as_of_ns=ns(4.5)))
    assert sent(rows)[-1] == 4
    assert rows["verdict"][-1] == "pending"


def test_now_is_the_default(question: Question, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `as_of` it is judged as of the clock: spans that end later are unseen."""
    monkeypatch.setattr("baton.queries.answer.time.time_ns", lambda: ns(4.5))
    past = queries.handoffs(replace(question, as_of_ns=ns(4.5)))
    assert queries.handoffs(replace(question, as_of_ns=None)).equals(past)


def test_what_was_learned_last_is_used(question: Question, tmp_path: Path) -> None:
    """A store that has learned is judged by that, and a store that learned nothing expects nothing."""
    store = _stored(tmp_path / "store", bank(), EXPECTATIONS.empty())
    rows = queries.handoffs(replace(question, store=store))
    assert rows.filter(verdict="unobserved").height == 2
    learned = pl.read_ipc(io.BytesIO(queries.learn(store, ())))
    assert learned.schema == EXPECTATIONS.schema
    with Writer(store) as writer:
        writer.save_expectations(learned)
    assert queries.handoffs(replace(question, store=store)).equals(queries.handoffs(question))
    assert queries.report(replace(question, store=store)).profile == learned["version"][0]


def test_learning_reads_the_newest_spans_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However much a store holds, what came last is learned from: the window says since when."""
    recording = Recording()
    for hour in range(3):
        recording.flow([3600 * hour + at for at in range(10)])
    store = _stored(tmp_path / "store", recording)
    monkeypatch.setattr("baton.queries.learning.LEARN_SPANS_MAX", 20)
    learned = pl.read_ipc(io.BytesIO(queries.learn(store, ())))
    assert learned["from_ns"].to_list() == [ns(7200)]


def test_the_journey_keys_are_a_setting(tmp_path: Path) -> None:
    """baton.toml in the store names them; the ownership file comes before it."""
    recording = Recording()
    for at, key in ((1, "a.id"), (2, "a.id"), (3, "b.id"), (4, "b.id")):
        recording.send(at=at, more={key: "7"})
    store = _stored(tmp_path / "store", recording)
    (store / "baton.toml").write_text('journey_keys = ["a.id"]')
    owners = tmp_path / "owners.yaml"
    owners.write_text('version: "1"\njourney_keys: [b.id]\n')
    one, two, three, four = queries.handoffs(Question(store, as_of_ns=ns(LATER)))["journey_id"]
    assert one == two
    assert three != four
    one, two, three, four = queries.handoffs(Question(store, (owners,), as_of_ns=ns(LATER)))["journey_id"]
    assert one != two
    assert three == four


def test_a_report_is_about_the_question(question: Question) -> None:
    """Counts, findings and window are those of what was asked; totals of the boundary too."""
    report = queries.report(replace(question, until_ns=ns(5)))
    assert (report.store, report.since_ns, report.until_ns, report.as_of_ns) == (
        question.store,
        None,
        ns(5),
        ns(LATER),
    )
    assert (report.counts["dropped"], report.counts["delivered"], report.counts["stuck"]) == (1, 5, 0)
    (finding,) = report.findings
    assert (finding.from_team, finding.to_team, finding.channel_team) == ("trade", "messages", "platform")
    assert (finding.count, finding.handoffs) == (1, 5)


def test_boundaries_are_those_of_the_question(question: Question) -> None:
    """Worst first."""
    rows = queries.boundaries(question)
    assert rows.select("channel", "handoffs", "dropped").rows() == [("orders", 10, 1), ("sms", 1, 0), ("lonely", 1, 0)]
    assert queries.boundaries(replace(question, team="nobody")).is_empty()


@pytest.mark.parametrize("name", [ENTRY.trace, ENTRY.trace.upper(), f" {ENTRY.trace} ", "m-0"])
def test_a_journey_is_found_by_any_of_its_ids(question: Question, name: str) -> None:
    """Trace id, in any case and with blanks around it, message id."""
    journey = queries.journey(question, name)
    assert (journey.journey_id, journey.journey_type, journey.owner) == (ENTRY.trace, "purchase", "trade")
    assert len(journey.spans) == 5


def test_an_unknown_journey_is_not_found(question: Question) -> None:
    """The error names the value, the store and the next step."""
    with pytest.raises(NotFoundError, match=r"'nothing\\x1b': `baton handoffs` lists") as raised:
        queries.journey(question, "nothing\x1b")
    assert str(question.store) in str(raised.value)


def test_an_id_of_two_journeys_has_to_be_told_apart(question: Question) -> None:
    """A correlation id in two journeys: the error names them."""
    with pytest.raises(UsageError, match=r"'twice' names 2 journeys.*" + ENTRY.trace):
        queries.journey(question, "twice")


def test_who_answers_for_names_in_the_store(question: Question) -> None:
    """A service, and nobody for an unknown one."""
    (thing,) = queries.who(question, "trading").things
    assert (thing.party.name, thing.figures is not None) == ("trade", True)
    with pytest.raises(NotFoundError, match="'unheard'"):
        queries.who(question, "unheard")


def test_who_is_asked_at_the_end_of_the_window(question: Question) -> None:
    """Ownership is told as of then, and of what was seen in the window only."""
    told = queries.who(replace(question, since_ns=ns(5), until_ns=ns(8)), "trading")
    assert (told.owned_at_ns, told.since_ns, told.until_ns) == (ns(8) - 1, ns(5), ns(8))
    figures = told.things[0].figures
    assert figures is not None
    assert (figures.sent, figures.first_ns, figures.last_ns) == ({"delivered": 3}, ns(5), ns(7))
    assert queries.who(question, "trading").owned_at_ns == ns(LATER)


def test_a_map_is_of_the_question(question: Question) -> None:
    """Its window and journey type; teams, or services with what they own by the rules."""
    drawn = queries.map_of(question)
    assert sum(edge["dropped"] for *_, edge in drawn.graph.edges(data=True)) == 1
    assert [one.journey_type for one in drawn.review.crossings] == ["purchase", None]
    owners = {node["name"]: node["team"] for _, node in queries.map_of(question, "services").graph.nodes(data=True)}
    assert (owners["orders"], owners["sms-q"], owners["notify"]) == ("platform", "messages", "messages")
    part = queries.map_of(replace(question, journey_type="purchase"))
    assert sum(edge["handoffs"] for *_, edge in part.graph.edges(data=True)) == 2


def test_a_store_that_is_not_there(question: Question, tmp_path: Path) -> None:
    """Every question says so."""
    nowhere = replace(question, store=tmp_path / "nowhere")
    for ask in (queries.handoffs, queries.report, queries.boundaries):
        with pytest.raises(NotFoundError, match="nowhere"):
            ask(nowhere)


def test_a_faulty_ownership_file(question: Question, tmp_path: Path) -> None:
    """An error with the file's name, before anything is judged."""
    bad = tmp_path / "bad.yaml"
    bad.write_text("teams: 7")
    with pytest.raises(InputError, match=r"bad\.yaml"):
        queries.handoffs(replace(question, owners=(bad,)))


def test_an_empty_store_has_no_handoffs(tmp_path: Path) -> None:
    """No spans: no rows, no findings, nothing learned."""
    with Writer(tmp_path / "store"):
        pass
    question = Question(tmp_path / "store", as_of_ns=ns(LATER))
    assert queries.handoffs(question).is_empty()
    assert queries.report(question).findings == ()
    assert pl.read_ipc(io.BytesIO(queries.learn(question.store, None))).is_empty()


def test_a_window_is_answered_as_all_would_be_and_shown_in_part(tmp_path: Path) -> None:
    """With expectations at hand only the window and its margins are read, and each of its rows is the same.

    Only its finding may bear another name: a window that does not hold an episode's first loss cannot know it.
    Three hours of a message every half minute, some lost, one at each edge of the window.
    """
    recording = Recording()
    times = [float(at) for at in range(0, 3 * 3600, 30)]
    lost = [at for at in times if at % 1800 in (0, 900, 1770)]
    for at in times:
        recording.span("notify", at + 5, "tick")
    recording.flow(times, lost=lost)
    store = _stored(tmp_path / "store", recording)
    with Writer(store) as writer:
        writer.save_expectations(pl.read_ipc(io.BytesIO(queries.learn(store, ()))))
    asked = Question(store, as_of_ns=ns(10 * 3600))
    window = replace(asked, since_ns=ns(3600), until_ns=ns(7200))
    rows = queries.handoffs(window)
    every = queries.handoffs(asked)
    within = every.filter(pl.Series([3600 <= at < 7200 for at in sent(every)]))
    assert rows.drop("finding_id").equals(within.drop("finding_id"))
    assert {"delivered", "dropped"} <= set(rows["verdict"])
    since_ns, until_ns = queries.margins(window)
    assert ns(0) < since_ns < ns(3600)
    assert ns(7200) < until_ns < ns(3 * 3600)
