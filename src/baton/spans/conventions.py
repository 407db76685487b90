"""Semantic conventions -> one vocabulary.

`schema.SPANS` has already put the attributes of every generation of names into one column each; this stage settles
what their *values* mean: which operation a span is, which channel it names, which service a call aims at.

Sources: OpenTelemetry semantic conventions 1.37 (messaging, RabbitMQ, RPC, database spans), their deprecated
predecessors (1.8 `messaging.operation`, 1.17 `publish`, `deliver`), and what pika, aio-pika and celery really send.
"""

from __future__ import annotations

import polars as pl

SERVER, CLIENT, PRODUCER, CONSUMER = 2, 3, 4, 5

STEPS: dict[str, tuple[str, ...]] = {
    "create": ("create",),
    "send": ("send", "publish", "produce", "enqueue"),
    "receive": ("receive", "poll", "fetch", "pull", "dequeue", "get"),
    "process": ("process", "deliver", "consume", "handle"),
    "settle": (
        "settle",
        "ack",
        "acknowledge",
        "nack",
        "reject",
        "commit",
        "complete",
        "abandon",
        "dead_letter",
        "defer",
    ),
}
"""Operation in Baton's words -> the words that spans use for it."""

REFUSALS: tuple[str, ...] = ("nack", "reject", "abandon", "dead_letter")
"""Settlements that give the message back."""

_STATEMENT = r"^(SELECT|INSERT|UPDATE|DELETE|MERGE|REPLACE) +[A-Za-z_\"`\[]"

_STEP_OF = {word: step for step, words in STEPS.items() for word in words}
_ROLE_OF = {"create": "send", "send": "send", "receive": "receive", "process": "receive", "settle": "settle"}


def normalise(spans: pl.LazyFrame) -> pl.LazyFrame:
    """Adds `step`, `role`, `refused`, `channel`, `queue`, `broker` and `target` (see schema.SIGHTINGS).

    A routing key that the destination's name carries goes into `routing_key`.

    Args:
        spans: SPANS, repaired.

    Returns:
        The same rows with String columns `step`, `role`, `channel`, `queue`, `broker` (never null), `target` and
        Boolean `refused`.
    """
    return (
        spans.with_columns(_step().alias("step"))
        .with_columns(_role().alias("role"))
        .with_columns(_refused().alias("refused"), *_places(), _broker().alias("broker"), _target().alias("target"))
    )


def _word(column: str) -> pl.Expr:
    return pl.col(column).str.to_lowercase().str.strip_chars()


def _messaging() -> pl.Expr:
    return pl.any_horizontal(pl.col("messaging_system", "destination", "operation_type").is_not_null())


def _step() -> pl.Expr:
    """The operation a span says it is, else what its kind says; without either it is none."""
    said = pl.coalesce(
        _word("operation_type").replace_strict(_STEP_OF, default=None, return_dtype=pl.String),
        pl.when(_messaging()).then(
            _word("operation_name").replace_strict(_STEP_OF, default=None, return_dtype=pl.String)
        ),
    )
    # A batch's creations may carry kind PRODUCER and its one transmission kind CLIENT: without a word of its own a
    # client span stays out.
    by_kind = (
        pl.when(pl.col("kind") == PRODUCER)
        .then(pl.lit("send"))
        .when(pl.col("kind") == CONSUMER)
        .then(pl.lit("process"))
    )
    return pl.coalesce(said, by_kind)


def _database() -> pl.Expr:
    """A client span that names a database; or, bare of any peer, one that is named like an SQL statement."""
    peer = ("server_address", "peer_service", "rpc_service", "http_route", "http_status")
    bare = pl.all_horizontal(pl.col(peer).is_null())
    return pl.col("db_system").is_not_null() | (bare & pl.col("name").str.contains(_STATEMENT))


def _role() -> pl.Expr:
    return pl.coalesce(
        pl.col("step").replace_strict(_ROLE_OF, default=None, return_dtype=pl.String),
        pl.when(pl.col("kind") == SERVER)
        .then(pl.lit("server"))
        .when((pl.col("kind") == CLIENT) & ~_database() & ~_messaging())
        .then(pl.lit("client")),
    )


def _refused() -> pl.Expr:
    word = pl.coalesce(_word("operation_name"), _word("operation_type"))
    return (pl.col("step") == "settle") & word.is_in(REFUSALS).fill_null(value=False)


def _places() -> tuple[pl.Expr, ...]:
    """Channel, routing key and queue.

    RabbitMQ's names come in three shapes: aio-pika's `exchange,key` at the sender and `exchange` at the receiver;
    conventions since 1.27 `exchange:key` at the sender and `exchange:key:queue` at the receiver; all others plain.
    """
    rabbit = pl.col("messaging_system") == "rabbitmq"
    name = pl.col("destination").str.strip_chars()
    commas = name.str.splitn(",", 2)
    exchange = commas.struct.field("field_0")
    colons = name.str.splitn(":", 3)
    at_receiver = colons.struct.field("field_2").is_not_null() & pl.col("role").is_in(["receive", "settle"])
    named = (
        pl.when(rabbit & name.str.contains(",", literal=True))
        .then(pl.when(exchange == "").then(commas.struct.field("field_1")).otherwise(exchange))
        .when(rabbit & at_receiver)
        .then(pl.concat_str(colons.struct.field("field_0"), pl.lit(":"), colons.struct.field("field_1")))
        .otherwise(name)
    )
    # Queues that the broker names itself live as long as one connection: as channels they are one.
    one = named.str.replace(r"^amq\.gen-.*$", "amq.gen-*")
    channel = pl.when(one != "").then(one).alias("channel")
    key = pl.when(rabbit & (exchange != "")).then(commas.struct.field("field_1"))
    queue = pl.when(rabbit & at_receiver).then(colons.struct.field("field_2")).alias("queue")
    return channel, pl.coalesce("routing_key", key).alias("routing_key"), queue


def _address() -> pl.Expr:
    port = pl.col("server_port").cast(pl.String)
    return pl.concat_str(
        pl.col("server_address"),
        pl.when(port.is_not_null()).then(pl.concat_str(pl.lit(":"), port)).otherwise(pl.lit("")),
    )


def _broker() -> pl.Expr:
    sends = pl.col("role").is_in(["send", "receive", "settle"])
    return pl.when(sends).then(_address()).fill_null("")


def _target() -> pl.Expr:
    """The callee as the caller says it, the most telling name first."""
    return pl.when(pl.col("role") == "client").then(
        pl.coalesce("peer_service", "rpc_service", _address(), pl.col("name"))
    )
