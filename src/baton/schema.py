"""Every frame that passes between two stages, and the public row: each column once, with dtype, unit and meaning.

The stages never import each other; this module is their contract. Times are Int64 nanoseconds since 1970 (columns
`*_ns`) inside Baton and `Datetime("ns", "UTC")` in the public row. Binary ids are OTLP's own bytes; beside them stand
Int64 surrogates (`*_key`), which make joins about four times faster. A surrogate alone never accuses: full ids are
compared in the same join.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

FORMAT_VERSION = 1
"""Version of the store's layout and of SPANS; an unknown one is refused."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a frame.

    Attributes:
        name: the column's name; a unit stands last in it (`_ns`).
        dtype: the Polars dtype.
        meaning: one sentence.
        aliases: attribute names that fill the column, the first present wins (OpenTelemetry's semantic conventions
            1.37 first, then the names they replaced). An attribute that fills no column stays in `attributes`.
    """

    name: str
    dtype: pl.DataType
    meaning: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Frame:
    """A named list of columns."""

    name: str
    columns: tuple[Column, ...]

    @property
    def schema(self) -> pl.Schema:
        """Names and dtypes, in order."""
        return pl.Schema({column.name: column.dtype for column in self.columns})

    @property
    def names(self) -> list[str]:
        """The columns' names, in order."""
        return [column.name for column in self.columns]

    def empty(self) -> pl.DataFrame:
        """A frame of this schema without rows."""
        return pl.DataFrame(schema=self.schema)

    def aliases(self) -> dict[str, tuple[str, int]]:
        """Attribute name -> (column, rank): of two attributes for one column, the lower rank wins."""
        return {alias: (column.name, rank) for column in self.columns for rank, alias in enumerate(column.aliases)}


STRING, BINARY, BOOL = pl.String(), pl.Binary(), pl.Boolean()
I8, I64, F64, ROW = pl.Int8(), pl.Int64(), pl.Float64(), pl.UInt32()
TIME = pl.Datetime("ns", "UTC")
STRINGS = pl.List(pl.String())

ATTRIBUTE = pl.Struct({"key": pl.String(), "value": pl.String(), "type": pl.Int8()})
"""One attribute. `type` is the field number of OTLP's AnyValue: 1 string, 2 bool, 3 int, 4 double, 5 array, 6 kvlist,
7 bytes (base64), 0 empty. `value` is its text; arrays and kvlists are JSON."""

ATTRIBUTES = pl.List(ATTRIBUTE)

LINK = pl.Struct(
    {
        "trace_id": pl.Binary(),
        "span_id": pl.Binary(),
        "trace_key": pl.Int64(),
        "span_key": pl.Int64(),
        "trace_state": pl.String(),
        "flags": pl.Int64(),
        "attributes": ATTRIBUTES,
    }
)

EVENT = pl.Struct({"name": pl.String(), "time_ns": pl.Int64(), "attributes": ATTRIBUTES})

KEY = pl.Struct({"key": pl.String(), "value": pl.String()})

STEP = pl.Struct(
    {
        "journey": pl.String(),
        "service": pl.String(),
        "name": pl.String(),
        "outcome_key": pl.String(),
        "outcome": pl.String(),
        "to_name": pl.String(),
        "via": STRINGS,
    }
)
"""What a journey's step is, and what comes next. `journey`: the declared type, else service and name of its root;
`service`, `name`: of the step's entry span; `outcome_key`, `outcome`: the attribute that tells how it came out and its
value, empty where the span bears none (both null where no attribute does); `to_name`: name of the next step's entry
span; `via`: the services whose sends or calls reach the next step, null where not all of it is reached by one."""

JOURNEY_KEYS: tuple[str, ...] = (
    "order.id",
    "order_id",
    "trade.id",
    "trade_id",
    "deposit.id",
    "deposit_id",
    "payment.id",
    "payment_id",
    "transfer.id",
    "transfer_id",
    "transaction.id",
    "transaction_id",
    "app.order.id",
)
"""Span attributes that join the traces of one undertaking, unless settings or ownership.yaml name others."""

GROUPING_KEYS: tuple[str, ...] = ("session.id", "enduser.id", "user.id", "customer.id", "customer_id", "app.user.id")
"""Span attributes that group journeys (a session, a customer) and never join them."""

OWNER_ATTRIBUTES: tuple[str, ...] = ("service.owner",)
"""Resource attributes in which telemetry names its owner, unless settings name others."""

RESOURCE_ALIASES: dict[str, tuple[str, ...]] = {
    "service": ("service.name",),
    "service_namespace": ("service.namespace",),
    "service_version": ("service.version",),
    "service_instance": ("service.instance.id", "k8s.pod.uid", "k8s.pod.name", "host.id", "host.name"),
    "environment": ("deployment.environment.name", "deployment.environment"),
}
"""Resource attributes that fill a column; the first present wins, those not used stay in `resource`."""

