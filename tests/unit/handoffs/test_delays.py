from __future__ import annotations

import pytest

from baton.handoffs.delays import delays
from recording import Recording, mended, ns


@pytest.mark.parametrize(
    ("name", "value", "until"),
    [
        ("messaging.rocketmq.message.delay_time_level", 3, 11),
        ("messaging.rocketmq.message.delay_time_level", 99, None),
        ("messaging.rocketmq.message.delivery_timestamp", ns(60) // 1_000_000, 60),
        ("messaging.header.x_delay", '["5000"]', 6),
        ("messaging.header.x-delay", "5000", 6),
        ("messaging.header.x-delay", "soon", None),
        ("messaging.header.delay", "5000", None),
    ],
)
def test_what_senders_say_of_a_delay_is_read(name: str, value: str | int, until: float | None) -> None:
    """A level, a time or a header, from the send on; what is none delays nothing."""
    recording = Recording()
    recording.send(at=1, more={name: value})
    spans = mended(recording)
    found = delays(spans["row"], spans)["held_until_ns"].to_list()
    assert found == ([] if until is None else [ns(until)])
