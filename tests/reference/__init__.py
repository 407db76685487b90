"""The same as `baton.wire.decode` by other means: protobuf's objects, walked in Python.

The kernels are held to it: every request is refused by both or gives both the same rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from baton.errors import InvalidRequestError
from baton.schema import EVENT, LINK, SPANS
from reference.columns import (
    EVENT_FIELDS,
    KEY_FIELDS,
    LINK_FIELDS,
    RESOURCE_FIELDS,
    SCOPE_FIELDS,
    SPAN_FIELDS,
    Columns,
    Row,
)
from reference.lists import nested
from reference.nesting import refuse_deep
from reference.walk import walk

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reference.walk import Rejection


@dataclass(frozen=True, slots=True)
class Decoded:
    """One request, decoded.

    Attributes:
        spans: the kept spans, SPANS's columns.
        rejected: how many spans were not kept.
        reason: the first of these: where, the value at fault, what belongs there; null if none.
    """

    spans: pl.DataFrame
    rejected: int
    reason: str | None


def decode_by_objects(body: bytes, tenant: str, ingested_at: int) -> pl.DataFrame:
    """The kept spans of one request, SPANS's columns."""
    return decoded_by_objects(body, tenant, ingested_at).spans


def decoded_by_objects(body: bytes, tenant: str, ingested_at: int) -> Decoded:
    """The same, and what was not kept.

    Raises:
        InvalidRequestError: the bytes are no ExportTraceServiceRequest, or nest too deep.
    """
    decoder = Decoder()
    rejection = decoder.add(body, tenant=tenant, ingested_at=ingested_at)
    return Decoded(decoder.frame(), rejection.spans, rejection.reason)


class Decoder:
    """Collects the spans of any number of requests and builds their columns once."""

    def __init__(self) -> None:
        self._columns = Columns()

    def __len__(self) -> int:
        return len(self._columns.spans)

    def add(self, body: bytes, *, tenant: str, ingested_at: int) -> Rejection:
        """Adds one request's spans; arguments and errors as of `decode`.

        After an error the decoder may hold part of the request: throw it away.
        """
        try:
            request = ExportTraceServiceRequest.FromString(body)
        except DecodeError as error:
            raise InvalidRequestError(str(error)) from error
        refuse_deep(body, ExportTraceServiceRequest.DESCRIPTOR)
        return walk(request, self._columns, tenant=tenant, ingested_at=ingested_at)

    def frame(self) -> pl.DataFrame:
        """The spans added so far, SPANS's columns, in the order added."""
        columns, count = self._columns, len(self)
        spans = _rows(columns.spans, SPAN_FIELDS, {"scope_no": pl.UInt32()})
        context = _contexts(columns)[spans["scope_no"]]
        cells = [_cells(name, values, count) for name, values in columns.cells.items() if values]
        unfilled = [name for name, values in columns.cells.items() if not values]
        lists = [
            nested(columns.key_owner, _rows(columns.keys, KEY_FIELDS, _KEY_DTYPES), count).alias("keys"),
            columns.attributes.series(count).alias("attributes"),
            _events(columns, count).alias("events"),
            _links(columns, count).alias("links"),
        ]
        return (
            spans.hstack(context)
            .hstack(cells)
            .hstack(lists)
            .with_columns(
                trace_key=_surrogate("trace_id"),
                span_key=_surrogate("span_id"),
                parent_key=_surrogate("parent_span_id"),
                **{name: pl.lit(None, dtype=_DTYPES[name]) for name in unfilled},
            )
            .select(SPANS.names)
        )


_DTYPES = SPANS.schema
_KEY_DTYPES = {"key": pl.String(), "value": pl.String()}
_EVENT_DTYPES = pl.Schema(EVENT.to_schema())
_LINK_DTYPES = pl.Schema(LINK.to_schema())


def _rows(rows: Sequence[Row], fields: Sequence[str], dtypes: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """The rows as columns; a field's dtype is the one of `dtypes`, else that of SPANS."""
    values = zip(*rows, strict=True) if rows else ((),) * len(fields)
    schema = {name: dtypes.get(name) or _DTYPES[name] for name in fields}
    return pl.DataFrame(dict(zip(fields, values, strict=True)), schema=schema)


def _cells(name: str, values: Mapping[int, str | int], count: int) -> pl.Series:
    """An aliased column: null where no span attribute filled it."""
    column: list[str | int | None] = [None] * count
    for row, value in values.items():
        column[row] = value
    return pl.Series(name, column, dtype=_DTYPES[name])


def _contexts(columns: Columns) -> pl.DataFrame:
    """Scope and resource columns, one row a scope."""
    resources = _rows(columns.resources, RESOURCE_FIELDS, {}).with_columns(
        columns.resource_attributes.series(len(columns.resources)).alias("resource")
    )
    scopes = _rows(columns.scopes, SCOPE_FIELDS, {"resource_no": pl.UInt32()}).with_columns(
        columns.scope_attributes.series(len(columns.scopes)).alias("scope")
    )
    return scopes.hstack(resources[scopes["resource_no"]]).drop("resource_no")


def _events(columns: Columns, count: int) -> pl.Series:
    events = _rows(columns.events, EVENT_FIELDS, _EVENT_DTYPES).with_columns(
        columns.event_attributes.series(len(columns.events)).alias("attributes")
    )
    return nested(columns.event_owner, events, count)


def _links(columns: Columns, count: int) -> pl.Series:
    links = (
        _rows(columns.links, LINK_FIELDS, _LINK_DTYPES)
        .with_columns(
            columns.link_attributes.series(len(columns.links)).alias("attributes"),
            trace_key=_surrogate("trace_id"),
            span_key=_surrogate("span_id"),
        )
        .select(list(_LINK_DTYPES))
    )
    return nested(columns.link_owner, links, count)


def _surrogate(name: str) -> pl.Expr:
    """The last 8 bytes of an id, big-endian, signed."""
    return pl.col(name).bin.tail(8).bin.reinterpret(dtype=pl.Int64, endianness="big")