SPANS = Frame(
    "spans",
    (
        Column("tenant", STRING, "Whose telemetry it is: a boundary that nothing crosses."),
        Column("environment", STRING, "deployment.environment.name; empty where none is stated."),
        Column("trace_id", BINARY, "16 bytes."),
        Column("span_id", BINARY, "8 bytes."),
        Column("parent_span_id", BINARY, "8 bytes; null for a root."),
        Column("trace_key", I64, "Surrogate of trace_id: its last 8 bytes, big-endian, signed."),
        Column("span_key", I64, "Surrogate of span_id: its 8 bytes, big-endian, signed."),
        Column("parent_key", I64, "Surrogate of parent_span_id; null for a root."),
        Column("start_ns", I64, "Start, raw clock; 0 where the sender left it out."),
        Column("end_ns", I64, "End, raw clock; 0 where the sender left it out."),
        Column("kind", I8, "OTLP SpanKind: 1 internal, 2 server, 3 client, 4 producer, 5 consumer."),
        Column("name", STRING, "Span name."),
        Column("status_code", I8, "OTLP status: 0 unset, 1 ok, 2 error."),
        Column("status_message", STRING, "Status description; null where empty."),
        Column("flags", I64, "W3C trace flags (bits 0-7) and whether the parent is remote (bits 8, 9)."),
        Column("trace_state", STRING, "W3C tracestate; null where empty."),
        Column("service", STRING, "service.name; unknown_service where absent, as the SDKs do."),
        Column("service_namespace", STRING, "service.namespace."),
        Column("service_version", STRING, "service.version."),
        Column("service_instance", STRING, "service.instance.id, else pod or host; empty where none is stated."),
        Column("resource", ATTRIBUTES, "Resource attributes that no column holds."),
        Column("scope_name", STRING, "Instrumentation scope."),
        Column("scope_version", STRING, "Its version."),
        Column("scope", ATTRIBUTES, "Scope attributes."),
        Column("schema_url", STRING, "Schema URL of the scope, else of the resource; null where empty."),
        Column("messaging_system", STRING, "The broker's kind.", ("messaging.system",)),
        Column(
            "destination",
            STRING,
            "Queue, topic or exchange, as this span says it.",
            ("messaging.destination.name", "messaging.destination", "message_bus.destination"),
        ),
        Column(
            "subscription_name",
            STRING,
            "A named subscription of a topic.",
            ("messaging.destination.subscription.name", "messaging.servicebus.destination.subscription_name"),
        ),
        Column(
            "consumer_group",
            STRING,
            "Consumer group.",
            (
                "messaging.consumer.group.name",
                "messaging.kafka.consumer.group",
                "messaging.kafka.consumer_group",
                "messaging.eventhubs.consumer.group",
                "messaging.rocketmq.client_group",
            ),
        ),
        Column(
            "operation_type",
            STRING,
            "create, send, receive, process, settle as said by the span (deprecated names included).",
            ("messaging.operation.type", "messaging.operation"),
        ),
        Column("operation_name", STRING, "The system's own name of the operation.", ("messaging.operation.name",)),
        Column("message_id", STRING, "Message id.", ("messaging.message.id", "messaging.message_id")),
        Column(
            "correlation_id",
            STRING,
            "Correlation id of the message.",
            (
                "messaging.message.conversation_id",
                "messaging.conversation_id",
                "messaging.message.correlation_id",
                "messaging.correlation_id",
            ),
        ),
        Column(
            "routing_key",
            STRING,
            "Routing key.",
            ("messaging.rabbitmq.destination.routing_key", "messaging.rabbitmq.routing_key"),
        ),
        Column(
            "partition",
            STRING,
            "Partition, or the group or key within which a broker keeps the order.",
            (
                "messaging.destination.partition.id",
                "messaging.kafka.destination.partition",
                "messaging.kafka.partition",
                "messaging.rocketmq.message.group",
                "messaging.gcp_pubsub.message.ordering_key",
            ),
        ),
        Column("batch_count", I64, "Messages in a batch.", ("messaging.batch.message_count",)),
        Column(
            "server_address",
            STRING,
            "The peer's address as the span says it.",
            ("server.address", "net.peer.name", "net.sock.peer.addr", "network.peer.address", "net.peer.ip"),
        ),
        Column(
            "server_port",
            I64,
            "The peer's port.",
            ("server.port", "net.peer.port", "net.sock.peer.port", "network.peer.port"),
        ),
        Column(
            "peer_service", STRING, "The callee's name as the caller says it.", ("service.peer.name", "peer.service")
        ),
        Column("rpc_service", STRING, "RPC service.", ("rpc.service",)),
        Column("rpc_method", STRING, "RPC method.", ("rpc.method",)),
        Column("http_route", STRING, "HTTP route.", ("http.route",)),
        Column("http_status", I64, "HTTP status answered.", ("http.response.status_code", "http.status_code")),
        Column("db_system", STRING, "Database kind.", ("db.system.name", "db.system")),
        Column("error_type", STRING, "What failed.", ("error.type",)),
        Column("exception_type", STRING, "exception.type of the span's first exception event."),
        Column("keys", pl.List(KEY), "Default journey and grouping keys that the span carries."),
        Column("attributes", ATTRIBUTES, "Every attribute that no column holds."),
        Column("events", pl.List(EVENT), "Span events."),
        Column("links", pl.List(LINK), "Span links."),
        Column("ingested_at", I64, "When Baton took it, ns."),
    ),
)

CHANNEL = ["tenant", "environment", "broker", "channel"]
"""What names a channel."""

SUBSCRIPTION = [*CHANNEL, "subscription"]
"""What names a subscription: each takes from a channel independently of others."""

SEQUENCE = [*SUBSCRIPTION, "service", "partition", "routing_key"]
"""Within one sequence, order means something: a queue or a partition hands over in the order it was given.

Messages of different senders over one exchange may be routed to different queues, so each sender is held to its own.
"""

SIGHTINGS = Frame(
    "sightings",
    (
        Column("row", ROW, "Position in the repaired spans: joins within one analysis."),
        Column("place", ROW, "Position in what was read: lists are read from there when they are asked for."),
        Column("linked", ROW, "How many links it has."),
        Column("trace_high", I64, "The first 8 bytes of trace_id, big-endian, signed; trace_key is the others."),
        Column("parent_row", ROW, "Row of the parent; null for a root, or where it has not arrived."),
        Column("skew_ns", I64, "How far this clock runs from its caller's, by an enclosing call; null where unseen."),
        Column("step", STRING, "create, send, receive, process or settle; null for what hands no message over."),
        Column("role", STRING, "send, receive, settle, client, server; null for the rest, and for databases."),
        Column("refused", BOOL, "A settlement that gives the message back."),
        Column("channel", STRING, "Destination after aliasing; null where the span says none."),
        Column("queue", STRING, "Queue, where the receiver names it apart from the channel."),
        Column("broker", STRING, "Broker address as the span says it; empty where none is stated."),
        Column("target", STRING, "Of a client span: the callee as the caller says it."),
        Column("team", STRING, "Owner of the span; unowned where nobody owns it."),
    ),
)
"""What repair, conventions and ownership add to SPANS."""

