"""Every bound in one place, with where its number comes from. The relations between them are asserted at import.

Units stand last in the names: `_s` seconds, `_ns` nanoseconds, `_bytes`.
"""

from __future__ import annotations

SECOND_NS = 1_000_000_000
DAY_NS = 24 * 3600 * SECOND_NS

# --- the endpoint --------------------------------------------------------------------------------------------------

# The OpenTelemetry Collector's otlpreceiver accepts 20 MiB by HTTP; batches of large spans outgrow it in practice.
REQUEST_BYTES_MAX = 64 * 1024 * 1024
# Members of one gzip body: exporters send one, and each costs a copy of what follows it.
GZIP_MEMBERS_MAX = 64
# Messages may nest (AnyValue in AnyValue); protobuf's own parsers stop at 100 levels.
NESTING_MAX = 64
# Values of a JSON request that is not plain OTLP/JSON, and so becomes Python objects: some 250 bytes each.
JSON_VALUES_MAX = 1_000_000
# Spans of one request that are kept: SDKs send 512, the Collector 8192; 64 MiB of usual spans (375 bytes) hold 180,000.
REQUEST_SPANS_MAX = 200_000
# Entries of one request, as they are stored: attributes, events, links, values within values, and those of a resource
# and a scope once for each of its spans. 64 MiB of usual spans, each with 9 and 10 of its resource, hold 3.4 million.
REQUEST_ENTRIES_MAX = 4_000_000
# Attributes of one span, event, link, scope or resource: SDKs keep 128 unless they are told otherwise.
OWNER_ATTRIBUTES_MAX = 4096
# Decoded at once: more would cost memory and gain nothing. A row has up to 800 bytes, an entry 33.
FRAME_SPANS_MAX = 100_000
FRAME_ENTRIES_MAX = 1_000_000
# A segment of the journal is sealed and drained to the table at this size or this age, whichever comes first.
SEGMENT_BYTES_MAX = 64 * 1024 * 1024
SEGMENT_AGE_S_MAX = 5.0
# A reader that finds a segment drained under its hands looks again; drains are seconds apart, so twice is rare.
READ_ATTEMPTS_MAX = 10
# Requests waiting for the journal beyond this are refused as "try again": memory stays bounded whatever arrives.
JOURNAL_BACKLOG_BYTES_MAX = 256 * 1024 * 1024
# Requests whose bytes are still arriving, of both doors together. One more makes the oldest give way. A batch of 200 KB
# takes four round trips: at 50 ms each, 32 at once are 160 batches of 512 spans a second, 80,000 spans.
READS_MAX = 32
# ... and this many once memory is short: gRPC tells no length, so each may be the largest request.
READS_PRESSED_MAX = 4
# Memory is short from here on; the promise is 1 GB. Above it stand READS_PRESSED_MAX largest requests, and one copied.
MEMORY_BYTES_HIGH = 416 * 1024 * 1024
MEMORY_BYTES_MAX = 1_000_000_000
# From here on nothing more is read: a message keeps the network buffers that it came in, and whoever mixes a few bytes
# of it with much else fills more memory than the message has. What is left is for what comes in until it is noticed.
MEMORY_BYTES_CRITICAL = 512 * 1024 * 1024
# How often memory is looked at while requests arrive: at 10 Gbit/s, 60 MB come in between.
MEMORY_LOOK_S = 0.05
# A request's bytes must be there after this: the SDKs' exporters give up after 10 s.
READ_S_MAX = 10.0
# Health checks being read at once: their requests are some bytes, and orchestrators ask one at a time.
HEALTH_READS_MAX = 16
# Streams of `grpc.health.v1` Watch at once: one a load balancer.
HEALTH_WATCHES_MAX = 64
# A connection has this long for its TLS handshake and the head of its first request; nginx allows 60 s, and TLS over
# a satellite needs 3.
HELLO_S_MAX = 10.0
# Connections of one door; nginx's workers hold 512 by default. Each may cost 256 KB, asyncio's buffer under TLS.
CONNECTIONS_MAX = 1024
# Requests at once on one gRPC connection; HTTP/2 recommends no fewer than 100.
STREAMS_MAX = 100
# gRPC calls that wait to be looked at: beyond it some are turned away by gRPC, beyond twice it all. By default it is
# 1000, which a thousand exporters that begin at once would meet. Each may bring HEADERS_BYTES_MAX.
CALLS_PENDING_MAX = 4 * CONNECTIONS_MAX
# Of a body whose sender is not let in, this much is read and thrown away, so that the sender gets to read why.
REFUSED_BYTES_MAX = 1024 * 1024
# Head of an HTTP request, metadata of a gRPC call: Apache's 8 KB for a line, twice.
HEADERS_BYTES_MAX = 16 * 1024
# Files beside connections: the store's, the journal's, libraries'.
FILES_BESIDE = 512
# Requests up to this are checked where they arrive, in well under a millisecond; larger ones in a thread of their own.
INLINE_BYTES_MAX = 256 * 1024
# A refused sender should wait this long; the SDKs add their own backoff to it.
RETRY_AFTER_S = 1
# A token shorter than this can be guessed: 16 characters of base64 are 96 bits.
TOKEN_CHARS_MIN = 16
TOKEN_CHARS_MAX = 4096
# After a refusal, and none taken since, the endpoint calls itself not ready for this long.
REFUSING_S = 5.0
# The journal beyond this is refused as well: the table has then taken nothing for minutes at the highest rates, for
# hours at usual ones, and every question reads the whole journal.
JOURNAL_BYTES_MAX = 8 * 1024 * 1024 * 1024
# Room on the disk that requests never take: it holds four segments as Parquet, for a drain must write before it can
# delete. Of a small disk, this part.
DISK_RESERVE_BYTES_MAX = 256 * 1024 * 1024
DISK_RESERVE_SHARE = 0.05
# A drain decodes and writes this much of a segment at once: some 20,000 spans of 390 bytes, and of the smallest spans
# there are (30 bytes) 280,000, which take about 300 MB as columns.
DRAIN_BYTES = 8 * 1024 * 1024
# A file of the table gets at most this many rows at a drain: writing takes some 1.5 KB a row of memory.
DRAIN_ROWS_MAX = 40_000
# Rows that whoever reads a Parquet file holds of it at least: about 50 MB of columns.
ROW_GROUP_ROWS_MAX = 50_000
# A table's log is summed up after this many commits: opening reads the entries since, some 0.1 ms each.
CHECKPOINT_COMMITS = 100
# Files that the table no longer holds, and old log entries, stay this long for readers that still use them: a question
# is answered in seconds, learning is given up after two minutes.
OLD_FILES_S = 600.0
# A file of the table with this many rows is large enough, and is not compacted again: some 70 MB.
PART_ROWS_MAX = 1_000_000
# Compaction begins at this many small files; a question opens each, about 1 ms.
SMALL_PARTS_MAX = 32
# A file is compacted with smaller ones only if these together have at least this part of its rows: each row is then
# written a few times in its life, not at every compaction.
COMPACT_SHARE_MIN = 0.25
# How often `serve` looks whether the table needs compaction.
COMPACT_INTERVAL_S = 60.0
# One compaction presses a few million rows, seconds of work; one that takes longer than this is given up.
COMPACT_S_MAX = 1800.0
# How often `serve` deletes what `retention_days` no longer keeps: what is late by an hour is late by a day's 4 %.
RETENTION_INTERVAL_S = 3600.0
# How often `serve` writes its sign of life: how finely the start of an outage is known.
ALIVE_INTERVAL_S = 1.0
# How often refusals are saved, and refusals less than this apart are one: exporters try again within seconds.
OUTAGES_INTERVAL_S = 5.0
# Refusals that wait to be saved, while the disk refuses that too; the latest ones are then taken together.
OUTAGES_WAITING_MAX = 1000
# SIGTERM: how long requests under way may take to be answered before the sockets close.
SHUTDOWN_GRACE_S = 5.0
# ... how long the last drain may take (what it leaves stays in the journal, for the next start),
DRAIN_STOP_S_MAX = 10.0
# ... and the last learning; together under the 30 s after which Kubernetes kills.
LEARN_STOP_S_MAX = 10.0
# How often `serve` learns expectations anew; the design's analysis tick.
LEARN_INTERVAL_S = 10.0
# Learning and compaction give way to the endpoint: POSIX niceness, 19 is the lowest priority there is.
CHILD_NICENESS = 10
# Learning reads the whole store; one that takes longer is given up, and the next one tries again.
LEARN_S_MAX = 120.0
# Learning reads the newest spans up to about this many: 3 KB each while they are paired, so some 3 GB at worst.
LEARN_SPANS_MAX = 1_000_000
# Idle HTTP connections: the SDKs export every 5 s; a server that closes first makes them fail and try again. nginx's
# default.
KEEP_ALIVE_S = 75
# Rows that `load` holds decoded in memory before it commits them: about 1 KB a span.
LOAD_SPANS_MAX = 200_000
# One file is loaded whole or not at all, so its spans are held together: 1 GiB of OTLP is 1 to 10 million of them.
LOAD_FILE_BYTES_MAX = 1024 * 1024 * 1024

