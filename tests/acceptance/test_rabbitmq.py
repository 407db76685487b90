"""A real RabbitMQ that loses messages in known ways: every message's verdict against the programs' own logs."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shutil
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from baton.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator

RECORDINGS = Path(__file__).parents[3] / "shared" / "data" / "rabbitmq"
SCENARIOS = sorted(path.parent.name for path in RECORDINGS.glob("*/truth.json"))
NOTIFY, AUDIT, DEAD_LETTERS = "notification-service", "audit-service", "dlq-handler"

pytestmark = pytest.mark.skipif(not SCENARIOS, reason="the recordings ../shared/data/rabbitmq are not here")

Row = dict[str, Any]


@pytest.fixture(scope="module", params=SCENARIOS or ["absent"])
def scenario(request: pytest.FixtureRequest) -> str:
    """One recording's name."""
    return str(request.param)


@pytest.fixture(scope="module")
def truth(scenario: str) -> list[Row]:
    """What publishers and receivers logged, one object a message."""
    found: list[Row] = json.loads((RECORDINGS / scenario / "truth.json").read_text())
    return found


def baton(*arguments: str) -> str:
    """What a command prints, once it has succeeded."""
    printed = io.BytesIO()
    with contextlib.redirect_stdout(io.TextIOWrapper(printed, encoding="utf-8", write_through=True)):
        assert main(list(arguments)) == 0
        return printed.getvalue().decode()