SENDS = Frame(
    "sends",
    (
        Column("send", ROW, "Row of the span whose context the message carried: it stands for the send."),
        Column("nest", pl.List(ROW), "Rows of all spans of this send, itself first: create, send, nested producers."),
        Column("failed", BOOL, "The worst status of the nest is an error."),
        Column("failure", STRING, "What the sender says failed; null if nothing did."),
        Column("returned", BOOL, "The sender says that the broker returned it."),
        Column("unsure", BOOL, "What failed is that no answer came in time: it may have been taken all the same."),
        Column("message_id", STRING, "Its own, else the nest's."),
        Column("correlation_id", STRING, "Its own, else the nest's."),
        Column("channel", STRING, "Its own, else the nest's; where none is said, UNSAID and what it is of."),
        Column("under", ROW, "Row of the span that its outermost span stands under; null where there is none."),
        Column("tenant", STRING, "Tenant."),
        Column("environment", STRING, "Environment."),
        Column("broker", STRING, "Broker address; empty where none is stated."),
        Column("messaging_system", STRING, "The broker's kind; empty where none is said."),
        Column("service", STRING, "Sender."),
        Column("partition", STRING, "Partition; null where unknown."),
        Column("routing_key", STRING, "Routing key; null where unknown."),
        Column("span_name", STRING, "Name of the span: the kind of message, as far as spans tell."),
        Column("sent_ns", I64, "Start of the span."),
        Column("randomness", I64, "56 bits by which consistent samplers decide on its trace, see `sampling`."),
    ),
)

PAIRS = Frame(
    "pairs",
    (
        Column("send", ROW, "Row of the send."),
        Column("receive", ROW, "Row of the receiving span; settlements among them."),
        Column("method", STRING, "parent, link, message_id or correlation."),
        Column("batched", BOOL, "The receiving span took several messages."),
    ),
)

UNNAMED = Frame(
    "unnamed",
    (
        Column("send", ROW, "Row of a send that shares nothing finer than a correlation id."),
        Column("sent", ROW, "How many share it."),
        Column("received", ROW, "How many receipts share it: not as many, and nothing tells which."),
    ),
)

RECEIPTS = Frame(
    "receipts",
    (
        Column("send", ROW, "Row of the send."),
        Column(
            "taker", STRING, "Who takes independently of others: group, subscription, queue, else service at place."
        ),
        Column("service", STRING, "Receiver, of the last delivery."),
        Column("lane", STRING, "Taker and partition: within it, messages come in the order of a queue."),
        Column("service_instance", STRING, "Its instance."),
        Column("home", STRING, "The receiver's environment; the sender's is the channel's."),
        Column("destination", STRING, "What the receiver calls the place."),
        Column("queue", STRING, "Queue, where the receiver names it apart."),
        Column("row", ROW, "Row of the receiving span, of the last delivery."),
        Column("step", STRING, "received, processed or settled."),
        Column("failed", BOOL, "The last delivery failed or was refused."),
        Column("failure", STRING, "Why."),
        Column("received_ns", I64, "Start of the last delivery."),
        Column("done_ns", I64, "End of the last delivery."),
        Column("batched", BOOL, "A span of it took several messages."),
        Column("method", STRING, "How it was paired, the strongest first."),
        Column("first_ns", I64, "Start of the first delivery."),
        Column("deliveries", ROW, "How often it was delivered."),
        Column("well", ROW, "Of these, how often it was handled without failing."),
        Column("redelivery_ns", I64, "Longest time from a failed delivery's end to the next one; null without one."),
        Column("threshold", I64, "Its sampler drops traces of less randomness; 0 where it says none."),
        Column("trace_key", I64, "As of SPANS, of the last delivery."),
    ),
)
"""One row a (send, taker): everything one taker did with one message."""

CALLS = Frame(
    "calls",
    (
        Column("send", ROW, "Row of the client span."),
        Column("receive", ROW, "Row of the server span that answered; null without one."),
        Column("tenant", STRING, "Tenant."),
        Column("environment", STRING, "Environment."),
        Column("channel", STRING, "Caller, target and operation: names the expectation; one address serves many."),
        Column("service", STRING, "Caller."),
        Column("to_service", STRING, "Who answered; null where nobody did."),
        Column("failed", BOOL, "The client span's status is an error."),
        Column("failure", STRING, "What the caller says failed."),
        Column("http_status", I64, "HTTP status that the caller saw."),
        Column("sent_ns", I64, "Start of the client span."),
        Column("sent_end_ns", I64, "End of the client span."),
        Column("received_ns", I64, "Start of the server span."),
        Column("done_ns", I64, "End of the server span."),
        Column("parent_row", ROW, "Row of the client span's parent."),
        Column("name", STRING, "Name of the client span."),
    ),
)

PRESSURE = Frame(
    "pressure",
    (
        Column("tenant", STRING, "Tenant."),
        Column("environment", STRING, "Environment."),
        Column("broker", STRING, "Broker address of the channel."),
        Column("channel", STRING, "Channel."),
        Column("subscription", STRING, "Subscription that lost something."),
        Column("scope", STRING, "own: this channel alone; pool: all channels that the same services receive from."),
        Column("survivors", ROW, "Messages received that were sent while losses went on."),
        Column("depth", F64, "Of these, how many messages were sent behind one before its receipt: the median."),
        Column("depth_iqr", F64, "Interquartile range of the same."),
        Column("wait_ns", F64, "How long they waited: the median."),
        Column("wait_iqr_ns", F64, "Interquartile range of the same."),
        Column("calm_wait_ns", F64, "How long others waited: the median; null without any."),
    ),
)

TELEMETRY = Frame(
    "telemetry",
    (
        Column("tenant", STRING, "Tenant."),
        Column("environment", STRING, "Environment."),
        Column("service", STRING, "Service."),
        Column("service_instance", STRING, "Instance."),
        Column("first_ns", I64, "Its first span's start."),
        Column("watermark_ns", I64, "Its last span's end: what it did before has arrived."),
    ),
)

JOURNEYS = Frame(
    "journeys",
    (
        Column("row", ROW, "Row of the span."),
        Column("journey_id", BINARY, "Trace id of the journey's earliest root."),
    ),
)