# --- brokers -------------------------------------------------------------------------------------------------------

# One answer of a broker, or a saved one: with the columns that are asked for, a queue takes some 700 bytes, and brokers
# with 50,000 queues are known.
BROKER_BYTES_MAX = 64 * 1024 * 1024
# Its answers must all be there after this: management databases under load take seconds for thousands of queues.
BROKER_ANSWER_S_MAX = 30.0
# A connection must stand after this, TLS and all: what is this far away is away.
BROKER_CONNECT_S_MAX = 5.0
# How often `serve --broker` looks: RabbitMQ's statistics are 5 s old anyway, and each look costs the broker some work.
BROKER_INTERVAL_S = 10.0
BROKER_INTERVAL_S_MIN = 1.0
BROKER_INTERVAL_S_MAX = 3600.0
# Whoever writes facts holds their lock for milliseconds, and for a second or two when files are folded.
FACTS_LOCK_S_MAX = 30.0
FACTS_LOCK_LOOK_S = 0.02

# --- ids and times -------------------------------------------------------------------------------------------------

TRACE_ID_BYTES = 16
SPAN_ID_BYTES = 8
# Times are Int64 nanoseconds since 1970: the end of that range is in the year 2262.
TIME_NS_MAX = 2**63 - 1
# Instants and durations are held to these before they are added, so that no span's time, however absurd, overflows.
INSTANT_NS_MAX = TIME_NS_MAX - 2**60
DURATION_NS_MAX = 31 * 24 * 3600 * SECOND_NS

