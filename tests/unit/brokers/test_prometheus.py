from __future__ import annotations

from baton.brokers.prometheus import counters, samples

TEXT = """\
# TYPE rabbitmq_global_messages_dead_lettered_maxlen_total counter
# HELP rabbitmq_global_messages_dead_lettered_maxlen_total Total number of messages dead-lettered due to overflow
rabbitmq_global_messages_dead_lettered_maxlen_total{queue_type="classic",dead_letter_strategy="disabled"} 6e2
rabbitmq_global_messages_routed_total{protocol="amqp091"} 860 1790000000000
rabbitmq_global_publishers{protocol="amqp091"} 3
rabbitmq_global_messages_odd_total{text="a,b}\\""} 1
rabbitmq_global_messages_plain_total 4
rabbitmq_global_messages_broken_total NaN
rabbitmq_global_messages_negative_total -1
rabbitmq_global_messages_word_total many
erlang_vm_memory_bytes_total 12
no sample at all
"""


def test_only_a_nodes_rising_counters_count_each_by_its_labels_in_order() -> None:
    """Gauges, other metrics and what is no number are left out; labels are sorted and written without spaces."""
    found = {row["name"]: row["value"] for row in counters(samples(TEXT)) if row["fact"] == "counter"}
    assert found == {
        "rabbitmq_global_messages_dead_lettered_maxlen_total"
        '{dead_letter_strategy="disabled",queue_type="classic"}': 600,
        'rabbitmq_global_messages_routed_total{protocol="amqp091"}': 860,
        'rabbitmq_global_messages_odd_total{text="a,b}\\""}': 1,
        "rabbitmq_global_messages_plain_total": 4,
    }


def test_the_counters_tell_that_they_were_looked_at() -> None:
    """A look at counters that do not change is a look all the same."""
    assert [row["name"] for row in counters({}) if row["fact"] == "snapshot"] == ["counter"]