EXPECTATIONS = Frame(
    "expectations",
    (
        Column("version", STRING, "Hash of the rows' content: names the profile that a verdict used."),
        Column("from_ns", I64, "Start of the window it was learned from."),
        Column("until_ns", I64, "End of the window it was learned from."),
        Column("kind", STRING, "message, call or step."),
        Column("tenant", STRING, "Tenant."),
        Column("environment", STRING, "Environment."),
        Column("broker", STRING, "Broker address of the channel; of a call or step empty."),
        Column("channel", STRING, "Channel; of a call the calling service and its target; of a step it in words."),
        Column("subscription", STRING, "Who takes from it: queue, group, or services and destination; the next step."),
        Column("takers", STRINGS, "Labels of those seen receiving for it."),
        Column("services", STRINGS, "Their services."),
        Column("destination", STRING, "The destination as the receivers say it."),
        Column("relation", STRING, "expected: each message goes there; onward: dead-letter or park."),
        Column("routing_keys", STRINGS, "Routing keys that it takes; null where they are not known, or tell nothing."),
        Column("sends", I64, "Messages or calls sent while it was known."),
        Column("pairs", I64, "Of them received."),
        Column("first_ns", I64, "First send that it received."),
        Column("last_ns", I64, "Last send that it received."),
        Column("deadline_ns", I64, "Learned deadline after the send; null where too few pairs."),
        Column("reorder_ns", I64, "Largest delay between being overtaken and being received all the same."),
        Column("processing_ns", I64, "Longest receipt, start to end."),
        Column("processing_margin", F64, "A receipt may take so many times the longest; null where too few tell."),
        Column("tossed", BOOL, "Its receipts look like coin tosses: it samples or filters."),
        Column("step", STEP, "Of a step: which, and which comes next; `sends` took it, `pairs` went on."),
        Column("redelivery_ns", I64, "Longest time from a failed delivery's end to the next one; null if never seen."),
        Column("threshold", I64, "Its samplers drop traces of less randomness; 0 where neither they nor ids say any."),
        Column("home", STRING, "The receivers' environment; null where there are several, and of a call."),
        Column("retired_ns", I64, "No message sent later is expected: another took its place; null while it lives."),
        Column("shunned", STRINGS, "Kinds, as sender and span name, of which it never took one of many; null if none."),
    ),
)

PASSAGES = Frame(
    "passages",
    (
        Column("send", ROW, "Row of the step's entry span."),
        Column("tenant", STRING, "Tenant."),
        Column("environment", STRING, "Environment."),
        Column("journey_id", BINARY, "Journey."),
        Column("journey_type", STRING, "Its declared type."),
        Column("step", ROW, "Numbers the expectation."),
        Column("subscription", STRING, "The next step."),
        Column("sent_ns", I64, "Start of the step's entry span."),
        Column("went_ns", I64, "Start of the next step's; null where the journey never took it."),
        Column("deadline_at_ns", I64, "When it should have been taken."),
        Column("service", STRING, "The step's service."),
        Column("service_version", STRING, "Its version; null where none is stated."),
        Column("to_service", STRING, "The next step's service."),
        Column("via", STRINGS, "See STEP."),
        Column("said", STRING, "The step in words, with its outcome."),
        Column("sends", I64, "Journeys that took the step with that outcome, outside of episodes."),
        Column("pairs", I64, "Of them those that went on."),
    ),
)
"""One row a journey that took a step and ended it well, of steps that some journeys stopped after."""

OUTAGES = Frame(
    "outages",
    (
        Column("start_ns", I64, "When it began."),
        Column("end_ns", I64, "When it ended."),
        Column("kind", STRING, "down: no endpoint ran; refusing: requests were turned away; damaged: spans were lost."),
        Column("reason", STRING, "Why, in a sentence; null where the endpoint just did not run."),
        Column("requests", I64, "Requests turned away; 0 of the other kinds."),
    ),
)
"""When Baton itself could not see: spans of any tenant may be missing that were sent in these intervals.

Of `damaged` they are the times of ingestion between which the lost spans came.
"""

FACTS = Frame(
    "facts",
    (
        Column("at_ns", I64, "When it held: the snapshot's time; 0 for what is declared, which always holds."),
        Column("tenant", STRING, "Tenant."),
        Column("environment", STRING, "Environment; null is any."),
        Column("broker", STRING, "Broker address as spans say it; empty is any."),
        Column("source", STRING, "management, definitions, declared or neutral: where it comes from."),
        Column(
            "fact", STRING, "queue, route, subscription or counter, or what `FACTS` says: which columns below it fills."
        ),
        Column("vhost", STRING, "Namespace within the broker; empty where there is none."),
        Column(
            "name", STRING, "Queue or topic; of a route what is sent to; of a subscription its group; of a counter."
        ),
        Column("kind", STRING, "Of a queue: classic, quorum, stream, topic; of a route: see `brokers.facts`."),
        Column("messages_max", I64, "Queue: at most so many messages; null is without a limit, or unknown."),
        Column("bytes_max", I64, "Queue: at most so many bytes."),
        Column("overflow", STRING, "Queue at its limit: drop-head, reject-publish or reject-publish-dlx."),
        Column("ttl_ns", I64, "Queue: a message that waits longer expires."),
        Column("priorities", I64, "Queue: its highest priority; null where it knows none."),
        Column("deliveries_max", I64, "Queue: delivered so often without success, a message is given up."),
        Column(
            "dead_letter", STRING, "Queue: exchange for what it evicts, expires, rejects; empty is the default one."
        ),
        Column("dead_letter_routing", STRING, "Queue: the routing key given to it; null keeps the message's own."),
        Column("policy", STRING, "Queue: name of the policy in force."),
        Column("waiting", I64, "Queue: messages in it, those with consumers but unacknowledged among them."),
        Column("unacknowledged", I64, "Queue: delivered and neither acknowledged nor given back."),
        Column("consumers", I64, "Queue: consumers."),
        Column("published", I64, "Queue: messages that ever came into it, or were refused by it: a counter."),
        Column("acknowledged", I64, "Queue: acknowledged ones: a counter; deliveries without acknowledgement count."),
        Column("redelivered", I64, "Queue: delivered again: a counter."),
        Column("routing_key", STRING, "Route: its pattern; null takes every key."),
        Column("to", STRING, "Route: where it leads. Subscription: its topic."),
        Column("to_kind", STRING, "Route: queue or exchange."),
        Column("partition", STRING, "Subscription: partition; null for all."),
        Column("committed", I64, "Subscription: offset committed."),
        Column("end", I64, "Subscription: offset of the log's end."),
        Column("value", I64, "Counter: its value."),
    ),
)
"""What brokers say of themselves, one row a fact. Counters rise from the queue's, or the node's, start.

In the store it is a history: a row holds from its time on, until another row of the same thing, or one that says that
the thing is gone (fact `queue_gone`, `route_gone`, `subscription_gone`: the row as it was last, at the time when it was
missed). What did not change is not repeated; rows with fact `snapshot` say when it was looked at: `name` is the fact
(queue, route, subscription, counter) of which the snapshot told all there was in the `vhost`. `brokers.history.held`
gives the state at a time.
"""