# --- pairing -------------------------------------------------------------------------------------------------------

# How many spans may stand between a receive and the send above it: instrumentation wrappers, not whole services.
PARENT_CHAIN_MAX = 16
# "The same message id, near in time": producers restart their counters; a queue over a weekend keeps the id.
MESSAGE_ID_WINDOW_NS = 72 * 3600 * SECOND_NS
# A correlation id recurs on other days; conversations of a bank's day end with it.
CORRELATION_WINDOW_NS = 12 * 3600 * SECOND_NS
# A receive this much before its send is skew, not another message: clocks of banks are held to a second, VMs drift
# to minutes after a pause.
SKEW_NS_USUAL = 1 * SECOND_NS
SKEW_NS_MAX = 10 * 60 * SECOND_NS
# A journey key that would join more traces than this is hot: it joins nothing and is reported.
HOT_KEY_TRACES_MAX = 200

# --- expectation ---------------------------------------------------------------------------------------------------

# A message sent up to this long before a subscription's first receipt was meant for it as well; an earlier one is
# not held against it.
SUBSCRIPTION_LEAD_NS = 60 * SECOND_NS
# A subscription has been replaced once the same service took this part of what was sent since through another one,
REPLACED_SHARE_MIN = 0.8
# ... of at least so many messages,
REPLACED_MESSAGES_MIN = 20
# ... and the two stood side by side for no more than this part of its life: a deployment, not a second purpose.
REPLACED_OVERLAP_MAX = 0.5
# Nothing taken for so long, and for so many times the longest pause before it: nobody is coming back. A weekend and the
# working day around it; until then a consumer is down.
RETIRED_NS_MIN = 72 * 3600 * SECOND_NS
RETIRED_PAUSE_RATIO = 5.0
# So many messages of one kind without a single receipt are not lost to chance: the subscription does not take them.
SHUNNED_MESSAGES_MIN = 20
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
# A refused message reaches its dead-letter place as its receipt ends: the broker's few milliseconds before the span's
# end, or this long after it where the place's reader is not idle.
HOP_LEAD_NS_MAX = SECOND_NS // 100
HOP_LAG_NS_MAX = SECOND_NS // 4
# A place that takes this part or more of what another takes well is a second receiver, whatever it is called.
FAN_OUT_WHOLE_SHARE = 0.8
# Subscriptions learned of one channel; auto-named queues of short-lived clients can make thousands. Beyond it further
# takers share the last one, which expects less and so accuses less.
TAKERS_MAX = 64
# A receiver that gets this part or less of a channel's messages, at random, samples; samplers are set to 1, 10, 25 or
# 50 %, hardly ever to more. (One of several subscriptions of a channel may filter: there any share counts.)
COIN_TOSS_SHARE_MAX = 0.8
# Wald-Wolfowitz runs test: independent tosses go beyond this once in 30,000 cases; at 3 one simulated sampler in some
# hundred was accused of a hundred losses.
COIN_TOSS_Z_MAX = 4.0
# Fewer receipts or losses than this have no pattern.
COIN_TOSS_COUNT_MIN = 3
# Trace ids are random: that none of a subscription's lies where a sampler would have dropped it is chance this often.
SAMPLED_IDS_CHANCE = 1e-6
# ... and ids of which all lie in less than this part of their range are counted, not drawn.
SAMPLED_IDS_RATIO_MIN = 1e-6
# A clean stretch this many times longer than the usual distance between two losses is none of chance's making (a chance
# of e^-3, 5 %, for an exponential distance).
ONSET_RATIO = 3.0
# Survivors of a queue that lost messages stood at least this deep in it,
QUEUE_DEPTH_MIN = 5
# ... and either evenly (interquartile range over median; measured 0.00-0.02 on full queues, over 0.6 in calm)
QUEUE_SPREAD_MAX = 0.15
# ... or this many times longer than messages sent in calm.
QUEUE_WAIT_RATIO_MIN = 5.0

# A queue is empty if every instance that takes from it polled it this often and found nothing: brokers' short polls ask
# a part of their servers only, so one empty answer proves nothing.
IDLE_POLLS_MIN = 3

# --- telemetry -----------------------------------------------------------------------------------------------------

