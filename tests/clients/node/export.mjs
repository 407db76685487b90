// The real exporters of OpenTelemetry's JavaScript SDK: exports the bank's spans, and says what they were.
// Arguments: proto | json, none | gzip, the URL of OTLP/HTTP. Standard output: the finished spans, as JSON.
import { context, SpanKind, SpanStatusCode, trace, TraceFlags, createTraceState } from "@opentelemetry/api";
import { OTLPTraceExporter as JsonExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as ProtoExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";

const [encoding, compression, url] = process.argv.slice(2);
const Exporter = { proto: ProtoExporter, json: JsonExporter }[encoding];
const kept = new InMemorySpanExporter();
const provider = new BasicTracerProvider({
  resource: resourceFromAttributes({ "service.name": "trading", "k.resource": "v" }),
  spanProcessors: [
    new BatchSpanProcessor(new Exporter({ url, compression })),
    new SimpleSpanProcessor(kept),
  ],
});
const tracer = provider.getTracer("bank", "1.0");

const attributes = {
  "messaging.destination.name": "orders",
  "order.id": "order-1",
  "k.string": "счёт 口座 💶",
  "k.empty": "",
  "k.long": "x".repeat(10_000),
  "k.true": true,
  "k.false": false,
  "k.int": -42,
  "k.large": Number.MAX_SAFE_INTEGER,
  "k.double": 0.1,
  "k.strings": ["a", "b"],
  "k.bools": [true, false],
  "k.ints": [1, 2],
  "k.doubles": [0.5, 1.5],
  "k.none": [],
};
const elsewhere = {
  traceId: "5b8efff798038103d269b633813fc60c",
  spanId: "eee19b7ec3c1b174",
  traceFlags: TraceFlags.SAMPLED,
  isRemote: true,
  traceState: createTraceState("a=1,b=2"),
};

const remote = trace.setSpanContext(context.active(), elsewhere);
const links = [{ context: elsewhere, attributes: { "k.link": true } }];
const send = tracer.startSpan("send", { kind: SpanKind.PRODUCER, attributes, links }, remote);
send.addEvent("checked", { "k.event": 7 });
send.recordException(new TypeError("no such account"));
send.setStatus({ code: SpanStatusCode.ERROR, message: "refused" });
const inSend = trace.setSpan(context.active(), send);
for (const [name, kind] of Object.entries(SpanKind).filter(([, kind]) => typeof kind === "number")) {
  tracer.startSpan(`child ${name}`, { kind }, inSend).setStatus({ code: SpanStatusCode.OK }).end();
}
send.end();
tracer.startSpan("root", { root: true }).end();

await provider.forceFlush();

const ns = ([seconds, nanos]) => (BigInt(seconds) * 1_000_000_000n + BigInt(nanos)).toString();
const sent = kept.getFinishedSpans().map((span) => ({
  name: span.name,
  traceId: span.spanContext().traceId,
  spanId: span.spanContext().spanId,
  parentSpanId: span.parentSpanContext?.spanId ?? null,
  isParentRemote: Boolean(span.parentSpanContext?.isRemote),
  traceFlags: span.spanContext().traceFlags,
  traceState: span.spanContext().traceState?.serialize() ?? null,
  kind: span.kind,
  start: ns(span.startTime),
  end: ns(span.endTime),
  status: span.status.code,
  message: span.status.message ?? null,
  attributes: span.attributes,
  events: span.events.map(({ name, time, attributes }) => ({ name, time: ns(time), attributes: attributes ?? {} })),
  links: span.links.map(({ context: { traceId, spanId, traceState }, attributes }) => ({
    traceId,
    spanId,
    traceState: traceState.serialize(),
    attributes,
  })),
}));
process.stdout.write(JSON.stringify(sent));
await provider.shutdown();