FLOWS = Frame(
    "flows",
    (
        Column("tenant", STRING, "Tenant."),
        Column("environment", STRING, "Environment; empty where none is stated."),
        Column("broker", STRING, "Broker address as the senders' spans say it; empty where none is stated."),
        Column("vhost", STRING, "The queue's namespace within the broker."),
        Column("queue", STRING, "A queue that surely takes what is sent so."),
        Column("bounded", BOOL, "It has a limit of messages or bytes; a TTL alone is none of these."),
        Column("messages_max", I64, "Queue: at most so many messages; null is without a limit, or unknown."),
        Column("bytes_max", I64, "Queue: at most so many bytes."),
        Column("overflow", STRING, "Queue at its limit: drop-head, reject-publish or reject-publish-dlx."),
        Column("ttl_ns", I64, "Queue: a message that waits longer expires."),
        Column("channel", STRING, "Where the sender sends."),
        Column("routing_key", STRING, "Under which key; null where unknown, or where a channel has too many to tell."),
        Column("service", STRING, "Sender."),
        Column("team", STRING, "Its owner; unowned where nobody owns it."),
        Column("journey_type", STRING, "Declared type of the journeys; null where none fits."),
        Column("criticality", STRING, "Of that type: critical, high, normal or low; null without a type."),
        Column("handoffs", I64, "Messages sent so."),
    ),
)
"""Who sends what into each queue, one row a queue and flow: what shares its limits."""

FIGURES = pl.Struct(
    {
        "messages_max": pl.Int64(),
        "bytes_max": pl.Int64(),
        "overflow": pl.String(),
        "policy": pl.String(),
        "ttl_ms": pl.Float64(),
        "priorities": pl.Int64(),
        "deliveries_max": pl.Int64(),
        "dead_letter": pl.String(),
        "dead_letter_routing": pl.String(),
        "waiting": pl.Int64(),
        "consumers": pl.Int64(),
        "redelivered": pl.Int64(),
        "flows": pl.List(
            pl.Struct(
                {
                    **dict.fromkeys(("service", "team", "channel", "routing_key", "journey_type"), pl.String()),
                    "criticality": pl.String(),
                    "handoffs": pl.Int64(),
                }
            )
        ),
        "bindings": pl.List(pl.Struct({"exchange": pl.String(), "routing_key": pl.String()})),
        "services": STRINGS,
        "routing_keys": STRINGS,
        "handoffs": pl.Int64(),
        "lost": pl.Int64(),
        "over_ttl": pl.Int64(),
        "p50_ms": pl.Float64(),
        "p99_ms": pl.Float64(),
        "max_ms": pl.Float64(),
        "published": pl.Int64(),
        "confirmed": pl.Int64(),
    }
)
"""What a row of LINT was told by: limits as the broker holds them, and what was seen; null is of no matter to the rule.

`handoffs` were sent in the window; of them `lost` were lost in the way that the rule is about; `over_ttl` waited longer
than the TTL; `published` and `confirmed` are the node's counters.
"""

LINT = Frame(
    "lint",
    (
        Column("rule", STRING, "Name of the rule, see docs/lint.md."),
        Column("severity", STRING, "error, warning or note."),
        Column("queue", STRING, "Queue; null where the rule is about an exchange or the broker."),
        Column("owner", STRING, "The queue's team, else the one that owns what is sent to it; unowned else."),
        Column("message", STRING, "What is wrong, with its figures."),
        Column("change", STRING, "The change to make."),
        Column("figures", FIGURES, "The figures."),
        Column("tenant", STRING, "Tenant."),
        Column("environment", STRING, "Environment; null is any."),
        Column("broker", STRING, "Broker address; empty is any."),
        Column("vhost", STRING, "Namespace within the broker."),
        Column("exchange", STRING, "Exchange, where the rule is about one."),
        Column("at", TIME, "When the broker said so last that anything of it changed; null of what people declared."),
    ),
)
"""One row a danger: what a broker's set-up and the traffic over it will lose. The worst first."""