# The SDKs' BatchSpanProcessor exports every 5 s and gives up after 30 s: what an instance did in the last 30 s before
# it fell silent may never have left it.
SILENCE_TAIL_NS = 30 * SECOND_NS
# A pause in an instance's spans is a gap if it is this many times its usual one (the 95th percentile), but never if it
# is shorter than a second and always if longer than two export rounds.
GAP_USUAL_RATIO = 5.0
GAP_USUAL_QUANTILE = 0.95
GAP_NS_MIN = 1 * SECOND_NS
GAP_NS_LONG = 10 * SECOND_NS
# ... or if it is this many times the mean distance of the spans on both sides of it, so many of them: what is usual at
# night hides what is lost in a flood. Independent arrivals pause that long with a chance of e^-20.
GAP_LOCAL_RATIO = 20.0
GAP_LOCAL_SPANS = 50
# ... and at least this long: 512 spans, an SDK's export batch, of an instance that makes 2500 a second.
GAP_LOCAL_NS_MIN = SECOND_NS // 5
# ... and if at least this many messages in a row should have been received in it: an export lost takes them all,
# a queue loses them one by one.
GAP_MESSAGES_MIN = 2
# Beside so many times as many that pauses took, what is missing alone is the same exporter's: in simulated floods one
# in two hundred of what an overrun exporter lost shows as no pause; a full queue loses more than exporters do.
GAP_BESIDE_RATIO = 20
# An instance idled with a backlog if it took nothing for so many times the usual distance of its receipts (the median
# of so many after the pause), and the message it took next had waited as long,
IDLE_SPACING_RATIO = 3.0
IDLE_RECEIPTS = 20
# ... and the messages missing fill this part of the pause at least: a stop before a full queue leaves it emptier by the
# queue's own length.
IDLE_FILLED_MIN = 0.75
# Without a backlog: so many receipts were due in the pause (chance lets none come in one of e^5, 150, pauses), and this
# part of them is missing (where 3 % are lost at random, in one of 300 of those).
IDLE_RECEIPTS_DUE = 5.0
IDLE_SHARE_MIN = 0.5
# ... and no more than twice that, of every instance that paused: what is more was lost.
IDLE_EXCESS_MAX = 2.0
# An instance without a span for this long, at `as_of`, has fallen silent for good rather than between two exports.
SILENT_FOR_GOOD_NS = 60 * SECOND_NS
# A span that came this long after it happened, or before, came from a recording: collectors that keep a queue on disk
# deliver within the hour.
LIVE_LAG_NS_MAX = 3600 * SECOND_NS
# An open receipt (children seen, parent not) older than this will not be completed.
OPEN_RECEIPT_NS_MAX = 3600 * SECOND_NS
# A receipt, or an answer, may take longer than any before it: twice as long is waited for.
PROCESSING_MARGIN = 2.0
# ... or longer, if the tail of those seen is heavy: as long as one in so many takes,
PROCESSING_CHANCE = 1e-4
# ... by the longest tenth of them, of so many at least,
PROCESSING_TAIL_QUANTILE = 0.9
PROCESSING_COUNT_MIN = 50
# ... and at most so many times: in simulated banks one receipt of 37 s followed none over 10 s; what is waited for
# longer is named later, or in a short recording not at all.
PROCESSING_MARGIN_MAX = 20.0
# How finely span loss is watched: two rounds of the SDKs' batch exporters (5 s).
ORPHANS_BUCKET_NS = 10 * SECOND_NS
# Fewer spans without their parent in one bucket tell no rise,
ORPHANS_MIN = 3
# ... nor does a share that chance makes of the usual one: Poisson, so many standard deviations.
ORPHANS_Z_MIN = 4.0
# Losses are held to be true ones beside lost spans only where span loss explains no more than this part of them: the
# promise is a precision of 0.99.
SPAN_LOSS_SHARE_MAX = 0.01
# A server whose spans lack their caller this often has callers without telemetry: its orphans are no sign of anything.
ORPHAN_SERVERS_SHARE_MAX = 0.1
# RabbitMQ's consumer_timeout: what a consumer has not acknowledged for this long is taken from it. Until then an
# instance that begins nothing may be at work, and hold what it prefetched.
ACKNOWLEDGE_NS_MAX = 30 * 60 * SECOND_NS
# A failed message comes back within the longest time ever seen between failure and redelivery, and half as much again
# for visibility timeouts that are renewed and back-offs that grow.
REDELIVERY_MARGIN = 1.5
# A failed send is tried again within the wait that so many retries keep to: the rest are repairs by hand, hours later.
RETRY_QUANTILE = 0.95
# Tail samplers decide after this long: the Collector's default is 30 s, 10 s and 60 s are what others set.
DECISION_WAITS_NS = (10 * SECOND_NS, 30 * SECOND_NS, 60 * SECOND_NS)
# ... and evaluate their policies every second or few.
DECISION_WAIT_SLACK = 0.1
# Two-sided 95 %: estimates where single losses cannot be named.
ESTIMATE_Z = 1.96

