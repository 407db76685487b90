"""What hides a loss, and what would mend it: one table, in the words of OpenTelemetry.

A *blind* row hides a loss wholly: each stands for clauses of the law (`handoffs.verdict`, `handoffs.calls`,
`brokers.settle`) that say `unobserved`. A *weak* one leaves an accusation possible, and less sure, late or poor.
"""

from __future__ import annotations

from typing import NamedTuple


class Hindrance(NamedTuple):
    """One row of a table.

    Attributes:
        name: in `TRUST.blinds`.
        proofs: clauses of the law that it stands for.
        told: the reason, after "N of M handoffs: ".
        change: what would mend it; null where nothing has to.
        by: whose change it is: senders, receivers, both, or nobody's of the two.

    Both texts may name `{senders}`, `{receivers}`, `{place}` (the queue, channel or callee), `{channel}`, `{sampled}`
    (services sampled by tail), `{keys}` (hot keys), `{pairs}` (receipts learned from) and `{needed}` (how many it
    takes).
    """

    name: str
    proofs: tuple[str, ...]
    told: str
    change: str | None
    by: str = "receivers"


_EXPORT = "{receivers}: raise the span exporter's queue (OTEL_BSP_MAX_QUEUE_SIZE), so that it drops no span"
_PARENT_BASED = "use parent-based sampling (OTEL_TRACES_SAMPLER=parentbased_traceidratio) for {senders} and {receivers}"

ONWARD = "onward"
"""Hides no loss: nothing is owed to a place that messages go to after or instead of their usual one."""

BLINDS = (
    Hindrance(
        "unpaired receipts",
        (),
        "{receivers} receives from {place}, and no receipt shares context, link or id with a send",
        "{senders}: inject traceparent into the message headers; {receivers}: extract it, as parent or link of its "
        "receive or process spans",
        "both",
    ),
    Hindrance(
        "uninstrumented receiver",
        ("unknown receiver",),
        "nobody was ever seen to receive from {place}",
        "instrument the consumer of {place}: process spans under the context of the message headers",
        "nobody",
    ),
    Hindrance(
        "uninstrumented server",
        (),
        "no server span ever answered {place}",
        "instrument {place}: server spans under the traceparent of the request",
        "nobody",
    ),
    Hindrance(
        "correlation ids only",
        ("unnamed",),
        "sends and receipts share correlation ids and nothing finer: losses are counted, and none is named",
        "{senders} and {receivers}: inject and extract traceparent in the message headers of {place}",
        "both",
    ),
    Hindrance(
        "tail sampling",
        ("tail sampled",),
        "traces of {sampled} are sampled by tail: which ones were kept depends on what happened in them",
        "use parent-based head sampling (OTEL_TRACES_SAMPLER=parentbased_traceidratio) for {senders} and {receivers}, "
        "not tail sampling",
        "both",
    ),
    Hindrance(
        "sampling",
        ("sampled",),
        "receipts by {receivers} look like a coin toss: it samples its spans, or takes only a part",
        _PARENT_BASED,
        "both",
    ),
    Hindrance(
        "sampling of links",
        (),
        "receipts by {receivers} look like a coin toss: it samples its spans, and a link carries no sampling decision",
        "{receivers}: make the message's context the parent of its process spans, under parent-based sampling "
        "(OTEL_TRACES_SAMPLER=parentbased_traceidratio), as for {senders}",
        "both",
    ),
    Hindrance(
        "head sampling",
        ("sampled out",),
        "by trace flags, tracestate or the trace ids that it keeps, {receivers} records no span of such a trace",
        _PARENT_BASED,
        "both",
    ),
    Hindrance(
        "unlinked batches",
        ("unlisted",),
        "{receivers} took more messages at once than its spans name",
        "{receivers}: add a link to the batch's receive span for every message, as OTEL_SPAN_LINK_COUNT_LIMIT allows",
    ),
    Hindrance(
        "silent instance",
        ("silent", "deaf"),
        "the telemetry of {receivers} ended about when the receipt was due",
        "{receivers}: shut the TracerProvider down on exit, so that the last spans are exported",
    ),
    Hindrance("telemetry gap", ("gap",), "the telemetry of {receivers} paused about when the receipt was due", _EXPORT),
    Hindrance(
        "lost spans",
        ("span loss", "lost receipt", "uncounted"),
        "{receivers} loses spans: children without a parent, or acknowledgements without a receipt",
        _EXPORT,
    ),
    Hindrance(
        "no earlier telemetry",
        ("unborn",),
        "no telemetry of {receivers} from before the receipt was due",
        "{receivers}: export spans from the start of the process on, before the first message is taken",
    ),
    Hindrance(
        "answers without server spans",
        ("answered",),
        "an answer came, and no server span of {receivers} arrived",
        "{receivers}: record a server span for every request, by parent-based sampling",
    ),
    Hindrance(
        "Baton's own outages",
        ("blind",),
        "Baton itself was down, refused or lost spans about when the receipt was due",
        "keep `baton serve` up, and let exporters retry for longer than it is down",
        "nobody",
    ),
    Hindrance(
        "sends without time",
        ("no time",),
        "the sends bear no start time",
        "{senders}: export spans with startTimeUnixNano",
        "senders",
    ),
    Hindrance(
        "unseen retries",
        ("retry unseen",),
        "the send failed and was sent again, and nobody can tell whether that was received",
        "instrument the consumer of {place}: process spans under the context of the message headers",
    ),
    Hindrance(ONWARD, (), "messages come here after or instead of their usual place: none is expected here", None),
)
"""The most effective change first."""

