"""How each service of the bank is traced: the stock OpenTelemetry SDK, one provider a service."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from uuid import uuid4

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter


def provider(service: str, exporter: SpanExporter) -> TracerProvider:
    """Traces one instance of a service of the wealth platform.

    Args:
        service: service.name.
        exporter: where its spans go, in batches.
    """
    resource = Resource.create(
        {
            "service.name": service,
            "service.namespace": "wealth-platform",
            "service.version": "1.0.0",
            "service.instance.id": str(uuid4()),
            "deployment.environment.name": "demo",
        }
    )
    traced = TracerProvider(sampler=ALWAYS_ON, resource=resource, shutdown_on_exit=False)
    traced.add_span_processor(BatchSpanProcessor(exporter))
    return traced


def own_environment() -> None:
    """Forgets what the shell configures of OpenTelemetry, and lets no proxy stand before the loopback.

    `OTEL_SDK_DISABLED` or a proxy for gRPC would send the bank's spans nowhere; both are common in banks.
    """
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        del os.environ[name]
    os.environ["no_grpc_proxy"] = "127.0.0.1"  # noqa: SIM112 - gRPC reads this very name