# --- windows -------------------------------------------------------------------------------------------------------

# A question about a window reads spans from this long before it: what a message's trace began with names its journey.
# A journey that began earlier is named by its earliest root within.
WINDOW_LEAD_NS = 15 * 60 * SECOND_NS
# ... and to this many of the longest learned deadlines after it: a deadline is already five times the 99th percentile
# of the waits, and a message that missed it is overtaken, or its receiver heard, in as long again.
WINDOW_LAG_DEADLINES = 2
# ... but at least this long, so that sparse channels show who was heard after a loss (clocks may differ by as much),
WINDOW_LAG_NS_MIN = 15 * 60 * SECOND_NS
# ... and at most this long: with one queue that is served once a month, an hour must not read a month.
WINDOW_LAG_NS_MAX = DAY_NS

# --- causes --------------------------------------------------------------------------------------------------------

# Overtaker estimate of a queue's limit: at least this many survivors of the losses, and a spread of their depths
# (interquartile range over median) not above this, or one message for small limits.
OVERFLOW_SURVIVORS_MIN = 10
OVERFLOW_SPREAD_MAX = 0.05
# Under a TTL the waits are as even as the depths; a full queue's depths are this much more even than its waits.
OVERFLOW_EVENNESS_RATIO_MAX = 0.5

# --- broker facts --------------------------------------------------------------------------------------------------

# Exchanges bound to exchanges: real topologies have two or three; circles are allowed by the broker.
EXCHANGE_HOPS_MAX = 8
# Routing keys of one channel that are held against its bindings one by one; of more (an order number in each key) the
# key counts as unknown.
ROUTING_KEYS_MAX = 1000
# Changes of a broker's bindings that are told apart in time: a topology changes with releases, not by the minute.
ROUTE_CHANGES_MAX = 1000
# RabbitMQ's management statistics lag by up to 5 s (`collect_statistics_interval`): counters are at rest once nothing
# was sent or received for that long.
STATISTICS_LAG_NS = 5 * SECOND_NS
# A limit or TTL read this long before or after a message may have been another one then: its age is said.
FACT_AGE_NS_FRESH = 3600 * SECOND_NS
# --- trust ---------------------------------------------------------------------------------------------------------

# Of a boundary's handoffs so many may be blind, or weakly proven, and it is trusted all the same: one in a hundred is
# what restarts and lost batches of spans make of a healthy service.
TRUST_SHARE_MAX = 0.01

# --- lint ----------------------------------------------------------------------------------------------------------

# Fewer receipts have no tail: the slowest of 20 is the 95th of 100.
LINT_TAIL_MESSAGES_MIN = 20
# Receipts before their own send: of more than one in a hundred the two clocks are apart, and waits between them say
# nothing of a TTL.
LINT_BACKWARDS_SHARE_MAX = 0.01

# --- steps ---------------------------------------------------------------------------------------------------------

# A step says something of its next one once this many journeys took it: with fewer, three standard deviations of no
# stop at all reach 15 %.
STEP_JOURNEYS_MIN = 50
# "Nearly always takes next": at most this part of the journeys stops there, outside its episodes.
STEP_STOPS_SHARE_MAX = 0.1
# An episode has at least this many journeys that stopped; a handful is told apart from chance only by luck.
STEP_STOPS_MIN = 10
# The next step is looked for among the steps of this part of the journeys that reach it: a side path (a manual check)
# is not what leads there.
STEP_MAIN_SHARE = 0.8
# Two spans may begin in the other order for clocks that differ; beyond this part, they have no order.
STEP_ORDER_SHARE_MIN = 0.98
# A next step that this part or more was handed over to (a send, a call) always is: its absence is then the sender's.
STEP_HANDED_SHARE_MIN = 0.98
# Steps of one kind of journey that are looked at, the most frequent first: real journeys have 5 to 20 services.
STEPS_MAX = 40
# Journeys of one kind whose delays are compared pair by pair, evenly over the time learned from.
STEP_SAMPLE_MAX = 5_000
# Episodes of one step in what is learned from, beyond which stopping there in bursts is its habit, not an episode.
STEP_EPISODES_MAX = 3
# Values of an attribute that tells how a step came out (approved, declined, ...); more name instances, not outcomes.
OUTCOMES_MAX = 16
# ... it must part those that stopped from those that went on by this much, beside 2 a value: the likelihood ratio is as
# chi-squared where it has nothing to do with it, and goes beyond that with a chance of about 1e-5.
OUTCOME_G_MIN = 20.0
# The chance of one false episode in one question, whatever it scans.
EPISODE_CHANCE = 1e-4
# Single journeys of an episode are `inferred` where its step's own stops make at most this part of them.
EPISODE_BASELINE_SHARE_MAX = 0.05
# A step that is late now may be later still: this many times the longest delay among this many that came last.
STEP_LATE_RATIO = 2.0
STEP_LATE_COUNT = 20
# Journeys that went on, with which those that stopped are compared: what nearly all do, this many show.
STEP_PEERS = 200
# A version that came this shortly before an episode, or with its first journey, may be what began it.
EPISODE_CHANGE_NS = 60 * SECOND_NS
# Bursts: the usual rate is never held to be under this (a step that never stopped in 10,000 journeys may yet),
BURST_USUAL_MIN = 0.02
# ... nor under the upper bound at this many standard deviations,
BURST_Z = 3.0
# ... and a stretch is looked for as one of so many times the usual rate, and at least of this rate: a sharp one shows
# in few journeys, a mild one in many.
BURST_RATIO_MILD = 2.0
BURST_RATIO_SHARP = 4.0
BURST_RATE_MIN = 0.2
# A usual rate above this leaves no room for an unusual one.
BURST_SHARE_MAX = 0.5
# Blocks of which the calmest shows what is usual: a night's incident in a day is a third of it, at most half.
BURST_BLOCKS_MAX = 16
# Bursts found in one sequence: the strongest; a step that has more has no usual rate.
BURSTS_MAX = 8

