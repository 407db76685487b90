"""The bank's processes as their exporters name them: resources, scopes, and the words of each SDK's day."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bank.telemetry import CLIENT, CONSUMER, PRODUCER, SERVER, Telemetry

if TYPE_CHECKING:
    from bank.telemetry import Process, Span, Value

_SCHEMA = "https://opentelemetry.io/schemas/"


@dataclass(frozen=True, slots=True)
class Kit:
    """What a service is instrumented with.

    Attributes:
        language: of the SDK.
        sdk: its version.
        schema: version of the semantic conventions; empty where the SDK names none.
        http: scope of its HTTP and gRPC spans.
        messaging: scope of its sends and receipts.
    """

    language: str
    sdk: str
    schema: str
    http: str
    messaging: str


JAVA = Kit("java", "1.55.0", "1.37.0", "io.opentelemetry.tomcat-10.0", "io.opentelemetry.spring-rabbit-1.0")
PYTHON = Kit(
    "python", "1.38.0", "1.37.0", "opentelemetry.instrumentation.fastapi", "opentelemetry.instrumentation.aio_pika"
)
GO = Kit("go", "1.38.0", "1.37.0", "go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp", "bank/amqp")
OLD = Kit("python", "1.15.0", "", "opentelemetry.instrumentation.flask", "opentelemetry.instrumentation.pika")

_OWNERS = {"notification": "notifications", "statement-service": "documents"}
"""`service.owner` as these say it themselves; the second one is out of date, and ownership.yaml wins."""

_KITS = {
    "wealth-gateway": JAVA,
    "trade-execution": JAVA,
    "confirmation-service": JAVA,
    "notification": PYTHON,
    "payment-gateway": GO,
    "payment-engine": JAVA,
    "fraud-screening": PYTHON,
    "case-management": PYTHON,
    "alert-triage": PYTHON,
    "ledger": JAVA,
    "deposit-intake": GO,
    "check-validator": OLD,
    "check-imaging": OLD,
    "statement-service": PYTHON,
    "market-data": GO,
    "fx-hub": GO,
    "fx-hub-eu": GO,
    "audit-trail": JAVA,
    "legacy-batch": OLD,
    "promo-campaigns": OLD,
}

_OLD_WORDS = {
    "http.request.method": "http.method",
    "http.response.status_code": "http.status_code",
    "url.path": "http.target",
    "server.address": "net.peer.name",
    "server.port": "net.peer.port",
}
"""What the conventions before 1.20 called it."""


def old(service: str) -> bool:
    """Whether its conventions are those of before 1.20."""
    return _KITS[service] is OLD


def worded(service: str, attributes: dict[str, Value]) -> dict[str, Value]:
    """Attributes in the words of a service's conventions."""
    if not old(service):
        return attributes
    return {_OLD_WORDS.get(name, name): value for name, value in attributes.items()}


class Exporters(Telemetry):
    """Exporters that name the resource, the scope and the schema, as SDKs do."""

    def _request(self, process: Process, spans: list[Span]) -> bytes:
        service, instance = process
        kit = _KITS[service]
        scopes: dict[str, list[Span]] = {}
        for span in spans:
            scopes.setdefault(_scope(kit, span), []).append(span)
        body: dict[str, Any] = {
            "resource": {"attributes": [_attribute(key, value) for key, value in _resource(service, instance).items()]},
            "scopeSpans": [
                {"scope": {"name": name, "version": kit.sdk}, "spans": [self._body(span) for span in within]}
                for name, within in scopes.items()
            ],
        }
        if kit.schema:
            body["schemaUrl"] = _SCHEMA + kit.schema
        return json.dumps({"resourceSpans": [body]}, separators=(",", ":")).encode()


def _resource(service: str, instance: str) -> dict[str, str]:
    kit = _KITS[service]
    environment = "deployment.environment" if kit is OLD else "deployment.environment.name"
    said = {
        "service.name": service,
        "service.instance.id": f"{service}-{instance}",
        environment: "production",
        "telemetry.sdk.name": "opentelemetry",
        "telemetry.sdk.language": kit.language,
        "telemetry.sdk.version": kit.sdk,
    }
    return said | ({"service.owner": _OWNERS[service]} if service in _OWNERS else {})


def _scope(kit: Kit, span: Span) -> str:
    if span.kind in {PRODUCER, CONSUMER}:
        return kit.messaging
    return kit.http if span.kind in {SERVER, CLIENT} else "bank"


def _attribute(key: str, value: str) -> dict[str, Any]:
    return {"key": key, "value": {"stringValue": value}}
