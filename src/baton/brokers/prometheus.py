"""Prometheus's text format (version 0.0.4), as far as a broker's node-wide counters need it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from baton.brokers.rows import count

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from baton.brokers.rows import Row

NODE_WIDE = "rabbitmq_global_"
"""What RabbitMQ's node-wide counters begin with; the other metrics are of one queue, or of the machine."""

_SAMPLE = re.compile(
    r'(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*(?:\{(?:[^}"\\]|"(?:[^"\\]|\\.)*")*\})?)'
    r"[ \t]+(?P<value>\S+)(?:[ \t]+-?[0-9]+)?"
)
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')


def samples(content: str) -> dict[str, float]:
    """Name with labels -> value, of all lines that are samples."""
    found = {}
    for line in content.splitlines():
        sample = _SAMPLE.fullmatch(line.strip())
        if sample is not None:
            try:
                found[sample["name"]] = float(sample["value"])
            except ValueError:
                continue
    return found


def counters(values: Mapping[str, object]) -> Iterator[Row]:
    """Facts of the node-wide counters among samples, and that they were looked at.

    A name is written with its labels, sorted and without spaces:
    `rabbitmq_global_messages_unroutable_dropped_total{protocol="amqp091"}`. What is a gauge (connected publishers,
    consumers) is left out: it does not rise.
    """
    yield {"fact": "snapshot", "vhost": "", "name": "counter"}
    for name, value in values.items():
        family, _, labels = name.partition("{")
        number = count(value)
        if family.startswith(NODE_WIDE) and family.endswith("_total") and number is not None:
            written = ",".join(sorted(f'{key}="{text}"' for key, text in _LABEL.findall(labels)))
            full = f"{family}{{{written}}}" if written else family
            yield {"fact": "counter", "vhost": "", "name": full, "value": number}