@pytest.fixture(scope="module")
def store(scenario: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one recording, through `baton load`."""
    return loaded(scenario, tmp_path_factory.mktemp(scenario) / "store")


def loaded(scenario: str, store: Path) -> Path:
    """The store, with one recording's spans in it."""
    baton("load", str(RECORDINGS / scenario / "traces.jsonl.gz"), "--store", str(store))
    return store


def judged(store: Path) -> dict[str, list[Row]]:
    """Public rows by message id, through `baton handoffs`."""
    found = defaultdict(list)
    for line in baton("handoffs", "--store", str(store), "--format", "ndjson").splitlines():
        row = json.loads(line)
        found[row["message_id"]].append(row)
    return found


@pytest.fixture(scope="module")
def rows(store: Path) -> dict[str, list[Row]]:
    """Public rows by message id, from spans alone."""
    return judged(store)


def expected(scenario: str, message: Row) -> set[str]:
    """The verdicts that are right from spans alone for the handoff to the intended receiver."""
    receivers = message["receivers"]
    if any(fate == "acked" for name, fate in receivers.items() if name.startswith("notify")):
        return {"delivered", "unobserved"} if scenario == "f_consumer_killed" else {"delivered"}
    if scenario in ("f_consumer_down", "e_alternate_exchange"):
        return {"unobserved"}
    return {"dropped"}


def last_of_its_channel(row: Row, rows: dict[str, list[Row]]) -> bool:
    """Whether no message sent later over the same channel was received: then absence proves nothing."""
    later = (other for others in rows.values() for other in others if other["channel"] == row["channel"])
    return not any(other["received_at"] and other["sent_at"] > row["sent_at"] for other in later)


def intended(rows: list[Row]) -> Iterator[Row]:
    """The rows to the intended receiver, or to nobody known."""
    return (row for row in rows if row["to_service"] in (NOTIFY, None))


def test_every_message_has_one_row_to_its_receiver(truth: list[Row], rows: dict[str, list[Row]]) -> None:
    """No message is lost between the spans and the rows, and none is doubled."""
    for message in truth:
        assert len(list(intended(rows[message["message_id"]]))) == 1, message


def test_every_verdict_is_right(scenario: str, truth: list[Row], rows: dict[str, list[Row]]) -> None:
    """The verdict is the one that the truth allows from spans alone; nothing is dropped that was received."""
    wrong = []
    for message in truth:
        (row,) = intended(rows[message["message_id"]])
        if row["verdict"] in expected(scenario, message):
            continue
        if row["verdict"] in ("unobserved", "stuck") and last_of_its_channel(row, rows):
            continue
        wrong.append((message, row["verdict"], row["evidence"]))
    assert wrong == []


def test_the_second_receiver_is_judged_by_itself(truth: list[Row], rows: dict[str, list[Row]]) -> None:
    """`audit` received all, whatever the publisher was told of the other queue."""
    for message in truth:
        if "audit" in message["receivers"]:
            (row,) = (one for one in rows[message["message_id"]] if one["to_service"] == AUDIT)
            assert row["verdict"] == "delivered"


def test_a_dead_letter_says_where_it_is_held(truth: list[Row], rows: dict[str, list[Row]]) -> None:
    """What only the dead-letter queue's reader took is dropped, held there, and the hop is a row of its own."""
    for message in truth:
        if "dlq" not in message["receivers"]:
            continue
        (row,) = intended(rows[message["message_id"]])
        assert (row["disposition"], row["held_at"]) == ("dead_lettered", "dlx")
        (hop,) = (one for one in rows[message["message_id"]] if one["to_service"] == DEAD_LETTERS)
        assert (hop["verdict"], hop["expected_by"], hop["deadline_at"]) == ("delivered", None, None)


CAUSES = {
    "a_drophead": {"overflow"},
    "a_drophead_policy": {"overflow"},
    "b_both_queues_fanout": {"publish_failed", "overflow"},
    "b_reject_confirms": {"publish_failed", "overflow"},
    "c_drophead_dlx": {"overflow"},
    "d_ttl": {"expired", "unknown"},
    "e_unroutable_mandatory_confirm": {"unroutable"},
    "g_nack_dlx": {"rejected"},
    "h_prio_drophead": {"overflow", "unknown"},
    "i_separate": {"overflow"},
}


def test_no_cause_is_wrong(scenario: str, rows: dict[str, list[Row]]) -> None:
    """Causes are right or unknown; scenarios without losses name none."""
    causes = {row["cause"] for found in rows.values() for row in found if row["verdict"] == "dropped"}
    assert causes <= CAUSES.get(scenario, set())


def test_every_row_tells_why(rows: dict[str, list[Row]]) -> None:
    """Every verdict but a plain delivery carries a sentence, and every accusation a confidence."""
    for found in rows.values():
        for row in found:
            assert row["evidence"] or row["verdict"] == "delivered"
            assert (row["confidence"] is not None) == (row["verdict"] in ("dropped", "stuck"))


LIMITS = {
    "a_drophead": 50,
    "a_drophead_policy": 40,
    "b_both_queues_fanout": 50,
    "b_reject_confirms": 50,
    "c_drophead_dlx": 50,
    "h_prio_drophead": 50,
    "i_separate": 50,
}


def test_the_limit_is_told_by_a_replay(scenario: str, rows: dict[str, list[Row]]) -> None:
    """Where the cause is a full queue, the evidence names its true limit, within one message."""
    said = {
        int(re.split("[ ,]", sentence.split("a queue that holds ")[1])[0])
        for found in rows.values()
        for row in found
        for sentence in row["evidence"]
        if "replayed through a queue that holds " in sentence
    }
    assert bool(said) == (scenario in LIMITS)
    assert all(abs(limit - LIMITS[scenario]) <= 1 for limit in said)


FACTS_AT = "2026-11-23T18:00:00Z"
"""After the last recording."""


@pytest.fixture(scope="module")
def settled(scenario: str, store: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Row]]:
    """Public rows by message id, with what the broker said of itself."""
    return with_facts(scenario, shutil.copytree(store, tmp_path_factory.mktemp(scenario) / "store"))


def with_facts(scenario: str, store: Path) -> dict[str, list[Row]]:
    """Public rows by message id, after `baton broker load`."""
    baton("broker", "load", str(RECORDINGS / scenario / "broker.json.gz"), "--at", FACTS_AT, "--store", str(store))
    return judged(store)


def expected_with_facts(scenario: str, message: Row) -> str:
    """The one verdict that is right with broker facts."""
    if any(fate == "acked" for name, fate in message["receivers"].items() if name.startswith("notify")):
        return "delivered"
    return "stuck" if scenario == "f_consumer_down" else "dropped"