HANDOFFS = Frame(
    "handoffs",
    (
        Column("handoff_id", STRING, "32 hex digits of SHA-256 over kind, send trace and span id, subscription."),
        Column("kind", STRING, "message, call or step."),
        Column("tenant", STRING, "Tenant."),
        Column("environment", STRING, "Environment; empty where none is stated."),
        Column("trace_id", STRING, "Hex: trace of the span whose context the message carried."),
        Column("span_id", STRING, "Hex: that span."),
        Column("receive_trace_id", STRING, "Hex: trace of the receipt; null without one."),
        Column("receive_span_id", STRING, "Hex: the receiving span; null without one."),
        Column("message_id", STRING, "Message id."),
        Column("correlation_id", STRING, "Correlation id."),
        Column("journey_id", STRING, "Hex: trace id of the journey's earliest root."),
        Column("journey_type", STRING, "Declared type of the journey; null where none fits."),
        Column("sent_at", TIME, "Start of the send, sender's clock."),
        Column("received_at", TIME, "Start of the receipt, receiver's clock; null without one."),
        Column("deadline_at", TIME, "When it should have been received."),
        Column("from_service", STRING, "Sender."),
        Column("from_team", STRING, "Its owner."),
        Column("channel", STRING, "Channel; null for calls."),
        Column("channel_team", STRING, "The queue's owner if known and owned, else the channel's; null for calls."),
        Column("queue", STRING, "The queue by broker facts or the receiver's word; null where unknown."),
        Column("to_service", STRING, "Receiver; null where none is known."),
        Column("to_team", STRING, "Its owner; null where none is known."),
        Column("verdict", STRING, "delivered, retried, dropped, unobserved, pending or stuck."),
        Column("late", BOOL, "Received after its deadline."),
        Column("receipt", STRING, "received, processed or settled; null without one."),
        Column("duplicates", I64, "Times beyond the first that it was handled well; null without a receipt."),
        Column("cause", STRING, "Of dropped and stuck: a row of the table of causes; else null."),
        Column("confidence", STRING, "confirmed, inferred or suspected; null unless dropped or stuck."),
        Column("disposition", STRING, "gone, waiting, dead_lettered, parked or unknown; null unless dropped or stuck."),
        Column("held_at", STRING, "Where it is held, if dead-lettered, parked or waiting at a known place."),
        Column("resubmitted_by", STRING, "handoff_id of the later send that made good a silent loss."),
        Column("accountable_team", STRING, "Who can most effectively prevent it; null when suspected or unknown."),
        Column("next_to_ask", STRING, "Whom to ask and why, where nobody is accountable yet."),
        Column(
            "expected_by", STRING, "Whence the expectation: learned, declared or bound; null where nothing is expected."
        ),
        Column(
            "finding_id", STRING, "Groups the rows of one boundary, cause and episode; null unless dropped or stuck."
        ),
        Column("as_of", TIME, "Event time at which it was judged."),
        Column("evidence", STRINGS, "Sentences with the figures that convict."),
    ),
)
"""The public row: one a handoff, the same at every door."""

AMOUNTS = pl.List(pl.Struct({"currency": pl.String(), "amount": pl.String(), "journeys": pl.Int64()}))
SEGMENTS = pl.List(pl.Struct({"segment": pl.String(), "journeys": pl.Int64()}))
SHARES = pl.List(
    pl.Struct({"service": pl.String(), "team": pl.String(), "criticality": pl.String(), "share": pl.Float64()})
)
DISPOSITIONS = pl.List(pl.Struct({"disposition": pl.String(), "count": pl.Int64()}))
JOURNEY_TYPES = pl.List(pl.Struct({"journey_type": pl.String(), "owner": pl.String(), "count": pl.Int64()}))

FINDINGS = Frame(
    "findings",
    (
        Column("finding_id", STRING, "32 hex digits; `findings.episodes` says what it is made of."),
        Column("kind", STRING, "message, call or step."),
        Column("tenant", STRING, "Tenant."),
        Column("environment", STRING, "Environment; empty where none is stated."),
        Column("verdict", STRING, "dropped or stuck."),
        Column("cause", STRING, "A row of the table of causes; unknown where none is known."),
        Column("confidence", STRING, "confirmed, inferred or suspected: the weakest of its rows."),
        Column("from_team", STRING, "Owner of the senders; unowned where nobody is."),
        Column("from_services", STRINGS, "Senders, the most frequent first."),
        Column("channel", STRING, "Channel; null for calls."),
        Column("channel_team", STRING, "The queue's owner if known and owned, else the channel's; null for calls."),
        Column("queue", STRING, "The queue by broker facts or the receiver's word; null where unknown."),
        Column("to_team", STRING, "Owner of the receivers; null where none is known."),
        Column("to_services", STRINGS, "Receivers, the most frequent first."),
        Column("count", I64, "Handoffs of this finding: lost, or stuck."),
        Column("handoffs", I64, "All handoffs of the boundary: what `count` is a part of."),
        Column("during", I64, "Of them those sent between the first and the last of this finding."),
        Column("first_at", TIME, "First send among them."),
        Column("last_at", TIME, "Last send among them."),
        Column("ongoing", BOOL, "Nothing shows that it ended: too few handoffs came through since, or they are stuck."),
        Column("since", I64, "Handoffs of the boundary that came through since the last one."),
        Column("journeys", I64, "Distinct journeys hit."),
        Column("journey_types", JOURNEY_TYPES, "Declared types hit, their owners and handoffs, most first."),
        Column("customers", I64, "Distinct customers among the journeys hit; null where no span names one."),
        Column("segments", SEGMENTS, "Journeys hit by the customers' segment, most first."),
        Column("amounts", AMOUNTS, "Money at risk: exact sums by currency, each journey once; currency null: unknown."),
        Column("unreadable", I64, "Journeys hit whose amount is no amount."),
        Column("unpriced", I64, "Journeys hit of which no span names an amount."),
        Column("duplicates", I64, "Times that they were handled well once more, and resubmissions that made good."),
        Column("resubmitted", I64, "Of its losses those that the customer's own resubmission made good."),
        Column("accountable_team", STRING, "Who can most effectively prevent it; null when suspected or unknown."),
        Column("accountable_why", STRING, "Why they, and what part the others have in it."),
        Column("next_to_ask", STRING, "Whom to ask and why, where nobody is accountable yet."),
        Column("dispositions", DISPOSITIONS, "Where they are now, most first."),
        Column(
            "crowding",
            SHARES,
            "Of an overflow who held the queue when these were lost, largest first; criticality of declared journeys.",
        ),
        Column("changed", STRINGS, "What changed just before the first of them."),
        Column("exemplars", STRINGS, "Trace ids."),
        Column("evidence", STRINGS, "Sentences with the figures that convict: those of the most telling row."),
        Column("as_of", TIME, "Event time at which it was judged."),
    ),
)
"""One row a finding: all handoffs of one boundary, verdict, cause and episode. Worst first."""