WEAK = (
    Hindrance(
        "own word only",
        (),
        "nobody was ever seen to receive from {place}: only the sender's or the broker's own word tells of losses",
        "instrument the consumer of {place}: process spans under the context of the message headers",
        "nobody",
    ),
    Hindrance(
        "too few messages",
        (),
        "no deadline is learned from fewer than {needed} receipts, and {pairs} came: the default of 30 s stands for it",
        "declare a deadline for {channel} under channels in ownership.yaml, or wait for more messages",
        "nobody",
    ),
    Hindrance(
        "order not readable",
        (),
        "messages of {place} overtake each other too far, or too few share a partition and a routing key: later ones "
        "do not prove that one is lost, and it is called stuck",
        "give the queue's broker facts: baton serve --broker URL",
        "nobody",
    ),
    Hindrance(
        "partitions not named",
        (),
        "messages of {place} overtake each other too far, and no span names a partition: later ones do not prove that "
        "one is lost, and it is called stuck",
        "{senders} and {receivers}: set messaging.destination.partition.id on send and receive spans",
        "both",
    ),
    Hindrance(
        "paired by correlation id",
        (),
        "receipts are told by correlation id and time alone",
        "{senders} and {receivers}: set messaging.message.id on send and receive spans of {place}",
        "both",
    ),
    Hindrance(
        "unnamed instances",
        (),
        "{receivers} names no instance: that one of several fell silent is not seen",
        "{receivers}: set service.instance.id",
    ),
    Hindrance(
        "clock skew",
        (),
        "receipts began over a second before their sends, or a server's clock is over a second off its caller's",
        "synchronise the clocks of {senders} and {receivers} (NTP)",
        "both",
    ),
    Hindrance(
        "hot keys",
        (),
        "{keys} would join too many traces and joins none: their journeys are cut here",
        "name {keys} under grouping_keys in ownership.yaml, and give each undertaking a key of its own",
        "senders",
    ),
    Hindrance(
        "no destination",
        (),
        "the sends name no destination: sender and span name stand for the channel",
        "{senders}: set messaging.destination.name on send spans",
        "senders",
    ),
)

BY_PROOF = {proof: row.name for row in BLINDS for proof in row.proofs}
"""Clause of the law -> name of the blind row."""

BY_NAME = {row.name: row for row in (*BLINDS, *WEAK)}