def test_every_verdict_is_right_with_facts(scenario: str, truth: list[Row], settled: dict[str, list[Row]]) -> None:
    """With the broker's word, every message has one row and the one verdict that is true: none is left unobserved."""
    wrong = []
    for message in truth:
        (row,) = intended(settled[message["message_id"]])
        if row["verdict"] != expected_with_facts(scenario, message):
            wrong.append((message, row["verdict"], row["evidence"]))
    assert wrong == []


CAUSES_WITH_FACTS = {
    "a_drophead": "overflow",
    "a_drophead_policy": "overflow",
    "b_both_queues_fanout": "overflow",
    "b_reject_confirms": "overflow",
    "c_drophead_dlx": "overflow",
    "d_ttl": "expired",
    "e_alternate_exchange": "unroutable",
    "e_unroutable_mandatory_confirm": "unroutable",
    "f_consumer_down": "receiver_down",
    "g_nack_dlx": "rejected",
    "h_prio_drophead": "overflow",
    "i_separate": "overflow",
    "m_aio_drophead": "overflow",
    "n_celery_links": "overflow",
}
HELD = {
    "c_drophead_dlx": ("dead_lettered", "notifications.dlq"),
    "e_alternate_exchange": ("parked", "unrouted"),
    "f_consumer_down": ("waiting", "notifications"),
    "g_nack_dlx": ("dead_lettered", "notifications.dlq"),
}


def test_every_cause_is_right_with_facts(scenario: str, settled: dict[str, list[Row]]) -> None:
    """One cause for all that was lost, confirmed, with the place where it is held, or gone where it is nowhere."""
    lost = [row for found in settled.values() for row in found if row["verdict"] in ("dropped", "stuck")]
    told = {(row["cause"], row["confidence"], row["disposition"], row["held_at"]) for row in lost}
    cause = CAUSES_WITH_FACTS.get(scenario)
    assert told == ({(cause, "confirmed", *HELD.get(scenario, ("gone", None)))} if cause else set())


QUEUES = {
    "b_both_queues_fanout": {("trade.events", AUDIT): "audit"},
    "i_separate": {("promo.events", NOTIFY): "notifications.bulk", ("trade.events", NOTIFY): "notifications.critical"},
}


def test_every_receiver_has_its_queue(scenario: str, settled: dict[str, list[Row]]) -> None:
    """Which queue a receiver takes from is told from the routes, though spans name the exchange only."""
    usual = {NOTIFY: "notifications", DEAD_LETTERS: "notifications.dlq"}
    for row in (row for found in settled.values() for row in found if row["to_service"]):
        place = row["channel"], row["to_service"]
        assert row["queue"] == QUEUES.get(scenario, {}).get(place, usual.get(row["to_service"]))


@pytest.mark.parametrize("recording", ["m_aio_drophead", "n_celery_links"])
def test_causes_of_other_clients_are_right_with_facts(recording: str, tmp_path: Path) -> None:
    """aio-pika and celery name their places in other ways, and the cause is found all the same."""
    found = with_facts(recording, loaded(recording, tmp_path / "store"))
    causes = {row["cause"] for each in found.values() for row in each if row["verdict"] == "dropped"}
    assert causes == {CAUSES_WITH_FACTS[recording]}


def test_facts_of_another_tenant_or_broker_say_nothing(tmp_path: Path) -> None:
    """The three of f_consumer_killed stay unobserved: the broker that counted 60 is not theirs."""
    store = loaded("f_consumer_killed", tmp_path / "store")
    file = str(RECORDINGS / "f_consumer_killed" / "broker.json.gz")
    for option in (("--tenant", "other"), ("--environment", "test"), ("--address", "elsewhere:5672")):
        baton("broker", "load", file, "--at", FACTS_AT, "--store", str(store), *option)
    verdicts = [row["verdict"] for found in judged(store).values() for row in found]
    assert (verdicts.count("delivered"), verdicts.count("unobserved")) == (57, 3)
