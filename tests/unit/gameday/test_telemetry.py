from __future__ import annotations

import os
from typing import TYPE_CHECKING

from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from baton.gameday.telemetry import own_environment, provider

if TYPE_CHECKING:
    import pytest


def test_a_span_says_which_service_instance_it_is_of() -> None:
    """The resource names service, namespace, version, instance and environment; two instances differ."""
    seen = []
    for _ in range(2):
        exporter = InMemorySpanExporter()
        traced = provider("notification", exporter)
        traced.get_tracer("t").start_span("s").end()
        traced.shutdown()
        seen.append(exporter.get_finished_spans()[0].resource.attributes)
    assert seen[0]["service.name"] == "notification"
    assert seen[0]["service.namespace"] == "wealth-platform"
    assert seen[0]["service.version"] == "1.0.0"
    assert seen[0]["deployment.environment.name"] == "demo"
    assert seen[0]["service.instance.id"] != seen[1]["service.instance.id"]


def test_a_disabled_sdk_in_the_shell_does_not_silence_the_bank(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the shell configures of OpenTelemetry is forgotten, and the loopback needs no proxy."""
    monkeypatch.setattr(os, "environ", {"OTEL_SDK_DISABLED": "true", "OTEL_TRACES_SAMPLER": "always_off", "HOME": "/"})
    own_environment()
    assert os.environ == {"HOME": "/", "no_grpc_proxy": "127.0.0.1"}