# --- queue replay ----------------------------------------------------------------------------------------------------

# A replay must lose so many messages to tell a queue from chance.
REPLAY_LOST_MIN = 10
# ... and so many must have come through meanwhile: their depths and waits are what limits and TTLs are read from.
REPLAY_SURVIVORS_MIN = 10
# Messages of one pool that hypotheses are tried on: one over 100,000 takes 10 ms, and there are up to some hundred.
REPLAY_MESSAGES_MAX = 100_000
# Messages before the first loss, from which the model queue fills.
REPLAY_LEAD = 20_000
# Fit (see `findings.replay`) from which a replay convicts. Measured: the recordings of a real RabbitMQ whose losses a
# queue explains fit by 0.92 to 1.00, what is wrong by at most 0.85.
REPLAY_FIT_MIN = 0.88
# The best hypothesis of another policy must miss at least so many times as much as the one that convicts.
REPLAY_RIVAL_RATIO_MIN = 1.5
# ... and so many times where that one would convict as well: a TTL of 0.98 beside a limit of 0.89.
REPLAY_RIVAL_RATIO_NEAR = 5.0
# No fit counts as better than this: between two that miss next to nothing, chance decides which misses less.
REPLAY_FIT_BEST = 0.99
# Where a replay does not convict, the even depths of the survivors may still tell a limit, unless it fits worse than
# this: then the losses are not a full queue's.
REPLAY_SUPPORT_MIN = 0.5
# Kinds of message (channel, routing key, sender) of which each is tried as the one with the higher priority.
REPLAY_KINDS_MAX = 8
# Under a TTL that bites, what comes through waited nearly as long: the median at least this part of the TTL.
TTL_WAIT_RATIO_MIN = 0.8
# Kinds of message (sender, journey type) counted among the occupants of a queue.
OCCUPANTS_MAX = 16
# Moments at which a queue's depth is told: an hour by seconds; a longer story by longer steps.
DEPTH_POINTS_MAX = 3600
# The model of the queue as it was must lose what was lost to this part (Jaccard) before anything is recommended; the
# recordings reach 0.90 to 1.00.
WHATIF_AGREEMENT_MIN = 0.8
# A limit this many times larger is no longer a limit but another way to lose time: it is shown, not recommended.
WHATIF_LIMIT_RATIO_MAX = 10
# Senders that retry: so often, first after this, then twice as long each time; 6.3 s in all.
RETRIES_MAX = 6
RETRY_FIRST_NS = SECOND_NS // 10
# Clocks are set by what receivers show that had been idle: by at least so many receipts, if they are off by more than
# the way through a broker takes.
ALIGN_RECEIPTS_MIN = 3
ALIGN_NS_MIN = SECOND_NS // 20

# --- files that people write -----------------------------------------------------------------------------------------

# ownership.yaml, baton.toml, a file of Backstage's: 500 teams with three rules each take 64 KB, and a bank has some
# thousand; 7,500 of Backstage's entities take this much, and 1.3 s to read.
DOCUMENT_BYTES_MAX = 4 * 1024 * 1024
# Names and patterns in them: AMQP's short strings (exchanges, queues, keys) hold 255 bytes, Kafka's topics 249.
NAME_CHARS_MAX = 255
# Globs whose compiled form is kept: those of a catalog of some thousand rules.
GLOBS_KEPT_MAX = 10_000
# Links in them: what browsers and proxies take without a word.
LINK_CHARS_MAX = 2048
# Things above one of Backstage's of which it is a part, its owner's sought among them: System, Domain and their parents
# are a handful, and each of a hostile file's entities could have all others above it.
PARTS_MAX = 16
# Services that provide one API, each of which its consumers then depend on: a service in two or three versions.
PROVIDERS_MAX = 16
# Remarks about imported files that are told, and what each concerns: a screen of them; the rest is counted.
REMARKS_MAX = 100
REMARK_EXAMPLES_MAX = 3
# Claims on one name that are compared with each other: a name has two or three, and a hostile file any number.
CLAIMS_COMPARED_MAX = 1000
# A declared deadline: statements go out monthly; anything longer is a slip of the unit.
DECLARED_DEADLINE_NS_MAX = 31 * 24 * 3600 * SECOND_NS
# Parameters in one address of an AsyncAPI document: its own examples have one or two.
ADDRESS_PARAMETERS_MAX = 16
# Globs in one list of [redaction]: a bank's own attribute dictionary has some hundreds of names, and every key that is
# not remembered is held against all of them.
REDACTION_RULES_MAX = 1000
# The redaction key: RFC 2104 wants as many bytes as the hash has; beyond this it is no key but another file.
REDACTION_KEY_BYTES_MIN = 32
REDACTION_KEY_BYTES_MAX = 4096

