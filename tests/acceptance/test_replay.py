"""What replays tell of a real RabbitMQ, beside what its management API says: the table is printed by `pytest -s`."""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from baton import app
from baton.ownership.catalog import Catalog
from baton.queries import Question
from baton.queries.answer import Answer, answer
from baton.savings import savings

if TYPE_CHECKING:
    from baton.findings.replay import Found

RECORDINGS = Path(__file__).parents[3] / "shared" / "data" / "rabbitmq"
SCENARIOS = sorted(path.parent.name for path in RECORDINGS.glob("*/broker.json.gz"))
LOST = {
    **dict.fromkeys(("a_drophead", "c_drophead_dlx", "i_separate", "m_aio_drophead"), ("drop-head", 50)),
    "a_drophead_policy": ("drop-head", 40),
    "n_celery_links": ("drop-head", 10),
    "d_ttl": ("ttl", 300),
    "h_prio_drophead": ("drop-head", 50),
    "b_reject_confirms": ("reject-publish", 50),
    "b_both_queues_fanout": ("reject-publish", 50),
}
"""Recordings that lost messages to a queue's limit or TTL (ms): what must be found, or abstained from."""

pytestmark = pytest.mark.skipif(not SCENARIOS, reason="the recordings ../shared/data/rabbitmq are not here")


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the recordings' stores."""
    return tmp_path_factory.mktemp("replayed")


@cache
def answered(stores: Path, scenario: str) -> Answer:
    """The analysis of one recording."""
    app.load([RECORDINGS / scenario / "traces.jsonl.gz"], stores / scenario, None, ())
    return answer(Question(stores / scenario))


def found(stores: Path, scenario: str) -> list[Found]:
    """The replays that convict."""
    return list(answered(stores, scenario).analysis.losses.replayed.queues.values())


def true(scenario: str) -> set[tuple[str, int]]:
    """(policy, limit or TTL in ms) of every bounded queue, by the broker's own word."""
    broker = json.loads(gzip.decompress((RECORDINGS / scenario / "broker.json.gz").read_bytes()))
    bounds = set()
    for queue in _queues(broker["queues"]):
        said: dict[str, Any] = {
            **{name.removeprefix("x-"): value for name, value in queue.get("arguments", {}).items()},
            **(queue.get("effective_policy_definition") or {}),
        }
        if said.get("max-length"):
            bounds.add((said.get("overflow", "drop-head"), int(said["max-length"])))
        if said.get("message-ttl"):
            bounds.add(("ttl", int(said["message-ttl"])))
    return bounds


def _queues(told: object) -> list[dict[str, Any]]:
    """Every object with a queue's arguments, wherever the recording keeps it."""
    if isinstance(told, dict):
        own = [told] if "arguments" in told and "name" in told and "consumer_tag" not in told else []
        return own + [one for value in told.values() for one in _queues(value)]
    return [one for value in told for one in _queues(value)] if isinstance(told, list) else []


def test_the_inferred_beside_the_true(stores: Path) -> None:
    """Of every recording: policy and limit or TTL as they are, within one message or 2 %, or no word of either."""
    print(f"\n{'recording':32}{'true':28}{'inferred':28}{'fit':>6}{'next':>6}")  # noqa: T201 - the table is the point
    for scenario in SCENARIOS:
        replays = found(stores, scenario)
        for one in replays or [None]:
            truth = true(scenario)
            said = "; ".join(f"{policy} {bound}" for policy, bound in sorted(truth)) or "-"
            if one is None:
                print(f"{scenario:32}{said:28}{'abstained':28}")  # noqa: T201
                continue
            policy, bound = one.best.hypothesis.policy, one.best.hypothesis.bound
            shown = bound if policy != "ttl" else round(bound / 1e6)
            rival = one.rival.fit if one.rival else 0.0
            print(f"{scenario:32}{said:28}{f'{policy} {shown}':28}{one.best.fit:6.2f}{rival:6.2f}")  # noqa: T201
            assert any(policy == its and abs(shown - real) <= max(1, 0.02 * real) for its, real in truth), scenario
            assert LOST[scenario][0] == policy, scenario
    assert {scenario for scenario in SCENARIOS if found(stores, scenario)} == set(LOST)


def test_the_limit_of_the_recordings_is_read_from_the_broker() -> None:
    """The truth of this test is the broker's, and it knows every bound that the table names."""
    for scenario, bound in LOST.items():
        assert bound in true(scenario), scenario


CRITICAL = Catalog.model_validate(
    {
        "version": "1",
        "teams": [{"name": "trading", "owns": {"services": ["trading-service"]}}],
        "journey_types": [
            {
                "name": "trade",
                "entry": {"service": "trading-service", "span": "*"},
                "owner": "trading",
                "criticality": "critical",
            }
        ],
    }
)


def saved(stores: Path, scenario: str) -> dict[str, int]:
    """Alternative -> critical messages lost, and of the one recommended the name under `best`."""
    path = stores / "owners.yaml"
    path.write_text(CRITICAL.model_dump_json(exclude_defaults=True))
    assert answered(stores, scenario).as_of_ns
    given = answer(Question(stores / scenario, owners=(path,)))
    (told,) = savings(given.analysis, given.catalog, given.analysis.handoffs, None, None)
    assert told.agreement > 0.9
    lost = {one.alternative: one.lost_critical or 0 for one in told.savings}
    assert abs(lost["as it was"] - told.lost_critical) <= 2
    assert told.best is not None
    assert lost[told.best] == 0
    return lost


def test_a_queue_of_its_own_saves_every_critical_message(stores: Path) -> None:
    """As `i_separate` shows in truth; priorities and a queue that refuses save nobody, and retries not all."""
    lost = saved(stores, "a_drophead")
    assert lost["a queue of its own for the critical flow, served first"] == 0
    assert lost["a queue of its own for the critical flow, half of the receivers each"] == 0
    assert lost["priorities, drop-head"] > lost["as it was"]


def test_priorities_made_it_worse(stores: Path) -> None:
    """Recorded in truth: with priorities and drop-head 37 of 60 are lost, without priorities 27."""
    lost = saved(stores, "h_prio_drophead")
    assert lost["priorities, drop-head"] == lost["as it was"]
    assert lost["as it was"] > 1.2 * saved(stores, "a_drophead")["as it was"]


def test_a_separate_queue_needs_no_further_one(stores: Path) -> None:
    """Where the flows are apart already, no queue of its own is offered for what is not in it."""
    given = answered(stores, "i_separate")
    (told,) = savings(given.analysis, given.catalog, given.analysis.handoffs, None, None)
    assert told.critical == told.lost_critical == 0
    assert not any("of its own" in one.alternative for one in told.savings)
    assert told.best is None