RECOVERY = Frame(
    "recovery",
    (
        Column("sent_at", TIME, "When it was sent."),
        Column("keys", STRINGS, "The journey's business keys: name=value."),
        Column("message_id", STRING, "Message id."),
        Column("correlation_id", STRING, "Correlation id."),
        Column("customer", STRING, "Customer; null where no span names one."),
        Column("amount", STRING, "Amount; null where no span names one that can be read."),
        Column("currency", STRING, "Its currency; null where unknown."),
        Column("from_service", STRING, "Who sent it, and would send it again."),
        Column("channel", STRING, "Where it was sent; null for calls."),
        Column("to_service", STRING, "Who should have received it."),
        Column("verdict", STRING, "dropped or stuck."),
        Column("disposition", STRING, "gone, waiting, dead_lettered, parked or unknown."),
        Column("held_at", STRING, "Where it is held, if dead-lettered, parked or waiting at a known place."),
        Column("replay", STRING, "yes, no, or check: whether to send it again; never yes where that may duplicate."),
        Column("why", STRING, "Why so."),
        Column("notify", STRINGS, "Whom to tell: who is accountable, the journey's owner, the receiver."),
        Column("journey_id", STRING, "Hex: the journey."),
        Column("trace_id", STRING, "Hex: its trace."),
        Column("handoff_id", STRING, "The handoff."),
    ),
)
"""One row a message to replay or repair, by the time it was sent."""

BLINDS = pl.List(pl.Struct({"blind": pl.String(), "handoffs": pl.Int64()}))

TRUST = Frame(
    "trust",
    (
        Column("kind", STRING, "message or call."),
        Column("tenant", STRING, "Tenant."),
        Column("environment", STRING, "Environment; empty where none is stated."),
        Column("from_team", STRING, "Owner of the senders; unowned where nobody is."),
        Column("from_service", STRING, "Sender, where nobody owns it; null where its owner stands for it."),
        Column("to_team", STRING, "Owner of the receivers; null where none is known."),
        Column("to_service", STRING, "Receiver, where nobody owns it; null where its owner stands for it."),
        Column("channel", STRING, "Channel; null for calls, and where the sends name none."),
        Column("channel_team", STRING, "The queue's owner if known and owned, else the channel's; null for calls."),
        Column("may_accuse", STRING, "yes, limited, no or unknown: whether Baton may call a handoff dropped here."),
        Column("reasons", STRINGS, "Why not, or not always: sentences with figures, the weightiest first."),
        Column("mend", STRING, "The one change that would help most; null where none is needed."),
        Column("mend_team", STRING, "Whose change it is; null where it is the operators' of Baton or a broker."),
        Column("handoffs", I64, "All handoffs of the boundary."),
        Column("accusable", I64, "Of them those whose loss would show, or was told by the broker."),
        Column("received", I64, "Of them those that were received."),
        Column("context", F64, "Share of the handoffs received under the send's own context."),
        Column("links", F64, "Share received by a link to the send."),
        Column("message_ids", F64, "Share received by the same message id."),
        Column("correlation_ids", F64, "Share received by the same correlation id."),
        Column("send_message_ids", F64, "Share whose send bears a message id; null for calls."),
        Column("send_correlation_ids", F64, "Share whose send bears a correlation id; null for calls."),
        Column("facts_at", TIME, "When the broker was last asked of its queue; null where it never was."),
        Column("counters", BOOL, "The broker counts what came into the queue and what was acknowledged."),
        Column("deadline", STRING, "declared, learned or default: the weakest; null where no receipt is waited for."),
        Column("learned_from", I64, "Receipts, or answers, that what is usual was learned from."),
        Column("blinds", BLINDS, "Handoffs by what hides, or would hide, their loss; most first."),
        Column("as_of", TIME, "Event time at which it was judged."),
    ),
)
"""One row a boundary and kind: what an accusation there would rest on. Those with the most blind handoffs first."""

COVERED = Frame(
    "covered",
    (
        Column("what", STRING, "spans, services, channels or journeys."),
        Column("owned", I64, "How many of them have an owner."),
        Column("total", I64, "How many there are."),
        Column("share", F64, "Owned of all; null where there are none."),
        Column("traffic", F64, "The same by their spans or messages; null for spans and journeys, which are traffic."),
    ),
)
"""What of the traffic is owned, one row a kind of thing; `ownership.coverage` says what counts."""

COVERAGE = Frame(
    "coverage",
    (
        Column("section", STRING, "What is amiss: one of COVERAGE_SECTIONS."),
        Column("kind", STRING, "What it is: service, channel, queue, journey, team, a kind of rule, ..."),
        Column("tenant", STRING, "Tenant; null for what is declared, which is every tenant's."),
        Column("environment", STRING, "Environment; empty where none is stated, null for what is declared."),
        Column("name", STRING, "Its name, or a rule's pattern."),
        Column("owner", STRING, "Who owns it, or would; null where nobody does."),
        Column("count", I64, "Its spans, messages or journeys in the window; of what is not seen 0."),
        Column("last_seen", TIME, "Start of the newest span of it; null where it was never seen."),
        Column("detail", STRING, "Why it is told, in a sentence."),
    ),
)
"""What ownership leaves open, one row a thing, by section and then the most traffic first."""

COVERAGE_SECTIONS: tuple[str, ...] = (
    "unowned_service",
    "unowned_channel",
    "gray_area",
    "orphan",
    "journey",
    "unsent",
    "unreachable",
    "stale",
    "unseen",
    "conflict",
    "note",
)
"""Services and channels without an owner; ties; channels between owners; journeys without an owner; receives that
nothing sent; teams with no escalation; rules that match nothing any more; rules that the store is too young to call so;
sources that disagree; what was read and not used."""

