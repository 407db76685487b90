from __future__ import annotations

import polars as pl

from baton.brokers.rows import Where, frame
from baton.limits import TABLE_ROWS_MAX
from baton.reports.facts import as_table

WHERE = Where(1_795_541_400 * 10**9, "default", "prod", "rabbit:5672")


def table(*rows: dict[str, str | int | None]) -> str:
    """The table of these queues, looked at when they were told."""
    shared = {"fact": "queue", "vhost": "/"}
    known = frame([shared | row for row in rows], WHERE, "management").with_columns(looked_ns="at_ns")
    return as_table(known, width=160, color=False)


def test_a_queue_is_shown_with_its_limits_and_what_waits() -> None:
    """Each figure is in its column; what is not limited or not known is a dash; where it is stands below the name."""
    shown = table(
        {
            "name": "notify",
            "kind": "classic",
            "messages_max": 1000,
            "bytes_max": 4096,
            "overflow": "drop-head",
            "ttl_ns": 300_000_000,
            "priorities": 9,
            "dead_letter": "",
            "dead_letter_routing": "notify.dead",
            "waiting": 1234,
            "consumers": 2,
            "policy": "cap",
        },
        {"name": "plain"},
    ).splitlines()
    assert " ".join(shown[2].split()) == ("notify 1,000 drop-head 300 ms 9 default exchange, notify.dead 1,234 2 cap")
    assert shown[3].split() == ["classic", "default", "prod", "rabbit:5672", "/", "4,096", "B"]
    assert shown[4].split() == ["plain", *"--------"]
    assert shown[-1] == "Looked at 2026-11-24 17:30:00 UTC."


def test_hostile_names_are_shown_harmless() -> None:
    """A queue's name cannot colour, clear or forge the table."""
    shown = table({"name": "\x1b[2Jx\nforged", "kind": "[bold]k"})
    assert "\x1b" not in shown
    assert "[bold]k" in shown
    assert not any(line.startswith("forged") for line in shown.splitlines())


def test_none_and_too_many_are_told() -> None:
    """Without queues it says what to do; beyond the bound, how many there are."""
    assert "baton broker snapshot URL" in as_table(pl.DataFrame(), width=160, color=False)
    assert f"{TABLE_ROWS_MAX} of {TABLE_ROWS_MAX + 1} queues." in table(
        *({"name": str(number)} for number in range(TABLE_ROWS_MAX + 1))
    )