# A receiver is called down once this many messages wait for it with none taken; one or two may as well be lost.
WAITING_MESSAGES_MIN = 3
# Senders named in one queue's crowding.
SENDERS_MAX = 8

# --- contracts -----------------------------------------------------------------------------------------------------

# A clause holds on evidence: where more than this part of what it speaks of could not be judged, nobody knows.
UNSEEN_SHARE_MAX = 0.1
# A percentile is told of so many that one beyond it is among them with this probability: n such that 1 - q^n reaches it
# (299 for p99, 59 for p95, 5 for p50).
PERCENTILE_CONFIDENCE = 0.95
# Of fewer, only what chance would do this seldom is called a breach: so many over the limit (binomial, one-sided).
PERCENTILE_CHANCE_MAX = 0.01
# Calls that a circuit breaker may let through while it stops: a half-open probe.
PROBES_MAX = 1
# Trace ids told of one breach.
BREACH_EXEMPLARS_MAX = 5
# A share of loss is drafted from so many handoffs on: of fewer its upper bound at 95 % says next to nothing (14 %).
DRAFT_SAMPLES_MIN = 20
# The upper bound of a drafted share of loss is exceeded by chance this seldom (Clopper and Pearson, one-sided).
DRAFT_CHANCE = 0.05
# A drafted figure stands so far above what was measured: what comes tomorrow is not what came today.
DRAFT_MARGIN = 1.5

# --- findings ------------------------------------------------------------------------------------------------------

# An episode of losses is over once none followed for this long,
EPISODE_PAUSE_NS = 10 * 60 * SECOND_NS
# ... and so many handoffs of the boundary came through meanwhile: where one in a hundred is lost, chance makes such a
# stretch once in twenty times (ONSET_RATIO over a hundredth).
EPISODE_CLEAN_MIN = 300
# Digits of a finding's id that name it: with a thousand findings two share six digits once in thirty stores, and then
# Baton asks for more.
FINDING_DIGITS_MIN = 6
# Digits of it that reports show: none of a million findings shares them with another (chance 0.2 %).
FINDING_DIGITS_SHOWN = 12
# What changed this long before an episode's first loss is told beside it: deployments roll within minutes, queues fill
# within them.
CHANGE_WINDOW_NS = 5 * 60 * SECOND_NS
# A sender's rate changed if it is so many times what it was, and what the busiest stretch of the same length had,
CHANGE_RATE_RATIO_MIN = 2.0
# ... and by at least so many messages.
CHANGE_SENDS_MIN = 10
# ... and a Poisson process makes such a change by chance once in e^10 (22,000) places; a window has some thousand.
CHANGE_LIKELIHOOD_MIN = 10.0
# Business keys told of one journey in a work list; a journey has one or two.
RECOVERY_KEYS_MAX = 8
# Findings beside which changes are told, the worst first: as many as anybody reads.
CHANGE_FINDINGS_MAX = 100
# Changes told of one episode.
CHANGES_MAX = 6
# What expired is held against its receiver if so many times more came than it took: then a third or more had to be lost
# whatever the limit of time,
EXPIRED_SLOW_RATIO_MIN = 1.5
# ... of at least so many that came.
EXPIRED_ARRIVALS_MIN = 20
# An amount of money: up to a trillion times a thousand, and crypto-currencies count to 18 places.
AMOUNT_DIGITS_MAX = 15
AMOUNT_PLACES_MAX = 18
# A currency: three letters by ISO 4217; tokens have up to eight.
CURRENCY_CHARS_MIN = 3
CURRENCY_CHARS_MAX = 8

# --- coverage --------------------------------------------------------------------------------------------------------

# A month: whatever runs at month's end has run by then.
STALE_DAYS = 30
# Ten years; nobody keeps spans longer.
STALE_DAYS_MAX = 3650
# A store reaches back to where so many spans had begun: one clock that is years off must not make it old.
REACH_SPANS_MIN = 10
# Parties named of one channel, and rules of one tie: as many as anybody asks.
PARTIES_SHOWN_MAX = 3

# --- reports -------------------------------------------------------------------------------------------------------

