"""The flat lists between the walk over a request and the frame: one append a span, no dict a span."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from baton.schema import SPANS
from reference.lists import AttributeList

Row: TypeAlias = tuple[object, ...]

RESOURCE_FIELDS = (
    "tenant",
    "environment",
    "service",
    "service_namespace",
    "service_version",
    "service_instance",
    "ingested_at",
)
SCOPE_FIELDS = ("resource_no", "scope_name", "scope_version", "schema_url")
SPAN_FIELDS = (
    "scope_no",
    "trace_id",
    "span_id",
    "parent_span_id",
    "start_ns",
    "end_ns",
    "kind",
    "name",
    "status_code",
    "status_message",
    "flags",
    "trace_state",
    "exception_type",
)
EVENT_FIELDS = ("name", "time_ns")
LINK_FIELDS = ("trace_id", "span_id", "trace_state", "flags")
KEY_FIELDS = ("key", "value")


@dataclass(slots=True)
class Columns:
    """What the walk collects. A row is a tuple in the order of the `*_FIELDS` above.

    Attributes:
        resources: one row a resource; scopes and spans refer to it by position.
        scopes: one row a scope.
        spans: one row a kept span.
        cells: aliased column -> row of the span -> value; most spans fill few of them.
        events, links: one row each, `event_owner` and `link_owner` naming the span.
        keys: one row each, `key_owner` naming the span.
    """

    resources: list[Row] = field(default_factory=list)
    resource_attributes: AttributeList = field(default_factory=AttributeList)
    scopes: list[Row] = field(default_factory=list)
    scope_attributes: AttributeList = field(default_factory=AttributeList)
    spans: list[Row] = field(default_factory=list)
    cells: dict[str, dict[int, str | int]] = field(
        default_factory=lambda: {column.name: {} for column in SPANS.columns if column.aliases}
    )
    attributes: AttributeList = field(default_factory=AttributeList)
    keys: list[Row] = field(default_factory=list)
    key_owner: list[int] = field(default_factory=list)
    events: list[Row] = field(default_factory=list)
    event_owner: list[int] = field(default_factory=list)
    event_attributes: AttributeList = field(default_factory=AttributeList)
    links: list[Row] = field(default_factory=list)
    link_owner: list[int] = field(default_factory=list)
    link_attributes: AttributeList = field(default_factory=AttributeList)