TRAFFIC = Frame(
    "traffic",
    (
        Column("kind", STRING, "message or call."),
        Column("tenant", STRING, "Tenant."),
        Column("environment", STRING, "Environment; empty where none is stated."),
        Column("send", ROW, "Row of the span that sent it."),
        Column("service", STRING, "Sender."),
        Column("instance", STRING, "Its instance; empty where none is stated."),
        Column("broker", STRING, "Broker address; empty where none is stated, null for calls."),
        Column("channel", STRING, "Channel; null for calls."),
        Column("routing_key", STRING, "Routing key; null where unknown."),
        Column("operation", STRING, "Of a call its names as caller and server say them, SEPARATOR between them."),
        Column("to_service", STRING, "Receiver, or those that may have been it, SEPARATOR between them; else null."),
        Column("queue", STRING, "The queue by broker facts or the receiver's word; null where unknown."),
        Column("from_team", STRING, "Owner of the sender."),
        Column("to_team", STRING, "Owner of the receiver; null where none is known."),
        Column("channel_team", STRING, "The queue's owner if known and owned, else the channel's; null for calls."),
        Column("journey_type", STRING, "Declared type of the journey; null where none fits."),
        Column("verdict", STRING, "As in HANDOFFS."),
        Column("cause", STRING, "As in HANDOFFS."),
        Column("accountable_team", STRING, "As in HANDOFFS."),
        Column("sent_ns", I64, "Start of the send, sender's clock."),
        Column("sent_end_ns", I64, "End of the send, sender's clock."),
        Column("received_ns", I64, "Start of the receipt, receiver's clock; null without one."),
        Column("deadline_at_ns", I64, "When it should have been received; of a call the end of its send."),
        Column("failed", BOOL, "The sender saw it fail."),
        Column("nacked", BOOL, "What the sender saw was the broker's no to a publish."),
        Column("duplicates", I64, "As in HANDOFFS."),
        Column("correlated", BOOL, "Its send says a correlation id."),
        Column("attempt", STRING, "What attempts of it share: of a message its id, of a call its parent and name."),
        Column("skew_ns", I64, "How far the two clocks were seen to differ at most; 0 where nothing tells."),
        Column("sampled", BOOL, "Sender or receiver is known to leave out spans."),
    ),
)
"""Handoffs as contracts see them: messages to expected subscriptions, and calls."""

SEPARATOR = "\x1f"
"""Stands between several names in one value: no name holds it, for it cannot be printed."""

CONTRACTS = Frame(
    "contracts",
    (
        Column("contract", STRING, "Name of the contract."),
        Column("clause", STRING, "deadline, loss, latency p99, retries, confirms, idempotent, dead_letter, ..."),
        Column("verdict", STRING, "holds, breached or unproven."),
        Column("tenant", STRING, "Tenant; null where nothing was sent."),
        Column("environment", STRING, "Environment; null where nothing was sent."),
        Column("sender", STRING, "Sender, as the contract names it."),
        Column("way", STRING, "Channel and key, or the call, as the contract names them."),
        Column("receivers", STRINGS, "Receivers, as the contract names them."),
        Column("promised", STRING, "What was promised."),
        Column("measured", STRING, "What was measured; null where nothing could be."),
        Column("judged", I64, "Handoffs, queues or failed sends that the clause was held against."),
        Column("breaches", I64, "Of them those that break it."),
        Column("unseen", I64, "Handoffs left out: pending, or nobody could see what became of them."),
        Column("reason", STRING, "Why the verdict is what it is."),
        Column("accountable_team", STRING, "Who answers for this clause; unowned where nobody does."),
        Column("accountable_why", STRING, "Why they."),
        Column("owner", STRING, "The contract's owner; unowned where there is none."),
        Column("escalation", STRINGS, "Whom to wake, one after the other."),
        Column("exemplars", STRINGS, "Trace ids of breaches, the earliest first."),
        Column("as_of", TIME, "Event time at which it was judged."),
    ),
)
"""One row a contract's clause, in each tenant and environment where it was put to use."""

VERDICTS: tuple[str, ...] = ("delivered", "retried", "dropped", "unobserved", "pending", "stuck")

MAP_NODES = Frame(
    "map_nodes",
    (
        Column("id", I64, "1, 2, 3 ... in this map only."),
        Column("tenant", STRING, "Tenant."),
        Column("environment", STRING, "Environment; empty where none is stated."),
        Column("kind", STRING, "team, service, channel, queue, several (one of them, nobody can tell which), unknown."),
        Column("name", STRING, "Its name; of several those that it may be; of unknown what is known of it."),
        Column("team", STRING, "Its owner; unowned where nobody is; null of what is several or unknown."),
    ),
)
"""A node of `baton map`: its attributes in every format."""

MAP_EDGES = Frame(
    "map_edges",
    (
        Column("source", I64, "Node that hands over."),
        Column("target", I64, "Node that is handed to."),
        Column("kind", STRING, "message or call."),
        Column("handoffs", I64, "Handoffs that go this way."),
        *(Column(verdict, I64, f"Of them {verdict}.") for verdict in VERDICTS),
        Column("late", I64, "Of them delivered after their deadline."),
        Column("p50_ms", F64, "Median from sent to received, raw clocks; null where nothing was, and into a channel."),
        Column("p99_ms", F64, "Likewise of 99 %."),
        Column("channels", STRINGS, "Channels of the messages; empty for calls."),
    ),
)
"""An edge of `baton map`, likewise."""

DEFAULT_TENANT = "default"
"""Whose telemetry it is where the sender names nobody."""

UNSAID = "? "
"""What the channel of a send begins with that says no destination: sender and span name stand for it."""

ONWARD_NAME = (
    r"(?i)(^|[^a-z])(d[-_. ]?l[-_. ]?[qxet]|dead|dead[-_. ]?letter(s|ed|ing)?|park(ed|ing)?([-_. ]?lot)?|poison(ed)?|"
    r"quarantined?|undeliver(ed|able)|unrout(ed|able)|alternate|reject(s|ed)?|fail(ed|ures?)|errors?|retry|retries)"
    r"([^a-z]|$)"
)
"""Names that operators give to places a message goes after or instead of its usual one."""

RETRY_NAME = r"(?i)retry|retries|redeliver"
"""Names of those from which it is taken again."""

SEVERAL = " | "
"""Stands between names of which one is meant and nobody can tell which."""

UNOWNED = "unowned"
"""A known thing without an owner; null is an unknown thing."""
