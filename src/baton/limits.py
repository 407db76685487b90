"""Every bound in one place, with where its number comes from. The relations between them are asserted at import.

Units stand last in the names: `_s` seconds, `_ns` nanoseconds, `_bytes`.
"""

from __future__ import annotations

SECOND_NS = 1_000_000_000

# --- the endpoint --------------------------------------------------------------------------------------------------

# The OpenTelemetry Collector's otlpreceiver accepts 20 MiB by HTTP; batches of large spans outgrow it in practice.
REQUEST_BYTES_MAX = 64 * 1024 * 1024
# Messages may nest (AnyValue in AnyValue); protobuf's own parsers stop at 100 levels.
NESTING_MAX = 64
# A segment of the journal is sealed and drained to the table at this size or this age, whichever comes first.
SEGMENT_BYTES_MAX = 64 * 1024 * 1024
SEGMENT_AGE_S_MAX = 2.0
# Requests waiting for the journal beyond this are refused as "try again": memory stays bounded whatever arrives.
JOURNAL_BACKLOG_BYTES_MAX = 256 * 1024 * 1024
# SIGTERM: how long requests under way may take to be answered before the sockets close.
SHUTDOWN_GRACE_S = 5.0
# How often `serve` learns expectations anew; the design's analysis tick.
LEARN_INTERVAL_S = 10.0
# Rows that `load` holds decoded in memory before it commits them: about 1 KB a span.
LOAD_SPANS_MAX = 200_000

# --- ids and times -------------------------------------------------------------------------------------------------

TRACE_ID_BYTES = 16
SPAN_ID_BYTES = 8
# Times are Int64 nanoseconds since 1970: the end of that range is in the year 2262.
TIME_NS_MAX = 2**63 - 1

# --- pairing -------------------------------------------------------------------------------------------------------

# How many spans may stand between a receive and the send above it: instrumentation wrappers, not whole services.
PARENT_CHAIN_MAX = 16
# "The same message id, near in time": producers restart their counters; a queue over a weekend keeps the id.
MESSAGE_ID_WINDOW_NS = 72 * 3600 * SECOND_NS
# A correlation id recurs on other days; conversations of a bank's day end with it.
CORRELATION_WINDOW_NS = 12 * 3600 * SECOND_NS
# A receive this much before its send is skew, not another message: clocks of banks are held to a second, VMs drift
# to minutes after a pause.
SKEW_NS_MAX = 10 * 60 * SECOND_NS
# A journey key that would join more traces than this is hot: it joins nothing and is reported.
HOT_KEY_TRACES_MAX = 200

# --- expectation ---------------------------------------------------------------------------------------------------

# A subscription is known once it was seen to take this many messages of a channel.
SUBSCRIPTION_PAIRS_MIN = 1
# Below this many pairs a latency profile says nothing: the default deadline holds.
DEADLINE_PAIRS_MIN = 20
DEADLINE_DEFAULT_NS = 30 * SECOND_NS
# A learned deadline is this many times the 99th percentile (the unreceived censored), and never under the floor:
# with a Pareto tail of index 1.5 the 99.9th percentile is 4.6 times the 99th.
DEADLINE_QUANTILE = 0.99
DEADLINE_MARGIN = 5.0
DEADLINE_NS_MIN = 1 * SECOND_NS
# "Overtaken beyond the reordering that its pairs show": this many times the largest delay seen between being
# overtaken and being received all the same.
REORDER_MARGIN = 3.0
# Two subscriptions fan out if they share at least this part of the smaller one's messages; competing consumers share
# only redeliveries.
FAN_OUT_SHARE_MIN = 0.2
# A receiver that gets this part or less of a channel's messages, at random, samples or filters; samplers are set to
# 1, 10, 25 or 50 %, hardly ever to more.
COIN_TOSS_SHARE_MAX = 0.8
# Wald-Wolfowitz runs test: |z| at or under this is what independent tosses show in 99.7 % of cases.
COIN_TOSS_Z_MAX = 3.0
# Fewer receipts or losses than this have no pattern.
COIN_TOSS_COUNT_MIN = 8

# --- telemetry -----------------------------------------------------------------------------------------------------

# The SDKs' BatchSpanProcessor exports every 5 s and gives up after 30 s: what an instance did in the last 30 s before
# it fell silent may never have left it.
SILENCE_TAIL_NS = 30 * SECOND_NS
# A pause in an instance's spans is a gap only if longer than two export rounds; shorter ones are ordinary.
GAP_NS_MIN = 10 * SECOND_NS
# ... and if at least this many messages in a row should have been received in it: an export lost takes them all,
# a queue loses them one by one.
GAP_MESSAGES_MIN = 2
# An instance without a span for this long, at `as_of`, has fallen silent for good rather than between two exports.
SILENT_FOR_GOOD_NS = 60 * SECOND_NS
# An open receipt (children seen, parent not) older than this will not be completed.
OPEN_RECEIPT_NS_MAX = 3600 * SECOND_NS

# --- causes --------------------------------------------------------------------------------------------------------

# Overtaker estimate of a queue's limit: at least this many delivered messages around the losses, and a spread of
# their overtaker counts (interquartile range over median) not above this.
OVERFLOW_MESSAGES_MIN = 20
OVERFLOW_SPREAD_MAX = 0.05

# --- reports -------------------------------------------------------------------------------------------------------

EXEMPLARS_MAX = 3
TEXT_WIDTH_MAX = 200

if not GAP_NS_MIN <= SILENCE_TAIL_NS <= SILENT_FOR_GOOD_NS:
    raise AssertionError("a gap is shorter than the tail an instance may lose, and that than silence for good")
if not SEGMENT_BYTES_MAX <= JOURNAL_BACKLOG_BYTES_MAX:
    raise AssertionError("the backlog must hold a whole segment")
if not REQUEST_BYTES_MAX <= SEGMENT_BYTES_MAX:
    raise AssertionError("a segment must hold the largest request")
if not DEADLINE_NS_MIN <= DEADLINE_DEFAULT_NS:
    raise AssertionError("the floor of learned deadlines lies above the default")