# Traces named in a finding: enough to see whether they are alike, and as many as anybody opens.
EXEMPLARS_MAX = 3
# Journeys named where an id fits several.
MATCHES_SHOWN_MAX = 5
# Columns: the eye loses the line beyond this, and screens are wider.
TEXT_WIDTH_MAX = 200
# Columns: a line of a handoffs table (a time, a verdict, a trace id) needs them.
TEXT_WIDTH_MIN = 60
# Columns where there is no terminal to ask: what an incident's record and a mail show without wrapping.
TEXT_WIDTH_DEFAULT = 120
# Characters of one value in a report for people: two lines and a half of a wide terminal; a span name may be 64 KB.
TEXT_CHARS_MAX = 400
# Names in one line of a report; more are counted.
NAMES_MAX = 5
# Lines of one list of a report (blind spots, unowned names, upstreams): a screen has about 24 to 50.
LIST_LINES_MAX = 20
# Rows of a table on a terminal: ten screens; whoever wants more wants a file.
TABLE_ROWS_MAX = 500
# Lines of a journey's timeline: real journeys have 10 to 100 spans; of longer ones the telling lines are kept.
JOURNEY_LINES_MAX = 200
# Lanes of a timeline, two columns each: with twelve, 80 columns still hold the names.
LANES_MAX = 12
# Columns by which a timeline indents a span under its parents: the nesting that matters, not the whole stack.
INDENT_MAX = 8

# --- maps ------------------------------------------------------------------------------------------------------------

# Handoffs by which a journey's way back to a team is followed: the longest that journeys are built of have some ten.
MAP_RETURN_HOPS_MAX = 16
# Teams in a cycle that is told: a longer one is found among the teams that all reach each other, which are told whole.
MAP_CYCLE_TEAMS_MAX = 6
# Cycles told, the shortest first: n teams that all hand to each other make more than n! of them.
MAP_CYCLES_MAX = 20
# Rows of each part of a review on a terminal; JSON has them all.
MAP_LINES_MAX = 10
# Mermaid's own `maxEdges`: it draws no diagram of more.
MERMAID_EDGES_MAX = 500
# Mermaid's own `maxTextSize`, in characters: likewise.
MERMAID_CHARS_MAX = 50_000
# Operations of a service that `baton who` tells: services have tens, and names that hold ids are without end.
WHO_OPERATIONS_MAX = 100
# Names that `baton who` proposes for one that nobody knows.
NEAREST_NAMES_MAX = 5

# --- game days -------------------------------------------------------------------------------------------------------

# `baton serve` is ready in about a second; a cold disk on a busy build machine takes many times that.
SERVER_READY_S_MAX = 60.0
# After SIGTERM: requests under way, the last drain and learning, and as long again as it takes to start.
SERVER_STOP_S_MAX = SHUTDOWN_GRACE_S + DRAIN_STOP_S_MAX + LEARN_STOP_S_MAX + SERVER_READY_S_MAX

if not GAP_NS_MIN <= GAP_NS_LONG <= SILENCE_TAIL_NS <= SILENT_FOR_GOOD_NS:
    raise AssertionError("a gap is shorter than the tail an instance may lose, and that than silence for good")
if not SEGMENT_BYTES_MAX <= JOURNAL_BACKLOG_BYTES_MAX:
    raise AssertionError("the backlog must hold a whole segment")
if not JOURNAL_BACKLOG_BYTES_MAX <= JOURNAL_BYTES_MAX:
    raise AssertionError("the journal must hold what waits for it")
if not REQUEST_BYTES_MAX <= LOAD_FILE_BYTES_MAX:
    raise AssertionError("a file must hold the largest request")
if not DRAIN_BYTES <= REQUEST_BYTES_MAX:
    raise AssertionError("what is drained at once is scanned at once")
if not REQUEST_BYTES_MAX <= SEGMENT_BYTES_MAX:
    raise AssertionError("a segment must hold the largest request")
if not MEMORY_BYTES_HIGH + (READS_PRESSED_MAX + 1) * REQUEST_BYTES_MAX <= MEMORY_BYTES_MAX:
    raise AssertionError("the largest requests that are still read when memory is short must fit above the mark")
if not MEMORY_BYTES_HIGH <= MEMORY_BYTES_CRITICAL <= MEMORY_BYTES_MAX:
    raise AssertionError("memory is short before it is critical, and critical before the promise is broken")
if not JOURNAL_BACKLOG_BYTES_MAX <= MEMORY_BYTES_HIGH:
    raise AssertionError("the backlog alone must not make memory short")
if not INLINE_BYTES_MAX <= REQUEST_BYTES_MAX:
    raise AssertionError("what is checked inline must be a request that is taken")
if not DEADLINE_NS_MIN <= DEADLINE_DEFAULT_NS:
    raise AssertionError("the floor of learned deadlines lies above the default")
if not TEXT_WIDTH_MIN <= TEXT_WIDTH_DEFAULT <= TEXT_WIDTH_MAX:
    raise AssertionError("the width without a terminal lies outside the widths of terminals")
